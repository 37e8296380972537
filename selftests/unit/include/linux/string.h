/* SPDX-License-Identifier: GPL-2.0-only */
/* Copying and comparing bytes. */
#ifndef SLAT_UNIT_LINUX_STRING_H
#define SLAT_UNIT_LINUX_STRING_H

#include <string.h>

/* The first byte that is another one. */
static inline void *memchr_inv(const void *start, int c, size_t bytes)
{
	const unsigned char *at = start;

	for (; bytes; at++, bytes--)
		if (*at != (unsigned char)c)
			return (void *)at;
	return NULL;
}

#endif /* SLAT_UNIT_LINUX_STRING_H */
