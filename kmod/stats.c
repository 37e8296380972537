// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_GET_STATS_FD: a file that describes itself.  A header says where the
 * identity, the descriptors and the values are; all but the values is made once.
 */
#include <linux/anon_inodes.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/kvm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "stats.h"

#define NAME_SIZE	48
#define DESC_SIZE	(sizeof(struct kvm_stats_desc) + NAME_SIZE)

/**
 * struct stats_file - an open descriptor; constant
 * @layout: what it shows
 * @object: whose
 * @size: bytes before the values
 * @text: those bytes
 */
struct stats_file {
	const struct slat_stats_layout *layout;
	void *object;
	size_t size;
	u8 text[];
};

/* What is there from *@pos on of bytes that begin at @start. */
static ssize_t copy_part(char __user *user, size_t size, loff_t pos, loff_t start,
			 const void *from, size_t available)
{
	loff_t at = pos - start;

	return simple_read_from_buffer(user, size, &at, from, available);
}

static ssize_t stats_read(struct file *file, char __user *user, size_t size, loff_t *pos)
{
	const struct stats_file *stats = file->private_data;
	u64 values[SLAT_STATS_FD_MAX];
	ssize_t done = 0, ret;

	if (*pos < stats->size) {
		done = copy_part(user, size, *pos, 0, stats->text, stats->size);
		if (done < 0)
			return done;
	}
	if (done < size && *pos + done >= stats->size) {
		stats->layout->read(stats->object, values);
		ret = copy_part(user + done, size - done, *pos + done, stats->size, values,
				stats->layout->count * sizeof(*values));
		if (ret < 0)
			return ret;
		done += ret;
	}
	*pos += done;
	return done;
}

static int stats_release(struct inode *inode, struct file *file)
{
	struct stats_file *stats = file->private_data;

	stats->layout->put(stats->object);
	kfree(stats);
	return 0;
}

static const struct file_operations stats_fops = {
	.owner = THIS_MODULE,
	.read = stats_read,
	.release = stats_release,
	.llseek = noop_llseek,
};

static void describe(struct stats_file *stats, const char *id)
{
	const struct slat_stats_layout *layout = stats->layout;
	struct kvm_stats_header *header = (void *)stats->text;
	struct kvm_stats_desc *desc;
	unsigned int i;

	*header = (struct kvm_stats_header) {
		.name_size = NAME_SIZE,
		.num_desc = layout->count,
		.id_offset = sizeof(*header),
		.desc_offset = sizeof(*header) + NAME_SIZE,
		.data_offset = stats->size,
	};
	strscpy(stats->text + header->id_offset, id, NAME_SIZE);
	for (i = 0; i < layout->count; i++) {
		desc = (void *)stats->text + header->desc_offset + i * DESC_SIZE;
		desc->flags = layout->descs[i].flags;
		desc->size = 1;
		desc->offset = i * sizeof(u64);
		strscpy(desc->name, layout->descs[i].name, NAME_SIZE);
	}
}

/**
 * slat_stats_open() - a descriptor of an object's counters
 * @layout: what they are
 * @id: who the object is
 * @object: whose; the caller's reference is the descriptor's from here on, and
 *	is put on failure
 *
 * Process context.
 *
 * Return: the descriptor, or -errno.
 */
int slat_stats_open(const struct slat_stats_layout *layout, const char *id, void *object)
{
	size_t size = sizeof(struct kvm_stats_header) + NAME_SIZE + layout->count * DESC_SIZE;
	struct stats_file *stats = kzalloc(struct_size(stats, text, size), GFP_KERNEL_ACCOUNT);
	struct file *file;
	int fd = -ENOMEM;

	if (!stats)
		goto put;
	stats->layout = layout;
	stats->object = object;
	stats->size = size;
	describe(stats, id);
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		goto free;
	file = anon_inode_getfile(layout->file, &stats_fops, stats, O_RDONLY);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		fd = PTR_ERR(file);
		goto free;
	}
	file->f_mode |= FMODE_PREAD;
	fd_install(fd, file);
	return fd;

free:
	kfree(stats);
put:
	layout->put(object);
	return fd;
}
