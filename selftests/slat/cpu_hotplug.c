// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPUs that leave and come back while the module is unloaded or loaded.
 *
 * After each step the module says that virtualisation is on wherever a CPU is
 * online.
 */
#include "slat_test.h"

#define CPU1_ONLINE	"/sys/devices/system/cpu/cpu1/online"
#define ROUNDS		5

static void require_two_cpus(void)
{
	require_module();
	if (_file_read_long(CPU1_ONLINE) != 1)
		ksft_exit_skip("needs a second CPU that can go offline\n");
}

FIXTURE(cpu1) {
	char params[PARAMS_LEN];
	unsigned int cpus;
};

FIXTURE_SETUP(cpu1)
{
	module_params_get(_metadata, self->params, sizeof(self->params));
	self->cpus = info_cpus(_metadata);
}

FIXTURE_TEARDOWN(cpu1)
{
	EXPECT_EQ(0, _file_write(CPU1_ONLINE, "1"));
	module_restore(_metadata, self->params);
	EXPECT_EQ(self->cpus, info_cpus(_metadata));
}

static void offline(struct __test_metadata *_metadata)
{
	file_write(_metadata, CPU1_ONLINE, "0");
}

static void online(struct __test_metadata *_metadata)
{
	file_write(_metadata, CPU1_ONLINE, "1");
}

TEST_F_TIMEOUT(cpu1, leaves_and_returns_while_loaded, 300)
{
	for (int i = 0; i < ROUNDS; i++) {
		offline(_metadata);
		ASSERT_EQ(self->cpus - 1, info_cpus(_metadata));
		online(_metadata);
		ASSERT_EQ(self->cpus, info_cpus(_metadata));
	}
}

TEST_F_TIMEOUT(cpu1, leaves_and_returns_with_a_descriptor_open, 300)
{
	int fd = device_open(_metadata);
	struct slat_info info;

	offline(_metadata);
	info_get(_metadata, fd, &info);
	EXPECT_EQ(self->cpus - 1, info.cpus);
	online(_metadata);
	info_get(_metadata, fd, &info);
	EXPECT_EQ(self->cpus, info.cpus);
	close(fd);
}

TEST_F_TIMEOUT(cpu1, leaves_and_returns_while_unloaded, 300)
{
	module_unload(_metadata);
	offline(_metadata);
	online(_metadata);
	module_load(_metadata, self->params);
	EXPECT_EQ(self->cpus, info_cpus(_metadata));
}

TEST_F_TIMEOUT(cpu1, returns_after_load, 300)
{
	for (int i = 0; i < ROUNDS; i++) {
		module_unload(_metadata);
		offline(_metadata);
		module_load(_metadata, self->params);
		ASSERT_EQ(self->cpus - 1, info_cpus(_metadata));
		online(_metadata);
		ASSERT_EQ(self->cpus, info_cpus(_metadata));
	}
}

TEST_F_TIMEOUT(cpu1, returns_after_unload, 300)
{
	for (int i = 0; i < ROUNDS; i++) {
		offline(_metadata);
		module_unload(_metadata);
		online(_metadata);
		module_load(_metadata, self->params);
		ASSERT_EQ(self->cpus, info_cpus(_metadata));
	}
}

int main(int argc, char **argv)
{
	require_two_cpus();
	return test_harness_run(argc, argv);
}
