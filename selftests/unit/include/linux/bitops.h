/* SPDX-License-Identifier: GPL-2.0-only */
/* Operations on bits. */
#ifndef SLAT_UNIT_LINUX_BITOPS_H
#define SLAT_UNIT_LINUX_BITOPS_H

#include <linux/atomic.h>
#include <linux/bits.h>

#define BITS_PER_LONG	64
#define __ffs(word)	((unsigned int)__builtin_ctzl(word))
#define __fls(word)	(63U - __builtin_clzl(word))
#define hweight_long(word)	((unsigned int)__builtin_popcountl(word))

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

static inline bool test_bit(unsigned int nr, const unsigned long *map)
{
	return READ_ONCE(map[nr / 64]) >> nr % 64 & 1;
}

#ifdef UNIT_WEAK_ORDER
static inline bool test_and_set_bit(unsigned int nr, unsigned long *map)
{
	unsigned long old = READ_ONCE(map[nr / 64]);

	while (!try_cmpxchg(&map[nr / 64], &old, old | BIT(nr % 64)))
		;
	/* In order also where nothing changes. */
	smp_mb();
	return old >> nr % 64 & 1;
}

static inline void set_bit(unsigned int nr, unsigned long *map)
{
	unit_weak_or(&map[nr / 64], BIT(nr % 64));
}

static inline void clear_bit(unsigned int nr, unsigned long *map)
{
	unit_weak_and(&map[nr / 64], ~BIT(nr % 64));
}
#else
static inline bool test_and_set_bit(unsigned int nr, unsigned long *map)
{
	unit_step();
	return __atomic_fetch_or(&map[nr / 64], BIT(nr % 64), __ATOMIC_SEQ_CST) >> nr % 64 & 1;
}

static inline void set_bit(unsigned int nr, unsigned long *map)
{
	test_and_set_bit(nr, map);
}

static inline void clear_bit(unsigned int nr, unsigned long *map)
{
	unit_step();
	__atomic_fetch_and(&map[nr / 64], ~BIT(nr % 64), __ATOMIC_SEQ_CST);
}
#endif

#define test_bit_le(bit, bits)	test_bit(bit, bits)

static inline bool test_and_set_bit_le(unsigned long bit, unsigned long *bits)
{
	unsigned long mask = BIT(bit % BITS_PER_LONG), *word = &bits[bit / BITS_PER_LONG];
	unsigned long seen = READ_ONCE(*word);

	while (!try_cmpxchg(word, &seen, seen | mask))
		;
	return seen & mask;
}

static inline void __set_bit(unsigned int nr, unsigned long *map)
{
	map[nr / 64] |= BIT(nr % 64);
}

static inline void __clear_bit(unsigned int nr, unsigned long *map)
{
	map[nr / 64] &= ~BIT(nr % 64);
}

#endif /* SLAT_UNIT_LINUX_BITOPS_H */
