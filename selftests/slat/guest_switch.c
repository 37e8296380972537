// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is switched between guests that share a CPU, and between them and the
 * host's programs: vector registers, XCR0, MSRs, debug registers.
 *
 * Two threads on one CPU run a guest each, which fills its registers with what
 * nobody else has and looks after them in a loop, in which it is preempted; the
 * threads keep other values in their own across KVM_RUN.
 */
#include <pthread.h>

#include "guest.h"

#define ROUNDS		40
#define LOOPS		100
#define WATCHED		0x34000

#define KERNEL_GS_BASE	"0xc0000102"

#define NUMBERS_16	"0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15"
#define NUMBERS_32	NUMBERS_16 ", 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, " \
				   "30, 31"

/* R8: a number of its own, R9: what XCR0 is, DATA: what the registers hold. */
#define HOLD(name, load, store, regs, count, reg, size)			\
	GUEST_CODE(name, 64,						\
	   "mov $" KERNEL_GS_BASE ", %ecx\n mov %r8d, %eax\n xor %edx, %edx\n wrmsr\n" \
	   "mov $0x30000, %esi\n"					\
	   ".irp n, " regs "\n " load " \\n * " #size "(%rsi), %" reg "\\n\n .endr\n" \
	   "1: mov $100, %r10d\n"					\
	   "2: mov $0x32000, %edi\n mov $0x30000, %esi\n"		\
	   ".irp n, " regs "\n " store " %" reg "\\n, \\n * " #size "(%rdi)\n .endr\n" \
	   "mov $" #count " * " #size " / 8, %ecx\n repe cmpsq\n jne 3f\n" \
	   "mov $" KERNEL_GS_BASE ", %ecx\n rdmsr\n cmp %r8d, %eax\n jne 3f\n" \
	   "mov %cr4, %rax\n test $0x40000, %eax\n jz 4f\n"		\
	   "xor %ecx, %ecx\n xgetbv\n cmp %r9d, %eax\n jne 3f\n"	\
	   "4: incl 0x34000\n"						\
	   "dec %r10d\n jnz 2b\n out %al, $0x10\n jmp 1b\n"		\
	   "3: mov $0xbad, %eax\n hlt\n")

HOLD(hold_sse, "movdqu", "movdqu", NUMBERS_16, 16, "xmm", 16);
HOLD(hold_avx, "vmovdqu", "vmovdqu", NUMBERS_16, 16, "ymm", 32);
HOLD(hold_avx512, "vmovdqu64", "vmovdqu64", NUMBERS_32, 32, "zmm", 64);

/* Counts in R15, and goes on. */
GUEST_CODE(on_db, 64, "inc %r15\n iretq\n");

#define ON_DB		0x20000

/* One thread and its guest. */
struct runner {
	struct guest guest;
	__u8 seed;
	bool watches;
	int bad_at;		/* the round that went wrong, -1: none */
	__u32 reason;
	bool host_lost;
};

static bool host_has_avx(void)
{
	__builtin_cpu_init();
	return __builtin_cpu_supports("avx");
}

/* KVM_RUN with this in YMM0 to YMM15, and what is in them afterwards. */
static long run_with_ymm(int fd, const __u8 *in, __u8 *out)
{
	register __u8 *to asm("r12") = out;
	long ret;

	asm volatile(".irp n, " NUMBERS_16 "\n vmovdqu 32*\\n(%[in]), %%ymm\\n\n .endr\n"
		     "syscall\n"
		     ".irp n, " NUMBERS_16 "\n vmovdqu %%ymm\\n, 32*\\n(%[out])\n .endr\n"
		     "vzeroupper"
		     : "=a" (ret)
		     : "a" (SYS_ioctl), "D" ((long)fd), "S" ((long)KVM_RUN), "d" (0L),
		       [in] "r" (in), [out] "r" (to)
		     : "rcx", "r11", "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5",
		       "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13",
		       "xmm14", "xmm15");
	return ret;
}

static void *run(void *arg)
{
	struct runner *runner = arg;
	struct guest *guest = &runner->guest;
	__u8 mine[512], back[512];

	pin_to(0);
	runner->bad_at = -1;
	for (int i = 0; i < ROUNDS && runner->bad_at < 0; i++) {
		long ret;

		memset(mine, runner->seed + i, sizeof(mine));
		do {
			memset(back, 0, sizeof(back));
			if (host_has_avx())
				ret = run_with_ymm(guest->fd, mine, back);
			else
				ret = _guest_run(guest);
			if (host_has_avx() && memcmp(mine, back, sizeof(mine)))
				runner->host_lost = true;
		} while (ret == -EINTR);
		runner->reason = guest->run->exit_reason;
		if (ret || runner->reason != KVM_EXIT_IO || runner->host_lost)
			runner->bad_at = i;
		sched_yield();
	}
	return NULL;
}

static void prepare(struct __test_metadata *_metadata, struct runner *runner, __u8 seed,
		    const char *code, const char *end, __u64 xcr0)
{
	struct guest *guest = &runner->guest;
	struct kvm_xcrs xcrs = { .nr_xcrs = 1, .xcrs[0].value = xcr0 };
	struct kvm_debugregs debug = { };
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	runner->seed = seed;
	guest_load_at(guest, CODE, code, end);
	memcpy(guest->mem + ON_DB, on_db, on_db_end - on_db);
	guest_mode(_metadata, guest, MODE_LONG);
	if (xcr0) {
		ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_XCRS, &xcrs));
		get_sregs(_metadata, guest, &sregs);
		sregs.cr4 |= CR4_OSXSAVE;
		set_sregs(_metadata, guest, &sregs);
	}
	/* A breakpoint of one is no concern of the other: it has no handler. */
	if (runner->watches) {
		guest_gate(guest, MODE_LONG, 1, ON_DB, 14, 0);
		debug.db[1] = WATCHED;
		debug.dr7 = 0x00d00404 | 0x400;		/* DR1: a write of 4 bytes */
		ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_DEBUGREGS, &debug));
	}
	for (int i = 0; i < 2048; i++)
		guest->mem[DATA + i] = seed ^ i ^ i >> 8;
	get_regs(_metadata, guest, &regs);
	regs.r8 = seed * 0x1000;
	regs.r9 = xcr0;
	regs.r15 = 0;
	set_regs(_metadata, guest, &regs);
}

static void check(struct __test_metadata *_metadata, struct runner *runner)
{
	struct guest *guest = &runner->guest;
	struct kvm_regs regs;

	EXPECT_EQ(-1, runner->bad_at) {
		TH_LOG("exit reason %u", runner->reason);
	}
	EXPECT_FALSE(runner->host_lost);
	EXPECT_EQ(ROUNDS * LOOPS, guest_u32(guest, WATCHED));
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(runner->watches ? ROUNDS * LOOPS : 0, regs.r15);
}

FIXTURE(pair) {
	struct runner a, b;
	struct cpuid_table *cpuid;
	__u64 xcr0;
};

FIXTURE_SETUP(pair)
{
	struct kvm_cpuid_entry2 *xstate;

	guest_create(_metadata, &self->a.guest);
	guest_create(_metadata, &self->b.guest);
	self->cpuid = calloc(1, sizeof(*self->cpuid));
	ASSERT_EQ(0, _supported_cpuid(self->a.guest.dev, self->cpuid));
	xstate = cpuid_find(self->cpuid, 0xd, 0);
	if (cpuid_find(self->cpuid, 1, 0)->ecx & 1 << 26 && xstate)
		self->xcr0 = xstate->eax;
}

FIXTURE_TEARDOWN(pair)
{
	free(self->cpuid);
	guest_destroy(&self->b.guest);
	guest_destroy(&self->a.guest);
}

static void run_pair(struct __test_metadata *_metadata, struct runner *a, struct runner *b)
{
	pthread_t other;

	ASSERT_EQ(0, pthread_create(&other, NULL, run, b));
	run(a);
	ASSERT_EQ(0, pthread_join(other, NULL));
	check(_metadata, a);
	check(_metadata, b);
}

TEST_F(pair, sse)
{
	prepare(_metadata, &self->a, 0x11, hold_sse, hold_sse_end, 0);
	prepare(_metadata, &self->b, 0x73, hold_sse, hold_sse_end, 0);
	run_pair(_metadata, &self->a, &self->b);
}

TEST_F(pair, avx_and_sse)
{
	if ((self->xcr0 & 7) != 7)
		SKIP(return, "no AVX");
	prepare(_metadata, &self->a, 0x11, hold_avx, hold_avx_end, 7);
	prepare(_metadata, &self->b, 0x73, hold_sse, hold_sse_end, 3);
	run_pair(_metadata, &self->a, &self->b);
}

TEST_F(pair, avx512_and_avx)
{
	if ((self->xcr0 & 0xe7) != 0xe7)
		SKIP(return, "no AVX-512");
	prepare(_metadata, &self->a, 0x11, hold_avx512, hold_avx512_end, 0xe7);
	prepare(_metadata, &self->b, 0x73, hold_avx, hold_avx_end, 7);
	run_pair(_metadata, &self->a, &self->b);
}

TEST_F(pair, breakpoints)
{
	if (cpu_is_tcg())
		SKIP(return, "VMRUN arms no breakpoints there");
	self->a.watches = true;
	prepare(_metadata, &self->a, 0x11, hold_sse, hold_sse_end, 0);
	prepare(_metadata, &self->b, 0x73, hold_sse, hold_sse_end, 0);
	run_pair(_metadata, &self->a, &self->b);
}

/* The kernel's own account: field 43 of proc(5)'s stat, in clock ticks. */
static long guest_time(struct __test_metadata *_metadata)
{
	char line[1024], *field;
	int n;

	ASSERT_EQ(0, _file_read("/proc/thread-self/stat", line, sizeof(line)));
	field = strrchr(line, ')');
	for (n = 2; field && n < 43; n++)
		field = strchr(field + 1, ' ');
	ASSERT_NE(NULL, field);
	return strtol(field, NULL, 10);
}

/* Some ticks' worth on any CPU. */
GUEST_CODE(busy, 64, "mov $75000000, %ecx\n 1: dec %ecx\n jnz 1b\n hlt\n");

TEST_F(pair, a_guests_time_is_accounted_to_it)
{
	struct guest *guest = &self->a.guest;
	long before = guest_time(_metadata);

	guest_load(guest, busy);
	guest_mode(_metadata, guest, MODE_LONG);
	guest_run_hlt(_metadata, guest);
	EXPECT_LT(before, guest_time(_metadata));
}

int main(int argc, char **argv)
{
	require_guests();
	return test_harness_run(argc, argv);
}
