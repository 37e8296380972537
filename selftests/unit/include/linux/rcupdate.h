/* SPDX-License-Identifier: GPL-2.0-only */
/* Readers hold a lock for reading; a grace period is having it for writing. */
#ifndef SLAT_UNIT_LINUX_RCUPDATE_H
#define SLAT_UNIT_LINUX_RCUPDATE_H

#include <linux/spinlock.h>

#include <pthread.h>

extern pthread_rwlock_t unit_rcu;

struct rcu_head {
	int unused;
};

#define rcu_read_lock()		pthread_rwlock_rdlock(&unit_rcu)
#define rcu_read_unlock()	pthread_rwlock_unlock(&unit_rcu)

static inline void call_rcu(struct rcu_head *rcu, void (*fn)(struct rcu_head *rcu))
{
	unit_without_lock();
	pthread_rwlock_wrlock(&unit_rcu);
	pthread_rwlock_unlock(&unit_rcu);
	fn(rcu);
}

#endif /* SLAT_UNIT_LINUX_RCUPDATE_H */
