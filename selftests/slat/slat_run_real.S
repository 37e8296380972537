/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A bzImage for `slat run --boot real' whose setup code is all there is: it says on the
 * screen what it finds, then switches off.
 *
 *	loader XXYYYY	type_of_loader, heap_end_ptr
 *	map XXXXXXXX	bytes of memory by int 15h, EAX e820h
 *	nothing else	int 13h, 15h and 16h have refused what they do not have
 *
 * and the command line.
 */
#define POWER_CONTROL	0x604
#define POWER_OFF	0x3400
#define PROTOCOL	0x020f
#define SMAP		0x534d4150
#define ENTRY_SIZE	20

	.macro	say string
	mov	$\string, %si
	call	print
	.endm

	.text
	.code16
	.globl	_start
_start:
	.org	0x1f1
	.byte	7			/* setup_sects */
	.org	0x1fe
	.word	0xaa55
	.byte	0xeb, start - 1f
1:	.ascii	"HdrS"
	.word	PROTOCOL
	.org	0x210
loader:	.byte	0
	.byte	1			/* loadflags: LOADED_HIGH */
	.org	0x224
heap_end:
	.word	0
	.org	0x228
command_line:
	.long	0
	.long	0x7fffffff		/* initrd_addr_max */
	.org	0x236
	.word	1			/* xloadflags: XLF_KERNEL_64 */
	.long	2047			/* cmdline_size */
	.org	0x258
	.quad	0x1000000		/* pref_address */
	.long	0x10000			/* init_size */
	.org	0x26c

/* The protocol: all segments but CS are where this file is. */
start:
	sti
	say	text_loader
	movzbl	loader, %eax
	shl	$16, %eax
	mov	heap_end, %ax
	mov	$6, %cx
	call	print_hex

	say	text_map
	xor	%ebx, %ebx
	xor	%ebp, %ebp
1:	mov	$0xe820, %eax
	mov	$SMAP, %edx
	mov	$ENTRY_SIZE, %ecx
	mov	$buffer, %di
	int	$0x15
	jc	2f
	cmp	$SMAP, %eax
	jne	2f
	cmp	$buffer, %di
	jne	2f
	add	buffer + 8, %ebp
	test	%ebx, %ebx
	jnz	1b
2:	mov	%ebp, %eax
	mov	$8, %cx
	call	print_hex

	mov	$0x80, %dl		/* a disk's extensions */
	mov	$0x4100, %ax
	mov	$0x55aa, %bx
	int	$0x13
	jnc	off
	mov	$0xe801, %ax
	int	$0x15
	jnc	off
	mov	$0xe820, %eax		/* a buffer that is too small */
	mov	$SMAP, %edx
	mov	$ENTRY_SIZE - 1, %ecx
	xor	%ebx, %ebx
	int	$0x15
	jnc	off
	mov	$0xe820, %eax		/* an entry that is not there */
	mov	$ENTRY_SIZE, %ecx
	mov	$0x10000, %ebx
	int	$0x15
	jnc	off
	mov	$0x100, %ax		/* a key */
	int	$0x16
	jnz	off
	int	$0x70			/* an interrupt */
	say	text_nothing

	mov	command_line, %eax
	shr	$4, %eax
	mov	%ax, %ds
	xor	%si, %si
	call	print

off:
	mov	$POWER_CONTROL, %dx
	mov	$POWER_OFF, %ax
	out	%ax, %dx
	jmp	off

/* The last CX digits of EAX. */
print_hex:
	mov	%eax, %edx
	mov	%cx, %si
	shl	$2, %cx
	ror	%cl, %edx
	mov	%si, %cx
1:	rol	$4, %edx
	mov	%dl, %al
	and	$0xf, %al
	add	$'0', %al
	cmp	$'9', %al
	jbe	2f
	add	$'a' - '9' - 1, %al
2:	mov	$0x0e, %ah
	int	$0x10
	loop	1b
	ret

/* The string at DS:SI. */
print:
	lodsb
	test	%al, %al
	jz	1f
	mov	$0x0e, %ah
	int	$0x10
	jmp	print
1:	ret

text_loader:	.asciz	"loader "
text_map:	.asciz	", map "
text_nothing:	.asciz	", nothing else, "
buffer:		.skip	ENTRY_SIZE

/* The kernel proper, which is never entered. */
	.org	0x1000
	.skip	0x1000
