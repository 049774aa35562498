/* SPDX-License-Identifier: MIT */
/*
 * Self-hosted debug (DDI 0487 D2): breakpoints, watchpoints and single step, for the guest itself
 * or, over its head, for user space (KVM_SET_GUEST_DEBUG), where every debug exception ends the
 * run with CPU_EXIT_DEBUG instead of being taken.
 *
 * Nothing of it is on a fast path. While a breakpoint is armed or a step is due, instructions run
 * one at a time from a scratch page in which every other entry leads back to cpu_enter(); while a
 * watchpoint is armed, the TLB in use is one that is always empty, so that every access comes to
 * access.c, which asks.
 */
#ifndef AM_CPU_DEBUG_H
#define AM_CPU_DEBUG_H

#include <stdbool.h>
#include <stdint.h>

#include "cpu/access.h"
#include "cpu/code.h"
#include "cpu/cpu.h"

#define CPU_BREAKPOINTS 6
#define CPU_WATCHPOINTS 4

enum { CPU_DEBUG_STEP = 1, CPU_DEBUG_BREAK = 2, CPU_DEBUG_WATCH = 4 }; /* struct cpu.debug */

struct cpu_debug {
	struct cpu_code scratch;
	struct cpu_tlb empty;
};

struct cpu_debug *cpu_debug_create(void);
void cpu_debug_destroy(struct cpu_debug *d);

/* What could happen in the present context: sets c->debug and the TLBs in use. */
void cpu_debug_update(struct cpu *c);

/* At the start of cpu_run(). */
void cpu_debug_begin(struct cpu *c);

/* At an instruction boundary: what cpu_enter() must do. */
enum cpu_debug_result {
	CPU_DEBUG_NOTHING,
	CPU_DEBUG_TAKEN, /* an exception was taken: look again at c->pc */
	CPU_DEBUG_LEAVE, /* end the run: c->exit is set */
};
/* The instruction of the scratch page is behind: before an interrupt can save PSTATE.SS. */
void cpu_debug_stepped(struct cpu *c);
/* Before anything of the instruction: a step that is due. */
enum cpu_debug_result cpu_debug_boundary(struct cpu *c);
/* The instruction could be fetched: breakpoints. */
enum cpu_debug_result cpu_debug_fetched(struct cpu *c);
/* The page from which to execute just the instruction at c->pc. */
struct cpu_code *cpu_debug_single(struct cpu *c, const struct cpu_code *code);

/* BRK: true if user space gets it (c->exit is set; the operation returns NULL). */
bool cpu_debug_brk(struct cpu *c, const struct cpu_insn *i);

/*
 * An access that would succeed. True if a watchpoint wants it: the exception was taken or the run
 * ends; the operation returns c->next.
 */
bool cpu_debug_watch(struct cpu *c, const struct cpu_insn *i, uint64_t va, unsigned size,
		     bool write, bool as_el0);

/* ERET to @spsr: PSTATE.SS afterwards (DDI 0487 D2.12.4). Before the mode changes. */
bool cpu_debug_return_ss(const struct cpu *c, uint64_t spsr, unsigned target_el);

/* The instruction that is being executed is complete, whatever exception or exit follows. */
static inline void cpu_debug_advance(struct cpu *c)
{
	c->ss = false;
	c->host_ss = false;
}

#endif
