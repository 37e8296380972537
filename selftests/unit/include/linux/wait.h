/* SPDX-License-Identifier: GPL-2.0-only */
/* Who waits looks again and again; a test may kill it. */
#ifndef SLAT_UNIT_LINUX_WAIT_H
#define SLAT_UNIT_LINUX_WAIT_H

#include <linux/processor.h>

#include <errno.h>

typedef struct {
	int unused;
} wait_queue_head_t;

/* Who begins to wait does this first; true: it is killed. */
extern bool (*unit_waits)(void);

#define init_waitqueue_head(queue)	((void)(queue))
#define wake_up_all(queue)		((void)(queue), unit_without_lock())
#define wait_event_killable(queue, cond)				\
	({								\
		int unit_ret = unit_waits && unit_waits() ? -EINTR : 0; \
									\
		while (!unit_ret && !(cond))				\
			cpu_relax();					\
		unit_ret;						\
	})

#endif /* SLAT_UNIT_LINUX_WAIT_H */
