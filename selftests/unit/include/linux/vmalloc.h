/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory that user space could map. */
#ifndef SLAT_UNIT_LINUX_VMALLOC_H
#define SLAT_UNIT_LINUX_VMALLOC_H

#include <linux/slab.h>

#define __vmalloc(size, gfp)		kzalloc(size, gfp)
#define vfree(ptr)			kfree(ptr)
#define vmalloc_to_page(addr)		((void)(addr), unit_pages)

#endif /* SLAT_UNIT_LINUX_VMALLOC_H */
