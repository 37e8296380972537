// SPDX-License-Identifier: GPL-2.0-only
/*
 * From a message to the APICs that it is for.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "irq/irq.h"

#define FIRST_VECTOR	16

/* As many CPUs as a destination names without being a broadcast. */
#define FEW		16
#define FLAT_CPUS	8
#define CLUSTER_CPUS	4

/* How logical destinations are found; where APICs do not agree all are asked. */
enum logical { LOGICAL_NONE, LOGICAL_X2APIC, LOGICAL_FLAT, LOGICAL_CLUSTER, LOGICAL_MIXED };

/**
 * struct slat_apic_map - who may answer to a destination
 *
 * They are asked whether they do: what has changed since can make the map miss
 * an APIC whose registers are being written, but not take a wrong one.
 *
 * @rcu: frees it
 * @twins: several have the same ID: all are asked
 * @logical: what @slots has for logical destinations of xAPICs
 * @xapic: by bit, or by cluster and bit
 * @count: of all APICs
 * @ids: above the highest ID
 * @slots: all APICs; after them, by ID
 */
struct slat_apic_map {
	struct rcu_head rcu;
	bool twins;
	enum logical logical;
	struct slat_apic *xapic[16 * CLUSTER_CPUS];
	u32 count;
	u32 ids;
	struct slat_apic *slots[];
};

static bool present(const struct slat_apic *apic)
{
	return READ_ONCE(apic->lapic.base) & SLAT_APIC_BASE_ENABLED;
}

static enum logical logical_mode(const struct slat_lapic *lapic)
{
	if (slat_lapic_is_x2apic(lapic))
		return LOGICAL_X2APIC;
	return slat_lapic_reg(lapic, SLAT_APIC_DFR) >> 28 == 15 ? LOGICAL_FLAT : LOGICAL_CLUSTER;
}

static void map_id(struct slat_apic_map *map, struct slat_apic *apic)
{
	struct slat_apic **slot = &map->slots[map->count + slat_lapic_physical_id(&apic->lapic)];

	if (*slot)
		map->twins = true;
	*slot = apic;
}

/* One that has been there already, or has no single bit, makes it mixed. */
static void map_logical(struct slat_apic_map *map, struct slat_apic *apic)
{
	u8 logical = slat_lapic_reg(&apic->lapic, SLAT_APIC_LDR) >> 24;
	enum logical mode = logical_mode(&apic->lapic);
	struct slat_apic **slot;
	u8 bits = logical;

	if (map->logical != LOGICAL_NONE && map->logical != mode)
		mode = LOGICAL_MIXED;
	map->logical = mode;
	if (mode == LOGICAL_MIXED || mode == LOGICAL_X2APIC)
		return;
	if (mode == LOGICAL_CLUSTER)
		bits &= 15;
	if (!bits)
		return;
	slot = &map->xapic[(mode == LOGICAL_CLUSTER ? (logical >> 4) * CLUSTER_CPUS : 0) +
			   __ffs(bits)];
	if (*slot || bits & (bits - 1))
		map->logical = LOGICAL_MIXED;
	*slot = apic;
}

/**
 * slat_irq_map() - APICs have come or answer to other destinations
 * @irq: its lock is held
 *
 * Return: 0, -ENOMEM: the old map stays.
 */
int slat_irq_map(struct slat_irq *irq)
{
	struct slat_apic_map *map, *old;
	u32 count = 0, ids = 0;
	struct slat_apic *apic;

	lockdep_assert_held(&irq->lock);
	list_for_each_entry(apic, &irq->apics, link) {
		count++;
		/* Its ID in either mode, whichever it is in a moment. */
		ids = max3(ids, apic->lapic.id + 1, SLAT_XAPIC_ALL + 1);
	}
	map = kvzalloc(struct_size(map, slots, count + ids), GFP_KERNEL_ACCOUNT);
	if (!map)
		return -ENOMEM;
	map->count = count;
	map->ids = ids;
	count = 0;
	list_for_each_entry(apic, &irq->apics, link) {
		map->slots[count++] = apic;
		if (!present(apic))
			continue;
		map_id(map, apic);
		map_logical(map, apic);
	}
	old = rcu_dereference_protected(irq->map, lockdep_is_held(&irq->lock));
	rcu_assign_pointer(irq->map, map);
	if (old)
		kvfree_rcu(old, rcu);
	return 0;
}

/* Returns whether this APIC has taken the message. */
static bool take(struct slat_irq *irq, struct slat_apic *apic, const struct slat_message *message)
{
	switch (message->delivery) {
	case SLAT_DELIVER_FIXED:
	case SLAT_DELIVER_LOWEST:
		if (!slat_lapic_enabled(&apic->lapic) || message->vector < FIRST_VECTOR)
			return false;
		/* Whoever asked for it first kicks. */
		if (!slat_lapic_request(&apic->lapic, message->vector, message->level))
			return true;
		break;
	case SLAT_DELIVER_NMI:
		set_bit(SLAT_APIC_EVENT_NMI, &apic->events);
		break;
	case SLAT_DELIVER_INIT:
		clear_bit(SLAT_APIC_EVENT_SIPI, &apic->events);
		set_bit(SLAT_APIC_EVENT_INIT, &apic->events);
		break;
	case SLAT_DELIVER_SIPI:
		WRITE_ONCE(apic->sipi_vector, message->vector);
		/* A full barrier, so that who sees the bit sees the vector. */
		test_and_set_bit(SLAT_APIC_EVENT_SIPI, &apic->events);
		break;
	case SLAT_DELIVER_UNHALT:
		set_bit(SLAT_APIC_EVENT_UNHALT, &apic->events);
		break;
	default:
		return false;
	}
	irq->ops->kick(apic);
	return true;
}

static bool addressed(const struct slat_irq *irq, const struct slat_apic *apic,
		      const struct slat_apic *source, const struct slat_message *message)
{
	if (!present(apic))
		return false;
	switch (message->shorthand) {
	case SLAT_TO_SELF:
		return apic == source;
	case SLAT_TO_ALL:
		return true;
	case SLAT_TO_OTHERS:
		return apic != source;
	default:
		return slat_lapic_matches(&apic->lapic, message, irq->xapic_broadcast);
	}
}

static struct slat_apic *by_id(const struct slat_apic_map *map, u32 id)
{
	return id < map->ids ? map->slots[map->count + id] : NULL;
}

/* Those who can be meant, where they are few; -1: ask all. */
static int few(const struct slat_apic_map *map, const struct slat_message *message,
	       struct slat_apic *candidates[FEW])
{
	u32 dest = message->dest, first, cpus, i;

	if (message->shorthand != SLAT_TO_DEST || dest == SLAT_APIC_ALL ||
	    dest == SLAT_XAPIC_ALL || map->twins)
		return -1;
	if (!message->logical) {
		candidates[0] = by_id(map, dest);
		return 1;
	}
	switch (map->logical) {
	case LOGICAL_X2APIC:
		first = dest >> 16 << 4;
		cpus = FEW;
		for (i = 0; i < cpus; i++)
			candidates[i] = dest & BIT(i) ? by_id(map, first + i) : NULL;
		return cpus;
	case LOGICAL_FLAT:
	case LOGICAL_CLUSTER:
		if (dest > U8_MAX)
			return 0;
		first = map->logical == LOGICAL_FLAT ? 0 : (dest >> 4) * CLUSTER_CPUS;
		cpus = map->logical == LOGICAL_FLAT ? FLAT_CPUS : CLUSTER_CPUS;
		for (i = 0; i < cpus; i++)
			candidates[i] = dest & BIT(i) ? map->xapic[first + i] : NULL;
		return cpus;
	default:
		return -1;
	}
}

/* Whether it would take a message of lowest priority. */
static bool is_willing(const struct slat_irq *irq, const struct slat_apic *apic,
		       const struct slat_apic *source, const struct slat_message *message)
{
	return apic && addressed(irq, apic, source, message) && slat_lapic_enabled(&apic->lapic);
}

static int deliver(struct slat_irq *irq, struct slat_apic *source,
		   const struct slat_message *message, struct slat_apic *const *candidates,
		   int count)
{
	bool lowest = message->delivery == SLAT_DELIVER_LOWEST;
	int i, first, there = 0, willing = 0, took = 0;

	for (i = 0; i < count; i++) {
		struct slat_apic *apic = candidates[i];

		if (!apic || !addressed(irq, apic, source, message))
			continue;
		there++;
		if (lowest)
			willing += slat_lapic_enabled(&apic->lapic);
		else
			took += take(irq, apic, message);
	}
	if (!there)
		return -1;
	if (!willing)
		return took;

	/*
	 * One of them, the same for the same vector: its caches know the handler.
	 * Or the next one, where some have been disabled meanwhile.
	 */
	willing = message->vector % willing;
	for (first = 0; first < count; first++)
		if (is_willing(irq, candidates[first], source, message) && !willing--)
			break;
	for (i = 0; i < count && !took; i++) {
		struct slat_apic *apic = candidates[(first + i) % count];

		took = is_willing(irq, apic, source, message) && take(irq, apic, message);
	}
	return took;
}

/**
 * slat_irq_deliver() - send a message
 * @irq: whose APICs
 * @source: the CPU that sends it; NULL: a device
 * @message: to whom, and what
 *
 * Any context.  No lock but RCU.
 *
 * Return: how many take it; 0: none of those it is for does; -1: there are
 * none.
 */
int slat_irq_deliver(struct slat_irq *irq, struct slat_apic *source,
		     const struct slat_message *message)
{
	struct slat_apic *candidates[FEW];
	const struct slat_apic_map *map;
	int count, ret = -1;

	rcu_read_lock();
	map = rcu_dereference(irq->map);
	if (map) {
		count = few(map, message, candidates);
		ret = count < 0 ? deliver(irq, source, message, map->slots, map->count) :
				  deliver(irq, source, message, candidates, count);
	}
	rcu_read_unlock();
	return ret;
}

/**
 * slat_irq_kick_pic() - the PIC wants an acknowledgment
 * @irq: whose
 *
 * Any context.  The first CPU that listens to the PIC is told.
 */
void slat_irq_kick_pic(struct slat_irq *irq)
{
	const struct slat_apic_map *map;
	u32 i;

	rcu_read_lock();
	map = rcu_dereference(irq->map);
	for (i = 0; map && i < map->count; i++) {
		if (slat_lapic_takes_pic(&map->slots[i]->lapic)) {
			irq->ops->kick(map->slots[i]);
			break;
		}
	}
	rcu_read_unlock();
}
