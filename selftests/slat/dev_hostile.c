// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bad input to each ioctl of /dev/slat, and bad use of the descriptor.
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "slat_test.h"

#define HAMMER_THREADS	8
#define HAMMER_ROUNDS	500
#define KILL_ROUNDS	20
#define RANDOM_ROUNDS	5000

FIXTURE(device) {
	int fd;
	long refs;
	struct slat_info good;
};

FIXTURE_SETUP(device)
{
	self->refs = file_read_long(_metadata, SLAT_SYSFS "/refcnt");
	self->fd = device_open(_metadata);
	info_get(_metadata, self->fd, &self->good);
}

/* Whatever was asked, the device still answers and nothing keeps it busy. */
FIXTURE_TEARDOWN(device)
{
	struct slat_info info;

	EXPECT_EQ(0, _info_get(self->fd, &info));
	EXPECT_EQ(0, memcmp(&info, &self->good, sizeof(info)));
	close(self->fd);
	EXPECT_EQ(self->refs, _file_read_long(SLAT_SYSFS "/refcnt"));
}

static int get_info_at(int fd, void *ptr)
{
	return _device_ioctl(fd, SLAT_GET_INFO, (unsigned long)ptr);
}

TEST_F(device, api_version_takes_no_argument)
{
	for (int bit = 0; bit < 64; bit++) {
		ASSERT_EQ(-EINVAL, _device_ioctl(self->fd, KVM_GET_API_VERSION, 1UL << bit)) {
			TH_LOG("bit %d", bit);
		}
	}
	EXPECT_EQ(-EINVAL, _device_ioctl(self->fd, KVM_GET_API_VERSION, ~0UL));
}

TEST_F(device, check_extension_takes_anything)
{
	for (int bit = 0; bit < 64; bit++) {
		ASSERT_LE(0, _device_ioctl(self->fd, KVM_CHECK_EXTENSION, 1UL << bit)) {
			TH_LOG("bit %d", bit);
		}
	}
	EXPECT_EQ(0, _device_ioctl(self->fd, KVM_CHECK_EXTENSION, ~0UL));
}

TEST_F(device, info_refuses_each_flag)
{
	struct slat_info info = { 0 };

	for (int bit = 0; bit < 32; bit++) {
		info.flags = 1U << bit;
		ASSERT_EQ(-EINVAL, get_info_at(self->fd, &info));
	}
	info.flags = ~0U;
	EXPECT_EQ(-EINVAL, get_info_at(self->fd, &info));
}

TEST_F(device, info_refuses_each_reserved_word)
{
	for (size_t i = 0; i < ARRAY_SIZE(self->good.reserved); i++) {
		struct slat_info info = { 0 };

		info.reserved[i] = 1;
		ASSERT_EQ(-EINVAL, get_info_at(self->fd, &info)) {
			TH_LOG("reserved[%zu]", i);
		}
		info.reserved[i] = ~0U;
		ASSERT_EQ(-EINVAL, get_info_at(self->fd, &info));
	}
}

TEST_F(device, info_refused_leaves_the_struct_alone)
{
	struct slat_info before, info;

	memset(&before, 0x5a, sizeof(before));
	info = before;
	ASSERT_EQ(-EINVAL, get_info_at(self->fd, &info));
	EXPECT_EQ(0, memcmp(&before, &info, sizeof(info)));
}

TEST_F(device, info_ignores_other_outputs)
{
	struct slat_info info;

	memset(&info, 0xff, sizeof(info));
	info.flags = 0;
	memset(info.reserved, 0, sizeof(info.reserved));
	ASSERT_EQ(0, get_info_at(self->fd, &info));
	EXPECT_EQ(0, memcmp(&info, &self->good, sizeof(info)));
}

TEST_F(device, info_at_bad_address)
{
	static const unsigned long addresses[] = {
		0,				/* NULL */
		8,				/* its page */
		0x7ffffffff000,			/* last user page, less the guard */
		0x800000000000,			/* first non-canonical */
		0xffff800000000000,		/* kernel half */
		0xffffffff81000000,		/* kernel text */
		0xfffffffffffff000,		/* the last page */
		-8UL,				/* wraps around */
	};

	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
		ASSERT_EQ(-EFAULT, _device_ioctl(self->fd, SLAT_GET_INFO, addresses[i])) {
			TH_LOG("address 0x%lx", addresses[i]);
		}
	}
}

/* Two pages, the second of which has @prot; the struct ends where it begins. */
FIXTURE(pages) {
	int fd;
	long size;
	char *base;
};

FIXTURE_SETUP(pages)
{
	self->fd = device_open(_metadata);
	self->size = sysconf(_SC_PAGESIZE);
	self->base = mmap(NULL, 2 * self->size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->base);
}

FIXTURE_TEARDOWN(pages)
{
	munmap(self->base, 2 * self->size);
	close(self->fd);
}

TEST_F(pages, info_read_only)
{
	ASSERT_EQ(0, mprotect(self->base, self->size, PROT_READ));
	EXPECT_EQ(-EFAULT, get_info_at(self->fd, self->base));
}

TEST_F(pages, info_no_access)
{
	ASSERT_EQ(0, mprotect(self->base, self->size, PROT_NONE));
	EXPECT_EQ(-EFAULT, get_info_at(self->fd, self->base));
}

TEST_F(pages, info_unmapped)
{
	ASSERT_EQ(0, munmap(self->base, self->size));
	EXPECT_EQ(-EFAULT, get_info_at(self->fd, self->base));
}

TEST_F(pages, info_up_to_the_end_of_a_page)
{
	char *end = self->base + self->size;

	ASSERT_EQ(0, mprotect(end, self->size, PROT_NONE));
	EXPECT_EQ(0, get_info_at(self->fd, end - sizeof(struct slat_info)));
}

TEST_F(pages, info_truncated_by_the_end_of_a_page)
{
	char *end = self->base + self->size;

	ASSERT_EQ(0, mprotect(end, self->size, PROT_NONE));
	for (size_t cut = 1; cut <= sizeof(struct slat_info); cut++) {
		ASSERT_EQ(-EFAULT, get_info_at(self->fd, end - sizeof(struct slat_info) + cut)) {
			TH_LOG("%zu bytes too few", cut);
		}
	}
}

TEST_F(pages, info_half_read_only)
{
	char *end = self->base + self->size;

	ASSERT_EQ(0, mprotect(end, self->size, PROT_READ));
	EXPECT_EQ(-EFAULT, get_info_at(self->fd, end - sizeof(struct slat_info) / 2));
}

TEST_F(pages, info_at_odd_addresses)
{
	for (int i = 1; i < 16; i++) {
		memset(self->base, 0, self->size);
		ASSERT_EQ(0, get_info_at(self->fd, self->base + i)) {
			TH_LOG("offset %d", i);
		}
	}
}

static int probe(int fd, unsigned int cmd)
{
	static char buf[1 << _IOC_SIZEBITS];

	return command_known(cmd) ? -EINVAL : _device_ioctl(fd, cmd, (unsigned long)buf);
}

/* Every number of a letter, in each direction, with sizes right and wrong. */
static void probe_letter(struct __test_metadata *_metadata, int fd, unsigned int letter)
{
	static const unsigned int sizes[] = {
		0, 1, 4, 8, sizeof(struct slat_info) - 1, sizeof(struct slat_info),
		sizeof(struct slat_info) + 1, (1 << _IOC_SIZEBITS) - 1,
	};

	for (unsigned int nr = 0; nr < 256; nr++) {
		for (unsigned int dir = 0; dir < 4; dir++) {
			for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
				ASSERT_EQ(-EINVAL, probe(fd, _IOC(dir, letter, nr, sizes[i]))) {
					TH_LOG("command 0x%x", _IOC(dir, letter, nr, sizes[i]));
				}
			}
		}
	}
}

TEST_F(device, unknown_kvm_commands)
{
	probe_letter(_metadata, self->fd, KVMIO);
}

TEST_F(device, unknown_slat_commands)
{
	probe_letter(_metadata, self->fd, SLAT_IOC);
}

/* The generator is seeded with a constant: a failure repeats. */
TEST_F(device, random_commands)
{
	unsigned int x = 2463534242U;

	for (int i = 0; i < RANDOM_ROUNDS; i++) {
		unsigned int letter = i & 1 ? KVMIO : SLAT_IOC;
		unsigned int cmd;

		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		cmd = (x & ~0xff00U) | letter << 8;
		ASSERT_EQ(-EINVAL, probe(self->fd, cmd)) {
			TH_LOG("command 0x%x", cmd);
		}
	}
}

TEST_F(device, info_with_wrong_size)
{
	for (unsigned int size = 0; size < 1 << _IOC_SIZEBITS; size++) {
		unsigned int cmd = _IOC(_IOC_READ | _IOC_WRITE, SLAT_IOC, 0, size);

		if (size != sizeof(struct slat_info)) {
			ASSERT_EQ(-EINVAL, probe(self->fd, cmd)) {
				TH_LOG("size %u", size);
			}
		}
	}
}

TEST_F(device, no_read)
{
	char byte;

	EXPECT_EQ(-1, read(self->fd, &byte, 1));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(device, no_write)
{
	EXPECT_EQ(-1, write(self->fd, "", 1));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(device, no_mmap)
{
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_SHARED, self->fd, 0));
	EXPECT_EQ(ENODEV, errno);
}

/* As /dev/kvm: a position that nothing uses, and always "ready". */
TEST_F(device, lseek_has_no_effect)
{
	EXPECT_EQ(0, lseek(self->fd, 4096, SEEK_SET));
	EXPECT_EQ(0, lseek(self->fd, 0, SEEK_CUR));
}

TEST_F(device, poll_does_not_block)
{
	struct pollfd pfd = { .fd = self->fd, .events = POLLIN | POLLOUT };

	EXPECT_EQ(1, poll(&pfd, 1, -1));
	EXPECT_FALSE(pfd.revents & POLLNVAL);
}

TEST_F(device, inherited_descriptor_answers)
{
	pid_t pid = fork();
	int status;

	ASSERT_LE(0, pid);
	if (!pid) {
		struct slat_info info;

		_exit(_info_get(self->fd, &info) || memcmp(&info, &self->good, sizeof(info)));
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

struct hammer {
	int fd;
	const struct slat_info *good;
	unsigned int errors;
};

static void *hammer_ioctls(void *arg)
{
	struct hammer *hammer = arg;

	for (int i = 0; i < HAMMER_ROUNDS; i++) {
		struct slat_info info;

		if (_info_get(hammer->fd, &info) ||
		    memcmp(&info, hammer->good, sizeof(info)) ||
		    _device_ioctl(hammer->fd, KVM_GET_API_VERSION, 0) != KVM_API_VERSION ||
		    _device_ioctl(hammer->fd, KVM_GET_API_VERSION, 1) != -EINVAL ||
		    get_info_at(hammer->fd, NULL) != -EFAULT)
			hammer->errors++;
	}
	return NULL;
}

static void *hammer_opens(void *arg)
{
	struct hammer *hammer = arg;

	for (int i = 0; i < HAMMER_ROUNDS; i++) {
		int fd = _device_open();
		struct slat_info info;

		if (fd < 0 || _info_get(fd, &info))
			hammer->errors++;
		if (fd >= 0)
			close(fd);
	}
	return NULL;
}

TEST_F(device, many_threads)
{
	struct hammer hammers[HAMMER_THREADS];
	pthread_t threads[HAMMER_THREADS];

	for (int i = 0; i < HAMMER_THREADS; i++) {
		hammers[i] = (struct hammer) { .fd = self->fd, .good = &self->good };
		ASSERT_EQ(0, pthread_create(&threads[i], NULL,
					    i & 1 ? hammer_opens : hammer_ioctls, &hammers[i]));
	}
	for (int i = 0; i < HAMMER_THREADS; i++) {
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
		EXPECT_EQ(0, hammers[i].errors);
	}
}

static void ioctl_for_ever(int ready)
{
	for (bool told = false;; ) {
		int fd = _device_open();
		struct slat_info info;

		if (fd < 0 || _info_get(fd, &info))
			_exit(1);
		if (!told && write(ready, "", 1) != 1)
			_exit(1);
		told = true;
		close(fd);
	}
}

TEST_F(device, killed_in_a_loop)
{
	for (int i = 0; i < KILL_ROUNDS; i++) {
		int ready[2], status;
		char byte;
		pid_t pid;

		ASSERT_EQ(0, pipe(ready));
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid)
			ioctl_for_ever(ready[1]);
		close(ready[1]);
		EXPECT_EQ(1, read(ready[0], &byte, 1));
		close(ready[0]);
		ASSERT_EQ(0, kill(pid, SIGKILL));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	}
}

int main(int argc, char **argv)
{
	require_device();
	return test_harness_run(argc, argv);
}
