// SPDX-License-Identifier: GPL-2.0
/*
 * A module that does what the lab must notice, one mode a load.
 */
#include <linux/irqflags.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <asm/msr.h>
#include <asm/special_insns.h>

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

/*
 * Enter a guest through a VMCS in which nothing was set. Only on a CPU in VMX
 * operation, where whoever put it there is disturbed: the current VMCS is gone.
 */
static int enter_empty_vmcs(void)
{
	u32 *vmcs;
	u64 basic;
	u64 pa;

	if (!(__read_cr4() & X86_CR4_VMXE))
		return -ENODEV;
	vmcs = (u32 *)get_zeroed_page(GFP_KERNEL);
	if (!vmcs)
		return -ENOMEM;
	rdmsrl(MSR_IA32_VMX_BASIC, basic);
	vmcs[0] = (u32)basic & 0x7fffffff;
	pa = __pa(vmcs);
	preempt_disable();
	asm volatile("vmclear %0; vmptrld %0; vmlaunch; vmclear %0"
		     : : "m" (pa) : "cc", "memory");
	preempt_enable();
	free_page((unsigned long)vmcs);
	return 0;
}

static noinline void lose_memory(void)
{
	void *lost = kmalloc(4000, GFP_KERNEL);

	OPTIMIZER_HIDE_VAR(lost);
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
