/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Machines to measure, by KVM's interface alone: any device gets the same
 * calls, guests and CPUID.  And how a figure is reported.
 */
#ifndef SLAT_BENCH_H
#define SLAT_BENCH_H

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

#define VCPUS_MAX	6

/* Guest-physical addresses. */
#define CODE		0x1000UL
#define CODE_SIZE	(16 * PAGE)
#define DEVICE		0xd0000000UL	/* no memory there */
#define TSS		0xfffbd000UL

/* The slot with the code, at 0. */
#define SLOT_CODE	0

typedef __u64 ticks_t;

struct vcpu {
	int fd;
	struct kvm_run *run;
};

struct machine {
	int dev;
	int vm;
	size_t run_size;
	__u8 *code;
	int vcpus;
	struct vcpu vcpu[VCPUS_MAX];
};

/* Guests are in 32-bit mode without paging, interrupts off. */
#define GUEST(name, text)						\
	asm(".pushsection .rodata\n.code32\n"				\
	    ".globl " #name ", " #name "_end\n"			\
	    #name ": " text "\n" #name "_end:\n.code64\n.popsection\n");	\
	extern const __u8 name[], name##_end[]

static inline ticks_t now(void)
{
	unsigned int cpu;

	return __rdtscp(&cpu);
}

static inline int call(int fd, const char *name, unsigned long cmd, void *arg)
{
	int ret = ioctl(fd, cmd, arg);

	if (ret < 0)
		err(EXIT_FAILURE, "%s", name);
	return ret;
}

#define CALL(fd, cmd, arg)	call(fd, #cmd, cmd, (void *)(arg))

/* Of 4 KiB pages, each there before a guest asks. */
static inline void *memory(size_t size)
{
	void *mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (mem == MAP_FAILED)
		err(EXIT_FAILURE, "%zu MiB", size / MIB);
	/* No such advice: no other pages. */
	madvise(mem, size, MADV_NOHUGEPAGE);
	for (size_t at = 0; at < size; at += PAGE)
		((volatile __u8 *)mem)[at] = 1;
	return mem;
}

/* @size 0: no such slot any more. */
static inline void set_slot(struct machine *machine, int slot, __u64 gpa, void *mem, size_t size)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.guest_phys_addr = gpa,
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

static inline void print_cpuid(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(leaves); i++)
		printf("# cpuid %08x: %08x %08x %08x %08x\n", leaves[i].function, leaves[i].eax,
		       leaves[i].ebx, leaves[i].ecx, leaves[i].edx);
}

static inline void set_cpuid(struct vcpu *vcpu)
{
	struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 entries[ARRAY_SIZE(leaves)];
	} cpuid = { .head.nent = ARRAY_SIZE(leaves) };

	memcpy(cpuid.entries, leaves, sizeof(leaves));
	CALL(vcpu->fd, KVM_SET_CPUID2, &cpuid);
}

static inline void vcpu_open(struct machine *machine, long index)
{
	struct kvm_segment flat = {
		.limit = UINT32_MAX, .selector = 8, .type = 3, .present = 1,
		.db = 1, .s = 1, .g = 1,
	};
	struct vcpu *vcpu = &machine->vcpu[index];
	struct kvm_sregs sregs;

	vcpu->fd = CALL(machine->vm, KVM_CREATE_VCPU, index);
	set_cpuid(vcpu);
	vcpu->run = mmap(NULL, machine->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED)
		err(EXIT_FAILURE, "kvm_run");

	CALL(vcpu->fd, KVM_GET_SREGS, &sregs);
	sregs.cr0 = 0x11;	/* protected mode */
	sregs.ds = flat;
	sregs.es = flat;
	sregs.ss = flat;
	flat.type = 11;
	sregs.cs = flat;
	CALL(vcpu->fd, KVM_SET_SREGS, &sregs);
}

static inline void machine_open(struct machine *machine, const char *device, int vcpus)
{
	machine->dev = open(device, O_RDWR | O_CLOEXEC);
	if (machine->dev < 0)
		err(EXIT_FAILURE, "%s", device);
	machine->vm = CALL(machine->dev, KVM_CREATE_VM, 0);
	CALL(machine->vm, KVM_SET_TSS_ADDR, TSS);
	machine->run_size = CALL(machine->dev, KVM_GET_VCPU_MMAP_SIZE, 0);
	machine->code = memory(CODE_SIZE);
	set_slot(machine, SLOT_CODE, 0, machine->code, CODE_SIZE);
	machine->vcpus = vcpus;
	for (int i = 0; i < vcpus; i++)
		vcpu_open(machine, i);
}

/* Returns what the end of the machine took. */
static inline ticks_t machine_close(struct machine *machine)
{
	ticks_t begin = now(), ticks;

	for (int i = 0; i < machine->vcpus; i++) {
		munmap(machine->vcpu[i].run, machine->run_size);
		close(machine->vcpu[i].fd);
	}
	close(machine->vm);
	ticks = now() - begin;
	close(machine->dev);
	munmap(machine->code, CODE_SIZE);
	return ticks;
}

/* KVM_RUN until HLT, whatever devices the guest looks for. */
static inline void run_to_hlt(struct vcpu *vcpu)
{
	do {
		CALL(vcpu->fd, KVM_RUN, 0);
	} while (vcpu->run->exit_reason == KVM_EXIT_IO || vcpu->run->exit_reason == KVM_EXIT_MMIO);
	if (vcpu->run->exit_reason != KVM_EXIT_HLT)
		errx(EXIT_FAILURE, "exit reason %u", vcpu->run->exit_reason);
}

static inline int compare(const void *left, const void *right)
{
	ticks_t a = *(const ticks_t *)left;
	ticks_t b = *(const ticks_t *)right;

	return (a > b) - (a < b);
}

/* One line: name, parameters, unit, least and median. */
static inline void report(const char *name, const char *params, const char *unit,
			  ticks_t *ticks, int rounds)
{
	qsort(ticks, rounds, sizeof(*ticks), compare);
	printf("%s %s %s %llu %llu\n", name, params, unit, (unsigned long long)ticks[0],
	       (unsigned long long)ticks[rounds / 2]);
	fflush(stdout);
}

#endif /* SLAT_BENCH_H */
