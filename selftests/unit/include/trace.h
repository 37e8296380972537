/* SPDX-License-Identifier: GPL-2.0-only */
/* Nobody traces a test. */
#ifndef SLAT_UNIT_TRACE_H
#define SLAT_UNIT_TRACE_H

#define trace_slat_batch(vm, epoch, unlinked)	((void)0)
#define trace_slat_zap(vm, generation)		((void)0)
#define trace_slat_kick(vm, cpu, epoch)		((void)0)

#endif /* SLAT_UNIT_TRACE_H */
