// SPDX-License-Identifier: GPL-2.0-only
/*
 * What of its local APIC a guest's CPU has to itself, from one entry to the next
 * exit.  All of it is the vCPU's otherwise; see Documentation/locking.rst.
 */
#include <linux/gfp.h>
#include <linux/kernel.h>

#include "vcpu/vcpu.h"

/**
 * slat_vcpu_init_apicv() - what the CPU will need
 * @vcpu: being created; what has_apic says is constant from now on
 *
 * Return: 0 or -ENOMEM.
 */
int slat_vcpu_init_apicv(struct slat_vcpu *vcpu)
{
	struct slat_cpu *cpu = &vcpu->cpu;

	if (!vcpu->has_apic || !cpu->ops->apicv())
		return 0;
	cpu->apic_page = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!cpu->apic_page)
		return -ENOMEM;
	vcpu->apic.lapic.page = cpu->apic_page;
	if (vcpu->walker.mmu->apic_page)
		cpu->apic_access = __pa(vcpu->walker.mmu->apic_page);
	return 0;
}

/**
 * slat_vcpu_exit_apicv() - undo slat_vcpu_init_apicv()
 * @vcpu: which is never entered any more
 */
void slat_vcpu_exit_apicv(struct slat_vcpu *vcpu)
{
	free_page((unsigned long)vcpu->cpu.apic_page);
}

/*
 * Not of an APIC that takes no IPIs, as the CPU does not look; nor while user space
 * holds interrupts back, nor while it waits for a window, in which the CPU does
 * nothing; nor while there is a task priority that the CPU does not know of.
 */
static bool may_deliver(const struct slat_vcpu *vcpu)
{
	return slat_lapic_enabled(&vcpu->apic.lapic) &&
	       !(vcpu->debug & KVM_GUESTDBG_BLOCKIRQ) &&
	       !READ_ONCE(vcpu->run->request_interrupt_window) && !vcpu->vapic.address;
}

/**
 * slat_vcpu_choose_apicv() - what the CPU has to itself at the next entry
 * @vcpu: in slat_vcpu_run(), before it chooses what to deliver
 *
 * Where its registers are in memory as after RESET it must know that: all tables
 * have the page then.
 */
void slat_vcpu_choose_apicv(struct slat_vcpu *vcpu)
{
	const struct slat_lapic *lapic = &vcpu->apic.lapic;
	u32 can = vcpu->cpu.ops->apicv(), apicv = 0;

	vcpu->cpu.apicv = 0;
	if (!lapic->page)
		return;
	if (vcpu->cpu.apic_access && slat_lapic_is_plain(lapic))
		apicv |= can & SLAT_APICV_MEMORY;
	if (slat_lapic_is_x2apic(lapic) && can & SLAT_APICV_PRIORITY)
		apicv |= can & SLAT_APICV_MSRS;
	/* User space is to learn of each access to the task priority as memory. */
	if (!(apicv & SLAT_APICV_MEMORY && vcpu->apic.reports_tpr))
		apicv |= can & SLAT_APICV_PRIORITY;
	/* The CPU does the rest only with both. */
	if (apicv & SLAT_APICV_PRIORITY && apicv & (SLAT_APICV_MEMORY | SLAT_APICV_MSRS)) {
		apicv |= can & SLAT_APICV_REGISTERS;
		if (may_deliver(vcpu))
			apicv |= can & SLAT_APICV_INTERRUPTS;
	}
	vcpu->cpu.apicv = apicv;
}

/**
 * slat_vcpu_give_apicv() - let the CPU have it
 * @vcpu: in slat_vcpu_run(), about to enter
 */
void slat_vcpu_give_apicv(struct slat_vcpu *vcpu)
{
	struct slat_cpu *cpu = &vcpu->cpu;

	if (cpu->apicv & SLAT_APICV_INTERRUPTS)
		cpu->apic_status = slat_apic_lend(&vcpu->apic, cpu->apic_eoi_exits);
	else if (cpu->apicv & SLAT_APICV_REGISTERS)
		slat_lapic_give(&vcpu->apic.lapic);
}

/**
 * slat_vcpu_take_apicv() - what the CPU has made of its registers
 * @vcpu: loaded, after an exit
 */
void slat_vcpu_take_apicv(struct slat_vcpu *vcpu)
{
	struct slat_lapic *lapic = &vcpu->apic.lapic;

	if (!vcpu->cpu.apicv)
		return;
	slat_lapic_take(lapic);
	if (vcpu->cpu.apicv & SLAT_APICV_INTERRUPTS)
		slat_lapic_take_back(lapic);
}
