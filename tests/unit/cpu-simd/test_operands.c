/* SPDX-License-Identifier: MIT */
/*
 * What all rows have in common: sources that are the destination, the bits that become 0, the
 * registers that stay, and the trap while FP is off.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "cpu/run.h"
#include "cpu/sysreg.h"
#include "step.h"

enum { PER_ROW = 400 };

static bool writes_vector(enum a64_row row)
{
	return row != A64_SMOV && row != A64_UMOV;
}

static bool reads_vector(enum a64_row row)
{
	return step_has_field(row, "rn") && row != A64_DUP_vr && row != A64_INS_r;
}

static uint32_t set_registers(enum a64_row row, uint32_t w, unsigned rd, unsigned rn, unsigned rm)
{
	w = step_set_field(row, w, "rd", rd);
	if (step_has_field(row, "rn"))
		w = step_set_field(row, w, "rn", rn);
	if (step_has_field(row, "rm"))
		w = step_set_field(row, w, "rm", rm); /* V0 to V15: by element has 4 bits */
	if (step_has_field(row, "m") && step_get_field(row, w, "size") == 2)
		w = step_set_field(row, w, "m", 0);
	return w;
}

static void fill(struct cpu *c)
{
	for (unsigned n = 0; n < 64; n++)
		c->v[n / 2].d[n % 2] = step_random_value();
	for (unsigned n = 0; n < 31; n++)
		c->r[n] = step_random_value();
	c->fpsr = 0;
}

/* Each register's value is read before it is overwritten. */
static void check_alias(struct cpu *c, enum a64_row row, unsigned rd, unsigned rn, unsigned rm)
{
	uint32_t w = step_random_word(row);
	uint32_t separate = set_registers(row, w, 1, 6, 11);
	uint32_t aliased = set_registers(row, w, rd, rn, rm);
	union cpu_vreg result;
	uint32_t fpsr;

	fill(c);
	/* The tables of TBL and TBX are the same wherever they start. */
	for (unsigned n = 0; n < 16; n++)
		c->v[n] = c->v[6];
	if (row != A64_TBL_v && row != A64_TBX_v) {
		c->v[1].d[0] = step_random_value();
		c->v[11].d[1] = step_random_value();
		if (rd == rn)
			c->v[1] = c->v[6];
		if (rn == rm)
			c->v[11] = c->v[6];
		if (rd == rm)
			c->v[1] = c->v[11];
		if (rd == rn && rd == rm)
			c->v[1] = c->v[11] = c->v[6];
		c->v[rd] = c->v[1];
		c->v[rn] = c->v[6];
		c->v[rm] = c->v[11];
	}
	assert_int_equal(step(c, separate), STEP_DONE);
	result = c->v[1];
	fpsr = c->fpsr;
	c->fpsr = 0;
	assert_int_equal(step(c, aliased), STEP_DONE);
	if (memcmp(&result, &c->v[rd], 16) || fpsr != c->fpsr)
		fail_msg("%s: %08x does not do what %08x does", a64_rows[row].name, aliased,
			 separate);
}

static void sources_may_be_the_destination(void **state)
{
	struct cpu *c = step_cpu();

	for (int row = STEP_FIRST_ROW; row <= STEP_LAST_ROW; row++) {
		if (!writes_vector(row) || !reads_vector(row))
			continue;
		for (unsigned n = 0; n < PER_ROW; n++) {
			check_alias(c, row, 3, 3, 3);
			check_alias(c, row, 3, 3, 12);
			check_alias(c, row, 3, 7, 3);
			check_alias(c, row, 3, 7, 7);
		}
	}
}

/* Results twice as wide as the elements that size and Q tell. */
static bool is_long(enum a64_row row)
{
	static const char *const stems[] = {"ADDL_", "ADDW_", "SUBL_", "SUBW_", "ABAL_",
					    "ABDL_", "MLAL_", "MLSL_", "MULL_", "SHLL_"};

	for (unsigned n = 0; n < AM_ARRAY_SIZE(stems); n++) {
		if (strstr(a64_rows[row].name, stems[n]))
			return true;
	}
	return false;
}

static bool is_scalar(enum a64_row row)
{
	const char *end = strrchr(a64_rows[row].name, '_');

	return end && (!strcmp(end, "_s") || !strcmp(end, "_se") || !strcmp(end, "_si"));
}

static unsigned scalar_bits(enum a64_row row, uint32_t w)
{
	if (step_has_field(row, "size"))
		return 8u << step_get_field(row, w, "size");
	if (step_has_field(row, "immh"))
		return 8u << (31 - __builtin_clz(step_get_field(row, w, "immh")));
	if (step_has_field(row, "imm5"))
		return 8u << __builtin_ctz(step_get_field(row, w, "imm5"));
	return 64;
}

/* The bits that the instruction computes; those above become 0. INS leaves them. */
static unsigned computed_bits(enum a64_row row, uint32_t w)
{
	if (row == A64_INS_r || row == A64_INS_e)
		return 128;
	if (is_scalar(row))
		return scalar_bits(row, w) << is_long(row);
	if (step_has_field(row, "q") && !step_get_field(row, w, "q") && !is_long(row))
		return 64;
	return 128;
}

static void other_bits_become_zero(void **state)
{
	struct cpu *c = step_cpu();

	for (int row = STEP_FIRST_ROW; row <= STEP_LAST_ROW; row++) {
		for (unsigned n = 0; n < PER_ROW && writes_vector(row); n++) {
			uint32_t w = step_random_word(row);
			unsigned rd = step_get_field(row, w, "rd"), bits = computed_bits(row, w);

			fill(c);
			assert_int_equal(step(c, w), STEP_DONE);
			if (bits <= 64 && c->v[rd].d[1])
				fail_msg("%s %08x: upper half", a64_rows[row].name, w);
			if (bits < 64 && c->v[rd].d[0] >> bits)
				fail_msg("%s %08x: above bit %u", a64_rows[row].name, w, bits);
		}
	}
}

/* All of the state that instructions of these rows could touch, but for @rd. */
static void check_kept(const struct cpu *c, const struct cpu *before, enum a64_row row, uint32_t w)
{
	unsigned rd = step_get_field(row, w, "rd");
	bool vector = writes_vector(row);

	for (unsigned n = 0; n < 32; n++) {
		if ((!vector || n != rd) && memcmp(&c->v[n], &before->v[n], 16))
			fail_msg("%s %08x changed V%u", a64_rows[row].name, w, n);
	}
	for (unsigned n = 0; n <= REG_ZERO; n++) {
		if ((vector || n != rd || n == 31) && c->r[n] != before->r[n])
			fail_msg("%s %08x changed register %u", a64_rows[row].name, w, n);
	}
	if ((c->fpsr & ~FPSR_QC) != (before->fpsr & ~FPSR_QC) || c->fpcr != before->fpcr)
		fail_msg("%s %08x changed FPCR or FPSR", a64_rows[row].name, w);
}

static void nothing_else_changes(void **state)
{
	static struct cpu before;
	struct cpu *c = step_cpu();

	for (int row = STEP_FIRST_ROW; row <= STEP_LAST_ROW; row++) {
		for (unsigned n = 0; n < PER_ROW; n++) {
			uint32_t w = step_random_word(row);

			fill(c);
			memcpy(before.v, c->v, sizeof(c->v));
			memcpy(before.r, c->r, sizeof(c->r));
			before.fpsr = c->fpsr;
			before.fpcr = c->fpcr;
			assert_int_equal(step(c, w), STEP_DONE);
			check_kept(c, &before, row, w);
		}
	}
}

/* CPACR_EL1.FPEN: EC 0x07, and nothing is written. */
static void traps_while_fp_is_off(void **state)
{
	struct cpu *c = step_cpu();

	for (int row = STEP_FIRST_ROW; row <= STEP_LAST_ROW; row++) {
		for (unsigned n = 0; n < 20; n++) {
			union cpu_vreg v[32];
			uint64_t r[31];

			c = step_cpu();
			fill(c);
			memcpy(v, c->v, sizeof(v));
			memcpy(r, c->r, sizeof(r));
			c->fp_on = false;
			assert_int_equal(step(c, step_random_word(row)), STEP_TRAPPED);
			assert_int_equal(c->sr[SR_ESR_EL1] >> 26, EC_FP);
			assert_memory_equal(v, c->v, sizeof(v));
			assert_memory_equal(r, c->r, sizeof(r));
			assert_int_equal(c->fpsr, 0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sources_may_be_the_destination),
	    cmocka_unit_test(other_bits_become_zero),
	    cmocka_unit_test(nothing_else_changes),
	    cmocka_unit_test(traps_while_fp_is_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
