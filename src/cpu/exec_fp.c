/* SPDX-License-Identifier: MIT */
/*
 * Operations of scalar floating point (a64_fp.dec): arithmetic, comparison, selection. Each
 * exists for single (_s) and double (_d) precision; fp/ does the arithmetic. Conversions and
 * moves to and from general registers are in exec_fp_convert.c.
 */
#include "a64_rows.h"
#include "cpu/cond.h"
#include "cpu/exec_fp.h"

#define ENV c->fpcr, &c->fpsr

/* ---- One source ---- */

#define UNARY(name, call)                            \
	CPU_OP(op_##name##_s)                        \
	{                                            \
		const uint32_t a = c->v[i->rn].s[0]; \
                                                     \
		CPU_FP_CHECK();                      \
		fp_set_s(c, i->rd, fp32_##call);     \
		CPU_NEXT();                          \
	}                                            \
	CPU_OP(op_##name##_d)                        \
	{                                            \
		const uint64_t a = c->v[i->rn].d[0]; \
                                                     \
		CPU_FP_CHECK();                      \
		fp_set_d(c, i->rd, fp64_##call);     \
		CPU_NEXT();                          \
	}

static inline uint32_t fp32_same(uint32_t a)
{
	return a;
}

static inline uint64_t fp64_same(uint64_t a)
{
	return a;
}

UNARY(fmov, same(a))
UNARY(fabs, abs(a))
UNARY(fneg, neg(a))
UNARY(fsqrt, sqrt(a, ENV))
UNARY(frint, round_int(a, fp_rounding_of(c, i->b[0]), i->b[1], ENV))

#define EMIT_UNARY(row, name, ...)                                                  \
	bool emit_##row(struct cpu_insn *o, struct a64_##row f)                     \
	{                                                                           \
		*o = (struct cpu_insn){.exec = f.d ? op_##name##_d : op_##name##_s, \
				       .rd = f.rd,                                  \
				       .rn = f.rn,                                  \
				       .b = {__VA_ARGS__}};                         \
		return true;                                                        \
	}

EMIT_UNARY(FMOV_reg, fmov, 0)
EMIT_UNARY(FABS_s, fabs, 0)
EMIT_UNARY(FNEG_s, fneg, 0)
EMIT_UNARY(FSQRT_s, fsqrt, 0)
EMIT_UNARY(FRINTN_s, frint, FP_RN, false)
EMIT_UNARY(FRINTP_s, frint, FP_RP, false)
EMIT_UNARY(FRINTM_s, frint, FP_RM, false)
EMIT_UNARY(FRINTZ_s, frint, FP_RZ, false)
EMIT_UNARY(FRINTA_s, frint, FP_RA, false)
EMIT_UNARY(FRINTX_s, frint, FP_BY_FPCR, true)
EMIT_UNARY(FRINTI_s, frint, FP_BY_FPCR, false)

/* ---- Two sources ---- */

#define BINARY(ROW, name, result32, result64)                                       \
	CPU_OP(op_##name##_s)                                                       \
	{                                                                           \
		const uint32_t a = c->v[i->rn].s[0], b = c->v[i->rm].s[0];          \
                                                                                    \
		CPU_FP_CHECK();                                                     \
		fp_set_s(c, i->rd, result32);                                       \
		CPU_NEXT();                                                         \
	}                                                                           \
	CPU_OP(op_##name##_d)                                                       \
	{                                                                           \
		const uint64_t a = c->v[i->rn].d[0], b = c->v[i->rm].d[0];          \
                                                                                    \
		CPU_FP_CHECK();                                                     \
		fp_set_d(c, i->rd, result64);                                       \
		CPU_NEXT();                                                         \
	}                                                                           \
	bool emit_##ROW(struct cpu_insn *o, struct a64_##ROW f)                     \
	{                                                                           \
		*o = (struct cpu_insn){.exec = f.d ? op_##name##_d : op_##name##_s, \
				       .rd = f.rd,                                  \
				       .rn = f.rn,                                  \
				       .rm = f.rm};                                 \
		return true;                                                        \
	}

BINARY(FMUL_s, fmul, fp32_mul(a, b, ENV), fp64_mul(a, b, ENV))
BINARY(FDIV_s, fdiv, fp32_div(a, b, ENV), fp64_div(a, b, ENV))
BINARY(FADD_s, fadd, fp32_add(a, b, ENV), fp64_add(a, b, ENV))
BINARY(FSUB_s, fsub, fp32_sub(a, b, ENV), fp64_sub(a, b, ENV))
BINARY(FMAX_s, fmax, fp32_max(a, b, ENV), fp64_max(a, b, ENV))
BINARY(FMIN_s, fmin, fp32_min(a, b, ENV), fp64_min(a, b, ENV))
BINARY(FMAXNM_s, fmaxnm, fp32_maxnm(a, b, ENV), fp64_maxnm(a, b, ENV))
BINARY(FMINNM_s, fminnm, fp32_minnm(a, b, ENV), fp64_minnm(a, b, ENV))
/* Negates whatever FMUL gives, NaNs too. */
BINARY(FNMUL_s, fnmul, fp32_neg(fp32_mul(a, b, ENV)), fp64_neg(fp64_mul(a, b, ENV)))

/* ---- Fused multiply-add: d = ca + ab, with the sign of a or c changed before ---- */

#define FUSED(ROW, name, c32, a32, c64, a64)                                        \
	CPU_OP(op_##name##_s)                                                       \
	{                                                                           \
		const uint32_t a = c->v[i->rn].s[0], b = c->v[i->rm].s[0];          \
		const uint32_t add = c->v[i->ra].s[0];                              \
                                                                                    \
		CPU_FP_CHECK();                                                     \
		fp_set_s(c, i->rd, fp32_muladd(c32, a32, b, ENV));                  \
		CPU_NEXT();                                                         \
	}                                                                           \
	CPU_OP(op_##name##_d)                                                       \
	{                                                                           \
		const uint64_t a = c->v[i->rn].d[0], b = c->v[i->rm].d[0];          \
		const uint64_t add = c->v[i->ra].d[0];                              \
                                                                                    \
		CPU_FP_CHECK();                                                     \
		fp_set_d(c, i->rd, fp64_muladd(c64, a64, b, ENV));                  \
		CPU_NEXT();                                                         \
	}                                                                           \
	bool emit_##ROW(struct cpu_insn *o, struct a64_##ROW f)                     \
	{                                                                           \
		*o = (struct cpu_insn){.exec = f.d ? op_##name##_d : op_##name##_s, \
				       .rd = f.rd,                                  \
				       .rn = f.rn,                                  \
				       .rm = f.rm,                                  \
				       .ra = f.ra};                                 \
		return true;                                                        \
	}

FUSED(FMADD, fmadd, add, a, add, a)
FUSED(FMSUB, fmsub, add, fp32_neg(a), add, fp64_neg(a))
FUSED(FNMADD, fnmadd, fp32_neg(add), fp32_neg(a), fp64_neg(add), fp64_neg(a))
FUSED(FNMSUB, fnmsub, fp32_neg(add), a, fp64_neg(add), a)

/* ---- Comparison ---- */

static inline void set_nzcv(struct cpu *c, uint64_t nzcv)
{
	c->nf = nzcv << 60;
	c->zf = !(nzcv & 4);
	c->cf = nzcv >> 1 & 1;
	c->vf = nzcv << 63;
}

#define COMPARE_OPS(size, n)                                                                       \
	CPU_OP(op_fcmp_##size)                                                                     \
	{                                                                                          \
		CPU_FP_CHECK();                                                                    \
		set_nzcv(c,                                                                        \
			 fp##n##_compare(c->v[i->rn].size[0], c->v[i->rm].size[0], i->b[0], ENV)); \
		CPU_NEXT();                                                                        \
	}                                                                                          \
	CPU_OP(op_fcmp_zero_##size)                                                                \
	{                                                                                          \
		CPU_FP_CHECK();                                                                    \
		set_nzcv(c, fp##n##_compare(c->v[i->rn].size[0], 0, i->b[0], ENV));                \
		CPU_NEXT();                                                                        \
	}                                                                                          \
	CPU_OP(op_fccmp_##size)                                                                    \
	{                                                                                          \
		CPU_FP_CHECK();                                                                    \
		if (cpu_cond(c, i->b[1]))                                                          \
			set_nzcv(c, fp##n##_compare(c->v[i->rn].size[0], c->v[i->rm].size[0],      \
						    i->b[0], ENV));                                \
		else                                                                               \
			set_nzcv(c, i->b[2]);                                                      \
		CPU_NEXT();                                                                        \
	}

COMPARE_OPS(s, 32)
COMPARE_OPS(d, 64)

bool emit_FCMP(struct cpu_insn *o, struct a64_FCMP f)
{
	*o = (struct cpu_insn){
	    .exec = f.d ? op_fcmp_d : op_fcmp_s, .rn = f.rn, .rm = f.rm, .b = {f.e}};
	return true;
}

bool emit_FCMP_zero(struct cpu_insn *o, struct a64_FCMP_zero f)
{
	*o = (struct cpu_insn){
	    .exec = f.d ? op_fcmp_zero_d : op_fcmp_zero_s, .rn = f.rn, .b = {f.e}};
	return true;
}

bool emit_FCCMP(struct cpu_insn *o, struct a64_FCCMP f)
{
	*o = (struct cpu_insn){.exec = f.d ? op_fccmp_d : op_fccmp_s,
			       .rn = f.rn,
			       .rm = f.rm,
			       .b = {f.e, f.cond, f.nzcv}};
	return true;
}

/* ---- Selection ---- */

#define X(n, cc, expr)                                                 \
	CPU_OP(op_fcsel_##cc##_s)                                      \
	{                                                              \
		CPU_FP_CHECK();                                        \
		fp_set_s(c, i->rd, c->v[(expr) ? i->rn : i->rm].s[0]); \
		CPU_NEXT();                                            \
	}                                                              \
	CPU_OP(op_fcsel_##cc##_d)                                      \
	{                                                              \
		CPU_FP_CHECK();                                        \
		fp_set_d(c, i->rd, c->v[(expr) ? i->rn : i->rm].d[0]); \
		CPU_NEXT();                                            \
	}
CPU_CONDS(X)
#undef X

bool emit_FCSEL(struct cpu_insn *o, struct a64_FCSEL f)
{
	static cpu_exec_fn *const by_cond[16][2] = {
#define X(n, cc, expr) [n] = {op_fcsel_##cc##_s, op_fcsel_##cc##_d},
	    CPU_CONDS(X)
#undef X
		[14] = {op_fmov_s, op_fmov_d},
	    [15] = {op_fmov_s, op_fmov_d},
	};

	*o = (struct cpu_insn){.exec = by_cond[f.cond][f.d], .rd = f.rd, .rn = f.rn, .rm = f.rm};
	return true;
}
