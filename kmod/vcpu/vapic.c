// SPDX-License-Identifier: GPL-2.0-only
/*
 * For guests that change their task priority all the time, and whose CPU cannot
 * do that by itself: user space learns of each instruction that does, and
 * replaces it by one that changes a word of the guest's memory instead.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/uaccess.h>

#include "vcpu/vcpu.h"

/* The word: the task priority, the class in service, the highest request. */
#define SERVICE_SHIFT	8
#define REQUEST_SHIFT	24

/**
 * slat_vcpu_tpr_access() - KVM_TPR_ACCESS_REPORTING
 * @vcpu: loaded
 * @user: whether; also filled in
 *
 * Return: 0; -EINVAL: there are no flags; -EFAULT.
 */
long slat_vcpu_tpr_access(struct slat_vcpu *vcpu, void __user *user)
{
	struct kvm_tpr_access_ctl control;

	if (copy_from_user(&control, user, sizeof(control)))
		return -EFAULT;
	if (control.flags)
		return -EINVAL;
	vcpu->apic.reports_tpr = control.enabled;
	return copy_to_user(user, &control, sizeof(control)) ? -EFAULT : 0;
}

/**
 * slat_vcpu_exit_tpr() - user space has to know of an access to the task priority
 * @vcpu: in slat_vcpu_run()
 *
 * Return: whether there has been one: KVM_EXIT_TPR_ACCESS.
 */
bool slat_vcpu_exit_tpr(struct slat_vcpu *vcpu)
{
	enum slat_tpr_access access = vcpu->apic.tpr_access;

	if (access == SLAT_TPR_NONE)
		return false;
	vcpu->apic.tpr_access = SLAT_TPR_NONE;
	vcpu->run->exit_reason = KVM_EXIT_TPR_ACCESS;
	vcpu->run->tpr_access.rip = vcpu->vapic.rip;
	vcpu->run->tpr_access.is_write = access == SLAT_TPR_WRITTEN;
	return true;
}

static int write_word(struct slat_vcpu *vcpu, u32 word)
{
	return slat_mmu_write(&vcpu->walker, vcpu->vapic.address, &word, sizeof(word));
}

/**
 * slat_vcpu_set_vapic() - KVM_SET_VAPIC_ADDR
 * @vcpu: loaded
 * @user: where the word is; 0: there is none
 *
 * Return: 0; -EINVAL: user space has the APIC, or that is no memory; -EFAULT.
 */
long slat_vcpu_set_vapic(struct slat_vcpu *vcpu, const void __user *user)
{
	struct kvm_vapic_addr address;
	u32 word;

	if (!vcpu->has_apic)
		return -EINVAL;
	if (copy_from_user(&address, user, sizeof(address)))
		return -EFAULT;
	if (address.vapic_addr &&
	    slat_mmu_read(&vcpu->walker, address.vapic_addr, &word, sizeof(word)))
		return -EINVAL;
	vcpu->vapic.address = address.vapic_addr;
	return 0;
}

/**
 * slat_vcpu_give_vapic() - tell the guest what its APIC says
 * @vcpu: in slat_vcpu_run(), about to enter
 */
void slat_vcpu_give_vapic(struct slat_vcpu *vcpu)
{
	const struct slat_lapic *lapic = &vcpu->apic.lapic;
	int service, request;

	vcpu->vapic.given = false;
	if (!vcpu->vapic.address)
		return;
	service = max(slat_lapic_in_service(lapic), 0);
	request = max(slat_lapic_requested(lapic), 0);
	vcpu->vapic.tpr = slat_lapic_reg(lapic, SLAT_APIC_TPR);
	vcpu->vapic.given = !write_word(vcpu, vcpu->vapic.tpr |
					      (service & 0xf0) << SERVICE_SHIFT |
					      (u32)request << REQUEST_SHIFT);
}

/**
 * slat_vcpu_take_vapic() - what the guest has made of its task priority
 * @vcpu: loaded, after an exit
 */
void slat_vcpu_take_vapic(struct slat_vcpu *vcpu)
{
	u8 tpr;

	if (!vcpu->vapic.given ||
	    slat_mmu_read(&vcpu->walker, vcpu->vapic.address, &tpr, sizeof(tpr)) ||
	    tpr == vcpu->vapic.tpr)
		return;
	slat_lapic_write(&vcpu->apic.lapic, SLAT_APIC_TPR, tpr);
}
