/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Calling the kernel's NMI handler where an NMI has ended a guest's stay: as if
 * it had come now.
 */
#include <linux/linkage.h>
#include <asm/nospec-branch.h>
#include <asm/segment.h>

#include "compat/probed.h"

#ifdef SLAT_HAVE_NMI_KVM_VMX
#define NMI_HANDLER	asm_exc_nmi_kvm_vmx
#else
#define NMI_HANDLER	asm_exc_nmi_noist
#endif

	.section .noinstr.text, "ax"

/* Interrupts off; returns with NMIs unblocked, by the handler's IRET. */
SYM_FUNC_START(slat_raise_nmi)
	push	%rbp
	mov	%rsp, %rbp
	/* What an interrupt pushes: SS, RSP, RFLAGS, CS, and RIP by the call. */
	and	$-16, %rsp
	push	$__KERNEL_DS
	push	%rbp
	pushf
	push	$__KERNEL_CS
	call	NMI_HANDLER
	/* The IRET has done it; for who reads the code. */
	mov	%rbp, %rsp
	pop	%rbp
	RET
SYM_FUNC_END(slat_raise_nmi)
