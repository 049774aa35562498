/* SPDX-License-Identifier: MIT */
/*
 * A PCI Express host bridge with one bus ("pci-host-ecam-generic"): configuration space, base
 * address registers, MSI-X and the four INTx lines (PCI Local Bus 3.0, PCI Express Base 4.0).
 *
 * Functions and the bus are as old as the program. vCPU threads read and write; a device's own
 * thread sends its interrupts. The bus has one lock, for configuration space and MSI-X, which is
 * never held while a function's bar_read or bar_write runs.
 */
#ifndef VMM_PCI_H
#define VMM_PCI_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define PCI_SLOTS    32u /* devices on the bus; a device here has one function */
#define PCI_BARS     6u
#define PCI_CONFIG   256u
#define PCI_NR_INTX  4u
#define PCI_ECAM_BUS 0x100000u /* bytes of configuration space of one bus */
#define PCI_MSIX_MAX 64u       /* vectors of a function */

struct pci_bus;
struct pci_function;

struct pci_function_ops {
	/*
	 * The guest's access to memory BAR @bar at @offset, @len 1, 2, 4 or 8, naturally aligned;
	 * values are little-endian numbers. The BAR of the MSI-X table never comes here.
	 */
	uint64_t (*bar_read)(void *opaque, unsigned bar, uint64_t offset, unsigned len);
	void (*bar_write)(void *opaque, unsigned bar, uint64_t offset, unsigned len,
			  uint64_t value);
	/*
	 * NULL, or: an access of 1, 2 or 4 bytes to the function's own capabilities, aligned, at
	 * @offset in configuration space. Read: true if *value is the answer. Write: called after
	 * the bytes have changed; pci_config_get() reads them.
	 */
	bool (*config_read)(void *opaque, unsigned offset, unsigned len, uint32_t *value);
	void (*config_write)(void *opaque, unsigned offset, unsigned len);
};

struct pci_bar {
	uint64_t size; /* a power of two; 0: there is none */
	bool wide;     /* 64 bits: takes the next one as well */
};

/* Its lock is the bus's. */
struct pci_msix {
	uint32_t entry[PCI_MSIX_MAX][4]; /* address low, high, data, vector control */
	uint64_t pending;		 /* the PBA: messages that wait for a mask to go */
	uint64_t held;			 /* messages that the host would not take */
};

struct pci_function {
	const struct pci_function_ops *ops;
	void *opaque;
	struct pci_bar bar[PCI_BARS];
	unsigned nr_msix;  /* at most PCI_MSIX_MAX; 0: none */
	unsigned msix_bar; /* all of it is the bus's: pci_add() makes it as large as it must be */

	/* The bus's. */
	struct pci_bus *bus;
	unsigned slot;
	uint8_t config[PCI_CONFIG];
	uint8_t writable[PCI_CONFIG]; /* bits that the guest may change */
	unsigned next_cap;	      /* where the next capability goes */
	unsigned last_cap;
	unsigned msix_cap;
	struct pci_msix msix;
	bool intx;     /* the function wants an interrupt */
	bool asserted; /* and asserts its line for it */
};

/* A BAR that answers. */
struct pci_region {
	uint64_t base, size;
	struct pci_function *f;
	unsigned bar;
};

struct pci_host {
	void *opaque;
	/* INTA..INTD of the bridge, as levels. */
	void (*set_intx)(void *opaque, unsigned line, bool level);
	/*
	 * A message: @data is written to @address by requester @rid (the DeviceID of the ITS).
	 * False: not now. It is sent again by pci_resend().
	 */
	bool (*msi)(void *opaque, uint64_t address, uint32_t data, uint16_t rid);
};

struct pci_bus {
	struct pci_host host;
	uint64_t window, window_size; /* memory for BARs, in guest physical addresses */
	pthread_mutex_t lock;
	struct pci_function *slot[PCI_SLOTS]; /* [0] is the bridge's own */
	struct pci_function bridge;
	unsigned intx_count[PCI_NR_INTX]; /* functions that assert the line */
	/* In the order of their addresses; no two overlap. */
	struct pci_region region[PCI_SLOTS * PCI_BARS];
	unsigned nr_regions;
};

void pci_bus_init(struct pci_bus *bus, const struct pci_host *host);
void pci_bus_finish(struct pci_bus *bus);
void pci_bus_set_window(struct pci_bus *bus, uint64_t base, uint64_t size);

/*
 * Puts a function into the lowest free slot. Its ops, opaque, bar[], nr_msix and msix_bar are set;
 * with @with_msix false the MSI-X capability is left out. @class_code: 24 bits. Returns 0, or -1 if
 * the bus is full. BARs have no address until the guest gives them one.
 */
struct pci_ids {
	uint16_t vendor, device, subsystem_vendor, subsystem;
	uint32_t class_code;
	uint8_t revision;
};
int pci_add(struct pci_bus *bus, struct pci_function *f, const struct pci_ids *ids, bool with_msix);

/*
 * A capability of @size bytes, ID and next pointer included, with @body (NULL: zeroes) behind these
 * two; @writable (or NULL) says which bits of that the guest may change, which are zero after a
 * reset. After pci_add(). Returns its offset; 0: no room.
 */
unsigned pci_add_capability(struct pci_function *f, uint8_t id, const void *body,
			    const void *writable, unsigned size);

/* All functions as after power on: no BAR, no MSI-X, no interrupt. The devices reset themselves. */
void pci_bus_reset(struct pci_bus *bus);

/*
 * The guest's accesses, @len up to 8 and of any alignment: to the ECAM, where what is absent reads
 * as ones, and to the BAR that is at @addr. False: nothing is there.
 */
uint64_t pci_ecam_read(struct pci_bus *bus, uint64_t offset, unsigned len);
void pci_ecam_write(struct pci_bus *bus, uint64_t offset, unsigned len, uint64_t value);
bool pci_mmio_read(struct pci_bus *bus, uint64_t addr, unsigned len, uint64_t *value);
bool pci_mmio_write(struct pci_bus *bus, uint64_t addr, unsigned len, uint64_t value);

/* ---- For functions; any thread ---- */

/* Sends message @vector, now or when its mask goes. False: MSI-X is off, so use INTx. */
bool pci_msix_send(struct pci_function *f, unsigned vector);
bool pci_msix_enabled(struct pci_function *f);
void pci_set_intx(struct pci_function *f, bool level);
/* The guest lets the function read and write memory. */
bool pci_bus_master(struct pci_function *f);
/* @len bytes, up to 4, of configuration space at @offset, as they are now. */
uint32_t pci_config_get(struct pci_function *f, unsigned offset, unsigned len);
static inline uint16_t pci_rid(const struct pci_function *f)
{
	return (uint16_t)(f->slot << 3);
}

/* Sends what the host did not take before. */
void pci_resend(struct pci_bus *bus);

#endif
