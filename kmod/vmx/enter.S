/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From the host into the guest and back: the registers that VM entry and VM
 * exit leave to software (SDM vol. 3C, 27 and 28).
 */
#include <linux/linkage.h>
#include <asm/asm.h>
#include <asm/cpufeatures.h>
#include <asm/msr-index.h>
#include <asm/nospec-branch.h>
#include <asm/percpu.h>
#include <asm/unwind_hints.h>

#include "cpu/switch.S"

	.section .noinstr.text, "ax"

/*
 * bool slat_vmx_switch(u64 *gpr, bool launched)
 *
 * Enters the guest of the current VMCS and returns after its exit, interrupts
 * off throughout.  @gpr: its general-purpose registers in the order of their
 * numbers; RSP's is the VMCS's.  Returns false if the CPU refused to enter.
 */
SYM_FUNC_START(slat_vmx_switch)
	SAVE_HOST_GPRS

	/* What the way back needs, on top of the stack it comes back to. */
	push	%rdi
	mov	$0x6c14, %eax		/* HOST_RSP */
.Lhost_rsp:
	vmwrite	%rsp, %rax

	/* In CF, which nothing changes from here to the entry. */
	bt	$0, %esi

	mov	%rdi, %rax
	LOAD_GUEST_GPRS
	mov	GPR(0)(%rax), %rax

	/* Only ZF. */
	VM_CLEAR_CPU_BUFFERS

	UNWIND_HINT_SAVE
	jnc	.Llaunch
.Lresume:
	vmresume
	jmp	.Lrefused
.Llaunch:
	vmlaunch
	jmp	.Lrefused

	_ASM_EXTABLE(.Lhost_rsp, .Lrefused)
	_ASM_EXTABLE(.Lresume, .Lrefused)
	_ASM_EXTABLE(.Llaunch, .Lrefused)

/* HOST_RIP */
SYM_INNER_LABEL_ALIGN(slat_vmx_exit_point, SYM_L_GLOBAL)
	UNWIND_HINT_RESTORE
	ENDBR
	/* One word of scratch: the guest's RAX. */
	push	%rax
	mov	8(%rsp), %rax
	STORE_GUEST_GPRS
	pop	GPR(0)(%rax)
	mov	$1, %eax

.Lback:
	/* No return address that the guest has left, before any RET. */
	FILL_RETURN_BUFFER %rcx, RSB_CLEAR_LOOPS, X86_FEATURE_RSB_VMEXIT, \
			   X86_FEATURE_RSB_VMEXIT_LITE

	/*
	 * Where the kernel keeps IBRS set: it holds for predictions that were
	 * made before the exit only once it is written again.  The guest does
	 * not reach this MSR.
	 */
	ALTERNATIVE "jmp .Lno_ibrs", "", X86_FEATURE_KERNEL_IBRS
	mov	%eax, %esi
	mov	$MSR_IA32_SPEC_CTRL, %ecx
	mov	PER_CPU_VAR(x86_spec_ctrl_current), %eax
	mov	PER_CPU_VAR(x86_spec_ctrl_current + 4), %edx
	wrmsr
	mov	%esi, %eax
.Lno_ibrs:
	CLEAR_BRANCH_HISTORY_VMEXIT

	CLEAR_GUEST_GPRS

	add	$8, %rsp
	RESTORE_HOST_GPRS
	RET

.Lrefused:
	xor	%eax, %eax
	jmp	.Lback
SYM_FUNC_END(slat_vmx_switch)
