/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Putting a Linux kernel into guest memory, ready for its 64-bit entry or for the
 * real-mode one.
 */
#ifndef SLAT_BOOT_H
#define SLAT_BOOT_H

#include <stdbool.h>
#include <stddef.h>

#include "guest_memory.h"

/* Low memory, the part that belongs to the boot protocol. */
#define BOOT_GDT	0x500ULL
#define BOOT_PARAMS	0x7000ULL
#define BOOT_TABLES	0x9000ULL	/* six pages */
#define BOOT_STACK	0x10000ULL	/* grows down */
#define BOOT_COMMAND	0x20000ULL
#define BOOT_COMMAND_MAX	0x10000U	/* with its NUL */

/* In real mode: one segment with the setup code, its heap and its stack. */
#define BOOT_SETUP	0x10000ULL
#define BOOT_SETUP_HEAP	0x8000ULL	/* from its begin on */
#define BOOT_SETUP_STACK	0xe000ULL	/* likewise, grows down */
#define BOOT_SETUP_ENTRY	0x200ULL	/* likewise */

/* Selectors that the boot protocol names. */
#define BOOT_CS		0x10
#define BOOT_DS		0x18

/**
 * struct boot_file - a file in memory
 * @data: its bytes
 * @size: how many, 0 if there is no such file
 */
struct boot_file {
	void *data;
	size_t size;
};

/**
 * struct boot_request - what to boot
 * @kernel: a bzImage or vmlinux
 * @initrd: may be empty
 * @command_line: the kernel's
 * @rsdp: address of the ACPI tables
 * @real_mode: by the setup code of a bzImage
 */
struct boot_request {
	struct boot_file kernel;
	struct boot_file initrd;
	const char *command_line;
	__u64 rsdp;
	bool real_mode;
};

/**
 * struct boot_entry - where the first vCPU begins
 * @real_mode: in real mode, in the segment of BOOT_SETUP; else in 64-bit mode,
 *	with the tables above and RSI pointing to BOOT_PARAMS
 * @address: there
 */
struct boot_entry {
	bool real_mode;
	__u64 address;
};

/**
 * slat_boot_load() - fill guest memory
 * @memory: the guest's, all zero
 * @request: what to boot
 * @entry: out: where the first vCPU begins
 *
 * Return: NULL, or what is wrong and what to do about it.
 */
const char *slat_boot_load(const struct guest_memory *memory,
			   const struct boot_request *request, struct boot_entry *entry);

#endif /* SLAT_BOOT_H */
