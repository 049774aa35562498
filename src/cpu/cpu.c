/* SPDX-License-Identifier: MIT */
/* Life of a vCPU: creation, reset, destruction. */
#include "cpu/cpu.h"

#include <stdlib.h>
#include <string.h>

#include "cpu/cluster.h"
#include "cpu/code.h"
#include "cpu/debug.h"
#include "cpu/run.h"
#include "cpu/sysreg.h"
#include "cpu/tlb.h"

_Static_assert(SR_COUNT <= AM_ARRAY_SIZE(((struct cpu *)0)->sr), "sr[] holds every register");

struct cpu *cpu_create(struct cpu_cluster *cl, unsigned id, uint64_t mpidr,
		       const struct cpu_ops *ops, void *opaque)
{
	struct cpu *c;

	if (id >= cl->max_cpus)
		return NULL;
	c = aligned_alloc(64, am_align_up(sizeof(*c), 64));
	if (!c)
		return NULL;
	memset(c, 0, sizeof(*c));
	c->mmu = cpu_mmu_create();
	c->codes = cpu_code_cache_create();
	c->requests = calloc(1, sizeof(*c->requests));
	c->debugger = cpu_debug_create();
	if (!c->mmu || !c->codes || !c->requests || !c->debugger) {
		cpu_destroy(c);
		return NULL;
	}
	c->id = id;
	c->ops = ops;
	c->opaque = opaque;
	c->cluster = cl;
	c->sr[SR_MPIDR_EL1] = mpidr;
	c->sr[SR_CLIDR_EL1] = CLIDR_RESET;
	cpu_reset(c, 0);

	unsigned nr = atomic_load(&cl->nr);

	atomic_store_explicit(&cl->cpus[id], c, memory_order_release);
	while (nr <= id && !atomic_compare_exchange_weak(&cl->nr, &nr, id + 1))
		;
	return c;
}

void cpu_destroy(struct cpu *c)
{
	if (!c)
		return;
	if (c->cluster)
		atomic_store_explicit(&c->cluster->cpus[c->id], NULL, memory_order_release);
	cpu_code_cache_destroy(c->codes);
	cpu_debug_destroy(c->debugger);
	cpu_mmu_destroy(c->mmu);
	free(c->requests);
	free(c);
}

void cpu_reset(struct cpu *c, uint64_t pc)
{
	memset(c->r, 0, sizeof(c->r));
	memset(c->v, 0, sizeof(c->v));
	memset(c->sp_el, 0, sizeof(c->sp_el));
	c->fpcr = c->fpsr = 0;
	c->excl_valid = 0;
	c->el = c->spsel = 1;
	c->daif = 0xf;
	c->pan = c->il = c->ss = false;
	cpu_set_nzcv(c, 0);
	c->pc = pc;
	cpu_sysreg_reset(c);
	cpu_mmu_flush_all(c);
	/* Memory may have been loaded since: forget what was decoded. */
	c->code_stale = true;
	cpu_update_context(c);
}
