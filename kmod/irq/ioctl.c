// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls on a VM that concern its interrupt controllers.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/uaccess.h>

#include "irq/irq.h"

static long irq_line(struct slat_irq *irq, void __user *user)
{
	struct kvm_irq_level line;

	if (copy_from_user(&line, user, sizeof(line)))
		return -EFAULT;
	if (!slat_irq_has_apics(irq))
		return -ENXIO;
	slat_irq_set_gsi(irq, SLAT_SOURCE_USER, line.irq, line.level);
	return 0;
}

static long irq_line_status(struct slat_irq *irq, void __user *user)
{
	struct kvm_irq_level line;

	if (copy_from_user(&line, user, sizeof(line)))
		return -EFAULT;
	if (!slat_irq_has_apics(irq))
		return -ENXIO;
	line.status = slat_irq_set_gsi(irq, SLAT_SOURCE_USER, line.irq, line.level);
	return copy_to_user(user, &line, sizeof(line)) ? -EFAULT : 0;
}

static long get_chip(struct slat_irq *irq, void __user *user)
{
	struct kvm_irqchip chip;
	long err;

	if (copy_from_user(&chip, user, sizeof(chip)))
		return -EFAULT;
	err = slat_irq_get_chip(irq, &chip);
	if (err)
		return err;
	return copy_to_user(user, &chip, sizeof(chip)) ? -EFAULT : 0;
}

static long set_chip(struct slat_irq *irq, void __user *user)
{
	struct kvm_irqchip chip;

	if (copy_from_user(&chip, user, sizeof(chip)))
		return -EFAULT;
	return slat_irq_set_chip(irq, &chip);
}

static long create_pit(struct slat_irq *irq, void __user *user)
{
	return slat_irq_create_pit(irq, KVM_PIT_SPEAKER_DUMMY);
}

static long create_pit2(struct slat_irq *irq, void __user *user)
{
	struct kvm_pit_config config;

	if (copy_from_user(&config, user, sizeof(config)))
		return -EFAULT;
	return slat_irq_create_pit(irq, config.flags);
}

static long get_pit(struct slat_irq *irq, void __user *user)
{
	struct kvm_pit_state2 state;
	long err = slat_irq_get_pit(irq, &state);

	if (err)
		return err;
	/* The older structure is where the newer one begins. */
	return copy_to_user(user, &state, sizeof(struct kvm_pit_state)) ? -EFAULT : 0;
}

static long get_pit2(struct slat_irq *irq, void __user *user)
{
	struct kvm_pit_state2 state;
	long err = slat_irq_get_pit(irq, &state);

	if (err)
		return err;
	return copy_to_user(user, &state, sizeof(state)) ? -EFAULT : 0;
}

static long set_pit(struct slat_irq *irq, void __user *user)
{
	struct kvm_pit_state2 state = { };

	if (copy_from_user(&state, user, sizeof(struct kvm_pit_state)))
		return -EFAULT;
	return slat_irq_set_pit(irq, &state, false);
}

static long set_pit2(struct slat_irq *irq, void __user *user)
{
	struct kvm_pit_state2 state;

	if (copy_from_user(&state, user, sizeof(state)))
		return -EFAULT;
	return slat_irq_set_pit(irq, &state, true);
}

static long reinject_control(struct slat_irq *irq, void __user *user)
{
	struct kvm_reinject_control control;

	if (copy_from_user(&control, user, sizeof(control)))
		return -EFAULT;
	return slat_irq_reinject(irq, control.pit_reinject);
}

static long set_routing(struct slat_irq *irq, void __user *user)
{
	return slat_irq_set_routing(irq, user);
}

static long signal_msi(struct slat_irq *irq, void __user *user)
{
	struct kvm_msi msi;

	if (copy_from_user(&msi, user, sizeof(msi)))
		return -EFAULT;
	return slat_irq_signal_msi(irq, &msi);
}

static long irqfd(struct slat_irq *irq, void __user *user)
{
	struct kvm_irqfd args;

	if (copy_from_user(&args, user, sizeof(args)))
		return -EFAULT;
	return slat_irqfd(irq, &args);
}

static long ioeventfd(struct slat_irq *irq, void __user *user)
{
	struct kvm_ioeventfd args;

	if (copy_from_user(&args, user, sizeof(args)))
		return -EFAULT;
	return slat_ioeventfd(irq, &args);
}

static long register_coalesced(struct slat_irq *irq, void __user *user)
{
	struct kvm_coalesced_mmio_zone zone;

	if (copy_from_user(&zone, user, sizeof(zone)))
		return -EFAULT;
	return slat_coalesced_add(irq, &zone);
}

static long unregister_coalesced(struct slat_irq *irq, void __user *user)
{
	struct kvm_coalesced_mmio_zone zone;

	if (copy_from_user(&zone, user, sizeof(zone)))
		return -EFAULT;
	return slat_coalesced_remove(irq, &zone);
}

static const struct {
	unsigned int cmd;
	long (*handler)(struct slat_irq *irq, void __user *user);
} ioctls[] = {
	{ KVM_IRQ_LINE,			irq_line },
	{ KVM_IRQ_LINE_STATUS,		irq_line_status },
	{ KVM_GET_IRQCHIP,		get_chip },
	{ KVM_SET_IRQCHIP,		set_chip },
	{ KVM_CREATE_PIT,		create_pit },
	{ KVM_CREATE_PIT2,		create_pit2 },
	{ KVM_GET_PIT,			get_pit },
	{ KVM_GET_PIT2,			get_pit2 },
	{ KVM_SET_PIT,			set_pit },
	{ KVM_SET_PIT2,			set_pit2 },
	{ KVM_REINJECT_CONTROL,		reinject_control },
	{ KVM_SET_GSI_ROUTING,		set_routing },
	{ KVM_SIGNAL_MSI,		signal_msi },
	{ KVM_IRQFD,			irqfd },
	{ KVM_IOEVENTFD,		ioeventfd },
	{ KVM_REGISTER_COALESCED_MMIO,	register_coalesced },
	{ KVM_UNREGISTER_COALESCED_MMIO, unregister_coalesced },
};

/**
 * slat_irq_ioctl() - a call on a VM
 * @irq: its interrupt controllers
 * @cmd: which
 * @arg: its argument
 *
 * Process context.
 *
 * Return: the call's; -ENOTTY: it is not for interrupt controllers.
 */
long slat_irq_ioctl(struct slat_irq *irq, unsigned int cmd, unsigned long arg)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(ioctls); i++)
		if (ioctls[i].cmd == cmd)
			return ioctls[i].handler(irq, (void __user *)arg);
	return -ENOTTY;
}
