/* SPDX-License-Identifier: MIT */
/*
 * Handlers of the per-interrupt fields. Reading is one atomic load; writing takes the lock of the
 * vCPU where the interrupt lives. The dispatcher asks only for interrupts that exist, and calls a
 * write-one handler only for ones.
 */
#include "gic/irq_rows.h"
#include "gic/state.h"

/* The dispatcher has checked @n against the frame's interrupts. */
static struct gic_irq *row_irq(const struct am_access *a, unsigned n)
{
	struct gic_port *port = a->dev;

	return gic_irq_get(port->gic, port->cpu, n);
}

static uint64_t row_flag(const struct am_access *a, unsigned n, unsigned flag)
{
	struct gic_irq *irq = row_irq(a, n);

	return irq && (gic_irq_flags(irq) & flag);
}

static void row_change(const struct am_access *a, unsigned n, unsigned set, unsigned clear)
{
	struct gic_port *port = a->dev;
	struct gic_irq *irq = row_irq(a, n);

	if (irq)
		gic_irq_update(port->gic, irq, set, clear);
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
	return row_flag(a, n, GIC_GROUP1);
}

void gic_set_group(const struct am_access *a, unsigned n, uint64_t value, uint64_t mask)
{
	row_change(a, n, value ? GIC_GROUP1 : 0, value ? 0 : GIC_GROUP1);
}

uint64_t gic_get_enable(const struct am_access *a, unsigned n)
{
	return row_flag(a, n, GIC_ENABLED);
}

void gic_set_enable(const struct am_access *a, unsigned n, uint64_t value, uint64_t mask)
{
	row_change(a, n, GIC_ENABLED, 0);
}

void gic_clear_enable(const struct am_access *a, unsigned n, uint64_t value, uint64_t mask)
{
	row_change(a, n, 0, GIC_ENABLED);
}

/*
 * What the guest sees: latch, or line of a level-sensitive interrupt. Of one that a device of the
 * machine drives KVM shows the line only, as it asks the device; a latch counts all the same.
 */
uint64_t gic_get_pending(const struct am_access *a, unsigned n)
{
	struct gic_irq *irq = row_irq(a, n);
	unsigned flags = irq ? gic_irq_flags(irq) : 0;

	if ((flags & (GIC_OWNED | GIC_EDGE)) == GIC_OWNED)
		return !!(flags & GIC_LINE);
	return !!gic_irq_is_pending(flags);
}

uint64_t gic_get_latch(const struct am_access *a, unsigned n)
{
	return row_flag(a, n, GIC_LATCH);
}

void gic_set_pending(const struct am_access *a, unsigned n, uint64_t value, uint64_t mask)
{
	row_change(a, n, GIC_LATCH, 0);
}

/* A level-sensitive interrupt stays pending while its line is high. */
void gic_clear_pending(const struct am_access *a, unsigned n, uint64_t value, uint64_t mask)
{
	row_change(a, n, 0, GIC_LATCH);
}

int gic_user_set_latch(const struct am_access *a, unsigned n, uint64_t value, uint64_t mask)
{
	row_change(a, n, value ? GIC_LATCH : 0, value ? 0 : GIC_LATCH);
	return 0;
}

uint64_t gic_get_active(const struct am_access *a, unsigned n)
{
	return row_flag(a, n, GIC_ACTIVE);
}

void gic_set_active(const struct am_access *a, unsigned n, uint64_t value, uint64_t mask)
{
	row_change(a, n, GIC_ACTIVE, 0);
}

void gic_clear_active(const struct am_access *a, unsigned n, uint64_t value, uint64_t mask)
{
	row_change(a, n, 0, GIC_ACTIVE);
}

uint64_t gic_get_priority(const struct am_access *a, unsigned n)
{
	struct gic_irq *irq = row_irq(a, n);

	return irq ? atomic_load_explicit(&irq->priority, memory_order_relaxed) : 0;
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

/* Bit 1 of the field says edge; bit 0 is reserved. */
uint64_t gic_get_config(const struct am_access *a, unsigned n)
{
	return row_flag(a, n, GIC_EDGE) << 1;
}

void gic_set_config(const struct am_access *a, unsigned n, uint64_t value, uint64_t mask)
{
	row_change(a, n, value & 2 ? GIC_EDGE : 0, value & 2 ? 0 : GIC_EDGE);
}
