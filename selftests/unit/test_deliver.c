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

#define VECTOR	0x50

static char page[SLAT_APIC_REGS];
static unsigned long told[SLAT_VECTOR_WORDS];
static u64 exits[SLAT_VECTOR_WORDS];
static bool first;

static void lend(void)
{
	slat_lapic_lend(&apics[0].lapic, told, exits);
}

static void request_level(void)
{
	first = slat_lapic_request(&apics[0].lapic, VECTOR, true);
}

static void request_told(void)
{
	WRITE_ONCE(told[VECTOR / 64], BIT(VECTOR % 64));
	first = slat_lapic_request(&apics[0].lapic, VECTOR, false);
}

static bool lent(void)
{
	return page[SLAT_APIC_IRR + VECTOR / 32 * 16 + VECTOR % 32 / 8] >> VECTOR % 8 & 1;
}

/*
 * A vector whose end exits is requested, where it has been or not, while the APIC is
 * lent: it waits in the page, and its end exits; or its sender makes the vCPU look
 * again.
 */
static void run_lending(void (*request)(void), bool before)
{
	void (*const threads[])(void) = { request, lend };

	violations = 0;
	for (unsigned int seed = 0; seed < ORDERS && !violations; seed++) {
		begin();
		memset(page, 0, sizeof(page));
		memset(told, 0, sizeof(told));
		apics[0].lapic.page = page;
		if (before)
			slat_lapic_request(&apics[0].lapic, VECTOR, false);
		unit_weak_run(threads, ARRAY_SIZE(threads), seed);
		violations += lent() != (before || !test_bit(VECTOR, apics[0].lapic.irr));
		violations += !first && !(exits[VECTOR / 64] >> VECTOR % 64 & 1);
		violations += !first && test_bit(VECTOR, apics[0].lapic.irr);
		end();
	}
	CHECK_EQ(0, violations);
}

static void a_request_is_lent_or_new(void)
{
	run_lending(request_level, false);
	run_lending(request_level, true);
	run_lending(request_told, false);
	run_lending(request_told, true);
}

int main(void)
{
	static const struct unit_case cases[] = {
		UNIT_CASE(lowest_priority_is_for_one_that_is_enabled),
		UNIT_CASE(lowest_priority_finds_who_stays),
		UNIT_CASE(a_request_is_lent_or_new),
	};

	return unit_run(cases, ARRAY_SIZE(cases));
}
