/* SPDX-License-Identifier: MIT */
/*
 * Operations of the system group (a64_system.dec): exceptions, hints, barriers, PSTATE, system
 * registers. Cache, TLB and address translation instructions are in exec_sys.c.
 */
#include <errno.h>

#include "a64_rows.h"
#include "base/trace.h"
#include "cpu/cluster.h"
#include "cpu/debug.h"
#include "cpu/exec_sys.h"
#include "cpu/run.h"
#include "cpu/sysreg.h"

/* ---- Exception generation ---- */

static const struct cpu_insn *leave(struct cpu *c, const struct cpu_insn *i, enum cpu_exit exit)
{
	c->pc = cpu_pc(c, i) + 4;
	c->ss = c->step_ran = false;
	c->host_pending = c->host_debug.enabled && c->host_debug.step;
	c->exit = exit;
	c->exit_imm = i->imm;
	return c->next = NULL;
}

CPU_OP(op_svc)
{
	cpu_debug_advance(c);
	CPU_RESUME(cpu_raise_at(c, cpu_pc(c, i) + 4, ESR(EC_SVC, i->imm)));
}

CPU_OP(op_hvc)
{
	if (c->el == 0)
		return cpu_undefined(c, i);
	return leave(c, i, CPU_EXIT_HVC);
}

CPU_OP(op_smc)
{
	if (c->el == 0)
		return cpu_undefined(c, i);
	return leave(c, i, CPU_EXIT_SMC);
}

CPU_OP(op_brk)
{
	if (am_unlikely(cpu_debug_brk(c, i)))
		return NULL;
	CPU_RESUME(cpu_raise(c, i, ESR(EC_BRK, i->imm)));
}

CPU_OP(op_eret)
{
	if (c->el == 0)
		return cpu_undefined(c, i);
	cpu_exception_return(c);
	CPU_RESUME(cpu_enter(c, c->pc));
}

bool emit_SVC(struct cpu_insn *o, struct a64_SVC f)
{
	*o = (struct cpu_insn){.exec = op_svc, .imm = f.imm16};
	return true;
}

bool emit_HVC(struct cpu_insn *o, struct a64_HVC f)
{
	*o = (struct cpu_insn){.exec = op_hvc, .imm = f.imm16};
	return true;
}

bool emit_SMC(struct cpu_insn *o, struct a64_SMC f)
{
	*o = (struct cpu_insn){.exec = op_smc, .imm = f.imm16};
	return true;
}

bool emit_BRK(struct cpu_insn *o, struct a64_BRK f)
{
	*o = (struct cpu_insn){.exec = op_brk, .imm = f.imm16};
	return true;
}

/* Halting debug is not implemented: HLT, DCPS and DRPS are UNDEFINED outside Debug state. */
bool emit_HLT(struct cpu_insn *o, struct a64_HLT f)
{
	return false;
}

bool emit_DCPS(struct cpu_insn *o, struct a64_DCPS f)
{
	return false;
}

bool emit_DRPS(struct cpu_insn *o, struct a64_DRPS f)
{
	return false;
}

bool emit_ERET(struct cpu_insn *o, struct a64_ERET f)
{
	*o = (struct cpu_insn){.exec = op_eret};
	return true;
}

/* ---- Hints and barriers ---- */

CPU_OP(op_nop)
{
	CPU_NEXT();
}

/* SCTLR_EL1.nTWI and nTWE trap EL0's WFI and WFE; ISS.TI tells which (D17.2.37). */
static const struct cpu_insn *wfx_trap(struct cpu *c, const struct cpu_insn *i, unsigned ti)
{
	return cpu_raise(c, i, ESR(EC_WFX, 0x1e00000 | ti));
}

CPU_OP(op_wfi)
{
	if (c->el == 0 && !(c->sr[SR_SCTLR_EL1] & SCTLR_NTWI))
		return wfx_trap(c, i, 0);
	if (cpu_irq_pending(c))
		CPU_RESUME(cpu_enter(c, cpu_pc(c, i) + 4));
	return leave(c, i, CPU_EXIT_WFI);
}

CPU_OP(op_wfe)
{
	if (atomic_exchange_explicit(&c->event, false, memory_order_acquire))
		CPU_NEXT();
	if (c->el == 0 && !(c->sr[SR_SCTLR_EL1] & SCTLR_NTWE))
		return wfx_trap(c, i, 1);
	return leave(c, i, CPU_EXIT_WFE);
}

CPU_OP(op_sev)
{
	struct cpu_cluster *cl = c->cluster;
	unsigned nr = atomic_load_explicit(&cl->nr, memory_order_acquire);

	for (unsigned n = 0; n < nr; n++) {
		struct cpu *other = atomic_load_explicit(&cl->cpus[n], memory_order_acquire);

		if (other)
			atomic_store_explicit(&other->event, true, memory_order_release);
	}
	CPU_NEXT();
}

CPU_OP(op_sevl)
{
	atomic_store_explicit(&c->event, true, memory_order_relaxed);
	CPU_NEXT();
}

/* Somebody may hold what this vCPU spins for: WFE's exit gives the host CPU away. */
CPU_OP(op_yield)
{
	return leave(c, i, CPU_EXIT_WFE);
}

/* FEAT_RAS: an SError that is masked here is deferred to DISR_EL1 (D1.13.5). */
CPU_OP(op_esb)
{
	if (am_unlikely(atomic_load_explicit(&c->serror_pending, memory_order_acquire))) {
		if (!(c->daif & 4))
			CPU_RESUME(cpu_enter(c, cpu_pc(c, i) + 4));
		atomic_store(&c->serror_pending, false);
		c->sr[SR_DISR_EL1] = AM_BIT(31) | c->serror_iss;
	}
	CPU_NEXT();
}

/* The hint space: what is not listed, pointer authentication included, is a NOP. */
bool emit_HINT(struct cpu_insn *o, struct a64_HINT f)
{
	static cpu_exec_fn *const hints[] = {op_nop, op_yield, op_wfe, op_wfi, op_sev, op_sevl};
	unsigned n = f.crm << 3 | f.op2;

	if (n == 16) {
		*o = (struct cpu_insn){.exec = op_esb};
		return true;
	}
	*o = (struct cpu_insn){.exec = n < AM_ARRAY_SIZE(hints) ? hints[n] : op_nop};
	return true;
}

CPU_OP(op_clrex)
{
	c->excl_valid = 0;
	CPU_NEXT();
}

CPU_OP(op_dmb)
{
	atomic_thread_fence(memory_order_seq_cst);
	CPU_NEXT();
}

/* Loads before, loads and stores after. */
CPU_OP(op_dmb_ld)
{
	atomic_thread_fence(memory_order_acquire);
	CPU_NEXT();
}

CPU_OP(op_dmb_st)
{
	atomic_thread_fence(memory_order_release);
	CPU_NEXT();
}

CPU_OP(op_dsb)
{
	atomic_thread_fence(memory_order_seq_cst);
	if (am_unlikely(c->dsb_waits)) {
		c->dsb_waits = false;
		uint64_t next = cpu_pc(c, i) + 4;

		cpu_broadcast_wait(c->cluster, c);
		CPU_RESUME(cpu_enter(c, next));
	}
	CPU_NEXT();
}

/* Context synchronisation: re-entering the page looks whether its code has changed. */
CPU_OP(op_isb)
{
	CPU_RESUME(cpu_enter(c, cpu_pc(c, i) + 4));
}

bool emit_CLREX(struct cpu_insn *o, struct a64_CLREX f)
{
	*o = (struct cpu_insn){.exec = op_clrex};
	return true;
}

bool emit_DSB(struct cpu_insn *o, struct a64_DSB f)
{
	/* CRm 0 and 4 (SSBB, PSSBB) order speculation only; a full barrier serves. */
	*o = (struct cpu_insn){.exec = op_dsb};
	return true;
}

bool emit_DMB(struct cpu_insn *o, struct a64_DMB f)
{
	static cpu_exec_fn *const by_types[4] = {op_dmb, op_dmb_ld, op_dmb_st, op_dmb};

	*o = (struct cpu_insn){.exec = by_types[f.crm & 3]};
	return true;
}

bool emit_ISB(struct cpu_insn *o, struct a64_ISB f)
{
	*o = (struct cpu_insn){.exec = op_isb};
	return true;
}

/* ---- PSTATE by immediate ---- */

/* The syndrome of a trapped MSR, MRS or system instruction (EC 0x18). */
static uint64_t sysreg_syndrome(uint32_t id, unsigned rt, bool read)
{
	return ESR(EC_SYSREG, am_bits(id, 15, 14) << 20 | am_bits(id, 2, 0) << 17 |
				  am_bits(id, 13, 11) << 14 | am_bits(id, 10, 7) << 10 | rt << 5 |
				  am_bits(id, 6, 3) << 1 | read);
}

const struct cpu_insn *cpu_sysreg_trap(struct cpu *c, const struct cpu_insn *i, uint32_t id,
				       unsigned reg, bool read)
{
	return cpu_raise(c, i, sysreg_syndrome(id, reg < 31 ? reg : 31, read));
}

/* PSTATE.D decides whether debug exceptions are taken at EL1. */
static const struct cpu_insn *debug_mask_changed(struct cpu *c, const struct cpu_insn *i)
{
	cpu_update_context(c);
	return cpu_enter(c, cpu_pc(c, i) + 4);
}

CPU_OP(op_daifset)
{
	if (c->el == 0 && !(c->sr[SR_SCTLR_EL1] & SCTLR_UMA))
		CPU_RESUME(cpu_sysreg_trap(c, i, i->imm, 31, false));
	c->daif |= i->ra;
	if (am_unlikely(c->debug))
		CPU_RESUME(debug_mask_changed(c, i));
	CPU_NEXT();
}

CPU_OP(op_daifclr)
{
	if (c->el == 0 && !(c->sr[SR_SCTLR_EL1] & SCTLR_UMA))
		CPU_RESUME(cpu_sysreg_trap(c, i, i->imm, 31, false));
	c->daif &= ~i->ra;
	if (am_unlikely(i->ra & 8))
		CPU_RESUME(debug_mask_changed(c, i));
	if (cpu_irq_deliverable(c))
		CPU_RESUME(cpu_enter(c, cpu_pc(c, i) + 4));
	CPU_NEXT();
}

CPU_OP(op_msr_spsel)
{
	if (c->el == 0)
		return cpu_undefined(c, i);
	cpu_set_el(c, 1, i->ra & 1);
	cpu_update_context(c);
	CPU_RESUME(cpu_enter(c, cpu_pc(c, i) + 4));
}

CPU_OP(op_msr_pan)
{
	if (c->el == 0)
		return cpu_undefined(c, i);
	c->pan = i->ra & 1;
	cpu_update_context(c);
	CPU_RESUME(cpu_enter(c, cpu_pc(c, i) + 4));
}

bool emit_MSR_imm(struct cpu_insn *o, struct a64_MSR_imm f)
{
	cpu_exec_fn *exec = NULL;

	switch (f.op1 << 3 | f.op2) {
	case 0 << 3 | 4:
		exec = op_msr_pan;
		break;
	case 0 << 3 | 5:
		exec = op_msr_spsel;
		break;
	case 3 << 3 | 6:
		exec = op_daifset;
		break;
	case 3 << 3 | 7:
		exec = op_daifclr;
		break;
	}
	if (!exec)
		return false;
	*o = (struct cpu_insn){.exec = exec, .ra = f.crm, .imm = SYSREG(0, f.op1, 4, f.crm, f.op2)};
	return true;
}

/* ---- MRS, MSR ---- */

/* May this access be made here? Otherwise *next is where to go. */
static bool may_access(struct cpu *c, const struct cpu_insn *i, const struct cpu_sysreg *r,
		       bool read, const struct cpu_insn **next)
{
	unsigned need = c->el ? (read ? EL1_R : EL1_W) : (read ? EL0_R : EL0_W);

	if (am_unlikely(!(r->flags & need))) {
		AM_TRACE(cpu_sysreg, c->id, (unsigned long long)cpu_pc(c, i), r->name, i->imm);
		*next = cpu_undefined(c, i);
		return false;
	}
	if (c->el == 0 && r->el0 && !r->el0(c, r)) {
		*next = cpu_sysreg_trap(c, i, r->id, i->rd, read);
		return false;
	}
	return true;
}

static bool is_fp(const struct cpu_sysreg *r)
{
	return r->id == SYSREG(3, 3, 4, 4, 0) || r->id == SYSREG(3, 3, 4, 4, 1);
}

static const struct cpu_insn *mrs(struct cpu *c, const struct cpu_insn *i)
{
	const struct cpu_sysreg *r = cpu_sysreg_row(i->imm);
	const struct cpu_insn *next = NULL;

	if (!may_access(c, i, r, true, &next))
		return next;
	if (is_fp(r) && !c->fp_on)
		return cpu_fp_trap(c, i);
	if (r->flags & SYSREG_OUTSIDE) {
		uint64_t v = 0;

		if (c->ops->sysreg(c->opaque, r->id, false, &v))
			return cpu_undefined(c, i);
		c->r[i->rd] = v;
		/* A counter that has passed a timer's deadline raises its interrupt here. */
		if (am_unlikely(atomic_load_explicit(&c->attention, memory_order_relaxed)))
			return cpu_enter(c, cpu_pc(c, i) + 4);
		return i + 1;
	}
	c->r[i->rd] = r->read(c, r);
	return i + 1;
}

static const struct cpu_insn *msr(struct cpu *c, const struct cpu_insn *i)
{
	const struct cpu_sysreg *r = cpu_sysreg_row(i->imm);
	const struct cpu_insn *next = NULL;
	uint64_t v = c->r[i->rd];

	if (!may_access(c, i, r, false, &next))
		return next;
	if (is_fp(r) && !c->fp_on)
		return cpu_fp_trap(c, i);
	if (r->flags & SYSREG_OUTSIDE) {
		if (c->ops->sysreg(c->opaque, r->id, true, &v))
			return cpu_undefined(c, i);
	} else {
		r->write(c, r, v);
	}
	/* The line may have changed, an interrupt been unmasked, or the page be another. */
	if (r->flags & SYSREG_SLOW)
		return cpu_enter(c, cpu_pc(c, i) + 4);
	return i + 1;
}

CPU_OP(op_mrs)
{
	CPU_RESUME(mrs(c, i));
}

CPU_OP(op_msr)
{
	CPU_RESUME(msr(c, i));
}

/* Registers that EL0 and EL1 read alike and that only hold a value: TPIDR_EL0 above all. */
CPU_OP(op_mrs_plain)
{
	c->r[i->rd] = c->sr[i->imm];
	CPU_NEXT();
}

CPU_OP(op_mrs_plain_el1)
{
	if (am_unlikely(c->el == 0))
		return cpu_undefined(c, i);
	c->r[i->rd] = c->sr[i->imm];
	CPU_NEXT();
}

CPU_OP(op_sysreg_unknown)
{
	AM_TRACE(cpu_sysreg, c->id, (unsigned long long)cpu_pc(c, i), "(none)", i->imm);
	return cpu_undefined(c, i);
}

bool emit_MRS(struct cpu_insn *o, struct a64_MRS f)
{
	const struct cpu_sysreg *r = cpu_sysreg_find(SYSREG(2 + f.o0, f.op1, f.crn, f.crm, f.op2));

	*o = (struct cpu_insn){.exec = op_sysreg_unknown, .rd = reg_dst(f.rt), .imm = f.w};
	if (!r || !(r->flags & (EL1_R | EL0_R)))
		return true;
	o->exec = op_mrs;
	o->imm = cpu_sysreg_index(r);
	if (r->sr && !r->el0 && !(r->flags & SYSREG_OUTSIDE)) {
		o->exec = r->flags & EL0_R ? op_mrs_plain : op_mrs_plain_el1;
		o->imm = r->sr;
	}
	return true;
}

bool emit_MSR_reg(struct cpu_insn *o, struct a64_MSR_reg f)
{
	const struct cpu_sysreg *r = cpu_sysreg_find(SYSREG(2 + f.o0, f.op1, f.crn, f.crm, f.op2));

	*o = (struct cpu_insn){.exec = op_sysreg_unknown, .rd = reg_src(f.rt), .imm = f.w};
	if (!r)
		return true;
	o->exec = op_msr;
	o->imm = cpu_sysreg_index(r);
	return true;
}
