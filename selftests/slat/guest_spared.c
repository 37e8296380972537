// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exits that a guest is spared: it idles by itself.
 */
#include <signal.h>
#include <sys/time.h>

#include "irq.h"
#include "stats_file.h"

static int _spare(int vm, __u64 exits)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_X86_DISABLE_EXITS, .args = { exits } };

	return _ioctl_ptr(vm, KVM_ENABLE_CAP, &cap);
}

static __u64 offered(void)
{
	int dev = open(guest_device(), O_RDWR | O_CLOEXEC);
	__u64 exits = _ioctl(dev, KVM_CHECK_EXTENSION, KVM_CAP_X86_DISABLE_EXITS);

	close(dev);
	return exits;
}

/* As guest_create() and irq_guest_create(), but before there is a vCPU. */
static void create(struct __test_metadata *_metadata, struct guest *guest, enum irq_chips chips,
		   __u64 exits)
{
	guest->dev = open(guest_device(), O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, guest->dev);
	guest->vm = _ioctl(guest->dev, KVM_CREATE_VM, 0);
	ASSERT_LE(0, guest->vm);
	_ioctl(guest->vm, KVM_SET_TSS_ADDR, 0xfffbd000);
	ASSERT_EQ(0, _spare(guest->vm, exits));
	if (chips == CHIPS_KERNEL)
		ASSERT_EQ(0, _ioctl(guest->vm, KVM_CREATE_IRQCHIP, 0));
	guest->mem = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, guest->mem);
	ASSERT_EQ(0, _guest_set_memory(guest, 0, 0, MEMORY, guest->mem, 0));
	guest->run_size = _ioctl(guest->dev, KVM_GET_VCPU_MMAP_SIZE, 0);
	guest->fd = irq_vcpu_create(_metadata, guest, 0, &guest->run);
}

TEST(what_can_be_asked_for)
{
	struct guest guest;

	EXPECT_EQ(KVM_X86_DISABLE_EXITS_HLT | KVM_X86_DISABLE_EXITS_PAUSE,
		  offered() & (KVM_X86_DISABLE_EXITS_HLT | KVM_X86_DISABLE_EXITS_PAUSE));
	EXPECT_EQ(0, offered() & ~(__u64)KVM_X86_DISABLE_VALID_EXITS);
	create(_metadata, &guest, CHIPS_NONE, 0);
	EXPECT_EQ(-EINVAL, _spare(guest.vm, 16));
	EXPECT_EQ(-EINVAL, _spare(guest.vm, ~0ULL));
	EXPECT_EQ(-EINVAL, _spare(guest.vm, 1ULL << 32 | KVM_X86_DISABLE_EXITS_HLT));
	/* KVM of old takes it, to no good. */
	if (on_slat())
		EXPECT_EQ(-EINVAL, _spare(guest.vm, KVM_X86_DISABLE_EXITS_HLT));
	guest_destroy(&guest);
}

static void on_alarm(int signal)
{
}

static void set_alarm(struct __test_metadata *_metadata, long us)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct itimerval timer = { .it_value.tv_usec = us, .it_interval.tv_usec = us };

	ASSERT_EQ(0, sigaction(SIGALRM, &action, NULL));
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &timer, NULL));
}

GUEST_CODE(halts, 64,
	   "1: incl 0x30000\n"
	   "sti\n"
	   "hlt\n"
	   "jmp 1b\n");

/* Nobody else does: user space's signal ends its stay, and it sleeps on afterwards. */
TEST(guest_halts_by_itself)
{
	struct kvm_vcpu_events events = { };
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	struct guest guest;
	int ret;

	create(_metadata, &guest, CHIPS_NONE, KVM_X86_DISABLE_EXITS_HLT);
	guest_load(&guest, halts);
	guest_mode(_metadata, &guest, MODE_LONG);
	set_alarm(_metadata, 2000);
	while (!guest_u32(&guest, DATA))
		ASSERT_EQ(-EINTR, _guest_run(&guest));
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(-EINTR, _guest_run(&guest));
	/* Where nobody can halt it does not sleep on. */
	get_sregs(_metadata, &guest, &sregs);
	sregs.cs = guest_segment(SEL_CODE_USER, 11, true);
	sregs.ss = guest_segment(SEL_DATA_USER, 3, false);
	set_sregs(_metadata, &guest, &sregs);
	ret = _guest_run(&guest);
	EXPECT_TRUE(ret == -EINTR || guest.run->exit_reason == KVM_EXIT_SHUTDOWN) {
		TH_LOG("%d, exit reason %u", ret, guest.run->exit_reason);
	}
	/* The signal may have come before what it raises there was delivered. */
	ASSERT_EQ(0, _ioctl_ptr(guest.fd, KVM_SET_VCPU_EVENTS, &events));
	guest_mode(_metadata, &guest, MODE_LONG);
	/* Set elsewhere it is awake. */
	guest_load(&guest, halts);
	get_regs(_metadata, &guest, &regs);
	regs.rip = CODE;
	guest_u32(&guest, DATA) = 0;
	set_regs(_metadata, &guest, &regs);
	while (!guest_u32(&guest, DATA)) {
		ASSERT_EQ(-EINTR, _guest_run(&guest)) {
			TH_LOG("exit reason %u", guest.run->exit_reason);
		}
	}
	set_alarm(_metadata, 0);
	guest_destroy(&guest);
}

GUEST_CODE(woken, 64,
	   "mov $0xfee00000, %ebp\n"
	   "xor %ebx, %ebx\n"
	   "movl $0x1ff, 0xf0(%rbp)\n"
	   "movl $0xb, 0x3e0(%rbp)\n"
	   "movl $0x50, 0x320(%rbp)\n"
	   "1: movl $10000, 0x380(%rbp)\n"
	   "2: sti\n"
	   "hlt\n"
	   "cli\n"
	   "mov 0x390(%rbp), %eax\n"
	   "test %eax, %eax\n"
	   "jnz 2b\n"
	   "cmp $5, %ebx\n"
	   "jb 1b\n"
	   DONE
	   ".globl woken_handler\nwoken_handler:\n"
	   "inc %ebx\n"
	   "movl $0, 0xb0(%rbp)\n"
	   "iretq\n");
GUEST_LABEL(woken_handler);

TEST(interrupt_wakes_it)
{
	struct guest guest;
	struct kvm_regs regs;

	create(_metadata, &guest, CHIPS_KERNEL, KVM_X86_DISABLE_EXITS_HLT);
	guest_load(&guest, woken);
	irq_guest_start(_metadata, &guest);
	guest_gate(&guest, MODE_LONG, 0x50, guest_label(woken, woken_handler), 14, 0);
	irq_run_done(_metadata, &guest);
	get_regs(_metadata, &guest, &regs);
	EXPECT_EQ(5, (__u32)regs.rbx);
	guest_destroy(&guest);
}

/* Halts until its TSC deadline is over. */
GUEST_CODE(sleeps, 64,
	   "mov $0xfee00000, %ebp\n"
	   "xor %ebx, %ebx\n"
	   "movl $0x1ff, 0xf0(%rbp)\n"
	   "movl $0x40050, 0x320(%rbp)\n"
	   "mov $0x6e0, %ecx\n"
	   "1: rdtsc\n"
	   "add $200000, %eax\n"
	   "adc $0, %edx\n"
	   "wrmsr\n"
	   "2: sti\n"
	   "hlt\n"
	   "cli\n"
	   "rdmsr\n"
	   "or %edx, %eax\n"
	   "jnz 2b\n"
	   "cmp $5, %ebx\n"
	   "jb 1b\n"
	   DONE
	   ".globl sleeps_handler\nsleeps_handler:\n"
	   "inc %ebx\n"
	   "movl $0, 0xb0(%rbp)\n"
	   "iretq\n");
GUEST_LABEL(sleeps_handler);

static void sleep_and_wake(struct __test_metadata *_metadata, __u64 exits)
{
	struct guest guest;
	struct kvm_regs regs;

	create(_metadata, &guest, CHIPS_KERNEL, exits);
	guest_load(&guest, sleeps);
	irq_guest_start(_metadata, &guest);
	guest_gate(&guest, MODE_LONG, 0x50, guest_label(sleeps, sleeps_handler), 14, 0);
	irq_run_done(_metadata, &guest);
	get_regs(_metadata, &guest, &regs);
	EXPECT_EQ(5, (__u32)regs.rbx);
	guest_destroy(&guest);
}

TEST(deadline_wakes_it)
{
	sleep_and_wake(_metadata, KVM_X86_DISABLE_EXITS_HLT);
}

/* No timer of the CPU's is sure to count while the guest idles as deeply as it likes. */
TEST(deadline_wakes_it_however_deeply_it_may_sleep)
{
	sleep_and_wake(_metadata, KVM_X86_DISABLE_EXITS_HLT |
				  (offered() & KVM_X86_DISABLE_EXITS_MWAIT));
}

GUEST_CODE(halts_for_ever, 64, "incl 0x30004\n sti\n 1: hlt\n jmp 1b\n");
GUEST_CODE(nmi_handler, 64, "incl 0x30000\n" DONE);

TEST(nmi_wakes_it)
{
	struct guest guest;

	create(_metadata, &guest, CHIPS_KERNEL, KVM_X86_DISABLE_EXITS_HLT);
	guest_load(&guest, halts_for_ever);
	irq_guest_start(_metadata, &guest);
	memcpy(guest.mem + CODE + 0x1000, nmi_handler, nmi_handler_end - nmi_handler);
	guest_gate(&guest, MODE_LONG, 2, CODE + 0x1000, 14, 0);
	set_alarm(_metadata, 2000);
	while (!guest_u32(&guest, DATA + 4))
		ASSERT_EQ(-EINTR, _guest_run(&guest));
	EXPECT_EQ(-EINTR, _guest_run(&guest));
	set_alarm(_metadata, 0);
	ASSERT_EQ(0, _ioctl(guest.fd, KVM_NMI, 0));
	irq_run_done(_metadata, &guest);
	EXPECT_EQ(1, guest_u32(&guest, DATA));
	guest_destroy(&guest);
}

/* A cacheline that is written before the wait for it. */
GUEST_CODE(waits, 64,
	   "mov $0x30000, %eax\n"
	   "xor %ecx, %ecx\n"
	   "xor %edx, %edx\n"
	   "monitor\n"
	   "movl $1, 0x30000\n"
	   "xor %eax, %eax\n"
	   "mwait\n"
	   "mov $1000, %ecx\n"
	   "1: pause\n"
	   "dec %ecx\n"
	   "jnz 1b\n"
	   DONE);

TEST(guest_waits_by_itself)
{
	struct guest guest;

	create(_metadata, &guest, CHIPS_KERNEL,
	       KVM_X86_DISABLE_EXITS_MWAIT | KVM_X86_DISABLE_EXITS_PAUSE);
	guest_load(&guest, waits);
	irq_guest_start(_metadata, &guest);
	set_alarm(_metadata, 2000);
	irq_run_done(_metadata, &guest);
	set_alarm(_metadata, 0);
	guest_destroy(&guest);
}

/* RDI: whose turn it is.  R8: one's own number, R9: the other's, RCX: turns. */
GUEST_CODE(takes_turns, 64,
	   "1: pause\n"
	   "cmp %r8, (%rdi)\n"
	   "jne 1b\n"
	   "mov %r9, (%rdi)\n"
	   "dec %ecx\n"
	   "jnz 1b\n"
	   "hlt\n");

#define TURNS	50

static void *take_turns(void *arg)
{
	struct guest *guest = arg;
	int ret;

	pin_to(0);
	do {
		ret = _guest_run(guest);
	} while (ret == -EINTR);
	return (void *)(long)(ret ?: guest->run->exit_reason != KVM_EXIT_HLT);
}

/* Two vCPUs on one CPU, each waits for the other: who only waits gives way. */
TEST(vcpus_take_turns_on_one_cpu)
{
	struct guest vcpus[2];
	struct slat_info info;
	char wanted[4] = "";
	pthread_t threads[2];
	long long pauses = 0;

	guest_create(_metadata, &vcpus[0]);
	guest_add_vcpu(_metadata, &vcpus[0], 1, &vcpus[1]);
	guest_load(&vcpus[0], takes_turns);
	for (int i = 0; i < 2; i++) {
		struct kvm_regs regs;

		vcpus[i].code = vcpus[0].code;
		guest_mode(_metadata, &vcpus[i], MODE_LONG);
		get_regs(_metadata, &vcpus[i], &regs);
		regs.rdi = DATA;
		regs.rcx = TURNS;
		regs.r8 = i;
		regs.r9 = !i;
		regs.rflags |= FLAGS_IF;
		set_regs(_metadata, &vcpus[i], &regs);
	}
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, take_turns, &vcpus[i]));
	for (int i = 0; i < 2; i++) {
		void *wrong;

		ASSERT_EQ(0, pthread_join(threads[i], &wrong));
		EXPECT_EQ(NULL, wrong);
	}
	EXPECT_EQ(0, guest_u64(&vcpus[0], DATA));
	if (on_slat()) {
		for (int i = 0; i < 2; i++) {
			int fd = stats_open(_metadata, &vcpus[i], true);

			pauses += stat_value(_metadata, fd, "pause_exits");
			close(fd);
		}
		info_get(_metadata, vcpus[0].dev, &info);
		TH_LOG("%lld exits of loops", pauses);
		ASSERT_EQ(0, _file_read(SLAT_SYSFS "/parameters/pause_loop", wanted,
					sizeof(wanted)));
		EXPECT_EQ(info.hw_caps & SLAT_HW_PAUSE_LOOP && *wanted == 'Y', pauses > 0);
	}
	guest_remove_vcpu(&vcpus[1]);
	guest_destroy(&vcpus[0]);
}

int main(int argc, char **argv)
{
	require_guests();
	return test_harness_run(argc, argv);
}
