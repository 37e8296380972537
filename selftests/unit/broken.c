// SPDX-License-Identifier: GPL-2.0-only
/*
 * What test_frame runs to see that a failure is seen: broken HOW
 */
#include <pthread.h>
#include <stdlib.h>

#include <linux/bug.h>

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
	volatile char *bytes = calloc(4, 1);

	CHECK_EQ(bytes[0], bytes[is("asan") ? 4 : 0]);
	free((void *)bytes);
}

static void overflows(void)
{
	volatile int large = is("ubsan") ? 0x7fffffff : 0;

	CHECK(large + 1 != 2);
}

static void reaches_a_bug(void)
{
	WARN_ON(is("warn"));
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
		UNIT_CASE(races),
	};

	if (argc > 1)
		how = argv[1];
	return unit_run(cases, sizeof(cases) / sizeof(cases[0]));
}
