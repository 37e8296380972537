/* SPDX-License-Identifier: GPL-2.0-only */
/* Operations on bits. */
#ifndef SLAT_UNIT_LINUX_BITOPS_H
#define SLAT_UNIT_LINUX_BITOPS_H

#include <linux/bits.h>

static inline s64 sign_extend64(u64 value, int index)
{
	u8 shift = 63 - index;

	return (s64)(value << shift) >> shift;
}

#endif /* SLAT_UNIT_LINUX_BITOPS_H */
