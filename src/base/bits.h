/* SPDX-License-Identifier: MIT */
/* Bit fields and the few compiler hints that everything above uses. */
#ifndef AM_BASE_BITS_H
#define AM_BASE_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define am_likely(x)   __builtin_expect(!!(x), 1)
#define am_unlikely(x) __builtin_expect(!!(x), 0)
#define AM_UNUSED      __attribute__((unused))
#define AM_NOINLINE    __attribute__((noinline))
#define AM_COLD	       __attribute__((noinline, cold))
#define AM_MUST_CHECK  __attribute__((warn_unused_result))

#define AM_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define AM_BIT(n) (UINT64_C(1) << (n))
/* Bits hi..lo, both included, as the manuals write them. */
#define AM_MASK(hi, lo) ((~UINT64_C(0) >> (63 - (hi))) & (~UINT64_C(0) << (lo)))

static inline uint64_t am_bits(uint64_t v, unsigned hi, unsigned lo)
{
	return (v & AM_MASK(hi, lo)) >> lo;
}

static inline bool am_bit(uint64_t v, unsigned n)
{
	return (v >> n) & 1;
}

static inline uint64_t am_insert(uint64_t v, unsigned hi, unsigned lo, uint64_t field)
{
	return (v & ~AM_MASK(hi, lo)) | ((field << lo) & AM_MASK(hi, lo));
}

/* The low @bits of @v as a two's complement number; 1 <= bits <= 64. */
static inline int64_t am_sext(uint64_t v, unsigned bits)
{
	return (int64_t)(v << (64 - bits)) >> (64 - bits);
}

static inline uint64_t am_align_down(uint64_t v, uint64_t a)
{
	return v & ~(a - 1);
}

static inline bool am_aligned(uint64_t v, uint64_t a)
{
	return (v & (a - 1)) == 0;
}

static inline uint64_t am_align_up(uint64_t v, uint64_t a)
{
	return (v + a - 1) & ~(a - 1);
}

#endif
