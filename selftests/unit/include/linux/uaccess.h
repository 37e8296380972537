/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLAT_UNIT_LINUX_UACCESS_H
#define SLAT_UNIT_LINUX_UACCESS_H

#include <string.h>

#define access_ok(addr, size)		true
/* User space has no memory at NULL. */
#define copy_from_user(to, from, size)	((from) ? (memcpy(to, from, size), 0) : (size))
#define copy_to_user(to, from, size)	((to) ? (memcpy(to, from, size), 0) : (size))

#define u64_to_user_ptr(value)		((void *)(unsigned long)(value))

/* Of a VM's owner, by number: what there is, and what happens meanwhile, the test says. */
unsigned long unit_copy_to_user(unsigned long to, const void *from, unsigned long size);
unsigned long unit_copy_from_user(void *to, unsigned long from, unsigned long size);
int unit_cmpxchg_user(unsigned long at, unsigned long old, unsigned long value);
unsigned long unit_fault_in(unsigned long at, unsigned long size);

#define __copy_to_user_inatomic(to, from, size)				\
	unit_copy_to_user((unsigned long)(to), from, size)
#define __copy_from_user_inatomic(to, from, size)			\
	unit_copy_from_user(to, (unsigned long)(from), size)
#define __try_cmpxchg_user(at, oldp, value, label)			\
	unit_cmpxchg_user((unsigned long)(at), *(oldp), value)
#define fault_in_safe_writeable(at, size)	unit_fault_in((unsigned long)(at), size)
#define fault_in_readable(at, size)		unit_fault_in((unsigned long)(at), size)

#define pagefault_disable()	((void)0)
#define pagefault_enable()	((void)0)

#endif /* SLAT_UNIT_LINUX_UACCESS_H */
