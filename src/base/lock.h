/* SPDX-License-Identifier: MIT */
/*
 * A small lock for short critical sections. It needs only C11 atomics, so the interrupt controller
 * can use it where there are no threads library and no libc. A waiter gives its time slice away
 * after a short spin: there may be more vCPU threads than host CPUs, and the holder may be one
 * that is not running.
 */
#ifndef AM_BASE_LOCK_H
#define AM_BASE_LOCK_H

#include <stdatomic.h>
#include <stdbool.h>

#if __STDC_HOSTED__
#include <sched.h>
#endif

struct am_lock {
	atomic_bool held;
};

#define AM_LOCK_INIT  \
	{             \
		false \
	}

static inline void am_lock_init(struct am_lock *l)
{
	atomic_init(&l->held, false);
}

static inline void am_cpu_relax(unsigned spins)
{
#if __STDC_HOSTED__
	if ((spins & 63) == 63) {
		sched_yield();
		return;
	}
#else
	(void)spins;
#endif
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

static inline void am_lock(struct am_lock *l)
{
	unsigned spins = 0;

	while (atomic_exchange_explicit(&l->held, true, memory_order_acquire)) {
		while (atomic_load_explicit(&l->held, memory_order_relaxed))
			am_cpu_relax(spins++);
	}
}

static inline bool am_trylock(struct am_lock *l)
{
	return !atomic_exchange_explicit(&l->held, true, memory_order_acquire);
}

static inline void am_unlock(struct am_lock *l)
{
	atomic_store_explicit(&l->held, false, memory_order_release);
}

/* True while somebody holds the lock: for asserting one's own "must hold" rules. */
static inline bool am_lock_is_held(struct am_lock *l)
{
	return atomic_load_explicit(&l->held, memory_order_relaxed);
}

#endif
