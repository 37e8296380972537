// SPDX-License-Identifier: GPL-2.0-only
/*
 * A migration on a machine that nobody has here:
 *
 *	model [NAME=VALUE]...
 *
 * NAMEs are those of struct migration and of struct machine_costs.  The result is
 * one JSON object on standard output.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "migration.h"

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))
#endif

static struct migration what;

static const struct {
	const char *name;
	void *where;
	size_t size;
} parameters[] = {
#define PARAMETER(of, name)	{ #name, &(of).name, sizeof((of).name) }
	PARAMETER(what, flush_under_lock), PARAMETER(what, cpus), PARAMETER(what, sockets),
	PARAMETER(what, vcpus), PARAMETER(what, halted), PARAMETER(what, pages),
	PARAMETER(what, batch), PARAMETER(what, think), PARAMETER(what, rest),
	PARAMETER(what, rounds),
	PARAMETER(machine_costs, hit), PARAMETER(machine_costs, atomic),
	PARAMETER(machine_costs, line_near), PARAMETER(machine_costs, line_far),
	PARAMETER(machine_costs, line_busy), PARAMETER(machine_costs, relax),
	PARAMETER(machine_costs, ipi_send), PARAMETER(machine_costs, ipi_near),
	PARAMETER(machine_costs, ipi_far), PARAMETER(machine_costs, ipi_handler),
	PARAMETER(machine_costs, vm_entry), PARAMETER(machine_costs, vm_exit),
	PARAMETER(machine_costs, invept), PARAMETER(machine_costs, lookup),
};

static void set(const char *text)
{
	const char *equals = strchr(text, '=');
	char *end = NULL;

	for (size_t i = 0; equals && i < ARRAY_SIZE(parameters); i++) {
		unsigned long long value;

		if (strlen(parameters[i].name) != (size_t)(equals - text) ||
		    memcmp(parameters[i].name, text, equals - text))
			continue;
		value = strtoull(equals + 1, &end, 0);
		/* The least significant bytes come first. */
		memcpy(parameters[i].where, &value, parameters[i].size);
	}
	if (!end || *end || end == equals + 1)
		errx(2, "not NAME=VALUE: '%s'", text);
}

static void print_spread(const char *name, const struct spread *spread)
{
	printf(", \"%s\": {\"count\": %lu, \"mean\": %lu, ", name, spread->count, spread->mean);
	printf("\"p50\": %lu, \"p99\": %lu, \"max\": %lu}", spread->p50, spread->p99, spread->max);
}

int main(int argc, char **argv)
{
	struct migration_result result;

	what = migration_default;
	for (int i = 1; i < argc; i++)
		set(argv[i]);
	migration_run(&what, &result);
	printf("{\"policy\": \"%s\", \"cpus\": %d, \"vcpus\": %d",
	       what.flush_under_lock ? "flush_under_lock" : "slat", what.cpus, what.vcpus);
	print_spread("stall_ns", &result.stall);
	print_spread("fault_ns", &result.fault);
	print_spread("lock_hold_ns", &result.hold);
	print_spread("seal_ns", &result.seal);
	print_spread("commit_ns", &result.commit);
#define PRINT(name)	printf(", \"%s\": %lu", #name, result.name)
	PRINT(commits);
	PRINT(ipis);
	PRINT(ipis_under_lock);
	PRINT(ipis_outside);
	PRINT(ipis_per_commit);
	PRINT(ipis_to_one);
	PRINT(flushes);
	PRINT(writes);
	PRINT(unlogged);
	PRINT(time);
	PRINT(lost);
	puts("}");
	return result.lost || result.unlogged ? EXIT_FAILURE : EXIT_SUCCESS;
}
