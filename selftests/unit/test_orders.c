// SPDX-License-Identifier: GPL-2.0-only
/*
 * The protocols of Documentation/locking.rst on memory that is as weak as the
 * kernel's model allows: each full barrier, acquire or release that the engine
 * orders single accesses by makes one of these fail when it is taken out.
 */
#include "ptab_host.h"
#include "unit.h"

#define ORDERS	20000

static struct slat_ptab ptab;
static struct slat_actor *actor;
static unsigned int violations;

/* What mutators change, and what they believe nobody to use any more. */
static u64 page, published, leaf;
static u64 gone;
static bool root_is_gone;
static bool inside;
static int inside_cpu;
static u64 inside_word;

static void flush(u64 root)
{
}

static void kick(int cpu)
{
	/* Where the actor is, unless it has left. */
	violations += inside && actor->word.counter == inside_word &&
		      actor->kicked.counter == inside_word && cpu != inside_cpu;
}

static void explore(void (*first)(void), void (*second)(void), void (*third)(void))
{
	void (*const threads[])(void) = { first, second, third };

	violations = 0;
	for (unsigned int seed = 0; seed < ORDERS && !violations; seed++) {
		page = 0;
		published = 1;
		leaf = 0;
		gone = 0;
		root_is_gone = false;
		inside = false;
		CHECK_EQ(0, slat_ptab_init(&ptab, &format, kick));
		CHECK_EQ(0, slat_ptab_get_root(&ptab));
		actor = slat_actor_get(&ptab.epochs);
		unit_weak_run(threads, third ? 3 : 2, seed);
		slat_ptab_destroy(&ptab);
	}
	CHECK_EQ(0, violations);
}

/* Enters twice, on one CPU after the other, and uses what it may. */
static void guest(void)
{
	u64 root, seen;

	for (int stay = 1; stay <= 2; stay++) {
		unit_cpu = stay;
		inside_cpu = stay;
		if (!slat_ptab_enter(&ptab, actor, flush, &root))
			continue;
		inside = true;
		inside_word = actor->word.counter;
		seen = READ_ONCE(published);
		unit_weak_yield();
		violations += gone > seen || root_is_gone;
		WRITE_ONCE(page, stay);
		violations += gone > seen || root_is_gone;
		inside = false;
		slat_actor_leave(actor);
	}
}

static void publish(u64 value)
{
	struct slat_batch batch;

	slat_batch_begin(&batch, &ptab);
	WRITE_ONCE(published, value);
	batch.narrowed = true;
	slat_batch_seal(&batch);
	slat_batch_commit(&batch);
	gone = value;
}

static void publish_and_wait(void)
{
	publish(2);
}

static void publish_twice(void)
{
	publish(2);
	publish(3);
}

static void publish_and_drop(void)
{
	struct slat_batch batch;

	publish(2);
	slat_batch_begin(&batch, &ptab);
	slat_ptab_drop_root(&batch);
	slat_batch_seal(&batch);
	slat_batch_commit(&batch);
	root_is_gone = true;
}

static void publish_and_poll(void)
{
	u64 epoch;

	WRITE_ONCE(published, 2);
	epoch = slat_epochs_bump(&ptab.epochs);
	while (!slat_epochs_poll(&ptab.epochs, epoch))
		unit_weak_yield();
	gone = 2;
}

/* A1, A2: who enters sees what was published, or is waited for. */
static void entry_against_epoch(void)
{
	explore(guest, publish_and_wait, NULL);
	explore(guest, publish_and_poll, NULL);
}

/* It learns of the first while it enters, and is waited for by the second. */
static void entry_against_two_epochs(void)
{
	explore(guest, publish_twice, NULL);
	explore(guest, publish_and_drop, NULL);
}

/* M3, M4: somebody else has removed it, and may not have waited yet. */
static bool wait_for_another(void)
{
	struct slat_batch batch;
	u64 seen;

	slat_batch_begin(&batch, &ptab);
	seen = READ_ONCE(published);
	slat_batch_seal(&batch);
	slat_batch_commit(&batch);
	return seen == 2;
}

static void find_and_wait(void)
{
	if (wait_for_another())
		gone = 2;
}

static void entry_against_anothers_epoch(void)
{
	explore(guest, publish_and_wait, find_and_wait);
}

/* What was written in the guest is there once nobody is inside. */
static void guest_once(void)
{
	u64 root;

	unit_cpu = 1;
	inside_cpu = 1;
	if (!slat_ptab_enter(&ptab, actor, flush, &root))
		return;
	if (READ_ONCE(published) == 1)
		WRITE_ONCE(page, 1);
	slat_actor_leave(actor);
}

static void wait_and_read(void)
{
	publish_and_wait();
	violations += READ_ONCE(page) != page;
}

static void find_and_read(void)
{
	if (wait_for_another())
		violations += READ_ONCE(page) != page;
}

static void exit_against_wait(void)
{
	explore(guest_once, wait_and_read, NULL);
	explore(guest_once, wait_and_read, find_and_read);
}

/* F1: a section sees what was published, or is passed. */
static void section(void)
{
	for (int i = 0; i < 2; i++) {
		u64 seen;

		slat_actor_host_begin(actor);
		seen = READ_ONCE(published);
		unit_weak_yield();
		if (seen == 1)
			WRITE_ONCE(leaf, i + 1);
		violations += gone > seen;
		slat_actor_host_end(actor);
	}
}

static void publish_and_pass(void)
{
	WRITE_ONCE(published, 2);
	slat_epochs_pass(&ptab.epochs);
	gone = 2;
	violations += READ_ONCE(leaf) != leaf;
}

static void section_against_pass(void)
{
	explore(section, publish_and_pass, NULL);
}

/* A new actor is seen by every scan from its first word on. */
static void new_guest(void)
{
	struct slat_actor *mine = slat_actor_get(&ptab.epochs);
	u64 root, seen;

	unit_cpu = 3;
	if (!slat_ptab_enter(&ptab, mine, flush, &root))
		return;
	seen = READ_ONCE(published);
	unit_weak_yield();
	violations += gone > seen;
	slat_actor_leave(mine);
}

static void new_actor_against_epoch(void)
{
	explore(new_guest, publish_and_wait, NULL);
}

/* What one was used for is over when another takes it. */
static void last_user(void)
{
	WRITE_ONCE(page, 1);
	slat_actor_put(actor);
}

static void next_user(void)
{
	struct slat_actor *mine = slat_actor_get(&ptab.epochs);

	violations += mine == actor && READ_ONCE(page) != 1;
}

static void actor_against_its_next_user(void)
{
	explore(last_user, next_user, NULL);
}

int main(void)
{
	static const struct unit_case cases[] = {
		UNIT_CASE(entry_against_epoch),
		UNIT_CASE(entry_against_two_epochs),
		UNIT_CASE(entry_against_anothers_epoch),
		UNIT_CASE(exit_against_wait),
		UNIT_CASE(section_against_pass),
		UNIT_CASE(new_actor_against_epoch),
		UNIT_CASE(actor_against_its_next_user),
	};

	return unit_run(cases, ARRAY_SIZE(cases));
}
