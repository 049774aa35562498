/* SPDX-License-Identifier: MIT */
/*
 * Advanced SIMD: shifts that keep the size of the elements, by register and by immediate, and
 * those to twice the size. Narrowing ones are in exec_simd_narrow.c.
 */
#include "a64_rows.h"
#include "cpu/simd_lanes.h"

/* ---- One element, as 64 bits ---- */

/* Right by 1 to 128, as of numbers without bounds; half of the last bit's weight rounds up. */
static inline int64_t shr_s(int64_t a, unsigned sh, bool round)
{
	int64_t t;

	if (sh > 64)
		return round ? 0 : a >> 63;
	t = a >> (sh - 1);
	return (t >> 1) + (round ? t & 1 : 0);
}

static inline uint64_t shr_u(uint64_t a, unsigned sh, bool round)
{
	uint64_t t;

	if (sh > 64)
		return 0;
	t = a >> (sh - 1);
	return (t >> 1) + (round ? t & 1 : 0);
}

/* Left by @sh, or right by -@sh; -128 <= sh <= 127. */
static inline int64_t shl_s(int64_t a, int sh, bool round)
{
	if (sh < 0)
		return shr_s(a, -sh, round);
	return sh < 64 ? (int64_t)((uint64_t)a << sh) : 0;
}

static inline uint64_t shl_u(uint64_t a, int sh, bool round)
{
	if (sh < 0)
		return shr_u(a, -sh, round);
	return sh < 64 ? a << sh : 0;
}

/* The same of @bits wide elements, saturating. A right shift cannot leave the bounds. */
static inline int64_t sqshl(int64_t a, int sh, bool round, unsigned bits, unsigned *qc)
{
	uint64_t x;

	if (sh < 0)
		return shr_s(a, -sh, round);
	if (sh < (int)bits) {
		x = (uint64_t)a << sh;
		if (am_sext(x, bits) >> sh == a)
			return (int64_t)x;
	} else if (a == 0) {
		return 0;
	}
	*qc = 1;
	x = AM_MASK(bits - 1, 0) >> 1;
	return (int64_t)(a < 0 ? ~x : x);
}

static inline uint64_t uqshl(uint64_t a, int sh, bool round, unsigned bits, unsigned *qc)
{
	uint64_t max = AM_MASK(bits - 1, 0);

	if (sh < 0)
		return shr_u(a, -sh, round);
	if (sh < (int)bits) {
		if ((a << sh & max) >> sh == a)
			return a << sh;
	} else if (a == 0) {
		return 0;
	}
	*qc = 1;
	return max;
}

/* ---- By register: the low byte of each element of Vm is the signed count ---- */

SIMD_BHSD_D(SIMD_SAME, sshl, s, x = shl_s(a, (int8_t)b, false))
SIMD_BHSD_D(SIMD_SAME, ushl, u, x = shl_u(a, (int8_t)b, false))
SIMD_BHSD_D(SIMD_SAME, srshl, s, x = shl_s(a, (int8_t)b, true))
SIMD_BHSD_D(SIMD_SAME, urshl, u, x = shl_u(a, (int8_t)b, true))
SIMD_BHSD_BHSD(SIMD_SAME, sqshl, s, x = sqshl(a, (int8_t)b, false, BITS, &qc))
SIMD_BHSD_BHSD(SIMD_SAME, uqshl, u, x = uqshl(a, (int8_t)b, false, BITS, &qc))
SIMD_BHSD_BHSD(SIMD_SAME, sqrshl, s, x = sqshl(a, (int8_t)b, true, BITS, &qc))
SIMD_BHSD_BHSD(SIMD_SAME, uqrshl, u, x = uqshl(a, (int8_t)b, true, BITS, &qc))

SIMD_EMIT_NM(SSHL_v, sshl)
SIMD_EMIT_NM_D(SSHL_s, sshl)
SIMD_EMIT_NM(USHL_v, ushl)
SIMD_EMIT_NM_D(USHL_s, ushl)
SIMD_EMIT_NM(SRSHL_v, srshl)
SIMD_EMIT_NM_D(SRSHL_s, srshl)
SIMD_EMIT_NM(URSHL_v, urshl)
SIMD_EMIT_NM_D(URSHL_s, urshl)
SIMD_EMIT_NM(SQSHL_v, sqshl)
SIMD_EMIT_NM_S(SQSHL_s, sqshl)
SIMD_EMIT_NM(UQSHL_v, uqshl)
SIMD_EMIT_NM_S(UQSHL_s, uqshl)
SIMD_EMIT_NM(SQRSHL_v, sqrshl)
SIMD_EMIT_NM_S(SQRSHL_s, sqrshl)
SIMD_EMIT_NM(UQRSHL_v, uqrshl)
SIMD_EMIT_NM_S(UQRSHL_s, uqrshl)

/* ---- Right by immediate, 1 to BITS: in two steps, as C has no shift by all bits ---- */

#define SHIFTED (a >> (sh - 1) >> 1)
/* The last bit shifted out is added to the result. */
#define ROUNDED (SHIFTED + (a >> (sh - 1) & 1))

SIMD_BHSD_D(SIMD_SAME, sshr, s, x = SHIFTED)
SIMD_BHSD_D(SIMD_SAME, ushr, u, x = SHIFTED)
SIMD_BHSD_D(SIMD_SAME, ssra, s, x = (U)d + (U)SHIFTED)
SIMD_BHSD_D(SIMD_SAME, usra, u, x = d + SHIFTED)
SIMD_BHSD_D(SIMD_SAME, srshr, s, x = ROUNDED)
SIMD_BHSD_D(SIMD_SAME, urshr, u, x = ROUNDED)
SIMD_BHSD_D(SIMD_SAME, srsra, s, x = (U)d + (U)(ROUNDED))
SIMD_BHSD_D(SIMD_SAME, ursra, u, x = d + ROUNDED)
/* Vd keeps what nothing is shifted to. */
SIMD_BHSD_D(SIMD_SAME, sri, u, x = SHIFTED | (d & ~(hi >> (sh - 1) >> 1)))

SIMD_EMIT_SHR(SSHR_vi, sshr)
SIMD_EMIT_SHR_S(SSHR_si, sshr)
SIMD_EMIT_SHR(USHR_vi, ushr)
SIMD_EMIT_SHR_S(USHR_si, ushr)
SIMD_EMIT_SHR(SSRA_vi, ssra)
SIMD_EMIT_SHR_S(SSRA_si, ssra)
SIMD_EMIT_SHR(USRA_vi, usra)
SIMD_EMIT_SHR_S(USRA_si, usra)
SIMD_EMIT_SHR(SRSHR_vi, srshr)
SIMD_EMIT_SHR_S(SRSHR_si, srshr)
SIMD_EMIT_SHR(URSHR_vi, urshr)
SIMD_EMIT_SHR_S(URSHR_si, urshr)
SIMD_EMIT_SHR(SRSRA_vi, srsra)
SIMD_EMIT_SHR_S(SRSRA_si, srsra)
SIMD_EMIT_SHR(URSRA_vi, ursra)
SIMD_EMIT_SHR_S(URSRA_si, ursra)
SIMD_EMIT_SHR(SRI_vi, sri)
SIMD_EMIT_SHR_S(SRI_si, sri)

/* ---- Left by immediate, 0 to BITS - 1 ---- */

SIMD_BHSD_D(SIMD_SAME, shl, u, x = 1u * a << sh)
SIMD_BHSD_D(SIMD_SAME, sli, u, x = (1u * a << sh) | (d & ~(1u * hi << sh)))
SIMD_BHSD_BHSD(SIMD_SAME, sqshl_imm, s, x = sqshl(a, sh, false, BITS, &qc))
SIMD_BHSD_BHSD(SIMD_SAME, uqshl_imm, u, x = uqshl(a, sh, false, BITS, &qc))
/* From signed to unsigned. */
SIMD_BHSD_BHSD(SIMD_SAME, sqshlu, s, x = a < 0 ? (qc = 1, 0) : (X)uqshl(a, sh, false, BITS, &qc))

SIMD_EMIT_SHL(SHL_vi, shl)
SIMD_EMIT_SHL_S(SHL_si, shl)
SIMD_EMIT_SHL(SLI_vi, sli)
SIMD_EMIT_SHL_S(SLI_si, sli)
SIMD_EMIT_SHL(SQSHL_vi, sqshl_imm)
SIMD_EMIT_SHL_S(SQSHL_si, sqshl_imm)
SIMD_EMIT_SHL(UQSHL_vi, uqshl_imm)
SIMD_EMIT_SHL_S(UQSHL_si, uqshl_imm)
SIMD_EMIT_SHL(SQSHLU_vi, sqshlu)
SIMD_EMIT_SHL_S(SQSHLU_si, sqshlu)

/* To twice the size; SHLL shifts by the size of its operands. */
SIMD_L_BHS(SIMD_LONG, sshll, s, x = (U)a << sh)
SIMD_L_BHS(SIMD_LONG, ushll, u, x = (U)a << sh)
SIMD_L_BHS(SIMD_LONG, shll, u, x = (U)a << BITS / 2)

SIMD_EMIT_SHL(SSHLL_vi, sshll)
SIMD_EMIT_SHL(USHLL_vi, ushll)
SIMD_EMIT_N(SHLL_v, shll)
