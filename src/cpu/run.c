/* SPDX-License-Identifier: MIT */
/* The engine's loop: enter code, serve what wants attention, leave. */
#include <errno.h>

#include "cpu/cluster.h"
#include "cpu/code.h"
#include "cpu/debug.h"
#include "cpu/fp/fp.h"
#include "cpu/run.h"
#include "cpu/sysreg.h"
#include "cpu/tlb.h"

void cpu_kick(struct cpu *c)
{
	atomic_store_explicit(&c->attention, 1, memory_order_release);
}

void cpu_set_irq(struct cpu *c, bool irq, bool fiq)
{
	atomic_store_explicit(&c->irq_line, irq, memory_order_release);
	atomic_store_explicit(&c->fiq_line, fiq, memory_order_release);
	if (irq || fiq)
		cpu_kick(c);
}

/* SError before IRQ before FIQ is as good as any order (DDI 0487 D1.13.4). */
static void take_interrupt(struct cpu *c)
{
	if (atomic_load_explicit(&c->serror_pending, memory_order_acquire) && !(c->daif & 4)) {
		atomic_store(&c->serror_pending, false);
		cpu_take_exception(c, VEC_SERROR, c->pc, ESR(EC_SERROR, c->serror_iss));
	} else if (atomic_load_explicit(&c->irq_line, memory_order_acquire) && !(c->daif & 2)) {
		cpu_take_exception(c, VEC_IRQ, c->pc, 0);
	} else {
		cpu_take_exception(c, VEC_FIQ, c->pc, 0);
	}
}

/* Everything that waited for an instruction boundary; c->pc is it. False: leave cpu_run(). */
static bool attend(struct cpu *c)
{
	atomic_exchange_explicit(&c->attention, 0, memory_order_acquire);
	cpu_serve_requests(c);
	if (c->code_stale) {
		c->code_stale = false;
		cpu_code_flush(c);
	}
	c->budget = CPU_SLICE;
	if (c->ops->tick(c->opaque)) {
		c->exit = CPU_EXIT_ATTENTION;
		return false;
	}
	return true;
}

/* The fetch at c->pc failed. */
static void fetch_abort(struct cpu *c, const struct cpu_xlat *x)
{
	c->sr[SR_FAR_EL1] = cpu_fault_address(x, c->pc);
	cpu_take_exception(c, VEC_SYNC, c->pc, ESR(c->el ? EC_IABT_SAME : EC_IABT_LOW, x->fsc));
}

/* True: go on with *code. False: at c->pc, or *code is NULL and the run ends. */
static bool debug_fetched(struct cpu *c, struct cpu_code **code)
{
	switch (cpu_debug_fetched(c)) {
	case CPU_DEBUG_NOTHING:
		*code = cpu_debug_single(c, *code);
		return true;
	case CPU_DEBUG_LEAVE:
		*code = NULL;
		return false;
	default:
		return false;
	}
}

/*
 * A loop, not recursion: a guest whose vectors cannot be fetched takes exceptions for ever, and
 * must stay interruptible.
 */
const struct cpu_insn *cpu_enter(struct cpu *c, uint64_t pc)
{
	struct cpu_xlat x;
	struct cpu_code *code;

	c->pc = pc;
	for (;;) {
		if (--c->budget < 0 || atomic_load_explicit(&c->attention, memory_order_relaxed)) {
			if (!attend(c))
				return c->next = NULL;
		}
		if (am_unlikely(c->step_ran))
			cpu_debug_stepped(c);
		if (am_unlikely(cpu_irq_deliverable(c)))
			take_interrupt(c);
		if (am_unlikely(c->debug)) {
			enum cpu_debug_result r = cpu_debug_boundary(c);

			if (r == CPU_DEBUG_LEAVE)
				return NULL;
			if (r == CPU_DEBUG_TAKEN)
				continue;
		}
		if (am_unlikely(c->il)) {
			cpu_take_exception(c, VEC_SYNC, c->pc, ESR(EC_ILLEGAL, 0));
			continue;
		}
		c->pc = cpu_untag(c, c->pc);
		if (am_unlikely(c->pc & 3)) {
			c->sr[SR_FAR_EL1] = c->pc;
			cpu_take_exception(c, VEC_SYNC, c->pc, ESR(EC_PC_ALIGN, 0));
			continue;
		}
		code = cpu_fetch_page(c, c->pc, &x);
		if (am_likely(code)) {
			if (am_likely(!(c->debug & (CPU_DEBUG_STEP | CPU_DEBUG_BREAK))))
				break;
			if (debug_fetched(c, &code))
				break;
			if (!code)
				return NULL;
			continue;
		}
		if (x.err) {
			c->exit = CPU_EXIT_ERROR;
			c->exit_errno = -x.err;
			return c->next = NULL;
		}
		fetch_abort(c, &x);
	}
	c->code = code;
	c->page_va = c->pc & CPU_PAGE_MASK;
	c->pc_bias = c->page_va - ((uintptr_t)code >> 2);
	return c->next = &code->insn[(c->pc & ~CPU_PAGE_MASK) >> 2];
}

enum cpu_exit cpu_run(struct cpu *c)
{
	const struct cpu_insn *i;
	uint64_t host_fp = fp_host_enter();

	cpu_enter_guest(c);
	c->exit = CPU_EXIT_ATTENTION;
	cpu_debug_begin(c);
	cpu_update_context(c);
	if (c->code_stale)
		cpu_kick(c);
	i = cpu_enter(c, c->pc);
	while (i)
		i = i->exec(c, i);
	cpu_leave_guest(c);
	fp_host_leave(host_fp);
	return c->exit;
}
