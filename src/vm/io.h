/* SPDX-License-Identifier: MIT */
/*
 * Guest stores to devices of user space that need no exit: eventfds to signal (KVM_IOEVENTFD) and
 * zones whose stores are collected in a ring (KVM_REGISTER_COALESCED_MMIO).
 */
#ifndef AM_VM_IO_H
#define AM_VM_IO_H

#include <armature/kvm.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct io_event;
struct vm;

/* As many zones as KVM's bus has room for. */
#define IO_MAX_ZONES 1000u

struct vm_io {
	atomic_uint nr; /* events and zones: most VMs have none, and pay one load */
	pthread_rwlock_t lock;
	struct io_event *events; /* by address */
	size_t nr_events, max_events;
	struct kvm_coalesced_mmio_zone *zones;
	size_t nr_zones, max_zones;
	pthread_mutex_t ring_lock;
	_Atomic(struct kvm_coalesced_mmio_ring *) ring; /* one page; NULL until somebody wants it */
	int ring_fd;
};

void vm_io_init(struct vm_io *io);
void vm_io_finish(struct vm_io *io);

int vm_ioeventfd(struct vm_io *io, const struct kvm_ioeventfd *args);
int vm_coalesce(struct vm_io *io, const struct kvm_coalesced_mmio_zone *zone);
int vm_uncoalesce(struct vm_io *io, const struct kvm_coalesced_mmio_zone *zone);
/* A descriptor of the ring's page, for mapping; or -errno. */
int vm_io_ring_fd(struct vm_io *io);

bool vm_io_store(struct vm_io *io, uint64_t ipa, unsigned size, uint64_t value);

/* A store by the guest: true if that was all there is to do. */
static inline bool vm_io_write(struct vm_io *io, uint64_t ipa, unsigned size, uint64_t value)
{
	return atomic_load_explicit(&io->nr, memory_order_relaxed) &&
	       vm_io_store(io, ipa, size, value);
}

#endif
