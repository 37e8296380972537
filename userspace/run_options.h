/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The command line of slat run.
 */
#ifndef SLAT_RUN_OPTIONS_H
#define SLAT_RUN_OPTIONS_H

#include <stdbool.h>

#include <linux/types.h>

#include "slat.h"

#define RUN_DISKS_MAX	12

enum run_console {
	CONSOLE_SERIAL,
	CONSOLE_VIRTIO,
};

/**
 * struct run_options - what the user asked for
 * @kernel: bzImage or vmlinux
 * @initrd: or NULL
 * @disks: images, @nr_disks of them
 * @nr_disks: how many
 * @cpus: how many
 * @memory: bytes
 * @append: the guest kernel's command line
 * @tap: name of the host's network device, or NULL
 * @device: the device node
 * @console: where the terminal is plugged in
 * @real_mode: enter the kernel in real mode
 * @no_reboot: a guest that restarts ends the program
 * @stats: say at the end what happened to the guest's translations
 */
struct run_options {
	const char *kernel;
	const char *initrd;
	struct run_disk {
		char *path;
		bool readonly;
	} disks[RUN_DISKS_MAX];
	unsigned int nr_disks;
	unsigned int cpus;
	__u64 memory;
	const char *append;
	const char *tap;
	const char *device;
	enum run_console console;
	bool real_mode;
	bool no_reboot;
	bool stats;
};

/**
 * slat_run_options_parse() - read the command line
 * @options: out
 * @argc: of the subcommand
 * @argv: of the subcommand; options point into it
 *
 * Return: SLAT_EXIT_OK, or SLAT_EXIT_USAGE after the reason went to stderr.
 */
enum slat_exit slat_run_options_parse(struct run_options *options, int argc, char **argv);

/**
 * slat_run_options_command_line() - the guest kernel's command line
 * @options: from slat_run_options_parse()
 *
 * Return: a string for free(), with a console unless the user named one; NULL
 * without memory.
 */
char *slat_run_options_command_line(const struct run_options *options);

#endif /* SLAT_RUN_OPTIONS_H */
