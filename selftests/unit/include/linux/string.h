/* SPDX-License-Identifier: GPL-2.0-only */
/* Copying and comparing bytes. */
#ifndef SLAT_UNIT_LINUX_STRING_H
#define SLAT_UNIT_LINUX_STRING_H

#include <string.h>

#endif /* SLAT_UNIT_LINUX_STRING_H */
