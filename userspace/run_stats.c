// SPDX-License-Identifier: GPL-2.0-only
/*
 * What happened to a guest's translations, as a table.
 */
#include <stddef.h>

#include "run_stats.h"
#include "slat.h"

#define ROW(member, text)	{ offsetof(struct slat_vm_stats, member), text }

static const struct {
	size_t offset;
	const char *text;
} rows[] = {
	ROW(faults, "second-level faults"),
	ROW(fault_retries, "  given up, memory was going away"),
	ROW(installs, "translations installed"),
	ROW(cmpxchg_lost, "  another fault was first"),
	ROW(splits, "huge translations split"),
	ROW(batches, "changes of the guest's memory"),
	ROW(waits, "  waited for a vCPU"),
	ROW(ipis_sent, "interrupts sent to vCPUs"),
	ROW(ipis_saved, "interrupts saved"),
	ROW(flushes, "TLB invalidations"),
	ROW(zaps, "times all was dropped"),
	ROW(tables_allocated, "tables allocated"),
	ROW(tables_freed, "tables freed"),
	ROW(tables_unlinked, "tables waiting for reuse"),
};

void slat_run_stats_print(FILE *out, const struct slat_vm_stats *stats)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *at = (const char *)stats + rows[i].offset;

		fprintf(out, "%-34s %12llu\n", rows[i].text,
			(unsigned long long)*(const __u64 *)(const void *)at);
	}
}
