/* SPDX-License-Identifier: MIT */
/*
 * Bound interrupts: an owner takes them, no CPU interface does. All that is different is where such
 * an interrupt goes when it can be delivered: into no queue, so that nothing that looks at queues
 * ever finds it; its key only remembers that the owner has been told.
 */
#include "gic/hot.h"

void gic_bound_queue(struct gic_cpu *cpu, struct gic_irq *irq, bool due)
{
	const struct am_gic_config *config = &cpu->gic->config;
	unsigned key = due ? GIC_BOUND_DUE : GIC_NOT_QUEUED;
	int vcpu = irq->intid < GIC_NR_PRIVATE ? cpu->id : -1;

	if (key == irq->key)
		return;
	irq->key = (uint8_t)key;
	if (!due)
		return;
	AM_TRACE(gic_bound_due, vcpu, irq->intid);
	if (config->ops.bound_pending)
		config->ops.bound_pending(config->opaque, vcpu, irq->intid);
}

/* A PPI or an SPI. */
static struct gic_irq *bindable(struct am_gic *gic, unsigned vcpu, unsigned intid)
{
	struct gic_cpu *cpu = NULL;

	if (intid < GIC_NR_SGIS || !am_gic_initialized(gic))
		return NULL;
	if (intid < GIC_NR_PRIVATE) {
		cpu = gic_cpu_get(gic, vcpu);
		if (!cpu)
			return NULL;
	}
	return gic_irq_get(gic, cpu, intid);
}

static void bound_unlock(struct gic_cpu *home)
{
	gic_cpu_update(home);
	am_unlock(&home->lock);
}

/* Locks its home; NULL unless it is bound. */
static struct gic_cpu *bound_lock(struct am_gic *gic, struct gic_irq *irq)
{
	struct gic_cpu *home;

	if (!irq)
		return NULL;
	home = gic_irq_lock(gic, irq);
	if (irq->bound)
		return home;
	am_unlock(&home->lock);
	return NULL;
}

int am_gic_bind(struct am_gic *gic, unsigned vcpu, unsigned intid)
{
	struct gic_irq *irq;
	struct gic_cpu *home;
	int err = am_gic_lazy_init(gic);

	if (err)
		return err;
	irq = bindable(gic, vcpu, intid);
	if (!irq)
		return -EINVAL;
	home = gic_irq_lock(gic, irq);
	if (irq->bound) {
		err = -EEXIST;
	} else {
		if (irq->key != GIC_NOT_QUEUED)
			gic_queue_del(home, irq);
		irq->bound = 1;
		AM_TRACE(gic_bind, intid < GIC_NR_PRIVATE ? (int)vcpu : -1, intid, 1);
		gic_irq_requeue(home, irq, gic_irq_flags(irq));
	}
	bound_unlock(home);
	return err;
}

int am_gic_unbind(struct am_gic *gic, unsigned vcpu, unsigned intid)
{
	struct gic_irq *irq = bindable(gic, vcpu, intid);
	struct gic_cpu *home = bound_lock(gic, irq);

	if (!home)
		return -EINVAL;
	irq->bound = 0;
	irq->key = GIC_NOT_QUEUED;
	/* No list register remembers it if it is active. */
	home->stray |= !!(gic_irq_flags(irq) & GIC_ACTIVE);
	AM_TRACE(gic_bind, intid < GIC_NR_PRIVATE ? (int)vcpu : -1, intid, 0);
	gic_irq_requeue(home, irq, gic_irq_flags(irq));
	bound_unlock(home);
	return 0;
}

int am_gic_bound_enable(struct am_gic *gic, unsigned vcpu, unsigned intid, bool enable)
{
	struct gic_irq *irq = bindable(gic, vcpu, intid);
	struct gic_cpu *home = bound_lock(gic, irq);

	if (!home)
		return -EINVAL;
	gic_irq_change(home, irq, enable ? GIC_ENABLED : 0, enable ? 0 : GIC_ENABLED);
	bound_unlock(home);
	return 0;
}

int am_gic_bound_state(struct am_gic *gic, unsigned vcpu, unsigned intid)
{
	struct gic_irq *irq = bindable(gic, vcpu, intid);
	struct gic_cpu *home = bound_lock(gic, irq);
	unsigned flags;
	int state;

	if (!home)
		return -EINVAL;
	flags = gic_irq_flags(irq);
	state = (gic_irq_is_pending(flags) ? AM_GIC_BOUND_PENDING : 0) |
		(flags & GIC_ACTIVE ? AM_GIC_BOUND_ACTIVE : 0) |
		(flags & GIC_ENABLED ? AM_GIC_BOUND_ENABLED : 0) |
		(irq->key == GIC_BOUND_DUE ? AM_GIC_BOUND_DUE : 0);
	am_unlock(&home->lock);
	return state;
}

int am_gic_bound_ack(struct am_gic *gic, unsigned vcpu, unsigned intid)
{
	struct gic_irq *irq = bindable(gic, vcpu, intid);
	struct gic_cpu *home = bound_lock(gic, irq);
	int due;

	if (!home)
		return -EINVAL;
	due = irq->key == GIC_BOUND_DUE;
	if (due)
		gic_irq_change(home, irq, GIC_ACTIVE, GIC_LATCH);
	bound_unlock(home);
	return due;
}

int am_gic_bound_end(struct am_gic *gic, unsigned vcpu, unsigned intid)
{
	struct gic_irq *irq = bindable(gic, vcpu, intid);

	return irq ? gic_bound_end(gic, irq) : -EINVAL;
}
