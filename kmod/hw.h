/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a hardware backend offers to the rest of the module.  It speaks of
 * CPUs, never of one vendor's control structures.
 */
#ifndef SLAT_HW_H
#define SLAT_HW_H

#include <linux/types.h>
#include <linux/slat.h>

/**
 * struct slat_hw_config - what the administrator asks of a backend
 * @residency_us: longest stay of a vCPU in the guest without a VM exit, in
 *	microseconds; 0: unbounded
 */
struct slat_hw_config {
	unsigned int residency_us;
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

/**
 * struct slat_hw_ops - one vendor's virtualisation
 * @name: what the vendor calls it
 * @ident: whether this host has it; changes nothing.  0, or -EOPNOTSUPP and
 *	the reason in @why
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
 *
 * No member may be NULL.
 */
struct slat_hw_ops {
	const char *name;
	int (*ident)(struct slat_why *why);
	int (*setup)(const struct slat_hw_config *config, struct slat_why *why);
	void (*teardown)(void);
	int (*cpu_enable)(struct slat_why *why);
	void (*cpu_disable)(void);
	void (*cpu_emergency)(void);
	void (*describe)(struct slat_info *info);
};

extern const struct slat_hw_ops slat_vmx_ops;

#endif /* SLAT_HW_H */
