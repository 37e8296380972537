// SPDX-License-Identifier: GPL-2.0-only
/* System-core callbacks take a cookie (newer) or nothing (older). */
#include <linux/syscore_ops.h>

void probe(struct syscore *syscore);

void probe(struct syscore *syscore)
{
	register_syscore(syscore);
}
