// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module that does what the lab must notice, one mode a load.
 */
#include <linux/irqflags.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <asm/msr.h>
#include <asm/tlbflush.h>

static char *mode = "none";
module_param(mode, charp, 0444);
MODULE_PARM_DESC(mode, "warn, hang, vmentry or leak");

/* Interrupts off: no tick, no watchdog, nothing reaches this CPU any more. */
static noinline void spin_forever(void)
{
	local_irq_disable();
	for (;;)
		cpu_relax();
}

/* Both a VMXON region and a VMCS are a page that begins with the revision. */
static u32 *vmx_page(void)
{
	u32 *page = (u32 *)get_zeroed_page(GFP_KERNEL);
	u64 basic;

	if (page) {
		rdmsrl(MSR_IA32_VMX_BASIC, basic);
		*page = (u32)basic & 0x7fffffff;
	}
	return page;
}

/* Enter a guest through a VMCS in which nothing was set. */
static int enter_empty_vmcs(void)
{
	u32 *region = vmx_page();
	u32 *vmcs = vmx_page();
	int err = -ENOMEM;
	u64 region_pa, vmcs_pa;
	unsigned long flags;

	if (!region || !vmcs)
		goto out;
	region_pa = __pa(region);
	vmcs_pa = __pa(vmcs);
	err = -EBUSY;
	local_irq_save(flags);
	if (!(__read_cr4() & X86_CR4_VMXE)) {
		cr4_set_bits(X86_CR4_VMXE);
		asm volatile("vmxon %0; vmclear %1; vmptrld %1; vmlaunch; vmclear %1; vmxoff"
			     : : "m" (region_pa), "m" (vmcs_pa) : "cc", "memory");
		cr4_clear_bits(X86_CR4_VMXE);
		err = 0;
	}
	local_irq_restore(flags);
out:
	free_page((unsigned long)vmcs);
	free_page((unsigned long)region);
	return err;
}

static noinline void lose_memory(void)
{
	void *lost = kmalloc(4000, GFP_KERNEL);

	OPTIMIZER_HIDE_VAR(lost);
	barrier();	/* no tail call: the trace shall name this function */
}

static int __init broken_init(void)
{
	if (!strcmp(mode, "warn"))
		WARN(1, "broken on purpose");
	else if (!strcmp(mode, "hang"))
		spin_forever();
	else if (!strcmp(mode, "vmentry"))
		return enter_empty_vmcs();
	else if (!strcmp(mode, "leak"))
		lose_memory();
	return 0;
}
module_init(broken_init);

static void __exit broken_exit(void)
{
}
module_exit(broken_exit);

MODULE_DESCRIPTION("Mistakes for the lab to notice");
MODULE_LICENSE("GPL");
