/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An interrupt on its way to local APICs: what an IPI, an MSI or a pin of the
 * IOAPIC says (SDM vol. 3A, 11.6 and 11.11).
 */
#ifndef SLAT_IRQ_MESSAGE_H
#define SLAT_IRQ_MESSAGE_H

#include <linux/types.h>

/* As registers and messages encode them. */
enum slat_delivery {
	SLAT_DELIVER_FIXED = 0,
	SLAT_DELIVER_LOWEST = 1,
	SLAT_DELIVER_SMI = 2,
	SLAT_DELIVER_NMI = 4,
	SLAT_DELIVER_INIT = 5,
	SLAT_DELIVER_SIPI = 6,
	SLAT_DELIVER_EXTINT = 7,
	/* No message of hardware's: it ends HLT. */
	SLAT_DELIVER_UNHALT = 8,
};

enum slat_shorthand {
	SLAT_TO_DEST = 0,
	SLAT_TO_SELF = 1,
	SLAT_TO_ALL = 2,
	SLAT_TO_OTHERS = 3,
};

/**
 * struct slat_message - an interrupt message
 * @dest: to whom; all ones: everybody
 * @vector: the vector, or the page where a CPU starts
 * @delivery: enum slat_delivery
 * @shorthand: enum slat_shorthand, instead of @dest
 * @logical: @dest is a logical destination
 * @level: level-triggered
 * @assert: the level
 * @ipi: sent by a CPU, whose @dest has all its bits
 */
struct slat_message {
	u32 dest;
	u8 vector;
	u8 delivery;
	u8 shorthand;
	bool logical;
	bool level;
	bool assert;
	bool ipi;
};

#endif /* SLAT_IRQ_MESSAGE_H */
