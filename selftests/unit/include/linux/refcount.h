/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLAT_UNIT_LINUX_REFCOUNT_H
#define SLAT_UNIT_LINUX_REFCOUNT_H

#include <linux/atomic.h>

#define refcount_t			atomic_t
#define refcount_set(refs, value)	atomic_set(refs, value)
#define refcount_inc(refs)		atomic_inc(refs)
#define refcount_dec_and_test(refs)	atomic_dec_and_test(refs)

#endif /* SLAT_UNIT_LINUX_REFCOUNT_H */
