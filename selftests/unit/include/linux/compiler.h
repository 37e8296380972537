/* SPDX-License-Identifier: GPL-2.0-only */
/* Hints, and single accesses that ThreadSanitizer sees. */
#ifndef SLAT_UNIT_LINUX_COMPILER_H
#define SLAT_UNIT_LINUX_COMPILER_H

#include <linux/types.h>

#define likely(cond)		__builtin_expect(!!(cond), 1)
#define unlikely(cond)		__builtin_expect(!!(cond), 0)
#define __must_check		__attribute__((warn_unused_result))
#define fallthrough		__attribute__((fallthrough))

/*
 * Sequentially consistent, hence stronger than in the kernel: on the host the
 * algorithm is tested, not its barriers.
 */
#define READ_ONCE(var)		__atomic_load_n(&(var), __ATOMIC_SEQ_CST)
#define WRITE_ONCE(var, value)	__atomic_store_n(&(var), value, __ATOMIC_SEQ_CST)
/* a load, acquire */
#define smp_load_acquire(ptr)	__atomic_load_n(ptr, __ATOMIC_SEQ_CST)

/* a store, release */
#define smp_store_release(ptr, value)	__atomic_store_n(ptr, value, __ATOMIC_SEQ_CST)

#endif /* SLAT_UNIT_LINUX_COMPILER_H */
