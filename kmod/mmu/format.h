/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a second-level entry is written: the bits in which vendors differ.
 *
 * In every format an entry of 0 maps nothing, a table has 512 entries, and
 * level 1 entries map 4 KiB.
 */
#ifndef SLAT_MMU_FORMAT_H
#define SLAT_MMU_FORMAT_H

#include <linux/bits.h>
#include <linux/types.h>

#include "cpu/cpu.h"

#define SLAT_TABLE_BITS		9
#define SLAT_TABLE_ENTRIES	BIT(SLAT_TABLE_BITS)
#define SLAT_LEVELS_MAX		5

/* With SLAT_ACCESS_WRITE: the CPU is to log the first write, where format.logs. */
#define SLAT_ACCESS_LOGGED	BIT(8)
/* Nobody has asked for it: it may never be used. */
#define SLAT_ACCESS_NOT_YET	BIT(9)
/* The host lets it be written, whether the guest may or not. */
#define SLAT_ACCESS_HOST_WRITE	BIT(10)

/* Pages of 4 KiB that an entry of a level spans, and the bits within. */
#define slat_level_pages(level)	BIT_ULL(((level) - 1) * SLAT_TABLE_BITS)
#define slat_level_mask(level)	(slat_level_pages(level) - 1)

/* Bits 12 to 51 hold a physical address in all formats. */
#define SLAT_PTE_ADDR		GENMASK_ULL(51, 12)
/* SLAT_ACCESS_HOST_WRITE of a leaf: a bit that no CPU looks at. */
#define SLAT_PTE_HOST_WRITE	BIT_ULL(52)

/**
 * struct slat_pte_format - one kind of second-level tables
 * @present: any of these makes an entry present
 * @table: set in an entry that leads to a table, which narrows nothing
 * @leaf: set in every leaf
 * @huge: set in a leaf above level 1
 * @write: allows writes
 * @exec: allows execution where set
 * @no_exec: forbids it where set
 * @accessed: set by the CPU when it uses the entry; 0 where it does not
 * @dirty: set by the CPU when it writes through a leaf; 0 where it does not
 * @ram: set in a leaf of ordinary memory, for its memory type
 * @device: set in a leaf of anything else
 * @levels: from the root down to level 1
 * @logs: the CPU logs a page whose leaf it makes dirty, for those who ask
 * @largest: the highest level that can have leaves
 * @phys_bits: width of the guest-physical addresses that they translate
 */
struct slat_pte_format {
	u64 present;
	u64 table;
	u64 leaf;
	u64 huge;
	u64 write;
	u64 exec;
	u64 no_exec;
	u64 accessed;
	u64 dirty;
	u64 ram;
	u64 device;
	bool logs;
	unsigned int levels;
	unsigned int largest;
	unsigned int phys_bits;
};

static inline bool slat_pte_present(const struct slat_pte_format *format, u64 pte)
{
	return pte & format->present;
}

static inline bool slat_pte_is_leaf(const struct slat_pte_format *format, u64 pte,
				    unsigned int level)
{
	return slat_pte_present(format, pte) && (level == 1 || pte & format->huge);
}

static inline bool slat_pte_is_table(const struct slat_pte_format *format, u64 pte,
				     unsigned int level)
{
	return slat_pte_present(format, pte) && level > 1 && !(pte & format->huge);
}

static inline u64 slat_pte_pfn(u64 pte)
{
	return (pte & SLAT_PTE_ADDR) >> 12;
}

/**
 * slat_pte_make_leaf() - an entry that maps memory
 * @format: its format
 * @pfn: a host page within what it maps
 * @level: its level
 * @access: SLAT_ACCESS_*; READ is implied
 * @ram: ordinary memory, not a device's
 *
 * Pure.  Accessed but for SLAT_ACCESS_NOT_YET, and dirty where it is writable but for
 * SLAT_ACCESS_LOGGED, so that the CPU need not write to it at its first use, nor log it.
 */
static inline u64 slat_pte_make_leaf(const struct slat_pte_format *format, u64 pfn,
				     unsigned int level, u32 access, bool ram)
{
	u64 pte = (pfn & ~slat_level_mask(level)) << 12;

	pte |= format->leaf | (ram ? format->ram : format->device);
	if (!(access & SLAT_ACCESS_NOT_YET))
		pte |= format->accessed;
	if (level > 1)
		pte |= format->huge;
	if (access & SLAT_ACCESS_WRITE)
		pte |= format->write | (access & SLAT_ACCESS_LOGGED ? 0 : format->dirty);
	if (access & SLAT_ACCESS_HOST_WRITE)
		pte |= SLAT_PTE_HOST_WRITE;
	pte |= access & SLAT_ACCESS_EXEC ? format->exec : format->no_exec;
	return pte;
}

/** slat_pte_access() - what a leaf allows, and the host; as SLAT_ACCESS_*; pure */
static inline u32 slat_pte_access(const struct slat_pte_format *format, u64 pte)
{
	u32 access = 0;

	if (!slat_pte_present(format, pte))
		return 0;
	access = SLAT_ACCESS_READ;
	if (pte & format->write)
		access |= SLAT_ACCESS_WRITE;
	if (pte & SLAT_PTE_HOST_WRITE)
		access |= SLAT_ACCESS_HOST_WRITE;
	if ((pte & format->exec) == format->exec && !(pte & format->no_exec))
		access |= SLAT_ACCESS_EXEC;
	return access;
}

#endif /* SLAT_MMU_FORMAT_H */
