/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The interrupt controllers of a VM, and what connects them.
 *
 * Who takes what to deliver an interrupt: RCU for the tables (routes, the map
 * of APICs, the devices of a bus), the lock of the PIC or the IOAPIC for one of
 * their pins, nothing for a message.  A message is an atomic bit in the target's
 * IRR, then a kick.  All of it works in any context, a timer's or an eventfd's
 * wakeup included.
 *
 * Order: irq.lock -> eventfd's lock -> pit.lock -> ioapic_lock, pic_lock.  None
 * of the spinlocks is held while somebody is told of an acknowledgment.
 */
#ifndef SLAT_IRQ_IRQ_H
#define SLAT_IRQ_IRQ_H

#include <linux/hrtimer.h>
#include <linux/kvm.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "irq/bus.h"
#include "irq/ioapic.h"
#include "irq/lapic.h"
#include "irq/pic.h"
#include "irq/pit.h"

/* Routes of a VM, and GSIs. */
#define SLAT_ROUTES	4096

struct slat_apic;
struct slat_irq;

/**
 * struct slat_irq_ops - what the VM does for its interrupt controllers
 * @kick: the vCPU of this APIC is to look at what is due: it leaves the guest,
 *	or HLT; any context.  A full barrier before it looks where the vCPU is
 */
struct slat_irq_ops {
	void (*kick)(struct slat_apic *apic);
};

/* Which controllers are in the kernel. */
enum slat_irq_mode {
	SLAT_IRQ_NONE,		/* none */
	SLAT_IRQ_SPLIT,		/* local APICs */
	SLAT_IRQ_KERNEL,	/* all */
};

/* Bits of slat_apic.events. */
#define SLAT_APIC_EVENT_NMI	0
#define SLAT_APIC_EVENT_INIT	1
#define SLAT_APIC_EVENT_SIPI	2
#define SLAT_APIC_EVENT_UNHALT	3	/* kept until there is an HLT to end */

/**
 * struct slat_apic_timer - the timer of a local APIC
 *
 * The vCPU's thread starts and stops it; what the callback uses changes only
 * while it is stopped.
 *
 * A deadline by which a stay in the guest can be made to end needs no host timer
 * unless the thread sleeps: it is found to be over when the thread looks.
 *
 * @hrtimer: runs while a count or a deadline is ahead, see above
 * @period: of a periodic timer, in nanoseconds; 0: it fires once
 * @deadline: IA32_TSC_DEADLINE; the thread's
 * @bounds_stays: a stay can be made to end at a time of the host's TSC; constant
 * @begin: the host's TSC when @span began; the thread's
 * @span: its ticks until a deadline that bounds stays, 0: there is none; the
 *	thread's
 * @asleep: @hrtimer has been started for such a deadline; the thread's
 * @cpu: where @hrtimer was started; the thread's
 * @fired: times since the thread looked; atomic
 */
struct slat_apic_timer {
	struct hrtimer hrtimer;
	u64 period;
	u64 deadline;
	bool bounds_stays;
	u64 begin;
	u64 span;
	bool asleep;
	int cpu;
	atomic_t fired;
};

/* An access to the task priority as memory, that nobody has been told of. */
enum slat_tpr_access { SLAT_TPR_NONE, SLAT_TPR_READ, SLAT_TPR_WRITTEN };

/**
 * struct slat_apic - the local APIC of a vCPU
 *
 * t: the vCPU's thread; a: atomically, by anybody; c: constant
 * m: irq.lock
 *
 * @lapic: see there
 * @irq: c its VM's
 * @link: m in irq.apics
 * @events: a bits SLAT_APIC_EVENT_*
 * @sipi_vector: written before the bit of SIPI
 * @timer: see there
 * @eoi: t a level-triggered vector that user space's IOAPIC has to know the end
 *	of, -1: none
 * @reports_tpr: t user space has to know of accesses to the task priority
 * @tpr_access: t the last of them
 */
struct slat_apic {
	struct slat_lapic lapic;
	struct slat_irq *irq;
	struct list_head link;
	unsigned long events;
	u8 sipi_vector;
	struct slat_apic_timer timer;
	int eoi;
	bool reports_tpr;
	enum slat_tpr_access tpr_access;
};

/**
 * struct slat_ack - somebody who wants to know that the guest is done with an
 * interrupt
 * @link: in irq.acks; changed under irq.lock, read under RCU
 * @gsi: which
 * @lowers: SLAT_SOURCE_RESAMPLE is lowered first, once for all
 * @acked: tells; any context, under RCU, no lock held
 * @opened: the guest listens to a pin that it did not listen to; as @acked, or NULL
 */
struct slat_ack {
	struct list_head link;
	u32 gsi;
	bool lowers;
	void (*acked)(struct slat_ack *ack);
	void (*opened)(struct slat_ack *ack);
};

struct slat_apic_map;
struct slat_routing;
struct slat_pit_device;

/**
 * struct slat_irq - the interrupt controllers of a VM
 *
 * m: written under @lock; c: constant; r: replaced under @lock, read under RCU
 *
 * @ops: c what the VM does
 * @lock: creation, and all tables
 * @mode: m set once, before there are vCPUs
 * @reserved_pins: m of user space's IOAPIC, in SLAT_IRQ_SPLIT
 * @wide_ids: m APIC IDs of 32 bits in messages and states
 * @xapic_broadcast: m a message to 0xff is a broadcast in x2APIC mode too
 * @apics: m of all vCPUs
 * @map: r which APICs answer to a destination
 * @routing: r which pins and messages a GSI stands for
 * @acks: r who wants to know of acknowledgments
 * @pic_lock: @pic
 * @pic: the PICs
 * @ioapic_lock: @ioapic
 * @ioapic: the IOAPIC
 * @pic_device: c the PICs as a device
 * @ioapic_device: c the IOAPIC as a device
 * @pit: m set once; what it points to has its own lock
 * @pio: r devices by port
 * @mmio: r devices by address
 * @irqfds: m eventfds that interrupt
 * @ioeventfds: m eventfds that addresses signal
 * @zones: m addresses whose writes go to @ring
 * @ring_lock: the kernel's side of @ring
 * @ring: c a page shared with user space: writes that it learns of later
 */
struct slat_irq {
	const struct slat_irq_ops *ops;
	struct mutex lock;	/* creation, tables */
	enum slat_irq_mode mode;
	u32 reserved_pins;
	bool wide_ids;
	bool xapic_broadcast;
	struct list_head apics;
	struct slat_apic_map __rcu *map;
	struct slat_routing __rcu *routing;
	struct list_head acks;
	spinlock_t pic_lock;	/* pic */
	struct slat_pic pic;
	spinlock_t ioapic_lock;	/* ioapic */
	struct slat_ioapic ioapic;
	struct slat_bus_device pic_device;
	struct slat_bus_device ioapic_device;
	struct slat_pit_device *pit;
	struct slat_bus pio;
	struct slat_bus mmio;
	struct list_head irqfds;
	struct list_head ioeventfds;
	struct list_head zones;
	spinlock_t ring_lock;	/* ring */
	struct page *ring;
};

/** slat_irq_has_apics() - local APICs are in the kernel */
static inline bool slat_irq_has_apics(const struct slat_irq *irq)
{
	return READ_ONCE(irq->mode) != SLAT_IRQ_NONE;
}

/** slat_irq_has_chips() - PIC and IOAPIC are in the kernel */
static inline bool slat_irq_has_chips(const struct slat_irq *irq)
{
	/* Pairs with the release that announces them. */
	return smp_load_acquire(&irq->mode) == SLAT_IRQ_KERNEL;
}

static inline struct slat_apic *slat_apic_of(struct slat_lapic *lapic)
{
	return container_of(lapic, struct slat_apic, lapic);
}

/* irq.c */
int slat_irq_setup(void);
void slat_irq_teardown(void);
struct slat_irq *slat_irq_create(const struct slat_irq_ops *ops);
void slat_irq_stop(struct slat_irq *irq);
void slat_irq_destroy(struct slat_irq *irq);
int slat_irq_create_chips(struct slat_irq *irq);
int slat_irq_split(struct slat_irq *irq, u64 reserved_pins);
int slat_irq_x2apic_api(struct slat_irq *irq, u64 flags);

/* ioctl.c */
long slat_irq_ioctl(struct slat_irq *irq, unsigned int cmd, unsigned long arg);

/* deliver.c */
int slat_irq_deliver(struct slat_irq *irq, struct slat_apic *source,
		     const struct slat_message *message);
void slat_irq_kick_pic(struct slat_irq *irq);
int slat_irq_map(struct slat_irq *irq);

/* routing.c */
int slat_irq_route_default(struct slat_irq *irq);
int slat_irq_set_routing(struct slat_irq *irq, const struct kvm_irq_routing __user *user);
int slat_irq_set_gsi(struct slat_irq *irq, enum slat_irq_source source, u32 gsi, bool level);
long slat_irq_signal_msi(struct slat_irq *irq, const struct kvm_msi *msi);
void slat_irq_acked(struct slat_irq *irq, unsigned int chip, unsigned int pin);
void slat_irq_opened(struct slat_irq *irq, unsigned int chip, unsigned int pin);
bool slat_irq_level_route(struct slat_irq *irq, u8 vector);

/* chips.c */
void slat_irq_chips_init(struct slat_irq *irq);
int slat_irq_chips_add(struct slat_irq *irq);
int slat_irq_set_pic(struct slat_irq *irq, unsigned int pin, enum slat_irq_source source,
		     bool level);
int slat_irq_set_ioapic(struct slat_irq *irq, unsigned int pin, enum slat_irq_source source,
			bool level);
int slat_irq_take_pic(struct slat_irq *irq);
void slat_irq_eoi(struct slat_irq *irq, u8 vector, bool level);
long slat_irq_get_chip(struct slat_irq *irq, struct kvm_irqchip *chip);
long slat_irq_set_chip(struct slat_irq *irq, const struct kvm_irqchip *chip);

/* pitdev.c */
long slat_irq_create_pit(struct slat_irq *irq, u32 flags);
void slat_irq_destroy_pit(struct slat_irq *irq);
long slat_irq_get_pit(struct slat_irq *irq, struct kvm_pit_state2 *state);
long slat_irq_set_pit(struct slat_irq *irq, const struct kvm_pit_state2 *state, bool with_flags);
long slat_irq_reinject(struct slat_irq *irq, bool reinject);

/* apic.c */
void slat_apic_init(struct slat_apic *apic, struct slat_irq *irq, u32 id, bool bsp);
void slat_apic_exit(struct slat_apic *apic);
int slat_apic_publish(struct slat_apic *apic);
bool slat_apic_pic_asks(const struct slat_apic *apic);
bool slat_apic_has_interrupt(struct slat_apic *apic);
int slat_apic_take_interrupt(struct slat_apic *apic);
bool slat_apic_eoi_is_silent(const struct slat_apic *apic);
u16 slat_apic_lend(struct slat_apic *apic, u64 exits[SLAT_VECTOR_WORDS]);
bool slat_apic_access(struct slat_apic *apic, u64 gpa, void *data, unsigned int len, bool write);

/* timer.c */
void slat_apic_timer_init(struct slat_apic *apic);
void slat_apic_timer_exit(struct slat_apic *apic);
void slat_apic_timer_set(struct slat_lapic *lapic, u32 count);
u32 slat_apic_timer_left(struct slat_lapic *lapic);
void slat_apic_timer_deadline(struct slat_apic *apic, u64 deadline, u64 host, u64 tsc, u32 khz);
bool slat_apic_timer_over(const struct slat_apic *apic);
void slat_apic_timer_poll(struct slat_apic *apic);
void slat_apic_timer_follow(struct slat_apic *apic);
bool slat_apic_timer_bound(const struct slat_apic *apic, u64 *ticks);
void slat_apic_timer_sleep(struct slat_apic *apic);
void slat_apic_timer_wake(struct slat_apic *apic);

/* irqfd.c */
int slat_irqfd_setup(void);
void slat_irqfd_teardown(void);
long slat_irqfd(struct slat_irq *irq, const struct kvm_irqfd *args);
void slat_irqfd_stop(struct slat_irq *irq);

/* ioeventfd.c */
long slat_ioeventfd(struct slat_irq *irq, const struct kvm_ioeventfd *args);
void slat_ioeventfd_stop(struct slat_irq *irq);

/* coalesced.c */
long slat_coalesced_add(struct slat_irq *irq, const struct kvm_coalesced_mmio_zone *zone);
long slat_coalesced_remove(struct slat_irq *irq, const struct kvm_coalesced_mmio_zone *zone);
void slat_coalesced_stop(struct slat_irq *irq);

#endif /* SLAT_IRQ_IRQ_H */
