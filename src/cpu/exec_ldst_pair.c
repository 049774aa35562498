/* SPDX-License-Identifier: MIT */
/*
 * Loads and stores of two general registers. A pair is one access of twice the size as far as
 * translation goes, aligned (where that matters) to the size of one (DDI 0487 B2.5.2), and is
 * never half done. The non-temporal forms are the plain ones.
 */
#include "a64_rows.h"
#include "cpu/exec_ldst.h"

/*
 * rd and ra are the registers. If they are the same in a load (CONSTRAINED UNPREDICTABLE, K1.1)
 * the second value stays.
 */
enum { PAIR_W, PAIR_X, PAIR_SW };

static AM_COLD const struct cpu_insn *load_slow(struct cpu *c, const struct cpu_insn *i,
						uint64_t va, unsigned kind, unsigned wb)
{
	if (!cpu_ld_slow(c, i, va, ACC_PAIR | (kind == PAIR_X ? ACC_16 : ACC_8)))
		return c->next;
	switch (kind) {
	case PAIR_X:
		c->r[i->rd] = c->mem.lo;
		c->r[i->ra] = c->mem.hi;
		break;
	case PAIR_W:
		c->r[i->rd] = (uint32_t)c->mem.lo;
		c->r[i->ra] = c->mem.lo >> 32;
		break;
	default:
		c->r[i->rd] = (int64_t)(int32_t)c->mem.lo;
		c->r[i->ra] = (int64_t)c->mem.lo >> 32;
	}
	LDST_WRITEBACK(wb);
	return i + 1;
}

static AM_COLD const struct cpu_insn *store_slow(struct cpu *c, const struct cpu_insn *i,
						 uint64_t va, unsigned kind, unsigned wb)
{
	uint64_t a = c->r[i->rd], b = c->r[i->ra];
	bool ok;

	if (kind == PAIR_X)
		ok = cpu_st_slow(c, i, va, ACC_PAIR | ACC_16, a, b);
	else
		ok = cpu_st_slow(c, i, va, ACC_PAIR | ACC_8, (uint32_t)a | b << 32, 0);
	if (!ok)
		return c->next;
	LDST_WRITEBACK(wb);
	return i + 1;
}

#define LOAD(name, get_base, kind, bytes, type, ld, ea, wb)                              \
	CPU_OP(name)                                                                     \
	{                                                                                \
		get_base;                                                                \
		uint64_t va = (ea);                                                      \
		const uint8_t *p = cpu_tlb_read(c->tlb, va, 2 * (bytes));                \
                                                                                         \
		if (am_unlikely(!p))                                                     \
			return load_slow(c, i, va, kind, wb);                            \
		uint64_t a = (uint64_t)(type)ld(p), b = (uint64_t)(type)ld(p + (bytes)); \
		c->r[i->rd] = a;                                                         \
		c->r[i->ra] = b;                                                         \
		LDST_WRITEBACK(wb);                                                      \
		CPU_NEXT();                                                              \
	}

#define STORE(name, get_base, kind, bytes, type, st, ea, wb)         \
	CPU_OP(name)                                                 \
	{                                                            \
		get_base;                                            \
		uint64_t va = (ea);                                  \
		uint8_t *p = cpu_tlb_write(c->tlb, va, 2 * (bytes)); \
                                                                     \
		if (am_unlikely(!p))                                 \
			return store_slow(c, i, va, kind, wb);       \
		st(p, c->r[i->rd]);                                  \
		st(p + (bytes), c->r[i->ra]);                        \
		LDST_WRITEBACK(wb);                                  \
		CPU_NEXT();                                          \
	}

#define TWICE(WHAT, name, mode, kind, bytes, type, how, ea, wb)                 \
	WHAT(op_##name##_##mode, LDST_BASE_ANY, kind, bytes, type, how, ea, wb) \
	WHAT(op_##name##_##mode##_sp, LDST_BASE_SP, kind, bytes, type, how, ea, wb)

#define ALL_MODES(WHAT, name, kind, bytes, type, how)                                    \
	TWICE(WHAT, name, imm, kind, bytes, type, how, base + (int64_t)i->simm, WB_NONE) \
	TWICE(WHAT, name, pre, kind, bytes, type, how, base + (int64_t)i->simm, WB_PRE)  \
	TWICE(WHAT, name, post, kind, bytes, type, how, base, WB_POST)

ALL_MODES(LOAD, ldpw, PAIR_W, 4, uint32_t, guest_ld32)
ALL_MODES(LOAD, ldpx, PAIR_X, 8, uint64_t, guest_ld64)
ALL_MODES(LOAD, ldpsw, PAIR_SW, 4, int32_t, guest_ld32)
ALL_MODES(STORE, stpw, PAIR_W, 4, uint32_t, guest_st32)
ALL_MODES(STORE, stpx, PAIR_X, 8, uint64_t, guest_st64)

enum { STPW, STPX, LDPW, LDPX, LDPSW };

#define MODE_OPS(name, mode) [MODE_##mode] = {op_##name##_##mode, op_##name##_##mode##_sp}
#define NAME_OPS(name)                                                         \
	{                                                                      \
		MODE_OPS(name, imm), MODE_OPS(name, pre), MODE_OPS(name, post) \
	}

static cpu_exec_fn *const ops[][3][2] = {
    [STPW] = NAME_OPS(stpw), [STPX] = NAME_OPS(stpx),	[LDPW] = NAME_OPS(ldpw),
    [LDPX] = NAME_OPS(ldpx), [LDPSW] = NAME_OPS(ldpsw),
};

static bool emit(struct cpu_insn *o, unsigned op, enum ldst_mode mode, unsigned rt, unsigned rt2,
		 unsigned rn, uint32_t imm7)
{
	bool store = op <= STPX;
	int scale = op == STPX || op == LDPX ? 8 : 4;

	*o = (struct cpu_insn){
	    .exec = ops[op][mode][rn == 31],
	    .rd = store ? reg_src(rt) : reg_dst(rt),
	    .ra = store ? reg_src(rt2) : reg_dst(rt2),
	    .rn = reg_sp(rn),
	    .simm = am_sext(imm7, 7) * scale,
	};
	return true;
}

#define EMIT(NAME, op, mode)                                         \
	bool emit_##NAME(struct cpu_insn *o, struct a64_##NAME f)    \
	{                                                            \
		return emit(o, op, mode, f.rt, f.rt2, f.rn, f.imm7); \
	}

EMIT(STNP, STPW + f.sf, MODE_imm)
EMIT(STP_off, STPW + f.sf, MODE_imm)
EMIT(STP_pre, STPW + f.sf, MODE_pre)
EMIT(STP_post, STPW + f.sf, MODE_post)
EMIT(LDNP, LDPW + f.sf, MODE_imm)
EMIT(LDP_off, LDPW + f.sf, MODE_imm)
EMIT(LDP_pre, LDPW + f.sf, MODE_pre)
EMIT(LDP_post, LDPW + f.sf, MODE_post)
EMIT(LDPSW_off, LDPSW, MODE_imm)
EMIT(LDPSW_pre, LDPSW, MODE_pre)
EMIT(LDPSW_post, LDPSW, MODE_post)
