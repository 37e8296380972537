/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The virtio devices of a guest.
 *
 * Each constructor says on standard error why it failed and what to do, and
 * leaves nothing behind then.
 */
#ifndef SLAT_DEVICES_H
#define SLAT_DEVICES_H

#include "slat.h"
#include "virtio.h"

/**
 * slat_virtio_blk_create() - a disk
 * @path: a raw image or a block device
 * @readonly: the guest may not write to it
 * @virtio: out: the device, not yet initialised
 *
 * Return: SLAT_EXIT_OK or the exit status.
 */
enum slat_exit slat_virtio_blk_create(const char *path, bool readonly,
				      struct virtio **virtio);

/**
 * slat_virtio_console_create() - a console on standard output
 * @input: descriptor of what is typed, not closed here
 * @virtio: out: the device, not yet initialised
 *
 * Return: SLAT_EXIT_OK or the exit status.
 */
enum slat_exit slat_virtio_console_create(int input, struct virtio **virtio);

/**
 * slat_virtio_console_resize() - the terminal has another size
 * @virtio: a console
 */
void slat_virtio_console_resize(struct virtio *virtio);

/**
 * slat_virtio_rng_create() - a source of entropy
 * @virtio: out: the device, not yet initialised
 *
 * Return: SLAT_EXIT_OK or the exit status.
 */
enum slat_exit slat_virtio_rng_create(struct virtio **virtio);

/**
 * slat_virtio_net_create() - a network card
 * @tap: name of the host's end
 * @virtio: out: the device, not yet initialised
 *
 * Return: SLAT_EXIT_OK or the exit status.
 */
enum slat_exit slat_virtio_net_create(const char *tap, struct virtio **virtio);

#endif /* SLAT_DEVICES_H */
