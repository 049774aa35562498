/* SPDX-License-Identifier: MIT */
/*
 * Advanced SIMD: one source register (DDI 0487 C4.1, "two-register miscellaneous" and "across
 * lanes"), without the narrowing ones.
 */
#include "a64_rows.h"
#include "cpu/simd_lanes.h"

/* ---- Reverse the elements of each container of 64, 32 or 16 bits ---- */

/* Bytes: an operation on the containers, @n of them in 64 bits. */
#define REVERSE_BYTES(op, bits, n, ...)                       \
	SIMD_SAME(op##_8b, u, bits, 0, n, 0, x = __VA_ARGS__) \
	SIMD_SAME(op##_16b, u, bits, 0, 2 * n, 0, x = __VA_ARGS__)

REVERSE_BYTES(rev64, 64, 1, __builtin_bswap64(a))
SIMD_OPS_H(SIMD_SAME, rev64, u, x = vn[e ^ 3])
SIMD_OPS_S(SIMD_SAME, rev64, u, x = vn[e ^ 1])
SIMD_TABLE(rev64, SIMD_REFS_BHS(rev64))

REVERSE_BYTES(rev32, 32, 2, __builtin_bswap32(a))
SIMD_OPS_H(SIMD_SAME, rev32, u, x = vn[e ^ 1])
SIMD_TABLE(rev32, SIMD_REFS_B(rev32), SIMD_REFS_H(rev32))

REVERSE_BYTES(rev16, 16, 4, a >> 8 | a << 8)
SIMD_TABLE(rev16, SIMD_REFS_B(rev16))

SIMD_EMIT_N(REV64_v, rev64)
SIMD_EMIT_N(REV32_v, rev32)
SIMD_EMIT_N(REV16_v, rev16)

/* ---- Bits ---- */

static inline unsigned leading_zeros(uint64_t a, unsigned bits)
{
	return a ? __builtin_clzll(a) - (64 - bits) : bits;
}

static inline uint8_t popcount8(uint8_t a)
{
	a -= a >> 1 & 0x55;
	a = (a & 0x33) + (a >> 2 & 0x33);
	return (a + (a >> 4)) & 0x0f;
}

static inline uint8_t reverse8(uint8_t a)
{
	a = a >> 4 | a << 4;
	a = (a >> 2 & 0x33) | (a & 0x33) << 2;
	return (a >> 1 & 0x55) | (a & 0x55) << 1;
}

SIMD_BHS(SIMD_SAME, clz, u, x = leading_zeros(a, BITS))
/* How many bits after the sign equal it: a ^ a >> 1 has zeros there, and one for the sign. */
SIMD_BHS(SIMD_SAME, cls, s, x = leading_zeros((U)(a ^ a >> 1), BITS) - 1)
SIMD_ONLY_B(SIMD_SAME, cnt, u, x = popcount8(a))
SIMD_ONLY_B(SIMD_SAME, rbit, u, x = reverse8(a))
SIMD_ONLY_B(SIMD_SAME, not, u, x = ~a)

SIMD_EMIT_N(CLZ_v, clz)
SIMD_EMIT_N(CLS_v, cls)
SIMD_EMIT(CNT_v, cnt, SIMD_VECTOR(0, f.q), 0, 0)
SIMD_EMIT(RBIT_v, rbit, SIMD_VECTOR(0, f.q), 0, 0)
SIMD_EMIT(NOT_v, not, SIMD_VECTOR(0, f.q), 0, 0)

/* ---- Sign and comparison with 0 ---- */

#define NEGATED ((U)(0 - (U)a))
/* The only number that has no counterpart. */
#define UNLESS_LOWEST(expr)                 \
	do {                                \
		x = (expr);                 \
		if (am_unlikely(a == lo)) { \
			x = hi;             \
			qc = 1;             \
		}                           \
	} while (0)

SIMD_BHSD_D(SIMD_SAME, abs, s, x = a < 0 ? NEGATED : (U)a)
SIMD_BHSD_D(SIMD_SAME, neg, u, x = NEGATED)
SIMD_BHSD_BHSD(SIMD_SAME, sqabs, s, UNLESS_LOWEST(a < 0 ? NEGATED : (U)a))
SIMD_BHSD_BHSD(SIMD_SAME, sqneg, s, UNLESS_LOWEST(NEGATED))
SIMD_BHSD_D(SIMD_SAME, cmgt0, s, x = a > 0 ? -1 : 0)
SIMD_BHSD_D(SIMD_SAME, cmge0, s, x = a >= 0 ? -1 : 0)
SIMD_BHSD_D(SIMD_SAME, cmeq0, s, x = a == 0 ? -1 : 0)
SIMD_BHSD_D(SIMD_SAME, cmle0, s, x = a <= 0 ? -1 : 0)
SIMD_BHSD_D(SIMD_SAME, cmlt0, s, x = a < 0 ? -1 : 0)

SIMD_EMIT_N(ABS_v, abs)
SIMD_EMIT_N_D(ABS_s, abs)
SIMD_EMIT_N(NEG_v, neg)
SIMD_EMIT_N_D(NEG_s, neg)
SIMD_EMIT_N(SQABS_v, sqabs)
SIMD_EMIT_N_S(SQABS_s, sqabs)
SIMD_EMIT_N(SQNEG_v, sqneg)
SIMD_EMIT_N_S(SQNEG_s, sqneg)
SIMD_EMIT_N(CMGT0_v, cmgt0)
SIMD_EMIT_N_D(CMGT0_s, cmgt0)
SIMD_EMIT_N(CMGE0_v, cmge0)
SIMD_EMIT_N_D(CMGE0_s, cmge0)
SIMD_EMIT_N(CMEQ0_v, cmeq0)
SIMD_EMIT_N_D(CMEQ0_s, cmeq0)
SIMD_EMIT_N(CMLE0_v, cmle0)
SIMD_EMIT_N_D(CMLE0_s, cmle0)
SIMD_EMIT_N(CMLT0_v, cmlt0)
SIMD_EMIT_N_D(CMLT0_s, cmlt0)

/* ---- Saturating sum of a signed and an unsigned number, in Vd's type ---- */

/* The builtins add as of numbers without bounds, whatever the types of their operands. */
#define MIXED_SUM(operand, bound)                                          \
	do {                                                               \
		if (am_unlikely(__builtin_add_overflow(d, operand, &x))) { \
			x = (bound);                                       \
			qc = 1;                                            \
		}                                                          \
	} while (0)

/* To a signed Vd an unsigned number is added: only the upper bound can be passed. */
SIMD_BHSD_BHSD(SIMD_SAME, suqadd, s, MIXED_SUM((U)a, hi))
/* To an unsigned Vd a signed number is added, whose sign tells which bound can be. */
#define SAME_SIGNED_A(name, sg, nb, wb, n, off, ...) \
	SIMD_OP(name, s##nb, s##nb, sg##nb, n, 0, 0, 0, e, __VA_ARGS__)
SIMD_BHSD_BHSD(SAME_SIGNED_A, usqadd, u, MIXED_SUM(a, a < 0 ? 0 : hi))

SIMD_EMIT_N(SUQADD_v, suqadd)
SIMD_EMIT_N_S(SUQADD_s, suqadd)
SIMD_EMIT_N(USQADD_v, usqadd)
SIMD_EMIT_N_S(USQADD_s, usqadd)

/* ---- Sums of pairs, twice as wide ---- */

#define PAIRS_LONG(name, sg, nb, wb, n, off, ...) \
	SIMD_OP(name, sg##nb, sg##nb, sg##wb, (n) / 2, 0, 0, 0, e, __VA_ARGS__)
#define PAIR ((X)vn[2 * e] + vn[2 * e + 1])

SIMD_BHS(PAIRS_LONG, saddlp, s, x = PAIR)
SIMD_BHS(PAIRS_LONG, uaddlp, u, x = PAIR)
SIMD_BHS(PAIRS_LONG, sadalp, s, x = (U)d + (U)PAIR)
SIMD_BHS(PAIRS_LONG, uadalp, u, x = d + PAIR)

SIMD_EMIT_N(SADDLP_v, saddlp)
SIMD_EMIT_N(UADDLP_v, uaddlp)
SIMD_EMIT_N(SADALP_v, sadalp)
SIMD_EMIT_N(UADALP_v, uadalp)

/* ---- Across lanes ---- */

/* @expr folds x and the next element y. Two words are not an arrangement here. */
#define FOLD(lanes, expr)                                \
	do {                                             \
		x = a;                                   \
		for (unsigned k = 1; k < (lanes); k++) { \
			const A y = vn[k];               \
                                                         \
			x = (expr);                      \
		}                                        \
	} while (0)
#define FOLDED(name, ta, tx, lanes, expr) \
	SIMD_OP(name, ta, ta, tx, 1, 0, 0, 0, e, FOLD(lanes, expr))
#define ACROSS(op, sg, expr)                     \
	FOLDED(op##_8b, sg##8, sg##8, 8, expr)   \
	FOLDED(op##_16b, sg##8, sg##8, 16, expr) \
	FOLDED(op##_4h, sg##16, sg##16, 4, expr) \
	FOLDED(op##_8h, sg##16, sg##16, 8, expr) \
	FOLDED(op##_4s, sg##32, sg##32, 4, expr) \
	SIMD_TABLE(op, SIMD_REFS_B(op), SIMD_REFS_H(op), [SIMD_4S] = op##_4s)
#define ACROSS_LONG(op, sg, expr)                 \
	FOLDED(op##_8b, sg##8, sg##16, 8, expr)   \
	FOLDED(op##_16b, sg##8, sg##16, 16, expr) \
	FOLDED(op##_4h, sg##16, sg##32, 4, expr)  \
	FOLDED(op##_8h, sg##16, sg##32, 8, expr)  \
	FOLDED(op##_4s, sg##32, sg##64, 4, expr)  \
	SIMD_TABLE(op, SIMD_REFS_B(op), SIMD_REFS_H(op), [SIMD_4S] = op##_4s)

ACROSS(addv, u, x + y)
ACROSS(smaxv, s, x > y ? x : y)
ACROSS(umaxv, u, x > y ? x : y)
ACROSS(sminv, s, x < y ? x : y)
ACROSS(uminv, u, x < y ? x : y)
ACROSS_LONG(saddlv, s, x + y)
ACROSS_LONG(uaddlv, u, x + y)

SIMD_EMIT_N(ADDV_v, addv)
SIMD_EMIT_N(SMAXV_v, smaxv)
SIMD_EMIT_N(UMAXV_v, umaxv)
SIMD_EMIT_N(SMINV_v, sminv)
SIMD_EMIT_N(UMINV_v, uminv)
SIMD_EMIT_N(SADDLV_v, saddlv)
SIMD_EMIT_N(UADDLV_v, uaddlv)
