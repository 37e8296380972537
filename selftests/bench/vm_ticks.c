// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a VM costs its host, in ticks of the TSC, by KVM's interface:
 *
 *	vm_ticks DEVICE
 *
 * One line for each figure: name, parameters, unit, least and median.  All
 * devices get the same calls, guests and CPUID, which it prints first.
 */
#include <err.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <x86intrin.h>

#include <linux/const.h>
#include <linux/kvm.h>
#include <linux/slat.h>

#define PAGE		4096UL
#define MIB		_BITUL(20)

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

#define ROUNDS		7
#define EXITS		4096

/* Guest-physical addresses. */
#define CODE		0x1000UL
#define DEVICE		0xd0000000UL	/* no memory there */
#define TSS		0xfffbd000UL
static const __u64 slot_at[] = { 0, 0x10000000, 0x20000000, 0x30000000 };

enum { SLOT_CODE, SLOT_ONE, SLOT_OTHER, SLOT_SMALL };

typedef __u64 ticks_t;

struct machine {
	int dev;
	int vm;
	int vcpu;
	struct kvm_run *run;
	size_t run_size;
	__u8 *code;
};

/*
 * Guests are in 32-bit mode without paging.  ESI counts; EDI is the address,
 * which goes on by EBX.
 */
#define GUEST(name, text)						\
	asm(".pushsection .rodata\n.code32\n"				\
	    #name ": " text "\n" #name "_end:\n.code64\n.popsection\n");	\
	extern const __u8 name[], name##_end[]

GUEST(guest_cpuid, "1: test %esi, %esi\n jz 2f\n xor %eax, %eax\n push %ebx\n cpuid\n pop %ebx\n"
		   "dec %esi\n jmp 1b\n2: hlt");
GUEST(guest_pio, "1: test %esi, %esi\n jz 2f\n out %al, $0x10\n dec %esi\n jmp 1b\n2: hlt");
GUEST(guest_store, "1: test %esi, %esi\n jz 2f\n mov %eax, (%edi)\n add %ebx, %edi\n"
		   "dec %esi\n jmp 1b\n2: hlt");

static ticks_t now(void)
{
	unsigned int cpu;

	return __rdtscp(&cpu);
}

static int call(int fd, const char *name, unsigned long cmd, void *arg)
{
	int ret = ioctl(fd, cmd, arg);

	if (ret < 0)
		err(EXIT_FAILURE, "%s", name);
	return ret;
}

#define CALL(fd, cmd, arg)	call(fd, #cmd, cmd, (void *)(arg))

static void *memory(size_t size)
{
	void *mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (mem == MAP_FAILED)
		err(EXIT_FAILURE, "%zu MiB", size / MIB);
	/* Pages of 4 KiB, each there before a guest asks; no such advice: no others. */
	madvise(mem, size, MADV_NOHUGEPAGE);
	for (size_t at = 0; at < size; at += PAGE)
		((volatile __u8 *)mem)[at] = 1;
	return mem;
}

static void set_slot(struct machine *machine, int slot, void *mem, size_t size)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.guest_phys_addr = slot_at[slot],
		.memory_size = size,
		.userspace_addr = (uintptr_t)mem,
	};

	CALL(machine->vm, KVM_SET_USER_MEMORY_REGION, &region);
}

/* What guests are told: a CPU with long mode, and nothing that a host may lack. */
static const struct kvm_cpuid_entry2 leaves[] = {
	{ .eax = 1, .ebx = 0x756e6547, .edx = 0x49656e69, .ecx = 0x6c65746e },
	{ .function = 1, .eax = 0x50654, .ebx = 0x800, .ecx = 0x00002001, .edx = 0x0783a979 },
	{ .function = 0x80000000, .eax = 0x80000001 },
	{ .function = 0x80000001, .edx = 0x20100800 },
};

static void set_cpuid(struct machine *machine)
{
	struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 entries[ARRAY_SIZE(leaves)];
	} cpuid = { .head.nent = ARRAY_SIZE(leaves) };

	memcpy(cpuid.entries, leaves, sizeof(leaves));
	CALL(machine->vcpu, KVM_SET_CPUID2, &cpuid);
}

static void machine_open(struct machine *machine, const char *device)
{
	struct kvm_segment flat = {
		.limit = UINT32_MAX, .selector = 8, .type = 3, .present = 1,
		.db = 1, .s = 1, .g = 1,
	};
	struct kvm_sregs sregs;

	machine->dev = open(device, O_RDWR | O_CLOEXEC);
	if (machine->dev < 0)
		err(EXIT_FAILURE, "%s", device);
	machine->vm = CALL(machine->dev, KVM_CREATE_VM, 0);
	CALL(machine->vm, KVM_SET_TSS_ADDR, TSS);
	machine->code = memory(PAGE * 16);
	set_slot(machine, SLOT_CODE, machine->code, PAGE * 16);
	machine->vcpu = CALL(machine->vm, KVM_CREATE_VCPU, 0);
	set_cpuid(machine);
	machine->run_size = CALL(machine->dev, KVM_GET_VCPU_MMAP_SIZE, 0);
	machine->run = mmap(NULL, machine->run_size, PROT_READ | PROT_WRITE, MAP_SHARED,
			    machine->vcpu, 0);
	if (machine->run == MAP_FAILED)
		err(EXIT_FAILURE, "kvm_run");

	CALL(machine->vcpu, KVM_GET_SREGS, &sregs);
	sregs.cr0 = 0x11;	/* protected mode */
	sregs.ds = flat;
	sregs.es = flat;
	sregs.ss = flat;
	flat.type = 11;
	sregs.cs = flat;
	CALL(machine->vcpu, KVM_SET_SREGS, &sregs);
}

static ticks_t machine_close(struct machine *machine)
{
	ticks_t begin = now(), ticks;

	munmap(machine->run, machine->run_size);
	close(machine->vcpu);
	close(machine->vm);
	ticks = now() - begin;
	close(machine->dev);
	munmap(machine->code, PAGE * 16);
	return ticks;
}

/* Ticks of KVM_RUN until HLT. */
static ticks_t run(struct machine *machine, const __u8 *code, const __u8 *end,
		   __u32 count, __u64 address, __u32 stride)
{
	struct kvm_regs regs = {
		.rip = CODE, .rsp = CODE - 16, .rflags = 2,
		.rsi = count, .rdi = address, .rbx = stride,
	};
	ticks_t begin;

	memcpy(machine->code + CODE, code, end - code);
	CALL(machine->vcpu, KVM_SET_REGS, &regs);
	begin = now();
	do {
		CALL(machine->vcpu, KVM_RUN, 0);
	} while (machine->run->exit_reason == KVM_EXIT_IO ||
		 machine->run->exit_reason == KVM_EXIT_MMIO);
	begin = now() - begin;
	if (machine->run->exit_reason != KVM_EXIT_HLT)
		errx(EXIT_FAILURE, "exit reason %u", machine->run->exit_reason);
	return begin;
}

#define RUN(machine, guest, count, address, stride)	\
	run(machine, guest, guest##_end, count, address, stride)

static ticks_t touch(struct machine *machine, int slot, size_t size)
{
	return RUN(machine, guest_store, size / PAGE, slot_at[slot], PAGE);
}

static int compare(const void *left, const void *right)
{
	ticks_t a = *(const ticks_t *)left;
	ticks_t b = *(const ticks_t *)right;

	return (a > b) - (a < b);
}

static void report(const char *name, const char *params, const char *unit, ticks_t *ticks,
		   int rounds)
{
	qsort(ticks, rounds, sizeof(*ticks), compare);
	printf("%s %s %s %llu %llu\n", name, params, unit, (unsigned long long)ticks[0],
	       (unsigned long long)ticks[rounds / 2]);
	fflush(stdout);
}

static ticks_t per(ticks_t all, ticks_t base, size_t count)
{
	return all > base ? (all - base) / count : 0;
}

static void exits(const char *device)
{
	ticks_t cpuid[ROUNDS], pio[ROUNDS], mmio[ROUNDS];
	struct machine machine;

	machine_open(&machine, device);
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
	report("cpuid_exit", "-", "ticks/exit", cpuid, ROUNDS);
	report("pio_exit", "-", "ticks/exit", pio, ROUNDS);
	report("mmio_exit", "-", "ticks/exit", mmio, ROUNDS);
	machine_close(&machine);
}

/* Slat has a call for it; KVM drops all translations when any slot goes. */
static ticks_t zap_all(struct machine *machine, void *small)
{
	ticks_t begin;

	begin = now();
	if (!ioctl(machine->vm, SLAT_ZAP_ALL, 0))
		return now() - begin;
	set_slot(machine, SLOT_SMALL, small, PAGE);
	begin = now();
	set_slot(machine, SLOT_SMALL, small, 0);
	return now() - begin;
}

/* Two slots of this size, all of whose pages the guest has touched. */
static void slots(const char *device, size_t mib, int rounds)
{
	ticks_t add[ROUNDS], fault[ROUNDS], delete[ROUNDS], refault[ROUNDS], zap[ROUNDS];
	ticks_t begin, close, warm;
	size_t size = mib * MIB, pages = size / PAGE;
	void *one = memory(size), *other = memory(size), *small = memory(PAGE);
	struct machine machine;
	char params[32];

	snprintf(params, sizeof(params), "mib=%zu", mib);
	machine_open(&machine, device);
	set_slot(&machine, SLOT_OTHER, other, size);
	touch(&machine, SLOT_OTHER, size);
	for (int i = -1; i < rounds; i++) {
		int at = i < 0 ? 0 : i;

		begin = now();
		set_slot(&machine, SLOT_ONE, one, size);
		add[at] = now() - begin;

		fault[at] = touch(&machine, SLOT_ONE, size);
		warm = touch(&machine, SLOT_ONE, size);
		fault[at] = per(fault[at], warm, pages);

		touch(&machine, SLOT_OTHER, size);
		begin = now();
		set_slot(&machine, SLOT_ONE, one, 0);
		delete[at] = now() - begin;
		refault[at] = per(touch(&machine, SLOT_OTHER, size), warm, pages);

		zap[at] = zap_all(&machine, small);
		touch(&machine, SLOT_OTHER, size);
	}
	report("slot_add", params, "ticks", add, rounds);
	report("fault_4k", params, "ticks/page", fault, rounds);
	report("slot_delete", params, "ticks", delete, rounds);
	report("other_slot_refaults", params, "ticks/page", refault, rounds);
	report("zap_all", params, "ticks", zap, rounds);

	set_slot(&machine, SLOT_ONE, one, size);
	touch(&machine, SLOT_ONE, size);
	close = machine_close(&machine);
	report("vm_close", params, "ticks", &close, 1);
	munmap(one, size);
	munmap(other, size);
	munmap(small, PAGE);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		errx(2, "usage: vm_ticks DEVICE");
	for (size_t i = 0; i < ARRAY_SIZE(leaves); i++)
		printf("# cpuid %08x: %08x %08x %08x %08x\n", leaves[i].function, leaves[i].eax,
		       leaves[i].ebx, leaves[i].ecx, leaves[i].edx);
	exits(argv[1]);
	slots(argv[1], 32, ROUNDS);
	slots(argv[1], 128, 3);
	return 0;
}
