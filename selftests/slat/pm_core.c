// SPDX-License-Identifier: GPL-2.0-only
/*
 * System sleep, down to the last CPU and back, without the firmware: the
 * kernel's own test mode (Documentation/power/basic-pm-debugging.rst).
 */
#include "slat_test.h"

#define PM_TEST		"/sys/power/pm_test"
#define PM_TEST_DELAY	"/sys/module/suspend/parameters/pm_test_delay"
#define MEM_SLEEP	"/sys/power/mem_sleep"
#define ROUNDS		3

static bool offers(const char *path, const char *word)
{
	char text[128];

	return !_file_read(path, text, sizeof(text)) && strstr(text, word);
}

/* Suspend-to-idle never reaches the test level "core": it would really sleep. */
static void require_pm_test(void)
{
	require_root();
	require_device();
	if (!offers(PM_TEST, "core") || access(PM_TEST_DELAY, W_OK))
		ksft_exit_skip("this kernel has no pm_test (CONFIG_PM_SLEEP_DEBUG)\n");
	if (!offers("/sys/power/state", "mem") || !offers(MEM_SLEEP, "deep"))
		ksft_exit_skip("this machine has no suspend-to-RAM\n");
}

FIXTURE(sleep) {
	struct slat_info before;
	int fd;
	int log;		/* what the kernel says from now on */
};

FIXTURE_SETUP(sleep)
{
	self->fd = device_open(_metadata);
	info_get(_metadata, self->fd, &self->before);
	self->log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ASSERT_LE(0, self->log);
	ASSERT_LE(0, lseek(self->log, 0, SEEK_END));
	/* The delay, 5 s by default, is a busy loop. */
	file_write(_metadata, PM_TEST_DELAY, "0");
	file_write(_metadata, MEM_SLEEP, "deep");
	file_write(_metadata, PM_TEST, "core");
}

FIXTURE_TEARDOWN(sleep)
{
	EXPECT_EQ(0, _file_write(PM_TEST, "none"));
	close(self->log);
	close(self->fd);
}

/*
 * A CPU that kept virtualisation through the sleep finds it on when it wants to
 * turn it on: only the log tells.
 */
static void expect_no_complaint(struct __test_metadata *_metadata, int log)
{
	char record[8192];
	ssize_t len;

	while ((len = read(log, record, sizeof(record) - 1)) > 0 || errno == EPIPE) {
		if (len < 0)
			continue;
		record[len] = '\0';
		EXPECT_EQ(NULL, strstr(record, "slat: ")) {
			TH_LOG("%s", record);
		}
	}
	EXPECT_EQ(EAGAIN, errno);
}

TEST_F_TIMEOUT(sleep, virtualisation_is_back_on_every_cpu, 300)
{
	for (int i = 0; i < ROUNDS; i++) {
		struct slat_info after;

		file_write(_metadata, "/sys/power/state", "mem");
		info_get(_metadata, self->fd, &after);
		ASSERT_EQ(self->before.cpus, after.cpus);
		ASSERT_EQ(0, memcmp(&self->before, &after, sizeof(after)));
	}
	expect_no_complaint(_metadata, self->log);
}

int main(int argc, char **argv)
{
	require_pm_test();
	return test_harness_run(argc, argv);
}
