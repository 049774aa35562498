/* SPDX-License-Identifier: MIT */
/*
 * The soft-float functions against the host's FPU and libm, where IEEE 754 leaves no choice:
 * results and flags in all four rounding modes. NaNs are compared as such only, since their bits
 * are the architecture's choice; so is whether infinity times 0 plus a quiet NaN is invalid.
 * Underflow is not compared where the rounded result is the smallest normal number, since hosts
 * may look at tininess after rounding. Then the fast paths of fp_host.h against the soft functions,
 * where everything must agree.
 */
#include "cpu/fp/fp_vector.h"
#include "fp_test.h"

#include <fenv.h>
#include <math.h>

static const int host_modes[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};

static uint32_t host_flags(void)
{
	int e = fetestexcept(FE_ALL_EXCEPT);

	return (e & FE_INVALID ? FP_IOC : 0) | (e & FE_DIVBYZERO ? FP_DZC : 0) |
	       (e & FE_OVERFLOW ? FP_OFC : 0) | (e & FE_UNDERFLOW ? FP_UFC : 0) |
	       (e & FE_INEXACT ? FP_IXC : 0);
}

#define IS_NAN(n, v) (fp##n##_abs(v) > (n == 32 ? UINT32_C(0x7f800000) : UINT64_C(0x7ff) << 52))

/* @expr computes the host's result h from the volatile operands x, y, z. */
#define AGAINST_HOST(n, name, soft, expr)                                                          \
	static void test_##name##_##n(void **unused)                                               \
	{                                                                                          \
		uint64_t seed = n;                                                                 \
                                                                                                   \
		for (unsigned k = 0; k < CASES; k++) {                                             \
			uint##n##_t a = operand##n(&seed), b = operand##n(&seed);                  \
			uint##n##_t c AM_UNUSED = operand##n(&seed), got, want;                    \
			volatile HOST##n x AM_UNUSED = fp##n##_host(a),                            \
					   y AM_UNUSED = fp##n##_host(b);                          \
			volatile HOST##n z AM_UNUSED = fp##n##_host(c), h;                         \
			uint32_t fpcr = CR(k & 3), fpsr = 0, flags;                                \
                                                                                                   \
			got = soft;                                                                \
			fesetround(host_modes[k & 3]);                                             \
			feclearexcept(FE_ALL_EXCEPT);                                              \
			h = expr;                                                                  \
			flags = host_flags();                                                      \
			fesetround(FE_TONEAREST);                                                  \
			want = fp##n##_raw(h);                                                     \
			if (fp##n##_abs(want) == MIN_NORMAL##n) {                                  \
				flags &= ~(uint32_t)FP_UFC;                                        \
				fpsr &= ~(uint32_t)FP_UFC;                                         \
			}                                                                          \
			if (IS_NAN(n, c) && IS_NAN(n, want))                                       \
				flags = fpsr;                                                      \
			if ((got == want || (IS_NAN(n, got) && IS_NAN(n, want))) && fpsr == flags) \
				continue;                                                          \
			fail_msg(#name "(%#llx, %#llx, %#llx) mode %u: %#llx flags %#x, host "     \
				       "%#llx flags %#x",                                          \
				 (unsigned long long)a, (unsigned long long)b,                     \
				 (unsigned long long)c, k & 3, (unsigned long long)got, fpsr,      \
				 (unsigned long long)want, flags);                                 \
		}                                                                                  \
	}

#define HOST32	     float
#define HOST64	     double
#define FP32_ONE     UINT32_C(0x3f800000)
#define FP64_ONE     UINT64_C(0x3ff0000000000000)
#define MIN_NORMAL32 UINT32_C(0x00800000)
#define MIN_NORMAL64 UINT64_C(0x0010000000000000)

#define ALL(n, fma_)                                                                   \
	AGAINST_HOST(n, add, fp##n##_add_soft(a, b, fpcr, &fpsr), x + y)               \
	AGAINST_HOST(n, sub, fp##n##_sub_soft(a, b, fpcr, &fpsr), x - y)               \
	AGAINST_HOST(n, mul, fp##n##_mul_soft(a, b, fpcr, &fpsr), (x) * (y))           \
	AGAINST_HOST(n, div, fp##n##_div_soft(a, b, fpcr, &fpsr), x / y)               \
	AGAINST_HOST(n, sqrt, fp##n##_sqrt_soft(a, fpcr, &fpsr), fp##n##_host_sqrt(x)) \
	AGAINST_HOST(n, muladd, fp##n##_muladd_soft(c, a, b, fpcr, &fpsr), fma_(x, y, z))

ALL(32, fmaf)
ALL(64, fma)

AGAINST_HOST(32, round_int, fp32_round_int(a, fp_rmode(fpcr), true, fpcr, &fpsr), rintf(x))
AGAINST_HOST(64, round_int, fp64_round_int(a, fp_rmode(fpcr), true, fpcr, &fpsr), rint(x))
AGAINST_HOST(32, round_away, fp32_round_int(a, FP_RA, false, fpcr, &fpsr), roundf(x))
AGAINST_HOST(64, round_away, fp64_round_int(a, FP_RA, false, fpcr, &fpsr), round(x))
AGAINST_HOST(32, from_s64, fp32_from_s64_soft((int64_t)seed, 0, fpcr, &fpsr),
	     (float)(volatile int64_t){(int64_t)seed})
AGAINST_HOST(64, from_s64, fp64_from_s64_soft((int64_t)seed, 0, fpcr, &fpsr),
	     (double)(volatile int64_t){(int64_t)seed})

/* Double to single, and back, which is exact. */
static void test_narrow(void **unused)
{
	uint64_t seed = 3;

	for (unsigned k = 0; k < CASES; k++) {
		uint64_t a = operand64(&seed), back, wide = 0;
		uint32_t fpcr = CR(k & 3), fpsr = 0, got, want, flags, none = 0;
		volatile double x;
		volatile float h;

		if (k & 4) /* into the range of single */
			a = (a & ~(UINT64_C(0x700) << 52)) | UINT64_C(0x380) << 52;
		x = fp64_host(a);
		got = fp64_to_fp32_soft(a, fpcr, &fpsr);
		fesetround(host_modes[k & 3]);
		feclearexcept(FE_ALL_EXCEPT);
		h = (float)x;
		flags = host_flags();
		fesetround(FE_TONEAREST);
		want = fp32_raw(h);
		if (fp32_abs(want) == MIN_NORMAL32)
			fpsr &= ~(uint32_t)FP_UFC, flags &= ~(uint32_t)FP_UFC;
		if (got != want && !(IS_NAN(32, got) && IS_NAN(32, want)))
			fail_msg("%#llx mode %u: %#x, host %#x", (unsigned long long)a, k & 3, got,
				 want);
		assert_int_equal(fpsr, flags);

		back = fp32_to_fp64_soft(got, fpcr, &none);
		wide = fp64_raw((double)fp32_host(got));
		if (!IS_NAN(32, got))
			assert_int_equal(back, wide);
		assert_int_equal(none, 0);
	}
}

/* llrint() where the result fits; saturation is in test_fp_known.c. */
static void test_to_s64(void **unused)
{
	uint64_t seed = 4;

	for (unsigned k = 0; k < CASES; k++) {
		uint64_t a = operand64(&seed);
		uint32_t fpcr = CR(k & 3), fpsr = 0, flags;
		volatile double x = fp64_host(a);
		volatile long long h;
		int64_t got;

		if (!(x > -0x1p62 && x < 0x1p62))
			continue;
		got = fp64_to_s64_soft(a, 0, fp_rmode(fpcr), fpcr, &fpsr);
		fesetround(host_modes[k & 3]);
		feclearexcept(FE_ALL_EXCEPT);
		h = llrint(x);
		flags = host_flags();
		fesetround(FE_TONEAREST);
		if (got != h || fpsr != flags)
			fail_msg("%a mode %u: %lld flags %#x, host %lld flags %#x", x, k & 3,
				 (long long)got, fpsr, h, flags);
	}
}

/* Comparison: the host's operators, and its exceptions, say the same. */
static void test_compare(void **unused)
{
	uint64_t seed = 5;

	for (unsigned k = 0; k < CASES; k++) {
		uint64_t a = operand64(&seed),
			 b = k & 8 ? a ^ (uint64_t)(k & 16) << 59 : operand64(&seed);
		volatile double x = fp64_host(a), y = fp64_host(b);
		uint32_t fpsr = 0, flags;
		enum fp_relation got = fp64_compare_soft(a, b, k & 1, 0, &fpsr), want;

		feclearexcept(FE_ALL_EXCEPT);
		if (k & 1)
			want = x < y ? FP_LESS : x > y ? FP_GREATER : FP_UNORDERED;
		else
			want = isless(x, y) ? FP_LESS : isgreater(x, y) ? FP_GREATER : FP_UNORDERED;
		if (x == y)
			want = FP_EQUAL;
		flags = host_flags();
		assert_int_equal(got, want);
		assert_int_equal(fpsr, flags);
		fpsr = 0;
		assert_int_equal(fp64_compare(a, b, k & 1, 0, &fpsr), want);
		assert_int_equal(fpsr, flags);
	}
}

/* ---- Fast against soft ---- */

#define FAST(n, name, ...)                                                                         \
	static void test_fast_##name##_##n(void **unused)                                          \
	{                                                                                          \
		uint64_t seed = n + 1;                                                             \
                                                                                                   \
		for (unsigned k = 0; k < CASES; k++) {                                             \
			uint##n##_t a = operand##n(&seed), b AM_UNUSED = operand##n(&seed);        \
			uint##n##_t c AM_UNUSED = operand##n(&seed);                               \
			int64_t v AM_UNUSED = (int64_t)a >> (k & 63);                              \
			uint32_t fpcr = k & 1 ? 0 : (uint32_t)noise(&seed) & 0x07c00000;           \
			uint32_t s1 = k & 16 ? 0 : FP_IXC, s2 = s1;                                \
			uint64_t want = fp##n##_##name##_soft(__VA_ARGS__, fpcr, &s1);             \
			uint64_t got = fp##n##_##name(__VA_ARGS__, fpcr, &s2);                     \
                                                                                                   \
			if (got != want || s1 != s2)                                               \
				fail_msg(#name "(%#llx, %#llx, %#llx) fpcr %#x: %#llx flags "      \
					       "%#x, soft %#llx flags %#x",                        \
					 (unsigned long long)a, (unsigned long long)b,             \
					 (unsigned long long)c, fpcr, (unsigned long long)got, s2, \
					 (unsigned long long)want, s1);                            \
		}                                                                                  \
	}

#define FAST_BOTH(name, ...)        \
	FAST(32, name, __VA_ARGS__) \
	FAST(64, name, __VA_ARGS__)

FAST_BOTH(add, a, b)
FAST_BOTH(sub, a, b)
FAST_BOTH(mul, a, b)
FAST_BOTH(mulx, a, b)
FAST_BOTH(div, a, b)
FAST_BOTH(sqrt, a)
FAST_BOTH(muladd, c, a, b)
FAST_BOTH(max, a, b)
FAST_BOTH(min, a, b)
FAST_BOTH(maxnm, a, b)
FAST_BOTH(minnm, a, b)
FAST_BOTH(to_s32, a, k & 8 ? k % 33 : 0, FP_RZ)
FAST_BOTH(to_u32, a, k & 8 ? k % 33 : 0, FP_RZ)
FAST_BOTH(to_s64, a, 0, k & 8 ? FP_RN : FP_RZ)
FAST_BOTH(to_u64, a, 0, k & 8 ? FP_RA : FP_RZ)
FAST_BOTH(from_s64, v, k & 8 ? k % 65 : 0)
FAST(32, to_fp64, a)
FAST(64, to_fp32, a)

/* The multiply-add of hosts without FMA: what it returns is right where the result is safe. */
static void test_fast_muladd_wide(void **unused)
{
	uint64_t seed = 9;

	for (unsigned k = 0; k < CASES; k++) {
		uint32_t a = operand32(&seed), b = operand32(&seed), c = operand32(&seed);
		uint32_t fpsr = FP_IXC, want = fp32_muladd_soft(c, a, b, 0, &fpsr);
		uint32_t got =
		    fp32_raw(fp32_host_fma_wide(fp32_host(c), fp32_host(a), fp32_host(b)));

		if (fp32_is_safe(got) || fp32_is_safe(want))
			assert_int_equal(got, want);
	}
}

/* Whole vectors: safe if all lanes are, and fused as one lane is. */
static void test_vector(void **unused)
{
	uint64_t seed = 10;

	for (unsigned k = 0; k < CASES; k++) {
		bool zero_ok = k & 1, safe32 = true, safe64 = true;
		union cpu_vreg v[3];
		fp32_vec r;
		fp64_vec q;

		for (unsigned e = 0; e < 12; e++) {
			uint32_t a = operand32(&seed), near = FP32_ONE + (a >> 16);

			v[e / 4].s[e % 4] = k & 2 || e % 4 == k / 4 % 4 ? a : near;
		}
		for (unsigned e = 0; e < 4; e++) {
			uint32_t a = v[0].s[e];

			safe32 &= fp32_is_safe(a) || (zero_ok && fp32_is_zero(a));
		}
		assert_int_equal(fp32_all_safe(fp32_load(&v[0]), zero_ok), safe32);
		if (fp_host_has_fma()) {
			r = fp32_vec_fma(fp32_load(&v[0]), fp32_load(&v[1]), fp32_load(&v[2]));
			for (unsigned e = 0; e < 4; e++) {
				float one =
				    fp32_host_fma(fp32_host(v[0].s[e]), fp32_host(v[1].s[e]),
						  fp32_host(v[2].s[e]));

				assert_int_equal(fp32_raw(r[e]), fp32_raw(one));
			}
		}

		for (unsigned e = 0; e < 2; e++) {
			v[0].d[e] = k & 4 || e == k / 8 % 2 ? operand64(&seed) : FP64_ONE;
			safe64 &= fp64_is_safe(v[0].d[e]) || (zero_ok && fp64_is_zero(v[0].d[e]));
		}
		assert_int_equal(fp64_all_safe(fp64_load(&v[0]), zero_ok), safe64);
		if (fp_host_has_fma()) {
			q = fp64_vec_fma(fp64_load(&v[0]), fp64_splat(FP64_ONE), fp64_load(&v[0]));
			for (unsigned e = 0; e < 2; e++) {
				double x = fp64_host(v[0].d[e]);

				assert_int_equal(fp64_raw(q[e]), fp64_raw(fp64_host_fma(x, 1, x)));
			}
		}
	}
}

/* Does the host round 1 + tiny up? */
static bool rounds_up(void)
{
	volatile double one = 1, tiny = 0x1p-60, sum = one + tiny;

	return sum > 1;
}

/* fp_host_enter() gives the default environment and fp_host_leave() the old one. */
static void test_environment(void **unused)
{
	uint64_t saved;

	fesetround(FE_UPWARD);
	saved = fp_host_enter();
	assert_false(rounds_up());
	fp_host_leave(saved);
	assert_true(rounds_up());
	fesetround(FE_TONEAREST);
}

#define BOTH(name) cmocka_unit_test(test_##name##_32), cmocka_unit_test(test_##name##_64)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    BOTH(add),
	    BOTH(sub),
	    BOTH(mul),
	    BOTH(div),
	    BOTH(sqrt),
	    BOTH(muladd),
	    BOTH(round_int),
	    BOTH(round_away),
	    BOTH(from_s64),
	    cmocka_unit_test(test_narrow),
	    cmocka_unit_test(test_to_s64),
	    cmocka_unit_test(test_compare),
	    BOTH(fast_add),
	    BOTH(fast_sub),
	    BOTH(fast_mul),
	    BOTH(fast_mulx),
	    BOTH(fast_div),
	    BOTH(fast_sqrt),
	    BOTH(fast_muladd),
	    BOTH(fast_max),
	    BOTH(fast_min),
	    BOTH(fast_maxnm),
	    BOTH(fast_minnm),
	    BOTH(fast_to_s32),
	    BOTH(fast_to_u32),
	    BOTH(fast_to_s64),
	    BOTH(fast_to_u64),
	    BOTH(fast_from_s64),
	    cmocka_unit_test(test_fast_to_fp64_32),
	    cmocka_unit_test(test_fast_to_fp32_64),
	    cmocka_unit_test(test_fast_muladd_wide),
	    cmocka_unit_test(test_vector),
	    cmocka_unit_test(test_environment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
