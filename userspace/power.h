/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a guest switches itself off or restarts: ACPI's fixed registers, and the
 * keyboard controller's reset line for kernels that do without ACPI.
 */
#ifndef SLAT_POWER_H
#define SLAT_POWER_H

#include "bus.h"

/* Ports; the FADT names them. */
#define POWER_BASE	0x600
#define POWER_SIZE	0x10
#define POWER_EVENT	0x0		/* PM1_STS and PM1_EN, two bytes each */
#define POWER_CONTROL	0x4		/* PM1_CNT, two bytes */
#define POWER_RESET	0x8		/* one byte: POWER_RESET_VALUE restarts */
#define POWER_RESET_VALUE	1
#define POWER_SOFT_OFF	5		/* SLP_TYP of S5, as in the DSDT */

enum power_request {
	POWER_OFF,
	POWER_RESTART,
};

/**
 * struct power - the registers, and who is told
 * @request: called by the vCPU that wrote the register
 * @owner: for @request
 * @enable: PM1_EN
 */
struct power {
	void (*request)(void *owner, enum power_request what);
	void *owner;
	__u16 enable;
};

/**
 * slat_power_add() - put the registers on a bus
 * @power: with its callback
 * @ports: the bus
 *
 * Return: 0 or -errno.
 */
int slat_power_add(struct power *power, struct bus *ports);

#endif /* SLAT_POWER_H */
