// SPDX-License-Identifier: GPL-2.0-only
/*
 * The Linux boot protocol (Documentation/x86/boot.rst of Linux): the kernel where
 * it wants to be, the initrd as high as it may be, and below 640 KiB the command
 * line.  For the 64-bit entry there are the zero page, a GDT and page tables that
 * map the first 4 GiB to themselves; boot_real.c has the other.
 *
 * A kernel is a file from anywhere: no offset in it is believed.
 */
#include <string.h>

#include <asm/bootparam.h>
#include <linux/elf.h>

#include "boot.h"
#include "boot_real.h"

#define PAGE		4096ULL
#define LARGE_PAGE	(2ULL << 20)
#define PROTOCOL	0x020c		/* the first with xloadflags */
#define HEADER_MAGIC	0x53726448	/* "HdrS" */
#define BOOT_MAGIC	0xaa55
#define SECTOR		512UL
#define ENTRY_64	0x200		/* from the start of the loaded kernel */
#define LOADER_UNKNOWN	0xff
#define E820_RAM	1
#define E820_RESERVED	2
#define E820_ENTRIES	4
#define PTE_PRESENT	1ULL
#define PTE_WRITE	2ULL
#define PTE_LARGE	0x80ULL

#define GIVE_KERNEL	"give the bzImage (/boot/vmlinuz-*) or the vmlinux of a 64-bit Linux"
#define GIVE_MEMORY	"give the guest more: --memory"

/*
 * Where the kernel is, and what it said of itself; of a bzImage how long its
 * header and all before the kernel proper are.
 */
struct kernel {
	__u64 entry;
	__u64 end;
	struct setup_header header;
	size_t header_len;
	size_t setup_len;
};

static const char *load_bzimage(const struct guest_memory *memory,
				const struct boot_file *file, struct kernel *kernel)
{
	const __u8 *data = file->data;
	struct setup_header *header = &kernel->header;
	size_t len, setup, size;
	void *place;

	/* The byte at 0x201 is a jump over the header: it says how long that is. */
	len = 0x202 + data[0x201] - 0x1f1;
	if (len > sizeof(*header))
		len = sizeof(*header);
	memcpy(header, data + 0x1f1, len);
	kernel->header_len = len;

	if (header->version < PROTOCOL || !(header->xloadflags & XLF_KERNEL_64))
		return "--kernel: a kernel without 64-bit entry - " GIVE_KERNEL;
	setup = (header->setup_sects ? header->setup_sects + 1 : 5) * SECTOR;
	if (file->size <= setup + ENTRY_64)
		return "--kernel: the file is cut off - copy it again";

	size = file->size - setup;
	if (header->pref_address < EXTENDED_MEMORY)
		return "--kernel: a kernel that wants to be in low memory - " GIVE_KERNEL;
	place = slat_memory_at(memory, header->pref_address,
			       size > header->init_size ? size : header->init_size);
	if (!place || header->pref_address >= slat_memory_low(memory))
		return "--kernel: does not fit into guest memory - " GIVE_MEMORY;
	memcpy(place, data + setup, size);
	kernel->setup_len = setup;
	header->code32_start = header->pref_address;
	kernel->entry = header->pref_address + ENTRY_64;
	kernel->end = header->pref_address + (size > header->init_size ? size : header->init_size);
	return NULL;
}

static const char *load_segment(const struct guest_memory *memory,
				const struct boot_file *file, const struct elf64_phdr *segment,
				struct kernel *kernel)
{
	void *place;

	if (segment->p_offset > file->size || segment->p_filesz > file->size - segment->p_offset ||
	    segment->p_filesz > segment->p_memsz)
		return "--kernel: the file is cut off - copy it again";
	place = slat_memory_at(memory, segment->p_paddr, segment->p_memsz);
	if (!place || segment->p_paddr < EXTENDED_MEMORY ||
	    segment->p_paddr >= slat_memory_low(memory))
		return "--kernel: does not fit into guest memory - " GIVE_MEMORY;
	memcpy(place, (const __u8 *)file->data + segment->p_offset, segment->p_filesz);
	if (segment->p_paddr + segment->p_memsz > kernel->end)
		kernel->end = segment->p_paddr + segment->p_memsz;
	return NULL;
}

static const char *load_vmlinux(const struct guest_memory *memory,
				const struct boot_file *file, struct kernel *kernel)
{
	const char *error;
	struct elf64_phdr segment;
	struct elf64_hdr elf;

	memcpy(&elf, file->data, sizeof(elf));
	if (elf.e_ident[EI_CLASS] != ELFCLASS64 || elf.e_machine != EM_X86_64 ||
	    elf.e_type != ET_EXEC || elf.e_phentsize != sizeof(segment))
		return "--kernel: an ELF file that is no kernel - " GIVE_KERNEL;
	if (elf.e_phoff > file->size ||
	    elf.e_phnum > (file->size - elf.e_phoff) / sizeof(segment))
		return "--kernel: the file is cut off - copy it again";

	for (unsigned int i = 0; i < elf.e_phnum; i++) {
		memcpy(&segment, (const __u8 *)file->data + elf.e_phoff + i * sizeof(segment),
		       sizeof(segment));
		if (segment.p_type != PT_LOAD)
			continue;
		error = load_segment(memory, file, &segment, kernel);
		if (error)
			return error;
	}
	if (elf.e_entry < EXTENDED_MEMORY || elf.e_entry >= kernel->end)
		return "--kernel: an ELF file that is no kernel - " GIVE_KERNEL;

	kernel->entry = elf.e_entry;
	kernel->header = (struct setup_header){
		.boot_flag = BOOT_MAGIC,
		.header = HEADER_MAGIC,
		.version = PROTOCOL,
		.loadflags = LOADED_HIGH,
		.initrd_addr_max = 0x7fffffff,
		.cmdline_size = 2047,
	};
	return NULL;
}

static const char *load_kernel(const struct guest_memory *memory,
			       const struct boot_file *file, struct kernel *kernel)
{
	const __u8 *data = file->data;

	if (file->size >= sizeof(struct elf64_hdr) && !memcmp(data, ELFMAG, SELFMAG))
		return load_vmlinux(memory, file, kernel);
	if (file->size >= sizeof(struct boot_params) && !memcmp(data + 0x202, "HdrS", 4) &&
	    data[0x1fe] == (BOOT_MAGIC & 0xff) && data[0x1ff] == BOOT_MAGIC >> 8)
		return load_bzimage(memory, file, kernel);
	return "--kernel: neither a bzImage nor a vmlinux - " GIVE_KERNEL;
}

/* As high as the kernel allows: what it needs while it starts is below. */
static const char *load_initrd(const struct guest_memory *memory,
			       const struct boot_file *file, struct kernel *kernel)
{
	__u64 end = slat_memory_low(memory), start;

	if (!file->size)
		return NULL;
	if (end > kernel->header.initrd_addr_max)
		end = kernel->header.initrd_addr_max + 1ULL;
	if (file->size > end)
		return "--initrd: does not fit into guest memory - " GIVE_MEMORY;
	start = (end - file->size) & ~(PAGE - 1);
	if (start < kernel->end)
		return "--initrd: does not fit into guest memory - " GIVE_MEMORY;
	memcpy(slat_memory_at(memory, start, file->size), file->data, file->size);
	kernel->header.ramdisk_image = start;
	kernel->header.ramdisk_size = file->size;
	return NULL;
}

static const char *load_command_line(const struct guest_memory *memory, const char *text,
				     struct kernel *kernel)
{
	size_t len = strlen(text);

	if (len > kernel->header.cmdline_size || len >= BOOT_COMMAND_MAX)
		return "--append: longer than this kernel takes - shorten it";
	memcpy(slat_memory_at(memory, BOOT_COMMAND, len + 1), text, len + 1);
	kernel->header.cmd_line_ptr = BOOT_COMMAND;
	return NULL;
}

static unsigned int add_e820(struct boot_e820_entry *map, unsigned int entries, __u64 start,
			     __u64 end, __u32 type)
{
	if (start >= end)
		return entries;
	map[entries] = (struct boot_e820_entry){ start, end - start, type };
	return entries + 1;
}

/* Returns how many entries that makes. */
static unsigned int memory_map(const struct guest_memory *memory,
			       struct boot_e820_entry map[E820_ENTRIES])
{
	__u64 low = slat_memory_low(memory);
	unsigned int entries;

	entries = add_e820(map, 0, 0, RAM_BASE_END, E820_RAM);
	entries = add_e820(map, entries, RAM_BASE_END, EXTENDED_MEMORY, E820_RESERVED);
	entries = add_e820(map, entries, EXTENDED_MEMORY, low, E820_RAM);
	return add_e820(map, entries, RAM_HIGH, RAM_HIGH + memory->size - low, E820_RAM);
}

/* The zero page. */
static void write_params(const struct guest_memory *memory, const struct kernel *kernel,
			 __u64 rsdp)
{
	struct boot_params *params = slat_memory_at(memory, BOOT_PARAMS, sizeof(*params));

	memset(params, 0, sizeof(*params));
	params->hdr = kernel->header;
	params->acpi_rsdp_addr = rsdp;
	params->e820_entries = memory_map(memory, params->e820_table);
}

/* 4 GiB mapped to themselves: a PML4, a PDPT, four directories. */
static void write_tables(const struct guest_memory *memory)
{
	__u64 *table = slat_memory_at(memory, BOOT_TABLES, 6 * PAGE);
	__u64 *directory = table + 2 * PAGE / sizeof(*table);

	memset(table, 0, 2 * PAGE);
	table[0] = (BOOT_TABLES + PAGE) | PTE_PRESENT | PTE_WRITE;
	for (unsigned int i = 0; i < 4; i++)
		table[PAGE / sizeof(*table) + i] =
			(BOOT_TABLES + (2 + i) * PAGE) | PTE_PRESENT | PTE_WRITE;
	for (__u64 i = 0; i < 4 * PAGE / sizeof(*table); i++)
		directory[i] = i * LARGE_PAGE | PTE_PRESENT | PTE_WRITE | PTE_LARGE;
}

static void write_gdt(const struct guest_memory *memory)
{
	static const __u64 gdt[] = {
		[BOOT_CS / 8] = 0x00af9b000000ffff,	/* 64-bit code */
		[BOOT_DS / 8] = 0x00cf93000000ffff,	/* flat data */
	};

	memcpy(slat_memory_at(memory, BOOT_GDT, sizeof(gdt)), gdt, sizeof(gdt));
}

/* The kernel looks for the RSDP itself, where firmware has it. */
static const char *load_real(const struct guest_memory *memory, const struct boot_file *file,
			     const struct kernel *kernel)
{
	struct boot_e820_entry map[E820_ENTRIES];
	unsigned int entries = memory_map(memory, map);

	if (!kernel->setup_len)
		return "--boot real: a vmlinux has no real-mode entry - give the bzImage";
	return slat_boot_real_load(memory, file->data, kernel->setup_len, &kernel->header,
				   kernel->header_len, map, entries);
}

const char *slat_boot_load(const struct guest_memory *memory,
			   const struct boot_request *request, struct boot_entry *entry)
{
	struct kernel kernel = { 0 };
	const char *error;

	if (slat_memory_low(memory) < 2 * EXTENDED_MEMORY)
		return "--memory: too little for any kernel - " GIVE_MEMORY;
	error = load_kernel(memory, &request->kernel, &kernel);
	if (!error)
		error = load_initrd(memory, &request->initrd, &kernel);
	if (!error)
		error = load_command_line(memory, request->command_line, &kernel);
	if (error)
		return error;

	kernel.header.type_of_loader = LOADER_UNKNOWN;
	entry->real_mode = request->real_mode;
	if (request->real_mode) {
		entry->address = BOOT_SETUP + BOOT_SETUP_ENTRY;
		return load_real(memory, &request->kernel, &kernel);
	}
	entry->address = kernel.entry;
	write_params(memory, &kernel, request->rsdp);
	write_tables(memory);
	write_gdt(memory);
	return NULL;
}
