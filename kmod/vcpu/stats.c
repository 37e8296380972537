// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a vCPU counts, by KVM's names where KVM has one.
 */
#include <linux/kernel.h>
#include <linux/kvm.h>

#include "vcpu/vcpu.h"

#define COUNTER(reason, text)						\
	[SLAT_EXIT_##reason] = {					\
		text "_exits",						\
		KVM_STATS_TYPE_CUMULATIVE | KVM_STATS_UNIT_NONE | KVM_STATS_BASE_POW10 \
	}
#define OTHER(place, text)						\
	[SLAT_EXIT_REASONS + (place)] = {				\
		text,							\
		KVM_STATS_TYPE_CUMULATIVE | KVM_STATS_UNIT_NONE | KVM_STATS_BASE_POW10 \
	}

/** slat_vcpu_stats_descs - the values of slat_vcpu_read_stats() */
const struct slat_stats_desc slat_vcpu_stats_descs[SLAT_VCPU_STATS] = {
	COUNTER(HOST, "host"),
	COUNTER(EXCEPTION, "exception"),
	COUNTER(FAULT, "fault"),
	COUNTER(MISCONFIG, "misconfig"),
	COUNTER(IO, "io"),
	COUNTER(CPUID, "cpuid"),
	COUNTER(HLT, "halt"),
	COUNTER(RDMSR, "rdmsr"),
	COUNTER(WRMSR, "wrmsr"),
	COUNTER(CR, "cr"),
	COUNTER(DR, "dr"),
	COUNTER(XSETBV, "xsetbv"),
	COUNTER(INVLPG, "invlpg"),
	COUNTER(INVPCID, "invpcid"),
	COUNTER(INVD, "invd"),
	COUNTER(RDPMC, "rdpmc"),
	COUNTER(RDTSC, "rdtsc"),
	COUNTER(PAUSE, "pause"),
	COUNTER(IDLE, "idle"),
	COUNTER(HYPERCALL, "hypercall"),
	COUNTER(UNDEFINED, "undefined"),
	COUNTER(TASK_SWITCH, "task_switch"),
	COUNTER(INTERRUPT_WINDOW, "irq_window"),
	COUNTER(NMI_WINDOW, "nmi_window"),
	COUNTER(PRIORITY, "tpr_threshold"),
	COUNTER(APIC_WRITE, "apic_write"),
	COUNTER(APIC_ACCESS, "apic_access"),
	COUNTER(EOI, "eoi"),
	COUNTER(STEP, "step"),
	COUNTER(TRIPLE_FAULT, "triple_fault"),
	COUNTER(FAILED_ENTRY, "failed_entry"),
	COUNTER(UNKNOWN, "unknown"),
	OTHER(0, "exits"),
	OTHER(1, "mmio_exits"),
	OTHER(2, "signal_exits"),
};

/**
 * slat_vcpu_read_stats() - the counters of a vCPU
 * @vcpu: whose
 * @values: filled in, as slat_vcpu_stats_descs says
 *
 * Any context; the vCPU may count meanwhile.
 */
void slat_vcpu_read_stats(const struct slat_vcpu *vcpu, u64 *values)
{
	u64 sum = 0;
	int i;

	for (i = 0; i < SLAT_EXIT_REASONS; i++) {
		values[i] = READ_ONCE(vcpu->exits[i]);
		sum += values[i];
	}
	values[i++] = sum;
	values[i++] = READ_ONCE(vcpu->mmio_exits);
	values[i] = READ_ONCE(vcpu->signal_exits);
}
