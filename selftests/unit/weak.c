// SPDX-License-Identifier: GPL-2.0-only
#include <stddef.h>
#include <stdlib.h>
#include <ucontext.h>

#include <linux/spinlock.h>

#include "weak.h"

#define LOCATIONS	128
#define STORES		256
#define THREADS		3
#define STACK		(128 * 1024)
#define STEPS		100000		/* after which nobody will end any more */

/* For each location, the first store that may still be read. */
struct view {
	int from[LOCATIONS];
};

struct store {
	uint64_t value;
	struct view known;		/* to who reads it by an acquire */
};

static struct location {
	const volatile void *where;
	int count;
	struct store stores[STORES];
} locations[LOCATIONS];

static int location_count;

static struct thread {
	ucontext_t context;
	void (*run)(void);
	bool done;
	int locks;
	struct view knows;
	struct view read;	/* known after the next full barrier */
	struct view fenced;	/* known at the last one */
	char stack[STACK];
} threads[THREADS];

static struct thread *self;	/* NULL: nobody else runs */
static struct view barriers;	/* known at any full barrier so far */
static struct view graces;	/* known before a grace period that is over */
static struct view sections;	/* known at the end of any RCU section so far */
static int readers;		/* that are in one */
static ucontext_t home;
static uint64_t random_state;

static unsigned int pick(unsigned int n)
{
	random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (random_state >> 33) % n;
}

static void join(struct view *view, const struct view *other)
{
	for (int i = 0; i < location_count; i++)
		if (view->from[i] < other->from[i])
			view->from[i] = other->from[i];
}

/** unit_weak_yield() - others may go on */
void unit_weak_yield(void)
{
	if (self) {
		self->locks = unit_locks;
		swapcontext(&self->context, &home);
		unit_locks = self->locks;
	}
}

static uint64_t memory(const volatile void *where, size_t size)
{
	uint64_t value = 0;

	memcpy(&value, (const void *)where, size);
	return value;
}

static struct location *find(const volatile void *where, size_t size)
{
	struct location *location;

	for (int i = 0; i < location_count; i++)
		if (locations[i].where == where)
			return &locations[i];
	if (location_count == LOCATIONS)
		abort();
	location = &locations[location_count++];
	location->where = where;
	location->count = 1;
	location->stores[0] = (struct store) { .value = memory(where, size) };
	return location;
}

static uint64_t read_store(struct location *location, int index, bool acquire)
{
	int at = location - locations;

	self->knows.from[at] = index;
	if (acquire)
		join(&self->knows, &location->stores[index].known);
	join(&self->read, &location->stores[index].known);
	return location->stores[index].value;
}

/** unit_weak_load() - any value that may still be read */
uint64_t unit_weak_load(const volatile void *where, size_t size, bool acquire)
{
	struct location *location;
	int from;

	if (!self)
		return memory(where, size);
	unit_weak_yield();
	location = find(where, size);
	from = self->knows.from[location - locations];
	return read_store(location, from + pick(location->count - from), acquire);
}

/** unit_weak_latest() - what an atomic change finds */
uint64_t unit_weak_latest(const volatile void *where, size_t size)
{
	struct location *location;

	if (!self)
		return memory(where, size);
	location = find(where, size);
	return read_store(location, location->count - 1, true);
}

static void add_store(struct location *location, uint64_t value, bool release)
{
	struct store *store = &location->stores[location->count];
	int at = location - locations;

	if (location->count == STORES)
		abort();
	self->knows.from[at] = location->count++;
	store->value = value;
	store->known = release ? self->knows : self->fenced;
	store->known.from[at] = self->knows.from[at];
}

/** unit_weak_store() - one more value */
void unit_weak_store(volatile void *where, size_t size, uint64_t value, bool release)
{
	if (self)
		add_store(find(where, size), value, release);
	memcpy((void *)where, &value, size);
	unit_weak_yield();
}

/* What an atomic change that orders nothing finds. */
static unsigned long found(unsigned long *where)
{
	struct location *location;

	if (!self)
		return *where;
	location = find(where, sizeof(*where));
	return read_store(location, location->count - 1, false);
}

/** unit_weak_clear() - zero for each value that anybody has looked at */
void unit_weak_clear(void *where, size_t size)
{
	memset(where, 0, size);
	for (int i = 0; self && i < location_count; i++)
		if ((uintptr_t)locations[i].where - (uintptr_t)where < size)
			add_store(&locations[i], 0, false);
}

/** unit_weak_or() - an atomic change that orders nothing */
void unit_weak_or(unsigned long *where, unsigned long bits)
{
	unit_weak_store(where, sizeof(*where), found(where) | bits, false);
}

/** unit_weak_and() - another one */
void unit_weak_and(unsigned long *where, unsigned long bits)
{
	unit_weak_store(where, sizeof(*where), found(where) & bits, false);
}

/** unit_weak_mb() - a full barrier */
void unit_weak_mb(void)
{
	if (!self)
		return;
	unit_weak_yield();
	join(&self->knows, &self->read);
	join(&self->knows, &barriers);
	barriers = self->knows;
	self->fenced = self->knows;
}

/** unit_weak_rmb() - what has been read so far is known to later loads */
void unit_weak_rmb(void)
{
	if (self)
		join(&self->knows, &self->read);
}

/** unit_weak_rcu_read_lock() - sees what any earlier grace period has waited with */
void unit_weak_rcu_read_lock(void)
{
	readers++;
	if (self)
		join(&self->knows, &graces);
}

/** unit_weak_rcu_read_unlock() - no grace period waits for this thread any more */
void unit_weak_rcu_read_unlock(void)
{
	if (self)
		join(&sections, &self->knows);
	readers--;
}

/** unit_weak_synchronize_rcu() - a grace period */
void unit_weak_synchronize_rcu(void)
{
	if (!self)
		return;
	unit_weak_mb();
	while (readers)
		unit_weak_yield();
	join(&self->knows, &sections);
	join(&graces, &self->knows);
}

static void thread_main(void)
{
	self->run();
	self->done = true;
	swapcontext(&self->context, &home);
}

/**
 * unit_weak_run() - run threads to their ends, in one of their orders
 * @run: what they do
 * @count: how many
 * @seed: which order
 */
void unit_weak_run(void (*const *run)(void), int count, unsigned int seed)
{
	static int left, steps;		/* of which nothing is in a register */
	static struct thread *thread;

	left = count;
	steps = 0;
	random_state = seed * 2654435761u + 1;
	location_count = 0;
	barriers = (struct view) { 0 };
	graces = (struct view) { 0 };
	sections = (struct view) { 0 };
	for (int i = 0; i < count; i++) {
		thread = &threads[i];
		memset(thread, 0, offsetof(struct thread, stack));
		thread->run = run[i];
		getcontext(&thread->context);
		thread->context.uc_stack.ss_sp = thread->stack;
		thread->context.uc_stack.ss_size = STACK;
		makecontext(&thread->context, thread_main, 0);
	}
	while (left) {
		/* Some orders change places all the time, others hardly ever. */
		if (!pick(1 << seed % 4 * 2))
			thread = &threads[pick(count)];
		if (thread->done) {
			thread = &threads[pick(count)];
			continue;
		}
		if (steps++ > STEPS)
			abort();
		self = thread;
		swapcontext(&home, &thread->context);
		self = NULL;
		unit_locks = 0;
		left -= thread->done;
	}
}
