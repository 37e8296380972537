/* SPDX-License-Identifier: GPL-2.0-only */
/* The size of a page. */
#ifndef SLAT_UNIT_ASM_PAGE_TYPES_H
#define SLAT_UNIT_ASM_PAGE_TYPES_H

#include <linux/bits.h>

#define PAGE_SHIFT	12
#define PAGE_SIZE	BIT(PAGE_SHIFT)
#define PAGE_MASK	(~(PAGE_SIZE - 1))

#endif /* SLAT_UNIT_ASM_PAGE_TYPES_H */
