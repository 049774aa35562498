/* SPDX-License-Identifier: MIT */
/*
 * The PCI bus (PCI Local Bus 3.0, chapter 6; ECAM: PCI Express Base 4.0, 7.2.2).
 *
 * A function's configuration space is an array of bytes and one of the bits that can be written,
 * so that an access of any width is the same. What the guest's BARs decode is put into a sorted
 * list whenever a BAR or a command register changes: an access finds its function by bisection.
 * A BAR that is not wholly in the bridge's window does not answer, nor does one that overlaps
 * that of a lower slot: a list without overlaps needs no rules for who comes first.
 */
#include "vmm/pci.h"

#include <string.h>

#include "vmm/pci_internal.h"
#include "vmm/report.h"

#define BAR_WIDE 4u /* memory, 64 bits: 6.2.5.1 */

/* QEMU's "virt" has this bridge. */
static const struct pci_ids bridge_ids = {
    .vendor = 0x1b36,
    .device = 0x0008,
    .class_code = 0x060000,
};

static unsigned command(const struct pci_function *f)
{
	return pci_get(f, PCI_COMMAND, 2);
}

/* ---- What answers where ---- */

static bool in_window(const struct pci_bus *bus, uint64_t base, uint64_t size)
{
	return base >= bus->window && size <= bus->window_size &&
	       base - bus->window <= bus->window_size - size;
}

/* False: it overlaps a region that is there. */
static bool insert(struct pci_bus *bus, const struct pci_region *r)
{
	unsigned i = bus->nr_regions;

	while (i && bus->region[i - 1].base > r->base)
		i--;
	if (i && bus->region[i - 1].base + bus->region[i - 1].size > r->base)
		return false;
	if (i < bus->nr_regions && r->base + r->size > bus->region[i].base)
		return false;
	memmove(&bus->region[i + 1], &bus->region[i],
		(bus->nr_regions - i) * sizeof(bus->region[0]));
	bus->region[i] = *r;
	bus->nr_regions++;
	return true;
}

static uint64_t bar_address(const struct pci_function *f, unsigned bar)
{
	uint64_t address = pci_get(f, PCI_BAR0 + 4 * bar, 4) & ~UINT32_C(15);

	if (f->bar[bar].wide)
		address |= (uint64_t)pci_get(f, PCI_BAR0 + 4 * bar + 4, 4) << 32;
	return address;
}

/* @changed: the function whose registers did (or NULL), for the trace. */
static void decode(struct pci_bus *bus, const struct pci_function *changed)
{
	bus->nr_regions = 0;
	for (unsigned i = 0; i < PCI_SLOTS * PCI_BARS; i++) {
		struct pci_function *f = bus->slot[i / PCI_BARS];
		const unsigned bar = i % PCI_BARS;
		struct pci_region r = {.f = f, .bar = bar};
		bool answers;

		if (!f || !f->bar[bar].size)
			continue;
		r.base = bar_address(f, bar);
		r.size = f->bar[bar].size;
		answers = command(f) & PCI_COMMAND_MEMORY && in_window(bus, r.base, r.size) &&
			  insert(bus, &r);
		if (f == changed && command(f) & PCI_COMMAND_MEMORY)
			VMM_TRACE(PCI_BAR, "%02x.0 BAR %u: 0x%llx bytes at 0x%llx%s", f->slot, bar,
				  (unsigned long long)r.size, (unsigned long long)r.base,
				  answers ? "" : ": not there");
	}
}

static bool find(struct pci_bus *bus, uint64_t addr, struct pci_region *found)
{
	unsigned low = 0, high;
	bool there;

	pthread_mutex_lock(&bus->lock);
	/* The first region that begins behind @addr. */
	for (high = bus->nr_regions; low < high;) {
		unsigned middle = (low + high) / 2;

		if (bus->region[middle].base <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	there = low && addr - bus->region[low - 1].base < bus->region[low - 1].size;
	if (there)
		*found = bus->region[low - 1];
	pthread_mutex_unlock(&bus->lock);
	return there;
}

/* ---- INTx ---- */

/* 2.2.6: pin A of the functions spreads over the bridge's lines. */
static unsigned intx_line(const struct pci_function *f)
{
	return (f->slot + f->config[PCI_INT_PIN] - 1) % PCI_NR_INTX;
}

static void update_intx(struct pci_function *f)
{
	struct pci_bus *bus = f->bus;
	bool assert = f->intx && !(command(f) & PCI_COMMAND_NO_INTX) && !pci_msix_on(f);
	unsigned *count = &bus->intx_count[intx_line(f)];

	if (assert == f->asserted)
		return;
	f->asserted = assert;
	*count += assert ? 1 : -1u;
	if (*count == (assert ? 1 : 0))
		bus->host.set_intx(bus->host.opaque, intx_line(f), assert);
}

static void set_intx(struct pci_function *f, bool level)
{
	const unsigned status = pci_get(f, PCI_STATUS, 2) & ~(unsigned)PCI_STATUS_INTX;

	f->intx = level;
	pci_put(f, PCI_STATUS, 2, status | (level ? PCI_STATUS_INTX : 0));
	update_intx(f);
}

void pci_set_intx(struct pci_function *f, bool level)
{
	pthread_mutex_lock(&f->bus->lock);
	set_intx(f, level);
	pthread_mutex_unlock(&f->bus->lock);
}

/* ---- Configuration space ---- */

static struct pci_function *function_at(struct pci_bus *bus, uint64_t offset)
{
	/* Bits 19:15 are the device, 14:12 the function. */
	if (offset >= PCI_ECAM_BUS || offset >> 12 & 7)
		return NULL;
	return bus->slot[offset >> 15];
}

/* 1, 2 or 4 bytes, aligned. */
static uint32_t config_read(struct pci_bus *bus, uint64_t offset, unsigned len)
{
	struct pci_function *f = function_at(bus, offset);
	const unsigned at = offset & 0xfff;
	uint32_t v;

	if (!f)
		return UINT32_MAX;
	/* There are no extended capabilities: 7.9.1. */
	if (at >= PCI_CONFIG)
		return 0;
	if (at < PCI_FIRST_CAP || !f->ops || !f->ops->config_read ||
	    !f->ops->config_read(f->opaque, at, len, &v))
		v = pci_config_get(f, at, len);
	VMM_TRACE(PCI_CONFIG, "%02x.0 read of %u bytes at 0x%02x: 0x%x", f->slot, len, at, v);
	return v;
}

static bool touches(unsigned at, unsigned len, unsigned reg, unsigned size)
{
	return at < reg + size && reg < at + len;
}

/* The bytes have changed. */
static void follow(struct pci_function *f, unsigned at, unsigned len)
{
	bool commands = touches(at, len, PCI_COMMAND, 2);

	if (commands || touches(at, len, PCI_BAR0, 4 * PCI_BARS))
		decode(f->bus, f);
	if (f->msix_cap && (commands || touches(at, len, f->msix_cap, 4)))
		pci_msix_update(f);
	update_intx(f);
}

static void config_write(struct pci_bus *bus, uint64_t offset, unsigned len, uint32_t value)
{
	struct pci_function *f = function_at(bus, offset);
	const unsigned at = offset & 0xfff;

	if (!f || at >= PCI_CONFIG)
		return;
	VMM_TRACE(PCI_CONFIG, "%02x.0 write of %u bytes at 0x%02x: 0x%x", f->slot, len, at, value);
	pthread_mutex_lock(&bus->lock);
	for (unsigned i = 0; i < len; i++) {
		const uint8_t bits = f->writable[at + i];
		uint8_t *byte = &f->config[at + i];

		*byte = (uint8_t)((*byte & ~bits) | (value >> (8 * i) & bits));
	}
	follow(f, at, len);
	pthread_mutex_unlock(&bus->lock);
	if (at >= PCI_FIRST_CAP && f->ops && f->ops->config_write)
		f->ops->config_write(f->opaque, at, len);
}

uint32_t pci_config_get(struct pci_function *f, unsigned offset, unsigned len)
{
	uint32_t v;

	pthread_mutex_lock(&f->bus->lock);
	v = pci_get(f, offset, len);
	pthread_mutex_unlock(&f->bus->lock);
	return v;
}

bool pci_bus_master(struct pci_function *f)
{
	return pci_config_get(f, PCI_COMMAND, 2) & PCI_COMMAND_MASTER;
}

/* ---- The guest's accesses ---- */

/* Sizes of the natural parts of an access of @len bytes at @addr, @most at the most. */
static unsigned part(uint64_t addr, unsigned len, unsigned most)
{
	while (most > len || addr & (most - 1))
		most /= 2;
	return most;
}

static uint64_t low_bytes(uint64_t v, unsigned len)
{
	return len < 8 ? v & ((UINT64_C(1) << (8 * len)) - 1) : v;
}

uint64_t pci_ecam_read(struct pci_bus *bus, uint64_t offset, unsigned len)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < len;) {
		unsigned n = part(offset + i, len - i, 4);

		v |= low_bytes(config_read(bus, offset + i, n), n) << (8 * i);
		i += n;
	}
	return v;
}

void pci_ecam_write(struct pci_bus *bus, uint64_t offset, unsigned len, uint64_t value)
{
	for (unsigned i = 0; i < len;) {
		unsigned n = part(offset + i, len - i, 4);

		config_write(bus, offset + i, n, (uint32_t)(value >> (8 * i)));
		i += n;
	}
}

/* A natural access does not cross the end of a BAR, which is at least 16 bytes and aligned. */
static bool memory_read(struct pci_bus *bus, uint64_t addr, unsigned len, uint64_t *value)
{
	struct pci_region r;
	struct pci_function *f;

	if (!find(bus, addr, &r))
		return false;
	f = r.f;
	if (f->msix_cap && r.bar == f->msix_bar) {
		pthread_mutex_lock(&bus->lock);
		*value = pci_msix_read(f, addr - r.base, len);
		pthread_mutex_unlock(&bus->lock);
	} else {
		*value = f->ops->bar_read(f->opaque, r.bar, addr - r.base, len);
	}
	*value = low_bytes(*value, len);
	return true;
}

static bool memory_write(struct pci_bus *bus, uint64_t addr, unsigned len, uint64_t value)
{
	struct pci_region r;
	struct pci_function *f;

	if (!find(bus, addr, &r))
		return false;
	f = r.f;
	value = low_bytes(value, len);
	if (f->msix_cap && r.bar == f->msix_bar) {
		pthread_mutex_lock(&bus->lock);
		pci_msix_write(f, addr - r.base, len, value);
		pthread_mutex_unlock(&bus->lock);
	} else {
		f->ops->bar_write(f->opaque, r.bar, addr - r.base, len, value);
	}
	return true;
}

bool pci_mmio_read(struct pci_bus *bus, uint64_t addr, unsigned len, uint64_t *value)
{
	bool there = false;

	*value = 0;
	for (unsigned i = 0; i < len;) {
		unsigned n = part(addr + i, len - i, 8);
		uint64_t v = UINT64_MAX;

		there |= memory_read(bus, addr + i, n, &v);
		*value |= low_bytes(v, n) << (8 * i);
		i += n;
	}
	return there;
}

bool pci_mmio_write(struct pci_bus *bus, uint64_t addr, unsigned len, uint64_t value)
{
	bool there = false;

	for (unsigned i = 0; i < len;) {
		unsigned n = part(addr + i, len - i, 8);

		there |= memory_write(bus, addr + i, n, value >> (8 * i));
		i += n;
	}
	return there;
}

/* ---- Life ---- */

/* All of a function's registers but its capabilities: 6.1, 6.2. */
static void fill(struct pci_function *f, const struct pci_ids *ids)
{
	pci_put(f, PCI_VENDOR, 2, ids->vendor);
	pci_put(f, PCI_DEVICE, 2, ids->device);
	pci_put(f, PCI_REVISION, 1, ids->revision);
	pci_put(f, PCI_CLASS, 3, ids->class_code);
	pci_put(f, PCI_SUBSYSTEM_VENDOR, 2, ids->subsystem_vendor);
	pci_put(f, PCI_SUBSYSTEM, 2, ids->subsystem);
	/* Bits of the command register, low byte and high byte. */
	f->writable[PCI_COMMAND] = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_PARITY;
	f->writable[PCI_COMMAND + 1] = (PCI_COMMAND_SERR | PCI_COMMAND_NO_INTX) >> 8;
	f->writable[PCI_CACHE_LINE] = 0xff;
	f->writable[PCI_INT_LINE] = 0xff;
}

/* Address bits below a BAR's size are zero: that is how a guest learns the size. */
static void fill_bars(struct pci_function *f)
{
	for (unsigned bar = 0; bar < PCI_BARS; bar++) {
		const unsigned at = PCI_BAR0 + 4 * bar;
		const uint64_t bits = -f->bar[bar].size;

		if (!f->bar[bar].size)
			continue;
		if (f->bar[bar].wide)
			f->config[at] = BAR_WIDE;
		for (unsigned i = 0; i < (f->bar[bar].wide ? 8 : 4); i++)
			f->writable[at + i] = (uint8_t)(bits >> (8 * i));
	}
}

static void put_in(struct pci_bus *bus, struct pci_function *f, unsigned slot)
{
	f->bus = bus;
	f->slot = slot;
	f->next_cap = PCI_FIRST_CAP;
	f->last_cap = 0;
	f->msix_cap = 0;
	f->intx = f->asserted = false;
	memset(f->config, 0, sizeof(f->config));
	memset(f->writable, 0, sizeof(f->writable));
}

int pci_add(struct pci_bus *bus, struct pci_function *f, const struct pci_ids *ids, bool with_msix)
{
	unsigned slot = 1;

	while (slot < PCI_SLOTS && bus->slot[slot])
		slot++;
	if (slot == PCI_SLOTS)
		return -1;
	put_in(bus, f, slot);
	fill(f, ids);
	f->config[PCI_INT_PIN] = 1;
	if (f->nr_msix && with_msix) {
		pci_msix_init(f);
	} else if (f->nr_msix) {
		f->nr_msix = 0;
		f->bar[f->msix_bar].size = 0;
	}
	fill_bars(f);
	pthread_mutex_lock(&bus->lock);
	bus->slot[slot] = f;
	pthread_mutex_unlock(&bus->lock);
	return 0;
}

unsigned pci_add_capability(struct pci_function *f, uint8_t id, const void *body,
			    const void *writable, unsigned size)
{
	const unsigned at = f->next_cap;

	if (size < 2 || size > PCI_CONFIG - at)
		return 0;
	f->config[at] = id;
	if (body)
		memcpy(&f->config[at + 2], body, size - 2);
	if (writable)
		memcpy(&f->writable[at + 2], writable, size - 2);
	/* The last one so far, or the header, points to it. */
	f->config[f->last_cap ? f->last_cap + 1 : PCI_CAP_POINTER] = (uint8_t)at;
	f->config[PCI_STATUS] |= PCI_STATUS_CAPS;
	f->last_cap = at;
	f->next_cap = (at + size + 3) & ~3u;
	return at;
}

void pci_bus_init(struct pci_bus *bus, const struct pci_host *host)
{
	memset(bus, 0, sizeof(*bus));
	bus->host = *host;
	pthread_mutex_init(&bus->lock, NULL);
	put_in(bus, &bus->bridge, 0);
	fill(&bus->bridge, &bridge_ids);
	bus->slot[0] = &bus->bridge;
}

void pci_bus_finish(struct pci_bus *bus)
{
	pthread_mutex_destroy(&bus->lock);
}

void pci_bus_set_window(struct pci_bus *bus, uint64_t base, uint64_t size)
{
	pthread_mutex_lock(&bus->lock);
	bus->window = base;
	bus->window_size = size;
	decode(bus, NULL);
	pthread_mutex_unlock(&bus->lock);
}

void pci_bus_reset(struct pci_bus *bus)
{
	pthread_mutex_lock(&bus->lock);
	for (unsigned i = 0; i < PCI_SLOTS; i++) {
		struct pci_function *f = bus->slot[i];

		if (!f)
			continue;
		for (unsigned at = 0; at < PCI_CONFIG; at++)
			f->config[at] &= (uint8_t)~f->writable[at];
		pci_msix_reset(f);
		set_intx(f, false);
	}
	decode(bus, NULL);
	pthread_mutex_unlock(&bus->lock);
}
