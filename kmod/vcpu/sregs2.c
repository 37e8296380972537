// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_GET_SREGS2 and KVM_SET_SREGS2: special registers as KVM_GET_SREGS has
 * them, with PAE's pointers in place of the interrupt that is due.
 */
#include <linux/build_bug.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "vcpu/vcpu.h"

/* What both structures begin with. */
#define COMMON	offsetof(struct kvm_sregs, interrupt_bitmap)
static_assert(offsetof(struct kvm_sregs2, flags) == COMMON);

static bool pae(u64 cr0, u64 cr4, u64 efer)
{
	return cr0 & X86_CR0_PG && cr4 & X86_CR4_PAE && !(efer & EFER_LMA);
}

/**
 * slat_vcpu_get_sregs2() - KVM_GET_SREGS2
 * @vcpu: loaded
 * @user: struct kvm_sregs2
 *
 * Return: 0 or -EFAULT.
 */
long slat_vcpu_get_sregs2(struct slat_vcpu *vcpu, void __user *user)
{
	struct slat_cpu *cpu = &vcpu->cpu;
	struct kvm_sregs2 sregs2 = { };
	struct kvm_sregs sregs;

	slat_vcpu_read_sregs(vcpu, &sregs);
	memcpy(&sregs2, &sregs, COMMON);
	if (pae(cpu->cr0, cpu->cr4, cpu->efer)) {
		if (cpu->reads_pdptrs)
			slat_vcpu_load_pdptrs(vcpu);
		sregs2.flags = KVM_SREGS2_FLAGS_PDPTRS_VALID;
		memcpy(sregs2.pdptrs, cpu->pdptr, sizeof(sregs2.pdptrs));
	}
	return copy_to_user(user, &sregs2, sizeof(sregs2)) ? -EFAULT : 0;
}

/**
 * slat_vcpu_set_sregs2() - KVM_SET_SREGS2
 * @vcpu: loaded
 * @user: struct kvm_sregs2
 *
 * Return: 0; -EINVAL: an unknown flag, pointers that are not used or have
 * reserved bits set, or a state that no CPU can be in; -EFAULT.
 */
long slat_vcpu_set_sregs2(struct slat_vcpu *vcpu, const void __user *user)
{
	struct kvm_sregs2 sregs2;
	struct kvm_sregs sregs;
	bool pointers;
	int err;

	if (copy_from_user(&sregs2, user, sizeof(sregs2)))
		return -EFAULT;
	if (sregs2.flags & ~(u64)KVM_SREGS2_FLAGS_PDPTRS_VALID)
		return -EINVAL;
	pointers = sregs2.flags & KVM_SREGS2_FLAGS_PDPTRS_VALID;
	if (pointers && (!pae(sregs2.cr0, sregs2.cr4, sregs2.efer) ||
			 !slat_cpu_pdptrs_valid(&vcpu->cpu, sregs2.pdptrs)))
		return -EINVAL;

	/* The interrupt that is due stays. */
	slat_vcpu_read_sregs(vcpu, &sregs);
	memcpy(&sregs, &sregs2, COMMON);
	err = slat_vcpu_write_sregs(vcpu, &sregs);
	if (err || !pointers)
		return err;
	memcpy(vcpu->cpu.pdptr, sregs2.pdptrs, sizeof(vcpu->cpu.pdptr));
	slat_cpu_changed(&vcpu->cpu, SLAT_STATE_CR3);
	return 0;
}
