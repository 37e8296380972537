// SPDX-License-Identifier: GPL-2.0-only
/*
 * Virtualisation on the host's CPUs: on while the module is loaded, off
 * whenever somebody else needs the CPU as it was.
 *
 *	a CPU comes or goes	hotplug callbacks, below
 *	system sleep		hotplug for all CPUs but one, syscore for that
 *	restart, halt, kexec	reboot notifier: off everywhere, for good
 *	panic, crash kernel	emergency callback on each CPU, in NMI context
 *
 * Owning KVM's CPU-hotplug state is what makes Slat the only owner: KVM takes
 * that state before any of the kernel's other single-owner hooks, and so does
 * Slat.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/reboot.h>
#include <linux/smp.h>
#include <asm/reboot.h>

#include "compat/compat.h"
#include "host.h"

/*
 * hw	set before the hotplug state is claimed, constant while it is held
 * cpus	a CPU's bit is changed by that CPU alone, interrupts off, atomically;
 *	anybody may read
 * down	set once, under cpus_read_lock(); read by hotplug callbacks, which
 *	exclude that lock, and by a stopped machine
 */
static struct {
	const struct slat_hw_ops *hw;
	struct cpumask cpus;
	bool down;
} host;

/* What one CPU answered to a cross call. */
struct host_answer {
	int err;
	struct slat_why why;
};

static void host_enable_local(void *data)
{
	struct host_answer *answer = data;

	lockdep_assert_irqs_disabled();
	answer->err = host.hw->cpu_enable(&answer->why);
	if (!answer->err)
		cpumask_set_cpu(smp_processor_id(), &host.cpus);
}

static void host_disable_local(void *unused)
{
	lockdep_assert_irqs_disabled();
	if (cpumask_test_and_clear_cpu(smp_processor_id(), &host.cpus))
		host.hw->cpu_disable();
}

static int host_cpu_online(unsigned int cpu)
{
	struct host_answer answer = { };
	unsigned long flags;

	if (host.down)
		return 0;

	local_irq_save(flags);
	host_enable_local(&answer);
	local_irq_restore(flags);
	if (!answer.err)
		return 0;

	pr_err("CPU%u: no %s here: %s\n", cpu, host.hw->name,
	       answer.why.text);
	return SLAT_CPUHP_MAY_FAIL ? answer.err : 0;
}

static int host_cpu_offline(unsigned int cpu)
{
	unsigned long flags;

	local_irq_save(flags);
	host_disable_local(NULL);
	local_irq_restore(flags);
	return 0;
}

static int host_suspend(void)
{
	host_disable_local(NULL);
	return 0;
}

static void host_resume(void)
{
	host_cpu_online(smp_processor_id());
}

/*
 * Firmware may hang, and a new kernel cannot start its CPUs by INIT, while
 * virtualisation is on.  Tasks still run, so that a vCPU may find it gone: its
 * instructions then fault into their fixups.
 */
static int host_reboot(struct notifier_block *nb, unsigned long action, void *data)
{
	cpus_read_lock();
	host.down = true;
	on_each_cpu(host_disable_local, NULL, 1);
	cpus_read_unlock();
	return NOTIFY_OK;
}

static struct notifier_block host_reboot_nb = {
	.notifier_call = host_reboot,
};

static void host_emergency(void)
{
	host.hw->cpu_emergency();
}

/* Under cpus_read_lock(). */
static int host_enable_all(struct slat_why *why)
{
	unsigned int cpu;

	for_each_online_cpu(cpu) {
		struct host_answer answer = { };
		int err;

		err = smp_call_function_single(cpu, host_enable_local, &answer, 1);
		if (!err)
			err = answer.err;
		if (err) {
			why->text = answer.why.text;
			why->cpu = cpu;
			return err;
		}
	}
	return 0;
}

/**
 * slat_host_start() - take virtualisation on every online CPU
 * @hw: the backend, set up
 * @why: the reason where it cannot be had
 *
 * Process context.  From here on a CPU that comes online has it as well.
 *
 * Return: 0; -EBUSY where KVM or another hypervisor has it; what
 * slat_hw_ops.cpu_enable() returned where a CPU refused.
 */
int slat_host_start(const struct slat_hw_ops *hw, struct slat_why *why)
{
	int err;

	host.hw = hw;

	cpus_read_lock();
	err = __cpuhp_setup_state_cpuslocked(SLAT_CPUHP_STATE, "slat/host:online",
					     false, host_cpu_online,
					     host_cpu_offline, false);
	if (err) {
		why->text = "KVM owns it (kvm_intel or kvm_amd is loaded: unload it first)";
		goto unlock;
	}

	cpu_emergency_register_virt_callback(host_emergency);
	err = host_enable_all(why);
	if (err)
		goto disable;
	cpus_read_unlock();

	slat_syscore_register(host_suspend, host_resume);
	register_reboot_notifier(&host_reboot_nb);
	return 0;

disable:
	on_each_cpu(host_disable_local, NULL, 1);
	cpu_emergency_unregister_virt_callback(host_emergency);
	__cpuhp_remove_state_cpuslocked(SLAT_CPUHP_STATE, false);
unlock:
	cpus_read_unlock();
	return err;
}

/**
 * slat_host_stop() - give every CPU back as slat_host_start() found it
 *
 * Process context.  No vCPU exists any more.
 */
void slat_host_stop(void)
{
	unregister_reboot_notifier(&host_reboot_nb);
	slat_syscore_unregister();

	cpus_read_lock();
	on_each_cpu(host_disable_local, NULL, 1);
	cpu_emergency_unregister_virt_callback(host_emergency);
	__cpuhp_remove_state_cpuslocked(SLAT_CPUHP_STATE, false);
	cpus_read_unlock();
}

/**
 * slat_host_cpus() - how many CPUs have virtualisation on
 *
 * Any context.  A snapshot: CPUs come and go.
 */
unsigned int slat_host_cpus(void)
{
	return cpumask_weight(&host.cpus);
}
