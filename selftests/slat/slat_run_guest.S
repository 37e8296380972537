/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A kernel for `slat run' that fits on a page: it says "up" on the serial port,
 * then does what the last letter of its command line names.
 *
 *	o  switch off			r  restart by ACPI's register
 *	k  restart by the keyboard's	t  triple fault
 *	h  halt				b  send for ever
 *	e  echo until q, R or X		m  say what the first virtio device is
 *	x  run where there is no memory	c  say the command line, then off
 *
 * Of the keys that end the echo q switches off, R is r, X is x.
 */
#define SERIAL		0x3f8
#define SERIAL_IER	0x3f9
#define SERIAL_LSR	0x3fd
#define POWER_CONTROL	0x604
#define POWER_OFF	0x3400		/* SLP_TYP 5, SLP_EN */
#define RESET		0x608
#define KEYBOARD	0x64
#define VIRTIO		0xd0000000
#define NOWHERE		0xc8000000
#define COMMAND_LINE	0x228		/* boot_params.hdr.cmd_line_ptr */

	.macro	on letter, label
	cmp	$\letter, %bl
	je	\label
	.endm

	.text
	.globl	_start
_start:
	mov	COMMAND_LINE(%rsi), %edi
	mov	%rdi, %r15
1:	mov	(%rdi), %al
	test	%al, %al
	jz	2f
	mov	%al, %bl
	inc	%rdi
	jmp	1b

2:	lea	up(%rip), %rsi
	call	say
	on	'o', off
	on	'r', restart
	on	'k', keyboard
	on	't', triple
	on	'h', halt
	on	'b', babble
	on	'e', echo
	on	'm', device
	on	'x', nowhere
	on	'c', command

triple:
	ud2

halt:
	hlt
	jmp	halt

restart:
	mov	$RESET, %dx
	mov	$1, %al
	out	%al, %dx
	jmp	halt

keyboard:
	mov	$0xfe, %al
	out	%al, $KEYBOARD
	jmp	halt

babble:
	lea	up(%rip), %rsi
	call	say
	jmp	babble

/* The port gives bytes to those that would be interrupted by them. */
echo:
	mov	$SERIAL_IER, %dx
	mov	$1, %al
	out	%al, %dx
1:	mov	$SERIAL_LSR, %dx
	in	%dx, %al
	test	$1, %al
	jz	1b
	mov	$SERIAL, %dx
	in	%dx, %al
	out	%al, %dx
	mov	%al, %bl
	on	'q', off
	on	'R', restart
	on	'X', nowhere
	jmp	1b

device:
	mov	$VIRTIO, %edi
	mov	(%rdi), %eax
	mov	$4, %ecx
	mov	$SERIAL, %dx
1:	out	%al, %dx
	shr	$8, %eax
	loop	1b
	jmp	off

nowhere:
	mov	$NOWHERE, %eax
	jmp	*%rax

command:
	mov	%r15, %rsi
	call	say

off:
	mov	$POWER_CONTROL, %dx
	mov	$POWER_OFF, %ax
	out	%ax, %dx
	jmp	halt

/* Sends the string at RSI. */
say:
	mov	$SERIAL, %dx
1:	lodsb
	test	%al, %al
	jz	2f
	out	%al, %dx
	jmp	1b
2:	ret

up:	.asciz	"up\n"

	.section .note.GNU-stack, "", @progbits
