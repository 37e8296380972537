// SPDX-License-Identifier: GPL-2.0-only
/*
 * userspace/terminal.c and input.c: keys, and a terminal that is as it was
 * whatever happens.
 */
#include <fcntl.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "input.h"
#include "terminal.h"
#include "unit.h"

static bool escaped;

/* What the guest gets of these keys. */
static const char *filtered(const char *keys, bool quits)
{
	static char data[64];
	size_t len = strlen(keys);

	strcpy(data, keys);
	CHECK_EQ(quits, slat_terminal_filter(&escaped, data, &len));
	data[len] = '\0';
	return data;
}

static void keys_pass(void)
{
	escaped = false;
	CHECK_STREQ("ls\r\003", filtered("ls\r\003", false));
	CHECK_STREQ("x", filtered("x", false));
}

static void ctrl_a_x_quits(void)
{
	escaped = false;
	CHECK_STREQ("ab", filtered("ab\001xcd", true));
	escaped = false;
	CHECK_STREQ("", filtered("\001", false));
	CHECK_STREQ("", filtered("x", true));
}

static void ctrl_a_twice_is_one(void)
{
	escaped = false;
	CHECK_STREQ("\001x", filtered("\001\001x", false));
	CHECK_STREQ("b", filtered("\001b", false));
}

/* In a child whose terminal is a new one; its mode afterwards is compared. */
static void check_restored(void (*end)(void), int status)
{
	struct termios before, during, after;
	int master, slave, seen;
	char byte;
	pid_t pid;

	CHECK_EQ(0, openpty(&master, &slave, NULL, NULL, NULL));
	CHECK_EQ(0, tcgetattr(slave, &before));
	pid = fork();
	if (!pid) {
		dup2(slave, STDIN_FILENO);
		dup2(slave, STDOUT_FILENO);
		slat_terminal_raw();
		byte = 'r';
		if (write(STDOUT_FILENO, &byte, 1) != 1 || read(STDIN_FILENO, &byte, 1) != 1)
			_exit(99);
		end();
		_exit(98);
	}
	CHECK_EQ(1, read(master, &byte, 1));
	CHECK_EQ(0, tcgetattr(slave, &during));
	CHECK_EQ(0, during.c_lflag & (ICANON | ECHO | ISIG));
	CHECK_EQ(1, write(master, "g", 1));
	CHECK_EQ(pid, waitpid(pid, &seen, 0));
	CHECK_EQ(status, seen);
	CHECK_EQ(0, tcgetattr(slave, &after));
	CHECK_EQ(before.c_lflag, after.c_lflag);
	CHECK_EQ(before.c_iflag, after.c_iflag);
	close(master);
	close(slave);
}

static void end_by_exit(void)
{
	exit(3);
}

static void end_by_abort(void)
{
	abort();
}

static void end_by_illegal(void)
{
	raise(SIGILL);
}

static void an_end_restores_the_terminal(void)
{
	check_restored(end_by_exit, 3 << 8);
	check_restored(end_by_abort, SIGABRT);
	check_restored(end_by_illegal, SIGILL);
}

/* Standard input and output replaced for a while. */
static void replace(int fd, int with, int *old)
{
	*old = dup(fd);
	CHECK_EQ(fd, dup2(with, fd));
}

static void put_back(int fd, int old)
{
	dup2(old, fd);
	close(old);
}

static void no_byte_is_lost_on_the_way(void)
{
	struct input input;
	int ends[2], old, writer;
	unsigned int got = 0, sent = 0;
	unsigned char byte;

	CHECK_EQ(0, pipe(ends));
	replace(STDIN_FILENO, ends[0], &old);
	CHECK_EQ(0, slat_input_open(&input));
	fcntl(input.writer, F_SETPIPE_SZ, 4096);
	while (slat_input_poll(&input, &writer) >= 0) {
		byte = sent++;
		CHECK_EQ(1, write(ends[1], &byte, 1));
		CHECK(!slat_input_move(&input));
	}
	CHECK_EQ(input.writer, writer);
	CHECK(sent > 4096);
	for (; got < sent; got++) {
		if (read(input.reader, &byte, 1) != 1) {
			CHECK(!slat_input_move(&input));
			CHECK_EQ(1, read(input.reader, &byte, 1));
		}
		CHECK_EQ((unsigned char)got, byte);
	}
	close(ends[1]);
	CHECK_EQ(STDIN_FILENO, slat_input_poll(&input, &writer));
	CHECK(!slat_input_move(&input));
	CHECK_EQ(-1, slat_input_poll(&input, &writer));
	slat_input_close(&input);
	put_back(STDIN_FILENO, old);
	close(ends[0]);
}

/* A file may hold the escape: it is data there. */
static void files_are_not_typed(void)
{
	struct input input;
	char bytes[8] = "";
	int ends[2], old;

	CHECK_EQ(0, pipe(ends));
	replace(STDIN_FILENO, ends[0], &old);
	CHECK_EQ(0, slat_input_open(&input));
	CHECK_EQ(2, write(ends[1], "\001x", 2));
	CHECK(!slat_input_move(&input));
	CHECK_EQ(2, read(input.reader, bytes, sizeof(bytes)));
	CHECK_STREQ("\001x", bytes);
	slat_input_close(&input);
	put_back(STDIN_FILENO, old);
	close(ends[0]);
	close(ends[1]);
}

/* Nobody reads the pipe: the write ends when it is given up, not before. */
static void *write_much(void *unused)
{
	static const char data[1 << 20];

	slat_terminal_write(data, sizeof(data));
	return NULL;
}

static void a_stalled_reader_can_be_given_up(void)
{
	int ends[2], old;
	pthread_t thread;

	CHECK_EQ(0, pipe(ends));
	replace(STDOUT_FILENO, ends[1], &old);
	CHECK_EQ(0, slat_terminal_open());
	CHECK_EQ(0, fcntl(STDOUT_FILENO, F_GETFL) & O_NONBLOCK);
	pthread_create(&thread, NULL, write_much, NULL);
	slat_terminal_abandon();
	pthread_join(thread, NULL);
	put_back(STDOUT_FILENO, old);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	static const struct unit_case cases[] = {
		UNIT_CASE(keys_pass),
		UNIT_CASE(ctrl_a_x_quits),
		UNIT_CASE(ctrl_a_twice_is_one),
		UNIT_CASE(an_end_restores_the_terminal),
		UNIT_CASE(no_byte_is_lost_on_the_way),
		UNIT_CASE(files_are_not_typed),
		UNIT_CASE(a_stalled_reader_can_be_given_up),
	};

	return unit_run(cases, ARRAY_SIZE(cases));
}
