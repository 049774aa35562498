/* SPDX-License-Identifier: MIT */
/*
 * The CPU interface of one vCPU: which interrupt is signalled, what acknowledging and finishing it
 * do (IHI 0069 4.8).
 *
 * Five bits of priority and of preemption are implemented, so there are 32 levels and one register
 * of active priorities for each group. User space may store anything in PMR and BPR; what counts is
 * that value brought into range, as hardware does when KVM loads it.
 */
#include "gic/hot.h"

enum {
	CPUIF_PMR_MASK = 0xff << GIC_PRI_SHIFT & 0xff,
	CPUIF_MIN_BPR0 = 7 - GIC_PRI_BITS,
	CPUIF_MIN_BPR1 = 8 - GIC_PRI_BITS,
};

void gic_cpuif_init(struct gic_cpuif *ifc, bool v2)
{
	/* What follows from the rest: everything is masked. */
	*ifc = (struct gic_cpuif){.pri_bits = GIC_PRI_BITS, .id_bits = 1, .fiqen = !v2};
}

unsigned gic_cpu_own_bpr(const struct gic_cpu *cpu, unsigned group)
{
	unsigned min = group ? CPUIF_MIN_BPR1 : CPUIF_MIN_BPR0;

	return cpu->ifc.bpr[group] < min ? min : cpu->ifc.bpr[group];
}

unsigned gic_cpu_bpr(const struct gic_cpu *cpu, unsigned group)
{
	unsigned bpr0;

	if (!group || !cpu->ifc.cbpr)
		return gic_cpu_own_bpr(cpu, group);
	bpr0 = gic_cpu_own_bpr(cpu, 0);
	return bpr0 < 7 ? bpr0 + 1 : 7;
}

void gic_cpuif_changed(struct gic_cpu *cpu)
{
	struct gic_cpuif *ifc = &cpu->ifc;

	ifc->limit = ifc->pmr & CPUIF_PMR_MASK;
	for (unsigned g = 0; g < 2; g++)
		ifc->mask[g] = (uint8_t)(0xffu << (gic_cpu_bpr(cpu, g) + !g));
	ifc->groups = (uint8_t)(ifc->enabled[0] | ifc->enabled[1] << 1);
	gic_cpu_update(cpu);
}

void gic_cpu_report(struct gic_cpu *cpu, unsigned lines)
{
	const struct am_gic_config *config = &cpu->gic->config;

	atomic_store_explicit(&cpu->lines, lines, memory_order_release);
	AM_TRACE(gic_signal, cpu->id, lines == AM_GIC_IRQ, lines == AM_GIC_FIQ);
	config->ops.irq_line_changed(config->opaque, cpu->id, lines & AM_GIC_IRQ,
				     lines & AM_GIC_FIQ);
}

void gic_update_all(struct am_gic *gic)
{
	for (unsigned i = 0; i < am_gic_nr_vcpus(gic); i++) {
		struct gic_cpu *cpu = gic_cpu_nth(gic, i);

		am_lock(&cpu->lock);
		gic_cpu_update(cpu);
		am_unlock(&cpu->lock);
	}
}

/* A GICv2's SGI: the source that is next, from the lowest vCPU number. */
static unsigned irq_source(const struct gic_irq *irq)
{
	unsigned sources;

	if (irq->intid >= GIC_NR_SGIS)
		return 0;
	sources = atomic_load_explicit(&irq->sources, memory_order_relaxed);
	return sources ? (unsigned)__builtin_ctz(sources) : 0;
}

/* ICC_HPPIR<group> (IHI 0069 12.2): neither the mask nor what runs matters. */
unsigned gic_cpu_hppi(struct gic_cpu *cpu, unsigned groups, unsigned other)
{
	struct gic_irq *irq;
	unsigned level, group;

	if (!gic_cpu_best(cpu, &level, &group))
		return GIC_SPURIOUS;
	if (!(groups >> group & 1))
		return other;
	irq = gic_queue_irq(cpu, cpu->list[group * GIC_LEVELS + level].head);
	return irq->intid | irq_source(irq) << 10;
}

/*
 * It is acknowledged: the latch falls whatever the configuration, as a level interrupt whose line
 * is still high is pending by its line. A GICv2's SGI stays latched while it has other sources.
 */
static inline unsigned cpu_take(struct gic_cpu *cpu, unsigned level, unsigned group)
{
	struct gic_irq *irq = gic_queue_irq(cpu, cpu->list[group * GIC_LEVELS + level].head);
	unsigned priority = level << 2, source;
	bool v2 = cpu->gic->v2;

	cpu->ifc.apr[v2 ? 0 : group] |= UINT32_C(1)
					<< ((priority & cpu->ifc.mask[group]) >> GIC_PRI_SHIFT);
	AM_TRACE(gic_ack, cpu->id, group, irq->intid, priority);
	if (am_unlikely(v2 && irq->intid < GIC_NR_SGIS)) {
		source = irq_source(irq);
		irq->active_source = (uint8_t)source;
		gic_irq_change(cpu, irq, GIC_ACTIVE, 0);
		gic_sgi_sources(cpu, irq->intid, 0, 1u << source);
		return irq->intid | source << 10;
	}
	/* LPIs have no active state. */
	gic_irq_change(cpu, irq, irq->intid < GIC_FIRST_LPI ? GIC_ACTIVE : 0, GIC_LATCH);
	return irq->intid;
}

/* ICC_IAR<group>, GICC_IAR, GICC_AIAR. */
unsigned gic_ack(struct gic_cpu *cpu, unsigned groups, unsigned other)
{
	unsigned result = GIC_SPURIOUS, level, group;

	am_lock(&cpu->lock);
	if (gic_cpu_best(cpu, &level, &group) && gic_cpu_signals(cpu, level, group)) {
		result = other;
		if (groups >> group & 1) {
			result = cpu_take(cpu, level, group);
			gic_cpu_update(cpu);
		}
	}
	am_unlock(&cpu->lock);
	return result;
}

/* Drops the running priority: its bit, in group 1's register if both have it. */
static void cpu_priority_drop(struct gic_cpu *cpu)
{
	uint32_t active = cpu->ifc.apr[0] | cpu->ifc.apr[1];
	uint32_t bit = active & -active;

	cpu->ifc.apr[cpu->ifc.apr[1] & bit ? 1 : 0] &= ~bit;
}

/* What is to be done when the lock is free. */
enum {
	AFTER_TELL = 1, /* somebody wants to know: a level-sensitive SPI is finished */
	AFTER_SETTLE = 2,
};

/* It is active. Where it lives, the lock held. */
static inline unsigned cpu_end(struct gic_cpu *home, struct gic_irq *irq)
{
	unsigned flags = gic_irq_flags(irq), after = 0;

	gic_irq_change(home, irq, 0, GIC_ACTIVE);
	AM_TRACE(gic_deactivate, home->id, irq->intid);
	if (home->gic->config.ops.spi_done && !(flags & GIC_EDGE) && irq->intid >= GIC_NR_PRIVATE)
		after |= AFTER_TELL;
	return gic_irq_must_move(irq) ? after | AFTER_SETTLE : after;
}

/* A bound interrupt is ended by its owner only. */
static inline unsigned cpu_deactivate(struct gic_cpu *home, struct gic_irq *irq, unsigned groups)
{
	unsigned flags = gic_irq_flags(irq);

	if (!(flags & GIC_ACTIVE) || !(groups & (flags & GIC_GROUP1 ? 2 : 1)) || irq->bound)
		return 0;
	return cpu_end(home, irq);
}

static AM_NOINLINE void gic_after(struct am_gic *gic, struct gic_irq *irq, unsigned after)
{
	if (after & AFTER_SETTLE)
		gic_irq_settle(gic, irq);
	if (after & AFTER_TELL)
		gic->config.ops.spi_done(gic->config.opaque, irq->intid);
}

static void gic_deactivate(struct am_gic *gic, struct gic_irq *irq, unsigned groups)
{
	struct gic_cpu *home = gic_irq_lock(gic, irq);
	unsigned after = cpu_deactivate(home, irq, groups);

	gic_cpu_update(home);
	am_unlock(&home->lock);
	if (after)
		gic_after(gic, irq, after);
}

/*
 * ICC_EOIR<group>, GICC_EOIR, GICC_AEOIR. Special INTIDs are ignored; LPIs have no active state. An
 * SPI may have moved since it was acknowledged: then it is deactivated where it lives now.
 */
void gic_eoi(struct gic_cpu *cpu, unsigned groups, unsigned intid)
{
	struct gic_irq *irq = NULL;
	unsigned after = 0;
	bool here = false;

	if (intid >= 1020 && intid < GIC_FIRST_LPI)
		return;
	am_lock(&cpu->lock);
	cpu_priority_drop(cpu);
	AM_TRACE(gic_eoi, cpu->id, groups >> 1, intid, gic_cpu_running_priority(cpu));
	if (!cpu->ifc.eoimode)
		irq = gic_irq_get(cpu->gic, cpu, intid);
	if (irq && gic_irq_lives_at(irq, cpu)) {
		after = cpu_deactivate(cpu, irq, groups);
		here = true;
	}
	gic_cpu_update(cpu);
	am_unlock(&cpu->lock);
	if (after)
		gic_after(cpu->gic, irq, after);
	if (irq && !here)
		gic_deactivate(cpu->gic, irq, groups);
}

int gic_bound_end(struct am_gic *gic, struct gic_irq *irq)
{
	struct gic_cpu *home = gic_irq_lock(gic, irq);
	unsigned after = 0;
	int ended = -EINVAL;

	if (irq->bound) {
		ended = !!(gic_irq_flags(irq) & GIC_ACTIVE);
		after = ended ? cpu_end(home, irq) : 0;
	}
	gic_cpu_update(home);
	am_unlock(&home->lock);
	if (after)
		gic_after(gic, irq, after);
	return ended;
}

/* ICC_DIR, GICC_DIR: only with EOImode 1. */
void gic_dir(struct gic_cpu *cpu, unsigned intid)
{
	struct gic_irq *irq = gic_irq_get(cpu->gic, cpu, intid);
	bool eoimode;

	am_lock(&cpu->lock);
	eoimode = cpu->ifc.eoimode;
	am_unlock(&cpu->lock);
	if (eoimode && irq)
		gic_deactivate(cpu->gic, irq, 3);
}
