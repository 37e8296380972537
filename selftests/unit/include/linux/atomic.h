/* SPDX-License-Identifier: GPL-2.0-only */
/* Atomics, sequentially consistent; no fences, which ThreadSanitizer cannot see. */
#ifndef SLAT_UNIT_LINUX_ATOMIC_H
#define SLAT_UNIT_LINUX_ATOMIC_H

#include <linux/compiler.h>

#define xchg(ptr, value)	__atomic_exchange_n(ptr, value, __ATOMIC_SEQ_CST)

#define cmpxchg(ptr, old, new)						\
	({								\
		__typeof__(*(ptr)) seen = (old);			\
									\
		__atomic_compare_exchange_n(ptr, &seen, new, false,	\
					    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
		seen;							\
	})

#define try_cmpxchg(ptr, oldp, new)					\
	__atomic_compare_exchange_n(ptr, oldp, new, false,		\
				    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	s64 counter;
} atomic64_t;

#define atomic_read(v)			READ_ONCE((v)->counter)
#define atomic_set(v, value)		WRITE_ONCE((v)->counter, value)
#define atomic_add_return(value, v)	__atomic_add_fetch(&(v)->counter, value, __ATOMIC_SEQ_CST)
#define atomic_inc_return(v)		atomic_add_return(1, v)
#define atomic_dec_return(v)		atomic_add_return(-1, v)
#define atomic_inc(v)			((void)atomic_inc_return(v))
#define atomic_dec(v)			((void)atomic_dec_return(v))
#define atomic_dec_and_test(v)		(!atomic_dec_return(v))

#define atomic64_read(v)		atomic_read(v)
#define atomic64_set(v, value)		atomic_set(v, value)
#define atomic64_add_return(value, v)	atomic_add_return(value, v)
#define atomic64_inc_return(v)		atomic_inc_return(v)
#define atomic64_inc(v)			atomic_inc(v)
#define atomic64_dec(v)			atomic_dec(v)

#endif /* SLAT_UNIT_LINUX_ATOMIC_H */
