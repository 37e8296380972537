/* SPDX-License-Identifier: GPL-2.0-only */
/* A lock of the simulated machine: who waits for it stands in a queue. */
#ifndef SLAT_MODEL_LINUX_SPINLOCK_H
#define SLAT_MODEL_LINUX_SPINLOCK_H

#include <linux/bug.h>

#include "machine.h"

struct unit_spinlock {
	struct machine_lock lock;
	bool held;
};

#define spinlock_t	struct unit_spinlock

/* How many this CPU has: with any, it neither waits, allocates nor frees (I2). */
extern __thread int unit_locks;

#define unit_without_lock()	WARN_ON(unit_locks)

static inline void spin_lock_init(spinlock_t *lock)
{
	*lock = (struct unit_spinlock) { };
}

static inline void spin_lock(spinlock_t *lock)
{
	machine_lock(&lock->lock, true);
	lock->held = true;
	unit_locks++;
}

static inline void spin_unlock(spinlock_t *lock)
{
	unit_locks--;
	lock->held = false;
	machine_unlock(&lock->lock, true);
}

#endif /* SLAT_MODEL_LINUX_SPINLOCK_H */
