// SPDX-License-Identifier: GPL-2.0-only
/*
 * The stand-ins for kernel headers mean what the kernel's mean.
 */
#include <pthread.h>

#include <linux/atomic.h>
#include <linux/kernel.h>
#include <linux/math64.h>

#include "unit.h"

#define THREADS	4
#define ROUNDS	20000

static void masks(void)
{
	CHECK_EQ(0xf0, GENMASK(7, 4));
	CHECK_EQ(~0ULL, GENMASK_ULL(63, 0));
	CHECK_EQ(1ULL << 63, BIT_ULL(63));
}

static void min_and_max_evaluate_once(void)
{
	int n = 0;

	CHECK_EQ(0, min(n++, 5));
	CHECK_EQ(1, n);
	CHECK_EQ(5, max(n++, 5));
	CHECK_EQ(2, n);
	CHECK_EQ(3, clamp(7, 1, 3));
	CHECK_EQ(U32_MAX, min_t(u64, 1ULL << 40, U32_MAX));
}

static void division_keeps_128_bits(void)
{
	CHECK_EQ(U64_MAX, mul_u64_u32_div(U64_MAX, 7, 7));
	CHECK_EQ(4, DIV64_U64_ROUND_UP(10, 3));
}

static void cmpxchg_returns_what_was_there(void)
{
	int word = 1;

	CHECK_EQ(1, cmpxchg(&word, 1, 2));
	CHECK_EQ(2, cmpxchg(&word, 1, 3));
	CHECK_EQ(2, xchg(&word, 4));
	CHECK_EQ(4, READ_ONCE(word));
}

static atomic_t counter;

static void *count(void *arg)
{
	for (int i = 0; i < ROUNDS; i++)
		atomic_inc(&counter);
	return arg;
}

static void atomics_lose_no_update(void)
{
	pthread_t threads[THREADS];

	atomic_set(&counter, 0);
	for (int i = 0; i < THREADS; i++)
		CHECK_EQ(0, pthread_create(&threads[i], NULL, count, NULL));
	for (int i = 0; i < THREADS; i++)
		CHECK_EQ(0, pthread_join(threads[i], NULL));
	CHECK_EQ(THREADS * ROUNDS, atomic_read(&counter));
}

int main(void)
{
	static const struct unit_case cases[] = {
		UNIT_CASE(masks),
		UNIT_CASE(min_and_max_evaluate_once),
		UNIT_CASE(division_keeps_128_bits),
		UNIT_CASE(cmpxchg_returns_what_was_there),
		UNIT_CASE(atomics_lose_no_update),
	};

	return unit_run(cases, ARRAY_SIZE(cases));
}
