/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The driver's side of virtio, for tests: a little guest memory, rings in it,
 * and a device's registers through a bus.
 */
#ifndef SLAT_UNIT_VIRTIO_GUEST_H
#define SLAT_UNIT_VIRTIO_GUEST_H

#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>

#include "unit.h"
#include "virtio.h"

#define RING_SIZE	8
#define RING_DESC	0x1000ULL	/* each queue's rings, RING_STEP apart */
#define RING_AVAIL	0x2000ULL
#define RING_USED	0x3000ULL
#define RING_STEP	0x4000ULL
#define BUFFERS		0x10000ULL
#define MEMORY_SIZE	0x20000ULL	/* a sanitizer watches its end */

struct guest {
	struct guest_memory memory;
	struct bus bus;
	struct virtio *virtio;
	__u16 avail[VIRTIO_QUEUES_MAX];
};

static inline void guest_init(struct guest *guest)
{
	memset(guest, 0, sizeof(*guest));
	guest->memory.host = calloc(1, MEMORY_SIZE);
	guest->memory.size = MEMORY_SIZE;
}

static inline void *guest_at(struct guest *guest, __u64 gpa)
{
	return guest->memory.host + gpa;
}

static inline struct vring_desc *guest_desc(struct guest *guest, unsigned int queue,
					    unsigned int nr)
{
	return (struct vring_desc *)guest_at(guest, queue * RING_STEP + RING_DESC) + nr;
}

static inline struct vring_avail *guest_avail(struct guest *guest, unsigned int queue)
{
	return guest_at(guest, queue * RING_STEP + RING_AVAIL);
}

static inline struct vring_used *guest_used(struct guest *guest, unsigned int queue)
{
	return guest_at(guest, queue * RING_STEP + RING_USED);
}

static inline void guest_set_desc(struct guest *guest, unsigned int queue, unsigned int nr,
				  __u64 addr, __u32 len, __u16 flags, __u16 next)
{
	*guest_desc(guest, queue, nr) = (struct vring_desc){ addr, len, flags, next };
}

/* Offer what begins with descriptor @head. */
static inline void guest_offer(struct guest *guest, unsigned int queue, __u16 head)
{
	struct vring_avail *avail = guest_avail(guest, queue);

	avail->ring[guest->avail[queue]++ % RING_SIZE] = head;
	__atomic_store_n(&avail->idx, guest->avail[queue], __ATOMIC_RELEASE);
}

static inline struct virtqueue guest_queue(unsigned int nr)
{
	return (struct virtqueue){
		.size = RING_SIZE,
		.desc = nr * RING_STEP + RING_DESC,
		.avail = nr * RING_STEP + RING_AVAIL,
		.used = nr * RING_STEP + RING_USED,
	};
}

static inline __u32 guest_read(struct guest *guest, __u64 reg)
{
	__u32 value;

	slat_bus_read(&guest->bus, reg, &value, sizeof(value));
	return value;
}

static inline void guest_write(struct guest *guest, __u64 reg, __u32 value)
{
	slat_bus_write(&guest->bus, reg, &value, sizeof(value));
}

/* A device at address 0, up to FEATURES_OK. */
static inline void guest_probe(struct guest *guest, __u64 features)
{
	guest_write(guest, VIRTIO_MMIO_STATUS, 0);
	memset(guest->avail, 0, sizeof(guest->avail));
	memset(guest->memory.host, 0, MEMORY_SIZE);
	guest_write(guest, VIRTIO_MMIO_STATUS,
		    VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	features |= 1ULL << VIRTIO_F_VERSION_1;
	for (unsigned int i = 0; i < 2; i++) {
		guest_write(guest, VIRTIO_MMIO_DRIVER_FEATURES_SEL, i);
		guest_write(guest, VIRTIO_MMIO_DRIVER_FEATURES, features >> (32 * i));
	}
	guest_write(guest, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_FEATURES_OK);
	CHECK(guest_read(guest, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_FEATURES_OK);
}

static inline void guest_set_queue(struct guest *guest, unsigned int nr)
{
	struct virtqueue queue = guest_queue(nr);

	guest_write(guest, VIRTIO_MMIO_QUEUE_SEL, nr);
	guest_write(guest, VIRTIO_MMIO_QUEUE_NUM, queue.size);
	guest_write(guest, VIRTIO_MMIO_QUEUE_DESC_LOW, queue.desc);
	guest_write(guest, VIRTIO_MMIO_QUEUE_AVAIL_LOW, queue.avail);
	guest_write(guest, VIRTIO_MMIO_QUEUE_USED_LOW, queue.used);
	guest_write(guest, VIRTIO_MMIO_QUEUE_READY, 1);
}

static inline void guest_drive(struct guest *guest, __u64 features)
{
	guest_probe(guest, features);
	for (unsigned int i = 0; i < guest->virtio->ops->queues; i++)
		guest_set_queue(guest, i);
	guest_write(guest, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_DRIVER_OK);
}

static inline void guest_plug(struct guest *guest, struct virtio *virtio)
{
	guest_init(guest);
	guest->virtio = virtio;
	CHECK_EQ(0, slat_virtio_init(virtio, &guest->memory));
	CHECK_EQ(0, slat_virtio_add(virtio, &guest->bus, 0));
}

static inline void guest_unplug(struct guest *guest)
{
	slat_virtio_destroy(guest->virtio);
	free(guest->memory.host);
}

/* Whether the device interrupts within ten seconds; 0 asks once. */
static inline bool guest_interrupted(struct guest *guest, int seconds)
{
	struct pollfd fd = { .fd = guest->virtio->interrupt, .events = POLLIN };
	eventfd_t count;

	return poll(&fd, 1, seconds * 1000) == 1 && !eventfd_read(fd.fd, &count);
}

/* Offer, notify, wait for the answer: how many bytes the device wrote, or -1. */
static inline long guest_ask(struct guest *guest, unsigned int queue, __u16 head)
{
	struct vring_used *used = guest_used(guest, queue);
	__u16 before = __atomic_load_n(&used->idx, __ATOMIC_ACQUIRE);

	guest_offer(guest, queue, head);
	guest_write(guest, VIRTIO_MMIO_QUEUE_NOTIFY, queue);
	if (!guest_interrupted(guest, 10) ||
	    __atomic_load_n(&used->idx, __ATOMIC_ACQUIRE) == before)
		return -1;
	return used->ring[before % RING_SIZE].len;
}

#endif /* SLAT_UNIT_VIRTIO_GUEST_H */
