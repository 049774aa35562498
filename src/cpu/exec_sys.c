/* SPDX-License-Identifier: MIT */
/*
 * SYS and SYSL: cache maintenance, TLB maintenance, address translation (DDI 0487 C5.3, C5.4,
 * C5.5). Caches of data do not exist here, so DC by address only checks its address; IC advances
 * code generations (code.h).
 */
#include "cpu/exec_sys.h"

#include <string.h>

#include "a64_rows.h"
#include "base/trace.h"
#include "cpu/access.h"
#include "cpu/cluster.h"
#include "cpu/code.h"
#include "cpu/run.h"
#include "cpu/sysreg.h"
#include "cpu/tlb.h"

#define ZVA_BYTES 64

struct sys_op {
	uint16_t id;
	cpu_exec_fn *exec;
};

/* EL0 may use DC and IC by address if SCTLR_EL1.UCI is set. */
static bool el0_maintenance(const struct cpu *c)
{
	return c->el || (c->sr[SR_SCTLR_EL1] & SCTLR_UCI);
}

/* ---- Caches ---- */

CPU_OP(op_dc_sw)
{
	if (c->el == 0)
		return cpu_undefined(c, i);
	CPU_NEXT();
}

static const struct cpu_insn *dc_va(struct cpu *c, const struct cpu_insn *i, bool write)
{
	struct cpu_xlat x;

	if (cpu_tlb_read(c->tlb, c->r[i->rd], 1) && !write)
		return i + 1;
	return cpu_maintain(c, i, c->r[i->rd], write, &x) ? i + 1 : c->next;
}

CPU_OP(op_dc_va)
{
	if (!el0_maintenance(c))
		CPU_RESUME(cpu_sysreg_trap(c, i, i->imm, i->rd, false));
	CPU_RESUME(dc_va(c, i, false));
}

/* DC IVAC discards data: it needs write permission, and EL1. */
CPU_OP(op_dc_ivac)
{
	if (c->el == 0)
		return cpu_undefined(c, i);
	CPU_RESUME(dc_va(c, i, true));
}

GUEST_ACCESS void zero_block(uint8_t *p)
{
	for (unsigned n = 0; n < ZVA_BYTES; n += 8)
		guest_st64(p + n, 0);
}

static const struct cpu_insn *dc_zva_slow(struct cpu *c, const struct cpu_insn *i, uint64_t va)
{
	for (unsigned n = 0; n < ZVA_BYTES; n += 16) {
		if (!cpu_st_slow(c, i, va + n, ACC_16 | ACC_PAIR | ACC_ZVA, 0, 0))
			return c->next;
	}
	return i + 1;
}

CPU_OP(op_dc_zva)
{
	uint64_t va = am_align_down(c->r[i->rd], ZVA_BYTES);
	void *p = cpu_tlb_write(c->tlb, va, ZVA_BYTES);

	if (am_unlikely(c->el == 0 && !(c->sr[SR_SCTLR_EL1] & SCTLR_DZE)))
		CPU_RESUME(cpu_sysreg_trap(c, i, i->imm, i->rd, false));
	if (am_unlikely(!p))
		CPU_RESUME(dc_zva_slow(c, i, va));
	zero_block(p);
	CPU_NEXT();
}

static const struct cpu_insn *ic_ivau(struct cpu *c, const struct cpu_insn *i)
{
	struct cpu_xlat x;

	if (!cpu_maintain(c, i, c->r[i->rd], false, &x))
		return c->next;
	cpu_code_changed(c->cluster, x.ipa);
	return i + 1;
}

CPU_OP(op_ic_ivau)
{
	if (!el0_maintenance(c))
		CPU_RESUME(cpu_sysreg_trap(c, i, i->imm, i->rd, false));
	CPU_RESUME(ic_ivau(c, i));
}

CPU_OP(op_ic_all)
{
	if (c->el == 0)
		return cpu_undefined(c, i);
	cpu_code_changed_all(c->cluster);
	CPU_NEXT();
}

/* ---- TLBs ---- */

/* The address argument: VA[55:12] in bits 43:0 (C5.5). */
static uint64_t tlbi_va(uint64_t arg)
{
	return am_sext(arg << 12, 56);
}

/* Inner shareable operations have CRm 3, the local ones CRm 7. */
static void tlbi(struct cpu *c, const struct cpu_insn *i, enum cpu_request_kind kind, uint64_t arg)
{
	AM_TRACE(cpu_tlbi, c->id, i->imm, (unsigned long long)arg);
	switch (kind) {
	case CPU_REQ_FLUSH_VA:
		cpu_mmu_flush_va(c, arg, arg | ~CPU_PAGE_MASK);
		break;
	case CPU_REQ_FLUSH_ASID:
		cpu_mmu_flush_asid(c, arg);
		break;
	default:
		cpu_mmu_flush_all(c);
	}
	if (am_bits(i->imm, 6, 3) == 3) {
		cpu_broadcast_range(c->cluster, c, kind, arg, arg | ~CPU_PAGE_MASK);
		c->dsb_waits = true;
	}
}

CPU_OP(op_tlbi_all)
{
	if (c->el == 0)
		return cpu_undefined(c, i);
	tlbi(c, i, CPU_REQ_FLUSH_ALL, 0);
	CPU_NEXT();
}

CPU_OP(op_tlbi_va)
{
	if (c->el == 0)
		return cpu_undefined(c, i);
	tlbi(c, i, CPU_REQ_FLUSH_VA, tlbi_va(c->r[i->rd]));
	CPU_NEXT();
}

CPU_OP(op_tlbi_asid)
{
	if (c->el == 0)
		return cpu_undefined(c, i);
	tlbi(c, i, CPU_REQ_FLUSH_ASID, c->r[i->rd] >> 48);
	CPU_NEXT();
}

/* ---- Address translation ---- */

/*
 * PAR_EL1 (D17.2.108): address and attributes, or the fault. Where stage 2 or the host fails the
 * walk, PAR_EL1 stays and the instruction takes a data abort. False: return c->next.
 */
static bool address_translate(struct cpu *c, const struct cpu_insn *i, uint64_t va, unsigned el,
			      bool write)
{
	bool pan = c->pan;
	struct cpu_xlat x;

	c->pan = false; /* without FEAT_PAN2 these do not look at it */
	bool fine = cpu_walk(c, cpu_untag(c, va), write ? CPU_WRITE : CPU_READ, el, &x);

	c->pan = pan;
	if (fine) {
		uint64_t attr = x.device ? 0x00 : 0xff;
		uint64_t sh = x.device ? 2 : 3;

		c->sr[SR_PAR_EL1] =
		    (x.ipa & CPU_PAGE_MASK) | attr << 56 | sh << 7 | 1u << 11 | 1u << 9;
		return true;
	}
	if (x.err || x.stage2)
		return cpu_xlat_fault(c, i, va, 0, &x);
	c->sr[SR_PAR_EL1] = 1u | (uint64_t)x.fsc << 1 | 1u << 11;
	return true;
}

CPU_OP(op_at)
{
	if (c->el == 0)
		return cpu_undefined(c, i);
	/* op2: 0 E1R, 1 E1W, 2 E0R, 3 E0W. */
	if (!address_translate(c, i, c->r[i->rd], !(i->imm & 2), i->imm & 1))
		return c->next;
	CPU_NEXT();
}

/* ---- The table ---- */

static const struct sys_op sys_ops[] = {
    {SYSREG(1, 0, 7, 1, 0), op_ic_all},	   /* IC IALLUIS */
    {SYSREG(1, 0, 7, 5, 0), op_ic_all},	   /* IC IALLU */
    {SYSREG(1, 3, 7, 5, 1), op_ic_ivau},   /* IC IVAU */
    {SYSREG(1, 0, 7, 6, 1), op_dc_ivac},   /* DC IVAC */
    {SYSREG(1, 0, 7, 6, 2), op_dc_sw},	   /* DC ISW */
    {SYSREG(1, 0, 7, 10, 2), op_dc_sw},	   /* DC CSW */
    {SYSREG(1, 0, 7, 14, 2), op_dc_sw},	   /* DC CISW */
    {SYSREG(1, 3, 7, 4, 1), op_dc_zva},	   /* DC ZVA */
    {SYSREG(1, 3, 7, 10, 1), op_dc_va},	   /* DC CVAC */
    {SYSREG(1, 3, 7, 11, 1), op_dc_va},	   /* DC CVAU */
    {SYSREG(1, 3, 7, 14, 1), op_dc_va},	   /* DC CIVAC */
    {SYSREG(1, 0, 7, 8, 0), op_at},	   /* AT S1E1R */
    {SYSREG(1, 0, 7, 8, 1), op_at},	   /* AT S1E1W */
    {SYSREG(1, 0, 7, 8, 2), op_at},	   /* AT S1E0R */
    {SYSREG(1, 0, 7, 8, 3), op_at},	   /* AT S1E0W */
    {SYSREG(1, 0, 8, 3, 0), op_tlbi_all},  /* TLBI VMALLE1IS */
    {SYSREG(1, 0, 8, 3, 1), op_tlbi_va},   /* TLBI VAE1IS */
    {SYSREG(1, 0, 8, 3, 2), op_tlbi_asid}, /* TLBI ASIDE1IS */
    {SYSREG(1, 0, 8, 3, 3), op_tlbi_va},   /* TLBI VAAE1IS */
    {SYSREG(1, 0, 8, 3, 5), op_tlbi_va},   /* TLBI VALE1IS */
    {SYSREG(1, 0, 8, 3, 7), op_tlbi_va},   /* TLBI VAALE1IS */
    {SYSREG(1, 0, 8, 7, 0), op_tlbi_all},  /* TLBI VMALLE1 */
    {SYSREG(1, 0, 8, 7, 1), op_tlbi_va},   /* TLBI VAE1 */
    {SYSREG(1, 0, 8, 7, 2), op_tlbi_asid}, /* TLBI ASIDE1 */
    {SYSREG(1, 0, 8, 7, 3), op_tlbi_va},   /* TLBI VAAE1 */
    {SYSREG(1, 0, 8, 7, 5), op_tlbi_va},   /* TLBI VALE1 */
    {SYSREG(1, 0, 8, 7, 7), op_tlbi_va},   /* TLBI VAALE1 */
};

bool emit_SYS(struct cpu_insn *o, struct a64_SYS f)
{
	uint32_t id = SYSREG(1, f.op1, f.crn, f.crm, f.op2);

	for (unsigned n = 0; n < AM_ARRAY_SIZE(sys_ops); n++) {
		if (sys_ops[n].id == id) {
			*o = (struct cpu_insn){
			    .exec = sys_ops[n].exec, .rd = reg_src(f.rt), .imm = id};
			return true;
		}
	}
	return false;
}

/* No system instruction with a result is implemented. */
bool emit_SYSL(struct cpu_insn *o, struct a64_SYSL f)
{
	return false;
}
