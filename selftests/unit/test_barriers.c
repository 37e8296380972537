// SPDX-License-Identifier: GPL-2.0-only
/*
 * The engine's full barriers, on real cores with real orders: an actor stores
 * where it is and then reads what was published, a mutator publishes and then
 * reads where actors are.  Without a full barrier between each store and load
 * both may read the old value.
 *
 * It takes two cores to fail.
 */
#include <pthread.h>
#include <stdlib.h>

#include <linux/processor.h>

#include "ptab_host.h"
#include "unit.h"

#define STAY	2000	/* how long an actor stays, in turns of an empty loop */

static int rounds = 300000;
static struct slat_ptab ptab;
static int stop;

static void kick(int cpu)
{
}

static void flush(u64 root)
{
}

/*
 * Stores that miss every cache, and hold up those after them: time for loads to
 * overtake.
 */
static void clog_store_buffer(void)
{
	static char far[1 << 26];
	static unsigned int at;
	int i;

	for (i = 0; i < 16; i++) {
		at = at * 1664525 + 1013904223;
		WRITE_ONCE(far[at % sizeof(far)], i);
	}
}

static void stay(void)
{
	int i;

	for (i = 0; i < STAY; i++)
		barrier();
}

/* What a mutator has published, and what it believes all actors to have seen. */
static u64 published;
static u64 passed;

static unsigned int violations;

/* In the guest, where nobody may declare a later epoch over. */
static void *inside(void *unused)
{
	struct slat_actor *actor = slat_actor_get(&ptab.epochs);
	u64 root, seen;
	int i;

	for (i = 0; i < rounds; i++) {
		clog_store_buffer();
		if (!slat_ptab_enter(&ptab, actor, flush, &root))
			continue;
		seen = ptab.root->seen[0];
		stay();
		violations += slat_epochs_done(&ptab.epochs, seen + 1);
		slat_actor_leave(actor);
	}
	slat_actor_put(actor);
	WRITE_ONCE(stop, 1);
	return NULL;
}

/* In a section, which nobody may believe to have seen more than it has. */
static void *in_host(void *unused)
{
	struct slat_actor *actor = slat_actor_get(&ptab.epochs);
	u64 seen;
	int i;

	for (i = 0; i < rounds; i++) {
		clog_store_buffer();
		slat_actor_host_begin(actor);
		seen = READ_ONCE(published);
		stay();
		violations += READ_ONCE(passed) > seen;
		slat_actor_host_end(actor);
	}
	slat_actor_put(actor);
	WRITE_ONCE(stop, 1);
	return NULL;
}

static void against(void *(*actor)(void *), void (*mutate)(int round))
{
	int i;
	pthread_t thread;

	stop = 0;
	violations = 0;
	published = 1;
	passed = 1;
	CHECK_EQ(0, slat_ptab_init(&ptab, &format, kick));
	CHECK_EQ(0, slat_ptab_get_root(&ptab));
	pthread_create(&thread, NULL, actor, NULL);
	for (i = 0; !READ_ONCE(stop); i++)
		mutate(i);
	pthread_join(thread, NULL);
	CHECK_EQ(0, violations);
	slat_ptab_destroy(&ptab);
}

static void bump_and_poll(int round)
{
	u64 epoch = slat_epochs_bump(&ptab.epochs);

	while (!slat_epochs_poll(&ptab.epochs, epoch))
		;
}

static void publish_and_pass(int round)
{
	WRITE_ONCE(published, round + 2);
	slat_epochs_pass(&ptab.epochs);
	WRITE_ONCE(passed, round + 2);
}

static void entry_against_epoch(void)
{
	against(inside, bump_and_poll);
}

static void section_against_pass(void)
{
	against(in_host, publish_and_pass);
}

int main(int argc, char **argv)
{
	static const struct unit_case cases[] = {
		UNIT_CASE(entry_against_epoch),
		UNIT_CASE(section_against_pass),
	};

	if (argc > 1)
		rounds = atoi(argv[1]);
	return unit_run(cases, ARRAY_SIZE(cases));
}
