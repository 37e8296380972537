// SPDX-License-Identifier: GPL-2.0-only
/*
 * The IOAPIC by Intel's data sheet of the 82093AA.
 */
#include <linux/kernel.h>

#include "irq/ioapic.h"
#include "unit.h"

#define LEVEL		0x8000
#define MASKED		0x10000
#define REMOTE_IRR	0x4000

static struct slat_message last;
static int sent, verdict;

static int op_deliver(struct slat_ioapic *ioapic, const struct slat_message *message)
{
	last = *message;
	sent++;
	return verdict;
}

static struct slat_ioapic fresh(void)
{
	struct slat_ioapic ioapic = { .deliver = op_deliver };

	slat_ioapic_reset(&ioapic);
	sent = 0;
	verdict = 1;
	return ioapic;
}

static u32 get(struct slat_ioapic *ioapic, u8 reg)
{
	slat_ioapic_write(ioapic, 0, reg);
	return slat_ioapic_read(ioapic, 0x10);
}

static void set(struct slat_ioapic *ioapic, u8 reg, u32 value)
{
	slat_ioapic_write(ioapic, 0, reg);
	slat_ioapic_write(ioapic, 0x10, value);
}

static void set_entry(struct slat_ioapic *ioapic, unsigned int pin, u32 high, u32 low)
{
	set(ioapic, 0x11 + 2 * pin, high);
	set(ioapic, 0x10 + 2 * pin, low);
}

static int pin(struct slat_ioapic *ioapic, unsigned int nr, bool level)
{
	return slat_ioapic_set_pin(ioapic, nr, SLAT_SOURCE_USER, level);
}

static void registers(void)
{
	struct slat_ioapic ioapic = fresh();

	CHECK_EQ(0x170011, get(&ioapic, 1));
	set(&ioapic, 1, 0);
	CHECK_EQ(0x170011, get(&ioapic, 1));
	set(&ioapic, 0, 0xffffffff);
	CHECK_EQ(0x0f000000, get(&ioapic, 0));
	CHECK_EQ(0, slat_ioapic_read(&ioapic, 0x20));
	slat_ioapic_write(&ioapic, 0, 0x12345611);
	CHECK_EQ(0x11, slat_ioapic_read(&ioapic, 0));
	for (u8 reg = 0x10; reg < 0x40; reg++)
		CHECK_EQ(reg & 1 ? 0 : MASKED, get(&ioapic, reg));
	set(&ioapic, 0x40, 0x12345678);
	set(&ioapic, 0xff, 0x12345678);
	CHECK_EQ(0, get(&ioapic, 0x40));
	CHECK_EQ(0, get(&ioapic, 0xff));
	/* Delivery status and remote IRR are read-only. */
	set_entry(&ioapic, 23, 0xffffffff, 0xffffffff);
	CHECK_EQ(0xff000000, get(&ioapic, 0x3f));
	CHECK_EQ(0x1afff, get(&ioapic, 0x3e));
}

static void an_entry_makes_a_message(void)
{
	struct slat_ioapic ioapic = fresh();

	set_entry(&ioapic, 4, 0x05000000, 0x0800 | 0x100 | 0x61);
	CHECK_EQ(1, pin(&ioapic, 4, true));
	CHECK_EQ(1, sent);
	CHECK_EQ(5, last.dest);
	CHECK_EQ(0x61, last.vector);
	CHECK_EQ(SLAT_DELIVER_LOWEST, last.delivery);
	CHECK(last.logical && !last.level && !last.ipi);
	CHECK_EQ(BIT(4), slat_ioapic_pins_of(&ioapic, 0x61));
	CHECK(test_bit(0x61, ioapic.vectors));
	CHECK(!test_bit(0x62, ioapic.vectors));
}

static void one_interrupt_for_an_edge(void)
{
	struct slat_ioapic ioapic = fresh();

	set_entry(&ioapic, 1, 0, 0x31);
	CHECK_EQ(1, pin(&ioapic, 1, true));
	CHECK_EQ(0, pin(&ioapic, 1, true));
	CHECK_EQ(1, sent);
	CHECK_EQ(1, pin(&ioapic, 1, false));
	CHECK_EQ(1, pin(&ioapic, 1, true));
	CHECK_EQ(2, sent);
	/* An EOI is nothing to it. */
	slat_ioapic_eoi(&ioapic, BIT(1));
	CHECK_EQ(2, sent);
}

static void an_edge_at_a_masked_pin_is_lost(void)
{
	struct slat_ioapic ioapic = fresh();

	set_entry(&ioapic, 1, 0, MASKED | 0x31);
	CHECK_EQ(-1, pin(&ioapic, 1, true));
	set(&ioapic, 0x12, 0x31);
	CHECK_EQ(0, sent);
}

static void a_level_waits_for_its_eoi(void)
{
	struct slat_ioapic ioapic = fresh();

	set_entry(&ioapic, 9, 0, LEVEL | 0x41);
	CHECK_EQ(1, pin(&ioapic, 9, true));
	CHECK_EQ(1, sent);
	CHECK(last.level);
	CHECK_EQ(LEVEL | REMOTE_IRR | 0x41, get(&ioapic, 0x22));
	CHECK_EQ(-1, pin(&ioapic, 9, true));
	CHECK_EQ(1, sent);
	/* Still asserted: again. */
	slat_ioapic_eoi(&ioapic, slat_ioapic_pins_of(&ioapic, 0x41));
	CHECK_EQ(2, sent);
	pin(&ioapic, 9, false);
	slat_ioapic_eoi(&ioapic, slat_ioapic_pins_of(&ioapic, 0x41));
	CHECK_EQ(2, sent);
	CHECK_EQ(LEVEL | 0x41, get(&ioapic, 0x22));
}

static void a_level_at_a_masked_pin_comes_later(void)
{
	struct slat_ioapic ioapic = fresh();

	set_entry(&ioapic, 9, 0, MASKED | LEVEL | 0x41);
	CHECK_EQ(-1, pin(&ioapic, 9, true));
	CHECK_EQ(0, sent);
	set(&ioapic, 0x22, LEVEL | 0x41);
	CHECK_EQ(1, sent);
	/* A write leaves remote IRR; an edge-triggered entry has none. */
	CHECK_EQ(LEVEL | REMOTE_IRR | 0x41, get(&ioapic, 0x22));
	set(&ioapic, 0x22, LEVEL | 0x41);
	CHECK_EQ(1, sent);
	set(&ioapic, 0x22, 0x41);
	CHECK_EQ(0x41, get(&ioapic, 0x22));
}

static void a_level_that_nobody_takes_stays(void)
{
	struct slat_ioapic ioapic = fresh();

	verdict = -1;
	set_entry(&ioapic, 9, 0x77000000, LEVEL | 0x41);
	CHECK_EQ(-1, pin(&ioapic, 9, true));
	CHECK_EQ(LEVEL | 0x41, get(&ioapic, 0x22));
	/* Somebody is there, but with a local APIC that is off: no EOI will come. */
	verdict = 0;
	CHECK_EQ(0, pin(&ioapic, 9, true));
	CHECK_EQ(LEVEL | 0x41, get(&ioapic, 0x22));
	verdict = 1;
	set(&ioapic, 0x23, 0);
	CHECK_EQ(3, sent);
	CHECK_EQ(LEVEL | REMOTE_IRR | 0x41, get(&ioapic, 0x22));
}

static void a_line_is_shared(void)
{
	struct slat_ioapic ioapic = fresh();

	set_entry(&ioapic, 9, 0, LEVEL | 0x41);
	pin(&ioapic, 9, true);
	slat_ioapic_set_pin(&ioapic, 9, SLAT_SOURCE_IRQFD, true);
	pin(&ioapic, 9, false);
	slat_ioapic_eoi(&ioapic, BIT(9));
	CHECK_EQ(2, sent);
	slat_ioapic_set_pin(&ioapic, 9, SLAT_SOURCE_IRQFD, false);
	slat_ioapic_eoi(&ioapic, BIT(9));
	CHECK_EQ(2, sent);
}

static void a_mask_that_goes_is_seen(void)
{
	struct slat_ioapic ioapic = fresh();

	set_entry(&ioapic, 2, 0, MASKED | 0x31);
	CHECK_EQ(0, ioapic.opened);
	set_entry(&ioapic, 2, 0, 0x31);
	CHECK_EQ(BIT(2), ioapic.opened);
	ioapic.opened = 0;
	set_entry(&ioapic, 2, 0, 0x32);
	CHECK_EQ(0, ioapic.opened);
}

static void state_that_moves(void)
{
	struct slat_ioapic ioapic = fresh(), copy = fresh();
	struct kvm_ioapic_state state;

	set_entry(&ioapic, 1, 0, 0x31);
	set_entry(&ioapic, 9, 0, LEVEL | MASKED | 0x41);
	pin(&ioapic, 1, true);
	pin(&ioapic, 9, true);
	slat_ioapic_save(&ioapic, &state);
	/* The edge is over, the level is not. */
	CHECK_EQ(BIT(9), state.irr);
	sent = 0;
	slat_ioapic_restore(&copy, &state);
	CHECK_EQ(0, sent);
	set(&copy, 0x22, LEVEL | 0x41);
	CHECK_EQ(1, sent);
}

static void a_hostile_state_is_cut_to_size(void)
{
	struct slat_ioapic ioapic = fresh();
	struct kvm_ioapic_state state;

	memset(&state, 0xff, sizeof(state));
	slat_ioapic_restore(&ioapic, &state);
	CHECK_EQ(0, sent);
	CHECK_EQ(0x0f000000, get(&ioapic, 0));
	CHECK_EQ(0x1efff, get(&ioapic, 0x10));
	slat_ioapic_save(&ioapic, &state);
	CHECK_EQ(0xffffff, state.irr);
}

int main(void)
{
	static const struct unit_case cases[] = {
		UNIT_CASE(registers),
		UNIT_CASE(an_entry_makes_a_message),
		UNIT_CASE(one_interrupt_for_an_edge),
		UNIT_CASE(an_edge_at_a_masked_pin_is_lost),
		UNIT_CASE(a_level_waits_for_its_eoi),
		UNIT_CASE(a_level_at_a_masked_pin_comes_later),
		UNIT_CASE(a_level_that_nobody_takes_stays),
		UNIT_CASE(a_line_is_shared),
		UNIT_CASE(a_mask_that_goes_is_seen),
		UNIT_CASE(state_that_moves),
		UNIT_CASE(a_hostile_state_is_cut_to_size),
	};

	return unit_run(cases, ARRAY_SIZE(cases));
}
