// SPDX-License-Identifier: GPL-2.0-only
/*
 * Virtual machines' counters, for people and as JSON.
 */
#include <stdbool.h>

#include <jansson.h>

#include "stat_format.h"

/* Of many counters those that say how a guest fares. */
static const struct {
	const char *title;
	const char *counter;
} columns[] = {
	{ "EXITS", "exits" },
	{ "HALTS", "halt_exits" },
	{ "FAULTS", "faults" },
	{ "INSTALLS", "installs" },
	{ "CHANGES", "batches" },
	{ "IPIS", "ipis_sent" },
	{ "FLUSHES", "flushes" },
	{ "ZAPS", "zaps" },
};

static const struct vm *find(const struct vms *vms, unsigned int number)
{
	for (unsigned int i = 0; i < vms->count; i++)
		if (vms->vms[i].number == number)
			return &vms->vms[i];
	return NULL;
}

static void print_vm(FILE *out, const struct vm *vm, const struct vm *before, double seconds)
{
	__u64 tables = slat_vm_counter(vm, "tables_allocated") -
		       slat_vm_counter(vm, "tables_freed");

	fprintf(out, "%8d %-15.15s %5llu %7llu", vm->pid, vm->command,
		(unsigned long long)slat_vm_counter(vm, "vcpus"), (unsigned long long)tables);
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
		__u64 value = slat_vm_counter(vm, columns[i].counter);

		if (before) {
			value -= slat_vm_counter(before, columns[i].counter);
			value = (__u64)((double)value / seconds + 0.5);
		}
		fprintf(out, " %10llu", (unsigned long long)value);
	}
	fputc('\n', out);
}

void slat_stat_print(FILE *out, const struct vms *now, const struct vms *before, double seconds)
{
	bool rates = seconds > 0;

	fprintf(out, "%8s %-15s %5s %7s", "PID", "COMMAND", "VCPUS", "TABLES");
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
		fprintf(out, " %8s%s", columns[i].title, rates ? "/s" : "  ");
	fputc('\n', out);
	for (unsigned int i = 0; i < now->count; i++) {
		static const struct vm none;
		const struct vm *old = rates ? find(before, now->vms[i].number) : NULL;

		/* One that was not there before has had all of it since. */
		print_vm(out, &now->vms[i], rates && !old ? &none : old, seconds);
	}
}

static json_t *vm_json(const struct vm *vm)
{
	json_t *counters = json_object();
	json_t *object;

	for (unsigned int i = 0; i < vm->nr_counters; i++)
		json_object_set_new(counters, vm->counters[i].name,
				    json_integer((json_int_t)vm->counters[i].value));
	object = json_pack("{s:i, s:i, s:s, s:o}", "pid", vm->pid, "vm", (int)vm->number,
			   "command", vm->command, "counters", counters);
	return object;
}

int slat_stat_print_json(FILE *out, const struct vms *now)
{
	json_t *list = json_array();
	int ret = -1;

	for (unsigned int i = 0; list && i < now->count; i++) {
		if (json_array_append_new(list, vm_json(&now->vms[i])))
			goto free;
	}
	if (list && !json_dumpf(list, out, JSON_COMPACT) && fputc('\n', out) != EOF)
		ret = 0;
free:
	json_decref(list);
	return ret;
}
