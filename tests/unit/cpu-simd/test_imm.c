/* SPDX-License-Identifier: MIT */
/*
 * Modified immediates, all of them: the expected bits come from the table of DDI 0487 C4.1
 * ("Advanced SIMD modified immediate") and AdvSIMDExpandImm written as pictures, in which a to h
 * are the bits of the immediate and A to H their complements.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "step.h"

enum use { MOVE, MOVE_NOT, OR, CLEAR };

static const struct {
	uint8_t op, cmode;
	enum use use;
	const char *picture; /* most significant first, repeated to 64 bits */
} encodings[] = {
    {0, 0, MOVE, "000000000000000000000000abcdefgh"},
    {0, 2, MOVE, "0000000000000000abcdefgh00000000"},
    {0, 4, MOVE, "00000000abcdefgh0000000000000000"},
    {0, 6, MOVE, "abcdefgh000000000000000000000000"},
    {0, 8, MOVE, "00000000abcdefgh"},
    {0, 10, MOVE, "abcdefgh00000000"},
    {0, 12, MOVE, "0000000000000000abcdefgh11111111"},
    {0, 13, MOVE, "00000000abcdefgh1111111111111111"},
    {0, 14, MOVE, "abcdefgh"},
    {0, 15, MOVE, "aBbbbbbcdefgh0000000000000000000"},
    {1, 0, MOVE_NOT, "000000000000000000000000abcdefgh"},
    {1, 2, MOVE_NOT, "0000000000000000abcdefgh00000000"},
    {1, 4, MOVE_NOT, "00000000abcdefgh0000000000000000"},
    {1, 6, MOVE_NOT, "abcdefgh000000000000000000000000"},
    {1, 8, MOVE_NOT, "00000000abcdefgh"},
    {1, 10, MOVE_NOT, "abcdefgh00000000"},
    {1, 12, MOVE_NOT, "0000000000000000abcdefgh11111111"},
    {1, 13, MOVE_NOT, "00000000abcdefgh1111111111111111"},
    {1, 14, MOVE, "aaaaaaaabbbbbbbbccccccccddddddddeeeeeeeeffffffffgggggggghhhhhhhh"},
    {1, 15, MOVE, "aBbbbbbbbbcdefgh000000000000000000000000000000000000000000000000"},
    {0, 1, OR, "000000000000000000000000abcdefgh"},
    {0, 3, OR, "0000000000000000abcdefgh00000000"},
    {0, 5, OR, "00000000abcdefgh0000000000000000"},
    {0, 7, OR, "abcdefgh000000000000000000000000"},
    {0, 9, OR, "00000000abcdefgh"},
    {0, 11, OR, "abcdefgh00000000"},
    {1, 1, CLEAR, "000000000000000000000000abcdefgh"},
    {1, 3, CLEAR, "0000000000000000abcdefgh00000000"},
    {1, 5, CLEAR, "00000000abcdefgh0000000000000000"},
    {1, 7, CLEAR, "abcdefgh000000000000000000000000"},
    {1, 9, CLEAR, "00000000abcdefgh"},
    {1, 11, CLEAR, "abcdefgh00000000"},
};

static uint64_t draw(const char *picture, unsigned imm8)
{
	size_t len = strlen(picture);
	uint64_t v = 0;

	for (unsigned n = 0; n < 64; n++) {
		char ch = picture[n % len];
		bool bit;

		if (ch >= 'a')
			bit = imm8 >> ('h' - ch) & 1;
		else if (ch >= 'A')
			bit = !(imm8 >> ('H' - ch) & 1);
		else
			bit = ch == '1';
		v = v << 1 | bit;
	}
	return v;
}

static uint64_t apply(enum use use, uint64_t before, uint64_t imm)
{
	switch (use) {
	case MOVE:
		return imm;
	case MOVE_NOT:
		return ~imm;
	case OR:
		return before | imm;
	default:
		return before & ~imm;
	}
}

static uint32_t encode(unsigned q, unsigned op, unsigned cmode, unsigned imm8, unsigned rd)
{
	return 0x0f000400 | q << 30 | op << 29 | (imm8 >> 5) << 16 | cmode << 12 |
	       (imm8 & 31) << 5 | rd;
}

static void all_immediates(void **state)
{
	struct cpu *c = step_cpu();
	unsigned done = 0;

	for (unsigned n = 0; n < 2 * AM_ARRAY_SIZE(encodings) * 256; n++) {
		unsigned k = n >> 9, q = n >> 8 & 1, imm8 = n & 255, rd = n % 31;
		uint32_t w = encode(q, encodings[k].op, encodings[k].cmode, imm8, rd);
		uint64_t imm = draw(encodings[k].picture, imm8);
		uint64_t lo = step_random(), hi = step_random();

		if (!q && encodings[k].op && encodings[k].cmode == 15) {
			assert_false(step_allocated(w));
			continue;
		}
		c->v[rd].d[0] = lo;
		c->v[rd].d[1] = hi;
		assert_int_equal(step(c, w), STEP_DONE);
		if (c->v[rd].d[0] != apply(encodings[k].use, lo, imm) ||
		    c->v[rd].d[1] != (q ? apply(encodings[k].use, hi, imm) : 0))
			fail_msg("%08x: %016llx %016llx", w, (unsigned long long)c->v[rd].d[1],
				 (unsigned long long)c->v[rd].d[0]);
		done++;
	}
	assert_int_equal(done, (2 * AM_ARRAY_SIZE(encodings) - 1) * 256);
}

/* The pictures cover op and cmode, so nothing is left that could be allocated. */
static void every_op_and_cmode_has_a_picture(void **state)
{
	uint32_t seen = 0;

	for (unsigned k = 0; k < AM_ARRAY_SIZE(encodings); k++)
		seen |= UINT32_C(1) << (encodings[k].op << 4 | encodings[k].cmode);
	assert_int_equal(seen, 0xffffffff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(all_immediates),
	    cmocka_unit_test(every_op_and_cmode_has_a_picture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
