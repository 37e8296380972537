// SPDX-License-Identifier: GPL-2.0-only
/*
 * userspace/acpi.c: tables found as a guest finds them, and the DSDT as ACPICA,
 * which guests use as well, understands it.
 */
#include <stdlib.h>
#include <unistd.h>

#include "acpi.h"
#include "power.h"
#include "unit.h"

#define MEMORY	0x200000ULL

static struct guest_memory memory = { .size = MEMORY };
static const struct acpi_device devices[] = {
	{ 0xd0000000, 0x1000, 16 },
	{ 0xd0001000, 0x1000, 17 },
};

static void *at(__u64 gpa)
{
	return memory.host + gpa;
}

static __u32 dword(const void *from)
{
	__u32 value;

	memcpy(&value, from, sizeof(value));
	return value;
}

static __u64 qword(const void *from)
{
	__u64 value;

	memcpy(&value, from, sizeof(value));
	return value;
}

static __u8 sum(const __u8 *bytes, size_t len)
{
	__u8 total = 0;

	while (len--)
		total += *bytes++;
	return total;
}

static __u64 write_tables(unsigned int cpus, unsigned int nr_devices)
{
	const struct acpi_machine machine = {
		.cpus = cpus,
		.devices = devices,
		.nr_devices = nr_devices,
	};

	free(memory.host);
	memory.host = calloc(1, MEMORY);
	return slat_acpi_write(&memory, &machine);
}

/* By way of the XSDT, as an operating system does. */
static __u8 *table(const char *signature)
{
	__u8 *rsdp = at(FIRMWARE_BASE), *xsdt = at(qword(rsdp + 24));

	if (!strcmp(signature, "XSDT"))
		return xsdt;
	if (!strcmp(signature, "DSDT"))
		return at(qword(table("FACP") + 140));
	for (__u32 i = 36; i < dword(xsdt + 4); i += 8)
		if (!memcmp(at(qword(xsdt + i)), signature, 4))
			return at(qword(xsdt + i));
	CHECK_STREQ(signature, "not in the XSDT");
	return xsdt;
}

static void the_rsdp_is_found(void)
{
	__u8 *rsdp;

	CHECK_EQ(FIRMWARE_BASE, write_tables(1, 2));
	rsdp = at(FIRMWARE_BASE);
	CHECK(!memcmp(rsdp, "RSD PTR ", 8));
	CHECK_EQ(0, sum(rsdp, 20));
	CHECK_EQ(0, sum(rsdp, 36));
}

static void every_table_adds_up(void)
{
	static const char * const names[] = { "XSDT", "FACP", "APIC", "DSDT" };

	write_tables(3, 2);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		__u8 *found = table(names[i]);

		CHECK(!memcmp(found, names[i], 4));
		CHECK(dword(found + 4) > 36);
		CHECK_EQ(0, sum(found, dword(found + 4)));
	}
}

static void the_madt_lists_cpus(void)
{
	unsigned int cpus = 0, apics = 0;
	__u8 *madt, *entry;

	write_tables(5, 0);
	madt = table("APIC");
	for (entry = madt + 44; entry < madt + dword(madt + 4); entry += entry[1]) {
		if (!CHECK(entry[1]))
			return;
		if (entry[0] == 0) {
			CHECK_EQ(cpus, entry[3]);
			CHECK_EQ(1, entry[4]);
			cpus++;
		}
		apics += entry[0] == 1;
	}
	CHECK_EQ(5, cpus);
	CHECK_EQ(1, apics);
}

static void the_fadt_names_the_power_registers(void)
{
	__u8 *fadt;

	write_tables(1, 0);
	fadt = table("FACP");
	CHECK_EQ(276, dword(fadt + 4));
	CHECK_EQ(POWER_BASE + POWER_EVENT, dword(fadt + 56));
	CHECK_EQ(POWER_BASE + POWER_CONTROL, dword(fadt + 64));
	CHECK_EQ(1 << 10, dword(fadt + 112) & 1 << 10);
	CHECK_EQ(POWER_BASE + POWER_RESET, qword(fadt + 120));
	CHECK_EQ(POWER_RESET_VALUE, fadt[128]);
	CHECK(!memcmp(at(dword(fadt + 36)), "FACS", 4));
}

static void too_much_is_refused(void)
{
	static struct acpi_device many[100];
	const struct acpi_machine machine = { 1, many, ARRAY_SIZE(many) };

	CHECK_EQ(FIRMWARE_BASE, write_tables(ACPI_CPUS_MAX, 2));
	CHECK_EQ(0, write_tables(ACPI_CPUS_MAX + 1, 2));
	CHECK_EQ(0, slat_acpi_write(&memory, &machine));
}

/* The source that iasl makes of the DSDT; it fails on bytes that mean nothing. */
static void the_dsdt_has_a_source(void)
{
	static const char * const parts[] = {
		"Name (_S5, Package", "Device (COM1)", "EisaId (\"PNP0501\")",
		"IO (Decode16,", "IRQNoFlags ()", "{4}",
		"Device (VI00)", "Device (VI01)", "\"LNRO0005\"", "0xD0001000",
		"Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive", "0x00000011",
	};
	char path[] = "/tmp/slat-dsdt-XXXXXX", command[128], *source;
	size_t len;
	FILE *file;
	__u8 *dsdt;

	write_tables(1, 2);
	dsdt = table("DSDT");
	CHECK(mkdtemp(path));
	snprintf(command, sizeof(command), "%s/dsdt.aml", path);
	file = fopen(command, "w");
	CHECK_EQ(1, fwrite(dsdt, dword(dsdt + 4), 1, file));
	fclose(file);
	snprintf(command, sizeof(command),
		 "cd %s && iasl -d dsdt.aml >log 2>&1 && iasl -we dsdt.dsl >log 2>&1", path);
	CHECK_EQ(0, system(command));

	snprintf(command, sizeof(command), "%s/dsdt.dsl", path);
	file = fopen(command, "r");
	if (CHECK(file)) {
		source = calloc(1, 65536);
		len = fread(source, 1, 65535, file);
		CHECK(len > 0);
		for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
			if (!CHECK(strstr(source, parts[i])))
				printf("# no '%s'\n", parts[i]);
		free(source);
		fclose(file);
	}
	snprintf(command, sizeof(command), "rm -r %s", path);
	CHECK_EQ(0, system(command));
}

int main(void)
{
	static const struct unit_case cases[] = {
		UNIT_CASE(the_rsdp_is_found),
		UNIT_CASE(every_table_adds_up),
		UNIT_CASE(the_madt_lists_cpus),
		UNIT_CASE(the_fadt_names_the_power_registers),
		UNIT_CASE(too_much_is_refused),
		UNIT_CASE(the_dsdt_has_a_source),
	};
	int status = unit_run(cases, ARRAY_SIZE(cases));

	free(memory.host);
	return status;
}
