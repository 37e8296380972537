// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whether what an entry calls clean has been changed: emulators read all of a
 * VMCB at each entry, and would not miss it.
 */
#include <linux/bug.h>
#include <linux/kernel.h>
#include <linux/stddef.h>
#include <linux/string.h>

#include "svm/svm.h"

#define RANGE(group, first, last)						\
	{ SLAT_CLEAN_##group, offsetof(struct vmcb, first), offsetofend(struct vmcb, last) }

/* What a CPU may keep, by the bit that says that it may. */
static const struct {
	u32 group;
	u16 start;
	u16 end;
} ranges[] = {
	RANGE(INTERCEPTS, control.intercepts, control.intercepts),
	RANGE(INTERCEPTS, control.pause_filter_thresh, control.pause_filter_count),
	RANGE(INTERCEPTS, control.tsc_offset, control.tsc_offset),
	RANGE(MAPS, control.iopm_base_pa, control.msrpm_base_pa),
	RANGE(ASID, control.asid, control.asid),
	RANGE(TPR, control.int_ctl, control.int_vector),
	RANGE(NP, control.nested_ctl, control.nested_ctl),
	RANGE(NP, control.nested_cr3, control.nested_cr3),
	RANGE(NP, save.g_pat, save.g_pat),
	RANGE(CR, save.cr4, save.cr0),
	RANGE(CR, save.efer, save.efer),
	RANGE(DR, save.dr7, save.dr6),
	RANGE(DT, save.gdtr, save.gdtr),
	RANGE(DT, save.idtr, save.idtr),
	RANGE(SEG, save.es, save.ds),
	RANGE(SEG, save.cpl, save.cpl),
	RANGE(CR2, save.cr2, save.cr2),
};

/**
 * slat_svm_clean_keep() - the guest was left: what its CPU has now
 * @svm: the vCPU, with memory for it
 */
void slat_svm_clean_keep(struct slat_svm_vcpu *svm)
{
	memcpy(svm->last, svm->vmcb, sizeof(*svm->last));
}

/**
 * slat_svm_clean_check() - before an entry: warn if it calls clean what is not
 * @svm: the vCPU, with memory for it
 */
void slat_svm_clean_check(const struct slat_svm_vcpu *svm)
{
	const void *now = svm->vmcb, *last = svm->last;
	int i;

	for (i = 0; i < ARRAY_SIZE(ranges); i++) {
		u16 start = ranges[i].start;

		if (!(svm->vmcb->control.clean & ranges[i].group))
			continue;
		WARN_ONCE(memcmp(now + start, last + start, ranges[i].end - start),
			  "VMCB: %#x has changed and is called clean\n", start);
	}
}
