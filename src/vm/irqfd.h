/* SPDX-License-Identifier: MIT */
/*
 * Interrupts by number (GSI): which input each number means, and eventfds that raise them.
 *
 * A thread of the VM's own, started with the first eventfd, polls them. As in KVM an eventfd that
 * user space closes is gone by itself.
 */
#ifndef AM_VM_IRQFD_H
#define AM_VM_IRQFD_H

#include <armature/kvm.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define VM_MAX_GSIS 4096u
#define VM_NR_PINS  988u /* inputs of the interrupt controller: SPIs */

struct vm;
struct vm_irqfd;
struct vm_routes;

#define IRQFD_BUCKETS 64u

struct vm_irqs {
	/* All that follows. Above the locks of the GIC. Held while an interrupt goes in. */
	pthread_mutex_t lock;
	struct vm_routes *routes; /* NULL: no number means anything */
	struct vm_irqfd *bucket[IRQFD_BUCKETS];
	uint64_t last_token;
	int epoll, known, stop; /* -1 until there is a thread */
	unsigned nr_held, sweep_at;
	pthread_t thread;
	atomic_uint nr_resample; /* who wants to be told of finished interrupts */
};

void vm_irqs_init(struct vm *vm);
void vm_irqs_finish(struct vm *vm);

/* KVM_SET_GSI_ROUTING, after the checks on the numbers of entries. */
int vm_set_routes(struct vm *vm, const struct kvm_irq_routing_entry *e, unsigned n);
/* Number n is SPI n, for all there are. */
int vm_default_routes(struct vm *vm);
/* 0 or -errno: no such input. */
int vm_gsi_set(struct vm *vm, uint32_t gsi, bool level);

struct vm_msi {
	uint64_t address;
	uint32_t data, devid;
	bool has_devid;
};

/* KVM_SIGNAL_MSI's result: 1 delivered, 0 dropped by the guest, or -errno. There is a GIC. */
int vm_send_msi(struct vm *vm, const struct vm_msi *msi);

/* KVM_IRQFD */
int vm_irqfd(struct vm *vm, const struct kvm_irqfd *args);

/* struct am_gic_ops: the guest has finished a level-sensitive SPI. */
void vm_spi_done(void *opaque, unsigned intid);

#endif
