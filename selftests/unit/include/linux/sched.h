/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLAT_UNIT_LINUX_SCHED_H
#define SLAT_UNIT_LINUX_SCHED_H

#define cond_resched()	((void)0)

#endif /* SLAT_UNIT_LINUX_SCHED_H */
