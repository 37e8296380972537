// SPDX-License-Identifier: GPL-2.0-only
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "irq/lapic.h"

#define VERSION			0x14		/* integrated */
#define VERSION_LVTS		6		/* without that of corrected errors */
#define VERSION_DIRECTED_EOI	BIT(24)

#define FIRST_VECTOR		16		/* those below are illegal */

#define DFR_ONES		0x0fffffffU
#define DFR_FLAT		0xfU		/* its upper four bits */
#define SVR_VECTOR_ENABLE	GENMASK(9, 0)
#define ICR_BUSY		BIT(12)
#define DIVIDE_BITS		0xbU

#define LVT_SIMPLE		(GENMASK(7, 0) | SLAT_LVT_MASKED)
#define LVT_PIN			(LVT_SIMPLE | SLAT_LVT_DELIVERY | GENMASK(15, 13))
#define LVT_EXTINT		(SLAT_DELIVER_EXTINT << 8)

#define X2APIC_MSR		0x800U
#define SELF_IPI_BITS		0xffU

static const u32 lvts[] = {
	SLAT_APIC_LVT_TIMER, SLAT_APIC_LVT_THERMAL, SLAT_APIC_LVT_PERF,
	SLAT_APIC_LVT_LINT0, SLAT_APIC_LVT_LINT1, SLAT_APIC_LVT_ERROR, SLAT_APIC_LVT_CMCI,
};

static void set_reg(struct slat_lapic *lapic, u32 offset, u32 value)
{
	WRITE_ONCE(lapic->regs[offset / 16], value);
	if (lapic->page)
		slat_lapic_page_set(lapic, offset, value);
}

/* -1: none */
static int highest(const unsigned long *vectors)
{
	int i;

	BUILD_BUG_ON(SLAT_VECTOR_WORDS != 4);
	/* As with most entries, each of which asks. */
	if (!(READ_ONCE(vectors[0]) | READ_ONCE(vectors[1]) | READ_ONCE(vectors[2]) |
	      READ_ONCE(vectors[3])))
		return -1;
	for (i = SLAT_VECTOR_WORDS - 1; i >= 0; i--) {
		unsigned long word = READ_ONCE(vectors[i]);

		if (word)
			return i * 64 + __fls(word);
	}
	return -1;
}

/* 32 vectors, as registers have them. */
static u32 vectors_read(const unsigned long *vectors, unsigned int nr)
{
	return READ_ONCE(vectors[nr / 2]) >> (nr & 1) * 32;
}

static u32 logical_x2apic(u32 id)
{
	return id >> 4 << 16 | 1U << (id & 15);
}

/**
 * slat_lapic_reset() - as after INIT: all but its ID and mode
 * @lapic: the vCPU's thread has it
 */
void slat_lapic_reset(struct slat_lapic *lapic)
{
	u32 id = slat_lapic_reg(lapic, SLAT_APIC_ID);
	u32 version = VERSION | (VERSION_LVTS - !lapic->has_cmci) << 16;
	int i;

	lapic->ops->timer_set(lapic, 0);
	for (i = 0; i < SLAT_APIC_REGS / 16; i++)
		set_reg(lapic, i * 16, 0);
	memset(lapic->irr, 0, sizeof(lapic->irr));
	memset(lapic->isr, 0, sizeof(lapic->isr));
	memset(lapic->tmr, 0, sizeof(lapic->tmr));
	lapic->errors = 0;
	set_reg(lapic, SLAT_APIC_ID, id);
	set_reg(lapic, SLAT_APIC_VERSION,
		version | (lapic->directed_eoi ? VERSION_DIRECTED_EOI : 0));
	set_reg(lapic, SLAT_APIC_DFR, ~0U);
	set_reg(lapic, SLAT_APIC_SVR, 0xff);
	for (i = 0; i < ARRAY_SIZE(lvts); i++)
		set_reg(lapic, lvts[i], SLAT_LVT_MASKED);
	/* Where firmware expects the PIC. */
	if (lapic->base & SLAT_APIC_BASE_BSP)
		set_reg(lapic, SLAT_APIC_LVT_LINT0, LVT_EXTINT);
	if (slat_lapic_is_x2apic(lapic))
		set_reg(lapic, SLAT_APIC_LDR, logical_x2apic(lapic->id));
	lapic->ops->moved(lapic);
}

/**
 * slat_lapic_init() - as after RESET
 * @lapic: zeroed
 * @ops: what concerns others
 * @id: its x2APIC ID
 * @bsp: it is that of the CPU that boots
 */
void slat_lapic_init(struct slat_lapic *lapic, const struct slat_lapic_ops *ops, u32 id, bool bsp)
{
	lapic->ops = ops;
	lapic->id = id;
	lapic->base = SLAT_APIC_BASE_ADDRESS | SLAT_APIC_BASE_ENABLED |
		      (bsp ? SLAT_APIC_BASE_BSP : 0);
	set_reg(lapic, SLAT_APIC_ID, id << 24);
	slat_lapic_reset(lapic);
}

/**
 * slat_lapic_set_cmci() - whether it has an interrupt for corrected machine checks
 * @lapic: the vCPU's thread has it
 * @has: it does
 */
void slat_lapic_set_cmci(struct slat_lapic *lapic, bool has)
{
	u32 version = slat_lapic_reg(lapic, SLAT_APIC_VERSION) & ~GENMASK(23, 16);

	lapic->has_cmci = has;
	set_reg(lapic, SLAT_APIC_LVT_CMCI, SLAT_LVT_MASKED);
	set_reg(lapic, SLAT_APIC_VERSION, version | (VERSION_LVTS - !has) << 16);
}

/**
 * slat_lapic_base_valid() - whether a guest can write this to IA32_APIC_BASE
 * @lapic: the vCPU's thread has it
 * @base: without reserved bits
 *
 * SDM vol. 3A, figure 11-27: x2APIC mode is entered from xAPIC mode, and left
 * by disabling.
 */
bool slat_lapic_base_valid(const struct slat_lapic *lapic, u64 base)
{
	bool enabled = base & SLAT_APIC_BASE_ENABLED, x2apic = base & SLAT_APIC_BASE_X2APIC;

	if (x2apic)
		return enabled && lapic->base & SLAT_APIC_BASE_ENABLED;
	return !enabled || !slat_lapic_is_x2apic(lapic);
}

/**
 * slat_lapic_set_base() - change mode
 * @lapic: the vCPU's thread has it
 * @base: IA32_APIC_BASE
 */
void slat_lapic_set_base(struct slat_lapic *lapic, u64 base)
{
	bool was_x2apic = slat_lapic_is_x2apic(lapic);
	u64 changed = base ^ lapic->base;

	WRITE_ONCE(lapic->base, base);
	if (slat_lapic_is_x2apic(lapic) && !was_x2apic) {
		set_reg(lapic, SLAT_APIC_ID, lapic->id);
		set_reg(lapic, SLAT_APIC_LDR, logical_x2apic(lapic->id));
	} else if (slat_lapic_is_xapic(lapic) && (was_x2apic || changed & SLAT_APIC_BASE_ENABLED)) {
		set_reg(lapic, SLAT_APIC_ID, lapic->id << 24);
	}
	if (changed)
		lapic->ops->moved(lapic);
}

/**
 * slat_lapic_request() - an interrupt for this CPU
 * @lapic: any context
 * @vector: which
 * @level: it is level-triggered
 *
 * A full barrier.
 *
 * Return: whether there was no such request yet.
 */
bool slat_lapic_request(struct slat_lapic *lapic, u8 vector, bool level)
{
	if (level && !test_bit(vector, lapic->tmr))
		set_bit(vector, lapic->tmr);
	else if (!level && test_bit(vector, lapic->tmr))
		clear_bit(vector, lapic->tmr);
	return !test_and_set_bit(vector, lapic->irr);
}

/**
 * slat_lapic_in_service() - what the next EOI ends
 * @lapic: the vCPU's thread has it
 *
 * Return: the vector, or -1: nothing.
 */
int slat_lapic_in_service(const struct slat_lapic *lapic)
{
	return highest(lapic->isr);
}

/**
 * slat_lapic_requested() - the highest request, whether or not it can be delivered
 * @lapic: the vCPU's thread has it
 *
 * Return: the vector, or -1: nothing.
 */
int slat_lapic_requested(const struct slat_lapic *lapic)
{
	return highest(lapic->irr);
}

/**
 * slat_lapic_ppr() - the processor-priority register
 * @lapic: the vCPU's thread has it
 */
u8 slat_lapic_ppr(const struct slat_lapic *lapic)
{
	int service = highest(lapic->isr);
	u8 tpr = slat_lapic_reg(lapic, SLAT_APIC_TPR);

	if (service < 0 || tpr >> 4 >= service >> 4)
		return tpr;
	return service & 0xf0;
}

/**
 * slat_lapic_tpr_limit() - the task priority below which there is an interrupt
 * @lapic: the vCPU's thread has it
 *
 * Return: 1 to 15, not above the task priority; 0: none is held back by it.
 */
u8 slat_lapic_tpr_limit(const struct slat_lapic *lapic)
{
	int vector = highest(lapic->irr);
	u8 tpr = slat_lapic_reg(lapic, SLAT_APIC_TPR);

	return vector >= 0 && vector >> 4 <= tpr >> 4 ? vector >> 4 : 0;
}

/**
 * slat_lapic_pending() - the vector to deliver next
 * @lapic: the vCPU's thread has it
 *
 * Return: the vector, or -1: none that the CPU's priority lets through.
 */
int slat_lapic_pending(const struct slat_lapic *lapic)
{
	int vector;

	if (!(lapic->base & SLAT_APIC_BASE_ENABLED))
		return -1;
	vector = highest(lapic->irr);
	if (vector < 0)
		return -1;
	return vector >> 4 > slat_lapic_ppr(lapic) >> 4 ? vector : -1;
}

/**
 * slat_lapic_accept() - an interrupt is being delivered
 * @lapic: the vCPU's thread has it
 * @vector: as slat_lapic_pending() said
 */
void slat_lapic_accept(struct slat_lapic *lapic, u8 vector)
{
	__set_bit(vector, lapic->isr);
	clear_bit(vector, lapic->irr);
}

/**
 * slat_lapic_ended() - an interrupt is not in service any more: who waits for it
 * @lapic: the vCPU's thread has it
 * @vector: which
 */
void slat_lapic_ended(struct slat_lapic *lapic, u8 vector)
{
	bool level = test_bit(vector, lapic->tmr) &&
		     !(slat_lapic_reg(lapic, SLAT_APIC_SVR) & SLAT_SVR_NO_BROADCAST);

	lapic->ops->eoi(lapic, vector, level);
}

/**
 * slat_lapic_eoi() - the guest is done with the interrupt of highest priority
 * @lapic: the vCPU's thread has it
 */
void slat_lapic_eoi(struct slat_lapic *lapic)
{
	int vector = highest(lapic->isr);

	if (vector < 0)
		return;
	__clear_bit(vector, lapic->isr);
	slat_lapic_ended(lapic, vector);
}

/**
 * slat_lapic_takes_pic() - whether the CPU listens to the PIC
 * @lapic: any context
 */
bool slat_lapic_takes_pic(const struct slat_lapic *lapic)
{
	u32 lint0 = slat_lapic_reg(lapic, SLAT_APIC_LVT_LINT0);

	return !(READ_ONCE(lapic->base) & SLAT_APIC_BASE_ENABLED) ||
	       (lint0 & (SLAT_LVT_MASKED | SLAT_LVT_DELIVERY)) == LVT_EXTINT;
}

/**
 * slat_lapic_local() - an interrupt from within, unless it is masked or disabled
 * @lapic: the vCPU's thread has it
 * @lvt: offset of its LVT register: the timer's, that of errors, or of machine
 *	checks
 */
void slat_lapic_local(struct slat_lapic *lapic, u32 lvt)
{
	u32 entry = slat_lapic_reg(lapic, lvt);

	if (lapic->base & SLAT_APIC_BASE_ENABLED &&
	    !(entry & (SLAT_LVT_MASKED | SLAT_LVT_DELIVERY)) && (u8)entry >= FIRST_VECTOR)
		slat_lapic_request(lapic, entry, false);
}

static void error(struct slat_lapic *lapic, u32 bit)
{
	lapic->errors |= bit;
	slat_lapic_local(lapic, SLAT_APIC_LVT_ERROR);
}

/**
 * slat_lapic_timer_shift() - by which power of two the timer divides its clock
 * @lapic: the vCPU's thread has it
 */
unsigned int slat_lapic_timer_shift(const struct slat_lapic *lapic)
{
	u32 divide = slat_lapic_reg(lapic, SLAT_APIC_TIMER_DIVIDE);

	/* Bits 0, 1 and 3: 2, 4 ... 128, 1. */
	return ((divide & 3) + (divide >> 1 & 4) + 1) & 7;
}

static u32 prefixed(const struct slat_lapic *lapic, u32 offset)
{
	unsigned int nr = offset >> 4 & 7;

	switch (offset & ~0x7fU) {
	case SLAT_APIC_ISR:
		return vectors_read(lapic->isr, nr);
	case SLAT_APIC_TMR:
		return vectors_read(lapic->tmr, nr);
	default:
		return vectors_read(lapic->irr, nr);
	}
}

/* 1: there is no such register, or none that can be read. */
static int read_reg(struct slat_lapic *lapic, u32 offset, u32 *value)
{
	switch (offset) {
	case SLAT_APIC_APR:
	case SLAT_APIC_DFR:
	case SLAT_APIC_ICR2:
		if (slat_lapic_is_x2apic(lapic))
			return 1;
		fallthrough;
	case SLAT_APIC_ID:
	case SLAT_APIC_VERSION:
	case SLAT_APIC_TPR:
	case SLAT_APIC_LDR:
	case SLAT_APIC_SVR:
	case SLAT_APIC_ESR:
	case SLAT_APIC_ICR:
	case SLAT_APIC_LVT_TIMER ... SLAT_APIC_TIMER_INITIAL:
	case SLAT_APIC_TIMER_DIVIDE:
		*value = slat_lapic_reg(lapic, offset);
		return 0;
	case SLAT_APIC_LVT_CMCI:
		*value = slat_lapic_reg(lapic, offset);
		return !lapic->has_cmci;
	case SLAT_APIC_PPR:
		*value = slat_lapic_ppr(lapic);
		return 0;
	case SLAT_APIC_ISR ... SLAT_APIC_ESR - 1:
		*value = prefixed(lapic, offset);
		return 0;
	case SLAT_APIC_TIMER_CURRENT:
		*value = lapic->ops->timer_left(lapic);
		return 0;
	default:
		return 1;
	}
}

/**
 * slat_lapic_read() - read a register as memory
 * @lapic: the vCPU's thread has it
 * @offset: a multiple of 16
 * @value: the register; 0 where there is none
 *
 * Return: 0; 1: there is no such register.
 */
int slat_lapic_read(struct slat_lapic *lapic, u32 offset, u32 *value)
{
	if (!read_reg(lapic, offset, value))
		return 0;
	*value = 0;
	error(lapic, SLAT_ESR_REGISTER);
	return 1;
}

/*
 * SDM vol. 3A, 11.6.1.  The trigger mode counts for INIT alone, and to the
 * sender a level that is not asserted is an INIT that does nothing.
 */
static void send(struct slat_lapic *lapic, u32 icr, u32 icr2)
{
	struct slat_message message = {
		.dest = slat_lapic_is_x2apic(lapic) ? icr2 : icr2 >> 24,
		.vector = icr,
		.delivery = icr >> 8 & 7,
		.shorthand = icr >> 18 & 3,
		.logical = icr & BIT(11),
		.level = false,
		.assert = true,
		.ipi = true,
	};

	if (message.delivery == SLAT_DELIVER_INIT && icr & BIT(15) && !(icr & BIT(14)))
		return;
	if (message.delivery <= SLAT_DELIVER_LOWEST && message.vector < FIRST_VECTOR) {
		error(lapic, SLAT_ESR_SEND_VECTOR);
		return;
	}
	lapic->ops->send(lapic, &message);
}

static void write_svr(struct slat_lapic *lapic, u32 value)
{
	u32 known = SVR_VECTOR_ENABLE | (lapic->directed_eoi ? SLAT_SVR_NO_BROADCAST : 0);
	int i;

	set_reg(lapic, SLAT_APIC_SVR, value & known);
	if (value & SLAT_SVR_ENABLED)
		return;
	for (i = 0; i < ARRAY_SIZE(lvts); i++)
		set_reg(lapic, lvts[i], slat_lapic_reg(lapic, lvts[i]) | SLAT_LVT_MASKED);
}

static u32 lvt_bits(const struct slat_lapic *lapic, u32 offset)
{
	switch (offset) {
	case SLAT_APIC_LVT_TIMER:
		return LVT_SIMPLE | BIT(17) | (lapic->has_deadline ? BIT(18) : 0);
	case SLAT_APIC_LVT_LINT0:
	case SLAT_APIC_LVT_LINT1:
		return LVT_PIN;
	case SLAT_APIC_LVT_ERROR:
		return LVT_SIMPLE;
	default:
		return LVT_SIMPLE | SLAT_LVT_DELIVERY;
	}
}

static void write_lvt(struct slat_lapic *lapic, u32 offset, u32 value)
{
	u32 mode = slat_lapic_timer_mode(lapic);

	value &= lvt_bits(lapic, offset);
	if (!(slat_lapic_reg(lapic, SLAT_APIC_SVR) & SLAT_SVR_ENABLED))
		value |= SLAT_LVT_MASKED;
	set_reg(lapic, offset, value);
	if (offset != SLAT_APIC_LVT_TIMER || slat_lapic_timer_mode(lapic) == mode)
		return;
	/* One-shot and periodic count on; only a deadline is another timer. */
	if (mode != SLAT_TIMER_DEADLINE && slat_lapic_timer_mode(lapic) != SLAT_TIMER_DEADLINE) {
		lapic->ops->timer_set(lapic, lapic->ops->timer_left(lapic));
		return;
	}
	set_reg(lapic, SLAT_APIC_TIMER_INITIAL, 0);
	lapic->ops->timer_set(lapic, 0);
}

static void write_divide(struct slat_lapic *lapic, u32 value)
{
	u32 left = lapic->ops->timer_left(lapic);

	set_reg(lapic, SLAT_APIC_TIMER_DIVIDE, value & DIVIDE_BITS);
	if (slat_lapic_timer_mode(lapic) != SLAT_TIMER_DEADLINE)
		lapic->ops->timer_set(lapic, left);
}

static void write_and_move(struct slat_lapic *lapic, u32 offset, u32 value)
{
	set_reg(lapic, offset, value);
	lapic->ops->moved(lapic);
}

/* 1: there is no such register, or none that can be written. */
static int write_reg(struct slat_lapic *lapic, u32 offset, u32 value)
{
	bool x2apic = slat_lapic_is_x2apic(lapic);

	switch (offset) {
	case SLAT_APIC_TPR:
		set_reg(lapic, offset, value & 0xff);
		return 0;
	case SLAT_APIC_EOI:
		slat_lapic_eoi(lapic);
		return 0;
	case SLAT_APIC_ID:
		if (!x2apic)
			write_and_move(lapic, offset, value & 0xff000000);
		return x2apic;
	case SLAT_APIC_LDR:
		if (!x2apic)
			write_and_move(lapic, offset, value & 0xff000000);
		return x2apic;
	case SLAT_APIC_DFR:
		if (!x2apic)
			write_and_move(lapic, offset, value | DFR_ONES);
		return x2apic;
	case SLAT_APIC_SVR:
		write_svr(lapic, value);
		return 0;
	case SLAT_APIC_ESR:
		set_reg(lapic, offset, lapic->errors);
		lapic->errors = 0;
		return 0;
	case SLAT_APIC_ICR:
		set_reg(lapic, offset, value & ~ICR_BUSY);
		send(lapic, value, slat_lapic_reg(lapic, SLAT_APIC_ICR2));
		return 0;
	case SLAT_APIC_ICR2:
		set_reg(lapic, offset, value & 0xff000000);
		return 0;
	case SLAT_APIC_LVT_CMCI:
		if (!lapic->has_cmci)
			return 1;
		fallthrough;
	case SLAT_APIC_LVT_TIMER ... SLAT_APIC_LVT_ERROR:
		write_lvt(lapic, offset, value);
		return 0;
	case SLAT_APIC_TIMER_INITIAL:
		if (slat_lapic_timer_mode(lapic) == SLAT_TIMER_DEADLINE)
			return 0;
		set_reg(lapic, offset, value);
		lapic->ops->timer_set(lapic, value);
		return 0;
	case SLAT_APIC_TIMER_DIVIDE:
		write_divide(lapic, value);
		return 0;
	case SLAT_APIC_SELF_IPI:
		if (x2apic)
			send(lapic, (value & SELF_IPI_BITS) | SLAT_TO_SELF << 18, 0);
		return !x2apic;
	default:
		return 1;
	}
}

/**
 * slat_lapic_write() - write a register as memory
 * @lapic: the vCPU's thread has it
 * @offset: a multiple of 16
 * @value: what to write; bits that the register has not are dropped
 *
 * Return: 0; 1: there is no such register.
 */
int slat_lapic_write(struct slat_lapic *lapic, u32 offset, u32 value)
{
	if (!write_reg(lapic, offset, value))
		return 0;
	error(lapic, SLAT_ESR_REGISTER);
	return 1;
}

/**
 * slat_lapic_read_msr() - read a register in x2APIC mode
 * @lapic: the vCPU's thread has it
 * @index: 0x800 to 0x8ff
 * @value: the register
 *
 * Return: 0; 1: #GP (SDM vol. 3A, 11.12.1).
 */
int slat_lapic_read_msr(struct slat_lapic *lapic, u32 index, u64 *value)
{
	u32 offset = (index - X2APIC_MSR) * 16, low;

	if (!slat_lapic_is_x2apic(lapic) || read_reg(lapic, offset, &low))
		return 1;
	*value = low;
	if (offset == SLAT_APIC_ICR)
		*value |= (u64)slat_lapic_reg(lapic, SLAT_APIC_ICR2) << 32;
	return 0;
}

/**
 * slat_lapic_write_msr() - write a register in x2APIC mode
 * @lapic: the vCPU's thread has it
 * @index: 0x800 to 0x8ff
 * @value: what to write
 *
 * Return: 0; 1: #GP (SDM vol. 3A, 11.12.1).
 */
int slat_lapic_write_msr(struct slat_lapic *lapic, u32 index, u64 value)
{
	u32 offset = (index - X2APIC_MSR) * 16;

	if (!slat_lapic_is_x2apic(lapic))
		return 1;
	switch (offset) {
	case SLAT_APIC_ICR:
		set_reg(lapic, SLAT_APIC_ICR2, value >> 32);
		return write_reg(lapic, offset, value);
	case SLAT_APIC_SELF_IPI:
		if (value & ~(u64)SELF_IPI_BITS)
			return 1;
		break;
	case SLAT_APIC_EOI:
	case SLAT_APIC_ESR:
		if (value)
			return 1;
		break;
	case SLAT_APIC_TPR:
		if (value >> 8)
			return 1;
		break;
	case SLAT_APIC_ICR2:
		return 1;
	default:
		break;
	}
	return value >> 32 ? 1 : write_reg(lapic, offset, value);
}

/* In flat mode a bit is a CPU, in cluster mode four of them are a cluster's number. */
static bool matches_xapic_logical(const struct slat_lapic *lapic, u8 dest)
{
	u8 logical = slat_lapic_reg(lapic, SLAT_APIC_LDR) >> 24;

	if (slat_lapic_reg(lapic, SLAT_APIC_DFR) >> 28 == DFR_FLAT)
		return logical & dest;
	return logical >> 4 == dest >> 4 && logical & dest & 15;
}

static bool matches_x2apic_logical(const struct slat_lapic *lapic, u32 dest)
{
	u32 logical = logical_x2apic(lapic->id);

	return logical >> 16 == dest >> 16 && logical & dest & 0xffff;
}

/**
 * slat_lapic_matches() - whether a message's destination is this CPU
 * @lapic: any context
 * @message: without shorthand
 * @xapic_broadcast: from a device, 0xff is everybody in x2APIC mode too
 *
 * SDM vol. 3A, 11.6.2 and 11.12.10.
 */
bool slat_lapic_matches(const struct slat_lapic *lapic, const struct slat_message *message,
			bool xapic_broadcast)
{
	u32 dest = message->dest;

	if (slat_lapic_is_x2apic(lapic)) {
		if (dest == SLAT_APIC_ALL ||
		    (dest == SLAT_XAPIC_ALL && xapic_broadcast && !message->ipi))
			return true;
		return message->logical ? matches_x2apic_logical(lapic, dest) : dest == lapic->id;
	}
	if (dest == SLAT_XAPIC_ALL || dest == SLAT_APIC_ALL)
		return true;
	if (message->logical)
		return dest <= U8_MAX && matches_xapic_logical(lapic, dest);
	return dest == slat_lapic_physical_id(lapic);
}

static void page_write(void *page, u32 offset, u32 value)
{
	*(u32 *)(page + offset) = value;
}

static u32 page_read(const void *page, u32 offset)
{
	return *(const u32 *)(page + offset);
}

/**
 * slat_lapic_save() - the registers as a page
 * @lapic: the vCPU's thread has it
 * @page: SLAT_APIC_REGS bytes, all zero
 * @wide_id: in x2APIC mode, an ID has 32 bits instead of the upper eight
 */
void slat_lapic_save(struct slat_lapic *lapic, void *page, bool wide_id)
{
	u32 offset, value;

	for (offset = 0; offset < SLAT_APIC_REGS; offset += 16)
		if (!read_reg(lapic, offset, &value))
			page_write(page, offset, value);
	page_write(page, SLAT_APIC_ICR2, slat_lapic_reg(lapic, SLAT_APIC_ICR2));
	if (slat_lapic_is_x2apic(lapic) && !wide_id)
		page_write(page, SLAT_APIC_ID, lapic->id << 24);
}

static void restore_vectors(unsigned long *vectors, const void *page, u32 offset)
{
	unsigned int i;

	for (i = 0; i < SLAT_VECTOR_WORDS; i++) {
		u64 low = page_read(page, offset + i * 32);
		u64 high = page_read(page, offset + i * 32 + 16);

		WRITE_ONCE(vectors[i], high << 32 | low);
	}
}

/**
 * slat_lapic_restore() - take the registers from a page
 * @lapic: the vCPU's thread has it
 * @page: as slat_lapic_save() wrote it; bits that there are not are dropped
 * @wide_id: as there
 *
 * Return: 0; -EINVAL: this ID cannot be.
 */
int slat_lapic_restore(struct slat_lapic *lapic, const void *page, bool wide_id)
{
	bool x2apic = slat_lapic_is_x2apic(lapic);
	u32 id = page_read(page, SLAT_APIC_ID), left;
	int i;

	if (x2apic && wide_id && id != lapic->id)
		return -EINVAL;
	lapic->ops->timer_set(lapic, 0);
	set_reg(lapic, SLAT_APIC_ID, x2apic ? lapic->id : id & 0xff000000);
	set_reg(lapic, SLAT_APIC_TPR, page_read(page, SLAT_APIC_TPR) & 0xff);
	set_reg(lapic, SLAT_APIC_LDR, x2apic ? logical_x2apic(lapic->id) :
					       page_read(page, SLAT_APIC_LDR) & 0xff000000);
	set_reg(lapic, SLAT_APIC_DFR, page_read(page, SLAT_APIC_DFR) | DFR_ONES);
	/* LVT entries are masked while software has disabled it, now or then. */
	set_reg(lapic, SLAT_APIC_SVR, SLAT_SVR_ENABLED);
	for (i = 0; i < ARRAY_SIZE(lvts); i++)
		set_reg(lapic, lvts[i], page_read(page, lvts[i]) & lvt_bits(lapic, lvts[i]));
	write_svr(lapic, page_read(page, SLAT_APIC_SVR));
	set_reg(lapic, SLAT_APIC_ESR, page_read(page, SLAT_APIC_ESR));
	set_reg(lapic, SLAT_APIC_ICR, page_read(page, SLAT_APIC_ICR) & ~ICR_BUSY);
	set_reg(lapic, SLAT_APIC_ICR2, page_read(page, SLAT_APIC_ICR2));
	set_reg(lapic, SLAT_APIC_TIMER_INITIAL, page_read(page, SLAT_APIC_TIMER_INITIAL));
	set_reg(lapic, SLAT_APIC_TIMER_DIVIDE,
		page_read(page, SLAT_APIC_TIMER_DIVIDE) & DIVIDE_BITS);
	lapic->errors = 0;

	restore_vectors(lapic->isr, page, SLAT_APIC_ISR);
	restore_vectors(lapic->tmr, page, SLAT_APIC_TMR);
	restore_vectors(lapic->irr, page, SLAT_APIC_IRR);
	lapic->ops->moved(lapic);
	left = page_read(page, SLAT_APIC_TIMER_CURRENT);
	/* A period was just over. */
	if (!left && slat_lapic_timer_mode(lapic) == SLAT_TIMER_PERIODIC)
		left = slat_lapic_reg(lapic, SLAT_APIC_TIMER_INITIAL);
	if (slat_lapic_timer_mode(lapic) != SLAT_TIMER_DEADLINE)
		lapic->ops->timer_set(lapic, left);
	return 0;
}
