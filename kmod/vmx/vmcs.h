/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VMCSs, and the CPUs that have them (SDM vol. 3C, 25.1 and 25.11).
 *
 * A CPU caches the VMCS that is loaded on it, so that it must be cleared there
 * before it is loaded elsewhere, before VMXOFF, and before its page is freed.
 */
#ifndef SLAT_VMX_VMCS_H
#define SLAT_VMX_VMCS_H

#include <linux/list.h>
#include <linux/types.h>

/**
 * struct slat_vmcs - one VMCS
 * @region: its page; the hardware's while it is loaded
 * @cpu: where it is loaded, -1: nowhere; changed by that CPU, interrupts off
 * @launched: it has been entered since it was cleared; that CPU's
 * @link: in the list of those loaded on @cpu; that CPU's, interrupts off, read
 *	by its NMI handler
 */
struct slat_vmcs {
	void *region;
	int cpu;
	bool launched;
	struct list_head link;
};

void slat_vmcs_init_cpus(void);
int slat_vmcs_alloc(struct slat_vmcs *vmcs, u32 revision);
void slat_vmcs_free(struct slat_vmcs *vmcs);
bool slat_vmcs_load(struct slat_vmcs *vmcs);
void slat_vmcs_clear(struct slat_vmcs *vmcs);
void slat_vmcs_clear_local(void);
void slat_vmcs_abandon_local(void);

#endif /* SLAT_VMX_VMCS_H */
