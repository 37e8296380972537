// SPDX-License-Identifier: GPL-2.0-only
/*
 * userspace/uart.c: what a 16550A's driver sees.
 */
#include <linux/serial_reg.h>

#include "uart.h"
#include "unit.h"

static struct uart uart;
static struct bus bus;
static bool line;
static unsigned int rises;
static char sent[64], typed[64];
static unsigned int nr_sent;

static void transmit(void *owner, __u8 byte)
{
	if (nr_sent < sizeof(sent) - 1)
		sent[nr_sent++] = byte;
}

static unsigned int fetch(void *owner, __u8 *data, unsigned int room)
{
	size_t len = strlen(typed);

	if (len > room)
		len = room;
	memcpy(data, typed, len);
	memmove(typed, typed + len, strlen(typed + len) + 1);
	return len;
}

static void interrupt(void *owner, bool level)
{
	CHECK(level != line);
	line = level;
	rises += level;
}

static __u8 in(unsigned int reg)
{
	__u8 value;

	slat_bus_read(&bus, UART_BASE + reg, &value, 1);
	return value;
}

static void out(unsigned int reg, __u8 value)
{
	slat_bus_write(&bus, UART_BASE + reg, &value, 1);
}

static void begin(void)
{
	uart = (struct uart){ .transmit = transmit, .fetch = fetch, .interrupt = interrupt };
	bus.nr = 0;
	line = false;
	rises = 0;
	nr_sent = 0;
	memset(sent, 0, sizeof(sent));
	memset(typed, 0, sizeof(typed));
	slat_uart_init(&uart);
	CHECK_EQ(0, slat_uart_add(&uart, &bus));
	out(UART_MCR, UART_MCR_OUT2);
}

static void it_is_a_16550a(void)
{
	begin();
	CHECK_EQ(UART_IIR_NO_INT, in(UART_IIR));
	out(UART_FCR, UART_FCR_ENABLE_FIFO);
	CHECK_EQ(UART_IIR_NO_INT | 0xc0, in(UART_IIR));
	out(UART_SCR, 0x5a);
	CHECK_EQ(0x5a, in(UART_SCR));
	CHECK_EQ(UART_LSR_TEMT | UART_LSR_THRE, in(UART_LSR));
	CHECK_EQ(UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS, in(UART_MSR));
	out(UART_IER, 0xff);
	CHECK_EQ(0xf, in(UART_IER));
}

static void the_divisor_hides_data(void)
{
	begin();
	out(UART_LCR, UART_LCR_DLAB);
	out(UART_DLL, 12);
	out(UART_DLM, 34);
	CHECK_EQ(12, in(UART_DLL));
	CHECK_EQ(34, in(UART_DLM));
	out(UART_LCR, UART_LCR_WLEN8);
	CHECK_EQ(0, in(UART_IER));
	CHECK_EQ(0, nr_sent);
}

static void bytes_are_sent(void)
{
	begin();
	out(UART_TX, 'o');
	out(UART_TX, 'k');
	CHECK_STREQ("ok", sent);
	CHECK_EQ(0, rises);
}

static void an_empty_transmitter_interrupts(void)
{
	begin();
	out(UART_IER, UART_IER_THRI);
	CHECK(line);
	CHECK_EQ(UART_IIR_THRI, in(UART_IIR));
	CHECK(!line);
	CHECK_EQ(UART_IIR_NO_INT, in(UART_IIR));
	out(UART_TX, 'x');
	CHECK(line);
	out(UART_IER, 0);
	CHECK(!line);
	/* Asking again announces it again: drivers test for that. */
	out(UART_IER, UART_IER_THRI);
	CHECK_EQ(3, rises);
	out(UART_IER, UART_IER_THRI);
	CHECK_EQ(3, rises);
}

static void bytes_wait_until_they_are_wanted(void)
{
	begin();
	strcpy(typed, "hello, twenty bytes!");
	slat_uart_refill(&uart);
	CHECK_EQ(0, in(UART_LSR) & UART_LSR_DR);
	out(UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR);
	out(UART_IER, UART_IER_RDI);
	CHECK(line);
	CHECK_EQ(UART_IIR_RDI | 0xc0, in(UART_IIR));
	CHECK_EQ(4, strlen(typed));
	for (unsigned int i = 0; i < 20; i++) {
		CHECK(in(UART_LSR) & UART_LSR_DR);
		CHECK_EQ("hello, twenty bytes!"[i], in(UART_RX));
	}
	CHECK(!line);
	CHECK_EQ(0, in(UART_LSR) & UART_LSR_DR);
	CHECK_EQ(0, in(UART_RX));
	strcpy(typed, "!");
	slat_uart_refill(&uart);
	CHECK_EQ('!', in(UART_RX));
}

static void out2_connects_the_line(void)
{
	begin();
	out(UART_MCR, 0);
	out(UART_IER, UART_IER_THRI);
	CHECK(!line);
	out(UART_MCR, UART_MCR_OUT2);
	CHECK(line);
}

static void loopback_is_a_loop(void)
{
	begin();
	out(UART_MCR, UART_MCR_LOOP | UART_MCR_OUT2 | UART_MCR_RTS);
	CHECK_EQ(UART_MSR_DCD | UART_MSR_CTS, in(UART_MSR));
	for (unsigned int i = 0; i < 2 * UART_FIFO; i++)
		out(UART_TX, i);
	CHECK_EQ(0, nr_sent);
	for (unsigned int i = 0; i < UART_FIFO; i++)
		CHECK_EQ(i, in(UART_RX));
	CHECK_EQ(0, in(UART_LSR) & UART_LSR_DR);
}

static void wide_accesses_are_bytes(void)
{
	__u32 value = 0;

	begin();
	value = 'a' | UART_IER_RDI << 8;
	slat_bus_write(&bus, UART_BASE, &value, 2);
	CHECK_STREQ("a", sent);
	CHECK_EQ(UART_IER_RDI, in(UART_IER));
	slat_bus_read(&bus, UART_BASE + UART_LSR, &value, 4);
	CHECK_EQ(0xffffffff, value);
	slat_bus_read(&bus, UART_BASE + UART_LCR, &value, 4);
	CHECK_EQ(UART_LSR_TEMT | UART_LSR_THRE, value >> 16 & 0xff);
}

int main(void)
{
	static const struct unit_case cases[] = {
		UNIT_CASE(it_is_a_16550a),
		UNIT_CASE(the_divisor_hides_data),
		UNIT_CASE(bytes_are_sent),
		UNIT_CASE(an_empty_transmitter_interrupts),
		UNIT_CASE(bytes_wait_until_they_are_wanted),
		UNIT_CASE(out2_connects_the_line),
		UNIT_CASE(loopback_is_a_loop),
		UNIT_CASE(wide_accesses_are_bytes),
	};

	return unit_run(cases, ARRAY_SIZE(cases));
}
