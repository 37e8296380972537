// SPDX-License-Identifier: GPL-2.0-only
/*
 * An instruction that touches what is no memory: executed here, with user space
 * as the device.
 *
 * Each access of the instruction is logged when it is complete, whether memory
 * or device, so that the instruction can be executed again from its beginning
 * after user space has answered (see insn/exec.h).  An access is made of
 * fragments, one for each page and each eight bytes; those that are done are
 * kept, and of an access that crosses a page both are translated before
 * anything is touched.
 *
 * A write is the last thing that an instruction does: when user space is asked
 * for its last fragment, the instruction is over, as with KVM.
 */
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <asm/debugreg.h>
#include <asm/fpu/api.h>
#include <asm/trapnr.h>

#include "config.h"
#include "insn/exec.h"
#include "mmu/gwalk.h"
#include "vcpu/vcpu.h"

/* Iterations of a string instruction before others get a chance. */
#define ITERATIONS	64

#define FRAGMENT_MAX	8

static struct slat_vcpu *to_vcpu(struct slat_insn_cpu *insn_cpu)
{
	return container_of(insn_cpu, struct slat_vcpu, execute.cpu);
}

static enum slat_insn_result fault(struct slat_insn_cpu *insn_cpu, u8 vector, u32 error,
				   u64 address)
{
	insn_cpu->fault = (struct slat_insn_fault) {
		.vector = vector, .error_code = error, .address = address,
	};
	return SLAT_INSN_FAULT;
}

/* Both pages of an access; the second one's address follows the first where it does not cross. */
static enum slat_insn_result translate(struct slat_vcpu *vcpu, u64 linear, u8 len, u32 access,
				       u64 gpa[2])
{
	struct slat_insn_cpu *insn_cpu = &vcpu->execute.cpu;
	u64 first = PAGE_SIZE - offset_in_page(linear);
	int pages = first < len ? 2 : 1;
	int i;

	for (i = 0; i < pages; i++) {
		u64 address = i ? linear + first : linear;
		u32 error;
		int ret;

		if (!slat_cpu_64bit(&vcpu->cpu))
			address = (u32)address;
		ret = slat_vcpu_translate(vcpu, address, access, insn_cpu->cpl == 3, &gpa[i],
					  &error);
		if (ret == SLAT_GWALK_FAULT)
			return fault(insn_cpu, X86_TRAP_PF, error, address);
		if (ret) {
			vcpu->execute.error = ret;
			return SLAT_INSN_EXIT;
		}
	}
	return SLAT_INSN_DONE;
}

/* User space is asked for a fragment. */
static enum slat_insn_result ask(struct slat_vcpu *vcpu, u64 gpa, void *data, u8 len, bool write)
{
	struct kvm_run *run = vcpu->run;

	WRITE_ONCE(vcpu->mmio_exits, vcpu->mmio_exits + 1);
	vcpu->execute.fragment = len;
	run->exit_reason = KVM_EXIT_MMIO;
	run->mmio.phys_addr = gpa;
	run->mmio.len = len;
	run->mmio.is_write = write;
	memset(run->mmio.data, 0, sizeof(run->mmio.data));
	if (write)
		memcpy(run->mmio.data, data, len);
	return SLAT_INSN_EXIT;
}

/* The answer of the log; false: this access has not been done yet. */
static bool replay(struct slat_vcpu *vcpu, void *data, u8 len)
{
	struct slat_execute *execute = &vcpu->execute;

	if (execute->replayed == execute->logged)
		return false;
	if (data)
		memcpy(data, execute->log[execute->replayed], len);
	execute->replayed++;
	return true;
}

static void log_access(struct slat_vcpu *vcpu, const void *data, u8 len)
{
	struct slat_execute *execute = &vcpu->execute;

	memcpy(execute->log[execute->logged], data, len);
	execute->logged++;
	execute->replayed++;
	execute->done = 0;
}

static enum slat_insn_result transfer(struct slat_vcpu *vcpu, u64 linear, void *data, u8 len,
				      bool write)
{
	struct slat_walker *walker = &vcpu->walker;
	struct slat_execute *execute = &vcpu->execute;
	u64 first = PAGE_SIZE - offset_in_page(linear);
	enum slat_insn_result result;
	u64 gpa[2];

	if (replay(vcpu, write ? NULL : data, len))
		return SLAT_INSN_DONE;
	result = translate(vcpu, linear, len, write ? SLAT_GWALK_WRITE : 0, gpa);
	if (result != SLAT_INSN_DONE)
		return result;

	/* What has been read so far is kept there. */
	if (!write)
		memcpy(data, execute->partial, execute->done);
	while (execute->done < len) {
		u8 done = execute->done, part = min_t(u8, len - done, FRAGMENT_MAX);
		u64 address = done < first ? gpa[0] + done : gpa[1] + (done - first);
		int ret;

		if (done < first)
			part = min_t(u64, part, first - done);
		ret = write ? slat_mmu_write(walker, address, data + done, part) :
			      slat_mmu_read(walker, address, data + done, part);
		if (ret == 1 && !slat_vcpu_mmio(vcpu, address, data + done, part, write)) {
			result = ask(vcpu, address, data + done, part, write);
			execute->posted = write && done + part == len;
			if (!execute->posted)
				return result;
		}
		if (ret < 0) {
			execute->error = ret;
			return SLAT_INSN_EXIT;
		}
		if (!write)
			memcpy(execute->partial + done, data + done, part);
		execute->done += part;
	}
	log_access(vcpu, data, len);
	return SLAT_INSN_DONE;
}

static enum slat_insn_result op_read(struct slat_insn_cpu *cpu, u64 linear, void *data, u8 len)
{
	return transfer(to_vcpu(cpu), linear, data, len, false);
}

static enum slat_insn_result op_write(struct slat_insn_cpu *cpu, u64 linear, const void *data,
				      u8 len)
{
	return transfer(to_vcpu(cpu), linear, (void *)data, len, true);
}

/* Atomic on memory, where the CPU guarantees no more for what crosses a page. */
static enum slat_insn_result op_cmpxchg(struct slat_insn_cpu *cpu, u64 linear, const void *old,
					const void *new, u8 len)
{
	struct slat_vcpu *vcpu = to_vcpu(cpu);
	enum slat_insn_result result;
	u64 gpa[2];
	int ret;

	if (replay(vcpu, NULL, len))
		return SLAT_INSN_DONE;
	if (vcpu->execute.done || linear & (len - 1))
		return op_write(cpu, linear, new, len);
	result = translate(vcpu, linear, len, SLAT_GWALK_WRITE, gpa);
	if (result != SLAT_INSN_DONE)
		return result;
	ret = slat_mmu_cmpxchg(&vcpu->walker, gpa[0], old, new, len);
	switch (ret) {
	case 0:
		log_access(vcpu, new, len);
		return SLAT_INSN_DONE;
	case -EAGAIN:
		return SLAT_INSN_RETRY;
	case 1:
		return op_write(cpu, linear, new, len);
	default:
		vcpu->execute.error = ret;
		return SLAT_INSN_EXIT;
	}
}

static void op_read_vector(struct slat_insn_cpu *cpu, u8 nr, void *data)
{
	slat_vector_read(nr, data);
}

static void op_write_vector(struct slat_insn_cpu *cpu, u8 nr, const void *data, u8 len)
{
	slat_vector_write(nr, data, len);
}

static u32 segment_rights(const struct kvm_segment *seg)
{
	if (seg->unusable || !seg->present)
		return SLAT_INSN_SEG_UNUSABLE;
	return seg->type | SLAT_INSN_SEG_PRESENT | (seg->db ? SLAT_INSN_SEG_BIG : 0);
}

static void op_segment(struct slat_insn_cpu *insn_cpu, enum slat_insn_seg_nr nr)
{
	struct slat_cpu *cpu = &to_vcpu(insn_cpu)->cpu;
	const struct kvm_segment *seg = &cpu->seg[nr];

	slat_cpu_need(cpu, SLAT_STATE_SEG(nr));
	insn_cpu->segments[nr] = (struct slat_insn_segment) {
		.base = seg->base,
		.limit = seg->limit,
		.attr = segment_rights(seg),
	};
}

static const struct slat_insn_ops ops = {
	.segment = op_segment,
	.read = op_read,
	.write = op_write,
	.exchange = op_cmpxchg,
	.read_vector = op_read_vector,
	.write_vector = op_write_vector,
};

static void take_registers(struct slat_vcpu *vcpu)
{
	struct slat_insn_cpu *insn_cpu = &vcpu->execute.cpu;
	struct slat_cpu *cpu = &vcpu->cpu;

	slat_cpu_need(cpu, SLAT_STATE_RIP | SLAT_STATE_RSP | SLAT_STATE_RFLAGS |
			   SLAT_STATE_SEG(SLAT_SS));
	insn_cpu->ops = &ops;
	memcpy(insn_cpu->gpr, cpu->gpr, sizeof(cpu->gpr));
	insn_cpu->rip = cpu->rip;
	insn_cpu->rflags = cpu->rflags;
	op_segment(insn_cpu, SLAT_INSN_SS);
	insn_cpu->cr0 = cpu->cr0;
	insn_cpu->cr4 = cpu->cr4;
	insn_cpu->xcr0 = cpu->xcr0;
	insn_cpu->cpl = cpu->cr0 & X86_CR0_PE ? cpu->cpl : 0;
}

static void give_registers(struct slat_vcpu *vcpu)
{
	struct slat_insn_cpu *insn_cpu = &vcpu->execute.cpu;
	struct slat_cpu *cpu = &vcpu->cpu;

	memcpy(cpu->gpr, insn_cpu->gpr, sizeof(cpu->gpr));
	cpu->rip = insn_cpu->rip;
	cpu->rflags = insn_cpu->rflags;
	slat_cpu_changed(cpu, SLAT_STATE_RIP | SLAT_STATE_RSP | SLAT_STATE_RFLAGS);
	slat_cpu_skip(cpu, 0);
}

/**
 * slat_vcpu_insn_mode() - how the guest's CPU reads instructions
 * @vcpu: loaded
 */
enum slat_insn_mode slat_vcpu_insn_mode(struct slat_vcpu *vcpu)
{
	struct slat_cpu *cpu = &vcpu->cpu;

	if (slat_cpu_64bit(cpu))
		return SLAT_INSN_MODE_64;
	slat_cpu_need(cpu, SLAT_STATE_SEG(SLAT_CS) | SLAT_STATE_RFLAGS);
	if (!(cpu->cr0 & X86_CR0_PE) || cpu->rflags & X86_EFLAGS_VM)
		return SLAT_INSN_MODE_16;
	return cpu->seg[SLAT_CS].db ? SLAT_INSN_MODE_32 : SLAT_INSN_MODE_16;
}

/*
 * Code at a linear address; returns 0, or 1 where it is no memory.  What else
 * went wrong is in @result.
 */
static int fetch_part(struct slat_vcpu *vcpu, u64 linear, u8 *bytes, unsigned int len,
		      enum slat_insn_result *result)
{
	u64 gpa[2];
	int ret;

	*result = translate(vcpu, linear, len, SLAT_GWALK_FETCH, gpa);
	if (*result != SLAT_INSN_DONE)
		return 0;
	ret = slat_mmu_read(&vcpu->walker, gpa[0], bytes, len);
	if (ret < 0) {
		*result = SLAT_INSN_EXIT;
		vcpu->execute.error = ret;
	}
	return ret == 1;
}

/*
 * Returns how many bytes there are at RIP; 0: @result says why there is none;
 * -ENXIO: it is no memory.
 */
static int fetch(struct slat_vcpu *vcpu, enum slat_insn_result *result)
{
	struct slat_execute *execute = &vcpu->execute;
	struct slat_cpu *cpu = &vcpu->cpu;
	u64 base = slat_vcpu_insn_mode(vcpu) == SLAT_INSN_MODE_64 ? 0 : cpu->seg[SLAT_CS].base;
	u64 linear = cpu->rip + base;
	unsigned int first = min_t(unsigned int, PAGE_SIZE - offset_in_page(linear),
				   SLAT_INSN_MAX_LEN);

	if (fetch_part(vcpu, linear, execute->bytes, first, result))
		return -ENXIO;
	if (*result != SLAT_INSN_DONE)
		return 0;
	/* The next page only if the instruction reaches into it. */
	if (first == SLAT_INSN_MAX_LEN ||
	    slat_insn_decode(&execute->insn, slat_vcpu_insn_mode(vcpu), execute->bytes, first) !=
	    SLAT_INSN_NEED_MORE)
		return first;
	if (fetch_part(vcpu, linear + first, execute->bytes + first, SLAT_INSN_MAX_LEN - first,
		       result))
		return -ENXIO;
	return *result == SLAT_INSN_DONE ? SLAT_INSN_MAX_LEN : 0;
}

static void forget(struct slat_vcpu *vcpu)
{
	vcpu->execute.logged = 0;
	vcpu->execute.done = 0;
}

/*
 * User space is told which instruction it is.  The guest gets #UD, at once where
 * it is its user mode, unless user space has asked for all of them
 * (KVM_CAP_EXIT_ON_EMULATION_FAILURE).
 */
static int cannot(struct slat_vcpu *vcpu, unsigned int len)
{
	struct kvm_run *run = vcpu->run;

	if (!READ_ONCE(vcpu->config->emulation_exits)) {
		slat_vcpu_raise(vcpu, X86_TRAP_UD);
		slat_cpu_need(&vcpu->cpu, SLAT_STATE_SEG(SLAT_SS));
		if (vcpu->cpu.cpl == 3)
			return 1;
	}
	run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	run->emulation_failure.suberror = KVM_INTERNAL_ERROR_EMULATION;
	run->emulation_failure.ndata = 4;
	run->emulation_failure.flags = KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES;
	run->emulation_failure.insn_size = len;
	memset(run->emulation_failure.insn_bytes, 0x90,
	       sizeof(run->emulation_failure.insn_bytes));
	memcpy(run->emulation_failure.insn_bytes, vcpu->execute.bytes, len);
	return 0;
}

static int raise(struct slat_vcpu *vcpu, const struct slat_insn_fault *fault)
{
	if (fault->vector == X86_TRAP_PF)
		vcpu->cpu.cr2 = fault->address;
	if (fault->vector == X86_TRAP_UD || fault->vector == X86_TRAP_NM ||
	    fault->vector == X86_TRAP_DB)
		slat_vcpu_raise(vcpu, fault->vector);
	else
		slat_vcpu_raise_error(vcpu, fault->vector, fault->error_code);
	return 1;
}

static int again(struct slat_vcpu *vcpu);
static int go_on(struct slat_vcpu *vcpu);

static int end(struct slat_vcpu *vcpu, enum slat_insn_result result)
{
	struct slat_execute *execute = &vcpu->execute;

	switch (result) {
	case SLAT_INSN_EXIT:
		if (execute->error) {
			forget(vcpu);
			return execute->error;
		}
		slat_vcpu_ask(vcpu, again);
		return 0;
	case SLAT_INSN_FAULT:
		forget(vcpu);
		return raise(vcpu, &execute->cpu.fault);
	default:
		return 1;
	}
}

/* Executes what has been decoded, from its beginning; its registers have been taken. */
static int execute(struct slat_vcpu *vcpu)
{
	struct slat_execute *execute = &vcpu->execute;
	enum slat_insn_result result;
	int i;

	for (i = 0; i < ITERATIONS; i++) {
		execute->replayed = 0;
		execute->posted = false;
		execute->error = 0;
		result = slat_insn_execute(&execute->cpu, &execute->insn);
		if (result == SLAT_INSN_EXIT || result == SLAT_INSN_FAULT)
			return end(vcpu, result);
		forget(vcpu);
		if (result == SLAT_INSN_RETRY) {
			take_registers(vcpu);
			continue;
		}
		give_registers(vcpu);
		if (execute->cpu.rflags & X86_EFLAGS_TF) {
			vcpu->cpu.dr6 |= DR_STEP;
			slat_vcpu_raise(vcpu, X86_TRAP_DB);
			return !execute->posted;
		}
		if (execute->posted) {
			if (result == SLAT_INSN_AGAIN)
				slat_vcpu_ask(vcpu, go_on);
			return 0;
		}
		if (result == SLAT_INSN_DONE)
			return 1;
	}
	/* The guest goes on with it by itself, or comes back. */
	return 1;
}

/* User space has done one iteration's write. */
static int go_on(struct slat_vcpu *vcpu)
{
	take_registers(vcpu);
	return execute(vcpu);
}

/* User space has done a fragment. */
static int again(struct slat_vcpu *vcpu)
{
	struct slat_execute *execute_state = &vcpu->execute;

	memcpy(execute_state->partial + execute_state->done, vcpu->run->mmio.data,
	       execute_state->fragment);
	execute_state->done += execute_state->fragment;
	return go_on(vcpu);
}

/**
 * slat_vcpu_execute() - execute the instruction at RIP
 * @vcpu: loaded; the instruction faulted on what is no memory
 *
 * Process context of the VM's owner.
 *
 * Return: 1 to enter again; 0 to return to user space: KVM_EXIT_MMIO, or
 * KVM_EXIT_INTERNAL_ERROR with the bytes of what is not supported; -errno.
 */
int slat_vcpu_execute(struct slat_vcpu *vcpu)
{
	struct slat_execute *state = &vcpu->execute;
	enum slat_insn_result result;
	int len;

	forget(vcpu);
	state->error = 0;
	vcpu->cpu.host_data = true;	/* much code for a guest to steer */
	take_registers(vcpu);
	len = fetch(vcpu, &result);
	if (len < 0)
		return slat_vcpu_no_memory(vcpu);
	if (!len)
		return end(vcpu, result);

	switch (slat_insn_decode(&state->insn, slat_vcpu_insn_mode(vcpu), state->bytes, len)) {
	case SLAT_INSN_OK:
		return execute(vcpu);
	case SLAT_INSN_UD:
		slat_vcpu_raise(vcpu, X86_TRAP_UD);
		return 1;
	case SLAT_INSN_GP:
		slat_vcpu_raise_error(vcpu, X86_TRAP_GP, 0);
		return 1;
	default:
		return cannot(vcpu, len);
	}
}
