/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The code that runs one instruction, to be copied to where the instruction can
 * be written into its gap.  All data is relative to RIP: no register is free.
 */
#include "insn_native.h"

#define GPRS		native_state
#define RFLAGS		native_state + 128
#define HOST_RSP	native_state + 136
#define HAS_AVX		native_state + 144
#define VECTORS		native_state + 256

	.section .note.GNU-stack, "", @progbits
	.section .rodata

.macro each_gpr from:req
	\from 0, rax
	\from 1, rcx
	\from 2, rdx
	\from 3, rbx
	\from 5, rbp
	\from 6, rsi
	\from 7, rdi
	\from 8, r8
	\from 9, r9
	\from 10, r10
	\from 11, r11
	\from 12, r12
	\from 13, r13
	\from 14, r14
	\from 15, r15
	\from 4, rsp
.endm

.macro load_gpr nr:req name:req
	movq	GPRS + 8 * \nr(%rip), %\name
.endm

.macro store_gpr nr:req name:req
	movq	%\name, GPRS + 8 * \nr(%rip)
.endm

	.globl	native_begin
native_begin:
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	movq	%rsp, HOST_RSP(%rip)
	cmpq	$0, HAS_AVX(%rip)
	je	1f
.irp nr, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
	vmovdqu	VECTORS + 32 * \nr(%rip), %ymm\nr
.endr
	jmp	2f
1:
.irp nr, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
	movdqu	VECTORS + 32 * \nr(%rip), %xmm\nr
.endr
2:
	pushq	RFLAGS(%rip)
	popfq
	each_gpr load_gpr

	.globl	native_gap
native_gap:
	.fill	15, 1, 0x90

	.globl	native_exit
native_exit:
	each_gpr store_gpr
	movq	HOST_RSP(%rip), %rsp
	pushfq
	popq	RFLAGS(%rip)
	cld
	cmpq	$0, HAS_AVX(%rip)
	je	1f
.irp nr, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
	vmovdqu	%ymm\nr, VECTORS + 32 * \nr(%rip)
.endr
	vzeroupper
	jmp	2f
1:
.irp nr, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
	movdqu	%xmm\nr, VECTORS + 32 * \nr(%rip)
.endr
2:
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	ret
	.balign	64

	.globl	native_state
native_state:
	.fill	NATIVE_SIZE
	.globl	native_end
native_end:
