// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PIT as a device: its ports, and channel 0 at GSI 0.
 *
 * A guest that counts ticks must not lose any: by default those that come while
 * it has not acknowledged the last are delivered after that, one by one.
 */
#include <linux/errno.h>
#include <linux/hrtimer.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "irq/irq.h"

#define FIRST_PORT	0x40
#define PORTS		4
#define SPEAKER_PORT	0x61

#define GSI		0
#define MIN_PERIOD_NS	200000		/* more often, the host has nothing else to do */

/**
 * struct slat_pit_device - a PIT
 * @irq: whose; constant
 * @ports: its counters; constant
 * @speaker: port 0x61; constant
 * @lock: all below
 * @pit: its registers
 * @timer: of channel 0
 * @running: @timer is meant to be
 * @period: from tick to tick, 0: once
 * @replaced: an HPET does what channel 0 did
 * @reinject: no tick may be lost
 * @waiting: the last tick has not been acknowledged
 * @missed: ticks since
 * @ack: tells of acknowledgments
 */
struct slat_pit_device {
	struct slat_irq *irq;
	struct slat_bus_device ports;
	struct slat_bus_device speaker;
	spinlock_t lock;	/* all below */
	struct slat_pit pit;
	struct hrtimer timer;
	bool running;
	u64 period;
	bool replaced;
	bool reinject;
	bool waiting;
	u32 missed;
	struct slat_ack ack;
};

/* A pulse.  One that a mask keeps from the guest will never be acknowledged. */
static void inject(struct slat_pit_device *device)
{
	int reached = slat_irq_set_gsi(device->irq, SLAT_SOURCE_PIT, GSI, true);
	unsigned long flags;

	slat_irq_set_gsi(device->irq, SLAT_SOURCE_PIT, GSI, false);
	if (reached >= 0)
		return;
	spin_lock_irqsave(&device->lock, flags);
	device->waiting = false;
	device->missed = 0;
	spin_unlock_irqrestore(&device->lock, flags);
}

static enum hrtimer_restart tick(struct hrtimer *timer)
{
	struct slat_pit_device *device = container_of(timer, struct slat_pit_device, timer);
	bool now = true, again;
	unsigned long flags;
	u64 ticks = 1;

	spin_lock_irqsave(&device->lock, flags);
	/* It has been stopped, or set anew, in between. */
	if (!device->running || hrtimer_is_queued(timer)) {
		spin_unlock_irqrestore(&device->lock, flags);
		return HRTIMER_NORESTART;
	}
	again = device->period;
	device->running = again;
	if (again)
		ticks = hrtimer_forward_now(timer, ns_to_ktime(device->period));
	/* Also those for which the host has been too late. */
	if (device->reinject) {
		now = !device->waiting;
		device->missed += ticks - now;
		device->waiting = true;
	}
	spin_unlock_irqrestore(&device->lock, flags);
	if (now)
		inject(device);
	return again ? HRTIMER_RESTART : HRTIMER_NORESTART;
}

static void acked(struct slat_ack *ack)
{
	struct slat_pit_device *device = container_of(ack, struct slat_pit_device, ack);
	unsigned long flags;
	bool now;

	spin_lock_irqsave(&device->lock, flags);
	now = device->reinject && device->missed;
	device->missed -= now;
	device->waiting = now;
	spin_unlock_irqrestore(&device->lock, flags);
	if (now)
		inject(device);
}

/*
 * The last tick may wait at a pin that nobody listens to any more, as the PIC's
 * after a guest has changed to the IOAPIC.
 */
static void opened(struct slat_ack *ack)
{
	struct slat_pit_device *device = container_of(ack, struct slat_pit_device, ack);
	unsigned long flags;

	spin_lock_irqsave(&device->lock, flags);
	device->waiting = false;
	device->missed = 0;
	spin_unlock_irqrestore(&device->lock, flags);
}

/* Channel 0 has a new count; locked. */
static void restart(struct slat_pit_device *device)
{
	struct slat_pit_cycle cycle = slat_pit_cycle(&device->pit);

	lockdep_assert_held(&device->lock);
	device->pit.reloaded = false;
	device->waiting = false;
	device->missed = 0;
	device->running = cycle.first && !device->replaced;
	device->period = cycle.period ? max_t(u64, cycle.period, MIN_PERIOD_NS) : 0;
	/* Where the callback runs it sees that it has been stopped. */
	if (device->running)
		hrtimer_start(&device->timer, ktime_add_ns(ktime_get(), cycle.first),
			      HRTIMER_MODE_ABS);
	else
		hrtimer_try_to_cancel(&device->timer);
}

static bool read(struct slat_pit_device *device, u16 port, unsigned int len, u8 *data)
{
	unsigned long flags;

	memset(data, 0, len);
	spin_lock_irqsave(&device->lock, flags);
	data[0] = slat_pit_read(&device->pit, port, ktime_get_ns());
	spin_unlock_irqrestore(&device->lock, flags);
	return true;
}

static bool write(struct slat_pit_device *device, u16 port, u8 value)
{
	unsigned long flags;

	spin_lock_irqsave(&device->lock, flags);
	slat_pit_write(&device->pit, port, value, ktime_get_ns());
	if (device->pit.reloaded)
		restart(device);
	spin_unlock_irqrestore(&device->lock, flags);
	return true;
}

static bool ports_read(struct slat_bus_device *ports, u64 port, unsigned int len, void *data)
{
	return read(container_of(ports, struct slat_pit_device, ports), port, len, data);
}

static bool ports_write(struct slat_bus_device *ports, u64 port, unsigned int len,
			const void *data)
{
	return write(container_of(ports, struct slat_pit_device, ports), port, *(const u8 *)data);
}

static bool speaker_read(struct slat_bus_device *speaker, u64 port, unsigned int len, void *data)
{
	return read(container_of(speaker, struct slat_pit_device, speaker), port, len, data);
}

static bool speaker_write(struct slat_bus_device *speaker, u64 port, unsigned int len,
			  const void *data)
{
	return write(container_of(speaker, struct slat_pit_device, speaker), port,
		     *(const u8 *)data);
}

static const struct slat_bus_ops ports_ops = { .read = ports_read, .write = ports_write };
static const struct slat_bus_ops speaker_ops = { .read = speaker_read, .write = speaker_write };

static struct slat_pit_device *alloc_device(struct slat_irq *irq)
{
	struct slat_pit_device *device = kzalloc(sizeof(*device), GFP_KERNEL_ACCOUNT);

	if (!device)
		return NULL;
	device->irq = irq;
	device->ports.ops = &ports_ops;
	device->speaker.ops = &speaker_ops;
	spin_lock_init(&device->lock);
	hrtimer_init(&device->timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS);
	device->timer.function = tick;
	device->reinject = true;
	device->ack.gsi = GSI;
	device->ack.acked = acked;
	device->ack.opened = opened;
	slat_pit_reset(&device->pit, ktime_get_ns());
	return device;
}

/**
 * slat_irq_create_pit() - KVM_CREATE_PIT2
 * @irq: whose
 * @flags: KVM_PIT_SPEAKER_DUMMY: port 0x61 as well
 *
 * Return: 0; -EEXIST; -ENOENT: there is no PIC that it could interrupt;
 * -ENOMEM; -ENOSPC.
 */
long slat_irq_create_pit(struct slat_irq *irq, u32 flags)
{
	struct slat_pit_device *device;
	long err;

	mutex_lock(&irq->lock);
	err = -EEXIST;
	if (irq->pit)
		goto unlock;
	err = -ENOENT;
	if (irq->mode != SLAT_IRQ_KERNEL)
		goto unlock;
	err = -ENOMEM;
	device = alloc_device(irq);
	if (!device)
		goto unlock;
	err = slat_bus_add(&irq->pio, FIRST_PORT, PORTS, &device->ports);
	if (err)
		goto free;
	if (flags & KVM_PIT_SPEAKER_DUMMY) {
		err = slat_bus_add(&irq->pio, SPEAKER_PORT, 1, &device->speaker);
		if (err)
			goto remove;
	}
	list_add_rcu(&device->ack.link, &irq->acks);
	/* Pairs with the acquire in device_of(). */
	smp_store_release(&irq->pit, device);
	mutex_unlock(&irq->lock);
	return 0;

remove:
	slat_bus_remove(&irq->pio, &device->ports);
free:
	kfree(device);
unlock:
	mutex_unlock(&irq->lock);
	return err;
}

/**
 * slat_irq_destroy_pit() - undo slat_irq_create_pit(), if it was called
 * @irq: nobody uses it any more
 */
void slat_irq_destroy_pit(struct slat_irq *irq)
{
	if (!irq->pit)
		return;
	hrtimer_cancel(&irq->pit->timer);
	kfree(irq->pit);
	irq->pit = NULL;
}

static struct slat_pit_device *device_of(struct slat_irq *irq)
{
	/* Pairs with the release in slat_irq_create_pit(). */
	return smp_load_acquire(&irq->pit);
}

/**
 * slat_irq_get_pit() - KVM_GET_PIT2
 * @irq: whose
 * @state: filled in
 *
 * Return: 0; -ENXIO: there is none.
 */
long slat_irq_get_pit(struct slat_irq *irq, struct kvm_pit_state2 *state)
{
	struct slat_pit_device *device = device_of(irq);
	unsigned long flags;

	*state = (struct kvm_pit_state2) { };
	if (!device)
		return -ENXIO;
	spin_lock_irqsave(&device->lock, flags);
	memcpy(state->channels, device->pit.channels, sizeof(state->channels));
	state->flags = (device->replaced ? KVM_PIT_FLAGS_HPET_LEGACY : 0) |
		       (device->pit.speaker ? KVM_PIT_FLAGS_SPEAKER_DATA_ON : 0);
	spin_unlock_irqrestore(&device->lock, flags);
	return 0;
}

/**
 * slat_irq_set_pit() - KVM_SET_PIT, KVM_SET_PIT2
 * @irq: whose
 * @state: of the channels
 * @with_flags: the flags count too
 *
 * Return: 0; -ENXIO: there is none.
 */
long slat_irq_set_pit(struct slat_irq *irq, const struct kvm_pit_state2 *state, bool with_flags)
{
	struct slat_pit_device *device = device_of(irq);
	unsigned long flags;

	if (!device)
		return -ENXIO;
	spin_lock_irqsave(&device->lock, flags);
	if (with_flags) {
		device->replaced = state->flags & KVM_PIT_FLAGS_HPET_LEGACY;
		device->pit.speaker = state->flags & KVM_PIT_FLAGS_SPEAKER_DATA_ON;
	}
	slat_pit_restore(&device->pit, state->channels, ktime_get_ns());
	restart(device);
	spin_unlock_irqrestore(&device->lock, flags);
	return 0;
}

/**
 * slat_irq_reinject() - KVM_REINJECT_CONTROL
 * @irq: whose
 * @reinject: no tick may be lost
 *
 * Return: 0; -ENXIO: there is no PIT.
 */
long slat_irq_reinject(struct slat_irq *irq, bool reinject)
{
	struct slat_pit_device *device = device_of(irq);
	unsigned long flags;

	if (!device)
		return -ENXIO;
	spin_lock_irqsave(&device->lock, flags);
	device->reinject = reinject;
	device->waiting = false;
	device->missed = 0;
	spin_unlock_irqrestore(&device->lock, flags);
	return 0;
}
