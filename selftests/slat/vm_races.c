// SPDX-License-Identifier: GPL-2.0-only
/*
 * Descriptors of VMs and vCPUs in many hands at once, and those who hold them
 * gone at any moment: vm_races [ROUNDS [SEED]] of processes that are killed.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>

#include "hostile.h"
#include "memory_use.h"

#define FIRST		0x1000000UL	/* guest-physical address of a second slot */
#define PAGES		64
#define SIZE		(PAGES * 4096UL)
#define VMS		200
#define VMS_IN_A_ROUND	10
#define WAYS		5		/* of living, until one is killed */

/* Store a number that grows in each page from RSI on, RCX pages; tell; again. */
GUEST_CODE(store_for_ever, 64,
	   "2: mov %rsi, %rdi\n"
	   "mov %rcx, %rdx\n"
	   "inc %rax\n"
	   "1: mov %rax, (%rdi)\n"
	   "add $4096, %rdi\n"
	   "dec %rdx\n"
	   "jnz 1b\n"
	   "out %al, $0x10\n"
	   "jmp 2b\n");

/* The same without an exit of its own. */
GUEST_CODE(store_silently, 64,
	   "2: mov %rsi, %rdi\n"
	   "mov %rcx, %rdx\n"
	   "inc %rax\n"
	   "1: mov %rax, (%rdi)\n"
	   "add $4096, %rdi\n"
	   "dec %rdx\n"
	   "jnz 1b\n"
	   "jmp 2b\n");

GUEST_CODE(spin, 64, "1: pause\n jmp 1b\n");

/* MMIO reads and writes where no slot is. */
GUEST_CODE(mmio_for_ever, 64,
	   "mov $0x10000000, %edi\n"
	   "1: mov (%rdi), %rax\n"
	   "mov %rax, 8(%rdi)\n"
	   "jmp 1b\n");

/* Ready to run @begin; interrupts on: some machines do not leave a guest otherwise. */
static void prepare(struct __test_metadata *_metadata, struct guest *guest, const char *begin,
		    const char *end)
{
	struct kvm_regs regs;

	guest_load_at(guest, CODE, begin, end);
	guest_mode(_metadata, guest, MODE_LONG);
	get_regs(_metadata, guest, &regs);
	regs.rsi = FIRST;
	regs.rcx = PAGES;
	regs.rflags |= FLAGS_IF;
	set_regs(_metadata, guest, &regs);
}

#define prepare_code(guest, name)	prepare(_metadata, guest, name, name##_end)

static __u8 *second_slot(struct __test_metadata *_metadata, struct guest *guest)
{
	__u8 *mem = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, _guest_set_memory(guest, 1, FIRST, SIZE, mem, 0));
	return mem;
}

FIXTURE(races) {
	struct guest guest;
	__u8 *mem;		/* of the second slot */
	long refs;
};

FIXTURE_SETUP(races)
{
	self->refs = _file_read_long(SLAT_SYSFS "/refcnt");
	guest_create(_metadata, &self->guest);
	self->mem = second_slot(_metadata, &self->guest);
}

FIXTURE_TEARDOWN(races)
{
	guest_destroy(&self->guest);
	munmap(self->mem, SIZE);
	EXPECT_EQ(self->refs, _file_read_long(SLAT_SYSFS "/refcnt"));
}

struct player {
	struct guest *guest;
	__u8 *mem;
	int rounds;
	int stop;
	unsigned int errors;
	unsigned long done;
	pthread_t thread;
};

static bool stopped(struct player *player)
{
	return __atomic_load_n(&player->stop, __ATOMIC_ACQUIRE);
}

static void stop(struct player *player)
{
	__atomic_store_n(&player->stop, 1, __ATOMIC_RELEASE);
}

static unsigned long progress(struct player *player)
{
	return __atomic_load_n(&player->done, __ATOMIC_RELAXED);
}

/* Runs the guest until it is told to stop, which it sees at an exit. */
static void *run_guest(void *arg)
{
	struct player *player = arg;

	while (!stopped(player)) {
		int ret = _guest_run(player->guest);

		if (ret && ret != -EINTR)
			player->errors++;
		__atomic_fetch_add(&player->done, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void start_player(struct __test_metadata *_metadata, struct player *player,
			 void *(*fn)(void *))
{
	ASSERT_EQ(0, pthread_create(&player->thread, NULL, fn, player));
}

static void end_player(struct __test_metadata *_metadata, struct player *player)
{
	stop(player);
	ASSERT_EQ(0, pthread_join(player->thread, NULL));
	EXPECT_EQ(0, player->errors);
}

static void *read_state(void *arg)
{
	struct player *player = arg;
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	struct kvm_xsave xsave;
	struct kvm_vcpu_events events;

	for (int i = 0; i < player->rounds; i++) {
		int fd = player->guest->fd;

		if (_ioctl_ptr(fd, KVM_GET_REGS, &regs) || _ioctl_ptr(fd, KVM_GET_SREGS, &sregs) ||
		    _ioctl_ptr(fd, KVM_GET_XSAVE, &xsave) ||
		    _ioctl_ptr(fd, KVM_GET_VCPU_EVENTS, &events))
			player->errors++;
		/* What it reads is of one moment: it can be put back only if nobody ran. */
		if (_ioctl_ptr(fd, KVM_SET_SREGS, &sregs))
			player->errors++;
		if (regs.rip < CODE || regs.rip > CODE + 64 || regs.rsi != FIRST)
			player->errors++;
	}
	return NULL;
}

TEST_F_TIMEOUT(races, many_hands_on_one_vcpu, 300)
{
	struct player runners[2], readers[2];

	prepare_code(&self->guest, store_for_ever);
	for (int i = 0; i < 2; i++) {
		readers[i] = (struct player) { .guest = &self->guest, .rounds = 300 };
		runners[i] = readers[i];
		start_player(_metadata, &runners[i], run_guest);
		start_player(_metadata, &readers[i], read_state);
	}
	for (int i = 0; i < 2; i++)
		end_player(_metadata, &readers[i]);
	for (int i = 0; i < 2; i++)
		end_player(_metadata, &runners[i]);
}

/* Each number is somebody's once. */
struct creator {
	int vm;
	pthread_t thread;
	unsigned int made;
	unsigned int errors;
};

#define CREATORS	4
#define NUMBERS		50

static void *create_vcpus(void *arg)
{
	struct creator *creator = arg;

	for (int id = 1; id <= NUMBERS; id++) {
		int fd = _ioctl(creator->vm, KVM_CREATE_VCPU, id);

		if (fd >= 0) {
			creator->made++;
			close(fd);
		} else if (fd != -EEXIST) {
			creator->errors++;
		}
	}
	return NULL;
}

TEST_F_TIMEOUT(races, vcpus_are_created_once, 300)
{
	struct player runner = { .guest = &self->guest };
	struct creator creators[CREATORS];
	unsigned int made = 0;

	prepare_code(&self->guest, store_for_ever);
	start_player(_metadata, &runner, run_guest);
	for (int i = 0; i < CREATORS; i++) {
		creators[i] = (struct creator) { .vm = self->guest.vm };
		ASSERT_EQ(0, pthread_create(&creators[i].thread, NULL, create_vcpus,
					    &creators[i]));
	}
	for (int i = 0; i < CREATORS; i++) {
		ASSERT_EQ(0, pthread_join(creators[i].thread, NULL));
		EXPECT_EQ(0, creators[i].errors);
		made += creators[i].made;
	}
	EXPECT_EQ(NUMBERS, made);
	end_player(_metadata, &runner);
}

static void *change_slots(void *arg)
{
	struct player *player = arg;
	struct guest *guest = player->guest;

	for (int i = 0; i < player->rounds; i++) {
		__u32 flags = i & 1 ? KVM_MEM_LOG_DIRTY_PAGES : 0;

		if (_guest_set_memory(guest, 1, 0, 0, NULL, 0) ||
		    _guest_set_memory(guest, 1, 2 * FIRST, SIZE, player->mem, flags) ||
		    _guest_set_memory(guest, 1, FIRST, SIZE, player->mem, flags))
			player->errors++;
	}
	return NULL;
}

static void *drop_all(void *arg)
{
	struct player *player = arg;

	for (int i = 0; i < player->rounds; i++) {
		if (on_slat() && _ioctl(player->guest->vm, SLAT_ZAP_ALL, 0))
			player->errors++;
		if (madvise(player->mem, SIZE, MADV_DONTNEED))
			player->errors++;
	}
	return NULL;
}

static void *read_log(void *arg)
{
	unsigned long bits[PAGES / 64];
	struct kvm_dirty_log log = { .slot = 1, .dirty_bitmap = bits };
	struct player *player = arg;

	for (int i = 0; i < player->rounds; i++) {
		int ret = _ioctl_ptr(player->guest->vm, KVM_GET_DIRTY_LOG, &log);

		if (ret && ret != -ENOENT)
			player->errors++;
	}
	return NULL;
}

/* The memory goes, moves and comes back under a guest that writes to all of it. */
TEST_F_TIMEOUT(races, memory_of_a_running_guest, 300)
{
	void *(*const acts[])(void *) = { change_slots, drop_all, read_log };
	struct player runner = { .guest = &self->guest }, players[ARRAY_SIZE(acts)];

	prepare_code(&self->guest, store_for_ever);
	start_player(_metadata, &runner, run_guest);
	for (size_t i = 0; i < ARRAY_SIZE(acts); i++) {
		players[i] = (struct player) {
			.guest = &self->guest, .mem = self->mem, .rounds = 200,
		};
		start_player(_metadata, &players[i], acts[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(acts); i++)
		end_player(_metadata, &players[i]);
	end_player(_metadata, &runner);
	/* All is back, and what the guest writes now is what its owner sees. */
	prepare_code(&self->guest, store_for_ever);
	for (int round = 1; round <= 2; round++) {
		guest_run(_metadata, &self->guest, KVM_EXIT_IO);
		for (int i = 0; i < PAGES; i++) {
			ASSERT_EQ(round, *(volatile __u64 *)(self->mem + i * 4096UL)) {
				TH_LOG("page %d", i);
			}
		}
	}
}

/* The owner's memory is unmapped for good: -EFAULT, and once it is back, on it goes. */
TEST_F(races, memory_is_unmapped_under_a_running_guest)
{
	int ret;

	prepare_code(&self->guest, store_for_ever);
	guest_run(_metadata, &self->guest, KVM_EXIT_IO);
	ASSERT_EQ(0, munmap(self->mem, SIZE));
	do {
		ret = _guest_run(&self->guest);
	} while (ret == -EINTR || (!ret && self->guest.run->exit_reason == KVM_EXIT_IO));
	EXPECT_EQ(-EFAULT, ret);
	ASSERT_EQ(self->mem, mmap(self->mem, SIZE, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	guest_run(_metadata, &self->guest, KVM_EXIT_IO);
	guest_run(_metadata, &self->guest, KVM_EXIT_IO);
	EXPECT_LT(0, *(volatile __u64 *)self->mem);
}

/* A vCPU keeps its VM. */
TEST_F(races, vm_descriptor_closes_while_a_vcpu_runs)
{
	struct player runner = { .guest = &self->guest };

	prepare_code(&self->guest, store_for_ever);
	start_player(_metadata, &runner, run_guest);
	while (progress(&runner) < 10)
		sched_yield();
	close(self->guest.vm);
	close(self->guest.dev);
	for (unsigned long at = progress(&runner); progress(&runner) < at + 10;)
		sched_yield();
	end_player(_metadata, &runner);
	self->guest.vm = -1;
	self->guest.dev = -1;
}

static void *run_until_closed(void *arg)
{
	struct player *player = arg;
	int ret;

	do {
		ret = _guest_run(player->guest);
		__atomic_fetch_add(&player->done, 1, __ATOMIC_RELAXED);
	} while (!ret || ret == -EINTR);
	player->errors = ret != -EBADF;
	return NULL;
}

/* In the middle of KVM_RUN: the call goes on to its end. */
TEST_F(races, vcpu_descriptor_closes_while_it_runs)
{
	struct player runner = { .guest = &self->guest };

	prepare_code(&self->guest, store_for_ever);
	start_player(_metadata, &runner, run_until_closed);
	while (progress(&runner) < 10)
		sched_yield();
	close(self->guest.fd);
	end_player(_metadata, &runner);
	EXPECT_EQ(-EEXIST, _ioctl(self->guest.vm, KVM_CREATE_VCPU, 0));
}

/* A VM is its owner's: whoever else has its descriptors cannot use them. */
static unsigned int use_as_stranger(struct guest *guest)
{
	char buf[4096] = { 0 };
	unsigned int errors = 0;

	errors += _ioctl(guest->fd, KVM_RUN, 0) != -EIO;
	errors += _ioctl_ptr(guest->fd, KVM_GET_REGS, buf) != -EIO;
	errors += _ioctl_ptr(guest->fd, KVM_SET_REGS, buf) != -EIO;
	errors += _ioctl(guest->fd, ~0U, 0) != -EIO;
	errors += _ioctl(guest->vm, KVM_CREATE_VCPU, 7) != -EIO;
	errors += _guest_set_memory(guest, 1, 0, 0, NULL, 0) != -EIO;
	errors += _ioctl(guest->vm, KVM_CHECK_EXTENSION, KVM_CAP_USER_MEMORY) != -EIO;
	errors += _ioctl(guest->vm, ~0U, 0) != -EIO;
	return errors;
}

static void stranger(void *arg)
{
	_exit(use_as_stranger(arg));
}

TEST_F(races, child_inherits_descriptors)
{
	struct player runner = { .guest = &self->guest };

	EXPECT_EQ(0, in_child(_metadata, stranger, &self->guest));
	prepare_code(&self->guest, store_for_ever);
	start_player(_metadata, &runner, run_guest);
	while (progress(&runner) < 10)
		sched_yield();
	EXPECT_EQ(0, in_child(_metadata, stranger, &self->guest));
	end_player(_metadata, &runner);
	EXPECT_TRUE(works(&self->guest));
}

static void write_to_all(void *arg)
{
	struct player *player = arg;

	for (int i = 0; i < PAGES; i++)
		*(volatile __u64 *)(player->mem + i * 4096UL) = ~0ULL;
}

/* Copy-on-write takes pages away on both sides: the guest goes on with its owner's. */
TEST_F_TIMEOUT(races, forks_while_the_guest_runs, 300)
{
	struct player runner = { .guest = &self->guest, .mem = self->mem };

	prepare_code(&self->guest, store_for_ever);
	start_player(_metadata, &runner, run_guest);
	for (int i = 0; i < 20; i++) {
		volatile __u64 *last = (volatile __u64 *)(self->mem + SIZE - 4096);
		unsigned long at;
		__u64 before;

		ASSERT_EQ(0, in_child(_metadata, write_to_all, &runner));
		before = *last;
		ASSERT_NE(~0ULL, before);
		at = progress(&runner);
		while (progress(&runner) < at + 2)
			sched_yield();
		/* Two rounds further, it has been written there. */
		ASSERT_LT(before, *last);
	}
	end_player(_metadata, &runner);
}

static int send_fds(int sock, const int *fds, size_t count)
{
	char control[CMSG_SPACE(4 * sizeof(int))] = { 0 }, byte = 0;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
		.msg_controllen = CMSG_SPACE(count * sizeof(int)),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(count * sizeof(int));
	memcpy(CMSG_DATA(cmsg), fds, count * sizeof(int));
	return sendmsg(sock, &msg, 0) == 1 ? 0 : -errno;
}

static int receive_fds(int sock, int *fds, size_t count)
{
	char control[CMSG_SPACE(4 * sizeof(int))] = { 0 }, byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
		.msg_controllen = sizeof(control),
	};

	if (recvmsg(sock, &msg, 0) != 1 || !CMSG_FIRSTHDR(&msg))
		return -EIO;
	memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&msg)), count * sizeof(int));
	return 0;
}

struct owner {
	struct __test_metadata *metadata;
	int sock;
	bool spins;
};

/* Has a guest with memory in use, gives its descriptors away, and goes on or exits. */
static void own_and_give(void *arg)
{
	struct owner *owner = arg;
	struct __test_metadata *_metadata = owner->metadata;
	struct guest guest;

	guest_create(_metadata, &guest);
	second_slot(_metadata, &guest);
	prepare_code(&guest, store_for_ever);
	guest_run(_metadata, &guest, KVM_EXIT_IO);
	if (send_fds(owner->sock, (int []) { guest.vm, guest.fd }, 2))
		_exit(1);
	if (owner->spins) {
		prepare_code(&guest, store_silently);
		_guest_run(&guest);
	}
}

/* Who has the descriptors last is not who had the memory. */
TEST_F(races, descriptors_outlive_their_owner)
{
	for (int way = 0; way < 4; way++) {
		struct owner owner = { .metadata = _metadata, .spins = way & 1 };
		int socks[2], status, *fds;
		struct guest guest;
		pid_t pid;

		ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, socks));
		owner.sock = socks[1];
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			own_and_give(&owner);
			_exit(0);
		}
		fds = (int []) { -1, -1 };
		ASSERT_EQ(0, receive_fds(socks[0], fds, 2));
		guest = (struct guest) { .vm = fds[0], .fd = fds[1] };
		EXPECT_EQ(0, use_as_stranger(&guest));
		ASSERT_TRUE(!owner.spins || !kill(pid, SIGKILL));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_EQ(0, use_as_stranger(&guest));
		guest.run = mmap(NULL, self->guest.run_size, PROT_READ | PROT_WRITE, MAP_SHARED,
				 guest.fd, 0);
		ASSERT_NE(MAP_FAILED, guest.run);
		/* It may have been killed before it ran again. */
		EXPECT_TRUE(guest.run->exit_reason == KVM_EXIT_IO ||
			    (owner.spins && guest.run->exit_reason == KVM_EXIT_INTR));
		close(way & 2 ? guest.fd : guest.vm);
		close(way & 2 ? guest.vm : guest.fd);
		munmap(guest.run, self->guest.run_size);
		close(socks[0]);
		close(socks[1]);
	}
}

/* execve() ends the other threads, of which one is in the guest, and the memory. */
static void exec_while_running(void *arg)
{
	struct __test_metadata *_metadata = arg;
	char vm[16], vcpu[16];
	struct player runner;
	struct guest guest;

	guest_create(_metadata, &guest);
	second_slot(_metadata, &guest);
	prepare_code(&guest, store_for_ever);
	guest_run(_metadata, &guest, KVM_EXIT_IO);
	prepare_code(&guest, store_silently);
	runner = (struct player) { .guest = &guest };
	start_player(_metadata, &runner, run_guest);
	while (*(volatile __u64 *)(guest.mem + DATA))
		sched_yield();
	fcntl(guest.vm, F_SETFD, 0);
	fcntl(guest.fd, F_SETFD, 0);
	snprintf(vm, sizeof(vm), "%d", guest.vm);
	snprintf(vcpu, sizeof(vcpu), "%d", guest.fd);
	execl("/proc/self/exe", "vm_races", "stranger", vm, vcpu, NULL);
	_exit(1);
}

TEST_F(races, owner_executes_another_program)
{
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, in_child(_metadata, exec_while_running, _metadata)) {
			TH_LOG("round %d", i);
		}
	}
}

/* Whatever changes memory, in a loop, while another thread runs the guest. */
static void *rework_memory(void *arg)
{
	unsigned long bits[PAGES / 64];
	struct guest *guest = arg;
	__u8 *mem = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (unsigned int i = 0;; i++) {
		struct slat_populate range = { .gpa = FIRST, .size = SIZE };
		struct slat_dirty_epoch epoch = { .slot = 1, .bitmap = (unsigned long)bits };
		struct slat_memory_region changes[] = {
			{ .slot = 1, .guest_phys_addr = FIRST, .memory_size = SIZE,
			  .userspace_addr = (unsigned long)mem,
			  .flags = i & 1 ? KVM_MEM_LOG_DIRTY_PAGES : 0 },
			{ .slot = 2, .guest_phys_addr = 2 * FIRST, .memory_size = i & 2 ? SIZE : 0,
			  .userspace_addr = (unsigned long)mem },
		};
		struct slat_memory_regions regions = {
			.count = ARRAY_SIZE(changes), .regions = (unsigned long)changes,
		};

		_ioctl_ptr(guest->vm, SLAT_SET_MEMORY_REGIONS, &regions);
		_ioctl_ptr(guest->vm, SLAT_POPULATE, &range);
		_ioctl_ptr(guest->vm, SLAT_PEEK_DIRTY, &epoch);
		_ioctl(guest->vm, SLAT_ZAP_ALL, 0);
		madvise(mem, SIZE, MADV_DONTNEED);
	}
	return NULL;
}

/* What a process does while it is killed. */
static void live(struct __test_metadata *_metadata, int way, int ready)
{
	struct guest guest;
	pthread_t thread;

	guest_create(_metadata, &guest);
	second_slot(_metadata, &guest);
	if (way == 0)
		prepare_code(&guest, spin);
	else if (way == 1)
		prepare_code(&guest, store_silently);
	else if (way == 2)
		prepare_code(&guest, store_for_ever);
	else if (way == 3)
		prepare_code(&guest, mmio_for_ever);
	else
		prepare_code(&guest, store_silently);
	if (way == 4)
		ASSERT_EQ(0, pthread_create(&thread, NULL, rework_memory, &guest));
	if (write(ready, "", 1) != 1)
		_exit(1);
	for (;;) {
		_guest_run(&guest);
		/* Some fault over and over. */
		if (way == 2)
			madvise(guest.mem + FIRST % MEMORY, 4096, MADV_DONTNEED);
	}
}

static void kill_one(struct __test_metadata *_metadata, __u64 *state, int way)
{
	long delay = random_below(state, 2000000);
	int ready;
	pid_t pid;

	pid = victim_fork(_metadata, &ready);
	if (!pid)
		live(_metadata, way, ready);
	victim_kill(_metadata, pid, ready, delay);
}

TEST_F_TIMEOUT(races, killed_in_run, 900)
{
	__u64 state = hostile.seed;

	for (int i = 0; i < hostile.rounds; i++)
		kill_one(_metadata, &state, i % WAYS);
}

/* VMs that ran, with memory populated, closed or killed. */
FIXTURE(lives) {
	char params[PARAMS_LEN];
	bool reloads;
};

FIXTURE_SETUP(lives)
{
	self->reloads = on_slat() && module_loaded() && !access(module_path(), R_OK);
	if (self->reloads)
		module_params_get(_metadata, self->params, sizeof(self->params));
}

FIXTURE_TEARDOWN(lives)
{
	if (self->reloads)
		module_restore(_metadata, self->params);
}

static void one_life(struct __test_metadata *_metadata)
{
	struct guest guest;
	__u8 *mem;

	guest_create(_metadata, &guest);
	mem = second_slot(_metadata, &guest);
	prepare_code(&guest, store_for_ever);
	guest_run(_metadata, &guest, KVM_EXIT_IO);
	ASSERT_EQ(0, _guest_set_memory(&guest, 1, FIRST, SIZE, mem, KVM_MEM_LOG_DIRTY_PAGES));
	guest_run(_metadata, &guest, KVM_EXIT_IO);
	ASSERT_EQ(0, _ioctl(guest.vm, SLAT_ZAP_ALL, 0));
	guest_run(_metadata, &guest, KVM_EXIT_IO);
	guest_destroy(&guest);
	munmap(mem, SIZE);
}

/* What is freed later has been freed when the module is gone. */
static void lives_round(struct __test_metadata *_metadata, void *params)
{
	static int way;

	for (int i = 0; i < VMS_IN_A_ROUND; i++)
		one_life(_metadata);
	kill_one(_metadata, &hostile.seed, way++ % WAYS);
	module_unload(_metadata);
	module_load(_metadata, params);
}

TEST_F_TIMEOUT(lives, leave_nothing, 900)
{
	if (!self->reloads)
		SKIP(return, "needs the module's file, to unload and load it");
	lives_round(_metadata, self->params);
	expect_no_growth(_metadata, VMS / VMS_IN_A_ROUND, lives_round, self->params);
}

static int stranger_main(char **argv)
{
	struct guest guest = { .vm = atoi(argv[2]), .fd = atoi(argv[3]) };

	return use_as_stranger(&guest);
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "stranger"))
		return stranger_main(argv);
	hostile_arguments(&argc, argv, 50);
	require_guests();
	return test_harness_run(argc, argv);
}
