// SPDX-License-Identifier: GPL-2.0-only
/*
 * A 16550A serial port (National Semiconductor's data sheet, PC16550D).
 *
 * What is sent is gone at once, so the transmitter is always empty.  Modem
 * lines say that somebody listens.  There are no line errors: a byte is fetched
 * when there is room for it, and a guest that wants it.
 */
#include <linux/serial_reg.h>

#include "uart.h"

#define FIFO_ENABLED	0xc0		/* IIR */
#define LOOPBACK	UART_MCR_LOOP

void slat_uart_init(struct uart *uart)
{
	pthread_mutex_init(&uart->lock, NULL);
	uart->divisor[0] = 1;
}

static __u8 pending(const struct uart *uart)
{
	if (uart->ier & UART_IER_RDI && uart->used)
		return UART_IIR_RDI;
	if (uart->ier & UART_IER_THRI && uart->thre)
		return UART_IIR_THRI;
	return UART_IIR_NO_INT;
}

/* Many a driver clears the FIFO before it asks for interrupts. */
static void refill(struct uart *uart)
{
	if (!uart->used && uart->ier & UART_IER_RDI && !(uart->mcr & LOOPBACK)) {
		uart->first = 0;
		uart->used = uart->fetch(uart->owner, uart->fifo, UART_FIFO);
	}
}

/* OUT2 connects the port to the interrupt controller. */
static void update_line(struct uart *uart)
{
	bool line;

	refill(uart);
	line = pending(uart) != UART_IIR_NO_INT && uart->mcr & UART_MCR_OUT2 &&
	       !(uart->mcr & LOOPBACK);
	if (line == uart->line)
		return;
	uart->line = line;
	uart->interrupt(uart->owner, line);
}

static void fifo_put(struct uart *uart, __u8 byte)
{
	if (uart->used < UART_FIFO)
		uart->fifo[(uart->first + uart->used++) % UART_FIFO] = byte;
}

static __u8 fifo_get(struct uart *uart)
{
	__u8 byte = 0;

	if (uart->used) {
		byte = uart->fifo[uart->first];
		uart->first = (uart->first + 1) % UART_FIFO;
		uart->used--;
	}
	return byte;
}

static __u8 modem_status(const struct uart *uart)
{
	__u8 status = 0;

	if (!(uart->mcr & LOOPBACK))
		return UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS;
	if (uart->mcr & UART_MCR_RTS)
		status |= UART_MSR_CTS;
	if (uart->mcr & UART_MCR_DTR)
		status |= UART_MSR_DSR;
	if (uart->mcr & UART_MCR_OUT1)
		status |= UART_MSR_RI;
	if (uart->mcr & UART_MCR_OUT2)
		status |= UART_MSR_DCD;
	return status;
}

static __u8 read_iir(struct uart *uart)
{
	__u8 iir = pending(uart);

	if (iir == UART_IIR_THRI)
		uart->thre = false;
	if (uart->fcr & UART_FCR_ENABLE_FIFO)
		iir |= FIFO_ENABLED;
	return iir;
}

static __u8 read_register(struct uart *uart, __u64 offset)
{
	bool divisor = uart->lcr & UART_LCR_DLAB;

	switch (offset) {
	case UART_RX:
		return divisor ? uart->divisor[0] : fifo_get(uart);
	case UART_IER:
		return divisor ? uart->divisor[1] : uart->ier;
	case UART_IIR:
		return read_iir(uart);
	case UART_LCR:
		return uart->lcr;
	case UART_MCR:
		return uart->mcr;
	case UART_LSR:
		return UART_LSR_TEMT | UART_LSR_THRE | (uart->used ? UART_LSR_DR : 0);
	case UART_MSR:
		return modem_status(uart);
	default:
		return uart->scratch;
	}
}

/* Returns whether there is a byte to send. */
static bool transmit(struct uart *uart, __u8 byte)
{
	uart->thre = true;
	if (!(uart->mcr & LOOPBACK))
		return true;
	fifo_put(uart, byte);
	return false;
}

static void write_ier(struct uart *uart, __u8 value)
{
	if (value & ~uart->ier & UART_IER_THRI)
		uart->thre = true;
	uart->ier = value & 0xf;
}

static void write_fcr(struct uart *uart, __u8 value)
{
	if (value & UART_FCR_CLEAR_RCVR || (value ^ uart->fcr) & UART_FCR_ENABLE_FIFO)
		uart->used = 0;
	uart->fcr = value & ~(UART_FCR_CLEAR_RCVR | UART_FCR_CLEAR_XMIT);
}

/* Returns whether @value is to be sent. */
static bool write_register(struct uart *uart, __u64 offset, __u8 value)
{
	bool divisor = uart->lcr & UART_LCR_DLAB;

	switch (offset) {
	case UART_TX:
		if (!divisor)
			return transmit(uart, value);
		uart->divisor[0] = value;
		break;
	case UART_IER:
		if (divisor)
			uart->divisor[1] = value;
		else
			write_ier(uart, value);
		break;
	case UART_FCR:
		write_fcr(uart, value);
		break;
	case UART_LCR:
		uart->lcr = value;
		break;
	case UART_MCR:
		uart->mcr = value & 0x1f;
		break;
	case UART_SCR:
		uart->scratch = value;
		break;
	default:
		break;
	}
	return false;
}

/* A wider access is one byte after the other, as on the ISA bus. */
static void bus_read(void *device, __u64 offset, void *data, unsigned int len)
{
	struct uart *uart = device;

	pthread_mutex_lock(&uart->lock);
	for (unsigned int i = 0; i < len; i++)
		((__u8 *)data)[i] = read_register(uart, offset + i);
	update_line(uart);
	pthread_mutex_unlock(&uart->lock);
}

/* Sending may take long: nobody has to wait for it. */
static void bus_write(void *device, __u64 offset, const void *data, unsigned int len)
{
	const __u8 *bytes = data;
	struct uart *uart = device;

	for (unsigned int i = 0; i < len; i++) {
		bool sends;

		pthread_mutex_lock(&uart->lock);
		sends = write_register(uart, offset + i, bytes[i]);
		update_line(uart);
		pthread_mutex_unlock(&uart->lock);
		if (sends)
			uart->transmit(uart->owner, bytes[i]);
	}
}

int slat_uart_add(struct uart *uart, struct bus *ports)
{
	static const struct bus_ops ops = { bus_read, bus_write };

	return slat_bus_add(ports, UART_BASE, UART_SIZE, &ops, uart);
}

void slat_uart_refill(struct uart *uart)
{
	pthread_mutex_lock(&uart->lock);
	update_line(uart);
	pthread_mutex_unlock(&uart->lock);
}
