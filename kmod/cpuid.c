// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPUID: what this host can offer a guest, and what a guest is told.
 */
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/cpufeature.h>
#include <asm/fpu/xcr.h>
#include <asm/processor.h>

#include "vcpu.h"

#define ENTRIES_MAX	256

#define F(name)		BIT_ULL(X86_FEATURE_##name & 31)

/* The feature words that are offered, each bit with its reason to be. */
enum { EAX, EBX, ECX, EDX };

static const struct {
	u32 function;
	u32 index;
	u8 reg;
	u32 mask;
} offered[] = {
	/* What user-mode and system software of any age expects. */
	{ 1, 0, EDX, F(FPU) | F(VME) | F(DE) | F(PSE) | F(TSC) | F(MSR) | F(PAE) | F(CX8) |
		     F(SEP) | F(PGE) | F(CMOV) | F(PAT) | F(PSE36) | F(CLFLUSH) | F(MMX) |
		     F(FXSR) | F(XMM) | F(XMM2) },
	/* Instructions without state but XSAVE's. */
	{ 1, 0, ECX, F(XMM3) | F(PCLMULQDQ) | F(SSSE3) | F(FMA) | F(CX16) | F(PCID) |
		     F(XMM4_1) | F(XMM4_2) | F(MOVBE) | F(POPCNT) | F(AES) | F(XSAVE) |
		     F(AVX) | F(F16C) | F(RDRAND) },
	{ 7, 0, EBX, F(FSGSBASE) | F(BMI1) | F(AVX2) | F(SMEP) | F(BMI2) | F(ERMS) |
		     F(RDSEED) | F(ADX) | F(SMAP) | F(CLFLUSHOPT) | F(CLWB) |
		     F(AVX512F) | F(AVX512DQ) | F(AVX512CD) | F(AVX512BW) | F(AVX512VL) },
	{ 0x80000001, 0, EDX, F(SYSCALL) | F(NX) | F(GBPAGES) | F(LM) },
	{ 0x80000001, 0, ECX, F(LAHF_LM) | F(ABM) | F(3DNOWPREFETCH) },
};

/* State components that a guest may use: x87, SSE, AVX, AVX-512. */
#define XCR0_OFFERED	0xe7ULL

/* Leaves of the basic and the extended range that are offered, the rest is 0. */
static const u32 leaves[] = { 0, 1, 2, 4, 7, 0xd, 0x80000000, 0x80000001, 0x80000002,
			      0x80000003, 0x80000004, 0x80000006, 0x80000008 };

#define BASIC_MAX	0xd
#define EXTENDED_MAX	0x80000008

static u32 *reg_of(struct kvm_cpuid_entry2 *entry, int reg)
{
	u32 *const regs[] = { &entry->eax, &entry->ebx, &entry->ecx, &entry->edx };

	return regs[reg];
}

static bool has_index(u32 function)
{
	return function == 4 || function == 7 || function == 0xd;
}

/**
 * slat_xcr0_offered() - state components that a guest may have
 *
 * 0 without XSAVE.
 */
u64 slat_xcr0_offered(void)
{
	return boot_cpu_has(X86_FEATURE_OSXSAVE) ?
	       xgetbv(XCR_XFEATURE_ENABLED_MASK) & XCR0_OFFERED : 0;
}

/* One leaf of this host, without what is not offered; false: no such leaf. */
static bool offer(u32 function, u32 index, struct kvm_cpuid_entry2 *entry)
{
	bool features = function == 1 || function == 7 || function == 0x80000001;
	u32 have[4] = { };
	int i;

	*entry = (struct kvm_cpuid_entry2) {
		.function = function, .index = index,
		.flags = has_index(function) ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0,
	};
	cpuid_count(function, index, &entry->eax, &entry->ebx, &entry->ecx, &entry->edx);

	for (i = 0; i < ARRAY_SIZE(offered); i++)
		if (offered[i].function == function && offered[i].index == index)
			have[offered[i].reg] = *reg_of(entry, offered[i].reg) & offered[i].mask;
	if (features) {
		entry->ecx = have[ECX];
		entry->edx = have[EDX];
		entry->ebx = function == 7 ? have[EBX] : entry->ebx;
	}

	switch (function) {
	case 0:
		entry->eax = min_t(u32, entry->eax, BASIC_MAX);
		return true;
	case 1:
		entry->ebx &= 0xff00;	/* no APIC id, one CPU; CLFLUSH's size */
		return true;
	case 4:
		return (entry->eax & 31) && index < 8;
	case 7:
		entry->eax = 0;
		return index == 0;
	case 0xd:
		if (index == 0) {
			entry->eax = slat_xcr0_offered();
			entry->edx = slat_xcr0_offered() >> 32;
			return true;
		}
		if (index == 1) {
			entry->eax &= 1;	/* XSAVEOPT */
			entry->ebx = 0;
			entry->ecx = 0;
			entry->edx = 0;
			return true;
		}
		return index < 8 && slat_xcr0_offered() & BIT_ULL(index);
	case 0x80000000:
		entry->eax = min_t(u32, entry->eax, EXTENDED_MAX);
		return true;
	case 0x80000008:
		entry->ebx = 0;
		entry->ecx = 0;
		entry->edx = 0;
		return true;
	default:
		return true;
	}
}

static int add(struct kvm_cpuid_entry2 *entries, unsigned int *count,
	       const struct kvm_cpuid_entry2 *entry)
{
	if (*count == ENTRIES_MAX)
		return -E2BIG;
	entries[(*count)++] = *entry;
	return 0;
}

static int fill_supported(struct kvm_cpuid_entry2 *entries, unsigned int *count)
{
	struct kvm_cpuid_entry2 entry;
	int i, err = 0;
	u32 index;

	for (i = 0; i < ARRAY_SIZE(leaves) && !err; i++) {
		u32 last = has_index(leaves[i]) ? 8 : 0;

		for (index = 0; index <= last && !err; index++)
			if (offer(leaves[i], index, &entry))
				err = add(entries, count, &entry);
	}
	return err;
}

/**
 * slat_cpuid_supported() - KVM_GET_SUPPORTED_CPUID
 * @user: how many leaves fit, and where to
 *
 * Return: 0; -E2BIG: more than fit; -EFAULT; -ENOMEM.
 */
long slat_cpuid_supported(struct kvm_cpuid2 __user *user)
{
	struct kvm_cpuid_entry2 *entries;
	struct kvm_cpuid2 head;
	unsigned int count = 0;
	long ret;

	if (copy_from_user(&head, user, sizeof(head)))
		return -EFAULT;
	entries = kvcalloc(ENTRIES_MAX, sizeof(*entries), GFP_KERNEL_ACCOUNT);
	if (!entries)
		return -ENOMEM;
	ret = fill_supported(entries, &count);
	if (!ret && head.nent < count)
		ret = -E2BIG;
	if (!ret) {
		head.nent = count;
		if (copy_to_user(user, &head, sizeof(head)) ||
		    copy_to_user(user->entries, entries, count * sizeof(*entries)))
			ret = -EFAULT;
	}
	kvfree(entries);
	return ret;
}

static const struct kvm_cpuid_entry2 *find(const struct slat_vcpu *vcpu, u32 function, u32 index)
{
	unsigned int i;

	for (i = 0; i < vcpu->cpuid_count; i++) {
		const struct kvm_cpuid_entry2 *entry = &vcpu->cpuid[i];

		if (entry->function == function &&
		    (!(entry->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) || entry->index == index))
			return entry;
	}
	return NULL;
}

/* What follows for control registers from what the guest is told. */
static void derive(struct slat_vcpu *vcpu)
{
	static const struct {
		u32 function;
		u8 reg;
		u32 feature;
		u64 cr4;
		u64 efer;
	} rules[] = {
		{ 1, EDX, F(VME), X86_CR4_VME | X86_CR4_PVI, 0 },
		{ 1, EDX, F(DE), X86_CR4_DE, 0 },
		{ 1, EDX, F(PSE), X86_CR4_PSE, 0 },
		{ 1, EDX, F(TSC), X86_CR4_TSD, 0 },
		{ 1, EDX, F(PAE), X86_CR4_PAE, 0 },
		{ 1, EDX, F(PGE), X86_CR4_PGE, 0 },
		{ 1, EDX, F(FXSR), X86_CR4_OSFXSR, 0 },
		{ 1, EDX, F(XMM), X86_CR4_OSXMMEXCPT, 0 },
		{ 1, ECX, F(PCID), X86_CR4_PCIDE, 0 },
		{ 1, ECX, F(XSAVE), X86_CR4_OSXSAVE, 0 },
		{ 7, EBX, F(FSGSBASE), X86_CR4_FSGSBASE, 0 },
		{ 7, EBX, F(SMEP), X86_CR4_SMEP, 0 },
		{ 7, EBX, F(SMAP), X86_CR4_SMAP, 0 },
		{ 0x80000001, EDX, F(SYSCALL), 0, EFER_SCE },
		{ 0x80000001, EDX, F(NX), 0, EFER_NX },
		{ 0x80000001, EDX, F(LM), 0, EFER_LME | EFER_LMA },
	};
	struct slat_cpu *cpu = &vcpu->cpu;
	const struct kvm_cpuid_entry2 *entry;
	int i;

	cpu->cr4_allowed = X86_CR4_MCE | X86_CR4_PCE;
	cpu->efer_allowed = 0;
	cpu->phys_bits = 36;
	cpu->xcr0_allowed = 0;
	for (i = 0; i < ARRAY_SIZE(rules); i++) {
		entry = find(vcpu, rules[i].function, 0);
		if (entry && *reg_of((struct kvm_cpuid_entry2 *)entry, rules[i].reg) &
		    rules[i].feature) {
			cpu->cr4_allowed |= rules[i].cr4;
			cpu->efer_allowed |= rules[i].efer;
		}
	}
	entry = find(vcpu, 0x80000008, 0);
	if (entry)
		cpu->phys_bits = clamp_t(u32, entry->eax & 0xff, 32,
					 vcpu->walker.mmu->ptab.format->phys_bits);
	entry = find(vcpu, 0xd, 0);
	if (entry)
		cpu->xcr0_allowed = (entry->eax | (u64)entry->edx << 32) & slat_xcr0_offered();
}

/**
 * slat_vcpu_forget_cpuid() - before user space has said what CPU it is
 * @vcpu: whose
 *
 * All that the host has is allowed, so that registers may be set in any order.
 */
void slat_vcpu_forget_cpuid(struct slat_vcpu *vcpu)
{
	kvfree(vcpu->cpuid);
	vcpu->cpuid = NULL;
	vcpu->cpuid_count = 0;
	vcpu->cpu.cr4_allowed = X86_CR4_VME | X86_CR4_PVI | X86_CR4_TSD | X86_CR4_DE |
				X86_CR4_PSE | X86_CR4_PAE | X86_CR4_MCE | X86_CR4_PGE |
				X86_CR4_PCE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT;
	vcpu->cpu.efer_allowed = EFER_SCE | EFER_LME | EFER_LMA | EFER_NX;
	vcpu->cpu.phys_bits = vcpu->walker.mmu->ptab.format->phys_bits;
	vcpu->cpu.xcr0_allowed = 0;
}

/**
 * slat_vcpu_set_cpuid() - KVM_SET_CPUID2
 * @vcpu: whose
 * @user: the leaves
 *
 * Return: 0; -E2BIG: too many; -EFAULT; -ENOMEM.
 */
long slat_vcpu_set_cpuid(struct slat_vcpu *vcpu, struct kvm_cpuid2 __user *user)
{
	struct kvm_cpuid_entry2 *entries = NULL;
	struct kvm_cpuid2 head;

	if (copy_from_user(&head, user, sizeof(head)))
		return -EFAULT;
	if (head.nent > ENTRIES_MAX)
		return -E2BIG;
	if (head.nent) {
		entries = vmemdup_user(user->entries, head.nent * sizeof(*entries));
		if (IS_ERR(entries))
			return PTR_ERR(entries);
	}
	kvfree(vcpu->cpuid);
	vcpu->cpuid = entries;
	vcpu->cpuid_count = head.nent;
	derive(vcpu);
	return 0;
}

/**
 * slat_vcpu_get_cpuid() - KVM_GET_CPUID2
 * @vcpu: the vCPU
 * @user: where user space has it
 *
 * -E2BIG, with the count, if it does not fit.
 */
long slat_vcpu_get_cpuid(struct slat_vcpu *vcpu, struct kvm_cpuid2 __user *user)
{
	struct kvm_cpuid2 head;
	bool fits;

	if (copy_from_user(&head, user, sizeof(head)))
		return -EFAULT;
	fits = head.nent >= vcpu->cpuid_count;
	head.nent = vcpu->cpuid_count;
	if (copy_to_user(user, &head, sizeof(head)))
		return -EFAULT;
	if (!fits)
		return -E2BIG;
	return copy_to_user(user->entries, vcpu->cpuid,
			    vcpu->cpuid_count * sizeof(*vcpu->cpuid)) ? -EFAULT : 0;
}

/* A leaf beyond the highest one is answered as the highest basic one (SDM vol. 2A). */
static const struct kvm_cpuid_entry2 *find_or_last(const struct slat_vcpu *vcpu, u32 function,
						   u32 index)
{
	const struct kvm_cpuid_entry2 *entry = find(vcpu, function, index);
	const struct kvm_cpuid_entry2 *first;

	if (entry)
		return entry;
	first = find(vcpu, function & 0x80000000, 0);
	if (first && function <= first->eax)
		return NULL;
	first = find(vcpu, 0, 0);
	return first ? find(vcpu, first->eax, index) : NULL;
}

/**
 * slat_vcpu_handle_cpuid() - see slat_vcpu_handle_exit()
 * @vcpu: the vCPU
 * @exit: why the guest was left
 */
int slat_vcpu_handle_cpuid(struct slat_vcpu *vcpu, const struct slat_exit *exit)
{
	struct slat_cpu *cpu = &vcpu->cpu;
	const struct kvm_cpuid_entry2 *entry;
	struct kvm_cpuid_entry2 answer = { };

	entry = find_or_last(vcpu, cpu->gpr[SLAT_RAX], cpu->gpr[SLAT_RCX]);
	if (entry)
		answer = *entry;
	if (answer.function == 1) {
		answer.ecx &= ~F(OSXSAVE);
		if (cpu->cr4 & X86_CR4_OSXSAVE)
			answer.ecx |= F(OSXSAVE);
	}
	cpu->gpr[SLAT_RAX] = answer.eax;
	cpu->gpr[SLAT_RBX] = answer.ebx;
	cpu->gpr[SLAT_RCX] = answer.ecx;
	cpu->gpr[SLAT_RDX] = answer.edx;
	slat_cpu_skip(cpu, exit->insn_len);
	return 1;
}
