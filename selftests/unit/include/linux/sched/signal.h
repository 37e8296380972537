/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLAT_UNIT_LINUX_SCHED_SIGNAL_H
#define SLAT_UNIT_LINUX_SCHED_SIGNAL_H

#include <linux/types.h>

struct mm_struct;

#define current		(&unit_current)
#define BUS_MCEERR_AR	4

extern struct unit_task {
	struct mm_struct *mm;
	bool signal;
} unit_current;

#define signal_pending(task)	((task)->signal)

void send_sig_mceerr(int code, void *addr, short lsb, struct unit_task *task);

#endif /* SLAT_UNIT_LINUX_SCHED_SIGNAL_H */
