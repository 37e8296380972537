/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of the VT-x backend share.
 */
#ifndef SLAT_VMX_VMX_H
#define SLAT_VMX_VMX_H

#include <linux/types.h>

#include "cpu/cpu.h"
#include "mmu/format.h"
#include "vmx/caps.h"
#include "vmx/vmcs.h"

/**
 * struct slat_vmx - this host; written by setup, constant afterwards
 * @msrs: its capability MSRs
 * @caps: what they mean
 * @controls: how its guests run
 * @format: of its EPT entries
 * @no_guests: why none can run here; NULL: they can
 * @residency_ticks: of the preemption timer, 0: unbounded
 * @has_debugctl: its CPUs have IA32_DEBUGCTL
 */
struct slat_vmx {
	struct slat_vmx_msrs msrs;
	struct slat_vmx_caps caps;
	struct slat_vmx_controls controls;
	struct slat_pte_format format;
	const char *no_guests;
	u32 residency_ticks;
	bool has_debugctl;
};

extern struct slat_vmx slat_vmx;

struct perf_guest_switch_msr;

#define SLAT_VMX_SWITCHED_MSRS	6

/**
 * struct slat_vmx_cached - fields of a VMCS that change rarely, as they are there
 * @proc: primary controls
 * @proc2: secondary controls
 * @entry: VM-entry controls
 * @intercepts: exceptions that exit
 * @stay: the preemption timer's value
 * @root: the second-level root
 * @tsc_offset: what a guest's TSC is ahead
 * @tsc_ratio: its rate
 * @host_cr3: CR3 after an exit
 * @host_cr4: CR4 after an exit
 *
 * 0: not yet there; nothing of it is 0 but @intercepts and @tsc_offset, which are
 * written at first.
 */
struct slat_vmx_cached {
	u64 proc;
	u64 proc2;
	u64 entry;
	u64 intercepts;
	u64 stay;
	u64 root;
	u64 tsc_offset;
	u64 tsc_ratio;
	u64 host_cr3;
	u64 host_cr4;
};

/**
 * struct slat_vmx_host - what of the host VM exits do not restore, while a
 *	vCPU is loaded
 * @ds: selector of DS
 * @es: selector of ES
 * @fs: selector of FS
 * @gs: selector of GS
 * @ldt: selector of the LDT
 * @debugctl: IA32_DEBUGCTL
 * @msr: the host's values of the MSRs that host.c switches, of those in @switched
 * @now: what these MSRs hold
 * @switched: which of them hold the guest's
 * @counters: MSRs of perf that the guest has others of, in a stay
 * @counters_nr: how many
 */
struct slat_vmx_host {
	u16 ds, es, fs, gs, ldt;
	u64 debugctl;
	u64 msr[SLAT_VMX_SWITCHED_MSRS];
	u64 now[SLAT_VMX_SWITCHED_MSRS];
	unsigned long switched;
	const struct perf_guest_switch_msr *counters;
	int counters_nr;
};

/**
 * struct slat_vmx_vcpu - a guest CPU under VT-x
 *
 * The thread that runs the vCPU owns it.
 *
 * @vmcs: its control structure
 * @msr_bitmap: which MSRs it reaches without an exit
 * @passed: the same for those of x2APIC mode: by which of slat_cpu.apicv
 * @tpr_threshold: as in the VMCS
 * @eoi_exits: as slat_cpu.apic_eoi_exits, in the VMCS
 * @vpid: its TLB tag, 0: none
 * @flush_vpid: its TLB may hold what it has left on this CPU before, or what
 *	its control registers no longer say
 * @cached: see there
 * @entered: the last VM entry succeeded, or failed after it began
 * @reason: exit reason
 * @intr_info: exception or NMI that it exited for
 * @pml: where the CPU logs what the guest writes; NULL: nowhere
 * @stepping: the VMCS has TF set, for a single step
 * @own_tf: the guest's own TF then
 * @host: see there
 */
struct slat_vmx_vcpu {
	struct slat_vmcs vmcs;
	void *msr_bitmap;
	u32 passed;
	u32 tpr_threshold;
	u64 eoi_exits[4];
	u16 vpid;
	bool flush_vpid;
	struct slat_vmx_cached cached;
	bool entered;
	u32 reason;
	u32 intr_info;
	u64 *pml;
	bool stepping;
	u64 own_tf;
	struct slat_vmx_host host;
};

static __always_inline struct slat_vmx_vcpu *slat_vmx_of(const struct slat_cpu *cpu)
{
	return cpu->hw;
}

/* Single steps where the CPU has no exit for them. */
static inline bool slat_vmx_steps_by_tf(const struct slat_cpu *cpu)
{
	return cpu->want_step && !slat_vmx.controls.steps;
}

/* vcpu.c */
int slat_vmx_vcpu_alloc(struct slat_cpu *cpu);
void slat_vmx_vcpu_free(struct slat_cpu *cpu);
void slat_vmx_vcpu_load(struct slat_cpu *cpu);
void slat_vmx_vcpu_put(struct slat_cpu *cpu);
void slat_vmx_vcpu_enter(struct slat_cpu *cpu, bool again);

/* apicv.c */
void slat_vmx_apicv_init(struct slat_cpu *cpu);
u32 slat_vmx_apicv_proc2(const struct slat_cpu *cpu);
void slat_vmx_apicv_flush(struct slat_cpu *cpu);

/* pml.c */
int slat_vmx_pml_alloc(struct slat_vmx_vcpu *vmx);
void slat_vmx_pml_free(struct slat_vmx_vcpu *vmx);
void slat_vmx_pml_init(struct slat_vmx_vcpu *vmx);
void slat_vmx_pml_take(struct slat_cpu *cpu);

/* host.c */
void slat_vmx_host_init(void);
void slat_vmx_host_moved(void);
void slat_vmx_host_load(struct slat_cpu *cpu);
void slat_vmx_host_put(struct slat_cpu *cpu);
void slat_vmx_host_fetch(struct slat_cpu *cpu);
void slat_vmx_host_flush(struct slat_cpu *cpu);
void slat_vmx_host_refresh(struct slat_cpu *cpu);
void slat_vmx_host_leave(struct slat_cpu *cpu);
void slat_vmx_host_back(struct slat_cpu *cpu);

/* state.c */
void slat_vmx_fetch(struct slat_cpu *cpu, u32 groups);
void slat_vmx_flush(struct slat_cpu *cpu);

/* exit.c */
void slat_vmx_vcpu_exit(struct slat_cpu *cpu, struct slat_exit *exit);

/* enter.S */
bool slat_vmx_switch(u64 *gpr, bool launched);
extern char slat_vmx_exit_point[];

#endif /* SLAT_VMX_VMX_H */
