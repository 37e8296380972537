// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does to every CPU what an emergency does, behind the owner's back: VMXOFF.
 * The owner's next VMX instruction raises #UD, which must harm nothing.
 */
#include <linux/module.h>
#include <linux/smp.h>
#include <asm/asm.h>
#include <asm/tlbflush.h>

static void turn_off(void *unused)
{
	if (!(__read_cr4() & X86_CR4_VMXE))
		return;
	asm volatile("1: vmxoff\n2:\n\t" _ASM_EXTABLE(1b, 2b) : : : "cc", "memory");
	cr4_clear_bits(X86_CR4_VMXE);
}

static int __init vmxoff_init(void)
{
	on_each_cpu(turn_off, NULL, 1);
	return 0;
}

static void __exit vmxoff_exit(void)
{
}

module_init(vmxoff_init);
module_exit(vmxoff_exit);

MODULE_DESCRIPTION("Turn VMX off on every CPU, whoever owns it");
MODULE_LICENSE("GPL");
