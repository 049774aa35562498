/* SPDX-License-Identifier: MIT */
/*
 * The generic timer of a vCPU (DDI 0487 D11): the EL1 virtual and physical timers.
 *
 * Both counters tick once per nanosecond (CNTFRQ_EL0 reads 1 GHz, as Armv8.6 asks for) and are
 * the host's CLOCK_MONOTONIC minus an offset that all vCPUs of a VM share. A timer only holds
 * numbers; whoever owns it says what time it is and asks for the next deadline.
 */
#ifndef AM_TIMER_TIMER_H
#define AM_TIMER_TIMER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define TIMER_HZ    UINT64_C(1000000000)
#define TIMER_NEVER UINT64_MAX

enum timer_which { TIMER_VIRTUAL, TIMER_PHYSICAL, TIMER_COUNT };

enum timer_reg { TIMER_CTL, TIMER_CVAL, TIMER_TVAL, TIMER_CNT };

/* Of a VM. */
struct timer_offsets {
	_Atomic uint64_t offset[TIMER_COUNT];
	atomic_uint changes; /* counts them */
};

struct timer {
	struct timer_offsets *vm;
	unsigned vcpu; /* for traces */
	struct {
		uint64_t ctl, cval;
		bool level;
	} t[TIMER_COUNT];
	uint64_t next; /* when an output rises, host time; TIMER_NEVER */
	unsigned seen; /* vm->changes that `next` is computed for */
	/* An output has changed; on the thread that made it change. */
	void (*line)(void *opaque, enum timer_which which, bool level);
	void *opaque;
};

/* Host time, ns. */
uint64_t timer_now(void);

void timer_init(struct timer *t, struct timer_offsets *vm, unsigned vcpu,
		void (*line)(void *opaque, enum timer_which which, bool level), void *opaque);
/* Disabled, outputs low. */
void timer_reset(struct timer *t);

/* Make the counter of all vCPUs read @value at @now. */
void timer_set_count(struct timer_offsets *vm, enum timer_which which, uint64_t value,
		     uint64_t now);

uint64_t timer_read(struct timer *t, enum timer_which which, enum timer_reg reg, uint64_t now);
/* CNT cannot be written by a guest: ignored here. */
void timer_write(struct timer *t, enum timer_which which, enum timer_reg reg, uint64_t value,
		 uint64_t now);

/* Work out again what depends on the time or an offset. */
void timer_update(struct timer *t, uint64_t now);

/* Call often: raises outputs whose time has come. */
static inline void timer_tick(struct timer *t, uint64_t now)
{
	if (now >= t->next ||
	    atomic_load_explicit(&t->vm->changes, memory_order_acquire) != t->seen)
		timer_update(t, now);
}

static inline bool timer_level(const struct timer *t, enum timer_which which)
{
	return t->t[which].level;
}

#endif
