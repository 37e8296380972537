/* SPDX-License-Identifier: GPL-2.0-only */
/* What other CPUs do just after a change: unit_meanwhile. */
#ifndef SLAT_UNIT_LINUX_SEQLOCK_H
#define SLAT_UNIT_LINUX_SEQLOCK_H

#include <linux/atomic.h>
#include <linux/processor.h>

typedef struct {
	unsigned int sequence;
} seqcount_t;

#define seqcount_init(s)	((s)->sequence = 0)

static inline void write_seqcount_begin(seqcount_t *s)
{
	WRITE_ONCE(s->sequence, s->sequence + 1);
	smp_mb();
}

static inline void write_seqcount_end(seqcount_t *s)
{
	smp_store_release(&s->sequence, s->sequence + 1);
	unit_step();
}

static inline unsigned int read_seqcount_begin(const seqcount_t *s)
{
	unsigned int seq;

	while ((seq = smp_load_acquire(&s->sequence)) & 1)
		cpu_relax();
	return seq;
}

static inline bool read_seqcount_retry(const seqcount_t *s, unsigned int seq)
{
	smp_rmb();
	return READ_ONCE(s->sequence) != seq;
}

#endif /* SLAT_UNIT_LINUX_SEQLOCK_H */
