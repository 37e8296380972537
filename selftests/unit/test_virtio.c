// SPDX-License-Identifier: GPL-2.0-only
/*
 * userspace/virtio.c and the devices: registers, the thread, requests, and a
 * driver that does as it likes.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>

#include "devices.h"
#include "virtio_guest.h"

#define DISK_SECTORS	64
#define HEADER		BUFFERS
#define DATA		(BUFFERS + 0x1000)
#define STATUS		(BUFFERS + 0x8000)
#define BROKEN		VIRTIO_CONFIG_S_NEEDS_RESET

static struct guest guest;
#define DISK_PATH	"/tmp/slat-disk-XXXXXX"

static char disk_path[sizeof(DISK_PATH)];

/* A disk whose sectors hold their own numbers. */
static void plug_disk(bool readonly)
{
	struct virtio *virtio;
	char sector[512];
	int fd;

	strcpy(disk_path, DISK_PATH);
	fd = mkstemp(disk_path);
	for (unsigned int i = 0; i < DISK_SECTORS; i++) {
		memset(sector, i, sizeof(sector));
		CHECK_EQ(sizeof(sector), write(fd, sector, sizeof(sector)));
	}
	close(fd);
	CHECK_EQ(SLAT_EXIT_OK, slat_virtio_blk_create(disk_path, readonly, &virtio));
	guest_plug(&guest, virtio);
}

static void unplug_disk(void)
{
	guest_unplug(&guest);
	unlink(disk_path);
}

/* One request: its status byte, or -1 if there was no answer. */
static int request(__u32 type, __u64 sector, __u64 data, __u32 len)
{
	struct virtio_blk_outhdr header = { .type = type, .sector = sector };
	__u8 *status = guest_at(&guest, STATUS);

	memcpy(guest_at(&guest, HEADER), &header, sizeof(header));
	*status = 0xee;
	guest_set_desc(&guest, 0, 0, HEADER, sizeof(header), VRING_DESC_F_NEXT, 1);
	guest_set_desc(&guest, 0, 1, data, len, VRING_DESC_F_NEXT |
		       (type == VIRTIO_BLK_T_OUT ? 0 : VRING_DESC_F_WRITE), 2);
	guest_set_desc(&guest, 0, 2, STATUS, 1, VRING_DESC_F_WRITE, 0);
	return guest_ask(&guest, 0, 0) < 0 ? -1 : *status;
}

static void registers_say_what_it_is(void)
{
	plug_disk(false);
	CHECK_EQ(0x74726976, guest_read(&guest, VIRTIO_MMIO_MAGIC_VALUE));
	CHECK_EQ(2, guest_read(&guest, VIRTIO_MMIO_VERSION));
	CHECK_EQ(VIRTIO_ID_BLOCK, guest_read(&guest, VIRTIO_MMIO_DEVICE_ID));
	CHECK_EQ(VIRTQUEUE_MAX, guest_read(&guest, VIRTIO_MMIO_QUEUE_NUM_MAX));
	guest_write(&guest, VIRTIO_MMIO_QUEUE_SEL, 1);
	CHECK_EQ(0, guest_read(&guest, VIRTIO_MMIO_QUEUE_NUM_MAX));
	guest_write(&guest, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	CHECK_EQ(1, guest_read(&guest, VIRTIO_MMIO_DEVICE_FEATURES));
	guest_write(&guest, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 2);
	CHECK_EQ(0, guest_read(&guest, VIRTIO_MMIO_DEVICE_FEATURES));
	CHECK_EQ(DISK_SECTORS, guest_read(&guest, VIRTIO_MMIO_CONFIG));
	unplug_disk();
}

static void configuration_ends(void)
{
	__u64 value = 1;

	plug_disk(false);
	slat_bus_read(&guest.bus, VIRTIO_MMIO_CONFIG + sizeof(struct virtio_blk_config) - 4,
		      &value, sizeof(value));
	CHECK_EQ(0, value);
	value = 1;
	slat_bus_read(&guest.bus, VIRTIO_REGISTERS - 8, &value, sizeof(value));
	CHECK_EQ(0, value);
	slat_bus_read(&guest.bus, VIRTIO_REGISTERS - 4, &value, sizeof(value));
	CHECK_EQ(~0ULL, value);
	unplug_disk();
}

static void features_are_negotiated(void)
{
	plug_disk(false);
	/* Without VERSION_1, and with what is not offered. */
	guest_write(&guest, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_FEATURES_OK);
	CHECK(!(guest_read(&guest, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_FEATURES_OK));
	guest_write(&guest, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	guest_write(&guest, VIRTIO_MMIO_DRIVER_FEATURES, ~0U);
	guest_write(&guest, VIRTIO_MMIO_STATUS,
		    VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK);
	CHECK_EQ(0, guest_read(&guest, VIRTIO_MMIO_STATUS));
	guest_probe(&guest, 0);
	unplug_disk();
}

static void queues_wait_for_features(void)
{
	plug_disk(false);
	guest_set_queue(&guest, 0);
	CHECK_EQ(0, guest_read(&guest, VIRTIO_MMIO_QUEUE_READY));
	CHECK(guest_read(&guest, VIRTIO_MMIO_STATUS) & BROKEN);
	unplug_disk();
}

/* The thread has looked which queues there are. */
static void queues_do_not_come_later(void)
{
	plug_disk(false);
	guest_probe(&guest, 0);
	guest_write(&guest, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_DRIVER_OK);
	guest_set_queue(&guest, 0);
	CHECK_EQ(0, guest_read(&guest, VIRTIO_MMIO_QUEUE_READY));
	CHECK(guest_read(&guest, VIRTIO_MMIO_STATUS) & BROKEN);
	unplug_disk();
}

static void queues_in_use_keep_their_place(void)
{
	plug_disk(false);
	guest_drive(&guest, 0);
	CHECK_EQ(1, guest_read(&guest, VIRTIO_MMIO_QUEUE_READY));
	guest_write(&guest, VIRTIO_MMIO_QUEUE_DESC_HIGH, 0xffff);
	guest_write(&guest, VIRTIO_MMIO_QUEUE_NUM, 0xffff);
	CHECK_EQ(VIRTIO_BLK_S_OK, request(VIRTIO_BLK_T_IN, 0, DATA, 512));
	guest_write(&guest, VIRTIO_MMIO_QUEUE_READY, 0);
	CHECK_EQ(0, guest_read(&guest, VIRTIO_MMIO_QUEUE_READY));
	guest_write(&guest, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	guest_write(&guest, VIRTIO_MMIO_QUEUE_NOTIFY, 7);
	unplug_disk();
}

static void sectors_are_read(void)
{
	plug_disk(false);
	guest_drive(&guest, 0);
	CHECK_EQ(VIRTIO_BLK_S_OK, request(VIRTIO_BLK_T_IN, 9, DATA, 1024));
	CHECK_EQ(1025, guest_used(&guest, 0)->ring[0].len);
	CHECK_EQ(9, *(__u8 *)guest_at(&guest, DATA));
	CHECK_EQ(10, *(__u8 *)guest_at(&guest, DATA + 1023));
	CHECK_EQ(VIRTIO_MMIO_INT_VRING, guest_read(&guest, VIRTIO_MMIO_INTERRUPT_STATUS));
	guest_write(&guest, VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_VRING);
	CHECK_EQ(0, guest_read(&guest, VIRTIO_MMIO_INTERRUPT_STATUS));
	unplug_disk();
}

static void sectors_are_written(void)
{
	plug_disk(false);
	guest_drive(&guest, 1ULL << VIRTIO_RING_F_EVENT_IDX);
	memset(guest_at(&guest, DATA), 0xa5, 512);
	CHECK_EQ(VIRTIO_BLK_S_OK, request(VIRTIO_BLK_T_OUT, 3, DATA, 512));
	/* The first answer is the one the driver wanted to hear of. */
	guest_avail(&guest, 0)->ring[RING_SIZE] = 1;
	CHECK_EQ(VIRTIO_BLK_S_OK, request(VIRTIO_BLK_T_IN, 3, DATA + 0x1000, 512));
	CHECK(!memcmp(guest_at(&guest, DATA), guest_at(&guest, DATA + 0x1000), 512));
	guest_avail(&guest, 0)->ring[RING_SIZE] = 2;
	CHECK_EQ(VIRTIO_BLK_S_OK, request(VIRTIO_BLK_T_FLUSH, 0, DATA, 0));
	unplug_disk();
}

static void disks_end(void)
{
	plug_disk(false);
	guest_drive(&guest, 0);
	CHECK_EQ(VIRTIO_BLK_S_OK, request(VIRTIO_BLK_T_IN, DISK_SECTORS - 1, DATA, 512));
	CHECK_EQ(VIRTIO_BLK_S_IOERR, request(VIRTIO_BLK_T_IN, DISK_SECTORS - 1, DATA, 1024));
	CHECK_EQ(VIRTIO_BLK_S_IOERR, request(VIRTIO_BLK_T_IN, DISK_SECTORS, DATA, 512));
	CHECK_EQ(VIRTIO_BLK_S_IOERR, request(VIRTIO_BLK_T_IN, ~0ULL, DATA, 512));
	CHECK_EQ(VIRTIO_BLK_S_IOERR, request(VIRTIO_BLK_T_OUT, 1ULL << 55, DATA, 512));
	CHECK_EQ(VIRTIO_BLK_S_IOERR, request(VIRTIO_BLK_T_OUT, DISK_SECTORS - 1, DATA, 1024));
	CHECK_EQ(VIRTIO_BLK_S_IOERR, request(VIRTIO_BLK_T_OUT, DISK_SECTORS, DATA, 512));
	CHECK_EQ(VIRTIO_BLK_S_IOERR, request(VIRTIO_BLK_T_IN, 0, DATA, 100));
	CHECK_EQ(VIRTIO_BLK_S_UNSUPP, request(0xffffffff, 0, DATA, 512));
	CHECK_EQ(0, guest_read(&guest, VIRTIO_MMIO_STATUS) & BROKEN);
	unplug_disk();
}

static void readonly_disks_stay(void)
{
	plug_disk(true);
	guest_write(&guest, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
	CHECK(guest_read(&guest, VIRTIO_MMIO_DEVICE_FEATURES) & 1U << VIRTIO_BLK_F_RO);
	guest_drive(&guest, 0);
	CHECK_EQ(VIRTIO_BLK_S_IOERR, request(VIRTIO_BLK_T_OUT, 0, DATA, 512));
	CHECK_EQ(VIRTIO_BLK_S_OK, request(VIRTIO_BLK_T_IN, 0, DATA, 512));
	unplug_disk();
}

static void disks_are_one_guests(void)
{
	struct virtio *second;

	plug_disk(false);
	CHECK_EQ(SLAT_EXIT_FAILURE, slat_virtio_blk_create(disk_path, false, &second));
	CHECK_EQ(SLAT_EXIT_FAILURE, slat_virtio_blk_create(disk_path, true, &second));
	CHECK_EQ(SLAT_EXIT_FAILURE, slat_virtio_blk_create("/dev/null", true, &second));
	CHECK_EQ(SLAT_EXIT_FAILURE, slat_virtio_blk_create("/nowhere", true, &second));
	unplug_disk();
}

/* A header in three pieces, and a status at the end of the data. */
static void requests_of_any_shape(void)
{
	struct virtio_blk_outhdr header = { .type = VIRTIO_BLK_T_IN, .sector = 5 };

	plug_disk(false);
	guest_drive(&guest, 0);
	memcpy(guest_at(&guest, HEADER), &header, sizeof(header));
	guest_set_desc(&guest, 0, 0, HEADER, 3, VRING_DESC_F_NEXT, 1);
	guest_set_desc(&guest, 0, 1, HEADER + 3, 1, VRING_DESC_F_NEXT, 2);
	guest_set_desc(&guest, 0, 2, HEADER + 4, 12, VRING_DESC_F_NEXT, 3);
	guest_set_desc(&guest, 0, 3, DATA, 513, VRING_DESC_F_WRITE, 0);
	*(__u8 *)guest_at(&guest, DATA + 512) = 0xee;
	CHECK_EQ(513, guest_ask(&guest, 0, 0));
	CHECK_EQ(5, *(__u8 *)guest_at(&guest, DATA + 511));
	CHECK_EQ(VIRTIO_BLK_S_OK, *(__u8 *)guest_at(&guest, DATA + 512));
	unplug_disk();
}

static void broken_drivers_wait_for_their_reset(void)
{
	plug_disk(false);
	guest_drive(&guest, 0);
	/* No room for a status; then no header. */
	guest_set_desc(&guest, 0, 0, HEADER, 16, 0, 0);
	CHECK_EQ(-1, guest_ask(&guest, 0, 0));
	CHECK(guest_read(&guest, VIRTIO_MMIO_STATUS) & BROKEN);
	CHECK_EQ(VIRTIO_MMIO_INT_CONFIG, guest_read(&guest, VIRTIO_MMIO_INTERRUPT_STATUS));
	guest_drive(&guest, 0);
	CHECK_EQ(VIRTIO_BLK_S_OK, request(VIRTIO_BLK_T_IN, 0, DATA, 512));
	guest_set_desc(&guest, 0, 0, STATUS, 1, VRING_DESC_F_WRITE, 0);
	CHECK_EQ(-1, guest_ask(&guest, 0, 0));
	CHECK(guest_read(&guest, VIRTIO_MMIO_STATUS) & BROKEN);
	guest_write(&guest, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_DRIVER_OK);
	CHECK(guest_read(&guest, VIRTIO_MMIO_STATUS) & BROKEN);
	unplug_disk();
}

static void entropy_comes(void)
{
	static const __u8 zero[256];
	struct virtio *virtio;

	CHECK_EQ(SLAT_EXIT_OK, slat_virtio_rng_create(&virtio));
	guest_plug(&guest, virtio);
	guest_drive(&guest, 0);
	guest_set_desc(&guest, 0, 0, DATA, sizeof(zero), VRING_DESC_F_WRITE, 0);
	CHECK_EQ(sizeof(zero), guest_ask(&guest, 0, 0));
	CHECK(memcmp(guest_at(&guest, DATA), zero, sizeof(zero)));
	guest_set_desc(&guest, 0, 0, DATA, sizeof(zero), 0, 0);
	CHECK_EQ(-1, guest_ask(&guest, 0, 0));
	CHECK(guest_read(&guest, VIRTIO_MMIO_STATUS) & BROKEN);
	guest_unplug(&guest);
}

/* Notify a queue and wait until its thread has looked at what was there before. */
static void notify_twice(unsigned int queue)
{
	struct pollfd fd = { .fd = guest.virtio->notify[queue], .events = POLLIN };

	for (int i = 0; i < 2; i++) {
		guest_write(&guest, VIRTIO_MMIO_QUEUE_NOTIFY, queue);
		while (poll(&fd, 1, 0))
			;
	}
}

/* Keys before there is room for them, room before there are keys. */
static void keys_reach_the_console(void)
{
	struct virtio *virtio;
	int ends[2];

	CHECK_EQ(0, pipe2(ends, O_NONBLOCK));
	CHECK_EQ(SLAT_EXIT_OK, slat_virtio_console_create(ends[0], &virtio));
	guest_plug(&guest, virtio);
	guest_drive(&guest, 0);
	CHECK_EQ(3, write(ends[1], "abc", 3));
	guest_set_desc(&guest, 0, 0, DATA, 2, VRING_DESC_F_WRITE, 0);
	CHECK_EQ(2, guest_ask(&guest, 0, 0));
	CHECK(!memcmp(guest_at(&guest, DATA), "ab", 2));
	CHECK_EQ(1, guest_ask(&guest, 0, 0));
	CHECK(!memcmp(guest_at(&guest, DATA), "c", 1));
	guest_offer(&guest, 0, 0);
	notify_twice(0);
	CHECK_EQ(1, write(ends[1], "d", 1));
	CHECK(guest_interrupted(&guest, 10));
	CHECK(!memcmp(guest_at(&guest, DATA), "d", 1));
	close(ends[1]);
	guest_offer(&guest, 0, 0);
	guest_write(&guest, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	guest_unplug(&guest);
	close(ends[0]);
}

/* Everything a vCPU can write anywhere, while the thread runs. */
static void random_registers(void)
{
	static const __u32 values[] = {
		0, 1, 2, 3, 4, 8, 15, 16, 64, 128, 256, 0x1000, 0x2000, 0x3000, 0x10000, ~0U,
	};

	plug_disk(false);
	srandom(2);
	for (unsigned int i = 0; i < 300000; i++) {
		unsigned int len = 1U << random() % 4;
		__u64 offset = random() % 3 ? random() % 0x40 * 4 : random() % 0x200;
		__u64 data = values[random() % ARRAY_SIZE(values)];

		if (i % 5000 == 0)
			guest_drive(&guest, 0);
		if (random() % 4)
			slat_bus_write(&guest.bus, offset, &data, random() % 8 ? 4 : len);
		else
			slat_bus_read(&guest.bus, offset, &data, len);
	}
	guest_drive(&guest, 0);
	while (guest_interrupted(&guest, 0))
		;
	CHECK_EQ(VIRTIO_BLK_S_OK, request(VIRTIO_BLK_T_IN, 0, DATA, 512));
	unplug_disk();
}

/* Rings of anything: the disk answers or breaks down, and comes back. */
static void random_requests(void)
{
	plug_disk(false);
	srandom(3);
	for (unsigned int round = 0; round < 3000; round++) {
		guest_drive(&guest, 0);
		for (__u64 at = BUFFERS; at < MEMORY_SIZE; at += 4)
			*(__u32 *)guest_at(&guest, at) = random() % 8;
		for (unsigned int i = 0; i < RING_SIZE; i++) {
			guest_set_desc(&guest, 0, i, BUFFERS + random() % 0x10000,
				       random() % 4 ? 16 : random() % 0x10000,
				       random() & 3, random() % RING_SIZE);
			guest_avail(&guest, 0)->ring[i] = random() % RING_SIZE;
		}
		__atomic_store_n(&guest_avail(&guest, 0)->idx, RING_SIZE, __ATOMIC_RELEASE);
		guest_write(&guest, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
		CHECK(guest_interrupted(&guest, 10));
	}
	guest_drive(&guest, 0);
	while (guest_interrupted(&guest, 0))
		;
	CHECK_EQ(VIRTIO_BLK_S_OK, request(VIRTIO_BLK_T_FLUSH, 0, DATA, 0));
	unplug_disk();
}

/* A driver on another CPU that writes to all of its memory, rings included. */
static void *scribble(void *opaque)
{
	const atomic_bool *stop = opaque;
	unsigned int seed = 5;

	while (!atomic_load(stop)) {
		__u64 at = rand_r(&seed) % 2 ? BUFFERS : RING_DESC;

		at += rand_r(&seed) % 0x1000 * 4;
		__atomic_store_n((__u32 *)guest_at(&guest, at), rand_r(&seed) % 8 ?
				 (__u32)rand_r(&seed) % 16 : (__u32)rand_r(&seed),
				 __ATOMIC_RELAXED);
	}
	return NULL;
}

/* Rings that lie over each other and over the buffers, and change meanwhile. */
static void rings_that_change_meanwhile(void)
{
	atomic_bool stop = false;
	unsigned int broken = 0;
	pthread_t driver;

#ifdef __SANITIZE_THREAD__
	return;		/* it is all races */
#endif
	plug_disk(false);
	CHECK_EQ(0, pthread_create(&driver, NULL, scribble, &stop));
	srandom(4);
	for (unsigned int round = 0; round < 1000; round++) {
		guest_write(&guest, VIRTIO_MMIO_STATUS, 0);
		for (__u64 at = BUFFERS; at < MEMORY_SIZE; at += 4)
			__atomic_store_n((__u32 *)guest_at(&guest, at), (__u32)random() % 8,
					 __ATOMIC_RELAXED);
		guest_write(&guest, VIRTIO_MMIO_STATUS,
			    VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
		guest_write(&guest, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
		guest_write(&guest, VIRTIO_MMIO_DRIVER_FEATURES, 1);
		guest_write(&guest, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_FEATURES_OK);
		guest_write(&guest, VIRTIO_MMIO_QUEUE_SEL, 0);
		guest_write(&guest, VIRTIO_MMIO_QUEUE_NUM, 1U << random() % 9);
		guest_write(&guest, VIRTIO_MMIO_QUEUE_DESC_LOW, random() % 0x400 * 16);
		guest_write(&guest, VIRTIO_MMIO_QUEUE_AVAIL_LOW, random() % 0x1000 * 4);
		guest_write(&guest, VIRTIO_MMIO_QUEUE_USED_LOW, random() % 0x1000 * 4);
		guest_write(&guest, VIRTIO_MMIO_QUEUE_READY, 1);
		guest_write(&guest, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_DRIVER_OK);
		for (unsigned int i = 0; i < 4; i++)
			guest_write(&guest, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
		/* It may have nothing to say. */
		for (unsigned int i = 0; i < 100 && !guest_interrupted(&guest, 0); i++)
			sched_yield();
		broken += !!(guest_read(&guest, VIRTIO_MMIO_STATUS) & BROKEN);
	}
	atomic_store(&stop, true);
	pthread_join(driver, NULL);
	CHECK(broken > 10);
	guest_drive(&guest, 0);
	while (guest_interrupted(&guest, 0))
		;
	CHECK_EQ(VIRTIO_BLK_S_OK, request(VIRTIO_BLK_T_FLUSH, 0, DATA, 0));
	unplug_disk();
}

int main(void)
{
	static const struct unit_case cases[] = {
		UNIT_CASE(registers_say_what_it_is),
		UNIT_CASE(configuration_ends),
		UNIT_CASE(features_are_negotiated),
		UNIT_CASE(queues_wait_for_features),
		UNIT_CASE(queues_do_not_come_later),
		UNIT_CASE(queues_in_use_keep_their_place),
		UNIT_CASE(sectors_are_read),
		UNIT_CASE(sectors_are_written),
		UNIT_CASE(disks_end),
		UNIT_CASE(readonly_disks_stay),
		UNIT_CASE(disks_are_one_guests),
		UNIT_CASE(requests_of_any_shape),
		UNIT_CASE(broken_drivers_wait_for_their_reset),
		UNIT_CASE(entropy_comes),
		UNIT_CASE(keys_reach_the_console),
		UNIT_CASE(random_registers),
		UNIT_CASE(random_requests),
		UNIT_CASE(rings_that_change_meanwhile),
	};

	return unit_run(cases, ARRAY_SIZE(cases));
}
