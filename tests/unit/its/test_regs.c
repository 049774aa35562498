/* SPDX-License-Identifier: MIT */
/*
 * Registers and attributes of an ITS, and the redistributors' of LPIs: reset values, what sticks,
 * halves, errors. Values are those of KVM (its_regs.txt, reset_guest.txt, write_guest.txt).
 */
#include "common.h"

#include "base/bits.h"
#include "gic/its.h"

static void test_table(void **state)
{
	unsigned row = 0;
	const char *bad = am_reg_table_check(&its_table, &row);

	if (bad)
		fail_msg("%s: %s", its_table.rows[row].name, bad);
	bad = am_reg_table_check(&gic_redist_table, &row);
	if (bad)
		fail_msg("%s: %s", gic_redist_table.rows[row].name, bad);
}

/* ---- without an ITS ---- */

static void test_none(void **state)
{
	struct box b;

	box_bare(&b, 2);
	assert_false(am_gic_has_its(b.gic));
	assert_int_equal(rd(&b, GICD + 4, 4), 0x00480003);
	assert_int_equal(rd(&b, GICR + 8, 4), 0);
	assert_int_equal(rd(&b, GICR + 0x70, 8), 0);
	assert_int_equal(rd(&b, GICR + 0x78, 8), 0x580);
	wr(&b, GICR, 4, 1);
	assert_int_equal(rd(&b, GICR, 4), 6);
	wr(&b, GICR + 0xa0, 8, 8192);
	wr(&b, GICR + 0xb0, 8, 1);
	assert_int_equal(am_gic_msi(b.gic, GITS, true, 0, 0), -ENODEV);
	assert_int_equal(am_gic_set_attr(b.gic, AM_GIC_GRP_CTRL, 3, 0), 0);
	box_end(&b);
}

static void test_announced(void **state)
{
	struct box b;

	box_its(&b, 2);
	assert_true(am_gic_has_its(b.gic));
	assert_int_equal(rd(&b, GICD + 4, 4), 0x007a0003);
	assert_int_equal(rd(&b, GICR + 8, 8), 0x001);
	assert_int_equal(rd(&b, GICR + GICR_SIZE + 8, 8), UINT64_C(0x100000111));
	assert_int_equal(rd(&b, GICR + 0x70, 8), 0x580);
	assert_int_equal(rd(&b, GICR + 0x78, 8), 0x580);
	box_end(&b);
}

/* ---- redistributors ---- */

static void test_redist(void **state)
{
	struct box b;

	box_its(&b, 2);
	wr(&b, GICR + 0x70, 4, UINT32_MAX);
	assert_int_equal(rd(&b, GICR + 0x70, 4), 0xffffff9f);
	wr(&b, GICR + 0x70, 4, 0);
	assert_int_equal(rd(&b, GICR + 0x70, 4), 0x180);
	wr(&b, GICR + 0x74, 4, UINT32_MAX);
	assert_int_equal(rd(&b, GICR + 0x74, 4), 0x000fffff);
	wr(&b, GICR + 0x78, 8, UINT64_MAX);
	assert_int_equal(rd(&b, GICR + 0x78, 8), UINT64_C(0x000fffffffff0f80));
	/* One PROPBASER for all. */
	wr(&b, GICR + 0x70, 8, PROP | 15);
	assert_int_equal(rd(&b, GICR + GICR_SIZE + 0x70, 8), PROP | 0x18f);
	/* Enabled: CTLR shows it, and the tables stay. */
	wr(&b, GICR + 0x78, 8, PEND(0));
	wr(&b, GICR, 4, UINT32_MAX);
	assert_int_equal(rd(&b, GICR, 4), 7);
	assert_int_equal(rd(&b, GICR + GICR_SIZE, 4), 6);
	wr(&b, GICR + 0x78, 8, 0);
	wr(&b, GICR + 0x70, 8, 0);
	assert_int_equal(rd(&b, GICR + 0x78, 8), PEND(0) | 0x180);
	assert_int_equal(rd(&b, GICR + 0x70, 8), PROP | 0x18f);
	/* By another one that is not enabled, PROPBASER can still be written, as in KVM. */
	wr(&b, GICR + GICR_SIZE + 0x70, 8, PROP | 14);
	assert_int_equal(rd(&b, GICR + 0x70, 8), PROP | 0x18e);
	assert_int_equal(rd(&b, GICR + 0xa0, 8), 0);
	assert_int_equal(rd(&b, GICR + 0xc0, 4), 0);
	wr(&b, GICR, 4, 0);
	assert_int_equal(rd(&b, GICR, 4), 6);
	/* Saved and restored by attributes. */
	assert_int_equal(gicr_get(&b, 1, 0), 6);
	gicr_set(&b, 1, 0, 1);
	assert_int_equal(gicr_get(&b, 1, 0), 7);
	box_end(&b);
}

/* A second ITS resets PROPBASER, in KVM. */
static void test_second(void **state)
{
	struct am_its_config config;
	struct am_its *second;
	struct box b;

	box_its(&b, 1);
	wr(&b, GICR + 0x70, 8, PROP | 15);
	config = box_its_config(&b);
	assert_int_equal(am_its_create(b.gic, &config, &second), 0);
	assert_int_equal(rd(&b, GICR + 0x70, 8), 0x580);
	assert_int_equal(am_its_set_base(second, GITS + 0x10000), 0);
	assert_int_equal(am_its_base(second), GITS + 0x10000);
	/* The rest is am_gic_destroy's. */
	box_end(&b);
}

/* ---- the ITS's frame ---- */

static void test_reset_values(void **state)
{
	static const struct {
		unsigned offset;
		uint64_t value;
	} regs[] = {
	    {0, 0x80000000},	 {4, 0x4b00043b}, {8, 0x1ef71},	       {0xc, 0},
	    {0x80, 0},		 {0x88, 0},	  {0x90, 0},	       {0x100, 0x600},
	    {0x104, 0x19070000}, {0x108, 0x600},  {0x10c, 0x1c070000}, {0x110, 0},
	    {0x13c, 0},		 {0xffd0, 0x40},  {0xffd4, 0},	       {0xffe0, 0x92},
	    {0xffe4, 0xb4},	 {0xffe8, 0x3b},  {0xffec, 0},	       {0xfff0, 0x0d},
	    {0xfff4, 0xf0},	 {0xfff8, 0x05},  {0xfffc, 0xb1},      {0x10040, 0},
	};
	struct box b;

	box_its(&b, 1);
	for (unsigned i = 0; i < AM_ARRAY_SIZE(regs); i++)
		if (rd(&b, GITS + regs[i].offset, 4) != regs[i].value)
			fail_msg("GITS+0x%x", regs[i].offset);
	assert_true(rd(&b, GITS + BASER0, 8) == UINT64_C(0x1907000000000600));
	assert_true(rd(&b, GITS + TYPER, 8) == 0x1ef71);
	assert_int_equal(rd(&b, GITS + TYPER, 1), 0);
	assert_int_equal(rd(&b, GITS + TYPER, 2), 0);
	assert_int_equal(rd(&b, GITS + 0xffe8, 8), 0);
	box_end(&b);
}

/* By the guest, in halves. */
static void test_guest_writes(void **state)
{
	static const struct {
		unsigned offset;
		uint32_t ones, zeros;
	} regs[] = {
	    {0x00, 0x80000000, 0x80000000},
	    {0x04, 0x4b00043b, 0x4b00043b},
	    {0x08, 0x0001ef71, 0x0001ef71},
	    {0x80, 0xffff0fff, 0},
	    {0x84, 0xff1fffff, 0x18000000},
	    {0x88, 0, 0},
	    {0x8c, 0, 0},
	    {0x90, 0, 0},
	    {0x100, 0xfffffeff, 0x200},
	    {0x104, 0xf907ffff, 0x19070000},
	    {0x108, 0xfffffeff, 0x200},
	    {0x10c, 0xbc07ffff, 0x1c070000},
	    {0x110, 0, 0},
	    {0xffe8, 0x3b, 0x3b},
	};
	struct box b;

	box_its(&b, 1);
	for (unsigned i = 0; i < AM_ARRAY_SIZE(regs); i++) {
		wr(&b, GITS + regs[i].offset, 4, UINT32_MAX);
		if (rd(&b, GITS + regs[i].offset, 4) != regs[i].ones)
			fail_msg("GITS+0x%x after ones", regs[i].offset);
		wr(&b, GITS + regs[i].offset, 4, 0);
		if (rd(&b, GITS + regs[i].offset, 4) != regs[i].zeros)
			fail_msg("GITS+0x%x after zeros", regs[i].offset);
	}
	box_end(&b);
}

static void sets(struct box *b, unsigned offset, uint64_t value, int err, uint64_t reads)
{
	int got = its_set(b, offset, value);

	if (got != err || its_get(b, offset) != reads)
		fail_msg("0x%x <- 0x%llx: %d, reads 0x%llx", offset, (unsigned long long)value, got,
			 (unsigned long long)its_get(b, offset));
}

/* its_regs.txt, "writes". */
static void test_user_writes(void **state)
{
	const uint64_t cbaser = VALID | 0x4001000f, dev = VALID | 0x40020000;
	struct box b;

	box_its(&b, 1);
	sets(&b, CTLR, 1, 0, 0x80000000);
	sets(&b, TYPER, UINT64_MAX, 0, 0x1ef71);
	sets(&b, IIDR, 0x4b00043b, 0, 0x4b00043b);
	sets(&b, IIDR, 0x4b00143b, -EINVAL, 0x4b00043b);
	sets(&b, IIDR, 0xf000, -EINVAL, 0x4b00043b);
	sets(&b, IIDR, 0, 0, 0x4b00043b);
	sets(&b, CBASER, UINT64_MAX, 0, UINT64_C(0xff1fffffffff0fff));
	sets(&b, CBASER, 0, 0, UINT64_C(0x1800000000000000));
	sets(&b, BASER0, UINT64_MAX, 0, UINT64_C(0xf907fffffffffeff));
	sets(&b, BASER0, 0, 0, UINT64_C(0x1907000000000200));
	sets(&b, BASER1, UINT64_MAX, 0, UINT64_C(0xbc07fffffffffeff));
	sets(&b, BASER1, 0, 0, UINT64_C(0x1c07000000000200));
	sets(&b, 0x110, UINT64_MAX, 0, 0);
	for (uint64_t i = 0; i < 4; i++)
		sets(&b, BASER0, dev | i << 8 | 3, 0, UINT64_C(0x9907000040020203));
	for (uint64_t i = 0; i < 8; i++) {
		sets(&b, BASER0, dev | i << 59, 0,
		     UINT64_C(0x8107000040020200) | (i < 2 ? 3 : i) << 59);
		sets(&b, BASER0, dev | i << 53, 0,
		     UINT64_C(0x9907000040020200) | (i == 1 ? i << 53 : 0));
		sets(&b, CBASER, cbaser | i << 59, 0, cbaser | (i < 2 ? 3 : i) << 59);
	}
	for (uint64_t i = 0; i < 4; i++) {
		uint64_t share = (i == 2 ? 1 : i) << 10;

		sets(&b, BASER0, dev | i << 10, 0, UINT64_C(0x9907000040020200) | share);
		sets(&b, CBASER, cbaser | i << 10, 0, cbaser | UINT64_C(3) << 59 | share);
	}
	sets(&b, BASER0, dev | INDIRECT, 0, UINT64_C(0xd907000040020200));
	sets(&b, BASER1, dev | INDIRECT, 0, UINT64_C(0x9c07000040020200));
	sets(&b, BASER0, VALID | 0xf200, 0, UINT64_C(0x990700000000f200));
	sets(&b, CBASER, VALID | 0x40010000, 0, UINT64_C(0x9800000040010000));
	sets(&b, CWRITER, 0x20, 0, 0x20);
	sets(&b, CWRITER, 0x1f, 0, 0);
	sets(&b, CWRITER, 0x41, 0, 0x40);
	sets(&b, CWRITER, 0xfe0, 0, 0xfe0);
	sets(&b, CWRITER, 0x1000, 0, 0xfe0);
	sets(&b, CWRITER, UINT64_MAX, 0, 0xfe0);
	sets(&b, CREADR, 0x5f, 0, 0x40);
	sets(&b, CREADR, 0xfe0, 0, 0xfe0);
	sets(&b, CREADR, 0x1000, -EINVAL, 0xfe0);
	sets(&b, CREADR, 1, 0, 0);
	sets(&b, CWRITER, 0x80, 0, 0x80);
	assert_int_equal(its_get(&b, CTLR), 0); /* not quiescent, not enabled */
	sets(&b, CBASER, cbaser, 0, UINT64_C(0x980000004001000f));
	assert_int_equal(its_get(&b, CWRITER), 0);
	sets(&b, BASER0, dev, 0, UINT64_C(0x9907000040020200));
	sets(&b, BASER1, 0x40030000, 0, UINT64_C(0x1c07000040030200));
	sets(&b, CTLR, 1, 0, 0x80000000);
	sets(&b, BASER1, VALID | 0x40030000, 0, UINT64_C(0x9c07000040030200));
	sets(&b, CBASER, cbaser & ~VALID, 0, UINT64_C(0x180000004001000f));
	sets(&b, CTLR, 1, 0, 0x80000000);
	sets(&b, CBASER, cbaser, 0, UINT64_C(0x980000004001000f));
	sets(&b, CTLR, UINT32_MAX, 0, 0x80000001);
	/* Enabled. */
	sets(&b, BASER0, 0, 0, UINT64_C(0x9907000040020200));
	sets(&b, BASER1, 0, 0, UINT64_C(0x9c07000040030200));
	sets(&b, CBASER, 0, 0, UINT64_C(0x980000004001000f));
	sets(&b, CREADR, 0, -EBUSY, 0);
	sets(&b, IIDR, 0x4b00043b, 0, 0x4b00043b);
	sets(&b, CWRITER, 0x10000, 0, 0);
	assert_int_equal(its_ctrl(&b, AM_ITS_CTRL_SAVE_TABLES), 0);
	assert_int_equal(its_ctrl(&b, AM_ITS_CTRL_RESTORE_TABLES), 0);
	assert_int_equal(its_ctrl(&b, AM_ITS_CTRL_RESET), 0);
	assert_int_equal(its_get(&b, CTLR), 0x80000000);
	assert_int_equal(its_get(&b, CBASER), 0);
	assert_true(its_get(&b, BASER0) == UINT64_C(0x1907000040020200));
	assert_true(its_get(&b, BASER1) == UINT64_C(0x1c07000040030200));
	box_end(&b);
}

/* ---- attributes ---- */

static void test_attributes(void **state)
{
	struct am_its_config config;
	uint64_t value = 0x55;
	struct box b;

	box_bare(&b, 1);
	config = box_its_config(&b);
	assert_int_equal(am_its_create(b.gic, &config, &b.its), 0);
	assert_int_equal(am_its_get_attr(b.its, AM_ITS_GRP_ADDR, 4, &value), 0);
	assert_true(value == UINT64_MAX);
	for (unsigned o = 0; o < 0x140; o += 8)
		assert_int_equal(am_its_get_attr(b.its, AM_ITS_GRP_REGS, o, &value), -ENXIO);
	for (unsigned c = 0; c < 5; c++)
		assert_int_equal(its_ctrl(&b, c), 0);
	assert_int_equal(its_ctrl(&b, 99), 0);
	assert_int_equal(am_its_set_attr(b.its, AM_ITS_GRP_ADDR, 2, GITS), -ENODEV);
	assert_int_equal(am_its_set_attr(b.its, AM_ITS_GRP_ADDR, 4, GITS + 0x1000), -EINVAL);
	assert_int_equal(am_its_set_attr(b.its, AM_ITS_GRP_ADDR, 4, UINT64_C(1) << 40), -E2BIG);
	assert_int_equal(am_its_set_attr(b.its, AM_ITS_GRP_ADDR, 4, (UINT64_C(1) << 40) - 0x10000),
			 -E2BIG);
	assert_int_equal(am_its_set_attr(b.its, AM_ITS_GRP_ADDR, 4, UINT64_MAX - 0xffff), -EINVAL);
	assert_int_equal(am_its_set_attr(b.its, AM_ITS_GRP_ADDR, 4, GICD), 0);
	assert_int_equal(am_its_set_attr(b.its, AM_ITS_GRP_ADDR, 4, GICD), -EEXIST);
	assert_int_equal(am_its_get_attr(b.its, AM_ITS_GRP_ADDR, 4, &value), 0);
	assert_int_equal(value, GICD);
	/* Which there are: its_regs.txt, "every aligned offset" and "odd". */
	for (uint64_t o = 0; o < 0x20000; o++) {
		bool align4 = o < 8 || o >= 0xffd0;
		bool reg = o < 0x10 || (o >= 0x80 && o < 0x98) || (o >= 0x100 && o < 0x140) ||
			   (o >= 0xffd0 && o < 0x10000);
		int want = o % (align4 ? 4 : 8) ? -EINVAL : reg ? 0 : -ENXIO;

		if (am_its_has_attr(b.its, AM_ITS_GRP_REGS, o) != want ||
		    am_its_get_attr(b.its, AM_ITS_GRP_REGS, o, &value) != want)
			fail_msg("0x%llx", (unsigned long long)o);
	}
	assert_int_equal(am_its_has_attr(b.its, AM_ITS_GRP_REGS, UINT64_C(1) << 32), -ENXIO);
	for (unsigned g = 0; g < 11; g++)
		for (unsigned a = 0; a < 10; a++) {
			bool has = (g == 0 && a == 4) || (g == 4 && (a < 3 || a == 4));

			if (g != 8)
				assert_int_equal(am_its_has_attr(b.its, g, a), has ? 0 : -ENXIO);
		}
	assert_int_equal(am_its_get_attr(b.its, AM_ITS_GRP_CTRL, 0, &value), -ENXIO);
	assert_int_equal(am_its_set_attr(b.its, 5, 0, 0), -ENXIO);
	assert_false(am_its_attr_stops_vcpus(AM_ITS_GRP_CTRL, AM_ITS_CTRL_INIT));
	assert_true(am_its_attr_stops_vcpus(AM_ITS_GRP_CTRL, AM_ITS_CTRL_RESET));
	assert_int_equal(am_its_attr_check_offset(AM_ITS_GRP_REGS, 0x84), -EINVAL);
	box_end(&b);
}

/* ---- creation ---- */

static void test_create(void **state)
{
	struct am_its_config config;
	struct am_its *its[AM_ITS_MAX], *more;
	struct box b;

	box_bare(&b, 1);
	config = box_its_config(&b);
	config.ops.read = NULL;
	assert_int_equal(am_its_create(b.gic, &config, &more), -EINVAL);
	config = box_its_config(&b);
	for (int fail = 1; fail <= 3; fail++) {
		b.fail_in = fail;
		assert_int_equal(am_its_create(b.gic, &config, &more), -ENOMEM);
		assert_null(more);
	}
	b.fail_in = 0;
	for (unsigned i = 0; i < AM_ITS_MAX; i++)
		assert_int_equal(am_its_create(b.gic, &config, &its[i]), 0);
	assert_int_equal(am_its_create(b.gic, &config, &more), -ENOSPC);
	am_its_destroy(its[7]);
	am_its_destroy(NULL);
	assert_int_equal(am_its_create(b.gic, &config, &its[7]), 0);
	box_end(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_table),	 cmocka_unit_test(test_none),
	    cmocka_unit_test(test_announced),	 cmocka_unit_test(test_redist),
	    cmocka_unit_test(test_second),	 cmocka_unit_test(test_reset_values),
	    cmocka_unit_test(test_guest_writes), cmocka_unit_test(test_user_writes),
	    cmocka_unit_test(test_attributes),	 cmocka_unit_test(test_create),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
