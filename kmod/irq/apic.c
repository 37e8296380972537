// SPDX-License-Identifier: GPL-2.0-only
/*
 * The local APIC of a vCPU in its VM.
 */
#include <linux/kernel.h>
#include <linux/string.h>

#include "irq/irq.h"

#define APIC_PAGE	0x1000

static void op_send(struct slat_lapic *lapic, const struct slat_message *message)
{
	struct slat_apic *apic = slat_apic_of(lapic);

	slat_irq_deliver(apic->irq, apic, message);
}

static void op_eoi(struct slat_lapic *lapic, u8 vector, bool level)
{
	struct slat_apic *apic = slat_apic_of(lapic);

	if (slat_irq_has_chips(apic->irq))
		slat_irq_eoi(apic->irq, vector, level);
	else if (level && slat_irq_level_route(apic->irq, vector))
		apic->eoi = vector;
}

/* Without memory the old map stays, where all are asked for their destinations. */
static void op_moved(struct slat_lapic *lapic)
{
	struct slat_apic *apic = slat_apic_of(lapic);

	/* Nobody looks for it yet. */
	if (list_empty(&apic->link))
		return;
	mutex_lock(&apic->irq->lock);
	slat_irq_map(apic->irq);
	mutex_unlock(&apic->irq->lock);
}

static const struct slat_lapic_ops lapic_ops = {
	.send = op_send,
	.eoi = op_eoi,
	.moved = op_moved,
	.timer_set = slat_apic_timer_set,
	.timer_left = slat_apic_timer_left,
};

/**
 * slat_apic_init() - a local APIC as after RESET, which gets no messages yet
 * @apic: zeroed
 * @irq: its VM's
 * @id: its x2APIC ID
 * @bsp: it is that of the CPU that boots
 */
void slat_apic_init(struct slat_apic *apic, struct slat_irq *irq, u32 id, bool bsp)
{
	apic->irq = irq;
	apic->eoi = -1;
	INIT_LIST_HEAD(&apic->link);
	slat_apic_timer_init(apic);
	apic->lapic.directed_eoi = irq->mode == SLAT_IRQ_SPLIT;
	slat_lapic_init(&apic->lapic, &lapic_ops, id, bsp);
}

/**
 * slat_apic_exit() - undo slat_apic_init()
 * @apic: nobody sends it anything any more
 */
void slat_apic_exit(struct slat_apic *apic)
{
	slat_apic_timer_exit(apic);
}

/**
 * slat_apic_publish() - it gets messages from now on
 * @apic: whose
 *
 * Process context.  Until the VM goes.
 *
 * Return: 0, -ENOMEM.
 */
int slat_apic_publish(struct slat_apic *apic)
{
	struct slat_irq *irq = apic->irq;
	int err;

	mutex_lock(&irq->lock);
	list_add_tail(&apic->link, &irq->apics);
	err = slat_irq_map(irq);
	if (err)
		list_del_init(&apic->link);
	mutex_unlock(&irq->lock);
	return err;
}

/**
 * slat_apic_pic_asks() - whether the PIC has an interrupt for this CPU
 * @apic: its vCPU's thread
 */
bool slat_apic_pic_asks(const struct slat_apic *apic)
{
	return slat_irq_has_chips(apic->irq) && READ_ONCE(apic->irq->pic.output) &&
	       slat_lapic_takes_pic(&apic->lapic);
}

/**
 * slat_apic_has_interrupt() - whether there is one to be delivered
 * @apic: its vCPU's thread
 */
bool slat_apic_has_interrupt(struct slat_apic *apic)
{
	return slat_apic_pic_asks(apic) || slat_lapic_pending(&apic->lapic) >= 0;
}

/**
 * slat_apic_take_interrupt() - acknowledge the interrupt of highest priority
 * @apic: its vCPU's thread, which is going to deliver it
 *
 * Return: the vector; -1: there is none.
 */
int slat_apic_take_interrupt(struct slat_apic *apic)
{
	int vector = -1;

	if (slat_apic_pic_asks(apic))
		vector = slat_irq_take_pic(apic->irq);
	if (vector >= 0)
		return vector;
	vector = slat_lapic_pending(&apic->lapic);
	if (vector >= 0)
		slat_lapic_accept(&apic->lapic, vector);
	return vector;
}

/**
 * slat_apic_eoi_is_silent() - whether the next EOI concerns nobody but its vCPU
 * @apic: its vCPU's thread
 *
 * No request waits for it, no IOAPIC has to know.
 */
bool slat_apic_eoi_is_silent(const struct slat_apic *apic)
{
	int vector = slat_lapic_in_service(&apic->lapic);

	if (vector < 0 || slat_lapic_requested(&apic->lapic) >= 0)
		return false;
	return slat_irq_has_chips(apic->irq) ? !test_bit(vector, apic->irq->ioapic.vectors) :
					       !slat_irq_level_route(apic->irq, vector);
}

/**
 * slat_apic_lend() - see slat_lapic_lend()
 * @apic: its vCPU's thread
 * @exits: filled in: the EOIs that concern somebody else
 *
 * User space's IOAPIC is told of levels alone, that in the kernel of all that its
 * pins send.
 *
 * Return: as there.
 */
u16 slat_apic_lend(struct slat_apic *apic, u64 exits[SLAT_VECTOR_WORDS])
{
	struct slat_irq *irq = apic->irq;

	return slat_lapic_lend(&apic->lapic,
			       slat_irq_has_chips(irq) ? irq->ioapic.vectors : NULL, exits);
}

/* Registers are 32 bits at a multiple of 16 bytes; parts of them can be read. */
static void read(struct slat_apic *apic, u32 offset, void *data, unsigned int len)
{
	unsigned int skip = offset & 15;
	u32 value = 0;

	if (skip + len <= sizeof(value))
		slat_lapic_read(&apic->lapic, offset & ~15U, &value);
	value >>= skip * 8;
	memset(data, 0, len);
	memcpy(data, &value, min_t(unsigned int, len, sizeof(value)));
}

/**
 * slat_apic_access() - an access to memory that may be the APIC's page
 * @apic: its vCPU's thread
 * @gpa: where
 * @data: filled in, or what to write
 * @len: bytes
 * @write: it is a write
 *
 * Return: whether it is.
 */
bool slat_apic_access(struct slat_apic *apic, u64 gpa, void *data, unsigned int len, bool write)
{
	u64 offset = gpa - (apic->lapic.base & ~(u64)(APIC_PAGE - 1));
	u32 value;

	if (offset >= APIC_PAGE)
		return false;
	if (!slat_lapic_is_xapic(&apic->lapic)) {
		/* A hole, but not user space's. */
		if (!write)
			memset(data, 0xff, len);
		return true;
	}
	if (apic->reports_tpr && offset == SLAT_APIC_TPR)
		apic->tpr_access = write ? SLAT_TPR_WRITTEN : SLAT_TPR_READ;
	if (!write) {
		read(apic, offset, data, len);
	} else if (len == sizeof(value) && !(offset & 15)) {
		memcpy(&value, data, sizeof(value));
		slat_lapic_write(&apic->lapic, offset, value);
	}
	return true;
}
