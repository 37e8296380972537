// SPDX-License-Identifier: GPL-2.0-only
/*
 * A counter is where it has been loaded, and when; what it counts now follows
 * from the time.
 */
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/string.h>

#include "irq/pit.h"

#define NS_PER_SEC	1000000000U
#define COUNT_MAX	0x10000U

#define PORT_CONTROL	0x43
#define PORT_SPEAKER	0x61
#define CONTROL_READ_BACK	3	/* as a channel */
#define KEEP_STATUS	0x10		/* of a read-back command */
#define KEEP_COUNT	0x20
#define LAST_MODE	5

#define SPEAKER_GATE	0x01
#define SPEAKER_DATA	0x02
#define SPEAKER_REFRESH	0x10
#define SPEAKER_OUTPUT	0x20
#define REFRESH_SHIFT	14		/* some 15 microseconds */

/* How a counter is read or written: .rw_mode, .read_state, .write_state, .count_latched. */
enum { LATCH = 0, LOW = 1, HIGH = 2, WORD_LOW = 3, WORD_HIGH = 4 };

static u64 to_ns(u32 count)
{
	return mul_u64_u32_div(count, NS_PER_SEC, SLAT_PIT_HZ);
}

/* Counts since the channel was loaded. */
static u64 elapsed(const struct kvm_pit_channel_state *channel, s64 now)
{
	s64 time = now - channel->count_load_time;

	return time > 0 ? mul_u64_u32_div(time, SLAT_PIT_HZ, NS_PER_SEC) : 0;
}

static u16 count_now(const struct kvm_pit_channel_state *channel, s64 now)
{
	u64 counts = elapsed(channel, now);
	u32 into;

	switch (channel->mode) {
	case 2:
		div_u64_rem(counts, channel->count, &into);
		return channel->count - into;
	case 3:
		/* By two at a time, twice in a period. */
		div_u64_rem(counts * 2, channel->count, &into);
		return channel->count - into;
	default:
		return channel->count - counts;
	}
}

/**
 * slat_pit_output() - the output of a channel
 * @pit: locked
 * @channel: 0 to 2
 * @now: the time in nanoseconds
 */
bool slat_pit_output(const struct slat_pit *pit, unsigned int channel, s64 now)
{
	const struct kvm_pit_channel_state *state = &pit->channels[channel];
	u64 counts = elapsed(state, now);
	u32 into;

	div_u64_rem(counts, state->count, &into);
	switch (state->mode) {
	case 0:
	case 1:
		return counts >= state->count;
	case 2:
		return into != state->count - 1;
	case 3:
		return into < (state->count + 1) / 2;
	default:
		return counts != state->count;
	}
}

/**
 * slat_pit_cycle() - when channel 0 interrupts
 * @pit: locked
 *
 * Return: the times at which its output rises.
 */
struct slat_pit_cycle slat_pit_cycle(const struct slat_pit *pit)
{
	const struct kvm_pit_channel_state *channel = &pit->channels[0];
	u64 ns = to_ns(channel->count);

	switch (channel->mode) {
	case 2:
	case 3:
		return (struct slat_pit_cycle) { .first = ns, .period = ns };
	case 0:
	case 1:
	case 4:
		return (struct slat_pit_cycle) { .first = ns };
	default:
		return (struct slat_pit_cycle) { };
	}
}

static void load(struct slat_pit *pit, unsigned int channel, u16 count, s64 now)
{
	pit->channels[channel].count = count ?: COUNT_MAX;
	pit->channels[channel].count_load_time = now;
	if (!channel)
		pit->reloaded = true;
}

static void latch_count(struct kvm_pit_channel_state *channel, s64 now)
{
	if (channel->count_latched)
		return;
	channel->latched_count = count_now(channel, now);
	channel->count_latched = channel->rw_mode;
}

static void latch_status(struct slat_pit *pit, unsigned int nr, s64 now)
{
	struct kvm_pit_channel_state *channel = &pit->channels[nr];

	if (channel->status_latched)
		return;
	channel->status = slat_pit_output(pit, nr, now) << 7 | channel->rw_mode << 4 |
			  channel->mode << 1 | channel->bcd;
	channel->status_latched = 1;
}

static void read_back(struct slat_pit *pit, u8 command, s64 now)
{
	unsigned int i;

	for (i = 0; i < SLAT_PIT_CHANNELS; i++) {
		if (!(command & 2 << i))
			continue;
		if (!(command & KEEP_COUNT))
			latch_count(&pit->channels[i], now);
		if (!(command & KEEP_STATUS))
			latch_status(pit, i, now);
	}
}

static void write_control(struct slat_pit *pit, u8 value, s64 now)
{
	struct kvm_pit_channel_state *channel;
	unsigned int access = value >> 4 & 3, mode = value >> 1 & 7;

	if (value >> 6 == CONTROL_READ_BACK) {
		read_back(pit, value, now);
		return;
	}
	channel = &pit->channels[value >> 6];
	if (access == LATCH) {
		latch_count(channel, now);
		return;
	}
	channel->rw_mode = access;
	channel->read_state = access;
	channel->write_state = access;
	/* Modes 6 and 7 are 2 and 3. */
	channel->mode = mode > LAST_MODE ? mode - 4 : mode;
	channel->bcd = value & 1;
}

static void write_count(struct slat_pit *pit, unsigned int nr, u8 value, s64 now)
{
	struct kvm_pit_channel_state *channel = &pit->channels[nr];

	switch (channel->write_state) {
	case HIGH:
		load(pit, nr, value << 8, now);
		break;
	case WORD_LOW:
		channel->write_latch = value;
		channel->write_state = WORD_HIGH;
		break;
	case WORD_HIGH:
		load(pit, nr, channel->write_latch | value << 8, now);
		channel->write_state = WORD_LOW;
		break;
	default:
		load(pit, nr, value, now);
		break;
	}
}

/* A rising gate starts the modes that it triggers anew. */
static void set_gate(struct kvm_pit_channel_state *channel, bool gate, s64 now)
{
	if (gate && !channel->gate && channel->mode != 0 && channel->mode != 4)
		channel->count_load_time = now;
	channel->gate = gate;
}

/**
 * slat_pit_write() - OUT
 * @pit: locked
 * @port: 0x40 to 0x43, 0x61
 * @value: what to write
 * @now: the time in nanoseconds
 */
void slat_pit_write(struct slat_pit *pit, u16 port, u8 value, s64 now)
{
	switch (port) {
	case PORT_SPEAKER:
		pit->speaker = value & SPEAKER_DATA;
		set_gate(&pit->channels[2], value & SPEAKER_GATE, now);
		break;
	case PORT_CONTROL:
		write_control(pit, value, now);
		break;
	default:
		write_count(pit, port & 3, value, now);
		break;
	}
}

/* One byte of a count that is read in @state, which moves on. */
static u8 read_byte(u16 count, u8 *state)
{
	switch (*state) {
	case HIGH:
		return count >> 8;
	case WORD_LOW:
		*state = WORD_HIGH;
		return count;
	case WORD_HIGH:
		*state = WORD_LOW;
		return count >> 8;
	default:
		return count;
	}
}

static u8 read_count(struct kvm_pit_channel_state *channel, s64 now)
{
	u8 latched = channel->count_latched, value;

	if (channel->status_latched) {
		channel->status_latched = 0;
		return channel->status;
	}
	if (!latched)
		return read_byte(count_now(channel, now), &channel->read_state);
	value = read_byte(channel->latched_count, &channel->count_latched);
	/* All but the first of two bytes is the last one. */
	if (latched != WORD_LOW)
		channel->count_latched = 0;
	return value;
}

/**
 * slat_pit_read() - IN
 * @pit: locked
 * @port: as in slat_pit_write()
 * @now: the time in nanoseconds
 */
u8 slat_pit_read(struct slat_pit *pit, u16 port, s64 now)
{
	switch (port) {
	case PORT_SPEAKER:
		return (pit->channels[2].gate ? SPEAKER_GATE : 0) |
		       (pit->speaker ? SPEAKER_DATA : 0) |
		       (now >> REFRESH_SHIFT & 1 ? SPEAKER_REFRESH : 0) |
		       (slat_pit_output(pit, 2, now) ? SPEAKER_OUTPUT : 0);
	case PORT_CONTROL:
		return 0;
	default:
		return read_count(&pit->channels[port & 3], now);
	}
}

/**
 * slat_pit_reset() - as after power-on
 * @pit: locked, or nobody else's
 * @now: the time in nanoseconds
 */
void slat_pit_reset(struct slat_pit *pit, s64 now)
{
	unsigned int i;

	memset(pit, 0, sizeof(*pit));
	for (i = 0; i < SLAT_PIT_CHANNELS; i++) {
		struct kvm_pit_channel_state *channel = &pit->channels[i];

		channel->mode = 0xff;
		channel->gate = i != 2;
		channel->rw_mode = WORD_LOW;
		channel->read_state = WORD_LOW;
		channel->write_state = WORD_LOW;
		load(pit, i, 0, now);
	}
	pit->reloaded = false;
}

/**
 * slat_pit_restore() - take the channels from user space
 * @pit: locked
 * @channels: anything; what cannot be becomes what can
 * @now: the time in nanoseconds, from which they count
 */
void slat_pit_restore(struct slat_pit *pit, const struct kvm_pit_channel_state *channels,
		      s64 now)
{
	unsigned int i;

	for (i = 0; i < SLAT_PIT_CHANNELS; i++) {
		struct kvm_pit_channel_state *channel = &pit->channels[i];

		*channel = channels[i];
		channel->rw_mode = clamp_t(u8, channel->rw_mode, LOW, WORD_LOW);
		channel->read_state = clamp_t(u8, channel->read_state, LOW, WORD_HIGH);
		channel->write_state = clamp_t(u8, channel->write_state, LOW, WORD_HIGH);
		channel->count_latched = min_t(u8, channel->count_latched, WORD_HIGH);
		channel->bcd &= 1;
		channel->count = channel->count ? min(channel->count, COUNT_MAX) : COUNT_MAX;
		channel->count_load_time = now;
	}
	pit->reloaded = true;
}
