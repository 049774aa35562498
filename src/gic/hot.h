/* SPDX-License-Identifier: MIT */
/*
 * What happens at each interrupt, inline: finding the vCPU where it lives, queueing it, and working
 * out the lines. An interrupt is in its home's queue exactly while it is enabled, pending, not
 * active and not bound, in the list of its group and level of priority. So the best interrupt of a
 * vCPU is the head of the lowest level with a bit set, and nothing is ever searched.
 */
#ifndef AM_GIC_HOT_H
#define AM_GIC_HOT_H

#include "base/trace.h"
#include "gic/lpi.h"
#include "gic/state.h"

enum { GIC_PRI_SHIFT = 8 - GIC_PRI_BITS }; /* from a priority to its bit of active priorities */

/* ---- homes ---- */

static inline struct gic_cpu *gic_irq_home(struct am_gic *gic, const struct gic_irq *irq)
{
	unsigned home = atomic_load_explicit(&irq->home, memory_order_acquire);

	return am_unlikely(home == GIC_LIMBO) ? &gic->limbo : gic->cpus[home];
}

static inline bool gic_irq_lives_at(const struct gic_irq *irq, const struct gic_cpu *cpu)
{
	return atomic_load_explicit(&irq->home, memory_order_relaxed) == cpu->id;
}

/* Locks the vCPU where @irq lives. */
static inline struct gic_cpu *gic_irq_lock(struct am_gic *gic, struct gic_irq *irq)
{
	for (;;) {
		struct gic_cpu *cpu = gic_irq_home(gic, irq);

		gic_race();
		am_lock(&cpu->lock);
		if (am_likely(gic_irq_lives_at(irq, cpu)))
			return cpu;
		/* It moved before we had the lock. */
		am_unlock(&cpu->lock);
	}
}

/* ---- the queue ---- */

static inline struct gic_irq *gic_queue_irq(struct gic_cpu *cpu, unsigned intid)
{
	struct gic_block *block;

	if (am_unlikely(intid >= GIC_FIRST_LPI))
		return gic_lpi_irq(cpu->gic, intid);
	block = intid < GIC_NR_PRIVATE ? &cpu->block : &cpu->gic->spis[intid / 32 - 1];
	return &block->irq[intid % 32];
}

/* A key is group << 6 | level. */
static inline void gic_queue_add(struct gic_cpu *cpu, struct gic_irq *irq, unsigned key)
{
	struct gic_list *list = &cpu->list[key];

	irq->key = (uint8_t)key;
	irq->next = GIC_SPURIOUS;
	irq->prev = list->tail;
	if (irq->prev == GIC_SPURIOUS)
		list->head = irq->intid;
	else
		gic_queue_irq(cpu, irq->prev)->next = irq->intid;
	list->tail = irq->intid;
	cpu->levels[key / GIC_LEVELS] |= AM_BIT(key % GIC_LEVELS);
}

static inline void gic_queue_del(struct gic_cpu *cpu, struct gic_irq *irq)
{
	struct gic_list *list = &cpu->list[irq->key];

	if (irq->prev == GIC_SPURIOUS)
		list->head = irq->next;
	else
		gic_queue_irq(cpu, irq->prev)->next = irq->next;
	if (irq->next == GIC_SPURIOUS)
		list->tail = irq->prev;
	else
		gic_queue_irq(cpu, irq->next)->prev = irq->prev;
	if (list->head == GIC_SPURIOUS)
		cpu->levels[irq->key / GIC_LEVELS] &= ~AM_BIT(irq->key % GIC_LEVELS);
	irq->key = GIC_NOT_QUEUED;
}

/* Puts the interrupt where its fields now say it belongs. */
static inline void gic_irq_requeue(struct gic_cpu *cpu, struct gic_irq *irq, unsigned flags)
{
	unsigned key = GIC_NOT_QUEUED;

	gic_must_live(cpu, irq);
	if ((flags & (GIC_ENABLED | GIC_ACTIVE)) == GIC_ENABLED && gic_irq_is_pending(flags)) {
		key = gic_irq_priority(irq) >> 2;
		key |= flags & GIC_GROUP1 ? GIC_LEVELS : 0;
	}
	if (am_unlikely(irq->bound)) {
		gic_bound_queue(cpu, irq, key != GIC_NOT_QUEUED);
		return;
	}
	if (key == irq->key)
		return;
	if (irq->key != GIC_NOT_QUEUED)
		gic_queue_del(cpu, irq);
	if (key != GIC_NOT_QUEUED)
		gic_queue_add(cpu, irq, key);
}

/*
 * Changes flags and queues the interrupt, or not, accordingly; the caller holds the lock and ends
 * with gic_cpu_update.
 */
static inline void gic_irq_change(struct gic_cpu *cpu, struct gic_irq *irq, unsigned set,
				  unsigned clear)
{
	unsigned flags = (gic_irq_flags(irq) & ~clear) | set;

	gic_must_live(cpu, irq);
	/* The only writer is who holds the lock: a plain store will do. */
	atomic_store_explicit(&gic_irq_block(irq)->flags[irq->intid % 32], (uint8_t)flags,
			      memory_order_relaxed);
	gic_irq_requeue(cpu, irq, flags);
}

/* ---- what is signalled ---- */

/* The best of the enabled groups: its level and group. False when there is none. */
static inline bool gic_cpu_best(const struct gic_cpu *cpu, unsigned *level, unsigned *group)
{
	uint64_t l0 = cpu->ifc.groups & 1 ? cpu->levels[0] : 0;
	uint64_t l1 = cpu->ifc.groups & 2 ? cpu->levels[1] : 0;

	if (!(l0 | l1) || !atomic_load_explicit(&cpu->gic->enabled, memory_order_relaxed))
		return false;
	*level = (unsigned)__builtin_ctzll(l0 | l1);
	*group = !(l0 >> *level & 1); /* group 0 first at equal priority */
	return true;
}

static inline unsigned gic_cpu_running_priority(const struct gic_cpu *cpu)
{
	uint32_t active = cpu->ifc.apr[0] | cpu->ifc.apr[1];

	return active ? (unsigned)__builtin_ctz(active) << GIC_PRI_SHIFT : GIC_IDLE_PRIORITY;
}

/* Is it more important than the mask and than what runs? A level is the priority without 2 bits. */
static inline bool gic_cpu_signals(const struct gic_cpu *cpu, unsigned level, unsigned group)
{
	unsigned priority = level << 2;

	return priority < cpu->ifc.limit &&
	       (priority & cpu->ifc.mask[group]) < gic_cpu_running_priority(cpu);
}

void gic_cpu_report(struct gic_cpu *cpu, unsigned lines);

/* Works out the lines again and reports a change. Every change under the lock ends here. */
static inline void gic_cpu_update(struct gic_cpu *cpu)
{
	unsigned lines = 0, level, group;

	gic_must_hold(cpu);
	if (gic_cpu_best(cpu, &level, &group) && gic_cpu_signals(cpu, level, group))
		lines = group || !cpu->ifc.fiqen ? AM_GIC_IRQ : AM_GIC_FIQ;
	if (lines != atomic_load_explicit(&cpu->lines, memory_order_relaxed))
		gic_cpu_report(cpu, lines);
}

#endif
