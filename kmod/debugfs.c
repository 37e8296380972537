// SPDX-License-Identifier: GPL-2.0-only
/*
 * slat/PID-NUMBER/stats in debugfs: the counters of each VM, by the process that
 * made it.  The number tells VMs of a process apart and is never used again.
 *
 * Nothing depends on it: a kernel without debugfs runs guests all the same.
 */
#include <linux/atomic.h>
#include <linux/debugfs.h>
#include <linux/kernel.h>
#include <linux/sched.h>

#include "debugfs.h"

static struct dentry *root;
static atomic_t vms = ATOMIC_INIT(0);

/**
 * slat_debugfs_start() - before there are VMs
 */
void slat_debugfs_start(void)
{
	root = debugfs_create_dir("slat", NULL);
}

/**
 * slat_debugfs_stop() - when there are none any more
 */
void slat_debugfs_stop(void)
{
	debugfs_remove(root);
}

/**
 * slat_debugfs_add() - show a VM
 * @vm: what @stats finds in its inode
 * @stats: its counters
 *
 * Process context of the VM's owner.
 *
 * Return: for slat_debugfs_remove().
 */
struct dentry *slat_debugfs_add(void *vm, const struct file_operations *stats)
{
	struct dentry *dir;
	char name[32];

	snprintf(name, sizeof(name), "%d-%u", task_tgid_nr(current),
		 (unsigned int)atomic_inc_return(&vms));
	dir = debugfs_create_dir(name, root);
	debugfs_create_file("stats", 0400, dir, vm, stats);
	return dir;
}

/**
 * slat_debugfs_remove() - show it no longer
 * @dir: from slat_debugfs_add()
 *
 * Process context.  Waits for those who read.
 */
void slat_debugfs_remove(struct dentry *dir)
{
	debugfs_remove(dir);
}
