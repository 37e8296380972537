// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a VM costs its host, in ticks of the TSC, by KVM's interface:
 *
 *	vm_ticks DEVICE [NAME...]
 *	vm_ticks --names
 *
 * One line for each figure: name, parameters, unit, least and median; "-" for what
 * the device has no call for.  All devices get the same calls, guests and CPUID,
 * which it prints first.
 */
#include "ticks.h"

#define EXITS		4096

GUEST(guest_cpuid, "1: test %esi, %esi\n jz 2f\n xor %eax, %eax\n push %ebx\n cpuid\n pop %ebx\n"
		   "dec %esi\n jmp 1b\n2: hlt");
GUEST(guest_pio, "1: test %esi, %esi\n jz 2f\n out %al, $0x10\n dec %esi\n jmp 1b\n2: hlt");
GUEST(guest_store, "1: test %esi, %esi\n jz 2f\n mov %eax, (%edi)\n add %ebx, %edi\n"
		   "dec %esi\n jmp 1b\n2: hlt");
GUEST(guest_busy, "1: xor %eax, %eax\n cpuid\n cmpl $0, (%edi)\n je 1b\n hlt");

static const struct {
	void (*measure)(const char *device);
	const char *names[10];
} groups[] = {
	{ measure_exits, { "cpuid_exit", "pio_exit", "mmio_exit" } },
	{ measure_debugctl, { "debugctl_read" } },
	{ measure_slots, { "slot_add", "fault_4k", "slot_delete", "slot_delete_total",
			   "other_slot_refaults", "zap_all", "vm_close" } },
	{ measure_alone, { "slot_delete" } },
	{ measure_many_slots, { "slot_add", "slot_delete" } },
	{ measure_vcpus, { "slot_add", "slot_delete" } },
	{ measure_batch, { "slot_batch" } },
	{ measure_faults, { "fault_2m" } },
	{ measure_populate, { "populate" } },
	{ measure_drop, { "madvise_drop" } },
	{ measure_dirty, { "get_dirty_log", "clear_dirty_log" } },
};

static char **wanted;		/* NULL: all */

static bool is_wanted(const char *name)
{
	if (!wanted || !*wanted)
		return true;
	/* With what belongs to it. */
	for (char **one = wanted; *one; one++) {
		size_t len = strlen(*one);

		if (!strncmp(name, *one, len) && (!name[len] || !strcmp(name + len, "_ipis") ||
						  !strcmp(name + len, "_flushes")))
			return true;
	}
	return false;
}

/** figure() - report it, if it is wanted */
void figure(const char *name, const char *params, const char *unit, ticks_t *ticks, int rounds)
{
	if (is_wanted(name))
		report(name, params, unit, ticks, rounds);
}

/** no_figure() - the device has no call for it */
void no_figure(const char *name, const char *params, const char *unit)
{
	if (is_wanted(name))
		printf("%s %s %s - -\n", name, params, unit);
	fflush(stdout);
}

/** run_guest() - ticks of KVM_RUN until HLT */
ticks_t run_guest(struct machine *machine, const __u8 *code, const __u8 *end,
		  __u32 count, __u64 address, __u32 stride)
{
	struct kvm_regs regs = {
		.rip = CODE, .rsp = CODE - 16, .rflags = 2,
		.rsi = count, .rdi = address, .rbx = stride,
	};
	ticks_t begin;

	memcpy(machine->code + CODE, code, end - code);
	CALL(machine->vcpu[0].fd, KVM_SET_REGS, &regs);
	begin = now();
	run_to_hlt(&machine->vcpu[0]);
	return now() - begin;
}

/** touch() - a store to each page */
ticks_t touch(struct machine *machine, __u64 address, size_t size)
{
	return RUN(machine, guest_store, size / PAGE, address, PAGE);
}

/** per() - of each of @count what is beyond @base */
ticks_t per(ticks_t all, ticks_t base, size_t count)
{
	return all > base ? (all - base) / count : 0;
}

/** get_counts() - where the device has them */
struct counts get_counts(struct machine *machine)
{
	struct slat_vm_stats stats = { 0 };

	if (ioctl(machine->vm, SLAT_GET_STATS, &stats))
		return (struct counts) { 0 };
	return (struct counts) { true, stats.ipis_sent, stats.flushes };
}

/** count_figures() - NAME_ipis and NAME_flushes of one operation */
void count_figures(const char *name, const char *params, struct counts before,
		   struct counts after, int rounds)
{
	ticks_t ipis = (after.ipis - before.ipis) / rounds;
	ticks_t flushes = (after.flushes - before.flushes) / rounds;
	char full[64];

	snprintf(full, sizeof(full), "%s_ipis", name);
	if (after.known)
		figure(full, params, "ipis/op", &ipis, 1);
	else
		no_figure(full, params, "ipis/op");
	snprintf(full, sizeof(full), "%s_flushes", name);
	if (after.known)
		figure(full, params, "flushes/op", &flushes, 1);
	else
		no_figure(full, params, "flushes/op");
}

/** measure_exits() - what an exit costs, and its answer */
void measure_exits(const char *device)
{
	ticks_t cpuid[ROUNDS], pio[ROUNDS], mmio[ROUNDS];
	struct machine machine;

	machine_open(&machine, device, 1);
	/* Round -1 fills what is filled once. */
	for (int i = -1; i < ROUNDS; i++) {
		int at = i < 0 ? 0 : i;

		cpuid[at] = per(RUN(&machine, guest_cpuid, EXITS, 0, 0),
				RUN(&machine, guest_cpuid, 0, 0, 0), EXITS);
		pio[at] = per(RUN(&machine, guest_pio, EXITS, 0, 0),
			      RUN(&machine, guest_pio, 0, 0, 0), EXITS);
		mmio[at] = per(RUN(&machine, guest_store, EXITS, DEVICE, 0),
			       RUN(&machine, guest_store, 0, DEVICE, 0), EXITS);
	}
	figure("cpuid_exit", "-", "ticks/exit", cpuid, ROUNDS);
	figure("pio_exit", "-", "ticks/exit", pio, ROUNDS);
	figure("mmio_exit", "-", "ticks/exit", mmio, ROUNDS);
	machine_close(&machine);
}

/**
 * measure_debugctl() - what reading an MSR takes that the emulated CPU does not have
 *
 * The kernel reads it for /dev/cpu/0/msr, and handles the exception.  KVM reads it at
 * each entry: no virtue of Slat's, which need not.
 */
void measure_debugctl(const char *device)
{
	ticks_t absent[ROUNDS], there[ROUNDS];
	int fd = open("/dev/cpu/0/msr", O_RDONLY);
	__u64 value;

	(void)device;
	if (fd < 0) {
		no_figure("debugctl_read", "-", "ticks");
		return;
	}
	for (int i = -1; i < ROUNDS; i++) {
		int at = i < 0 ? 0 : i;
		ticks_t begin = now();

		if (pread(fd, &value, sizeof(value), 0x1d9) < 0 && errno != EIO)
			err(EXIT_FAILURE, "DEBUGCTL");
		absent[at] = now() - begin;
		begin = now();
		/* The same with one that there is: the TSC's. */
		if (pread(fd, &value, sizeof(value), 0x10) < 0)
			err(EXIT_FAILURE, "TSC");
		there[at] = now() - begin;
		absent[at] = per(absent[at], there[at], 1);
	}
	figure("debugctl_read", "-", "ticks", absent, ROUNDS);
	close(fd);
}

static void measure(const char *device)
{
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		bool any = false;

		for (const char *const *name = groups[i].names; *name; name++)
			any |= is_wanted(*name);
		if (any)
			groups[i].measure(device);
	}
}

static void print_names(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		for (const char *const *name = groups[i].names; *name; name++)
			puts(*name);
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--names")) {
		print_names();
		return 0;
	}
	if (argc < 2)
		errx(2, "usage: vm_ticks DEVICE [NAME...]");
	wanted = argv + 2;
	print_cpuid();
	measure(argv[1]);
	return 0;
}
