/* SPDX-License-Identifier: GPL-2.0-only */
/* The host's types, and the kernel's names for them. */
#ifndef SLAT_UNIT_LINUX_TYPES_H
#define SLAT_UNIT_LINUX_TYPES_H

#include_next <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* As in the kernel, where a u64 is a long long on every architecture. */
#define u8	__u8
#define u16	__u16
#define u32	__u32
#define u64	__u64
#define s8	__s8
#define s16	__s16
#define s32	__s32
#define s64	__s64

#define __user
#define __rcu

#include <linux/limits.h>

#endif /* SLAT_UNIT_LINUX_TYPES_H */
