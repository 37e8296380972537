/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Actors and epochs: who may hold a translation, and until when.
 *
 * An actor is a vCPU, or one call that walks the tables on its own.  It says in
 * one word where it is:
 *
 *	OUTSIDE		it holds no translation
 *	INSIDE|epoch	in the guest, with a TLB that knows all that was removed
 *			up to that epoch; interrupts off
 *	HOST|section	in kernel code that relies on a translation: it walks,
 *			checks and installs; preemption and page faults off
 *
 * Whoever removes or narrows translations bumps the epoch, and knows that
 * nobody uses them any more when the epoch is done: when each actor has since
 * been seen OUTSIDE, or INSIDE at that epoch, or to leave the HOST section it
 * was in.
 */
#ifndef SLAT_MMU_ACTOR_H
#define SLAT_MMU_ACTOR_H

#include <linux/atomic.h>
#include <linux/preempt.h>
#include <linux/smp.h>
#include <linux/types.h>
#include <linux/uaccess.h>

#include "mmu/stats.h"

#define SLAT_OUTSIDE		0ULL
#define SLAT_INSIDE		1ULL
#define SLAT_HOST		2ULL
#define SLAT_WORD_WHERE		3ULL
#define SLAT_WORD_SHIFT		2

/**
 * struct slat_actor - one who may hold a translation
 * @word: where it is; written by the actor alone
 * @kicked: the last INSIDE word that somebody sent an IPI for; any mutator,
 *	cmpxchg
 * @cpu: where it runs; stored before the INSIDE word, read after it
 * @sections: HOST sections so far; the actor's own
 * @used: somebody has it; cmpxchg
 * @next: in slat_epochs.actors; constant
 *
 * Never freed before the epochs it belongs to, so that a scan needs no lock.
 */
struct slat_actor {
	atomic64_t word;
	atomic64_t kicked;
	int cpu;
	u64 sections;
	int used;
	struct slat_actor *next;
};

/**
 * struct slat_epochs - a set of actors, and the time they go by
 * @now: the epoch; from 1 upwards, bumped by whoever removes translations
 * @done: the highest epoch known to be over; only grows
 * @actors: all of them, newest first; a push-only list.  A push is a full barrier,
 *	after which the pointer orders what it leads to
 * @kick: make a CPU leave the guest, an IPI that returns at once
 * @stats: counters
 */
struct slat_epochs {
	atomic64_t now;
	atomic64_t done;
	struct slat_actor *actors;
	void (*kick)(int cpu);
	struct slat_stats __percpu *stats;
};

void slat_epochs_init(struct slat_epochs *epochs, struct slat_stats __percpu *stats,
		      void (*kick)(int cpu));
void slat_epochs_destroy(struct slat_epochs *epochs);
struct slat_actor *slat_actor_get(struct slat_epochs *epochs);
void slat_actor_put(struct slat_actor *actor);
void slat_epochs_pass(struct slat_epochs *epochs);
void slat_epochs_wait(struct slat_epochs *epochs, u64 epoch);
bool slat_epochs_poll(struct slat_epochs *epochs, u64 epoch);

/**
 * slat_epochs_now() - the epoch
 * @epochs: of these
 *
 * Any context.  Orders what follows after what was removed before its bump.
 */
static inline u64 slat_epochs_now(const struct slat_epochs *epochs)
{
	return atomic64_read_acquire(&epochs->now);
}

/**
 * slat_epochs_bump() - begin an epoch
 * @epochs: of these
 *
 * A full barrier: pairs with the one in slat_actor_enter() and
 * slat_actor_host_begin().
 *
 * Return: the new epoch.
 */
static inline u64 slat_epochs_bump(struct slat_epochs *epochs)
{
	return atomic64_inc_return(&epochs->now);
}

/** slat_epochs_done() - whether an epoch is known to be over */
static inline bool slat_epochs_done(const struct slat_epochs *epochs, u64 epoch)
{
	return atomic64_read_acquire(&epochs->done) >= (s64)epoch;
}

/**
 * slat_actor_enter() - OUTSIDE to INSIDE, or INSIDE at a later epoch
 * @actor: this thread's
 * @epoch: the epoch, read before
 *
 * Interrupts off.  A full barrier, so that either the next scan sees the word,
 * or this CPU sees what was published before that scan: read the epoch again,
 * and anything else a mutator may have changed, after this.  Who waits for an
 * earlier word goes on at this one, and relies on that.
 */
static inline void slat_actor_enter(struct slat_actor *actor, u64 epoch)
{
	WRITE_ONCE(actor->cpu, smp_processor_id());
	atomic64_xchg(&actor->word, SLAT_INSIDE | epoch << SLAT_WORD_SHIFT);
}

/** slat_actor_leave() - INSIDE to OUTSIDE, interrupts still off */
static inline void slat_actor_leave(struct slat_actor *actor)
{
	atomic64_set_release(&actor->word, SLAT_OUTSIDE);
}

/**
 * slat_actor_host_begin() - OUTSIDE to HOST
 * @actor: this thread's
 *
 * Until slat_actor_host_end() the caller must not sleep, allocate, fault or
 * wait: mutators wait for it.  A full barrier, as in slat_actor_enter().
 */
static inline void slat_actor_host_begin(struct slat_actor *actor)
{
	preempt_disable();
	pagefault_disable();
	atomic64_xchg(&actor->word, SLAT_HOST | ++actor->sections << SLAT_WORD_SHIFT);
}

/** slat_actor_host_end() - HOST to OUTSIDE */
static inline void slat_actor_host_end(struct slat_actor *actor)
{
	atomic64_set_release(&actor->word, SLAT_OUTSIDE);
	pagefault_enable();
	preempt_enable();
}

#endif /* SLAT_MMU_ACTOR_H */
