/* SPDX-License-Identifier: MIT */
/*
 * Reciprocal and reciprocal square root estimates (DDI 0487 shared/functions/float:
 * FPRecipEstimate, FPRSqrtEstimate, FPRecpX, RecipEstimate, RecipSqrtEstimate,
 * UnsignedRecipEstimate, UnsignedRSqrtEstimate). The 9-bit estimates are architected, so they
 * are computed as the manual says rather than taken from the host.
 */
#include "cpu/fp/fp_parts.h"

/* @a in 256..511 stands for [0.5, 1); the result in 256..511 for [1, 2). */
static unsigned recip_estimate(unsigned a)
{
	return ((1u << 19) / (2 * a + 1) + 1) / 2;
}

/* @a in 128..511 stands for [0.25, 1); the result in 256..511 for [1, 2). */
static unsigned recip_sqrt_estimate(unsigned a)
{
	unsigned b = 512;

	a = a < 256 ? 2 * a + 1 : ((a & ~1u) + 1) * 2;
	while ((uint64_t)a * (b + 1) * (b + 1) < UINT64_C(1) << 28)
		b++;
	return (b + 1) / 2;
}

/* The fraction of a not-zero number, left-aligned in 52 bits, and its exponent field, which goes
 * below 1 for a denormal. */
FP_INLINE uint64_t fraction52(unsigned n, uint64_t a, int *exp)
{
	struct fp_num v = fp_unpack(n, a);

	*exp = v.exp + fp_bias(n);
	return v.mant << 1 >> 12;
}

FP_INLINE uint64_t recpe(unsigned n, uint64_t a, uint32_t fpcr, uint32_t *fpsr)
{
	const int bias = fp_bias(n);
	bool sign = fp_sign(n, a), to_inf;
	uint64_t frac;
	int exp;

	a = fp_flush(n, a, fpcr, fpsr);
	if (fp_is_nan(n, a))
		return fp_process_nan(n, a, fpcr, fpsr);
	if (fp_is_inf(n, a))
		return fp_zero(n, sign);
	if (fp_is_zero(n, a)) {
		*fpsr |= FP_DZC;
		return fp_inf(n, sign);
	}
	frac = fraction52(n, a, &exp);
	if (exp < -1) { /* below 2^-128 or 2^-1024: the reciprocal is too big */
		enum fp_rounding mode = fp_rmode(fpcr);

		*fpsr |= FP_OFC | FP_IXC;
		to_inf = mode == FP_RN || mode == (sign ? FP_RM : FP_RP);
		return to_inf ? fp_inf(n, sign) : fp_max_normal(n, sign);
	}
	if ((fpcr & FP_CR_FZ) && exp >= 2 * bias - 1) { /* from 2^126 or 2^1022 */
		*fpsr |= FP_UFC;
		return fp_zero(n, sign);
	}
	frac = (uint64_t)(recip_estimate(256 | (unsigned)(frac >> 44)) & 255) << 44;
	exp = 2 * bias - 1 - exp;
	if (exp <= 0) { /* 0 or -1: a denormal */
		frac = (UINT64_C(1) << 52 | frac) >> (1 - exp);
		exp = 0;
	}
	return fp_zero(n, sign) | (uint64_t)exp << fp_frac_bits(n) | frac >> (52 - fp_frac_bits(n));
}

FP_INLINE uint64_t rsqrte(unsigned n, uint64_t a, uint32_t fpcr, uint32_t *fpsr)
{
	uint64_t frac;
	unsigned scaled;
	int exp;

	a = fp_flush(n, a, fpcr, fpsr);
	if (fp_is_nan(n, a))
		return fp_process_nan(n, a, fpcr, fpsr);
	if (fp_is_zero(n, a)) {
		*fpsr |= FP_DZC;
		return fp_inf(n, fp_sign(n, a));
	}
	if (fp_sign(n, a))
		return fp_invalid(n, fpsr);
	if (fp_is_inf(n, a))
		return fp_zero(n, false);
	frac = fraction52(n, a, &exp);
	scaled = exp & 1 ? 128 | (unsigned)(frac >> 45) : 256 | (unsigned)(frac >> 44);
	/* 3 * bias - 1 - exp is positive: 380 or 3068 less the field. */
	exp = (3 * fp_bias(n) - 1 - exp) / 2;
	return (uint64_t)exp << fp_frac_bits(n) | (uint64_t)(recip_sqrt_estimate(scaled) & 255)
						      << (fp_frac_bits(n) - 8);
}

FP_INLINE uint64_t recpx(unsigned n, uint64_t a, uint32_t fpcr, uint32_t *fpsr)
{
	uint64_t exp;

	a = fp_flush(n, a, fpcr, fpsr);
	if (fp_is_nan(n, a))
		return fp_process_nan(n, a, fpcr, fpsr);
	exp = fp_abs(n, a) >> fp_frac_bits(n);
	exp = exp ? (uint64_t)fp_exp_max(n) ^ exp : (uint64_t)fp_exp_max(n) - 1;
	return fp_zero(n, fp_sign(n, a)) | exp << fp_frac_bits(n);
}

#define ESTIMATE(n, T)                                       \
	T fp##n##_recpe(T a, uint32_t fpcr, uint32_t *fpsr)  \
	{                                                    \
		return (T)recpe(n, a, fpcr, fpsr);           \
	}                                                    \
	T fp##n##_rsqrte(T a, uint32_t fpcr, uint32_t *fpsr) \
	{                                                    \
		return (T)rsqrte(n, a, fpcr, fpsr);          \
	}                                                    \
	T fp##n##_recpx(T a, uint32_t fpcr, uint32_t *fpsr)  \
	{                                                    \
		return (T)recpx(n, a, fpcr, fpsr);           \
	}

ESTIMATE(32, uint32_t)
ESTIMATE(64, uint64_t)

uint32_t fp_urecpe(uint32_t a)
{
	return a >> 31 ? (uint32_t)recip_estimate(a >> 23) << 23 : UINT32_MAX;
}

uint32_t fp_ursqrte(uint32_t a)
{
	return a >> 30 ? (uint32_t)recip_sqrt_estimate(a >> 23) << 23 : UINT32_MAX;
}
