/* SPDX-License-Identifier: MIT */
/*
 * Known answers of the soft-float functions, by the manual's pseudocode: what IEEE 754 leaves to
 * the architecture (NaNs, flush to zero, tininess before rounding, saturation, the alternative
 * half-precision format), each flag, each rounding. Every case runs without and with IXC set
 * before, that is, also through the fast path where there is one.
 */
#include "fp_test.h"

#define FZ  FP_CR_FZ
#define DN  FP_CR_DN
#define AHP FP_CR_AHP

/* Single precision. */
#define ONE    0x3f800000u
#define NEG    0x80000000u
#define INF    0x7f800000u
#define MAXN   0x7f7fffffu
#define MINN   0x00800000u
#define DENORM 0x00000001u
#define DEFNAN 0x7fc00000u
#define QNAN1  0x7fc11111u
#define QNAN2  0xffc22222u
#define SNAN1  0x7f833333u
#define SNAN1Q 0x7fc33333u
#define SNAN2  0xff844444u
#define SNAN2Q 0xffc44444u

struct known {
	uint64_t a, b, c;
	uint32_t fpcr;
	uint64_t result;
	uint32_t flags;
};

typedef uint64_t known_fn(const struct known *k, uint32_t *fpsr);

static void check(const char *name, known_fn *fn, const struct known *k, size_t nr)
{
	for (size_t n = 0; n < nr; n++, k++) {
		for (uint32_t before = 0; before <= FP_IXC; before += FP_IXC) {
			uint32_t fpsr = before;
			uint64_t got = fn(k, &fpsr);

			if (got == k->result && fpsr == (k->flags | before))
				continue;
			fail_msg("%s case %zu (%#llx, %#llx, %#llx) fpcr %#x fpsr %#x: %#llx flags "
				 "%#x, not %#llx flags %#x",
				 name, n, (unsigned long long)k->a, (unsigned long long)k->b,
				 (unsigned long long)k->c, k->fpcr, before, (unsigned long long)got,
				 fpsr, (unsigned long long)k->result, k->flags);
		}
	}
}

#define KNOWN(name, call, ...)                                             \
	static uint64_t call_##name(const struct known *k, uint32_t *fpsr) \
	{                                                                  \
		return (call);                                             \
	}                                                                  \
	static void test_##name(void **unused)                             \
	{                                                                  \
		static const struct known table[] = {__VA_ARGS__};         \
                                                                           \
		check(#name, call_##name, table, AM_ARRAY_SIZE(table));    \
	}

#define A32 (uint32_t) k->a
#define B32 (uint32_t) k->b
#define C32 (uint32_t) k->c
#define ENV k->fpcr, fpsr

/* ---- Arithmetic ---- */

KNOWN(add, fp32_add(A32, B32, ENV), {ONE, ONE, 0, 0, 0x40000000, 0},
      /* ties, and one above, at 2^24 */
      {0x4b800000, ONE, 0, 0, 0x4b800000, FP_IXC}, {0x4b800001, ONE, 0, 0, 0x4b800002, FP_IXC},
      {0x4b800000, ONE, 0, CR(FP_RP), 0x4b800001, FP_IXC},
      {0x4b800000 | NEG, ONE | NEG, 0, CR(FP_RP), 0x4b800000 | NEG, FP_IXC},
      {0x4b800000 | NEG, ONE | NEG, 0, CR(FP_RM), 0x4b800001 | NEG, FP_IXC},
      {0x4b800001, ONE, 0, CR(FP_RZ), 0x4b800001, FP_IXC},
      /* zeros */
      {ONE, ONE | NEG, 0, 0, 0, 0}, {ONE, ONE | NEG, 0, CR(FP_RM), NEG, 0},
      {NEG, NEG, 0, 0, NEG, 0}, {0, NEG, 0, 0, 0, 0}, {0, NEG, 0, CR(FP_RM), NEG, 0},
      /* infinities and overflow */
      {INF, INF, 0, 0, INF, 0}, {INF, INF | NEG, 0, 0, DEFNAN, FP_IOC},
      {MAXN, MAXN, 0, 0, INF, FP_OFC | FP_IXC}, {MAXN, MAXN, 0, CR(FP_RZ), MAXN, FP_OFC | FP_IXC},
      {MAXN | NEG, MAXN | NEG, 0, CR(FP_RP), MAXN | NEG, FP_OFC | FP_IXC},
      {MAXN | NEG, MAXN | NEG, 0, CR(FP_RM), INF | NEG, FP_OFC | FP_IXC},
      /* denormals: exact without FZ; with FZ flushed in and out */
      {DENORM, DENORM, 0, 0, 2, 0}, {DENORM, DENORM, 0, FZ, 0, FP_IDC},
      {DENORM | NEG, NEG, 0, FZ, NEG, FP_IDC}, {0x00800001, MINN | NEG, 0, 0, 1, 0},
      {0x00800001, MINN | NEG, 0, FZ, 0, FP_UFC}, {MINN, 0x00800001 | NEG, 0, FZ, NEG, FP_UFC},
      /* NaNs: signalling first, then the order; DN */
      {QNAN1, QNAN2, 0, 0, QNAN1, 0}, {QNAN2, QNAN1, 0, 0, QNAN2, 0},
      {QNAN1, SNAN2, 0, 0, SNAN2Q, FP_IOC}, {SNAN1, SNAN2, 0, 0, SNAN1Q, FP_IOC},
      {ONE, QNAN2, 0, 0, QNAN2, 0}, {ONE, QNAN2, 0, DN, DEFNAN, 0},
      {ONE, SNAN2, 0, DN, DEFNAN, FP_IOC}, {DENORM, QNAN1, 0, FZ, QNAN1, FP_IDC})

/* The NaN is not negated. */
KNOWN(sub, fp32_sub(A32, B32, ENV), {ONE, ONE, 0, 0, 0, 0}, {ONE, ONE, 0, CR(FP_RM), NEG, 0},
      {ONE, QNAN1, 0, 0, QNAN1, 0}, {INF, INF, 0, 0, DEFNAN, FP_IOC}, {0, 0, 0, 0, 0, 0},
      {NEG, 0, 0, 0, NEG, 0})

KNOWN(mul, fp32_mul(A32, B32, ENV), {0x40400000, 0x40400000, 0, 0, 0x41100000, 0},
      {INF, 0, 0, 0, DEFNAN, FP_IOC}, {NEG, INF, 0, 0, DEFNAN, FP_IOC},
      {INF, ONE | NEG, 0, 0, INF | NEG, 0}, {0, ONE | NEG, 0, 0, NEG, 0},
      /* tiny: exact, inexact, rounded away to 0, rounded up to the smallest normal */
      {MINN, 0x3f000000, 0, 0, 0x00400000, 0},
      {MINN, 0x3f000001, 0, 0, 0x00400000, FP_UFC | FP_IXC},
      {DENORM, 0x3f000000, 0, 0, 0, FP_UFC | FP_IXC},
      {DENORM, 0x3f000000, 0, CR(FP_RP), DENORM, FP_UFC | FP_IXC},
      {MINN, 0x3f7fffff, 0, 0, MINN, FP_UFC | FP_IXC}, {MINN, 0x3f7fffff, 0, FZ, 0, FP_UFC},
      {MINN, 0x3f7fffff | NEG, 0, FZ, NEG, FP_UFC}, {DENORM, 0x7f000000, 0, FZ, 0, FP_IDC},
      {DENORM, INF, 0, FZ, DEFNAN, FP_IDC | FP_IOC}, {MAXN, 0x40000000, 0, 0, INF, FP_OFC | FP_IXC})

KNOWN(mulx, fp32_mulx(A32, B32, ENV), {INF, 0, 0, 0, 0x40000000, 0},
      {NEG, INF, 0, 0, 0x40000000 | NEG, 0}, {INF, DENORM | NEG, 0, FZ, 0x40000000 | NEG, FP_IDC},
      {INF, ONE, 0, 0, INF, 0}, {QNAN1, 0, 0, 0, QNAN1, 0},
      {0x40400000, 0x40400000, 0, 0, 0x41100000, 0})

KNOWN(div, fp32_div(A32, B32, ENV), {ONE, 0x40400000, 0, 0, 0x3eaaaaab, FP_IXC},
      {ONE, 0x40400000, 0, CR(FP_RM), 0x3eaaaaaa, FP_IXC},
      {0x40c00000, 0x40400000, 0, 0, 0x40000000, 0}, {ONE, NEG, 0, 0, INF | NEG, FP_DZC},
      {0, 0, 0, 0, DEFNAN, FP_IOC}, {INF, INF, 0, 0, DEFNAN, FP_IOC}, {INF, 0, 0, 0, INF, 0},
      {ONE, INF | NEG, 0, 0, NEG, 0}, {0, ONE | NEG, 0, 0, NEG, 0},
      {ONE, DENORM, 0, FZ, INF, FP_IDC | FP_DZC}, {MINN, 0x40000000, 0, FZ, 0, FP_UFC})

KNOWN(sqrt, fp32_sqrt(A32, ENV), {0x40800000, 0, 0, 0, 0x40000000, 0},
      {0x40000000, 0, 0, 0, 0x3fb504f3, FP_IXC}, {0x40000000, 0, 0, CR(FP_RP), 0x3fb504f4, FP_IXC},
      {NEG, 0, 0, 0, NEG, 0}, {ONE | NEG, 0, 0, 0, DEFNAN, FP_IOC},
      {INF | NEG, 0, 0, 0, DEFNAN, FP_IOC}, {INF, 0, 0, 0, INF, 0},
      {SNAN2, 0, 0, 0, SNAN2Q, FP_IOC}, {DENORM | NEG, 0, 0, FZ, NEG, FP_IDC},
      {0x00000002, 0, 0, 0, 0x1a800000, 0})

/* c + a * b */
KNOWN(muladd, fp32_muladd(C32, A32, B32, ENV),
      {0x3f800001, 0x3f800001, 0xbf800002, 0, 0x28800000, 0}, {ONE, ONE, ONE | NEG, 0, 0, 0},
      {ONE, ONE, ONE | NEG, CR(FP_RM), NEG, 0}, {0, ONE, NEG, 0, 0, 0}, {NEG, ONE, NEG, 0, NEG, 0},
      {0, ONE, ONE, 0, ONE, 0}, {INF, ONE, INF | NEG, 0, DEFNAN, FP_IOC},
      {INF, 0, ONE, 0, DEFNAN, FP_IOC},
      /* infinity times 0: invalid even with a quiet NaN added, but a signalling one wins */
      {INF, 0, QNAN2, 0, DEFNAN, FP_IOC}, {0, INF, SNAN2, 0, SNAN2Q, FP_IOC},
      /* the addend first, unless it is quiet and another signals */
      {QNAN1, ONE, QNAN2, 0, QNAN2, 0}, {QNAN1, QNAN2, ONE, 0, QNAN1, 0},
      {SNAN1, ONE, SNAN2, 0, SNAN2Q, FP_IOC}, {ONE, SNAN1, QNAN2, 0, SNAN1Q, FP_IOC},
      {ONE, SNAN1, QNAN2, DN, DEFNAN, FP_IOC}, {DENORM, ONE, ONE, FZ, ONE, FP_IDC},
      {MINN, 0x3f000000, 0, FZ, 0, FP_UFC}, {MAXN, ONE, MAXN, 0, INF, FP_OFC | FP_IXC})

/* 2 - a * b and (3 - a * b) / 2: a is negated before NaNs are looked at */
KNOWN(recps, fp32_recps(A32, B32, ENV), {ONE, ONE, 0, 0, ONE, 0}, {INF, 0, 0, 0, 0x40000000, 0},
      {INF, ONE, 0, 0, INF | NEG, 0}, {0x40000000, ONE, 0, 0, 0, 0},
      {0x40000000, ONE, 0, CR(FP_RM), NEG, 0}, {QNAN1, ONE, 0, 0, QNAN1 | NEG, 0},
      {ONE, QNAN1, 0, 0, QNAN1, 0}, {MAXN, MAXN, 0, 0, INF | NEG, FP_OFC | FP_IXC})
KNOWN(rsqrts, fp32_rsqrts(A32, B32, ENV), {ONE, ONE, 0, 0, ONE, 0}, {NEG, INF, 0, 0, 0x3fc00000, 0},
      {0x40400000, ONE, 0, 0, 0, 0},
      /* (3 - 2^128) / 2 does not overflow */
      {0x7f000000, 0x40000000, 0, CR(FP_RP), 0x7effffff | NEG, FP_IXC},
      {SNAN1, ONE, 0, 0, SNAN1Q | NEG, FP_IOC})

/* ---- Maximum, minimum, comparison ---- */

KNOWN(max, fp32_max(A32, B32, ENV), {ONE, 0x40000000, 0, 0, 0x40000000, 0},
      {ONE | NEG, 0x40000000 | NEG, 0, 0, ONE | NEG, 0}, {NEG, 0, 0, 0, 0, 0}, {0, NEG, 0, 0, 0, 0},
      {ONE, QNAN1, 0, 0, QNAN1, 0}, {ONE, SNAN1, 0, 0, SNAN1Q, FP_IOC},
      {DENORM, NEG, 0, FZ, 0, FP_IDC}, {DENORM, 0, 0, 0, DENORM, 0})
KNOWN(min, fp32_min(A32, B32, ENV), {ONE, 0x40000000, 0, 0, ONE, 0}, {NEG, 0, 0, 0, NEG, 0},
      {0, NEG, 0, 0, NEG, 0}, {INF | NEG, MAXN | NEG, 0, 0, INF | NEG, 0},
      {QNAN1, QNAN2, 0, DN, DEFNAN, 0})
KNOWN(maxnm, fp32_maxnm(A32, B32, ENV), {ONE, QNAN1, 0, 0, ONE, 0},
      {QNAN1, INF | NEG, 0, 0, INF | NEG, 0}, {QNAN1, QNAN2, 0, 0, QNAN1, 0},
      {QNAN1, SNAN2, 0, 0, SNAN2Q, FP_IOC}, {ONE, SNAN2, 0, 0, SNAN2Q, FP_IOC},
      {QNAN1, DENORM | NEG, 0, FZ, NEG, FP_IDC})
KNOWN(minnm, fp32_minnm(A32, B32, ENV), {ONE, QNAN1, 0, DN, ONE, 0},
      {QNAN1, 0x40000000, 0, 0, 0x40000000, 0}, {NEG, 0, 0, 0, NEG, 0})

/* c is `signal` */
KNOWN(compare, fp32_compare(A32, B32, k->c, ENV), {ONE, 0x40000000, 0, 0, FP_LESS, 0},
      {ONE, ONE | NEG, 0, 0, FP_GREATER, 0}, {0, NEG, 0, 0, FP_EQUAL, 0},
      {INF, INF, 0, 0, FP_EQUAL, 0}, {QNAN1, ONE, 0, 0, FP_UNORDERED, 0},
      {QNAN1, ONE, 1, 0, FP_UNORDERED, FP_IOC}, {ONE, SNAN1, 0, 0, FP_UNORDERED, FP_IOC},
      {DENORM, 0, 0, 0, FP_GREATER, 0}, {DENORM, NEG, 0, FZ, FP_EQUAL, FP_IDC},
      {DENORM, QNAN1, 0, FZ, FP_UNORDERED, FP_IDC})

/* ---- Rounding and conversion ---- */

/* b is the rounding, c is `exact` */
KNOWN(round_int, fp32_round_int(A32, (enum fp_rounding)k->b, k->c, ENV),
      {0x40200000, FP_RN, 0, 0, 0x40000000, 0},	     /* 2.5 */
      {0x40600000, FP_RN, 1, 0, 0x40800000, FP_IXC}, /* 3.5 */
      {0x40200000, FP_RA, 0, 0, 0x40400000, 0}, {0xc0200000, FP_RA, 0, 0, 0xc0400000, 0},
      {0x3f000000, FP_RN, 0, 0, 0, 0}, {0xbf000000, FP_RP, 0, 0, NEG, 0},
      {0xbf000000, FP_RM, 0, 0, ONE | NEG, 0}, {DENORM, FP_RP, 1, 0, ONE, FP_IXC},
      {DENORM, FP_RP, 1, FZ, 0, FP_IDC}, {0x4affffff, FP_RZ, 1, 0, 0x4afffffe, FP_IXC},
      {INF | NEG, FP_RN, 1, 0, INF | NEG, 0}, {SNAN1, FP_RN, 0, 0, SNAN1Q, FP_IOC})

/* b is fbits, c the rounding */
KNOWN(to_s32, (uint32_t)fp32_to_s32(A32, k->b, (enum fp_rounding)k->c, ENV),
      {0x40200000, 0, FP_RN, 0, 2, FP_IXC}, {0x40200000, 0, FP_RA, 0, 3, FP_IXC},
      {0xc0200000, 0, FP_RA, 0, (uint32_t)-3, FP_IXC}, {0x40200000, 1, FP_RZ, 0, 5, 0},
      {0x4effffff, 0, FP_RZ, 0, 0x7fffff80, 0}, {0x4f000000, 0, FP_RZ, 0, INT32_MAX, FP_IOC},
      {0xcf000000, 0, FP_RZ, 0, 0x80000000, 0}, {0xcf000001, 0, FP_RZ, 0, 0x80000000, FP_IOC},
      {INF | NEG, 32, FP_RZ, 0, 0x80000000, FP_IOC}, {QNAN1, 0, FP_RZ, 0, 0, FP_IOC},
      {DENORM, 0, FP_RP, 0, 1, FP_IXC}, {DENORM, 0, FP_RP, FZ, 0, FP_IDC})
KNOWN(to_u32, fp64_to_u32(k->a, k->b, (enum fp_rounding)k->c, ENV),
      {0x41efffffffe00000, 0, FP_RZ, 0, UINT32_MAX, 0},
      {0x41effffffff00000, 0, FP_RN, 0, UINT32_MAX, FP_IOC}, /* 2^32 - 1/2 */
      {0x41effffffff00000, 0, FP_RZ, 0, UINT32_MAX, FP_IXC},
      {0xbfe0000000000000, 0, FP_RN, 0, 0, FP_IXC}, /* -1/2 */
      {0xbfe0000000000000, 0, FP_RM, 0, 0, FP_IOC}, {0xbff0000000000000, 0, FP_RZ, 0, 0, FP_IOC})
KNOWN(to_s64, (uint64_t)fp64_to_s64(k->a, k->b, (enum fp_rounding)k->c, ENV),
      {0x43e0000000000000, 0, FP_RZ, 0, INT64_MAX, FP_IOC},
      {0xc3e0000000000000, 0, FP_RZ, 0, UINT64_C(1) << 63, 0},
      {0xc3e0000000000001, 0, FP_RZ, 0, UINT64_C(1) << 63, FP_IOC},
      {0xbff8000000000000, 0, FP_RM, 0, (uint64_t)-2, FP_IXC},
      {0x3fe0000000000000, 63, FP_RZ, 0, UINT64_C(1) << 62, 0},
      {0x7fefffffffffffff, 64, FP_RZ, 0, INT64_MAX, FP_IOC})
KNOWN(to_u64, fp64_to_u64(k->a, k->b, (enum fp_rounding)k->c, ENV),
      {0x43efffffffffffff, 0, FP_RZ, 0, 0xfffffffffffff800, 0},
      {0x43f0000000000000, 0, FP_RZ, 0, UINT64_MAX, FP_IOC},
      {0x3fefffffffffffff, 64, FP_RZ, 0, 0xfffffffffffff800, 0},
      {0x3ff0000000000000, 64, FP_RZ, 0, UINT64_MAX, FP_IOC},
      {0x7ff0000000000000, 0, FP_RZ, 0, UINT64_MAX, FP_IOC})

/* b is fbits */
KNOWN(from_s64, fp32_from_s64((int64_t)k->a, k->b, ENV), {0, 0, 0, CR(FP_RM), 0, 0},
      {(uint64_t)-1, 0, 0, 0, ONE | NEG, 0}, {16777217, 0, 0, 0, 0x4b800000, FP_IXC},
      {16777217, 0, 0, CR(FP_RP), 0x4b800001, FP_IXC},
      {UINT64_C(1) << 63, 0, 0, 0, 0x5f000000 | NEG, 0}, {3, 1, 0, 0, 0x3fc00000, 0},
      {1, 64, 0, 0, 0x1f800000, 0})
KNOWN(from_u64, fp64_from_u64(k->a, k->b, ENV), {UINT64_MAX, 0, 0, 0, 0x43f0000000000000, FP_IXC},
      {UINT64_MAX, 0, 0, CR(FP_RZ), 0x43efffffffffffff, FP_IXC},
      {UINT64_MAX, 64, 0, 0, 0x3ff0000000000000, FP_IXC})

KNOWN(to_double, fp32_to_fp64(A32, ENV), {ONE, 0, 0, 0, 0x3ff0000000000000, 0},
      {DENORM, 0, 0, 0, 0x36a0000000000000, 0}, {DENORM | NEG, 0, 0, FZ, UINT64_C(1) << 63, FP_IDC},
      {SNAN2, 0, 0, 0, 0xfff8888880000000, FP_IOC}, {SNAN2, 0, 0, DN, 0x7ff8000000000000, FP_IOC},
      {INF | NEG, 0, 0, 0, 0xfff0000000000000, 0})
KNOWN(to_single, fp64_to_fp32(k->a, ENV), {0x3ff0000010000000, 0, 0, 0, ONE, FP_IXC},
      {0x3ff0000030000000, 0, 0, 0, 0x3f800002, FP_IXC}, {0x36a0000000000000, 0, 0, 0, DENORM, 0},
      {0x36a0000000000000, 0, 0, FZ, 0, FP_UFC},
      {0x380fffffffffffff, 0, 0, 0, MINN, FP_UFC | FP_IXC}, {1, 0, 0, FZ, 0, FP_IDC},
      {0x7fefffffffffffff, 0, 0, 0, INF, FP_OFC | FP_IXC}, {0xfff8888880000001, 0, 0, 0, SNAN2Q, 0},
      {0x7ff0000000000001, 0, 0, 0, DEFNAN, FP_IOC})
KNOWN(to_single_odd, fp64_to_fp32_odd(k->a, ENV), {0x3ff0000000000000, 0, 0, 0, ONE, 0},
      {0x3ff0000000000001, 0, 0, 0, 0x3f800001, FP_IXC},
      {0x3ff0000030000000, 0, 0, CR(FP_RP), 0x3f800001, FP_IXC},
      {0x7fefffffffffffff, 0, 0, 0, MAXN, FP_OFC | FP_IXC}, {1, 0, 0, 0, DENORM, FP_UFC | FP_IXC},
      {0x3800000000000000, 0, 0, FZ, 0, FP_UFC})
/* FZ does not touch half precision; AHP has neither infinities nor NaNs. */
KNOWN(to_half, fp32_to_fp16(A32, ENV), {ONE, 0, 0, 0, 0x3c00, 0},
      {0x477fefff, 0, 0, 0, 0x7bff, FP_IXC}, /* just below 65520 */
      {0x477ff000, 0, 0, 0, 0x7c00, FP_OFC | FP_IXC}, {0x477ff000, 0, 0, CR(FP_RZ), 0x7bff, FP_IXC},
      {0x47800000, 0, 0, CR(FP_RZ), 0x7bff, FP_OFC | FP_IXC},
      {0x33800000, 0, 0, FZ, 0x0001, 0}, /* 2^-24 */
      {0x33000000, 0, 0, 0, 0, FP_UFC | FP_IXC}, {DENORM, 0, 0, FZ, 0, FP_IDC},
      {QNAN2, 0, 0, 0, 0xfe11, 0}, {SNAN1, 0, 0, 0, 0x7e19, FP_IOC}, {QNAN2, 0, 0, DN, 0x7e00, 0},
      {QNAN2, 0, 0, AHP, 0x8000, FP_IOC}, {INF | NEG, 0, 0, AHP, 0xffff, FP_IOC},
      {0x477ff000, 0, 0, AHP, 0x7c00, FP_IXC}, {0x47ffe000, 0, 0, AHP, 0x7fff, 0},
      {0x47fff000, 0, 0, AHP, 0x7fff, FP_IOC}, {0x47ffefff, 0, 0, AHP, 0x7fff, FP_IXC})
KNOWN(from_half, fp16_to_fp32((uint16_t)k->a, ENV), {0x3c00, 0, 0, 0, ONE, 0},
      {0x0001, 0, 0, FZ, 0x33800000, 0}, {0xfc00, 0, 0, 0, INF | NEG, 0},
      {0xfc00, 0, 0, AHP, 0xc7800000, 0}, {0x7fff, 0, 0, AHP, 0x47ffe000, 0},
      {0x7d01, 0, 0, 0, 0x7fe02000, FP_IOC}, {0x7d01, 0, 0, DN, DEFNAN, FP_IOC})

/* ---- Estimates ---- */

KNOWN(recpe, fp32_recpe(A32, ENV), {ONE, 0, 0, 0, 0x3f7f8000, 0},
      {0x40000000 | NEG, 0, 0, 0, 0x3eff8000 | NEG, 0}, {0x3fffffff, 0, 0, 0, 0x3f000000, 0},
      {NEG, 0, 0, 0, INF | NEG, FP_DZC}, {INF | NEG, 0, 0, 0, NEG, 0}, {QNAN1, 0, 0, 0, QNAN1, 0},
      {SNAN1, 0, 0, 0, SNAN1Q, FP_IOC},
      {0x001fffff, 0, 0, 0, INF, FP_OFC | FP_IXC}, /* below 2^-128 */
      {0x001fffff, 0, 0, CR(FP_RZ), MAXN, FP_OFC | FP_IXC},
      {0x001fffff | NEG, 0, 0, CR(FP_RP), MAXN | NEG, FP_OFC | FP_IXC},
      {0x00200000, 0, 0, 0, 0x7f7f8000, 0}, {0x00200000, 0, 0, FZ, INF, FP_IDC | FP_DZC},
      {0x7e800000, 0, 0, 0, 0x007fc000, 0}, /* 2^126 */
      {0x7e800000, 0, 0, FZ, 0, FP_UFC}, {MAXN, 0, 0, 0, 0x00200000, 0})
KNOWN(recpe64, fp64_recpe(k->a, ENV), {0x3ff0000000000000, 0, 0, 0, 0x3feff00000000000, 0},
      {0x0003ffffffffffff, 0, 0, 0, 0x7ff0000000000000, FP_OFC | FP_IXC},
      {0x7fe0000000000000, 0, 0, 0, 0x0007fc0000000000, 0})
KNOWN(rsqrte, fp32_rsqrte(A32, ENV), {ONE, 0, 0, 0, 0x3f7f8000, 0},
      {0x40800000, 0, 0, 0, 0x3eff8000, 0}, {0, 0, 0, 0, INF, FP_DZC},
      {NEG, 0, 0, 0, INF | NEG, FP_DZC}, {ONE | NEG, 0, 0, 0, DEFNAN, FP_IOC}, {INF, 0, 0, 0, 0, 0},
      {DENORM | NEG, 0, 0, FZ, INF | NEG, FP_IDC | FP_DZC})
KNOWN(recpx, fp32_recpx(A32, ENV), {ONE | NEG, 0, 0, 0, 0x40000000 | NEG, 0},
      {0x3fffffff, 0, 0, 0, 0x40000000, 0}, {0, 0, 0, 0, 0x7f000000, 0},
      {DENORM, 0, 0, 0, 0x7f000000, 0}, {DENORM, 0, 0, FZ, 0x7f000000, FP_IDC},
      {INF | NEG, 0, 0, 0, NEG, 0}, {SNAN1, 0, 0, 0, SNAN1Q, FP_IOC})

/* The estimates are within 1/256 of what they estimate, over their whole domain. */
static void test_estimates_close(void **unused)
{
	for (uint32_t a = 0x80000000; a; a += 0x00400000) {
		double x = a / 0x1p32, e = fp_urecpe(a) / 0x1p31;

		assert_true(x * e > 1 - 0x1p-8 && x * e < 1 + 0x1p-8);
	}
	for (uint32_t a = 0x40000000; a; a += 0x00400000) {
		double x = a / 0x1p32, e = fp_ursqrte(a) / 0x1p31;

		assert_true(x * e * e > 1 - 0x1p-7 && x * e * e < 1 + 0x1p-7);
	}
	assert_int_equal(fp_urecpe(0x7fffffff), UINT32_MAX);
	assert_int_equal(fp_ursqrte(0x3fffffff), UINT32_MAX);
	assert_int_equal(fp_urecpe(0x80000000), 0xff800000);
	assert_int_equal(fp_urecpe(UINT32_MAX), 0x80000000);
}

/* ---- All halves ---- */

/* Both ways, and what lies between two neighbours goes to the right one. */
static void test_every_half(void **unused)
{
	for (uint32_t h = 0; h < 0x7c00; h++) {
		uint32_t e = h >> 10, f = h & 0x3ff, fpsr = 0, lo, hi, mid;
		double value = e ? (1024 + f) * 0x1p-25 * (double)(1u << e) : f * 0x1p-24;

		lo = fp16_to_fp32((uint16_t)h, 0, &fpsr);
		assert_true(fp32_host(lo) == value);
		assert_true(fp64_host(fp16_to_fp64((uint16_t)h, 0, &fpsr)) == value);
		assert_int_equal(fp32_to_fp16(lo, 0, &fpsr), h);
		assert_int_equal(fp64_to_fp16(fp64_raw(-value), 0, &fpsr), h | 0x8000);
		assert_int_equal(fpsr, 0);
		if (h == 0x7bff)
			break;
		hi = fp16_to_fp32((uint16_t)(h + 1), 0, &fpsr);
		mid = fp32_raw((fp32_host(lo) + fp32_host(hi)) / 2);
		assert_int_equal(fp32_to_fp16(mid, 0, &fpsr), h + (h & 1));
		assert_int_equal(fpsr, h < 0x400 ? FP_IXC | FP_UFC : FP_IXC);
		assert_int_equal(fp32_to_fp16(mid + 1, 0, &fpsr), h + 1);
		assert_int_equal(fp32_to_fp16(mid - 1, 0, &fpsr), h);
		assert_int_equal(fp32_to_fp16(mid, CR(FP_RP), &fpsr), h + 1);
		assert_int_equal(fp32_to_fp16(mid, CR(FP_RM), &fpsr), h);
		assert_int_equal(fp32_to_fp16(mid | NEG, CR(FP_RM), &fpsr), (h + 1) | 0x8000);
		assert_int_equal(fp32_to_fp16(mid | NEG, CR(FP_RZ), &fpsr), h | 0x8000);
	}
}

#define T(name) cmocka_unit_test(test_##name)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(add),
	    T(sub),
	    T(mul),
	    T(mulx),
	    T(div),
	    T(sqrt),
	    T(muladd),
	    T(recps),
	    T(rsqrts),
	    T(max),
	    T(min),
	    T(maxnm),
	    T(minnm),
	    T(compare),
	    T(round_int),
	    T(to_s32),
	    T(to_u32),
	    T(to_s64),
	    T(to_u64),
	    T(from_s64),
	    T(from_u64),
	    T(to_double),
	    T(to_single),
	    T(to_single_odd),
	    T(to_half),
	    T(from_half),
	    T(recpe),
	    T(recpe64),
	    T(rsqrte),
	    T(recpx),
	    T(estimates_close),
	    T(every_half),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
