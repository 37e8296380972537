/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What programs that mean harm share: bad pointers, random numbers that repeat,
 * commands, and what an answer may be.
 */
#ifndef SLAT_HOSTILE_H
#define SLAT_HOSTILE_H

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "guest.h"

/* Random numbers: the seed is printed, and argv can give another one. */
struct hostile {
	__u64 seed;
	int rounds;
};

static struct hostile hostile = { .seed = 0x51a7 };

/* xorshift64*, for a state that is not 0 */
static inline __u64 random_next(__u64 *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dULL;
}

static inline unsigned int random_below(__u64 *state, unsigned int end)
{
	return (random_next(state) >> 32) % end;
}

/* Values that are likely to be somebody's limit. */
static inline __u64 random_odd_value(__u64 *state)
{
	__u64 value = random_next(state);

	switch (random_below(state, 6)) {
	case 0:
		return 0;
	case 1:
		return ~0ULL;
	case 2:
		return 1ULL << (value & 63);
	case 3:
		return (1ULL << (value & 63)) - 1;
	case 4:
		return value & 0xfff;
	default:
		return value;
	}
}

static inline void random_fill(__u64 *state, void *buf, size_t size)
{
	__u64 value;

	for (size_t i = 0; i < size; i += sizeof(value)) {
		value = random_odd_value(state);
		memcpy((char *)buf + i, &value, size - i < sizeof(value) ? size - i :
									     sizeof(value));
	}
}

/* Takes ROUNDS and SEED from the command line, with these rounds by default. */
static inline void hostile_arguments(int *argc, char **argv, int rounds)
{
	hostile.rounds = *argc > 1 ? atoi(argv[1]) : rounds;
	if (*argc > 2)
		hostile.seed = strtoull(argv[2], NULL, 0);
	if (*argc > 3 || hostile.rounds < 1 || !hostile.seed)
		ksft_exit_fail_msg("usage: %s [ROUNDS [SEED]]\n", argv[0]);
	*argc = 1;
	ksft_print_msg("%d rounds, seed %#llx\n", hostile.rounds,
		       (unsigned long long)hostile.seed);
}

/* Pointers to nothing. */
static const unsigned long bad_pointers[] = {
	0,
	8,
	0x7ffffffff000,			/* last user page, less the guard */
	0x800000000000,			/* first that is not canonical */
	0xffff800000000000,		/* the kernel's half */
	0xffffffff81000000,		/* its text */
	0xfffffffffffff000,
	-8UL,				/* wraps around */
};

/* A page, and behind it one that must not be touched. */
static inline __u8 *edge_create(struct __test_metadata *_metadata)
{
	__u8 *page = mmap(NULL, 2 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);

	ASSERT_NE(MAP_FAILED, page);
	ASSERT_EQ(0, mprotect(page + 4096, 4096, PROT_NONE));
	return page;
}

static inline void edge_destroy(__u8 *page)
{
	munmap(page, 2 * 4096);
}

/*
 * A command whose argument is a struct of @size, filled by @good: -EFAULT at
 * each bad address, and where one byte or more is out of reach.
 */
static inline void expect_efault(struct __test_metadata *_metadata, int fd, unsigned long cmd,
				 const void *good, size_t size)
{
	__u8 *page = edge_create(_metadata);
	size_t step = size > 64 ? size / 16 : 1;

	for (size_t i = 0; i < ARRAY_SIZE(bad_pointers); i++) {
		ASSERT_EQ(-EFAULT, _ioctl(fd, cmd, bad_pointers[i])) {
			TH_LOG("command %#lx at %#lx", cmd, bad_pointers[i]);
		}
	}
	for (size_t cut = 1; cut <= size; cut += step) {
		memcpy(page + 4096 - size + cut, good, size - cut);
		ASSERT_EQ(-EFAULT, _ioctl_ptr(fd, cmd, page + 4096 - size + cut)) {
			TH_LOG("command %#lx, %zu of %zu bytes too few", cmd, cut, size);
		}
	}
	edge_destroy(page);
}

/* Only where the command writes to its argument. */
static inline void expect_efault_read_only(struct __test_metadata *_metadata, int fd,
					   unsigned long cmd, const void *good, size_t size)
{
	__u8 *page = edge_create(_metadata);

	memcpy(page, good, size);
	ASSERT_EQ(0, mprotect(page, 4096, PROT_READ));
	ASSERT_EQ(-EFAULT, _ioctl_ptr(fd, cmd, page)) {
		TH_LOG("command %#lx", cmd);
	}
	EXPECT_EQ(0, memcmp(page, good, size));
	edge_destroy(page);
}

/* What a call may answer to nonsense. */
static inline bool answer_known(int ret)
{
	static const int errors[] = {
		EINVAL, EFAULT, ENOTTY, ENOENT, EEXIST, ENOMEM, E2BIG, EPERM, ENXIO, EBUSY,
		EAGAIN, EINTR, EBADF, EOPNOTSUPP, ENODEV, EMFILE, EIO, ENOSPC,
		EHWPOISON,
	};

	if (ret >= 0)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
		if (ret == -errors[i])
			return true;
	return false;
}

/* The first descriptor that is not open, and all after it, are the test's to close. */
static inline int first_free_fd(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

static inline void close_from(int fd)
{
	syscall(SYS_close_range, fd, ~0U, 0);
}

/* Runs @fn in another process; returns how that ended, as waitpid() has it. */
static inline int in_child(struct __test_metadata *_metadata, void (*fn)(void *arg), void *arg)
{
	pid_t pid = fork();
	int status = -1;

	ASSERT_LE(0, pid);
	if (!pid) {
		fn(arg);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	return status;
}

GUEST_CODE(touch_and_halt, 64, "mov 0x30000, %rax\n add $1, %rax\n mov %rax, 0x30000\n hlt\n");

/*
 * Whether the VM still works, whatever has been done to it.  For teardowns too:
 * an assertion that fails in one would begin it again.
 */
static inline bool works(struct guest *guest)
{
	struct kvm_regs regs = { .rip = CODE, .rsp = STACK, .rflags = FLAGS_FIXED };
	struct kvm_sregs sregs;
	__u64 before;

	if (_ioctl_ptr(guest->fd, KVM_GET_SREGS, &sregs))
		return false;
	guest_load(guest, touch_and_halt);
	guest_build_segments(guest, &sregs, true);
	guest_build_tables(guest, MODE_LONG);
	sregs.cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG;
	sregs.cr3 = TABLES;
	sregs.cr4 = CR4_PAE | CR4_OSFXSR;
	sregs.efer = EFER_LME | EFER_LMA | EFER_NX;
	if (_ioctl_ptr(guest->fd, KVM_SET_SREGS, &sregs) ||
	    _ioctl_ptr(guest->fd, KVM_SET_REGS, &regs))
		return false;
	before = guest_u64(guest, DATA);
	return !_guest_run(guest) && guest->run->exit_reason == KVM_EXIT_HLT &&
	       guest_u64(guest, DATA) == before + 1;
}

/* A process that is to be killed: @ready is where it writes a byte to when it may be. */
static inline pid_t victim_fork(struct __test_metadata *_metadata, int *ready)
{
	int fds[2];
	pid_t pid;

	ASSERT_EQ(0, pipe(fds));
	pid = fork();
	ASSERT_LE(0, pid);
	*ready = fds[!pid];
	close(fds[!!pid]);
	return pid;
}

/* Whatever it does by then. */
static inline void victim_kill(struct __test_metadata *_metadata, pid_t pid, int ready, long ns)
{
	struct timespec delay = { .tv_nsec = ns };
	int status;
	char byte;

	ASSERT_EQ(1, read(ready, &byte, 1));
	close(ready);
	nanosleep(&delay, NULL);
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

#endif /* SLAT_HOSTILE_H */
