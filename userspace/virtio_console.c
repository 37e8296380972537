// SPDX-License-Identifier: GPL-2.0-only
/*
 * A virtio console on standard input and output (virtio 1.2, 5.3): one port,
 * a queue for what is typed and one for what is shown.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/virtio_console.h>
#include <linux/virtio_ids.h>

#include "devices.h"
#include "terminal.h"

#define TYPED	0	/* queues */
#define SHOWN	1

struct virtio_console_device {
	struct virtio virtio;		/* first */
	struct virtio_console_config config;
};

static ssize_t serve(struct virtio *virtio, unsigned int queue, struct virtqueue_chain *chain)
{
	struct iovec *in = chain->iov + chain->nr_out;
	ssize_t typed;

	if (queue == SHOWN) {
		for (int i = 0; i < chain->nr_out; i++)
			slat_terminal_write(chain->iov[i].iov_base, chain->iov[i].iov_len);
		return 0;
	}
	if (!chain->nr_in)
		return -EINVAL;
	typed = readv(virtio->input, in, chain->nr_in);
	return typed > 0 ? typed : -EAGAIN;
}

static void destroy(struct virtio *virtio)
{
	free(virtio);
}

static const struct virtio_ops ops = {
	.name = "console",
	.id = VIRTIO_ID_CONSOLE,
	.queues = 2,
	.serve = serve,
	.free = destroy,
	.input_queue = TYPED,
};

void slat_virtio_console_resize(struct virtio *virtio)
{
	struct virtio_console_device *console = (struct virtio_console_device *)virtio;
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size))
		return;
	pthread_mutex_lock(&virtio->lock);
	console->config.cols = size.ws_col;
	console->config.rows = size.ws_row;
	pthread_mutex_unlock(&virtio->lock);
	slat_virtio_config_changed(virtio);
}

enum slat_exit slat_virtio_console_create(int input, struct virtio **virtio)
{
	struct virtio_console_device *console = calloc(1, sizeof(*console));

	if (!console) {
		fputs("slat run: --console: out of memory - free some\n", stderr);
		return SLAT_EXIT_FAILURE;
	}
	console->virtio.ops = &ops;
	console->virtio.features = 1ULL << VIRTIO_CONSOLE_F_SIZE;
	console->virtio.config = &console->config;
	console->virtio.config_size = sizeof(console->config);
	console->virtio.input = input;
	*virtio = &console->virtio;
	return SLAT_EXIT_OK;
}
