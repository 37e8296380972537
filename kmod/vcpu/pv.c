// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which paravirtual features there are, and their MSRs.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <asm/tsc.h>
#include <uapi/linux/kvm_para.h>

#include "vcpu/vcpu.h"

#define ENABLED		1ULL

#define OFFERED		(BIT(KVM_FEATURE_CLOCKSOURCE) | BIT(KVM_FEATURE_NOP_IO_DELAY) |	\
			 BIT(KVM_FEATURE_CLOCKSOURCE2) | BIT(KVM_FEATURE_STEAL_TIME) |	\
			 BIT(KVM_FEATURE_PV_EOI) | BIT(KVM_FEATURE_PV_UNHALT) |		\
			 BIT(KVM_FEATURE_PV_SEND_IPI) | BIT(KVM_FEATURE_POLL_CONTROL))

const u32 slat_pv_msrs[SLAT_PV_MSRS] = {
	MSR_KVM_WALL_CLOCK, MSR_KVM_SYSTEM_TIME, MSR_KVM_WALL_CLOCK_NEW, MSR_KVM_SYSTEM_TIME_NEW,
	MSR_KVM_STEAL_TIME, MSR_KVM_PV_EOI_EN, MSR_KVM_POLL_CONTROL,
};

/**
 * slat_pv_reset() - as after RESET and INIT: the guest shares nothing
 * @vcpu: whose
 */
void slat_pv_reset(struct slat_vcpu *vcpu)
{
	const struct slat_pv *pv = &vcpu->pv;

	slat_pv_retract_eoi(vcpu);
	vcpu->pv = (struct slat_pv) {
		.features = pv->features, .enforced = pv->enforced, .poll = ENABLED,
	};
}

/**
 * slat_pv_offered() - what can be told to guests on this host: KVM_FEATURE_* bits
 */
u32 slat_pv_offered(void)
{
	return OFFERED | (check_tsc_unstable() ? 0 : BIT(KVM_FEATURE_CLOCKSOURCE_STABLE_BIT));
}

/**
 * slat_pv_has() - whether the guest has a feature
 * @vcpu: loaded
 * @feature: KVM_FEATURE_*
 *
 * All, told or not, unless KVM_CAP_ENFORCE_PV_FEATURE_CPUID is on.
 */
bool slat_pv_has(const struct slat_vcpu *vcpu, unsigned int feature)
{
	return !vcpu->pv.enforced || vcpu->pv.features & BIT(feature);
}

/* The feature that has an MSR; -1: there is no such MSR. */
static int feature_of(u32 index)
{
	switch (index) {
	case MSR_KVM_WALL_CLOCK:
	case MSR_KVM_SYSTEM_TIME:
		return KVM_FEATURE_CLOCKSOURCE;
	case MSR_KVM_WALL_CLOCK_NEW:
	case MSR_KVM_SYSTEM_TIME_NEW:
		return KVM_FEATURE_CLOCKSOURCE2;
	case MSR_KVM_STEAL_TIME:
		return KVM_FEATURE_STEAL_TIME;
	case MSR_KVM_PV_EOI_EN:
		return KVM_FEATURE_PV_EOI;
	case MSR_KVM_POLL_CONTROL:
		return KVM_FEATURE_POLL_CONTROL;
	default:
		return -1;
	}
}

static u64 *msr_of(struct slat_vcpu *vcpu, u32 index)
{
	switch (index) {
	case MSR_KVM_WALL_CLOCK:
	case MSR_KVM_WALL_CLOCK_NEW:
		return &vcpu->pv.wall;
	case MSR_KVM_SYSTEM_TIME:
	case MSR_KVM_SYSTEM_TIME_NEW:
		return &vcpu->pv.clock;
	case MSR_KVM_STEAL_TIME:
		return &vcpu->pv.steal;
	case MSR_KVM_PV_EOI_EN:
		return &vcpu->pv.eoi;
	default:
		return &vcpu->pv.poll;
	}
}

/**
 * slat_pv_allows() - whether the guest may use an MSR
 * @vcpu: loaded
 * @index: any
 *
 * Return: false: it is one of a feature that the guest does not have.
 */
bool slat_pv_allows(const struct slat_vcpu *vcpu, u32 index)
{
	int feature = feature_of(index);

	return feature < 0 || slat_pv_has(vcpu, feature);
}

/**
 * slat_pv_get_msr() - read one of the paravirtual MSRs
 * @vcpu: loaded
 * @index: which
 * @value: filled in
 *
 * Return: 0; -ENOENT: it is none of them.
 */
int slat_pv_get_msr(struct slat_vcpu *vcpu, u32 index, u64 *value)
{
	if (feature_of(index) < 0)
		return -ENOENT;
	*value = *msr_of(vcpu, index);
	return 0;
}

/**
 * slat_pv_set_msr() - write one of the paravirtual MSRs
 * @vcpu: loaded
 * @index: which
 * @value: to what
 *
 * Return: 0; -ENOENT: it is none of them; -EINVAL: not with this value.
 */
int slat_pv_set_msr(struct slat_vcpu *vcpu, u32 index, u64 value)
{
	struct slat_pv *pv = &vcpu->pv;

	switch (feature_of(index)) {
	case -1:
		return -ENOENT;
	case KVM_FEATURE_STEAL_TIME:
		if (value & KVM_STEAL_RESERVED_MASK)
			return -EINVAL;
		pv->steal = value;
		slat_pv_start_steal(vcpu);
		return 0;
	case KVM_FEATURE_PV_EOI:
		/* An address of four bytes, of which one bit counts. */
		if (value & 2)
			return -EINVAL;
		slat_pv_retract_eoi(vcpu);
		pv->eoi = value;
		return 0;
	case KVM_FEATURE_POLL_CONTROL:
		if (value & ~ENABLED)
			return -EINVAL;
		pv->poll = value;
		return 0;
	}
	*msr_of(vcpu, index) = value;
	if (msr_of(vcpu, index) == &pv->wall)
		slat_pv_write_wall(vcpu, value);
	else
		pv->generation = 0;
	return 0;
}
