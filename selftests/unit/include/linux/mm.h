/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pages out of one arena, whose physical addresses begin at one page.  A freed
 * page is filled with what no table contains.
 */
#ifndef SLAT_UNIT_LINUX_MM_H
#define SLAT_UNIT_LINUX_MM_H

#include <linux/types.h>
#include <asm/page_types.h>

#include <string.h>

struct page {
	unsigned long private;
	struct page *next;
};

extern char *unit_arena;
extern struct page *unit_pages;

unsigned long get_zeroed_page(int gfp);
unsigned long unit_pages_used(void);
void free_page(unsigned long addr);

#define offset_in_page(addr)	((unsigned long)(addr) & (PAGE_SIZE - 1))
#ifdef UNIT_WEAK_ORDER
#include "weak.h"

#define clear_page(addr)	unit_weak_clear(addr, PAGE_SIZE)
#else
#define clear_page(addr)	memset(addr, 0, PAGE_SIZE)
#endif

#define PAGE_ALIGNED(addr)	(!((addr) & (PAGE_SIZE - 1)))

/* Pages of the user's: the test keeps them, and may do something meanwhile. */
#define FOLL_WRITE	1
#define FOLL_HWPOISON	2

int get_user_pages_fast_only(unsigned long hva, int n, unsigned int flags, struct page **page);
long get_user_pages_unlocked(unsigned long hva, long n, struct page **page, unsigned int flags);
unsigned long page_to_pfn(const struct page *page);
void put_page(struct page *page);
#define get_page(page)	((void)(page))

#define SetPageDirty(page)	((void)(page))
#define PageReserved(page)	false
#define pfn_valid(pfn)		true
#define is_zero_pfn(pfn)	false

#define __pa(addr)		((u64)((char *)(addr) - unit_arena) + PAGE_SIZE)
#define __va(pa)		((void *)(unit_arena + (pa) - PAGE_SIZE))
#define pfn_to_page(pfn)	(&unit_pages[(pfn) - 1])
#define virt_to_page(addr)	pfn_to_page(__pa(addr) >> PAGE_SHIFT)
#define page_private(page)	((page)->private)
#define set_page_private(page, value) ((page)->private = (value))

#endif /* SLAT_UNIT_LINUX_MM_H */
