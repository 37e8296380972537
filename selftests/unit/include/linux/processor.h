/* SPDX-License-Identifier: GPL-2.0-only */
/* Who spins lets others run: the host may have fewer CPUs than the test. */
#ifndef SLAT_UNIT_LINUX_PROCESSOR_H
#define SLAT_UNIT_LINUX_PROCESSOR_H

#include <sched.h>

#define cpu_relax()	sched_yield()

#endif /* SLAT_UNIT_LINUX_PROCESSOR_H */
