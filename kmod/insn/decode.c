// SPDX-License-Identifier: GPL-2.0-only
/*
 * From bytes to struct slat_insn: prefixes, opcode, ModRM with its SIB byte and
 * displacement, immediate.  What an opcode means is in the table.
 */
#include <linux/bitops.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "insn/decode.h"
#include "insn/table.h"

#define REX		0x40
#define REX_W		0x08
#define REX_R		0x04
#define REX_X		0x02
#define REX_B		0x01

#define NO_SEG		SLAT_INSN_NR_SEGS

/**
 * struct decoder - an instruction half read
 * @insn: where it goes
 * @bytes: what there is of it
 * @len: how much that is
 * @pos: how much of it has been read
 * @opcode: the last byte of the opcode
 * @map: the map that it is in, enum slat_insn_map
 * @modrm: the ModRM byte
 * @rex: the REX prefix, or what stands for it in a VEX prefix, or 0
 * @op_size: bytes of an operand whose size depends on prefixes
 * @seg: the segment that a prefix names, or NO_SEG
 * @op_prefix: there is a 0x66 prefix
 * @pp: the prefix that selects the opcode, enum slat_insn_pp
 * @vex_l: VEX.L
 */
struct decoder {
	struct slat_insn *insn;
	const u8 *bytes;
	u8 len;
	u8 pos;
	u8 opcode;
	u8 map;
	u8 modrm;
	u8 rex;
	u8 op_size;
	u8 seg;
	bool op_prefix;
	u8 pp;
	bool vex_l;
};

/* The next @nr bytes, at most 8, as an unsigned number. */
static enum slat_insn_status fetch(struct decoder *d, u8 nr, u64 *value)
{
	if (d->pos + nr > SLAT_INSN_MAX_LEN)
		return SLAT_INSN_GP;
	if (d->pos + nr > d->len)
		return SLAT_INSN_NEED_MORE;

	*value = 0;
	memcpy(value, d->bytes + d->pos, nr);
	d->pos += nr;
	return SLAT_INSN_OK;
}

static enum slat_insn_status fetch_byte(struct decoder *d, u8 *byte)
{
	u64 value = 0;
	enum slat_insn_status status = fetch(d, 1, &value);

	*byte = value;
	return status;
}

static enum slat_insn_status fetch_signed(struct decoder *d, u8 nr, u64 *value)
{
	enum slat_insn_status status = fetch(d, nr, value);

	if (!status)
		*value = sign_extend64(*value, 8 * nr - 1);
	return status;
}

static bool in_64bit(const struct decoder *d)
{
	return d->insn->mode == SLAT_INSN_MODE_64;
}

/* The legacy prefixes and REX, and the first byte behind them. */
static enum slat_insn_status read_prefixes(struct decoder *d)
{
	struct slat_insn *insn = d->insn;
	enum slat_insn_status status;

	while (!(status = fetch_byte(d, &d->opcode))) {
		u8 rex = 0;

		switch (d->opcode) {
		case 0x26:
		case 0x2e:
		case 0x36:
		case 0x3e:
			/* 64-bit mode ignores these four. */
			if (!in_64bit(d))
				d->seg = (d->opcode >> 3) & 3;
			break;
		case 0x64:
			d->seg = SLAT_INSN_FS;
			break;
		case 0x65:
			d->seg = SLAT_INSN_GS;
			break;
		case 0x66:
			d->op_prefix = true;
			break;
		case 0x67:
			insn->addr_size = insn->mode == SLAT_INSN_MODE_32 ? 2 : 4;
			break;
		case 0xf0:
			insn->lock = true;
			break;
		case 0xf2:
		case 0xf3:
			insn->rep = d->opcode;
			break;
		default:
			if (!in_64bit(d) || (d->opcode & 0xf0) != REX)
				return SLAT_INSN_OK;
			rex = d->opcode;
		}
		/* REX counts only as the last prefix. */
		d->rex = rex;
	}
	return status;
}

/*
 * The rest of a VEX prefix, whose first byte has been read, and the opcode
 * (SDM vol. 2A, 2.3.5).  Register bits are inverted in it.
 */
static enum slat_insn_status read_vex(struct decoder *d)
{
	enum slat_insn_status status;
	u8 byte, last, rex;

	status = fetch_byte(d, &byte);
	if (status)
		return status;

	/* Outside of 64-bit mode what looks like a memory operand makes it LDS or LES. */
	if (!in_64bit(d) && byte < 0xc0)
		return SLAT_INSN_UNKNOWN;

	if (d->rex || d->op_prefix || d->insn->rep || d->insn->lock)
		return SLAT_INSN_UD;

	if (d->opcode == 0xc5) {
		d->map = SLAT_INSN_MAP_0F;
		last = byte;
		rex = byte & 0x80 ? 0 : REX_R;
	} else {
		d->map = byte & 0x1f;
		if (d->map != SLAT_INSN_MAP_0F && d->map != SLAT_INSN_MAP_0F38)
			return SLAT_INSN_UNKNOWN;
		status = fetch_byte(d, &last);
		if (status)
			return status;
		rex = (~byte >> 5) & (REX_R | REX_X | REX_B);
		if (last & 0x80)
			rex |= REX_W;
	}
	if (in_64bit(d))
		d->rex = REX | rex;

	d->insn->vex = true;
	d->vex_l = last & 0x04;
	d->pp = last & 0x03;

	/* No instruction in the table has a third operand. */
	if ((last & 0x78) != 0x78)
		return SLAT_INSN_UNKNOWN;
	return fetch_byte(d, &d->opcode);
}

static enum slat_insn_status read_opcode(struct decoder *d)
{
	enum slat_insn_status status;

	if (d->opcode == 0xc4 || d->opcode == 0xc5)
		return read_vex(d);

	d->pp = d->insn->rep == 0xf3 ? SLAT_INSN_PP_F3 :
		d->insn->rep == 0xf2 ? SLAT_INSN_PP_F2 :
		d->op_prefix ? SLAT_INSN_PP_66 : SLAT_INSN_PP_NONE;

	if (d->opcode != 0x0f)
		return SLAT_INSN_OK;
	d->map = SLAT_INSN_MAP_0F;
	status = fetch_byte(d, &d->opcode);
	if (status || d->opcode != 0x38)
		return status;
	d->map = SLAT_INSN_MAP_0F38;
	return fetch_byte(d, &d->opcode);
}

/* A memory operand whose address has 16 bits (SDM vol. 2A, table 2-1). */
static enum slat_insn_status read_address_16(struct decoder *d)
{
	static const struct {
		u8 base;
		u8 index;
	} registers[] = {
		{ SLAT_INSN_RBX, SLAT_INSN_RSI },
		{ SLAT_INSN_RBX, SLAT_INSN_RDI },
		{ SLAT_INSN_RBP, SLAT_INSN_RSI },
		{ SLAT_INSN_RBP, SLAT_INSN_RDI },
		{ SLAT_INSN_RSI, SLAT_INSN_NO_GPR },
		{ SLAT_INSN_RDI, SLAT_INSN_NO_GPR },
		{ SLAT_INSN_RBP, SLAT_INSN_NO_GPR },
		{ SLAT_INSN_RBX, SLAT_INSN_NO_GPR },
	};
	const u8 mod = d->modrm >> 6;
	const u8 rm = d->modrm & 7;

	if (mod == 0 && rm == 6)
		return fetch_signed(d, 2, &d->insn->disp);

	d->insn->base = registers[rm].base;
	d->insn->index = registers[rm].index;
	return mod ? fetch_signed(d, mod, &d->insn->disp) : SLAT_INSN_OK;
}

/* The same with 32 or 64 bits (SDM vol. 2A, tables 2-2, 2-3 and 2-7). */
static enum slat_insn_status read_address(struct decoder *d)
{
	struct slat_insn *insn = d->insn;
	const u8 mod = d->modrm >> 6;
	u8 base = d->modrm & 7;
	enum slat_insn_status status;
	u8 sib, index;

	if (base == SLAT_INSN_RSP) {
		status = fetch_byte(d, &sib);
		if (status)
			return status;
		base = sib & 7;
		index = (sib >> 3) & 7;
		if (d->rex & REX_X)
			index += 8;
		if (index != SLAT_INSN_RSP) {
			insn->index = index;
			insn->scale = sib >> 6;
		}
	} else if (mod == 0 && base == SLAT_INSN_RBP && in_64bit(d)) {
		insn->base = SLAT_INSN_RIP;
	}

	if (mod == 0 && base == SLAT_INSN_RBP)
		return fetch_signed(d, 4, &insn->disp);

	insn->base = base + (d->rex & REX_B ? 8 : 0);
	return mod ? fetch_signed(d, mod == 1 ? 1 : 4, &insn->disp) : SLAT_INSN_OK;
}

static enum slat_insn_status read_memory_operand(struct decoder *d)
{
	struct slat_insn *insn = d->insn;
	enum slat_insn_status status;

	if (insn->addr_size == 2)
		status = read_address_16(d);
	else
		status = read_address(d);

	/* Addresses made with a stack pointer are on the stack. */
	if (insn->base == SLAT_INSN_RSP || insn->base == SLAT_INSN_RBP)
		insn->seg = SLAT_INSN_SS;
	return status;
}

static u8 operand_bytes(const struct decoder *d, enum slat_insn_size size)
{
	const u8 w_size = d->rex & REX_W ? 8 : 4;

	switch (size) {
	case SLAT_INSN_SIZE_OP:
		return d->op_size;
	case SLAT_INSN_SIZE_MAX4:
		return min_t(u8, d->op_size, 4);
	case SLAT_INSN_SIZE_W:
		return w_size;
	case SLAT_INSN_SIZE_2W:
		return 2 * w_size;
	case SLAT_INSN_SIZE_VEC:
		return d->vex_l ? 32 : 16;
	case SLAT_INSN_SIZE_STACK:
		return in_64bit(d) && d->op_size == 4 ? 8 : d->op_size;
	default:
		return size;
	}
}

static void set_sizes(struct decoder *d, const struct slat_insn_row *row)
{
	struct slat_insn *insn = d->insn;

	if (d->rex & REX_W)
		d->op_size = 8;
	else if (d->op_prefix)
		d->op_size = insn->mode == SLAT_INSN_MODE_16 ? 4 : 2;
	else
		d->op_size = insn->mode == SLAT_INSN_MODE_16 ? 2 : 4;

	insn->mem_size = operand_bytes(d, row->size);
	insn->reg_size = insn->mem_size;
	if (insn->op == SLAT_INSN_MOVZX || insn->op == SLAT_INSN_MOVSX)
		insn->reg_size = d->op_size;
}

static void set_register(struct decoder *d, const struct slat_insn_row *row)
{
	struct slat_insn *insn = d->insn;

	/* Without ModRM it is the accumulator. */
	if (row->flags & SLAT_INSN_NO_MODRM)
		return;

	insn->reg = (d->modrm >> 3) & 7;
	if (d->rex & REX_R)
		insn->reg += 8;

	/* Without REX, numbers 4 to 7 of a byte register are the upper halves. */
	if (insn->reg_size == 1 && !d->rex && insn->reg >= 4) {
		insn->reg -= 4;
		insn->reg_high = true;
	}
}

static enum slat_insn_status read_operands(struct decoder *d, const struct slat_insn_row *row)
{
	struct slat_insn *insn = d->insn;
	enum slat_insn_status status = SLAT_INSN_OK;

	insn->op = row->op;
	insn->dst = row->dst;
	insn->src = row->src;
	set_sizes(d, row);
	/* Of the two compare-and-exchange instructions only the longer cares. */
	insn->aligned = (row->flags & SLAT_INSN_ALIGNED) ||
			(row->size == SLAT_INSN_SIZE_2W && insn->mem_size == 16);

	if (row->dst == SLAT_INSN_REG || row->src == SLAT_INSN_REG ||
	    row->dst == SLAT_INSN_VEC || row->src == SLAT_INSN_VEC)
		set_register(d, row);

	if (!(row->flags & SLAT_INSN_NO_MODRM))
		status = read_memory_operand(d);
	else if (row->flags & SLAT_INSN_MOFFS)
		status = fetch_signed(d, insn->addr_size, &insn->disp);
	if (status)
		return status;

	if (d->seg != NO_SEG)
		insn->seg = d->seg;

	if (row->src == SLAT_INSN_IMM)
		status = fetch_signed(d, row->flags & SLAT_INSN_IMM8 ? 1 : min_t(u8, d->op_size, 4),
				      &insn->imm);
	return status;
}

/**
 * slat_insn_decode() - what an instruction is
 * @insn: filled in; of use only with SLAT_INSN_OK
 * @mode: how the code segment makes the CPU read it
 * @bytes: the instruction, and whatever follows it
 * @len: how many bytes there are; those beyond 15 are not looked at
 *
 * Pure: no access but to @insn and @bytes, no loop longer than @len.  Only
 * forms with a memory operand are known; of those that are not, some that the
 * CPU refuses too.
 *
 * Return: SLAT_INSN_OK, or why there is no instruction: too few bytes, nothing
 * that is known, or the exception that the CPU raises for the bytes.
 */
enum slat_insn_status slat_insn_decode(struct slat_insn *insn, enum slat_insn_mode mode,
				       const u8 *bytes, size_t len)
{
	struct decoder d = {
		.insn = insn,
		.bytes = bytes,
		.len = min_t(size_t, len, SLAT_INSN_MAX_LEN),
		.seg = NO_SEG,
	};
	const struct slat_insn_row *row;
	enum slat_insn_status status;

	*insn = (struct slat_insn) {
		.mode = mode,
		.addr_size = mode,
		.seg = SLAT_INSN_DS,
		.base = SLAT_INSN_NO_GPR,
		.index = SLAT_INSN_NO_GPR,
	};

	status = read_prefixes(&d);
	if (!status)
		status = read_opcode(&d);
	if (status)
		return status;

	row = slat_insn_find_row(d.map, d.pp, d.opcode, -1);
	if (!row)
		return SLAT_INSN_UNKNOWN;
	if (row->flags & (in_64bit(&d) ? SLAT_INSN_NOT_64 : SLAT_INSN_ONLY_64))
		return SLAT_INSN_UNKNOWN;
	if (insn->vex && !(row->flags & SLAT_INSN_VEX))
		return SLAT_INSN_UNKNOWN;
	if (d.vex_l && (row->flags & SLAT_INSN_VEX_L0))
		return SLAT_INSN_UD;
	if (!(row->flags & SLAT_INSN_NO_MODRM)) {
		status = fetch_byte(&d, &d.modrm);
		if (status)
			return status;
		row = slat_insn_find_row(d.map, d.pp, d.opcode, (d.modrm >> 3) & 7);
		if (!row)
			return SLAT_INSN_UNKNOWN;
	}

	if (insn->lock && !(row->flags & SLAT_INSN_LOCKABLE))
		return SLAT_INSN_UD;
	/* Two registers: nothing that touches memory. */
	if (!(row->flags & SLAT_INSN_NO_MODRM) && d.modrm >= 0xc0)
		return insn->lock ? SLAT_INSN_UD : SLAT_INSN_UNKNOWN;

	status = read_operands(&d, row);
	insn->length = d.pos;
	return status;
}
