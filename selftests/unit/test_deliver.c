// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages to APICs whose registers are written at the same time, in any order
 * of single steps.
 */
#include <linux/slab.h>

#include "irq/irq.h"
#include "unit.h"
#include "weak.h"

#define ORDERS	20000
#define CPUS	3
#define ENABLE	(SLAT_SVR_ENABLED | 0xff)
#define DISABLE	0xff

static struct slat_irq irq;
static struct slat_apic apics[CPUS];
static unsigned int violations;

static void op_send(struct slat_lapic *lapic, const struct slat_message *message)
{
}

static void op_eoi(struct slat_lapic *lapic, u8 vector, bool level)
{
}

static void op_moved(struct slat_lapic *lapic)
{
}

static void op_timer_set(struct slat_lapic *lapic, u32 count)
{
}

static u32 op_timer_left(struct slat_lapic *lapic)
{
	return 0;
}

static const struct slat_lapic_ops lapic_ops = {
	.send = op_send,
	.eoi = op_eoi,
	.moved = op_moved,
	.timer_set = op_timer_set,
	.timer_left = op_timer_left,
};

static void kick(struct slat_apic *apic)
{
}

static const struct slat_irq_ops irq_ops = { .kick = kick };

static void begin(void)
{
	irq = (struct slat_irq) { .ops = &irq_ops };
	mutex_init(&irq.lock);
	INIT_LIST_HEAD(&irq.apics);
	for (int i = 0; i < CPUS; i++) {
		apics[i] = (struct slat_apic) { .irq = &irq };
		slat_lapic_init(&apics[i].lapic, &lapic_ops, i, !i);
		slat_lapic_write(&apics[i].lapic, SLAT_APIC_SVR, ENABLE);
		list_add_tail(&apics[i].link, &irq.apics);
	}
	mutex_lock(&irq.lock);
	CHECK_EQ(0, slat_irq_map(&irq));
	mutex_unlock(&irq.lock);
}

static void end(void)
{
	kvfree(irq.map);
}

/* To one of all. */
static int send(u8 vector)
{
	const struct slat_message message = {
		.dest = SLAT_APIC_ALL, .vector = vector, .delivery = SLAT_DELIVER_LOWEST,
	};

	return slat_irq_deliver(&irq, NULL, &message);
}

static void lowest_priority_is_for_one_that_is_enabled(void)
{
	begin();
	CHECK_EQ(1, send(0x50));
	slat_lapic_write(&apics[0].lapic, SLAT_APIC_SVR, DISABLE);
	slat_lapic_write(&apics[1].lapic, SLAT_APIC_SVR, DISABLE);
	for (int vector = 0x60; vector < 0x60 + CPUS; vector++) {
		CHECK_EQ(1, send(vector));
		CHECK(test_bit(vector, apics[2].lapic.irr));
	}
	slat_lapic_write(&apics[2].lapic, SLAT_APIC_SVR, DISABLE);
	CHECK_EQ(0, send(0x70));
	end();
}

/* The first one stays. */
static void others_come_and_go(void)
{
	for (int i = 0; i < 4; i++)
		slat_lapic_write(&apics[1 + i % 2].lapic, SLAT_APIC_SVR,
				 i / 2 ? ENABLE : DISABLE);
}

static void send_some(void)
{
	for (int vector = 0x50; vector < 0x50 + CPUS; vector++)
		violations += send(vector) != 1;
}

static void lowest_priority_finds_who_stays(void)
{
	static void (*const threads[])(void) = { send_some, others_come_and_go };

	violations = 0;
	for (unsigned int seed = 0; seed < ORDERS && !violations; seed++) {
		begin();
		unit_weak_run(threads, ARRAY_SIZE(threads), seed);
		end();
	}
	CHECK_EQ(0, violations);
}

int main(void)
{
	static const struct unit_case cases[] = {
		UNIT_CASE(lowest_priority_is_for_one_that_is_enabled),
		UNIT_CASE(lowest_priority_finds_who_stays),
	};

	return unit_run(cases, ARRAY_SIZE(cases));
}
