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
	return slat_mmu_read(&vcpu->walker, vcpu->pv.eoi & ~3ULL, byte, sizeof(*byte));
}

static int write(struct slat_vcpu *vcpu, u8 byte)
{
	return slat_mmu_write(&vcpu->walker, vcpu->pv.eoi & ~3ULL, &byte, sizeof(byte));
}

/**
 * slat_pv_retract_eoi() - there is no offer any more
 * @vcpu: loaded, in its thread
 *
 * The interrupt is ended if the guest has said so.
 */
void slat_pv_retract_eoi(struct slat_vcpu *vcpu)
{
	u8 byte;

	if (!vcpu->pv.eoi_offered)
		return;
	slat_pv_take_eoi(vcpu);
	/* Where it cannot be read any more, nothing has been said. */
	if (vcpu->pv.eoi_offered && !read(vcpu, &byte))
		write(vcpu, byte & ~OFFER);
	vcpu->pv.eoi_offered = false;
}

/**
 * slat_pv_offer_eoi() - let the guest end the interrupt in service by a bit
 * @vcpu: in slat_vcpu_run(), about to enter
 *
 * An offer stands until it is used, or somebody waits for the end.
 */
void slat_pv_offer_eoi(struct slat_vcpu *vcpu)
{
	struct slat_pv *pv = &vcpu->pv;

	if (!(pv->eoi & ENABLED))
		return;
	/* A CPU that ends interrupts by itself would not know of this one's end. */
	if (vcpu->cpu.apicv & SLAT_APICV_INTERRUPTS || !slat_apic_eoi_is_silent(&vcpu->apic))
		slat_pv_retract_eoi(vcpu);
	else if (!pv->eoi_offered)
		pv->eoi_offered = !write(vcpu, OFFER);
}

/**
 * slat_pv_take_eoi() - end the interrupt if the guest has said so
 * @vcpu: loaded, after an exit
 */
void slat_pv_take_eoi(struct slat_vcpu *vcpu)
{
	u8 byte;

	if (!vcpu->pv.eoi_offered || read(vcpu, &byte) || byte & OFFER)
		return;
	vcpu->pv.eoi_offered = false;
	slat_lapic_eoi(&vcpu->apic.lapic);
}
