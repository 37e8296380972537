/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The VMs of this host, for whoever watches it: debugfs.
 */
#ifndef SLAT_DEBUGFS_H
#define SLAT_DEBUGFS_H

#include <linux/fs.h>

struct dentry;

void slat_debugfs_start(void);
void slat_debugfs_stop(void);
struct dentry *slat_debugfs_add(void *vm, const struct file_operations *stats);
void slat_debugfs_remove(struct dentry *dir);

#endif /* SLAT_DEBUGFS_H */
