// SPDX-License-Identifier: GPL-2.0-only
/*
 * Task switches, which VMX leaves to software: the CPU has looked at the gate
 * and the descriptor of the new TSS, and exits before it changes anything (SDM
 * vol. 3C, 26.4.2).
 *
 * In the order of SDM vol. 3A, 8.3: all that can fault in the old task is looked
 * at first; then the old task is saved and the new TSS's registers are loaded;
 * what its segments raise, and an error code that has no room on its stack, is
 * the new task's.
 */
#include <linux/kernel.h>
#include <linux/string.h>
#include <asm/trapnr.h>

#include "cpu/segment.h"
#include "mmu/gwalk.h"
#include "vcpu/vcpu.h"

enum { CALL, IRET, JMP, GATE };

/* Types of system descriptors; a TSS has 16 or 32 bits, and is busy or not. */
#define TYPE_LDT	2
#define TYPE_TSS	1
#define TYPE_BUSY	2
#define TYPE_32		8

#define TYPE_ACCESSED	1
#define TYPE_WRITABLE	2	/* data */
#define TYPE_READABLE	2	/* code */
#define TYPE_DOWN	4	/* data */
#define TYPE_CONFORMING	4	/* code */
#define TYPE_CODE	8
#define RIGHTS_SHIFT	40	/* in a descriptor */

#define RPL		3
#define IN_LDT		4

#define TSS_MAX		0x68
#define TSS_LINK	0
#define TSS_CR3		0x1c	/* 32 bits only */
#define TSS_TRAP	0x64	/* 32 bits only */

#define FLAGS_KNOWN	(X86_EFLAGS_CF | X86_EFLAGS_PF | X86_EFLAGS_AF | X86_EFLAGS_ZF |	\
			 X86_EFLAGS_SF | X86_EFLAGS_TF | X86_EFLAGS_IF | X86_EFLAGS_DF |	\
			 X86_EFLAGS_OF | X86_EFLAGS_IOPL | X86_EFLAGS_NT | X86_EFLAGS_RF |	\
			 X86_EFLAGS_VM | X86_EFLAGS_AC | X86_EFLAGS_VIF |			\
			 X86_EFLAGS_VIP | X86_EFLAGS_ID)
#define DR6_BT		BIT(15)
#define DR7_LOCAL	0x155ULL

/* An exception is due to the guest; 0, 1 and -errno are slat_vcpu_access()'s. */
#define RAISED		SLAT_GWALK_FAULT

/**
 * struct layout - where registers are in a TSS
 * @size: bytes of it
 * @width: of a general-purpose register
 * @ip: instruction pointer
 * @flags: EFLAGS
 * @gprs: eight registers, in their order
 * @segs: selectors, in the order of segment registers
 * @nr_segs: how many
 * @ldt: the LDT's selector
 */
struct layout {
	u8 size;
	u8 width;
	u8 ip;
	u8 flags;
	u8 gprs;
	u8 segs;
	u8 nr_segs;
	u8 ldt;
};

/* SDM vol. 3A, figures 8-10 and 8-2 */
static const struct layout layout16 = {
	.size = 0x2c, .width = 2, .ip = 0x0e, .flags = 0x10, .gprs = 0x12, .segs = 0x22,
	.nr_segs = 4, .ldt = 0x2a,
};

static const struct layout layout32 = {
	.size = 0x68, .width = 4, .ip = 0x20, .flags = 0x24, .gprs = 0x28, .segs = 0x48,
	.nr_segs = 6, .ldt = 0x60,
};

/**
 * struct task - one switch
 * @vcpu: whose
 * @source: CALL, IRET, JMP or GATE
 * @external: bit 0 of error codes: an event that is no instruction brought it
 * @next: the old task's instruction pointer
 * @selector: of the new TSS
 * @descriptor: its descriptor
 * @seg: what that says
 * @layout: of the new TSS
 * @old_layout: of the old one
 * @tss: the new one
 * @old: the old one
 */
struct task {
	struct slat_vcpu *vcpu;
	u8 source;
	u8 external;
	u64 next;
	u16 selector;
	u64 descriptor;
	struct kvm_segment seg;
	const struct layout *layout;
	const struct layout *old_layout;
	u8 tss[TSS_MAX];
	u8 old[TSS_MAX];
};

static int raise(struct task *task, u8 vector, u16 selector)
{
	slat_vcpu_raise_error(task->vcpu, vector, (selector & ~RPL) | task->external);
	return RAISED;
}

/* Whether a task returns to the one before it. */
static bool nests(const struct task *task)
{
	return task->source == CALL || task->source == GATE;
}

static u32 get(const u8 *tss, u8 width, u8 at)
{
	u32 value = 0;

	memcpy(&value, tss + at, width);
	return value;
}

static void put(u8 *tss, u8 width, u8 at, u32 value)
{
	memcpy(tss + at, &value, width);
}

static const struct layout *layout_of(const struct kvm_segment *seg)
{
	return seg->type & TYPE_32 ? &layout32 : &layout16;
}

static struct kvm_segment segment_of(u16 selector, u64 descriptor)
{
	u32 limit = (descriptor & 0xffff) | (descriptor >> 32 & 0xf0000);
	bool pages = descriptor >> 55 & 1;
	struct kvm_segment seg = {
		.selector = selector,
		.base = (descriptor >> 16 & 0xffffff) | (descriptor >> 32 & 0xff000000),
		.limit = pages ? limit << 12 | 0xfff : limit,
	};

	slat_segment_set_rights(&seg, descriptor >> RIGHTS_SHIFT);
	/* Tasks are switched outside long mode, where it says nothing. */
	seg.l = 0;
	return seg;
}

/* Where a selector's descriptor is; false: beyond the table's limit. */
static bool descriptor_address(struct slat_cpu *cpu, u16 selector, u64 *linear)
{
	const struct kvm_segment *ldt = &cpu->seg[SLAT_LDTR];
	u64 base = cpu->gdt.base;
	u32 limit = cpu->gdt.limit;

	if (selector & IN_LDT) {
		if (ldt->unusable || !ldt->present)
			return false;
		base = ldt->base;
		limit = ldt->limit;
	}
	*linear = base + (selector & ~7);
	return (selector | 7u) <= limit;
}

/* The new TSS and its descriptor; the CPU has found them good, and they may have changed. */
static int read_new(struct task *task)
{
	struct slat_vcpu *vcpu = task->vcpu;
	u8 vector = task->source == IRET ? X86_TRAP_TS : X86_TRAP_GP;
	bool busy = task->source == IRET;
	u64 at;
	int ret;

	if (task->selector & IN_LDT || !(task->selector & ~RPL) ||
	    !descriptor_address(&vcpu->cpu, task->selector, &at))
		return raise(task, vector, task->selector);
	ret = slat_vcpu_system_read(vcpu, at, &task->descriptor, 8, task->source != IRET);
	if (ret)
		return ret;
	task->seg = segment_of(task->selector, task->descriptor);
	if (task->seg.s ||
	    (task->seg.type & ~TYPE_32) != (TYPE_TSS | (busy ? TYPE_BUSY : 0)))
		return raise(task, vector, task->selector);
	if (!task->seg.present)
		return raise(task, X86_TRAP_NP, task->selector);
	task->layout = layout_of(&task->seg);
	if (task->seg.limit < task->layout->size - 1)
		return raise(task, X86_TRAP_TS, task->selector);
	return slat_vcpu_system_read(vcpu, task->seg.base, task->tss, task->layout->size,
				     nests(task));
}

static int read_old(struct task *task)
{
	const struct kvm_segment *tr = &task->vcpu->cpu.seg[SLAT_TR];

	task->old_layout = layout_of(tr);
	if (tr->limit < task->old_layout->size - 1)
		return raise(task, X86_TRAP_TS, tr->selector);
	return slat_vcpu_system_read(task->vcpu, tr->base, task->old, task->old_layout->size,
				     true);
}

/* The busy bit of a TSS's descriptor. */
static int set_busy(struct task *task, u16 selector, bool busy)
{
	struct slat_vcpu *vcpu = task->vcpu;
	u64 at, descriptor;
	int ret;

	if (!descriptor_address(&vcpu->cpu, selector, &at))
		return raise(task, X86_TRAP_TS, selector);
	ret = slat_vcpu_system_read(vcpu, at, &descriptor, 8, true);
	if (ret)
		return ret;
	descriptor &= ~((u64)TYPE_BUSY << RIGHTS_SHIFT);
	descriptor |= (u64)(busy ? TYPE_BUSY : 0) << RIGHTS_SHIFT;
	return slat_vcpu_system_write(vcpu, at, &descriptor, 8);
}

static void save_registers(struct task *task)
{
	const struct layout *layout = task->old_layout;
	struct slat_cpu *cpu = &task->vcpu->cpu;
	u8 width = layout->width;
	u64 flags = cpu->rflags;
	int i;

	if (task->source == IRET)
		flags &= ~(u64)X86_EFLAGS_NT;
	put(task->old, width, layout->ip, task->next);
	put(task->old, width, layout->flags, flags);
	for (i = 0; i < 8; i++)
		put(task->old, width, layout->gprs + i * width, cpu->gpr[i]);
	for (i = 0; i < layout->nr_segs; i++)
		put(task->old, 2, layout->segs + i * width, cpu->seg[i].selector);
}

/* All that is written has been looked at: only a change of memory makes it fail. */
static int leave_old(struct task *task)
{
	const struct layout *layout = task->old_layout;
	const struct kvm_segment *tr = &task->vcpu->cpu.seg[SLAT_TR];
	int ret = 0;

	save_registers(task);
	if (!nests(task))
		ret = set_busy(task, tr->selector, false);
	if (!ret)
		ret = slat_vcpu_system_write(task->vcpu, tr->base + layout->ip,
					     task->old + layout->ip, layout->ldt - layout->ip);
	if (!ret && nests(task))
		ret = slat_vcpu_system_write(task->vcpu, task->seg.base + TSS_LINK,
					     &tr->selector, 2);
	if (!ret && task->source != IRET)
		ret = set_busy(task, task->selector, true);
	return ret;
}

/* Selectors are there at once, what they select comes when it has been checked. */
static void clear_segments(struct task *task, u8 cpl)
{
	const struct layout *layout = task->layout;
	struct slat_cpu *cpu = &task->vcpu->cpu;
	int i;

	for (i = SLAT_ES; i <= SLAT_GS; i++) {
		u16 selector = i < layout->nr_segs ?
			       get(task->tss, 2, layout->segs + i * layout->width) : 0;

		cpu->seg[i] = (struct kvm_segment) {
			.selector = selector, .unusable = 1, .dpl = cpl,
		};
	}
	/* The CPU cannot be without one. */
	cpu->seg[SLAT_CS] = (struct kvm_segment) {
		.selector = cpu->seg[SLAT_CS].selector, .limit = 0xffff, .present = 1, .s = 1,
		.type = TYPE_CODE | TYPE_READABLE | TYPE_ACCESSED, .dpl = cpl,
		.db = layout == &layout32,
	};
	cpu->seg[SLAT_LDTR] = (struct kvm_segment) {
		.selector = get(task->tss, 2, layout->ldt), .unusable = 1,
	};
	cpu->seg[SLAT_TR] = task->seg;
	cpu->seg[SLAT_TR].type |= TYPE_BUSY;
	cpu->cpl = cpl;
}

static void load_registers(struct task *task)
{
	const struct layout *layout = task->layout;
	struct slat_cpu *cpu = &task->vcpu->cpu;
	u8 width = layout->width, cpl;
	int i;

	cpu->rip = get(task->tss, width, layout->ip);
	cpu->rflags = (get(task->tss, width, layout->flags) & FLAGS_KNOWN) | X86_EFLAGS_FIXED;
	cpl = cpu->rflags & X86_EFLAGS_VM ? 3 :
	      get(task->tss, 2, layout->segs + SLAT_CS * width) & RPL;
	if (nests(task))
		cpu->rflags |= X86_EFLAGS_NT;
	for (i = 0; i < 8; i++)
		cpu->gpr[i] = get(task->tss, width, layout->gprs + i * width);
	clear_segments(task, cpl);

	cpu->cr0 |= X86_CR0_TS;
	cpu->dr7 &= ~DR7_LOCAL;
	cpu->pending_debug = 0;
	cpu->blocking &= ~(SLAT_BLOCKED_BY_STI | SLAT_BLOCKED_BY_MOV_SS);
	if (task->source == IRET)
		cpu->blocking &= ~SLAT_BLOCKED_BY_NMI;
	else if (cpu->event.kind == SLAT_EVENT_NMI)
		cpu->blocking |= SLAT_BLOCKED_BY_NMI;
	slat_cpu_changed(cpu, SLAT_STATE_RIP | SLAT_STATE_RSP | SLAT_STATE_RFLAGS |
			      SLAT_STATE_SEGS | SLAT_STATE_CRS | SLAT_STATE_DR7 |
			      SLAT_STATE_BLOCKING);
	cpu->skipped = true;
}

/* What may be wrong with a segment (SDM vol. 3A, table 8-1); 0: nothing. */
static u8 check_segment(enum slat_seg nr, const struct kvm_segment *seg, u8 cpl)
{
	u8 rpl = seg->selector & RPL;
	bool code = seg->type & TYPE_CODE;

	switch (nr) {
	case SLAT_LDTR:
		return seg->s || seg->type != TYPE_LDT || !seg->present ? X86_TRAP_TS : 0;
	case SLAT_CS:
		if (!seg->s || !code ||
		    (seg->type & TYPE_CONFORMING ? seg->dpl > rpl : seg->dpl != rpl))
			return X86_TRAP_TS;
		return seg->present ? 0 : X86_TRAP_NP;
	case SLAT_SS:
		if (!seg->s || code || !(seg->type & TYPE_WRITABLE) || seg->dpl != cpl ||
		    rpl != cpl)
			return X86_TRAP_TS;
		return seg->present ? 0 : X86_TRAP_SS;
	default:
		if (!seg->s || (code && !(seg->type & TYPE_READABLE)))
			return X86_TRAP_TS;
		if (!(code && seg->type & TYPE_CONFORMING) && seg->dpl < max(rpl, cpl))
			return X86_TRAP_TS;
		return seg->present ? 0 : X86_TRAP_NP;
	}
}

static int load_segment(struct task *task, enum slat_seg nr)
{
	struct slat_vcpu *vcpu = task->vcpu;
	struct slat_cpu *cpu = &vcpu->cpu;
	u16 selector = cpu->seg[nr].selector;
	u64 at, descriptor;
	struct kvm_segment seg;
	u8 vector;
	int ret;

	if (!(selector & ~RPL))
		return nr == SLAT_CS || nr == SLAT_SS ? raise(task, X86_TRAP_TS, selector) : 0;
	if ((nr == SLAT_LDTR && selector & IN_LDT) || !descriptor_address(cpu, selector, &at))
		return raise(task, X86_TRAP_TS, selector);
	ret = slat_vcpu_system_read(vcpu, at, &descriptor, 8, false);
	if (ret)
		return ret;
	seg = segment_of(selector, descriptor);
	vector = check_segment(nr, &seg, cpu->cpl);
	if (vector)
		return raise(task, vector, selector);
	if (seg.s && !(seg.type & TYPE_ACCESSED)) {
		seg.type |= TYPE_ACCESSED;
		descriptor |= (u64)TYPE_ACCESSED << RIGHTS_SHIFT;
		ret = slat_vcpu_system_write(vcpu, at, &descriptor, 8);
		if (ret)
			return ret;
	}
	/* In a conforming segment it is the task's; VMX takes it from SS. */
	cpu->seg[nr] = seg;
	return 0;
}

/* Virtual-8086 mode: selectors are addresses (SDM vol. 3B, 21.2.1). */
static void load_virtual_8086(struct slat_cpu *cpu)
{
	int i;

	for (i = SLAT_ES; i <= SLAT_GS; i++)
		cpu->seg[i] = (struct kvm_segment) {
			.selector = cpu->seg[i].selector,
			.base = cpu->seg[i].selector << 4,
			.limit = 0xffff, .type = TYPE_WRITABLE | TYPE_ACCESSED, .present = 1,
			.s = 1, .dpl = 3,
		};
}

static int load_segments(struct task *task)
{
	static const u8 order[] = { SLAT_CS, SLAT_SS, SLAT_DS, SLAT_ES, SLAT_FS, SLAT_GS };
	int ret = load_segment(task, SLAT_LDTR);
	int i;

	if (task->vcpu->cpu.rflags & X86_EFLAGS_VM) {
		load_virtual_8086(&task->vcpu->cpu);
		return ret;
	}
	for (i = 0; i < ARRAY_SIZE(order) && !ret; i++)
		ret = load_segment(task, order[i]);
	return ret;
}

/* What an exception pushes, on the new task's stack. */
static int push_error(struct task *task)
{
	struct slat_cpu *cpu = &task->vcpu->cpu;
	const struct kvm_segment *ss = &cpu->seg[SLAT_SS];
	u32 mask = ss->db ? U32_MAX : U16_MAX;
	u32 top = (cpu->gpr[SLAT_RSP] - task->layout->width) & mask;
	u32 last = top + task->layout->width - 1;
	u32 error = cpu->event.error;
	bool fits = ss->type & TYPE_DOWN ? top > ss->limit && last <= mask : last <= ss->limit;
	int ret;

	if (!fits || last < top)
		return raise(task, X86_TRAP_SS, 0);
	ret = slat_vcpu_access(task->vcpu, ss->base + top, &error, task->layout->width, true);
	if (!ret)
		cpu->gpr[SLAT_RSP] = (cpu->gpr[SLAT_RSP] & ~(u64)mask) | top;
	return ret;
}

static int enter_new(struct task *task)
{
	struct slat_vcpu *vcpu = task->vcpu;
	struct slat_cpu *cpu = &vcpu->cpu;
	int ret;

	load_registers(task);
	/* It has got where it was going, but what a fault makes of it is a double one. */
	if (cpu->event.kind != SLAT_EVENT_EXCEPTION)
		cpu->event.kind = SLAT_EVENT_NONE;
	if (task->layout == &layout32 && cpu->cr0 & X86_CR0_PG &&
	    slat_vcpu_set_cr3(vcpu, get(task->tss, 4, TSS_CR3)))
		return raise(task, X86_TRAP_GP, 0);
	ret = load_segments(task);
	if (!ret && cpu->event.kind == SLAT_EVENT_EXCEPTION && cpu->event.has_error)
		ret = push_error(task);
	if (ret)
		return ret;
	cpu->event.kind = SLAT_EVENT_NONE;
	if (task->layout == &layout32 && task->tss[TSS_TRAP] & 1) {
		cpu->dr6 |= DR6_BT;
		slat_vcpu_raise(vcpu, X86_TRAP_DB);
	}
	return 0;
}

static bool is_soft(const struct slat_event *event)
{
	return event->kind == SLAT_EVENT_SOFT_INTERRUPT ||
	       event->kind == SLAT_EVENT_SOFT_EXCEPTION || event->kind == SLAT_EVENT_PRIVILEGED;
}

/**
 * slat_vcpu_handle_task_switch() - see slat_vcpu_handle_exit()
 * @vcpu: the vCPU
 * @exit: why the guest was left
 */
int slat_vcpu_handle_task_switch(struct slat_vcpu *vcpu, const struct slat_exit *exit)
{
	bool instruction = exit->task.source != GATE || is_soft(&exit->undelivered);
	struct slat_cpu *cpu = &vcpu->cpu;
	struct task task = {
		.vcpu = vcpu,
		.source = exit->task.source,
		.external = !instruction,
		.selector = exit->task.selector,
	};
	int ret;

	slat_cpu_need(cpu, SLAT_STATE_RIP | SLAT_STATE_RSP | SLAT_STATE_RFLAGS | SLAT_STATE_SEGS |
			   SLAT_STATE_DR7 | SLAT_STATE_BLOCKING | SLAT_STATE_CR3);
	task.next = cpu->rip + (instruction ? exit->insn_len : 0);
	ret = read_new(&task);
	if (!ret)
		ret = read_old(&task);
	if (!ret)
		ret = leave_old(&task);
	if (!ret)
		ret = enter_new(&task);
	if (ret == 1)
		return slat_vcpu_no_memory(vcpu);
	return ret < 0 ? ret : 1;
}
