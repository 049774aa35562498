/* SPDX-License-Identifier: MIT */
/*
 * Floating point as A64 defines it, on raw bits.
 *
 * The functions are those of the manual's shared pseudocode (DDI 0487 J1.3, FPAdd, FPMulAdd,
 * FPRecipEstimate, ...) by integer arithmetic, so neither the result nor the flags depend on the
 * host. Each takes FPCR and a pointer to FPSR, into which it ORs the cumulative flags. Of FPCR
 * only AHP, DN, FZ and RMode are looked at: FEAT_FP16, FEAT_AFP, FEAT_EBF16 and trapped
 * exceptions do not exist here.
 */
#ifndef AM_CPU_FP_FP_H
#define AM_CPU_FP_FP_H

#include <stdbool.h>
#include <stdint.h>

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
 * For n = 32 and 64, T = uint<n>_t. Those that also exist with _soft have a fast path in fp_host.h:
 * call them without.
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
#define FP_DECLARE(n, T)                                                                           \
	T fp##n##_add_soft(T a, T b, uint32_t fpcr, uint32_t *fpsr);                               \
	T fp##n##_sub_soft(T a, T b, uint32_t fpcr, uint32_t *fpsr);                               \
	T fp##n##_mul_soft(T a, T b, uint32_t fpcr, uint32_t *fpsr);                               \
	T fp##n##_mulx_soft(T a, T b, uint32_t fpcr, uint32_t *fpsr);                              \
	T fp##n##_div_soft(T a, T b, uint32_t fpcr, uint32_t *fpsr);                               \
	T fp##n##_sqrt_soft(T a, uint32_t fpcr, uint32_t *fpsr);                                   \
	T fp##n##_muladd_soft(T addend, T a, T b, uint32_t fpcr, uint32_t *fpsr);                  \
	T fp##n##_max_soft(T a, T b, uint32_t fpcr, uint32_t *fpsr);                               \
	T fp##n##_min_soft(T a, T b, uint32_t fpcr, uint32_t *fpsr);                               \
	T fp##n##_maxnm_soft(T a, T b, uint32_t fpcr, uint32_t *fpsr);                             \
	T fp##n##_minnm_soft(T a, T b, uint32_t fpcr, uint32_t *fpsr);                             \
	T fp##n##_recps(T a, T b, uint32_t fpcr, uint32_t *fpsr);                                  \
	T fp##n##_rsqrts(T a, T b, uint32_t fpcr, uint32_t *fpsr);                                 \
	T fp##n##_recpe(T a, uint32_t fpcr, uint32_t *fpsr);                                       \
	T fp##n##_rsqrte(T a, uint32_t fpcr, uint32_t *fpsr);                                      \
	T fp##n##_recpx(T a, uint32_t fpcr, uint32_t *fpsr);                                       \
	T fp##n##_round_int(T a, enum fp_rounding rounding, bool exact, uint32_t fpcr,             \
			    uint32_t *fpsr);                                                       \
	enum fp_relation fp##n##_compare_soft(T a, T b, bool signal, uint32_t fpcr,                \
					      uint32_t *fpsr);                                     \
	T fp##n##_from_s64_soft(int64_t v, unsigned fbits, uint32_t fpcr, uint32_t *fpsr);         \
	T fp##n##_from_u64(uint64_t v, unsigned fbits, uint32_t fpcr, uint32_t *fpsr);             \
	int64_t fp##n##_to_s64_soft(T a, unsigned fbits, enum fp_rounding rounding, uint32_t fpcr, \
				    uint32_t *fpsr);                                               \
	uint64_t fp##n##_to_u64_soft(T a, unsigned fbits, enum fp_rounding rounding,               \
				     uint32_t fpcr, uint32_t *fpsr);                               \
	int32_t fp##n##_to_s32_soft(T a, unsigned fbits, enum fp_rounding rounding, uint32_t fpcr, \
				    uint32_t *fpsr);                                               \
	uint32_t fp##n##_to_u32_soft(T a, unsigned fbits, enum fp_rounding rounding,               \
				     uint32_t fpcr, uint32_t *fpsr);                               \
	static inline T fp##n##_abs(T a)                                                           \
	{                                                                                          \
		return a & (T)(~(T)0 >> 1);                                                        \
	}                                                                                          \
	static inline T fp##n##_neg(T a)                                                           \
	{                                                                                          \
		return a ^ ((T)1 << (n - 1));                                                      \
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

#include "cpu/fp/fp_host.h"

#endif
