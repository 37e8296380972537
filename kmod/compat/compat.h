/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where kernels differ.  Nothing outside this folder knows that they do.
 */
#ifndef SLAT_COMPAT_H
#define SLAT_COMPAT_H

#include <linux/cpuhotplug.h>
#include <linux/eventfd.h>
#include <linux/kvm.h>
#include <linux/mm_types.h>
#include <asm/mce.h>
#include <asm/ptrace.h>
#include <asm/segment.h>

#include "compat/probed.h"

/*
 * KVM's CPU-hotplug state: the last that a CPU going down passes while no
 * task can run on it any more, and the one whose owner owns virtualisation.
 * In its older form it runs with interrupts off and must not fail.
 */
#ifdef SLAT_HAVE_CPUHP_KVM_ONLINE
#define SLAT_CPUHP_STATE	CPUHP_AP_KVM_ONLINE
#define SLAT_CPUHP_MAY_FAIL	true
#else
#define SLAT_CPUHP_STATE	CPUHP_AP_KVM_STARTING
#define SLAT_CPUHP_MAY_FAIL	false
#endif

/* A part of KVM's ABI that not every kernel's header has. */
#ifndef KVM_PRE_FAULT_MEMORY
#define KVM_CAP_PRE_FAULT_MEMORY	236

struct kvm_pre_fault_memory {
	__u64 gpa;
	__u64 size;
	__u64 flags;
	__u64 padding[5];
};

#define KVM_PRE_FAULT_MEMORY	_IOWR(KVMIO, 0xd5, struct kvm_pre_fault_memory)
#endif

/* kvm_run.immediate_exit, by a name that all kernels know it by. */
static inline bool slat_immediate_exit(const struct kvm_run *run)
{
	return READ_ONCE((&run->request_interrupt_window)[1]);
}

/* Adds 1 to an eventfd, any context. */
static inline void slat_eventfd_signal(struct eventfd_ctx *ctx)
{
#ifdef SLAT_HAVE_EVENTFD_SIGNAL_ONE
	eventfd_signal(ctx);
#else
	eventfd_signal(ctx, 1);
#endif
}

void slat_raise_nmi(void);

/*
 * Handles the machine check that has ended a guest's stay, as if a program had
 * met it; interrupts off.  A kernel without a handler has none here either.
 */
static inline void slat_machine_check(void)
{
#ifdef CONFIG_X86_MCE
	struct pt_regs regs = { .cs = __USER_CS, .flags = X86_EFLAGS_IF };

	do_machine_check(&regs);
#endif
}

void slat_kick_cpu(int cpu);
int slat_thread_work(void);
int slat_follow_pfn(struct mm_struct *mm, unsigned long hva, bool write, u64 *pfn,
		    bool *writable);
unsigned int slat_host_level(struct mm_struct *mm, unsigned long hva);

struct shrinker;
struct shrink_control;

typedef unsigned long (*slat_shrink_fn)(struct shrinker *shrinker, struct shrink_control *sc);

int slat_shrinker_register(slat_shrink_fn count, slat_shrink_fn scan);
void slat_shrinker_unregister(void);

void slat_syscore_register(int (*suspend)(void), void (*resume)(void));
void slat_syscore_unregister(void);

#endif /* SLAT_COMPAT_H */
