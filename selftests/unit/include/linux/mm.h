/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pages out of one arena, whose physical addresses begin at one page.  A freed
 * page is filled with what no table contains.
 */
#ifndef SLAT_UNIT_LINUX_MM_H
#define SLAT_UNIT_LINUX_MM_H

#include <linux/types.h>
#include <asm/page_types.h>

struct page {
	unsigned long private;
	struct page *next;
};

extern char *unit_arena;
extern struct page *unit_pages;

unsigned long get_zeroed_page(int gfp);
void free_page(unsigned long addr);

#define __pa(addr)		((u64)((char *)(addr) - unit_arena) + PAGE_SIZE)
#define __va(pa)		((void *)(unit_arena + (pa) - PAGE_SIZE))
#define pfn_to_page(pfn)	(&unit_pages[(pfn) - 1])
#define virt_to_page(addr)	pfn_to_page(__pa(addr) >> PAGE_SHIFT)
#define page_private(page)	((page)->private)
#define set_page_private(page, value) ((page)->private = (value))

#endif /* SLAT_UNIT_LINUX_MM_H */
