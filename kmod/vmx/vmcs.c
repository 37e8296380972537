// SPDX-License-Identifier: GPL-2.0-only
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/gfp.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/rculist.h>
#include <linux/smp.h>

#include "vmx/insn.h"
#include "vmx/spec.h"
#include "vmx/vmcs.h"

/* Those loaded on a CPU, and the current one among them. */
static DEFINE_PER_CPU(struct list_head, loaded);
static DEFINE_PER_CPU(struct slat_vmcs *, current_vmcs);

/**
 * slat_vmwrite_failed() - report a field that the CPU does not take
 * @field: its encoding
 * @value: its value
 */
void slat_vmwrite_failed(u32 field, u64 value)
{
	pr_warn_once("VMWRITE of field %#x, value %#llx failed\n", field, value);
}

/**
 * slat_vmcs_init_cpus() - no VMCS is loaded anywhere
 *
 * Once, at setup.
 */
void slat_vmcs_init_cpus(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		INIT_LIST_HEAD(&per_cpu(loaded, cpu));
		per_cpu(current_vmcs, cpu) = NULL;
	}
}

/**
 * slat_vmcs_alloc() - a VMCS that is loaded nowhere
 * @vmcs: to initialise
 * @revision: VMCS revision identifier
 *
 * Process context.
 *
 * Return: 0 or -ENOMEM.
 */
int slat_vmcs_alloc(struct slat_vmcs *vmcs, u32 revision)
{
	vmcs->region = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!vmcs->region)
		return -ENOMEM;
	*(u32 *)vmcs->region = revision;
	vmcs->cpu = -1;
	vmcs->launched = false;
	return 0;
}

static void clear(void *data)
{
	struct slat_vmcs *vmcs = data;

	lockdep_assert_irqs_disabled();
	/* It may have been cleared when its CPU went offline. */
	if (vmcs->cpu != smp_processor_id())
		return;
	if (this_cpu_read(current_vmcs) == vmcs)
		this_cpu_write(current_vmcs, NULL);
	slat_vmclear(__pa(vmcs->region));
	list_del_rcu(&vmcs->link);
	vmcs->launched = false;
	/* Another CPU may load it as soon as it sees this. */
	smp_store_release(&vmcs->cpu, -1);
}

/**
 * slat_vmcs_clear() - take a VMCS from the CPU that has it
 * @vmcs: nobody enters with it meanwhile
 *
 * Interrupts on; waits for that CPU.
 */
void slat_vmcs_clear(struct slat_vmcs *vmcs)
{
	int cpu = READ_ONCE(vmcs->cpu);

	if (cpu >= 0)
		smp_call_function_single(cpu, clear, vmcs, 1);
}

/**
 * slat_vmcs_free() - undo slat_vmcs_alloc()
 * @vmcs: nobody uses it any more
 *
 * Process context.
 */
void slat_vmcs_free(struct slat_vmcs *vmcs)
{
	slat_vmcs_clear(vmcs);
	free_page((unsigned long)vmcs->region);
}

/**
 * slat_vmcs_load() - make a VMCS the current one of this CPU
 * @vmcs: the VMCS
 *
 * Preemption off, interrupts on.
 *
 * Return: whether it was on another CPU, or nowhere, before.
 */
bool slat_vmcs_load(struct slat_vmcs *vmcs)
{
	int cpu = smp_processor_id();
	bool moved = READ_ONCE(vmcs->cpu) != cpu;
	unsigned long flags;

	if (moved)
		slat_vmcs_clear(vmcs);

	local_irq_save(flags);
	if (moved) {
		/* What the other CPU did to the region is complete. */
		smp_load_acquire(&vmcs->cpu);
		slat_vmclear(__pa(vmcs->region));
		list_add_rcu(&vmcs->link, this_cpu_ptr(&loaded));
		vmcs->cpu = cpu;
	}
	if (this_cpu_read(current_vmcs) != vmcs) {
		this_cpu_write(current_vmcs, vmcs);
		slat_vmptrld(__pa(vmcs->region));
		slat_vmx_spec_switch();
	}
	local_irq_restore(flags);
	return moved;
}

/**
 * slat_vmcs_clear_local() - take all VMCSs from this CPU
 *
 * Interrupts off.
 */
void slat_vmcs_clear_local(void)
{
	struct slat_vmcs *vmcs, *next;

	list_for_each_entry_safe(vmcs, next, this_cpu_ptr(&loaded), link)
		clear(vmcs);
}

/**
 * slat_vmcs_abandon_local() - write all VMCSs of this CPU back to memory
 *
 * Any context, NMI included, on a CPU that will not run its task any more.
 */
void slat_vmcs_abandon_local(void)
{
	struct slat_vmcs *vmcs;

	/* Changed by this CPU alone, in an order that may be interrupted anywhere. */
	list_for_each_entry(vmcs, this_cpu_ptr(&loaded), link)
		slat_vmclear(__pa(vmcs->region));
}
