// SPDX-License-Identifier: GPL-2.0-only
/*
 * Addresses whose writes signal an eventfd instead of user space.
 */
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/eventfd.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "compat/compat.h"
#include "irq/irq.h"

#define FLAGS	(KVM_IOEVENTFD_FLAG_DATAMATCH | KVM_IOEVENTFD_FLAG_PIO | \
		 KVM_IOEVENTFD_FLAG_DEASSIGN)

/**
 * struct ioeventfd - one of them; constant
 * @device: on the bus
 * @bus: which
 * @link: in irq.ioeventfds; under irq.lock
 * @ctx: the eventfd
 * @addr: the address
 * @len: of a write; 0: any
 * @match: writes of @data only
 * @data: what is written
 */
struct ioeventfd {
	struct slat_bus_device device;
	struct slat_bus *bus;
	struct list_head link;
	struct eventfd_ctx *ctx;
	u64 addr;
	u32 len;
	bool match;
	u64 data;
};

static bool write(struct slat_bus_device *device, u64 addr, unsigned int len, const void *data)
{
	struct ioeventfd *ioeventfd = container_of(device, struct ioeventfd, device);
	u64 value = 0;

	if (addr != ioeventfd->addr || (ioeventfd->len && len != ioeventfd->len))
		return false;
	memcpy(&value, data, len);
	if (ioeventfd->match && value != ioeventfd->data)
		return false;
	slat_eventfd_signal(ioeventfd->ctx);
	return true;
}

static const struct slat_bus_ops ops = { .write = write };

static bool valid(const struct kvm_ioeventfd *args)
{
	switch (args->len) {
	case 0:
		/* Data of no length match nothing. */
		if (args->flags & KVM_IOEVENTFD_FLAG_DATAMATCH)
			return false;
		break;
	case 1:
	case 2:
	case 4:
	case 8:
		break;
	default:
		return false;
	}
	return !(args->flags & ~FLAGS) && args->addr + args->len >= args->addr;
}

/* Whether both would answer to the same write. */
static bool collides(const struct ioeventfd *one, const struct ioeventfd *other)
{
	return one->bus == other->bus && one->addr == other->addr &&
	       (!one->len || !other->len ||
		(one->len == other->len &&
		 (!one->match || !other->match || one->data == other->data)));
}

static long assign(struct slat_irq *irq, struct ioeventfd *new)
{
	struct ioeventfd *other;
	long err;

	mutex_lock(&irq->lock);
	err = -EEXIST;
	list_for_each_entry(other, &irq->ioeventfds, link)
		if (collides(new, other))
			goto unlock;
	err = slat_bus_add(new->bus, new->addr, new->len ?: 1, &new->device);
	if (!err)
		list_add_tail(&new->link, &irq->ioeventfds);
unlock:
	mutex_unlock(&irq->lock);
	return err;
}

static void release(struct ioeventfd *ioeventfd)
{
	eventfd_ctx_put(ioeventfd->ctx);
	kfree(ioeventfd);
}

static long deassign(struct slat_irq *irq, const struct ioeventfd *like)
{
	struct ioeventfd *ioeventfd;
	long err = -ENOENT;

	mutex_lock(&irq->lock);
	list_for_each_entry(ioeventfd, &irq->ioeventfds, link) {
		if (ioeventfd->ctx != like->ctx || ioeventfd->bus != like->bus ||
		    ioeventfd->addr != like->addr || ioeventfd->len != like->len ||
		    ioeventfd->match != like->match ||
		    (like->match && ioeventfd->data != like->data))
			continue;
		slat_bus_remove(ioeventfd->bus, &ioeventfd->device);
		list_del(&ioeventfd->link);
		release(ioeventfd);
		err = 0;
		break;
	}
	mutex_unlock(&irq->lock);
	return err;
}

/**
 * slat_ioeventfd() - KVM_IOEVENTFD
 * @irq: of the VM
 * @args: what user space wants
 *
 * Return: 0; -EINVAL; -EEXIST: another has these writes; -ENOENT: there is none
 * to deassign; -ENOSPC; -ENOMEM; of eventfd_ctx_fdget().
 */
long slat_ioeventfd(struct slat_irq *irq, const struct kvm_ioeventfd *args)
{
	struct ioeventfd *ioeventfd;
	struct eventfd_ctx *ctx;
	long err;

	if (!valid(args))
		return -EINVAL;
	ctx = eventfd_ctx_fdget(args->fd);
	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	ioeventfd = kzalloc(sizeof(*ioeventfd), GFP_KERNEL_ACCOUNT);
	if (!ioeventfd) {
		eventfd_ctx_put(ctx);
		return -ENOMEM;
	}
	*ioeventfd = (struct ioeventfd) {
		.device.ops = &ops,
		.bus = args->flags & KVM_IOEVENTFD_FLAG_PIO ? &irq->pio : &irq->mmio,
		.ctx = ctx,
		.addr = args->addr,
		.len = args->len,
		.match = args->flags & KVM_IOEVENTFD_FLAG_DATAMATCH,
		.data = args->datamatch,
	};
	if (args->flags & KVM_IOEVENTFD_FLAG_DEASSIGN) {
		err = deassign(irq, ioeventfd);
		release(ioeventfd);
		return err;
	}
	err = assign(irq, ioeventfd);
	if (err)
		release(ioeventfd);
	return err;
}

/**
 * slat_ioeventfd_stop() - forget all of them
 * @irq: its buses are used no more
 */
void slat_ioeventfd_stop(struct slat_irq *irq)
{
	struct ioeventfd *ioeventfd, *next;

	list_for_each_entry_safe(ioeventfd, next, &irq->ioeventfds, link)
		release(ioeventfd);
}
