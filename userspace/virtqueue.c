// SPDX-License-Identifier: GPL-2.0-only
/*
 * Split virtqueues, the device's side.
 *
 * A guest may write to its rings at any moment, and anything: each value is
 * read once, checked, and then used.  A queue belongs to one thread.
 */
#include <errno.h>
#include <string.h>

#include <linux/virtio_ring.h>

#include "virtqueue.h"

#define DESC_ALIGN	16
#define AVAIL_ALIGN	2
#define USED_ALIGN	4

/* Both rings end with an index by which the other side asks to be notified. */
#define EVENT_BYTES	sizeof(__u16)

static __u64 desc_bytes(const struct virtqueue *queue)
{
	return queue->size * sizeof(struct vring_desc);
}

static __u64 avail_bytes(const struct virtqueue *queue)
{
	return sizeof(struct vring_avail) + queue->size * sizeof(__u16) + EVENT_BYTES;
}

static __u64 used_bytes(const struct virtqueue *queue)
{
	return sizeof(struct vring_used) + queue->size * sizeof(struct vring_used_elem) +
	       EVENT_BYTES;
}

static struct vring_avail *avail_ring(const struct virtqueue *queue)
{
	return slat_memory_at(queue->memory, queue->avail, avail_bytes(queue));
}

static struct vring_used *used_ring(const struct virtqueue *queue)
{
	return slat_memory_at(queue->memory, queue->used, used_bytes(queue));
}

/* Up to which used entry the driver does not want to be interrupted. */
static __u16 *used_event(const struct virtqueue *queue)
{
	return &avail_ring(queue)->ring[queue->size];
}

/* Up to which available entry the device does not want to be notified. */
static __u16 *avail_event(const struct virtqueue *queue)
{
	return (__u16 *)&used_ring(queue)->ring[queue->size];
}

int slat_virtqueue_start(struct virtqueue *queue, const struct guest_memory *memory,
			 bool event_idx)
{
	queue->ready = false;
	queue->memory = memory;
	if (!queue->size || queue->size > VIRTQUEUE_MAX || queue->size & (queue->size - 1))
		return -EINVAL;
	if (queue->desc % DESC_ALIGN || queue->avail % AVAIL_ALIGN || queue->used % USED_ALIGN)
		return -EINVAL;
	if (!slat_memory_at(memory, queue->desc, desc_bytes(queue)) || !avail_ring(queue) ||
	    !used_ring(queue))
		return -EINVAL;

	queue->event_idx = event_idx;
	queue->next_avail = 0;
	queue->next_used = 0;
	queue->told = 0;
	queue->ready = true;
	return 0;
}

/* Pairs with the driver's barrier between its entries and its index. */
static __u16 avail_index(const struct virtqueue *queue)
{
	return __atomic_load_n(&avail_ring(queue)->idx, __ATOMIC_ACQUIRE);
}

static struct vring_desc read_desc(const struct virtqueue *queue, __u16 nr)
{
	struct vring_desc desc;

	memcpy(&desc, slat_memory_at(queue->memory, queue->desc + nr * sizeof(desc),
				     sizeof(desc)), sizeof(desc));
	/* The copy above is the only look at it. */
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	return desc;
}

static int add_piece(const struct virtqueue *queue, const struct vring_desc *desc,
		     struct virtqueue_chain *chain)
{
	int nr = chain->nr_out + chain->nr_in;
	bool in = desc->flags & VRING_DESC_F_WRITE;

	if (desc->flags & ~(VRING_DESC_F_NEXT | VRING_DESC_F_WRITE))
		return -EINVAL;
	if (!in && chain->nr_in)
		return -EINVAL;
	if (!desc->len)
		return 0;
	chain->iov[nr].iov_base = slat_memory_at(queue->memory, desc->addr, desc->len);
	chain->iov[nr].iov_len = desc->len;
	if (!chain->iov[nr].iov_base)
		return -EINVAL;
	if (in)
		chain->nr_in++;
	else
		chain->nr_out++;
	return 0;
}

int slat_virtqueue_pop(struct virtqueue *queue, struct virtqueue_chain *chain)
{
	__u16 offers = avail_index(queue) - queue->next_avail;
	struct vring_desc desc;
	__u16 nr;

	if (!offers)
		return 0;
	if (offers > queue->size)
		return -EINVAL;

	nr = __atomic_load_n(&avail_ring(queue)->ring[queue->next_avail % queue->size],
			     __ATOMIC_RELAXED);
	chain->head = nr;
	chain->nr_out = 0;
	chain->nr_in = 0;
	for (unsigned int i = 0; i < queue->size; i++) {
		if (nr >= queue->size)
			return -EINVAL;
		desc = read_desc(queue, nr);
		if (add_piece(queue, &desc, chain))
			return -EINVAL;
		if (!(desc.flags & VRING_DESC_F_NEXT)) {
			queue->next_avail++;
			return 1;
		}
		nr = desc.next;
	}
	return -EINVAL;		/* a loop */
}

void slat_virtqueue_push(struct virtqueue *queue, __u16 head, __u32 written)
{
	struct vring_used *used = used_ring(queue);

	used->ring[queue->next_used % queue->size] = (struct vring_used_elem){ head, written };
	/* Pairs with the driver's barrier between our index and our entries. */
	__atomic_store_n(&used->idx, ++queue->next_used, __ATOMIC_RELEASE);
}

bool slat_virtqueue_offers(const struct virtqueue *queue)
{
	return queue->ready && avail_index(queue) != queue->next_avail;
}

bool slat_virtqueue_rest(struct virtqueue *queue)
{
	if (queue->event_idx)
		__atomic_store_n(avail_event(queue), queue->next_avail, __ATOMIC_RELAXED);
	/* Pairs with the driver's: it writes its index, then reads our event. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return slat_virtqueue_offers(queue);
}

bool slat_virtqueue_interrupts(struct virtqueue *queue)
{
	__u16 told = queue->told;

	queue->told = queue->next_used;
	/* Pairs with the driver's: it writes its wish, then reads our index. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (queue->event_idx)
		return vring_need_event(__atomic_load_n(used_event(queue), __ATOMIC_RELAXED),
					queue->next_used, told);
	if (told == queue->next_used)
		return false;
	return !(__atomic_load_n(&avail_ring(queue)->flags, __ATOMIC_RELAXED) &
		 VRING_AVAIL_F_NO_INTERRUPT);
}

size_t slat_iov_bytes(const struct iovec *iov, int nr)
{
	size_t bytes = 0;

	for (int i = 0; i < nr; i++)
		bytes += iov[i].iov_len;
	return bytes;
}

bool slat_iov_take(struct iovec **iov, int *nr, void *data, size_t len)
{
	char *to = data;

	while (len && *nr) {
		size_t part = (*iov)->iov_len < len ? (*iov)->iov_len : len;

		if (to) {
			memcpy(to, (*iov)->iov_base, part);
			to += part;
		}
		len -= part;
		(*iov)->iov_base = (char *)(*iov)->iov_base + part;
		(*iov)->iov_len -= part;
		if (!(*iov)->iov_len) {
			(*iov)++;
			(*nr)--;
		}
	}
	return !len;
}
