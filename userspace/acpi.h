/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ACPI tables that tell a guest what machine it is in.
 */
#ifndef SLAT_ACPI_H
#define SLAT_ACPI_H

#include "guest_memory.h"

#define ACPI_CPUS_MAX	254	/* an xAPIC ID has 8 bits, 255 is everyone */

/**
 * struct acpi_device - a virtio-mmio device, for the DSDT
 * @base: address of its registers
 * @size: bytes of them
 * @gsi: its interrupt, edge-triggered
 */
struct acpi_device {
	__u32 base;
	__u32 size;
	__u32 gsi;
};

/**
 * struct acpi_machine - what the tables describe
 * @cpus: how many, with APIC IDs from 0 on; at most ACPI_CPUS_MAX
 * @devices: virtio devices
 * @nr_devices: how many
 */
struct acpi_machine {
	unsigned int cpus;
	const struct acpi_device *devices;
	unsigned int nr_devices;
};

/**
 * slat_acpi_write() - put the tables at FIRMWARE_BASE
 * @memory: the guest's, at least 2 MiB
 * @machine: what to describe
 *
 * RSDP, XSDT, FADT (with the registers of power.h), FACS, DSDT and MADT.
 *
 * Return: the address of the RSDP, or 0 if the tables do not fit.
 */
__u64 slat_acpi_write(const struct guest_memory *memory, const struct acpi_machine *machine);

#endif /* SLAT_ACPI_H */
