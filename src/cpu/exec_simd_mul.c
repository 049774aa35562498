/* SPDX-License-Identifier: MIT */
/*
 * Advanced SIMD: integer and polynomial multiplications, of vectors, scalars and by element;
 * FEAT_RDM too. Long ones with a 2 in their names, Q = 1, take the upper half of their sources.
 */
#include "a64_rows.h"
#include "cpu/simd_lanes.h"

/* ---- Modulo 2^n. The factor 1u keeps halfwords from being multiplied as int. ---- */

SIMD_BHS(SIMD_SAME, mul, u, x = 1u * a * b)
SIMD_BHS(SIMD_SAME, mla, u, x = d + 1u * a * b)
SIMD_BHS(SIMD_SAME, mls, u, x = d - 1u * a * b)
SIMD_HS(SIMD_SAME_ELEM, mul_elem, u, x = 1u * a * b)
SIMD_HS(SIMD_SAME_ELEM, mla_elem, u, x = d + 1u * a * b)
SIMD_HS(SIMD_SAME_ELEM, mls_elem, u, x = d - 1u * a * b)

SIMD_EMIT_NM(MUL_v, mul)
SIMD_EMIT_NM(MLA_v, mla)
SIMD_EMIT_NM(MLS_v, mls)
SIMD_EMIT_ELEM(MUL_ve, mul_elem)
SIMD_EMIT_ELEM(MLA_ve, mla_elem)
SIMD_EMIT_ELEM(MLS_ve, mls_elem)

/* ---- Twice as wide ---- */

/* Never overflows X. */
#define PRODUCT ((X)a * b)

SIMD_L_BHS(SIMD_LONG, smull, s, x = PRODUCT)
SIMD_L_BHS(SIMD_LONG, umull, u, x = PRODUCT)
SIMD_L_BHS(SIMD_LONG, smlal, s, x = (U)d + (U)PRODUCT)
SIMD_L_BHS(SIMD_LONG, umlal, u, x = d + (U)PRODUCT)
SIMD_L_BHS(SIMD_LONG, smlsl, s, x = (U)d - (U)PRODUCT)
SIMD_L_BHS(SIMD_LONG, umlsl, u, x = d - (U)PRODUCT)
SIMD_L_HS(SIMD_LONG_ELEM, smull_elem, s, x = PRODUCT)
SIMD_L_HS(SIMD_LONG_ELEM, umull_elem, u, x = PRODUCT)
SIMD_L_HS(SIMD_LONG_ELEM, smlal_elem, s, x = (U)d + (U)PRODUCT)
SIMD_L_HS(SIMD_LONG_ELEM, umlal_elem, u, x = d + (U)PRODUCT)
SIMD_L_HS(SIMD_LONG_ELEM, smlsl_elem, s, x = (U)d - (U)PRODUCT)
SIMD_L_HS(SIMD_LONG_ELEM, umlsl_elem, u, x = d - (U)PRODUCT)

SIMD_EMIT_NM(SMULL_v, smull)
SIMD_EMIT_NM(UMULL_v, umull)
SIMD_EMIT_NM(SMLAL_v, smlal)
SIMD_EMIT_NM(UMLAL_v, umlal)
SIMD_EMIT_NM(SMLSL_v, smlsl)
SIMD_EMIT_NM(UMLSL_v, umlsl)
SIMD_EMIT_ELEM(SMULL_ve, smull_elem)
SIMD_EMIT_ELEM(UMULL_ve, umull_elem)
SIMD_EMIT_ELEM(SMLAL_ve, smlal_elem)
SIMD_EMIT_ELEM(UMLAL_ve, umlal_elem)
SIMD_EMIT_ELEM(SMLSL_ve, smlsl_elem)
SIMD_EMIT_ELEM(UMLSL_ve, umlsl_elem)

/* ---- Polynomials over {0, 1} ---- */

/* Sums without carries. */
#define POLYNOMIAL                                    \
	do {                                          \
		x = 0;                                \
		for (unsigned k = 0; k < 8; k++)      \
			x ^= b >> k & 1 ? a << k : 0; \
	} while (0)

SIMD_ONLY_B(SIMD_SAME, pmul, u, POLYNOMIAL)
/* Of 64-bit elements only with FEAT_PMULL. */
SIMD_L_B(SIMD_LONG, pmull, u, POLYNOMIAL)

SIMD_EMIT_NM(PMUL_v, pmul)
SIMD_EMIT_NM(PMULL_v, pmull)

/* ---- Doubling, high half, saturating ---- */

/*
 * The manual's (2 * p + rounding) >> BITS with its factor 2 cancelled, so that all fits 64 bits:
 * a word's p is at most 2^62.
 */
#define PRODUCT64   ((int64_t)a * b)
#define ROUNDING    (INT64_C(1) << (BITS - 2))
#define ACCUMULATOR ((int64_t)d * (INT64_C(1) << (BITS - 1)))
#define HIGH(sum)   x = simd_sat((sum) >> (BITS - 1), lo, hi, &qc)

SIMD_HS_HS(SIMD_SAME, sqdmulh, s, HIGH(PRODUCT64))
SIMD_HS_HS(SIMD_SAME, sqrdmulh, s, HIGH(PRODUCT64 + ROUNDING))
SIMD_HS_HS(SIMD_SAME, sqrdmlah, s, HIGH(ACCUMULATOR + PRODUCT64 + ROUNDING))
SIMD_HS_HS(SIMD_SAME, sqrdmlsh, s, HIGH(ACCUMULATOR - PRODUCT64 + ROUNDING))
SIMD_HS_HS(SIMD_SAME_ELEM, sqdmulh_elem, s, HIGH(PRODUCT64))
SIMD_HS_HS(SIMD_SAME_ELEM, sqrdmulh_elem, s, HIGH(PRODUCT64 + ROUNDING))
SIMD_HS_HS(SIMD_SAME_ELEM, sqrdmlah_elem, s, HIGH(ACCUMULATOR + PRODUCT64 + ROUNDING))
SIMD_HS_HS(SIMD_SAME_ELEM, sqrdmlsh_elem, s, HIGH(ACCUMULATOR - PRODUCT64 + ROUNDING))

SIMD_EMIT_NM(SQDMULH_v, sqdmulh)
SIMD_EMIT_NM_S(SQDMULH_s, sqdmulh)
SIMD_EMIT_ELEM(SQDMULH_ve, sqdmulh_elem)
SIMD_EMIT_ELEM_S(SQDMULH_se, sqdmulh_elem)
SIMD_EMIT_NM(SQRDMULH_v, sqrdmulh)
SIMD_EMIT_NM_S(SQRDMULH_s, sqrdmulh)
SIMD_EMIT_ELEM(SQRDMULH_ve, sqrdmulh_elem)
SIMD_EMIT_ELEM_S(SQRDMULH_se, sqrdmulh_elem)
SIMD_EMIT_NM(SQRDMLAH_v, sqrdmlah)
SIMD_EMIT_NM_S(SQRDMLAH_s, sqrdmlah)
SIMD_EMIT_ELEM(SQRDMLAH_ve, sqrdmlah_elem)
SIMD_EMIT_ELEM_S(SQRDMLAH_se, sqrdmlah_elem)
SIMD_EMIT_NM(SQRDMLSH_v, sqrdmlsh)
SIMD_EMIT_NM_S(SQRDMLSH_s, sqrdmlsh)
SIMD_EMIT_ELEM(SQRDMLSH_ve, sqrdmlsh_elem)
SIMD_EMIT_ELEM_S(SQRDMLSH_se, sqrdmlsh_elem)

/* ---- Doubling, twice as wide, saturating ---- */

/* Doubling and accumulating saturate one after the other, and either sets QC. */
#define DOUBLE                                                       \
	do {                                                         \
		const X p = PRODUCT;                                 \
                                                                     \
		if (am_unlikely(__builtin_add_overflow(p, p, &x))) { \
			x = hi;                                      \
			qc = 1;                                      \
		}                                                    \
	} while (0)
#define DOUBLE_ACCUMULATE(add_or_sub)                                           \
	do {                                                                    \
		DOUBLE;                                                         \
		if (am_unlikely(__builtin_##add_or_sub##_overflow(d, x, &x))) { \
			x = d < 0 ? lo : hi;                                    \
			qc = 1;                                                 \
		}                                                               \
	} while (0)

SIMD_L_HS_HS(SIMD_LONG, sqdmull, s, DOUBLE)
SIMD_L_HS_HS(SIMD_LONG, sqdmlal, s, DOUBLE_ACCUMULATE(add))
SIMD_L_HS_HS(SIMD_LONG, sqdmlsl, s, DOUBLE_ACCUMULATE(sub))
SIMD_L_HS_HS(SIMD_LONG_ELEM, sqdmull_elem, s, DOUBLE)
SIMD_L_HS_HS(SIMD_LONG_ELEM, sqdmlal_elem, s, DOUBLE_ACCUMULATE(add))
SIMD_L_HS_HS(SIMD_LONG_ELEM, sqdmlsl_elem, s, DOUBLE_ACCUMULATE(sub))

SIMD_EMIT_NM(SQDMULL_v, sqdmull)
SIMD_EMIT_NM_S(SQDMULL_s, sqdmull)
SIMD_EMIT_ELEM(SQDMULL_ve, sqdmull_elem)
SIMD_EMIT_ELEM_S(SQDMULL_se, sqdmull_elem)
SIMD_EMIT_NM(SQDMLAL_v, sqdmlal)
SIMD_EMIT_NM_S(SQDMLAL_s, sqdmlal)
SIMD_EMIT_ELEM(SQDMLAL_ve, sqdmlal_elem)
SIMD_EMIT_ELEM_S(SQDMLAL_se, sqdmlal_elem)
SIMD_EMIT_NM(SQDMLSL_v, sqdmlsl)
SIMD_EMIT_NM_S(SQDMLSL_s, sqdmlsl)
SIMD_EMIT_ELEM(SQDMLSL_ve, sqdmlsl_elem)
SIMD_EMIT_ELEM_S(SQDMLSL_se, sqdmlsl_elem)
