/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLAT_UNIT_LINUX_MUTEX_H
#define SLAT_UNIT_LINUX_MUTEX_H

#include <linux/spinlock.h>

/* With one of these, a thread may wait, allocate and free. */
struct mutex {
	spinlock_t lock;
};

#define mutex_init(mutex)	spin_lock_init(&(mutex)->lock)
#define mutex_lock(mutex)	(spin_lock(&(mutex)->lock), (void)unit_locks--)
#define mutex_unlock(mutex)	((void)unit_locks++, spin_unlock(&(mutex)->lock))

#endif /* SLAT_UNIT_LINUX_MUTEX_H */
