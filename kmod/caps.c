// SPDX-License-Identifier: GPL-2.0-only
/*
 * Capabilities: what KVM_CHECK_EXTENSION says, and what KVM_ENABLE_CAP turns on
 * for a VM.
 */
#include <linux/kernel.h>
#include <asm/cpufeature.h>
#include <asm/processor.h>

#include "compat/compat.h"
#include "config.h"
#include "irq/irq.h"
#include "mmu/mmu.h"
#include "vcpu/vcpu.h"

#define MSR_EXITS	(KVM_MSR_EXIT_REASON_INVAL | KVM_MSR_EXIT_REASON_UNKNOWN |	\
			 KVM_MSR_EXIT_REASON_FILTER)

/* Of KVM_SET_GUEST_DEBUG. */
#define DEBUG_CONTROLS	(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP |	\
			 KVM_GUESTDBG_USE_SW_BP | KVM_GUESTDBG_USE_HW_BP |	\
			 KVM_GUESTDBG_INJECT_DB | KVM_GUESTDBG_INJECT_BP |	\
			 KVM_GUESTDBG_BLOCKIRQ)

#define SLAT_RING_BYTES	(SLAT_RING_MAX * sizeof(struct kvm_dirty_gfn))

static const struct {
	unsigned int extension;
	int value;
} extensions[] = {
	{ KVM_CAP_HLT,				1 },
	{ KVM_CAP_MMU_SHADOW_CACHE_CONTROL,	1 },
	{ KVM_CAP_USER_MEMORY,			1 },
	{ KVM_CAP_DESTROY_MEMORY_REGION_WORKS,	1 },
	{ KVM_CAP_JOIN_MEMORY_REGIONS_WORKS,	1 },
	{ KVM_CAP_SYNC_MMU,			1 },
	{ KVM_CAP_PRE_FAULT_MEMORY,		1 },
	{ KVM_CAP_READONLY_MEM,			1 },
	{ KVM_CAP_DIRTY_LOG_RING,		SLAT_RING_BYTES },
	{ KVM_CAP_DIRTY_LOG_RING_ACQ_REL,	SLAT_RING_BYTES },
	{ KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,	KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE |
						KVM_DIRTY_LOG_INITIALLY_SET },
	{ KVM_CAP_NR_MEMSLOTS,			SLAT_SLOTS_MAX },
	{ KVM_CAP_SET_TSS_ADDR,			1 },
	{ KVM_CAP_SET_IDENTITY_MAP_ADDR,	1 },
	{ KVM_CAP_SET_BOOT_CPU_ID,		1 },
	{ KVM_CAP_IRQCHIP,			1 },
	{ KVM_CAP_SPLIT_IRQCHIP,		1 },
	{ KVM_CAP_IRQ_ROUTING,			SLAT_ROUTES },
	{ KVM_CAP_IRQ_INJECT_STATUS,		1 },
	{ KVM_CAP_SIGNAL_MSI,			1 },
	{ KVM_CAP_X2APIC_API,			KVM_X2APIC_API_USE_32BIT_IDS |
						KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK },
	{ KVM_CAP_TSC_DEADLINE_TIMER,		1 },
	{ KVM_CAP_PIT,				1 },
	{ KVM_CAP_PIT2,				1 },
	{ KVM_CAP_PIT_STATE2,			1 },
	{ KVM_CAP_REINJECT_CONTROL,		1 },
	{ KVM_CAP_IOAPIC_POLARITY_IGNORED,	1 },
	{ KVM_CAP_IRQFD,			1 },
	{ KVM_CAP_IRQFD_RESAMPLE,		1 },
	{ KVM_CAP_IOEVENTFD,			1 },
	{ KVM_CAP_IOEVENTFD_ANY_LENGTH,		1 },
	{ KVM_CAP_IOEVENTFD_NO_LENGTH,		1 },
	{ KVM_CAP_COALESCED_MMIO,		KVM_COALESCED_MMIO_PAGE_OFFSET },
	{ KVM_CAP_COALESCED_PIO,		1 },
	{ KVM_CAP_EXT_CPUID,			1 },
	{ KVM_CAP_MP_STATE,			1 },
	{ KVM_CAP_USER_NMI,			1 },
	{ KVM_CAP_IMMEDIATE_EXIT,		1 },
	{ KVM_CAP_NR_VCPUS,			SLAT_VCPUS },
	{ KVM_CAP_MAX_VCPUS,			SLAT_VCPUS },
	{ KVM_CAP_MAX_VCPU_ID,			SLAT_VCPU_IDS },
	{ KVM_CAP_CHECK_EXTENSION_VM,		1 },
	{ KVM_CAP_ENABLE_CAP,			1 },
	{ KVM_CAP_ENABLE_CAP_VM,		1 },
	{ KVM_CAP_INTERNAL_ERROR_DATA,		1 },
	{ KVM_CAP_GET_TSC_KHZ,			1 },
	{ KVM_CAP_GET_MSR_FEATURES,		1 },
	{ KVM_CAP_EXT_EMUL_CPUID,		1 },
	{ KVM_CAP_VCPU_EVENTS,			1 },
	{ KVM_CAP_EXCEPTION_PAYLOAD,		1 },
	{ KVM_CAP_X86_TRIPLE_FAULT_EVENT,	1 },
	{ KVM_CAP_DEBUGREGS,			1 },
	{ KVM_CAP_SET_GUEST_DEBUG,		1 },
	{ KVM_CAP_SET_GUEST_DEBUG2,		DEBUG_CONTROLS },
	{ KVM_CAP_X86_ROBUST_SINGLESTEP,	1 },
	{ KVM_CAP_XSAVE,			1 },
	{ KVM_CAP_XSAVE2,			sizeof(struct kvm_xsave) },
	{ KVM_CAP_SREGS2,			1 },
	{ KVM_CAP_SYNC_REGS,			KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS |
						KVM_SYNC_X86_EVENTS },
	{ KVM_CAP_DISABLE_QUIRKS,		1 },
	{ KVM_CAP_DISABLE_QUIRKS2,		SLAT_QUIRKS },
	{ KVM_CAP_MSR_PLATFORM_INFO,		1 },
	{ KVM_CAP_CLOCKSOURCE,			1 },
	{ KVM_CAP_ADJUST_CLOCK,			SLAT_CLOCK_FLAGS },
	{ KVM_CAP_KVMCLOCK_CTRL,		1 },
	{ KVM_CAP_ENFORCE_PV_FEATURE_CPUID,	1 },
	{ KVM_CAP_HALT_POLL,			1 },
	{ KVM_CAP_MCE,				SLAT_MCE_BANKS },
	{ KVM_CAP_VAPIC,			1 },
	{ KVM_CAP_NOP_IO_DELAY,			1 },
	{ KVM_CAP_PCI_SEGMENT,			1 },
	{ KVM_CAP_X86_USER_SPACE_MSR,		1 },
	{ KVM_CAP_X86_MSR_FILTER,		1 },
	{ KVM_CAP_EXIT_ON_EMULATION_FAILURE,	1 },
	{ KVM_CAP_SYS_ATTRIBUTES,		1 },
	{ KVM_CAP_VCPU_ATTRIBUTES,		1 },
	{ KVM_CAP_BINARY_STATS_FD,		1 },
};

/* MWAIT in a guest is of use where it does not stop the CPU's timer. */
static u32 may_be_spared(void)
{
	u32 exits = SLAT_SPARED_HLT | SLAT_SPARED_PAUSE;

	if (boot_cpu_has(X86_FEATURE_MWAIT) && boot_cpu_has(X86_FEATURE_ARAT) &&
	    !boot_cpu_has_bug(X86_BUG_MONITOR))
		exits |= SLAT_SPARED_MWAIT;
	if (boot_cpu_data.x86_vendor == X86_VENDOR_INTEL)
		exits |= SLAT_SPARED_CSTATE;
	return exits;
}

/**
 * slat_caps_check() - KVM_CHECK_EXTENSION
 * @hw: the backend
 * @extension: KVM_CAP_*
 *
 * Any context.
 *
 * Return: what it is worth; 0: not there.
 */
long slat_caps_check(const struct slat_hw_ops *hw, unsigned long extension)
{
	struct slat_info info = { };
	int i;

	switch (extension) {
	case KVM_CAP_XCRS:
		return boot_cpu_has(X86_FEATURE_XSAVE);
	case KVM_CAP_TSC_CONTROL:
	case KVM_CAP_VM_TSC_CONTROL:
		hw->describe(&info);
		return !!(info.hw_caps & SLAT_HW_TSC_SCALING);
	case KVM_CAP_X86_DISABLE_EXITS:
		return may_be_spared();
	}
	for (i = 0; i < ARRAY_SIZE(extensions); i++)
		if (extensions[i].extension == extension)
			return extensions[i].value;
	return 0;
}

/* Before there are vCPUs.  Bits that this host cannot do are ignored, as KVM does. */
static long spare_exits(struct slat_config *config, u64 exits)
{
	long ret = -EINVAL;

	if (exits & ~(u64)KVM_X86_DISABLE_VALID_EXITS)
		return -EINVAL;
	mutex_lock(&config->lock);
	if (!config->vcpus) {
		config->spared |= exits & may_be_spared();
		ret = 0;
	}
	mutex_unlock(&config->lock);
	return ret;
}

/* Once, and before there are vCPUs. */
static long enable_max_vcpu_id(struct slat_config *config, u64 value)
{
	long ret = -EINVAL;

	if (value > SLAT_VCPU_IDS)
		return -EINVAL;
	mutex_lock(&config->lock);
	if (!config->max_vcpu_id || config->max_vcpu_id == value) {
		config->max_vcpu_id = value;
		ret = 0;
	}
	mutex_unlock(&config->lock);
	return ret;
}

/**
 * slat_caps_enable() - KVM_ENABLE_CAP of a VM
 * @config: its settings
 * @cap: which, without flags, and its arguments
 *
 * Process context.
 *
 * Return: 0; -EINVAL: an argument or a capability that there is not.
 */
long slat_caps_enable(struct slat_config *config, const struct kvm_enable_cap *cap)
{
	u64 value = cap->args[0];

	switch (cap->cap) {
	case KVM_CAP_DISABLE_QUIRKS2:
		if (value & ~(u64)SLAT_QUIRKS)
			return -EINVAL;
		fallthrough;
	case KVM_CAP_DISABLE_QUIRKS:
		WRITE_ONCE(config->quirks_off, value);
		return 0;
	case KVM_CAP_MSR_PLATFORM_INFO:
		WRITE_ONCE(config->hide_platform_info, !value);
		return 0;
	case KVM_CAP_EXCEPTION_PAYLOAD:
		WRITE_ONCE(config->payloads, !!value);
		return 0;
	case KVM_CAP_X86_TRIPLE_FAULT_EVENT:
		WRITE_ONCE(config->triple_faults, !!value);
		return 0;
	case KVM_CAP_X86_USER_SPACE_MSR:
		if (value & ~(u64)MSR_EXITS)
			return -EINVAL;
		WRITE_ONCE(config->msr_exits, value);
		return 0;
	case KVM_CAP_EXIT_ON_EMULATION_FAILURE:
		if (value > 1)
			return -EINVAL;
		WRITE_ONCE(config->emulation_exits, value);
		return 0;
	case KVM_CAP_HALT_POLL:
		if (value > U32_MAX)
			return -EINVAL;
		WRITE_ONCE(config->halt_poll_ns, value);
		return 0;
	case KVM_CAP_MAX_VCPU_ID:
		return enable_max_vcpu_id(config, value);
	case KVM_CAP_X86_DISABLE_EXITS:
		return spare_exits(config, value);
	default:
		return -EINVAL;
	}
}
