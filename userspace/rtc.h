/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The PC's clock with battery: what time it is when a guest starts.
 */
#ifndef SLAT_RTC_H
#define SLAT_RTC_H

#include <pthread.h>
#include <time.h>

#include "bus.h"

#define RTC_BASE	0x70	/* index, then data */
#define RTC_SIZE	2
#define RTC_CENTURY	0x32	/* the register that the FADT names */

/**
 * struct rtc - the clock
 * @now: gives the time of day, in UTC
 * @lock: protects what follows
 * @index: the register that is seen
 * @control: register B
 */
struct rtc {
	time_t (*now)(void);
	pthread_mutex_t lock;
	__u8 index, control;
};

/**
 * slat_rtc_add() - put a clock on a bus
 * @rtc: with @now
 * @ports: the bus
 *
 * Return: 0 or -errno.
 */
int slat_rtc_add(struct rtc *rtc, struct bus *ports);

#endif /* SLAT_RTC_H */
