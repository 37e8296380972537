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

#include "config.h"
#include "vcpu/vcpu.h"

#define ENTRIES_MAX	256	/* as KVM's */

/* A feature's bit in its register. */
#define F(name)		BIT(X86_FEATURE_##name & 31)

enum { EAX, EBX, ECX, EDX };

/*
 * The one list of features that a guest can be told of, where the host's kernel
 * uses them as well.  What has state of its own is here only if Slat switches
 * that state.
 */
static const struct {
	u32 function;
	u32 index;
	u8 reg;
	u8 word;	/* of the kernel's own list */
	u32 mask;
} offered[] = {
	/* What software of any age expects. */
	{ 1, 0, EDX, CPUID_1_EDX,
	  F(FPU) | F(VME) | F(DE) | F(PSE) | F(TSC) | F(MSR) | F(PAE) | F(MCE) | F(CX8) |
	  F(SEP) | F(MTRR) | F(PGE) | F(MCA) | F(CMOV) | F(PAT) | F(PSE36) | F(CLFLUSH) |
	  F(MMX) | F(FXSR) | F(XMM) | F(XMM2) },
	{ 0x80000001, 0, EDX, CPUID_8000_0001_EDX,
	  F(SYSCALL) | F(NX) | F(GBPAGES) | F(RDTSCP) | F(LM) },
	{ 0x80000001, 0, ECX, CPUID_8000_0001_ECX, F(LAHF_LM) | F(ABM) | F(3DNOWPREFETCH) },
	/* Instructions without state but XSAVE's, and what CR4 turns on. */
	{ 1, 0, ECX, CPUID_1_ECX,
	  F(XMM3) | F(PCLMULQDQ) | F(SSSE3) | F(FMA) | F(CX16) | F(PCID) | F(XMM4_1) |
	  F(XMM4_2) | F(MOVBE) | F(POPCNT) | F(AES) | F(XSAVE) | F(AVX) | F(F16C) |
	  F(RDRAND) },
	{ 7, 0, EBX, CPUID_7_0_EBX,
	  F(FSGSBASE) | F(BMI1) | F(AVX2) | F(SMEP) | F(BMI2) | F(ERMS) | F(INVPCID) |
	  F(AVX512F) | F(AVX512DQ) | F(RDSEED) | F(ADX) | F(SMAP) | F(AVX512IFMA) |
	  F(CLFLUSHOPT) | F(CLWB) | F(AVX512CD) | F(SHA_NI) | F(AVX512BW) | F(AVX512VL) },
	{ 7, 0, ECX, CPUID_7_ECX,
	  F(AVX512VBMI) | F(UMIP) | F(AVX512_VBMI2) | F(GFNI) | F(VAES) | F(VPCLMULQDQ) |
	  F(AVX512_VNNI) | F(AVX512_BITALG) | F(AVX512_VPOPCNTDQ) | F(RDPID) |
	  F(CLDEMOTE) | F(MOVDIRI) | F(MOVDIR64B) },
	{ 7, 0, EDX, CPUID_7_EDX, F(FSRM) | F(AVX512_VP2INTERSECT) | F(SERIALIZE) },
	{ 0xd, 1, EAX, CPUID_D_1_EAX, F(XSAVEOPT) | F(XSAVEC) | F(XGETBV1) },
};

/* State components that a guest may use: x87, SSE, AVX, AVX-512. */
#define XCR0_OFFERED	0xe7ULL

/* Of the XSAVE area: its legacy part and header; a component's alignment. */
#define XSAVE_HEADER_END	576
#define XSAVE_COMPONENT_ALIGN	64
#define XSAVE_ALIGNED		BIT(1)	/* ECX of its leaf */
#define XSAVE_COMPONENTS	8

/* Leaves of the basic and the extended range that are offered, the rest is 0. */
static const u32 leaves[] = { 0, 1, 2, 4, 7, 0xd, SLAT_PV_LEAF, SLAT_PV_FEATURES_LEAF,
			      0x80000000, 0x80000001, 0x80000002, 0x80000003,
			      0x80000004, 0x80000006, 0x80000007, 0x80000008 };

#define BASIC_MAX	0xd
#define PV_BASE_STEP	0x100	/* user space may have others' leaves before */
#define PV_BASE_END	0x40010000
#define EXTENDED_MAX	0x80000008
#define INVARIANT_TSC	BIT(8)		/* EDX of leaf 0x80000007 */

/* By which guests know KVM's paravirtual interface: KVMKVMKVM, as registers have it. */
#define SIGNATURE_EBX	0x4b4d564b
#define SIGNATURE_ECX	0x564b4d56
#define SIGNATURE_EDX	0x4d

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

/* Bytes that XSAVE, or XSAVEC, writes for these components (SDM vol. 1, 13.4). */
static u32 xsave_size(u64 components, bool compacted)
{
	u32 end = XSAVE_HEADER_END, eax, ebx, ecx, edx;
	int i;

	for (i = 2; i < XSAVE_COMPONENTS; i++) {
		u32 at;

		if (!(components & BIT_ULL(i)))
			continue;
		cpuid_count(0xd, i, &eax, &ebx, &ecx, &edx);
		at = compacted ? end : ebx;
		if (compacted && ecx & XSAVE_ALIGNED)
			at = ALIGN(at, XSAVE_COMPONENT_ALIGN);
		end = max(end, at + eax);
	}
	return end;
}

static void offer_features(struct kvm_cpuid_entry2 *entry)
{
	u32 have[4] = { };
	int i;

	for (i = 0; i < ARRAY_SIZE(offered); i++)
		if (offered[i].function == entry->function && offered[i].index == entry->index)
			have[offered[i].reg] = *reg_of(entry, offered[i].reg) &
					       offered[i].mask &
					       boot_cpu_data.x86_capability[offered[i].word];
	switch (entry->function) {
	case 1:
		/* No APIC id, one CPU; CLFLUSH's size. */
		entry->ebx &= 0xff00;
		/* The local APIC is software. */
		entry->ecx = have[ECX] | F(X2APIC);
		entry->edx = have[EDX] | F(APIC);
		break;
	case 7:
		entry->eax = 0;
		/* A guest's TSC is anywhere. */
		entry->ebx = have[EBX] | F(TSC_ADJUST);
		entry->ecx = have[ECX];
		entry->edx = have[EDX];
		break;
	case 0x80000001:
		entry->ecx = have[ECX];
		entry->edx = have[EDX];
		break;
	default:
		entry->eax = have[EAX];
		entry->ebx = 0;
		entry->ecx = 0;
		entry->edx = 0;
	}
}

/* The parts of leaf 0DH; false: no such part. */
static bool offer_xsave(struct kvm_cpuid_entry2 *entry)
{
	u64 components = slat_xcr0_offered();

	switch (entry->index) {
	case 0:
		entry->eax = components;
		entry->ebx = xsave_size(components & XFEATURE_MASK_FPSSE, false);
		entry->ecx = xsave_size(components, false);
		entry->edx = components >> 32;
		return true;
	case 1:
		offer_features(entry);
		return true;
	default:
		return entry->index < XSAVE_COMPONENTS && components & BIT_ULL(entry->index);
	}
}

/* One leaf of this host, without what is not offered; false: no such leaf. */
static bool offer(u32 function, u32 index, struct kvm_cpuid_entry2 *entry)
{
	*entry = (struct kvm_cpuid_entry2) {
		.function = function, .index = index,
		.flags = has_index(function) ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0,
	};
	cpuid_count(function, index, &entry->eax, &entry->ebx, &entry->ecx, &entry->edx);

	switch (function) {
	case SLAT_PV_LEAF:
		entry->eax = SLAT_PV_FEATURES_LEAF;
		entry->ebx = SIGNATURE_EBX;
		entry->ecx = SIGNATURE_ECX;
		entry->edx = SIGNATURE_EDX;
		return true;
	case SLAT_PV_FEATURES_LEAF:
		entry->eax = slat_pv_offered();
		entry->ebx = 0;
		entry->ecx = 0;
		entry->edx = 0;
		return true;
	case 0:
		entry->eax = min_t(u32, entry->eax, BASIC_MAX);
		return true;
	case 4:
		return (entry->eax & 31) && index < 8;
	case 7:
		offer_features(entry);
		return index == 0;
	case 0xd:
		return offer_xsave(entry);
	case 0x80000000:
		entry->eax = min_t(u32, entry->eax, EXTENDED_MAX);
		return true;
	case 1:
	case 0x80000001:
		offer_features(entry);
		return true;
	case 0x80000007:
		entry->eax = 0;
		entry->ebx = 0;
		entry->ecx = 0;
		entry->edx &= INVARIANT_TSC;
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

/**
 * slat_cpuid_emulated() - KVM_GET_EMULATED_CPUID: Slat executes no instruction
 * that the CPU lacks
 * @user: gets no leaf
 *
 * Return: 0, -EFAULT.
 */
long slat_cpuid_emulated(struct kvm_cpuid2 __user *user)
{
	return put_user(0, &user->nent) ? -EFAULT : 0;
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

/* Whether the guest is told that it has a feature of leaves 1, 7 or 80000001H. */
static bool told(const struct slat_vcpu *vcpu, u32 function, u8 reg, u32 feature)
{
	const struct kvm_cpuid_entry2 *entry = find(vcpu, function, 0);

	return entry && *reg_of((struct kvm_cpuid_entry2 *)entry, reg) & feature;
}

static u32 pv_features(const struct slat_vcpu *vcpu)
{
	u32 base;

	for (base = SLAT_PV_LEAF; base < PV_BASE_END; base += PV_BASE_STEP) {
		const struct kvm_cpuid_entry2 *entry = find(vcpu, base, 0);

		if (!entry || entry->ebx != SIGNATURE_EBX || entry->ecx != SIGNATURE_ECX ||
		    entry->edx != SIGNATURE_EDX)
			continue;
		entry = find(vcpu, base + 1, 0);
		return entry ? entry->eax : 0;
	}
	return 0;
}

/* Whether guests of this host can have a feature of `offered'. */
static bool can_have(u32 function, u8 reg, u32 feature)
{
	int i;

	/* All CPUs with VT-x or AMD-V have these, but emulators may not say so. */
	if (function == 1 && reg == EDX)
		return true;
	for (i = 0; i < ARRAY_SIZE(offered); i++)
		if (offered[i].function == function && offered[i].reg == reg &&
		    offered[i].mask & feature)
			return boot_cpu_data.x86_capability[offered[i].word] & feature;
	return false;
}

/*
 * Bits of CR4 and EFER that come with a feature: those of this host's that the
 * guest is told of; all of this host's as long as it is told nothing.
 */
static void allow_bits(struct slat_vcpu *vcpu, bool told_anything)
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
		{ 7, ECX, F(UMIP), X86_CR4_UMIP, 0 },
		{ 0x80000001, EDX, F(SYSCALL), 0, EFER_SCE },
		{ 0x80000001, EDX, F(NX), 0, EFER_NX },
		{ 0x80000001, EDX, F(LM), 0, EFER_LME | EFER_LMA },
	};
	struct slat_cpu *cpu = &vcpu->cpu;
	int i;

	cpu->cr4_allowed = X86_CR4_MCE | X86_CR4_PCE;
	cpu->efer_allowed = 0;
	for (i = 0; i < ARRAY_SIZE(rules); i++) {
		if (!can_have(rules[i].function, rules[i].reg, rules[i].feature))
			continue;
		if (told_anything && !told(vcpu, rules[i].function, rules[i].reg,
					   rules[i].feature))
			continue;
		cpu->cr4_allowed |= rules[i].cr4;
		cpu->efer_allowed |= rules[i].efer;
	}
}

/* What follows for the CPU from what the guest is told. */
static void derive(struct slat_vcpu *vcpu)
{
	struct slat_cpu *cpu = &vcpu->cpu;
	const struct kvm_cpuid_entry2 *entry;

	entry = find(vcpu, 1, 0);
	vcpu->apic.lapic.has_deadline = entry && entry->ecx & F(TSC_DEADLINE_TIMER);
	vcpu->apic.lapic.has_x2apic = entry && entry->ecx & F(X2APIC);
	allow_bits(vcpu, true);
	cpu->phys_bits = 36;
	cpu->xcr0_allowed = 0;
	cpu->has_rdtscp = told(vcpu, 0x80000001, EDX, F(RDTSCP)) ||
			  told(vcpu, 7, ECX, F(RDPID));
	cpu->has_invpcid = told(vcpu, 7, EBX, F(INVPCID));
	vcpu->pv.features = pv_features(vcpu);
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
	allow_bits(vcpu, false);
	vcpu->cpu.phys_bits = vcpu->walker.mmu->ptab.format->phys_bits;
	vcpu->cpu.xcr0_allowed = 0;
	vcpu->cpu.has_rdtscp = false;
	vcpu->cpu.has_invpcid = false;
}

static bool same_cpuid(const struct slat_vcpu *vcpu, const struct kvm_cpuid_entry2 *entries,
		       unsigned int count)
{
	unsigned int i;

	if (count != vcpu->cpuid_count)
		return false;
	for (i = 0; i < count; i++)
		if (memcmp(&entries[i], &vcpu->cpuid[i], offsetofend(typeof(*entries), edx)))
			return false;
	return true;
}

/**
 * slat_vcpu_set_cpuid() - KVM_SET_CPUID2
 * @vcpu: whose
 * @user: the leaves
 *
 * Return: 0; -E2BIG: too many; -EINVAL: the guest has run, and has seen others;
 * -EFAULT; -ENOMEM.
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
	if (vcpu->ran) {
		bool same = same_cpuid(vcpu, entries, head.nent);

		kvfree(entries);
		return same ? 0 : -EINVAL;
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

/* The first letters of what leaf 0 says. */
static bool is_amd(const struct kvm_cpuid_entry2 *leaf0)
{
	return leaf0->ebx == 0x68747541 || leaf0->ebx == 0x6f677948;	/* Auth, Hygo */
}

/*
 * A leaf beyond the highest one is answered as the highest basic one, by Intel's
 * CPUs (SDM vol. 2A).
 */
static const struct kvm_cpuid_entry2 *find_or_last(const struct slat_vcpu *vcpu, u32 function,
						   u32 index)
{
	const struct kvm_cpuid_entry2 *entry = find(vcpu, function, index);
	const struct kvm_cpuid_entry2 *first;

	/* Hypervisors' leaves are not the CPU's. */
	if (entry || (function >= SLAT_PV_LEAF && function < 0x50000000))
		return entry;
	first = find(vcpu, function & 0x80000000, 0);
	if (first && function <= first->eax)
		return NULL;
	first = find(vcpu, 0, 0);
	return first && !is_amd(first) ? find(vcpu, first->eax, index) : NULL;
}

/**
 * slat_vcpu_has_mwait() - whether the guest is told that it has MONITOR and MWAIT
 * @vcpu: loaded
 *
 * By IA32_MISC_ENABLE; KVM's quirk is that only what user space has said counts.
 */
bool slat_vcpu_has_mwait(struct slat_vcpu *vcpu)
{
	u64 misc;

	if (slat_config_quirk(vcpu->config, KVM_X86_QUIRK_MISC_ENABLE_NO_MWAIT) ||
	    slat_vcpu_get_msr(vcpu, MSR_IA32_MISC_ENABLE, &misc))
		return told(vcpu, 1, ECX, F(MWAIT));
	return misc & MSR_IA32_MISC_ENABLE_MWAIT;
}

/* What depends on registers of the guest. */
static void adjust(struct slat_vcpu *vcpu, struct kvm_cpuid_entry2 *answer)
{
	const struct slat_cpu *cpu = &vcpu->cpu;

	if (answer->function == 1) {
		answer->ecx &= ~(F(OSXSAVE) | F(MWAIT));
		if (cpu->cr4 & X86_CR4_OSXSAVE)
			answer->ecx |= F(OSXSAVE);
		if (slat_vcpu_has_mwait(vcpu))
			answer->ecx |= F(MWAIT);
	} else if (answer->function == 0xd && answer->index == 0) {
		answer->ebx = xsave_size(cpu->xcr0, false);
	} else if (answer->function == 0xd && answer->index == 1 &&
		   answer->eax & F(XSAVEC)) {
		answer->ebx = xsave_size(cpu->xcr0, true);
	}
}

/**
 * slat_vcpu_has_tsc_adjust() - whether the guest is told that it has IA32_TSC_ADJUST
 * @vcpu: the vCPU
 */
bool slat_vcpu_has_tsc_adjust(const struct slat_vcpu *vcpu)
{
	return told(vcpu, 7, EBX, F(TSC_ADJUST));
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
	adjust(vcpu, &answer);
	cpu->gpr[SLAT_RAX] = answer.eax;
	cpu->gpr[SLAT_RBX] = answer.ebx;
	cpu->gpr[SLAT_RCX] = answer.ecx;
	cpu->gpr[SLAT_RDX] = answer.edx;
	slat_cpu_skip(cpu, exit->insn_len);
	return 1;
}
