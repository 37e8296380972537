// SPDX-License-Identifier: GPL-2.0-only
/*
 * The vCPU as an object behind a descriptor.
 */
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/pid.h>
#include <linux/slab.h>
#include <linux/slat.h>
#include <linux/uaccess.h>
#include <asm/apicdef.h>

#include "compat/compat.h"
#include "config.h"
#include "vcpu/vcpu.h"

static void sched_in(struct preempt_notifier *notifier, int cpu)
{
	struct slat_vcpu *vcpu = container_of(notifier, struct slat_vcpu, notifier);

	WRITE_ONCE(vcpu->preempted, false);
	vcpu->cpu.ops->vcpu_load(&vcpu->cpu);
}

static void sched_out(struct preempt_notifier *notifier, struct task_struct *next)
{
	struct slat_vcpu *vcpu = container_of(notifier, struct slat_vcpu, notifier);

	vcpu->cpu.ops->vcpu_put(&vcpu->cpu);
	if (current->on_rq)
		WRITE_ONCE(vcpu->preempted, true);
}

/* Not const: its registration takes a pointer to one that is not. */
static struct preempt_ops preempt_ops = {
	.sched_in = sched_in,
	.sched_out = sched_out,
};

/**
 * slat_vcpu_load() - make the vCPU current on whatever CPU this thread runs on
 * @vcpu: whose mutex the caller holds
 */
void slat_vcpu_load(struct slat_vcpu *vcpu)
{
	preempt_disable();
	preempt_notifier_register(&vcpu->notifier);
	vcpu->cpu.ops->vcpu_load(&vcpu->cpu);
	preempt_enable();
}

/**
 * slat_vcpu_put() - undo slat_vcpu_load()
 * @vcpu: the vCPU
 */
void slat_vcpu_put(struct slat_vcpu *vcpu)
{
	preempt_disable();
	vcpu->cpu.ops->vcpu_put(&vcpu->cpu);
	preempt_notifier_unregister(&vcpu->notifier);
	preempt_enable();
}

static void free_pages_of(struct slat_vcpu *vcpu)
{
	int i;

	for (i = 0; i < SLAT_RUN_PAGES; i++)
		if (vcpu->pages[i])
			put_page(vcpu->pages[i]);
}

static int alloc_pages_of(struct slat_vcpu *vcpu)
{
	int i;

	/* The ring is the VM's. */
	vcpu->pages[KVM_COALESCED_MMIO_PAGE_OFFSET] = vcpu->irq->ring;
	get_page(vcpu->irq->ring);
	for (i = 0; i < SLAT_RUN_PAGES; i++) {
		if (vcpu->pages[i])
			continue;
		vcpu->pages[i] = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
		if (!vcpu->pages[i]) {
			free_pages_of(vcpu);
			return -ENOMEM;
		}
	}
	vcpu->run = page_address(vcpu->pages[0]);
	return 0;
}

/**
 * slat_vcpu_create() - a vCPU as after RESET
 * @config: the settings of its VM, which lives longer
 * @hw: the backend
 * @mmu: its VM's memory, which belongs to the caller's mm
 * @irq: its VM's interrupt controllers
 * @id: its number
 *
 * Process context.
 *
 * Return: the vCPU or an ERR_PTR().
 */
struct slat_vcpu *slat_vcpu_create(const struct slat_config *config,
				   const struct slat_hw_ops *hw, struct slat_mmu *mmu,
				   struct slat_irq *irq, u32 id)
{
	struct slat_vcpu *vcpu = kzalloc(sizeof(*vcpu), GFP_KERNEL_ACCOUNT);
	struct slat_info info = { };
	int err = -ENOMEM;

	if (!vcpu)
		return ERR_PTR(-ENOMEM);
	vcpu->config = config;
	vcpu->id = id;
	vcpu->mm = current->mm;
	vcpu->irq = irq;
	rcuwait_init(&vcpu->wait);
	mutex_init(&vcpu->mutex);
	preempt_notifier_init(&vcpu->notifier, &preempt_ops);
	vcpu->interrupt = -1;
	vcpu->mp_state = KVM_MP_STATE_RUNNABLE;
	vcpu->apic_base = APIC_DEFAULT_PHYS_BASE | MSR_IA32_APICBASE_ENABLE |
			  (id == config->boot_id ? MSR_IA32_APICBASE_BSP : 0);
	vcpu->cpu.ops = hw;
	vcpu->cpu.host_cpu = -1;
	vcpu->cpu.spared = config->spared;
	/* Without a local APIC here every change of it is user space's. */
	vcpu->cpu.cr8_limit = SLAT_CR8_EXITS;

	err = alloc_pages_of(vcpu);
	if (err)
		goto free;
	err = slat_walker_init(&vcpu->walker, mmu);
	if (err)
		goto free_pages;
	err = slat_ring_init(&vcpu->walker);
	if (err)
		goto exit_walker;
	err = -ENOMEM;
	if (!fpu_alloc_guest_fpstate(&vcpu->fpu))
		goto exit_ring;
	vcpu->has_apic = slat_irq_has_apics(irq);
	err = slat_vcpu_init_apicv(vcpu);
	if (err)
		goto free_fpu;
	err = hw->vcpu_alloc(&vcpu->cpu);
	if (err)
		goto exit_apicv;
	slat_cpu_reset(&vcpu->cpu);
	slat_vcpu_reset_msrs(vcpu);
	slat_vcpu_reset_mce(vcpu);
	slat_pv_reset(vcpu);
	slat_vcpu_init_tsc(vcpu);
	slat_vcpu_forget_cpuid(vcpu);
	if (vcpu->has_apic) {
		slat_apic_init(&vcpu->apic, irq, id, id == config->boot_id);
		hw->describe(&info);
		/* It stops where MWAIT may let the CPU sleep deeply (SDM vol. 3C, 26.5.1). */
		vcpu->apic.timer.bounds_stays = info.hw_caps & SLAT_HW_PREEMPTION_TIMER &&
						!(config->spared & SLAT_SPARED_MWAIT);
		if (id != config->boot_id)
			vcpu->mp_state = KVM_MP_STATE_UNINITIALIZED;
	}
	return vcpu;

exit_apicv:
	slat_vcpu_exit_apicv(vcpu);
free_fpu:
	fpu_free_guest_fpstate(&vcpu->fpu);
exit_ring:
	slat_ring_exit(&vcpu->walker);
exit_walker:
	slat_walker_exit(&vcpu->walker);
free_pages:
	free_pages_of(vcpu);
free:
	kfree(vcpu);
	return ERR_PTR(err);
}

/**
 * slat_vcpu_free() - undo slat_vcpu_create()
 * @vcpu: the vCPU
 *
 * Nobody uses it any more.
 */
void slat_vcpu_free(struct slat_vcpu *vcpu)
{
	if (vcpu->has_apic)
		slat_apic_exit(&vcpu->apic);
	vcpu->cpu.ops->vcpu_free(&vcpu->cpu);
	slat_vcpu_exit_apicv(vcpu);
	fpu_free_guest_fpstate(&vcpu->fpu);
	slat_ring_exit(&vcpu->walker);
	slat_walker_exit(&vcpu->walker);
	free_pages_of(vcpu);
	put_pid(rcu_dereference_protected(vcpu->thread, true));
	kvfree(vcpu->cpuid);
	kfree(vcpu);
}

static vm_fault_t run_fault(struct vm_fault *vmf)
{
	struct slat_vcpu *vcpu = vmf->vma->vm_private_data;

	if (vmf->pgoff >= KVM_DIRTY_LOG_PAGE_OFFSET) {
		vmf->page = slat_ring_page(&vcpu->walker,
					   vmf->pgoff - KVM_DIRTY_LOG_PAGE_OFFSET);
		return vmf->page ? 0 : VM_FAULT_SIGBUS;
	}
	if (vmf->pgoff >= SLAT_RUN_PAGES)
		return VM_FAULT_SIGBUS;
	get_page(vcpu->pages[vmf->pgoff]);
	vmf->page = vcpu->pages[vmf->pgoff];
	return 0;
}

static const struct vm_operations_struct run_vm_ops = {
	.fault = run_fault,
};

/**
 * slat_vcpu_mmap() - the pages shared with user space
 * @vcpu: the vCPU
 * @vma: the mapping
 *
 * The file keeps the vCPU.
 *
 * Return: 0; -EINVAL: a ring is shared, and no code.
 */
int slat_vcpu_mmap(struct slat_vcpu *vcpu, struct vm_area_struct *vma)
{
	const struct slat_ring *ring = &vcpu->walker.ring;
	unsigned long end = KVM_DIRTY_LOG_PAGE_OFFSET +
			    ring->size * sizeof(*ring->entries) / PAGE_SIZE;

	if (vma->vm_pgoff < end && vma->vm_pgoff + vma_pages(vma) > KVM_DIRTY_LOG_PAGE_OFFSET &&
	    (vma->vm_flags & VM_EXEC || !(vma->vm_flags & VM_SHARED)))
		return -EINVAL;
	vma->vm_private_data = vcpu;
	vma->vm_ops = &run_vm_ops;
	return 0;
}

static long vcpu_run(struct slat_vcpu *vcpu, unsigned long arg)
{
	return arg ? -EINVAL : slat_vcpu_run(vcpu);
}

/**
 * slat_vcpu_read_regs() - what KVM_GET_REGS returns
 * @vcpu: the vCPU
 * @regs: the registers
 *
 * Loaded.
 */
void slat_vcpu_read_regs(struct slat_vcpu *vcpu, struct kvm_regs *regs)
{
	slat_cpu_get_regs(&vcpu->cpu, regs);
}

/**
 * slat_vcpu_write_regs() - what KVM_SET_REGS does
 * @vcpu: the vCPU
 * @regs: the registers
 *
 * Loaded.  An exception that was due, or the trap of a single step, belonged to
 * what the registers were.
 */
void slat_vcpu_write_regs(struct slat_vcpu *vcpu, const struct kvm_regs *regs)
{
	struct slat_cpu *cpu = &vcpu->cpu;

	slat_cpu_set_regs(cpu, regs);
	vcpu->exception.kind = SLAT_EVENT_NONE;
	slat_cpu_need(cpu, SLAT_STATE_BLOCKING);
	if (cpu->pending_debug) {
		cpu->pending_debug = 0;
		slat_cpu_changed(cpu, SLAT_STATE_BLOCKING);
	}
}

/**
 * slat_vcpu_read_sregs() - what KVM_GET_SREGS returns
 * @vcpu: the vCPU
 * @sregs: the registers
 *
 * Loaded.
 */
void slat_vcpu_read_sregs(struct slat_vcpu *vcpu, struct kvm_sregs *sregs)
{
	*sregs = (struct kvm_sregs) { };
	slat_cpu_get_sregs(&vcpu->cpu, sregs);
	sregs->apic_base = vcpu->apic_base;
	sregs->cr8 = slat_vcpu_cr8(vcpu);
	if (vcpu->interrupt >= 0)
		__set_bit(vcpu->interrupt, (unsigned long *)sregs->interrupt_bitmap);
}

/**
 * slat_vcpu_write_sregs() - what KVM_SET_SREGS does
 * @vcpu: loaded
 * @sregs: nobody else's; checked here
 *
 * Return: 0; -EINVAL: a CPU cannot be in such a state.
 */
int slat_vcpu_write_sregs(struct slat_vcpu *vcpu, const struct kvm_sregs *sregs)
{
	struct slat_cpu *cpu = &vcpu->cpu;
	unsigned int vector;

	if (!slat_cpu_sregs_valid(cpu, sregs) ||
	    slat_vcpu_set_apic_base(vcpu, sregs->apic_base, false))
		return -EINVAL;
	slat_cpu_set_sregs(cpu, sregs);
	slat_vcpu_set_cr8(vcpu, sregs->cr8 & 15);
	vector = find_first_bit((unsigned long *)sregs->interrupt_bitmap, KVM_NR_INTERRUPTS);
	vcpu->interrupt = vector < KVM_NR_INTERRUPTS ? vector : -1;
	/* As after MOV to CR3: what the guest has there counts, if it is any good. */
	if (cpu->cr0 & X86_CR0_PG && cpu->cr4 & X86_CR4_PAE && !slat_cpu_long_mode(cpu))
		slat_vcpu_load_pdptrs(vcpu);
	return 0;
}

static long vcpu_get_regs(struct slat_vcpu *vcpu, unsigned long arg)
{
	struct kvm_regs regs;

	slat_vcpu_read_regs(vcpu, &regs);
	return copy_to_user((void __user *)arg, &regs, sizeof(regs)) ? -EFAULT : 0;
}

static long vcpu_set_regs(struct slat_vcpu *vcpu, unsigned long arg)
{
	struct kvm_regs regs;

	if (copy_from_user(&regs, (void __user *)arg, sizeof(regs)))
		return -EFAULT;
	slat_vcpu_write_regs(vcpu, &regs);
	return 0;
}

static long vcpu_get_sregs(struct slat_vcpu *vcpu, unsigned long arg)
{
	struct kvm_sregs sregs;

	slat_vcpu_read_sregs(vcpu, &sregs);
	return copy_to_user((void __user *)arg, &sregs, sizeof(sregs)) ? -EFAULT : 0;
}

static long vcpu_set_sregs(struct slat_vcpu *vcpu, unsigned long arg)
{
	struct kvm_sregs sregs;

	if (copy_from_user(&sregs, (void __user *)arg, sizeof(sregs)))
		return -EFAULT;
	return slat_vcpu_write_sregs(vcpu, &sregs);
}

static long vcpu_interrupt(struct slat_vcpu *vcpu, unsigned long arg)
{
	struct kvm_interrupt interrupt;

	if (copy_from_user(&interrupt, (void __user *)arg, sizeof(interrupt)))
		return -EFAULT;
	if (interrupt.irq >= KVM_NR_INTERRUPTS)
		return -EINVAL;
	if (slat_irq_has_chips(vcpu->irq))
		return -ENXIO;
	if (vcpu->interrupt >= 0)
		return -EEXIST;
	vcpu->interrupt = interrupt.irq;
	return 0;
}

static long vcpu_nmi(struct slat_vcpu *vcpu, unsigned long arg)
{
	/* One in service, one waiting: a CPU latches no more. */
	vcpu->nmis = min(vcpu->nmis + 1, 2u);
	return 0;
}

static long vcpu_set_signal_mask(struct slat_vcpu *vcpu, unsigned long arg)
{
	struct kvm_signal_mask __user *user = (void __user *)arg;
	struct kvm_signal_mask mask;

	if (!arg) {
		vcpu->signals_set = false;
		return 0;
	}
	if (copy_from_user(&mask, user, sizeof(mask)))
		return -EFAULT;
	if (mask.len != sizeof(vcpu->signals))
		return -EINVAL;
	if (copy_from_user(&vcpu->signals, user->sigset, sizeof(vcpu->signals)))
		return -EFAULT;
	sigdelsetmask(&vcpu->signals, sigmask(SIGKILL) | sigmask(SIGSTOP));
	vcpu->signals_set = true;
	return 0;
}

static long vcpu_set_cpuid(struct slat_vcpu *vcpu, unsigned long arg)
{
	return slat_vcpu_set_cpuid(vcpu, (void __user *)arg);
}

static long vcpu_get_cpuid(struct slat_vcpu *vcpu, unsigned long arg)
{
	return slat_vcpu_get_cpuid(vcpu, (void __user *)arg);
}

static long vcpu_get_msrs(struct slat_vcpu *vcpu, unsigned long arg)
{
	return slat_vcpu_msr_ioctl(vcpu, (void __user *)arg, false);
}

static long vcpu_set_msrs(struct slat_vcpu *vcpu, unsigned long arg)
{
	return slat_vcpu_msr_ioctl(vcpu, (void __user *)arg, true);
}

static long vcpu_get_events(struct slat_vcpu *vcpu, unsigned long arg)
{
	struct kvm_vcpu_events events;

	slat_vcpu_read_events(vcpu, &events);
	return copy_to_user((void __user *)arg, &events, sizeof(events)) ? -EFAULT : 0;
}

static long vcpu_set_events(struct slat_vcpu *vcpu, unsigned long arg)
{
	struct kvm_vcpu_events events;

	if (copy_from_user(&events, (void __user *)arg, sizeof(events)))
		return -EFAULT;
	return slat_vcpu_write_events(vcpu, &events);
}

static long vcpu_set_tsc_khz(struct slat_vcpu *vcpu, unsigned long arg)
{
	return arg > U32_MAX ? -EINVAL : slat_vcpu_set_tsc_khz(vcpu, arg);
}

static long vcpu_get_tsc_khz(struct slat_vcpu *vcpu, unsigned long arg)
{
	return vcpu->tsc_khz;
}

static long vcpu_translate(struct slat_vcpu *vcpu, unsigned long arg)
{
	struct kvm_translation translation;
	u64 gpa = 0;
	u32 error;

	if (copy_from_user(&translation, (void __user *)arg, sizeof(translation)))
		return -EFAULT;
	translation.valid = !slat_vcpu_translate(vcpu, translation.linear_address,
						 0, false, &gpa, &error);
	translation.physical_address = translation.valid ? gpa : ~0ULL;
	/* What KVM says of every page. */
	translation.writeable = 1;
	translation.usermode = 0;
	return copy_to_user((void __user *)arg, &translation, sizeof(translation)) ? -EFAULT : 0;
}

static long vcpu_enable_cap(struct slat_vcpu *vcpu, unsigned long arg)
{
	struct kvm_enable_cap cap;

	if (copy_from_user(&cap, (void __user *)arg, sizeof(cap)))
		return -EFAULT;
	if (cap.flags || cap.cap != KVM_CAP_ENFORCE_PV_FEATURE_CPUID)
		return -EINVAL;
	vcpu->pv.enforced = cap.args[0];
	return 0;
}

static long vcpu_kvmclock_ctrl(struct slat_vcpu *vcpu, unsigned long arg)
{
	return slat_pv_stopped(vcpu);
}

static long vcpu_pre_fault_memory(struct slat_vcpu *vcpu, unsigned long arg)
{
	/* The same without flags. */
	BUILD_BUG_ON(sizeof(struct slat_populate) != sizeof(struct kvm_pre_fault_memory));
	return slat_walker_populate(&vcpu->walker, (void __user *)arg, 0);
}

static long vcpu_has_attr(struct slat_vcpu *vcpu, unsigned long arg)
{
	return slat_vcpu_attr(vcpu, KVM_HAS_DEVICE_ATTR, (void __user *)arg);
}

static long vcpu_get_attr(struct slat_vcpu *vcpu, unsigned long arg)
{
	return slat_vcpu_attr(vcpu, KVM_GET_DEVICE_ATTR, (void __user *)arg);
}

static long vcpu_set_attr(struct slat_vcpu *vcpu, unsigned long arg)
{
	return slat_vcpu_attr(vcpu, KVM_SET_DEVICE_ATTR, (void __user *)arg);
}

/* A handler that takes a pointer, as the table has it. */
#define TAKES_POINTER(verb)							\
static long vcpu_##verb(struct slat_vcpu *vcpu, unsigned long arg)		\
{										\
	return slat_vcpu_##verb(vcpu, (void __user *)arg);			\
}

TAKES_POINTER(get_lapic)
TAKES_POINTER(set_lapic)
TAKES_POINTER(get_mp_state)
TAKES_POINTER(set_mp_state)
TAKES_POINTER(setup_mce)
TAKES_POINTER(set_mce)
TAKES_POINTER(tpr_access)
TAKES_POINTER(set_vapic)
TAKES_POINTER(get_sregs2)
TAKES_POINTER(set_sregs2)
TAKES_POINTER(get_debugregs)
TAKES_POINTER(set_debugregs)
TAKES_POINTER(set_guest_debug)
TAKES_POINTER(get_fpu)
TAKES_POINTER(set_fpu)
TAKES_POINTER(get_xsave)
TAKES_POINTER(get_xsave2)
TAKES_POINTER(set_xsave)
TAKES_POINTER(get_xcrs)
TAKES_POINTER(set_xcrs)

/* All under the vCPU's mutex, the vCPU loaded. */
static const struct {
	unsigned int cmd;
	long (*handler)(struct slat_vcpu *vcpu, unsigned long arg);
} vcpu_ioctls[] = {
	{ KVM_RUN,		vcpu_run },
	{ KVM_GET_REGS,		vcpu_get_regs },
	{ KVM_SET_REGS,		vcpu_set_regs },
	{ KVM_GET_SREGS,	vcpu_get_sregs },
	{ KVM_SET_SREGS,	vcpu_set_sregs },
	{ KVM_GET_SREGS2,	vcpu_get_sregs2 },
	{ KVM_SET_SREGS2,	vcpu_set_sregs2 },
	{ KVM_HAS_DEVICE_ATTR,	vcpu_has_attr },
	{ KVM_GET_DEVICE_ATTR,	vcpu_get_attr },
	{ KVM_SET_DEVICE_ATTR,	vcpu_set_attr },
	{ KVM_INTERRUPT,	vcpu_interrupt },
	{ KVM_NMI,		vcpu_nmi },
	{ KVM_GET_LAPIC,	vcpu_get_lapic },
	{ KVM_SET_LAPIC,	vcpu_set_lapic },
	{ KVM_TPR_ACCESS_REPORTING, vcpu_tpr_access },
	{ KVM_SET_VAPIC_ADDR,	vcpu_set_vapic },
	{ KVM_X86_SETUP_MCE,	vcpu_setup_mce },
	{ KVM_X86_SET_MCE,	vcpu_set_mce },
	{ KVM_GET_MP_STATE,	vcpu_get_mp_state },
	{ KVM_SET_MP_STATE,	vcpu_set_mp_state },
	{ KVM_SET_SIGNAL_MASK,	vcpu_set_signal_mask },
	{ KVM_SET_CPUID2,	vcpu_set_cpuid },
	{ KVM_GET_CPUID2,	vcpu_get_cpuid },
	{ KVM_GET_MSRS,		vcpu_get_msrs },
	{ KVM_SET_MSRS,		vcpu_set_msrs },
	{ KVM_TRANSLATE,	vcpu_translate },
	{ KVM_PRE_FAULT_MEMORY,	vcpu_pre_fault_memory },
	{ KVM_SET_TSC_KHZ,	vcpu_set_tsc_khz },
	{ KVM_GET_TSC_KHZ,	vcpu_get_tsc_khz },
	{ KVM_ENABLE_CAP,	vcpu_enable_cap },
	{ KVM_KVMCLOCK_CTRL,	vcpu_kvmclock_ctrl },
	{ KVM_GET_VCPU_EVENTS,	vcpu_get_events },
	{ KVM_SET_VCPU_EVENTS,	vcpu_set_events },
	{ KVM_GET_DEBUGREGS,	vcpu_get_debugregs },
	{ KVM_SET_DEBUGREGS,	vcpu_set_debugregs },
	{ KVM_SET_GUEST_DEBUG,	vcpu_set_guest_debug },
	{ KVM_GET_FPU,		vcpu_get_fpu },
	{ KVM_SET_FPU,		vcpu_set_fpu },
	{ KVM_GET_XSAVE,	vcpu_get_xsave },
	{ KVM_GET_XSAVE2,	vcpu_get_xsave2 },
	{ KVM_SET_XSAVE,	vcpu_set_xsave },
	{ KVM_GET_XCRS,		vcpu_get_xcrs },
	{ KVM_SET_XCRS,		vcpu_set_xcrs },
};

/**
 * slat_vcpu_ioctl() - a call on a vCPU's descriptor
 * @vcpu: whose
 * @cmd: which
 * @arg: its argument
 *
 * Return: the call's; -EIO where the VM belongs to another mm; -EINVAL where
 * there is no such call; -EINTR for a fatal signal.
 */
long slat_vcpu_ioctl(struct slat_vcpu *vcpu, unsigned int cmd, unsigned long arg)
{
	long ret;
	int i;

	if (vcpu->mm != current->mm)
		return -EIO;
	for (i = 0; i < ARRAY_SIZE(vcpu_ioctls); i++)
		if (vcpu_ioctls[i].cmd == cmd)
			break;
	if (i == ARRAY_SIZE(vcpu_ioctls))
		return -EINVAL;

	if (mutex_lock_killable(&vcpu->mutex))
		return -EINTR;
	slat_vcpu_load(vcpu);
	ret = vcpu_ioctls[i].handler(vcpu, arg);
	/* What the module has written for it is told before user space goes on. */
	slat_ring_flush_backlog(&vcpu->walker);
	slat_vcpu_put(vcpu);
	mutex_unlock(&vcpu->mutex);
	return ret;
}
