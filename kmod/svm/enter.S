/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From the host into the guest and back: the registers that VMRUN leaves to
 * software (APM 15.5).
 */
#include <linux/linkage.h>
#include <asm/asm.h>
#include <asm/cpufeatures.h>
#include <asm/nospec-branch.h>
#include <asm/unwind_hints.h>

#include "compat/untrain.h"
#include "cpu/switch.S"

	.section .noinstr.text, "ax"

/*
 * bool slat_svm_switch(u64 *gpr, u64 vmcb, u64 host)
 *
 * Enters the guest of a VMCB and returns after its exit, interrupts off.
 * @gpr: its general-purpose registers in the order of their numbers; RAX and
 * RSP are the VMCB's.  @vmcb, @host: physical addresses; VMSAVE keeps the
 * host's segments and MSRs in @host.  Returns false if AMD-V is off.
 *
 * From CLGI to STGI nothing interrupts, NMIs included: the per-CPU base is the
 * guest's.  IF is set so that a host interrupt ends the guest's stay.
 */
SYM_FUNC_START(slat_svm_switch)
	SAVE_HOST_GPRS

	push	%rdx
	push	%rsi
	push	%rdi

.Lclgi:
	clgi
	/* Well before VMRUN, which would take STI's interrupt shadow into the guest. */
	sti
	mov	%rdx, %rax
	/* Not once for many entries: another thread may change the LDT. */
	vmsave	%rax
	mov	%rsi, %rax
	vmload	%rax

	mov	%rdi, %rax
	LOAD_GUEST_GPRS
	mov	8(%rsp), %rax

	VM_CLEAR_CPU_BUFFERS

	vmrun	%rax
	cli

	/* RAX is the host's again: the VMCB's address. */
	vmsave	%rax
	mov	(%rsp), %rax
	STORE_GUEST_GPRS
	mov	16(%rsp), %rax
	vmload	%rax

	/* No return address that the guest has left, before any RET. */
	FILL_RETURN_BUFFER %rax, RSB_CLEAR_LOOPS, X86_FEATURE_RSB_VMEXIT
	UNTRAIN_RET_VM

	CLEAR_GUEST_GPRS

	/* An NMI that has ended the stay comes now. */
	stgi
	mov	$1, %eax
.Lback:
	add	$24, %rsp
	RESTORE_HOST_GPRS
	RET

.Lrefused:
	xor	%eax, %eax
	jmp	.Lback

	_ASM_EXTABLE(.Lclgi, .Lrefused)
SYM_FUNC_END(slat_svm_switch)
