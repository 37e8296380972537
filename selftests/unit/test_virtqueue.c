// SPDX-License-Identifier: GPL-2.0-only
/*
 * userspace/virtqueue.c: rings of a driver that keeps the rules, and of many
 * that do not.
 */
#include <errno.h>
#include <sys/mman.h>

#include "virtio_guest.h"
#include "virtqueue.h"

static struct guest guest;
static struct virtqueue queue;
static struct virtqueue_chain chain;

static void begin(bool event_idx)
{
	free(guest.memory.host);
	guest_init(&guest);
	queue = guest_queue(0);
	CHECK_EQ(0, slat_virtqueue_start(&queue, &guest.memory, event_idx));
}

static int pop_offer(__u16 head)
{
	guest_offer(&guest, 0, head);
	return slat_virtqueue_pop(&queue, &chain);
}

static void memory_is_what_it_says(void)
{
	struct guest_memory big = { .size = RAM_LOW_END + (2ULL << 20) };

	begin(false);
	CHECK(slat_memory_at(&guest.memory, 0, MEMORY_SIZE) == guest.memory.host);
	CHECK(slat_memory_at(&guest.memory, MEMORY_SIZE - 1, 1));
	CHECK(slat_memory_at(&guest.memory, MEMORY_SIZE, 0));
	CHECK(!slat_memory_at(&guest.memory, MEMORY_SIZE, 1));
	CHECK(!slat_memory_at(&guest.memory, MEMORY_SIZE - 1, 2));
	CHECK(!slat_memory_at(&guest.memory, 8, ~0ULL));
	CHECK(!slat_memory_at(&guest.memory, ~0ULL, 8));
	CHECK(!slat_memory_at(&guest.memory, RAM_HIGH, 1));

	/* With a hole in it; nothing is touched. */
	CHECK(slat_memory_at(&big, RAM_LOW_END - 1, 1));
	CHECK(!slat_memory_at(&big, RAM_LOW_END - 1, 2));
	CHECK(!slat_memory_at(&big, RAM_LOW_END, 1));
	CHECK(!slat_memory_at(&big, RAM_HIGH - 1, 2));
	CHECK(slat_memory_at(&big, RAM_HIGH, 2ULL << 20) == big.host + RAM_LOW_END);
	CHECK(!slat_memory_at(&big, RAM_HIGH, (2ULL << 20) + 1));
	CHECK(!slat_memory_at(&big, RAM_HIGH + (2ULL << 20), 1));
}

static void check_start(bool starts, struct virtqueue with)
{
	CHECK_EQ(starts ? 0 : -EINVAL, slat_virtqueue_start(&with, &guest.memory, false));
	CHECK_EQ(starts, with.ready);
}

static void impossible_queues_do_not_start(void)
{
	static const __u32 sizes[] = { 0, 3, 7, VIRTQUEUE_MAX * 2, 0x80000000, ~0U };

	begin(false);
	check_start(true, guest_queue(0));
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct virtqueue with = guest_queue(0);

		with.size = sizes[i];
		check_start(false, with);
	}
}

static void queues_outside_memory_do_not_start(void)
{
	static const __u64 nowhere[] = {
		MEMORY_SIZE, MEMORY_SIZE - 16, RAM_HIGH, ~0ULL & ~15ULL, 1ULL << 63,
	};

	begin(false);
	for (size_t i = 0; i < ARRAY_SIZE(nowhere); i++) {
		struct virtqueue desc = guest_queue(0), avail = desc, used = desc;

		desc.desc = nowhere[i];
		avail.avail = nowhere[i];
		used.used = nowhere[i];
		check_start(false, desc);
		check_start(false, avail);
		check_start(false, used);
	}
}

static void misaligned_queues_do_not_start(void)
{
	struct virtqueue desc = guest_queue(0), avail = desc, used = desc;

	begin(false);
	desc.desc += 8;
	avail.avail += 1;
	used.used += 2;
	check_start(false, desc);
	check_start(false, avail);
	check_start(false, used);
}

static void offers_come_in_order(void)
{
	begin(false);
	CHECK_EQ(0, slat_virtqueue_pop(&queue, &chain));
	guest_set_desc(&guest, 0, 3, BUFFERS, 16, VRING_DESC_F_NEXT, 1);
	guest_set_desc(&guest, 0, 1, BUFFERS + 0x100, 32,
		       VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 6);
	guest_set_desc(&guest, 0, 6, MEMORY_SIZE - 8, 8, VRING_DESC_F_WRITE, 0xffff);
	guest_set_desc(&guest, 0, 0, BUFFERS, 1, 0, 0);
	guest_offer(&guest, 0, 3);
	CHECK_EQ(1, pop_offer(0));
	CHECK_EQ(3, chain.head);
	CHECK_EQ(1, chain.nr_out);
	CHECK_EQ(2, chain.nr_in);
	CHECK(chain.iov[0].iov_base == guest_at(&guest, BUFFERS));
	CHECK_EQ(16, chain.iov[0].iov_len);
	CHECK(chain.iov[2].iov_base == guest_at(&guest, MEMORY_SIZE - 8));
	CHECK_EQ(8, chain.iov[2].iov_len);
	CHECK_EQ(1, slat_virtqueue_pop(&queue, &chain));
	CHECK_EQ(0, chain.head);
	CHECK_EQ(0, slat_virtqueue_pop(&queue, &chain));
}

static void rings_go_round(void)
{
	begin(false);
	guest_set_desc(&guest, 0, 5, BUFFERS, 4, VRING_DESC_F_WRITE, 0);
	for (unsigned int i = 0; i < 70000; i++) {
		if (!CHECK_EQ(1, pop_offer(5)))
			break;
		slat_virtqueue_push(&queue, chain.head, i);
		CHECK_EQ((__u16)(i + 1), guest_used(&guest, 0)->idx);
		CHECK_EQ(5, guest_used(&guest, 0)->ring[i % RING_SIZE].id);
		CHECK_EQ(i, guest_used(&guest, 0)->ring[i % RING_SIZE].len);
	}
}

static void a_full_ring_is_not_too_full(void)
{
	begin(false);
	guest_set_desc(&guest, 0, 0, BUFFERS, 4, 0, 0);
	guest_avail(&guest, 0)->idx = RING_SIZE;
	for (unsigned int i = 0; i < RING_SIZE; i++)
		CHECK_EQ(1, slat_virtqueue_pop(&queue, &chain));
	CHECK_EQ(0, slat_virtqueue_pop(&queue, &chain));
	guest_avail(&guest, 0)->idx = 2 * RING_SIZE + 1;
	CHECK_EQ(-EINVAL, slat_virtqueue_pop(&queue, &chain));
}

static void names_that_are_none(void)
{
	begin(false);
	CHECK_EQ(-EINVAL, pop_offer(RING_SIZE));
	begin(false);
	CHECK_EQ(-EINVAL, pop_offer(0xffff));
	begin(false);
	guest_set_desc(&guest, 0, 0, BUFFERS, 4, VRING_DESC_F_NEXT, RING_SIZE);
	CHECK_EQ(-EINVAL, pop_offer(0));
}

static void chains_without_end(void)
{
	begin(false);
	guest_set_desc(&guest, 0, 0, BUFFERS, 4, VRING_DESC_F_NEXT, 0);
	CHECK_EQ(-EINVAL, pop_offer(0));

	/* The longest that is none. */
	begin(false);
	for (unsigned int i = 0; i < RING_SIZE; i++)
		guest_set_desc(&guest, 0, i, BUFFERS, 4, i + 1 < RING_SIZE, i + 1);
	CHECK_EQ(1, pop_offer(0));
	CHECK_EQ(RING_SIZE, chain.nr_out);
}

static void pieces_outside_memory(void)
{
	static const struct {
		__u64 addr;
		__u32 len;
	} pieces[] = {
		{ MEMORY_SIZE, 1 }, { MEMORY_SIZE - 1, 2 }, { 0, MEMORY_SIZE + 1 },
		{ 0, ~0U }, { ~0ULL, 1 }, { ~0ULL, 2 }, { RAM_HIGH, 1 }, { 1ULL << 63, 4 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		begin(false);
		guest_set_desc(&guest, 0, 0, pieces[i].addr, pieces[i].len, 0, 0);
		CHECK_EQ(-EINVAL, pop_offer(0));
	}
}

static void pieces_of_wrong_kinds(void)
{
	begin(false);
	guest_set_desc(&guest, 0, 0, BUFFERS, 4, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 1);
	guest_set_desc(&guest, 0, 1, BUFFERS, 4, 0, 0);
	CHECK_EQ(-EINVAL, pop_offer(0));
	begin(false);
	guest_set_desc(&guest, 0, 0, BUFFERS, 16, VRING_DESC_F_INDIRECT, 0);
	CHECK_EQ(-EINVAL, pop_offer(0));
}

static void empty_pieces_are_dropped(void)
{
	begin(false);
	guest_set_desc(&guest, 0, 0, ~0ULL, 0, VRING_DESC_F_NEXT, 1);
	guest_set_desc(&guest, 0, 1, BUFFERS, 4, 0, 0);
	CHECK_EQ(1, pop_offer(0));
	CHECK_EQ(1, chain.nr_out);
	CHECK_EQ(4, chain.iov[0].iov_len);
}

static void interrupts_as_the_driver_wishes(void)
{
	begin(false);
	CHECK(!slat_virtqueue_interrupts(&queue));
	slat_virtqueue_push(&queue, 0, 0);
	CHECK(slat_virtqueue_interrupts(&queue));
	CHECK(!slat_virtqueue_interrupts(&queue));
	guest_avail(&guest, 0)->flags = VRING_AVAIL_F_NO_INTERRUPT;
	slat_virtqueue_push(&queue, 0, 0);
	CHECK(!slat_virtqueue_interrupts(&queue));
}

static void interrupts_by_event_index(void)
{
	__u16 *event;

	begin(true);
	event = &guest_avail(&guest, 0)->ring[RING_SIZE];
	*event = 1;
	slat_virtqueue_push(&queue, 0, 0);
	CHECK(!slat_virtqueue_interrupts(&queue));
	slat_virtqueue_push(&queue, 0, 0);
	CHECK(slat_virtqueue_interrupts(&queue));
	slat_virtqueue_push(&queue, 0, 0);
	CHECK(!slat_virtqueue_interrupts(&queue));
	*event = 3;
	CHECK(!slat_virtqueue_interrupts(&queue));
	slat_virtqueue_push(&queue, 0, 0);
	slat_virtqueue_push(&queue, 0, 0);
	CHECK(slat_virtqueue_interrupts(&queue));
}

static void rest_asks_and_looks_again(void)
{
	__u16 *event;

	begin(true);
	event = (__u16 *)&guest_used(&guest, 0)->ring[RING_SIZE];
	guest_set_desc(&guest, 0, 0, BUFFERS, 4, 0, 0);
	CHECK_EQ(1, pop_offer(0));
	CHECK(!slat_virtqueue_rest(&queue));
	CHECK_EQ(1, *event);
	guest_offer(&guest, 0, 0);
	CHECK(slat_virtqueue_rest(&queue));
	CHECK_EQ(1, *event);
}

static void taking_from_pieces(void)
{
	struct iovec pieces[] = { { "abc", 3 }, { "d", 1 }, { "efgh", 4 } };
	struct iovec *iov = pieces;
	int nr = 3;
	char bytes[6] = "";

	CHECK_EQ(8, slat_iov_bytes(iov, nr));
	CHECK(slat_iov_take(&iov, &nr, bytes, 5));
	CHECK_STREQ("abcde", bytes);
	CHECK_EQ(1, nr);
	CHECK(slat_iov_take(&iov, &nr, NULL, 1));
	CHECK(!slat_iov_take(&iov, &nr, bytes, 3));
	CHECK_EQ(0, nr);
	CHECK(!memcmp(bytes, "gh", 2));
}

/* Whatever is in the rings, a chain is made of RAM or refused. */
static void random_rings(void)
{
	unsigned int chains = 0, refused = 0;

	srandom(1);
	for (unsigned int round = 0; round < 20000; round++) {
		begin(round & 1);
		for (unsigned int i = 0; i < RING_SIZE; i++)
			guest_set_desc(&guest, 0, i, random() % (MEMORY_SIZE + 0x1000),
				       random() % 0x1000, random() % 8 ? random() & 1 : random(),
				       random() % (RING_SIZE + 1));
		for (unsigned int i = 0; i < RING_SIZE; i++)
			guest_avail(&guest, 0)->ring[i] = random() % (RING_SIZE + 1);
		guest_avail(&guest, 0)->idx = random() % (RING_SIZE + 2);
		while (slat_virtqueue_pop(&queue, &chain) > 0) {
			for (int i = 0; i < chain.nr_out + chain.nr_in; i++)
				memset(chain.iov[i].iov_base, i, chain.iov[i].iov_len);
			slat_virtqueue_push(&queue, chain.head, 0);
			chains++;
		}
		refused += slat_virtqueue_offers(&queue);
	}
	CHECK(chains > 1000);
	CHECK(refused > 1000);
}

int main(void)
{
	static const struct unit_case cases[] = {
		UNIT_CASE(memory_is_what_it_says),
		UNIT_CASE(impossible_queues_do_not_start),
		UNIT_CASE(queues_outside_memory_do_not_start),
		UNIT_CASE(misaligned_queues_do_not_start),
		UNIT_CASE(offers_come_in_order),
		UNIT_CASE(rings_go_round),
		UNIT_CASE(a_full_ring_is_not_too_full),
		UNIT_CASE(names_that_are_none),
		UNIT_CASE(chains_without_end),
		UNIT_CASE(pieces_outside_memory),
		UNIT_CASE(pieces_of_wrong_kinds),
		UNIT_CASE(empty_pieces_are_dropped),
		UNIT_CASE(interrupts_as_the_driver_wishes),
		UNIT_CASE(interrupts_by_event_index),
		UNIT_CASE(rest_asks_and_looks_again),
		UNIT_CASE(taking_from_pieces),
		UNIT_CASE(random_rings),
	};
	int status = unit_run(cases, ARRAY_SIZE(cases));

	free(guest.memory.host);
	return status;
}
