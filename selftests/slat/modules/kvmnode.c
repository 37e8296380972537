// SPDX-License-Identifier: GPL-2.0-only
/*
 * Holds /dev/kvm and does nothing with it, as KVM does where it takes the
 * hardware only with its first virtual machine.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

static const struct file_operations fops = {
	.owner = THIS_MODULE,
};

static struct miscdevice dev = {
	.minor = KVM_MINOR,
	.name = "kvm",
	.fops = &fops,
};

module_misc_device(dev);

MODULE_DESCRIPTION("Hold /dev/kvm");
MODULE_LICENSE("GPL");
