/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLAT_UNIT_LINUX_SLAB_H
#define SLAT_UNIT_LINUX_SLAB_H

#include <linux/gfp.h>

#include <stdlib.h>

#define kzalloc(size, gfp)		calloc(1, size)
#define kfree(ptr)			free((void *)(ptr))
#define kvcalloc(count, size, gfp)	calloc(count, size)
#define kvfree(ptr)			free((void *)(ptr))

#endif /* SLAT_UNIT_LINUX_SLAB_H */
