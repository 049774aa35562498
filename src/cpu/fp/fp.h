/* SPDX-License-Identifier: MIT */
/*
 * Floating point as A64 defines it, on raw bits.
 *
 * The functions are those of the manual's shared pseudocode (DDI 0487 J1.3, FPAdd, FPMulAdd,
 * FPRecipEstimate, ...) by integer arithmetic, so neither the result nor the flags depend on the
 * host. Each takes FPCR and a pointer to FPSR, into which it ORs the cumulative flags. Of FPCR
 * only AHP, DN, FZ and RMode are looked at: FEAT_FP16, FEAT_AFP, FEAT_EBF16 and trapped
 * exceptions do not exist here.
 *
 * The common case takes the host's FPU instead: rounding to nearest, no flushing, IXC already
 * set (so that nobody needs to know whether this result was inexact) and a result that is well
 * inside the normal range. Such a result says all: no operand was a NaN or made one, nothing
 * overflowed or was divided by zero, nothing was tiny (a result that equals the smallest normal
 * number may have been, before rounding, which A64 reports as underflow). The host must then be
 * in its default environment: fp_host_enter() and fp_host_leave() bracket the run of a vCPU.
 */
#ifndef AM_CPU_FP_FP_H
#define AM_CPU_FP_FP_H

#include <float.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/bits.h"

/* FPSR */
enum {
	FP_IOC = 1 << 0,
	FP_DZC = 1 << 1,
	FP_OFC = 1 << 2,
	FP_UFC = 1 << 3,
	FP_IXC = 1 << 4,
	FP_IDC = 1 << 7,
	FP_QC = 1 << 27,
};

/* FPCR */
enum {
	FP_CR_RMODE = 3 << 22,
	FP_CR_FZ = 1 << 24,
	FP_CR_DN = 1 << 25,
	FP_CR_AHP = 1 << 26,
};

/* The first four are the values of FPCR.RMode. */
enum fp_rounding {
	FP_RN,	 /* to nearest, ties to even */
	FP_RP,	 /* towards +infinity */
	FP_RM,	 /* towards -infinity */
	FP_RZ,	 /* towards zero */
	FP_RA,	 /* to nearest, ties away from zero */
	FP_RODD, /* to odd: FCVTXN */
};

static inline enum fp_rounding fp_rmode(uint32_t fpcr)
{
	return (enum fp_rounding)(fpcr >> 22 & 3);
}

/* FPCompare()'s result: NZCV. */
enum fp_relation {
	FP_GREATER = 2,
	FP_UNORDERED = 3,
	FP_EQUAL = 6,
	FP_LESS = 8,
};

/* Constants, as FMOV and the step functions want them. */
#define FP32_DEFAULT_NAN UINT32_C(0x7fc00000)
#define FP64_DEFAULT_NAN UINT64_C(0x7ff8000000000000)

/*
 * For n = 32 and 64, T = uint<n>_t. Those that also exist with _soft have a fast path below: call
 * them without.
 *
 *   T fp<n>_add(a, b, fpcr, fpsr)        a + b; also _sub, _mul, _div
 *   T fp<n>_mulx(a, b, ...)              FMULX: infinity * 0 is 2
 *   T fp<n>_sqrt(a, ...)
 *   T fp<n>_muladd(addend, a, b, ...)    addend + a * b, one rounding; subtract by negating a
 *   T fp<n>_max, _min                    NaNs propagate; -0 < +0
 *   T fp<n>_maxnm, _minnm                a quiet NaN loses against a number
 *   T fp<n>_recps, _rsqrts               2 - a * b, (3 - a * b) / 2, fused
 *   T fp<n>_recpe, _rsqrte, _recpx       estimates, FRECPX
 *   T fp<n>_round_int(a, rounding, exact, ...)  FRINT*; @exact: IXC is set if the value changed
 *   enum fp_relation fp<n>_compare(a, b, signal, ...)  @signal: quiet NaNs set IOC too
 *   T fp<n>_from_s64(v, fbits, ...)      v / 2^fbits, rounded by FPCR; also _from_u64
 *   int64_t fp<n>_to_s64(a, fbits, rounding, ...)      a * 2^fbits, saturating; also _to_u64,
 *                                        _to_s32, _to_u32
 */
#define FP_DECLARE(n, T)                                                                       \
	T fp##n##_add_soft(T a, T b, uint32_t fpcr, uint32_t *fpsr);                           \
	T fp##n##_sub_soft(T a, T b, uint32_t fpcr, uint32_t *fpsr);                           \
	T fp##n##_mul_soft(T a, T b, uint32_t fpcr, uint32_t *fpsr);                           \
	T fp##n##_mulx_soft(T a, T b, uint32_t fpcr, uint32_t *fpsr);                          \
	T fp##n##_div_soft(T a, T b, uint32_t fpcr, uint32_t *fpsr);                           \
	T fp##n##_sqrt_soft(T a, uint32_t fpcr, uint32_t *fpsr);                               \
	T fp##n##_muladd_soft(T addend, T a, T b, uint32_t fpcr, uint32_t *fpsr);              \
	T fp##n##_max(T a, T b, uint32_t fpcr, uint32_t *fpsr);                                \
	T fp##n##_min(T a, T b, uint32_t fpcr, uint32_t *fpsr);                                \
	T fp##n##_maxnm(T a, T b, uint32_t fpcr, uint32_t *fpsr);                              \
	T fp##n##_minnm(T a, T b, uint32_t fpcr, uint32_t *fpsr);                              \
	T fp##n##_recps(T a, T b, uint32_t fpcr, uint32_t *fpsr);                              \
	T fp##n##_rsqrts(T a, T b, uint32_t fpcr, uint32_t *fpsr);                             \
	T fp##n##_recpe(T a, uint32_t fpcr, uint32_t *fpsr);                                   \
	T fp##n##_rsqrte(T a, uint32_t fpcr, uint32_t *fpsr);                                  \
	T fp##n##_recpx(T a, uint32_t fpcr, uint32_t *fpsr);                                   \
	T fp##n##_round_int(T a, enum fp_rounding rounding, bool exact, uint32_t fpcr,         \
			    uint32_t *fpsr);                                                   \
	enum fp_relation fp##n##_compare_soft(T a, T b, bool signal, uint32_t fpcr,            \
					      uint32_t *fpsr);                                 \
	T fp##n##_from_s64_soft(int64_t v, unsigned fbits, uint32_t fpcr, uint32_t *fpsr);     \
	T fp##n##_from_u64(uint64_t v, unsigned fbits, uint32_t fpcr, uint32_t *fpsr);         \
	int64_t fp##n##_to_s64(T a, unsigned fbits, enum fp_rounding rounding, uint32_t fpcr,  \
			       uint32_t *fpsr);                                                \
	uint64_t fp##n##_to_u64(T a, unsigned fbits, enum fp_rounding rounding, uint32_t fpcr, \
				uint32_t *fpsr);                                               \
	int32_t fp##n##_to_s32(T a, unsigned fbits, enum fp_rounding rounding, uint32_t fpcr,  \
			       uint32_t *fpsr);                                                \
	uint32_t fp##n##_to_u32(T a, unsigned fbits, enum fp_rounding rounding, uint32_t fpcr, \
				uint32_t *fpsr);                                               \
	static inline T fp##n##_abs(T a)                                                       \
	{                                                                                      \
		return a & (T)(~(T)0 >> 1);                                                    \
	}                                                                                      \
	static inline T fp##n##_neg(T a)                                                       \
	{                                                                                      \
		return a ^ ((T)1 << (n - 1));                                                  \
	}

FP_DECLARE(32, uint32_t)
FP_DECLARE(64, uint64_t)

/* FPConvert(): half precision is IEEE or, with FPCR.AHP, alternative. _odd is FCVTXN. */
uint64_t fp32_to_fp64_soft(uint32_t a, uint32_t fpcr, uint32_t *fpsr);
uint32_t fp64_to_fp32_soft(uint64_t a, uint32_t fpcr, uint32_t *fpsr);
uint32_t fp64_to_fp32_odd(uint64_t a, uint32_t fpcr, uint32_t *fpsr);
uint16_t fp32_to_fp16(uint32_t a, uint32_t fpcr, uint32_t *fpsr);
uint16_t fp64_to_fp16(uint64_t a, uint32_t fpcr, uint32_t *fpsr);
uint32_t fp16_to_fp32(uint16_t a, uint32_t fpcr, uint32_t *fpsr);
uint64_t fp16_to_fp64(uint16_t a, uint32_t fpcr, uint32_t *fpsr);

/* URECPE, URSQRTE. */
uint32_t fp_urecpe(uint32_t a);
uint32_t fp_ursqrte(uint32_t a);

/*
 * The host thread's FP environment (x86: MXCSR, arm64: FPCR) set to the default, in which the
 * fast path works; enter returns what leave puts back.
 */
uint64_t fp_host_enter(void);
void fp_host_leave(uint64_t saved);

/* ---- The fast path ---------------------------------------------------------------------- */

#if FLT_EVAL_METHOD == 0 && (defined(__x86_64__) || defined(__aarch64__))
#define FP_HOST 1
#else
#define FP_HOST 0
#endif

static inline bool fp_host_ok(uint32_t fpcr, uint32_t fpsr)
{
	return FP_HOST && !(fpcr & (FP_CR_FZ | FP_CR_RMODE)) && (fpsr & FP_IXC);
}

/*
 * Adding one to the exponent turns "neither 0 nor all ones" into one compare. The asm hides that
 * a result came out of a product: nothing may contract it with a following sum.
 */
#define FP_HOST_HELPERS(n, T, F, one)                            \
	static inline F fp##n##_host(T a)                        \
	{                                                        \
		F f;                                             \
                                                                 \
		memcpy(&f, &a, sizeof(f));                       \
		return f;                                        \
	}                                                        \
	static inline T fp##n##_raw(F f)                         \
	{                                                        \
		T r;                                             \
                                                                 \
		memcpy(&r, &f, sizeof(r));                       \
		__asm__("" : "+r"(r));                           \
		return r;                                        \
	}                                                        \
	static inline bool fp##n##_is_zero(T a)                  \
	{                                                        \
		return !(T)(a << 1);                             \
	}                                                        \
	/* Finite, normal and not the smallest normal number. */ \
	static inline bool fp##n##_is_safe(T a)                  \
	{                                                        \
		return fp##n##_abs(a + (one)) > 2 * (one);       \
	}

FP_HOST_HELPERS(32, uint32_t, float, UINT32_C(1) << 23)
FP_HOST_HELPERS(64, uint64_t, double, UINT64_C(1) << 52)

/*
 * A zero result: a sum that is zero is exact; a product or quotient may have underflowed, unless
 * a factor or the dividend is zero.
 */
#define FP_HOST_BINARY(n, T, name, op, zero_ok)                                 \
	static inline T fp##n##_##name(T a, T b, uint32_t fpcr, uint32_t *fpsr) \
	{                                                                       \
		if (am_likely(fp_host_ok(fpcr, *fpsr))) {                       \
			T r = fp##n##_raw(fp##n##_host(a) op fp##n##_host(b));  \
                                                                                \
			if (am_likely(fp##n##_is_safe(r)))                      \
				return r;                                       \
			if (fp##n##_is_zero(r) && (zero_ok))                    \
				return r;                                       \
		}                                                               \
		return fp##n##_##name##_soft(a, b, fpcr, fpsr);                 \
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

#define FP_HOST_OTHER(n, T)                                                                     \
	/* The root of a number above the smallest normal one is one, too. */                   \
	static inline T fp##n##_sqrt(T a, uint32_t fpcr, uint32_t *fpsr)                        \
	{                                                                                       \
		if (am_likely(fp_host_ok(fpcr, *fpsr))) {                                       \
			T r = fp##n##_raw(fp##n##_host_sqrt(fp##n##_host(a)));                  \
                                                                                                \
			if (am_likely(fp##n##_is_safe(r) || fp##n##_is_zero(r)))                \
				return r;                                                       \
		}                                                                               \
		return fp##n##_sqrt_soft(a, fpcr, fpsr);                                        \
	}                                                                                       \
	static inline T fp##n##_muladd(T addend, T a, T b, uint32_t fpcr, uint32_t *fpsr)       \
	{                                                                                       \
		if (am_likely(fp_host_ok(fpcr, *fpsr) && (n == 32 || fp_host_has_fma()))) {     \
			T r;                                                                    \
                                                                                                \
			if (n == 64 || fp_host_has_fma())                                       \
				r = fp##n##_raw(fp##n##_host_fma(                               \
				    fp##n##_host(addend), fp##n##_host(a), fp##n##_host(b)));   \
			else                                                                    \
				r = (T)fp32_raw(fp32_host_fma_wide(fp32_host((uint32_t)addend), \
								   fp32_host((uint32_t)a),      \
								   fp32_host((uint32_t)b)));    \
			if (am_likely(fp##n##_is_safe(r)))                                      \
				return r;                                                       \
		}                                                                               \
		return fp##n##_muladd_soft(addend, a, b, fpcr, fpsr);                           \
	}                                                                                       \
	/* Without flags, whatever the rounding: only NaNs and FZ need care. */                 \
	static inline enum fp_relation fp##n##_compare(T a, T b, bool signal, uint32_t fpcr,    \
						       uint32_t *fpsr)                          \
	{                                                                                       \
		if (am_likely(FP_HOST && !(fpcr & FP_CR_FZ))) {                                 \
			if (fp##n##_host(a) < fp##n##_host(b))                                  \
				return FP_LESS;                                                 \
			if (fp##n##_host(a) > fp##n##_host(b))                                  \
				return FP_GREATER;                                              \
			if (fp##n##_host(a) == fp##n##_host(b))                                 \
				return FP_EQUAL;                                                \
		}                                                                               \
		return fp##n##_compare_soft(a, b, signal, fpcr, fpsr);                          \
	}

FP_HOST_OTHER(32, uint32_t)
FP_HOST_OTHER(64, uint64_t)

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
