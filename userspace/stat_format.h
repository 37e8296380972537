/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Virtual machines' counters as text: pure functions.
 */
#ifndef SLAT_STAT_FORMAT_H
#define SLAT_STAT_FORMAT_H

#include <stdio.h>

#include "vms.h"

/**
 * slat_stat_print() - a line for each virtual machine
 * @out: where to
 * @now: the counters
 * @before: those of @seconds ago, for rates; empty: totals are shown
 * @seconds: between the two
 *
 * Write errors stay in @out's error flag.
 */
void slat_stat_print(FILE *out, const struct vms *now, const struct vms *before, double seconds);

/**
 * slat_stat_print_json() - all counters as one line of JSON
 * @out: where to
 * @now: the counters
 *
 * slat-stat(1) lists the keys.
 *
 * Return: 0, or -1 without memory or when @out cannot be written.
 */
int slat_stat_print_json(FILE *out, const struct vms *now);

#endif /* SLAT_STAT_FORMAT_H */
