// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device attributes (KVM_HAS_DEVICE_ATTR and its like): of the device, what
 * guests are offered; of a vCPU, its TSC.
 */
#include <linux/kernel.h>
#include <linux/uaccess.h>

#include "vcpu/vcpu.h"

/* Where the value is; NULL where no pointer reaches. */
static u64 __user *value_of(const struct kvm_device_attr *attr)
{
	unsigned long address = attr->addr;

	return address == attr->addr ? (u64 __user *)address : NULL;
}

/**
 * slat_dev_attr() - KVM_HAS_DEVICE_ATTR, KVM_GET_DEVICE_ATTR of the device
 * @user: struct kvm_device_attr
 * @get: the value, not only whether it is there
 *
 * Process context.
 *
 * Return: 0; -ENXIO: there is no such attribute; -EFAULT.
 */
long slat_dev_attr(const void __user *user, bool get)
{
	struct kvm_device_attr attr;

	if (copy_from_user(&attr, user, sizeof(attr)))
		return -EFAULT;
	if (attr.group || attr.attr != KVM_X86_XCOMP_GUEST_SUPP)
		return -ENXIO;
	if (!get)
		return 0;
	return put_user(slat_xcr0_offered(), value_of(&attr));
}

/**
 * slat_vcpu_attr() - KVM_HAS_DEVICE_ATTR and its like of a vCPU
 * @vcpu: loaded
 * @cmd: which of them
 * @user: struct kvm_device_attr
 *
 * Process context.
 *
 * Return: 0; -ENXIO: there is no such attribute; -EFAULT.
 */
long slat_vcpu_attr(struct slat_vcpu *vcpu, unsigned int cmd, const void __user *user)
{
	struct kvm_device_attr attr;
	u64 offset;

	if (copy_from_user(&attr, user, sizeof(attr)))
		return -EFAULT;
	if (attr.group != KVM_VCPU_TSC_CTRL || attr.attr != KVM_VCPU_TSC_OFFSET)
		return -ENXIO;
	switch (cmd) {
	case KVM_GET_DEVICE_ATTR:
		return put_user(vcpu->cpu.tsc_offset, value_of(&attr));
	case KVM_SET_DEVICE_ATTR:
		if (get_user(offset, value_of(&attr)))
			return -EFAULT;
		slat_vcpu_set_tsc_offset(vcpu, offset);
		return 0;
	default:
		return 0;
	}
}
