// SPDX-License-Identifier: GPL-2.0-only
/* What the stand-ins for the kernel's memory, CPUs and RCU share. */
#include <linux/atomic.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/smp.h>
#include <linux/spinlock.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ARENA_PAGES	65536UL
#define FREED		0xa5

__thread int unit_cpu;
__thread int unit_locks;
__thread void (*unit_meanwhile)(void);
pthread_rwlock_t unit_rcu = PTHREAD_RWLOCK_INITIALIZER;
char *unit_arena;
struct page *unit_pages;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct page *free_pages;
static unsigned long used;

static void __attribute__((constructor)) arena_init(void)
{
	unsigned long i;

	unit_arena = mmap(NULL, ARENA_PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	unit_pages = calloc(ARENA_PAGES, sizeof(*unit_pages));
	if (unit_arena == MAP_FAILED || !unit_pages)
		abort();
	for (i = ARENA_PAGES; i-- > 0;) {
		unit_pages[i].next = free_pages;
		free_pages = &unit_pages[i];
	}
}

static void __attribute__((destructor)) arena_exit(void)
{
	free(unit_pages);
}

unsigned long get_zeroed_page(int gfp)
{
	struct page *page;
	char *addr;

	unit_without_lock();
	pthread_mutex_lock(&lock);
	page = free_pages;
	if (page) {
		free_pages = page->next;
		used++;
	}
	pthread_mutex_unlock(&lock);
	if (!page)
		return 0;
	addr = unit_arena + (page - unit_pages) * PAGE_SIZE;
	memset(addr, 0, PAGE_SIZE);
	return (unsigned long)addr;
}

void free_page(unsigned long addr)
{
	struct page *page = virt_to_page(addr);

	unit_without_lock();
	memset((void *)addr, FREED, PAGE_SIZE);
	pthread_mutex_lock(&lock);
	page->next = free_pages;
	free_pages = page;
	used--;
	pthread_mutex_unlock(&lock);
}

/** unit_pages_used() - pages that have been got and not been freed */
unsigned long unit_pages_used(void)
{
	unsigned long count;

	pthread_mutex_lock(&lock);
	count = used;
	pthread_mutex_unlock(&lock);
	return count;
}
