/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * struct slat_info as text: pure functions, so that a host without the module
 * can test them.
 */
#ifndef SLAT_INFO_FORMAT_H
#define SLAT_INFO_FORMAT_H

#include <stdio.h>

#include <linux/slat.h>

/**
 * struct slat_report - all that `slat info` knows
 * @device: path of the device node
 * @api: KVM API version
 * @info: answer of SLAT_GET_INFO
 */
struct slat_report {
	const char *device;
	int api;
	struct slat_info info;
};

/**
 * slat_report_print() - write a report for people
 * @out: where to
 * @report: what
 *
 * Write errors stay in @out's error flag.
 */
void slat_report_print(FILE *out, const struct slat_report *report);

/**
 * slat_report_print_json() - write a report for programs
 * @out: where to
 * @report: what
 *
 * slat-info(1) lists the keys, which never change their meaning.
 *
 * Return: 0, or -1 without memory or when @out cannot be written.
 */
int slat_report_print_json(FILE *out, const struct slat_report *report);

#endif /* SLAT_INFO_FORMAT_H */
