/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLAT_UNIT_LINUX_BITMAP_H
#define SLAT_UNIT_LINUX_BITMAP_H

#include <linux/bitops.h>

#define BITS_TO_LONGS(n)	(((n) + BITS_PER_LONG - 1) / BITS_PER_LONG)

static inline void bitmap_set(unsigned long *map, unsigned int start, unsigned int count)
{
	while (count--)
		__set_bit(start++, map);
}

#endif /* SLAT_UNIT_LINUX_BITMAP_H */
