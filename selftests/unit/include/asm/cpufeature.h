/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLAT_UNIT_ASM_CPUFEATURE_H
#define SLAT_UNIT_ASM_CPUFEATURE_H

#define boot_cpu_has_bug(bug)	false

#endif /* SLAT_UNIT_ASM_CPUFEATURE_H */
