// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ACPI tables (ACPI 6.4, chapters 5, 6 and 20).
 *
 * The DSDT is AML written by the few functions below: what it holds is a list
 * of devices that differs from guest to guest.  `iasl -d' shows it as source.
 */
#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "acpi.h"
#include "power.h"
#include "rtc.h"
#include "slat.h"

#define ACPI_SCI	9
#define PM1_EVENT_LEN	4
#define PM1_CONTROL_LEN	2
#define LOCAL_APIC	0xfee00000
#define IO_APIC		0xfec00000
#define SERIAL_PORT	0x3f8
#define SERIAL_IRQ	4

#define BOOT_LEGACY_DEVICES	BIT(0)
#define BOOT_NO_VGA		BIT(2)
#define FLAG_WBINVD		BIT(0)
#define FLAG_NO_POWER_BUTTON	BIT(4)	/* none in fixed registers */
#define FLAG_NO_SLEEP_BUTTON	BIT(5)
#define FLAG_RESET_REGISTER	BIT(10)
#define MADT_PCAT_COMPAT	BIT(0)
#define OVERRIDE_HIGH_LEVEL	0x0d

#pragma pack(push, 1)

struct table_header {
	char signature[4];
	__u32 length;
	__u8 revision;
	__u8 checksum;
	char oem_id[6];
	char oem_table_id[8];
	__u32 oem_revision;
	char creator_id[4];
	__u32 creator_revision;
};

struct rsdp {
	char signature[8];
	__u8 checksum;			/* of what ACPI 1.0 knew */
	char oem_id[6];
	__u8 revision;
	__u32 rsdt;
	__u32 length;
	__u64 xsdt;
	__u8 extended_checksum;
	__u8 reserved[3];
};

#define RSDP_OLD_LENGTH	offsetof(struct rsdp, length)

struct generic_address {
	__u8 space;			/* 1: ports */
	__u8 bits;
	__u8 offset;
	__u8 access;			/* 1: bytes, 2: words */
	__u64 address;
};

struct fadt {
	struct table_header header;
	__u32 facs, dsdt;
	__u8 reserved1, profile;
	__u16 sci;
	__u32 smi_command;		/* 0: always in ACPI mode */
	__u8 acpi_enable, acpi_disable, s4bios, pstate;
	__u32 pm1a_event, pm1b_event, pm1a_control, pm1b_control, pm2_control, pm_timer;
	__u32 gpe0, gpe1;
	__u8 pm1_event_len, pm1_control_len, pm2_control_len, pm_timer_len;
	__u8 gpe0_len, gpe1_len, gpe1_base, cstate;
	__u16 c2_latency, c3_latency, flush_size, flush_stride;
	__u8 duty_offset, duty_width, day_alarm, month_alarm, century;
	__u16 boot_flags;
	__u8 reserved2;
	__u32 flags;
	struct generic_address reset;
	__u8 reset_value;
	__u16 arm_flags;
	__u8 minor;
	__u64 x_facs, x_dsdt;
	struct generic_address x_pm1a_event, x_pm1b_event, x_pm1a_control, x_pm1b_control;
	struct generic_address x_pm2_control, x_pm_timer, x_gpe0, x_gpe1;
	struct generic_address sleep_control, sleep_status;
	__u64 hypervisor;
};

struct facs {
	char signature[4];
	__u32 length, hardware, waking_vector, global_lock, flags;
	__u64 x_waking_vector;
	__u8 version;
	__u8 reserved[31];
};

#pragma pack(pop)

static_assert(sizeof(struct table_header) == 36, "ACPI table header");
static_assert(sizeof(struct rsdp) == 36, "RSDP");
static_assert(sizeof(struct fadt) == 276, "FADT of revision 6");
static_assert(sizeof(struct facs) == 64, "FACS");

/* Bytes that are appended one after the other; too many is noted, not written. */
struct writer {
	__u8 *start;
	__u8 *at;
	__u8 *end;
	bool full;
};

static void *put_space(struct writer *out, size_t len)
{
	__u8 *at = out->at;

	if (len > (size_t)(out->end - out->at)) {
		out->full = true;
		return NULL;
	}
	out->at += len;
	memset(at, 0, len);
	return at;
}

static void put(struct writer *out, const void *data, size_t len)
{
	void *at = put_space(out, len);

	if (at)
		memcpy(at, data, len);
}

static void put_byte(struct writer *out, __u8 byte)
{
	put(out, &byte, sizeof(byte));
}

static void put_dword(struct writer *out, __u32 dword)
{
	put(out, &dword, sizeof(dword));
}

static void align(struct writer *out, size_t to)
{
	while (!out->full && (out->at - out->start) % to)
		put_byte(out, 0);
}

static __u8 checksum(const void *data, size_t len)
{
	__u8 sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += ((const __u8 *)data)[i];
	return -sum;
}

static struct table_header *table_begin(struct writer *out, const char *signature,
					__u8 revision)
{
	struct table_header header = {
		.revision = revision,
		.oem_id = "SLAT  ",
		.oem_table_id = "SLATRUN ",
		.oem_revision = 1,
		.creator_id = "SLAT",
		.creator_revision = 1,
	};
	struct table_header *at;

	memcpy(header.signature, signature, sizeof(header.signature));
	align(out, 16);
	at = put_space(out, sizeof(header));
	if (at)
		*at = header;
	return at;
}

static void table_end(struct writer *out, struct table_header *table)
{
	if (out->full)
		return;
	table->length = out->at - (__u8 *)table;
	table->checksum = checksum(table, table->length);
}

static __u64 address(const struct writer *out, const void *at)
{
	return FIRMWARE_BASE + ((const __u8 *)at - out->start);
}

/* AML: a package begins with its length, here always in two bytes. */
#define AML_ZERO	0x00
#define AML_NAME	0x08
#define AML_BYTE	0x0a
#define AML_DWORD	0x0c
#define AML_STRING	0x0d
#define AML_SCOPE	0x10
#define AML_BUFFER	0x11
#define AML_PACKAGE	0x12
#define AML_EXTENDED	0x5b
#define AML_DEVICE	0x82
#define AML_LENGTH_MAX	0xfff

static __u8 *aml_begin(struct writer *out)
{
	return put_space(out, 2);
}

static void aml_end(struct writer *out, __u8 *length)
{
	size_t bytes;

	if (out->full)
		return;
	bytes = out->at - length;
	if (bytes > AML_LENGTH_MAX) {
		out->full = true;
		return;
	}
	length[0] = 0x40 | (bytes & 0xf);
	length[1] = bytes >> 4;
}

static __u8 *aml_device(struct writer *out, const char *name)
{
	__u8 *length;

	put_byte(out, AML_EXTENDED);
	put_byte(out, AML_DEVICE);
	length = aml_begin(out);
	put(out, name, 4);
	return length;
}

static void aml_name(struct writer *out, const char *name)
{
	put_byte(out, AML_NAME);
	put(out, name, 4);
}

static void aml_name_byte(struct writer *out, const char *name, __u8 value)
{
	aml_name(out, name);
	put_byte(out, AML_BYTE);
	put_byte(out, value);
}

static void aml_resources(struct writer *out, const __u8 *template, size_t len)
{
	static const __u8 end[] = { 0x79, 0 };
	__u8 *length;

	aml_name(out, "_CRS");
	put_byte(out, AML_BUFFER);
	length = aml_begin(out);
	put_byte(out, AML_BYTE);
	put_byte(out, len + sizeof(end));
	put(out, template, len);
	put(out, end, sizeof(end));
	aml_end(out, length);
}

/* Name (\_S5, Package () { 5, 5, 0, 0 }) */
static void write_soft_off(struct writer *out)
{
	__u8 *length;

	aml_name(out, "_S5_");
	put_byte(out, AML_PACKAGE);
	length = aml_begin(out);
	put_byte(out, 4);
	for (int i = 0; i < 2; i++) {
		put_byte(out, AML_BYTE);
		put_byte(out, POWER_SOFT_OFF);
	}
	put_byte(out, AML_ZERO);
	put_byte(out, AML_ZERO);
	aml_end(out, length);
}

static void write_serial(struct writer *out)
{
	static const __u8 resources[] = {
		/* IO (Decode16, 0x3f8, 0x3f8, 0, 8) */
		0x47, 1, SERIAL_PORT & 0xff, SERIAL_PORT >> 8,
		SERIAL_PORT & 0xff, SERIAL_PORT >> 8, 0, 8,
		/* IRQNoFlags () {4} */
		0x22, 1 << SERIAL_IRQ, 0,
	};
	__u8 *length = aml_device(out, "COM1");

	aml_name(out, "_HID");
	put_byte(out, AML_DWORD);
	put_dword(out, 0x0105d041);		/* EISAID ("PNP0501") */
	aml_name_byte(out, "_UID", 1);
	aml_resources(out, resources, sizeof(resources));
	aml_end(out, length);
}

static void write_virtio(struct writer *out, const struct acpi_device *device, __u8 nr)
{
	static const char id[] = "LNRO0005";
	const char name[] = { 'V', 'I', (char)('0' + nr / 10), (char)('0' + nr % 10) };
	__u8 resources[12 + 9] = {
		/* Memory32Fixed (ReadWrite, base, size) */
		[0] = 0x86, 9, 0, 1,
		/* Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) {gsi} */
		[12] = 0x89, 6, 0, 3, 1,
	};
	__u8 *length = aml_device(out, name);

	memcpy(resources + 4, &device->base, 4);
	memcpy(resources + 8, &device->size, 4);
	memcpy(resources + 17, &device->gsi, 4);
	aml_name(out, "_HID");
	put_byte(out, AML_STRING);
	put(out, id, sizeof(id));
	aml_name_byte(out, "_UID", nr);
	aml_name_byte(out, "_CCA", 1);
	aml_resources(out, resources, sizeof(resources));
	aml_end(out, length);
}

static struct table_header *write_dsdt(struct writer *out, const struct acpi_machine *machine)
{
	struct table_header *dsdt = table_begin(out, "DSDT", 2);
	__u8 *length;

	write_soft_off(out);
	put_byte(out, AML_SCOPE);
	length = aml_begin(out);
	put(out, "_SB_", 4);
	write_serial(out);
	for (unsigned int i = 0; i < machine->nr_devices; i++)
		write_virtio(out, &machine->devices[i], i);
	aml_end(out, length);
	table_end(out, dsdt);
	return dsdt;
}

static struct generic_address port(__u16 offset, __u8 bytes)
{
	return (struct generic_address){
		.space = 1,
		.bits = bytes * 8,
		.access = bytes == 1 ? 1 : 2,
		.address = POWER_BASE + offset,
	};
}

static struct table_header *write_fadt(struct writer *out, const void *facs, const void *dsdt)
{
	struct table_header *header = table_begin(out, "FACP", 6);
	struct fadt *fadt = (struct fadt *)header;

	put_space(out, sizeof(*fadt) - sizeof(*header));
	if (out->full)
		return header;
	fadt->facs = address(out, facs);
	fadt->dsdt = address(out, dsdt);
	fadt->x_dsdt = fadt->dsdt;
	fadt->sci = ACPI_SCI;
	fadt->pm1a_event = POWER_BASE + POWER_EVENT;
	fadt->pm1a_control = POWER_BASE + POWER_CONTROL;
	fadt->pm1_event_len = PM1_EVENT_LEN;
	fadt->pm1_control_len = PM1_CONTROL_LEN;
	fadt->x_pm1a_event = port(POWER_EVENT, PM1_EVENT_LEN);
	fadt->x_pm1a_control = port(POWER_CONTROL, PM1_CONTROL_LEN);
	fadt->c2_latency = 0xffff;		/* no such states */
	fadt->c3_latency = 0xffff;
	fadt->century = RTC_CENTURY;
	fadt->boot_flags = BOOT_LEGACY_DEVICES | BOOT_NO_VGA;
	fadt->flags = FLAG_WBINVD | FLAG_NO_POWER_BUTTON | FLAG_NO_SLEEP_BUTTON |
		      FLAG_RESET_REGISTER;
	fadt->reset = port(POWER_RESET, 1);
	fadt->reset_value = POWER_RESET_VALUE;
	table_end(out, header);
	return header;
}

static struct table_header *write_madt(struct writer *out, unsigned int cpus)
{
	static const __u8 io_apic[] = { 1, 12, 0, 0 };
	static const __u8 override[] = {
		2, 10, 0, ACPI_SCI, ACPI_SCI, 0, 0, 0, OVERRIDE_HIGH_LEVEL, 0,
	};
	static const __u8 nmi[] = { 4, 6, 0xff, 0, 0, 1 };
	struct table_header *madt = table_begin(out, "APIC", 4);

	put_dword(out, LOCAL_APIC);
	put_dword(out, MADT_PCAT_COMPAT);
	for (unsigned int i = 0; i < cpus; i++) {
		const __u8 local[] = { 0, 8, i, i, 1, 0, 0, 0 };

		put(out, local, sizeof(local));
	}

	/* The I/O APIC has GSI 0 and up; the SCI as ACPI wants it; LINT1 is NMI. */
	put(out, io_apic, sizeof(io_apic));
	put_dword(out, IO_APIC);
	put_dword(out, 0);
	put(out, override, sizeof(override));
	put(out, nmi, sizeof(nmi));
	table_end(out, madt);
	return madt;
}

static struct table_header *write_xsdt(struct writer *out, const struct table_header *fadt,
				       const struct table_header *madt)
{
	struct table_header *xsdt = table_begin(out, "XSDT", 1);
	const __u64 tables[] = { address(out, fadt), address(out, madt) };

	put(out, tables, sizeof(tables));
	table_end(out, xsdt);
	return xsdt;
}

__u64 slat_acpi_write(const struct guest_memory *memory, const struct acpi_machine *machine)
{
	struct table_header *dsdt, *fadt, *madt, *xsdt;
	struct writer out = { 0 };
	struct rsdp *rsdp;
	struct facs *facs;

	out.start = slat_memory_at(memory, FIRMWARE_BASE, EXTENDED_MEMORY - FIRMWARE_BASE);
	if (!out.start || machine->cpus > ACPI_CPUS_MAX)
		return 0;
	out.at = out.start;
	out.end = out.start + (EXTENDED_MEMORY - FIRMWARE_BASE);

	rsdp = put_space(&out, sizeof(*rsdp));
	align(&out, 64);
	facs = put_space(&out, sizeof(*facs));
	dsdt = write_dsdt(&out, machine);
	fadt = write_fadt(&out, facs, dsdt);
	madt = write_madt(&out, machine->cpus);
	xsdt = write_xsdt(&out, fadt, madt);
	if (out.full)
		return 0;

	memcpy(facs->signature, "FACS", 4);
	facs->length = sizeof(*facs);
	facs->version = 2;
	memcpy(rsdp->signature, "RSD PTR ", 8);
	memcpy(rsdp->oem_id, "SLAT  ", 6);
	rsdp->revision = 2;
	rsdp->length = sizeof(*rsdp);
	rsdp->xsdt = address(&out, xsdt);
	rsdp->checksum = checksum(rsdp, RSDP_OLD_LENGTH);
	rsdp->extended_checksum = checksum(rsdp, sizeof(*rsdp));
	return FIRMWARE_BASE;
}
