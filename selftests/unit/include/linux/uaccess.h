/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLAT_UNIT_LINUX_UACCESS_H
#define SLAT_UNIT_LINUX_UACCESS_H

#define pagefault_disable()	((void)0)
#define pagefault_enable()	((void)0)

#endif /* SLAT_UNIT_LINUX_UACCESS_H */
