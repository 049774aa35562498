/* SPDX-License-Identifier: MIT */
/* See ref.h. */
#include "ref.h"

#include <errno.h>
#include <string.h>

uint32_t ref_number(unsigned event)
{
	if (event == 0)
		return 0;
	return event < 5 ? 0x10 + event - 1 : 0x40000000 + event - 5;
}

static bool is_shared(unsigned event)
{
	return event == 3 || event == 4 || event >= 9;
}

static bool is_critical(unsigned event)
{
	return event == 2 || event == 4;
}

/* Where a bound interrupt's event comes from. */
static bool is_dynamic(unsigned event)
{
	return event >= 5;
}

static int find_event(uint64_t number)
{
	for (unsigned e = 0; e < REF_EVENTS; e++) {
		if (ref_number(e) == number)
			return (int)e;
	}
	return -1;
}

static int find_pe(struct ref *r, uint64_t affinity)
{
	for (unsigned pe = 0; pe < r->nr; pe++) {
		if (box_affinity(pe) == affinity)
			return (int)pe;
	}
	return -1;
}

static struct ref_event *at(struct ref *r, unsigned pe, unsigned event)
{
	return is_shared(event) ? &r->shared[event] : &r->pe[pe].private[event];
}

struct box_irq *ref_irq(struct ref *r, unsigned pe, unsigned intid)
{
	return intid < 32 ? &r->pe[pe].ppi[intid - 16] : &r->spi[intid - 32];
}

/* The interrupt that an event is bound to. */
static struct box_irq *bound(struct ref *r, unsigned pe, unsigned event)
{
	return r->intid[event] ? ref_irq(r, pe, r->intid[event]) : NULL;
}

static bool irq_pending(const struct box_irq *irq)
{
	if (irq->latch)
		return true;
	return irq->level ? irq->line : false;
}

static void count(struct ref *r, unsigned pe, unsigned event, unsigned action)
{
	struct ref_event *e = at(r, pe, event);
	unsigned state = !e->registered ? 0 : !e->enabled ? 1 : 2;

	r->cells[state * 2 + e->running][action]++;
}

/* An interrupt is the dispatcher's while its event is registered or running. */
static void divert(struct ref *r)
{
	for (unsigned pe = 0; pe < r->nr; pe++) {
		for (unsigned i = 0; i < BOX_PPIS; i++)
			r->pe[pe].ppi[i].diverted = false;
	}
	for (unsigned i = 0; i < BOX_SPIS; i++)
		r->spi[i].diverted = false;
	for (unsigned event = 5; event < REF_EVENTS; event++) {
		for (unsigned pe = 0; pe < r->nr; pe++) {
			struct ref_event *e = at(r, pe, event);

			if (r->intid[event] && (e->registered || e->running))
				bound(r, pe, event)->diverted = true;
		}
	}
}

void ref_init(struct ref *r, unsigned nr)
{
	memset(r, 0, sizeof(*r));
	r->nr = nr;
	for (unsigned pe = 0; pe < nr; pe++)
		r->pe[pe].masked = true;
	for (unsigned e = 0; e < REF_EVENTS; e++)
		r->shared[e].route = REF_ANY;
}

/* ---- Registration ---- */

static int64_t do_register(struct ref *r, unsigned pe, const uint64_t *x)
{
	int event = find_event(x[1]);
	int route = REF_ANY;

	if (event < 0)
		return INVALID;
	if (x[2] == 0 || x[2] % 4 != 0)
		return INVALID;
	if (x[4] > 1)
		return INVALID;
	if (is_shared((unsigned)event) && x[4] == 1) {
		route = find_pe(r, x[5]);
		if (route < 0)
			return INVALID;
	}
	struct ref_event *e = at(r, pe, (unsigned)event);

	count(r, pe, (unsigned)event, REF_REGISTER);
	if (e->registered || e->running)
		return DENIED;
	if (is_dynamic((unsigned)event)) {
		struct box_irq *irq = bound(r, pe, (unsigned)event);

		if (!irq || irq->active)
			return DENIED;
		irq->latch = false;
	}
	e->registered = true;
	e->enabled = false;
	e->pending = false;
	e->entry = x[2];
	e->argument = x[3];
	e->route = is_shared((unsigned)event) ? route : 0;
	return OK;
}

static void forget(struct ref_event *e, bool shared)
{
	e->registered = e->enabled = e->pending = false;
	e->entry = e->argument = 0;
	e->route = shared ? REF_ANY : 0;
}

static int64_t do_unregister(struct ref *r, unsigned pe, unsigned event)
{
	struct ref_event *e = at(r, pe, event);

	count(r, pe, event, REF_UNREGISTER);
	if (!e->registered)
		return e->running ? PENDING : DENIED;
	forget(e, is_shared(event));
	return e->running ? PENDING : OK;
}

static int64_t do_enable(struct ref *r, unsigned pe, unsigned event, bool on)
{
	struct ref_event *e = at(r, pe, event);

	count(r, pe, event, on ? REF_ENABLE : REF_DISABLE);
	if (!e->registered)
		return DENIED;
	e->enabled = on;
	return OK;
}

static int64_t do_route(struct ref *r, unsigned pe, const uint64_t *x)
{
	int event = find_event(x[1]);
	int route = REF_ANY;

	if (event < 0 || !is_shared((unsigned)event))
		return INVALID;
	if (x[2] > 1)
		return INVALID;
	if (x[2] == 1) {
		route = find_pe(r, x[3]);
		if (route < 0)
			return INVALID;
	}
	struct ref_event *e = at(r, pe, (unsigned)event);

	count(r, pe, (unsigned)event, REF_ROUTE);
	if (!e->registered || e->enabled || e->running)
		return DENIED;
	e->route = route;
	return OK;
}

static int64_t do_info(struct ref *r, unsigned pe, unsigned event, uint64_t info)
{
	struct ref_event *e = at(r, pe, event);

	if (info == 0)
		return is_shared(event);
	if (info == 1)
		return event == 0;
	if (info == 2)
		return is_critical(event);
	if (info > 4 || !is_shared(event))
		return INVALID;
	if (!e->registered)
		return DENIED;
	if (info == 3)
		return e->route == REF_ANY ? 0 : 1;
	return e->route == REF_ANY ? INVALID : (int64_t)box_affinity((unsigned)e->route);
}

/* ---- Binding ---- */

static int64_t do_bind(struct ref *r, uint64_t intid)
{
	unsigned from = intid < 32 ? 5 : 9, to = intid < 32 ? 8 : 20;

	if (intid < 16 || intid >= 32 + BOX_SPIS)
		return INVALID;
	if (intid == 31)
		return DENIED;
	for (unsigned e = from; e <= to; e++) {
		if (r->intid[e] == intid)
			return ref_number(e);
	}
	for (unsigned e = from; e <= to; e++) {
		if (r->intid[e] == 0) {
			r->intid[e] = (unsigned)intid;
			return ref_number(e);
		}
	}
	return NO_RESOURCE;
}

static int64_t do_release(struct ref *r, unsigned pe, unsigned event)
{
	count(r, pe, event, REF_RELEASE);
	for (unsigned p = 0; p < r->nr; p++) {
		struct ref_event *e = at(r, p, event);

		if (e->registered || e->running || bound(r, p, event)->active)
			return DENIED;
	}
	r->intid[event] = 0;
	return OK;
}

static int64_t do_reset(struct ref *r, unsigned pe, bool shared)
{
	int64_t answer = OK;

	for (unsigned event = 0; event < REF_EVENTS; event++) {
		if (is_shared(event) == shared && do_unregister(r, pe, event) == PENDING)
			answer = DENIED;
	}
	for (unsigned event = 5; event < REF_EVENTS && shared; event++) {
		if (r->intid[event] && do_release(r, pe, event) != OK)
			answer = DENIED;
	}
	return answer;
}

/* ---- Handlers ---- */

bool ref_deliverable(struct ref *r, unsigned pe, unsigned event)
{
	struct ref_event *e = at(r, pe, event);
	struct ref_pe *p = &r->pe[pe];

	if (!e->registered || !e->enabled || e->running)
		return false;
	if (is_dynamic(event) ? !irq_pending(bound(r, pe, event)) : !e->pending)
		return false;
	if (p->masked)
		return false;
	if (is_shared(event) && e->route != REF_ANY && e->route != (int)pe)
		return false;
	for (unsigned n = 0; n < p->depth; n++) {
		if (is_critical(p->in[n].event) || !is_critical(event))
			return false;
	}
	return true;
}

bool ref_deliver(struct ref *r, unsigned pe, struct sdei_frame *f)
{
	struct ref_pe *p = &r->pe[pe];
	int best = -1;

	for (unsigned event = 0; event < REF_EVENTS; event++) {
		if (!ref_deliverable(r, pe, event))
			continue;
		if (best < 0 || (is_critical(event) && !is_critical((unsigned)best)))
			best = (int)event;
	}
	if (best < 0)
		return false;
	struct ref_event *e = at(r, pe, (unsigned)best);

	count(r, pe, (unsigned)best, REF_DISPATCH);
	if (is_dynamic((unsigned)best)) {
		bound(r, pe, (unsigned)best)->latch = false;
		bound(r, pe, (unsigned)best)->active = true;
	}
	e->pending = false;
	e->running = true;
	p->in[p->depth].event = (unsigned)best;
	p->in[p->depth].frame = *f;
	for (unsigned n = 4; n < 18; n++)
		f->x[n] = 0;
	f->x[0] = ref_number((unsigned)best);
	f->x[1] = e->argument;
	f->x[2] = f->pc;
	f->x[3] = f->pstate;
	f->pc = e->entry;
	f->pstate = f->el1_pstate;
	p->depth++;
	return true;
}

/* The innermost handler ends. */
static void leave(struct ref *r, unsigned pe)
{
	struct ref_pe *p = &r->pe[pe];
	unsigned event = p->in[--p->depth].event;

	count(r, pe, event, REF_COMPLETE);
	at(r, pe, event)->running = false;
	if (is_dynamic(event))
		bound(r, pe, event)->active = false;
	memset(&p->in[p->depth], 0, sizeof(p->in[0]));
}

static enum sdei_result do_complete(struct ref *r, unsigned pe, struct sdei_frame *f, bool resume)
{
	struct ref_pe *p = &r->pe[pe];
	uint64_t to = f->x[1];

	if (p->depth == 0 || (resume && to % 4 != 0)) {
		f->x[0] = (uint64_t)(int64_t)DENIED;
		return SDEI_RETURN;
	}
	const struct sdei_frame *old = &p->in[p->depth - 1].frame;

	memcpy(f->x, old->x, sizeof(f->x));
	f->pc = resume ? to : old->pc;
	f->pstate = resume ? f->el1_pstate : old->pstate;
	if (resume) {
		f->elr_el1 = old->pc;
		f->spsr_el1 = old->pstate;
	}
	leave(r, pe);
	return resume ? SDEI_RESUME : SDEI_REPLACE;
}

static int64_t do_context(struct ref *r, unsigned pe, uint64_t n)
{
	struct ref_pe *p = &r->pe[pe];

	if (n > 17)
		return INVALID;
	if (p->depth == 0)
		return DENIED;
	count(r, pe, p->in[p->depth - 1].event, REF_CONTEXT);
	return (int64_t)p->in[p->depth - 1].frame.x[n];
}

/* ---- Raising, resets, interrupts ---- */

int ref_raise(struct ref *r, uint32_t number, uint64_t target)
{
	int event = find_event(number);
	int pe = -1;

	if (event < 0 || is_dynamic((unsigned)event))
		return -EINVAL;
	if (is_shared((unsigned)event)) {
		if (target != AM_SDEI_ANY)
			return -EINVAL;
		pe = 0;
	} else if (target != AM_SDEI_ANY) {
		pe = find_pe(r, target);
	} else {
		/* At once, or later, or (to be refused) nowhere. */
		for (unsigned p = 0; p < r->nr && pe < 0; p++) {
			struct ref_event try = *at(r, p, (unsigned)event),
					 *e = at(r, p, (unsigned)event);

			e->pending = true;
			e->running = false;
			if (ref_deliverable(r, p, (unsigned)event))
				pe = (int)p;
			*e = try;
		}
		for (unsigned p = 0; p < r->nr && pe < 0; p++) {
			if (at(r, p, (unsigned)event)->registered)
				pe = (int)p;
		}
		if (pe < 0)
			pe = 0;
	}
	if (pe < 0)
		return -ENXIO;
	if (!at(r, (unsigned)pe, (unsigned)event)->registered)
		return -EAGAIN;
	at(r, (unsigned)pe, (unsigned)event)->pending = true;
	return 0;
}

void ref_reset(struct ref *r, unsigned pe)
{
	while (r->pe[pe].depth)
		leave(r, pe);
	for (unsigned event = 0; event < REF_EVENTS; event++)
		forget(&r->pe[pe].private[event], false);
	r->pe[pe].masked = true;
	divert(r);
}

void ref_line(struct ref *r, unsigned pe, unsigned intid, bool line)
{
	struct box_irq *irq = ref_irq(r, pe, intid);

	if (line && !irq->line && !irq->level)
		irq->latch = true;
	irq->line = line;
}

/* ---- Calls ---- */

static int64_t by_event(struct ref *r, unsigned pe, unsigned function, const uint64_t *x)
{
	int event = find_event(x[1]);
	struct ref_event *e;

	if (event < 0)
		return INVALID;
	e = at(r, pe, (unsigned)event);
	switch (function) {
	case ENABLE:
		return do_enable(r, pe, (unsigned)event, true);
	case DISABLE:
		return do_enable(r, pe, (unsigned)event, false);
	case UNREGISTER:
		return do_unregister(r, pe, (unsigned)event);
	case STATUS:
		return e->registered * 1 + e->enabled * 2 + e->running * 4;
	case GET_INFO:
		return do_info(r, pe, (unsigned)event, x[2]);
	default: /* RELEASE */
		if (!is_dynamic((unsigned)event) || !r->intid[event])
			return INVALID;
		return do_release(r, pe, (unsigned)event);
	}
}

static int64_t returning(struct ref *r, unsigned pe, unsigned function, const uint64_t *x)
{
	bool was = r->pe[pe].masked;

	switch (function) {
	case VERSION:
		return 0x0001000100000000;
	case REGISTER:
		return do_register(r, pe, x);
	case CONTEXT:
		return do_context(r, pe, x[1]);
	case ROUTING_SET:
		return do_route(r, pe, x);
	case PE_MASK:
		r->pe[pe].masked = true;
		return !was;
	case PE_UNMASK:
		r->pe[pe].masked = false;
		return OK;
	case BIND:
		return do_bind(r, x[1]);
	case SIGNAL:
		if (x[1] != 0 || find_pe(r, x[2]) < 0)
			return INVALID;
		ref_raise(r, 0, x[2]);
		return OK;
	case FEATURES:
		return x[1] == 0 ? 0xc0004 : x[1] == 1 ? 0 : INVALID;
	case PRIVATE_RESET:
		return do_reset(r, pe, false);
	case SHARED_RESET:
		return do_reset(r, pe, true);
	default:
		return by_event(r, pe, function, x);
	}
}

enum sdei_result ref_call(struct ref *r, unsigned pe, struct sdei_frame *f)
{
	unsigned function = (unsigned)(f->x[0] & 0xffffffff) - 0xc4000020;
	enum sdei_result result = SDEI_RETURN;

	if (function == COMPLETE || function == RESUME)
		result = do_complete(r, pe, f, function == RESUME);
	else if (function >= NR_FUNCTIONS)
		f->x[0] = (uint64_t)(int64_t)NOT_SUPPORTED;
	else
		f->x[0] = (uint64_t)returning(r, pe, function, f->x);
	divert(r);
	return result;
}

/* ---- Registers ---- */

static uint64_t context_reg(struct ref *r, unsigned pe, unsigned c, unsigned which)
{
	struct ref_pe *p = &r->pe[pe];

	for (unsigned n = 0; n < p->depth; n++) {
		const struct sdei_frame *f = &p->in[n].frame;

		if (is_critical(p->in[n].event) != (c == 1))
			continue;
		return which < 18 ? f->x[which] : which == 18 ? f->pc : f->pstate;
	}
	return 0;
}

uint64_t ref_reg(struct ref *r, unsigned pe, unsigned index)
{
	uint64_t v = 0;

	if (index >= 0x8200)
		return r->intid[index - 0x8200];
	if (index >= 0x8100) {
		unsigned event = (index - 0x8100) / 4;
		struct ref_event *e = at(r, pe, event);

		switch (index % 4) {
		case 0:
			return ref_number(event);
		case 1:
			return e->entry;
		case 2:
			return e->argument;
		default:
			if (!is_shared(event) || e->route == REF_ANY)
				return 0;
			return 1ull << 63 | box_affinity((unsigned)e->route);
		}
	}
	if (index >= 0x8020)
		return context_reg(r, pe, (index - 0x8020) / 32, (index - 0x8020) % 32);
	if (index >= 0x8010)
		return context_reg(r, pe, (index - 0x8010) / 2, 18 + index % 2);
	if (index == 0x8000)
		return 1;
	if (index == 0x8002)
		return r->pe[pe].masked;
	for (unsigned event = 0; event < REF_EVENTS; event++) {
		struct ref_event *e = at(r, pe, event);
		bool here = false;

		for (unsigned n = 0; n < r->pe[pe].depth; n++)
			here |= r->pe[pe].in[n].event == event;
		bool bit = index == 0x8001   ? true
			   : index == 0x8003 ? e->registered
			   : index == 0x8004 ? e->enabled
			   : index == 0x8005 ? here
					     : e->pending;

		v |= (uint64_t)bit << event;
	}
	return v;
}
