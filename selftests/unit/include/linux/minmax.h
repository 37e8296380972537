/* SPDX-License-Identifier: GPL-2.0-only */
/* Smaller and larger, each argument evaluated once. */
#ifndef SLAT_UNIT_LINUX_MINMAX_H
#define SLAT_UNIT_LINUX_MINMAX_H

#define min(a, b)		min_t(typeof(a), a, b)
#define max(a, b)		max_t(typeof(a), a, b)
#define clamp(val, lo, hi)	clamp_t(typeof(val), val, lo, hi)

#define min3(a, b, c)		min(min(a, b), (typeof(a))(c))
#define max3(a, b, c)		max(max(a, b), (typeof(a))(c))

#define min_t(type, a, b)						\
	({								\
		type min_a = (a);					\
		type min_b = (b);					\
									\
		min_a < min_b ? min_a : min_b;				\
	})

#define max_t(type, a, b)						\
	({								\
		type max_a = (a);					\
		type max_b = (b);					\
									\
		max_a > max_b ? max_a : max_b;				\
	})

#define clamp_t(type, val, lo, hi)	min_t(type, max_t(type, val, lo), hi)

#endif /* SLAT_UNIT_LINUX_MINMAX_H */
