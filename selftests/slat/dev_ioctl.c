// SPDX-License-Identifier: GPL-2.0-only
/*
 * What each ioctl of /dev/slat answers when asked properly.
 *
 * Also built for 32 bits, as dev_ioctl_32, which dev_compat runs.
 */
#include "slat_test.h"

FIXTURE(device) {
	int fd;
	struct slat_info info;
};

FIXTURE_SETUP(device)
{
	self->fd = device_open(_metadata);
	info_get(_metadata, self->fd, &self->info);
}

FIXTURE_TEARDOWN(device)
{
	close(self->fd);
}

TEST_F(device, api_version)
{
	EXPECT_EQ(KVM_API_VERSION, _device_ioctl(self->fd, KVM_GET_API_VERSION, 0));
}

TEST_F(device, extensions_of_any_vmm)
{
	static const unsigned long expected[] = {
		KVM_CAP_USER_MEMORY, KVM_CAP_DESTROY_MEMORY_REGION_WORKS,
		KVM_CAP_JOIN_MEMORY_REGIONS_WORKS, KVM_CAP_SYNC_MMU, KVM_CAP_READONLY_MEM,
		KVM_CAP_EXT_CPUID, KVM_CAP_USER_NMI, KVM_CAP_IMMEDIATE_EXIT,
		KVM_CAP_INTERNAL_ERROR_DATA, KVM_CAP_CHECK_EXTENSION_VM,
	};

	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		EXPECT_EQ(1, _device_ioctl(self->fd, KVM_CHECK_EXTENSION, expected[i])) {
			TH_LOG("extension %lu", expected[i]);
		}
	}
	EXPECT_EQ(32764, _device_ioctl(self->fd, KVM_CHECK_EXTENSION, KVM_CAP_NR_MEMSLOTS));
	EXPECT_LE(1024, _device_ioctl(self->fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPU_ID));
}

/* What is not there says so. */
TEST_F(device, no_nesting)
{
	EXPECT_EQ(0, _device_ioctl(self->fd, KVM_CHECK_EXTENSION, KVM_CAP_NESTED_STATE));
	EXPECT_EQ(0, _device_ioctl(self->fd, KVM_CHECK_EXTENSION, KVM_CAP_X86_SMM));
}

/* Each of these is used by a test of its own. */
TEST_F(device, interrupt_controllers)
{
	static const unsigned long expected[] = {
		KVM_CAP_IRQCHIP, KVM_CAP_SPLIT_IRQCHIP, KVM_CAP_IRQ_INJECT_STATUS,
		KVM_CAP_SIGNAL_MSI, KVM_CAP_TSC_DEADLINE_TIMER, KVM_CAP_PIT2,
		KVM_CAP_PIT_STATE2, KVM_CAP_REINJECT_CONTROL, KVM_CAP_IRQFD,
		KVM_CAP_IRQFD_RESAMPLE, KVM_CAP_IOEVENTFD, KVM_CAP_IOEVENTFD_ANY_LENGTH,
		KVM_CAP_IOEVENTFD_NO_LENGTH, KVM_CAP_COALESCED_PIO, KVM_CAP_PIT,
		KVM_CAP_SET_BOOT_CPU_ID, KVM_CAP_IOAPIC_POLARITY_IGNORED, KVM_CAP_VAPIC,
		KVM_CAP_PCI_SEGMENT,
	};

	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		EXPECT_EQ(1, _device_ioctl(self->fd, KVM_CHECK_EXTENSION, expected[i])) {
			TH_LOG("extension %lu", expected[i]);
		}
	}
	EXPECT_EQ(4096, _device_ioctl(self->fd, KVM_CHECK_EXTENSION, KVM_CAP_IRQ_ROUTING));
	EXPECT_EQ(2, _device_ioctl(self->fd, KVM_CHECK_EXTENSION, KVM_CAP_COALESCED_MMIO));
}

/* Likewise. */
TEST_F(device, clocks_and_paravirtual_basics)
{
	static const unsigned long expected[] = {
		KVM_CAP_CLOCKSOURCE, KVM_CAP_KVMCLOCK_CTRL, KVM_CAP_HALT_POLL,
		KVM_CAP_ENFORCE_PV_FEATURE_CPUID, KVM_CAP_NOP_IO_DELAY, KVM_CAP_ENABLE_CAP,
		KVM_CAP_ENABLE_CAP_VM,
	};

	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		EXPECT_EQ(1, _device_ioctl(self->fd, KVM_CHECK_EXTENSION, expected[i])) {
			TH_LOG("extension %lu", expected[i]);
		}
	}
	EXPECT_EQ(KVM_CLOCK_TSC_STABLE | KVM_CLOCK_REALTIME | KVM_CLOCK_HOST_TSC,
		  _device_ioctl(self->fd, KVM_CHECK_EXTENSION, KVM_CAP_ADJUST_CLOCK));
	EXPECT_EQ(KVM_X2APIC_API_USE_32BIT_IDS | KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK,
		  _device_ioctl(self->fd, KVM_CHECK_EXTENSION, KVM_CAP_X2APIC_API));
	EXPECT_EQ(32, _device_ioctl(self->fd, KVM_CHECK_EXTENSION, KVM_CAP_MCE));
}

TEST_F(device, no_extension_beyond_all)
{
	for (unsigned long ext = 512; ext <= 1024; ext++) {
		ASSERT_EQ(0, _device_ioctl(self->fd, KVM_CHECK_EXTENSION, ext)) {
			TH_LOG("extension %lu", ext);
		}
	}
}

TEST_F(device, info_backend_is_the_cpus)
{
	bool svm = cpu_has_svm();

	EXPECT_EQ(svm ? SLAT_BACKEND_SVM : SLAT_BACKEND_VMX, self->info.backend);
	EXPECT_EQ(svm, !self->info.vmcs_revision);
	EXPECT_EQ(0, self->info.vmcs_revision >> 31);
}

TEST_F(device, info_announces_itself)
{
	EXPECT_TRUE(self->info.features & SLAT_FEATURE_INFO);
}

TEST_F(device, info_version_is_the_modules)
{
	char version[SLAT_VERSION_LEN];

	ASSERT_TRUE(!!memchr(self->info.version, 0, SLAT_VERSION_LEN));
	EXPECT_NE(0, self->info.version[0]);
	ASSERT_EQ(0, _file_read(SLAT_SYSFS "/version", version, sizeof(version)));
	EXPECT_STREQ(version, self->info.version);
}

TEST_F(device, info_leaks_nothing_behind_the_version)
{
	static const char zeros[SLAT_VERSION_LEN];
	size_t len = strnlen(self->info.version, SLAT_VERSION_LEN);

	EXPECT_EQ(0, memcmp(self->info.version + len, zeros, SLAT_VERSION_LEN - len));
}

TEST_F(device, info_counts_every_online_cpu)
{
	EXPECT_EQ(sysconf(_SC_NPROCESSORS_ONLN), self->info.cpus);
}

TEST_F(device, info_host_phys_bits)
{
	EXPECT_LE(32, self->info.host_phys_bits);
	EXPECT_GE(52, self->info.host_phys_bits);
}

static __u32 expected_levels(__u64 hw_caps)
{
	if (!(hw_caps & SLAT_HW_SLAT))
		return 0;
	return hw_caps & SLAT_HW_SLAT_5LEVEL ? 5 : 4;
}

TEST_F(device, info_levels_follow_the_capabilities)
{
	EXPECT_EQ(expected_levels(self->info.hw_caps), self->info.slat_levels);
}

TEST_F(device, info_guest_phys_bits_follow_the_levels)
{
	const struct slat_info *info = &self->info;

	if (!info->slat_levels)
		SKIP(return, "no second-level translation here");
	EXPECT_LE(32, info->guest_phys_bits);
	EXPECT_GE(12 + 9 * info->slat_levels, info->guest_phys_bits);
	EXPECT_GE(info->host_phys_bits, info->guest_phys_bits);
}

TEST_F(device, info_slat_details_need_slat)
{
	const __u64 details = SLAT_HW_SLAT_2M | SLAT_HW_SLAT_1G | SLAT_HW_SLAT_5LEVEL |
			      SLAT_HW_SLAT_AD | SLAT_HW_SLAT_EXEC_ONLY |
			      SLAT_HW_UNRESTRICTED_GUEST | SLAT_HW_PML | SLAT_HW_MODE_BASED_EXEC;
	const __u64 hw_caps = self->info.hw_caps;

	EXPECT_EQ(0, hw_caps & SLAT_HW_SLAT ? 0 : hw_caps & details);
}

TEST_F(device, info_tags_follow_the_capability)
{
	EXPECT_EQ(!!(self->info.hw_caps & SLAT_HW_TLB_TAGS), self->info.tlb_tags > 1);
}

/* The timer is coarser than a microsecond, and rounds towards a shorter stay. */
TEST_F(device, info_residency_is_within_the_parameter)
{
	long us = file_read_long(_metadata, SLAT_SYSFS "/parameters/residency_us");

	if (!us || !(self->info.hw_caps & SLAT_HW_PREEMPTION_TIMER)) {
		EXPECT_EQ(0, self->info.max_residency_us);
		return;
	}
	EXPECT_LT(0, self->info.max_residency_us);
	EXPECT_GE(us, self->info.max_residency_us);
}

TEST_F(device, info_reserved_is_zero)
{
	static const __u32 zeros[ARRAY_SIZE(self->info.reserved)];

	EXPECT_EQ(0, self->info.flags);
	EXPECT_EQ(0, memcmp(self->info.reserved, zeros, sizeof(zeros)));
}

TEST_F(device, info_overwrites_every_output)
{
	struct slat_info info;

	memset(&info, 0xa5, sizeof(info));
	info.flags = 0;
	memset(info.reserved, 0, sizeof(info.reserved));
	ASSERT_EQ(0, _device_ioctl(self->fd, SLAT_GET_INFO, (unsigned long)&info));
	EXPECT_EQ(0, memcmp(&info, &self->info, sizeof(info)));
}

TEST_F(device, read_only_descriptor_answers)
{
	int fd = open(SLAT_DEVICE, O_RDONLY | O_CLOEXEC);
	struct slat_info info;

	ASSERT_LE(0, fd);
	info_get(_metadata, fd, &info);
	EXPECT_EQ(0, memcmp(&info, &self->info, sizeof(info)));
	close(fd);
}

int main(int argc, char **argv)
{
	require_device();
	return test_harness_run(argc, argv);
}
