/* SPDX-License-Identifier: GPL-2.0-only */
/* The largest numbers of each kernel type. */
#ifndef SLAT_UNIT_LINUX_LIMITS_H
#define SLAT_UNIT_LINUX_LIMITS_H

#include_next <linux/limits.h>
#include <limits.h>

#define U8_MAX		0xff
#define U16_MAX		0xffff
#define U32_MAX		0xffffffffU
#define U64_MAX		0xffffffffffffffffULL

#endif /* SLAT_UNIT_LINUX_LIMITS_H */
