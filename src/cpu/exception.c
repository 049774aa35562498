/* SPDX-License-Identifier: MIT */
/* Taking exceptions to EL1, returning from them, and PSTATE (DDI 0487 D1). */
#include <errno.h>

#include "base/trace.h"
#include "cpu/debug.h"
#include "cpu/run.h"
#include "cpu/sysreg.h"
#include "cpu/tlb.h"

/* SPSR_EL1.M: AArch64 modes (C5.2.18). */
enum { M_EL0T = 0, M_EL1T = 4, M_EL1H = 5 };

uint64_t cpu_get_pstate(const struct cpu *c)
{
	unsigned m = c->el ? (c->spsel ? M_EL1H : M_EL1T) : M_EL0T;

	return cpu_nzcv(c) | (uint64_t)c->pan << 22 | (uint64_t)c->ss << 21 |
	       (uint64_t)c->il << 20 | (uint64_t)c->daif << 6 | m;
}

void cpu_set_el(struct cpu *c, unsigned el, unsigned spsel)
{
	c->sp_el[c->el && c->spsel] = c->r[REG_SP];
	c->el = el;
	c->spsel = spsel;
	c->r[REG_SP] = c->sp_el[el && spsel];
}

uint64_t cpu_get_sp(const struct cpu *c, unsigned el)
{
	return el == (c->el && c->spsel) ? c->r[REG_SP] : c->sp_el[el];
}

void cpu_set_sp(struct cpu *c, unsigned el, uint64_t v)
{
	if (el == (c->el && c->spsel))
		c->r[REG_SP] = v;
	c->sp_el[el] = v;
}

static void set_flags(struct cpu *c, uint64_t spsr)
{
	cpu_set_nzcv(c, spsr);
	c->pan = am_bit(spsr, 22);
	c->daif = am_bits(spsr, 9, 6);
}

static bool legal_mode(uint64_t spsr)
{
	unsigned m = spsr & 0x1f;

	return m == M_EL0T || m == M_EL1T || m == M_EL1H;
}

int cpu_set_pstate(struct cpu *c, uint64_t pstate)
{
	if (!legal_mode(pstate))
		return -EINVAL;
	set_flags(c, pstate);
	c->il = am_bit(pstate, 20);
	c->ss = am_bit(pstate, 21);
	cpu_set_el(c, am_bit(pstate, 2), pstate & 1);
	cpu_update_context(c);
	return 0;
}

void cpu_update_context(struct cpu *c)
{
	uint64_t sctlr = c->sr[SR_SCTLR_EL1];
	unsigned fpen = am_bits(c->sr[SR_CPACR_EL1], 21, 20);

	c->fp_on = fpen == 3 || (fpen == 1 && c->el == 1);
	c->sp_align_mask = sctlr & (c->el ? SCTLR_SA : SCTLR_SA0) ? 15 : 0;
	cpu_mmu_select(c);
	if (am_unlikely(c->host_debug.enabled | (c->sr[SR_MDSCR_EL1] & (MDSCR_SS | MDSCR_MDE))) ||
	    c->debug)
		cpu_debug_update(c);
	/* Instruction addresses mean something else now. */
	c->page_va = ~UINT64_C(0);
}

void cpu_take_exception(struct cpu *c, enum cpu_vector kind, uint64_t ret, uint64_t esr)
{
	uint64_t base = c->el == 0 ? 0x400 : c->spsel ? 0x200 : 0x000;

	c->sr[SR_SPSR_EL1] = cpu_get_pstate(c);
	c->sr[SR_ELR_EL1] = ret;
	if (kind == VEC_SYNC || kind == VEC_SERROR)
		c->sr[SR_ESR_EL1] = esr;
	c->host_ss = c->step_ran = false;
	cpu_set_el(c, 1, 1);
	c->daif = 0xf;
	c->il = c->ss = false;
	if (!(c->sr[SR_SCTLR_EL1] & SCTLR_SPAN))
		c->pan = true;
	cpu_update_context(c);
	c->pc = (c->sr[SR_VBAR_EL1] & ~UINT64_C(0x7ff)) + base + kind;
	AM_TRACE(cpu_exception, c->id, (unsigned long long)ret, 1u, (unsigned long long)c->pc,
		 (unsigned long long)esr, (unsigned long long)c->sr[SR_FAR_EL1]);
}

const struct cpu_insn *cpu_raise_at(struct cpu *c, uint64_t ret, uint64_t esr)
{
	cpu_take_exception(c, VEC_SYNC, ret, esr);
	return cpu_enter(c, c->pc);
}

const struct cpu_insn *cpu_raise(struct cpu *c, const struct cpu_insn *i, uint64_t esr)
{
	return cpu_raise_at(c, cpu_pc(c, i), esr);
}

const struct cpu_insn *cpu_undefined(struct cpu *c, const struct cpu_insn *i)
{
	AM_TRACE(cpu_undefined, c->id, (unsigned long long)cpu_pc(c, i), i->imm);
	return cpu_raise(c, i, ESR(EC_UNKNOWN, 0));
}

const struct cpu_insn *cpu_fp_trap(struct cpu *c, const struct cpu_insn *i)
{
	/* CV = 1, COND = AL: the values for AArch64. */
	return cpu_raise(c, i, ESR(EC_FP, 0x1e00000));
}

const struct cpu_insn *cpu_sp_fault(struct cpu *c, const struct cpu_insn *i)
{
	return cpu_raise(c, i, ESR(EC_SP_ALIGN, 0));
}

void cpu_exception_return(struct cpu *c)
{
	uint64_t spsr = c->sr[SR_SPSR_EL1];
	uint64_t pc = c->sr[SR_ELR_EL1];

	c->excl_valid = 0;
	bool ss = cpu_debug_return_ss(c, spsr, legal_mode(spsr) ? am_bit(spsr, 2) : c->el);

	set_flags(c, spsr);
	cpu_debug_advance(c);
	c->step_ran = false;
	c->ss = ss;
	if (legal_mode(spsr)) {
		c->il = am_bit(spsr, 20);
		cpu_set_el(c, am_bit(spsr, 2), spsr & 1);
	} else {
		c->il = true; /* illegal return: the mode stays (D1.10.4.1) */
	}
	cpu_update_context(c);
	c->pc = pc;
	AM_TRACE(cpu_eret, c->id, (unsigned long long)pc, (unsigned long long)pc,
		 (unsigned long long)spsr);
}

bool cpu_irq_pending(const struct cpu *c)
{
	return atomic_load_explicit(&c->irq_line, memory_order_acquire) ||
	       atomic_load_explicit(&c->fiq_line, memory_order_acquire) ||
	       atomic_load_explicit(&c->serror_pending, memory_order_acquire);
}

bool cpu_irq_deliverable(const struct cpu *c)
{
	return (atomic_load_explicit(&c->irq_line, memory_order_acquire) && !(c->daif & 2)) ||
	       (atomic_load_explicit(&c->fiq_line, memory_order_acquire) && !(c->daif & 1)) ||
	       (atomic_load_explicit(&c->serror_pending, memory_order_acquire) && !(c->daif & 4));
}

void cpu_inject_dabt(struct cpu *c, uint64_t far)
{
	c->sr[SR_FAR_EL1] = far;
	cpu_take_exception(c, VEC_SYNC, c->pc, ESR(c->el ? EC_DABT_SAME : EC_DABT_LOW, 0x10));
}

void cpu_inject_serror(struct cpu *c, uint32_t iss)
{
	atomic_store_explicit(&c->serror_iss, iss, memory_order_relaxed);
	atomic_store_explicit(&c->serror_pending, true, memory_order_release);
	cpu_kick(c);
}
