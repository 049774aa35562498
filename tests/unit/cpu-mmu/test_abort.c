/* SPDX-License-Identifier: MIT */
/* What stage 2 refuses, as the guest sees it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "cpu/run.h"
#include "space.h"

#define LDR_X1_X0 0xf9400001u
#define STR_X1_X0 0xf9000001u
#define LDP_X1_X0 0xa9400801u /* ldp x1, x2, [x0] */
#define BR_X0	  0xd61f0000u
#define AT_X0	  0xd5087800u /* at s1e1r, x0 */
#define DC_CIVAC  0xd50b7e20u /* dc civac, x0 */
#define IC_IVAU	  0xd50b7520u /* ic ivau, x0 */

#define CODE	   10u
#define VECTOR_EL1 5u /* exit_imm: HVC 1 + 0x200 / 0x80 */
#define BEYOND	   (UINT64_C(1) << 40)
#define DATA_ABORT (UINT64_C(0x25) << 26 | 1 << 25)
#define INSN_ABORT (UINT64_C(0x21) << 26 | 1 << 25)

static struct space *s;

static int begin(void **state)
{
	s = space_create(1, 0);
	s->refuse_from = BEYOND;
	space_map(s, 80, BEYOND + 0x5000, 0);	   /* refused */
	space_map(s, 81, UINT64_C(0x30000000), 0); /* nothing there */
	return 0;
}

static int end(void **state)
{
	space_destroy(s);
	return 0;
}

static void expect(uint32_t word, uint64_t x0, uint64_t esr, uint64_t far, uint64_t elr)
{
	struct cpu *c = s->cpu[0];

	c->r[0] = x0;
	assert_int_equal(space_run(s, CODE, &word, 1), CPU_EXIT_HVC);
	assert_int_equal(c->exit_imm, VECTOR_EL1);
	assert_int_equal(c->sr[SR_ESR_EL1], esr);
	assert_int_equal(c->sr[SR_FAR_EL1], far);
	assert_int_equal(c->sr[SR_ELR_EL1], elr);
	cpu_set_pstate(c, 0x3c5);
}

static void refused(void **state)
{
	uint64_t va = ADDR(80) + 0x128, far = BEYOND + 0x5128;

	for (unsigned fsc = 0; fsc <= 0x10; fsc += 0x10) {
		s->refuse_fsc = fsc;
		expect(LDR_X1_X0, va, DATA_ABORT | fsc, far, ADDR(CODE));
		expect(STR_X1_X0, va, DATA_ABORT | fsc, far, ADDR(CODE));
		expect(LDP_X1_X0, va, DATA_ABORT | fsc, far, ADDR(CODE));
		expect(DC_CIVAC, va, DATA_ABORT | fsc, far, ADDR(CODE));
		expect(IC_IVAU, va, DATA_ABORT | fsc, far, ADDR(CODE));
		expect(BR_X0, va, INSN_ABORT | fsc, far, va);
	}
}

static void second_page_refused(void **state)
{
	s->refuse_fsc = 0x10;
	expect(LDR_X1_X0, ADDR(80) - 4, DATA_ABORT | 0x10, BEYOND + 0x5000, ADDR(CODE));
}

static void nothing_there(void **state)
{
	struct cpu *c = s->cpu[0];
	uint64_t va = ADDR(81) + 0x128;
	uint32_t words[] = {DC_CIVAC, IC_IVAU, AT_X0};

	expect(BR_X0, va, INSN_ABORT | 0x10, va, va);
	/* Maintenance is nothing to do; AT looks at stage 1 alone. */
	c->r[0] = va;
	assert_int_equal(space_run(s, CODE, words, 3), CPU_EXIT_HVC);
	assert_int_equal(c->exit_imm, 0);
	assert_int_equal(c->sr[SR_PAR_EL1] & UINT64_C(0xffffffffff001), 0x30000000);
	/* A load is user space's. */
	words[0] = LDR_X1_X0;
	assert_int_equal(space_run(s, CODE, words, 1), CPU_EXIT_MMIO);
	assert_int_equal(c->mmio.ipa, 0x30000128);
	assert_true(c->mmio.isv);
	words[0] = LDP_X1_X0;
	assert_int_equal(space_run(s, CODE, words, 1), CPU_EXIT_MMIO);
	assert_false(c->mmio.isv);
	assert_int_equal(c->mmio.esr, (UINT64_C(0x24) << 26 | 1 << 25 | 0x07));
}

static void walk(uint64_t table, uint64_t fsc, uint64_t far_base)
{
	uint64_t va = BLOCKS_VA + 0x400000 + 0x3128;
	uint64_t far = far_base ? far_base + 0x128 : va;

	space_poke64(s, ADDR(TABLES + 1) + 16, table | 3);
	expect(LDR_X1_X0, va, DATA_ABORT | fsc, far, ADDR(CODE));
	expect(STR_X1_X0, va, DATA_ABORT | fsc, far, ADDR(CODE));
	expect(DC_CIVAC, va, DATA_ABORT | fsc, far, ADDR(CODE));
	expect(AT_X0, va, DATA_ABORT | fsc, far, ADDR(CODE));
	expect(BR_X0, va, INSN_ABORT | fsc, far, va);
}

static void walks(void **state)
{
	walk(0x30000000, 0x10, 0);
	s->refuse_fsc = 0x10;
	walk(BEYOND + 0x7000, 0x10, BEYOND + 0x7000);
	s->refuse_fsc = 0x00;
	walk(BEYOND + 0x7000, 0x00, BEYOND + 0x7000);
}

/* Alignment is checked by the memory type of stage 1: before stage 2. */
static void alignment_first(void **state)
{
	s->refuse_fsc = 0x10;
	space_map(s, 80, BEYOND + 0x5000, 1 << 2);
	expect(LDR_X1_X0, ADDR(80) + 4, DATA_ABORT | 0x21, ADDR(80) + 4, ADDR(CODE));
	expect(LDR_X1_X0, ADDR(80) + 8, DATA_ABORT | 0x10, BEYOND + 0x5008, ADDR(CODE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(refused, begin, end),
	    cmocka_unit_test_setup_teardown(second_page_refused, begin, end),
	    cmocka_unit_test_setup_teardown(nothing_there, begin, end),
	    cmocka_unit_test_setup_teardown(walks, begin, end),
	    cmocka_unit_test_setup_teardown(alignment_first, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
