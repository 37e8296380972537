/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the 16-bit setup code of a kernel asks a PC's firmware for.  boot_real.c
 * copies it to the beginning of a segment; CS is that segment, and an address
 * here is what comes between it and slat_bios.
 *
 *	int 10h	AH 0eh: AL goes to the serial port; there is no screen
 *	int 13h	there is no disk
 *	int 15h	EAX e820h: the map of memory; nothing else is known
 *	int 16h	no key is pressed
 *
 * All other interrupts do nothing.
 */
#define OFFSET(label)	(label - slat_bios)
#define SERIAL		0x3f8
#define TELETYPE	0x0e
#define MEMORY_MAP	0xe820
#define SMAP		0x534d4150
#define ENTRY_SIZE	20
#define UNKNOWN		0x86
#define CARRY		0x01
#define ZERO		0x40
#define FLAGS		6(%bp)	/* above BP, IP and CS */

	.section .rodata
	.code16

/* struct bios of bios.h */
	.balign	4
	.globl	slat_bios
slat_bios:
	.word	OFFSET(ignore), OFFSET(video), OFFSET(disk), OFFSET(system), OFFSET(keyboard)
entries:
	.word	0
map:
	.skip	8 * ENTRY_SIZE

ignore:
	iretw

video:
	cmp	$TELETYPE, %ah
	jne	ignore
	push	%dx
	mov	$SERIAL, %dx
	out	%al, %dx
	pop	%dx
	iretw

keyboard:
	xor	%ax, %ax
	push	%bp
	mov	%sp, %bp
	orw	$ZERO, FLAGS
	pop	%bp
	iretw

disk:
	mov	$1, %ah		/* invalid function */
fail:
	push	%bp
	mov	%sp, %bp
	orw	$CARRY, FLAGS
	pop	%bp
	iretw

/* EBX counts, ES:DI and ECX are the caller's buffer. */
system:
	cmp	$MEMORY_MAP, %eax
	jne	unknown
	cmp	$SMAP, %edx
	jne	unknown
	cmp	$ENTRY_SIZE, %ecx
	jb	unknown
	movzwl	%cs:OFFSET(entries), %eax
	cmp	%eax, %ebx
	jae	unknown

	push	%ds
	push	%si
	push	%di
	push	%cs
	pop	%ds
	imul	$ENTRY_SIZE, %bx, %si
	add	$OFFSET(map), %si
	mov	$ENTRY_SIZE, %ecx
	cld
	rep movsb
	mov	$ENTRY_SIZE, %ecx
	pop	%di
	pop	%si
	pop	%ds

	inc	%ebx
	cmp	%eax, %ebx
	jb	1f
	xor	%ebx, %ebx	/* that was the last */
1:	mov	%edx, %eax
	push	%bp
	mov	%sp, %bp
	andw	$~CARRY, FLAGS
	pop	%bp
	iretw

unknown:
	mov	$UNKNOWN, %ah
	jmp	fail

	.balign	4
	.globl	slat_bios_size
slat_bios_size:
	.long	OFFSET(slat_bios_size)

	.section .note.GNU-stack, "", @progbits
