/* SPDX-License-Identifier: MIT */
/*
 * The machine that fuzz/virtio.c plays with: a PCI bus with a disk, a disk that is read-only, an
 * entropy source and a console. Each device has memory of its own, with nothing mapped around it:
 * what a device touches outside ends the process, and two devices that a guest lets write to the
 * same place are no race of ours.
 */
#ifndef FUZZ_VIRTIO_H
#define FUZZ_VIRTIO_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "vmm/dma.h"
#include "vmm/pci.h"
#include "vmm/virtio.h"
#include "vmm/virtio_device.h"

/* On both sides of 4 GiB. */
#define WINDOW	    UINT64_C(0xff000000)
#define WINDOW_SIZE UINT64_C(0x2000000)
#define RAM	    UINT64_C(0x40000000)
#define RAM_SIZE    0x40000u
#define RAM_END	    (RAM + RAM_SIZE)
#define RINGS(q)    (RAM + 0x2000 * (q)) /* descriptors, rings at 0x1000 and 0x1400 */
#define TABLES	    (RAM + 0x8000)	 /* indirect ones */
#define DATA	    (RAM + 0x10000)
#define SECTORS	    256u
#define TAIL	    100u /* bytes of the file behind the last sector: nobody's */
#define DISK_QUEUES 4u

enum { DISK, READONLY, ENTROPY, CONSOLE, NR_DEVICES };

enum { DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4 };
enum { T_IN = 0, T_OUT = 1, T_FLUSH = 4, T_GET_ID = 8, T_DISCARD = 11, T_ZEROES = 13 };

/* Fields of the common configuration: 4.1.4.3. */
enum {
	C_DEVICE_SELECT = 0,
	C_DEVICE = 4,
	C_DRIVER_SELECT = 8,
	C_DRIVER = 12,
	C_CONFIG_VECTOR = 16,
	C_STATUS = 20,
	C_SELECT = 22,
	C_SIZE = 24,
	C_VECTOR = 26,
	C_ENABLE = 28,
	C_DESC = 32,
	C_AVAIL = 40,
	C_USED = 48,
};

/* Pages of a device's registers. */
enum { REGS_COMMON = 0, REGS_ISR = 0x1000, REGS_DEVICE = 0x2000, REGS_NOTIFY = 0x3000 };

struct machine {
	struct pci_bus bus;
	struct virtio_device *d[NR_DEVICES];
	struct dma dma[NR_DEVICES];
	int file[2];
	uint8_t power_on[NR_DEVICES][PCI_CONFIG];

	atomic_bool hold; /* messages are refused */
	atomic_uint messages[NR_DEVICES][PCI_MSIX_MAX];
	atomic_bool line[PCI_NR_INTX];
	atomic_ulong printed; /* by the console */
	atomic_uchar last;    /* byte of that */
	atomic_bool shrunk;
	atomic_uint of_disks, of_devices; /* messages to the user */
};

extern struct machine m;

#define check(ok)                                                                    \
	do {                                                                         \
		if (!(ok)) {                                                         \
			fprintf(stderr, "%s:%d: not %s\n", __FILE__, __LINE__, #ok); \
			abort();                                                     \
		}                                                                    \
	} while (0)

/* Nothing here takes long: it is given time for a host that is busy. */
#define until(ok)                                      \
	do {                                           \
		uint64_t begin_ = fuzz_now_ms();       \
		for (unsigned n_ = 0; !(ok); n_++) {   \
			check(fuzz_pause(n_, begin_)); \
		}                                      \
	} while (0)

uint64_t fuzz_now_ms(void);
/* False after 30 seconds. */
bool fuzz_pause(unsigned n, uint64_t since_ms);

void fuzz_machine_create(void);
void fuzz_machine_destroy(void);
/* The disks' contents are what they were at first. */
void fuzz_machine_start(void);
/* The machine's reset, and that all is as after power on. */
void fuzz_machine_reset(void);
/* What holds whatever a guest did. */
void fuzz_machine_check(void);
/* Somebody makes the disk's file shorter, and as it was. */
void fuzz_shrink(void);
void fuzz_grow(void);
/* Until device @dev has nothing to do, or is still at it after a while. */
void fuzz_settle(unsigned dev);

static inline uint64_t fuzz_config_at(unsigned dev, unsigned offset)
{
	return (uint64_t)(dev + 1) << 15 | offset;
}

/* Where probing puts the BARs; the registers of some are above 4 GiB. */
static inline uint64_t fuzz_table(unsigned dev)
{
	return WINDOW + 0x10000 * dev;
}

static inline uint64_t fuzz_regs(unsigned dev)
{
	return WINDOW + (dev & 1 ? WINDOW_SIZE - 0x100000 : 0x100000) + 0x10000 * dev;
}

static inline unsigned fuzz_nr_queues(unsigned dev)
{
	return dev == ENTROPY ? 1 : dev == CONSOLE ? 2 : DISK_QUEUES;
}

/* Memory as a guest's CPU sees it: bytes that the device reads and writes as well. */
uint64_t fuzz_load(unsigned dev, uint64_t gpa, unsigned len);
void fuzz_store(unsigned dev, uint64_t gpa, unsigned len, uint64_t value);
void fuzz_fill(unsigned dev, uint64_t gpa, unsigned len, uint8_t value);
void fuzz_desc(unsigned dev, uint64_t at, uint64_t addr, uint32_t len, unsigned flags,
	       unsigned next);

/* A driver without fault finds device @dev as it should be, and uses it. */
struct fuzz_manner {
	bool msix, event_idx, indirect;
	bool hold;    /* messages are, for a while */
	uint8_t salt; /* for what is written */
};
void fuzz_drive(unsigned dev, struct fuzz_manner how);

#endif
