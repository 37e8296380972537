/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which device answers an address: one bus for ports, one for memory.
 *
 * Ranges are added before the first vCPU runs and stay, so that vCPUs look
 * them up without a lock.  A device that keeps state locks itself.
 */
#ifndef SLAT_BUS_H
#define SLAT_BUS_H

#include <linux/types.h>

#define BUS_RANGES_MAX	32

/**
 * struct bus_ops - how a device answers
 * @read: fill in all @len bytes, 1, 2, 4 or 8; @offset is from the range's base
 * @write: take them
 *
 * An access never goes beyond the device's range, but may have any alignment.
 */
struct bus_ops {
	void (*read)(void *device, __u64 offset, void *data, unsigned int len);
	void (*write)(void *device, __u64 offset, const void *data, unsigned int len);
};

/**
 * struct bus - address ranges and who is behind them
 * @ranges: those in use come first
 * @nr: how many are in use
 */
struct bus {
	struct bus_range {
		__u64 base;
		__u64 size;
		const struct bus_ops *ops;
		void *device;
	} ranges[BUS_RANGES_MAX];
	unsigned int nr;
};

/**
 * slat_bus_add() - put a device at an address
 * @bus: where
 * @base: its first address
 * @size: bytes
 * @ops: how it answers
 * @device: what @ops get
 *
 * Return: 0; -EEXIST if the range overlaps another, -ENOSPC if there are too many.
 */
int slat_bus_add(struct bus *bus, __u64 base, __u64 size, const struct bus_ops *ops,
		 void *device);

/**
 * slat_bus_read() - a guest reads
 * @bus: of ports or of memory
 * @addr: where
 * @data: out: @len bytes, all ones where nobody answers
 * @len: bytes
 */
void slat_bus_read(const struct bus *bus, __u64 addr, void *data, unsigned int len);

/**
 * slat_bus_write() - a guest writes
 * @bus: of ports or of memory
 * @addr: where
 * @data: @len bytes, lost where nobody answers
 * @len: bytes
 */
void slat_bus_write(const struct bus *bus, __u64 addr, const void *data, unsigned int len);

#endif /* SLAT_BUS_H */
