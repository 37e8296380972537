// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include <linux/smp.h>
#include <linux/spinlock.h>

#include "machine.h"
#include "weak.h"

#define STACK		(64 * 1024)
#define LINES		(1 << 17)	/* that CPUs share, at most */
#define LINE_SHIFT	6
#define WORDS		(MACHINE_CPUS / 64)
#define LONGEST		(60ULL * 1000 * 1000 * 1000)	/* then nobody will end any more */

/*
 * line_near: 40 to 42 ns between the L2 caches of a Xeon E5 v4's cores (J. McCalpin, Intel
 *	developer zone, "Core-to-Core Communication Latency in Skylake/Kaby Lake"); line_far:
 *	100 to 150 ns between sockets (chipsandcheese.com, "Core to Core Latency Data on Large
 *	Systems").  line_busy is an estimate: a slice of a last-level cache serves a reader in
 *	a few of its cycles.
 * relax: 140 cycles since Skylake (Intel's optimization manual, "Pause latency").
 * ipi_*: 1 to 3 us there and back on a machine of two sockets, up to 6.6 us on one of eight
 *	(M. Kumar et al., "LATR: Lazy Translation Coherence", ASPLOS 2018).
 * vm_entry, vm_exit: 1344 to 1376 cycles from before VMRUN until after it (linux-kernel,
 *	December 2020, "KVM: SVM: use vmsave/vmload for saving/restoring additional host
 *	state").
 * invept, lookup, hit, atomic: estimates.
 */
struct machine_costs machine_costs = {
	.hit = 1,
	.atomic = 6,
	.line_near = 42,
	.line_far = 130,
	.line_busy = 4,
	.relax = 45,
	.ipi_send = 150,
	.ipi_near = 700,
	.ipi_far = 1300,
	.ipi_handler = 300,
	.vm_entry = 250,
	.vm_exit = 250,
	.invept = 400,
	.lookup = 400,
};

struct machine_counts machine_counts;
void (*machine_handler)(int cpu);

/**
 * struct cpu - a CPU, and the coroutine that it runs
 * @clock: its time
 * @at: its place in the heap; 0: it runs, or has ended
 * @key: until when it waits while it is there
 * @interrupt: when an interrupt comes, or has come and waits; MACHINE_NEVER: none does
 * @masked: interrupts are off
 * @guest: it is in the guest
 * @granted: it has the lock that it waits for
 * @write: for writing
 * @next: who came after it, + 1
 * @waited: time it has lost to others: in queues for locks and for lines
 * @rmw: an atomic change of this is under way
 * @locks: unit_locks while it does not run
 * @machine_locks: locks of any kind that it has
 */
static struct cpu {
	uint64_t clock;
	int at;
	uint64_t key;
	uint64_t interrupt;
	bool masked;
	bool guest;
	bool granted;
	bool write;
	int next;
	uint64_t waited;
	const volatile void *rmw;
	int locks;
	int machine_locks;
	void (*run)(int cpu);
	bool started;
	jmp_buf state;
	ucontext_t context;
	char *stack;
} cpus[MACHINE_CPUS];

static int cpu_count, socket_count;
static struct cpu *self;	/* NULL: no machine runs */
static ucontext_t home;

/* CPUs that wait, by time; [0] is unused. */
static struct cpu *heap[MACHINE_CPUS + 1];
static int heap_size;

/* Who has a line: @owner wrote it last, @has may read it. */
static struct line {
	uintptr_t name;
	int owner;
	uint64_t has[WORDS];
	uint64_t busy;
} lines[LINES];

static bool before(const struct cpu *a, const struct cpu *b)
{
	return a->key < b->key || (a->key == b->key && a < b);
}

static void put_at(int at, struct cpu *cpu)
{
	heap[at] = cpu;
	cpu->at = at;
}

static void heap_up(struct cpu *cpu)
{
	int at = cpu->at;

	for (; at > 1 && before(cpu, heap[at / 2]); at /= 2)
		put_at(at, heap[at / 2]);
	put_at(at, cpu);
}

static void heap_down(struct cpu *cpu)
{
	int at = cpu->at, child;

	for (; (child = 2 * at) <= heap_size; at = child) {
		if (child < heap_size && before(heap[child + 1], heap[child]))
			child++;
		if (!before(heap[child], cpu))
			break;
		put_at(at, heap[child]);
	}
	put_at(at, cpu);
}

static void heap_add(struct cpu *cpu, uint64_t key)
{
	cpu->key = key;
	cpu->at = ++heap_size;
	heap_up(cpu);
}

static struct cpu *heap_take(void)
{
	struct cpu *cpu = heap[1], *last = heap[heap_size--];

	cpu->at = 0;
	if (heap_size) {
		last->at = 1;
		heap_down(last);
	}
	return cpu;
}

static void hasten(struct cpu *cpu, uint64_t key)
{
	if (cpu->at && key < cpu->key) {
		cpu->key = key;
		heap_up(cpu);
	}
}

/* Goes on with whoever is first; @key: when this CPU may go on. */
static void pass_on(void)
{
	struct cpu *old = self;

	old->locks = unit_locks;
	if (!heap_size || heap[1]->key == MACHINE_NEVER || heap[1]->key > LONGEST) {
		fprintf(stderr, "model: everybody waits\n");
		abort();
	}
	self = heap_take();
	if (self->clock < self->key)
		self->clock = self->key;
	if (self == old)
		return;
	unit_cpu = self - cpus;
	unit_locks = self->locks;
	if (_setjmp(old->state))
		return;
	if (self->started)
		_longjmp(self->state, 1);
	self->started = true;
	setcontext(&self->context);
}

static void wait_until(uint64_t key)
{
	heap_add(self, key);
	pass_on();
}

static void take_interrupt(void)
{
	if (self->masked || self->interrupt > self->clock)
		return;
	self->interrupt = MACHINE_NEVER;
	self->masked = true;
	self->clock += machine_costs.ipi_handler;
	if (machine_handler)
		machine_handler(self - cpus);
	self->masked = false;
}

/* Others go first whose time has come. */
static void let_others(void)
{
	if (heap_size && heap[1]->key < self->clock)
		wait_until(self->clock);
	take_interrupt();
}

static void cpu_main(void)
{
	struct cpu *cpu = self;

	cpu->run(cpu - cpus);
	/* The last one goes home. */
	if (!heap_size)
		setcontext(&home);
	pass_on();
}

/**
 * machine_begin() - a machine whose CPUs have nothing to do
 * @count: how many they are
 * @sockets: among how many sockets they are divided
 */
void machine_begin(int count, int sockets)
{
	if (count > MACHINE_CPUS || sockets < 1)
		abort();
	cpu_count = count;
	socket_count = sockets;
	heap_size = 0;
	machine_counts = (struct machine_counts) { 0 };
	machine_handler = NULL;
	memset(lines, 0, sizeof(lines));
	for (int i = 0; i < MACHINE_CPUS; i++) {
		free(cpus[i].stack);
		cpus[i] = (struct cpu) { .interrupt = MACHINE_NEVER };
	}
}

/** machine_start() - give a CPU something to do, from machine_run() on */
void machine_start(int index, void (*run)(int cpu))
{
	struct cpu *cpu = &cpus[index];

	cpu->run = run;
	cpu->stack = malloc(STACK);
	if (!cpu->stack || index >= cpu_count)
		abort();
	getcontext(&cpu->context);
	cpu->context.uc_stack.ss_sp = cpu->stack;
	cpu->context.uc_stack.ss_size = STACK;
	makecontext(&cpu->context, cpu_main, 0);
	heap_add(cpu, 0);
}

/** machine_run() - return when all have done it */
void machine_run(void)
{
	static volatile bool running;

	running = true;
	getcontext(&home);
	if (!running) {
		self = NULL;
		unit_cpu = 0;
		unit_locks = 0;
		return;
	}
	running = false;
	self = heap_take();
	self->started = true;
	unit_cpu = self - cpus;
	setcontext(&self->context);
}

/** machine_now() - this CPU's time */
uint64_t machine_now(void)
{
	return self ? self->clock : 0;
}

/** machine_waited() - how long this CPU has waited for others */
uint64_t machine_waited(void)
{
	return self->waited;
}

/** machine_spend() - work of the CPU's own */
void machine_spend(uint64_t ns)
{
	if (!self)
		return;
	self->clock += ns;
	let_others();
}

/** machine_interrupts() - turn them on, when one that waits comes, or off */
void machine_interrupts(bool on)
{
	self->masked = !on;
	take_interrupt();
}

/**
 * machine_guest() - be in the guest, interrupts off, which end it
 * @ns: for so long
 *
 * Return: whether it has been so long; the interrupt comes when they are on.
 */
bool machine_guest(uint64_t ns)
{
	uint64_t end;

	self->clock += machine_costs.vm_entry;
	end = self->clock + ns;
	self->guest = true;
	wait_until(self->interrupt < end ? self->interrupt : end);
	self->guest = false;
	return self->clock >= end;
}

static int socket_of(int cpu)
{
	return cpu * socket_count / cpu_count;
}

/**
 * machine_ipi() - interrupt a CPU
 * @index: its number
 * @with_earlier: the write that sent the last one has sent this as well
 */
void machine_ipi(int index, bool with_earlier)
{
	struct cpu *cpu = &cpus[index];
	uint64_t when;
	bool near;

	machine_counts.ipis++;
	if (!self)
		return;
	near = socket_of(index) == socket_of(self - cpus);
	if (self->machine_locks)
		machine_counts.ipis_under_lock++;
	if (!with_earlier)
		machine_spend(machine_costs.ipi_send);
	if (!cpu->guest)
		machine_counts.ipis_outside++;
	when = self->clock + (near ? machine_costs.ipi_near : machine_costs.ipi_far);
	if (when < cpu->interrupt)
		cpu->interrupt = when;
	/* Who waits for a lock with interrupts on takes it meanwhile. */
	if (cpu->guest || !cpu->masked)
		hasten(cpu, when > cpu->clock ? when : cpu->clock);
}

static struct line *line_of(const volatile void *where)
{
	uintptr_t name = (uintptr_t)where >> LINE_SHIFT;
	unsigned int at = name * 0x9e3779b97f4a7c15ULL >> 40;

	for (int i = 0; i < LINES; i++, at++) {
		struct line *line = &lines[at % LINES];

		if (line->name == name)
			return line;
		if (!line->name) {
			line->name = name;
			line->owner = -1;
			return line;
		}
	}
	abort();
}

static uint64_t distance(int one, int other)
{
	return other >= 0 && socket_of(one) != socket_of(other) ?
	       machine_costs.line_far : machine_costs.line_near;
}

/* Its turn with a line that others want as well. */
static void line_queue(struct line *line)
{
	if (line->busy > self->clock) {
		self->waited += line->busy - self->clock;
		self->clock = line->busy;
	}
}

static void line_read(const volatile void *where)
{
	struct line *line = line_of(where);
	int cpu = self - cpus;

	if (line->has[cpu / 64] >> cpu % 64 & 1) {
		self->clock += machine_costs.hit;
		return;
	}
	line_queue(line);
	line->busy = self->clock + machine_costs.line_busy;
	self->clock += distance(cpu, line->owner);
	line->has[cpu / 64] |= 1ULL << cpu % 64;
}

static void line_write(const volatile void *where, bool atomic)
{
	struct line *line = line_of(where);
	uint64_t mine[WORDS] = { 0 };
	int cpu = self - cpus;

	mine[cpu / 64] = 1ULL << cpu % 64;
	if (!memcmp(line->has, mine, sizeof(mine))) {
		self->clock += atomic ? machine_costs.atomic : machine_costs.hit;
		return;
	}
	line_queue(line);
	self->clock += distance(cpu, line->owner);
	line->busy = self->clock;
	line->owner = cpu;
	memcpy(line->has, mine, sizeof(mine));
}

static uint64_t memory(const volatile void *where, size_t size)
{
	uint64_t value = 0;

	memcpy(&value, (const void *)where, size);
	return value;
}

/* What unit/weak.h declares.  One access is one step; so is an atomic change. */
uint64_t unit_weak_load(const volatile void *where, size_t size, bool acquire)
{
	if (self) {
		self->rmw = NULL;
		let_others();
		line_read(where);
		/* What it sees is there when the line is. */
		let_others();
	}
	return memory(where, size);
}

uint64_t unit_weak_latest(const volatile void *where, size_t size)
{
	if (self) {
		line_write(where, true);
		self->rmw = where;
	}
	return memory(where, size);
}

void unit_weak_store(volatile void *where, size_t size, uint64_t value, bool release)
{
	if (self && self->rmw != where) {
		let_others();
		line_write(where, false);
	}
	if (self)
		self->rmw = NULL;
	memcpy((void *)where, &value, size);
}

void unit_weak_or(unsigned long *where, unsigned long bits)
{
	unit_weak_mb();
	unit_weak_latest(where, sizeof(*where));
	unit_weak_store(where, sizeof(*where), *where | bits, false);
}

/* Eight bytes a store, and lines that nobody else has. */
void unit_weak_clear(void *where, size_t size)
{
	memset(where, 0, size);
	machine_spend(size / sizeof(uint64_t) * machine_costs.hit);
}

void unit_weak_mb(void)
{
	if (self) {
		self->rmw = NULL;
		let_others();
	}
}

/* Of who spins. */
void unit_weak_yield(void)
{
	machine_spend(machine_costs.relax);
}

static bool lock_free_for(const struct machine_lock *lock, bool write)
{
	return !lock->writer && !(write && lock->readers);
}

static void lock_give(struct machine_lock *lock, struct cpu *cpu, bool write, uint64_t now)
{
	if (write) {
		lock->writer = true;
		lock->taken = now;
	} else {
		lock->readers++;
	}
	cpu->machine_locks++;
}

static void lock_wait(struct machine_lock *lock, bool write)
{
	uint64_t begin = self->clock;

	self->granted = false;
	self->write = write;
	self->next = 0;
	if (lock->first)
		cpus[lock->last - 1].next = self - cpus + 1;
	else
		lock->first = self - cpus + 1;
	lock->last = self - cpus + 1;
	while (!self->granted) {
		wait_until(self->masked ? MACHINE_NEVER : self->interrupt);
		take_interrupt();
	}
	self->waited += self->clock - begin;
}

/**
 * machine_lock() - take a lock, after all who have come before
 * @lock: the lock
 * @write: nobody else has it then
 */
void machine_lock(struct machine_lock *lock, bool write)
{
	if (!self)
		return;
	unit_weak_mb();
	line_write(lock, true);
	if (!lock->first && lock_free_for(lock, write))
		lock_give(lock, self, write, self->clock);
	else
		lock_wait(lock, write);
}

/** machine_unlock() - give it to who is next */
void machine_unlock(struct machine_lock *lock, bool write)
{
	if (!self)
		return;
	unit_weak_mb();
	line_write(lock, true);
	self->machine_locks--;
	if (write)
		lock->writer = false;
	else
		lock->readers--;
	while (lock->first && lock_free_for(lock, cpus[lock->first - 1].write)) {
		struct cpu *cpu = &cpus[lock->first - 1];
		uint64_t when = self->clock + distance(cpu - cpus, self - cpus);

		lock->first = cpu->next;
		lock_give(lock, cpu, cpu->write, when);
		cpu->granted = true;
		hasten(cpu, when > cpu->clock ? when : cpu->clock);
	}
}
