/* SPDX-License-Identifier: MIT */
/*
 * Walks beside changes, for the thread sanitizer and for what they find. One thread changes the
 * address space; two walk it, and set access flags as a processor does. Tables that were kept aside
 * are freed only while nobody walks.
 *
 * Two regions. In the first, sizes, permissions and access flags change, but what is mapped where
 * does not: a walk must always find it. In the second anything goes: a walk finds one of the
 * mappings that were made there, or none.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arena.h"

#define MIB	(UINT64_C(1) << 20)
#define FIXED	(UINT64_C(64) * MIB) /* the first region ends here, the second begins */
#define END	(UINT64_C(80) * MIB)
#define MOVE	(UINT64_C(1) << 40)
#define WALKERS 2

static struct arena arena;
static struct am_s2 s2;
static pthread_rwlock_t inside;
static atomic_bool stop;
static atomic_uint wrong, found, nothing;

static uint64_t rnd(uint64_t *state, uint64_t below)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (*state >> 33) % below;
}

static bool oa_ok(uint64_t ipa, uint64_t oa)
{
	uint64_t moved = oa - ipa;

	return ipa < FIXED ? moved == 0 : !(moved % MOVE) && moved < 4 * MOVE;
}

static void look(uint64_t ipa, uint64_t *state)
{
	struct am_s2_result r;
	unsigned log2 = 0;
	uint64_t desc;
	bool there = am_s2_walk(&s2, ipa, &r) && r.mapped;

	if (there ? !oa_ok(ipa, r.oa) || !(r.prot & AM_S2_R) : ipa < FIXED)
		atomic_fetch_add(&wrong, 1);
	atomic_fetch_add_explicit(there ? &found : &nothing, 1, memory_order_relaxed);
	desc = am_s2_leaf(&s2, ipa, &log2);
	if (desc &&
	    !oa_ok(ipa, am_s2_leaf_oa(&s2, desc, log2) | (ipa & ((UINT64_C(1) << log2) - 1))))
		atomic_fetch_add(&wrong, 1);
	if (am_s2_check(&s2, ipa, AM_S2_R, &r) == 0x0f)
		atomic_fetch_add(&wrong, 1);
	/* A processor, with hardware management of the access flag. */
	if (rnd(state, 4) == 0) {
		struct oracle_result o;

		oracle_walk(&arena.oracle, ipa, &o);
		if (o.leaf && !o.af) {
			uint64_t d = o.desc;
			void *slot = arena.mem + (o.desc_pa - arena.base);

			atomic_compare_exchange_strong((_Atomic(uint64_t) *)slot, &d, d | 1 << 10);
		}
	}
}

static void *walker(void *opaque)
{
	uint64_t state = (uintptr_t)opaque;

	while (!atomic_load(&stop)) {
		pthread_rwlock_rdlock(&inside);
		for (int n = 0; n < 50; n++) {
			uint64_t ipa = rnd(&state, END >> 3) << 3;

			/* The first word of a table is where it may be kept aside. */
			look(n % 2 ? ipa : ipa & ~(2 * MIB - 1), &state);
		}
		pthread_rwlock_unlock(&inside);
	}
	return NULL;
}

static int change_fixed(uint64_t *state)
{
	uint64_t ipa = rnd(state, FIXED >> 12) << 12, size = (1 + rnd(state, 1024)) << 12;

	if (size > FIXED - ipa)
		size = FIXED - ipa;
	switch (rnd(state, 6)) {
	case 0:
		return am_s2_protect(&s2, ipa, size, AM_S2_W, 0, NULL);
	case 1:
		return am_s2_protect(&s2, 0, FIXED, 0, AM_S2_W, NULL);
	case 2:
		return am_s2_split(&s2, ipa, size, 12);
	case 3:
		return am_s2_age(&s2, ipa, size, NULL);
	case 4:
		return am_s2_map(&s2, 0, FIXED, 0, AM_S2_RWX, AM_S2_NORMAL_WB);
	default:
		return am_s2_collapse(&s2, 0, FIXED);
	}
}

static int change_any(uint64_t *state)
{
	uint64_t ipa = FIXED + (rnd(state, (END - FIXED) >> 12) << 12);
	uint64_t size = (1 + rnd(state, 1024)) << 12;

	if (size > END - ipa)
		size = END - ipa;
	switch (rnd(state, 4)) {
	case 0:
		return am_s2_unmap(&s2, ipa, size);
	case 1:
		return am_s2_unmap(&s2, FIXED, END - FIXED);
	case 2:
		ipa = FIXED;
		size = END - FIXED;
		/* fall through */
	default:
		return am_s2_map(&s2, ipa, size, ipa + rnd(state, 4) * MOVE, AM_S2_RWX,
				 AM_S2_NORMAL_WB);
	}
}

static void test_walks_beside_changes(void **unused)
{
	const struct am_s2_config c = {
	    .ipa_bits = 40, .granule = 12, .oa_bits = 48, .flags = AM_S2_BBM2 | AM_S2_HA};
	const unsigned changes = 15000;
	pthread_rwlockattr_t attr;
	pthread_t threads[WALKERS];
	uint64_t state = 42;
	int err = 0;

	/* Who changes comes before who walks, or would never get in. */
	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&inside, &attr);
	/* Room for many tables: they are freed only now and then. */
	arena_init(&arena, 12, 16384, UINT64_C(0x7f0000000000));
	assert_int_equal(arena_s2_init(&arena, &s2, &c, false), 0);
	assert_int_equal(am_s2_map(&s2, 0, FIXED, 0, AM_S2_RWX, AM_S2_NORMAL_WB), 0);
	for (uintptr_t n = 0; n < WALKERS; n++)
		assert_int_equal(pthread_create(&threads[n], NULL, walker, (void *)(n + 1)), 0);
	for (unsigned n = 0; n < changes && !err; n++) {
		err = rnd(&state, 2) ? change_fixed(&state) : change_any(&state);
		if (n % 64 == 0) {
			pthread_rwlock_wrlock(&inside);
			am_s2_reap(&s2);
			pthread_rwlock_unlock(&inside);
		}
	}
	atomic_store(&stop, true);
	for (unsigned n = 0; n < WALKERS; n++)
		pthread_join(threads[n], NULL);
	assert_int_equal(err, 0);
	assert_int_equal(wrong, 0);
	assert_true(found > 100);
	assert_true(nothing > 0);
	print_message("%u walks found a mapping, %u found none\n", found, nothing);
	am_s2_finish(&s2);
	if (arena.error)
		fail_msg("%s", arena.error);
	assert_int_equal(arena.live, 0);
	arena_finish(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_walks_beside_changes)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
