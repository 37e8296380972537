/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is typed, on its way from standard input to the guest's console.
 */
#ifndef SLAT_INPUT_H
#define SLAT_INPUT_H

#include <stdbool.h>
#include <stddef.h>

/**
 * struct input - a pipe and what did not yet fit into it
 * @reader: the guest's end, does not block
 * @writer: this end
 * @source: standard input, -1 after its end
 * @escaped: see slat_terminal_filter()
 * @pending: read but not yet written
 * @len: bytes of it
 */
struct input {
	int reader, writer;
	int source;
	bool escaped;
	char pending[512];
	size_t len;
};

/**
 * slat_input_open() - make the pipe
 * @input: to be filled in
 *
 * Return: 0 or -errno.
 */
int slat_input_open(struct input *input);

/**
 * slat_input_poll() - what poll() is to wait for, as @source is not always
 * @input: the pipe
 * @writer: out: the descriptor to wait for room at, or -1
 *
 * Return: the descriptor to wait for input at, or -1.
 */
int slat_input_poll(const struct input *input, int *writer);

/**
 * slat_input_move() - from standard input to the pipe, as far as it goes
 * @input: the pipe
 *
 * Return: whether the user typed Ctrl-A x.
 */
bool slat_input_move(struct input *input);

/**
 * slat_input_close() - remove the pipe
 * @input: from slat_input_open(), or with both ends -1
 */
void slat_input_close(struct input *input);

#endif /* SLAT_INPUT_H */
