/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a vCPU says it is.
 */
#ifndef SLAT_VCPU_CPUID_H
#define SLAT_VCPU_CPUID_H

/**
 * slat_cpuid_set() - everything the module supports, and the vCPU's place
 * @device: descriptor of the device node
 * @vcpu: descriptor of the vCPU
 * @id: its APIC ID
 * @cpus: how many vCPUs there are, all of them cores of one package
 *
 * Return: 0, or -1 with errno.
 */
int slat_cpuid_set(int device, int vcpu, unsigned int id, unsigned int cpus);

#endif /* SLAT_VCPU_CPUID_H */
