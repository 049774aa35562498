/* SPDX-License-Identifier: MIT */
/* Operands for the tests of src/cpu/fp: specials, neighbours of specials, and plain noise. */
#ifndef FP_TEST_H
#define FP_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "cpu/fp/fp.h"

#define CASES 100000

#define CR(rmode) ((uint32_t)(rmode) << 22)

static inline uint64_t noise(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/*
 * A number with @frac fraction and @exp exponent bits: the exponent is anything, an extreme, or
 * near 1.0; the fraction is anything, or has few ones or few zeros at either end.
 */
static inline uint64_t operand(uint64_t *state, unsigned exp, unsigned frac)
{
	uint64_t r = noise(state), emax = (UINT64_C(1) << exp) - 1, e,
		 f = noise(state) >> (64 - frac);
	uint64_t ones = (UINT64_C(1) << frac) - 1;

	switch (r & 7) {
	case 0:
		e = r >> 8 & 1 ? emax : emax - 1;
		break;
	case 1:
		e = r >> 8 & 1;
		break;
	case 2:
		e = (r >> 8) % (frac + 4);
		break;
	case 3:
		e = r >> 8 & emax;
		break;
	case 4:
		e = emax / 2 + (r >> 8) % (2 * frac) - frac;
		break;
	default:
		e = emax / 2 + (r >> 8 & 7) - 4;
		break;
	}
	switch (r >> 16 & 7) {
	case 0:
		f = 0;
		break;
	case 1:
		f = ones;
		break;
	case 2:
		f = UINT64_C(1) << (r >> 24) % frac;
		break;
	case 3:
		f = ones ^ (ones >> (r >> 24) % frac);
		break;
	case 4:
		f = f >> (r >> 24) % frac;
		break;
	}
	return (r >> 63) << (exp + frac) | e << frac | f;
}

static inline uint32_t operand32(uint64_t *state)
{
	return (uint32_t)operand(state, 8, 23);
}

static inline uint64_t operand64(uint64_t *state)
{
	return operand(state, 11, 52);
}

#endif
