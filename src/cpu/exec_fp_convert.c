/* SPDX-License-Identifier: MIT */
/*
 * Operations of scalar floating point (a64_fp.dec): conversion between formats, to and from
 * general registers as integer or fixed point, moves and immediates.
 */
#include "a64_rows.h"
#include "cpu/exec_fp.h"

#define ENV c->fpcr, &c->fpsr

/* ---- Between formats ---- */

#define FCVT_OP(to, from, lane, n, call)                              \
	CPU_OP(op_fcvt_##to##_##from)                                 \
	{                                                             \
		CPU_FP_CHECK();                                       \
		fp_set_##n(c, i->rd, call(c->v[i->rn].lane[0], ENV)); \
		CPU_NEXT();                                           \
	}

FCVT_OP(d, s, s, d, fp32_to_fp64)
FCVT_OP(h, s, s, s, fp32_to_fp16)
FCVT_OP(s, d, d, s, fp64_to_fp32)
FCVT_OP(h, d, d, s, fp64_to_fp16)
FCVT_OP(s, h, h, s, fp16_to_fp32)
FCVT_OP(d, h, h, d, fp16_to_fp64)

bool emit_FCVT(struct cpu_insn *o, struct a64_FCVT f)
{
	/* By ftype (from) and opc (to): single, double, none, half. */
	static cpu_exec_fn *const ops[4][4] = {
	    {NULL, op_fcvt_d_s, NULL, op_fcvt_h_s},
	    {op_fcvt_s_d, NULL, NULL, op_fcvt_h_d},
	    {NULL},
	    {op_fcvt_s_h, op_fcvt_d_h},
	};

	*o = (struct cpu_insn){.exec = ops[f.ftype][f.opc], .rd = f.rd, .rn = f.rn};
	return o->exec;
}

/* ---- To integer: i->b is the rounding and the number of fraction bits ---- */

#define TO_INT_OPS(size, n)                                                                       \
	CPU_OP(op_##size##_to_s32)                                                                \
	{                                                                                         \
		CPU_FP_CHECK();                                                                   \
		c->r[i->rd] = (uint32_t)fp##n##_to_s32(c->v[i->rn].size[0], i->b[1],              \
						       (enum fp_rounding)i->b[0], ENV);           \
		CPU_NEXT();                                                                       \
	}                                                                                         \
	CPU_OP(op_##size##_to_u32)                                                                \
	{                                                                                         \
		CPU_FP_CHECK();                                                                   \
		c->r[i->rd] =                                                                     \
		    fp##n##_to_u32(c->v[i->rn].size[0], i->b[1], (enum fp_rounding)i->b[0], ENV); \
		CPU_NEXT();                                                                       \
	}                                                                                         \
	CPU_OP(op_##size##_to_s64)                                                                \
	{                                                                                         \
		CPU_FP_CHECK();                                                                   \
		c->r[i->rd] = (uint64_t)fp##n##_to_s64(c->v[i->rn].size[0], i->b[1],              \
						       (enum fp_rounding)i->b[0], ENV);           \
		CPU_NEXT();                                                                       \
	}                                                                                         \
	CPU_OP(op_##size##_to_u64)                                                                \
	{                                                                                         \
		CPU_FP_CHECK();                                                                   \
		c->r[i->rd] =                                                                     \
		    fp##n##_to_u64(c->v[i->rn].size[0], i->b[1], (enum fp_rounding)i->b[0], ENV); \
		CPU_NEXT();                                                                       \
	}

TO_INT_OPS(s, 32)
TO_INT_OPS(d, 64)

static bool to_int(struct cpu_insn *o, bool d, bool is_unsigned, bool sf, unsigned rd, unsigned rn,
		   enum fp_rounding rounding, unsigned fbits)
{
	static cpu_exec_fn *const ops[2][2][2] = {
	    {{op_s_to_s32, op_s_to_s64}, {op_s_to_u32, op_s_to_u64}},
	    {{op_d_to_s32, op_d_to_s64}, {op_d_to_u32, op_d_to_u64}},
	};

	*o = (struct cpu_insn){
	    .exec = ops[d][is_unsigned][sf], .rd = reg_dst(rd), .rn = rn, .b = {rounding, fbits}};
	return true;
}

#define EMIT_TO_INT(row, is_unsigned, rounding, fbits)                                 \
	bool emit_##row(struct cpu_insn *o, struct a64_##row f)                        \
	{                                                                              \
		return to_int(o, f.d, is_unsigned, f.sf, f.rd, f.rn, rounding, fbits); \
	}

EMIT_TO_INT(FCVTNS_r, false, FP_RN, 0)
EMIT_TO_INT(FCVTNU_r, true, FP_RN, 0)
EMIT_TO_INT(FCVTPS_r, false, FP_RP, 0)
EMIT_TO_INT(FCVTPU_r, true, FP_RP, 0)
EMIT_TO_INT(FCVTMS_r, false, FP_RM, 0)
EMIT_TO_INT(FCVTMU_r, true, FP_RM, 0)
EMIT_TO_INT(FCVTZS_r, false, FP_RZ, 0)
EMIT_TO_INT(FCVTZU_r, true, FP_RZ, 0)
EMIT_TO_INT(FCVTAS_r, false, FP_RA, 0)
EMIT_TO_INT(FCVTAU_r, true, FP_RA, 0)
EMIT_TO_INT(FCVTZS_fix, false, FP_RZ, 64 - f.scale)
EMIT_TO_INT(FCVTZU_fix, true, FP_RZ, 64 - f.scale)

/* ---- From integer: i->b[0] is the number of fraction bits ---- */

#define FROM_INT_OP(size, n, from, type, call)                                            \
	CPU_OP(op_##size##_from_##from)                                                   \
	{                                                                                 \
		CPU_FP_CHECK();                                                           \
		fp_set_##size(c, i->rd, fp##n##_##call((type)c->r[i->rn], i->b[0], ENV)); \
		CPU_NEXT();                                                               \
	}
#define FROM_INT_OPS(size, n)                         \
	FROM_INT_OP(size, n, s32, int32_t, from_s64)  \
	FROM_INT_OP(size, n, u32, uint32_t, from_s64) \
	FROM_INT_OP(size, n, s64, int64_t, from_s64)  \
	FROM_INT_OP(size, n, u64, uint64_t, from_u64)

FROM_INT_OPS(s, 32)
FROM_INT_OPS(d, 64)

static bool from_int(struct cpu_insn *o, bool d, bool is_unsigned, bool sf, unsigned rd,
		     unsigned rn, unsigned fbits)
{
	static cpu_exec_fn *const ops[2][2][2] = {
	    {{op_s_from_s32, op_s_from_s64}, {op_s_from_u32, op_s_from_u64}},
	    {{op_d_from_s32, op_d_from_s64}, {op_d_from_u32, op_d_from_u64}},
	};

	*o = (struct cpu_insn){
	    .exec = ops[d][is_unsigned][sf], .rd = rd, .rn = reg_src(rn), .b = {fbits}};
	return true;
}

#define EMIT_FROM_INT(row, is_unsigned, fbits)                                 \
	bool emit_##row(struct cpu_insn *o, struct a64_##row f)                \
	{                                                                      \
		return from_int(o, f.d, is_unsigned, f.sf, f.rd, f.rn, fbits); \
	}

EMIT_FROM_INT(SCVTF_r, false, 0)
EMIT_FROM_INT(UCVTF_r, true, 0)
EMIT_FROM_INT(SCVTF_fix, false, 64 - f.scale)
EMIT_FROM_INT(UCVTF_fix, true, 64 - f.scale)

/* ---- Moves ---- */

CPU_OP(op_fmov_w_s)
{
	CPU_FP_CHECK();
	c->r[i->rd] = c->v[i->rn].s[0];
	CPU_NEXT();
}

CPU_OP(op_fmov_x_d)
{
	CPU_FP_CHECK();
	c->r[i->rd] = c->v[i->rn].d[0];
	CPU_NEXT();
}

CPU_OP(op_fmov_x_hi)
{
	CPU_FP_CHECK();
	c->r[i->rd] = c->v[i->rn].d[1];
	CPU_NEXT();
}

CPU_OP(op_fmov_s_w)
{
	CPU_FP_CHECK();
	fp_set_s(c, i->rd, (uint32_t)c->r[i->rn]);
	CPU_NEXT();
}

CPU_OP(op_fmov_d_x)
{
	CPU_FP_CHECK();
	fp_set_d(c, i->rd, c->r[i->rn]);
	CPU_NEXT();
}

/* The only scalar move that keeps the other half. */
CPU_OP(op_fmov_hi_x)
{
	CPU_FP_CHECK();
	c->v[i->rd].d[1] = c->r[i->rn];
	CPU_NEXT();
}

bool emit_FMOV_to_gen(struct cpu_insn *o, struct a64_FMOV_to_gen f)
{
	*o = (struct cpu_insn){
	    .exec = f.d ? op_fmov_x_d : op_fmov_w_s, .rd = reg_dst(f.rd), .rn = f.rn};
	return true;
}

bool emit_FMOV_from_gen(struct cpu_insn *o, struct a64_FMOV_from_gen f)
{
	*o = (struct cpu_insn){
	    .exec = f.d ? op_fmov_d_x : op_fmov_s_w, .rd = f.rd, .rn = reg_src(f.rn)};
	return true;
}

bool emit_FMOV_to_gen_hi(struct cpu_insn *o, struct a64_FMOV_to_gen_hi f)
{
	*o = (struct cpu_insn){.exec = op_fmov_x_hi, .rd = reg_dst(f.rd), .rn = f.rn};
	return true;
}

bool emit_FMOV_from_gen_hi(struct cpu_insn *o, struct a64_FMOV_from_gen_hi f)
{
	*o = (struct cpu_insn){.exec = op_fmov_hi_x, .rd = f.rd, .rn = reg_src(f.rn)};
	return true;
}

/* i->imm is the single, or the upper half of the double, whose lower half is 0. */
CPU_OP(op_fmov_s_imm)
{
	CPU_FP_CHECK();
	fp_set_s(c, i->rd, i->imm);
	CPU_NEXT();
}

CPU_OP(op_fmov_d_imm)
{
	CPU_FP_CHECK();
	fp_set_d(c, i->rd, (uint64_t)i->imm << 32);
	CPU_NEXT();
}

/* VFPExpandImm(): sign, exponent NOT(b) b..b cd, fraction efgh 0.. */
bool emit_FMOV_imm(struct cpu_insn *o, struct a64_FMOV_imm f)
{
	uint32_t sign = f.imm8 >> 7 << 31, b = f.imm8 >> 6 & 1, rest = f.imm8 & 0x3f;

	if (f.d)
		*o = (struct cpu_insn){.exec = op_fmov_d_imm,
				       .imm = sign | (b ? 0x3fc00000 : 0x40000000) | rest << 16};
	else
		*o = (struct cpu_insn){.exec = op_fmov_s_imm,
				       .imm = sign | (b ? 0x3e000000 : 0x40000000) | rest << 19};
	o->rd = f.rd;
	return true;
}
