/* SPDX-License-Identifier: MIT */
/*
 * The state machine of an interrupt (IHI 0069 4.1, 4.3).
 *
 * Latch, line, active, enabled, group, priority and configuration are kept apart, as the registers
 * show them. What follows from them is one thing: whether the interrupt is in its home's queue, and
 * in which list (hot.h).
 */
#include "gic/hot.h"

/*
 * Reset: group 1 (GICv2: 0), priority 0, disabled. SGIs are edge and, as in KVM, enabled; PPIs are
 * level; SPIs come up as edge, which is KVM's choice where the architecture leaves it open.
 */
static unsigned irq_reset_flags(const struct am_gic *gic, unsigned intid)
{
	unsigned flags = gic->v2 ? 0 : GIC_GROUP1;

	if (intid < GIC_NR_SGIS)
		flags |= GIC_ENABLED | GIC_EDGE;
	else if (intid >= GIC_NR_PRIVATE)
		flags |= GIC_EDGE;
	return flags;
}

void gic_block_init(struct am_gic *gic, struct gic_block *block, unsigned first, unsigned home)
{
	for (unsigned i = 0; i < 32; i++) {
		struct gic_irq *irq = &block->irq[i];

		irq->intid = (uint16_t)(first + i);
		irq->next = irq->prev = GIC_SPURIOUS;
		irq->key = GIC_NOT_QUEUED;
		irq->moving = 0;
		irq->bound = 0;
		irq->goal = 0;
		atomic_init(&irq->home, (uint16_t)home);
		atomic_init(&irq->route, 0);
		atomic_init(&block->flags[i], (uint8_t)irq_reset_flags(gic, first + i));
		atomic_init(&block->priority[i], 0);
	}
}

/* ---- reading 32 interrupts at once ---- */

/*
 * The flags of eight interrupts as one word, the first interrupt's in the low byte. Each byte is
 * written by itself and each is whole; a register read is not a snapshot of all interrupts either.
 */
static inline uint64_t block_flags8(const struct gic_block *block, unsigned i)
{
	uint64_t w =
	    __atomic_load_n((const uint64_t *)(const void *)&block->flags[i], __ATOMIC_RELAXED);

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	w = __builtin_bswap64(w);
#endif
	return w;
}

/* Bit 7 of each of 16 bytes, packed. */
static inline uint32_t pack16(uint64_t low, uint64_t high)
{
#if defined(__SSE2__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	typedef long long v2 __attribute__((vector_size(16)));
	typedef char v16 __attribute__((vector_size(16)));
	v2 v = {(long long)low, (long long)high};

	return (uint32_t)__builtin_ia32_pmovmskb128((v16)v);
#else
	/* The product brings bit 8i to bit 56 + i, and no two sums meet. */
	const uint64_t lsb = UINT64_C(0x0101010101010101), mul = UINT64_C(0x0102040810204080);

	return (uint32_t)((low >> 7 & lsb) * mul >> 56 | (high >> 7 & lsb) * mul >> 56 << 8);
#endif
}

uint32_t gic_block_read(const struct gic_block *block, unsigned flag)
{
	unsigned shift = 7 - (unsigned)__builtin_ctz(flag);

	return pack16(block_flags8(block, 0) << shift, block_flags8(block, 8) << shift) |
	       pack16(block_flags8(block, 16) << shift, block_flags8(block, 24) << shift) << 16;
}

/*
 * What the guest sees: latch, or line of a level-sensitive interrupt. Of one that a device of the
 * machine drives KVM shows the line only, as it asks the device; a latch counts all the same.
 */
static inline uint64_t pending8(const struct gic_block *block, unsigned i)
{
	uint64_t w = block_flags8(block, i), line = w >> 1, edge = w >> 5, owned = w >> 6;

	_Static_assert(GIC_LATCH == 1 && GIC_LINE == 2 && GIC_EDGE == 32 && GIC_OWNED == 64,
		       "shifts above");
	return ((w & (edge | ~owned)) | (line & ~edge)) << 7;
}

uint32_t gic_block_pending(const struct gic_block *block)
{
	return pack16(pending8(block, 0), pending8(block, 8)) |
	       pack16(pending8(block, 16), pending8(block, 24)) << 16;
}

/* ---- changing ---- */

void gic_irq_set_priority(struct gic_cpu *cpu, struct gic_irq *irq, unsigned priority)
{
	gic_must_live(cpu, irq);
	atomic_store_explicit(&gic_irq_block(irq)->priority[irq->intid % 32], (uint8_t)priority,
			      memory_order_relaxed);
	gic_irq_requeue(cpu, irq, gic_irq_flags(irq));
}

void gic_sgi_sources(struct gic_cpu *cpu, unsigned intid, unsigned set, unsigned clear)
{
	struct gic_irq *irq = &cpu->block.irq[intid];
	unsigned sources = atomic_load_explicit(&irq->sources, memory_order_relaxed);

	sources = (sources | set) & ~clear;
	atomic_store_explicit(&irq->sources, (uint8_t)sources, memory_order_relaxed);
	gic_irq_change(cpu, irq, sources ? GIC_LATCH : 0, sources ? 0 : GIC_LATCH);
}

/* The lock is kept from one interrupt to the next while they live at the same vCPU. */
static AM_NOINLINE void block_change(struct am_gic *gic, struct gic_block *block, uint32_t mask,
				     unsigned set, unsigned clear)
{
	struct gic_cpu *held = NULL;
	uint32_t settle = 0;

	for (; mask; mask &= mask - 1) {
		struct gic_irq *irq = &block->irq[__builtin_ctz(mask)];

		if (!held || !gic_irq_lives_at(irq, held)) {
			if (held) {
				gic_cpu_update(held);
				am_unlock(&held->lock);
			}
			held = gic_irq_lock(gic, irq);
		}
		gic_irq_change(held, irq, set, clear);
		held->stray |= set == GIC_ACTIVE;
		if (gic_irq_must_move(irq))
			settle |= mask & -mask;
	}
	if (held) {
		gic_cpu_update(held);
		am_unlock(&held->lock);
	}
	for (; am_unlikely(settle); settle &= settle - 1)
		gic_irq_settle(gic, &block->irq[__builtin_ctz(settle)]);
}

/*
 * Interrupts that have the flags already are left alone, without their lock; but not when one is
 * made pending: then the lock is what orders the writer's memory accesses before the acknowledging
 * vCPU's.
 */
void gic_block_change(struct am_gic *gic, struct gic_block *block, uint32_t mask, unsigned set,
		      unsigned clear)
{
	if (!set && !(clear & (clear - 1)))
		mask &= gic_block_read(block, clear);
	else if (set == GIC_ENABLED || set == GIC_ACTIVE)
		mask &= ~gic_block_read(block, set);
	if (mask)
		block_change(gic, block, mask, set, clear);
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
	if (am_likely(gic_irq_flags(irq) & GIC_EDGE)) {
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

/* Both locks are held. */
static void irq_move(struct gic_irq *irq, struct gic_cpu *from, struct gic_cpu *to)
{
	if (irq->key != GIC_NOT_QUEUED && !irq->bound)
		gic_queue_del(from, irq);
	atomic_store_explicit(&irq->home, to->id, memory_order_release);
	gic_irq_requeue(to, irq, gic_irq_flags(irq));
	to->stray |= !!(gic_irq_flags(irq) & GIC_ACTIVE);
	gic_cpu_update(from);
	gic_cpu_update(to);
}

void gic_irq_move(struct am_gic *gic, struct gic_irq *irq, struct gic_cpu *to, uint32_t route)
{
	struct gic_cpu *from;
	unsigned stays;

	if (!to)
		to = &gic->limbo;
	for (;;) {
		from = gic_irq_home(gic, irq);
		gic_race();
		lock_two(from, to);
		if (gic_irq_lives_at(irq, from))
			break;
		unlock_two(from, to);
	}
	atomic_store_explicit(&irq->route, route, memory_order_relaxed);
	stays = gic_irq_flags(irq) & (from->uses_lrs ? GIC_IN_LR | GIC_ACTIVE : GIC_IN_LR);
	irq->moving = from != to && stays;
	irq->goal = to->id;
	if (from != to && !stays)
		irq_move(irq, from, to);
	AM_TRACE(gic_route, irq->intid, to->id == GIC_LIMBO ? -1 : to->id);
	unlock_two(from, to);
}

void gic_irq_settle(struct am_gic *gic, struct gic_irq *irq)
{
	for (;;) {
		struct gic_cpu *from = gic_irq_lock(gic, irq), *to;
		bool move = gic_irq_must_move(irq);

		to = irq->goal == GIC_LIMBO ? &gic->limbo : gic->cpus[irq->goal];
		am_unlock(&from->lock);
		if (!move)
			return;
		gic_race();
		lock_two(from, to);
		if (gic_irq_lives_at(irq, from) && gic_irq_must_move(irq) && irq->goal == to->id) {
			irq->moving = 0;
			irq_move(irq, from, to);
		}
		/* Else somebody has changed it meanwhile: look again. */
		unlock_two(from, to);
	}
}
