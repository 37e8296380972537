// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PICs by Intel's data sheet of the 8259A.
 */
#include <linux/kernel.h>

#include "irq/pic.h"
#include "unit.h"

#define EOI		0x20
#define READ_IRR	0x0a
#define READ_ISR	0x0b
#define POLL		0x0c

/* As a PC's firmware sets them up: vectors from 8 and 0x70 on, nothing masked. */
static struct slat_pic fresh(u8 icw4)
{
	struct slat_pic pic;

	slat_pic_reset(&pic);
	slat_pic_write(&pic, 0x20, 0x11);
	slat_pic_write(&pic, 0x21, 0x08);
	slat_pic_write(&pic, 0x21, 0x04);
	slat_pic_write(&pic, 0x21, icw4);
	slat_pic_write(&pic, 0xa0, 0x11);
	slat_pic_write(&pic, 0xa1, 0x70);
	slat_pic_write(&pic, 0xa1, 0x02);
	slat_pic_write(&pic, 0xa1, icw4);
	pic.acked = 0;
	return pic;
}

static int pin(struct slat_pic *pic, unsigned int nr, bool level)
{
	return slat_pic_set_pin(pic, nr, SLAT_SOURCE_USER, level);
}

static u8 status(struct slat_pic *pic, u16 port, u8 which)
{
	slat_pic_write(pic, port, which);
	return slat_pic_read(pic, port);
}

static void an_interrupt_and_its_end(void)
{
	struct slat_pic pic = fresh(1);

	CHECK(!pic.output);
	CHECK_EQ(1, pin(&pic, 3, true));
	CHECK(pic.output);
	CHECK_EQ(BIT(3), status(&pic, 0x20, READ_IRR));
	CHECK_EQ(0, pin(&pic, 3, false) - 1);
	CHECK_EQ(0x0b, slat_pic_acknowledge(&pic));
	CHECK(!pic.output);
	CHECK_EQ(0, status(&pic, 0x20, READ_IRR));
	CHECK_EQ(BIT(3), status(&pic, 0x20, READ_ISR));
	CHECK_EQ(0, pic.acked);
	slat_pic_write(&pic, 0x20, EOI);
	CHECK_EQ(0, status(&pic, 0x20, READ_ISR));
	CHECK_EQ(BIT(3), pic.acked);
}

static void an_edge_counts_once(void)
{
	struct slat_pic pic = fresh(1);

	CHECK_EQ(1, pin(&pic, 1, true));
	CHECK_EQ(1, pin(&pic, 1, false));
	CHECK_EQ(0, pin(&pic, 1, true));
	slat_pic_acknowledge(&pic);
	slat_pic_write(&pic, 0x20, EOI);
	CHECK(!pic.output);
}

static void fully_nested(void)
{
	struct slat_pic pic = fresh(1);

	pin(&pic, 5, true);
	CHECK_EQ(0x0d, slat_pic_acknowledge(&pic));
	pin(&pic, 6, true);
	CHECK(!pic.output);
	pin(&pic, 1, true);
	CHECK(pic.output);
	CHECK_EQ(0x09, slat_pic_acknowledge(&pic));
	/* The end of the highest in service. */
	slat_pic_write(&pic, 0x20, EOI);
	CHECK_EQ(BIT(5), status(&pic, 0x20, READ_ISR));
	CHECK(!pic.output);
	slat_pic_write(&pic, 0x20, EOI);
	CHECK_EQ(0x0e, slat_pic_acknowledge(&pic));
}

static void masked(void)
{
	struct slat_pic pic = fresh(1);

	slat_pic_write(&pic, 0x21, 0x02);
	CHECK_EQ(0x02, slat_pic_read(&pic, 0x21));
	CHECK_EQ(-1, pin(&pic, 1, true));
	CHECK(!pic.output);
	slat_pic_write(&pic, 0x21, 0);
	CHECK(pic.output);
}

static void a_slave_interrupts_through_pin_2(void)
{
	struct slat_pic pic = fresh(1);

	pin(&pic, 12, true);
	CHECK(pic.output);
	CHECK_EQ(0x74, slat_pic_acknowledge(&pic));
	CHECK_EQ(BIT(2), status(&pic, 0x20, READ_ISR));
	CHECK_EQ(BIT(4), status(&pic, 0xa0, READ_ISR));
	/* A higher one of the slave waits: pin 2 is in service. */
	pin(&pic, 8, true);
	CHECK(!pic.output);
	slat_pic_write(&pic, 0xa0, EOI);
	CHECK_EQ(BIT(12), pic.acked);
	slat_pic_write(&pic, 0x20, EOI);
	CHECK_EQ(0x70, slat_pic_acknowledge(&pic));
}

static void special_fully_nested(void)
{
	struct slat_pic pic = fresh(0x11);

	pin(&pic, 12, true);
	slat_pic_acknowledge(&pic);
	pin(&pic, 8, true);
	CHECK(pic.output);
	CHECK_EQ(0x70, slat_pic_acknowledge(&pic));
}

static void spurious(void)
{
	struct slat_pic pic = fresh(1);

	CHECK_EQ(0x0f, slat_pic_acknowledge(&pic));
	CHECK_EQ(0, status(&pic, 0x20, READ_ISR));
	/* A level that has gone before it was taken. */
	slat_pic_write(&pic, 0x4d0, 0x20);
	pin(&pic, 5, true);
	CHECK(pic.output);
	pin(&pic, 5, false);
	CHECK(!pic.output);
	CHECK_EQ(0x0f, slat_pic_acknowledge(&pic));
}

static void a_level_comes_again(void)
{
	struct slat_pic pic = fresh(1);

	slat_pic_write(&pic, 0x4d0, 0xff);
	CHECK_EQ(0xf8, slat_pic_read(&pic, 0x4d0));
	slat_pic_write(&pic, 0x4d1, 0xff);
	CHECK_EQ(0xde, slat_pic_read(&pic, 0x4d1));
	pin(&pic, 10, true);
	CHECK_EQ(0x72, slat_pic_acknowledge(&pic));
	slat_pic_write(&pic, 0xa0, EOI);
	slat_pic_write(&pic, 0x20, EOI);
	CHECK(pic.output);
	slat_pic_set_pin(&pic, 10, SLAT_SOURCE_RESAMPLE, true);
	pin(&pic, 10, false);
	CHECK(pic.output);
	slat_pic_set_pin(&pic, 10, SLAT_SOURCE_RESAMPLE, false);
	CHECK(!pic.output);
}

static void automatic_end(void)
{
	struct slat_pic pic = fresh(3);

	pin(&pic, 4, true);
	CHECK_EQ(0x0c, slat_pic_acknowledge(&pic));
	CHECK_EQ(0, status(&pic, 0x20, READ_ISR));
	CHECK_EQ(BIT(4), pic.acked);
	/* And rotating: 4 is the lowest now. */
	slat_pic_write(&pic, 0x20, 0x80);
	pin(&pic, 4, false);
	pin(&pic, 4, true);
	slat_pic_acknowledge(&pic);
	pin(&pic, 4, false);
	pin(&pic, 4, true);
	pin(&pic, 6, true);
	CHECK_EQ(0x0e, slat_pic_acknowledge(&pic));
}

static void rotation(void)
{
	struct slat_pic pic = fresh(1);

	/* 3 becomes the lowest, 4 the highest. */
	slat_pic_write(&pic, 0x20, 0xc3);
	pin(&pic, 0, true);
	pin(&pic, 3, true);
	pin(&pic, 7, true);
	CHECK_EQ(0x0f, slat_pic_acknowledge(&pic));
	/* The end of 7, which makes it the lowest: 0 is the highest again. */
	slat_pic_write(&pic, 0x20, 0xa0);
	CHECK_EQ(0x08, slat_pic_acknowledge(&pic));
	/* A specific end, and 0 becomes the lowest. */
	slat_pic_write(&pic, 0x20, 0xe0);
	pin(&pic, 0, false);
	pin(&pic, 0, true);
	CHECK_EQ(0x0b, slat_pic_acknowledge(&pic));
}

static void special_mask(void)
{
	struct slat_pic pic = fresh(1);

	pin(&pic, 1, true);
	slat_pic_acknowledge(&pic);
	slat_pic_write(&pic, 0x21, 0x02);
	pin(&pic, 5, true);
	CHECK(!pic.output);
	slat_pic_write(&pic, 0x20, 0x68);
	CHECK(pic.output);
	slat_pic_write(&pic, 0x20, 0x48);
	CHECK(!pic.output);
}

static void a_mask_that_goes_is_seen(void)
{
	struct slat_pic pic = fresh(1);

	slat_pic_write(&pic, 0x21, 0xff);
	slat_pic_write(&pic, 0xa1, 0xff);
	pic.opened = 0;
	slat_pic_write(&pic, 0x21, 0xf6);
	CHECK_EQ(BIT(0) | BIT(3), pic.opened);
	slat_pic_write(&pic, 0xa1, 0xfd);
	CHECK_EQ(BIT(0) | BIT(3) | BIT(9), pic.opened);
	pic.opened = 0;
	/* One that stays away, and one that comes back. */
	slat_pic_write(&pic, 0x21, 0xfe);
	CHECK_EQ(0, pic.opened);
	/* Initialisation takes all away. */
	slat_pic_write(&pic, 0x20, 0x11);
	CHECK_EQ(0xfa, pic.opened);
}

static void polled(void)
{
	struct slat_pic pic = fresh(1);

	slat_pic_write(&pic, 0x20, POLL);
	CHECK_EQ(0, slat_pic_read(&pic, 0x20) & 0x80);
	pin(&pic, 6, true);
	CHECK_EQ(0x86, status(&pic, 0x20, POLL));
	CHECK_EQ(BIT(6), status(&pic, 0x20, READ_ISR));
	CHECK(!pic.output);
}

static void initialisation_clears(void)
{
	struct slat_pic pic = fresh(3);

	pin(&pic, 1, true);
	slat_pic_write(&pic, 0x21, 0xff);
	slat_pic_write(&pic, 0x20, 0xc3);
	slat_pic_write(&pic, 0x20, READ_ISR);
	/* Without ICW4: no automatic end either. */
	slat_pic_write(&pic, 0x20, 0x10);
	CHECK_EQ(BIT(1), pic.acked);
	slat_pic_write(&pic, 0x21, 0x23);
	slat_pic_write(&pic, 0x21, 0x04);
	CHECK_EQ(0, slat_pic_read(&pic, 0x21));
	CHECK_EQ(0, slat_pic_read(&pic, 0x20));
	CHECK(!pic.output);
	pin(&pic, 0, true);
	CHECK_EQ(0x20, slat_pic_acknowledge(&pic));
	CHECK_EQ(1, status(&pic, 0x20, READ_ISR));
}

static void a_hostile_state_is_cut_to_size(void)
{
	struct slat_pic pic = fresh(1);
	struct kvm_pic_state state;

	memset(&state, 0xff, sizeof(state));
	slat_pic_restore(&pic, 1, &state);
	slat_pic_restore(&pic, 0, &state);
	CHECK_EQ(0xf8, slat_pic_read(&pic, 0x4d0));
	CHECK_EQ(0xde, slat_pic_read(&pic, 0x4d1));
	slat_pic_acknowledge(&pic);
	for (int i = 0; i < 4; i++)
		slat_pic_write(&pic, 0x21, 0xff);
	CHECK_EQ(0xff, pic.chips[0].imr);
}

int main(void)
{
	static const struct unit_case cases[] = {
		UNIT_CASE(an_interrupt_and_its_end),
		UNIT_CASE(an_edge_counts_once),
		UNIT_CASE(fully_nested),
		UNIT_CASE(masked),
		UNIT_CASE(a_slave_interrupts_through_pin_2),
		UNIT_CASE(special_fully_nested),
		UNIT_CASE(spurious),
		UNIT_CASE(a_level_comes_again),
		UNIT_CASE(automatic_end),
		UNIT_CASE(rotation),
		UNIT_CASE(special_mask),
		UNIT_CASE(a_mask_that_goes_is_seen),
		UNIT_CASE(polled),
		UNIT_CASE(initialisation_clears),
		UNIT_CASE(a_hostile_state_is_cut_to_size),
	};

	return unit_run(cases, ARRAY_SIZE(cases));
}
