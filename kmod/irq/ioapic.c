// SPDX-License-Identifier: GPL-2.0-only
#include <linux/kernel.h>
#include <linux/string.h>

#include "irq/ioapic.h"

/* Offsets in memory, and numbers of registers. */
#define SELECT		0x00
#define WINDOW		0x10
#define REG_ID		0x00
#define REG_VERSION	0x01
#define REG_ARBITRATION	0x02
#define REG_TABLE	0x10

#define VERSION		0x11
#define ID_SHIFT	24
#define ID_MASK		0xf

#define ENTRY_VECTOR		GENMASK_ULL(7, 0)
#define ENTRY_BUSY		BIT_ULL(12)
#define ENTRY_REMOTE_IRR	BIT_ULL(14)
#define ENTRY_LEVEL		BIT_ULL(15)
#define ENTRY_MASKED		BIT_ULL(16)
#define ENTRY_LOGICAL		BIT_ULL(11)
#define ENTRY_KNOWN		(GENMASK_ULL(16, 0) | GENMASK_ULL(63, 56))

static u64 *entry_of(struct slat_ioapic *ioapic, unsigned int pin)
{
	return &ioapic->state.redirtbl[pin].bits;
}

static void find_vectors(struct slat_ioapic *ioapic)
{
	unsigned long vectors[SLAT_VECTOR_WORDS] = { };
	unsigned int i;

	for (i = 0; i < SLAT_IOAPIC_PINS; i++)
		__set_bit(*entry_of(ioapic, i) & ENTRY_VECTOR, vectors);
	for (i = 0; i < SLAT_VECTOR_WORDS; i++)
		WRITE_ONCE(ioapic->vectors[i], vectors[i]);
}

/**
 * slat_ioapic_reset() - all pins masked
 * @ioapic: locked, or nobody else's
 */
void slat_ioapic_reset(struct slat_ioapic *ioapic)
{
	unsigned int i;

	memset(&ioapic->state, 0, sizeof(ioapic->state));
	memset(ioapic->sources, 0, sizeof(ioapic->sources));
	ioapic->delivered = 0;
	ioapic->opened = 0;
	ioapic->state.base_address = SLAT_IOAPIC_BASE;
	for (i = 0; i < SLAT_IOAPIC_PINS; i++)
		*entry_of(ioapic, i) = ENTRY_MASKED;
	find_vectors(ioapic);
}

/* Sends what a pin asks for; a level until it is acknowledged, once. */
static int service(struct slat_ioapic *ioapic, unsigned int pin)
{
	u64 *entry = entry_of(ioapic, pin);
	struct slat_message message = {
		.dest = *entry >> 56,
		.vector = *entry & ENTRY_VECTOR,
		.delivery = *entry >> 8 & 7,
		.logical = *entry & ENTRY_LOGICAL,
		.level = *entry & ENTRY_LEVEL,
		.assert = true,
	};
	int ret;

	if (*entry & ENTRY_MASKED || (message.level && *entry & ENTRY_REMOTE_IRR))
		return -1;
	if (!message.level)
		ioapic->delivered |= BIT(pin);
	ret = ioapic->deliver(ioapic, &message);
	/* Whoever takes it will end it. */
	if (message.level && ret > 0)
		*entry |= ENTRY_REMOTE_IRR;
	return ret;
}

static int raise(struct slat_ioapic *ioapic, unsigned int pin)
{
	bool level = *entry_of(ioapic, pin) & ENTRY_LEVEL;

	/* The edge has been seen. */
	if (!level && ioapic->state.irr & BIT(pin))
		return 0;
	ioapic->state.irr |= BIT(pin);
	ioapic->delivered &= ~BIT(pin);
	return service(ioapic, pin);
}

/**
 * slat_ioapic_set_pin() - one of those who drive a pin does so
 * @ioapic: locked
 * @pin: below SLAT_IOAPIC_PINS
 * @source: who
 * @level: how
 *
 * Return: as slat_ioapic.deliver; -1 where the pin is masked; 1 where the level
 * is low now.
 */
int slat_ioapic_set_pin(struct slat_ioapic *ioapic, unsigned int pin,
			enum slat_irq_source source, bool level)
{
	if (level)
		ioapic->sources[pin] |= BIT(source);
	else
		ioapic->sources[pin] &= ~BIT(source);
	if (ioapic->sources[pin])
		return raise(ioapic, pin);
	ioapic->state.irr &= ~BIT(pin);
	ioapic->delivered &= ~BIT(pin);
	return 1;
}

static u32 read_window(const struct slat_ioapic *ioapic)
{
	u8 reg = ioapic->state.ioregsel;
	unsigned int pin = (reg - REG_TABLE) / 2;

	switch (reg) {
	case REG_ID:
	case REG_ARBITRATION:
		return (ioapic->state.id & ID_MASK) << ID_SHIFT;
	case REG_VERSION:
		return VERSION | (SLAT_IOAPIC_PINS - 1) << 16;
	default:
		if (reg < REG_TABLE || pin >= SLAT_IOAPIC_PINS)
			return 0;
		return ioapic->state.redirtbl[pin].bits >> (reg & 1) * 32;
	}
}

/**
 * slat_ioapic_read() - read a register as memory
 * @ioapic: locked
 * @offset: from its base
 */
u32 slat_ioapic_read(const struct slat_ioapic *ioapic, u32 offset)
{
	switch (offset) {
	case SELECT:
		return ioapic->state.ioregsel;
	case WINDOW:
		return read_window(ioapic);
	default:
		return 0;
	}
}

static void write_entry(struct slat_ioapic *ioapic, unsigned int pin, bool high, u32 value)
{
	u64 *entry = entry_of(ioapic, pin);
	u64 read_only = *entry & (ENTRY_BUSY | ENTRY_REMOTE_IRR);
	bool masked = *entry & ENTRY_MASKED;
	u64 changed = high ? (*entry & U32_MAX) | (u64)value << 32 :
			     (*entry & ~(u64)U32_MAX) | value;

	*entry = (changed & ENTRY_KNOWN & ~(ENTRY_BUSY | ENTRY_REMOTE_IRR)) | read_only;
	/* As guests do it to forget a level that nobody acknowledged. */
	if (!(*entry & ENTRY_LEVEL))
		*entry &= ~ENTRY_REMOTE_IRR;
	find_vectors(ioapic);
	if (masked && !(*entry & ENTRY_MASKED))
		ioapic->opened |= BIT(pin);
	if (*entry & ENTRY_LEVEL && ioapic->state.irr & BIT(pin))
		service(ioapic, pin);
}

static void write_window(struct slat_ioapic *ioapic, u32 value)
{
	u8 reg = ioapic->state.ioregsel;
	unsigned int pin = (reg - REG_TABLE) / 2;

	if (reg == REG_ID)
		ioapic->state.id = value >> ID_SHIFT & ID_MASK;
	else if (reg >= REG_TABLE && pin < SLAT_IOAPIC_PINS)
		write_entry(ioapic, pin, reg & 1, value);
}

/**
 * slat_ioapic_write() - write a register as memory
 * @ioapic: locked
 * @offset: from its base
 * @value: what to write
 */
void slat_ioapic_write(struct slat_ioapic *ioapic, u32 offset, u32 value)
{
	switch (offset) {
	case SELECT:
		ioapic->state.ioregsel = value & 0xff;
		break;
	case WINDOW:
		write_window(ioapic, value);
		break;
	}
}

/**
 * slat_ioapic_pins_of() - the pins that send a vector
 * @ioapic: locked
 * @vector: which
 *
 * Return: a bit for each.
 */
u32 slat_ioapic_pins_of(const struct slat_ioapic *ioapic, u8 vector)
{
	unsigned int i;
	u32 pins = 0;

	for (i = 0; i < SLAT_IOAPIC_PINS; i++)
		if ((ioapic->state.redirtbl[i].bits & ENTRY_VECTOR) == vector)
			pins |= BIT(i);
	return pins;
}

/**
 * slat_ioapic_eoi() - a CPU is done with a level-triggered interrupt
 * @ioapic: locked
 * @pins: of slat_ioapic_pins_of(); whoever wants to know has been told
 *
 * What is still asserted is sent again.
 */
void slat_ioapic_eoi(struct slat_ioapic *ioapic, u32 pins)
{
	unsigned int i;

	for (i = 0; i < SLAT_IOAPIC_PINS; i++) {
		if (!(pins & BIT(i)) || !(*entry_of(ioapic, i) & ENTRY_LEVEL))
			continue;
		*entry_of(ioapic, i) &= ~ENTRY_REMOTE_IRR;
		if (ioapic->state.irr & BIT(i))
			service(ioapic, i);
	}
}

/**
 * slat_ioapic_save() - its state for user space
 * @ioapic: locked
 * @state: filled in
 */
void slat_ioapic_save(const struct slat_ioapic *ioapic, struct kvm_ioapic_state *state)
{
	*state = ioapic->state;
	/* An edge that has been sent is over. */
	state->irr &= ~ioapic->delivered;
}

/**
 * slat_ioapic_restore() - take its state from user space
 * @ioapic: locked
 * @state: anything; bits that there are not are dropped
 *
 * What is asserted there is sent.
 */
void slat_ioapic_restore(struct slat_ioapic *ioapic, const struct kvm_ioapic_state *state)
{
	unsigned int i;

	ioapic->state = *state;
	ioapic->state.ioregsel &= 0xff;
	ioapic->state.id &= ID_MASK;
	ioapic->state.irr = 0;
	ioapic->state.pad = 0;
	ioapic->delivered = 0;
	for (i = 0; i < SLAT_IOAPIC_PINS; i++) {
		u64 *entry = entry_of(ioapic, i);

		*entry &= ENTRY_KNOWN & ~ENTRY_BUSY;
		if (!(*entry & ENTRY_LEVEL))
			*entry &= ~ENTRY_REMOTE_IRR;
	}
	find_vectors(ioapic);
	for (i = 0; i < SLAT_IOAPIC_PINS; i++)
		if (state->irr & BIT(i))
			raise(ioapic, i);
}
