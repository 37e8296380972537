/* SPDX-License-Identifier: GPL-2.0-only */
/* The owner of the build host has not turned mitigations off. */
#ifndef SLAT_UNIT_LINUX_CPU_H
#define SLAT_UNIT_LINUX_CPU_H

#define cpu_mitigations_off()	false

#endif /* SLAT_UNIT_LINUX_CPU_H */
