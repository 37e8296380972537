// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_GET_STATS_FD: files that describe themselves, of a VM and of a vCPU.
 */
#include "stats_file.h"

#define STATS_MAX	256

FIXTURE(stats) {
	struct guest guest;
};

FIXTURE_VARIANT(stats) {
	bool vcpu;
};

FIXTURE_VARIANT_ADD(stats, vm) { .vcpu = false };
FIXTURE_VARIANT_ADD(stats, vcpu) { .vcpu = true };

FIXTURE_SETUP(stats)
{
	guest_create(_metadata, &self->guest);
}

FIXTURE_TEARDOWN(stats)
{
	guest_destroy(&self->guest);
}

TEST_F(stats, header_and_descriptors_fit)
{
	int fd = stats_open(_metadata, &self->guest, variant->vcpu);
	struct kvm_stats_header header;
	char names[STATS_MAX][64];
	size_t values = 0;
	char id[64];

	read_header(_metadata, fd, &header);
	ASSERT_LT(0, header.num_desc);
	ASSERT_GT(STATS_MAX, header.num_desc);
	ASSERT_GE(sizeof(id), header.name_size);
	EXPECT_LE(sizeof(header), header.id_offset);
	EXPECT_LE(header.id_offset + header.name_size, header.desc_offset);
	EXPECT_EQ(0, header.data_offset % 8);
	ASSERT_EQ(header.name_size, pread(fd, id, header.name_size, header.id_offset));
	EXPECT_LT(strnlen(id, header.name_size), header.name_size);
	EXPECT_EQ(variant->vcpu, !!strstr(id, "vcpu-0"));
	/* By which programs know whose they are. */
	EXPECT_EQ(0, strncmp(id, "kvm-", 4));
	for (__u32 i = 0; i < header.num_desc; i++) {
		size_t size = sizeof(struct kvm_stats_desc) + header.name_size;
		struct kvm_stats_desc *desc = calloc(1, size);

		ASSERT_EQ(size, pread(fd, desc, size, header.desc_offset + i * size));
		ASSERT_LT(strnlen(desc->name, header.name_size), header.name_size);
		ASSERT_LT(0, strlen(desc->name));
		EXPECT_LE(desc->flags & KVM_STATS_TYPE_MASK, KVM_STATS_TYPE_MAX);
		EXPECT_LE(desc->flags & KVM_STATS_UNIT_MASK, KVM_STATS_UNIT_MAX);
		EXPECT_LE(desc->flags & KVM_STATS_BASE_MASK, KVM_STATS_BASE_MAX);
		EXPECT_LT(0, desc->size);
		EXPECT_EQ(0, desc->offset % 8);
		values += desc->size;
		strcpy(names[i], desc->name);
		for (__u32 j = 0; j < i; j++) {
			EXPECT_STRNE(names[i], names[j]) {
				TH_LOG("counters %u and %u", i, j);
			}
		}
		free(desc);
	}
	EXPECT_LE(header.desc_offset + header.num_desc * (sizeof(struct kvm_stats_desc) +
							  header.name_size), header.data_offset);
	/* The end of the values is the end of the file. */
	EXPECT_EQ(0, pread(fd, id, 1, header.data_offset + values * 8));
	EXPECT_EQ(1, pread(fd, id, 2, header.data_offset + values * 8 - 1));
	close(fd);
}

/* However it is read, it is the same file. */
TEST_F(stats, pieces_make_the_whole)
{
	int fd = stats_open(_metadata, &self->guest, variant->vcpu);
	static char whole[65536], pieces[65536];
	ssize_t size = read(fd, whole, sizeof(whole)), at, got;

	ASSERT_LT(0, size);
	EXPECT_EQ(0, read(fd, pieces, 1));
	for (at = 0; at < size; at += got) {
		got = pread(fd, pieces + at, 61, at);
		ASSERT_LT(0, got);
	}
	EXPECT_EQ(0, memcmp(whole, pieces, size));
	close(fd);
}

TEST_F(stats, bad_reads)
{
	int fd = stats_open(_metadata, &self->guest, variant->vcpu);
	char byte;

	EXPECT_EQ(-1, syscall(SYS_pread64, fd, NULL, 16, 0));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(0, pread(fd, &byte, 1, 1LL << 62));
	EXPECT_EQ(-1, pread(fd, &byte, 1, -1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, write(fd, &byte, 1));
	close(fd);
}

GUEST_CODE(some_exits, 64, "cpuid\n cpuid\n out %al, $0x80\n hlt\n");

TEST_F(stats, exits_are_counted)
{
	int fd = stats_open(_metadata, &self->guest, true);
	struct guest *guest = &self->guest;
	long long exits = stat_value(_metadata, fd, "exits");

	EXPECT_EQ(0, exits);
	guest_load(guest, some_exits);
	guest_mode(_metadata, guest, MODE_LONG);
	guest_run(_metadata, guest, KVM_EXIT_IO);
	guest_run_hlt(_metadata, guest);
	EXPECT_EQ(1, stat_value(_metadata, fd, "io_exits"));
	EXPECT_EQ(1, stat_value(_metadata, fd, "halt_exits"));
	EXPECT_LE(4, stat_value(_metadata, fd, "exits"));
	EXPECT_EQ(on_slat() ? 2 : -1, stat_value(_metadata, fd, "cpuid_exits"));
	close(fd);
}

TEST_F(stats, translations_are_counted)
{
	int fd = stats_open(_metadata, &self->guest, false);
	struct guest *guest = &self->guest;
	struct kvm_regs regs;
	struct slat_vm_stats stats = { 0 };

	if (!on_slat())
		SKIP(return, "KVM has other counters");
	guest_load(guest, some_exits);
	guest_mode(_metadata, guest, MODE_LONG);
	guest_run(_metadata, guest, KVM_EXIT_IO);
	get_regs(_metadata, guest, &regs);
	ASSERT_EQ(0, _ioctl_ptr(guest->vm, SLAT_GET_STATS, &stats));
	EXPECT_LT(0, stats.faults);
	EXPECT_EQ(stats.faults, stat_value(_metadata, fd, "faults"));
	EXPECT_EQ(stats.installs, stat_value(_metadata, fd, "installs"));
	EXPECT_EQ(stats.tables_allocated, stat_value(_metadata, fd, "tables_allocated"));
	close(fd);
}

/* The file keeps what it shows. */
TEST_F(stats, outlives_the_vm)
{
	int dev = self->guest.dev, vm, vcpu, fd[2];

	vm = _ioctl(dev, KVM_CREATE_VM, 0);
	ASSERT_LE(0, vm);
	vcpu = _ioctl(vm, KVM_CREATE_VCPU, 7);
	ASSERT_LE(0, vcpu);
	fd[0] = _ioctl(vm, KVM_GET_STATS_FD, 0);
	fd[1] = _ioctl(vcpu, KVM_GET_STATS_FD, 0);
	close(vcpu);
	close(vm);
	for (int i = 0; i < 2; i++) {
		struct kvm_stats_header header;

		ASSERT_LE(0, fd[i]);
		read_header(_metadata, fd[i], &header);
		close(fd[i]);
	}
}

int main(int argc, char **argv)
{
	require_guests();
	return test_harness_run(argc, argv);
}
