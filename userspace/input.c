// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is typed, on its way to the guest.  Nothing is lost: when the guest does
 * not take it, nothing more is read.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "input.h"
#include "terminal.h"

static_assert(sizeof(((struct input *)NULL)->pending) <= PIPE_BUF, "size of a write");

int slat_input_open(struct input *input)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	*input = (struct input){
		.reader = ends[0],
		.writer = ends[1],
		.source = STDIN_FILENO,
	};
	return 0;
}

int slat_input_poll(const struct input *input, int *writer)
{
	*writer = input->len ? input->writer : -1;
	return input->len ? -1 : input->source;
}

bool slat_input_move(struct input *input)
{
	bool quit = false;

	if (!input->len) {
		ssize_t bytes = read(input->source, input->pending, sizeof(input->pending));

		if (bytes < 0 && (errno == EINTR || errno == EAGAIN))
			return false;
		if (bytes <= 0) {
			input->source = -1;
			return false;
		}
		input->len = bytes;
		/* Only who can type can escape: a file is passed on as it is. */
		if (isatty(input->source))
			quit = slat_terminal_filter(&input->escaped, input->pending,
						    &input->len);
	}

	/* A pipe takes so few bytes all or not at all. */
	if (write(input->writer, input->pending, input->len) > 0)
		input->len = 0;
	return quit;
}

void slat_input_close(struct input *input)
{
	if (input->reader >= 0)
		close(input->reader);
	if (input->writer >= 0)
		close(input->writer);
}
