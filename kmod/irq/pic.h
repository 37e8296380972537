/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The pair of 8259A interrupt controllers of a PC.
 */
#ifndef SLAT_IRQ_PIC_H
#define SLAT_IRQ_PIC_H

#include <linux/kvm.h>
#include <linux/types.h>

#include "irq/ioapic.h"

#define SLAT_PIC_PINS	16

/**
 * struct slat_pic - a master, and a slave at its pin 2
 *
 * All under its owner's lock, but @output, which may be read without.
 *
 * @chips: registers of the master and the slave
 * @sources: bits by enum slat_irq_source of who asserts each pin
 * @acked: pins whose interrupts the guest is done with since somebody asked
 * @opened: pins whose mask the guest has taken away since somebody asked
 * @output: the CPU is asked for an acknowledgment
 */
struct slat_pic {
	struct kvm_pic_state chips[2];
	u8 sources[SLAT_PIC_PINS];
	u16 acked;
	u16 opened;
	bool output;
};

void slat_pic_reset(struct slat_pic *pic);
u8 slat_pic_read(struct slat_pic *pic, u16 port);
void slat_pic_write(struct slat_pic *pic, u16 port, u8 value);
int slat_pic_set_pin(struct slat_pic *pic, unsigned int pin, enum slat_irq_source source,
		     bool level);
u8 slat_pic_acknowledge(struct slat_pic *pic);
void slat_pic_restore(struct slat_pic *pic, unsigned int chip, const struct kvm_pic_state *state);

#endif /* SLAT_IRQ_PIC_H */
