// SPDX-License-Identifier: GPL-2.0-only
/*
 * A kernel for `slat run' that means harm to it: "SEED ROUNDS" on its command
 * line.  Each round is an access to a port or to an address where no memory is,
 * of any width, or an abuse of a virtio device: registers in any order, queues
 * that overlap each other or leave memory, descriptors that loop.
 *
 * It switches itself off, so that a status of 0 says that all of it was done.
 * Its own memory is out of reach of what it tells the devices to do, and so is
 * what would end it sooner.  Local APICs and the I/O APIC are the kernel's.
 */
#include <linux/types.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>

#define COMMAND_LINE	0x228		/* boot_params.hdr.cmd_line_ptr */

#define POWER_BASE	0x600
#define POWER_CONTROL	0x604
#define POWER_SIZE	0x10
#define POWER_OFF	0x3400
#define KEYBOARD	0x64

#define MEMORY_END	0x2000000ULL	/* 32 MiB */
#define ARENA		0x200000ULL	/* the devices' to write to */
#define RINGS		0x1000		/* rings are so near to each other */
#define IO_APIC		0xfec00000ULL
#define APICS_END	0xfffc0000ULL	/* with the pages of the CPU's own */
#define ADDRESSES_END	0xfffffff0ULL
#define DEVICES		0xd0000000ULL
#define DEVICE_SIZE	0x1000
#define NR_DEVICES	6		/* and what is behind the last */
#define RING_SIZE	16

static __u64 random_state;

static __u64 random_next(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * 0x2545f4914f6cdd1dULL;
}

static __u32 random_below(__u32 end)
{
	return (random_next() >> 32) % end;
}

static __u64 random_odd_value(void)
{
	__u64 value = random_next();

	switch (random_below(5)) {
	case 0:
		return 0;
	case 1:
		return ~0ULL;
	case 2:
		return 1ULL << (value & 63);
	case 3:
		return value & 0xfff;
	default:
		return value;
	}
}

static void out16(__u16 port, __u16 value)
{
	asm volatile("outw %0, %1" : : "a"(value), "d"(port));
}

static void access_port(__u16 port, __u32 value, __u32 kind)
{
	static __u8 buffer[64];
	void *at = buffer;
	__u64 count = 1 + random_below(8);

	switch (kind) {
	case 0:
		asm volatile("inb %1, %b0" : "+a"(value) : "d"(port));
		break;
	case 1:
		asm volatile("inw %1, %w0" : "+a"(value) : "d"(port));
		break;
	case 2:
		asm volatile("inl %1, %0" : "+a"(value) : "d"(port));
		break;
	case 3:
		asm volatile("rep insb" : "+D"(at), "+c"(count) : "d"(port) : "memory");
		break;
	case 4:
		asm volatile("outb %b0, %1" : : "a"(value), "d"(port));
		break;
	case 5:
		asm volatile("outw %w0, %1" : : "a"(value), "d"(port));
		break;
	case 6:
		asm volatile("outl %0, %1" : : "a"(value), "d"(port));
		break;
	default:
		asm volatile("rep outsb" : "+S"(at), "+c"(count) : "d"(port) : "memory");
		break;
	}
}

/* A write to one of these would be the end. */
static int is_final(__u32 port)
{
	return (port + 3 >= POWER_BASE && port < POWER_BASE + POWER_SIZE) ||
	       (port + 3 >= KEYBOARD && port <= KEYBOARD);
}

static void random_port(void)
{
	static const __u16 known[] = { 0x3f8, 0x3f9, 0x3fa, 0x3fb, 0x3fc, 0x3fd, 0x70, 0x71 };
	__u16 port = random_below(2) ? random_below(0x10000) : known[random_below(8)];

	access_port(port, random_odd_value(), is_final(port) ? random_below(4) :
							       random_below(8));
}

static void access_memory(__u64 at, __u64 value, __u32 kind)
{
	switch (kind) {
	case 0:
		asm volatile("movb (%1), %b0" : "+a"(value) : "r"(at) : "memory");
		break;
	case 1:
		asm volatile("movw (%1), %w0" : "+a"(value) : "r"(at) : "memory");
		break;
	case 2:
		asm volatile("movl (%1), %k0" : "+a"(value) : "r"(at) : "memory");
		break;
	case 3:
		asm volatile("movq (%1), %0" : "+a"(value) : "r"(at) : "memory");
		break;
	case 4:
		asm volatile("movb %b0, (%1)" : : "a"(value), "r"(at) : "memory");
		break;
	case 5:
		asm volatile("movw %w0, (%1)" : : "a"(value), "r"(at) : "memory");
		break;
	case 6:
		asm volatile("movl %k0, (%1)" : : "a"(value), "r"(at) : "memory");
		break;
	case 7:
		asm volatile("movq %0, (%1)" : : "a"(value), "r"(at) : "memory");
		break;
	case 8:
		asm volatile("lock addl %k0, (%1)" : : "a"(value), "r"(at) : "memory");
		break;
	default:
		asm volatile("xchgq %0, (%1)" : "+a"(value) : "r"(at) : "memory");
		break;
	}
}

#define ACCESSES	10

/* Beside memory; what is the kernel's is left alone. */
static void random_address(void)
{
	__u64 at;

	if (random_below(4))
		at = DEVICES - 8 + random_below(NR_DEVICES * DEVICE_SIZE);
	else
		at = MEMORY_END + random_next() % (ADDRESSES_END - MEMORY_END);
	if (at > IO_APIC - 8 && at < APICS_END)
		at = DEVICES;
	access_memory(at, random_odd_value(), random_below(ACCESSES));
}

static void write_register(__u32 nr, __u32 reg, __u32 value)
{
	*(volatile __u32 *)(DEVICES + nr * DEVICE_SIZE + reg) = value;
}

static __u32 read_register(__u32 nr, __u32 reg)
{
	return *(volatile __u32 *)(DEVICES + nr * DEVICE_SIZE + reg);
}

/* An address for a device: what it may write to, what is only half memory, or none. */
static __u64 random_place(__u32 *len)
{
	__u64 at;

	switch (random_below(8)) {
	case 0:
		at = MEMORY_END - random_below(0x2000);
		break;
	case 1:
		*len = random_odd_value();
		at = MEMORY_END + random_below(0x10000);
		break;
	case 2:
		at = ~0ULL - random_below(0x2000);
		break;
	case 3:
		/* From the arena beyond all of memory. */
		*len = 0xfff00000 | random_next();
		return ARENA + random_below(RINGS);
	default:
		*len = random_below(4) ? random_below(0x200) : random_below(0x100000);
		return ARENA + random_below(RINGS * 4);
	}
	*len = random_below(0x4000);
	return at;
}

static __u64 random_ring(void)
{
	__u32 len;

	if (!random_below(8))
		return random_place(&len);
	return ARENA + random_below(4 * RINGS) / 16 * 16;
}

static void set_address(__u32 nr, __u32 low, __u64 at)
{
	write_register(nr, low, at);
	write_register(nr, low + 4, at >> 32);
}

/* As a driver would, up to FEATURES_OK. */
static void begin_device(__u32 nr, __u64 features)
{
	write_register(nr, VIRTIO_MMIO_STATUS, 0);
	write_register(nr, VIRTIO_MMIO_STATUS,
		       VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	for (__u32 i = 0; i < 2; i++) {
		write_register(nr, VIRTIO_MMIO_DRIVER_FEATURES_SEL, i);
		write_register(nr, VIRTIO_MMIO_DRIVER_FEATURES, features >> 32 * i);
	}
	write_register(nr, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_FEATURES_OK);
}

static void set_queue(__u32 nr, __u32 queue, __u32 size, __u64 desc, __u64 avail, __u64 used)
{
	write_register(nr, VIRTIO_MMIO_QUEUE_SEL, queue);
	write_register(nr, VIRTIO_MMIO_QUEUE_NUM, size);
	set_address(nr, VIRTIO_MMIO_QUEUE_DESC_LOW, desc);
	set_address(nr, VIRTIO_MMIO_QUEUE_AVAIL_LOW, avail);
	set_address(nr, VIRTIO_MMIO_QUEUE_USED_LOW, used);
	write_register(nr, VIRTIO_MMIO_QUEUE_READY, 1);
}

static void fill_rings(void)
{
	struct vring_desc *desc = (struct vring_desc *)ARENA;
	struct vring_avail *avail = (struct vring_avail *)(ARENA + RINGS);

	for (__u32 i = 0; i < RING_SIZE; i++) {
		__u32 len, next = random_below(4) ? i + 1 : random_below(RING_SIZE + 2);
		__u64 at = random_place(&len);

		desc[i] = (struct vring_desc) {
			.addr = at, .len = random_below(3) ? len : 16,
			.flags = random_below(8) ? random_below(4) : random_next(),
			.next = next,
		};
		avail->ring[i] = random_below(8) ? random_below(RING_SIZE) : random_next();
	}
	for (__u32 i = 0; i < 16; i++)
		((__u32 *)(ARENA + RINGS * 3))[i] = random_below(12);
	__atomic_store_n(&avail->idx, random_below(8) ? RING_SIZE : random_next(),
			 __ATOMIC_RELEASE);
}

/* A few moments for the device, each of them an exit. */
static void wait_for_device(__u32 nr)
{
	const struct vring_used *used = (const struct vring_used *)(ARENA + 2 * RINGS);

	for (int i = 0; i < 20 && !__atomic_load_n(&used->idx, __ATOMIC_ACQUIRE); i++)
		if (read_register(nr, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET)
			return;
}

/* A device with rings that are well, or are not. */
static void random_device(void)
{
	struct vring_used *answer = (struct vring_used *)(ARENA + 2 * RINGS);
	__u32 nr = random_below(NR_DEVICES), queue = random_below(4) ? 0 : random_below(3);
	__u64 desc = random_below(4) ? ARENA : random_ring();
	__u64 avail = random_below(4) ? ARENA + RINGS : random_ring();
	__u64 used = random_below(4) ? ARENA + 2 * RINGS : random_ring();

	begin_device(nr, 1ULL << VIRTIO_F_VERSION_1 | (__u64)random_below(2) << 29);
	set_queue(nr, queue, random_below(4) ? RING_SIZE : random_odd_value(), desc, avail, used);
	fill_rings();
	__atomic_store_n(&answer->idx, 0, __ATOMIC_RELEASE);
	if (read_register(nr, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET)
		return;
	write_register(nr, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_DRIVER_OK);
	for (__u32 i = random_below(4); i > 0; i--) {
		write_register(nr, VIRTIO_MMIO_QUEUE_NOTIFY, queue);
		/* The rings change under its hands. */
		if (random_below(2))
			fill_rings();
		if (!random_below(4))
			random_address();
		if (random_below(2))
			wait_for_device(nr);
	}
}

static void round(void)
{
	switch (random_below(8)) {
	case 0 ... 2:
		random_port();
		break;
	case 3 ... 6:
		random_address();
		break;
	default:
		random_device();
		break;
	}
}

/* Whether the first disk does what it is asked for, and refuses a chain that is a loop. */
static int disk_works(int loop)
{
	struct vring_desc *desc = (struct vring_desc *)ARENA;
	struct vring_avail *avail = (struct vring_avail *)(ARENA + RINGS);
	struct vring_used *used = (struct vring_used *)(ARENA + 2 * RINGS);
	volatile __u8 *status = (__u8 *)(ARENA + 4 * RINGS);
	struct virtio_blk_outhdr *head = (struct virtio_blk_outhdr *)(ARENA + 5 * RINGS);
	__u32 nr = 0, refused;

	while (nr < NR_DEVICES && read_register(nr, VIRTIO_MMIO_DEVICE_ID) != VIRTIO_ID_BLOCK)
		nr++;
	if (nr == NR_DEVICES)
		return 0;
	begin_device(nr, 1ULL << VIRTIO_F_VERSION_1);
	avail->idx = 0;
	avail->flags = 0;
	used->idx = 0;
	*status = 0xff;
	*head = (struct virtio_blk_outhdr) { .type = VIRTIO_BLK_T_FLUSH };
	desc[0] = (struct vring_desc) { (__u64)head, sizeof(*head), VRING_DESC_F_NEXT, !loop };
	desc[1] = (struct vring_desc) { (__u64)status, 1, VRING_DESC_F_WRITE, 0 };
	avail->ring[0] = 0;
	set_queue(nr, 0, RING_SIZE, ARENA, ARENA + RINGS, ARENA + 2 * RINGS);
	write_register(nr, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_DRIVER_OK);
	__atomic_store_n(&avail->idx, 1, __ATOMIC_RELEASE);
	write_register(nr, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	/* Each look is an exit: it has the time of all of them. */
	for (int i = 0; i < 10000 && !__atomic_load_n(&used->idx, __ATOMIC_ACQUIRE); i++) {
		refused = read_register(nr, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET;
		if (refused)
			return loop;
	}
	return !loop && *status == VIRTIO_BLK_S_OK;
}

static __u64 number(const char **text)
{
	__u64 value = 0;

	while (**text && (**text < '0' || **text > '9'))
		++*text;
	while (**text >= '0' && **text <= '9')
		value = value * 10 + *(*text)++ - '0';
	return value;
}

void hammer(const char *params);

/* From _start, with boot_params: SEED and ROUNDS are the last numbers of the command line. */
void hammer(const char *params)
{
	const char *text = (const char *)(__u64)*(const __u32 *)(params + COMMAND_LINE);
	__u64 seed = 0, rounds = 0, next;

	while (*text) {
		next = number(&text);
		if (!next)
			break;
		seed = rounds;
		rounds = next;
	}
	random_state = seed * 0x9e3779b97f4a7c15ULL | 1;
	while (rounds--)
		round();
	if (disk_works(1) && disk_works(0))
		out16(POWER_CONTROL, POWER_OFF);
	/* No guest that goes on: a triple fault. */
	asm volatile("ud2");
}

asm(".globl _start\n"
	"_start:\n"
	"lea hammer_stack_end(%rip), %rsp\n"
	"mov %rsi, %rdi\n"
	"call hammer\n"
	".bss\n"
	".balign 16\n"
	".skip 16384\n"
	"hammer_stack_end:\n"
	".text\n");
