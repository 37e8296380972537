/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLAT_UNIT_LINUX_UACCESS_H
#define SLAT_UNIT_LINUX_UACCESS_H

#include <string.h>

#define access_ok(addr, size)		true
/* User space has no memory at NULL. */
#define copy_from_user(to, from, size)	((from) ? (memcpy(to, from, size), 0) : (size))
#define copy_to_user(to, from, size)	((to) ? (memcpy(to, from, size), 0) : (size))

#define copy_from_user(to, from, size)	((from) ? (memcpy(to, from, size), 0) : (size))
#define u64_to_user_ptr(value)		((void *)(unsigned long)(value))

#define pagefault_disable()	((void)0)
#define pagefault_enable()	((void)0)

#endif /* SLAT_UNIT_LINUX_UACCESS_H */
