// SPDX-License-Identifier: GPL-2.0-only
/*
 * Why a guest was left, in words that both vendors share (APM 15.7 to 15.14,
 * appendix C).
 */
#include <linux/kernel.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/trapnr.h>
#include <uapi/asm/debugreg.h>

#include "svm/svm.h"

/* Bits of EXITINFO1 and EXITINFO2, by exit. */
#define CR_IS_MOV	BIT_ULL(63)
#define CR_GPR		GENMASK(3, 0)

#define IO_PORT_SHIFT	16
#define IO_SIZE_SHIFT	4	/* one bit for each of 1, 2, 4 */
#define IO_ADDRESS_SHIFT	7	/* the same for 2, 4, 8 */

#define MSR_WRITE	BIT(0)

#define TASK_IRET	BIT_ULL(36)
#define TASK_JMP	BIT_ULL(38)

#define NPF_WRITE	BIT_ULL(1)
#define NPF_EXEC	BIT_ULL(4)
#define NPF_OF_WALK	BIT_ULL(33)

enum { TASK_SOURCE_CALL, TASK_SOURCE_IRET, TASK_SOURCE_JMP, TASK_SOURCE_GATE };

typedef void (*exit_fn)(struct slat_cpu *cpu, struct slat_exit *exit);

static const struct vmcb_control_area *control_of(const struct slat_cpu *cpu)
{
	return &slat_svm_of(cpu)->vmcb->control;
}

/* 0 where this CPU does not say. */
static u8 length_to(const struct slat_cpu *cpu, u64 next)
{
	u64 len = next - slat_svm_of(cpu)->vmcb->save.rip;

	if (!(cpu->efer & EFER_LMA))
		len = (u32)len;
	return len <= 15 ? len : 0;
}

static u8 insn_len(const struct slat_cpu *cpu)
{
	return slat_svm.next_rip ? length_to(cpu, control_of(cpu)->next_rip) : 0;
}

/* An exit by an instruction of which nothing else needs to be known. */
static void exit_insn(struct slat_cpu *cpu, struct slat_exit *exit)
{
	exit->insn_len = insn_len(cpu);
	exit->partial = !exit->insn_len;
}

/* Only MOV says which register; the others are SMSW, LMSW and CLTS. */
static void exit_cr(struct slat_cpu *cpu, struct slat_exit *exit)
{
	u64 info = control_of(cpu)->exit_info_1;
	unsigned int code = control_of(cpu)->exit_code;

	exit_insn(cpu, exit);
	exit->cr.number = code & 15;
	exit->cr.write = code >= SVM_EXIT_WRITE_CR0;
	exit->cr.gpr = info & CR_GPR;
	if (!slat_svm.decode_assists || !(info & CR_IS_MOV))
		exit->partial = true;
}

static void exit_dr(struct slat_cpu *cpu, struct slat_exit *exit)
{
	unsigned int code = control_of(cpu)->exit_code;

	exit_insn(cpu, exit);
	exit->dr.number = code & 15;
	exit->dr.write = code >= SVM_EXIT_WRITE_DR0;
	exit->dr.gpr = control_of(cpu)->exit_info_1 & CR_GPR;
	if (!slat_svm.decode_assists)
		exit->partial = true;
}

/* Where the memory is of a string instruction, nobody says. */
static void exit_io(struct slat_cpu *cpu, struct slat_exit *exit)
{
	u32 info = control_of(cpu)->exit_info_1;

	exit->insn_len = length_to(cpu, control_of(cpu)->exit_info_2);
	exit->io.port = info >> IO_PORT_SHIFT;
	exit->io.size = info >> IO_SIZE_SHIFT & 7;
	exit->io.in = info & SVM_IOIO_TYPE_MASK;
	exit->io.string = info & SVM_IOIO_STR_MASK;
	exit->io.rep = info & SVM_IOIO_REP_MASK;
	exit->io.address_size = (info >> IO_ADDRESS_SHIFT & 7) << 1;
	exit->partial = exit->io.string || !exit->insn_len;
}

static void exit_msr(struct slat_cpu *cpu, struct slat_exit *exit)
{
	exit_insn(cpu, exit);
	exit->reason = control_of(cpu)->exit_info_1 & MSR_WRITE ? SLAT_EXIT_WRMSR :
								  SLAT_EXIT_RDMSR;
}

/* CALL is the one that leaves no trace.  Only an instruction has a length. */
static void exit_task(struct slat_cpu *cpu, struct slat_exit *exit)
{
	const struct vmcb_control_area *control = control_of(cpu);
	const struct slat_event *event = &exit->undelivered;

	exit->task.selector = control->exit_info_1;
	if (event->kind == SLAT_EVENT_NONE || slat_event_is_soft(event))
		exit_insn(cpu, exit);
	if (event->insn_len) {
		exit->insn_len = event->insn_len;
		exit->partial = false;
	}
	if (event->kind != SLAT_EVENT_NONE)
		exit->task.source = TASK_SOURCE_GATE;
	else if (control->exit_info_2 & TASK_IRET)
		exit->task.source = TASK_SOURCE_IRET;
	else if (control->exit_info_2 & TASK_JMP)
		exit->task.source = TASK_SOURCE_JMP;
	else
		exit->task.source = TASK_SOURCE_CALL;
}

/* The CPU walks the guest's tables as if it wrote them, whatever the access is. */
static void exit_npf(struct slat_cpu *cpu, struct slat_exit *exit)
{
	u64 info = control_of(cpu)->exit_info_1;

	exit->fault.gpa = control_of(cpu)->exit_info_2;
	exit->fault.linear_valid = false;
	exit->fault.walk = info & NPF_OF_WALK;
	exit->fault.access = info & NPF_WRITE ? SLAT_ACCESS_WRITE :
			     info & NPF_EXEC ? SLAT_ACCESS_EXEC : SLAT_ACCESS_READ;
}

/* NMIs open when it is over, which is not yet. */
static void exit_iret(struct slat_cpu *cpu, struct slat_exit *exit)
{
	struct slat_svm_vcpu *svm = slat_svm_of(cpu);

	svm->iret = true;
	svm->iret_rip = svm->vmcb->save.rip;
}

static const struct {
	enum slat_exit_reason reason;
	exit_fn fill;
	bool known;
} exits[] = {
#define EXIT(svm, slat, fn) \
	[SVM_EXIT_##svm] = { .reason = SLAT_EXIT_##slat, .fill = fn, .known = true }
	EXIT(READ_CR0, CR, exit_cr),
	EXIT(READ_CR4, CR, exit_cr),
	EXIT(WRITE_CR0, CR, exit_cr),
	EXIT(WRITE_CR4, CR, exit_cr),
	EXIT(WRITE_CR8, CR, exit_cr),
	EXIT(READ_DR0, DR, exit_dr),
	EXIT(READ_DR1, DR, exit_dr),
	EXIT(READ_DR2, DR, exit_dr),
	EXIT(READ_DR3, DR, exit_dr),
	EXIT(READ_DR4, DR, exit_dr),
	EXIT(READ_DR5, DR, exit_dr),
	EXIT(READ_DR6, DR, exit_dr),
	EXIT(READ_DR7, DR, exit_dr),
	EXIT(WRITE_DR0, DR, exit_dr),
	EXIT(WRITE_DR1, DR, exit_dr),
	EXIT(WRITE_DR2, DR, exit_dr),
	EXIT(WRITE_DR3, DR, exit_dr),
	EXIT(WRITE_DR4, DR, exit_dr),
	EXIT(WRITE_DR5, DR, exit_dr),
	EXIT(WRITE_DR6, DR, exit_dr),
	EXIT(WRITE_DR7, DR, exit_dr),
	EXIT(INTR, HOST, NULL),
	EXIT(NMI, HOST, NULL),
	EXIT(SMI, HOST, NULL),
	EXIT(INIT, HOST, NULL),
	EXIT(VINTR, INTERRUPT_WINDOW, NULL),
	EXIT(RDPMC, RDPMC, exit_insn),
	EXIT(CPUID, CPUID, exit_insn),
	EXIT(IRET, HOST, exit_iret),
	EXIT(INVD, INVD, exit_insn),
	EXIT(HLT, HLT, exit_insn),
	EXIT(PAUSE, PAUSE, exit_insn),
	EXIT(INVLPGA, UNDEFINED, NULL),
	EXIT(IOIO, IO, exit_io),
	EXIT(MSR, RDMSR, exit_msr),
	EXIT(TASK_SWITCH, TASK_SWITCH, exit_task),
	EXIT(SHUTDOWN, TRIPLE_FAULT, NULL),
	EXIT(VMRUN, UNDEFINED, NULL),
	EXIT(VMMCALL, HYPERCALL, exit_insn),
	EXIT(VMLOAD, UNDEFINED, NULL),
	EXIT(VMSAVE, UNDEFINED, NULL),
	EXIT(STGI, UNDEFINED, NULL),
	EXIT(CLGI, UNDEFINED, NULL),
	EXIT(SKINIT, UNDEFINED, NULL),
	EXIT(RDTSCP, UNDEFINED, NULL),
	EXIT(WBINVD, INVD, exit_insn),
	EXIT(MONITOR, IDLE, exit_insn),
	EXIT(MWAIT, IDLE, exit_insn),
	EXIT(XSETBV, XSETBV, exit_insn),
	EXIT(RDPRU, UNDEFINED, NULL),
	EXIT(INVPCID, UNDEFINED, NULL),
#undef EXIT
};

static bool has_error(u8 vector)
{
	return vector == X86_TRAP_DF || (vector >= X86_TRAP_TS && vector <= X86_TRAP_PF) ||
	       vector == X86_TRAP_AC || vector == X86_TRAP_CP;
}

static void exit_exception(struct slat_cpu *cpu, struct slat_exit *exit, u8 vector)
{
	struct slat_svm_vcpu *svm = slat_svm_of(cpu);
	const struct vmcb *vmcb = svm->vmcb;
	bool soft = vector == X86_TRAP_BP || vector == X86_TRAP_OF;

	if (vector == X86_TRAP_MC) {
		exit->reason = SLAT_EXIT_HOST;
		return;
	}
	exit->reason = SLAT_EXIT_EXCEPTION;
	exit->event = (struct slat_event) {
		.kind = soft ? SLAT_EVENT_SOFT_EXCEPTION : SLAT_EVENT_EXCEPTION,
		.vector = vector,
		.has_error = has_error(vector),
		.error = vmcb->control.exit_info_1,
	};
	if (!exit->event.has_error)
		exit->event.error = 0;
	if (soft)
		exit->event.insn_len = insn_len(cpu) ?: 1;
	exit->insn_len = exit->event.insn_len;
	if (vector == X86_TRAP_PF)
		exit->cr2 = vmcb->control.exit_info_2;
	if (vector != X86_TRAP_DB)
		return;
	exit->dr6 = vmcb->save.dr6;
	if (!svm->stepping || !(exit->dr6 & DR_STEP))
		return;
	exit->reason = cpu->want_step ? SLAT_EXIT_STEP : SLAT_EXIT_NMI_WINDOW;
}

static void exit_trap(struct slat_exit *exit)
{
	exit->reason = SLAT_EXIT_EXCEPTION;
	exit->event = (struct slat_event) {
		.kind = SLAT_EVENT_EXCEPTION, .vector = X86_TRAP_DB,
	};
	exit->dr6 = DR_STEP;
}

/**
 * slat_svm_vcpu_exit() - see slat_hw_ops.vcpu_exit
 * @cpu: the guest CPU, loaded here
 * @exit: why the guest was left
 */
void slat_svm_vcpu_exit(struct slat_cpu *cpu, struct slat_exit *exit)
{
	struct slat_svm_vcpu *svm = slat_svm_of(cpu);
	const struct vmcb_control_area *control = control_of(cpu);
	u32 code = control->exit_code;

	*exit = (struct slat_exit) { };
	if (svm->trapped) {
		exit_trap(exit);
		return;
	}
	if (!svm->entered || code == SVM_EXIT_ERR) {
		exit->reason = SLAT_EXIT_FAILED_ENTRY;
		exit->hardware.reason = code;
		return;
	}

	slat_svm_undelivered(cpu, &exit->undelivered);
	if (code == SVM_EXIT_NPF) {
		exit->reason = SLAT_EXIT_FAULT;
		exit_npf(cpu, exit);
		return;
	}
	if (code >= SVM_EXIT_EXCP_BASE && code <= SVM_EXIT_LAST_EXCP) {
		exit_exception(cpu, exit, code - SVM_EXIT_EXCP_BASE);
		return;
	}
	if (code >= ARRAY_SIZE(exits) || !exits[code].known) {
		exit->reason = SLAT_EXIT_UNKNOWN;
		exit->hardware.reason = code;
		exit->hardware.detail = control->exit_info_1;
		return;
	}
	exit->reason = exits[code].reason;
	if (exits[code].fill)
		exits[code].fill(cpu, exit);
}
