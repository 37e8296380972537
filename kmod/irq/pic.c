// SPDX-License-Identifier: GPL-2.0-only
/*
 * Names as in Intel's data sheet of the 8259A: initialization and operation
 * command words.
 */
#include <linux/kernel.h>
#include <linux/string.h>

#include "irq/pic.h"

#define CASCADE		2		/* the master's pin where the slave is */
#define SPURIOUS	7
#define NO_PRIORITY	8

#define ICW1		0x10		/* in the first port */
#define ICW1_ICW4	0x01
#define ICW4_AUTO_EOI	0x02
#define ICW4_SFNM	0x10
#define OCW3		0x08
#define OCW3_READ_ISR	0x01
#define OCW3_READ	0x02
#define OCW3_POLL	0x04
#define OCW3_MASK	0x20
#define OCW3_SET_MASK	0x40

/* What a chip's second port takes next, in .init_state. */
enum { EXPECT_OCW1, EXPECT_ICW2, EXPECT_ICW3, EXPECT_ICW4 };

/* OCW2, its upper three bits. */
enum {
	ROTATE_AUTO_CLEAR = 0, EOI = 1, SPECIFIC_EOI = 3, ROTATE_AUTO_SET = 4,
	ROTATE_EOI = 5, SET_PRIORITY = 6, ROTATE_SPECIFIC_EOI = 7,
};

/* Of these pins can be level-triggered; the timer, the cascade, the clock and the FPU cannot. */
static const u8 elcr_masks[] = { 0xf8, 0xde };

/* 0 is the highest. */
static unsigned int priority(const struct kvm_pic_state *chip, u8 pins)
{
	unsigned int i;

	for (i = 0; i < NO_PRIORITY; i++)
		if (pins & BIT((i + chip->priority_add) & 7))
			break;
	return i;
}

static bool is_master(const struct slat_pic *pic, const struct kvm_pic_state *chip)
{
	return chip == &pic->chips[0];
}

/* The pin that a chip wants to interrupt with; -1: none. */
static int wanted(const struct slat_pic *pic, const struct kvm_pic_state *chip)
{
	unsigned int request = priority(chip, chip->irr & ~chip->imr);
	u8 service = chip->isr;

	if (request == NO_PRIORITY)
		return -1;
	if (chip->special_mask)
		service &= ~chip->imr;
	/* The slave's pins have priorities of their own. */
	if (chip->special_fully_nested_mode && is_master(pic, chip))
		service &= ~BIT(CASCADE);
	if (request >= priority(chip, service))
		return -1;
	return (request + chip->priority_add) & 7;
}

static int drive(struct kvm_pic_state *chip, unsigned int pin, bool level)
{
	u8 bit = BIT(pin);
	int ret = 1;

	if (chip->elcr & bit) {
		chip->irr = level ? chip->irr | bit : chip->irr & ~bit;
	} else if (level && !(chip->last_irr & bit)) {
		ret = !(chip->irr & bit);
		chip->irr |= bit;
	}
	chip->last_irr = level ? chip->last_irr | bit : chip->last_irr & ~bit;
	return chip->imr & bit ? -1 : ret;
}

static void update(struct slat_pic *pic)
{
	/* The slave's output is a level that its next request raises anew. */
	drive(&pic->chips[0], CASCADE, false);
	if (wanted(pic, &pic->chips[1]) >= 0)
		drive(&pic->chips[0], CASCADE, true);
	else
		pic->chips[0].irr &= ~BIT(CASCADE);
	WRITE_ONCE(pic->output, wanted(pic, &pic->chips[0]) >= 0);
}

/* Bits of the pair for those of a chip; the pin between the two is nobody's. */
static u16 pins_of(const struct slat_pic *pic, const struct kvm_pic_state *chip, u8 pins)
{
	return is_master(pic, chip) ? pins & ~BIT(CASCADE) : pins << 8;
}

/* Tells who waits for it. */
static void end(struct slat_pic *pic, struct kvm_pic_state *chip, u8 pins)
{
	chip->isr &= ~pins;
	pic->acked |= pins_of(pic, chip, pins);
}

static void acknowledge(struct slat_pic *pic, struct kvm_pic_state *chip, unsigned int pin)
{
	chip->isr |= BIT(pin);
	if (!(chip->elcr & BIT(pin)))
		chip->irr &= ~BIT(pin);
	if (!chip->auto_eoi)
		return;
	if (chip->rotate_on_auto_eoi)
		chip->priority_add = (pin + 1) & 7;
	end(pic, chip, BIT(pin));
}

/**
 * slat_pic_acknowledge() - the CPU takes an interrupt
 * @pic: locked
 *
 * Return: the vector; that of pin 7 where nobody asks any more.
 */
u8 slat_pic_acknowledge(struct slat_pic *pic)
{
	struct kvm_pic_state *chip = &pic->chips[0];
	int pin = wanted(pic, chip);

	if (pin >= 0)
		acknowledge(pic, chip, pin);
	if (pin == CASCADE) {
		chip = &pic->chips[1];
		pin = wanted(pic, chip);
		if (pin >= 0)
			acknowledge(pic, chip, pin);
	}
	update(pic);
	return chip->irq_base + (pin < 0 ? SPURIOUS : pin);
}

/**
 * slat_pic_set_pin() - one of those who drive a pin does so
 * @pic: locked
 * @pin: below SLAT_PIC_PINS
 * @source: who
 * @level: how
 *
 * Return: 1; 0: it is requested already; -1: it is masked.
 */
int slat_pic_set_pin(struct slat_pic *pic, unsigned int pin, enum slat_irq_source source,
		     bool level)
{
	int ret;

	if (level)
		pic->sources[pin] |= BIT(source);
	else
		pic->sources[pin] &= ~BIT(source);
	ret = drive(&pic->chips[pin / 8], pin & 7, pic->sources[pin]);
	update(pic);
	return ret;
}

static void mask(struct slat_pic *pic, struct kvm_pic_state *chip, u8 pins)
{
	pic->opened |= pins_of(pic, chip, chip->imr & ~pins);
	chip->imr = pins;
}

static void write_icw1(struct slat_pic *pic, struct kvm_pic_state *chip, u8 value)
{
	u8 edges = ~chip->elcr;

	/* Whoever waits for an acknowledgment waits no longer. */
	end(pic, chip, chip->isr | (chip->irr & edges));
	chip->irr &= ~edges;
	chip->last_irr = 0;
	mask(pic, chip, 0);
	chip->priority_add = 0;
	chip->special_mask = 0;
	chip->read_reg_select = 0;
	chip->init4 = value & ICW1_ICW4;
	if (!chip->init4) {
		chip->special_fully_nested_mode = 0;
		chip->auto_eoi = 0;
	}
	chip->init_state = EXPECT_ICW2;
}

static void write_ocw3(struct kvm_pic_state *chip, u8 value)
{
	if (value & OCW3_POLL)
		chip->poll = 1;
	if (value & OCW3_READ)
		chip->read_reg_select = value & OCW3_READ_ISR;
	if (value & OCW3_SET_MASK)
		chip->special_mask = !!(value & OCW3_MASK);
}

static void write_ocw2(struct slat_pic *pic, struct kvm_pic_state *chip, u8 value)
{
	unsigned int command = value >> 5, pin = value & 7, highest;

	switch (command) {
	case ROTATE_AUTO_CLEAR:
	case ROTATE_AUTO_SET:
		chip->rotate_on_auto_eoi = command == ROTATE_AUTO_SET;
		break;
	case EOI:
	case ROTATE_EOI:
		highest = priority(chip, chip->isr);
		if (highest == NO_PRIORITY)
			break;
		pin = (highest + chip->priority_add) & 7;
		end(pic, chip, BIT(pin));
		if (command == ROTATE_EOI)
			chip->priority_add = (pin + 1) & 7;
		break;
	case SPECIFIC_EOI:
	case ROTATE_SPECIFIC_EOI:
		end(pic, chip, BIT(pin));
		if (command == ROTATE_SPECIFIC_EOI)
			chip->priority_add = (pin + 1) & 7;
		break;
	case SET_PRIORITY:
		chip->priority_add = (pin + 1) & 7;
		break;
	}
}

static void write_data(struct slat_pic *pic, struct kvm_pic_state *chip, u8 value)
{
	switch (chip->init_state) {
	case EXPECT_OCW1:
		mask(pic, chip, value);
		break;
	case EXPECT_ICW2:
		chip->irq_base = value & 0xf8;
		chip->init_state = EXPECT_ICW3;
		break;
	case EXPECT_ICW3:
		chip->init_state = chip->init4 ? EXPECT_ICW4 : EXPECT_OCW1;
		break;
	default:
		chip->special_fully_nested_mode = !!(value & ICW4_SFNM);
		chip->auto_eoi = !!(value & ICW4_AUTO_EOI);
		chip->init_state = EXPECT_OCW1;
		break;
	}
}

/**
 * slat_pic_write() - OUT
 * @pic: locked
 * @port: 0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1
 * @value: what to write
 */
void slat_pic_write(struct slat_pic *pic, u16 port, u8 value)
{
	struct kvm_pic_state *chip = &pic->chips[port >= 0x4d0 ? port & 1 : port >> 7];

	if (port >= 0x4d0)
		chip->elcr = value & chip->elcr_mask;
	else if (port & 1)
		write_data(pic, chip, value);
	else if (value & ICW1)
		write_icw1(pic, chip, value);
	else if (value & OCW3)
		write_ocw3(chip, value);
	else
		write_ocw2(pic, chip, value);
	update(pic);
}

/* A read after the poll command is an acknowledgment. */
static u8 poll(struct slat_pic *pic, struct kvm_pic_state *chip)
{
	int pin = wanted(pic, chip);

	chip->poll = 0;
	if (pin < 0)
		return 0;
	acknowledge(pic, chip, pin);
	update(pic);
	return 0x80 | pin;
}

/**
 * slat_pic_read() - IN
 * @pic: locked
 * @port: as in slat_pic_write()
 */
u8 slat_pic_read(struct slat_pic *pic, u16 port)
{
	struct kvm_pic_state *chip = &pic->chips[port >= 0x4d0 ? port & 1 : port >> 7];

	if (port >= 0x4d0)
		return chip->elcr;
	if (chip->poll)
		return poll(pic, chip);
	if (port & 1)
		return chip->imr;
	return chip->read_reg_select ? chip->isr : chip->irr;
}

/**
 * slat_pic_reset() - as after power-on
 * @pic: locked, or nobody else's
 */
void slat_pic_reset(struct slat_pic *pic)
{
	unsigned int i;

	memset(pic, 0, sizeof(*pic));
	for (i = 0; i < 2; i++)
		pic->chips[i].elcr_mask = elcr_masks[i];
}

/**
 * slat_pic_restore() - take a chip's state from user space
 * @pic: locked
 * @chip: 0: the master
 * @state: anything
 */
void slat_pic_restore(struct slat_pic *pic, unsigned int chip, const struct kvm_pic_state *state)
{
	struct kvm_pic_state *to = &pic->chips[chip];

	*to = *state;
	to->elcr_mask = elcr_masks[chip];
	to->elcr &= to->elcr_mask;
	update(pic);
}
