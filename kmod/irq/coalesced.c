// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes that can wait: they go to a ring that user space reads at its next
 * exit.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "irq/irq.h"

#define RING_SIZE	KVM_COALESCED_MMIO_MAX

/**
 * struct coalesced_zone - addresses; constant
 * @device: on the bus
 * @irq: whose
 * @link: in irq.zones; under irq.lock
 * @zone: as user space has it
 */
struct coalesced_zone {
	struct slat_bus_device device;
	struct slat_irq *irq;
	struct list_head link;
	struct kvm_coalesced_mmio_zone zone;
};

static bool within(const struct kvm_coalesced_mmio_zone *zone, u64 addr, u64 len)
{
	return addr >= zone->addr && len <= zone->size && addr - zone->addr <= zone->size - len;
}

/* User space can write what it likes to the ring: its indices are checked. */
static bool push(struct kvm_coalesced_mmio_ring *ring, const struct kvm_coalesced_mmio *entry)
{
	u32 first = READ_ONCE(ring->first), last = READ_ONCE(ring->last);

	if (last >= RING_SIZE || (last + 1) % RING_SIZE == first)
		return false;
	ring->coalesced_mmio[last] = *entry;
	/* Pairs with the read barrier of user space. */
	smp_store_release(&ring->last, (last + 1) % RING_SIZE);
	return true;
}

static bool write(struct slat_bus_device *device, u64 addr, unsigned int len, const void *data)
{
	struct coalesced_zone *zone = container_of(device, struct coalesced_zone, device);
	struct slat_irq *irq = zone->irq;
	struct kvm_coalesced_mmio entry = {
		.phys_addr = addr, .len = len, .pio = zone->zone.pio,
	};
	unsigned long flags;
	bool room;

	if (len > sizeof(entry.data) || !within(&zone->zone, addr, len))
		return false;
	memcpy(entry.data, data, len);
	spin_lock_irqsave(&irq->ring_lock, flags);
	room = push(page_address(irq->ring), &entry);
	spin_unlock_irqrestore(&irq->ring_lock, flags);
	return room;
}

static const struct slat_bus_ops ops = { .write = write };

static struct slat_bus *bus_of(struct slat_irq *irq, const struct kvm_coalesced_mmio_zone *zone)
{
	return zone->pio ? &irq->pio : &irq->mmio;
}

/**
 * slat_coalesced_add() - KVM_REGISTER_COALESCED_MMIO
 * @irq: of the VM
 * @zone: which addresses
 *
 * Return: 0; -EINVAL; -ENOMEM; -ENOSPC.
 */
long slat_coalesced_add(struct slat_irq *irq, const struct kvm_coalesced_mmio_zone *zone)
{
	struct coalesced_zone *new;
	long err;

	if (zone->pio > 1)
		return -EINVAL;
	/* Nothing is in it. */
	if (!zone->size)
		return 0;
	new = kzalloc(sizeof(*new), GFP_KERNEL_ACCOUNT);
	if (!new)
		return -ENOMEM;
	new->device.ops = &ops;
	new->irq = irq;
	new->zone = *zone;
	mutex_lock(&irq->lock);
	err = slat_bus_add(bus_of(irq, zone), zone->addr,
			   min_t(u64, zone->size, U64_MAX - zone->addr), &new->device);
	if (!err)
		list_add_tail(&new->link, &irq->zones);
	mutex_unlock(&irq->lock);
	if (err)
		kfree(new);
	return err;
}

/**
 * slat_coalesced_remove() - KVM_UNREGISTER_COALESCED_MMIO
 * @irq: of the VM
 * @zone: what the zones to forget have in them: KVM does not split one
 *
 * Return: 0; -EINVAL.
 */
long slat_coalesced_remove(struct slat_irq *irq, const struct kvm_coalesced_mmio_zone *zone)
{
	struct coalesced_zone *one, *next;

	if (zone->pio > 1)
		return -EINVAL;
	mutex_lock(&irq->lock);
	list_for_each_entry_safe(one, next, &irq->zones, link) {
		if (one->zone.pio != zone->pio || !within(&one->zone, zone->addr, zone->size))
			continue;
		slat_bus_remove(bus_of(irq, zone), &one->device);
		list_del(&one->link);
		kfree(one);
	}
	mutex_unlock(&irq->lock);
	return 0;
}

/**
 * slat_coalesced_stop() - forget all of them
 * @irq: its buses are used no more
 */
void slat_coalesced_stop(struct slat_irq *irq)
{
	struct coalesced_zone *zone, *next;

	list_for_each_entry_safe(zone, next, &irq->zones, link)
		kfree(zone);
}
