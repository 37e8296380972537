/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices in the kernel, by the addresses they answer to.
 */
#ifndef SLAT_IRQ_BUS_H
#define SLAT_IRQ_BUS_H

#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

struct slat_bus_device;

/**
 * struct slat_bus_ops - what a device does; any context, under RCU
 * @read: a register; returns whether it is the device's
 * @write: a register; returns whether it is the device's
 *
 * A NULL member: it never is.
 */
struct slat_bus_ops {
	bool (*read)(struct slat_bus_device *device, u64 addr, unsigned int len, void *data);
	bool (*write)(struct slat_bus_device *device, u64 addr, unsigned int len,
		      const void *data);
};

/**
 * struct slat_bus_device - a device on a bus
 * @ops: what it does
 */
struct slat_bus_device {
	const struct slat_bus_ops *ops;
};

struct slat_bus_table;

/**
 * struct slat_bus - an address space
 * @lock: of the owner: held by whoever adds or removes a device
 * @table: who is where; replaced under @lock, read under RCU
 */
struct slat_bus {
	struct mutex *lock;	/* adding, removing */
	struct slat_bus_table __rcu *table;
};

void slat_bus_init(struct slat_bus *bus, struct mutex *lock);
void slat_bus_destroy(struct slat_bus *bus);
int slat_bus_add(struct slat_bus *bus, u64 addr, u64 len, struct slat_bus_device *device);
void slat_bus_remove(struct slat_bus *bus, struct slat_bus_device *device);
bool slat_bus_read(struct slat_bus *bus, u64 addr, unsigned int len, void *data);
bool slat_bus_write(struct slat_bus *bus, u64 addr, unsigned int len, const void *data);

#endif /* SLAT_IRQ_BUS_H */
