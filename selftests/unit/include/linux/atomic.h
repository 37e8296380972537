/* SPDX-License-Identifier: GPL-2.0-only */
/* Atomics, sequentially consistent. */
#ifndef SLAT_UNIT_LINUX_ATOMIC_H
#define SLAT_UNIT_LINUX_ATOMIC_H

#include <linux/compiler.h>

/* What happens elsewhere just before this thread's next atomic change; once. */
extern __thread void (*unit_meanwhile)(void);
extern __thread int unit_locks;

static inline void unit_step(void)
{
	void (*meanwhile)(void) = unit_meanwhile;
	int locks = unit_locks;		/* not those of elsewhere */

	unit_meanwhile = NULL;
	if (!meanwhile)
		return;
	unit_locks = 0;
	meanwhile();
	unit_locks = locks;
}

#ifndef UNIT_WEAK_ORDER
#define xchg(ptr, value)						\
	({								\
		unit_step();						\
		__atomic_exchange_n(ptr, value, __ATOMIC_SEQ_CST);	\
	})

#define cmpxchg(ptr, old, new)						\
	({								\
		typeof(ptr) where = (ptr);				\
		typeof(*where) seen = (old);				\
									\
		unit_step();						\
		__atomic_compare_exchange_n(where, &seen, new, false,	\
					    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
		seen;							\
	})

#define try_cmpxchg(ptr, oldp, new)					\
	({								\
		unit_step();						\
		__atomic_compare_exchange_n(ptr, oldp, new, false,	\
					    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
	})
#endif

struct unit_atomic {
	int counter;
};

struct unit_atomic64 {
	s64 counter;
};

#define atomic_t		struct unit_atomic
#define atomic64_t		struct unit_atomic64

#define atomic_read(v)			READ_ONCE((v)->counter)
#define atomic_set(v, value)		WRITE_ONCE((v)->counter, value)
#ifdef UNIT_WEAK_ORDER
#define atomic_add_return(value, v)					\
	({								\
		typeof((v)->counter) sum = (v)->counter;		\
									\
		while (!try_cmpxchg(&(v)->counter, &sum, sum + (value)))	\
			;						\
		sum + (value);						\
	})
#else
#define atomic_add_return(value, v)	__atomic_add_fetch(&(v)->counter, value, __ATOMIC_SEQ_CST)
#endif
#define atomic_inc_return(v)		atomic_add_return(1, v)
#define atomic_dec_return(v)		atomic_add_return(-1, v)
#define atomic_inc(v)			((void)atomic_inc_return(v))
#define atomic_dec(v)			((void)atomic_dec_return(v))
#define atomic_dec_and_test(v)		(!atomic_dec_return(v))

#define atomic_long_t			unsigned long
static inline unsigned long unit_fetch_andnot(unsigned long bits, unsigned long *where)
{
	unsigned long seen = READ_ONCE(*where);

	while (!try_cmpxchg(where, &seen, seen & ~bits))
		;
	return seen;
}

#define atomic_long_fetch_andnot(bits, v)	unit_fetch_andnot(bits, v)
#ifdef UNIT_WEAK_ORDER
#define atomic_long_or(bits, v)		unit_weak_or(v, bits)
#else
#define atomic_long_or(bits, v)		((void)__atomic_or_fetch(v, bits, __ATOMIC_SEQ_CST))
#endif

#define atomic64_read(v)		atomic_read(v)
#define atomic64_read_acquire(v)	smp_load_acquire(&(v)->counter)
#define atomic64_set_release(v, value)	smp_store_release(&(v)->counter, value)
#define atomic64_xchg(v, value)		xchg(&(v)->counter, (s64)(value))
#define atomic64_try_cmpxchg(v, oldp, new) try_cmpxchg(&(v)->counter, oldp, (s64)(new))
#define atomic64_set(v, value)		atomic_set(v, value)
#define atomic64_add_return(value, v)	atomic_add_return(value, v)
#define atomic64_inc_return(v)		atomic_inc_return(v)
#define atomic64_inc(v)			atomic_inc(v)
#define atomic64_dec(v)			atomic_dec(v)

#endif /* SLAT_UNIT_LINUX_ATOMIC_H */
