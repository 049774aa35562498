/* SPDX-License-Identifier: MIT */
/* Broadcast maintenance among vCPUs (cluster.h). */
#include "cpu/cluster.h"

#include <stdlib.h>

#include "cpu/code.h"
#include "cpu/tlb.h"

struct cpu_cluster *cpu_cluster_create(unsigned max_cpus)
{
	struct cpu_cluster *cl = calloc(1, sizeof(*cl) + max_cpus * sizeof(cl->cpus[0]));

	if (!cl)
		return NULL;
	cl->max_cpus = max_cpus;
	cl->pa_bits = 52;
	return cl;
}

void cpu_cluster_set_pa_bits(struct cpu_cluster *cl, unsigned bits)
{
	static const uint8_t sizes[] = {32, 36, 40, 42, 44, 48, 52};

	cl->pa_bits = sizes[0];
	for (unsigned n = 1; n < AM_ARRAY_SIZE(sizes) && sizes[n] <= bits; n++)
		cl->pa_bits = sizes[n];
}

void cpu_cluster_hide_icc(struct cpu_cluster *cl)
{
	atomic_store_explicit(&cl->no_icc, true, memory_order_relaxed);
}

void cpu_cluster_destroy(struct cpu_cluster *cl)
{
	free(cl);
}

static atomic_uint *generation(struct cpu_cluster *cl, uint64_t ipa)
{
	return &cl->generation[(ipa >> 12 ^ ipa >> 24) & (CPU_GENERATIONS - 1)];
}

uint32_t cpu_code_generation(struct cpu_cluster *cl, uint64_t ipa)
{
	return atomic_load_explicit(generation(cl, ipa), memory_order_acquire);
}

void cpu_code_changed(struct cpu_cluster *cl, uint64_t ipa)
{
	atomic_fetch_add_explicit(generation(cl, ipa), 1, memory_order_release);
}

void cpu_code_changed_all(struct cpu_cluster *cl)
{
	for (unsigned n = 0; n < CPU_GENERATIONS; n++)
		atomic_fetch_add_explicit(&cl->generation[n], 1, memory_order_release);
}

/* Add [first, last] to a request of the same kind that it touches. */
static bool merge(struct cpu_request *r, enum cpu_request_kind kind, uint64_t first, uint64_t last)
{
	if (r->kind != kind || kind == CPU_REQ_FLUSH_ASID)
		return false;
	if ((r->last != UINT64_MAX && first > r->last + 1) ||
	    (last != UINT64_MAX && r->first > last + 1))
		return false;
	if (first < r->first)
		r->first = first;
	if (last > r->last)
		r->last = last;
	return true;
}

static void add(struct cpu_shootdown *s, enum cpu_request_kind kind, uint64_t first, uint64_t last)
{
	if (kind == CPU_REQ_NOTHING) {
		return;
	} else if (kind == CPU_REQ_FLUSH_ALL) {
		s->overflow = true;
	} else if (s->nr && merge(&s->req[s->nr - 1], kind, first, last)) {
		return;
	} else if (s->nr == CPU_REQUESTS) {
		s->overflow = true;
		s->unmap |= kind == CPU_REQ_UNMAP;
	} else {
		s->req[s->nr++] = (struct cpu_request){kind, first, last};
	}
}

static void post(struct cpu *c, enum cpu_request_kind kind, uint64_t first, uint64_t last)
{
	struct cpu_shootdown *s = c->requests;

	am_lock(&s->lock);
	add(s, kind, first, last);
	atomic_fetch_add(&s->posted, 1);
	am_unlock(&s->lock);
	atomic_store(&c->attention, 1);
}

void cpu_broadcast_range(struct cpu_cluster *cl, struct cpu *self, enum cpu_request_kind kind,
			 uint64_t first, uint64_t last)
{
	unsigned nr = atomic_load_explicit(&cl->nr, memory_order_acquire);

	for (unsigned n = 0; n < nr; n++) {
		struct cpu *c = atomic_load_explicit(&cl->cpus[n], memory_order_acquire);

		if (c && c != self)
			post(c, kind, first, last);
	}
}

static void serve(struct cpu *c, const struct cpu_request *r)
{
	switch (r->kind) {
	case CPU_REQ_FLUSH_VA:
		cpu_mmu_flush_va(c, r->first, r->last);
		break;
	case CPU_REQ_FLUSH_ASID:
		cpu_mmu_flush_asid(c, r->first);
		break;
	case CPU_REQ_UNMAP:
		cpu_mmu_unmap(c, r->first, r->last);
		cpu_code_drop(c, r->first, r->last);
		break;
	case CPU_REQ_PROTECT:
		cpu_mmu_protect(c, r->first, r->last);
		break;
	default:
		cpu_mmu_flush_all(c);
	}
}

void cpu_serve_requests(struct cpu *c)
{
	struct cpu_shootdown *s = c->requests;
	struct cpu_request req[CPU_REQUESTS];
	unsigned posted = atomic_load(&s->posted);

	if (posted == atomic_load_explicit(&s->done, memory_order_relaxed))
		return;
	am_lock(&s->lock);
	unsigned nr = s->nr;
	bool overflow = s->overflow, unmap = s->unmap;

	for (unsigned n = 0; n < nr; n++)
		req[n] = s->req[n];
	s->nr = 0;
	s->overflow = s->unmap = false;
	posted = atomic_load_explicit(&s->posted, memory_order_relaxed);
	am_unlock(&s->lock);

	if (overflow)
		cpu_mmu_flush_all(c);
	if (unmap) {
		cpu_mmu_unmap(c, 0, UINT64_MAX);
		cpu_code_flush(c);
	}
	/* Even after an overflow: those that came before may be about code. */
	for (unsigned n = 0; n < nr; n++)
		serve(c, &req[n]);
	atomic_store(&s->done, posted);
}

/*
 * The store of `running` and the load of `posted` (in cpu_serve_requests), against the store of
 * `posted` and the load of `running` (in wait_for): one side always sees the other; all four are
 * sequentially consistent.
 */
void cpu_enter_guest(struct cpu *c)
{
	atomic_store(&c->requests->running, true);
	cpu_serve_requests(c);
}

void cpu_leave_guest(struct cpu *c)
{
	atomic_store(&c->requests->running, false);
}

static void wait_for(struct cpu *c, struct cpu *self)
{
	struct cpu_shootdown *s = c->requests;
	unsigned target = atomic_load(&s->posted);
	unsigned spins = 0;

	while (atomic_load(&s->running) && (int)(target - atomic_load(&s->done)) > 0) {
		if (self)
			cpu_serve_requests(self);
		am_cpu_relax(spins++);
	}
}

void cpu_broadcast_wait(struct cpu_cluster *cl, struct cpu *self)
{
	unsigned nr = atomic_load_explicit(&cl->nr, memory_order_acquire);

	for (unsigned n = 0; n < nr; n++) {
		struct cpu *c = atomic_load_explicit(&cl->cpus[n], memory_order_acquire);

		if (c && c != self)
			wait_for(c, self);
	}
}

static void change_memory(struct cpu_cluster *cl, enum cpu_request_kind kind, uint64_t ipa,
			  uint64_t len)
{
	if (!len)
		return;
	uint64_t last = len - 1 > UINT64_MAX - ipa ? UINT64_MAX : ipa + len - 1;

	cpu_broadcast_range(cl, NULL, kind, ipa & CPU_PAGE_MASK, last | ~CPU_PAGE_MASK);
	cpu_broadcast_wait(cl, NULL);
}

void cpu_cluster_synchronize(struct cpu_cluster *cl)
{
	cpu_broadcast(cl, NULL, CPU_REQ_NOTHING, 0);
	cpu_broadcast_wait(cl, NULL);
}

void cpu_cluster_unmap(struct cpu_cluster *cl, uint64_t ipa, uint64_t len)
{
	change_memory(cl, CPU_REQ_UNMAP, ipa, len);
}

void cpu_cluster_write_protect(struct cpu_cluster *cl, uint64_t ipa, uint64_t len)
{
	change_memory(cl, CPU_REQ_PROTECT, ipa, len);
}
