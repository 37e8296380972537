// SPDX-License-Identifier: GPL-2.0-only
/*
 * eventfds that interrupt a guest.
 */
#include "irq.h"

FIXTURE(irqfd) {
	struct guest guest;
	int event;
};

FIXTURE_SETUP(irqfd)
{
	irq_guest_create(_metadata, &self->guest, CHIPS_KERNEL);
	lapic_enable(_metadata, self->guest.fd);
	self->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ASSERT_LE(0, self->event);
}

FIXTURE_TEARDOWN(irqfd)
{
	guest_destroy(&self->guest);
	close(self->event);
}

static int _irqfd(struct guest *guest, int fd, __u32 gsi, __u32 flags, int resample)
{
	struct kvm_irqfd args = {
		.fd = fd, .gsi = gsi, .flags = flags, .resamplefd = resample,
	};

	return _ioctl_ptr(guest->vm, KVM_IRQFD, &args);
}

static void signal_event(struct __test_metadata *_metadata, int fd)
{
	__u64 one = 1;

	ASSERT_EQ(sizeof(one), write(fd, &one, sizeof(one)));
}

/* -EAGAIN: nobody has signalled it. */
static int _take_event(int fd)
{
	__u64 count;

	return read(fd, &count, sizeof(count)) == sizeof(count) ? (int)count : -errno;
}

TEST_F(irqfd, message_by_event)
{
	struct guest *guest = &self->guest;
	struct kvm_irq_routing_entry entry = msi_route(30, 0, 0x61);

	ASSERT_EQ(0, _set_routing(guest, &entry, 1));
	ASSERT_EQ(0, _irqfd(guest, self->event, 30, 0, 0));
	EXPECT_FALSE(lapic_requested(_metadata, guest->fd, 0x61));
	signal_event(_metadata, self->event);
	EXPECT_TRUE(lapic_requested(_metadata, guest->fd, 0x61));
	/* It has been taken. */
	EXPECT_EQ(-EAGAIN, _take_event(self->event));

	/* Another route from now on. */
	entry = msi_route(30, 0, 0x62);
	ASSERT_EQ(0, _set_routing(guest, &entry, 1));
	signal_event(_metadata, self->event);
	EXPECT_TRUE(lapic_requested(_metadata, guest->fd, 0x62));

	EXPECT_EQ(0, _irqfd(guest, self->event, 30, KVM_IRQFD_FLAG_DEASSIGN, 0));
	entry = msi_route(30, 0, 0x63);
	ASSERT_EQ(0, _set_routing(guest, &entry, 1));
	signal_event(_metadata, self->event);
	EXPECT_FALSE(lapic_requested(_metadata, guest->fd, 0x63));
	EXPECT_EQ(1, _take_event(self->event));
}

TEST_F(irqfd, event_before_assignment_counts)
{
	struct guest *guest = &self->guest;
	struct kvm_irq_routing_entry entry = msi_route(30, 0, 0x61);

	ASSERT_EQ(0, _set_routing(guest, &entry, 1));
	signal_event(_metadata, self->event);
	ASSERT_EQ(0, _irqfd(guest, self->event, 30, 0, 0));
	/* KVM leaves this to a work. */
	for (int i = 0; i < 1000 && !lapic_requested(_metadata, guest->fd, 0x61); i++)
		sched_yield();
	EXPECT_TRUE(lapic_requested(_metadata, guest->fd, 0x61));
}

/* Pin 9 of the IOAPIC, level-triggered, vector 0x51. */
GUEST_CODE(level, 64,
	   "mov $0xfee00000, %ebp\n"
	   "mov $0xfec00000, %edi\n"
	   "movl $0x1ff, 0xf0(%rbp)\n"
	   "movl $0x10000, 0x350(%rbp)\n"	/* deaf to the PIC, which has the pin too */
	   "movl $0x23, (%rdi)\n movl $0, 0x10(%rdi)\n"
	   "movl $0x22, (%rdi)\n movl $0x8051, 0x10(%rdi)\n"
	   "xor %ebx, %ebx\n"
	   DONE
	   "sti\n"
	   "hlt\n"
	   "cli\n"
	   DONE
	   ".globl level_handler\nlevel_handler:\n"
	   "inc %ebx\n"
	   "movl $0, 0xb0(%rbp)\n"
	   "iretq\n");
GUEST_LABEL(level_handler);

TEST_F(irqfd, resample_asks_after_the_eoi)
{
	int resample = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	ASSERT_EQ(0, _irqfd(guest, self->event, 9, KVM_IRQFD_FLAG_RESAMPLE, resample));
	guest_load(guest, level);
	irq_guest_start(_metadata, guest);
	guest_gate(guest, MODE_LONG, 0x51, guest_label(level, level_handler), 14, 0);
	irq_run_done(_metadata, guest);
	signal_event(_metadata, self->event);
	EXPECT_EQ(-EAGAIN, _take_event(resample));
	irq_run_done(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	/* One: the line is low after the EOI. */
	EXPECT_EQ(1, (__u32)regs.rbx);
	EXPECT_EQ(1, _take_event(resample));
	ASSERT_EQ(0, _ioctl_ptr(guest->vm, KVM_GET_IRQCHIP, &chip));
	EXPECT_EQ(0, chip.chip.ioapic.redirtbl[9].bits >> 14 & 1);
	EXPECT_EQ(0, chip.chip.ioapic.irr & 1 << 9);
	close(resample);
}

static bool pin_is_high(struct __test_metadata *_metadata, struct guest *guest, int pin)
{
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };

	EXPECT_EQ(0, _ioctl_ptr(guest->vm, KVM_GET_IRQCHIP, &chip));
	return chip.chip.ioapic.irr >> pin & 1;
}

/* Two devices share a pin, masked so far; one of them goes, then the other. */
TEST_F(irqfd, a_shared_line_stays_high)
{
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };
	int other = eventfd(0, EFD_CLOEXEC), resample = eventfd(0, EFD_CLOEXEC);
	const __u32 flags = KVM_IRQFD_FLAG_RESAMPLE;
	struct guest *guest = &self->guest;

	ASSERT_EQ(0, _ioctl_ptr(guest->vm, KVM_GET_IRQCHIP, &chip));
	chip.chip.ioapic.redirtbl[9].bits = 0x18051;
	ASSERT_EQ(0, _ioctl_ptr(guest->vm, KVM_SET_IRQCHIP, &chip));
	ASSERT_EQ(0, _irqfd(guest, self->event, 9, flags, resample));
	ASSERT_EQ(0, _irqfd(guest, other, 9, flags, resample));
	signal_event(_metadata, self->event);
	/* KVM leaves this to a work.  Ends, or by the harness's timeout. */
	while (!pin_is_high(_metadata, guest, 9))
		sched_yield();
	EXPECT_EQ(0, _irqfd(guest, other, 9, KVM_IRQFD_FLAG_DEASSIGN, 0));
	EXPECT_TRUE(pin_is_high(_metadata, guest, 9));
	EXPECT_EQ(0, _irqfd(guest, self->event, 9, KVM_IRQFD_FLAG_DEASSIGN, 0));
	EXPECT_FALSE(pin_is_high(_metadata, guest, 9));
	close(other);
	close(resample);
}

TEST_F(irqfd, hostile_arguments)
{
	struct guest *guest = &self->guest;
	int pipes[2];

	ASSERT_EQ(0, pipe(pipes));
	EXPECT_EQ(-EINVAL, _irqfd(guest, self->event, 5, 4, 0));
	EXPECT_EQ(-EINVAL, _irqfd(guest, self->event, 5, ~0U, 0));
	EXPECT_EQ(-EBADF, _irqfd(guest, -1, 5, 0, 0));
	EXPECT_EQ(-EINVAL, _irqfd(guest, pipes[0], 5, 0, 0));
	EXPECT_EQ(-EBADF, _irqfd(guest, self->event, 5, KVM_IRQFD_FLAG_RESAMPLE, -1));
	EXPECT_EQ(-EINVAL, _irqfd(guest, self->event, 5, KVM_IRQFD_FLAG_RESAMPLE, pipes[1]));
	EXPECT_EQ(-EFAULT, _ioctl(guest->vm, KVM_IRQFD, 0));
	/* Once only; what is not there can be deassigned. */
	EXPECT_EQ(0, _irqfd(guest, self->event, 5, 0, 0));
	EXPECT_EQ(-EBUSY, _irqfd(guest, self->event, 6, 0, 0));
	EXPECT_EQ(0, _irqfd(guest, self->event, 6, KVM_IRQFD_FLAG_DEASSIGN, 0));
	EXPECT_EQ(0, _irqfd(guest, self->event, 5, KVM_IRQFD_FLAG_DEASSIGN, 0));
	EXPECT_EQ(0, _irqfd(guest, self->event, 5, KVM_IRQFD_FLAG_DEASSIGN, 0));
	close(pipes[0]);
	close(pipes[1]);
}

/* The eventfd goes first, in every order of what it was connected to. */
TEST_F(irqfd, eventfds_that_go)
{
	struct guest *guest = &self->guest;

	for (int i = 0; i < 100; i++) {
		int event = eventfd(0, EFD_CLOEXEC), resample = eventfd(0, EFD_CLOEXEC);

		ASSERT_EQ(0, _irqfd(guest, event, i % 24, i & 1 ? KVM_IRQFD_FLAG_RESAMPLE : 0,
				    resample));
		if (i & 2)
			signal_event(_metadata, event);
		if (i & 4)
			close(resample);
		close(event);
		if (!(i & 4))
			close(resample);
	}
	/* And some stay until the VM goes. */
	for (int i = 0; i < 8; i++)
		ASSERT_EQ(0, _irqfd(guest, eventfd(0, EFD_CLOEXEC), i, 0, 0));
}

struct storm {
	int fd;
	bool stop;
};

static void *signal_all_the_time(void *arg)
{
	struct storm *storm = arg;
	__u64 one = 1;

	while (!__atomic_load_n(&storm->stop, __ATOMIC_RELAXED))
		if (write(storm->fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
			break;
	return NULL;
}

TEST_F(irqfd, changes_under_a_storm)
{
	struct storm storm = { .fd = self->event };
	struct guest *guest = &self->guest;
	pthread_t thread;

	ASSERT_EQ(0, pthread_create(&thread, NULL, signal_all_the_time, &storm));
	for (int i = 0; i < 30; i++) {
		struct kvm_irq_routing_entry entry = msi_route(30, 0, 0x40 + i);

		ASSERT_EQ(0, _irqfd(guest, self->event, 30, 0, 0));
		ASSERT_EQ(0, _set_routing(guest, &entry, 1));
		ASSERT_EQ(0, _irqfd(guest, self->event, 30, KVM_IRQFD_FLAG_DEASSIGN, 0));
	}
	__atomic_store_n(&storm.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
}

TEST(without_interrupt_controllers)
{
	int event = eventfd(0, EFD_CLOEXEC);
	struct guest guest;

	guest_create(_metadata, &guest);
	EXPECT_EQ(-EINVAL, _irqfd(&guest, event, 5, 0, 0));
	guest_destroy(&guest);
	close(event);
}

TEST(split_has_no_resampling)
{
	int event = eventfd(0, EFD_CLOEXEC);
	struct guest guest;

	irq_guest_create(_metadata, &guest, CHIPS_SPLIT);
	EXPECT_EQ(-EINVAL, _irqfd(&guest, event, 5, KVM_IRQFD_FLAG_RESAMPLE, event));
	EXPECT_EQ(0, _irqfd(&guest, event, 5, 0, 0));
	guest_destroy(&guest);
	close(event);
}

int main(int argc, char **argv)
{
	require_guests();
	return test_harness_run(argc, argv);
}
