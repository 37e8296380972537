/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The IOAPIC (82093AA): pins, and the messages they make.
 */
#ifndef SLAT_IRQ_IOAPIC_H
#define SLAT_IRQ_IOAPIC_H

#include <linux/kvm.h>
#include <linux/types.h>

#include "irq/lapic.h"
#include "irq/message.h"

#define SLAT_IOAPIC_BASE	0xfec00000ULL
#define SLAT_IOAPIC_SIZE	0x100
#define SLAT_IOAPIC_PINS	KVM_IOAPIC_NUM_PINS

/* Who drives a pin: the level is that of any of them. */
enum slat_irq_source {
	SLAT_SOURCE_USER,
	SLAT_SOURCE_PIT,
	SLAT_SOURCE_IRQFD,
	SLAT_SOURCE_RESAMPLE,
};

/**
 * struct slat_ioapic - an IOAPIC
 *
 * All under its owner's lock, but @vectors, which may be read without.
 *
 * @state: registers; of .redirtbl[] the delivery status is always 0
 * @sources: bits by enum slat_irq_source of who asserts each pin
 * @delivered: bits of pins whose edge has been sent
 * @opened: bits of pins whose mask the guest has taken away since somebody asked
 * @vectors: that pins send: the EOIs to be told of
 * @deliver: send a message; returns how many take it, 0: those who are there do
 *	not, -1: nobody is there
 */
struct slat_ioapic {
	struct kvm_ioapic_state state;
	u8 sources[SLAT_IOAPIC_PINS];
	u32 delivered;
	u32 opened;
	unsigned long vectors[SLAT_VECTOR_WORDS];
	int (*deliver)(struct slat_ioapic *ioapic, const struct slat_message *message);
};

void slat_ioapic_reset(struct slat_ioapic *ioapic);
u32 slat_ioapic_read(const struct slat_ioapic *ioapic, u32 offset);
void slat_ioapic_write(struct slat_ioapic *ioapic, u32 offset, u32 value);
int slat_ioapic_set_pin(struct slat_ioapic *ioapic, unsigned int pin,
			enum slat_irq_source source, bool level);
u32 slat_ioapic_pins_of(const struct slat_ioapic *ioapic, u8 vector);
void slat_ioapic_eoi(struct slat_ioapic *ioapic, u32 pins);
void slat_ioapic_save(const struct slat_ioapic *ioapic, struct kvm_ioapic_state *state);
void slat_ioapic_restore(struct slat_ioapic *ioapic, const struct kvm_ioapic_state *state);

#endif /* SLAT_IRQ_IOAPIC_H */
