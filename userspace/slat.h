/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the subcommands of slat(1) share.
 *
 * A subcommand is one file with one entry point, declared here, and one row of
 * the table in slat.c.
 */
#ifndef SLAT_H
#define SLAT_H

#define SLAT_DEVICE	"/dev/slat"

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))
#define BIT(nr)			(1ULL << (nr))

/* Exit statuses; slat(1) documents them, scripts rely on them. */
enum slat_exit {
	SLAT_EXIT_OK = 0,
	SLAT_EXIT_FAILURE = 1,
	SLAT_EXIT_USAGE = 2,
	SLAT_EXIT_NO_DEVICE = 3,
	SLAT_EXIT_PERMISSION = 4,
	SLAT_EXIT_ABI = 5,
	SLAT_EXIT_GUEST_RESTARTED = 6,	/* with --no-reboot */
	SLAT_EXIT_GUEST_CRASHED = 7,
	SLAT_EXIT_QUIT = 8,		/* Ctrl-A x */
};

/**
 * struct slat_command - one row of the subcommand table
 * @name: what the user types
 * @synopsis: its arguments, for the usage text
 * @summary: one line that says what it does
 * @run: entry point; argv[0] is @name, returns an enum slat_exit
 */
struct slat_command {
	const char *name;
	const char *synopsis;
	const char *summary;
	enum slat_exit (*run)(int argc, char **argv);
};

enum slat_exit slat_info_run(int argc, char **argv);
enum slat_exit slat_run_run(int argc, char **argv);
enum slat_exit slat_stat_run(int argc, char **argv);

/**
 * slat_usage_error() - complain about the command line
 * @command: the subcommand, for the pointer to its help
 * @what: what is wrong with it
 * @argument: the argument that is
 *
 * Return: SLAT_EXIT_USAGE, for the caller to return.
 */
enum slat_exit slat_usage_error(const char *command, const char *what,
				const char *argument);

#endif /* SLAT_H */
