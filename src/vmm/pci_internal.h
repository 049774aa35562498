/* SPDX-License-Identifier: MIT */
/* What pci.c and pci_msix.c know of each other and of configuration space (PCI 3.0, chapter 6). */
#ifndef VMM_PCI_INTERNAL_H
#define VMM_PCI_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/pci.h"

/* Offsets in configuration space: 6.1. */
enum {
	PCI_VENDOR = 0x00,
	PCI_DEVICE = 0x02,
	PCI_COMMAND = 0x04,
	PCI_STATUS = 0x06,
	PCI_REVISION = 0x08,
	PCI_CLASS = 0x09,
	PCI_CACHE_LINE = 0x0c,
	PCI_BAR0 = 0x10,
	PCI_SUBSYSTEM_VENDOR = 0x2c,
	PCI_SUBSYSTEM = 0x2e,
	PCI_CAP_POINTER = 0x34,
	PCI_INT_LINE = 0x3c,
	PCI_INT_PIN = 0x3d,
	PCI_FIRST_CAP = 0x40,
};

/* 6.2.2 and 6.2.3 */
enum {
	PCI_COMMAND_MEMORY = 1 << 1,
	PCI_COMMAND_MASTER = 1 << 2,
	PCI_COMMAND_PARITY = 1 << 6,
	PCI_COMMAND_SERR = 1 << 8,
	PCI_COMMAND_NO_INTX = 1 << 10,
	PCI_STATUS_INTX = 1 << 3,
	PCI_STATUS_CAPS = 1 << 4,
};

#define PCI_CAP_MSIX 0x11u

static inline uint32_t pci_get(const struct pci_function *f, unsigned offset, unsigned len)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < len; i++)
		v |= (uint32_t)f->config[offset + i] << (8 * i);
	return v;
}

static inline void pci_put(struct pci_function *f, unsigned offset, unsigned len, uint32_t v)
{
	for (unsigned i = 0; i < len; i++)
		f->config[offset + i] = (uint8_t)(v >> (8 * i));
}

/* ---- pci_msix.c; all with the bus's lock held ---- */

/* Adds the capability, and the table's BAR. */
void pci_msix_init(struct pci_function *f);
void pci_msix_reset(struct pci_function *f);
/* MSI-X is what the function interrupts with. */
bool pci_msix_on(const struct pci_function *f);
/* The capability's control register, or the command register, has changed. */
void pci_msix_update(struct pci_function *f);
/* The BAR with table and PBA, naturally aligned. */
uint64_t pci_msix_read(struct pci_function *f, uint64_t offset, unsigned len);
void pci_msix_write(struct pci_function *f, uint64_t offset, unsigned len, uint64_t value);

#endif
