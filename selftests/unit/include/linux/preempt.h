/* SPDX-License-Identifier: GPL-2.0-only */
/* Threads of the host may be preempted at any time: the tests must hold all the same. */
#ifndef SLAT_UNIT_LINUX_PREEMPT_H
#define SLAT_UNIT_LINUX_PREEMPT_H

#define preempt_disable()	((void)0)
#define preempt_enable()	((void)0)

#endif /* SLAT_UNIT_LINUX_PREEMPT_H */
