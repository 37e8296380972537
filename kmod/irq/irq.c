// SPDX-License-Identifier: GPL-2.0-only
/*
 * The interrupt controllers of a VM as a whole.
 */
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "irq/irq.h"

/**
 * slat_irq_setup() - before the first VM
 *
 * Return: 0, -ENOMEM.
 */
int slat_irq_setup(void)
{
	return slat_irqfd_setup();
}

/**
 * slat_irq_teardown() - after the last VM
 */
void slat_irq_teardown(void)
{
	slat_irqfd_teardown();
}

/**
 * slat_irq_create() - no interrupt controllers yet
 * @ops: what the VM does for them
 *
 * Process context.
 *
 * Return: what slat_irq_destroy() frees, or an ERR_PTR().
 */
struct slat_irq *slat_irq_create(const struct slat_irq_ops *ops)
{
	struct slat_irq *irq = kzalloc(sizeof(*irq), GFP_KERNEL_ACCOUNT);

	if (!irq)
		return ERR_PTR(-ENOMEM);
	irq->ring = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!irq->ring) {
		kfree(irq);
		return ERR_PTR(-ENOMEM);
	}
	irq->ops = ops;
	irq->xapic_broadcast = true;
	mutex_init(&irq->lock);
	spin_lock_init(&irq->ring_lock);
	INIT_LIST_HEAD(&irq->apics);
	INIT_LIST_HEAD(&irq->acks);
	INIT_LIST_HEAD(&irq->irqfds);
	INIT_LIST_HEAD(&irq->ioeventfds);
	INIT_LIST_HEAD(&irq->zones);
	slat_bus_init(&irq->pio, &irq->lock);
	slat_bus_init(&irq->mmio, &irq->lock);
	slat_irq_chips_init(irq);
	return irq;
}

/**
 * slat_irq_stop() - nothing interrupts any more
 * @irq: of a VM that nobody has a descriptor of any more
 *
 * Process context.  What is left are the timers of local APICs.
 */
void slat_irq_stop(struct slat_irq *irq)
{
	slat_irqfd_stop(irq);
	slat_irq_destroy_pit(irq);
}

/**
 * slat_irq_destroy() - undo slat_irq_create()
 * @irq: after slat_irq_stop(); there is no local APIC any more
 */
void slat_irq_destroy(struct slat_irq *irq)
{
	slat_ioeventfd_stop(irq);
	slat_coalesced_stop(irq);
	slat_bus_destroy(&irq->pio);
	slat_bus_destroy(&irq->mmio);
	kvfree(rcu_dereference_protected(irq->map, true));
	kvfree(rcu_dereference_protected(irq->routing, true));
	put_page(irq->ring);
	kfree(irq);
}

/**
 * slat_irq_create_chips() - KVM_CREATE_IRQCHIP
 * @irq: of a VM without vCPUs, and it stays so until this returns
 *
 * Return: 0; -EEXIST; -ENOMEM.
 */
int slat_irq_create_chips(struct slat_irq *irq)
{
	int err = -EEXIST;

	mutex_lock(&irq->lock);
	if (irq->mode != SLAT_IRQ_NONE)
		goto unlock;
	err = slat_irq_route_default(irq);
	if (err)
		goto unlock;
	err = slat_irq_chips_add(irq);
	if (!err)
		/* Pairs with the acquire in slat_irq_has_chips(). */
		smp_store_release(&irq->mode, SLAT_IRQ_KERNEL);
unlock:
	mutex_unlock(&irq->lock);
	return err;
}

/**
 * slat_irq_split() - KVM_CAP_SPLIT_IRQCHIP
 * @irq: of a VM without vCPUs, and it stays so until this returns
 * @reserved_pins: GSIs of user space's IOAPIC
 *
 * Return: 0; -EINVAL; -EEXIST.
 */
int slat_irq_split(struct slat_irq *irq, u64 reserved_pins)
{
	int err = -EEXIST;

	if (reserved_pins > SLAT_ROUTES)
		return -EINVAL;
	mutex_lock(&irq->lock);
	if (irq->mode == SLAT_IRQ_NONE) {
		irq->reserved_pins = reserved_pins;
		smp_store_release(&irq->mode, SLAT_IRQ_SPLIT);	/* as above */
		err = 0;
	}
	mutex_unlock(&irq->lock);
	return err;
}

/**
 * slat_irq_x2apic_api() - KVM_CAP_X2APIC_API
 * @irq: whose
 * @flags: KVM_X2APIC_API_*
 *
 * Return: 0; -EINVAL.
 */
int slat_irq_x2apic_api(struct slat_irq *irq, u64 flags)
{
	if (flags & ~(u64)(KVM_X2APIC_API_USE_32BIT_IDS |
			   KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK))
		return -EINVAL;
	mutex_lock(&irq->lock);
	if (flags & KVM_X2APIC_API_USE_32BIT_IDS)
		irq->wide_ids = true;
	if (flags & KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK)
		irq->xapic_broadcast = false;
	mutex_unlock(&irq->lock);
	return 0;
}
