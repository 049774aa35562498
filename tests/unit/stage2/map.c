/* SPDX-License-Identifier: MIT */
/* Single changes whose outcome can be said by hand: errors, blocks, encodings, faults, order. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "arena.h"

#define KIB UINT64_C(1024)
#define MIB (KIB * KIB)
#define GIB (MIB * KIB)
#define TIB (GIB * KIB)

#define MEMORY UINT64_C(0x7f0000000000) /* for tables */

static struct arena arena;
static struct am_s2 s2;

static void init_with(const struct am_s2_config *c, bool tlbi)
{
	arena_init(&arena, c->granule, 512, MEMORY);
	assert_int_equal(arena_s2_init(&arena, &s2, c, tlbi), 0);
}

/* 4 KiB, 40 bits. */
static void init(uint32_t flags, bool tlbi)
{
	const struct am_s2_config c = {
	    .ipa_bits = 40, .granule = 12, .oa_bits = 48, .flags = flags};

	init_with(&c, tlbi);
}

static void done(void)
{
	am_s2_finish(&s2);
	if (arena.error)
		fail_msg("%s", arena.error);
	assert_int_equal(arena.live, 0);
	arena_finish(&arena);
}

static int map(uint64_t ipa, uint64_t size, uint64_t oa)
{
	return am_s2_map(&s2, ipa, size, oa, AM_S2_RWX, AM_S2_NORMAL_WB);
}

static struct am_s2_result walk(uint64_t ipa)
{
	struct am_s2_result r;

	assert_true(am_s2_walk(&s2, ipa, &r));
	return r;
}

/* ---- Errors ---- */

static void test_errors(void **unused)
{
	uint64_t end = UINT64_C(1) << 40, oa_end = UINT64_C(1) << 48, pages;
	bool flag = true;

	init(0, false);
	pages = s2.nr_tables;
	assert_int_equal(map(0, 0, 0), -EINVAL);
	assert_int_equal(map(1, 4096, 0), -EINVAL);
	assert_int_equal(map(0, 4095, 0), -EINVAL);
	assert_int_equal(map(0, 4096, 2048), -EINVAL);
	assert_int_equal(map(end, 4096, 0), -EINVAL);
	assert_int_equal(map(end - 4096, 8192, 0), -EINVAL);
	assert_int_equal(map(8192, -UINT64_C(4096), 0), -EINVAL);
	assert_int_equal(map(0, 8192, oa_end - 4096), -EINVAL);
	assert_int_equal(map(0, 4096, oa_end), -EINVAL);
	assert_int_equal(map(0, 8192, -UINT64_C(4096)), -EINVAL);
	assert_int_equal(am_s2_map(&s2, 0, 4096, 0, 16, AM_S2_NORMAL_WB), -EINVAL);
	assert_int_equal(am_s2_map(&s2, 0, 4096, 0, AM_S2_X_EL1, AM_S2_NORMAL_WB), -EINVAL);
	assert_int_equal(am_s2_map(&s2, 0, 4096, 0, AM_S2_R, (enum am_s2_memory)8), -EINVAL);
	assert_int_equal(am_s2_map(&s2, 0, 4096, 0, AM_S2_RWX, AM_S2_DEVICE_nGnRE), -EINVAL);
	assert_int_equal(am_s2_unmap(&s2, 0, 0), -EINVAL);
	assert_int_equal(am_s2_unmap(&s2, end - 4096, 8192), -EINVAL);
	assert_int_equal(am_s2_protect(&s2, 1, 4096, AM_S2_W, 0, &flag), -EINVAL);
	assert_false(flag);
	assert_int_equal(am_s2_protect(&s2, 0, 4096, AM_S2_X_EL0, 0, NULL), -EINVAL);
	assert_int_equal(am_s2_protect(&s2, 0, 4096, 0, 32, NULL), -EINVAL);
	flag = true;
	assert_int_equal(am_s2_age(&s2, 0, end + 4096, &flag), -EINVAL);
	assert_false(flag);
	assert_int_equal(am_s2_mkyoung(&s2, 0), -ENOENT);
	assert_int_equal(am_s2_mkyoung(&s2, end), -EINVAL);
	assert_int_equal(am_s2_split(&s2, 0, 4096, 13), -EINVAL);
	assert_int_equal(am_s2_split(&s2, 0, 4096, 39), -EINVAL);
	assert_int_equal(am_s2_split(&s2, 0, 4096, 30), 0);
	assert_int_equal(am_s2_collapse(&s2, 4096, 0), -EINVAL);
	assert_int_equal(am_s2_for_each(&s2, 0, 1, NULL, NULL), -EINVAL);
	assert_int_equal(s2.nr_tables, pages);
	assert_int_equal(map(end - 4096, 4096, oa_end - 4096), 0);
	done();

	init(AM_S2_FWB, false);
	assert_int_equal(am_s2_map(&s2, 0, 4096, 0, AM_S2_R, AM_S2_NORMAL_WT), -EINVAL);
	done();
}

static void test_no_memory(void **unused)
{
	init(0, false);
	/* Two tables for a page; then one for the second level of a neighbour. */
	for (int n = 0; n < 2; n++) {
		arena.fail_after = n;
		assert_int_equal(map(0, 4096, 0), -ENOMEM);
		assert_int_equal(arena.live, s2.root_tables);
		assert_false(walk(0).mapped);
	}
	arena.fail_after = 2;
	assert_int_equal(map(0, 4096, 0), 0);
	assert_int_equal(map(GIB, GIB, GIB), 0);
	assert_int_equal(arena.live, s2.root_tables + 2);
	/* A block cannot be cut: all of it stays. */
	assert_int_equal(am_s2_unmap(&s2, GIB + 4096, 4096), -ENOMEM);
	assert_int_equal(am_s2_protect(&s2, GIB + 4096, 4096, AM_S2_W, 0, NULL), -ENOMEM);
	assert_int_equal(am_s2_split(&s2, GIB, 4096, 12), -ENOMEM);
	assert_int_equal(walk(GIB + 4096).log2_size, 30);
	/* Whole, it needs none. */
	assert_int_equal(am_s2_protect(&s2, GIB, GIB, AM_S2_W, 0, NULL), 0);
	assert_int_equal(am_s2_unmap(&s2, GIB, GIB), 0);
	done();
}

/* ---- Blocks ---- */

static void test_block_sizes(void **unused)
{
	static const struct {
		struct am_s2_config c;
		uint64_t ipa, size, oa;
		unsigned log2[3]; /* at the start, in the middle, at the end */
	} rows[] = {
	    {{48, 12, 48, 0, 0}, 0, GIB, 0, {30, 30, 30}},
	    {{48, 12, 48, 0, 0}, 0, 512 * GIB, 0, {30, 30, 30}},
	    {{48, 12, 48, 0, AM_S2_LPA2}, 0, 512 * GIB, 0, {39, 39, 39}},
	    {{48, 12, 48, 30, AM_S2_LPA2}, 0, 512 * GIB, 0, {30, 30, 30}},
	    {{43, 12, 48, 0, AM_S2_LPA2}, 0, 512 * GIB, 0, {30, 30, 30}}, /* starts at 1 */
	    {{34, 12, 48, 0, 0}, 0, GIB, 0, {21, 21, 21}},		  /* starts at 2 */
	    {{48, 12, 48, 21, 0}, 0, GIB, 0, {21, 21, 21}},
	    {{48, 12, 48, 29, 0}, 0, GIB, 0, {21, 21, 21}},
	    {{48, 12, 48, 12, 0}, 0, 4 * MIB, 0, {12, 12, 12}},
	    {{48, 12, 48, 0, 0}, 0, GIB, 2 * MIB, {21, 21, 21}},
	    {{48, 12, 48, 0, 0}, 0, 4 * MIB, 4096, {12, 12, 12}},
	    {{48, 12, 48, 0, 0}, MIB, 4 * MIB, MIB, {12, 21, 12}},
	    {{48, 12, 48, 0, 0}, 2 * MIB, 2 * GIB, 2 * MIB, {21, 30, 21}},
	    {{48, 14, 48, 0, 0}, 0, 32 * MIB, 0, {25, 25, 25}},
	    {{47, 14, 48, 0, 0}, 0, 64 * GIB, 0, {25, 25, 25}},
	    {{47, 14, 48, 0, AM_S2_LPA2}, 0, 64 * GIB, 0, {36, 36, 36}},
	    {{52, 14, 52, 0, AM_S2_LPA2}, 0, 128 * TIB, 0, {36, 36, 36}},
	    {{48, 16, 48, 0, 0}, 0, 512 * MIB, 0, {29, 29, 29}},
	    {{48, 16, 48, 0, 0}, 0, 4 * TIB, 0, {29, 29, 29}},
	    {{48, 16, 52, 0, 0}, 0, 4 * TIB, 0, {42, 42, 42}},
	    {{52, 16, 52, 0, 0}, 0, 4096 * TIB, 0, {42, 42, 42}},
	    {{52, 12, 52, 0, AM_S2_LPA2}, 0, 4096 * TIB, 0, {39, 39, 39}},
	};

	for (unsigned n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
		uint64_t at[3] = {rows[n].ipa, rows[n].ipa + rows[n].size / 2,
				  rows[n].ipa + rows[n].size - 1};

		init_with(&rows[n].c, false);
		assert_int_equal(map(rows[n].ipa, rows[n].size, rows[n].oa), 0);
		for (unsigned k = 0; k < 3; k++) {
			struct am_s2_result r = walk(at[k]);
			struct oracle_result o;

			if (r.log2_size != rows[n].log2[k])
				fail_msg("row %u: 2^%u", n, r.log2_size);
			assert_int_equal(r.oa, at[k] - rows[n].ipa + rows[n].oa);
			oracle_walk(&arena.oracle, at[k], &o);
			assert_int_equal(o.fault, -1);
			assert_int_equal(o.oa, r.oa);
		}
		done();
	}
}

static void test_tables_come_and_go(void **unused)
{
	unsigned root;

	init(0, false);
	root = s2.root_tables;
	assert_int_equal(map(0, 4 * MIB, 4096), 0);
	assert_int_equal(arena.live, root + 3);
	assert_int_equal(am_s2_unmap(&s2, 0, 2 * MIB), 0);
	assert_int_equal(arena.live, root + 3); /* kept aside: somebody may be in it */
	am_s2_reap(&s2);
	assert_int_equal(arena.live, root + 2);
	assert_int_equal(am_s2_unmap(&s2, 2 * MIB, 2 * MIB - 4096), 0);
	am_s2_reap(&s2);
	assert_int_equal(arena.live, root + 2);
	assert_int_equal(am_s2_unmap(&s2, 4 * MIB - 4096, 4096), 0);
	am_s2_reap(&s2);
	assert_int_equal(arena.live, root);

	/* A block takes the place of what was there. */
	assert_int_equal(map(GIB, 8 * MIB, 4096), 0);
	assert_int_equal(arena.live, root + 5);
	assert_int_equal(map(GIB, GIB, GIB), 0);
	am_s2_reap(&s2);
	assert_int_equal(arena.live, root);
	done();
}

/* Would take a lifetime page by page. */
static void test_vast_and_empty(void **unused)
{
	const struct am_s2_config c = {
	    .ipa_bits = 52, .granule = 12, .oa_bits = 52, .flags = AM_S2_LPA2};
	uint64_t all = UINT64_C(1) << 52;
	bool flag;

	init_with(&c, true);
	assert_int_equal(map(all - 4096, 4096, 0), 0);
	for (int n = 0; n < 2; n++) {
		assert_int_equal(am_s2_protect(&s2, 0, all, AM_S2_W, 0, &flag), 0);
		assert_int_equal(flag, n == 0);
		assert_int_equal(am_s2_age(&s2, 0, all, &flag), 0);
		assert_int_equal(flag, n == 0);
		assert_int_equal(am_s2_split(&s2, 0, all, 12), 0);
		assert_int_equal(am_s2_collapse(&s2, 0, all), 0);
	}
	assert_int_equal(am_s2_unmap(&s2, 0, all), 0);
	assert_int_equal(am_s2_unmap(&s2, 0, all), 0);
	assert_int_equal(map(0, all, 0), 0);
	am_s2_reap(&s2);
	assert_int_equal(arena.live, 16);
	done();
}

/* ---- Descriptors ---- */

static uint64_t desc_of(unsigned prot, enum am_s2_memory memory)
{
	assert_int_equal(am_s2_map(&s2, 0, 4096, 0x12345000, prot, memory), 0);
	assert_int_equal(walk(0).prot, prot);
	return walk(0).desc;
}

static void test_descriptors(void **unused)
{
	static const uint8_t plain[] = {15, 10, 5, 0, 1, 2, 3, 15},
			     fwb[] = {6, 0, 5, 0, 1, 2, 3, 7};
	uint64_t xn1 = UINT64_C(1) << 54, xn0 = UINT64_C(1) << 53;

	init(0, false);
	assert_int_equal(desc_of(AM_S2_RWX, AM_S2_NORMAL_WB), 0x123457ff);
	assert_int_equal(desc_of(AM_S2_R | AM_S2_W, AM_S2_NORMAL_WB), 0x123457ff | xn1);
	assert_int_equal(desc_of(AM_S2_R, AM_S2_NORMAL_WB), 0x1234577f | xn1);
	assert_int_equal(desc_of(0, AM_S2_NORMAL_WB), 0x1234573f | xn1);
	for (unsigned m = 0; m <= AM_S2_STAGE1; m++) {
		assert_int_equal((desc_of(AM_S2_R, (enum am_s2_memory)m) >> 2) & 15, plain[m]);
		assert_int_equal(walk(0).memory, m == AM_S2_STAGE1 ? AM_S2_NORMAL_WB : m);
	}
	/* A block: bit 1 is clear. */
	assert_int_equal(map(GIB, 2 * MIB, 0x40000000), 0);
	assert_int_equal(walk(GIB).desc, 0x400007fd);
	done();

	init(AM_S2_XNX | AM_S2_FWB, false);
	assert_int_equal(desc_of(AM_S2_R | AM_S2_X, AM_S2_STAGE1), 0x1234575f);
	assert_int_equal(desc_of(AM_S2_R | AM_S2_X_EL0, AM_S2_STAGE1), 0x1234575f | xn0);
	assert_int_equal(desc_of(AM_S2_R, AM_S2_STAGE1), 0x1234575f | xn1);
	assert_int_equal(desc_of(AM_S2_R | AM_S2_X_EL1, AM_S2_STAGE1), 0x1234575f | xn1 | xn0);
	for (unsigned m = 0; m <= AM_S2_STAGE1; m++) {
		if (m == AM_S2_NORMAL_WT)
			continue;
		assert_int_equal((desc_of(AM_S2_R, (enum am_s2_memory)m) >> 2) & 15, fwb[m]);
		assert_int_equal(walk(0).memory, m);
	}
	done();
}

/* Where the bits above 47 are. */
static void test_wide_addresses(void **unused)
{
	struct am_s2_config c = {52, 12, 52, 0, AM_S2_LPA2};
	uint64_t oa = UINT64_C(0xdabcd12340000);

	init_with(&c, false);
	assert_int_equal(map(0, 4096, oa), 0);
	/* 51:50 = 3 in 9:8, 49:48 = 1 in place; no SH. */
	assert_int_equal(walk(0).desc, UINT64_C(0x1abcd123407ff));
	assert_int_equal(walk(0).oa, oa);
	done();

	c = (struct am_s2_config){52, 14, 52, 0, AM_S2_LPA2};
	init_with(&c, false);
	assert_int_equal(map(0, 16384, UINT64_C(0x9abcd12344000)), 0);
	assert_int_equal(walk(0).desc, UINT64_C(0x1abcd123446ff));
	done();

	c = (struct am_s2_config){52, 16, 52, 0, 0};
	init_with(&c, false);
	assert_int_equal(map(0, 65536, oa), 0);
	/* 51:48 in 15:12. */
	assert_int_equal(walk(0).desc, UINT64_C(0xabcd1234d7ff));
	assert_int_equal(walk(0).oa, oa);
	done();
}

/* ---- Break-before-make ---- */

static void expect_tlbi(uint64_t ipa, uint64_t size)
{
	assert_int_equal(arena.nr_tlbi, 1);
	assert_int_equal(arena.tlbi[0].ipa, ipa);
	assert_int_equal(arena.tlbi[0].size, size);
	arena.nr_tlbi = 0;
}

/* The arena's tlbi() checks that nothing is mapped at that moment. */
static void test_break_before_make(void **unused)
{
	init(0, true);
	assert_int_equal(map(0, 2 * MIB, 0), 0);
	assert_int_equal(map(GIB, 4096, 0), 0);
	assert_int_equal(map(GIB, 4096, 0), 0); /* the same */
	assert_int_equal(am_s2_protect(&s2, GIB, 4096, AM_S2_W, 0, NULL), 0);
	assert_int_equal(am_s2_map(&s2, GIB, 4096, 0, AM_S2_R, AM_S2_NORMAL_WB), 0);
	assert_int_equal(am_s2_protect(&s2, 0, 2 * MIB, AM_S2_W, 0, NULL), 0);
	assert_int_equal(am_s2_age(&s2, 0, 2 * MIB, NULL), 0);
	assert_int_equal(arena.nr_tlbi, 0);
	/* Another address; another type. */
	assert_int_equal(map(GIB, 4096, 4096), 0);
	expect_tlbi(GIB, 4096);
	assert_int_equal(am_s2_map(&s2, GIB, 4096, 4096, AM_S2_R, AM_S2_NORMAL_NC), 0);
	expect_tlbi(GIB, 4096);
	/* A block is cut, once, whatever happens inside; pages are joined. */
	assert_int_equal(am_s2_unmap(&s2, 8192, 4096), 0);
	expect_tlbi(0, 2 * MIB);
	assert_int_equal(am_s2_map(&s2, 8192, 4096, 8192, AM_S2_R | AM_S2_X, AM_S2_NORMAL_WB), 0);
	assert_int_equal(arena.nr_tlbi, 0);
	assert_int_equal(am_s2_collapse(&s2, 0, 4096), 0);
	expect_tlbi(0, 2 * MIB);
	assert_int_equal(walk(0).log2_size, 21);
	/* From 1 GiB down to a page: still once. */
	assert_int_equal(map(4 * GIB, GIB, 0), 0);
	assert_int_equal(map(4 * GIB, 4096, 4096), 0);
	expect_tlbi(4 * GIB, GIB);
	/* Unmapping is the caller's to announce. */
	assert_int_equal(am_s2_unmap(&s2, 4 * GIB, GIB), 0);
	assert_int_equal(arena.nr_tlbi, 0);
	done();
}

static void test_bbm_level_2(void **unused)
{
	init(AM_S2_BBM2, true);
	assert_int_equal(map(0, 2 * MIB, 0), 0);
	assert_int_equal(am_s2_split(&s2, 0, 4096, 12), 0);
	assert_int_equal(am_s2_collapse(&s2, 0, 4096), 0);
	assert_int_equal(am_s2_unmap(&s2, 8192, 4096), 0);
	assert_int_equal(map(8192, 4096, 8192), 0);
	assert_int_equal(map(0, 2 * MIB, 0), 0); /* pages become the block that they were */
	assert_int_equal(walk(0).log2_size, 21);
	assert_int_equal(arena.nr_tlbi, 0);
	/* Other than the size: only for what changes. */
	assert_int_equal(map(8192, 4096, 0), 0);
	expect_tlbi(8192, 4096);
	assert_int_equal(map(0, 2 * MIB, 0), 0);
	expect_tlbi(0, 2 * MIB);
	done();
}

/* ---- Looking ---- */

static int check(uint64_t ipa, unsigned prot)
{
	struct am_s2_result r;

	return am_s2_check(&s2, ipa, prot, &r);
}

static void test_faults(void **unused)
{
	struct am_s2_result r = {.level = 2};

	init(AM_S2_XNX, false);
	assert_false(am_s2_walk(&s2, UINT64_C(1) << 40, &r));
	assert_int_equal(r.level, 0);
	assert_false(am_s2_walk(&s2, UINT64_MAX, &r));
	assert_int_equal(check(UINT64_C(1) << 40, AM_S2_R), 0x04);
	assert_int_equal(check(0, AM_S2_R), 0x05); /* the walk starts at level 1 */
	assert_int_equal(am_s2_map(&s2, 0, 4096, 0, AM_S2_R | AM_S2_X_EL1, AM_S2_NORMAL_WB), 0);
	assert_int_equal(check(4096, AM_S2_R), 0x07);
	assert_int_equal(check(2 * MIB, AM_S2_R), 0x06);
	assert_int_equal(check(0, AM_S2_R), AM_S2_FAULT_NONE);
	assert_int_equal(check(0, AM_S2_X_EL1), AM_S2_FAULT_NONE);
	assert_int_equal(check(0, AM_S2_X_EL0), 0x0f);
	assert_int_equal(check(0, AM_S2_W), 0x0f);
	assert_int_equal(am_s2_map(&s2, 2 * MIB, 2 * MIB, 0, AM_S2_R, AM_S2_NORMAL_WB), 0);
	assert_int_equal(check(2 * MIB, AM_S2_W), 0x0e);
	/* The access flag comes before permissions. */
	assert_int_equal(am_s2_age(&s2, 0, 4096, NULL), 0);
	assert_int_equal(check(0, AM_S2_W), 0x0b);
	assert_int_equal(am_s2_mkyoung(&s2, 0), 0);
	assert_int_equal(check(0, AM_S2_W), 0x0f);
	done();
}

/* Something else wrote to the table: the address comes before everything else. */
static void test_address_size(void **unused)
{
	const struct am_s2_config c = {.ipa_bits = 32, .granule = 12, .oa_bits = 32};
	uint64_t *slot;

	arena_init(&arena, 12, 64, 0x40000000);
	assert_int_equal(arena_s2_init(&arena, &s2, &c, false), 0);
	assert_int_equal(map(0, 2 * MIB, 0), 0);
	slot = (uint64_t *)(arena.mem + (s2.root - arena.base));
	*slot |= UINT64_C(1) << 32;
	assert_int_equal(check(0, AM_S2_W), 0x02);
	done();
}

static void test_hardware_access_flag(void **unused)
{
	init(AM_S2_HA, false);
	assert_int_equal(map(0, 4096, 0), 0);
	assert_int_equal(am_s2_age(&s2, 0, 4096, NULL), 0);
	assert_false(walk(0).young);
	assert_int_equal(check(0, AM_S2_R), AM_S2_FAULT_NONE);
	done();
}

struct seen {
	unsigned nr, stop_at;
	uint64_t ipa[8];
	uint8_t log2[8];
};

static int see(void *opaque, uint64_t ipa, const struct am_s2_result *r)
{
	struct seen *s = opaque;

	s->ipa[s->nr] = ipa;
	s->log2[s->nr] = r->log2_size;
	assert_int_equal(r->oa, ipa);
	return ++s->nr == s->stop_at ? -7 : 0;
}

static void test_for_each(void **unused)
{
	static const uint64_t at[] = {4096, 2 * MIB, 4 * MIB, 4 * MIB + 8192, 3 * GIB};
	static const uint8_t log2[] = {12, 21, 12, 12, 30};
	struct seen s = {0};

	init(0, false);
	for (int n = 4; n >= 0; n--)
		assert_int_equal(map(at[n], UINT64_C(1) << log2[n], at[n]), 0);
	assert_int_equal(am_s2_for_each(&s2, 0, UINT64_C(1) << 40, see, &s), 0);
	assert_int_equal(s.nr, 5);
	assert_memory_equal(s.ipa, at, sizeof(at));
	assert_memory_equal(s.log2, log2, sizeof(log2));
	/* Blocks that the range only touches, and an early end. */
	memset(&s, 0, sizeof(s));
	assert_int_equal(am_s2_for_each(&s2, 3 * MIB, 4 * MIB, see, &s), 0);
	assert_int_equal(s.nr, 3);
	assert_int_equal(s.ipa[0], 2 * MIB);
	memset(&s, 0, sizeof(s));
	s.stop_at = 2;
	assert_int_equal(am_s2_for_each(&s2, 0, UINT64_C(1) << 40, see, &s), -7);
	assert_int_equal(s.nr, 2);
	done();
}

/* ---- Protection, age, size ---- */

static void test_protect(void **unused)
{
	bool changed = true;

	init(0, false);
	assert_int_equal(map(0, GIB, 0), 0);
	assert_int_equal(am_s2_protect(&s2, 0, UINT64_C(1) << 40, 0, AM_S2_W, &changed), 0);
	assert_false(changed);
	assert_int_equal(am_s2_protect(&s2, 0, GIB, AM_S2_W, 0, &changed), 0);
	assert_true(changed);
	assert_int_equal(walk(0).log2_size, 30);
	/* No change, no cut; a granted permission is no reason for a TLBI. */
	assert_int_equal(am_s2_protect(&s2, 4096, 4096, AM_S2_W, 0, &changed), 0);
	assert_false(changed);
	assert_int_equal(walk(0).log2_size, 30);
	assert_int_equal(am_s2_protect(&s2, 4096, 4096, 0, AM_S2_W, &changed), 0);
	assert_false(changed);
	assert_int_equal(walk(4096).log2_size, 12);
	assert_int_equal(walk(4096).prot, AM_S2_RWX);
	assert_int_equal(walk(8192).prot, AM_S2_R | AM_S2_X);
	assert_int_equal(walk(2 * MIB).log2_size, 21);
	/* Both at once: set comes last. */
	assert_int_equal(am_s2_protect(&s2, 4096, 4096, AM_S2_RWX, AM_S2_R, &changed), 0);
	assert_true(changed);
	assert_int_equal(walk(4096).prot, AM_S2_R);
	/* Device memory never gets execution. */
	assert_int_equal(am_s2_map(&s2, GIB, 4096, 0, AM_S2_R, AM_S2_DEVICE_nGnRE), 0);
	assert_int_equal(am_s2_protect(&s2, GIB, 4096, 0, AM_S2_RWX, &changed), 0);
	assert_int_equal(walk(GIB).prot, AM_S2_R | AM_S2_W);
	done();
}

static void test_age(void **unused)
{
	bool young;

	init(0, false);
	assert_int_equal(map(0, 2 * MIB, 0), 0);
	assert_int_equal(map(2 * MIB, 4096, 0), 0);
	/* A block counts as a whole, and is not cut. */
	assert_int_equal(am_s2_age(&s2, 4096, 4096, &young), 0);
	assert_true(young);
	assert_int_equal(walk(0).log2_size, 21);
	assert_int_equal(am_s2_age(&s2, 0, 2 * MIB, &young), 0);
	assert_false(young);
	assert_int_equal(am_s2_age(&s2, 0, 4 * MIB, &young), 0);
	assert_true(young);
	assert_int_equal(am_s2_mkyoung(&s2, 4097), 0);
	assert_true(walk(0).young);
	assert_int_equal(am_s2_mkyoung(&s2, 3 * MIB), -ENOENT);
	/* What is already so but old becomes young; a joined block is young if one page is. */
	assert_int_equal(am_s2_age(&s2, 0, 4 * MIB, NULL), 0);
	assert_int_equal(map(2 * MIB, 4096, 0), 0);
	assert_true(walk(2 * MIB).young);
	assert_int_equal(am_s2_split(&s2, 0, 4096, 12), 0);
	assert_false(walk(0).young);
	assert_int_equal(am_s2_mkyoung(&s2, 8192), 0);
	assert_int_equal(am_s2_collapse(&s2, 0, 4096), 0);
	assert_int_equal(walk(0).log2_size, 21);
	assert_true(walk(0).young);
	done();
}

static void test_split_and_collapse(void **unused)
{
	init(0, false);
	assert_int_equal(map(0, 2 * GIB, 0), 0);
	assert_int_equal(am_s2_split(&s2, 4096, 4096, 21), 0);
	assert_int_equal(walk(0).log2_size, 21);
	assert_int_equal(walk(GIB - 1).log2_size, 21);
	assert_int_equal(walk(GIB).log2_size, 30);
	assert_int_equal(am_s2_split(&s2, 4096, 4096, 12), 0);
	assert_int_equal(walk(2 * MIB - 1).log2_size, 12);
	assert_int_equal(walk(2 * MIB).log2_size, 21);
	/* One page that differs keeps the block from forming. */
	assert_int_equal(am_s2_protect(&s2, 0, 4096, AM_S2_W, 0, NULL), 0);
	assert_int_equal(am_s2_collapse(&s2, 0, 2 * GIB), 0);
	assert_int_equal(walk(0).log2_size, 12);
	assert_int_equal(am_s2_protect(&s2, 0, 4096, 0, AM_S2_W, NULL), 0);
	assert_int_equal(am_s2_collapse(&s2, GIB, GIB), 0); /* elsewhere */
	assert_int_equal(walk(0).log2_size, 12);
	assert_int_equal(am_s2_collapse(&s2, 8192, 4096), 0);
	assert_int_equal(walk(0).log2_size, 30);
	am_s2_reap(&s2);
	assert_int_equal(arena.live, s2.root_tables);
	/* Consecutive, but not a multiple of the block's size. */
	assert_int_equal(map(4 * GIB, 2 * MIB, 4096), 0);
	assert_int_equal(am_s2_collapse(&s2, 4 * GIB, 2 * MIB), 0);
	assert_int_equal(walk(4 * GIB).log2_size, 12);
	done();
}

/* ---- In the middle of something ---- */

static void collapse_hook(struct arena *a)
{
	assert_int_equal(am_s2_collapse(&s2, 0, 4096), 0);
}

/* The table that a walk has just reached becomes a block, and is kept aside. */
static void test_walk_beside_collapse(void **unused)
{
	struct am_s2_result r;
	uint64_t desc;
	unsigned log2;

	init(AM_S2_BBM2, false);
	assert_int_equal(map(GIB - 2 * MIB, 2 * MIB, 0), 0);
	assert_int_equal(map(0, 2 * MIB, 0), 0);
	assert_int_equal(am_s2_split(&s2, 0, 4096, 12), 0);
	arena.hook = collapse_hook;
	arena.hook_after = 2;
	assert_true(am_s2_walk(&s2, 0x123, &r));
	assert_null(arena.hook);
	assert_true(r.mapped);
	assert_int_equal(r.log2_size, 21);
	assert_int_equal(r.oa, 0x123);
	/* The quick look may miss it, no more. */
	assert_int_equal(am_s2_split(&s2, 0, 4096, 12), 0);
	arena.hook = collapse_hook;
	arena.hook_after = 2;
	assert_int_equal(am_s2_leaf(&s2, 0, &log2), 0);
	desc = am_s2_leaf(&s2, 0, &log2);
	assert_int_equal(log2, 21);
	assert_int_equal(desc, walk(0).desc);
	done();
}

static void unmap_hook(struct arena *a)
{
	assert_int_equal(am_s2_unmap(&s2, 0, GIB), 0);
}

/* ... or is kept aside with those below it: the chain is not taken for the way on. */
static void test_leaf_beside_unmap(void **unused)
{
	unsigned log2;
	uint64_t desc;

	init(0, false);
	assert_int_equal(map(0, 4 * MIB, 4096), 0);
	arena.hook = unmap_hook;
	arena.hook_after = 1;
	desc = am_s2_leaf(&s2, 5 * 4096, &log2);
	assert_null(arena.hook);
	assert_int_equal(desc, 0);
	assert_false(walk(5 * 4096).mapped);
	done();
}

/* Where the processor sees @hook_ipa. */
static uint64_t hook_ipa;

static void young_hook(struct arena *a)
{
	struct oracle_result o;

	oracle_walk(&a->oracle, hook_ipa, &o);
	assert_true(o.leaf);
	*(uint64_t *)(a->mem + (o.desc_pa - a->base)) |= AM_S2_DESC_AF;
}

/* A block is used for the first time while it is being cut. */
static void test_access_flag_beside_split(void **unused)
{
	init(AM_S2_BBM2 | AM_S2_HA, false);
	for (unsigned after = 1; after <= 3; after++) {
		assert_int_equal(map(GIB - 2 * MIB, 2 * MIB, 0), 0);
		assert_int_equal(map(0, 2 * MIB, 0), 0);
		assert_int_equal(am_s2_age(&s2, 0, 2 * MIB, NULL), 0);
		hook_ipa = 4096;
		arena.hook = young_hook;
		arena.hook_after = after;
		assert_int_equal(am_s2_split(&s2, 0, 4096, 12), 0);
		assert_null(arena.hook);
		assert_int_equal(walk(4096).log2_size, 12);
		assert_true(walk(4096).young);
	}
	done();
}

static uint64_t *hook_slot;

static void late_hook(struct arena *a)
{
	*hook_slot |= AM_S2_DESC_AF;
}

/* Pages become a block; the processor, not yet told, uses one. */
static void test_access_flag_beside_collapse(void **unused)
{
	struct oracle_result o;

	init(AM_S2_HA, true);
	assert_int_equal(map(0, 2 * MIB, 0), 0);
	assert_int_equal(am_s2_split(&s2, 0, 4096, 12), 0);
	assert_int_equal(am_s2_age(&s2, 0, 2 * MIB, NULL), 0);
	oracle_walk(&arena.oracle, 8192, &o);
	hook_slot = (uint64_t *)(arena.mem + (o.desc_pa - arena.base));
	arena.hook = late_hook;
	assert_int_equal(am_s2_collapse(&s2, 0, 4096), 0);
	assert_null(arena.hook);
	assert_int_equal(walk(8192).log2_size, 21);
	assert_true(walk(8192).young);
	done();
}

/* A table at address 0, and the chain of those that are kept aside. */
static void test_table_at_zero(void **unused)
{
	const struct am_s2_config c = {.ipa_bits = 36, .granule = 12, .oa_bits = 48};

	arena_init(&arena, 12, 64, MEMORY);
	arena.base = 0;
	arena.hint = 1;
	assert_int_equal(arena_s2_init(&arena, &s2, &c, false), 0);
	arena.hint = 0;
	assert_int_equal(map(0, 4096, 0), 0);
	assert_int_equal(am_s2_unmap(&s2, 0, 4096), 0);
	assert_int_equal(arena.live, 3);
	am_s2_reap(&s2);
	assert_int_equal(arena.live, 1);
	done();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_errors),
	    cmocka_unit_test(test_no_memory),
	    cmocka_unit_test(test_block_sizes),
	    cmocka_unit_test(test_tables_come_and_go),
	    cmocka_unit_test(test_vast_and_empty),
	    cmocka_unit_test(test_descriptors),
	    cmocka_unit_test(test_wide_addresses),
	    cmocka_unit_test(test_break_before_make),
	    cmocka_unit_test(test_bbm_level_2),
	    cmocka_unit_test(test_faults),
	    cmocka_unit_test(test_address_size),
	    cmocka_unit_test(test_hardware_access_flag),
	    cmocka_unit_test(test_for_each),
	    cmocka_unit_test(test_protect),
	    cmocka_unit_test(test_age),
	    cmocka_unit_test(test_split_and_collapse),
	    cmocka_unit_test(test_walk_beside_collapse),
	    cmocka_unit_test(test_leaf_beside_unmap),
	    cmocka_unit_test(test_access_flag_beside_split),
	    cmocka_unit_test(test_access_flag_beside_collapse),
	    cmocka_unit_test(test_table_at_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
