// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which device answers an address.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "bus.h"
#include "slat.h"

int slat_bus_add(struct bus *bus, __u64 base, __u64 size, const struct bus_ops *ops,
		 void *device)
{
	for (unsigned int i = 0; i < bus->nr; i++) {
		const struct bus_range *range = &bus->ranges[i];

		if (base < range->base + range->size && range->base < base + size)
			return -EEXIST;
	}
	if (bus->nr == ARRAY_SIZE(bus->ranges))
		return -ENOSPC;
	bus->ranges[bus->nr++] = (struct bus_range){ base, size, ops, device };
	return 0;
}

static const struct bus_range *find(const struct bus *bus, __u64 addr, unsigned int len)
{
	for (unsigned int i = 0; i < bus->nr; i++) {
		const struct bus_range *range = &bus->ranges[i];

		if (addr >= range->base && addr - range->base < range->size &&
		    len <= range->size - (addr - range->base))
			return range;
	}
	return NULL;
}

void slat_bus_read(const struct bus *bus, __u64 addr, void *data, unsigned int len)
{
	const struct bus_range *range = find(bus, addr, len);

	if (range)
		range->ops->read(range->device, addr - range->base, data, len);
	else
		memset(data, 0xff, len);
}

void slat_bus_write(const struct bus *bus, __u64 addr, const void *data, unsigned int len)
{
	const struct bus_range *range = find(bus, addr, len);

	if (range)
		range->ops->write(range->device, addr - range->base, data, len);
}
