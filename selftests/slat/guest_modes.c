// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guests in each mode of the CPU, and on their way from one to the other.
 */
#include "guest.h"

FIXTURE(guest) {
	struct guest guest;
};

FIXTURE_SETUP(guest)
{
	guest_create(_metadata, &self->guest);
}

FIXTURE_TEARDOWN(guest)
{
	guest_destroy(&self->guest);
}

GUEST_CODE(real_add, 16,
	   "mov $0x1234, %ax\n"
	   "mov $0x4321, %bx\n"
	   "add %bx, %ax\n"
	   "mov $0x3000, %cx\n"
	   "mov %cx, %ds\n"
	   "mov %ax, 0x10\n"
	   "hlt\n");

TEST_F(guest, real_mode_adds_and_stores)
{
	struct guest *guest = &self->guest;
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	guest_run_code(guest, MODE_REAL, real_add, &regs);
	EXPECT_EQ(0x5555, regs.rax);
	EXPECT_EQ(0x5555, guest_u16(guest, DATA + 0x10));
	EXPECT_EQ(real_add_end - real_add, regs.rip);
	get_sregs(_metadata, guest, &sregs);
	EXPECT_EQ(0x3000, sregs.ds.selector);
	EXPECT_EQ(0x30000, sregs.ds.base);
	EXPECT_EQ(0, sregs.cr0 & (CR0_PE | CR0_PG));
}

GUEST_CODE(flat_add, 32,
	   "mov $0x12345678, %eax\n"
	   "mov $0x0fedcba9, %ebx\n"
	   "add %ebx, %eax\n"
	   "mov %eax, 0x30010\n"
	   "pushl $0x77\n"
	   "mov %esp, %edi\n"
	   "hlt\n");

/* Also what each of the three kinds of 32-bit guests does. */
static void check_flat_add(struct __test_metadata *_metadata, struct guest *guest,
			   enum guest_mode mode)
{
	struct kvm_regs regs;

	guest_run_code(guest, mode, flat_add, &regs);
	EXPECT_EQ(0x22222221, regs.rax);
	EXPECT_EQ(0x22222221, guest_u32(guest, DATA + 0x10));
	EXPECT_EQ(STACK - 4, regs.rdi);
	EXPECT_EQ(0x77, guest_u32(guest, STACK - 4));
	EXPECT_EQ(CODE + (flat_add_end - flat_add), regs.rip);
}

TEST_F(guest, protected_mode_without_paging)
{
	check_flat_add(_metadata, &self->guest, MODE_FLAT32);
}

TEST_F(guest, protected_mode_with_32_bit_paging)
{
	check_flat_add(_metadata, &self->guest, MODE_PAGED32);
}

TEST_F(guest, protected_mode_with_pae_paging)
{
	check_flat_add(_metadata, &self->guest, MODE_PAE);
}

GUEST_CODE(long_add, 64,
	   "movabs $0x1122334455667788, %rax\n"
	   "mov %rax, %r15\n"
	   "add %r15, %r15\n"
	   "mov %r15, 0x30010\n"
	   "push $0x77\n"
	   "mov %rsp, %r8\n"
	   "hlt\n");

TEST_F(guest, long_mode_with_4_level_paging)
{
	struct guest *guest = &self->guest;
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	guest_run_code(guest, MODE_LONG, long_add, &regs);
	EXPECT_EQ(0x1122334455667788, regs.rax);
	EXPECT_EQ(0x22446688aaccef10, regs.r15);
	EXPECT_EQ(0x22446688aaccef10, guest_u64(guest, DATA + 0x10));
	EXPECT_EQ(STACK - 8, regs.r8);
	get_sregs(_metadata, guest, &sregs);
	EXPECT_EQ(1, sregs.cs.l);
	EXPECT_EQ(EFER_LMA | EFER_LME | EFER_SCE | EFER_NX, sregs.efer);
}

/* A remapped page: the guest's own tables count, not identity. */
TEST_F(guest, long_mode_translates_by_the_guests_tables)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	guest_load(guest, long_add);
	guest_mode(_metadata, guest, MODE_LONG);
	/* 2 MiB at 0 split: a table in which 0x30000 leads to 0x50000. */
	for (__u64 i = 0; i < 512; i++)
		guest_u64(guest, TABLES + 0x3000 + i * 8) = i << 12 | 7;
	guest_u64(guest, TABLES + 0x3000 + 0x30 * 8) = 0x50007;
	guest_u64(guest, TABLES + 0x2000) = (TABLES + 0x3000) | 7;
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0x22446688aaccef10, guest_u64(guest, 0x50010));
	EXPECT_EQ(0, guest_u64(guest, 0x30010));
	/* The CPU has marked what it used. */
	EXPECT_EQ(0x50067, guest_u64(guest, TABLES + 0x3000 + 0x30 * 8));
}

/*
 * From reset-like real mode through protected mode with PAE to long mode, by
 * the guest itself.
 */
GUEST_LABEL(boot_gdtr);
GUEST_LABEL(boot_protected);
GUEST_LABEL(boot_long);
GUEST_CODE(boot, 16,
	   "cli\n"
	   "mov %cs, %ax\n"
	   "mov %ax, %ds\n"
	   "lgdtl boot_gdtr - boot\n"
	   "mov %cr0, %eax\n"
	   "or $1, %eax\n"
	   "mov %eax, %cr0\n"
	   "ljmpl $0x08, $0x10000 + boot_protected - boot\n"
	   "boot_protected: .code32\n"
	   "mov $0x10, %eax\n"
	   "mov %eax, %ds\n"
	   "mov %eax, %es\n"
	   "mov %eax, %ss\n"
	   "mov %cr4, %eax\n"
	   "or $0x20, %eax\n"
	   "mov %eax, %cr4\n"
	   "mov $0x4000, %eax\n"
	   "mov %eax, %cr3\n"
	   "mov $0xc0000080, %ecx\n"
	   "rdmsr\n"
	   "or $0x100, %eax\n"
	   "wrmsr\n"
	   "mov %cr0, %eax\n"
	   "or $0x80000000, %eax\n"
	   "mov %eax, %cr0\n"
	   "rdmsr\n"
	   "mov %eax, %ebx\n"
	   "ljmpl $0x18, $0x10000 + boot_long - boot\n"
	   "boot_long: .code64\n"
	   "mov %cr0, %rsi\n"
	   "mov %cr4, %rdi\n"
	   "movabs $0x123456789abcdef0, %r12\n"
	   "hlt\n"
	   "boot_gdtr: .word 31\n"
	   ".long 0x1000\n");

static void boot_to_long_mode(struct __test_metadata *_metadata, struct guest *guest)
{
	struct kvm_segment code = guest_segment(0x08, 11, false);
	struct kvm_segment data = guest_segment(0x10, 3, false);
	struct kvm_segment code64 = guest_segment(0x18, 11, true);

	guest_load(guest, boot);
	guest_mode(_metadata, guest, MODE_REAL);
	guest_build_tables(guest, MODE_LONG);
	guest_u64(guest, GDT + 0x08) = guest_descriptor(&code);
	guest_u64(guest, GDT + 0x10) = guest_descriptor(&data);
	guest_u64(guest, GDT + 0x18) = guest_descriptor(&code64);
	guest_run_hlt(_metadata, guest);
}

TEST_F(guest, from_real_mode_to_long_mode)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	boot_to_long_mode(_metadata, &self->guest);
	get_regs(_metadata, &self->guest, &regs);
	EXPECT_EQ(0x123456789abcdef0, regs.r12);
	EXPECT_EQ(EFER_LME | EFER_LMA, regs.rbx);
	EXPECT_EQ(CR0_PG | CR0_PE, regs.rsi & (CR0_PG | CR0_PE));
	EXPECT_EQ(CR4_PAE, regs.rdi);
	get_sregs(_metadata, &self->guest, &sregs);
	EXPECT_EQ(regs.rsi, sregs.cr0);
	EXPECT_EQ(CR4_PAE, sregs.cr4);
	EXPECT_EQ(EFER_LME | EFER_LMA, sregs.efer);
	EXPECT_EQ(1, sregs.cs.l);
	EXPECT_EQ(0x18, sregs.cs.selector);
}

/* Long mode and back: LMA goes with PG. */
GUEST_LABEL(back_compat);
GUEST_LABEL(back_off);
GUEST_CODE(back, 64,
	   "ljmpl *0x30000\n"
	   "back_compat: .code32\n"
	   "mov %cr0, %eax\n"
	   "and $0x7fffffff, %eax\n"
	   "mov %eax, %cr0\n"
	   "mov $0xc0000080, %ecx\n"
	   "rdmsr\n"
	   "mov %eax, %esi\n"
	   "mov $0xcafe, %ebx\n"
	   "hlt\n");

TEST_F(guest, from_long_mode_to_protected_mode)
{
	struct guest *guest = &self->guest;
	struct kvm_segment code32 = guest_segment(0x38, 11, false);
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	guest_load(guest, back);
	guest_mode(_metadata, guest, MODE_LONG);
	guest_u64(guest, GDT + 0x38) = guest_descriptor(&code32);
	guest_u32(guest, DATA) = guest_label(back, back_compat);
	guest_u16(guest, DATA + 4) = 0x38;
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0xcafe, regs.rbx);
	EXPECT_EQ(EFER_LME | EFER_SCE | EFER_NX, regs.rsi);
	get_sregs(_metadata, guest, &sregs);
	EXPECT_EQ(0, sregs.efer & EFER_LMA);
	EXPECT_EQ(0, sregs.cr0 & CR0_PG);
}

/* Turning paging on and off, with a table that maps something else. */
GUEST_CODE(repage, 32,
	   "mov $0x4000, %eax\n"
	   "mov %eax, %cr3\n"
	   "mov %cr4, %eax\n"
	   "or $0x10, %eax\n"
	   "mov %eax, %cr4\n"
	   "mov 0x800000, %ebx\n"	/* no paging: the memory there */
	   "mov %cr0, %eax\n"
	   "or $0x80000000, %eax\n"
	   "mov %eax, %cr0\n"
	   "mov 0x800000, %ecx\n"	/* the tables say 0 */
	   "mov %cr0, %eax\n"
	   "and $0x7fffffff, %eax\n"
	   "mov %eax, %cr0\n"
	   "mov 0x800000, %edx\n"
	   "hlt\n");

TEST_F(guest, translations_follow_cr0_pg)
{
	struct guest *guest = &self->guest;
	__u32 *more = mmap(NULL, 0x1000, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct kvm_regs regs;

	ASSERT_NE(MAP_FAILED, more);
	more[0] = 0x8888;
	ASSERT_EQ(0, _guest_set_memory(guest, 1, 0x800000, 0x1000, more, 0));
	guest_load(guest, repage);
	guest_mode(_metadata, guest, MODE_FLAT32);
	guest_build_tables(guest, MODE_PAGED32);
	guest_u32(guest, TABLES + 2 * 4) = 0x83;
	guest_u32(guest, 0) = 0x1111;
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0x8888, regs.rbx);
	EXPECT_EQ(0x1111, regs.rcx);
	EXPECT_EQ(0x8888, regs.rdx);
}

/* With VT-x PAE keeps its four top entries in the CPU: a bad one is #GP at the load. */
GUEST_LABEL(pdptr_gp);
GUEST_CODE(bad_pdptr, 32,
	   "mov $0x9000, %eax\n"
	   "mov %eax, %cr3\n"
	   "mov $0xbad, %ebx\n"
	   "hlt\n"
	   "pdptr_gp:\n"
	   "pop %ecx\n"
	   "pop %edx\n"
	   "mov %cr3, %esi\n"
	   "mov $0x90, %ebx\n"
	   "hlt\n");

TEST_F(guest, pae_load_of_reserved_bits_is_gp)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	if (cpu_has_svm())
		SKIP(return, "with nested paging each walk checks them");
	guest_load(guest, bad_pdptr);
	guest_mode(_metadata, guest, MODE_PAE);
	guest_gate(guest, MODE_PAE, 13, guest_label(bad_pdptr, pdptr_gp), 14, 0);
	guest_u64(guest, 0x9000) = (TABLES + 0x2000) | 7;
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0x90, regs.rbx);
	EXPECT_EQ(0, regs.rcx);
	EXPECT_EQ(CODE + 5, regs.rdx);
	EXPECT_EQ(TABLES + 0x1000, regs.rsi);
}

/* What no CPU allows is #GP, and changes nothing. */
GUEST_LABEL(gp_handler);
GUEST_CODE(bad_cr, 64,
	   "mov $0, %r8d\n"
	   "mov %cr4, %rax\n"
	   "mov %rax, %r12\n"
	   "bts $35, %rax\n"		/* reserved */
	   "mov %rax, %cr4\n"
	   "mov %cr4, %r13\n"
	   "mov %r12, %rax\n"
	   "and $~0x20, %rax\n"		/* PAE in long mode */
	   "mov %rax, %cr4\n"
	   "mov %cr0, %rax\n"
	   "mov %rax, %r14\n"
	   "and $0x7fffffff, %eax\n"	/* PG in 64-bit mode */
	   "mov %rax, %cr0\n"
	   "mov %r14, %rax\n"
	   "or $0x20000000, %eax\n"	/* NW without CD */
	   "mov %rax, %cr0\n"
	   "movabs $0x8000000000000000, %rax\n"
	   "or %r14, %rax\n"
	   "mov %rax, %cr0\n"
	   "mov $16, %eax\n"
	   "mov %rax, %cr8\n"
	   "mov %cr0, %r15\n"
	   "hlt\n"
	   "gp_handler:\n"
	   "inc %r8\n"
	   "pop %rdx\n"			/* the error code */
	   "or %rdx, %r9\n"
	   "mov (%rsp), %rdx\n"
	   "cmpb $0x44, (%rdx)\n"	/* MOV to CR8 has a prefix */
	   "jne 1f\n"
	   "incq (%rsp)\n"
	   "1: addq $3, (%rsp)\n"
	   "iretq\n");

TEST_F(guest, bad_control_registers_are_gp)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	guest_load(guest, bad_cr);
	guest_mode(_metadata, guest, MODE_LONG);
	guest_gate(guest, MODE_LONG, 13, guest_label(bad_cr, gp_handler), 14, 0);
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(6, regs.r8);
	EXPECT_EQ(0, regs.r9);
	EXPECT_EQ(regs.r12, regs.r13);
	EXPECT_EQ(regs.r14, regs.r15);
}

GUEST_LABEL(cr3_gp);
GUEST_CODE(bad_cr3, 64,
	   "mov %cr3, %rbx\n"
	   "movabs $0x0080000000004000, %rax\n"	/* beyond MAXPHYADDR */
	   "mov %rax, %cr3\n"
	   "hlt\n"
	   "cr3_gp:\n"
	   "pop %rsi\n"
	   "mov %cr3, %rcx\n"
	   "mov $0x90, %edx\n"
	   "hlt\n");

TEST_F(guest, cr3_beyond_maxphyaddr_is_gp)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	if (cpu_is_tcg())
		SKIP(return, "MOV to CR3 takes it there, and VMRUN does not");
	guest_load(guest, bad_cr3);
	guest_mode(_metadata, guest, MODE_LONG);
	guest_gate(guest, MODE_LONG, 13, guest_label(bad_cr3, cr3_gp), 14, 0);
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0x90, regs.rdx);
	EXPECT_EQ(0, regs.rsi);
	EXPECT_EQ(regs.rbx, regs.rcx);
}

GUEST_CODE(smsw_lmsw, 32,
	   "smsw %eax\n"
	   "mov %eax, %ebx\n"
	   "or $8, %eax\n"		/* TS */
	   "lmsw %ax\n"
	   "smsw %ecx\n"
	   "clts\n"
	   "smsw %edx\n"
	   "xor %eax, %eax\n"
	   "lmsw %ax\n"			/* does not clear PE */
	   "mov %cr0, %esi\n"
	   "hlt\n");

TEST_F(guest, lmsw_and_clts)
{
	struct kvm_regs regs;

	guest_run_code(&self->guest, MODE_FLAT32, smsw_lmsw, &regs);
	EXPECT_EQ(CR0_PE | CR0_MP, regs.rbx & 0xf);
	EXPECT_EQ(CR0_PE | CR0_MP | 8, regs.rcx & 0xf);
	EXPECT_EQ(CR0_PE | CR0_MP, regs.rdx & 0xf);
	EXPECT_EQ(CR0_PE, regs.rsi & 0xf);
}

int main(int argc, char **argv)
{
	require_guests();
	return test_harness_run(argc, argv);
}
