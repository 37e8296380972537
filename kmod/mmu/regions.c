// SPDX-License-Identifier: GPL-2.0-only
/*
 * Changes of slots, several as one: all of them or none, and no vCPU sees some of
 * them only.
 *
 * Everything that can fail comes first: what is new is allocated, checked and
 * given its number.  From there on nothing can.
 *
 *	a slot comes, goes, or gets other flags		more than that
 *	---------------------------------------		--------------
 *							close the gate
 *							drop translations, wait
 *	publish						publish
 *	pass						open the gate
 *	drop translations, wait
 *
 * Left, walkers go on; each lookup finds the one slot before or after its change.
 * Right, nobody looks a slot up in between, and all that was written to a slot
 * that goes is known before it has gone.
 */
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/overflow.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "mmu/slots.h"

/**
 * struct change - what becomes of one slot
 * @old: what it is; NULL: not there.  Both NULL: it stays
 * @new: what it will be; NULL: not there
 * @final: where the last bits of the old one's log go, or NULL
 * @gap_first: lowest guest frame around the old one that no other slot has
 * @gap_last: highest one
 */
struct change {
	struct slat_slot *old;
	struct slat_slot *new;
	struct slat_final *final;
	u64 gap_first;
	u64 gap_last;
};

/**
 * struct transaction - changes that are made as one
 * @mmu: of this memory; its slots_lock is held
 * @changes: what they are
 * @count: how many
 * @effective: of these, how many change anything
 * @gated: nobody looks a slot up meanwhile
 * @replaces: something that was there is not any more
 * @like_kvm: memory and size of a slot do not change
 */
struct transaction {
	struct slat_mmu *mmu;
	struct change *changes;
	unsigned int count;
	unsigned int effective;
	bool gated;
	bool replaces;
	bool like_kvm;
};

static bool same_frames(const struct slat_slot *old, const struct slat_slot *new)
{
	return old->gfn == new->gfn && old->pages == new->pages;
}

/* What maps the old slot is wrong for the new one. */
static bool drops(const struct change *change)
{
	const struct slat_slot *old = change->old, *new = change->new;

	return old && (!new || !same_frames(old, new) || old->hva != new->hva ||
		       (old->flags ^ new->flags) & KVM_MEM_READONLY || change->final);
}

static bool covers_apic(const struct transaction *transaction, const struct change *change)
{
	return change->new && slat_mmu_apic_covered(transaction->mmu, change->new);
}

/* Last bits are of a log that ends where it is: by its flag, or with its slot. */
static int check_final(const struct change *change, const struct slat_memory_region *region)
{
	const struct slat_slot *old = change->old;

	if (!old || !old->dirty)
		return -ENOENT;
	if (slat_final_len(change->final) != slat_slot_log_bytes(old))
		return -EINVAL;
	if (region->memory_size && region->flags & KVM_MEM_LOG_DIRTY_PAGES &&
	    region->guest_phys_addr >> PAGE_SHIFT == old->gfn &&
	    region->userspace_addr == old->hva &&
	    region->memory_size >> PAGE_SHIFT == old->pages)
		return -EINVAL;
	return 0;
}

/* Finds the old slot and makes the new one, under its number. */
static int prepare_change(struct transaction *transaction, struct change *change,
			  const struct slat_memory_region *region)
{
	struct slat_mmu *mmu = transaction->mmu;
	struct slat_slot *old = xa_load(&mmu->by_id, region->slot), *new;
	bool same_memory;
	int err;

	if (old && old->changing)
		return -EINVAL;
	change->old = old;
	if (change->final) {
		err = check_final(change, region);
		if (err)
			goto forget;
	}
	err = -EINVAL;
	if (!region->memory_size) {
		if (!old)
			return err;
		goto mark;
	}
	same_memory = old && old->pages == region->memory_size >> PAGE_SHIFT &&
		      old->hva == region->userspace_addr;
	if (same_memory && old->gfn == region->guest_phys_addr >> PAGE_SHIFT &&
	    old->flags == region->flags) {
		change->old = NULL;
		return 0;
	}

	if (transaction->like_kvm && old &&
	    (!same_memory || (old->flags ^ region->flags) & KVM_MEM_READONLY))
		goto forget;
	err = -ENOMEM;
	new = slat_slot_make(mmu, region, old, same_memory && old->dirty && !change->final);
	if (!new)
		goto forget;
	err = xa_err(xa_store(&mmu->by_id, new->id, new, GFP_KERNEL_ACCOUNT));
	if (err) {
		slat_slot_unmake(mmu, new);
		goto forget;
	}
	new->changing = true;
	change->new = new;
mark:
	if (old) {
		old->changing = true;
		slat_slot_gap(mmu, old, &change->gap_first, &change->gap_last);
	}
	transaction->effective++;
	return 0;

forget:
	change->old = NULL;
	return err;
}

/* The others' slots first, then those of this transaction. */
static int check_overlaps(struct transaction *transaction)
{
	struct slat_slotmap *map = &transaction->mmu->by_gfn;
	struct slat_slotmap fresh;
	unsigned int i;

	slat_slotmap_init(&fresh);
	for (i = 0; i < transaction->count; i++) {
		struct slat_slot *new = transaction->changes[i].new, *other;

		if (!new)
			continue;
		for (other = slat_slotmap_first(map, new->gfn);
		     other && other->gfn <= slat_slot_last(new);
		     other = slat_slotmap_next(other))
			if (!other->changing)
				return -EEXIST;
		if (transaction->count == 1)
			break;
		other = slat_slotmap_first(&fresh, new->gfn);
		if (other && other->gfn <= slat_slot_last(new))
			return -EEXIST;
		slat_slotmap_insert(&fresh, new);
	}
	return 0;
}

/* As if slat_slot_make() and all that had not been. */
static void undo(struct transaction *transaction)
{
	struct slat_mmu *mmu = transaction->mmu;
	unsigned int i;

	for (i = 0; i < transaction->count; i++) {
		struct change *change = &transaction->changes[i];

		if (change->old)
			change->old->changing = false;
		if (!change->new)
			continue;
		/* In the place of another entry: allocates nothing. */
		if (change->old)
			xa_store(&mmu->by_id, change->old->id, change->old, GFP_KERNEL_ACCOUNT);
		else
			xa_erase(&mmu->by_id, change->new->id);
		slat_slot_unmake(mmu, change->new);
	}
}

static int prepare(struct transaction *transaction, const struct slat_memory_region *regions)
{
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < transaction->count; i++)
		err = prepare_change(transaction, &transaction->changes[i], &regions[i]);
	if (!err)
		err = check_overlaps(transaction);
	if (err)
		undo(transaction);
	return err;
}

/* What has to be known before anything is changed. */
static void look_ahead(struct transaction *transaction)
{
	unsigned int i;

	transaction->gated = transaction->effective > 1;
	for (i = 0; i < transaction->count; i++) {
		struct change *change = &transaction->changes[i];

		if (change->old || covers_apic(transaction, change))
			transaction->replaces = true;
		/*
		 * More than a slot that goes: nobody has some of it here, some there.  A
		 * write that is known only when its guest is left is noted by the slot.
		 */
		if (drops(change) && (change->new || change->old->dirty))
			transaction->gated = true;
	}
}

static void drop_translations(struct transaction *transaction)
{
	struct slat_mmu *mmu = transaction->mmu;
	struct slat_batch batch = { .ptab = &mmu->ptab };
	unsigned int i;

	for (i = 0; i < transaction->count; i++) {
		struct change *change = &transaction->changes[i];

		if (covers_apic(transaction, change))
			slat_mmu_unlink(&batch, SLAT_APIC_GFN, SLAT_APIC_GFN);
		if (drops(change)) {
			u64 first = change->old->gfn, last = slat_slot_last(change->old);

			slat_ptab_widen(&mmu->ptab, change->gap_first, change->gap_last, &first,
					&last);
			slat_mmu_unlink(&batch, first, last);
		}
	}
	/* The last epoch is the latest. */
	slat_batch_commit(&batch);
}

/* Old slots first: only then there is room for the new ones. */
static void publish(struct transaction *transaction)
{
	struct slat_slotmap *map = &transaction->mmu->by_gfn;
	unsigned int i;

	for (i = 0; i < transaction->count; i++) {
		struct change *change = &transaction->changes[i];

		if (!change->old)
			continue;
		slat_slotmap_begin(map);
		if (change->new && same_frames(change->old, change->new))
			slat_slotmap_replace(map, change->old, change->new);
		else
			slat_slotmap_remove(map, change->old);
		slat_slotmap_end(map);
	}
	for (i = 0; i < transaction->count; i++) {
		struct change *change = &transaction->changes[i];

		if (!change->new || (change->old && same_frames(change->old, change->new)))
			continue;
		slat_slotmap_begin(map);
		slat_slotmap_insert(map, change->new);
		slat_slotmap_end(map);
	}
}

/* Begins and ends logs of slots that keep their translations. */
static void switch_logs(struct transaction *transaction)
{
	struct slat_mmu *mmu = transaction->mmu;
	unsigned int i;

	for (i = 0; i < transaction->count; i++) {
		struct change *change = &transaction->changes[i];
		struct slat_slot *old = change->old, *new = change->new;

		if (!old || !new || drops(change))
			continue;
		if (new->dirty && !old->dirty)
			slat_mmu_start_log(mmu, new);
		else if (old->dirty && !new->dirty)
			slat_mmu_zap_split(mmu, new);
	}
}

/* Nobody finds the old slots any more, nor uses what mapped them. */
static void forget_old(struct transaction *transaction)
{
	struct slat_mmu *mmu = transaction->mmu;
	unsigned int i;

	for (i = 0; i < transaction->count; i++) {
		struct change *change = &transaction->changes[i];

		if (change->new)
			change->new->changing = false;
		if (!change->old)
			continue;
		if (!change->new)
			xa_erase(&mmu->by_id, change->old->id);
		if (change->final)
			slat_final_write(change->final, slat_dirty_final(change->old->dirty));
		slat_slot_retire(mmu, change->old);
	}
}

/* Cannot fail. */
static void commit(struct transaction *transaction)
{
	struct slat_mmu *mmu = transaction->mmu;
	unsigned int i;

	look_ahead(transaction);
	for (i = 0; i < transaction->count; i++)
		if (transaction->changes[i].new)
			slat_slot_link(mmu, transaction->changes[i].new);

	if (transaction->gated) {
		slat_gate_close(mmu);
		drop_translations(transaction);
		publish(transaction);
		slat_gate_open(mmu);
	} else {
		publish(transaction);
		if (transaction->replaces) {
			slat_mmu_publish(mmu);
			drop_translations(transaction);
		}
	}
	switch_logs(transaction);
	forget_old(transaction);
}

static int set_regions(struct transaction *transaction, const struct slat_memory_region *regions)
{
	struct slat_mmu *mmu = transaction->mmu;
	unsigned int i;
	int err;

	for (i = 0; i < transaction->count; i++) {
		err = slat_slot_check(mmu, &regions[i]);
		if (err)
			return err;
	}
	mutex_lock(&mmu->slots_lock);
	err = prepare(transaction, regions);
	if (!err && transaction->effective)
		commit(transaction);
	mutex_unlock(&mmu->slots_lock);
	return err;
}

/**
 * slat_mmu_set_regions() - SLAT_SET_MEMORY_REGIONS: change slots, all as one
 * @mmu: the memory
 * @regions: what slots are to be, each at most once; size 0: gone
 * @finals: for each region, where the last bits of its slot's log go, or NULL
 * @count: how many
 *
 * Process context of the VM's owner.  When it returns, no vCPU uses anything
 * that the slots were before, and none has ever seen some of the changes without
 * the others.  Other slots keep their translations.
 *
 * Return: 0; else nothing has changed: -EINVAL: the ABI does not allow it; -EEXIST:
 * the frames belong to another slot; -ENOENT: last bits of a log that is not; -ENOMEM.
 */
int slat_mmu_set_regions(struct slat_mmu *mmu, const struct slat_memory_region *regions,
			 struct slat_final **finals, unsigned int count)
{
	struct transaction transaction = { .mmu = mmu, .count = count };
	unsigned int i;
	int err;

	transaction.changes = kvcalloc(count, sizeof(*transaction.changes), GFP_KERNEL_ACCOUNT);
	if (!transaction.changes)
		return -ENOMEM;
	for (i = 0; i < count; i++)
		transaction.changes[i].final = finals[i];
	err = set_regions(&transaction, regions);
	kvfree(transaction.changes);
	return err;
}

/**
 * slat_mmu_set_region() - KVM_SET_USER_MEMORY_REGION
 * @mmu: the memory
 * @region: what the slot is to be; size 0: gone
 *
 * As slat_mmu_set_regions(), but neither size, nor memory, nor whether it is
 * read-only changes while there is the slot.
 *
 * Return: as slat_mmu_set_regions().
 */
int slat_mmu_set_region(struct slat_mmu *mmu, const struct kvm_userspace_memory_region *region)
{
	struct slat_memory_region same = {
		.slot = region->slot,
		.flags = region->flags,
		.guest_phys_addr = region->guest_phys_addr,
		.memory_size = region->memory_size,
		.userspace_addr = region->userspace_addr,
	};
	struct change change = { };
	struct transaction transaction = {
		.mmu = mmu, .changes = &change, .count = 1, .like_kvm = true,
	};

	return set_regions(&transaction, &same);
}
