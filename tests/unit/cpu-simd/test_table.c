/* SPDX-License-Identifier: MIT */
/* TBL and TBX: every index with every length and first register, and aliases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "step.h"

static uint32_t encode(bool tbx, unsigned q, unsigned regs, unsigned rd, unsigned rn, unsigned rm)
{
	return 0x0e000000 | q << 30 | rm << 16 | (regs - 1) << 13 | (uint32_t)tbx << 12 | rn << 5 |
	       rd;
}

/* All registers as one row of bytes, twice: the one after V31 is V0. */
static void check(struct cpu *c, bool tbx, unsigned q, unsigned regs, unsigned rd, unsigned rn,
		  unsigned rm)
{
	uint8_t all[2 * 32 * 16], indices[16], expect[16] = {0};
	uint32_t w = encode(tbx, q, regs, rd, rn, rm);

	memcpy(all, c->v, sizeof(c->v));
	memcpy(all + 32 * 16, c->v, sizeof(c->v));
	memcpy(indices, &c->v[rm], 16);
	for (unsigned e = 0; e < (q ? 16 : 8); e++) {
		if (indices[e] < 16 * regs)
			expect[e] = all[16 * rn + indices[e]];
		else if (tbx)
			expect[e] = all[16 * rd + e];
	}
	assert_int_equal(step(c, w), STEP_DONE);
	if (memcmp(&c->v[rd], expect, 16))
		fail_msg("%08x: wrong result", w);
	for (unsigned n = 0; n < 32; n++) {
		if (n != rd)
			assert_memory_equal(&c->v[n], all + 16 * n, 16);
	}
}

static void fill(struct cpu *c)
{
	for (unsigned n = 0; n < 32 * 2; n++)
		c->v[n / 2].d[n % 2] = step_random();
}

static void every_index(void **state)
{
	struct cpu *c = step_cpu();

	/* rn 29 to 31 wrap around; rm 20 and rd 10 are never in a table that starts there. */
	for (unsigned n = 0; n < 2 * 2 * 4 * 4 * 16; n++) {
		unsigned first = (n & 15) * 16, rn = 28 + (n >> 4 & 3), regs = 1 + (n >> 6 & 3);

		fill(c);
		for (unsigned e = 0; e < 16; e++)
			c->v[20].b[e] = first + (e * 7 + n) % 16;
		check(c, n >> 8 & 1, n >> 9 & 1, regs, 10, rn, 20);
	}
}

static void bounds_of_the_table(void **state)
{
	static const uint8_t indices[16] = {0,	15, 16, 17, 31, 32,  33,  47,
					    48, 49, 63, 64, 65, 127, 128, 255};
	struct cpu *c = step_cpu();

	for (unsigned n = 0; n < 2 * 4; n++) {
		fill(c);
		memcpy(&c->v[20], indices, 16);
		check(c, n & 1, 1, 1 + (n >> 1), 10, 0, 20);
	}
}

/* The destination, indices and table in each other's places. */
static void aliases(void **state)
{
	struct cpu *c = step_cpu();

	for (unsigned n = 0; n < 6 * 6 * 6 * 16; n++) {
		unsigned rd = 29 + n % 6, rn = 29 + n / 6 % 6, rm = 29 + n / 36 % 6;
		unsigned mode = n / 216;

		fill(c);
		for (unsigned e = 0; e < 16; e++)
			c->v[rm & 31].b[e] &= 0x7f;
		check(c, mode & 1, mode >> 1 & 1, 1 + (mode >> 2), rd & 31, rn & 31, rm & 31);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_index),
	    cmocka_unit_test(bounds_of_the_table),
	    cmocka_unit_test(aliases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
