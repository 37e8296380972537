// SPDX-License-Identifier: GPL-2.0-only
/*
 * Port I/O: IN, OUT and their string forms, done by user space.
 */
#include <linux/kernel.h>
#include <linux/string.h>
#include <asm/trapnr.h>

#include "vcpu.h"

static void *pio_data(struct slat_vcpu *vcpu)
{
	return page_address(vcpu->pages[KVM_PIO_PAGE_OFFSET]);
}

static void pio_exit(struct slat_vcpu *vcpu, const struct slat_exit *exit, u32 count)
{
	struct kvm_run *run = vcpu->run;

	vcpu->pio.size = exit->io.size;
	vcpu->pio.insn_len = exit->insn_len;
	vcpu->pio.count = count;
	vcpu->pio.in = exit->io.in;
	run->exit_reason = KVM_EXIT_IO;
	run->io.direction = exit->io.in ? KVM_EXIT_IO_IN : KVM_EXIT_IO_OUT;
	run->io.size = exit->io.size;
	run->io.port = exit->io.port;
	run->io.count = count;
	run->io.data_offset = KVM_PIO_PAGE_OFFSET * PAGE_SIZE;
}

/* RIP moves on with user space's answer, so that a guest saved before has it. */
static int complete_pio(struct slat_vcpu *vcpu)
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

/** slat_vcpu_handle_io() - see slat_vcpu_handle_exit() */
int slat_vcpu_handle_io(struct slat_vcpu *vcpu, const struct slat_exit *exit)
{
	if (exit->io.string)
		return slat_vcpu_execute(vcpu);

	if (!exit->io.in)
		memcpy(pio_data(vcpu), &vcpu->cpu.gpr[SLAT_RAX], exit->io.size);
	pio_exit(vcpu, exit, 1);
	vcpu->complete = complete_pio;
	return 0;
}
