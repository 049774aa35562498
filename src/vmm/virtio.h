/* SPDX-License-Identifier: MIT */
/*
 * The virtio devices of the machine, on its PCI bus (Virtual I/O Device 1.2, modern devices only).
 *
 * A device lives as long as the program, and has a thread that moves the data: the guest's
 * notifications only wake it. It uses guest memory from the driver's DRIVER_OK until it is reset,
 * by the driver or by virtio_reset().
 */
#ifndef VMM_VIRTIO_H
#define VMM_VIRTIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/dma.h"
#include "vmm/pci.h"

#define VIRTIO_BLK_MAX_QUEUES 16u

struct virtio_device;

/*
 * The create functions return 0, or a status after having said what is wrong. The bus and @dma must
 * outlive the device; what *@dma says is read when the guest sets up the device, so it may change
 * while the device is reset. Without MSI-X a device uses INTx.
 */

struct virtio_blk_config {
	const char *path;   /* a file or a block device, raw */
	const char *serial; /* up to 20 characters that the guest can ask for; NULL: none */
	bool readonly;
	unsigned nr_queues; /* 1 to VIRTIO_BLK_MAX_QUEUES */
	bool with_msix;
};
int virtio_blk_create(struct virtio_device **d, struct pci_bus *bus, const struct dma *dma,
		      const struct virtio_blk_config *config);

int virtio_rng_create(struct virtio_device **d, struct pci_bus *bus, const struct dma *dma,
		      bool with_msix);

struct virtio_console_host {
	void *opaque;
	/* Output of the guest, from the device's thread; may block. */
	void (*transmit)(void *opaque, const uint8_t *bytes, size_t n);
	/* virtio_console_receive() can take bytes again after it did not take all. No lock held. */
	void (*room)(void *opaque);
};
int virtio_console_create(struct virtio_device **d, struct pci_bus *bus, const struct dma *dma,
			  const struct virtio_console_host *host, bool with_msix);

/* Offers input; returns how many bytes were taken. None are before the guest's driver is there. */
size_t virtio_console_receive(struct virtio_device *d, const uint8_t *bytes, size_t n);

/*
 * As after power on. When it returns, nothing is in flight and the device leaves guest memory
 * alone: to be called before RAM goes away. Any thread, but not the device's own (its callbacks).
 */
void virtio_reset(struct virtio_device *d);

/* The same, and ends the thread. The bus must not be used any more. NULL is fine. */
void virtio_destroy(struct virtio_device *d);

#endif
