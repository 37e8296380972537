/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What Slat's kselftests share: the device, the module, sysfs.
 *
 * Helpers come in pairs: _foo() returns what the kernel said (-errno on
 * error), foo() asserts that it worked.
 *
 * Each program has its own main() in place of TEST_HARNESS_MAIN, to look at the
 * machine first: one that cannot run there is skipped as a whole, with exit
 * status 4.
 *
 * The harness' assertions are several statements each: brace them.
 */
#ifndef SLAT_TEST_H
#define SLAT_TEST_H

#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/kvm.h>
#include <linux/slat.h>

#include "cpus.h"
#include "kselftest_harness.h"

/* For a test that hangs.  An emulator with the kernel's checkers takes its time. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	300

#define SLAT_DEVICE	"/dev/slat"
/* "TCGT", as in TCGTCGTCGTCG. */
#define TCG_SIGNATURE	0x54474354

#define SLAT_SYSFS	"/sys/module/slat"

/* Commands that /dev/slat knows; everything else is -EINVAL. */
static const unsigned int known_commands[] = {
	KVM_GET_API_VERSION,
	KVM_CHECK_EXTENSION,
	KVM_CREATE_VM,
	KVM_GET_VCPU_MMAP_SIZE,
	KVM_GET_SUPPORTED_CPUID,
	KVM_GET_EMULATED_CPUID,
	KVM_GET_MSR_INDEX_LIST,
	KVM_GET_MSR_FEATURE_INDEX_LIST,
	KVM_GET_MSRS,
	KVM_X86_GET_MCE_CAP_SUPPORTED,
	KVM_HAS_DEVICE_ATTR,
	KVM_GET_DEVICE_ATTR,
	SLAT_GET_INFO,
};

static inline bool command_known(unsigned int cmd)
{
	for (size_t i = 0; i < ARRAY_SIZE(known_commands); i++)
		if (cmd == known_commands[i])
			return true;
	return false;
}

/* AMD-V, which differs from VT-x in what guests can see here and there. */
static inline bool cpu_has_svm(void)
{
	unsigned int eax, ebx, ecx, edx;

	return __get_cpuid(0x80000001, &eax, &ebx, &ecx, &edx) && ecx & 1 << 2;
}

/* QEMU's emulated CPU, which lacks some of what CPUs check. */
static inline bool cpu_is_tcg(void)
{
	unsigned int eax, ebx, ecx, edx;

	__cpuid(0x40000000, eax, ebx, ecx, edx);
	return ebx == TCG_SIGNATURE;
}

static inline void require_root(void)
{
	if (geteuid())
		ksft_exit_skip("needs root\n");
}

static inline void require_device(void)
{
	int fd = open(SLAT_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		ksft_exit_skip("%s: %s - is the module loaded?\n", SLAT_DEVICE, strerror(errno));
	close(fd);
}

/* Files in sysfs and procfs: one line of text. */

static inline int _file_read(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len;

	if (fd < 0)
		return -errno;
	len = read(fd, buf, size - 1);
	close(fd);
	if (len < 0)
		return -errno;
	buf[len] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return 0;
}

static inline int _file_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

static inline long _file_read_long(const char *path)
{
	char buf[64];
	int err = _file_read(path, buf, sizeof(buf));

	return err ? err : strtol(buf, NULL, 0);
}

static inline void file_write(struct __test_metadata *_metadata, const char *path,
			      const char *text)
{
	ASSERT_EQ(0, _file_write(path, text)) {
		TH_LOG("cannot write '%s' to %s", text, path);
	}
}

static inline long file_read_long(struct __test_metadata *_metadata, const char *path)
{
	long value = _file_read_long(path);

	ASSERT_LE(0, value) {
		TH_LOG("cannot read %s", path);
	}
	return value;
}

/* The device. */

static inline int _device_open(void)
{
	int fd = open(SLAT_DEVICE, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static inline int device_open(struct __test_metadata *_metadata)
{
	int fd = _device_open();

	ASSERT_LE(0, fd) {
		TH_LOG("cannot open %s", SLAT_DEVICE);
	}
	return fd;
}

static inline int _device_ioctl(int fd, unsigned int cmd, unsigned long arg)
{
	int ret = ioctl(fd, cmd, arg);

	return ret < 0 ? -errno : ret;
}

static inline int _info_get(int fd, struct slat_info *info)
{
	memset(info, 0, sizeof(*info));
	return _device_ioctl(fd, SLAT_GET_INFO, (unsigned long)info);
}

static inline void info_get(struct __test_metadata *_metadata, int fd, struct slat_info *info)
{
	ASSERT_EQ(0, _info_get(fd, info));
}

/* CPUs on which the module says virtualisation is on. */
static inline unsigned int info_cpus(struct __test_metadata *_metadata)
{
	int fd = device_open(_metadata);
	struct slat_info info;

	info_get(_metadata, fd, &info);
	close(fd);
	return info.cpus;
}

/* The module. */

#define PARAMS_LEN	128

static inline bool module_loaded(void)
{
	return !access(SLAT_SYSFS "/initstate", F_OK);
}

static inline const char *module_path(void)
{
	const char *path = getenv("SLAT_KO");

	return path ? path : "/lib/slat/slat.ko";
}

static inline void require_module_file(void)
{
	require_root();
	if (access(module_path(), R_OK))
		ksft_exit_skip("%s: %s - set SLAT_KO\n", module_path(), strerror(errno));
}

static inline void require_module(void)
{
	require_module_file();
	if (!module_loaded())
		ksft_exit_skip("the module slat is not loaded\n");
}

/* The parameters as they are now, to load the module with the same again. */
static inline void module_params_get(struct __test_metadata *_metadata, char *params, size_t size)
{
	long us = file_read_long(_metadata, SLAT_SYSFS "/parameters/residency_us");
	char kvm_node[8], interrupts[8];

	ASSERT_EQ(0, _file_read(SLAT_SYSFS "/parameters/kvm_node", kvm_node, sizeof(kvm_node)));
	ASSERT_EQ(0, _file_read(SLAT_SYSFS "/parameters/virtual_interrupts", interrupts,
				sizeof(interrupts)));
	snprintf(params, size, "residency_us=%ld kvm_node=%s virtual_interrupts=%s", us, kvm_node,
		 interrupts);
}

static inline int _module_load(const char *params)
{
	int fd = open(module_path(), O_RDONLY | O_CLOEXEC);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (syscall(SYS_finit_module, fd, params, 0))
		err = -errno;
	close(fd);
	return err;
}

static inline int _module_unload(void)
{
	return syscall(SYS_delete_module, "slat", O_NONBLOCK) ? -errno : 0;
}

static inline void module_load(struct __test_metadata *_metadata, const char *params)
{
	ASSERT_EQ(0, _module_load(params)) {
		TH_LOG("cannot load %s with '%s'", module_path(), params);
	}
}

static inline void module_unload(struct __test_metadata *_metadata)
{
	ASSERT_EQ(0, _module_unload());
}

/* For the end of a test that may have failed half-way. */
static inline void module_restore(struct __test_metadata *_metadata, const char *params)
{
	EXPECT_EQ(0, module_loaded() ? 0 : _module_load(params));
}

static inline long module_refs(struct __test_metadata *_metadata)
{
	return file_read_long(_metadata, SLAT_SYSFS "/refcnt");
}

#endif /* SLAT_TEST_H */
