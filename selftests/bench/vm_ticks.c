// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a VM costs its host, in ticks of the TSC, by KVM's interface:
 *
 *	vm_ticks DEVICE
 *
 * One line for each figure: name, parameters, unit, least and median.  All
 * devices get the same calls, guests and CPUID, which it prints first.
 */
#include "bench.h"

#define ROUNDS		7
#define EXITS		4096

static const __u64 slot_at[] = { 0, 0x10000000, 0x20000000, 0x30000000 };

enum { SLOT_ONE = SLOT_CODE + 1, SLOT_OTHER, SLOT_SMALL };

/* ESI counts; EDI is the address, which goes on by EBX. */
GUEST(guest_cpuid, "1: test %esi, %esi\n jz 2f\n xor %eax, %eax\n push %ebx\n cpuid\n pop %ebx\n"
		   "dec %esi\n jmp 1b\n2: hlt");
GUEST(guest_pio, "1: test %esi, %esi\n jz 2f\n out %al, $0x10\n dec %esi\n jmp 1b\n2: hlt");
GUEST(guest_store, "1: test %esi, %esi\n jz 2f\n mov %eax, (%edi)\n add %ebx, %edi\n"
		   "dec %esi\n jmp 1b\n2: hlt");

static void place(struct machine *machine, int slot, void *mem, size_t size)
{
	set_slot(machine, slot, slot_at[slot], mem, size);
}

/* Ticks of KVM_RUN until HLT. */
static ticks_t run(struct machine *machine, const __u8 *code, const __u8 *end,
		   __u32 count, __u64 address, __u32 stride)
{
	struct kvm_regs regs = {
		.rip = CODE, .rsp = CODE - 16, .rflags = 2,
		.rsi = count, .rdi = address, .rbx = stride,
	};
	ticks_t begin;

	memcpy(machine->code + CODE, code, end - code);
	CALL(machine->vcpu[0].fd, KVM_SET_REGS, &regs);
	begin = now();
	run_to_hlt(&machine->vcpu[0]);
	return now() - begin;
}

#define RUN(machine, guest, count, address, stride)	\
	run(machine, guest, guest##_end, count, address, stride)

static ticks_t touch(struct machine *machine, int slot, size_t size)
{
	return RUN(machine, guest_store, size / PAGE, slot_at[slot], PAGE);
}

static ticks_t per(ticks_t all, ticks_t base, size_t count)
{
	return all > base ? (all - base) / count : 0;
}

static void exits(const char *device)
{
	ticks_t cpuid[ROUNDS], pio[ROUNDS], mmio[ROUNDS];
	struct machine machine;

	machine_open(&machine, device, 1);
	/* Round -1 fills what is filled once. */
	for (int i = -1; i < ROUNDS; i++) {
		int at = i < 0 ? 0 : i;

		cpuid[at] = per(RUN(&machine, guest_cpuid, EXITS, 0, 0),
				RUN(&machine, guest_cpuid, 0, 0, 0), EXITS);
		pio[at] = per(RUN(&machine, guest_pio, EXITS, 0, 0),
			      RUN(&machine, guest_pio, 0, 0, 0), EXITS);
		mmio[at] = per(RUN(&machine, guest_store, EXITS, DEVICE, 0),
			       RUN(&machine, guest_store, 0, DEVICE, 0), EXITS);
	}
	report("cpuid_exit", "-", "ticks/exit", cpuid, ROUNDS);
	report("pio_exit", "-", "ticks/exit", pio, ROUNDS);
	report("mmio_exit", "-", "ticks/exit", mmio, ROUNDS);
	machine_close(&machine);
}

/* Slat has a call for it; KVM drops all translations when any slot goes. */
static ticks_t zap_all(struct machine *machine, void *small)
{
	ticks_t begin;

	begin = now();
	if (!ioctl(machine->vm, SLAT_ZAP_ALL, 0))
		return now() - begin;
	place(machine, SLOT_SMALL, small, PAGE);
	begin = now();
	place(machine, SLOT_SMALL, small, 0);
	return now() - begin;
}

/* Two slots of this size, all of whose pages the guest has touched. */
static void slots(const char *device, size_t mib, int rounds)
{
	ticks_t add[ROUNDS], fault[ROUNDS], delete[ROUNDS], refault[ROUNDS], zap[ROUNDS];
	ticks_t begin, close, warm;
	size_t size = mib * MIB, pages = size / PAGE;
	void *one = memory(size), *other = memory(size), *small = memory(PAGE);
	struct machine machine;
	char params[32];

	snprintf(params, sizeof(params), "mib=%zu", mib);
	machine_open(&machine, device, 1);
	place(&machine, SLOT_OTHER, other, size);
	touch(&machine, SLOT_OTHER, size);
	for (int i = -1; i < rounds; i++) {
		int at = i < 0 ? 0 : i;

		begin = now();
		place(&machine, SLOT_ONE, one, size);
		add[at] = now() - begin;

		fault[at] = touch(&machine, SLOT_ONE, size);
		warm = touch(&machine, SLOT_ONE, size);
		fault[at] = per(fault[at], warm, pages);

		touch(&machine, SLOT_OTHER, size);
		begin = now();
		place(&machine, SLOT_ONE, one, 0);
		delete[at] = now() - begin;
		refault[at] = per(touch(&machine, SLOT_OTHER, size), warm, pages);

		zap[at] = zap_all(&machine, small);
		touch(&machine, SLOT_OTHER, size);
	}
	report("slot_add", params, "ticks", add, rounds);
	report("fault_4k", params, "ticks/page", fault, rounds);
	report("slot_delete", params, "ticks", delete, rounds);
	report("other_slot_refaults", params, "ticks/page", refault, rounds);
	report("zap_all", params, "ticks", zap, rounds);

	place(&machine, SLOT_ONE, one, size);
	touch(&machine, SLOT_ONE, size);
	close = machine_close(&machine);
	report("vm_close", params, "ticks", &close, 1);
	munmap(one, size);
	munmap(other, size);
	munmap(small, PAGE);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		errx(2, "usage: vm_ticks DEVICE");
	print_cpuid();
	exits(argv[1]);
	slots(argv[1], 32, ROUNDS);
	slots(argv[1], 128, 3);
	return 0;
}
