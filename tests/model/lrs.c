/* SPDX-License-Identifier: MIT */
/*
 * Hardware with list registers, in software: the virtual CPU interface of a GICv3 (IHI 0069H 12.4
 * and 4.8) or a GICv2 (IHI 0048B 5) as far as a guest sees it. In machines that have one each
 * access of a guest to its CPU interface is fill, the access, fold; and the answer and what follows
 * must be the model's.
 *
 * Hardware that has no list register for an active interrupt only counts its EOI, so that fold has
 * to guess which one was meant, and cannot deactivate another vCPU's. What KVM would get wrong for
 * a guest that does such things is not compared: those accesses are made directly.
 */
#include "world.h"

#include <stdlib.h>

#include "cover.h"

enum {
	PENDING = 1,
	ACTIVE = 2,
	VMCR_ACKCTL = 1 << 2,
	VMCR_CBPR = 1 << 4,
	VMCR_EOIM = 1 << 9,
	BPR1 = 18,
	BPR0 = 21,
	PMR = 24,
	HCR_NPIE = 1 << 3,
	EOICOUNT = 27,
};

/* ---- The registers' fields ---- */

struct lr {
	unsigned intid, source, priority, group, state;
};

static struct lr lr_get(const struct world *w, uint64_t v)
{
	if (w->shape.v2)
		return (struct lr){.intid = v & 0x3ff,
				   .source = (v & 0x3ff) < M_SGIS ? v >> 10 & 7 : 0,
				   .priority = (v >> 23 & 31) << 3,
				   .group = v >> 30 & 1,
				   .state = v >> 28 & 3};
	return (struct lr){.intid = (uint32_t)v,
			   .priority = v >> 48 & 0xff,
			   .group = v >> 60 & 1,
			   .state = (unsigned)(v >> 62)};
}

static void lr_set_state(const struct world *w, uint64_t *v, unsigned state)
{
	unsigned shift = w->shape.v2 ? 28 : 62;

	*v = (*v & ~(UINT64_C(3) << shift)) | (uint64_t)state << shift;
}

static void set_field(uint32_t *reg, unsigned shift, uint32_t mask, uint32_t value)
{
	*reg = (*reg & ~(mask << shift)) | (value & mask) << shift;
}

/* ---- The interface ---- */

/* A vCPU of a machine, and its hardware. */
struct sim {
	struct world *w;
	struct am_gic_lrs *s;
};

static unsigned bpr(const struct am_gic_lrs *s, unsigned group)
{
	return m_least_bpr(group, s->vmcr >> (group ? BPR1 : BPR0) & 7);
}

/* The one that counts, and that a GICv3's guest reads. */
static unsigned common_bpr(const struct am_gic_lrs *s, unsigned group)
{
	unsigned bpr0 = bpr(s, 0);

	if (group && s->vmcr & VMCR_CBPR)
		return bpr0 < 7 ? bpr0 + 1 : 7;
	return bpr(s, group);
}

static unsigned level(const struct am_gic_lrs *s, unsigned group, unsigned priority)
{
	return priority & (0xff << (common_bpr(s, group) + !group)) & 0xff;
}

static unsigned running(const struct am_gic_lrs *s)
{
	for (unsigned n = 0; n < 32; n++)
		if ((s->apr[0][0] | s->apr[1][0]) >> n & 1)
			return n << 3;
	return M_IDLE;
}

/* The list register of the best that is pending and of an enabled group, or -1. */
static int best(const struct sim *h, struct lr *found)
{
	int b = -1;

	for (unsigned n = 0; n < h->s->nr; n++) {
		struct lr lr = lr_get(h->w, h->s->lr[n]);

		if (lr.state != PENDING || !(h->s->vmcr >> lr.group & 1) ||
		    (b >= 0 && lr.priority >= found->priority))
			continue;
		*found = lr;
		b = (int)n;
	}
	return b;
}

/* As m_hppi and m_ack: for a reader of @groups, or @other. */
static unsigned hppi(const struct sim *h, unsigned groups, unsigned other)
{
	struct lr lr;

	if (best(h, &lr) < 0)
		return M_SPURIOUS;
	return groups >> lr.group & 1 ? lr.intid | lr.source << 10 : other;
}

static unsigned ack(struct sim *h, unsigned groups, unsigned other)
{
	struct am_gic_lrs *s = h->s;
	struct lr lr;
	int b = best(h, &lr);

	if (b < 0 || lr.priority >= (s->vmcr >> PMR & 0xf8) ||
	    level(s, lr.group, lr.priority) >= running(s))
		return M_SPURIOUS;
	if (!(groups >> lr.group & 1))
		return other;
	s->apr[h->w->shape.v2 ? 0 : lr.group][0] |= UINT32_C(1)
						    << (level(s, lr.group, lr.priority) >> 3);
	lr_set_state(h->w, &s->lr[b], ACTIVE);
	return lr.intid | lr.source << 10;
}

static void eoi(struct sim *h, unsigned groups, unsigned intid)
{
	struct am_gic_lrs *s = h->s;
	uint32_t active = s->apr[0][0] | s->apr[1][0], bit = active & -active;

	s->apr[s->apr[1][0] & bit ? 1 : 0][0] &= ~bit;
	if (s->vmcr & VMCR_EOIM)
		return;
	for (unsigned n = 0; n < s->nr; n++) {
		struct lr lr = lr_get(h->w, s->lr[n]);

		if (lr.intid != intid || !(lr.state & ACTIVE))
			continue;
		if (groups >> lr.group & 1)
			lr_set_state(h->w, &s->lr[n], lr.state & ~(unsigned)ACTIVE);
		return;
	}
	s->hcr += UINT32_C(1) << EOICOUNT;
}

/* ---- ICC_* ---- */

static bool icc_read(struct sim *h, unsigned reg, uint64_t *value)
{
	struct am_gic_lrs *s = h->s;

	switch (reg) {
	case ICC_PMR:
		*value = s->vmcr >> PMR & 0xf8;
		return true;
	case ICC_IAR0:
	case ICC_IAR1:
		*value = ack(h, 1u << (reg == ICC_IAR1), M_SPURIOUS);
		return true;
	case ICC_HPPIR0:
	case ICC_HPPIR1:
		*value = hppi(h, 1u << (reg == ICC_HPPIR1), M_SPURIOUS);
		return true;
	case ICC_BPR0:
	case ICC_BPR1:
		*value = common_bpr(s, reg == ICC_BPR1);
		return true;
	case ICC_AP0R0:
	case ICC_AP1R0:
		*value = s->apr[reg == ICC_AP1R0][0];
		return true;
	case ICC_RPR:
		*value = running(s);
		return true;
	case ICC_IGRPEN0:
	case ICC_IGRPEN1:
		*value = s->vmcr >> (reg == ICC_IGRPEN1) & 1;
		return true;
	default:
		return false;
	}
}

static bool icc_write(struct sim *h, unsigned reg, uint64_t value)
{
	unsigned group =
	    reg == ICC_EOIR1 || reg == ICC_BPR1 || reg == ICC_AP1R0 || reg == ICC_IGRPEN1;
	struct am_gic_lrs *s = h->s;

	switch (reg) {
	case ICC_PMR:
		set_field(&s->vmcr, PMR, 0xff, value & 0xf8);
		return true;
	case ICC_EOIR0:
	case ICC_EOIR1:
		eoi(h, 1u << group, value & 0xffffff);
		return true;
	case ICC_BPR0:
	case ICC_BPR1:
		if (!group || !(s->vmcr & VMCR_CBPR))
			set_field(&s->vmcr, group ? BPR1 : BPR0, 7, m_least_bpr(group, value & 7));
		return true;
	case ICC_AP0R0:
	case ICC_AP1R0:
		s->apr[group][0] = (uint32_t)value;
		return true;
	case ICC_CTLR:
		set_field(&s->vmcr, 4, 1, value & 1);
		set_field(&s->vmcr, 9, 1, value >> 1 & 1);
		return true;
	case ICC_IGRPEN0:
	case ICC_IGRPEN1:
		set_field(&s->vmcr, group, 1, value & 1);
		return true;
	default:
		return false;
	}
}

/* ---- GICV, which a GICv2's guest has for GICC ---- */

enum { GICV_CTLR_BITS = 0x21f };

static unsigned gicv_groups(const struct am_gic_lrs *s)
{
	return s->vmcr & VMCR_ACKCTL ? 3 : 1;
}

static bool gicv_read(struct sim *h, unsigned reg, uint64_t *value)
{
	struct am_gic_lrs *s = h->s;

	switch (reg) {
	case 0x00:
		*value = s->vmcr & GICV_CTLR_BITS;
		return true;
	case 0x04:
		*value = s->vmcr >> PMR & 0xf8;
		return true;
	case 0x08:
	case 0x1c:
		*value = bpr(s, reg == 0x1c);
		return true;
	case 0x0c:
		*value = ack(h, gicv_groups(s), 1022);
		return true;
	case 0x20:
		*value = ack(h, 2, M_SPURIOUS);
		return true;
	case 0x14:
		*value = running(s);
		return true;
	case 0x18:
		*value = hppi(h, gicv_groups(s), 1022);
		return true;
	case 0x28:
		*value = hppi(h, 2, M_SPURIOUS);
		return true;
	case 0xd0:
		*value = s->apr[0][0];
		return true;
	default:
		return false;
	}
}

static bool gicv_write(struct sim *h, unsigned reg, uint32_t value)
{
	struct am_gic_lrs *s = h->s;

	switch (reg) {
	case 0x00:
		set_field(&s->vmcr, 0, GICV_CTLR_BITS, value);
		return true;
	case 0x04:
		set_field(&s->vmcr, PMR, 0xff, value & 0xf8);
		return true;
	case 0x08:
		set_field(&s->vmcr, BPR0, 7, m_least_bpr(0, value & 7));
		return true;
	case 0x1c:
		set_field(&s->vmcr, BPR1, 7, m_least_bpr(1, value & 7));
		return true;
	case 0x10:
		eoi(h, gicv_groups(s), value & 0x3ff);
		return true;
	case 0x24:
		eoi(h, 2, value & 0x3ff);
		return true;
	case 0xd0:
		s->apr[0][0] = value;
		return true;
	default:
		return false;
	}
}

/* ---- Around each access ---- */

static bool in_lr(const struct world *w, unsigned cpu, unsigned intid)
{
	const struct am_gic_lrs *s = &w->lrs[cpu];

	for (unsigned n = 0; n < s->nr; n++) {
		struct lr lr = lr_get(w, s->lr[n]);

		if (lr.intid == intid && lr.state & ACTIVE)
			return true;
	}
	return false;
}

/* Is @intid, of one of @groups, more important than all others that have no list register? */
static bool is_best_outside(struct world *w, unsigned cpu, unsigned groups, unsigned intid)
{
	const struct m_irq *irq = m_irq(&w->model, cpu, intid);

	if (!irq || !irq->active || !(groups >> irq->group1 & 1) ||
	    (intid >= M_PRIVATE && w->home[intid] != (int)cpu))
		return false;
	for (unsigned i = 0; i < w->model.nr_irqs; i++) {
		const struct m_irq *other = m_irq(&w->model, cpu, i);

		if (i != intid && other->active && !in_lr(w, cpu, i) &&
		    other->priority <= irq->priority)
			return false;
	}
	cover(COV_lr_eoi_counted);
	return true;
}

/*
 * Does it become clear which interrupt is meant? It is in a list register; or it is the one that
 * counting means; or it is not active, and no other could be mistaken for it, because all that are
 * active are in list registers.
 */
static bool eoi_is_clear(struct world *w, unsigned cpu, unsigned groups, unsigned intid)
{
	if (in_lr(w, cpu, intid) || is_best_outside(w, cpu, groups, intid))
		return true;
	for (unsigned i = 0; i < w->model.nr_irqs; i++)
		if (m_irq(&w->model, cpu, i)->active && !in_lr(w, cpu, i))
			return false;
	return intid < 1020;
}

/* The groups that an EOI is for, or 0: it is something else. */
static unsigned eoi_groups(const struct sim *h, const struct op *op)
{
	if (h->w->shape.v2)
		return op->reg == 0x10 ? gicv_groups(h->s) : op->reg == 0x24 ? 2 : 0;
	return op->reg == ICC_EOIR0 ? 1 : op->reg == ICC_EOIR1 ? 2 : 0;
}

static bool access_interface(struct sim *h, const struct op *op, uint64_t *got)
{
	bool v2 = h->w->shape.v2;
	unsigned intid = op->value & (v2 ? 0x3ff : 0xffffff), groups = eoi_groups(h, op);

	cover(v2 ? COV_lr_access_v2 : COV_lr_access_v3);
	if (h->s->hcr & HCR_NPIE)
		cover(COV_lr_full);
	if (got)
		return v2 ? gicv_read(h, op->reg, got) : icc_read(h, op->reg, got);
	if (groups && !eoi_is_clear(h->w, op->cpu, groups, intid))
		return false;
	return v2 ? gicv_write(h, op->reg, (uint32_t)op->value) : icc_write(h, op->reg, op->value);
}

bool lrs_access(struct world *w, const struct op *op, uint64_t *got)
{
	struct sim h = {.w = w, .s = &w->lrs[op->cpu]};
	unsigned id = w->shape.id[op->cpu];
	bool done;

	if (!w->shape.lrs || (w->shape.v2 && (op->frame != M_GICC || op->len != 4)))
		return false;
	h.s->nr = w->shape.lrs;
	if (am_gic_lr_fill(w->gic, id, h.s))
		abort();
	done = access_interface(&h, op, got);
	if (am_gic_lr_fold(w->gic, id, h.s))
		abort();
	return done;
}

/* All vCPUs enter their guests and leave them. */
static void enter_all(struct world *w)
{
	for (unsigned cpu = 0; cpu < w->shape.nr_cpus; cpu++) {
		struct am_gic_lrs *s = &w->lrs[cpu];

		s->nr = w->shape.lrs;
		if (am_gic_lr_fill(w->gic, w->shape.id[cpu], s) ||
		    am_gic_lr_fold(w->gic, w->shape.id[cpu], s))
			abort();
	}
}

/*
 * While it is active an SPI stays with the vCPU that it was routed to, if there was one, and if
 * that has entered its guest before; so that all have.
 */
void lrs_find_homes(struct world *w, const struct op *op)
{
	if (w->shape.lrs && (op->kind == OP_RESTORE || !w->lrs[0].nr))
		enter_all(w);
	for (unsigned i = M_PRIVATE; w->shape.lrs && i < w->shape.nr_irqs; i++) {
		const struct m_irq *irq = &w->model.spi[i];

		if (!irq->active || w->home[i] == M_NOBODY || op->kind == OP_RESTORE)
			w->home[i] = irq->target;
	}
}
