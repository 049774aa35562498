/* SPDX-License-Identifier: MIT */
/*
 * Comparison, maximum and minimum (DDI 0487 shared/functions/float: FPCompare, FPMax, FPMin,
 * FPMaxNum, FPMinNum). Finite numbers and infinities order like integers once the sign is dealt
 * with, so nothing here takes numbers apart.
 */
#include "cpu/fp/fp_parts.h"

/* A signed integer in the order of the numbers; -0 is just below +0. */
FP_INLINE int64_t order(unsigned n, uint64_t a)
{
	return fp_sign(n, a) ? -(int64_t)fp_abs(n, a) - 1 : (int64_t)a;
}

FP_INLINE enum fp_relation compare(unsigned n, uint64_t a, uint64_t b, bool signal, uint32_t fpcr,
				   uint32_t *fpsr)
{
	int64_t x, y;

	a = fp_flush(n, a, fpcr, fpsr);
	b = fp_flush(n, b, fpcr, fpsr);
	if (fp_is_nan(n, a) || fp_is_nan(n, b)) {
		if (signal || fp_is_snan(n, a) || fp_is_snan(n, b))
			*fpsr |= FP_IOC;
		return FP_UNORDERED;
	}
	if (fp_is_zero(n, a) && fp_is_zero(n, b))
		return FP_EQUAL;
	x = order(n, a);
	y = order(n, b);
	return x == y ? FP_EQUAL : x < y ? FP_LESS : FP_GREATER;
}

/* @number: as maxNum, a quiet NaN counts as the infinity that loses. */
FP_INLINE uint64_t extreme(unsigned n, uint64_t a, uint64_t b, bool min, bool number, uint32_t fpcr,
			   uint32_t *fpsr)
{
	a = fp_flush(n, a, fpcr, fpsr);
	b = fp_flush(n, b, fpcr, fpsr);
	if (fp_is_nan(n, a) || fp_is_nan(n, b)) {
		bool both = fp_is_nan(n, a) && fp_is_nan(n, b);

		if (!number || both || fp_is_snan(n, a) || fp_is_snan(n, b))
			return fp_process_nans(n, a, b, fpcr, fpsr);
		return fp_is_nan(n, a) ? b : a;
	}
	return (order(n, a) < order(n, b)) == min ? a : b;
}

#define COMPARE(n, T)                                                               \
	enum fp_relation fp##n##_compare_soft(T a, T b, bool signal, uint32_t fpcr, \
					      uint32_t *fpsr)                       \
	{                                                                           \
		return compare(n, a, b, signal, fpcr, fpsr);                        \
	}                                                                           \
	T fp##n##_max_soft(T a, T b, uint32_t fpcr, uint32_t *fpsr)                 \
	{                                                                           \
		return (T)extreme(n, a, b, false, false, fpcr, fpsr);               \
	}                                                                           \
	T fp##n##_min_soft(T a, T b, uint32_t fpcr, uint32_t *fpsr)                 \
	{                                                                           \
		return (T)extreme(n, a, b, true, false, fpcr, fpsr);                \
	}                                                                           \
	T fp##n##_maxnm_soft(T a, T b, uint32_t fpcr, uint32_t *fpsr)               \
	{                                                                           \
		return (T)extreme(n, a, b, false, true, fpcr, fpsr);                \
	}                                                                           \
	T fp##n##_minnm_soft(T a, T b, uint32_t fpcr, uint32_t *fpsr)               \
	{                                                                           \
		return (T)extreme(n, a, b, true, true, fpcr, fpsr);                 \
	}

COMPARE(32, uint32_t)
COMPARE(64, uint64_t)
