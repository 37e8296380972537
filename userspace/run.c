// SPDX-License-Identifier: GPL-2.0-only
/*
 * slat run - a virtual machine with a Linux kernel.
 *
 * Each vCPU and each virtio device has a thread.  This one waits for keys and
 * signals, and for the end; it is the only one that takes signals but for the
 * one that fetches a vCPU out of its guest.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "boot.h"
#include "devices.h"
#include "input.h"
#include "machine.h"
#include "run_options.h"
#include "run_stats.h"
#include "terminal.h"

/**
 * struct run - one invocation
 * @options: what the user asked for
 * @kernel: the file
 * @initrd: the file, may be empty
 * @command_line: the guest kernel's
 * @input: what is typed
 * @signals: descriptor by which signals come while a machine runs
 * @mask: signals that are blocked when none does
 * @killer: the signal that ended it, or 0
 */
struct run {
	struct run_options options;
	struct boot_file kernel, initrd;
	char *command_line;
	struct input input;
	int signals;
	sigset_t mask;
	int killer;
};

static enum slat_exit complain(const char *what, const char *path, int error,
			       const char *advice)
{
	fprintf(stderr, "slat run: %s %s: %s - %s\n", what, path, strerror(error), advice);
	return SLAT_EXIT_FAILURE;
}

static enum slat_exit map_file(const char *option, const char *path, struct boot_file *file)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat info;
	void *data;

	if (fd < 0)
		return complain(option, path, errno, "give a file that can be read");
	if (fstat(fd, &info) || !S_ISREG(info.st_mode) || !info.st_size) {
		close(fd);
		return complain(option, path, EINVAL, "give a file that is not empty");
	}
	data = mmap(NULL, info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (data == MAP_FAILED)
		return complain(option, path, errno, "free some memory");
	file->data = data;
	file->size = info.st_size;
	return SLAT_EXIT_OK;
}

static enum slat_exit add_device(struct machine *machine, enum slat_exit status,
				 struct virtio *virtio)
{
	return status ? status : slat_machine_attach(machine, virtio);
}

/* The console comes first, where slat_virtio_console_resize() finds it. */
static enum slat_exit add_devices(struct run *run, struct machine *machine)
{
	const struct run_options *options = &run->options;
	enum slat_exit status = SLAT_EXIT_OK;
	struct virtio *virtio = NULL;

	if (options->console == CONSOLE_VIRTIO) {
		status = slat_virtio_console_create(run->input.reader, &virtio);
		status = add_device(machine, status, virtio);
		if (!status)
			slat_virtio_console_resize(virtio);
	}
	if (!status) {
		status = slat_virtio_rng_create(&virtio);
		status = add_device(machine, status, virtio);
	}
	for (unsigned int i = 0; i < options->nr_disks && !status; i++) {
		status = slat_virtio_blk_create(options->disks[i].path,
						options->disks[i].readonly, &virtio);
		status = add_device(machine, status, virtio);
	}
	if (options->tap && !status) {
		status = slat_virtio_net_create(options->tap, &virtio);
		status = add_device(machine, status, virtio);
	}
	return status;
}

static enum slat_exit build(struct run *run, struct machine *machine,
			    struct boot_entry *entry)
{
	const struct run_options *options = &run->options;
	struct boot_request boot = {
		.kernel = run->kernel,
		.initrd = run->initrd,
		.command_line = run->command_line,
		.real_mode = options->real_mode,
	};
	struct slat_vm_stats stats;
	enum slat_exit status;
	const char *error;

	machine->input = options->console == CONSOLE_SERIAL ? run->input.reader : -1;
	status = slat_machine_create(machine, options->device, options->memory, options->cpus);
	/* Who cannot tell at the end says so now. */
	if (!status && options->stats)
		status = slat_machine_stats(machine, &stats);
	if (!status)
		status = add_devices(run, machine);
	if (status)
		return status;

	boot.rsdp = slat_machine_describe(machine);
	error = slat_boot_load(&machine->memory, &boot, entry);
	if (error) {
		fprintf(stderr, "slat run: %s\n", error);
		return SLAT_EXIT_FAILURE;
	}
	return SLAT_EXIT_OK;
}

static const int signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGWINCH };

static void signal_set(sigset_t *set)
{
	sigemptyset(set);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		sigaddset(set, signals[i]);
}

/* Threads made from here on leave them to us, and vCPUs unblock their own. */
static void take_signals(struct run *run)
{
	sigset_t set;

	signal_set(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, &run->mask);
}

static void take_signal(struct run *run, struct machine *machine)
{
	struct signalfd_siginfo info;

	if (read(run->signals, &info, sizeof(info)) != sizeof(info))
		return;
	switch (info.ssi_signo) {
	case SIGWINCH:
		if (run->options.console == CONSOLE_VIRTIO)
			slat_virtio_console_resize(machine->devices[0]);
		break;
	case SIGTSTP:
		slat_terminal_restore();
		kill(getpid(), SIGSTOP);
		slat_terminal_raw();
		break;
	default:
		run->killer = (int)info.ssi_signo;
		slat_machine_end(machine, END_SIGNAL);
		break;
	}
}

/* Until the machine ends: keys to the guest, signals to us. */
static void attend(struct run *run, struct machine *machine)
{
	enum { ENDED, SIGNALS, SOURCE, ROOM, NR };
	struct pollfd fds[NR];

	while (atomic_load(&machine->end) == END_NOT) {
		fds[ENDED] = (struct pollfd){ .fd = machine->ended, .events = POLLIN };
		fds[SIGNALS] = (struct pollfd){ .fd = run->signals, .events = POLLIN };
		fds[SOURCE] = (struct pollfd){ .events = POLLIN };
		fds[ROOM] = (struct pollfd){ .events = POLLOUT };
		fds[SOURCE].fd = slat_input_poll(&run->input, &fds[ROOM].fd);
		if (poll(fds, NR, -1) < 0)
			continue;
		if (fds[SIGNALS].revents)
			take_signal(run, machine);
		if (!fds[SOURCE].revents && !fds[ROOM].revents)
			continue;
		if (slat_input_move(&run->input))
			slat_machine_end(machine, END_QUIT);
		slat_uart_refill(&machine->uart);
	}
}

static enum slat_exit show_stats(const struct machine *machine)
{
	struct slat_vm_stats stats;
	enum slat_exit status = slat_machine_stats(machine, &stats);

	if (!status)
		slat_run_stats_print(stdout, &stats);
	return status;
}

/* From power-on to the end, which may have to wait for the reader of our output. */
static enum slat_exit run_machine(struct run *run, struct machine *machine,
				  const struct boot_entry *entry)
{
	enum slat_exit status;
	enum machine_end end;

	take_signals(run);
	slat_terminal_raw();
	status = slat_machine_start(machine, entry);
	if (status)
		slat_machine_end(machine, END_CRASH);
	attend(run, machine);
	slat_terminal_restore();
	sigprocmask(SIG_SETMASK, &run->mask, NULL);

	end = atomic_load(&machine->end);
	if (end == END_QUIT || end == END_SIGNAL)
		slat_terminal_abandon();
	slat_machine_stop(machine);
	if (!status && run->options.stats)
		status = show_stats(machine);
	return status;
}

static enum slat_exit run_once(struct run *run, enum machine_end *end)
{
	struct machine machine = { 0 };
	enum slat_exit status;
	struct boot_entry entry;

	status = build(run, &machine, &entry);
	if (!status)
		status = run_machine(run, &machine, &entry);
	*end = atomic_load(&machine.end);
	slat_machine_destroy(&machine);
	return status;
}

static enum slat_exit run_until_off(struct run *run)
{
	enum slat_exit status;
	enum machine_end end;

	/* A signal that came when the guest had just asked for it is no less a signal. */
	do {
		status = run_once(run, &end);
	} while (!status && end == END_RESTART && !run->options.no_reboot && !run->killer);
	if (status)
		return status;

	switch (end) {
	case END_RESTART:
		return SLAT_EXIT_GUEST_RESTARTED;
	case END_CRASH:
		return SLAT_EXIT_GUEST_CRASHED;
	case END_QUIT:
		return SLAT_EXIT_QUIT;
	default:
		return SLAT_EXIT_OK;
	}
}

static enum slat_exit prepare(struct run *run)
{
	enum slat_exit status = map_file("--kernel", run->options.kernel, &run->kernel);
	sigset_t set;
	int error;

	if (!status && run->options.initrd)
		status = map_file("--initrd", run->options.initrd, &run->initrd);
	if (status)
		return status;
	signal_set(&set);
	run->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	error = run->signals < 0 ? -errno : slat_input_open(&run->input);
	if (!error)
		error = slat_terminal_open();
	if (error)
		return complain("descriptors", "", -error, "allow more: ulimit -n");
	/* A reader of our output that goes away is no reason to kill a guest. */
	signal(SIGPIPE, SIG_IGN);
	run->command_line = slat_run_options_command_line(&run->options);
	if (!run->command_line)
		return complain("--append", run->options.append, ENOMEM, "free some memory");
	return SLAT_EXIT_OK;
}

static void clean_up(struct run *run)
{
	free(run->command_line);
	slat_input_close(&run->input);
	if (run->kernel.size)
		munmap(run->kernel.data, run->kernel.size);
	if (run->initrd.size)
		munmap(run->initrd.data, run->initrd.size);
	if (run->signals >= 0)
		close(run->signals);
}

/* A descriptor of ours must not be taken for a standard one that was closed. */
static void occupy_standard_descriptors(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

enum slat_exit slat_run_run(int argc, char **argv)
{
	struct run run = { .signals = -1, .input = { .reader = -1, .writer = -1 } };
	enum slat_exit status;

	status = slat_run_options_parse(&run.options, argc, argv);
	if (status)
		return status;
	occupy_standard_descriptors();
	status = prepare(&run);
	if (!status)
		status = run_until_off(&run);
	clean_up(&run);

	/* Who sent the signal sees it in our status. */
	if (run.killer) {
		fflush(stdout);
		signal(run.killer, SIG_DFL);
		raise(run.killer);
	}
	return status;
}
