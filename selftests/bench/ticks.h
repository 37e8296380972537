/* SPDX-License-Identifier: GPL-2.0-only */
/* What vm_ticks measures: figures in groups, which take one machine each. */
#ifndef SLAT_BENCH_TICKS_H
#define SLAT_BENCH_TICKS_H

#include <errno.h>

#include "bench.h"

#define ROUNDS		7

/* Slots of these machines, and where they are in the guest. */
enum { SLOT_ONE = SLOT_CODE + 1, SLOT_OTHER, SLOT_SMALL, SLOT_MANY };

#define ADDRESS_ONE	0x10000000UL
#define ADDRESS_OTHER	0x20000000UL
#define ADDRESS_SMALL	0x30000000UL
#define ADDRESS_MANY	0x40000000UL
#define ADDRESS_ALONE	0x80000000UL	/* a gigabyte with nothing else in it */

/* ESI counts; EDI is the address, which goes on by EBX. */
extern const __u8 guest_cpuid[], guest_cpuid_end[], guest_pio[], guest_pio_end[];
extern const __u8 guest_store[], guest_store_end[];
/* Until there is something else than 0 at EDI, with exits. */
extern const __u8 guest_busy[], guest_busy_end[];

/* Counters of Slat's; KVM has no such. */
struct counts {
	bool known;
	__u64 ipis;
	__u64 flushes;
};

/* vm_ticks.c */
ticks_t run_guest(struct machine *machine, const __u8 *code, const __u8 *end,
		  __u32 count, __u64 address, __u32 stride);
ticks_t touch(struct machine *machine, __u64 address, size_t size);
ticks_t per(ticks_t all, ticks_t base, size_t count);
struct counts get_counts(struct machine *machine);
void figure(const char *name, const char *params, const char *unit, ticks_t *ticks, int rounds);
void no_figure(const char *name, const char *params, const char *unit);
/* What an operation has sent and dropped: NAME_ipis and NAME_flushes. */
void count_figures(const char *name, const char *params, struct counts before,
		   struct counts after, int rounds);

#define RUN(machine, guest, count, address, stride)	\
	run_guest(machine, guest, guest##_end, count, address, stride)

/* The groups. */
void measure_exits(const char *device);
void measure_debugctl(const char *device);
void measure_slots(const char *device);
void measure_alone(const char *device);
void measure_many_slots(const char *device);
void measure_vcpus(const char *device);
void measure_batch(const char *device);
void measure_faults(const char *device);
void measure_populate(const char *device);
void measure_drop(const char *device);
void measure_dirty(const char *device);

#endif /* SLAT_BENCH_TICKS_H */
