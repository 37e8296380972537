/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What happened to a guest's translations, for people.
 */
#ifndef SLAT_RUN_STATS_H
#define SLAT_RUN_STATS_H

#include <stdio.h>

#include <linux/slat.h>

/**
 * slat_run_stats_print() - as a table
 * @out: where to
 * @stats: from SLAT_GET_STATS
 */
void slat_run_stats_print(FILE *out, const struct slat_vm_stats *stats);

#endif /* SLAT_RUN_STATS_H */
