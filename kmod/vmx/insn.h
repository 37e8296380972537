/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VMX instructions (SDM vol. 3C, chapter 31).
 *
 * Each carries a fixup: after an emergency VMXOFF on this CPU (crash, forced
 * restart) it raises #UD.  -EFAULT says that it faulted, -EIO that the CPU
 * executed and failed it.
 */
#ifndef SLAT_VMX_INSN_H
#define SLAT_VMX_INSN_H

#include <linux/errno.h>
#include <linux/types.h>
#include <asm/asm.h>
#include <asm/vmx.h>

/*
 * Runs an instruction and leaves in operand 0 whether it failed: CF means
 * VMfailInvalid, ZF VMfailValid.  One that faults leaves operand 0 alone.
 */
#define VMX_TRY(insn)	"1: " insn "\n\tsetbe %0\n2:\n\t" _ASM_EXTABLE(1b, 2b)
#define VMX_FAULTED	2

static inline int slat_vmx_errno(u8 result)
{
	return !result ? 0 : result == VMX_FAULTED ? -EFAULT : -EIO;
}

static inline int slat_vmxon(u64 region)
{
	u8 result = VMX_FAULTED;

	asm volatile(VMX_TRY("vmxon %1")
		     : "+q" (result) : "m" (region) : "cc", "memory");
	return slat_vmx_errno(result);
}

static inline int slat_vmxoff(void)
{
	u8 result = VMX_FAULTED;

	asm volatile(VMX_TRY("vmxoff") : "+q" (result) : : "cc", "memory");
	return slat_vmx_errno(result);
}

/* Drop all translations of all EPT tables from this CPU's TLB. */
static inline int slat_invept_global(void)
{
	const struct {
		u64 eptp, reserved;
	} all = { };
	u8 result = VMX_FAULTED;

	asm volatile(VMX_TRY("invept %1, %2")
		     : "+q" (result) : "m" (all), "r" ((u64)VMX_EPT_EXTENT_GLOBAL)
		     : "cc", "memory");
	return slat_vmx_errno(result);
}

/* Drop all translations of all VPIDs but 0 from this CPU's TLB. */
static inline int slat_invvpid_all(void)
{
	const struct {
		u64 vpid, gva;
	} all = { };
	u8 result = VMX_FAULTED;

	asm volatile(VMX_TRY("invvpid %1, %2")
		     : "+q" (result) : "m" (all), "r" ((u64)VMX_VPID_EXTENT_ALL_CONTEXT)
		     : "cc", "memory");
	return slat_vmx_errno(result);
}

#endif /* SLAT_VMX_INSN_H */
