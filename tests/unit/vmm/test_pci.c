/* SPDX-License-Identifier: MIT */
/*
 * The PCI bus, as a guest and as a device see it: configuration space of any width, sizing and
 * moving BARs, MSI-X with all that can stop a message, and INTx.
 */
#include "cm.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "vmm/pci.h"

#define WINDOW	    UINT64_C(0x10000000)
#define WINDOW_SIZE UINT64_C(0x10000000)

#define COMMAND	 0x04
#define STATUS	 0x06
#define BAR(n)	 (0x10 + 4 * (n))
#define MSIX_CAP 0x40 /* the first capability */

#define MEMORY	 0x002
#define MASTER	 0x004
#define NO_INTX	 0x400
#define ENABLE	 0x8000
#define MASK_ALL 0x4000

/* ---- A host and functions that note what happens ---- */

static struct {
	uint64_t address;
	uint32_t data;
	uint16_t rid;
} message;
static unsigned messages;
static bool refuse;
static int line[4];
static unsigned line_changes;

static void host_intx(void *opaque, unsigned n, bool level)
{
	assert_int_not_equal(line[n], level);
	line[n] = level;
	line_changes++;
}

static bool host_msi(void *opaque, uint64_t address, uint32_t data, uint16_t rid)
{
	if (refuse)
		return false;
	message.address = address;
	message.data = data;
	message.rid = rid;
	messages++;
	return true;
}

static struct {
	unsigned n, bar, len;
	uint64_t offset, value;
	void *opaque;
} seen;

static uint64_t bar_read(void *opaque, unsigned bar, uint64_t offset, unsigned len)
{
	assert_true(len == 1 || len == 2 || len == 4 || len == 8);
	assert_int_equal(offset % len, 0);
	seen.n++;
	seen.bar = bar;
	seen.offset = offset;
	seen.len = len;
	seen.opaque = opaque;
	return UINT64_C(0x1111111111111111) * (offset / len % 8 + 1);
}

static void bar_write(void *opaque, unsigned bar, uint64_t offset, unsigned len, uint64_t value)
{
	bar_read(opaque, bar, offset, len);
	seen.value = value;
}

static bool config_read(void *opaque, unsigned offset, unsigned len, uint32_t *value)
{
	*value = 0x5eed0000 | len;
	return offset >= 0x80;
}

static unsigned config_writes, written_at, written_len;

static void config_write(void *opaque, unsigned offset, unsigned len)
{
	config_writes++;
	written_at = offset;
	written_len = len;
}

static const struct pci_function_ops ops = {
    .bar_read = bar_read,
    .bar_write = bar_write,
    .config_read = config_read,
    .config_write = config_write,
};
static const struct pci_ids ids = {.vendor = 0x1af4,
				   .device = 0x1042,
				   .subsystem_vendor = 0x1af4,
				   .subsystem = 0x1100,
				   .class_code = 0x018000,
				   .revision = 1};
static struct pci_bus bus;
static struct pci_function fn[PCI_SLOTS];

/* BAR 0 of 4 KiB, BAR 1 for MSI-X, BAR 4 of 16 KiB and 64 bits. */
static void add(unsigned i, bool with_msix)
{
	fn[i] = (struct pci_function){.ops = &ops,
				      .opaque = &fn[i],
				      .bar = {[0] = {.size = 0x1000},
					      [1] = {.size = 0x1000},
					      [4] = {.size = 0x4000, .wide = true}},
				      .nr_msix = 5,
				      .msix_bar = 1};
	assert_int_equal(pci_add(&bus, &fn[i], &ids, with_msix), 0);
}

static int setup(void **state)
{
	const struct pci_host host = {.set_intx = host_intx, .msi = host_msi};

	memset(line, 0, sizeof(line));
	memset(&seen, 0, sizeof(seen));
	messages = line_changes = config_writes = 0;
	refuse = false;
	pci_bus_init(&bus, &host);
	pci_bus_set_window(&bus, WINDOW, WINDOW_SIZE);
	add(0, true);
	add(1, true);
	return 0;
}

static int teardown(void **state)
{
	pci_bus_finish(&bus);
	return 0;
}

/* The first function is in slot 1. */
static uint64_t ecam(unsigned slot, unsigned reg)
{
	return slot << 15 | reg;
}

static uint32_t get(unsigned slot, unsigned reg, unsigned len)
{
	return (uint32_t)pci_ecam_read(&bus, ecam(slot, reg), len);
}

static void put(unsigned slot, unsigned reg, unsigned len, uint32_t v)
{
	pci_ecam_write(&bus, ecam(slot, reg), len, v);
}

static uint64_t load(uint64_t addr, unsigned len)
{
	uint64_t v;

	assert_true(pci_mmio_read(&bus, addr, len, &v));
	return v;
}

static bool there(uint64_t addr)
{
	uint64_t v;

	return pci_mmio_read(&bus, addr, 4, &v);
}

static void store(uint64_t addr, unsigned len, uint64_t v)
{
	assert_true(pci_mmio_write(&bus, addr, len, v));
}

/* ---- Configuration space ---- */

static void identity(void **state)
{
	assert_int_equal(get(0, 0, 4), 0x00081b36);
	assert_int_equal(get(0, 8, 4) >> 8, 0x060000);
	assert_int_equal(get(0, 0x3d, 1), 0); /* the bridge has no interrupt */
	assert_int_equal(get(1, 0, 4), 0x10421af4);
	assert_int_equal(get(1, 8, 4), 0x01800001);
	assert_int_equal(get(1, 0x0e, 1), 0); /* header type 0, one function */
	assert_int_equal(get(1, 0x2c, 4), 0x11001af4);
	assert_int_equal(get(1, 0x3d, 1), 1);
	assert_int_equal(get(1, 0x30, 4), 0); /* no ROM */
	assert_int_equal(get(1, STATUS, 2), 0x10);
	/* Identities cannot be written. */
	for (unsigned reg = 0; reg < COMMAND; reg++)
		put(1, reg, 1, 0xff);
	put(1, 8, 4, 0);
	put(1, 0x2c, 4, 0);
	assert_int_equal(get(1, 0, 4), 0x10421af4);
	assert_int_equal(get(1, 8, 4), 0x01800001);
	assert_int_equal(get(1, 0x2c, 4), 0x11001af4);
}

static void absent(void **state)
{
	assert_int_equal(get(3, 0, 4), 0xffffffff); /* no such device */
	assert_int_equal(get(31, 0, 2), 0xffff);
	assert_int_equal(pci_ecam_read(&bus, ecam(1, 0) | 1 << 12, 4), 0xffffffff); /* function 1 */
	assert_int_equal(pci_ecam_read(&bus, PCI_ECAM_BUS, 4), 0xffffffff);	    /* bus 1 */
	assert_true(pci_ecam_read(&bus, UINT64_MAX - 7, 8) == UINT64_MAX);
	assert_int_equal(get(1, 0x100, 4), 0); /* no extended capabilities */
	put(3, COMMAND, 4, 0xffffffff);
	put(1, 0x100, 4, 0xffffffff);
	pci_ecam_write(&bus, UINT64_MAX, 8, 0);
	assert_int_equal(get(1, 0x100, 4), 0);
}

static void widths(void **state)
{
	put(1, 0x0c, 1, 0x77);
	assert_int_equal(get(1, 0x0c, 4), 0x77);
	put(1, 0x3c, 4, 0xffffffff);
	assert_int_equal(get(1, 0x3c, 4), 0x000001ff);
	/* 8 bytes, and accesses that cross registers, are their parts. */
	assert_true(pci_ecam_read(&bus, ecam(1, 0), 8) == UINT64_C(0x0010000010421af4));
	assert_int_equal(get(1, 1, 4), 0x0010421a);
	assert_true(pci_ecam_read(&bus, ecam(1, 3), 8) == UINT64_C(0x8000010010000010));
	put(1, COMMAND - 1, 2, 0x0600);
	assert_int_equal(get(1, COMMAND, 2), MEMORY | MASTER);
	put(1, COMMAND + 1, 1, 0xff);
	assert_int_equal(get(1, COMMAND, 2), 0x500 | MEMORY | MASTER);
	put(1, COMMAND, 4, 0xffffffff);
	assert_int_equal(get(1, COMMAND, 4), 0x00100546);
}

static void capabilities(void **state)
{
	static const uint8_t body[6] = {1, 2, 3, 4, 5, 6}, bits[6] = {0, 0, 0, 0xf0, 0, 0};
	unsigned at, n = 0;

	assert_int_equal(get(1, 0x34, 1), MSIX_CAP);
	assert_int_equal(get(1, MSIX_CAP, 4), 0x00040011);
	assert_int_equal(get(1, MSIX_CAP + 4, 4) & 7, 1);
	assert_int_equal(get(1, MSIX_CAP + 8, 4) & 7, 1);
	at = pci_add_capability(&fn[0], 9, body, bits, 8);
	assert_int_equal(at, 0x4c);
	assert_int_equal(get(1, MSIX_CAP + 1, 1), at);
	assert_int_equal(get(1, at, 4), 0x02010009);
	put(1, at + 4, 4, 0xffffffff);
	assert_int_equal(get(1, at + 4, 4), 0x0605f403);
	/* The function is told, and answers what is its own. */
	assert_int_equal(config_writes, 1);
	assert_int_equal(written_at, at + 4);
	assert_int_equal(written_len, 4);
	assert_int_equal(get(1, 0x82, 2), 0x0002);
	assert_int_equal(get(1, 0x80, 4), 0x5eed0004);
	/* A size that is no multiple of 4, and as many as there is room for. */
	assert_int_equal(pci_add_capability(&fn[0], 9, body, NULL, 5), 0x54);
	while (pci_add_capability(&fn[0], 9, NULL, NULL, 20))
		n++;
	assert_int_equal(n, (256 - 0x5c) / 20);
	/* All are in the chain, which ends. */
	for (at = fn[0].config[0x34], n += 3; n; n--)
		at = fn[0].config[at + 1];
	assert_int_equal(at, 0);
}

static void full_bus(void **state)
{
	struct pci_function one = {.ops = &ops};

	for (unsigned i = 2; i < 31; i++)
		add(i, true);
	assert_int_equal(fn[30].slot, 31);
	assert_int_equal(get(31, 0, 4), 0x10421af4);
	assert_int_equal(pci_add(&bus, &one, &ids, true), -1);
}

/* ---- BARs ---- */

static void sizing(void **state)
{
	for (unsigned n = 0; n < 6; n++)
		put(1, BAR(n), 4, 0xffffffff);
	assert_int_equal(get(1, BAR(0), 4), 0xfffff000);
	assert_int_equal(get(1, BAR(1), 4), 0xfffff000);
	assert_int_equal(get(1, BAR(2), 4), 0);
	assert_int_equal(get(1, BAR(3), 4), 0);
	assert_int_equal(get(1, BAR(4), 4), 0xffffc004);
	assert_int_equal(get(1, BAR(5), 4), 0xffffffff);
	for (unsigned n = 0; n < 6; n++)
		put(1, BAR(n), 4, 0);
	assert_int_equal(get(1, BAR(4), 4), 4);
	assert_int_equal(get(1, BAR(5), 4), 0);
	/* In bytes it is the same. */
	for (unsigned i = 0; i < 8; i++)
		put(1, BAR(4) + i, 1, 0xff);
	assert_int_equal(get(1, BAR(4), 4), 0xffffc004);
	assert_int_equal(get(1, BAR(5), 4), 0xffffffff);
}

static void decoding(void **state)
{
	const uint64_t a = WINDOW + 0x1000, b = WINDOW + 0x8000;

	put(1, BAR(0), 4, (uint32_t)a);
	put(1, BAR(4), 4, (uint32_t)b);
	assert_false(there(a)); /* the command register does not say so yet */
	put(1, COMMAND, 2, MEMORY);
	assert_true(load(a, 4) == 0x11111111);
	assert_ptr_equal(seen.opaque, &fn[0]);
	assert_int_equal(seen.bar, 0);
	assert_true(load(b + 0x3ff8, 8) == UINT64_C(0x8888888888888888));
	assert_int_equal(seen.bar, 4);
	assert_int_equal(seen.offset, 0x3ff8);
	assert_int_equal(seen.len, 8);
	assert_false(there(a - 4));
	assert_false(there(a + 0x1000));
	assert_false(there(b + 0x4000));
	store(b + 0x102, 2, 0xffffffffabcd);
	assert_true(seen.value == 0xabcd);
	/* Unaligned: its natural parts. */
	seen.n = 0;
	store(b + 0x101, 4, 0x44332211);
	assert_int_equal(seen.n, 3);
	assert_int_equal(seen.offset, 0x104);
	assert_int_equal(seen.value, 0x44);
	assert_true(load(b + 0x101, 4) == 0x55222222);
	/* Half beyond the end. */
	assert_true(load(b + 0x3ffe, 4) == 0xffff8888);

	/* Moved while in use, and away. */
	put(1, BAR(0), 4, (uint32_t)(WINDOW + WINDOW_SIZE - 0x1000));
	assert_false(there(a));
	assert_true(there(WINDOW + WINDOW_SIZE - 4));
	put(1, COMMAND, 2, 0);
	assert_false(there(WINDOW + WINDOW_SIZE - 4));
	assert_false(there(b));
}

static void outside(void **state)
{
	static const uint64_t bad[] = {0,
				       WINDOW - 0x4000,
				       WINDOW + WINDOW_SIZE,
				       0x40000000,
				       0x80000000,
				       UINT64_C(0xffffffffffffc000),
				       UINT64_C(0x100000000) + WINDOW};

	put(1, COMMAND, 2, MEMORY);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put(1, BAR(4), 4, (uint32_t)bad[i]);
		put(1, BAR(5), 4, (uint32_t)(bad[i] >> 32));
		assert_false(there(bad[i]));
		assert_false(there(bad[i] + 0x3ffc));
	}
	put(1, BAR(5), 4, 0);
	put(1, BAR(4), 4, WINDOW);
	assert_true(there(WINDOW));
	/* The window can be too small, and be elsewhere. */
	pci_bus_set_window(&bus, WINDOW, 0x3000);
	assert_false(there(WINDOW));
	pci_bus_set_window(&bus, WINDOW - 0x100000, 0x104000);
	assert_true(there(WINDOW));
	pci_bus_set_window(&bus, 0, 0);
	assert_false(there(WINDOW));
}

/* Of BARs that overlap the one of the lowest slot answers, until it goes. */
static void overlapping(void **state)
{
	put(1, COMMAND, 2, MEMORY);
	put(2, COMMAND, 2, MEMORY);
	put(1, BAR(0), 4, WINDOW + 0x2000);
	put(2, BAR(4), 4, WINDOW);
	assert_false(there(WINDOW));
	load(WINDOW + 0x2000, 4);
	assert_ptr_equal(seen.opaque, &fn[0]);
	put(2, BAR(0), 4, WINDOW + 0x2000);
	load(WINDOW + 0x2000, 4);
	assert_ptr_equal(seen.opaque, &fn[0]);
	put(1, COMMAND, 2, 0);
	/* Of one function's, that of the lowest number. */
	load(WINDOW + 0x2000, 4);
	assert_ptr_equal(seen.opaque, &fn[1]);
	assert_int_equal(seen.bar, 0);
	assert_false(there(WINDOW));
	put(2, BAR(0), 4, WINDOW + 0x4000);
	load(WINDOW + 0x2000, 4);
	assert_int_equal(seen.bar, 4);
}

/* All functions with all BARs, put in from the top down and with gaps: each answers for itself. */
static void many_regions(void **state)
{
	for (unsigned i = 2; i < 31; i++)
		add(i, true);
	for (unsigned i = 0; i < 31; i++) {
		put(i + 1, BAR(0), 4, (uint32_t)(WINDOW + (30 - i) * 0x10000));
		put(i + 1, BAR(1), 4, (uint32_t)(WINDOW + (30 - i) * 0x10000 + 0x2000));
		put(i + 1, BAR(4), 4, (uint32_t)(WINDOW + (30 - i) * 0x10000 + 0x8000));
		put(i + 1, COMMAND, 2, MEMORY);
	}
	assert_int_equal(bus.nr_regions, 93);
	for (unsigned i = 0; i < 31; i++) {
		const uint64_t at = WINDOW + (30 - i) * 0x10000;

		load(at + 0xffc, 4);
		assert_ptr_equal(seen.opaque, &fn[i]);
		assert_int_equal(seen.bar, 0);
		assert_false(there(at + 0x1000));
		assert_int_equal(load(at + 0x2000 + 12, 4), 1); /* MSI-X: masked */
		load(at + 0x8000, 4);
		assert_ptr_equal(seen.opaque, &fn[i]);
		assert_int_equal(seen.bar, 4);
		assert_false(there(at + 0xc000));
	}
}

/* ---- MSI-X ---- */

#define TABLE (WINDOW + 0x100000)
#define PBA   (TABLE + 0x800)

/* Vector @v of slot 2 gets an address and data; all else is as after a reset. */
static void msix_on(uint32_t control)
{
	put(2, BAR(1), 4, TABLE);
	put(2, COMMAND, 2, MEMORY | MASTER);
	put(2, MSIX_CAP + 2, 2, control);
	for (unsigned v = 0; v < 5; v++) {
		store(TABLE + 16 * v, 4, 0x08090040);
		store(TABLE + 16 * v + 4, 4, v);
		store(TABLE + 16 * v + 8, 4, 0x100 + v);
	}
}

static void unmask(unsigned v)
{
	store(TABLE + 16 * v + 12, 4, 0);
}

static void mask(unsigned v)
{
	store(TABLE + 16 * v + 12, 4, 1);
}

static void msix_table(void **state)
{
	msix_on(0);
	/* Only the mask bit of vector control, and no low bits of the address, can be written. */
	store(TABLE, 8, UINT64_MAX);
	store(TABLE + 8, 8, UINT64_MAX);
	assert_true(load(TABLE, 8) == UINT64_C(0xfffffffffffffffc));
	assert_true(load(TABLE + 8, 8) == UINT64_C(0x00000001ffffffff));
	store(TABLE + 8, 8, UINT64_C(0x1234567));
	assert_int_equal(load(TABLE + 12, 4), 0);
	assert_int_equal(load(TABLE + 8, 4), 0x1234567);
	assert_int_equal(load(TABLE + 9, 1), 0x45);
	store(TABLE + 8, 2, 0);
	assert_int_equal(load(TABLE + 8, 4), 0x1234567);
	/* Behind the table, and the PBA: nothing can be written. */
	for (uint64_t at = 5 * 16; at < 0x1000; at += 4) {
		store(TABLE + at, 4, 0xffffffff);
		assert_int_equal(load(TABLE + at, 4), 0);
	}
	store(PBA, 8, UINT64_MAX);
	assert_true(load(PBA, 8) == 0);
	assert_int_equal(seen.n, 0); /* the function sees nothing of it */
	assert_int_equal(get(2, MSIX_CAP + 2, 2), 4);
	put(2, MSIX_CAP + 2, 2, 0xffff);
	assert_int_equal(get(2, MSIX_CAP + 2, 2), 0xc004);
	put(2, MSIX_CAP + 4, 4, 0xffffffff);
	assert_int_equal(get(2, MSIX_CAP + 4, 4), 1);
}

static void msix_send(void **state)
{
	assert_false(pci_msix_enabled(&fn[1]));
	assert_false(pci_msix_send(&fn[1], 0));
	msix_on(ENABLE);
	assert_true(pci_msix_enabled(&fn[1]));
	unmask(3);
	assert_int_equal(messages, 0);
	assert_true(pci_msix_send(&fn[1], 3));
	assert_int_equal(messages, 1);
	assert_true(message.address == UINT64_C(0x308090040));
	assert_int_equal(message.data, 0x103);
	assert_int_equal(message.rid, 2 << 3);
	/* No such vector: taken and dropped. */
	assert_true(pci_msix_send(&fn[1], 5));
	assert_true(pci_msix_send(&fn[1], 0xffff));
	assert_int_equal(messages, 1);
	assert_true(load(PBA, 8) == 0);
}

static void msix_masks(void **state)
{
	msix_on(ENABLE);
	assert_true(pci_msix_send(&fn[1], 1));
	assert_true(pci_msix_send(&fn[1], 1));
	assert_true(pci_msix_send(&fn[1], 4));
	assert_int_equal(messages, 0);
	assert_true(load(PBA, 8) == 0x12);
	assert_int_equal(load(PBA, 4), 0x12);
	assert_int_equal(load(PBA + 4, 4), 0);
	unmask(1);
	assert_int_equal(messages, 1);
	assert_int_equal(message.data, 0x101);
	assert_true(load(PBA, 8) == 0x10);
	/* Written in one access with the data, the new data are sent. */
	store(TABLE + 16 * 4 + 8, 8, 0x777);
	assert_int_equal(messages, 2);
	assert_int_equal(message.data, 0x777);
	assert_true(load(PBA, 8) == 0);

	/* The function's mask is on top of the vectors'. */
	put(2, MSIX_CAP + 2, 2, ENABLE | MASK_ALL);
	assert_true(pci_msix_send(&fn[1], 1));
	assert_true(pci_msix_send(&fn[1], 2));
	assert_true(load(PBA, 8) == 6);
	mask(1);
	unmask(1);
	assert_int_equal(messages, 2);
	put(2, MSIX_CAP + 2, 2, ENABLE);
	assert_int_equal(messages, 3);
	assert_int_equal(message.data, 0x101);
	assert_true(load(PBA, 8) == 4);
	/* Disabled, what waits is gone. */
	put(2, MSIX_CAP + 2, 2, 0);
	assert_true(load(PBA, 8) == 0);
	put(2, MSIX_CAP + 2, 2, ENABLE);
	unmask(2);
	assert_int_equal(messages, 3);
}

static void msix_needs_master(void **state)
{
	msix_on(ENABLE);
	unmask(0);
	assert_true(pci_bus_master(&fn[1]));
	put(2, COMMAND, 2, MEMORY);
	assert_false(pci_bus_master(&fn[1]));
	assert_true(pci_msix_send(&fn[1], 0));
	assert_int_equal(messages, 0);
	assert_true(load(PBA, 8) == 1);
	put(2, COMMAND, 2, MEMORY | MASTER);
	assert_int_equal(messages, 1);
	assert_true(load(PBA, 8) == 0);
}

/* The host does not take messages for a while: none is lost, none comes twice or despite a mask. */
static void msix_held(void **state)
{
	msix_on(ENABLE);
	unmask(0);
	unmask(1);
	unmask(2);
	refuse = true;
	for (unsigned v = 0; v < 3; v++)
		assert_true(pci_msix_send(&fn[1], v));
	assert_true(pci_msix_send(&fn[1], 0));
	assert_true(load(PBA, 8) == 0); /* on their way */
	pci_resend(&bus);
	assert_int_equal(messages, 0);
	mask(1);
	refuse = false;
	pci_resend(&bus);
	assert_int_equal(messages, 2);
	assert_int_equal(message.data, 0x102);
	assert_true(load(PBA, 8) == 2);
	pci_resend(&bus);
	assert_int_equal(messages, 2);
	unmask(1);
	assert_int_equal(messages, 3);
	assert_int_equal(message.data, 0x101);
	/* A disabled function sends nothing. */
	refuse = true;
	assert_true(pci_msix_send(&fn[1], 0));
	put(2, MSIX_CAP + 2, 2, 0);
	refuse = false;
	put(2, MSIX_CAP + 2, 2, ENABLE);
	pci_resend(&bus);
	assert_int_equal(messages, 3);
}

static void without_msix(void **state)
{
	add(2, false);
	assert_int_equal(get(3, 0x34, 1), 0);
	assert_int_equal(get(3, STATUS, 2), 0);
	put(3, BAR(1), 4, 0xffffffff);
	assert_int_equal(get(3, BAR(1), 4), 0);
	assert_false(pci_msix_send(&fn[2], 0));
	assert_int_equal(pci_add_capability(&fn[2], 9, NULL, NULL, 16), 0x40);
	put(3, 0x42, 2, 0xffff);
	assert_false(pci_msix_enabled(&fn[2]));
}

/* ---- INTx ---- */

static void intx(void **state)
{
	for (unsigned i = 2; i < 6; i++)
		add(i, false);
	/* Pin A of slot n is line n % 4. */
	pci_set_intx(&fn[0], true);
	assert_int_equal(line[1], 1);
	assert_int_equal(line_changes, 1);
	assert_int_equal(get(1, STATUS, 2) & 8, 8);
	/* Slot 5 shares it: wired-OR. */
	pci_set_intx(&fn[4], true);
	pci_set_intx(&fn[4], true);
	pci_set_intx(&fn[0], false);
	assert_int_equal(line_changes, 1);
	assert_int_equal(get(1, STATUS, 2) & 8, 0);
	pci_set_intx(&fn[4], false);
	assert_int_equal(line[1], 0);
	pci_set_intx(&fn[2], true);
	assert_int_equal(line[3], 1);
	pci_set_intx(&fn[3], true);
	assert_int_equal(line[0], 1);
}

static void intx_disabled(void **state)
{
	pci_set_intx(&fn[0], true);
	put(1, COMMAND, 2, NO_INTX);
	assert_int_equal(line[1], 0);
	assert_int_equal(get(1, STATUS, 2) & 8, 8); /* the status stays visible: 6.2.3 */
	put(1, COMMAND, 2, 0);
	assert_int_equal(line[1], 1);
	/* With MSI-X a function does not use its pin. */
	put(1, MSIX_CAP + 2, 2, ENABLE);
	assert_int_equal(line[1], 0);
	put(1, MSIX_CAP + 2, 2, 0);
	assert_int_equal(line[1], 1);
	pci_set_intx(&fn[0], false);
	assert_int_equal(line[1], 0);
}

static void reset(void **state)
{
	msix_on(ENABLE);
	pci_msix_send(&fn[1], 1);
	pci_set_intx(&fn[0], true);
	put(1, COMMAND, 2, MEMORY | MASTER);
	put(1, BAR(4), 4, WINDOW);
	put(1, 0x3c, 1, 0x55);
	assert_true(there(WINDOW));
	pci_bus_reset(&bus);
	assert_false(there(WINDOW));
	assert_false(there(TABLE));
	assert_int_equal(line[1], 0);
	assert_int_equal(get(1, COMMAND, 4), 0x00100000);
	assert_int_equal(get(1, BAR(4), 4), 4);
	assert_int_equal(get(1, 0x3c, 4), 0x100);
	assert_int_equal(get(2, MSIX_CAP, 4), 0x00040011);
	put(2, BAR(1), 4, TABLE);
	put(2, COMMAND, 2, MEMORY | MASTER);
	put(2, MSIX_CAP + 2, 2, ENABLE);
	assert_true(load(PBA, 8) == 0);
	assert_true(load(TABLE + 16, 8) == 0);
	assert_int_equal(load(TABLE + 16 + 12, 4), 1);
	assert_int_equal(messages, 0);
}

/* ---- Several threads ---- */

static atomic_bool done;

static void *device_thread(void *arg)
{
	for (unsigned n = 0; !atomic_load(&done); n++) {
		pci_msix_send(arg, n % 5);
		pci_set_intx(arg, n & 1);
	}
	return NULL;
}

/* A guest that moves BARs and switches MSI-X while the device interrupts and another CPU resends.
 */
static void threads(void **state)
{
	pthread_t device;
	uint64_t v;

	atomic_store(&done, false);
	msix_on(ENABLE);
	assert_int_equal(pthread_create(&device, NULL, device_thread, &fn[1]), 0);
	for (unsigned n = 0; n < 20000; n++) {
		put(2, BAR(1), 4, (uint32_t)TABLE + (n & 3) * 0x1000);
		put(2, MSIX_CAP + 2, 2, n & 4 ? ENABLE : n & 8 ? ENABLE | MASK_ALL : 0);
		put(2, COMMAND, 2, MEMORY | (n & 16 ? MASTER : 0) | (n & 32 ? NO_INTX : 0));
		pci_mmio_write(&bus, TABLE + n % 5 * 16 + 12, 4, n >> 3 & 1);
		pci_mmio_read(&bus, PBA, 8, &v);
		pci_resend(&bus);
	}
	atomic_store(&done, true);
	pthread_join(device, NULL);
	pci_set_intx(&fn[1], false);
	for (unsigned n = 0; n < 4; n++)
		assert_int_equal(line[n], 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(identity),    TEST(absent),
	    TEST(widths),      TEST(capabilities),
	    TEST(full_bus),    TEST(sizing),
	    TEST(decoding),    TEST(outside),
	    TEST(overlapping), TEST(many_regions),
	    TEST(msix_table),  TEST(msix_send),
	    TEST(msix_masks),  TEST(msix_needs_master),
	    TEST(msix_held),   TEST(without_msix),
	    TEST(intx),	       TEST(intx_disabled),
	    TEST(reset),       TEST(threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
