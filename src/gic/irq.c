/* SPDX-License-Identifier: MIT */
/*
 * The state machine of an interrupt (IHI 0069 4.1, 4.3) and the queues of a vCPU.
 *
 * Latch, line, active, enabled, group, priority and configuration are kept apart, as the registers
 * show them. What follows from them is one thing: whether the interrupt is in its home's queue, and
 * in which. It is there exactly while it is enabled, pending and not active. So the best interrupt
 * of a vCPU is the head of the lowest level with a bit set, and nothing is ever searched.
 */
#include "gic/state.h"

#include "base/trace.h"

void gic_queue_init(struct gic_queue *q)
{
	for (unsigned g = 0; g < 2; g++) {
		q->levels[g] = 0;
		for (unsigned l = 0; l < GIC_LEVELS; l++)
			q->head[g][l] = q->tail[g][l] = GIC_SPURIOUS;
	}
}

/*
 * Reset: group 1, priority 0, disabled. SGIs are edge and, as in KVM, enabled; PPIs are level; SPIs
 * come up as edge, which is KVM's choice where the architecture leaves it open.
 */
void gic_irq_init(struct gic_irq *irq, unsigned intid, unsigned home)
{
	unsigned flags = GIC_GROUP1;

	if (intid < GIC_NR_SGIS)
		flags |= GIC_ENABLED | GIC_EDGE;
	else if (intid >= GIC_NR_PRIVATE)
		flags |= GIC_EDGE;
	irq->intid = (uint16_t)intid;
	irq->next = irq->prev = GIC_SPURIOUS;
	irq->key = GIC_NOT_QUEUED;
	atomic_init(&irq->home, (uint16_t)home);
	atomic_init(&irq->flags, (uint8_t)flags);
	atomic_init(&irq->priority, 0);
	atomic_init(&irq->route, 0);
}

struct gic_irq *gic_irq_get(struct am_gic *gic, struct gic_cpu *cpu, unsigned intid)
{
	if (intid < GIC_NR_PRIVATE)
		return cpu ? &cpu->irq[intid] : NULL;
	if (!gic->spis || intid >= atomic_load_explicit(&gic->nr_irqs, memory_order_relaxed))
		return NULL;
	return &gic->spis[intid - GIC_NR_PRIVATE];
}

static struct gic_cpu *irq_home(struct am_gic *gic, const struct gic_irq *irq)
{
	unsigned home = atomic_load_explicit(&irq->home, memory_order_acquire);

	return home == GIC_LIMBO ? &gic->limbo : gic->cpus[home];
}

struct gic_cpu *gic_irq_lock(struct am_gic *gic, struct gic_irq *irq)
{
	for (;;) {
		struct gic_cpu *cpu = irq_home(gic, irq);

		gic_race();
		am_lock(&cpu->lock);
		if (cpu->id == atomic_load_explicit(&irq->home, memory_order_relaxed))
			return cpu;
		/* It moved before we had the lock. */
		am_unlock(&cpu->lock);
	}
}

static struct gic_irq *queue_irq(struct gic_cpu *cpu, unsigned intid)
{
	return intid < GIC_NR_PRIVATE ? &cpu->irq[intid] : &cpu->gic->spis[intid - GIC_NR_PRIVATE];
}

static void queue_add(struct gic_cpu *cpu, struct gic_irq *irq, unsigned key)
{
	unsigned group = key >> 6, level = key & (GIC_LEVELS - 1);
	struct gic_queue *q = &cpu->queue;

	irq->key = (uint8_t)key;
	irq->next = GIC_SPURIOUS;
	irq->prev = q->tail[group][level];
	if (irq->prev == GIC_SPURIOUS)
		q->head[group][level] = irq->intid;
	else
		queue_irq(cpu, irq->prev)->next = irq->intid;
	q->tail[group][level] = irq->intid;
	q->levels[group] |= AM_BIT(level);
}

static void queue_del(struct gic_cpu *cpu, struct gic_irq *irq)
{
	unsigned group = irq->key >> 6, level = irq->key & (GIC_LEVELS - 1);
	struct gic_queue *q = &cpu->queue;

	if (irq->prev == GIC_SPURIOUS)
		q->head[group][level] = irq->next;
	else
		queue_irq(cpu, irq->prev)->next = irq->next;
	if (irq->next == GIC_SPURIOUS)
		q->tail[group][level] = irq->prev;
	else
		queue_irq(cpu, irq->next)->prev = irq->prev;
	if (q->head[group][level] == GIC_SPURIOUS)
		q->levels[group] &= ~AM_BIT(level);
	irq->key = GIC_NOT_QUEUED;
}

struct gic_irq *gic_queue_best(struct gic_cpu *cpu, unsigned groups)
{
	uint64_t l0 = groups & 1 ? cpu->queue.levels[0] : 0;
	uint64_t l1 = groups & 2 ? cpu->queue.levels[1] : 0;
	unsigned level, group;

	gic_must_hold(cpu);
	if (!(l0 | l1))
		return NULL;
	level = (unsigned)__builtin_ctzll(l0 | l1);
	group = !(l0 & AM_BIT(level)); /* group 0 first at equal priority */
	return queue_irq(cpu, cpu->queue.head[group][level]);
}

/* Puts the interrupt where its fields now say it belongs. */
static void irq_requeue(struct gic_cpu *cpu, struct gic_irq *irq)
{
	unsigned flags = gic_irq_flags(irq), key = GIC_NOT_QUEUED;

	gic_must_live(cpu, irq);
	if ((flags & GIC_ENABLED) && !(flags & GIC_ACTIVE) && gic_irq_is_pending(flags)) {
		key = atomic_load_explicit(&irq->priority, memory_order_relaxed) >> 2;
		key |= flags & GIC_GROUP1 ? 1u << 6 : 0;
	}
	if (key == irq->key)
		return;
	if (irq->key != GIC_NOT_QUEUED)
		queue_del(cpu, irq);
	if (key != GIC_NOT_QUEUED)
		queue_add(cpu, irq, key);
}

void gic_irq_change(struct gic_cpu *cpu, struct gic_irq *irq, unsigned set, unsigned clear)
{
	unsigned flags = (gic_irq_flags(irq) & ~clear) | set;

	gic_must_live(cpu, irq);
	/* The only writer is who holds the lock: a plain store will do. */
	atomic_store_explicit(&irq->flags, (uint8_t)flags, memory_order_relaxed);
	irq_requeue(cpu, irq);
}

void gic_irq_set_priority(struct gic_cpu *cpu, struct gic_irq *irq, unsigned priority)
{
	gic_must_live(cpu, irq);
	atomic_store_explicit(&irq->priority, (uint8_t)priority, memory_order_relaxed);
	irq_requeue(cpu, irq);
}

void gic_irq_update(struct am_gic *gic, struct gic_irq *irq, unsigned set, unsigned clear)
{
	struct gic_cpu *cpu = gic_irq_lock(gic, irq);

	gic_irq_change(cpu, irq, set, clear);
	gic_cpu_update(cpu);
	am_unlock(&cpu->lock);
}

void gic_irq_input(struct am_gic *gic, struct gic_irq *irq, bool level)
{
	unsigned flags = gic_irq_flags(irq);
	struct gic_cpu *cpu;

	/* A level that stays what it is changes nothing; devices report it again and again. */
	if (!(flags & GIC_EDGE) && !!(flags & GIC_LINE) == level)
		return;
	cpu = gic_irq_lock(gic, irq);
	if (gic_irq_flags(irq) & GIC_EDGE) {
		if (level)
			gic_irq_change(cpu, irq, GIC_LATCH, 0);
	} else {
		gic_irq_change(cpu, irq, level ? GIC_LINE : 0, level ? 0 : GIC_LINE);
	}
	gic_cpu_update(cpu);
	am_unlock(&cpu->lock);
}

static void lock_two(struct gic_cpu *a, struct gic_cpu *b)
{
	am_lock(a->id < b->id ? &a->lock : &b->lock);
	if (a != b)
		am_lock(a->id < b->id ? &b->lock : &a->lock);
}

static void unlock_two(struct gic_cpu *a, struct gic_cpu *b)
{
	am_unlock(&a->lock);
	if (a != b)
		am_unlock(&b->lock);
}

void gic_irq_move(struct am_gic *gic, struct gic_irq *irq, struct gic_cpu *to, uint32_t route)
{
	struct gic_cpu *from;

	if (!to)
		to = &gic->limbo;
	for (;;) {
		from = irq_home(gic, irq);
		gic_race();
		lock_two(from, to);
		if (from->id == atomic_load_explicit(&irq->home, memory_order_relaxed))
			break;
		unlock_two(from, to);
	}
	atomic_store_explicit(&irq->route, route, memory_order_relaxed);
	if (from != to) {
		if (irq->key != GIC_NOT_QUEUED)
			queue_del(from, irq);
		atomic_store_explicit(&irq->home, to->id, memory_order_release);
		irq_requeue(to, irq);
		gic_cpu_update(from);
		gic_cpu_update(to);
	}
	AM_TRACE(gic_route, irq->intid, to->id == GIC_LIMBO ? -1 : to->id);
	unlock_two(from, to);
}
