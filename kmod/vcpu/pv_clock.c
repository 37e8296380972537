// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages in which a guest reads the time, and how much of it others had.
 *
 * A page has a version, odd while it is being written: who reads it compares.
 * What cannot be written is the guest's loss.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/sched.h>
#include <asm/pvclock-abi.h>
#include <asm/tsc.h>
#include <uapi/linux/kvm_para.h>

#include "config.h"
#include "vcpu/vcpu.h"

#define ENABLED		1ULL
#define NS		1000000000U

/* Both have their version first or at a place of its own. */
static void write_versioned(struct slat_vcpu *vcpu, u64 gpa, const void *page, unsigned int len,
			    unsigned int version_at, u32 version)
{
	struct slat_walker *walker = &vcpu->walker;
	u32 odd = version - 1;

	if (slat_mmu_write(walker, gpa + version_at, &odd, sizeof(odd)))
		return;
	/* Whoever sees a part of it sees the odd version, or the next. */
	smp_wmb();
	if (version_at)
		slat_mmu_write(walker, gpa, page, version_at);
	slat_mmu_write(walker, gpa + version_at + sizeof(version),
		       page + version_at + sizeof(version), len - version_at - sizeof(version));
	smp_wmb();	/* as above */
	slat_mmu_write(walker, gpa + version_at, &version, sizeof(version));
}

/**
 * slat_pv_write_wall() - write the wall clock
 * @vcpu: loaded
 * @gpa: where the guest wants it
 */
void slat_pv_write_wall(struct slat_vcpu *vcpu, u64 gpa)
{
	struct pvclock_wall_clock page = { };
	u32 version, nsec;

	if (!gpa || slat_mmu_read(&vcpu->walker, gpa, &version, sizeof(version)))
		return;
	page.sec = div_u64_rem(slat_clock_wall(vcpu->config->clock), NS, &nsec);
	page.nsec = nsec;
	write_versioned(vcpu, gpa, &page, sizeof(page), 0, (version | 1) + 1);
}

static noinline void write_clock(struct slat_vcpu *vcpu)
{
	struct pvclock_vcpu_time_info page = { };
	struct slat_pv *pv = &vcpu->pv;
	u64 tsc, ns;
	u32 mul;

	pv->generation = slat_clock_read(vcpu->config->clock, &tsc, &ns);
	page.tsc_timestamp = slat_vcpu_tsc_of(vcpu, tsc);
	page.system_time = ns;
	slat_clock_rate(vcpu->tsc_khz, &mul, &page.tsc_shift);
	page.tsc_to_system_mul = mul;
	if (!check_tsc_unstable())
		page.flags |= PVCLOCK_TSC_STABLE_BIT;
	if (pv->stopped)
		page.flags |= PVCLOCK_GUEST_STOPPED;
	pv->stopped = false;
	pv->version += 2;
	write_versioned(vcpu, pv->clock & ~ENABLED, &page, sizeof(page), 0, pv->version);
}

/**
 * slat_pv_update_clock() - the guest's clock follows the VM's
 * @vcpu: in slat_vcpu_run(), about to enter
 */
void slat_pv_update_clock(struct slat_vcpu *vcpu)
{
	const struct slat_pv *pv = &vcpu->pv;

	if (pv->clock & ENABLED &&
	    pv->generation != READ_ONCE(vcpu->config->clock->generation))
		write_clock(vcpu);
}

/**
 * slat_pv_stopped() - KVM_KVMCLOCK_CTRL: the guest is to know that it was stopped
 * @vcpu: loaded
 *
 * Return: 0; -EINVAL: it has no clock.
 */
long slat_pv_stopped(struct slat_vcpu *vcpu)
{
	if (!(vcpu->pv.clock & ENABLED))
		return -EINVAL;
	vcpu->pv.stopped = true;
	vcpu->pv.generation = 0;
	return 0;
}

/* How long this thread has been waiting for a CPU. */
static u64 run_delay(void)
{
	return current->sched_info.run_delay;
}

/* To what the page says, so that it goes on where the guest's memory goes. */
static void add_steal(struct slat_vcpu *vcpu, u64 ns)
{
	u64 gpa = vcpu->pv.steal & KVM_STEAL_VALID_BITS;
	struct kvm_steal_time page;
	u32 version;

	if (slat_mmu_read(&vcpu->walker, gpa, &page, sizeof(page)))
		return;
	version = (page.version | 1) + 1;
	page = (struct kvm_steal_time) { .steal = page.steal + ns };
	write_versioned(vcpu, gpa, &page, sizeof(page),
			offsetof(struct kvm_steal_time, version), version);
}

/**
 * slat_pv_start_steal() - time counts from now on
 * @vcpu: loaded; the guest has said where it wants to read that
 */
void slat_pv_start_steal(struct slat_vcpu *vcpu)
{
	vcpu->pv.delay = run_delay();
	if (vcpu->pv.steal & KVM_MSR_ENABLED)
		add_steal(vcpu, 0);
}

/**
 * slat_pv_update_steal() - tell the guest how much time others had
 * @vcpu: its thread, which may have lost its CPU
 */
void slat_pv_update_steal(struct slat_vcpu *vcpu)
{
	struct slat_pv *pv = &vcpu->pv;
	u64 before = pv->delay;

	if (!(pv->steal & KVM_MSR_ENABLED) || run_delay() == before)
		return;
	pv->delay = run_delay();
	/* Another thread may run it now. */
	if (pv->delay > before)
		add_steal(vcpu, pv->delay - before);
}
