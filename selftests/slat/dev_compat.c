// SPDX-License-Identifier: GPL-2.0-only
/*
 * The same answers for 32-bit programs: dev_compat [PROGRAM] runs dev_ioctl_32,
 * or another one, if there is one and the kernel can.
 */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kselftest.h"

int main(int argc, char **argv)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", dirname(argv[0]),
		 argc > 1 ? argv[1] : "dev_ioctl_32");
	execl(path, path, NULL);

	if (errno == ENOENT)
		ksft_exit_skip("no %s: it is built when gcc-multilib is installed\n", path);
	if (errno == ENOEXEC)
		ksft_exit_skip("this kernel runs no 32-bit programs (CONFIG_IA32_EMULATION)\n");
	ksft_exit_fail_msg("%s: %s\n", path, strerror(errno));
}
