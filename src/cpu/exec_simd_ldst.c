/* SPDX-License-Identifier: MIT */
/*
 * Loads and stores of one or two SIMD&FP registers. As exec_ldst.c, without a syndrome: a device
 * access by these is for user space to decode. A load clears the rest of the register.
 */
#include "a64_rows.h"
#include "cpu/exec_ldst.h"

static AM_COLD const struct cpu_insn *load_slow(struct cpu *c, const struct cpu_insn *i,
						uint64_t va, uint32_t acc, unsigned wb)
{
	if (!cpu_ld_slow(c, i, va, acc))
		return c->next;
	c->v[i->rd].d[0] = c->mem.lo;
	c->v[i->rd].d[1] = c->mem.hi;
	LDST_WRITEBACK(wb);
	return i + 1;
}

static AM_COLD const struct cpu_insn *store_slow(struct cpu *c, const struct cpu_insn *i,
						 uint64_t va, uint32_t acc, unsigned wb)
{
	if (!cpu_st_slow(c, i, va, acc, c->v[i->rd].d[0], c->v[i->rd].d[1]))
		return c->next;
	LDST_WRITEBACK(wb);
	return i + 1;
}

/* X(kind, bytes, low half and high half of the value at p, store of register v at p) */
#define KINDS(X)                                          \
	X(b, 1, guest_ld8(p), 0, guest_st8(p, v->b[0]))   \
	X(h, 2, guest_ld16(p), 0, guest_st16(p, v->h[0])) \
	X(s, 4, guest_ld32(p), 0, guest_st32(p, v->s[0])) \
	X(d, 8, guest_ld64(p), 0, guest_st64(p, v->d[0])) \
	X(q, 16, guest_ld64(p), guest_ld64(p + 8), store_q(p, v))

static inline void store_q(uint8_t *p, const union cpu_vreg *v)
{
	guest_st64(p, v->d[0]);
	guest_st64(p + 8, v->d[1]);
}

/* ACC_ of 1 << n bytes is n. */
#define ACC_OF(bytes) ((uint32_t)__builtin_ctz(bytes))

#define ONE(mode, get_base, kind, bytes, lo, hi, st, ea, wb)            \
	CPU_OP(op_ldr##kind##_##mode)                                   \
	{                                                               \
		CPU_FP_CHECK();                                         \
		get_base;                                               \
		uint64_t va = (ea);                                     \
		const uint8_t *p = cpu_tlb_read(c->tlb, va, bytes);     \
                                                                        \
		if (am_unlikely(!p))                                    \
			return load_slow(c, i, va, ACC_OF(bytes), wb);  \
		uint64_t low = (lo), high = (hi);                       \
		c->v[i->rd].d[0] = low;                                 \
		c->v[i->rd].d[1] = high;                                \
		LDST_WRITEBACK(wb);                                     \
		CPU_NEXT();                                             \
	}                                                               \
	CPU_OP(op_str##kind##_##mode)                                   \
	{                                                               \
		CPU_FP_CHECK();                                         \
		get_base;                                               \
		uint64_t va = (ea);                                     \
		uint8_t *p = cpu_tlb_write(c->tlb, va, bytes);          \
		const union cpu_vreg *v = &c->v[i->rd];                 \
                                                                        \
		if (am_unlikely(!p))                                    \
			return store_slow(c, i, va, ACC_OF(bytes), wb); \
		st;                                                     \
		LDST_WRITEBACK(wb);                                     \
		CPU_NEXT();                                             \
	}

#define TWICE(mode, kind, bytes, lo, hi, st, ea, wb)              \
	ONE(mode, LDST_BASE_ANY, kind, bytes, lo, hi, st, ea, wb) \
	ONE(mode##_sp, LDST_BASE_SP, kind, bytes, lo, hi, st, ea, wb)

#define ALL_MODES(kind, bytes, lo, hi, st)                                         \
	TWICE(imm, kind, bytes, lo, hi, st, base + (int64_t)i->simm, WB_NONE)      \
	TWICE(pre, kind, bytes, lo, hi, st, base + (int64_t)i->simm, WB_PRE)       \
	TWICE(post, kind, bytes, lo, hi, st, base, WB_POST)                        \
	TWICE(reg, kind, bytes, lo, hi, st, base + LDST_INDEX(uint64_t), WB_NONE)  \
	TWICE(uxtw, kind, bytes, lo, hi, st, base + LDST_INDEX(uint32_t), WB_NONE) \
	TWICE(sxtw, kind, bytes, lo, hi, st, base + LDST_INDEX(int32_t), WB_NONE)

KINDS(ALL_MODES)

/* [kind][mode][base is SP], loads then stores. */
#define MODE_OPS(op, mode) [MODE_##mode] = {op_##op##_##mode, op_##op##_##mode##_sp}
#define OP_MODES(op)                                                \
	{MODE_OPS(op, imm), MODE_OPS(op, pre),	MODE_OPS(op, post), \
	 MODE_OPS(op, reg), MODE_OPS(op, uxtw), MODE_OPS(op, sxtw)},
static cpu_exec_fn *const load_ops[][6][2] = {
#define X(kind, bytes, lo, hi, st) OP_MODES(ldr##kind)
    KINDS(X)
#undef X
};
static cpu_exec_fn *const store_ops[][6][2] = {
#define X(kind, bytes, lo, hi, st) OP_MODES(str##kind)
    KINDS(X)
#undef X
};

static bool emit(struct cpu_insn *o, cpu_exec_fn *const ops[2], unsigned rt, unsigned rn,
		 unsigned rm, int32_t simm)
{
	*o = (struct cpu_insn){
	    .exec = ops[rn == 31],
	    .rd = rt,
	    .rn = reg_sp(rn),
	    .rm = reg_src(rm),
	    .simm = simm,
	};
	return true;
}

#define LOG2_SIZE (f.q ? 4 : f.size)

#define EMIT_IMM9(NAME, ops, mode)                                                        \
	bool emit_##NAME(struct cpu_insn *o, struct a64_##NAME f)                         \
	{                                                                                 \
		return emit(o, ops[LOG2_SIZE][mode], f.rt, f.rn, 31, am_sext(f.imm9, 9)); \
	}
#define EMIT_IMM12(NAME, ops)                                                                   \
	bool emit_##NAME(struct cpu_insn *o, struct a64_##NAME f)                               \
	{                                                                                       \
		return emit(o, ops[LOG2_SIZE][MODE_imm], f.rt, f.rn, 31, f.imm12 << LOG2_SIZE); \
	}
#define EMIT_INDEX(NAME, ops)                                                               \
	bool emit_##NAME(struct cpu_insn *o, struct a64_##NAME f)                           \
	{                                                                                   \
		return emit(o, ops[LOG2_SIZE][ldst_index_mode(f.option)], f.rt, f.rn, f.rm, \
			    f.s ? LOG2_SIZE : 0);                                           \
	}

EMIT_IMM12(LDR_fp_imm, load_ops)
EMIT_IMM12(STR_fp_imm, store_ops)
EMIT_IMM9(LDR_fp_unscaled, load_ops, MODE_imm)
EMIT_IMM9(STR_fp_unscaled, store_ops, MODE_imm)
EMIT_IMM9(LDR_fp_pre, load_ops, MODE_pre)
EMIT_IMM9(STR_fp_pre, store_ops, MODE_pre)
EMIT_IMM9(LDR_fp_post, load_ops, MODE_post)
EMIT_IMM9(STR_fp_post, store_ops, MODE_post)
EMIT_INDEX(LDR_fp_reg, load_ops)
EMIT_INDEX(STR_fp_reg, store_ops)

/* ---- PC-relative ---- */

#define LITERAL(bits, acc)                                                 \
	CPU_OP(op_lit##bits)                                               \
	{                                                                  \
		CPU_FP_CHECK();                                            \
		uint64_t va = cpu_pc(c, i) + (int64_t)i->simm;             \
		const uint8_t *p = cpu_tlb_read(c->tlb, va, bits / 8);     \
                                                                           \
		if (am_unlikely(!p))                                       \
			return load_slow(c, i, va, acc, WB_NONE);          \
		uint64_t low = bits == 32 ? guest_ld32(p) : guest_ld64(p); \
		c->v[i->rd].d[1] = bits == 128 ? guest_ld64(p + 8) : 0;    \
		c->v[i->rd].d[0] = low;                                    \
		CPU_NEXT();                                                \
	}

LITERAL(32, ACC_4)
LITERAL(64, ACC_8)
LITERAL(128, ACC_16)

bool emit_LDR_fp_lit(struct cpu_insn *o, struct a64_LDR_fp_lit f)
{
	static cpu_exec_fn *const ops[] = {op_lit32, op_lit64, op_lit128};

	*o = (struct cpu_insn){
	    .exec = ops[f.opc],
	    .rd = f.rt,
	    .simm = am_sext(f.imm19, 19) * 4,
	};
	return true;
}

/*
 * ---- Pairs ------------------------------------------------------------------------------------
 * rd and ra are the registers; if a load names one twice (CONSTRAINED UNPREDICTABLE, K1.1) the
 * second value stays. Alignment is that of one register.
 */

static AM_COLD const struct cpu_insn *load_pair_slow(struct cpu *c, const struct cpu_insn *i,
						     uint64_t va, unsigned bytes, unsigned wb)
{
	union cpu_vreg a = {0}, b = {0};

	if (bytes == 16) {
		if (!cpu_ld_slow(c, i, va, ACC_16))
			return c->next;
		a.d[0] = c->mem.lo;
		a.d[1] = c->mem.hi;
		if (!cpu_ld_slow(c, i, va + 16, ACC_16))
			return c->next;
		b.d[0] = c->mem.lo;
		b.d[1] = c->mem.hi;
	} else {
		if (!cpu_ld_slow(c, i, va, ACC_PAIR | ACC_OF(2 * bytes)))
			return c->next;
		a.d[0] = bytes == 4 ? (uint32_t)c->mem.lo : c->mem.lo;
		b.d[0] = bytes == 4 ? c->mem.lo >> 32 : c->mem.hi;
	}
	c->v[i->rd] = a;
	c->v[i->ra] = b;
	LDST_WRITEBACK(wb);
	return i + 1;
}

static AM_COLD const struct cpu_insn *store_pair_slow(struct cpu *c, const struct cpu_insn *i,
						      uint64_t va, unsigned bytes, unsigned wb)
{
	const union cpu_vreg *a = &c->v[i->rd], *b = &c->v[i->ra];
	bool ok;

	if (bytes == 16)
		ok = cpu_probe(c, i, va, 32, ACC_16, true) &&
		     cpu_st_slow(c, i, va, ACC_16, a->d[0], a->d[1]) &&
		     cpu_st_slow(c, i, va + 16, ACC_16, b->d[0], b->d[1]);
	else if (bytes == 8)
		ok = cpu_st_slow(c, i, va, ACC_PAIR | ACC_16, a->d[0], b->d[0]);
	else
		ok = cpu_st_slow(c, i, va, ACC_PAIR | ACC_8, a->s[0] | (uint64_t)b->s[0] << 32, 0);
	if (!ok)
		return c->next;
	LDST_WRITEBACK(wb);
	return i + 1;
}

#define PAIR(mode, get_base, kind, bytes, lo, hi, st, ea, wb)             \
	CPU_OP(op_ldp##kind##_##mode)                                     \
	{                                                                 \
		CPU_FP_CHECK();                                           \
		get_base;                                                 \
		uint64_t va = (ea);                                       \
		const uint8_t *p = cpu_tlb_read(c->tlb, va, 2 * (bytes)); \
                                                                          \
		if (am_unlikely(!p))                                      \
			return load_pair_slow(c, i, va, bytes, wb);       \
		uint64_t low = (lo), high = (hi);                         \
		c->v[i->rd].d[0] = low;                                   \
		c->v[i->rd].d[1] = high;                                  \
		p += (bytes);                                             \
		low = (lo);                                               \
		high = (hi);                                              \
		c->v[i->ra].d[0] = low;                                   \
		c->v[i->ra].d[1] = high;                                  \
		LDST_WRITEBACK(wb);                                       \
		CPU_NEXT();                                               \
	}                                                                 \
	CPU_OP(op_stp##kind##_##mode)                                     \
	{                                                                 \
		CPU_FP_CHECK();                                           \
		get_base;                                                 \
		uint64_t va = (ea);                                       \
		uint8_t *p = cpu_tlb_write(c->tlb, va, 2 * (bytes));      \
		const union cpu_vreg *v = &c->v[i->rd];                   \
                                                                          \
		if (am_unlikely(!p))                                      \
			return store_pair_slow(c, i, va, bytes, wb);      \
		st;                                                       \
		p += (bytes);                                             \
		v = &c->v[i->ra];                                         \
		st;                                                       \
		LDST_WRITEBACK(wb);                                       \
		CPU_NEXT();                                               \
	}

#define PAIR_TWICE(mode, kind, bytes, lo, hi, st, ea, wb)          \
	PAIR(mode, LDST_BASE_ANY, kind, bytes, lo, hi, st, ea, wb) \
	PAIR(mode##_sp, LDST_BASE_SP, kind, bytes, lo, hi, st, ea, wb)

#define PAIR_MODES(kind, bytes, lo, hi, st)                                        \
	PAIR_TWICE(imm, kind, bytes, lo, hi, st, base + (int64_t)i->simm, WB_NONE) \
	PAIR_TWICE(pre, kind, bytes, lo, hi, st, base + (int64_t)i->simm, WB_PRE)  \
	PAIR_TWICE(post, kind, bytes, lo, hi, st, base, WB_POST)

PAIR_MODES(s, 4, guest_ld32(p), 0, guest_st32(p, v->s[0]))
PAIR_MODES(d, 8, guest_ld64(p), 0, guest_st64(p, v->d[0]))
PAIR_MODES(q, 16, guest_ld64(p), guest_ld64(p + 8), store_q(p, v))

/* [store][opc][mode][base is SP] */
#define PAIR_OPS(op)                                                     \
	{                                                                \
		MODE_OPS(op, imm), MODE_OPS(op, pre), MODE_OPS(op, post) \
	}
static cpu_exec_fn *const pair_ops[2][3][3][2] = {
    {PAIR_OPS(ldps), PAIR_OPS(ldpd), PAIR_OPS(ldpq)},
    {PAIR_OPS(stps), PAIR_OPS(stpd), PAIR_OPS(stpq)},
};

#define EMIT_PAIR(NAME, store, mode)                                  \
	bool emit_##NAME(struct cpu_insn *o, struct a64_##NAME f)     \
	{                                                             \
		emit(o, pair_ops[store][f.opc][mode], f.rt, f.rn, 31, \
		     am_sext(f.imm7, 7) * (4 << f.opc));              \
		o->ra = f.rt2;                                        \
		return true;                                          \
	}

EMIT_PAIR(STNP_fp, 1, MODE_imm)
EMIT_PAIR(LDNP_fp, 0, MODE_imm)
EMIT_PAIR(STP_fp_off, 1, MODE_imm)
EMIT_PAIR(LDP_fp_off, 0, MODE_imm)
EMIT_PAIR(STP_fp_pre, 1, MODE_pre)
EMIT_PAIR(LDP_fp_pre, 0, MODE_pre)
EMIT_PAIR(STP_fp_post, 1, MODE_post)
EMIT_PAIR(LDP_fp_post, 0, MODE_post)
