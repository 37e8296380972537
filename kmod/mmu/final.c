// SPDX-License-Identifier: GPL-2.0-only
/*
 * The last bits of a dirty log, for the slot's owner.
 *
 * Where they are to go is pinned before anything changes: what is known only
 * when there is no way back can be handed over without fail.
 */
#include <linux/err.h>
#include <linux/highmem.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "mmu/slots.h"

/* The log of the largest slot there may be. */
#define LEN_MAX		(((u64)INT_MAX + 1) / 8)

/**
 * struct slat_final - memory of a user's that can be written without fail
 * @len: its length in bytes
 * @offset: where it begins in the first page
 * @count: pages
 * @pages: pinned
 */
struct slat_final {
	u64 len;
	unsigned int offset;
	unsigned int count;
	struct page *pages[];
};

/**
 * slat_final_get() - pin memory of a user's
 * @user: where it begins
 * @len: its length
 *
 * Process context of that user, no lock held; may sleep.
 *
 * Return: the memory, or an ERR_PTR(): -EINVAL: no log is that long; -EFAULT: it
 * cannot be written; -ENOMEM; -EINTR: the caller is about to die.
 */
struct slat_final *slat_final_get(u64 user, u64 len)
{
	unsigned int offset = offset_in_page(user), count;
	struct slat_final *final;
	int pinned;

	if (!len || len > LEN_MAX)
		return ERR_PTR(-EINVAL);
	if (!access_ok(u64_to_user_ptr(user), len))
		return ERR_PTR(-EFAULT);
	count = DIV_ROUND_UP(offset + len, PAGE_SIZE);
	final = kvmalloc(struct_size(final, pages, count), GFP_KERNEL_ACCOUNT);
	if (!final)
		return ERR_PTR(-ENOMEM);
	*final = (struct slat_final) { .len = len, .offset = offset, .count = count };
	pinned = pin_user_pages_fast(user - offset, count, FOLL_WRITE, final->pages);
	if (pinned == count)
		return final;
	if (pinned > 0)
		unpin_user_pages(final->pages, pinned);
	kvfree(final);
	return ERR_PTR(pinned < 0 ? pinned : -EFAULT);
}

/**
 * slat_final_len() - how long the memory is, in bytes
 * @final: from slat_final_get()
 */
u64 slat_final_len(const struct slat_final *final)
{
	return final->len;
}

/**
 * slat_final_write() - fill it
 * @final: from slat_final_get()
 * @bits: with as many bytes
 *
 * Process context.
 */
void slat_final_write(struct slat_final *final, const void *bits)
{
	unsigned int offset = final->offset;
	u64 left = final->len;
	unsigned int i;

	for (i = 0; i < final->count; i++) {
		size_t part = min_t(u64, left, PAGE_SIZE - offset);

		memcpy_to_page(final->pages[i], offset, bits, part);
		bits += part;
		left -= part;
		offset = 0;
	}
}

/**
 * slat_final_put() - undo slat_final_get()
 * @final: what it returned; NULL: there is nothing to undo
 *
 * Process context.
 */
void slat_final_put(struct slat_final *final)
{
	if (!final)
		return;
	unpin_user_pages_dirty_lock(final->pages, final->count, true);
	kvfree(final);
}
