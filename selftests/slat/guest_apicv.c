// SPDX-License-Identifier: GPL-2.0-only
/*
 * Local APICs that the CPU has in part to itself (APICv): which accesses exit,
 * that state is exact whoever has it, and that nothing is left where an APIC has
 * been moved away.
 */
#include "irq.h"
#include "stats_file.h"

FIXTURE(apicv) {
	struct guest guest;
	int stats;
	bool priority, memory, registers, msrs, msr_registers;	/* what the CPU does */
};

FIXTURE_SETUP(apicv)
{
	struct slat_info info;
	bool registers;

	if (!on_slat())
		SKIP(return, "Slat counts these exits");
	irq_guest_create(_metadata, &self->guest, CHIPS_KERNEL);
	info_get(_metadata, self->guest.dev, &info);
	self->stats = stats_open(_metadata, &self->guest, true);
	self->priority = _cpu_does(&info, SLAT_HW_TPR_SHADOW, "tpr_shadow");
	self->memory = _cpu_does(&info, SLAT_HW_APIC_ACCESS, "apic_access");
	self->msrs = self->priority && _cpu_does(&info, SLAT_HW_VIRTUAL_X2APIC, "virtual_x2apic");
	registers = self->priority && _cpu_does(&info, SLAT_HW_APIC_REGISTERS, "apic_registers");
	self->registers = self->memory && registers;
	self->msr_registers = self->msrs && registers;
}

FIXTURE_TEARDOWN(apicv)
{
	if (!on_slat())
		return;
	close(self->stats);
	guest_destroy(&self->guest);
}

/* Exits for registers as memory since the last call. */
struct accesses {
	long long faults, accesses, writes;
};

static struct accesses count(struct __test_metadata *_metadata, int stats)
{
	static struct accesses last;
	struct accesses now = {
		.faults = stat_value(_metadata, stats, "fault_exits"),
		.accesses = stat_value(_metadata, stats, "apic_access_exits"),
		.writes = stat_value(_metadata, stats, "apic_write_exits"),
	};
	struct accesses since = {
		.faults = now.faults - last.faults,
		.accesses = now.accesses - last.accesses,
		.writes = now.writes - last.writes,
	};

	last = now;
	return since;
}

#define FOUR(insn)		".rept 4\n" insn "\n.endr\n"

GUEST_CODE(uses, 64,
	   APIC_PAGE_IN_RBP
	   "movl $0x1ff, 0xf0(%rbp)\n"
	   DONE
	   FOUR("mov 0x30(%rbp), %r8d")
	   DONE
	   "movl $0x37, 0x80(%rbp)\n mov %cr8, %r10\n movl $0x29, 0x80(%rbp)\n"
	   "mov 0x80(%rbp), %r9d\n mov 0x80(%rbp), %r9d\n"
	   DONE
	   FOUR("movl $0x1fe, 0xf0(%rbp)")
	   DONE);

TEST_F(apicv, accesses_exit_where_they_must)
{
	struct guest *guest = &self->guest;
	struct kvm_lapic_state state;
	struct accesses exits;
	struct kvm_regs regs;

	guest_load(guest, uses);
	irq_guest_start(_metadata, guest);
	irq_run_done(_metadata, guest);
	count(_metadata, self->stats);

	irq_run_done(_metadata, guest);
	exits = count(_metadata, self->stats);
	EXPECT_EQ(self->memory ? 0 : 4, exits.faults);
	EXPECT_EQ(self->memory && !self->registers ? 4 : 0, exits.accesses);
	EXPECT_EQ(0, exits.writes);

	irq_run_done(_metadata, guest);
	exits = count(_metadata, self->stats);
	EXPECT_EQ(self->memory ? 0 : 4, exits.faults);
	EXPECT_EQ(self->memory && !self->priority ? 4 : 0, exits.accesses);

	irq_run_done(_metadata, guest);
	exits = count(_metadata, self->stats);
	EXPECT_EQ(self->memory ? 0 : 4, exits.faults);
	EXPECT_EQ(self->memory && !self->registers ? 4 : 0, exits.accesses);
	EXPECT_EQ(self->registers ? 4 : 0, exits.writes);

	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0x14, (__u32)regs.r8 & 0xffff);
	EXPECT_EQ(0x29, (__u32)regs.r9);
	EXPECT_EQ(3, (__u32)regs.r10);
	EXPECT_EQ(2, guest->run->cr8);
	get_lapic(_metadata, guest->fd, &state);
	EXPECT_EQ(0x29, lapic_reg(&state, APIC_TPR));
	EXPECT_EQ(0x1fe, lapic_reg(&state, APIC_SVR));
}

/* What is written is what the register can hold, also where the page has had it first. */
GUEST_CODE(writes, 64,
	   APIC_PAGE_IN_RBP
	   "movl $0xffffffff, 0xf0(%rbp)\n"
	   "mov 0xf0(%rbp), %r8d\n"
	   "movl $0xffffffff, 0x320(%rbp)\n"	/* the timer's entry */
	   "mov 0x320(%rbp), %r9d\n"
	   "movl $0x40050, 0x320(%rbp)\n"	/* of the deadline: no initial count */
	   "movl $0x1234, 0x380(%rbp)\n"
	   "mov 0x380(%rbp), %r10d\n"
	   "movl $0x10050, 0x320(%rbp)\n"
	   "movl $0xffffffff, 0x3e0(%rbp)\n"
	   "mov 0x3e0(%rbp), %r11d\n"
	   "movl $0x12345678, 0x310(%rbp)\n"
	   "mov 0x310(%rbp), %r12d\n"
	   "movl $0xffffffff, 0x30(%rbp)\n"	/* the version */
	   "mov 0x30(%rbp), %r13d\n"
	   "movl $0, 0x280(%rbp)\n"
	   "mov 0x280(%rbp), %r14d\n"		/* it could not be written */
	   "movl $0xffffffff, 0xb0(%rbp)\n"
	   "mov 0xd0(%rbp), %r15d\n"
	   "movl $0xffffffff, 0xd0(%rbp)\n"
	   "mov 0xd0(%rbp), %ebx\n"
	   DONE);

TEST_F(apicv, writes_are_what_registers_hold)
{
	struct guest *guest = &self->guest;
	struct kvm_lapic_state state;
	struct kvm_regs regs;

	guest_load(guest, writes);
	irq_guest_start(_metadata, guest);
	irq_run_done(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0x3ff, (__u32)regs.r8);
	EXPECT_EQ(0x700ff, (__u32)regs.r9);
	EXPECT_EQ(0, (__u32)regs.r10);
	EXPECT_EQ(0xb, (__u32)regs.r11);
	EXPECT_EQ(0x12000000, (__u32)regs.r12);
	EXPECT_EQ(0x14, (__u32)regs.r13 & 0xffff);
	EXPECT_EQ(0x80, (__u32)regs.r14);
	EXPECT_EQ(0, (__u32)regs.r15);
	EXPECT_EQ(0xff000000, (__u32)regs.rbx);
	get_lapic(_metadata, guest->fd, &state);
	EXPECT_EQ(0x3ff, lapic_reg(&state, APIC_SVR));
	EXPECT_EQ(0x10050, lapic_reg(&state, APIC_LVTT));
	EXPECT_EQ(0x12000000, lapic_reg(&state, 0x310));
	EXPECT_EQ(0, lapic_reg(&state, APIC_EOI));
	EXPECT_EQ(0xff000000, lapic_reg(&state, 0xd0));
}

/* A state that user space sets is what the guest reads, and the other way round. */
GUEST_CODE(reads, 64,
	   APIC_PAGE_IN_RBP
	   "mov 0x80(%rbp), %r8d\n"
	   "mov 0x220(%rbp), %r9d\n"
	   "mov 0x120(%rbp), %r10d\n"
	   "mov 0x1a0(%rbp), %r11d\n"
	   "mov 0x340(%rbp), %r12d\n"
	   "mov 0xa0(%rbp), %r13d\n"
	   "movl $0, 0xb0(%rbp)\n"
	   "mov 0x120(%rbp), %r14d\n"
	   "mov 0xa0(%rbp), %r15d\n"
	   DONE);

TEST_F(apicv, user_spaces_state_is_the_guests)
{
	struct guest *guest = &self->guest;
	struct kvm_lapic_state state;
	struct kvm_regs regs;

	lapic_enable(_metadata, guest->fd);
	get_lapic(_metadata, guest->fd, &state);
	lapic_set_reg(&state, APIC_TPR, 0x4b);
	lapic_set_reg(&state, APIC_IRR + 0x20, 0x00030000);
	lapic_set_reg(&state, APIC_ISR + 0x20, 0x80000000);
	lapic_set_reg(&state, 0x1a0, 0x80000000);
	lapic_set_reg(&state, 0x340, 0x10054);
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_LAPIC, &state));
	guest_load(guest, reads);
	irq_guest_start(_metadata, guest);
	/* Which says as well what CR8 is. */
	get_lapic(_metadata, guest->fd, &state);
	lapic_set_reg(&state, APIC_TPR, 0x4b);
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_LAPIC, &state));
	irq_run_done(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0x4b, (__u32)regs.r8);
	EXPECT_EQ(0x30000, (__u32)regs.r9);
	EXPECT_EQ(0x80000000, (__u32)regs.r10);
	EXPECT_EQ(0x80000000, (__u32)regs.r11);
	EXPECT_EQ(0x10054, (__u32)regs.r12);
	EXPECT_EQ(0x50, (__u32)regs.r13);
	EXPECT_EQ(0, (__u32)regs.r14);
	EXPECT_EQ(0x4b, (__u32)regs.r15);
	get_lapic(_metadata, guest->fd, &state);
	EXPECT_EQ(0x4b, lapic_reg(&state, APIC_TPR));
	EXPECT_EQ(0x4b, lapic_reg(&state, APIC_PPR));
	EXPECT_EQ(0, lapic_reg(&state, APIC_ISR + 0x20));
	EXPECT_EQ(0x30000, lapic_reg(&state, APIC_IRR + 0x20));
}

#define RDMSR(nr, to)	"mov $0x" nr ", %ecx\n rdmsr\n mov %eax, " to "\n"
#define WRMSR(nr, low, high)	\
	"mov $0x" nr ", %ecx\n mov $" low ", %eax\n mov $" high ", %edx\n wrmsr\n"

GUEST_CODE(msrs, 64,
	   WRMSR("1b", "0xfee00d00", "0")
	   WRMSR("80f", "0x1ff", "0")
	   WRMSR("830", "0x40051", "0x12345678")	/* to itself */
	   DONE
	   RDMSR("802", "%r8d")
	   RDMSR("803", "%r9d")
	   RDMSR("80d", "%r10d")
	   RDMSR("80f", "%r11d")
	   RDMSR("810", "%r12d")
	   RDMSR("822", "%r13d")
	   RDMSR("828", "%r14d")
	   RDMSR("830", "%r15d")
	   "mov %edx, %ebx\n"
	   RDMSR("832", "%ebp")
	   RDMSR("837", "%ebp")
	   RDMSR("838", "%ebp")
	   RDMSR("83e", "%ebp")
	   DONE
	   WRMSR("808", "0x6a", "0")
	   RDMSR("808", "%ebp")
	   "mov %cr8, %rsi\n"
	   DONE
	   RDMSR("839", "%edi")
	   RDMSR("80a", "%edi")
	   DONE
	   "1: xor %edi, %edi\n"
	   "mov $0x7ff, %ecx\n"
	   "2: inc %ecx\n"
	   "rdmsr\n"				/* a handler counts faults and skips it */
	   "cmp $0x8ff, %ecx\n"
	   "jb 2b\n"
	   DONE
	   WRMSR("808", "0x100", "0")		/* a bit that there is not */
	   DONE
	   "jmp 1b\n"
	   ".globl msrs_fault\nmsrs_fault:\n"
	   "inc %edi\n"
	   "addq $2, 8(%rsp)\n"			/* after the error code: RIP */
	   "add $8, %rsp\n"
	   "iretq\n");
GUEST_LABEL(msrs_fault);

/* Registers that can be read: ID, VERSION, TPR, PPR, LDR, SVR, 24 of vectors, ESR, ICR, ... */
#define READABLE	(6 + 24 + 2 + 6 + 3)

TEST_F(apicv, x2apic_accesses_exit_where_they_must)
{
	struct guest *guest = &self->guest;
	struct kvm_lapic_state state;
	struct kvm_regs regs;
	long long reads, writes;

	guest_load(guest, msrs);
	irq_guest_start(_metadata, guest);
	guest_gate(guest, MODE_LONG, 13, guest_label(msrs, msrs_fault), 14, 0);
	irq_run_done(_metadata, guest);

	reads = stat_value(_metadata, self->stats, "rdmsr_exits");
	irq_run_done(_metadata, guest);
	EXPECT_EQ(self->msr_registers ? 0 : 12,
		  stat_value(_metadata, self->stats, "rdmsr_exits") - reads);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0, (__u32)regs.r8);
	EXPECT_EQ(0x14, (__u32)regs.r9 & 0xffff);
	EXPECT_EQ(1, (__u32)regs.r10);
	EXPECT_EQ(0x1ff, (__u32)regs.r11);
	EXPECT_EQ(0, (__u32)regs.r12);
	EXPECT_EQ(0x20000, (__u32)regs.r13);
	EXPECT_EQ(0, (__u32)regs.r14);
	EXPECT_EQ(0x40051, (__u32)regs.r15);
	EXPECT_EQ(0x12345678, (__u32)regs.rbx);

	reads = stat_value(_metadata, self->stats, "rdmsr_exits");
	writes = stat_value(_metadata, self->stats, "wrmsr_exits");
	irq_run_done(_metadata, guest);
	EXPECT_EQ(!self->msrs, stat_value(_metadata, self->stats, "rdmsr_exits") - reads);
	EXPECT_EQ(!self->msrs, stat_value(_metadata, self->stats, "wrmsr_exits") - writes);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0x6a, (__u32)regs.rbp);
	EXPECT_EQ(6, regs.rsi);
	get_lapic(_metadata, guest->fd, &state);
	EXPECT_EQ(0x6a, lapic_reg(&state, APIC_TPR));
	EXPECT_TRUE(lapic_requested(_metadata, guest->fd, 0x51));

	irq_run_done(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0x6a, (__u32)regs.rdi);
	irq_run_done(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(256 - READABLE, (__u32)regs.rdi);
	irq_run_done(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(256 - READABLE + 1, (__u32)regs.rdi);
}

GUEST_CODE(moves, 64,
	   APIC_PAGE_IN_RBP
	   "mov $0x1b, %ecx\n"
	   "movl $0x30, 0x80(%rbp)\n"
	   "mov 0x80(%rbp), %r8d\n"
	   "mov $0xfee01900, %eax\n"
	   "xor %edx, %edx\n"
	   "wrmsr\n"
	   "mov 0x1080(%rbp), %r9d\n"
	   "mov 0x80(%rbp), %r10d\n"		/* user space's */
	   "movl $0x50, 0x1080(%rbp)\n"
	   "mov $0xfee00900, %eax\n"
	   "wrmsr\n"
	   "mov 0x80(%rbp), %r11d\n"
	   "mov $0xfee00100, %eax\n"		/* off */
	   "wrmsr\n"
	   "mov 0x80(%rbp), %r12d\n"
	   "movl $0x70, 0x80(%rbp)\n"
	   "mov 0x80(%rbp), %r13d\n"
	   "mov $0xfee00900, %eax\n"
	   "wrmsr\n"
	   "mov 0x80(%rbp), %r14d\n"
	   "mov $0xfee00d00, %eax\n"		/* x2APIC */
	   "wrmsr\n"
	   "mov 0x80(%rbp), %r15d\n"
	   DONE);

TEST_F(apicv, an_apic_leaves_nothing_where_it_was)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	guest_load(guest, moves);
	irq_guest_start(_metadata, guest);
	guest_run(_metadata, guest, KVM_EXIT_MMIO);
	EXPECT_EQ(APIC_DEFAULT + 0x80, guest->run->mmio.phys_addr);
	EXPECT_EQ(0, guest->run->mmio.is_write);
	memcpy(guest->run->mmio.data, "\x78\x56\x34\x12", 4);
	irq_run_done(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0x30, (__u32)regs.r8);
	EXPECT_EQ(0x30, (__u32)regs.r9);
	EXPECT_EQ(0x12345678, (__u32)regs.r10);
	EXPECT_EQ(0x50, (__u32)regs.r11);
	EXPECT_EQ(0xffffffff, (__u32)regs.r12);
	EXPECT_EQ(0xffffffff, (__u32)regs.r13);
	EXPECT_EQ(0x50, (__u32)regs.r14);
	EXPECT_EQ(0xffffffff, (__u32)regs.r15);
}

/* Another vCPU's page is no memory to one whose APIC is off. */
GUEST_CODE(looks, 64,
	   APIC_PAGE_IN_RBP
	   "1: mov 0x30(%rbp), %r8d\n"
	   "movl $0x40, 0x80(%rbp)\n"
	   "mov 0x80(%rbp), %r9d\n"
	   DONE
	   "jmp 1b\n");

TEST_F(apicv, apics_of_one_vm_differ)
{
	struct guest *guest = &self->guest, other = self->guest;
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	other.fd = irq_vcpu_create(_metadata, guest, 1, &other.run);
	ASSERT_EQ(0, _set_mp_state(other.fd, KVM_MP_STATE_RUNNABLE));
	guest_load(guest, looks);
	other.code = guest->code;
	irq_guest_start(_metadata, guest);
	irq_guest_start(_metadata, &other);
	for (int on = 0; on < 3; on++) {
		__u64 base = 0xfee00000 | (on == 1 ? 0 : 1 << 11);

		get_sregs(_metadata, &other, &sregs);
		sregs.apic_base = base;
		set_sregs(_metadata, &other, &sregs);
		irq_run_done(_metadata, guest);
		get_regs(_metadata, guest, &regs);
		EXPECT_EQ(0x14, (__u32)regs.r8 & 0xffff);
		EXPECT_EQ(0x40, (__u32)regs.r9);
		irq_run_done(_metadata, &other);
		get_regs(_metadata, &other, &regs);
		EXPECT_EQ(on == 1 ? 0xffff : 0x14, (__u32)regs.r8 & 0xffff);
		EXPECT_EQ(on == 1 ? 0xffffffff : 0x40, (__u32)regs.r9);
	}
	close(other.fd);
}

TEST_F(apicv, memory_comes_first)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	guest_load(guest, looks);
	irq_guest_start(_metadata, guest);
	irq_run_done(_metadata, guest);
	ASSERT_EQ(0, _guest_set_memory(guest, 1, APIC_DEFAULT, 0x1000, guest->mem + 0x30000, 0));
	guest_u32(guest, 0x30030) = 0x1234;
	irq_run_done(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0x1234, (__u32)regs.r8);
	EXPECT_EQ(0x40, guest_u32(guest, 0x30080));
	ASSERT_EQ(0, _guest_set_memory(guest, 1, 0, 0, NULL, 0));
	irq_run_done(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0x14, (__u32)regs.r8 & 0xffff);
}

int main(int argc, char **argv)
{
	require_guests();
	return test_harness_run(argc, argv);
}
