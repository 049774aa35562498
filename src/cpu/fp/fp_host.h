/* SPDX-License-Identifier: MIT */
/*
 * The fast path of fp.h: the host's FPU where its result and flags are provably the same.
 *
 * That is: rounding to nearest, no operand to flush, IXC already set (so that nobody needs to
 * know whether this result was inexact) and a result that is well inside the normal range. Such
 * a result says all: no operand was a NaN or made one, nothing overflowed or was divided by zero,
 * nothing was tiny (a result that equals the smallest normal number may have been, before
 * rounding, which A64 reports as underflow). The host must then be in its default environment:
 * fp_host_enter() and fp_host_leave() bracket the run of a vCPU.
 */
#ifndef AM_CPU_FP_FP_HOST_H
#define AM_CPU_FP_FP_HOST_H

#include <float.h>
#include <string.h>

#include "cpu/fp/fp.h"

#if FLT_EVAL_METHOD == 0 && (defined(__x86_64__) || defined(__aarch64__))
#define FP_HOST 1
#else
#define FP_HOST 0
#endif

/* May the host compute, as far as rounding and IXC are concerned? */
static inline bool fp_host_ok(uint32_t fpcr, uint32_t fpsr)
{
	return FP_HOST && !(fpcr & FP_CR_RMODE) && (fpsr & FP_IXC);
}

/*
 * Adding one to the exponent turns "neither 0 nor all ones" into one compare. The asm hides that
 * a result came out of a product: nothing may contract it with a following sum.
 */
#define FP_HOST_HELPERS(n, T, F, one)                                      \
	static inline F fp##n##_host(T a)                                  \
	{                                                                  \
		F f;                                                       \
                                                                           \
		memcpy(&f, &a, sizeof(f));                                 \
		return f;                                                  \
	}                                                                  \
	static inline T fp##n##_raw(F f)                                   \
	{                                                                  \
		T r;                                                       \
                                                                           \
		memcpy(&r, &f, sizeof(r));                                 \
		__asm__("" : "+r"(r));                                     \
		return r;                                                  \
	}                                                                  \
	static inline bool fp##n##_is_zero(T a)                            \
	{                                                                  \
		return !(T)(a << 1);                                       \
	}                                                                  \
	/* Finite, normal and not the smallest normal number. */           \
	static inline bool fp##n##_is_safe(T a)                            \
	{                                                                  \
		return fp##n##_abs(a + (one)) > 2 * (one);                 \
	}                                                                  \
	static inline bool fp##n##_is_denormal(T a)                        \
	{                                                                  \
		return fp##n##_abs(a) - 1 < (one)-1;                       \
	}                                                                  \
	/* Would FPCR.FZ change one of the operands? */                    \
	static inline bool fp##n##_flushes(T a, T b, uint32_t fpcr)        \
	{                                                                  \
		return am_unlikely(fpcr & FP_CR_FZ) &&                     \
		       (fp##n##_is_denormal(a) || fp##n##_is_denormal(b)); \
	}

FP_HOST_HELPERS(32, uint32_t, float, UINT32_C(1) << 23)
FP_HOST_HELPERS(64, uint64_t, double, UINT64_C(1) << 52)

/*
 * A zero result: a sum that is zero is exact; a product or quotient may have underflowed, unless
 * a factor or the dividend is zero.
 */
#define FP_HOST_BINARY(n, T, name, op, zero_ok)                                                   \
	static inline T fp##n##_##name(T a, T b, uint32_t fpcr, uint32_t *fpsr)                   \
	{                                                                                         \
		if (am_likely(fp_host_ok(fpcr, *fpsr))) {                                         \
			T r = fp##n##_raw(fp##n##_host(a) op fp##n##_host(b));                    \
                                                                                                  \
			if (am_likely(fp##n##_is_safe(r)) || (fp##n##_is_zero(r) && (zero_ok))) { \
				if (am_likely(!fp##n##_flushes(a, b, fpcr)))                      \
					return r;                                                 \
			}                                                                         \
		}                                                                                 \
		return fp##n##_##name##_soft(a, b, fpcr, fpsr);                                   \
	}

FP_HOST_BINARY(32, uint32_t, add, +, true)
FP_HOST_BINARY(64, uint64_t, add, +, true)
FP_HOST_BINARY(32, uint32_t, sub, -, true)
FP_HOST_BINARY(64, uint64_t, sub, -, true)
FP_HOST_BINARY(32, uint32_t, mul, *, fp32_is_zero(a) || fp32_is_zero(b))
FP_HOST_BINARY(64, uint64_t, mul, *, fp64_is_zero(a) || fp64_is_zero(b))
FP_HOST_BINARY(32, uint32_t, mulx, *, fp32_is_zero(a) || fp32_is_zero(b))
FP_HOST_BINARY(64, uint64_t, mulx, *, fp64_is_zero(a) || fp64_is_zero(b))
FP_HOST_BINARY(32, uint32_t, div, /, fp32_is_zero(a))
FP_HOST_BINARY(64, uint64_t, div, /, fp64_is_zero(a))

/* In asm: the compiler's own may be a call of libm. */
static inline float fp32_host_sqrt(float f)
{
#if defined(__x86_64__)
	__asm__("sqrtss %0, %0" : "+x"(f));
#elif defined(__aarch64__)
	__asm__("fsqrt %s0, %s0" : "+w"(f));
#endif
	return f;
}

static inline double fp64_host_sqrt(double f)
{
#if defined(__x86_64__)
	__asm__("sqrtsd %0, %0" : "+x"(f));
#elif defined(__aarch64__)
	__asm__("fsqrt %d0, %d0" : "+w"(f));
#endif
	return f;
}

/* Does the host have fused multiply-add? x86-64 has it since about 2013. */
static inline bool fp_host_has_fma(void)
{
#if defined(__x86_64__)
	return __builtin_cpu_supports("fma");
#elif defined(__aarch64__)
	return true;
#else
	return false;
#endif
}

/* Only with fp_host_has_fma(). */
static inline float fp32_host_fma(float addend, float a, float b)
{
#if defined(__x86_64__)
	__asm__("vfmadd231ss %2, %1, %0" : "+x"(addend) : "x"(a), "x"(b));
#elif defined(__aarch64__)
	__asm__("fmadd %s0, %s1, %s2, %s0" : "+w"(addend) : "w"(a), "w"(b));
#endif
	return addend;
}

static inline double fp64_host_fma(double addend, double a, double b)
{
#if defined(__x86_64__)
	__asm__("vfmadd231sd %2, %1, %0" : "+x"(addend) : "x"(a), "x"(b));
#elif defined(__aarch64__)
	__asm__("fmadd %d0, %d1, %d2, %d0" : "+w"(addend) : "w"(a), "w"(b));
#endif
	return addend;
}

/* The same in double precision, for hosts without. */
float fp32_host_fma_wide(float addend, float a, float b);

static inline float fp32_host_muladd(float addend, float a, float b)
{
	return fp_host_has_fma() ? fp32_host_fma(addend, a, b) : fp32_host_fma_wide(addend, a, b);
}

#define FP_HOST_OTHER(n, T, has_muladd, muladd)                                              \
	/* The root of a number above the smallest normal one is one, too. */                \
	static inline T fp##n##_sqrt(T a, uint32_t fpcr, uint32_t *fpsr)                     \
	{                                                                                    \
		if (am_likely(fp_host_ok(fpcr, *fpsr) && !fp##n##_flushes(a, a, fpcr))) {    \
			T r = fp##n##_raw(fp##n##_host_sqrt(fp##n##_host(a)));               \
                                                                                             \
			if (am_likely(fp##n##_is_safe(r) || fp##n##_is_zero(r)))             \
				return r;                                                    \
		}                                                                            \
		return fp##n##_sqrt_soft(a, fpcr, fpsr);                                     \
	}                                                                                    \
	static inline T fp##n##_muladd(T addend, T a, T b, uint32_t fpcr, uint32_t *fpsr)    \
	{                                                                                    \
		if (am_likely(fp_host_ok(fpcr, *fpsr) && (has_muladd))) {                    \
			T r = fp##n##_raw(                                                   \
			    muladd(fp##n##_host(addend), fp##n##_host(a), fp##n##_host(b))); \
                                                                                             \
			if (am_likely(fp##n##_is_safe(r) && !fp##n##_flushes(a, b, fpcr) &&  \
				      !fp##n##_flushes(addend, addend, fpcr)))               \
				return r;                                                    \
		}                                                                            \
		return fp##n##_muladd_soft(addend, a, b, fpcr, fpsr);                        \
	}                                                                                    \
	/* Without flags, whatever the rounding: only NaNs and FZ need care. */              \
	static inline enum fp_relation fp##n##_compare(T a, T b, bool signal, uint32_t fpcr, \
						       uint32_t *fpsr)                       \
	{                                                                                    \
		if (am_likely(FP_HOST && !fp##n##_flushes(a, b, fpcr))) {                    \
			if (fp##n##_host(a) < fp##n##_host(b))                               \
				return FP_LESS;                                              \
			if (fp##n##_host(a) > fp##n##_host(b))                               \
				return FP_GREATER;                                           \
			if (fp##n##_host(a) == fp##n##_host(b))                              \
				return FP_EQUAL;                                             \
		}                                                                            \
		return fp##n##_compare_soft(a, b, signal, fpcr, fpsr);                       \
	}

FP_HOST_OTHER(32, uint32_t, true, fp32_host_muladd)
FP_HOST_OTHER(64, uint64_t, fp_host_has_fma(), fp64_host_fma)

/* Of two ordered numbers that are not equal. */
#define FP_HOST_EXTREME(n, T, name, op)                                         \
	static inline T fp##n##_##name(T a, T b, uint32_t fpcr, uint32_t *fpsr) \
	{                                                                       \
		if (am_likely(FP_HOST && !fp##n##_flushes(a, b, fpcr))) {       \
			if (fp##n##_host(a) op fp##n##_host(b))                 \
				return a;                                       \
			if (fp##n##_host(b) op fp##n##_host(a))                 \
				return b;                                       \
		}                                                               \
		return fp##n##_##name##_soft(a, b, fpcr, fpsr);                 \
	}

FP_HOST_EXTREME(32, uint32_t, max, >)
FP_HOST_EXTREME(64, uint64_t, max, >)
FP_HOST_EXTREME(32, uint32_t, min, <)
FP_HOST_EXTREME(64, uint64_t, min, <)
FP_HOST_EXTREME(32, uint32_t, maxnm, >)
FP_HOST_EXTREME(64, uint64_t, maxnm, >)
FP_HOST_EXTREME(32, uint32_t, minnm, <)
FP_HOST_EXTREME(64, uint64_t, minnm, <)

/*
 * C's conversion, towards zero, for what is inside the type's range (and that of int64_t).
 * Converting back tells whether it was exact.
 */
#define FP_HOST_TO_INT(n, T, F, name, type, above, below)                                    \
	static inline type fp##n##_to_##name(T a, unsigned fbits, enum fp_rounding rounding, \
					     uint32_t fpcr, uint32_t *fpsr)                  \
	{                                                                                    \
		F f = fp##n##_host(a);                                                       \
                                                                                             \
		if (am_likely(FP_HOST && rounding == FP_RZ && !fbits && f > (above) &&       \
			      f < (below) && !fp##n##_flushes(a, a, fpcr))) {                \
			int64_t v = (int64_t)f;                                              \
                                                                                             \
			if ((F)v != f)                                                       \
				*fpsr |= FP_IXC;                                             \
			return (type)v;                                                      \
		}                                                                            \
		return fp##n##_to_##name##_soft(a, fbits, rounding, fpcr, fpsr);             \
	}
#define FP_HOST_TO_INTS(n, T, F)                                 \
	FP_HOST_TO_INT(n, T, F, s32, int32_t, -0x1p31f, 0x1p31f) \
	FP_HOST_TO_INT(n, T, F, u32, uint32_t, -1, 0x1p32f)      \
	FP_HOST_TO_INT(n, T, F, s64, int64_t, -0x1p63f, 0x1p63f) \
	FP_HOST_TO_INT(n, T, F, u64, uint64_t, -1, 0x1p63f)

FP_HOST_TO_INTS(32, uint32_t, float)
FP_HOST_TO_INTS(64, uint64_t, double)

static inline uint64_t fp32_to_fp64(uint32_t a, uint32_t fpcr, uint32_t *fpsr)
{
	if (am_likely(FP_HOST && (fp32_is_safe(a) || fp32_is_zero(a))))
		return fp64_raw((double)fp32_host(a));
	return fp32_to_fp64_soft(a, fpcr, fpsr);
}

static inline uint32_t fp64_to_fp32(uint64_t a, uint32_t fpcr, uint32_t *fpsr)
{
	if (am_likely(fp_host_ok(fpcr, *fpsr))) {
		uint32_t r = fp32_raw((float)fp64_host(a));

		if (am_likely(fp32_is_safe(r)))
			return r;
	}
	return fp64_to_fp32_soft(a, fpcr, fpsr);
}

static inline uint32_t fp32_from_s64(int64_t v, unsigned fbits, uint32_t fpcr, uint32_t *fpsr)
{
	if (am_likely(!fbits && fp_host_ok(fpcr, *fpsr)))
		return fp32_raw((float)v);
	return fp32_from_s64_soft(v, fbits, fpcr, fpsr);
}

/* Numbers of 32 bits are exact. */
static inline uint64_t fp64_from_s64(int64_t v, unsigned fbits, uint32_t fpcr, uint32_t *fpsr)
{
	if (am_likely(FP_HOST && !fbits && (v == (int32_t)v || fp_host_ok(fpcr, *fpsr))))
		return fp64_raw((double)v);
	return fp64_from_s64_soft(v, fbits, fpcr, fpsr);
}

#endif
