/* SPDX-License-Identifier: MIT */
/* See box.h. */
#include "box.h"

#include <errno.h>
#include <string.h>

uint64_t box_affinity(unsigned cpu)
{
	return (uint64_t)(cpu / 4) << 32 | (cpu / 2 % 2) << 16 | 1 << 8 | cpu % 2;
}

/* ---- Interrupts ---- */

struct box_irq *box_irq(struct box *b, unsigned cpu, unsigned intid)
{
	return intid < 32 ? &b->cpu[cpu].ppi[intid - 16] : &b->spi[intid - 32];
}

bool box_irq_pending(const struct box_irq *irq)
{
	return irq->latch || (irq->level && irq->line);
}

static void tell(struct box *b, unsigned cpu, unsigned intid)
{
	struct box_irq *irq = box_irq(b, cpu, intid);

	if (irq->diverted && !irq->active && box_irq_pending(irq))
		sdei_interrupt(b->s, intid < 32 ? b->cpu[cpu].pe : NULL, intid);
}

void box_line(struct box *b, unsigned cpu, unsigned intid, bool line)
{
	struct box_irq *irq = box_irq(b, cpu, intid);

	if (!irq->level && line && !irq->line)
		irq->latch = true;
	irq->line = line;
	tell(b, cpu, intid);
}

/* ---- What the dispatcher asks for ---- */

static void kick(void *opaque, void *vcpu)
{
	struct box_cpu *c = vcpu;

	c->kicks++;
}

static void handled(void *opaque, void *vcpu, uint32_t event, enum am_sdei_status status)
{
	struct box *b = opaque;
	struct box_cpu *c = vcpu;
	unsigned n = b->nr_ended++ % BOX_ENDED;

	b->ended[n].cpu = c->n;
	b->ended[n].event = event;
	b->ended[n].status = status;
}

static int irq_usable(void *opaque, unsigned intid)
{
	assert_in_range(intid, 16, 1019);
	if (intid == 31)
		return -EPERM;
	return intid < 32 + BOX_SPIS ? 0 : -EINVAL;
}

static struct box_irq *asked(struct box *b, void *vcpu, unsigned intid)
{
	struct box_cpu *c = vcpu;

	assert_int_equal(vcpu != NULL, intid < 32);
	assert_in_range(intid, 16, 32 + BOX_SPIS - 1);
	return box_irq(b, c ? c->n : 0, intid);
}

static int irq_divert(void *opaque, void *vcpu, unsigned intid, bool on)
{
	struct box_cpu *c = vcpu;
	struct box_irq *irq = asked(opaque, vcpu, intid);

	irq->diverted = on;
	if (!((struct box *)opaque)->silent)
		tell(opaque, c ? c->n : 0, intid);
	return 0;
}

static bool irq_pending(void *opaque, void *vcpu, unsigned intid)
{
	return box_irq_pending(asked(opaque, vcpu, intid));
}

static bool irq_active(void *opaque, void *vcpu, unsigned intid)
{
	return asked(opaque, vcpu, intid)->active;
}

static bool irq_acknowledge(void *opaque, void *vcpu, unsigned intid)
{
	struct box_irq *irq = asked(opaque, vcpu, intid);

	assert_true(irq->diverted);
	if (!box_irq_pending(irq) || irq->active)
		return false;
	irq->latch = false;
	irq->active = true;
	return true;
}

static void irq_end(void *opaque, void *vcpu, unsigned intid)
{
	struct box_cpu *c = vcpu;
	struct box_irq *irq = asked(opaque, vcpu, intid);

	assert_true(irq->diverted);
	irq->active = false;
	if (!((struct box *)opaque)->silent)
		tell(opaque, c ? c->n : 0, intid);
}

static const struct sdei_ops ops = {
    .kick = kick,
    .handled = handled,
    .irq_usable = irq_usable,
    .irq_divert = irq_divert,
    .irq_pending = irq_pending,
    .irq_active = irq_active,
    .irq_acknowledge = irq_acknowledge,
    .irq_end = irq_end,
};

/* ---- Life ---- */

void box_init(struct box *b, unsigned nr)
{
	memset(b, 0, sizeof(*b));
	b->nr = nr;
	assert_int_equal(sdei_create(&ops, b, &b->s), 0);
	for (unsigned n = 0; n < nr; n++) {
		struct box_cpu *c = &b->cpu[n];

		c->box = b;
		c->n = n;
		assert_int_equal(sdei_pe_create(b->s, c, n, box_affinity(n), &c->pe), 0);
		for (unsigned i = 0; i < 18; i++)
			c->f.x[i] = 0x1000 * (n + 1) + i;
		c->f.pc = 0x40080000 + n * 0x1000;
		c->f.pstate = 0x60000005;
		c->f.el1_pstate = 0x600003c5;
	}
	assert_int_equal(sdei_set_reg(b->cpu[0].pe, AM_SDEI_GATE, 1, false), 0);
}

void box_finish(struct box *b)
{
	for (unsigned n = 0; n < b->nr; n++)
		sdei_pe_destroy(b->cpu[n].pe);
	sdei_destroy(b->s);
}

/* ---- The guest ---- */

int64_t(box_call)(struct box *b, unsigned cpu, unsigned function, ...)
{
	struct sdei_frame *f = &b->cpu[cpu].f;
	struct sdei_frame before;
	va_list ap;

	f->x[0] = 0xc4000020 + function;
	va_start(ap, function);
	for (unsigned n = 1; n <= 5; n++)
		f->x[n] = va_arg(ap, unsigned long long);
	va_end(ap);
	before = *f;
	assert_int_equal(sdei_call(b->cpu[cpu].pe, f), SDEI_RETURN);
	before.x[0] = f->x[0];
	assert_memory_equal(&before, f, sizeof(before));
	return (int64_t)f->x[0];
}

enum sdei_result box_complete(struct box *b, unsigned cpu, uint64_t status)
{
	struct sdei_frame *f = &b->cpu[cpu].f;

	f->x[0] = 0xc4000020 + COMPLETE;
	f->x[1] = status;
	return sdei_call(b->cpu[cpu].pe, f);
}

enum sdei_result box_resume(struct box *b, unsigned cpu, uint64_t address)
{
	struct sdei_frame *f = &b->cpu[cpu].f;

	f->x[0] = 0xc4000020 + RESUME;
	f->x[1] = address;
	return sdei_call(b->cpu[cpu].pe, f);
}

int64_t box_run(struct box *b, unsigned cpu)
{
	struct box_cpu *c = &b->cpu[cpu];
	struct sdei_frame before = c->f;

	if (!sdei_due(c->pe))
		return -1;
	if (sdei_deliver(c->pe, &c->f))
		return (int64_t)c->f.x[0];
	assert_memory_equal(&before, &c->f, sizeof(before));
	return -1;
}

uint64_t box_get(struct box *b, unsigned cpu, unsigned index)
{
	uint64_t v;

	assert_int_equal(sdei_get_reg(b->cpu[cpu].pe, index, &v), 0);
	return v;
}

int box_set(struct box *b, unsigned cpu, unsigned index, uint64_t v)
{
	return sdei_set_reg(b->cpu[cpu].pe, index, v, true);
}
