// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registers that user space exchanges through kvm_run instead of by calls of
 * their own (KVM_CAP_SYNC_REGS).
 */
#include <linux/kernel.h>

#include "vcpu/vcpu.h"

#define SYNC_KNOWN	(KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS | KVM_SYNC_X86_EVENTS)

/**
 * slat_vcpu_sync_in() - take over what user space has marked as changed
 * @vcpu: loaded, about to run
 *
 * Return: 0; -EINVAL: it asks for what there is not, or registers are not
 * valid.
 */
int slat_vcpu_sync_in(struct slat_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	u64 dirty = READ_ONCE(run->kvm_dirty_regs);

	if ((dirty | READ_ONCE(run->kvm_valid_regs)) & ~(u64)SYNC_KNOWN)
		return -EINVAL;
	/*
	 * User space may change them under us: one copy, made here, is checked
	 * and used.
	 */
	if (dirty & KVM_SYNC_X86_REGS) {
		struct kvm_regs regs = run->s.regs.regs;

		barrier();
		slat_vcpu_write_regs(vcpu, &regs);
	}
	if (dirty & KVM_SYNC_X86_SREGS) {
		struct kvm_sregs sregs = run->s.regs.sregs;

		barrier();
		if (slat_vcpu_write_sregs(vcpu, &sregs))
			return -EINVAL;
	}
	if (dirty & KVM_SYNC_X86_EVENTS) {
		struct kvm_vcpu_events events = run->s.regs.events;

		barrier();
		if (slat_vcpu_write_events(vcpu, &events))
			return -EINVAL;
	}
	run->kvm_dirty_regs = 0;
	return 0;
}

/**
 * slat_vcpu_sync_out() - show user space what it has asked for
 * @vcpu: the vCPU
 */
void slat_vcpu_sync_out(struct slat_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	u64 valid = READ_ONCE(run->kvm_valid_regs);

	if (valid & KVM_SYNC_X86_REGS)
		slat_vcpu_read_regs(vcpu, &run->s.regs.regs);
	if (valid & KVM_SYNC_X86_SREGS)
		slat_vcpu_read_sregs(vcpu, &run->s.regs.sregs);
	if (valid & KVM_SYNC_X86_EVENTS)
		slat_vcpu_read_events(vcpu, &run->s.regs.events);
}
