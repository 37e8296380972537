// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a CPU has not said about the instruction that exited (see
 * slat_exit.partial): read from the guest's memory.
 *
 * Other CPUs of the guest may write there.  An instruction that is not the one
 * that the exit is about is left to the CPU, which then sees it as well.
 */
#include <linux/kernel.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <asm/trapnr.h>

#include "mmu/gwalk.h"
#include "vcpu/vcpu.h"

#define REX_W	8
#define REX_R	4
#define REX_B	1

/* In place of a second opcode byte's map. */
#define TWO_BYTES	0x100

/**
 * struct insn - an instruction, as far as it is looked at
 * @opcode: its last byte, and TWO_BYTES
 * @modrm: the byte after it
 * @sib: the one after that
 * @rex: REX prefix, 0: none
 * @seg: segment that a prefix names, -1: none
 * @op16: has the prefix for the other operand size
 * @address_size: bytes of its addresses
 * @opcode_end: bytes up to and including @opcode
 */
struct insn {
	unsigned int opcode;
	u8 modrm;
	u8 sib;
	u8 rex;
	int seg;
	bool op16;
	u8 address_size;
	u8 opcode_end;
};

static int prefix_seg(u8 byte)
{
	switch (byte) {
	case 0x26:
		return SLAT_ES;
	case 0x2e:
		return SLAT_CS;
	case 0x36:
		return SLAT_SS;
	case 0x3e:
		return SLAT_DS;
	case 0x64:
		return SLAT_FS;
	case 0x65:
		return SLAT_GS;
	default:
		return -1;
	}
}

/* Returns whether the bytes go so far. */
static bool parse(struct insn *insn, enum slat_insn_mode mode, const u8 *bytes, unsigned int len)
{
	unsigned int i;

	*insn = (struct insn) { .seg = -1, .address_size = mode };
	for (i = 0; i < len; i++) {
		u8 byte = bytes[i];
		int seg = prefix_seg(byte);

		if (mode == SLAT_INSN_MODE_64 && (byte & 0xf0) == 0x40) {
			insn->rex = byte;
			continue;
		}
		if (seg >= 0)
			insn->seg = seg;
		else if (byte == 0x66)
			insn->op16 = true;
		else if (byte == 0x67)
			insn->address_size = mode == SLAT_INSN_MODE_32 ? 2 : 4;
		else if (byte != 0xf0 && byte != 0xf2 && byte != 0xf3)
			break;
		/* Not right before the opcode, it does not count. */
		insn->rex = 0;
	}
	if (i < len && bytes[i] == 0x0f) {
		insn->opcode = TWO_BYTES;
		i++;
	}
	if (i >= len)
		return false;
	insn->opcode |= bytes[i++];
	insn->opcode_end = i;
	insn->modrm = i < len ? bytes[i] : 0;
	insn->sib = i + 1 < len ? bytes[i + 1] : 0;
	return true;
}

static unsigned int modrm_reg(const struct insn *insn)
{
	return (insn->modrm >> 3 & 7) | (insn->rex & REX_R ? 8 : 0);
}

static unsigned int modrm_rm(const struct insn *insn)
{
	return (insn->modrm & 7) | (insn->rex & REX_B ? 8 : 0);
}

static bool is_register_form(const struct insn *insn)
{
	return insn->modrm >> 6 == 3;
}

/* ModRM and what belongs to it, outside of 64-bit mode (SDM vol. 2A, 2.1.5). */
static unsigned int modrm_len(const struct insn *insn)
{
	unsigned int mod = insn->modrm >> 6, rm = insn->modrm & 7, wide = insn->address_size;
	bool sib = wide == 4 && mod != 3 && rm == 4;

	if (mod == 1)
		return 2 + sib;
	if (mod == 2)
		return 1 + wide + sib;
	if (mod == 0 && rm == (wide == 2 ? 6 : 5))
		return 1 + wide;
	return 1 + sib + (mod == 0 && sib && (insn->sib & 7) == 5 ? wide : 0);
}

/* Instructions that are nothing but an opcode; 0F 01 has more in its ModRM byte. */
static const struct {
	enum slat_exit_reason reason;
	u16 opcode;
	u8 modrm;
} plain[] = {
	{ SLAT_EXIT_CPUID, TWO_BYTES | 0xa2 },
	{ SLAT_EXIT_HLT, 0xf4 },
	{ SLAT_EXIT_INVD, TWO_BYTES | 0x08 },
	{ SLAT_EXIT_INVD, TWO_BYTES | 0x09 },
	{ SLAT_EXIT_RDMSR, TWO_BYTES | 0x32 },
	{ SLAT_EXIT_WRMSR, TWO_BYTES | 0x30 },
	{ SLAT_EXIT_RDPMC, TWO_BYTES | 0x33 },
	{ SLAT_EXIT_XSETBV, TWO_BYTES | 0x01, 0xd1 },
	{ SLAT_EXIT_IDLE, TWO_BYTES | 0x01, 0xc8 },
	{ SLAT_EXIT_IDLE, TWO_BYTES | 0x01, 0xc9 },
	{ SLAT_EXIT_HYPERCALL, TWO_BYTES | 0x01, 0xd9 },
};

/* Each returns the instruction's length, 0: it is another one. */
static unsigned int assist_plain(const struct insn *insn, enum slat_exit_reason reason)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(plain); i++) {
		if (plain[i].reason != reason || plain[i].opcode != insn->opcode)
			continue;
		if (!plain[i].modrm)
			return insn->opcode_end;
		if (plain[i].modrm == insn->modrm)
			return insn->opcode_end + 1;
	}
	return 0;
}

static unsigned int assist_cr(struct slat_vcpu *vcpu, const struct insn *insn,
			      struct slat_exit *exit)
{
	bool write = exit->cr.write;

	if (insn->opcode == (TWO_BYTES | 0x06) && write && exit->cr.number == 0) {
		exit->cr.clts = true;
		return insn->opcode_end;
	}
	if (insn->opcode == (TWO_BYTES | 0x01) && is_register_form(insn) && exit->cr.number == 0) {
		exit->cr.gpr = modrm_rm(insn);
		exit->cr.lmsw = (insn->modrm >> 3 & 7) == 6;
		exit->cr.smsw = (insn->modrm >> 3 & 7) == 4;
		exit->cr.source = slat_cpu_gpr(&vcpu->cpu, exit->cr.gpr);
		exit->cr.size = insn->op16 ? 2 : insn->rex & REX_W ? 8 : 4;
		return (write ? exit->cr.lmsw : exit->cr.smsw) ? insn->opcode_end + 1 : 0;
	}
	if (insn->opcode != (TWO_BYTES | (write ? 0x22 : 0x20)))
		return 0;
	exit->cr.gpr = modrm_rm(insn);
	return insn->opcode_end + 1;
}

static unsigned int assist_dr(const struct insn *insn, struct slat_exit *exit)
{
	if (insn->opcode != (TWO_BYTES | (exit->dr.write ? 0x23 : 0x21)) ||
	    modrm_reg(insn) != exit->dr.number)
		return 0;
	exit->dr.gpr = modrm_rm(insn);
	return insn->opcode_end + 1;
}

static u64 masked(u64 value, unsigned int bytes)
{
	return bytes == 8 ? value : value & (BIT_ULL(bytes * 8) - 1);
}

static unsigned int assist_io(struct slat_vcpu *vcpu, const struct insn *insn,
			      struct slat_exit *exit)
{
	static const u16 opcodes[2][2] = { { 0xe6, 0xee }, { 0xe4, 0xec } };
	struct slat_cpu *cpu = &vcpu->cpu;
	unsigned int opcode = insn->opcode & ~1;
	int seg = exit->io.in ? SLAT_ES : insn->seg >= 0 ? insn->seg : SLAT_DS;
	u64 base;

	if (!exit->io.string) {
		if (opcode == opcodes[exit->io.in][0])
			return insn->opcode_end + 1;
		return opcode == opcodes[exit->io.in][1] ? insn->opcode_end : 0;
	}
	if (opcode != (exit->io.in ? 0x6c : 0x6e))
		return 0;
	slat_cpu_need(cpu, SLAT_STATE_SEGS);
	base = slat_cpu_64bit(cpu) && seg < SLAT_FS ? 0 : cpu->seg[seg].base;
	exit->io.address_size = insn->address_size;
	exit->io.linear = base + masked(cpu->gpr[exit->io.in ? SLAT_RDI : SLAT_RSI],
					insn->address_size);
	if (!slat_cpu_64bit(cpu))
		exit->io.linear = (u32)exit->io.linear;
	return insn->opcode_end;
}

/* What switches tasks: CALL and JMP far, IRET, INT n, INT3, INTO. */
static unsigned int assist_task(struct slat_vcpu *vcpu, const struct insn *insn,
				struct slat_exit *exit)
{
	bool wide = (slat_vcpu_insn_mode(vcpu) == SLAT_INSN_MODE_32) != insn->op16;

	switch (insn->opcode) {
	case 0x9a:
	case 0xea:
		return insn->opcode_end + (wide ? 6 : 4);
	case 0xff:
		return insn->opcode_end + modrm_len(insn);
	case 0xcd:
		return insn->opcode_end + 1;
	case 0xcc:
	case 0xce:
	case 0xcf:
		return insn->opcode_end;
	default:
		return 0;
	}
}

static unsigned int assist(struct slat_vcpu *vcpu, const struct insn *insn,
			   struct slat_exit *exit)
{
	switch (exit->reason) {
	case SLAT_EXIT_CR:
		return assist_cr(vcpu, insn, exit);
	case SLAT_EXIT_DR:
		return assist_dr(insn, exit);
	case SLAT_EXIT_IO:
		return assist_io(vcpu, insn, exit);
	case SLAT_EXIT_TASK_SWITCH:
		return assist_task(vcpu, insn, exit);
	default:
		return assist_plain(insn, exit->reason);
	}
}

/*
 * Reads up to the end of a page, or of the longest instruction.  Returns how
 * many bytes; 0: the guest has to go on, with a page fault, or to find out where its
 * code is by now: another CPU of its may have changed its tables since; -errno.
 */
static int read_code(struct slat_vcpu *vcpu, u64 linear, u8 *bytes, unsigned int max)
{
	struct slat_cpu *cpu = &vcpu->cpu;
	unsigned int len = min_t(unsigned int, PAGE_SIZE - offset_in_page(linear), max);
	u32 error;
	u64 gpa;
	int ret;

	slat_cpu_need(cpu, SLAT_STATE_SEGS);
	ret = slat_vcpu_translate(vcpu, linear, SLAT_GWALK_FETCH, cpu->cpl == 3, &gpa, &error);
	if (ret == SLAT_GWALK_FAULT) {
		cpu->cr2 = linear;
		slat_vcpu_raise_error(vcpu, X86_TRAP_PF, error);
		return 0;
	}
	if (ret)
		return ret;
	ret = slat_mmu_read(&vcpu->walker, gpa, bytes, len);
	if (ret > 0)
		return 0;
	return ret ?: len;
}

/* LMSW and SMSW of memory. */
static int cannot(struct slat_vcpu *vcpu)
{
	vcpu->run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	vcpu->run->internal.suberror = KVM_INTERNAL_ERROR_EMULATION;
	vcpu->run->internal.ndata = 0;
	return 0;
}

/**
 * slat_vcpu_assist() - complete an exit that the hardware has not
 * @vcpu: loaded
 * @exit: partial; not any more if that could be done
 *
 * Process context of the VM's owner; may sleep.
 *
 * Return: 1; 0 to return to user space; -errno.
 */
int slat_vcpu_assist(struct slat_vcpu *vcpu, struct slat_exit *exit)
{
	enum slat_insn_mode mode = slat_vcpu_insn_mode(vcpu);
	struct slat_cpu *cpu = &vcpu->cpu;
	u8 bytes[SLAT_INSN_MAX_LEN] = { };
	unsigned int len;
	struct insn insn;
	int first, ret;
	u64 linear;

	lockdep_assert_held(&vcpu->mutex);

	slat_cpu_need(cpu, SLAT_STATE_RIP | SLAT_STATE_SEGS);
	linear = cpu->rip + (mode == SLAT_INSN_MODE_64 ? 0 : cpu->seg[SLAT_CS].base);
	if (mode != SLAT_INSN_MODE_64)
		linear = (u32)linear;
	first = read_code(vcpu, linear, bytes, sizeof(bytes));
	if (first <= 0)
		return first ?: 1;
	len = parse(&insn, mode, bytes, first) ? assist(vcpu, &insn, exit) : 0;
	/* It may go on in the next page. */
	if ((!len || len > first) && first < sizeof(bytes)) {
		ret = read_code(vcpu, linear + first, bytes + first, sizeof(bytes) - first);
		if (ret <= 0)
			return ret ?: 1;
		len = parse(&insn, mode, bytes, sizeof(bytes)) ? assist(vcpu, &insn, exit) : 0;
	}
	if (len) {
		exit->insn_len = len;
		exit->partial = false;
		return 1;
	}
	if (exit->reason == SLAT_EXIT_CR && insn.opcode == (TWO_BYTES | 0x01))
		return cannot(vcpu);
	return 1;
}
