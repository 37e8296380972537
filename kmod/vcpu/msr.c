// SPDX-License-Identifier: GPL-2.0-only
/*
 * The MSRs that a guest has.
 */
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/apicdef.h>
#include <asm/msr.h>

#include "config.h"
#include "vcpu/vcpu.h"

#define MSRS_MAX	256

/* What a guest that asks for its microcode gets: never older than any fix. */
#define UCODE_REVISION	0x100000000ULL

/* SDM vol. 3A, 12.11; each the first of its kind. */
#define MTRR_CAP		0xfe
#define MTRR_PHYS_BASE		0x200
#define MTRR_FIX_64K		0x250
#define MTRR_FIX_16K		0x258
#define MTRR_FIX_4K		0x268
#define MTRR_DEFAULT_TYPE	0x2ff
#define MTRR_PAIRS	8
#define MTRRS_FIXED	BIT(8)
#define MTRRS_WC	BIT(10)

/* What a guest may set in AMD's hardware configuration register: it has no effect. */
#define HWCR_TLB_CACHE_DISABLE	BIT(3)
#define HWCR_FLUSH_FILTER_OFF	BIT(6)
#define HWCR_IGNORE_NUMERIC_ERR	BIT(8)
#define HWCR_MC_STATUS_WRITE	BIT(18)
#define HWCR_HARMLESS	(HWCR_TLB_CACHE_DISABLE | HWCR_FLUSH_FILTER_OFF | \
			 HWCR_IGNORE_NUMERIC_ERR | HWCR_MC_STATUS_WRITE)

#define EFER_KNOWN	(EFER_SCE | EFER_LME | EFER_LMA | EFER_NX)

/* How a write is checked. */
enum check { ANY, CANONICAL, MEMORY_TYPES, PAT, LOW32, EFER, MTRR_BASE, MTRR_MASK, MTRR_DEFAULT };

/* MSRs that are a register of struct slat_cpu. */
static const struct {
	u32 index;
	u32 state;
	size_t offset;
	enum check check;
} registers[] = {
#define REGISTER(msr, state, member, check) \
	{ msr, state, offsetof(struct slat_cpu, member), check }
	REGISTER(MSR_EFER, SLAT_STATE_CRS, efer, EFER),
	REGISTER(MSR_STAR, SLAT_STATE_SYSCALL, star, ANY),
	REGISTER(MSR_LSTAR, SLAT_STATE_SYSCALL, lstar, CANONICAL),
	REGISTER(MSR_CSTAR, SLAT_STATE_SYSCALL, cstar, CANONICAL),
	REGISTER(MSR_SYSCALL_MASK, SLAT_STATE_SYSCALL, sfmask, LOW32),
	REGISTER(MSR_KERNEL_GS_BASE, SLAT_STATE_SYSCALL, kernel_gs_base, CANONICAL),
	REGISTER(MSR_TSC_AUX, SLAT_STATE_SYSCALL, tsc_aux, LOW32),
	REGISTER(MSR_FS_BASE, SLAT_STATE_SEG(SLAT_FS), seg[SLAT_FS].base, CANONICAL),
	REGISTER(MSR_GS_BASE, SLAT_STATE_SEG(SLAT_GS), seg[SLAT_GS].base, CANONICAL),
	REGISTER(MSR_IA32_SYSENTER_CS, SLAT_STATE_MSRS, sysenter_cs, LOW32),
	REGISTER(MSR_IA32_SYSENTER_ESP, SLAT_STATE_MSRS, sysenter_esp, CANONICAL),
	REGISTER(MSR_IA32_SYSENTER_EIP, SLAT_STATE_MSRS, sysenter_eip, CANONICAL),
	REGISTER(MSR_IA32_CR_PAT, SLAT_STATE_MSRS, pat, PAT),
#undef REGISTER
};

/*
 * MSRs that are remembered, and do nothing: memory types are EPT's.  @writable:
 * bits that the guest may change; user space may change all.
 */
static const struct {
	u32 first;
	u32 count;
	u64 reset;
	u64 writable;
	enum check check;
} stored[] = {
	{ MSR_IA32_MISC_ENABLE, 1, MSR_IA32_MISC_ENABLE_FAST_STRING, ~0ULL, ANY },
	{ MSR_IA32_UCODE_REV, 1, UCODE_REVISION, 0, ANY },
	{ MSR_PLATFORM_INFO, 1, 0, 0, ANY },
	{ MSR_IA32_DEBUGCTLMSR, 1, 0, 0, ANY },
	{ MSR_K7_HWCR, 1, 0, HWCR_HARMLESS, ANY },
	{ MSR_IA32_POWER_CTL, 1, 0, ~0ULL, ANY },
	{ MTRR_DEFAULT_TYPE, 1, 0, ~0ULL, MTRR_DEFAULT },
	{ MTRR_FIX_64K, 1, 0, ~0ULL, MEMORY_TYPES },
	{ MTRR_FIX_16K, 2, 0, ~0ULL, MEMORY_TYPES },
	{ MTRR_FIX_4K, 8, 0, ~0ULL, MEMORY_TYPES },
	/* Pairs of a base, even, and a mask, odd. */
	{ MTRR_PHYS_BASE, 2 * MTRR_PAIRS, 0, ~0ULL, MTRR_BASE },
};

/* MSRs that are what they are. */
static const struct {
	u32 index;
	u64 value;
} constants[] = {
	{ MSR_IA32_PLATFORM_ID, 0 },
	{ MSR_IA32_EBL_CR_POWERON, 0 },
	{ MTRR_CAP, MTRRS_WC | MTRRS_FIXED | MTRR_PAIRS },
	{ MSR_AMD64_SYSCFG, 0 },
};

static bool canonical(u64 value)
{
	return (s64)(value << 16) >> 16 == (s64)value;
}

/* Which of these is what: SDM vol. 3A, tables 12-2 and 12-10. */
static bool mtrr_type_valid(u8 type)
{
	return type <= 6 && type != 2 && type != 3;
}

static bool pat_type_valid(u8 type)
{
	return type <= 7 && type != 2 && type != 3;
}

static bool types_valid(u64 value, bool (*valid)(u8 type))
{
	int i;

	for (i = 0; i < 64; i += 8)
		if (!valid(value >> i))
			return false;
	return true;
}

static bool value_valid(const struct slat_cpu *cpu, enum check check, u64 value)
{
	u64 beyond = ~(BIT_ULL(cpu->phys_bits) - 1);

	switch (check) {
	case CANONICAL:
		return canonical(value);
	case MEMORY_TYPES:
		return types_valid(value, mtrr_type_valid);
	case PAT:
		return types_valid(value, pat_type_valid);
	case LOW32:
		return !(value >> 32);
	case EFER:
		/* LMA is the CPU's, and LME cannot change while paging is on. */
		return !(value & ~(cpu->efer_allowed & EFER_KNOWN)) &&
		       !((value ^ cpu->efer) & EFER_LME && cpu->cr0 & X86_CR0_PG);
	case MTRR_BASE:
		return mtrr_type_valid(value) && !(value & (beyond | 0xf00));
	case MTRR_MASK:
		return !(value & (beyond | 0x7ff));
	case MTRR_DEFAULT:
		return mtrr_type_valid(value) && !(value & ~0xcffULL);
	default:
		return true;
	}
}

static u64 *register_of(struct slat_cpu *cpu, int i)
{
	slat_cpu_need(cpu, registers[i].state);
	return (void *)cpu + registers[i].offset;
}

static int set_register(struct slat_cpu *cpu, int i, u64 value)
{
	if (!value_valid(cpu, registers[i].check, value))
		return -EINVAL;
	if (registers[i].check == EFER)
		value = (value & ~(u64)EFER_LMA) | (cpu->efer & EFER_LMA);
	*register_of(cpu, i) = value;
	slat_cpu_changed(cpu, registers[i].state);
	return 0;
}

/* The entry of @stored that has this MSR, and the MSR's place in slat_vcpu.msrs. */
static int find_stored(u32 index, unsigned int *place)
{
	unsigned int at = 0;
	int i;

	for (i = 0; i < ARRAY_SIZE(stored); i++) {
		if (index - stored[i].first < stored[i].count) {
			*place = at + index - stored[i].first;
			return i;
		}
		at += stored[i].count;
	}
	return -1;
}

static int set_stored(struct slat_vcpu *vcpu, int i, u32 index, u64 *now, u64 value, bool guest)
{
	enum check check = stored[i].check;

	if (check == MTRR_BASE && (index - stored[i].first) & 1)
		check = MTRR_MASK;
	if (!value_valid(&vcpu->cpu, check, value))
		return -EINVAL;
	if (guest && (value ^ *now) & ~stored[i].writable)
		/* A guest asks for the microcode's revision by writing 0. */
		return index == MSR_IA32_UCODE_REV && !value ? 0 : -EINVAL;
	*now = value;
	return 0;
}

/**
 * slat_vcpu_reset_msrs() - those that are only remembered, as after RESET
 * @vcpu: whose
 */
void slat_vcpu_reset_msrs(struct slat_vcpu *vcpu)
{
	unsigned int at = 0, n;
	int i;

	for (i = 0; i < ARRAY_SIZE(stored); i++)
		for (n = 0; n < stored[i].count; n++)
			vcpu->msrs[at++] = stored[i].reset;
	WARN_ON(at != SLAT_STORED_MSRS);
}

static int get_msr(struct slat_vcpu *vcpu, u32 index, u64 *value, bool guest)
{
	struct slat_cpu *cpu = &vcpu->cpu;
	unsigned int place;
	int i;

	for (i = 0; i < ARRAY_SIZE(registers); i++) {
		if (registers[i].index == index) {
			*value = *register_of(cpu, i);
			return 0;
		}
	}
	for (i = 0; i < ARRAY_SIZE(constants); i++) {
		if (constants[i].index == index) {
			*value = constants[i].value;
			return 0;
		}
	}
	if (find_stored(index, &place) >= 0) {
		*value = vcpu->msrs[place];
		return 0;
	}
	switch (index) {
	case APIC_BASE_MSR ... APIC_BASE_MSR + 0xff:
		return vcpu->has_apic &&
		       !slat_lapic_read_msr(&vcpu->apic.lapic, index, value) ? 0 : -ENOENT;
	case MSR_IA32_TSC_DEADLINE:
		slat_apic_timer_poll(&vcpu->apic);
		*value = vcpu->apic.timer.deadline;
		return 0;
	case MSR_IA32_TSC:
		*value = slat_vcpu_tsc(vcpu);
		return 0;
	case MSR_IA32_TSC_ADJUST:
		*value = vcpu->tsc_adjust;
		return 0;
	case MSR_IA32_APICBASE:
		*value = vcpu->apic_base;
		return 0;
	default:
		if (!slat_mce_get_msr(vcpu, index, guest, value))
			return 0;
		return slat_pv_get_msr(vcpu, index, value);
	}
}

/**
 * slat_vcpu_get_msr() - read an MSR of a guest, on behalf of user space
 * @vcpu: loaded
 * @index: which
 * @value: filled in
 *
 * Return: 0, -ENOENT: the guest does not have it.
 */
int slat_vcpu_get_msr(struct slat_vcpu *vcpu, u32 index, u64 *value)
{
	return get_msr(vcpu, index, value, false);
}

static int set_listed(struct slat_vcpu *vcpu, u32 index, u64 value, bool guest)
{
	unsigned int place;
	int i;

	for (i = 0; i < ARRAY_SIZE(registers); i++)
		if (registers[i].index == index)
			return set_register(&vcpu->cpu, i, value);
	i = find_stored(index, &place);
	if (i >= 0)
		return set_stored(vcpu, i, index, &vcpu->msrs[place], value, guest);
	for (i = 0; i < ARRAY_SIZE(constants); i++)
		if (constants[i].index == index)
			return !guest && value == constants[i].value ? 0 : -EINVAL;
	return -ENOENT;
}

/* Those of each tick come first. */
static int set_msr(struct slat_vcpu *vcpu, u32 index, u64 value, bool guest)
{
	int err;

	switch (index) {
	case APIC_BASE_MSR ... APIC_BASE_MSR + 0xff:
		return vcpu->has_apic &&
		       !slat_lapic_write_msr(&vcpu->apic.lapic, index, value) ? 0 : -EINVAL;
	case MSR_IA32_TSC_DEADLINE:
		if (vcpu->has_apic) {
			u64 host = rdtsc();

			slat_apic_timer_deadline(&vcpu->apic, value, host,
						 slat_vcpu_tsc_of(vcpu, host), vcpu->tsc_khz);
		}
		return 0;
	case MSR_IA32_TSC:
		if (guest)
			slat_vcpu_guest_set_tsc(vcpu, value);
		else
			slat_vcpu_sync_tsc(vcpu, value);
		return 0;
	case MSR_IA32_TSC_ADJUST:
		if (guest)
			slat_vcpu_guest_adjust_tsc(vcpu, value);
		else
			vcpu->tsc_adjust = value;
		return 0;
	case MSR_IA32_APICBASE:
		return slat_vcpu_set_apic_base(vcpu, value, guest);
	default:
		err = set_listed(vcpu, index, value, guest);
		if (err == -ENOENT)
			err = slat_mce_set_msr(vcpu, index, guest, value);
		return err == -ENOENT ? slat_pv_set_msr(vcpu, index, value) : err;
	}
}

/**
 * slat_vcpu_set_msr() - write an MSR of a guest, on behalf of user space
 * @vcpu: loaded
 * @index: which
 * @value: to what
 *
 * Return: 0; -ENOENT: the guest does not have it; -EINVAL: not with this value.
 */
int slat_vcpu_set_msr(struct slat_vcpu *vcpu, u32 index, u64 value)
{
	return set_msr(vcpu, index, value, false);
}

/* What a guest has depends on what it is told. */
static bool guest_has(const struct slat_vcpu *vcpu, u32 index)
{
	switch (index) {
	case MSR_TSC_AUX:
		return vcpu->cpu.has_rdtscp;
	case MSR_IA32_TSC_ADJUST:
		return slat_vcpu_has_tsc_adjust(vcpu);
	case MSR_IA32_TSC_DEADLINE:
		return vcpu->apic.lapic.has_deadline;
	default:
		return slat_pv_allows(vcpu, index);
	}
}

/**
 * slat_vcpu_guest_rdmsr() - an MSR as its guest reads it
 * @vcpu: loaded
 * @index: which
 * @value: filled in
 *
 * Return: 0; -ENOENT: there is no such MSR; -EINVAL: not for this guest.
 */
int slat_vcpu_guest_rdmsr(struct slat_vcpu *vcpu, u32 index, u64 *value)
{
	if (!guest_has(vcpu, index))
		return -EINVAL;
	if (index == MSR_PLATFORM_INFO && READ_ONCE(vcpu->config->hide_platform_info))
		return -EINVAL;
	return get_msr(vcpu, index, value, true);
}

/**
 * slat_vcpu_guest_wrmsr() - write an MSR as its guest does
 * @vcpu: loaded
 * @index: which
 * @value: to what
 *
 * Return: 0; -ENOENT: there is no such MSR; -EINVAL: not for this guest, or not
 * with this value.
 */
int slat_vcpu_guest_wrmsr(struct slat_vcpu *vcpu, u32 index, u64 value)
{
	return guest_has(vcpu, index) ? set_msr(vcpu, index, value, true) : -EINVAL;
}

/**
 * slat_vcpu_msr_ioctl() - KVM_GET_MSRS, KVM_SET_MSRS
 * @vcpu: loaded
 * @user: which, and their values
 * @set: write them
 *
 * Return: how many were done before one could not be; -E2BIG; -EFAULT; -ENOMEM.
 */
long slat_vcpu_msr_ioctl(struct slat_vcpu *vcpu, struct kvm_msrs __user *user, bool set)
{
	struct kvm_msr_entry *entries;
	struct kvm_msrs head;
	unsigned int i;
	size_t size;

	if (copy_from_user(&head, user, sizeof(head)))
		return -EFAULT;
	if (head.nmsrs >= MSRS_MAX)
		return -E2BIG;
	if (!head.nmsrs)
		return 0;
	size = head.nmsrs * sizeof(*entries);
	entries = memdup_user(user->entries, size);
	if (IS_ERR(entries))
		return PTR_ERR(entries);

	for (i = 0; i < head.nmsrs; i++) {
		u64 value = entries[i].data;

		if (set ? slat_vcpu_set_msr(vcpu, entries[i].index, value) :
			  slat_vcpu_get_msr(vcpu, entries[i].index, &value))
			break;
		entries[i].data = value;
	}
	if (!set && copy_to_user(user->entries, entries, size)) {
		kfree(entries);
		return -EFAULT;
	}
	kfree(entries);
	return i;
}

static int list_to_user(struct kvm_msr_list __user *user, const u32 *indices, u32 count)
{
	struct kvm_msr_list head;
	u32 room;

	if (copy_from_user(&head, user, sizeof(head)))
		return -EFAULT;
	room = head.nmsrs;
	head.nmsrs = count;
	if (copy_to_user(user, &head, sizeof(head)))
		return -EFAULT;
	if (room < count)
		return -E2BIG;
	return copy_to_user(user->indices, indices, count * sizeof(*indices)) ? -EFAULT : 0;
}

/**
 * slat_msr_list() - KVM_GET_MSR_INDEX_LIST: the MSRs that are a guest's state
 * @user: how many fit, and where to
 *
 * Return: 0; -E2BIG, with their number; -EFAULT.
 */
long slat_msr_list(struct kvm_msr_list __user *user)
{
	u32 indices[ARRAY_SIZE(registers) + SLAT_STORED_MSRS + SLAT_PV_MSRS + 6];
	u32 count = 0, n;
	int i;

	for (i = 0; i < ARRAY_SIZE(registers); i++)
		indices[count++] = registers[i].index;
	for (i = 0; i < ARRAY_SIZE(stored); i++)
		for (n = 0; n < stored[i].count; n++)
			indices[count++] = stored[i].first + n;
	for (i = 0; i < SLAT_PV_MSRS; i++)
		indices[count++] = slat_pv_msrs[i];
	indices[count++] = MSR_IA32_MCG_STATUS;
	indices[count++] = MSR_IA32_MCG_CTL;
	indices[count++] = MSR_IA32_TSC;
	indices[count++] = MSR_IA32_TSC_ADJUST;
	indices[count++] = MSR_IA32_APICBASE;
	indices[count++] = MSR_IA32_TSC_DEADLINE;
	return list_to_user(user, indices, count);
}

/* MSRs that say what can be offered to a guest, on any host. */
static const struct {
	u32 index;
	u64 value;
} features[] = {
	{ MSR_IA32_UCODE_REV, UCODE_REVISION },
};

/**
 * slat_msr_feature_list() - KVM_GET_MSR_FEATURE_INDEX_LIST
 * @user: how many fit, and where to
 *
 * Return: as slat_msr_list().
 */
long slat_msr_feature_list(struct kvm_msr_list __user *user)
{
	u32 indices[ARRAY_SIZE(features)];
	int i;

	for (i = 0; i < ARRAY_SIZE(features); i++)
		indices[i] = features[i].index;
	return list_to_user(user, indices, ARRAY_SIZE(features));
}

static bool feature_of(u32 index, u64 *value)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(features); i++) {
		if (features[i].index == index) {
			*value = features[i].value;
			return true;
		}
	}
	return false;
}

/**
 * slat_msr_features() - KVM_GET_MSRS of the device
 * @user: which
 *
 * Return: how many were read before one that does not exist; -E2BIG; -EFAULT.
 */
long slat_msr_features(struct kvm_msrs __user *user)
{
	struct kvm_msr_entry entry;
	struct kvm_msrs head;
	u32 i;

	if (copy_from_user(&head, user, sizeof(head)))
		return -EFAULT;
	if (head.nmsrs >= MSRS_MAX)
		return -E2BIG;
	for (i = 0; i < head.nmsrs; i++) {
		if (copy_from_user(&entry, &user->entries[i], sizeof(entry)))
			return -EFAULT;
		if (!feature_of(entry.index, &entry.data))
			break;
		if (copy_to_user(&user->entries[i], &entry, sizeof(entry)))
			return -EFAULT;
	}
	return i;
}
