/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest's RAM, as this program and the guest see it.
 *
 * Guest-physical addresses are what the guest says, hence hostile: whoever
 * wants to touch guest memory asks slat_memory_at() for a pointer.
 */
#ifndef SLAT_GUEST_MEMORY_H
#define SLAT_GUEST_MEMORY_H

#include <linux/types.h>

/* As on any PC: RAM that programs know, firmware's own, RAM again. */
#define RAM_BASE_END	0xa0000ULL
#define FIRMWARE_BASE	0xe0000ULL
#define EXTENDED_MEMORY	0x100000ULL

/* RAM ends here below 4 GiB, and goes on at 4 GiB: devices are in between. */
#define RAM_LOW_END	0xc0000000ULL
#define RAM_HIGH	0x100000000ULL

/**
 * struct guest_memory - all RAM of a guest
 * @host: where it is in this program, in one piece
 * @size: bytes of it; what does not fit below RAM_LOW_END is at RAM_HIGH
 */
struct guest_memory {
	__u8 *host;
	__u64 size;
};

/**
 * slat_memory_create() - reserve RAM; the host gives it when it is touched
 * @memory: to be filled in
 * @size: bytes, a multiple of the page size
 *
 * Return: 0 or -errno.
 */
int slat_memory_create(struct guest_memory *memory, __u64 size);

/**
 * slat_memory_free() - give RAM back
 * @memory: from slat_memory_create()
 */
void slat_memory_free(struct guest_memory *memory);

/**
 * slat_memory_low() - how much RAM there is from address 0 on
 * @memory: the guest's
 *
 * Return: the address at which it ends.
 */
__u64 slat_memory_low(const struct guest_memory *memory);

/**
 * slat_memory_at() - a guest-physical range as a pointer
 * @memory: the guest's
 * @gpa: first address
 * @len: bytes; the range may be empty
 *
 * Return: where the range begins, or NULL if not all of it is RAM in one piece.
 */
void *slat_memory_at(const struct guest_memory *memory, __u64 gpa, __u64 len);

#endif /* SLAT_GUEST_MEMORY_H */
