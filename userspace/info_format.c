// SPDX-License-Identifier: GPL-2.0-only
/*
 * struct slat_info as text, for people and as JSON.
 *
 * A newer module may set bits, or name a backend, that the tables below do not
 * know: those are shown by number and never dropped.
 */
#include <stddef.h>
#include <stdio.h>

#include <jansson.h>

#include "info_format.h"

struct bit_name {
	__u64 bit;
	const char *name;
	const char *meaning;
};

static const struct bit_name feature_names[] = {
	{ SLAT_FEATURE_INFO, "info", "SLAT_GET_INFO" },
	{ SLAT_FEATURE_ZAP_ALL, "zap_all", "SLAT_ZAP_ALL" },
	{ SLAT_FEATURE_STATS, "stats", "SLAT_GET_STATS" },
	{ SLAT_FEATURE_REGIONS, "regions", "SLAT_SET_MEMORY_REGIONS" },
	{ SLAT_FEATURE_POPULATE, "populate", "SLAT_POPULATE" },
	{ SLAT_FEATURE_DIRTY_EPOCHS, "dirty_epochs", "SLAT_PEEK_DIRTY and what ends it" },
	{ 0, NULL, NULL },
};

static const struct bit_name hw_cap_names[] = {
	{ SLAT_HW_SLAT, "slat", "second-level address translation (EPT)" },
	{ SLAT_HW_SLAT_2M, "slat_2m", "2 MiB second-level pages" },
	{ SLAT_HW_SLAT_1G, "slat_1g", "1 GiB second-level pages" },
	{ SLAT_HW_SLAT_5LEVEL, "slat_5level", "5-level second-level tables" },
	{ SLAT_HW_SLAT_AD, "slat_ad", "second-level accessed and dirty bits" },
	{ SLAT_HW_SLAT_EXEC_ONLY, "slat_exec_only", "second-level execute-only pages" },
	{ SLAT_HW_TLB_TAGS, "tlb_tags", "tagged TLB (VPID)" },
	{ SLAT_HW_UNRESTRICTED_GUEST, "unrestricted_guest", "real mode runs natively" },
	{ SLAT_HW_PML, "pml", "page-modification logging" },
	{ SLAT_HW_PREEMPTION_TIMER, "preemption_timer", "timer that ends a stay in the guest" },
	{ SLAT_HW_TSC_SCALING, "tsc_scaling", "guest TSC at its own rate" },
	{ SLAT_HW_TPR_SHADOW, "tpr_shadow", "task priority without exits" },
	{ SLAT_HW_APIC_REGISTERS, "apic_registers", "APIC registers without exits" },
	{ SLAT_HW_VIRTUAL_INTERRUPTS, "virtual_interrupts", "interrupt delivery without exits" },
	{ SLAT_HW_POSTED_INTERRUPTS, "posted_interrupts", "interrupts to a running guest" },
	{ SLAT_HW_VIRTUAL_NMIS, "virtual_nmis", "NMI blocking kept by the CPU" },
	{ SLAT_HW_PAUSE_LOOP, "pause_loop", "exit from spinning guests (PAUSE)" },
	{ SLAT_HW_SHADOW_VMCS, "shadow_vmcs", "nested VMREAD and VMWRITE without exits" },
	{ SLAT_HW_XSAVES, "xsaves", "XSAVES and XRSTORS in the guest" },
	{ SLAT_HW_MODE_BASED_EXEC, "mode_based_exec", "execute rights by user and kernel mode" },
	{ SLAT_HW_APIC_ACCESS, "apic_access", "APIC accesses without page faults" },
	{ SLAT_HW_VIRTUAL_X2APIC, "virtual_x2apic", "x2APIC registers without exits" },
	{ 0, NULL, NULL },
};

static const char *backend_name(__u32 backend)
{
	switch (backend) {
	case SLAT_BACKEND_VMX:
		return "vmx";
	case SLAT_BACKEND_SVM:
		return "svm";
	default:
		return "unknown";
	}
}

static __u64 unknown_bits(__u64 bits, const struct bit_name *names)
{
	for (; names->name; names++)
		bits &= ~names->bit;
	return bits;
}

static void print_bits(FILE *out, const char *title, __u64 bits, const struct bit_name *names)
{
	__u64 unknown = unknown_bits(bits, names);

	fprintf(out, "\n%s (0x%llx):\n", title, bits);
	for (; names->name; names++)
		fprintf(out, "  %-20s %-4s %s\n", names->name, bits & names->bit ? "yes" : "no",
			names->meaning);
	if (unknown)
		fprintf(out, "  0x%-18llx yes  not known to this program: update it\n", unknown);
}

static void print_residency(FILE *out, __u32 us)
{
	if (us)
		fprintf(out, "  %-32s %u us\n", "longest stay without an exit", us);
	else
		fprintf(out, "  %-32s unbounded\n", "longest stay without an exit");
}

void slat_report_print(FILE *out, const struct slat_report *report)
{
	const struct slat_info *info = &report->info;

	fprintf(out, "%s:\n", report->device);
	fprintf(out, "  %-32s %s\n", "module version", info->version);
	fprintf(out, "  %-32s %d\n", "KVM API version", report->api);
	fprintf(out, "  %-32s %s (%u)\n", "backend", backend_name(info->backend),
		info->backend);
	fprintf(out, "  %-32s 0x%x\n", "VMCS revision", info->vmcs_revision);
	fprintf(out, "  %-32s %u\n", "CPUs with virtualisation on", info->cpus);
	fprintf(out, "  %-32s %u bits\n", "host physical address", info->host_phys_bits);
	fprintf(out, "  %-32s %u bits\n", "guest physical address", info->guest_phys_bits);
	fprintf(out, "  %-32s %u\n", "second-level table levels", info->slat_levels);
	fprintf(out, "  %-32s %u\n", "TLB tags", info->tlb_tags);
	print_residency(out, info->max_residency_us);

	print_bits(out, "Features", info->features, feature_names);
	print_bits(out, "Hardware capabilities", info->hw_caps, hw_cap_names);
}

static json_t *json_hex(__u64 value)
{
	return json_sprintf("0x%llx", value);
}

static json_t *json_bit_names(__u64 bits, const struct bit_name *names)
{
	json_t *list = json_array();

	for (; list && names->name; names++) {
		if (!(bits & names->bit))
			continue;
		if (json_array_append_new(list, json_string(names->name))) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

/* 64-bit masks are strings: a JSON number may lose bits above 2^53. */
static json_t *json_report(const struct slat_report *report)
{
	const struct slat_info *info = &report->info;

	return json_pack("{ss,ss,si,ss,sI,so,so,so,so,so,so,sI,sI,sI,sI,sI,sI,sI}",
			 "device", report->device,
			 "version", info->version,
			 "api_version", report->api,
			 "backend", backend_name(info->backend),
			 "backend_id", (json_int_t)info->backend,
			 "features", json_bit_names(info->features, feature_names),
			 "features_raw", json_hex(info->features),
			 "features_unknown", json_hex(unknown_bits(info->features, feature_names)),
			 "hw_caps", json_bit_names(info->hw_caps, hw_cap_names),
			 "hw_caps_raw", json_hex(info->hw_caps),
			 "hw_caps_unknown", json_hex(unknown_bits(info->hw_caps, hw_cap_names)),
			 "host_phys_bits", (json_int_t)info->host_phys_bits,
			 "guest_phys_bits", (json_int_t)info->guest_phys_bits,
			 "slat_levels", (json_int_t)info->slat_levels,
			 "tlb_tags", (json_int_t)info->tlb_tags,
			 "max_residency_us", (json_int_t)info->max_residency_us,
			 "cpus", (json_int_t)info->cpus,
			 "vmcs_revision", (json_int_t)info->vmcs_revision);
}

int slat_report_print_json(FILE *out, const struct slat_report *report)
{
	json_t *root;
	int err;

	/*
	 * The keys come from nobody but us.  A random seed for their hash would
	 * wait for the kernel's entropy, for minutes on a machine that has none.
	 */
	json_object_seed(1);
	root = json_report(report);
	if (!root)
		return -1;
	err = json_dumpf(root, out, JSON_INDENT(2));
	json_decref(root);
	return err || fputc('\n', out) == EOF ? -1 : 0;
}
