/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of the AMD-V backend share.  "APM" is AMD's architecture
 * programmer's manual, volume 2; the layout of its VMCB is the kernel's.
 */
#ifndef SLAT_SVM_SVM_H
#define SLAT_SVM_SVM_H

#include <linux/types.h>
#include <asm/svm.h>

#include "cpu/cpu.h"
#include "mmu/format.h"
#include "svm/tag.h"

/**
 * struct slat_svm - this host; written by setup, constant afterwards
 * @revision: of its AMD-V
 * @asids: TLB tags that its CPUs have, 0 and that of the host among them
 * @format: of its nested entries
 * @levels_5: the host's tables have five levels, and so have nested ones
 * @next_rip: exits say where the next instruction is
 * @decode_assists: exits by MOV CR and MOV DR say which register
 * @flush_by_asid: one ASID can be flushed
 * @tsc_scaling: a guest's TSC can count at another rate
 * @switches_tsc_aux: its CPUs have IA32_TSC_AUX
 * @has_debugctl: its CPUs have IA32_DEBUGCTL
 * @forgets_shadow: VMRUN does not take the interrupt shadow from the VMCB
 * @pause_filter: guests that spin for long exit
 * @has_invpcid: its CPUs have INVPCID
 * @iopm: which ports exit: all
 * @msrpm: which MSRs exit
 */
struct slat_svm {
	u32 revision;
	u32 asids;
	struct slat_pte_format format;
	bool levels_5;
	bool next_rip;
	bool decode_assists;
	bool flush_by_asid;
	bool tsc_scaling;
	bool switches_tsc_aux;
	bool has_debugctl;
	bool forgets_shadow;
	bool pause_filter;
	bool has_invpcid;
	void *iopm;
	void *msrpm;
};

extern struct slat_svm slat_svm;

/*
 * Bits of the VMCB's clean field: what of it a CPU that has run it last need not
 * read again (APM 15.15.3).
 */
#define SLAT_CLEAN_INTERCEPTS	BIT(0)	/* and the TSC offset */
#define SLAT_CLEAN_MAPS		BIT(1)
#define SLAT_CLEAN_ASID		BIT(2)
#define SLAT_CLEAN_TPR		BIT(3)	/* all of virtual interrupts */
#define SLAT_CLEAN_NP		BIT(4)	/* the nested root, PAT */
#define SLAT_CLEAN_CR		BIT(5)	/* and EFER */
#define SLAT_CLEAN_DR		BIT(6)
#define SLAT_CLEAN_DT		BIT(7)
#define SLAT_CLEAN_SEG		BIT(8)	/* and CPL */
#define SLAT_CLEAN_CR2		BIT(9)
#define SLAT_CLEAN_ALL		GENMASK(9, 0)

/**
 * struct slat_svm_vcpu - a guest CPU under AMD-V
 *
 * The thread that runs the vCPU owns it.
 *
 * @vmcb: its control structure
 * @changed: SLAT_CLEAN_* of what has been written there since its last exit
 * @last: the VMCB as it was at its last exit; where that is checked
 * @tag: its TLB tag
 * @entered: the last VMRUN was executed
 * @read_cr: intercepts of reads of control registers that the VMCB has with
 *	other bits than the guest's
 * @nmi_blocked: the guest is handling an NMI.  AMD-V does not know: it lasts
 *	until an IRET
 * @iret: that IRET is at @iret_rip, and over when RIP is another one
 * @iret_rip: see @iret
 * @trap: a single-step trap is due before the next instruction
 * @trapped: the last exit is that trap: there was no VMRUN
 * @stepping: the VMCB has TF set, for the host's sake
 * @own_tf: the guest's own TF then
 * @soft: a soft event that the last entry was to deliver; kind NONE: none
 * @soft_rip: RIP before it
 * @host_tsc_aux: the host's IA32_TSC_AUX, while a vCPU is loaded
 * @host_debugctl: the host's IA32_DEBUGCTL, while a vCPU is loaded
 */
struct slat_svm_vcpu {
	struct vmcb *vmcb;
	u32 changed;
	struct vmcb *last;
	struct slat_svm_tag tag;
	bool entered;
	u32 read_cr;
	bool nmi_blocked;
	bool iret;
	u64 iret_rip;
	bool trap;
	bool trapped;
	bool stepping;
	u64 own_tf;
	struct slat_event soft;
	u64 soft_rip;
	u64 host_tsc_aux;
	u64 host_debugctl;
};

static __always_inline struct slat_svm_vcpu *slat_svm_of(const struct slat_cpu *cpu)
{
	return cpu->hw;
}

/* vcpu.c */
int slat_svm_vcpu_alloc(struct slat_cpu *cpu);
void slat_svm_vcpu_free(struct slat_cpu *cpu);
void slat_svm_vcpu_load(struct slat_cpu *cpu);
void slat_svm_vcpu_put(struct slat_cpu *cpu);
void slat_svm_vcpu_enter(struct slat_cpu *cpu, bool again);

/* state.c */
void slat_svm_fetch(struct slat_cpu *cpu, u32 groups);
void slat_svm_flush(struct slat_cpu *cpu);

/* clean.c */
void slat_svm_clean_keep(struct slat_svm_vcpu *svm);
void slat_svm_clean_check(const struct slat_svm_vcpu *svm);

/* event.c */
void slat_svm_inject(struct slat_cpu *cpu);
void slat_svm_undelivered(struct slat_cpu *cpu, struct slat_event *event);

/* exit.c */
void slat_svm_vcpu_exit(struct slat_cpu *cpu, struct slat_exit *exit);

/* enter.S */
bool slat_svm_switch(u64 *gpr, u64 vmcb, u64 host);

#endif /* SLAT_SVM_SVM_H */
