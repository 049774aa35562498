/* SPDX-License-Identifier: MIT */
/*
 * The model of one interrupt (IHI 0069H 4.1, 4.3): its reset, its input, its target; and what of
 * the whole state survives saving and restoring.
 */
#include "model.h"

#include <string.h>

#include "cover.h"

/*
 * Group 1 (GICv2: 0), priority 0. KVM's SGIs start enabled, its PPIs are level and its SPIs edge.
 */
static void reset_irq(struct model *m, struct m_irq *irq, unsigned intid)
{
	bool line = irq->line, owned = irq->owned;

	memset(irq, 0, sizeof(*irq));
	irq->group1 = !m->v2;
	irq->edge = intid < M_SGIS || intid >= M_PRIVATE;
	irq->enabled = intid < M_SGIS;
	irq->line = line;
	irq->owned = owned;
}

/* The input lines are not the interrupt controller's to reset. */
void m_reset_cpu(struct model *m, unsigned cpu)
{
	struct m_cpu *c = &m->cpu[cpu];

	for (unsigned i = 0; i < M_PRIVATE; i++) {
		if (c->irq[i].active)
			cover(COV_reset_active);
		reset_irq(m, &c->irq[i], i);
	}
	c->pmr = c->bpr[0] = c->bpr[1] = 0;
	c->enable[0] = c->enable[1] = c->cbpr = c->eoimode = false;
	c->ackctl = c->fiqen = false;
	c->apr[0] = c->apr[1] = 0;
	c->pri_bits = 5;
	c->id_bits = 1;
}

void m_reset(struct model *m)
{
	m->enabled = false;
	m->revision = 3;
	m->user_groups = false;
	m->propbaser = 0;
	m->done = 0;
	for (unsigned cpu = 0; cpu < m->nr_cpus; cpu++) {
		memset(m->cpu[cpu].irq, 0, sizeof(m->cpu[cpu].irq));
		m_reset_cpu(m, cpu);
		m->cpu[cpu].pendbaser = 0x580;
	}
	memset(m->spi, 0, sizeof(m->spi));
	for (unsigned i = M_PRIVATE; i < m->nr_irqs; i++)
		reset_irq(m, &m->spi[i], i); /* to the vCPU that came first */
}

struct m_irq *m_irq(struct model *m, unsigned cpu, unsigned intid)
{
	if (intid < M_PRIVATE)
		return &m->cpu[cpu].irq[intid];
	return intid < m->nr_irqs ? &m->spi[intid] : NULL;
}

/* IHI 0069H 4.1.2: a level-sensitive interrupt is pending also while its input is high. */
bool m_is_pending(const struct m_irq *irq)
{
	return irq->latch || (!irq->edge && irq->line);
}

/* An edge is remembered, a level is what it is. */
void m_input(struct m_irq *irq, bool level)
{
	if (irq->edge) {
		if (level && irq->active)
			cover(COV_edge_while_active);
		if (level)
			irq->latch = true;
		return;
	}
	if (irq->line != level && irq->active)
		cover(level ? COV_line_while_active : COV_line_falls_active);
	if (irq->line && !level && !irq->active && irq->enabled)
		cover(COV_line_falls_pending);
	irq->line = level;
}

/* Affinity: Aff3 in bits 39:32, Aff2-Aff0 in 23:0. */
int m_cpu_by_affinity(const struct model *m, uint64_t affinity)
{
	for (unsigned i = 0; i < m->nr_cpus; i++)
		if ((m->cpu[i].mpidr & UINT64_C(0xff00ffffff)) == affinity)
			return (int)i;
	return M_NOBODY;
}

/* GICD_IROUTER (IHI 0069H 12.9.22). KVM keeps Aff2-Aff0 and has no 1-of-N. */
void m_route(struct model *m, struct m_irq *irq, uint32_t route)
{
	int target = m_cpu_by_affinity(m, route & 0xffffff);

	if (target == M_NOBODY)
		cover(COV_move_nobody);
	if (target != irq->target && m_is_pending(irq))
		cover(COV_move_pending);
	if (target != irq->target && irq->active)
		cover(COV_move_active);
	irq->route = route & 0xffffff;
	irq->target = target;
}

/* GICD_ITARGETSR (IHI 0048B 4.3.12). KVM takes the first target, and vCPU 0 when there is none. */
void m_targets(struct model *m, struct m_irq *irq, unsigned targets)
{
	int target = 0;

	irq->route = targets & ((1u << m->nr_cpus) - 1);
	for (unsigned cpu = m->nr_cpus; cpu-- > 0;)
		if (irq->route >> cpu & 1)
			target = (int)cpu;
	if (!irq->route)
		cover(COV_v2_no_target);
	if (target != irq->target && m_is_pending(irq))
		cover(COV_move_pending);
	if (target != irq->target && irq->active)
		cover(COV_move_active);
	irq->target = target;
}

/* A GICv2's SGI is pending from some vCPUs, or not pending. */
void m_set_sources(struct m_irq *irq, unsigned sources)
{
	irq->sources = (uint8_t)sources;
	irq->latch = sources != 0;
}

/* As in KVM SPIs stay where they are until their route is written again. */
void m_set_mpidr(struct model *m, unsigned cpu, uint64_t mpidr)
{
	if (m->cpu[cpu].mpidr != mpidr)
		cover(COV_moved_affinity);
	m->cpu[cpu].mpidr = mpidr;
}

/* The line of an interrupt that is configured as edge is not reported, so it is lost. */
static void restore_irq(struct m_irq *irq)
{
	if (irq->active)
		cover(COV_restore_active);
	if (irq->latch)
		cover(COV_restore_pending);
	if (irq->line)
		cover(irq->edge ? COV_restore_edge_line : COV_restore_line);
	if (irq->edge)
		irq->line = false;
}

/*
 * A GICv2's pending registers are saved with the lines in them; a line, whose state is not saved,
 * is then reported by its device again.
 */
static void restore_irq2(struct m_irq *irq)
{
	if (!irq->edge)
		irq->latch = irq->owned ? irq->line : irq->latch || irq->line;
}

static void restore_cpu(struct model *m, unsigned cpu)
{
	struct m_cpu *c = &m->cpu[cpu];
	uint32_t apr = c->apr[0] | c->apr[1];

	for (unsigned i = 0; i < M_PRIVATE; i++) {
		restore_irq(&c->irq[i]);
		if (m->v2)
			restore_irq2(&c->irq[i]);
		if (c->irq[i].sources & (c->irq[i].sources - 1))
			cover(COV_v2_restore_sources);
	}
	if (apr & (apr - 1))
		cover(COV_restore_nested);
	if (m->v2)
		return;
	/* BPR1 reads as made of BPR0 then, and cannot be written. */
	if (c->cbpr) {
		cover(COV_restore_cbpr);
		c->bpr[1] = 0;
	}
	c->pendbaser &= ~(UINT64_C(1) << 62); /* PTZ reads as zero */
	/* Writing it makes a value that was never written a valid one. */
	m_user_write(m, cpu, (int)cpu, 0x70, (uint32_t)m->propbaser);
}

void m_restore(struct model *m)
{
	for (unsigned cpu = 0; cpu < m->nr_cpus; cpu++)
		restore_cpu(m, cpu);
	m->user_groups = true; /* the identification was written */
	for (unsigned i = M_PRIVATE; i < m->nr_irqs; i++) {
		struct m_irq *irq = &m->spi[i];

		restore_irq(irq);
		if (m->v2) {
			restore_irq2(irq);
			continue;
		}
		irq->target = m_cpu_by_affinity(m, irq->route);
		if (irq->target == M_NOBODY)
			cover(COV_restore_lost_route);
	}
}
