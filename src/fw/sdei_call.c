/* SPDX-License-Identifier: MIT */
/*
 * The guest's calls (DEN0054 5.1). Each checks its arguments, the table of states decides the rest.
 * The choices that the specification or its implementations leave open are said where they are
 * made.
 */
#include <errno.h>
#include <string.h>

#include "base/trace.h"
#include "fw/sdei_impl.h"

#define FIRST_FUNCTION 0xc4000020u

/* 1.1, and no vendor of a vendor-defined part. */
#define VERSION ((int64_t)1 << 48 | (int64_t)1 << 32)

#define ROUTE_PE      UINT64_C(1) /* EVENT_REGISTER's flags bit 0, EVENT_ROUTING_SET's mode */
#define AFFINITY      UINT64_C(0xff00ffffff)
#define FIRST_PPI     16
#define FIRST_SPI     32
#define END_OF_SPIS   1020
#define PRIVATE_BINDS (SDEI_SLOT_BOUND_SHARED - SDEI_SLOT_BOUND_PRIVATE)
#define SHARED_BINDS  (SDEI_NR_SLOTS - SDEI_SLOT_BOUND_SHARED)

enum { INFO_TYPE, INFO_SIGNALED, INFO_PRIORITY, INFO_ROUTING_MODE, INFO_ROUTING_AFFINITY };
enum { FEATURE_BIND_SLOTS, FEATURE_RELATIVE_MODE };
enum { STATUS_REGISTERED = 1, STATUS_ENABLED = 2, STATUS_RUNNING = 4 };

/* x0, and x1.. in *x. */
typedef int64_t call_fn(struct sdei_pe *pe, const uint64_t *x);

/* ---- Events ---- */

static int64_t version(struct sdei_pe *pe, const uint64_t *x)
{
	return VERSION;
}

/* A vCPU that does not exist, and bits that no affinity has. */
static bool no_such_pe(struct sdei *s, uint64_t affinity)
{
	return (affinity & ~AFFINITY) || !sdei_find(s, affinity);
}

static uint64_t route(uint64_t mode, uint64_t affinity)
{
	return mode == ROUTE_PE ? AM_SDEI_ROUTE_PE | affinity : 0;
}

static bool interrupt_active(struct sdei_pe *pe, unsigned slot)
{
	struct sdei *s = pe->s;

	return s->ops->irq_active(s->opaque, sdei_irq_vcpu(pe, slot), sdei_intid(s, slot));
}

/*
 * What was pending before is not for this handler; after it is, even before ENABLE. A level that is
 * still high makes it pending again.
 */
static void discard_interrupt(struct sdei_pe *pe, unsigned slot)
{
	struct sdei *s = pe->s;
	void *vcpu = sdei_irq_vcpu(pe, slot);

	if (s->ops->irq_acknowledge(s->opaque, vcpu, sdei_intid(s, slot)))
		s->ops->irq_end(s->opaque, vcpu, sdei_intid(s, slot));
	atomic_fetch_and(&sdei_bank(pe, slot)->irq, ~AM_BIT(slot));
	sdei_poll(pe, slot);
}

static int64_t event_register(struct sdei_pe *pe, const uint64_t *x)
{
	int slot = sdei_event_slot(x[1]);
	bool bindable = slot >= 0 && am_bit(SDEI_BINDABLE, (unsigned)slot);
	int answer;

	/* An entry must be an instruction's address. Relative mode (flags bit 1) is not offered. */
	if (slot < 0 || !x[2] || (x[2] & 3) || (x[4] & ~ROUTE_PE))
		return SDEI_INVALID;
	/* A private event's routing is not looked at. */
	bool shared = sdei_slot_shared((unsigned)slot);

	if (shared && x[4] == ROUTE_PE && no_such_pe(pe->s, x[5]))
		return SDEI_INVALID;
	if (bindable &&
	    (!sdei_intid(pe->s, (unsigned)slot) || interrupt_active(pe, (unsigned)slot)))
		return SDEI_DENIED;
	answer = sdei_do(pe, SDEI_REGISTER, (unsigned)slot);
	if (answer)
		return answer;
	sdei_bank(pe, (unsigned)slot)->handler[slot] = (struct sdei_handler){
	    .entry = x[2], .argument = x[3], .route = shared ? route(x[4], x[5]) : 0};
	if (bindable)
		discard_interrupt(pe, (unsigned)slot);
	return SDEI_SUCCESS;
}

static int64_t by_table(struct sdei_pe *pe, enum sdei_action action, uint64_t event)
{
	int slot = sdei_event_slot(event);

	return slot < 0 ? SDEI_INVALID : sdei_do(pe, action, (unsigned)slot);
}

static int64_t event_enable(struct sdei_pe *pe, const uint64_t *x)
{
	return by_table(pe, SDEI_ENABLE, x[1]);
}

static int64_t event_disable(struct sdei_pe *pe, const uint64_t *x)
{
	return by_table(pe, SDEI_DISABLE, x[1]);
}

static int64_t event_unregister(struct sdei_pe *pe, const uint64_t *x)
{
	return by_table(pe, SDEI_UNREGISTER, x[1]);
}

/* Of the innermost event that this PE runs, whichever that is. */
static int64_t event_context(struct sdei_pe *pe, const uint64_t *x)
{
	int slot = sdei_innermost(pe);

	if (x[1] >= AM_ARRAY_SIZE(pe->context[0].x))
		return SDEI_INVALID;
	if (slot < 0 || sdei_do(pe, SDEI_CONTEXT, (unsigned)slot))
		return SDEI_DENIED;
	return (int64_t)pe->context[sdei_slot_context((unsigned)slot)].x[x[1]];
}

static int64_t event_status(struct sdei_pe *pe, const uint64_t *x)
{
	int slot = sdei_event_slot(x[1]);

	if (slot < 0)
		return SDEI_INVALID;
	unsigned state = sdei_state(pe, (unsigned)slot);

	return (state & SDEI_G ? STATUS_REGISTERED : 0) | (state & SDEI_E ? STATUS_ENABLED : 0) |
	       (state & SDEI_R ? STATUS_RUNNING : 0);
}

static int64_t routing_info(struct sdei_pe *pe, unsigned slot, uint64_t info)
{
	uint64_t to = pe->s->shared.handler[slot].route;

	if (!sdei_slot_shared(slot))
		return SDEI_INVALID;
	if (!(sdei_state(pe, slot) & SDEI_G))
		return SDEI_DENIED;
	if (info == INFO_ROUTING_MODE)
		return to ? (int64_t)ROUTE_PE : 0;
	return to ? (int64_t)(to & ~AM_SDEI_ROUTE_PE) : SDEI_INVALID;
}

static int64_t event_get_info(struct sdei_pe *pe, const uint64_t *x)
{
	int slot = sdei_event_slot(x[1]);

	if (slot < 0)
		return SDEI_INVALID;
	switch (x[2]) {
	case INFO_TYPE:
		return sdei_slot_shared((unsigned)slot);
	case INFO_SIGNALED:
		/* "Can be signalled by software"; TF-A has it the other way round. */
		return slot == SDEI_SLOT_SOFTWARE;
	case INFO_PRIORITY:
		return am_bit(SDEI_CRITICAL, (unsigned)slot);
	case INFO_ROUTING_MODE:
	case INFO_ROUTING_AFFINITY:
		return routing_info(pe, (unsigned)slot, x[2]);
	default:
		return SDEI_INVALID;
	}
}

static int64_t event_routing_set(struct sdei_pe *pe, const uint64_t *x)
{
	int slot = sdei_event_slot(x[1]);
	int answer;

	if (slot < 0 || !sdei_slot_shared((unsigned)slot) || x[2] > ROUTE_PE)
		return SDEI_INVALID;
	if (x[2] == ROUTE_PE && no_such_pe(pe->s, x[3]))
		return SDEI_INVALID;
	answer = sdei_do(pe, SDEI_ROUTE, (unsigned)slot);
	if (!answer)
		pe->s->shared.handler[slot].route = route(x[2], x[3]);
	return answer;
}

static int64_t event_signal(struct sdei_pe *pe, const uint64_t *x)
{
	if (x[1] != AM_SDEI_EVENT_SOFTWARE || no_such_pe(pe->s, x[2]))
		return SDEI_INVALID;
	/* Where nobody registered it, it is lost: the caller is not told. */
	sdei_make_pending(sdei_find(pe->s, x[2]), SDEI_SLOT_SOFTWARE);
	return SDEI_SUCCESS;
}

/* ---- The PE ---- */

static int64_t pe_mask(struct sdei_pe *pe, const uint64_t *x)
{
	bool was_masked = pe->masked;

	pe->masked = true;
	AM_TRACE(sdei_mask, pe->id, 1u);
	return was_masked ? 0 : 1;
}

static int64_t pe_unmask(struct sdei_pe *pe, const uint64_t *x)
{
	pe->masked = false;
	AM_TRACE(sdei_mask, pe->id, 0u);
	return SDEI_SUCCESS;
}

/* ---- Binding ---- */

/*
 * A PPI's event is each PE's own, but its number is the same on all: binding on one binds on all,
 * and the interrupt leaves the interrupt controller's hands where it is registered.
 */
static int64_t interrupt_bind(struct sdei_pe *pe, const uint64_t *x)
{
	struct sdei *s = pe->s;
	bool ppi = x[1] < FIRST_SPI;
	unsigned first = ppi ? SDEI_SLOT_BOUND_PRIVATE : SDEI_SLOT_BOUND_SHARED;
	unsigned end = ppi ? SDEI_SLOT_BOUND_SHARED : SDEI_NR_SLOTS;
	int free_slot = -1;
	int err = -EINVAL;

	if (x[1] >= FIRST_PPI && x[1] < END_OF_SPIS && s->ops->irq_usable)
		err = s->ops->irq_usable(s->opaque, (unsigned)x[1]);
	if (err)
		return err == -EPERM ? SDEI_DENIED : SDEI_INVALID;
	for (unsigned slot = end; slot-- > first;) {
		if (sdei_intid(s, slot) == x[1])
			return sdei_slot_event(slot);
		if (!sdei_intid(s, slot))
			free_slot = (int)slot;
	}
	if (free_slot < 0)
		return SDEI_OUT_OF_RESOURCE;
	atomic_store(&s->intid[free_slot], (uint32_t)x[1]);
	return sdei_slot_event((unsigned)free_slot);
}

static int64_t release(struct sdei_pe *pe, unsigned slot)
{
	struct sdei *s = pe->s;
	struct sdei_pe *first = sdei_slot_shared(slot) ? pe : s->first;

	for (struct sdei_pe *p = first; p; p = sdei_slot_shared(slot) ? NULL : p->next) {
		if (sdei_do(p, SDEI_RELEASE, slot) || interrupt_active(p, slot))
			return SDEI_DENIED;
	}
	atomic_store(&s->intid[slot], 0);
	return SDEI_SUCCESS;
}

static int64_t interrupt_release(struct sdei_pe *pe, const uint64_t *x)
{
	int slot = sdei_event_slot(x[1]);

	if (slot < 0 || !am_bit(SDEI_BINDABLE, (unsigned)slot) ||
	    !sdei_intid(pe->s, (unsigned)slot))
		return SDEI_INVALID;
	return release(pe, (unsigned)slot);
}

/* ---- The rest ---- */

static int64_t features(struct sdei_pe *pe, const uint64_t *x)
{
	switch (x[1]) {
	case FEATURE_BIND_SLOTS:
		if (!pe->s->ops->irq_usable)
			return 0;
		return SHARED_BINDS << 16 | PRIVATE_BINDS;
	case FEATURE_RELATIVE_MODE:
		return 0;
	default:
		return SDEI_INVALID;
	}
}

/* Everything goes that can go; DENIED says that a handler was in the way. */
static int64_t unregister_all(struct sdei_pe *pe, uint64_t slots)
{
	int64_t answer = SDEI_SUCCESS;

	for (; slots; slots &= slots - 1) {
		unsigned slot = sdei_lowest(slots);

		if (sdei_state(pe, slot) & SDEI_R)
			answer = SDEI_DENIED;
		sdei_do(pe, SDEI_UNREGISTER, slot);
	}
	return answer;
}

static int64_t private_reset(struct sdei_pe *pe, const uint64_t *x)
{
	return unregister_all(pe, SDEI_ALL & ~SDEI_SHARED);
}

/* Bindings go as well, unless an event is in use: of a private one, by any PE. */
static int64_t shared_reset(struct sdei_pe *pe, const uint64_t *x)
{
	int64_t answer = unregister_all(pe, SDEI_SHARED);

	for (unsigned slot = SDEI_SLOT_BOUND_PRIVATE; slot < SDEI_NR_SLOTS; slot++) {
		if (sdei_intid(pe->s, slot) && release(pe, slot))
			answer = SDEI_DENIED;
	}
	return answer;
}

enum { COMPLETE = 5, COMPLETE_AND_RESUME = 6 };

static call_fn *const calls[] = {
    version,	    event_register,    event_enable,
    event_disable,  event_context,     NULL,
    NULL,	    event_unregister,  event_status,
    event_get_info, event_routing_set, pe_mask,
    pe_unmask,	    interrupt_bind,    interrupt_release,
    event_signal,   features,	       private_reset,
    shared_reset,
};

/* ---- Completion ---- */

/* Back to what the innermost event interrupted. -1: nothing runs, or no place to resume at. */
static int complete(struct sdei_pe *pe, struct sdei_frame *f, bool resume)
{
	uint64_t to = f->x[1];
	int slot = sdei_innermost(pe);

	if (slot < 0 || (resume && (to & 3)))
		return -1;
	const struct sdei_context *c = &pe->context[sdei_slot_context((unsigned)slot)];

	memcpy(f->x, c->x, sizeof(f->x));
	if (resume) {
		/* As if the interrupted program had taken an exception whose handler is at @to. */
		f->elr_el1 = c->pc;
		f->spsr_el1 = c->pstate;
		f->pc = to;
		f->pstate = f->el1_pstate;
	} else {
		f->pc = c->pc;
		f->pstate = c->pstate;
	}
	sdei_end(pe, (unsigned)slot);
	return slot;
}

static enum sdei_result complete_call(struct sdei_pe *pe, struct sdei_frame *f, bool resume)
{
	enum am_sdei_status status = resume || f->x[1] == 0 ? AM_SDEI_HANDLED : AM_SDEI_FAILED;
	int slot;

	sdei_enter(pe->s);
	slot = complete(pe, f, resume);
	if (slot >= 0)
		sdei_settle(pe->s, pe);
	sdei_leave(pe->s);
	if (slot < 0) {
		f->x[0] = (uint64_t)(int64_t)SDEI_DENIED;
		return SDEI_RETURN;
	}
	AM_TRACE(sdei_complete, pe->id, sdei_slot_event((unsigned)slot), (unsigned)status,
		 (unsigned long long)f->pc, (unsigned long long)f->pstate);
	sdei_report(pe, AM_BIT(slot), status);
	return resume ? SDEI_RESUME : SDEI_REPLACE;
}

enum sdei_result sdei_call(struct sdei_pe *pe, struct sdei_frame *f)
{
	unsigned n = (uint32_t)f->x[0] - FIRST_FUNCTION;
	int64_t answer = SDEI_NOT_SUPPORTED;

	if (sdei_enabled(pe->s) && (n == COMPLETE || n == COMPLETE_AND_RESUME))
		return complete_call(pe, f, n == COMPLETE_AND_RESUME);
	if (sdei_enabled(pe->s) && n < AM_ARRAY_SIZE(calls)) {
		sdei_enter(pe->s);
		answer = calls[n](pe, f->x);
		sdei_settle(pe->s, pe);
		sdei_leave(pe->s);
	}
	AM_TRACE(sdei_call, pe->id, n, (unsigned long long)f->x[1], (unsigned long long)f->x[2],
		 (unsigned long long)f->x[3], (long long)answer);
	f->x[0] = (uint64_t)answer;
	return SDEI_RETURN;
}
