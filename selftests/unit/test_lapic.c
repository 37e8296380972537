// SPDX-License-Identifier: GPL-2.0-only
/*
 * The local APIC by SDM vol. 3A, chapter 11.
 */
#include <linux/errno.h>
#include <linux/kernel.h>

#include "irq/lapic.h"
#include "unit.h"

#define ENABLE		(SLAT_SVR_ENABLED | 0xff)

/* What came out of the APIC last, and how often. */
static struct {
	struct slat_message message;
	int sent, eois, moves, sets;
	int vector;
	bool level;
	u32 count, left;
} out;

static void op_send(struct slat_lapic *lapic, const struct slat_message *message)
{
	out.message = *message;
	out.sent++;
}

static void op_eoi(struct slat_lapic *lapic, u8 vector, bool level)
{
	out.vector = vector;
	out.level = level;
	out.eois++;
}

static void op_moved(struct slat_lapic *lapic)
{
	out.moves++;
}

static void op_timer_set(struct slat_lapic *lapic, u32 count)
{
	out.count = count;
	out.sets++;
}

static u32 op_timer_left(struct slat_lapic *lapic)
{
	return out.left;
}

static const struct slat_lapic_ops ops = {
	.send = op_send,
	.eoi = op_eoi,
	.moved = op_moved,
	.timer_set = op_timer_set,
	.timer_left = op_timer_left,
};

static struct slat_lapic fresh(u32 id)
{
	struct slat_lapic lapic = { .has_deadline = true };

	slat_lapic_init(&lapic, &ops, id, !id);
	slat_lapic_write(&lapic, SLAT_APIC_SVR, ENABLE);
	memset(&out, 0, sizeof(out));
	return lapic;
}

static struct slat_lapic fresh_x2apic(u32 id)
{
	struct slat_lapic lapic = fresh(id);

	slat_lapic_set_base(&lapic, lapic.base | SLAT_APIC_BASE_X2APIC);
	memset(&out, 0, sizeof(out));
	return lapic;
}

static u32 reg(struct slat_lapic *lapic, u32 offset)
{
	u32 value = 0xdeadbeef;

	CHECK_EQ(0, slat_lapic_read(lapic, offset, &value));
	return value;
}

/* 11.4.7.1 */
static void state_after_reset(void)
{
	struct slat_lapic lapic = { };

	slat_lapic_init(&lapic, &ops, 3, false);
	CHECK_EQ(3 << 24, reg(&lapic, SLAT_APIC_ID));
	CHECK_EQ(0x50014, reg(&lapic, SLAT_APIC_VERSION));
	CHECK_EQ(0xff, reg(&lapic, SLAT_APIC_SVR));
	CHECK_EQ(0xffffffff, reg(&lapic, SLAT_APIC_DFR));
	CHECK_EQ(0, reg(&lapic, SLAT_APIC_LDR));
	CHECK_EQ(0, reg(&lapic, SLAT_APIC_TPR));
	CHECK_EQ(0x10000, reg(&lapic, SLAT_APIC_LVT_LINT0));
	CHECK_EQ(0x10000, reg(&lapic, SLAT_APIC_LVT_TIMER));
	CHECK(!slat_lapic_enabled(&lapic));
	CHECK(!slat_lapic_takes_pic(&lapic));

	memset(&lapic, 0, sizeof(lapic));
	slat_lapic_init(&lapic, &ops, 0, true);
	CHECK(slat_lapic_takes_pic(&lapic));
}

static void init_keeps_the_id_and_drops_requests(void)
{
	struct slat_lapic lapic = fresh(5);

	slat_lapic_request(&lapic, 0x40, true);
	slat_lapic_accept(&lapic, 0x40);
	slat_lapic_request(&lapic, 0x50, false);
	slat_lapic_write(&lapic, SLAT_APIC_TPR, 0x20);
	slat_lapic_reset(&lapic);
	CHECK_EQ(5 << 24, reg(&lapic, SLAT_APIC_ID));
	CHECK_EQ(0, reg(&lapic, SLAT_APIC_PPR));
	CHECK_EQ(-1, slat_lapic_pending(&lapic));
	slat_lapic_eoi(&lapic);
	CHECK_EQ(0, out.eois);
}

/* 11.8.3 */
static void highest_vector_first(void)
{
	struct slat_lapic lapic = fresh(0);

	CHECK_EQ(-1, slat_lapic_pending(&lapic));
	CHECK(slat_lapic_request(&lapic, 0x31, false));
	CHECK(slat_lapic_request(&lapic, 0xef, false));
	CHECK(slat_lapic_request(&lapic, 0x80, false));
	CHECK(!slat_lapic_request(&lapic, 0x80, false));
	CHECK_EQ(0xef, slat_lapic_pending(&lapic));
	slat_lapic_accept(&lapic, 0xef);
	CHECK_EQ(0xe0, reg(&lapic, SLAT_APIC_PPR));
	CHECK_EQ(BIT(15), reg(&lapic, SLAT_APIC_ISR + 0x70));
	CHECK_EQ(0, reg(&lapic, SLAT_APIC_IRR + 0x70));
	CHECK_EQ(1, reg(&lapic, SLAT_APIC_IRR + 0x40));
	/* Of a lower class: not before the EOI. */
	CHECK_EQ(-1, slat_lapic_pending(&lapic));
	slat_lapic_write(&lapic, SLAT_APIC_EOI, 0);
	CHECK_EQ(0xef, out.vector);
	CHECK_EQ(0x80, slat_lapic_pending(&lapic));
}

/* Within a class nothing interrupts anything. */
static void a_class_does_not_nest(void)
{
	struct slat_lapic lapic = fresh(0);

	slat_lapic_request(&lapic, 0x41, false);
	slat_lapic_accept(&lapic, 0x41);
	slat_lapic_request(&lapic, 0x4f, false);
	CHECK_EQ(-1, slat_lapic_pending(&lapic));
	slat_lapic_request(&lapic, 0x50, false);
	CHECK_EQ(0x50, slat_lapic_pending(&lapic));
	slat_lapic_accept(&lapic, 0x50);
	slat_lapic_eoi(&lapic);
	CHECK_EQ(0x50, out.vector);
	CHECK_EQ(-1, slat_lapic_pending(&lapic));
	slat_lapic_eoi(&lapic);
	CHECK_EQ(0x41, out.vector);
	CHECK_EQ(0x4f, slat_lapic_pending(&lapic));
}

/* 11.8.3.1 */
static void task_priority_holds_back(void)
{
	struct slat_lapic lapic = fresh(0);

	slat_lapic_request(&lapic, 0x45, false);
	slat_lapic_write(&lapic, SLAT_APIC_TPR, 0x40);
	CHECK_EQ(-1, slat_lapic_pending(&lapic));
	CHECK_EQ(0x40, reg(&lapic, SLAT_APIC_PPR));
	slat_lapic_write(&lapic, SLAT_APIC_TPR, 0x3f);
	CHECK_EQ(0x45, slat_lapic_pending(&lapic));
	/* PPR is TPR where its class is at least that in service. */
	slat_lapic_accept(&lapic, 0x45);
	slat_lapic_write(&lapic, SLAT_APIC_TPR, 0x47);
	CHECK_EQ(0x47, reg(&lapic, SLAT_APIC_PPR));
	slat_lapic_write(&lapic, SLAT_APIC_TPR, 0x41);
	CHECK_EQ(0x41, reg(&lapic, SLAT_APIC_PPR));
	slat_lapic_write(&lapic, SLAT_APIC_TPR, 0x37);
	CHECK_EQ(0x40, reg(&lapic, SLAT_APIC_PPR));
}

/* 11.8.5 */
static void eoi_is_broadcast_for_levels(void)
{
	struct slat_lapic lapic = fresh(0);

	slat_lapic_request(&lapic, 0x60, true);
	CHECK_EQ(1, reg(&lapic, SLAT_APIC_TMR + 0x30));
	slat_lapic_accept(&lapic, 0x60);
	slat_lapic_eoi(&lapic);
	CHECK(out.level);
	slat_lapic_request(&lapic, 0x60, false);
	CHECK_EQ(0, reg(&lapic, SLAT_APIC_TMR + 0x30));
	slat_lapic_accept(&lapic, 0x60);
	slat_lapic_eoi(&lapic);
	CHECK(!out.level);
	CHECK_EQ(2, out.eois);
	slat_lapic_eoi(&lapic);
	CHECK_EQ(2, out.eois);

	/* Suppressed where it can be, ignored where not. */
	slat_lapic_write(&lapic, SLAT_APIC_SVR, ENABLE | SLAT_SVR_NO_BROADCAST);
	CHECK_EQ(ENABLE, reg(&lapic, SLAT_APIC_SVR));
	lapic.directed_eoi = true;
	slat_lapic_write(&lapic, SLAT_APIC_SVR, ENABLE | SLAT_SVR_NO_BROADCAST);
	slat_lapic_request(&lapic, 0x60, true);
	slat_lapic_accept(&lapic, 0x60);
	slat_lapic_eoi(&lapic);
	CHECK(!out.level);
}

/* Below which task priority something comes, that it holds back now. */
static void limit_of_the_task_priority(void)
{
	struct slat_lapic lapic = fresh(0);

	CHECK_EQ(0, slat_lapic_tpr_limit(&lapic));
	slat_lapic_request(&lapic, 0x53, false);
	CHECK_EQ(0, slat_lapic_tpr_limit(&lapic));
	slat_lapic_write(&lapic, SLAT_APIC_TPR, 0x4f);
	CHECK_EQ(0, slat_lapic_tpr_limit(&lapic));
	slat_lapic_write(&lapic, SLAT_APIC_TPR, 0x50);
	CHECK_EQ(5, slat_lapic_tpr_limit(&lapic));
	slat_lapic_write(&lapic, SLAT_APIC_TPR, 0xff);
	CHECK_EQ(5, slat_lapic_tpr_limit(&lapic));
	slat_lapic_request(&lapic, 0xf0, false);
	CHECK_EQ(15, slat_lapic_tpr_limit(&lapic));
}

/* 11.5.1, figure 11-8 */
static void corrected_machine_checks(void)
{
	struct slat_lapic lapic = fresh(0);
	u32 value;

	CHECK_EQ(1, slat_lapic_read(&lapic, SLAT_APIC_LVT_CMCI, &value));
	CHECK_EQ(1, slat_lapic_write(&lapic, SLAT_APIC_LVT_CMCI, 0xa9));
	slat_lapic_set_cmci(&lapic, true);
	CHECK_EQ(0x60014, reg(&lapic, SLAT_APIC_VERSION));
	CHECK_EQ(0x10000, reg(&lapic, SLAT_APIC_LVT_CMCI));
	slat_lapic_local(&lapic, SLAT_APIC_LVT_CMCI);
	CHECK_EQ(-1, slat_lapic_pending(&lapic));
	CHECK_EQ(0, slat_lapic_write(&lapic, SLAT_APIC_LVT_CMCI, 0xfffe00a9));
	CHECK_EQ(0xa9, reg(&lapic, SLAT_APIC_LVT_CMCI));
	slat_lapic_local(&lapic, SLAT_APIC_LVT_CMCI);
	CHECK_EQ(0xa9, slat_lapic_pending(&lapic));
	/* An NMI, which it is not made to be. */
	slat_lapic_accept(&lapic, 0xa9);
	slat_lapic_eoi(&lapic);
	slat_lapic_write(&lapic, SLAT_APIC_LVT_CMCI, 0x4a9);
	slat_lapic_local(&lapic, SLAT_APIC_LVT_CMCI);
	CHECK_EQ(-1, slat_lapic_pending(&lapic));
	slat_lapic_reset(&lapic);
	CHECK_EQ(0x60014, reg(&lapic, SLAT_APIC_VERSION));
	CHECK_EQ(0x10000, reg(&lapic, SLAT_APIC_LVT_CMCI));
	slat_lapic_set_cmci(&lapic, false);
	CHECK_EQ(0x50014, reg(&lapic, SLAT_APIC_VERSION));
}

static char page[4096];

static u32 *in_page(u32 offset)
{
	return (u32 *)(page + offset);
}

static struct slat_lapic with_page(void)
{
	static struct slat_lapic lapic;

	memset(page, 0, sizeof(page));
	memset(&out, 0, sizeof(out));
	lapic = (struct slat_lapic) { .page = page };
	slat_lapic_init(&lapic, &ops, 0, true);
	return lapic;
}

/* What slat_lapic_save() writes is what the page has, but for what is computed. */
static void a_page_follows_the_registers(void)
{
	struct slat_lapic lapic = with_page();
	char saved[SLAT_APIC_REGS] = { };

	slat_lapic_set_cmci(&lapic, true);
	slat_lapic_write(&lapic, SLAT_APIC_SVR, ENABLE);
	slat_lapic_write(&lapic, SLAT_APIC_TPR, 0x35);
	slat_lapic_write(&lapic, SLAT_APIC_ICR2, 0x12000000);
	slat_lapic_write(&lapic, SLAT_APIC_LVT_PERF, 0x54);
	slat_lapic_request(&lapic, 0x31, true);
	slat_lapic_request(&lapic, 0xff, false);
	slat_lapic_accept(&lapic, 0x31);
	slat_lapic_give(&lapic);
	slat_lapic_save(&lapic, saved, false);
	*in_page(SLAT_APIC_PPR) = slat_lapic_ppr(&lapic);
	CHECK_EQ(0x12000000, *in_page(SLAT_APIC_ICR + 4));
	*in_page(SLAT_APIC_ICR + 4) = 0;
	CHECK_EQ(0, memcmp(page, saved, sizeof(saved)));
	CHECK_EQ(0, *in_page(SLAT_APIC_REGS));
}

/* A write that the page has first is one that comes from an instruction. */
static void a_page_is_written(void)
{
	struct slat_lapic lapic = with_page();

	slat_lapic_write(&lapic, SLAT_APIC_SVR, ENABLE);
	slat_lapic_give(&lapic);
	*in_page(SLAT_APIC_TPR) = 0x47;
	*in_page(SLAT_APIC_ICR2) = 0x03000000;
	*in_page(SLAT_APIC_ICR) = 0x51;
	slat_lapic_take(&lapic);
	CHECK_EQ(0x47, slat_lapic_reg(&lapic, SLAT_APIC_TPR));
	CHECK_EQ(0x03000000, slat_lapic_reg(&lapic, SLAT_APIC_ICR2));
	CHECK_EQ(0, out.sent);
	slat_lapic_written(&lapic, SLAT_APIC_ICR);
	CHECK_EQ(1, out.sent);
	CHECK_EQ(3, out.message.dest);
	CHECK_EQ(0x51, out.message.vector);

	/* Of the mode before it is known which it was. */
	*in_page(SLAT_APIC_TIMER_INITIAL) = 100;
	slat_lapic_written(&lapic, SLAT_APIC_TIMER_INITIAL);
	CHECK_EQ(100, out.count);
	lapic.has_deadline = true;
	*in_page(SLAT_APIC_LVT_TIMER) = 0xffffffff & ~(1U << 17);
	slat_lapic_written(&lapic, SLAT_APIC_LVT_TIMER);
	CHECK_EQ(0, out.count);
	CHECK_EQ(0x500ff, *in_page(SLAT_APIC_LVT_TIMER));
	CHECK_EQ(0, *in_page(SLAT_APIC_TIMER_INITIAL));
	*in_page(SLAT_APIC_TIMER_INITIAL) = 100;
	slat_lapic_written(&lapic, SLAT_APIC_TIMER_INITIAL);
	CHECK_EQ(0, *in_page(SLAT_APIC_TIMER_INITIAL));
	*in_page(SLAT_APIC_EOI) = 7;
	slat_lapic_written(&lapic, SLAT_APIC_EOI);
	CHECK_EQ(0, *in_page(SLAT_APIC_EOI));
	/* No offset is outside of the registers. */
	slat_lapic_written(&lapic, 0xffffffff);
}

static bool page_has(u32 offset, u8 vector)
{
	return *in_page(offset + vector / 32 * 16) >> vector % 32 & 1;
}

static void page_change(u32 offset, u8 vector)
{
	*in_page(offset + vector / 32 * 16) ^= 1U << vector % 32;
}

/* SDM vol. 3C, 30.2.2 and 30.1.4: what the CPU makes of it. */
static void cpu_delivers(u8 vector)
{
	CHECK(page_has(SLAT_APIC_IRR, vector));
	CHECK(!page_has(SLAT_APIC_ISR, vector));
	page_change(SLAT_APIC_IRR, vector);
	page_change(SLAT_APIC_ISR, vector);
}

static void a_cpu_delivers_and_ends(void)
{
	struct slat_lapic lapic = with_page();
	u64 exits[SLAT_VECTOR_WORDS];

	slat_lapic_write(&lapic, SLAT_APIC_SVR, ENABLE);
	CHECK_EQ(0, slat_lapic_lend(&lapic, NULL, exits));
	slat_lapic_take_back(&lapic);
	CHECK_EQ(-1, slat_lapic_requested(&lapic));
	CHECK_EQ(-1, slat_lapic_in_service(&lapic));

	slat_lapic_request(&lapic, 0x31, false);
	slat_lapic_accept(&lapic, 0x31);
	slat_lapic_request(&lapic, 0x40, false);
	slat_lapic_request(&lapic, 0xfd, true);
	CHECK_EQ(0x31fd, slat_lapic_lend(&lapic, NULL, exits));
	CHECK(page_has(SLAT_APIC_TMR, 0xfd));
	cpu_delivers(0xfd);
	/* Its next request is a new one, one that waits is not lost. */
	CHECK(slat_lapic_request(&lapic, 0xfd, true));
	slat_lapic_take_back(&lapic);
	CHECK_EQ(0xfd, slat_lapic_in_service(&lapic));
	CHECK_EQ(0xfd, slat_lapic_requested(&lapic));
	CHECK_EQ(-1, slat_lapic_pending(&lapic));
	CHECK(!slat_lapic_request(&lapic, 0x40, false));

	CHECK_EQ(0xfdfd, slat_lapic_lend(&lapic, NULL, exits));
	page_change(SLAT_APIC_ISR, 0xfd);
	slat_lapic_take_back(&lapic);
	slat_lapic_ended(&lapic, 0xfd);
	CHECK_EQ(1, out.eois);
	CHECK_EQ(0xfd, out.vector);
	CHECK(out.level);
	CHECK_EQ(0x31, slat_lapic_in_service(&lapic));
	CHECK_EQ(0xfd, slat_lapic_pending(&lapic));
	slat_lapic_accept(&lapic, 0xfd);
	slat_lapic_eoi(&lapic);
	CHECK_EQ(0x40, slat_lapic_pending(&lapic));
}

static void a_cpu_sends_itself_an_ipi(void)
{
	struct slat_lapic lapic = with_page();
	u64 exits[SLAT_VECTOR_WORDS];

	slat_lapic_write(&lapic, SLAT_APIC_SVR, ENABLE);
	slat_lapic_lend(&lapic, NULL, exits);
	*in_page(SLAT_APIC_ICR) = 0x40071;
	page_change(SLAT_APIC_IRR, 0x71);
	slat_lapic_take_back(&lapic);
	CHECK_EQ(0, out.sent);
	CHECK_EQ(0x40071, reg(&lapic, SLAT_APIC_ICR));
	CHECK_EQ(0x71, slat_lapic_pending(&lapic));
	CHECK(!slat_lapic_request(&lapic, 0x71, false));
}

/* Ends of levels, and those that somebody waits for; of nothing that cannot be. */
static void ends_that_exit(void)
{
	unsigned long told[SLAT_VECTOR_WORDS] = { 0x8000000000010001, 0, 1, 0 };
	struct slat_lapic lapic = with_page();
	u64 exits[SLAT_VECTOR_WORDS];

	slat_lapic_write(&lapic, SLAT_APIC_SVR, ENABLE);
	slat_lapic_request(&lapic, 0x40, true);
	slat_lapic_request(&lapic, 0x41, false);
	slat_lapic_request(&lapic, 0xff, true);
	slat_lapic_lend(&lapic, NULL, exits);
	CHECK_EQ(0, exits[0]);
	CHECK_EQ(1, exits[1]);
	CHECK_EQ(0, exits[2]);
	CHECK_EQ(1ULL << 63, exits[3]);
	slat_lapic_take_back(&lapic);
	slat_lapic_lend(&lapic, told, exits);
	CHECK_EQ(0x8000000000010000, exits[0]);
	CHECK_EQ(1, exits[1]);
	CHECK_EQ(1, exits[2]);
	CHECK_EQ(1ULL << 63, exits[3]);
	slat_lapic_take_back(&lapic);
	/* It came as an edge last. */
	slat_lapic_request(&lapic, 0x40, false);
	slat_lapic_lend(&lapic, NULL, exits);
	CHECK_EQ(0, exits[1]);
	slat_lapic_take_back(&lapic);
}

/* 11.4.7.2 */
static void disabling_masks_all_local_interrupts(void)
{
	struct slat_lapic lapic = fresh(0);

	slat_lapic_write(&lapic, SLAT_APIC_LVT_TIMER, 0x40);
	slat_lapic_local(&lapic, SLAT_APIC_LVT_TIMER);
	CHECK_EQ(0x40, slat_lapic_pending(&lapic));
	slat_lapic_accept(&lapic, 0x40);
	slat_lapic_eoi(&lapic);
	slat_lapic_write(&lapic, SLAT_APIC_SVR, 0xff);
	CHECK_EQ(0x10040, reg(&lapic, SLAT_APIC_LVT_TIMER));
	slat_lapic_local(&lapic, SLAT_APIC_LVT_TIMER);
	CHECK_EQ(-1, slat_lapic_pending(&lapic));
	/* Nor can they be unmasked. */
	slat_lapic_write(&lapic, SLAT_APIC_LVT_LINT1, 0x400);
	CHECK_EQ(0x10400, reg(&lapic, SLAT_APIC_LVT_LINT1));
}

/* 11.5.3 */
static void disabled_globally_it_interrupts_nobody(void)
{
	struct slat_lapic lapic = fresh(0);

	slat_lapic_write(&lapic, SLAT_APIC_LVT_TIMER, 0x50);
	slat_lapic_set_base(&lapic, SLAT_APIC_BASE_ADDRESS);
	slat_lapic_local(&lapic, SLAT_APIC_LVT_TIMER);
	CHECK_EQ(-1, slat_lapic_requested(&lapic));
	slat_lapic_set_base(&lapic, SLAT_APIC_BASE_ADDRESS | SLAT_APIC_BASE_ENABLED);
	CHECK_EQ(-1, slat_lapic_requested(&lapic));
	slat_lapic_local(&lapic, SLAT_APIC_LVT_TIMER);
	CHECK_EQ(0x50, slat_lapic_requested(&lapic));
}

static void errors_are_shown_after_a_write(void)
{
	struct slat_lapic lapic = fresh(0);
	u32 value;

	slat_lapic_write(&lapic, SLAT_APIC_LVT_ERROR, 0xfe);
	CHECK_EQ(1, slat_lapic_read(&lapic, 0x40, &value));
	CHECK_EQ(0, value);
	CHECK_EQ(0xfe, slat_lapic_pending(&lapic));
	CHECK_EQ(0, reg(&lapic, SLAT_APIC_ESR));
	slat_lapic_write(&lapic, SLAT_APIC_ICR, 0x0f);
	CHECK_EQ(0, out.sent);
	slat_lapic_write(&lapic, SLAT_APIC_ESR, 0);
	CHECK_EQ(SLAT_ESR_REGISTER | SLAT_ESR_SEND_VECTOR, reg(&lapic, SLAT_APIC_ESR));
	slat_lapic_write(&lapic, SLAT_APIC_ESR, 0);
	CHECK_EQ(0, reg(&lapic, SLAT_APIC_ESR));
}

/* 11.6.1 */
static void icr_makes_a_message(void)
{
	struct slat_lapic lapic = fresh(0);

	slat_lapic_write(&lapic, SLAT_APIC_ICR2, 0x03ffffff);
	CHECK_EQ(0, out.sent);
	slat_lapic_write(&lapic, SLAT_APIC_ICR, 0x1000 | 0x0800 | 0x100 | 0xfb);
	CHECK_EQ(1, out.sent);
	CHECK_EQ(3, out.message.dest);
	CHECK_EQ(0xfb, out.message.vector);
	CHECK_EQ(SLAT_DELIVER_LOWEST, out.message.delivery);
	CHECK(out.message.logical && out.message.assert && !out.message.level);
	/* Idle: it has been sent. */
	CHECK_EQ(0x09fb, reg(&lapic, SLAT_APIC_ICR));

	slat_lapic_write(&lapic, SLAT_APIC_ICR, 0xc0000 | 0x4500);
	CHECK_EQ(SLAT_DELIVER_INIT, out.message.delivery);
	CHECK_EQ(SLAT_TO_OTHERS, out.message.shorthand);
	/* INIT level de-assert does nothing. */
	slat_lapic_write(&lapic, SLAT_APIC_ICR, 0x8500);
	CHECK_EQ(2, out.sent);
	slat_lapic_write(&lapic, SLAT_APIC_ICR, 0x4608);
	CHECK_EQ(SLAT_DELIVER_SIPI, out.message.delivery);
	CHECK_EQ(8, out.message.vector);
}

static bool takes(const struct slat_lapic *lapic, u32 dest, bool logical)
{
	const struct slat_message message = { .dest = dest, .logical = logical };

	return slat_lapic_matches(lapic, &message, true);
}

/* 11.6.2.1, 11.6.2.2 */
static void destinations_of_xapic(void)
{
	struct slat_lapic lapic = fresh(2);

	CHECK(takes(&lapic, 2, false));
	CHECK(!takes(&lapic, 3, false));
	CHECK(takes(&lapic, 0xff, false));
	slat_lapic_write(&lapic, SLAT_APIC_LDR, 0x04000000);
	CHECK(takes(&lapic, 0x06, true));
	CHECK(!takes(&lapic, 0x03, true));
	CHECK(!takes(&lapic, 0, true));
	CHECK(takes(&lapic, 0xff, true));
	/* Cluster 3, its second CPU. */
	slat_lapic_write(&lapic, SLAT_APIC_DFR, 0);
	slat_lapic_write(&lapic, SLAT_APIC_LDR, 0x32000000);
	CHECK_EQ(3, out.moves);
	CHECK(takes(&lapic, 0x33, true));
	CHECK(!takes(&lapic, 0x31, true));
	CHECK(!takes(&lapic, 0x22, true));
	CHECK(!takes(&lapic, 0x132, true));
}

/* 11.12.10 */
static void destinations_of_x2apic(void)
{
	struct slat_lapic lapic = fresh_x2apic(0x123);
	struct slat_message ipi = { .dest = 0xff, .ipi = true };

	CHECK_EQ(0x123, reg(&lapic, SLAT_APIC_ID));
	CHECK_EQ(0x120008, reg(&lapic, SLAT_APIC_LDR));
	CHECK(takes(&lapic, 0x123, false));
	CHECK(!takes(&lapic, 0x23, false));
	CHECK(takes(&lapic, 0x12000c, true));
	CHECK(!takes(&lapic, 0x130008, true));
	CHECK(!takes(&lapic, 0x120001, true));
	CHECK(takes(&lapic, SLAT_APIC_ALL, false));
	CHECK(takes(&lapic, SLAT_APIC_ALL, true));
	lapic = fresh_x2apic(0x1c);
	CHECK_EQ(0x11000, reg(&lapic, SLAT_APIC_LDR));
	/* A device's eight bits are all ones; a CPU's are a CPU. */
	CHECK(takes(&lapic, 0xff, false));
	CHECK(!slat_lapic_matches(&lapic, &ipi, true));
	ipi.ipi = false;
	CHECK(!slat_lapic_matches(&lapic, &ipi, false));
}

/* Figure 11-27 */
static void modes_follow_each_other(void)
{
	struct slat_lapic lapic = fresh(1);
	u64 xapic = lapic.base, off = xapic & ~SLAT_APIC_BASE_ENABLED;
	u64 x2apic = xapic | SLAT_APIC_BASE_X2APIC;

	CHECK(slat_lapic_base_valid(&lapic, x2apic));
	CHECK(slat_lapic_base_valid(&lapic, off));
	CHECK(!slat_lapic_base_valid(&lapic, off | SLAT_APIC_BASE_X2APIC));
	slat_lapic_set_base(&lapic, x2apic);
	CHECK(!slat_lapic_base_valid(&lapic, xapic));
	CHECK(slat_lapic_base_valid(&lapic, off));
	slat_lapic_request(&lapic, 0x50, false);
	slat_lapic_set_base(&lapic, off);
	CHECK_EQ(-1, slat_lapic_pending(&lapic));
	CHECK(slat_lapic_takes_pic(&lapic));
	CHECK(!slat_lapic_base_valid(&lapic, x2apic));
	slat_lapic_set_base(&lapic, xapic);
	CHECK_EQ(1 << 24, reg(&lapic, SLAT_APIC_ID));
	/* What software has written there ends with the mode. */
	slat_lapic_write(&lapic, SLAT_APIC_ID, 9 << 24);
	CHECK_EQ(9, slat_lapic_physical_id(&lapic));
	slat_lapic_set_base(&lapic, off);
	slat_lapic_set_base(&lapic, xapic);
	CHECK_EQ(1, slat_lapic_physical_id(&lapic));
	/* User space may go back at once. */
	slat_lapic_set_base(&lapic, x2apic);
	slat_lapic_set_base(&lapic, xapic);
	CHECK_EQ(1, slat_lapic_physical_id(&lapic));
}

/* 11.12.1.2, table 11-6 */
static void x2apic_registers_are_msrs(void)
{
	struct slat_lapic lapic = fresh(4);
	u64 value;

	CHECK_EQ(1, slat_lapic_read_msr(&lapic, 0x802, &value));
	CHECK_EQ(1, slat_lapic_write_msr(&lapic, 0x808, 0));
	lapic = fresh_x2apic(4);
	CHECK_EQ(0, slat_lapic_read_msr(&lapic, 0x802, &value));
	CHECK_EQ(4, value);
	CHECK_EQ(1, slat_lapic_write_msr(&lapic, 0x802, 4));
	CHECK_EQ(1, slat_lapic_write_msr(&lapic, 0x80d, 0));
	CHECK_EQ(1, slat_lapic_read_msr(&lapic, 0x80e, &value));
	CHECK_EQ(1, slat_lapic_read_msr(&lapic, 0x831, &value));
	CHECK_EQ(1, slat_lapic_read_msr(&lapic, 0x80b, &value));
	CHECK_EQ(1, slat_lapic_write_msr(&lapic, 0x80b, 1));
	CHECK_EQ(0, slat_lapic_write_msr(&lapic, 0x80b, 0));
	CHECK_EQ(1, slat_lapic_write_msr(&lapic, 0x808, 0x100));
	CHECK_EQ(1, slat_lapic_write_msr(&lapic, 0x8ff, 0));
	CHECK_EQ(1, slat_lapic_write_msr(&lapic, 0x80f, 1ULL << 32));
	CHECK_EQ(0, slat_lapic_write_msr(&lapic, 0x830, 0x1234567800004041ULL));
	CHECK_EQ(0x12345678, out.message.dest);
	CHECK_EQ(0x41, out.message.vector);
	CHECK_EQ(0, slat_lapic_read_msr(&lapic, 0x830, &value));
	CHECK_EQ(0x1234567800004041ULL, value);
	CHECK_EQ(0, slat_lapic_write_msr(&lapic, 0x83f, 0x42));
	CHECK_EQ(SLAT_TO_SELF, out.message.shorthand);
	CHECK_EQ(0x42, out.message.vector);
	CHECK_EQ(1, slat_lapic_write_msr(&lapic, 0x83f, 0x142));
}

/* 11.5.4 */
static void timer_registers(void)
{
	static const u8 shifts[] = { 1, 2, 3, 4, 1, 2, 3, 4, 5, 6, 7, 0 };
	struct slat_lapic lapic = fresh(0);

	for (u32 i = 0; i < ARRAY_SIZE(shifts); i++) {
		slat_lapic_write(&lapic, SLAT_APIC_TIMER_DIVIDE, i);
		CHECK_EQ(shifts[i], slat_lapic_timer_shift(&lapic));
	}
	slat_lapic_write(&lapic, SLAT_APIC_TIMER_INITIAL, 1000);
	CHECK_EQ(1000, out.count);
	out.left = 600;
	CHECK_EQ(600, reg(&lapic, SLAT_APIC_TIMER_CURRENT));
	CHECK_EQ(1000, reg(&lapic, SLAT_APIC_TIMER_INITIAL));
	CHECK_EQ(1, slat_lapic_write(&lapic, SLAT_APIC_TIMER_CURRENT, 1));
	/* From one-shot to periodic it counts on; to a deadline it stops. */
	slat_lapic_write(&lapic, SLAT_APIC_LVT_TIMER, 0x20040);
	CHECK_EQ(600, out.count);
	slat_lapic_write(&lapic, SLAT_APIC_LVT_TIMER, 0x40040);
	CHECK_EQ(0, out.count);
	CHECK_EQ(0, reg(&lapic, SLAT_APIC_TIMER_INITIAL));
	slat_lapic_write(&lapic, SLAT_APIC_TIMER_INITIAL, 1000);
	CHECK_EQ(0, reg(&lapic, SLAT_APIC_TIMER_INITIAL));
	lapic.has_deadline = false;
	slat_lapic_write(&lapic, SLAT_APIC_LVT_TIMER, 0x40040);
	CHECK_EQ(SLAT_TIMER_ONE_SHOT, slat_lapic_timer_mode(&lapic));
}

static void registers_survive_a_page(void)
{
	struct slat_lapic lapic = fresh(2), copy = fresh(2);
	u8 page[SLAT_APIC_REGS] = { }, again[SLAT_APIC_REGS] = { };

	slat_lapic_write(&lapic, SLAT_APIC_TPR, 0x21);
	slat_lapic_write(&lapic, SLAT_APIC_LDR, 0x04000000);
	slat_lapic_write(&lapic, SLAT_APIC_LVT_TIMER, 0x20055);
	slat_lapic_write(&lapic, SLAT_APIC_TIMER_INITIAL, 5000);
	slat_lapic_request(&lapic, 0x91, true);
	slat_lapic_accept(&lapic, 0x91);
	slat_lapic_request(&lapic, 0xa2, false);
	out.left = 1234;
	slat_lapic_save(&lapic, page, false);
	CHECK_EQ(0, slat_lapic_restore(&copy, page, false));
	CHECK_EQ(1234, out.count);
	slat_lapic_save(&copy, again, false);
	CHECK_EQ(0, memcmp(page, again, sizeof(page)));
	CHECK_EQ(0xa2, slat_lapic_pending(&copy));
	slat_lapic_accept(&copy, 0xa2);
	slat_lapic_eoi(&copy);
	slat_lapic_eoi(&copy);
	CHECK_EQ(0x91, out.vector);
	CHECK(out.level);
}

/* Saved in the moment in which it fires. */
static void a_periodic_timer_survives_its_end(void)
{
	struct slat_lapic lapic = fresh(2), copy = fresh(2);
	u8 page[SLAT_APIC_REGS] = { };

	slat_lapic_write(&lapic, SLAT_APIC_LVT_TIMER, 0x20055);
	slat_lapic_write(&lapic, SLAT_APIC_TIMER_INITIAL, 5000);
	out.left = 0;
	slat_lapic_save(&lapic, page, false);
	CHECK_EQ(0, slat_lapic_restore(&copy, page, false));
	CHECK_EQ(5000, out.count);
	/* One that fires once has done so. */
	slat_lapic_write(&lapic, SLAT_APIC_LVT_TIMER, 0x55);
	slat_lapic_save(&lapic, page, false);
	CHECK_EQ(0, slat_lapic_restore(&copy, page, false));
	CHECK_EQ(0, out.count);
}

static void a_hostile_page_is_cut_to_size(void)
{
	struct slat_lapic lapic = fresh(2);
	u8 page[SLAT_APIC_REGS];

	memset(page, 0xff, sizeof(page));
	CHECK_EQ(0, slat_lapic_restore(&lapic, page, false));
	CHECK_EQ(0x3ff, reg(&lapic, SLAT_APIC_SVR));
	CHECK_EQ(0xff, reg(&lapic, SLAT_APIC_TPR));
	CHECK_EQ(0x100ff, reg(&lapic, SLAT_APIC_LVT_ERROR));
	CHECK_EQ(0xffffffff, reg(&lapic, SLAT_APIC_IRR));
	CHECK_EQ(-1, slat_lapic_pending(&lapic));

	/* Illegal vectors are there to be read, but are never delivered. */
	memset(page, 0, sizeof(page));
	memset(page + SLAT_APIC_IRR, 0xff, 2);
	*(u32 *)(page + SLAT_APIC_SVR) = 0x1ff;
	CHECK_EQ(0, slat_lapic_restore(&lapic, page, false));
	CHECK_EQ(0xffff, reg(&lapic, SLAT_APIC_IRR));
	CHECK_EQ(-1, slat_lapic_pending(&lapic));

	lapic = fresh_x2apic(2);
	CHECK_EQ(-EINVAL, slat_lapic_restore(&lapic, page, true));
	CHECK_EQ(0, slat_lapic_restore(&lapic, page, false));
	CHECK_EQ(2, slat_lapic_physical_id(&lapic));
	CHECK_EQ(0x4, reg(&lapic, SLAT_APIC_LDR));
}

static void ids_in_a_page(void)
{
	struct slat_lapic lapic = fresh_x2apic(0x42);
	u8 page[SLAT_APIC_REGS] = { };

	slat_lapic_save(&lapic, page, false);
	CHECK_EQ(0x42000000, *(u32 *)(page + SLAT_APIC_ID));
	slat_lapic_save(&lapic, page, true);
	CHECK_EQ(0x42, *(u32 *)(page + SLAT_APIC_ID));
	CHECK_EQ(0, slat_lapic_restore(&lapic, page, true));
}

int main(void)
{
	static const struct unit_case cases[] = {
		UNIT_CASE(state_after_reset),
		UNIT_CASE(init_keeps_the_id_and_drops_requests),
		UNIT_CASE(highest_vector_first),
		UNIT_CASE(a_class_does_not_nest),
		UNIT_CASE(task_priority_holds_back),
		UNIT_CASE(limit_of_the_task_priority),
		UNIT_CASE(a_page_follows_the_registers),
		UNIT_CASE(a_page_is_written),
		UNIT_CASE(a_cpu_delivers_and_ends),
		UNIT_CASE(a_cpu_sends_itself_an_ipi),
		UNIT_CASE(ends_that_exit),
		UNIT_CASE(corrected_machine_checks),
		UNIT_CASE(eoi_is_broadcast_for_levels),
		UNIT_CASE(disabling_masks_all_local_interrupts),
		UNIT_CASE(disabled_globally_it_interrupts_nobody),
		UNIT_CASE(errors_are_shown_after_a_write),
		UNIT_CASE(icr_makes_a_message),
		UNIT_CASE(destinations_of_xapic),
		UNIT_CASE(destinations_of_x2apic),
		UNIT_CASE(modes_follow_each_other),
		UNIT_CASE(x2apic_registers_are_msrs),
		UNIT_CASE(timer_registers),
		UNIT_CASE(registers_survive_a_page),
		UNIT_CASE(a_periodic_timer_survives_its_end),
		UNIT_CASE(a_hostile_page_is_cut_to_size),
		UNIT_CASE(ids_in_a_page),
	};

	return unit_run(cases, ARRAY_SIZE(cases));
}
