// SPDX-License-Identifier: GPL-2.0-only
/*
 * `slat run', built with AddressSanitizer and UBSan, and a guest that means harm
 * to it (hostile_guest/hammer.c):
 *
 *	slat_run_hostile [ROUNDS [SEED]]
 *
 * In the end the guest's disk has to refuse what it must not do, and to do what
 * it is for, and the guest to switch itself off.  SLAT= names another program.
 */
#include "hostile.h"
#include "session.h"

#define DISK_BYTES	0x100000
#define DISK		"/tmp/hostile_rw"
#define DISK_READ_ONLY	"/tmp/hostile_ro"
#define MACHINE		"--kernel ./slat_run_hammer --memory 32M --no-reboot " \
			"--disk " DISK " --disk " DISK_READ_ONLY ",ro"

FIXTURE(hostile) {
	struct session session;
	char options[512];
};

FIXTURE_SETUP(hostile)
{
	static const char *const disks[] = { DISK, DISK_READ_ONLY };

	for (size_t i = 0; i < ARRAY_SIZE(disks); i++) {
		int fd = open(disks[i], O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600);

		ASSERT_LE(0, fd);
		ASSERT_EQ(0, ftruncate(fd, DISK_BYTES));
		close(fd);
	}
}

FIXTURE_TEARDOWN(hostile)
{
	unlink(DISK);
	unlink(DISK_READ_ONLY);
}

/* What a guest sends is of no interest, what slat says is. */
static void hammer(struct __test_metadata *_metadata, struct session *session, char *options,
		   size_t size, const char *console, __u64 seed)
{
	int status;

	snprintf(options, size, MACHINE " --device %s --console %s --append '%llu %d' >/dev/null",
		 device(), console, (unsigned long long)seed, hostile.rounds);
	begin_pipes(session, options);
	status = end(session);
	EXPECT_EQ(POWERED_OFF, status) {
		TH_LOG("seed %llu: %s", (unsigned long long)seed, session->text);
	}
	EXPECT_EQ(NULL, strstr(session->text, "Sanitizer"));
	EXPECT_EQ(NULL, strstr(session->text, "runtime error"));
}

static const struct {
	const char *console;
	__u64 seeds;
} ways[] = {
	{ "serial", 2 },
	{ "virtio", 2 },
};

TEST_F_TIMEOUT(hostile, guest_that_hammers_all_it_reaches, 1200)
{
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
		for (__u64 n = 0; n < ways[i].seeds; n++)
			hammer(_metadata, &self->session, self->options, sizeof(self->options),
			       ways[i].console, hostile.seed + n);
}

/* It is the program that watches itself. */
static bool has_sanitizer(void)
{
	char command[256], line[256] = "";
	FILE *pipe;

	snprintf(command, sizeof(command), "ASAN_OPTIONS=help=1 %s --version 2>&1", program());
	pipe = popen(command, "r");
	if (!pipe)
		return false;
	if (!fgets(line, sizeof(line), pipe))
		line[0] = 0;
	pclose(pipe);
	return strstr(line, "AddressSanitizer");
}

int main(int argc, char **argv)
{
	hostile_arguments(&argc, argv, 1000);
	setenv("SLAT", "./slat_asan", 0);
	require_slat_run();
	if (!has_sanitizer())
		ksft_exit_skip("%s: not built with AddressSanitizer\n", program());
	return test_harness_run(argc, argv);
}
