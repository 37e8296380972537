/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The real-mode entry of Linux's boot protocol.
 */
#ifndef SLAT_BOOT_REAL_H
#define SLAT_BOOT_REAL_H

#include <asm/bootparam.h>

#include "guest_memory.h"

/**
 * slat_boot_real_load() - put setup code and what it needs into low memory
 * @memory: the guest's
 * @setup: a bzImage's sectors before the kernel proper
 * @size: their bytes
 * @header: what the loader says to them, instead of what is there
 * @len: bytes of @header that this kernel has
 * @map: the guest's memory
 * @entries: how many @map has
 *
 * Return: NULL, or what is wrong and what to do about it.
 */
const char *slat_boot_real_load(const struct guest_memory *memory, const void *setup, size_t size,
				const struct setup_header *header, size_t len,
				const struct boot_e820_entry *map, unsigned int entries);

#endif /* SLAT_BOOT_REAL_H */
