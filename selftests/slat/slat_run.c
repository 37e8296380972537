// SPDX-License-Identifier: GPL-2.0-only
/*
 * `slat run': how it begins, how it ends, and what comes between.
 */
#include <termios.h>

#include "session.h"

#define TERMINAL_MODES	(ICANON | ECHO | ISIG)

FIXTURE(run) {
	struct session session;
	char options[256];
};

FIXTURE_SETUP(run)
{
}

FIXTURE_TEARDOWN(run)
{
}

/* Options for a guest that does what @letter says. */
#define guest(letter, more)						\
	({								\
		snprintf(self->options, sizeof(self->options),		\
			 "--device %s --kernel ./slat_run_guest --memory 32M --append %c %s", \
			 device(), letter, more);			\
		self->options;						\
	})

static void expect_said(struct __test_metadata *_metadata, const struct session *session,
			const char *what)
{
	EXPECT_NE(NULL, strstr(session->text, what)) {
		TH_LOG("no '%s' in: %s", what, session->text);
	}
}

#define EXPECT_SAID(what)	expect_said(_metadata, &self->session, what)

TEST_F(run, power_off_is_success)
{
	begin_pipes(&self->session, guest('o', ""));
	EXPECT_EQ(POWERED_OFF, end(&self->session));
	EXPECT_SAID("up\n");
}

TEST_F(run, restart_may_be_the_end)
{
	static const char letters[] = "rkt";

	for (const char *letter = letters; *letter; letter++) {
		begin_pipes(&self->session, guest(*letter, "--no-reboot"));
		EXPECT_EQ(RESTARTED, end(&self->session));
		EXPECT_SAID("up\n");
	}
}

TEST_F(run, restart_starts_again)
{
	begin_pipes(&self->session, guest('r', ""));
	EXPECT_TRUE(wait_until_said(&self->session, "up\n", 3));
	kill(self->session.pid, SIGTERM);
	EXPECT_EQ(-SIGTERM, end(&self->session));
}

/* Whenever the signal comes, also when the guest has just ended. */
TEST_F(run, restart_is_no_way_out)
{
	for (int i = 0; i < 10; i++) {
		begin_pipes(&self->session, guest('r', ""));
		EXPECT_TRUE(wait_until_said(&self->session, "up\n", 1));
		usleep(i * 1000);
		kill(self->session.pid, SIGTERM);
		EXPECT_EQ(-SIGTERM, end(&self->session));
	}
}

TEST_F(run, crash_says_where)
{
	begin_pipes(&self->session, guest('x', ""));
	EXPECT_EQ(CRASHED, end(&self->session));
	EXPECT_SAID("vCPU 0: ");
	EXPECT_SAID("rip c8000000");
}

TEST_F(run, all_cpus_stop)
{
	begin_pipes(&self->session, guest('o', "--cpus 4"));
	EXPECT_EQ(POWERED_OFF, end(&self->session));
}

TEST_F(run, devices_answer)
{
	begin_pipes(&self->session, guest('m', ""));
	EXPECT_EQ(POWERED_OFF, end(&self->session));
	EXPECT_SAID("virt");
}

TEST_F(run, command_line_names_a_console)
{
	begin_pipes(&self->session, guest('c', ""));
	EXPECT_EQ(POWERED_OFF, end(&self->session));
	EXPECT_SAID("console=ttyS0 c");
	begin_pipes(&self->session, guest('c', "--console virtio"));
	EXPECT_EQ(POWERED_OFF, end(&self->session));
	EXPECT_SAID("console=hvc0 c");
}

/* Its setup code has what the protocol says, and finds the services of a BIOS. */
TEST_F(run, kernel_begins_in_real_mode)
{
	begin_pipes(&self->session, guest('z', "--kernel ./slat_run_real --boot real"));
	EXPECT_EQ(POWERED_OFF, end(&self->session));
	EXPECT_SAID("loader ffde00, map 02000000, nothing else, console=ttyS0 z");
}

TEST_F(run, input_reaches_the_guest)
{
	static const char text[] = "forty bytes, more than any FIFO can hold";
	char keys[64];
	int len = snprintf(keys, sizeof(keys), "%s\001xq", text);

	begin_pipes(&self->session, guest('e', ""));
	EXPECT_EQ(len, write(self->session.in, keys, len));
	EXPECT_EQ(POWERED_OFF, end(&self->session));
	EXPECT_SAID(text);
	EXPECT_SAID("\001xq");
}

TEST_F(run, ctrl_a_x_quits)
{
	begin_terminal(&self->session, guest('e', ""));
	EXPECT_TRUE(wait_until_said(&self->session, "up", 1));
	EXPECT_EQ(5, write(self->session.in, "\003\001\001ab", 5));
	EXPECT_TRUE(wait_until_said(&self->session, "\003\001ab", 1));
	EXPECT_EQ(2, write(self->session.in, "\001x", 2));
	EXPECT_EQ(QUIT, end(&self->session));
}

/* Keys that end the guest, or a signal, and how the program ends by them. */
static const struct {
	const char *keys;
	int signal;
	int status;
} ends[] = {
	{ "\001x", 0, QUIT },
	{ "q", 0, POWERED_OFF },
	{ "R", 0, RESTARTED },
	{ "X", 0, CRASHED },
	{ NULL, SIGTERM, -SIGTERM },
	{ NULL, SIGINT, -SIGINT },
	{ NULL, SIGHUP, -SIGHUP },
	{ NULL, SIGQUIT, -SIGQUIT },
	{ NULL, SIGSEGV, -SIGSEGV },
};

TEST_F(run, every_end_restores_the_terminal)
{
	struct termios mode;
	int slave;

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		begin_terminal(&self->session, guest('e', "--no-reboot"));
		ASSERT_TRUE(wait_until_said(&self->session, "up", 1));
		slave = open(ptsname(self->session.in), O_RDWR | O_NOCTTY);
		ASSERT_LE(0, slave);
		ASSERT_EQ(0, tcgetattr(slave, &mode));
		EXPECT_EQ(0, mode.c_lflag & TERMINAL_MODES);
		if (!ends[i].keys)
			kill(self->session.pid, ends[i].signal);
		else
			EXPECT_LT(0, write(self->session.in, ends[i].keys, strlen(ends[i].keys)));
		EXPECT_EQ(ends[i].status, status_of(&self->session)) {
			TH_LOG("end %zu", i);
		}
		ASSERT_EQ(0, tcgetattr(slave, &mode));
		EXPECT_EQ(TERMINAL_MODES, mode.c_lflag & TERMINAL_MODES) {
			TH_LOG("end %zu", i);
		}
		close(slave);
		close(self->session.in);
	}
}

/* Nobody reads what the guest says: it waits, and can be ended all the same. */
TEST_F(run, stalled_reader_holds_up_nothing)
{
	struct pollfd fd = { .events = POLLIN };
	int queued, size;

	begin_pipes(&self->session, guest('b', ""));
	fd.fd = self->session.out;
	ASSERT_EQ(1, poll(&fd, 1, PATIENCE_MS));
	size = fcntl(self->session.out, F_GETPIPE_SZ);
	do {
		sched_yield();
		ASSERT_EQ(0, ioctl(self->session.out, FIONREAD, &queued));
	} while (queued < size);
	kill(self->session.pid, SIGTERM);
	ASSERT_EQ(self->session.pid, waitpid(self->session.pid, &self->session.status, 0));
	EXPECT_TRUE(WIFSIGNALED(self->session.status));
	close(self->session.in);
	close(self->session.out);
}

/* What another program of the host sees of the guest. */
TEST_F(run, stat_shows_it)
{
	char command[256], line[256], pid[16];
	unsigned int found = 0;
	FILE *stat;

	if (strcmp(device(), SLAT_DEVICE))
		SKIP(return, "of Slat's guests only");
	begin_pipes(&self->session, guest('h', "--cpus 3"));
	ASSERT_TRUE(wait_until_said(&self->session, "up", 1));
	snprintf(command, sizeof(command), "exec %s stat --once", program());
	stat = popen(command, "re");
	ASSERT_NE(NULL, stat);
	snprintf(pid, sizeof(pid), "%8d ", self->session.pid);
	while (fgets(line, sizeof(line), stat)) {
		char name[32];
		unsigned long long vcpus, tables, exits;

		if (strncmp(line, pid, strlen(pid)) != 0)
			continue;
		if (sscanf(line + strlen(pid), "%31s %llu %llu %llu", name, &vcpus, &tables,
			   &exits) == 4)
			found++;
		EXPECT_STREQ("slat", name);
		EXPECT_EQ(3, vcpus);
		EXPECT_LT(0, tables);
		EXPECT_LT(0, exits);
	}
	EXPECT_EQ(0, pclose(stat));
	EXPECT_EQ(1, found);
	kill(self->session.pid, SIGTERM);
	EXPECT_EQ(-SIGTERM, end(&self->session));
	/* And nothing when it is gone. */
	stat = popen(command, "re");
	ASSERT_NE(NULL, stat);
	while (fgets(line, sizeof(line), stat))
		EXPECT_NE(0, strncmp(line, pid, strlen(pid)));
	EXPECT_EQ(0, pclose(stat));
}

static const struct {
	const char *options;
	int status;
	const char *says;
} refused[] = {
	{ "", USAGE, "--kernel" },
	{ "--kernel ./slat_run_guest --memory 1M", USAGE, "--memory" },
	{ "--kernel ./slat_run_guest --memory 99999999999999999999", USAGE, "--memory" },
	{ "--kernel ./slat_run_guest --cpus 0", USAGE, "--cpus" },
	{ "--kernel ./slat_run_guest --net eth0", USAGE, "--net" },
	{ "--kernel ./slat_run_guest --console vga", USAGE, "--console" },
	{ "--kernel ./slat_run_guest --boot 32", USAGE, "--boot" },
	{ "--kernel ./slat_run_guest --device /dev/nothing", NO_DEVICE, "modprobe slat" },
	{ "--kernel ./slat_run_guest --device /dev/null", OTHER_DEVICE, "/dev/null" },
	{ "--kernel /nothing", FAILED, "/nothing" },
	{ "--kernel /proc/version", FAILED, "--kernel" },
};

TEST_F(run, mistakes_are_explained)
{
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		begin_pipes(&self->session, refused[i].options);
		EXPECT_EQ(refused[i].status, end(&self->session)) {
			TH_LOG("slat run %s: %s", refused[i].options, self->session.text);
		}
		EXPECT_SAID(refused[i].says);
		EXPECT_SAID(" - ");
	}
}

TEST_F(run, impossible_guests_are_explained)
{
	begin_pipes(&self->session, guest('o', "--cpus 1000"));
	EXPECT_EQ(USAGE, end(&self->session));
	EXPECT_SAID("--cpus");
	begin_pipes(&self->session, guest('o', "--disk /nothing"));
	EXPECT_EQ(FAILED, end(&self->session));
	EXPECT_SAID("--disk");
	begin_pipes(&self->session, guest('o', "--kernel ./run"));
	EXPECT_EQ(FAILED, end(&self->session));
	EXPECT_SAID("--kernel");
	begin_pipes(&self->session, guest('o', "--boot real"));
	EXPECT_EQ(FAILED, end(&self->session));
	EXPECT_SAID("--boot real");
	begin_pipes(&self->session, guest('o', "--initrd /nothing"));
	EXPECT_EQ(FAILED, end(&self->session));
	EXPECT_SAID("--initrd");
}

TEST_F(run, stats_are_shown_where_there_are_any)
{
	bool slat = !strcmp(device(), SLAT_DEVICE);

	begin_pipes(&self->session, guest('o', "--stats"));
	EXPECT_EQ(slat ? POWERED_OFF : OTHER_DEVICE, end(&self->session));
	EXPECT_SAID(slat ? "second-level faults" : "SLAT_GET_STATS");
}

int main(int argc, char **argv)
{
	require_slat_run();
	return test_harness_run(argc, argv);
}
