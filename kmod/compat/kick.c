// SPDX-License-Identifier: GPL-2.0-only
#include <linux/cpumask.h>
#include <linux/preempt.h>
#include <linux/smp.h>
#include <asm/smp.h>

#include "compat/compat.h"

/**
 * slat_kick_cpu() - make a CPU leave its guest
 * @cpu: the CPU; nothing happens where it is offline
 *
 * Any context.  The reschedule interrupt: no function call, nothing to wait
 * for.
 */
void slat_kick_cpu(int cpu)
{
	/* By a pointer, as a macro has the name of the member. */
	void (*send)(int cpu) = smp_ops.smp_send_reschedule;

	/* A CPU goes offline only with preemption on everywhere. */
	preempt_disable();
	if (cpu_online(cpu))
		send(cpu);
	preempt_enable();
}
