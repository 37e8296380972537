// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the vCPUs of a machine and its owner cost each other when they run at
 * the same time, in nanoseconds of wall-clock time, by KVM's interface:
 *
 *	vm_parallel DEVICE [NAME]	(of one figure)
 *
 * One line for each figure, as vm_ticks has them.  Time is read from the TSC,
 * since other clocks of an emulated machine cost more than what is measured.
 */
#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "bench.h"
#include "cpus.h"

#define STORMS		3
#define STORM_PAGES	256	/* of each vCPU */
#define SET_PAGES	64	/* which each vCPU goes on touching */
#define OTHER_SIZE	(2 * MIB)
#define SAMPLES		4096
#define PERIOD_NS	100000000UL
#define PACE_NS		50000000UL	/* what an owner does at a pace, for */
#define PACED_NS	250000000UL

/* Guest-physical addresses: of memory that vCPUs touch; of memory that they do not. */
#define ARENA		0x10000000UL
#define ARENA_STRIDE	0x1000000UL	/* of slots of their own */
#define OTHER		0x40000000UL
#define OTHER_MOVED	0x50000000UL

/* A byte of the code's slot: not 0: vCPUs end. */
#define END		0x800

enum { SLOT_ARENA = SLOT_CODE + 1, SLOT_OTHER = SLOT_ARENA + VCPUS_MAX };

/* ESI times a page at EDI is touched, which goes on by EBX. */
GUEST(guest_touch, "1: test %esi, %esi\n jz 2f\n mov %eax, (%edi)\n add %ebx, %edi\n"
		   "dec %esi\n jmp 1b\n2: hlt");

/*
 * Pages from EBX to ECX are touched in turn, which ESI counts.  ESP is the
 * longest time from one to the next.
 */
GUEST(guest_go_on, "rdtsc\n mov %eax, %ebp\n"
		   "1: mov %ebx, %edi\n"
		   "2: mov %edi, (%edi)\n inc %esi\n"
		   "rdtsc\n mov %eax, %edx\n sub %ebp, %eax\n mov %edx, %ebp\n"
		   "cmp %eax, %esp\n jae 3f\n mov %eax, %esp\n"
		   "3: add $4096, %edi\n cmp %ecx, %edi\n jb 2b\n"
		   "cmpb $0, 0x800\n je 1b\n hlt");

/* A vCPU and its thread, which is one for good: to change it costs KVM a grace period. */
struct worker {
	struct scene *scene;
	struct vcpu *vcpu;
	int cpu;
	struct kvm_regs regs;	/* before a run, and after it */
	ticks_t begin;
	ticks_t end;
	pthread_t thread;
};

/* A machine, its memory, and who runs it. */
struct scene {
	struct machine machine;
	struct worker workers[VCPUS_MAX];
	pthread_barrier_t barrier;	/* of the workers and who tells them */
	bool over;
	__u8 *arena;
	size_t arena_size;
	__u8 *other;
	bool moved;
};

static double ns_per_tick;

static __u64 wall_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* Long enough for what reading the other clock costs. */
static void calibrate(void)
{
	__u64 begin_ns = wall_ns(), end_ns;
	ticks_t begin = now();

	do {
		end_ns = wall_ns();
	} while (end_ns - begin_ns < PERIOD_NS);
	ns_per_tick = (double)(end_ns - begin_ns) / (now() - begin);
}

static ticks_t to_ns(ticks_t ticks)
{
	return ticks * ns_per_tick;
}

static void pin(int cpu)
{
	if (pin_to(cpu))
		err(EXIT_FAILURE, "CPU %d", cpu);
}

static void *work(void *arg)
{
	struct worker *worker = arg;
	struct scene *scene = worker->scene;

	pin(worker->cpu);
	for (;;) {
		pthread_barrier_wait(&scene->barrier);
		if (scene->over)
			return NULL;
		worker->regs.rip = CODE;
		worker->regs.rflags = 2;
		CALL(worker->vcpu->fd, KVM_SET_REGS, &worker->regs);
		pthread_barrier_wait(&scene->barrier);
		worker->begin = now();
		run_to_hlt(worker->vcpu);
		worker->end = now();
		CALL(worker->vcpu->fd, KVM_GET_REGS, &worker->regs);
		pthread_barrier_wait(&scene->barrier);
	}
}

/* The first CPU is the caller's as long as there are enough. */
static void scene_open(struct scene *scene, const char *device, int vcpus)
{
	*scene = (struct scene) { 0 };
	machine_open(&scene->machine, device, vcpus);
	pthread_barrier_init(&scene->barrier, NULL, vcpus + 1);
	for (int i = 0; i < vcpus; i++) {
		struct worker *worker = &scene->workers[i];

		worker->scene = scene;
		worker->vcpu = &scene->machine.vcpu[i];
		worker->cpu = (i + 1) % cpu_count();
		errno = pthread_create(&worker->thread, NULL, work, worker);
		if (errno)
			err(EXIT_FAILURE, "thread %d", i);
	}
}

static void scene_close(struct scene *scene)
{
	scene->over = true;
	pthread_barrier_wait(&scene->barrier);
	for (int i = 0; i < scene->machine.vcpus; i++)
		pthread_join(scene->workers[i].thread, NULL);
	pthread_barrier_destroy(&scene->barrier);
	machine_close(&scene->machine);
	munmap(scene->arena, scene->arena_size);
	munmap(scene->other, OTHER_SIZE);
}

/* All vCPUs begin, with the registers that they have been given. */
static void start(struct scene *scene)
{
	pthread_barrier_wait(&scene->barrier);
	pthread_barrier_wait(&scene->barrier);
}

/* All have come to HLT. */
static void finish(struct scene *scene)
{
	pthread_barrier_wait(&scene->barrier);
}

static void load(struct scene *scene, const __u8 *code, const __u8 *end)
{
	memcpy(scene->machine.code + CODE, code, end - code);
}

/* From when the first vCPU begins until the last one ends. */
static ticks_t touch_all(struct scene *scene, const __u64 *from, __u64 pages, __u64 stride)
{
	ticks_t begin = -1ULL, end = 0;

	for (int i = 0; i < scene->machine.vcpus; i++)
		scene->workers[i].regs = (struct kvm_regs) {
			.rsi = pages, .rdi = from[i], .rbx = stride,
		};
	start(scene);
	finish(scene);
	for (int i = 0; i < scene->machine.vcpus; i++) {
		if (scene->workers[i].begin < begin)
			begin = scene->workers[i].begin;
		if (scene->workers[i].end > end)
			end = scene->workers[i].end;
	}
	return end - begin;
}

/*
 * All vCPUs touch memory that is new to the guest: pages in turn of one slot,
 * or each its own slot.  @fresh: the host has to find it as well.
 */
static void storm(const char *device, int vcpus, int slots, bool fresh)
{
	size_t size = STORM_PAGES * PAGE;
	__u64 from[VCPUS_MAX];
	ticks_t ns[STORMS];
	struct scene scene;
	char params[64];

	scene_open(&scene, device, vcpus);
	load(&scene, guest_touch, guest_touch_end);
	scene.arena_size = vcpus * size;
	scene.arena = memory(scene.arena_size);
	for (int i = 0; i < vcpus; i++)
		from[i] = ARENA + i * (slots > 1 ? ARENA_STRIDE : PAGE);
	/* Storm -1 fills what is filled once. */
	for (int storm = -1; storm < STORMS; storm++) {
		for (int i = 0; i < slots; i++)
			set_slot(&scene.machine, SLOT_ARENA + i, ARENA + i * ARENA_STRIDE,
				 scene.arena + i * size, slots > 1 ? size : scene.arena_size);
		if (fresh)
			madvise(scene.arena, scene.arena_size, MADV_DONTNEED);
		touch_all(&scene, from, 0, 0);
		ns[storm < 0 ? 0 : storm] =
			to_ns(touch_all(&scene, from, STORM_PAGES,
					slots > 1 ? PAGE : vcpus * PAGE)) / (vcpus * STORM_PAGES);
		for (int i = 0; i < slots; i++)
			set_slot(&scene.machine, SLOT_ARENA + i, 0, NULL, 0);
	}
	snprintf(params, sizeof(params), "vcpus=%d,slots=%d,fresh=%d", vcpus, slots, fresh);
	report("fault_storm", params, "ns/page", ns, STORMS);
	scene_close(&scene);
}

/* What the owner does meanwhile.  Each returns what the part of it took that counts. */

static ticks_t slot_churn(struct scene *scene)
{
	ticks_t begin = now();

	set_slot(&scene->machine, SLOT_OTHER, OTHER, scene->other, OTHER_SIZE);
	set_slot(&scene->machine, SLOT_OTHER, OTHER, NULL, 0);
	return now() - begin;
}

static ticks_t slot_move(struct scene *scene)
{
	ticks_t begin;

	begin = now();
	set_slot(&scene->machine, SLOT_OTHER, scene->moved ? OTHER : OTHER_MOVED, scene->other,
		 OTHER_SIZE);
	scene->moved = !scene->moved;
	return now() - begin;
}

static ticks_t delete_used(struct scene *scene)
{
	ticks_t begin = now();

	set_slot(&scene->machine, SLOT_ARENA, ARENA, NULL, 0);
	begin = now() - begin;
	set_slot(&scene->machine, SLOT_ARENA, ARENA, scene->arena, scene->arena_size);
	return begin;
}

/* Slat has a call for it; KVM drops all translations when any slot goes. */
static ticks_t zap_all(struct scene *scene)
{
	ticks_t begin = now();

	if (!ioctl(scene->machine.vm, SLAT_ZAP_ALL, 0))
		return now() - begin;
	set_slot(&scene->machine, SLOT_OTHER, OTHER, scene->other, OTHER_SIZE);
	begin = now();
	set_slot(&scene->machine, SLOT_OTHER, OTHER, NULL, 0);
	return now() - begin;
}

static ticks_t discard(__u8 *mem, size_t size)
{
	ticks_t begin = now();

	madvise(mem, size, MADV_DONTNEED);
	return now() - begin;
}

static ticks_t madvise_used(struct scene *scene)
{
	return discard(scene->arena, scene->arena_size);
}

/* Memory of a slot, which no vCPU touches. */
static ticks_t madvise_unused(struct scene *scene)
{
	for (size_t at = 0; at < OTHER_SIZE / 8; at += PAGE)
		((volatile __u8 *)scene->other)[at] = 1;
	return discard(scene->other, OTHER_SIZE / 8);
}

static ticks_t nothing(struct scene *scene)
{
	(void)scene;
	return 0;
}

static const struct mutation {
	const char *name;
	ticks_t (*fn)(struct scene *scene);
	bool needs_other;	/* has a slot that vCPUs do not use */
} mutations[] = {
	{ "nothing", nothing, false },
	{ "slot_churn", slot_churn, false },
	{ "slot_move", slot_move, true },
	{ "madvise_used", madvise_used, false },
	{ "madvise_unused", madvise_unused, true },
	{ "zap_all", zap_all, false },
	{ "delete_used", delete_used, false },
};

/* For a while.  Returns how many of them are in @ns. */
static int mutate(struct scene *scene, const struct mutation *mutation, bool paced, ticks_t *ns)
{
	ticks_t end = now() + (paced ? PACED_NS : PERIOD_NS) / ns_per_tick;
	int samples = 0;

	while (now() < end) {
		ticks_t ticks = mutation->fn(scene);

		if (samples < SAMPLES)
			ns[samples++] = to_ns(ticks);
		if (paced)
			usleep(PACE_NS / 1000);
	}
	return samples;
}

static void report_guests(const struct scene *scene, const char *name, const char *params)
{
	ticks_t ticks = 0, worst = 0, touches = 0;
	char text[64];

	for (int i = 0; i < scene->machine.vcpus; i++) {
		const struct worker *worker = &scene->workers[i];

		ticks += worker->end - worker->begin;
		touches += worker->regs.rsi;
		if (worker->regs.rsp > worst)
			worst = worker->regs.rsp;
	}
	ticks = to_ns(ticks) / touches;
	worst = to_ns(worst);
	snprintf(text, sizeof(text), "%s_touch", name);
	report(text, params, "ns/touch", &ticks, 1);
	snprintf(text, sizeof(text), "%s_stall", name);
	report(text, params, "ns", &worst, 1);
}

/*
 * vCPUs go on touching memory while its owner does something to the machine's:
 * as often as it can, which is what the owner's figure is of; or, @paced, as
 * often on all devices, for the guests' figures.
 */
static void disturb(const char *device, const struct mutation *mutation, int vcpus, bool paced)
{
	static ticks_t ns[SAMPLES];
	size_t size = SET_PAGES * PAGE;
	struct scene scene;
	char params[64];
	int samples = 0;

	scene_open(&scene, device, vcpus);
	load(&scene, guest_go_on, guest_go_on_end);
	scene.arena_size = vcpus * size;
	scene.arena = memory(scene.arena_size);
	scene.other = memory(OTHER_SIZE);
	set_slot(&scene.machine, SLOT_ARENA, ARENA, scene.arena, scene.arena_size);
	if (mutation->needs_other)
		set_slot(&scene.machine, SLOT_OTHER, OTHER, scene.other, OTHER_SIZE);

	/* At first until all pages have been touched. */
	for (int warm = 1; warm >= 0; warm--) {
		for (int i = 0; i < vcpus; i++)
			scene.workers[i].regs = (struct kvm_regs) {
				.rbx = ARENA + i * size, .rcx = ARENA + (i + 1) * size,
			};
		__atomic_store_n(&scene.machine.code[END], warm, __ATOMIC_RELEASE);
		start(&scene);
		if (!warm)
			samples = mutate(&scene, mutation, paced, ns);
		__atomic_store_n(&scene.machine.code[END], 1, __ATOMIC_RELEASE);
		finish(&scene);
	}

	snprintf(params, sizeof(params), "vcpus=%d", vcpus);
	if (paced)
		report_guests(&scene, mutation->name, params);
	else
		report(mutation->name, params, "ns/op", ns, samples);
	scene_close(&scene);
}

static bool wanted(const char *choice, const char *name)
{
	return !choice || !strcmp(choice, name);
}

int main(int argc, char **argv)
{
	if (argc != 2 && argc != 3)
		errx(2, "usage: vm_parallel DEVICE [NAME]");
	print_cpuid();
	pin(0);
	calibrate();
	for (int vcpus = 1; vcpus <= 4 && wanted(argv[2], "fault_storm"); vcpus *= 2) {
		storm(argv[1], vcpus, 1, false);
		storm(argv[1], vcpus, 1, true);
		if (vcpus > 1)
			storm(argv[1], vcpus, vcpus, false);
	}
	for (size_t i = 0; i < ARRAY_SIZE(mutations); i++) {
		if (!wanted(argv[2], mutations[i].name))
			continue;
		for (int vcpus = 2; vcpus <= 3; vcpus++) {
			if (mutations[i].fn != nothing)
				disturb(argv[1], &mutations[i], vcpus, false);
			disturb(argv[1], &mutations[i], vcpus, true);
		}
	}
	return 0;
}
