// SPDX-License-Identifier: GPL-2.0-only
/*
 * A virtio device behind memory-mapped registers.
 *
 * vCPUs read and write the registers under the lock.  The queues are the
 * driver's to set up until DRIVER_OK, then the thread's until reset: a vCPU
 * that wants to touch them stops the thread first.
 */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>

#include "slat.h"
#include "virtio.h"

#define MAGIC		0x74726976	/* "virt" */
#define VERSION		2
#define VENDOR		0x54414c53	/* "SLAT" */
#define ALL_FEATURES	(BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_RING_F_EVENT_IDX))
#define NOTHING		(-1)

static_assert(VIRTIO_NOTIFY == VIRTIO_MMIO_QUEUE_NOTIFY, "register of notifications");

static void interrupt(struct virtio *virtio, unsigned int why)
{
	atomic_fetch_or(&virtio->isr, why);
	eventfd_write(virtio->interrupt, 1);
}

/* The driver broke the rules: nothing more until it resets the device. */
static void break_down(struct virtio *virtio, const char *what)
{
	if (!atomic_exchange(&virtio->complained, true))
		fprintf(stderr, "slat run: %s: the guest's driver %s - it is to reset it\n",
			virtio->ops->name, what);
	atomic_fetch_or(&virtio->status, VIRTIO_CONFIG_S_NEEDS_RESET);
	interrupt(virtio, VIRTIO_MMIO_INT_CONFIG);
}

/* All that is offered; false if the driver broke the rules. */
static bool serve_queue(struct virtio *virtio, unsigned int nr)
{
	struct virtqueue *queue = &virtio->queues[nr];
	struct virtqueue_chain chain;
	ssize_t written;
	__u16 next;
	int offer;

	if (!queue->ready)
		return true;
	do {
		for (;;) {
			next = queue->next_avail;
			offer = slat_virtqueue_pop(queue, &chain);
			if (!offer)
				break;
			written = offer < 0 ? offer : virtio->ops->serve(virtio, nr, &chain);
			if (written == -EAGAIN) {
				queue->next_avail = next;
				break;
			}
			if (written < 0)
				return false;
			slat_virtqueue_push(queue, chain.head, written);
		}
		if (slat_virtqueue_interrupts(queue))
			interrupt(virtio, VIRTIO_MMIO_INT_VRING);
	} while (!offer && slat_virtqueue_rest(queue));
	return true;
}

/* Input is of interest while there is somewhere to put it. */
static int wanted_input(const struct virtio *virtio)
{
	const struct virtqueue *queue = &virtio->queues[virtio->ops->input_queue];

	return slat_virtqueue_offers(queue) ? virtio->input : NOTHING;
}

static void *serve(void *opaque)
{
	struct virtio *virtio = opaque;
	unsigned int queues = virtio->ops->queues, input = queues + 1;
	struct pollfd fds[VIRTIO_QUEUES_MAX + 2];
	bool hung_up = false;
	eventfd_t count;

	fds[queues] = (struct pollfd){ .fd = virtio->stop, .events = POLLIN };
	for (unsigned int i = 0; i < queues; i++)
		fds[i] = (struct pollfd){ .fd = virtio->notify[i], .events = POLLIN };
	for (;;) {
		fds[input] = (struct pollfd){
			.fd = hung_up ? NOTHING : wanted_input(virtio),
			.events = POLLIN,
		};
		if (poll(fds, queues + 2, -1) < 0)
			continue;
		if (fds[queues].revents)
			return NULL;
		hung_up |= fds[input].revents & ~POLLIN;
		for (unsigned int i = 0; i < queues; i++) {
			bool notified = fds[i].revents && !eventfd_read(fds[i].fd, &count);

			if (i == virtio->ops->input_queue && fds[input].revents)
				notified = true;
			if (notified && !serve_queue(virtio, i)) {
				break_down(virtio, "broke the rules of its queue");
				return NULL;
			}
		}
	}
}

static void stop(struct virtio *virtio)
{
	eventfd_t count;

	if (!virtio->running)
		return;
	eventfd_write(virtio->stop, 1);
	pthread_join(virtio->thread, NULL);
	eventfd_read(virtio->stop, &count);
	virtio->running = false;
}

static void start(struct virtio *virtio)
{
	if (pthread_create(&virtio->thread, NULL, serve, virtio))
		break_down(virtio, "got no thread");
	else
		virtio->running = true;
}

static void reset(struct virtio *virtio)
{
	stop(virtio);
	atomic_store(&virtio->status, 0);
	atomic_store(&virtio->isr, 0);
	virtio->driver_features = 0;
	virtio->driver_select = 0;
	virtio->device_select = 0;
	virtio->queue_select = 0;
	memset(virtio->queues, 0, sizeof(virtio->queues));
}

static void set_status(struct virtio *virtio, __u32 value)
{
	__u64 offered = virtio->features | ALL_FEATURES;
	__u32 old = atomic_load(&virtio->status);

	if (!value) {
		reset(virtio);
		return;
	}
	/* Bits only come; NEEDS_RESET is not the driver's to set. */
	value = (value & 0xff & ~VIRTIO_CONFIG_S_NEEDS_RESET) | old;
	if (virtio->driver_features & ~offered ||
	    !(virtio->driver_features & BIT(VIRTIO_F_VERSION_1)))
		value &= ~VIRTIO_CONFIG_S_FEATURES_OK;
	if (!(value & VIRTIO_CONFIG_S_FEATURES_OK))
		value &= ~VIRTIO_CONFIG_S_DRIVER_OK;
	atomic_fetch_or(&virtio->status, value);
	if (value & ~old & VIRTIO_CONFIG_S_DRIVER_OK && !(old & VIRTIO_CONFIG_S_NEEDS_RESET))
		start(virtio);
}

static bool has_status(const struct virtio *virtio, __u32 bit)
{
	return atomic_load(&virtio->status) & bit;
}

/* The queue whose registers are seen, or NULL. */
static struct virtqueue *selected(struct virtio *virtio)
{
	if (virtio->queue_select >= virtio->ops->queues)
		return NULL;
	return &virtio->queues[virtio->queue_select];
}

static void set_ready(struct virtio *virtio, struct virtqueue *queue, bool ready)
{
	bool event_idx = virtio->driver_features & BIT(VIRTIO_RING_F_EVENT_IDX);

	if (ready == queue->ready)
		return;
	if (!ready) {
		bool running = virtio->running;

		stop(virtio);
		queue->ready = false;
		if (running && !has_status(virtio, VIRTIO_CONFIG_S_NEEDS_RESET))
			start(virtio);
	} else if (!has_status(virtio, VIRTIO_CONFIG_S_FEATURES_OK) || virtio->running ||
		   slat_virtqueue_start(queue, virtio->memory, event_idx)) {
		break_down(virtio, "set up a queue that cannot be");
	}
}

static void set_low(__u64 *address, __u32 value)
{
	*address = (*address & ~0xffffffffULL) | value;
}

static void set_high(__u64 *address, __u32 value)
{
	*address = (*address & 0xffffffffULL) | (__u64)value << 32;
}

/* A queue in use keeps its place. */
static void write_queue(struct virtqueue *queue, __u64 offset, __u32 value)
{
	if (!queue || queue->ready)
		return;
	switch (offset) {
	case VIRTIO_MMIO_QUEUE_NUM:
		queue->size = value;
		break;
	case VIRTIO_MMIO_QUEUE_DESC_LOW:
		set_low(&queue->desc, value);
		break;
	case VIRTIO_MMIO_QUEUE_DESC_HIGH:
		set_high(&queue->desc, value);
		break;
	case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
		set_low(&queue->avail, value);
		break;
	case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
		set_high(&queue->avail, value);
		break;
	case VIRTIO_MMIO_QUEUE_USED_LOW:
		set_low(&queue->used, value);
		break;
	case VIRTIO_MMIO_QUEUE_USED_HIGH:
		set_high(&queue->used, value);
		break;
	default:
		break;
	}
}

/* Features are settled by FEATURES_OK. */
static void write_features(struct virtio *virtio, __u32 value)
{
	if (has_status(virtio, VIRTIO_CONFIG_S_FEATURES_OK))
		return;
	if (virtio->driver_select == 0)
		set_low(&virtio->driver_features, value);
	else if (virtio->driver_select == 1)
		set_high(&virtio->driver_features, value);
}

static void write_register(struct virtio *virtio, __u64 offset, __u32 value)
{
	struct virtqueue *queue = selected(virtio);

	switch (offset) {
	case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
		virtio->device_select = value;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
		virtio->driver_select = value;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES:
		write_features(virtio, value);
		break;
	case VIRTIO_MMIO_QUEUE_SEL:
		virtio->queue_select = value;
		break;
	case VIRTIO_MMIO_QUEUE_READY:
		if (queue)
			set_ready(virtio, queue, value & 1);
		break;
	case VIRTIO_MMIO_QUEUE_NOTIFY:
		if (value < virtio->ops->queues)
			eventfd_write(virtio->notify[value], 1);
		break;
	case VIRTIO_MMIO_INTERRUPT_ACK:
		atomic_fetch_and(&virtio->isr, ~value);
		break;
	case VIRTIO_MMIO_STATUS:
		set_status(virtio, value);
		break;
	default:
		write_queue(queue, offset, value);
		break;
	}
}

static __u32 read_register(struct virtio *virtio, __u64 offset)
{
	__u64 offered = virtio->features | ALL_FEATURES;
	struct virtqueue *queue = selected(virtio);

	switch (offset) {
	case VIRTIO_MMIO_MAGIC_VALUE:
		return MAGIC;
	case VIRTIO_MMIO_VERSION:
		return VERSION;
	case VIRTIO_MMIO_DEVICE_ID:
		return virtio->ops->id;
	case VIRTIO_MMIO_VENDOR_ID:
		return VENDOR;
	case VIRTIO_MMIO_DEVICE_FEATURES:
		return virtio->device_select < 2 ? offered >> (32 * virtio->device_select) : 0;
	case VIRTIO_MMIO_QUEUE_NUM_MAX:
		return queue ? VIRTQUEUE_MAX : 0;
	case VIRTIO_MMIO_QUEUE_READY:
		return queue && queue->ready;
	case VIRTIO_MMIO_INTERRUPT_STATUS:
		return atomic_load(&virtio->isr);
	case VIRTIO_MMIO_STATUS:
		return atomic_load(&virtio->status);
	case VIRTIO_MMIO_SHM_LEN_LOW:
	case VIRTIO_MMIO_SHM_LEN_HIGH:
	case VIRTIO_MMIO_SHM_BASE_LOW:
	case VIRTIO_MMIO_SHM_BASE_HIGH:
		return ~0U;	/* no shared memory */
	default:
		return 0;
	}
}

static void bus_read(void *device, __u64 offset, void *data, unsigned int len)
{
	struct virtio *virtio = device;
	__u32 value;

	memset(data, 0, len);
	pthread_mutex_lock(&virtio->lock);
	if (offset >= VIRTIO_MMIO_CONFIG) {
		offset -= VIRTIO_MMIO_CONFIG;
		if (offset < virtio->config_size && len <= virtio->config_size - offset)
			memcpy(data, (const char *)virtio->config + offset, len);
	} else if (len == sizeof(value)) {
		value = read_register(virtio, offset);
		memcpy(data, &value, sizeof(value));
	}
	pthread_mutex_unlock(&virtio->lock);
}

/* No device here has a configuration that can be written. */
static void bus_write(void *device, __u64 offset, const void *data, unsigned int len)
{
	struct virtio *virtio = device;
	__u32 value;

	if (offset >= VIRTIO_MMIO_CONFIG || len != sizeof(value))
		return;
	memcpy(&value, data, sizeof(value));
	pthread_mutex_lock(&virtio->lock);
	write_register(virtio, offset, value);
	pthread_mutex_unlock(&virtio->lock);
}

int slat_virtio_init(struct virtio *virtio, const struct guest_memory *memory)
{
	bool failed = false;

	virtio->memory = memory;
	pthread_mutex_init(&virtio->lock, NULL);
	virtio->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	virtio->interrupt = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	failed = virtio->stop < 0 || virtio->interrupt < 0;
	for (unsigned int i = 0; i < VIRTIO_QUEUES_MAX; i++) {
		virtio->notify[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		failed |= virtio->notify[i] < 0;
	}
	return failed ? -EMFILE : 0;
}

int slat_virtio_add(struct virtio *virtio, struct bus *bus, __u64 base)
{
	static const struct bus_ops ops = { bus_read, bus_write };

	return slat_bus_add(bus, base, VIRTIO_REGISTERS, &ops, virtio);
}

void slat_virtio_config_changed(struct virtio *virtio)
{
	if (has_status(virtio, VIRTIO_CONFIG_S_DRIVER_OK))
		interrupt(virtio, VIRTIO_MMIO_INT_CONFIG);
}

void slat_virtio_destroy(struct virtio *virtio)
{
	stop(virtio);
	close(virtio->stop);
	close(virtio->interrupt);
	for (unsigned int i = 0; i < VIRTIO_QUEUES_MAX; i++)
		close(virtio->notify[i]);
	virtio->ops->free(virtio);
}
