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
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/xarray.h>
#include <linux/slat.h>

#include "vcpu.h"
#include "vm.h"

#define VCPU_IDS	4096
#define VCPUS_MAX	1024

/**
 * struct slat_vm - a virtual machine
 * @users: descriptors of it and of its vCPUs
 * @hw: the backend; constant
 * @mm: whose memory it has; compared only; constant
 * @mmu: its memory; constant
 * @lock: held while a vCPU is created
 * @vcpus: by number; never taken out before the VM goes; @lock to add
 * @vcpu_count: how many they are; @lock
 */
struct slat_vm {
	refcount_t users;
	const struct slat_hw_ops *hw;
	struct mm_struct *mm;
	struct slat_mmu *mmu;
	struct mutex lock;	/* creation of vCPUs */
	struct xarray vcpus;
	unsigned int vcpu_count;
};

static void vm_put(struct slat_vm *vm)
{
	struct slat_vcpu *vcpu;
	unsigned long id;

	if (!refcount_dec_and_test(&vm->users))
		return;
	xa_for_each(&vm->vcpus, id, vcpu)
		slat_vcpu_free(vcpu);
	xa_destroy(&vm->vcpus);
	slat_mmu_destroy(vm->mmu);
	preempt_notifier_dec();
	kfree(vm);
}

/* What a vCPU's descriptor leads to; it keeps the VM, and thereby the vCPU. */
struct vcpu_file {
	struct slat_vm *vm;
	struct slat_vcpu *vcpu;
};

static long vcpu_file_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct vcpu_file *handle = file->private_data;

	return slat_vcpu_ioctl(handle->vcpu, cmd, arg);
}

static int vcpu_file_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct vcpu_file *handle = file->private_data;

	return slat_vcpu_mmap(handle->vcpu, vma);
}

static int vcpu_file_release(struct inode *inode, struct file *file)
{
	struct vcpu_file *handle = file->private_data;

	vm_put(handle->vm);
	kfree(handle);
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
	int fd;

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
	fd_install(fd, file);
	return fd;

free:
	kfree(handle);
	return fd;
}

static long vm_create_vcpu(struct slat_vm *vm, unsigned long id)
{
	struct slat_vcpu *vcpu;
	long ret;

	if (id >= VCPU_IDS)
		return -EINVAL;
	vcpu = slat_vcpu_create(vm->hw, vm->mmu, id);
	if (IS_ERR(vcpu))
		return PTR_ERR(vcpu);

	mutex_lock(&vm->lock);
	ret = -EINVAL;
	if (vm->vcpu_count == VCPUS_MAX)
		goto free;
	ret = xa_insert(&vm->vcpus, id, vcpu, GFP_KERNEL_ACCOUNT);
	if (ret) {
		ret = ret == -EBUSY ? -EEXIST : ret;
		goto free;
	}
	ret = vcpu_install(vm, vcpu);
	if (ret < 0) {
		xa_erase(&vm->vcpus, id);
		goto free;
	}
	vm->vcpu_count++;
	mutex_unlock(&vm->lock);
	return ret;

free:
	mutex_unlock(&vm->lock);
	slat_vcpu_free(vcpu);
	return ret;
}

static long vm_set_region(struct slat_vm *vm, unsigned long arg)
{
	struct kvm_userspace_memory_region region;

	if (copy_from_user(&region, (void __user *)arg, sizeof(region)))
		return -EFAULT;
	return slat_mmu_set_region(vm->mmu, &region);
}

static long vm_get_dirty_log(struct slat_vm *vm, unsigned long arg)
{
	struct kvm_dirty_log log;

	if (copy_from_user(&log, (void __user *)arg, sizeof(log)))
		return -EFAULT;
	return slat_mmu_get_dirty_log(vm->mmu, &log);
}

/* Real mode needs no tables of Slat's where the CPU has unrestricted guests. */
static long vm_set_tss_addr(struct slat_vm *vm, unsigned long arg)
{
	return arg > U32_MAX - 3 * PAGE_SIZE ? -EINVAL : 0;
}

static long vm_set_identity_map_addr(struct slat_vm *vm, unsigned long arg)
{
	u64 address;

	if (!xa_empty(&vm->vcpus))
		return -EINVAL;
	return copy_from_user(&address, (void __user *)arg, sizeof(address)) ? -EFAULT : 0;
}

static long vm_check_extension(struct slat_vm *vm, unsigned long arg)
{
	return slat_vm_check_extension(arg);
}

static long vm_zap_all(struct slat_vm *vm, unsigned long arg)
{
	if (arg)
		return -EINVAL;
	slat_mmu_zap_all(vm->mmu);
	return 0;
}

static long vm_get_stats(struct slat_vm *vm, unsigned long arg)
{
	struct slat_vm_stats __user *user = (void __user *)arg;
	struct slat_vm_stats stats;

	if (copy_from_user(&stats, user, sizeof(stats)))
		return -EFAULT;
	if (stats.flags || stats.pad || memchr_inv(stats.reserved, 0, sizeof(stats.reserved)))
		return -EINVAL;
	slat_mmu_get_stats(vm->mmu, &stats);
	return copy_to_user(user, &stats, sizeof(stats)) ? -EFAULT : 0;
}

static const struct {
	unsigned int cmd;
	long (*handler)(struct slat_vm *vm, unsigned long arg);
} vm_ioctls[] = {
	{ KVM_CREATE_VCPU,		vm_create_vcpu },
	{ KVM_CHECK_EXTENSION,		vm_check_extension },
	{ KVM_SET_USER_MEMORY_REGION,	vm_set_region },
	{ KVM_GET_DIRTY_LOG,		vm_get_dirty_log },
	{ KVM_SET_TSS_ADDR,		vm_set_tss_addr },
	{ KVM_SET_IDENTITY_MAP_ADDR,	vm_set_identity_map_addr },
	{ SLAT_ZAP_ALL,			vm_zap_all },
	{ SLAT_GET_STATS,		vm_get_stats },
};

static long vm_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct slat_vm *vm = file->private_data;
	int i;

	if (vm->mm != current->mm)
		return -EIO;
	for (i = 0; i < ARRAY_SIZE(vm_ioctls); i++)
		if (vm_ioctls[i].cmd == cmd)
			return vm_ioctls[i].handler(vm, arg);
	return -ENOTTY;
}

static int vm_release(struct inode *inode, struct file *file)
{
	vm_put(file->private_data);
	return 0;
}

static const struct file_operations vm_fops = {
	.owner = THIS_MODULE,
	.release = vm_release,
	.unlocked_ioctl = vm_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = noop_llseek,
};

/* Of KVM_SET_GUEST_DEBUG. */
#define DEBUG_CONTROLS	(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP |	\
			 KVM_GUESTDBG_USE_SW_BP | KVM_GUESTDBG_USE_HW_BP |	\
			 KVM_GUESTDBG_INJECT_DB | KVM_GUESTDBG_INJECT_BP |	\
			 KVM_GUESTDBG_BLOCKIRQ)

static const struct {
	unsigned int extension;
	int value;
} extensions[] = {
	{ KVM_CAP_USER_MEMORY,			1 },
	{ KVM_CAP_DESTROY_MEMORY_REGION_WORKS,	1 },
	{ KVM_CAP_JOIN_MEMORY_REGIONS_WORKS,	1 },
	{ KVM_CAP_SYNC_MMU,			1 },
	{ KVM_CAP_READONLY_MEM,			1 },
	{ KVM_CAP_NR_MEMSLOTS,			SLAT_SLOTS_MAX },
	{ KVM_CAP_SET_TSS_ADDR,			1 },
	{ KVM_CAP_SET_IDENTITY_MAP_ADDR,	1 },
	{ KVM_CAP_EXT_CPUID,			1 },
	{ KVM_CAP_MP_STATE,			1 },
	{ KVM_CAP_USER_NMI,			1 },
	{ KVM_CAP_IMMEDIATE_EXIT,		1 },
	{ KVM_CAP_NR_VCPUS,			VCPUS_MAX },
	{ KVM_CAP_MAX_VCPUS,			VCPUS_MAX },
	{ KVM_CAP_MAX_VCPU_ID,			VCPU_IDS },
	{ KVM_CAP_CHECK_EXTENSION_VM,		1 },
	{ KVM_CAP_INTERNAL_ERROR_DATA,		1 },
	{ KVM_CAP_GET_TSC_KHZ,			1 },
	{ KVM_CAP_GET_MSR_FEATURES,		1 },
	{ KVM_CAP_EXT_EMUL_CPUID,		1 },
	{ KVM_CAP_VCPU_EVENTS,			1 },
	{ KVM_CAP_DEBUGREGS,			1 },
	{ KVM_CAP_SET_GUEST_DEBUG,		1 },
	{ KVM_CAP_SET_GUEST_DEBUG2,		DEBUG_CONTROLS },
	{ KVM_CAP_X86_ROBUST_SINGLESTEP,	1 },
	{ KVM_CAP_XSAVE,			1 },
	{ KVM_CAP_XSAVE2,			sizeof(struct kvm_xsave) },
	{ KVM_CAP_XCRS,				1 },
	{ KVM_CAP_SYNC_REGS,			KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS |
						KVM_SYNC_X86_EVENTS },
};

/**
 * slat_vm_check_extension() - KVM_CHECK_EXTENSION
 * @extension: KVM_CAP_*
 *
 * Return: what it is worth; 0: not there.
 */
long slat_vm_check_extension(unsigned long extension)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(extensions); i++)
		if (extensions[i].extension == extension)
			return extensions[i].value;
	return 0;
}

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
	mutex_init(&vm->lock);
	xa_init(&vm->vcpus);
	vm->mmu = slat_mmu_create(hw);
	if (IS_ERR(vm->mmu)) {
		ret = PTR_ERR(vm->mmu);
		kfree(vm);
		return ret;
	}
	preempt_notifier_inc();
	ret = anon_inode_getfd("slat-vm", &vm_fops, vm, O_RDWR | O_CLOEXEC);
	if (ret < 0)
		vm_put(vm);
	return ret;
}
