/* SPDX-License-Identifier: GPL-2.0-only */
/* A WARN ends the test program: no code under test may reach one. */
#ifndef SLAT_UNIT_LINUX_BUG_H
#define SLAT_UNIT_LINUX_BUG_H

#include <linux/compiler.h>

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static inline bool unit_warn_on(bool cond, const char *file, int line, const char *what)
{
	if (unlikely(cond)) {
		fprintf(stderr, "%s:%d: %s\n", file, line, what);
		abort();
	}
	return false;
}

#define WARN_ON(cond)		unit_warn_on(cond, __FILE__, __LINE__, #cond)
#define WARN_ON_ONCE(cond)	WARN_ON(cond)
#define BUILD_BUG_ON(cond)	static_assert(!(cond), #cond)

#endif /* SLAT_UNIT_LINUX_BUG_H */
