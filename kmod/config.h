/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What user space has asked of a VM as a whole: the VM owns it, its vCPUs read
 * it while they run.
 */
#ifndef SLAT_CONFIG_H
#define SLAT_CONFIG_H

#include <linux/compat.h>
#include <linux/kvm.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

#include "hw.h"

/* As many vCPUs as KVM's, and numbers for them. */
#define SLAT_VCPUS	1024
#define SLAT_VCPU_IDS	4096

/* Of KVM_GET_CLOCK and KVM_SET_CLOCK. */
#define SLAT_CLOCK_FLAGS	(KVM_CLOCK_TSC_STABLE | KVM_CLOCK_REALTIME | KVM_CLOCK_HOST_TSC)

/* Quirks that user space may turn off; on, as in KVM, until it does. */
#define SLAT_QUIRKS	(KVM_X86_QUIRK_LINT0_REENABLED | KVM_X86_QUIRK_CD_NW_CLEARED |	\
			 KVM_X86_QUIRK_LAPIC_MMIO_HOLE | KVM_X86_QUIRK_OUT_7E_INC_RIP |	\
			 KVM_X86_QUIRK_MISC_ENABLE_NO_MWAIT |				\
			 KVM_X86_QUIRK_FIX_HYPERCALL_INSN |				\
			 KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS)

struct slat_config;
struct slat_msr_filter;
struct slat_vcpu;

/**
 * struct slat_vm_ops - what a VM does for its vCPUs
 * @yield: the vCPU waits for another one: that may have the CPU instead; its
 *	thread, process context
 */
struct slat_vm_ops {
	void (*yield)(const struct slat_config *config, const struct slat_vcpu *vcpu);
};

/**
 * struct slat_clock - the paravirtual clock of a VM
 * @lock: all others
 * @tsc: the host's TSC at some time
 * @ns: the clock then
 * @generation: changes with the two; never 0; read without @lock to see that
 *	there is another
 */
struct slat_clock {
	struct mutex lock;	/* see above */
	u64 tsc;
	u64 ns;
	u32 generation;
};

/**
 * struct slat_tsc - where the TSCs of a VM's vCPUs are, as user space set one last
 * @lock: all others
 * @khz: what it counts in a millisecond; 0: there is none yet
 * @offset: of the host's, at that rate
 */
struct slat_tsc {
	struct mutex lock;	/* see above */
	u32 khz;
	u64 offset;
};

/**
 * struct slat_config - the settings of a VM
 *
 * Locks:
 *
 *	(l) @lock
 *	(w) one word that stands for itself: written with WRITE_ONCE() by any
 *	    call on the VM, read with READ_ONCE() by its vCPUs
 *	(r) replaced under @lock, read under RCU
 *
 * @ops: constant
 * @lock: held while vCPUs are counted, and while what they find is replaced
 * @vcpus: (l) how many there are, or are being created
 * @max_vcpu_id: (l) numbers of vCPUs are below it; 0: nobody has said, and
 *	there is no vCPU yet
 * @spared: (l) SLAT_SPARED_*, as @boot_id
 * @boot_id: (l) the number of the bootstrap processor; read by the creation of
 *	a vCPU that has been counted, after which it does not change
 * @tsc_khz: (w) of vCPUs that are created from now on; 0: as the host's
 * @mmu_pages: (w) what KVM_SET_NR_MMU_PAGES has said
 * @quirks_off: (w) KVM_X86_QUIRK_* that the guest shall not find
 * @msr_exits: (w) KVM_MSR_EXIT_REASON_* that user space wants to know of
 * @intercept_msrs: (w) @msr_filter denies an MSR that a guest reaches without
 *	an exit; read INSIDE, see slat_msr_filter_set()
 * @msr_filter: (r) which MSRs the guest may use; NULL: all it has
 * @emulation_exits: (w) every instruction that cannot be executed is user space's
 * @payloads: (w) user space knows of exceptions that are pending, and of payloads
 * @triple_faults: (w) user space knows of triple faults that are pending
 * @halt_poll_ns: (w) how long a vCPU in HLT keeps its CPU
 * @clock: constant; has its own lock
 * @tsc: constant; has its own lock
 * @hide_platform_info: (w) the guest cannot read MSR_PLATFORM_INFO
 */
struct slat_config {
	const struct slat_vm_ops *ops;
	struct mutex lock;	/* see above */
	unsigned int vcpus;
	u32 max_vcpu_id;
	u32 spared;
	u32 boot_id;
	u32 tsc_khz;
	u32 mmu_pages;
	u64 quirks_off;
	u32 msr_exits;
	bool intercept_msrs;
	struct slat_msr_filter __rcu *msr_filter;
	bool emulation_exits;
	bool payloads;
	bool triple_faults;
	bool hide_platform_info;
	u32 halt_poll_ns;
	struct slat_clock *clock;
	struct slat_tsc *tsc;
};

/** slat_config_quirk() - whether the guest finds a quirk of KVM's; any context */
static inline bool slat_config_quirk(const struct slat_config *config, u64 quirk)
{
	return !(READ_ONCE(config->quirks_off) & quirk);
}

/* caps.c */
long slat_caps_check(const struct slat_hw_ops *hw, unsigned long extension);
long slat_caps_enable(struct slat_config *config, const struct kvm_enable_cap *cap);

/* clock.c */
void slat_clock_rate(u32 khz, u32 *mul, s8 *shift);
void slat_clock_init(struct slat_clock *clock);
u32 slat_clock_read(struct slat_clock *clock, u64 *tsc, u64 *ns);
u64 slat_clock_wall(struct slat_clock *clock);
long slat_clock_get(struct slat_clock *clock, struct kvm_clock_data __user *user);
long slat_clock_set(struct slat_clock *clock, const struct kvm_clock_data __user *user);

/* msr_filter.c */
bool slat_msr_filter_allows(const struct slat_config *config, u32 index, u32 access);
long slat_msr_filter_set(struct slat_config *config, const struct kvm_msr_filter *filter);
void slat_msr_filter_free(struct slat_config *config);

/* tsc.c */
bool slat_tsc_khz_valid(const struct slat_hw_ops *hw, unsigned long khz);

#ifdef CONFIG_COMPAT
/* The same for 32-bit programs, whose pointers are shorter. */
struct slat_msr_filter_range32 {
	__u32 flags;
	__u32 nmsrs;
	__u32 base;
	compat_uptr_t bitmap;
};

struct slat_msr_filter32 {
	__u32 flags;
	struct slat_msr_filter_range32 ranges[KVM_MSR_FILTER_MAX_RANGES];
};

#define SLAT_SET_MSR_FILTER32	_IOW(KVMIO, 0xc6, struct slat_msr_filter32)

long slat_msr_filter_set32(struct slat_config *config, const void __user *user);
#endif

#endif /* SLAT_CONFIG_H */
