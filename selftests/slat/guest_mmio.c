// SPDX-License-Identifier: GPL-2.0-only
/*
 * Instructions that touch a device: each family that Slat executes, by a guest,
 * in each mode.
 *
 * A case runs twice: once where the addresses are memory, so that the CPU
 * executes it, and once where they are a device that this program is.  Memory,
 * registers and the flags after each instruction must be the same.
 */
#include <sys/mman.h>

#include "guest.h"

/*
 * A page of memory, two of device, one of memory: accesses cross both ends.
 * All four are one buffer, which is also what the device keeps.
 */
#define PAGE		0x1000
#define EDGE		0x1000000	/* the first page */
#define DEVICE		(EDGE + PAGE)
#define EDGE_AFTER	(DEVICE + 2 * PAGE)
#define PAGES		4

/* What a case may use, by RSI and RBX: some memory, and a list of flags. */
#define RAM		(DATA + 0x100)
#define FLAGS		(DATA + 0x1000)
#define RAM_SIZE	0x2000

/*
 * T64, T32 and T16 do an instruction and note the flags, as far as the manual
 * defines them.  Each case says which by KEEP first.
 */
#define ASM_MACRO(text) asm(text)

ASM_MACRO(".macro KEEP mask\n .set kept, \\mask\n .endm\n");
ASM_MACRO(".macro T64 insn:vararg\n \\insn\n pushfq\n andq $kept, (%rsp)\n popq (%rbx)\n"
	  "lea 8(%rbx), %rbx\n .endm\n");
ASM_MACRO(".macro T32 insn:vararg\n \\insn\n pushf\n andl $kept, (%esp)\n popl (%ebx)\n"
	  "lea 4(%ebx), %ebx\n .endm\n");
ASM_MACRO(".macro T16 insn:vararg\n \\insn\n pushf\n pop %bp\n and $kept, %bp\n"
	  "mov %bp, (%bx)\n lea 2(%bx), %bx\n .endm\n");

#define ALL_FLAGS	"KEEP 0x8d5\n"
#define LOGIC_FLAGS	"KEEP 0x8c5\n"		/* AF is not defined */
#define BIT_FLAGS	"KEEP 0x41\n"
#define NO_FLAGS	"KEEP 0\n"

#define GUEST_CASE(name, text)	GUEST_CODE(name, 64, text "\n hlt\n")
#define GUEST_CASE32(name, text)	GUEST_CODE(name, 32, text "\n hlt\n")
#define GUEST_CASE16(name, text)	GUEST_CODE(name, 16, text "\n hlt\n")

/* RDI: the device + 0x100, R8: its begin, R9: its end, RSI: RAM, EAX ECX EDX: numbers. */

GUEST_CASE(mov,
	   NO_FLAGS
	   "T64 movb $0x12, (%rdi)\n T64 movw $0x1234, 2(%rdi)\n T64 movl $0x12345678, 4(%rdi)\n"
	   "T64 movq $-5, 8(%rdi)\n"
	   "T64 mov %al, 16(%rdi)\n T64 mov %ah, 17(%rdi)\n T64 mov %dx, 18(%rdi)\n"
	   "T64 mov %ecx, 20(%rdi)\n T64 mov %rdx, 24(%rdi)\n T64 mov %sil, 32(%rdi)\n"
	   "T64 mov %r15, 40(%rdi)\n T64 movnti %eax, 48(%rdi)\n T64 movnti %rcx, 56(%rdi)\n"
	   "T64 mov 64(%rdi), %r10b\n T64 mov 65(%rdi), %ch\n T64 mov 66(%rdi), %r11w\n"
	   "T64 mov 68(%rdi), %r12d\n T64 mov 72(%rdi), %r13\n T64 mov 80(%rdi), %al\n"
	   "T64 mov 82(%rdi), %cx\n T64 mov 84(%rdi), %edx\n");

GUEST_CASE(addresses,
	   NO_FLAGS
	   "mov $5, %r10d\n mov $-3, %r11\n"
	   "T64 mov %al, 3(%rdi,%r10,4)\n T64 mov %ax, (%r8,%r10,8)\n"
	   "T64 mov (%rdi,%r11), %cl\n T64 mov 0x1001008, %edx\n T64 mov %ecx, 0x1001010\n"
	   "T64 mov %eax, %fs:8\n T64 mov %fs:(%r10), %r12d\n T64 mov %gs:4(%r10), %r13d\n"
	   "T64 addr32 mov %eax, 0x20(%edi)\n T64 addr32 mov 0x24(%edi), %ecx\n"
	   "T64 movabs 0x1001118, %al\n T64 movabs %eax, 0x1001120\n T64 movabs 0x1001128, %rax\n"
	   "mov %rsp, %r14\n mov %rdi, %rsp\n mov 16(%rsp), %edx\n mov %edx, 24(%rsp)\n"
	   "mov %r14, %rsp\n");

GUEST_CASE(extend,
	   NO_FLAGS
	   "T64 movzbw (%rdi), %ax\n T64 movzbl 1(%rdi), %ecx\n T64 movzbq 2(%rdi), %rdx\n"
	   "T64 movzwl 3(%rdi), %r10d\n T64 movzwq 5(%rdi), %r11\n"
	   "T64 movsbw 0x80(%rdi), %r12w\n T64 movsbl 0x81(%rdi), %r13d\n"
	   "T64 movsbq 0x82(%rdi), %r14\n T64 movswl 0x84(%rdi), %r15d\n"
	   "T64 movswq 0x86(%rdi), %rbp\n T64 movslq 0x88(%rdi), %rax\n");

GUEST_CASE(movbe,
	   NO_FLAGS
	   "T64 movbe (%rdi), %ax\n T64 movbe 4(%rdi), %ecx\n T64 movbe 8(%rdi), %rdx\n"
	   "T64 movbe %ax, 16(%rdi)\n T64 movbe %ecx, 20(%rdi)\n T64 movbe %rdx, 24(%rdi)\n");

/* Each form of an operation; with and without a carry before it. */
#define ARITHMETIC(op)								\
	"stc\n T64 " op "b %al, (%rdi)\n clc\n T64 " op "w %cx, 2(%rdi)\n"	\
	"stc\n T64 " op "l %edx, 4(%rdi)\n clc\n T64 " op "q %rdx, 8(%rdi)\n"	\
	"clc\n T64 " op "b 16(%rdi), %al\n stc\n T64 " op "w 18(%rdi), %cx\n"	\
	"stc\n T64 " op "l 20(%rdi), %edx\n clc\n T64 " op "q 24(%rdi), %r10\n"	\
	"stc\n T64 " op "b $0x7f, 32(%rdi)\n clc\n T64 " op "w $0x8001, 34(%rdi)\n" \
	"clc\n T64 " op "l $0x12345678, 36(%rdi)\n stc\n T64 " op "q $-2, 40(%rdi)\n" \
	"stc\n T64 " op "w $-1, 48(%rdi)\n clc\n T64 " op "l $1, 52(%rdi)\n"	\
	"T64 " op "q $0x7fffffff, 56(%rdi)\n"
#define LOCKED(op)								\
	"T64 lock " op "b %al, 64(%rdi)\n T64 lock " op "w %cx, 66(%rdi)\n"	\
	"T64 lock " op "l $3, 68(%rdi)\n T64 lock " op "q %rdx, 72(%rdi)\n"

GUEST_CASE(add, ALL_FLAGS ARITHMETIC("add") LOCKED("add"));
GUEST_CASE(adc, ALL_FLAGS ARITHMETIC("adc") LOCKED("adc"));
GUEST_CASE(sub, ALL_FLAGS ARITHMETIC("sub") LOCKED("sub"));
GUEST_CASE(sbb, ALL_FLAGS ARITHMETIC("sbb") LOCKED("sbb"));
GUEST_CASE(cmp, ALL_FLAGS ARITHMETIC("cmp"));
GUEST_CASE(and, LOGIC_FLAGS ARITHMETIC("and") LOCKED("and"));
GUEST_CASE(or, LOGIC_FLAGS ARITHMETIC("or") LOCKED("or"));
GUEST_CASE(xor, LOGIC_FLAGS ARITHMETIC("xor") LOCKED("xor"));

GUEST_CASE(test,
	   LOGIC_FLAGS
	   "T64 testb %al, (%rdi)\n T64 testw %cx, 2(%rdi)\n T64 testl %edx, 4(%rdi)\n"
	   "T64 testq %rdx, 8(%rdi)\n T64 testb $0x81, 9(%rdi)\n T64 testw $0x8000, 10(%rdi)\n"
	   "T64 testl $0, 12(%rdi)\n T64 testq $-1, 16(%rdi)\n");

GUEST_CASE(unary,
	   ALL_FLAGS
	   "stc\n T64 incb (%rdi)\n clc\n T64 incw 2(%rdi)\n T64 incl 4(%rdi)\n T64 incq 8(%rdi)\n"
	   "stc\n T64 decb 16(%rdi)\n clc\n T64 decw 18(%rdi)\n T64 decl 20(%rdi)\n"
	   "T64 decq 24(%rdi)\n T64 notb 32(%rdi)\n T64 notw 34(%rdi)\n T64 notl 36(%rdi)\n"
	   "T64 notq 40(%rdi)\n T64 negb 48(%rdi)\n T64 negw 50(%rdi)\n T64 negl 52(%rdi)\n"
	   "T64 negq 56(%rdi)\n T64 lock incl 64(%rdi)\n T64 lock decq 72(%rdi)\n"
	   "T64 lock notl 80(%rdi)\n T64 lock negw 84(%rdi)\n"
	   "movb $0xff, 96(%rdi)\n T64 incb 96(%rdi)\n T64 negb 96(%rdi)\n"
	   "movl $0x7fffffff, 100(%rdi)\n T64 incl 100(%rdi)\n T64 decl 100(%rdi)\n");

GUEST_CASE(exchange,
	   ALL_FLAGS
	   "T64 xchg %al, (%rdi)\n T64 xchg %cx, 2(%rdi)\n T64 xchg %edx, 4(%rdi)\n"
	   "T64 xchg %r10, 8(%rdi)\n T64 lock xchg %ecx, 12(%rdi)\n"
	   "T64 xadd %al, 16(%rdi)\n T64 xadd %cx, 18(%rdi)\n T64 xadd %edx, 20(%rdi)\n"
	   "T64 lock xadd %r10, 24(%rdi)\n"
	   "T64 cmpxchg %cl, 32(%rdi)\n T64 cmpxchg %dx, 34(%rdi)\n T64 cmpxchg %ecx, 36(%rdi)\n"
	   "T64 cmpxchg %rdx, 40(%rdi)\n"
	   "mov 48(%rdi), %rax\n T64 lock cmpxchg %rcx, 48(%rdi)\n"
	   "mov 56(%rdi), %al\n T64 cmpxchg %dl, 56(%rdi)\n");

GUEST_CASE(exchange_wide,
	   "KEEP 0x40\n"
	   "mov %rbx, %r12\n mov %rdi, %r11\n"
	   ".macro C insn:vararg\n mov $0x1111, %ebx\n mov $0x2222, %ecx\n \\insn\n mov %r12, %rbx\n"
	   " pushfq\n andq $kept, (%rsp)\n popq (%rbx)\n lea 8(%rbx), %r12\n .endm\n"
	   "mov 8(%r11), %eax\n mov 12(%r11), %edx\n C lock cmpxchg8b 8(%r11)\n"
	   "C cmpxchg8b 16(%r11)\n"
	   "mov 32(%r11), %rax\n mov 40(%r11), %rdx\n C lock cmpxchg16b 32(%r11)\n"
	   "C cmpxchg16b 48(%r11)\n"
	   ".purgem C\n");

GUEST_CASE(bits,
	   BIT_FLAGS
	   "T64 btw $3, (%rdi)\n T64 btl $31, 4(%rdi)\n T64 btq $63, 8(%rdi)\n"
	   "T64 btsw $3, 16(%rdi)\n T64 btsl $31, 20(%rdi)\n T64 btsq $62, 24(%rdi)\n"
	   "T64 btrw $4, 32(%rdi)\n T64 btrl $30, 36(%rdi)\n T64 btrq $61, 40(%rdi)\n"
	   "T64 btcw $5, 48(%rdi)\n T64 btcl $29, 52(%rdi)\n T64 lock btcq $60, 56(%rdi)\n"
	   /* A register reaches beyond the operand, both ways. */
	   "mov $-9, %r10\n mov $300, %r11d\n"
	   "T64 bt %r10w, 64(%rdi)\n T64 bts %r10d, 64(%rdi)\n T64 btr %r10, 64(%rdi)\n"
	   "T64 btc %r11w, 64(%rdi)\n T64 lock bts %r11d, 64(%rdi)\n T64 btr %r11, 64(%rdi)\n");

GUEST_CASE(stack,
	   NO_FLAGS
	   "T64 pushq (%rdi)\n T64 popq 8(%rdi)\n T64 pushw 16(%rdi)\n T64 popw 18(%rdi)\n"
	   /* The stack is the device. */
	   "mov %rsp, %r14\n mov %rdi, %rsp\n pushq (%rsi)\n popq 8(%rsi)\n pushq 64(%rdi)\n"
	   "popq 72(%rdi)\n mov %r14, %rsp\n");

GUEST_CASE(strings,
	   ALL_FLAGS
	   /* From memory to the device, out of it, and within. */
	   "mov $13, %ecx\n T64 rep movsb\n mov $5, %ecx\n T64 rep movsw\n"
	   "mov $3, %ecx\n T64 rep movsl\n mov $2, %ecx\n T64 rep movsq\n T64 movsb\n"
	   "xchg %rsi, %rdi\n"
	   "mov $9, %ecx\n T64 rep movsb\n mov $3, %ecx\n T64 rep movsq\n T64 movsl\n"
	   "lea 0x200(%r8), %rdi\n mov $17, %ecx\n T64 rep movsb\n mov $3, %ecx\n T64 rep movsl\n"
	   /* Downwards. */
	   "std\n lea 0x300(%r8), %rdi\n lea 0x180(%r8), %rsi\n mov $4, %ecx\n T64 rep movsw\n"
	   "lea 0x30080, %rsi\n mov $3, %ecx\n T64 rep movsq\n cld\n"
	   /* Nothing. */
	   "xor %ecx, %ecx\n T64 rep movsb\n"
	   /* By 32 bits of the registers. */
	   "mov $4, %ecx\n lea 0x400(%r8), %rdi\n mov $0x30100, %esi\n T64 addr32 rep movsl\n");

GUEST_CASE(stos_lods,
	   ALL_FLAGS
	   "mov $7, %ecx\n T64 rep stosb\n mov $5, %ecx\n T64 rep stosw\n mov $3, %ecx\n"
	   "T64 rep stosl\n mov $2, %ecx\n T64 rep stosq\n T64 stosb\n"
	   "std\n mov $3, %ecx\n T64 rep stosl\n cld\n"
	   "mov %rdi, %rsi\n T64 lodsb\n mov %eax, %r10d\n T64 lodsw\n mov %eax, %r11d\n"
	   "T64 lodsl\n mov %rax, %r12\n T64 lodsq\n mov %rax, %r13\n"
	   "mov $4, %ecx\n T64 rep lodsb\n");

GUEST_CASE(cmps_scas,
	   ALL_FLAGS
	   "mov %rdi, %r10\n mov %rsi, %r11\n"
	   "mov $16, %ecx\n rep movsb\n mov %r10, %rdi\n mov %r11, %rsi\n xorb $1, 9(%r11)\n"
	   "mov $16, %ecx\n T64 repe cmpsb\n mov %rcx, %r12\n"
	   "mov $2, %ecx\n T64 repe cmpsw\n"
	   "mov %r10, %rsi\n mov %r11, %rdi\n T64 cmpsl\n T64 cmpsq\n T64 cmpsb\n"
	   "lea 0x200(%r8), %rdi\n mov %r10, %rsi\n mov $6, %ecx\n T64 repne cmpsw\n"
	   "mov %r10, %rdi\n mov 5(%rdi), %al\n mov $16, %ecx\n T64 repne scasb\n mov %rcx, %r13\n"
	   "mov $4, %ecx\n T64 repe scasw\n T64 scasl\n T64 scasq\n T64 scasb\n"
	   "std\n mov $4, %ecx\n T64 repne scasb\n cld\n");

GUEST_CASE(sse,
	   NO_FLAGS
	   "movdqu (%rsi), %xmm0\n movdqu 16(%rsi), %xmm1\n movdqu 32(%rsi), %xmm9\n"
	   "T64 movups %xmm0, (%rdi)\n T64 movupd %xmm1, 16(%rdi)\n T64 movss %xmm0, 32(%rdi)\n"
	   "T64 movsd %xmm1, 40(%rdi)\n T64 movlps %xmm0, 48(%rdi)\n T64 movhps %xmm0, 56(%rdi)\n"
	   "T64 movlpd %xmm1, 64(%rdi)\n T64 movhpd %xmm1, 72(%rdi)\n"
	   "T64 movaps %xmm9, 80(%rdi)\n T64 movapd %xmm9, 96(%rdi)\n T64 movntps %xmm0, 112(%rdi)\n"
	   "T64 movntdq %xmm1, 128(%rdi)\n T64 movd %xmm0, 144(%rdi)\n T64 movq %xmm1, 152(%rdi)\n"
	   "T64 movdqa %xmm0, 160(%rdi)\n T64 movdqu %xmm9, 177(%rdi)\n T64 movntpd %xmm9, 208(%rdi)\n"
	   "T64 movups 1(%rdi), %xmm2\n T64 movss 32(%rdi), %xmm3\n T64 movsd 40(%rdi), %xmm4\n"
	   "movaps %xmm0, %xmm5\n movaps %xmm0, %xmm6\n"
	   "T64 movlps 48(%rdi), %xmm5\n T64 movhps 56(%rdi), %xmm6\n"
	   "T64 movaps 80(%rdi), %xmm7\n T64 movdqa 96(%rdi), %xmm8\n T64 movdqu 97(%rdi), %xmm10\n"
	   "T64 movd 144(%rdi), %xmm11\n T64 movq 152(%rdi), %xmm12\n T64 lddqu 99(%rdi), %xmm13\n"
	   "T64 movntdqa 160(%rdi), %xmm14\n T64 movupd 3(%rdi), %xmm15\n"
	   ".set at, 0x400\n"
	   ".irp n, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15\n"
	   "movdqu %xmm\\n, at(%rsi)\n .set at, at + 16\n .endr\n");

GUEST_CASE(avx,
	   NO_FLAGS
	   "vmovdqu (%rsi), %ymm0\n vmovdqu 32(%rsi), %ymm1\n vmovaps %ymm1, %ymm3\n"
	   "vmovaps %ymm1, %ymm4\n vmovaps %ymm1, %ymm5\n vmovaps %ymm1, %ymm9\n"
	   "T64 vmovups %ymm0, (%rdi)\n T64 vmovdqa %ymm1, 32(%rdi)\n T64 vmovdqu %ymm9, 65(%rdi)\n"
	   "T64 vmovups %xmm0, 128(%rdi)\n T64 vmovss %xmm1, 144(%rdi)\n T64 vmovq %xmm1, 152(%rdi)\n"
	   "T64 vmovntdq %ymm0, 160(%rdi)\n T64 vmovhps %xmm0, 192(%rdi)\n"
	   "T64 vmovups 3(%rdi), %ymm2\n T64 vmovaps (%rdi), %xmm3\n T64 vmovss 4(%rdi), %xmm4\n"
	   "T64 vmovq 8(%rdi), %xmm5\n T64 vmovdqa 32(%rdi), %ymm6\n T64 vmovapd 64(%rdi), %ymm7\n"
	   "T64 movups 5(%rdi), %xmm9\n"	/* keeps the upper half */
	   ".set at, 0x400\n"
	   ".irp n, 2, 3, 4, 5, 6, 7, 9\n"
	   "vmovdqu %ymm\\n, at(%rsi)\n .set at, at + 32\n .endr\n");

/* A load clears all above it. */
GUEST_CASE(avx512,
	   NO_FLAGS
	   "vmovdqu64 (%rsi), %zmm1\n vmovaps %zmm1, %zmm12\n vmovaps %zmm1, %zmm2\n"
	   "T64 vmovups (%rdi), %ymm1\n T64 vmovaps (%rdi), %xmm12\n T64 movups 16(%rdi), %xmm2\n"
	   "vmovdqu64 %zmm1, 0x400(%rsi)\n vmovdqu64 %zmm12, 0x440(%rsi)\n"
	   "vmovdqu64 %zmm2, 0x480(%rsi)\n");

/* Half of it is memory.  At an exchange of which half is, QEMU loses the flags before it. */
GUEST_CASE(crossing,
	   ALL_FLAGS
	   "T64 mov %edx, -1(%r8)\n T64 mov %rcx, -5(%r8)\n T64 mov -3(%r8), %r10\n"
	   "T64 add %edx, -2(%r8)\n T64 lock addl $5, -3(%r8)\n xchg %cx, -1(%r8)\n"
	   "cmp %eax, %ecx\n T64 mov %edx, -1(%r9)\n T64 mov %rcx, -5(%r9)\n T64 mov -3(%r9), %r11\n"
	   "T64 sub %edx, -2(%r9)\n T64 incq -7(%r9)\n"
	   "movdqu (%rsi), %xmm0\n T64 movups %xmm0, -7(%r8)\n T64 movups -9(%r9), %xmm1\n"
	   "T64 movups %xmm1, -1(%r9)\n movdqu %xmm1, 0x400(%rsi)\n"
	   "lea -5(%r8), %rdi\n mov $11, %ecx\n T64 rep movsb\n"
	   "lea -7(%r9), %rdi\n mov $3, %ecx\n T64 rep movsl\n"
	   "lea -6(%r8), %rsi\n lea 0x500(%rbx), %rdi\n mov $6, %ecx\n T64 rep movsw\n"
	   /* And of the device one page is not the other. */
	   "T64 mov %rdx, 0xffd(%r8)\n T64 mov 0xffe(%r8), %r12d\n");

/* The same in 32-bit mode, where addresses are 16 bits long as well. */
GUEST_CASE32(protected,
	     ALL_FLAGS
	     "T32 movb $0x12, (%edi)\n T32 movw $0x1234, 2(%edi)\n T32 movl $0x12345678, 4(%edi)\n"
	     "T32 mov %ah, 17(%edi)\n T32 mov %dx, 18(%edi)\n T32 mov %ecx, 20(%edi)\n"
	     "T32 add %eax, 24(%edi)\n T32 adc 28(%edi), %ecx\n T32 xchg %dl, 32(%edi)\n"
	     "T32 mov 0x1001140, %eax\n T32 mov %al, 0x1001144\n T32 movzbl 0x48(%edi), %edx\n"
	     "T32 mov %fs:8, %ecx\n T32 mov %edx, %fs:12\n"
	     "T32 .byte 0x64, 0x67, 0x8b, 0x4d, 0x10\n"	/* mov %fs:0x10(%di), %ecx */
	     "T32 .byte 0x82, 0x47, 0x50, 0x7f\n"		/* addb $0x7f, 0x50(%edi) */
	     "T32 pushl 0x60(%edi)\n T32 popl 0x64(%edi)\n T32 pushw 0x68(%edi)\n"
	     "T32 popw 0x6a(%edi)\n"
	     "movl $0x200, %ecx\n" BIT_FLAGS "T32 btsl %ecx, 0x70(%edi)\n"
	     "mov $5, %ecx\n T32 rep movsb\n mov $2, %ecx\n T32 rep movsl\n T32 movsw\n"
	     "mov $3, %ecx\n T32 rep stosw\n"
	     "mov $4, %ecx\n mov %edi, %edx\n mov %esi, %edi\n lea -13(%edx), %esi\n"
	     ALL_FLAGS "T32 repe cmpsb\n T32 lodsl\n");

/* In real mode, DS: memory; ES: the device. */
GUEST_CASE16(real,
	     ALL_FLAGS
	     "T16 movb $0x12, %es:(%di)\n T16 movw $0x1234, %es:2(%di)\n T16 movl $0x12345678, %es:4(%di)\n"
	     "T16 mov %ah, %es:9(%di)\n T16 mov %dx, %es:10(%di)\n T16 mov %ecx, %es:12(%di)\n"
	     "T16 add %ax, %es:16(%di)\n T16 sbb %es:20(%di), %ecx\n"
	     "T16 mov %es:0x140, %ax\n T16 mov %al, %es:0x144\n T16 movsbw %es:0x18(%di), %dx\n"
	     "movzwl %di, %edi\n T16 addr32 mov %es:0x20(%edi), %cx\n T16 addr32 mov %cl, %es:(%edi,%edi)\n"
	     "mov $2, %bp\n T16 mov %ax, %es:0x30(%bp,%di)\n"
	     "T16 pushw %es:0x40(%di)\n T16 popw %es:0x42(%di)\n T16 pushl %es:0x44(%di)\n"
	     "T16 popl %es:0x48(%di)\n"
	     "mov $5, %cx\n T16 rep movsb\n mov $2, %cx\n T16 rep movsw\n T16 movsl\n"
	     "mov $3, %cx\n T16 rep stosw\n mov $2, %cx\n T16 rep stosl\n"
	     "mov $0x100, %di\n mov $0x100, %si\n mov $4, %cx\n T16 repe cmpsb\n T16 scasw\n"
	     "mov $0x104, %si\n T16 lodsw %es:(%si)\n");

FIXTURE(mmio) {
	struct guest guest;
	__u8 *pages;
};

FIXTURE_SETUP(mmio)
{
	guest_create(_metadata, &self->guest);
	self->pages = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->pages);
}

FIXTURE_TEARDOWN(mmio)
{
	guest_destroy(&self->guest);
	munmap(self->pages, PAGES * PAGE);
}

/* What counts in the end. */
struct outcome {
	struct kvm_regs regs;
	__u8 pages[PAGES * PAGE];
	__u8 ram[RAM_SIZE];
};

/* The device's own part of an exit; returns whether it was one. */
static bool device(struct __test_metadata *_metadata, struct guest *guest, __u8 *pages)
{
	struct kvm_run *run = guest->run;
	__u64 at = run->mmio.phys_addr - EDGE;

	if (run->exit_reason != KVM_EXIT_MMIO)
		return false;
	EXPECT_LE(DEVICE, run->mmio.phys_addr);
	EXPECT_GE(EDGE_AFTER, run->mmio.phys_addr + run->mmio.len);
	if (run->mmio.phys_addr < DEVICE || run->mmio.phys_addr >= EDGE_AFTER)
		return false;
	if (run->mmio.is_write)
		memcpy(pages + at, run->mmio.data, run->mmio.len);
	else
		memcpy(run->mmio.data, pages + at, run->mmio.len);
	return true;
}

/* Runs to HLT; returns how often it asked the device, -1: KVM does not know an instruction. */
static int run_with_device(struct __test_metadata *_metadata, struct guest *guest, __u8 *pages)
{
	int exits = 0, ret;

	do {
		ret = _guest_run(guest);
		exits++;
	} while (ret == -EINTR || (!ret && device(_metadata, guest, pages)));
	if (!on_slat() && guest->run->exit_reason == KVM_EXIT_INTERNAL_ERROR)
		return -1;
	EXPECT_EQ(0, ret);
	EXPECT_EQ(KVM_EXIT_HLT, guest->run->exit_reason) {
		struct kvm_regs regs;

		get_regs(_metadata, guest, &regs);
		TH_LOG("at %#llx", (unsigned long long)regs.rip - CODE);
	}
	return exits - 1;
}

static void set_memory(struct __test_metadata *_metadata, struct guest *guest, __u8 *pages,
		       bool all)
{
	_guest_set_memory(guest, 1, EDGE, 0, pages, 0);		/* may not be there */
	ASSERT_EQ(0, _guest_set_memory(guest, 1, EDGE, all ? PAGES * PAGE : PAGE, pages, 0));
	if (!all)
		ASSERT_EQ(0, _guest_set_memory(guest, 2, EDGE_AFTER, PAGE, pages + 3 * PAGE, 0));
}

static void fill(__u8 *mem, size_t size, __u32 seed)
{
	for (size_t i = 0; i < size; i++) {
		seed = seed * 1664525 + 1013904223;
		mem[i] = seed >> 24;
	}
}

static void prepare(struct __test_metadata *_metadata, struct guest *guest, __u8 *pages,
		    enum guest_mode mode)
{
	struct kvm_xcrs xcrs = { };
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	fill(pages, PAGES * PAGE, 1);
	fill(guest->mem + DATA, RAM_SIZE, 2);
	guest_mode(_metadata, guest, mode);
	get_sregs(_metadata, guest, &sregs);
	if (mode == MODE_REAL) {
		sregs.ds.base = DATA;
		sregs.es.base = DEVICE;
	} else {
		sregs.fs.base = DEVICE;
		sregs.gs.base = DEVICE + PAGE;
	}
	if (!_ioctl_ptr(guest->fd, KVM_GET_XCRS, &xcrs) && xcrs.xcrs[0].value != 1)
		sregs.cr4 |= CR4_OSXSAVE;
	set_sregs(_metadata, guest, &sregs);
	get_regs(_metadata, guest, &regs);
	regs.rax = 0x8172635445362718;
	regs.rcx = 0x0123456789abcdef;
	regs.rdx = 0xfedcba9876543210;
	regs.r8 = DEVICE;
	regs.r9 = EDGE_AFTER;
	regs.r15 = 0x5a5a5a5a12345678;
	regs.rdi = mode == MODE_REAL ? 0x100 : DEVICE + 0x100;
	regs.rsi = mode == MODE_REAL ? 0x100 : RAM;
	regs.rbx = mode == MODE_REAL ? 0x1000 : FLAGS;
	set_regs(_metadata, guest, &regs);
}

static void take(struct __test_metadata *_metadata, struct guest *guest, const __u8 *pages,
		 struct outcome *outcome)
{
	get_regs(_metadata, guest, &outcome->regs);
	outcome->regs.rflags &= ~0x8d5ULL;	/* those that count have been noted */
	memcpy(outcome->pages, pages, sizeof(outcome->pages));
	memcpy(outcome->ram, guest->mem + DATA, sizeof(outcome->ram));
}

static long difference(const __u8 *a, const __u8 *b, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (a[i] != b[i])
			return i;
	return -1;
}

/* Returns whether both could be done. */
static bool run_case(struct __test_metadata *_metadata, struct guest *guest, __u8 *pages,
		     enum guest_mode mode, const char *begin, const char *end)
{
	struct outcome *memory = calloc(2, sizeof(*memory)), *mmio = memory + 1;
	int exits;

	guest_load_at(guest, CODE, begin, end);
	set_memory(_metadata, guest, pages, true);
	prepare(_metadata, guest, pages, mode);
	EXPECT_EQ(0, run_with_device(_metadata, guest, pages));
	take(_metadata, guest, pages, memory);

	set_memory(_metadata, guest, pages, false);
	prepare(_metadata, guest, pages, mode);
	exits = run_with_device(_metadata, guest, pages);
	take(_metadata, guest, pages, mmio);
	if (exits < 0) {
		free(memory);
		return false;
	}
	EXPECT_LT(3, exits);

	for (size_t i = 0; i < sizeof(memory->regs) / 8; i++) {
		EXPECT_EQ(((__u64 *)&memory->regs)[i], ((__u64 *)&mmio->regs)[i]) {
			TH_LOG("register %zu of struct kvm_regs", i);
		}
	}
	EXPECT_EQ(-1, difference(memory->pages, mmio->pages, sizeof(memory->pages)));
	EXPECT_EQ(-1, difference(memory->ram, mmio->ram, sizeof(memory->ram)));
	free(memory);
	return true;
}

FIXTURE(same) {
	struct guest guest;
	__u8 *pages;
};

/* A case, the mode it runs in, and components of XSAVE's state that it needs. */
FIXTURE_VARIANT(same) {
	const char *begin, *end;
	enum guest_mode mode;
	__u64 xcr0;
};

FIXTURE_SETUP(same)
{
	guest_create(_metadata, &self->guest);
	self->pages = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->pages);
}

FIXTURE_TEARDOWN(same)
{
	guest_destroy(&self->guest);
	munmap(self->pages, PAGES * PAGE);
}

FIXTURE_VARIANT_ADD(same, mov) { mov, mov_end, MODE_LONG };
FIXTURE_VARIANT_ADD(same, addresses) { addresses, addresses_end, MODE_LONG };
FIXTURE_VARIANT_ADD(same, extend) { extend, extend_end, MODE_LONG };
FIXTURE_VARIANT_ADD(same, movbe) { movbe, movbe_end, MODE_LONG };
FIXTURE_VARIANT_ADD(same, add) { add, add_end, MODE_LONG };
FIXTURE_VARIANT_ADD(same, adc) { adc, adc_end, MODE_LONG };
FIXTURE_VARIANT_ADD(same, sub) { sub, sub_end, MODE_LONG };
FIXTURE_VARIANT_ADD(same, sbb) { sbb, sbb_end, MODE_LONG };
FIXTURE_VARIANT_ADD(same, cmp) { cmp, cmp_end, MODE_LONG };
FIXTURE_VARIANT_ADD(same, and) { and, and_end, MODE_LONG };
FIXTURE_VARIANT_ADD(same, or) { or, or_end, MODE_LONG };
FIXTURE_VARIANT_ADD(same, xor) { xor, xor_end, MODE_LONG };
FIXTURE_VARIANT_ADD(same, test) { test, test_end, MODE_LONG };
FIXTURE_VARIANT_ADD(same, unary) { unary, unary_end, MODE_LONG };
FIXTURE_VARIANT_ADD(same, exchange) { exchange, exchange_end, MODE_LONG };
FIXTURE_VARIANT_ADD(same, exchange_wide) { exchange_wide, exchange_wide_end, MODE_LONG };
FIXTURE_VARIANT_ADD(same, bits) { bits, bits_end, MODE_LONG };
FIXTURE_VARIANT_ADD(same, stack) { stack, stack_end, MODE_LONG };
FIXTURE_VARIANT_ADD(same, strings) { strings, strings_end, MODE_LONG };
FIXTURE_VARIANT_ADD(same, stos_lods) { stos_lods, stos_lods_end, MODE_LONG };
FIXTURE_VARIANT_ADD(same, cmps_scas) { cmps_scas, cmps_scas_end, MODE_LONG };
FIXTURE_VARIANT_ADD(same, sse) { sse, sse_end, MODE_LONG };
FIXTURE_VARIANT_ADD(same, crossing) { crossing, crossing_end, MODE_LONG };
FIXTURE_VARIANT_ADD(same, protected) { protected, protected_end, MODE_PAGED32 };
FIXTURE_VARIANT_ADD(same, real) { real, real_end, MODE_REAL };
FIXTURE_VARIANT_ADD(same, avx) { avx, avx_end, MODE_LONG, 7 };
FIXTURE_VARIANT_ADD(same, avx512) { avx512, avx512_end, MODE_LONG, 0xe7 };

TEST_F(same, by_a_device_as_by_memory)
{
	struct kvm_xcrs xcrs = { .nr_xcrs = 1, .xcrs[0].value = variant->xcr0 };

	if (variant->xcr0 && _ioctl_ptr(self->guest.fd, KVM_SET_XCRS, &xcrs))
		SKIP(return, "this CPU does not have it");
	if (!run_case(_metadata, &self->guest, self->pages, variant->mode, variant->begin,
		      variant->end))
		SKIP(return, "KVM does not know all of them");
}

/* What is not known is said, with its bytes, each time, and nothing has happened. */
GUEST_CODE(unsupported, 64, "fldl (%rdi)\n hlt\n");

TEST_F(mmio, unsupported_instruction_is_an_internal_error)
{
	struct guest *guest = &self->guest;
	struct kvm_run *run = guest->run;
	struct kvm_regs regs;

	/* KVM knows some of x87. */
	if (!on_slat())
		SKIP(return, "only on " SLAT_DEVICE);
	guest_load(guest, unsupported);
	set_memory(_metadata, guest, self->pages, false);
	prepare(_metadata, guest, self->pages, MODE_LONG);
	for (int i = 0; i < 2; i++) {
		guest_run(_metadata, guest, KVM_EXIT_INTERNAL_ERROR);
		EXPECT_EQ(KVM_INTERNAL_ERROR_EMULATION, run->emulation_failure.suberror);
		EXPECT_EQ(KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES,
			  run->emulation_failure.flags);
		EXPECT_EQ(15, run->emulation_failure.insn_size);
		EXPECT_EQ(0, memcmp("\xdd\x07\xf4", run->emulation_failure.insn_bytes, 3));
		/* Without the #UD that the guest would get. */
		get_regs(_metadata, guest, &regs);
		EXPECT_EQ(CODE, regs.rip);
		set_regs(_metadata, guest, &regs);
	}
}

GUEST_CODE(jump_out, 64, "jmp *%rdi\n");

TEST_F(mmio, instructions_of_a_device_are_an_internal_error)
{
	struct guest *guest = &self->guest;

	/* KVM tries to read them, and says something else on each CPU. */
	if (!on_slat())
		SKIP(return, "only on " SLAT_DEVICE);
	guest_load(guest, jump_out);
	set_memory(_metadata, guest, self->pages, false);
	prepare(_metadata, guest, self->pages, MODE_LONG);
	guest_run(_metadata, guest, KVM_EXIT_INTERNAL_ERROR);
	EXPECT_EQ(KVM_INTERNAL_ERROR_EMULATION, guest->run->internal.suberror);
}

/* The code is something else when the device has answered: what began, ends. */
GUEST_CODE(rewritten, 64, "add (%rdi), %eax\n nop\n nop\n hlt\n");

TEST_F(mmio, code_that_changes_meanwhile)
{
	struct guest *guest = &self->guest;
	struct kvm_regs before, after;

	guest_load(guest, rewritten);
	set_memory(_metadata, guest, self->pages, false);
	prepare(_metadata, guest, self->pages, MODE_LONG);
	get_regs(_metadata, guest, &before);
	guest_run(_metadata, guest, KVM_EXIT_MMIO);
	memset(guest->mem + CODE, 0xf4, 4);		/* HLT */
	ASSERT_TRUE(device(_metadata, guest, self->pages));
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &after);
	EXPECT_EQ((__u32)(before.rax + *(__u32 *)(self->pages + PAGE + 0x100)), after.rax);
	EXPECT_EQ(CODE + 3, after.rip);
}

/* A page fault in the middle of a string: what is done is done, the rest comes after it. */
GUEST_LABEL(on_missing);
GUEST_CODE(rep_fault, 64,
	   "mov $0x1ffffd, %esi\n mov $8, %ecx\n rep movsb\n hlt\n"
	   "on_missing: mov %rcx, %r10\n mov %rsi, %r11\n mov %cr2, %r12\n mov (%rsp), %r13\n"
	   "mov 8(%rsp), %r14\n"
	   "movl $0x200087, 0x6008\n mov %cr3, %rax\n mov %rax, %cr3\n"
	   "add $8, %rsp\n iretq\n");

TEST_F(mmio, page_fault_in_the_middle_of_a_string)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	guest_load(guest, rep_fault);
	set_memory(_metadata, guest, self->pages, false);
	prepare(_metadata, guest, self->pages, MODE_LONG);
	guest_gate(guest, MODE_LONG, 14, guest_label(rep_fault, on_missing), 14, 0);
	guest_u64(guest, TABLES + 0x2008) = 0;		/* 2 MiB */
	fill(guest->mem + 0x1ffffd, 8, 3);
	EXPECT_LE(8, run_with_device(_metadata, guest, self->pages));
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(5, regs.r10);
	EXPECT_EQ(0x200000, regs.r11);
	EXPECT_EQ(0x200000, regs.r12);
	EXPECT_EQ(0, regs.r13);				/* a read, not present */
	EXPECT_EQ(CODE + 10, regs.r14);
	EXPECT_EQ(0, regs.rcx);
	EXPECT_EQ(0, memcmp(guest->mem + 0x1ffffd, self->pages + PAGE + 0x100, 8));
}

/* What the device has been asked, to the byte. */
GUEST_CODE(asked, 64, "movw $0x1234, (%rdi)\n mov 8(%rdi), %eax\n hlt\n");

TEST_F(mmio, exits_say_what_is_asked)
{
	struct guest *guest = &self->guest;
	struct kvm_run *run = guest->run;
	struct kvm_regs regs;

	guest_load(guest, asked);
	set_memory(_metadata, guest, self->pages, false);
	prepare(_metadata, guest, self->pages, MODE_LONG);
	guest_run(_metadata, guest, KVM_EXIT_MMIO);
	EXPECT_EQ(DEVICE + 0x100, run->mmio.phys_addr);
	EXPECT_EQ(2, run->mmio.len);
	EXPECT_EQ(1, run->mmio.is_write);
	EXPECT_EQ(0, memcmp("\x34\x12", run->mmio.data, 2));
	guest_run(_metadata, guest, KVM_EXIT_MMIO);
	EXPECT_EQ(DEVICE + 0x108, run->mmio.phys_addr);
	EXPECT_EQ(4, run->mmio.len);
	EXPECT_EQ(0, run->mmio.is_write);
	memcpy(run->mmio.data, "\x78\x56\x34\x92", 4);
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0x92345678, regs.rax);
}

/* A write is over when user space learns of it, a read when it has answered. */
GUEST_CODE(written, 64, "movl $7, (%rdi)\n mov %eax, %ecx\n mov (%rdi), %edx\n hlt\n");

TEST_F(mmio, write_is_over_when_user_space_learns_of_it)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	guest_load(guest, written);
	set_memory(_metadata, guest, self->pages, false);
	prepare(_metadata, guest, self->pages, MODE_LONG);
	guest_run(_metadata, guest, KVM_EXIT_MMIO);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(CODE + 6, regs.rip);
	regs.rax = 55;
	set_regs(_metadata, guest, &regs);
	guest_run(_metadata, guest, KVM_EXIT_MMIO);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(CODE + 8, regs.rip);
	EXPECT_EQ(55, regs.rcx);
	memcpy(guest->run->mmio.data, "\x09\0\0", 4);
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(9, regs.rdx);
}

/* Of a string one write is over, and RIP is there for the next. */
GUEST_CODE(rep_written, 64, "mov $3, %ecx\n rep stosl\n hlt\n");

TEST_F(mmio, string_is_at_its_next_write)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	guest_load(guest, rep_written);
	set_memory(_metadata, guest, self->pages, false);
	prepare(_metadata, guest, self->pages, MODE_LONG);
	for (int left = 2; left >= 0; left--) {
		guest_run(_metadata, guest, KVM_EXIT_MMIO);
		EXPECT_EQ(DEVICE + 0x100 + 4 * (2 - left), guest->run->mmio.phys_addr);
		get_regs(_metadata, guest, &regs);
		EXPECT_EQ(left ? CODE + 5 : CODE + 7, regs.rip);
		EXPECT_EQ(left, regs.rcx);
	}
	guest_run_hlt(_metadata, guest);
}

/* The trap of the guest's own TF comes after the write, and not before. */
GUEST_LABEL(on_trap);
GUEST_CODE(written_with_tf, 64,
	   "pushfq\n orl $0x100, (%rsp)\n popfq\n movl $7, (%rdi)\n nop\n hlt\n"
	   "on_trap: mov (%rsp), %rbx\n hlt\n");

TEST_F(mmio, trap_comes_after_the_write)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	/* KVM has none after a write that user space does. */
	if (!on_slat())
		SKIP(return, "only on " SLAT_DEVICE);
	guest_load(guest, written_with_tf);
	set_memory(_metadata, guest, self->pages, false);
	prepare(_metadata, guest, self->pages, MODE_LONG);
	guest_gate(guest, MODE_LONG, 1, guest_label(written_with_tf, on_trap), 14, 0);
	guest_run(_metadata, guest, KVM_EXIT_MMIO);
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(CODE + 15, regs.rbx);
}

int main(int argc, char **argv)
{
	require_guests();
	return test_harness_run(argc, argv);
}
