/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory as weak as the kernel's model lets it be, but for loads that see the
 * future: every store of a location is kept, and a load returns any that the
 * thread is not known to have seen a later one of.  What a thread knows is passed
 * on by a release that an acquire reads, by full barriers and by grace periods.
 *
 * Threads are coroutines that may change places at every access; a seed decides.
 */
#ifndef SLAT_UNIT_WEAK_H
#define SLAT_UNIT_WEAK_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

void unit_weak_run(void (*const *threads)(void), int count, unsigned int seed);
void unit_weak_yield(void);
void unit_weak_clear(void *where, size_t size);
void unit_weak_mb(void);
void unit_weak_rmb(void);
void unit_weak_rcu_read_lock(void);
void unit_weak_rcu_read_unlock(void);
void unit_weak_synchronize_rcu(void);
uint64_t unit_weak_load(const volatile void *where, size_t size, bool acquire);
uint64_t unit_weak_latest(const volatile void *where, size_t size);
void unit_weak_or(unsigned long *where, unsigned long bits);
void unit_weak_and(unsigned long *where, unsigned long bits);
void unit_weak_store(volatile void *where, size_t size, uint64_t value, bool release);

#define UNIT_WEAK_VALUE(var, raw)					\
	({								\
		typeof((var) + 0) unit_value;				\
		uint64_t unit_raw = (raw);				\
									\
		memcpy(&unit_value, &unit_raw, sizeof(var));		\
		unit_value;						\
	})
#define UNIT_WEAK_RAW(var, value)					\
	({								\
		typeof((var) + 0) unit_value = (value);			\
		uint64_t unit_raw = 0;					\
									\
		memcpy(&unit_raw, &unit_value, sizeof(var));		\
		unit_raw;						\
	})

#define READ_ONCE(var)							\
	UNIT_WEAK_VALUE(var, unit_weak_load(&(var), sizeof(var), false))
#define smp_load_acquire(ptr)						\
	UNIT_WEAK_VALUE(*(ptr), unit_weak_load(ptr, sizeof(*(ptr)), true))
#define WRITE_ONCE(var, value)						\
	unit_weak_store(&(var), sizeof(var), UNIT_WEAK_RAW(var, value), false)
#define smp_store_release(ptr, value)					\
	unit_weak_store(ptr, sizeof(*(ptr)), UNIT_WEAK_RAW(*(ptr), value), true)
#define smp_mb()	unit_weak_mb()
#define smp_rmb()	unit_weak_rmb()

/* Full barriers on both sides, but for those that fail. */
#define xchg(ptr, value)						\
	({								\
		typeof(ptr) unit_where = (ptr);				\
		uint64_t unit_new = UNIT_WEAK_RAW(*unit_where, value);	\
		uint64_t unit_old;					\
									\
		unit_weak_mb();						\
		unit_old = unit_weak_latest(unit_where, sizeof(*unit_where)); \
		unit_weak_store(unit_where, sizeof(*unit_where), unit_new, true); \
		unit_weak_mb();						\
		UNIT_WEAK_VALUE(*unit_where, unit_old);			\
	})
#define try_cmpxchg(ptr, oldp, new)					\
	({								\
		typeof(ptr) unit_at = (ptr);				\
		typeof(*unit_at) unit_seen;				\
		bool unit_done;						\
									\
		unit_weak_mb();						\
		unit_seen = UNIT_WEAK_VALUE(*unit_at,			\
				unit_weak_latest(unit_at, sizeof(*unit_at))); \
		unit_done = unit_seen == *(oldp);			\
		if (unit_done) {					\
			unit_weak_store(unit_at, sizeof(*unit_at),	\
					UNIT_WEAK_RAW(*unit_at, new), true); \
			unit_weak_mb();					\
		}							\
		*(oldp) = unit_seen;					\
		unit_done;						\
	})
#define cmpxchg(ptr, old, new)						\
	({								\
		typeof(*(ptr)) unit_expected = (old);			\
									\
		try_cmpxchg(ptr, &unit_expected, new);			\
		unit_expected;						\
	})

#endif /* SLAT_UNIT_WEAK_H */
