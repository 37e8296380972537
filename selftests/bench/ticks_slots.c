// SPDX-License-Identifier: GPL-2.0-only
/* What slots cost: to make, to delete, to change many. */
#include <pthread.h>
#include <sched.h>

#include "ticks.h"

#define MANY		10000
#define BATCH		64

/* Slat has a call for it; KVM drops all translations when any slot goes. */
static ticks_t zap_all(struct machine *machine, void *small)
{
	ticks_t begin;

	begin = now();
	if (!ioctl(machine->vm, SLAT_ZAP_ALL, 0))
		return now() - begin;
	set_slot(machine, SLOT_SMALL, ADDRESS_SMALL, small, PAGE);
	begin = now();
	set_slot(machine, SLOT_SMALL, ADDRESS_SMALL, small, 0);
	return now() - begin;
}

/* Two slots of this size, all of whose pages the guest has touched. */
static void slots(const char *device, size_t mib, int rounds)
{
	ticks_t add[ROUNDS], fault[ROUNDS], delete[ROUNDS], total[ROUNDS], refault[ROUNDS];
	ticks_t zap[ROUNDS], begin, close, warm;
	size_t size = mib * MIB, pages = size / PAGE;
	void *one = memory(size), *other = memory(size), *small = memory(PAGE);
	struct counts before, after, delete_sum = { 0 }, none = { 0 };
	struct machine machine;
	char params[32];

	snprintf(params, sizeof(params), "mib=%zu", mib);
	machine_open(&machine, device, 1);
	set_slot(&machine, SLOT_OTHER, ADDRESS_OTHER, other, size);
	touch(&machine, ADDRESS_OTHER, size);
	for (int i = -1; i < rounds; i++) {
		int at = i < 0 ? 0 : i;

		begin = now();
		set_slot(&machine, SLOT_ONE, ADDRESS_ONE, one, size);
		add[at] = now() - begin;

		fault[at] = touch(&machine, ADDRESS_ONE, size);
		warm = touch(&machine, ADDRESS_ONE, size);
		fault[at] = per(fault[at], warm, pages);

		touch(&machine, ADDRESS_OTHER, size);
		before = get_counts(&machine);
		begin = now();
		set_slot(&machine, SLOT_ONE, ADDRESS_ONE, one, 0);
		delete[at] = now() - begin;
		refault[at] = per(touch(&machine, ADDRESS_OTHER, size), warm, pages);
		after = get_counts(&machine);
		if (i >= 0) {
			delete_sum.known = after.known;
			delete_sum.ipis += after.ipis - before.ipis;
			delete_sum.flushes += after.flushes - before.flushes;
		}

		zap[at] = zap_all(&machine, small);
		touch(&machine, ADDRESS_OTHER, size);
	}
	figure("slot_add", params, "ticks", add, rounds);
	figure("fault_4k", params, "ticks/page", fault, rounds);
	figure("slot_delete", params, "ticks", delete, rounds);
	count_figures("slot_delete", params, none, delete_sum, rounds);
	figure("other_slot_refaults", params, "ticks/page", refault, rounds);
	figure("zap_all", params, "ticks", zap, rounds);

	/*
	 * What was put off is paid by who needs tables next, or by the machine's end: so the
	 * same with and without a slot that has come, been touched and gone.
	 */
	for (int i = 0; i < rounds; i++) {
		struct machine with, without;
		ticks_t alone;

		machine_open(&without, device, 1);
		touch(&without, 0x8000, PAGE);
		alone = machine_close(&without);

		machine_open(&with, device, 1);
		set_slot(&with, SLOT_ONE, ADDRESS_ONE, one, size);
		touch(&with, ADDRESS_ONE, size);
		begin = now();
		set_slot(&with, SLOT_ONE, ADDRESS_ONE, one, 0);
		total[i] = now() - begin + machine_close(&with);
		total[i] = per(total[i], alone, 1);
	}
	figure("slot_delete_total", params, "ticks", total, rounds);

	set_slot(&machine, SLOT_ONE, ADDRESS_ONE, one, size);
	touch(&machine, ADDRESS_ONE, size);
	close = machine_close(&machine);
	figure("vm_close", params, "ticks", &close, 1);
	munmap(one, size);
	munmap(other, size);
	munmap(small, PAGE);
}

/** measure_slots() - by size */
void measure_slots(const char *device)
{
	slots(device, 32, ROUNDS);
	slots(device, 64, 3);
	slots(device, 128, 3);
	slots(device, 256, 1);
}

/* The same with no other slot in the first one's gigabyte, where large memory has most. */
static void slot_alone(const char *device, size_t mib, int rounds)
{
	void *one = memory(mib * MIB), *other = memory(mib * MIB);
	ticks_t delete[ROUNDS], begin;
	struct machine machine;
	char params[32];

	snprintf(params, sizeof(params), "mib=%zu,alone=1", mib);
	machine_open(&machine, device, 1);
	set_slot(&machine, SLOT_OTHER, ADDRESS_OTHER, other, mib * MIB);
	for (int i = -1; i < rounds; i++) {
		set_slot(&machine, SLOT_ONE, ADDRESS_ALONE, one, mib * MIB);
		touch(&machine, ADDRESS_ALONE, mib * MIB);
		touch(&machine, ADDRESS_OTHER, mib * MIB);
		begin = now();
		set_slot(&machine, SLOT_ONE, ADDRESS_ALONE, one, 0);
		delete[i < 0 ? 0 : i] = now() - begin;
	}
	figure("slot_delete", params, "ticks", delete, rounds);
	machine_close(&machine);
	munmap(one, mib * MIB);
	munmap(other, mib * MIB);
}

/** measure_alone() - by size */
void measure_alone(const char *device)
{
	slot_alone(device, 32, ROUNDS);
	slot_alone(device, 64, 3);
	slot_alone(device, 128, 3);
	slot_alone(device, 256, 1);
}

static void one_slot(struct machine *machine, const char *params)
{
	ticks_t add[ROUNDS], delete[ROUNDS], begin;
	size_t size = 32 * MIB;
	void *one = memory(size);
	struct counts before = get_counts(machine), after;

	for (int i = 0; i < ROUNDS; i++) {
		begin = now();
		set_slot(machine, SLOT_ONE, ADDRESS_ONE, one, size);
		add[i] = now() - begin;
		begin = now();
		set_slot(machine, SLOT_ONE, ADDRESS_ONE, one, 0);
		delete[i] = now() - begin;
	}
	after = get_counts(machine);
	figure("slot_add", params, "ticks", add, ROUNDS);
	figure("slot_delete", params, "ticks", delete, ROUNDS);
	count_figures("slot_delete", params, before, after, ROUNDS);
	munmap(one, size);
}

/** measure_many_slots() - one more, where there are many of a page each */
void measure_many_slots(const char *device)
{
	void *page = memory(PAGE);
	struct machine machine;
	char params[48];

	snprintf(params, sizeof(params), "mib=32,slots=%d", MANY);
	machine_open(&machine, device, 1);
	/* Not beside one another: a slot is not its neighbour's. */
	for (int i = 0; i < MANY; i++)
		set_slot(&machine, SLOT_MANY + i, ADDRESS_MANY + i * 2 * PAGE, page, PAGE);
	one_slot(&machine, params);
	machine_close(&machine);
	munmap(page, PAGE);
}

static void *run_vcpu(void *arg)
{
	cpu_set_t cpus;

	/* The owner has the first. */
	CPU_ZERO(&cpus);
	CPU_SET(1, &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	run_to_hlt(arg);
	return NULL;
}

static void with_vcpus(const char *device, int count, bool running)
{
	struct kvm_regs regs = { .rip = CODE, .rsp = CODE - 16, .rflags = 2, .rdi = 0x8000 };
	pthread_t threads[VCPUS_MAX];
	struct machine machine;
	char params[48];

	snprintf(params, sizeof(params), "mib=32,vcpus=%d,running=%d", count, running);
	machine_open(&machine, device, count);
	memcpy(machine.code + CODE, guest_busy, guest_busy_end - guest_busy);
	/* A vCPU that has halted has run. */
	machine.code[0x8000] = !running;
	for (int i = 0; i < count; i++) {
		CALL(machine.vcpu[i].fd, KVM_SET_REGS, &regs);
		if (!running)
			run_to_hlt(&machine.vcpu[i]);
		else if (pthread_create(&threads[i], NULL, run_vcpu, &machine.vcpu[i]))
			errx(EXIT_FAILURE, "no thread");
	}
	one_slot(&machine, params);
	*(volatile __u8 *)&machine.code[0x8000] = 1;
	for (int i = 0; running && i < count; i++)
		pthread_join(threads[i], NULL);
	machine_close(&machine);
}

/** measure_vcpus() - with vCPUs that have halted, and that run */
void measure_vcpus(const char *device)
{
	static const int counts[] = { 1, 6 };
	cpu_set_t all, first;

	sched_getaffinity(0, sizeof(all), &all);
	CPU_ZERO(&first);
	CPU_SET(0, &first);
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		with_vcpus(device, counts[i], false);
		if (CPU_COUNT(&all) < 2)
			continue;
		sched_setaffinity(0, sizeof(first), &first);
		with_vcpus(device, counts[i], true);
		sched_setaffinity(0, sizeof(all), &all);
	}
}

#ifdef SLAT_SET_MEMORY_REGIONS
/* False: the device has no such call. */
static bool set_slots(struct machine *machine, void *mem, size_t size)
{
	struct slat_memory_region regions[BATCH] = { 0 };
	struct slat_memory_regions all = { .count = BATCH, .regions = (uintptr_t)regions };

	for (int i = 0; i < BATCH; i++) {
		regions[i].slot = SLOT_MANY + i;
		regions[i].guest_phys_addr = ADDRESS_MANY + i * 2 * MIB;
		regions[i].memory_size = size;
		regions[i].userspace_addr = (uintptr_t)mem;
	}
	if (!ioctl(machine->vm, SLAT_SET_MEMORY_REGIONS, &all))
		return true;
	if (errno != ENOTTY)
		err(EXIT_FAILURE, "SLAT_SET_MEMORY_REGIONS");
	return false;
}
#else
static bool set_slots(struct machine *machine, void *mem, size_t size)
{
	(void)machine;
	(void)mem;
	(void)size;
	return false;
}
#endif

/** measure_batch() - 64 slots come and go, at once where the device can */
void measure_batch(const char *device)
{
	ticks_t ticks[ROUNDS], begin;
	void *mem = memory(MIB);
	struct machine machine;

	machine_open(&machine, device, 1);
	for (int i = 0; i < 2 * ROUNDS; i++) {
		size_t size = i % 2 ? 0 : MIB;

		begin = now();
		if (!set_slots(&machine, mem, size))
			for (int slot = 0; slot < BATCH; slot++)
				set_slot(&machine, SLOT_MANY + slot, ADDRESS_MANY + slot * 2 * MIB,
					 mem, size);
		begin = now() - begin;
		ticks[i / 2] = i % 2 ? ticks[i / 2] + begin : begin;
		/* There is something to take away. */
		if (size)
			for (int slot = 0; slot < BATCH; slot++)
				touch(&machine, ADDRESS_MANY + slot * 2 * MIB, 4 * PAGE);
	}
	figure("slot_batch", "changes=64", "ticks", ticks, ROUNDS);
	machine_close(&machine);
	munmap(mem, MIB);
}
