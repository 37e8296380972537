// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest that goes through all ports, all registers of the interrupt
 * controllers and all addresses where no memory is, at random widths:
 *
 *	io_hostile [STEP [SEED]]
 *
 * STEP, by default 0x20000, is how far apart addresses without memory are tried;
 * of ports and of the controllers' pages each one is.  What is not the kernel's
 * comes to user space, and just that.
 */
#include <signal.h>
#include <sys/time.h>

#include "hostile.h"
#include "irq.h"

#define PORTS		0x10000
#define TABLES_HIGH	0x8000		/* of the second and of the third gigabyte */
#define END		0x20000000	/* a store there is the end of a sweep */
#define HOLE		0x40000000	/* where nothing else is, up to the I/O APIC */
#define BUFFER		(DATA + 0x100)

/* RBX: random, RDX: the port, R8: where they end, R9: what is done with each. */
#define RANDOM								\
	"mov %rbx, %rax\n shl $13, %rax\n xor %rax, %rbx\n"		\
	"mov %rbx, %rax\n shr $7, %rax\n xor %rax, %rbx\n"		\
	"mov %rbx, %rax\n shl $17, %rax\n xor %rax, %rbx\n"

/* Jumps to one of eight that are 16 bytes apart. */
#define ONE_OF_EIGHT							\
	"mov %ebx, %eax\n shr $9, %eax\n and $7, %eax\n shl $4, %eax\n"	\
	"lea 2f(%rip), %rcx\n add %rax, %rcx\n mov %rbx, %rax\n jmp *%rcx\n"	\
	".balign 16\n2:\n"

#define NEXT(label)	"\n jmp " label "\n .balign 16\n"

GUEST_CODE(ports, 64,
	   "1: cmp %r8d, %edx\n jae 9f\n" RANDOM ONE_OF_EIGHT
	   "in %dx, %al" NEXT("3f") "in %dx, %ax" NEXT("3f") "in %dx, %eax" NEXT("3f")
	   "out %al, %dx" NEXT("3f") "out %ax, %dx" NEXT("3f") "out %eax, %dx" NEXT("3f")
	   "mov $0x30100, %edi\n insb" NEXT("3f") "mov $0x30100, %esi\n outsb" NEXT("3f")
	   "3: inc %edx\n jmp 1b\n"
	   "9: mov %eax, 0x20000000\n jmp 9b\n");

/* RDX: the address, R9: from one to the next, RSI: as far beyond it as R10 has bits. */
GUEST_CODE(addresses, 64,
	   "1: cmp %r8, %rdx\n jae 9f\n" RANDOM
	   "mov %rbx, %rsi\n shr $20, %rsi\n and %r10, %rsi\n add %rdx, %rsi\n" ONE_OF_EIGHT
	   "mov (%rsi), %al" NEXT("3f") "mov (%rsi), %ax" NEXT("3f")
	   "mov (%rsi), %eax" NEXT("3f") "mov (%rsi), %rax" NEXT("3f")
	   "mov %al, (%rsi)" NEXT("3f") "mov %ax, (%rsi)" NEXT("3f")
	   "mov %eax, (%rsi)" NEXT("3f") "mov %rax, (%rsi)" NEXT("3f")
	   "3: add %r9, %rdx\n jmp 1b\n"
	   "9: mov %eax, 0x20000000\n jmp 9b\n");

GUEST_LABEL(on_event);
GUEST_CODE(handler, 64, "on_event: iretq\n");

FIXTURE(io) {
	struct guest guest;
	__u64 random;
};

/* All 4 GiB one to one, and no interrupt that means anything. */
static void build_memory(struct guest *guest)
{
	__u64 *pdpt = (__u64 *)(guest->mem + TABLES + 0x1000);

	irq_map_apics(guest);
	for (__u64 i = 0; i < 2; i++) {
		__u64 *pd = (__u64 *)(guest->mem + TABLES_HIGH + i * 0x1000);

		pdpt[1 + i] = (TABLES_HIGH + i * 0x1000) | 7;
		for (__u64 page = 0; page < 512; page++)
			pd[page] = (((1 + i) << 30) + (page << 21)) | 0x87;
	}
	memcpy(guest->mem + CODE + 0x1000, handler, handler_end - handler);
	guest_gate(guest, MODE_LONG, 2, CODE + 0x1000 + (on_event - handler), 14, 0);
}

FIXTURE_SETUP(io)
{
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };
	struct guest *guest = &self->guest;

	self->random = hostile.seed;
	irq_guest_create(_metadata, guest, CHIPS_KERNEL);
	ASSERT_EQ(0, _ioctl_ptr(guest->vm, KVM_CREATE_PIT2, &pit));
	guest_load(guest, ports);
	irq_guest_start(_metadata, guest);
	build_memory(guest);
}

FIXTURE_TEARDOWN(io)
{
	guest_destroy(&self->guest);
}

/* The next exit; false at the end of the sweep.  Whatever is read is random. */
static bool next_exit(struct __test_metadata *_metadata, struct guest *guest, __u64 *random)
{
	struct kvm_run *run = guest->run;
	int ret;

	do {
		ret = _guest_run(guest);
	} while (ret == -EINTR);
	ASSERT_EQ(0, ret);
	if (run->exit_reason == KVM_EXIT_IO) {
		random_fill(random, (__u8 *)run + run->io.data_offset,
			    run->io.size * run->io.count);
		return true;
	}
	ASSERT_EQ(KVM_EXIT_MMIO, run->exit_reason);
	if (run->mmio.phys_addr == END)
		return false;
	if (!run->mmio.is_write)
		random_fill(random, run->mmio.data, sizeof(run->mmio.data));
	return true;
}

/* Accesses that begin at these are the kernel's, wholly or where they fit. */
static bool is_chip_port(unsigned int port)
{
	static const struct {
		unsigned int first, last;
	} chips[] = { { 0x20, 0x21 }, { 0x40, 0x43 }, { 0x61, 0x61 }, { 0xa0, 0xa1 },
		      { 0x4d0, 0x4d1 } };

	for (size_t i = 0; i < ARRAY_SIZE(chips); i++)
		if (port >= chips[i].first && port <= chips[i].last)
			return true;
	return false;
}

TEST_F_TIMEOUT(io, each_port, 600)
{
	struct guest *guest = &self->guest;
	struct kvm_run *run = guest->run;
	__u8 *seen = calloc(1, PORTS);
	unsigned int missing = 0;
	struct kvm_regs regs;

	get_regs(_metadata, guest, &regs);
	regs.rbx = hostile.seed;
	regs.rdx = 0;
	regs.r8 = PORTS;
	set_regs(_metadata, guest, &regs);
	while (next_exit(_metadata, guest, &self->random)) {
		ASSERT_EQ(KVM_EXIT_IO, run->exit_reason);
		ASSERT_EQ(1, run->io.count);
		seen[run->io.port]++;
	}
	for (unsigned int port = 0; port < PORTS; port++) {
		if (is_chip_port(port))
			continue;
		missing += seen[port] != 1;
		EXPECT_EQ(1, seen[port]) {
			TH_LOG("port %#x", port);
		}
		if (missing > 10)
			break;
	}
	free(seen);
}

/* From @from up to @to, each @step and up to @beyond (a mask) behind it. */
static unsigned int sweep(struct __test_metadata *_metadata, struct guest *guest, __u64 *random,
			  __u64 from, __u64 to, __u64 step, __u64 beyond)
{
	struct kvm_run *run = guest->run;
	unsigned int exits = 0;
	struct kvm_regs regs;

	guest_load(guest, addresses);
	get_regs(_metadata, guest, &regs);
	regs.rip = CODE;
	regs.rbx = *random;
	regs.rdx = from;
	regs.r8 = to;
	regs.r9 = step;
	regs.r10 = beyond;
	set_regs(_metadata, guest, &regs);
	while (next_exit(_metadata, guest, random)) {
		ASSERT_EQ(KVM_EXIT_MMIO, run->exit_reason);
		EXPECT_LE(from, run->mmio.phys_addr);
		EXPECT_GT(to + beyond + 8, run->mmio.phys_addr + run->mmio.len);
		exits++;
	}
	return exits;
}

TEST_F_TIMEOUT(io, each_register_of_the_io_apic, 600)
{
	for (int i = 0; i < 4; i++)
		sweep(_metadata, &self->guest, &self->random, IOAPIC_DEFAULT,
		      IOAPIC_DEFAULT + 0x1000, 1, 0);
}

/* But for the ICR: the guest would reset itself. */
TEST_F_TIMEOUT(io, each_register_of_the_local_apic, 600)
{
	for (int i = 0; i < 4; i++) {
		EXPECT_EQ(0, sweep(_metadata, &self->guest, &self->random, APIC_DEFAULT,
				   APIC_DEFAULT + APIC_ICR - 8, 1, 0));
		EXPECT_EQ(0, sweep(_metadata, &self->guest, &self->random,
				   APIC_DEFAULT + APIC_ICR + 0x20, APIC_DEFAULT + 0xff8, 1, 0));
	}
}

TEST_F_TIMEOUT(io, addresses_without_memory, 600)
{
	__u64 step = hostile.rounds;

	EXPECT_LE((IOAPIC_DEFAULT - HOLE) / step,
		  sweep(_metadata, &self->guest, &self->random, HOLE, IOAPIC_DEFAULT - step, step,
			step - 1));
	EXPECT_LT(0, sweep(_metadata, &self->guest, &self->random, 0xffffc000, 0xfffffff0, 0x10,
			   7));
}

int main(int argc, char **argv)
{
	hostile_arguments(&argc, argv, 0x20000);
	require_guests();
	return test_harness_run(argc, argv);
}
