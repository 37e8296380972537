// SPDX-License-Identifier: GPL-2.0-only
/*
 * The calls on a VM that are about its memory.
 */
#include <linux/compat.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "mmu/slots.h"

static long set_region(struct slat_mmu *mmu, void __user *user)
{
	struct kvm_userspace_memory_region region;

	if (copy_from_user(&region, user, sizeof(region)))
		return -EFAULT;
	return slat_mmu_set_region(mmu, &region);
}

/* Where the last bits of a log are to go; NULL: nowhere. */
static struct slat_final *get_final(const struct slat_memory_region *region)
{
	if (memchr_inv(region->reserved, 0, sizeof(region->reserved)))
		return ERR_PTR(-EINVAL);
	if (!region->dirty_bitmap && !region->dirty_bitmap_size)
		return NULL;
	return slat_final_get(region->dirty_bitmap, region->dirty_bitmap_size);
}

static long set_copied_regions(struct slat_mmu *mmu, const struct slat_memory_region *regions,
			       unsigned int count)
{
	struct slat_final **finals;
	unsigned int got;
	long err = 0;

	finals = kvcalloc(count, sizeof(*finals), GFP_KERNEL_ACCOUNT);
	if (!finals)
		return -ENOMEM;
	for (got = 0; got < count; got++) {
		finals[got] = get_final(&regions[got]);
		if (IS_ERR(finals[got])) {
			err = PTR_ERR(finals[got]);
			break;
		}
	}
	if (!err)
		err = slat_mmu_set_regions(mmu, regions, finals, count);
	while (got--)
		slat_final_put(finals[got]);
	kvfree(finals);
	return err;
}

static long set_regions(struct slat_mmu *mmu, void __user *user)
{
	struct slat_memory_region *regions;
	struct slat_memory_regions head;
	long err = -EFAULT;

	if (copy_from_user(&head, user, sizeof(head)))
		return -EFAULT;
	if (head.flags || head.count > SLAT_SLOTS_MAX ||
	    memchr_inv(head.reserved, 0, sizeof(head.reserved)))
		return -EINVAL;
	if (!head.count)
		return 0;
	regions = kvmalloc_array(head.count, sizeof(*regions), GFP_KERNEL_ACCOUNT);
	if (!regions)
		return -ENOMEM;
	if (!copy_from_user(regions, u64_to_user_ptr(head.regions),
			    array_size(head.count, sizeof(*regions))))
		err = set_copied_regions(mmu, regions, head.count);
	kvfree(regions);
	return err;
}

static long get_dirty_log(struct slat_mmu *mmu, void __user *user)
{
	struct kvm_dirty_log log;

	if (copy_from_user(&log, user, sizeof(log)))
		return -EFAULT;
	return slat_mmu_get_dirty_log(mmu, &log);
}

static long clear_dirty_log(struct slat_mmu *mmu, void __user *user)
{
	struct kvm_clear_dirty_log log;

	if (copy_from_user(&log, user, sizeof(log)))
		return -EFAULT;
	return slat_mmu_clear_dirty_log(mmu, &log);
}

static long reset_rings(struct slat_mmu *mmu, void __user *user)
{
	return slat_mmu_reset_rings(mmu);
}

static int get_epoch(struct slat_dirty_epoch *epoch, const void __user *user)
{
	if (copy_from_user(epoch, user, sizeof(*epoch)))
		return -EFAULT;
	return epoch->flags || memchr_inv(epoch->reserved, 0, sizeof(epoch->reserved)) ?
	       -EINVAL : 0;
}

static long peek_dirty(struct slat_mmu *mmu, void __user *user)
{
	struct slat_dirty_epoch epoch;

	return get_epoch(&epoch, user) ?: slat_mmu_peek_dirty(mmu, &epoch, user);
}

static long end_dirty(struct slat_mmu *mmu, const void __user *user, bool abort)
{
	struct slat_dirty_epoch epoch;
	int err = get_epoch(&epoch, user);

	if (err)
		return err;
	return epoch.bitmap || epoch.pages ? -EINVAL : slat_mmu_end_dirty(mmu, &epoch, abort);
}

static long commit_dirty(struct slat_mmu *mmu, void __user *user)
{
	return end_dirty(mmu, user, false);
}

static long abort_dirty(struct slat_mmu *mmu, void __user *user)
{
	return end_dirty(mmu, user, true);
}

static long zap_all(struct slat_mmu *mmu, void __user *user)
{
	if (user)
		return -EINVAL;
	slat_mmu_zap_all(mmu);
	return 0;
}

static long get_stats(struct slat_mmu *mmu, void __user *user)
{
	struct slat_vm_stats stats;

	if (copy_from_user(&stats, user, sizeof(stats)))
		return -EFAULT;
	if (stats.flags || stats.pad || memchr_inv(stats.reserved, 0, sizeof(stats.reserved)))
		return -EINVAL;
	slat_mmu_get_stats(mmu, &stats);
	return copy_to_user(user, &stats, sizeof(stats)) ? -EFAULT : 0;
}

static const struct {
	unsigned int cmd;
	long (*handler)(struct slat_mmu *mmu, void __user *user);
} ioctls[] = {
	{ KVM_SET_USER_MEMORY_REGION,	set_region },
	{ KVM_GET_DIRTY_LOG,		get_dirty_log },
	{ SLAT_SET_MEMORY_REGIONS,	set_regions },
	{ KVM_CLEAR_DIRTY_LOG,		clear_dirty_log },
	{ KVM_RESET_DIRTY_RINGS,	reset_rings },
	{ SLAT_ZAP_ALL,			zap_all },
	{ SLAT_GET_STATS,		get_stats },
	{ SLAT_POPULATE,		slat_mmu_populate },
	{ SLAT_PEEK_DIRTY,		peek_dirty },
	{ SLAT_COMMIT_DIRTY,		commit_dirty },
	{ SLAT_ABORT_DIRTY,		abort_dirty },
};

/**
 * slat_mmu_ioctl() - a call on a VM
 * @mmu: its memory
 * @cmd: which
 * @arg: its argument
 *
 * Process context of the VM's owner.
 *
 * Return: the call's; -ENOTTY: it is not for memory.
 */
long slat_mmu_ioctl(struct slat_mmu *mmu, unsigned int cmd, unsigned long arg)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(ioctls); i++)
		if (ioctls[i].cmd == cmd)
			return ioctls[i].handler(mmu, (void __user *)arg);
	return -ENOTTY;
}

#ifdef CONFIG_COMPAT
static long get_dirty_log32(struct slat_mmu *mmu, const void __user *user)
{
	struct kvm_dirty_log log;

	if (copy_from_user(&log, user, sizeof(log)))
		return -EFAULT;
	/* The upper half of the union is whatever it was. */
	log.dirty_bitmap = compat_ptr(log.padding2);
	return slat_mmu_get_dirty_log(mmu, &log);
}

static long clear_dirty_log32(struct slat_mmu *mmu, const void __user *user)
{
	struct kvm_clear_dirty_log log;

	if (copy_from_user(&log, user, sizeof(log)))
		return -EFAULT;
	log.dirty_bitmap = compat_ptr(log.padding2);
	return slat_mmu_clear_dirty_log(mmu, &log);
}

/**
 * slat_mmu_compat_ioctl() - the same for a 32-bit program
 * @mmu: its memory
 * @cmd: which
 * @arg: its argument
 *
 * As slat_mmu_ioctl().  Pointers within structures are shorter.
 */
long slat_mmu_compat_ioctl(struct slat_mmu *mmu, unsigned int cmd, unsigned long arg)
{
	if (cmd == KVM_GET_DIRTY_LOG)
		return get_dirty_log32(mmu, compat_ptr(arg));
	if (cmd == KVM_CLEAR_DIRTY_LOG)
		return clear_dirty_log32(mmu, compat_ptr(arg));
	return slat_mmu_ioctl(mmu, cmd, (unsigned long)compat_ptr(arg));
}
#endif
