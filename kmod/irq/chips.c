// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PICs and the IOAPIC under their locks: as devices, as targets of GSIs,
 * and as user space saves them.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "irq/irq.h"

#define CHIP_PINS	8	/* of a PIC */
#define PIC_PORTS	2
#define WINDOW_MASK	0xffU

/* Tells who waits for these; no lock held. */
static void tell_pic(struct slat_irq *irq, u16 acked, u16 opened)
{
	unsigned int pin;

	for (pin = 0; acked || opened; pin++, acked >>= 1, opened >>= 1) {
		if (opened & 1)
			slat_irq_opened(irq, pin / CHIP_PINS, pin % CHIP_PINS);
		if (acked & 1)
			slat_irq_acked(irq, pin / CHIP_PINS, pin % CHIP_PINS);
	}
}

/* Drops the lock. */
static void pic_unlock(struct slat_irq *irq, unsigned long flags)
	__releases(&irq->pic_lock)
{
	u16 acked = irq->pic.acked, opened = irq->pic.opened;
	bool output = irq->pic.output;

	irq->pic.acked = 0;
	irq->pic.opened = 0;
	spin_unlock_irqrestore(&irq->pic_lock, flags);
	if (output)
		slat_irq_kick_pic(irq);
	tell_pic(irq, acked, opened);
}

static bool pic_read(struct slat_bus_device *device, u64 port, unsigned int len, void *data)
{
	struct slat_irq *irq = container_of(device, struct slat_irq, pic_device);
	unsigned long flags;

	memset(data, 0, len);
	/* What is wider has no device behind its other ports. */
	if (len != 1)
		return true;
	spin_lock_irqsave(&irq->pic_lock, flags);
	*(u8 *)data = slat_pic_read(&irq->pic, port);
	pic_unlock(irq, flags);
	return true;
}

static bool pic_write(struct slat_bus_device *device, u64 port, unsigned int len,
		      const void *data)
{
	struct slat_irq *irq = container_of(device, struct slat_irq, pic_device);
	unsigned long flags;

	if (len != 1)
		return true;
	spin_lock_irqsave(&irq->pic_lock, flags);
	slat_pic_write(&irq->pic, port, *(const u8 *)data);
	pic_unlock(irq, flags);
	return true;
}

static const struct slat_bus_ops pic_ops = { .read = pic_read, .write = pic_write };

static bool ioapic_read(struct slat_bus_device *device, u64 addr, unsigned int len, void *data)
{
	struct slat_irq *irq = container_of(device, struct slat_irq, ioapic_device);
	unsigned long flags;
	u64 value;

	spin_lock_irqsave(&irq->ioapic_lock, flags);
	value = slat_ioapic_read(&irq->ioapic, addr & WINDOW_MASK);
	spin_unlock_irqrestore(&irq->ioapic_lock, flags);
	memcpy(data, &value, len);
	return true;
}

static bool ioapic_write(struct slat_bus_device *device, u64 addr, unsigned int len,
			 const void *data)
{
	struct slat_irq *irq = container_of(device, struct slat_irq, ioapic_device);
	unsigned long flags;
	unsigned int pin;
	u32 value = 0, opened;

	memcpy(&value, data, min_t(unsigned int, len, sizeof(value)));
	spin_lock_irqsave(&irq->ioapic_lock, flags);
	slat_ioapic_write(&irq->ioapic, addr & WINDOW_MASK, value);
	opened = irq->ioapic.opened;
	irq->ioapic.opened = 0;
	spin_unlock_irqrestore(&irq->ioapic_lock, flags);
	for (pin = 0; opened; pin++, opened >>= 1)
		if (opened & 1)
			slat_irq_opened(irq, KVM_IRQCHIP_IOAPIC, pin);
	return true;
}

static const struct slat_bus_ops ioapic_ops = { .read = ioapic_read, .write = ioapic_write };

static int ioapic_deliver(struct slat_ioapic *ioapic, const struct slat_message *message)
{
	return slat_irq_deliver(container_of(ioapic, struct slat_irq, ioapic), NULL, message);
}

/**
 * slat_irq_chips_init() - as after power-on, connected to nothing
 * @irq: whose
 */
void slat_irq_chips_init(struct slat_irq *irq)
{
	spin_lock_init(&irq->pic_lock);
	spin_lock_init(&irq->ioapic_lock);
	irq->pic_device.ops = &pic_ops;
	irq->ioapic_device.ops = &ioapic_ops;
	irq->ioapic.deliver = ioapic_deliver;
	slat_pic_reset(&irq->pic);
	slat_ioapic_reset(&irq->ioapic);
}

/**
 * slat_irq_chips_add() - put the chips where a PC has them
 * @irq: its lock is held
 *
 * Return: 0, -ENOMEM: none of them is there.
 */
int slat_irq_chips_add(struct slat_irq *irq)
{
	static const u16 ports[] = { 0x20, 0xa0, 0x4d0 };
	int i, err;

	for (i = 0; i < ARRAY_SIZE(ports); i++) {
		err = slat_bus_add(&irq->pio, ports[i], PIC_PORTS, &irq->pic_device);
		if (err)
			goto remove;
	}
	err = slat_bus_add(&irq->mmio, SLAT_IOAPIC_BASE, SLAT_IOAPIC_SIZE, &irq->ioapic_device);
	if (!err)
		return 0;
remove:
	if (i)
		slat_bus_remove(&irq->pio, &irq->pic_device);
	return err;
}

/**
 * slat_irq_set_pic() - see slat_pic_set_pin()
 * @irq: whose; any context
 * @pin: which
 * @source: who
 * @level: how
 */
int slat_irq_set_pic(struct slat_irq *irq, unsigned int pin, enum slat_irq_source source,
		     bool level)
{
	unsigned long flags;
	int ret;

	spin_lock_irqsave(&irq->pic_lock, flags);
	ret = slat_pic_set_pin(&irq->pic, pin, source, level);
	pic_unlock(irq, flags);
	return ret;
}

/**
 * slat_irq_set_ioapic() - see slat_ioapic_set_pin()
 * @irq: whose; any context
 * @pin: which
 * @source: who
 * @level: how
 */
int slat_irq_set_ioapic(struct slat_irq *irq, unsigned int pin, enum slat_irq_source source,
			bool level)
{
	unsigned long flags;
	int ret;

	spin_lock_irqsave(&irq->ioapic_lock, flags);
	ret = slat_ioapic_set_pin(&irq->ioapic, pin, source, level);
	spin_unlock_irqrestore(&irq->ioapic_lock, flags);
	return ret;
}

/**
 * slat_irq_take_pic() - a CPU acknowledges the PIC
 * @irq: whose; any context
 *
 * Return: the vector; -1: another CPU has been faster.
 */
int slat_irq_take_pic(struct slat_irq *irq)
{
	unsigned long flags;
	int vector = -1;

	spin_lock_irqsave(&irq->pic_lock, flags);
	if (irq->pic.output)
		vector = slat_pic_acknowledge(&irq->pic);
	pic_unlock(irq, flags);
	return vector;
}

/**
 * slat_irq_eoi() - a CPU is done with a vector
 * @irq: whose; SLAT_IRQ_KERNEL
 * @vector: which
 * @level: the IOAPIC is to be told
 *
 * Any context.  No lock unless a pin sends this vector.
 */
void slat_irq_eoi(struct slat_irq *irq, u8 vector, bool level)
{
	unsigned long flags;
	unsigned int pin;
	u32 pins;

	if (!test_bit(vector, irq->ioapic.vectors))
		return;
	spin_lock_irqsave(&irq->ioapic_lock, flags);
	pins = slat_ioapic_pins_of(&irq->ioapic, vector);
	spin_unlock_irqrestore(&irq->ioapic_lock, flags);
	for (pin = 0; pin < SLAT_IOAPIC_PINS; pin++)
		if (pins & BIT(pin))
			slat_irq_acked(irq, KVM_IRQCHIP_IOAPIC, pin);
	if (!level)
		return;
	spin_lock_irqsave(&irq->ioapic_lock, flags);
	slat_ioapic_eoi(&irq->ioapic, pins);
	spin_unlock_irqrestore(&irq->ioapic_lock, flags);
}

/**
 * slat_irq_get_chip() - KVM_GET_IRQCHIP
 * @irq: whose
 * @chip: which; filled in
 *
 * Return: 0; -ENXIO: the chips are not in the kernel; -EINVAL: no such chip.
 */
long slat_irq_get_chip(struct slat_irq *irq, struct kvm_irqchip *chip)
{
	unsigned long flags;

	if (!slat_irq_has_chips(irq))
		return -ENXIO;
	switch (chip->chip_id) {
	case KVM_IRQCHIP_PIC_MASTER:
	case KVM_IRQCHIP_PIC_SLAVE:
		spin_lock_irqsave(&irq->pic_lock, flags);
		chip->chip.pic = irq->pic.chips[chip->chip_id];
		spin_unlock_irqrestore(&irq->pic_lock, flags);
		return 0;
	case KVM_IRQCHIP_IOAPIC:
		spin_lock_irqsave(&irq->ioapic_lock, flags);
		slat_ioapic_save(&irq->ioapic, &chip->chip.ioapic);
		spin_unlock_irqrestore(&irq->ioapic_lock, flags);
		return 0;
	default:
		return -EINVAL;
	}
}

/**
 * slat_irq_set_chip() - KVM_SET_IRQCHIP
 * @irq: whose
 * @chip: which, and its state
 *
 * Return: as slat_irq_get_chip().
 */
long slat_irq_set_chip(struct slat_irq *irq, const struct kvm_irqchip *chip)
{
	unsigned long flags;

	if (!slat_irq_has_chips(irq))
		return -ENXIO;
	switch (chip->chip_id) {
	case KVM_IRQCHIP_PIC_MASTER:
	case KVM_IRQCHIP_PIC_SLAVE:
		spin_lock_irqsave(&irq->pic_lock, flags);
		slat_pic_restore(&irq->pic, chip->chip_id, &chip->chip.pic);
		pic_unlock(irq, flags);
		return 0;
	case KVM_IRQCHIP_IOAPIC:
		spin_lock_irqsave(&irq->ioapic_lock, flags);
		slat_ioapic_restore(&irq->ioapic, &chip->chip.ioapic);
		spin_unlock_irqrestore(&irq->ioapic_lock, flags);
		return 0;
	default:
		return -EINVAL;
	}
}
