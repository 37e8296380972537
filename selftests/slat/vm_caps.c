// SPDX-License-Identifier: GPL-2.0-only
/*
 * Capabilities of a VM: what is said to be there works when it is enabled, and
 * nothing else can be enabled.  Also built for 32 bits, as vm_caps_32.
 */
#include "guest.h"

#define PAGE		4096
#define RUN_PAGES_END	64	/* where a dirty ring would be */
#define PLATFORM_INFO	0xce
#define MISC_ENABLE	0x1a0
#define MISC_MWAIT	0x40000

FIXTURE(vm) {
	struct guest guest;
	int empty;		/* a VM without vCPUs */
};

FIXTURE_SETUP(vm)
{
	guest_create(_metadata, &self->guest);
	self->empty = _ioctl(self->guest.dev, KVM_CREATE_VM, 0);
	ASSERT_LE(0, self->empty);
}

FIXTURE_TEARDOWN(vm)
{
	close(self->empty);
	guest_destroy(&self->guest);
}

static int _enable(int fd, __u32 cap, __u64 value)
{
	struct kvm_enable_cap enable = { .cap = cap, .args = { value } };

	return _ioctl_ptr(fd, KVM_ENABLE_CAP, &enable);
}

static int has(int fd, unsigned long cap)
{
	return _ioctl(fd, KVM_CHECK_EXTENSION, cap);
}

TEST_F(vm, capabilities_of_a_vm_and_of_the_device_agree)
{
	for (unsigned long cap = 0; cap < 300; cap++) {
		ASSERT_EQ(has(self->guest.dev, cap), has(self->guest.vm, cap)) {
			TH_LOG("capability %lu", cap);
		}
	}
	EXPECT_EQ(1, has(self->guest.vm, KVM_CAP_ENABLE_CAP_VM));
}

TEST_F(vm, enable_refuses_what_is_not_there)
{
	struct kvm_enable_cap enable = { .cap = KVM_CAP_X86_TRIPLE_FAULT_EVENT, .flags = 1 };

	EXPECT_EQ(-EINVAL, _ioctl_ptr(self->guest.vm, KVM_ENABLE_CAP, &enable));
	enable.flags = 1U << 31;
	EXPECT_EQ(-EINVAL, _ioctl_ptr(self->guest.vm, KVM_ENABLE_CAP, &enable));
	EXPECT_EQ(-EINVAL, _enable(self->guest.vm, 0xffffffff, 0));
	EXPECT_EQ(-EINVAL, _enable(self->guest.vm, KVM_CAP_USER_MEMORY, 1));
	EXPECT_EQ(-EFAULT, _ioctl(self->guest.vm, KVM_ENABLE_CAP, 0));
	EXPECT_EQ(-EINVAL, _enable(self->guest.vm, KVM_CAP_DISABLE_QUIRKS2, 1ULL << 63));
	EXPECT_EQ(-EINVAL, _enable(self->guest.vm, KVM_CAP_X86_USER_SPACE_MSR, 1ULL << 32));
	EXPECT_EQ(-EINVAL, _enable(self->guest.vm, KVM_CAP_X86_USER_SPACE_MSR, 1 << 3));
	EXPECT_EQ(-EINVAL, _enable(self->guest.vm, KVM_CAP_EXIT_ON_EMULATION_FAILURE, 2));
	EXPECT_EQ(-EINVAL, _enable(self->guest.vm, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
				   KVM_DIRTY_LOG_INITIALLY_SET));
	EXPECT_EQ(-EINVAL, _enable(self->guest.vm, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, 4));
	EXPECT_EQ(-EINVAL, _enable(self->guest.vm, KVM_CAP_DIRTY_LOG_RING, 1 << 16));
}

TEST_F(vm, highest_number_of_a_vcpu)
{
	int max = has(self->empty, KVM_CAP_MAX_VCPU_ID);

	ASSERT_LE(1024, max);
	EXPECT_EQ(-EINVAL, _enable(self->empty, KVM_CAP_MAX_VCPU_ID, max + 1));
	EXPECT_EQ(-EINVAL, _enable(self->empty, KVM_CAP_MAX_VCPU_ID, ~0ULL));
	EXPECT_EQ(0, _enable(self->empty, KVM_CAP_MAX_VCPU_ID, 4));
	EXPECT_EQ(0, _enable(self->empty, KVM_CAP_MAX_VCPU_ID, 4));
	EXPECT_EQ(-EINVAL, _enable(self->empty, KVM_CAP_MAX_VCPU_ID, 5));
	EXPECT_EQ(-EINVAL, _ioctl(self->empty, KVM_CREATE_VCPU, 4));
	/* Once there are vCPUs, it is too late. */
	EXPECT_EQ(-EINVAL, _enable(self->guest.vm, KVM_CAP_MAX_VCPU_ID, 4));
}

TEST_F(vm, bootstrap_processor)
{
	struct kvm_sregs sregs;
	int fd;

	EXPECT_EQ(-EBUSY, _ioctl(self->guest.vm, KVM_SET_BOOT_CPU_ID, 0));
	ASSERT_EQ(0, _ioctl(self->empty, KVM_SET_BOOT_CPU_ID, 2));
	for (int id = 0; id < 3; id++) {
		fd = _ioctl(self->empty, KVM_CREATE_VCPU, id);
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, _ioctl_ptr(fd, KVM_GET_SREGS, &sregs));
		/* KVM has no local APIC there, and no base. */
		EXPECT_EQ(id == 2, on_slat() ? sregs.apic_base >> 8 & 1 : id == 2);
		close(fd);
	}
}

TEST_F(vm, pages_of_tables)
{
	EXPECT_EQ(-EINVAL, _ioctl(self->empty, KVM_SET_NR_MMU_PAGES, 0));
	EXPECT_EQ(-EINVAL, _ioctl(self->empty, KVM_SET_NR_MMU_PAGES, 63));
	ASSERT_EQ(0, _ioctl(self->empty, KVM_SET_NR_MMU_PAGES, 1000));
	EXPECT_EQ(1000, _ioctl(self->empty, KVM_GET_NR_MMU_PAGES, 0));
}

TEST_F(vm, addresses_before_vcpus)
{
	__u64 address = 0xfffbc000;

	EXPECT_EQ(0, _ioctl(self->empty, KVM_SET_TSS_ADDR, 0xffffd000));
	EXPECT_EQ(-EINVAL, _ioctl(self->empty, KVM_SET_TSS_ADDR, 0xffffe000));
	EXPECT_EQ(0, _ioctl_ptr(self->empty, KVM_SET_IDENTITY_MAP_ADDR, &address));
	EXPECT_EQ(-EFAULT, _ioctl(self->empty, KVM_SET_IDENTITY_MAP_ADDR, 0));
	EXPECT_EQ(-EINVAL, _ioctl_ptr(self->guest.vm, KVM_SET_IDENTITY_MAP_ADDR, &address));
}

TEST_F(vm, tsc_frequency_of_later_vcpus)
{
	int khz = _ioctl(self->empty, KVM_GET_TSC_KHZ, 0), fd;

	if (!has(self->empty, KVM_CAP_VM_TSC_CONTROL))
		SKIP(return, "no TSC scaling");
	ASSERT_LT(0, khz);
	EXPECT_EQ(-EINVAL, _ioctl(self->empty, KVM_SET_TSC_KHZ, 0xffffffff));
	ASSERT_EQ(0, _ioctl(self->empty, KVM_SET_TSC_KHZ, 2 * khz));
	EXPECT_EQ(2 * khz, _ioctl(self->empty, KVM_GET_TSC_KHZ, 0));
	fd = _ioctl(self->empty, KVM_CREATE_VCPU, 0);
	ASSERT_LE(0, fd);
	EXPECT_EQ(2 * khz, _ioctl(fd, KVM_GET_TSC_KHZ, 0));
	ASSERT_EQ(0, _ioctl(fd, KVM_SET_TSC_KHZ, 0));
	EXPECT_EQ(khz, _ioctl(fd, KVM_GET_TSC_KHZ, 0));
	close(fd);
}

/* Attributes */

static int _attr(int fd, unsigned long cmd, __u32 group, __u64 attr, __u64 addr)
{
	struct kvm_device_attr what = { .group = group, .attr = attr, .addr = addr };

	return _ioctl_ptr(fd, cmd, &what);
}

TEST_F(vm, attributes_of_the_device)
{
	struct cpuid_table *cpuid = malloc(sizeof(*cpuid));
	struct kvm_cpuid_entry2 *xstate;
	__u64 value = ~0ULL;
	int dev = self->guest.dev;

	ASSERT_EQ(1, has(dev, KVM_CAP_SYS_ATTRIBUTES));
	EXPECT_EQ(0, _attr(dev, KVM_HAS_DEVICE_ATTR, 0, KVM_X86_XCOMP_GUEST_SUPP, 0));
	EXPECT_EQ(-ENXIO, _attr(dev, KVM_HAS_DEVICE_ATTR, 0, 77, 0));
	EXPECT_EQ(-ENXIO, _attr(dev, KVM_HAS_DEVICE_ATTR, 1, 0, 0));
	EXPECT_EQ(-EFAULT, _ioctl(dev, KVM_HAS_DEVICE_ATTR, 0));
	ASSERT_EQ(0, _attr(dev, KVM_GET_DEVICE_ATTR, 0, KVM_X86_XCOMP_GUEST_SUPP,
			   (unsigned long)&value));
	EXPECT_EQ(-EFAULT, _attr(dev, KVM_GET_DEVICE_ATTR, 0, KVM_X86_XCOMP_GUEST_SUPP, 0));
	EXPECT_EQ(-ENXIO, _attr(dev, KVM_GET_DEVICE_ATTR, 0, 77, (unsigned long)&value));
	ASSERT_EQ(0, _supported_cpuid(dev, cpuid));
	xstate = cpuid_find(cpuid, 0xd, 0);
	EXPECT_EQ(xstate ? xstate->eax | (__u64)xstate->edx << 32 : value, value);
	free(cpuid);
}

TEST_F(vm, tsc_offset_of_a_vcpu)
{
	__u64 offset = 1ULL << 44, back = 0;
	int fd = self->guest.fd;

	ASSERT_EQ(1, has(self->guest.vm, KVM_CAP_VCPU_ATTRIBUTES));
	EXPECT_EQ(0, _attr(fd, KVM_HAS_DEVICE_ATTR, KVM_VCPU_TSC_CTRL, KVM_VCPU_TSC_OFFSET, 0));
	EXPECT_EQ(-ENXIO, _attr(fd, KVM_HAS_DEVICE_ATTR, KVM_VCPU_TSC_CTRL, 1, 0));
	EXPECT_EQ(-ENXIO, _attr(fd, KVM_HAS_DEVICE_ATTR, 9, 0, 0));
	ASSERT_EQ(0, _attr(fd, KVM_SET_DEVICE_ATTR, KVM_VCPU_TSC_CTRL, KVM_VCPU_TSC_OFFSET,
			   (unsigned long)&offset));
	EXPECT_EQ(-EFAULT, _attr(fd, KVM_SET_DEVICE_ATTR, KVM_VCPU_TSC_CTRL,
				 KVM_VCPU_TSC_OFFSET, 0));
	ASSERT_EQ(0, _attr(fd, KVM_GET_DEVICE_ATTR, KVM_VCPU_TSC_CTRL, KVM_VCPU_TSC_OFFSET,
			   (unsigned long)&back));
	EXPECT_EQ(offset, back);
	EXPECT_LE(offset, get_msr(_metadata, &self->guest, 0x10));
	EXPECT_EQ(-EFAULT, _ioctl(fd, KVM_GET_DEVICE_ATTR, 0));
}

/* Special registers with PAE's pointers */

TEST_F(vm, pae_pointers_round_trip)
{
	struct guest *guest = &self->guest;
	struct kvm_sregs2 sregs, back;

	ASSERT_EQ(1, has(guest->vm, KVM_CAP_SREGS2));
	guest_mode(_metadata, guest, MODE_PAE);
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_GET_SREGS2, &sregs));
	ASSERT_EQ(KVM_SREGS2_FLAGS_PDPTRS_VALID, sregs.flags);
	EXPECT_EQ((TABLES + 0x2000) | 1, sregs.pdptrs[0]);
	/* What is given counts, not what memory says, but with nested paging. */
	if (!cpu_has_svm())
		sregs.pdptrs[1] = (TABLES + 0x2000) | 1;
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_SREGS2, &sregs));
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_GET_SREGS2, &back));
	EXPECT_EQ(0, memcmp(&sregs, &back, sizeof(sregs)));
	/* Without the flag, memory. */
	sregs.flags = 0;
	sregs.cr3 = TABLES + 0x3000;
	memcpy(guest->mem + sregs.cr3, guest->mem + TABLES + 0x1000, 32);
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_SREGS2, &sregs));
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_GET_SREGS2, &back));
	EXPECT_EQ(0, back.pdptrs[1]);
}

TEST_F(vm, special_registers_without_pae_have_no_pointers)
{
	struct guest *guest = &self->guest;
	struct kvm_sregs2 sregs;

	guest_mode(_metadata, guest, MODE_LONG);
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_GET_SREGS2, &sregs));
	EXPECT_EQ(0, sregs.flags);
	sregs.flags = KVM_SREGS2_FLAGS_PDPTRS_VALID;
	EXPECT_EQ(-EINVAL, _ioctl_ptr(guest->fd, KVM_SET_SREGS2, &sregs));
	sregs.flags = 1ULL << 63;
	EXPECT_EQ(-EINVAL, _ioctl_ptr(guest->fd, KVM_SET_SREGS2, &sregs));
	EXPECT_EQ(-EFAULT, _ioctl(guest->fd, KVM_SET_SREGS2, 0));
	EXPECT_EQ(-EFAULT, _ioctl(guest->fd, KVM_GET_SREGS2, 0));
}

TEST_F(vm, special_registers_keep_the_interrupt)
{
	struct kvm_interrupt interrupt = { .irq = 0x55 };
	struct guest *guest = &self->guest;
	struct kvm_vcpu_events events;
	struct kvm_sregs2 sregs;

	guest_mode(_metadata, guest, MODE_LONG);
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_INTERRUPT, &interrupt));
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_GET_SREGS2, &sregs));
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_SREGS2, &sregs));
	EXPECT_EQ(-EEXIST, _ioctl_ptr(guest->fd, KVM_INTERRUPT, &interrupt));
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_GET_VCPU_EVENTS, &events));
}

/* Events */

TEST_F(vm, exceptions_that_are_pending)
{
	struct guest *guest = &self->guest;
	struct kvm_vcpu_events events, back;
	struct kvm_sregs sregs;

	guest_mode(_metadata, guest, MODE_LONG);
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_GET_VCPU_EVENTS, &events));
	EXPECT_EQ(0, events.flags & KVM_VCPUEVENT_VALID_PAYLOAD);
	events.flags = KVM_VCPUEVENT_VALID_PAYLOAD;
	EXPECT_EQ(-EINVAL, _ioctl_ptr(guest->fd, KVM_SET_VCPU_EVENTS, &events));
	ASSERT_EQ(0, _enable(guest->vm, KVM_CAP_EXCEPTION_PAYLOAD, 1));
	events.exception.pending = 1;
	events.exception.nr = 14;
	events.exception.has_error_code = 1;
	events.exception.error_code = 2;
	events.exception_has_payload = 1;
	events.exception_payload = 0x123456;
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_VCPU_EVENTS, &events));
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_GET_VCPU_EVENTS, &back));
	EXPECT_EQ(KVM_VCPUEVENT_VALID_PAYLOAD, back.flags & KVM_VCPUEVENT_VALID_PAYLOAD);
	EXPECT_EQ(1, back.exception.pending);
	EXPECT_EQ(0, back.exception.injected);
	EXPECT_EQ(1, back.exception_has_payload);
	EXPECT_EQ(0x123456, back.exception_payload);
	/* It has not happened yet. */
	get_sregs(_metadata, guest, &sregs);
	EXPECT_NE(0x123456, sregs.cr2);
	events.exception.nr = 32;
	EXPECT_EQ(-EINVAL, _ioctl_ptr(guest->fd, KVM_SET_VCPU_EVENTS, &events));
	events.exception.nr = 2;
	EXPECT_EQ(-EINVAL, _ioctl_ptr(guest->fd, KVM_SET_VCPU_EVENTS, &events));
}

GUEST_LABEL(on_payload);
GUEST_CODE(payload_code, 64,
	   "hlt\n"
	   "on_payload: pop %rbx\n mov %cr2, %rax\n hlt\n");

TEST_F(vm, payload_of_a_page_fault_is_its_address)
{
	struct guest *guest = &self->guest;
	struct kvm_vcpu_events events;
	struct kvm_regs regs;

	ASSERT_EQ(0, _enable(guest->vm, KVM_CAP_EXCEPTION_PAYLOAD, 1));
	guest_load(guest, payload_code);
	guest_mode(_metadata, guest, MODE_LONG);
	guest_gate(guest, MODE_LONG, 14, guest_label(payload_code, on_payload), 14, 0);
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_GET_VCPU_EVENTS, &events));
	events.flags = KVM_VCPUEVENT_VALID_PAYLOAD;
	events.exception.pending = 1;
	events.exception.nr = 14;
	events.exception.has_error_code = 1;
	events.exception.error_code = 2;
	events.exception_has_payload = 1;
	events.exception_payload = 0x123456;
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_VCPU_EVENTS, &events));
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0x123456, regs.rax);
	EXPECT_EQ(2, regs.rbx);
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_GET_VCPU_EVENTS, &events));
	EXPECT_EQ(0, events.exception.pending);
	EXPECT_EQ(0, events.exception_has_payload);
}

GUEST_CODE(nop_hlt, 64, "nop\n hlt\n");

TEST_F(vm, triple_fault_that_is_pending)
{
	struct guest *guest = &self->guest;
	struct kvm_vcpu_events events;

	guest_load(guest, nop_hlt);
	guest_mode(_metadata, guest, MODE_LONG);
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_GET_VCPU_EVENTS, &events));
	EXPECT_EQ(0, events.flags & KVM_VCPUEVENT_VALID_TRIPLE_FAULT);
	events.flags = KVM_VCPUEVENT_VALID_TRIPLE_FAULT;
	events.triple_fault.pending = 1;
	EXPECT_EQ(-EINVAL, _ioctl_ptr(guest->fd, KVM_SET_VCPU_EVENTS, &events));
	ASSERT_EQ(0, _enable(guest->vm, KVM_CAP_X86_TRIPLE_FAULT_EVENT, 1));
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_VCPU_EVENTS, &events));
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_GET_VCPU_EVENTS, &events));
	EXPECT_EQ(KVM_VCPUEVENT_VALID_TRIPLE_FAULT,
		  events.flags & KVM_VCPUEVENT_VALID_TRIPLE_FAULT);
	EXPECT_EQ(1, events.triple_fault.pending);
	guest_run(_metadata, guest, KVM_EXIT_SHUTDOWN);
}

/* Quirks */

GUEST_LABEL(quirk_end);
GUEST_CODE(out_7e, 64, "out %al, $0x7e\n quirk_end: hlt\n");

TEST_F(vm, quirk_of_a_port)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	ASSERT_EQ(KVM_X86_QUIRK_OUT_7E_INC_RIP,
		  has(guest->vm, KVM_CAP_DISABLE_QUIRKS2) & KVM_X86_QUIRK_OUT_7E_INC_RIP);
	guest_load(guest, out_7e);
	guest_mode(_metadata, guest, MODE_LONG);
	guest_run(_metadata, guest, KVM_EXIT_IO);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(guest_label(out_7e, quirk_end), regs.rip);
	guest_run_hlt(_metadata, guest);

	ASSERT_EQ(0, _enable(guest->vm, KVM_CAP_DISABLE_QUIRKS2, KVM_X86_QUIRK_OUT_7E_INC_RIP));
	guest_mode(_metadata, guest, MODE_LONG);
	guest_run(_metadata, guest, KVM_EXIT_IO);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(CODE, regs.rip);
	guest_run_hlt(_metadata, guest);
}

GUEST_CODE(cpuid_1, 64, "mov $1, %eax\n xor %ecx, %ecx\n cpuid\n hlt\n");

TEST_F(vm, quirk_of_mwait_in_cpuid)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	ASSERT_EQ(0, _enable(guest->vm, KVM_CAP_DISABLE_QUIRKS2,
			     KVM_X86_QUIRK_MISC_ENABLE_NO_MWAIT));
	ASSERT_EQ(1, _set_msr(guest, MISC_ENABLE, MISC_MWAIT | 1));
	guest_run_code(guest, MODE_LONG, cpuid_1, &regs);
	EXPECT_EQ(1, regs.rcx >> 3 & 1);
	ASSERT_EQ(1, _set_msr(guest, MISC_ENABLE, 1));
	guest_run_code(guest, MODE_LONG, cpuid_1, &regs);
	EXPECT_EQ(0, regs.rcx >> 3 & 1);
}

GUEST_LABEL(on_monitor);
GUEST_CODE(monitor_code, 64,
	   "mov $0x30000, %eax\n xor %ecx, %ecx\n xor %edx, %edx\n xor %ebx, %ebx\n"
	   "monitor\n"
	   "mov $1, %ebx\n"
	   "hlt\n"
	   "on_monitor: hlt\n");

TEST_F(vm, quirk_of_monitor)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	guest_load(guest, monitor_code);
	guest_mode(_metadata, guest, MODE_LONG);
	guest_gate(guest, MODE_LONG, 6, guest_label(monitor_code, on_monitor), 14, 0);
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(1, regs.rbx);
	ASSERT_EQ(0, _enable(guest->vm, KVM_CAP_DISABLE_QUIRKS2,
			     KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS));
	guest_mode(_metadata, guest, MODE_LONG);
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0, regs.rbx);
	/* What IA32_MISC_ENABLE says counts where it does in CPUID. */
	ASSERT_EQ(0, _enable(guest->vm, KVM_CAP_DISABLE_QUIRKS2,
			     KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS |
			     KVM_X86_QUIRK_MISC_ENABLE_NO_MWAIT));
	ASSERT_EQ(1, _set_msr(guest, MISC_ENABLE, MISC_MWAIT | 1));
	guest_mode(_metadata, guest, MODE_LONG);
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(1, regs.rbx);
}

/* An instruction that nobody can execute, on what is no memory */

GUEST_CODE(flds_mmio, 64, "mov $0x10000000, %eax\n flds (%rax)\n hlt\n");

TEST_F(vm, emulation_that_fails_is_user_spaces)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	ASSERT_EQ(0, _enable(guest->vm, KVM_CAP_EXIT_ON_EMULATION_FAILURE, 1));
	guest_load(guest, flds_mmio);
	guest_mode(_metadata, guest, MODE_LONG);
	guest_run(_metadata, guest, KVM_EXIT_INTERNAL_ERROR);
	ASSERT_EQ(KVM_INTERNAL_ERROR_EMULATION, guest->run->emulation_failure.suberror);
	ASSERT_LE(3, guest->run->emulation_failure.ndata);
	EXPECT_EQ(KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES,
		  guest->run->emulation_failure.flags);
	EXPECT_EQ(0xd9, guest->run->emulation_failure.insn_bytes[0]);
	EXPECT_EQ(0x00, guest->run->emulation_failure.insn_bytes[1]);
	/* It does it, and goes on. */
	get_regs(_metadata, guest, &regs);
	regs.rip += 2;
	set_regs(_metadata, guest, &regs);
	guest_run_hlt(_metadata, guest);
}

/* MSRs */

GUEST_LABEL(on_msr_gp);
GUEST_CODE(read_platform, 64,
	   "mov $0xce, %ecx\n xor %ebx, %ebx\n rdmsr\n mov $1, %ebx\n hlt\n"
	   "on_msr_gp: hlt\n");

TEST_F(vm, platform_info_that_is_hidden)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	guest_load(guest, read_platform);
	guest_mode(_metadata, guest, MODE_LONG);
	guest_gate(guest, MODE_LONG, 13, guest_label(read_platform, on_msr_gp), 14, 0);
	ASSERT_EQ(1, _set_msr(guest, PLATFORM_INFO, 0xff00));
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(1, regs.rbx);
	EXPECT_EQ(0xff00, regs.rax);
	ASSERT_EQ(0, _enable(guest->vm, KVM_CAP_MSR_PLATFORM_INFO, 0));
	guest_mode(_metadata, guest, MODE_LONG);
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0, regs.rbx);
	/* User space goes on to see it. */
	EXPECT_EQ(0xff00, get_msr(_metadata, guest, PLATFORM_INFO));
}

/* Where a dirty ring would be is nothing. */
TEST_F(vm, pages_beyond_the_last_are_not_there)
{
	__u8 *page = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, self->guest.fd,
			  RUN_PAGES_END * PAGE);
	int fds[2];

	ASSERT_NE(MAP_FAILED, page);
	ASSERT_EQ(0, pipe(fds));
	EXPECT_EQ(-1, write(fds[1], page, 1));
	EXPECT_EQ(EFAULT, errno);
	close(fds[0]);
	close(fds[1]);
	munmap(page, PAGE);
}

/* Pointers within structures are shorter in 32-bit programs. */
TEST_F(vm, dirty_log_by_pointer)
{
	unsigned long bits[MEMORY / PAGE / (8 * sizeof(long))];
	struct guest *guest = &self->guest;
	struct kvm_clear_dirty_log clear;
	struct kvm_dirty_log log;
	struct kvm_regs regs;

	ASSERT_EQ(0, _guest_set_memory(guest, 0, 0, MEMORY, guest->mem,
				       KVM_MEM_LOG_DIRTY_PAGES));
	guest_run_code(guest, MODE_LONG, nop_hlt, &regs);
	/* What is beside a short pointer does not matter. */
	memset(&log, 0xff, sizeof(log));
	log.slot = 0;
	log.dirty_bitmap = bits;
	ASSERT_EQ(0, _ioctl_ptr(guest->vm, KVM_GET_DIRTY_LOG, &log));
	clear = (struct kvm_clear_dirty_log) { .num_pages = 64 };
	memset(&clear.dirty_bitmap, 0xff, sizeof(clear.padding2));
	clear.dirty_bitmap = bits;
	ASSERT_EQ(0, _ioctl_ptr(guest->vm, KVM_CLEAR_DIRTY_LOG, &clear));
	/* The guest's tables have accessed bits, and are therefore dirty. */
	EXPECT_NE(0, bits[0]);
}

TEST_F(vm, signal_mask_of_this_programs_size)
{
	struct {
		struct kvm_signal_mask head;
		__u8 set[8];
	} mask = { .head.len = 8 };

	EXPECT_EQ(0, _ioctl_ptr(self->guest.fd, KVM_SET_SIGNAL_MASK, &mask));
	mask.head.len = 4;
	EXPECT_EQ(-EINVAL, _ioctl_ptr(self->guest.fd, KVM_SET_SIGNAL_MASK, &mask));
	EXPECT_EQ(0, _ioctl(self->guest.fd, KVM_SET_SIGNAL_MASK, 0));
}

int main(int argc, char **argv)
{
	require_guests();
	return test_harness_run(argc, argv);
}
