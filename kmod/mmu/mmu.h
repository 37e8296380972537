/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest's memory: the slots that say where it comes from, the tables that
 * translate to it, and the notifier that tells when it goes away.
 */
#ifndef SLAT_MMU_MMU_H
#define SLAT_MMU_MMU_H

#include <linux/interval_tree.h>
#include <linux/kvm.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/slat.h>
#include <linux/wait.h>
#include <linux/xarray.h>

#include "hw.h"
#include "mmu/inval.h"
#include "mmu/ptab.h"
#include "mmu/ring.h"
#include "mmu/slotmap.h"

/* Slots that a VM may have, as many as KVM's. */
#define SLAT_SLOTS_MAX	32764

/* Entries that are read between two chances to run for others. */
#define SLAT_ZAP_BUDGET	4096

/* Where the registers of a local APIC are after RESET. */
#define SLAT_APIC_GFN	0xfee00ULL

/**
 * struct slat_dirty - which pages of a slot have been written
 * @refs: slots that share it, a slot and the one that replaces it
 * @words: length of each bitmap
 * @peeked: what somebody has been told, and may yet have to be told again;
 *	NULL: nobody.  slots_lock
 * @backlog: with rings: pages that no ring tells of yet; set by anybody, taken under
 *	slots_lock.  NULL without
 * @backlog_first: the first word of it that may have any; slat_mmu.backlog_lock
 * @backlog_end: after the last one; slat_mmu.backlog_lock
 * @bits: a bit a page; set by anybody, taken under slots_lock
 */
struct slat_dirty {
	refcount_t refs;
	unsigned long words;
	unsigned long *peeked;
	unsigned long *backlog;
	unsigned long backlog_first;
	unsigned long backlog_end;
	unsigned long bits[];
};

/**
 * struct slat_slot - a range of guest memory, and where it is
 * @gfn: its first guest frame
 * @pages: its length
 * @hva: where it begins in the address space of the VM's owner
 * @id: its number in the ABI
 * @flags: KVM_MEM_*
 * @dirty: what has been written; NULL where nobody asks
 * @by_gfn: in slat_mmu.by_gfn
 * @by_hva: in slat_mmu.by_hva
 * @rcu: to free it when no lookup has it any more
 * @changing: it comes or goes by the transaction that is being prepared; slots_lock
 *
 * Constant once it is published, but for @changing: a change replaces it.
 */
struct slat_slot {
	u64 gfn;
	u64 pages;
	unsigned long hva;
	u32 id;
	u32 flags;
	struct slat_dirty *dirty;
	struct rb_node by_gfn;
	struct interval_tree_node by_hva;
	struct rcu_head rcu;
	bool changing;
};

/**
 * struct slat_mmu - the memory of a VM
 * @ptab: its second-level tables
 * @hw: the backend
 * @mm: whose memory it is; compared only
 * @notifier: registered with @mm; NULL-safe until freed by it
 * @slots_lock: held by whoever changes slots
 * @by_gfn: slots by guest frame; changed under @slots_lock
 * @by_id: slots by number; @slots_lock
 * @changes: rises with each change that a slot in @by_gfn goes by, or is replaced;
 *	odd while several slots change as one; @slots_lock, read without
 * @opened: who waits for @changes to be even
 * @by_hva: slots by host address, those that are going away included;
 *	ptab.lock
 * @inval: host memory that is going away; ptab.lock, read without
 * @apic_page: what SLAT_APIC_GFN translates to where no slot backs it, for CPUs
 *	that know it; constant once there are vCPUs; NULL: none does
 * @apic_hidden: how many vCPUs have their registers elsewhere, which would see
 *	memory there; @slots_lock, read without
 * @manual_protect: KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE, KVM_DIRTY_LOG_INITIALLY_SET;
 *	@slots_lock
 * @logged: how many slots are logged; @slots_lock, read INSIDE
 * @ring_bytes: size of each vCPU's dirty ring, 0: there are none; @slots_lock, constant
 *	once there are vCPUs
 * @rings: of the vCPUs; @slots_lock
 * @backlog: some slot's log has one; one word that stands for itself
 * @backlog_lock: where in a log its backlog is
 * @shrunk: in shrink.c
 */
struct slat_mmu {
	struct slat_ptab ptab;
	const struct slat_hw_ops *hw;
	struct mm_struct *mm;
	struct mmu_notifier notifier;
	struct mutex slots_lock;	/* changes of slots */
	struct slat_slotmap by_gfn;
	struct xarray by_id;
	u64 changes;
	wait_queue_head_t opened;
	struct rb_root_cached by_hva;
	struct slat_inval inval;
	void *apic_page;
	unsigned int apic_hidden;
	u64 manual_protect;
	unsigned int logged;
	u32 ring_bytes;
	struct list_head rings;
	bool backlog;
	spinlock_t backlog_lock;	/* extent of backlogs */
	struct list_head shrunk;
};

/**
 * struct slat_walker - one who uses a VM's translations: a vCPU
 * @mmu: the VM's memory
 * @actor: what it is to the tables
 * @cache: tables in hand
 * @ring: what it has written, if user space wants to know it so
 * @around: frames that its last fault has mapped, and how many it was to be
 */
struct slat_walker {
	struct slat_mmu *mmu;
	struct slat_actor *actor;
	struct slat_cache cache;
	struct slat_ring ring;
	struct {
		u64 first;
		u64 end;
		unsigned int pages;
	} around;
};

/* shrink.c */
int slat_shrink_setup(void);
void slat_shrink_teardown(void);
void slat_shrink_add(struct slat_mmu *mmu);
void slat_shrink_remove(struct slat_mmu *mmu);

/* mmu.c */
struct slat_mmu *slat_mmu_create(const struct slat_hw_ops *hw);
void slat_mmu_destroy(struct slat_mmu *mmu);
bool slat_mmu_enter(struct slat_walker *walker, u64 *root);
void slat_mmu_leave(struct slat_walker *walker);

/* access.c */
int slat_mmu_read(struct slat_walker *walker, u64 gpa, void *data, unsigned int len);
int slat_mmu_write(struct slat_walker *walker, u64 gpa, const void *data, unsigned int len);
int slat_mmu_cmpxchg(struct slat_walker *walker, u64 gpa, const void *old, const void *new,
		     unsigned int len);

/* gate.c */
int slat_gate_sample(struct slat_mmu *mmu, u64 *changes);
bool slat_gate_same(const struct slat_mmu *mmu, u64 changes);
void slat_gate_close(struct slat_mmu *mmu);
void slat_gate_open(struct slat_mmu *mmu);
void slat_mmu_publish(struct slat_mmu *mmu);

/* walker.c */
int slat_walker_init(struct slat_walker *walker, struct slat_mmu *mmu);
void slat_walker_exit(struct slat_walker *walker);

/* fault.c */
int slat_mmu_prepare(struct slat_walker *walker);
unsigned int slat_mmu_leaf_level(const struct slat_mmu *mmu, const struct slat_slot *slot,
				 u64 gfn);
int slat_mmu_fault(struct slat_walker *walker, u64 gpa, u32 access);

/* populate.c */
long slat_walker_populate(struct slat_walker *walker, void __user *user, u64 flags);
long slat_mmu_populate(struct slat_mmu *mmu, void __user *user);

/* apic.c */
void slat_mmu_add_apic(struct slat_mmu *mmu);
void slat_mmu_free_apic(struct slat_mmu *mmu);
bool slat_mmu_apic_shows(const struct slat_mmu *mmu, u64 gfn);
void slat_mmu_hide_apic(struct slat_mmu *mmu, bool hide);
bool slat_mmu_apic_covered(const struct slat_mmu *mmu, const struct slat_slot *slot);

/* regions.c */
int slat_mmu_set_region(struct slat_mmu *mmu,
			const struct kvm_userspace_memory_region *region);

/* slots.c */
bool slat_mmu_find_slot(struct slat_mmu *mmu, u64 gfn, struct slat_slot *copy);
void slat_mmu_drop_slots(struct slat_mmu *mmu);

/* dirty.c */
struct slat_dirty *slat_dirty_alloc(struct slat_mmu *mmu, u64 pages);
void slat_dirty_put(struct slat_dirty *dirty);
const unsigned long *slat_dirty_final(struct slat_dirty *dirty);
void slat_dirty_extend_backlog(struct slat_mmu *mmu, struct slat_dirty *dirty,
			       unsigned long first, unsigned long end);
void slat_mmu_mark_dirty(struct slat_mmu *mmu, u64 gfn);
void slat_mmu_note_write(struct slat_walker *walker, const struct slat_slot *slot, u64 gfn);
void slat_mmu_note_writes(struct slat_walker *walker, const u64 *gpas, unsigned int count);
void slat_mmu_logging_begins(struct slat_mmu *mmu);
void slat_mmu_logging_ends(struct slat_mmu *mmu);
void slat_mmu_start_log(struct slat_mmu *mmu, const struct slat_slot *slot);

/** slat_mmu_logs() - whether CPUs are to log what guests write; INSIDE */
static inline bool slat_mmu_logs(const struct slat_mmu *mmu)
{
	return mmu->ptab.format->logs && READ_ONCE(mmu->logged);
}

/* log.c */
void slat_dirty_take_word(struct slat_batch *batch, const struct slat_slot *slot,
			  unsigned long word, unsigned long mask);
int slat_mmu_manual_protect(struct slat_mmu *mmu, u64 options);
int slat_mmu_get_dirty_log(struct slat_mmu *mmu, const struct kvm_dirty_log *log);
int slat_mmu_clear_dirty_log(struct slat_mmu *mmu, const struct kvm_clear_dirty_log *log);
int slat_mmu_peek_dirty(struct slat_mmu *mmu, struct slat_dirty_epoch *epoch,
			struct slat_dirty_epoch __user *user);
int slat_mmu_end_dirty(struct slat_mmu *mmu, const struct slat_dirty_epoch *epoch, bool abort);

/* notifier.c */
extern const struct mmu_notifier_ops slat_mmu_notifier_ops;

/* ioctl.c */
long slat_mmu_ioctl(struct slat_mmu *mmu, unsigned int cmd, unsigned long arg);
#ifdef CONFIG_COMPAT
long slat_mmu_compat_ioctl(struct slat_mmu *mmu, unsigned int cmd, unsigned long arg);
#endif

/* stats.c */
void slat_mmu_get_stats(struct slat_mmu *mmu, struct slat_vm_stats *stats);

/* zap.c */
void slat_mmu_unlink(struct slat_batch *batch, u64 first, u64 last);
void slat_mmu_zap_range(struct slat_mmu *mmu, u64 first, u64 last);
void slat_mmu_clean(struct slat_mmu *mmu, u64 first, u64 last);
void slat_mmu_split(struct slat_mmu *mmu, u64 first, u64 last);
void slat_mmu_zap_split(struct slat_mmu *mmu, const struct slat_slot *slot);
void slat_mmu_zap_all(struct slat_mmu *mmu);
void slat_mmu_expel(struct slat_mmu *mmu);

#endif /* SLAT_MMU_MMU_H */
