/* SPDX-License-Identifier: GPL-2.0-only */
/* Operations on bits. */
#ifndef SLAT_UNIT_LINUX_BITOPS_H
#define SLAT_UNIT_LINUX_BITOPS_H

#include <linux/atomic.h>
#include <linux/bits.h>

#define BITS_PER_LONG	64
#define __ffs(word)	((unsigned int)__builtin_ctzl(word))
#define __fls(word)	(63U - __builtin_clzl(word))

static inline s64 sign_extend64(u64 value, int index)
{
	u8 shift = 63 - index;

	return (s64)(value << shift) >> shift;
}

static inline void set_bit_le(unsigned long bit, unsigned long *bits)
{
	unit_step();
	atomic_long_or(BIT(bit % BITS_PER_LONG), &bits[bit / BITS_PER_LONG]);
}

#endif /* SLAT_UNIT_LINUX_BITOPS_H */
