// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host's state: what VM exits restore from the VMCS, and what they do not
 * restore (SDM vol. 3C, 25.5 and 28.5), which is switched when a vCPU is loaded
 * and put.
 */
#include <linux/kernel.h>
#include <linux/sched.h>
#include <asm/desc.h>
#include <asm/fsgsbase.h>
#include <asm/mmu_context.h>
#include <asm/msr.h>
#include <asm/perf_event.h>
#include <asm/processor.h>
#include <asm/segment.h>
#include <asm/special_insns.h>
#include <asm/tlbflush.h>
#include <asm/vmx.h>

#include "vmx/insn.h"
#include "vmx/vmx.h"

/*
 * MSRs of SYSCALL and RDTSCP, and the user's GS base: the kernel does not use
 * them, so that the guest's stay until the task leaves the vCPU.
 */
enum { STAR, LSTAR, CSTAR, SFMASK, KERNEL_GS_BASE, TSC_AUX };

static const u32 switched_msrs[SLAT_VMX_SWITCHED_MSRS] = {
	[STAR] = MSR_STAR,
	[LSTAR] = MSR_LSTAR,
	[CSTAR] = MSR_CSTAR,
	[SFMASK] = MSR_SYSCALL_MASK,
	[KERNEL_GS_BASE] = MSR_KERNEL_GS_BASE,
	[TSC_AUX] = MSR_TSC_AUX,
};

static u64 *guest_msr(struct slat_cpu *cpu, int i)
{
	u64 *const values[SLAT_VMX_SWITCHED_MSRS] = {
		[STAR] = &cpu->star,
		[LSTAR] = &cpu->lstar,
		[CSTAR] = &cpu->cstar,
		[SFMASK] = &cpu->sfmask,
		[KERNEL_GS_BASE] = &cpu->kernel_gs_base,
		[TSC_AUX] = &cpu->tsc_aux,
	};

	return values[i];
}

static bool msr_exists(u32 msr)
{
	return msr != MSR_TSC_AUX || boot_cpu_has(X86_FEATURE_RDTSCP) ||
	       boot_cpu_has(X86_FEATURE_RDPID);
}

/* The guest reads and writes them by exits; the CPU uses them by SYSCALL and RDTSCP. */
static bool guest_uses(const struct slat_cpu *cpu, int i)
{
	const u64 syscall = EFER_SCE | EFER_LMA;

	switch (i) {
	case KERNEL_GS_BASE:
		return true;
	case TSC_AUX:
		return cpu->has_rdtscp && msr_exists(MSR_TSC_AUX);
	default:
		return (cpu->efer & syscall) == syscall;
	}
}

static void switch_msr(struct slat_vmx_host *host, int i, u64 value)
{
	if (host->now[i] == value)
		return;
	wrmsrl(switched_msrs[i], value);
	host->now[i] = value;
}

/**
 * slat_vmx_host_fetch() - read what the guest changes without an exit: SWAPGS
 * @cpu: loaded here
 */
void slat_vmx_host_fetch(struct slat_cpu *cpu)
{
	rdmsrl(MSR_KERNEL_GS_BASE, cpu->kernel_gs_base);
	slat_vmx_of(cpu)->host.now[KERNEL_GS_BASE] = cpu->kernel_gs_base;
}

/**
 * slat_vmx_host_flush() - the guest's MSRs, as far as it uses them
 * @cpu: loaded here
 */
void slat_vmx_host_flush(struct slat_cpu *cpu)
{
	struct slat_vmx_host *host = &slat_vmx_of(cpu)->host;
	int i;

	for (i = 0; i < SLAT_VMX_SWITCHED_MSRS; i++) {
		if (!guest_uses(cpu, i))
			continue;
		if (!(host->switched & BIT(i))) {
			rdmsrl(switched_msrs[i], host->msr[i]);
			host->now[i] = host->msr[i];
			host->switched |= BIT(i);
		}
		switch_msr(host, i, *guest_msr(cpu, i));
	}
}

/**
 * slat_vmx_host_init() - host fields that are the same on all CPUs, for good
 */
void slat_vmx_host_init(void)
{
	struct desc_ptr idt;
	u64 value;

	store_idt(&idt);
	slat_vmwrite(HOST_IDTR_BASE, idt.address);
	slat_vmwrite(HOST_RIP, (unsigned long)slat_vmx_exit_point);
	slat_vmwrite(HOST_CS_SELECTOR, __KERNEL_CS);
	slat_vmwrite(HOST_SS_SELECTOR, __KERNEL_DS);
	slat_vmwrite(HOST_DS_SELECTOR, 0);
	slat_vmwrite(HOST_ES_SELECTOR, 0);
	slat_vmwrite(HOST_FS_SELECTOR, 0);
	slat_vmwrite(HOST_GS_SELECTOR, 0);
	slat_vmwrite(HOST_TR_SELECTOR, GDT_ENTRY_TSS * 8);
	slat_vmwrite(HOST_IA32_SYSENTER_CS, __KERNEL_CS);
	rdmsrl(MSR_IA32_SYSENTER_EIP, value);
	slat_vmwrite(HOST_IA32_SYSENTER_EIP, value);
	rdmsrl(MSR_IA32_CR_PAT, value);
	slat_vmwrite(HOST_IA32_PAT, value);
	rdmsrl(MSR_EFER, value);
	slat_vmwrite(HOST_IA32_EFER, value);
	slat_vmwrite(HOST_CR0, read_cr0() & ~X86_CR0_TS);
}

/**
 * slat_vmx_host_moved() - host fields of this CPU, which the VMCS has come to
 */
void slat_vmx_host_moved(void)
{
	int cpu = smp_processor_id();
	u64 value;

	slat_vmwrite(HOST_TR_BASE, (unsigned long)&get_cpu_entry_area(cpu)->tss.x86_tss);
	slat_vmwrite(HOST_GDTR_BASE, (unsigned long)get_current_gdt_ro());
	rdmsrl(MSR_GS_BASE, value);
	slat_vmwrite(HOST_GS_BASE, value);
	rdmsrl(MSR_IA32_SYSENTER_ESP, value);
	slat_vmwrite(HOST_IA32_SYSENTER_ESP, value);
}

/**
 * slat_vmx_host_refresh() - host fields that change while a task runs
 * @cpu: loaded here
 *
 * Before each entry, interrupts off.
 */
void slat_vmx_host_refresh(struct slat_cpu *cpu)
{
	struct slat_vmx_cached *cached = &slat_vmx_of(cpu)->cached;

	slat_vmwrite_cached(HOST_CR3, &cached->host_cr3, __get_current_cr3_fast());
	slat_vmwrite_cached(HOST_CR4, &cached->host_cr4, cr4_read_shadow());
}

/*
 * Counters of the host that are not to count in a guest.  Those that use PEBS
 * must not: the CPU would write records where the guest's tables lead to.  They
 * are stopped by WRMSR, not by the VMCS, so that a record on its way is written
 * before the entry (SDM vol. 3B, 20.9.5).
 */
static void switch_counters(const struct slat_vmx_host *host, bool to_guest)
{
	int i;

	for (i = 0; i < host->counters_nr; i++) {
		const struct perf_guest_switch_msr *msr = &host->counters[i];

		if (msr->host != msr->guest)
			wrmsrl(msr->msr, to_guest ? msr->guest : msr->host);
	}
}

/**
 * slat_vmx_host_leave() - before each entry, what the VMCS does not switch
 * @cpu: the guest CPU, loaded here
 *
 * Interrupts off.
 */
void slat_vmx_host_leave(struct slat_cpu *cpu)
{
	struct slat_vmx_host *host = &slat_vmx_of(cpu)->host;

	host->counters = perf_guest_get_msrs(&host->counters_nr, NULL);
	if (!host->counters)
		host->counters_nr = 0;		/* which perf leaves as it is then */
	switch_counters(host, true);
}

/**
 * slat_vmx_host_back() - undo slat_vmx_host_leave(); exits clear IA32_DEBUGCTL
 * @cpu: the guest CPU, loaded here
 *
 * Interrupts off.
 */
void slat_vmx_host_back(struct slat_cpu *cpu)
{
	const struct slat_vmx_host *host = &slat_vmx_of(cpu)->host;

	switch_counters(host, false);
	if (host->debugctl)
		wrmsrl(MSR_IA32_DEBUGCTLMSR, host->debugctl);
}

/**
 * slat_vmx_host_load() - save the host's, load the guest's
 * @cpu: the guest CPU, loaded here
 *
 * Preemption off.
 */
void slat_vmx_host_load(struct slat_cpu *cpu)
{
	struct slat_vmx_host *host = &slat_vmx_of(cpu)->host;

	savesegment(ds, host->ds);
	savesegment(es, host->es);
	savesegment(fs, host->fs);
	savesegment(gs, host->gs);
	store_ldt(host->ldt);
	current_save_fsgs();
	slat_vmwrite(HOST_FS_BASE, current->thread.fsbase);
	if (slat_vmx.has_debugctl)
		rdmsrl(MSR_IA32_DEBUGCTLMSR, host->debugctl);

	slat_vmx_host_flush(cpu);
}

/**
 * slat_vmx_host_put() - undo slat_vmx_host_load()
 * @cpu: the guest CPU, loaded here
 *
 * Preemption off.
 */
void slat_vmx_host_put(struct slat_cpu *cpu)
{
	struct slat_vmx_host *host = &slat_vmx_of(cpu)->host;
	unsigned long flags;
	int i;

	if (host->ldt)
		asm volatile("lldt %0" : : "m" (host->ldt));
	if (host->ds | host->es) {
		loadsegment(ds, host->ds);
		loadsegment(es, host->es);
	}
	/* Before a selector brings another base along. */
	slat_vmx_fetch(cpu, SLAT_STATE_SYSCALL);
	/* A selector brings a base along; the right ones come after it. */
	if (host->fs) {
		loadsegment(fs, host->fs);
		wrmsrl(MSR_FS_BASE, current->thread.fsbase);
	}
	if (host->gs) {
		local_irq_save(flags);
		load_gs_index(host->gs);
		local_irq_restore(flags);
	}
	/* VM exits leave the GDT's limit at 64 KiB and the TSS without an I/O bitmap. */
	load_fixmap_gdt(smp_processor_id());
	invalidate_tss_limit();

	if (host->gs)
		rdmsrl(MSR_KERNEL_GS_BASE, host->now[KERNEL_GS_BASE]);
	for_each_set_bit(i, &host->switched, SLAT_VMX_SWITCHED_MSRS)
		switch_msr(host, i, host->msr[i]);
	host->switched = 0;
}
