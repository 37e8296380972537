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

#define GPR(number)	((number) * 8)

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
	push	%rbp
	push	%r15
	push	%r14
	push	%r13
	push	%r12
	push	%rbx

	push	%rdx
	push	%rsi
	push	%rdi

.Lclgi:
	clgi
	mov	%rdx, %rax
	/* Not once for many entries: another thread may change the LDT. */
	vmsave	%rax
	mov	%rsi, %rax
	vmload	%rax

	mov	%rdi, %rax
	mov	GPR(1)(%rax), %rcx
	mov	GPR(2)(%rax), %rdx
	mov	GPR(3)(%rax), %rbx
	mov	GPR(5)(%rax), %rbp
	mov	GPR(6)(%rax), %rsi
	mov	GPR(7)(%rax), %rdi
	mov	GPR(8)(%rax), %r8
	mov	GPR(9)(%rax), %r9
	mov	GPR(10)(%rax), %r10
	mov	GPR(11)(%rax), %r11
	mov	GPR(12)(%rax), %r12
	mov	GPR(13)(%rax), %r13
	mov	GPR(14)(%rax), %r14
	mov	GPR(15)(%rax), %r15
	mov	8(%rsp), %rax

	VM_CLEAR_CPU_BUFFERS

	sti
	vmrun	%rax
	cli

	/* RAX is the host's again: the VMCB's address. */
	vmsave	%rax
	mov	(%rsp), %rax
	mov	%rcx, GPR(1)(%rax)
	mov	%rdx, GPR(2)(%rax)
	mov	%rbx, GPR(3)(%rax)
	mov	%rbp, GPR(5)(%rax)
	mov	%rsi, GPR(6)(%rax)
	mov	%rdi, GPR(7)(%rax)
	mov	%r8, GPR(8)(%rax)
	mov	%r9, GPR(9)(%rax)
	mov	%r10, GPR(10)(%rax)
	mov	%r11, GPR(11)(%rax)
	mov	%r12, GPR(12)(%rax)
	mov	%r13, GPR(13)(%rax)
	mov	%r14, GPR(14)(%rax)
	mov	%r15, GPR(15)(%rax)
	mov	16(%rsp), %rax
	vmload	%rax

	/* No return address that the guest has left, before any RET. */
	FILL_RETURN_BUFFER %rax, RSB_CLEAR_LOOPS, X86_FEATURE_RSB_VMEXIT
	UNTRAIN_RET_VM

	/* The guest's values end here, for speculation as well. */
	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%esi, %esi
	xor	%edi, %edi
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d
	xor	%ebx, %ebx
	xor	%ebp, %ebp
	xor	%r12d, %r12d
	xor	%r13d, %r13d
	xor	%r14d, %r14d
	xor	%r15d, %r15d

	/* An NMI that has ended the stay comes now. */
	stgi
	mov	$1, %eax
.Lback:
	add	$24, %rsp
	pop	%rbx
	pop	%r12
	pop	%r13
	pop	%r14
	pop	%r15
	pop	%rbp
	RET

.Lrefused:
	xor	%eax, %eax
	jmp	.Lback

	_ASM_EXTABLE(.Lclgi, .Lrefused)
SYM_FUNC_END(slat_svm_switch)
