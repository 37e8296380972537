/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A test program on the build host: cases in a table, results as TAP.
 *
 *	static void adds(void)
 *	{
 *		CHECK_EQ(2, 1 + 1);
 *	}
 *
 *	int main(void)
 *	{
 *		static const struct unit_case cases[] = { UNIT_CASE(adds) };
 *
 *		return unit_run(cases, ARRAY_SIZE(cases));
 *	}
 *
 * CHECK_*() notes a failure and goes on; the program exits with 1 if there was
 * one.  They may be used from any thread, and in helpers.
 */
#ifndef SLAT_UNIT_H
#define SLAT_UNIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))
#endif

struct unit_case {
	const char *name;
	void (*run)(void);
};

#define UNIT_CASE(fn)	{ .name = #fn, .run = fn }

/* What failed in the running case. */
static int unit_failures;

#define CHECK(cond)							\
	unit_check(!!(cond), __FILE__, __LINE__, #cond)
#define CHECK_EQ(expected, seen)					\
	unit_check_eq((unsigned long long)(expected), (unsigned long long)(seen), \
		      __FILE__, __LINE__, #seen)
#define CHECK_STREQ(expected, seen)					\
	unit_check_streq(expected, seen, __FILE__, __LINE__, #seen)

static inline bool unit_fail(void)
{
	__atomic_add_fetch(&unit_failures, 1, __ATOMIC_SEQ_CST);
	return false;
}

static inline bool unit_check(bool ok, const char *file, int line, const char *cond)
{
	if (ok)
		return true;
	printf("# %s:%d: not true: %s\n", file, line, cond);
	return unit_fail();
}

static inline bool unit_check_eq(unsigned long long expected, unsigned long long seen,
				 const char *file, int line, const char *what)
{
	if (expected == seen)
		return true;
	printf("# %s:%d: %s is %llu (0x%llx), expected %llu (0x%llx)\n", file, line, what,
	       seen, seen, expected, expected);
	return unit_fail();
}

/* NULL is a string like no other. */
static inline bool unit_check_streq(const char *expected, const char *seen, const char *file,
				    int line, const char *what)
{
	if (expected == seen || (expected && seen && !strcmp(expected, seen)))
		return true;
	printf("# %s:%d: %s is '%s', expected '%s'\n", file, line, what,
	       seen ? seen : "(null)", expected ? expected : "(null)");
	return unit_fail();
}

static inline int unit_run(const struct unit_case *cases, size_t nr)
{
	size_t failed = 0;

	/* A sanitizer may end the program at once: lose no line. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("TAP version 13\n1..%zu\n", nr);
	for (size_t i = 0; i < nr; i++) {
		unit_failures = 0;
		cases[i].run();
		printf("%s %zu - %s\n", unit_failures ? "not ok" : "ok", i + 1, cases[i].name);
		failed += !!unit_failures;
	}
	return failed ? 1 : 0;
}

#endif /* SLAT_UNIT_H */
