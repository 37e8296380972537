// SPDX-License-Identifier: GPL-2.0-only
/*
 * userspace/info_format.c: what `slat info` prints, also of what it does not
 * know.
 */
#include <stdlib.h>

#include <jansson.h>

#include "info_format.h"
#include "unit.h"

static const struct slat_report report = {
	.device = "/dev/slat",
	.api = 12,
	.info = {
		.backend = SLAT_BACKEND_VMX,
		.features = SLAT_FEATURE_INFO,
		.hw_caps = SLAT_HW_SLAT | SLAT_HW_PML,
		.version = "1.2.3",
		.cpus = 4,
		.max_residency_us = 500,
		.vmcs_revision = 0x7fffffff,
	},
};

/* From a module that knows more than this program. */
static struct slat_report newer(void)
{
	struct slat_report future = report;

	future.info.backend = 7;
	future.info.features |= 1ULL << 40;
	future.info.hw_caps |= 1ULL << 63;
	return future;
}

static char *text_of(const struct slat_report *from)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	slat_report_print(out, from);
	fclose(out);
	return text;
}

static json_t *json_of(const struct slat_report *from)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	json_t *json;

	CHECK_EQ(0, slat_report_print_json(out, from));
	fclose(out);
	json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	CHECK(json);
	free(text);
	return json;
}

static void check_text(const struct slat_report *from, const char *part, bool there)
{
	char *text = text_of(from);

	if (!CHECK_EQ(there, !!strstr(text, part)))
		printf("# looked for '%s'\n", part);
	free(text);
}

static const char *string(json_t *json, const char *key)
{
	return json_string_value(json_object_get(json, key));
}

static void text_names_the_basics(void)
{
	check_text(&report, "/dev/slat", true);
	check_text(&report, "1.2.3", true);
	check_text(&report, "vmx", true);
	check_text(&report, "500 us", true);
	check_text(&report, "0x7fffffff", true);
}

static void text_says_unbounded(void)
{
	struct slat_report unbounded = report;

	unbounded.info.max_residency_us = 0;
	check_text(&report, "unbounded", false);
	check_text(&unbounded, "unbounded", true);
}

static void text_keeps_unknown_bits(void)
{
	struct slat_report future = newer();

	check_text(&report, "not known", false);
	check_text(&future, "0x8000000000000000", true);
	check_text(&future, "0x10000000000", true);
	check_text(&future, "unknown (7)", true);
}

static void json_has_the_documented_values(void)
{
	json_t *json = json_of(&report);

	CHECK_EQ(18, json_object_size(json));
	CHECK_STREQ("/dev/slat", string(json, "device"));
	CHECK_STREQ("1.2.3", string(json, "version"));
	CHECK_STREQ("vmx", string(json, "backend"));
	CHECK_STREQ("0x1", string(json, "features_raw"));
	CHECK_STREQ("0x101", string(json, "hw_caps_raw"));
	CHECK_STREQ("0x0", string(json, "hw_caps_unknown"));
	CHECK_EQ(12, json_integer_value(json_object_get(json, "api_version")));
	CHECK_EQ(4, json_integer_value(json_object_get(json, "cpus")));
	CHECK_EQ(0x7fffffff, json_integer_value(json_object_get(json, "vmcs_revision")));
	json_decref(json);
}

static void json_lists_the_names(void)
{
	json_t *json = json_of(&report);
	json_t *list = json_object_get(json, "hw_caps");

	CHECK_EQ(2, json_array_size(list));
	CHECK_STREQ("slat", json_string_value(json_array_get(list, 0)));
	CHECK_STREQ("pml", json_string_value(json_array_get(list, 1)));
	json_decref(json);
}

static void json_keeps_unknown_bits(void)
{
	struct slat_report future = newer();
	json_t *json = json_of(&future);

	CHECK_STREQ("0x8000000000000000", string(json, "hw_caps_unknown"));
	CHECK_STREQ("0x10000000000", string(json, "features_unknown"));
	CHECK_STREQ("unknown", string(json, "backend"));
	CHECK_EQ(7, json_integer_value(json_object_get(json, "backend_id")));
	json_decref(json);
}

static void json_reports_a_full_disk(void)
{
	FILE *full = fopen("/dev/full", "w");

	setvbuf(full, NULL, _IONBF, 0);
	CHECK_EQ(-1, slat_report_print_json(full, &report));
	fclose(full);
}

int main(void)
{
	static const struct unit_case cases[] = {
		UNIT_CASE(text_names_the_basics),
		UNIT_CASE(text_says_unbounded),
		UNIT_CASE(text_keeps_unknown_bits),
		UNIT_CASE(json_has_the_documented_values),
		UNIT_CASE(json_lists_the_names),
		UNIT_CASE(json_keeps_unknown_bits),
		UNIT_CASE(json_reports_a_full_disk),
	};

	return unit_run(cases, ARRAY_SIZE(cases));
}
