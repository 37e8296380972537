// SPDX-License-Identifier: GPL-2.0-only
/*
 * Load and unload the module many times: cycle [ROUNDS], where it is loaded and
 * where it is not.
 *
 * A round that leaves something behind shows in what the kernel counts.
 */
#include <linux/const.h>

#include "slat_test.h"

/*
 * The first rounds may allocate memory for good; the others are few, for a leak
 * of a page in each shows as well in ten as in a hundred.
 */
#define WARM_UP_ROUNDS	2
#define MEMORY_ROUNDS	10
#define MEMORY_TIMES	3

/* An out-of-tree module that nobody signed: nothing else may taint. */
#define TAINT_OUT_OF_TREE	_BITUL(12)
#define TAINT_UNSIGNED		_BITUL(13)
#define TAINT_ALLOWED		(TAINT_OUT_OF_TREE | TAINT_UNSIGNED)

static int rounds = 10;

static long taint(struct __test_metadata *_metadata)
{
	return file_read_long(_metadata, "/proc/sys/kernel/tainted");
}

/* Kibibytes of @field, with its colon, in /proc/meminfo. */
static long memory_kib(struct __test_metadata *_metadata, const char *field)
{
	FILE *file = fopen("/proc/meminfo", "r");
	long value = -1;
	char line[128];

	ASSERT_NE(NULL, file);
	while (value < 0 && fgets(line, sizeof(line), file))
		if (!strncmp(line, field, strlen(field)))
			value = strtol(line + strlen(field), NULL, 10);
	fclose(file);
	ASSERT_LE(0, value) {
		TH_LOG("no %s in /proc/meminfo", field);
	}
	return value;
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

struct memory {
	long vmalloc;
	long percpu;
};

static struct memory memory_used(struct __test_metadata *_metadata)
{
	return (struct memory) {
		.vmalloc = memory_kib(_metadata, "VmallocUsed:"),
		.percpu = memory_kib(_metadata, "Percpu:"),
	};
}

/*
 * Vmalloc and per-CPU memory are counted to the page; what is left of each round
 * exceeds one page a round, and does so every time.  Others grow now and then: a
 * kernel thread gets a stack, a module's memory is freed later.
 */
TEST_F_TIMEOUT(cycle, memory_does_not_grow, 600)
{
	long limit = MEMORY_ROUNDS * sysconf(_SC_PAGESIZE) / 1024;
	struct memory before, after;

	for (int i = 0; i < WARM_UP_ROUNDS; i++)
		reload(_metadata, self->params);
	for (int time = 0; time < MEMORY_TIMES; time++) {
		before = memory_used(_metadata);
		for (int i = 0; i < MEMORY_ROUNDS; i++)
			reload(_metadata, self->params);
		after = memory_used(_metadata);
		if (after.vmalloc - before.vmalloc < limit && after.percpu - before.percpu < limit)
			return;
		TH_LOG("vmalloc %ld to %ld KiB, per-CPU %ld to %ld KiB", before.vmalloc,
		       after.vmalloc, before.percpu, after.percpu);
	}
	EXPECT_GT(limit, after.vmalloc - before.vmalloc);
	EXPECT_GT(limit, after.percpu - before.percpu);
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
