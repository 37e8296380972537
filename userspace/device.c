// SPDX-License-Identifier: GPL-2.0-only
/*
 * Opening and asking /dev/slat.
 *
 * Each errno that a user can do something about has a row with the advice.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/kvm.h>

#include "device.h"

#define NO_MODULE	"load the module: modprobe slat"
#define SIGNED_ONLY	"this kernel takes only modules that are signed with a key it knows: " \
			"\"Secure Boot\" in Documentation/install.rst says how to sign slat"
#define NO_RIGHT	"run as root, or join the group: usermod -aG kvm USER, then log in again"
#define NOT_SLAT	"not slat's device, or a module older than this program: " \
			"install the module of the same release, modprobe -r slat, modprobe slat"

static const struct {
	int error;
	enum slat_exit status;
	const char *advice;
} hints[] = {
	{ ENOENT, SLAT_EXIT_NO_DEVICE, NO_MODULE },
	{ ENODEV, SLAT_EXIT_NO_DEVICE, NO_MODULE },
	{ ENXIO, SLAT_EXIT_NO_DEVICE, NO_MODULE },
	{ EACCES, SLAT_EXIT_PERMISSION, NO_RIGHT },
	{ EPERM, SLAT_EXIT_PERMISSION, NO_RIGHT },
	{ ENOTTY, SLAT_EXIT_ABI, NOT_SLAT },
	{ EINVAL, SLAT_EXIT_ABI, NOT_SLAT },
};

static bool file_contains(const char *path, const char *text)
{
	char content[128] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len;

	if (fd < 0)
		return false;
	len = read(fd, content, sizeof(content) - 1);
	close(fd);
	return len > 0 && strstr(content, text);
}

/* By its command line, or locked down, as Debian's is by Secure Boot. */
static bool signed_modules_only(void)
{
	return file_contains("/sys/module/module/parameters/sig_enforce", "Y") ||
	       file_contains("/sys/kernel/security/lockdown", "[integrity]") ||
	       file_contains("/sys/kernel/security/lockdown", "[confidentiality]");
}

enum slat_exit slat_device_error(const char *path, const char *what, int error)
{
	for (size_t i = 0; i < ARRAY_SIZE(hints); i++) {
		if (hints[i].error != error)
			continue;
		fprintf(stderr, "%s: %s: %s - %s\n", path, what, strerror(error),
			hints[i].advice);
		if (hints[i].status == SLAT_EXIT_NO_DEVICE && signed_modules_only())
			fputs("slat: " SIGNED_ONLY "\n", stderr);
		return hints[i].status;
	}
	fprintf(stderr, "%s: %s: %s - the kernel log may say more: dmesg\n", path, what,
		strerror(error));
	return SLAT_EXIT_FAILURE;
}

enum slat_exit slat_device_open(const char *path, int *fd)
{
	*fd = open(path, O_RDWR | O_CLOEXEC);
	return *fd < 0 ? slat_device_error(path, "open", errno) : SLAT_EXIT_OK;
}

enum slat_exit slat_device_info(const char *path, int fd, int *api,
				struct slat_info *info)
{
	*api = ioctl(fd, KVM_GET_API_VERSION, 0);
	if (*api < 0)
		return slat_device_error(path, "KVM_GET_API_VERSION", errno);

	memset(info, 0, sizeof(*info));
	if (ioctl(fd, SLAT_GET_INFO, info))
		return slat_device_error(path, "SLAT_GET_INFO", errno);

	/* The kernel promises the NUL; a wrong device does not. */
	info->version[sizeof(info->version) - 1] = '\0';
	return SLAT_EXIT_OK;
}
