// SPDX-License-Identifier: GPL-2.0-only
/*
 * Why a guest was left, in words that both vendors share (SDM vol. 3C, 28.2,
 * appendix C).
 */
#include <linux/kernel.h>
#include <uapi/asm/debugreg.h>
#include <asm/trapnr.h>
#include <asm/vmx.h>

#include "vmx/insn.h"
#include "vmx/vmx.h"

/* Bits of exit qualifications (SDM vol. 3C, 28.2.1). */
#define IO_SIZE		GENMASK(2, 0)
#define IO_IN		BIT(3)
#define IO_STRING	BIT(4)
#define IO_REP		BIT(5)
#define IO_PORT_SHIFT	16

#define INFO_ADDRESS_SHIFT	7	/* of INS and OUTS: 0 is 16 bits */

#define CR_NUMBER	GENMASK(3, 0)
#define CR_TYPE_SHIFT	4
#define CR_GPR_SHIFT	8
#define CR_LMSW_SHIFT	16
enum { CR_WRITE, CR_READ, CR_CLTS, CR_LMSW };

#define DR_NUMBER	GENMASK(2, 0)
#define DR_READ		BIT(4)
#define DR_GPR_SHIFT	8

#define TASK_SOURCE_SHIFT	30

#define APIC_OFFSET	GENMASK(11, 0)

#define EPT_LINEAR_VALID	BIT(7)
#define EPT_OF_TRANSLATION	BIT(8)	/* not of the walk to it */

typedef void (*exit_fn)(struct slat_exit *exit, u64 qualification);

static enum slat_event_kind event_kind(u32 info)
{
	switch (info & INTR_INFO_INTR_TYPE_MASK) {
	case INTR_TYPE_EXT_INTR:
		return SLAT_EVENT_INTERRUPT;
	case INTR_TYPE_NMI_INTR:
		return SLAT_EVENT_NMI;
	case INTR_TYPE_SOFT_INTR:
		return SLAT_EVENT_SOFT_INTERRUPT;
	case INTR_TYPE_SOFT_EXCEPTION:
		return SLAT_EVENT_SOFT_EXCEPTION;
	case INTR_TYPE_PRIV_SW_EXCEPTION:
		return SLAT_EVENT_PRIVILEGED;
	default:
		return SLAT_EVENT_EXCEPTION;
	}
}

static void read_event(struct slat_event *event, u32 info, u32 error_field)
{
	*event = (struct slat_event) {
		.kind = event_kind(info),
		.vector = info & INTR_INFO_VECTOR_MASK,
		.has_error = !!(info & INTR_INFO_DELIVER_CODE_MASK),
	};
	if (event->has_error)
		event->error = slat_vmread(error_field);
}

static void exit_io(struct slat_exit *exit, u64 qualification)
{
	exit->io.port = qualification >> IO_PORT_SHIFT;
	exit->io.size = (qualification & IO_SIZE) + 1;
	exit->io.in = qualification & IO_IN;
	exit->io.string = qualification & IO_STRING;
	exit->io.rep = qualification & IO_REP;
	if (exit->io.string) {
		u32 info = slat_vmread(VMX_INSTRUCTION_INFO);

		exit->io.address_size = 2 << (info >> INFO_ADDRESS_SHIFT & 3);
		exit->io.linear = slat_vmread(GUEST_LINEAR_ADDRESS);
	}
}

static void exit_cr(struct slat_exit *exit, u64 qualification)
{
	unsigned int type = qualification >> CR_TYPE_SHIFT & 3;

	exit->cr.number = qualification & CR_NUMBER;
	exit->cr.gpr = qualification >> CR_GPR_SHIFT & 15;
	exit->cr.write = type != CR_READ;
	exit->cr.clts = type == CR_CLTS;
	exit->cr.lmsw = type == CR_LMSW;
	exit->cr.source = qualification >> CR_LMSW_SHIFT;
}

static void exit_dr(struct slat_exit *exit, u64 qualification)
{
	exit->dr.number = qualification & DR_NUMBER;
	exit->dr.gpr = qualification >> DR_GPR_SHIFT & 15;
	exit->dr.write = !(qualification & DR_READ);
}

static void exit_task(struct slat_exit *exit, u64 qualification)
{
	exit->task.selector = qualification;
	exit->task.source = qualification >> TASK_SOURCE_SHIFT & 3;
}

static void exit_ept(struct slat_exit *exit, u64 qualification)
{
	exit->fault.gpa = slat_vmread(GUEST_PHYSICAL_ADDRESS);
	exit->fault.linear_valid = qualification & EPT_LINEAR_VALID;
	exit->fault.walk = !(qualification & EPT_OF_TRANSLATION);
	if (exit->fault.linear_valid)
		exit->fault.linear = slat_vmread(GUEST_LINEAR_ADDRESS);
	/* Bits 0 to 2 are the access, in Slat's order. */
	exit->fault.access = qualification &
			     (SLAT_ACCESS_READ | SLAT_ACCESS_WRITE | SLAT_ACCESS_EXEC);
}

static void exit_misconfig(struct slat_exit *exit, u64 qualification)
{
	exit->fault.gpa = slat_vmread(GUEST_PHYSICAL_ADDRESS);
	exit->fault.linear_valid = false;
	exit->fault.walk = false;
	exit->fault.access = 0;
}

/* SDM vol. 3C, table 28-6, 30.4.3.3.  Of an access the instruction says more. */
static void exit_apic(struct slat_exit *exit, u64 qualification)
{
	exit->offset = qualification & APIC_OFFSET;
}

static void exit_eoi(struct slat_exit *exit, u64 qualification)
{
	exit->vector = qualification;
}

static void exit_linear(struct slat_exit *exit, u64 qualification)
{
	exit->linear = qualification;
}

static void exit_rdtsc(struct slat_exit *exit, u64 qualification)
{
	exit->reg = 0;
}

static void exit_rdtscp(struct slat_exit *exit, u64 qualification)
{
	exit->reg = 1;
}

static const struct {
	enum slat_exit_reason reason;
	exit_fn fill;
	bool known;
} exits[] = {
#define EXIT(vmx, slat, fn) \
	[EXIT_REASON_##vmx] = { .reason = SLAT_EXIT_##slat, .fill = fn, .known = true }
	EXIT(EXTERNAL_INTERRUPT, HOST, NULL),
	EXIT(PREEMPTION_TIMER, HOST, NULL),
	EXIT(PML_FULL, HOST, NULL),
	EXIT(TPR_BELOW_THRESHOLD, PRIORITY, NULL),
	EXIT(APIC_ACCESS, APIC_ACCESS, exit_apic),
	EXIT(APIC_WRITE, APIC_WRITE, exit_apic),
	EXIT(EOI_INDUCED, EOI, exit_eoi),
	EXIT(TRIPLE_FAULT, TRIPLE_FAULT, NULL),
	EXIT(INTERRUPT_WINDOW, INTERRUPT_WINDOW, NULL),
	EXIT(NMI_WINDOW, NMI_WINDOW, NULL),
	EXIT(TASK_SWITCH, TASK_SWITCH, exit_task),
	EXIT(CPUID, CPUID, NULL),
	EXIT(HLT, HLT, NULL),
	EXIT(INVD, INVD, NULL),
	EXIT(WBINVD, INVD, NULL),
	EXIT(INVLPG, INVLPG, exit_linear),
	EXIT(INVPCID, INVPCID, NULL),
	EXIT(RDPMC, RDPMC, NULL),
	EXIT(RDTSC, RDTSC, exit_rdtsc),
	EXIT(RDTSCP, RDTSC, exit_rdtscp),
	EXIT(VMCALL, HYPERCALL, NULL),
	EXIT(VMCLEAR, UNDEFINED, NULL),
	EXIT(VMLAUNCH, UNDEFINED, NULL),
	EXIT(VMPTRLD, UNDEFINED, NULL),
	EXIT(VMPTRST, UNDEFINED, NULL),
	EXIT(VMREAD, UNDEFINED, NULL),
	EXIT(VMRESUME, UNDEFINED, NULL),
	EXIT(VMWRITE, UNDEFINED, NULL),
	EXIT(VMOFF, UNDEFINED, NULL),
	EXIT(VMON, UNDEFINED, NULL),
	EXIT(INVEPT, UNDEFINED, NULL),
	EXIT(INVVPID, UNDEFINED, NULL),
	EXIT(VMFUNC, UNDEFINED, NULL),
	EXIT(ENCLS, UNDEFINED, NULL),
	EXIT(CR_ACCESS, CR, exit_cr),
	EXIT(DR_ACCESS, DR, exit_dr),
	EXIT(IO_INSTRUCTION, IO, exit_io),
	EXIT(MSR_READ, RDMSR, NULL),
	EXIT(MSR_WRITE, WRMSR, NULL),
	EXIT(MWAIT_INSTRUCTION, IDLE, NULL),
	EXIT(MONITOR_INSTRUCTION, IDLE, NULL),
	EXIT(MONITOR_TRAP_FLAG, STEP, NULL),
	EXIT(PAUSE_INSTRUCTION, PAUSE, NULL),
	EXIT(EPT_VIOLATION, FAULT, exit_ept),
	EXIT(EPT_MISCONFIG, MISCONFIG, exit_misconfig),
	EXIT(XSETBV, XSETBV, NULL),
#undef EXIT
};

static void exit_exception(struct slat_cpu *cpu, struct slat_exit *exit, u32 info)
{
	if ((info & INTR_INFO_INTR_TYPE_MASK) == INTR_TYPE_NMI_INTR ||
	    (info & INTR_INFO_VECTOR_MASK) == X86_TRAP_MC) {
		exit->reason = SLAT_EXIT_HOST;
		return;
	}
	exit->reason = SLAT_EXIT_EXCEPTION;
	read_event(&exit->event, info, VM_EXIT_INTR_ERROR_CODE);
	exit->event.insn_len = exit->insn_len;
	if (exit->event.vector == X86_TRAP_DB) {
		exit->dr6 = slat_vmread(EXIT_QUALIFICATION);
		if (slat_vmx_of(cpu)->stepping && exit->dr6 & DR_STEP)
			exit->reason = SLAT_EXIT_STEP;
	}
	if (exit->event.vector == X86_TRAP_PF)
		exit->cr2 = slat_vmread(EXIT_QUALIFICATION);
}

/*
 * An event whose delivery the exit interrupted is delivered again; for an NMI
 * that has begun, the CPU believes that NMIs are blocked (SDM vol. 3C, 28.2.4).
 */
static void exit_undelivered(struct slat_cpu *cpu, struct slat_exit *exit)
{
	u32 info = slat_vmread(IDT_VECTORING_INFO_FIELD);

	if (!(info & VECTORING_INFO_VALID_MASK))
		return;
	read_event(&exit->undelivered, info, IDT_VECTORING_ERROR_CODE);
	exit->undelivered.insn_len = exit->insn_len;
	if (exit->undelivered.kind != SLAT_EVENT_NMI)
		return;
	slat_vmx_fetch(cpu, SLAT_STATE_BLOCKING);
	cpu->blocking &= ~SLAT_BLOCKED_BY_NMI;
	cpu->dirty |= SLAT_STATE_BLOCKING;
}

/* IRET had unblocked NMIs when the exit came: they are blocked until it is done. */
static void exit_iret(struct slat_cpu *cpu, u32 reason, u32 info, u64 qualification)
{
	bool unblocked;

	switch (reason) {
	case EXIT_REASON_EXCEPTION_NMI:
		unblocked = info & INTR_INFO_UNBLOCK_NMI &&
			    (info & INTR_INFO_VECTOR_MASK) != X86_TRAP_DF;
		break;
	case EXIT_REASON_EPT_VIOLATION:
	case EXIT_REASON_PML_FULL:
		unblocked = qualification & INTR_INFO_UNBLOCK_NMI;
		break;
	default:
		return;
	}
	if (!unblocked)
		return;
	slat_vmx_fetch(cpu, SLAT_STATE_BLOCKING);
	cpu->blocking |= SLAT_BLOCKED_BY_NMI;
	cpu->dirty |= SLAT_STATE_BLOCKING;
}

/**
 * slat_vmx_vcpu_exit() - see slat_hw_ops.vcpu_exit
 * @cpu: the guest CPU, loaded here
 * @exit: why the guest was left
 */
void slat_vmx_vcpu_exit(struct slat_cpu *cpu, struct slat_exit *exit)
{
	struct slat_vmx_vcpu *vmx = slat_vmx_of(cpu);
	u32 basic = (u16)vmx->reason;
	u64 qualification;

	*exit = (struct slat_exit) { };
	if (!vmx->entered || vmx->reason & VMX_EXIT_REASONS_FAILED_VMENTRY) {
		exit->reason = SLAT_EXIT_FAILED_ENTRY;
		exit->hardware.reason = vmx->entered ? vmx->reason :
						       slat_vmread(VM_INSTRUCTION_ERROR);
		return;
	}

	exit->insn_len = slat_vmread(VM_EXIT_INSTRUCTION_LEN);
	exit_undelivered(cpu, exit);
	qualification = slat_vmread(EXIT_QUALIFICATION);
	if (exit->undelivered.kind == SLAT_EVENT_NONE)
		exit_iret(cpu, basic, vmx->intr_info, qualification);

	if (basic == EXIT_REASON_EXCEPTION_NMI) {
		exit_exception(cpu, exit, vmx->intr_info);
		return;
	}
	if (basic >= ARRAY_SIZE(exits) || !exits[basic].known) {
		exit->reason = SLAT_EXIT_UNKNOWN;
		exit->hardware.reason = vmx->reason;
		exit->hardware.detail = qualification;
		return;
	}
	exit->reason = exits[basic].reason;
	if (exits[basic].fill)
		exits[basic].fill(exit, qualification);
}
