// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module: loading, unloading, /dev/slat, and /dev/kvm if asked for.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/compat.h>
#include <linux/fs.h>
#include <linux/kvm.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/slat.h>
#include <asm/processor.h>

#include "config.h"
#include "debugfs.h"
#include "host.h"
#include "hw.h"
#include "irq/irq.h"
#include "mmu/mmu.h"
#include "vcpu/vcpu.h"
#include "vm.h"

#define SLAT_VERSION	"0.1.0"

static unsigned int residency_us;
module_param(residency_us, uint, 0444);
MODULE_PARM_DESC(residency_us,
		 "Longest stay of a vCPU in the guest without a VM exit, in microseconds (0: unbounded)");

static bool kvm_node;
module_param(kvm_node, bool, 0444);
MODULE_PARM_DESC(kvm_node, "Be /dev/kvm as well (0: only /dev/slat)");

static bool tpr_shadow = true;
module_param(tpr_shadow, bool, 0444);
MODULE_PARM_DESC(tpr_shadow,
		 "A guest changes its task priority without a VM exit where the CPU can (default: yes)");

static bool apic_access = true;
module_param(apic_access, bool, 0444);
MODULE_PARM_DESC(apic_access,
		 "Accesses to a local APIC's page are no page faults where the CPU can (default: yes)");

static bool apic_registers = true;
module_param(apic_registers, bool, 0444);
MODULE_PARM_DESC(apic_registers,
		 "A guest reads its local APIC without a VM exit where the CPU can (default: yes)");

static bool virtual_x2apic = true;
module_param(virtual_x2apic, bool, 0444);
MODULE_PARM_DESC(virtual_x2apic,
		 "A guest uses its local APIC in x2APIC mode without VM exits where the CPU can (default: yes)");

static bool virtual_interrupts = true;
module_param(virtual_interrupts, bool, 0444);
MODULE_PARM_DESC(virtual_interrupts,
		 "A guest's CPU delivers and ends its local APIC's interrupts where it can (default: yes)");

static bool pause_loop = true;
module_param(pause_loop, bool, 0444);
MODULE_PARM_DESC(pause_loop,
		 "A guest that spins for long gives way to its other vCPUs where the CPU notices (default: yes)");

static bool pml = true;
module_param(pml, bool, 0444);
MODULE_PARM_DESC(pml,
		 "Pages that a guest writes are logged by the CPU where it can (default: yes)");

/* Set before the device appears, constant until it is gone. */
static const struct slat_hw_ops *hw;

static void dev_describe(struct slat_info *info)
{
	*info = (struct slat_info) {
		.features = SLAT_FEATURE_INFO | SLAT_FEATURE_ZAP_ALL | SLAT_FEATURE_STATS |
			    SLAT_FEATURE_REGIONS | SLAT_FEATURE_POPULATE |
			    SLAT_FEATURE_DIRTY_EPOCHS,
		.host_phys_bits = boot_cpu_data.x86_phys_bits,
		.cpus = slat_host_cpus(),
	};
	strscpy(info->version, SLAT_VERSION, sizeof(info->version));
	hw->describe(info);
}

static long dev_get_api_version(unsigned long arg)
{
	return arg ? -EINVAL : KVM_API_VERSION;
}

/* KVM's contract: an extension that is unknown or absent is 0, no error. */
static long dev_check_extension(unsigned long arg)
{
	return slat_caps_check(hw, arg);
}

static long dev_create_vm(unsigned long arg)
{
	return slat_vm_create(hw, arg);
}

static long dev_get_vcpu_mmap_size(unsigned long arg)
{
	return arg ? -EINVAL : SLAT_RUN_PAGES * PAGE_SIZE;
}

static long dev_get_supported_cpuid(unsigned long arg)
{
	return slat_cpuid_supported((void __user *)arg);
}

static long dev_get_emulated_cpuid(unsigned long arg)
{
	return slat_cpuid_emulated((void __user *)arg);
}

static long dev_get_msr_index_list(unsigned long arg)
{
	return slat_msr_list((void __user *)arg);
}

static long dev_get_msr_feature_index_list(unsigned long arg)
{
	return slat_msr_feature_list((void __user *)arg);
}

static long dev_get_msrs(unsigned long arg)
{
	return slat_msr_features((void __user *)arg);
}

static long dev_get_mce_cap(unsigned long arg)
{
	return slat_mce_supported((void __user *)arg);
}

static long dev_has_attr(unsigned long arg)
{
	return slat_dev_attr((void __user *)arg, false);
}

static long dev_get_attr(unsigned long arg)
{
	return slat_dev_attr((void __user *)arg, true);
}

static long dev_get_info(unsigned long arg)
{
	struct slat_info __user *uinfo = (void __user *)arg;
	struct slat_info info;

	if (copy_from_user(&info, uinfo, sizeof(info)))
		return -EFAULT;
	if (info.flags || memchr_inv(info.reserved, 0, sizeof(info.reserved)))
		return -EINVAL;

	dev_describe(&info);
	return copy_to_user(uinfo, &info, sizeof(info)) ? -EFAULT : 0;
}

static const struct {
	unsigned int cmd;
	long (*handler)(unsigned long arg);
} dev_ioctls[] = {
	{ KVM_GET_API_VERSION,	dev_get_api_version },
	{ KVM_CHECK_EXTENSION,	dev_check_extension },
	{ KVM_CREATE_VM,	dev_create_vm },
	{ KVM_GET_VCPU_MMAP_SIZE, dev_get_vcpu_mmap_size },
	{ KVM_GET_SUPPORTED_CPUID, dev_get_supported_cpuid },
	{ KVM_GET_EMULATED_CPUID, dev_get_emulated_cpuid },
	{ KVM_GET_MSR_INDEX_LIST, dev_get_msr_index_list },
	{ KVM_GET_MSR_FEATURE_INDEX_LIST, dev_get_msr_feature_index_list },
	{ KVM_GET_MSRS,		dev_get_msrs },
	{ KVM_X86_GET_MCE_CAP_SUPPORTED, dev_get_mce_cap },
	{ KVM_HAS_DEVICE_ATTR,	dev_has_attr },
	{ KVM_GET_DEVICE_ATTR,	dev_get_attr },
	{ SLAT_GET_INFO,	dev_get_info },
};

static long dev_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(dev_ioctls); i++)
		if (dev_ioctls[i].cmd == cmd)
			return dev_ioctls[i].handler(arg);
	return -EINVAL;
}

/* Whether all nodes are there: an open before would outlive a load that then fails. */
static bool registered;

static int dev_open(struct inode *inode, struct file *file)
{
	return READ_ONCE(registered) ? 0 : -ENODEV;
}

/* No command takes a pointer or a long of another layout in 32-bit programs. */
static const struct file_operations dev_fops = {
	.owner = THIS_MODULE,
	.open = dev_open,
	.unlocked_ioctl = dev_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = noop_llseek,
};

static struct miscdevice dev = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "slat",
	.fops = &dev_fops,
	.mode = 0660,
};

/* For programs that know no other name. */
static struct miscdevice kvm_dev = {
	.minor = KVM_MINOR,
	.name = "kvm",
	.fops = &dev_fops,
	.mode = 0660,
};

static int __init register_devices(struct slat_why *why)
{
	int err;

	err = misc_register(&dev);
	if (err) {
		why->text = "no /dev/slat";
		return err;
	}
	if (kvm_node) {
		err = misc_register(&kvm_dev);
		if (err) {
			why->text = "kvm_node=1, but /dev/kvm is there (is KVM loaded?)";
			misc_deregister(&dev);
			return err;
		}
	}
	WRITE_ONCE(registered, true);
	return 0;
}

static void deregister_devices(void)
{
	misc_deregister(&dev);
	if (kvm_node)
		misc_deregister(&kvm_dev);
}

/* The words of the load message, in its order. */
static const struct {
	u64 cap;
	const char *word;
} cap_words[] = {
	{ SLAT_HW_SLAT_2M,		"2M" },
	{ SLAT_HW_SLAT_1G,		"1G" },
	{ SLAT_HW_SLAT_AD,		"A/D" },
	{ SLAT_HW_TLB_TAGS,		"TLB tags" },
	{ SLAT_HW_UNRESTRICTED_GUEST,	"unrestricted guest" },
	{ SLAT_HW_PML,			"PML" },
	{ SLAT_HW_PREEMPTION_TIMER,	"preemption timer" },
	{ SLAT_HW_TSC_SCALING,		"TSC scaling" },
	{ SLAT_HW_VIRTUAL_INTERRUPTS,	"virtual interrupts" },
	{ SLAT_HW_POSTED_INTERRUPTS,	"posted interrupts" },
};

static void report_loaded(void)
{
	struct slat_info info;
	char words[160];
	int len = 0;
	int i;

	dev_describe(&info);
	words[0] = '\0';
	for (i = 0; i < ARRAY_SIZE(cap_words); i++)
		if (info.hw_caps & cap_words[i].cap)
			len += scnprintf(words + len, sizeof(words) - len, ", %s",
					 cap_words[i].word);
	pr_info("%s on %u CPUs: %u levels of second-level tables%s\n",
		hw->name, info.cpus, info.slat_levels, words);
}

static void report_refused(const struct slat_why *why, int err)
{
	const char *text = why->text ?: "out of memory";

	if (why->cpu < 0)
		pr_err("not loaded: %s (error %d)\n", text, err);
	else
		pr_err("not loaded: CPU%d: %s (error %d)\n", why->cpu, text, err);
}

static int __init choose_backend(struct slat_why *why)
{
	static const struct slat_hw_ops *const backends[] = { &slat_vmx_ops, &slat_svm_ops };
	int i, err;

	for (i = 0; i < ARRAY_SIZE(backends); i++) {
		err = backends[i]->ident(why);
		if (err == -ENODEV)
			continue;
		hw = backends[i];
		return err;
	}
	why->text = "the CPU has neither VT-x nor AMD-V";
	return -EOPNOTSUPP;
}

static int __init slat_init(void)
{
	const struct slat_hw_config config = {
		.residency_us = residency_us,
		.apicv = (tpr_shadow ? SLAT_APICV_PRIORITY : 0) |
			 (apic_access ? SLAT_APICV_MEMORY : 0) |
			 (apic_registers ? SLAT_APICV_REGISTERS : 0) |
			 (virtual_x2apic ? SLAT_APICV_MSRS : 0) |
			 (virtual_interrupts ? SLAT_APICV_INTERRUPTS : 0),
		.pause_loop = pause_loop,
		.pml = pml,
	};
	struct slat_why why = { .cpu = -1 };
	int err;

	err = choose_backend(&why);
	if (err)
		goto refused;
	err = hw->setup(&config, &why);
	if (err)
		goto refused;
	err = slat_host_start(hw, &why);
	if (err)
		goto teardown;
	err = slat_shrink_setup();
	if (err)
		goto stop;
	err = slat_irq_setup();
	if (err)
		goto teardown_shrink;
	slat_debugfs_start();
	/* Once, not with each VM: the kernel patches its scheduler for it. */
	preempt_notifier_inc();
	err = register_devices(&why);
	if (err)
		goto teardown_irq;
	report_loaded();
	return 0;

teardown_irq:
	preempt_notifier_dec();
	slat_debugfs_stop();
	slat_irq_teardown();
teardown_shrink:
	slat_shrink_teardown();
stop:
	slat_host_stop();
teardown:
	hw->teardown();
refused:
	report_refused(&why, err);
	return err;
}

static void __exit slat_exit(void)
{
	deregister_devices();
	preempt_notifier_dec();
	slat_debugfs_stop();
	slat_irq_teardown();
	slat_shrink_teardown();
	slat_host_stop();
	hw->teardown();
	/* Callbacks of VMs that have been closed. */
	mmu_notifier_synchronize();
	rcu_barrier();
}

module_init(slat_init);
module_exit(slat_exit);

MODULE_DESCRIPTION("Slat: a KVM-compatible virtual machine backend");
MODULE_AUTHOR("The Slat developers");
MODULE_VERSION(SLAT_VERSION);
MODULE_LICENSE("GPL");
