/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLAT_UNIT_LINUX_ERR_H
#define SLAT_UNIT_LINUX_ERR_H

#define IS_ERR(ptr)	((unsigned long)(ptr) >= -4095UL)
#define PTR_ERR(ptr)	((long)(ptr))
#define ERR_PTR(err)	((void *)(long)(err))

#endif /* SLAT_UNIT_LINUX_ERR_H */
