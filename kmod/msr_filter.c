// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which MSRs a guest may use, as user space has said (KVM_X86_SET_MSR_FILTER).
 *
 * A filter is constant.  vCPUs look it up under RCU, without a lock; another one
 * replaces it as a whole.  MSRs that a guest reaches without an exit are looked
 * up by nobody: intercept_msrs says whether the filter denies one of them, and
 * is read INSIDE, so that who replaces the filter and then makes all vCPUs leave
 * the guest (slat_mmu_expel()) knows that they come back under the new one.
 */
#include <linux/bitmap.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "config.h"
#include "cpu/regs.h"

#define ACCESSES	(KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE)

/* x2APIC's are the interrupt controller's business. */
#define X2APIC_FIRST	0x800
#define X2APIC_LAST	0x8ff

/**
 * struct slat_msr_range - MSRs that follow each other
 * @access: KVM_MSR_FILTER_*: what the range is about
 * @base: the first of them
 * @count: how many they are; 0: no range
 * @allowed: a bit for each
 */
struct slat_msr_range {
	u32 access;
	u32 base;
	u32 count;
	unsigned long *allowed;
};

/**
 * struct slat_msr_filter - which MSRs a guest may use; constant
 * @deny: what no range is about is denied, not allowed
 * @ranges: the first one that is about an MSR counts
 */
struct slat_msr_filter {
	bool deny;
	struct slat_msr_range ranges[KVM_MSR_FILTER_MAX_RANGES];
};

static bool allows(const struct slat_msr_filter *filter, u32 index, u32 access)
{
	int i;

	if (!filter || (index >= X2APIC_FIRST && index <= X2APIC_LAST))
		return true;
	for (i = 0; i < ARRAY_SIZE(filter->ranges); i++) {
		const struct slat_msr_range *range = &filter->ranges[i];

		if (index - range->base < range->count && range->access & access)
			return test_bit(index - range->base, range->allowed);
	}
	return !filter->deny;
}

/**
 * slat_msr_filter_allows() - whether a guest may use an MSR
 * @config: its VM's settings
 * @index: which MSR
 * @access: KVM_MSR_FILTER_READ or KVM_MSR_FILTER_WRITE
 *
 * Any context but NMI.
 */
bool slat_msr_filter_allows(const struct slat_config *config, u32 index, u32 access)
{
	bool ret;

	rcu_read_lock();
	ret = allows(rcu_dereference(config->msr_filter), index, access);
	rcu_read_unlock();
	return ret;
}

static void filter_free(struct slat_msr_filter *filter)
{
	int i;

	if (!filter)
		return;
	for (i = 0; i < ARRAY_SIZE(filter->ranges); i++)
		kfree(filter->ranges[i].allowed);
	kfree(filter);
}

static int range_make(struct slat_msr_range *range, const struct kvm_msr_filter_range *from)
{
	size_t size = BITS_TO_LONGS((u64)from->nmsrs) * sizeof(long);

	if (!from->nmsrs)
		return 0;
	if (!from->flags || from->flags & ~ACCESSES || size > KVM_MSR_FILTER_MAX_BITMAP_SIZE)
		return -EINVAL;
	range->allowed = memdup_user((void __user *)from->bitmap, size);
	if (IS_ERR(range->allowed)) {
		int err = PTR_ERR(range->allowed);

		range->allowed = NULL;
		return err;
	}
	range->access = from->flags;
	range->base = from->base;
	range->count = from->nmsrs;
	return 0;
}

/* NULL where all is allowed: that needs no filter. */
static struct slat_msr_filter *filter_make(const struct kvm_msr_filter *from)
{
	struct slat_msr_filter *filter;
	bool empty = true;
	int i, err;

	if (from->flags & ~KVM_MSR_FILTER_DEFAULT_DENY)
		return ERR_PTR(-EINVAL);
	for (i = 0; i < ARRAY_SIZE(from->ranges); i++)
		empty &= !from->ranges[i].nmsrs;
	/* Deny everything: more likely a structure that was never filled in. */
	if (empty)
		return from->flags ? ERR_PTR(-EINVAL) : NULL;

	filter = kzalloc(sizeof(*filter), GFP_KERNEL_ACCOUNT);
	if (!filter)
		return ERR_PTR(-ENOMEM);
	filter->deny = from->flags & KVM_MSR_FILTER_DEFAULT_DENY;
	for (i = 0; i < ARRAY_SIZE(filter->ranges); i++) {
		err = range_make(&filter->ranges[i], &from->ranges[i]);
		if (err) {
			filter_free(filter);
			return ERR_PTR(err);
		}
	}
	return filter;
}

static bool denies_own(const struct slat_msr_filter *filter)
{
	int i;

	for (i = 0; i < SLAT_OWN_MSRS; i++)
		if (!allows(filter, slat_cpu_own_msrs[i], KVM_MSR_FILTER_READ) ||
		    !allows(filter, slat_cpu_own_msrs[i], KVM_MSR_FILTER_WRITE))
			return true;
	return false;
}

/**
 * slat_msr_filter_set() - KVM_X86_SET_MSR_FILTER
 * @config: the VM's settings
 * @filter: the filter, nobody else's; its bitmaps are user space's
 *
 * Process context.  Vcpus that are in the guest are so under the old filter: the
 * caller makes them leave.
 *
 * Return: 0; -EINVAL: an unknown flag, a range about neither reads nor writes or
 * too long, or all is denied; -EFAULT; -ENOMEM.
 */
long slat_msr_filter_set(struct slat_config *config, const struct kvm_msr_filter *filter)
{
	struct slat_msr_filter *new = filter_make(filter), *old;

	if (IS_ERR(new))
		return PTR_ERR(new);
	mutex_lock(&config->lock);
	old = rcu_replace_pointer(config->msr_filter, new, lockdep_is_held(&config->lock));
	WRITE_ONCE(config->intercept_msrs, denies_own(new));
	mutex_unlock(&config->lock);
	if (old) {
		synchronize_rcu();
		filter_free(old);
	}
	return 0;
}

#ifdef CONFIG_COMPAT
/**
 * slat_msr_filter_set32() - the same for a 32-bit program
 * @config: the VM's settings
 * @user: struct slat_msr_filter32
 *
 * Return: as slat_msr_filter_set().
 */
long slat_msr_filter_set32(struct slat_config *config, const void __user *user)
{
	struct slat_msr_filter32 from;
	struct kvm_msr_filter filter;
	int i;

	if (copy_from_user(&from, user, sizeof(from)))
		return -EFAULT;
	filter.flags = from.flags;
	for (i = 0; i < ARRAY_SIZE(filter.ranges); i++)
		filter.ranges[i] = (struct kvm_msr_filter_range) {
			.flags = from.ranges[i].flags,
			.nmsrs = from.ranges[i].nmsrs,
			.base = from.ranges[i].base,
			.bitmap = (__force __u8 *)compat_ptr(from.ranges[i].bitmap),
		};
	return slat_msr_filter_set(config, &filter);
}
#endif

/**
 * slat_msr_filter_free() - undo slat_msr_filter_set()
 * @config: the settings of a VM that nobody uses any more
 */
void slat_msr_filter_free(struct slat_config *config)
{
	filter_free(rcu_access_pointer(config->msr_filter));
}
