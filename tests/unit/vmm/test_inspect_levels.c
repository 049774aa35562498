/* SPDX-License-Identifier: MIT */
/*
 * The walk over the ITS's saved tables where the device table has two levels: pages of devices, of
 * which KVM reads one after the other, and what may be wrong with them.
 */
#include "test_inspect_image.h"

#include <errno.h>

static void two_levels(struct image *m)
{
	m->walk.devices = BASER_DEVICES | INDIRECT | DEVT;
	for (unsigned i = 0; i < 64; i++)
		image_set(m, DEV(i), 0);
	image_set(m, DEV(0), V63 | L2(0));
	image_set(m, DEV(2), V63 | L2(1));
	image_set(m, L2(0), dte(ITT(0), 5, 8191));
	image_set(m, L2(0) + 8 * 8191, dte(ITT(9), 4, 8193));
	image_set(m, L2(1), dte(ITT(10), 1, 0));
}

static void two_level_table(void **state)
{
	struct image *m = *state;
	const struct its_entry *e;

	two_levels(m);
	image_walk(m);
	assert_int_equal(m->nr_issues, 0);
	assert_int_equal(m->result.devices, 3);
	e = image_entry(m, ITS_ENTRY_LEVEL1, DEV(2));
	assert_non_null(e);
	assert_int_equal(e->u.level1.first_id, 16384);
	assert_int_equal(e->u.level1.page, L2(1));
	e = image_entry(m, ITS_ENTRY_DEVICE, L2(1));
	assert_non_null(e);
	assert_int_equal(e->u.device.id, 16384);
	assert_int_equal(m->extent[1].kind, ITS_EXTENT_LEVEL1);
	assert_int_equal(m->extent[2].kind, ITS_EXTENT_LEVEL2);
	assert_int_equal(m->extent[2].size, 0x10000);
}

/* The page that has the last device ends the walk: what is behind it is not read. */
static void two_level_last(void **state)
{
	struct image *m = *state;

	two_levels(m);
	image_set(m, L2(0) + 8 * 8191, dte(ITT(9), 4, 0));
	image_set(m, DEV(3), V63 | NOWHERE);
	image_walk(m);
	assert_int_equal(m->nr_issues, 0);
	assert_int_equal(m->result.devices, 2);
}

static void level2_outside(void **state)
{
	struct image *m = *state;

	two_levels(m);
	image_set(m, DEV(1), V63 | NOWHERE);
	image_finds(m, ITS_ISSUE_LEVEL2_OUTSIDE, -EFAULT, NOWHERE, NOWHERE);
	assert_int_equal(m->result.devices, 3); /* the walk went on */
}

static void level1_reserved(void **state)
{
	struct image *m = *state;
	uint64_t entry = V63 | L2(0) | UINT64_C(1) << 52 | 1;

	two_levels(m);
	image_set(m, DEV(0), entry);
	image_finds(m, ITS_ISSUE_RESERVED_BITS, 0, DEV(0), entry);
	/* What is not valid is the guest's own matter. */
	image_set(m, DEV(0), V63 | L2(0));
	image_set(m, DEV(1), 0x77);
	image_walk(m);
	assert_int_equal(m->nr_issues, 0);
}

static void device_id_level1(void **state)
{
	struct image *m = *state;

	two_levels(m);
	image_set(m, L2(1), dte(ITT(10), 1, 0x3fff));
	/* Pages for such DeviceIDs do no harm while they are empty, wherever they are. */
	image_set(m, DEV(8), V63 | L2(2));
	image_set(m, DEV(9), V63 | L2(2));
	image_walk(m);
	assert_int_equal(m->nr_issues, 0);
	image_set(m, L2(2) + 8, dte(ITT(11), 1, 0));
	image_finds(m, ITS_ISSUE_DEVICE_ID, -EINVAL, L2(2) + 8, 65537);
}

static void level2_twice(void **state)
{
	struct image *m = *state;

	two_levels(m);
	image_set(m, DEV(4), V63 | L2(1));
	image_set(m, L2(1), dte(ITT(10), 1, 0x3fff));
	image_walk(m);
	/* The page, and so the ITT of its device. */
	assert_int_equal(m->nr_issues, 2);
	assert_int_equal(m->issue[0].kind, ITS_ISSUE_OVERLAP);
	assert_int_equal(m->issue[1].table, ITS_EXTENT_LEVEL2);
	assert_int_equal(m->issue[1].other.id, 16384);
	assert_int_equal(m->issue[1].gpa, L2(1));
}

static void chain_into_no_page(void **state)
{
	struct image *m = *state;

	two_levels(m);
	image_set(m, L2(0) + 8 * 8191, dte(ITT(9), 4, 4));
	image_finds(m, ITS_ISSUE_DEVICE_CHAIN_DANGLING, 0, L2(0) + 8 * 8191, 8195);
	image_of_device(m, 8191, ITS_NO_ID);
	assert_int_equal(m->result.devices, 3);
	/* Or no page follows at all. */
	image_set(m, DEV(2), 0);
	image_finds(m, ITS_ISSUE_DEVICE_CHAIN_DANGLING, 0, L2(0) + 8 * 8191, 8195);
}

static void device_chain_stray(void **state)
{
	struct image *m = *state;

	two_levels(m);
	/* From the first page to the third; the second, which has no place in it, has a device. */
	image_set(m, DEV(1), V63 | L2(2));
	image_set(m, L2(2) + 8 * 5, dte(ITT(11), 1, 8187));
	image_finds(m, ITS_ISSUE_DEVICE_CHAIN_STRAY, 0, L2(2) + 8 * 5, 8191);
	image_of_device(m, 8197, ITS_NO_ID);
	assert_int_equal(m->result.devices, 4);
}

#define T(name) cmocka_unit_test_setup_teardown(name, image_setup, image_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(two_level_table),	 T(two_level_last), T(level2_outside),	   T(level1_reserved),
	    T(device_id_level1), T(level2_twice),   T(chain_into_no_page), T(device_chain_stray),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
