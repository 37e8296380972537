/* SPDX-License-Identifier: GPL-2.0-only */
/* A mutex, which ThreadSanitizer knows. */
#ifndef SLAT_UNIT_LINUX_SPINLOCK_H
#define SLAT_UNIT_LINUX_SPINLOCK_H

#include <pthread.h>
#include <stdbool.h>

struct unit_spinlock {
	pthread_mutex_t mutex;
	bool held;		/* the mutex */
};

#define spinlock_t	struct unit_spinlock

static inline void spin_lock_init(spinlock_t *lock)
{
	pthread_mutex_init(&lock->mutex, NULL);
	lock->held = false;
}

static inline void spin_lock(spinlock_t *lock)
{
	pthread_mutex_lock(&lock->mutex);
	lock->held = true;
}

static inline void spin_unlock(spinlock_t *lock)
{
	lock->held = false;
	pthread_mutex_unlock(&lock->mutex);
}

#endif /* SLAT_UNIT_LINUX_SPINLOCK_H */
