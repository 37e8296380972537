// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's FPU state for user space: KVM_GET_FPU, XSAVE, XCRS and their
 * setters.  It is not in the registers: no KVM_RUN is on its way.
 *
 * What user space gives is an image as XSAVE writes it in its standard format
 * (SDM vol. 1, 13.4); the kernel checks it and brings it into its own.
 */
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <asm/fpu/api.h>
#include <asm/fpu/types.h>

#include "vcpu/vcpu.h"

/* The image that SET_XSAVE and GET_XSAVE exchange; a larger one needs XSAVE2. */
#define XSAVE_SIZE	sizeof(struct kvm_xsave)

static unsigned int image_size(const struct slat_vcpu *vcpu)
{
	return max_t(unsigned int, vcpu->fpu.uabi_size, XSAVE_SIZE);
}

static u64 components(void)
{
	return slat_xcr0_offered() | XFEATURE_MASK_FPSSE;
}

/* An image of the state as it is; kvfree() it.  NULL without memory. */
static struct xregs_state *image_get(struct slat_vcpu *vcpu)
{
	struct xregs_state *image = kvzalloc(image_size(vcpu), GFP_KERNEL_ACCOUNT);

	if (image)
		fpu_copy_guest_fpstate_to_uabi(&vcpu->fpu, image, image_size(vcpu),
					       components(), 0);
	return image;
}

static int image_set(struct slat_vcpu *vcpu, const struct xregs_state *image)
{
	u32 pkru;

	return fpu_copy_uabi_to_guest_fpstate(&vcpu->fpu, image, components(), &pkru);
}

/**
 * slat_vcpu_get_fpu() - KVM_GET_FPU: x87 and SSE
 * @vcpu: whose
 * @user: struct kvm_fpu
 *
 * Return: 0, -EFAULT, -ENOMEM.
 */
long slat_vcpu_get_fpu(struct slat_vcpu *vcpu, void __user *user)
{
	struct xregs_state *image = image_get(vcpu);
	struct kvm_fpu fpu = { };

	if (!image)
		return -ENOMEM;
	memcpy(fpu.fpr, image->i387.st_space, sizeof(fpu.fpr));
	memcpy(fpu.xmm, image->i387.xmm_space, sizeof(fpu.xmm));
	fpu.fcw = image->i387.cwd;
	fpu.fsw = image->i387.swd;
	fpu.ftwx = image->i387.twd;
	fpu.last_opcode = image->i387.fop;
	fpu.last_ip = image->i387.rip;
	fpu.last_dp = image->i387.rdp;
	fpu.mxcsr = image->i387.mxcsr;
	kvfree(image);
	return copy_to_user(user, &fpu, sizeof(fpu)) ? -EFAULT : 0;
}

/**
 * slat_vcpu_set_fpu() - KVM_SET_FPU; what is not x87 or SSE stays
 * @vcpu: whose
 * @user: struct kvm_fpu
 *
 * Return: 0; -EINVAL: MXCSR has reserved bits; -EFAULT; -ENOMEM.
 */
long slat_vcpu_set_fpu(struct slat_vcpu *vcpu, const void __user *user)
{
	struct xregs_state *image;
	struct kvm_fpu fpu;
	long ret;

	if (copy_from_user(&fpu, user, sizeof(fpu)))
		return -EFAULT;
	image = image_get(vcpu);
	if (!image)
		return -ENOMEM;
	memcpy(image->i387.st_space, fpu.fpr, sizeof(fpu.fpr));
	memcpy(image->i387.xmm_space, fpu.xmm, sizeof(fpu.xmm));
	image->i387.cwd = fpu.fcw;
	image->i387.swd = fpu.fsw;
	image->i387.twd = fpu.ftwx;
	image->i387.fop = fpu.last_opcode;
	image->i387.rip = fpu.last_ip;
	image->i387.rdp = fpu.last_dp;
	image->i387.mxcsr = fpu.mxcsr;
	image->header.xfeatures |= XFEATURE_MASK_FPSSE;
	ret = image_set(vcpu, image);
	kvfree(image);
	return ret;
}

static long get_xsave(struct slat_vcpu *vcpu, void __user *user, unsigned int size)
{
	struct xregs_state *image = image_get(vcpu);
	long ret;

	if (!image)
		return -ENOMEM;
	ret = copy_to_user(user, image, size) ? -EFAULT : 0;
	kvfree(image);
	return ret;
}

/**
 * slat_vcpu_get_xsave() - KVM_GET_XSAVE
 * @vcpu: whose
 * @user: struct kvm_xsave, 4 KiB
 *
 * Return: 0; -EINVAL: the state is larger, use KVM_GET_XSAVE2; -EFAULT; -ENOMEM.
 */
long slat_vcpu_get_xsave(struct slat_vcpu *vcpu, void __user *user)
{
	if (image_size(vcpu) > XSAVE_SIZE)
		return -EINVAL;
	return get_xsave(vcpu, user, XSAVE_SIZE);
}

/**
 * slat_vcpu_get_xsave2() - KVM_GET_XSAVE2: as many bytes as KVM_CAP_XSAVE2 says
 * @vcpu: the vCPU
 * @user: where user space has it
 */
long slat_vcpu_get_xsave2(struct slat_vcpu *vcpu, void __user *user)
{
	return get_xsave(vcpu, user, image_size(vcpu));
}

/**
 * slat_vcpu_set_xsave() - KVM_SET_XSAVE
 * @vcpu: whose
 * @user: as many bytes as KVM_GET_XSAVE2 gives
 *
 * Return: 0; -EINVAL: no image of a state that the guest can have; -EFAULT;
 * -ENOMEM.
 */
long slat_vcpu_set_xsave(struct slat_vcpu *vcpu, const void __user *user)
{
	struct xregs_state *image = vmemdup_user(user, image_size(vcpu));
	long ret;

	if (IS_ERR(image))
		return PTR_ERR(image);
	ret = image_set(vcpu, image);
	kvfree(image);
	return ret;
}

/**
 * slat_vcpu_get_xcrs() - KVM_GET_XCRS
 * @vcpu: the vCPU
 * @user: where user space has it
 *
 * 0 or -EFAULT.
 */
long slat_vcpu_get_xcrs(struct slat_vcpu *vcpu, void __user *user)
{
	const struct kvm_xcrs xcrs = {
		.nr_xcrs = 1, .xcrs[0].value = vcpu->cpu.xcr0,
	};

	return copy_to_user(user, &xcrs, sizeof(xcrs)) ? -EFAULT : 0;
}

/**
 * slat_vcpu_set_xcrs() - KVM_SET_XCRS
 * @vcpu: the vCPU
 * @user: where user space has it
 *
 * 0, -EFAULT, -EINVAL: no such value or register.
 */
long slat_vcpu_set_xcrs(struct slat_vcpu *vcpu, const void __user *user)
{
	struct kvm_xcrs xcrs;
	unsigned int i;

	if (copy_from_user(&xcrs, user, sizeof(xcrs)))
		return -EFAULT;
	if (xcrs.nr_xcrs > KVM_MAX_XCRS || xcrs.flags)
		return -EINVAL;
	for (i = 0; i < xcrs.nr_xcrs; i++) {
		if (xcrs.xcrs[i].xcr)
			continue;
		if (!slat_cpu_xcr0_valid(&vcpu->cpu, xcrs.xcrs[i].value))
			return -EINVAL;
		vcpu->cpu.xcr0 = xcrs.xcrs[i].value;
		break;
	}
	return 0;
}
