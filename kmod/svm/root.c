// SPDX-License-Identifier: GPL-2.0-only
/*
 * AMD-V on the host's CPUs: what a CPU has between setting and clearing
 * EFER.SVME.
 *
 * Each possible CPU has two pages from setup to teardown, since a CPU that
 * comes online may not allocate: one where VMRUN keeps the host's state, and
 * one where VMSAVE keeps what VMRUN does not (APM 15.5).
 */
#include <linux/gfp.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/smp.h>
#include <asm/msr.h>
#include <asm/perf_event.h>
#include <asm/svm.h>

#include "svm/insn.h"
#include "svm/root.h"
#include "svm/svm.h"

enum { HSAVE, HOST_VMCB, PAGES };

static DEFINE_PER_CPU(void *, pages[PAGES]);
/* What MSR_AMD64_TSC_RATIO holds; that CPU's, interrupts off. */
static DEFINE_PER_CPU(u64, tsc_ratio);
static DEFINE_PER_CPU(struct slat_svm_tags, tags);

/**
 * slat_svm_root_alloc() - get every possible CPU its pages
 *
 * Process context.
 *
 * Return: 0 or -ENOMEM.
 */
int slat_svm_root_alloc(void)
{
	unsigned int cpu;
	int i;

	for_each_possible_cpu(cpu) {
		for (i = 0; i < PAGES; i++) {
			struct page *page = alloc_pages_node(cpu_to_node(cpu),
							     GFP_KERNEL | __GFP_ZERO, 0);

			if (!page) {
				slat_svm_root_free();
				return -ENOMEM;
			}
			per_cpu(pages[i], cpu) = page_address(page);
		}
	}
	return 0;
}

/**
 * slat_svm_root_free() - undo slat_svm_root_alloc()
 *
 * Process context.  AMD-V is off on every CPU.
 */
void slat_svm_root_free(void)
{
	unsigned int cpu;
	int i;

	for_each_possible_cpu(cpu) {
		for (i = 0; i < PAGES; i++) {
			free_page((unsigned long)per_cpu(pages[i], cpu));
			per_cpu(pages[i], cpu) = NULL;
		}
	}
}

/**
 * slat_svm_root_host() - where VMSAVE keeps this CPU's state
 *
 * Preemption off.
 *
 * Return: its physical address.
 */
u64 slat_svm_root_host(void)
{
	return __pa(this_cpu_read(pages[HOST_VMCB]));
}

/**
 * slat_svm_root_tags() - this CPU's ASIDs
 *
 * Interrupts off.
 */
struct slat_svm_tags *slat_svm_root_tags(void)
{
	lockdep_assert_irqs_disabled();
	return this_cpu_ptr(&tags);
}

/**
 * slat_svm_root_scale_tsc() - how fast guests' TSCs count on this CPU
 * @ratio: to the host's, as MSR_AMD64_TSC_RATIO has it
 *
 * Interrupts off.  The host's own does not change.
 */
void slat_svm_root_scale_tsc(u64 ratio)
{
	if (this_cpu_read(tsc_ratio) == ratio)
		return;
	wrmsrl(MSR_AMD64_TSC_RATIO, ratio);
	this_cpu_write(tsc_ratio, ratio);
}

/**
 * slat_svm_root_enter() - AMD-V on, its TLB without anybody's guests
 * @why: the reason of a failure
 *
 * This CPU, interrupts off, EFER.SVME clear.
 *
 * Return: 0 or -EIO.
 */
int slat_svm_root_enter(struct slat_why *why)
{
	u64 efer;

	lockdep_assert_irqs_disabled();

	rdmsrl(MSR_EFER, efer);
	if (wrmsrl_safe(MSR_EFER, efer | EFER_SVME)) {
		why->text = "EFER.SVME cannot be set";
		return -EIO;
	}
	wrmsrl(MSR_VM_HSAVE_PA, __pa(this_cpu_read(pages[HSAVE])));
	if (slat_svm.tsc_scaling) {
		this_cpu_write(tsc_ratio, 0);
		slat_svm_root_scale_tsc(SVM_TSC_RATIO_DEFAULT);
	}
	/* Counters for the host alone stop in guests from here on. */
	amd_pmu_enable_virt();
	slat_svm_tags_start(slat_svm_root_tags(), slat_svm.asids, slat_svm.flush_by_asid);
	return 0;
}

/**
 * slat_svm_root_leave() - undo slat_svm_root_enter()
 *
 * This CPU, interrupts off.
 */
void slat_svm_root_leave(void)
{
	lockdep_assert_irqs_disabled();

	if (slat_svm.tsc_scaling)
		slat_svm_root_scale_tsc(SVM_TSC_RATIO_DEFAULT);
	amd_pmu_disable_virt();
	slat_svm_root_abandon();
}

/**
 * slat_svm_root_abandon() - AMD-V off on this CPU, if it is on
 *
 * Any context, NMI included.  STGI, so that no INIT is held back.
 */
void slat_svm_root_abandon(void)
{
	u64 efer;

	rdmsrl(MSR_EFER, efer);
	if (!(efer & EFER_SVME))
		return;
	slat_stgi();
	wrmsrl(MSR_VM_HSAVE_PA, 0);
	wrmsrl(MSR_EFER, efer & ~(u64)EFER_SVME);
}
