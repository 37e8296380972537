/* SPDX-License-Identifier: GPL-2.0-only */
/* Bits and masks. */
#ifndef SLAT_UNIT_LINUX_BITS_H
#define SLAT_UNIT_LINUX_BITS_H

#include <linux/types.h>

#define BIT(nr)			(1UL << (nr))
#define BIT_ULL(nr)		(1ULL << (nr))
#define GENMASK(high, low)	((~0UL << (low)) & (~0UL >> (63 - (high))))
#define GENMASK_ULL(high, low)	((~0ULL << (low)) & (~0ULL >> (63 - (high))))

#endif /* SLAT_UNIT_LINUX_BITS_H */
