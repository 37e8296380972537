// SPDX-License-Identifier: GPL-2.0-only
/*
 * slat - the command-line side of the Slat hypervisor module
 *
 * Finds the subcommand in the table and runs it.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "slat.h"

static const struct slat_command commands[] = {
	{
		.name = "info",
		.synopsis = "[--json] [--device PATH]",
		.summary = "show what the module and the host offer",
		.run = slat_info_run,
	},
	{
		.name = "stat",
		.synopsis = "[--once] [--json] [--interval SECONDS] [--debugfs PATH]",
		.summary = "show the counters of every virtual machine",
		.run = slat_stat_run,
	},
	{
		.name = "run",
		.synopsis = "--kernel FILE [--initrd FILE] [--disk FILE[,ro]]... [--cpus N]\n"
			    "      [--memory SIZE] [--append STRING] [--net tap=NAME]\n"
			    "      [--console serial|virtio] [--boot 64|real] [--no-reboot] [--stats]\n"
			    "      [--device PATH]",
		.summary = "boot a Linux kernel in a virtual machine",
		.run = slat_run_run,
	},
};

static void print_usage(FILE *out)
{
	fputs("Usage:\n", out);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(out, "  slat %s %s\n      %s\n", commands[i].name,
			commands[i].synopsis, commands[i].summary);
	fputs("  slat help\n      show this text\n"
	      "  slat --version\n      show the version of this program\n", out);
}

static const struct slat_command *command_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

enum slat_exit slat_usage_error(const char *command, const char *what,
				const char *argument)
{
	fprintf(stderr, "slat %s: %s: %s - see: slat help\n", command, what, argument);
	return SLAT_EXIT_USAGE;
}

static enum slat_exit run(int argc, char **argv)
{
	const struct slat_command *command;

	if (argc < 2) {
		print_usage(stderr);
		return SLAT_EXIT_USAGE;
	}
	if (!strcmp(argv[1], "help") || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		print_usage(stdout);
		return SLAT_EXIT_OK;
	}
	if (!strcmp(argv[1], "--version")) {
		puts("slat " SLAT_PROGRAM_VERSION);
		return SLAT_EXIT_OK;
	}

	command = command_find(argv[1]);
	if (!command) {
		fprintf(stderr, "slat: unknown command '%s'\n", argv[1]);
		print_usage(stderr);
		return SLAT_EXIT_USAGE;
	}
	return command->run(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
	enum slat_exit status = run(argc, argv);

	/* A full disk shows up only when the last buffer is written. */
	if ((fflush(stdout) || ferror(stdout)) && status == SLAT_EXIT_OK) {
		fprintf(stderr, "slat: standard output: %s - the output is incomplete\n",
			strerror(errno));
		status = SLAT_EXIT_FAILURE;
	}
	return status;
}
