/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLAT_UNIT_LINUX_SCHED_H
#define SLAT_UNIT_LINUX_SCHED_H

#include <linux/atomic.h>

/* Others may run. */
#define cond_resched()	unit_step()

#endif /* SLAT_UNIT_LINUX_SCHED_H */
