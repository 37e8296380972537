// SPDX-License-Identifier: GPL-2.0-only
/*
 * The registers of a local APIC where a CPU reads and writes them by itself: a
 * page that follows slat_lapic.regs, and that is followed after each stay in the
 * guest.  See Documentation/locking.rst.
 */
#include <linux/kernel.h>

#include "irq/lapic.h"

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
