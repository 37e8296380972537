// SPDX-License-Identifier: GPL-2.0-only
/*
 * The interval timer in the kernel.
 */
#include "irq.h"

FIXTURE(pit) {
	struct guest guest;
};

FIXTURE_SETUP(pit)
{
	struct kvm_pit_config config = { .flags = KVM_PIT_SPEAKER_DUMMY };

	irq_guest_create(_metadata, &self->guest, CHIPS_KERNEL);
	ASSERT_EQ(0, _ioctl_ptr(self->guest.vm, KVM_CREATE_PIT2, &config));
}

FIXTURE_TEARDOWN(pit)
{
	guest_destroy(&self->guest);
}

/*
 * PIC with vectors from 0x20 on, pin 0 open; three ticks of channel 0, then none.
 * They are so far apart that a slow host handles one before the next is due.
 */
GUEST_CODE(ticks, 64,
	   "mov $0x11, %al\n out %al, $0x20\n"
	   "mov $0x20, %al\n out %al, $0x21\n"
	   "mov $0x04, %al\n out %al, $0x21\n"
	   "mov $0x01, %al\n out %al, $0x21\n"
	   "mov $0xfe, %al\n out %al, $0x21\n"
	   "mov $0x34, %al\n out %al, $0x43\n"
	   "mov $0x00, %al\n out %al, $0x40\n"
	   "mov $0x80, %al\n out %al, $0x40\n"
	   "xor %ebx, %ebx\n"
	   "1: sti\n"
	   "hlt\n"
	   "cli\n"
	   "cmp $3, %ebx\n"
	   "jb 1b\n"
	   "mov $0x30, %al\n out %al, $0x43\n"
	   DONE
	   ".globl ticks_handler\nticks_handler:\n"
	   "inc %ebx\n"
	   "mov $0x20, %al\n out %al, $0x20\n"
	   "iretq\n");
GUEST_LABEL(ticks_handler);

TEST_F(pit, channel_0_ticks)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	guest_load(guest, ticks);
	irq_guest_start(_metadata, guest);
	guest_gate(guest, MODE_LONG, 0x20, guest_label(ticks, ticks_handler), 14, 0);
	irq_run_done(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	/* And whatever came meanwhile. */
	EXPECT_LE(3, (__u32)regs.rbx);
}

/*
 * A tick waits at the PIC, as while a guest boots with interrupts off.  Then it
 * masks the PIC and listens to the IOAPIC.
 */
GUEST_CODE(changes, 64,
	   "mov $0x11, %al\n out %al, $0x20\n"
	   "mov $0x20, %al\n out %al, $0x21\n"
	   "mov $0x04, %al\n out %al, $0x21\n"
	   "mov $0x01, %al\n out %al, $0x21\n"
	   "mov $0xfe, %al\n out %al, $0x21\n"
	   "mov $0x34, %al\n out %al, $0x43\n"
	   "mov $0x00, %al\n out %al, $0x40\n"
	   "mov $0x80, %al\n out %al, $0x40\n"
	   "mov $0x0a, %al\n out %al, $0x20\n"
	   "1: in $0x20, %al\n"
	   "test $1, %al\n"
	   "jz 1b\n"
	   "mov $0xff, %al\n out %al, $0x21\n"
	   "mov $0xfec00000, %edi\n"
	   "movl $0x10, (%rdi)\n"
	   "movl $0x31, 0x10(%rdi)\n"
	   "xor %ebx, %ebx\n"
	   "2: sti\n"
	   "hlt\n"
	   "cli\n"
	   "cmp $3, %ebx\n"
	   "jb 2b\n"
	   DONE
	   ".globl changes_handler\nchanges_handler:\n"
	   "inc %ebx\n"
	   "mov $0xfee00000, %esi\n"
	   "movl $0, 0xb0(%rsi)\n"
	   "iretq\n");
GUEST_LABEL(changes_handler);

TEST_F(pit, ticks_go_on_at_another_controller)
{
	struct guest *guest = &self->guest;

	guest_load(guest, changes);
	irq_guest_start(_metadata, guest);
	lapic_enable(_metadata, guest->fd);
	guest_gate(guest, MODE_LONG, 0x31, guest_label(changes, changes_handler), 14, 0);
	irq_run_done(_metadata, guest);
}

/* As software measures time: channel 2 in mode 0, its output at port 0x61. */
GUEST_CODE(measure, 64,
	   "in $0x61, %al\n"
	   "and $0xfc, %al\n"
	   "or $1, %al\n"
	   "out %al, $0x61\n"
	   "mov $0xb0, %al\n out %al, $0x43\n"
	   "mov $0xff, %al\n out %al, $0x42\n"
	   "mov $0x00, %al\n out %al, $0x42\n"
	   "in $0x61, %al\n"
	   "movzbl %al, %r8d\n"
	   "1: in $0x61, %al\n"
	   "test $0x20, %al\n"
	   "jz 1b\n"
	   "movzbl %al, %r9d\n"
	   DONE);

TEST_F(pit, channel_2_measures)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	guest_load(guest, measure);
	irq_guest_start(_metadata, guest);
	irq_run_done(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(1, regs.r8 & 3);
	EXPECT_EQ(0x21, regs.r9 & 0x23);
}

TEST_F(pit, state_survives_user_space)
{
	struct guest *guest = &self->guest;
	struct kvm_pit_state2 state;
	struct kvm_pit_state old;

	ASSERT_EQ(0, _ioctl_ptr(guest->vm, KVM_GET_PIT2, &state));
	EXPECT_EQ(0, state.flags);
	state.channels[1].count = 1234;
	state.channels[1].mode = 3;
	state.flags = KVM_PIT_FLAGS_HPET_LEGACY | KVM_PIT_FLAGS_SPEAKER_DATA_ON;
	ASSERT_EQ(0, _ioctl_ptr(guest->vm, KVM_SET_PIT2, &state));
	memset(&state, 0, sizeof(state));
	ASSERT_EQ(0, _ioctl_ptr(guest->vm, KVM_GET_PIT2, &state));
	EXPECT_EQ(1234, state.channels[1].count);
	EXPECT_EQ(3, state.channels[1].mode);
	EXPECT_EQ(KVM_PIT_FLAGS_HPET_LEGACY | KVM_PIT_FLAGS_SPEAKER_DATA_ON, state.flags);
	ASSERT_EQ(0, _ioctl_ptr(guest->vm, KVM_GET_PIT, &old));
	EXPECT_EQ(1234, old.channels[1].count);
	EXPECT_EQ(0, _ioctl_ptr(guest->vm, KVM_SET_PIT, &old));
}

TEST_F(pit, hostile_arguments)
{
	struct guest *guest = &self->guest;
	struct kvm_reinject_control control = { .pit_reinject = 0 };
	struct kvm_pit_config config = { };

	EXPECT_EQ(-EEXIST, _ioctl_ptr(guest->vm, KVM_CREATE_PIT2, &config));
	EXPECT_EQ(-EEXIST, _ioctl(guest->vm, KVM_CREATE_PIT, 0));
	EXPECT_EQ(-EFAULT, _ioctl(guest->vm, KVM_CREATE_PIT2, 0));
	EXPECT_EQ(-EFAULT, _ioctl(guest->vm, KVM_GET_PIT2, 0));
	EXPECT_EQ(-EFAULT, _ioctl(guest->vm, KVM_SET_PIT2, 0));
	EXPECT_EQ(0, _ioctl_ptr(guest->vm, KVM_REINJECT_CONTROL, &control));
}

TEST_F(pit, any_state_is_survived)
{
	struct guest *guest = &self->guest;
	struct kvm_pit_state2 state;

	if (!on_slat())
		SKIP(return, "not with KVM's");
	for (int fill = 0; fill < 256; fill += 5) {
		memset(&state, fill, sizeof(state));
		EXPECT_EQ(0, _ioctl_ptr(guest->vm, KVM_SET_PIT2, &state));
		EXPECT_EQ(0, _ioctl_ptr(guest->vm, KVM_GET_PIT2, &state));
		EXPECT_LE(1, state.channels[0].count);
		EXPECT_GE(0x10000, state.channels[0].count);
	}
	memset(&state, 0, sizeof(state));
	EXPECT_EQ(0, _ioctl_ptr(guest->vm, KVM_SET_PIT2, &state));
	guest_load(guest, measure);
	irq_guest_start(_metadata, guest);
	irq_run_done(_metadata, guest);
}

TEST(without_one)
{
	struct kvm_reinject_control control = { };
	struct kvm_pit_state2 state = { };
	struct guest guest;

	irq_guest_create(_metadata, &guest, CHIPS_KERNEL);
	EXPECT_EQ(-ENXIO, _ioctl_ptr(guest.vm, KVM_GET_PIT2, &state));
	EXPECT_EQ(-ENXIO, _ioctl_ptr(guest.vm, KVM_SET_PIT2, &state));
	EXPECT_EQ(-ENXIO, _ioctl_ptr(guest.vm, KVM_REINJECT_CONTROL, &control));
	guest_destroy(&guest);
}

int main(int argc, char **argv)
{
	require_guests();
	return test_harness_run(argc, argv);
}
