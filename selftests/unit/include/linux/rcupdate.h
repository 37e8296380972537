/* SPDX-License-Identifier: GPL-2.0-only */
/* Readers hold a lock for reading; a grace period is having it for writing. */
#ifndef SLAT_UNIT_LINUX_RCUPDATE_H
#define SLAT_UNIT_LINUX_RCUPDATE_H

#include <linux/compiler.h>
#include <linux/spinlock.h>

#include <pthread.h>

extern pthread_rwlock_t unit_rcu;

struct rcu_head {
	int unused;
};

#define __rcu
#define rcu_dereference(ptr)			READ_ONCE(ptr)
#define rcu_dereference_protected(ptr, why)	((void)(why), ptr)
#define rcu_assign_pointer(ptr, value)		smp_store_release(&(ptr), value)
#define kvfree_rcu(ptr, rcu)			(synchronize_rcu(), kvfree(ptr))

#ifdef UNIT_WEAK_ORDER
#include "weak.h"

#define rcu_read_lock()		unit_weak_rcu_read_lock()
#define rcu_read_unlock()	unit_weak_rcu_read_unlock()
#define synchronize_rcu()	unit_weak_synchronize_rcu()
#else
#define rcu_read_lock()		pthread_rwlock_rdlock(&unit_rcu)
#define rcu_read_unlock()	pthread_rwlock_unlock(&unit_rcu)

static inline void synchronize_rcu(void)
{
	pthread_rwlock_wrlock(&unit_rcu);
	pthread_rwlock_unlock(&unit_rcu);
}
#endif

static inline void call_rcu(struct rcu_head *rcu, void (*fn)(struct rcu_head *rcu))
{
	unit_without_lock();
	synchronize_rcu();
	fn(rcu);
}

#endif /* SLAT_UNIT_LINUX_RCUPDATE_H */
