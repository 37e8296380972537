/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Small guests for kselftests, written against <linux/kvm.h> alone: the same
 * program runs on /dev/slat, on /dev/kvm where there is no /dev/slat, or on
 * what GUEST_DEVICE names.
 *
 * A guest has one vCPU and memory from guest-physical address 0 on.  Its code
 * comes from GUEST_CODE() and is loaded at CODE.
 */
#ifndef SLAT_GUEST_H
#define SLAT_GUEST_H

#include <sys/mman.h>

#include "slat_test.h"

/* Where things are in a guest, in every mode. */
#define IVT		0x0000
#define GDT		0x1000
#define TSS		0x1800
#define IDT		0x2000
#define TABLES		0x4000
#define CODE		0x10000
#define DATA		0x30000
#define STACK		0x80000		/* its top */
#define MEMORY		0x400000

/* Selectors. */
#define SEL_CODE	0x08
#define SEL_DATA	0x10
#define SEL_TSS		0x18		/* two entries */
#define SEL_CODE_USER	0x2b
#define SEL_DATA_USER	0x33

#define CR0_PE		0x1
#define CR0_MP		0x2
#define CR0_ET		0x10
#define CR0_NE		0x20
#define CR0_WP		0x10000
#define CR0_PG		0x80000000
#define CR4_DE		0x8
#define CR4_PSE		0x10
#define CR4_PAE		0x20
#define CR4_OSFXSR	0x200
#define CR4_OSXSAVE	0x40000
#define EFER_SCE	0x1
#define EFER_LME	0x100
#define EFER_LMA	0x400
#define EFER_NX		0x800
#define FLAGS_FIXED	0x2
#define FLAGS_TF	0x100
#define FLAGS_IF	0x200

/*
 * Position-independent code between the symbols NAME and NAME_end.  @bits: 16,
 * 32 or 64.
 */
#ifdef __x86_64__
#define HOST_CODE	".code64\n"
#else
#define HOST_CODE	".code32\n"
#endif

#define GUEST_CODE(name, bits, text)				\
	extern const char name[], name##_end[];			\
	asm(".pushsection .rodata\n"				\
	    #name ":\n.code" #bits "\n" text "\n"		\
	    #name "_end:\n" HOST_CODE ".popsection")

/* The same with one more label in it, for C. */
#define GUEST_LABEL(name) extern const char name[]

struct guest {
	int dev;
	int vm;
	int fd;			/* the vCPU */
	size_t run_size;
	struct kvm_run *run;
	__u8 *mem;
	__u64 code;		/* where the code that was loaded last begins */
};

static inline const char *guest_device(void)
{
	const char *device = getenv("GUEST_DEVICE");

	if (device)
		return device;
	return access(SLAT_DEVICE, F_OK) ? "/dev/kvm" : SLAT_DEVICE;
}

static inline bool on_slat(void)
{
	return !strcmp(guest_device(), SLAT_DEVICE);
}

static inline int _ioctl(int fd, unsigned long cmd, unsigned long arg)
{
	int ret = ioctl(fd, cmd, arg);

	return ret < 0 ? -errno : ret;
}

#define _ioctl_ptr(fd, cmd, ptr)	_ioctl(fd, cmd, (unsigned long)(ptr))

/* What is tested cannot be there: skip all of it. */
static inline void require_guests(void)
{
	int dev = open(guest_device(), O_RDWR | O_CLOEXEC);
	int vm;

	if (dev < 0)
		ksft_exit_skip("%s: %s\n", guest_device(), strerror(errno));
	vm = _ioctl(dev, KVM_CREATE_VM, 0);
	if (vm == -EOPNOTSUPP)
		ksft_exit_skip("this host cannot run guests\n");
	close(vm);
	close(dev);
}

static inline int _guest_set_memory(struct guest *guest, __u32 slot, __u64 gpa, __u64 size,
				    void *mem, __u32 flags)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.flags = flags,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (unsigned long)mem,
	};

	return _ioctl_ptr(guest->vm, KVM_SET_USER_MEMORY_REGION, &region);
}

#define CPUID_ENTRIES	256

struct cpuid_table {
	struct kvm_cpuid2 head;
	struct kvm_cpuid_entry2 entries[CPUID_ENTRIES];
};

static inline int _supported_cpuid(int dev, struct cpuid_table *table)
{
	table->head.nent = CPUID_ENTRIES;
	table->head.padding = 0;
	return _ioctl_ptr(dev, KVM_GET_SUPPORTED_CPUID, table);
}

static inline struct kvm_cpuid_entry2 *cpuid_find(struct cpuid_table *table, __u32 function,
						  __u32 index)
{
	for (__u32 i = 0; i < table->head.nent; i++)
		if (table->entries[i].function == function && table->entries[i].index == index)
			return &table->entries[i];
	return NULL;
}

/* For what has to be before there is a vCPU. */
static inline void guest_create_vm(struct __test_metadata *_metadata, struct guest *guest)
{
	guest->dev = open(guest_device(), O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, guest->dev);
	guest->vm = _ioctl(guest->dev, KVM_CREATE_VM, 0);
	ASSERT_LE(0, guest->vm);
	_ioctl(guest->vm, KVM_SET_TSS_ADDR, 0xfffbd000);
	guest->mem = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, guest->mem);
	ASSERT_EQ(0, _guest_set_memory(guest, 0, 0, MEMORY, guest->mem, 0));
}

static inline void guest_create_vcpu(struct __test_metadata *_metadata, struct guest *guest)
{
	struct cpuid_table *cpuid = malloc(sizeof(*cpuid));

	guest->fd = _ioctl(guest->vm, KVM_CREATE_VCPU, 0);
	ASSERT_LE(0, guest->fd);
	guest->run_size = _ioctl(guest->dev, KVM_GET_VCPU_MMAP_SIZE, 0);
	ASSERT_LE(sizeof(*guest->run), guest->run_size);
	guest->run = mmap(NULL, guest->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, guest->fd, 0);
	ASSERT_NE(MAP_FAILED, guest->run);
	ASSERT_EQ(0, _supported_cpuid(guest->dev, cpuid));
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_CPUID2, cpuid));
	free(cpuid);
}

static inline void guest_create(struct __test_metadata *_metadata, struct guest *guest)
{
	guest_create_vm(_metadata, guest);
	guest_create_vcpu(_metadata, guest);
}

/* vCPU @id of the same machine; @second: in its place wherever a guest is asked for. */
static inline void guest_add_vcpu(struct __test_metadata *_metadata, const struct guest *guest,
				  int id, struct guest *second)
{
	struct cpuid_table *cpuid = malloc(sizeof(*cpuid));

	*second = *guest;
	second->fd = _ioctl(guest->vm, KVM_CREATE_VCPU, id);
	ASSERT_LE(0, second->fd);
	second->run = mmap(NULL, guest->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, second->fd,
			   0);
	ASSERT_NE(MAP_FAILED, second->run);
	ASSERT_EQ(0, _supported_cpuid(guest->dev, cpuid));
	ASSERT_EQ(0, _ioctl_ptr(second->fd, KVM_SET_CPUID2, cpuid));
	free(cpuid);
}

static inline void guest_remove_vcpu(struct guest *second)
{
	munmap(second->run, second->run_size);
	close(second->fd);
}

/* MONITOR and MWAIT, where not advertised, are #UD; by a quirk they do nothing. */
static inline void guest_refuse_mwait(struct __test_metadata *_metadata, struct guest *guest)
{
	struct kvm_enable_cap enable = {
		.cap = KVM_CAP_DISABLE_QUIRKS2,
		.args = { KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS },
	};

	ASSERT_EQ(0, _ioctl_ptr(guest->vm, KVM_ENABLE_CAP, &enable));
}

static inline void guest_destroy(struct guest *guest)
{
	munmap(guest->run, guest->run_size);
	close(guest->fd);
	close(guest->vm);
	close(guest->dev);
	munmap(guest->mem, MEMORY);
}

static inline void guest_load_at(struct guest *guest, __u64 gpa, const char *begin,
				 const char *end)
{
	memcpy(guest->mem + gpa, begin, end - begin);
	guest->code = gpa;
}

#define guest_load(guest, name)		guest_load_at(guest, CODE, name, name##_end)

/* Where a label of the code @name is in the guest. */
#define guest_label(name, label)	(CODE + ((label) - (name)))

/* Guest memory as the host sees it. */
#define guest_u8(guest, gpa)	(*(volatile __u8 *)((guest)->mem + (gpa)))
#define guest_u16(guest, gpa)	(*(volatile __u16 *)((guest)->mem + (gpa)))
#define guest_u32(guest, gpa)	(*(volatile __u32 *)((guest)->mem + (gpa)))
#define guest_u64(guest, gpa)	(*(volatile __u64 *)((guest)->mem + (gpa)))

static inline void get_regs(struct __test_metadata *_metadata, struct guest *guest,
			    struct kvm_regs *regs)
{
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_GET_REGS, regs));
}

static inline void set_regs(struct __test_metadata *_metadata, struct guest *guest,
			    const struct kvm_regs *regs)
{
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_REGS, regs));
}

static inline void get_sregs(struct __test_metadata *_metadata, struct guest *guest,
			     struct kvm_sregs *sregs)
{
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_GET_SREGS, sregs));
}

static inline void set_sregs(struct __test_metadata *_metadata, struct guest *guest,
			     const struct kvm_sregs *sregs)
{
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_SREGS, sregs));
}

enum guest_mode { MODE_REAL, MODE_FLAT32, MODE_PAGED32, MODE_PAE, MODE_LONG };

static inline struct kvm_segment guest_segment(__u16 selector, __u8 type, bool code64)
{
	return (struct kvm_segment) {
		.selector = selector, .limit = 0xffffffff, .type = type, .present = 1, .s = 1,
		.dpl = selector & 3, .g = 1, .l = code64, .db = !code64,
	};
}

static inline __u64 guest_descriptor(const struct kvm_segment *seg)
{
	__u32 limit = seg->g ? seg->limit >> 12 : seg->limit;
	__u64 rights = seg->type | seg->s << 4 | seg->dpl << 5 | seg->present << 7;

	rights |= (seg->avl | seg->l << 1 | seg->db << 2 | seg->g << 3) << 12;
	return (limit & 0xffff) | (seg->base & 0xffffff) << 16 | rights << 40 |
	       (__u64)(limit >> 16 & 15) << 48 | (seg->base >> 24 & 0xff) << 56;
}

static inline void guest_build_segments(struct guest *guest, struct kvm_sregs *sregs, bool code64)
{
	__u64 *gdt = (__u64 *)(guest->mem + GDT);
	struct kvm_segment code_user = guest_segment(SEL_CODE_USER, 11, code64);
	struct kvm_segment data_user = guest_segment(SEL_DATA_USER, 3, false);
	struct kvm_segment code = guest_segment(SEL_CODE, 11, code64);
	struct kvm_segment data = guest_segment(SEL_DATA, 3, false);
	struct kvm_segment tss = {
		.base = TSS, .limit = 0x67, .selector = SEL_TSS, .type = 11, .present = 1,
	};

	gdt[0] = 0;
	gdt[SEL_CODE / 8] = guest_descriptor(&code);
	gdt[SEL_DATA / 8] = guest_descriptor(&data);
	gdt[SEL_TSS / 8] = guest_descriptor(&tss);
	gdt[SEL_TSS / 8 + 1] = 0;
	gdt[SEL_CODE_USER / 8] = guest_descriptor(&code_user);
	gdt[SEL_DATA_USER / 8] = guest_descriptor(&data_user);
	/* The stack of ring 0: ESP0 and SS0, or RSP0. */
	guest_u32(guest, TSS + 4) = STACK - 0x1000;
	guest_u32(guest, TSS + 8) = code64 ? 0 : SEL_DATA;
	guest_u16(guest, TSS + 0x66) = 0x68;	/* no I/O bitmap */

	sregs->cs = code;
	sregs->ds = data;
	sregs->es = data;
	sregs->fs = data;
	sregs->gs = data;
	sregs->ss = data;
	sregs->tr = tss;
	sregs->ldt = (struct kvm_segment) { .unusable = 1 };
	sregs->gdt = (struct kvm_dtable) { .base = GDT, .limit = 8 * 8 - 1 };
	sregs->idt = (struct kvm_dtable) { .base = IDT, .limit = 0xfff };
}

/* The first gigabyte, one to one, for everybody. */
static inline void guest_build_tables(struct guest *guest, enum guest_mode mode)
{
	__u64 *pml4 = (__u64 *)(guest->mem + TABLES);
	__u64 *pdpt = (__u64 *)(guest->mem + TABLES + 0x1000);
	__u64 *pd = (__u64 *)(guest->mem + TABLES + 0x2000);
	__u32 *pd32 = (__u32 *)(guest->mem + TABLES);

	if (mode == MODE_PAGED32) {
		for (__u32 i = 0; i < 256; i++)
			pd32[i] = i << 22 | 0x87;	/* 4 MiB, user, writable */
		return;
	}
	pml4[0] = (TABLES + 0x1000) | 7;
	pdpt[0] = (TABLES + 0x2000) | (mode == MODE_PAE ? 1 : 7);
	for (__u64 i = 0; i < 512; i++)
		pd[i] = i << 21 | 0x87;			/* 2 MiB */
}

/* The vCPU in that mode, about to run the code that was loaded. */
static inline void guest_mode(struct __test_metadata *_metadata, struct guest *guest,
			      enum guest_mode mode)
{
	struct kvm_regs regs = { .rip = CODE, .rsp = STACK, .rflags = FLAGS_FIXED };
	struct kvm_sregs sregs;

	get_sregs(_metadata, guest, &sregs);
	if (mode == MODE_REAL) {
		sregs.cs.selector = CODE >> 4;
		sregs.cs.base = CODE;
		sregs.ss.selector = (STACK - 0x10000) >> 4;
		sregs.ss.base = STACK - 0x10000;
		regs.rip = 0;
		regs.rsp = 0xfff0;
	} else {
		guest_build_segments(guest, &sregs, mode == MODE_LONG);
		sregs.cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE;
		sregs.cr4 = CR4_OSFXSR;
	}
	switch (mode) {
	case MODE_PAGED32:
		sregs.cr4 |= CR4_PSE;
		sregs.cr3 = TABLES;
		break;
	case MODE_PAE:
		sregs.cr4 |= CR4_PAE;
		sregs.cr3 = TABLES + 0x1000;
		break;
	case MODE_LONG:
		sregs.cr4 |= CR4_PAE;
		sregs.cr3 = TABLES;
		sregs.efer = EFER_LME | EFER_LMA | EFER_SCE | EFER_NX;
		break;
	default:
		break;
	}
	if (mode >= MODE_PAGED32) {
		guest_build_tables(guest, mode);
		sregs.cr0 |= CR0_PG | CR0_WP;
	}
	set_sregs(_metadata, guest, &sregs);
	set_regs(_metadata, guest, &regs);
}

/* An entry of the IDT; @type: 14 interrupt, 15 trap gate.  @dpl: who may INT it. */
static inline void guest_gate(struct guest *guest, enum guest_mode mode, __u8 vector,
			      __u64 handler, __u8 type, __u8 dpl)
{
	__u32 low = (handler & 0xffff) | SEL_CODE << 16;
	__u32 high = (handler & 0xffff0000) | 0x8000 | dpl << 13 | type << 8;
	__u32 idt = IDT + vector * (mode == MODE_LONG ? 16 : 8);

	if (mode == MODE_REAL) {
		guest_u16(guest, IVT + vector * 4) = handler - CODE;
		guest_u16(guest, IVT + vector * 4 + 2) = CODE >> 4;
		return;
	}
	guest_u32(guest, idt) = low;
	guest_u32(guest, idt + 4) = high;
	if (mode == MODE_LONG) {
		guest_u32(guest, idt + 8) = handler >> 32;
		guest_u32(guest, idt + 12) = 0;
	}
}

static inline int _guest_run(struct guest *guest)
{
	return _ioctl(guest->fd, KVM_RUN, 0);
}

/* Interrupted by nothing but what was asked for. */
static inline void guest_run(struct __test_metadata *_metadata, struct guest *guest,
			     __u32 exit_reason)
{
	int ret;

	do {
		ret = _guest_run(guest);
	} while (ret == -EINTR && !guest->run->immediate_exit);
	ASSERT_EQ(0, ret);
	ASSERT_EQ(exit_reason, guest->run->exit_reason) {
		TH_LOG("internal.suberror or hardware reason: %#llx %#llx",
		       (unsigned long long)guest->run->hw.hardware_exit_reason,
		       (unsigned long long)guest->run->internal.data[0]);
	}
}

#define guest_run_hlt(_metadata, guest)	guest_run(_metadata, guest, KVM_EXIT_HLT)

/* Load, choose the mode, run to HLT, read registers. */
#define guest_run_code(guest, mode, name, regs) do {		\
	guest_load(guest, name);				\
	guest_mode(_metadata, guest, mode);			\
	guest_run_hlt(_metadata, guest);			\
	get_regs(_metadata, guest, regs);			\
} while (0)

static inline __u64 get_msr(struct __test_metadata *_metadata, struct guest *guest, __u32 index)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msrs = { .head.nmsrs = 1, .entry.index = index };

	ASSERT_EQ(1, _ioctl_ptr(guest->fd, KVM_GET_MSRS, &msrs)) {
		TH_LOG("MSR %#x", index);
	}
	return msrs.entry.data;
}

static inline int _set_msr(struct guest *guest, __u32 index, __u64 value)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msrs = { .head.nmsrs = 1, .entry = { .index = index, .data = value } };

	return _ioctl_ptr(guest->fd, KVM_SET_MSRS, &msrs);
}

#endif /* SLAT_GUEST_H */
