/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the SDEI dispatcher share: sdei_state.c (the slots and the table of states),
 * sdei.c (which PE gets what, and when), sdei_call.c (the guest's calls), sdei_regs.c (user space).
 *
 * A slot is an event that exists. Sets of slots are words, bit n is slot n, and slots are sorted by
 * event number, so that the lowest bit is the event to be delivered first (of one priority).
 */
#ifndef AM_FW_SDEI_IMPL_H
#define AM_FW_SDEI_IMPL_H

#include <stdatomic.h>

#include "base/bits.h"
#include "base/lock.h"
#include "fw/sdei.h"

/* ---- Slots ---- */

enum {
	SDEI_SLOT_SOFTWARE,
	SDEI_SLOT_PRIVATE,
	SDEI_SLOT_PRIVATE_CRITICAL,
	SDEI_SLOT_SHARED,
	SDEI_SLOT_SHARED_CRITICAL,
	SDEI_SLOT_BOUND_PRIVATE,
	SDEI_SLOT_BOUND_SHARED = SDEI_SLOT_BOUND_PRIVATE + 4,
	SDEI_NR_SLOTS = SDEI_SLOT_BOUND_SHARED + 12,
	SDEI_KICKS = 16, /* that wait for the lock to be free; more are made while it is held */
};

_Static_assert(SDEI_NR_SLOTS <= 64, "AM_SDEI_EVENTS is one word");

#define SDEI_ALL      AM_MASK(SDEI_NR_SLOTS - 1, 0)
#define SDEI_CRITICAL (AM_BIT(SDEI_SLOT_PRIVATE_CRITICAL) | AM_BIT(SDEI_SLOT_SHARED_CRITICAL))
#define SDEI_BINDABLE AM_MASK(SDEI_NR_SLOTS - 1, SDEI_SLOT_BOUND_PRIVATE)
#define SDEI_SHARED                                                     \
	(AM_BIT(SDEI_SLOT_SHARED) | AM_BIT(SDEI_SLOT_SHARED_CRITICAL) | \
	 AM_MASK(SDEI_NR_SLOTS - 1, SDEI_SLOT_BOUND_SHARED))

uint32_t sdei_slot_event(unsigned slot);
/* The slot of an event, or -1. */
int sdei_event_slot(uint64_t event);

/* ---- States and actions (sdei_state.c) ---- */

/* Bits of a state. */
enum { SDEI_G = 1 /* registered */, SDEI_E = 2 /* enabled */, SDEI_R = 4 /* running */ };

enum sdei_action {
	SDEI_REGISTER,
	SDEI_ENABLE,
	SDEI_DISABLE,
	SDEI_UNREGISTER,
	SDEI_ROUTE,
	SDEI_CONTEXT,
	SDEI_COMPLETE,
	SDEI_RELEASE,
	SDEI_DISPATCH,
	SDEI_NR_ACTIONS,
};

enum { /* answers, x0 */
       SDEI_SUCCESS = 0,
       SDEI_NOT_SUPPORTED = -1,
       SDEI_INVALID = -2,
       SDEI_DENIED = -3,
       SDEI_PENDING = -5,
       SDEI_OUT_OF_RESOURCE = -10,
};

struct sdei_cell {
	int8_t answer;
	uint8_t next;
};

extern const struct sdei_cell sdei_table[SDEI_NR_ACTIONS][8];

/* ---- Objects; all under sdei.lock unless said otherwise ---- */

struct sdei_handler {
	uint64_t entry, argument;
	uint64_t route; /* 0, or AM_SDEI_ROUTE_PE | affinity; of shared events */
};

/* The states of a PE's private events, or of the VM's shared ones. */
struct sdei_bank {
	uint64_t registered, enabled;
	uint64_t pending;  /* raised by software; only what is registered */
	uint64_t diverted; /* bound interrupts that the interrupt controller gives to us */
	/* Those that may be pending, and perhaps others; any thread sets bits. */
	_Atomic uint64_t irq;
	struct sdei_handler handler[SDEI_NR_SLOTS];
};

struct sdei_context {
	uint64_t x[18], pc, pstate;
};

enum { SDEI_NORMAL_CONTEXT, SDEI_CRITICAL_CONTEXT, SDEI_NR_CONTEXTS };

struct sdei_pe {
	struct sdei *s;
	void *vcpu;
	unsigned id;
	uint64_t affinity;
	struct sdei_pe *next;
	/*
	 * Something may be deliverable; set whenever something is, for one PE that may take it.
	 * Read by any thread, cleared by the PE's own.
	 */
	atomic_bool due;
	bool masked;
	uint64_t running; /* here: private and shared */
	struct sdei_bank own;
	struct sdei_context context[SDEI_NR_CONTEXTS];
};

struct sdei {
	const struct sdei_ops *ops;
	void *opaque;
	struct am_lock lock;
	atomic_bool enabled; /* the gate */
	atomic_bool unchecked;
	void *kicks[SDEI_KICKS]; /* vCPUs to kick when the lock is free; [lock] */
	unsigned nr_kicks;
	atomic_uint look; /* shared.irq has new bits, whoever has the lock looks at them */
	struct sdei_pe *first;
	struct sdei_bank shared;
	uint64_t running;		       /* shared events, on whichever PE */
	_Atomic uint32_t intid[SDEI_NR_SLOTS]; /* bound to it; 0: none. Read by any thread */
};

static inline bool sdei_slot_shared(unsigned slot)
{
	return am_bit(SDEI_SHARED, slot);
}

static inline struct sdei_bank *sdei_bank(struct sdei_pe *pe, unsigned slot)
{
	return sdei_slot_shared(slot) ? &pe->s->shared : &pe->own;
}

static inline unsigned sdei_slot_context(unsigned slot)
{
	return am_bit(SDEI_CRITICAL, slot) ? SDEI_CRITICAL_CONTEXT : SDEI_NORMAL_CONTEXT;
}

static inline unsigned sdei_lowest(uint64_t set)
{
	return (unsigned)__builtin_ctzll(set);
}

/* ---- sdei.c ---- */

void sdei_enter(struct sdei *s);
/* Release the lock; what interrupts left to do meanwhile is done first. */
void sdei_leave(struct sdei *s);

struct sdei_pe *sdei_find(struct sdei *s, uint64_t affinity);

/* The SDEI_* bits of a slot's event; of a private one on @pe. */
unsigned sdei_state(struct sdei_pe *pe, unsigned slot);
/*
 * Do what the table says: its answer, after the change of state. Losing a registration drops the
 * handler, what is pending, and the interrupt.
 */
int sdei_do(struct sdei_pe *pe, enum sdei_action action, unsigned slot);

/*
 * After any change: @pe (NULL: none) knows whether it is due, and each shared event that can be
 * delivered has a PE that is due.
 */
void sdei_settle(struct sdei *s, struct sdei_pe *pe);

/* Make a software event pending. -EAGAIN: not registered. */
int sdei_make_pending(struct sdei_pe *pe, unsigned slot);

/* Interrupts that must be diverted are, others are not. 0, or an error of irq_divert. */
int sdei_divert(struct sdei *s, struct sdei_pe *pe);
uint32_t sdei_intid(const struct sdei *s, unsigned slot);
/* Whom interrupt functions are asked for: a PPI's vCPU, or NULL. */
void *sdei_irq_vcpu(struct sdei_pe *pe, unsigned slot);
/* Ask whether the bound interrupt of a diverted slot is pending. */
void sdei_poll(struct sdei_pe *pe, unsigned slot);

/* The handler on @pe is left: the event is not running any more. */
void sdei_end(struct sdei_pe *pe, unsigned slot);
/* What runs innermost on this PE, or -1. */
int sdei_innermost(const struct sdei_pe *pe);

/* What the guest did to a PE by resetting it; returns the events that were abandoned. */
uint64_t sdei_forget_pe(struct sdei_pe *pe);
void sdei_report(struct sdei_pe *pe, uint64_t slots, enum am_sdei_status status);

#endif
