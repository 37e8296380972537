// SPDX-License-Identifier: GPL-2.0-only
/*
 * kmod/vmx/caps.c: what capability MSRs mean, for CPUs that exist and for
 * values that none should have.
 */
#include <linux/kernel.h>
#include <linux/slat.h>
#include <asm/vmx.h>

#include "cpu/cpu.h"
#include "unit.h"
#include "vmx/caps.h"

/* As read on the lab's corei7_skylake_x: all of EPT's features but execute rights by mode. */
static const struct slat_vmx_msrs skylake = {
	.basic = 0x00d810000000002b,
	.misc = 0x600401e0,
	.pinbased = 0x0000007f00000016,
	.procbased = 0xf7f9fffe04006172,
	.procbased2 = 0x02177fff00000000,
	.exit = 0x007fffff00036dfb,
	.entry = 0x0000ffff000011fb,
	.ept_vpid = 0x00000f0106334141,
	.cr0_fixed0 = 0x80000021,
	.cr0_fixed1 = 0xffffffff,
	.cr4_fixed0 = 0x2000,
	.cr4_fixed1 = 0x3727ff,
};

#define SKYLAKE_HW							\
	(SLAT_HW_SLAT | SLAT_HW_SLAT_2M | SLAT_HW_SLAT_1G | SLAT_HW_SLAT_AD | \
	 SLAT_HW_SLAT_EXEC_ONLY | SLAT_HW_TLB_TAGS | SLAT_HW_UNRESTRICTED_GUEST | \
	 SLAT_HW_PML | SLAT_HW_PREEMPTION_TIMER | SLAT_HW_TSC_SCALING |	\
	 SLAT_HW_TPR_SHADOW | SLAT_HW_VIRTUAL_NMIS | SLAT_HW_PAUSE_LOOP | \
	 SLAT_HW_SHADOW_VMCS | SLAT_HW_XSAVES | SLAT_HW_APIC_REGISTERS |	\
	 SLAT_HW_VIRTUAL_INTERRUPTS | SLAT_HW_APIC_ACCESS |		\
	 SLAT_HW_VIRTUAL_X2APIC)

/* As read on its core2_penryn_t9600: no EPT, no VPID, no preemption timer. */
static const struct slat_vmx_msrs penryn = {
	.basic = 0x00d810000000002b,
	.misc = 0x401e0,
	.pinbased = 0x0000003f00000016,
	.procbased = 0xf7f9fffe04006172,
	.procbased2 = 0x0000004100000000,
	.exit = 0x0003ffff00036dfb,
	.entry = 0x00003fff000011fb,
	.cr0_fixed0 = 0x80000021,
	.cr0_fixed1 = 0xffffffff,
	.cr4_fixed0 = 0x2000,
	.cr4_fixed1 = 0x467ff,
};

static struct slat_vmx_caps decode(const struct slat_vmx_msrs *msrs)
{
	struct slat_vmx_caps caps = { 0 };

	CHECK_STREQ(NULL, slat_vmx_caps_decode(msrs, &caps));
	return caps;
}

static void decodes_skylake(void)
{
	struct slat_vmx_caps caps = decode(&skylake);

	CHECK_EQ(SKYLAKE_HW, caps.hw);
	CHECK_EQ(0x2b, caps.revision);
	CHECK_EQ(4, caps.slat_levels);
	CHECK_EQ(65536, caps.tlb_tags);
	CHECK_EQ(0, caps.timer_shift);
}

static void decodes_penryn(void)
{
	struct slat_vmx_caps caps = decode(&penryn);

	CHECK_EQ(SLAT_HW_TPR_SHADOW | SLAT_HW_VIRTUAL_NMIS | SLAT_HW_APIC_ACCESS, caps.hw);
	CHECK_EQ(0x2b, caps.revision);
	CHECK_EQ(0, caps.slat_levels);
	CHECK_EQ(1, caps.tlb_tags);
}

/* A capability goes with its control bit, alone or with what needs it. */
static void follows_each_control_bit(void)
{
	static const struct {
		size_t msr;
		int bit;
		u64 lost;
	} rows[] = {
		{ offsetof(struct slat_vmx_msrs, pinbased), 5, SLAT_HW_VIRTUAL_NMIS },
		{ offsetof(struct slat_vmx_msrs, pinbased), 6, SLAT_HW_PREEMPTION_TIMER },
		{ offsetof(struct slat_vmx_msrs, procbased), 21, SLAT_HW_TPR_SHADOW },
		{ offsetof(struct slat_vmx_msrs, procbased2), 0, SLAT_HW_APIC_ACCESS },
		{ offsetof(struct slat_vmx_msrs, procbased2), 4, SLAT_HW_VIRTUAL_X2APIC },
		{ offsetof(struct slat_vmx_msrs, procbased2), 5, SLAT_HW_TLB_TAGS },
		{ offsetof(struct slat_vmx_msrs, procbased2), 7, SLAT_HW_UNRESTRICTED_GUEST },
		{ offsetof(struct slat_vmx_msrs, procbased2), 8, SLAT_HW_APIC_REGISTERS },
		{ offsetof(struct slat_vmx_msrs, procbased2), 9, SLAT_HW_VIRTUAL_INTERRUPTS },
		{ offsetof(struct slat_vmx_msrs, procbased2), 10, SLAT_HW_PAUSE_LOOP },
		{ offsetof(struct slat_vmx_msrs, procbased2), 14, SLAT_HW_SHADOW_VMCS },
		{ offsetof(struct slat_vmx_msrs, procbased2), 17, SLAT_HW_PML },
		{ offsetof(struct slat_vmx_msrs, procbased2), 20, SLAT_HW_XSAVES },
		{ offsetof(struct slat_vmx_msrs, procbased2), 25, SLAT_HW_TSC_SCALING },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct slat_vmx_msrs msrs = skylake;
		u64 *msr = (u64 *)((char *)&msrs + rows[i].msr);

		*msr &= ~(1ULL << (32 + rows[i].bit));
		CHECK_EQ(SKYLAKE_HW & ~rows[i].lost, decode(&msrs).hw);
	}
}

static void finds_what_skylake_lacks(void)
{
	struct slat_vmx_msrs msrs = skylake;

	msrs.pinbased |= 1ULL << (32 + 7);
	CHECK_EQ(SKYLAKE_HW | SLAT_HW_POSTED_INTERRUPTS, decode(&msrs).hw);

	msrs = skylake;
	msrs.procbased2 |= 1ULL << (32 + 22);
	CHECK_EQ(SKYLAKE_HW | SLAT_HW_MODE_BASED_EXEC, decode(&msrs).hw);
}

static void walks_five_levels_where_possible(void)
{
	struct slat_vmx_msrs msrs = skylake;

	msrs.ept_vpid |= 1ULL << 7;
	CHECK_EQ(5, decode(&msrs).slat_levels);
	CHECK_EQ(SKYLAKE_HW | SLAT_HW_SLAT_5LEVEL, decode(&msrs).hw);
}

/* EPT that the engine cannot use is no EPT, and takes its details along. */
static void drops_ept_that_lacks_a_need(void)
{
	static const int needs[] = { 6, 14, 20, 25, 26 };
	const u64 lost = SLAT_HW_SLAT | SLAT_HW_SLAT_2M | SLAT_HW_SLAT_1G | SLAT_HW_SLAT_AD |
			 SLAT_HW_SLAT_EXEC_ONLY | SLAT_HW_UNRESTRICTED_GUEST | SLAT_HW_PML;

	for (size_t i = 0; i < ARRAY_SIZE(needs); i++) {
		struct slat_vmx_msrs msrs = skylake;

		msrs.ept_vpid &= ~(1ULL << needs[i]);
		CHECK_EQ(SKYLAKE_HW & ~lost, decode(&msrs).hw);
		CHECK_EQ(0, decode(&msrs).slat_levels);
	}
}

static void drops_vpid_that_lacks_a_need(void)
{
	static const int needs[] = { 32, 41, 42 };

	for (size_t i = 0; i < ARRAY_SIZE(needs); i++) {
		struct slat_vmx_msrs msrs = skylake;

		msrs.ept_vpid &= ~(1ULL << needs[i]);
		CHECK_EQ(SKYLAKE_HW & ~SLAT_HW_TLB_TAGS, decode(&msrs).hw);
		CHECK_EQ(1, decode(&msrs).tlb_tags);
	}
}

static void ignores_bits_that_must_be_one(void)
{
	struct slat_vmx_msrs msrs = penryn;

	msrs.pinbased |= 0xffffffff;
	msrs.procbased |= 0xffffffff;
	msrs.procbased2 |= 0xffffffff;
	CHECK_EQ(decode(&penryn).hw, decode(&msrs).hw);
}

static void ignores_ept_bits_without_the_control(void)
{
	struct slat_vmx_msrs msrs = penryn;

	msrs.ept_vpid = ~0ULL;
	CHECK_EQ(decode(&penryn).hw, decode(&msrs).hw);
	CHECK_EQ(0, decode(&msrs).slat_levels);
	CHECK_EQ(1, decode(&msrs).tlb_tags);
}

/* The timer counts as slowly as it says. */
static void reads_the_timers_rate(void)
{
	struct slat_vmx_msrs msrs = skylake;

	msrs.misc |= 7;
	CHECK_EQ(7, decode(&msrs).timer_shift);
}

static void chooses_controls(void)
{
	struct slat_vmx_controls controls;
	struct slat_vmx_msrs msrs;

	CHECK_STREQ(NULL, slat_vmx_choose_controls(&skylake, &controls));
	CHECK(!controls.steps);
	CHECK_EQ(SLAT_APICV_PRIORITY | SLAT_APICV_MEMORY | SLAT_APICV_MSRS | SLAT_APICV_REGISTERS |
		 SLAT_APICV_INTERRUPTS, controls.apicv);
	CHECK(controls.pml);
	CHECK(!(controls.proc2 & 1U << 17));
	msrs = skylake;
	msrs.ept_vpid &= ~(1ULL << 21);
	CHECK_STREQ(NULL, slat_vmx_choose_controls(&msrs, &controls));
	CHECK(!controls.pml);
	msrs = skylake;
	msrs.procbased2 &= ~(1ULL << (32 + 17));
	CHECK_STREQ(NULL, slat_vmx_choose_controls(&msrs, &controls));
	CHECK(!controls.pml);
	msrs = skylake;
	msrs.procbased &= ~(1ULL << (32 + 21));
	CHECK_STREQ(NULL, slat_vmx_choose_controls(&msrs, &controls));
	CHECK_EQ(SLAT_APICV_MEMORY, controls.apicv);
	msrs = skylake;
	msrs.procbased |= 1ULL << (32 + 27);
	CHECK_STREQ(NULL, slat_vmx_choose_controls(&msrs, &controls));
	CHECK(controls.steps);
	CHECK_EQ((u32)skylake.procbased, controls.proc & (u32)skylake.procbased);
	CHECK_EQ(0, controls.proc & ~(skylake.procbased >> 32));
	CHECK_STREQ("it lacks EPT", slat_vmx_choose_controls(&penryn, &controls));

	/* Exits for MOV to CR3, from it, for INVLPG and for RDTSC. */
	for (int bit = 0; bit < 32; bit++) {
		const char *why;

		if (bit != 9 && bit != 12 && bit != 15 && bit != 16)
			continue;
		msrs = skylake;
		msrs.procbased |= 1ULL << bit;
		why = slat_vmx_choose_controls(&msrs, &controls);
		CHECK_STREQ("it insists on exits that Slat has no use for", why);
	}
}

static void revision_has_31_bits(void)
{
	struct slat_vmx_msrs msrs = skylake;

	msrs.basic |= 0xffffffff;
	CHECK_EQ(0x7fffffff, decode(&msrs).revision);
}

static void refuses(u64 basic)
{
	struct slat_vmx_msrs msrs = skylake;
	struct slat_vmx_caps caps;

	msrs.basic = basic;
	CHECK(slat_vmx_caps_decode(&msrs, &caps));
}

static void refuses_a_large_vmcs(void)
{
	refuses((skylake.basic & ~GENMASK_ULL(44, 32)) | 4097ULL << 32);
	refuses(skylake.basic | GENMASK_ULL(44, 32));
}

static void accepts_a_vmcs_of_a_page(void)
{
	struct slat_vmx_msrs msrs = skylake;

	msrs.basic = (skylake.basic & ~GENMASK_ULL(44, 32)) | 4096ULL << 32;
	decode(&msrs);
}

static void refuses_32_bit_addresses(void)
{
	refuses(skylake.basic | 1ULL << 48);
}

static void refuses_each_other_memory_type(void)
{
	for (u64 type = 0; type < 16; type++)
		if (type != 6)
			refuses((skylake.basic & ~GENMASK_ULL(53, 50)) | type << 50);
}

static void survives_all_zeros_and_all_ones(void)
{
	struct slat_vmx_msrs msrs = { 0 };
	struct slat_vmx_caps caps;

	CHECK(slat_vmx_caps_decode(&msrs, &caps));
	memset(&msrs, 0xff, sizeof(msrs));
	CHECK(slat_vmx_caps_decode(&msrs, &caps));
}

#define CR0_LINUX	0x80050033UL
#define CR4_LINUX	0x3726e0UL

static void allows_the_kernels_registers(void)
{
	CHECK_STREQ(NULL, slat_vmx_caps_check_cr(&skylake, CR0_LINUX, CR4_LINUX));
}

static void refuses_registers(void)
{
	static const struct {
		unsigned long cr0;
		unsigned long cr4;
	} rows[] = {
		{ CR0_LINUX & ~1UL, CR4_LINUX },		/* no protection */
		{ CR0_LINUX & ~(1UL << 31), CR4_LINUX },	/* no paging */
		{ CR0_LINUX | 1UL << 32, CR4_LINUX },		/* may not be 1 */
		{ CR0_LINUX, CR4_LINUX & ~0x2000UL },		/* no VMXE */
		{ CR0_LINUX, CR4_LINUX | 1UL << 12 },		/* LA57, not there */
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		CHECK(slat_vmx_caps_check_cr(&skylake, rows[i].cr0, rows[i].cr4));
}

static void timer_ticks(void)
{
	static const struct {
		u32 us, khz, shift, ticks;
	} rows[] = {
		{ 1, 1000000, 0, 1000 },
		{ 100, 3500000, 7, 2734 },		/* 2734.375 */
		{ 1000, 3500000, 5, 109375 },
		{ 1, 1000, 0, 1 },
		{ 1, 1000, 31, 1 },			/* shorter than a tick */
		{ 1, 0, 0, 1 },				/* unknown frequency */
		{ U32_MAX, U32_MAX, 0, U32_MAX },	/* longer than the timer */
		{ U32_MAX, U32_MAX, 31, 8589934 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		CHECK_EQ(rows[i].ticks,
			 slat_vmx_timer_ticks(rows[i].us, rows[i].khz, rows[i].shift));
}

static void timer_us(void)
{
	static const struct {
		u32 ticks, khz, shift, us;
	} rows[] = {
		{ 1000, 1000000, 0, 1 },
		{ 1001, 1000000, 0, 2 },		/* rounds up */
		{ 2734, 3500000, 7, 100 },
		{ 1, 1000, 31, 2147483648U },
		{ U32_MAX, 1, 0, U32_MAX },		/* more than fits */
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		CHECK_EQ(rows[i].us, slat_vmx_timer_us(rows[i].ticks, rows[i].khz, rows[i].shift));
}

/* The bound that users are told is never longer than the one they asked for. */
static void timer_keeps_the_bound(void)
{
	static const u32 times[] = { 1, 7, 50, 100, 999, 12345, 1000000, U32_MAX };
	static const u32 frequencies[] = { 800000, 1000000, 2399998, 3500000, 6200000 };

	for (size_t i = 0; i < ARRAY_SIZE(times); i++)
		for (size_t j = 0; j < ARRAY_SIZE(frequencies); j++)
			for (u32 shift = 0; shift <= 8; shift++) {
				u32 khz = frequencies[j];
				u32 ticks = slat_vmx_timer_ticks(times[i], khz, shift);

				CHECK(ticks == 1 ||
				      slat_vmx_timer_us(ticks, khz, shift) <= times[i]);
			}
}

int main(void)
{
	static const struct unit_case cases[] = {
		UNIT_CASE(decodes_skylake),
		UNIT_CASE(decodes_penryn),
		UNIT_CASE(follows_each_control_bit),
		UNIT_CASE(finds_what_skylake_lacks),
		UNIT_CASE(walks_five_levels_where_possible),
		UNIT_CASE(drops_ept_that_lacks_a_need),
		UNIT_CASE(drops_vpid_that_lacks_a_need),
		UNIT_CASE(ignores_bits_that_must_be_one),
		UNIT_CASE(ignores_ept_bits_without_the_control),
		UNIT_CASE(reads_the_timers_rate),
		UNIT_CASE(chooses_controls),
		UNIT_CASE(revision_has_31_bits),
		UNIT_CASE(refuses_a_large_vmcs),
		UNIT_CASE(accepts_a_vmcs_of_a_page),
		UNIT_CASE(refuses_32_bit_addresses),
		UNIT_CASE(refuses_each_other_memory_type),
		UNIT_CASE(survives_all_zeros_and_all_ones),
		UNIT_CASE(allows_the_kernels_registers),
		UNIT_CASE(refuses_registers),
		UNIT_CASE(timer_ticks),
		UNIT_CASE(timer_us),
		UNIT_CASE(timer_keeps_the_bound),
	};

	return unit_run(cases, ARRAY_SIZE(cases));
}
