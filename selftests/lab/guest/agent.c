// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's end of the lab's channel.
 *
 * The emulator appends every byte strobed into its parallel port to a file on
 * the host, at once and without the pacing of a serial line. Port I/O needs no
 * driver, so this works on any kernel. What goes through is framed: type (one
 * byte), length (16 bits, little endian), data; the host's channel.py is the
 * other end and lists the types.
 *
 *   agent run COMMAND ARG...   run COMMAND, forward its output, then its status
 *   agent send TYPE            forward standard input
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/wait.h>
#include <unistd.h>

#define LPT_DATA	0x378
#define LPT_CONTROL	0x37a
#define LPT_READY	0x0c		/* selected, not in reset */
#define LPT_STROBE	0x01

#define FRAME_OUTPUT	'o'
#define FRAME_STATUS	'x'
#define FRAME_MAX	4096

static void put(const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len--) {
		outb(*p++, LPT_DATA);
		outb(LPT_READY | LPT_STROBE, LPT_CONTROL);
		outb(LPT_READY, LPT_CONTROL);
	}
}

static void put_frame(char type, const void *data, size_t len)
{
	const uint8_t head[] = { type, len & 0xff, len >> 8 };

	put(head, sizeof(head));
	put(data, len);
}

/* Forward what is there; false at the end of the stream. */
static int forward(char type, int fd)
{
	char buf[FRAME_MAX];
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n < 0)
		return errno == EINTR || errno == EAGAIN;
	if (n > 0)
		put_frame(type, buf, n);
	return n > 0;
}

static int send_stdin(char type)
{
	while (forward(type, STDIN_FILENO))
		;
	return 0;
}

/* Only there to interrupt poll() when the command ends. */
static void on_child(int sig)
{
	(void)sig;
}

static void exec_command(char **argv)
{
	int null = open("/dev/null", O_RDONLY);

	if (null >= 0)
		dup2(null, STDIN_FILENO);
	execvp(argv[0], argv);
	dprintf(STDERR_FILENO, "lab: %s: %s\n", argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

/*
 * The command writes to a pty, so that libc flushes its output line by line;
 * a raw one, so that its bytes arrive as they are. Its end is its exit, not
 * the end of the stream: a daemon it leaves behind may keep the pty open.
 */
static int run(char **argv)
{
	struct sigaction sa = { .sa_handler = on_child };
	struct pollfd pfd = { .events = POLLIN };
	sigset_t blocked, unblocked;
	struct termios raw;
	uint8_t code;
	int status;
	pid_t pid;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGCHLD);
	sigprocmask(SIG_BLOCK, &blocked, &unblocked);
	sigaction(SIGCHLD, &sa, NULL);

	memset(&raw, 0, sizeof(raw));
	cfmakeraw(&raw);
	raw.c_cflag |= CREAD;
	pid = forkpty(&pfd.fd, NULL, &raw, NULL);
	if (pid < 0) {
		perror("lab: forkpty");
		return 1;
	}
	if (!pid) {
		sigprocmask(SIG_SETMASK, &unblocked, NULL);
		exec_command(argv);
	}
	fcntl(pfd.fd, F_SETFL, O_NONBLOCK);

	while (!waitpid(pid, &status, WNOHANG)) {
		if (ppoll(&pfd, 1, NULL, &unblocked) > 0 && !forward(FRAME_OUTPUT, pfd.fd))
			pfd.fd = -1;
	}
	while (pfd.fd >= 0 && poll(&pfd, 1, 0) > 0 && forward(FRAME_OUTPUT, pfd.fd))
		;
	code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	put_frame(FRAME_STATUS, &code, sizeof(code));
	return code;
}

int main(int argc, char **argv)
{
	if (ioperm(LPT_DATA, 3, 1)) {
		perror("lab: ioperm");
		return 1;
	}
	if (argc > 2 && !strcmp(argv[1], "run"))
		return run(argv + 2);
	if (argc == 3 && !strcmp(argv[1], "send") && argv[2][0])
		return send_stdin(argv[2][0]);
	fputs("usage: agent run COMMAND ARG... | agent send TYPE\n", stderr);
	return 1;
}
