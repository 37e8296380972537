// SPDX-License-Identifier: GPL-2.0-only
/*
 * userspace/bus.c, rtc.c and power.c: small devices at ports.
 */
#include <errno.h>

#include "power.h"
#include "rtc.h"
#include "unit.h"

static struct bus bus;
static struct rtc rtc;
static struct power power;
static int requested;

/* 2026-11-09 08:07:56 UTC, a Monday. */
static time_t now(void)
{
	return 1794211676;
}

static void request(void *owner, enum power_request what)
{
	CHECK(owner == &bus);
	requested = what;
}

static void begin(void)
{
	bus.nr = 0;
	rtc = (struct rtc){ .now = now };
	power = (struct power){ .request = request, .owner = &bus };
	requested = -1;
	CHECK_EQ(0, slat_rtc_add(&rtc, &bus));
	CHECK_EQ(0, slat_power_add(&power, &bus));
}

static void out(__u16 port, __u16 value, unsigned int len)
{
	slat_bus_write(&bus, port, &value, len);
}

static __u16 in(__u16 port, unsigned int len)
{
	__u16 value = 0;

	slat_bus_read(&bus, port, &value, len);
	return value;
}

static __u8 clock_register(__u8 index)
{
	out(RTC_BASE, index, 1);
	return in(RTC_BASE + 1, 1);
}

static void check_clock(const __u8 *expected)
{
	static const __u8 indices[] = { 0, 2, 4, 6, 7, 8, 9, RTC_CENTURY };

	for (size_t i = 0; i < ARRAY_SIZE(indices); i++)
		CHECK_EQ(expected[i], clock_register(indices[i]));
}

static void the_clock_shows_the_time(void)
{
	begin();
	check_clock((const __u8[]){ 0x56, 0x07, 0x08, 2, 0x09, 0x11, 0x26, 0x20 });
	out(RTC_BASE, 11, 1);
	out(RTC_BASE + 1, 0x06, 1);
	check_clock((const __u8[]){ 56, 7, 8, 2, 9, 11, 26, 20 });
}

static void the_clock_is_at_rest_and_valid(void)
{
	begin();
	CHECK_EQ(0, clock_register(10) & 0x80);
	CHECK_EQ(0x02, clock_register(11));
	CHECK_EQ(0, clock_register(12));
	CHECK_EQ(0x80, clock_register(13));
	/* No interrupts, no 12-hour clock, no stopping; and no register 127. */
	out(RTC_BASE, 11, 1);
	out(RTC_BASE + 1, 0xfb, 1);
	CHECK_EQ(0x02, clock_register(11));
	CHECK_EQ(0, clock_register(0xff));
	out(RTC_BASE, 0x000b | 0x0400, 2);
	CHECK_EQ(0x06, clock_register(11));
}

static void s5_is_off(void)
{
	begin();
	CHECK_EQ(1, in(POWER_BASE + POWER_CONTROL, 2));
	out(POWER_BASE + POWER_CONTROL, 5 << 10, 2);
	CHECK_EQ(-1, requested);
	out(POWER_BASE + POWER_CONTROL, 3 << 10 | 1 << 13, 2);
	CHECK_EQ(-1, requested);
	out(POWER_BASE + POWER_CONTROL, 5 << 10 | 1 << 13, 2);
	CHECK_EQ(POWER_OFF, requested);
}

static void the_reset_registers_restart(void)
{
	begin();
	out(POWER_BASE + POWER_RESET, 0, 1);
	CHECK_EQ(-1, requested);
	out(POWER_BASE + POWER_RESET, POWER_RESET_VALUE, 1);
	CHECK_EQ(POWER_RESTART, requested);
	begin();
	CHECK_EQ(0, in(0x64, 1));
	out(0x64, 0xd1, 1);
	CHECK_EQ(-1, requested);
	out(0x64, 0xfe, 1);
	CHECK_EQ(POWER_RESTART, requested);
}

static void events_never_come(void)
{
	begin();
	out(POWER_BASE + POWER_EVENT, 0xffff, 2);
	CHECK_EQ(0, in(POWER_BASE + POWER_EVENT, 2));
	out(POWER_BASE + POWER_EVENT + 2, 0x0120, 2);
	CHECK_EQ(0x0120, in(POWER_BASE + POWER_EVENT + 2, 2));
}

static void nobody_answers_with_ones(void)
{
	begin();
	CHECK_EQ(0xffff, in(0x80, 2));
	CHECK_EQ(0xffff, in(POWER_BASE + POWER_SIZE - 1, 2));
	out(POWER_BASE + POWER_SIZE, 1, 2);
}

static void devices_do_not_overlap(void)
{
	static const struct bus_ops ops;

	begin();
	CHECK_EQ(-EEXIST, slat_bus_add(&bus, RTC_BASE + 1, 1, &ops, NULL));
	CHECK_EQ(-EEXIST, slat_bus_add(&bus, RTC_BASE - 4, 5, &ops, NULL));
	CHECK_EQ(-EEXIST, slat_bus_add(&bus, 0, 0x10000, &ops, NULL));
	CHECK_EQ(0, slat_bus_add(&bus, RTC_BASE - 4, 4, &ops, NULL));
	CHECK_EQ(0, slat_bus_add(&bus, RTC_BASE + RTC_SIZE, 1, &ops, NULL));
	while (bus.nr < BUS_RANGES_MAX)
		CHECK_EQ(0, slat_bus_add(&bus, 0x8000 + bus.nr, 1, &ops, NULL));
	CHECK_EQ(-ENOSPC, slat_bus_add(&bus, 0x9000, 1, &ops, NULL));
}

int main(void)
{
	static const struct unit_case cases[] = {
		UNIT_CASE(the_clock_shows_the_time),
		UNIT_CASE(the_clock_is_at_rest_and_valid),
		UNIT_CASE(s5_is_off),
		UNIT_CASE(the_reset_registers_restart),
		UNIT_CASE(events_never_come),
		UNIT_CASE(nobody_answers_with_ones),
		UNIT_CASE(devices_do_not_overlap),
	};

	return unit_run(cases, ARRAY_SIZE(cases));
}
