// SPDX-License-Identifier: GPL-2.0-only
/*
 * Machine checks that user space makes a guest see, and the MSRs that report
 * them (SDM vol. 3B, chapter 16).
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/nospec.h>
#include <linux/uaccess.h>
#include <asm/mce.h>
#include <asm/msr-index.h>
#include <asm/processor.h>
#include <asm/trapnr.h>

#include "vcpu/vcpu.h"

/* The parts of MCG_CAP that user space chooses freely. */
#define CAP_COUNTS	0xff00ffULL	/* of banks, of extended registers */

#define BANK_MSRS	4		/* IA32_MCi_CTL, STATUS, ADDR, MISC */
enum { CTL, STATUS, ADDR, MISC };

/* Of IA32_MCi_CTL2: the threshold, and whether there is an interrupt. */
#define CTL2_KNOWN	(GENMASK_ULL(14, 0) | MCI_CTL2_CMCI_EN)

/* Bits of IA32_MC0_CTL that kernels of old clear for the sake of chips of old. */
#define CTL_MAY_BE_CLEAR	(BIT_ULL(10) | BIT_ULL(0))

static u64 supported(void)
{
	u64 cap = MCG_CTL_P | MCG_SER_P;

	/* AMD's have no interrupt for corrected errors at the local APIC. */
	if (boot_cpu_data.x86_vendor == X86_VENDOR_INTEL)
		cap |= MCG_CMCI_P;
	return cap;
}

/**
 * slat_mce_supported() - KVM_X86_GET_MCE_CAP_SUPPORTED
 * @user: where to
 *
 * Return: 0; -EFAULT.
 */
long slat_mce_supported(u64 __user *user)
{
	return put_user(supported(), user) ? -EFAULT : 0;
}

/**
 * slat_vcpu_reset_mce() - as after RESET, with all banks there can be
 * @vcpu: whose
 */
void slat_vcpu_reset_mce(struct slat_vcpu *vcpu)
{
	vcpu->mce.cap = SLAT_MCE_BANKS;
}

static unsigned int banks_of(const struct slat_mce *mce)
{
	return mce->cap & MCG_BANKCNT_MASK;
}

/**
 * slat_vcpu_setup_mce() - KVM_X86_SETUP_MCE
 * @vcpu: loaded
 * @user: its MCG_CAP
 *
 * Return: 0; -EINVAL: no banks, or more than there are, or what is not
 * supported; -EFAULT.
 */
long slat_vcpu_setup_mce(struct slat_vcpu *vcpu, const void __user *user)
{
	struct slat_mce *mce = &vcpu->mce;
	unsigned int i;
	u64 cap;

	if (copy_from_user(&cap, user, sizeof(cap)))
		return -EFAULT;
	if (!(cap & MCG_BANKCNT_MASK) || (cap & MCG_BANKCNT_MASK) > SLAT_MCE_BANKS ||
	    cap & ~(supported() | CAP_COUNTS))
		return -EINVAL;
	mce->cap = cap;
	mce->ctl = cap & MCG_CTL_P ? ~0ULL : 0;
	for (i = 0; i < SLAT_MCE_BANKS; i++) {
		mce->banks[i][CTL] = ~0ULL;
		mce->ctl2[i] = 0;
	}
	if (vcpu->has_apic)
		slat_lapic_set_cmci(&vcpu->apic.lapic, cap & MCG_CMCI_P);
	return 0;
}

/* No action was required, and nothing is lost. */
static bool is_deferred(const struct kvm_x86_mce *event)
{
	return event->status & MCI_STATUS_UC && !event->mcg_status &&
	       !(event->status & (MCI_STATUS_PCC | MCI_STATUS_S | MCI_STATUS_AR));
}

static void fill(u64 *bank, const struct kvm_x86_mce *event)
{
	bank[ADDR] = event->addr;
	bank[MISC] = event->misc;
	bank[STATUS] = event->status;
}

static void report_deferred(struct slat_vcpu *vcpu, unsigned int nr,
			    const struct kvm_x86_mce *event)
{
	struct slat_mce *mce = &vcpu->mce;

	fill(mce->banks[nr], event);
	if (mce->cap & MCG_CMCI_P && mce->ctl2[nr] & MCI_CTL2_CMCI_EN && vcpu->has_apic)
		slat_lapic_local(&vcpu->apic.lapic, SLAT_APIC_LVT_CMCI);
}

/* A second one while the first is being handled, or one unexpected, shuts down. */
static void report_uncorrected(struct slat_vcpu *vcpu, u64 *bank, struct kvm_x86_mce *event)
{
	struct slat_mce *mce = &vcpu->mce;

	if ((mce->cap & MCG_CTL_P && mce->ctl != ~0ULL) || bank[CTL] != ~0ULL)
		return;
	if (mce->status & MCG_STATUS_MCIP || !(vcpu->cpu.cr4 & X86_CR4_MCE)) {
		vcpu->triple_fault = true;
		return;
	}
	if (bank[STATUS] & MCI_STATUS_VAL)
		event->status |= MCI_STATUS_OVER;
	fill(bank, event);
	mce->status = event->mcg_status;
	slat_vcpu_raise(vcpu, X86_TRAP_MC);
}

/* What is less severe does not replace what nobody has looked at. */
static void report_corrected(u64 *bank, struct kvm_x86_mce *event)
{
	if (bank[STATUS] & MCI_STATUS_VAL && bank[STATUS] & MCI_STATUS_UC) {
		bank[STATUS] |= MCI_STATUS_OVER;
		return;
	}
	if (bank[STATUS] & MCI_STATUS_VAL)
		event->status |= MCI_STATUS_OVER;
	fill(bank, event);
}

/**
 * slat_vcpu_set_mce() - KVM_X86_SET_MCE
 * @vcpu: loaded
 * @user: what has happened
 *
 * Return: 0; -EINVAL: there is no such bank, or its status is not valid;
 * -EFAULT.
 */
long slat_vcpu_set_mce(struct slat_vcpu *vcpu, const void __user *user)
{
	struct kvm_x86_mce event;
	unsigned int nr;

	if (copy_from_user(&event, user, sizeof(event)))
		return -EFAULT;
	if (event.bank >= banks_of(&vcpu->mce) || !(event.status & MCI_STATUS_VAL))
		return -EINVAL;
	nr = array_index_nospec(event.bank, SLAT_MCE_BANKS);
	if (is_deferred(&event))
		report_deferred(vcpu, nr, &event);
	else if (event.status & MCI_STATUS_UC)
		report_uncorrected(vcpu, vcpu->mce.banks[nr], &event);
	else
		report_corrected(vcpu->mce.banks[nr], &event);
	return 0;
}

/* NULL: there is no such bank. */
static u64 *bank_msr(struct slat_mce *mce, u32 index)
{
	u32 at = index - MSR_IA32_MC0_CTL;

	if (at >= banks_of(mce) * BANK_MSRS)
		return NULL;
	at = array_index_nospec(at, SLAT_MCE_BANKS * BANK_MSRS);
	return &mce->banks[at / BANK_MSRS][at % BANK_MSRS];
}

static u64 *bank_ctl2(struct slat_mce *mce, u32 index)
{
	u32 at = index - MSR_IA32_MC0_CTL2;

	return at < banks_of(mce) ? &mce->ctl2[array_index_nospec(at, SLAT_MCE_BANKS)] : NULL;
}

/* What it is, and whether its guest has it; user space has all. */
static u64 *find(struct slat_vcpu *vcpu, u32 index, bool guest)
{
	struct slat_mce *mce = &vcpu->mce;

	switch (index) {
	case MSR_IA32_MCG_CAP:
		return &mce->cap;
	case MSR_IA32_MCG_STATUS:
		return &mce->status;
	case MSR_IA32_MCG_CTL:
		return guest && !(mce->cap & MCG_CTL_P) ? NULL : &mce->ctl;
	case MSR_IA32_MC0_CTL2 ... MSR_IA32_MCx_CTL2(SLAT_MCE_BANKS) - 1:
		return guest && !(mce->cap & MCG_CMCI_P) ? NULL : bank_ctl2(mce, index);
	case MSR_IA32_MC0_CTL ... MSR_IA32_MCx_CTL(SLAT_MCE_BANKS) - 1:
		return bank_msr(mce, index);
	default:
		return NULL;
	}
}

static bool value_valid(const struct slat_vcpu *vcpu, u32 index, u64 value, bool guest)
{
	const struct slat_mce *mce = &vcpu->mce;

	switch (index) {
	case MSR_IA32_MCG_CAP:
		return !guest && value == mce->cap;
	case MSR_IA32_MCG_STATUS:
		return true;
	case MSR_IA32_MCG_CTL:
		return !value || (mce->cap & MCG_CTL_P && value == ~0ULL);
	case MSR_IA32_MC0_CTL2 ... MSR_IA32_MCx_CTL2(SLAT_MCE_BANKS) - 1:
		return !value || (mce->cap & MCG_CMCI_P && !(value & ~CTL2_KNOWN));
	}
	switch ((index - MSR_IA32_MC0_CTL) % BANK_MSRS) {
	case CTL:
		return !value || (value | CTL_MAY_BE_CLEAR) == ~0ULL;
	case STATUS:
		/* Cleared is what a guest does to it. */
		return !guest || !value;
	default:
		return true;
	}
}

/**
 * slat_mce_get_msr() - read an MSR of machine checks
 * @vcpu: whose
 * @index: which
 * @guest: the guest does
 * @value: filled in
 *
 * Return: 0; -ENOENT: it is none of them.
 */
int slat_mce_get_msr(struct slat_vcpu *vcpu, u32 index, bool guest, u64 *value)
{
	const u64 *msr = find(vcpu, index, guest);

	if (!msr)
		return -ENOENT;
	*value = *msr;
	return 0;
}

/**
 * slat_mce_set_msr() - write an MSR of machine checks
 * @vcpu: whose
 * @index: which
 * @guest: the guest does
 * @value: to what
 *
 * Return: 0; -ENOENT: it is none of them; -EINVAL: not with this value.
 */
int slat_mce_set_msr(struct slat_vcpu *vcpu, u32 index, bool guest, u64 value)
{
	u64 *msr = find(vcpu, index, guest);

	if (!msr)
		return -ENOENT;
	if (!value_valid(vcpu, index, value, guest))
		return -EINVAL;
	*msr = value;
	return 0;
}
