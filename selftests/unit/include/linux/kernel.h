/* SPDX-License-Identifier: GPL-2.0-only */
/* What every kernel file takes for granted. */
#ifndef SLAT_UNIT_LINUX_KERNEL_H
#define SLAT_UNIT_LINUX_KERNEL_H

#include <linux/bits.h>
#include <linux/bug.h>
#include <linux/compiler.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/types.h>

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))
#endif

#define container_of(ptr, type, member)					\
	((type *)((char *)(ptr) - offsetof(type, member)))

#endif /* SLAT_UNIT_LINUX_KERNEL_H */
