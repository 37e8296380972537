// SPDX-License-Identifier: GPL-2.0-only
/*
 * A virtio network card on a tap device (virtio 1.2, 5.1): one pair of queues,
 * no offloads.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <unistd.h>

#include <linux/if.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>

#include "devices.h"

#define TUN_DEVICE	"/dev/net/tun"
#define RECEIVED	0	/* queues */
#define SENT		1
#define FRAME_MAX	65535

struct virtio_net {
	struct virtio virtio;		/* first */
	struct virtio_net_config config;
};

/*
 * The header that comes before each frame, of virtio 1.0 and later.  Without
 * offloads it says nothing: the guest's is dropped, and it gets an empty one.
 */
static ssize_t receive(struct virtio_net *net, struct virtqueue_chain *chain)
{
	static const struct virtio_net_hdr_v1 header = { .num_buffers = 1 };
	struct iovec *in = chain->iov + chain->nr_out;
	int nr_in = chain->nr_in;
	const char *from = (const char *)&header;
	size_t left = sizeof(header), part;
	ssize_t frame;

	if (slat_iov_bytes(in, nr_in) < sizeof(header) + ETH_ZLEN)
		return -EINVAL;
	for (int i = 0; left; i++, left -= part, from += part) {
		part = in[i].iov_len < left ? in[i].iov_len : left;
		memcpy(in[i].iov_base, from, part);
	}
	slat_iov_take(&in, &nr_in, NULL, sizeof(header));
	frame = readv(net->virtio.input, in, nr_in);
	return frame > 0 ? frame + (ssize_t)sizeof(header) : -EAGAIN;
}

/* A frame that the host does not take is lost, as on a wire. */
static ssize_t send_frame(struct virtio_net *net, struct virtqueue_chain *chain)
{
	struct iovec *out = chain->iov;
	int nr_out = chain->nr_out;

	if (!slat_iov_take(&out, &nr_out, NULL, sizeof(struct virtio_net_hdr_v1)))
		return -EINVAL;
	if (slat_iov_bytes(out, nr_out) <= FRAME_MAX)
		writev(net->virtio.input, out, nr_out);
	return 0;
}

static ssize_t serve(struct virtio *virtio, unsigned int queue, struct virtqueue_chain *chain)
{
	struct virtio_net *net = (struct virtio_net *)virtio;

	return queue == SENT ? send_frame(net, chain) : receive(net, chain);
}

static void destroy(struct virtio *virtio)
{
	close(virtio->input);
	free(virtio);
}

static const struct virtio_ops ops = {
	.name = "net",
	.id = VIRTIO_ID_NET,
	.queues = 2,
	.serve = serve,
	.free = destroy,
	.input_queue = RECEIVED,
};

static enum slat_exit complain(const char *tap, const char *what, int error,
			       const char *advice)
{
	fprintf(stderr, "slat run: --net tap=%s: %s: %s - %s\n", tap, what, strerror(error),
		advice);
	return error == EPERM || error == EACCES ? SLAT_EXIT_PERMISSION : SLAT_EXIT_FAILURE;
}

static enum slat_exit open_tap(const char *tap, int *fd)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI };

	if (strlen(tap) >= sizeof(request.ifr_name))
		return complain(tap, "name", ENAMETOOLONG, "15 characters at most");
	memcpy(request.ifr_name, tap, strlen(tap));
	*fd = open(TUN_DEVICE, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (*fd < 0)
		return complain(tap, TUN_DEVICE, errno, "load the module: modprobe tun");
	if (ioctl(*fd, TUNSETIFF, &request)) {
		int error = errno;

		close(*fd);
		return complain(tap, "TUNSETIFF", error,
				"make it for this user: ip tuntap add NAME mode tap user USER");
	}
	return SLAT_EXIT_OK;
}

enum slat_exit slat_virtio_net_create(const char *tap, struct virtio **virtio)
{
	struct virtio_net *net = calloc(1, sizeof(*net));
	enum slat_exit status;

	if (!net)
		return complain(tap, "out of memory", ENOMEM, "free some");
	status = open_tap(tap, &net->virtio.input);
	if (status) {
		free(net);
		return status;
	}
	/* Locally administered, not a group. */
	if (getrandom(net->config.mac, ETH_ALEN, 0) != ETH_ALEN)
		net->config.mac[5] = 1;
	net->config.mac[0] = (net->config.mac[0] & 0xfc) | 2;
	net->virtio.ops = &ops;
	net->virtio.features = 1ULL << VIRTIO_NET_F_MAC;
	net->virtio.config = &net->config;
	net->virtio.config_size = sizeof(net->config);
	*virtio = &net->virtio;
	return SLAT_EXIT_OK;
}
