/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLAT_UNIT_LINUX_MMDEBUG_H
#define SLAT_UNIT_LINUX_MMDEBUG_H

#include <linux/bug.h>

#define VM_WARN_ON_ONCE(cond)	WARN_ON(cond)

#endif /* SLAT_UNIT_LINUX_MMDEBUG_H */
