/* SPDX-License-Identifier: MIT */
/*
 * SDEI's state as user space reads and writes it, <armature/sdei.h>. One row for each range of
 * registers; the rows are in restoring order, and the list that user space gets is made from them.
 *
 * Writes are checked alone, so that their order does not matter; sdei_check() looks at all.
 */
#include <errno.h>
#include <string.h>

#include "fw/sdei_impl.h"

#define AFFINITY UINT64_C(0xff00ffffff)

#define FIRST_PPI   16
#define FIRST_SPI   32
#define END_OF_SPIS 1020

/* ---- Rows ---- */

/* @n: which of the range. */
typedef uint64_t get_fn(struct sdei_pe *pe, unsigned n);
typedef int set_fn(struct sdei_pe *pe, unsigned n, uint64_t v);

struct row {
	uint16_t first, step, count;
	get_fn *get;
	set_fn *set; /* NULL: read only */
};

/* ---- Bindings and handlers ---- */

static uint64_t get_interrupt(struct sdei_pe *pe, unsigned n)
{
	return sdei_intid(pe->s, SDEI_SLOT_BOUND_PRIVATE + n);
}

static void undivert(struct sdei_pe *pe, unsigned slot)
{
	struct sdei *s = pe->s;
	struct sdei_bank *b = sdei_bank(pe, slot);

	if (!am_bit(b->diverted, slot))
		return;
	s->ops->irq_divert(s->opaque, sdei_irq_vcpu(pe, slot), sdei_intid(s, slot), false);
	b->diverted &= ~AM_BIT(slot);
}

static int set_interrupt(struct sdei_pe *pe, unsigned n, uint64_t v)
{
	unsigned slot = SDEI_SLOT_BOUND_PRIVATE + n;
	bool shared = sdei_slot_shared(slot);

	if (v && !pe->s->ops->irq_usable)
		return -EINVAL;
	if (v && (v < (shared ? FIRST_SPI : FIRST_PPI) || v >= (shared ? END_OF_SPIS : FIRST_SPI)))
		return -EINVAL;
	if (v == sdei_intid(pe->s, slot))
		return 0;
	for (struct sdei_pe *p = pe->s->first; p; p = p->next)
		undivert(p, slot);
	atomic_store(&pe->s->intid[slot], (uint32_t)v);
	return 0;
}

static uint64_t get_event(struct sdei_pe *pe, unsigned n)
{
	return sdei_slot_event(n);
}

static uint64_t get_entry(struct sdei_pe *pe, unsigned n)
{
	return sdei_bank(pe, n)->handler[n].entry;
}

static int set_entry(struct sdei_pe *pe, unsigned n, uint64_t v)
{
	if (v & 3)
		return -EINVAL;
	sdei_bank(pe, n)->handler[n].entry = v;
	return 0;
}

static uint64_t get_argument(struct sdei_pe *pe, unsigned n)
{
	return sdei_bank(pe, n)->handler[n].argument;
}

static int set_argument(struct sdei_pe *pe, unsigned n, uint64_t v)
{
	sdei_bank(pe, n)->handler[n].argument = v;
	return 0;
}

static uint64_t get_route(struct sdei_pe *pe, unsigned n)
{
	return sdei_bank(pe, n)->handler[n].route;
}

static int set_route(struct sdei_pe *pe, unsigned n, uint64_t v)
{
	if (v && (!sdei_slot_shared(n) || !(v & AM_SDEI_ROUTE_PE) ||
		  (v & ~(AM_SDEI_ROUTE_PE | AFFINITY))))
		return -EINVAL;
	sdei_bank(pe, n)->handler[n].route = v;
	return 0;
}

/* ---- Contexts ---- */

static uint64_t get_pc(struct sdei_pe *pe, unsigned n)
{
	return pe->context[n].pc;
}

static int set_pc(struct sdei_pe *pe, unsigned n, uint64_t v)
{
	pe->context[n].pc = v;
	return 0;
}

static uint64_t get_pstate(struct sdei_pe *pe, unsigned n)
{
	return pe->context[n].pstate;
}

static int set_pstate(struct sdei_pe *pe, unsigned n, uint64_t v)
{
	enum { EL0T = 0, EL1T = 4, EL1H = 5 };
	uint64_t mode = am_bits(v, 4, 0);

	if (mode != EL0T && mode != EL1T && mode != EL1H)
		return -EINVAL;
	pe->context[n].pstate = v;
	return 0;
}

static uint64_t get_x_normal(struct sdei_pe *pe, unsigned n)
{
	return pe->context[SDEI_NORMAL_CONTEXT].x[n];
}

static int set_x_normal(struct sdei_pe *pe, unsigned n, uint64_t v)
{
	pe->context[SDEI_NORMAL_CONTEXT].x[n] = v;
	return 0;
}

static uint64_t get_x_critical(struct sdei_pe *pe, unsigned n)
{
	return pe->context[SDEI_CRITICAL_CONTEXT].x[n];
}

static int set_x_critical(struct sdei_pe *pe, unsigned n, uint64_t v)
{
	pe->context[SDEI_CRITICAL_CONTEXT].x[n] = v;
	return 0;
}

/* ---- Sets of slots ---- */

static uint64_t get_events(struct sdei_pe *pe, unsigned n)
{
	return SDEI_ALL;
}

static uint64_t get_registered(struct sdei_pe *pe, unsigned n)
{
	return pe->own.registered | pe->s->shared.registered;
}

static int set_registered(struct sdei_pe *pe, unsigned n, uint64_t v)
{
	if (v & ~SDEI_ALL)
		return -EINVAL;
	pe->own.registered = v & ~SDEI_SHARED;
	pe->s->shared.registered = v & SDEI_SHARED;
	return 0;
}

static uint64_t get_enabled(struct sdei_pe *pe, unsigned n)
{
	return pe->own.enabled | pe->s->shared.enabled;
}

static int set_enabled(struct sdei_pe *pe, unsigned n, uint64_t v)
{
	if (v & ~SDEI_ALL)
		return -EINVAL;
	pe->own.enabled = v & ~SDEI_SHARED;
	pe->s->shared.enabled = v & SDEI_SHARED;
	return 0;
}

static uint64_t get_running(struct sdei_pe *pe, unsigned n)
{
	return pe->running;
}

static int set_running(struct sdei_pe *pe, unsigned n, uint64_t v)
{
	struct sdei *s = pe->s;

	if (v & ~SDEI_ALL)
		return -EINVAL;
	pe->running = v;
	s->running = 0;
	for (struct sdei_pe *p = s->first; p; p = p->next)
		s->running |= p->running & SDEI_SHARED;
	return 0;
}

static uint64_t get_pending(struct sdei_pe *pe, unsigned n)
{
	return pe->own.pending | pe->s->shared.pending;
}

static int set_pending(struct sdei_pe *pe, unsigned n, uint64_t v)
{
	if (v & ~(SDEI_ALL & ~SDEI_BINDABLE))
		return -EINVAL;
	pe->own.pending = v & ~SDEI_SHARED;
	pe->s->shared.pending = v & SDEI_SHARED;
	return 0;
}

static uint64_t get_pe_state(struct sdei_pe *pe, unsigned n)
{
	return pe->masked;
}

static int set_pe_state(struct sdei_pe *pe, unsigned n, uint64_t v)
{
	if (v > 1)
		return -EINVAL;
	pe->masked = v;
	return 0;
}

/* ---- The table ---- */

#define SLOTS	    SDEI_NR_SLOTS
#define NR_BINDABLE (SDEI_NR_SLOTS - SDEI_SLOT_BOUND_PRIVATE)

static const struct row rows[] = {
    {AM_SDEI_EVENTS, 1, 1, get_events, NULL},
    {AM_SDEI_SLOT_INTERRUPT(SDEI_SLOT_BOUND_PRIVATE), 1, NR_BINDABLE, get_interrupt, set_interrupt},
    {AM_SDEI_SLOT_EVENT(0), 4, SLOTS, get_event, NULL},
    {AM_SDEI_SLOT_ENTRY(0), 4, SLOTS, get_entry, set_entry},
    {AM_SDEI_SLOT_ARGUMENT(0), 4, SLOTS, get_argument, set_argument},
    {AM_SDEI_SLOT_ROUTE(0), 4, SLOTS, get_route, set_route},
    {AM_SDEI_CONTEXT_PC(0), 2, SDEI_NR_CONTEXTS, get_pc, set_pc},
    {AM_SDEI_CONTEXT_PSTATE(0), 2, SDEI_NR_CONTEXTS, get_pstate, set_pstate},
    {AM_SDEI_CONTEXT_X(0, 0), 1, 18, get_x_normal, set_x_normal},
    {AM_SDEI_CONTEXT_X(1, 0), 1, 18, get_x_critical, set_x_critical},
    {AM_SDEI_REGISTERED, 1, 1, get_registered, set_registered},
    {AM_SDEI_ENABLED, 1, 1, get_enabled, set_enabled},
    {AM_SDEI_RUNNING, 1, 1, get_running, set_running},
    {AM_SDEI_PENDING, 1, 1, get_pending, set_pending},
    {AM_SDEI_PE_STATE, 1, 1, get_pe_state, set_pe_state},
};

static const struct row *find_row(unsigned index, unsigned *n)
{
	for (const struct row *r = rows; r < rows + AM_ARRAY_SIZE(rows); r++) {
		unsigned offset = index - r->first;

		if (index >= r->first && offset % r->step == 0 && offset / r->step < r->count) {
			*n = offset / r->step;
			return r;
		}
	}
	return NULL;
}

size_t sdei_reg_list(struct sdei *s, uint16_t *index)
{
	size_t nr = 1;

	if (index)
		index[0] = AM_SDEI_GATE;
	if (!sdei_enabled(s))
		return nr;
	for (const struct row *r = rows; r < rows + AM_ARRAY_SIZE(rows); r++) {
		for (unsigned n = 0; n < r->count; n++, nr++) {
			if (index)
				index[nr] = (uint16_t)(r->first + n * r->step);
		}
	}
	return nr;
}

/* ---- The gate ---- */

/* A VM that has not run loses nothing but what user space wrote. */
static void forget_all(struct sdei *s)
{
	for (struct sdei_pe *pe = s->first; pe; pe = pe->next) {
		for (unsigned n = 0; n < NR_BINDABLE; n++)
			set_interrupt(pe, n, 0);
		pe->own.registered = pe->own.enabled = pe->own.pending = pe->running = 0;
		memset(pe->own.handler, 0, sizeof(pe->own.handler));
		memset(pe->context, 0, sizeof(pe->context));
		pe->masked = true;
		atomic_store(&pe->due, false);
	}
	s->shared.registered = s->shared.enabled = s->shared.pending = s->running = 0;
	memset(s->shared.handler, 0, sizeof(s->shared.handler));
	atomic_store(&s->unchecked, false);
}

static int set_gate(struct sdei *s, uint64_t v, bool has_run)
{
	int err = 0;

	if (v > 1)
		return -EINVAL;
	sdei_enter(s);
	if (v != sdei_enabled(s)) {
		if (has_run)
			err = -EBUSY;
		else
			forget_all(s);
		if (!err)
			atomic_store(&s->enabled, v);
	}
	sdei_leave(s);
	return err;
}

int sdei_get_reg(struct sdei_pe *pe, unsigned index, uint64_t *v)
{
	const struct row *r;
	unsigned n;

	if (index == AM_SDEI_GATE) {
		*v = sdei_enabled(pe->s);
		return 0;
	}
	r = sdei_enabled(pe->s) ? find_row(index, &n) : NULL;
	if (!r)
		return -ENOENT;
	sdei_enter(pe->s);
	*v = r->get(pe, n);
	sdei_leave(pe->s);
	return 0;
}

int sdei_set_reg(struct sdei_pe *pe, unsigned index, uint64_t v, bool has_run)
{
	struct sdei *s = pe->s;
	const struct row *r;
	unsigned n;
	int err;

	if (index == AM_SDEI_GATE)
		return set_gate(s, v, has_run);
	r = sdei_enabled(s) ? find_row(index, &n) : NULL;
	if (!r)
		return -ENOENT;
	sdei_enter(s);
	if (r->set) {
		err = r->set(pe, n, v);
		if (!err)
			atomic_store(&s->unchecked, true);
	} else {
		err = v == r->get(pe, n) ? 0 : -EINVAL;
	}
	sdei_leave(s);
	return err;
}

/* ---- Do they fit together? ---- */

static bool bank_fits(struct sdei *s, const struct sdei_bank *b, uint64_t running)
{
	uint64_t used = b->registered | running;

	if ((b->enabled | b->pending) & ~b->registered)
		return false;
	for (; used; used &= used - 1) {
		unsigned slot = sdei_lowest(used);
		const struct sdei_handler *h = &b->handler[slot];

		if (am_bit(b->registered, slot) && !h->entry)
			return false;
		if (am_bit(SDEI_BINDABLE, slot) && !sdei_intid(s, slot))
			return false;
		if (h->route && !sdei_find(s, h->route & ~AM_SDEI_ROUTE_PE))
			return false;
	}
	return true;
}

static bool bindings_fit(struct sdei *s)
{
	for (unsigned slot = SDEI_SLOT_BOUND_PRIVATE; slot < SDEI_NR_SLOTS; slot++) {
		uint32_t intid = sdei_intid(s, slot);

		if (!intid)
			continue;
		if (!s->ops->irq_usable || s->ops->irq_usable(s->opaque, intid))
			return false;
		for (unsigned other = slot + 1; other < SDEI_NR_SLOTS; other++) {
			if (sdei_intid(s, other) == intid)
				return false;
		}
	}
	return true;
}

static bool all_fits(struct sdei *s)
{
	uint64_t elsewhere = 0;

	if (!bindings_fit(s) || !bank_fits(s, &s->shared, s->running))
		return false;
	for (struct sdei_pe *pe = s->first; pe; pe = pe->next) {
		if (!bank_fits(s, &pe->own, pe->running & ~SDEI_SHARED))
			return false;
		if (__builtin_popcountll(pe->running & SDEI_CRITICAL) > 1 ||
		    __builtin_popcountll(pe->running & ~SDEI_CRITICAL) > 1 ||
		    (pe->running & SDEI_SHARED & elsewhere))
			return false;
		elsewhere |= pe->running & SDEI_SHARED;
	}
	return true;
}

/* What became pending in the interrupt controller before its interrupts were diverted. */
static void poll_all(struct sdei_pe *pe)
{
	for (uint64_t rest = pe->own.diverted | pe->s->shared.diverted; rest; rest &= rest - 1)
		sdei_poll(pe, sdei_lowest(rest));
}

int sdei_check(struct sdei *s)
{
	int err = 0;

	if (!atomic_load_explicit(&s->unchecked, memory_order_acquire))
		return 0;
	sdei_enter(s);
	if (!all_fits(s))
		err = -EINVAL;
	for (struct sdei_pe *pe = s->first; pe && !err; pe = pe->next)
		err = sdei_divert(s, pe);
	if (!err) {
		for (struct sdei_pe *pe = s->first; pe; pe = pe->next) {
			poll_all(pe);
			sdei_settle(s, pe);
			if (sdei_due(pe))
				s->ops->kick(s->opaque, pe->vcpu);
		}
		atomic_store(&s->unchecked, false);
	}
	sdei_leave(s);
	return err;
}
