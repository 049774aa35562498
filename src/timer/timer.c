/* SPDX-License-Identifier: MIT */
/* The generic timer's registers and outputs (timer.h). */
#include "timer/timer.h"

#include <time.h>

#include "base/bits.h"
#include "base/trace.h"

/* CNTx_CTL_EL0 (DDI 0487 D17.11.17). */
enum { CTL_ENABLE = 1, CTL_IMASK = 2, CTL_ISTATUS = 4 };

uint64_t timer_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * TIMER_HZ + (uint64_t)ts.tv_nsec;
}

void timer_init(struct timer *t, struct timer_offsets *vm, unsigned vcpu,
		void (*line)(void *opaque, enum timer_which which, bool level), void *opaque)
{
	*t = (struct timer){.vm = vm, .vcpu = vcpu, .line = line, .opaque = opaque};
	t->next = TIMER_NEVER;
}

static uint64_t count(const struct timer *t, enum timer_which which, uint64_t now)
{
	return now - atomic_load_explicit(&t->vm->offset[which], memory_order_relaxed);
}

static void set_level(struct timer *t, enum timer_which which, bool level)
{
	if (t->t[which].level == level)
		return;
	t->t[which].level = level;
	AM_TRACE(timer_fire, t->vcpu, which, level);
	t->line(t->opaque, which, level);
}

void timer_update(struct timer *t, uint64_t now)
{
	t->seen = atomic_load_explicit(&t->vm->changes, memory_order_acquire);
	t->next = TIMER_NEVER;
	for (unsigned w = 0; w < TIMER_COUNT; w++) {
		uint64_t cnt = count(t, w, now), cval = t->t[w].cval;
		bool on = (t->t[w].ctl & (CTL_ENABLE | CTL_IMASK)) == CTL_ENABLE;

		set_level(t, w, on && cnt >= cval);
		if (on && cnt < cval && cval - cnt < TIMER_NEVER - now &&
		    now + (cval - cnt) < t->next)
			t->next = now + (cval - cnt);
	}
}

void timer_reset(struct timer *t)
{
	for (unsigned w = 0; w < TIMER_COUNT; w++) {
		t->t[w].ctl = t->t[w].cval = 0;
		set_level(t, w, false);
	}
	t->next = TIMER_NEVER;
}

void timer_set_count(struct timer_offsets *vm, enum timer_which which, uint64_t value, uint64_t now)
{
	atomic_store_explicit(&vm->offset[which], now - value, memory_order_relaxed);
	atomic_fetch_add_explicit(&vm->changes, 1, memory_order_release);
}

uint64_t timer_read(struct timer *t, enum timer_which which, enum timer_reg reg, uint64_t now)
{
	uint64_t cnt = count(t, which, now);

	switch (reg) {
	case TIMER_CTL:
		/* ISTATUS is UNKNOWN while disabled; KVM shows the comparison then too. */
		return t->t[which].ctl | (cnt >= t->t[which].cval ? CTL_ISTATUS : 0);
	case TIMER_CVAL:
		return t->t[which].cval;
	case TIMER_TVAL:
		return (uint32_t)(t->t[which].cval - cnt);
	default:
		return cnt;
	}
}

void timer_write(struct timer *t, enum timer_which which, enum timer_reg reg, uint64_t value,
		 uint64_t now)
{
	switch (reg) {
	case TIMER_CTL:
		t->t[which].ctl = value & (CTL_ENABLE | CTL_IMASK);
		break;
	case TIMER_CVAL:
		t->t[which].cval = value;
		break;
	case TIMER_TVAL:
		t->t[which].cval = count(t, which, now) + (uint64_t)am_sext(value, 32);
		break;
	default:
		return;
	}
	timer_update(t, now);
}
