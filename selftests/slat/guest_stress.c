// SPDX-License-Identifier: GPL-2.0-only
/*
 * vCPUs, as many as there are CPUs, write to their pages and check them, while
 * other threads do to the machine's memory, and to the host's CPUs, all that an
 * owner and a kernel can, at the same time:
 *
 *	guest_stress [ROUNDS]
 *
 * Not without ROUNDS where the emulator is known to fail (Documentation/lab.rst).
 *
 * Each page holds its own address and, above it, the round in which it was
 * written, so that whatever shows up in a wrong page is seen: by the guests, who
 * look before they write; by the threads, in memory that the guests have no
 * more; and in the end, in a copy that was kept up to date by the dirty log alone.
 */
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "guest_pages.h"
#include "host_memory.h"
#include "regions.h"

#define VCPUS_MAX	8
#define VCPUS_MIN	2
#define PASSES		4		/* rounds of writing in one stay in the guest */
#define STAYS		16		/* of one life of a vCPU */
#define LIVES		16		/* of each vCPU; numbers are not used again */

/*
 * Regions, each a slot of a huge page's size, in which each vCPU has PAGES of
 * the STRIDE pages of its own.
 *
 *	logged		what is written is logged; nothing of it may be lost
 *	steady		nothing of it may be lost
 *	loose		is discarded
 *	merged		everybody reads it; most pages are alike
 *	here, there	where the visitor, a slot that comes and goes, may be
 */
#define APART		0x1000000
#define LOGGED		(1UL * APART)
#define STEADY		(2UL * APART)
#define LOOSE		(3UL * APART)
#define MERGED		(4UL * APART)
#define HERE		(5UL * APART)
#define THERE		(6UL * APART)
#define BESIDE		(9UL * APART)	/* where no vCPU goes */
#define STRIDE		64UL
#define PAGES		32UL
#define MERGED_PAGES	64
#define MERGED_OWN	(MERGED_PAGES / VCPUS_MAX)
#define ALIKE		0x5a5a5a5a
#define STACKS		0x90000

#define ROUND		_BITULL(32)

static int rounds = 15;

#define TEXT(x)		TEXT_(x)
#define TEXT_(x)	#x

/*
 * One stay: RCX passes.  In each, R8 pages from RSI on of the logged and of the
 * steady region, which hold what the last pass, RBX, left there; of the loose
 * one, which may be older or empty; and a store each where the visitor may be.
 * Then all merged pages, and one of them, R10, is different for a while.
 * R12: something is wrong: RBP holds RAX.
 */
GUEST_CODE(stay, 64,
	   "mov $1, %r15\n"
	   "shl $32, %r15\n"
	   "again: mov %rsi, %rbp\n"
	   "call exact\n"
	   "lea " TEXT(APART) "(%rsi), %rbp\n"
	   "call exact\n"
	   "lea 2 * " TEXT(APART) "(%rsi), %rbp\n"
	   "mov %r8, %r13\n"
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
	   "lea 4 * " TEXT(APART) "(%rsi), %rbp\n"
	   "mov %rbp, (%rbp)\n"
	   "add $" TEXT(APART) ", %rbp\n"
	   "mov %rbp, (%rbp)\n"
	   "add %r15, %rbx\n"
	   "dec %rcx\n"
	   "jnz again\n"
	   "mov $4 * " TEXT(APART) ", %ebp\n"
	   "mov $" TEXT(MERGED_PAGES) ", %r13d\n"
	   "4: mov (%rbp), %rax\n"
	   "cmp $" TEXT(ALIKE) ", %rax\n"
	   "je 5f\n"
	   "cmp %rbp, %rax\n"
	   "jne wrong\n"
	   "5: add $4096, %rbp\n"
	   "dec %r13d\n"
	   "jnz 4b\n"
	   "mov %r10, %rbp\n"
	   "mov %rbp, (%rbp)\n"
	   "mov (%rbp), %rax\n"
	   "cmp %rbp, %rax\n"
	   "jne wrong\n"
	   "movq $" TEXT(ALIKE) ", (%rbp)\n"
	   "hlt\n"
	   "exact: mov %r8, %r13\n"
	   "1: mov (%rbp), %rax\n"
	   "lea (%rbp, %rbx), %r14\n"
	   "cmp %rax, %r14\n"
	   "jne wrong\n"
	   "add %r15, %r14\n"
	   "mov %r14, (%rbp)\n"
	   "add $4096, %rbp\n"
	   "dec %r13\n"
	   "jnz 1b\n"
	   "ret\n"
	   "wrong: mov $1, %r12\n"
	   "hlt\n");

struct stress;

/* A thread that may fail on its own: a vCPU, or a hand. */
struct player {
	struct stress *stress;
	void (*play)(struct __test_metadata *_metadata, struct player *self);
	struct __test_metadata metadata;
	pthread_t thread;
	bool started;
	int index;
	__u64 random;
};

struct vcpu {
	struct player player;
	struct guest guest;
	struct kvm_sregs sregs;
	__u64 round;		/* what its pages hold */
	unsigned long stays, lives;
};

/* What an owner or a kernel does.  Each leaves things as it may find them. */
struct deed {
	const char *name;
	void (*fn)(struct __test_metadata *_metadata, struct player *self);
	unsigned long times;
};

/* What one thread does: nobody else does the same at that time. */
struct hand {
	struct player player;
	int at_a_time;		/* deeds in a round */
	struct deed deeds[5];
};

struct stress {
	struct guest guest;
	struct vcpu vcpus[VCPUS_MAX];
	struct hand *hands;
	int vcpu_count, next_id;
	pthread_mutex_t lock;	/* of the next three, and of each vCPU's stays */
	pthread_cond_t changed;
	int round, waiting, stop;
	__u8 *logged, *copy, *steady, *loose, *merged, *visitors[2];
	int visitor;		/* which of them the slot has; -1: there is no slot */
	bool beside;		/* another slot has the same */
	bool thp_was_off;
	bool grouped;		/* in a control group that is reclaimed from */
	long swap;		/* number of the swap device; -1: there is none */
	char swap_path[32];
};

#define word(mem, page)	(*(volatile __u64 *)((mem) + (page) * PAGE))

static unsigned int any(struct player *player, unsigned int n)
{
	player->random = player->random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (player->random >> 33) % n;
}

/* Aligned as huge pages are. */
static __u8 *map(struct __test_metadata *_metadata)
{
	__u8 *mem = reserve(_metadata, HUGE, HUGE);

	ASSERT_EQ(mem, mmap(mem, HUGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	return mem;
}

/* Threads */

static bool stopped(struct stress *stress)
{
	return __atomic_load_n(&stress->stop, __ATOMIC_ACQUIRE);
}

static void stop(struct stress *stress)
{
	pthread_mutex_lock(&stress->lock);
	__atomic_store_n(&stress->stop, 1, __ATOMIC_RELEASE);
	pthread_cond_broadcast(&stress->changed);
	pthread_mutex_unlock(&stress->lock);
}

static void *player_run(void *arg)
{
	struct player *player = arg;

	/* Where a failed assertion leads. */
	if (!setjmp(player->metadata.env))
		player->play(&player->metadata, player);
	if (!player->metadata.passed)
		stop(player->stress);
	return NULL;
}

static void player_start(struct __test_metadata *_metadata, struct player *player,
			 struct stress *stress, int index,
			 void (*play)(struct __test_metadata *_metadata, struct player *self))
{
	player->stress = stress;
	player->play = play;
	player->metadata = *_metadata;
	player->index = index;
	player->random = index + 1;
	ASSERT_EQ(0, pthread_create(&player->thread, NULL, player_run, player));
	player->started = true;
}

static void player_join(struct __test_metadata *_metadata, struct player *player)
{
	if (!player->started)
		return;
	pthread_join(player->thread, NULL);
	player->started = false;
	EXPECT_TRUE(player->metadata.passed);
}

/* vCPUs */

static void vcpu_born(struct __test_metadata *_metadata, struct vcpu *vcpu)
{
	struct stress *stress = vcpu->player.stress;
	int id = __atomic_fetch_add(&stress->next_id, 1, __ATOMIC_RELAXED);

	guest_add_vcpu(_metadata, &stress->guest, id, &vcpu->guest);
	set_sregs(_metadata, &vcpu->guest, &vcpu->sregs);
	vcpu->lives++;
}

/* One stay in the guest, whatever interrupts it. */
static void vcpu_stay(struct __test_metadata *_metadata, struct vcpu *vcpu)
{
	struct stress *stress = vcpu->player.stress;
	struct guest *guest = &vcpu->guest;
	int index = vcpu->player.index;
	struct kvm_regs regs = {
		.rip = CODE, .rflags = FLAGS_FIXED, .rsp = STACKS + (index + 1) * PAGE,
		.rcx = PASSES, .rbx = vcpu->round,
		.rsi = LOGGED + index * STRIDE * PAGE, .r8 = PAGES,
		.r10 = MERGED + (index * MERGED_OWN + vcpu->stays % MERGED_OWN) * PAGE,
	};
	__u64 here = HERE + index * STRIDE * PAGE;

	set_regs(_metadata, guest, &regs);
	for (;;) {
		int ret = _guest_run(guest);

		if (ret == -EFAULT || ret == -EINTR) {
			/* Memory that may not be written just now. */
			sched_yield();
			continue;
		}
		ASSERT_EQ(0, ret);
		if (guest->run->exit_reason == KVM_EXIT_HLT)
			break;
		ASSERT_EQ(KVM_EXIT_MMIO, guest->run->exit_reason);
		ASSERT_TRUE(guest->run->mmio.is_write &&
			    (guest->run->mmio.phys_addr == here ||
			     guest->run->mmio.phys_addr == here + APART)) {
			TH_LOG("MMIO at %#llx", guest->run->mmio.phys_addr);
		}
	}
	get_regs(_metadata, guest, &regs);
	ASSERT_EQ(0, regs.r12) {
		TH_LOG("vCPU %d, round %llu: %#llx holds %#llx", index, regs.rbx >> 32, regs.rbp,
		       regs.rax);
	}
	vcpu->round += PASSES * ROUND;
	pthread_mutex_lock(&stress->lock);
	vcpu->stays++;
	pthread_cond_broadcast(&stress->changed);
	pthread_mutex_unlock(&stress->lock);
}

static void vcpu_play(struct __test_metadata *_metadata, struct player *self)
{
	struct vcpu *vcpu = (struct vcpu *)self;

	do {
		vcpu_stay(_metadata, vcpu);
		if (vcpu->stays % STAYS == 0 && vcpu->lives < LIVES) {
			guest_remove_vcpu(&vcpu->guest);
			vcpu_born(_metadata, vcpu);
		}
	} while (!stopped(self->stress));
}

/* The owner's hands */

/* I11: takes over what the log says was written. */
static void harvest(struct __test_metadata *_metadata, struct player *self)
{
	struct stress *stress = self->stress;
	__u64 bitmap[HUGE / PAGE / 64] = { 0 };
	struct kvm_dirty_log log = { .slot = 1, .dirty_bitmap = bitmap };

	ASSERT_EQ(0, _ioctl_ptr(stress->guest.vm, KVM_GET_DIRTY_LOG, &log));
	for (__u64 i = 0; i < HUGE / PAGE; i++)
		if (bitmap[i / 64] >> i % 64 & 1)
			word(stress->copy, i) = word(stress->logged, i);
}

/* The same by an epoch, which as often as not ends as if it had not been. */
static void harvest_epoch(struct __test_metadata *_metadata, struct player *self)
{
	struct stress *stress = self->stress;
	__u64 bitmap[HUGE / PAGE / 64] = { 0 };
	struct slat_dirty_epoch epoch = { .slot = 1, .bitmap = (unsigned long)bitmap };
	struct slat_dirty_epoch end = { .slot = 1 };
	bool commit = any(self, 2);

	if (!on_slat())
		return;
	ASSERT_EQ(0, _ioctl_ptr(stress->guest.vm, SLAT_PEEK_DIRTY, &epoch));
	for (__u64 i = 0; commit && i < HUGE / PAGE; i++)
		if (bitmap[i / 64] >> i % 64 & 1)
			word(stress->copy, i) = word(stress->logged, i);
	ASSERT_EQ(0, _ioctl_ptr(stress->guest.vm, commit ? SLAT_COMMIT_DIRTY : SLAT_ABORT_DIRTY,
				&end));
}

/* Without a log nothing is known: all is taken over when there is one again. */
static void log_anew(struct __test_metadata *_metadata, struct player *self)
{
	struct stress *stress = self->stress;

	ASSERT_EQ(0, _guest_set_memory(&stress->guest, 1, LOGGED, HUGE, stress->logged, 0));
	ASSERT_EQ(0, _guest_set_memory(&stress->guest, 1, LOGGED, HUGE, stress->logged,
				       KVM_MEM_LOG_DIRTY_PAGES));
	for (__u64 i = 0; i < HUGE / PAGE; i++)
		word(stress->copy, i) = word(stress->logged, i);
}

/* Also where there is nothing just now, or nothing that may be written. */
static void populate(struct __test_metadata *_metadata, struct player *self)
{
	struct slat_populate range = {
		.gpa = (1 + any(self, 6)) * APART, .size = HUGE,
		.flags = any(self, 2) ? SLAT_POPULATE_WRITE : 0,
	};
	int ret;

	if (!on_slat())
		return;
	do {
		ret = _ioctl_ptr(self->stress->guest.vm, SLAT_POPULATE, &range);
	} while (!ret && range.size);
	ASSERT_TRUE(!ret || ret == -ENOENT || ret == -EFAULT);
}

static void zap_all(struct __test_metadata *_metadata, struct player *self)
{
	if (on_slat())
		ASSERT_EQ(0, _ioctl(self->stress->guest.vm, SLAT_ZAP_ALL, 0));
}

/* What is given back is somebody else's at once: the guests must not write to it. */
static void discard(struct __test_metadata *_metadata, struct player *self)
{
	__u8 *loose = self->stress->loose, *other;
	size_t first = any(self, 4) * HUGE / 8, size = HUGE / 2;

	switch (any(self, 3)) {
	case 0:
		ASSERT_EQ(0, madvise(loose, HUGE, MADV_DONTNEED));
		break;
	case 1:
		ASSERT_EQ(0, madvise(loose + first, size, MADV_DONTNEED));
		break;
	default:
		ASSERT_EQ(loose + first, mmap(loose + first, size, PROT_READ | PROT_WRITE,
					      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	}
	other = mmap(NULL, HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, other);
	for (__u64 i = 0; i < HUGE / PAGE; i++)
		word(other, i) = i;
	sched_yield();
	for (__u64 i = 0; i < HUGE / PAGE; i++) {
		ASSERT_EQ(i, word(other, i)) {
			TH_LOG("written by a guest that has this page no more");
		}
	}
	munmap(other, HUGE);
}

static void protect(struct __test_metadata *_metadata, struct player *self)
{
	__u8 *mem = any(self, 2) ? self->stress->logged : self->stress->steady;
	__u64 before[HUGE / PAGE];

	ASSERT_EQ(0, mprotect(mem, HUGE, PROT_READ));
	for (__u64 i = 0; i < HUGE / PAGE; i++)
		before[i] = word(mem, i);
	sched_yield();
	for (__u64 i = 0; i < HUGE / PAGE; i++) {
		ASSERT_EQ(before[i], word(mem, i)) {
			TH_LOG("written in spite of its protection");
		}
	}
	ASSERT_EQ(0, mprotect(mem, HUGE, PROT_READ | PROT_WRITE));
}

/* The child sees one state, whatever the guests go on to write. */
static void copy_on_write(struct __test_metadata *_metadata, struct player *self)
{
	struct stress *stress = self->stress;
	int status;
	pid_t child = fork();

	ASSERT_LE(0, child);
	if (!child) {
		__u64 sum[2] = { 0 };

		for (int look = 0; look < 2; look++) {
			for (__u64 i = 0; i < HUGE / PAGE; i++)
				sum[look] += word(stress->logged, i) + word(stress->steady, i) +
					     word(stress->loose, i);
			sched_yield();
		}
		_exit(sum[0] != sum[1]);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_EQ(0, status);
}

/*
 * Another machine, whose vCPU writes to the same memory what may be there, and
 * whose end nobody waits for.
 */
static void other_machine(struct __test_metadata *_metadata, struct player *self)
{
	struct stress *stress = self->stress;
	struct kvm_regs regs = {
		.rip = CODE, .rflags = FLAGS_FIXED, .rsi = LOOSE, .rcx = HUGE / PAGE,
	};
	struct guest other;

	guest_create(_metadata, &other);
	ASSERT_EQ(0, _guest_set_memory(&other, 1, LOOSE, HUGE, stress->loose, 0));
	guest_load(&other, store);
	guest_mode(_metadata, &other, MODE_LONG);
	set_regs(_metadata, &other, &regs);
	guest_run_hlt(_metadata, &other);
	guest_destroy(&other);
}

/* A visitor that has left is not written to any more. */
static void check_visitors(struct __test_metadata *_metadata, struct stress *stress)
{
	for (int i = 0; i < 2; i++) {
		for (int vcpu = 0; vcpu < stress->vcpu_count; vcpu++) {
			__u64 page = vcpu * STRIDE, seen = word(stress->visitors[i], page);

			if (i != stress->visitor) {
				ASSERT_EQ(0, seen);
			} else if (seen) {
				ASSERT_TRUE(seen == HERE + page * PAGE ||
					    seen == THERE + page * PAGE);
			}
		}
	}
}

static void clear_visitor(struct stress *stress)
{
	for (int vcpu = 0; vcpu < stress->vcpu_count; vcpu++)
		word(stress->visitors[stress->visitor], vcpu * STRIDE) = 0;
}

static void set_visitor(struct __test_metadata *_metadata, struct stress *stress, __u64 gpa,
			__u64 size)
{
	ASSERT_EQ(0, _guest_set_memory(&stress->guest, 5, gpa, size,
				       stress->visitors[stress->visitor], 0));
}

static void visit(struct __test_metadata *_metadata, struct player *self)
{
	struct stress *stress = self->stress;

	check_visitors(_metadata, stress);
	if (stress->visitor >= 0) {
		set_visitor(_metadata, stress, HERE, 0);
		clear_visitor(stress);
		stress->visitor = -1;
		sched_yield();
		check_visitors(_metadata, stress);
	} else {
		stress->visitor = any(self, 2);
		set_visitor(_metadata, stress, any(self, 2) ? HERE : THERE, HUGE);
	}
}

/* Where it was it is no more: what is written there does not arrive. */
static void move(struct __test_metadata *_metadata, struct player *self)
{
	struct stress *stress = self->stress;
	__u64 gone = any(self, 2) ? HERE : THERE;

	if (stress->visitor < 0)
		visit(_metadata, self);
	set_visitor(_metadata, stress, gone, HUGE);
	set_visitor(_metadata, stress, gone == HERE ? THERE : HERE, HUGE);
	clear_visitor(stress);
	sched_yield();
	for (__u64 vcpu = 0; vcpu < stress->vcpu_count; vcpu++)
		ASSERT_NE(gone + vcpu * STRIDE * PAGE,
			  word(stress->visitors[stress->visitor], vcpu * STRIDE));
}

/* Two slots at once: another visitor comes, and a slot that nobody uses comes or goes. */
static void replace(struct __test_metadata *_metadata, struct player *self)
{
	struct stress *stress = self->stress;
	struct slat_memory_region regions[2];
	int next;

	if (!on_slat())
		return;
	if (stress->visitor < 0)
		visit(_metadata, self);
	next = !stress->visitor;
	regions[0] = region(6, BESIDE, HUGE, stress->visitors[next], 0);
	if (stress->beside)
		regions[0].memory_size = 0;
	regions[1] = region(5, any(self, 2) ? HERE : THERE, HUGE, stress->visitors[next], 0);
	ASSERT_EQ(0, _set_regions(&stress->guest, regions, 2));
	stress->beside = !stress->beside;
	clear_visitor(stress);
	stress->visitor = next;
	sched_yield();
	check_visitors(_metadata, stress);
}

/* The kernel's hands.  What this kernel cannot do, or not now, is left out. */

static __u8 *any_region(struct player *self)
{
	struct stress *stress = self->stress;
	__u8 *regions[] = { stress->logged, stress->steady, stress->loose };

	return regions[any(self, ARRAY_SIZE(regions))];
}

static void page_out(struct __test_metadata *_metadata, struct player *self)
{
	__u8 *mem = any_region(self) + any(self, self->stress->vcpu_count) * STRIDE * PAGE;

	/* The first time it may only learn that the guests have used the pages. */
	madvise(mem, PAGES * PAGE, MADV_PAGEOUT);
	madvise(mem, PAGES * PAGE, MADV_PAGEOUT);
}

#define CGROUP	"/sys/fs/cgroup/guest_stress"

static void shrink(struct __test_metadata *_metadata, struct player *self)
{
	if (self->stress->grouped)
		_file_write(CGROUP "/memory.reclaim", "256K");
	_file_write("/proc/sys/vm/drop_caches", "2");
}

/* To where there is room; or one page, which is not used any more, to another. */
static void migrate(struct __test_metadata *_metadata, struct player *self)
{
	static int taken;

	if (any(self, 4) && taken++ < 64)
		madvise(any_region(self) + any(self, HUGE / PAGE) * PAGE, PAGE,
			MADV_SOFT_OFFLINE);
	else
		_file_write("/proc/sys/vm/compact_memory", "1");
}

static void collapse(struct __test_metadata *_metadata, struct player *self)
{
	madvise(any_region(self), HUGE, MADV_COLLAPSE);
}

static void split(struct __test_metadata *_metadata, struct player *self)
{
	unsigned long mem = (unsigned long)any_region(self);
	char command[96];

	snprintf(command, sizeof(command), "%d,%#lx,%#lx", getpid(), mem, mem + HUGE);
	_file_write(SPLIT_HUGE, command);
}

/* These pages have not been used since. */
static void age(struct __test_metadata *_metadata, struct player *self)
{
	unsigned int words = sysconf(_SC_PHYS_PAGES) / 64 / 16;
	int fd = open(PAGE_IDLE, O_RDWR | O_CLOEXEC);
	__u64 all[words];

	if (fd < 0)
		return;
	memset(all, 0xff, sizeof(all));
	pwrite(fd, all, sizeof(all), any(self, 16) * sizeof(all));
	close(fd);
}

static void unplug(struct __test_metadata *_metadata, struct player *self)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/online",
		 cpu_number(any(self, cpu_count())));
	if (_file_write(path, "0"))
		return;
	sched_yield();
	file_write(_metadata, path, "1");
}

static struct hand hands[] = {
	{ .at_a_time = 8,
	  .deeds = { { "dirty log read", harvest }, { "dirty log begun", log_anew },
		     { "dirty epoch", harvest_epoch } } },
	{ .at_a_time = 8,
	  .deeds = { { "slot created or deleted", visit }, { "slot moved", move },
		     { "slots replaced", replace },
		     { "zap-all", zap_all } } },
	{ .at_a_time = 1,
	  .deeds = { { "discard", discard }, { "protect", protect }, { "fork", copy_on_write },
		     { "another machine", other_machine } } },
	{ .at_a_time = 1,
	  .deeds = { { "swap", page_out }, { "reclaim", shrink }, { "age", age },
		     { "populate", populate } } },
	{ .at_a_time = 1,
	  .deeds = { { "collapse", collapse }, { "split", split }, { "migrate", migrate } } },
	{ .at_a_time = 1,
	  .deeds = { { "CPU hotplug", unplug } } },
};

/* All hands are done, and no vCPU is left behind. */
static bool round_over(struct stress *stress)
{
	for (int i = 0; i < stress->vcpu_count; i++)
		if (stress->vcpus[i].stays <= stress->round)
			return false;
	return stress->waiting == ARRAY_SIZE(hands);
}

static void end_round(struct stress *stress)
{
	int round;

	pthread_mutex_lock(&stress->lock);
	round = stress->round;
	stress->waiting++;
	while (stress->round == round && !stress->stop) {
		if (!round_over(stress)) {
			pthread_cond_wait(&stress->changed, &stress->lock);
			continue;
		}
		stress->waiting = 0;
		stress->round++;
		pthread_cond_broadcast(&stress->changed);
	}
	pthread_mutex_unlock(&stress->lock);
}

/* Each deed once, then any of them; all hands begin each round together. */
static void hand_play(struct __test_metadata *_metadata, struct player *self)
{
	struct hand *hand = (struct hand *)self;
	struct stress *stress = self->stress;
	int count = 0;

	while (hand->deeds[count].fn)
		count++;
	for (int round = 0, i = 0; round < rounds && !stopped(stress); round++) {
		for (int end = i + hand->at_a_time; i < end; i++) {
			struct deed *deed = &hand->deeds[i < count ? i : any(self, count)];

			deed->fn(_metadata, self);
			deed->times++;
		}
		end_round(stress);
	}
}

/* Beginning and end */

FIXTURE(stress) {
	struct stress all;
};

static void host_begin(struct __test_metadata *_metadata, struct stress *stress)
{
	stress->thp_was_off = thp_on();
	stress->swap = swap_on(_metadata, stress->swap_path, sizeof(stress->swap_path));
	_file_write("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
	stress->grouped = !mkdir(CGROUP, 0700) && !_file_write(CGROUP "/cgroup.procs", "0");
	_file_write(KSM "sleep_millisecs", "10");
	_file_write(KSM "pages_to_scan", "64");
	_file_write(KSM "run", "1");
}

static void host_end(struct __test_metadata *_metadata, struct stress *stress)
{
	_file_write(KSM "run", "2");
	_file_write(KSM "run", "0");
	if (stress->grouped)
		_file_write("/sys/fs/cgroup/cgroup.procs", "0");
	rmdir(CGROUP);
	if (stress->swap >= 0)
		swap_off(_metadata, stress->swap_path, stress->swap);
	thp_restore(stress->thp_was_off);
}

static void set_slot(struct __test_metadata *_metadata, struct stress *stress, int slot, __u64 gpa,
		     __u8 *mem, __u32 flags)
{
	ASSERT_EQ(0, _guest_set_memory(&stress->guest, slot, gpa, HUGE, mem, flags));
}

static void memory_begin(struct __test_metadata *_metadata, struct stress *stress)
{
	__u8 **regions[] = { &stress->logged, &stress->copy, &stress->steady, &stress->loose,
			     &stress->merged, &stress->visitors[0], &stress->visitors[1] };

	for (int i = 0; i < ARRAY_SIZE(regions); i++)
		*regions[i] = map(_metadata);
	stress->visitor = -1;
	set_slot(_metadata, stress, 1, LOGGED, stress->logged, KVM_MEM_LOG_DIRTY_PAGES);
	set_slot(_metadata, stress, 2, STEADY, stress->steady, 0);
	set_slot(_metadata, stress, 3, LOOSE, stress->loose, 0);
	set_slot(_metadata, stress, 4, MERGED, stress->merged, 0);
	for (__u64 i = 0; i < HUGE / PAGE; i++) {
		word(stress->logged, i) = word(stress->copy, i) = LOGGED + i * PAGE;
		word(stress->steady, i) = STEADY + i * PAGE;
		word(stress->merged, i) = ALIKE;
	}
	madvise(stress->merged, MERGED_PAGES * PAGE, MADV_MERGEABLE);
}

FIXTURE_SETUP(stress)
{
	struct stress *stress = &self->all;
	struct kvm_sregs sregs;

	stress->vcpu_count = cpu_count();
	stress->vcpu_count = stress->vcpu_count < VCPUS_MIN ? VCPUS_MIN :
			     stress->vcpu_count > VCPUS_MAX ? VCPUS_MAX : stress->vcpu_count;
	pthread_mutex_init(&stress->lock, NULL);
	pthread_cond_init(&stress->changed, NULL);
	host_begin(_metadata, stress);
	guest_create(_metadata, &stress->guest);
	memory_begin(_metadata, stress);
	guest_load(&stress->guest, stay);
	guest_mode(_metadata, &stress->guest, MODE_LONG);
	get_sregs(_metadata, &stress->guest, &sregs);
	stress->next_id = 1;
	for (int i = 0; i < stress->vcpu_count; i++) {
		stress->vcpus[i].player.stress = stress;
		stress->vcpus[i].sregs = sregs;
		vcpu_born(_metadata, &stress->vcpus[i]);
	}
}

static void stop_all(struct __test_metadata *_metadata, struct stress *stress)
{
	for (int i = 0; i < ARRAY_SIZE(hands); i++)
		player_join(_metadata, &hands[i].player);
	stop(stress);
	/* Also after a failure, when nobody else does: what they use goes away. */
	mprotect(stress->logged, HUGE, PROT_READ | PROT_WRITE);
	mprotect(stress->steady, HUGE, PROT_READ | PROT_WRITE);
	for (int i = 0; i < stress->vcpu_count; i++)
		player_join(_metadata, &stress->vcpus[i].player);
}

FIXTURE_TEARDOWN(stress)
{
	struct stress *stress = &self->all;

	stop_all(_metadata, stress);
	for (int i = 0; i < stress->vcpu_count; i++)
		guest_remove_vcpu(&stress->vcpus[i].guest);
	guest_destroy(&stress->guest);
	host_end(_metadata, stress);
}

static void check_page(struct __test_metadata *_metadata, const __u8 *mem, __u64 gpa, __u64 page,
		       __u64 round)
{
	ASSERT_EQ(gpa + page * PAGE + round, word(mem, page));
}

/* What every page must hold. */
static void check_end(struct __test_metadata *_metadata, struct stress *stress)
{
	for (__u64 page = 0; page < HUGE / PAGE; page++) {
		struct vcpu *vcpu = &stress->vcpus[page / STRIDE];
		__u64 round = page % STRIDE < PAGES ? vcpu->round : 0;
		__u64 loose = word(stress->loose, page), merged = word(stress->merged, page);

		check_page(_metadata, stress->logged, LOGGED, page, round);
		check_page(_metadata, stress->steady, STEADY, page, round);
		loose = loose ? loose - (LOOSE + page * PAGE) : 0;
		ASSERT_TRUE(loose <= round && !(loose & (ROUND - 1)));
		ASSERT_EQ(ALIKE, merged);
	}
	harvest(_metadata, &stress->vcpus[0].player);
	for (__u64 i = 0; i < HUGE / PAGE; i++) {
		ASSERT_EQ(word(stress->logged, i), word(stress->copy, i)) {
			TH_LOG("a write to page %llu is missing from the dirty log",
			       (unsigned long long)i);
		}
	}
	check_visitors(_metadata, stress);
}

static const char *const counters[] = {
	"pswpout", "pglazyfreed", "pgmigrate_success", "thp_split_page", "thp_split_pmd",
	"thp_collapse_alloc", "ksm_swpin_copy", "cow_ksm",
};

static void log_what_was(struct __test_metadata *_metadata, struct stress *stress,
			 const long *before)
{
	for (int i = 0; i < ARRAY_SIZE(hands); i++)
		for (struct deed *deed = hands[i].deeds; deed->fn; deed++)
			TH_LOG("%lu times: %s", deed->times, deed->name);
	for (int i = 0; i < stress->vcpu_count; i++)
		TH_LOG("vCPU %d: %lu stays in %lu lives", i, stress->vcpus[i].stays,
		       stress->vcpus[i].lives);
	for (int i = 0; i < ARRAY_SIZE(counters); i++)
		TH_LOG("%s: %ld", counters[i], vm_counter(counters[i]) - before[i]);
}

TEST_F_TIMEOUT(stress, nothing_appears_in_a_wrong_page, 3600)
{
	struct stress *stress = &self->all;
	struct slat_vm_stats stats = { 0 };
	long before[ARRAY_SIZE(counters)];

	for (int i = 0; i < ARRAY_SIZE(counters); i++)
		before[i] = vm_counter(counters[i]);
	for (int i = 0; i < stress->vcpu_count; i++)
		player_start(_metadata, &stress->vcpus[i].player, stress, i, vcpu_play);
	for (int i = 0; i < ARRAY_SIZE(hands); i++)
		player_start(_metadata, &hands[i].player, stress, i, hand_play);
	stop_all(_metadata, stress);
	log_what_was(_metadata, stress, before);
	for (int i = 0; i < stress->vcpu_count; i++)
		ASSERT_LT(0, stress->vcpus[i].stays);
	if (_metadata->passed)
		check_end(_metadata, stress);
	if (!on_slat())
		return;

	get_stats(_metadata, &stress->guest, &stats);
	TH_LOG("%llu faults, %llu retries, %llu batches, %llu waits, %llu IPIs, %llu saved",
	       stats.faults, stats.fault_retries, stats.batches, stats.waits, stats.ipis_sent,
	       stats.ipis_saved);
	/* On one CPU nobody is in the guest while somebody else runs. */
	if (cpu_count() > 1) {
		EXPECT_LT(0, stats.ipis_sent);
		EXPECT_LT(0, stats.waits);
	}
}

int main(int argc, char **argv)
{
	require_guests();
	if (argc > 1)
		rounds = atoi(argv[1]);
	return test_harness_run(1, argv);
}
