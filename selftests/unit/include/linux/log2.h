/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLAT_UNIT_LINUX_LOG2_H
#define SLAT_UNIT_LINUX_LOG2_H

#define is_power_of_2(n)	((n) && !((n) & ((n) - 1)))

#endif /* SLAT_UNIT_LINUX_LOG2_H */
