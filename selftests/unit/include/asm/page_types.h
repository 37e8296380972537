/* SPDX-License-Identifier: GPL-2.0-only */
/* The size of a page. */
#ifndef SLAT_UNIT_ASM_PAGE_TYPES_H
#define SLAT_UNIT_ASM_PAGE_TYPES_H

#define PAGE_SHIFT	12
#define PAGE_SIZE	(1UL << PAGE_SHIFT)

#endif /* SLAT_UNIT_ASM_PAGE_TYPES_H */
