/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A large machine, simulated: CPUs that each have a clock, cache lines that
 * travel between them, locks, and interrupts.
 *
 * Each CPU runs one coroutine.  It goes on while no other's clock is behind its
 * own, so that all accesses happen in the order of their times; what an access,
 * an interrupt or a stay in the guest takes is added to the clock.  Nothing is
 * random: the same parameters give the same figures.
 *
 * The engine's accesses arrive here through unit/weak.h, whose functions
 * machine.c implements with costs in the place of orders.
 */
#ifndef SLAT_MODEL_MACHINE_H
#define SLAT_MODEL_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#define MACHINE_CPUS	256

/**
 * struct machine_costs - what things take, in nanoseconds
 *
 * Orders of magnitude, all of them parameters.  What a figure is taken from is
 * said in machine.c.
 */
struct machine_costs {
	uint64_t hit;		/* an access to a line that this CPU has */
	uint64_t atomic;	/* a read-modify-write of one that it has alone */
	uint64_t line_near;	/* getting a line from a CPU of the same socket */
	uint64_t line_far;	/* and of another one */
	uint64_t line_busy;	/* for which it is then not to be had for the next reader */
	uint64_t relax;		/* a PAUSE */
	uint64_t ipi_send;	/* a write of the interrupt command register */
	uint64_t ipi_near;	/* from there until the other CPU's handler or VM exit */
	uint64_t ipi_far;
	uint64_t ipi_handler;
	uint64_t vm_entry;
	uint64_t vm_exit;
	uint64_t invept;	/* one context; with what it costs to fill the TLB again */
	uint64_t lookup;	/* the host page of a fault */
};

extern struct machine_costs machine_costs;

#define MACHINE_NEVER	UINT64_MAX

/**
 * struct machine_lock - a lock, for one writer or many readers, in turn
 * @writer: somebody has it for writing
 * @readers: how many have it for reading
 * @first: the CPU that has waited longest, + 1; 0: nobody waits
 * @last: the one that came last, + 1
 * @taken: when the writer got it
 *
 * Zeroes are a lock that nobody has.
 */
struct machine_lock {
	bool writer;
	int readers;
	int first;
	int last;
	uint64_t taken;
};

/* What has happened since machine_begin(). */
struct machine_counts {
	uint64_t ipis;
	uint64_t ipis_under_lock;
	uint64_t ipis_outside;	/* to a CPU that was not in the guest */
};

extern struct machine_counts machine_counts;

void machine_begin(int cpus, int sockets);
void machine_start(int cpu, void (*run)(int cpu));
void machine_run(void);

/* By the running CPU. */
uint64_t machine_now(void);
uint64_t machine_waited(void);
void machine_spend(uint64_t ns);
bool machine_guest(uint64_t ns);
void machine_interrupts(bool on);
void machine_ipi(int cpu, bool with_earlier);
void machine_lock(struct machine_lock *lock, bool write);
void machine_unlock(struct machine_lock *lock, bool write);

/* What an interrupt does, interrupts off; NULL: nothing. */
extern void (*machine_handler)(int cpu);

#endif /* SLAT_MODEL_MACHINE_H */
