/* SPDX-License-Identifier: MIT */
/*
 * The other way to deliver interrupts: list registers (IHI 0069 12.4, IHI 0048 5.3), for embedders
 * whose guests run on hardware with a virtual CPU interface.
 *
 * To fill is to move state: what an interrupt has of latch and active goes into the list register,
 * so that to the rest of the controller it looks idle and a new edge or SGI queues it and raises
 * the vCPU's line as ever; that is the signal to come back. Only a level that stays high would do
 * so at once: GIC_IN_LR says that it has been seen to. The interface is opened meanwhile, its mask
 * set to the best of what did not fit, so that the line rises for what is better than that.
 *
 * Interrupts that are active go first, most important first, but the last register is kept for what
 * is pending. Active ones that do not fit are found again by their flags, and the guest's EOI for
 * them by EOIcount: it ends the most important one.
 */
#include "base/cstring.h"
#include "gic/hot.h"

enum {
	LR_PENDING = 1,
	LR_ACTIVE = 2,

	HCR_EN = 1 << 0,
	HCR_LRENPIE = 1 << 2,  /* EOIs without a list register */
	HCR_NPIE = 1 << 3,     /* nothing in list registers is pending any more */
	HCR_VGRP0EIE = 1 << 4, /* a group is enabled, or disabled */
	HCR_VGRP0DIE = 1 << 5,
	HCR_VGRP1EIE = 1 << 6,
	HCR_VGRP1DIE = 1 << 7,
	HCR_EOICOUNT_SHIFT = 27,

	VMCR_ENG0 = 1 << 0,
	VMCR_ENG1 = 1 << 1,
	VMCR_ACKCTL = 1 << 2,
	VMCR_FIQEN = 1 << 3,
	VMCR_CBPR = 1 << 4,
	VMCR_EOIM = 1 << 9,
	VMCR_BPR1_SHIFT = 18,
	VMCR_BPR0_SHIFT = 21,
	VMCR_PMR_SHIFT = 24,
};

/* ---- the interface ---- */

static void ifc_take(struct gic_cpu *cpu, struct am_gic_lrs *s)
{
	const struct gic_cpuif *ifc = &cpu->ifc;

	s->vmcr = (ifc->enabled[0] ? VMCR_ENG0 : 0) | (ifc->enabled[1] ? VMCR_ENG1 : 0) |
		  (ifc->ackctl ? VMCR_ACKCTL : 0) | (ifc->fiqen ? VMCR_FIQEN : 0) |
		  (ifc->cbpr ? VMCR_CBPR : 0) | (ifc->eoimode ? VMCR_EOIM : 0) |
		  (uint32_t)ifc->bpr[1] << VMCR_BPR1_SHIFT |
		  (uint32_t)ifc->bpr[0] << VMCR_BPR0_SHIFT | (uint32_t)ifc->pmr << VMCR_PMR_SHIFT;
	memset(s->apr, 0, sizeof(s->apr));
	s->apr[0][0] = ifc->apr[0];
	s->apr[1][0] = ifc->apr[1];
}

static void ifc_give_back(struct gic_cpu *cpu, const struct am_gic_lrs *s)
{
	struct gic_cpuif *ifc = &cpu->ifc;

	ifc->enabled[0] = s->vmcr & VMCR_ENG0;
	ifc->enabled[1] = s->vmcr & VMCR_ENG1;
	ifc->ackctl = s->vmcr & VMCR_ACKCTL;
	/* With system registers only, FIQEn reads as one. */
	ifc->fiqen = !cpu->gic->v2 || (s->vmcr & VMCR_FIQEN);
	ifc->cbpr = s->vmcr & VMCR_CBPR;
	ifc->eoimode = s->vmcr & VMCR_EOIM;
	ifc->bpr[0] = s->vmcr >> VMCR_BPR0_SHIFT & 7;
	ifc->bpr[1] = s->vmcr >> VMCR_BPR1_SHIFT & 7;
	ifc->pmr = (uint8_t)(s->vmcr >> VMCR_PMR_SHIFT);
	ifc->apr[0] = s->apr[0][0];
	ifc->apr[1] = s->apr[1][0];
}

/* In the guest: what is queued of @groups with a priority below @limit raises the line. */
static void ifc_open(struct gic_cpu *cpu, unsigned limit, unsigned groups)
{
	cpu->ifc.limit = (uint8_t)limit;
	cpu->ifc.mask[0] = cpu->ifc.mask[1] = 0;
	cpu->ifc.groups = (uint8_t)groups;
	cpu->ifc.apr[0] = cpu->ifc.apr[1] = 0;
	gic_cpu_update(cpu);
}

/* ---- one list register ---- */

static uint64_t lr_encode(const struct gic_cpu *cpu, const struct gic_irq *irq, unsigned state,
			  unsigned source, bool eoi)
{
	uint64_t group = gic_irq_group(irq), priority = gic_irq_priority(irq);

	if (cpu->gic->v2)
		return irq->intid | source << 10 | (uint64_t)eoi << 19 | priority >> 3 << 23 |
		       (uint64_t)state << 28 | group << 30;
	return irq->intid | (uint64_t)eoi << 41 | priority << 48 | group << 60 |
	       (uint64_t)state << 62;
}

static unsigned lr_state(const struct gic_cpu *cpu, uint64_t lr)
{
	return (unsigned)(cpu->gic->v2 ? lr >> 28 : lr >> 62) & 3;
}

static struct gic_irq *lr_irq(struct gic_cpu *cpu, uint64_t lr)
{
	unsigned intid = cpu->gic->v2 ? lr & 0x3ff : (uint32_t)lr;

	if (intid >= GIC_FIRST_LPI)
		return gic_lpi_irq(cpu->gic, intid);
	return gic_irq_get(cpu->gic, cpu, intid);
}

/* One source of a GICv2's SGI: what is active keeps its own, what is pending takes the next. */
static unsigned lr_take_source(struct gic_irq *irq, bool active)
{
	unsigned sources = atomic_load_explicit(&irq->sources, memory_order_relaxed);
	unsigned source;

	if (active || !sources)
		return irq->active_source;
	source = (unsigned)__builtin_ctz(sources);
	atomic_store_explicit(&irq->sources, (uint8_t)(sources & (sources - 1)),
			      memory_order_relaxed);
	return source;
}

/*
 * Moves the interrupt into list register @n. The guest's end of a level-sensitive one, or of an SGI
 * with more sources, is the moment to look whether it is pending again: EOI asks for that.
 */
static void lr_put(struct gic_cpu *cpu, struct am_gic_lrs *s, unsigned n, struct gic_irq *irq)
{
	unsigned flags = gic_irq_flags(irq), state, source = 0;
	bool sgi2 = cpu->gic->v2 && irq->intid < GIC_NR_SGIS, eoi = !(flags & GIC_EDGE);
	uint16_t bit = (uint16_t)(1u << n);

	s->carried &= (uint16_t)~bit;
	s->aside &= (uint16_t)~bit;
	state = flags & GIC_ACTIVE ? LR_ACTIVE : LR_PENDING;
	if (sgi2) {
		source = lr_take_source(irq, flags & GIC_ACTIVE);
		eoi = atomic_load_explicit(&irq->sources, memory_order_relaxed) != 0;
	} else if (flags & GIC_LATCH) {
		*(state == LR_PENDING ? &s->carried : &s->aside) |= bit;
	}
	s->lr[n] = lr_encode(cpu, irq, state, source, eoi);
	gic_irq_change(cpu, irq, GIC_IN_LR, GIC_LATCH | GIC_ACTIVE);
}

/*
 * Takes list register @n back. True if the interrupt was finished by the guest; it stays in the
 * register, as a reminder for fill, if it is active.
 */
static bool lr_take(struct gic_cpu *cpu, struct am_gic_lrs *s, unsigned n, struct gic_irq *irq)
{
	unsigned state = lr_state(cpu, s->lr[n]), set = 0, flags = gic_irq_flags(irq);
	bool sgi2 = cpu->gic->v2 && irq->intid < GIC_NR_SGIS;
	unsigned source = sgi2 ? (unsigned)(s->lr[n] >> 10 & 7) : 0;

	if (sgi2) {
		if (state & LR_ACTIVE)
			irq->active_source = (uint8_t)source;
		gic_irq_change(cpu, irq, state & LR_ACTIVE ? GIC_ACTIVE : 0, GIC_IN_LR);
		gic_sgi_sources(cpu, irq->intid, state & LR_PENDING ? 1u << source : 0, 0);
		return false;
	}
	if (state & LR_ACTIVE)
		set |= GIC_ACTIVE;
	if ((s->aside >> n & 1) || ((state & LR_PENDING) && (s->carried >> n & 1)))
		set |= GIC_LATCH;
	gic_irq_change(cpu, irq, set, GIC_IN_LR);
	return !state && !(flags & GIC_EDGE) && irq->intid >= GIC_NR_PRIVATE;
}

/* ---- fill ---- */

/* The most important interrupt that is active here and in no list register. */
static struct gic_irq *best_active(struct gic_cpu *cpu)
{
	unsigned blocks = atomic_load_explicit(&cpu->gic->nr_irqs, memory_order_relaxed) / 32;
	struct gic_irq *best = NULL;

	for (unsigned b = 0; b < blocks; b++) {
		struct gic_block *block = gic_block_get(cpu->gic, cpu, b * 32);
		uint32_t active = gic_block_read(block, GIC_ACTIVE);

		for (; active; active &= active - 1) {
			struct gic_irq *irq = &block->irq[__builtin_ctz(active)];

			if (gic_irq_lives_at(irq, cpu) && !irq->bound &&
			    (!best || gic_irq_priority(irq) < gic_irq_priority(best)))
				best = irq;
		}
	}
	return best;
}

/* Those that fold left in the registers, as far as they are still active and live here. */
static unsigned remembered(struct gic_cpu *cpu, const struct am_gic_lrs *s,
			   struct gic_irq *active[AM_GIC_MAX_LRS])
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->nr; i++) {
		struct gic_irq *irq = s->lr[i] ? lr_irq(cpu, s->lr[i]) : NULL;
		unsigned at = n;

		if (!irq || !gic_irq_lives_at(irq, cpu) || irq->bound ||
		    !(gic_irq_flags(irq) & GIC_ACTIVE))
			continue;
		for (; at && gic_irq_priority(active[at - 1]) > gic_irq_priority(irq); at--)
			active[at] = active[at - 1];
		active[at] = irq;
		n++;
	}
	return n;
}

static bool has_queued(const struct gic_cpu *cpu, unsigned groups)
{
	return (groups & 1 && cpu->levels[0]) || (groups & 2 && cpu->levels[1]);
}

/* The first of the best level of these groups, one of which has some. */
static struct gic_irq *best_queued(struct gic_cpu *cpu, unsigned groups)
{
	uint64_t l0 = groups & 1 ? cpu->levels[0] : 0, l1 = groups & 2 ? cpu->levels[1] : 0;
	unsigned level = (unsigned)__builtin_ctzll(l0 | l1), group = !(l0 >> level & 1);

	return gic_queue_irq(cpu, cpu->list[group * GIC_LEVELS + level].head);
}

static unsigned fill_active(struct gic_cpu *cpu, struct am_gic_lrs *s, unsigned room)
{
	struct gic_irq *active[AM_GIC_MAX_LRS], *irq;
	unsigned n = remembered(cpu, s, active), used = 0;

	memset(s->lr, 0, sizeof(s->lr));
	if (!cpu->stray && n <= room) {
		for (; used < n; used++)
			lr_put(cpu, s, used, active[used]);
		return used;
	}
	while ((irq = best_active(cpu)) && used < room)
		lr_put(cpu, s, used++, irq);
	cpu->stray = irq != NULL;
	if (cpu->stray)
		s->hcr |= HCR_LRENPIE;
	return used;
}

/* Groups that the guest has enabled first, then the others if there is room. */
static void fill_pending(struct gic_cpu *cpu, struct am_gic_lrs *s, unsigned used)
{
	unsigned enabled = s->vmcr & 3, limit = 0xff;

	if (!atomic_load_explicit(&cpu->gic->enabled, memory_order_relaxed)) {
		ifc_open(cpu, limit, 3);
		return;
	}
	while (used < s->nr && has_queued(cpu, enabled))
		lr_put(cpu, s, used++, best_queued(cpu, enabled));
	while (used < s->nr && has_queued(cpu, 3))
		lr_put(cpu, s, used++, best_queued(cpu, 3));
	if (has_queued(cpu, enabled)) {
		limit = gic_irq_priority(best_queued(cpu, enabled));
		s->hcr |=
		    HCR_NPIE | (enabled & 1 ? HCR_VGRP0DIE : 0) | (enabled & 2 ? HCR_VGRP1DIE : 0);
	}
	/* What is left of a group that is off comes when the guest enables it, not before. */
	if (!(enabled & 1) && cpu->levels[0])
		s->hcr |= HCR_VGRP0EIE;
	if (!(enabled & 2) && cpu->levels[1])
		s->hcr |= HCR_VGRP1EIE;
	ifc_open(cpu, limit,
		 3u & ~((s->hcr & HCR_VGRP0EIE ? 1u : 0) | (s->hcr & HCR_VGRP1EIE ? 2u : 0)));
}

/*
 * Edges that came while the interrupt is active. When all that is pending is in the registers the
 * hardware may have these as well; else their order would not be kept, and the end of the one that
 * is active is a reason to come back.
 */
static void fill_again(struct gic_cpu *cpu, struct am_gic_lrs *s)
{
	bool all =
	    !has_queued(cpu, 3) && atomic_load_explicit(&cpu->gic->enabled, memory_order_relaxed);
	uint64_t pending = AM_BIT(cpu->gic->v2 ? 28 : 62), eoi = AM_BIT(cpu->gic->v2 ? 19 : 41);

	for (unsigned n = 0; n < s->nr; n++) {
		struct gic_irq *irq;
		unsigned flags;

		if (!(s->aside >> n & 1))
			continue;
		irq = lr_irq(cpu, s->lr[n]);
		flags = gic_irq_flags(irq);
		if (all && !irq->moving && (flags & GIC_EDGE) && (flags & GIC_ENABLED)) {
			s->lr[n] |= pending;
			s->aside ^= (uint16_t)(1u << n);
			s->carried |= (uint16_t)(1u << n);
		} else {
			s->lr[n] |= eoi;
		}
	}
}

int am_gic_lr_fill(struct am_gic *gic, unsigned vcpu, struct am_gic_lrs *s)
{
	struct gic_cpu *cpu = gic_cpu_get(gic, vcpu);
	int err = -EBUSY;
	unsigned room;

	if (!cpu || !s->nr || s->nr > AM_GIC_MAX_LRS)
		return -EINVAL;
	if (!am_gic_initialized(gic))
		return -EBUSY;
	am_lock(&cpu->lock);
	if (!cpu->in_lrs) {
		cpu->in_lrs = cpu->uses_lrs = true;
		s->hcr = HCR_EN;
		s->carried = s->aside = 0;
		ifc_take(cpu, s);
		room = s->nr;
		if (atomic_load_explicit(&gic->enabled, memory_order_relaxed))
			room -= has_queued(cpu, s->vmcr & 3);
		fill_pending(cpu, s, fill_active(cpu, s, room));
		fill_again(cpu, s);
		AM_TRACE(gic_lr_fill, vcpu, s->nr, s->hcr);
		err = 0;
	}
	am_unlock(&cpu->lock);
	return err;
}

/* ---- fold ---- */

/* What is to be done when the lock is free: interrupts that have ended, or have to move. */
struct later {
	unsigned nr_done, nr_moving;
	uint16_t done[AM_GIC_MAX_LRS + 32];
	struct gic_irq *moving[AM_GIC_MAX_LRS + 32];
};

static void after(struct gic_irq *irq, bool done, struct later *l)
{
	if (done)
		l->done[l->nr_done++] = irq->intid;
	if (gic_irq_must_move(irq))
		l->moving[l->nr_moving++] = irq;
}

/* What comes back still pending was here before what is queued: to the head of its list. */
static void queue_first(struct gic_cpu *cpu, struct gic_irq *irq)
{
	struct gic_list *list;

	if (irq->key == GIC_NOT_QUEUED || irq->bound || irq->prev == GIC_SPURIOUS)
		return;
	list = &cpu->list[irq->key];
	/* It is the last, having come just now, and there are others. */
	gic_queue_irq(cpu, irq->prev)->next = GIC_SPURIOUS;
	list->tail = irq->prev;
	irq->prev = GIC_SPURIOUS;
	irq->next = list->head;
	gic_queue_irq(cpu, list->head)->prev = irq->intid;
	list->head = irq->intid;
}

static void fold_lrs(struct gic_cpu *cpu, struct am_gic_lrs *s, struct later *l)
{
	for (unsigned i = s->nr; i-- > 0;) {
		struct gic_irq *irq = s->lr[i] ? lr_irq(cpu, s->lr[i]) : NULL;
		bool queued;

		/* Whatever the guest or the embedder did, only what was put there is taken. */
		if (!irq || !gic_irq_lives_at(irq, cpu) || !(gic_irq_flags(irq) & GIC_IN_LR)) {
			s->lr[i] = 0;
			continue;
		}
		queued = irq->key != GIC_NOT_QUEUED;
		after(irq, lr_take(cpu, s, i, irq), l);
		if (!queued)
			queue_first(cpu, irq);
		if (!(gic_irq_flags(irq) & GIC_ACTIVE))
			s->lr[i] = 0;
	}
}

/* EOIs of interrupts that had no list register: each ended the most important one. */
static void fold_eois(struct gic_cpu *cpu, unsigned count, struct later *l)
{
	for (; count; count--) {
		struct gic_irq *irq = best_active(cpu);

		if (!irq)
			return;
		gic_irq_change(cpu, irq, 0, GIC_ACTIVE);
		after(irq, !(gic_irq_flags(irq) & GIC_EDGE) && irq->intid >= GIC_NR_PRIVATE, l);
	}
}

int am_gic_lr_fold(struct am_gic *gic, unsigned vcpu, struct am_gic_lrs *s)
{
	struct gic_cpu *cpu = gic_cpu_get(gic, vcpu);
	struct later l = {0};

	if (!cpu || !s->nr || s->nr > AM_GIC_MAX_LRS)
		return -EINVAL;
	am_lock(&cpu->lock);
	if (!cpu->in_lrs) {
		am_unlock(&cpu->lock);
		return -EINVAL;
	}
	cpu->in_lrs = false;
	ifc_give_back(cpu, s);
	/* Before the registers are taken back: those that are active outside are the ones meant. */
	fold_eois(cpu, s->hcr >> HCR_EOICOUNT_SHIFT, &l);
	fold_lrs(cpu, s, &l);
	gic_cpuif_changed(cpu);
	AM_TRACE(gic_lr_fold, vcpu, s->hcr, gic_cpu_running_priority(cpu));
	am_unlock(&cpu->lock);
	for (unsigned i = 0; i < l.nr_moving; i++)
		gic_irq_settle(gic, l.moving[i]);
	for (unsigned i = 0; i < l.nr_done && gic->config.ops.spi_done; i++)
		gic->config.ops.spi_done(gic->config.opaque, l.done[i]);
	return 0;
}
