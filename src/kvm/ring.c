/* SPDX-License-Identifier: MIT */
/*
 * Dirty rings: KVM_CAP_DIRTY_LOG_RING_ACQ_REL, its bitmap for what no vCPU writes, and
 * KVM_RESET_DIRTY_RINGS. A ring is a file of its own, which takes the place of the pages from
 * KVM_DIRTY_LOG_PAGE_OFFSET on when a vCPU's descriptor is mapped.
 */
#include <armature/kvm.h>
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kvm/file.h"
#include "vm/vm.h"

_Static_assert(sizeof(struct kvm_dirty_gfn) == sizeof(struct mem_ring_entry), "one layout");

long kvm_set_ring_size(struct vm *vm, uint64_t bytes)
{
	uint64_t entries = bytes / sizeof(struct kvm_dirty_gfn);
	long err = 0;

	if (!bytes || (bytes & (bytes - 1)) || bytes < (uint64_t)sysconf(_SC_PAGESIZE) ||
	    entries <= MEM_RING_RESERVED)
		return -EINVAL;
	if (entries > KVM_MAX_RING_ENTRIES)
		return -E2BIG;
	pthread_mutex_lock(&vm->lock);
	if (atomic_load(&vm->ring_entries) || atomic_load(&vm->nr_vcpus)) {
		err = -EINVAL;
	} else {
		pthread_mutex_lock(&vm->slots_lock);
		atomic_store(&vm->ring_entries, (unsigned)entries);
		mem_log_set_mode(vm->mem, MEM_LOG_RING);
		pthread_mutex_unlock(&vm->slots_lock);
	}
	pthread_mutex_unlock(&vm->lock);
	return err;
}

long kvm_set_ring_bitmap(struct vm *vm)
{
	long err = -EINVAL;

	pthread_mutex_lock(&vm->slots_lock);
	if (atomic_load(&vm->ring_entries) && !mem_count(vm->mem)) {
		mem_log_set_mode(vm->mem, MEM_LOG_RING_BITMAP);
		err = 0;
	}
	pthread_mutex_unlock(&vm->slots_lock);
	return err;
}

int kvm_create_ring(struct vcpu *v)
{
	uint32_t entries = atomic_load(&v->vm->ring_entries);
	size_t len = entries * sizeof(struct mem_ring_entry);
	void *p;
	int fd;

	if (!entries)
		return 0;
	fd = kvm_fd_create("kvm-dirty-ring", len);
	if (fd < 0)
		return fd;
	p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED) {
		kvm_fd_discard(fd);
		return -ENOMEM;
	}
	mem_ring_init(&v->ring, p, entries);
	v->ring_fd = fd;
	v->view.ring = &v->ring;
	return 0;
}

long kvm_reset_dirty_rings(struct vm *vm)
{
	uint64_t lo = UINT64_MAX, hi = 0;
	unsigned nr = 0;
	struct vcpu *v;

	if (!atomic_load(&vm->ring_entries))
		return -EINVAL;
	pthread_mutex_lock(&vm->slots_lock);
	for (unsigned n = 0; (v = vm_vcpu_nth(vm, n)); n++)
		nr += mem_ring_reset(vm->mem, &v->ring, &lo, &hi);
	mem_ring_flush(vm->mem, lo, hi);
	pthread_mutex_unlock(&vm->slots_lock);
	return nr;
}
