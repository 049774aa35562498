/* SPDX-License-Identifier: MIT */
/* Addresses: nothing overlaps, everything is in RAM, alignments are those the kernel wants. */
#include "cm.h"

#include "vmm/layout.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

static void places(void **state)
{
	static const uint64_t rams[] = {16 * MIB, 64 * MIB, 256 * MIB, 4 * GIB, 1023 * GIB};
	static const uint64_t offsets[] = {0, 0x1000, 0x80000, 2 * MIB};
	static const uint64_t sizes[] = {64,	   MIB,	     2 * MIB, 2 * MIB + 1,
					 15 * MIB, 33 * MIB, 5 * GIB};

	for (unsigned r = 0; r < 5; r++) {
		for (unsigned o = 0; o < 4; o++) {
			for (unsigned s = 0; s < 7; s++) {
				struct layout l;
				uint64_t need = layout_place(&l, rams[r], offsets[o], sizes[s]);

				if (need) {
					assert_true(need > rams[r]);
					/* And that much is enough. */
					assert_int_equal(
					    layout_place(&l, need, offsets[o], sizes[s]), 0);
					assert_int_equal(l.initrd_room, 0);
					continue;
				}
				assert_true(l.kernel == LAYOUT_RAM + offsets[o]);
				assert_true(l.kernel + l.kernel_room == LAYOUT_RAM + rams[r]);
				assert_true(l.kernel + sizes[s] <= l.dtb);
				assert_int_equal(l.dtb % LAYOUT_DTB_MAX, 0);
				assert_true(l.dtb + LAYOUT_DTB_MAX <= l.initrd);
				assert_true(l.initrd <= LAYOUT_RAM + rams[r]);
				assert_true(l.initrd + l.initrd_room == LAYOUT_RAM + rams[r]);
			}
		}
	}
}

static void absurd_sizes(void **state)
{
	struct layout l;

	assert_true(layout_place(&l, GIB, 0, UINT64_MAX) == UINT64_MAX);
	assert_true(layout_place(&l, GIB, UINT64_MAX, UINT64_MAX) == UINT64_MAX);
	assert_true(layout_place(&l, GIB, UINT64_MAX & ~UINT64_C(0xfff), 64) == UINT64_MAX);
	assert_true(layout_place(&l, GIB, 0, UINT64_C(1) << 40) == UINT64_MAX);
}

static void redistributors(void **state)
{
	struct layout_gicr r[2];

	assert_int_equal(LAYOUT_GICR_LOW_MAX, 123);
	assert_int_equal(layout_redistributors(1, GIB, r), 1);
	assert_int_equal(r[0].count, 1);
	assert_int_equal(layout_redistributors(123, GIB, r), 1);
	assert_int_equal(r[0].count, 123);
	assert_int_equal(layout_redistributors(124, GIB, r), 2);
	assert_int_equal(r[1].count, 1);
	assert_true(r[1].base == LAYOUT_GICR_HIGH);
	/* Above RAM when that reaches beyond 256 GiB. */
	assert_int_equal(layout_redistributors(512, 300 * GIB, r), 2);
	assert_int_equal(r[1].count, 389);
	assert_true(r[1].base == 301 * GIB);
	assert_int_equal(layout_redistributors(512, 1022 * GIB, r), 2);
	assert_int_equal(layout_redistributors(512, 1023 * GIB, r), 0);
	assert_int_equal(layout_redistributors(123, 1023 * GIB, r), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(places),
	    cmocka_unit_test(absurd_sizes),
	    cmocka_unit_test(redistributors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
