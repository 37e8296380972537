// SPDX-License-Identifier: GPL-2.0-only
/*
 * What test_frame runs to see that a failure is seen: broken HOW
 */
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>

#include <linux/bug.h>
#include <linux/processor.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "unit.h"

static const char *how = "";
static int shared;

static bool is(const char *what)
{
	return !strcmp(how, what);
}

static void *race(void *arg)
{
	for (int i = 0; i < 1000; i++)
		shared++;
	return arg;
}

static void fails(void)
{
	CHECK(!is("check"));
	CHECK_EQ(0, is("eq"));
	CHECK_STREQ(is("streq") ? "a" : NULL, NULL);
}

static void reads_behind_the_end(void)
{
	char *bytes = calloc(4, 1);

	CHECK_EQ(0, bytes[is("asan") ? 4 : 0]);
	free(bytes);
}

static void overflows(void)
{
	int most = is("ubsan") ? INT_MAX : 0;
	int more = most + strlen("1");

	most += 1;
	CHECK_EQ(more, most);
}

static void reaches_a_bug(void)
{
	WARN_ON(is("warn"));
}

static void locks(void)
{
	spinlock_t lock;	/* of nothing */

	spin_lock_init(&lock);
	spin_lock(&lock);
	if (is("alloc"))
		kfree(kzalloc(1, GFP_KERNEL));
	if (is("wait"))
		cpu_relax();
	spin_unlock(&lock);
	kfree(kzalloc(1, GFP_KERNEL));
	cpu_relax();
}

static void races(void)
{
	pthread_t thread;

	if (!is("tsan"))
		return;
	pthread_create(&thread, NULL, race, NULL);
	race(NULL);
	pthread_join(thread, NULL);
}

int main(int argc, char **argv)
{
	static const struct unit_case cases[] = {
		UNIT_CASE(fails),
		UNIT_CASE(reads_behind_the_end),
		UNIT_CASE(overflows),
		UNIT_CASE(reaches_a_bug),
		UNIT_CASE(locks),
		UNIT_CASE(races),
	};

	if (argc > 1)
		how = argv[1];
	return unit_run(cases, ARRAY_SIZE(cases));
}
