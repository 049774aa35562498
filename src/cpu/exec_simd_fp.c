/* SPDX-License-Identifier: MIT */
/*
 * Operations of Advanced SIMD floating point (a64_simd_fp.dec): arithmetic, comparison,
 * estimates, pairwise and across lanes. A scalar instruction is a vector of one lane. Rounding
 * and conversion are in exec_simd_fp_convert.c.
 */
#include "a64_rows.h"
#include "cpu/exec_fp.h"
#include "cpu/fp/fp_vector.h"

#define ENV c->fpcr, &c->fpsr

/* ---- What the instructions add to fp.h ---- */

/*
 * Comparisons give a mask. Equality signals for signalling NaNs only, order for all NaNs. FACGE
 * and FACGT compare absolute values.
 */
#define DERIVE(n, T)                                                                \
	static inline T abd##n(T a, T b, uint32_t fpcr, uint32_t *fpsr)             \
	{                                                                           \
		return fp##n##_abs(fp##n##_sub(a, b, fpcr, fpsr));                  \
	}                                                                           \
	static inline T cmeq##n(T a, T b, uint32_t fpcr, uint32_t *fpsr)            \
	{                                                                           \
		return -(T)(fp##n##_compare(a, b, false, fpcr, fpsr) == FP_EQUAL);  \
	}                                                                           \
	static inline T cmgt##n(T a, T b, uint32_t fpcr, uint32_t *fpsr)            \
	{                                                                           \
		return -(T)(fp##n##_compare(a, b, true, fpcr, fpsr) == FP_GREATER); \
	}                                                                           \
	static inline T cmge##n(T a, T b, uint32_t fpcr, uint32_t *fpsr)            \
	{                                                                           \
		enum fp_relation rel = fp##n##_compare(a, b, true, fpcr, fpsr);     \
                                                                                    \
		return -(T)(rel == FP_GREATER || rel == FP_EQUAL);                  \
	}                                                                           \
	static inline T acgt##n(T a, T b, uint32_t fpcr, uint32_t *fpsr)            \
	{                                                                           \
		return cmgt##n(fp##n##_abs(a), fp##n##_abs(b), fpcr, fpsr);         \
	}                                                                           \
	static inline T acge##n(T a, T b, uint32_t fpcr, uint32_t *fpsr)            \
	{                                                                           \
		return cmge##n(fp##n##_abs(a), fp##n##_abs(b), fpcr, fpsr);         \
	}

DERIVE(32, uint32_t)
DERIVE(64, uint64_t)

/* ---- Lane by lane ---- */

#define LANES(name, expr32, expr64)                  \
	FP_LANES_OP(op_##name##_s, 32, s, e, expr32) \
	FP_LANES_OP(op_##name##_d, 64, d, e, expr64)
#define LANES3(name, fn) LANES(name, fp32_##fn(a, b, ENV), fp64_##fn(a, b, ENV))
#define LANES3D(name)	 LANES(f##name, name##32(a, b, ENV), name##64(a, b, ENV))
#define LANES2(name, fn) LANES(name, fp32_##fn(a, ENV), fp64_##fn(a, ENV))

LANES3(fadd, add)
LANES3(fsub, sub)
LANES3(fmul, mul)
LANES3(fmulx, mulx)
LANES3(fdiv, div)
LANES3(fmax, max)
LANES3(fmin, min)
LANES3(fmaxnm, maxnm)
LANES3(fminnm, minnm)
LANES3(frecps, recps)
LANES3(frsqrts, rsqrts)
LANES3D(abd)
LANES3D(cmeq)
LANES3D(cmgt)
LANES3D(cmge)
LANES3D(acgt)
LANES3D(acge)
LANES(fmla, fp32_muladd(d, a, b, ENV), fp64_muladd(d, a, b, ENV))
LANES(fmls, fp32_muladd(d, fp32_neg(a), b, ENV), fp64_muladd(d, fp64_neg(a), b, ENV))
LANES2(fsqrt, sqrt)
LANES2(frecpe, recpe)
LANES2(frecpx, recpx)
LANES2(frsqrte, rsqrte)
LANES(fabs, fp32_abs(a), fp64_abs(a))
LANES(fneg, fp32_neg(a), fp64_neg(a))
LANES(fcmeq_zero, cmeq32(a, 0, ENV), cmeq64(a, 0, ENV))
LANES(fcmgt_zero, cmgt32(a, 0, ENV), cmgt64(a, 0, ENV))
LANES(fcmge_zero, cmge32(a, 0, ENV), cmge64(a, 0, ENV))
LANES(fcmlt_zero, cmgt32(0, a, ENV), cmgt64(0, a, ENV))
LANES(fcmle_zero, cmge32(0, a, ENV), cmge64(0, a, ENV))
FP_LANES_OP(op_urecpe, 32, s, e, fp_urecpe(a))
FP_LANES_OP(op_ursqrte, 32, s, e, fp_ursqrte(a))

static bool emit_lanes(struct cpu_insn *o, cpu_exec_fn *exec, unsigned rd, unsigned rn, unsigned rm,
		       unsigned lanes)
{
	*o = (struct cpu_insn){.exec = exec, .rd = rd, .rn = rn, .rm = rm, .b = {lanes}};
	return true;
}

#define EMIT(row, name, rm, lanes)                                                                 \
	bool emit_##row(struct cpu_insn *o, struct a64_##row f)                                    \
	{                                                                                          \
		return emit_lanes(o, f.sz ? op_##name##_d : op_##name##_s, f.rd, f.rn, rm, lanes); \
	}
#define EMIT_V3(ROW, name) EMIT(ROW##_v, name, f.rm, FP_VECTOR_LANES(f.sz, f.q))
#define EMIT_S3(ROW, name) EMIT(ROW##_sv, name, f.rm, 1)
#define EMIT_V2(ROW, name) EMIT(ROW##_v, name, 0, FP_VECTOR_LANES(f.sz, f.q))
#define EMIT_S2(ROW, name) EMIT(ROW##_sv, name, 0, 1)

EMIT_V3(FMULX, fmulx)
EMIT_S3(FMULX, fmulx)
EMIT_V3(FMAX, fmax)
EMIT_V3(FMIN, fmin)
EMIT_V3(FMAXNM, fmaxnm)
EMIT_V3(FMINNM, fminnm)
EMIT_V3(FRECPS, frecps)
EMIT_S3(FRECPS, frecps)
EMIT_V3(FRSQRTS, frsqrts)
EMIT_S3(FRSQRTS, frsqrts)
EMIT_V3(FABD, fabd)
EMIT_S3(FABD, fabd)
EMIT_V3(FCMEQ, fcmeq)
EMIT_S3(FCMEQ, fcmeq)
EMIT_V3(FCMGE, fcmge)
EMIT_S3(FCMGE, fcmge)
EMIT_V3(FCMGT, fcmgt)
EMIT_S3(FCMGT, fcmgt)
EMIT_V3(FACGE, facge)
EMIT_S3(FACGE, facge)
EMIT_V3(FACGT, facgt)
EMIT_S3(FACGT, facgt)
EMIT_V2(FCMEQ_zero, fcmeq_zero)
EMIT_S2(FCMEQ_zero, fcmeq_zero)
EMIT_V2(FCMGE_zero, fcmge_zero)
EMIT_S2(FCMGE_zero, fcmge_zero)
EMIT_V2(FCMGT_zero, fcmgt_zero)
EMIT_S2(FCMGT_zero, fcmgt_zero)
EMIT_V2(FCMLE_zero, fcmle_zero)
EMIT_S2(FCMLE_zero, fcmle_zero)
EMIT_V2(FCMLT_zero, fcmlt_zero)
EMIT_S2(FCMLT_zero, fcmlt_zero)
EMIT_V2(FABS, fabs)
EMIT_V2(FNEG, fneg)
EMIT_V2(FSQRT, fsqrt)
EMIT_V2(FRECPE, frecpe)
EMIT_S2(FRECPE, frecpe)
EMIT_V2(FRSQRTE, frsqrte)
EMIT_S2(FRSQRTE, frsqrte)
EMIT_S2(FRECPX, frecpx)

bool emit_URECPE_v(struct cpu_insn *o, struct a64_URECPE_v f)
{
	return emit_lanes(o, op_urecpe, f.rd, f.rn, 0, FP_VECTOR_LANES(0, f.q));
}

bool emit_URSQRTE_v(struct cpu_insn *o, struct a64_URSQRTE_v f)
{
	return emit_lanes(o, op_ursqrte, f.rd, f.rn, 0, FP_VECTOR_LANES(0, f.q));
}

/* ---- The common ones on whole vectors ---- */

/* A vector whose result is not safe in all lanes goes lane by lane. */
#define WHOLE_OP(name, n, lanewise, condition, zero_ok, result)                     \
	CPU_OP(name)                                                                \
	{                                                                           \
		CPU_FP_CHECK();                                                     \
		if (am_likely(fp_vector_ok(c) && (condition))) {                    \
			const fp##n##_vec a = fp##n##_load(&c->v[i->rn]);           \
			const fp##n##_vec d AM_UNUSED = fp##n##_load(&c->v[i->rd]); \
			const fp##n##_vec r = result;                               \
                                                                                    \
			if (am_likely(fp##n##_all_safe(r, zero_ok))) {              \
				fp##n##_store(&c->v[i->rd], r);                     \
				CPU_NEXT();                                         \
			}                                                           \
		}                                                                   \
		CPU_TAIL lanewise(c, i);                                            \
	}

#define VM(n)  fp##n##_load(&c->v[i->rm])
#define ELEM_S fp32_splat(c->v[i->rm].s[i->b[1]])
#define ELEM_D fp64_splat(c->v[i->rm].d[i->b[1]])

WHOLE_OP(op_fadd_4s, 32, op_fadd_s, true, true, a + VM(32))
WHOLE_OP(op_fadd_2d, 64, op_fadd_d, true, true, a + VM(64))
WHOLE_OP(op_fsub_4s, 32, op_fsub_s, true, true, a - VM(32))
WHOLE_OP(op_fsub_2d, 64, op_fsub_d, true, true, a - VM(64))
WHOLE_OP(op_fmul_4s, 32, op_fmul_s, true, false, a *VM(32))
WHOLE_OP(op_fmul_2d, 64, op_fmul_d, true, false, a *VM(64))
WHOLE_OP(op_fdiv_4s, 32, op_fdiv_s, true, false, a / VM(32))
WHOLE_OP(op_fdiv_2d, 64, op_fdiv_d, true, false, a / VM(64))
WHOLE_OP(op_fmla_4s, 32, op_fmla_s, fp_host_has_fma(), false, fp32_vec_fma(d, a, VM(32)))
WHOLE_OP(op_fmla_2d, 64, op_fmla_d, fp_host_has_fma(), false, fp64_vec_fma(d, a, VM(64)))
WHOLE_OP(op_fmls_4s, 32, op_fmls_s, fp_host_has_fma(), false, fp32_vec_fma(d, -a, VM(32)))
WHOLE_OP(op_fmls_2d, 64, op_fmls_d, fp_host_has_fma(), false, fp64_vec_fma(d, -a, VM(64)))

#define EMIT_WHOLE(ROW, name)                                                                     \
	bool emit_##ROW(struct cpu_insn *o, struct a64_##ROW f)                                   \
	{                                                                                         \
		cpu_exec_fn *exec = f.sz ? op_##name##_2d : f.q ? op_##name##_4s : op_##name##_s; \
                                                                                                  \
		return emit_lanes(o, exec, f.rd, f.rn, f.rm, FP_VECTOR_LANES(f.sz, f.q));         \
	}

EMIT_WHOLE(FADD_v, fadd)
EMIT_WHOLE(FSUB_v, fsub)
EMIT_WHOLE(FMUL_v, fmul)
EMIT_WHOLE(FDIV_v, fdiv)
EMIT_WHOLE(FMLA_v, fmla)
EMIT_WHOLE(FMLS_v, fmls)

/* ---- By element: the lane of Vm is i->b[1] ---- */

/* Vm may be Vd: its element is read before the first lane is written. */
#define ELEMENT_OP(name, n, lane, ...)                                 \
	CPU_OP(name)                                                   \
	{                                                              \
		const unsigned lanes = i->b[0];                        \
		const uint##n##_t b = c->v[i->rm].lane[i->b[1]];       \
                                                                       \
		CPU_FP_CHECK();                                        \
		for (unsigned e = 0; e < lanes; e++) {                 \
			uint##n##_t a = c->v[i->rn].lane[e];           \
			uint##n##_t d AM_UNUSED = c->v[i->rd].lane[e]; \
                                                                       \
			c->v[i->rd].lane[e] = (__VA_ARGS__);           \
		}                                                      \
		if (lanes * n <= 64)                                   \
			c->v[i->rd].d[1] = 0;                          \
		if (lanes * n <= 32)                                   \
			c->v[i->rd].s[1] = 0;                          \
		CPU_NEXT();                                            \
	}

static bool emit_element(struct cpu_insn *o, cpu_exec_fn *exec, unsigned rd, unsigned rn,
			 unsigned rm, unsigned lanes, unsigned index)
{
	*o = (struct cpu_insn){.exec = exec, .rd = rd, .rn = rn, .rm = rm, .b = {lanes, index}};
	return true;
}

#define EMIT_ELEMENT(row, name, name_2d, name_4s, q, lanes)                                      \
	bool emit_##row(struct cpu_insn *o, struct a64_##row f)                                  \
	{                                                                                        \
		cpu_exec_fn *exec = f.sz ? op_##name_2d : q ? op_##name_4s : op_##name##_elem_s; \
                                                                                                 \
		return emit_element(o, exec, f.rd, f.rn, f.rm, lanes,                            \
				    f.sz ? f.h : f.h << 1 | f.l);                                \
	}
#define ELEMENT(ROW, name, condition, expr32, expr64, whole32, whole64)                  \
	ELEMENT_OP(op_##name##_elem_s, 32, s, expr32)                                    \
	ELEMENT_OP(op_##name##_elem_d, 64, d, expr64)                                    \
	WHOLE_OP(op_##name##_elem_4s, 32, op_##name##_elem_s, condition, false, whole32) \
	WHOLE_OP(op_##name##_elem_2d, 64, op_##name##_elem_d, condition, false, whole64) \
	EMIT_ELEMENT(ROW##_elem_v, name, name##_elem_2d, name##_elem_4s, f.q,            \
		     FP_VECTOR_LANES(f.sz, f.q))                                         \
	EMIT_ELEMENT(ROW##_elem_sv, name, name##_elem_d, name##_elem_s, false, 1)

ELEMENT(FMUL, fmul, true, fp32_mul(a, b, ENV), fp64_mul(a, b, ENV), a *ELEM_S, a *ELEM_D)
ELEMENT(FMULX, fmulx, true, fp32_mulx(a, b, ENV), fp64_mulx(a, b, ENV), a *ELEM_S, a *ELEM_D)
ELEMENT(FMLA, fmla, fp_host_has_fma(), fp32_muladd(d, a, b, ENV), fp64_muladd(d, a, b, ENV),
	fp32_vec_fma(d, a, ELEM_S), fp64_vec_fma(d, a, ELEM_D))
ELEMENT(FMLS, fmls, fp_host_has_fma(), fp32_muladd(d, fp32_neg(a), b, ENV),
	fp64_muladd(d, fp64_neg(a), b, ENV), fp32_vec_fma(d, -a, ELEM_S),
	fp64_vec_fma(d, -a, ELEM_D))

/* ---- Pairs ---- */

/* Vector: the pairs of Vn, then those of Vm. Scalar: the one pair of Vn. */
#define PAIR_OPS(name, n, lane, call)                                                         \
	CPU_OP(op_##name##_##lane)                                                            \
	{                                                                                     \
		const union cpu_vreg *vn = &c->v[i->rn], *vm = &c->v[i->rm];                  \
		const unsigned half = i->b[0] / 2;                                            \
		union cpu_vreg r = {.d = {0, 0}};                                             \
                                                                                              \
		CPU_FP_CHECK();                                                               \
		for (unsigned e = 0; e < half; e++) {                                         \
			r.lane[e] = call(vn->lane[2 * e], vn->lane[2 * e + 1], ENV);          \
			r.lane[half + e] = call(vm->lane[2 * e], vm->lane[2 * e + 1], ENV);   \
		}                                                                             \
		c->v[i->rd] = r;                                                              \
		CPU_NEXT();                                                                   \
	}                                                                                     \
	CPU_OP(op_##name##_pair_##lane)                                                       \
	{                                                                                     \
		CPU_FP_CHECK();                                                               \
		fp_set_##lane(c, i->rd, call(c->v[i->rn].lane[0], c->v[i->rn].lane[1], ENV)); \
		CPU_NEXT();                                                                   \
	}
#define PAIRS(ROW, name, fn)             \
	PAIR_OPS(name, 32, s, fp32_##fn) \
	PAIR_OPS(name, 64, d, fp64_##fn) \
	EMIT_V3(ROW, name)               \
	EMIT_S2(ROW, name##_pair)

PAIRS(FADDP, faddp, add)
PAIRS(FMAXP, fmaxp, max)
PAIRS(FMINP, fminp, min)
PAIRS(FMAXNMP, fmaxnmp, maxnm)
PAIRS(FMINNMP, fminnmp, minnm)

/* ---- Across the four lanes of singles: Reduce() takes halves first ---- */

#define ACROSS(ROW, name, call)                                    \
	CPU_OP(op_##name)                                          \
	{                                                          \
		const union cpu_vreg *vn = &c->v[i->rn];           \
		uint32_t lo, hi;                                   \
                                                                   \
		CPU_FP_CHECK();                                    \
		lo = call(vn->s[0], vn->s[1], ENV);                \
		hi = call(vn->s[2], vn->s[3], ENV);                \
		fp_set_s(c, i->rd, call(lo, hi, ENV));             \
		CPU_NEXT();                                        \
	}                                                          \
	bool emit_##ROW(struct cpu_insn *o, struct a64_##ROW f)    \
	{                                                          \
		return emit_lanes(o, op_##name, f.rd, f.rn, 0, 4); \
	}

ACROSS(FMAXV_v, fmaxv, fp32_max)
ACROSS(FMINV_v, fminv, fp32_min)
ACROSS(FMAXNMV_v, fmaxnmv, fp32_maxnm)
ACROSS(FMINNMV_v, fminnmv, fp32_minnm)
