/* SPDX-License-Identifier: GPL-2.0-only */
/* A thread is a CPU when it says which. */
#ifndef SLAT_UNIT_LINUX_SMP_H
#define SLAT_UNIT_LINUX_SMP_H

#ifndef UNIT_CPUS
#define UNIT_CPUS	16
#endif

extern __thread int unit_cpu;

#define smp_processor_id()	unit_cpu
#define nr_cpu_ids		UNIT_CPUS

#endif /* SLAT_UNIT_LINUX_SMP_H */
