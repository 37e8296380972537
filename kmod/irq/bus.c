// SPDX-License-Identifier: GPL-2.0-only
/*
 * A table sorted by the first address.  Ranges may overlap: each entry knows
 * how far those up to it reach, so that a search knows where to stop.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "irq/bus.h"

/* Enough for the queues of many devices. */
#define DEVICES_MAX	4096

struct bus_range {
	u64 first;
	u64 last;
	u64 reach;
	struct slat_bus_device *device;
};

struct slat_bus_table {
	struct rcu_head rcu;
	unsigned int count;
	struct bus_range ranges[];
};

static struct slat_bus_table *current_table(struct slat_bus *bus)
{
	return rcu_dereference_protected(bus->table, lockdep_is_held(bus->lock));
}

static struct slat_bus_table *alloc_table(unsigned int count)
{
	struct slat_bus_table *table;

	table = kvzalloc(struct_size(table, ranges, count), GFP_KERNEL_ACCOUNT);
	if (table)
		table->count = count;
	return table;
}

static void set_reach(struct slat_bus_table *table)
{
	u64 reach = 0;
	unsigned int i;

	for (i = 0; i < table->count; i++) {
		reach = max(reach, table->ranges[i].last);
		table->ranges[i].reach = reach;
	}
}

/**
 * slat_bus_init() - no devices
 * @bus: to initialise
 * @lock: held when devices are added and removed
 */
void slat_bus_init(struct slat_bus *bus, struct mutex *lock)
{
	bus->lock = lock;
	RCU_INIT_POINTER(bus->table, NULL);
}

/**
 * slat_bus_destroy() - forget all devices
 * @bus: nobody uses it any more
 */
void slat_bus_destroy(struct slat_bus *bus)
{
	kvfree(rcu_dereference_protected(bus->table, true));
	RCU_INIT_POINTER(bus->table, NULL);
}

/**
 * slat_bus_add() - a device answers to addresses
 * @bus: where; locked
 * @addr: the first
 * @len: how many, not 0
 * @device: it says itself whether an access is its own
 *
 * Return: 0, -ENOMEM, -ENOSPC: there are too many.
 */
int slat_bus_add(struct slat_bus *bus, u64 addr, u64 len, struct slat_bus_device *device)
{
	struct slat_bus_table *old = current_table(bus), *table;
	unsigned int count = old ? old->count : 0, i;

	if (count >= DEVICES_MAX)
		return -ENOSPC;
	table = alloc_table(count + 1);
	if (!table)
		return -ENOMEM;
	for (i = 0; i < count && old->ranges[i].first <= addr; i++)
		table->ranges[i] = old->ranges[i];
	table->ranges[i] = (struct bus_range) {
		.first = addr, .last = addr + len - 1, .device = device,
	};
	for (; i < count; i++)
		table->ranges[i + 1] = old->ranges[i];
	set_reach(table);
	rcu_assign_pointer(bus->table, table);
	if (old)
		kvfree_rcu(old, rcu);
	return 0;
}

/**
 * slat_bus_remove() - a device answers no more
 * @bus: where; locked
 * @device: it may be gone when this returns
 *
 * Without memory for a smaller table, the old one stays, without the device.
 */
void slat_bus_remove(struct slat_bus *bus, struct slat_bus_device *device)
{
	struct slat_bus_table *old = current_table(bus), *table;
	unsigned int i, n = 0;

	for (i = 0; i < old->count; i++)
		n += old->ranges[i].device != device;
	table = alloc_table(n);
	for (i = 0, n = 0; i < old->count; i++) {
		if (!table && old->ranges[i].device == device)
			WRITE_ONCE(old->ranges[i].device, NULL);
		else if (table && old->ranges[i].device != device)
			table->ranges[n++] = old->ranges[i];
	}
	if (table) {
		set_reach(table);
		rcu_assign_pointer(bus->table, table);
	}
	synchronize_rcu_expedited();
	if (table)
		kvfree(old);
}

/* The ranges before this one begin at the address or below. */
static unsigned int upper_bound(const struct slat_bus_table *table, u64 addr)
{
	unsigned int low = 0, high = table->count;

	while (low < high) {
		unsigned int middle = (low + high) / 2;

		if (table->ranges[middle].first <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool try(struct slat_bus_device *device, u64 addr, unsigned int len, void *data,
		bool write)
{
	if (!device)
		return false;
	if (write)
		return device->ops->write && device->ops->write(device, addr, len, data);
	return device->ops->read && device->ops->read(device, addr, len, data);
}

static bool access(struct slat_bus *bus, u64 addr, unsigned int len, void *data, bool write)
{
	const struct slat_bus_table *table;
	bool done = false;
	unsigned int i;

	rcu_read_lock();
	table = rcu_dereference(bus->table);
	i = table ? upper_bound(table, addr) : 0;
	while (!done && i-- && table->ranges[i].reach >= addr)
		if (table->ranges[i].last >= addr)
			done = try(READ_ONCE(table->ranges[i].device), addr, len, data, write);
	rcu_read_unlock();
	return done;
}

/**
 * slat_bus_read() - read from whatever device has an address
 * @bus: where
 * @addr: the address
 * @len: bytes
 * @data: filled in
 *
 * Return: whether there is such a device.
 */
bool slat_bus_read(struct slat_bus *bus, u64 addr, unsigned int len, void *data)
{
	return access(bus, addr, len, data, false);
}

/**
 * slat_bus_write() - write to whatever device has an address
 * @bus: where
 * @addr: the address
 * @len: bytes
 * @data: what to write
 *
 * Return: whether there is such a device.
 */
bool slat_bus_write(struct slat_bus *bus, u64 addr, unsigned int len, const void *data)
{
	return access(bus, addr, len, (void *)data, true);
}
