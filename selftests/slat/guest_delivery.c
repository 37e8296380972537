// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts of a local APIC from a request to the EOI: in which order they come,
 * that none is lost or comes twice, who learns of their end, and that none of it
 * exits where the CPU does it by itself.
 */
#include <time.h>

#include "irq.h"
#include "stats_file.h"

#define COUNTER		DATA
#define ORDER		(DATA + 0x100)
#define IDLE_STATE	(DATA + 0x200)

FIXTURE(delivery) {
	struct guest guest;
	int stats;
	bool cpu;			/* the CPU does it */
	bool memory, msrs;		/* also where registers are memory, or MSRs */
};

FIXTURE_VARIANT(delivery) {
	enum irq_chips chips;
};

FIXTURE_VARIANT_ADD(delivery, kernel) { .chips = CHIPS_KERNEL };
FIXTURE_VARIANT_ADD(delivery, split) { .chips = CHIPS_SPLIT };

FIXTURE_SETUP(delivery)
{
	struct slat_info info;

	if (!on_slat())
		SKIP(return, "Slat counts these exits");
	irq_guest_create(_metadata, &self->guest, variant->chips);
	info_get(_metadata, self->guest.dev, &info);
	self->stats = stats_open(_metadata, &self->guest, true);
	self->cpu = _cpu_delivers(&self->guest);
	self->memory = self->cpu && _cpu_does(&info, SLAT_HW_APIC_ACCESS, "apic_access");
	self->msrs = self->cpu && _cpu_does(&info, SLAT_HW_VIRTUAL_X2APIC, "virtual_x2apic");
}

FIXTURE_TEARDOWN(delivery)
{
	if (!on_slat())
		return;
	close(self->stats);
	guest_destroy(&self->guest);
}

/* Exits but for those of the host, which end stays whenever they like. */
static long long exits(struct __test_metadata *_metadata, int stats)
{
	return stat_value(_metadata, stats, "exits") - stat_value(_metadata, stats, "host_exits");
}

/* Sixteen IPIs to itself by each port. */
GUEST_CODE(ipis, 64,
	   APIC_PAGE_IN_RBP
	   "xor %ebx, %ebx\n"
	   "movl $0x1ff, 0xf0(%rbp)\n"
	   DONE
	   "sti\n"
	   "mov $16, %esi\n"
	   "1: movl $0x40050, 0x300(%rbp)\n"
	   "nop\n"
	   "dec %esi\n"
	   "jnz 1b\n"
	   "cli\n"
	   DONE
	   "mov $0x1b, %ecx\n"
	   "mov $0xfee00d00, %eax\n"
	   "xor %edx, %edx\n"
	   "wrmsr\n"
	   DONE
	   "sti\n"
	   "mov $16, %esi\n"
	   "2: mov $0x50, %eax\n"
	   "mov $0x83f, %ecx\n"
	   "wrmsr\n"
	   "nop\n"
	   "dec %esi\n"
	   "jnz 2b\n"
	   "cli\n"
	   DONE
	   ".globl ipis_handler\nipis_handler:\n"
	   "inc %ebx\n"
	   "movl $0, 0xb0(%rbp)\n"
	   "iretq\n"
	   ".globl ipis_msr_handler\nipis_msr_handler:\n"
	   "inc %ebx\n"
	   "mov $0x80b, %ecx\n"
	   "xor %eax, %eax\n"
	   "wrmsr\n"
	   "iretq\n");
GUEST_LABEL(ipis_handler);
GUEST_LABEL(ipis_msr_handler);

TEST_F(delivery, no_exit_from_a_request_to_its_end)
{
	struct guest *guest = &self->guest;
	struct kvm_lapic_state state;
	struct kvm_regs regs;
	long long before;

	guest_load(guest, ipis);
	irq_guest_start(_metadata, guest);
	guest_gate(guest, MODE_LONG, 0x50, guest_label(ipis, ipis_handler), 14, 0);
	irq_run_done(_metadata, guest);

	before = exits(_metadata, self->stats);
	irq_run_done(_metadata, guest);
	/* The last one is the port's. */
	EXPECT_TRUE(!self->memory || exits(_metadata, self->stats) - before == 1);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(16, (__u32)regs.rbx);
	get_lapic(_metadata, guest->fd, &state);
	EXPECT_EQ(0x40050, lapic_reg(&state, APIC_ICR));
	EXPECT_EQ(0, lapic_reg(&state, APIC_ISR + 0x20));
	EXPECT_EQ(0, lapic_reg(&state, APIC_IRR + 0x20));

	guest_gate(guest, MODE_LONG, 0x50, guest_label(ipis, ipis_msr_handler), 14, 0);
	irq_run_done(_metadata, guest);
	before = exits(_metadata, self->stats);
	irq_run_done(_metadata, guest);
	EXPECT_TRUE(!self->msrs || exits(_metadata, self->stats) - before == 1);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(32, (__u32)regs.rbx);
	get_lapic(_metadata, guest->fd, &state);
	EXPECT_EQ(0, lapic_reg(&state, APIC_ISR + 0x20));
	EXPECT_EQ(0, lapic_reg(&state, APIC_IRR + 0x20));
}

/* No interrupt has such a vector: ESR says so. */
GUEST_CODE(illegal, 64,
	   "mov $0x1b, %ecx\n"
	   "mov $0xfee00d00, %eax\n"
	   "xor %edx, %edx\n"
	   "wrmsr\n"
	   "mov $0x80f, %ecx\n"
	   "mov $0x1ff, %eax\n"
	   "wrmsr\n"
	   "mov $0x83f, %ecx\n"
	   "mov $0x0f, %eax\n"
	   "wrmsr\n"
	   "mov $0x828, %ecx\n"
	   "xor %eax, %eax\n"
	   "wrmsr\n"
	   "rdmsr\n"
	   "mov %eax, %r8d\n"
	   "mov $0x83f, %ecx\n"
	   "mov $0x150, %eax\n"
	   "wrmsr\n"
	   DONE
	   ".globl illegal_fault\nillegal_fault:\n"
	   "mov $0x6f, %ebx\n"
	   DONE);
GUEST_LABEL(illegal_fault);

TEST_F(delivery, illegal_vectors_are_errors)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	guest_load(guest, illegal);
	irq_guest_start(_metadata, guest);
	guest_gate(guest, MODE_LONG, 13, guest_label(illegal, illegal_fault), 14, 0);
	irq_run_done(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(1 << 5, (__u32)regs.r8);
	EXPECT_EQ(0x6f, (__u32)regs.rbx);
}

/*
 * 0x51, 0x61 and 0x52 are requested while the task priority is 0x6f; what comes when
 * is written to memory.  0x61's handler lets others in before and after its EOI.
 */
GUEST_CODE(order, 64,
	   APIC_PAGE_IN_RBP
	   "movl $0x1ff, 0xf0(%rbp)\n"
	   "mov $0x30100, %edi\n"
	   "movl $0x6f, 0x80(%rbp)\n"
	   "sti\n"
	   "movl $0x40051, 0x300(%rbp)\n"
	   "movl $0x40061, 0x300(%rbp)\n"
	   "movl $0x40052, 0x300(%rbp)\n"
	   "nop\n"
	   "mov $0x01, %al\n stosb\n"
	   DONE
	   "mov $5, %eax\n"
	   "mov %rax, %cr8\n"
	   "mov $0x02, %al\n stosb\n"
	   "movl $0x4f, 0x80(%rbp)\n"
	   "nop\n"
	   "mov $0x03, %al\n stosb\n"
	   "cli\n"
	   DONE
	   ".globl order_low\norder_low:\n"
	   "mov $0x51, %al\n stosb\n"
	   "movl $0, 0xb0(%rbp)\n"
	   "iretq\n"
	   ".globl order_middle\norder_middle:\n"
	   "mov $0x52, %al\n stosb\n"
	   "sti\n"
	   "movl $0x40051, 0x300(%rbp)\n"	/* of its own class */
	   "nop\n"
	   "mov $0x53, %al\n stosb\n"
	   "movl $0, 0xb0(%rbp)\n"
	   "nop\n"
	   "mov $0x54, %al\n stosb\n"
	   "iretq\n"
	   ".globl order_high\norder_high:\n"
	   "mov $0x61, %al\n stosb\n"
	   "mov 0xa0(%rbp), %eax\n stosb\n"	/* the priority */
	   DONE
	   "movl $0, 0xb0(%rbp)\n"
	   "sti\n"
	   "nop\n"
	   "mov $0x62, %al\n stosb\n"
	   "iretq\n");
GUEST_LABEL(order_low);
GUEST_LABEL(order_middle);
GUEST_LABEL(order_high);

TEST_F(delivery, priorities)
{
	static const __u8 expected[] = {
		0x01, 0x61, 0x60, 0x62, 0x02, 0x52, 0x53, 0x51, 0x54, 0x03,
	};
	struct guest *guest = &self->guest;
	struct kvm_lapic_state state;

	guest_load(guest, order);
	irq_guest_start(_metadata, guest);
	guest_gate(guest, MODE_LONG, 0x51, guest_label(order, order_low), 14, 0);
	guest_gate(guest, MODE_LONG, 0x52, guest_label(order, order_middle), 14, 0);
	guest_gate(guest, MODE_LONG, 0x61, guest_label(order, order_high), 14, 0);
	irq_run_done(_metadata, guest);
	get_lapic(_metadata, guest->fd, &state);
	EXPECT_EQ(0x60000, lapic_reg(&state, APIC_IRR + 0x20));
	EXPECT_EQ(2, lapic_reg(&state, APIC_IRR + 0x30));
	EXPECT_EQ(0x6f, lapic_reg(&state, APIC_PPR));
	/* In the handler of the highest. */
	irq_run_done(_metadata, guest);
	get_lapic(_metadata, guest->fd, &state);
	EXPECT_EQ(0x60000, lapic_reg(&state, APIC_IRR + 0x20));
	EXPECT_EQ(0, lapic_reg(&state, APIC_IRR + 0x30));
	EXPECT_EQ(2, lapic_reg(&state, APIC_ISR + 0x30));
	EXPECT_EQ(0x60, lapic_reg(&state, APIC_PPR));
	/* What user space has seen is what it can say. */
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_LAPIC, &state));
	irq_run_done(_metadata, guest);
	EXPECT_EQ(0, memcmp(guest->mem + ORDER, expected, sizeof(expected)));
	get_lapic(_metadata, guest->fd, &state);
	EXPECT_EQ(0, lapic_reg(&state, APIC_ISR + 0x20));
	EXPECT_EQ(0, lapic_reg(&state, APIC_ISR + 0x30));
	EXPECT_EQ(0, lapic_reg(&state, APIC_IRR + 0x20));
	EXPECT_EQ(0x4f, lapic_reg(&state, APIC_PPR));
}

/* User space asks while the guest waits for it, spinning or in HLT. */
GUEST_CODE(counts, 64,
	   APIC_PAGE_IN_RBP
	   "movl $0x1ff, 0xf0(%rbp)\n"
	   DONE
	   "1: sti\n"
	   "testl $1, 0x30200\n"
	   "jnz 2f\n"
	   "pause\n"
	   "jmp 3f\n"
	   "2: hlt\n"
	   "3: cli\n"
	   "cmpl $100, 0x30000\n"
	   "jb 1b\n"
	   DONE
	   ".globl counts_handler\ncounts_handler:\n"
	   "incl 0x30000\n"
	   "movl $0, 0xb0(%rbp)\n"
	   "iretq\n");
GUEST_LABEL(counts_handler);

/* The handler has begun so often; false: long after it should have. */
static bool has_come(struct guest *guest, __u32 times)
{
	struct timespec begin, now;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	while (guest_u32(guest, COUNTER) != times) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec - begin.tv_sec > 10)
			return false;
		sched_yield();
	}
	return true;
}

/* One request at a time, the next as soon as the handler has begun. */
static void *ask(void *arg)
{
	struct guest *guest = arg;

	for (__u32 i = 0; i < 100; i++) {
		if (!has_come(guest, i)) {
			/* For the guest to end. */
			guest_u32(guest, COUNTER) = 100;
			_signal_msi(guest, APIC_DEFAULT, 0x51);
			return "lost";
		}
		guest_u32(guest, IDLE_STATE) = i / 4;
		if (_signal_msi(guest, APIC_DEFAULT, 0x50) != 1)
			return "not delivered";
	}
	return NULL;
}

TEST_F(delivery, none_is_lost_and_none_comes_twice)
{
	struct guest *guest = &self->guest;
	struct kvm_lapic_state state;
	pthread_t thread;
	void *error;

	guest_load(guest, counts);
	irq_guest_start(_metadata, guest);
	guest_gate(guest, MODE_LONG, 0x50, guest_label(counts, counts_handler), 14, 0);
	guest_gate(guest, MODE_LONG, 0x51, guest_label(counts, counts_handler), 14, 0);
	irq_run_done(_metadata, guest);
	ASSERT_EQ(0, pthread_create(&thread, NULL, ask, guest));
	irq_run_done(_metadata, guest);
	pthread_join(thread, &error);
	EXPECT_EQ(NULL, error) {
		TH_LOG("an interrupt was %s", (const char *)error);
	}
	EXPECT_EQ(100, guest_u32(guest, COUNTER));
	get_lapic(_metadata, guest->fd, &state);
	EXPECT_EQ(0, lapic_reg(&state, APIC_IRR + 0x20));
	EXPECT_EQ(0, lapic_reg(&state, APIC_ISR + 0x20));
}

/* A level and an edge; who has the IOAPIC learns of the level's end alone. */
GUEST_CODE(ends, 64,
	   APIC_PAGE_IN_RBP
	   "xor %ebx, %ebx\n"
	   "movl $0x1ff, 0xf0(%rbp)\n"
	   DONE
	   "sti\n"
	   "nop\n"
	   "cli\n"
	   DONE
	   ".globl ends_handler\nends_handler:\n"
	   "inc %ebx\n"
	   "movl $0, 0xb0(%rbp)\n"
	   "iretq\n");
GUEST_LABEL(ends_handler);

TEST_F(delivery, the_end_of_a_level_exits)
{
	struct kvm_irq_routing_entry routes[] = { msi_route(3, 0, 0x50), msi_route(4, 0, 0x51) };
	struct guest *guest = &self->guest;
	struct kvm_lapic_state state;
	struct kvm_regs regs;
	long long before;

	if (variant->chips != CHIPS_SPLIT)
		SKIP(return, "guest_irqchip does it");
	routes[0].u.msi.data |= 0xc000;
	ASSERT_EQ(0, _set_routing(guest, routes, 2));
	guest_load(guest, ends);
	irq_guest_start(_metadata, guest);
	guest_gate(guest, MODE_LONG, 0x50, guest_label(ends, ends_handler), 14, 0);
	guest_gate(guest, MODE_LONG, 0x51, guest_label(ends, ends_handler), 14, 0);
	irq_run_done(_metadata, guest);
	EXPECT_EQ(0, _irq_line(guest, 3, 1));
	EXPECT_EQ(0, _irq_line(guest, 4, 1));
	before = stat_value(_metadata, self->stats, "eoi_exits");
	guest_run(_metadata, guest, KVM_EXIT_IOAPIC_EOI);
	EXPECT_EQ(0x50, guest->run->eoi.vector);
	EXPECT_EQ(self->memory, stat_value(_metadata, self->stats, "eoi_exits") - before);
	get_lapic(_metadata, guest->fd, &state);
	EXPECT_EQ(0, lapic_reg(&state, APIC_ISR + 0x20));
	EXPECT_EQ(1 << 16, lapic_reg(&state, 0x180 + 0x20));
	irq_run_done(_metadata, guest);
	EXPECT_EQ(self->memory, stat_value(_metadata, self->stats, "eoi_exits") - before);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(2, (__u32)regs.rbx);
}

/* Disabled by software it has what was requested, and takes no IPI. */
GUEST_CODE(disabled, 64,
	   APIC_PAGE_IN_RBP
	   "xor %ebx, %ebx\n"
	   "movl $0xff, 0xf0(%rbp)\n"
	   "movl $0x40050, 0x300(%rbp)\n"
	   "sti\n"
	   "nop\n"
	   "cli\n"
	   "movl $0x1ff, 0xf0(%rbp)\n"
	   "sti\n"
	   "nop\n"
	   "cli\n"
	   "mov %ebx, %r8d\n"
	   "movl $0x40050, 0x300(%rbp)\n"
	   "movl $0xff, 0xf0(%rbp)\n"
	   "sti\n"
	   "nop\n"
	   "cli\n"
	   DONE
	   ".globl disabled_handler\ndisabled_handler:\n"
	   "inc %ebx\n"
	   "movl $0, 0xb0(%rbp)\n"
	   "iretq\n");
GUEST_LABEL(disabled_handler);

TEST_F(delivery, an_apic_that_software_disables)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	guest_load(guest, disabled);
	irq_guest_start(_metadata, guest);
	guest_gate(guest, MODE_LONG, 0x50, guest_label(disabled, disabled_handler), 14, 0);
	irq_run_done(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0, (__u32)regs.r8);
	EXPECT_EQ(1, (__u32)regs.rbx);
}

/* Turned off and moved in between, an APIC is the same. */
GUEST_CODE(modes, 64,
	   APIC_PAGE_IN_RBP
	   "xor %ebx, %ebx\n"
	   "movl $0x1ff, 0xf0(%rbp)\n"
	   "movl $0x40050, 0x300(%rbp)\n"
	   "mov $0x1b, %ecx\n"
	   "xor %edx, %edx\n"
	   "mov $0xfee00100, %eax\n"		/* off */
	   "wrmsr\n"
	   "sti\n"
	   "nop\n"
	   "cli\n"
	   "mov %ebx, %r8d\n"
	   "mov $0xfee01900, %eax\n"		/* elsewhere */
	   "wrmsr\n"
	   "add $0x1000, %ebp\n"
	   "sti\n"
	   "nop\n"
	   "cli\n"
	   "mov %ebx, %r9d\n"
	   "movl $0x40050, 0x300(%rbp)\n"
	   "mov $0xfee00900, %eax\n"		/* where it was */
	   "wrmsr\n"
	   "sub $0x1000, %ebp\n"
	   "sti\n"
	   "nop\n"
	   "cli\n"
	   "mov %ebx, %r10d\n"
	   DONE
	   ".globl modes_handler\nmodes_handler:\n"
	   "inc %ebx\n"
	   "movl $0, 0xb0(%rbp)\n"
	   "iretq\n");
GUEST_LABEL(modes_handler);

TEST_F(delivery, requests_wait_for_an_apic_that_is_off)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	guest_load(guest, modes);
	irq_guest_start(_metadata, guest);
	guest_gate(guest, MODE_LONG, 0x50, guest_label(modes, modes_handler), 14, 0);
	irq_run_done(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0, (__u32)regs.r8);
	EXPECT_EQ(1, (__u32)regs.r9);
	EXPECT_EQ(2, (__u32)regs.r10);
}

int main(int argc, char **argv)
{
	require_guests();
	return test_harness_run(argc, argv);
}
