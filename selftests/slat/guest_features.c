// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each feature that CPUID advertises has a use here, which works; what it hides
 * is #UD where the CPU can be told so.  A bit without a use is a failure.
 */
#include <sys/mman.h>

#include "guest.h"

#define HANDLER		0x20000
#define USER_PAGE	0x200000	/* 2 MiB beside the code */

#define CR4_PGE		0x80
#define CR4_UMIP	0x800
#define CR4_FSGSBASE	0x10000
#define CR4_SMEP	0x100000
#define CR4_SMAP	0x200000

/* Of a page table's entry, and of a page fault's error code. */
#define USER		4
#define PAGE_SIZE_BIT	0x80
#define NX		0x8000000000000000
#define PF_PRESENT	1
#define PF_FETCH	16

enum { EAX, EBX, ECX, EDX };

FIXTURE(features) {
	struct guest guest;
	struct cpuid_table *cpuid;
};

FIXTURE_SETUP(features)
{
	guest_create(_metadata, &self->guest);
	guest_refuse_mwait(_metadata, &self->guest);
	self->cpuid = calloc(1, sizeof(*self->cpuid));
	ASSERT_EQ(0, _supported_cpuid(self->guest.dev, self->cpuid));
}

FIXTURE_TEARDOWN(features)
{
	free(self->cpuid);
	guest_destroy(&self->guest);
}

#define FEATURE(name, insn)					\
	GUEST_CODE(use_##name, 64, "xor %eax, %eax\n mov $1, %ebx\n" \
		   "mov $0x30000, %esi\n mov $0x30000, %edi\n"	\
		   insn "\n mov $0x600d, %eax\n hlt\n")
#define SET_CR4(bit)	"mov %cr4, %rax\n or $" #bit ", %rax\n mov %rax, %cr4"
#define READ_MSR(msr)	"mov $" #msr ", %ecx\n rdmsr"

FEATURE(fpu, "fldpi\n fstpl (%rsi)");
FEATURE(vme, SET_CR4(3));
FEATURE(de, SET_CR4(8));
FEATURE(pse, SET_CR4(0x10));
FEATURE(tsc, "rdtsc");
FEATURE(msr, READ_MSR(0xc0000080));
FEATURE(pae, SET_CR4(0x20));
FEATURE(mce, SET_CR4(0x40));
FEATURE(cx8, "xor %ecx, %ecx\n xor %edx, %edx\n cmpxchg8b (%rsi)");
FEATURE(sep, READ_MSR(0x174));
FEATURE(mtrr, READ_MSR(0xfe) "\n" READ_MSR(0x2ff) "\n" READ_MSR(0x200) "\n" READ_MSR(0x26f));
FEATURE(pge, SET_CR4(0x80));
FEATURE(mca, READ_MSR(0x179) "\n" READ_MSR(0x17a));
FEATURE(cmov, "cmp %eax, %ebx\n cmovne %ebx, %ecx\n fcmovne %st(1), %st");
FEATURE(pat, READ_MSR(0x277));
FEATURE(clflush, "clflush (%rsi)");
FEATURE(mmx, "paddb %mm0, %mm1\n emms");
FEATURE(fxsr, "fxsave (%rsi)\n fxrstor (%rsi)");
FEATURE(sse, "addps %xmm0, %xmm1");
FEATURE(sse2, "addpd %xmm0, %xmm1");
FEATURE(sse3, "haddps %xmm0, %xmm1");
FEATURE(sse41, "pmulld %xmm0, %xmm1");
FEATURE(movbe, "movbe (%rsi), %ecx");
FEATURE(popcnt, "popcnt %ebx, %ecx");
FEATURE(aes, "aesenc %xmm0, %xmm1");
FEATURE(pclmul, "pclmulqdq $0, %xmm0, %xmm1");
FEATURE(crc32, "crc32 %ebx, %ecx");
FEATURE(ssse3, "pshufb %xmm0, %xmm1");
FEATURE(cx16, "xor %edx, %edx\n xor %ecx, %ecx\n cmpxchg16b (%rsi)");
FEATURE(pcid, SET_CR4(0x20000));
FEATURE(xsave, "xor %ecx, %ecx\n xgetbv\n mov $1, %eax\n xor %edx, %edx\n xsave (%rsi)");
FEATURE(rdrand, "rdrand %ecx");
FEATURE(rdseed, "rdseed %ecx");
FEATURE(bmi1, "andn %ebx, %ebx, %ecx");
FEATURE(bmi2, "rorx $3, %ebx, %ecx");
FEATURE(erms, "mov $64, %ecx\n rep movsb");
FEATURE(adx, "adcx %ebx, %ecx");
FEATURE(lzcnt, "lzcnt %ebx, %ecx");
FEATURE(clflushopt, "clflushopt (%rsi)");
FEATURE(clwb, "clwb (%rsi)");
FEATURE(prefetchw, "prefetchw (%rsi)");
FEATURE(lahf, "lahf");
FEATURE(lm, "movabs $0x1122334455667788, %r15");
FEATURE(rdtscp, "rdtscp");
FEATURE(invpcid, "mov $2, %eax\n invpcid (%rsi), %rax");
FEATURE(rdpid, "rdpid %rcx");
FEATURE(avx, "vaddps %ymm0, %ymm1, %ymm2");
FEATURE(avx2, "vpaddd %ymm0, %ymm1, %ymm2");
FEATURE(fma, "vfmadd132ps %ymm0, %ymm1, %ymm2");
FEATURE(f16c, "vcvtph2ps %xmm0, %ymm1");
FEATURE(avx512f, "vpaddd %zmm0, %zmm1, %zmm16");
FEATURE(avx512dq, "vpmullq %zmm0, %zmm1, %zmm2");
FEATURE(avx512ifma, "vpmadd52luq %zmm0, %zmm1, %zmm2");
FEATURE(avx512cd, "vpconflictd %zmm0, %zmm1");
FEATURE(avx512bw, "vpaddb %zmm0, %zmm1, %zmm2");
FEATURE(avx512vl, "vpaddd %ymm16, %ymm17, %ymm18");
FEATURE(avx512vbmi, "vpermb %zmm0, %zmm1, %zmm2");
FEATURE(avx512vbmi2, "vpshldw $1, %zmm0, %zmm1, %zmm2");
FEATURE(gfni, "gf2p8mulb %xmm0, %xmm1");
FEATURE(vaes, "vaesenc %ymm0, %ymm1, %ymm2");
FEATURE(vpclmul, "vpclmulqdq $0, %ymm0, %ymm1, %ymm2");
FEATURE(avx512vnni, "vpdpbusd %zmm0, %zmm1, %zmm2");
FEATURE(avx512bitalg, "vpopcntb %zmm0, %zmm1");
FEATURE(avx512vpopcntdq, "vpopcntd %zmm0, %zmm1");
FEATURE(avx512vp2intersect, "vp2intersectd %zmm0, %zmm1, %k0");
FEATURE(fsgsbase, "rdfsbase %rcx\n wrfsbase %rcx\n rdgsbase %rcx\n wrgsbase %rcx");
FEATURE(tsc_adjust, READ_MSR(0x3b));
FEATURE(smap, "stac\n clac");
FEATURE(xsaveopt, "mov $1, %eax\n xor %edx, %edx\n xsaveopt (%rsi)");
FEATURE(xsavec, "mov $1, %eax\n xor %edx, %edx\n xsavec (%rsi)");
FEATURE(xgetbv1, "mov $1, %ecx\n xgetbv");
FEATURE(xsaves, "xor %edx, %edx\n xsaves (%rsi)");
FEATURE(sha, "sha1msg1 %xmm0, %xmm1");
FEATURE(cldemote, "cldemote (%rsi)");
FEATURE(movdiri, "movdiri %ebx, (%rsi)");
FEATURE(movdir64b, "movdir64b (%rsi), %rdi");
FEATURE(fsrm, "mov $3, %ecx\n rep movsb");
FEATURE(serialize, "serialize");
FEATURE(monitor, "mov %rsi, %rax\n xor %ecx, %ecx\n xor %edx, %edx\n monitor");
FEATURE(rdpkru, "xor %ecx, %ecx\n rdpkru");
FEATURE(umwait, "umonitor %rsi");
FEATURE(vmx, "vmxoff");

static const struct feature {
	const char *name, *begin, *end;
	__u32 function;
	__u32 index;
	int reg;
	int bit;
	bool must_ud;		/* hidden, the CPU can be told to refuse it */
} features[] = {
#define USE(what, function, reg, bit, ...) \
	{ #what, use_##what, use_##what##_end, function, 0, reg, bit, ##__VA_ARGS__ }
#define OWN_TEST(what, function, reg, bit) { #what, NULL, NULL, function, 0, reg, bit }
	USE(fpu, 1, EDX, 0), USE(vme, 1, EDX, 1), USE(de, 1, EDX, 2), USE(pse, 1, EDX, 3),
	USE(tsc, 1, EDX, 4), USE(msr, 1, EDX, 5), USE(pae, 1, EDX, 6), USE(mce, 1, EDX, 7),
	USE(cx8, 1, EDX, 8), USE(sep, 1, EDX, 11), USE(mtrr, 1, EDX, 12), USE(pge, 1, EDX, 13),
	OWN_TEST(apic, 1, EDX, 9), USE(mca, 1, EDX, 14), USE(cmov, 1, EDX, 15),
	USE(pat, 1, EDX, 16), OWN_TEST(pse36, 1, EDX, 17), USE(clflush, 1, EDX, 19),
	USE(mmx, 1, EDX, 23),
	USE(fxsr, 1, EDX, 24), USE(sse, 1, EDX, 25), USE(sse2, 1, EDX, 26),
	USE(sse3, 1, ECX, 0), USE(pclmul, 1, ECX, 1), USE(monitor, 1, ECX, 3, true),
	USE(vmx, 1, ECX, 5, true), USE(ssse3, 1, ECX, 9), USE(fma, 1, ECX, 12),
	USE(cx16, 1, ECX, 13), USE(pcid, 1, ECX, 17), USE(sse41, 1, ECX, 19),
	USE(crc32, 1, ECX, 20), OWN_TEST(x2apic, 1, ECX, 21), USE(movbe, 1, ECX, 22),
	USE(popcnt, 1, ECX, 23),
	USE(aes, 1, ECX, 25), USE(xsave, 1, ECX, 26), USE(avx, 1, ECX, 28), USE(f16c, 1, ECX, 29),
	USE(rdrand, 1, ECX, 30),
	USE(fsgsbase, 7, EBX, 0, true), USE(tsc_adjust, 7, EBX, 1), USE(bmi1, 7, EBX, 3),
	USE(avx2, 7, EBX, 5),
	OWN_TEST(smep, 7, EBX, 7), USE(bmi2, 7, EBX, 8), USE(erms, 7, EBX, 9),
	USE(invpcid, 7, EBX, 10, true), USE(avx512f, 7, EBX, 16), USE(avx512dq, 7, EBX, 17),
	USE(rdseed, 7, EBX, 18), USE(adx, 7, EBX, 19), USE(smap, 7, EBX, 20),
	USE(avx512ifma, 7, EBX, 21), USE(clflushopt, 7, EBX, 23), USE(clwb, 7, EBX, 24),
	USE(avx512cd, 7, EBX, 28), USE(sha, 7, EBX, 29), USE(avx512bw, 7, EBX, 30),
	USE(avx512vl, 7, EBX, 31),
	USE(avx512vbmi, 7, ECX, 1), OWN_TEST(umip, 7, ECX, 2), USE(rdpkru, 7, ECX, 3, true),
	USE(umwait, 7, ECX, 5, true), USE(avx512vbmi2, 7, ECX, 6), USE(gfni, 7, ECX, 8),
	USE(vaes, 7, ECX, 9), USE(vpclmul, 7, ECX, 10), USE(avx512vnni, 7, ECX, 11),
	USE(avx512bitalg, 7, ECX, 12), USE(avx512vpopcntdq, 7, ECX, 14),
	USE(rdpid, 7, ECX, 22, true), USE(cldemote, 7, ECX, 25), USE(movdiri, 7, ECX, 27),
	USE(movdir64b, 7, ECX, 28),
	USE(fsrm, 7, EDX, 4), USE(avx512vp2intersect, 7, EDX, 8), USE(serialize, 7, EDX, 14),
	{ "xsaveopt", use_xsaveopt, use_xsaveopt_end, 0xd, 1, EAX, 0 },
	{ "xsavec", use_xsavec, use_xsavec_end, 0xd, 1, EAX, 1 },
	{ "xgetbv1", use_xgetbv1, use_xgetbv1_end, 0xd, 1, EAX, 2 },
	{ "xsaves", use_xsaves, use_xsaves_end, 0xd, 1, EAX, 3, true },
	OWN_TEST(syscall, 0x80000001, EDX, 11), OWN_TEST(nx, 0x80000001, EDX, 20),
	OWN_TEST(gbpages, 0x80000001, EDX, 26), USE(rdtscp, 0x80000001, EDX, 27, true),
	USE(lm, 0x80000001, EDX, 29),
	USE(lahf, 0x80000001, ECX, 0), USE(lzcnt, 0x80000001, ECX, 5),
	USE(prefetchw, 0x80000001, ECX, 8),
};

static __u32 feature_word(struct cpuid_table *cpuid, __u32 function, __u32 index, int reg)
{
	const struct kvm_cpuid_entry2 *entry = cpuid_find(cpuid, function, index);

	if (!entry)
		return 0;
	return ((const __u32[]){ entry->eax, entry->ebx, entry->ecx, entry->edx })[reg];
}

static bool has(struct cpuid_table *cpuid, __u32 function, int reg, int bit)
{
	return feature_word(cpuid, function, 0, reg) >> bit & 1;
}

GUEST_CODE(on_ud_code, 64, "mov $0xbad, %eax\n hlt\n");

static void allow_vectors(struct __test_metadata *_metadata, struct guest *guest,
			  struct cpuid_table *cpuid)
{
	struct kvm_cpuid_entry2 *xstate = cpuid_find(cpuid, 0xd, 0);
	struct kvm_xcrs xcrs = { .nr_xcrs = 1 };

	if (!has(cpuid, 1, ECX, 26))
		return;
	xcrs.xcrs[0].value = (__u64)xstate->edx << 32 | xstate->eax;
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_XCRS, &xcrs));
}

/* Runs it with all of XCR0 and CR4 that it may need; returns RAX. */
static __u64 run_feature(struct __test_metadata *_metadata, struct guest *guest,
			 const struct feature *feature, struct cpuid_table *cpuid)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	guest_load_at(guest, CODE, feature->begin, feature->end);
	memcpy(guest->mem + HANDLER, on_ud_code, on_ud_code_end - on_ud_code);
	guest_mode(_metadata, guest, MODE_LONG);
	guest_gate(guest, MODE_LONG, 6, HANDLER, 14, 0);
	get_sregs(_metadata, guest, &sregs);
	allow_vectors(_metadata, guest, cpuid);
	if (has(cpuid, 1, ECX, 26))
		sregs.cr4 |= CR4_OSXSAVE;
	if (has(cpuid, 7, EBX, 0))
		sregs.cr4 |= CR4_FSGSBASE;
	if (has(cpuid, 7, ECX, 3))
		sregs.cr4 |= 1 << 22;		/* PKE */
	set_sregs(_metadata, guest, &sregs);
	memset(guest->mem + DATA, 0, 0x1000);
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	return regs.rax;
}

TEST_F(features, advertised_ones_work)
{
	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		const struct feature *feature = &features[i];
		bool there = feature_word(self->cpuid, feature->function, feature->index,
					  feature->reg) >> feature->bit & 1;
		__u64 got;

		if (!feature->begin || (!there && !feature->must_ud))
			continue;
		/* There it is another instruction. */
		if (!there && cpu_is_tcg() && !strcmp(feature->name, "umwait"))
			continue;
		/* KVM lets guests nest. */
		if (!on_slat() && feature->begin == use_vmx)
			continue;
		got = run_feature(_metadata, &self->guest, feature, self->cpuid);
		EXPECT_EQ(there ? 0x600d : 0xbad, got) {
			TH_LOG("%s, %sadvertised", feature->name, there ? "" : "not ");
		}
	}
}

TEST_F(features, each_advertised_one_has_a_use)
{
	static const struct {
		__u32 function, index;
		int reg;
	} words[] = {
		{ 1, 0, ECX }, { 1, 0, EDX }, { 7, 0, EBX }, { 7, 0, ECX }, { 7, 0, EDX },
		{ 7, 1, EAX }, { 0xd, 1, EAX }, { 0x80000001, 0, ECX }, { 0x80000001, 0, EDX },
	};

	/* KVM advertises more than its guests here use. */
	if (!on_slat())
		SKIP(return, "only on " SLAT_DEVICE);
	for (size_t w = 0; w < ARRAY_SIZE(words); w++) {
		__u32 left = feature_word(self->cpuid, words[w].function, words[w].index,
					  words[w].reg);

		for (size_t i = 0; i < ARRAY_SIZE(features); i++)
			if (features[i].function == words[w].function &&
			    features[i].index == words[w].index && features[i].reg == words[w].reg)
				left &= ~(1U << features[i].bit);
		EXPECT_EQ(0, left) {
			TH_LOG("leaf %#x.%u register %d", words[w].function, words[w].index,
			       words[w].reg);
		}
	}
}

/* A page fault's error code and address, or that there was none. */
GUEST_LABEL(touch_pf);
GUEST_LABEL(touch_go);
GUEST_CODE(touch, 64,
	   "mov $-1, %rax\n mov (%rsi), %ecx\n hlt\n"
	   "touch_go: mov $-1, %rax\n jmp *%rsi\n"
	   "touch_pf: pop %rax\n mov %cr2, %rbx\n hlt\n");

static __u64 run_touch(struct __test_metadata *_metadata, struct guest *guest, bool jump,
		       __u64 address, __u64 flags)
{
	struct kvm_regs regs = {
		.rip = jump ? guest_label(touch, touch_go) : CODE, .rsp = STACK, .rsi = address,
		.rflags = FLAGS_FIXED | flags,
	};

	set_regs(_metadata, guest, &regs);
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	if ((__s64)regs.rax != -1)
		EXPECT_EQ(address, regs.rbx);
	return regs.rax;
}

/* The first 2 MiB are the system's, the next a program's, with HLT in it. */
static void prepare_touch(struct __test_metadata *_metadata, struct guest *guest, __u64 cr4,
			  __u64 pte_bits)
{
	struct kvm_sregs sregs;

	guest_load(guest, touch);
	guest_mode(_metadata, guest, MODE_LONG);
	guest_gate(guest, MODE_LONG, 14, guest_label(touch, touch_pf), 14, 0);
	guest_u64(guest, TABLES + 0x2000) = 0x83;
	guest_u64(guest, TABLES + 0x2008) = USER_PAGE | 0x87 | pte_bits;
	guest_u8(guest, USER_PAGE) = 0xf4;
	get_sregs(_metadata, guest, &sregs);
	sregs.cr4 |= cr4;
	set_sregs(_metadata, guest, &sregs);
}

#define NONE	((__u64)-1)

TEST_F(features, smep)
{
	struct guest *guest = &self->guest;

	if (!has(self->cpuid, 7, EBX, 7))
		SKIP(return, "no SMEP");
	prepare_touch(_metadata, guest, 0, 0);
	EXPECT_EQ(NONE, run_touch(_metadata, guest, true, USER_PAGE, 0));
	prepare_touch(_metadata, guest, CR4_SMEP, 0);
	EXPECT_EQ(PF_PRESENT | PF_FETCH, run_touch(_metadata, guest, true, USER_PAGE, 0));
	EXPECT_EQ(NONE, run_touch(_metadata, guest, false, USER_PAGE, 0));
}

TEST_F(features, smap)
{
	struct guest *guest = &self->guest;

	if (!has(self->cpuid, 7, EBX, 20))
		SKIP(return, "no SMAP");
	prepare_touch(_metadata, guest, CR4_SMAP, 0);
	EXPECT_EQ(PF_PRESENT, run_touch(_metadata, guest, false, USER_PAGE, 0));
	EXPECT_EQ(NONE, run_touch(_metadata, guest, false, USER_PAGE, 1 << 18));	/* AC */
}

TEST_F(features, nx)
{
	struct guest *guest = &self->guest;

	prepare_touch(_metadata, guest, 0, NX);
	EXPECT_EQ(PF_PRESENT | PF_FETCH, run_touch(_metadata, guest, true, USER_PAGE, 0));
	EXPECT_EQ(NONE, run_touch(_metadata, guest, false, USER_PAGE, 0));
}

/* A global page survives a load of CR3, not one of CR4.PGE. */
TEST_F(features, gbpages)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	if (!has(self->cpuid, 0x80000001, EDX, 26))
		SKIP(return, "no pages of 1 GiB");
	prepare_touch(_metadata, guest, CR4_PGE, 0);
	guest_u64(guest, TABLES + 0x1000 + 3 * 8) = 0x187;	/* 3 GiB is 0 */
	guest_u32(guest, DATA) = 0x12345678;
	EXPECT_EQ(NONE, run_touch(_metadata, guest, false, 0xc0000000 + DATA, 0));
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0x12345678, regs.rcx);
}

GUEST_CODE(read_high, 32, "mov 0x3fc00010, %eax\n hlt\n");

TEST_F(features, pse36)
{
	struct guest *guest = &self->guest;
	const size_t size = 4 << 20;
	struct kvm_regs regs;
	__u8 *high;

	if (!has(self->cpuid, 1, EDX, 17))
		SKIP(return, "no PSE-36");
	high = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, high);
	*(__u32 *)(high + 0x10) = 0x600dda7a;
	ASSERT_EQ(0, _guest_set_memory(guest, 1, 1ULL << 32, size, high, 0));
	guest_load(guest, read_high);
	guest_mode(_metadata, guest, MODE_PAGED32);
	guest_u32(guest, TABLES + 255 * 4) = 1 << 13 | 0x87;	/* bit 32 is in bit 13 */
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0x600dda7a, regs.rax);
	munmap(high, size);
}

GUEST_LABEL(umip_user);
GUEST_LABEL(umip_gp);
GUEST_CODE(umip, 64,
	   "pushq $0x33\n pushq $0x7f000\n pushq $2\n pushq $0x2b\n"
	   "pushq $0x10000 + umip_user - umip\n iretq\n"
	   "umip_user: xor %eax, %eax\n smsw %ebx\n inc %eax\n sgdt 0x30000\n inc %eax\n"
	   "sidt 0x30010\n inc %eax\n str %ebx\n inc %eax\n sldt %ebx\n inc %eax\n"
	   "cli\n"			/* #GP, always */
	   "umip_gp: pop %rcx\n hlt\n");

TEST_F(features, umip)
{
	struct guest *guest = &self->guest;
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	if (!has(self->cpuid, 7, ECX, 2))
		SKIP(return, "no UMIP");
	if (!on_slat())
		SKIP(return, "KVM says that there is UMIP where the CPU has none");
	for (int on = 0; on < 2; on++) {
		guest_load(guest, umip);
		guest_mode(_metadata, guest, MODE_LONG);
		guest_gate(guest, MODE_LONG, 13, guest_label(umip, umip_gp), 14, 0);
		get_sregs(_metadata, guest, &sregs);
		sregs.cr4 |= on ? CR4_UMIP : 0;
		set_sregs(_metadata, guest, &sregs);
		guest_run_hlt(_metadata, guest);
		get_regs(_metadata, guest, &regs);
		EXPECT_EQ(on ? 0 : 5, regs.rax);
	}
}

GUEST_LABEL(sysenter_here);
GUEST_CODE(sysenter, 64, "sysenter\n sysenter_here: mov $0x5e, %eax\n hlt\n");

TEST_F(features, sysenter)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	if (cpu_has_svm())
		SKIP(return, "AMD's CPUs do not have it in long mode");
	guest_load(guest, sysenter);
	guest_mode(_metadata, guest, MODE_LONG);
	ASSERT_EQ(1, _set_msr(guest, 0x174, SEL_CODE));
	ASSERT_EQ(1, _set_msr(guest, 0x175, STACK - 0x100));
	ASSERT_EQ(1, _set_msr(guest, 0x176, guest_label(sysenter, sysenter_here)));
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0x5e, regs.rax);
	EXPECT_EQ(STACK - 0x100, regs.rsp);
}

int main(int argc, char **argv)
{
	require_guests();
	return test_harness_run(argc, argv);
}
