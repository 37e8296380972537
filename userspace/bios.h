/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bios.S, for whom it is copied by.
 */
#ifndef SLAT_BIOS_H
#define SLAT_BIOS_H

#include <assert.h>
#include <stddef.h>

#include <asm/bootparam.h>

#define BIOS_MAP_MAX	8

/**
 * struct bios - what it begins with
 * @ignore: where an interrupt is handled that is none of the others; this and
 *	the next are offsets in its segment
 * @video: INT 10h
 * @disk: INT 13h
 * @system: INT 15h
 * @keyboard: INT 16h
 * @entries: how many @map has
 * @map: the guest's memory
 */
struct bios {
	__u16 ignore, video, disk, system, keyboard;
	__u16 entries;
	struct boot_e820_entry map[BIOS_MAP_MAX];
};

static_assert(offsetof(struct bios, map) == 12 && sizeof(struct boot_e820_entry) == 20,
	      "bios.S has the same");

extern const struct bios slat_bios;
extern const __u32 slat_bios_size;

#endif /* SLAT_BIOS_H */
