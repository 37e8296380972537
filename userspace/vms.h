/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The virtual machines of this host, as the module shows them in debugfs.
 */
#ifndef SLAT_VMS_H
#define SLAT_VMS_H

#include <linux/types.h>

#include "slat.h"

#define VMS_DEBUGFS		"/sys/kernel/debug/slat"
#define VM_COUNTERS_MAX		128
#define VM_COUNTER_NAME		48

/**
 * struct vm_counter - a counter
 * @name: as the module calls it
 * @value: at the time it was read
 */
struct vm_counter {
	char name[VM_COUNTER_NAME];
	__u64 value;
};

/**
 * struct vm - a virtual machine
 * @pid: the process that made it
 * @number: tells it from the others of that process
 * @command: the name of that process, empty if it is gone
 * @nr_counters: how many
 * @counters: in the module's order
 */
struct vm {
	int pid;
	unsigned int number;
	char command[32];
	unsigned int nr_counters;
	struct vm_counter counters[VM_COUNTERS_MAX];
};

/**
 * struct vms - all virtual machines
 * @count: how many
 * @vms: by their numbers
 */
struct vms {
	unsigned int count;
	struct vm *vms;
};

/**
 * slat_vms_read() - look at all of them
 * @path: the module's folder in debugfs
 * @vms: out: slat_vms_free(), also after an error
 *
 * One that goes away meanwhile is not in it.
 *
 * Return: SLAT_EXIT_OK, or the exit status after the reason went to stderr.
 */
enum slat_exit slat_vms_read(const char *path, struct vms *vms);

/**
 * slat_vms_free() - give back what slat_vms_read() took
 * @vms: empty afterwards
 */
void slat_vms_free(struct vms *vms);

/**
 * slat_vm_counter() - a counter by its name
 * @vm: whose
 * @name: which
 *
 * Return: its value; 0: there is none.
 */
__u64 slat_vm_counter(const struct vm *vm, const char *name);

#endif /* SLAT_VMS_H */
