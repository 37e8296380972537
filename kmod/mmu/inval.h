/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which host addresses are being taken away, so that a fault that looked one up
 * at the same time does not map what it found.
 *
 *	fault				who takes memory away
 *	-----				---------------------
 *	seq = sample			begin: range, count++
 *	look up the host page		pass
 *	HOST section begins		remove translations, wait
 *	  retry?  then give up		... the page goes away ...
 *	  install			end: seq++, count--
 *	HOST section ends
 *
 * A lookup before begin sees count in its section, or the section is passed
 * and what it installed is removed.  A lookup in between sees count or, after
 * the end, another seq.
 */
#ifndef SLAT_MMU_INVAL_H
#define SLAT_MMU_INVAL_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/minmax.h>
#include <linux/types.h>

/**
 * struct slat_inval - what is being invalidated
 * @seq: how many invalidations have ended
 * @count: how many are going on
 * @first: lowest host address that one of those covers; only falls until @count
 *	is 0 again
 * @last: highest one; only rises
 *
 * Written under the tables' lock, read without.
 */
struct slat_inval {
	unsigned long seq;
	unsigned int count;
	unsigned long first;
	unsigned long last;
};

/** slat_inval_begin() - host addresses first to last go away; then pass */
static inline void slat_inval_begin(struct slat_inval *inval, unsigned long first,
				    unsigned long last)
{
	if (inval->count) {
		first = min(first, inval->first);
		last = max(last, inval->last);
	}
	WRITE_ONCE(inval->first, first);
	WRITE_ONCE(inval->last, last);
	WRITE_ONCE(inval->count, inval->count + 1);
}

/** slat_inval_end() - the counterpart of slat_inval_begin() */
static inline void slat_inval_end(struct slat_inval *inval)
{
	WRITE_ONCE(inval->seq, inval->seq + 1);
	/* Who sees the count fall sees the new seq: pairs with slat_inval_retry(). */
	smp_store_release(&inval->count, inval->count - 1);
}

/** slat_inval_sample() - before a host page is looked up */
static inline unsigned long slat_inval_sample(const struct slat_inval *inval)
{
	/* Before the lookup. */
	return smp_load_acquire(&inval->seq);
}

/** slat_inval_retry_range() - in a HOST section: whether host pages may be gone */
static inline bool slat_inval_retry_range(const struct slat_inval *inval, unsigned long seq,
					  unsigned long first, unsigned long last)
{
	/* Before seq: pairs with the release in slat_inval_end(). */
	if (smp_load_acquire(&inval->count) && last >= READ_ONCE(inval->first) &&
	    first <= READ_ONCE(inval->last))
		return true;
	return READ_ONCE(inval->seq) != seq;
}

/** slat_inval_retry() - the same for one of them */
static inline bool slat_inval_retry(const struct slat_inval *inval, unsigned long seq,
				    unsigned long hva)
{
	return slat_inval_retry_range(inval, seq, hva, hva);
}

#endif /* SLAT_MMU_INVAL_H */
