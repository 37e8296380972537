/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints: /sys/kernel/tracing/events/slat.  One that is off is a no-op.
 *
 * "vm" is the translation engine of a machine, as a hashed pointer: the same in
 * all events of that machine.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM slat

#if !defined(SLAT_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define SLAT_TRACE_H

#include <linux/string.h>
#include <linux/tracepoint.h>

#include "cpu/cpu.h"

/* Longer than any name of a reason. */
#define SLAT_TRACE_REASON	24

/* About to enter the guest, interrupts off. */
TRACE_EVENT(slat_entry, TP_PROTO(u32 vcpu, u64 rip),
	    TP_ARGS(vcpu, rip),
	    TP_STRUCT__entry(__field(u32, vcpu)
			     __field(u64, rip)),
	    TP_fast_assign(__entry->vcpu = vcpu;
			   __entry->rip = rip;),
	    TP_printk("vcpu=%u rip=0x%llx", __entry->vcpu, __entry->rip));

/* Out of it, before anything is done about it; the reason as counters name it. */
TRACE_EVENT(slat_exit, TP_PROTO(u32 vcpu, const char *reason, u64 rip),
	    TP_ARGS(vcpu, reason, rip),
	    TP_STRUCT__entry(__field(u32, vcpu)
			     __array(char, reason, SLAT_TRACE_REASON)
			     __field(u64, rip)),
	    TP_fast_assign(__entry->vcpu = vcpu;
			   strscpy(__entry->reason, reason, SLAT_TRACE_REASON);
			   __entry->rip = rip;),
	    TP_printk("vcpu=%u reason=%s rip=0x%llx", __entry->vcpu, __entry->reason,
		      __entry->rip));

/* A second-level fault has been handled: what slat_mmu_fault() returned. */
TRACE_EVENT(slat_fault, TP_PROTO(u32 vcpu, u64 gpa, u32 access, int result),
	    TP_ARGS(vcpu, gpa, access, result),
	    TP_STRUCT__entry(__field(u32, vcpu)
			     __field(u32, access)
			     __field(u64, gpa)
			     __field(int, result)),
	    TP_fast_assign(__entry->vcpu = vcpu;
			   __entry->access = access;
			   __entry->gpa = gpa;
			   __entry->result = result;),
	    TP_printk("vcpu=%u gpa=0x%llx access=%s%s%s result=%d", __entry->vcpu, __entry->gpa,
		      __entry->access & SLAT_ACCESS_READ ? "r" : "-",
		      __entry->access & SLAT_ACCESS_WRITE ? "w" : "-",
		      __entry->access & SLAT_ACCESS_EXEC ? "x" : "-", __entry->result));

/* Translations have been removed or narrowed; the epoch from which on they are unused. */
TRACE_EVENT(slat_batch, TP_PROTO(const void *vm, u64 epoch, unsigned long unlinked),
	    TP_ARGS(vm, epoch, unlinked),
	    TP_STRUCT__entry(__field(const void *, vm)
			     __field(u64, epoch)
			     __field(unsigned long, unlinked)),
	    TP_fast_assign(__entry->vm = vm;
			   __entry->epoch = epoch;
			   __entry->unlinked = unlinked;),
	    TP_printk("vm=%p epoch=%llu unlinked=%lu", __entry->vm, __entry->epoch,
		      __entry->unlinked));

/* All of them, by dropping the root; how many roots have been. */
TRACE_EVENT(slat_zap, TP_PROTO(const void *vm, u64 generation),
	    TP_ARGS(vm, generation),
	    TP_STRUCT__entry(__field(const void *, vm)
			     __field(u64, generation)),
	    TP_fast_assign(__entry->vm = vm;
			   __entry->generation = generation;),
	    TP_printk("vm=%p generation=%llu", __entry->vm, __entry->generation));

/* An IPI is sent to a CPU that is in the guest at an old epoch. */
TRACE_EVENT(slat_kick, TP_PROTO(const void *vm, int cpu, u64 epoch),
	    TP_ARGS(vm, cpu, epoch),
	    TP_STRUCT__entry(__field(const void *, vm)
			     __field(int, cpu)
			     __field(u64, epoch)),
	    TP_fast_assign(__entry->vm = vm;
			   __entry->cpu = cpu;
			   __entry->epoch = epoch;),
	    TP_printk("vm=%p cpu=%d epoch=%llu", __entry->vm, __entry->cpu, __entry->epoch));

#endif /* SLAT_TRACE_H */

/* This folder is where the compiler looks for headers. */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
