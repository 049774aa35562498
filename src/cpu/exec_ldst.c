/* SPDX-License-Identifier: MIT */
/*
 * Loads and stores of one general register. There is an operation per kind of value, addressing
 * mode and "base is SP"; each is a leaf when the software TLB hits, and otherwise jumps to one
 * of the two functions that do the rest of any of them.
 */
#include "a64_rows.h"
#include "cpu/exec_ldst.h"

/*
 * rd is the register; ra its encoded number for the syndrome, which is valid only without
 * writeback (DDI 0487 D17.2.37, ISS.ISV).
 */
static uint32_t full_acc(const struct cpu_insn *i, uint32_t acc, unsigned wb)
{
	return acc | ACC_RT(i->ra) | (wb == WB_NONE ? ACC_ISV : 0);
}

static AM_COLD const struct cpu_insn *load_slow(struct cpu *c, const struct cpu_insn *i,
						uint64_t va, uint32_t acc, unsigned wb)
{
	uint64_t v;

	if (!cpu_ld_slow(c, i, va, full_acc(i, acc, wb)))
		return c->next;
	v = c->mem.lo;
	if (acc & ACC_SEXT)
		v = am_sext(v, 8u << (acc & ACC_SIZE));
	c->r[i->rd] = acc & ACC_SF ? v : (uint32_t)v;
	LDST_WRITEBACK(wb);
	return i + 1;
}

static AM_COLD const struct cpu_insn *store_slow(struct cpu *c, const struct cpu_insn *i,
						 uint64_t va, uint32_t acc, unsigned wb)
{
	if (!cpu_st_slow(c, i, va, full_acc(i, acc, wb), c->r[i->rd], 0))
		return c->next;
	LDST_WRITEBACK(wb);
	return i + 1;
}

/* X(kind, bytes, value read at p, ACC_ flags) */
#define LOADS(X)                                                                  \
	X(ldrb, 1, guest_ld8(p), ACC_1)                                           \
	X(ldrh, 2, guest_ld16(p), ACC_2)                                          \
	X(ldrw, 4, guest_ld32(p), ACC_4)                                          \
	X(ldrx, 8, guest_ld64(p), ACC_8 | ACC_SF)                                 \
	X(ldrsb64, 1, (int64_t)(int8_t)guest_ld8(p), ACC_1 | ACC_SEXT | ACC_SF)   \
	X(ldrsh64, 2, (int64_t)(int16_t)guest_ld16(p), ACC_2 | ACC_SEXT | ACC_SF) \
	X(ldrsw, 4, (int64_t)(int32_t)guest_ld32(p), ACC_4 | ACC_SEXT | ACC_SF)   \
	X(ldrsb32, 1, (uint32_t)(int8_t)guest_ld8(p), ACC_1 | ACC_SEXT)           \
	X(ldrsh32, 2, (uint32_t)(int16_t)guest_ld16(p), ACC_2 | ACC_SEXT)

/* X(kind, bytes, function, ACC_ flags) */
#define STORES(X)                     \
	X(strb, 1, guest_st8, ACC_1)  \
	X(strh, 2, guest_st16, ACC_2) \
	X(strw, 4, guest_st32, ACC_4) \
	X(strx, 8, guest_st64, ACC_8 | ACC_SF)

#define LOAD(name, get_base, bytes, value, acc, tlb, ea, wb)  \
	CPU_OP(name)                                          \
	{                                                     \
		get_base;                                     \
		uint64_t va = (ea);                           \
		const void *p = cpu_tlb_read(tlb, va, bytes); \
                                                              \
		if (am_unlikely(!p))                          \
			return load_slow(c, i, va, acc, wb);  \
		c->r[i->rd] = (value);                        \
		LDST_WRITEBACK(wb);                           \
		CPU_NEXT();                                   \
	}

#define STORE(name, get_base, bytes, put, acc, tlb, ea, wb)   \
	CPU_OP(name)                                          \
	{                                                     \
		get_base;                                     \
		uint64_t va = (ea);                           \
		void *p = cpu_tlb_write(tlb, va, bytes);      \
                                                              \
		if (am_unlikely(!p))                          \
			return store_slow(c, i, va, acc, wb); \
		put(p, c->r[i->rd]);                          \
		LDST_WRITEBACK(wb);                           \
		CPU_NEXT();                                   \
	}

/* All addressing modes of one kind. TWICE: with any base and with SP. */
#define TWICE(WHAT, kind, mode, bytes, how, acc, tlb, ea, wb)                 \
	WHAT(op_##kind##_##mode, LDST_BASE_ANY, bytes, how, acc, tlb, ea, wb) \
	WHAT(op_##kind##_##mode##_sp, LDST_BASE_SP, bytes, how, acc, tlb, ea, wb)

#define ALL_MODES(WHAT, kind, bytes, how, acc)                                                 \
	TWICE(WHAT, kind, imm, bytes, how, acc, c->tlb, base + (int64_t)i->simm, WB_NONE)      \
	TWICE(WHAT, kind, pre, bytes, how, acc, c->tlb, base + (int64_t)i->simm, WB_PRE)       \
	TWICE(WHAT, kind, post, bytes, how, acc, c->tlb, base, WB_POST)                        \
	TWICE(WHAT, kind, reg, bytes, how, acc, c->tlb, base + LDST_INDEX(uint64_t), WB_NONE)  \
	TWICE(WHAT, kind, uxtw, bytes, how, acc, c->tlb, base + LDST_INDEX(uint32_t), WB_NONE) \
	TWICE(WHAT, kind, sxtw, bytes, how, acc, c->tlb, base + LDST_INDEX(int32_t), WB_NONE)  \
	TWICE(WHAT, kind, unpriv, bytes, how, (acc) | ACC_UNPRIV, c->tlb_user,                 \
	      base + (int64_t)i->simm, WB_NONE)

#define X(kind, bytes, value, acc) ALL_MODES(LOAD, kind, bytes, value, acc)
LOADS(X)
#undef X
#define X(kind, bytes, put, acc) ALL_MODES(STORE, kind, bytes, put, acc)
STORES(X)
#undef X

/* In the order of the size field; the sign-extending loads as LDRSB, LDRSH, LDRSW, then to W. */
static cpu_exec_fn *const ops[][7][2] = {
#define MODE_OPS(kind, mode) [MODE_##mode] = {op_##kind##_##mode, op_##kind##_##mode##_sp}
#define X(kind, bytes, how, acc)                                                                 \
	{MODE_OPS(kind, imm),  MODE_OPS(kind, pre),  MODE_OPS(kind, post),  MODE_OPS(kind, reg), \
	 MODE_OPS(kind, uxtw), MODE_OPS(kind, sxtw), MODE_OPS(kind, unpriv)},
    LOADS(X) STORES(X)
#undef X
};

enum { FIRST_LOAD = 0, FIRST_LOAD_SIGNED = 4, FIRST_LOAD_SIGNED32 = 7, FIRST_STORE = 9 };

static bool emit(struct cpu_insn *o, unsigned kind, enum ldst_mode mode, unsigned rt, unsigned rn,
		 int32_t simm)
{
	*o = (struct cpu_insn){
	    .exec = ops[kind][mode][rn == 31],
	    .rd = kind >= FIRST_STORE ? reg_src(rt) : reg_dst(rt),
	    .rn = reg_sp(rn),
	    .ra = rt,
	    .simm = simm,
	};
	return true;
}

static bool emit_index(struct cpu_insn *o, unsigned kind, unsigned option, unsigned rt, unsigned rn,
		       unsigned rm, unsigned shift)
{
	emit(o, kind, ldst_index_mode(option), rt, rn, shift);
	o->rm = reg_src(rm);
	return true;
}

#define KIND_STR  (FIRST_STORE + f.size)
#define KIND_LDR  (FIRST_LOAD + f.size)
#define KIND_LDRS ((f.to32 ? FIRST_LOAD_SIGNED32 : FIRST_LOAD_SIGNED) + f.size)

#define EMIT_IMM9(NAME, kind, mode)                                         \
	bool emit_##NAME(struct cpu_insn *o, struct a64_##NAME f)           \
	{                                                                   \
		return emit(o, kind, mode, f.rt, f.rn, am_sext(f.imm9, 9)); \
	}
#define EMIT_IMM12(NAME, kind)                                                 \
	bool emit_##NAME(struct cpu_insn *o, struct a64_##NAME f)              \
	{                                                                      \
		return emit(o, kind, MODE_imm, f.rt, f.rn, f.imm12 << f.size); \
	}
#define EMIT_INDEX(NAME, kind)                                                            \
	bool emit_##NAME(struct cpu_insn *o, struct a64_##NAME f)                         \
	{                                                                                 \
		return emit_index(o, kind, f.option, f.rt, f.rn, f.rm, f.s ? f.size : 0); \
	}

EMIT_IMM12(STR_imm, KIND_STR)
EMIT_IMM12(LDR_imm, KIND_LDR)
EMIT_IMM12(LDRS_imm, KIND_LDRS)
EMIT_IMM9(STR_unscaled, KIND_STR, MODE_imm)
EMIT_IMM9(LDR_unscaled, KIND_LDR, MODE_imm)
EMIT_IMM9(LDRS_unscaled, KIND_LDRS, MODE_imm)
EMIT_IMM9(STR_pre, KIND_STR, MODE_pre)
EMIT_IMM9(LDR_pre, KIND_LDR, MODE_pre)
EMIT_IMM9(LDRS_pre, KIND_LDRS, MODE_pre)
EMIT_IMM9(STR_post, KIND_STR, MODE_post)
EMIT_IMM9(LDR_post, KIND_LDR, MODE_post)
EMIT_IMM9(LDRS_post, KIND_LDRS, MODE_post)
EMIT_IMM9(STTR, KIND_STR, MODE_unpriv)
EMIT_IMM9(LDTR, KIND_LDR, MODE_unpriv)
EMIT_IMM9(LDTRS, KIND_LDRS, MODE_unpriv)
EMIT_INDEX(STR_reg, KIND_STR)
EMIT_INDEX(LDR_reg, KIND_LDR)
EMIT_INDEX(LDRS_reg, KIND_LDRS)

/* ---- PC-relative ---- */

#define LDST_BASE_PC uint64_t base = cpu_pc(c, i)
#define LITERAL(kind, bytes, value, acc)                                                        \
	LOAD(op_##kind##_lit, LDST_BASE_PC, bytes, value, acc, c->tlb, base + (int64_t)i->simm, \
	     WB_NONE)

LITERAL(ldrw, 4, guest_ld32(p), ACC_4)
LITERAL(ldrx, 8, guest_ld64(p), ACC_8 | ACC_SF)
LITERAL(ldrsw, 4, (int64_t)(int32_t)guest_ld32(p), ACC_4 | ACC_SEXT | ACC_SF)

static bool emit_literal(struct cpu_insn *o, cpu_exec_fn *exec, unsigned rt, uint32_t imm19)
{
	*o = (struct cpu_insn){
	    .exec = exec,
	    .rd = reg_dst(rt),
	    .ra = rt,
	    .simm = am_sext(imm19, 19) * 4,
	};
	return true;
}

bool emit_LDR_lit(struct cpu_insn *o, struct a64_LDR_lit f)
{
	return emit_literal(o, f.sf ? op_ldrx_lit : op_ldrw_lit, f.rt, f.imm19);
}

bool emit_LDRSW_lit(struct cpu_insn *o, struct a64_LDRSW_lit f)
{
	return emit_literal(o, op_ldrsw_lit, f.rt, f.imm19);
}

/* ---- Prefetches never fault and have nothing to do ---- */

CPU_OP(op_prefetch)
{
	CPU_NEXT();
}

#define EMIT_PREFETCH(NAME)                                       \
	bool emit_##NAME(struct cpu_insn *o, struct a64_##NAME f) \
	{                                                         \
		*o = (struct cpu_insn){.exec = op_prefetch};      \
		return true;                                      \
	}

EMIT_PREFETCH(PRFM_imm)
EMIT_PREFETCH(PRFM_lit)
EMIT_PREFETCH(PRFM_reg)
EMIT_PREFETCH(PRFUM)
