/* SPDX-License-Identifier: GPL-2.0-only */
/* Small objects begin at cache lines, as in the kernel those of 64 bytes do. */
#ifndef SLAT_MODEL_LINUX_SLAB_H
#define SLAT_MODEL_LINUX_SLAB_H

#include_next <linux/slab.h>

#include <string.h>

static inline void *model_alloc(size_t size)
{
	void *object = aligned_alloc(64, (size + 63) & ~63UL);

	unit_without_lock();
	return object ? memset(object, 0, size) : NULL;
}

#undef kzalloc
#define kzalloc(size, gfp)	model_alloc(size)

#endif /* SLAT_MODEL_LINUX_SLAB_H */
