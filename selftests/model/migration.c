// SPDX-License-Identifier: GPL-2.0-only
/*
 * A migration: the log of written pages is read again and again, and what it
 * names is sent.  Each read takes the bits, then the right to write, then waits,
 * as slat_mmu_get_dirty_log() does.
 *
 * vCPUs write one page after another.  A write goes through the TLB, which
 * forgets nothing unless it is told to; where it has no right it walks the
 * tables; where those have none it faults.  When all have stopped and the log has
 * been read once more, the last write to each page must have been sent.
 */
#include <stdlib.h>
#include <string.h>

#include <linux/bitops.h>

#include "machine.h"
#include "migration.h"
#include "policy.h"
#include "ptab_host.h"

#define TLB		1536	/* entries of a second-level TLB */
#define PAGES_MAX	(1U << 18)
#define SAMPLES		(1U << 22)
#define BITS		64

const struct migration migration_default = {
	.cpus = 160,
	.sockets = 4,
	.vcpus = 64,
	.pages = 1U << 16,
	.batch = 4096,		/* SLAT_ZAP_BUDGET */
	.think = 5000,
	.rest = 1000 * 1000,
	.rounds = 5,
};

static struct tlb {
	u64 gfn;
	u64 age;
} tlbs[MACHINE_CPUS][TLB];

static struct guest_cpu {
	u64 age;		/* of what the TLB may hold: older entries are gone */
	u64 random;
	uint64_t kicks;		/* by the commit that is under way */
	u64 faults_on;		/* the page that is about to be marked dirty, + 1 */
} guest[MACHINE_CPUS];

static const struct migration *what;
static const struct policy *policy;
static struct migration_result *result;
static atomic_t running;
static int stop;
static unsigned long dirty[PAGES_MAX / BITS];
static unsigned long taken[PAGES_MAX / BITS];	/* out of the log, not yet sent */
static unsigned int written[PAGES_MAX], sent[PAGES_MAX];
static uint64_t kicks;

static struct samples {
	uint32_t *values;
	u64 count;
} stalls, faults, holds, seals, commits;

static void sample(struct samples *samples, u64 value)
{
	if (!samples->values)
		samples->values = malloc(SAMPLES * sizeof(*samples->values));
	if (!samples->values || samples->count == SAMPLES)
		abort();
	samples->values[samples->count++] = value;
}

static int compare(const void *left, const void *right)
{
	uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;

	return (a > b) - (a < b);
}

static struct spread spread(struct samples *samples)
{
	struct spread spread = { .count = samples->count };
	u64 sum = 0;

	if (samples->count) {
		qsort(samples->values, samples->count, sizeof(*samples->values), compare);
		for (u64 i = 0; i < samples->count; i++)
			sum += samples->values[i];
		spread.mean = sum / samples->count;
		spread.p50 = samples->values[samples->count / 2];
		spread.p99 = samples->values[samples->count * 99 / 100];
		spread.max = samples->values[samples->count - 1];
	}
	samples->count = 0;
	return spread;
}

/* CPU 0 migrates; the vCPUs are spread over the others. */
static int cpu_of(int vcpu)
{
	return 1 + vcpu * (what->cpus - 1) / what->vcpus;
}

static int vcpu_of(int cpu)
{
	int vcpu = 0;

	while (cpu_of(vcpu) != cpu)
		vcpu++;
	return vcpu;
}

static void flush(u64 root)
{
	machine_spend(machine_costs.invept);
	guest[unit_cpu].age++;
	result->flushes++;
}

static void kicked(int cpu)
{
	guest[cpu].kicks++;
	kicks++;
	result->ipis_to_one = max(result->ipis_to_one, guest[cpu].kicks);
	result->ipis_per_commit = max(result->ipis_per_commit, kicks);
}

/* Another commit begins. */
static void count_kicks_anew(void)
{
	kicks = 0;
	for (int i = 0; i < what->cpus; i++)
		guest[i].kicks = 0;
}

static u64 random_below(struct guest_cpu *cpu, u64 n)
{
	cpu->random = cpu->random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (cpu->random >> 33) % n;
}

/* Mostly to memory that others do not write. */
static u64 choose_page(struct guest_cpu *cpu, int vcpu)
{
	unsigned int own = what->pages / what->vcpus;

	if (random_below(cpu, 8))
		return vcpu * own + random_below(cpu, own);
	return random_below(cpu, what->pages);
}

/* Whether the log has a page that is being written, or will have it. */
static bool logged(u64 gfn)
{
	if ((dirty[gfn / BITS] | taken[gfn / BITS]) >> gfn % BITS & 1)
		return true;
	/* The leaf comes before the bit. */
	for (int i = 0; i < what->cpus; i++)
		if (guest[i].faults_on == gfn + 1)
			return true;
	return false;
}

/* In the guest. */
static bool try_write(int cpu, u64 gfn)
{
	struct tlb *tlb = &tlbs[cpu][gfn % TLB];
	unsigned int level;
	u64 pte;

	if (tlb->gfn != gfn || tlb->age != guest[cpu].age) {
		pte = hw_walk(slat_table_pa(READ_ONCE(policy_ptab.root)), gfn, &level);
		if (!(slat_pte_access(&format, pte) & SLAT_ACCESS_WRITE))
			return false;
		*tlb = (struct tlb) { .gfn = gfn, .age = guest[cpu].age };
	}
	result->unlogged += !logged(gfn);
	written[gfn]++;
	result->writes++;
	return true;
}

static void mark_dirty(u64 gfn)
{
	unit_weak_or(&dirty[gfn / BITS], BIT(gfn % BITS));
}

static void enter(int vcpu)
{
	machine_interrupts(false);
	policy->enter(vcpu);
}

static void leave(int vcpu)
{
	machine_spend(machine_costs.vm_exit);
	policy->leave(vcpu);
	machine_interrupts(true);
}

static void fault(int vcpu, u64 gfn)
{
	u64 begin = machine_now(), waited = machine_waited();

	leave(vcpu);
	guest[unit_cpu].faults_on = gfn + 1;
	policy->install(vcpu, gfn, mark_dirty);
	guest[unit_cpu].faults_on = 0;
	enter(vcpu);
	sample(&faults, machine_now() - begin);
	sample(&stalls, machine_waited() - waited);
}

/* In the guest, which does something else until then, or for a moment. */
static void compute(int vcpu, u64 until)
{
	while (!machine_guest(until > machine_now() ? until - machine_now() : 0)) {
		leave(vcpu);
		enter(vcpu);
	}
}

static void run_vcpu(int cpu)
{
	int vcpu = vcpu_of(cpu);
	struct guest_cpu *self = &guest[cpu];

	self->random = cpu;
	if (vcpu < what->halted) {
		while (!READ_ONCE(stop))
			machine_spend(what->think);
		goto end;
	}
	enter(vcpu);
	while (!READ_ONCE(stop)) {
		u64 gfn = choose_page(self, vcpu);
		u64 until = machine_now() + what->think / 2 + random_below(self, what->think);

		compute(vcpu, until);
		while (!try_write(cpu, gfn)) {
			fault(vcpu, gfn);
			compute(vcpu, until);
		}
	}
	leave(vcpu);
end:
	result->time = max(result->time, (uint64_t)machine_now());
	atomic_dec(&running);
}

static void take_word(struct slat_batch *batch, unsigned int word)
{
	unsigned long bits;

	/* Whichever it gets. */
	taken[word] = ~0UL;
	bits = xchg(&dirty[word], 0);
	taken[word] = bits;
	if (bits)
		slat_ptab_clean(batch, word * BITS + __ffs(bits), word * BITS + __fls(bits),
				ULONG_MAX);
}

/* Nobody writes to them but through the log. */
static void send_pages(void)
{
	for (unsigned int word = 0; word < what->pages / BITS; word++) {
		for (; taken[word]; taken[word] &= taken[word] - 1) {
			unsigned int gfn = word * BITS + __ffs(taken[word]);

			sent[gfn] = written[gfn];
		}
	}
}

static void read_log(void)
{
	unsigned int words = what->pages / BITS, word = 0;
	struct slat_batch batch;
	u64 begin, seal;

	count_kicks_anew();
	while (word < words) {
		unsigned int end = min(words, word + what->batch / BITS);

		policy->begin(&batch);
		begin = policy->lock->taken;
		while (word < end)
			take_word(&batch, word++);
		seal = machine_now();
		policy->seal(&batch);
		sample(&seals, machine_now() - seal);
		sample(&holds, machine_now() - begin);
		/* Each flush of its own. */
		if (what->flush_under_lock)
			count_kicks_anew();
		/* Interrupts, and faults that have waited. */
		machine_spend(machine_costs.relax);
	}
	begin = machine_now();
	policy->commit(&batch);
	sample(&commits, machine_now() - begin);
	result->commits++;
	send_pages();
}

static void migrate(int cpu)
{
	for (int round = 0; round < what->rounds; round++) {
		machine_spend(what->rest);
		read_log();
	}
	WRITE_ONCE(stop, 1);
	while (atomic_read(&running))
		machine_spend(machine_costs.relax);
	read_log();
	for (unsigned int gfn = 0; gfn < what->pages; gfn++)
		result->lost += written[gfn] != sent[gfn];
}

/**
 * migration_run() - one migration
 * @migration: of what, how
 * @into: what it took
 */
void migration_run(const struct migration *migration, struct migration_result *into)
{
	what = migration;
	result = into;
	policy = what->flush_under_lock ? &policy_flush_under_lock : &policy_slat;
	if (what->pages > PAGES_MAX || what->vcpus >= what->cpus || what->pages % what->batch)
		abort();
	*result = (struct migration_result) { 0 };
	memset(guest, 0, sizeof(guest));
	memset(tlbs, 0, sizeof(tlbs));
	memset(written, 0, sizeof(written));
	memset(sent, 0, sizeof(sent));
	/* Nothing has been sent. */
	memset(dirty, 0xff, sizeof(dirty));
	stop = 0;
	atomic_set(&running, what->vcpus);
	for (int i = 0; i < what->cpus; i++)
		guest[i].age = 1;

	machine_begin(what->cpus, what->sockets);
	policy_begin(policy, what->vcpus, cpu_of, flush, kicked);
	policy_populate(what->vcpus, what->pages);
	machine_start(0, migrate);
	for (int i = 0; i < what->vcpus; i++)
		machine_start(cpu_of(i), run_vcpu);
	machine_run();

	policy_end();
	result->ipis = machine_counts.ipis;
	result->ipis_under_lock = machine_counts.ipis_under_lock;
	result->ipis_outside = machine_counts.ipis_outside;
	result->stall = spread(&stalls);
	result->fault = spread(&faults);
	result->hold = spread(&holds);
	result->seal = spread(&seals);
	result->commit = spread(&commits);
}
