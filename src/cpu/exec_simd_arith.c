/* SPDX-License-Identifier: MIT */
/*
 * Advanced SIMD: three registers of the same type, without multiplications and shifts
 * (DDI 0487 C4.1, "Advanced SIMD three same"; scalar too).
 */
#include "a64_rows.h"
#include "cpu/simd_lanes.h"

/* ---- Sum and difference ---- */

SIMD_BHSD_D(SIMD_SAME, add, u, x = a + b)
SIMD_BHSD_D(SIMD_SAME, sub, u, x = a - b)

/* The sum does not overflow when each half is taken before and the lost bits after. */
SIMD_BHS(SIMD_SAME, shadd, s, x = (a >> 1) + (b >> 1) + (a & b & 1))
SIMD_BHS(SIMD_SAME, uhadd, u, x = (a >> 1) + (b >> 1) + (a & b & 1))
SIMD_BHS(SIMD_SAME, srhadd, s, x = (a >> 1) + (b >> 1) + ((a | b) & 1))
SIMD_BHS(SIMD_SAME, urhadd, u, x = (a >> 1) + (b >> 1) + ((a | b) & 1))
SIMD_BHS(SIMD_SAME, shsub, s, x = (a >> 1) - (b >> 1) - (~a & b & 1))
SIMD_BHS(SIMD_SAME, uhsub, u, x = (a >> 1) - (b >> 1) - (~a & b & 1))

/* Signed numbers saturate towards the first operand. */
#define SATURATE(overflow, bound)            \
	do {                                 \
		if (am_unlikely(overflow)) { \
			x = (bound);         \
			qc = 1;              \
		}                            \
	} while (0)

SIMD_BHSD_BHSD(SIMD_SAME, sqadd, s, SATURATE(__builtin_add_overflow(a, b, &x), a < 0 ? lo : hi))
SIMD_BHSD_BHSD(SIMD_SAME, uqadd, u, SATURATE(__builtin_add_overflow(a, b, &x), hi))
SIMD_BHSD_BHSD(SIMD_SAME, sqsub, s, SATURATE(__builtin_sub_overflow(a, b, &x), a < 0 ? lo : hi))
SIMD_BHSD_BHSD(SIMD_SAME, uqsub, u, SATURATE(__builtin_sub_overflow(a, b, &x), lo))

SIMD_BHS(SIMD_SAME, sabd, s, x = SIMD_DISTANCE)
SIMD_BHS(SIMD_SAME, uabd, u, x = SIMD_DISTANCE)
SIMD_BHS(SIMD_SAME, saba, s, x = (U)d + SIMD_DISTANCE)
SIMD_BHS(SIMD_SAME, uaba, u, x = (U)d + SIMD_DISTANCE)

SIMD_EMIT_NM(ADD_v, add)
SIMD_EMIT_NM_D(ADD_s, add)
SIMD_EMIT_NM(SUB_v, sub)
SIMD_EMIT_NM_D(SUB_s, sub)
SIMD_EMIT_NM(SHADD_v, shadd)
SIMD_EMIT_NM(UHADD_v, uhadd)
SIMD_EMIT_NM(SRHADD_v, srhadd)
SIMD_EMIT_NM(URHADD_v, urhadd)
SIMD_EMIT_NM(SHSUB_v, shsub)
SIMD_EMIT_NM(UHSUB_v, uhsub)
SIMD_EMIT_NM(SQADD_v, sqadd)
SIMD_EMIT_NM_S(SQADD_s, sqadd)
SIMD_EMIT_NM(UQADD_v, uqadd)
SIMD_EMIT_NM_S(UQADD_s, uqadd)
SIMD_EMIT_NM(SQSUB_v, sqsub)
SIMD_EMIT_NM_S(SQSUB_s, sqsub)
SIMD_EMIT_NM(UQSUB_v, uqsub)
SIMD_EMIT_NM_S(UQSUB_s, uqsub)
SIMD_EMIT_NM(SABD_v, sabd)
SIMD_EMIT_NM(UABD_v, uabd)
SIMD_EMIT_NM(SABA_v, saba)
SIMD_EMIT_NM(UABA_v, uaba)

/* ---- Comparison ---- */

SIMD_BHSD_D(SIMD_SAME, cmgt, s, x = a > b ? -1 : 0)
SIMD_BHSD_D(SIMD_SAME, cmhi, u, x = a > b ? hi : 0)
SIMD_BHSD_D(SIMD_SAME, cmge, s, x = a >= b ? -1 : 0)
SIMD_BHSD_D(SIMD_SAME, cmhs, u, x = a >= b ? hi : 0)
SIMD_BHSD_D(SIMD_SAME, cmeq, u, x = a == b ? hi : 0)
SIMD_BHSD_D(SIMD_SAME, cmtst, u, x = a & b ? hi : 0)
SIMD_BHS(SIMD_SAME, smax, s, x = a > b ? a : b)
SIMD_BHS(SIMD_SAME, umax, u, x = a > b ? a : b)
SIMD_BHS(SIMD_SAME, smin, s, x = a < b ? a : b)
SIMD_BHS(SIMD_SAME, umin, u, x = a < b ? a : b)

SIMD_EMIT_NM(CMGT_v, cmgt)
SIMD_EMIT_NM_D(CMGT_s, cmgt)
SIMD_EMIT_NM(CMHI_v, cmhi)
SIMD_EMIT_NM_D(CMHI_s, cmhi)
SIMD_EMIT_NM(CMGE_v, cmge)
SIMD_EMIT_NM_D(CMGE_s, cmge)
SIMD_EMIT_NM(CMHS_v, cmhs)
SIMD_EMIT_NM_D(CMHS_s, cmhs)
SIMD_EMIT_NM(CMEQ_v, cmeq)
SIMD_EMIT_NM_D(CMEQ_s, cmeq)
SIMD_EMIT_NM(CMTST_v, cmtst)
SIMD_EMIT_NM_D(CMTST_s, cmtst)
SIMD_EMIT_NM(SMAX_v, smax)
SIMD_EMIT_NM(UMAX_v, umax)
SIMD_EMIT_NM(SMIN_v, smin)
SIMD_EMIT_NM(UMIN_v, umin)

/* ---- Pairs: the sources are one row of elements, Vn's first ---- */

/*
 * @expr is of the pair's lower and higher element, l and h. They are taken from elements of
 * twice the size: compilers vectorise that, but not a stride of 2.
 */
#define PAIRS_OF(name, sg, nb, wb, n, off, expr)                             \
	CPU_OP(name)                                                         \
	{                                                                    \
		const uint##wb##_t *const vn = c->v[i->rn].SIMD_LANE_u##wb;  \
		const uint##wb##_t *const vm = c->v[i->rm].SIMD_LANE_u##wb;  \
		union cpu_vreg r = {.d = {0, 0}};                            \
                                                                             \
		CPU_FP_CHECK();                                              \
		for (unsigned e = 0; e < (n) / 2; e++) {                     \
			const SIMD_TYPE_##sg##nb l = vn[e], h = vn[e] >> nb; \
                                                                             \
			r.SIMD_LANE_##sg##nb[e] = (expr);                    \
		}                                                            \
		for (unsigned e = 0; e < (n) / 2; e++) {                     \
			const SIMD_TYPE_##sg##nb l = vm[e], h = vm[e] >> nb; \
                                                                             \
			r.SIMD_LANE_##sg##nb[(n) / 2 + e] = (expr);          \
		}                                                            \
		c->v[i->rd] = r;                                             \
		CPU_NEXT();                                                  \
	}

SIMD_OPS_B(PAIRS_OF, addp, u, l + h)
SIMD_OPS_H(PAIRS_OF, addp, u, l + h)
SIMD_OPS_S(PAIRS_OF, addp, u, l + h)
SIMD_OPS_2D(SIMD_SAME, addp, u, x = e ? vm[0] + vm[1] : vn[0] + vn[1])
/* ADDP (scalar): one pair. */
SIMD_OP_D(SIMD_SAME, addp, u, x = vn[0] + vn[1])
SIMD_TABLE(addp, SIMD_REFS_BHS(addp), [SIMD_2D] = addp_2d, [SIMD_D] = addp_d)
SIMD_BHS(PAIRS_OF, smaxp, s, l > h ? l : h)
SIMD_BHS(PAIRS_OF, umaxp, u, l > h ? l : h)
SIMD_BHS(PAIRS_OF, sminp, s, l < h ? l : h)
SIMD_BHS(PAIRS_OF, uminp, u, l < h ? l : h)

SIMD_EMIT_NM(ADDP_v, addp)
SIMD_EMIT_N_D(ADDP_s, addp)
SIMD_EMIT_NM(SMAXP_v, smaxp)
SIMD_EMIT_NM(UMAXP_v, umaxp)
SIMD_EMIT_NM(SMINP_v, sminp)
SIMD_EMIT_NM(UMINP_v, uminp)

/* ---- Logic: the elements do not matter; Q chooses one or two of 64 bits ---- */

#define LOGIC(row, op, ...)                                             \
	SIMD_SAME(op##_64, u, 64, 64, 1, 0, __VA_ARGS__)                \
	SIMD_SAME(op##_128, u, 64, 64, 2, 0, __VA_ARGS__)               \
	bool emit_##row(struct cpu_insn *o, struct a64_##row f)         \
	{                                                               \
		static cpu_exec_fn *const by_q[] = {op##_64, op##_128}; \
                                                                        \
		return simd_emit(o, by_q, f.q, f.rd, f.rn, f.rm, 0);    \
	}

LOGIC(AND_v, and, x = a & b)
LOGIC(BIC_v, bic, x = a & ~b)
LOGIC(ORR_v, orr, x = a | b)
LOGIC(ORN_v, orn, x = a | ~b)
LOGIC(EOR_v, eor, x = a ^ b)
LOGIC(BSL_v, bsl, x = b ^ ((a ^ b) & d))
LOGIC(BIT_v, bit, x = d ^ ((a ^ d) & b))
LOGIC(BIF_v, bif, x = d ^ ((a ^ d) & ~b))
