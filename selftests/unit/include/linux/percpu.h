/* SPDX-License-Identifier: GPL-2.0-only */
/* One copy for all threads, changed atomically. */
#ifndef SLAT_UNIT_LINUX_PERCPU_H
#define SLAT_UNIT_LINUX_PERCPU_H

#include <linux/compiler.h>

#include <stdlib.h>

#define __percpu
#define alloc_percpu_gfp(type, gfp)	((type *)calloc(1, sizeof(type)))
#define free_percpu(ptr)		free(ptr)
#define this_cpu_inc(var)		((void)__atomic_add_fetch(&(var), 1, __ATOMIC_SEQ_CST))
#define per_cpu_ptr(ptr, cpu)		((void)(cpu), ptr)
#define for_each_possible_cpu(cpu)	for ((cpu) = 0; (cpu) < 1; (cpu)++)

#endif /* SLAT_UNIT_LINUX_PERCPU_H */
