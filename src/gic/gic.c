/* SPDX-License-Identifier: MIT */
/*
 * A GIC's life: creation, vCPUs, init, end; and the interrupts that devices raise. See state.h for
 * who may touch what.
 */
#include "gic/state.h"

#include <string.h>

#include "base/trace.h"

enum { GIC_PENDBASER_RESET = 0x580 };

static void *gic_alloc(struct am_gic *gic, size_t size)
{
	void *p = gic->config.ops.alloc(gic->config.opaque, size);

	if (p)
		memset(p, 0, size);
	return p;
}

static void gic_free(struct am_gic *gic, void *p, size_t size)
{
	if (p)
		gic->config.ops.free(gic->config.opaque, p, size);
}

static bool nr_irqs_ok(unsigned nr)
{
	return nr >= 64 && nr <= AM_GIC_MAX_IRQS && nr % 32 == 0;
}

static bool config_ok(const struct am_gic_config *c)
{
	return c && c->ops.irq_line_changed && c->ops.alloc && c->ops.free &&
	       c->max_vcpus <= AM_GIC_MAX_VCPUS && c->ipa_bits <= 52 &&
	       (!c->ipa_bits || c->ipa_bits >= 17) && (!c->nr_irqs || nr_irqs_ok(c->nr_irqs));
}

static void gic_cpu_init(struct am_gic *gic, struct gic_cpu *cpu, unsigned id, uint64_t mpidr)
{
	am_lock_init(&cpu->lock);
	cpu->id = (uint16_t)id;
	cpu->gic = gic;
	atomic_init(&cpu->mpidr, mpidr);
	atomic_init(&cpu->pendbaser, GIC_PENDBASER_RESET);
	atomic_init(&cpu->lines, 0);
	gic_queue_init(&cpu->queue);
	gic_cpuif_init(&cpu->ifc);
	for (unsigned i = 0; i < GIC_NR_PRIVATE; i++)
		gic_irq_init(&cpu->irq[i], i, id);
	cpu->port = (struct gic_port){.gic = gic, .cpu = cpu};
	am_reg_frame_init(&cpu->frame, &gic_redist_table, gic->redist_index, &cpu->port,
			  GIC_NR_PRIVATE);
}

int am_gic_create(const struct am_gic_config *config, struct am_gic **out)
{
	struct am_gic *gic;

	*out = NULL;
	if (!config_ok(config))
		return -EINVAL;
	gic = config->ops.alloc(config->opaque, sizeof(*gic));
	if (!gic)
		return -ENOMEM;
	memset(gic, 0, sizeof(*gic));
	gic->config = *config;
	if (!gic->config.max_vcpus)
		gic->config.max_vcpus = AM_GIC_MAX_VCPUS;
	if (!gic->config.ipa_bits)
		gic->config.ipa_bits = 40;
	am_lock_init(&gic->lock);
	atomic_init(&gic->nr_irqs, config->nr_irqs ? config->nr_irqs : GIC_NR_PRIVATE);
	gic->nr_irqs_set = config->nr_irqs != 0;
	atomic_init(&gic->dist_base, AM_GIC_UNDEF);
	atomic_init(&gic->revision, 3);
	gic->dist_index = gic_alloc(gic, am_reg_index_size(&gic_dist_table));
	gic->redist_index = gic_alloc(gic, am_reg_index_size(&gic_redist_table));
	if (!gic->dist_index || !gic->redist_index) {
		am_gic_destroy(gic);
		return -ENOMEM;
	}
	am_reg_index_build(&gic_dist_table, gic->dist_index);
	am_reg_index_build(&gic_redist_table, gic->redist_index);
	gic_cpu_init(gic, &gic->limbo, GIC_LIMBO, AM_GIC_UNDEF);
	gic->port = (struct gic_port){.gic = gic};
	am_reg_frame_init(&gic->frame, &gic_dist_table, gic->dist_index, &gic->port,
			  am_gic_nr_irqs(gic));
	*out = gic;
	return 0;
}

void am_gic_destroy(struct am_gic *gic)
{
	unsigned nr_spis;

	if (!gic)
		return;
	gic_layout_finish(gic);
	nr_spis = am_gic_nr_irqs(gic) - GIC_NR_PRIVATE;
	gic_free(gic, gic->spis, nr_spis * sizeof(struct gic_irq));
	for (unsigned i = 0; i < am_gic_nr_vcpus(gic); i++)
		gic_free(gic, gic_cpu_nth(gic, i), sizeof(struct gic_cpu));
	gic_free(gic, gic->dist_index, am_reg_index_size(&gic_dist_table));
	gic_free(gic, gic->redist_index, am_reg_index_size(&gic_redist_table));
	gic_free(gic, gic, sizeof(*gic));
}

/* ---- vCPUs ---- */

unsigned am_gic_nr_vcpus(const struct am_gic *gic)
{
	return atomic_load_explicit(&gic->nr_cpus, memory_order_acquire);
}

struct gic_cpu *gic_cpu_nth(const struct am_gic *gic, unsigned n)
{
	return gic->cpus[gic->order[n]];
}

/* While vCPUs are added only those already counted are looked at. */
struct gic_cpu *gic_cpu_get(const struct am_gic *gic, unsigned vcpu)
{
	unsigned nr = am_gic_nr_vcpus(gic);

	if (vcpu >= AM_GIC_MAX_VCPUS)
		return NULL;
	if (atomic_load_explicit(&gic->ready, memory_order_acquire))
		return gic->cpus[vcpu];
	for (unsigned i = 0; i < nr; i++)
		if (gic->order[i] == vcpu)
			return gic->cpus[vcpu];
	return NULL;
}

static bool cpu_has_affinity(const struct gic_cpu *cpu, uint64_t affinity)
{
	uint64_t mpidr = atomic_load_explicit(&cpu->mpidr, memory_order_relaxed);

	return (mpidr & GIC_AFFINITY) == affinity;
}

/* KVM's MPIDRs are made from the vCPU number, so the number is where to look first. */
struct gic_cpu *gic_cpu_by_affinity(const struct am_gic *gic, uint64_t affinity)
{
	uint64_t guess = am_bits(affinity, 3, 0) | am_bits(affinity, 15, 8) << 4 |
			 am_bits(affinity, 23, 16) << 12;
	unsigned nr = am_gic_nr_vcpus(gic);
	struct gic_cpu *cpu;

	cpu = guess < AM_GIC_MAX_VCPUS ? gic_cpu_get(gic, (unsigned)guess) : NULL;
	if (cpu && cpu_has_affinity(cpu, affinity))
		return cpu;
	for (unsigned i = 0; i < nr; i++) {
		cpu = gic_cpu_nth(gic, i);
		if (cpu_has_affinity(cpu, affinity))
			return cpu;
	}
	return NULL;
}

static int add_vcpu(struct am_gic *gic, unsigned vcpu, uint64_t mpidr)
{
	unsigned nr = am_gic_nr_vcpus(gic);
	struct gic_cpu *cpu;
	int err;

	if (atomic_load(&gic->ready))
		return -EBUSY;
	if (vcpu >= gic->config.max_vcpus)
		return -EINVAL;
	if (gic->cpus[vcpu])
		return -EEXIST;
	cpu = gic_alloc(gic, sizeof(*cpu));
	if (!cpu)
		return -ENOMEM;
	gic_cpu_init(gic, cpu, vcpu, mpidr);
	/* As in KVM the legacy region does not count the new vCPU when it is checked. */
	err = gic_redist_attach(gic, cpu);
	if (err) {
		gic_free(gic, cpu, sizeof(*cpu));
		return err;
	}
	gic->cpus[vcpu] = cpu;
	gic->order[nr] = (uint16_t)vcpu;
	atomic_store_explicit(&gic->nr_cpus, nr + 1, memory_order_release);
	return 0;
}

int am_gic_add_vcpu(struct am_gic *gic, unsigned vcpu, uint64_t mpidr)
{
	int err;

	am_lock(&gic->lock);
	err = add_vcpu(gic, vcpu, mpidr);
	am_unlock(&gic->lock);
	return err;
}

int am_gic_set_mpidr(struct am_gic *gic, unsigned vcpu, uint64_t mpidr)
{
	struct gic_cpu *cpu = gic_cpu_get(gic, vcpu);

	if (!cpu)
		return -EINVAL;
	atomic_store_explicit(&cpu->mpidr, mpidr, memory_order_relaxed);
	return 0;
}

int am_gic_reset_vcpu(struct am_gic *gic, unsigned vcpu)
{
	struct gic_cpu *cpu = gic_cpu_get(gic, vcpu);

	if (!cpu)
		return -EINVAL;
	am_lock(&cpu->lock);
	gic_cpuif_init(&cpu->ifc);
	for (unsigned i = 0; i < GIC_NR_PRIVATE; i++) {
		struct gic_irq fresh;

		gic_irq_init(&fresh, i, vcpu);
		gic_irq_set_priority(cpu, &cpu->irq[i], 0);
		gic_irq_change(cpu, &cpu->irq[i], gic_irq_flags(&fresh),
			       0xff & ~(GIC_LINE | GIC_OWNED));
	}
	gic_cpu_update(cpu);
	am_unlock(&cpu->lock);
	return 0;
}

/* ---- init ---- */

int am_gic_set_nr_irqs(struct am_gic *gic, unsigned nr_irqs)
{
	int err = -EBUSY;

	if (!nr_irqs_ok(nr_irqs))
		return -EINVAL;
	am_lock(&gic->lock);
	if (!gic->nr_irqs_set && !atomic_load(&gic->ready)) {
		atomic_store(&gic->nr_irqs, nr_irqs);
		gic->frame.nr_irqs = nr_irqs;
		gic->nr_irqs_set = true;
		err = 0;
	}
	am_unlock(&gic->lock);
	return err;
}

unsigned am_gic_nr_irqs(const struct am_gic *gic)
{
	return atomic_load_explicit(&gic->nr_irqs, memory_order_relaxed);
}

static int gic_init(struct am_gic *gic)
{
	unsigned nr = gic->nr_irqs_set ? am_gic_nr_irqs(gic) : GIC_DEFAULT_IRQS;
	unsigned home = am_gic_nr_vcpus(gic) ? gic->order[0] : GIC_LIMBO;
	struct gic_irq *spis;

	spis = gic_alloc(gic, (nr - GIC_NR_PRIVATE) * sizeof(*spis));
	if (!spis)
		return -ENOMEM;
	for (unsigned i = GIC_NR_PRIVATE; i < nr; i++)
		gic_irq_init(&spis[i - GIC_NR_PRIVATE], i, home);
	gic->spis = spis;
	atomic_store(&gic->nr_irqs, nr);
	gic->frame.nr_irqs = nr;
	AM_TRACE(gic_init, nr, am_gic_nr_vcpus(gic));
	/* Everything above is seen by who sees this. */
	atomic_store_explicit(&gic->ready, true, memory_order_release);
	return 0;
}

int am_gic_init(struct am_gic *gic)
{
	int err = 0;

	am_lock(&gic->lock);
	if (!atomic_load(&gic->ready))
		err = gic_init(gic);
	am_unlock(&gic->lock);
	return err;
}

bool am_gic_initialized(const struct am_gic *gic)
{
	return atomic_load_explicit(&gic->ready, memory_order_acquire);
}

/* ---- interrupts in, lines out ---- */

int am_gic_set_spi(struct am_gic *gic, unsigned intid, bool level)
{
	struct gic_irq *irq;

	if (intid < GIC_NR_PRIVATE)
		return -EINVAL;
	if (!am_gic_initialized(gic))
		return -EBUSY;
	irq = gic_irq_get(gic, NULL, intid);
	if (!irq)
		return -EINVAL;
	AM_TRACE(gic_line, -1, intid, level);
	gic_irq_input(gic, irq, level);
	return 0;
}

int am_gic_own_ppi(struct am_gic *gic, unsigned vcpu, unsigned intid)
{
	struct gic_cpu *cpu = gic_cpu_get(gic, vcpu);

	if (!cpu || intid < GIC_NR_SGIS || intid >= GIC_NR_PRIVATE)
		return -EINVAL;
	gic_irq_update(gic, &cpu->irq[intid], GIC_OWNED, 0);
	return 0;
}

bool am_gic_ppi_is_owned(const struct am_gic *gic, unsigned vcpu, unsigned intid)
{
	const struct gic_cpu *cpu = gic_cpu_get(gic, vcpu);

	return cpu && intid < GIC_NR_PRIVATE && (gic_irq_flags(&cpu->irq[intid]) & GIC_OWNED);
}

int am_gic_set_ppi(struct am_gic *gic, unsigned vcpu, unsigned intid, bool level)
{
	struct gic_cpu *cpu = gic_cpu_get(gic, vcpu);

	if (!cpu || intid < GIC_NR_SGIS || intid >= GIC_NR_PRIVATE)
		return -EINVAL;
	if (!am_gic_initialized(gic))
		return -EBUSY;
	AM_TRACE(gic_line, (int)vcpu, intid, level);
	gic_irq_input(gic, &cpu->irq[intid], level);
	return 0;
}

unsigned am_gic_irq_pending(const struct am_gic *gic, unsigned vcpu)
{
	const struct gic_cpu *cpu = gic_cpu_get(gic, vcpu);

	return cpu ? atomic_load_explicit(&cpu->lines, memory_order_acquire) : 0;
}
