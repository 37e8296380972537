// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page-modification logging (SDM vol. 3C, 29.3.6): the CPU writes down the address
 * of each page whose leaf it makes dirty.  Where the next goes is in the VMCS: what
 * was logged is read after each exit, so that a full log is one more exit only.
 */
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <asm/vmx.h>

#include "vmx/insn.h"
#include "vmx/vmx.h"

#define ENTRIES	(PAGE_SIZE / sizeof(u64))

/**
 * slat_vmx_pml_alloc() - a log, where the CPU can write one
 * @vmx: the guest CPU's
 *
 * Process context.
 *
 * Return: 0 or -ENOMEM.
 */
int slat_vmx_pml_alloc(struct slat_vmx_vcpu *vmx)
{
	if (!slat_vmx.controls.pml)
		return 0;
	vmx->pml = (void *)__get_free_page(GFP_KERNEL_ACCOUNT);
	return vmx->pml ? 0 : -ENOMEM;
}

/**
 * slat_vmx_pml_free() - undo slat_vmx_pml_alloc(), or nothing
 * @vmx: the guest CPU's
 */
void slat_vmx_pml_free(struct slat_vmx_vcpu *vmx)
{
	free_page((unsigned long)vmx->pml);
}

/**
 * slat_vmx_pml_init() - an empty log
 * @vmx: the guest CPU's, loaded here
 */
void slat_vmx_pml_init(struct slat_vmx_vcpu *vmx)
{
	if (!vmx->pml)
		return;
	slat_vmwrite(PML_ADDRESS, __pa(vmx->pml));
	slat_vmwrite(GUEST_PML_INDEX, ENTRIES - 1);
}

/**
 * slat_vmx_pml_take() - what the guest has written in the stay that is over
 * @cpu: the guest CPU, loaded here
 *
 * Interrupts off.  In slat_cpu.logged, until the next entry.
 */
void slat_vmx_pml_take(struct slat_cpu *cpu)
{
	struct slat_vmx_vcpu *vmx = slat_vmx_of(cpu);
	u16 next;

	cpu->logged_count = 0;
	if (!(vmx->cached.proc2 & SECONDARY_EXEC_ENABLE_PML))
		return;
	/* It counts down, and beyond 0 when the log is full. */
	next = slat_vmread(GUEST_PML_INDEX) + 1;
	if (next == ENTRIES)
		return;
	cpu->logged = vmx->pml + next;
	cpu->logged_count = ENTRIES - next;
	slat_vmwrite(GUEST_PML_INDEX, ENTRIES - 1);
}
