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
}

/**
 * slat_lapic_take() - what the CPU has made of the registers
 * @lapic: the vCPU's thread has it, and it has a page
 *
 * After a stay in the guest.
 */
void slat_lapic_take(struct slat_lapic *lapic)
{
	WRITE_ONCE(lapic->regs[SLAT_APIC_TPR / 16], *word(lapic, SLAT_APIC_TPR) & 0xff);
}
