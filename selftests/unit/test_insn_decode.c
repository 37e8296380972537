// SPDX-License-Identifier: GPL-2.0-only
/*
 * kmod/insn/decode.c: instructions by name; test_insn_zydis has all the others.
 */
#include <linux/kernel.h>

#include "insn/decode.h"
#include "insn_random.h"
#include "unit.h"

#define M16	SLAT_INSN_MODE_16
#define M32	SLAT_INSN_MODE_32
#define M64	SLAT_INSN_MODE_64

static enum slat_insn_status status_of(enum slat_insn_mode mode, struct code code)
{
	struct slat_insn insn;

	return slat_insn_decode(&insn, mode, code.bytes, code.len);
}

static struct slat_insn decode(enum slat_insn_mode mode, struct code code)
{
	struct slat_insn insn = { 0 };

	if (!CHECK_EQ(SLAT_INSN_OK, slat_insn_decode(&insn, mode, code.bytes, code.len)) ||
	    !CHECK_EQ(code.len, insn.length))
		print_bytes("in", code.bytes, code.len, mode);
	return insn;
}

/* mov %ecx, 0x12345678(%rax,%rbx,8) and every field of it */
static void reads_each_field(void)
{
	struct slat_insn insn = decode(M64, CODE(0x89, 0x8c, 0xd8, 0x78, 0x56, 0x34, 0x12));

	CHECK_EQ(SLAT_INSN_MOV, insn.op);
	CHECK_EQ(M64, insn.mode);
	CHECK_EQ(SLAT_INSN_MEM, insn.dst);
	CHECK_EQ(SLAT_INSN_REG, insn.src);
	CHECK_EQ(4, insn.mem_size);
	CHECK_EQ(4, insn.reg_size);
	CHECK_EQ(SLAT_INSN_RCX, insn.reg);
	CHECK_EQ(8, insn.addr_size);
	CHECK_EQ(SLAT_INSN_DS, insn.seg);
	CHECK_EQ(SLAT_INSN_RAX, insn.base);
	CHECK_EQ(SLAT_INSN_RBX, insn.index);
	CHECK_EQ(3, insn.scale);
	CHECK_EQ(0x12345678, insn.disp);
	CHECK(!insn.lock && !insn.rep && !insn.vex && !insn.aligned && !insn.reg_high);
}

static void operand_size_depends_on_mode_and_prefixes(void)
{
	/* mov %ax/%eax/%rax, (...) */
	CHECK_EQ(2, decode(M16, CODE(0x89, 0x07)).mem_size);
	CHECK_EQ(4, decode(M16, CODE(0x66, 0x89, 0x07)).mem_size);
	CHECK_EQ(4, decode(M32, CODE(0x89, 0x07)).mem_size);
	CHECK_EQ(2, decode(M32, CODE(0x66, 0x89, 0x07)).mem_size);
	CHECK_EQ(4, decode(M64, CODE(0x89, 0x07)).mem_size);
	CHECK_EQ(2, decode(M64, CODE(0x66, 0x89, 0x07)).mem_size);
	CHECK_EQ(8, decode(M64, CODE(0x48, 0x89, 0x07)).mem_size);
	CHECK_EQ(8, decode(M64, CODE(0x66, 0x48, 0x89, 0x07)).mem_size);
}

static void rex_counts_only_right_before_the_opcode(void)
{
	CHECK_EQ(2, decode(M64, CODE(0x48, 0x66, 0x89, 0x07)).mem_size);
	CHECK_EQ(4, decode(M64, CODE(0x48, 0x40, 0x89, 0x07)).mem_size);
	/* In 32-bit mode it is DEC. */
	CHECK_EQ(SLAT_INSN_UNKNOWN, status_of(M32, CODE(0x48, 0x89, 0x07)));
}

static void address_size_depends_on_mode_and_prefixes(void)
{
	CHECK_EQ(2, decode(M16, CODE(0x8a, 0x07)).addr_size);
	CHECK_EQ(4, decode(M16, CODE(0x67, 0x8a, 0x07)).addr_size);
	CHECK_EQ(2, decode(M32, CODE(0x67, 0x8a, 0x07)).addr_size);
	CHECK_EQ(4, decode(M64, CODE(0x67, 0x8a, 0x07)).addr_size);
	/* mov 0x1234, %al and its longer offsets */
	CHECK_EQ(0x1234, decode(M16, CODE(0xa0, 0x34, 0x12)).disp);
	CHECK_EQ(0x1234, decode(M32, CODE(0xa0, 0x34, 0x12, 0, 0)).disp);
	CHECK_EQ(1ULL << 56, decode(M64, CODE(0xa0, 0, 0, 0, 0, 0, 0, 0, 1)).disp);
}

static void segments(void)
{
	CHECK_EQ(SLAT_INSN_DS, decode(M32, CODE(0x8a, 0x07)).seg);
	/* (%esp), 1(%ebp), (%bp) */
	CHECK_EQ(SLAT_INSN_SS, decode(M32, CODE(0x8a, 0x04, 0x24)).seg);
	CHECK_EQ(SLAT_INSN_SS, decode(M32, CODE(0x8a, 0x45, 1)).seg);
	CHECK_EQ(SLAT_INSN_SS, decode(M16, CODE(0x8a, 0x46, 0)).seg);
	/* %ebp as an index, and R13, are not on the stack. */
	CHECK_EQ(SLAT_INSN_DS, decode(M32, CODE(0x8a, 0x04, 0x28)).seg);
	CHECK_EQ(SLAT_INSN_DS, decode(M64, CODE(0x41, 0x8a, 0x45, 1)).seg);
	/* The last prefix counts; in 64-bit mode only FS and GS do. */
	CHECK_EQ(SLAT_INSN_ES, decode(M32, CODE(0x2e, 0x26, 0x8a, 0x45, 1)).seg);
	CHECK_EQ(SLAT_INSN_SS, decode(M64, CODE(0x2e, 0x8a, 0x45, 1)).seg);
	CHECK_EQ(SLAT_INSN_GS, decode(M64, CODE(0x65, 0x8a, 0x45, 1)).seg);
}

static void addresses_without_registers(void)
{
	struct slat_insn insn;

	/* disp32 alone is relative to RIP in 64-bit mode, with a SIB byte it is not. */
	insn = decode(M64, CODE(0x8b, 0x05, 0xfc, 0xff, 0xff, 0xff));
	CHECK_EQ(SLAT_INSN_RIP, insn.base);
	CHECK_EQ(-4, insn.disp);
	CHECK_EQ(SLAT_INSN_NO_GPR, decode(M64, CODE(0x8b, 0x04, 0x25, 1, 2, 3, 4)).base);
	CHECK_EQ(SLAT_INSN_NO_GPR, decode(M32, CODE(0x8b, 0x05, 1, 2, 3, 4)).base);
	CHECK_EQ(SLAT_INSN_NO_GPR, decode(M16, CODE(0x8b, 0x06, 1, 2)).base);
	/* R12 can be an index, RSP cannot. */
	CHECK_EQ(12, decode(M64, CODE(0x42, 0x8b, 0x04, 0x20)).index);
	CHECK_EQ(SLAT_INSN_NO_GPR, decode(M64, CODE(0x8b, 0x04, 0x20)).index);
}

static void byte_registers(void)
{
	struct slat_insn insn = decode(M64, CODE(0x88, 0x27));

	/* mov %ah, (%rdi); with REX it is %spl */
	CHECK_EQ(SLAT_INSN_RAX, insn.reg);
	CHECK(insn.reg_high);
	insn = decode(M64, CODE(0x40, 0x88, 0x27));
	CHECK_EQ(SLAT_INSN_RSP, insn.reg);
	CHECK(!insn.reg_high);
	/* movzbl (%rdi), %esp: the register is not a byte */
	CHECK(!decode(M64, CODE(0x0f, 0xb6, 0x27)).reg_high);
}

static void immediates(void)
{
	CHECK_EQ(-1, decode(M64, CODE(0xc6, 0x07, 0xff)).imm);
	CHECK_EQ(-1, decode(M64, CODE(0x83, 0x07, 0xff)).imm);
	CHECK_EQ(0x201, decode(M16, CODE(0xc7, 0x07, 1, 2)).imm);
	CHECK_EQ(0x4030201, decode(M32, CODE(0xc7, 0x07, 1, 2, 3, 4)).imm);
	CHECK_EQ(-0x80000000LL, decode(M64, CODE(0x48, 0xc7, 0x07, 0, 0, 0, 0x80)).imm);
}

static void lock_only_where_memory_is_changed(void)
{
	CHECK(decode(M64, CODE(0xf0, 0x01, 0x07)).lock);
	CHECK(decode(M64, CODE(0xf0, 0x48, 0x0f, 0xc7, 0x0f)).lock);
	CHECK(decode(M64, CODE(0xf0, 0x87, 0x07)).lock);
	/* add (%rdi), %eax; cmp; bt; mov; movsb; add to a register */
	CHECK_EQ(SLAT_INSN_UD, status_of(M64, CODE(0xf0, 0x03, 0x07)));
	CHECK_EQ(SLAT_INSN_UD, status_of(M64, CODE(0xf0, 0x39, 0x07)));
	CHECK_EQ(SLAT_INSN_UD, status_of(M64, CODE(0xf0, 0x83, 0x3f, 0)));
	CHECK_EQ(SLAT_INSN_UD, status_of(M64, CODE(0xf0, 0x0f, 0xa3, 0x07)));
	CHECK_EQ(SLAT_INSN_UD, status_of(M64, CODE(0xf0, 0x89, 0x07)));
	CHECK_EQ(SLAT_INSN_UD, status_of(M64, CODE(0xf0, 0xa4)));
	CHECK_EQ(SLAT_INSN_UD, status_of(M64, CODE(0xf0, 0x01, 0xc0)));
}

static void vex(void)
{
	struct slat_insn insn;

	/* vmovups %ymm9, (%rdi); with three bytes */
	insn = decode(M64, CODE(0xc5, 0x7c, 0x11, 0x0f));
	CHECK_EQ(32, insn.mem_size);
	CHECK_EQ(9, insn.reg);
	CHECK(insn.vex);
	CHECK_EQ(8, decode(M64, CODE(0xc4, 0xc1, 0x78, 0x11, 0x08)).base);
	/* vmovq: VEX.W, which counts in 64-bit mode alone */
	CHECK_EQ(8, decode(M64, CODE(0xc4, 0xe1, 0xf9, 0x7e, 0x07)).mem_size);
	CHECK_EQ(4, decode(M32, CODE(0xc4, 0xe1, 0xf9, 0x7e, 0x07)).mem_size);
	/* L = 1 for vmovd; after 0x66, REX, LOCK */
	CHECK_EQ(SLAT_INSN_UD, status_of(M64, CODE(0xc5, 0xfd, 0x7e, 0x07)));
	CHECK_EQ(SLAT_INSN_UD, status_of(M64, CODE(0x66, 0xc5, 0xfc, 0x11, 0x0f)));
	CHECK_EQ(SLAT_INSN_UD, status_of(M64, CODE(0x40, 0xc5, 0xfc, 0x11, 0x0f)));
	CHECK_EQ(SLAT_INSN_UD, status_of(M64, CODE(0xf0, 0xc5, 0xfc, 0x11, 0x0f)));
	/* A third operand; integer instructions; LDS and LES in 32-bit mode */
	CHECK_EQ(SLAT_INSN_UNKNOWN, status_of(M64, CODE(0xc5, 0xf4, 0x11, 0x0f)));
	CHECK_EQ(SLAT_INSN_UNKNOWN, status_of(M64, CODE(0xc5, 0xf8, 0xb6, 0x0f)));
	CHECK_EQ(SLAT_INSN_UNKNOWN, status_of(M32, CODE(0xc5, 0x07)));
	CHECK_EQ(SLAT_INSN_UNKNOWN, status_of(M32, CODE(0xc4, 0x07)));
}

static void unknown_instructions(void)
{
	/* mov %eax, %ecx; nop; mov %ds, (%edi); lea; fld; EVEX; ARPL and 0x82 by mode */
	CHECK_EQ(SLAT_INSN_UNKNOWN, status_of(M64, CODE(0x89, 0xc1)));
	CHECK_EQ(SLAT_INSN_UNKNOWN, status_of(M64, CODE(0x90)));
	CHECK_EQ(SLAT_INSN_UNKNOWN, status_of(M32, CODE(0x8c, 0x1f)));
	CHECK_EQ(SLAT_INSN_UNKNOWN, status_of(M64, CODE(0x8d, 0x07)));
	CHECK_EQ(SLAT_INSN_UNKNOWN, status_of(M64, CODE(0xd9, 0x07)));
	CHECK_EQ(SLAT_INSN_UNKNOWN, status_of(M64, CODE(0x62, 0xf1, 0x7c, 0x48, 0x11, 0x07)));
	CHECK_EQ(SLAT_INSN_UNKNOWN, status_of(M32, CODE(0x63, 0x07)));
	CHECK_EQ(SLAT_INSN_UNKNOWN, status_of(M64, CODE(0x82, 0x07, 1)));
	decode(M32, CODE(0x82, 0x07, 1));
	decode(M64, CODE(0x63, 0x07));
}

/* The longest that there is: any part of it asks for more, one byte more is a #GP. */
static void no_more_than_15_bytes(void)
{
	/* Prefixes and movl $0x04030201, 0x11111111(%rax,%rax) */
	struct code code = CODE(0x2e, 0x2e, 0x2e, 0x2e, 0xc7, 0x84, 0x00,
				0x11, 0x11, 0x11, 0x11, 1, 2, 3, 4);
	struct code prefixes = { .len = 20 };

	decode(M64, code);
	while (code.len--)
		CHECK_EQ(SLAT_INSN_NEED_MORE, status_of(M64, code));
	memmove(code.bytes + 1, code.bytes, 15);
	code.len = 16;
	CHECK_EQ(SLAT_INSN_GP, status_of(M64, code));

	memset(prefixes.bytes, 0x66, prefixes.len);
	CHECK_EQ(SLAT_INSN_GP, status_of(M64, prefixes));
	prefixes.len = 14;
	CHECK_EQ(SLAT_INSN_NEED_MORE, status_of(M64, prefixes));
}

/* What follows an instruction changes nothing. */
static void ignores_what_follows(void)
{
	for (int i = 0; i < 100000; i++) {
		enum slat_insn_mode mode = random_mode();
		struct code code = { .len = SLAT_INSN_MAX_LEN };
		struct slat_insn alone, followed;

		random_insn(code.bytes, mode);
		if (slat_insn_decode(&followed, mode, code.bytes, code.len))
			continue;
		code.len = followed.length;
		CHECK_EQ(SLAT_INSN_OK, slat_insn_decode(&alone, mode, code.bytes, code.len));
		CHECK(!memcmp(&alone, &followed, sizeof(alone)));
		code.len--;
		CHECK_EQ(SLAT_INSN_NEED_MORE, status_of(mode, code));
	}
}

int main(int argc, char **argv)
{
	static const struct unit_case cases[] = {
		UNIT_CASE(reads_each_field),
		UNIT_CASE(operand_size_depends_on_mode_and_prefixes),
		UNIT_CASE(rex_counts_only_right_before_the_opcode),
		UNIT_CASE(address_size_depends_on_mode_and_prefixes),
		UNIT_CASE(segments),
		UNIT_CASE(addresses_without_registers),
		UNIT_CASE(byte_registers),
		UNIT_CASE(immediates),
		UNIT_CASE(lock_only_where_memory_is_changed),
		UNIT_CASE(vex),
		UNIT_CASE(unknown_instructions),
		UNIT_CASE(no_more_than_15_bytes),
		UNIT_CASE(ignores_what_follows),
	};

	return unit_run(cases, ARRAY_SIZE(cases));
}
