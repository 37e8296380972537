// SPDX-License-Identifier: GPL-2.0-only
/*
 * A virtio disk on a file or block device (virtio 1.2, 5.2).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/fs.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>

#include "devices.h"

#define SECTOR		512

struct virtio_blk {
	struct virtio virtio;		/* first */
	struct virtio_blk_config config;
	char id[VIRTIO_BLK_ID_BYTES];
	bool readonly;
	int fd;
};

/* All of a list of pieces, as the kernel may do it in parts. */
static bool transfer(int fd, bool out, struct iovec *iov, int nr, off_t at)
{
	while (nr) {
		ssize_t done = out ? pwritev(fd, iov, nr, at) : preadv(fd, iov, nr, at);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		at += done;
		slat_iov_take(&iov, &nr, NULL, done);
	}
	return true;
}

/* A disk that is only read was opened that way. */
static __u8 read_write(struct virtio_blk *blk, bool out, __u64 sector, struct iovec *iov,
		       int nr)
{
	size_t bytes = slat_iov_bytes(iov, nr);

	if (bytes % SECTOR || sector > blk->config.capacity ||
	    bytes / SECTOR > blk->config.capacity - sector)
		return VIRTIO_BLK_S_IOERR;
	return transfer(blk->fd, out, iov, nr, (off_t)(sector * SECTOR)) ? VIRTIO_BLK_S_OK :
									   VIRTIO_BLK_S_IOERR;
}

static __u8 get_id(const struct virtio_blk *blk, const struct iovec *iov, int nr)
{
	if (nr != 1 || iov->iov_len < sizeof(blk->id))
		return VIRTIO_BLK_S_IOERR;
	memcpy(iov->iov_base, blk->id, sizeof(blk->id));
	return VIRTIO_BLK_S_OK;
}

/* A header and data to read; data to write and, as the last byte, the status. */
static ssize_t serve(struct virtio *virtio, unsigned int queue, struct virtqueue_chain *chain)
{
	struct virtio_blk *blk = (struct virtio_blk *)virtio;
	struct iovec *out = chain->iov, *in = chain->iov + chain->nr_out;
	int nr_out = chain->nr_out, nr_in = chain->nr_in;
	struct virtio_blk_outhdr header;
	struct iovec *last;
	size_t written;
	__u8 *status;

	(void)queue;
	if (!nr_in || !slat_iov_take(&out, &nr_out, &header, sizeof(header)))
		return -EINVAL;
	written = slat_iov_bytes(in, nr_in);
	last = &in[nr_in - 1];
	status = (__u8 *)last->iov_base + --last->iov_len;
	if (!last->iov_len)
		nr_in--;

	switch (header.type) {
	case VIRTIO_BLK_T_IN:
		*status = read_write(blk, false, header.sector, in, nr_in);
		break;
	case VIRTIO_BLK_T_OUT:
		*status = read_write(blk, true, header.sector, out, nr_out);
		break;
	case VIRTIO_BLK_T_FLUSH:
		*status = fdatasync(blk->fd) ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK;
		break;
	case VIRTIO_BLK_T_GET_ID:
		*status = get_id(blk, in, nr_in);
		break;
	default:
		*status = VIRTIO_BLK_S_UNSUPP;
		break;
	}
	return (ssize_t)written;
}

static void destroy(struct virtio *virtio)
{
	struct virtio_blk *blk = (struct virtio_blk *)virtio;

	close(blk->fd);
	free(blk);
}

static const struct virtio_ops ops = {
	.name = "disk",
	.id = VIRTIO_ID_BLOCK,
	.queues = 1,
	.serve = serve,
	.free = destroy,
};

static enum slat_exit complain(const char *path, const char *what, const char *advice)
{
	fprintf(stderr, "slat run: --disk %s: %s - %s\n", path, what, advice);
	return SLAT_EXIT_FAILURE;
}

/* Bytes of a file or block device; 0 for anything else. */
static __u64 size_of(int fd)
{
	struct stat info;
	__u64 size;

	if (fstat(fd, &info))
		return 0;
	if (S_ISBLK(info.st_mode))
		return ioctl(fd, BLKGETSIZE64, &size) ? 0 : size;
	return S_ISREG(info.st_mode) ? info.st_size : 0;
}

static enum slat_exit open_image(struct virtio_blk *blk, const char *path)
{
	__u64 size;

	blk->fd = open(path, (blk->readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	if (blk->fd < 0)
		return complain(path, strerror(errno), errno == EROFS || errno == EACCES ?
				"allow writing, or give it as FILE,ro" :
				"give a raw disk image or a block device");
	if (flock(blk->fd, (blk->readonly ? LOCK_SH : LOCK_EX) | LOCK_NB))
		return complain(path, "in use", "end the guest that has it, or make a copy");
	size = size_of(blk->fd);
	if (!size || size % SECTOR)
		return complain(path, "not a disk image",
				"its size is a multiple of 512 bytes: truncate -s %512 FILE");
	blk->config.capacity = size / SECTOR;
	return SLAT_EXIT_OK;
}

enum slat_exit slat_virtio_blk_create(const char *path, bool readonly,
				      struct virtio **virtio)
{
	struct virtio_blk *blk = calloc(1, sizeof(*blk));
	enum slat_exit status;

	if (!blk)
		return complain(path, "out of memory", "free some");
	blk->readonly = readonly;
	status = open_image(blk, path);
	if (status) {
		if (blk->fd >= 0)
			close(blk->fd);
		free(blk);
		return status;
	}

	/* A request has a header and a status beside its data. */
	blk->config.seg_max = VIRTQUEUE_MAX - 2;
	snprintf(blk->id, sizeof(blk->id), "slat");
	blk->virtio.ops = &ops;
	blk->virtio.features = BIT(VIRTIO_BLK_F_FLUSH) | BIT(VIRTIO_BLK_F_SEG_MAX) |
			       (readonly ? BIT(VIRTIO_BLK_F_RO) : 0);
	blk->virtio.config = &blk->config;
	blk->virtio.config_size = sizeof(blk->config);
	blk->virtio.input = -1;
	*virtio = &blk->virtio;
	return SLAT_EXIT_OK;
}
