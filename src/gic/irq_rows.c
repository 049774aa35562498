/* SPDX-License-Identifier: MIT */
/*
 * Handlers of the per-interrupt fields. Reading takes no lock; writing takes the lock of the vCPU
 * where the interrupt lives. Fields of a bit or two come a word at a time, and the dispatcher asks
 * only for interrupts that exist.
 */
#include "gic/irq_rows.h"
#include "gic/hot.h"

/*
 * Whose private interrupts a frame shows: a redistributor those of its vCPU, a GICv2's distributor
 * those of the vCPU that asks.
 */
static struct gic_cpu *row_cpu(const struct am_access *a)
{
	struct gic_port *port = a->dev;

	if (am_unlikely(port->gic->v2))
		return gic_cpu_get(port->gic, a->vcpu);
	return port->cpu;
}

static struct gic_block *row_block(const struct am_access *a, unsigned n)
{
	struct gic_port *port = a->dev;

	return gic_block_get(port->gic, n < GIC_NR_PRIVATE ? row_cpu(a) : NULL, n);
}

static struct gic_irq *row_irq(const struct am_access *a, unsigned n)
{
	struct gic_block *block = row_block(a, n);

	return block ? &block->irq[n % 32] : NULL;
}

static uint64_t row_read(const struct am_access *a, unsigned n, unsigned flag)
{
	struct gic_block *block = row_block(a, n);

	return block ? gic_block_read(block, flag) : 0;
}

static void row_change(const struct am_access *a, unsigned n, uint64_t mask, unsigned set,
		       unsigned clear)
{
	struct gic_port *port = a->dev;
	struct gic_block *block = row_block(a, n);

	if (block)
		gic_block_change(port->gic, block, (uint32_t)mask, set, clear);
}

uint64_t gic_get_raz(const struct am_access *a, unsigned n)
{
	return 0;
}

int gic_user_set_wi(const struct am_access *a, unsigned n, uint64_t value, uint64_t mask)
{
	return 0;
}

uint64_t gic_get_group(const struct am_access *a, unsigned n)
{
	return row_read(a, n, GIC_GROUP1);
}

void gic_set_group(const struct am_access *a, unsigned n, uint64_t value, uint64_t mask)
{
	row_change(a, n, value, GIC_GROUP1, 0);
	row_change(a, n, mask & ~value, 0, GIC_GROUP1);
}

uint64_t gic_get_enable(const struct am_access *a, unsigned n)
{
	return row_read(a, n, GIC_ENABLED);
}

void gic_set_enable(const struct am_access *a, unsigned n, uint64_t value, uint64_t mask)
{
	row_change(a, n, value, GIC_ENABLED, 0);
}

void gic_clear_enable(const struct am_access *a, unsigned n, uint64_t value, uint64_t mask)
{
	row_change(a, n, value, 0, GIC_ENABLED);
}

uint64_t gic_get_pending(const struct am_access *a, unsigned n)
{
	struct gic_block *block = row_block(a, n);

	return block ? gic_block_pending(block) : 0;
}

uint64_t gic_get_latch(const struct am_access *a, unsigned n)
{
	return row_read(a, n, GIC_LATCH);
}

void gic_set_pending(const struct am_access *a, unsigned n, uint64_t value, uint64_t mask)
{
	row_change(a, n, value, GIC_LATCH, 0);
}

/* A level-sensitive interrupt stays pending while its line is high. */
void gic_clear_pending(const struct am_access *a, unsigned n, uint64_t value, uint64_t mask)
{
	row_change(a, n, value, 0, GIC_LATCH);
}

int gic_user_set_latch(const struct am_access *a, unsigned n, uint64_t value, uint64_t mask)
{
	row_change(a, n, value, GIC_LATCH, 0);
	row_change(a, n, mask & ~value, 0, GIC_LATCH);
	return 0;
}

/*
 * A GICv2's SGIs are pending by source, which these registers do not tell: the guest cannot write
 * them here, and user space makes the vCPU itself the source, as KVM does.
 */
static void row_sgis(const struct am_access *a, uint64_t sgis, bool set)
{
	struct gic_cpu *cpu = row_cpu(a);
	unsigned source = cpu ? 1u << cpu->id : 0;

	if (!cpu || !a->user || !sgis)
		return;
	am_lock(&cpu->lock);
	for (; sgis; sgis &= sgis - 1)
		gic_sgi_sources(cpu, (unsigned)__builtin_ctzll(sgis), set ? source : 0,
				set ? 0 : 0xff);
	gic_cpu_update(cpu);
	am_unlock(&cpu->lock);
}

void gic_set_pending2(const struct am_access *a, unsigned n, uint64_t value, uint64_t mask)
{
	if (!n) {
		row_sgis(a, value & 0xffff, true);
		value &= ~UINT64_C(0xffff);
	}
	row_change(a, n, value, GIC_LATCH, 0);
}

void gic_clear_pending2(const struct am_access *a, unsigned n, uint64_t value, uint64_t mask)
{
	if (!n) {
		row_sgis(a, value & 0xffff, false);
		value &= ~UINT64_C(0xffff);
	}
	row_change(a, n, value, 0, GIC_LATCH);
}

uint64_t gic_get_active(const struct am_access *a, unsigned n)
{
	return row_read(a, n, GIC_ACTIVE);
}

void gic_set_active(const struct am_access *a, unsigned n, uint64_t value, uint64_t mask)
{
	row_change(a, n, value, GIC_ACTIVE, 0);
}

void gic_clear_active(const struct am_access *a, unsigned n, uint64_t value, uint64_t mask)
{
	row_change(a, n, value, 0, GIC_ACTIVE);
}

uint64_t gic_get_priority(const struct am_access *a, unsigned n)
{
	struct gic_irq *irq = row_irq(a, n);

	return irq ? gic_irq_priority(irq) : 0;
}

/* Takes effect at once, also for an interrupt that is pending already. */
void gic_set_priority(const struct am_access *a, unsigned n, uint64_t value, uint64_t mask)
{
	struct gic_port *port = a->dev;
	struct gic_irq *irq = row_irq(a, n);
	struct gic_cpu *cpu;

	if (!irq)
		return;
	cpu = gic_irq_lock(port->gic, irq);
	gic_irq_set_priority(cpu, irq, (unsigned)value);
	gic_cpu_update(cpu);
	am_unlock(&cpu->lock);
}

/* Sixteen interrupts: bit 1 of each field says edge, bit 0 is reserved. */
uint64_t gic_get_config(const struct am_access *a, unsigned n)
{
	uint32_t edge = (uint32_t)row_read(a, n, GIC_EDGE) >> n % 32 & 0xffff;
	uint64_t value = 0;

	for (; edge; edge &= edge - 1)
		value |= UINT64_C(2) << 2 * __builtin_ctz(edge);
	return value;
}

void gic_set_config(const struct am_access *a, unsigned n, uint64_t value, uint64_t mask)
{
	uint32_t edge = 0, all = 0;

	for (unsigned i = 0; i < 16; i++) {
		edge |= (uint32_t)(value >> (2 * i + 1) & 1) << i;
		all |= (uint32_t)(mask >> (2 * i + 1) & 1) << i;
	}
	row_change(a, n, edge << n % 32, GIC_EDGE, 0);
	row_change(a, n, (all & ~edge) << n % 32, 0, GIC_EDGE);
}
