/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a guest's CPU is, whoever runs it: its architectural state, the event
 * that its next entry delivers, and why it last left the guest.
 */
#ifndef SLAT_CPU_CPU_H
#define SLAT_CPU_CPU_H

#include <linux/bits.h>
#include <linux/kvm.h>
#include <linux/types.h>

/* General-purpose registers, numbered as instructions encode them. */
enum slat_gpr {
	SLAT_RAX, SLAT_RCX, SLAT_RDX, SLAT_RBX, SLAT_RSP, SLAT_RBP, SLAT_RSI, SLAT_RDI,
	SLAT_R8, SLAT_R9, SLAT_R10, SLAT_R11, SLAT_R12, SLAT_R13, SLAT_R14, SLAT_R15,
	SLAT_GPRS
};

/* Segment registers; the first six numbered as instructions encode them. */
enum slat_seg {
	SLAT_ES, SLAT_CS, SLAT_SS, SLAT_DS, SLAT_FS, SLAT_GS, SLAT_TR, SLAT_LDTR,
	SLAT_SEGS
};

/*
 * State that a backend keeps in its control structure moves between there and
 * struct slat_cpu in these groups, when somebody asks for it.  Registers that
 * belong to no group are always in struct slat_cpu outside the guest.
 */
#define SLAT_STATE_RIP		BIT(0)	/* rip */
#define SLAT_STATE_RSP		BIT(1)	/* gpr[SLAT_RSP] */
#define SLAT_STATE_RFLAGS	BIT(2)	/* rflags */
#define SLAT_STATE_TABLES	BIT(3)	/* gdt, idt */
#define SLAT_STATE_CRS		BIT(4)	/* cr0, cr4, efer */
#define SLAT_STATE_CR3		BIT(5)	/* cr3, pdptr */
#define SLAT_STATE_DR7		BIT(6)	/* dr7 */
#define SLAT_STATE_MSRS		BIT(7)	/* sysenter_*, pat, debugctl */
#define SLAT_STATE_BLOCKING	BIT(8)	/* blocking, pending_debug */
#define SLAT_STATE_SYSCALL	BIT(9)	/* star to tsc_aux */
#define SLAT_STATE_SEG(nr)	BIT(10 + (nr))	/* seg[nr], with that of SS cpl */
#define SLAT_STATE_SEGS		(GENMASK(17, 10) | SLAT_STATE_TABLES)
#define SLAT_STATE_ALL		GENMASK(17, 0)

/* What blocks events at an instruction boundary, in slat_cpu.blocking. */
#define SLAT_BLOCKED_BY_STI	BIT(0)
#define SLAT_BLOCKED_BY_MOV_SS	BIT(1)
#define SLAT_BLOCKED_BY_NMI	BIT(3)

enum slat_event_kind {
	SLAT_EVENT_NONE,
	SLAT_EVENT_INTERRUPT,		/* external */
	SLAT_EVENT_NMI,
	SLAT_EVENT_EXCEPTION,		/* raised by the CPU */
	SLAT_EVENT_SOFT_INTERRUPT,	/* INT n */
	SLAT_EVENT_SOFT_EXCEPTION,	/* INT3, INTO */
	SLAT_EVENT_PRIVILEGED,		/* INT1 */
};

/**
 * struct slat_event - something that is delivered through the guest's IDT
 * @kind: what it is
 * @vector: its IDT entry
 * @has_error: it pushes @error
 * @insn_len: length of the instruction that raised it, for the soft kinds; 0:
 *	not known, executing it again raises it again
 * @error: the error code
 */
struct slat_event {
	enum slat_event_kind kind;
	u8 vector;
	bool has_error;
	u8 insn_len;
	u32 error;
};

/* Raised by an instruction that is over when it is delivered. */
static inline bool slat_event_is_soft(const struct slat_event *event)
{
	return event->kind == SLAT_EVENT_SOFT_INTERRUPT ||
	       event->kind == SLAT_EVENT_SOFT_EXCEPTION || event->kind == SLAT_EVENT_PRIVILEGED;
}

enum slat_exit_reason {
	SLAT_EXIT_HOST,			/* a host interrupt or NMI, or the residency bound */
	SLAT_EXIT_EXCEPTION,		/* .event, .dr6 for #DB, .cr2 for #PF */
	SLAT_EXIT_FAULT,		/* second-level translation: .fault */
	SLAT_EXIT_MISCONFIG,		/* an MMIO entry: .fault, without access bits */
	SLAT_EXIT_IO,			/* .io */
	SLAT_EXIT_CPUID,
	SLAT_EXIT_HLT,
	SLAT_EXIT_RDMSR,
	SLAT_EXIT_WRMSR,
	SLAT_EXIT_CR,			/* .cr */
	SLAT_EXIT_DR,			/* .dr */
	SLAT_EXIT_XSETBV,
	SLAT_EXIT_INVLPG,		/* .linear */
	SLAT_EXIT_INVPCID,
	SLAT_EXIT_INVD,			/* INVD or WBINVD */
	SLAT_EXIT_RDPMC,
	SLAT_EXIT_RDTSC,		/* RDTSC or RDTSCP: .reg 0 or 1 */
	SLAT_EXIT_PAUSE,
	SLAT_EXIT_IDLE,			/* MONITOR or MWAIT */
	SLAT_EXIT_HYPERCALL,		/* VMCALL or VMMCALL */
	SLAT_EXIT_UNDEFINED,		/* an instruction the guest does not have */
	SLAT_EXIT_TASK_SWITCH,		/* .task */
	SLAT_EXIT_INTERRUPT_WINDOW,	/* an interrupt can be delivered now */
	SLAT_EXIT_NMI_WINDOW,		/* an NMI can be delivered now */
	SLAT_EXIT_PRIORITY,		/* CR8 is below slat_cpu.cr8_limit */
	SLAT_EXIT_APIC_WRITE,		/* it has written a register to its page: .offset */
	SLAT_EXIT_APIC_ACCESS,		/* a register of its APIC as memory: .offset */
	SLAT_EXIT_EOI,			/* it has ended an interrupt: .vector */
	SLAT_EXIT_STEP,			/* one instruction is done, or one event delivered */
	SLAT_EXIT_TRIPLE_FAULT,
	SLAT_EXIT_FAILED_ENTRY,		/* .hardware */
	SLAT_EXIT_UNKNOWN,		/* .hardware */
	SLAT_EXIT_REASONS
};

/* Accesses of slat_exit.fault. */
#define SLAT_ACCESS_READ	BIT(0)
#define SLAT_ACCESS_WRITE	BIT(1)
#define SLAT_ACCESS_EXEC	BIT(2)

/*
 * struct slat_exit - why a CPU left its guest
 * @reason: which of the members below counts
 * @insn_len: length of the instruction that exits, 0 where the hardware does
 *	not say
 * @partial: nor does it say all of what the instruction itself says: its
 *	length, .cr but for number and write, .dr.gpr, .io.linear
 * @undelivered: the event whose delivery the exit interrupted: it happens
 *	again at the next entry unless something else replaces it
 */
struct slat_exit {
	enum slat_exit_reason reason;
	u8 insn_len;
	bool partial;
	struct slat_event undelivered;
	union {
		struct {
			struct slat_event event;
			u64 dr6;
			u64 cr2;
		};
		struct {
			u64 gpa;
			u64 linear;	/* where linear_valid */
			u32 access;	/* SLAT_ACCESS_* */
			bool linear_valid;
			bool walk;	/* by the walk of the guest's own tables */
		} fault;
		struct {
			u16 port;
			u8 size;	/* 1, 2, 4 */
			bool in;
			bool string;
			bool rep;
			u8 address_size;	/* in bytes, of .string */
			u64 linear;		/* where memory is, of .string */
		} io;
		struct {
			u8 number;	/* 0, 3, 4, 8 */
			u8 gpr;
			bool write;
			bool clts;	/* .number 0 */
			bool lmsw;	/* .number 0, .source */
			bool smsw;	/* .number 0, .size */
			u8 size;
			u16 source;
		} cr;
		struct {
			u8 number;
			u8 gpr;
			bool write;
		} dr;
		struct {
			u16 selector;
			u8 source;	/* 0 CALL, 1 IRET, 2 JMP, 3 gate in the IDT */
		} task;
		struct {
			u64 reason;	/* as the hardware numbers it */
			u64 detail;	/* its exit qualification */
		} hardware;
		u64 linear;
		u16 offset;
		u8 vector;
		u8 reg;
	};
};

struct slat_hw_ops;

#define SLAT_TSC_RATIO_SHIFT	48

/* Exits that a guest may be spared, in slat_cpu.spared. */
#define SLAT_SPARED_MWAIT	KVM_X86_DISABLE_EXITS_MWAIT	/* MONITOR as well */
#define SLAT_SPARED_HLT		KVM_X86_DISABLE_EXITS_HLT
#define SLAT_SPARED_PAUSE	KVM_X86_DISABLE_EXITS_PAUSE
/* Reads of the MSRs that count idle states. */
#define SLAT_SPARED_CSTATE	KVM_X86_DISABLE_EXITS_CSTATE

/* Above all priorities. */
#define SLAT_CR8_EXITS	16

/*
 * What of its local APIC a guest's CPU has to itself (APICv), in
 * slat_cpu.apicv; see Documentation/locking.rst.
 */
#define SLAT_APICV_PRIORITY	BIT(0)	/* the task priority */
#define SLAT_APICV_MEMORY	BIT(1)	/* accesses to slat_cpu.apic_access are to registers */
#define SLAT_APICV_REGISTERS	BIT(2)	/* reading and writing them takes no decoding */
#define SLAT_APICV_MSRS		BIT(3)	/* registers as MSRs, in x2APIC mode */
#define SLAT_APICV_INTERRUPTS	BIT(4)	/* interrupts, from IRR to the EOI */

/*
 * struct slat_cpu - a guest CPU
 *
 * Locks: the vCPU's mutex, but for what is tagged:
 *
 *	(c) constant from vcpu_alloc() to vcpu_free()
 *	(p) changed by the thread that holds the mutex, and by the preempt
 *	    notifier on that thread: with preemption off
 *
 * Of the registers those count that @valid names; the others are in the
 * backend's control structure, which only the CPU it is loaded on can read.
 *
 * @ops: (c) who runs it
 * @spared: (c) exits that it has not: SLAT_SPARED_*
 * @valid: groups whose registers here are the current ones
 * @dirty: groups that have been changed here since; a subset of @valid
 * @event: what the next entry delivers
 * @want_interrupt_window: exit as soon as an interrupt can be delivered
 * @want_nmi_window: exit as soon as an NMI can be delivered
 * @cr8_limit: exit when the guest makes CR8 less than this;
 *	SLAT_CR8_EXITS: whatever it writes there
 * @apicv: what of its local APIC it has to itself: SLAT_APICV_*
 * @apic_page: (c) the registers of that, as KVM_GET_LAPIC has them, which it then
 *	reads and writes there; NULL: it never has
 * @apic_status: with SLAT_APICV_INTERRUPTS the highest request in @apic_page, and
 *	256 times the highest interrupt in service there; 0: none
 * @apic_eoi_exits: exit when these vectors have been ended
 * @apic_access: (c) the page that second-level tables have in their place; 0:
 *	none
 * @intercepts: exceptions that exit, by vector
 * @intercept_msrs: all MSRs exit, also those of slat_cpu_own_msrs
 * @log_writes: where SLAT_ACCESS_LOGGED means something: the CPU logs pages that
 *	become dirty
 * @logged: guest-physical addresses that it has logged in its last stay; constant
 *	until the next
 * @logged_count: how many
 * @max_stay: ticks of the host's TSC after which the next stay ends by itself, 0:
 *	it does not; only with SLAT_HW_PREEMPTION_TIMER
 * @root: physical address of the second-level root, in the backend's format
 * @tsc_offset: guest TSC = host TSC scaled + @tsc_offset
 * @tsc_ratio: 16.48 fixed point, 0: 1
 * @cr4_allowed: bits of CR4 that its CPUID allows
 * @efer_allowed: bits of EFER that its CPUID allows
 * @xcr0_allowed: state components that its CPUID allows
 * @has_rdtscp: RDTSCP and RDPID are instructions that it has
 * @has_invpcid: so is INVPCID
 * @phys_bits: width of its physical addresses
 * @reads_pdptrs: it reads PAE's four pointers whenever it walks its tables, and
 *	@pdptr has none
 * @want_step: exit after one instruction
 * @skipped: an instruction has been done on the guest's behalf since the last
 *	entry
 * @debug: @debug_dr and @debug_dr7 count instead of @dr and @dr7, which the
 *	guest goes on to see
 * @debug_dr: breakpoints of user space
 * @debug_dr7: their DR7
 * @host_cpu: (p) where its control structure is loaded, -1: nowhere
 * @host_data: that CPU's caches may hold what is none of the guest's business
 * @hw: (c) the backend's own, which has its own rules
 */
struct slat_cpu {
	const struct slat_hw_ops *ops;
	u32 spared;
	u32 valid;
	u32 dirty;

	u64 gpr[SLAT_GPRS];
	u64 rip;
	u64 rflags;
	struct kvm_segment seg[SLAT_SEGS];
	struct kvm_dtable gdt;
	struct kvm_dtable idt;
	u64 cr0;
	u64 cr2;
	u64 cr3;
	u64 cr4;
	u64 cr8;
	u64 efer;
	u64 pdptr[4];
	u64 dr[4];
	u64 dr6;
	u64 dr7;
	u64 xcr0;
	u64 sysenter_cs;
	u64 sysenter_esp;
	u64 sysenter_eip;
	u64 star;
	u64 lstar;
	u64 cstar;
	u64 sfmask;
	u64 kernel_gs_base;
	u64 tsc_aux;
	u64 pat;
	u64 debugctl;
	u64 pending_debug;
	u8 cpl;
	u8 blocking;

	struct slat_event event;
	bool want_interrupt_window;
	bool want_nmi_window;
	u8 cr8_limit;
	u32 apicv;
	void *apic_page;
	u16 apic_status;
	u64 apic_eoi_exits[4];
	u64 apic_access;
	bool want_step;
	bool skipped;
	bool debug;
	u64 debug_dr[4];
	u64 debug_dr7;
	u32 intercepts;
	bool intercept_msrs;
	bool log_writes;
	const u64 *logged;
	unsigned int logged_count;
	u64 max_stay;
	u64 root;
	u64 tsc_offset;
	u64 tsc_ratio;
	u64 cr4_allowed;
	u64 efer_allowed;
	u64 xcr0_allowed;
	bool has_rdtscp;
	bool has_invpcid;
	u8 phys_bits;
	bool reads_pdptrs;
	int host_cpu;
	bool host_data;
	void *hw;
};

#endif /* SLAT_CPU_CPU_H */
