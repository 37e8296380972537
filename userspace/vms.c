// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading the module's folder in debugfs: PID-NUMBER/stats, a counter a line.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vms.h"

#define NO_FOLDER	"load the module: modprobe slat; if it is: mount -t debugfs none /sys/kernel/debug"

static enum slat_exit complain(const char *path, int error)
{
	if (error == EACCES || error == EPERM) {
		fprintf(stderr, "%s: %s - run as root\n", path, strerror(error));
		return SLAT_EXIT_PERMISSION;
	}
	if (error == ENOENT) {
		fprintf(stderr, "%s: %s - " NO_FOLDER "\n", path, strerror(error));
		return SLAT_EXIT_NO_DEVICE;
	}
	fprintf(stderr, "%s: %s - the kernel log may say more: dmesg\n", path, strerror(error));
	return SLAT_EXIT_FAILURE;
}

static void read_command(struct vm *vm)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/comm", vm->pid);
	file = fopen(path, "re");
	if (!file)
		return;
	if (fgets(vm->command, sizeof(vm->command), file))
		vm->command[strcspn(vm->command, "\n")] = '\0';
	fclose(file);
}

static int read_counters(int folder, const char *name, struct vm *vm)
{
	char path[300], line[128];
	FILE *file;
	int fd;

	snprintf(path, sizeof(path), "%s/stats", name);
	fd = openat(folder, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	file = fdopen(fd, "r");
	if (!file) {
		close(fd);
		return -ENOMEM;
	}
	while (vm->nr_counters < VM_COUNTERS_MAX && fgets(line, sizeof(line), file)) {
		struct vm_counter *counter = &vm->counters[vm->nr_counters];
		int at = 0;

		if (sscanf(line, "%47s %n", counter->name, &at) != 1 || !isdigit(line[at]))
			continue;
		counter->value = strtoull(line + at, NULL, 10);
		vm->nr_counters++;
	}
	fclose(file);
	return vm->nr_counters ? 0 : -ENOENT;
}

static int by_number(const void *one, const void *other)
{
	const struct vm *a = one, *b = other;

	return a->number < b->number ? -1 : a->number > b->number;
}

static int add(struct vms *vms, int folder, const char *name)
{
	struct vm *vm, *grown;
	unsigned long pid, number;
	char *end;
	int error;

	/* PID-DESCRIPTOR, as KVM names them. */
	pid = strtoul(name, &end, 10);
	if (end == name || *end != '-' || !isdigit(end[1]))
		return 0;
	number = strtoul(end + 1, &end, 10);
	if (*end)
		return 0;
	grown = realloc(vms->vms, (vms->count + 1) * sizeof(*vm));
	if (!grown)
		return -ENOMEM;
	vms->vms = grown;
	vm = &grown[vms->count];
	memset(vm, 0, sizeof(*vm));
	vm->pid = (int)pid;
	vm->number = (unsigned int)number;
	error = read_counters(folder, name, vm);
	if (error)
		return error == -ENOENT || error == -ENODEV || error == -EIO ? 0 : error;
	read_command(vm);
	vms->count++;
	return 0;
}

enum slat_exit slat_vms_read(const char *path, struct vms *vms)
{
	const struct dirent *entry;
	int error = 0;
	DIR *folder;

	*vms = (struct vms){ 0 };
	folder = opendir(path);
	if (!folder)
		return complain(path, errno);
	while (!error && (entry = readdir(folder)))
		error = add(vms, dirfd(folder), entry->d_name);
	closedir(folder);
	if (error)
		return complain(path, -error);
	if (vms->count)
		qsort(vms->vms, vms->count, sizeof(*vms->vms), by_number);
	return SLAT_EXIT_OK;
}

void slat_vms_free(struct vms *vms)
{
	free(vms->vms);
	*vms = (struct vms){ 0 };
}

__u64 slat_vm_counter(const struct vm *vm, const char *name)
{
	for (unsigned int i = 0; i < vm->nr_counters; i++)
		if (!strcmp(vm->counters[i].name, name))
			return vm->counters[i].value;
	return 0;
}
