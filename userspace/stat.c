// SPDX-License-Identifier: GPL-2.0-only
/*
 * slat stat - the counters of every virtual machine, once or again and again.
 */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "stat_format.h"
#include "vms.h"

#define CLEAR_SCREEN	"\033[H\033[J"

/**
 * struct stat_options - the command line
 * @once: look once
 * @json: for programs
 * @interval: seconds from look to look
 * @path: the module's folder in debugfs
 */
struct stat_options {
	bool once;
	bool json;
	double interval;
	const char *path;
};

static double now_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void pause_for(double seconds)
{
	struct timespec pause = { .tv_sec = (time_t)seconds };

	pause.tv_nsec = (long)((seconds - (double)pause.tv_sec) * 1e9);
	while (nanosleep(&pause, &pause) && errno == EINTR)
		;
}

static enum slat_exit show(const struct stat_options *options, const struct vms *now,
			   const struct vms *before, double seconds)
{
	if (options->json) {
		if (slat_stat_print_json(stdout, now)) {
			fputs("slat stat: cannot write JSON - is standard output writable?\n",
			      stderr);
			return SLAT_EXIT_FAILURE;
		}
	} else {
		if (!options->once && isatty(STDOUT_FILENO))
			fputs(CLEAR_SCREEN, stdout);
		slat_stat_print(stdout, now, before, seconds);
	}
	if (fflush(stdout)) {
		perror("slat stat: standard output");
		return SLAT_EXIT_FAILURE;
	}
	return SLAT_EXIT_OK;
}

/* Totals first, then rates, until it is interrupted. */
static enum slat_exit watch(const struct stat_options *options)
{
	struct vms before = { 0 }, now;
	enum slat_exit status;
	double then = 0;

	do {
		double at;

		status = slat_vms_read(options->path, &now);
		at = now_seconds();
		if (!status)
			status = show(options, &now, &before, then ? at - then : 0);
		slat_vms_free(&before);
		before = now;
		then = at;
		if (!status && !options->once)
			pause_for(options->interval);
	} while (!status && !options->once);
	slat_vms_free(&before);
	return status;
}

enum slat_exit slat_stat_run(int argc, char **argv)
{
	static const struct option table[] = {
		{ "once", no_argument, NULL, 'o' },
		{ "json", no_argument, NULL, 'j' },
		{ "interval", required_argument, NULL, 'i' },
		{ "debugfs", required_argument, NULL, 'd' },
		{ NULL, 0, NULL, 0 },
	};
	struct stat_options options = { .interval = 1, .path = VMS_DEBUGFS };
	int option;
	char *end;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":", table, NULL)) != -1) {
		switch (option) {
		case 'o':
			options.once = true;
			break;
		case 'j':
			options.json = true;
			break;
		case 'i':
			options.interval = strtod(optarg, &end);
			if (end == optarg || *end || !(options.interval >= 0.1) ||
			    options.interval > 86400)
				return slat_usage_error("stat", "--interval: between 0.1 and 86400",
							optarg);
			break;
		case 'd':
			options.path = optarg;
			break;
		case ':':
			return slat_usage_error("stat", "needs a value", argv[optind - 1]);
		default:
			return slat_usage_error("stat", "unknown option", argv[optind - 1]);
		}
	}
	if (optind < argc)
		return slat_usage_error("stat", "unexpected argument", argv[optind]);
	return watch(&options);
}
