/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLAT_UNIT_LINUX_SLAB_H
#define SLAT_UNIT_LINUX_SLAB_H

#include <linux/gfp.h>
#include <linux/lockdep.h>
#include <linux/overflow.h>
#include <linux/spinlock.h>

#include <stdlib.h>

#define kzalloc(size, gfp)		(unit_without_lock(), calloc(1, size))
#define kfree(ptr)			(unit_without_lock(), free((void *)(ptr)))
#define kvcalloc(count, size, gfp)	(unit_without_lock(), calloc(count, size))
#define kvzalloc(size, gfp)		kzalloc(size, gfp)
#define kvmalloc_array(n, size, gfp)	kzalloc((n) * (size), gfp)
#define kvfree(ptr)			kfree(ptr)

#endif /* SLAT_UNIT_LINUX_SLAB_H */
