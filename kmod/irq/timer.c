// SPDX-License-Identifier: GPL-2.0-only
/*
 * The timer of a local APIC (SDM vol. 3A, 11.5.4): a host timer on the CPU
 * where the vCPU runs.  Its interrupt notes that it has fired; the vCPU's thread
 * makes a request of that.
 *
 * Kernels set a deadline for every tick.  Where the hardware ends a stay in the
 * guest by itself it does so for the deadline, which then costs an exit, and no
 * host timer and interrupt.
 */
#include <linux/hrtimer.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/smp.h>
#include <asm/tsc.h>

#include "irq/irq.h"

/* Before the divider it counts nanoseconds. */
#define MIN_PERIOD_NS	200000		/* more often, the host has nothing else to do */
#define MAX_DELAY_S	(10ULL * 365 * 24 * 3600)

static enum hrtimer_restart fired(struct hrtimer *hrtimer)
{
	struct slat_apic *apic = container_of(hrtimer, struct slat_apic, timer.hrtimer);
	bool again = apic->timer.period;

	if (again)
		hrtimer_forward_now(hrtimer, ns_to_ktime(apic->timer.period));
	atomic_inc(&apic->timer.fired);
	apic->irq->ops->kick(apic);
	return again ? HRTIMER_RESTART : HRTIMER_NORESTART;
}

/**
 * slat_apic_timer_init() - a timer that does not run
 * @apic: whose
 */
void slat_apic_timer_init(struct slat_apic *apic)
{
	hrtimer_init(&apic->timer.hrtimer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_PINNED);
	apic->timer.hrtimer.function = fired;
}

/**
 * slat_apic_timer_exit() - undo slat_apic_timer_init()
 * @apic: whose
 */
void slat_apic_timer_exit(struct slat_apic *apic)
{
	hrtimer_cancel(&apic->timer.hrtimer);
}

/* Ticks of the host's TSC until then; 0 if it is over, also if the TSC began anew. */
static u64 span_left(const struct slat_apic_timer *timer)
{
	u64 gone = rdtsc() - timer->begin;

	return gone < timer->span ? timer->span - gone : 0;
}

/**
 * slat_apic_timer_over() - whether a deadline that bounds stays is over
 * @apic: the vCPU's thread has it
 */
bool slat_apic_timer_over(const struct slat_apic *apic)
{
	return apic->timer.span && !span_left(&apic->timer);
}

/**
 * slat_apic_timer_poll() - make a request of a timer that has fired
 * @apic: the vCPU's thread has it
 */
void slat_apic_timer_poll(struct slat_apic *apic)
{
	struct slat_apic_timer *timer = &apic->timer;

	if (slat_apic_timer_over(apic)) {
		/* Not again for the same. */
		slat_apic_timer_wake(apic);
		atomic_set(&timer->fired, 1);
	}
	if (!atomic_read(&timer->fired) || !atomic_xchg(&timer->fired, 0))
		return;
	timer->deadline = 0;
	timer->span = 0;
	slat_lapic_local(&apic->lapic, SLAT_APIC_LVT_TIMER);
}

static void stop(struct slat_apic *apic)
{
	hrtimer_cancel(&apic->timer.hrtimer);
	slat_apic_timer_poll(apic);
	apic->timer.deadline = 0;
	apic->timer.span = 0;
	apic->timer.asleep = false;
}

static void start(struct slat_apic *apic, u64 delay, u64 period)
{
	apic->timer.period = period;
	apic->timer.cpu = raw_smp_processor_id();
	hrtimer_start(&apic->timer.hrtimer, ktime_add_ns(ktime_get(), delay),
		      HRTIMER_MODE_ABS_PINNED);
}

static u64 to_ns(const struct slat_lapic *lapic, u32 count)
{
	return (u64)count << slat_lapic_timer_shift(lapic);
}

/**
 * slat_apic_timer_set() - see slat_lapic_ops.timer_set
 * @lapic: the vCPU's thread has it
 * @count: where it begins; 0: it stops
 */
void slat_apic_timer_set(struct slat_lapic *lapic, u32 count)
{
	struct slat_apic *apic = slat_apic_of(lapic);
	u64 delay = to_ns(lapic, count), period = 0;

	stop(apic);
	if (!count)
		return;
	if (slat_lapic_timer_mode(lapic) == SLAT_TIMER_PERIODIC) {
		period = to_ns(lapic, slat_lapic_reg(lapic, SLAT_APIC_TIMER_INITIAL));
		period = max_t(u64, period, MIN_PERIOD_NS);
	}
	start(apic, delay, period);
}

/**
 * slat_apic_timer_left() - see slat_lapic_ops.timer_left
 * @lapic: the vCPU's thread has it
 */
u32 slat_apic_timer_left(struct slat_lapic *lapic)
{
	struct slat_apic *apic = slat_apic_of(lapic);
	struct hrtimer *hrtimer = &apic->timer.hrtimer;
	s64 left;

	/* A periodic one goes on when it fires. */
	if (slat_lapic_timer_mode(lapic) == SLAT_TIMER_DEADLINE ||
	    !(apic->timer.period ? hrtimer_active(hrtimer) : hrtimer_is_queued(hrtimer)))
		return 0;
	/* At least 1: who sets it to what is left must not stop it. */
	left = ktime_to_ns(hrtimer_get_remaining(hrtimer));
	return clamp_t(s64, left >> slat_lapic_timer_shift(lapic), 1, U32_MAX);
}

/**
 * slat_apic_timer_deadline() - write IA32_TSC_DEADLINE
 * @apic: the vCPU's thread has it
 * @deadline: in the guest's TSC; 0: it stops
 * @host: the host's TSC, just now
 * @tsc: the guest's then
 * @khz: its frequency
 *
 * Nothing happens unless this is the mode of the timer.
 */
void slat_apic_timer_deadline(struct slat_apic *apic, u64 deadline, u64 host, u64 tsc, u32 khz)
{
	u64 ticks = deadline > tsc ? deadline - tsc : 0;

	if (slat_lapic_timer_mode(&apic->lapic) != SLAT_TIMER_DEADLINE)
		return;
	stop(apic);
	if (!deadline)
		return;
	apic->timer.deadline = deadline;
	ticks = min_t(u64, ticks, khz * 1000ULL * MAX_DELAY_S);
	if (apic->timer.bounds_stays && !check_tsc_unstable()) {
		apic->timer.begin = host;
		apic->timer.span = mul_u64_u32_div(ticks, tsc_khz, khz) ?: 1;
	} else {
		start(apic, mul_u64_u32_div(ticks, USEC_PER_SEC, khz), 0);
	}
}

/**
 * slat_apic_timer_bound() - for how long the guest may be entered
 * @apic: its vCPU's thread, about to do so
 * @ticks: of the host's TSC; 0: without a bound
 *
 * Return: whether it may be at all; false: slat_apic_timer_poll() is to be called.
 */
bool slat_apic_timer_bound(const struct slat_apic *apic, u64 *ticks)
{
	*ticks = apic->timer.span ? span_left(&apic->timer) : 0;
	return *ticks || !apic->timer.span;
}

/**
 * slat_apic_timer_sleep() - the thread is about to sleep: the host wakes it
 * @apic: its vCPU's thread
 */
void slat_apic_timer_sleep(struct slat_apic *apic)
{
	if (!apic->timer.span || apic->timer.asleep)
		return;
	apic->timer.asleep = true;
	start(apic, mul_u64_u32_div(span_left(&apic->timer), USEC_PER_SEC, tsc_khz), 0);
}

/**
 * slat_apic_timer_wake() - undo slat_apic_timer_sleep(), if need be
 * @apic: its vCPU's thread
 */
void slat_apic_timer_wake(struct slat_apic *apic)
{
	if (!apic->timer.asleep)
		return;
	apic->timer.asleep = false;
	hrtimer_cancel(&apic->timer.hrtimer);
}

/**
 * slat_apic_timer_follow() - the timer goes where the vCPU has gone
 * @apic: its vCPU's thread, about to run it
 */
void slat_apic_timer_follow(struct slat_apic *apic)
{
	struct hrtimer *hrtimer = &apic->timer.hrtimer;

	if (apic->timer.cpu == raw_smp_processor_id() || !hrtimer_active(hrtimer))
		return;
	preempt_disable();
	apic->timer.cpu = smp_processor_id();
	/* Where it was running it is not now, or has fired. */
	if (hrtimer_cancel(hrtimer))
		hrtimer_start_expires(hrtimer, HRTIMER_MODE_ABS_PINNED);
	preempt_enable();
}
