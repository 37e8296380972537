/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Opening and asking /dev/slat, with errors that say what to do.
 */
#ifndef SLAT_DEVICE_H
#define SLAT_DEVICE_H

#include <linux/slat.h>

#include "slat.h"

/**
 * slat_device_open() - open the device node
 * @path: the node, usually SLAT_DEVICE
 * @fd: out: the descriptor, to be closed by the caller
 *
 * Return: SLAT_EXIT_OK, or the exit status after the reason went to stderr.
 */
enum slat_exit slat_device_open(const char *path, int *fd);

/**
 * slat_device_error() - complain about a call that failed, with what to do
 * @path: the node
 * @what: the call
 * @error: the errno it left
 *
 * Return: the exit status for the caller to return.
 */
enum slat_exit slat_device_error(const char *path, const char *what, int error);

/**
 * slat_device_info() - KVM_GET_API_VERSION and SLAT_GET_INFO
 * @path: the node that @fd was opened from, for messages
 * @fd: from slat_device_open()
 * @api: out: the KVM API version
 * @info: out: what the module says of itself and the host
 *
 * Return: SLAT_EXIT_OK, or the exit status after the reason went to stderr.
 */
enum slat_exit slat_device_info(const char *path, int fd, int *api,
				struct slat_info *info);

#endif /* SLAT_DEVICE_H */
