/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLAT_UNIT_LINUX_OVERFLOW_H
#define SLAT_UNIT_LINUX_OVERFLOW_H

#define check_add_overflow(a, b, sum)	__builtin_add_overflow(a, b, sum)
#define struct_size(ptr, member, n)	(sizeof(*(ptr)) + (n) * sizeof((ptr)->member[0]))

#endif /* SLAT_UNIT_LINUX_OVERFLOW_H */
