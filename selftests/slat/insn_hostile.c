// SPDX-License-Identifier: GPL-2.0-only
/*
 * Instructions that touch a device and lie across two pages, write over
 * themselves, or are rewritten and unmapped by somebody else meanwhile:
 *
 *	insn_hostile [ROUNDS [SEED]]
 */
#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>

#include "hostile.h"
#include "irq.h"

#define PAGE		0x1000
/* Two pages of code; in the guest's memory the second does not follow the first. */
#define WINDOW		0x40000000
#define WINDOW_END	(WINDOW + 2 * PAGE)
#define FIRST		0x40000
#define SECOND		0x52000
#define WINDOW_PD	0x8000
#define WINDOW_PT	0x9000
#define PTE		7		/* present, writable, user */
#define DEVICE		0x10000000
#define SOURCE		(DATA + 0x800)
#define TARGET		(DATA + 0xc00)
#define FAULTS		(DATA + 0x2000)	/* how many page faults, and the last one */

/* RDI, RBX: the device; RSI: memory, RDX: memory to be written. */
struct insn {
	__u8 len;
	__u8 bytes[15];
};

static const struct insn insns[] = {
	{ 2, "\x8b\x07" },				/* mov (%rdi), %eax */
	{ 2, "\x89\x07" },				/* mov %eax, (%rdi) */
	{ 3, "\x48\x8b\x07" },				/* mov (%rdi), %rax */
	{ 3, "\x0f\xb6\x07" },				/* movzbl (%rdi), %eax */
	{ 4, "\x8b\x44\x8f\x40" },			/* mov 0x40(%rdi,%rcx,4), %eax */
	{ 7, "\x48\x03\x87\x80\x00\x00\x00" },		/* add 0x80(%rdi), %rax */
	{ 7, "\xc7\x47\x08\x78\x56\x34\x12" },		/* movl $0x12345678, 8(%rdi) */
	{ 11, "\x48\xc7\x87\x00\x01\x00\x00\x78\x56\x34\x12" },
	{ 12, "\x65\x48\xc7\x84\x8f\x00\x02\x00\x00\x78\x56\x34" },	/* and what follows */
	{ 5, "\xf0\x0f\xc1\x47\x0c" },			/* lock xadd %eax, 12(%rdi) */
	{ 3, "\x0f\xb1\x07" },				/* cmpxchg %eax, (%rdi) */
	{ 2, "\x87\x07" },				/* xchg %eax, (%rdi) */
	{ 3, "\xff\x47\x10" },				/* incl 16(%rdi) */
	{ 2, "\xf3\xa4" },				/* rep movsb, to the device */
	{ 2, "\xf3\xab" },				/* rep stosl */
	{ 4, "\x66\x0f\x6f\x07" },			/* movdqa (%rdi), %xmm0 */
	{ 9, "\x64\x67\x66\x2e\x3e\x26\x66\x8b\x07" },	/* many prefixes */
	{ 15, "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x8b\x07" },
};

#define LOOPS		50		/* of one that races with its page */
#define INSNS		ARRAY_SIZE(insns)
#define BROKEN_INSN	8		/* ends in what lies behind it: not for comparisons */

static_assert(sizeof(insns[0].bytes) == 15, "the longest");

/* Notes the fault, and maps all of the window again. */
GUEST_LABEL(on_page_fault);
GUEST_CODE(handlers, 64,
	   "on_page_fault:\n"
	   "push %rax\n"
	   "lock incl 0x32000\n"
	   "mov %cr2, %rax\n"
	   "mov %rax, 0x32008\n"
	   "mov 8(%rsp), %rax\n"
	   "mov %rax, 0x32010\n"
	   "mov 16(%rsp), %rax\n"
	   "mov %rax, 0x32018\n"
	   "movq $0x52007, 0x9008\n"
	   "mov %cr3, %rax\n"
	   "mov %rax, %cr3\n"
	   "pop %rax\n"
	   "add $8, %rsp\n"
	   "iretq\n");

FIXTURE(insn) {
	struct guest guest;
};

FIXTURE_SETUP(insn)
{
	guest_create(_metadata, &self->guest);
}

FIXTURE_TEARDOWN(insn)
{
	EXPECT_TRUE(works(&self->guest));
	guest_destroy(&self->guest);
}

static void map_window(struct guest *guest)
{
	guest_u64(guest, TABLES + 0x1008) = WINDOW_PD | PTE;
	guest_u64(guest, WINDOW_PD) = WINDOW_PT | PTE;
	guest_u64(guest, WINDOW_PT) = FIRST | PTE;
	guest_u64(guest, WINDOW_PT + 8) = SECOND | PTE;
}

/* Where @offset bytes into the window are in the guest's memory. */
static __u64 window_gpa(unsigned int offset)
{
	return offset < PAGE ? FIRST + offset : SECOND + offset - PAGE;
}

static void put_code(struct guest *guest, unsigned int offset, const void *code, size_t len)
{
	for (size_t i = 0; i < len; i++)
		guest_u8(guest, window_gpa(offset + i)) = ((const __u8 *)code)[i];
}

/* At @offset into the window, in long mode, with everything as it always is. */
static void prepare(struct __test_metadata *_metadata, struct guest *guest, unsigned int offset)
{
	struct kvm_regs regs;

	guest_load(guest, handlers);
	guest_mode(_metadata, guest, MODE_LONG);
	map_window(guest);
	guest_gate(guest, MODE_LONG, 14, guest_label(handlers, on_page_fault), 14, 0);
	for (unsigned int i = 0; i < 0x1000; i++)
		guest_u8(guest, DATA + i) = i * 7;
	get_regs(_metadata, guest, &regs);
	regs.rip = WINDOW + offset;
	regs.rax = 0x8877665544332211;
	regs.rcx = 4;
	regs.rdx = TARGET;
	regs.rdi = DEVICE;
	regs.rbx = DEVICE;
	regs.rsi = SOURCE;
	set_regs(_metadata, guest, &regs);
}

/* What it asked of the device, as one number. */
struct asked {
	__u64 hash;
	unsigned int exits;
};

static void answer(struct kvm_run *run, struct asked *asked)
{
	__u64 data = 0, at = run->mmio.phys_addr - DEVICE;

	if (run->mmio.is_write)
		memcpy(&data, run->mmio.data, run->mmio.len);
	asked->hash = (asked->hash ^ at ^ data ^ run->mmio.len << 8 ^ run->mmio.is_write) *
		      0x9e3779b97f4a7c15ULL;
	asked->exits++;
	for (int i = 0; i < 8 && !run->mmio.is_write; i++)
		run->mmio.data[i] = (at + i) * 13;
}

/* To its HLT; what comes instead is the caller's. */
static int run_insn(struct guest *guest, struct asked *asked)
{
	int ret;

	*asked = (struct asked) { 0 };
	for (;;) {
		ret = _guest_run(guest);
		if (ret == -EINTR)
			continue;
		if (ret || guest->run->exit_reason != KVM_EXIT_MMIO)
			return ret;
		answer(guest->run, asked);
	}
}

/* An instruction and its HLT, with @before bytes of it on the first page. */
static void run_split(struct __test_metadata *_metadata, struct guest *guest,
		      const struct insn *insn, unsigned int before, struct kvm_regs *regs,
		      struct asked *asked)
{
	unsigned int offset = PAGE - before;

	put_code(guest, offset, insn->bytes, insn->len);
	put_code(guest, offset + insn->len, "\xf4", 1);
	prepare(_metadata, guest, offset);
	ASSERT_EQ(0, run_insn(guest, asked));
	ASSERT_EQ(KVM_EXIT_HLT, guest->run->exit_reason) {
		TH_LOG("instruction %td, %u bytes before the edge: internal %u", insn - insns,
		       before, guest->run->internal.suberror);
	}
	get_regs(_metadata, guest, regs);
	EXPECT_EQ(WINDOW + offset + insn->len + 1, regs->rip);
	regs->rip = 0;
}

/* KVM lacks none of these: the same there. */
TEST_F(insn, lie_across_pages)
{
	struct guest *guest = &self->guest;
	struct kvm_regs whole, parted;
	struct asked by_whole, by_parted;

	for (const struct insn *insn = insns; insn < insns + INSNS; insn++) {
		if (insn == insns + BROKEN_INSN)
			continue;
		/* All of it, and its HLT, before the edge. */
		run_split(_metadata, guest, insn, insn->len + 8, &whole, &by_whole);
		EXPECT_LT(0, by_whole.exits);
		for (unsigned int before = 1; before < insn->len; before++) {
			run_split(_metadata, guest, insn, before, &parted, &by_parted);
			EXPECT_EQ(by_whole.exits, by_parted.exits);
			EXPECT_EQ(by_whole.hash, by_parted.hash);
			EXPECT_EQ(0, memcmp(&whole, &parted, sizeof(whole))) {
				TH_LOG("instruction %td, %u bytes before the edge", insn - insns,
				       before);
			}
		}
	}
}

/* Its other page is not there at first. */
TEST_F(insn, lie_across_a_page_that_is_missing)
{
	struct guest *guest = &self->guest;
	const struct insn *insn = &insns[7];
	struct kvm_regs regs;
	struct asked asked;

	for (unsigned int before = 1; before < insn->len; before++) {
		put_code(guest, PAGE - before, insn->bytes, insn->len);
		put_code(guest, PAGE - before + insn->len, "\xf4", 1);
		prepare(_metadata, guest, PAGE - before);
		guest_u64(guest, WINDOW_PT + 8) = 0;
		guest_u32(guest, FAULTS) = 0;
		ASSERT_EQ(0, run_insn(guest, &asked));
		ASSERT_EQ(KVM_EXIT_HLT, guest->run->exit_reason);
		get_regs(_metadata, guest, &regs);
		EXPECT_EQ(1, guest_u32(guest, FAULTS));
		EXPECT_EQ(WINDOW + PAGE, guest_u64(guest, FAULTS + 8));
		EXPECT_EQ(WINDOW + PAGE - before, guest_u64(guest, FAULTS + 24));
		EXPECT_EQ(1, asked.exits);
		EXPECT_EQ(WINDOW + PAGE - before + insn->len + 1, regs.rip);
	}
}

/* Its other page is a device as well: nothing of it is done. */
TEST_F(insn, lie_across_memory_and_a_device)
{
	struct guest *guest = &self->guest;
	const struct insn *insn = &insns[7];
	struct asked asked;

	if (!on_slat())
		SKIP(return, "KVM says something else on each CPU");
	put_code(guest, PAGE - 5, insn->bytes, insn->len);
	prepare(_metadata, guest, PAGE - 5);
	guest_u64(guest, WINDOW_PT + 8) = (DEVICE + 0x10000) | PTE;
	ASSERT_EQ(0, run_insn(guest, &asked));
	EXPECT_EQ(KVM_EXIT_INTERNAL_ERROR, guest->run->exit_reason);
	EXPECT_EQ(0, asked.exits);
}

/* What a device says becomes the next instruction. */
GUEST_CODE(writes_the_next, 64,
	   "mov $0x10000000, %esi\n"
	   "lea 1f(%rip), %rdi\n"
	   "mov $6, %ecx\n"
	   "rep movsb\n"
	   "1: ud2\n ud2\n ud2\n");

TEST_F(insn, write_the_next_one)
{
	static const __u8 code[] = { 0xb8, 0x78, 0x56, 0x34, 0x12, 0xf4 };	/* mov; hlt */
	struct guest *guest = &self->guest;
	struct kvm_run *run = guest->run;
	struct kvm_regs regs;

	for (int round = 0; round < 3; round++) {
		guest_load(guest, writes_the_next);
		guest_mode(_metadata, guest, MODE_LONG);
		for (size_t i = 0; i < sizeof(code); i++) {
			guest_run(_metadata, guest, KVM_EXIT_MMIO);
			ASSERT_EQ(DEVICE + i, run->mmio.phys_addr);
			ASSERT_EQ(1, run->mmio.len);
			run->mmio.data[0] = code[i];
		}
		guest_run_hlt(_metadata, guest);
		get_regs(_metadata, guest, &regs);
		EXPECT_EQ(0x12345678, regs.rax);
	}
}

/* ... or the very one that asks, string or not. */
TEST_F(insn, write_over_themselves)
{
	struct guest *guest = &self->guest;
	struct kvm_run *run = guest->run;
	struct kvm_regs regs;

	for (unsigned int before = 1; before < 3; before++) {
		unsigned int offset = PAGE - before, done;
		__u64 start = WINDOW + offset;

		put_code(guest, offset, "\xf3\xa4\xf4\xf4\xf4", 5);	/* rep movsb; hlt */
		prepare(_metadata, guest, offset);
		get_regs(_metadata, guest, &regs);
		regs.rsi = DEVICE;
		regs.rdi = start;
		regs.rcx = 4;
		set_regs(_metadata, guest, &regs);
		for (done = 0; done < 4; done++) {
			guest_run(_metadata, guest, KVM_EXIT_MMIO);
			run->mmio.data[0] = 0xf4;
		}
		guest_run_hlt(_metadata, guest);
		get_regs(_metadata, guest, &regs);
		EXPECT_EQ(0, regs.rcx);
		EXPECT_EQ(start + 4, regs.rdi);
		EXPECT_EQ(start + 3, regs.rip);
		for (unsigned int i = 0; i < 4; i++)
			EXPECT_EQ(0xf4, guest_u8(guest, window_gpa(offset + i)));

		/* movsl over itself: it is done once, then it is what it wrote. */
		put_code(guest, offset, "\xa5\xf4\xf4\xf4\xf4", 5);
		prepare(_metadata, guest, offset);
		get_regs(_metadata, guest, &regs);
		regs.rsi = DEVICE;
		regs.rdi = start;
		set_regs(_metadata, guest, &regs);
		guest_run(_metadata, guest, KVM_EXIT_MMIO);
		EXPECT_EQ(4, run->mmio.len);
		memcpy(run->mmio.data, "\x90\x90\x90\xf4", 4);
		guest_run_hlt(_metadata, guest);
		get_regs(_metadata, guest, &regs);
		EXPECT_EQ(start + 4, regs.rip);
		EXPECT_EQ(start + 4, regs.rdi);
	}
}

/* Somebody else has the window: its second page comes and goes, and so does the code. */
struct rewriter {
	struct guest *guest;
	int stop;
	bool code;
	__u64 random;
	unsigned long changes;
};

static void rewrite_code(struct rewriter *rewriter)
{
	__u64 *random = &rewriter->random;
	unsigned int offset = PAGE - random_below(random, 16);

	if (random_below(random, 4)) {
		const struct insn *insn = &insns[random_below(random, INSNS)];

		put_code(rewriter->guest, offset, insn->bytes, insn->len);
	} else {
		put_code(rewriter->guest, offset, random, 1 + random_below(random, 8));
	}
}

static void *rewrite(void *arg)
{
	/* There, gone, a device, what cannot be executed, what is no address. */
	static const __u64 entries[] = {
		SECOND | PTE, SECOND | PTE, 0, (DEVICE + PAGE) | PTE, SECOND | PTE | 1ULL << 63,
		~0ULL, FIRST | PTE,
	};
	struct rewriter *rewriter = arg;

	while (!__atomic_load_n(&rewriter->stop, __ATOMIC_ACQUIRE)) {
		__u64 *random = &rewriter->random;

		if (!rewriter->code)
			guest_u64(rewriter->guest, WINDOW_PT + 8) =
				random_below(random, 2) ? SECOND | PTE : 0;
		else if (random_below(random, 4))
			rewrite_code(rewriter);
		else
			guest_u64(rewriter->guest, WINDOW_PT + 8) =
				entries[random_below(random, ARRAY_SIZE(entries))];
		rewriter->changes++;
		sched_yield();
	}
	return NULL;
}

/* Returns when it has begun. */
static void start_rewriter(struct __test_metadata *_metadata, struct rewriter *rewriter,
			   pthread_t *thread)
{
	ASSERT_EQ(0, pthread_create(thread, NULL, rewrite, rewriter));
	while (!__atomic_load_n(&rewriter->changes, __ATOMIC_RELAXED))
		sched_yield();
}

static void stop_rewriter(struct __test_metadata *_metadata, struct rewriter *rewriter,
			  pthread_t thread)
{
	__atomic_store_n(&rewriter->stop, 1, __ATOMIC_RELEASE);
	ASSERT_EQ(0, pthread_join(thread, NULL));
}

/* An instruction as often as R8 says, with @before bytes of it on the first page. */
static void run_loop(struct __test_metadata *_metadata, struct guest *guest,
		     const struct insn *insn, unsigned int before, struct kvm_regs *regs,
		     struct asked *asked)
{
	/* dec %r8d; jnz; hlt */
	const __u8 loop[] = { 0x41, 0xff, 0xc8, 0x75, -(insn->len + 5), 0xf4 };
	unsigned int offset = PAGE - before;

	put_code(guest, offset, insn->bytes, insn->len);
	put_code(guest, offset + insn->len, loop, sizeof(loop));
	prepare(_metadata, guest, offset);
	get_regs(_metadata, guest, regs);
	regs->r8 = LOOPS;
	set_regs(_metadata, guest, regs);
	ASSERT_EQ(0, run_insn(guest, asked));
	ASSERT_EQ(KVM_EXIT_HLT, guest->run->exit_reason) {
		TH_LOG("instruction %td, %u bytes before the edge: internal %u", insn - insns,
		       before, guest->run->internal.suberror);
	}
	get_regs(_metadata, guest, regs);
	EXPECT_EQ(WINDOW + offset + insn->len + sizeof(loop), regs->rip);
	regs->rip = 0;
}

/* Each of them is done as ever, however often its second page was not there. */
TEST_F_TIMEOUT(insn, lie_across_a_page_that_comes_and_goes, 300)
{
	struct rewriter rewriter = { .guest = &self->guest, .random = hostile.seed };
	struct guest *guest = &self->guest;
	struct kvm_regs whole[BROKEN_INSN], parted;
	struct asked by_whole[BROKEN_INSN], by_parted;
	pthread_t thread;

	for (int i = 0; i < BROKEN_INSN; i++)
		run_loop(_metadata, guest, &insns[i], 64, &whole[i], &by_whole[i]);
	guest_u32(guest, FAULTS) = 0;
	start_rewriter(_metadata, &rewriter, &thread);
	for (int i = 0; i < hostile.rounds; i++) {
		int nr = i % BROKEN_INSN;

		run_loop(_metadata, guest, &insns[nr], 1 + i % (insns[nr].len - 1), &parted,
			 &by_parted);
		EXPECT_EQ(by_whole[nr].exits, by_parted.exits);
		EXPECT_EQ(by_whole[nr].hash, by_parted.hash);
		EXPECT_EQ(0, memcmp(&whole[nr], &parted, sizeof(parted))) {
			TH_LOG("round %d", i);
		}
	}
	stop_rewriter(_metadata, &rewriter, thread);
	TH_LOG("%u page faults, %lu changes", guest_u32(guest, FAULTS), rewriter.changes);
	EXPECT_LT(0, guest_u32(guest, FAULTS));
}

static void on_alarm(int signal)
{
}

/* Anything may come of it, but for a hang. */
TEST_F_TIMEOUT(insn, are_rewritten_meanwhile, 600)
{
	struct rewriter rewriter = { .guest = &self->guest, .code = true,
				     .random = hostile.seed };
	struct sigaction action = { .sa_handler = on_alarm };
	struct itimerval timer = { .it_value.tv_usec = 2000, .it_interval.tv_usec = 2000 };
	struct guest *guest = &self->guest;
	struct kvm_vcpu_events events = { .flags = KVM_VCPUEVENT_VALID_SHADOW };
	unsigned int reasons[64] = { 0 };
	__u64 state = hostile.seed;
	struct asked asked = { 0 };
	pthread_t thread;

	if (!on_slat())
		SKIP(return, "KVM is not what is tested");
	ASSERT_EQ(0, sigaction(SIGALRM, &action, NULL));
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &timer, NULL));
	start_rewriter(_metadata, &rewriter, &thread);
	for (int i = 0; i < hostile.rounds * 10; i++) {
		ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_VCPU_EVENTS, &events));
		prepare(_metadata, guest, PAGE - random_below(&state, 16));
		for (int run = 0; run < 20; run++) {
			int ret = _guest_run(guest);

			ASSERT_TRUE(ret == 0 || ret == -EINTR) {
				TH_LOG("round %d: KVM_RUN: %d", i, ret);
			}
			if (ret)
				break;
			ASSERT_GT(64, guest->run->exit_reason);
			reasons[guest->run->exit_reason]++;
			if (guest->run->exit_reason != KVM_EXIT_MMIO)
				break;
			answer(guest->run, &asked);
		}
	}
	timer = (struct itimerval) { 0 };
	setitimer(ITIMER_REAL, &timer, NULL);
	stop_rewriter(_metadata, &rewriter, thread);
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		if (reasons[i])
			TH_LOG("exit reason %zu: %u", i, reasons[i]);
	EXPECT_LT(0, reasons[KVM_EXIT_MMIO]);
	EXPECT_LT(0, reasons[KVM_EXIT_INTERNAL_ERROR] + reasons[KVM_EXIT_SHUTDOWN]);
}

int main(int argc, char **argv)
{
	hostile_arguments(&argc, argv, 40);
	require_guests();
	return test_harness_run(argc, argv);
}
