/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A 16550A serial port.
 */
#ifndef SLAT_UART_H
#define SLAT_UART_H

#include <pthread.h>
#include <stdbool.h>

#include "bus.h"

#define UART_BASE	0x3f8
#define UART_SIZE	8
#define UART_IRQ	4
#define UART_FIFO	16

/**
 * struct uart - the port
 * @transmit: called with each byte that the guest sends
 * @fetch: called for bytes to the guest, at most @room, while it wants to be
 *	interrupted by them; returns how many there were
 * @interrupt: called when the interrupt line rises or falls
 * @owner: for all three; the last two are called with @lock held
 * @lock: protects everything below
 * @fifo: bytes for the guest
 * @first: where the oldest is
 * @used: how many there are
 * @thre: "transmitter empty" is to be announced
 * @line: state of the interrupt line
 * @ier: which interrupts the guest wants
 * @fcr: FIFOs on or off
 * @lcr: line control, with the bit that shows the divisor
 * @mcr: modem control
 * @scratch: a byte to play with
 * @divisor: of the baud rate, which nobody looks at
 */
struct uart {
	void (*transmit)(void *owner, __u8 byte);
	unsigned int (*fetch)(void *owner, __u8 *data, unsigned int room);
	void (*interrupt)(void *owner, bool level);
	void *owner;
	pthread_mutex_t lock;
	__u8 fifo[UART_FIFO];
	unsigned int first, used;
	bool thre, line;
	__u8 ier, fcr, lcr, mcr, scratch;
	__u8 divisor[2];
};

/**
 * slat_uart_init() - a port as after power-on
 * @uart: with its callbacks
 */
void slat_uart_init(struct uart *uart);

/**
 * slat_uart_add() - put the port on a bus
 * @uart: from slat_uart_init()
 * @ports: the bus
 *
 * Return: 0 or -errno.
 */
int slat_uart_add(struct uart *uart, struct bus *ports);

/**
 * slat_uart_refill() - there may be bytes to fetch
 * @uart: the port
 */
void slat_uart_refill(struct uart *uart);

#endif /* SLAT_UART_H */
