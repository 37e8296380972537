// SPDX-License-Identifier: GPL-2.0-only
/*
 * How a guest switches itself off or restarts.
 *
 * There is no button and no event: PM1_STS is always 0, the SCI never comes.
 */
#include <string.h>

#include "power.h"
#include "slat.h"

#define SCI_ENABLE	BIT(0)	/* PM1_CNT: ACPI mode, the only one */
#define SLEEP_TYPE(cnt)	((cnt) >> 10 & 7)
#define SLEEP_ENABLE	BIT(13)

#define KEYBOARD_BASE	0x64
#define KEYBOARD_RESET	0xfe

static void read_register(void *device, __u64 offset, void *data, unsigned int len)
{
	struct power *power = device;
	__u8 registers[POWER_SIZE] = { 0 };

	registers[POWER_EVENT + 2] = power->enable & 0xff;
	registers[POWER_EVENT + 3] = power->enable >> 8;
	registers[POWER_CONTROL] = SCI_ENABLE;
	memcpy(data, registers + offset, len);
}

static void write_register(void *device, __u64 offset, const void *data, unsigned int len)
{
	struct power *power = device;
	__u16 value = 0;

	memcpy(&value, data, len < sizeof(value) ? len : sizeof(value));
	if (offset == POWER_EVENT + 2 && len == 2)
		power->enable = value;
	else if (offset == POWER_RESET && len == 1 && value == POWER_RESET_VALUE)
		power->request(power->owner, POWER_RESTART);
	else if (offset == POWER_CONTROL && len == 2 && value & SLEEP_ENABLE &&
		 SLEEP_TYPE(value) == POWER_SOFT_OFF)
		power->request(power->owner, POWER_OFF);
}

/* No keyboard: the controller is idle for ever. */
static void read_keyboard(void *device, __u64 offset, void *data, unsigned int len)
{
	(void)device;
	(void)offset;
	memset(data, 0, len);
}

static void write_keyboard(void *device, __u64 offset, const void *data, unsigned int len)
{
	struct power *power = device;

	(void)offset;
	(void)len;
	if (*(const __u8 *)data == KEYBOARD_RESET)
		power->request(power->owner, POWER_RESTART);
}

int slat_power_add(struct power *power, struct bus *ports)
{
	static const struct bus_ops registers = { read_register, write_register };
	static const struct bus_ops keyboard = { read_keyboard, write_keyboard };
	int error = slat_bus_add(ports, POWER_BASE, POWER_SIZE, &registers, power);

	return error ? error : slat_bus_add(ports, KEYBOARD_BASE, 1, &keyboard, power);
}
