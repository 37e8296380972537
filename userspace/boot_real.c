// SPDX-License-Identifier: GPL-2.0-only
/*
 * The real-mode entry of Linux's boot protocol: the kernel's setup code, its heap
 * and stack in one segment, and the interrupts it calls, which are bios.S.
 */
#include <string.h>

#include "bios.h"
#include "boot.h"
#include "boot_real.h"

#define PARAGRAPH	16
#define BIOS_BASE	(FIRMWARE_BASE - 0x1000)
#define VECTORS		256
#define HEADER		0x1f1
#define HEAP_END	0x200	/* below the end of the heap, says the protocol */

/* An entry of the interrupt vector table. */
struct vector {
	__u16 offset;
	__u16 segment;
};

static void write_bios(const struct guest_memory *memory, const struct boot_e820_entry *map,
		       unsigned int entries)
{
	struct bios *bios = slat_memory_at(memory, BIOS_BASE, slat_bios_size);
	struct vector *vectors = slat_memory_at(memory, 0, VECTORS * sizeof(*vectors));

	memcpy(bios, &slat_bios, slat_bios_size);
	memcpy(bios->map, map, entries * sizeof(*map));
	bios->entries = entries;
	for (unsigned int i = 0; i < VECTORS; i++)
		vectors[i] = (struct vector){ bios->ignore, BIOS_BASE / PARAGRAPH };
	vectors[0x10].offset = bios->video;
	vectors[0x13].offset = bios->disk;
	vectors[0x15].offset = bios->system;
	vectors[0x16].offset = bios->keyboard;
}

const char *slat_boot_real_load(const struct guest_memory *memory, const void *setup, size_t size,
				const struct setup_header *header, size_t len,
				const struct boot_e820_entry *map, unsigned int entries)
{
	__u8 *place = slat_memory_at(memory, BOOT_SETUP, BOOT_SETUP_STACK);
	struct setup_header loaded = *header;

	if (size > BOOT_SETUP_HEAP || entries > BIOS_MAP_MAX)
		return "--boot real: a setup code that is longer than any known - give --boot 64";
	loaded.loadflags |= CAN_USE_HEAP;
	loaded.heap_end_ptr = BOOT_SETUP_STACK - HEAP_END;
	memcpy(place, setup, size);
	memcpy(place + HEADER, &loaded, len);
	write_bios(memory, map, entries);
	return NULL;
}
