// SPDX-License-Identifier: GPL-2.0-only
/*
 * EOIs without an exit: a bit in the guest's memory says that the interrupt in
 * service may be ended by clearing it, which is seen at the next exit.
 *
 * That will do where nobody waits for the end: no request is held back by it,
 * and it is no level.  Whoever makes a request later makes the vCPU exit.
 */
#include <linux/kernel.h>
#include <uapi/linux/kvm_para.h>

#include "vcpu/vcpu.h"

#define ENABLED		1ULL
#define OFFER		BIT(0)

static int read(struct slat_vcpu *vcpu, u8 *byte)
{
	return slat_mmu_read(vcpu->walker.mmu, vcpu->pv.eoi & ~3ULL, byte, sizeof(*byte));
}

static int write(struct slat_vcpu *vcpu, u8 byte)
{
	return slat_mmu_write(vcpu->walker.mmu, vcpu->pv.eoi & ~3ULL, &byte, sizeof(byte));
}

/**
 * slat_pv_offer_eoi() - let the guest end the interrupt in service by a bit
 * @vcpu: in slat_vcpu_run(), about to enter
 */
void slat_pv_offer_eoi(struct slat_vcpu *vcpu)
{
	struct slat_pv *pv = &vcpu->pv;
	u8 byte;

	if (!(pv->eoi & ENABLED) || pv->eoi_offered || !vcpu->has_apic ||
	    !slat_apic_eoi_is_silent(&vcpu->apic) || read(vcpu, &byte))
		return;
	pv->eoi_offered = !write(vcpu, byte | OFFER);
}

/**
 * slat_pv_take_eoi() - end the interrupt if the guest has said so
 * @vcpu: loaded, after an exit
 *
 * The offer ends in any case.
 */
void slat_pv_take_eoi(struct slat_vcpu *vcpu)
{
	u8 byte = OFFER;

	if (!vcpu->pv.eoi_offered)
		return;
	vcpu->pv.eoi_offered = false;
	/* Where it cannot be read any more, nothing has been said. */
	if (read(vcpu, &byte))
		return;
	if (byte & OFFER)
		write(vcpu, byte & ~OFFER);
	else
		slat_lapic_eoi(&vcpu->apic.lapic);
}
