// SPDX-License-Identifier: GPL-2.0-only
/*
 * Slat's policy is the engine's own.  The other one puts the same tables under
 * a lock: faults hold it for reading; who takes rights away holds it for writing
 * until every CPU that was in the guest has left it, so that whoever gets the
 * lock knows that no TLB has more than the tables.
 */
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "policy.h"
#include "ptab_host.h"
#include "mmu/actor.h"

#define ACCESS	(SLAT_ACCESS_READ | SLAT_ACCESS_WRITE)
/* One write of the interrupt command register reaches so many CPUs (x2APIC clusters). */
#define CLUSTER	16

/* A cache line of its own, as in the kernel. */
struct own {
	unsigned long value;
} __attribute__((aligned(64)));

static struct vcpu {
	struct slat_actor *actor;
	struct slat_cache cache;
	struct own in_guest;	/* what follows: flush_under_lock */
	struct own want_flush;
	struct own answers;
} vcpus[MACHINE_CPUS];

static int vcpu_count;
static int (*cpu_of)(int vcpu);
static int vcpu_of[MACHINE_CPUS];
static void (*flush)(u64 root);
static void (*kicked)(int cpu);
static struct {
	struct own before;
	struct machine_lock lock;
	struct own after;
} big;

struct slat_ptab policy_ptab;

static void slat_kick(int cpu)
{
	kicked(cpu);
	machine_ipi(cpu, false);
}

static void slat_enter(int vcpu)
{
	u64 root;

	if (!slat_ptab_enter(&policy_ptab, vcpus[vcpu].actor, flush, &root))
		abort();
}

static void slat_leave(int vcpu)
{
	slat_actor_leave(vcpus[vcpu].actor);
}

static void install(int vcpu, u64 gfn, void (*filled)(u64 gfn))
{
	if (slat_ptab_install(&policy_ptab, &vcpus[vcpu].cache, gfn, gfn + 1, 1, ACCESS,
			      true) == SLAT_INSTALLED)
		filled(gfn);
}

static void slat_install(int vcpu, u64 gfn, void (*filled)(u64 gfn))
{
	if (slat_ptab_fill_cache(&policy_ptab, &vcpus[vcpu].cache))
		abort();
	machine_spend(machine_costs.lookup);
	slat_actor_host_begin(vcpus[vcpu].actor);
	install(vcpu, gfn, filled);
	slat_actor_host_end(vcpus[vcpu].actor);
}

static void slat_begin(struct slat_batch *batch)
{
	slat_batch_begin(batch, &policy_ptab);
}

const struct policy policy_slat = {
	.name = "slat",
	.enter = slat_enter,
	.leave = slat_leave,
	.install = slat_install,
	.begin = slat_begin,
	.seal = slat_batch_seal,
	.commit = slat_batch_commit,
	.lock = &policy_ptab.lock.lock,
};

static void locked_enter(int index)
{
	struct vcpu *vcpu = &vcpus[index];

	/* Full barrier: pairs with the one in flush_all(). */
	xchg(&vcpu->in_guest.value, 1);
	if (!READ_ONCE(vcpu->want_flush.value))
		return;
	WRITE_ONCE(vcpu->want_flush.value, 0);
	flush(0);
}

static void locked_leave(int index)
{
	smp_store_release(&vcpus[index].in_guest.value, 0);
}

static void locked_install(int vcpu, u64 gfn, void (*filled)(u64 gfn))
{
	if (slat_ptab_fill_cache(&policy_ptab, &vcpus[vcpu].cache))
		abort();
	machine_spend(machine_costs.lookup);
	machine_lock(&big.lock, false);
	install(vcpu, gfn, filled);
	machine_unlock(&big.lock, false);
}

static void locked_begin(struct slat_batch *batch)
{
	machine_lock(&big.lock, true);
	slat_batch_begin(batch, &policy_ptab);
}

static void answer(int cpu)
{
	struct vcpu *vcpu = &vcpus[vcpu_of[cpu]];

	WRITE_ONCE(vcpu->answers.value, vcpu->answers.value + 1);
}

static void flush_all(void)
{
	unsigned long before[MACHINE_CPUS];
	bool sent[MACHINE_CPUS] = { false };
	int cluster = -1;

	for (int i = 0; i < vcpu_count; i++) {
		struct vcpu *vcpu = &vcpus[i];

		WRITE_ONCE(vcpu->want_flush.value, 1);
		smp_mb();	/* pairs with the exchange in locked_enter() */
		if (!READ_ONCE(vcpu->in_guest.value))
			continue;
		before[i] = READ_ONCE(vcpu->answers.value);
		sent[i] = true;
		kicked(cpu_of(i));
		machine_ipi(cpu_of(i), cpu_of(i) / CLUSTER == cluster);
		cluster = cpu_of(i) / CLUSTER;
	}
	for (int i = 0; i < vcpu_count; i++)
		while (sent[i] && READ_ONCE(vcpus[i].answers.value) == before[i])
			unit_weak_yield();
}

static void locked_seal(struct slat_batch *batch)
{
	bool narrowed = batch->narrowed;

	slat_batch_seal(batch);
	if (narrowed)
		flush_all();
	machine_unlock(&big.lock, true);
}

/* Done before the lock was let go. */
static void locked_commit(struct slat_batch *batch)
{
}

const struct policy policy_flush_under_lock = {
	.name = "flush_under_lock",
	.enter = locked_enter,
	.leave = locked_leave,
	.install = locked_install,
	.begin = locked_begin,
	.seal = locked_seal,
	.commit = locked_commit,
	.lock = &big.lock,
};

/**
 * policy_begin() - tables that map nothing
 * @policy: which
 * @count: vCPUs
 * @where: which CPU has a vCPU
 * @on_flush: the running CPU drops all translations
 * @on_kick: called for each IPI
 */
void policy_begin(const struct policy *policy, int count, int (*where)(int vcpu),
		  void (*on_flush)(u64 root), void (*on_kick)(int cpu))
{
	vcpu_count = count;
	cpu_of = where;
	flush = on_flush;
	kicked = on_kick;
	memset(vcpus, 0, sizeof(vcpus));
	big.lock = (struct machine_lock) { 0 };
	if (slat_ptab_init(&policy_ptab, &format, slat_kick) || slat_ptab_get_root(&policy_ptab))
		abort();
	for (int i = 0; i < count; i++) {
		vcpus[i].actor = slat_actor_get(&policy_ptab.epochs);
		if (!vcpus[i].actor)
			abort();
		vcpu_of[cpu_of(i)] = i;
	}
	if (policy == &policy_flush_under_lock)
		machine_handler = answer;
}

static void nothing(u64 gfn)
{
}

/** policy_populate() - all pages are there, writable; before the machine runs */
void policy_populate(int count, unsigned int pages)
{
	for (u64 gfn = 0; gfn < pages; gfn++) {
		if (slat_ptab_fill_cache(&policy_ptab, &vcpus[gfn % count].cache))
			abort();
		install(gfn % count, gfn, nothing);
	}
}

/** policy_end() - nothing of it remains */
void policy_end(void)
{
	for (int i = 0; i < vcpu_count; i++)
		slat_ptab_drain_cache(&policy_ptab, &vcpus[i].cache);
	slat_ptab_destroy(&policy_ptab);
}
