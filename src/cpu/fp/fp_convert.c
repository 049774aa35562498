/* SPDX-License-Identifier: MIT */
/*
 * Conversion between formats and to and from integers and fixed point (DDI 0487
 * shared/functions/float: FPConvert, FPToFixed, FixedToFP).
 */
#include "cpu/fp/fp_parts.h"

/* ---- Between formats ---- */

/* FPConvertNaN(): the payload keeps its most significant bits and the NaN becomes quiet. */
FP_INLINE uint64_t convert_nan(unsigned to, unsigned from, uint64_t a)
{
	uint64_t payload = a << (64 - fp_frac_bits(from)) >> (64 - fp_frac_bits(to));

	return fp_inf(to, fp_sign(from, a)) | fp_quiet_bit(to) | payload;
}

/*
 * FPConvert(). Half precision is not subject to FPCR.FZ, neither as operand nor as result; its
 * alternative format has no infinities and NaNs.
 */
FP_INLINE uint64_t convert(unsigned to, unsigned from, uint64_t a, enum fp_rounding rounding,
			   uint32_t fpcr, uint32_t *fpsr)
{
	const bool ahp = fpcr & FP_CR_AHP;
	const bool to_ahp = to == 16 && ahp, from_ahp = from == 16 && ahp;
	bool sign = fp_sign(from, a);

	a = fp_flush(from, a, fpcr, fpsr);
	if (fp_is_nan(from, a) && !from_ahp) {
		if (fp_is_snan(from, a) || to_ahp)
			*fpsr |= FP_IOC;
		if (to_ahp)
			return fp_zero(to, sign);
		return fpcr & FP_CR_DN ? fp_default_nan(to) : convert_nan(to, from, a);
	}
	if (fp_is_inf(from, a) && !from_ahp) {
		if (!to_ahp)
			return fp_inf(to, sign);
		*fpsr |= FP_IOC;
		return fp_zero(to, sign) | 0x7fff;
	}
	if (fp_is_zero(from, a))
		return fp_zero(to, sign);
	return fp_round_to(to, fp_unpack(from, a), rounding, to_ahp, fpcr, fpsr);
}

uint64_t fp32_to_fp64_soft(uint32_t a, uint32_t fpcr, uint32_t *fpsr)
{
	return convert(64, 32, a, FP_RN, fpcr, fpsr);
}

uint16_t fp32_to_fp16(uint32_t a, uint32_t fpcr, uint32_t *fpsr)
{
	return (uint16_t)convert(16, 32, a, fp_rmode(fpcr), fpcr, fpsr);
}

uint32_t fp64_to_fp32_soft(uint64_t a, uint32_t fpcr, uint32_t *fpsr)
{
	return (uint32_t)convert(32, 64, a, fp_rmode(fpcr), fpcr, fpsr);
}

uint32_t fp64_to_fp32_odd(uint64_t a, uint32_t fpcr, uint32_t *fpsr)
{
	return (uint32_t)convert(32, 64, a, FP_RODD, fpcr, fpsr);
}

uint16_t fp64_to_fp16(uint64_t a, uint32_t fpcr, uint32_t *fpsr)
{
	return (uint16_t)convert(16, 64, a, fp_rmode(fpcr), fpcr, fpsr);
}

uint32_t fp16_to_fp32(uint16_t a, uint32_t fpcr, uint32_t *fpsr)
{
	return (uint32_t)convert(32, 16, a, FP_RN, fpcr, fpsr);
}

uint64_t fp16_to_fp64(uint16_t a, uint32_t fpcr, uint32_t *fpsr)
{
	return convert(64, 16, a, FP_RN, fpcr, fpsr);
}

/* ---- To integers ---- */

/*
 * FPToFixed(): a * 2^fbits as an integer that is at most @max, or if negative at least -@min.
 * The flags of saturation replace the inexact one.
 */
FP_INLINE uint64_t to_fixed(unsigned n, uint64_t a, unsigned fbits, enum fp_rounding rounding,
			    uint64_t min, uint64_t max, uint32_t fpcr, uint32_t *fpsr)
{
	uint64_t mag, rem, limit;
	bool sign = fp_sign(n, a);
	struct fp_num x;
	int exp;

	a = fp_flush(n, a, fpcr, fpsr);
	if (fp_is_zero(n, a))
		return 0;
	if (fp_is_nan(n, a)) {
		*fpsr |= FP_IOC;
		return 0;
	}
	/* An infinity unpacks to 2^128 or 2^1024: too big whatever fbits is. */
	x = fp_unpack(n, a);
	exp = x.exp + (int)fbits;
	limit = sign ? min : max;
	if (exp > 63) {
		*fpsr |= FP_IOC;
		return sign ? -min : max;
	}
	if (exp >= 0) {
		mag = x.mant >> (63 - exp);
		rem = exp == 63 ? 0 : x.mant << (exp + 1);
	} else {
		mag = 0;
		rem = fp_jam64(x.mant, (unsigned)(-1 - exp));
	}
	mag += fp_rounds_up(rounding, sign, mag & 1, rem);
	if (mag > limit) {
		*fpsr |= FP_IOC;
		mag = limit;
	} else if (rem) {
		*fpsr |= FP_IXC;
	}
	return sign ? -mag : mag;
}

/* ---- From integers ---- */

FP_INLINE uint64_t from_fixed(unsigned n, bool sign, uint64_t mag, unsigned fbits, uint32_t fpcr,
			      uint32_t *fpsr)
{
	int lz;

	if (!mag)
		return 0;
	lz = __builtin_clzll(mag);
	return fp_round(n, (struct fp_num){sign, 63 - lz - (int)fbits, mag << lz}, fpcr, fpsr);
}

#define FIXED(n, T)                                                                                \
	T fp##n##_from_s64_soft(int64_t v, unsigned fbits, uint32_t fpcr, uint32_t *fpsr)          \
	{                                                                                          \
		return (T)from_fixed(n, v < 0, v < 0 ? -(uint64_t)v : (uint64_t)v, fbits, fpcr,    \
				     fpsr);                                                        \
	}                                                                                          \
	T fp##n##_from_u64(uint64_t v, unsigned fbits, uint32_t fpcr, uint32_t *fpsr)              \
	{                                                                                          \
		return (T)from_fixed(n, false, v, fbits, fpcr, fpsr);                              \
	}                                                                                          \
	int64_t fp##n##_to_s64_soft(T a, unsigned fbits, enum fp_rounding rounding, uint32_t fpcr, \
				    uint32_t *fpsr)                                                \
	{                                                                                          \
		return (int64_t)to_fixed(n, a, fbits, rounding, UINT64_C(1) << 63, INT64_MAX,      \
					 fpcr, fpsr);                                              \
	}                                                                                          \
	uint64_t fp##n##_to_u64_soft(T a, unsigned fbits, enum fp_rounding rounding,               \
				     uint32_t fpcr, uint32_t *fpsr)                                \
	{                                                                                          \
		return to_fixed(n, a, fbits, rounding, 0, UINT64_MAX, fpcr, fpsr);                 \
	}                                                                                          \
	int32_t fp##n##_to_s32_soft(T a, unsigned fbits, enum fp_rounding rounding, uint32_t fpcr, \
				    uint32_t *fpsr)                                                \
	{                                                                                          \
		return (int32_t)to_fixed(n, a, fbits, rounding, UINT64_C(1) << 31, INT32_MAX,      \
					 fpcr, fpsr);                                              \
	}                                                                                          \
	uint32_t fp##n##_to_u32_soft(T a, unsigned fbits, enum fp_rounding rounding,               \
				     uint32_t fpcr, uint32_t *fpsr)                                \
	{                                                                                          \
		return (uint32_t)to_fixed(n, a, fbits, rounding, 0, UINT32_MAX, fpcr, fpsr);       \
	}

FIXED(32, uint32_t)
FIXED(64, uint64_t)
