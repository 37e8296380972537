// SPDX-License-Identifier: GPL-2.0-only
/*
 * The user's terminal.
 *
 * Output processing stays on: the guest's "\r\n" is not harmed by it, and this
 * program's own messages begin at the left.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "slat.h"
#include "terminal.h"

static const int crashes[] = { SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS };
static struct termios saved;
static int output = STDOUT_FILENO;
static int abandoned = -1;		/* eventfd */
static atomic_bool raw;

void slat_terminal_restore(void)
{
	int error = errno;

	if (atomic_exchange(&raw, false))
		tcsetattr(STDIN_FILENO, TCSANOW, &saved);
	errno = error;
}

/* The handler is gone when it runs: the signal comes again, and kills. */
static void crashed(int number)
{
	slat_terminal_restore();
	raise(number);
}

void slat_terminal_raw(void)
{
	static const struct sigaction action = {
		.sa_handler = crashed,
		.sa_flags = SA_RESETHAND,
	};
	static bool prepared;
	struct termios mode;

	if (tcgetattr(STDIN_FILENO, &mode))
		return;
	if (!prepared) {
		for (size_t i = 0; i < ARRAY_SIZE(crashes); i++)
			sigaction(crashes[i], &action, NULL);
		atexit(slat_terminal_restore);
		prepared = true;
	}

	saved = mode;
	mode.c_iflag &= ~(BRKINT | ICRNL | INLCR | IGNCR | INPCK | ISTRIP | IXON);
	mode.c_lflag &= ~(ECHO | ECHONL | ICANON | IEXTEN | ISIG);
	mode.c_cflag = (mode.c_cflag & ~(CSIZE | PARENB)) | CS8;
	mode.c_cc[VMIN] = 1;
	mode.c_cc[VTIME] = 0;
	atomic_store(&raw, true);
	tcsetattr(STDIN_FILENO, TCSANOW, &mode);
}

/*
 * Whoever shares our standard output must not find it non-blocking: open what
 * may block a second time.  Where that cannot be done, a write may take long.
 */
int slat_terminal_open(void)
{
	struct stat info;
	int fd;

	abandoned = eventfd(0, EFD_CLOEXEC);
	if (abandoned < 0)
		return -errno;
	if (fstat(STDOUT_FILENO, &info) || !(S_ISFIFO(info.st_mode) || S_ISCHR(info.st_mode)))
		return 0;
	fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd >= 0)
		output = fd;
	return 0;
}

void slat_terminal_abandon(void)
{
	eventfd_write(abandoned, 1);
}

/* Returns whether there is still someone who wants to. */
static bool wait_for_room(void)
{
	struct pollfd fds[] = {
		{ .fd = abandoned, .events = POLLIN },
		{ .fd = output, .events = POLLOUT },
	};

	poll(fds, ARRAY_SIZE(fds), -1);
	return !fds[0].revents;
}

void slat_terminal_write(const void *data, size_t len)
{
	const char *at = data;

	while (len) {
		ssize_t written = write(output, at, len);

		if (written > 0) {
			at += written;
			len -= written;
		} else if (errno == EAGAIN) {
			if (!wait_for_room())
				return;
		} else if (errno != EINTR) {
			return;
		}
	}
}

bool slat_terminal_filter(bool *escaped, char *data, size_t *len)
{
	size_t kept = 0;

	for (size_t i = 0; i < *len; i++) {
		if (*escaped) {
			*escaped = false;
			if (data[i] == 'x' || data[i] == 'X') {
				*len = kept;
				return true;
			}
			data[kept++] = data[i];
		} else if (data[i] == TERMINAL_ESCAPE) {
			*escaped = true;
		} else {
			data[kept++] = data[i];
		}
	}
	*len = kept;
	return false;
}
