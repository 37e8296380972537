/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The user's terminal: raw while a guest has it, as before when it does not.
 */
#ifndef SLAT_TERMINAL_H
#define SLAT_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

#define TERMINAL_ESCAPE	1	/* Ctrl-A */

/**
 * slat_terminal_raw() - give every key to the guest
 *
 * Standard input may be no terminal: nothing happens then.  However the program
 * ends, but for SIGKILL, the terminal is restored.
 */
void slat_terminal_raw(void);

/**
 * slat_terminal_restore() - as before slat_terminal_raw()
 *
 * May be called at any time, also by a signal handler, and more than once.
 */
void slat_terminal_restore(void);

/**
 * slat_terminal_open() - once, before anything else here
 *
 * Return: 0 or -errno.
 */
int slat_terminal_open(void);

/**
 * slat_terminal_abandon() - give up writing, now and from now on
 */
void slat_terminal_abandon(void);

/**
 * slat_terminal_write() - all of it, to standard output
 * @data: bytes
 * @len: how many
 *
 * Waits for a slow reader, until slat_terminal_abandon().  What nobody reads any
 * more is lost: a guest goes on without its reader.
 */
void slat_terminal_write(const void *data, size_t len);

/**
 * slat_terminal_filter() - look for Ctrl-A x in what was typed
 * @escaped: whether the last byte was the escape; false at first
 * @data: bytes; those that are for the guest are moved to its front
 * @len: in: how many; out: how many are for the guest
 *
 * Ctrl-A Ctrl-A is one Ctrl-A for the guest; before any other key it counts
 * for nothing but itself.
 *
 * Return: whether the user wants to quit.
 */
bool slat_terminal_filter(bool *escaped, char *data, size_t *len);

#endif /* SLAT_TERMINAL_H */
