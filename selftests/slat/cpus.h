/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The CPUs that a program was given when it began, counted from 0: they may not be
 * all there are.
 */
#ifndef SLAT_CPUS_H
#define SLAT_CPUS_H

#include <sched.h>

static cpu_set_t cpus_given;

__attribute__((constructor)) static void cpus_find(void)
{
	sched_getaffinity(0, sizeof(cpus_given), &cpus_given);
}

static inline int cpu_count(void)
{
	return CPU_COUNT(&cpus_given);
}

/* What the kernel calls the NTH of them; -1: there are fewer. */
static inline int cpu_number(int nth)
{
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &cpus_given) && !nth--)
			return cpu;
	return -1;
}

/* The calling thread runs on the NTH of them from here on. */
static inline int pin_to(int nth)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu_number(nth), &set);
	return sched_setaffinity(0, sizeof(set), &set);
}

#endif /* SLAT_CPUS_H */
