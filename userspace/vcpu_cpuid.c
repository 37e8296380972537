// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a vCPU says it is: CPUID as the module supports it, but for the leaves
 * that tell one CPU of a machine from another.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include <linux/kvm.h>

#include "slat.h"
#include "vcpu_cpuid.h"

#define ENTRIES_MAX	256

#define HTT		BIT(28)	/* leaf 1, EDX: there are several */
#define HYPERVISOR	BIT(31)	/* leaf 1, ECX */
#define TSC_DEADLINE	BIT(24)	/* leaf 1, ECX */

#define LEVEL_THREAD	1
#define LEVEL_CORE	2

/* How many bits of an APIC ID tell CPUs apart. */
static unsigned int id_bits(unsigned int cpus)
{
	unsigned int bits = 0;

	while (1U << bits < cpus)
		bits++;
	return bits;
}

/* One thread a core, all cores in one package. */
static void set_topology(struct kvm_cpuid_entry2 *entry, unsigned int id, unsigned int cpus)
{
	entry->eax = 0;
	entry->ebx = 0;
	entry->ecx = entry->index;
	entry->edx = id;
	if (entry->index == 0) {
		entry->ebx = 1;
		entry->ecx |= LEVEL_THREAD << 8;
	} else if (entry->index == 1) {
		entry->eax = id_bits(cpus);
		entry->ebx = cpus;
		entry->ecx |= LEVEL_CORE << 8;
	}
}

static void set_place(struct kvm_cpuid_entry2 *entry, unsigned int id, unsigned int cpus,
		      bool deadline)
{
	switch (entry->function) {
	case 1:
		entry->ebx = (entry->ebx & 0xffff) | id << 24 | cpus << 16;
		entry->ecx |= HYPERVISOR | (deadline ? TSC_DEADLINE : 0);
		entry->edx = (entry->edx & ~HTT) | (cpus > 1 ? HTT : 0);
		break;
	case 4:		/* caches are not shared, cores are as many as there are */
		entry->eax &= 0x3fff;
		if (entry->eax)
			entry->eax |= ((1U << id_bits(cpus)) - 1) << 26;
		break;
	case 0xb:
	case 0x1f:
		set_topology(entry, id, cpus);
		break;
	case 0x80000008:
		entry->ecx = (entry->ecx & ~0xf0ffU) | id_bits(cpus) << 12 | (cpus - 1);
		break;
	case 0x8000001e:
		entry->eax = id;
		entry->ebx = id;
		entry->ecx = 0;
		break;
	default:
		break;
	}
}

int slat_cpuid_set(int device, int vcpu, unsigned int id, unsigned int cpus)
{
	bool deadline = ioctl(device, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0;
	struct kvm_cpuid2 *cpuid;
	int status;

	cpuid = calloc(1, sizeof(*cpuid) + ENTRIES_MAX * sizeof(cpuid->entries[0]));
	if (!cpuid)
		return -1;
	cpuid->nent = ENTRIES_MAX;
	status = ioctl(device, KVM_GET_SUPPORTED_CPUID, cpuid);
	if (!status) {
		for (__u32 i = 0; i < cpuid->nent; i++)
			set_place(&cpuid->entries[i], id, cpus, deadline);
		status = ioctl(vcpu, KVM_SET_CPUID2, cpuid);
	}
	free(cpuid);
	return status;
}
