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

static inline int slat_vmclear(u64 vmcs)
{
	u8 result = VMX_FAULTED;

	asm volatile(VMX_TRY("vmclear %1") : "+q" (result) : "m" (vmcs) : "cc", "memory");
	return slat_vmx_errno(result);
}

static inline int slat_vmptrld(u64 vmcs)
{
	u8 result = VMX_FAULTED;

	asm volatile(VMX_TRY("vmptrld %1") : "+q" (result) : "m" (vmcs) : "cc", "memory");
	return slat_vmx_errno(result);
}

/*
 * Fields of the current VMCS.  A read of a field that this CPU does not have
 * gives 0; slat_vmwrite_failed() reports such a write once.
 */
static __always_inline u64 slat_vmread(u32 field)
{
	u64 value = 0;

	asm volatile("1: vmread %1, %0\n2:\n\t" _ASM_EXTABLE(1b, 2b)
		     : "+r" (value) : "r" ((u64)field) : "cc");
	return value;
}

void slat_vmwrite_failed(u32 field, u64 value);

static inline void slat_vmwrite(u32 field, u64 value)
{
	u8 result = VMX_FAULTED;

	asm volatile(VMX_TRY("vmwrite %1, %2")
		     : "+q" (result) : "r" (value), "r" ((u64)field) : "cc");
	if (result == 1)
		slat_vmwrite_failed(field, value);
}

/* A field that the VMCS has as *@cached says, which changes rarely. */
static inline void slat_vmwrite_cached(u32 field, u64 *cached, u64 value)
{
	if (*cached == value)
		return;
	*cached = value;
	slat_vmwrite(field, value);
}

/* Drop all translations of one EPT root from this CPU's TLB. */
static inline int slat_invept_single(u64 eptp)
{
	const struct {
		u64 eptp, reserved;
	} one = { .eptp = eptp };
	u8 result = VMX_FAULTED;

	asm volatile(VMX_TRY("invept %1, %2")
		     : "+q" (result) : "m" (one), "r" ((u64)VMX_EPT_EXTENT_CONTEXT)
		     : "cc", "memory");
	return slat_vmx_errno(result);
}

/* Drop all translations of one VPID from this CPU's TLB. */
static inline int slat_invvpid_single(u16 vpid)
{
	const struct {
		u64 vpid, gva;
	} one = { .vpid = vpid };
	u8 result = VMX_FAULTED;

	asm volatile(VMX_TRY("invvpid %1, %2")
		     : "+q" (result) : "m" (one), "r" ((u64)VMX_VPID_EXTENT_SINGLE_CONTEXT)
		     : "cc", "memory");
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
