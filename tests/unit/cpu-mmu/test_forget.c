/* SPDX-License-Identifier: MIT */
/* Unmapping, write protection and TLB maintenance drop what they name, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "cpu/run.h"
#include "space.h"

static struct space *s;

static int begin(void **state)
{
	s = space_create(1, 0);
	for (unsigned n = 8; n < 40; n++)
		space_touch(s, ADDR(n), true);
	return 0;
}

static int end(void **state)
{
	space_destroy(s);
	return 0;
}

/* Pages [first, last] of 8 to 39 do not answer, all others do. */
static void check_dropped(unsigned first, unsigned last, bool write)
{
	for (unsigned n = 8; n < 40; n++) {
		if (space_hit(s, ADDR(n), write) != (n < first || n > last))
			fail_msg("page %u: hit %d", n, space_hit(s, ADDR(n), write));
	}
}

static void serve(void)
{
	cpu_serve_requests(s->cpu[0]);
}

static void unmap_is_exact(void **state)
{
	cpu_cluster_unmap(s->cluster, ADDR(12), 3 * PAGE);
	check_dropped(40, 40, false); /* the vCPU is outside: it happens before it runs */
	serve();
	check_dropped(12, 14, false);
	check_dropped(12, 14, true);
	/* A byte of a page is the page. */
	cpu_cluster_unmap(s->cluster, ADDR(11) + 4095, 1);
	cpu_cluster_unmap(s->cluster, ADDR(15), 1);
	cpu_cluster_unmap(s->cluster, ADDR(20), 0);
	serve();
	check_dropped(11, 15, false);
}

static void unmap_finds_aliases(void **state)
{
	struct cpu *c = s->cpu[0];
	uint64_t block = BLOCKS_VA + 0x200000 + 20 * PAGE;
	struct cpu_xlat x;

	space_map(s, 100, ADDR(20), 0);
	space_map(s, 101, ADDR(20), AM_BIT(6));
	space_touch(s, ADDR(100), true);
	space_touch(s, block, true);
	space_touch(s, block + PAGE, true);
	/* In EL0's bank, too. */
	assert_true(cpu_translate(c, ADDR(101), CPU_READ, true, &x));
	assert_non_null(cpu_tlb_read(c->tlb_user, ADDR(101), 8));
	cpu_cluster_unmap(s->cluster, ADDR(20), PAGE);
	serve();
	assert_false(space_hit(s, ADDR(20), false));
	assert_false(space_hit(s, ADDR(100), false));
	assert_false(space_hit(s, block, false));
	assert_true(space_hit(s, block + PAGE, false));
	assert_true(space_hit(s, ADDR(19), true));
	assert_null(cpu_tlb_read(c->tlb_user, ADDR(101), 8));
}

static void protect_leaves_reading(void **state)
{
	unsigned asked;

	cpu_cluster_write_protect(s->cluster, ADDR(30), 2 * PAGE);
	serve();
	check_dropped(30, 31, true);
	check_dropped(40, 40, false);
	/* A store asks again. */
	asked = atomic_load(&s->asked[30]);
	space_touch(s, ADDR(30), true);
	assert_int_equal(atomic_load(&s->asked[30]), asked + 1);
	assert_true(space_hit(s, ADDR(30), true));
	atomic_store(&s->read_only[31], true);
	space_touch(s, ADDR(31), true);
	assert_true(space_hit(s, ADDR(31), false));
	assert_false(space_hit(s, ADDR(31), true));
}

static void everything(void **state)
{
	cpu_cluster_write_protect(s->cluster, 0, UINT64_MAX);
	serve();
	check_dropped(8, 39, true);
	check_dropped(40, 40, false);
	cpu_cluster_unmap(s->cluster, ADDR(16), UINT64_MAX);
	serve();
	check_dropped(16, 39, false);
	cpu_cluster_unmap(s->cluster, 0, UINT64_MAX);
	serve();
	check_dropped(8, 39, false);
}

/* More ranges than a mailbox holds: dropping more is right, dropping less is not. */
static void overflow(void **state)
{
	struct cpu_xlat x;
	struct cpu_code *old = cpu_fetch_page(s->cpu[0], ADDR(200), &x);

	assert_non_null(old);
	for (unsigned n = 0; n < 100; n++) {
		cpu_cluster_unmap(s->cluster, ADDR(2 * n), PAGE);
		cpu_cluster_write_protect(s->cluster, ADDR(2 * n + 1), PAGE);
	}
	atomic_store(&s->host[200], space_host(s, 200, 1));
	cpu_cluster_unmap(s->cluster, ADDR(200), PAGE);
	serve();
	for (unsigned n = 8; n < 40; n++) {
		assert_false(space_hit(s, ADDR(n), true));
		assert_true(n % 2 || !space_hit(s, ADDR(n), false));
	}
	assert_ptr_equal(cpu_fetch_page(s->cpu[0], ADDR(200), &x)->host, space_host(s, 200, 1));
}

static void adjacent_ranges_are_one(void **state)
{
	for (unsigned n = 0; n < 2 * CPU_REQUESTS; n++)
		cpu_cluster_unmap(s->cluster, ADDR(12 + n % 8), PAGE);
	for (unsigned n = 8; n; n--)
		cpu_cluster_write_protect(s->cluster, ADDR(20 + n), PAGE);
	assert_false(s->cpu[0]->requests->overflow);
	serve();
	check_dropped(12, 19, false);
	for (unsigned n = 20; n < 40; n++)
		assert_int_equal(space_hit(s, ADDR(n), true), n < 21 || n > 28);
}

static void code_goes_with_its_page(void **state)
{
	struct cpu *c = s->cpu[0];
	struct cpu_xlat x;
	struct cpu_code *a = cpu_fetch_page(c, ADDR(50), &x);
	unsigned asked;

	assert_non_null(a);
	assert_non_null(cpu_fetch_page(c, ADDR(51), &x));
	assert_ptr_equal(a->host, space_host(s, 50, 0));
	/* Write protection is no matter of instructions. */
	cpu_cluster_write_protect(s->cluster, 0, UINT64_MAX);
	serve();
	asked = atomic_load(&s->asked[50]);
	assert_ptr_equal(cpu_fetch_page(c, ADDR(50), &x), a);
	assert_int_equal(atomic_load(&s->asked[50]), asked);
	atomic_store(&s->host[51], space_host(s, 51, 1));
	cpu_cluster_unmap(s->cluster, ADDR(51), PAGE);
	serve();
	assert_ptr_equal(cpu_fetch_page(c, ADDR(51), &x)->host, space_host(s, 51, 1));
	assert_ptr_equal(cpu_fetch_page(c, ADDR(50), &x), a);
	/* Far more pages than there are. */
	atomic_store(&s->host[50], space_host(s, 50, 1));
	cpu_cluster_unmap(s->cluster, 0, UINT64_C(1) << 40);
	serve();
	assert_ptr_equal(cpu_fetch_page(c, ADDR(50), &x)->host, space_host(s, 50, 1));
}

static void tables_are_remembered(void **state)
{
	unsigned asked = atomic_load(&s->asked[TABLES + 2]);

	space_touch(s, ADDR(60), false);
	space_touch(s, ADDR(61), false);
	assert_int_equal(atomic_load(&s->asked[TABLES + 2]), asked);
	/* A table that moves: the other host page maps page 62 elsewhere. */
	memcpy(space_host(s, TABLES + 2, 1), space_host(s, TABLES + 2, 0), PAGE);
	atomic_store(&s->host[TABLES + 2], space_host(s, TABLES + 2, 1));
	space_map(s, 62, ADDR(70), 0);
	cpu_cluster_unmap(s->cluster, ADDR(TABLES + 2), PAGE);
	serve();
	space_touch(s, ADDR(62), false);
	assert_int_equal(atomic_load(&s->asked[TABLES + 2]), asked + 1);
	assert_ptr_equal(cpu_tlb_read(s->cpu[0]->tlb, ADDR(62), 8), space_host(s, 70, 0));
	/* ... also when there were too many requests to tell which. */
	atomic_store(&s->host[TABLES + 2], space_host(s, TABLES + 2, 0));
	for (unsigned n = 0; n < 2 * CPU_REQUESTS; n++)
		cpu_cluster_unmap(s->cluster, ADDR(300 + 2 * n), PAGE);
	cpu_cluster_unmap(s->cluster, ADDR(TABLES + 2), PAGE);
	serve();
	space_touch(s, ADDR(62), false);
	assert_ptr_equal(cpu_tlb_read(s->cpu[0]->tlb, ADDR(62), 8), space_host(s, 62, 0));
}

static void by_virtual_address(void **state)
{
	struct cpu *c = s->cpu[0];
	uint64_t block = BLOCKS_VA + 0x200000;

	cpu_mmu_flush_va(c, ADDR(10), ADDR(12) + 4095);
	check_dropped(10, 12, false);
	/* Of a block any address drops all, and only that. */
	space_touch(s, block + 5 * PAGE, false);
	space_touch(s, block + 300 * PAGE, false);
	cpu_mmu_flush_va(c, block + 100 * PAGE, block + 100 * PAGE + 4095);
	assert_false(space_hit(s, block + 5 * PAGE, false));
	assert_false(space_hit(s, block + 300 * PAGE, false));
	check_dropped(10, 12, false);
	/* More than the TLB has. */
	cpu_mmu_flush_va(c, 0, ADDR(20) + 4095);
	check_dropped(8, 20, false);
}

/* The TLBI of another vCPU: neighbouring addresses share a request. */
static void broadcast_by_address(void **state)
{
	for (unsigned n = 0; n < 2 * CPU_REQUESTS; n++)
		cpu_broadcast_range(s->cluster, NULL, CPU_REQ_FLUSH_VA, ADDR(24) + n % 4 * PAGE,
				    ADDR(24) + n % 4 * PAGE + 4095);
	assert_false(s->cpu[0]->requests->overflow);
	serve();
	check_dropped(24, 27, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(unmap_is_exact, begin, end),
	    cmocka_unit_test_setup_teardown(unmap_finds_aliases, begin, end),
	    cmocka_unit_test_setup_teardown(protect_leaves_reading, begin, end),
	    cmocka_unit_test_setup_teardown(everything, begin, end),
	    cmocka_unit_test_setup_teardown(overflow, begin, end),
	    cmocka_unit_test_setup_teardown(adjacent_ranges_are_one, begin, end),
	    cmocka_unit_test_setup_teardown(code_goes_with_its_page, begin, end),
	    cmocka_unit_test_setup_teardown(tables_are_remembered, begin, end),
	    cmocka_unit_test_setup_teardown(by_virtual_address, begin, end),
	    cmocka_unit_test_setup_teardown(broadcast_by_address, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
