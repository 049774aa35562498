/* SPDX-License-Identifier: MIT */
/*
 * Sum, difference, product, quotient, square root and rounding to an integral value
 * (DDI 0487 shared/functions/float: FPAdd, FPSub, FPMul, FPMulX, FPDiv, FPSqrt, FPRoundInt), and
 * the host's FP environment that the fast paths of fp.h need.
 *
 * In all of them NaNs come first, then the special cases by name, then exact integer arithmetic
 * on 64-bit mantissas whose last bit is sticky.
 */
#include "cpu/fp/fp_parts.h"

/* ---- Sum ---- */

/* Numbers that are not zero. */
FP_INLINE uint64_t add_numbers(unsigned n, struct fp_num a, struct fp_num b, uint32_t fpcr,
			       uint32_t *fpsr)
{
	struct fp_num r;
	int lz;

	if (a.exp < b.exp || (a.exp == b.exp && a.mant < b.mant)) {
		r = a;
		a = b;
		b = r;
	}
	/* A bit of room for the carry; the lowest ten bits of a mantissa are 0 anyway. */
	a.mant >>= 1;
	b.mant = fp_jam64(b.mant >> 1, (unsigned)(a.exp - b.exp));
	r.sign = a.sign;
	r.mant = a.sign == b.sign ? a.mant + b.mant : a.mant - b.mant;
	if (!r.mant)
		return fp_cancelled(n, fpcr);
	lz = __builtin_clzll(r.mant);
	r.mant <<= lz;
	r.exp = a.exp + 1 - lz;
	return fp_round(n, r, fpcr, fpsr);
}

FP_INLINE uint64_t add(unsigned n, uint64_t a, uint64_t b, bool subtract, uint32_t fpcr,
		       uint32_t *fpsr)
{
	a = fp_flush(n, a, fpcr, fpsr);
	b = fp_flush(n, b, fpcr, fpsr);
	if (fp_is_nan(n, a) || fp_is_nan(n, b))
		return fp_process_nans(n, a, b, fpcr, fpsr);
	if (subtract)
		b = fp_neg(n, b);
	if (fp_is_inf(n, a))
		return fp_is_inf(n, b) && a != b ? fp_invalid(n, fpsr) : a;
	if (fp_is_inf(n, b))
		return b;
	if (fp_is_zero(n, a) && fp_is_zero(n, b))
		return a == b ? a : fp_cancelled(n, fpcr);
	if (fp_is_zero(n, a))
		return fp_round(n, fp_unpack(n, b), fpcr, fpsr);
	if (fp_is_zero(n, b))
		return fp_round(n, fp_unpack(n, a), fpcr, fpsr);
	return add_numbers(n, fp_unpack(n, a), fp_unpack(n, b), fpcr, fpsr);
}

/* ---- Product and quotient ---- */

FP_INLINE uint64_t mul(unsigned n, uint64_t a, uint64_t b, bool mulx, uint32_t fpcr, uint32_t *fpsr)
{
	bool sign = fp_sign(n, a) != fp_sign(n, b);
	struct fp_num x, y, r;
	fp_u128 p;
	int lz;

	a = fp_flush(n, a, fpcr, fpsr);
	b = fp_flush(n, b, fpcr, fpsr);
	if (fp_is_nan(n, a) || fp_is_nan(n, b))
		return fp_process_nans(n, a, b, fpcr, fpsr);
	if (fp_is_inf(n, a) || fp_is_inf(n, b)) {
		if (!fp_is_zero(n, a) && !fp_is_zero(n, b))
			return fp_inf(n, sign);
		if (!mulx)
			return fp_invalid(n, fpsr);
		return fp_zero(n, sign) | (uint64_t)(fp_bias(n) + 1) << fp_frac_bits(n);
	}
	if (fp_is_zero(n, a) || fp_is_zero(n, b))
		return fp_zero(n, sign);

	x = fp_unpack(n, a);
	y = fp_unpack(n, b);
	p = (fp_u128)x.mant * y.mant;
	lz = !(p >> 127);
	r.sign = sign;
	r.exp = x.exp + y.exp + 1 - lz;
	r.mant = (uint64_t)((p << lz) >> 64) | ((uint64_t)p != 0);
	return fp_round(n, r, fpcr, fpsr);
}

FP_INLINE uint64_t div(unsigned n, uint64_t a, uint64_t b, uint32_t fpcr, uint32_t *fpsr)
{
	bool sign = fp_sign(n, a) != fp_sign(n, b);
	struct fp_num x, y, r;
	fp_u128 num;
	uint64_t q;
	int lz;

	a = fp_flush(n, a, fpcr, fpsr);
	b = fp_flush(n, b, fpcr, fpsr);
	if (fp_is_nan(n, a) || fp_is_nan(n, b))
		return fp_process_nans(n, a, b, fpcr, fpsr);
	if (fp_is_inf(n, a))
		return fp_is_inf(n, b) ? fp_invalid(n, fpsr) : fp_inf(n, sign);
	if (fp_is_zero(n, b)) {
		if (fp_is_zero(n, a))
			return fp_invalid(n, fpsr);
		*fpsr |= FP_DZC;
		return fp_inf(n, sign);
	}
	if (fp_is_zero(n, a) || fp_is_inf(n, b))
		return fp_zero(n, sign);

	x = fp_unpack(n, a);
	y = fp_unpack(n, b);
	/* Half of x is below y, so the quotient has 63 or 64 bits. */
	num = (fp_u128)(x.mant >> 1) << 64;
	q = (uint64_t)(num / y.mant);
	if (num != (fp_u128)q * y.mant)
		q |= 1;
	lz = __builtin_clzll(q);
	r.sign = sign;
	r.exp = x.exp - y.exp - lz;
	r.mant = q << lz;
	return fp_round(n, r, fpcr, fpsr);
}

/* ---- Square root ---- */

/* The root of m * 2^62, at least 2^62, rounded down with a sticky bit 0 that no result needs. */
static uint64_t isqrt(uint64_t m)
{
	fp_u128 rest = (fp_u128)m << 62, root = 0;

	for (fp_u128 bit = (fp_u128)1 << 126; bit; bit >>= 2) {
		if (rest >= root + bit) {
			rest -= root + bit;
			root = (root >> 1) + bit;
		} else {
			root >>= 1;
		}
	}
	return (uint64_t)root | (rest != 0);
}

FP_INLINE uint64_t square_root(unsigned n, uint64_t a, uint32_t fpcr, uint32_t *fpsr)
{
	struct fp_num x;
	uint64_t root;

	a = fp_flush(n, a, fpcr, fpsr);
	if (fp_is_nan(n, a))
		return fp_process_nan(n, a, fpcr, fpsr);
	if (fp_is_zero(n, a))
		return a;
	if (fp_sign(n, a))
		return fp_invalid(n, fpsr);
	if (fp_is_inf(n, a))
		return a;

	/* x = m / 2^62 * 2^exp with exp even and 1 <= m / 2^62 < 4. */
	x = fp_unpack(n, a);
	if (x.exp & 1)
		x.exp--;
	else
		x.mant >>= 1;
	/* 2^62 * sqrt(m / 2^62) is in [2^62, 2^63). */
	root = isqrt(x.mant);
	return fp_round(n, (struct fp_num){false, x.exp / 2, root << 1}, fpcr, fpsr);
}

/* ---- Integral values ---- */

FP_INLINE uint64_t round_int(unsigned n, uint64_t a, enum fp_rounding rounding, bool exact,
			     uint32_t fpcr, uint32_t *fpsr)
{
	const unsigned frac = fp_frac_bits(n);
	uint64_t mag, rem;
	struct fp_num x;
	int lz;

	a = fp_flush(n, a, fpcr, fpsr);
	if (fp_is_nan(n, a))
		return fp_process_nan(n, a, fpcr, fpsr);
	if (fp_is_inf(n, a) || fp_is_zero(n, a))
		return a;
	x = fp_unpack(n, a);
	if (x.exp >= (int)frac)
		return a;
	if (x.exp >= 0) {
		mag = x.mant >> (63 - x.exp);
		rem = x.mant << (x.exp + 1);
	} else {
		mag = 0;
		rem = fp_jam64(x.mant, (unsigned)(-1 - x.exp));
	}
	if (!rem)
		return a;
	if (exact)
		*fpsr |= FP_IXC;
	mag += fp_rounds_up(rounding, x.sign, mag & 1, rem);
	if (!mag)
		return fp_zero(n, x.sign);
	lz = __builtin_clzll(mag);
	mag <<= lz;
	return fp_zero(n, x.sign) |
	       (((uint64_t)(fp_bias(n) + 62 - lz) << frac) + (mag >> (63 - frac)));
}

/* ---- For each format ---- */

#define ARITH(n, T)                                                                    \
	T fp##n##_add_soft(T a, T b, uint32_t fpcr, uint32_t *fpsr)                    \
	{                                                                              \
		return (T)add(n, a, b, false, fpcr, fpsr);                             \
	}                                                                              \
	T fp##n##_sub_soft(T a, T b, uint32_t fpcr, uint32_t *fpsr)                    \
	{                                                                              \
		return (T)add(n, a, b, true, fpcr, fpsr);                              \
	}                                                                              \
	T fp##n##_mul_soft(T a, T b, uint32_t fpcr, uint32_t *fpsr)                    \
	{                                                                              \
		return (T)mul(n, a, b, false, fpcr, fpsr);                             \
	}                                                                              \
	T fp##n##_mulx_soft(T a, T b, uint32_t fpcr, uint32_t *fpsr)                   \
	{                                                                              \
		return (T)mul(n, a, b, true, fpcr, fpsr);                              \
	}                                                                              \
	T fp##n##_div_soft(T a, T b, uint32_t fpcr, uint32_t *fpsr)                    \
	{                                                                              \
		return (T)div(n, a, b, fpcr, fpsr);                                    \
	}                                                                              \
	T fp##n##_sqrt_soft(T a, uint32_t fpcr, uint32_t *fpsr)                        \
	{                                                                              \
		return (T)square_root(n, a, fpcr, fpsr);                               \
	}                                                                              \
	T fp##n##_round_int(T a, enum fp_rounding rounding, bool exact, uint32_t fpcr, \
			    uint32_t *fpsr)                                            \
	{                                                                              \
		return (T)round_int(n, a, rounding, exact, fpcr, fpsr);                \
	}

ARITH(32, uint32_t)
ARITH(64, uint64_t)

/* ---- The host's environment ---- */

#if defined(__x86_64__)

uint64_t fp_host_enter(void)
{
	uint32_t saved, usual = 0x1f80; /* all exceptions masked, to nearest, no FTZ, no DAZ */

	__asm__ volatile("stmxcsr %0" : "=m"(saved));
	__asm__ volatile("ldmxcsr %0" ::"m"(usual));
	return saved;
}

void fp_host_leave(uint64_t saved)
{
	uint32_t v = (uint32_t)saved;

	__asm__ volatile("ldmxcsr %0" ::"m"(v));
}

#elif defined(__aarch64__)

uint64_t fp_host_enter(void)
{
	uint64_t saved;

	__asm__ volatile("mrs %0, fpcr\n\tmsr fpcr, xzr" : "=&r"(saved));
	return saved;
}

void fp_host_leave(uint64_t saved)
{
	__asm__ volatile("msr fpcr, %0" ::"r"(saved));
}

#else /* no fast path */

uint64_t fp_host_enter(void)
{
	return 0;
}

void fp_host_leave(uint64_t saved)
{
}

#endif
