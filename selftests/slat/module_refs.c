// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who may unload the module and when, and with which parameters it loads.
 *
 * Each test begins and ends with the module loaded as it was.
 */
#include "slat_test.h"

/* Where the kernel's devices.txt has /dev/kvm. */
#define KVM_MINOR	232

FIXTURE(module) {
	char params[PARAMS_LEN];
};

FIXTURE_SETUP(module)
{
	module_params_get(_metadata, self->params, sizeof(self->params));
}

FIXTURE_TEARDOWN(module)
{
	module_restore(_metadata, self->params);
}

TEST_F(module, open_descriptor_holds_it)
{
	long refs = module_refs(_metadata);
	int fd = device_open(_metadata);

	EXPECT_EQ(refs + 1, module_refs(_metadata));
	EXPECT_EQ(-EWOULDBLOCK, _module_unload());
	EXPECT_TRUE(module_loaded());
	close(fd);
	EXPECT_EQ(refs, module_refs(_metadata));
}

TEST_F(module, duplicate_descriptor_holds_it)
{
	int fd = device_open(_metadata);
	int copy = dup(fd);

	ASSERT_LE(0, copy);
	close(fd);
	EXPECT_EQ(-EWOULDBLOCK, _module_unload());
	close(copy);
	EXPECT_EQ(0, _module_unload());
}

TEST_F(module, unloads_after_the_last_close)
{
	int fd = device_open(_metadata);

	close(fd);
	module_unload(_metadata);
	EXPECT_FALSE(module_loaded());
	EXPECT_EQ(-ENOENT, _device_open());
}

TEST_F(module, loads_again)
{
	module_unload(_metadata);
	module_load(_metadata, self->params);
	EXPECT_TRUE(module_loaded());
	EXPECT_LT(0, info_cpus(_metadata));
}

TEST_F(module, loads_only_once)
{
	EXPECT_EQ(-EEXIST, _module_load(self->params));
	EXPECT_LT(0, info_cpus(_metadata));
}

TEST_F(module, parameter_is_visible)
{
	char value[PARAMS_LEN];

	module_unload(_metadata);
	module_load(_metadata, "residency_us=250");
	ASSERT_EQ(0, _file_read(SLAT_SYSFS "/parameters/residency_us", value, sizeof(value)));
	EXPECT_STREQ("250", value);
	module_unload(_metadata);
}

TEST_F(module, parameter_is_off_by_default)
{
	module_unload(_metadata);
	module_load(_metadata, "");
	EXPECT_EQ(0, file_read_long(_metadata, SLAT_SYSFS "/parameters/residency_us"));
	module_unload(_metadata);
}

TEST_F(module, parameter_is_read_only)
{
	EXPECT_GT(0, _file_write(SLAT_SYSFS "/parameters/residency_us", "1"));
}

/* What /dev/kvm is, whatever makes nodes in /dev here. */
static bool kvm_registered(struct __test_metadata *_metadata)
{
	FILE *misc = fopen("/proc/misc", "r");
	char name[64];
	int minor;
	bool found = false;

	ASSERT_NE(NULL, misc);
	while (fscanf(misc, "%d %63s", &minor, name) == 2)
		found |= minor == KVM_MINOR;
	fclose(misc);
	return found;
}

TEST_F(module, is_kvm_where_told_to)
{
	struct slat_info info;
	int fd;

	module_unload(_metadata);
	module_load(_metadata, "kvm_node=1");
	EXPECT_TRUE(kvm_registered(_metadata));
	fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, fd);
	info_get(_metadata, fd, &info);
	EXPECT_LT(0, info.cpus);
	EXPECT_EQ(KVM_API_VERSION, _device_ioctl(fd, KVM_GET_API_VERSION, 0));
	EXPECT_LT(0, info_cpus(_metadata));
	EXPECT_EQ(-EWOULDBLOCK, _module_unload());
	close(fd);
	module_unload(_metadata);
	EXPECT_FALSE(kvm_registered(_metadata));
}

TEST_F(module, is_not_kvm_by_default)
{
	module_unload(_metadata);
	module_load(_metadata, "");
	EXPECT_FALSE(kvm_registered(_metadata));
	module_unload(_metadata);
}

TEST_F(module, unknown_parameter_is_only_noted)
{
	module_unload(_metadata);
	EXPECT_EQ(0, _module_load("no_such_parameter=1"));
	EXPECT_TRUE(module_loaded());
	module_unload(_metadata);
}

FIXTURE(bad_parameter) {
	char params[PARAMS_LEN];
};

FIXTURE_VARIANT(bad_parameter) {
	const char *params;
	int error;
};

FIXTURE_VARIANT_ADD(bad_parameter, word) {
	.params = "residency_us=foo", .error = -EINVAL,
};

FIXTURE_VARIANT_ADD(bad_parameter, negative) {
	.params = "residency_us=-1", .error = -EINVAL,
};

FIXTURE_VARIANT_ADD(bad_parameter, empty) {
	.params = "residency_us=", .error = -EINVAL,
};

FIXTURE_VARIANT_ADD(bad_parameter, too_large) {
	.params = "residency_us=4294967296", .error = -ERANGE,
};

FIXTURE_VARIANT_ADD(bad_parameter, neither_yes_nor_no) {
	.params = "kvm_node=maybe", .error = -EINVAL,
};

FIXTURE_SETUP(bad_parameter)
{
	module_params_get(_metadata, self->params, sizeof(self->params));
	module_unload(_metadata);
}

FIXTURE_TEARDOWN(bad_parameter)
{
	EXPECT_EQ(0, _module_load(self->params));
}

TEST_F(bad_parameter, refused_and_nothing_left)
{
	EXPECT_EQ(variant->error, _module_load(variant->params));
	EXPECT_FALSE(module_loaded());
	EXPECT_EQ(-ENOENT, _device_open());
}

int main(int argc, char **argv)
{
	require_module();
	return test_harness_run(argc, argv);
}
