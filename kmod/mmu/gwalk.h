/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest's own page tables, walked by software (SDM vol. 3A, chapter 4).
 */
#ifndef SLAT_MMU_GWALK_H
#define SLAT_MMU_GWALK_H

#include <linux/types.h>

/**
 * struct slat_gwalk_cpu - what of a CPU's state its paging depends on
 * @cr0: CR0
 * @cr3: CR3
 * @cr4: CR4
 * @efer: EFER
 * @rflags: RFLAGS
 * @pdptr: what PAE paging keeps in the CPU; NULL: the CPU reads it in each walk
 * @phys_bits: width of physical addresses
 */
struct slat_gwalk_cpu {
	u64 cr0;
	u64 cr3;
	u64 cr4;
	u64 efer;
	u64 rflags;
	const u64 *pdptr;
	u8 phys_bits;
};

/**
 * struct slat_gwalk_ops - memory that guest tables are in
 * @read: an entry of 4 or 8 bytes.  0, or what slat_gwalk() shall return
 * @update: replace @old by @new, atomically.  0, 1 if it is not @old any more,
 *	or what slat_gwalk() shall return
 */
struct slat_gwalk_ops {
	int (*read)(void *context, u64 gpa, void *entry, unsigned int size);
	int (*update)(void *context, u64 gpa, const void *old, const void *new,
		      unsigned int size);
};

/* Accesses, as in the error code of a page fault. */
#define SLAT_GWALK_WRITE	0x2
#define SLAT_GWALK_USER		0x4
#define SLAT_GWALK_FETCH	0x10

/* The other bits of such an error code. */
#define SLAT_GWALK_PRESENT	0x1
#define SLAT_GWALK_RESERVED	0x8

/* slat_gwalk() found no translation. */
#define SLAT_GWALK_FAULT	2

int slat_gwalk(const struct slat_gwalk_cpu *cpu, const struct slat_gwalk_ops *ops,
	       void *context, u64 linear, u32 access, u64 *gpa, u32 *error);

#endif /* SLAT_MMU_GWALK_H */
