/* SPDX-License-Identifier: MIT */
/* The shape of address spaces: start level, concatenated tables, VTCR_EL2, VTTBR_EL2, refusals. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "arena.h"

static const struct shape {
	uint8_t ipa, granule;
	int level;
	uint8_t tables, sl0;
	uint8_t index_bits;
} shapes[] = {
    {32, 12, 2, 4, 0, 11}, {32, 14, 2, 1, 1, 7},  {32, 16, 2, 1, 1, 3},	  {36, 12, 1, 1, 1, 6},
    {36, 14, 2, 1, 1, 11}, {36, 16, 2, 1, 1, 7},  {39, 12, 1, 1, 1, 9},	  {39, 14, 2, 8, 1, 14},
    {39, 16, 2, 1, 1, 10}, {40, 12, 1, 2, 1, 10}, {40, 14, 2, 16, 1, 15}, {40, 16, 2, 1, 1, 11},
    {42, 12, 1, 8, 1, 12}, {42, 14, 1, 1, 2, 6},  {42, 16, 2, 1, 1, 13},  {43, 12, 1, 16, 1, 13},
    {43, 14, 1, 1, 2, 7},  {43, 16, 2, 2, 1, 14}, {44, 12, 0, 1, 2, 5},	  {44, 14, 1, 1, 2, 8},
    {44, 16, 2, 4, 1, 15}, {46, 12, 0, 1, 2, 7},  {46, 14, 1, 1, 2, 10},  {46, 16, 2, 16, 1, 17},
    {47, 12, 0, 1, 2, 8},  {47, 14, 1, 1, 2, 11}, {47, 16, 1, 1, 2, 5},	  {48, 12, 0, 1, 2, 9},
    {48, 14, 1, 2, 2, 12}, {48, 16, 1, 1, 2, 6},  {52, 12, 0, 16, 2, 13}, {52, 14, 0, 1, 3, 5},
    {52, 16, 1, 1, 2, 10},
};

#define BASE UINT64_C(0x7f0000000000) /* of memory for tables: 47 bits */

static struct arena arena;
static struct am_s2 s2;

static int init(const struct am_s2_config *c)
{
	arena_init(&arena, c->granule == 12 || c->granule == 14 ? c->granule : 16, 64,
		   c->oa_bits >= 48 ? BASE : UINT64_C(0x40000000));
	return arena_s2_init(&arena, &s2, c, false);
}

static void done(void)
{
	am_s2_finish(&s2);
	assert_true(arena_is_clean(&arena));
	arena_finish(&arena);
}

static void test_shapes(void **unused)
{
	for (unsigned n = 0; n < sizeof(shapes) / sizeof(shapes[0]); n++) {
		const struct shape *s = &shapes[n];
		const struct am_s2_config c = {
		    .ipa_bits = s->ipa,
		    .granule = s->granule,
		    .oa_bits = s->ipa > 48 ? 52 : 48,
		    .flags = s->ipa > 48 && s->granule < 16 ? AM_S2_LPA2 : 0,
		};
		uint64_t vtcr;

		assert_int_equal(init(&c), 0);
		assert_int_equal(s2.start_level, s->level);
		assert_int_equal(s2.root_tables, s->tables);
		assert_int_equal(s->ipa - s2.start_log2, s->index_bits);
		assert_int_equal(arena.live, s->tables);
		assert_int_equal(s2.nr_tables, s->tables);
		vtcr = am_s2_vtcr(&s2);
		assert_int_equal(vtcr & 63, 64 - s->ipa);
		assert_int_equal((vtcr >> 6) & 3, s->sl0);
		assert_int_equal((vtcr >> 14) & 3, s->granule == 12 ? 0 : s->granule == 14 ? 2 : 1);
		assert_int_equal((vtcr >> 16) & 7, s->ipa > 48 ? 6 : 5);
		assert_int_equal(vtcr >> 32, s->ipa > 48 && s->granule < 16); /* DS, SL2 */
		done();
	}
}

/* Whole values, worked out by hand. */
static void test_registers(void **unused)
{
	struct am_s2_config c = {.ipa_bits = 40, .granule = 12, .oa_bits = 48};

	assert_int_equal(init(&c), 0);
	assert_int_equal(am_s2_vtcr(&s2), 0x80053558);
	assert_int_equal(am_s2_vttbr(&s2, 0x1234), BASE | UINT64_C(0x34) << 48);
	done();

	c.flags = AM_S2_VMID16 | AM_S2_HA | AM_S2_XNX | AM_S2_FWB | AM_S2_BBM2;
	assert_int_equal(init(&c), 0);
	assert_int_equal(am_s2_vtcr(&s2), 0x802d3558);
	assert_int_equal(am_s2_vttbr(&s2, 0x1234), BASE | UINT64_C(0x1234) << 48);
	done();

	c = (struct am_s2_config){
	    .ipa_bits = 52, .granule = 14, .oa_bits = 52, .flags = AM_S2_LPA2};
	assert_int_equal(init(&c), 0);
	assert_int_equal(am_s2_vtcr(&s2), UINT64_C(0x18006b5cc));
	done();

	c = (struct am_s2_config){.ipa_bits = 36, .granule = 16, .oa_bits = 36};
	assert_int_equal(init(&c), 0);
	assert_int_equal(am_s2_vtcr(&s2), 0x8001755c);
	done();

	/* A table beyond 48 bits: 51:48 go to 5:2. */
	c = (struct am_s2_config){.ipa_bits = 48, .granule = 16, .oa_bits = 52};
	arena_init(&arena, 16, 64, UINT64_C(0xa000000100000));
	assert_int_equal(arena_s2_init(&arena, &s2, &c, false), 0);
	assert_int_equal(am_s2_vttbr(&s2, 1), UINT64_C(0x0001000000100028));
	done();
}

static void refused(struct am_s2_config c)
{
	arena_init(&arena, 12, 64, UINT64_C(0x40000000));
	assert_int_equal(am_s2_init(&s2, &c, &arena_ops, &arena), -EINVAL);
	am_s2_finish(&s2);
	assert_true(arena_is_clean(&arena));
	arena_finish(&arena);
}

static void test_refusals(void **unused)
{
	refused((struct am_s2_config){.ipa_bits = 31, .granule = 12, .oa_bits = 48});
	refused((struct am_s2_config){.ipa_bits = 53, .granule = 16, .oa_bits = 52});
	refused((struct am_s2_config){.ipa_bits = 40, .granule = 13, .oa_bits = 48});
	refused((struct am_s2_config){.ipa_bits = 40, .granule = 0, .oa_bits = 48});
	refused((struct am_s2_config){.ipa_bits = 40, .granule = 12, .oa_bits = 47});
	refused((struct am_s2_config){.ipa_bits = 40, .granule = 12, .oa_bits = 56});
	refused((struct am_s2_config){.ipa_bits = 40, .granule = 12, .oa_bits = 36});
	refused((struct am_s2_config){.ipa_bits = 49, .granule = 12, .oa_bits = 52});
	refused((struct am_s2_config){.ipa_bits = 52, .granule = 14, .oa_bits = 52});
	refused((struct am_s2_config){.ipa_bits = 52, .granule = 16, .oa_bits = 48});
	refused((struct am_s2_config){
	    .ipa_bits = 48, .granule = 16, .oa_bits = 52, .flags = AM_S2_LPA2});
	refused((struct am_s2_config){.ipa_bits = 40, .granule = 12, .oa_bits = 48, .flags = 128});
	refused(
	    (struct am_s2_config){.ipa_bits = 40, .granule = 12, .oa_bits = 48, .max_block = 11});
	refused(
	    (struct am_s2_config){.ipa_bits = 40, .granule = 12, .oa_bits = 48, .max_block = 64});
}

/* PARange may say 52 where this granule's layout ends at 48. */
static void test_parange_52_without_lpa2(void **unused)
{
	const struct am_s2_config c = {.ipa_bits = 48, .granule = 12, .oa_bits = 52};
	uint64_t end = UINT64_C(1) << 48;

	assert_int_equal(init(&c), 0);
	assert_int_equal((am_s2_vtcr(&s2) >> 16) & 7, 5);
	assert_int_equal(am_s2_map(&s2, 0, 4096, end, AM_S2_R, AM_S2_NORMAL_WB), -EINVAL);
	assert_int_equal(am_s2_map(&s2, 0, 4096, end - 4096, AM_S2_R, AM_S2_NORMAL_WB), 0);
	done();
}

static void test_no_memory(void **unused)
{
	const struct am_s2_config c = {.ipa_bits = 40, .granule = 12, .oa_bits = 48};

	arena_init(&arena, 12, 64, BASE);
	arena.fail_after = 0;
	assert_int_equal(am_s2_init(&s2, &c, &arena_ops, &arena), -ENOMEM);
	am_s2_finish(&s2);
	assert_true(arena_is_clean(&arena));
	arena_finish(&arena);
}

/* A table that no descriptor could point to is as good as none. */
static void test_table_out_of_reach(void **unused)
{
	const struct am_s2_config c = {.ipa_bits = 36, .granule = 12, .oa_bits = 40};

	arena_init(&arena, 12, 64, UINT64_C(1) << 40);
	assert_int_equal(am_s2_init(&s2, &c, &arena_ops, &arena), -ENOMEM);
	am_s2_finish(&s2);
	assert_true(arena_is_clean(&arena));
	arena_finish(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_shapes),    cmocka_unit_test(test_registers),
	    cmocka_unit_test(test_refusals),  cmocka_unit_test(test_parange_52_without_lpa2),
	    cmocka_unit_test(test_no_memory), cmocka_unit_test(test_table_out_of_reach),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
