// SPDX-License-Identifier: GPL-2.0-only
/*
 * eventfds that interrupt: delivered where the eventfd is signalled, whatever
 * context that is.
 *
 * One that is level-triggered (resample) holds its GSI until the guest is done
 * with it; then another eventfd asks its owner whether the device still needs
 * service.
 *
 * An irqfd ends when it is deassigned, with the VM, or when the last reference
 * to the eventfd goes (the wakeup says so, under the eventfd's lock, and leaves
 * the rest to a work).  Whoever takes it off irq.irqfds frees it.
 */
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/kernel.h>
#include <linux/poll.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "compat/compat.h"
#include "irq/irq.h"

#define FLAGS	(KVM_IRQFD_FLAG_DEASSIGN | KVM_IRQFD_FLAG_RESAMPLE)

/**
 * struct irqfd - one of them; constant, but where it is said
 * @irq: of the VM
 * @link: in irq.irqfds; under irq.lock
 * @gsi: what it raises
 * @ctx: what interrupts
 * @wait: in the eventfd's queue
 * @poll: puts it there
 * @gone: does what is left when the eventfd goes
 * @resample: asks for another look; NULL: edge-triggered
 * @ack: where it is told of the end of an interrupt
 */
struct irqfd {
	struct slat_irq *irq;
	struct list_head link;
	u32 gsi;
	struct eventfd_ctx *ctx;
	wait_queue_entry_t wait;
	poll_table poll;
	struct work_struct gone;
	struct eventfd_ctx *resample;
	struct slat_ack ack;
};

static struct workqueue_struct *gone_queue;

static void inject(struct irqfd *irqfd)
{
	if (irqfd->resample) {
		slat_irq_set_gsi(irqfd->irq, SLAT_SOURCE_RESAMPLE, irqfd->gsi, true);
		return;
	}
	slat_irq_set_gsi(irqfd->irq, SLAT_SOURCE_IRQFD, irqfd->gsi, true);
	slat_irq_set_gsi(irqfd->irq, SLAT_SOURCE_IRQFD, irqfd->gsi, false);
}

/* The eventfd's lock is held, interrupts are off. */
static int wakeup(wait_queue_entry_t *wait, unsigned int mode, int sync, void *key)
{
	struct irqfd *irqfd = container_of(wait, struct irqfd, wait);
	__poll_t events = key_to_poll(key);
	int taken = 0;

	if (events & EPOLLIN) {
		u64 count;

		eventfd_ctx_do_read(irqfd->ctx, &count);
		inject(irqfd);
		taken = 1;
	}
	if (events & EPOLLHUP)
		queue_work(gone_queue, &irqfd->gone);
	return taken;
}

static void queue_proc(struct file *file, wait_queue_head_t *queue, poll_table *poll)
{
	struct irqfd *irqfd = container_of(poll, struct irqfd, poll);

	add_wait_queue_priority(queue, &irqfd->wait);
}

static void acked(struct slat_ack *ack)
{
	struct irqfd *irqfd = container_of(ack, struct irqfd, ack);

	slat_eventfd_signal(irqfd->resample);
}

/* Off the list, which irq.lock protects. */
static void unlink_irqfd(struct irqfd *irqfd)
{
	list_del_init(&irqfd->link);
	if (irqfd->resample)
		list_del_rcu(&irqfd->ack.link);
}

/* Others may hold the same GSI, all as one source: the last of them lowers it. */
static void lower(struct irqfd *irqfd)
{
	struct slat_irq *irq = irqfd->irq;
	struct slat_ack *ack;
	bool held = false;

	mutex_lock(&irq->lock);
	list_for_each_entry(ack, &irq->acks, link)
		held |= ack->lowers && ack->gsi == irqfd->gsi;
	if (!held)
		slat_irq_set_gsi(irq, SLAT_SOURCE_RESAMPLE, irqfd->gsi, false);
	mutex_unlock(&irq->lock);
}

/* Its work is this, or comes to nothing. */
static void free_irqfd(struct irqfd *irqfd)
{
	if (irqfd->resample) {
		/* Nobody tells it any more, and it holds nothing. */
		synchronize_rcu_expedited();
		lower(irqfd);
		eventfd_ctx_put(irqfd->resample);
	}
	eventfd_ctx_put(irqfd->ctx);
	kfree(irqfd);
}

static void end_irqfd(struct irqfd *irqfd)
{
	u64 count;

	/* No wakeup after this, hence no work but one that is there already. */
	eventfd_ctx_remove_wait_queue(irqfd->ctx, &irqfd->wait, &count);
	cancel_work_sync(&irqfd->gone);
	free_irqfd(irqfd);
}

static void eventfd_gone(struct work_struct *work)
{
	struct irqfd *irqfd = container_of(work, struct irqfd, gone);
	struct slat_irq *irq = irqfd->irq;
	u64 count;

	mutex_lock(&irq->lock);
	/* Who has taken it off waits for this work. */
	if (list_empty(&irqfd->link)) {
		mutex_unlock(&irq->lock);
		return;
	}
	unlink_irqfd(irqfd);
	mutex_unlock(&irq->lock);
	eventfd_ctx_remove_wait_queue(irqfd->ctx, &irqfd->wait, &count);
	free_irqfd(irqfd);
}

static long add(struct irqfd *irqfd, struct file *file)
{
	struct slat_irq *irq = irqfd->irq;
	struct irqfd *other;

	mutex_lock(&irq->lock);
	list_for_each_entry(other, &irq->irqfds, link) {
		if (other->ctx == irqfd->ctx) {
			mutex_unlock(&irq->lock);
			return -EBUSY;
		}
	}
	list_add_tail(&irqfd->link, &irq->irqfds);
	if (irqfd->resample)
		list_add_tail_rcu(&irqfd->ack.link, &irq->acks);
	/* What was signalled before counts. */
	if (vfs_poll(file, &irqfd->poll) & EPOLLIN)
		inject(irqfd);
	mutex_unlock(&irq->lock);
	return 0;
}

static long assign(struct slat_irq *irq, const struct kvm_irqfd *args)
{
	bool resample = args->flags & KVM_IRQFD_FLAG_RESAMPLE;
	struct irqfd *irqfd;
	struct file *file;
	long err;

	if (resample ? !slat_irq_has_chips(irq) : !slat_irq_has_apics(irq))
		return -EINVAL;
	irqfd = kzalloc(sizeof(*irqfd), GFP_KERNEL_ACCOUNT);
	if (!irqfd)
		return -ENOMEM;
	irqfd->irq = irq;
	irqfd->gsi = args->gsi;
	INIT_WORK(&irqfd->gone, eventfd_gone);
	init_waitqueue_func_entry(&irqfd->wait, wakeup);
	init_poll_funcptr(&irqfd->poll, queue_proc);
	irqfd->ack = (struct slat_ack) { .gsi = args->gsi, .lowers = true, .acked = acked };

	file = eventfd_fget(args->fd);
	if (IS_ERR(file)) {
		err = PTR_ERR(file);
		goto free;
	}
	irqfd->ctx = eventfd_ctx_fileget(file);
	if (IS_ERR(irqfd->ctx)) {
		err = PTR_ERR(irqfd->ctx);
		goto put_file;
	}
	if (resample) {
		irqfd->resample = eventfd_ctx_fdget(args->resamplefd);
		if (IS_ERR(irqfd->resample)) {
			err = PTR_ERR(irqfd->resample);
			goto put_ctx;
		}
	}
	err = add(irqfd, file);
	if (!err) {
		/* It may be gone with the file. */
		fput(file);
		return 0;
	}
	if (irqfd->resample)
		eventfd_ctx_put(irqfd->resample);
put_ctx:
	eventfd_ctx_put(irqfd->ctx);
put_file:
	fput(file);
free:
	kfree(irqfd);
	return err;
}

static long deassign(struct slat_irq *irq, const struct kvm_irqfd *args)
{
	struct eventfd_ctx *ctx = eventfd_ctx_fdget(args->fd);
	struct irqfd *irqfd, *found = NULL;

	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	mutex_lock(&irq->lock);
	list_for_each_entry(irqfd, &irq->irqfds, link) {
		if (irqfd->ctx == ctx && irqfd->gsi == args->gsi) {
			unlink_irqfd(irqfd);
			found = irqfd;
			break;
		}
	}
	mutex_unlock(&irq->lock);
	if (found)
		end_irqfd(found);
	eventfd_ctx_put(ctx);
	return 0;
}

/**
 * slat_irqfd() - KVM_IRQFD
 * @irq: of the VM
 * @args: what user space wants
 *
 * Process context.
 *
 * Return: 0; -EINVAL; -EBUSY: the eventfd interrupts already; -ENOMEM; of
 * eventfd_fget().
 */
long slat_irqfd(struct slat_irq *irq, const struct kvm_irqfd *args)
{
	if (args->flags & ~FLAGS)
		return -EINVAL;
	return args->flags & KVM_IRQFD_FLAG_DEASSIGN ? deassign(irq, args) : assign(irq, args);
}

/**
 * slat_irqfd_stop() - end all of them
 * @irq: of a VM that nobody has a descriptor of any more
 */
void slat_irqfd_stop(struct slat_irq *irq)
{
	struct irqfd *irqfd, *next;
	LIST_HEAD(all);

	mutex_lock(&irq->lock);
	list_for_each_entry_safe(irqfd, next, &irq->irqfds, link) {
		unlink_irqfd(irqfd);
		list_add(&irqfd->ack.link, &all);
	}
	mutex_unlock(&irq->lock);
	list_for_each_entry_safe(irqfd, next, &all, ack.link)
		end_irqfd(irqfd);
	/* One that has taken itself off may not be through. */
	flush_workqueue(gone_queue);
}

/**
 * slat_irqfd_setup() - before the first VM
 *
 * Return: 0, -ENOMEM.
 */
int slat_irqfd_setup(void)
{
	gone_queue = alloc_workqueue("slat-irqfd", 0, 0);
	return gone_queue ? 0 : -ENOMEM;
}

/**
 * slat_irqfd_teardown() - after the last VM
 */
void slat_irqfd_teardown(void)
{
	destroy_workqueue(gone_queue);
}
