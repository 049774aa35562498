/* SPDX-License-Identifier: MIT */
/*
 * A driver for virtio devices, as a guest would have: it finds a device through configuration
 * space, drives it through its BARs, and shares memory with it. The interrupts are recorded.
 */
#ifndef TEST_VIRTIO_H
#define TEST_VIRTIO_H

#include "cm.h"

#include <pthread.h>
#include <stdbool.h>

#include "vmm/dma.h"
#include "vmm/pci.h"
#include "vmm/virtio.h"

#define RAM_BASE  UINT64_C(0x40000000)
#define RAM_SIZE  UINT64_C(0x400000)
#define DATA	  (RAM_BASE + 0x200000) /* for the tests; what is below is the rings' */
#define RING_SIZE 256u

enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8, NEEDS_RESET = 64 };
#define F_INDIRECT  (UINT64_C(1) << 28)
#define F_EVENT_IDX (UINT64_C(1) << 29)
#define F_VERSION_1 (UINT64_C(1) << 32)

enum { DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4 };

/* The common configuration's fields: offset, width. */
#define C_DEVICE_SELECT 0, 4
#define C_DEVICE	4, 4
#define C_DRIVER_SELECT 8, 4
#define C_DRIVER	12, 4
#define C_CONFIG_VECTOR 16, 2
#define C_NUM_QUEUES	18, 2
#define C_STATUS	20, 1
#define C_GENERATION	21, 1
#define C_SELECT	22, 2
#define C_SIZE		24, 2
#define C_VECTOR	26, 2
#define C_ENABLE	28, 2
#define C_NOTIFY_OFF	30, 2

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

struct driver_queue {
	uint64_t desc, avail, used; /* guest physical */
	unsigned size;
	uint16_t next_avail, next_used;
};

struct driver {
	struct pci_bus bus;
	struct dma dma;
	struct virtio_device *d;
	uint64_t features; /* as negotiated */

	/* What the capabilities say: guest physical addresses. */
	uint64_t common, isr, config, notify;
	unsigned config_len, notify_multiplier, pci_cfg, nr_vectors;
	struct driver_queue queue[VIRTIO_BLK_MAX_QUEUES];

	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned messages[PCI_MSIX_MAX]; /* by vector */
	unsigned held;			 /* messages refused */
	bool hold;
	bool line; /* INTx */
};

/* The bus, and memory. The device is then created by the test, in slot 1. */
void driver_init(struct driver *v);
void driver_finish(struct driver *v);

uint32_t driver_pci_read(struct driver *v, unsigned offset, unsigned len);
void driver_pci_write(struct driver *v, unsigned offset, unsigned len, uint32_t value);
uint64_t driver_read(struct driver *v, uint64_t addr, unsigned len);
void driver_write(struct driver *v, uint64_t addr, unsigned len, uint64_t value);
uint32_t common_read(struct driver *v, unsigned offset, unsigned len);
void common_write(struct driver *v, unsigned offset, unsigned len, uint32_t value);

/* BARs, capabilities, MSI-X with vector n sending data n. */
void driver_probe(struct driver *v, bool msix);
uint64_t driver_offered(struct driver *v);
/* Up to FEATURES_OK: false if the device does not agree. */
bool driver_negotiate(struct driver *v, uint64_t features);
/* Queue @index with its vector index + 1; vector 0 is the configuration's. */
void driver_queue(struct driver *v, unsigned index, unsigned size);
/* All of it: every queue, RING_SIZE long, and DRIVER_OK. */
void driver_start(struct driver *v, uint64_t features);

void *ram(struct driver *v, uint64_t gpa);
void driver_desc(struct driver *v, unsigned q, unsigned n, uint64_t addr, uint32_t len,
		 unsigned flags, unsigned next);
/* Makes the chain at @head available; without notifying. */
void driver_offer(struct driver *v, unsigned q, unsigned head);
void driver_notify(struct driver *v, unsigned q);
uint16_t driver_used_index(struct driver *v, unsigned q);
/* Waits for one more used chain: its head, and what was written. */
unsigned driver_used(struct driver *v, unsigned q, uint32_t *written);
/* Until the vector has been sent @count times, or the status has @bits. False: not in 5 s. */
bool driver_wait_message(struct driver *v, unsigned vector, unsigned count);
unsigned driver_messages(struct driver *v, unsigned vector);
bool driver_line(struct driver *v);
bool driver_wait_status(struct driver *v, unsigned bits);
/* A while in which something wrong would happen. */
void driver_pause(void);

/* A block request on queue @q, one data buffer; the status byte. */
unsigned driver_blk(struct driver *v, unsigned q, uint32_t type, uint64_t sector, uint64_t data,
		    uint32_t len, bool to_guest, uint32_t *written);

#endif
