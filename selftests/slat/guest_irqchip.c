// SPDX-License-Identifier: GPL-2.0-only
/*
 * PICs, IOAPIC, GSIs and messages in the kernel, all of them or the local APICs
 * alone.
 */
#include "irq.h"

FIXTURE(irqchip) {
	struct guest guest;
};

FIXTURE_SETUP(irqchip)
{
	irq_guest_create(_metadata, &self->guest, CHIPS_KERNEL);
}

FIXTURE_TEARDOWN(irqchip)
{
	guest_destroy(&self->guest);
}

FIXTURE(split) {
	struct guest guest;
};

FIXTURE_SETUP(split)
{
	irq_guest_create(_metadata, &self->guest, CHIPS_SPLIT);
}

FIXTURE_TEARDOWN(split)
{
	guest_destroy(&self->guest);
}

/* Waits in HLT for vector 0x24 of the PIC, pin 4. */
GUEST_CODE(pic, 64,
	   "mov $0x11, %al\n out %al, $0x20\n"
	   "mov $0x20, %al\n out %al, $0x21\n"
	   "mov $0x04, %al\n out %al, $0x21\n"
	   "mov $0x01, %al\n out %al, $0x21\n"
	   "mov $0xef, %al\n out %al, $0x21\n"
	   "in $0x21, %al\n"
	   "movzbl %al, %r8d\n"
	   "xor %ebx, %ebx\n"
	   DONE
	   "sti\n"
	   "hlt\n"
	   "cli\n"
	   DONE
	   ".globl pic_handler\npic_handler:\n"
	   "inc %ebx\n"
	   "mov $0x0b, %al\n out %al, $0x20\n"
	   "in $0x20, %al\n"
	   "movzbl %al, %r9d\n"
	   "mov $0x20, %al\n out %al, $0x20\n"
	   "iretq\n");
GUEST_LABEL(pic_handler);

TEST_F(irqchip, pic_interrupts)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	guest_load(guest, pic);
	irq_guest_start(_metadata, guest);
	guest_gate(guest, MODE_LONG, 0x24, guest_label(pic, pic_handler), 14, 0);
	irq_run_done(_metadata, guest);
	EXPECT_EQ(0, _irq_line(guest, 4, 1));
	EXPECT_EQ(0, _irq_line(guest, 4, 0));
	irq_run_done(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0xef, regs.r8);
	EXPECT_EQ(1, (__u32)regs.rbx);
	EXPECT_EQ(0x10, regs.r9);
}

/* Pin 9 of the IOAPIC is level-triggered, vector 0x51; its handler ends it at the device. */
GUEST_CODE(ioapic, 64,
	   "mov $0xfee00000, %ebp\n"
	   "mov $0xfec00000, %edi\n"
	   "movl $0x1ff, 0xf0(%rbp)\n"
	   "movl $0x10000, 0x350(%rbp)\n"	/* deaf to the PIC, which has the pin too */
	   "movl $1, (%rdi)\n"
	   "mov 0x10(%rdi), %r8d\n"
	   "movl $0x23, (%rdi)\n movl $0, 0x10(%rdi)\n"
	   "movl $0x22, (%rdi)\n movl $0x8051, 0x10(%rdi)\n"
	   "xor %ebx, %ebx\n"
	   DONE
	   "1: sti\n"
	   "hlt\n"
	   "cli\n"
	   "cmp $2, %ebx\n"
	   "jb 1b\n"
	   "mov 0x10(%rdi), %r9d\n"
	   DONE
	   ".globl ioapic_handler\nioapic_handler:\n"
	   "inc %ebx\n"
	   "out %al, $0x98\n"
	   "movl $0, 0xb0(%rbp)\n"
	   "iretq\n");
GUEST_LABEL(ioapic_handler);

TEST_F(irqchip, level_comes_until_it_is_low)
{
	struct guest *guest = &self->guest;
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };
	struct kvm_regs regs;

	guest_load(guest, ioapic);
	irq_guest_start(_metadata, guest);
	guest_gate(guest, MODE_LONG, 0x51, guest_label(ioapic, ioapic_handler), 14, 0);
	irq_run_done(_metadata, guest);
	EXPECT_EQ(0, _irq_line(guest, 9, 1));
	/* Once while it is high, and again after the EOI; then the device is done. */
	guest_run(_metadata, guest, KVM_EXIT_IO);
	ASSERT_EQ(0x98, guest->run->io.port);
	ASSERT_EQ(0, _ioctl_ptr(guest->vm, KVM_GET_IRQCHIP, &chip));
	EXPECT_EQ(1, chip.chip.ioapic.redirtbl[9].bits >> 14 & 1);
	guest_run(_metadata, guest, KVM_EXIT_IO);
	ASSERT_EQ(0x98, guest->run->io.port);
	EXPECT_EQ(0, _irq_line(guest, 9, 0));
	irq_run_done(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0x170011, regs.r8);
	EXPECT_EQ(2, (__u32)regs.rbx);
	EXPECT_EQ(0x8051, regs.r9);
}

/* A line is what user space says, whichever level the guest calls active. */
TEST_F(irqchip, polarity_is_ignored)
{
	struct guest *guest = &self->guest;
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };

	lapic_enable(_metadata, guest->fd);
	ASSERT_EQ(0, _ioctl_ptr(guest->vm, KVM_GET_IRQCHIP, &chip));
	chip.chip.ioapic.redirtbl[20].bits = 0x2051;
	ASSERT_EQ(0, _ioctl_ptr(guest->vm, KVM_SET_IRQCHIP, &chip));
	EXPECT_EQ(0, _irq_line(guest, 20, 0));
	EXPECT_FALSE(lapic_requested(_metadata, guest->fd, 0x51));
	EXPECT_EQ(0, _irq_line(guest, 20, 1));
	EXPECT_TRUE(lapic_requested(_metadata, guest->fd, 0x51));
}

/* vCPU @id in x2APIC mode, software-enabled. */
static int add_x2apic(struct __test_metadata *_metadata, struct guest *guest, int id,
		      struct kvm_run **run)
{
	int fd = irq_vcpu_create(_metadata, guest, id, run);
	struct kvm_sregs sregs;

	EXPECT_EQ(0, _ioctl_ptr(fd, KVM_GET_SREGS, &sregs));
	sregs.apic_base |= 0xc00;
	EXPECT_EQ(0, _ioctl_ptr(fd, KVM_SET_SREGS, &sregs));
	lapic_enable(_metadata, fd);
	return fd;
}

static int send_wide(struct guest *guest, __u32 id, __u8 vector)
{
	struct kvm_msi msi = {
		.address_lo = APIC_DEFAULT | (id & 0xff) << 12, .address_hi = id & ~0xff,
		.data = vector,
	};

	return _ioctl_ptr(guest->vm, KVM_SIGNAL_MSI, &msi);
}

static int enable_x2apic_api(struct guest *guest, __u64 flags)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_X2APIC_API, .args[0] = flags };

	return _ioctl_ptr(guest->vm, KVM_ENABLE_CAP, &cap);
}

TEST_F(irqchip, ids_of_32_bits)
{
	struct guest *guest = &self->guest;
	struct kvm_lapic_state state;
	struct kvm_msi msi = {
		.address_lo = APIC_DEFAULT, .address_hi = 1, .data = 0x60,
	};
	struct kvm_run *run;
	int fd = add_x2apic(_metadata, guest, 0x105, &run);

	/* Eight bits of them. */
	get_lapic(_metadata, fd, &state);
	EXPECT_EQ(0x05000000, lapic_reg(&state, APIC_ID));
	EXPECT_EQ(0, send_wide(guest, 0x105, 0x60));
	EXPECT_FALSE(lapic_requested(_metadata, fd, 0x60));

	EXPECT_EQ(-EINVAL, enable_x2apic_api(guest, 1 << 2));
	EXPECT_EQ(-EINVAL, enable_x2apic_api(guest, 1ULL << 63));
	ASSERT_EQ(0, enable_x2apic_api(guest, KVM_X2APIC_API_USE_32BIT_IDS));
	get_lapic(_metadata, fd, &state);
	EXPECT_EQ(0x105, lapic_reg(&state, APIC_ID));
	EXPECT_EQ(0, _ioctl_ptr(fd, KVM_SET_LAPIC, &state));
	EXPECT_EQ(1, send_wide(guest, 0x105, 0x60));
	EXPECT_TRUE(lapic_requested(_metadata, fd, 0x60));
	EXPECT_EQ(0, send_wide(guest, 0x106, 0x61));
	EXPECT_EQ(-EINVAL, _ioctl_ptr(guest->vm, KVM_SIGNAL_MSI, &msi));
	munmap(run, guest->run_size);
	close(fd);
}

/* From a device 0xff means everybody, until user space knows better. */
TEST_F(irqchip, ids_of_everybody)
{
	struct guest *guest = &self->guest;
	struct kvm_run *run;
	int fd = add_x2apic(_metadata, guest, 1, &run);

	EXPECT_EQ(1, send_wide(guest, 0xff, 0x60));
	EXPECT_TRUE(lapic_requested(_metadata, fd, 0x60));
	ASSERT_EQ(0, enable_x2apic_api(guest, KVM_X2APIC_API_USE_32BIT_IDS |
					      KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK));
	send_wide(guest, 0xff, 0x61);
	EXPECT_FALSE(lapic_requested(_metadata, fd, 0x61));
	EXPECT_LE(1, send_wide(guest, ~0U, 0x62));
	EXPECT_TRUE(lapic_requested(_metadata, fd, 0x62));
	munmap(run, guest->run_size);
	close(fd);
}

TEST_F(irqchip, messages)
{
	struct guest *guest = &self->guest;

	/* Software has not enabled it, then it has. */
	EXPECT_EQ(0, _signal_msi(guest, APIC_DEFAULT, 0x60));
	lapic_enable(_metadata, guest->fd);
	EXPECT_EQ(1, _signal_msi(guest, APIC_DEFAULT, 0x60));
	EXPECT_TRUE(lapic_requested(_metadata, guest->fd, 0x60));
	EXPECT_FALSE(lapic_requested(_metadata, guest->fd, 0x61));
	/* Nobody has ID 5; everybody is meant by 0xff. */
	EXPECT_EQ(0, _signal_msi(guest, APIC_DEFAULT | 5 << 12, 0x61));
	EXPECT_EQ(1, _signal_msi(guest, APIC_DEFAULT | 0xff << 12, 0x61));
	EXPECT_TRUE(lapic_requested(_metadata, guest->fd, 0x61));
}

TEST_F(irqchip, hostile_messages)
{
	struct guest *guest = &self->guest;
	struct kvm_msi msi = { .address_lo = APIC_DEFAULT, .data = 0x60, .flags = 4 };

	EXPECT_EQ(-EINVAL, _ioctl_ptr(guest->vm, KVM_SIGNAL_MSI, &msi));
	EXPECT_EQ(-EFAULT, _ioctl(guest->vm, KVM_SIGNAL_MSI, 0));
	for (__u32 data = 0; data < 0x10000; data += 0x101)
		_signal_msi(guest, ~data, ~data);
	lapic_enable(_metadata, guest->fd);
	for (__u32 data = 0; data < 0x10000; data += 0x101)
		_signal_msi(guest, APIC_DEFAULT | (data & 4), data);
}

TEST_F(irqchip, routes)
{
	struct guest *guest = &self->guest;
	struct kvm_irq_routing_entry entry = msi_route(40, 0, 0x71);
	struct kvm_irq_level line = { .irq = 40, .level = 1 };

	lapic_enable(_metadata, guest->fd);
	ASSERT_EQ(0, _set_routing(guest, &entry, 1));
	EXPECT_EQ(0, _ioctl_ptr(guest->vm, KVM_IRQ_LINE_STATUS, &line));
	EXPECT_EQ(1, (int)line.status);
	EXPECT_TRUE(lapic_requested(_metadata, guest->fd, 0x71));
	/* The old ones are gone, and so is this one then. */
	line = (struct kvm_irq_level) { .irq = 4, .level = 1 };
	EXPECT_EQ(0, _ioctl_ptr(guest->vm, KVM_IRQ_LINE_STATUS, &line));
	EXPECT_EQ(-1, (int)line.status);
	ASSERT_EQ(0, _set_routing(guest, &entry, 0));
	line = (struct kvm_irq_level) { .irq = 40, .level = 1 };
	EXPECT_EQ(0, _ioctl_ptr(guest->vm, KVM_IRQ_LINE_STATUS, &line));
	EXPECT_EQ(-1, (int)line.status);
}

TEST_F(irqchip, hostile_routes)
{
	struct guest *guest = &self->guest;
	struct kvm_irq_routing_entry good = msi_route(40, 0, 0x71), two[2], bad;
	struct kvm_irq_routing head = { .nr = 1, .flags = 1 };

	EXPECT_EQ(-EINVAL, _ioctl_ptr(guest->vm, KVM_SET_GSI_ROUTING, &head));
	head = (struct kvm_irq_routing) { .nr = 4097 };
	EXPECT_EQ(-EINVAL, _ioctl_ptr(guest->vm, KVM_SET_GSI_ROUTING, &head));
	head.nr = ~0U;
	EXPECT_EQ(-EINVAL, _ioctl_ptr(guest->vm, KVM_SET_GSI_ROUTING, &head));
	EXPECT_EQ(-EFAULT, _ioctl(guest->vm, KVM_SET_GSI_ROUTING, 0));

	bad = good;
	bad.gsi = 4096;
	EXPECT_EQ(-EINVAL, _set_routing(guest, &bad, 1));
	bad.gsi = ~0U;
	EXPECT_EQ(-EINVAL, _set_routing(guest, &bad, 1));
	bad = good;
	bad.type = 77;
	EXPECT_EQ(-EINVAL, _set_routing(guest, &bad, 1));
	bad = good;
	bad.flags = 0x80;
	EXPECT_EQ(-EINVAL, _set_routing(guest, &bad, 1));
	bad = (struct kvm_irq_routing_entry) {
		.gsi = 1, .type = KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = { .irqchip = KVM_IRQCHIP_IOAPIC, .pin = 24 },
	};
	EXPECT_EQ(-EINVAL, _set_routing(guest, &bad, 1));
	bad.u.irqchip.irqchip = KVM_IRQCHIP_PIC_SLAVE;
	bad.u.irqchip.pin = 8;
	EXPECT_EQ(-EINVAL, _set_routing(guest, &bad, 1));
	bad.u.irqchip.irqchip = 3;
	bad.u.irqchip.pin = 0;
	EXPECT_EQ(-EINVAL, _set_routing(guest, &bad, 1));

	/* A message is alone at its GSI, and so is a pin of each chip. */
	two[0] = good;
	two[1] = good;
	EXPECT_EQ(-EINVAL, _set_routing(guest, two, 2));
	bad.u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC;
	bad.gsi = good.gsi;
	two[1] = bad;
	EXPECT_EQ(-EINVAL, _set_routing(guest, two, 2));
	two[0] = bad;
	EXPECT_EQ(-EINVAL, _set_routing(guest, two, 2));
	two[1].u.irqchip.irqchip = KVM_IRQCHIP_PIC_MASTER;
	EXPECT_EQ(0, _set_routing(guest, two, 2));
}

TEST_F(irqchip, chips_as_user_space_has_them)
{
	struct guest *guest = &self->guest;
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_PIC_MASTER };

	ASSERT_EQ(0, _ioctl_ptr(guest->vm, KVM_GET_IRQCHIP, &chip));
	EXPECT_EQ(0xf8, chip.chip.pic.elcr_mask);
	chip.chip.pic.irq_base = 0x30;
	chip.chip.pic.imr = 0xfb;
	ASSERT_EQ(0, _ioctl_ptr(guest->vm, KVM_SET_IRQCHIP, &chip));
	chip.chip.pic.imr = 0;
	ASSERT_EQ(0, _ioctl_ptr(guest->vm, KVM_GET_IRQCHIP, &chip));
	EXPECT_EQ(0xfb, chip.chip.pic.imr);
	EXPECT_EQ(0x30, chip.chip.pic.irq_base);
	chip.chip_id = KVM_IRQCHIP_IOAPIC;
	ASSERT_EQ(0, _ioctl_ptr(guest->vm, KVM_GET_IRQCHIP, &chip));
	EXPECT_EQ(IOAPIC_DEFAULT, chip.chip.ioapic.base_address);
	EXPECT_EQ(0x10000, chip.chip.ioapic.redirtbl[5].bits);
	chip.chip_id = 3;
	EXPECT_EQ(-EINVAL, _ioctl_ptr(guest->vm, KVM_GET_IRQCHIP, &chip));
	EXPECT_EQ(-EINVAL, _ioctl_ptr(guest->vm, KVM_SET_IRQCHIP, &chip));
	EXPECT_EQ(-EFAULT, _ioctl(guest->vm, KVM_GET_IRQCHIP, 0));
	EXPECT_EQ(-EFAULT, _ioctl(guest->vm, KVM_SET_IRQCHIP, 0));
}

TEST_F(irqchip, any_state_is_survived)
{
	struct guest *guest = &self->guest;
	struct kvm_irqchip chip;

	lapic_enable(_metadata, guest->fd);
	for (__u32 id = 0; id < 3; id++) {
		for (int fill = 0; fill < 256; fill += 15) {
			memset(&chip, fill, sizeof(chip));
			chip.chip_id = id;
			EXPECT_EQ(0, _ioctl_ptr(guest->vm, KVM_SET_IRQCHIP, &chip));
			for (__u32 gsi = 0; gsi < 26; gsi++) {
				EXPECT_EQ(0, _irq_line(guest, gsi, 1));
				EXPECT_EQ(0, _irq_line(guest, gsi, 0));
			}
		}
	}
	guest_load(guest, pic);
	irq_guest_start(_metadata, guest);
	irq_run_done(_metadata, guest);
}

TEST(order_of_creation)
{
	struct guest guest;

	irq_guest_create(_metadata, &guest, CHIPS_KERNEL);
	EXPECT_EQ(-EEXIST, _ioctl(guest.vm, KVM_CREATE_IRQCHIP, 0));
	EXPECT_EQ(-EEXIST, _irq_split(&guest, 24));
	guest_destroy(&guest);

	guest_create(_metadata, &guest);
	EXPECT_EQ(-EINVAL, _ioctl(guest.vm, KVM_CREATE_IRQCHIP, 0));
	EXPECT_EQ(-EEXIST, _irq_split(&guest, 24));
	EXPECT_EQ(-EINVAL, _irq_split(&guest, 4097));
	guest_destroy(&guest);
}

TEST(without_any)
{
	struct kvm_irqchip chip = { };
	struct kvm_irq_routing_entry entry = msi_route(1, 0, 0x40);
	struct guest guest;

	guest_create(_metadata, &guest);
	EXPECT_EQ(-ENXIO, _irq_line(&guest, 1, 1));
	EXPECT_EQ(-ENXIO, _ioctl_ptr(guest.vm, KVM_GET_IRQCHIP, &chip));
	EXPECT_EQ(-ENXIO, _ioctl_ptr(guest.vm, KVM_SET_IRQCHIP, &chip));
	EXPECT_EQ(-EINVAL, _signal_msi(&guest, APIC_DEFAULT, 0x40));
	EXPECT_EQ(-EINVAL, _set_routing(&guest, &entry, 1));
	guest_destroy(&guest);
}

/* User space's IOAPIC sends 0x51 as a level, and learns of its end. */
GUEST_CODE(levels, 64,
	   "mov $0xfee00000, %ebp\n"
	   "movl $0x1ff, 0xf0(%rbp)\n"
	   "xor %ebx, %ebx\n"
	   DONE
	   "sti\n"
	   "hlt\n"
	   "cli\n"
	   DONE
	   ".globl levels_handler\nlevels_handler:\n"
	   "inc %ebx\n"
	   "movl $0, 0xb0(%rbp)\n"
	   "iretq\n");
GUEST_LABEL(levels_handler);

TEST_F(split, eoi_of_a_level_exits)
{
	struct guest *guest = &self->guest;
	struct kvm_irq_routing_entry entry = msi_route(9, 0, 0x51);
	struct kvm_regs regs;

	entry.u.msi.data |= 0x8000 | 0x4000;
	ASSERT_EQ(0, _set_routing(guest, &entry, 1));
	guest_load(guest, levels);
	irq_guest_start(_metadata, guest);
	guest_gate(guest, MODE_LONG, 0x51, guest_label(levels, levels_handler), 14, 0);
	irq_run_done(_metadata, guest);
	EXPECT_EQ(0, _irq_line(guest, 9, 1));
	guest_run(_metadata, guest, KVM_EXIT_IOAPIC_EOI);
	EXPECT_EQ(0x51, guest->run->eoi.vector);
	irq_run_done(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(1, (__u32)regs.rbx);
}

/*
 * The handler of 0x61, which interrupts that of 0x51, ends both by one string:
 * it goes from EOI to the next page, which is the APIC's as well.  Each register
 * in between is written, too; the task priority holds back what that leads to.
 */
GUEST_CODE(string_eoi, 64,
	   "mov $0xfee00000, %ebp\n"
	   "movl $0x1ff, 0xf0(%rbp)\n"
	   "xor %ebx, %ebx\n"
	   "sti\n"
	   "hlt\n"
	   ".globl string_eoi_51\nstring_eoi_51:\n"
	   DONE
	   "sti\n"
	   "1: pause\n"
	   "cmpl $1, %ebx\n"
	   "jne 1b\n"
	   "cli\n"
	   "mov 0x120(%rbp), %r8d\n"
	   "mov 0x130(%rbp), %r9d\n"
	   DONE
	   ".globl string_eoi_61\nstring_eoi_61:\n"
	   "mov $0x1ff, %eax\n"
	   "lea 0xb0(%rbp), %rdi\n"
	   "mov $1025, %ecx\n"
	   "cld\n"
	   "rep stosl\n"
	   "mov $1, %ebx\n"
	   "iretq\n");
GUEST_LABEL(string_eoi_51);
GUEST_LABEL(string_eoi_61);

TEST_F(split, a_string_ends_two_levels)
{
	struct guest *guest = &self->guest;
	struct kvm_irq_routing_entry entries[] = { msi_route(9, 0, 0x51), msi_route(10, 0, 0x61) };
	__u64 *pd = (__u64 *)(guest->mem + TABLES + 0x3000);
	__u64 *table = (__u64 *)(guest->mem + DATA);
	struct kvm_regs regs;

	entries[0].u.msi.data |= 0x8000 | 0x4000;
	entries[1].u.msi.data |= 0x8000 | 0x4000;
	ASSERT_EQ(0, _set_routing(guest, entries, 2));
	guest_load(guest, string_eoi);
	irq_guest_start(_metadata, guest);
	for (int i = 0; i < 512; i++)
		table[i] = APIC_DEFAULT | 7;
	pd[(APIC_DEFAULT >> 21) & 511] = DATA | 7;
	guest_gate(guest, MODE_LONG, 0x51, guest_label(string_eoi, string_eoi_51), 14, 0);
	guest_gate(guest, MODE_LONG, 0x61, guest_label(string_eoi, string_eoi_61), 14, 0);
	lapic_enable(_metadata, guest->fd);
	EXPECT_EQ(0, _irq_line(guest, 9, 1));
	irq_run_done(_metadata, guest);
	EXPECT_EQ(0, _irq_line(guest, 10, 1));
	guest_run(_metadata, guest, KVM_EXIT_IOAPIC_EOI);
	EXPECT_EQ(0x61, guest->run->eoi.vector);
	guest_run(_metadata, guest, KVM_EXIT_IOAPIC_EOI);
	EXPECT_EQ(0x51, guest->run->eoi.vector);
	irq_run_done(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0, regs.rcx);
	EXPECT_EQ(0, (__u32)regs.r8);
	EXPECT_EQ(0, (__u32)regs.r9);
}

TEST_F(split, pics_are_user_spaces)
{
	struct guest *guest = &self->guest;
	struct kvm_irqchip chip = { };
	struct kvm_irq_routing_entry entry = {
		.gsi = 1, .type = KVM_IRQ_ROUTING_IRQCHIP,
	};

	EXPECT_EQ(-ENXIO, _ioctl_ptr(guest->vm, KVM_GET_IRQCHIP, &chip));
	EXPECT_EQ(-EINVAL, _set_routing(guest, &entry, 1));
	EXPECT_EQ(-EEXIST, _ioctl(guest->vm, KVM_CREATE_IRQCHIP, 0));
	guest_load(guest, pic);
	irq_guest_start(_metadata, guest);
	guest_run(_metadata, guest, KVM_EXIT_IO);
	EXPECT_EQ(0x20, guest->run->io.port);
}

TEST_F(split, user_space_interrupts)
{
	struct kvm_interrupt interrupt = { .irq = 0x51 };
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	guest_load(guest, levels);
	irq_guest_start(_metadata, guest);
	guest_gate(guest, MODE_LONG, 0x51, guest_label(levels, levels_handler), 14, 0);
	irq_run_done(_metadata, guest);
	EXPECT_EQ(0, _ioctl_ptr(guest->fd, KVM_INTERRUPT, &interrupt));
	irq_run_done(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(1, (__u32)regs.rbx);
}

int main(int argc, char **argv)
{
	require_guests();
	return test_harness_run(argc, argv);
}
