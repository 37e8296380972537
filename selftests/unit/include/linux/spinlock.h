/* SPDX-License-Identifier: GPL-2.0-only */
/* A mutex, which ThreadSanitizer knows; between coroutines, a flag. */
#ifndef SLAT_UNIT_LINUX_SPINLOCK_H
#define SLAT_UNIT_LINUX_SPINLOCK_H

#include <linux/bug.h>

#include <pthread.h>
#include <stdbool.h>

struct unit_spinlock {
	pthread_mutex_t mutex;
	bool held;		/* the mutex */
};

#define spinlock_t	struct unit_spinlock

/* How many this thread has: with any, it neither waits, allocates nor frees (I2). */
extern __thread int unit_locks;

#define unit_without_lock()	WARN_ON(unit_locks)

static inline void spin_lock_init(spinlock_t *lock)
{
	pthread_mutex_init(&lock->mutex, NULL);
	lock->held = false;
}

#ifdef UNIT_WEAK_ORDER
#include "weak.h"

static inline void spin_lock(spinlock_t *lock)
{
	do {
		unit_weak_yield();
	} while (lock->held);
	unit_weak_latest(&lock->held, sizeof(lock->held));
	lock->held = true;
	unit_locks++;
}

static inline void spin_unlock(spinlock_t *lock)
{
	unit_locks--;
	unit_weak_store(&lock->held, sizeof(lock->held), false, true);
}
#else
static inline void spin_lock(spinlock_t *lock)
{
	pthread_mutex_lock(&lock->mutex);
	lock->held = true;
	unit_locks++;
}

static inline void spin_unlock(spinlock_t *lock)
{
	unit_locks--;
	lock->held = false;
	pthread_mutex_unlock(&lock->mutex);
}
#endif

#endif /* SLAT_UNIT_LINUX_SPINLOCK_H */
