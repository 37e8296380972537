/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLAT_UNIT_LINUX_MUTEX_H
#define SLAT_UNIT_LINUX_MUTEX_H

#include <linux/spinlock.h>

/* With one of these, a thread may wait, allocate and free. */
struct mutex {
	union {
		/* What it is. */
		spinlock_t lock;
		struct {
			pthread_mutex_t mutex;
			bool held;
		};
	};
};

#define mutex_init(what)	spin_lock_init(&(what)->lock)
#define mutex_lock(what)	(spin_lock(&(what)->lock), (void)unit_locks--)
#define mutex_unlock(what)	((void)unit_locks++, spin_unlock(&(what)->lock))

#endif /* SLAT_UNIT_LINUX_MUTEX_H */
