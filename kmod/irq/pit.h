/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The 8254 interval timer: three counters that go by a time the caller gives.
 */
#ifndef SLAT_IRQ_PIT_H
#define SLAT_IRQ_PIT_H

#include <linux/kvm.h>
#include <linux/types.h>

#define SLAT_PIT_HZ		1193182
#define SLAT_PIT_CHANNELS	3

/**
 * struct slat_pit - an 8254, and port 0x61
 *
 * All under its owner's lock.
 *
 * @channels: the counters; .count 1 to 0x10000, .count_load_time in
 *	nanoseconds
 * @speaker: bit 1 of port 0x61
 * @reloaded: the counter of channel 0 has begun anew since somebody asked
 */
struct slat_pit {
	struct kvm_pit_channel_state channels[SLAT_PIT_CHANNELS];
	bool speaker;
	bool reloaded;
};

/**
 * struct slat_pit_cycle - when channel 0 raises its output
 * @first: nanoseconds from the load of its counter, 0: never
 * @period: nanoseconds from one to the next, 0: once
 */
struct slat_pit_cycle {
	u64 first;
	u64 period;
};

void slat_pit_reset(struct slat_pit *pit, s64 now);
u8 slat_pit_read(struct slat_pit *pit, u16 port, s64 now);
void slat_pit_write(struct slat_pit *pit, u16 port, u8 value, s64 now);
bool slat_pit_output(const struct slat_pit *pit, unsigned int channel, s64 now);
struct slat_pit_cycle slat_pit_cycle(const struct slat_pit *pit);
void slat_pit_restore(struct slat_pit *pit, const struct kvm_pit_channel_state *channels,
		      s64 now);

#endif /* SLAT_IRQ_PIT_H */
