// SPDX-License-Identifier: GPL-2.0-only
/*
 * What must hold however large the machine is.  The other policy is measured with
 * the same means, and must not pass: they see what they are to see.
 */
#include "machine.h"
#include "migration.h"
#include "unit.h"

enum { SMALL = 8, LARGE = 256 };

static struct migration_result migrate(bool flush_under_lock, int cpus, int halted)
{
	struct migration what = migration_default;
	struct migration_result result;

	what.flush_under_lock = flush_under_lock;
	what.cpus = cpus;
	what.vcpus = cpus - 1;
	what.halted = halted;
	what.rounds = 3;
	migration_run(&what, &result);
	CHECK_EQ(0, result.lost);
	CHECK_EQ(0, result.unlogged);
	return result;
}

/* A reader of the tables: a fault. */
static void readers_do_not_wait(void)
{
	struct migration_result small = migrate(false, SMALL, 0);
	struct migration_result large = migrate(false, LARGE, 0);

	CHECK(small.fault.count > 1000 && large.fault.count > 10 * small.fault.count);
	/* A line that somebody else has, now and then, but no lock. */
	CHECK(large.stall.p99 <= machine_costs.line_far);
	CHECK(large.stall.max <= 4 * machine_costs.line_far);
	CHECK(large.fault.mean * 4 <= small.fault.mean * 5);
	CHECK(large.fault.p99 * 4 <= small.fault.p99 * 5);
}

static void readers_of_the_other_policy_do(void)
{
	struct migration_result small = migrate(true, SMALL, 0);
	struct migration_result large = migrate(true, LARGE, 0);

	CHECK(large.stall.mean > 10 * small.stall.mean);
	CHECK(large.fault.mean > 10 * small.fault.mean);
	/* Until the last CPU has answered. */
	CHECK(large.seal.p99 > 3 * small.seal.p99);
}

static void no_ipi_where_nobody_is_in_the_guest(void)
{
	struct migration_result all = migrate(false, LARGE, LARGE - 1);
	struct migration_result half = migrate(false, LARGE, LARGE / 2);

	CHECK_EQ(0, all.ipis);
	CHECK(half.ipis > 0);
	CHECK(half.ipis_per_commit <= LARGE - 1 - LARGE / 2);
}

static void one_ipi_a_vcpu_and_commit(void)
{
	struct migration_result result = migrate(false, LARGE, 0);

	CHECK(result.ipis > 0);
	CHECK_EQ(1, result.ipis_to_one);
	CHECK(result.ipis <= result.commits * (LARGE - 1));
}

static void no_ipi_under_a_lock(void)
{
	struct migration_result ours = migrate(false, LARGE, 0);
	struct migration_result theirs = migrate(true, LARGE, 0);

	CHECK(ours.ipis > 0);
	CHECK_EQ(0, ours.ipis_under_lock);
	CHECK(theirs.ipis > 0);
	CHECK_EQ(theirs.ipis, theirs.ipis_under_lock);
	/* The lock goes as soon as the epoch has been stored. */
	CHECK(ours.seal.max <= 4 * machine_costs.line_far);
}

int main(void)
{
	static const struct unit_case cases[] = {
		UNIT_CASE(readers_do_not_wait),
		UNIT_CASE(readers_of_the_other_policy_do),
		UNIT_CASE(no_ipi_where_nobody_is_in_the_guest),
		UNIT_CASE(one_ipi_a_vcpu_and_commit),
		UNIT_CASE(no_ipi_under_a_lock),
	};

	return unit_run(cases, ARRAY_SIZE(cases));
}
