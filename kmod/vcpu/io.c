// SPDX-License-Identifier: GPL-2.0-only
/*
 * Port I/O: IN, OUT and their string forms, done by user space where no device in
 * the kernel has the port.
 */
#include <linux/kernel.h>
#include <linux/string.h>
#include <asm/trapnr.h>

#include "config.h"
#include "mmu/gwalk.h"
#include "vcpu/vcpu.h"

#define QUIRK_PORT	0x7e

static void *pio_data(struct slat_vcpu *vcpu)
{
	return page_address(vcpu->pages[KVM_PIO_PAGE_OFFSET]);
}

static int pio_exit(struct slat_vcpu *vcpu, const struct slat_exit *exit, u32 count,
		    slat_complete_fn complete)
{
	struct kvm_run *run = vcpu->run;
	u32 done;

	vcpu->pio.size = exit->io.size;
	vcpu->pio.insn_len = exit->insn_len;
	vcpu->pio.address_size = exit->io.address_size;
	vcpu->pio.in = exit->io.in;
	vcpu->pio.rep = exit->io.rep;
	vcpu->pio.count = count;
	vcpu->pio.linear = exit->io.linear;
	done = slat_vcpu_pio(vcpu, exit->io.port, pio_data(vcpu), exit->io.size, count,
			     exit->io.in);
	if (done) {
		/* The rest of a repeated one is another exit. */
		vcpu->pio.count = done;
		return complete(vcpu);
	}
	slat_vcpu_ask(vcpu, complete);

	run->exit_reason = KVM_EXIT_IO;
	run->io.direction = exit->io.in ? KVM_EXIT_IO_IN : KVM_EXIT_IO_OUT;
	run->io.size = exit->io.size;
	run->io.port = exit->io.port;
	run->io.count = count;
	run->io.data_offset = KVM_PIO_PAGE_OFFSET * PAGE_SIZE;
	return 0;
}

/* RIP moves on with user space's answer, so that a guest saved before has it. */
static int complete_single(struct slat_vcpu *vcpu)
{
	struct slat_cpu *cpu = &vcpu->cpu;
	unsigned int size = vcpu->pio.size;
	u64 value = 0;

	if (vcpu->pio.in) {
		/* A write of 32 bits clears the upper half, smaller ones keep the rest. */
		if (size < 4)
			value = cpu->gpr[SLAT_RAX];
		memcpy(&value, pio_data(vcpu), size);
		cpu->gpr[SLAT_RAX] = value;
	}
	slat_cpu_skip(cpu, vcpu->pio.insn_len);
	return 1;
}

/* A register of the string forms counts by address size; the rest stays, or is 0. */
static u64 masked(u64 value, unsigned int bytes)
{
	return bytes == 8 ? value : value & (BIT_ULL(bytes * 8) - 1);
}

static void advance(struct slat_cpu *cpu, unsigned int gpr, u64 by, unsigned int bytes)
{
	u64 value = masked(cpu->gpr[gpr] + by, bytes);

	if (bytes == 2)
		value |= cpu->gpr[gpr] & ~0xffffULL;
	cpu->gpr[gpr] = value;
}

/* What slat_vcpu_access() said, as an exit's handler says it. */
static int access_result(struct slat_vcpu *vcpu, int ret)
{
	return ret == SLAT_GWALK_FAULT ? 1 : ret == 1 ? slat_vcpu_no_memory(vcpu) : ret;
}

static int complete_string(struct slat_vcpu *vcpu)
{
	struct slat_cpu *cpu = &vcpu->cpu;
	unsigned int width = vcpu->pio.address_size;
	u32 count = vcpu->pio.count, bytes;
	s64 step;

	/* User space may have set RCX since: not beyond what is asked for now. */
	if (vcpu->pio.rep)
		count = min_t(u64, count, masked(cpu->gpr[SLAT_RCX], width));
	bytes = count * vcpu->pio.size;
	step = slat_cpu_rflags(cpu) & X86_EFLAGS_DF ? -(s64)bytes : bytes;
	if (vcpu->pio.in && count) {
		int ret = slat_vcpu_access(vcpu, vcpu->pio.linear, pio_data(vcpu), bytes, true);

		if (ret)
			return access_result(vcpu, ret);
	}
	advance(cpu, vcpu->pio.in ? SLAT_RDI : SLAT_RSI, step, width);
	if (vcpu->pio.rep)
		advance(cpu, SLAT_RCX, -(u64)count, width);
	if (!vcpu->pio.rep || !masked(cpu->gpr[SLAT_RCX], width))
		slat_cpu_skip(cpu, vcpu->pio.insn_len);
	return 1;
}

/*
 * How many items are done at once: those of one page, upwards.  One that
 * crosses a page goes alone, and so does each downwards.
 */
static u32 items(struct slat_cpu *cpu, const struct slat_exit *exit)
{
	u64 fit = (PAGE_SIZE - offset_in_page(exit->io.linear)) / exit->io.size;

	if (!exit->io.rep || slat_cpu_rflags(cpu) & X86_EFLAGS_DF || !fit)
		return 1;
	return min(fit, masked(cpu->gpr[SLAT_RCX], exit->io.address_size));
}

static int string_io(struct slat_vcpu *vcpu, const struct slat_exit *exit)
{
	struct slat_cpu *cpu = &vcpu->cpu;
	u32 count;
	int ret;

	if (exit->io.rep && !masked(cpu->gpr[SLAT_RCX], exit->io.address_size)) {
		slat_cpu_skip(cpu, exit->insn_len);
		return 1;
	}
	count = items(cpu, exit);
	if (!exit->io.in) {
		ret = slat_vcpu_access(vcpu, exit->io.linear, pio_data(vcpu),
				       count * exit->io.size, false);
		if (ret)
			return access_result(vcpu, ret);
	} else {
		u64 gpa;
		u32 error;

		/* A page fault comes before the device is read. */
		slat_cpu_need(cpu, SLAT_STATE_SEG(SLAT_SS));
		ret = slat_vcpu_translate(vcpu, exit->io.linear, SLAT_GWALK_WRITE,
					  cpu->cpl == 3, &gpa, &error);
		if (ret == SLAT_GWALK_FAULT) {
			cpu->cr2 = exit->io.linear;
			slat_vcpu_raise_error(vcpu, X86_TRAP_PF, error);
		}
		if (ret)
			return access_result(vcpu, ret);
	}
	return pio_exit(vcpu, exit, count, complete_string);
}

/**
 * slat_vcpu_handle_io() - see slat_vcpu_handle_exit()
 * @vcpu: the vCPU
 * @exit: why the guest was left
 */
int slat_vcpu_handle_io(struct slat_vcpu *vcpu, const struct slat_exit *exit)
{
	int ret;

	if (exit->io.string)
		return string_io(vcpu, exit);

	if (!exit->io.in)
		memcpy(pio_data(vcpu), &vcpu->cpu.gpr[SLAT_RAX], exit->io.size);
	ret = pio_exit(vcpu, exit, 1, complete_single);
	/* KVM's quirk: this one is done when user space sees it. */
	if (!ret && !exit->io.in && exit->io.port == QUIRK_PORT &&
	    slat_config_quirk(vcpu->config, KVM_X86_QUIRK_OUT_7E_INC_RIP)) {
		vcpu->complete = NULL;
		slat_cpu_skip(&vcpu->cpu, exit->insn_len);
	}
	return ret;
}
