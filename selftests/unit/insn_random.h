/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Code: spelled out, and random byte strings that look like instructions, which
 * a seed repeats.  These come from the shape of instructions alone, not from the
 * table of opcodes that is under test.
 */
#ifndef SLAT_UNIT_INSN_RANDOM_H
#define SLAT_UNIT_INSN_RANDOM_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/kernel.h>

#include "insn/decode.h"

/* Some bytes of code, and how many. */
struct code {
	u8 bytes[20];
	size_t len;
};

#define CODE(...)							\
	((struct code) { { __VA_ARGS__ }, sizeof((const u8[]) { __VA_ARGS__ }) })

static u64 random_state;

/* SplitMix64. */
static inline u64 random_u64(void)
{
	u64 z = random_state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static inline u64 random_below(u64 end)
{
	return random_u64() % end;
}

/* True once in @nr times. */
static inline bool one_in(unsigned int nr)
{
	return !random_below(nr);
}

static inline void random_bytes(void *bytes, size_t len)
{
	for (u8 *byte = bytes; len;) {
		const u64 value = random_u64();
		const size_t part = min(len, sizeof(value));

		memcpy(byte, &value, part);
		byte += part;
		len -= part;
	}
}

/* Numbers at which carries, signs and wraps change, as often as any others. */
static inline u64 random_value(void)
{
	u64 value = random_u64();

	switch (random_below(4)) {
	case 0:
		return value;
	case 1:
		return (s64)value >> random_below(64);
	case 2:
		return 1ULL << (value & 63);
	default:
		return (1ULL << (value & 63)) - 1;
	}
}

/* The arguments of a test program: [COUNT [SEED]], COUNT in place of a default. */
static inline u64 random_arguments(int argc, char **argv, u64 count)
{
	random_state = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	if (argc > 1)
		count = strtoull(argv[1], NULL, 0);
	return count;
}

static inline enum slat_insn_mode random_mode(void)
{
	static const enum slat_insn_mode modes[] = {
		SLAT_INSN_MODE_16, SLAT_INSN_MODE_32, SLAT_INSN_MODE_64,
	};

	return modes[random_below(ARRAY_SIZE(modes))];
}

static inline void random_insn(u8 bytes[SLAT_INSN_MAX_LEN], enum slat_insn_mode mode)
{
	static const u8 prefixes[] = {
		0x66, 0x66, 0xf2, 0xf3, 0x66, 0xf2, 0xf3, 0xf0, 0xf0, 0xf0, 0x67,
		0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x48,
	};
	size_t n = 0;

	random_bytes(bytes, SLAT_INSN_MAX_LEN);
	if (one_in(64))
		return;

	while (n < SLAT_INSN_MAX_LEN - 5 && one_in(one_in(16) ? 1 : 2))
		bytes[n++] = prefixes[random_below(ARRAY_SIZE(prefixes))];
	if (mode == SLAT_INSN_MODE_64 && one_in(2))
		bytes[n++] = 0x40 | (random_u64() & 0xf);

	switch (random_below(8)) {
	case 0:
	case 1:
		bytes[n++] = 0x0f;
		/* A group of which one member is of interest. */
		if (one_in(32)) {
			bytes[n] = 0xc7;
			bytes[n + 1] = (bytes[n + 1] & 0xc7) | 1 << 3;
		}
		break;
	case 2:
		bytes[n++] = 0x0f;
		bytes[n++] = 0x38;
		/* Of this map only two columns are of interest. */
		if (one_in(2))
			bytes[n++] = one_in(2) ? 0x2a : 0xf0 | (random_u64() & 1);
		break;
	case 3:
		/* VEX with two bytes; the third operand is mostly unused. */
		bytes[n++] = 0xc5;
		bytes[n++] |= one_in(8) ? 0 : 0x78;
		break;
	case 4:
		bytes[n++] = 0xc4;
		bytes[n] = (bytes[n] & 0xe0) | (one_in(8) ? bytes[n] & 0x1f : 1 + random_below(2));
		n++;
		bytes[n++] |= one_in(8) ? 0 : 0x78;
		break;
	case 5:
		/* Groups of much interest. */
		if (one_in(8))
			bytes[n] = 0xf6 | (random_u64() & 9);
		break;
	}
	/* An opcode, ModRM with a memory operand more often than not. */
	if (n + 1 < SLAT_INSN_MAX_LEN && bytes[n + 1] >= 0xc0 && !one_in(4))
		bytes[n + 1] -= 0x40 * (1 + random_below(3));
}

static inline void print_bytes(const char *what, const u8 *bytes, size_t len,
			       enum slat_insn_mode mode)
{
	printf("# %s (%d-bit):", what, mode * 8);
	for (size_t i = 0; i < len; i++)
		printf(" %02x", bytes[i]);
	printf("\n");
}

#endif /* SLAT_UNIT_INSN_RANDOM_H */
