/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guests whose interrupt controllers are in the kernel.
 *
 * Their vCPUs do not exit at HLT: they end with an OUT to DONE_PORT.
 */
#ifndef SLAT_IRQ_H
#define SLAT_IRQ_H

#include <pthread.h>
#include <sys/eventfd.h>

#include "guest.h"

#define DONE_PORT	0x99
#define DONE		"out %al, $0x99\n"
#define APIC_PAGE_IN_RBP	"mov $0xfee00000, %ebp\n"

#define APIC_ID		0x20
#define APIC_TPR	0x80
#define APIC_PPR	0xa0
#define APIC_EOI	0xb0
#define APIC_SVR	0xf0
#define APIC_ISR	0x100
#define APIC_IRR	0x200
#define APIC_ICR	0x300
#define APIC_LVTT	0x320
#define APIC_LINT0	0x350
#define APIC_TMICT	0x380
#define APIC_TMCCT	0x390
#define APIC_TDCR	0x3e0
#define APIC_DEFAULT	0xfee00000
#define IOAPIC_DEFAULT	0xfec00000

enum irq_chips { CHIPS_NONE, CHIPS_KERNEL, CHIPS_SPLIT };

/* One more vCPU of a guest. */
struct irq_vcpu {
	int fd;
	struct kvm_run *run;
};

static inline int _irq_split(struct guest *guest, __u64 pins)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_SPLIT_IRQCHIP, .args[0] = pins };

	return _ioctl_ptr(guest->vm, KVM_ENABLE_CAP, &cap);
}

static inline int irq_vcpu_create(struct __test_metadata *_metadata, struct guest *guest, int id,
				  struct kvm_run **run)
{
	struct cpuid_table *cpuid = malloc(sizeof(*cpuid));
	struct kvm_cpuid_entry2 *entry;
	int fd = _ioctl(guest->vm, KVM_CREATE_VCPU, id);

	EXPECT_LE(0, fd);
	*run = mmap(NULL, guest->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	EXPECT_NE(MAP_FAILED, *run);
	EXPECT_EQ(0, _supported_cpuid(guest->dev, cpuid));
	entry = cpuid_find(cpuid, 1, 0);
	entry->ebx = (entry->ebx & 0xffffff) | id << 24;
	entry->ecx |= 1 << 21 | 1 << 24;	/* x2APIC, TSC deadline */
	EXPECT_EQ(0, _ioctl_ptr(fd, KVM_SET_CPUID2, cpuid));
	free(cpuid);
	return fd;
}

/* As guest_create(), with interrupt controllers. */
static inline void irq_guest_create(struct __test_metadata *_metadata, struct guest *guest,
				    enum irq_chips chips)
{
	guest->dev = open(guest_device(), O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, guest->dev);
	guest->vm = _ioctl(guest->dev, KVM_CREATE_VM, 0);
	ASSERT_LE(0, guest->vm);
	_ioctl(guest->vm, KVM_SET_TSS_ADDR, 0xfffbd000);
	if (chips == CHIPS_KERNEL)
		ASSERT_EQ(0, _ioctl(guest->vm, KVM_CREATE_IRQCHIP, 0));
	if (chips == CHIPS_SPLIT)
		ASSERT_EQ(0, _irq_split(guest, 24));
	guest->mem = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, guest->mem);
	ASSERT_EQ(0, _guest_set_memory(guest, 0, 0, MEMORY, guest->mem, 0));
	guest->run_size = _ioctl(guest->dev, KVM_GET_VCPU_MMAP_SIZE, 0);
	guest->fd = irq_vcpu_create(_metadata, guest, 0, &guest->run);
}

/* Tables as guest_build_tables(), and the APICs' pages above 0xfec00000. */
static inline void irq_map_apics(struct guest *guest)
{
	__u64 *pdpt = (__u64 *)(guest->mem + TABLES + 0x1000);
	__u64 *pd = (__u64 *)(guest->mem + TABLES + 0x3000);

	pdpt[3] = (TABLES + 0x3000) | 7;
	for (__u64 i = 0; i < 512; i++)
		pd[i] = (0xc0000000 + (i << 21)) | 0x87;
}

static inline void irq_run_done(struct __test_metadata *_metadata, struct guest *guest)
{
	guest_run(_metadata, guest, KVM_EXIT_IO);
	ASSERT_EQ(DONE_PORT, guest->run->io.port);
}

static inline bool _cpu_does(const struct slat_info *info, __u64 cap, const char *parameter)
{
	char path[128], wanted[4] = "";

	snprintf(path, sizeof(path), SLAT_SYSFS "/parameters/%s", parameter);
	return !_file_read(path, wanted, sizeof(wanted)) && *wanted == 'Y' &&
	       info->hw_caps & cap;
}

/* Interrupts of its local APIC reach a guest, and are ended, without an exit. */
static inline bool _cpu_delivers(const struct guest *guest)
{
	struct slat_info info;

	return on_slat() && !_info_get(guest->dev, &info) &&
	       _cpu_does(&info, SLAT_HW_VIRTUAL_INTERRUPTS, "virtual_interrupts") &&
	       _cpu_does(&info, SLAT_HW_TPR_SHADOW, "tpr_shadow") &&
	       (_cpu_does(&info, SLAT_HW_APIC_ACCESS, "apic_access") ||
		_cpu_does(&info, SLAT_HW_VIRTUAL_X2APIC, "virtual_x2apic"));
}

#define TOUCH_CODE	(MEMORY - 0x1000)

GUEST_CODE(irq_touch, 64,
	   "lock orl $0, 0x1000\n"
	   "lock orl $0, 0x2000\n"
	   "lock orl $0, 0x10000\n"
	   "lock orl $0, 0x7f000\n"
	   "lock orl $0, 0x7e000\n"
	   DONE);

/*
 * In long mode, with the APICs mapped, at its code.
 *
 * Bochs says wrongly what it was delivering when a page is missing, if that is an
 * interrupt which the CPU has taken by itself.  So none of those is missing.
 */
static inline void irq_guest_start(struct __test_metadata *_metadata, struct guest *guest)
{
	struct kvm_mp_state state;
	struct kvm_regs regs;

	guest_mode(_metadata, guest, MODE_LONG);
	irq_map_apics(guest);
	if (!_cpu_delivers(guest) || _ioctl_ptr(guest->fd, KVM_GET_MP_STATE, &state) ||
	    state.mp_state != KVM_MP_STATE_RUNNABLE)
		return;
	memcpy(guest->mem + TOUCH_CODE, irq_touch, irq_touch_end - irq_touch);
	get_regs(_metadata, guest, &regs);
	regs.rip = TOUCH_CODE;
	set_regs(_metadata, guest, &regs);
	irq_run_done(_metadata, guest);
	guest_mode(_metadata, guest, MODE_LONG);
}

static inline void get_lapic(struct __test_metadata *_metadata, int fd,
			     struct kvm_lapic_state *state)
{
	ASSERT_EQ(0, _ioctl_ptr(fd, KVM_GET_LAPIC, state));
}

static inline __u32 lapic_reg(const struct kvm_lapic_state *state, unsigned int offset)
{
	__u32 value;

	memcpy(&value, state->regs + offset, sizeof(value));
	return value;
}

static inline void lapic_set_reg(struct kvm_lapic_state *state, unsigned int offset, __u32 value)
{
	memcpy(state->regs + offset, &value, sizeof(value));
}

/* Software wants its interrupts. */
static inline void lapic_enable(struct __test_metadata *_metadata, int fd)
{
	struct kvm_lapic_state state;

	get_lapic(_metadata, fd, &state);
	lapic_set_reg(&state, APIC_SVR, 0x1ff);
	ASSERT_EQ(0, _ioctl_ptr(fd, KVM_SET_LAPIC, &state));
}

static inline bool lapic_requested(struct __test_metadata *_metadata, int fd, __u8 vector)
{
	struct kvm_lapic_state state;

	EXPECT_EQ(0, _ioctl_ptr(fd, KVM_GET_LAPIC, &state));
	return lapic_reg(&state, APIC_IRR + vector / 32 * 16) >> vector % 32 & 1;
}

static inline int _set_routing(struct guest *guest, const struct kvm_irq_routing_entry *entries,
			       __u32 count)
{
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry entries[64];
	} routing = { .head.nr = count };

	if (count <= 64)
		memcpy(routing.entries, entries, count * sizeof(*entries));
	return _ioctl_ptr(guest->vm, KVM_SET_GSI_ROUTING, &routing);
}

/* To the physical ID, fixed, edge-triggered. */
static inline struct kvm_irq_routing_entry msi_route(__u32 gsi, __u8 id, __u8 vector)
{
	return (struct kvm_irq_routing_entry) {
		.gsi = gsi, .type = KVM_IRQ_ROUTING_MSI,
		.u.msi = { .address_lo = APIC_DEFAULT | id << 12, .data = vector },
	};
}

static inline int _signal_msi(struct guest *guest, __u32 address, __u32 data)
{
	struct kvm_msi msi = { .address_lo = address, .data = data };

	return _ioctl_ptr(guest->vm, KVM_SIGNAL_MSI, &msi);
}

static inline int _irq_line(struct guest *guest, __u32 gsi, __u32 level)
{
	struct kvm_irq_level line = { .irq = gsi, .level = level };

	return _ioctl_ptr(guest->vm, KVM_IRQ_LINE, &line);
}

static inline int _get_mp_state(int fd)
{
	struct kvm_mp_state state;
	int ret = _ioctl_ptr(fd, KVM_GET_MP_STATE, &state);

	return ret ? ret : (int)state.mp_state;
}

static inline int _set_mp_state(int fd, __u32 mp_state)
{
	struct kvm_mp_state state = { .mp_state = mp_state };

	return _ioctl_ptr(fd, KVM_SET_MP_STATE, &state);
}

#endif /* SLAT_IRQ_H */
