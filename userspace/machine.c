// SPDX-License-Identifier: GPL-2.0-only
/*
 * Making a virtual machine by KVM's ioctls.
 *
 * Interrupt controllers and timer are the module's.  A virtio device's
 * notifications and interrupt go by eventfds between its thread and the module
 * and pass no vCPU thread.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/kvm.h>

#include "acpi.h"
#include "device.h"
#include "machine.h"
#include "terminal.h"
#include "vcpu.h"

#define DEVICES_BASE	0xd0000000U
#define TSS_ADDRESS	0xfffbd000ULL	/* three pages, for CPUs without real mode */
#define IDENTITY_MAP	0xfffbc000ULL

#define OLD_MODULE	"the module cannot do what slat run needs: install that of the " \
			"same release, or use another: --device /dev/kvm"

/* Without these no guest of slat run can be run. */
static const struct {
	int cap;
	const char *name;
} needed[] = {
	{ KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY" },
	{ KVM_CAP_SET_TSS_ADDR, "KVM_CAP_SET_TSS_ADDR" },
	{ KVM_CAP_SET_IDENTITY_MAP_ADDR, "KVM_CAP_SET_IDENTITY_MAP_ADDR" },
	{ KVM_CAP_EXT_CPUID, "KVM_CAP_EXT_CPUID" },
	{ KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT" },
	{ KVM_CAP_IRQCHIP, "KVM_CAP_IRQCHIP" },
	{ KVM_CAP_PIT2, "KVM_CAP_PIT2" },
	{ KVM_CAP_IRQFD, "KVM_CAP_IRQFD" },
	{ KVM_CAP_IOEVENTFD, "KVM_CAP_IOEVENTFD" },
};

/* Those that no ISA device has; the I/O APIC's own pins first. */
static const __u32 gsis[MACHINE_DEVICES_MAX] = {
	16, 17, 18, 19, 20, 21, 22, 23, 5, 6, 7, 10, 11, 12, 14, 15,
};

static enum slat_exit complain(const struct machine *machine, const char *what)
{
	return slat_device_error(machine->path, what, errno);
}

static __u32 device_base(unsigned int nr)
{
	return DEVICES_BASE + nr * VIRTIO_REGISTERS;
}

static void set_serial_line(void *owner, bool level)
{
	const struct machine *machine = owner;
	struct kvm_irq_level line = { .irq = UART_IRQ, .level = level };

	ioctl(machine->fd, KVM_IRQ_LINE, &line);
}

static void send_serial_byte(void *owner, __u8 byte)
{
	(void)owner;
	slat_terminal_write(&byte, sizeof(byte));
}

static unsigned int fetch_serial_bytes(void *owner, __u8 *data, unsigned int room)
{
	const struct machine *machine = owner;
	ssize_t bytes = read(machine->input, data, room);

	return bytes > 0 ? bytes : 0;
}

static time_t now(void)
{
	return time(NULL);
}

static void power_request(void *owner, enum power_request what)
{
	slat_machine_end(owner, what == POWER_OFF ? END_POWER_OFF : END_RESTART);
}

static enum slat_exit open_device(struct machine *machine, unsigned int cpus)
{
	enum slat_exit status = slat_device_open(machine->path, &machine->device);
	int version, max;

	if (status)
		return status;
	version = ioctl(machine->device, KVM_GET_API_VERSION, 0);
	if (version != KVM_API_VERSION) {
		if (version >= 0)
			errno = EINVAL;
		return complain(machine, "KVM_GET_API_VERSION");
	}
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
		if (ioctl(machine->device, KVM_CHECK_EXTENSION, needed[i].cap) > 0)
			continue;
		fprintf(stderr, "%s: no %s - " OLD_MODULE "\n", machine->path, needed[i].name);
		return SLAT_EXIT_ABI;
	}
	max = ioctl(machine->device, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);
	if (max > ACPI_CPUS_MAX || max <= 0)
		max = ACPI_CPUS_MAX;
	if (cpus > (unsigned int)max) {
		fprintf(stderr, "slat run: --cpus %u: too many - at most %d\n", cpus, max);
		return SLAT_EXIT_USAGE;
	}
	machine->run_size = ioctl(machine->device, KVM_GET_VCPU_MMAP_SIZE, 0);
	return machine->run_size > 0 ? SLAT_EXIT_OK : complain(machine, "KVM_GET_VCPU_MMAP_SIZE");
}

static enum slat_exit create_vm(struct machine *machine)
{
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };
	__u64 identity = IDENTITY_MAP;

	machine->fd = ioctl(machine->device, KVM_CREATE_VM, 0);
	if (machine->fd < 0)
		return complain(machine, "KVM_CREATE_VM");
	if (ioctl(machine->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity))
		return complain(machine, "KVM_SET_IDENTITY_MAP_ADDR");
	if (ioctl(machine->fd, KVM_SET_TSS_ADDR, TSS_ADDRESS))
		return complain(machine, "KVM_SET_TSS_ADDR");
	if (ioctl(machine->fd, KVM_CREATE_IRQCHIP, 0))
		return complain(machine, "KVM_CREATE_IRQCHIP");
	if (ioctl(machine->fd, KVM_CREATE_PIT2, &pit))
		return complain(machine, "KVM_CREATE_PIT2");
	return SLAT_EXIT_OK;
}

static enum slat_exit set_slot(struct machine *machine, __u32 nr, __u64 gpa, __u64 offset,
			       __u64 size)
{
	struct kvm_userspace_memory_region slot = {
		.slot = nr,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)machine->memory.host + offset,
	};

	if (size && ioctl(machine->fd, KVM_SET_USER_MEMORY_REGION, &slot))
		return complain(machine, "KVM_SET_USER_MEMORY_REGION");
	return SLAT_EXIT_OK;
}

static enum slat_exit create_memory(struct machine *machine, __u64 size)
{
	enum slat_exit status;
	__u64 low;
	int error;

	error = slat_memory_create(&machine->memory, size);
	if (error) {
		fprintf(stderr, "slat run: --memory: %s - give the guest less\n",
			strerror(-error));
		return SLAT_EXIT_FAILURE;
	}
	low = slat_memory_low(&machine->memory);
	status = set_slot(machine, 0, 0, 0, low);
	return status ? status : set_slot(machine, 1, RAM_HIGH, low, size - low);
}

static enum slat_exit create_devices(struct machine *machine)
{
	machine->uart.owner = machine;
	machine->uart.transmit = send_serial_byte;
	machine->uart.fetch = fetch_serial_bytes;
	machine->uart.interrupt = set_serial_line;
	slat_uart_init(&machine->uart);
	machine->power.owner = machine;
	machine->power.request = power_request;
	machine->rtc.now = now;
	if (slat_uart_add(&machine->uart, &machine->ports) ||
	    slat_rtc_add(&machine->rtc, &machine->ports) ||
	    slat_power_add(&machine->power, &machine->ports)) {
		fputs("slat run: two devices at one port - report this\n", stderr);
		return SLAT_EXIT_FAILURE;
	}
	return SLAT_EXIT_OK;
}

enum slat_exit slat_machine_create(struct machine *machine, const char *path, __u64 memory,
				   unsigned int cpus)
{
	enum slat_exit status;

	machine->path = path;
	machine->device = -1;
	machine->fd = -1;
	machine->ended = eventfd(0, EFD_CLOEXEC);
	if (machine->ended < 0)
		return complain(machine, "eventfd");

	status = open_device(machine, cpus);
	if (!status)
		status = create_vm(machine);
	if (!status)
		status = create_memory(machine, memory);
	if (!status)
		status = create_devices(machine);
	if (status)
		return status;

	machine->vcpus = calloc(cpus, sizeof(*machine->vcpus));
	if (!machine->vcpus)
		return complain(machine, "vCPUs");
	for (; machine->cpus < cpus && !status; machine->cpus++)
		status = slat_vcpu_create(&machine->vcpus[machine->cpus], machine,
					  machine->cpus, cpus);
	return status;
}

static enum slat_exit connect_events(struct machine *machine, const struct virtio *virtio,
				     unsigned int nr)
{
	struct kvm_irqfd irqfd = { .fd = virtio->interrupt, .gsi = gsis[nr] };

	if (ioctl(machine->fd, KVM_IRQFD, &irqfd))
		return complain(machine, "KVM_IRQFD");
	for (unsigned int i = 0; i < virtio->ops->queues; i++) {
		struct kvm_ioeventfd notify = {
			.datamatch = i,
			.addr = device_base(nr) + VIRTIO_NOTIFY,
			.len = sizeof(__u32),
			.fd = virtio->notify[i],
			.flags = KVM_IOEVENTFD_FLAG_DATAMATCH,
		};

		if (ioctl(machine->fd, KVM_IOEVENTFD, &notify))
			return complain(machine, "KVM_IOEVENTFD");
	}
	return SLAT_EXIT_OK;
}

enum slat_exit slat_machine_attach(struct machine *machine, struct virtio *virtio)
{
	unsigned int nr = machine->nr_devices;

	if (slat_virtio_init(virtio, &machine->memory) || nr == MACHINE_DEVICES_MAX ||
	    slat_virtio_add(virtio, &machine->mmio, device_base(nr))) {
		fprintf(stderr, "slat run: %s: no room for it - a guest has %d devices at most\n",
			virtio->ops->name, MACHINE_DEVICES_MAX);
		slat_virtio_destroy(virtio);
		return SLAT_EXIT_FAILURE;
	}
	machine->devices[machine->nr_devices++] = virtio;
	return connect_events(machine, virtio, nr);
}

__u64 slat_machine_describe(const struct machine *machine)
{
	struct acpi_device devices[MACHINE_DEVICES_MAX];
	struct acpi_machine acpi = { .cpus = machine->cpus };

	for (; acpi.nr_devices < machine->nr_devices; acpi.nr_devices++)
		devices[acpi.nr_devices] = (struct acpi_device){
			.base = device_base(acpi.nr_devices),
			.size = VIRTIO_REGISTERS,
			.gsi = gsis[acpi.nr_devices],
		};
	acpi.devices = devices;
	return slat_acpi_write(&machine->memory, &acpi);
}

enum slat_exit slat_machine_start(struct machine *machine, const struct boot_entry *entry)
{
	enum slat_exit status = slat_vcpu_set_boot_state(&machine->vcpus[0], entry);

	for (unsigned int i = 0; i < machine->cpus && !status; i++)
		status = slat_vcpu_start(&machine->vcpus[i]);
	return status;
}

void slat_machine_end(struct machine *machine, enum machine_end end)
{
	unsigned int expected = END_NOT;

	if (atomic_compare_exchange_strong(&machine->end, &expected, end))
		eventfd_write(machine->ended, 1);
}

void slat_machine_stop(struct machine *machine)
{
	for (unsigned int i = 0; i < machine->cpus; i++)
		slat_vcpu_stop(&machine->vcpus[i]);
}

enum slat_exit slat_machine_stats(const struct machine *machine, struct slat_vm_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	return ioctl(machine->fd, SLAT_GET_STATS, stats) ? complain(machine, "SLAT_GET_STATS") :
							   SLAT_EXIT_OK;
}

void slat_machine_destroy(struct machine *machine)
{
	for (unsigned int i = 0; i < machine->nr_devices; i++)
		slat_virtio_destroy(machine->devices[i]);
	for (unsigned int i = 0; i < machine->cpus; i++)
		slat_vcpu_destroy(&machine->vcpus[i]);
	free(machine->vcpus);
	if (machine->fd >= 0)
		close(machine->fd);
	if (machine->device >= 0)
		close(machine->device);
	if (machine->ended >= 0)
		close(machine->ended);
	slat_memory_free(&machine->memory);
}
