/* SPDX-License-Identifier: MIT */
/*
 * The CPU interface of one vCPU: which interrupt is signalled, what acknowledging and finishing it
 * do (IHI 0069 4.8), and SGIs.
 *
 * Five bits of priority and of preemption are implemented, so there are 32 levels and one register
 * of active priorities for each group. User space may store anything in PMR and BPR; what counts is
 * that value brought into range, as hardware does when KVM loads it.
 */
#include "gic/state.h"

#include "base/trace.h"

enum {
	CPUIF_SHIFT = 8 - GIC_PRI_BITS, /* from a priority to its level */
	CPUIF_PMR_MASK = 0xff << CPUIF_SHIFT & 0xff,
	CPUIF_MIN_BPR0 = 7 - GIC_PRI_BITS,
	CPUIF_MIN_BPR1 = 8 - GIC_PRI_BITS,
};

void gic_cpuif_init(struct gic_cpuif *ifc)
{
	*ifc = (struct gic_cpuif){.pri_bits = GIC_PRI_BITS, .id_bits = 1};
}

/* The binary point as the guest reads it. */
unsigned gic_cpu_bpr(const struct gic_cpu *cpu, unsigned group)
{
	unsigned bpr0 = cpu->ifc.bpr[0] < CPUIF_MIN_BPR0 ? CPUIF_MIN_BPR0 : cpu->ifc.bpr[0];

	if (!group)
		return bpr0;
	if (cpu->ifc.cbpr)
		return bpr0 < 7 ? bpr0 + 1 : 7;
	return cpu->ifc.bpr[1] < CPUIF_MIN_BPR1 ? CPUIF_MIN_BPR1 : cpu->ifc.bpr[1];
}

/* The part of a priority that decides on preemption. */
static unsigned cpu_group_priority(const struct gic_cpu *cpu, unsigned group, unsigned priority)
{
	unsigned shift = gic_cpu_bpr(cpu, group) + !group;

	return priority & (0xffu << shift) & 0xff;
}

unsigned gic_cpu_running_priority(const struct gic_cpu *cpu)
{
	uint32_t active = cpu->ifc.apr[0] | cpu->ifc.apr[1];

	return active ? (unsigned)__builtin_ctz(active) << CPUIF_SHIFT : GIC_IDLE_PRIORITY;
}

static unsigned irq_group(const struct gic_irq *irq)
{
	return !!(gic_irq_flags(irq) & GIC_GROUP1);
}

static unsigned irq_priority(const struct gic_irq *irq)
{
	return atomic_load_explicit(&irq->priority, memory_order_relaxed);
}

/* The highest priority pending interrupt of the enabled groups, or NULL. */
static struct gic_irq *cpu_best(struct gic_cpu *cpu)
{
	if (!atomic_load_explicit(&cpu->gic->enabled, memory_order_relaxed))
		return NULL;
	return gic_queue_best(cpu, cpu->ifc.enabled[0] | (unsigned)cpu->ifc.enabled[1] << 1);
}

/* Is it more important than the mask and than what runs? */
static bool cpu_signals(const struct gic_cpu *cpu, const struct gic_irq *irq)
{
	unsigned priority = irq_priority(irq);

	if (priority >= (cpu->ifc.pmr & CPUIF_PMR_MASK))
		return false;
	return cpu_group_priority(cpu, irq_group(irq), priority) < gic_cpu_running_priority(cpu);
}

void gic_cpu_update(struct gic_cpu *cpu)
{
	const struct am_gic_config *config = &cpu->gic->config;
	unsigned lines = 0;
	struct gic_irq *irq;

	gic_must_hold(cpu);
	if (cpu->id == GIC_LIMBO)
		return;
	irq = cpu_best(cpu);
	if (irq && cpu_signals(cpu, irq))
		lines = irq_group(irq) ? AM_GIC_IRQ : AM_GIC_FIQ;
	if (lines == atomic_load_explicit(&cpu->lines, memory_order_relaxed))
		return;
	atomic_store_explicit(&cpu->lines, lines, memory_order_release);
	AM_TRACE(gic_signal, cpu->id, lines == AM_GIC_IRQ, lines == AM_GIC_FIQ);
	config->ops.irq_line_changed(config->opaque, cpu->id, lines & AM_GIC_IRQ,
				     lines & AM_GIC_FIQ);
}

/* ICC_HPPIR<group> (IHI 0069 12.2): neither the mask nor what runs matters. */
unsigned gic_cpu_hppi(struct gic_cpu *cpu, unsigned group)
{
	struct gic_irq *irq = cpu_best(cpu);

	return irq && irq_group(irq) == group ? irq->intid : GIC_SPURIOUS;
}

/*
 * ICC_IAR<group>. The latch falls whatever the configuration: a level interrupt whose line is still
 * high is pending by its line.
 */
unsigned gic_ack(struct gic_cpu *cpu, unsigned group)
{
	unsigned intid = GIC_SPURIOUS, level, priority;
	struct gic_irq *irq;

	am_lock(&cpu->lock);
	irq = cpu_best(cpu);
	if (irq && irq_group(irq) == group && cpu_signals(cpu, irq)) {
		intid = irq->intid;
		priority = irq_priority(irq);
		level = cpu_group_priority(cpu, group, priority) >> CPUIF_SHIFT;
		cpu->ifc.apr[group] |= UINT32_C(1) << level;
		gic_irq_change(cpu, irq, GIC_ACTIVE, GIC_LATCH);
		gic_cpu_update(cpu);
		AM_TRACE(gic_ack, cpu->id, group, intid, priority);
	}
	am_unlock(&cpu->lock);
	return intid;
}

/* Drops the running priority: its bit, in group 1's register if both have it. */
static void cpu_priority_drop(struct gic_cpu *cpu)
{
	uint32_t active = cpu->ifc.apr[0] | cpu->ifc.apr[1];
	uint32_t bit = active & -active;

	cpu->ifc.apr[cpu->ifc.apr[1] & bit ? 1 : 0] &= ~bit;
}

/*
 * Where the interrupt lives, the lock held. A negative @group: either. True if somebody wants to be
 * told when the lock is free: a level-sensitive SPI is finished.
 */
static bool cpu_deactivate(struct gic_cpu *home, struct gic_irq *irq, int group)
{
	unsigned flags = gic_irq_flags(irq);

	if (!(flags & GIC_ACTIVE))
		return false;
	if (group >= 0 && irq_group(irq) != (unsigned)group)
		return false;
	gic_irq_change(home, irq, 0, GIC_ACTIVE);
	AM_TRACE(gic_deactivate, home->id, irq->intid);
	return home->gic->config.ops.spi_done && !(flags & GIC_EDGE) &&
	       irq->intid >= GIC_NR_PRIVATE;
}

static void gic_tell_done(struct am_gic *gic, const struct gic_irq *irq)
{
	gic->config.ops.spi_done(gic->config.opaque, irq->intid);
}

static void gic_deactivate(struct am_gic *gic, struct gic_irq *irq, int group)
{
	struct gic_cpu *home = gic_irq_lock(gic, irq);
	bool tell = cpu_deactivate(home, irq, group);

	gic_cpu_update(home);
	am_unlock(&home->lock);
	if (tell)
		gic_tell_done(gic, irq);
}

/*
 * ICC_EOIR<group>. Special INTIDs are ignored; LPIs have no active state. An SPI may have moved
 * since it was acknowledged: then it is deactivated where it lives now.
 */
void gic_eoi(struct gic_cpu *cpu, unsigned group, unsigned intid)
{
	struct gic_irq *irq = NULL;
	bool here = false, tell = false;

	if (intid >= 1020 && intid < GIC_FIRST_LPI)
		return;
	am_lock(&cpu->lock);
	cpu_priority_drop(cpu);
	AM_TRACE(gic_eoi, cpu->id, group, intid, gic_cpu_running_priority(cpu));
	if (!cpu->ifc.eoimode)
		irq = gic_irq_get(cpu->gic, cpu, intid);
	if (irq && atomic_load_explicit(&irq->home, memory_order_relaxed) == cpu->id) {
		tell = cpu_deactivate(cpu, irq, (int)group);
		here = true;
	}
	gic_cpu_update(cpu);
	am_unlock(&cpu->lock);
	if (tell)
		gic_tell_done(cpu->gic, irq);
	if (irq && !here)
		gic_deactivate(cpu->gic, irq, (int)group);
}

/* ICC_DIR: only with EOImode 1. */
void gic_dir(struct gic_cpu *cpu, unsigned intid)
{
	struct gic_irq *irq = gic_irq_get(cpu->gic, cpu, intid);
	bool eoimode;

	am_lock(&cpu->lock);
	eoimode = cpu->ifc.eoimode;
	am_unlock(&cpu->lock);
	if (eoimode && irq)
		gic_deactivate(cpu->gic, irq, -1);
}

/* With one security state, ICC_SGI0R and ICC_ASGI1R reach only SGIs of group 0 (IHI 0069 12.2). */
static void sgi_to(struct gic_cpu *from, struct gic_cpu *to, unsigned intid, bool any_group)
{
	struct gic_irq *irq = &to->irq[intid];

	AM_TRACE(gic_sgi, from->id, to->id, intid);
	am_lock(&to->lock);
	if (any_group || !irq_group(irq)) {
		gic_irq_change(to, irq, GIC_LATCH, 0);
		gic_cpu_update(to);
	}
	am_unlock(&to->lock);
}

void gic_send_sgi(struct gic_cpu *from, uint64_t value, bool any_group)
{
	unsigned intid = (unsigned)am_bits(value, 27, 24);
	uint64_t cluster = am_bits(value, 55, 48) << 32 | am_bits(value, 39, 32) << 16 |
			   am_bits(value, 23, 16) << 8;
	unsigned nr = am_gic_nr_vcpus(from->gic);
	struct gic_cpu *to;

	if (am_bit(value, 40)) {
		for (unsigned i = 0; i < nr; i++) {
			to = gic_cpu_nth(from->gic, i);
			if (to != from)
				sgi_to(from, to, intid, any_group);
		}
		return;
	}
	for (unsigned list = value & 0xffff; list; list &= list - 1) {
		to = gic_cpu_by_affinity(from->gic, cluster | (unsigned)__builtin_ctz(list));
		if (to)
			sgi_to(from, to, intid, any_group);
	}
}
