/* SPDX-License-Identifier: MIT */
/*
 * Advanced SIMD: results of another size than the operands, without products and left shifts.
 *
 * Forms with a 2 in their names, Q = 1, use the upper half of the register of narrow elements:
 * long and wide ones read it, narrow ones write it and leave the lower half. Narrow ones with
 * Q = 0 make the upper half 0.
 */
#include "a64_rows.h"
#include "cpu/simd_lanes.h"

/* ---- Long and wide: sum, difference, distance ---- */

SIMD_L_BHS(SIMD_LONG, saddl, s, x = (X)a + b)
SIMD_L_BHS(SIMD_LONG, uaddl, u, x = (X)a + b)
SIMD_L_BHS(SIMD_LONG, ssubl, s, x = (X)a - b)
SIMD_L_BHS(SIMD_LONG, usubl, u, x = (X)a - b)
SIMD_L_BHS(SIMD_WIDE, saddw, s, x = (U)a + (U)b)
SIMD_L_BHS(SIMD_WIDE, uaddw, u, x = a + b)
SIMD_L_BHS(SIMD_WIDE, ssubw, s, x = (U)a - (U)b)
SIMD_L_BHS(SIMD_WIDE, usubw, u, x = a - b)
SIMD_L_BHS(SIMD_LONG, sabdl, s, x = SIMD_DISTANCE)
SIMD_L_BHS(SIMD_LONG, uabdl, u, x = SIMD_DISTANCE)
SIMD_L_BHS(SIMD_LONG, sabal, s, x = (U)d + SIMD_DISTANCE)
SIMD_L_BHS(SIMD_LONG, uabal, u, x = (U)d + SIMD_DISTANCE)

SIMD_EMIT_NM(SADDL_v, saddl)
SIMD_EMIT_NM(UADDL_v, uaddl)
SIMD_EMIT_NM(SSUBL_v, ssubl)
SIMD_EMIT_NM(USUBL_v, usubl)
SIMD_EMIT_NM(SADDW_v, saddw)
SIMD_EMIT_NM(UADDW_v, uaddw)
SIMD_EMIT_NM(SSUBW_v, ssubw)
SIMD_EMIT_NM(USUBW_v, usubw)
SIMD_EMIT_NM(SABDL_v, sabdl)
SIMD_EMIT_NM(UABDL_v, uabdl)
SIMD_EMIT_NM(SABAL_v, sabal)
SIMD_EMIT_NM(UABAL_v, uabal)

/* ---- Narrow: the high half of a sum or difference ---- */

/* Of the weight of the lowest bit that stays: added, it rounds. */
#define HALF ((A)1 << (BITS - 1))

SIMD_L_BHS(SIMD_NARROW, addhn, u, x = (A)(a + b) >> BITS)
SIMD_L_BHS(SIMD_NARROW, raddhn, u, x = (A)(a + b + HALF) >> BITS)
SIMD_L_BHS(SIMD_NARROW, subhn, u, x = (A)(a - b) >> BITS)
SIMD_L_BHS(SIMD_NARROW, rsubhn, u, x = (A)(a - b + HALF) >> BITS)

SIMD_EMIT_NM(ADDHN_v, addhn)
SIMD_EMIT_NM(RADDHN_v, raddhn)
SIMD_EMIT_NM(SUBHN_v, subhn)
SIMD_EMIT_NM(RSUBHN_v, rsubhn)

/* ---- Narrow: the low half, or the nearest that fits ---- */

SIMD_L_BHS(SIMD_NARROW, xtn, u, x = a)
SIMD_L_BHS_BHS(SIMD_NARROW, sqxtn, s, x = simd_sat(a, lo, hi, &qc))
SIMD_L_BHS_BHS(SIMD_NARROW, uqxtn, u, x = simd_satu(a, hi, &qc))
SIMD_L_BHS_BHS(SIMD_NARROW_SU, sqxtun, s, x = simd_sat(a, 0, hi, &qc))

SIMD_EMIT_N(XTN_v, xtn)
SIMD_EMIT_N(SQXTN_v, sqxtn)
SIMD_EMIT_N_S(SQXTN_s, sqxtn)
SIMD_EMIT_N(UQXTN_v, uqxtn)
SIMD_EMIT_N_S(UQXTN_s, uqxtn)
SIMD_EMIT_N(SQXTUN_v, sqxtun)
SIMD_EMIT_N_S(SQXTUN_s, sqxtun)

/* ---- Narrow: right shifts by immediate, 1 to BITS of the result ---- */

#define SHIFTED (a >> sh)
/* The last bit shifted out is added to the result; this form cannot overflow A. */
#define ROUNDED (SHIFTED + (a >> (sh - 1) & 1))

SIMD_L_BHS(SIMD_NARROW, shrn, u, x = SHIFTED)
SIMD_L_BHS(SIMD_NARROW, rshrn, u, x = ROUNDED)
SIMD_L_BHS_BHS(SIMD_NARROW, sqshrn, s, x = simd_sat(SHIFTED, lo, hi, &qc))
SIMD_L_BHS_BHS(SIMD_NARROW, sqrshrn, s, x = simd_sat(ROUNDED, lo, hi, &qc))
SIMD_L_BHS_BHS(SIMD_NARROW, uqshrn, u, x = simd_satu(SHIFTED, hi, &qc))
SIMD_L_BHS_BHS(SIMD_NARROW, uqrshrn, u, x = simd_satu(ROUNDED, hi, &qc))
SIMD_L_BHS_BHS(SIMD_NARROW_SU, sqshrun, s, x = simd_sat(SHIFTED, 0, hi, &qc))
SIMD_L_BHS_BHS(SIMD_NARROW_SU, sqrshrun, s, x = simd_sat(ROUNDED, 0, hi, &qc))

SIMD_EMIT_SHR(SHRN_vi, shrn)
SIMD_EMIT_SHR(RSHRN_vi, rshrn)
SIMD_EMIT_SHR(SQSHRN_vi, sqshrn)
SIMD_EMIT_SHR_S(SQSHRN_si, sqshrn)
SIMD_EMIT_SHR(SQRSHRN_vi, sqrshrn)
SIMD_EMIT_SHR_S(SQRSHRN_si, sqrshrn)
SIMD_EMIT_SHR(UQSHRN_vi, uqshrn)
SIMD_EMIT_SHR_S(UQSHRN_si, uqshrn)
SIMD_EMIT_SHR(UQRSHRN_vi, uqrshrn)
SIMD_EMIT_SHR_S(UQRSHRN_si, uqrshrn)
SIMD_EMIT_SHR(SQSHRUN_vi, sqshrun)
SIMD_EMIT_SHR_S(SQSHRUN_si, sqshrun)
SIMD_EMIT_SHR(SQRSHRUN_vi, sqrshrun)
SIMD_EMIT_SHR_S(SQRSHRUN_si, sqrshrun)
