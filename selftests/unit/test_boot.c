// SPDX-License-Identifier: GPL-2.0-only
/*
 * userspace/boot.c: kernels made up here, good ones and broken ones.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include <asm/bootparam.h>
#include <linux/elf.h>

#include "boot.h"
#include "unit.h"

#define MIB		(1ULL << 20)
#define MEMORY		(64 * MIB)
#define SETUP		(5 * 512)	/* of a bzImage with four sectors */
#define BODY		8192
#define LOAD		(16 * MIB)

static struct guest_memory memory = { .size = MEMORY };
static __u8 image[SETUP + BODY];
static struct boot_request request;
static struct boot_entry entry;

static struct setup_header *header(void)
{
	return (struct setup_header *)(image + 0x1f1);
}

static void *at(__u64 gpa)
{
	return memory.host + gpa;
}

static void fresh_memory(void)
{
	if (memory.host)
		munmap(memory.host, memory.size);
	CHECK_EQ(0, slat_memory_create(&memory, MEMORY));
	request = (struct boot_request){
		.kernel = { image, sizeof(image) },
		.command_line = "console=ttyS0 quiet",
		.rsdp = FIRMWARE_BASE,
	};
}

static void make_bzimage(void)
{
	fresh_memory();
	memset(image, 0, sizeof(image));
	memset(image + SETUP, 0xcc, BODY);
	image[0x201] = 0x6a;		/* up to kernel_info_offset */
	*header() = (struct setup_header){
		.setup_sects = 4,
		.boot_flag = 0xaa55,
		.jump = 0x6aeb,
		.header = 0x53726448,
		.version = 0x020f,
		.loadflags = LOADED_HIGH,
		.initrd_addr_max = 0x7fffffff,
		.relocatable_kernel = 1,
		.xloadflags = XLF_KERNEL_64,
		.cmdline_size = 2047,
		.pref_address = LOAD,
		.init_size = 2 * MIB,
	};
}

static struct elf64_hdr *elf(void)
{
	return (struct elf64_hdr *)image;
}

static struct elf64_phdr *segment(void)
{
	return (struct elf64_phdr *)(image + sizeof(struct elf64_hdr));
}

static void make_vmlinux(void)
{
	fresh_memory();
	memset(image, 0, sizeof(image));
	memset(image + SETUP, 0xcc, BODY);
	*elf() = (struct elf64_hdr){
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_entry = LOAD + 0x100,
		.e_phoff = sizeof(struct elf64_hdr),
		.e_phentsize = sizeof(struct elf64_phdr),
		.e_phnum = 1,
	};
	*segment() = (struct elf64_phdr){
		.p_type = PT_LOAD,
		.p_offset = SETUP,
		.p_paddr = LOAD,
		.p_filesz = BODY,
		.p_memsz = 2 * BODY,
	};
}

static const char *load(void)
{
	return slat_boot_load(&memory, &request, &entry);
}

/* Refused, with advice, by a message with these words. */
static void check_refused(const char *words)
{
	const char *error = load();

	if (CHECK(error) && !CHECK(strstr(error, words) && strstr(error, " - ")))
		printf("# it said: %s\n", error);
}

static void bzimages_are_loaded(void)
{
	struct boot_params *params;

	make_bzimage();
	CHECK_STREQ(NULL, load());
	params = at(BOOT_PARAMS);
	CHECK_EQ(LOAD + 0x200, entry.address);
	CHECK(!entry.real_mode);
	CHECK(!memcmp(at(LOAD), image + SETUP, BODY));
	CHECK_STREQ("console=ttyS0 quiet", at(params->hdr.cmd_line_ptr));
	CHECK_EQ(0xff, params->hdr.type_of_loader);
	CHECK_EQ(2 * MIB, params->hdr.init_size);
	CHECK_EQ(FIRMWARE_BASE, params->acpi_rsdp_addr);
	CHECK_EQ(0, params->hdr.ramdisk_size);
}

static void vmlinuxes_are_loaded(void)
{
	struct boot_params *params;

	make_vmlinux();
	CHECK_STREQ(NULL, load());
	params = at(BOOT_PARAMS);
	CHECK_EQ(LOAD + 0x100, entry.address);
	CHECK(!memcmp(at(LOAD), image + SETUP, BODY));
	CHECK_EQ(0, *(__u8 *)at(LOAD + BODY));
	CHECK_EQ(0xaa55, params->hdr.boot_flag);
	CHECK_EQ(0x53726448, params->hdr.header);
}

static void setup_code_is_loaded(void)
{
	struct setup_header *loaded;

	make_bzimage();
	memset(image + 0x300, 0x90, SETUP - 0x300);
	request.real_mode = true;
	CHECK_STREQ(NULL, load());
	CHECK(entry.real_mode);
	CHECK_EQ(BOOT_SETUP + 0x200, entry.address);
	CHECK(!memcmp(at(BOOT_SETUP + 0x300), image + 0x300, SETUP - 0x300));
	CHECK(!memcmp(at(LOAD), image + SETUP, BODY));
	loaded = at(BOOT_SETUP + 0x1f1);
	CHECK_EQ(0xff, loaded->type_of_loader);
	CHECK_EQ(LOADED_HIGH | CAN_USE_HEAP, loaded->loadflags);
	CHECK_EQ(LOAD, loaded->code32_start);
	CHECK_STREQ("console=ttyS0 quiet", at(loaded->cmd_line_ptr));
	/* What is on the stack, the heap, or beyond, is not the header's. */
	CHECK(loaded->heap_end_ptr + 0x200 <= BOOT_SETUP_STACK);
	CHECK(loaded->cmd_line_ptr >= BOOT_SETUP + BOOT_SETUP_STACK);
}

/* A header that is shorter than ours: what follows it is code. */
static void short_header_is_not_overrun(void)
{
	make_bzimage();
	image[0x201] = 0x62;
	memset(image + 0x202 + 0x62, 0x90, 16);
	request.real_mode = true;
	CHECK_STREQ(NULL, load());
	CHECK(!memcmp(at(BOOT_SETUP + 0x202 + 0x62), image + 0x202 + 0x62, 16));
}

static void no_setup_code(void)
{
	make_vmlinux();
	request.real_mode = true;
	check_refused("--boot real");
	make_bzimage();
	header()->setup_sects = 200;
	request.kernel.data = calloc(1, MIB);
	request.kernel.size = MIB;
	memcpy(request.kernel.data, image, sizeof(image));
	request.real_mode = true;
	check_refused("--boot real");
	free(request.kernel.data);
}

static void memory_is_described(void)
{
	struct boot_params *params;
	__u64 bytes = 0;

	make_bzimage();
	CHECK_STREQ(NULL, load());
	params = at(BOOT_PARAMS);
	CHECK_EQ(3, params->e820_entries);
	for (unsigned int i = 0; i < params->e820_entries; i++) {
		CHECK_EQ(bytes, params->e820_table[i].addr);
		bytes += params->e820_table[i].size;
	}
	CHECK_EQ(MEMORY, bytes);
	CHECK_EQ(2, params->e820_table[1].type);
	CHECK_EQ(RAM_BASE_END, params->e820_table[1].addr);
}

static void memory_above_the_hole_is_described(void)
{
	struct boot_params *params;

	make_bzimage();
	munmap(memory.host, memory.size);
	CHECK_EQ(0, slat_memory_create(&memory, RAM_LOW_END + 8 * MIB));
	CHECK_STREQ(NULL, load());
	params = at(BOOT_PARAMS);
	CHECK_EQ(4, params->e820_entries);
	CHECK_EQ(RAM_LOW_END, params->e820_table[2].addr + params->e820_table[2].size);
	CHECK_EQ(RAM_HIGH, params->e820_table[3].addr);
	CHECK_EQ(8 * MIB, params->e820_table[3].size);
}

/* What the CPU does with an address below 4 GiB. */
static void addresses_are_identical(void)
{
	static const __u64 addresses[] = { 0, LOAD, RAM_LOW_END - 1, RAM_HIGH - 1 };

	make_bzimage();
	CHECK_STREQ(NULL, load());
	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
		__u64 address = addresses[i], page;
		__u64 *pml4 = at(BOOT_TABLES), *pdpt, *directory;

		pdpt = at(pml4[0] & ~0xfffULL);
		directory = at(pdpt[address >> 30] & ~0xfffULL);
		page = directory[address >> 21 & 511];
		CHECK_EQ(0x83, page & 0xfff);
		CHECK_EQ(address & ~(2 * MIB - 1), page & ~0xfffULL);
	}
	CHECK_EQ(0x00af9b000000ffff, ((__u64 *)at(BOOT_GDT))[BOOT_CS / 8]);
}

static void initrds_are_as_high_as_they_may(void)
{
	char initrd[] = "the initrd";
	struct boot_params *params;

	make_bzimage();
	request.initrd = (struct boot_file){ initrd, sizeof(initrd) };
	CHECK_STREQ(NULL, load());
	params = at(BOOT_PARAMS);
	CHECK_EQ(MEMORY - 4096, params->hdr.ramdisk_image);
	CHECK_EQ(sizeof(initrd), params->hdr.ramdisk_size);
	CHECK_STREQ(initrd, at(params->hdr.ramdisk_image));

	make_bzimage();
	header()->initrd_addr_max = 32 * MIB - 1;
	request.initrd = (struct boot_file){ initrd, sizeof(initrd) };
	CHECK_STREQ(NULL, load());
	params = at(BOOT_PARAMS);
	CHECK_EQ(32 * MIB - 4096, params->hdr.ramdisk_image);
}

static void initrds_that_do_not_fit(void)
{
	size_t size = MEMORY - LOAD;
	char *initrd = calloc(1, 2 * MEMORY);

	make_bzimage();
	request.initrd = (struct boot_file){ initrd, size };
	check_refused("--initrd");
	request.initrd.size = size - 2 * MIB;
	CHECK_STREQ(NULL, load());
	request.initrd.size = 2 * MEMORY;
	check_refused("--initrd");
	header()->initrd_addr_max = LOAD;
	request.initrd.size = 1;
	check_refused("--initrd");
	free(initrd);
}

static void long_command_lines(void)
{
	char line[0x10001];

	memset(line, 'x', sizeof(line));
	line[2047] = '\0';
	make_bzimage();
	request.command_line = line;
	CHECK_STREQ(NULL, load());
	CHECK_STREQ(line, at(BOOT_COMMAND));
	line[2047] = 'x';
	line[2048] = '\0';
	check_refused("--append");
	line[2048] = 'x';
	line[sizeof(line) - 1] = '\0';
	header()->cmdline_size = ~0U;
	check_refused("--append");
}

static void files_that_are_no_kernels(void)
{
	make_bzimage();
	request.kernel.size = 0;
	check_refused("--kernel");
	request.kernel.size = 0x1f1;
	check_refused("--kernel");
	make_bzimage();
	header()->header = 0;
	check_refused("--kernel");
	make_bzimage();
	header()->boot_flag = 0;
	check_refused("--kernel");
	make_bzimage();
	header()->xloadflags = 0;
	check_refused("--kernel");
	make_bzimage();
	header()->version = 0x020b;
	check_refused("--kernel");
}

static void bzimages_that_are_cut_off(void)
{
	make_bzimage();
	header()->setup_sects = 0xff;
	check_refused("cut off");
	make_bzimage();
	header()->setup_sects = (sizeof(image) - 0x200) / 512 - 1;
	check_refused("cut off");

	/* Every length, with nothing readable behind it. */
	for (size_t size = 0; size < sizeof(image); size += 7) {
		__u8 *part = malloc(size ? size : 1);

		make_bzimage();
		memcpy(part, image, size);
		request.kernel = (struct boot_file){ part, size };
		CHECK_EQ(size >= sizeof(struct boot_params), !load());
		free(part);
	}
}

static void bzimages_for_other_memory(void)
{
	static const __u64 places[] = {
		0, 0x10000, MEMORY, MEMORY - MIB, RAM_HIGH, ~0ULL, ~0ULL - 2 * MIB, 1ULL << 63,
	};

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		make_bzimage();
		header()->pref_address = places[i];
		check_refused("--kernel");
	}
	make_bzimage();
	header()->init_size = ~0U;
	check_refused("--memory");
}

static void vmlinuxes_that_are_none(void)
{
	make_vmlinux();
	elf()->e_ident[EI_CLASS] = ELFCLASS32;
	check_refused("--kernel");
	make_vmlinux();
	elf()->e_type = ET_DYN;
	check_refused("--kernel");
	make_vmlinux();
	elf()->e_phentsize = 1;
	check_refused("--kernel");
	make_vmlinux();
	elf()->e_phnum = 0;
	check_refused("--kernel");
	make_vmlinux();
	elf()->e_entry = 0xffffffff81000000;
	check_refused("--kernel");
	make_vmlinux();
	elf()->e_entry = BOOT_PARAMS;
	check_refused("--kernel");
}

static void vmlinuxes_with_wild_segments(void)
{
	make_vmlinux();
	elf()->e_phoff = ~0ULL;
	check_refused("--kernel");
	make_vmlinux();
	elf()->e_phnum = 0xffff;
	check_refused("--kernel");
	make_vmlinux();
	segment()->p_offset = ~0ULL - 1;
	check_refused("--kernel");
	make_vmlinux();
	segment()->p_filesz = ~0ULL;
	check_refused("--kernel");
	make_vmlinux();
	segment()->p_filesz = BODY + 1;
	check_refused("--kernel");
	make_vmlinux();
	segment()->p_memsz = BODY - 1;
	check_refused("--kernel");
	make_vmlinux();
	segment()->p_memsz = ~0ULL;
	check_refused("--kernel");
	make_vmlinux();
	segment()->p_paddr = 0x8000;
	check_refused("--kernel");
	make_vmlinux();
	segment()->p_paddr = ~0ULL - BODY;
	check_refused("--kernel");
}

/* Any header: loaded or refused, and nothing beyond the guest is touched. */
static void random_headers(void)
{
	unsigned int loaded = 0;

	srandom(4);
	for (unsigned int i = 0; i < 3000; i++) {
		if (i & 1)
			make_vmlinux();
		else
			make_bzimage();
		for (unsigned int n = random() % 4; n; n--)
			image[i & 1 ? random() % 0x78 : 0x1f1 + random() % 0x7c] = random();
		request.real_mode = random() & 1;
		loaded += !load();
	}
	CHECK(loaded > 500);
	CHECK(loaded < 2900);
}

int main(void)
{
	static const struct unit_case cases[] = {
		UNIT_CASE(bzimages_are_loaded),
		UNIT_CASE(vmlinuxes_are_loaded),
		UNIT_CASE(setup_code_is_loaded),
		UNIT_CASE(short_header_is_not_overrun),
		UNIT_CASE(no_setup_code),
		UNIT_CASE(memory_is_described),
		UNIT_CASE(memory_above_the_hole_is_described),
		UNIT_CASE(addresses_are_identical),
		UNIT_CASE(initrds_are_as_high_as_they_may),
		UNIT_CASE(initrds_that_do_not_fit),
		UNIT_CASE(long_command_lines),
		UNIT_CASE(files_that_are_no_kernels),
		UNIT_CASE(bzimages_that_are_cut_off),
		UNIT_CASE(bzimages_for_other_memory),
		UNIT_CASE(vmlinuxes_that_are_none),
		UNIT_CASE(vmlinuxes_with_wild_segments),
		UNIT_CASE(random_headers),
	};

	return unit_run(cases, ARRAY_SIZE(cases));
}
