/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLAT_UNIT_LINUX_HRTIMER_H
#define SLAT_UNIT_LINUX_HRTIMER_H

struct hrtimer {
	int unused;
};

#endif /* SLAT_UNIT_LINUX_HRTIMER_H */
