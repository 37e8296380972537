// SPDX-License-Identifier: GPL-2.0-only
/*
 * A virtio source of entropy (virtio 1.2, 5.4): the host kernel's.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include <linux/virtio_ids.h>

#include "devices.h"

/* The first piece of an offer, and not all of a large one: the driver asks again. */
#define BYTES_MAX	4096

static ssize_t serve(struct virtio *virtio, unsigned int queue, struct virtqueue_chain *chain)
{
	const struct iovec *in = chain->iov + chain->nr_out;
	ssize_t bytes;

	(void)virtio;
	(void)queue;
	if (!chain->nr_in)
		return -EINVAL;
	bytes = getrandom(in->iov_base, in->iov_len < BYTES_MAX ? in->iov_len : BYTES_MAX, 0);
	return bytes < 0 ? 0 : bytes;
}

static void destroy(struct virtio *virtio)
{
	free(virtio);
}

static const struct virtio_ops ops = {
	.name = "rng",
	.id = VIRTIO_ID_RNG,
	.queues = 1,
	.serve = serve,
	.free = destroy,
};

enum slat_exit slat_virtio_rng_create(struct virtio **virtio)
{
	*virtio = calloc(1, sizeof(**virtio));
	if (!*virtio) {
		fputs("slat run: rng: out of memory - free some\n", stderr);
		return SLAT_EXIT_FAILURE;
	}
	(*virtio)->ops = &ops;
	(*virtio)->input = -1;
	return SLAT_EXIT_OK;
}
