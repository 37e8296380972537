// SPDX-License-Identifier: GPL-2.0-only
/*
 * kmod/insn/decode.c against Zydis, which knows all instructions:
 *
 *	test_insn_zydis [COUNT [SEED]]
 *
 * What the decoder accepts, Zydis must read in the same way; what Zydis reads
 * as an instruction that Slat has to know, the decoder must accept.
 */
#include <Zydis/Zydis.h>

#include <linux/bitops.h>

#include "insn_random.h"
#include "unit.h"

static u64 count;

struct zydis_insn {
	ZydisDecodedInstruction insn;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
};

/* Mnemonics that Slat has to know where they have a memory operand. */
static const struct {
	ZydisMnemonic mnemonic;
	enum slat_insn_op op;
	bool aligned;
} mnemonics[] = {
#define KNOWN(name, op)		{ ZYDIS_MNEMONIC_##name, SLAT_INSN_##op, false }
#define ALIGNED(name, op)	{ ZYDIS_MNEMONIC_##name, SLAT_INSN_##op, true }
	KNOWN(ADD, ADD), KNOWN(OR, OR), KNOWN(ADC, ADC), KNOWN(SBB, SBB), KNOWN(AND, AND),
	KNOWN(SUB, SUB), KNOWN(XOR, XOR), KNOWN(CMP, CMP), KNOWN(TEST, TEST), KNOWN(INC, INC),
	KNOWN(DEC, DEC), KNOWN(NOT, NOT), KNOWN(NEG, NEG), KNOWN(BT, BT), KNOWN(BTS, BTS),
	KNOWN(BTR, BTR), KNOWN(BTC, BTC), KNOWN(MOV, MOV), KNOWN(MOVZX, MOVZX),
	KNOWN(MOVSX, MOVSX), KNOWN(MOVBE, MOVBE), KNOWN(XCHG, XCHG), KNOWN(XADD, XADD),
	KNOWN(CMPXCHG, CMPXCHG), KNOWN(CMPXCHG8B, CMPXCHG8B), KNOWN(PUSH, PUSH),
	KNOWN(POP, POP), KNOWN(MOVSXD, MOVSX), KNOWN(MOVNTI, MOV),
	ALIGNED(CMPXCHG16B, CMPXCHG8B),
	/* MOVSD and CMPSD are names of vector instructions too; see find_op(). */
	KNOWN(MOVSB, MOVS), KNOWN(MOVSW, MOVS), KNOWN(MOVSD, MOVS), KNOWN(MOVSQ, MOVS),
	KNOWN(CMPSB, CMPS), KNOWN(CMPSW, CMPS), KNOWN(CMPSD, CMPS), KNOWN(CMPSQ, CMPS),
	KNOWN(STOSB, STOS), KNOWN(STOSW, STOS), KNOWN(STOSD, STOS), KNOWN(STOSQ, STOS),
	KNOWN(LODSB, LODS), KNOWN(LODSW, LODS), KNOWN(LODSD, LODS), KNOWN(LODSQ, LODS),
	KNOWN(SCASB, SCAS), KNOWN(SCASW, SCAS), KNOWN(SCASD, SCAS), KNOWN(SCASQ, SCAS),
	KNOWN(VMOVSD, VMOV), KNOWN(MOVSS, VMOV), KNOWN(VMOVSS, VMOV), KNOWN(MOVD, VMOV),
	KNOWN(VMOVD, VMOV), KNOWN(MOVQ, VMOV), KNOWN(VMOVQ, VMOV), KNOWN(MOVUPS, VMOV),
	KNOWN(VMOVUPS, VMOV), KNOWN(MOVUPD, VMOV), KNOWN(VMOVUPD, VMOV), KNOWN(MOVDQU, VMOV),
	KNOWN(VMOVDQU, VMOV), KNOWN(LDDQU, VMOV), KNOWN(VLDDQU, VMOV),
	ALIGNED(MOVAPS, VMOV), ALIGNED(VMOVAPS, VMOV), ALIGNED(MOVAPD, VMOV),
	ALIGNED(VMOVAPD, VMOV), ALIGNED(MOVDQA, VMOV), ALIGNED(VMOVDQA, VMOV),
	ALIGNED(MOVNTDQ, VMOV), ALIGNED(VMOVNTDQ, VMOV), ALIGNED(MOVNTDQA, VMOV),
	ALIGNED(VMOVNTDQA, VMOV), ALIGNED(MOVNTPS, VMOV), ALIGNED(VMOVNTPS, VMOV),
	ALIGNED(MOVNTPD, VMOV), ALIGNED(VMOVNTPD, VMOV),
	KNOWN(MOVLPS, VMOVLO), KNOWN(VMOVLPS, VMOVLO), KNOWN(MOVLPD, VMOVLO),
	KNOWN(VMOVLPD, VMOVLO), KNOWN(MOVHPS, VMOVHI), KNOWN(VMOVHPS, VMOVHI),
	KNOWN(MOVHPD, VMOVHI), KNOWN(VMOVHPD, VMOVHI),
};

static bool is_string(const struct zydis_insn *z)
{
	return z->insn.meta.category == ZYDIS_CATEGORY_STRINGOP;
}

/* How often each mnemonic was compared. */
static u64 seen[ARRAY_SIZE(mnemonics)];

static int find_mnemonic(const struct zydis_insn *z)
{
	for (size_t i = 0; i < ARRAY_SIZE(mnemonics); i++)
		if (mnemonics[i].mnemonic == z->insn.mnemonic)
			return i;
	return -1;
}

/* The operation as Slat calls it, or a negative number. */
static int find_op(const struct zydis_insn *z)
{
	int i = find_mnemonic(z);
	int op = i < 0 ? -1 : (int)mnemonics[i].op;

	if (op == SLAT_INSN_MOVS && !is_string(z))
		op = SLAT_INSN_VMOV;
	if (op == SLAT_INSN_CMPS && !is_string(z))
		op = -1;
	/* A store of the low half is like any other. */
	if (op == SLAT_INSN_VMOVLO && z->operands[0].type == ZYDIS_OPERAND_TYPE_MEMORY)
		op = SLAT_INSN_VMOV;
	return op;
}

static const ZydisDecodedOperand *memory_operand(const struct zydis_insn *z)
{
	for (int i = 0; i < z->insn.operand_count_visible; i++)
		if (z->operands[i].type == ZYDIS_OPERAND_TYPE_MEMORY)
			return &z->operands[i];
	return NULL;
}

static bool has_register_of(const struct zydis_insn *z, ZydisRegisterClass class)
{
	for (int i = 0; i < z->insn.operand_count_visible; i++)
		if (z->operands[i].type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    ZydisRegisterGetClass(z->operands[i].reg.value) == class)
			return true;
	return false;
}

/* Whether Slat has to know it. */
static bool must_know(const struct zydis_insn *z)
{
	if (find_op(z) < 0)
		return false;
	if (is_string(z))
		return true;
	if (!memory_operand(z) || z->insn.encoding == ZYDIS_INSTRUCTION_ENCODING_EVEX)
		return false;
	/* Merges two sources. */
	if (z->insn.encoding == ZYDIS_INSTRUCTION_ENCODING_VEX &&
	    z->insn.operand_count_visible == 3)
		return false;
	return !has_register_of(z, ZYDIS_REGCLASS_MMX) &&
	       !has_register_of(z, ZYDIS_REGCLASS_SEGMENT);
}

/* A general-purpose register's number, -1 where there is none. */
static int gpr_number(ZydisRegister reg)
{
	if (reg == ZYDIS_REGISTER_NONE)
		return SLAT_INSN_NO_GPR;
	if (reg == ZYDIS_REGISTER_RIP || reg == ZYDIS_REGISTER_EIP)
		return SLAT_INSN_RIP;
	return ZydisRegisterGetId(reg);
}

static void check_register(const struct slat_insn *insn, ZydisRegister reg)
{
	const ZydisRegisterClass class = ZydisRegisterGetClass(reg);
	const bool high = reg >= ZYDIS_REGISTER_AH && reg <= ZYDIS_REGISTER_BH;
	int number = ZydisRegisterGetId(reg);

	if (class == ZYDIS_REGCLASS_XMM || class == ZYDIS_REGCLASS_YMM) {
		CHECK(insn->dst == SLAT_INSN_VEC || insn->src == SLAT_INSN_VEC);
		CHECK_EQ(number, insn->reg);
		return;
	}
	/* AL to BL, AH to BH, SPL to R15B, in this order. */
	if (reg >= ZYDIS_REGISTER_AH && reg <= ZYDIS_REGISTER_R15B)
		number = reg - ZYDIS_REGISTER_AH;
	CHECK_EQ(number, insn->reg);
	CHECK_EQ(high, insn->reg_high);
	CHECK_EQ(ZydisRegisterGetWidth(ZYDIS_MACHINE_MODE_LONG_64, reg), insn->reg_size * 8);
}

static void check_memory(const struct slat_insn *insn, const struct zydis_insn *z,
			 const ZydisDecodedOperand *operand)
{
	/* MOVSXD to 16 bits reads 2 bytes (SDM, and Intel's CPUs); Zydis says 4. */
	bool narrow = z->insn.mnemonic == ZYDIS_MNEMONIC_MOVSXD && insn->reg_size == 2;
	int index = gpr_number(operand->mem.index);
	int base = gpr_number(operand->mem.base);
	u64 disp = operand->mem.disp.has_displacement ? operand->mem.disp.value : 0;

	/* A SIB byte's "no base" ignores REX.B; with 0x67 Zydis 4.0 does not. */
	if (z->insn.raw.modrm.rm == 4 && z->insn.raw.modrm.mod == 0 &&
	    z->insn.raw.sib.base == 5 && base == 13 && insn->addr_size == 4) {
		base = SLAT_INSN_NO_GPR;
		disp = z->insn.raw.disp.value;
	}

	CHECK_EQ(narrow ? 16 : operand->size, insn->mem_size * 8);
	CHECK_EQ(operand->mem.segment - ZYDIS_REGISTER_ES, insn->seg);
	CHECK_EQ(base, insn->base);
	CHECK_EQ(index, insn->index);
	if (index != SLAT_INSN_NO_GPR)
		CHECK_EQ(operand->mem.scale, 1 << insn->scale);
	CHECK_EQ(disp, insn->disp);
}

/* Strings: the operands are implied, their sizes and one segment are not. */
static void check_string(const struct slat_insn *insn, const struct zydis_insn *z)
{
	for (int i = 0; i < z->insn.operand_count; i++) {
		const ZydisDecodedOperand *operand = &z->operands[i];

		if (operand->type != ZYDIS_OPERAND_TYPE_MEMORY)
			continue;
		CHECK_EQ(operand->size, insn->mem_size * 8);
		if (gpr_number(operand->mem.base) == SLAT_INSN_RSI)
			CHECK_EQ(operand->mem.segment - ZYDIS_REGISTER_ES, insn->seg);
		else
			CHECK_EQ(ZYDIS_REGISTER_ES, operand->mem.segment);
	}
}

static void check_insn(const struct slat_insn *insn, const struct zydis_insn *z)
{
	const ZydisDecodedOperand *memory = memory_operand(z);
	int i = find_mnemonic(z);

	if (!CHECK(i >= 0))
		return;
	CHECK_EQ(z->insn.length, insn->length);
	seen[i]++;
	CHECK_EQ(find_op(z), insn->op);
	CHECK_EQ(z->insn.address_width, insn->addr_size * 8);
	CHECK_EQ(!!(z->insn.attributes & ZYDIS_ATTRIB_HAS_LOCK), insn->lock);
	CHECK_EQ(z->insn.encoding == ZYDIS_INSTRUCTION_ENCODING_VEX, insn->vex);
	if (is_string(z)) {
		if (z->insn.attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE))
			CHECK_EQ(0xf3, insn->rep);
		else if (z->insn.attributes & ZYDIS_ATTRIB_HAS_REPNE)
			CHECK_EQ(0xf2, insn->rep);
		check_string(insn, z);
		return;
	}

	if (!CHECK(memory))
		return;
	check_memory(insn, z, memory);
	CHECK_EQ(mnemonics[i].aligned, insn->aligned);
	CHECK_EQ(memory == z->operands, insn->dst == SLAT_INSN_MEM);
	CHECK_EQ(memory != z->operands, insn->src == SLAT_INSN_MEM);

	for (i = 0; i < z->insn.operand_count_visible; i++) {
		const ZydisDecodedOperand *operand = &z->operands[i];

		if (operand->type == ZYDIS_OPERAND_TYPE_REGISTER)
			check_register(insn, operand->reg.value);
		if (operand->type == ZYDIS_OPERAND_TYPE_IMMEDIATE && operand->size)
			CHECK_EQ(sign_extend64(operand->imm.value.u, operand->size - 1),
				 sign_extend64(insn->imm, operand->size - 1));
	}
}

static void check_bytes(const u8 *bytes, size_t len, enum slat_insn_mode mode)
{
	ZydisDecoder decoder;
	struct zydis_insn z;
	struct slat_insn insn;
	enum slat_insn_status status = slat_insn_decode(&insn, mode, bytes, len);
	ZyanStatus zydis_status;
	bool valid;

	ZydisDecoderInit(&decoder, mode == SLAT_INSN_MODE_64 ? ZYDIS_MACHINE_MODE_LONG_64 :
			 mode == SLAT_INSN_MODE_32 ? ZYDIS_MACHINE_MODE_LEGACY_32 :
			 ZYDIS_MACHINE_MODE_LEGACY_16,
			 mode == SLAT_INSN_MODE_64 ? ZYDIS_STACK_WIDTH_64 :
			 mode == SLAT_INSN_MODE_32 ? ZYDIS_STACK_WIDTH_32 : ZYDIS_STACK_WIDTH_16);
	zydis_status = ZydisDecoderDecodeFull(&decoder, bytes, len, &z.insn, z.operands);
	valid = ZYAN_SUCCESS(zydis_status);

	switch (status) {
	case SLAT_INSN_OK:
		if (CHECK(valid))
			check_insn(&insn, &z);
		break;
	case SLAT_INSN_NEED_MORE:
		CHECK_EQ(ZYDIS_STATUS_NO_MORE_DATA, zydis_status);
		break;
	case SLAT_INSN_UNKNOWN:
		CHECK(!valid || !must_know(&z));
		break;
	case SLAT_INSN_UD:
		CHECK(!valid);
		break;
	case SLAT_INSN_GP:
		CHECK_EQ(ZYDIS_STATUS_INSTRUCTION_TOO_LONG, zydis_status);
		break;
	}
}

static void agrees_with_zydis(void)
{
	for (u64 i = 0; i < count && unit_failures < 20; i++) {
		enum slat_insn_mode mode = random_mode();
		u8 bytes[SLAT_INSN_MAX_LEN];
		size_t len = SLAT_INSN_MAX_LEN;
		int failures;

		random_insn(bytes, mode);
		if (one_in(16))
			len = random_below(len + 1);
		failures = unit_failures;
		check_bytes(bytes, len, mode);
		if (unit_failures != failures)
			print_bytes("in", bytes, len, mode);
	}
}

static void has_compared_every_mnemonic(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(mnemonics); i++)
		if (!CHECK(seen[i]))
			printf("# %s\n", ZydisMnemonicGetString(mnemonics[i].mnemonic));
}

int main(int argc, char **argv)
{
	static const struct unit_case cases[] = {
		UNIT_CASE(agrees_with_zydis),
		UNIT_CASE(has_compared_every_mnemonic),
	};

	count = random_arguments(argc, argv, 1000000);
	return unit_run(cases, ARRAY_SIZE(cases));
}
