// SPDX-License-Identifier: GPL-2.0-only
/*
 * A shrinker is allocated by the kernel (newer ones) or by who has it (older).
 */
#include <linux/mm.h>	/* what the next needs */
#include <linux/shrinker.h>

#include "compat/compat.h"

#ifdef SLAT_HAVE_SHRINKER_ALLOC

static struct shrinker *shrinker;

static int add(slat_shrink_fn count, slat_shrink_fn scan)
{
	shrinker = shrinker_alloc(0, "slat");
	if (!shrinker)
		return -ENOMEM;
	shrinker->count_objects = count;
	shrinker->scan_objects = scan;
	shrinker_register(shrinker);
	return 0;
}

static void remove(void)
{
	shrinker_free(shrinker);
}

#else

static struct shrinker shrinker;

static int add(slat_shrink_fn count, slat_shrink_fn scan)
{
	shrinker = (struct shrinker) {
		.count_objects = count,
		.scan_objects = scan,
		.seeks = DEFAULT_SEEKS,
	};
	return register_shrinker(&shrinker, "slat");
}

static void remove(void)
{
	unregister_shrinker(&shrinker);
}

#endif

/**
 * slat_shrinker_register() - be asked for memory that is not needed
 * @count: how many objects there are, about; 0: none
 * @scan: free sc->nr_to_scan of them; how many that was, or SHRINK_STOP
 *
 * Process context.  Both may be called from any allocation that may wait.  There is
 * room for one pair.
 *
 * Return: 0 or -ENOMEM.
 */
int slat_shrinker_register(slat_shrink_fn count, slat_shrink_fn scan)
{
	return add(count, scan);
}

/**
 * slat_shrinker_unregister() - undo slat_shrinker_register()
 *
 * Process context.
 */
void slat_shrinker_unregister(void)
{
	remove();
}
