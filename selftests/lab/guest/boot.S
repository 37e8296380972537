/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The boot sector of the lab's disc: copies runs of sectors to memory as a
 * table says, then enters Linux's real-mode code. disc.py lays out the disc,
 * fills in the table and prepares what the boot protocol asks for; so nothing
 * is parsed here. A general boot loader spent half of the boot.
 *
 * Both services are the BIOS's: INT 13h, AH=42h reads into a buffer below 1 MiB,
 * INT 15h, AH=87h moves that to its place above.
 */
#define BUFFER		0x10000
#define CHUNK		64		/* sectors */
#define SETUP_SEGMENT	0x9000		/* where disc.py puts Linux's setup code */
#define SETUP_STACK	0xdff0

	.code16
	.globl _start
_start:
	xor	%ax, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %ss
	mov	$_start, %sp
	ljmp	$0, $copy

copy:
	mov	$table - 12, %bp
next_run:
	add	$12, %bp
	cmpl	$0, 4(%bp)
	je	enter
next_chunk:
	mov	4(%bp), %eax
	test	%eax, %eax
	jz	next_run
	cmp	$CHUNK, %eax
	jbe	1f
	mov	$CHUNK, %eax
1:	mov	%ax, packet_count
	mov	(%bp), %ecx
	mov	%ecx, packet_sector
	mov	8(%bp), %ecx
	mov	%cx, to_base
	shr	$16, %ecx
	mov	%cl, to_base + 2
	mov	%ch, to_base_high

	add	%eax, (%bp)			/* the next chunk of this run */
	sub	%eax, 4(%bp)
	shl	$9, %eax
	add	%eax, 8(%bp)
	shr	%eax
	push	%ax

	mov	$packet, %si			/* %dl: the drive, from the BIOS */
	mov	$0x42, %ah
	int	$0x13
	jc	stop
	pop	%cx				/* words */
	mov	$descriptors, %si
	mov	$0x87, %ah
	int	$0x15
	jnc	next_chunk
stop:
	hlt
	jmp	stop

enter:
	cli
	mov	$SETUP_SEGMENT, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %fs
	mov	%ax, %gs
	mov	%ax, %ss
	mov	$SETUP_STACK, %sp
	ljmp	$SETUP_SEGMENT + 0x20, $0

	.balign	8
packet:
	.byte	16, 0
packet_count:
	.word	0
	.word	BUFFER & 0xf, BUFFER >> 4
packet_sector:
	.quad	0

descriptors:
	.quad	0, 0
	.word	0xffff, BUFFER & 0xffff
	.byte	BUFFER >> 16, 0x93
	.word	0
	.word	0xffff
to_base:
	.byte	0, 0, 0
	.byte	0x93, 0
to_base_high:
	.byte	0
	.quad	0, 0

	/* first sector, sectors, address; ends with no sectors */
	.org	0x1c0
table:
	.org	510
	.word	0xaa55
