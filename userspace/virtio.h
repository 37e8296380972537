/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A virtio device behind memory-mapped registers (virtio 1.2, 4.2), with a
 * thread of its own that serves its queues.
 */
#ifndef SLAT_VIRTIO_H
#define SLAT_VIRTIO_H

#include <pthread.h>
#include <stdatomic.h>

#include "bus.h"
#include "virtqueue.h"

#define VIRTIO_QUEUES_MAX	2
#define VIRTIO_REGISTERS	0x1000	/* bytes of address space */
#define VIRTIO_NOTIFY		0x50	/* the register that eventfds stand for */

struct virtio;

/**
 * struct virtio_ops - a kind of device
 * @name: for messages
 * @id: VIRTIO_ID_*
 * @queues: how many it has
 * @serve: do what one offer on a queue asks for; returns how many bytes were
 *	written to it, -EAGAIN to leave it and wait for input, -EINVAL if the
 *	driver broke the rules
 * @free: gives back what the constructor took, @virtio itself too
 * @input_queue: the queue that is served when @virtio.input can be read
 *
 * @serve is called by the device's thread.
 */
struct virtio_ops {
	const char *name;
	__u32 id;
	unsigned int queues;
	ssize_t (*serve)(struct virtio *virtio, unsigned int queue,
			 struct virtqueue_chain *chain);
	void (*free)(struct virtio *virtio);
	unsigned int input_queue;
};

/**
 * struct virtio - a device
 * @ops: its kind
 * @features: what it offers, beside what all do
 * @config: its configuration space, little-endian
 * @config_size: bytes of it
 * @input: descriptor that it waits for, -1 if none
 * @memory: the guest's
 * @interrupt: eventfd of the interrupt
 * @notify: eventfds of the queues
 * @stop: eventfd that ends the thread
 * @lock: for the registers: everything below but the atomic ones
 * @status: what the driver has got to; the thread may set NEEDS_RESET
 * @isr: why there was an interrupt
 * @driver_features: what the driver took
 * @driver_select: half of @driver_features that is written
 * @device_select: half of the features that is read
 * @queue_select: whose registers are seen
 * @queues: the thread's while it runs
 * @thread: serves the queues
 * @running: there is a thread
 * @complained: a broken driver is mentioned once
 */
struct virtio {
	const struct virtio_ops *ops;
	__u64 features;
	const void *config;
	size_t config_size;
	int input;
	const struct guest_memory *memory;
	int interrupt;
	int notify[VIRTIO_QUEUES_MAX];
	int stop;
	pthread_mutex_t lock;
	atomic_uint status;
	atomic_uint isr;
	__u64 driver_features;
	__u32 driver_select, device_select, queue_select;
	struct virtqueue queues[VIRTIO_QUEUES_MAX];
	pthread_t thread;
	bool running;
	atomic_bool complained;
};

/**
 * slat_virtio_init() - a device as after a reset
 * @virtio: with everything up to @input
 * @memory: the guest's
 *
 * Return: 0 or -errno.
 */
int slat_virtio_init(struct virtio *virtio, const struct guest_memory *memory);

/**
 * slat_virtio_add() - put a device on a bus
 * @virtio: from slat_virtio_init()
 * @bus: of memory
 * @base: address of its registers
 *
 * Return: 0 or -errno.
 */
int slat_virtio_add(struct virtio *virtio, struct bus *bus, __u64 base);

/**
 * slat_virtio_config_changed() - tell the driver to look at the configuration
 * @virtio: a device whose configuration has changed
 */
void slat_virtio_config_changed(struct virtio *virtio);

/**
 * slat_virtio_destroy() - stop the device and free it
 * @virtio: from slat_virtio_init(), also where that failed
 */
void slat_virtio_destroy(struct virtio *virtio);

#endif /* SLAT_VIRTIO_H */
