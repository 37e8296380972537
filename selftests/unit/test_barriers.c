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

#define LOOKS	60	/* how often a mutator looks for who must be gone */

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

	for (i = 0; i < 8; i++) {
		at = at * 1664525 + 1013904223;
		WRITE_ONCE(far[at % sizeof(far)], i);
	}
}

static void linger(void)
{
	int i;

	for (i = 0; i < LOOKS; i++)
		barrier();
}

/* What the actor in the guest, or in a section, has not seen; 0: nothing. */
static u64 stale;
static u64 published;

static void *inside(void *unused)
{
	struct slat_actor *actor = slat_actor_get(&ptab.epochs);
	u64 root;

	while (!READ_ONCE(stop)) {
		clog_store_buffer();
		if (slat_ptab_enter(&ptab, actor, flush, &root)) {
			WRITE_ONCE(stale, ptab.root->seen[0]);
			linger();
			WRITE_ONCE(stale, 0);
			slat_actor_leave(actor);
		}
	}
	slat_actor_put(actor);
	return NULL;
}

static void *in_host(void *unused)
{
	struct slat_actor *actor = slat_actor_get(&ptab.epochs);

	while (!READ_ONCE(stop)) {
		clog_store_buffer();
		slat_actor_host_begin(actor);
		WRITE_ONCE(stale, READ_ONCE(published));
		linger();
		WRITE_ONCE(stale, 0);
		slat_actor_host_end(actor);
	}
	slat_actor_put(actor);
	return NULL;
}

/* Nobody may be seen now who has not seen what was published before. */
static int seen_stale(u64 than)
{
	int i, count = 0;

	for (i = 0; i < LOOKS; i++) {
		u64 seen = READ_ONCE(stale);

		count += seen && seen < than;
	}
	return count;
}

static void against(void *(*actor)(void *), int (*mutate)(int round))
{
	int i, violations = 0;
	pthread_t thread;

	stop = 0;
	published = 1;
	CHECK_EQ(0, slat_ptab_init(&ptab, &format, kick));
	CHECK_EQ(0, slat_ptab_get_root(&ptab));
	pthread_create(&thread, NULL, actor, NULL);
	for (i = 0; i < rounds; i++)
		violations += mutate(i);
	WRITE_ONCE(stop, 1);
	pthread_join(thread, NULL);
	CHECK_EQ(0, violations);
	slat_ptab_destroy(&ptab);
}

static int bump_and_poll(int round)
{
	u64 epoch = slat_epochs_bump(&ptab.epochs);

	return slat_epochs_poll(&ptab.epochs, epoch) ? seen_stale(epoch) : 0;
}

static int publish_and_pass(int round)
{
	WRITE_ONCE(published, round + 2);
	slat_epochs_pass(&ptab.epochs);
	return seen_stale(round + 2);
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
