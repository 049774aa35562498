/* SPDX-License-Identifier: MIT */
/*
 * The model of the CPU interface (IHI 0069H 4.8 and 12.2; IHI 0048B 3.2, 3.3): what is offered to a
 * vCPU, and acknowledge, priority drop and deactivation. Five bits of priority, so 32 levels.
 */
#include "model.h"

#include <stddef.h>

#include "cover.h"

/* ---- Priorities ---- */

/* The smallest binary points that five bits allow are 2 and 3. */
unsigned m_least_bpr(unsigned group, unsigned value)
{
	unsigned least = group ? 3 : 2;

	return value > least ? value : least;
}

unsigned m_bpr(const struct m_cpu *c, unsigned group)
{
	unsigned bpr0 = m_least_bpr(0, c->bpr[0]);

	if (group == 0)
		return bpr0;
	if (c->cbpr)
		return bpr0 + 1 > 7 ? 7 : bpr0 + 1;
	return m_least_bpr(1, c->bpr[1]);
}

/* The part of a priority that preempts: group 0's point is one to the left (IHI 0069H 4.8.6). */
static unsigned preemption_level(const struct m_cpu *c, unsigned group, unsigned priority)
{
	unsigned bpr = m_bpr(c, group);

	return priority & (0xff << (group ? bpr : bpr + 1)) & 0xff;
}

unsigned m_running(const struct m_cpu *c)
{
	for (unsigned level = 0; level < 32; level++)
		if ((c->apr[0] | c->apr[1]) >> level & 1)
			return level << 3;
	return M_IDLE;
}

static unsigned depth(const struct m_cpu *c)
{
	unsigned n = 0;

	for (unsigned level = 0; level < 32; level++)
		n += (c->apr[0] | c->apr[1]) >> level & 1;
	return n;
}

/* ---- What is offered ---- */

/* Can @irq be offered to @cpu, given its group and routing? */
static bool deliverable(const struct model *m, unsigned cpu, unsigned intid)
{
	const struct m_cpu *c = &m->cpu[cpu];
	const struct m_irq *irq = intid < M_PRIVATE ? &c->irq[intid] : &m->spi[intid];

	if (intid >= M_PRIVATE && irq->target != (int)cpu)
		return false;
	return m->enabled && irq->enabled && !irq->active && m_is_pending(irq) &&
	       c->enable[irq->group1];
}

/* The best priority of all that can be offered, how many have it, and the groups that they are in.
 */
struct best {
	unsigned priority, count;
	bool group[2];
	unsigned answer[2]; /* IAR's for one of each group */
};

/* What IAR says: a GICv2 adds the source of an SGI, and it is its choice which. */
static unsigned some_answer(const struct model *m, const struct m_irq *irq, unsigned intid)
{
	unsigned source = 0;

	if (!m->v2 || intid >= M_SGIS)
		return intid;
	while (!(irq->sources >> source & 1))
		source++;
	return intid | source << 10;
}

static struct best best(struct model *m, unsigned cpu)
{
	struct best b = {.priority = 256};

	for (unsigned i = 0; i < m->nr_irqs; i++) {
		const struct m_irq *irq;

		if (!deliverable(m, cpu, i))
			continue;
		irq = m_irq(m, cpu, i);
		if (irq->priority < b.priority)
			b = (struct best){.priority = irq->priority};
		if (irq->priority == b.priority) {
			b.count++;
			b.group[irq->group1] = true;
			b.answer[irq->group1] = some_answer(m, irq, i);
		}
	}
	return b;
}

static bool is_best(struct model *m, unsigned cpu, unsigned group, const struct best *b,
		    unsigned answer)
{
	unsigned intid = m->v2 ? answer & 0x3ff : answer, source = m->v2 ? answer >> 10 : 0;
	const struct m_irq *irq;

	if (intid >= m->nr_irqs || !deliverable(m, cpu, intid))
		return false;
	irq = m_irq(m, cpu, intid);
	if (irq->priority != b->priority || irq->group1 != group)
		return false;
	if (m->v2 && intid < M_SGIS)
		return source < 8 && irq->sources >> source & 1;
	return source == 0;
}

/* Is @got an answer for a reader of @groups? Any of the best may have been chosen. */
static bool is_allowed(struct model *m, unsigned cpu, unsigned groups, unsigned other,
		       const struct best *b, unsigned got)
{
	for (unsigned g = 0; g < 2; g++) {
		if (!b->group[g])
			continue;
		if (groups >> g & 1 ? is_best(m, cpu, g, b, got) : got == other)
			return true;
	}
	return !b->count && got == M_SPURIOUS;
}

static unsigned some_allowed(unsigned groups, unsigned other, const struct best *b)
{
	unsigned g = !b->group[0];

	if (!b->count)
		return M_SPURIOUS;
	return groups >> g & 1 ? b->answer[g] : other;
}

/* Would an interrupt of that group and priority be signalled? */
static bool signals(const struct m_cpu *c, unsigned group, unsigned priority)
{
	return priority < (c->pmr & 0xf8u) && preemption_level(c, group, priority) < m_running(c);
}

/* A GICv2 signals group 0 as IRQ unless FIQEn is set. */
static unsigned line_of(const struct model *m, const struct m_cpu *c, unsigned group,
			const struct best *b)
{
	if (!signals(c, group, b->priority))
		return 0;
	return group || (m->v2 && !c->fiqen) ? M_IRQ : M_FIQ;
}

bool m_lines_allowed(struct model *m, unsigned cpu, unsigned lines)
{
	struct best b = best(m, cpu);

	if (lines)
		cover(lines == M_IRQ ? COV_signal_irq : COV_signal_fiq);
	if (!b.count)
		return lines == 0;
	return (b.group[0] && lines == line_of(m, &m->cpu[cpu], 0, &b)) ||
	       (b.group[1] && lines == line_of(m, &m->cpu[cpu], 1, &b));
}

unsigned m_some_lines(struct model *m, unsigned cpu)
{
	struct best b = best(m, cpu);

	return b.count ? line_of(m, &m->cpu[cpu], !b.group[0], &b) : 0;
}

/* Neither the mask nor what runs matters (ICC_HPPIR1_EL1). */
unsigned m_hppi(struct model *m, unsigned cpu, unsigned groups, unsigned other, unsigned got)
{
	struct best b = best(m, cpu);

	return is_allowed(m, cpu, groups, other, &b, got) ? got : some_allowed(groups, other, &b);
}

/* ---- Acknowledge ---- */

static void cover_spurious(const struct m_cpu *c, unsigned groups, const struct best *b)
{
	unsigned g = !b->group[0];

	if (!b->count)
		cover(COV_ack_none);
	else if (b->priority >= (c->pmr & 0xf8u))
		cover(COV_ack_masked);
	else if (!signals(c, g, b->priority))
		cover(COV_ack_running);
	else if (!(groups >> g & 1))
		cover(COV_ack_other_group);
}

static void cover_ack(struct model *m, unsigned cpu, unsigned group, unsigned intid,
		      const struct best *b)
{
	const struct m_cpu *c = &m->cpu[cpu];
	const struct m_irq *irq = m_irq(m, cpu, intid);

	cover(group ? COV_ack_group1 : COV_ack_group0);
	cover(intid < M_SGIS ? COV_ack_sgi : intid < M_PRIVATE ? COV_ack_ppi : COV_ack_spi);
	if (depth(c) >= 1)
		cover(COV_ack_preempts);
	if (depth(c) >= 2)
		cover(COV_ack_depth3);
	if (depth(c) >= 4)
		cover(COV_ack_depth5);
	if (preemption_level(c, group, b->priority) != b->priority)
		cover(COV_ack_coarse);
	if (group && c->cbpr)
		cover(COV_ack_cbpr);
	if (!irq->edge)
		cover(irq->line ? COV_ack_level : COV_ack_level_latched);
	if (b->count > 1)
		cover(COV_tie);
	if (b->group[0] && b->group[1])
		cover(COV_tie_groups);
}

/*
 * Pending becomes active; a level-sensitive interrupt is still pending while its line is high, and
 * a GICv2's SGI while there are other sources.
 */
static void take(struct model *m, unsigned cpu, unsigned answer)
{
	unsigned intid = m->v2 ? answer & 0x3ff : answer;
	struct m_cpu *c = &m->cpu[cpu];
	struct m_irq *irq = m_irq(m, cpu, intid);
	unsigned level = preemption_level(c, irq->group1, irq->priority) >> 3;

	irq->latch = false;
	irq->active = true;
	c->apr[m->v2 ? 0 : irq->group1] |= UINT32_C(1) << level;
	if (m->v2 && intid < M_SGIS) {
		if (irq->sources & (irq->sources - 1))
			cover(COV_v2_ack_sources);
		m_set_sources(irq, irq->sources & ~(1u << (answer >> 10)));
	}
}

unsigned m_ack(struct model *m, unsigned cpu, unsigned groups, unsigned other, unsigned got)
{
	struct m_cpu *c = &m->cpu[cpu];
	struct best b = best(m, cpu);
	bool may[2];

	for (unsigned g = 0; g < 2; g++) {
		may[g] = b.group[g] && signals(c, g, b.priority);
		if (!may[g] || !(groups >> g & 1) || !is_best(m, cpu, g, &b, got))
			continue;
		cover_ack(m, cpu, g, m->v2 ? got & 0x3ff : got, &b);
		take(m, cpu, got);
		return got;
	}
	cover_spurious(c, groups, &b);
	/* Of two groups with the best priority either may have been chosen. */
	for (unsigned g = 0; g < 2; g++) {
		if (may[g] && !(groups >> g & 1) && got == other)
			return got;
		if ((b.group[g] || !b.count) && !may[g] && got == M_SPURIOUS)
			return got;
	}
	for (unsigned g = 0; g < 2; g++)
		if (may[g])
			return groups >> g & 1 ? b.answer[g] : other;
	return M_SPURIOUS;
}

/* ---- Priority drop and deactivation ---- */

/* The highest active priority; of both groups group 1's goes first, as in KVM. */
static void priority_drop(struct m_cpu *c)
{
	unsigned level = m_running(c) >> 3;
	uint32_t bit = UINT32_C(1) << level;

	if (m_running(c) == M_IDLE) {
		cover(COV_eoi_idle);
		return;
	}
	if (c->apr[0] & c->apr[1] & bit)
		cover(COV_eoi_both);
	cover(c->apr[1] & bit ? COV_eoi_group1 : COV_eoi_group0);
	if (c->apr[1] & bit)
		c->apr[1] &= ~bit;
	else
		c->apr[0] &= ~bit;
}

static void deactivate(struct model *m, struct m_irq *irq, unsigned intid)
{
	if (!irq->edge && irq->line)
		cover(COV_eoi_line_high);
	if (irq->latch)
		cover(COV_eoi_latched);
	irq->active = false;
	if (intid >= M_PRIVATE && !irq->edge) {
		cover(COV_done_told);
		m->done = intid;
	}
}

/*
 * A guest that writes something else than it acknowledged last gets UNPREDICTABLE behaviour
 * (ICC_EOIR1_EL1). KVM's, where it is simple: the running priority drops in any case, and the
 * interrupt is deactivated if it is active and of the register's group.
 */
void m_eoi(struct model *m, unsigned cpu, unsigned groups, unsigned intid)
{
	struct m_cpu *c = &m->cpu[cpu];
	struct m_irq *irq = m_irq(m, cpu, intid);

	if (intid >= 1020 && intid < 8192) {
		cover(COV_eoi_special);
		return;
	}
	priority_drop(c);
	if (c->eoimode) {
		cover(COV_eoi_drop_only);
		return;
	}
	if (!irq || !irq->active) {
		cover(COV_eoi_inactive);
		return;
	}
	if (!(groups >> irq->group1 & 1)) {
		cover(COV_eoi_wrong_group);
		return;
	}
	cover(COV_eoi_deactivates);
	if (intid >= M_PRIVATE && irq->target != (int)cpu)
		cover(COV_eoi_elsewhere);
	deactivate(m, irq, intid);
}

/* IHI 0069H 12.2.13: of either group, acknowledged by any vCPU. */
void m_dir(struct model *m, unsigned cpu, unsigned intid)
{
	struct m_irq *irq = m_irq(m, cpu, intid);

	if (!m->cpu[cpu].eoimode) {
		cover(COV_dir_ignored);
		return;
	}
	if (!irq || !irq->active)
		return;
	cover(COV_dir_deactivates);
	if (intid >= M_PRIVATE && irq->target != (int)cpu)
		cover(COV_dir_elsewhere);
	deactivate(m, irq, intid);
}

/* ---- SGIs ---- */

/* With one security state SGI0R and ASGI1R reach only SGIs of group 0 (IHI 0069H 12.2.25). */
static void sgi_to(struct model *m, unsigned to, unsigned intid, bool any_group)
{
	struct m_irq *irq = &m->cpu[to].irq[intid];

	if (irq->group1 && !any_group) {
		cover(COV_sgi_refused);
		return;
	}
	if (!any_group)
		cover(COV_sgi0_taken);
	irq->latch = true;
}

void m_sgi(struct model *m, unsigned cpu, uint64_t value, bool any_group)
{
	unsigned intid = value >> 24 & 15;
	uint64_t aff1 = value >> 16 & 0xff, aff2 = value >> 32 & 0xff, aff3 = value >> 48 & 0xff;
	int to;

	if (value >> 40 & 1) {
		cover(COV_sgi_others);
		for (unsigned i = 0; i < m->nr_cpus; i++)
			if (i != cpu)
				sgi_to(m, i, intid, any_group);
		return;
	}
	for (unsigned aff0 = 0; aff0 < 16; aff0++) {
		if (!(value >> aff0 & 1))
			continue;
		to = m_cpu_by_affinity(m, aff3 << 32 | aff2 << 16 | aff1 << 8 | aff0);
		cover(to == M_NOBODY ? COV_sgi_nobody : COV_sgi_list);
		if (to == (int)cpu)
			cover(COV_sgi_self);
		if (to != M_NOBODY && aff1 | aff2 | aff3)
			cover(COV_sgi_cluster);
		if (to != M_NOBODY)
			sgi_to(m, (unsigned)to, intid, any_group);
	}
}

/* GICD_SGIR (IHI 0048B 4.3.15); NSATT is ignored. */
void m_sgi2(struct model *m, unsigned cpu, uint32_t value)
{
	unsigned intid = value & 15, filter = value >> 24 & 3;

	if (filter == 3)
		cover(COV_v2_sgi_reserved);
	for (unsigned to = 0; to < m->nr_cpus; to++) {
		struct m_irq *irq = &m->cpu[to].irq[intid];

		if (filter == 3 || (filter == 0 && !(value >> (16 + to) & 1)) ||
		    (filter == 1 && to == cpu) || (filter == 2 && to != cpu))
			continue;
		cover(filter == 0   ? COV_v2_sgi_list
		      : filter == 1 ? COV_v2_sgi_others
				    : COV_v2_sgi_self);
		m_set_sources(irq, irq->sources | 1u << m->cpu[cpu].id);
	}
}
