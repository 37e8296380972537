/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A vCPU: a guest CPU, the thread that runs it, and what it shares with user
 * space.
 */
#ifndef SLAT_VCPU_H
#define SLAT_VCPU_H

#include <linux/kvm.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/rcuwait.h>
#include <linux/signal.h>
#include <asm/fpu/api.h>
#include <asm/fpu/types.h>

#include "cpu/regs.h"
#include "hw.h"
#include "insn/exec.h"
#include "irq/irq.h"
#include "mmu/mmu.h"
#include "stats.h"
#include "vcpu/pv.h"

/* Pages that user space maps: kvm_run, PIO data, the coalesced ring. */
#define SLAT_RUN_PAGES	3

/* How many MSRs msr.c remembers for a guest. */
#define SLAT_STORED_MSRS	34

/* Banks of errors, as KVM's. */
#define SLAT_MCE_BANKS	32

/* What a vCPU counts: exits by reason, all of them, and two more. */
#define SLAT_VCPU_STATS	(SLAT_EXIT_REASONS + 3)

struct slat_config;
struct slat_vcpu;

/* An instruction has three accesses at most. */
#define SLAT_ACCESSES	3

/**
 * struct slat_execute - an instruction that is executed on the guest's behalf
 * @cpu: its registers
 * @insn: what it is
 * @bytes: its bytes, and maybe those after it
 * @log: data of the accesses that are complete
 * @logged: how many these are
 * @replayed: how many of them this execution has seen
 * @partial: what has been read of the access that is not complete
 * @done: bytes of it that are done
 * @fragment: bytes of it that user space is doing
 * @posted: user space is to do the last of them, and nothing is left to do here
 * @error: why it cannot go on, 0: it can
 */
struct slat_execute {
	struct slat_insn_cpu cpu;
	struct slat_insn insn;
	u8 bytes[SLAT_INSN_MAX_LEN];
	u8 log[SLAT_ACCESSES][SLAT_INSN_MAX_OPERAND];
	u8 logged;
	u8 replayed;
	u8 partial[SLAT_INSN_MAX_OPERAND];
	u8 done;
	u8 fragment;
	bool posted;
	int error;
};

/**
 * struct slat_mce - what a guest sees of machine checks
 * @cap: MCG_CAP
 * @status: MCG_STATUS
 * @ctl: MCG_CTL
 * @banks: of each bank CTL, STATUS, ADDR, MISC
 * @ctl2: of each bank
 */
struct slat_mce {
	u64 cap;
	u64 status;
	u64 ctl;
	u64 banks[SLAT_MCE_BANKS][4];
	u64 ctl2[SLAT_MCE_BANKS];
};

/**
 * struct slat_vapic - a word in the guest's memory that stands for its APIC
 * @address: where; 0: there is none
 * @given: the guest has been told of @tpr there
 * @tpr: the task priority then
 * @rip: where the guest last used the APIC's register instead, which is reported
 */
struct slat_vapic {
	u64 address;
	bool given;
	u8 tpr;
	u64 rip;
};

/* Returns 1 to run on, 0 to return to user space, or -errno. */
typedef int (*slat_complete_fn)(struct slat_vcpu *vcpu);

/**
 * struct slat_vcpu - a vCPU
 *
 * Locks: @mutex, but for what is tagged:
 *
 *	(c) constant from slat_vcpu_create() to slat_vcpu_free()
 *	(p) changed by the thread that holds @mutex, and by the preempt
 *	    notifier on that thread: with preemption off
 *	(u) user space writes it at any time: copied once, checked, then used
 *
 * @cpu: the guest CPU; see there
 * @config: (c) the settings of its VM; see there for its contents
 * @walker: its part in the translation of guest memory; its actor's word is
 *	read by all that take translations away
 * @mm: (c) whose memory that is
 * @mutex: held by whoever runs or looks at the vCPU
 * @id: (c) its number
 * @irq: (c) the interrupt controllers of its VM; see there
 * @apic: its local APIC, where that is in the kernel; see there
 * @has_apic: (c) it is
 * @look: somebody has something for the vCPU; anybody sets it, see interrupt.c
 * @thread: who has run it last; replaced under @mutex, read under RCU
 * @preempted: that thread was to go on in the guest, and another has its CPU
 * @wait: where its thread waits for that
 * @pages: (c) what user space maps; their contents (u)
 * @run: (c) the first of them; its contents (u)
 * @notifier: (p) tells when the thread loses or gets a CPU, while it is loaded
 * @fpu: the guest's FPU state while it is not in the registers
 * @signals: blocked during KVM_RUN
 * @signals_set: there are such signals
 * @cpuid: what CPUID tells the guest
 * @cpuid_count: how many leaves those are
 * @ran: the guest has been entered, and may have seen them
 * @exception: one that is due at the next entry; kind NONE: none
 * @payload: what @exception leaves in CR2 or DR6 when it is delivered
 * @has_payload: it does; only where user space has said so
 * @triple_fault: no exception can be delivered any more
 * @interrupt: the vector of an external interrupt that is due, -1: none
 * @nmis: NMIs that are due, two at most
 * @mp_state: KVM_MP_STATE_*
 * @apic_base: IA32_APIC_BASE
 * @msrs: those that are only remembered, see msr.c
 * @vapic: see there
 * @mce: its machine checks; see there
 * @tsc_khz: what the guest's TSC counts in a millisecond
 * @tsc_adjust: IA32_TSC_ADJUST: by how much the guest has changed it
 * @debug: KVM_GUESTDBG_*, as user space has asked
 * @debug_gd: and for all uses of the debug registers
 * @complete: what to do with user space's answer to the last exit
 * @complete_rip: where the guest was then; elsewhere, the answer is dropped
 * @pv: what it shares with a guest that knows of it; see there
 * @execute: the instruction that is being executed here
 * @exits: how often each reason has ended a stay; like the two that follow it
 *	changed under @mutex, read without
 * @mmio_exits: how often user space had to be the device
 * @signal_exits: how often a signal ended KVM_RUN
 * @msr_insn_len: of the RDMSR or WRMSR that is being completed
 * @pio: of the PIO exit that is being completed
 */
struct slat_vcpu {
	struct slat_cpu cpu;
	const struct slat_config *config;
	struct slat_walker walker;
	struct mm_struct *mm;
	struct mutex mutex;	/* the vCPU */
	u32 id;
	struct slat_irq *irq;
	struct slat_apic apic;
	bool has_apic;
	bool look;
	struct pid __rcu *thread;
	bool preempted;
	struct rcuwait wait;
	struct page *pages[SLAT_RUN_PAGES];
	struct kvm_run *run;
	struct preempt_notifier notifier;
	struct fpu_guest fpu;
	sigset_t signals;
	bool signals_set;
	struct kvm_cpuid_entry2 *cpuid;
	unsigned int cpuid_count;
	bool ran;
	struct slat_event exception;
	u64 payload;
	bool has_payload;
	bool triple_fault;
	int interrupt;
	unsigned int nmis;
	u32 mp_state;
	u64 apic_base;
	u64 msrs[SLAT_STORED_MSRS];
	struct slat_vapic vapic;
	struct slat_mce mce;
	u32 tsc_khz;
	u64 tsc_adjust;
	u32 debug;
	bool debug_gd;
	slat_complete_fn complete;
	u64 complete_rip;
	struct slat_pv pv;
	struct slat_execute execute;
	u64 exits[SLAT_EXIT_REASONS];
	u64 mmio_exits;
	u64 signal_exits;
	u8 msr_insn_len;
	struct {
		u8 size;
		u8 insn_len;
		u8 address_size;
		bool in;
		bool rep;
		u32 count;
		u64 linear;
	} pio;
};

/* vcpu.c */
struct slat_vcpu *slat_vcpu_create(const struct slat_config *config,
				   const struct slat_hw_ops *hw, struct slat_mmu *mmu,
				   struct slat_irq *irq, u32 id);
void slat_vcpu_free(struct slat_vcpu *vcpu);
void slat_vcpu_load(struct slat_vcpu *vcpu);
void slat_vcpu_put(struct slat_vcpu *vcpu);
void slat_vcpu_read_regs(struct slat_vcpu *vcpu, struct kvm_regs *regs);
void slat_vcpu_write_regs(struct slat_vcpu *vcpu, const struct kvm_regs *regs);
void slat_vcpu_read_sregs(struct slat_vcpu *vcpu, struct kvm_sregs *sregs);
int slat_vcpu_write_sregs(struct slat_vcpu *vcpu, const struct kvm_sregs *sregs);
long slat_vcpu_ioctl(struct slat_vcpu *vcpu, unsigned int cmd, unsigned long arg);
int slat_vcpu_mmap(struct slat_vcpu *vcpu, struct vm_area_struct *vma);

/* run.c */
void slat_vcpu_ask(struct slat_vcpu *vcpu, slat_complete_fn complete);
int slat_vcpu_run(struct slat_vcpu *vcpu);
bool slat_vcpu_yield_to(struct slat_vcpu *vcpu);
bool slat_vcpu_interrupts_open(struct slat_vcpu *vcpu);
bool slat_vcpu_nmis_open(struct slat_vcpu *vcpu);

/* interrupt.c */
void slat_vcpu_kick(struct slat_vcpu *vcpu);
bool slat_vcpu_wait(struct slat_vcpu *vcpu);
bool slat_vcpu_exit_eoi(struct slat_vcpu *vcpu);
u64 slat_vcpu_cr8(const struct slat_vcpu *vcpu);
void slat_vcpu_set_cr8(struct slat_vcpu *vcpu, u64 value);
void slat_vcpu_give_priority(struct slat_vcpu *vcpu);
void slat_vcpu_take_priority(struct slat_vcpu *vcpu);
int slat_vcpu_set_apic_base(struct slat_vcpu *vcpu, u64 value, bool guest);
bool slat_vcpu_mmio(struct slat_vcpu *vcpu, u64 gpa, void *data, unsigned int len, bool write);
u32 slat_vcpu_pio(struct slat_vcpu *vcpu, u16 port, void *data, u8 size, u32 count, bool in);
long slat_vcpu_get_lapic(struct slat_vcpu *vcpu, void __user *user);
long slat_vcpu_set_lapic(struct slat_vcpu *vcpu, const void __user *user);
long slat_vcpu_get_mp_state(struct slat_vcpu *vcpu, void __user *user);
long slat_vcpu_set_mp_state(struct slat_vcpu *vcpu, const void __user *user);

/* apicv.c */
int slat_vcpu_init_apicv(struct slat_vcpu *vcpu);
void slat_vcpu_exit_apicv(struct slat_vcpu *vcpu);
void slat_vcpu_choose_apicv(struct slat_vcpu *vcpu);
void slat_vcpu_give_apicv(struct slat_vcpu *vcpu);
void slat_vcpu_take_apicv(struct slat_vcpu *vcpu);

/* vapic.c */
long slat_vcpu_tpr_access(struct slat_vcpu *vcpu, void __user *user);
bool slat_vcpu_exit_tpr(struct slat_vcpu *vcpu);
long slat_vcpu_set_vapic(struct slat_vcpu *vcpu, const void __user *user);
void slat_vcpu_give_vapic(struct slat_vcpu *vcpu);
void slat_vcpu_take_vapic(struct slat_vcpu *vcpu);

/* exits.c */
int slat_vcpu_no_memory(struct slat_vcpu *vcpu);
int slat_vcpu_handle_exit(struct slat_vcpu *vcpu, struct slat_exit *exit);
bool slat_vcpu_handle_inside(struct slat_vcpu *vcpu, struct slat_exit *exit);

/* assist.c */
int slat_vcpu_assist(struct slat_vcpu *vcpu, struct slat_exit *exit);

/* cr.c */
int slat_vcpu_handle_cr(struct slat_vcpu *vcpu, const struct slat_exit *exit);
int slat_vcpu_handle_xsetbv(struct slat_vcpu *vcpu, const struct slat_exit *exit);
int slat_vcpu_load_pdptrs(struct slat_vcpu *vcpu);
int slat_vcpu_set_cr3(struct slat_vcpu *vcpu, u64 value);

/* execute.c */
enum slat_insn_mode slat_vcpu_insn_mode(struct slat_vcpu *vcpu);
int slat_vcpu_execute(struct slat_vcpu *vcpu);

/* linear.c */
int slat_vcpu_translate(struct slat_vcpu *vcpu, u64 linear, u32 access, bool user, u64 *gpa,
			u32 *error);

int slat_vcpu_access(struct slat_vcpu *vcpu, u64 linear, void *data, unsigned int len,
		     bool write);

int slat_vcpu_system_read(struct slat_vcpu *vcpu, u64 linear, void *data, unsigned int len,
			  bool written);
int slat_vcpu_system_write(struct slat_vcpu *vcpu, u64 linear, const void *data,
			   unsigned int len);

/* task.c */
int slat_vcpu_handle_task_switch(struct slat_vcpu *vcpu, const struct slat_exit *exit);

/* vector.c */
void slat_vector_read(unsigned int nr, void *data);
void slat_vector_write(unsigned int nr, const void *data, unsigned int len);

/* io.c */
int slat_vcpu_handle_io(struct slat_vcpu *vcpu, const struct slat_exit *exit);

/* msr.c */
int slat_vcpu_get_msr(struct slat_vcpu *vcpu, u32 index, u64 *value);
int slat_vcpu_set_msr(struct slat_vcpu *vcpu, u32 index, u64 value);
int slat_vcpu_guest_rdmsr(struct slat_vcpu *vcpu, u32 index, u64 *value);
int slat_vcpu_guest_wrmsr(struct slat_vcpu *vcpu, u32 index, u64 value);
void slat_vcpu_reset_msrs(struct slat_vcpu *vcpu);
long slat_msr_list(struct kvm_msr_list __user *user);
long slat_msr_feature_list(struct kvm_msr_list __user *user);
long slat_msr_features(struct kvm_msrs __user *user);
long slat_vcpu_msr_ioctl(struct slat_vcpu *vcpu, struct kvm_msrs __user *user, bool set);

/* tsc.c */
u64 slat_vcpu_tsc_of(const struct slat_vcpu *vcpu, u64 host);
u64 slat_vcpu_tsc(const struct slat_vcpu *vcpu);
void slat_vcpu_init_tsc(struct slat_vcpu *vcpu);
void slat_vcpu_set_tsc_offset(struct slat_vcpu *vcpu, u64 offset);
void slat_vcpu_sync_tsc(struct slat_vcpu *vcpu, u64 value);
void slat_vcpu_guest_set_tsc(struct slat_vcpu *vcpu, u64 value);
void slat_vcpu_guest_adjust_tsc(struct slat_vcpu *vcpu, u64 value);
int slat_vcpu_set_tsc_khz(struct slat_vcpu *vcpu, u32 khz);

/* mce.c */
long slat_mce_supported(u64 __user *user);
void slat_vcpu_reset_mce(struct slat_vcpu *vcpu);
long slat_vcpu_setup_mce(struct slat_vcpu *vcpu, const void __user *user);
long slat_vcpu_set_mce(struct slat_vcpu *vcpu, const void __user *user);
int slat_mce_get_msr(struct slat_vcpu *vcpu, u32 index, bool guest, u64 *value);
int slat_mce_set_msr(struct slat_vcpu *vcpu, u32 index, bool guest, u64 value);

/* msr_exit.c */
int slat_vcpu_handle_rdmsr(struct slat_vcpu *vcpu, const struct slat_exit *exit);
int slat_vcpu_handle_wrmsr(struct slat_vcpu *vcpu, const struct slat_exit *exit);

/* events.c */
void slat_vcpu_raise_event(struct slat_vcpu *vcpu, const struct slat_event *event);
void slat_vcpu_raise(struct slat_vcpu *vcpu, u8 vector);
void slat_vcpu_raise_error(struct slat_vcpu *vcpu, u8 vector, u32 error);
void slat_vcpu_undelivered(struct slat_vcpu *vcpu, const struct slat_event *event);
void slat_vcpu_read_events(struct slat_vcpu *vcpu, struct kvm_vcpu_events *events);
int slat_vcpu_write_events(struct slat_vcpu *vcpu, const struct kvm_vcpu_events *events);

void slat_vcpu_deliver_payload(struct slat_vcpu *vcpu);

/* debug.c */
int slat_vcpu_handle_step(struct slat_vcpu *vcpu, const struct slat_exit *exit);
int slat_vcpu_handle_debug(struct slat_vcpu *vcpu, const struct slat_exit *exit);
int slat_vcpu_handle_dr(struct slat_vcpu *vcpu, const struct slat_exit *exit);
long slat_vcpu_get_debugregs(struct slat_vcpu *vcpu, void __user *user);
long slat_vcpu_set_debugregs(struct slat_vcpu *vcpu, const void __user *user);
long slat_vcpu_set_guest_debug(struct slat_vcpu *vcpu, const void __user *user);

/* fpu.c */
long slat_vcpu_get_fpu(struct slat_vcpu *vcpu, void __user *user);
long slat_vcpu_set_fpu(struct slat_vcpu *vcpu, const void __user *user);
long slat_vcpu_get_xsave(struct slat_vcpu *vcpu, void __user *user);
long slat_vcpu_get_xsave2(struct slat_vcpu *vcpu, void __user *user);
long slat_vcpu_set_xsave(struct slat_vcpu *vcpu, const void __user *user);
long slat_vcpu_get_xcrs(struct slat_vcpu *vcpu, void __user *user);
long slat_vcpu_set_xcrs(struct slat_vcpu *vcpu, const void __user *user);

/* sregs2.c */
long slat_vcpu_get_sregs2(struct slat_vcpu *vcpu, void __user *user);
long slat_vcpu_set_sregs2(struct slat_vcpu *vcpu, const void __user *user);

/* attr.c */
long slat_dev_attr(const void __user *user, bool get);
long slat_vcpu_attr(struct slat_vcpu *vcpu, unsigned int cmd, const void __user *user);

/* stats.c */
extern const struct slat_stats_desc slat_vcpu_stats_descs[SLAT_VCPU_STATS];
void slat_vcpu_read_stats(const struct slat_vcpu *vcpu, u64 *values);

/* sync.c */
int slat_vcpu_sync_in(struct slat_vcpu *vcpu);
void slat_vcpu_sync_out(struct slat_vcpu *vcpu);

/* cpuid.c */
u64 slat_xcr0_offered(void);
void slat_vcpu_forget_cpuid(struct slat_vcpu *vcpu);
long slat_cpuid_emulated(struct kvm_cpuid2 __user *user);
long slat_cpuid_supported(struct kvm_cpuid2 __user *user);
long slat_vcpu_set_cpuid(struct slat_vcpu *vcpu, struct kvm_cpuid2 __user *user);
long slat_vcpu_get_cpuid(struct slat_vcpu *vcpu, struct kvm_cpuid2 __user *user);
bool slat_vcpu_has_mwait(struct slat_vcpu *vcpu);
bool slat_vcpu_has_tsc_adjust(const struct slat_vcpu *vcpu);
int slat_vcpu_handle_cpuid(struct slat_vcpu *vcpu, const struct slat_exit *exit);

#endif /* SLAT_VCPU_H */
