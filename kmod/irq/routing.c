// SPDX-License-Identifier: GPL-2.0-only
/*
 * GSIs: the numbers by which user space knows pins and messages.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "irq/irq.h"

#define CHIPS		3	/* KVM_IRQCHIP_* */
#define CHIP_PINS	8	/* of a PIC */
#define NO_PIN		-1

#define MSI_LOGICAL	BIT(2)
#define MSI_HINT	BIT(3)
#define MSI_LEVEL	BIT(15)
#define MSI_HIGH_DEST	0xffffff00U

/**
 * struct route - what a GSI stands for
 * @pin: of each chip, or NO_PIN
 * @is_message: a message instead
 * @message: that message
 */
struct route {
	s8 pin[CHIPS];
	bool is_message;
	struct slat_message message;
};

/**
 * struct slat_routing - all GSIs
 * @rcu: frees it
 * @gsi_of: the other way round: the GSI of each pin, -1: none
 * @level_vectors: of level-triggered messages that user space's IOAPIC sends
 * @count: of GSIs
 * @routes: by GSI
 */
struct slat_routing {
	struct rcu_head rcu;
	s16 gsi_of[CHIPS][SLAT_IOAPIC_PINS];
	unsigned long level_vectors[SLAT_VECTOR_WORDS];
	u32 count;
	struct route routes[];
};

static struct slat_routing *alloc_routing(u32 count)
{
	struct slat_routing *routing;
	u32 i;

	routing = kvzalloc(struct_size(routing, routes, count), GFP_KERNEL_ACCOUNT);
	if (!routing)
		return NULL;
	routing->count = count;
	memset(routing->gsi_of, 0xff, sizeof(routing->gsi_of));
	for (i = 0; i < count; i++)
		memset(routing->routes[i].pin, NO_PIN, sizeof(routing->routes[i].pin));
	return routing;
}

static bool has_pin(const struct route *route)
{
	return route->pin[0] != NO_PIN || route->pin[1] != NO_PIN || route->pin[2] != NO_PIN;
}

static void add_pin(struct slat_routing *routing, u32 gsi, u32 chip, u32 pin)
{
	routing->routes[gsi].pin[chip] = pin;
	routing->gsi_of[chip][pin] = gsi;
}

static struct slat_message msi_message(const struct slat_irq *irq, u32 low, u32 high, u32 data)
{
	struct slat_message message = {
		.dest = low >> 12 & 0xff,
		.vector = data,
		.delivery = data >> 8 & 7,
		.logical = low & MSI_LOGICAL,
		.level = data & MSI_LEVEL,
		.assert = true,
	};

	if (irq->wide_ids)
		message.dest |= high & MSI_HIGH_DEST;
	if (low & MSI_HINT && message.delivery == SLAT_DELIVER_FIXED)
		message.delivery = SLAT_DELIVER_LOWEST;
	return message;
}

static bool msi_valid(const struct slat_irq *irq, u32 high)
{
	return !irq->wide_ids || !(high & ~MSI_HIGH_DEST);
}

static int add_message(const struct slat_irq *irq, struct slat_routing *routing,
		       const struct kvm_irq_routing_entry *entry)
{
	const struct kvm_irq_routing_msi *msi = &entry->u.msi;
	struct route *route = &routing->routes[entry->gsi];

	if (entry->flags & ~KVM_MSI_VALID_DEVID || !msi_valid(irq, msi->address_hi) ||
	    route->is_message || has_pin(route))
		return -EINVAL;
	route->is_message = true;
	route->message = msi_message(irq, msi->address_lo, msi->address_hi, msi->data);
	if (entry->gsi < irq->reserved_pins && route->message.level)
		__set_bit(route->message.vector, routing->level_vectors);
	return 0;
}

static int add_route(const struct slat_irq *irq, struct slat_routing *routing,
		     const struct kvm_irq_routing_entry *entry)
{
	const struct route *route = &routing->routes[entry->gsi];
	u32 chip = entry->u.irqchip.irqchip, pin = entry->u.irqchip.pin;

	if (entry->type == KVM_IRQ_ROUTING_MSI)
		return add_message(irq, routing, entry);
	if (entry->type != KVM_IRQ_ROUTING_IRQCHIP || entry->flags ||
	    irq->mode != SLAT_IRQ_KERNEL || chip > KVM_IRQCHIP_IOAPIC ||
	    pin >= (chip == KVM_IRQCHIP_IOAPIC ? SLAT_IOAPIC_PINS : CHIP_PINS) ||
	    route->is_message || route->pin[chip] != NO_PIN)
		return -EINVAL;
	add_pin(routing, entry->gsi, chip, pin);
	return 0;
}

static void replace(struct slat_irq *irq, struct slat_routing *routing)
{
	struct slat_routing *old;

	old = rcu_dereference_protected(irq->routing, lockdep_is_held(&irq->lock));
	rcu_assign_pointer(irq->routing, routing);
	if (!old)
		return;
	/* Nothing goes the old way after the call has returned. */
	synchronize_rcu_expedited();
	kvfree(old);
}

/**
 * slat_irq_route_default() - as a PC's board connects PICs and IOAPIC
 * @irq: its lock is held
 *
 * Return: 0, -ENOMEM.
 */
int slat_irq_route_default(struct slat_irq *irq)
{
	struct slat_routing *routing = alloc_routing(SLAT_IOAPIC_PINS);
	u32 gsi;

	if (!routing)
		return -ENOMEM;
	for (gsi = 0; gsi < SLAT_IOAPIC_PINS; gsi++) {
		add_pin(routing, gsi, KVM_IRQCHIP_IOAPIC, gsi);
		if (gsi < SLAT_PIC_PINS)
			add_pin(routing, gsi, gsi / CHIP_PINS, gsi % CHIP_PINS);
	}
	replace(irq, routing);
	return 0;
}

/**
 * slat_irq_set_routing() - KVM_SET_GSI_ROUTING
 * @irq: whose
 * @user: all routes
 *
 * Process context.
 *
 * Return: 0; -EINVAL; -EFAULT; -ENOMEM.
 */
int slat_irq_set_routing(struct slat_irq *irq, const struct kvm_irq_routing __user *user)
{
	struct kvm_irq_routing_entry *entries = NULL;
	struct slat_routing *routing;
	struct kvm_irq_routing head;
	u32 i, gsis = 0;
	int err = 0;

	if (copy_from_user(&head, user, sizeof(head)))
		return -EFAULT;
	if (!slat_irq_has_apics(irq) || head.nr > SLAT_ROUTES || head.flags)
		return -EINVAL;
	if (head.nr) {
		entries = vmemdup_user(user->entries, head.nr * sizeof(*entries));
		if (IS_ERR(entries))
			return PTR_ERR(entries);
	}
	for (i = 0; i < head.nr; i++) {
		if (entries[i].gsi >= SLAT_ROUTES) {
			err = -EINVAL;
			goto free;
		}
		gsis = max(gsis, entries[i].gsi + 1);
	}
	routing = alloc_routing(gsis);
	if (!routing) {
		err = -ENOMEM;
		goto free;
	}
	mutex_lock(&irq->lock);
	for (i = 0; i < head.nr && !err; i++)
		err = add_route(irq, routing, &entries[i]);
	if (!err)
		replace(irq, routing);
	mutex_unlock(&irq->lock);
	if (err)
		kvfree(routing);
free:
	kvfree(entries);
	return err;
}

/**
 * slat_irq_set_gsi() - one of those who drive a GSI does so
 * @irq: whose
 * @source: who
 * @gsi: any number
 * @level: how; a message is sent when it is high
 *
 * Any context.
 *
 * Return: how many CPUs it reaches; 0: they know already; -1: none.
 */
int slat_irq_set_gsi(struct slat_irq *irq, enum slat_irq_source source, u32 gsi, bool level)
{
	const struct slat_routing *routing;
	struct route route;
	int ret = -1, chip;

	rcu_read_lock();
	routing = rcu_dereference(irq->routing);
	if (!routing || gsi >= routing->count)
		goto unlock;
	route = routing->routes[gsi];
	if (route.is_message && level)
		ret = slat_irq_deliver(irq, NULL, &route.message);
	for (chip = 0; chip < CHIPS; chip++) {
		int one;

		if (route.pin[chip] == NO_PIN)
			continue;
		one = chip == KVM_IRQCHIP_IOAPIC ?
		      slat_irq_set_ioapic(irq, route.pin[chip], source, level) :
		      slat_irq_set_pic(irq, chip * CHIP_PINS + route.pin[chip], source, level);
		if (one >= 0)
			ret = max(ret, 0) + one;
	}
unlock:
	rcu_read_unlock();
	return ret;
}

/**
 * slat_irq_signal_msi() - KVM_SIGNAL_MSI
 * @irq: whose
 * @msi: the message
 *
 * Return: how many CPUs take it; -EINVAL.
 */
long slat_irq_signal_msi(struct slat_irq *irq, const struct kvm_msi *msi)
{
	struct slat_message message;

	if (!slat_irq_has_apics(irq) || msi->flags || !msi_valid(irq, msi->address_hi))
		return -EINVAL;
	message = msi_message(irq, msi->address_lo, msi->address_hi, msi->data);
	return max(slat_irq_deliver(irq, NULL, &message), 0);
}

/* -1: none leads there.  Under RCU. */
static int gsi_of(const struct slat_irq *irq, unsigned int chip, unsigned int pin)
{
	const struct slat_routing *routing = rcu_dereference(irq->routing);

	return routing ? routing->gsi_of[chip][pin] : -1;
}

/**
 * slat_irq_acked() - the guest is done with an interrupt of a pin
 * @irq: whose
 * @chip: KVM_IRQCHIP_*
 * @pin: of that chip
 *
 * Any context, none of the chips' locks held.
 */
void slat_irq_acked(struct slat_irq *irq, unsigned int chip, unsigned int pin)
{
	struct slat_ack *ack;
	int gsi;

	rcu_read_lock();
	gsi = gsi_of(irq, chip, pin);
	if (gsi < 0)
		goto unlock;
	/* Before anybody is told: who still needs service raises it again. */
	list_for_each_entry_rcu(ack, &irq->acks, link) {
		if (ack->gsi == gsi && ack->lowers) {
			slat_irq_set_gsi(irq, SLAT_SOURCE_RESAMPLE, gsi, false);
			break;
		}
	}
	list_for_each_entry_rcu(ack, &irq->acks, link)
		if (ack->gsi == gsi)
			ack->acked(ack);
unlock:
	rcu_read_unlock();
}

/**
 * slat_irq_opened() - the guest has taken the mask from a pin
 * @irq: whose
 * @chip: KVM_IRQCHIP_*
 * @pin: of that chip
 *
 * Any context, none of the chips' locks held.
 */
void slat_irq_opened(struct slat_irq *irq, unsigned int chip, unsigned int pin)
{
	struct slat_ack *ack;
	int gsi;

	rcu_read_lock();
	gsi = gsi_of(irq, chip, pin);
	list_for_each_entry_rcu(ack, &irq->acks, link)
		if (gsi >= 0 && ack->gsi == gsi && ack->opened)
			ack->opened(ack);
	rcu_read_unlock();
}

/**
 * slat_irq_level_route() - whether user space's IOAPIC sends this vector as a level
 * @irq: whose
 * @vector: which
 *
 * Any context.
 */
bool slat_irq_level_route(struct slat_irq *irq, u8 vector)
{
	const struct slat_routing *routing;
	bool level;

	rcu_read_lock();
	routing = rcu_dereference(irq->routing);
	level = routing && test_bit(vector, routing->level_vectors);
	rcu_read_unlock();
	return level;
}
