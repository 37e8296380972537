// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bad input to the ioctls of a vCPU, and to KVM_RUN through the pages shared
 * with it: vcpu_hostile [ROUNDS [SEED]] of random guests.
 */
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/time.h>

#include "hostile.h"

#define MSRS		256

struct msr_table {
	struct kvm_msrs head;
	struct kvm_msr_entry entries[MSRS];
};

FIXTURE(vcpu) {
	struct guest guest;
	struct kvm_sregs reset;
	long refs;
};

FIXTURE_SETUP(vcpu)
{
	self->refs = _file_read_long(SLAT_SYSFS "/refcnt");
	guest_create(_metadata, &self->guest);
	get_sregs(_metadata, &self->guest, &self->reset);
	guest_mode(_metadata, &self->guest, MODE_LONG);
}

/* From any state. */
static void fresh_mode(struct __test_metadata *_metadata, struct guest *guest,
		       const struct kvm_sregs *reset, enum guest_mode mode)
{
	set_sregs(_metadata, guest, reset);
	guest_mode(_metadata, guest, mode);
}

/* What a test has left is forgotten with the run's answer and new events. */
static void calm_down(struct __test_metadata *_metadata, struct guest *guest)
{
	struct kvm_vcpu_events events = { .flags = KVM_VCPUEVENT_VALID_NMI_PENDING |
						   KVM_VCPUEVENT_VALID_SHADOW };
	struct kvm_debugregs debugregs = { .dr6 = 0xffff0ff0, .dr7 = 0x400 };
	struct kvm_guest_debug debug = { 0 };

	guest->run->kvm_valid_regs = 0;
	guest->run->kvm_dirty_regs = 0;
	guest->run->request_interrupt_window = 0;
	guest->run->cr8 = 0;
	guest->run->immediate_exit = 1;
	EXPECT_GE(0, _guest_run(guest));
	guest->run->immediate_exit = 0;
	EXPECT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_VCPU_EVENTS, &events));
	EXPECT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_GUEST_DEBUG, &debug));
	EXPECT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_DEBUGREGS, &debugregs));
}

FIXTURE_TEARDOWN(vcpu)
{
	calm_down(_metadata, &self->guest);
	EXPECT_TRUE(works(&self->guest));
	guest_destroy(&self->guest);
	EXPECT_EQ(self->refs, _file_read_long(SLAT_SYSFS "/refcnt"));
}

/* Commands with a struct of a fixed size; those that read it, those that write it. */
static const struct {
	unsigned long cmd;
	size_t size;
	bool get;
} commands[] = {
	{ KVM_GET_REGS, sizeof(struct kvm_regs), true },
	{ KVM_SET_REGS, sizeof(struct kvm_regs), false },
	{ KVM_GET_SREGS, sizeof(struct kvm_sregs), true },
	{ KVM_SET_SREGS, sizeof(struct kvm_sregs), false },
	{ KVM_INTERRUPT, sizeof(struct kvm_interrupt), false },
	{ KVM_GET_MP_STATE, sizeof(struct kvm_mp_state), true },
	{ KVM_SET_MP_STATE, sizeof(struct kvm_mp_state), false },
	{ KVM_TRANSLATE, sizeof(struct kvm_translation), true },
	{ KVM_GET_VCPU_EVENTS, sizeof(struct kvm_vcpu_events), true },
	{ KVM_SET_VCPU_EVENTS, sizeof(struct kvm_vcpu_events), false },
	{ KVM_GET_DEBUGREGS, sizeof(struct kvm_debugregs), true },
	{ KVM_SET_DEBUGREGS, sizeof(struct kvm_debugregs), false },
	{ KVM_SET_GUEST_DEBUG, sizeof(struct kvm_guest_debug), false },
	{ KVM_GET_FPU, sizeof(struct kvm_fpu), true },
	{ KVM_SET_FPU, sizeof(struct kvm_fpu), false },
	{ KVM_GET_XSAVE, sizeof(struct kvm_xsave), true },
	{ KVM_SET_XSAVE, sizeof(struct kvm_xsave), false },
	{ KVM_GET_XCRS, sizeof(struct kvm_xcrs), true },
	{ KVM_SET_XCRS, sizeof(struct kvm_xcrs), false },
	{ KVM_GET_MSRS, sizeof(struct kvm_msrs), true },
	{ KVM_SET_MSRS, sizeof(struct kvm_msrs), false },
	{ KVM_TPR_ACCESS_REPORTING, sizeof(struct kvm_tpr_access_ctl), true },
	{ KVM_X86_SETUP_MCE, sizeof(__u64), false },
	{ KVM_X86_SET_MCE, sizeof(struct kvm_x86_mce), false },
	{ KVM_SET_CPUID2, sizeof(struct kvm_cpuid2), false },
	{ KVM_GET_CPUID2, sizeof(struct kvm_cpuid2), true },
};

struct state {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_fpu fpu;
	struct kvm_vcpu_events events;
	struct kvm_debugregs debug;
	struct kvm_xcrs xcrs;
};

static void state_get(struct __test_metadata *_metadata, int fd, struct state *state)
{
	memset(state, 0, sizeof(*state));
	ASSERT_EQ(0, _ioctl_ptr(fd, KVM_GET_REGS, &state->regs));
	ASSERT_EQ(0, _ioctl_ptr(fd, KVM_GET_SREGS, &state->sregs));
	ASSERT_EQ(0, _ioctl_ptr(fd, KVM_GET_FPU, &state->fpu));
	ASSERT_EQ(0, _ioctl_ptr(fd, KVM_GET_VCPU_EVENTS, &state->events));
	ASSERT_EQ(0, _ioctl_ptr(fd, KVM_GET_DEBUGREGS, &state->debug));
	ASSERT_EQ(0, _ioctl_ptr(fd, KVM_GET_XCRS, &state->xcrs));
}

TEST_F(vcpu, pointers_to_nowhere_change_nothing)
{
	struct state before, after;
	char zeros[sizeof(struct kvm_xsave)] = { 0 };
	int fd = self->guest.fd;

	state_get(_metadata, fd, &before);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		expect_efault(_metadata, fd, commands[i].cmd, zeros, commands[i].size);
		if (commands[i].get && commands[i].cmd != KVM_GET_MSRS &&
		    commands[i].cmd != KVM_GET_CPUID2)
			expect_efault_read_only(_metadata, fd, commands[i].cmd, zeros,
						commands[i].size);
	}
	state_get(_metadata, fd, &after);
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(after)));
}

TEST_F(vcpu, run_takes_no_argument)
{
	for (int bit = 0; bit < 64; bit++) {
		ASSERT_EQ(-EINVAL, _ioctl(self->guest.fd, KVM_RUN, 1UL << bit)) {
			TH_LOG("bit %d", bit);
		}
	}
}

/* Sregs that no CPU can have; each is one change of good ones. */
enum sregs_field { FIELD_CR0, FIELD_CR4, FIELD_EFER };

static const struct {
	const char *what;
	enum sregs_field field;
	__u64 set;
	__u64 clear;
	bool slats;		/* KVM looks at it later, or not at all */
} bad_sregs[] = {
	{ "paging without protection", FIELD_CR0, 0, CR0_PE },
	{ "NW without CD", FIELD_CR0, 1 << 29, 1 << 30 },
	{ "CR0's upper half", FIELD_CR0, 1ULL << 32, 0 },
	{ "bit 63 of CR0", FIELD_CR0, 1ULL << 63, 0 },
	{ "CR0's bit 6", FIELD_CR0, 1 << 6, 0, true },
	{ "long mode without PAE", FIELD_CR4, 0, CR4_PAE },
	{ "CR4's upper half", FIELD_CR4, 1ULL << 32, 0 },
	{ "bit 63 of CR4", FIELD_CR4, 1ULL << 63, 0 },
	{ "VMXE", FIELD_CR4, 1 << 13, 0, true },
	{ "long mode enabled, not active", FIELD_EFER, 0, EFER_LMA },
	{ "long mode active, not enabled", FIELD_EFER, 0, EFER_LME },
	{ "bit 63 of EFER", FIELD_EFER, 1ULL << 63, 0, true },
	{ "SVME", FIELD_EFER, 1 << 12, 0, true },
};

TEST_F(vcpu, sregs_that_cannot_be)
{
	struct kvm_sregs good, bad, after;
	int fd = self->guest.fd;

	get_sregs(_metadata, &self->guest, &good);
	for (size_t i = 0; i < ARRAY_SIZE(bad_sregs); i++) {
		__u64 *fields[] = { &bad.cr0, &bad.cr4, &bad.efer };

		if (bad_sregs[i].slats && !on_slat())
			continue;
		bad = good;
		*fields[bad_sregs[i].field] &= ~bad_sregs[i].clear;
		*fields[bad_sregs[i].field] |= bad_sregs[i].set;
		bad.idt.limit = 0x123;
		ASSERT_EQ(-EINVAL, _ioctl_ptr(fd, KVM_SET_SREGS, &bad)) {
			TH_LOG("%s", bad_sregs[i].what);
		}
		get_sregs(_metadata, &self->guest, &after);
		ASSERT_EQ(0, memcmp(&good, &after, sizeof(after))) {
			TH_LOG("%s", bad_sregs[i].what);
		}
	}
}

/* PAE's table of pointers is read by KVM_SET_SREGS: not one that is none. */
TEST_F(vcpu, page_directory_pointers_that_are_none)
{
	struct guest *guest = &self->guest;
	struct kvm_sregs sregs;

	guest_load(guest, touch_and_halt);
	fresh_mode(_metadata, guest, &self->reset, MODE_PAE);
	get_sregs(_metadata, guest, &sregs);
	sregs.cr3 = MEMORY;
	EXPECT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_SREGS, &sregs));
	sregs.cr3 = DATA;
	for (int i = 0; i < 4; i++)
		guest_u64(guest, DATA + 8 * i) = ~0ULL;
	EXPECT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_SREGS, &sregs));
	guest->run->immediate_exit = 1;
	EXPECT_EQ(-EINTR, _guest_run(guest));
	guest->run->immediate_exit = 0;
}

/* The guest's doing is the guest's end, and no error of KVM_RUN. */
TEST_F(vcpu, code_that_is_no_memory)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	get_regs(_metadata, guest, &regs);
	regs.rip = 2 * MEMORY;
	set_regs(_metadata, guest, &regs);
	guest_run(_metadata, guest, KVM_EXIT_INTERNAL_ERROR);
}

TEST_F(vcpu, page_tables_that_are_no_memory)
{
	struct guest *guest = &self->guest;
	struct kvm_sregs sregs;

	get_sregs(_metadata, guest, &sregs);
	sregs.cr3 = 2 * MEMORY;
	set_sregs(_metadata, guest, &sregs);
	ASSERT_EQ(0, _guest_run(guest));
	EXPECT_TRUE(guest->run->exit_reason == KVM_EXIT_SHUTDOWN ||
		    guest->run->exit_reason == KVM_EXIT_INTERNAL_ERROR);
}

/* Registers of any content are set, read back, and run to some exit. */
TEST_F(vcpu, regs_of_any_content)
{
	struct kvm_regs regs, back;

	memset(&regs, 0xff, sizeof(regs));
	set_regs(_metadata, &self->guest, &regs);
	get_regs(_metadata, &self->guest, &back);
	EXPECT_EQ(~0ULL, back.rip);
	EXPECT_EQ(~0ULL, back.r15);
	self->guest.run->immediate_exit = 1;
	EXPECT_EQ(-EINTR, _guest_run(&self->guest));
	self->guest.run->immediate_exit = 0;
	EXPECT_EQ(0, _guest_run(&self->guest));
	EXPECT_NE(KVM_EXIT_HLT, self->guest.run->exit_reason);
}

TEST_F(vcpu, cpuid_that_cannot_be)
{
	struct cpuid_table *table = malloc(sizeof(*table)), *back = malloc(sizeof(*back));
	__u8 *page = edge_create(_metadata);
	int fd = self->guest.fd, got;

	back->head.nent = CPUID_ENTRIES;
	ASSERT_EQ(0, _ioctl_ptr(fd, KVM_GET_CPUID2, back));
	got = back->head.nent;
	memset(table, 0xff, sizeof(*table));
	table->head.nent = CPUID_ENTRIES + 1;
	EXPECT_EQ(-E2BIG, _ioctl_ptr(fd, KVM_SET_CPUID2, table));
	table->head.nent = ~0U;
	EXPECT_EQ(-E2BIG, _ioctl_ptr(fd, KVM_SET_CPUID2, table));
	/* The head is there, the last leaf is not. */
	table->head.nent = 2;
	memcpy(page + 4096 - sizeof(table->head) - sizeof(table->entries[0]), table,
	       sizeof(table->head));
	EXPECT_EQ(-EFAULT, _ioctl_ptr(fd, KVM_SET_CPUID2,
				      page + 4096 - sizeof(table->head) -
				      sizeof(table->entries[0])));
	/* KVM does not say how many there are. */
	for (int room = 0; room <= got && on_slat(); room++) {
		table->head.nent = room;
		ASSERT_EQ(room < got ? -E2BIG : 0, _ioctl_ptr(fd, KVM_GET_CPUID2, table));
		ASSERT_EQ(got, table->head.nent);
	}
	EXPECT_TRUE(!on_slat() || !memcmp(table->entries, back->entries,
					  got * sizeof(table->entries[0])));
	edge_destroy(page);
	free(back);
	free(table);
}

/* A CPU that has everything: the guest finds out, the host does not suffer. */
TEST_F(vcpu, cpuid_of_a_wonderful_cpu)
{
	struct cpuid_table *table = malloc(sizeof(*table));
	struct guest *guest = &self->guest;
	struct kvm_xcrs xcrs = { .nr_xcrs = 1, .xcrs[0].value = ~0ULL >> 1 };
	struct kvm_sregs sregs;
	int vcpu;

	if (!on_slat()) {
		free(table);
		SKIP(return, "KVM refuses some of it, by version");
	}
	memset(table, 0xff, sizeof(*table));
	table->head.nent = 6;
	for (int i = 0; i < 6; i++) {
		static const __u32 functions[] = { 0, 1, 7, 0xd, 0x80000001, 0x80000008 };

		table->entries[i].function = functions[i];
		table->entries[i].index = 0;
		table->entries[i].flags = 0;
	}
	vcpu = _ioctl(guest->vm, KVM_CREATE_VCPU, 1);
	ASSERT_LE(0, vcpu);
	ASSERT_EQ(0, _ioctl_ptr(vcpu, KVM_SET_CPUID2, table));
	EXPECT_EQ(-EINVAL, _ioctl_ptr(vcpu, KVM_SET_XCRS, &xcrs));
	ASSERT_EQ(0, _ioctl_ptr(vcpu, KVM_GET_SREGS, &sregs));
	for (int bit = 0; bit < 64; bit++) {
		struct kvm_sregs wild = sregs;

		/* Accepted or not; the CPU has the last word. */
		wild.cr4 |= 1ULL << bit;
		if (!_ioctl_ptr(vcpu, KVM_SET_SREGS, &wild)) {
			struct kvm_run *run = mmap(NULL, guest->run_size, PROT_READ | PROT_WRITE,
						   MAP_SHARED, vcpu, 0);

			ASSERT_NE(MAP_FAILED, run);
			ASSERT_EQ(0, _ioctl(vcpu, KVM_RUN, 0)) {
				TH_LOG("CR4 bit %d", bit);
			}
			munmap(run, guest->run_size);
		}
		ASSERT_EQ(0, _ioctl_ptr(vcpu, KVM_SET_SREGS, &sregs));
	}
	close(vcpu);
	free(table);
}

TEST_F(vcpu, tables_of_msrs_that_cannot_be)
{
	struct msr_table *msrs = calloc(1, sizeof(*msrs));
	__u8 *page = edge_create(_metadata);
	int fd = self->guest.fd;

	for (int get = 0; get < 2; get++) {
		unsigned long cmd = get ? KVM_GET_MSRS : KVM_SET_MSRS;

		msrs->head.nmsrs = MSRS;
		EXPECT_EQ(-E2BIG, _ioctl_ptr(fd, cmd, msrs));
		msrs->head.nmsrs = ~0U;
		EXPECT_EQ(-E2BIG, _ioctl_ptr(fd, cmd, msrs));
		msrs->head.nmsrs = 2;
		memcpy(page + 4096 - sizeof(msrs->head) - sizeof(msrs->entries[0]), msrs,
		       sizeof(msrs->head) + sizeof(msrs->entries[0]));
		EXPECT_EQ(-EFAULT, _ioctl_ptr(fd, cmd, page + 4096 - sizeof(msrs->head) -
					      sizeof(msrs->entries[0])));
		/* One that there is not ends it. */
		msrs->entries[0].index = 0x10;
		msrs->entries[1].index = 0x3fffffff;
		EXPECT_EQ(1, _ioctl_ptr(fd, cmd, msrs));
		msrs->head.nmsrs = 0;
		EXPECT_EQ(0, _ioctl_ptr(fd, cmd, msrs));
	}
	edge_destroy(page);
	free(msrs);
}

/*
 * Values that a CPU's WRMSR refuses: none gets as far as the host's, which the
 * kernel would complain of.
 */
TEST_F(vcpu, msrs_of_any_content)
{
	static const struct {
		__u32 index;
		__u64 bad;
	} bad[] = {
		{ 0xc0000080, 1ULL << 63 },		/* EFER */
		{ 0xc0000082, 1ULL << 63 },		/* LSTAR: not canonical */
		{ 0xc0000083, 0x800000000000 },		/* CSTAR */
		{ 0xc0000102, 0xffff000000000000 },	/* KERNEL_GS_BASE */
		{ 0xc0000100, 0x800000000000 },		/* FS_BASE */
		{ 0xc0000101, 0x7fff000000000000 },	/* GS_BASE */
		{ 0xc0000103, 1ULL << 32 },		/* TSC_AUX */
		{ 0x277, 0x0807040600070406 },		/* PAT */
		{ 0x277, 0x0207040600070406 },
	};
	struct guest *guest = &self->guest;
	__u64 state = hostile.seed;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (!on_slat() && bad[i].index < 0xc0000000)
			continue;
		ASSERT_EQ(0, _set_msr(guest, bad[i].index, bad[i].bad)) {
			TH_LOG("MSR %#x, %#llx", bad[i].index, (unsigned long long)bad[i].bad);
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad) && on_slat(); i++) {
		for (int time = 0; time < 100; time++) {
			int ret = _set_msr(guest, bad[i].index, random_odd_value(&state));

			ASSERT_TRUE(ret == 0 || ret == 1);
			if (time % 10)
				continue;
			guest->run->immediate_exit = time % 20;
			_guest_run(guest);
		}
	}
	guest->run->immediate_exit = 0;
	_set_msr(guest, 0x277, 0x0007040600070406);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		_set_msr(guest, bad[i].index, 0);
}

TEST_F(vcpu, fpu_of_any_content)
{
	struct kvm_fpu fpu;

	memset(&fpu, 0xff, sizeof(fpu));
	/* KVM leaves MXCSR alone. */
	EXPECT_EQ(on_slat() ? -EINVAL : 0, _ioctl_ptr(self->guest.fd, KVM_SET_FPU, &fpu));
	fpu.mxcsr = 0xffbf;
	EXPECT_EQ(0, _ioctl_ptr(self->guest.fd, KVM_SET_FPU, &fpu));
	EXPECT_TRUE(works(&self->guest));
	fpu = (struct kvm_fpu) { .fcw = 0x37f, .mxcsr = 0x1f80 };
	EXPECT_EQ(0, _ioctl_ptr(self->guest.fd, KVM_SET_FPU, &fpu));
}

TEST_F(vcpu, xsave_that_cannot_be)
{
	struct kvm_xsave good, bad;
	struct guest *guest = &self->guest;

	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_GET_XSAVE, &good));
	/* The header: components, which of them compacted, and what must be 0. */
	for (int word = 128; word < 144; word++) {
		bad = good;
		bad.region[word] = word < 130 ? 0x80000000 : 1;
		ASSERT_EQ(-EINVAL, _ioctl_ptr(guest->fd, KVM_SET_XSAVE, &bad)) {
			TH_LOG("word %d", word);
		}
	}
	bad = good;
	bad.region[6] = 1 << 16;		/* MXCSR */
	bad.region[128] |= 3;
	EXPECT_EQ(-EINVAL, _ioctl_ptr(guest->fd, KVM_SET_XSAVE, &bad));
	memset(&bad, 0xff, sizeof(bad));
	EXPECT_EQ(-EINVAL, _ioctl_ptr(guest->fd, KVM_SET_XSAVE, &bad));
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_GET_XSAVE, &bad));
	EXPECT_EQ(0, memcmp(&good, &bad, sizeof(good)));
}

TEST_F(vcpu, xcrs_that_cannot_be)
{
	static const __u64 values[] = { 0, 2, 4, 5, 1ULL << 63 | 1, ~0ULL, 0x21, 0x67, 0xa7 };
	struct kvm_xcrs xcrs = { .nr_xcrs = 1 }, after;

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		xcrs.xcrs[0].value = values[i];
		ASSERT_EQ(-EINVAL, _ioctl_ptr(self->guest.fd, KVM_SET_XCRS, &xcrs)) {
			TH_LOG("XCR0 %#llx", (unsigned long long)values[i]);
		}
	}
	xcrs.xcrs[0].value = 1;
	xcrs.flags = 1;
	EXPECT_EQ(-EINVAL, _ioctl_ptr(self->guest.fd, KVM_SET_XCRS, &xcrs));
	xcrs.flags = 0;
	xcrs.nr_xcrs = KVM_MAX_XCRS + 1;
	EXPECT_EQ(-EINVAL, _ioctl_ptr(self->guest.fd, KVM_SET_XCRS, &xcrs));
	ASSERT_EQ(0, _ioctl_ptr(self->guest.fd, KVM_GET_XCRS, &after));
	EXPECT_EQ(1, after.xcrs[0].value);
}

TEST_F(vcpu, debug_registers_that_cannot_be)
{
	struct kvm_debugregs regs = { .dr7 = 0x400, .dr6 = 0xffff0ff0 };
	struct kvm_guest_debug debug;

	regs.dr7 = 1ULL << 32;
	EXPECT_EQ(-EINVAL, _ioctl_ptr(self->guest.fd, KVM_SET_DEBUGREGS, &regs));
	regs.dr7 = 0x400;
	regs.dr6 = 1ULL << 63;
	EXPECT_EQ(-EINVAL, _ioctl_ptr(self->guest.fd, KVM_SET_DEBUGREGS, &regs));
	regs.dr6 = 0;
	regs.flags = 1;
	EXPECT_EQ(-EINVAL, _ioctl_ptr(self->guest.fd, KVM_SET_DEBUGREGS, &regs));
	regs.flags = 0;
	/* All breakpoints, on addresses that are none: the host's stay its own. */
	memset(regs.db, 0xff, sizeof(regs.db));
	regs.dr7 = 0xffffffff;
	EXPECT_EQ(0, _ioctl_ptr(self->guest.fd, KVM_SET_DEBUGREGS, &regs));
	for (int bit = 0; bit < 32; bit++) {
		memset(&debug, 0xff, sizeof(debug));
		debug.control = 1U << bit | KVM_GUESTDBG_ENABLE;
		_ioctl_ptr(self->guest.fd, KVM_SET_GUEST_DEBUG, &debug);
		self->guest.run->immediate_exit = bit & 1;
		EXPECT_GE(0, _guest_run(&self->guest));
	}
	memset(&debug, 0xff, sizeof(debug));
	_ioctl_ptr(self->guest.fd, KVM_SET_GUEST_DEBUG, &debug);
	self->guest.run->immediate_exit = 0;
	EXPECT_GE(0, _guest_run(&self->guest));
}

TEST_F(vcpu, events_that_cannot_be)
{
	struct kvm_vcpu_events good, bad, after;
	int fd = self->guest.fd;

	ASSERT_EQ(0, _ioctl_ptr(fd, KVM_GET_VCPU_EVENTS, &good));
	bad = good;
	bad.flags |= 1U << 31;
	EXPECT_EQ(-EINVAL, _ioctl_ptr(fd, KVM_SET_VCPU_EVENTS, &bad));
	bad = good;
	bad.exception.injected = 1;
	bad.exception.nr = 32;
	EXPECT_EQ(-EINVAL, _ioctl_ptr(fd, KVM_SET_VCPU_EVENTS, &bad));
	bad.exception.nr = 2;
	EXPECT_EQ(-EINVAL, _ioctl_ptr(fd, KVM_SET_VCPU_EVENTS, &bad));
	memset(&bad, 0xff, sizeof(bad));
	EXPECT_EQ(-EINVAL, _ioctl_ptr(fd, KVM_SET_VCPU_EVENTS, &bad));
	ASSERT_EQ(0, _ioctl_ptr(fd, KVM_GET_VCPU_EVENTS, &after));
	EXPECT_EQ(0, memcmp(&good, &after, sizeof(good)));
}

/*
 * Exceptions that are taken, each with and without an error code, right or wrong:
 * the CPU has the last word.
 */
TEST_F(vcpu, exceptions_of_any_kind)
{
	struct guest *guest = &self->guest;

	if (!on_slat())
		SKIP(return, "KVM delivers what the CPU refuses again, for good");
	/* Real mode ends at a HLT, long mode at an IDT without gates. */
	memset(guest->mem + CODE, 0xf4, 64);
	for (int vector = 0; vector < 32; vector++)
		guest_gate(guest, MODE_REAL, vector, CODE, 0, 0);
	for (int i = 0; i < 64; i++) {
		struct kvm_vcpu_events events = {
			.exception.injected = 1, .exception.nr = i / 2,
			.exception.has_error_code = i & 1, .exception.error_code = ~0U,
		};

		if (i / 2 == 2)
			continue;
		fresh_mode(_metadata, guest, &self->reset, i & 8 ? MODE_LONG : MODE_REAL);
		ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_VCPU_EVENTS, &events));
		ASSERT_EQ(0, _guest_run(guest)) {
			TH_LOG("exception %d", i / 2);
		}
	}
}

TEST_F(vcpu, interrupts_that_cannot_be)
{
	struct kvm_interrupt interrupt = { .irq = 256 };

	EXPECT_EQ(-EINVAL, _ioctl_ptr(self->guest.fd, KVM_INTERRUPT, &interrupt));
	interrupt.irq = ~0U;
	EXPECT_EQ(-EINVAL, _ioctl_ptr(self->guest.fd, KVM_INTERRUPT, &interrupt));
	interrupt.irq = 0x20;
	EXPECT_EQ(0, _ioctl_ptr(self->guest.fd, KVM_INTERRUPT, &interrupt));
	/* KVM replaces it. */
	EXPECT_EQ(on_slat() ? -EEXIST : 0, _ioctl_ptr(self->guest.fd, KVM_INTERRUPT, &interrupt));
}

TEST_F(vcpu, states_that_there_are_not)
{
	struct kvm_mp_state state;

	for (__u32 i = 1; i < 16; i++) {
		state.mp_state = i;
		ASSERT_EQ(-EINVAL, _ioctl_ptr(self->guest.fd, KVM_SET_MP_STATE, &state)) {
			TH_LOG("state %u", i);
		}
	}
	state.mp_state = ~0U;
	EXPECT_EQ(-EINVAL, _ioctl_ptr(self->guest.fd, KVM_SET_MP_STATE, &state));
}

TEST_F(vcpu, signal_masks_that_are_none)
{
	struct {
		struct kvm_signal_mask head;
		__u32 set[2];		/* right behind the head */
	} mask = { .head.len = 8 };
	static const __u32 lengths[] = { 0, 4, 7, 9, 16, ~0U };
	__u8 *page = edge_create(_metadata);
	int fd = self->guest.fd;

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		mask.head.len = lengths[i];
		ASSERT_EQ(-EINVAL, _ioctl_ptr(fd, KVM_SET_SIGNAL_MASK, &mask)) {
			TH_LOG("length %u", lengths[i]);
		}
	}
	mask.head.len = 8;
	for (size_t i = 1; i < ARRAY_SIZE(bad_pointers); i++) {
		ASSERT_EQ(-EFAULT, _ioctl(fd, KVM_SET_SIGNAL_MASK, bad_pointers[i])) {
			TH_LOG("%#lx", bad_pointers[i]);
		}
	}
	memcpy(page + 4096 - 8, &mask, 8);
	EXPECT_EQ(-EFAULT, _ioctl_ptr(fd, KVM_SET_SIGNAL_MASK, page + 4096 - 8));
	EXPECT_EQ(0, _ioctl(fd, KVM_SET_SIGNAL_MASK, 0));
	edge_destroy(page);
}

/* What cannot be blocked is not: the process can still be killed in KVM_RUN. */
GUEST_CODE(spin, 64, "1: pause\n jmp 1b\n");

static void set_interrupts(struct __test_metadata *_metadata, struct guest *guest)
{
	struct kvm_regs regs;

	get_regs(_metadata, guest, &regs);
	regs.rflags |= FLAGS_IF;
	set_regs(_metadata, guest, &regs);
}

struct blocked {
	struct __test_metadata *metadata;
	int ready;
};

/* The VM of a child is its own, as its memory is. */
static void spin_with_all_signals_blocked(void *arg)
{
	struct {
		struct kvm_signal_mask head;
		__u32 set[2];
	} mask = { .head.len = 8, .set = { ~0U, ~0U } };
	struct blocked *blocked = arg;
	struct __test_metadata *_metadata = blocked->metadata;
	struct guest guest;

	guest_create(_metadata, &guest);
	guest_load(&guest, spin);
	guest_mode(_metadata, &guest, MODE_LONG);
	set_interrupts(_metadata, &guest);
	if (_ioctl_ptr(guest.fd, KVM_SET_SIGNAL_MASK, &mask) ||
	    write(blocked->ready, "", 1) != 1)
		_exit(1);
	_guest_run(&guest);
}

TEST_F(vcpu, kill_cannot_be_blocked)
{
	int ready[2], status;
	char byte;
	pid_t pid;

	ASSERT_EQ(0, pipe(ready));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		struct blocked blocked = { .metadata = _metadata, .ready = ready[1] };

		spin_with_all_signals_blocked(&blocked);
		_exit(0);
	}
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	close(ready[0]);
	close(ready[1]);
}

TEST_F(vcpu, task_priority_that_cannot_be)
{
	self->guest.run->cr8 = 16;
	EXPECT_EQ(-EINVAL, _guest_run(&self->guest));
	self->guest.run->cr8 = 1ULL << 63;
	EXPECT_EQ(-EINVAL, _guest_run(&self->guest));
	self->guest.run->cr8 = 0;
}

GUEST_CODE(io_in, 64,
	   "mov $0x10, %edx\n"
	   "in %dx, %al\n"
	   "mov %al, %bl\n"
	   "hlt\n");

/* Where data is, how much, and for whom, is Slat's to say: answers are not. */
TEST_F(vcpu, answers_are_only_data)
{
	struct guest *guest = &self->guest;
	struct kvm_run *run = guest->run;
	struct kvm_regs regs;
	__u64 offset;

	guest_load(guest, io_in);
	guest_mode(_metadata, guest, MODE_LONG);
	guest_run(_metadata, guest, KVM_EXIT_IO);
	offset = run->io.data_offset;
	ASSERT_LT(offset, guest->run_size);
	*((__u8 *)run + offset) = 0x42;
	run->exit_reason = ~0U;
	run->io.direction = KVM_EXIT_IO_OUT;
	run->io.size = 255;
	run->io.count = ~0U;
	run->io.port = 0xffff;
	run->io.data_offset = ~0ULL;
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0x42, regs.rbx & 0xff);
}

GUEST_CODE(mmio_in, 64,
	   "mov $0x10000000, %edx\n"
	   "mov (%rdx), %eax\n"
	   "mov %eax, 8(%rdx)\n"
	   "push (%rdx)\n"
	   "pop %rbx\n"
	   "cld\n"
	   "mov $0x10000000, %esi\n"
	   "mov $0x30000, %edi\n"
	   "mov $3, %ecx\n"
	   "rep movsq\n"
	   "hlt\n");

TEST_F(vcpu, mmio_answers_are_only_data)
{
	struct guest *guest = &self->guest;
	struct kvm_run *run = guest->run;
	int exits = 0;

	guest_load(guest, mmio_in);
	guest_mode(_metadata, guest, MODE_LONG);
	for (;;) {
		ASSERT_EQ(0, _guest_run(guest));
		if (run->exit_reason != KVM_EXIT_MMIO)
			break;
		exits++;
		memset(run->mmio.data, 0x42, sizeof(run->mmio.data));
		run->mmio.phys_addr = ~0ULL;
		run->mmio.len = ~0U;
		run->mmio.is_write = 0xff;
		run->exit_reason = exits;
	}
	EXPECT_EQ(KVM_EXIT_HLT, run->exit_reason);
	EXPECT_EQ(6, exits);
	EXPECT_EQ(0x4242424242424242, guest_u64(guest, DATA + 16));
}

/*
 * User space that puts the vCPU elsewhere instead of answering, as after a
 * reset: what is over does not move it.
 */
static void expect_untouched(struct __test_metadata *_metadata, struct guest *guest,
			     __u32 exit_reason)
{
	struct kvm_regs regs, after;

	guest_mode(_metadata, guest, MODE_LONG);
	get_regs(_metadata, guest, &regs);
	guest_run(_metadata, guest, exit_reason);
	memset(guest->mem + DATA, 0xf4, 16);
	regs.rip = DATA;
	regs.rax = 0x1234;
	set_regs(_metadata, guest, &regs);
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &after);
	EXPECT_EQ(DATA + 1, after.rip);
	EXPECT_EQ(0x1234, after.rax);
}

GUEST_CODE(mmio_out, 64, "mov %eax, 0x10000000\n ud2\n");
GUEST_CODE(io_out, 64, "out %al, $0x10\n ud2\n");
GUEST_CODE(string_out, 64, "mov $0x30000, %esi\n outsb\n ud2\n");

TEST_F(vcpu, new_registers_instead_of_an_answer)
{
	guest_load(&self->guest, io_out);
	expect_untouched(_metadata, &self->guest, KVM_EXIT_IO);
	guest_load(&self->guest, io_in);
	expect_untouched(_metadata, &self->guest, KVM_EXIT_IO);
	guest_load(&self->guest, string_out);
	expect_untouched(_metadata, &self->guest, KVM_EXIT_IO);
	guest_load(&self->guest, mmio_out);
	expect_untouched(_metadata, &self->guest, KVM_EXIT_MMIO);
}

/* The trap of a single step belongs to the OUT it comes after. */
TEST_F(vcpu, new_registers_instead_of_a_trap)
{
	static const __u8 outs[] = { 0xe6, 0x10, 0xe6, 0x10, 0xf4 };
	struct guest *guest = &self->guest;
	struct kvm_regs regs, stepping;

	if (!on_slat())
		SKIP(return, "KVM leaves what the CPU itself has pending");
	guest_mode(_metadata, guest, MODE_LONG);
	get_regs(_metadata, guest, &regs);
	memcpy(guest->mem + CODE, outs, sizeof(outs));
	guest_run(_metadata, guest, KVM_EXIT_IO);
	stepping = regs;
	stepping.rip += 2;
	stepping.rflags |= FLAGS_TF;
	set_regs(_metadata, guest, &stepping);
	guest_run(_metadata, guest, KVM_EXIT_IO);
	guest->run->immediate_exit = 1;
	EXPECT_EQ(-EINTR, _guest_run(guest));
	guest->run->immediate_exit = 0;
	guest_u8(guest, DATA) = 0xf4;
	regs.rip = DATA;
	set_regs(_metadata, guest, &regs);
	guest_run_hlt(_metadata, guest);
}

/* The vCPU in another mode, with other registers, than when it asked. */
TEST_F(vcpu, another_mode_instead_of_an_answer)
{
	struct guest *guest = &self->guest;
	__u64 state = hostile.seed;

	for (int i = 0; i < 200; i++) {
		struct kvm_regs regs;
		int steps = i % 6 + 1;

		guest_load(guest, mmio_in);
		fresh_mode(_metadata, guest, &self->reset, MODE_LONG);
		while (steps--) {
			ASSERT_EQ(0, _guest_run(guest)) {
				TH_LOG("round %d", i);
			}
		}
		fresh_mode(_metadata, guest, &self->reset, random_below(&state, MODE_LONG + 1));
		random_fill(&state, &regs, sizeof(regs));
		regs.rflags = FLAGS_FIXED;
		if (i & 1)
			set_regs(_metadata, guest, &regs);
		guest->run->immediate_exit = 1;
		ASSERT_GE(0, _guest_run(guest));
		guest->run->immediate_exit = 0;
	}
}

GUEST_CODE(all_exits, 64,
	   "cld\n"
	   "1: mov $0x10000000, %edx\n"
	   "mov (%rdx), %rax\n"
	   "mov %rax, 4(%rdx)\n"
	   "mov %eax, 0xffe(%rdx)\n"
	   "mov %rdx, %rsi\n"
	   "mov $0x30000, %edi\n"
	   "mov $4, %ecx\n"
	   "rep movsb\n"
	   "mov $0x20, %edx\n"
	   "in %dx, %eax\n"
	   "out %al, %dx\n"
	   "mov $0x30ff0, %edi\n"
	   "mov $40, %ecx\n"
	   "rep insb\n"
	   "mov $0x30ff0, %esi\n"
	   "mov $40, %ecx\n"
	   "rep outsb\n"
	   "hlt\n"
	   "jmp 1b\n");

struct scribbler {
	struct guest *guest;
	int stop;
};

/* All that user space can write to, but for immediate_exit's effect now and then. */
static void *scribble(void *arg)
{
	struct scribbler *scribbler = arg;
	__u8 *run = (__u8 *)scribbler->guest->run;
	__u64 state = hostile.seed;

	while (!__atomic_load_n(&scribbler->stop, __ATOMIC_RELAXED)) {
		unsigned int at = random_below(&state, scribbler->guest->run_size / 8) * 8;
		__u64 value = random_odd_value(&state);

		/* Half of them where kvm_run is. */
		if (value & 2)
			at %= sizeof(struct kvm_run);
		__atomic_store_n((__u64 *)(run + (at & ~7u)), value, __ATOMIC_RELAXED);
		sched_yield();
	}
	return NULL;
}

TEST_F_TIMEOUT(vcpu, somebody_else_writes_to_kvm_run, 300)
{
	struct guest *guest = &self->guest;
	struct scribbler scribbler = { .guest = guest };
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	pthread_t thread;
	int done = 0;

	if (!on_slat())
		SKIP(return, "KVM delivers what the CPU refuses again, for good");
	guest_load(guest, all_exits);
	guest_mode(_metadata, guest, MODE_LONG);
	get_regs(_metadata, guest, &regs);
	get_sregs(_metadata, guest, &sregs);
	ASSERT_EQ(0, pthread_create(&thread, NULL, scribble, &scribbler));
	/* More where nobody has written in between, as a busy host may have it. */
	for (int i = 0; i < 2000 || !done; i++) {
		int ret = _guest_run(guest);

		ASSERT_TRUE(ret == 0 || ret == -EINTR || ret == -EINVAL) {
			TH_LOG("KVM_RUN: %d", ret);
		}
		done += !ret;
		if (ret)
			sched_yield();
		/* Registers may have come from there as well. */
		if (i % 16)
			continue;
		ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_SREGS, &sregs));
		ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_REGS, &regs));
	}
	__atomic_store_n(&scribbler.stop, 1, __ATOMIC_RELAXED);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	guest->run->kvm_dirty_regs = 0;
	guest->run->kvm_valid_regs = 0;
}

/* Each call with random content; the vCPU may be in any state afterwards. */
TEST_F_TIMEOUT(vcpu, random_calls, 600)
{
	struct guest *guest = &self->guest;
	__u8 *page = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
	__u64 state = hostile.seed;
	int vcpu = _ioctl(guest->vm, KVM_CREATE_VCPU, 1);

	ASSERT_NE(MAP_FAILED, page);
	ASSERT_LE(0, vcpu);
	if (!on_slat()) {
		close(vcpu);
		SKIP(return, "KVM is not what is tested");
	}
	for (int i = 0; i < 10 * hostile.rounds; i++) {
		size_t nr = random_below(&state, ARRAY_SIZE(commands));
		int ret;

		random_fill(&state, page, commands[nr].size);
		/* Few enough to be looked at. */
		if (commands[nr].size == sizeof(struct kvm_msrs))
			*(__u32 *)page %= 32;
		ret = _ioctl_ptr(vcpu, commands[nr].cmd, page);
		ASSERT_TRUE(answer_known(ret)) {
			TH_LOG("round %d, command %#lx: %d", i, commands[nr].cmd, ret);
		}
	}
	close(vcpu);
	munmap(page, 3 * 4096);
}

static void on_alarm(int signal)
{
}

/* Every millisecond from now on: whatever the guest does, it ends. */
static void start_alarm(struct __test_metadata *_metadata)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct itimerval timer = {
		.it_value.tv_usec = 1000, .it_interval.tv_usec = 1000,
	};

	ASSERT_EQ(0, sigaction(SIGALRM, &action, NULL));
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &timer, NULL));
}

static void stop_alarm(void)
{
	struct itimerval timer = { 0 };

	setitimer(ITIMER_REAL, &timer, NULL);
}

/* Bytes that make more of an instruction than others. */
static void random_code(__u64 *state, __u8 *code, size_t size)
{
	static const __u8 likely[] = {
		0x0f, 0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x2e, 0x48, 0x4c, 0xc5, 0xc4, 0x62, 0xe4,
		0xe6, 0x6c, 0x6e, 0xa4, 0xa5, 0xaa, 0xab, 0xcd, 0xcc, 0xcf, 0xf4, 0x01, 0x20,
		0x22, 0x23, 0x30, 0x32, 0x8e, 0x9c, 0x9d, 0xfa, 0xfb, 0xea, 0x9a, 0xff,
	};

	for (size_t i = 0; i < size; i++)
		code[i] = random_below(state, 3) ? random_next(state) >> 24 :
						   likely[random_below(state, ARRAY_SIZE(likely))];
}

/* Registers that point to memory, to none, or nowhere. */
static void random_regs(__u64 *state, struct kvm_regs *regs)
{
	__u64 rip = regs->rip;

	for (__u64 *reg = (__u64 *)regs; reg < (__u64 *)&regs->rip; reg++)
		*reg = random_below(state, 2) ? random_below(state, 2 * MEMORY) :
						random_odd_value(state);
	regs->rip = rip;
	regs->rflags = FLAGS_FIXED | (random_next(state) & 0x254fd5);
}

/* One of the segments or of the control registers becomes something else. */
static void random_sregs(__u64 *state, struct kvm_sregs *sregs)
{
	struct kvm_segment *segs = &sregs->cs;
	__u64 *const crs[] = { &sregs->cr0, &sregs->cr3, &sregs->cr4, &sregs->efer };

	for (int i = random_below(state, 3); i > 0; i--) {
		struct kvm_segment *seg = &segs[random_below(state, 8)];

		switch (random_below(state, 5)) {
		case 0:
			seg->base = random_odd_value(state);
			break;
		case 1:
			seg->limit = random_odd_value(state);
			break;
		case 2:
			seg->type = random_next(state) & 15;
			seg->dpl = random_next(state) & 3;
			break;
		case 3:
			seg->db ^= 1;
			seg->selector = random_next(state);
			break;
		default:
			random_fill(state, seg, sizeof(*seg));
		}
	}
	if (!random_below(state, 3))
		*crs[random_below(state, ARRAY_SIZE(crs))] ^= 1ULL << random_below(state, 34);
	if (!random_below(state, 8))
		random_fill(state, &sregs->gdt, 2 * sizeof(sregs->gdt));
	/* At an exit from there QEMU does not give the host its CR0 back. */
	if (cpu_is_tcg() && !(sregs->cr4 & CR4_PAE))
		sregs->efer &= ~EFER_LME;
}

static void answer_garbage(__u64 *state, struct guest *guest)
{
	struct kvm_run *run = guest->run;

	if (run->exit_reason == KVM_EXIT_MMIO)
		random_fill(state, run->mmio.data, sizeof(run->mmio.data));
	else if (run->exit_reason == KVM_EXIT_IO)
		random_fill(state, (__u8 *)run + run->io.data_offset, 64);
}

TEST_F_TIMEOUT(vcpu, random_guests, 900)
{
	struct guest *guest = &self->guest;
	unsigned int reasons[64] = { 0 };
	__u64 state = hostile.seed;

	if (!on_slat())
		SKIP(return, "KVM is not what is tested");
	start_alarm(_metadata);
	for (int i = 0; i < hostile.rounds; i++) {
		struct kvm_vcpu_events events = { .flags = KVM_VCPUEVENT_VALID_NMI_PENDING |
							   KVM_VCPUEVENT_VALID_SHADOW };
		struct kvm_sregs sregs;
		struct kvm_regs regs;

		fresh_mode(_metadata, guest, &self->reset, i % (MODE_LONG + 1));
		get_sregs(_metadata, guest, &sregs);
		get_regs(_metadata, guest, &regs);
		random_code(&state, guest->mem + CODE, 64);
		random_regs(&state, &regs);
		random_sregs(&state, &sregs);
		ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_VCPU_EVENTS, &events));
		_ioctl_ptr(guest->fd, KVM_SET_SREGS, &sregs);
		set_regs(_metadata, guest, &regs);
		for (int run = 0; run < 8; run++) {
			int ret = _guest_run(guest);

			ASSERT_TRUE(ret == 0 || ret == -EINTR || ret == -EFAULT) {
				TH_LOG("round %d: KVM_RUN: %d", i, ret);
			}
			if (ret)
				break;
			ASSERT_GT(64, guest->run->exit_reason);
			reasons[guest->run->exit_reason]++;
			answer_garbage(&state, guest);
			if (guest->run->exit_reason != KVM_EXIT_IO &&
			    guest->run->exit_reason != KVM_EXIT_MMIO)
				break;
		}
	}
	stop_alarm();
	/* They did go somewhere. */
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		if (reasons[i])
			TH_LOG("exit reason %zu: %u", i, reasons[i]);
	EXPECT_LT(0, reasons[KVM_EXIT_IO]);
	EXPECT_LT(0, reasons[KVM_EXIT_MMIO]);
	EXPECT_LT(0, reasons[KVM_EXIT_SHUTDOWN]);
	EXPECT_LT(0, reasons[KVM_EXIT_FAIL_ENTRY]);
}

int main(int argc, char **argv)
{
	hostile_arguments(&argc, argv, 1000);
	require_guests();
	return test_harness_run(argc, argv);
}
