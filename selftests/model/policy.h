/* SPDX-License-Identifier: GPL-2.0-only */
/* Two ways to take rights away from CPUs that use them. */
#ifndef SLAT_MODEL_POLICY_H
#define SLAT_MODEL_POLICY_H

#include "mmu/ptab.h"

/**
 * struct policy - one of them
 * @name: in reports
 * @enter: interrupts off: the CPU's TLB is up to date when this returns
 * @leave: interrupts off: it has left the guest
 * @install: a fault's leaf, and what @filled does while nobody takes it away
 * @begin: take what excludes other mutators
 * @seal: let it go
 * @commit: return when nobody uses any more what has been taken away since
 * @lock: what @begin takes
 */
struct policy {
	const char *name;
	void (*enter)(int vcpu);
	void (*leave)(int vcpu);
	void (*install)(int vcpu, u64 gfn, void (*filled)(u64 gfn));
	void (*begin)(struct slat_batch *batch);
	void (*seal)(struct slat_batch *batch);
	void (*commit)(struct slat_batch *batch);
	struct machine_lock *lock;
};

extern const struct policy policy_slat, policy_flush_under_lock;

extern struct slat_ptab policy_ptab;

void policy_begin(const struct policy *policy, int vcpus, int (*cpu_of)(int vcpu),
		  void (*flush)(u64 root), void (*kicked)(int cpu));
void policy_populate(int vcpus, unsigned int pages);
void policy_end(void);

#endif /* SLAT_MODEL_POLICY_H */
