// SPDX-License-Identifier: GPL-2.0-only
/*
 * The command line of slat run.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run_options.h"

#define MIB		BIT(20)
#define MEMORY_DEFAULT	(256 * MIB)
#define MEMORY_MIN	(16 * MIB)
#define MEMORY_MAX	BIT(40)
#define MEMORY_STEP	(2 * MIB)

static enum slat_exit wrong(const char *what, const char *argument)
{
	return slat_usage_error("run", what, argument);
}

/* A whole number and nothing behind it but what @rest takes. */
static bool parse_number(const char *text, __u64 *value, const char **rest)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*value = strtoull(text, &end, 10);
	*rest = end;
	return !errno;
}

static enum slat_exit parse_memory(const char *text, __u64 *bytes)
{
	__u64 value, unit = MIB;
	const char *rest;

	if (!parse_number(text, &value, &rest))
		return wrong("--memory: not a size like 512M or 2G", text);
	if (!strcmp(rest, "G"))
		unit = 1024 * MIB;
	else if (*rest && strcmp(rest, "M") != 0)
		return wrong("--memory: not a size like 512M or 2G", text);
	if (value > MEMORY_MAX / unit || value * unit < MEMORY_MIN)
		return wrong("--memory: between 16M and 1024G", text);
	*bytes = value * unit;
	if (*bytes % MEMORY_STEP)
		return wrong("--memory: an even number of MiB", text);
	return SLAT_EXIT_OK;
}

static enum slat_exit parse_cpus(const char *text, unsigned int *cpus)
{
	const char *rest;
	__u64 value;

	if (!parse_number(text, &value, &rest) || *rest || !value || value > 1024)
		return wrong("--cpus: not a number of CPUs", text);
	*cpus = value;
	return SLAT_EXIT_OK;
}

/* FILE or FILE,ro */
static enum slat_exit parse_disk(char *text, struct run_options *options)
{
	struct run_disk *disk = &options->disks[options->nr_disks];
	char *comma = strrchr(text, ',');

	if (options->nr_disks == RUN_DISKS_MAX)
		return wrong("--disk: more than a guest can have", text);
	disk->readonly = comma && !strcmp(comma, ",ro");
	if (disk->readonly)
		*comma = '\0';
	disk->path = text;
	options->nr_disks++;
	return SLAT_EXIT_OK;
}

static enum slat_exit parse_net(const char *text, struct run_options *options)
{
	static const char prefix[] = "tap=";

	if (strncmp(text, prefix, strlen(prefix)) != 0 || !text[strlen(prefix)])
		return wrong("--net: not of the form tap=NAME", text);
	options->tap = text + strlen(prefix);
	return SLAT_EXIT_OK;
}

static enum slat_exit parse_console(const char *text, struct run_options *options)
{
	if (!strcmp(text, "serial"))
		options->console = CONSOLE_SERIAL;
	else if (!strcmp(text, "virtio"))
		options->console = CONSOLE_VIRTIO;
	else
		return wrong("--console: neither serial nor virtio", text);
	return SLAT_EXIT_OK;
}

static enum slat_exit parse_boot(const char *text, struct run_options *options)
{
	options->real_mode = !strcmp(text, "real");
	if (!options->real_mode && strcmp(text, "64") != 0)
		return wrong("--boot: neither 64 nor real", text);
	return SLAT_EXIT_OK;
}

static enum slat_exit parse_option(struct run_options *options, int option, char *value)
{
	switch (option) {
	case 'k':
		options->kernel = value;
		return SLAT_EXIT_OK;
	case 'i':
		options->initrd = value;
		return SLAT_EXIT_OK;
	case 'd':
		return parse_disk(value, options);
	case 'c':
		return parse_cpus(value, &options->cpus);
	case 'm':
		return parse_memory(value, &options->memory);
	case 'a':
		options->append = value;
		return SLAT_EXIT_OK;
	case 'n':
		return parse_net(value, options);
	case 'D':
		options->device = value;
		return SLAT_EXIT_OK;
	case 'C':
		return parse_console(value, options);
	case 'b':
		return parse_boot(value, options);
	case 'r':
		options->no_reboot = true;
		return SLAT_EXIT_OK;
	default:
		options->stats = true;
		return SLAT_EXIT_OK;
	}
}

enum slat_exit slat_run_options_parse(struct run_options *options, int argc, char **argv)
{
	static const struct option table[] = {
		{ "kernel", required_argument, NULL, 'k' },
		{ "initrd", required_argument, NULL, 'i' },
		{ "disk", required_argument, NULL, 'd' },
		{ "cpus", required_argument, NULL, 'c' },
		{ "memory", required_argument, NULL, 'm' },
		{ "append", required_argument, NULL, 'a' },
		{ "net", required_argument, NULL, 'n' },
		{ "device", required_argument, NULL, 'D' },
		{ "console", required_argument, NULL, 'C' },
		{ "boot", required_argument, NULL, 'b' },
		{ "no-reboot", no_argument, NULL, 'r' },
		{ "stats", no_argument, NULL, 's' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	*options = (struct run_options){
		.cpus = 1,
		.memory = MEMORY_DEFAULT,
		.append = "",
		.device = SLAT_DEVICE,
	};
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":", table, NULL)) != -1) {
		enum slat_exit status;

		if (option == ':')
			return wrong("needs a value", argv[optind - 1]);
		if (option == '?')
			return wrong("unknown option", argv[optind - 1]);
		status = parse_option(options, option, optarg);
		if (status)
			return status;
	}
	if (optind < argc)
		return wrong("unexpected argument", argv[optind]);
	if (!options->kernel)
		return wrong("needs a kernel", "--kernel");
	return SLAT_EXIT_OK;
}

char *slat_run_options_command_line(const struct run_options *options)
{
	static const char * const consoles[] = {
		[CONSOLE_SERIAL] = "console=ttyS0 ",
		[CONSOLE_VIRTIO] = "console=hvc0 ",
	};
	bool named = strstr(options->append, "console=");
	char *line;

	if (asprintf(&line, "%s%s", named ? "" : consoles[options->console],
		     options->append) < 0)
		return NULL;
	return line;
}
