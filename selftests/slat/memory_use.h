/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel uses, to the page: whether something leaks.
 *
 * A page that belongs to nobody the kernel counts (slabs, page tables, files,
 * anonymous memory, ...) is one that somebody allocated for itself.  Their
 * number is steady where nobody leaks, whatever the rest of the machine does.
 */
#ifndef SLAT_MEMORY_USE_H
#define SLAT_MEMORY_USE_H

#include <dirent.h>
#include <unistd.h>

#include "slat_test.h"

struct memory_use {
	long unaccounted;	/* pages */
	long slab;		/* pages that cannot be reclaimed */
	long vmalloc;
	long percpu;
};

/* Kibibytes of @field, with its colon, in /proc/meminfo. */
static inline long meminfo_kib(struct __test_metadata *_metadata, const char *field)
{
	FILE *file = fopen("/proc/meminfo", "r");
	long value = -1;
	char line[128];

	ASSERT_NE(NULL, file);
	while (value < 0 && fgets(line, sizeof(line), file))
		if (!strncmp(line, field, strlen(field)))
			value = strtol(line + strlen(field), NULL, 10);
	fclose(file);
	ASSERT_LE(0, value) {
		TH_LOG("no %s in /proc/meminfo", field);
	}
	return value;
}

/* Free pages that CPUs keep for themselves are not among MemFree. */
static inline long pages_kept_by_cpus(struct __test_metadata *_metadata)
{
	FILE *file = fopen("/proc/zoneinfo", "r");
	long pages = 0, count;
	char line[256];

	ASSERT_NE(NULL, file);
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, " count: %ld", &count) == 1)
			pages += count;
	fclose(file);
	return pages;
}

/*
 * KASAN keeps freed objects, megabytes of them, so slabs grow as they are used.
 * Its kernel has kmemleak, which looks at every object.
 */
static inline bool slabs_tell(struct __test_metadata *_metadata)
{
	static bool known, quarantine;
	char line[512];
	FILE *file;

	if (known)
		return !quarantine;
	file = fopen("/proc/kallsyms", "r");
	ASSERT_NE(NULL, file);
	while (!quarantine && fgets(line, sizeof(line), file))
		quarantine = strstr(line, " kasan_quarantine_put\n");
	fclose(file);
	known = true;
	return !quarantine;
}

/* Free objects keep pages, which ones depends on who was where when, until they are told. */
static inline void slabs_shrink(void)
{
	DIR *caches = opendir("/sys/kernel/slab");
	struct dirent *cache;
	char path[300];

	while (caches && (cache = readdir(caches))) {
		snprintf(path, sizeof(path), "/sys/kernel/slab/%s/shrink", cache->d_name);
		_file_write(path, "1");
	}
	if (caches)
		closedir(caches);
}

static inline void memory_use_read(struct __test_metadata *_metadata, struct memory_use *use)
{
	static const char *const counted[] = {
		"MemFree:", "Buffers:", "Cached:", "AnonPages:", "Slab:", "PageTables:",
		"Percpu:", "VmallocUsed:",	/* kernel stacks among it */
	};
	long used;

	slabs_shrink();
	used = meminfo_kib(_metadata, "MemTotal:");
	for (size_t i = 0; i < ARRAY_SIZE(counted); i++)
		used -= meminfo_kib(_metadata, counted[i]);
	use->unaccounted = used / 4 - pages_kept_by_cpus(_metadata);
	use->slab = slabs_tell(_metadata) ? meminfo_kib(_metadata, "SUnreclaim:") / 4 : 0;
	use->vmalloc = meminfo_kib(_metadata, "VmallocUsed:") / 4;
	use->percpu = meminfo_kib(_metadata, "Percpu:") / 4;
}

#define MEMORY_USE_READS	16
#define MEMORY_USE_GRACE	20000	/* microseconds: some ticks; no call waits for call_rcu() */

/*
 * A snapshot; Slat's own work that frees later is waited for by unloading the
 * module.  The kernel's (tasks, files and sockets after a grace period) is over
 * when the next such time frees nothing more.
 */
static inline void memory_use_get(struct __test_metadata *_metadata, struct memory_use *use)
{
	long *least = (long *)use;
	bool fell = true;

	memory_use_read(_metadata, use);
	for (int i = 0; fell && i < MEMORY_USE_READS; i++) {
		struct memory_use next;
		const long *now = (const long *)&next;

		usleep(MEMORY_USE_GRACE);
		memory_use_read(_metadata, &next);
		fell = false;
		for (size_t f = 0; f < sizeof(next) / sizeof(*now); f++) {
			if (now[f] < least[f]) {
				least[f] = now[f];
				fell = true;
			}
		}
	}
}

/* The largest growth of any of them, in pages. */
static inline long memory_use_growth(const struct memory_use *before,
				     const struct memory_use *after)
{
	const long *from = (const long *)before, *to = (const long *)after;
	long most = 0;

	for (size_t i = 0; i < sizeof(*before) / sizeof(*from); i++)
		if (to[i] - from[i] > most)
			most = to[i] - from[i];
	return most;
}

/*
 * A page in every other round of @round is too much, if it happens every time:
 * other memory, in pipes for one, comes and goes.
 */
#define MEMORY_USE_TIMES	3

static inline void expect_no_growth(struct __test_metadata *_metadata, int rounds,
				    void (*round)(struct __test_metadata *, void *), void *arg)
{
	struct memory_use before, after;
	long growth = 0;

	for (int time = 0; time < MEMORY_USE_TIMES; time++) {
		memory_use_get(_metadata, &before);
		for (int i = 0; i < rounds; i++)
			round(_metadata, arg);
		memory_use_get(_metadata, &after);
		growth = memory_use_growth(&before, &after);
		if (growth < rounds / 2)
			return;
		TH_LOG("pages of nobody: %ld to %ld, slab: %ld to %ld", before.unaccounted,
		       after.unaccounted, before.slab, after.slab);
		TH_LOG("vmalloc: %ld to %ld, per-CPU: %ld to %ld", before.vmalloc,
		       after.vmalloc, before.percpu, after.percpu);
	}
	EXPECT_GT(rounds / 2, growth);
}

#endif /* SLAT_MEMORY_USE_H */
