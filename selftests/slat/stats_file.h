/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The counters of a VM or a vCPU, from the file that describes them.
 */
#ifndef SLAT_STATS_FILE_H
#define SLAT_STATS_FILE_H

#include "guest.h"

static inline int stats_open(struct __test_metadata *_metadata, struct guest *guest, bool vcpu)
{
	int fd = _ioctl(vcpu ? guest->fd : guest->vm, KVM_GET_STATS_FD, 0);

	ASSERT_LE(0, fd);
	return fd;
}

static inline void read_header(struct __test_metadata *_metadata, int fd,
			       struct kvm_stats_header *header)
{
	ASSERT_EQ(sizeof(*header), pread(fd, header, sizeof(*header), 0));
}

/* A value by its name; -1: there is none. */
static inline long long stat_value(struct __test_metadata *_metadata, int fd, const char *name)
{
	struct kvm_stats_header header;
	long long found = -1;

	read_header(_metadata, fd, &header);
	for (__u32 i = 0; i < header.num_desc; i++) {
		size_t size = sizeof(struct kvm_stats_desc) + header.name_size;
		struct kvm_stats_desc *desc = calloc(1, size);
		__u64 value;

		ASSERT_EQ(size, pread(fd, desc, size, header.desc_offset + i * size));
		if (!strcmp(desc->name, name)) {
			ASSERT_EQ(sizeof(value), pread(fd, &value, sizeof(value),
						       header.data_offset + desc->offset));
			found = value;
		}
		free(desc);
	}
	return found;
}

#endif /* SLAT_STATS_FILE_H */
