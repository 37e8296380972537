// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VM as an object behind a descriptor, and the descriptors of its vCPUs.
 */
#include <linux/anon_inodes.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/refcount.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/xarray.h>
#include <linux/slat.h>
#include <asm/tsc.h>

#include "config.h"
#include "debugfs.h"
#include "irq/irq.h"
#include "vcpu/vcpu.h"
#include "vm.h"

/* The least that KVM_SET_NR_MMU_PAGES takes. */
#define MMU_PAGES_MIN	64

/**
 * struct slat_vm - a virtual machine
 * @users: descriptors of it and of its vCPUs
 * @hw: the backend; constant
 * @mm: whose memory it has; compared only; constant
 * @mmu: its memory; constant
 * @irq: its interrupt controllers; constant
 * @debugfs: where it is shown; constant
 * @config: its settings
 * @clock: its paravirtual clock
 * @tsc: what its vCPUs' TSCs agree on
 * @next_yield: number of the vCPU that is the next to be given way to; config.lock
 * @vcpus: by number; never taken out before the VM goes; config.lock to add
 */
struct slat_vm {
	refcount_t users;
	const struct slat_hw_ops *hw;
	struct mm_struct *mm;
	struct slat_mmu *mmu;
	struct slat_irq *irq;
	struct dentry *debugfs;
	struct slat_config config;
	struct slat_clock clock;
	struct slat_tsc tsc;
	unsigned long next_yield;
	struct xarray vcpus;
};

static void kick(struct slat_apic *apic)
{
	slat_vcpu_kick(container_of(apic, struct slat_vcpu, apic));
}

static const struct slat_irq_ops irq_ops = { .kick = kick };

/* A vCPU that has lost its CPU, from number @first on; NULL: none. */
static struct slat_vcpu *preempted_from(struct slat_vm *vm, unsigned long first,
					const struct slat_vcpu *but)
{
	struct slat_vcpu *vcpu;
	unsigned long id;

	xa_for_each_start(&vm->vcpus, id, vcpu, first)
		if (vcpu != but && READ_ONCE(vcpu->preempted))
			return vcpu;
	return NULL;
}

/* Each in its turn.  Where vCPUs are being created there is no hurry. */
static void yield_from(const struct slat_config *config, const struct slat_vcpu *from)
{
	struct slat_vm *vm = container_of(config, struct slat_vm, config);
	struct slat_vcpu *vcpu;

	if (!mutex_trylock(&vm->config.lock))
		return;
	vcpu = preempted_from(vm, vm->next_yield, from) ?: preempted_from(vm, 0, from);
	if (vcpu)
		vm->next_yield = vcpu->id + 1;
	mutex_unlock(&vm->config.lock);
	if (vcpu)
		slat_vcpu_yield_to(vcpu);
}

static const struct slat_vm_ops vm_ops = { .yield = yield_from };

static void vm_put(struct slat_vm *vm)
{
	struct slat_vcpu *vcpu;
	unsigned long id;

	if (!refcount_dec_and_test(&vm->users))
		return;
	slat_debugfs_remove(vm->debugfs);
	slat_irq_stop(vm->irq);
	xa_for_each(&vm->vcpus, id, vcpu)
		slat_vcpu_free(vcpu);
	xa_destroy(&vm->vcpus);
	slat_irq_destroy(vm->irq);
	slat_mmu_destroy(vm->mmu);
	slat_msr_filter_free(&vm->config);
	kfree(vm);
}

/* What a vCPU's descriptor leads to; it keeps the VM, and thereby the vCPU. */
struct vcpu_file {
	struct slat_vm *vm;
	struct slat_vcpu *vcpu;
};

static void read_vcpu_stats(void *object, u64 *values)
{
	struct vcpu_file *handle = object;

	slat_vcpu_read_stats(handle->vcpu, values);
}

static void put_vcpu_file(void *object)
{
	struct vcpu_file *handle = object;

	vm_put(handle->vm);
	kfree(handle);
}

static const struct slat_stats_layout vcpu_stats = {
	.file = "slat-vcpu-stats",
	.count = SLAT_VCPU_STATS,
	.descs = slat_vcpu_stats_descs,
	.read = read_vcpu_stats,
	.put = put_vcpu_file,
};

static long vcpu_get_stats_fd(const struct vcpu_file *from)
{
	struct vcpu_file *handle;
	char id[32];

	if (from->vm->mm != current->mm)
		return -EIO;
	handle = kmemdup(from, sizeof(*from), GFP_KERNEL_ACCOUNT);
	if (!handle)
		return -ENOMEM;
	refcount_inc(&handle->vm->users);
	snprintf(id, sizeof(id), "kvm-%d/vcpu-%u", task_tgid_nr(current), handle->vcpu->id);
	return slat_stats_open(&vcpu_stats, id, handle);
}

static long vcpu_file_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct vcpu_file *handle = file->private_data;

	if (cmd == KVM_GET_STATS_FD)
		return vcpu_get_stats_fd(handle);
	return slat_vcpu_ioctl(handle->vcpu, cmd, arg);
}

static int vcpu_file_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct vcpu_file *handle = file->private_data;

	return slat_vcpu_mmap(handle->vcpu, vma);
}

static int vcpu_file_release(struct inode *inode, struct file *file)
{
	put_vcpu_file(file->private_data);
	return 0;
}

static const struct file_operations vcpu_fops = {
	.owner = THIS_MODULE,
	.release = vcpu_file_release,
	.unlocked_ioctl = vcpu_file_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = vcpu_file_mmap,
	.llseek = noop_llseek,
};

static int vcpu_install(struct slat_vm *vm, struct slat_vcpu *vcpu)
{
	struct vcpu_file *handle = kmalloc(sizeof(*handle), GFP_KERNEL_ACCOUNT);
	struct file *file;
	int fd, err;

	if (!handle)
		return -ENOMEM;
	*handle = (struct vcpu_file) { .vm = vm, .vcpu = vcpu };
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		goto free;
	file = anon_inode_getfile("slat-vcpu", &vcpu_fops, handle, O_RDWR);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		fd = PTR_ERR(file);
		goto free;
	}
	refcount_inc(&vm->users);
	/* The last that can fail: it cannot be undone. */
	err = vcpu->has_apic ? slat_apic_publish(&vcpu->apic) : 0;
	if (err) {
		put_unused_fd(fd);
		fput(file);
		return err;
	}
	fd_install(fd, file);
	return fd;

free:
	kfree(handle);
	return fd;
}

/* From here on what a vCPU is created with does not change. */
static int count_vcpu(struct slat_config *config, unsigned long id)
{
	int ret = -EINVAL;

	mutex_lock(&config->lock);
	if (id < (config->max_vcpu_id ?: SLAT_VCPU_IDS) && config->vcpus < SLAT_VCPUS) {
		if (!config->max_vcpu_id)
			config->max_vcpu_id = SLAT_VCPU_IDS;
		config->vcpus++;
		ret = 0;
	}
	mutex_unlock(&config->lock);
	return ret;
}

static long vm_create_vcpu(struct slat_vm *vm, unsigned long id)
{
	struct slat_config *config = &vm->config;
	struct slat_vcpu *vcpu;
	long ret;

	ret = count_vcpu(config, id);
	if (ret)
		return ret;
	vcpu = slat_vcpu_create(config, vm->hw, vm->mmu, vm->irq, id);
	mutex_lock(&config->lock);
	if (IS_ERR(vcpu)) {
		ret = PTR_ERR(vcpu);
		goto uncount;
	}
	ret = xa_insert(&vm->vcpus, id, vcpu, GFP_KERNEL_ACCOUNT);
	if (ret) {
		ret = ret == -EBUSY ? -EEXIST : ret;
		goto free;
	}
	ret = vcpu_install(vm, vcpu);
	if (ret < 0)
		goto erase;
	mutex_unlock(&config->lock);
	return ret;

erase:
	xa_erase(&vm->vcpus, id);
free:
	slat_vcpu_free(vcpu);
uncount:
	config->vcpus--;
	mutex_unlock(&config->lock);
	return ret;
}

/* Real mode needs no tables of Slat's where the CPU has unrestricted guests. */
static long vm_set_tss_addr(struct slat_vm *vm, unsigned long arg)
{
	return arg > (u32)(-3 * PAGE_SIZE) ? -EINVAL : 0;
}

/* Before there are vCPUs, as for KVM_SET_BOOT_CPU_ID. */
static long vm_set_identity_map_addr(struct slat_vm *vm, unsigned long arg)
{
	u64 address;
	int ret;

	if (copy_from_user(&address, (void __user *)arg, sizeof(address)))
		return -EFAULT;
	mutex_lock(&vm->config.lock);
	ret = vm->config.vcpus ? -EINVAL : 0;
	mutex_unlock(&vm->config.lock);
	return ret;
}

static long vm_set_boot_cpu_id(struct slat_vm *vm, unsigned long arg)
{
	int ret = -EBUSY;

	mutex_lock(&vm->config.lock);
	if (!vm->config.vcpus) {
		vm->config.boot_id = arg;
		ret = 0;
	}
	mutex_unlock(&vm->config.lock);
	return ret;
}

static long vm_set_nr_mmu_pages(struct slat_vm *vm, unsigned long arg)
{
	if (arg < MMU_PAGES_MIN || arg > INT_MAX)
		return -EINVAL;
	WRITE_ONCE(vm->config.mmu_pages, arg);
	return 0;
}

static long vm_get_nr_mmu_pages(struct slat_vm *vm, unsigned long arg)
{
	return READ_ONCE(vm->config.mmu_pages);
}

static long vm_set_tsc_khz(struct slat_vm *vm, unsigned long arg)
{
	if (!slat_tsc_khz_valid(vm->hw, arg))
		return -EINVAL;
	WRITE_ONCE(vm->config.tsc_khz, arg);
	return 0;
}

static long vm_get_tsc_khz(struct slat_vm *vm, unsigned long arg)
{
	return READ_ONCE(vm->config.tsc_khz) ?: tsc_khz;
}

/* Its vCPUs are going to have local APICs. */
static void add_apics(struct slat_vm *vm)
{
	if (vm->hw->apicv() & SLAT_APICV_MEMORY)
		slat_mmu_add_apic(vm->mmu);
}

/* A vCPU has its APIC from the beginning, or never. */
static long vm_create_irqchip(struct slat_vm *vm, unsigned long arg)
{
	long ret;

	mutex_lock(&vm->config.lock);
	if (slat_irq_has_apics(vm->irq))
		ret = -EEXIST;
	else
		ret = vm->config.vcpus ? -EINVAL : slat_irq_create_chips(vm->irq);
	if (!ret)
		add_apics(vm);
	mutex_unlock(&vm->config.lock);
	return ret;
}

static long split_irqchip(struct slat_vm *vm, u64 pins)
{
	long ret = -EEXIST;

	mutex_lock(&vm->config.lock);
	if (!vm->config.vcpus || pins > SLAT_ROUTES)
		ret = slat_irq_split(vm->irq, pins);
	if (!ret)
		add_apics(vm);
	mutex_unlock(&vm->config.lock);
	return ret;
}

/* A vCPU has its ring from the beginning. */
static long enable_rings(struct slat_vm *vm, u64 bytes)
{
	long ret;

	mutex_lock(&vm->config.lock);
	ret = vm->config.vcpus ? -EINVAL : slat_mmu_enable_rings(vm->mmu, bytes);
	mutex_unlock(&vm->config.lock);
	return ret;
}

static long vm_enable_cap(struct slat_vm *vm, unsigned long arg)
{
	struct kvm_enable_cap cap;

	if (copy_from_user(&cap, (void __user *)arg, sizeof(cap)))
		return -EFAULT;
	if (cap.flags)
		return -EINVAL;
	switch (cap.cap) {
	case KVM_CAP_SPLIT_IRQCHIP:
		return split_irqchip(vm, cap.args[0]);
	case KVM_CAP_X2APIC_API:
		return slat_irq_x2apic_api(vm->irq, cap.args[0]);
	case KVM_CAP_DIRTY_LOG_RING:
	case KVM_CAP_DIRTY_LOG_RING_ACQ_REL:
		return enable_rings(vm, cap.args[0]);
	case KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2:
		return slat_mmu_manual_protect(vm->mmu, cap.args[0]);
	default:
		return slat_caps_enable(&vm->config, &cap);
	}
}

static long vm_set_msr_filter(struct slat_vm *vm, unsigned long arg)
{
	struct kvm_msr_filter filter;
	long ret;

	if (copy_from_user(&filter, (void __user *)arg, sizeof(filter)))
		return -EFAULT;
	ret = slat_msr_filter_set(&vm->config, &filter);
	if (!ret)
		slat_mmu_expel(vm->mmu);
	return ret;
}

static long vm_get_clock(struct slat_vm *vm, unsigned long arg)
{
	return slat_clock_get(&vm->clock, (void __user *)arg);
}

static long vm_set_clock(struct slat_vm *vm, unsigned long arg)
{
	long ret = slat_clock_set(&vm->clock, (void __user *)arg);

	if (!ret)
		slat_mmu_expel(vm->mmu);
	return ret;
}

static long vm_check_extension(struct slat_vm *vm, unsigned long arg)
{
	return slat_caps_check(vm->hw, arg);
}

#define COUNTER(member)								\
	{ #member, KVM_STATS_TYPE_CUMULATIVE | KVM_STATS_UNIT_NONE | KVM_STATS_BASE_POW10 }
#define LEVEL(member)								\
	{ #member, KVM_STATS_TYPE_INSTANT | KVM_STATS_UNIT_NONE | KVM_STATS_BASE_POW10 }

/* In the order of struct slat_vm_stats. */
static const struct slat_stats_desc vm_stats_descs[] = {
	COUNTER(faults), COUNTER(fault_retries), COUNTER(installs), COUNTER(cmpxchg_lost),
	COUNTER(splits), COUNTER(batches), COUNTER(waits), COUNTER(ipis_sent),
	COUNTER(ipis_saved), COUNTER(flushes), COUNTER(zaps), COUNTER(tables_allocated),
	COUNTER(tables_freed), LEVEL(tables_unlinked),
};

static void read_vm_stats(void *object, u64 *values)
{
	struct slat_vm_stats stats = { };
	struct slat_vm *vm = object;

	slat_mmu_get_stats(vm->mmu, &stats);
	memcpy(values, (void *)&stats + offsetof(struct slat_vm_stats, faults),
	       sizeof(u64) * ARRAY_SIZE(vm_stats_descs));
}

static void put_vm(void *object)
{
	vm_put(object);
}

static const struct slat_stats_layout vm_stats = {
	.file = "slat-vm-stats",
	.count = ARRAY_SIZE(vm_stats_descs),
	.descs = vm_stats_descs,
	.read = read_vm_stats,
	.put = put_vm,
};

static long vm_get_stats_fd(struct slat_vm *vm, unsigned long arg)
{
	char id[16];

	refcount_inc(&vm->users);
	snprintf(id, sizeof(id), "kvm-%d", task_tgid_nr(current));
	return slat_stats_open(&vm_stats, id, vm);
}

static void show_values(struct seq_file *file, const struct slat_stats_desc *descs, int count,
			const u64 *values)
{
	int i;

	for (i = 0; i < count; i++)
		seq_printf(file, "%s %llu\n", descs[i].name, values[i]);
}

/* Its counters, and the sums of its vCPUs'. */
static int vm_stats_show(struct seq_file *file, void *unused)
{
	u64 values[SLAT_STATS_FD_MAX], sums[SLAT_VCPU_STATS] = { };
	struct slat_vm *vm = file->private;
	struct slat_vcpu *vcpu;
	unsigned long id;
	int i, vcpus = 0;

	read_vm_stats(vm, values);
	show_values(file, vm_stats_descs, ARRAY_SIZE(vm_stats_descs), values);
	/* None is taken back that has just been added. */
	mutex_lock(&vm->config.lock);
	xa_for_each(&vm->vcpus, id, vcpu) {
		slat_vcpu_read_stats(vcpu, values);
		for (i = 0; i < SLAT_VCPU_STATS; i++)
			sums[i] += values[i];
		vcpus++;
	}
	mutex_unlock(&vm->config.lock);
	seq_printf(file, "vcpus %d\n", vcpus);
	show_values(file, slat_vcpu_stats_descs, SLAT_VCPU_STATS, sums);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(vm_stats);

static const struct {
	unsigned int cmd;
	long (*handler)(struct slat_vm *vm, unsigned long arg);
} vm_ioctls[] = {
	{ KVM_CREATE_VCPU,		vm_create_vcpu },
	{ KVM_CHECK_EXTENSION,		vm_check_extension },
	{ KVM_CREATE_IRQCHIP,		vm_create_irqchip },
	{ KVM_SET_TSS_ADDR,		vm_set_tss_addr },
	{ KVM_SET_IDENTITY_MAP_ADDR,	vm_set_identity_map_addr },
	{ KVM_SET_BOOT_CPU_ID,		vm_set_boot_cpu_id },
	{ KVM_SET_NR_MMU_PAGES,		vm_set_nr_mmu_pages },
	{ KVM_GET_NR_MMU_PAGES,		vm_get_nr_mmu_pages },
	{ KVM_SET_TSC_KHZ,		vm_set_tsc_khz },
	{ KVM_GET_TSC_KHZ,		vm_get_tsc_khz },
	{ KVM_GET_CLOCK,		vm_get_clock },
	{ KVM_SET_CLOCK,		vm_set_clock },
	{ KVM_ENABLE_CAP,		vm_enable_cap },
	{ KVM_X86_SET_MSR_FILTER,	vm_set_msr_filter },
	{ KVM_GET_STATS_FD,		vm_get_stats_fd },
};

static long vm_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct slat_vm *vm = file->private_data;
	long ret;
	int i;

	if (vm->mm != current->mm)
		return -EIO;
	/* Those that are made often come first. */
	ret = slat_mmu_ioctl(vm->mmu, cmd, arg);
	if (ret != -ENOTTY)
		return ret;
	for (i = 0; i < ARRAY_SIZE(vm_ioctls); i++)
		if (vm_ioctls[i].cmd == cmd)
			return vm_ioctls[i].handler(vm, arg);
	return slat_irq_ioctl(vm->irq, cmd, arg);
}

#ifdef CONFIG_COMPAT
/* Calls of 32-bit programs: pointers within structures are shorter. */
static long vm_compat_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	void __user *user = compat_ptr(arg);
	struct slat_vm *vm = file->private_data;
	long ret;

	if (vm->mm != current->mm)
		return -EIO;
	if (cmd == SLAT_SET_MSR_FILTER32) {
		ret = slat_msr_filter_set32(&vm->config, user);
		if (!ret)
			slat_mmu_expel(vm->mmu);
		return ret;
	}
	ret = slat_mmu_compat_ioctl(vm->mmu, cmd, arg);
	return ret == -ENOTTY ? vm_ioctl(file, cmd, (unsigned long)user) : ret;
}
#endif

static int vm_release(struct inode *inode, struct file *file)
{
	vm_put(file->private_data);
	return 0;
}

static const struct file_operations vm_fops = {
	.owner = THIS_MODULE,
	.release = vm_release,
	.unlocked_ioctl = vm_ioctl,
#ifdef CONFIG_COMPAT
	.compat_ioctl = vm_compat_ioctl,
#endif
	.llseek = noop_llseek,
};

/**
 * slat_vm_create() - KVM_CREATE_VM
 * @hw: the backend
 * @type: 0
 *
 * Process context of a user, whose memory it is going to have.
 *
 * Return: a descriptor, or -errno; -EOPNOTSUPP where this host has no guests.
 */
long slat_vm_create(const struct slat_hw_ops *hw, unsigned long type)
{
	struct slat_vm *vm;
	long ret;

	if (type)
		return -EINVAL;
	if (hw->no_guests())
		return -EOPNOTSUPP;

	vm = kzalloc(sizeof(*vm), GFP_KERNEL_ACCOUNT);
	if (!vm)
		return -ENOMEM;
	refcount_set(&vm->users, 1);
	vm->hw = hw;
	vm->mm = current->mm;
	vm->config.ops = &vm_ops;
	mutex_init(&vm->config.lock);
	slat_clock_init(&vm->clock);
	vm->config.clock = &vm->clock;
	mutex_init(&vm->tsc.lock);
	vm->config.tsc = &vm->tsc;
	xa_init(&vm->vcpus);
	vm->irq = slat_irq_create(&irq_ops);
	if (IS_ERR(vm->irq)) {
		ret = PTR_ERR(vm->irq);
		goto free;
	}
	vm->mmu = slat_mmu_create(hw);
	if (IS_ERR(vm->mmu)) {
		ret = PTR_ERR(vm->mmu);
		goto destroy_irq;
	}
	vm->debugfs = slat_debugfs_add(vm, &vm_stats_fops);
	ret = anon_inode_getfd("slat-vm", &vm_fops, vm, O_RDWR | O_CLOEXEC);
	if (ret < 0)
		vm_put(vm);
	return ret;

destroy_irq:
	slat_irq_destroy(vm->irq);
free:
	kfree(vm);
	return ret;
}
