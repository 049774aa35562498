/* SPDX-License-Identifier: MIT */
/*
 * Fused multiply-add and the Newton steps built on it (DDI 0487 shared/functions/float: FPMulAdd,
 * FPRecipStepFused, FPRSqrtStepFused). The product is exact in 128 bits; its sum with the addend
 * is rounded once.
 */
#include "cpu/fp/fp_parts.h"

/* (c + x * y) * 2^scale; x and y are not zero, c is none if c.mant is 0. */
FP_INLINE uint64_t fused(unsigned n, struct fp_num c, struct fp_num x, struct fp_num y, int scale,
			 uint32_t fpcr, uint32_t *fpsr)
{
	fp_u128 p = (fp_u128)x.mant * y.mant, q = (fp_u128)c.mant << 63;
	bool sign = x.sign != y.sign;
	int exp = x.exp + y.exp, lz;
	struct fp_num r;

	/* Both with the leading 1 in bit 126: room for a carry, and the shift loses nothing. */
	if (p >> 127) {
		p >>= 1;
		exp++;
	}
	if (q) {
		fp_u128 small = q;
		int small_exp = c.exp;
		bool small_sign = c.sign;

		if (c.exp > exp || (c.exp == exp && q > p)) {
			small = p;
			small_exp = exp;
			small_sign = sign;
			p = q;
			exp = c.exp;
			sign = c.sign;
		}
		small = fp_jam128(small, (unsigned)(exp - small_exp));
		p = sign == small_sign ? p + small : p - small;
		if (!p)
			return fp_cancelled(n, fpcr);
	}
	lz = p >> 64 ? __builtin_clzll((uint64_t)(p >> 64)) : 64 + __builtin_clzll((uint64_t)p);
	p <<= lz;
	r.sign = sign;
	r.exp = exp + 1 - lz + scale;
	r.mant = (uint64_t)(p >> 64) | ((uint64_t)p != 0);
	return fp_round(n, r, fpcr, fpsr);
}

/* FPProcessNaNs3() and FPMulAdd()'s 0 * infinity + quiet NaN. One of the three is a NaN. */
FP_INLINE uint64_t muladd_nans(unsigned n, uint64_t c, uint64_t a, uint64_t b, bool zero_by_inf,
			       uint32_t fpcr, uint32_t *fpsr)
{
	if (fp_is_snan(n, c))
		return fp_process_nan(n, c, fpcr, fpsr);
	if (fp_is_snan(n, a))
		return fp_process_nan(n, a, fpcr, fpsr);
	if (fp_is_snan(n, b))
		return fp_process_nan(n, b, fpcr, fpsr);
	if (fp_is_nan(n, c))
		return zero_by_inf ? fp_invalid(n, fpsr) : fp_process_nan(n, c, fpcr, fpsr);
	return fp_process_nans(n, a, b, fpcr, fpsr);
}

FP_INLINE uint64_t muladd(unsigned n, uint64_t c, uint64_t a, uint64_t b, uint32_t fpcr,
			  uint32_t *fpsr)
{
	bool sign = fp_sign(n, a) != fp_sign(n, b), inf, zero, zero_by_inf;

	c = fp_flush(n, c, fpcr, fpsr);
	a = fp_flush(n, a, fpcr, fpsr);
	b = fp_flush(n, b, fpcr, fpsr);
	inf = fp_is_inf(n, a) || fp_is_inf(n, b);
	zero = fp_is_zero(n, a) || fp_is_zero(n, b);
	zero_by_inf =
	    (fp_is_inf(n, a) && fp_is_zero(n, b)) || (fp_is_zero(n, a) && fp_is_inf(n, b));
	if (fp_is_nan(n, c) || fp_is_nan(n, a) || fp_is_nan(n, b))
		return muladd_nans(n, c, a, b, zero_by_inf, fpcr, fpsr);
	if (zero_by_inf || (inf && fp_is_inf(n, c) && fp_sign(n, c) != sign))
		return fp_invalid(n, fpsr);
	if (fp_is_inf(n, c))
		return c;
	if (inf)
		return fp_inf(n, sign);
	if (zero) {
		if (!fp_is_zero(n, c))
			return fp_round(n, fp_unpack(n, c), fpcr, fpsr);
		return fp_sign(n, c) == sign ? c : fp_cancelled(n, fpcr);
	}
	return fused(n, fp_is_zero(n, c) ? (struct fp_num){0} : fp_unpack(n, c), fp_unpack(n, a),
		     fp_unpack(n, b), 0, fpcr, fpsr);
}

/*
 * (addend - a * b) * 2^scale, where zero times infinity counts as 0. The architecture negates a
 * before it looks for NaNs.
 */
FP_INLINE uint64_t step(unsigned n, uint64_t addend, int scale, uint64_t a, uint64_t b,
			uint32_t fpcr, uint32_t *fpsr)
{
	bool inf, zero, sign;
	struct fp_num c = fp_unpack(n, addend);

	a = fp_flush(n, fp_neg(n, a), fpcr, fpsr);
	b = fp_flush(n, b, fpcr, fpsr);
	if (fp_is_nan(n, a) || fp_is_nan(n, b))
		return fp_process_nans(n, a, b, fpcr, fpsr);
	inf = fp_is_inf(n, a) || fp_is_inf(n, b);
	zero = fp_is_zero(n, a) || fp_is_zero(n, b);
	sign = fp_sign(n, a) != fp_sign(n, b);
	if (inf && !zero)
		return fp_inf(n, sign);
	if (zero) {
		c.exp += scale;
		return fp_round(n, c, fpcr, fpsr);
	}
	return fused(n, c, fp_unpack(n, a), fp_unpack(n, b), scale, fpcr, fpsr);
}

#define FP32_TWO   UINT32_C(0x40000000)
#define FP32_THREE UINT32_C(0x40400000)
#define FP64_TWO   UINT64_C(0x4000000000000000)
#define FP64_THREE UINT64_C(0x4008000000000000)

#define FMA(n, T)                                                                \
	T fp##n##_muladd_soft(T addend, T a, T b, uint32_t fpcr, uint32_t *fpsr) \
	{                                                                        \
		return (T)muladd(n, addend, a, b, fpcr, fpsr);                   \
	}                                                                        \
	T fp##n##_recps(T a, T b, uint32_t fpcr, uint32_t *fpsr)                 \
	{                                                                        \
		return (T)step(n, FP##n##_TWO, 0, a, b, fpcr, fpsr);             \
	}                                                                        \
	T fp##n##_rsqrts(T a, T b, uint32_t fpcr, uint32_t *fpsr)                \
	{                                                                        \
		return (T)step(n, FP##n##_THREE, -1, a, b, fpcr, fpsr);          \
	}

FMA(32, uint32_t)
FMA(64, uint64_t)

/*
 * Single precision in double: the product is exact, the sum is rounded to odd (TwoSum tells on
 * which side the rest lies), and 53 bits are more than twice 24 + 1, so that rounding the odd
 * sum to single gives what one rounding would have given.
 */
float fp32_host_fma_wide(float addend, float a, float b)
{
	double p = (double)a * b, c = addend;
	uint64_t bits = fp64_raw(p);
	double s, v, rest;

	p = fp64_host(bits);
	s = p + c;
	v = s - p;
	rest = (p - (s - v)) + (c - v);
	bits = fp64_raw(s);
	if (rest != 0 && !(bits & 1))
		bits += (rest > 0) == (s > 0) ? 1 : UINT64_MAX;
	return (float)fp64_host(bits);
}
