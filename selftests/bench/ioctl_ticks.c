// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a system call on /dev/slat costs, in ticks of the TSC.
 *
 *	ioctl_ticks [ROUNDS]
 *
 * One line for each operation: its name, the least and the median of ROUNDS.
 * In the lab a tick is an instruction and two runs must agree.
 */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <x86intrin.h>

#include <linux/kvm.h>
#include <linux/slat.h>

#define SLAT_DEVICE	"/dev/slat"

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

static int device_open(void)
{
	int fd = open(SLAT_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		err(EXIT_FAILURE, "%s - load the module: modprobe slat", SLAT_DEVICE);
	return fd;
}

static void api_version(int fd)
{
	if (ioctl(fd, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		err(EXIT_FAILURE, "KVM_GET_API_VERSION");
}

static void get_info(int fd)
{
	struct slat_info info = { 0 };

	if (ioctl(fd, SLAT_GET_INFO, &info))
		err(EXIT_FAILURE, "SLAT_GET_INFO");
}

static void open_close(int fd)
{
	(void)fd;
	close(device_open());
}

static const struct {
	const char *name;
	void (*run)(int fd);
} operations[] = {
	{ "api_version", api_version },
	{ "get_info", get_info },
	{ "open_close", open_close },
};

static int compare(const void *left, const void *right)
{
	unsigned long long a = *(const unsigned long long *)left;
	unsigned long long b = *(const unsigned long long *)right;

	return (a > b) - (a < b);
}

static void measure(size_t op, int fd, unsigned long long *ticks, int rounds)
{
	unsigned int cpu;

	/* The first call fills caches and page tables. */
	operations[op].run(fd);
	for (int i = 0; i < rounds; i++) {
		unsigned long long begin;

		begin = __rdtscp(&cpu);
		operations[op].run(fd);
		ticks[i] = __rdtscp(&cpu) - begin;
	}
	qsort(ticks, rounds, sizeof(*ticks), compare);
	printf("%s min %llu median %llu\n", operations[op].name, ticks[0], ticks[rounds / 2]);
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 1000;
	unsigned long long *ticks;
	int fd;

	if (argc > 2 || rounds < 1)
		errx(2, "usage: ioctl_ticks [ROUNDS]");
	ticks = calloc(rounds, sizeof(*ticks));
	if (!ticks)
		err(EXIT_FAILURE, "%d rounds", rounds);

	fd = device_open();
	for (size_t op = 0; op < ARRAY_SIZE(operations); op++)
		measure(op, fd, ticks, rounds);
	close(fd);
	free(ticks);
	return 0;
}
