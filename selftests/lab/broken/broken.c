// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module that does what the lab must notice, one mode a load.
 */
#include <linux/delay.h>
#include <linux/irqflags.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <asm/msr.h>
#include <asm/tlbflush.h>

static char *mode = "none";
module_param(mode, charp, 0444);
MODULE_PARM_DESC(mode, "warn, hang, vmentry, leak, race or reorder");

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

/* What two threads share, and whether it is the other one's turn. */
static unsigned long shared;
static int turn;

static noinline void count(void)
{
	shared++;
}

/* Nobody waits for a turn. */
static int count_at_once(void *unused)
{
	while (!kthread_should_stop()) {
		count();
		cond_resched();
	}
	return 0;
}

/* Plain accesses may leave the turn that they are in, as nothing orders them. */
static int count_in_turn(void *mine)
{
	while (!kthread_should_stop()) {
		if (READ_ONCE(turn) == (mine ? 1 : 0)) {
			shared++;
			WRITE_ONCE(turn, mine ? 0 : 1);
		}
		cond_resched();
	}
	return 0;
}

static int run_two(int (*fn)(void *mine))
{
	struct task_struct *threads[2];
	int i;

	for (i = 0; i < 2; i++) {
		threads[i] = kthread_run(fn, i ? &turn : NULL, "broken/%d", i);
		if (IS_ERR(threads[i]))
			break;
	}
	ssleep(5);
	while (i--)
		kthread_stop(threads[i]);
	return 0;
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
	else if (!strcmp(mode, "race"))
		return run_two(count_at_once);
	else if (!strcmp(mode, "reorder"))
		return run_two(count_in_turn);
	return 0;
}
module_init(broken_init);

static void __exit broken_exit(void)
{
}
module_exit(broken_exit);

MODULE_DESCRIPTION("Mistakes for the lab to notice");
MODULE_LICENSE("GPL");
