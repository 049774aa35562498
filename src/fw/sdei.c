/* SPDX-License-Identifier: MIT */
/*
 * SDEI: which event goes to which PE, and when (DEN0054 4.3, 5.2). A change of anything is followed
 * by sdei_settle(), which tells a PE that is to look; that PE's thread decides for good when it
 * delivers. Being told for nothing is harmless, not being told would be a lost event.
 *
 * sdei_interrupt() comes from the interrupt controller, with its locks, perhaps because of a call
 * made here: it can wait for nothing. It leaves a mark, and who has the lock looks for marks after
 * releasing it.
 */
#include "fw/sdei.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/trace.h"
#include "fw/sdei_impl.h"

/* ---- Lock ---- */

void sdei_enter(struct sdei *s)
{
	am_lock(&s->lock);
}

/*
 * A PE that is kicked wants the lock at once: so that is done when the lock is free, which is 10 us
 * earlier for one that slept.
 */
static void unlock_and_kick(struct sdei *s)
{
	void *vcpu[SDEI_KICKS];
	unsigned nr = s->nr_kicks;

	memcpy(vcpu, s->kicks, nr * sizeof(vcpu[0]));
	s->nr_kicks = 0;
	am_unlock(&s->lock);
	for (unsigned n = 0; n < nr; n++)
		s->ops->kick(s->opaque, vcpu[n]);
}

/*
 * Who sets `look` and then does not get the lock relies on the holder to read it after releasing.
 * That is a store followed by a load of something else, which only a read-modify-write keeps in
 * order on every host.
 */
void sdei_leave(struct sdei *s)
{
	unlock_and_kick(s);
	while (atomic_fetch_or(&s->look, 0) && am_trylock(&s->lock)) {
		atomic_store(&s->look, 0);
		sdei_settle(s, NULL);
		unlock_and_kick(s);
	}
}

/* ---- Life ---- */

int sdei_create(const struct sdei_ops *ops, void *opaque, struct sdei **out)
{
	struct sdei *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->ops = ops;
	s->opaque = opaque;
	am_lock_init(&s->lock);
	*out = s;
	return 0;
}

void sdei_destroy(struct sdei *s)
{
	free(s);
}

int sdei_pe_create(struct sdei *s, void *vcpu, unsigned id, uint64_t affinity, struct sdei_pe **out)
{
	struct sdei_pe *pe = calloc(1, sizeof(*pe));
	struct sdei_pe **last = &s->first;

	if (!pe)
		return -ENOMEM;
	pe->s = s;
	pe->vcpu = vcpu;
	pe->id = id;
	pe->affinity = affinity;
	pe->masked = true;
	sdei_enter(s);
	while (*last)
		last = &(*last)->next;
	*last = pe;
	sdei_leave(s);
	*out = pe;
	return 0;
}

void sdei_pe_set_affinity(struct sdei_pe *pe, uint64_t affinity)
{
	sdei_enter(pe->s);
	pe->affinity = affinity;
	/* A route may lead nowhere now. */
	atomic_store(&pe->s->unchecked, true);
	sdei_settle(pe->s, pe);
	sdei_leave(pe->s);
}

void sdei_pe_destroy(struct sdei_pe *pe)
{
	struct sdei_pe **link;

	if (!pe)
		return;
	sdei_enter(pe->s);
	for (link = &pe->s->first; *link != pe; link = &(*link)->next)
		;
	*link = pe->next;
	/* A shared event that ran there runs nowhere. */
	pe->s->running &= ~pe->running;
	sdei_leave(pe->s);
	free(pe);
}

bool sdei_enabled(const struct sdei *s)
{
	return atomic_load_explicit(&s->enabled, memory_order_relaxed);
}

struct sdei_pe *sdei_find(struct sdei *s, uint64_t affinity)
{
	struct sdei_pe *pe = s->first;

	while (pe && pe->affinity != affinity)
		pe = pe->next;
	return pe;
}

/* ---- What can be delivered where ---- */

static uint64_t ready(const struct sdei_bank *b, uint64_t running)
{
	return b->registered & b->enabled & ~running & (b->pending | atomic_load(&b->irq));
}

/* What may interrupt what runs on this PE: critical events do normal ones, nothing else does. */
static uint64_t welcome(const struct sdei_pe *pe)
{
	if (pe->masked || (pe->running & SDEI_CRITICAL))
		return 0;
	return pe->running ? SDEI_CRITICAL : SDEI_ALL;
}

static bool routed_to(const struct sdei_pe *pe, unsigned slot)
{
	uint64_t route = pe->s->shared.handler[slot].route;

	return !route || route == (AM_SDEI_ROUTE_PE | pe->affinity);
}

static uint64_t deliverable(const struct sdei_pe *pe)
{
	const struct sdei *s = pe->s;
	uint64_t found = ready(&pe->own, pe->running) & welcome(pe);
	uint64_t rest = ready(&s->shared, s->running) & welcome(pe);

	for (; rest; rest &= rest - 1) {
		if (routed_to(pe, sdei_lowest(rest)))
			found |= rest & -rest;
	}
	return found;
}

/* With the lock or without. */
static void tell_now(struct sdei_pe *pe)
{
	if (!atomic_exchange(&pe->due, true))
		pe->s->ops->kick(pe->s->opaque, pe->vcpu);
}

/* When the lock is free. */
static void tell(struct sdei_pe *pe)
{
	struct sdei *s = pe->s;

	if (s->nr_kicks == SDEI_KICKS)
		tell_now(pe);
	else if (!atomic_exchange(&pe->due, true))
		s->kicks[s->nr_kicks++] = pe->vcpu;
}

/* @pe: the PE that looks anyway, and so the best one. */
static struct sdei_pe *who_takes(struct sdei *s, unsigned slot, struct sdei_pe *pe)
{
	uint64_t route = s->shared.handler[slot].route;

	if (route)
		pe = sdei_find(s, route & ~AM_SDEI_ROUTE_PE);
	else if (!pe || !am_bit(welcome(pe), slot))
		for (pe = s->first; pe && !am_bit(welcome(pe), slot); pe = pe->next)
			;
	return pe && am_bit(welcome(pe), slot) ? pe : NULL;
}

void sdei_settle(struct sdei *s, struct sdei_pe *pe)
{
	if (pe) {
		/* Cleared first, so that an interrupt that comes meanwhile is not overwritten. */
		atomic_store(&pe->due, false);
		if (deliverable(pe))
			atomic_store(&pe->due, true);
	}
	for (uint64_t rest = ready(&s->shared, s->running); rest; rest &= rest - 1) {
		struct sdei_pe *other = who_takes(s, sdei_lowest(rest), pe);

		if (other && other != pe)
			tell(other);
	}
}

bool sdei_due(const struct sdei_pe *pe)
{
	return atomic_load_explicit(&pe->due, memory_order_acquire);
}

/* ---- Interrupts ---- */

uint32_t sdei_intid(const struct sdei *s, unsigned slot)
{
	return atomic_load_explicit(&s->intid[slot], memory_order_relaxed);
}

void *sdei_irq_vcpu(struct sdei_pe *pe, unsigned slot)
{
	return sdei_slot_shared(slot) ? NULL : pe->vcpu;
}

void sdei_poll(struct sdei_pe *pe, unsigned slot)
{
	struct sdei *s = pe->s;

	if (s->ops->irq_pending(s->opaque, sdei_irq_vcpu(pe, slot), sdei_intid(s, slot)))
		atomic_fetch_or(&sdei_bank(pe, slot)->irq, AM_BIT(slot));
}

static int divert_bank(struct sdei *s, struct sdei_bank *b, void *vcpu, uint64_t wanted)
{
	for (uint64_t rest = wanted ^ b->diverted; rest; rest &= rest - 1) {
		unsigned slot = sdei_lowest(rest);
		bool on = am_bit(wanted, slot);
		int err = s->ops->irq_divert(s->opaque, vcpu, sdei_intid(s, slot), on);

		if (err && on)
			return err;
		b->diverted ^= AM_BIT(slot);
	}
	return 0;
}

int sdei_divert(struct sdei *s, struct sdei_pe *pe)
{
	uint64_t bound = 0;
	int err;

	if (!s->ops->irq_divert)
		return 0;
	for (uint64_t rest = SDEI_BINDABLE; rest; rest &= rest - 1) {
		if (sdei_intid(s, sdei_lowest(rest)))
			bound |= rest & -rest;
	}
	err = divert_bank(s, &s->shared, NULL,
			  bound & SDEI_SHARED & (s->shared.registered | s->running));
	if (!err && pe)
		err = divert_bank(s, &pe->own, pe->vcpu,
				  bound & ~SDEI_SHARED & (pe->own.registered | pe->running));
	return err;
}

void sdei_interrupt(struct sdei *s, struct sdei_pe *pe, unsigned intid)
{
	unsigned slot = pe ? SDEI_SLOT_BOUND_PRIVATE : SDEI_SLOT_BOUND_SHARED;
	unsigned end = pe ? SDEI_SLOT_BOUND_SHARED : SDEI_NR_SLOTS;

	while (slot < end && sdei_intid(s, slot) != intid)
		slot++;
	if (slot == end)
		return;
	AM_TRACE(sdei_interrupt, pe ? (int)pe->id : -1, intid, sdei_slot_event(slot));
	if (pe) {
		atomic_fetch_or(&pe->own.irq, AM_BIT(slot));
		tell_now(pe);
		return;
	}
	atomic_fetch_or(&s->shared.irq, AM_BIT(slot));
	atomic_store(&s->look, 1);
	if (am_trylock(&s->lock))
		sdei_leave(s);
}

/* ---- States ---- */

unsigned sdei_state(struct sdei_pe *pe, unsigned slot)
{
	const struct sdei_bank *b = sdei_bank(pe, slot);
	uint64_t running = sdei_slot_shared(slot) ? pe->s->running : pe->running;

	return (am_bit(b->registered, slot) ? SDEI_G : 0) |
	       (am_bit(b->enabled, slot) ? SDEI_E : 0) | (am_bit(running, slot) ? SDEI_R : 0);
}

static void put(uint64_t *set, unsigned slot, bool in)
{
	*set = in ? *set | AM_BIT(slot) : *set & ~AM_BIT(slot);
}

static void put_running(struct sdei_pe *pe, unsigned slot, bool in)
{
	put(&pe->running, slot, in);
	if (sdei_slot_shared(slot))
		put(&pe->s->running, slot, in);
}

int sdei_do(struct sdei_pe *pe, enum sdei_action action, unsigned slot)
{
	struct sdei_bank *b = sdei_bank(pe, slot);
	const struct sdei_cell *cell = &sdei_table[action][sdei_state(pe, slot)];

	/* Whatever user space made of the rest, a handler that is left is left. */
	if (action == SDEI_COMPLETE)
		put_running(pe, slot, false);
	if (cell->answer == SDEI_DENIED)
		return SDEI_DENIED;
	put(&b->registered, slot, cell->next & SDEI_G);
	put(&b->enabled, slot, cell->next & SDEI_E);
	if (action == SDEI_DISPATCH)
		put_running(pe, slot, true);
	if (!(cell->next & SDEI_G)) {
		b->pending &= ~AM_BIT(slot);
		b->handler[slot] = (struct sdei_handler){0};
	}
	if (am_bit(SDEI_BINDABLE, slot) && sdei_divert(pe->s, pe)) {
		/* Only REGISTER diverts anew. */
		b->registered &= ~AM_BIT(slot);
		return SDEI_OUT_OF_RESOURCE;
	}
	return cell->answer;
}

int sdei_innermost(const struct sdei_pe *pe)
{
	uint64_t critical = pe->running & SDEI_CRITICAL;

	return pe->running ? (int)sdei_lowest(critical ? critical : pe->running) : -1;
}

void sdei_end(struct sdei_pe *pe, unsigned slot)
{
	struct sdei *s = pe->s;
	bool interrupt = am_bit(sdei_bank(pe, slot)->diverted, slot);

	if (interrupt)
		s->ops->irq_end(s->opaque, sdei_irq_vcpu(pe, slot), sdei_intid(s, slot));
	sdei_do(pe, SDEI_COMPLETE, slot);
	if (interrupt && am_bit(sdei_bank(pe, slot)->diverted, slot))
		sdei_poll(pe, slot);
	pe->context[sdei_slot_context(slot)] = (struct sdei_context){0};
}

uint64_t sdei_forget_pe(struct sdei_pe *pe)
{
	uint64_t abandoned = pe->running;

	for (uint64_t rest = abandoned; rest; rest &= rest - 1)
		sdei_end(pe, sdei_lowest(rest));
	pe->own.registered = pe->own.enabled = pe->own.pending = 0;
	memset(pe->own.handler, 0, sizeof(pe->own.handler));
	sdei_divert(pe->s, pe);
	pe->masked = true;
	return abandoned;
}

void sdei_report(struct sdei_pe *pe, uint64_t slots, enum am_sdei_status status)
{
	struct sdei *s = pe->s;

	for (; slots && s->ops->handled; slots &= slots - 1)
		s->ops->handled(s->opaque, pe->vcpu, sdei_slot_event(sdei_lowest(slots)), status);
}

void sdei_pe_reset(struct sdei_pe *pe)
{
	struct sdei *s = pe->s;
	uint64_t abandoned;

	sdei_enter(s);
	abandoned = sdei_forget_pe(pe);
	sdei_settle(s, pe);
	sdei_leave(s);
	AM_TRACE(sdei_reset, pe->id, (unsigned long long)abandoned);
	sdei_report(pe, abandoned, AM_SDEI_ABANDONED);
}

/* ---- Delivery ---- */

/* What made the event pending is used up. False: the interrupt is not pending any more. */
static bool take(struct sdei_pe *pe, unsigned slot)
{
	struct sdei *s = pe->s;
	struct sdei_bank *b = sdei_bank(pe, slot);

	if (!am_bit(b->diverted, slot)) {
		b->pending &= ~AM_BIT(slot);
		return true;
	}
	/* First, so that what becomes pending from here on sets it again. */
	atomic_fetch_and(&b->irq, ~AM_BIT(slot));
	return s->ops->irq_acknowledge(s->opaque, sdei_irq_vcpu(pe, slot), sdei_intid(s, slot));
}

static void enter_handler(struct sdei_pe *pe, unsigned slot, struct sdei_frame *f)
{
	const struct sdei_handler *h = &sdei_bank(pe, slot)->handler[slot];
	struct sdei_context *c = &pe->context[sdei_slot_context(slot)];

	memcpy(c->x, f->x, sizeof(c->x));
	c->pc = f->pc;
	c->pstate = f->pstate;
	/* x4-x17 are unknown to the handler; nothing of the interrupted program is left in them. */
	memset(f->x, 0, sizeof(f->x));
	f->x[0] = sdei_slot_event(slot);
	f->x[1] = h->argument;
	f->x[2] = c->pc;
	f->x[3] = c->pstate;
	f->pc = h->entry;
	f->pstate = f->el1_pstate;
	AM_TRACE(sdei_deliver, pe->id, (unsigned)f->x[0], (unsigned long long)c->pc,
		 (unsigned long long)c->pstate, (unsigned long long)f->pc);
}

bool sdei_deliver(struct sdei_pe *pe, struct sdei_frame *f)
{
	struct sdei *s = pe->s;
	uint64_t set;
	bool entered = false;

	sdei_enter(s);
	for (set = deliverable(pe); set && !entered;) {
		unsigned slot = sdei_lowest(set & SDEI_CRITICAL ? set & SDEI_CRITICAL : set);

		set &= ~AM_BIT(slot);
		if (!take(pe, slot))
			continue;
		enter_handler(pe, slot, f);
		sdei_do(pe, SDEI_DISPATCH, slot);
		entered = true;
	}
	sdei_settle(s, pe);
	sdei_leave(s);
	return entered;
}

/* ---- Raising ---- */

int sdei_make_pending(struct sdei_pe *pe, unsigned slot)
{
	struct sdei *s = pe->s;
	struct sdei_bank *b = sdei_bank(pe, slot);
	int err = am_bit(b->registered, slot) ? 0 : -EAGAIN;

	AM_TRACE(sdei_raise, sdei_slot_shared(slot) ? -1 : (int)pe->id, sdei_slot_event(slot), err);
	if (err)
		return err;
	b->pending |= AM_BIT(slot);
	if (sdei_slot_shared(slot))
		sdei_settle(s, NULL);
	else if (am_bit(deliverable(pe), slot))
		tell(pe);
	return 0;
}

/* The PE that handles a private event soonest. */
static struct sdei_pe *best(struct sdei *s, unsigned slot)
{
	struct sdei_pe *found = NULL;

	for (struct sdei_pe *pe = s->first; pe; pe = pe->next) {
		if (!am_bit(pe->own.registered, slot))
			continue;
		if (am_bit(pe->own.enabled & welcome(pe), slot))
			return pe;
		if (!found)
			found = pe;
	}
	return found ? found : s->first;
}

static int raise_at(struct sdei *s, int slot, uint64_t target)
{
	struct sdei_pe *pe;

	if (slot < 0 || am_bit(SDEI_BINDABLE, (unsigned)slot))
		return -EINVAL;
	if (sdei_slot_shared((unsigned)slot)) {
		if (target != AM_SDEI_ANY)
			return -EINVAL;
		pe = s->first;
	} else {
		pe = target == AM_SDEI_ANY ? best(s, (unsigned)slot) : sdei_find(s, target);
	}
	return pe ? sdei_make_pending(pe, (unsigned)slot) : -ENXIO;
}

int sdei_raise(struct sdei *s, uint32_t event, uint64_t target)
{
	int err = -ENODEV;

	sdei_enter(s);
	if (sdei_enabled(s))
		err = raise_at(s, sdei_event_slot(event), target);
	sdei_leave(s);
	return err;
}
