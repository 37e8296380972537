// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guests that hammer all that is within their reach, interrupt controllers
 * above all, while user space puts any state into them:
 *
 *	irq_hostile [ROUNDS [SEED]]
 *
 * A guest does what a table of random operations tells each of its vCPUs; all
 * of its vectors, exceptions among them, lead to the next operation.  Whatever
 * its state, it has to leave the guest when a signal comes, and a new machine
 * has to work.
 */
#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>

#include "hostile.h"
#include "irq.h"
#include "memory_use.h"

#define VCPUS		2
#define OPS		64		/* of a vCPU in a round */
#define EVENTS		4		/* eventfds that interrupt */
#define STALE		100		/* signals without progress: something else is run */
#define KILLS		30
#define LIVES_IN_A_ROUND 10

/* In guest memory, by vCPU. */
#define OPS_AT(i)	(DATA + (i) * 0x4000)
#define TOP_AT(i)	(STACK - 0x2000 - (i) * 0x4000)
#define TAKEN		0x2f000		/* how many vectors have been taken */

enum op_kind {
	OP_READ8, OP_READ16, OP_READ32, OP_READ64,
	OP_WRITE8, OP_WRITE16, OP_WRITE32, OP_WRITE64,
	OP_IN8, OP_IN16, OP_IN32, OP_OUT8, OP_OUT16, OP_OUT32,
	OP_RDMSR, OP_WRMSR, OP_HLT, OP_CR8,
	OP_CR0, OP_CR3, OP_CR4, OP_DR, OP_XCR, OP_PAUSE,
	OP_KINDS
};

struct op {
	__u64 kind, at, value, pad;
};

/*
 * R12: the next operation, R13: their end, R14: the top of the stack.  Whatever
 * happens to an operation, the next one follows.
 */
GUEST_CODE(hammer, 64,
	   "sti\n"
	   ".globl hammer_next\nhammer_next:\n"
	   "cmp %r13, %r12\n"
	   "jae 9f\n"
	   "mov (%r12), %rbx\n"
	   "mov 8(%r12), %rdx\n"
	   "mov %rdx, %rcx\n"
	   "mov 16(%r12), %rax\n"
	   "add $32, %r12\n"
	   "and $31, %ebx\n"
	   "lea 1f(%rip), %rsi\n"
	   "shl $4, %ebx\n"
	   "add %rbx, %rsi\n"
	   "jmp *%rsi\n"
	   "9: cli\n"
	   DONE
	   "jmp 9b\n"
	   ".balign 16\n"
	   "1: mov (%rdx), %al\n jmp hammer_next\n .balign 16\n"
	   "mov (%rdx), %ax\n jmp hammer_next\n .balign 16\n"
	   "mov (%rdx), %eax\n jmp hammer_next\n .balign 16\n"
	   "mov (%rdx), %rax\n jmp hammer_next\n .balign 16\n"
	   "mov %al, (%rdx)\n jmp hammer_next\n .balign 16\n"
	   "mov %ax, (%rdx)\n jmp hammer_next\n .balign 16\n"
	   "mov %eax, (%rdx)\n jmp hammer_next\n .balign 16\n"
	   "mov %rax, (%rdx)\n jmp hammer_next\n .balign 16\n"
	   "in %dx, %al\n jmp hammer_next\n .balign 16\n"
	   "in %dx, %ax\n jmp hammer_next\n .balign 16\n"
	   "in %dx, %eax\n jmp hammer_next\n .balign 16\n"
	   "out %al, %dx\n jmp hammer_next\n .balign 16\n"
	   "out %ax, %dx\n jmp hammer_next\n .balign 16\n"
	   "out %eax, %dx\n jmp hammer_next\n .balign 16\n"
	   "rdmsr\n jmp hammer_next\n .balign 16\n"
	   "jmp 2f\n .balign 16\n"
	   "sti\n hlt\n jmp hammer_next\n .balign 16\n"
	   "mov %rax, %cr8\n mov %cr8, %rax\n jmp hammer_next\n .balign 16\n"
	   "mov %rax, %cr0\n jmp hammer_next\n .balign 16\n"
	   "mov %rax, %cr3\n jmp hammer_next\n .balign 16\n"
	   "mov %rax, %cr4\n jmp hammer_next\n .balign 16\n"
	   "mov %rax, %dr0\n mov %rax, %dr7\n jmp hammer_next\n .balign 16\n"
	   "jmp 2f\n .balign 16\n"
	   ".rept 9\n pause\n jmp hammer_next\n .balign 16\n .endr\n"
	   /* EDX:EAX into an MSR, or into an XCR. */
	   "2: mov %rax, %rdx\n"
	   "shr $32, %rdx\n"
	   "cmpl $22 * 16, %ebx\n"
	   "je 3f\n"
	   "wrmsr\n"
	   "jmp hammer_next\n"
	   "3: xsetbv\n"
	   "jmp hammer_next\n"
	   ".globl hammer_vector\nhammer_vector:\n"
	   "mov %r14, %rsp\n"
	   "lock incl 0x2f000\n"
	   "pushq $0x10\n"
	   "pushq %r14\n"
	   "pushq $0x202\n"
	   "pushq $0x08\n"
	   "lea hammer_next(%rip), %rax\n"
	   "pushq %rax\n"
	   "iretq\n");
GUEST_LABEL(hammer_vector);

static_assert(OP_XCR == 22 && OP_PAUSE == 23 && OP_KINDS <= 32, "as the code has them");

/* What the operations are about. */
enum menu { MENU_CHIPS, MENU_ALL };

struct machine;

struct hammerer {
	struct machine *machine;
	struct guest guest;
	int index;
	__u64 random;
	pthread_t thread;
	int stop;
	unsigned long done;	/* tables that it came to the end of */
	unsigned long resets;
	const char *wrong;
	int wrong_value;
};

struct machine {
	struct guest guest;
	enum irq_chips chips;
	enum menu menu;
	struct kvm_sregs sregs;
	struct hammerer vcpus[VCPUS];
	int events[EVENTS], resamples[EVENTS];
	struct kvm_msr_list *msrs;
};

static void no_op(int signal)
{
}

static __u32 pick(__u64 *state, const __u32 *from, unsigned int count)
{
	return from[random_below(state, count)];
}

#define PICK(state, array)	pick(state, array, ARRAY_SIZE(array))

/* The registers that do something, more often than the others. */
static const __u32 apic_regs[] = {
	0x20, 0x80, 0xb0, 0xb0, 0xb0, 0xd0, 0xe0, 0xf0, 0x280, 0x300, 0x300, 0x310, 0x320,
	0x330, 0x340, 0x350, 0x360, 0x370, 0x380, 0x380, 0x390, 0x3e0, 0x3f0,
};

static __u64 random_apic_value(__u64 *state, __u32 offset)
{
	__u64 value = random_next(state);

	/* An APIC that is off is soon tried out. */
	if (offset == 0xf0 && random_below(state, 8))
		return 0x100 | (value & 0xff);
	switch (random_below(state, 4)) {
	case 0:
		return random_odd_value(state);
	case 1:
		return value & 0xcffff;		/* of the ICR and of LVT entries */
	case 2:
		return value & 0x600ff;		/* unmasked, fixed */
	default:
		return value & 0xffff;		/* a short time */
	}
}

static struct op random_memory_op(__u64 *state, __u64 at, __u64 value)
{
	bool write = random_below(state, 3);
	unsigned int width = random_below(state, 4) ? 2 : random_below(state, 4);

	return (struct op) { (write ? OP_WRITE8 : OP_READ8) + width, at, value };
}

static struct op random_apic_op(__u64 *state)
{
	__u32 offset = random_below(state, 8) ? PICK(state, apic_regs) : random_below(state, 4096);
	__u64 value = random_apic_value(state, offset);

	if (random_below(state, 3))
		return random_memory_op(state, APIC_DEFAULT + offset, value);
	/* The same as an MSR; some have to be 0 above. */
	if (random_below(state, 4))
		value &= offset == 0xb0 ? 0 : 0xffffffff;
	return (struct op) { random_below(state, 3) ? OP_WRMSR : OP_RDMSR, 0x800 + offset / 16,
			     value };
}

static struct op random_ioapic_op(__u64 *state)
{
	if (random_below(state, 2))
		return random_memory_op(state, IOAPIC_DEFAULT, random_below(state, 0x48));
	if (random_below(state, 8))
		return random_memory_op(state, IOAPIC_DEFAULT + 0x10, random_next(state) & 0x1ffff);
	return random_memory_op(state, IOAPIC_DEFAULT + random_below(state, 4096),
				random_odd_value(state));
}

static struct op random_port_op(__u64 *state, __u32 port)
{
	enum op_kind kind = random_below(state, 4) ? OP_OUT8 : OP_IN8;
	__u64 value = random_next(state);

	if (!random_below(state, 4))
		kind += random_below(state, 3);
	return (struct op) { kind, port, value };
}

static const __u32 chip_ports[] = {
	0x20, 0x21, 0xa0, 0xa1, 0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1, 0x40, 0x41, 0x42, 0x43,
	0x40, 0x43, 0x61,
};

static const __u32 apic_modes[] = { 0x100, 0x900, 0xd00, 0xd00, 0x900, 0x900 };

static struct op random_mode_op(__u64 *state)
{
	__u64 base = random_below(state, 8) ? APIC_DEFAULT : random_odd_value(state) & ~0xfffULL;

	return (struct op) { OP_WRMSR, 0x1b, base | PICK(state, apic_modes) };
}

static struct op random_chip_op(__u64 *state)
{
	switch (random_below(state, 16)) {
	case 0 ... 6:
		return random_apic_op(state);
	case 7 ... 9:
		return random_ioapic_op(state);
	case 10 ... 11:
		return random_port_op(state, PICK(state, chip_ports));
	case 12:
		return (struct op) { OP_HLT };
	case 13:
		return (struct op) { OP_CR8, 0, random_next(state) & 31 };
	case 14:
		return (struct op) { OP_WRMSR, 0x6e0, random_odd_value(state) };
	default:
		return random_below(state, 4) ? (struct op) { OP_PAUSE } : random_mode_op(state);
	}
}

/* Those that are known, and their neighbours. */
static __u32 random_msr(__u64 *state, const struct kvm_msr_list *msrs)
{
	switch (random_below(state, 4)) {
	case 0:
		return random_next(state);
	case 1:
		return random_below(state, 0x2000) |
		       (random_below(state, 2) ? 0xc0000000 : 0x40000000);
	default:
		return msrs->indices[random_below(state, msrs->nmsrs)];
	}
}

/* QEMU's CPU takes any CR3 from a guest, and refuses to go on with it. */
static __u64 random_cr3(__u64 *state)
{
	__u64 value = random_odd_value(state);

	return cpu_is_tcg() ? value & 0xfffffffff : value;
}

static struct op random_any_op(__u64 *state, const struct kvm_msr_list *msrs)
{
	static const enum op_kind registers[] = { OP_CR0, OP_CR4, OP_DR, OP_XCR, OP_CR8 };

	switch (random_below(state, 9)) {
	case 0:
		return random_port_op(state, random_below(state, 0x10000));
	case 1:
		return random_memory_op(state, random_below(state, 0x40000000),
					random_odd_value(state));
	case 2:
		return random_memory_op(state, 0xc0000000 + random_below(state, 0x40000000),
					random_odd_value(state));
	case 3:
		return (struct op) { OP_RDMSR, random_msr(state, msrs) };
	case 4:
		return (struct op) { OP_WRMSR, random_msr(state, msrs), random_odd_value(state) };
	case 5:
		return (struct op) { registers[random_below(state, ARRAY_SIZE(registers))],
				     random_below(state, 2), random_odd_value(state) };
	case 6:
		if (!random_below(state, 8))
			return (struct op) { OP_CR3, 0, random_cr3(state) };
		__attribute__((fallthrough));
	default:
		return random_chip_op(state);
	}
}

static void fill_ops(struct hammerer *vcpu)
{
	struct op *ops = (struct op *)(vcpu->guest.mem + OPS_AT(vcpu->index));

	for (int i = 0; i < OPS; i++)
		ops[i] = vcpu->machine->menu == MENU_ALL ?
			 random_any_op(&vcpu->random, vcpu->machine->msrs) :
			 random_chip_op(&vcpu->random);
}

static void wrong(struct hammerer *vcpu, const char *what, int value)
{
	if (!vcpu->wrong) {
		vcpu->wrong = what;
		vcpu->wrong_value = value;
	}
	__atomic_store_n(&vcpu->stop, 1, __ATOMIC_RELEASE);
}

static bool stopped(struct hammerer *vcpu)
{
	return __atomic_load_n(&vcpu->stop, __ATOMIC_ACQUIRE);
}

/* At the first of new operations, whatever it has been through. */
static void begin_ops(struct hammerer *vcpu)
{
	__u64 ops = OPS_AT(vcpu->index), top = TOP_AT(vcpu->index);
	struct kvm_vcpu_events events = {
		.flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW,
	};
	struct kvm_regs regs = {
		.rip = CODE, .rsp = top, .rflags = FLAGS_FIXED,
		.r12 = ops, .r13 = ops + OPS * sizeof(struct op), .r14 = top,
	};

	fill_ops(vcpu);
	if (_set_mp_state(vcpu->guest.fd, KVM_MP_STATE_RUNNABLE))
		wrong(vcpu, "KVM_SET_MP_STATE", 0);
	if (_ioctl_ptr(vcpu->guest.fd, KVM_SET_VCPU_EVENTS, &events))
		wrong(vcpu, "KVM_SET_VCPU_EVENTS", 0);
	if (_ioctl_ptr(vcpu->guest.fd, KVM_SET_REGS, &regs))
		wrong(vcpu, "KVM_SET_REGS", 0);
}

static void build_memory(struct guest *guest)
{
	guest_load(guest, hammer);
	guest_build_tables(guest, MODE_LONG);
	irq_map_apics(guest);
	for (int vector = 0; vector < 256; vector++)
		guest_gate(guest, MODE_LONG, vector, guest_label(hammer, hammer_vector), 14, 0);
}

/* Also what the other vCPU runs on: it is as it was before somebody wrote there. */
static void reset_machine(struct hammerer *vcpu)
{
	struct kvm_sregs sregs = vcpu->machine->sregs;

	vcpu->resets++;
	build_memory(&vcpu->guest);
	guest_build_segments(&vcpu->guest, &sregs, true);
	if (_ioctl_ptr(vcpu->guest.fd, KVM_SET_SREGS, &sregs))
		wrong(vcpu, "KVM_SET_SREGS", 0);
	begin_ops(vcpu);
}

/* Any state that user space may have kept, or made up. */
static void random_lapic(struct hammerer *vcpu)
{
	struct kvm_lapic_state state;

	if (_ioctl_ptr(vcpu->guest.fd, KVM_GET_LAPIC, &state))
		wrong(vcpu, "KVM_GET_LAPIC", 0);
	for (int i = random_below(&vcpu->random, 32); i > 0; i--)
		lapic_set_reg(&state, random_below(&vcpu->random, 64) * 16,
			      random_odd_value(&vcpu->random));
	if (random_below(&vcpu->random, 4))
		lapic_set_reg(&state, APIC_SVR, 0x1ff);
	if (!random_below(&vcpu->random, 8))
		random_fill(&vcpu->random, &state, sizeof(state));
	_ioctl_ptr(vcpu->guest.fd, KVM_SET_LAPIC, &state);
}

static void describe(struct hammerer *vcpu)
{
	struct kvm_debugregs debug = { 0 };
	struct kvm_sregs sregs = { 0 };
	struct kvm_regs regs = { 0 };

	_ioctl_ptr(vcpu->guest.fd, KVM_GET_DEBUGREGS, &debug);
	_ioctl_ptr(vcpu->guest.fd, KVM_GET_SREGS, &sregs);
	_ioctl_ptr(vcpu->guest.fd, KVM_GET_REGS, &regs);
	ksft_print_msg("RIP %llx, RFLAGS %llx, DR6 %llx, DR7 %llx\n", regs.rip, regs.rflags,
		       debug.dr6, debug.dr7);
	ksft_print_msg("CR0 %llx, CR3 %llx, CR4 %llx, EFER %llx\n", sregs.cr0, sregs.cr3,
		       sregs.cr4, sregs.efer);
}

static void handle_exit(struct hammerer *vcpu)
{
	struct kvm_run *run = vcpu->guest.run;

	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		if (run->io.port == DONE_PORT && run->io.direction == KVM_EXIT_IO_OUT) {
			vcpu->done++;
			if (!random_below(&vcpu->random, 8))
				random_lapic(vcpu);
			begin_ops(vcpu);
		} else {
			random_fill(&vcpu->random, (__u8 *)run + run->io.data_offset, 64);
		}
		break;
	case KVM_EXIT_MMIO:
		random_fill(&vcpu->random, run->mmio.data, sizeof(run->mmio.data));
		break;
	case KVM_EXIT_IOAPIC_EOI:
		break;
	case KVM_EXIT_SHUTDOWN:
	case KVM_EXIT_INTERNAL_ERROR:
		reset_machine(vcpu);
		break;
	default:
		describe(vcpu);
		wrong(vcpu, "exit reason", run->exit_reason);
	}
}

static void *run_hammer(void *arg)
{
	struct hammerer *vcpu = arg;
	unsigned long done = 0;
	int signals = 0;

	reset_machine(vcpu);
	while (!stopped(vcpu)) {
		int ret = _guest_run(&vcpu->guest);

		if (!ret) {
			handle_exit(vcpu);
		} else if (ret != -EINTR) {
			wrong(vcpu, "KVM_RUN", ret);
		} else if (vcpu->done != done) {
			done = vcpu->done;
			signals = 0;
		} else if (++signals == STALE) {
			signals = 0;
			reset_machine(vcpu);
		} else if (_get_mp_state(vcpu->guest.fd) == KVM_MP_STATE_HALTED) {
			/* There may be nothing that wakes it. */
			_set_mp_state(vcpu->guest.fd, KVM_MP_STATE_RUNNABLE);
		}
	}
	return NULL;
}

/* What user space does to the VM while it runs. */

static void random_chip(__u64 *state, int vm)
{
	struct kvm_irqchip chip = { .chip_id = random_below(state, 3) };
	int changes = random_below(state, 8) ? random_below(state, 8) : sizeof(chip.chip);

	if (_ioctl_ptr(vm, KVM_GET_IRQCHIP, &chip))
		return;
	while (changes--)
		((__u8 *)&chip.chip)[random_below(state, sizeof(chip.chip))] = random_next(state);
	_ioctl_ptr(vm, KVM_SET_IRQCHIP, &chip);
}

static void random_pit(__u64 *state, int vm)
{
	struct kvm_reinject_control control = { .pit_reinject = random_below(state, 2) };
	struct kvm_pit_state2 pit;

	random_fill(state, &pit, sizeof(pit));
	if (random_below(state, 2)) {
		/* One that ticks. */
		pit.flags = 0;
		pit.channels[0].mode = 2;
		pit.channels[0].count = random_below(state, 0x1000);
	}
	_ioctl_ptr(vm, KVM_SET_PIT2, &pit);
	_ioctl_ptr(vm, KVM_REINJECT_CONTROL, &control);
	_ioctl_ptr(vm, KVM_GET_PIT2, &pit);
}

static void random_routing(__u64 *state, struct guest *guest)
{
	struct kvm_irq_routing_entry entries[24];
	unsigned int count = random_below(state, ARRAY_SIZE(entries) + 1);

	for (unsigned int i = 0; i < count; i++) {
		bool pic = i < 16 && random_below(state, 2);

		entries[i] = msi_route(i, random_next(state), random_next(state));
		entries[i].u.msi.address_lo |= random_next(state) & 0xc;
		entries[i].u.msi.data |= random_next(state) & 0xff00;
		if (random_below(state, 2))
			entries[i] = (struct kvm_irq_routing_entry) {
				.gsi = i, .type = KVM_IRQ_ROUTING_IRQCHIP,
				.u.irqchip = { .irqchip = pic ? i / 8 : KVM_IRQCHIP_IOAPIC,
					       .pin = pic ? i % 8 : i },
			};
	}
	if (count && !random_below(state, 8))
		random_fill(state, entries, count * sizeof(*entries));
	_set_routing(guest, entries, count);
}

/* One eventfd after the other interrupts, with or without being asked again, or does not. */
static void random_irqfd(__u64 *state, struct machine *machine)
{
	int i = random_below(state, EVENTS);
	struct kvm_irqfd args = {
		.fd = machine->events[i], .gsi = random_below(state, 24),
		.resamplefd = machine->resamples[i],
		.flags = random_below(state, 3) ? KVM_IRQFD_FLAG_RESAMPLE : 0,
	};

	/* It asks itself. */
	if (!random_below(state, 8))
		args.resamplefd = args.fd;
	if (!random_below(state, 4))
		args.flags = KVM_IRQFD_FLAG_DEASSIGN;
	_ioctl_ptr(machine->guest.vm, KVM_IRQFD, &args);
}

static void signal_event(__u64 *state, const struct machine *machine)
{
	__u64 one = 1;

	if (write(machine->events[random_below(state, EVENTS)], &one, sizeof(one)) < 0)
		sched_yield();
}

static void random_call(__u64 *state, struct machine *machine)
{
	struct guest *guest = &machine->guest;

	switch (random_below(state, 10)) {
	case 0:
		random_chip(state, guest->vm);
		break;
	case 1:
		random_pit(state, guest->vm);
		break;
	case 2:
		random_routing(state, guest);
		break;
	case 3:
	case 4:
		random_irqfd(state, machine);
		break;
	case 5:
	case 6:
		signal_event(state, machine);
		break;
	case 7:
		_signal_msi(guest, APIC_DEFAULT | (random_next(state) & 0xff00c),
			    random_next(state) & 0xffff);
		break;
	default:
		_irq_line(guest, random_below(state, 26), random_below(state, 2));
	}
}

static void create_msr_list(struct __test_metadata *_metadata, struct machine *machine)
{
	struct kvm_msr_list count = { 0 };

	ASSERT_EQ(-E2BIG, _ioctl_ptr(machine->guest.dev, KVM_GET_MSR_INDEX_LIST, &count));
	machine->msrs = calloc(1, sizeof(count) + count.nmsrs * sizeof(__u32));
	machine->msrs->nmsrs = count.nmsrs;
	ASSERT_EQ(0, _ioctl_ptr(machine->guest.dev, KVM_GET_MSR_INDEX_LIST, machine->msrs));
}

static void machine_create(struct __test_metadata *_metadata, struct machine *machine,
			   enum irq_chips chips, enum menu menu, __u64 seed)
{
	struct guest *guest = &machine->guest;
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };

	*machine = (struct machine) { .chips = chips, .menu = menu };
	irq_guest_create(_metadata, guest, chips);
	if (chips == CHIPS_KERNEL)
		ASSERT_EQ(0, _ioctl_ptr(guest->vm, KVM_CREATE_PIT2, &pit));
	guest_load(guest, hammer);
	irq_guest_start(_metadata, guest);
	build_memory(guest);
	get_sregs(_metadata, guest, &machine->sregs);
	create_msr_list(_metadata, machine);
	for (int i = 0; i < EVENTS; i++) {
		machine->events[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		machine->resamples[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	}
	for (int i = 0; i < VCPUS; i++) {
		struct hammerer *vcpu = &machine->vcpus[i];

		*vcpu = (struct hammerer) {
			.machine = machine, .guest = *guest, .index = i,
			.random = seed + i * 0x9e3779b97f4a7c15ULL,
		};
		if (i)
			vcpu->guest.fd = irq_vcpu_create(_metadata, guest, i, &vcpu->guest.run);
	}
}

static void machine_destroy(struct machine *machine)
{
	for (int i = 1; i < VCPUS; i++)
		guest_remove_vcpu(&machine->vcpus[i].guest);
	guest_destroy(&machine->guest);
	for (int i = 0; i < EVENTS; i++) {
		close(machine->events[i]);
		close(machine->resamples[i]);
	}
	free(machine->msrs);
}

static void start_hammer(struct __test_metadata *_metadata, struct machine *machine)
{
	for (int i = 0; i < VCPUS; i++)
		ASSERT_EQ(0, pthread_create(&machine->vcpus[i].thread, NULL, run_hammer,
					    &machine->vcpus[i]));
}

static void stop_hammer(struct __test_metadata *_metadata, struct machine *machine)
{
	for (int i = 0; i < VCPUS; i++) {
		__atomic_store_n(&machine->vcpus[i].stop, 1, __ATOMIC_RELEASE);
		machine->vcpus[i].guest.run->immediate_exit = 1;
		pthread_kill(machine->vcpus[i].thread, SIGUSR1);
		ASSERT_EQ(0, pthread_join(machine->vcpus[i].thread, NULL));
		machine->vcpus[i].guest.run->immediate_exit = 0;
	}
}

static unsigned long all_done(struct machine *machine)
{
	unsigned long done = 0;

	for (int i = 0; i < VCPUS; i++)
		done += __atomic_load_n(&machine->vcpus[i].done, __ATOMIC_RELAXED);
	return done;
}

static bool any_stopped(struct machine *machine)
{
	for (int i = 0; i < VCPUS; i++)
		if (stopped(&machine->vcpus[i]))
			return true;
	return false;
}

FIXTURE(hammer) {
	int unused;
};

FIXTURE_SETUP(hammer)
{
	struct sigaction action = { .sa_handler = no_op };

	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	if (!on_slat())
		SKIP(return, "KVM is not what is tested");
}

FIXTURE_TEARDOWN(hammer)
{
}

/* Until the vCPUs have been through so many tables, together. */
static void hammer_machine(struct __test_metadata *_metadata, enum irq_chips chips,
			   enum menu menu)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	__u64 state = hostile.seed;
	struct machine machine;
	unsigned int taken;

	machine_create(_metadata, &machine, chips, menu, hostile.seed);
	start_hammer(_metadata, &machine);
	for (unsigned long i = 0; all_done(&machine) < hostile.rounds && !any_stopped(&machine);
	     i++) {
		random_call(&state, &machine);
		nanosleep(&pause, NULL);
		pthread_kill(machine.vcpus[i % VCPUS].thread, SIGUSR1);
	}
	stop_hammer(_metadata, &machine);
	taken = guest_u32(&machine.guest, TAKEN);
	for (int i = 0; i < VCPUS; i++) {
		struct hammerer *vcpu = &machine.vcpus[i];

		TH_LOG("vCPU %d: %lu tables, %lu resets", i, vcpu->done, vcpu->resets);
		EXPECT_EQ(NULL, vcpu->wrong) {
			TH_LOG("%s: %d", vcpu->wrong, vcpu->wrong_value);
		}
		EXPECT_LT(0, vcpu->done);
	}
	EXPECT_LT(0, taken);
	machine_destroy(&machine);
}

TEST_F_TIMEOUT(hammer, chips_in_the_kernel, 900)
{
	hammer_machine(_metadata, CHIPS_KERNEL, MENU_CHIPS);
}

TEST_F_TIMEOUT(hammer, local_apics_alone, 900)
{
	hammer_machine(_metadata, CHIPS_SPLIT, MENU_CHIPS);
}

TEST_F_TIMEOUT(hammer, everything_there_is, 900)
{
	hammer_machine(_metadata, CHIPS_KERNEL, MENU_ALL);
}

/* A process with all that in flight. */
static void live(struct __test_metadata *_metadata, int way, __u64 seed, int ready)
{
	struct machine machine;
	__u64 state = seed;

	machine_create(_metadata, &machine, way & 1 ? CHIPS_SPLIT : CHIPS_KERNEL, MENU_CHIPS,
		       seed);
	start_hammer(_metadata, &machine);
	if (write(ready, "", 1) != 1)
		_exit(1);
	for (;;)
		random_call(&state, &machine);
}

static void kill_one(struct __test_metadata *_metadata, int way, __u64 *state)
{
	long delay = random_below(state, 5000000);
	int ready;
	pid_t pid;

	pid = victim_fork(_metadata, &ready);
	if (!pid)
		live(_metadata, way, random_next(state), ready);
	victim_kill(_metadata, pid, ready, delay);
}

TEST_F_TIMEOUT(hammer, killed, 900)
{
	__u64 state = hostile.seed;

	for (int i = 0; i < KILLS; i++)
		kill_one(_metadata, i, &state);
}

/* Somebody signals, and closes, the eventfds of a VM that goes. */
static void *signal_for_ever(void *arg)
{
	struct machine *machine = arg;
	__u64 state = hostile.seed, one = 1;

	while (write(machine->events[0], &one, sizeof(one)) == sizeof(one))
		signal_event(&state, machine);
	return NULL;
}

/*
 * Timers of both vCPUs and the PIT's are running when the last descriptor goes,
 * eventfds are signalled, and some of these go at the same time.
 */
static void one_life(struct __test_metadata *_metadata, __u64 *state)
{
	struct machine machine;
	pthread_t thread;
	int blocked;

	machine_create(_metadata, &machine, CHIPS_KERNEL, MENU_CHIPS, random_next(state));
	for (int i = 0; i < VCPUS; i++) {
		struct kvm_lapic_state lapic;

		get_lapic(_metadata, machine.vcpus[i].guest.fd, &lapic);
		lapic_set_reg(&lapic, APIC_SVR, 0x1ff);
		lapic_set_reg(&lapic, APIC_LVTT, 0x20040);
		lapic_set_reg(&lapic, APIC_TMICT, 1000);
		lapic_set_reg(&lapic, APIC_TMCCT, 1000);
		ASSERT_EQ(0, _ioctl_ptr(machine.vcpus[i].guest.fd, KVM_SET_LAPIC, &lapic));
	}
	random_pit(state, machine.guest.vm);
	for (int i = 0; i < 4 * EVENTS; i++)
		random_irqfd(state, &machine);
	/* What it writes to ends with it. */
	blocked = machine.events[0];
	ASSERT_EQ(0, pthread_create(&thread, NULL, signal_for_ever, &machine));
	for (int i = 0; i < 20; i++)
		random_call(state, &machine);
	if (random_below(state, 2)) {
		int copy = dup(blocked);

		close(machine.events[1]);
		machine.events[1] = copy;
	}
	for (int i = 1; i < VCPUS; i++)
		guest_remove_vcpu(&machine.vcpus[i].guest);
	guest_destroy(&machine.guest);
	close(blocked);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	for (int i = 0; i < EVENTS; i++) {
		if (i)
			close(machine.events[i]);
		close(machine.resamples[i]);
	}
	free(machine.msrs);
}

FIXTURE(lives) {
	char params[PARAMS_LEN];
	bool reloads;
	__u64 state;
};

FIXTURE_SETUP(lives)
{
	self->state = hostile.seed;
	self->reloads = on_slat() && module_loaded() && !access(module_path(), R_OK);
	if (self->reloads)
		module_params_get(_metadata, self->params, sizeof(self->params));
}

FIXTURE_TEARDOWN(lives)
{
	if (self->reloads)
		module_restore(_metadata, self->params);
}

/* What is freed later has been freed when the module is gone. */
static void lives_round(struct __test_metadata *_metadata, void *params)
{
	static __u64 state = 1;

	for (int i = 0; i < LIVES_IN_A_ROUND; i++)
		one_life(_metadata, &state);
	kill_one(_metadata, 0, &state);
	module_unload(_metadata);
	module_load(_metadata, params);
}

TEST_F_TIMEOUT(lives, leave_nothing, 900)
{
	if (!self->reloads)
		SKIP(return, "needs the module's file, to unload and load it");
	if (hostile.rounds < 100)
		SKIP(return, "fewer than 100 rounds do not tell a leak from the rest");
	lives_round(_metadata, self->params);
	expect_no_growth(_metadata, hostile.rounds / 5, lives_round, self->params);
}

int main(int argc, char **argv)
{
	hostile_arguments(&argc, argv, 40);
	require_guests();
	return test_harness_run(argc, argv);
}
