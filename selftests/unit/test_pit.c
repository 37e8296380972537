// SPDX-License-Identifier: GPL-2.0-only
/*
 * The interval timer by Intel's data sheet of the 8254.
 */
#include <linux/kernel.h>

#include "irq/pit.h"
#include "unit.h"

#define BEGIN		1000000000LL

static struct slat_pit fresh(void)
{
	struct slat_pit pit;

	slat_pit_reset(&pit, BEGIN);
	return pit;
}

/* The first nanosecond after so many counts. */
static s64 after(u64 counts)
{
	return BEGIN + (counts * 1000000000 + SLAT_PIT_HZ - 1) / SLAT_PIT_HZ;
}

/* Low byte, then high byte. */
static void program(struct slat_pit *pit, unsigned int channel, u8 mode, u16 count)
{
	slat_pit_write(pit, 0x43, channel << 6 | 0x30 | mode << 1, BEGIN);
	slat_pit_write(pit, 0x40 + channel, count, BEGIN);
	slat_pit_write(pit, 0x40 + channel, count >> 8, BEGIN);
}

static u16 read_word(struct slat_pit *pit, unsigned int channel, s64 now)
{
	u8 low = slat_pit_read(pit, 0x40 + channel, now);

	return low | slat_pit_read(pit, 0x40 + channel, now) << 8;
}

static void interrupt_on_terminal_count(void)
{
	struct slat_pit pit = fresh();

	program(&pit, 0, 0, 1000);
	CHECK(pit.reloaded);
	CHECK(!slat_pit_output(&pit, 0, after(999)));
	CHECK(slat_pit_output(&pit, 0, after(1000)));
	CHECK(slat_pit_output(&pit, 0, after(100000)));
	CHECK_EQ(900, read_word(&pit, 0, after(100)));
	/* It goes on from 0xffff. */
	CHECK_EQ(0xffff, read_word(&pit, 0, after(1001)));
	CHECK_EQ(838095, slat_pit_cycle(&pit).first);
	CHECK_EQ(0, slat_pit_cycle(&pit).period);
}

static void rate_generator(void)
{
	struct slat_pit pit = fresh();

	program(&pit, 0, 2, 100);
	CHECK(slat_pit_output(&pit, 0, after(0)));
	CHECK(slat_pit_output(&pit, 0, after(98)));
	CHECK(!slat_pit_output(&pit, 0, after(99)));
	CHECK(slat_pit_output(&pit, 0, after(100)));
	CHECK(!slat_pit_output(&pit, 0, after(199)));
	CHECK_EQ(100, read_word(&pit, 0, after(100)));
	CHECK_EQ(30, read_word(&pit, 0, after(170)));
	CHECK_EQ(83809, slat_pit_cycle(&pit).first);
	CHECK_EQ(83809, slat_pit_cycle(&pit).period);
}

static void square_wave(void)
{
	struct slat_pit pit = fresh();

	program(&pit, 0, 3, 100);
	CHECK(slat_pit_output(&pit, 0, after(49)));
	CHECK(!slat_pit_output(&pit, 0, after(50)));
	CHECK(!slat_pit_output(&pit, 0, after(99)));
	CHECK(slat_pit_output(&pit, 0, after(100)));
	CHECK_EQ(80, read_word(&pit, 0, after(10)));
	CHECK_EQ(80, read_word(&pit, 0, after(60)));
	/* An odd count is high for the longer part. */
	program(&pit, 0, 3, 5);
	CHECK(slat_pit_output(&pit, 0, after(2)));
	CHECK(!slat_pit_output(&pit, 0, after(3)));
}

static void strobe(void)
{
	struct slat_pit pit = fresh();

	program(&pit, 0, 4, 10);
	CHECK(slat_pit_output(&pit, 0, after(9)));
	CHECK(!slat_pit_output(&pit, 0, after(10)));
	CHECK(slat_pit_output(&pit, 0, after(11)));
}

static void zero_is_the_largest_count(void)
{
	struct slat_pit pit = fresh();

	program(&pit, 0, 2, 0);
	CHECK_EQ(0xffff, read_word(&pit, 0, after(1)));
	CHECK_EQ(54925401, slat_pit_cycle(&pit).period);
}

static void modes_6_and_7_are_2_and_3(void)
{
	struct slat_pit pit = fresh();

	program(&pit, 0, 6, 10);
	CHECK_EQ(2, pit.channels[0].mode);
	program(&pit, 0, 7, 10);
	CHECK_EQ(3, pit.channels[0].mode);
}

static void one_byte_of_a_count(void)
{
	struct slat_pit pit = fresh();

	slat_pit_write(&pit, 0x43, 0x10, BEGIN);
	slat_pit_write(&pit, 0x40, 0x80, BEGIN);
	CHECK_EQ(0x80, pit.channels[0].count);
	CHECK_EQ(0x70, slat_pit_read(&pit, 0x40, after(0x10)));
	CHECK_EQ(0x70, slat_pit_read(&pit, 0x40, after(0x10)));
	slat_pit_write(&pit, 0x43, 0x20, BEGIN);
	slat_pit_write(&pit, 0x40, 0x80, BEGIN);
	CHECK_EQ(0x8000, pit.channels[0].count);
	CHECK_EQ(0x7f, slat_pit_read(&pit, 0x40, after(0x10)));
}

static void a_latched_count_stands(void)
{
	struct slat_pit pit = fresh();

	program(&pit, 1, 2, 0x1000);
	slat_pit_write(&pit, 0x43, 0x40, after(0x123));
	/* A second command before the read changes nothing. */
	slat_pit_write(&pit, 0x43, 0x40, after(0x456));
	CHECK_EQ(0xedd, read_word(&pit, 1, after(0x800)));
	CHECK_EQ(0x7ff, read_word(&pit, 1, after(0x801)));
	CHECK(!pit.reloaded);
}

static void read_back(void)
{
	struct slat_pit pit = fresh();

	program(&pit, 0, 2, 1000);
	program(&pit, 2, 0, 1000);
	/* Status and count of channels 0 and 2. */
	slat_pit_write(&pit, 0x43, 0xca, after(10));
	CHECK_EQ(0x80 | 0x30 | 2 << 1, slat_pit_read(&pit, 0x40, after(500)));
	CHECK_EQ(990, read_word(&pit, 0, after(500)));
	CHECK_EQ(0x30, slat_pit_read(&pit, 0x42, after(2000)));
	CHECK_EQ(990, read_word(&pit, 2, after(2000)));
	/* Only the count. */
	slat_pit_write(&pit, 0x43, 0xd2, after(20));
	CHECK_EQ(980, read_word(&pit, 0, after(500)));
	/* Only the status. */
	slat_pit_write(&pit, 0x43, 0xe8, after(2000));
	CHECK_EQ(0x80 | 0x30, slat_pit_read(&pit, 0x42, after(2000)));
	CHECK_EQ(0, slat_pit_read(&pit, 0x43, after(2000)));
}

/* As a PC's software measures time: channel 2, whose gate and output are at port 0x61. */
static void speaker_port(void)
{
	struct slat_pit pit = fresh();

	CHECK_EQ(0, slat_pit_read(&pit, 0x61, BEGIN) & 3);
	slat_pit_write(&pit, 0x61, 1, BEGIN);
	CHECK_EQ(1, slat_pit_read(&pit, 0x61, BEGIN) & 3);
	program(&pit, 2, 0, 1000);
	CHECK_EQ(0, slat_pit_read(&pit, 0x61, after(999)) & 0x20);
	CHECK_EQ(0x20, slat_pit_read(&pit, 0x61, after(1000)) & 0x20);
	slat_pit_write(&pit, 0x61, 3, BEGIN);
	CHECK_EQ(3, slat_pit_read(&pit, 0x61, BEGIN) & 3);
	/* The bit of the memory refresh toggles. */
	CHECK_EQ(0x10, (slat_pit_read(&pit, 0x61, BEGIN) ^
			slat_pit_read(&pit, 0x61, BEGIN + (1 << 14))) & 0x10);
}

static void a_gate_triggers(void)
{
	struct slat_pit pit = fresh();

	program(&pit, 2, 3, 1000);
	slat_pit_write(&pit, 0x61, 1, after(300));
	CHECK_EQ(1000, read_word(&pit, 2, after(300)));
	slat_pit_write(&pit, 0x61, 1, after(400));
	CHECK_EQ(800, read_word(&pit, 2, after(400)));
}

static void a_hostile_state_is_cut_to_size(void)
{
	struct kvm_pit_channel_state channels[SLAT_PIT_CHANNELS];
	struct slat_pit pit = fresh();

	memset(channels, 0xff, sizeof(channels));
	slat_pit_restore(&pit, channels, BEGIN);
	for (unsigned int i = 0; i < SLAT_PIT_CHANNELS; i++) {
		CHECK_EQ(0x10000, pit.channels[i].count);
		slat_pit_output(&pit, i, after(5));
		for (int n = 0; n < 4; n++)
			slat_pit_read(&pit, 0x40 + i, after(5));
		for (int n = 0; n < 3; n++)
			slat_pit_write(&pit, 0x40 + i, 0, after(5));
	}
	CHECK_EQ(0, slat_pit_cycle(&pit).first);
	memset(channels, 0, sizeof(channels));
	slat_pit_restore(&pit, channels, BEGIN);
	for (u8 mode = 0; mode < 6; mode++) {
		pit.channels[0].mode = mode;
		slat_pit_output(&pit, 0, BEGIN);
		slat_pit_output(&pit, 0, 0);
		slat_pit_read(&pit, 0x40, BEGIN);
	}
	CHECK_EQ(0x10000, pit.channels[0].count);
}

int main(void)
{
	static const struct unit_case cases[] = {
		UNIT_CASE(interrupt_on_terminal_count),
		UNIT_CASE(rate_generator),
		UNIT_CASE(square_wave),
		UNIT_CASE(strobe),
		UNIT_CASE(zero_is_the_largest_count),
		UNIT_CASE(modes_6_and_7_are_2_and_3),
		UNIT_CASE(one_byte_of_a_count),
		UNIT_CASE(a_latched_count_stands),
		UNIT_CASE(read_back),
		UNIT_CASE(speaker_port),
		UNIT_CASE(a_gate_triggers),
		UNIT_CASE(a_hostile_state_is_cut_to_size),
	};

	return unit_run(cases, ARRAY_SIZE(cases));
}
