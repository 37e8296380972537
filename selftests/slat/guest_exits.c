// SPDX-License-Identifier: GPL-2.0-only
/*
 * Instructions that leave the guest: those it does not have, those that do
 * nothing, and what checks them.
 */
#include <sys/mman.h>

#include "guest.h"

#define HANDLER		0x20000
#define CR4_TSD		0x4

FIXTURE(exits) {
	struct guest guest;
};

FIXTURE_SETUP(exits)
{
	guest_create(_metadata, &self->guest);
	guest_refuse_mwait(_metadata, &self->guest);
}

FIXTURE_TEARDOWN(exits)
{
	guest_destroy(&self->guest);
}

/* The vector in EAX, the error code in ECX where there is one. */
GUEST_LABEL(on_ud);
GUEST_LABEL(on_gp);
GUEST_CODE(handlers, 64,
	   "on_ud: mov $6, %eax\n mov $-1, %ecx\n pop %rbx\n hlt\n"
	   "on_gp: mov $13, %eax\n pop %rcx\n pop %rbx\n hlt\n");

#define INSN(name, text)						\
	GUEST_CODE(name, 64, "mov $0x30000, %esi\n xor %eax, %eax\n xor %ecx, %ecx\n" \
		   "xor %edx, %edx\n nop\n" text "\n hlt\n")

INSN(do_monitor, "mov %rsi, %rax\n monitor");
INSN(do_mwait, "mwait");
INSN(do_vmxon, "vmxon (%rsi)");
INSN(do_vmxoff, "vmxoff");
INSN(do_vmclear, "vmclear (%rsi)");
INSN(do_vmptrld, "vmptrld (%rsi)");
INSN(do_vmptrst, "vmptrst (%rsi)");
INSN(do_vmread, "vmread %rax, %rcx");
INSN(do_vmwrite, "vmwrite %rax, %rcx");
INSN(do_vmlaunch, "vmlaunch");
INSN(do_vmresume, "vmresume");
INSN(do_invept, "invept (%rsi), %rax");
INSN(do_invvpid, "invvpid (%rsi), %rax");
INSN(do_vmfunc, "vmfunc");
INSN(do_getsec, "getsec");
INSN(do_encls, "encls");
INSN(do_rsm, "rsm");
INSN(do_umwait, "umwait %eax");
INSN(do_tpause, "tpause %eax");
INSN(do_wbinvd, "wbinvd");
INSN(do_invd, "invd");
INSN(do_pause, "pause");
INSN(do_rdpmc, "rdpmc");
INSN(do_invlpg, "invlpg (%rsi)");
INSN(do_rdtsc, "rdtsc");
INSN(xsetbv_1, "mov $1, %ecx\n mov $1, %eax\n xsetbv");
INSN(xsetbv_0, "xsetbv");
INSN(xsetbv_avx_alone, "mov $5, %eax\n xsetbv");
INSN(xsetbv_high, "mov $1, %eax\n mov $0x80000000, %edx\n xsetbv");
INSN(xsetbv_good, "mov $3, %eax\n xsetbv\n xgetbv\n mov %eax, %edi\n xor %eax, %eax");
INSN(mov_cr8, "mov $16, %edi\n mov %rdi, %cr8");
INSN(mov_cr2, "mov %cr2, %rax\n xor %eax, %eax");

#define USER	1		/* in ring 3 */
#define OSXSAVE	2		/* with CR4.OSXSAVE */
#define TSD	4		/* with CR4.TSD */
#define SLAT	8		/* KVM does something else */

static const struct insn {
	const char *name, *begin, *end;
	int vector;		/* 0: none */
	int with;
} insns[] = {
#define ROW(name, ...) { #name, name, name##_end, __VA_ARGS__ }
	ROW(do_monitor, 6), ROW(do_mwait, 6), ROW(do_vmxon, 6), ROW(do_vmxoff, 6),
	ROW(do_vmclear, 6), ROW(do_vmptrld, 6), ROW(do_vmptrst, 6), ROW(do_vmread, 6),
	ROW(do_vmwrite, 6), ROW(do_vmlaunch, 6), ROW(do_vmresume, 6), ROW(do_invept, 6),
	ROW(do_invvpid, 6), ROW(do_vmfunc, 6), ROW(do_getsec, 6), ROW(do_encls, 6),
	ROW(do_rsm, 6), ROW(do_umwait, 6), ROW(do_tpause, 6),
	ROW(do_vmread, 6, USER), ROW(do_vmxoff, 6, USER),
	ROW(do_wbinvd, 0), ROW(do_wbinvd, 13, USER), ROW(do_invd, 0), ROW(do_invd, 13, USER),
	ROW(do_pause, 0), ROW(do_pause, 0, USER),
	ROW(do_rdpmc, 13, SLAT), ROW(do_rdpmc, 13, USER),
	ROW(do_invlpg, 0), ROW(do_invlpg, 13, USER),
	ROW(do_rdtsc, 0, USER), ROW(do_rdtsc, 13, USER | TSD), ROW(do_rdtsc, 0, TSD),
	ROW(xsetbv_good, 6), ROW(xsetbv_good, 0, OSXSAVE), ROW(xsetbv_good, 13, OSXSAVE | USER),
	ROW(xsetbv_0, 13, OSXSAVE), ROW(xsetbv_1, 13, OSXSAVE), ROW(xsetbv_high, 13, OSXSAVE),
	ROW(xsetbv_avx_alone, 13, OSXSAVE),
	ROW(mov_cr8, 13), ROW(mov_cr2, 0), ROW(mov_cr2, 13, USER),
};

static void run_insn(struct __test_metadata *_metadata, struct guest *guest,
		     const struct insn *insn, struct kvm_regs *regs)
{
	struct kvm_sregs sregs;

	guest_load_at(guest, CODE, insn->begin, insn->end);
	memcpy(guest->mem + HANDLER, handlers, handlers_end - handlers);
	guest_mode(_metadata, guest, MODE_LONG);
	guest_gate(guest, MODE_LONG, 6, HANDLER, 14, 0);
	guest_gate(guest, MODE_LONG, 13, HANDLER + (on_gp - handlers), 14, 0);
	get_sregs(_metadata, guest, &sregs);
	if (insn->with & OSXSAVE)
		sregs.cr4 |= CR4_OSXSAVE;
	if (insn->with & TSD)
		sregs.cr4 |= CR4_TSD;
	if (insn->with & USER) {
		sregs.cs = guest_segment(SEL_CODE_USER, 11, true);
		sregs.ss = guest_segment(SEL_DATA_USER, 3, false);
	}
	set_sregs(_metadata, guest, &sregs);
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, regs);
}

/* In ring 3 the HLT at the end is #GP as well: what counts is where. */
TEST_F(exits, instructions_are_refused_or_done)
{
	struct cpuid_table *cpuid = calloc(1, sizeof(*cpuid));
	bool xsave;

	ASSERT_EQ(0, _supported_cpuid(self->guest.dev, cpuid));
	xsave = cpuid_find(cpuid, 1, 0)->ecx & 1 << 26;
	for (size_t i = 0; i < ARRAY_SIZE(insns); i++) {
		const struct insn *insn = &insns[i];
		__u64 last = CODE + (insn->end - insn->begin) - 1;
		bool done = !insn->vector, user = insn->with & USER;
		struct kvm_regs regs;

		if ((insn->with & OSXSAVE && !xsave) || (insn->with & SLAT && !on_slat()))
			continue;
		/* There they are other instructions. */
		if (cpu_is_tcg() && (insn->begin == do_umwait || insn->begin == do_tpause))
			continue;
		run_insn(_metadata, &self->guest, insn, &regs);
		if (done && !user) {
			EXPECT_EQ(last + 1, regs.rip) {
				TH_LOG("%s, vector %lld", insn->name, (long long)regs.rax);
			}
		} else if (done) {
			EXPECT_EQ(last, regs.rbx) {
				TH_LOG("%s in ring 3", insn->name);
			}
		} else {
			EXPECT_EQ(insn->vector, regs.rax) {
				TH_LOG("%s with %#x", insn->name, insn->with);
			}
			EXPECT_GT(last, regs.rbx) {
				TH_LOG("%s with %#x", insn->name, insn->with);
			}
			if (insn->vector == 13)
				EXPECT_EQ(0, regs.rcx);
		}
	}
	free(cpuid);
}

/* HLT with an interrupt that is due: it goes on once it may. */
GUEST_LABEL(on_due);
GUEST_CODE(hlt_due, 64,
	   "xor %eax, %eax\n out %al, $0x10\n sti\n hlt\n mov $1, %ebx\n cli\n hlt\n"
	   "on_due: inc %eax\n iretq\n");

TEST_F(exits, halt_with_an_interrupt_that_is_due)
{
	struct kvm_interrupt interrupt = { .irq = 0x20 };
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	/* KVM tries to deliver it at once, and fails to enter. */
	if (!on_slat())
		SKIP(return, "only on " SLAT_DEVICE);
	guest_load(guest, hlt_due);
	guest_mode(_metadata, guest, MODE_LONG);
	guest_gate(guest, MODE_LONG, 0x20, guest_label(hlt_due, on_due), 14, 0);
	guest_run(_metadata, guest, KVM_EXIT_IO);
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_INTERRUPT, &interrupt));
	guest_run_hlt(_metadata, guest);
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(1, regs.rax);
	EXPECT_EQ(1, regs.rbx);
}

/*
 * The host's own memory is missing when an event is delivered, for each kind:
 * it is delivered again, once, with its error code and the right return address.
 */
GUEST_LABEL(on_any);
GUEST_LABEL(deliver_int);
GUEST_LABEL(deliver_int3);
GUEST_LABEL(deliver_int1);
GUEST_LABEL(deliver_gp);
GUEST_LABEL(deliver_ud);
GUEST_LABEL(on_deliver_gp);
GUEST_CODE(deliver, 64,
	   "out %al, $0x10\n int $0x40\n deliver_int:\n"
	   "out %al, $0x10\n int3\n deliver_int3:\n"
	   "out %al, $0x10\n .byte 0xf1\n deliver_int1:\n"	/* INT1 */
	   "mov $0xfff8, %ebx\n out %al, $0x10\n deliver_gp: mov %ebx, %ds\n"
	   "out %al, $0x10\n deliver_ud: ud2\n"
	   "hlt\n"
	   "on_deliver_gp: pop %rdx\n"
	   "on_any: inc %ecx\n mov (%rsp), %rdi\n mov %rdi, (%r9)\n add $8, %r9\n"
	   "cmp $4, %ecx\n jb 1f\n addq $2, (%rsp)\n 1: iretq\n");

#define FAR		0x800000
#define FAR_SIZE	0x4000

static __u8 *map_far(void)
{
	return mmap(NULL, FAR_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

TEST_F(exits, events_interrupted_by_the_host_are_delivered_again)
{
	static const __u8 vectors[] = { 0x40, 3, 1, 13, 6 };
	struct guest *guest = &self->guest;
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	__u8 *far;

	if (cpu_is_tcg())
		SKIP(return, "QEMU does not tell what it was delivering");
	far = map_far();
	ASSERT_NE(MAP_FAILED, far);
	guest_load(guest, deliver);
	guest_mode(_metadata, guest, MODE_LONG);
	for (size_t i = 0; i < sizeof(vectors); i++)
		guest_gate(guest, MODE_LONG, vectors[i],
			   vectors[i] == 13 ? guest_label(deliver, on_deliver_gp) :
					      guest_label(deliver, on_any), 14, 0);
	memcpy(far, guest->mem + IDT, 0x1000);
	ASSERT_EQ(0, _guest_set_memory(guest, 1, FAR, FAR_SIZE, far, 0));
	get_sregs(_metadata, guest, &sregs);
	sregs.idt.base = FAR;
	set_sregs(_metadata, guest, &sregs);
	get_regs(_metadata, guest, &regs);
	regs.rcx = 0;
	regs.r9 = DATA;
	regs.rsp = FAR + 0x3000;
	set_regs(_metadata, guest, &regs);
	for (size_t i = 0; i < sizeof(vectors); i++) {
		guest_run(_metadata, guest, KVM_EXIT_IO);
		/* What the host has mapped there is gone. */
		ASSERT_EQ(0, _guest_set_memory(guest, 1, FAR, 0, far, 0));
		ASSERT_EQ(0, _guest_set_memory(guest, 1, FAR, FAR_SIZE, far, 0));
	}
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(sizeof(vectors), regs.rcx);
	EXPECT_EQ(0xfff8, regs.rdx);
	EXPECT_EQ(FAR + 0x3000, regs.rsp);
	EXPECT_EQ(guest_label(deliver, deliver_int), guest_u64(guest, DATA));
	EXPECT_EQ(guest_label(deliver, deliver_int3), guest_u64(guest, DATA + 8));
	EXPECT_EQ(guest_label(deliver, deliver_int1), guest_u64(guest, DATA + 16));
	EXPECT_EQ(guest_label(deliver, deliver_gp), guest_u64(guest, DATA + 24));
	EXPECT_EQ(guest_label(deliver, deliver_ud), guest_u64(guest, DATA + 32));
	munmap(far, FAR_SIZE);
}

/* Of an NMI as well, and it blocks the next one until its IRET. */
GUEST_LABEL(far_nmi);
GUEST_CODE(nmi_far, 64,
	   "xor %eax, %eax\n out %al, $0x10\n inc %eax\n out %al, $0x12\n hlt\n"
	   "far_nmi: incl 0x30000\n out %al, $0x11\n iretq\n");

TEST_F(exits, nmi_interrupted_by_the_host)
{
	struct guest *guest = &self->guest;
	struct kvm_vcpu_events events;
	struct kvm_sregs sregs;
	__u8 *far = map_far();

	ASSERT_NE(MAP_FAILED, far);
	guest_load(guest, nmi_far);
	guest_mode(_metadata, guest, MODE_LONG);
	guest_gate(guest, MODE_LONG, 2, guest_label(nmi_far, far_nmi), 14, 0);
	memcpy(far, guest->mem + IDT, 0x1000);
	ASSERT_EQ(0, _guest_set_memory(guest, 1, FAR, FAR_SIZE, far, 0));
	get_sregs(_metadata, guest, &sregs);
	sregs.idt.base = FAR;
	set_sregs(_metadata, guest, &sregs);
	guest_run(_metadata, guest, KVM_EXIT_IO);
	ASSERT_EQ(0, _ioctl(guest->fd, KVM_NMI, 0));
	guest_run(_metadata, guest, KVM_EXIT_IO);
	EXPECT_EQ(0x11, guest->run->io.port);
	EXPECT_EQ(1, guest_u32(guest, DATA));
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_GET_VCPU_EVENTS, &events));
	EXPECT_EQ(1, events.nmi.masked);
	guest_run(_metadata, guest, KVM_EXIT_IO);
	EXPECT_EQ(0x12, guest->run->io.port);
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_GET_VCPU_EVENTS, &events));
	EXPECT_EQ(0, events.nmi.masked);
	munmap(far, FAR_SIZE);
}

/* IRET of an NMI whose stack the host has not mapped: blocked until it is done. */
GUEST_LABEL(iret_nmi);
GUEST_CODE(nmi_iret, 64,
	   "mov %rsp, %rbp\n xor %eax, %eax\n out %al, $0x10\n inc %eax\n out %al, $0x12\n hlt\n"
	   "iret_nmi: incl 0x30000\n"
	   /* The frame moves to a page that nobody has touched yet. */
	   "out %al, $0x11\n mov $0x802000, %esp\n iretq\n");

TEST_F(exits, iret_interrupted_by_the_host)
{
	struct guest *guest = &self->guest;
	struct kvm_vcpu_events events;
	__u64 *frame;
	__u8 *far = map_far();
	struct kvm_regs regs;

	ASSERT_NE(MAP_FAILED, far);
	guest_load(guest, nmi_iret);
	guest_mode(_metadata, guest, MODE_LONG);
	guest_gate(guest, MODE_LONG, 2, guest_label(nmi_iret, iret_nmi), 14, 0);
	ASSERT_EQ(0, _guest_set_memory(guest, 1, FAR, FAR_SIZE, far, 0));
	guest_run(_metadata, guest, KVM_EXIT_IO);
	ASSERT_EQ(0, _ioctl(guest->fd, KVM_NMI, 0));
	guest_run(_metadata, guest, KVM_EXIT_IO);
	EXPECT_EQ(0x11, guest->run->io.port);
	get_regs(_metadata, guest, &regs);
	frame = (__u64 *)(far + 0x2000);
	memcpy(frame, guest->mem + regs.rsp, 40);
	ASSERT_EQ(0, _ioctl(guest->fd, KVM_NMI, 0));
	guest_run(_metadata, guest, KVM_EXIT_IO);
	/* The second comes when the first is over, and not in its IRET. */
	EXPECT_EQ(0x11, guest->run->io.port);
	EXPECT_EQ(2, guest_u32(guest, DATA));
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(frame[3], regs.rsp + 40);
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_GET_VCPU_EVENTS, &events));
	EXPECT_EQ(1, events.nmi.masked);
	munmap(far, FAR_SIZE);
}

/* Delivery through what is no memory: said so, and not done to the instruction there. */
GUEST_CODE(int_nowhere, 64, "int $0x40\n hlt\n");

TEST_F(exits, idt_in_no_memory_is_an_internal_error)
{
	struct guest *guest = &self->guest;
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	/* KVM wants to execute the instruction there, and cannot. */
	if (!on_slat())
		SKIP(return, "only on " SLAT_DEVICE);
	guest_load(guest, int_nowhere);
	guest_mode(_metadata, guest, MODE_LONG);
	get_sregs(_metadata, guest, &sregs);
	sregs.idt.base = FAR;
	set_sregs(_metadata, guest, &sregs);
	guest_run(_metadata, guest, KVM_EXIT_INTERNAL_ERROR);
	EXPECT_EQ(KVM_INTERNAL_ERROR_DELIVERY_EV, guest->run->internal.suberror);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(CODE, regs.rip);
}

GUEST_CODE(cr_low, 32, "mov %eax, %cr4\n mov %ebx, %cr3\n mov %cr4, %ecx\n hlt\n");

TEST_F(exits, registers_have_32_bits_in_32_bit_mode)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	guest_load(guest, cr_low);
	guest_mode(_metadata, guest, MODE_PAGED32);
	get_regs(_metadata, guest, &regs);
	regs.rax = 0x1234567800000000 | CR4_OSFXSR | CR4_PSE | CR4_TSD;
	regs.rbx = 0xffULL << 32 | TABLES;
	set_regs(_metadata, guest, &regs);
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(CR4_OSFXSR | CR4_PSE | CR4_TSD, regs.rcx);
}

/*
 * The last instruction below 4 GiB: 64-bit code goes on there, any other at 0.  Both
 * are the same byte of memory.
 */
#define LAST		0xfffffffeUL

static void cpuid_at_last(struct __test_metadata *_metadata, struct guest *guest, __u8 *page,
			  __u64 gpa)
{
	struct kvm_regs regs;

	memcpy(page + 4096 - 2, "\x0f\xa2", 2);
	guest->mem[0] = 0xf4;				/* HLT */
	ASSERT_EQ(0, _guest_set_memory(guest, 1, gpa, 4096, page, 0));
	get_regs(_metadata, guest, &regs);
	regs.rip = LAST;
	regs.rax = 0;
	set_regs(_metadata, guest, &regs);
	guest_run_hlt(_metadata, guest);
}

TEST_F(exits, next_instruction_beyond_4g)
{
	struct guest *guest = &self->guest;
	__u8 *page = map_far();
	struct kvm_regs regs;

	ASSERT_NE(MAP_FAILED, page);
	guest_mode(_metadata, guest, MODE_LONG);
	guest_u64(guest, TABLES + 0x1000 + 3 * 8) = guest_u64(guest, TABLES + 0x1000);
	guest_u64(guest, TABLES + 0x1000 + 4 * 8) = guest_u64(guest, TABLES + 0x1000);
	cpuid_at_last(_metadata, guest, page, LAST % (1UL << 30) & ~4095UL);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ((1UL << 32) + 1, regs.rip);
	munmap(page, FAR_SIZE);
}

TEST_F(exits, next_instruction_in_32_bits)
{
	struct guest *guest = &self->guest;
	__u8 *page = map_far();
	struct kvm_regs regs;

	ASSERT_NE(MAP_FAILED, page);
	guest_mode(_metadata, guest, MODE_FLAT32);
	cpuid_at_last(_metadata, guest, page, LAST & ~4095UL);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(1, regs.rip);
	munmap(page, FAR_SIZE);
}

int main(int argc, char **argv)
{
	require_guests();
	return test_harness_run(argc, argv);
}
