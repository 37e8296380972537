// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest's TSC: the host's at another rate, from elsewhere.
 *
 * Those of a VM's vCPUs begin with the first one at 0 and shall agree, but user
 * space can set only one after the other.  As with KVM, a value that is about
 * what the one that was set last has by now is taken for the same.
 */
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/slat.h>
#include <asm/msr.h>
#include <asm/tsc.h>

#include "config.h"
#include "vcpu/vcpu.h"

static u64 at_rate(const struct slat_vcpu *vcpu, u64 host)
{
	u64 ratio = vcpu->cpu.tsc_ratio;

	return ratio ? mul_u64_u64_shr(host, ratio, SLAT_TSC_RATIO_SHIFT) : host;
}

/**
 * slat_vcpu_tsc_of() - a time of the host's TSC as the guest's has it
 * @vcpu: whose
 * @host: the host's
 */
u64 slat_vcpu_tsc_of(const struct slat_vcpu *vcpu, u64 host)
{
	return at_rate(vcpu, host) + vcpu->cpu.tsc_offset;
}

/**
 * slat_vcpu_tsc() - the guest's TSC now
 * @vcpu: whose
 */
u64 slat_vcpu_tsc(const struct slat_vcpu *vcpu)
{
	return slat_vcpu_tsc_of(vcpu, rdtsc());
}

static void set_offset(struct slat_vcpu *vcpu, u64 offset)
{
	vcpu->cpu.tsc_offset = offset;
	/* The paravirtual clock counts from there. */
	vcpu->pv.generation = 0;
}

/**
 * slat_vcpu_set_tsc_offset() - set the guest's TSC by its distance from the host's
 * @vcpu: loaded
 * @offset: which is then what the other vCPUs' are compared with
 *
 * Process context.
 */
void slat_vcpu_set_tsc_offset(struct slat_vcpu *vcpu, u64 offset)
{
	struct slat_tsc *tsc = vcpu->config->tsc;

	mutex_lock(&tsc->lock);
	tsc->khz = vcpu->tsc_khz;
	tsc->offset = offset;
	mutex_unlock(&tsc->lock);
	set_offset(vcpu, offset);
}

/**
 * slat_vcpu_sync_tsc() - set the guest's TSC, on behalf of user space
 * @vcpu: loaded, or new
 * @value: 0: as the other vCPUs'; within a second of theirs: as theirs
 *
 * Process context.
 */
void slat_vcpu_sync_tsc(struct slat_vcpu *vcpu, u64 value)
{
	struct slat_tsc *tsc = vcpu->config->tsc;
	u64 second = vcpu->tsc_khz * 1000ULL, offset;

	mutex_lock(&tsc->lock);
	offset = value - at_rate(vcpu, rdtsc());
	if (tsc->khz == vcpu->tsc_khz &&
	    (!value || offset - tsc->offset + second < 2 * second))
		offset = tsc->offset;
	tsc->khz = vcpu->tsc_khz;
	tsc->offset = offset;
	mutex_unlock(&tsc->lock);
	set_offset(vcpu, offset);
}

/**
 * slat_vcpu_guest_set_tsc() - WRMSR of IA32_TSC by the guest
 * @vcpu: loaded
 * @value: to what
 *
 * SDM vol. 3B, 18.17.3: what it changes is added to IA32_TSC_ADJUST.
 */
void slat_vcpu_guest_set_tsc(struct slat_vcpu *vcpu, u64 value)
{
	u64 change = value - slat_vcpu_tsc(vcpu);

	vcpu->tsc_adjust += change;
	set_offset(vcpu, vcpu->cpu.tsc_offset + change);
}

/**
 * slat_vcpu_guest_adjust_tsc() - WRMSR of IA32_TSC_ADJUST by the guest
 * @vcpu: loaded
 * @value: to what; the TSC changes by as much
 */
void slat_vcpu_guest_adjust_tsc(struct slat_vcpu *vcpu, u64 value)
{
	u64 change = value - vcpu->tsc_adjust;

	vcpu->tsc_adjust = value;
	set_offset(vcpu, vcpu->cpu.tsc_offset + change);
}

/**
 * slat_tsc_khz_valid() - whether a guest's TSC can count so fast
 * @hw: the backend
 * @khz: in a millisecond; 0: as the host's
 *
 * Any context.
 */
bool slat_tsc_khz_valid(const struct slat_hw_ops *hw, unsigned long khz)
{
	struct slat_info info = { };

	if (!khz || khz == tsc_khz)
		return true;
	hw->describe(&info);
	return info.hw_caps & SLAT_HW_TSC_SCALING && khz < INT_MAX;
}

static void set_rate(struct slat_vcpu *vcpu, u32 khz)
{
	vcpu->tsc_khz = khz ?: tsc_khz;
	vcpu->cpu.tsc_ratio = vcpu->tsc_khz == tsc_khz ? 0 :
			      mul_u64_u32_div(BIT_ULL(SLAT_TSC_RATIO_SHIFT), khz, tsc_khz);
}

/**
 * slat_vcpu_init_tsc() - a new vCPU's TSC
 * @vcpu: whose
 *
 * Process context.
 */
void slat_vcpu_init_tsc(struct slat_vcpu *vcpu)
{
	set_rate(vcpu, READ_ONCE(vcpu->config->tsc_khz));
	slat_vcpu_sync_tsc(vcpu, 0);
}

/**
 * slat_vcpu_set_tsc_khz() - KVM_SET_TSC_KHZ
 * @vcpu: loaded
 * @khz: what the guest's TSC is to count in a millisecond; 0: as the host's
 *
 * The guest's TSC goes on from where it is.
 *
 * Return: 0; -EINVAL: see slat_tsc_khz_valid().
 */
int slat_vcpu_set_tsc_khz(struct slat_vcpu *vcpu, u32 khz)
{
	u64 now = slat_vcpu_tsc(vcpu);

	if (!slat_tsc_khz_valid(vcpu->cpu.ops, khz))
		return -EINVAL;
	set_rate(vcpu, khz);
	slat_vcpu_sync_tsc(vcpu, now);
	return 0;
}
