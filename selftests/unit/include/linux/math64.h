/* SPDX-License-Identifier: GPL-2.0-only */
/* 64-bit arithmetic; in 128 bits where the kernel's would be exact too. */
#ifndef SLAT_UNIT_LINUX_MATH64_H
#define SLAT_UNIT_LINUX_MATH64_H

#include <linux/types.h>

#define DIV64_U64_ROUND_UP(dividend, divisor)				\
	({								\
		u64 round_divisor = (divisor);				\
									\
		((u64)(dividend) + round_divisor - 1) / round_divisor;	\
	})

static inline u64 div_u64(u64 dividend, u32 divisor)
{
	return dividend / divisor;
}

static inline u64 div_u64_rem(u64 dividend, u32 divisor, u32 *remainder)
{
	*remainder = dividend % divisor;
	return dividend / divisor;
}

static inline u64 div64_u64(u64 dividend, u64 divisor)
{
	return dividend / divisor;
}

static inline u64 mul_u64_u32_div(u64 a, u32 mul, u32 divisor)
{
	return (__uint128_t)a * mul / divisor;
}

#endif /* SLAT_UNIT_LINUX_MATH64_H */
