/* SPDX-License-Identifier: GPL-2.0-only */
/* Who spins lets others run: the host may have fewer CPUs than the test. */
#ifndef SLAT_UNIT_LINUX_PROCESSOR_H
#define SLAT_UNIT_LINUX_PROCESSOR_H

#include <linux/spinlock.h>

#include <sched.h>

#ifdef UNIT_WEAK_ORDER
#include "weak.h"

#define cpu_relax()	(unit_without_lock(), unit_weak_yield())
#else
#define cpu_relax()	(unit_without_lock(), sched_yield())
#endif

#endif /* SLAT_UNIT_LINUX_PROCESSOR_H */
