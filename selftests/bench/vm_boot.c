// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it takes to boot Debian's kernel by `slat run', from the start of the program
 * until the guest's root file system has a shell, and the VM exits on the way:
 *
 *	vm_boot DEVICE
 *
 * The guest is in ./guest, as selftests/guest/make leaves it.  KVM counts few exits by
 * reason; what a module does not count is 0.
 */
#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "bench.h"

#define READY	"This is a guest"

static const struct {
	const char *name;
	const char *reason[2];		/* Slat's name, KVM's; one or more words */
} counters[] = {
	{ "boot_exits", { "exits", "exits" } },
	{ "boot_exits_fault", { "fault_exits", "pf_taken" } },
	{ "boot_exits_mmio", { "mmio_exits", "mmio_exits" } },
	{ "boot_exits_io", { "io_exits", "io_exits" } },
	{ "boot_exits_halt", { "halt_exits", "halt_exits" } },
	{ "boot_exits_host", { "host_exits", "irq_exits" } },
	{ "boot_exits_irq_window", { "irq_window_exits", "irq_window_exits" } },
};

static pid_t begin(const char *device, int *in, int *out)
{
	int to[2], from[2];
	pid_t pid;

	if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC))
		err(EXIT_FAILURE, "pipe");
	pid = fork();
	if (!pid) {
		dup2(to[0], STDIN_FILENO);
		dup2(from[1], STDOUT_FILENO);
		execlp("slat", "slat", "run", "--device", device, "--kernel", "guest/vmlinuz",
		       "--initrd", "guest/initrd", "--disk", "guest/disk.img,ro",
		       "--memory", "128M", "--append", "quiet ro nokaslr", NULL);
		err(EXIT_FAILURE, "slat");
	}
	close(to[0]);
	close(from[1]);
	*in = to[1];
	*out = from[0];
	return pid;
}

static void wait_until_ready(int out)
{
	char text[4096];
	size_t len = 0;
	ssize_t bytes;

	do {
		bytes = read(out, text + len, sizeof(text) - 1 - len);
		if (bytes <= 0)
			errx(EXIT_FAILURE, "the guest has said no more than: %.*s", (int)len, text);
		len += bytes;
		text[len] = '\0';
	} while (!strstr(text, READY));
}

/* The folder of @pid's VM below @path. */
static int folder(const char *path, pid_t pid)
{
	char prefix[16];
	struct dirent *entry;
	DIR *dir = opendir(path);
	int fd = -1;

	if (!dir)
		err(EXIT_FAILURE, "%s", path);
	snprintf(prefix, sizeof(prefix), "%d-", pid);
	while (fd < 0 && (entry = readdir(dir)))
		if (!strncmp(entry->d_name, prefix, strlen(prefix)))
			fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY);
	closedir(dir);
	if (fd < 0)
		errx(EXIT_FAILURE, "%s has no %s", path, prefix);
	return fd;
}

/* A file's text, at most @size - 1 bytes; false: there is none. */
static bool text_of(int dir, const char *name, char *text, size_t size)
{
	int fd = openat(dir, name, O_RDONLY);
	size_t len = 0;
	ssize_t bytes;

	if (fd < 0)
		return false;
	while ((bytes = read(fd, text + len, size - 1 - len)) > 0)
		len += bytes;
	text[len] = '\0';
	close(fd);
	return true;
}

/* "NAME VALUE" on a line of its own. */
static ticks_t slat_counter(const char *stats, const char *name)
{
	size_t len = strlen(name);

	for (const char *line = stats; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, name, len) && line[len] == ' ')
			return strtoull(line + len, NULL, 10);
	}
	return 0;
}

static void print_counters(const char *device, pid_t pid)
{
	bool slat = !strcmp(device, "/dev/slat");
	int dir = folder(slat ? "/sys/kernel/debug/slat" : "/sys/kernel/debug/kvm", pid);
	char text[16384] = "";

	if (slat && !text_of(dir, "stats", text, sizeof(text)))
		err(EXIT_FAILURE, "stats");
	for (size_t i = 0; i < ARRAY_SIZE(counters); i++) {
		const char *name = counters[i].reason[!slat];
		ticks_t value = 0;

		if (slat)
			value = slat_counter(text, name);
		else if (text_of(dir, name, text, sizeof(text)))
			value = strtoull(text, NULL, 10);
		report(counters[i].name, "-", "exits", &value, 1);
	}
	close(dir);
}

int main(int argc, char **argv)
{
	ticks_t start, ticks;
	int in, out;
	pid_t pid;

	if (argc != 2)
		errx(2, "usage: vm_boot DEVICE");
	start = now();
	pid = begin(argv[1], &in, &out);
	wait_until_ready(out);
	ticks = now() - start;
	report("boot", "-", "ticks", &ticks, 1);
	print_counters(argv[1], pid);
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	return 0;
}
