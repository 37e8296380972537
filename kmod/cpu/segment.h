/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The rights of a segment, at the bits where bytes 5 and 6 of its descriptor
 * have them; the limit's among those are clear (SDM vol. 3A, 3.4.5).
 */
#ifndef SLAT_CPU_SEGMENT_H
#define SLAT_CPU_SEGMENT_H

#include <linux/bits.h>
#include <linux/kvm.h>
#include <linux/types.h>

#define SLAT_RIGHTS_TYPE	GENMASK(3, 0)
#define SLAT_RIGHTS_S		BIT(4)
#define SLAT_RIGHTS_DPL_SHIFT	5
#define SLAT_RIGHTS_PRESENT	BIT(7)
#define SLAT_RIGHTS_AVL		BIT(12)
#define SLAT_RIGHTS_L		BIT(13)
#define SLAT_RIGHTS_DB		BIT(14)
#define SLAT_RIGHTS_G		BIT(15)

static inline void slat_segment_set_rights(struct kvm_segment *seg, u32 rights)
{
	seg->type = rights & SLAT_RIGHTS_TYPE;
	seg->s = !!(rights & SLAT_RIGHTS_S);
	seg->dpl = rights >> SLAT_RIGHTS_DPL_SHIFT & 3;
	seg->present = !!(rights & SLAT_RIGHTS_PRESENT);
	seg->avl = !!(rights & SLAT_RIGHTS_AVL);
	seg->l = !!(rights & SLAT_RIGHTS_L);
	seg->db = !!(rights & SLAT_RIGHTS_DB);
	seg->g = !!(rights & SLAT_RIGHTS_G);
}

static inline u32 slat_segment_rights(const struct kvm_segment *seg)
{
	return (seg->type & SLAT_RIGHTS_TYPE) | (seg->dpl & 3) << SLAT_RIGHTS_DPL_SHIFT |
	       (seg->s ? SLAT_RIGHTS_S : 0) | (seg->present ? SLAT_RIGHTS_PRESENT : 0) |
	       (seg->avl ? SLAT_RIGHTS_AVL : 0) | (seg->l ? SLAT_RIGHTS_L : 0) |
	       (seg->db ? SLAT_RIGHTS_DB : 0) | (seg->g ? SLAT_RIGHTS_G : 0);
}

#endif /* SLAT_CPU_SEGMENT_H */
