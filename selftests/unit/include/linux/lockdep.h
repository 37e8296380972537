/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLAT_UNIT_LINUX_LOCKDEP_H
#define SLAT_UNIT_LINUX_LOCKDEP_H

#include <linux/bug.h>
#include <linux/spinlock.h>

#define lockdep_is_held(lock)		((lock)->held)
/* Of the caller; who holds it is not known here. */
#define lockdep_assert_not_held(lock)	((void)(lock))
#define lockdep_assert_held(lock)	WARN_ON(!lockdep_is_held(lock))

#endif /* SLAT_UNIT_LINUX_LOCKDEP_H */
