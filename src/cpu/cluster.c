/* SPDX-License-Identifier: MIT */
/* Broadcast maintenance among vCPUs (cluster.h). */
#include "cpu/cluster.h"

#include <stdlib.h>

#include "cpu/code.h"
#include "cpu/tlb.h"

struct cpu_cluster *cpu_cluster_create(unsigned max_cpus)
{
	struct cpu_cluster *cl = calloc(1, sizeof(*cl) + max_cpus * sizeof(cl->cpus[0]));

	if (cl)
		cl->max_cpus = max_cpus;
	return cl;
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

static void post(struct cpu *c, enum cpu_request_kind kind, uint64_t arg)
{
	struct cpu_shootdown *s = c->requests;

	am_lock(&s->lock);
	if (kind == CPU_REQ_UNMAP)
		s->unmap = true;
	else if (kind == CPU_REQ_FLUSH_ALL || s->nr == CPU_REQUESTS)
		s->overflow = true;
	else
		s->req[s->nr++] = (struct cpu_request){kind, arg};
	atomic_fetch_add(&s->posted, 1);
	am_unlock(&s->lock);
	atomic_store(&c->attention, 1);
}

void cpu_broadcast(struct cpu_cluster *cl, struct cpu *self, enum cpu_request_kind kind,
		   uint64_t arg)
{
	unsigned nr = atomic_load_explicit(&cl->nr, memory_order_acquire);

	for (unsigned n = 0; n < nr; n++) {
		struct cpu *c = atomic_load_explicit(&cl->cpus[n], memory_order_acquire);

		if (c && c != self)
			post(c, kind, arg);
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

	if (overflow || unmap) {
		cpu_mmu_flush_all(c);
	} else {
		for (unsigned n = 0; n < nr; n++) {
			if (req[n].kind == CPU_REQ_FLUSH_VA)
				cpu_mmu_flush_va(c, req[n].arg);
			else
				cpu_mmu_flush_asid(c, req[n].arg);
		}
	}
	if (unmap)
		c->code_stale = true;
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

void cpu_cluster_unmap(struct cpu_cluster *cl, uint64_t ipa, uint64_t len)
{
	cpu_broadcast(cl, NULL, CPU_REQ_UNMAP, 0);
	cpu_broadcast_wait(cl, NULL);
}
