// SPDX-License-Identifier: GPL-2.0-only
/*
 * slat info - what the module and the host offer.
 */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "device.h"
#include "info_format.h"
#include "slat.h"

static enum slat_exit show(const char *path, bool json)
{
	struct slat_report report = { .device = path };
	enum slat_exit status;
	int fd;

	status = slat_device_open(path, &fd);
	if (status)
		return status;
	status = slat_device_info(path, fd, &report.api, &report.info);
	close(fd);
	if (status)
		return status;

	if (!json) {
		slat_report_print(stdout, &report);
	} else if (slat_report_print_json(stdout, &report)) {
		fputs("slat info: cannot write JSON - is standard output writable?\n", stderr);
		status = SLAT_EXIT_FAILURE;
	}
	return status;
}

enum slat_exit slat_info_run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "device", required_argument, NULL, 'd' },
		{ NULL, 0, NULL, 0 },
	};
	const char *path = SLAT_DEVICE;
	bool json = false;
	int opt;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		switch (opt) {
		case 'j':
			json = true;
			break;
		case 'd':
			path = optarg;
			break;
		case ':':
			return slat_usage_error("info", "needs a value", argv[optind - 1]);
		default:
			return slat_usage_error("info", "unknown option", argv[optind - 1]);
		}
	}
	if (optind < argc)
		return slat_usage_error("info", "unexpected argument", argv[optind]);
	return show(path, json);
}
