/* SPDX-License-Identifier: MIT */
/*
 * MSI-X (PCI 3.0, 6.8.2): a table with a message for each vector, and the PBA, one bit for each
 * message that waits for its mask to be cleared.
 *
 * A message is sent with the bus's lock held, so that none arrives once the guest has masked the
 * vector and read that back. One that the host will not take now ("held") is neither lost nor seen
 * in the PBA: for the guest it is on its way. Waiting messages of one vector are one message, as
 * they are in the PBA.
 */
#include <string.h>

#include "vmm/pci_internal.h"
#include "vmm/report.h"

/* Where they are in the BAR. */
#define TABLE_AT 0x000u
#define PBA_AT	 0x800u
#define BAR_SIZE 0x1000u
#define ENTRY	 16u
#define CAP_SIZE 12u
#define CONTROL	 2u /* offset of Message Control in the capability */
#define ENABLE	 (1u << 15)
#define MASK_ALL (1u << 14)
#define MASKED	 1u /* in an entry's vector control */

_Static_assert(PCI_MSIX_MAX *ENTRY <= PBA_AT, "the table ends before the PBA");
_Static_assert(PCI_MSIX_MAX <= 64, "the PBA is one word");

static unsigned control(const struct pci_function *f)
{
	return pci_get(f, f->msix_cap + CONTROL, 2);
}

bool pci_msix_on(const struct pci_function *f)
{
	return f->msix_cap && control(f) & ENABLE;
}

/* Without bus mastering a function cannot write, and a message is a write. */
static bool may_send(const struct pci_function *f, unsigned vector)
{
	return (control(f) & (ENABLE | MASK_ALL)) == ENABLE &&
	       pci_get(f, PCI_COMMAND, 2) & PCI_COMMAND_MASTER &&
	       !(f->msix.entry[vector][3] & MASKED);
}

/* Message @vector is due. */
static void send(struct pci_function *f, unsigned vector)
{
	const struct pci_host *host = &f->bus->host;
	const uint32_t *e = f->msix.entry[vector];
	const uint64_t bit = UINT64_C(1) << vector;
	const uint64_t address = (uint64_t)e[1] << 32 | e[0];
	const char *how = "waits for its mask";

	f->msix.pending &= ~bit;
	f->msix.held &= ~bit;
	if (!may_send(f, vector)) {
		f->msix.pending |= bit;
	} else if (host->msi(host->opaque, address, e[2], pci_rid(f))) {
		how = "sent";
	} else {
		f->msix.held |= bit;
		how = "held";
	}
	VMM_TRACE(PCI_MSIX, "%02x.0 vector %u: 0x%x to 0x%llx %s", f->slot, vector, e[2],
		  (unsigned long long)address, how);
}

/* All that waits and may be sent. */
static void flush(struct pci_function *f)
{
	uint64_t waiting = f->msix.pending | f->msix.held;

	for (; waiting; waiting &= waiting - 1) {
		unsigned vector = (unsigned)__builtin_ctzll(waiting);

		if (may_send(f, vector) || f->msix.held >> vector & 1)
			send(f, vector);
	}
}

void pci_msix_init(struct pci_function *f)
{
	f->bar[f->msix_bar] = (struct pci_bar){.size = BAR_SIZE};
	f->msix_cap = pci_add_capability(f, PCI_CAP_MSIX, NULL, NULL, CAP_SIZE);
	pci_put(f, f->msix_cap + CONTROL, 2, f->nr_msix - 1);
	pci_put(f, f->msix_cap + 4, 4, TABLE_AT | f->msix_bar);
	pci_put(f, f->msix_cap + 8, 4, PBA_AT | f->msix_bar);
	f->writable[f->msix_cap + CONTROL + 1] = (ENABLE | MASK_ALL) >> 8;
	pci_msix_reset(f);
}

void pci_msix_reset(struct pci_function *f)
{
	memset(&f->msix, 0, sizeof(f->msix));
	for (unsigned i = 0; i < PCI_MSIX_MAX; i++)
		f->msix.entry[i][3] = MASKED;
}

void pci_msix_update(struct pci_function *f)
{
	if (pci_msix_on(f)) {
		flush(f);
	} else {
		f->msix.pending = 0;
		f->msix.held = 0;
	}
}

/* ---- Table and PBA ---- */

static uint32_t read32(const struct pci_function *f, uint64_t offset)
{
	if (offset < (uint64_t)f->nr_msix * ENTRY)
		return f->msix.entry[offset / ENTRY][offset / 4 % 4];
	if (offset >= PBA_AT && offset < PBA_AT + 8)
		return (uint32_t)(f->msix.pending >> (8 * (offset - PBA_AT)));
	return 0;
}

/* Narrower accesses than of 4 bytes are undefined; here they read their part. */
uint64_t pci_msix_read(struct pci_function *f, uint64_t offset, unsigned len)
{
	if (len == 8)
		return read32(f, offset) | (uint64_t)read32(f, offset + 4) << 32;
	return read32(f, offset & ~UINT64_C(3)) >> (8 * (offset & 3));
}

static void write32(struct pci_function *f, uint64_t offset, uint32_t value)
{
	static const uint32_t writable[4] = {~3u, ~0u, ~0u, MASKED};
	const unsigned vector = (unsigned)(offset / ENTRY), word = offset / 4 % 4;

	if (offset >= (uint64_t)f->nr_msix * ENTRY)
		return;
	f->msix.entry[vector][word] = value & writable[word];
	if (f->msix.pending >> vector & 1 && may_send(f, vector))
		send(f, vector);
}

/* Narrower accesses than of 4 bytes are undefined; here they are ignored, as writes to the PBA. */
void pci_msix_write(struct pci_function *f, uint64_t offset, unsigned len, uint64_t value)
{
	if (len < 4)
		return;
	write32(f, offset, (uint32_t)value);
	if (len == 8)
		write32(f, offset + 4, (uint32_t)(value >> 32));
}

/* ---- For functions ---- */

bool pci_msix_send(struct pci_function *f, unsigned vector)
{
	bool on;

	pthread_mutex_lock(&f->bus->lock);
	on = pci_msix_on(f);
	if (on && vector < f->nr_msix)
		send(f, vector);
	pthread_mutex_unlock(&f->bus->lock);
	return on;
}

bool pci_msix_enabled(struct pci_function *f)
{
	bool on;

	pthread_mutex_lock(&f->bus->lock);
	on = pci_msix_on(f);
	pthread_mutex_unlock(&f->bus->lock);
	return on;
}

void pci_resend(struct pci_bus *bus)
{
	pthread_mutex_lock(&bus->lock);
	for (unsigned i = 0; i < PCI_SLOTS; i++)
		if (bus->slot[i] && bus->slot[i]->msix.held)
			flush(bus->slot[i]);
	pthread_mutex_unlock(&bus->lock);
}
