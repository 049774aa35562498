/* SPDX-License-Identifier: MIT */
/*
 * The register rows: the tables are sound; every word of every frame has the reset value and keeps
 * the bits that KVM's do (Linux 6.12's, recorded with 128 interrupts and 2 vCPUs). What the rows
 * themselves say is tested by test_each_row.c.
 */
#include "common.h"
#include "base/bits.h"
#include "gic/state.h"

#include <stdio.h>
#include <string.h>

/* ---- the checker finds what is wrong ---- */

static uint64_t any_get(const struct am_access *a, unsigned n)
{
	return 0;
}

static void any_set(const struct am_access *a, unsigned n, uint64_t value, uint64_t mask)
{
}

static const struct am_reg_row good_rows[] = {
    {.name = "A",
     .section = "s",
     .offset = 0,
     .length = 4,
     .widths = AM_REG_32,
     .order = 1,
     .get = any_get,
     .set = any_set},
    {.name = "B",
     .section = "s",
     .offset = 4,
     .length = 4,
     .widths = AM_REG_32,
     .ro = UINT32_MAX,
     .get = any_get},
    {.name = "C",
     .section = "s",
     .offset = 8,
     .length = 8,
     .widths = AM_REG_32 | AM_REG_64,
     .order = 2,
     .get = any_get,
     .set = any_set},
    {.name = "R",
     .section = "s",
     .offset = 16,
     .length = 16,
     .flags = AM_REG_RESERVED,
     .constant = "hole"},
};

#define NR_GOOD (sizeof(good_rows) / sizeof(*good_rows))

static const char *check(const struct am_reg_row *rows, uint32_t size, unsigned *row)
{
	struct am_reg_table t = {.name = "t", .rows = rows, .nr_rows = NR_GOOD, .size = size};

	return am_reg_table_check(&t, row);
}

#define BROKEN(n, change)                                                \
	do {                                                             \
		struct am_reg_row r[NR_GOOD];                            \
		unsigned at = 99;                                        \
		memcpy(r, good_rows, sizeof(r));                         \
		change;                                                  \
		if (!check(r, 32, &at) || at != (n))                     \
			fail_msg("not found: %s (row %u)", #change, at); \
	} while (0)

static void test_checker(void **state)
{
	unsigned row;

	assert_null(check(good_rows, 32, &row));
	assert_non_null(check(good_rows, 40, &row));
	assert_non_null(check(good_rows, 24, &row));
	BROKEN(1, r[1].offset = 8);
	BROKEN(0, r[0].length = 0);
	BROKEN(0, r[0].length = 3);
	BROKEN(1, r[0].length = 8);
	BROKEN(0, r[0].name = NULL);
	BROKEN(0, r[0].section = NULL);
	BROKEN(0, r[0].widths = AM_REG_64);
	BROKEN(0, r[0].widths = AM_REG_32 | 2);
	BROKEN(0, r[0].widths = AM_REG_32 | AM_REG_64);
	BROKEN(0, r[0].bits = 3);
	BROKEN(0, r[0].bits = 64);
	BROKEN(0, r[0].reset = UINT64_C(1) << 32);
	BROKEN(0, r[0].first = 32);
	BROKEN(0, r[0].order = 0);
	BROKEN(0, r[0].get = NULL);
	BROKEN(0, r[0].set = NULL);
	BROKEN(0, r[0].constant = "constant");
	BROKEN(0, r[0].flags = AM_REG_ALIAS);
	BROKEN(0, r[0].flags = AM_REG_W1);
	BROKEN(0, r[0].flags = AM_REG_RESTORE1);
	BROKEN(1, r[1].ro = 1);
	BROKEN(1, r[1].order = 3);
	BROKEN(2, r[2].order = 1);
	BROKEN(3, r[3].widths = AM_REG_32);
	BROKEN(3, r[3].constant = NULL);
}

static void test_tables(void **state)
{
	static const struct am_reg_table *const tables[] = {&gic_dist_table, &gic_redist_table,
							    &gic_dist2_table, &gic_gicc_table};

	for (unsigned i = 0; i < AM_ARRAY_SIZE(tables); i++) {
		unsigned row;
		const char *bad = am_reg_table_check(tables[i], &row);

		if (bad)
			fail_msg("%s: %s: %s", tables[i]->name, tables[i]->rows[row].name, bad);
	}
}

/* The system register rows are where their encodings say, and each belongs to one view at least. */
static void test_icc_rows(void **state)
{
	unsigned found = 0;

	for (unsigned sysreg = 0; sysreg < 0x10000; sysreg++)
		found += gic_icc_row(sysreg) != NULL;
	assert_int_equal(found, gic_nr_icc_rows);
	for (unsigned i = 0; i < gic_nr_icc_rows; i++) {
		const struct gic_icc_row *r = &gic_icc_rows[i];

		assert_ptr_equal(gic_icc_row(r->sysreg), r);
		assert_true(r->get || r->set || r->user_get);
		assert_int_equal(!r->user_get, !r->user_set);
		assert_true(!r->order || r->user_get);
		for (unsigned k = 0; k < i && r->order; k++)
			assert_int_not_equal(r->order, gic_icc_rows[k].order);
	}
}

/* ---- whole frames against KVM's ---- */

struct run {
	uint32_t from, to; /* words, both included */
	uint32_t reset;
	uint32_t ones, zeros; /* what a guest reads after writing all ones, then after zeros */
};

/* From reset_guest.txt and write_guest.txt; without the ITS of that machine TYPER has no LPIs. */
static const struct run kvm_gicd[] = {
    {0x0000, 0x0000, 0x50, 0x52, 0x50},
    {0x0004, 0x0004, 0x00480003, 0x00480003, 0x00480003},
    {0x0008, 0x0008, 0x4b00343b, 0x4b00343b, 0x4b00343b},
    {0x0010, 0x0010, UINT32_MAX, UINT32_MAX, UINT32_MAX},
    {0x0084, 0x008c, UINT32_MAX, UINT32_MAX, 0},
    {0x0104, 0x010c, 0, UINT32_MAX, UINT32_MAX},
    {0x0184, 0x018c, 0, 0, 0}, /* the sweep has disabled them again by then */
    {0x0204, 0x020c, 0, UINT32_MAX, UINT32_MAX},
    {0x0284, 0x028c, 0, 0, 0},
    {0x0304, 0x030c, 0, UINT32_MAX, UINT32_MAX},
    {0x0384, 0x038c, 0, 0, 0},
    {0x0420, 0x047c, 0, 0xf8f8f8f8, 0},
    {0x0c08, 0x0c1c, 0xaaaaaaaa, 0xaaaaaaaa, 0},
    {0xffe8, 0xffe8, 0x3b, 0x3b, 0x3b},
};

/* vCPU 1's redistributor: affinity 1, number 1, the last. */
static const struct run kvm_gicr[] = {
    {0x0000, 0x0000, 6, 6, 6}, /* with an ITS EnableLPIs would stick */
    {0x0004, 0x0004, 0x4b00043b, 0x4b00043b, 0x4b00043b},
    {0x0008, 0x0008, 0x110, 0x110, 0x110},
    {0x000c, 0x000c, 1, 1, 1},
    {0x0070, 0x0070, 0, 0xffffff9f, 0x180}, /* reset to 0x580 by the creation of an ITS */
    {0x0074, 0x0074, 0, 0x000fffff, 0},
    {0x0078, 0x0078, 0x580, 0xffff0f80, 0x180},
    {0x007c, 0x007c, 0, 0x000fffff, 0},
    {0xffe8, 0xffe8, 0x3b, 0x3b, 0x3b},
    {0x10080, 0x10080, UINT32_MAX, UINT32_MAX, 0},
    {0x10100, 0x10100, 0xffff, UINT32_MAX, UINT32_MAX},
    {0x10180, 0x10180, 0xffff, 0, 0},
    {0x10200, 0x10200, 0, UINT32_MAX, UINT32_MAX},
    {0x10280, 0x10280, 0, 0, 0},
    {0x10300, 0x10300, 0, UINT32_MAX, UINT32_MAX},
    {0x10380, 0x10380, 0, 0, 0},
    {0x10400, 0x1041c, 0, 0xf8f8f8f8, 0},
    {0x10c00, 0x10c00, 0xaaaaaaaa, 0xaaaaaaaa, 0xaaaaaaaa},
};

static struct run run_at(const struct run *runs, unsigned n, uint32_t off)
{
	for (unsigned i = 0; i < n; i++)
		if (off >= runs[i].from && off <= runs[i].to)
			return runs[i];
	/* IROUTER32-127: 24 bits of affinity in the low word. */
	if (runs == kvm_gicd && off >= 0x6100 && off < 0x6400)
		return (struct run){.ones = off & 4 ? 0 : 0xffffff};
	return (struct run){0};
}

static void sweep(struct box *b, uint64_t base, uint32_t size, const struct run *runs, unsigned n)
{
	for (uint32_t off = 0; off < size; off += 4) {
		uint32_t want = run_at(runs, n, off).reset, got = rd(b, base + off);

		if (got != want)
			fail_msg("reset of 0x%x is 0x%x, not 0x%x", off, got, want);
	}
	for (uint32_t off = 0; off < size; off += 4) {
		struct run r = run_at(runs, n, off);
		uint32_t ones, zeros;

		wr(b, base + off, UINT32_MAX);
		ones = rd(b, base + off);
		wr(b, base + off, 0);
		zeros = rd(b, base + off);
		if (ones != r.ones || zeros != r.zeros)
			fail_msg("0x%x: ones 0x%x, not 0x%x; zeros 0x%x, not 0x%x", off, ones,
				 r.ones, zeros, r.zeros);
	}
}

static void box_start_quiet(struct box *b)
{
	box_start(b, 2);
	wr(b, GICD + D_CTLR, 0);
}

static void test_guest_gicd(void **state)
{
	struct box b;

	box_start_quiet(&b);
	sweep(&b, GICD, 0x10000, kvm_gicd, AM_ARRAY_SIZE(kvm_gicd));
	box_end(&b);
}

/* On vCPU 1, and vCPU 0's banked registers are untouched by it. */
static void test_guest_gicr_banked(void **state)
{
	struct box b;

	box_start_quiet(&b);
	sweep(&b, GICR + GICR_SIZE, 0x20000, kvm_gicr, AM_ARRAY_SIZE(kvm_gicr));
	assert_int_equal(rd(&b, sgi_frame(0) + IGROUPR), UINT32_MAX);
	assert_int_equal(rd(&b, sgi_frame(0) + ISENABLER), 0xffff);
	assert_int_equal(rd(&b, sgi_frame(0) + ISPENDR), 0);
	assert_int_equal(rd(&b, sgi_frame(0) + ISACTIVER), 0);
	assert_int_equal(rd(&b, GICR + 0x78), 0x580);
	assert_int_equal(rd(&b, GICR + 0x70), 0x180); /* PROPBASER is one for all */
	box_end(&b);
}

/* As user space sees and writes them: write_userspace.txt. */
static void test_user_words(void **state)
{
	static const struct {
		uint32_t group, off, ones, zeros;
		int ones_err, zeros_err;
	} t[] = {
	    {1, 0x000, 0x52, 0x50, 0, 0},
	    {1, 0x004, 0x00480003, 0x00480003, 0, 0},
	    {1, 0x008, 0x4b00343b, 0x4b00343b, -EINVAL, -EINVAL},
	    {1, 0x00c, 0, 0, -EINVAL, 0},
	    {1, 0x010, UINT32_MAX, UINT32_MAX, 0, 0},
	    {1, 0x084, UINT32_MAX, 0, 0, 0},
	    {1, 0x104, UINT32_MAX, UINT32_MAX, 0, 0},
	    {1, 0x184, 0, 0, 0, 0},
	    {1, 0x204, UINT32_MAX, 0, 0, 0}, /* all 32 latches, zeros too */
	    {1, 0x284, 0, 0, 0, 0},
	    {1, 0x304, UINT32_MAX, UINT32_MAX, 0, 0},
	    {1, 0x384, 0, 0, 0, 0},
	    {1, 0x420, 0xf8f8f8f8, 0, 0, 0},
	    {1, 0xc08, 0xaaaaaaaa, 0, 0, 0},
	    {1, 0x6100, 0xffffff, 0, 0, 0},
	    {1, 0x6104, 0, 0, 0, 0},
	    {1, 0xffe8, 0x3b, 0x3b, 0, 0},
	    {5, 0x070, 0xffffff9f, 0x180, 0, 0},
	    {5, 0x078, 0xffff0f80, 0x180, 0, 0},
	    {5, 0x07c, 0x000fffff, 0, 0, 0},
	    {5, 0x10080, UINT32_MAX, 0, 0, 0},
	    {5, 0x10100, UINT32_MAX, UINT32_MAX, 0, 0},
	    {5, 0x10180, 0, 0, 0, 0},
	    {5, 0x10200, UINT32_MAX, 0, 0, 0},
	    {5, 0x10280, 0, 0, 0, 0},
	    {5, 0x10300, UINT32_MAX, UINT32_MAX, 0, 0},
	    {5, 0x10380, 0, 0, 0, 0},
	    {5, 0x10400, 0xf8f8f8f8, 0, 0, 0},
	    {5, 0x10c00, 0xaaaaaaaa, 0xaaaaaaaa, 0, 0},
	    /* No register: nothing, and no error. */
	    {1, 0x002, 0, 0, 0, 0},
	    {1, 0x10000, 0, 0, 0, 0},
	    {5, 0x20000, 0, 0, 0, 0},
	    {5, 0xfffffffc, 0, 0, 0, 0},
	};
	struct box b;

	box_start_quiet(&b);
	for (unsigned i = 0; i < AM_ARRAY_SIZE(t); i++) {
		uint64_t attr = t[i].off | (t[i].group == 5 ? UINT64_C(1) << 32 : 0), v = 7;

		assert_int_equal(am_gic_set_attr(b.gic, t[i].group, attr, UINT32_MAX),
				 t[i].ones_err);
		assert_int_equal(am_gic_get_attr(b.gic, t[i].group, attr, &v), 0);
		if (v != t[i].ones)
			fail_msg("group %u 0x%x: 0x%x", t[i].group, t[i].off, (unsigned)v);
		assert_int_equal(am_gic_set_attr(b.gic, t[i].group, attr, 0), t[i].zeros_err);
		assert_int_equal(am_gic_get_attr(b.gic, t[i].group, attr, &v), 0);
		if (v != t[i].zeros)
			fail_msg("group %u 0x%x: 0x%x", t[i].group, t[i].off, (unsigned)v);
	}
	box_end(&b);
}

static void test_halves(void **state)
{
	uint64_t pend = GICR + GICR_SIZE + 0x78;
	struct box b;

	box_start_quiet(&b);
	box_write(&b, pend, 8, UINT64_C(0x0000123456780780));
	assert_true(box_read(&b, pend, 8) == UINT64_C(0x0000123456780780));
	wr(&b, pend + 4, 0x4321);
	assert_true(box_read(&b, pend, 8) == UINT64_C(0x0000432156780780));
	wr(&b, pend, 0xabcd0780);
	assert_true(box_read(&b, pend, 8) == UINT64_C(0x00004321abcd0780));
	assert_int_equal(rd(&b, pend), 0xabcd0780);
	assert_int_equal(rd(&b, pend + 4), 0x4321);
	/* Outer shareable, non-cacheable, and an outer cacheability of its own are not emulated. */
	box_write(&b, pend, 8, UINT64_C(7) << 56 | 2 << 10 | 1 << 7);
	assert_true(box_read(&b, pend, 8) == (1 << 10 | 3 << 7));
	/* A half of an IROUTER. */
	box_write(&b, GICD + IROUTER + 8 * 33, 8, UINT64_MAX);
	assert_true(box_read(&b, GICD + IROUTER + 8 * 33, 8) == 0xffffff);
	wr(&b, GICD + IROUTER + 8 * 33 + 4, UINT32_MAX);
	assert_true(box_read(&b, GICD + IROUTER + 8 * 33, 8) == 0xffffff);
	wr(&b, GICD + IROUTER + 8 * 33, 1);
	assert_true(box_read(&b, GICD + IROUTER + 8 * 33, 8) == 1);
	box_end(&b);
}

/* Any access anywhere is answered. */
static void test_any_access(void **state)
{
	uint64_t x = 88172645463325252u;
	struct box b;

	box_start(&b, 2);
	for (unsigned i = 0; i < 200000; i++) {
		unsigned len;
		uint64_t ipa;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		len = 1u << (x >> 60 & 3);
		ipa = x & 1 ? GICD + (x >> 8 & 0xffff) : GICR + (x >> 8 & 0x3ffff);
		if (x & 2) {
			uint64_t v;

			am_bus_read(b.bus, 0, ipa, len, &v);
		} else {
			am_bus_write(b.bus, 0, ipa, len, x * 0x9e3779b97f4a7c15u);
		}
	}
	for (unsigned sysreg = 0; sysreg < 0x10000; sysreg++) {
		uint64_t v;

		am_gic_icc_write(b.gic, 1, sysreg, UINT64_MAX);
		am_gic_icc_read(b.gic, 1, sysreg, &v);
	}
	box_end(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_checker),
	    cmocka_unit_test(test_tables),
	    cmocka_unit_test(test_icc_rows),
	    cmocka_unit_test(test_guest_gicd),
	    cmocka_unit_test(test_guest_gicr_banked),
	    cmocka_unit_test(test_user_words),
	    cmocka_unit_test(test_halves),
	    cmocka_unit_test(test_any_access),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
