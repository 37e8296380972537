/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a hardware backend offers to the rest of the module.  It speaks of
 * CPUs, never of one vendor's control structures.  "cpu" is a CPU of this
 * host, "vcpu" one of a guest.
 */
#ifndef SLAT_HW_H
#define SLAT_HW_H

#include <linux/types.h>
#include <linux/slat.h>

#include "cpu/cpu.h"
#include "mmu/format.h"

/**
 * struct slat_hw_config - what the administrator asks of a backend
 * @residency_us: longest stay of a vCPU in the guest without a VM exit, in
 *	microseconds; 0: unbounded
 * @apicv: what of a local APIC the CPUs may do, where they can: SLAT_APICV_*
 * @pause_loop: a guest that spins for long exits, where the CPUs can
 * @pml: the CPUs log what guests write, where they can
 */
struct slat_hw_config {
	unsigned int residency_us;
	u32 apicv;
	bool pause_loop;
	bool pml;
};

/**
 * struct slat_why - why virtualisation cannot be had
 * @text: the reason, a static string; NULL where the error says enough
 * @cpu: the CPU that it holds for; -1: all of them
 */
struct slat_why {
	const char *text;
	int cpu;
};

/* Last bytes of the instructions for hypercalls: 0F 01 xx. */
#define SLAT_VMCALL	0xc1
#define SLAT_VMMCALL	0xd9

/**
 * struct slat_hw_ops - one vendor's virtualisation
 * @name: what the vendor calls it
 * @hypercall: which of SLAT_VMCALL and SLAT_VMMCALL its CPUs have
 * @ident: whether this host has it; changes nothing.  0; -ENODEV: its CPUs
 *	have nothing of the kind; -EOPNOTSUPP and the reason in @why
 * @setup: read the capabilities of this host and allocate what its CPUs need;
 *	process context, once, before any @cpu_enable.  0, -ENOMEM, or
 *	-EOPNOTSUPP and the reason in @why
 * @teardown: undo @setup; virtualisation is off on every CPU
 * @cpu_enable: turn this CPU's virtualisation on and leave no translation of
 *	an earlier owner in its TLB; interrupts off.  0, -EBUSY where somebody
 *	else has turned it on, -EOPNOTSUPP where this CPU is not like those
 *	that @setup saw, -EIO where the CPU refused; the reason in @why
 * @cpu_disable: turn it off on this CPU; interrupts off
 * @cpu_emergency: the same in any context, NMI included, whatever state the
 *	CPU is in; takes no lock
 * @describe: fill in the backend's part of what SLAT_GET_INFO returns
 * @apicv: what of a local APIC its CPUs do: SLAT_APICV_*; constant from @setup
 * @no_guests: why guests cannot run on this host; NULL: they can
 * @vcpu_alloc: get a guest CPU its control structure, its registers as after
 *	RESET; process context.  0 or -ENOMEM
 * @vcpu_free: undo @vcpu_alloc; it is loaded nowhere
 * @vcpu_load: make it current on this CPU, taking it from another where it
 *	has been current; preemption off
 * @vcpu_put: it may be loaded elsewhere next; preemption off
 * @vcpu_fetch: make the groups SLAT_STATE_* of slat_cpu.valid; loaded here
 * @vcpu_enter: write back what is dirty, run the guest until it exits, and
 *	handle a host NMI or machine check that ended it; interrupts off.  All
 *	groups are invalid afterwards.  @again: nothing but registers and
 *	slat_cpu.max_stay has changed since the last one, and interrupts have been
 *	off
 * @vcpu_exit: say why the last @vcpu_enter ended; loaded here
 * @format: how this host's second-level tables are written; constant from
 *	@setup to @teardown
 * @flush_root: drop this CPU's cached translations of a second-level root;
 *	interrupts off
 *
 * No member may be NULL.
 */
struct slat_hw_ops {
	const char *name;
	u8 hypercall;
	int (*ident)(struct slat_why *why);
	int (*setup)(const struct slat_hw_config *config, struct slat_why *why);
	void (*teardown)(void);
	int (*cpu_enable)(struct slat_why *why);
	void (*cpu_disable)(void);
	void (*cpu_emergency)(void);
	void (*describe)(struct slat_info *info);
	u32 (*apicv)(void);
	const char *(*no_guests)(void);
	int (*vcpu_alloc)(struct slat_cpu *vcpu);
	void (*vcpu_free)(struct slat_cpu *vcpu);
	void (*vcpu_load)(struct slat_cpu *vcpu);
	void (*vcpu_put)(struct slat_cpu *vcpu);
	void (*vcpu_fetch)(struct slat_cpu *vcpu, u32 groups);
	void (*vcpu_enter)(struct slat_cpu *vcpu, bool again);
	void (*vcpu_exit)(struct slat_cpu *vcpu, struct slat_exit *exit);
	const struct slat_pte_format *(*format)(void);
	void (*flush_root)(u64 root);
};

extern const struct slat_hw_ops slat_vmx_ops;
extern const struct slat_hw_ops slat_svm_ops;

#endif /* SLAT_HW_H */
