/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `slat run' as a child: what it is told, what it says, how it ends.  SLAT= names
 * the program, GUEST_DEVICE= the device.
 */
#ifndef SLAT_SESSION_H
#define SLAT_SESSION_H

#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>

#include "slat_test.h"

#define PATIENCE_MS	120000		/* of an emulated machine */

/* Exit statuses, as documented in slat-run(1). */
enum {
	POWERED_OFF = 0,
	FAILED = 1,
	USAGE = 2,
	NO_DEVICE = 3,
	OTHER_DEVICE = 5,
	RESTARTED = 6,
	CRASHED = 7,
	QUIT = 8,
};

static inline const char *program(void)
{
	const char *path = getenv("SLAT");

	return path ? path : "slat";
}

static inline const char *device(void)
{
	const char *path = getenv("GUEST_DEVICE");

	if (path)
		return path;
	return access(SLAT_DEVICE, F_OK) ? "/dev/kvm" : SLAT_DEVICE;
}

static inline void require_slat_run(void)
{
	static const int caps[] = { KVM_CAP_IRQCHIP, KVM_CAP_IRQFD, KVM_CAP_IOEVENTFD };
	int fd = open(device(), O_RDWR | O_CLOEXEC);

	if (fd < 0)
		ksft_exit_skip("%s: %s\n", device(), strerror(errno));
	for (size_t i = 0; i < ARRAY_SIZE(caps); i++)
		if (ioctl(fd, KVM_CHECK_EXTENSION, caps[i]) <= 0)
			ksft_exit_skip("%s has no interrupt controllers\n", device());
	close(fd);
}

/* A running program: its terminal or pipes, and all it has said. */
struct session {
	pid_t pid;
	int in, out;
	char text[65536];
	size_t len;
	int status;
};

static inline void exec_slat(const char *options)
{
	char command[1024];

	snprintf(command, sizeof(command), "exec %s run %s", program(), options);
	execl("/bin/sh", "sh", "-c", command, NULL);
	_exit(127);
}

/* With a terminal. */
static inline void begin_terminal(struct session *session, const char *options)
{
	memset(session, 0, sizeof(*session));
	session->pid = forkpty(&session->in, NULL, NULL, NULL);
	if (!session->pid)
		exec_slat(options);
	session->out = session->in;
}

/* With a pipe at either end. */
static inline void begin_pipes(struct session *session, const char *options)
{
	int in[2], out[2];

	memset(session, 0, sizeof(*session));
	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		return;
	/* A page, which a guest fills soon. */
	fcntl(out[0], F_SETPIPE_SZ, 4096);
	session->pid = fork();
	if (!session->pid) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		dup2(out[1], STDERR_FILENO);
		exec_slat(options);
	}
	close(in[0]);
	close(out[1]);
	session->in = in[1];
	session->out = out[0];
}

/* Reads more of what it says; false at the end of it. */
static inline bool hear(struct session *session)
{
	struct pollfd fd = { .fd = session->out, .events = POLLIN };
	ssize_t bytes;

	if (poll(&fd, 1, PATIENCE_MS) != 1)
		return false;
	bytes = read(session->out, session->text + session->len,
		     sizeof(session->text) - 1 - session->len);
	if (bytes <= 0)
		return false;
	session->len += bytes;
	return true;
}

static inline unsigned int times_said(const struct session *session, const char *what)
{
	unsigned int times = 0;

	for (const char *at = session->text; (at = strstr(at, what)); at += strlen(what))
		times++;
	return times;
}

static inline bool wait_until_said(struct session *session, const char *what, unsigned int times)
{
	while (times_said(session, what) < times)
		if (!hear(session))
			return false;
	return true;
}

/* Waits for it: the exit status, or the signal as a negative number. */
static inline int status_of(struct session *session)
{
	if (waitpid(session->pid, &session->status, 0) != session->pid)
		return 126;
	return WIFSIGNALED(session->status) ? -WTERMSIG(session->status) :
					      WEXITSTATUS(session->status);
}

/* The same, after the end of what it says. */
static inline int end(struct session *session)
{
	int status;

	while (hear(session))
		;
	status = status_of(session);
	close(session->in);
	if (session->out != session->in)
		close(session->out);
	return status;
}

#endif /* SLAT_SESSION_H */
