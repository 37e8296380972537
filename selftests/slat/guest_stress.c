// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two vCPUs write to their pages while a third thread does to the machine's
 * memory all that an owner and a kernel can:
 *
 *	guest_stress [ROUNDS]
 *
 * Each page holds its own address and, above it, the round in which it was
 * written, so that whatever shows up in a wrong page is seen: by the guest, which looks
 * before it writes; by the thread, in memory that the guest has no more; and in
 * the end, in a copy that was kept up to date by the dirty log alone.
 */
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "guest_pages.h"

#define VCPUS		2
#define PASSES		4		/* rounds of writing in one stay in the guest */

/* Slots: pages that are logged; that are discarded; that come and go. */
#define LOGGED		0x1000000UL
#define LOGGED_PAGES	64UL		/* of each vCPU */
#define LOGGED_SIZE	(VCPUS * LOGGED_PAGES * PAGE)
#define LOOSE		0x2000000UL
#define LOOSE_PAGES	32UL
#define LOOSE_SIZE	(VCPUS * LOOSE_PAGES * PAGE)
#define HERE		0x3000000UL
#define THERE		0x4000000UL
#define VISITOR_SIZE	(VCPUS * PAGE)

static int rounds = 150;

#define ROUND		_BITULL(32)

/*
 * One stay: RCX passes.  In each, R8 logged pages from RSI on, which hold what
 * the last pass, RBX, left there; R9 loose ones from RDI on, which may be older
 * or empty; and a store each to R10 and R11, which may be memory or not.
 * R12: something is wrong: RBP holds RAX.
 */
GUEST_CODE(stay, 64,
	   "mov $1, %r15\n"
	   "shl $32, %r15\n"
	   "again: mov %rsi, %rbp\n"
	   "mov %r8, %r13\n"
	   "1: mov (%rbp), %rax\n"
	   "lea (%rbp, %rbx), %r14\n"
	   "cmp %rax, %r14\n"
	   "jne wrong\n"
	   "add %r15, %r14\n"
	   "mov %r14, (%rbp)\n"
	   "add $4096, %rbp\n"
	   "dec %r13\n"
	   "jnz 1b\n"
	   "mov %rdi, %rbp\n"
	   "mov %r9, %r13\n"
	   "2: mov (%rbp), %rax\n"
	   "test %rax, %rax\n"
	   "jz 3f\n"
	   "mov %rax, %r14\n"
	   "sub %rbp, %r14\n"
	   "cmp %rbx, %r14\n"
	   "ja wrong\n"
	   "test %r14d, %r14d\n"
	   "jnz wrong\n"
	   "3: lea (%rbp, %rbx), %r14\n"
	   "add %r15, %r14\n"
	   "mov %r14, (%rbp)\n"
	   "add $4096, %rbp\n"
	   "dec %r13\n"
	   "jnz 2b\n"
	   "mov %r10, (%r10)\n"
	   "mov %r11, (%r11)\n"
	   "add %r15, %rbx\n"
	   "dec %rcx\n"
	   "jnz again\n"
	   "hlt\n"
	   "wrong: mov $1, %r12\n"
	   "hlt\n");

struct vcpu {
	struct guest guest;
	int index;
	pthread_t thread;
	__u64 round;		/* what its logged pages hold */
	unsigned long stays;
	char error[128];
};

struct stress {
	struct guest guest;
	struct vcpu vcpus[VCPUS];
	__u8 *logged, *copy, *loose, *visitors[2];
	int visitor;		/* which of them the slot has; -1: there is no slot */
};

static __u8 *map(struct __test_metadata *_metadata, size_t size)
{
	__u8 *mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, mem);
	return mem;
}

#define word(mem, page)	(*(volatile __u64 *)((mem) + (page) * PAGE))

static void begin(struct __test_metadata *_metadata, struct stress *self)
{
	guest_create(_metadata, &self->guest);
	self->logged = map(_metadata, LOGGED_SIZE);
	self->copy = map(_metadata, LOGGED_SIZE);
	self->loose = map(_metadata, LOOSE_SIZE);
	for (int i = 0; i < 2; i++)
		self->visitors[i] = map(_metadata, VISITOR_SIZE);
	self->visitor = -1;
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, LOGGED, LOGGED_SIZE, self->logged,
				       KVM_MEM_LOG_DIRTY_PAGES));
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 2, LOOSE, LOOSE_SIZE, self->loose, 0));
	for (__u64 i = 0; i < VCPUS * LOGGED_PAGES; i++)
		word(self->logged, i) = word(self->copy, i) = LOGGED + i * PAGE;
	guest_load(&self->guest, stay);

	self->vcpus[0].guest = self->guest;
	guest_add_vcpu(_metadata, &self->guest, &self->vcpus[1].guest);
	for (int i = 0; i < VCPUS; i++) {
		self->vcpus[i].index = i;
		guest_mode(_metadata, &self->vcpus[i].guest, MODE_LONG);
	}
}

static int stop;

static void stop_vcpus(struct stress *self)
{
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	for (int i = 0; i < VCPUS; i++) {
		if (self->vcpus[i].thread)
			pthread_join(self->vcpus[i].thread, NULL);
		self->vcpus[i].thread = 0;
	}
}

FIXTURE(stress) {
	struct stress all;
};

FIXTURE_SETUP(stress)
{
	begin(_metadata, &self->all);
}

FIXTURE_TEARDOWN(stress)
{
	struct stress *stress = &self->all;

	/* Also after a failure, when nobody else does: what they use goes away. */
	mprotect(stress->logged, LOGGED_SIZE, PROT_READ | PROT_WRITE);
	stop_vcpus(stress);
	guest_remove_vcpu(&stress->vcpus[1].guest);
	guest_destroy(&stress->guest);
}

#define vcpu_failed(vcpu, ...)						\
	snprintf((vcpu)->error, sizeof((vcpu)->error), __VA_ARGS__)

/* One stay in the guest, whatever interrupts it.  False: something is wrong. */
static bool vcpu_stay(struct vcpu *vcpu)
{
	struct guest *guest = &vcpu->guest;
	struct kvm_regs regs = {
		.rip = CODE, .rflags = FLAGS_FIXED, .rcx = PASSES, .rbx = vcpu->round,
		.rsi = LOGGED + vcpu->index * LOGGED_PAGES * PAGE, .r8 = LOGGED_PAGES,
		.rdi = LOOSE + vcpu->index * LOOSE_PAGES * PAGE, .r9 = LOOSE_PAGES,
		.r10 = HERE + vcpu->index * PAGE, .r11 = THERE + vcpu->index * PAGE,
	};
	int ret = _ioctl_ptr(guest->fd, KVM_SET_REGS, &regs);

	if (ret)
		return vcpu_failed(vcpu, "KVM_SET_REGS: %d", ret), false;
	for (;;) {
		ret = _guest_run(guest);
		if (ret == -EFAULT || ret == -EINTR) {
			/* Memory that may not be written just now. */
			sched_yield();
			continue;
		}
		if (ret)
			return vcpu_failed(vcpu, "KVM_RUN: %d", ret), false;
		if (guest->run->exit_reason == KVM_EXIT_HLT)
			break;
		if (guest->run->exit_reason != KVM_EXIT_MMIO || !guest->run->mmio.is_write ||
		    (guest->run->mmio.phys_addr != regs.r10 &&
		     guest->run->mmio.phys_addr != regs.r11))
			return vcpu_failed(vcpu, "exit %u at %#llx", guest->run->exit_reason,
					   guest->run->mmio.phys_addr), false;
	}
	ret = _ioctl_ptr(guest->fd, KVM_GET_REGS, &regs);
	if (ret || regs.r12)
		return vcpu_failed(vcpu, "round %llu: %#llx holds %#llx", regs.rbx, regs.rbp,
				   regs.rax), false;
	vcpu->round += PASSES * ROUND;
	vcpu->stays++;
	return true;
}

static void *vcpu_run(void *arg)
{
	struct vcpu *vcpu = arg;

	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE) && vcpu_stay(vcpu))
		;
	return NULL;
}

/* What the owner and the kernel do.  Each leaves things as it may find them. */

struct mutation {
	const char *name;
	void (*fn)(struct __test_metadata *_metadata, struct stress *self);
	unsigned long times;
};

/* I11: takes over what the log says was written. */
static void harvest(struct __test_metadata *_metadata, struct stress *self)
{
	__u64 bitmap[VCPUS * LOGGED_PAGES / 64] = { 0 };
	struct kvm_dirty_log log = { .slot = 1, .dirty_bitmap = bitmap };

	ASSERT_EQ(0, _ioctl_ptr(self->guest.vm, KVM_GET_DIRTY_LOG, &log));
	for (__u64 i = 0; i < VCPUS * LOGGED_PAGES; i++)
		if (bitmap[i / 64] >> i % 64 & 1)
			word(self->copy, i) = word(self->logged, i);
}

/* Without a log nothing is known: all is taken over when there is one again. */
static void log_anew(struct __test_metadata *_metadata, struct stress *self)
{
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, LOGGED, LOGGED_SIZE, self->logged, 0));
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, LOGGED, LOGGED_SIZE, self->logged,
				       KVM_MEM_LOG_DIRTY_PAGES));
	for (__u64 i = 0; i < VCPUS * LOGGED_PAGES; i++)
		word(self->copy, i) = word(self->logged, i);
}

static void zap_all(struct __test_metadata *_metadata, struct stress *self)
{
	if (on_slat())
		ASSERT_EQ(0, _ioctl(self->guest.vm, SLAT_ZAP_ALL, 0));
}

/* What is given back is somebody else's at once: the guest must not write to it. */
static void discard(struct __test_metadata *_metadata, struct stress *self)
{
	__u8 *other;

	ASSERT_EQ(0, madvise(self->loose, LOOSE_SIZE, MADV_DONTNEED));
	other = map(_metadata, LOOSE_SIZE);
	for (__u64 i = 0; i < LOOSE_SIZE / PAGE; i++)
		word(other, i) = i;
	sched_yield();
	for (__u64 i = 0; i < LOOSE_SIZE / PAGE; i++) {
		ASSERT_EQ(i, word(other, i)) {
			TH_LOG("written by a guest that has this page no more");
		}
	}
	munmap(other, LOOSE_SIZE);
}

static void protect(struct __test_metadata *_metadata, struct stress *self)
{
	__u64 before[VCPUS * LOGGED_PAGES];

	ASSERT_EQ(0, mprotect(self->logged, LOGGED_SIZE, PROT_READ));
	for (__u64 i = 0; i < VCPUS * LOGGED_PAGES; i++)
		before[i] = word(self->logged, i);
	sched_yield();
	for (__u64 i = 0; i < VCPUS * LOGGED_PAGES; i++) {
		ASSERT_EQ(before[i], word(self->logged, i)) {
			TH_LOG("written in spite of its protection");
		}
	}
	ASSERT_EQ(0, mprotect(self->logged, LOGGED_SIZE, PROT_READ | PROT_WRITE));
}

/* The child sees one state, whatever the guest goes on to write. */
static void copy_on_write(struct __test_metadata *_metadata, struct stress *self)
{
	int status;
	pid_t child = fork();

	ASSERT_LE(0, child);
	if (!child) {
		__u64 sum[2] = { 0 };

		for (int look = 0; look < 2; look++) {
			for (__u64 i = 0; i < VCPUS * LOGGED_PAGES; i++)
				sum[look] += word(self->logged, i);
			sched_yield();
		}
		_exit(sum[0] != sum[1]);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_EQ(0, status);
}

/* A visitor that has left is not written to any more. */
static void check_visitors(struct __test_metadata *_metadata, struct stress *self)
{
	for (int i = 0; i < 2; i++) {
		for (int vcpu = 0; vcpu < VCPUS; vcpu++) {
			__u64 seen = word(self->visitors[i], vcpu);

			if (i != self->visitor) {
				ASSERT_EQ(0, seen);
			} else if (seen) {
				ASSERT_TRUE(seen == HERE + vcpu * PAGE ||
					    seen == THERE + vcpu * PAGE);
			}
		}
	}
}

static void set_visitor(struct __test_metadata *_metadata, struct stress *self, __u64 gpa,
			__u64 size)
{
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 3, gpa, size,
				       self->visitors[self->visitor], 0));
}

static void visit(struct __test_metadata *_metadata, struct stress *self)
{
	check_visitors(_metadata, self);
	if (self->visitor >= 0) {
		set_visitor(_metadata, self, HERE, 0);
		memset(self->visitors[self->visitor], 0, VISITOR_SIZE);
		self->visitor = -1;
		check_visitors(_metadata, self);
	} else {
		self->visitor = rand() % 2;
		set_visitor(_metadata, self, rand() % 2 ? HERE : THERE, VISITOR_SIZE);
	}
}

/* Where it was it is no more: what is written there does not arrive. */
static void move(struct __test_metadata *_metadata, struct stress *self)
{
	__u64 gone;

	if (self->visitor < 0)
		return visit(_metadata, self);
	gone = rand() % 2 ? HERE : THERE;
	set_visitor(_metadata, self, gone == HERE ? THERE : HERE, VISITOR_SIZE);
	memset(self->visitors[self->visitor], 0, VISITOR_SIZE);
	sched_yield();
	for (int vcpu = 0; vcpu < VCPUS; vcpu++)
		ASSERT_NE(gone + vcpu * PAGE, word(self->visitors[self->visitor], vcpu));
}

/* Another machine over the same memory, whose end nobody waits for. */
static void other_machine(struct __test_metadata *_metadata, struct stress *self)
{
	struct guest other = { .vm = _ioctl(self->guest.dev, KVM_CREATE_VM, 0) };

	ASSERT_LE(0, other.vm);
	ASSERT_EQ(0, _guest_set_memory(&other, 0, 0, LOGGED_SIZE, self->logged, 0));
	close(other.vm);
}

static struct mutation mutations[] = {
	{ "dirty log read", harvest },
	{ "dirty log begun", log_anew },
	{ "zap-all", zap_all },
	{ "discard", discard },
	{ "protect", protect },
	{ "fork", copy_on_write },
	{ "slot created or deleted", visit },
	{ "slot moved", move },
	{ "another machine", other_machine },
};

static void check_end(struct __test_metadata *_metadata, struct stress *self)
{
	for (int i = 0; i < VCPUS; i++) {
		struct vcpu *vcpu = &self->vcpus[i];

		ASSERT_STREQ("", vcpu->error);
		ASSERT_LT(0, vcpu->stays);
		for (__u64 page = 0; page < LOGGED_PAGES; page++) {
			__u64 index = vcpu->index * LOGGED_PAGES + page;

			ASSERT_EQ(LOGGED + index * PAGE + vcpu->round, word(self->logged, index));
		}
	}
	harvest(_metadata, self);
	for (__u64 i = 0; i < VCPUS * LOGGED_PAGES; i++) {
		ASSERT_EQ(word(self->logged, i), word(self->copy, i)) {
			TH_LOG("a write to page %llu is missing from the dirty log",
			       (unsigned long long)i);
		}
	}
	check_visitors(_metadata, self);
}

TEST_F_TIMEOUT(stress, nothing_appears_in_a_wrong_page, 3600)
{
	struct stress *stress = &self->all;
	struct slat_vm_stats stats = { 0 };
	unsigned int n = ARRAY_SIZE(mutations);

	srand(1);
	for (int i = 0; i < VCPUS; i++)
		ASSERT_EQ(0, pthread_create(&stress->vcpus[i].thread, NULL, vcpu_run,
					    &stress->vcpus[i]));
	for (int i = 0; i < rounds; i++) {
		/* Each of them once, then any of them. */
		struct mutation *mutation = &mutations[i < n ? i : rand() % n];

		mutation->fn(_metadata, stress);
		mutation->times++;
	}
	stop_vcpus(stress);
	check_end(_metadata, stress);

	for (int i = 0; i < n; i++)
		TH_LOG("%lu times: %s", mutations[i].times, mutations[i].name);
	TH_LOG("%lu and %lu stays", stress->vcpus[0].stays, stress->vcpus[1].stays);
	if (!on_slat())
		return;
	get_stats(_metadata, &stress->guest, &stats);
	TH_LOG("%llu faults, %llu retries, %llu batches, %llu waits, %llu IPIs, %llu saved",
	       stats.faults, stats.fault_retries, stats.batches, stats.waits, stats.ipis_sent,
	       stats.ipis_saved);
	/* On one CPU nobody is in the guest while somebody else runs. */
	if (sysconf(_SC_NPROCESSORS_ONLN) > 1) {
		EXPECT_LT(0, stats.ipis_sent);
		EXPECT_LT(0, stats.waits);
	}
}

int main(int argc, char **argv)
{
	if (argc > 1)
		rounds = atoi(argv[1]);
	require_guests();
	return test_harness_run(1, argv);
}
