// SPDX-License-Identifier: GPL-2.0-only
/*
 * System-core callbacks take a cookie (newer kernels) or nothing (older).
 */
#include <linux/syscore_ops.h>

#include "compat/compat.h"

/* Set before they are registered, constant until they are unregistered. */
static struct {
	int (*suspend)(void);
	void (*resume)(void);
} callbacks;

#ifdef SLAT_HAVE_REGISTER_SYSCORE

static int syscore_suspended(void *data)
{
	return callbacks.suspend();
}

static void syscore_resumed(void *data)
{
	callbacks.resume();
}

static const struct syscore_ops ops = {
	.suspend = syscore_suspended,
	.resume = syscore_resumed,
};

static struct syscore syscore = { .ops = &ops };

#else

static int syscore_suspended(void)
{
	return callbacks.suspend();
}

static void syscore_resumed(void)
{
	callbacks.resume();
}

static struct syscore_ops syscore = {
	.suspend = syscore_suspended,
	.resume = syscore_resumed,
};

#define register_syscore	register_syscore_ops
#define unregister_syscore	unregister_syscore_ops

#endif

/**
 * slat_syscore_register() - be called around system sleep
 * @suspend: called before
 * @resume: called after
 *
 * Process context.  The callbacks run on the last CPU, interrupts off.  There
 * is room for one pair.
 */
void slat_syscore_register(int (*suspend)(void), void (*resume)(void))
{
	callbacks.suspend = suspend;
	callbacks.resume = resume;
	register_syscore(&syscore);
}

/**
 * slat_syscore_unregister() - undo slat_syscore_register()
 *
 * Process context.
 */
void slat_syscore_unregister(void)
{
	unregister_syscore(&syscore);
}
