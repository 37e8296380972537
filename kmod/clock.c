// SPDX-License-Identifier: GPL-2.0-only
/*
 * The paravirtual clock of a VM: nanoseconds that follow from the host's TSC
 * alone, by one rule for all vCPUs, so that they agree wherever they are read.
 *
 * It changes only when user space sets it.
 */
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/timekeeping.h>
#include <linux/uaccess.h>
#include <asm/msr.h>
#include <asm/tsc.h>

#include "config.h"

/**
 * slat_clock_rate() - how ticks become nanoseconds
 * @khz: ticks in a millisecond, not 0
 * @mul: filled in: 2^-32 nanoseconds for a tick that is shifted
 * @shift: filled in: to the left; negative: to the right
 *
 * The factor has all of its 32 bits.
 */
void slat_clock_rate(u32 khz, u32 *mul, s8 *shift)
{
	u64 hz = khz * 1000ULL;

	*shift = 0;
	for (; hz > 2 * NSEC_PER_SEC; hz >>= 1)
		--*shift;
	for (; hz <= NSEC_PER_SEC; hz <<= 1)
		++*shift;
	*mul = div64_u64((u64)NSEC_PER_SEC << 32, hz);
}

/* At a time of the host's TSC; locked. */
static u64 at(const struct slat_clock *clock, u64 tsc)
{
	s64 ticks = tsc - clock->tsc;
	s8 shift;
	u32 mul;

	lockdep_assert_held(&clock->lock);
	/* The TSCs of two CPUs may differ by a few. */
	if (ticks < 0)
		return clock->ns;
	slat_clock_rate(tsc_khz, &mul, &shift);
	ticks = shift < 0 ? ticks >> -shift : ticks << shift;
	return clock->ns + mul_u64_u32_shr(ticks, mul, 32);
}

/**
 * slat_clock_init() - it begins at 0
 * @clock: of a new VM
 */
void slat_clock_init(struct slat_clock *clock)
{
	mutex_init(&clock->lock);
	clock->tsc = rdtsc_ordered();
	clock->ns = 0;
	clock->generation = 1;
}

/**
 * slat_clock_read() - from where it counts, and what time it was then
 * @clock: whose
 * @tsc: filled in: the host's TSC
 * @ns: filled in: the clock at that time
 *
 * Process context.
 *
 * Return: the generation of the two.
 */
u32 slat_clock_read(struct slat_clock *clock, u64 *tsc, u64 *ns)
{
	u32 generation;

	mutex_lock(&clock->lock);
	*tsc = clock->tsc;
	*ns = clock->ns;
	generation = clock->generation;
	mutex_unlock(&clock->lock);
	return generation;
}

/**
 * slat_clock_wall() - the wall clock when the VM's was 0
 * @clock: whose
 *
 * Process context.
 *
 * Return: nanoseconds.
 */
u64 slat_clock_wall(struct slat_clock *clock)
{
	u64 now;

	mutex_lock(&clock->lock);
	now = ktime_get_real_ns() - at(clock, rdtsc_ordered());
	mutex_unlock(&clock->lock);
	return now;
}

/**
 * slat_clock_get() - KVM_GET_CLOCK
 * @clock: whose
 * @user: filled in
 *
 * Return: 0; -EFAULT.
 */
long slat_clock_get(struct slat_clock *clock, struct kvm_clock_data __user *user)
{
	struct kvm_clock_data data = { .flags = KVM_CLOCK_REALTIME | KVM_CLOCK_HOST_TSC };

	if (!check_tsc_unstable())
		data.flags |= KVM_CLOCK_TSC_STABLE;
	mutex_lock(&clock->lock);
	data.host_tsc = rdtsc_ordered();
	data.realtime = ktime_get_real_ns();
	data.clock = at(clock, data.host_tsc);
	mutex_unlock(&clock->lock);
	return copy_to_user(user, &data, sizeof(data)) ? -EFAULT : 0;
}

/**
 * slat_clock_set() - KVM_SET_CLOCK
 * @clock: whose
 * @user: what time it is, or was
 *
 * vCPUs have the old one until they leave the guest.
 *
 * What slat_clock_get() has said is taken back as it is: of its flags
 * KVM_CLOCK_REALTIME alone counts.
 *
 * Return: 0; -EINVAL: unknown flags; -EFAULT.
 */
long slat_clock_set(struct slat_clock *clock, const struct kvm_clock_data __user *user)
{
	struct kvm_clock_data data;
	u64 now;

	if (copy_from_user(&data, user, sizeof(data)))
		return -EFAULT;
	if (data.flags & ~SLAT_CLOCK_FLAGS)
		return -EINVAL;
	mutex_lock(&clock->lock);
	clock->tsc = rdtsc_ordered();
	now = ktime_get_real_ns();
	clock->ns = data.clock;
	if (data.flags & KVM_CLOCK_REALTIME && now > data.realtime)
		clock->ns += now - data.realtime;
	/* 0 is nobody's. */
	WRITE_ONCE(clock->generation, clock->generation + 1 ?: 1);
	mutex_unlock(&clock->lock);
	return 0;
}
