/* SPDX-License-Identifier: GPL-2.0-only */
/* A few pointers by index. */
#ifndef SLAT_UNIT_LINUX_XARRAY_H
#define SLAT_UNIT_LINUX_XARRAY_H

#define UNIT_XARRAY	16

struct xarray {
	void *entries[UNIT_XARRAY];
};

#define xa_init(xa)			(*(xa) = (struct xarray) { })
#define xa_load(xa, index)		((xa)->entries[index])
#define xa_store(xa, index, entry, gfp)	((xa)->entries[index] = (entry))
#define xa_erase(xa, index)		((xa)->entries[index] = NULL)
#define xa_err(entry)			((void)(entry), 0)
#define xa_destroy(xa)			xa_init(xa)
#define xa_for_each(xa, index, entry)					\
	for ((index) = 0;						\
	     (index) < UNIT_XARRAY && ((entry) = (xa)->entries[index], true); (index)++) \
		if (entry)

#endif /* SLAT_UNIT_LINUX_XARRAY_H */
