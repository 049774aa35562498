/* SPDX-License-Identifier: MIT */
/* Breakpoints, watchpoints and single step (debug.h). */
#include "cpu/debug.h"

#include <stdlib.h>
#include <string.h>

#include "cpu/run.h"
#include "cpu/sysreg.h"
#include "cpu/tlb.h"

#define FSC_DEBUG 0x22

/* The scratch page's entries but one: an instruction has been executed. */
CPU_OP(op_step_end)
{
	CPU_RESUME(cpu_enter(c, cpu_pc(c, i)));
}

struct cpu_debug *cpu_debug_create(void)
{
	struct cpu_debug *d = malloc(sizeof(*d));

	if (!d)
		return NULL;
	memset(&d->empty, 0xff, sizeof(d->empty));
	memset(&d->scratch, 0, sizeof(d->scratch));
	for (unsigned n = 0; n <= CPU_PAGE_INSNS; n++)
		d->scratch.insn[n].exec = op_step_end;
	return d;
}

void cpu_debug_destroy(struct cpu_debug *d)
{
	free(d);
}

/* ---- Whose debug registers, and when ---- */

static uint64_t reg(const struct cpu *c, const uint64_t *host, enum cpu_sr guest, unsigned n)
{
	return c->host_debug.enabled && c->host_debug.hw ? host[n] : c->sr[guest + n];
}

static uint64_t bcr(const struct cpu *c, unsigned n)
{
	return reg(c, c->host_debug.bcr, SR_DBGBCR0, n);
}

static uint64_t wcr(const struct cpu *c, unsigned n)
{
	return reg(c, c->host_debug.wcr, SR_DBGWCR0, n);
}

/* AArch64.GenerateDebugExceptionsFrom(), to EL1 (D2.4). */
static bool enabled_from(const struct cpu *c, unsigned el, bool masked)
{
	if (c->sr[SR_OSLSR_EL1] & 2)
		return false;
	return el == 0 || ((c->sr[SR_MDSCR_EL1] & MDSCR_KDE) && !masked);
}

static unsigned armed_points(const struct cpu *c)
{
	unsigned armed = 0;

	for (unsigned n = 0; n < CPU_BREAKPOINTS; n++)
		armed |= bcr(c, n) & 1 ? CPU_DEBUG_BREAK : 0;
	for (unsigned n = 0; n < CPU_WATCHPOINTS; n++)
		armed |= wcr(c, n) & 1 ? CPU_DEBUG_WATCH : 0;
	return armed;
}

void cpu_debug_update(struct cpu *c)
{
	uint64_t mdscr = c->sr[SR_MDSCR_EL1];
	unsigned debug = 0;

	if (c->host_debug.enabled) {
		debug = c->host_debug.step ? CPU_DEBUG_STEP : 0;
		if (c->host_debug.hw || (mdscr & MDSCR_MDE))
			debug |= armed_points(c);
	} else if (enabled_from(c, c->el, c->daif & 8)) {
		debug = mdscr & MDSCR_SS ? CPU_DEBUG_STEP : 0;
		if (mdscr & MDSCR_MDE)
			debug |= armed_points(c);
	}
	c->debug = debug;
	if (debug & CPU_DEBUG_WATCH)
		c->tlb = c->tlb_user = &c->debugger->empty;
}

void cpu_set_host_debug(struct cpu *c, const struct cpu_host_debug *d)
{
	c->host_debug = *d;
	c->host_pending = false;
	/* A debugger has just written or removed a BRK, and cannot do IC IVAU. */
	c->code_stale = true;
	cpu_update_context(c);
}

void cpu_debug_begin(struct cpu *c)
{
	if (!c->host_debug.enabled)
		return;
	c->host_ss = c->host_debug.step && !c->host_pending;
	c->host_pending = false;
}

/* A debug exception whose preferred return is c->pc; @ec is that from a lower EL. */
static enum cpu_debug_result debug_exception(struct cpu *c, unsigned ec, uint64_t iss, uint64_t far)
{
	if (c->host_debug.enabled) {
		c->exit = CPU_EXIT_DEBUG;
		c->debug_esr = ESR(ec, iss);
		c->debug_far = far;
		c->next = NULL;
		return CPU_DEBUG_LEAVE;
	}
	if (ec == EC_WATCH_LOW)
		c->sr[SR_FAR_EL1] = far;
	/* From the same EL the class is the next one. */
	cpu_take_exception(c, VEC_SYNC, c->pc, ESR(ec + c->el, iss));
	return CPU_DEBUG_TAKEN;
}

/* ---- Single step (D2.12) ---- */

void cpu_debug_stepped(struct cpu *c)
{
	c->step_ran = false;
	c->host_ss = false;
	if (!c->host_debug.enabled)
		c->ss = false;
}

enum cpu_debug_result cpu_debug_boundary(struct cpu *c)
{
	bool host = c->host_debug.enabled;

	if (!(c->debug & CPU_DEBUG_STEP) || (host ? c->host_ss : c->ss))
		return CPU_DEBUG_NOTHING;
	/* ISV; EX is not tracked: it only tells that a load-exclusive was stepped. */
	return debug_exception(c, EC_STEP_LOW, 1u << 24 | FSC_DEBUG, 0);
}

struct cpu_code *cpu_debug_single(struct cpu *c, const struct cpu_code *code)
{
	struct cpu_code *s = &c->debugger->scratch;
	unsigned index = (c->pc & ~CPU_PAGE_MASK) >> 2;

	s->insn[c->step_index].exec = op_step_end;
	s->ipa = code->ipa;
	s->host = code->host;
	cpu_code_decode_at(s, index);
	c->step_index = index;
	c->step_ran = true;
	/* Every taken branch comes to cpu_enter(), one to the same instruction too. */
	c->budget = 0;
	return s;
}

bool cpu_debug_return_ss(const struct cpu *c, uint64_t spsr, unsigned target_el)
{
	if (c->host_debug.enabled || !(c->sr[SR_MDSCR_EL1] & MDSCR_SS))
		return false;
	return am_bit(spsr, 21) && !enabled_from(c, c->el, c->daif & 8) &&
	       enabled_from(c, target_el, am_bit(spsr, 9));
}

/* ---- Breakpoints (D2.8) ---- */

/* PMC/PAC and SSC: Non-secure EL1 and EL0 (D2.8.2). */
static bool level_matches(uint64_t cr, unsigned el)
{
	if (am_bits(cr, 15, 14) == 2) /* Secure state only */
		return false;
	return am_bit(cr, 1 + !el);
}

static bool context_matches(const struct cpu *c, unsigned n)
{
	return (uint32_t)reg(c, c->host_debug.bvr, SR_DBGBVR0, n) ==
	       (uint32_t)c->sr[SR_CONTEXTIDR_EL1];
}

/* The context breakpoint that @n is linked to: the last two can be (DFR0.CTX_CMPs = 1). */
static bool link_matches(const struct cpu *c, unsigned n)
{
	return n >= CPU_BREAKPOINTS - 2 && n < CPU_BREAKPOINTS && (bcr(c, n) & 1) &&
	       am_bits(bcr(c, n), 23, 20) == 3 && context_matches(c, n);
}

static bool breakpoint_matches(const struct cpu *c, unsigned n)
{
	uint64_t cr = bcr(c, n), vr = reg(c, c->host_debug.bvr, SR_DBGBVR0, n);
	unsigned type = am_bits(cr, 23, 20);

	if (!(cr & 1) || !level_matches(cr, c->el))
		return false;
	if (type == 2) /* unlinked context */
		return n >= CPU_BREAKPOINTS - 2 && context_matches(c, n);
	if (type > 1 || (vr ^ c->pc) & AM_MASK(52, 2))
		return false;
	return type == 0 || link_matches(c, am_bits(cr, 19, 16));
}

enum cpu_debug_result cpu_debug_fetched(struct cpu *c)
{
	if (!(c->debug & CPU_DEBUG_BREAK))
		return CPU_DEBUG_NOTHING;
	for (unsigned n = 0; n < CPU_BREAKPOINTS; n++) {
		if (breakpoint_matches(c, n))
			return debug_exception(c, EC_BREAK_LOW, FSC_DEBUG, 0);
	}
	return CPU_DEBUG_NOTHING;
}

bool cpu_debug_brk(struct cpu *c, const struct cpu_insn *i)
{
	if (!c->host_debug.enabled)
		return false;
	c->pc = cpu_pc(c, i);
	c->step_ran = false;
	debug_exception(c, EC_BRK, i->imm, 0);
	return true;
}

/* ---- Watchpoints (D2.10) ---- */

/* The bytes that DBGWCR/DBGWVR @n watch, as [first, last]; BAS need not be one run. */
static bool address_matches(uint64_t cr, uint64_t vr, uint64_t va, unsigned size)
{
	unsigned mask = am_bits(cr, 28, 24);
	uint64_t bas = am_bits(cr, 12, 5);

	if (mask > 2)
		return va <= (vr | (AM_BIT(mask) - 1)) &&
		       va + size - 1 >= (vr & ~(AM_BIT(mask) - 1));
	if (am_bit(vr, 2)) /* a word-aligned address has four bytes to select */
		bas &= 0xf;
	for (unsigned n = 0; n < 8; n++) {
		if (am_bit(bas, n) && (vr & ~UINT64_C(3)) + n - va < size)
			return true;
	}
	return false;
}

bool cpu_debug_watch(struct cpu *c, const struct cpu_insn *i, uint64_t va, unsigned size,
		     bool write, bool as_el0)
{
	if (!(c->debug & CPU_DEBUG_WATCH))
		return false;
	va = am_sext(va, 53);
	for (unsigned n = 0; n < CPU_WATCHPOINTS; n++) {
		uint64_t cr = wcr(c, n);
		uint64_t vr = am_sext(reg(c, c->host_debug.wvr, SR_DBGWVR0, n), 53);

		if (!(cr & 1) || !am_bit(cr, 3 + write) || !level_matches(cr, as_el0 ? 0 : c->el) ||
		    !address_matches(cr, vr, va, size))
			continue;
		if (am_bit(cr, 20) && !link_matches(c, am_bits(cr, 19, 16)))
			continue;
		c->pc = cpu_pc(c, i);
		c->step_ran = false;
		if (debug_exception(c, EC_WATCH_LOW, FSC_DEBUG | (write ? ISS_WNR : 0), va) ==
		    CPU_DEBUG_TAKEN)
			cpu_enter(c, c->pc);
		return true;
	}
	return false;
}
