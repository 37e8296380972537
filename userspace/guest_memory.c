// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's RAM: one mapping here, one or two ranges there.
 */
#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>

#include "guest_memory.h"

int slat_memory_create(struct guest_memory *memory, __u64 size)
{
	void *host = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (host == MAP_FAILED)
		return -errno;
	/* Only for speed: a kernel without huge pages says no. */
	madvise(host, size, MADV_HUGEPAGE);
	memory->host = host;
	memory->size = size;
	return 0;
}

void slat_memory_free(struct guest_memory *memory)
{
	if (memory->host)
		munmap(memory->host, memory->size);
	memory->host = NULL;
	memory->size = 0;
}

__u64 slat_memory_low(const struct guest_memory *memory)
{
	return memory->size < RAM_LOW_END ? memory->size : RAM_LOW_END;
}

void *slat_memory_at(const struct guest_memory *memory, __u64 gpa, __u64 len)
{
	__u64 low = slat_memory_low(memory);

	if (gpa <= low && len <= low - gpa)
		return memory->host + gpa;
	if (gpa < RAM_HIGH)
		return NULL;
	gpa -= RAM_HIGH;
	if (gpa > memory->size - low || len > memory->size - low - gpa)
		return NULL;
	return memory->host + low + gpa;
}
