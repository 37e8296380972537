// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest CPU under VT-x: its control structure, and one entry.
 */
#include <linux/gfp.h>
#include <linux/idr.h>
#include <linux/kernel.h>
#include <linux/kvm_host.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <asm/apicdef.h>
#include <asm/debugreg.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/trapnr.h>
#include <asm/vmx.h>

#include "compat/compat.h"
#include "cpu/regs.h"
#include "vmx/ept.h"
#include "vmx/insn.h"
#include "vmx/spec.h"
#include "vmx/vmx.h"

#define VPID_MAX	0xffff

/*
 * Ticks of the TSC: PAUSEs no further apart are a loop, and one that lasts so
 * long exits.
 */
#define PAUSE_GAP	128
#define PAUSE_WINDOW	4096

/* Always taken from the guest: it could keep the CPU busy for ever with these. */
#define INTERCEPTED	(BIT(X86_TRAP_DB) | BIT(X86_TRAP_UD) | BIT(X86_TRAP_AC) | BIT(X86_TRAP_MC))

static DEFINE_IDA(vpids);

/* Both quarters of the bitmap that hold this MSR: reads, writes 2 KiB above. */
static void pass_msr(void *bitmap, u32 msr)
{
	void *reads = bitmap + (msr >= 0xc0000000 ? 1024 : 0);

	__clear_bit_le(msr & 0x1fff, reads);
	__clear_bit_le(msr & 0x1fff, reads + 2048);
}

/* Reads alone. */
static void pass_cstates(void *bitmap)
{
	static const u32 msrs[] = {
		MSR_CORE_C1_RES, MSR_CORE_C3_RESIDENCY, MSR_CORE_C6_RESIDENCY,
		MSR_CORE_C7_RESIDENCY,
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(msrs); i++)
		__clear_bit_le(msrs[i], bitmap);
}

/* Instructions that the guest does not have are #UD where these say so. */
static u32 proc2_of(const struct slat_cpu *cpu)
{
	u32 proc2 = slat_vmx.controls.proc2;

	if (!slat_vmx_of(cpu)->vpid)
		proc2 &= ~SECONDARY_EXEC_ENABLE_VPID;
	if (cpu->spared & SLAT_SPARED_PAUSE)
		proc2 &= ~SECONDARY_EXEC_PAUSE_LOOP_EXITING;
	if (!cpu->has_rdtscp)
		proc2 &= ~SECONDARY_EXEC_ENABLE_RDTSCP;
	if (!cpu->has_invpcid)
		proc2 &= ~SECONDARY_EXEC_ENABLE_INVPCID;
	if (cpu->log_writes)
		proc2 |= SECONDARY_EXEC_ENABLE_PML;
	return proc2 | slat_vmx_apicv_proc2(cpu);
}

/* The guest has its task priority to itself, in the virtual-APIC page. */
static bool has_tpr(const struct slat_cpu *cpu)
{
	return cpu->apicv & SLAT_APICV_PRIORITY;
}

/* Without what this guest is spared. */
static u32 proc_of(const struct slat_cpu *cpu)
{
	u32 proc = slat_vmx.controls.proc;

	if (has_tpr(cpu)) {
		proc &= ~(CPU_BASED_CR8_LOAD_EXITING | CPU_BASED_CR8_STORE_EXITING);
		proc |= CPU_BASED_TPR_SHADOW;
	}
	if (cpu->spared & SLAT_SPARED_HLT)
		proc &= ~CPU_BASED_HLT_EXITING;
	if (cpu->spared & SLAT_SPARED_MWAIT)
		proc &= ~(CPU_BASED_MWAIT_EXITING | CPU_BASED_MONITOR_EXITING);
	return proc;
}

/* Loaded here. */
static void init_vmcs(struct slat_cpu *cpu)
{
	struct slat_vmx_vcpu *vmx = slat_vmx_of(cpu);
	const struct slat_vmx_controls *controls = &slat_vmx.controls;
	struct slat_vmx_cached *cached = &vmx->cached;

	if (vmx->vpid)
		slat_vmwrite(VIRTUAL_PROCESSOR_ID, vmx->vpid);

	slat_vmwrite(PIN_BASED_VM_EXEC_CONTROL, controls->pin);
	slat_vmwrite_cached(CPU_BASED_VM_EXEC_CONTROL, &cached->proc, proc_of(cpu));
	slat_vmwrite_cached(SECONDARY_VM_EXEC_CONTROL, &cached->proc2, proc2_of(cpu));
	slat_vmwrite(VM_EXIT_CONTROLS, controls->exit);
	slat_vmwrite_cached(VM_ENTRY_CONTROLS, &cached->entry, controls->entry);
	slat_vmwrite_cached(EXCEPTION_BITMAP, &cached->intercepts, INTERCEPTED);
	slat_vmwrite(TSC_OFFSET, 0);
	slat_vmwrite(VM_ENTRY_INTR_INFO_FIELD, 0);
	if (controls->proc2 & SECONDARY_EXEC_PAUSE_LOOP_EXITING) {
		slat_vmwrite(PLE_GAP, PAUSE_GAP);
		slat_vmwrite(PLE_WINDOW, PAUSE_WINDOW);
	}
	slat_vmwrite(PAGE_FAULT_ERROR_CODE_MASK, 0);
	slat_vmwrite(PAGE_FAULT_ERROR_CODE_MATCH, 0);
	slat_vmwrite(CR3_TARGET_COUNT, 0);
	slat_vmwrite(VM_EXIT_MSR_STORE_COUNT, 0);
	slat_vmwrite(VM_EXIT_MSR_LOAD_COUNT, 0);
	slat_vmwrite(VM_ENTRY_MSR_LOAD_COUNT, 0);
	slat_vmwrite(MSR_BITMAP, __pa(vmx->msr_bitmap));
	slat_vmx_apicv_init(cpu);
	slat_vmx_pml_init(vmx);
	slat_vmwrite(VMCS_LINK_POINTER, ~0ULL);
	slat_vmwrite(GUEST_ACTIVITY_STATE, GUEST_ACTIVITY_ACTIVE);
	/* All of CR0 and CR4 is Slat's: the guest's changes exit. */
	slat_vmwrite(CR0_GUEST_HOST_MASK, ~0ULL);
	slat_vmwrite(CR4_GUEST_HOST_MASK, ~0ULL);
	slat_vmx_host_init();
}

static void free_pages_of(struct slat_vmx_vcpu *vmx)
{
	slat_vmx_pml_free(vmx);
	free_page((unsigned long)vmx->msr_bitmap);
	kfree(vmx);
}

/**
 * slat_vmx_vcpu_alloc() - see slat_hw_ops.vcpu_alloc
 * @cpu: the guest CPU, loaded here
 */
int slat_vmx_vcpu_alloc(struct slat_cpu *cpu)
{
	struct slat_vmx_vcpu *vmx = kzalloc(sizeof(*vmx), GFP_KERNEL_ACCOUNT);
	int err = -ENOMEM, i;

	if (!vmx)
		return -ENOMEM;
	vmx->msr_bitmap = (void *)__get_free_page(GFP_KERNEL_ACCOUNT);
	if (!vmx->msr_bitmap)
		goto free;
	memset(vmx->msr_bitmap, 0xff, PAGE_SIZE);
	/* Held by the VMCS, or switched. */
	for (i = 0; i < SLAT_OWN_MSRS; i++)
		pass_msr(vmx->msr_bitmap, slat_cpu_own_msrs[i]);
	if (cpu->spared & SLAT_SPARED_CSTATE)
		pass_cstates(vmx->msr_bitmap);

	err = slat_vmx_pml_alloc(vmx) ?: slat_vmcs_alloc(&vmx->vmcs, slat_vmx.caps.revision);
	if (err)
		goto free;

	/* Without one left a guest does without: its TLB is empty at each entry. */
	if (slat_vmx.controls.proc2 & SECONDARY_EXEC_ENABLE_VPID) {
		int vpid = ida_alloc_range(&vpids, 1, VPID_MAX, GFP_KERNEL_ACCOUNT);

		vmx->vpid = vpid > 0 ? vpid : 0;
	}

	cpu->hw = vmx;
	preempt_disable();
	slat_vmcs_load(&vmx->vmcs);
	init_vmcs(cpu);
	slat_vmx_host_moved();
	vmx->flush_vpid = true;
	preempt_enable();
	return 0;

free:
	free_pages_of(vmx);
	return err;
}

/**
 * slat_vmx_vcpu_free() - see slat_hw_ops.vcpu_free
 * @cpu: the guest CPU, loaded here
 */
void slat_vmx_vcpu_free(struct slat_cpu *cpu)
{
	struct slat_vmx_vcpu *vmx = slat_vmx_of(cpu);

	slat_vmcs_free(&vmx->vmcs);
	if (vmx->vpid)
		ida_free(&vpids, vmx->vpid);
	free_pages_of(vmx);
	cpu->hw = NULL;
}

/**
 * slat_vmx_vcpu_load() - see slat_hw_ops.vcpu_load
 * @cpu: the guest CPU, loaded here
 */
void slat_vmx_vcpu_load(struct slat_cpu *cpu)
{
	struct slat_vmx_vcpu *vmx = slat_vmx_of(cpu);

	if (slat_vmcs_load(&vmx->vmcs)) {
		slat_vmx_host_moved();
		vmx->flush_vpid = true;
	}
	slat_vmx_host_load(cpu);
	cpu->host_data = true;
	cpu->host_cpu = smp_processor_id();
}

/**
 * slat_vmx_vcpu_put() - see slat_hw_ops.vcpu_put
 * @cpu: the guest CPU, loaded here
 */
void slat_vmx_vcpu_put(struct slat_cpu *cpu)
{
	slat_vmx_host_put(cpu);
	cpu->host_cpu = -1;
}

static const u32 entry_type[] = {
	[SLAT_EVENT_INTERRUPT] = INTR_TYPE_EXT_INTR,
	[SLAT_EVENT_NMI] = INTR_TYPE_NMI_INTR,
	[SLAT_EVENT_EXCEPTION] = INTR_TYPE_HARD_EXCEPTION,
	[SLAT_EVENT_SOFT_INTERRUPT] = INTR_TYPE_SOFT_INTR,
	[SLAT_EVENT_SOFT_EXCEPTION] = INTR_TYPE_SOFT_EXCEPTION,
	[SLAT_EVENT_PRIVILEGED] = INTR_TYPE_PRIV_SW_EXCEPTION,
};

/* SDM vol. 3C, 25.8.3 */
static void flush_event(const struct slat_cpu *cpu)
{
	const struct slat_event *event = &cpu->event;
	u32 info = INTR_INFO_VALID_MASK | event->vector;

	/* The last exit has cleared the field. */
	if (event->kind == SLAT_EVENT_NONE)
		return;
	info |= entry_type[event->kind];
	/* Real mode has no error codes. */
	if (event->has_error && cpu->cr0 & X86_CR0_PE) {
		info |= INTR_INFO_DELIVER_CODE_MASK;
		slat_vmwrite(VM_ENTRY_EXCEPTION_ERROR_CODE, event->error);
	}
	slat_vmwrite(VM_ENTRY_INSTRUCTION_LEN, event->insn_len);
	slat_vmwrite(VM_ENTRY_INTR_INFO_FIELD, info);
}

/*
 * A guest that halts without an exit is found so at the next one, and goes on
 * sleeping unless an event wakes it, or it has been sent elsewhere, or to where
 * it could not have halted (SDM vol. 3C, 27.3.1.5).
 */
static void flush_activity(const struct slat_cpu *cpu)
{
	const u32 awake = SLAT_STATE_RIP | SLAT_STATE_SEGS | SLAT_STATE_BLOCKING;

	if (cpu->spared & SLAT_SPARED_HLT &&
	    (cpu->event.kind != SLAT_EVENT_NONE || cpu->dirty & awake))
		slat_vmwrite(GUEST_ACTIVITY_STATE, GUEST_ACTIVITY_ACTIVE);
}

static void flush_controls(struct slat_cpu *cpu)
{
	struct slat_vmx_vcpu *vmx = slat_vmx_of(cpu);
	struct slat_vmx_cached *cached = &vmx->cached;
	u32 proc = proc_of(cpu);

	if (cpu->intercept_msrs)
		proc &= ~CPU_BASED_USE_MSR_BITMAPS;
	if (cpu->want_interrupt_window)
		proc |= CPU_BASED_INTR_WINDOW_EXITING;
	if (cpu->want_nmi_window)
		proc |= CPU_BASED_NMI_WINDOW_EXITING;
	if (cpu->want_step && slat_vmx.controls.steps)
		proc |= CPU_BASED_MONITOR_TRAP_FLAG;
	slat_vmwrite_cached(CPU_BASED_VM_EXEC_CONTROL, &cached->proc, proc);
	slat_vmwrite_cached(SECONDARY_VM_EXEC_CONTROL, &cached->proc2, proc2_of(cpu));
	slat_vmwrite_cached(EXCEPTION_BITMAP, &cached->intercepts,
			    INTERCEPTED | cpu->intercepts);
	slat_vmwrite_cached(EPT_POINTER, &cached->root,
			    slat_ept_pointer(&slat_vmx.format, cpu->root));
	slat_vmwrite_cached(TSC_OFFSET, &cached->tsc_offset, cpu->tsc_offset);
	if (slat_vmx.controls.proc2 & SECONDARY_EXEC_TSC_SCALING)
		slat_vmwrite_cached(TSC_MULTIPLIER, &cached->tsc_ratio,
				    cpu->tsc_ratio ?: 1ULL << 48);
}

/* The CPU may begin to count with any part of a tick. */
static void flush_timer(struct slat_cpu *cpu)
{
	u64 ticks = slat_vmx.residency_ticks ?: U32_MAX;

	if (!(slat_vmx.controls.pin & PIN_BASED_VMX_PREEMPTION_TIMER))
		return;
	if (cpu->max_stay)
		ticks = min(ticks, (cpu->max_stay >> slat_vmx.caps.timer_shift) + 1);
	slat_vmwrite_cached(VMX_PREEMPTION_TIMER_VALUE, &slat_vmx_of(cpu)->cached.stay, ticks);
}

static void flush_tlb(struct slat_vmx_vcpu *vmx)
{
	if (!vmx->flush_vpid)
		return;
	vmx->flush_vpid = false;
	if (vmx->vpid)
		slat_invvpid_single(vmx->vpid);
}

/* What the VMCS says of a stay, beside the guest's registers. */
static void flush_stay(struct slat_cpu *cpu)
{
	flush_activity(cpu);
	flush_controls(cpu);
	slat_vmx_apicv_flush(cpu);
	flush_event(cpu);
	slat_vmx_host_refresh(cpu);
}

/*
 * The kernel counts the time between as the guest's, in which RCU, tracing and
 * lockdep may not be used: nothing here is instrumented, or calls what is.  An
 * NMI that ended the stay is handled first of all, before an exception's IRET
 * could let in the next one.
 */
static noinstr void stay(struct slat_cpu *cpu)
{
	struct slat_vmx_vcpu *vmx = slat_vmx_of(cpu);

	guest_state_enter_irqoff();
	native_write_cr2(cpu->cr2);
	slat_vmx_spec_enter(cpu);

	vmx->entered = slat_vmx_switch(cpu->gpr, vmx->vmcs.launched);

	vmx->intr_info = 0;
	if (vmx->entered) {
		cpu->cr2 = native_read_cr2();
		vmx->reason = slat_vmread(VM_EXIT_REASON);
		if ((u16)vmx->reason == EXIT_REASON_EXCEPTION_NMI)
			vmx->intr_info = slat_vmread(VM_EXIT_INTR_INFO);
		if ((vmx->intr_info & (INTR_INFO_VALID_MASK | INTR_INFO_INTR_TYPE_MASK)) ==
		    (INTR_INFO_VALID_MASK | INTR_TYPE_NMI_INTR))
			slat_raise_nmi();
	}
	guest_state_exit_irqoff();
}

/* SDM vol. 3C, 28.2 and 27.9; interrupts off. */
static bool is_machine_check(const struct slat_vmx_vcpu *vmx)
{
	return (u16)vmx->reason == EXIT_REASON_MCE_DURING_VMENTRY ||
	       (vmx->intr_info & (INTR_INFO_INTR_TYPE_MASK | INTR_INFO_VECTOR_MASK)) ==
	       (INTR_TYPE_HARD_EXCEPTION | X86_TRAP_MC);
}

/**
 * slat_vmx_vcpu_enter() - see slat_hw_ops.vcpu_enter
 * @cpu: the guest CPU, loaded here
 * @again: what the last entry has written is there
 */
void slat_vmx_vcpu_enter(struct slat_cpu *cpu, bool again)
{
	struct slat_vmx_vcpu *vmx = slat_vmx_of(cpu);

	/*
	 * TF again, in case the guest has cleared it; with interrupts blocked for
	 * an instruction, an entry with TF needs a trap that is due already (SDM
	 * vol. 3C, 27.3.1.5).
	 */
	if (slat_vmx_steps_by_tf(cpu)) {
		slat_vmx_fetch(cpu, SLAT_STATE_RFLAGS | SLAT_STATE_BLOCKING);
		cpu->blocking &= ~(SLAT_BLOCKED_BY_STI | SLAT_BLOCKED_BY_MOV_SS);
		cpu->dirty |= SLAT_STATE_RFLAGS | SLAT_STATE_BLOCKING;
	}
	if (!again)
		flush_stay(cpu);
	slat_vmx_flush(cpu);
	flush_timer(cpu);
	flush_tlb(vmx);
	slat_vmx_host_leave(cpu);

	stay(cpu);

	/* All but what exits for every change. */
	cpu->valid = SLAT_STATE_CRS | SLAT_STATE_DR7;
	slat_vmx_host_back(cpu);
	slat_vmx_spec_exit();
	slat_vmx_pml_take(cpu);
	if (vmx->entered && is_machine_check(vmx))
		slat_machine_check();
	if (!vmx->entered || vmx->reason & VMX_EXIT_REASONS_FAILED_VMENTRY) {
		slat_vmwrite(VM_ENTRY_INTR_INFO_FIELD, 0);
		return;
	}
	vmx->vmcs.launched = true;
	if (has_tpr(cpu))
		cpu->cr8 = *(const u32 *)(cpu->apic_page + APIC_TASKPRI) >> 4 & 15;
	cpu->event.kind = SLAT_EVENT_NONE;
}
