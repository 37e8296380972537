// SPDX-License-Identifier: GPL-2.0-only
/*
 * `slat info` says what the ioctl says.  SLAT= names the program.
 */
#include <grp.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <jansson.h>

#include "slat_test.h"

#define NOBODY	65534

static const char *program(void)
{
	const char *path = getenv("SLAT");

	return path ? path : "slat";
}

/* Runs the program; its output goes to @out. Returns the exit status. */
static int slat(const char *args, char *out, size_t size)
{
	char command[256];
	size_t len;
	FILE *pipe;
	int status;

	snprintf(command, sizeof(command), "%s %s 2>&1", program(), args);
	pipe = popen(command, "r");
	if (!pipe)
		return -1;
	len = fread(out, 1, size - 1, pipe);
	out[len] = '\0';
	status = pclose(pipe);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void require_program(void)
{
	char out[256];

	/* Not a random one, which may wait for the kernel's entropy. */
	json_object_seed(1);
	require_device();
	if (slat("--version", out, sizeof(out)))
		ksft_exit_skip("cannot run the program '%s' - set SLAT\n", program());
}

FIXTURE(info) {
	struct slat_info info;
	json_t *json;
	char text[8192];
};

FIXTURE_SETUP(info)
{
	int fd = device_open(_metadata);

	info_get(_metadata, fd, &self->info);
	close(fd);
	ASSERT_EQ(0, slat("info --json", self->text, sizeof(self->text)));
	self->json = json_loads(self->text, JSON_REJECT_DUPLICATES, NULL);
	ASSERT_NE(NULL, self->json) {
		TH_LOG("not JSON: %s", self->text);
	}
}

FIXTURE_TEARDOWN(info)
{
	json_decref(self->json);
}

static json_int_t number(json_t *json, const char *key)
{
	json_t *value = json_object_get(json, key);

	return json_is_integer(value) ? json_integer_value(value) : -1;
}

static __u64 mask(json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text ? strtoull(text, NULL, 16) : ~0ULL;
}

static bool lists(json_t *json, const char *key, const char *name)
{
	json_t *list = json_object_get(json, key), *value;
	size_t i;

	json_array_foreach(list, i, value)
		if (!strcmp(json_string_value(value), name))
			return true;
	return false;
}

TEST_F(info, numbers_agree)
{
	EXPECT_EQ(KVM_API_VERSION, number(self->json, "api_version"));
	EXPECT_EQ(self->info.backend, number(self->json, "backend_id"));
	EXPECT_EQ(self->info.host_phys_bits, number(self->json, "host_phys_bits"));
	EXPECT_EQ(self->info.guest_phys_bits, number(self->json, "guest_phys_bits"));
	EXPECT_EQ(self->info.slat_levels, number(self->json, "slat_levels"));
	EXPECT_EQ(self->info.tlb_tags, number(self->json, "tlb_tags"));
	EXPECT_EQ(self->info.max_residency_us, number(self->json, "max_residency_us"));
	EXPECT_EQ(self->info.cpus, number(self->json, "cpus"));
	EXPECT_EQ(self->info.vmcs_revision, number(self->json, "vmcs_revision"));
}

TEST_F(info, version_agrees)
{
	const char *version = json_string_value(json_object_get(self->json, "version"));

	ASSERT_NE(NULL, version);
	EXPECT_STREQ(self->info.version, version);
}

TEST_F(info, masks_agree)
{
	EXPECT_EQ(self->info.features, mask(self->json, "features_raw"));
	EXPECT_EQ(self->info.hw_caps, mask(self->json, "hw_caps_raw"));
}

TEST_F(info, names_agree)
{
	EXPECT_TRUE(lists(self->json, "features", "info"));
	EXPECT_EQ(!!(self->info.hw_caps & SLAT_HW_SLAT), lists(self->json, "hw_caps", "slat"));
	EXPECT_EQ(!!(self->info.hw_caps & SLAT_HW_PML), lists(self->json, "hw_caps", "pml"));
}

TEST_F(info, every_bit_has_a_name)
{
	EXPECT_EQ(0, mask(self->json, "features_unknown"));
	EXPECT_EQ(0, mask(self->json, "hw_caps_unknown"));
}

TEST_F(info, text_for_people_names_the_version)
{
	ASSERT_EQ(0, slat("info", self->text, sizeof(self->text)));
	EXPECT_NE(NULL, strstr(self->text, self->info.version));
}

/* slat(1) lists the statuses of all its commands; slat_run sees those of a guest. */
TEST_F(info, statuses)
{
	static const struct {
		const char *args;
		int status;
		const char *says;
	} runs[] = {
		{ "help", 0, "slat run" },
		{ "--version", 0, "slat " },
		{ "", 2, "Usage:" },
		{ "inform", 2, "unknown command" },
		{ "info --yaml", 2, "--yaml" },
		{ "info --device /nothing", 3, "modprobe slat" },
		{ "info --device /dev/null", 5, "not slat's device" },
		{ "stat --once --debugfs /nothing", 3, "/nothing" },
		{ "help >/dev/full", 1, "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
		EXPECT_EQ(runs[i].status, slat(runs[i].args, self->text, sizeof(self->text))) {
			TH_LOG("slat %s: %s", runs[i].args, self->text);
		}
		EXPECT_NE(NULL, strstr(self->text, runs[i].says)) {
			TH_LOG("slat %s: %s", runs[i].args, self->text);
		}
	}
}

/* The status of slat(1) as a user who owns nothing. */
static int slat_as_nobody(const char *args)
{
	char out[256];
	int status;
	pid_t pid = fork();

	if (!pid) {
		if (setgroups(0, NULL) || setgid(NOBODY) || setuid(NOBODY))
			_exit(126);
		_exit(slat(args, out, sizeof(out)));
	}
	waitpid(pid, &status, 0);
	return WEXITSTATUS(status);
}

TEST_F(info, status_of_a_user_without_rights)
{
	struct stat node;

	ASSERT_EQ(0, stat(SLAT_DEVICE, &node));
	ASSERT_EQ(0, chmod(SLAT_DEVICE, 0600));
	EXPECT_EQ(4, slat_as_nobody("info"));
	ASSERT_EQ(0, chmod(SLAT_DEVICE, 0666));
	EXPECT_EQ(0, slat_as_nobody("info"));
	ASSERT_EQ(0, chmod(SLAT_DEVICE, node.st_mode & 07777));
}

int main(int argc, char **argv)
{
	require_program();
	return test_harness_run(argc, argv);
}
