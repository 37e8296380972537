// SPDX-License-Identifier: GPL-2.0-only
/*
 * Print each size, offset and number that the ABI of /dev/slat is made of.
 *
 * Structs are walked field by field: a field that is missing here leaves a
 * hole, and a hole is an error.  The check script makes sure that no macro of
 * the header is missing.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <linux/slat.h>

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

struct number {
	const char *name;
	unsigned long long value;
};

#define NUMBER(name)	{ #name, name }

static const struct number numbers[] = {
	NUMBER(SLAT_IOC),
	NUMBER(SLAT_VERSION_LEN),
	NUMBER(SLAT_BACKEND_VMX),
	NUMBER(SLAT_BACKEND_SVM),
	NUMBER(SLAT_FEATURE_INFO),
	NUMBER(SLAT_FEATURE_ZAP_ALL),
	NUMBER(SLAT_FEATURE_STATS),
	NUMBER(SLAT_FEATURE_REGIONS),
	NUMBER(SLAT_FEATURE_POPULATE),
	NUMBER(SLAT_FEATURE_DIRTY_EPOCHS),
	NUMBER(SLAT_HW_SLAT),
	NUMBER(SLAT_HW_SLAT_2M),
	NUMBER(SLAT_HW_SLAT_1G),
	NUMBER(SLAT_HW_SLAT_5LEVEL),
	NUMBER(SLAT_HW_SLAT_AD),
	NUMBER(SLAT_HW_SLAT_EXEC_ONLY),
	NUMBER(SLAT_HW_TLB_TAGS),
	NUMBER(SLAT_HW_UNRESTRICTED_GUEST),
	NUMBER(SLAT_HW_PML),
	NUMBER(SLAT_HW_PREEMPTION_TIMER),
	NUMBER(SLAT_HW_TSC_SCALING),
	NUMBER(SLAT_HW_TPR_SHADOW),
	NUMBER(SLAT_HW_APIC_REGISTERS),
	NUMBER(SLAT_HW_VIRTUAL_INTERRUPTS),
	NUMBER(SLAT_HW_POSTED_INTERRUPTS),
	NUMBER(SLAT_HW_VIRTUAL_NMIS),
	NUMBER(SLAT_HW_PAUSE_LOOP),
	NUMBER(SLAT_HW_SHADOW_VMCS),
	NUMBER(SLAT_HW_XSAVES),
	NUMBER(SLAT_HW_MODE_BASED_EXEC),
	NUMBER(SLAT_HW_APIC_ACCESS),
	NUMBER(SLAT_HW_VIRTUAL_X2APIC),
	NUMBER(SLAT_GET_INFO),
	NUMBER(SLAT_ZAP_ALL),
	NUMBER(SLAT_GET_STATS),
	NUMBER(SLAT_SET_MEMORY_REGIONS),
	NUMBER(SLAT_POPULATE_WRITE),
	NUMBER(SLAT_POPULATE),
	NUMBER(SLAT_PEEK_DIRTY),
	NUMBER(SLAT_COMMIT_DIRTY),
	NUMBER(SLAT_ABORT_DIRTY),
};

struct field {
	const char *name;
	size_t offset;
	size_t size;
};

static const struct slat_info info;

#define INFO_AT(field)	offsetof(struct slat_info, field)

static const struct field slat_info_fields[] = {
	{ "flags", INFO_AT(flags), sizeof(info.flags) },
	{ "backend", INFO_AT(backend), sizeof(info.backend) },
	{ "features", INFO_AT(features), sizeof(info.features) },
	{ "hw_caps", INFO_AT(hw_caps), sizeof(info.hw_caps) },
	{ "version", INFO_AT(version), sizeof(info.version) },
	{ "host_phys_bits", INFO_AT(host_phys_bits), sizeof(info.host_phys_bits) },
	{ "guest_phys_bits", INFO_AT(guest_phys_bits), sizeof(info.guest_phys_bits) },
	{ "slat_levels", INFO_AT(slat_levels), sizeof(info.slat_levels) },
	{ "tlb_tags", INFO_AT(tlb_tags), sizeof(info.tlb_tags) },
	{ "max_residency_us", INFO_AT(max_residency_us), sizeof(info.max_residency_us) },
	{ "cpus", INFO_AT(cpus), sizeof(info.cpus) },
	{ "vmcs_revision", INFO_AT(vmcs_revision), sizeof(info.vmcs_revision) },
	{ "reserved", INFO_AT(reserved), sizeof(info.reserved) },
};

static const struct slat_vm_stats stats;

#define STATS_AT(field)	offsetof(struct slat_vm_stats, field)

static const struct field slat_vm_stats_fields[] = {
	{ "flags", STATS_AT(flags), sizeof(stats.flags) },
	{ "pad", STATS_AT(pad), sizeof(stats.pad) },
	{ "faults", STATS_AT(faults), sizeof(stats.faults) },
	{ "fault_retries", STATS_AT(fault_retries), sizeof(stats.fault_retries) },
	{ "installs", STATS_AT(installs), sizeof(stats.installs) },
	{ "cmpxchg_lost", STATS_AT(cmpxchg_lost), sizeof(stats.cmpxchg_lost) },
	{ "splits", STATS_AT(splits), sizeof(stats.splits) },
	{ "batches", STATS_AT(batches), sizeof(stats.batches) },
	{ "waits", STATS_AT(waits), sizeof(stats.waits) },
	{ "ipis_sent", STATS_AT(ipis_sent), sizeof(stats.ipis_sent) },
	{ "ipis_saved", STATS_AT(ipis_saved), sizeof(stats.ipis_saved) },
	{ "flushes", STATS_AT(flushes), sizeof(stats.flushes) },
	{ "zaps", STATS_AT(zaps), sizeof(stats.zaps) },
	{ "tables_allocated", STATS_AT(tables_allocated), sizeof(stats.tables_allocated) },
	{ "tables_freed", STATS_AT(tables_freed), sizeof(stats.tables_freed) },
	{ "tables_unlinked", STATS_AT(tables_unlinked), sizeof(stats.tables_unlinked) },
	{ "reserved", STATS_AT(reserved), sizeof(stats.reserved) },
};

static const struct slat_memory_region region;

#define REGION_AT(field)	offsetof(struct slat_memory_region, field)

static const struct field slat_memory_region_fields[] = {
	{ "slot", REGION_AT(slot), sizeof(region.slot) },
	{ "flags", REGION_AT(flags), sizeof(region.flags) },
	{ "guest_phys_addr", REGION_AT(guest_phys_addr), sizeof(region.guest_phys_addr) },
	{ "memory_size", REGION_AT(memory_size), sizeof(region.memory_size) },
	{ "userspace_addr", REGION_AT(userspace_addr), sizeof(region.userspace_addr) },
	{ "dirty_bitmap", REGION_AT(dirty_bitmap), sizeof(region.dirty_bitmap) },
	{ "dirty_bitmap_size", REGION_AT(dirty_bitmap_size), sizeof(region.dirty_bitmap_size) },
	{ "reserved", REGION_AT(reserved), sizeof(region.reserved) },
};

static const struct slat_memory_regions regions;

#define REGIONS_AT(field)	offsetof(struct slat_memory_regions, field)

static const struct field slat_memory_regions_fields[] = {
	{ "flags", REGIONS_AT(flags), sizeof(regions.flags) },
	{ "count", REGIONS_AT(count), sizeof(regions.count) },
	{ "regions", REGIONS_AT(regions), sizeof(regions.regions) },
	{ "reserved", REGIONS_AT(reserved), sizeof(regions.reserved) },
};

static const struct slat_dirty_epoch epoch;

#define EPOCH_AT(field)	offsetof(struct slat_dirty_epoch, field)

static const struct field slat_dirty_epoch_fields[] = {
	{ "slot", EPOCH_AT(slot), sizeof(epoch.slot) },
	{ "flags", EPOCH_AT(flags), sizeof(epoch.flags) },
	{ "bitmap", EPOCH_AT(bitmap), sizeof(epoch.bitmap) },
	{ "pages", EPOCH_AT(pages), sizeof(epoch.pages) },
	{ "reserved", EPOCH_AT(reserved), sizeof(epoch.reserved) },
};

static const struct slat_populate populate;

#define POPULATE_AT(field)	offsetof(struct slat_populate, field)

static const struct field slat_populate_fields[] = {
	{ "gpa", POPULATE_AT(gpa), sizeof(populate.gpa) },
	{ "size", POPULATE_AT(size), sizeof(populate.size) },
	{ "flags", POPULATE_AT(flags), sizeof(populate.flags) },
	{ "reserved", POPULATE_AT(reserved), sizeof(populate.reserved) },
};

struct layout {
	const char *name;
	size_t size;
	const struct field *fields;
	size_t nr_fields;
};

static const struct layout layouts[] = {
	{
		.name = "slat_info",
		.size = sizeof(struct slat_info),
		.fields = slat_info_fields,
		.nr_fields = ARRAY_SIZE(slat_info_fields),
	},
	{
		.name = "slat_vm_stats",
		.size = sizeof(struct slat_vm_stats),
		.fields = slat_vm_stats_fields,
		.nr_fields = ARRAY_SIZE(slat_vm_stats_fields),
	},
	{
		.name = "slat_memory_region",
		.size = sizeof(struct slat_memory_region),
		.fields = slat_memory_region_fields,
		.nr_fields = ARRAY_SIZE(slat_memory_region_fields),
	},
	{
		.name = "slat_memory_regions",
		.size = sizeof(struct slat_memory_regions),
		.fields = slat_memory_regions_fields,
		.nr_fields = ARRAY_SIZE(slat_memory_regions_fields),
	},
	{
		.name = "slat_dirty_epoch",
		.size = sizeof(struct slat_dirty_epoch),
		.fields = slat_dirty_epoch_fields,
		.nr_fields = ARRAY_SIZE(slat_dirty_epoch_fields),
	},
	{
		.name = "slat_populate",
		.size = sizeof(struct slat_populate),
		.fields = slat_populate_fields,
		.nr_fields = ARRAY_SIZE(slat_populate_fields),
	},
};

static bool hole(const struct layout *layout, size_t from, size_t to)
{
	if (from == to)
		return false;
	fprintf(stderr, "%s: bytes %zu to %zu: padding in the ABI, or a field missing here\n",
		layout->name, from, to);
	return true;
}

static bool print_layout(const struct layout *layout)
{
	bool holes = false;
	size_t end = 0;

	for (size_t i = 0; i < layout->nr_fields; i++) {
		const struct field *field = &layout->fields[i];

		printf("%s.%s offset %zu size %zu\n", layout->name, field->name, field->offset,
		       field->size);
		holes |= hole(layout, end, field->offset);
		end = field->offset + field->size;
	}
	printf("%s size %zu\n", layout->name, layout->size);
	return !(holes | hole(layout, end, layout->size));
}

int main(void)
{
	bool ok = true;

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		printf("%s 0x%llx\n", numbers[i].name, numbers[i].value);
	for (size_t i = 0; i < ARRAY_SIZE(layouts); i++)
		ok &= print_layout(&layouts[i]);
	return ok ? 0 : 1;
}
