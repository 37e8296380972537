// SPDX-License-Identifier: GPL-2.0-only
/*
 * AMD-V: which ASID an entry takes and what it flushes; nested entries.
 */
#include <linux/kernel.h>

#include "mmu/format.h"
#include "svm/npt.h"
#include "svm/tag.h"
#include "unit.h"

#define ASIDS	4	/* the host's and three more */
#define ROOT	0x5000
#define OTHER	0x9000

static struct slat_svm_tags cpu, second_cpu;
static struct slat_svm_tag a, b;

static void start(bool by_asid)
{
	cpu = (struct slat_svm_tags) { };
	second_cpu = cpu;
	a = (struct slat_svm_tag) { };
	b = a;
	slat_svm_tags_start(&cpu, ASIDS, by_asid);
	slat_svm_tags_start(&second_cpu, ASIDS, by_asid);
}

static void first_entry_flushes_all(void)
{
	start(true);
	CHECK_EQ(SLAT_FLUSH_ALL, slat_svm_tag_enter(&a, &cpu, ROOT));
	CHECK_EQ(1, a.asid);
	CHECK_EQ(SLAT_FLUSH_NOTHING, slat_svm_tag_enter(&a, &cpu, ROOT));
	CHECK_EQ(1, a.asid);
}

static void asid_of_another_cpu_or_generation_is_not_kept(void)
{
	start(true);
	CHECK(!slat_svm_tag_is_of(&a, &cpu));
	slat_svm_tag_enter(&a, &cpu, ROOT);
	CHECK(slat_svm_tag_is_of(&a, &cpu));
	CHECK(!slat_svm_tag_is_of(&a, &second_cpu));
	/* AMD-V off and on. */
	slat_svm_tags_start(&cpu, ASIDS, true);
	CHECK(!slat_svm_tag_is_of(&a, &cpu));
	slat_svm_tag_enter(&a, &second_cpu, ROOT);
	CHECK(slat_svm_tag_is_of(&a, &second_cpu));
	CHECK(!slat_svm_tag_is_of(&a, &cpu));
}

static void two_vcpus_have_two_asids(void)
{
	start(true);
	slat_svm_tag_enter(&a, &cpu, ROOT);
	CHECK_EQ(SLAT_FLUSH_NOTHING, slat_svm_tag_enter(&b, &cpu, ROOT));
	CHECK_EQ(1, a.asid);
	CHECK_EQ(2, b.asid);
}

static void dropped_root_is_flushed_by_each_vcpu(void)
{
	start(true);
	slat_svm_tag_enter(&a, &cpu, ROOT);
	slat_svm_tag_enter(&b, &cpu, ROOT);
	slat_svm_tags_drop(&cpu, ROOT);
	CHECK_EQ(SLAT_FLUSH_ASID, slat_svm_tag_enter(&a, &cpu, ROOT));
	CHECK_EQ(SLAT_FLUSH_ASID, slat_svm_tag_enter(&b, &cpu, ROOT));
	CHECK_EQ(SLAT_FLUSH_NOTHING, slat_svm_tag_enter(&a, &cpu, ROOT));
}

static void dropped_root_is_no_other_root(void)
{
	start(true);
	slat_svm_tag_enter(&a, &cpu, ROOT);
	slat_svm_tags_drop(&cpu, OTHER);
	CHECK_EQ(SLAT_FLUSH_NOTHING, slat_svm_tag_enter(&a, &cpu, ROOT));
}

static void another_asid_where_one_cannot_be_flushed(void)
{
	start(false);
	slat_svm_tag_enter(&a, &cpu, ROOT);
	slat_svm_tags_drop(&cpu, ROOT);
	CHECK_EQ(SLAT_FLUSH_NOTHING, slat_svm_tag_enter(&a, &cpu, ROOT));
	CHECK_EQ(2, a.asid);
}

static void stale_and_another_root_are_flushed(void)
{
	start(true);
	slat_svm_tag_enter(&a, &cpu, ROOT);
	a.stale = true;
	CHECK_EQ(SLAT_FLUSH_ASID, slat_svm_tag_enter(&a, &cpu, ROOT));
	CHECK_EQ(SLAT_FLUSH_ASID, slat_svm_tag_enter(&a, &cpu, OTHER));
	CHECK_EQ(SLAT_FLUSH_NOTHING, slat_svm_tag_enter(&a, &cpu, OTHER));
}

/* What it left on the first CPU may be outdated when it comes back. */
static void moved_vcpu_takes_another_asid(void)
{
	start(true);
	slat_svm_tag_enter(&a, &cpu, ROOT);
	slat_svm_tag_enter(&a, &second_cpu, ROOT);
	CHECK_EQ(1, a.asid);
	CHECK_EQ(SLAT_FLUSH_NOTHING, slat_svm_tag_enter(&a, &cpu, ROOT));
	CHECK_EQ(2, a.asid);
}

static void asids_of_older_generations_are_nobodys(void)
{
	start(false);
	slat_svm_tag_enter(&a, &cpu, ROOT);
	slat_svm_tag_enter(&b, &cpu, ROOT);
	b.stale = true;
	slat_svm_tag_enter(&b, &cpu, ROOT);
	CHECK_EQ(3, b.asid);
	b.stale = true;
	CHECK_EQ(SLAT_FLUSH_ALL, slat_svm_tag_enter(&b, &cpu, ROOT));
	CHECK_EQ(1, b.asid);
	/* A's number is B's now. */
	CHECK_EQ(SLAT_FLUSH_NOTHING, slat_svm_tag_enter(&a, &cpu, ROOT));
	CHECK_EQ(2, a.asid);
}

static void restarted_cpu_flushes_all(void)
{
	start(true);
	slat_svm_tag_enter(&a, &cpu, ROOT);
	slat_svm_tags_start(&cpu, ASIDS, true);
	CHECK_EQ(SLAT_FLUSH_ALL, slat_svm_tag_enter(&a, &cpu, ROOT));
	CHECK_EQ(SLAT_FLUSH_NOTHING, slat_svm_tag_enter(&b, &cpu, ROOT));
	CHECK_EQ(1, a.asid);
	CHECK_EQ(2, b.asid);
}

/* APM 15.25, tables of four levels. */
static void nested_entries(void)
{
	struct slat_pte_format format;

	slat_npt_format(4, true, 52, &format);
	CHECK_EQ(48, format.phys_bits);
	CHECK_EQ(3, format.largest);
	CHECK_EQ(0x8000000012345025ULL,
		 slat_pte_make_leaf(&format, 0x12345, 1, SLAT_ACCESS_READ, true));
	CHECK_EQ(0x12345067ULL,
		 slat_pte_make_leaf(&format, 0x12345, 1,
				    SLAT_ACCESS_WRITE | SLAT_ACCESS_EXEC, true));
	CHECK_EQ(0x122000a5ULL | 1ULL << 63,
		 slat_pte_make_leaf(&format, 0x12345, 2, SLAT_ACCESS_READ, true));
	CHECK_EQ(0x1234507dULL & ~0x40ULL & ~2ULL,
		 slat_pte_make_leaf(&format, 0x12345, 1, SLAT_ACCESS_EXEC, false));
	CHECK_EQ(SLAT_ACCESS_READ, slat_pte_access(&format, 0x8000000012345025ULL));
	CHECK_EQ(0x8010000012345025ULL,
		 slat_pte_make_leaf(&format, 0x12345, 1, SLAT_ACCESS_HOST_WRITE, true));
	CHECK_EQ(SLAT_ACCESS_READ | SLAT_ACCESS_HOST_WRITE,
		 slat_pte_access(&format, 0x8010000012345025ULL));
	CHECK_EQ(0, slat_pte_access(&format, 0));
}

int main(void)
{
	static const struct unit_case cases[] = {
		UNIT_CASE(first_entry_flushes_all),
		UNIT_CASE(asid_of_another_cpu_or_generation_is_not_kept),
		UNIT_CASE(two_vcpus_have_two_asids),
		UNIT_CASE(dropped_root_is_flushed_by_each_vcpu),
		UNIT_CASE(dropped_root_is_no_other_root),
		UNIT_CASE(another_asid_where_one_cannot_be_flushed),
		UNIT_CASE(stale_and_another_root_are_flushed),
		UNIT_CASE(moved_vcpu_takes_another_asid),
		UNIT_CASE(asids_of_older_generations_are_nobodys),
		UNIT_CASE(restarted_cpu_flushes_all),
		UNIT_CASE(nested_entries),
	};

	return unit_run(cases, ARRAY_SIZE(cases));
}
