/* SPDX-License-Identifier: GPL-2.0-only */
/* Hints, and single accesses that ThreadSanitizer sees. */
#ifndef SLAT_UNIT_LINUX_COMPILER_H
#define SLAT_UNIT_LINUX_COMPILER_H

#include <linux/types.h>

#define likely(cond)		__builtin_expect(!!(cond), 1)
#define unlikely(cond)		__builtin_expect(!!(cond), 0)
#define __acquires(lock)
#define __releases(lock)
#define __user
#define noinline_for_stack
#define noinline
#define __must_check		__attribute__((warn_unused_result))
#define fallthrough		__attribute__((fallthrough))
/* Single accesses are what others see; this is none of them. */
#define data_race(expr)		(expr)

/*
 * Sequentially consistent, hence stronger than in the kernel: on the host the
 * algorithm is tested, not its barriers.  With UNIT_REAL_ORDER they are as
 * strong as in the kernel on x86, for tests of full barriers; with UNIT_WEAK_ORDER
 * as weak as the kernel's model has them.
 */
#ifdef UNIT_WEAK_ORDER
#include "weak.h"
#else
#ifdef UNIT_REAL_ORDER
#define UNIT_LOAD	__ATOMIC_ACQUIRE
#define UNIT_STORE	__ATOMIC_RELEASE
#define smp_mb()	__atomic_thread_fence(__ATOMIC_SEQ_CST)
#define smp_rmb()	__atomic_thread_fence(__ATOMIC_ACQUIRE)
#else
#define UNIT_LOAD	__ATOMIC_SEQ_CST
#define UNIT_STORE	__ATOMIC_SEQ_CST
#define smp_mb()	((void)0)
#define smp_rmb()	((void)0)
#endif

#define READ_ONCE(var)		__atomic_load_n(&(var), UNIT_LOAD)
#define WRITE_ONCE(var, value)	__atomic_store_n(&(var), value, UNIT_STORE)
/* a load, acquire */
#define smp_load_acquire(ptr)	__atomic_load_n(ptr, UNIT_LOAD)

/* a store, release */
#define smp_store_release(ptr, value)	__atomic_store_n(ptr, value, UNIT_STORE)
#endif

/* Stronger than it is. */
#define smp_wmb()	smp_mb()

#define barrier()		__atomic_signal_fence(__ATOMIC_SEQ_CST)

#endif /* SLAT_UNIT_LINUX_COMPILER_H */
