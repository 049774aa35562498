/* SPDX-License-Identifier: MIT */
/*
 * The PCI bus in the machine: who answers which address, what the accelerator hears of interrupts,
 * and that none is lost while it is made anew. The accelerator is a table of functions here.
 */
#include "cm.h"

#include <armature/kvm.h>
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/machine.h"
#include "vmm/report.h"

#define ECAM(slot, reg) (LAYOUT_ECAM + ((slot) << 15 | (reg)))

/* ---- The accelerator ---- */

static bool has_its;
static struct kvm_msi message;
static unsigned messages, line_changes;
static uint32_t line_irq;
static bool line_level;
static atomic_uint wanted, got;

static int be_ioctl(int fd, unsigned long request, unsigned long arg)
{
	switch (request) {
	case KVM_SIGNAL_MSI:
		memcpy(&message, (const void *)arg, sizeof(message));
		messages++;
		atomic_store(&got, atomic_load(&wanted));
		return 1;
	case KVM_IRQ_LINE:
		line_irq = ((const struct kvm_irq_level *)arg)->irq;
		line_level = ((const struct kvm_irq_level *)arg)->level;
		line_changes++;
		return 0;
	default:
		errno = EINVAL;
		return -1;
	}
}

static const struct vmm_backend be = {.name = "test", .ioctl = be_ioctl};
static struct options opt;
static struct machine m;
static char image[] = "/tmp/armature-disk-XXXXXX";

/* Returns what devices_init() does. */
static int start(unsigned gic_version)
{
	memset(&m, 0, sizeof(m));
	messages = line_changes = 0;
	opt.cpus = 2;
	opt.memory = 1 << 30;
	opt.gic_version = gic_version;
	m.opt = &opt;
	m.be = &be;
	m.has_its = gic_version == 3 && has_its;
	assert_int_equal(layout_plan(&m.map, &opt, 48), 0);
	return devices_init(&m);
}

static int setup(void **state)
{
	int fd;

	memset(&opt, 0, sizeof(opt));
	has_its = true;
	strcpy(image + sizeof(image) - 7, "XXXXXX");
	fd = mkstemp(image);
	if (fd < 0 || ftruncate(fd, 1 << 20) < 0)
		return -1;
	close(fd);
	return 0;
}

static int teardown(void **state)
{
	devices_stop(&m);
	devices_finish(&m);
	unlink(image);
	return 0;
}

static uint64_t read_at(uint64_t addr, unsigned len)
{
	uint8_t bytes[8] = {0};
	uint64_t v = 0;

	machine_mmio(&m, addr, bytes, len, false);
	for (unsigned i = 0; i < len; i++)
		v |= (uint64_t)bytes[i] << (8 * i);
	return v;
}

static void write_at(uint64_t addr, unsigned len, uint64_t v)
{
	uint8_t bytes[8];

	for (unsigned i = 0; i < len; i++)
		bytes[i] = (uint8_t)(v >> (8 * i));
	machine_mmio(&m, addr, bytes, len, true);
}

/* The function's MSI-X capability, or 0. */
static unsigned msix_cap(unsigned slot)
{
	unsigned at = (unsigned)read_at(ECAM(slot, 0x34), 1);

	while (at && read_at(ECAM(slot, at), 1) != 0x11)
		at = (unsigned)read_at(ECAM(slot, at + 1), 1);
	return at;
}

/* ---- Which devices there are ---- */

static void devices(void **state)
{
	opt.disk[0] = image;
	opt.nr_disks = 1;
	opt.virtio_console = true;
	assert_int_equal(start(3), 0);
	assert_int_equal(read_at(ECAM(0, 0), 4), 0x00081b36);
	assert_int_equal(read_at(ECAM(1, 0), 4), 0x10421af4); /* disk, entropy, console */
	assert_int_equal(read_at(ECAM(2, 0), 4), 0x10441af4);
	assert_int_equal(read_at(ECAM(3, 0), 4), 0x10431af4);
	assert_int_equal(read_at(ECAM(4, 0), 4), 0xffffffff);
	for (unsigned slot = 1; slot <= 3; slot++)
		assert_int_not_equal(msix_cap(slot), 0);
}

static void as_few_as_can_be(void **state)
{
	opt.no_rng = true;
	assert_int_equal(start(3), 0);
	assert_int_equal(read_at(ECAM(0, 0), 4), 0x00081b36);
	assert_int_equal(read_at(ECAM(1, 0), 4), 0xffffffff);
}

static void as_many_as_can_be(void **state)
{
	static char text[sizeof(image) + 9];

	/* Read-only: several may use one file. */
	snprintf(text, sizeof(text), "%s,readonly", image);
	for (opt.nr_disks = 0; opt.nr_disks < OPTIONS_MAX_DISKS; opt.nr_disks++)
		opt.disk[opt.nr_disks] = text;
	opt.virtio_console = true;
	assert_int_equal(start(3), 0);
	assert_int_equal(read_at(ECAM(28, 0), 4), 0x10421af4);
	assert_int_equal(read_at(ECAM(29, 0), 4), 0x10441af4);
	assert_int_equal(read_at(ECAM(30, 0), 4), 0x10431af4);
}

static void no_such_disk(void **state)
{
	opt.disk[0] = image;
	opt.disk[1] = "/nonexistent/disk";
	opt.nr_disks = 2;
	assert_int_equal(start(3), VMM_FILE);
}

/* Without an ITS nobody takes messages, so devices do not offer them. */
static void no_messages(void **state)
{
	assert_int_equal(start(2), 0);
	assert_int_equal(msix_cap(1), 0);
	assert_int_equal(read_at(ECAM(1, 0x3d), 1), 1);
	devices_finish(&m);
	has_its = false;
	assert_int_equal(start(3), 0);
	assert_int_equal(msix_cap(1), 0);
}

/* ---- Addresses ---- */

static void addresses(void **state)
{
	uint64_t window;

	assert_int_equal(start(3), 0);
	window = m.map.pci_window;
	/* The UART, in any width. */
	assert_int_equal(read_at(LAYOUT_UART + 0xff4, 1), 0xf0);
	assert_int_equal(read_at(LAYOUT_UART + 0xff4, 8), 0xf0);
	write_at(LAYOUT_UART + 0x24, 2, 0x1234);
	assert_int_equal(read_at(LAYOUT_UART + 0x25, 1), 0x12);
	/* The clock is there, and goes. */
	assert_true(read_at(LAYOUT_RTC, 4) > 1500000000);
	/* Nothing: zero, but ones on the PCI bus. */
	assert_int_equal(read_at(LAYOUT_UART + LAYOUT_FRAME, 4), 0);
	assert_int_equal(read_at(LAYOUT_ECAM + LAYOUT_ECAM_SIZE, 4), 0);
	assert_int_equal(read_at(LAYOUT_UART - 4, 4), 0);
	assert_true(read_at(window, 8) == UINT64_MAX);
	assert_int_equal(read_at(window + m.map.pci_window_size - 2, 2), 0xffff);
	write_at(window, 4, 0);
	/* A BAR, once it has an address: virtio's common configuration. */
	write_at(ECAM(1, 0x20), 4, window + 0x10000);
	write_at(ECAM(1, 0x04), 2, 2);
	assert_int_equal(read_at(window + 0x10000 + 0x14, 1), 0); /* device status */
	write_at(window + 0x10000 + 0x14, 1, 1);
	assert_int_equal(read_at(window + 0x10000 + 0x14, 1), 1);
	devices_stop(&m);
	assert_int_equal(read_at(window + 0x10000 + 0x14, 1), 0);
	write_at(window + 0x10000 + 0x14, 1, 1);
	devices_reset(&m);
	assert_true(read_at(window + 0x10000 + 0x14, 1) == 0xff);
	write_at(ECAM(1, 0x20), 4, window + 0x10000);
	write_at(ECAM(1, 0x04), 2, 2);
	assert_int_equal(read_at(window + 0x10000 + 0x14, 1), 0);
}

/* ---- Interrupts ---- */

static uint64_t no_read(void *opaque, unsigned bar, uint64_t offset, unsigned len)
{
	return 0;
}

static void no_write(void *opaque, unsigned bar, uint64_t offset, unsigned len, uint64_t value)
{
}

static const struct pci_function_ops ops = {.bar_read = no_read, .bar_write = no_write};
static struct pci_function f;

/* A function in slot 1, with MSI-X on and vector 0 to be sent to the ITS. */
static void start_with_function(bool msix)
{
	const struct pci_ids ids = {.vendor = 0x1b36, .device = 0x1234};
	const uint64_t table = LAYOUT_PCI;

	opt.no_rng = true;
	assert_int_equal(start(3), 0);
	f = (struct pci_function){.ops = &ops, .nr_msix = 1, .msix_bar = 0};
	assert_int_equal(pci_add(&m.pci, &f, &ids, true), 0);
	assert_int_equal(f.slot, 1);
	if (!msix)
		return;
	write_at(ECAM(1, 0x10), 4, table);
	write_at(ECAM(1, 0x04), 2, 6);
	write_at(ECAM(1, msix_cap(1) + 2), 2, 0x8000);
	write_at(table, 8, UINT64_C(0x108090040));
	write_at(table + 8, 8, 0x4321);
}

static void lines(void **state)
{
	bool was[LAYOUT_NR_LINES];

	start_with_function(false);
	assert_true(m.lines.held);
	lines_release(&m, NULL);
	assert_int_equal(line_changes, 0);
	/* Pin A of slot 1 is SPI 4. */
	pci_set_intx(&f, true);
	assert_int_equal(line_changes, 1);
	assert_int_equal(line_irq, (uint32_t)KVM_ARM_IRQ_TYPE_SPI << KVM_ARM_IRQ_TYPE_SHIFT | 36);
	assert_true(line_level);
	/* What happens while they are held is told afterwards. */
	lines_hold(&m);
	pci_set_intx(&f, false);
	assert_int_equal(line_changes, 1);
	memcpy(was, m.lines.told, sizeof(was));
	assert_true(was[4]);
	lines_release(&m, was);
	assert_int_equal(line_changes, 2);
	assert_false(line_level);
}

static void held_messages(void **state)
{
	start_with_function(true);
	lines_release(&m, NULL);
	assert_true(pci_msix_send(&f, 0));
	assert_int_equal(messages, 1);
	assert_int_equal(message.address_lo, 0x08090040);
	assert_int_equal(message.address_hi, 1);
	assert_int_equal(message.data, 0x4321);
	assert_int_equal(message.devid, 1 << 3);
	assert_int_equal(message.flags, KVM_MSI_VALID_DEVID);
	lines_hold(&m);
	assert_true(pci_msix_send(&f, 0));
	assert_true(pci_msix_send(&f, 0));
	assert_int_equal(messages, 1);
	lines_release(&m, NULL);
	assert_int_equal(messages, 2);
	lines_release(&m, NULL);
	assert_int_equal(messages, 2);
}

#define ROUNDS 20000u

static atomic_uint asked, sent;

static void *device_thread(void *arg)
{
	for (unsigned n = 1; n <= ROUNDS; n++) {
		while (atomic_load(&asked) != n)
			sched_yield();
		atomic_store(&wanted, n);
		pci_msix_send(&f, 0);
		atomic_store(&sent, n);
	}
	return NULL;
}

/* The device sends before, while and after the machine is held: each message arrives. */
static void racing_messages(void **state)
{
	unsigned late = 0;
	pthread_t device;

	start_with_function(true);
	lines_release(&m, NULL);
	assert_int_equal(pthread_create(&device, NULL, device_thread, NULL), 0);
	for (unsigned n = 1; n <= ROUNDS; n++) {
		atomic_store(&asked, n);
		for (unsigned spin = n % 100; spin; spin--)
			atomic_load(&sent);
		lines_hold(&m);
		/* Sometimes until the device has been refused. */
		for (unsigned spin = n / 100 % 8; spin && atomic_load(&sent) != n; spin--)
			sched_yield();
		late += atomic_load(&got) != n;
		lines_release(&m, NULL);
		while (atomic_load(&sent) != n)
			sched_yield();
		assert_int_equal(atomic_load(&got), n);
	}
	pthread_join(device, NULL);
	assert_int_equal(messages, ROUNDS);
	assert_true(late > 0); /* else this proves nothing */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(devices),	TEST(as_few_as_can_be), TEST(as_many_as_can_be),
	    TEST(no_such_disk), TEST(no_messages),	TEST(addresses),
	    TEST(lines),	TEST(held_messages),	TEST(racing_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
