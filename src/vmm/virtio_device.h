/* SPDX-License-Identifier: MIT */
/*
 * What virtio devices are made of: the common part, its virtqueues and its registers.
 *
 * Locks: virtio_device.lock protects what vCPU threads set up through the registers; the bus's lock
 * is taken inside it. A queue's place in its rings belongs to the device's thread alone. What the
 * driver set up does not change while the thread is busy: the registers refuse it, and a reset
 * waits.
 */
#ifndef VMM_VIRTIO_DEVICE_H
#define VMM_VIRTIO_DEVICE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "vmm/dma.h"
#include "vmm/pci.h"
#include "vmm/virtio.h"

#define VIRTQ_MAX_SIZE	   256u /* descriptors of a queue, and of a chain: 2.7.5.3.1 */
#define VIRTIO_MAX_QUEUES  VIRTIO_BLK_MAX_QUEUES
#define VIRTIO_CONFIG_SIZE 64u

/* Device types (5) and feature bits (6). */
enum { VIRTIO_TYPE_BLK = 2, VIRTIO_TYPE_CONSOLE = 3, VIRTIO_TYPE_RNG = 4 };
#define VIRTIO_F_INDIRECT_DESC (UINT64_C(1) << 28)
#define VIRTIO_F_EVENT_IDX     (UINT64_C(1) << 29)
#define VIRTIO_F_VERSION_1     (UINT64_C(1) << 32)

/* Device status, 2.1. */
enum {
	VIRTIO_S_ACKNOWLEDGE = 1,
	VIRTIO_S_DRIVER = 2,
	VIRTIO_S_DRIVER_OK = 4,
	VIRTIO_S_FEATURES_OK = 8,
	VIRTIO_S_NEEDS_RESET = 64,
	VIRTIO_S_FAILED = 128,
};

#define VIRTIO_NO_VECTOR 0xffffu

struct virtio_device;

struct virtq {
	struct virtio_device *d;
	unsigned index;

	/* Under the device's lock; constant once the queue is enabled. */
	bool enabled;
	uint16_t size;
	uint64_t desc_gpa, avail_gpa, used_gpa;
	uint8_t *desc, *avail, *used; /* the rings, when enabled */

	uint16_t vector; /* under the device's lock */

	/* The device's thread's. */
	uint16_t next_avail; /* the next entry of the available ring to take */
	uint16_t next_used;
	uint16_t signalled; /* next_used when the driver was last told, or decided not to be */
};

/*
 * A descriptor chain. What the device reads comes first, then what it writes (2.7.4.2). The
 * functions below eat it from the front or back.
 */
struct virtq_chain {
	uint16_t head;
	unsigned nr_out, nr_in;
	struct iovec *out, *in;
	uint64_t out_len, in_len;
	struct iovec iov[VIRTQ_MAX_SIZE];
};

struct virtio_ops {
	/* Works through queue @index; on the device's thread. */
	void (*process)(struct virtio_device *d, unsigned index);
	/*
	 * NULL, or: the driver writes the device-specific configuration, which has not changed yet.
	 * With the lock held.
	 */
	void (*config_write)(struct virtio_device *d, unsigned offset, unsigned len,
			     uint32_t value);
	/* NULL, or: FEATURES_OK was set, so d->accepted is final. With the lock held. */
	void (*negotiated)(struct virtio_device *d);
	/* NULL, or: the device is reset. With the lock held, and nothing in flight. */
	void (*reset)(struct virtio_device *d);
	/* Frees the device; its thread is gone, and virtio_finish() called. */
	void (*destroy)(struct virtio_device *d);
};

struct virtio_device {
	const struct virtio_ops *ops;
	const char *name; /* for messages and the thread */
	const struct dma *dma;
	struct pci_function pci;
	unsigned nr_queues;
	uint64_t offered; /* features */

	pthread_mutex_t lock;
	pthread_cond_t work; /* for the device's thread */
	pthread_cond_t idle; /* the device's thread is not busy */
	pthread_t thread;
	bool busy; /* the thread is in ops->process */
	bool stop;

	/* The registers' state (4.1.4.3); under the lock. */
	uint32_t device_feature_select, driver_feature_select;
	uint64_t accepted; /* features; constant from FEATURES_OK on */
	uint16_t config_vector;
	uint16_t queue_select;
	uint8_t status;
	uint8_t generation;
	uint8_t isr;
	uint8_t config[VIRTIO_CONFIG_SIZE]; /* little-endian, as the driver sees it */
	unsigned config_len;
	struct virtq queue[VIRTIO_MAX_QUEUES];

	atomic_uint resetting; /* who waits for the thread to leave ops->process */
	atomic_uint kicked;    /* a bit for each queue that has something new */
	atomic_uint later;     /* ... and for each that is to be tried again in a moment */
	atomic_bool broken;    /* NEEDS_RESET is set */
	bool reported;	       /* the user has been told of a broken driver */
	unsigned cap_pci_cfg;  /* where that capability is */
};

/* ---- Life: virtio_device.c ---- */

struct virtio_setup {
	const struct virtio_ops *ops;
	const char *name;
	unsigned type;
	uint32_t class_code;
	unsigned nr_queues;
	uint64_t features; /* of the device type */
	unsigned config_len;
	bool with_msix;
};

/* Puts @d on the bus and starts its thread. 0, or a status after a message. */
int virtio_init(struct virtio_device *d, struct pci_bus *bus, const struct dma *dma,
		const struct virtio_setup *setup);

/* Any thread: queue @index has something new. */
void virtio_kick(struct virtio_device *d, unsigned index);

/* On the thread: false if it should leave what it does now, and come back when it is called. */
bool virtio_may_run(struct virtio_device *d, unsigned index);

/* On the thread: there is more in queue @index, after the other queues had their turn. */
void virtio_again(struct virtio_device *d, unsigned index);

/* On the thread: queue @index cannot be worked on now, but perhaps in a moment. */
void virtio_later(struct virtio_device *d, unsigned index);

/* Somebody waits for the thread to leave what it does. */
static inline bool virtio_resetting(struct virtio_device *d)
{
	return atomic_load(&d->resetting) != 0;
}

/* Without the lock: the driver said DRIVER_OK, and has done nothing wrong since. */
bool virtio_running(struct virtio_device *d);

/* On the thread: tells the driver to read the device-specific configuration again. */
void virtio_config_changed(struct virtio_device *d);

/* The driver has broken the rules: nothing more happens before it resets the device (2.1.2). */
void virtio_break(struct virtio_device *d, const char *why);

/* The same, and the others below, with the lock held. */
void virtio_break_locked(struct virtio_device *d, const char *why);
void virtio_set_status(struct virtio_device *d, uint8_t status);
void virtio_reset_locked(struct virtio_device *d);
enum virtio_isr { VIRTIO_ISR_QUEUE = 1, VIRTIO_ISR_CONFIG = 2 };
void virtio_interrupt(struct virtio_device *d, uint16_t vector, enum virtio_isr why);

/* ---- Registers: virtio_pci.c ---- */

int virtio_pci_init(struct virtio_device *d, struct pci_bus *bus, const struct virtio_setup *s);

/* ---- Virtqueues: virtio_queue.c ---- */

void virtq_reset(struct virtq *q);
/* With the lock held: finds the rings. False: they are not where rings can be. */
bool virtq_enable(struct virtq *q);

/* All below: on the device's thread. */

/* The next chain, or false. */
bool virtq_pop(struct virtq *q, struct virtq_chain *c);
/* Gives it back with the first @written bytes of its buffers changed. */
void virtq_push(struct virtq *q, const struct virtq_chain *c, uint64_t written);
/*
 * Tells the driver of all chains given back since the last time, unless it does not want to know.
 * Once in a while: at the latest after 65535 of them.
 */
void virtq_signal(struct virtq *q);
/* The driver need not notify; advice. */
void virtq_quiet(struct virtq *q);
/* It shall again. True if there is something to pop by now. */
bool virtq_rearm(struct virtq *q);

/* Eats @n bytes of what the device reads. False: there are not as many. */
bool virtq_read(struct virtq_chain *c, void *to, size_t n);
/* Fills @n bytes at the front of what the device writes. */
bool virtq_write(struct virtq_chain *c, const void *from, size_t n);
/* Takes the last byte off what the device writes: a status. NULL: there is none. */
uint8_t *virtq_last_byte(struct virtq_chain *c);

#endif
