// SPDX-License-Identifier: GPL-2.0-only
/*
 * The registers of a local APIC where a CPU reads and writes them by itself: a
 * page that follows slat_lapic.regs, and that is followed after each stay in the
 * guest.  See Documentation/locking.rst.
 */
#include <linux/atomic.h>
#include <linux/kernel.h>

#include "irq/lapic.h"

#define NO_INTERRUPTS	GENMASK_ULL(15, 0)	/* of the vectors */

static u32 *word(const struct slat_lapic *lapic, u32 offset)
{
	return lapic->page + offset;
}

/**
 * slat_lapic_page_set() - a register has a new value
 * @lapic: the vCPU's thread has it, and it has a page
 * @offset: of the register
 * @value: the value
 */
void slat_lapic_page_set(struct slat_lapic *lapic, u32 offset, u32 value)
{
	*word(lapic, offset) = value;
	/* There the upper half of the MSR is, in x2APIC mode. */
	if (offset == SLAT_APIC_ICR2)
		*word(lapic, SLAT_APIC_ICR + 4) = value;
}

/* A register that the CPU writes without an exit. */
static void take(struct slat_lapic *lapic, u32 offset)
{
	u32 value = *word(lapic, offset);

	if (value == slat_lapic_reg(lapic, offset))
		return;
	WRITE_ONCE(lapic->regs[offset / 16], value);
	slat_lapic_page_set(lapic, offset, value);
}

static void put_vectors(const struct slat_lapic *lapic, u32 offset, unsigned int i, u64 vectors)
{
	*word(lapic, offset + i * 32) = vectors;
	*word(lapic, offset + i * 32 + 16) = vectors >> 32;
}

static u64 get_vectors(const struct slat_lapic *lapic, u32 offset, unsigned int i)
{
	return *word(lapic, offset + i * 32) | (u64)*word(lapic, offset + i * 32 + 16) << 32;
}

/**
 * slat_lapic_give() - the CPU reads the registers by itself
 * @lapic: the vCPU's thread has it, and it has a page
 *
 * Before a stay in the guest.  Of requests that come later it learns when it has
 * left the guest for them.
 */
void slat_lapic_give(struct slat_lapic *lapic)
{
	unsigned int i;

	for (i = 0; i < SLAT_VECTOR_WORDS; i++) {
		put_vectors(lapic, SLAT_APIC_IRR, i, READ_ONCE(lapic->irr[i]));
		put_vectors(lapic, SLAT_APIC_TMR, i, READ_ONCE(lapic->tmr[i]));
		put_vectors(lapic, SLAT_APIC_ISR, i, lapic->isr[i]);
	}
}

/* What happens to a word of vectors; returns its requests. */
static u64 lend_vectors(struct slat_lapic *lapic, unsigned int i, const unsigned long *told,
			u64 *exits)
{
	/* Pairs with slat_lapic_request(): what follows is what it was for the request. */
	u64 requests = READ_ONCE(lapic->irr[i]) ? xchg(&lapic->irr[i], 0) : 0;
	u64 levels = READ_ONCE(lapic->tmr[i]);

	put_vectors(lapic, SLAT_APIC_IRR, i, requests);
	put_vectors(lapic, SLAT_APIC_TMR, i, levels);
	put_vectors(lapic, SLAT_APIC_ISR, i, lapic->isr[i]);
	*exits = levels | (told ? READ_ONCE(told[i]) : 0);
	return requests;
}

/**
 * slat_lapic_lend() - the CPU delivers interrupts and ends them by itself
 * @lapic: the vCPU's thread has it, and it has a page
 * @told: vectors whose end somebody wants to know of, however they came; NULL: none
 * @exits: filled in: those vectors, and those that came as a level
 *
 * Before a stay in the guest, instead of slat_lapic_give().  Requests move to the
 * page: one that comes later is new, whatever has become of an earlier one for its
 * vector, and whoever makes it makes the vCPU leave the guest.
 *
 * Return: as slat_cpu.apic_status.
 */
u16 slat_lapic_lend(struct slat_lapic *lapic, const unsigned long *told,
		    u64 exits[SLAT_VECTOR_WORDS])
{
	int request = 0, service = 0;
	unsigned int i;

	for (i = 0; i < SLAT_VECTOR_WORDS; i++) {
		u64 requests = lend_vectors(lapic, i, told, &exits[i]);

		if (requests)
			request = i * 64 + __fls(requests);
		if (lapic->isr[i])
			service = i * 64 + __fls(lapic->isr[i]);
	}
	/* To the CPU an EOI of nothing is one of vector 0. */
	exits[0] &= ~NO_INTERRUPTS;
	return service << 8 | request;
}

static void take_vectors(struct slat_lapic *lapic, unsigned int i)
{
	u64 requests = get_vectors(lapic, SLAT_APIC_IRR, i);

	lapic->isr[i] = get_vectors(lapic, SLAT_APIC_ISR, i);
	for (; requests; requests &= requests - 1)
		set_bit(i * 64 + __ffs(requests), lapic->irr);
}

/**
 * slat_lapic_take() - what the CPU has made of the registers
 * @lapic: the vCPU's thread has it, and it has a page
 *
 * After a stay in the guest.
 */
void slat_lapic_take(struct slat_lapic *lapic)
{
	take(lapic, SLAT_APIC_TPR);
	take(lapic, SLAT_APIC_ICR2);
}

/**
 * slat_lapic_take_back() - undo slat_lapic_lend()
 * @lapic: the vCPU's thread has it, and it has a page
 *
 * After a stay in the guest, or instead of one.
 */
void slat_lapic_take_back(struct slat_lapic *lapic)
{
	unsigned int i;

	/* An IPI to itself needs no exit. */
	take(lapic, SLAT_APIC_ICR);
	for (i = 0; i < SLAT_VECTOR_WORDS; i++)
		take_vectors(lapic, i);
}

/**
 * slat_lapic_written() - the CPU has written a register of the page
 * @lapic: the vCPU's thread has it, and it has a page
 * @offset: of the register
 *
 * The write happens now, as if it had been an access to memory.
 */
void slat_lapic_written(struct slat_lapic *lapic, u32 offset)
{
	offset &= SLAT_APIC_REGS - 16;
	slat_lapic_write(lapic, offset, *word(lapic, offset));
	/* What has become of it, or nothing where it cannot be written. */
	*word(lapic, offset) = slat_lapic_reg(lapic, offset);
}
