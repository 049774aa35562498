/* SPDX-License-Identifier: MIT */
/*
 * Dirty rings (KVM_CAP_DIRTY_LOG_RING_ACQ_REL): a vCPU's writes in the order in which pages were
 * first written since they were last taken out. Entries go 0 -> dirty (here) -> seen (user space)
 * -> 0 (mem_ring_reset); the flags word carries the order.
 */
#include "base/bits.h"
#include "mem/table.h"

enum { ENTRY_DIRTY = 1, ENTRY_SEEN = 2 };

void mem_ring_init(struct mem_ring *r, struct mem_ring_entry *entries, uint32_t nr)
{
	r->entry = entries;
	r->nr = nr;
	atomic_init(&r->put, 0);
	atomic_init(&r->taken, 0);
}

bool mem_ring_full(struct mem_ring *r)
{
	uint32_t used = atomic_load_explicit(&r->put, memory_order_relaxed) -
			atomic_load_explicit(&r->taken, memory_order_acquire);

	return used >= r->nr - MEM_RING_RESERVED;
}

bool mem_ring_put(struct mem_ring *r, uint32_t slot, uint64_t offset)
{
	uint32_t put = atomic_load_explicit(&r->put, memory_order_relaxed);
	struct mem_ring_entry *e = &r->entry[put & (r->nr - 1)];

	if (mem_ring_full(r))
		return false;
	e->slot = slot;
	e->offset = offset;
	/* Counted first: who has seen the entry may give it back at once, and it must be found. */
	atomic_store_explicit(&r->put, put + 1, memory_order_relaxed);
	__atomic_store_n(&e->flags, ENTRY_DIRTY, __ATOMIC_RELEASE);
	return true;
}

/* User space may have written anything into the entry. */
static void take_out(struct mem *m, uint32_t id, uint64_t page, uint64_t *lo, uint64_t *hi)
{
	const struct mapping *s = id < MEM_MAX_SLOTS ? m->by_id[id] : NULL;

	if (!s || page >= s->slot.size >> m->page_log2)
		return;
	uint64_t gpa = s->slot.gpa + (page << m->page_log2);
	uint64_t end = gpa + (UINT64_C(1) << m->page_log2);

	mem_protect_pages(m, gpa, end - gpa);
	*lo = gpa < *lo ? gpa : *lo;
	*hi = end > *hi ? end : *hi;
}

unsigned mem_ring_reset(struct mem *m, struct mem_ring *r, uint64_t *lo, uint64_t *hi)
{
	uint32_t taken = atomic_load_explicit(&r->taken, memory_order_relaxed);
	uint32_t used = atomic_load_explicit(&r->put, memory_order_relaxed) - taken;
	unsigned nr = 0;

	/* No more than are in: user space can mark what nobody put there. */
	for (; nr < used; nr++) {
		struct mem_ring_entry *e = &r->entry[(taken + nr) & (r->nr - 1)];

		if (!(__atomic_load_n(&e->flags, __ATOMIC_ACQUIRE) & ENTRY_SEEN))
			break;
		am_lock(&m->lock);
		take_out(m, __atomic_load_n(&e->slot, __ATOMIC_RELAXED),
			 __atomic_load_n(&e->offset, __ATOMIC_RELAXED), lo, hi);
		am_unlock(&m->lock);
		__atomic_store_n(&e->flags, 0, __ATOMIC_RELAXED);
	}
	atomic_store_explicit(&r->taken, taken + nr, memory_order_release);
	return nr;
}

void mem_ring_flush(struct mem *m, uint64_t lo, uint64_t hi)
{
	if (lo < hi)
		m->ops->protected(m->opaque, lo, hi - lo);
}
