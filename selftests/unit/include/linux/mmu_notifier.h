/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLAT_UNIT_LINUX_MMU_NOTIFIER_H
#define SLAT_UNIT_LINUX_MMU_NOTIFIER_H

struct mm_struct;
struct mmu_notifier;

struct mmu_notifier_range {
	unsigned long start;
	unsigned long end;
};

struct mmu_notifier_ops {
	int (*invalidate_range_start)(struct mmu_notifier *notifier,
				      const struct mmu_notifier_range *range);
	void (*invalidate_range_end)(struct mmu_notifier *notifier,
				     const struct mmu_notifier_range *range);
	int (*clear_flush_young)(struct mmu_notifier *notifier, struct mm_struct *mm,
				 unsigned long start, unsigned long end);
	int (*clear_young)(struct mmu_notifier *notifier, struct mm_struct *mm,
			   unsigned long start, unsigned long end);
	int (*test_young)(struct mmu_notifier *notifier, struct mm_struct *mm,
			  unsigned long address);
	void (*release)(struct mmu_notifier *notifier, struct mm_struct *mm);
	void (*free_notifier)(struct mmu_notifier *notifier);
};

struct mmu_notifier {
	const struct mmu_notifier_ops *ops;
};

#endif /* SLAT_UNIT_LINUX_MMU_NOTIFIER_H */
