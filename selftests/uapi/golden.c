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
	NUMBER(SLAT_FEATURE_INFO),
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
	NUMBER(SLAT_GET_INFO),
};

struct field {
	const char *name;
	size_t offset;
	size_t size;
};

#define FIELD(type, name)	{ #name, offsetof(type, name), sizeof(((type *)0)->name) }

static const struct field slat_info_fields[] = {
	FIELD(struct slat_info, flags),
	FIELD(struct slat_info, backend),
	FIELD(struct slat_info, features),
	FIELD(struct slat_info, hw_caps),
	FIELD(struct slat_info, version),
	FIELD(struct slat_info, host_phys_bits),
	FIELD(struct slat_info, guest_phys_bits),
	FIELD(struct slat_info, slat_levels),
	FIELD(struct slat_info, tlb_tags),
	FIELD(struct slat_info, max_residency_us),
	FIELD(struct slat_info, cpus),
	FIELD(struct slat_info, vmcs_revision),
	FIELD(struct slat_info, reserved),
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
};

static bool hole(const struct layout *layout, size_t from, size_t to)
{
	if (from == to)
		return false;
	fprintf(stderr, "%s: bytes %zu to %zu: padding in the ABI, or a FIELD() missing here\n",
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
