/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a guest that knows of its hypervisor shares with it, by KVM's interface
 * (Documentation/virt/kvm/x86/cpuid.rst, msr.rst and hypercalls.rst of Linux).
 */
#ifndef SLAT_VCPU_PV_H
#define SLAT_VCPU_PV_H

#include <linux/types.h>

struct slat_vcpu;

/* CPUID leaves. */
#define SLAT_PV_LEAF		0x40000000
#define SLAT_PV_FEATURES_LEAF	0x40000001

/**
 * struct slat_pv - of a vCPU; its mutex
 *
 * The MSRs are as the guest has written them.
 *
 * @features: KVM_FEATURE_* bits that CPUID tells the guest
 * @enforced: it has no others
 * @wall: where the wall clock was written last
 * @clock: where the clock is; bit 0: it is
 * @version: of the clock's page: even
 * @generation: of the VM's clock in that page; 0: of none
 * @stopped: the guest is to know that it was stopped
 * @steal: where the time is that others had; bit 0: it is
 * @delay: of the thread, when that page was written
 * @eoi: where the bit is that ends an interrupt; bit 0: it is
 * @eoi_offered: it is set, or the guest has ended the interrupt in service
 * @poll: the host may poll in HLT
 */
struct slat_pv {
	u32 features;
	bool enforced;
	u64 wall;
	u64 clock;
	u32 version;
	u32 generation;
	bool stopped;
	u64 steal;
	u64 delay;
	u64 eoi;
	bool eoi_offered;
	u64 poll;
};

/* MSRs that user space saves. */
#define SLAT_PV_MSRS	7

extern const u32 slat_pv_msrs[SLAT_PV_MSRS];

void slat_pv_reset(struct slat_vcpu *vcpu);
u32 slat_pv_offered(void);
bool slat_pv_allows(const struct slat_vcpu *vcpu, u32 index);
int slat_pv_get_msr(struct slat_vcpu *vcpu, u32 index, u64 *value);
int slat_pv_set_msr(struct slat_vcpu *vcpu, u32 index, u64 value);
bool slat_pv_has(const struct slat_vcpu *vcpu, unsigned int feature);

/* pv_clock.c */
void slat_pv_write_wall(struct slat_vcpu *vcpu, u64 gpa);
void slat_pv_update_clock(struct slat_vcpu *vcpu);
void slat_pv_start_steal(struct slat_vcpu *vcpu);
void slat_pv_update_steal(struct slat_vcpu *vcpu);
long slat_pv_stopped(struct slat_vcpu *vcpu);

/* pv_eoi.c */
void slat_pv_offer_eoi(struct slat_vcpu *vcpu);
void slat_pv_take_eoi(struct slat_vcpu *vcpu);
void slat_pv_retract_eoi(struct slat_vcpu *vcpu);

/* hypercall.c */
int slat_vcpu_hypercall(struct slat_vcpu *vcpu, unsigned int insn_len);
bool slat_vcpu_fix_hypercall(struct slat_vcpu *vcpu);

#endif /* SLAT_VCPU_PV_H */
