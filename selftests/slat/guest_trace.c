// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tracepoints slat:*, in a trace buffer of the test's own.
 */
#include <pthread.h>
#include <sys/stat.h>

#include <linux/slat.h>

#include "cpus.h"
#include "guest.h"

#define TRACEFS		"/sys/kernel/tracing"
#define INSTANCE	TRACEFS "/instances/slat_guest_trace"
#define EVENTS		INSTANCE "/events/slat"
#define BUFFER		0x100000

GUEST_CODE(code_store, 32, "mov %eax, (%ebx)\n cpuid\n hlt");
/* Until somebody else writes to where EBX points. */
GUEST_CODE(code_spin, 32, "movl $1, (%ebx)\n 1: cmpl $2, (%ebx)\n jne 1b\n hlt");

FIXTURE(trace) {
	struct guest guest;
	char *text;		/* of the buffer, when it was read last */
};

FIXTURE_SETUP(trace)
{
	guest_create(_metadata, &self->guest);
	self->text = malloc(BUFFER);
	ASSERT_NE(NULL, self->text);
	rmdir(INSTANCE);
	if (mkdir(INSTANCE, 0700) || access(EVENTS "/enable", W_OK)) {
		rmdir(INSTANCE);
		SKIP(return, "no tracefs with slat's events");
	}
}

FIXTURE_TEARDOWN(trace)
{
	guest_destroy(&self->guest);
	free(self->text);
	_file_write(EVENTS "/enable", "0");
	rmdir(INSTANCE);
}

static void trace(struct __test_metadata *_metadata, const char *event)
{
	char path[128];

	snprintf(path, sizeof(path), EVENTS "/%s%senable", event, *event ? "/" : "");
	ASSERT_EQ(0, _file_write(path, "1"));
}

static void read_trace(struct __test_metadata *_metadata, char *text)
{
	int fd = open(INSTANCE "/trace", O_RDONLY);
	size_t size = 0;
	ssize_t got;

	ASSERT_LE(0, fd);
	while ((got = read(fd, text + size, BUFFER - 1 - size)) > 0)
		size += got;
	ASSERT_EQ(0, got);
	close(fd);
	text[size] = 0;
}

static int count(const char *text, const char *what)
{
	int times = 0;

	for (; (text = strstr(text, what)); text++)
		times++;
	return times;
}

/* What an event of the translation engine says. */
struct engine_event {
	char vm[32];
	__u64 numbers[2];
};

/* The last event of a kind; FORMAT: what follows the machine, two numbers at most. */
static void last_event(struct __test_metadata *_metadata, const char *text, const char *name,
		       const char *format, struct engine_event *event)
{
	const char *found = NULL;
	int len = 0, fields;

	*event = (struct engine_event) { };
	while ((text = strstr(text, name))) {
		text += strlen(name);
		found = text;
	}
	ASSERT_NE(NULL, found) {
		TH_LOG("no event%s", name);
	}
	fields = sscanf(found, " vm=%31s%n", event->vm, &len);
	ASSERT_EQ(1, fields);
	fields = sscanf(found + len, format, &event->numbers[0], &event->numbers[1]);
	ASSERT_LT(0, fields);
}

static void last_batch(struct __test_metadata *_metadata, const char *text,
		       struct engine_event *event)
{
	last_event(_metadata, text, " slat_batch:", " epoch=%llu unlinked=%llu\n", event);
}

static void store(struct __test_metadata *_metadata, struct guest *guest, __u32 gpa)
{
	struct kvm_regs regs;

	guest_load(guest, code_store);
	guest_mode(_metadata, guest, MODE_FLAT32);
	get_regs(_metadata, guest, &regs);
	regs.rbx = gpa;
	set_regs(_metadata, guest, &regs);
	guest_run_hlt(_metadata, guest);
}

TEST_F(trace, entry_and_exit)
{
	trace(_metadata, "slat_entry");
	trace(_metadata, "slat_exit");
	store(_metadata, &self->guest, DATA);
	read_trace(_metadata, self->text);
	EXPECT_LT(0, count(self->text, " slat_entry: vcpu=0 rip=0x10000\n"));
	/* The length of the store, and of CPUID. */
	EXPECT_EQ(1, count(self->text, " slat_exit: vcpu=0 reason=cpuid_exits rip=0x10002\n"));
	EXPECT_EQ(1, count(self->text, " slat_exit: vcpu=0 reason=halt_exits rip=0x10004\n"));
	EXPECT_EQ(count(self->text, " slat_entry: "), count(self->text, " slat_exit: "));
}

TEST_F(trace, fault)
{
	trace(_metadata, "slat_fault");
	store(_metadata, &self->guest, DATA);
	store(_metadata, &self->guest, DATA);
	read_trace(_metadata, self->text);
	EXPECT_EQ(1, count(self->text, " slat_fault: vcpu=0 gpa=0x30000 access=-w- result=0\n") +
		     count(self->text, " slat_fault: vcpu=0 gpa=0x30000 access=rw- result=0\n"));
}

/* A page is dropped by its entry, all pages by the one table that they are in. */
TEST_F(trace, batch)
{
	struct engine_event first, second;

	store(_metadata, &self->guest, DATA);
	trace(_metadata, "slat_batch");
	ASSERT_EQ(0, madvise(self->guest.mem + DATA, 4096, MADV_DONTNEED));
	read_trace(_metadata, self->text);
	EXPECT_EQ(1, count(self->text, " slat_batch: vm="));
	last_batch(_metadata, self->text, &first);
	EXPECT_EQ(0, first.numbers[1]);

	store(_metadata, &self->guest, DATA);
	ASSERT_EQ(0, madvise(self->guest.mem, MEMORY, MADV_DONTNEED));
	read_trace(_metadata, self->text);
	EXPECT_EQ(2, count(self->text, " slat_batch: vm="));
	last_batch(_metadata, self->text, &second);
	EXPECT_STREQ(first.vm, second.vm);
	EXPECT_EQ(first.numbers[0] + 1, second.numbers[0]);
	EXPECT_EQ(1, second.numbers[1]);
}

static void zap(struct __test_metadata *_metadata, struct guest *guest, char *text,
		struct engine_event *event)
{
	store(_metadata, guest, DATA);
	ASSERT_EQ(0, _ioctl(guest->vm, SLAT_ZAP_ALL, 0));
	read_trace(_metadata, text);
	last_event(_metadata, text, " slat_zap:", " generation=%llu\n", event);
}

TEST_F(trace, zap)
{
	struct engine_event batch, event, other_event;
	struct guest other;

	trace(_metadata, "");
	zap(_metadata, &self->guest, self->text, &event);
	EXPECT_EQ(1, count(self->text, " slat_zap: vm="));
	EXPECT_EQ(1, event.numbers[0]);
	last_batch(_metadata, self->text, &batch);
	EXPECT_STREQ(event.vm, batch.vm);
	EXPECT_EQ(1, batch.numbers[1]);
	zap(_metadata, &self->guest, self->text, &event);
	EXPECT_STREQ(batch.vm, event.vm);
	EXPECT_EQ(2, event.numbers[0]);
	/* Nobody is in the guest. */
	EXPECT_EQ(0, count(self->text, " slat_kick: "));

	guest_create(_metadata, &other);
	zap(_metadata, &other, self->text, &other_event);
	EXPECT_EQ(1, other_event.numbers[0]);
	/* Until the kernel has random numbers it does not tell pointers apart. */
	if (event.vm[0] != '(')
		EXPECT_STRNE(event.vm, other_event.vm);
	guest_destroy(&other);
}

static void *run_thread(void *guest)
{
	if (cpu_count() > 1)
		pin_to(1);
	_guest_run(guest);
	return NULL;
}

TEST_F(trace, kick)
{
	struct engine_event batch, event;
	struct guest *guest = &self->guest;
	struct kvm_regs regs;
	pthread_t thread;

	guest_load(guest, code_spin);
	guest_mode(_metadata, guest, MODE_FLAT32);
	get_regs(_metadata, guest, &regs);
	regs.rbx = DATA;
	set_regs(_metadata, guest, &regs);
	trace(_metadata, "slat_batch");
	trace(_metadata, "slat_kick");
	ASSERT_EQ(0, pthread_create(&thread, NULL, run_thread, guest));
	while (guest_u32(guest, DATA) != 1)
		sched_yield();
	/* Where one CPU has both threads the guest is not there at most times. */
	for (int i = 0; i < 1000; i++) {
		ASSERT_EQ(0, _ioctl(guest->vm, SLAT_ZAP_ALL, 0));
		read_trace(_metadata, self->text);
		if (count(self->text, " slat_kick: "))
			break;
	}
	guest_u32(guest, DATA) = 2;
	pthread_join(thread, NULL);
	EXPECT_EQ(KVM_EXIT_HLT, guest->run->exit_reason);
	last_event(_metadata, self->text, " slat_kick:", " cpu=%llu epoch=%llu\n", &event);
	last_batch(_metadata, self->text, &batch);
	EXPECT_STREQ(batch.vm, event.vm);
	if (cpu_count() > 1)
		EXPECT_EQ(cpu_number(1), event.numbers[0]);
	/* It had entered before the batch that made it leave, and after the one before. */
	EXPECT_EQ(batch.numbers[0] - 1, event.numbers[1]);
}

TEST_F(trace, nothing_when_off)
{
	store(_metadata, &self->guest, DATA);
	ASSERT_EQ(0, _ioctl(self->guest.vm, SLAT_ZAP_ALL, 0));
	read_trace(_metadata, self->text);
	EXPECT_EQ(0, count(self->text, " slat_"));
}

int main(int argc, char **argv)
{
	require_guests();
	if (!on_slat())
		ksft_exit_skip("tracepoints of slat's\n");
	return test_harness_run(argc, argv);
}
