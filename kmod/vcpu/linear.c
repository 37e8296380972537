// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest's memory by linear address, as its CPU would see it.
 */
#include <linux/kernel.h>
#include <linux/string.h>
#include <asm/trapnr.h>

#include "mmu/gwalk.h"
#include "vcpu/vcpu.h"

static int read_entry(void *context, u64 gpa, void *entry, unsigned int size)
{
	int ret = slat_mmu_read(context, gpa, entry, size);

	if (ret != 1)
		return ret;
	/* Tables that are no memory: what a bus without anybody on it gives. */
	memset(entry, 0xff, size);
	return 0;
}

static int update_entry(void *context, u64 gpa, const void *old, const void *new,
			unsigned int size)
{
	int ret = slat_mmu_cmpxchg(context, gpa, old, new, size);

	/* Tables that are read-only keep their bits. */
	return ret == 1 ? 0 : ret == -EAGAIN ? 1 : ret;
}

static const struct slat_gwalk_ops gwalk_ops = {
	.read = read_entry,
	.update = update_entry,
};

/**
 * slat_vcpu_translate() - which physical address a linear one is to a vCPU
 * @vcpu: loaded
 * @linear: the linear address
 * @access: SLAT_GWALK_*, USER left out
 * @user: as user mode would
 * @gpa: filled in
 * @error: the error code of the page fault, where there is one
 *
 * Process context of the VM's owner; may sleep.
 *
 * Return: 0, SLAT_GWALK_FAULT, -errno.
 */
int slat_vcpu_translate(struct slat_vcpu *vcpu, u64 linear, u32 access, bool user, u64 *gpa,
			u32 *error)
{
	struct slat_cpu *cpu = &vcpu->cpu;
	struct slat_gwalk_cpu state;
	int ret;

	if (!(cpu->cr0 & X86_CR0_PG)) {
		*gpa = (u32)linear;
		return 0;
	}
	slat_cpu_need(cpu, SLAT_STATE_CR3 | SLAT_STATE_RFLAGS);
	state = (struct slat_gwalk_cpu) {
		.cr0 = cpu->cr0,
		.cr3 = cpu->cr3,
		.cr4 = cpu->cr4,
		.efer = cpu->efer,
		.rflags = cpu->rflags,
		.pdptr = cpu->reads_pdptrs ? NULL : cpu->pdptr,
		.phys_bits = cpu->phys_bits,
	};
	do {
		ret = slat_gwalk(&state, &gwalk_ops, &vcpu->walker, linear,
				 access | (user ? SLAT_GWALK_USER : 0), gpa, error);
	} while (ret == 1);
	return ret;
}

/*
 * Of an access that crosses a page both are translated before anything is
 * touched.  @rights: SLAT_GWALK_*, which may be more than the access needs.
 */
static int access(struct slat_vcpu *vcpu, u64 linear, void *data, unsigned int len, u32 rights,
		  bool write, bool user)
{
	struct slat_walker *walker = &vcpu->walker;
	unsigned int first = min_t(unsigned int, len, PAGE_SIZE - offset_in_page(linear));
	struct slat_cpu *cpu = &vcpu->cpu;
	u64 gpa[2];
	u32 error;
	int ret, i;

	for (i = 0; i < (first < len ? 2 : 1); i++) {
		u64 address = i ? linear + first : linear;

		if (!slat_cpu_64bit(cpu))
			address = (u32)address;
		ret = slat_vcpu_translate(vcpu, address, rights, user, &gpa[i], &error);
		if (ret == SLAT_GWALK_FAULT) {
			cpu->cr2 = address;
			slat_vcpu_raise_error(vcpu, X86_TRAP_PF, error);
		}
		if (ret)
			return ret;
	}
	ret = write ? slat_mmu_write(walker, gpa[0], data, first) :
		      slat_mmu_read(walker, gpa[0], data, first);
	if (ret || first == len)
		return ret;
	return write ? slat_mmu_write(walker, gpa[1], data + first, len - first) :
		       slat_mmu_read(walker, gpa[1], data + first, len - first);
}

/**
 * slat_vcpu_access() - read or write a vCPU's memory by linear address
 * @vcpu: loaded
 * @linear: from here
 * @data: what is read or written
 * @len: so many bytes, a page at most
 * @write: write
 *
 * As slat_vcpu_translate(), with the rights of its privilege level.
 *
 * Return: 0; 1: there is no memory; SLAT_GWALK_FAULT: a page fault is due to
 * the guest; -errno.
 */
int slat_vcpu_access(struct slat_vcpu *vcpu, u64 linear, void *data, unsigned int len, bool write)
{
	slat_cpu_need(&vcpu->cpu, SLAT_STATE_SEG(SLAT_SS));
	return access(vcpu, linear, data, len, write ? SLAT_GWALK_WRITE : 0, write,
		      vcpu->cpu.cpl == 3);
}

/**
 * slat_vcpu_system_read() - read what the CPU itself keeps in memory: descriptors, TSSs
 * @vcpu: loaded
 * @linear: from here
 * @data: what is read
 * @len: so many bytes, a page at most
 * @written: a later slat_vcpu_system_write() there must not fault
 *
 * Return: as slat_vcpu_access().
 */
int slat_vcpu_system_read(struct slat_vcpu *vcpu, u64 linear, void *data, unsigned int len,
			  bool written)
{
	return access(vcpu, linear, data, len, written ? SLAT_GWALK_WRITE : 0, false, false);
}

/**
 * slat_vcpu_system_write() - write what the CPU itself keeps in memory
 * @vcpu: loaded
 * @linear: from here
 * @data: what is written
 * @len: so many bytes, a page at most
 *
 * Return: as slat_vcpu_access().
 */
int slat_vcpu_system_write(struct slat_vcpu *vcpu, u64 linear, const void *data,
			   unsigned int len)
{
	return access(vcpu, linear, (void *)data, len, SLAT_GWALK_WRITE, true, false);
}
