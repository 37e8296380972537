// SPDX-License-Identifier: GPL-2.0-only
/* What translations cost: to come, to go, to be logged. */
#include "ticks.h"

#define HUGE		(2 * MIB)
#define LOGGED		(64 * MIB)

/* Of huge pages where the host has any; aligned. */
static void *huge_memory(size_t size, void **all)
{
	__u8 *mem = mmap(NULL, size + HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);

	if (mem == MAP_FAILED)
		err(EXIT_FAILURE, "%zu MiB", size / MIB);
	*all = mem;
	mem = (__u8 *)(((uintptr_t)mem + HUGE - 1) & ~(HUGE - 1));
	madvise(mem, size, MADV_HUGEPAGE);
	memset(mem, 1, size);
	return mem;
}

/** measure_faults() - on huge pages; those on small ones are measured with the slots */
void measure_faults(const char *device)
{
	ticks_t fault[ROUNDS], warm;
	size_t size = 16 * HUGE;
	struct machine machine;
	void *all, *mem = huge_memory(size, &all);

	machine_open(&machine, device, 1);
	for (int i = -1; i < ROUNDS; i++) {
		int at = i < 0 ? 0 : i;

		set_slot(&machine, SLOT_ONE, ADDRESS_ONE, mem, size);
		fault[at] = RUN(&machine, guest_store, size / HUGE, ADDRESS_ONE, HUGE);
		warm = RUN(&machine, guest_store, size / HUGE, ADDRESS_ONE, HUGE);
		fault[at] = per(fault[at], warm, size / HUGE);
		set_slot(&machine, SLOT_ONE, ADDRESS_ONE, mem, 0);
	}
	figure("fault_2m", "-", "ticks/page", fault, ROUNDS);
	machine_close(&machine);
	munmap(all, size + HUGE);
}

#ifdef SLAT_POPULATE
static bool populate(struct machine *machine, size_t size)
{
	struct slat_populate range = {
		.gpa = ADDRESS_ONE, .size = size, .flags = SLAT_POPULATE_WRITE,
	};

	while (range.size)
		if (ioctl(machine->vm, SLAT_POPULATE, &range) && errno != EINTR)
			return false;
	return true;
}
#else
static bool populate(struct machine *machine, size_t size)
{
	(void)machine;
	(void)size;
	return false;
}
#endif

/** measure_populate() - translations before the guest asks for them */
void measure_populate(const char *device)
{
	ticks_t ticks[ROUNDS];
	size_t size = 32 * MIB;
	void *mem = memory(size);
	struct machine machine;
	bool can = true;

	machine_open(&machine, device, 1);
	for (int i = -1; can && i < ROUNDS; i++) {
		int at = i < 0 ? 0 : i;
		ticks_t begin;

		set_slot(&machine, SLOT_ONE, ADDRESS_ONE, mem, size);
		begin = now();
		can = populate(&machine, size);
		ticks[at] = (now() - begin) / (size / PAGE);
		set_slot(&machine, SLOT_ONE, ADDRESS_ONE, mem, 0);
	}
	if (can)
		figure("populate", "mib=32", "ticks/page", ticks, ROUNDS);
	else
		no_figure("populate", "mib=32", "ticks/page");
	machine_close(&machine);
	munmap(mem, size);
}

/* Without a guest it is the host's part alone: pages that their owner has touched. */
static void drop(const char *device, int calls, bool guest, const char *params)
{
	size_t size = 32 * MIB, part = size / calls;
	struct counts before = { 0 }, after = { 0 }, sum = { 0 }, none = { 0 };
	ticks_t ticks[3], begin;
	struct machine machine;
	__u8 *mem = memory(size);

	if (guest) {
		machine_open(&machine, device, 1);
		set_slot(&machine, SLOT_ONE, ADDRESS_ONE, mem, size);
	}
	for (int i = 0; i < (int)ARRAY_SIZE(ticks); i++) {
		if (guest) {
			touch(&machine, ADDRESS_ONE, size);
			before = get_counts(&machine);
		}
		for (size_t at = 0; !guest && at < size; at += PAGE)
			mem[at] = 1;
		begin = now();
		for (size_t at = 0; at < size; at += part)
			if (madvise(mem + at, part, MADV_DONTNEED))
				err(EXIT_FAILURE, "madvise");
		ticks[i] = (now() - begin) / (size / PAGE);
		if (guest) {
			RUN(&machine, guest_cpuid, 1, 0, 0);
			after = get_counts(&machine);
		}
		sum.known = after.known;
		sum.ipis += after.ipis - before.ipis;
		sum.flushes += after.flushes - before.flushes;
	}
	figure("madvise_drop", params, "ticks/page", ticks, ARRAY_SIZE(ticks));
	if (guest) {
		count_figures("madvise_drop", params, none, sum, ARRAY_SIZE(ticks));
		machine_close(&machine);
	}
	munmap(mem, size);
}

/** measure_drop() - the owner discards what the guest has touched, at once or page by page */
void measure_drop(const char *device)
{
	drop(device, 1, true, "mib=32");
	drop(device, 1, false, "mib=32,guest=0");
	drop(device, 8192, true, "mib=32,calls=8192");
	drop(device, 8192, false, "mib=32,calls=8192,guest=0");
}

static bool enable_manual(struct machine *machine)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
		.args = { KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE },
	};

	return !ioctl(machine->vm, KVM_ENABLE_CAP, &cap);
}

/* One page in so many is dirty. */
static void dirty(const char *device, int percent, bool manual)
{
	const char *name = manual ? "clear_dirty_log" : "get_dirty_log";
	struct kvm_userspace_memory_region region = {
		.slot = SLOT_ONE, .flags = KVM_MEM_LOG_DIRTY_PAGES,
		.guest_phys_addr = ADDRESS_ONE, .memory_size = LOGGED,
	};
	void *mem = memory(LOGGED), *bits = memory(LOGGED / PAGE / 8);
	struct kvm_dirty_log log = { .slot = SLOT_ONE, .dirty_bitmap = bits };
	struct kvm_clear_dirty_log clear = {
		.slot = SLOT_ONE, .num_pages = LOGGED / PAGE, .dirty_bitmap = bits,
	};
	unsigned int stride = 100 / percent;
	struct machine machine;
	ticks_t ticks[3], begin;
	char params[32];

	snprintf(params, sizeof(params), "mib=64,percent=%d", percent);
	machine_open(&machine, device, 1);
	if (manual && !enable_manual(&machine)) {
		no_figure(name, params, "ticks");
		goto close;
	}
	region.userspace_addr = (uintptr_t)mem;
	CALL(machine.vm, KVM_SET_USER_MEMORY_REGION, &region);
	for (int i = -1; i < (int)ARRAY_SIZE(ticks); i++) {
		int at = i < 0 ? 0 : i;

		RUN(&machine, guest_store, LOGGED / PAGE / stride, ADDRESS_ONE, stride * PAGE);
		begin = now();
		CALL(machine.vm, KVM_GET_DIRTY_LOG, &log);
		ticks[at] = now() - begin;
		if (!manual)
			continue;
		begin = now();
		CALL(machine.vm, KVM_CLEAR_DIRTY_LOG, &clear);
		ticks[at] = now() - begin;
	}
	figure(name, params, "ticks", ticks, ARRAY_SIZE(ticks));
close:
	machine_close(&machine);
	munmap(mem, LOGGED);
	munmap(bits, LOGGED / PAGE / 8);
}

/** measure_dirty() - reading the log, and with KVM_CLEAR_DIRTY_LOG clearing it */
void measure_dirty(const char *device)
{
	static const int percents[] = { 1, 10, 100 };

	for (size_t i = 0; i < ARRAY_SIZE(percents); i++) {
		dirty(device, percents[i], false);
		dirty(device, percents[i], true);
	}
}
