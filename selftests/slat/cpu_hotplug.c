// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPUs that leave and come back while the module is unloaded or loaded, and
 * while a guest runs on them.
 *
 * After each step the module says that virtualisation is on wherever a CPU is
 * online.  What the guest computes is computed here as well.
 */
#include <pthread.h>

#include "guest.h"

#define ROUNDS		5
#define MOVES		100

/* Of the second CPU. */
static char online_file[64];

static void require_two_cpus(void)
{
	require_module();
	snprintf(online_file, sizeof(online_file), "/sys/devices/system/cpu/cpu%d/online",
		 cpu_number(1));
	if (_file_read_long(online_file) != 1)
		ksft_exit_skip("needs a second CPU that can go offline\n");
}

FIXTURE(cpu1) {
	char params[PARAMS_LEN];
	unsigned int cpus;
};

FIXTURE_SETUP(cpu1)
{
	module_params_get(_metadata, self->params, sizeof(self->params));
	self->cpus = info_cpus(_metadata);
}

FIXTURE_TEARDOWN(cpu1)
{
	EXPECT_EQ(0, _file_write(online_file, "1"));
	module_restore(_metadata, self->params);
	EXPECT_EQ(self->cpus, info_cpus(_metadata));
}

static void offline(struct __test_metadata *_metadata)
{
	file_write(_metadata, online_file, "0");
}

static void online(struct __test_metadata *_metadata)
{
	file_write(_metadata, online_file, "1");
}

TEST_F_TIMEOUT(cpu1, leaves_and_returns_while_loaded, 300)
{
	for (int i = 0; i < ROUNDS; i++) {
		offline(_metadata);
		ASSERT_EQ(self->cpus - 1, info_cpus(_metadata));
		online(_metadata);
		ASSERT_EQ(self->cpus, info_cpus(_metadata));
	}
}

TEST_F_TIMEOUT(cpu1, leaves_and_returns_with_a_descriptor_open, 300)
{
	int fd = device_open(_metadata);
	struct slat_info info;

	offline(_metadata);
	info_get(_metadata, fd, &info);
	EXPECT_EQ(self->cpus - 1, info.cpus);
	online(_metadata);
	info_get(_metadata, fd, &info);
	EXPECT_EQ(self->cpus, info.cpus);
	close(fd);
}

TEST_F_TIMEOUT(cpu1, leaves_and_returns_while_unloaded, 300)
{
	module_unload(_metadata);
	offline(_metadata);
	online(_metadata);
	module_load(_metadata, self->params);
	EXPECT_EQ(self->cpus, info_cpus(_metadata));
}

TEST_F_TIMEOUT(cpu1, returns_after_load, 300)
{
	for (int i = 0; i < ROUNDS; i++) {
		module_unload(_metadata);
		offline(_metadata);
		module_load(_metadata, self->params);
		ASSERT_EQ(self->cpus - 1, info_cpus(_metadata));
		online(_metadata);
		ASSERT_EQ(self->cpus, info_cpus(_metadata));
	}
}

TEST_F_TIMEOUT(cpu1, returns_after_unload, 300)
{
	for (int i = 0; i < ROUNDS; i++) {
		offline(_metadata);
		module_unload(_metadata);
		online(_metadata);
		module_load(_metadata, self->params);
		ASSERT_EQ(self->cpus, info_cpus(_metadata));
	}
}

/* Random numbers, each added to a random place; an exit now and then. */
#define NUMBERS		0x100000UL
#define NUMBERS_MASK	0x3fff8UL
#define STEPS		500
#define FACTOR		6364136223846793005ULL
#define ADDEND		1442695040888963407ULL

GUEST_CODE(compute, 64,
	   "1: mov $500, %ecx\n"
	   "2: imul %r8, %rax\n"
	   "add %r9, %rax\n"
	   "mov %rax, %rbx\n"
	   "shr $40, %rbx\n"
	   "and $0x3fff8, %ebx\n"
	   "add %rax, (%rsi,%rbx)\n"
	   "dec %ecx\n"
	   "jnz 2b\n"
	   "out %al, $0x10\n"
	   "jmp 1b\n");

FIXTURE(running) {
	struct guest guest;
	cpu_set_t cpus;
	pthread_t thread;
	unsigned long exits;
	int pin;		/* to this CPU, unless negative */
	int failed;
	bool stop;
};

#define running_data	FIXTURE_DATA(running)

static void *run(void *arg)
{
	running_data *self = arg;

	while (!__atomic_load_n(&self->stop, __ATOMIC_ACQUIRE)) {
		int pin = __atomic_exchange_n(&self->pin, -1, __ATOMIC_ACQ_REL);
		int ret;

		if (pin >= 0)
			pin_to(pin);
		ret = _guest_run(&self->guest);
		if (ret == -EINTR)
			continue;
		if (ret || self->guest.run->exit_reason != KVM_EXIT_IO) {
			self->failed = ret ?: self->guest.run->exit_reason;
			break;
		}
		__atomic_fetch_add(&self->exits, 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

static void start(struct __test_metadata *_metadata, running_data *self)
{
	self->stop = false;
	ASSERT_EQ(0, pthread_create(&self->thread, NULL, run, self));
}

static void stop(struct __test_metadata *_metadata, running_data *self)
{
	__atomic_store_n(&self->stop, true, __ATOMIC_RELEASE);
	ASSERT_EQ(0, pthread_join(self->thread, NULL));
	ASSERT_EQ(0, self->failed);
}

static void wait_for_exits(running_data *self, unsigned long count)
{
	unsigned long end = __atomic_load_n(&self->exits, __ATOMIC_ACQUIRE) + count;

	while (__atomic_load_n(&self->exits, __ATOMIC_ACQUIRE) < end &&
	       !__atomic_load_n(&self->failed, __ATOMIC_RELAXED))
		sched_yield();
}

static void move_to(running_data *self, int cpu)
{
	__atomic_store_n(&self->pin, cpu, __ATOMIC_RELEASE);
	wait_for_exits(self, 2);
}

FIXTURE_SETUP(running)
{
	struct kvm_regs regs;

	ASSERT_EQ(0, sched_getaffinity(0, sizeof(self->cpus), &self->cpus));
	guest_create(_metadata, &self->guest);
	guest_load(&self->guest, compute);
	guest_mode(_metadata, &self->guest, MODE_LONG);
	get_regs(_metadata, &self->guest, &regs);
	regs.rsi = NUMBERS;
	regs.r8 = FACTOR;
	regs.r9 = ADDEND;
	regs.rflags |= FLAGS_IF;
	set_regs(_metadata, &self->guest, &regs);
	self->pin = -1;
}

/* What the guest must have made of its memory by its last exit. */
FIXTURE_TEARDOWN(running)
{
	__u64 *numbers = calloc(1, NUMBERS_MASK + 8), number = 0;
	struct kvm_regs regs;

	EXPECT_EQ(0, _file_write(online_file, "1"));
	EXPECT_EQ(0, sched_setaffinity(0, sizeof(self->cpus), &self->cpus));
	for (unsigned long i = 0; i < self->exits * STEPS; i++) {
		number = number * FACTOR + ADDEND;
		numbers[(number >> 40 & NUMBERS_MASK) / 8] += number;
	}
	get_regs(_metadata, &self->guest, &regs);
	EXPECT_LT(0, self->exits);
	EXPECT_EQ(number, regs.rax);
	EXPECT_EQ(0, memcmp(numbers, self->guest.mem + NUMBERS, NUMBERS_MASK + 8));
	free(numbers);
	guest_destroy(&self->guest);
}

TEST_F_TIMEOUT(running, guest_whose_cpu_leaves_and_returns, 300)
{
	start(_metadata, self);
	for (int i = 0; i < ROUNDS; i++) {
		move_to(self, 1);
		offline(_metadata);
		wait_for_exits(self, 2);
		online(_metadata);
		wait_for_exits(self, 2);
	}
	stop(_metadata, self);
}

TEST_F_TIMEOUT(running, guest_that_changes_its_cpu, 300)
{
	start(_metadata, self);
	for (int i = 0; i < MOVES; i++)
		move_to(self, i & 1);
	stop(_metadata, self);
}

/* A CPU that goes keeps nothing of a vCPU that has run there. */
TEST_F_TIMEOUT(running, guest_whose_cpu_left_while_it_did_not_run, 300)
{
	struct kvm_sregs sregs;

	for (int i = 0; i < ROUNDS; i++) {
		start(_metadata, self);
		move_to(self, 1);
		stop(_metadata, self);
		offline(_metadata);
		get_sregs(_metadata, &self->guest, &sregs);
		EXPECT_EQ(TABLES, sregs.cr3);
		start(_metadata, self);
		wait_for_exits(self, 2);
		stop(_metadata, self);
		online(_metadata);
	}
}

/* And what it has kept when the last descriptor closes is taken from it. */
TEST_F_TIMEOUT(running, guest_that_ends_after_its_cpu_left, 300)
{
	struct guest guest;

	pin_to(1);
	guest_create(_metadata, &guest);
	guest_load(&guest, compute);
	guest_mode(_metadata, &guest, MODE_LONG);
	guest_run(_metadata, &guest, KVM_EXIT_IO);
	pin_to(0);
	offline(_metadata);
	guest_destroy(&guest);
	online(_metadata);
	start(_metadata, self);
	wait_for_exits(self, 2);
	stop(_metadata, self);
}

int main(int argc, char **argv)
{
	require_two_cpus();
	return test_harness_run(argc, argv);
}
