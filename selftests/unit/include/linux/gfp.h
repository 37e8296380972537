/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLAT_UNIT_LINUX_GFP_H
#define SLAT_UNIT_LINUX_GFP_H

#define gfp_t			int
#define GFP_KERNEL		0
#define GFP_KERNEL_ACCOUNT	0
#define __GFP_NOFAIL		0

#endif /* SLAT_UNIT_LINUX_GFP_H */
