// SPDX-License-Identifier: GPL-2.0-only
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/processor.h>
#include <linux/slab.h>

#include "mmu/actor.h"
#include "trace.h"

/**
 * slat_epochs_init() - no actors, the first epoch
 * @epochs: to initialise
 * @stats: where to count
 * @kick: see struct slat_epochs
 */
void slat_epochs_init(struct slat_epochs *epochs, struct slat_stats __percpu *stats,
		      void (*kick)(int cpu))
{
	atomic64_set(&epochs->now, 1);
	atomic64_set(&epochs->done, 1);
	epochs->actors = NULL;
	epochs->kick = kick;
	epochs->stats = stats;
}

/**
 * slat_epochs_destroy() - free the actors, none of which is used any more
 * @epochs: of these
 */
void slat_epochs_destroy(struct slat_epochs *epochs)
{
	struct slat_actor *actor = epochs->actors;

	while (actor) {
		struct slat_actor *next = actor->next;

		kfree(actor);
		actor = next;
	}
}

/**
 * slat_actor_get() - become an actor
 * @epochs: where
 *
 * Process context.
 *
 * Return: the actor, OUTSIDE; NULL without memory.
 */
struct slat_actor *slat_actor_get(struct slat_epochs *epochs)
{
	struct slat_actor *actor;

	for (actor = READ_ONCE(epochs->actors); actor; actor = actor->next)
		if (!READ_ONCE(actor->used) && !cmpxchg(&actor->used, 0, 1))
			return actor;

	actor = kzalloc(sizeof(*actor), GFP_KERNEL_ACCOUNT);
	if (!actor)
		return NULL;
	actor->used = 1;
	actor->next = READ_ONCE(epochs->actors);
	/* Full barrier: from its first word on, every scan sees the actor. */
	while (!try_cmpxchg(&epochs->actors, &actor->next, actor))
		;
	return actor;
}

/**
 * slat_actor_put() - stop being one
 * @actor: whose
 *
 * It is OUTSIDE, and stays so.
 */
void slat_actor_put(struct slat_actor *actor)
{
	/* What it was used for is over: pairs with the cmpxchg of who takes it. */
	smp_store_release(&actor->used, 0);
}

static u64 actor_word(const struct slat_actor *actor)
{
	return atomic64_read_acquire(&actor->word);
}

/* Whether an actor with this word may use what was removed before the epoch. */
static bool word_holds(u64 word, u64 epoch)
{
	switch (word & SLAT_WORD_WHERE) {
	case SLAT_INSIDE:
		return word >> SLAT_WORD_SHIFT < epoch;
	case SLAT_HOST:
		return true;
	default:
		return false;
	}
}

/*
 * One IPI for each word: an actor that is INSIDE again at an old epoch reads
 * the new one after its barrier, and never gets into the guest with that word.
 * Where the cmpxchg fails, somebody else sends one from here on.
 */
static void actor_kick(struct slat_epochs *epochs, struct slat_actor *actor, u64 word)
{
	s64 kicked = atomic64_read(&actor->kicked);
	int cpu;

	if (kicked == (s64)word || !atomic64_try_cmpxchg(&actor->kicked, &kicked, word)) {
		slat_stat_inc(epochs->stats, SLAT_STAT_IPIS_SAVED);
		return;
	}
	slat_stat_inc(epochs->stats, SLAT_STAT_IPIS_SENT);
	cpu = READ_ONCE(actor->cpu);
	trace_slat_kick(epochs, cpu, word >> SLAT_WORD_SHIFT);
	epochs->kick(cpu);
}

/* Returns whether nobody holds anything from before the epoch. */
static bool epochs_scan(struct slat_epochs *epochs, u64 epoch)
{
	struct slat_actor *actor;
	bool free = true;

	for (actor = READ_ONCE(epochs->actors); actor; actor = actor->next) {
		u64 word = actor_word(actor);

		if (!word_holds(word, epoch))
			continue;
		free = false;
		if ((word & SLAT_WORD_WHERE) == SLAT_INSIDE)
			actor_kick(epochs, actor, word);
	}
	return free;
}

static void actor_wait_while(const struct slat_actor *actor, u64 word)
{
	while (actor_word(actor) == word)
		cpu_relax();
}

static void epochs_set_done(struct slat_epochs *epochs, u64 epoch)
{
	s64 done = atomic64_read(&epochs->done);

	while (done < (s64)epoch && !atomic64_try_cmpxchg(&epochs->done, &done, epoch))
		;
}

/**
 * slat_epochs_pass() - wait until what the caller published is seen
 * @epochs: whose actors
 *
 * Process context, interrupts on, the caller's own actor OUTSIDE.  A full
 * barrier, then a wait for each HOST section that was open then; later ones,
 * and every entry to the guest, see what was published.
 */
void slat_epochs_pass(struct slat_epochs *epochs)
{
	struct slat_actor *actor;

	smp_mb();	/* pairs with slat_actor_host_begin() */
	for (actor = READ_ONCE(epochs->actors); actor; actor = actor->next) {
		u64 word = actor_word(actor);

		if ((word & SLAT_WORD_WHERE) == SLAT_HOST)
			actor_wait_while(actor, word);
	}
}

/**
 * slat_epochs_poll() - whether an epoch is over; if not, hasten its end
 * @epochs: of these
 * @epoch: not later than now
 *
 * Any context.  Sends an IPI to each CPU that is in the guest at an older
 * epoch, and returns.
 */
bool slat_epochs_poll(struct slat_epochs *epochs, u64 epoch)
{
	u64 now;

	if (slat_epochs_done(epochs, epoch))
		return true;
	now = slat_epochs_now(epochs);
	smp_mb();	/* pairs with slat_actor_enter() and slat_actor_host_begin() */
	if (!epochs_scan(epochs, now))
		return false;
	epochs_set_done(epochs, now);
	return true;
}

/**
 * slat_epochs_wait() - return when an epoch is over
 * @epochs: of these
 * @epoch: not later than now
 *
 * Process context, interrupts on, no lock that an actor INSIDE or in HOST may
 * take, the caller's own actor OUTSIDE.  The wait is bounded: nobody it waits
 * for can be preempted.
 */
void slat_epochs_wait(struct slat_epochs *epochs, u64 epoch)
{
	struct slat_actor *actor;
	u64 now;

	if (slat_epochs_done(epochs, epoch))
		return;
	now = slat_epochs_now(epochs);
	smp_mb();	/* pairs with slat_actor_enter() and slat_actor_host_begin() */

	/* All exits first, so that they overlap. */
	if (!epochs_scan(epochs, now)) {
		slat_stat_inc(epochs->stats, SLAT_STAT_WAITS);
		for (actor = READ_ONCE(epochs->actors); actor; actor = actor->next) {
			u64 word = actor_word(actor);

			if (word_holds(word, now))
				actor_wait_while(actor, word);
		}
	}
	epochs_set_done(epochs, now);
}
