/* SPDX-License-Identifier: GPL-2.0-only */
/* Error numbers. */
#ifndef SLAT_UNIT_LINUX_ERRNO_H
#define SLAT_UNIT_LINUX_ERRNO_H

#include <errno.h>

#endif /* SLAT_UNIT_LINUX_ERRNO_H */
