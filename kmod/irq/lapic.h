/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The local APIC: its registers and the priorities among its interrupts (SDM
 * vol. 3A, chapter 11).
 *
 *	the vCPU's thread	all registers
 *	anybody			requests: a bit of IRR, and TMR before it
 *	the CPU			what it has been lent, in the guest: see lapic_page.c
 *
 * What concerns others (IPIs, EOIs, the timer) goes out through operations.
 */
#ifndef SLAT_IRQ_LAPIC_H
#define SLAT_IRQ_LAPIC_H

#include <linux/bits.h>
#include <linux/bitops.h>
#include <linux/types.h>

#include "irq/message.h"

#define SLAT_VECTORS		256
#define SLAT_VECTOR_WORDS	(SLAT_VECTORS / 64)

/* Offsets of registers in the APIC's page. */
#define SLAT_APIC_ID		0x020
#define SLAT_APIC_VERSION	0x030
#define SLAT_APIC_TPR		0x080
#define SLAT_APIC_APR		0x090
#define SLAT_APIC_PPR		0x0a0
#define SLAT_APIC_EOI		0x0b0
#define SLAT_APIC_RRD		0x0c0
#define SLAT_APIC_LDR		0x0d0
#define SLAT_APIC_DFR		0x0e0
#define SLAT_APIC_SVR		0x0f0
#define SLAT_APIC_ISR		0x100
#define SLAT_APIC_TMR		0x180
#define SLAT_APIC_IRR		0x200
#define SLAT_APIC_ESR		0x280
#define SLAT_APIC_LVT_CMCI	0x2f0
#define SLAT_APIC_ICR		0x300
#define SLAT_APIC_ICR2		0x310
#define SLAT_APIC_LVT_TIMER	0x320
#define SLAT_APIC_LVT_THERMAL	0x330
#define SLAT_APIC_LVT_PERF	0x340
#define SLAT_APIC_LVT_LINT0	0x350
#define SLAT_APIC_LVT_LINT1	0x360
#define SLAT_APIC_LVT_ERROR	0x370
#define SLAT_APIC_TIMER_INITIAL	0x380
#define SLAT_APIC_TIMER_CURRENT	0x390
#define SLAT_APIC_TIMER_DIVIDE	0x3e0
#define SLAT_APIC_SELF_IPI	0x3f0
#define SLAT_APIC_REGS		0x400

#define SLAT_APIC_ALL		0xffffffffU	/* a destination */
#define SLAT_XAPIC_ALL		0xffU

#define SLAT_SVR_ENABLED	BIT(8)
#define SLAT_SVR_NO_BROADCAST	BIT(12)
#define SLAT_LVT_MASKED		BIT(16)
#define SLAT_LVT_DELIVERY	GENMASK(10, 8)

#define SLAT_TIMER_ONE_SHOT	0U
#define SLAT_TIMER_PERIODIC	1U
#define SLAT_TIMER_DEADLINE	2U

/* Bits of IA32_APIC_BASE. */
#define SLAT_APIC_BASE_BSP	BIT_ULL(8)
#define SLAT_APIC_BASE_X2APIC	BIT_ULL(10)
#define SLAT_APIC_BASE_ENABLED	BIT_ULL(11)
#define SLAT_APIC_BASE_ADDRESS	0xfee00000ULL

/* Bits of ESR. */
#define SLAT_ESR_SEND_VECTOR	BIT(5)
#define SLAT_ESR_REGISTER	BIT(7)

struct slat_lapic;

/**
 * struct slat_lapic_ops - what a local APIC does to others; by its vCPU's thread
 * @send: an IPI
 * @eoi: the guest is done with a vector; @level: it came level-triggered and is
 *	broadcast
 * @moved: it answers to other destinations than before
 * @timer_set: its timer begins to count down from @count, 0: stops
 * @timer_left: what the timer's current-count register reads; 0: it does not run
 *
 * No member may be NULL.
 */
struct slat_lapic_ops {
	void (*send)(struct slat_lapic *lapic, const struct slat_message *message);
	void (*eoi)(struct slat_lapic *lapic, u8 vector, bool level);
	void (*moved)(struct slat_lapic *lapic);
	void (*timer_set)(struct slat_lapic *lapic, u32 count);
	u32 (*timer_left)(struct slat_lapic *lapic);
};

/**
 * struct slat_lapic - a local APIC
 *
 * t: written by the vCPU's thread alone; others read single registers, once
 * a: atomically, by anybody
 * c: constant
 *
 * @ops: c what concerns others
 * @id: c its x2APIC ID
 * @directed_eoi: c EOI broadcasts can be suppressed; the IOAPIC has a register
 * @has_cmci: t it has an LVT entry for corrected machine checks
 * @has_deadline: t TSC deadlines are a mode of the timer
 * @has_x2apic: t x2APIC mode is there
 * @page: c registers as slat_lapic_save() writes them, but for what is computed,
 *	for a CPU that reads and writes some of them there; NULL: for none
 * @base: t IA32_APIC_BASE
 * @regs: t registers by offset / 16; of the bitmaps and PPR nothing
 * @errors: t what ESR reads next
 * @irr: a requested
 * @tmr: a the last request was level-triggered
 * @isr: t in service
 */
struct slat_lapic {
	const struct slat_lapic_ops *ops;
	u32 id;
	bool directed_eoi;
	bool has_cmci;
	bool has_deadline;
	bool has_x2apic;
	void *page;
	u64 base;
	u32 regs[SLAT_APIC_REGS / 16];
	u32 errors;
	unsigned long irr[SLAT_VECTOR_WORDS];
	unsigned long tmr[SLAT_VECTOR_WORDS];
	unsigned long isr[SLAT_VECTOR_WORDS];
};

/** slat_lapic_reg() - a register that is not a bitmap; others may write it */
static inline u32 slat_lapic_reg(const struct slat_lapic *lapic, u32 offset)
{
	return READ_ONCE(lapic->regs[offset / 16]);
}

/** slat_lapic_is_x2apic() - registers are MSRs, and IDs have 32 bits */
static inline bool slat_lapic_is_x2apic(const struct slat_lapic *lapic)
{
	const u64 both = SLAT_APIC_BASE_ENABLED | SLAT_APIC_BASE_X2APIC;

	return (READ_ONCE(lapic->base) & both) == both;
}

/** slat_lapic_is_xapic() - registers are memory */
static inline bool slat_lapic_is_xapic(const struct slat_lapic *lapic)
{
	const u64 both = SLAT_APIC_BASE_ENABLED | SLAT_APIC_BASE_X2APIC;

	return (READ_ONCE(lapic->base) & both) == SLAT_APIC_BASE_ENABLED;
}

/** slat_lapic_enabled() - software wants its interrupts */
static inline bool slat_lapic_enabled(const struct slat_lapic *lapic)
{
	return READ_ONCE(lapic->base) & SLAT_APIC_BASE_ENABLED &&
	       slat_lapic_reg(lapic, SLAT_APIC_SVR) & SLAT_SVR_ENABLED;
}

/** slat_lapic_is_plain() - registers are memory, where they are after RESET */
static inline bool slat_lapic_is_plain(const struct slat_lapic *lapic)
{
	return (READ_ONCE(lapic->base) & ~SLAT_APIC_BASE_BSP) ==
	       (SLAT_APIC_BASE_ADDRESS | SLAT_APIC_BASE_ENABLED);
}

/** slat_lapic_timer_mode() - SLAT_TIMER_* */
static inline u32 slat_lapic_timer_mode(const struct slat_lapic *lapic)
{
	return slat_lapic_reg(lapic, SLAT_APIC_LVT_TIMER) >> 17 & 3;
}

/** slat_lapic_physical_id() - the ID it answers to */
static inline u32 slat_lapic_physical_id(const struct slat_lapic *lapic)
{
	return slat_lapic_is_x2apic(lapic) ? lapic->id : slat_lapic_reg(lapic, SLAT_APIC_ID) >> 24;
}

void slat_lapic_init(struct slat_lapic *lapic, const struct slat_lapic_ops *ops, u32 id,
		     bool bsp);
void slat_lapic_reset(struct slat_lapic *lapic);
void slat_lapic_set_cmci(struct slat_lapic *lapic, bool has);
bool slat_lapic_base_valid(const struct slat_lapic *lapic, u64 base);
void slat_lapic_set_base(struct slat_lapic *lapic, u64 base);

int slat_lapic_read(struct slat_lapic *lapic, u32 offset, u32 *value);
int slat_lapic_write(struct slat_lapic *lapic, u32 offset, u32 value);
int slat_lapic_read_msr(struct slat_lapic *lapic, u32 index, u64 *value);
int slat_lapic_write_msr(struct slat_lapic *lapic, u32 index, u64 value);

bool slat_lapic_request(struct slat_lapic *lapic, u8 vector, bool level);
int slat_lapic_pending(const struct slat_lapic *lapic);
void slat_lapic_accept(struct slat_lapic *lapic, u8 vector);
void slat_lapic_eoi(struct slat_lapic *lapic);
void slat_lapic_ended(struct slat_lapic *lapic, u8 vector);
int slat_lapic_in_service(const struct slat_lapic *lapic);
int slat_lapic_requested(const struct slat_lapic *lapic);
u8 slat_lapic_ppr(const struct slat_lapic *lapic);
u8 slat_lapic_tpr_limit(const struct slat_lapic *lapic);
bool slat_lapic_takes_pic(const struct slat_lapic *lapic);
void slat_lapic_local(struct slat_lapic *lapic, u32 lvt);
unsigned int slat_lapic_timer_shift(const struct slat_lapic *lapic);
bool slat_lapic_matches(const struct slat_lapic *lapic, const struct slat_message *message,
			bool xapic_broadcast);

/* lapic_page.c */
void slat_lapic_page_set(struct slat_lapic *lapic, u32 offset, u32 value);
void slat_lapic_give(struct slat_lapic *lapic);
u16 slat_lapic_lend(struct slat_lapic *lapic, const unsigned long *told,
		    u64 exits[SLAT_VECTOR_WORDS]);
void slat_lapic_take(struct slat_lapic *lapic);
void slat_lapic_take_back(struct slat_lapic *lapic);
void slat_lapic_written(struct slat_lapic *lapic, u32 offset);

void slat_lapic_save(struct slat_lapic *lapic, void *page, bool wide_id);
int slat_lapic_restore(struct slat_lapic *lapic, const void *page, bool wide_id);

#endif /* SLAT_IRQ_LAPIC_H */
