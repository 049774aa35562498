/* SPDX-License-Identifier: MIT */
/*
 * The inside of the soft-float functions: a number taken apart, and put together with rounding.
 *
 * Everything takes the format as its width n (16, 32, 64) and is inlined, so each function of
 * fp.h is compiled for its format from one text. Bits travel as uint64_t.
 */
#ifndef AM_CPU_FP_FP_PARTS_H
#define AM_CPU_FP_FP_PARTS_H

#include "cpu/fp/fp.h"

#define FP_INLINE static inline __attribute__((always_inline))

FP_INLINE unsigned fp_frac_bits(unsigned n)
{
	return n == 64 ? 52 : n == 32 ? 23 : 10;
}

/* All ones in the exponent field. */
FP_INLINE int fp_exp_max(unsigned n)
{
	return n == 64 ? 2047 : n == 32 ? 255 : 31;
}

FP_INLINE int fp_bias(unsigned n)
{
	return fp_exp_max(n) / 2;
}

FP_INLINE uint64_t fp_zero(unsigned n, bool sign)
{
	return (uint64_t)sign << (n - 1);
}

FP_INLINE uint64_t fp_inf(unsigned n, bool sign)
{
	return fp_zero(n, sign) | (uint64_t)fp_exp_max(n) << fp_frac_bits(n);
}

FP_INLINE uint64_t fp_max_normal(unsigned n, bool sign)
{
	return fp_inf(n, sign) - 1;
}

FP_INLINE uint64_t fp_quiet_bit(unsigned n)
{
	return UINT64_C(1) << (fp_frac_bits(n) - 1);
}

FP_INLINE uint64_t fp_default_nan(unsigned n)
{
	return fp_inf(n, false) | fp_quiet_bit(n);
}

FP_INLINE bool fp_sign(unsigned n, uint64_t a)
{
	return a >> (n - 1) & 1;
}

FP_INLINE uint64_t fp_abs(unsigned n, uint64_t a)
{
	return a & ~(UINT64_C(1) << (n - 1));
}

FP_INLINE uint64_t fp_neg(unsigned n, uint64_t a)
{
	return a ^ UINT64_C(1) << (n - 1);
}

FP_INLINE bool fp_is_nan(unsigned n, uint64_t a)
{
	return fp_abs(n, a) > fp_inf(n, false);
}

FP_INLINE bool fp_is_snan(unsigned n, uint64_t a)
{
	return fp_is_nan(n, a) && !(a & fp_quiet_bit(n));
}

FP_INLINE bool fp_is_inf(unsigned n, uint64_t a)
{
	return fp_abs(n, a) == fp_inf(n, false);
}

FP_INLINE bool fp_is_zero(unsigned n, uint64_t a)
{
	return fp_abs(n, a) == 0;
}

/* FPUnpack()'s flushing: with FPCR.FZ a denormal single or double operand is a zero. */
FP_INLINE uint64_t fp_flush(unsigned n, uint64_t a, uint32_t fpcr, uint32_t *fpsr)
{
	uint64_t abs = fp_abs(n, a);

	if (am_unlikely(fpcr & FP_CR_FZ) && n != 16 && abs && !(abs >> fp_frac_bits(n))) {
		*fpsr |= FP_IDC;
		return a ^ abs;
	}
	return a;
}

/* A finite number that is not zero: mant / 2^63 * 2^exp, where bit 63 of mant is set. */
struct fp_num {
	bool sign;
	int exp;
	uint64_t mant;
};

/* @a is finite, not zero (and already flushed). Works for AHP's numbers with exponent 31 too. */
FP_INLINE struct fp_num fp_unpack(unsigned n, uint64_t a)
{
	uint64_t abs = fp_abs(n, a);
	int e = (int)(abs >> fp_frac_bits(n));
	uint64_t mant = abs << (63 - fp_frac_bits(n));

	if (e) {
		return (struct fp_num){fp_sign(n, a), e - fp_bias(n), mant | UINT64_C(1) << 63};
	} else {
		int lz = __builtin_clzll(mant);

		return (struct fp_num){fp_sign(n, a), 1 - fp_bias(n) - lz, mant << lz};
	}
}

/* Shift right; what falls out is ORed into bit 0. */
FP_INLINE uint64_t fp_jam64(uint64_t v, unsigned count)
{
	if (count == 0)
		return v;
	if (count < 64)
		return v >> count | ((v << (64 - count)) != 0);
	return v != 0;
}

typedef unsigned __int128 fp_u128;

FP_INLINE fp_u128 fp_jam128(fp_u128 v, unsigned count)
{
	if (count == 0)
		return v;
	if (count < 128)
		return v >> count | ((v << (128 - count)) != 0);
	return v != 0;
}

/*
 * Whether a magnitude whose integer part ends in @odd and whose fraction is @rem / 2^64 is
 * rounded up. FP_RODD is up to the caller.
 */
FP_INLINE bool fp_rounds_up(enum fp_rounding rounding, bool sign, bool odd, uint64_t rem)
{
	const uint64_t half = UINT64_C(1) << 63;

	switch (rounding) {
	case FP_RN:
		return rem > half || (rem == half && odd);
	case FP_RP:
		return rem && !sign;
	case FP_RM:
		return rem && sign;
	case FP_RA:
		return rem >= half;
	default:
		return false;
	}
}

/* FPRound() (DDI 0487, FPRoundBase): bit 0 of v.mant is sticky. @ahp: n is 16, no infinities. */
FP_INLINE uint64_t fp_round_to(unsigned n, struct fp_num v, enum fp_rounding rounding, bool ahp,
			       uint32_t fpcr, uint32_t *fpsr)
{
	const unsigned frac = fp_frac_bits(n), drop = 63 - frac;
	const uint64_t limit = (uint64_t)(fp_exp_max(n) + (ahp ? 1 : 0)) << frac;
	int biased = v.exp + fp_bias(n);
	uint64_t bits, rem;

	if (am_unlikely(biased <= 0)) {
		/* Tiny, which is looked at before rounding. */
		if ((fpcr & FP_CR_FZ) && n != 16) {
			*fpsr |= FP_UFC;
			return fp_zero(n, v.sign);
		}
		v.mant = fp_jam64(v.mant, 1 - biased);
		bits = v.mant >> drop;
		rem = v.mant << (64 - drop);
		if (rem)
			*fpsr |= FP_UFC;
	} else {
		/* The exponent field, less one for the leading 1 that comes with the mantissa. */
		bits = biased > fp_exp_max(n) + 1 ? limit : (uint64_t)(biased - 1) << frac;
		bits += v.mant >> drop;
		rem = v.mant << (64 - drop);
	}

	if (fp_rounds_up(rounding, v.sign, bits & 1, rem))
		bits++;
	else if (rounding == FP_RODD && rem)
		bits |= 1;

	if (am_unlikely(bits >= limit)) {
		if (ahp) {
			*fpsr |= FP_IOC;
			return fp_zero(n, v.sign) | (limit - 1);
		}
		*fpsr |= FP_OFC | FP_IXC;
		if (rounding == FP_RN || rounding == FP_RA || rounding == (v.sign ? FP_RM : FP_RP))
			return fp_inf(n, v.sign);
		return fp_max_normal(n, v.sign);
	}
	if (rem)
		*fpsr |= FP_IXC;
	return fp_zero(n, v.sign) | bits;
}

FP_INLINE uint64_t fp_round(unsigned n, struct fp_num v, uint32_t fpcr, uint32_t *fpsr)
{
	return fp_round_to(n, v, fp_rmode(fpcr), false, fpcr, fpsr);
}

/* An exact zero from operands that are not zero. */
FP_INLINE uint64_t fp_cancelled(unsigned n, uint32_t fpcr)
{
	return fp_zero(n, fp_rmode(fpcr) == FP_RM);
}

FP_INLINE uint64_t fp_invalid(unsigned n, uint32_t *fpsr)
{
	*fpsr |= FP_IOC;
	return fp_default_nan(n);
}

/* FPProcessNaN() */
FP_INLINE uint64_t fp_process_nan(unsigned n, uint64_t a, uint32_t fpcr, uint32_t *fpsr)
{
	if (fp_is_snan(n, a))
		*fpsr |= FP_IOC;
	return fpcr & FP_CR_DN ? fp_default_nan(n) : a | fp_quiet_bit(n);
}

/* FPProcessNaNs(): signalling ones first, then in the order of the operands. One is a NaN. */
FP_INLINE uint64_t fp_process_nans(unsigned n, uint64_t a, uint64_t b, uint32_t fpcr,
				   uint32_t *fpsr)
{
	if (fp_is_snan(n, a) || (fp_is_nan(n, a) && !fp_is_snan(n, b)))
		return fp_process_nan(n, a, fpcr, fpsr);
	return fp_process_nan(n, b, fpcr, fpsr);
}

#endif
