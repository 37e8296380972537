// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a vCPU's instructions do to guest memory where the module executes them.
 *
 * The slot is looked up, the memory touched and the dirty bit set in one HOST
 * section: whoever changes slots waits for it, and knows what has been written.
 * Where the memory is not there the section ends, and begins again once it is.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/pagemap.h>
#include <linux/uaccess.h>

#include "mmu/mmu.h"

/**
 * struct access - one access, which crosses no page
 * @gpa: where
 * @len: its length
 * @read: where to put what is there, or NULL
 * @old: what is expected to be there, or NULL
 * @new: what to write, or NULL
 */
struct access {
	u64 gpa;
	unsigned int len;
	void *read;
	const void *old;
	const void *new;
};

#define CMPXCHG_USER(type, user, old, new)				\
	({								\
		type __expected = *(const type *)(old);			\
									\
		__try_cmpxchg_user((type __user *)(user), &__expected,	\
				   *(const type *)(new), fault_##type); \
	})

static int cmpxchg_user(void __user *user, const void *old, const void *new, unsigned int len)
{
	int ret;	/* -EFAULT, or whether it has changed */

	switch (len) {
	case 1:
		ret = CMPXCHG_USER(u8, user, old, new);
		break;
	case 2:
		ret = CMPXCHG_USER(u16, user, old, new);
		break;
	case 4:
		ret = CMPXCHG_USER(u32, user, old, new);
		break;
	case 8:
		ret = CMPXCHG_USER(u64, user, old, new);
		break;
	default:
		return -EOPNOTSUPP;
	}
	return ret > 0 ? -EAGAIN : ret;
}

/* Page faults are off. */
static int touch(const struct access *access, void __user *user)
{
	if (access->old)
		return cmpxchg_user(user, access->old, access->new, access->len);
	if (access->new)
		return __copy_to_user_inatomic(user, access->new, access->len) ? -EFAULT : 0;
	return __copy_from_user_inatomic(access->read, user, access->len) ? -EFAULT : 0;
}

/* In a HOST section.  -EFAULT: the memory, at @user, has to be faulted in. */
static int touch_slot(struct slat_mmu *mmu, const struct access *access, void __user **user)
{
	u64 gfn = access->gpa >> PAGE_SHIFT;
	struct slat_slot slot;
	int ret;

	if (!slat_mmu_find_slot(mmu, gfn, &slot) ||
	    (access->new && slot.flags & KVM_MEM_READONLY))
		return 1;
	*user = (void __user *)(slot.hva + ((gfn - slot.gfn) << PAGE_SHIFT) +
				offset_in_page(access->gpa));
	ret = touch(access, *user);
	if (!ret && access->new)
		slat_mmu_mark_dirty(mmu, gfn);
	return ret;
}

static bool fault_in(const struct access *access, void __user *user)
{
	return access->new ? !fault_in_safe_writeable(user, access->len) :
			     !fault_in_readable(user, access->len);
}

static int access_page(struct slat_walker *walker, const struct access *access)
{
	struct slat_mmu *mmu = walker->mmu;
	void __user *user;
	u64 changes;
	int ret;

	for (;;) {
		ret = slat_gate_sample(mmu, &changes);
		if (ret)
			return ret;
		slat_actor_host_begin(walker->actor);
		/* After the barrier: pairs with that in slat_epochs_pass(). */
		if (READ_ONCE(mmu->changes) != changes) {
			slat_actor_host_end(walker->actor);
			continue;
		}
		ret = touch_slot(mmu, access, &user);
		slat_actor_host_end(walker->actor);
		if (ret != -EFAULT)
			return ret;
		/* It may be the memory of a slot that has gone by now. */
		if (!fault_in(access, user) && slat_gate_same(mmu, changes))
			return -EFAULT;
	}
}

static int access_pages(struct slat_walker *walker, u64 gpa, void *data, unsigned int len,
			bool write)
{
	int ret = 0;

	while (!ret && len) {
		unsigned int part = min_t(unsigned int, len, PAGE_SIZE - offset_in_page(gpa));

		ret = access_page(walker, &(struct access) {
			.gpa = gpa,
			.len = part,
			.read = write ? NULL : data,
			.new = write ? data : NULL,
		});
		gpa += part;
		data += part;
		len -= part;
	}
	return ret;
}

/**
 * slat_mmu_read() - read guest memory
 * @walker: the vCPU's
 * @gpa: from this guest-physical address
 * @data: to here
 * @len: so many bytes
 *
 * Process context of the VM's owner, OUTSIDE; may sleep.
 *
 * Return: 0; 1 where there is no memory; -EFAULT where its owner has none; -EINTR:
 * the caller is about to die.
 */
int slat_mmu_read(struct slat_walker *walker, u64 gpa, void *data, unsigned int len)
{
	return access_pages(walker, gpa, data, len, false);
}

/**
 * slat_mmu_write() - write guest memory
 * @walker: the vCPU's
 * @gpa: to this guest-physical address
 * @data: from here
 * @len: so many bytes
 *
 * As slat_mmu_read(); 1 also for memory that is read-only to the guest.
 */
int slat_mmu_write(struct slat_walker *walker, u64 gpa, const void *data, unsigned int len)
{
	return access_pages(walker, gpa, (void *)data, len, true);
}

/**
 * slat_mmu_cmpxchg() - replace guest memory if it has not changed
 * @walker: the vCPU's
 * @gpa: at this guest-physical address, naturally aligned
 * @old: what is expected there
 * @new: what to write
 * @len: 1, 2, 4 or 8
 *
 * Process context of the VM's owner, OUTSIDE; may sleep.
 *
 * Return: 0; -EAGAIN: it has changed; 1: there is no memory, or it is read-only
 * to the guest; -EFAULT: its owner has none; -EOPNOTSUPP: not of this length; -EINTR:
 * the caller is about to die.
 */
int slat_mmu_cmpxchg(struct slat_walker *walker, u64 gpa, const void *old, const void *new,
		     unsigned int len)
{
	return access_page(walker, &(struct access) {
		.gpa = gpa, .len = len, .old = old, .new = new,
	});
}
