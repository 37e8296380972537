/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a kernel does on AMD's CPUs between a guest's exit and the first RET;
 * older kernels have one macro for this and for system calls.
 */
#ifndef SLAT_COMPAT_UNTRAIN_H
#define SLAT_COMPAT_UNTRAIN_H

#include <asm/nospec-branch.h>

#ifndef UNTRAIN_RET_VM
#define UNTRAIN_RET_VM	UNTRAIN_RET
#endif

#endif /* SLAT_COMPAT_UNTRAIN_H */
