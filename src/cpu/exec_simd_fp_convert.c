/* SPDX-License-Identifier: MIT */
/*
 * Operations of Advanced SIMD floating point (a64_simd_fp.dec): rounding to integral values,
 * conversion to and from integer and fixed point, longer and narrower formats.
 */
#include "a64_rows.h"
#include "cpu/exec_fp.h"

#define ENV c->fpcr, &c->fpsr

/* ---- Lane by lane: i->b is lanes, then rounding, then fraction bits or "exact" ---- */

#define ROUNDING fp_rounding_of(c, i->b[1])

FP_LANES_OP(op_frint_s, 32, s, e, fp32_round_int(a, ROUNDING, i->b[2], ENV))
FP_LANES_OP(op_frint_d, 64, d, e, fp64_round_int(a, ROUNDING, i->b[2], ENV))
FP_LANES_OP(op_fcvts_s, 32, s, e, fp32_to_s32(a, i->b[2], ROUNDING, ENV))
FP_LANES_OP(op_fcvts_d, 64, d, e, fp64_to_s64(a, i->b[2], ROUNDING, ENV))
FP_LANES_OP(op_fcvtu_s, 32, s, e, fp32_to_u32(a, i->b[2], ROUNDING, ENV))
FP_LANES_OP(op_fcvtu_d, 64, d, e, fp64_to_u64(a, i->b[2], ROUNDING, ENV))
FP_LANES_OP(op_scvtf_s, 32, s, e, fp32_from_s64((int32_t)a, i->b[2], ENV))
FP_LANES_OP(op_scvtf_d, 64, d, e, fp64_from_s64((int64_t)a, i->b[2], ENV))
FP_LANES_OP(op_ucvtf_s, 32, s, e, fp32_from_s64(a, i->b[2], ENV))
FP_LANES_OP(op_ucvtf_d, 64, d, e, fp64_from_u64(a, i->b[2], ENV))

#define EMIT(row, name, sz, lanes, ...)                                            \
	bool emit_##row(struct cpu_insn *o, struct a64_##row f)                    \
	{                                                                          \
		*o = (struct cpu_insn){.exec = sz ? op_##name##_d : op_##name##_s, \
				       .rd = f.rd,                                 \
				       .rn = f.rn,                                 \
				       .b = {lanes, __VA_ARGS__}};                 \
		return true;                                                       \
	}
#define EMIT_V(ROW, name, ...) EMIT(ROW##_v, name, f.sz, FP_VECTOR_LANES(f.sz, f.q), __VA_ARGS__)
#define EMIT_S(ROW, name, ...) EMIT(ROW##_sv, name, f.sz, 1, __VA_ARGS__)
#define EMIT_VS(ROW, name, ...)        \
	EMIT_V(ROW, name, __VA_ARGS__) \
	EMIT_S(ROW, name, __VA_ARGS__)

EMIT_V(FRINTN, frint, FP_RN, false)
EMIT_V(FRINTP, frint, FP_RP, false)
EMIT_V(FRINTM, frint, FP_RM, false)
EMIT_V(FRINTZ, frint, FP_RZ, false)
EMIT_V(FRINTA, frint, FP_RA, false)
EMIT_V(FRINTX, frint, FP_BY_FPCR, true)
EMIT_V(FRINTI, frint, FP_BY_FPCR, false)

EMIT_VS(FCVTNS, fcvts, FP_RN, 0)
EMIT_VS(FCVTNU, fcvtu, FP_RN, 0)
EMIT_VS(FCVTPS, fcvts, FP_RP, 0)
EMIT_VS(FCVTPU, fcvtu, FP_RP, 0)
EMIT_VS(FCVTMS, fcvts, FP_RM, 0)
EMIT_VS(FCVTMU, fcvtu, FP_RM, 0)
EMIT_VS(FCVTZS, fcvts, FP_RZ, 0)
EMIT_VS(FCVTZU, fcvtu, FP_RZ, 0)
EMIT_VS(FCVTAS, fcvts, FP_RA, 0)
EMIT_VS(FCVTAU, fcvtu, FP_RA, 0)
EMIT_VS(SCVTF, scvtf, 0, 0)
EMIT_VS(UCVTF, ucvtf, 0, 0)

/* Fixed point: fbits is 2 * esize - immh:immb, and the leading 1 of immh is not in imm. */
#define EMIT_FIXED(ROW, name, rounding)                           \
	EMIT(ROW##_fs_v, name, 0, 2 << f.q, rounding, 32 - f.imm) \
	EMIT(ROW##_fd_v, name, 1, 2, rounding, 64 - f.imm)        \
	EMIT(ROW##_fs_sv, name, 0, 1, rounding, 32 - f.imm)       \
	EMIT(ROW##_fd_sv, name, 1, 1, rounding, 64 - f.imm)

EMIT_FIXED(SCVTF, scvtf, 0)
EMIT_FIXED(UCVTF, ucvtf, 0)
EMIT_FIXED(FCVTZS, fcvts, FP_RZ)
EMIT_FIXED(FCVTZU, fcvtu, FP_RZ)

/* ---- Longer: the lower or (FCVTL2) upper half of Vn; i->b[0] is its first element ---- */

CPU_OP(op_fcvtl_s)
{
	const union cpu_vreg *vn = &c->v[i->rn];
	union cpu_vreg r;

	CPU_FP_CHECK();
	for (unsigned e = 0; e < 4; e++)
		r.s[e] = fp16_to_fp32(vn->h[i->b[0] + e], ENV);
	c->v[i->rd] = r;
	CPU_NEXT();
}

CPU_OP(op_fcvtl_d)
{
	const union cpu_vreg *vn = &c->v[i->rn];
	union cpu_vreg r;

	CPU_FP_CHECK();
	for (unsigned e = 0; e < 2; e++)
		r.d[e] = fp32_to_fp64(vn->s[i->b[0] + e], ENV);
	c->v[i->rd] = r;
	CPU_NEXT();
}

EMIT(FCVTL_v, fcvtl, f.sz, f.sz ? 2 * f.q : 4 * f.q, 0)

/* ---- Narrower: half a result. The "2" forms (i->b[0] is 1) keep the lower half of Vd ---- */

static inline void set_half(struct cpu *c, const struct cpu_insn *i, uint64_t half)
{
	c->v[i->rd].d[i->b[0]] = half;
	if (!i->b[0])
		c->v[i->rd].d[1] = 0;
}

/* From singles to halves. */
CPU_OP(op_fcvtn_s)
{
	const union cpu_vreg *vn = &c->v[i->rn];
	uint64_t r = 0;

	CPU_FP_CHECK();
	for (unsigned e = 0; e < 4; e++)
		r |= (uint64_t)fp32_to_fp16(vn->s[e], ENV) << 16 * e;
	set_half(c, i, r);
	CPU_NEXT();
}

CPU_OP(op_fcvtn_d)
{
	const union cpu_vreg *vn = &c->v[i->rn];
	uint64_t lo, hi;

	CPU_FP_CHECK();
	lo = fp64_to_fp32(vn->d[0], ENV);
	hi = fp64_to_fp32(vn->d[1], ENV);
	set_half(c, i, hi << 32 | lo);
	CPU_NEXT();
}

CPU_OP(op_fcvtxn)
{
	const union cpu_vreg *vn = &c->v[i->rn];
	uint64_t lo, hi;

	CPU_FP_CHECK();
	lo = fp64_to_fp32_odd(vn->d[0], ENV);
	hi = fp64_to_fp32_odd(vn->d[1], ENV);
	set_half(c, i, hi << 32 | lo);
	CPU_NEXT();
}

CPU_OP(op_fcvtxn_scalar)
{
	CPU_FP_CHECK();
	fp_set_s(c, i->rd, fp64_to_fp32_odd(c->v[i->rn].d[0], ENV));
	CPU_NEXT();
}

EMIT(FCVTN_v, fcvtn, f.sz, f.q, 0)

bool emit_FCVTXN_v(struct cpu_insn *o, struct a64_FCVTXN_v f)
{
	*o = (struct cpu_insn){.exec = op_fcvtxn, .rd = f.rd, .rn = f.rn, .b = {f.q}};
	return true;
}

bool emit_FCVTXN_sv(struct cpu_insn *o, struct a64_FCVTXN_sv f)
{
	*o = (struct cpu_insn){.exec = op_fcvtxn_scalar, .rd = f.rd, .rn = f.rn};
	return true;
}
