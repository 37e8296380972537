// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PC's clock with battery (Motorola MC146818A).
 *
 * It shows the host's time and cannot be set; it has no interrupts, and no
 * memory beside its registers.
 */
#include <string.h>

#include "rtc.h"

#define SECONDS		0
#define MINUTES		2
#define HOURS		4
#define WEEKDAY		6
#define DAY		7
#define MONTH		8
#define YEAR		9
#define REGISTER_A	10
#define REGISTER_B	11
#define REGISTER_D	13

#define DIVIDER		0x26	/* A: runs, is never in the middle of an update */
#define BINARY		0x04	/* B */
#define HOURS_24	0x02	/* B */
#define VALID		0x80	/* D: the battery is good */

static int field(const struct tm *time, __u8 nr)
{
	switch (nr) {
	case SECONDS:
		return time->tm_sec;
	case MINUTES:
		return time->tm_min;
	case HOURS:
		return time->tm_hour;
	case WEEKDAY:
		return time->tm_wday + 1;
	case DAY:
		return time->tm_mday;
	case MONTH:
		return time->tm_mon + 1;
	case YEAR:
		return time->tm_year % 100;
	case RTC_CENTURY:
		return 19 + time->tm_year / 100;
	default:
		return 0;
	}
}

static __u8 read_register(const struct rtc *rtc)
{
	time_t now = rtc->now();
	struct tm time;
	int value;

	switch (rtc->index) {
	case REGISTER_A:
		return DIVIDER;
	case REGISTER_B:
		return rtc->control;
	case REGISTER_D:
		return VALID;
	default:
		gmtime_r(&now, &time);
		value = field(&time, rtc->index);
		return rtc->control & BINARY ? value : value / 10 << 4 | value % 10;
	}
}

static void bus_read(void *device, __u64 offset, void *data, unsigned int len)
{
	struct rtc *rtc = device;
	__u8 *bytes = data;

	memset(data, 0xff, len);
	pthread_mutex_lock(&rtc->lock);
	if (offset + len == RTC_SIZE)
		bytes[len - 1] = read_register(rtc);
	pthread_mutex_unlock(&rtc->lock);
}

static void bus_write(void *device, __u64 offset, const void *data, unsigned int len)
{
	const __u8 *bytes = data;
	struct rtc *rtc = device;

	pthread_mutex_lock(&rtc->lock);
	if (!offset)
		rtc->index = bytes[0] & 0x7f;	/* bit 7 masks NMIs */
	if (offset + len == RTC_SIZE && rtc->index == REGISTER_B)
		rtc->control = (bytes[len - 1] & BINARY) | HOURS_24;
	pthread_mutex_unlock(&rtc->lock);
}

int slat_rtc_add(struct rtc *rtc, struct bus *ports)
{
	static const struct bus_ops ops = { bus_read, bus_write };

	pthread_mutex_init(&rtc->lock, NULL);
	rtc->control = HOURS_24;
	return slat_bus_add(ports, RTC_BASE, RTC_SIZE, &ops, rtc);
}
