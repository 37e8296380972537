// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes that signal an eventfd, and writes that wait in a ring.
 */
#include "irq.h"

#define DOORBELL	0x10000000ULL	/* no memory is there */
#define DOOR_PORT	0x510

FIXTURE(ioeventfd) {
	struct guest guest;
	int event;
};

FIXTURE_SETUP(ioeventfd)
{
	guest_create(_metadata, &self->guest);
	self->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ASSERT_LE(0, self->event);
}

FIXTURE_TEARDOWN(ioeventfd)
{
	guest_destroy(&self->guest);
	close(self->event);
}

static int _ioeventfd(struct guest *guest, int fd, __u64 addr, __u32 len, __u32 flags, __u64 data)
{
	struct kvm_ioeventfd args = {
		.fd = fd, .addr = addr, .len = len, .flags = flags, .datamatch = data,
	};

	return _ioctl_ptr(guest->vm, KVM_IOEVENTFD, &args);
}

static int _take_event(int fd)
{
	__u64 count;

	return read(fd, &count, sizeof(count)) == sizeof(count) ? (int)count : -errno;
}

GUEST_CODE(rings, 64,
	   "mov $0x10000000, %edi\n"
	   "movl $7, (%rdi)\n"
	   "movw $7, (%rdi)\n"
	   "movl $8, (%rdi)\n"
	   "hlt\n");

TEST_F(ioeventfd, memory_of_one_length)
{
	struct guest *guest = &self->guest;

	ASSERT_EQ(0, _ioeventfd(guest, self->event, DOORBELL, 4, 0, 0));
	guest_load(guest, rings);
	guest_mode(_metadata, guest, MODE_LONG);
	/* Of another length: user space's. */
	guest_run(_metadata, guest, KVM_EXIT_MMIO);
	EXPECT_EQ(2, guest->run->mmio.len);
	EXPECT_EQ(1, _take_event(self->event));
	guest_run_hlt(_metadata, guest);
	EXPECT_EQ(1, _take_event(self->event));
}

TEST_F(ioeventfd, memory_of_any_length)
{
	struct guest *guest = &self->guest;

	ASSERT_EQ(0, _ioeventfd(guest, self->event, DOORBELL, 0, 0, 0));
	guest_load(guest, rings);
	guest_mode(_metadata, guest, MODE_LONG);
	guest_run_hlt(_metadata, guest);
	EXPECT_EQ(3, _take_event(self->event));
}

TEST_F(ioeventfd, data_that_matches)
{
	struct guest *guest = &self->guest;
	int other = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	ASSERT_EQ(0, _ioeventfd(guest, self->event, DOORBELL, 4, KVM_IOEVENTFD_FLAG_DATAMATCH, 7));
	ASSERT_EQ(0, _ioeventfd(guest, other, DOORBELL, 4, KVM_IOEVENTFD_FLAG_DATAMATCH, 8));
	guest_load(guest, rings);
	guest_mode(_metadata, guest, MODE_LONG);
	guest_run(_metadata, guest, KVM_EXIT_MMIO);
	EXPECT_EQ(2, guest->run->mmio.len);
	EXPECT_EQ(1, _take_event(self->event));
	EXPECT_EQ(-EAGAIN, _take_event(other));
	guest_run_hlt(_metadata, guest);
	EXPECT_EQ(1, _take_event(other));
	EXPECT_EQ(-EAGAIN, _take_event(self->event));
	close(other);
}

GUEST_CODE(port_rings, 64,
	   "mov $0x510, %edx\n"
	   "mov $0x1234, %eax\n"
	   "out %ax, %dx\n"
	   "in %dx, %ax\n"
	   "cld\n"
	   "mov $0x30000, %esi\n"
	   "mov $5, %ecx\n"
	   "rep outsw\n"
	   "hlt\n");

TEST_F(ioeventfd, ports)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	ASSERT_EQ(0, _ioeventfd(guest, self->event, DOOR_PORT, 2, KVM_IOEVENTFD_FLAG_PIO, 0));
	guest_load(guest, port_rings);
	guest_mode(_metadata, guest, MODE_LONG);
	/* Reads are user space's. */
	guest_run(_metadata, guest, KVM_EXIT_IO);
	EXPECT_EQ(KVM_EXIT_IO_IN, guest->run->io.direction);
	EXPECT_EQ(1, _take_event(self->event));
	guest_run_hlt(_metadata, guest);
	EXPECT_EQ(5, _take_event(self->event));
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0, regs.rcx);
	EXPECT_EQ(0x3000a, regs.rsi);

	EXPECT_EQ(0, _ioeventfd(guest, self->event, DOOR_PORT, 2,
				KVM_IOEVENTFD_FLAG_PIO | KVM_IOEVENTFD_FLAG_DEASSIGN, 0));
	guest_mode(_metadata, guest, MODE_LONG);
	guest_run(_metadata, guest, KVM_EXIT_IO);
	EXPECT_EQ(KVM_EXIT_IO_OUT, guest->run->io.direction);
	EXPECT_EQ(-EAGAIN, _take_event(self->event));
}

TEST_F(ioeventfd, hostile_arguments)
{
	struct guest *guest = &self->guest;
	const __u32 match = KVM_IOEVENTFD_FLAG_DATAMATCH, remove = KVM_IOEVENTFD_FLAG_DEASSIGN;

	EXPECT_EQ(-EINVAL, _ioeventfd(guest, self->event, DOORBELL, 3, 0, 0));
	EXPECT_EQ(-EINVAL, _ioeventfd(guest, self->event, DOORBELL, 16, 0, 0));
	EXPECT_EQ(-EINVAL, _ioeventfd(guest, self->event, DOORBELL, 0, match, 0));
	EXPECT_EQ(-EINVAL, _ioeventfd(guest, self->event, DOORBELL, 4, 1 << 20, 0));
	EXPECT_EQ(-EINVAL, _ioeventfd(guest, self->event, ~0ULL, 4, 0, 0));
	EXPECT_EQ(-EBADF, _ioeventfd(guest, -1, DOORBELL, 4, 0, 0));
	EXPECT_EQ(-EFAULT, _ioctl(guest->vm, KVM_IOEVENTFD, 0));
	EXPECT_EQ(-ENOENT, _ioeventfd(guest, self->event, DOORBELL, 4, remove, 0));
	EXPECT_EQ(0, _ioeventfd(guest, self->event, DOORBELL, 4, match, 5));
	EXPECT_EQ(-EEXIST, _ioeventfd(guest, self->event, DOORBELL, 4, match, 5));
	EXPECT_EQ(-EEXIST, _ioeventfd(guest, self->event, DOORBELL, 4, 0, 0));
	EXPECT_EQ(-EEXIST, _ioeventfd(guest, self->event, DOORBELL, 0, 0, 0));
	EXPECT_EQ(0, _ioeventfd(guest, self->event, DOORBELL, 4, match, 6));
	EXPECT_EQ(-ENOENT, _ioeventfd(guest, self->event, DOORBELL, 4, match | remove, 7));
	EXPECT_EQ(0, _ioeventfd(guest, self->event, DOORBELL, 4, match | remove, 6));
}

TEST_F(ioeventfd, there_are_only_so_many)
{
	struct guest *guest = &self->guest;
	int i, ret = 0;

	for (i = 0; i < 4200 && !ret; i++)
		ret = _ioeventfd(guest, self->event, DOORBELL + 8 * i, 8, 0, 0);
	/* KVM counts none of them. */
	EXPECT_EQ(on_slat() ? -ENOSPC : 0, ret);
	EXPECT_LE(4000, i);
	EXPECT_EQ(0, _ioeventfd(guest, self->event, DOORBELL, 8, KVM_IOEVENTFD_FLAG_DEASSIGN, 0));
	EXPECT_EQ(0, _ioeventfd(guest, self->event, DOORBELL, 8, 0, 0));
}

static struct kvm_coalesced_mmio_ring *ring_of(struct guest *guest)
{
	int offset = _ioctl(guest->vm, KVM_CHECK_EXTENSION, KVM_CAP_COALESCED_MMIO);

	return offset > 0 ? (void *)guest->run + offset * getpagesize() : NULL;
}

TEST_F(ioeventfd, writes_that_wait)
{
	struct guest *guest = &self->guest;
	struct kvm_coalesced_mmio_zone zone = { .addr = DOORBELL, .size = 4 };
	struct kvm_coalesced_mmio_ring *ring = ring_of(guest);

	ASSERT_NE(NULL, ring);
	ASSERT_EQ(0, _ioctl_ptr(guest->vm, KVM_REGISTER_COALESCED_MMIO, &zone));
	guest_load(guest, rings);
	guest_mode(_metadata, guest, MODE_LONG);
	guest_run_hlt(_metadata, guest);
	EXPECT_EQ(0, ring->first);
	ASSERT_EQ(3, ring->last);
	EXPECT_EQ(DOORBELL, ring->coalesced_mmio[1].phys_addr);
	EXPECT_EQ(2, ring->coalesced_mmio[1].len);
	EXPECT_EQ(7, ring->coalesced_mmio[1].data[0]);
	EXPECT_EQ(8, ring->coalesced_mmio[2].data[0]);
	/* Full, or with indices that cannot be: user space's at once. */
	ring->first = 4;
	guest_mode(_metadata, guest, MODE_LONG);
	guest_run(_metadata, guest, KVM_EXIT_MMIO);
	ring->last = 0xffffffff;
	guest_mode(_metadata, guest, MODE_LONG);
	guest_run(_metadata, guest, KVM_EXIT_MMIO);
	ring->first = 0;
	ring->last = 0;
	/* A zone goes with any part of it, but not with what is larger. */
	zone.size = 8;
	EXPECT_EQ(0, _ioctl_ptr(guest->vm, KVM_UNREGISTER_COALESCED_MMIO, &zone));
	guest_mode(_metadata, guest, MODE_LONG);
	guest_run_hlt(_metadata, guest);
	zone.size = 2;
	EXPECT_EQ(0, _ioctl_ptr(guest->vm, KVM_UNREGISTER_COALESCED_MMIO, &zone));
	guest_mode(_metadata, guest, MODE_LONG);
	guest_run(_metadata, guest, KVM_EXIT_MMIO);
	zone.pio = 2;
	EXPECT_EQ(-EINVAL, _ioctl_ptr(guest->vm, KVM_REGISTER_COALESCED_MMIO, &zone));
	EXPECT_EQ(-EINVAL, _ioctl_ptr(guest->vm, KVM_UNREGISTER_COALESCED_MMIO, &zone));
	EXPECT_EQ(-EFAULT, _ioctl(guest->vm, KVM_REGISTER_COALESCED_MMIO, 0));
}

TEST_F(ioeventfd, ports_that_wait)
{
	struct guest *guest = &self->guest;
	struct kvm_coalesced_mmio_zone zone = { .addr = DOOR_PORT, .size = 2, .pio = 1 };
	struct kvm_coalesced_mmio_ring *ring = ring_of(guest);

	ASSERT_NE(NULL, ring);
	ASSERT_EQ(0, _ioctl_ptr(guest->vm, KVM_REGISTER_COALESCED_MMIO, &zone));
	guest_load(guest, port_rings);
	guest_mode(_metadata, guest, MODE_LONG);
	guest_run(_metadata, guest, KVM_EXIT_IO);
	EXPECT_EQ(KVM_EXIT_IO_IN, guest->run->io.direction);
	ASSERT_EQ(1, ring->last);
	EXPECT_EQ(1, ring->coalesced_mmio[0].pio);
	EXPECT_EQ(0x34, ring->coalesced_mmio[0].data[0]);
	EXPECT_EQ(2, ring->coalesced_mmio[0].len);
}

int main(int argc, char **argv)
{
	require_guests();
	return test_harness_run(argc, argv);
}
