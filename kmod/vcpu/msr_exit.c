// SPDX-License-Identifier: GPL-2.0-only
/*
 * RDMSR and WRMSR of a guest: done here, denied by the VM's filter, or user
 * space's, if it has asked for those that fail (KVM_CAP_X86_USER_SPACE_MSR).
 */
#include <linux/kernel.h>
#include <linux/string.h>
#include <asm/trapnr.h>

#include "config.h"
#include "vcpu/vcpu.h"

/* What the guest gets if user space does not want to know: #GP. */
static int fail(struct slat_vcpu *vcpu)
{
	slat_vcpu_raise_error(vcpu, X86_TRAP_GP, 0);
	return 1;
}

static int done(struct slat_vcpu *vcpu)
{
	slat_cpu_skip(&vcpu->cpu, vcpu->msr_insn_len);
	return 1;
}

static int complete_wrmsr(struct slat_vcpu *vcpu)
{
	return READ_ONCE(vcpu->run->msr.error) ? fail(vcpu) : done(vcpu);
}

static int complete_rdmsr(struct slat_vcpu *vcpu)
{
	if (READ_ONCE(vcpu->run->msr.error))
		return fail(vcpu);
	slat_cpu_set_edx_eax(&vcpu->cpu, READ_ONCE(vcpu->run->msr.data));
	return done(vcpu);
}

static int ask(struct slat_vcpu *vcpu, u32 index, int err, bool write)
{
	struct kvm_run *run = vcpu->run;
	u32 reason = err == -EACCES ? KVM_MSR_EXIT_REASON_FILTER :
		     err == -ENOENT ? KVM_MSR_EXIT_REASON_UNKNOWN : KVM_MSR_EXIT_REASON_INVAL;

	if (!(READ_ONCE(vcpu->config->msr_exits) & reason))
		return fail(vcpu);
	run->exit_reason = write ? KVM_EXIT_X86_WRMSR : KVM_EXIT_X86_RDMSR;
	run->msr.error = 0;
	memset(run->msr.pad, 0, sizeof(run->msr.pad));
	run->msr.reason = reason;
	run->msr.index = index;
	run->msr.data = write ? slat_cpu_edx_eax(&vcpu->cpu) : 0;
	slat_vcpu_ask(vcpu, write ? complete_wrmsr : complete_rdmsr);
	return 0;
}

/**
 * slat_vcpu_handle_rdmsr() - see slat_vcpu_handle_exit()
 * @vcpu: the vCPU
 * @exit: why the guest was left
 */
int slat_vcpu_handle_rdmsr(struct slat_vcpu *vcpu, const struct slat_exit *exit)
{
	u32 index = vcpu->cpu.gpr[SLAT_RCX];
	u64 value;
	int err = -EACCES;

	vcpu->msr_insn_len = exit->insn_len;
	if (slat_msr_filter_allows(vcpu->config, index, KVM_MSR_FILTER_READ))
		err = slat_vcpu_guest_rdmsr(vcpu, index, &value);
	if (err)
		return ask(vcpu, index, err, false);
	slat_cpu_set_edx_eax(&vcpu->cpu, value);
	return done(vcpu);
}

/**
 * slat_vcpu_handle_wrmsr() - see slat_vcpu_handle_exit()
 * @vcpu: the vCPU
 * @exit: why the guest was left
 */
int slat_vcpu_handle_wrmsr(struct slat_vcpu *vcpu, const struct slat_exit *exit)
{
	u32 index = vcpu->cpu.gpr[SLAT_RCX];
	int err = -EACCES;

	vcpu->msr_insn_len = exit->insn_len;
	if (slat_msr_filter_allows(vcpu->config, index, KVM_MSR_FILTER_WRITE))
		err = slat_vcpu_guest_wrmsr(vcpu, index, slat_cpu_edx_eax(&vcpu->cpu));
	return err ? ask(vcpu, index, err, true) : done(vcpu);
}
