// SPDX-License-Identifier: GPL-2.0-only
/*
 * Load and unload the module many times: cycle [ROUNDS], where it is loaded and
 * where it is not.
 *
 * A round that leaves something behind shows in what the kernel counts.
 */
#include <linux/const.h>

#include "memory_use.h"

/*
 * The first rounds may allocate memory for good; the others are few, for a leak
 * of a page in each shows as well in ten as in a hundred.
 */
#define WARM_UP_ROUNDS	2
#define MEMORY_ROUNDS	20

/* An out-of-tree module that nobody signed: nothing else may taint. */
#define TAINT_OUT_OF_TREE	_BITUL(12)
#define TAINT_UNSIGNED		_BITUL(13)
#define TAINT_ALLOWED		(TAINT_OUT_OF_TREE | TAINT_UNSIGNED)

static int rounds = 10;

static long taint(struct __test_metadata *_metadata)
{
	return file_read_long(_metadata, "/proc/sys/kernel/tainted");
}

FIXTURE(cycle) {
	char params[PARAMS_LEN];
	bool loaded;
	long taint;
};

FIXTURE_SETUP(cycle)
{
	self->loaded = module_loaded();
	if (self->loaded)
		module_params_get(_metadata, self->params, sizeof(self->params));
	else
		module_load(_metadata, "");
	self->taint = taint(_metadata);
}

FIXTURE_TEARDOWN(cycle)
{
	EXPECT_EQ(0, taint(_metadata) & ~self->taint & ~TAINT_ALLOWED);
	if (self->loaded)
		module_restore(_metadata, self->params);
	else
		module_unload(_metadata);
}

static void reload(struct __test_metadata *_metadata, const char *params)
{
	module_unload(_metadata);
	module_load(_metadata, params);
}

TEST_F_TIMEOUT(cycle, device_comes_and_goes, 600)
{
	for (int i = 0; i < rounds; i++) {
		module_unload(_metadata);
		ASSERT_EQ(-ENOENT, _device_open());
		module_load(_metadata, self->params);
		ASSERT_LT(0, info_cpus(_metadata));
	}
}

static void reload_round(struct __test_metadata *_metadata, void *params)
{
	reload(_metadata, params);
}

/*
 * What a round leaves is a page at least, every time.  Others grow now and then:
 * a kernel thread gets a stack, a module's memory is freed later.
 */
TEST_F_TIMEOUT(cycle, memory_does_not_grow, 600)
{
	for (int i = 0; i < WARM_UP_ROUNDS; i++)
		reload(_metadata, self->params);
	expect_no_growth(_metadata, MEMORY_ROUNDS, reload_round, self->params);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		rounds = atoi(argv[1]);
	if (argc > 2 || rounds < 1)
		ksft_exit_fail_msg("usage: cycle [ROUNDS]\n");
	require_module_file();
	return test_harness_run(argc, argv);
}
