// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vCPU and the thread that runs it: into the guest, do what the exit asks
 * for, and in again.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/kvm.h>

#include "boot.h"
#include "device.h"
#include "vcpu.h"
#include "vcpu_cpuid.h"

#define SIGNAL_STOP	SIGUSR1

#define CR0_PE		BIT(0)
#define CR0_ET		BIT(4)
#define CR0_PG		BIT(31)
#define CR4_PAE		BIT(5)
#define EFER_LME	BIT(8)
#define EFER_LMA	BIT(10)
#define RFLAGS_ALWAYS	BIT(1)

static __thread struct kvm_run *running;

static enum slat_exit complain(const struct vcpu *vcpu, const char *what)
{
	return slat_device_error(vcpu->machine->path, what, errno);
}

enum slat_exit slat_vcpu_create(struct vcpu *vcpu, struct machine *machine, unsigned int id,
				unsigned int cpus)
{
	void *run;

	vcpu->machine = machine;
	vcpu->id = id;
	vcpu->fd = ioctl(machine->fd, KVM_CREATE_VCPU, id);
	if (vcpu->fd < 0)
		return complain(vcpu, "KVM_CREATE_VCPU");
	run = mmap(NULL, machine->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (run == MAP_FAILED)
		return complain(vcpu, "mmap of a vCPU");
	vcpu->run = run;
	if (slat_cpuid_set(machine->device, vcpu->fd, id, cpus))
		return complain(vcpu, "KVM_SET_CPUID2");
	return SLAT_EXIT_OK;
}

/* From RESET there is not far to go. */
static void set_real_mode(struct kvm_sregs *sregs, struct kvm_regs *regs, __u64 entry)
{
	const struct kvm_segment segment = {
		.base = BOOT_SETUP, .selector = BOOT_SETUP >> 4, .limit = 0xffff,
		.type = 3, .present = 1, .s = 1,
	};

	sregs->cs = segment;
	sregs->cs.type = 11;
	sregs->cs.base = entry;
	sregs->cs.selector = entry >> 4;
	sregs->ds = segment;
	sregs->es = segment;
	sregs->fs = segment;
	sregs->gs = segment;
	sregs->ss = segment;
	regs->rip = 0;
	regs->rsp = BOOT_SETUP_STACK;
}

static void set_long_mode(struct kvm_sregs *sregs, struct kvm_regs *regs, __u64 entry)
{
	const struct kvm_segment code = {
		.limit = 0xffffffff, .selector = BOOT_CS, .type = 11, .present = 1, .s = 1,
		.l = 1, .g = 1,
	};
	const struct kvm_segment data = {
		.limit = 0xffffffff, .selector = BOOT_DS, .type = 3, .present = 1, .s = 1,
		.db = 1, .g = 1,
	};

	sregs->cs = code;
	sregs->ds = data;
	sregs->es = data;
	sregs->fs = data;
	sregs->gs = data;
	sregs->ss = data;
	sregs->gdt.base = BOOT_GDT;
	sregs->gdt.limit = BOOT_DS + 7;
	sregs->idt.limit = 0;
	sregs->cr0 = CR0_PG | CR0_ET | CR0_PE;
	sregs->cr3 = BOOT_TABLES;
	sregs->cr4 = CR4_PAE;
	sregs->efer = EFER_LME | EFER_LMA;
	regs->rip = entry;
	regs->rsi = BOOT_PARAMS;
	regs->rsp = BOOT_STACK;
}

enum slat_exit slat_vcpu_set_boot_state(struct vcpu *vcpu, const struct boot_entry *entry)
{
	struct kvm_regs regs = { .rflags = RFLAGS_ALWAYS };
	struct kvm_sregs sregs;

	if (ioctl(vcpu->fd, KVM_GET_SREGS, &sregs))
		return complain(vcpu, "KVM_GET_SREGS");
	if (entry->real_mode)
		set_real_mode(&sregs, &regs, entry->address);
	else
		set_long_mode(&sregs, &regs, entry->address);
	if (ioctl(vcpu->fd, KVM_SET_SREGS, &sregs))
		return complain(vcpu, "KVM_SET_SREGS");
	return ioctl(vcpu->fd, KVM_SET_REGS, &regs) ? complain(vcpu, "KVM_SET_REGS") :
						      SLAT_EXIT_OK;
}

/* A string instruction has many accesses at one exit. */
static void do_io(const struct machine *machine, struct kvm_run *run)
{
	__u8 *data = (__u8 *)run + run->io.data_offset;

	for (__u32 i = 0; i < run->io.count; i++, data += run->io.size) {
		if (run->io.direction == KVM_EXIT_IO_OUT)
			slat_bus_write(&machine->ports, run->io.port, data, run->io.size);
		else
			slat_bus_read(&machine->ports, run->io.port, data, run->io.size);
	}
}

static void do_mmio(const struct machine *machine, struct kvm_run *run)
{
	if (run->mmio.is_write)
		slat_bus_write(&machine->mmio, run->mmio.phys_addr, run->mmio.data,
			       run->mmio.len);
	else
		slat_bus_read(&machine->mmio, run->mmio.phys_addr, run->mmio.data,
			      run->mmio.len);
}

static void crash(const struct vcpu *vcpu, const char *what, unsigned long long detail)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	fprintf(stderr, "slat run: vCPU %u: %s (0x%llx) - the kernel log may say more: dmesg\n",
		vcpu->id, what, detail);
	if (ioctl(vcpu->fd, KVM_GET_REGS, &regs) || ioctl(vcpu->fd, KVM_GET_SREGS, &sregs)) {
		slat_machine_end(vcpu->machine, END_CRASH);
		return;
	}
	fprintf(stderr, "  rip %llx rsp %llx rflags %llx cs %x\n", regs.rip, regs.rsp,
		regs.rflags, sregs.cs.selector);
	fprintf(stderr, "  cr0 %llx cr2 %llx cr3 %llx cr4 %llx efer %llx\n", sregs.cr0,
		sregs.cr2, sregs.cr3, sregs.cr4, sregs.efer);
	slat_machine_end(vcpu->machine, END_CRASH);
}

static void handle_exit(struct vcpu *vcpu)
{
	struct machine *machine = vcpu->machine;
	struct kvm_run *run = vcpu->run;

	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		do_io(machine, run);
		break;
	case KVM_EXIT_MMIO:
		do_mmio(machine, run);
		break;
	case KVM_EXIT_INTR:
		break;
	case KVM_EXIT_SHUTDOWN:		/* a triple fault, as PCs do it */
		slat_machine_end(machine, END_RESTART);
		break;
	case KVM_EXIT_FAIL_ENTRY:
		crash(vcpu, "the CPU refused to enter the guest",
		      run->fail_entry.hardware_entry_failure_reason);
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		crash(vcpu, "the module cannot go on with the guest", run->internal.suberror);
		break;
	default:
		crash(vcpu, "unexpected exit", run->exit_reason);
		break;
	}
}

/* Whether the vCPU has just looked at its flag or is about to, it sees it. */
static void on_stop(int number)
{
	(void)number;
	if (running)
		running->immediate_exit = 1;
}

static void *run_vcpu(void *opaque)
{
	struct vcpu *vcpu = opaque;
	sigset_t stop;

	running = vcpu->run;
	sigemptyset(&stop);
	sigaddset(&stop, SIGNAL_STOP);
	pthread_sigmask(SIG_UNBLOCK, &stop, NULL);
	while (atomic_load(&vcpu->machine->end) == END_NOT) {
		if (!ioctl(vcpu->fd, KVM_RUN, 0))
			handle_exit(vcpu);
		else if (errno != EINTR && errno != EAGAIN)
			crash(vcpu, "KVM_RUN failed", errno);
	}
	return NULL;
}

enum slat_exit slat_vcpu_start(struct vcpu *vcpu)
{
	static const struct sigaction action = { .sa_handler = on_stop };
	int error;

	sigaction(SIGNAL_STOP, &action, NULL);
	error = pthread_create(&vcpu->thread, NULL, run_vcpu, vcpu);
	if (error)
		return slat_device_error(vcpu->machine->path, "thread of a vCPU", error);
	vcpu->started = true;
	return SLAT_EXIT_OK;
}

void slat_vcpu_stop(struct vcpu *vcpu)
{
	if (!vcpu->started)
		return;
	pthread_kill(vcpu->thread, SIGNAL_STOP);
	pthread_join(vcpu->thread, NULL);
	vcpu->started = false;
}

void slat_vcpu_destroy(struct vcpu *vcpu)
{
	if (vcpu->run)
		munmap(vcpu->run, vcpu->machine->run_size);
	if (vcpu->fd >= 0)
		close(vcpu->fd);
}
