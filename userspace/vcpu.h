/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A vCPU and the thread that runs it.
 */
#ifndef SLAT_VCPU_H
#define SLAT_VCPU_H

#include <pthread.h>
#include <stdbool.h>

#include "machine.h"

struct kvm_run;

/**
 * struct vcpu - one CPU of a guest
 * @machine: whose
 * @id: its APIC ID
 * @fd: its descriptor
 * @run: what it shares with the module
 * @thread: runs it
 * @started: there is a thread
 */
struct vcpu {
	struct machine *machine;
	unsigned int id;
	int fd;
	struct kvm_run *run;
	pthread_t thread;
	bool started;
};

/**
 * slat_vcpu_create() - make a vCPU, with its CPUID
 * @vcpu: to be filled in
 * @machine: whose
 * @id: its APIC ID
 * @cpus: how many the machine will have
 *
 * Return: SLAT_EXIT_OK or the exit status; slat_vcpu_destroy() in any case.
 */
enum slat_exit slat_vcpu_create(struct vcpu *vcpu, struct machine *machine, unsigned int id,
				unsigned int cpus);

/**
 * slat_vcpu_set_boot_state() - as the boot protocol wants it
 * @vcpu: the first
 * @entry: where it begins
 *
 * Return: SLAT_EXIT_OK or the exit status.
 */
enum slat_exit slat_vcpu_set_boot_state(struct vcpu *vcpu, const struct boot_entry *entry);

/**
 * slat_vcpu_start() - let it run until its machine ends
 * @vcpu: a stopped one
 *
 * Return: SLAT_EXIT_OK or the exit status.
 */
enum slat_exit slat_vcpu_start(struct vcpu *vcpu);

/**
 * slat_vcpu_stop() - fetch it out of the guest and wait for its thread
 * @vcpu: of a machine that has ended, started or not
 */
void slat_vcpu_stop(struct vcpu *vcpu);

/**
 * slat_vcpu_destroy() - give it back
 * @vcpu: a stopped one, or one that was not completely made
 */
void slat_vcpu_destroy(struct vcpu *vcpu);

#endif /* SLAT_VCPU_H */
