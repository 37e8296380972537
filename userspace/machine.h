/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A virtual machine: descriptors, memory, buses, vCPUs, devices.
 */
#ifndef SLAT_MACHINE_H
#define SLAT_MACHINE_H

#include <linux/slat.h>

#include "bus.h"
#include "guest_memory.h"
#include "power.h"
#include "rtc.h"
#include "slat.h"
#include "uart.h"
#include "virtio.h"

#define MACHINE_DEVICES_MAX	16

struct boot_entry;
struct vcpu;

/**
 * enum machine_end - why a machine ran no longer
 * @END_NOT: it does
 * @END_POWER_OFF: the guest switched itself off
 * @END_RESTART: the guest wants to start again
 * @END_CRASH: the guest cannot go on; standard error says why
 * @END_QUIT: the user had enough
 * @END_SIGNAL: a signal to this program
 */
enum machine_end {
	END_NOT,
	END_POWER_OFF,
	END_RESTART,
	END_CRASH,
	END_QUIT,
	END_SIGNAL,
};

/**
 * struct machine - a virtual machine
 * @path: the device node, for messages
 * @device: its descriptor
 * @fd: the VM's
 * @memory: the guest's RAM
 * @ports: what answers IN and OUT
 * @mmio: what answers memory accesses beside RAM
 * @vcpus: @cpus of them
 * @cpus: how many
 * @run_size: bytes that a vCPU shares with this program
 * @devices: virtio devices, @nr_devices of them
 * @nr_devices: how many
 * @power: how the guest ends
 * @rtc: what time it is
 * @uart: its serial port
 * @input: descriptor of what is typed at the port, does not block; -1 if nothing
 * @end: why it ran no longer, an enum machine_end
 * @ended: eventfd, readable when @end is not END_NOT
 */
struct machine {
	const char *path;
	int device, fd;
	struct guest_memory memory;
	struct bus ports, mmio;
	struct vcpu *vcpus;
	unsigned int cpus;
	int run_size;
	struct virtio *devices[MACHINE_DEVICES_MAX];
	unsigned int nr_devices;
	struct power power;
	struct rtc rtc;
	struct uart uart;
	int input;
	atomic_uint end;
	int ended;
};

/**
 * slat_machine_create() - a VM with memory, interrupt controllers and vCPUs
 * @machine: all zero but @input
 * @path: the device node
 * @memory: bytes of RAM
 * @cpus: how many
 *
 * Return: SLAT_EXIT_OK or the exit status; slat_machine_destroy() in any case.
 */
enum slat_exit slat_machine_create(struct machine *machine, const char *path, __u64 memory,
				   unsigned int cpus);

/**
 * slat_machine_attach() - give a machine a virtio device
 * @machine: not yet started
 * @virtio: fresh from its constructor; the machine's from here on
 *
 * Return: SLAT_EXIT_OK or the exit status.
 */
enum slat_exit slat_machine_attach(struct machine *machine, struct virtio *virtio);

/**
 * slat_machine_describe() - write the ACPI tables
 * @machine: with all its devices
 *
 * Return: the address of the RSDP.
 */
__u64 slat_machine_describe(const struct machine *machine);

/**
 * slat_machine_start() - let the vCPUs run
 * @machine: complete
 * @entry: where the first begins, see slat_boot_load()
 *
 * Return: SLAT_EXIT_OK or the exit status.
 */
enum slat_exit slat_machine_start(struct machine *machine, const struct boot_entry *entry);

/**
 * slat_machine_end() - say that it is over; the first to say so is heard
 * @machine: a running one
 * @end: why
 */
void slat_machine_end(struct machine *machine, enum machine_end end);

/**
 * slat_machine_stop() - wait until no vCPU runs any more
 * @machine: one that slat_machine_end() was called for
 */
void slat_machine_stop(struct machine *machine);

/**
 * slat_machine_stats() - what happened to the guest's translations
 * @machine: a stopped one
 * @stats: out
 *
 * Return: SLAT_EXIT_OK or the exit status.
 */
enum slat_exit slat_machine_stats(const struct machine *machine, struct slat_vm_stats *stats);

/**
 * slat_machine_destroy() - give everything back
 * @machine: a stopped one, or one that was not completely made
 */
void slat_machine_destroy(struct machine *machine);

#endif /* SLAT_MACHINE_H */
