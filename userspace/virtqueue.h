/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Split virtqueues, the device's side (virtio 1.2, 2.7).
 */
#ifndef SLAT_VIRTQUEUE_H
#define SLAT_VIRTQUEUE_H

#include <stdbool.h>
#include <sys/uio.h>

#include "guest_memory.h"

#define VIRTQUEUE_MAX	256	/* entries, and hence descriptors of a chain */

/**
 * struct virtqueue - a ring that the driver has set up
 * @size: entries, a power of two
 * @desc: guest address of the descriptors
 * @avail: guest address of what the driver offers
 * @used: guest address of what the device has done
 * @ready: the four above are valid, and what follows is
 * @event_idx: VIRTIO_RING_F_EVENT_IDX was negotiated
 * @memory: the guest's
 * @next_avail: which entry of @avail comes next
 * @next_used: which entry of @used comes next
 * @told: @next_used when the driver was last interrupted
 */
struct virtqueue {
	__u32 size;
	__u64 desc, avail, used;
	bool ready, event_idx;
	const struct guest_memory *memory;
	__u16 next_avail, next_used, told;
};

/**
 * struct virtqueue_chain - one offer of the driver
 * @head: its name in the ring
 * @nr_out: how many pieces of memory the device may read
 * @nr_in: how many it may write
 * @iov: those to read, then those to write; none is empty
 */
struct virtqueue_chain {
	__u16 head;
	int nr_out, nr_in;
	struct iovec iov[VIRTQUEUE_MAX];
};

/**
 * slat_virtqueue_start() - begin with what the driver has set up
 * @queue: with its first four members
 * @memory: the guest's
 * @event_idx: whether VIRTIO_RING_F_EVENT_IDX was negotiated
 *
 * Return: 0, or -EINVAL if size, alignment or addresses cannot be: then the
 * queue is not ready.
 */
int slat_virtqueue_start(struct virtqueue *queue, const struct guest_memory *memory,
			 bool event_idx);

/**
 * slat_virtqueue_pop() - take what the driver offers next
 * @queue: a ready one
 * @chain: out: the offer, every piece of it RAM
 *
 * Return: 1; 0 if there is none; -EINVAL if the driver broke the rules, after
 * which the queue cannot be used any more.
 */
int slat_virtqueue_pop(struct virtqueue *queue, struct virtqueue_chain *chain);

/**
 * slat_virtqueue_push() - give an offer back
 * @queue: the one it came from
 * @head: its name
 * @written: how many bytes the device has written
 */
void slat_virtqueue_push(struct virtqueue *queue, __u16 head, __u32 written);

/**
 * slat_virtqueue_offers() - whether slat_virtqueue_pop() would not return 0
 * @queue: may be not ready
 *
 * Return: whether it would not.
 */
bool slat_virtqueue_offers(const struct virtqueue *queue);

/**
 * slat_virtqueue_rest() - ask to be notified of the next offer
 * @queue: a ready one
 *
 * Return: whether there is one already.
 */
bool slat_virtqueue_rest(struct virtqueue *queue);

/**
 * slat_virtqueue_interrupts() - does the driver want to hear of what was pushed?
 * @queue: a ready one
 *
 * Return: whether to interrupt it now; it counts as done.
 */
bool slat_virtqueue_interrupts(struct virtqueue *queue);

/**
 * slat_iov_bytes() - how long a list of pieces is
 * @iov: the pieces
 * @nr: how many
 *
 * Return: bytes.
 */
size_t slat_iov_bytes(const struct iovec *iov, int nr);

/**
 * slat_iov_take() - copy from the front of a list, and drop that
 * @iov: the pieces
 * @nr: how many
 * @data: out: the bytes; NULL only drops them
 * @len: how many
 *
 * Return: whether there were as many; if not, the list is used up.
 */
bool slat_iov_take(struct iovec **iov, int *nr, void *data, size_t len);

#endif /* SLAT_VIRTQUEUE_H */
