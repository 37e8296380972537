/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * Slat's own part of the ABI of /dev/slat: what KVM's ioctls cannot say.
 *
 * The rest of the ABI is KVM's, from <linux/kvm.h>.  New calls and new fields
 * are announced by feature bits in struct slat_info, never by a version.
 */
#ifndef _UAPI_LINUX_SLAT_H
#define _UAPI_LINUX_SLAT_H

#include <linux/const.h>
#include <linux/ioctl.h>
#include <linux/types.h>

/* The ioctl letter, apart from KVM's 0xAE. */
#define SLAT_IOC	0xBE

#define SLAT_VERSION_LEN	32

/* slat_info.backend */
#define SLAT_BACKEND_VMX	1
#define SLAT_BACKEND_SVM	2

/* slat_info.features: what this module can do beyond KVM's ABI */
#define SLAT_FEATURE_INFO	_BITULL(0)	/* SLAT_GET_INFO */
#define SLAT_FEATURE_ZAP_ALL	_BITULL(1)	/* SLAT_ZAP_ALL */
#define SLAT_FEATURE_STATS	_BITULL(2)	/* SLAT_GET_STATS */
#define SLAT_FEATURE_REGIONS	_BITULL(3)	/* SLAT_SET_MEMORY_REGIONS */
#define SLAT_FEATURE_POPULATE	_BITULL(4)	/* SLAT_POPULATE */
#define SLAT_FEATURE_DIRTY_EPOCHS _BITULL(5)	/* SLAT_PEEK_DIRTY and what ends it */

/*
 * slat_info.hw_caps: what every CPU of this host offers to a guest's VMM.
 * Names are neutral where vendors agree (second-level translation, tagged
 * TLB), and the vendor's where they do not.
 */
#define SLAT_HW_SLAT			_BITULL(0)	/* EPT, NPT */
#define SLAT_HW_SLAT_2M			_BITULL(1)
#define SLAT_HW_SLAT_1G			_BITULL(2)
#define SLAT_HW_SLAT_5LEVEL		_BITULL(3)
#define SLAT_HW_SLAT_AD			_BITULL(4)	/* accessed and dirty bits */
#define SLAT_HW_SLAT_EXEC_ONLY		_BITULL(5)
#define SLAT_HW_TLB_TAGS		_BITULL(6)	/* VPID, ASID */
#define SLAT_HW_UNRESTRICTED_GUEST	_BITULL(7)	/* real mode runs natively */
#define SLAT_HW_PML			_BITULL(8)	/* page-modification logging */
#define SLAT_HW_PREEMPTION_TIMER	_BITULL(9)
#define SLAT_HW_TSC_SCALING		_BITULL(10)
#define SLAT_HW_TPR_SHADOW		_BITULL(11)
#define SLAT_HW_APIC_REGISTERS		_BITULL(12)	/* APIC-register virtualisation */
#define SLAT_HW_VIRTUAL_INTERRUPTS	_BITULL(13)	/* virtual-interrupt delivery */
#define SLAT_HW_POSTED_INTERRUPTS	_BITULL(14)
#define SLAT_HW_VIRTUAL_NMIS		_BITULL(15)
#define SLAT_HW_PAUSE_LOOP		_BITULL(16)	/* PAUSE-loop exiting */
#define SLAT_HW_SHADOW_VMCS		_BITULL(17)
#define SLAT_HW_XSAVES			_BITULL(18)
#define SLAT_HW_MODE_BASED_EXEC		_BITULL(19)
#define SLAT_HW_APIC_ACCESS		_BITULL(20)	/* APIC-access page */
#define SLAT_HW_VIRTUAL_X2APIC		_BITULL(21)	/* x2APIC mode in the guest */

/**
 * struct slat_info - what the module and the host offer (SLAT_GET_INFO)
 * @flags: in: must be zero
 * @backend: out: SLAT_BACKEND_*
 * @features: out: SLAT_FEATURE_* bits
 * @hw_caps: out: SLAT_HW_* bits, those that every online CPU has
 * @version: out: the module's version, NUL-terminated
 * @host_phys_bits: out: width of a host physical address
 * @guest_phys_bits: out: width of the largest guest physical address that
 *	second-level translation reaches
 * @slat_levels: out: levels of the deepest second-level table, 0 without
 * @tlb_tags: out: how many guests' translations a CPU keeps apart, 0 or 1
 *	without tags
 * @max_residency_us: out: upper bound, in microseconds, of a vCPU's stay in
 *	the guest without a VM exit; 0: unbounded
 * @cpus: out: online CPUs on which virtualisation is on
 * @vmcs_revision: out: VMCS revision identifier (VMX), else 0
 * @reserved: in: must be zero; out: zero
 */
struct slat_info {
	__u32 flags;
	__u32 backend;
	__aligned_u64 features;
	__aligned_u64 hw_caps;
	char version[SLAT_VERSION_LEN];
	__u32 host_phys_bits;
	__u32 guest_phys_bits;
	__u32 slat_levels;
	__u32 tlb_tags;
	__u32 max_residency_us;
	__u32 cpus;
	__u32 vmcs_revision;
	__u32 reserved[21];
};

/* On /dev/slat. */
#define SLAT_GET_INFO	_IOWR(SLAT_IOC, 0x00, struct slat_info)

/* On a VM: drop every translation, in constant time.  The argument is 0. */
#define SLAT_ZAP_ALL	_IO(SLAT_IOC, 0x01)

/**
 * struct slat_vm_stats - what has happened to a VM's translations
 *	(SLAT_GET_STATS)
 * @flags: in: 0
 * @pad: in: 0
 * @faults: out: second-level faults
 * @fault_retries: out: of these, given up because memory was going away
 * @installs: out: leaves installed, or given more rights
 * @cmpxchg_lost: out: entries that another fault was first to change
 * @splits: out: huge leaves split
 * @batches: out: mutations that removed or narrowed something
 * @waits: out: of these, had to wait for a vCPU
 * @ipis_sent: out: interrupts sent to make a vCPU leave the guest
 * @ipis_saved: out: interrupts not sent because an earlier one does
 * @flushes: out: TLB invalidations before an entry
 * @zaps: out: times that all translations were dropped
 * @tables_allocated: out: pages for tables allocated so far
 * @tables_freed: out: of these, freed again
 * @tables_unlinked: out: subtrees that wait to be used again, or freed
 * @reserved: in: 0
 *
 * A snapshot: counters go on while it is taken.
 */
struct slat_vm_stats {
	__u32 flags;
	__u32 pad;
	__u64 faults;
	__u64 fault_retries;
	__u64 installs;
	__u64 cmpxchg_lost;
	__u64 splits;
	__u64 batches;
	__u64 waits;
	__u64 ipis_sent;
	__u64 ipis_saved;
	__u64 flushes;
	__u64 zaps;
	__u64 tables_allocated;
	__u64 tables_freed;
	__u64 tables_unlinked;
	__u64 reserved[17];
};

/* On a VM. */
#define SLAT_GET_STATS	_IOWR(SLAT_IOC, 0x02, struct slat_vm_stats)

/**
 * struct slat_memory_region - what a slot is to be (SLAT_SET_MEMORY_REGIONS)
 * @slot: its number, as in struct kvm_userspace_memory_region, and so
 * @flags: KVM_MEM_*,
 * @guest_phys_addr: where the guest has it,
 * @memory_size: its size in bytes, 0: no slot, and
 * @userspace_addr: where its memory is
 * @dirty_bitmap: where to write the last bits of its dirty log, laid out as by
 *	KVM_GET_DIRTY_LOG; 0: nowhere
 * @dirty_bitmap_size: the size of that in bytes: a bit a page, in words of 64
 * @reserved: 0
 */
struct slat_memory_region {
	__u32 slot;
	__u32 flags;
	__aligned_u64 guest_phys_addr;
	__aligned_u64 memory_size;
	__aligned_u64 userspace_addr;
	__aligned_u64 dirty_bitmap;
	__aligned_u64 dirty_bitmap_size;
	__aligned_u64 reserved[2];
};

/**
 * struct slat_memory_regions - changes of slots that are made as one
 * @flags: 0
 * @count: how many
 * @regions: address of an array of struct slat_memory_region, each of another slot
 * @reserved: 0
 */
struct slat_memory_regions {
	__u32 flags;
	__u32 count;
	__aligned_u64 regions;
	__aligned_u64 reserved[2];
};

/* On a VM. */
#define SLAT_SET_MEMORY_REGIONS	_IOW(SLAT_IOC, 0x03, struct slat_memory_regions)

/* slat_populate.flags: the guest is going to write to all of it */
#define SLAT_POPULATE_WRITE	_BITULL(0)

/**
 * struct slat_populate - guest memory to map before the guest uses it
 *	(SLAT_POPULATE)
 * @gpa: in: from this guest-physical address; out: from where on it is left to do
 * @size: in: so many bytes; out: so many are left
 * @flags: in: SLAT_POPULATE_*
 * @reserved: in: 0
 *
 * The layout of struct kvm_pre_fault_memory.
 */
struct slat_populate {
	__u64 gpa;
	__u64 size;
	__u64 flags;
	__u64 reserved[5];
};

/* On a VM. */
#define SLAT_POPULATE	_IOWR(SLAT_IOC, 0x04, struct slat_populate)

/**
 * struct slat_dirty_epoch - pages of a slot that have been written, for a consumer
 *	that may fail (SLAT_PEEK_DIRTY, SLAT_COMMIT_DIRTY, SLAT_ABORT_DIRTY)
 * @slot: in: number of the slot
 * @flags: in: 0
 * @bitmap: in: SLAT_PEEK_DIRTY: where to write a bit a page, in words of 64 bits;
 *	else 0
 * @pages: out: SLAT_PEEK_DIRTY: how many bits are set; in: else 0
 * @reserved: in: 0
 */
struct slat_dirty_epoch {
	__u32 slot;
	__u32 flags;
	__aligned_u64 bitmap;
	__aligned_u64 pages;
	__aligned_u64 reserved[5];
};

/*
 * On a VM: begin an epoch of a slot's dirty log: its bits are written out, and kept
 * until the epoch ends.  Commit: the consumer has them.  Abort: they are set again.
 */
#define SLAT_PEEK_DIRTY		_IOWR(SLAT_IOC, 0x05, struct slat_dirty_epoch)
#define SLAT_COMMIT_DIRTY	_IOW(SLAT_IOC, 0x06, struct slat_dirty_epoch)
#define SLAT_ABORT_DIRTY	_IOW(SLAT_IOC, 0x07, struct slat_dirty_epoch)

#endif /* _UAPI_LINUX_SLAT_H */
