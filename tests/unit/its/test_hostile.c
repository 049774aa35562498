/* SPDX-License-Identifier: MIT */
/*
 * A guest that wants the host to be busy: whatever it maps and whichever commands it chooses, one
 * access does a bounded part of the queue, and one restore reads a bounded part of memory. What is
 * counted here is work, not time: commands done by an access, bytes that were read.
 */
#include "common.h"

/* ---- the queue ---- */

enum { QUEUED = 1900 };

static unsigned commands_between(struct box *b, uint64_t from, uint64_t to)
{
	uint64_t size = ((its_get(b, CBASER) & 0xff) + 1) * 4096;

	return (unsigned)((to + size - from) % size / 32);
}

/* The most commands that one access did: the write to GITS_CWRITER, or the guest's polls. */
static unsigned most_at_once(struct box *b)
{
	uint64_t before = its_get(b, CREADR), after;
	unsigned most, n;

	wr(b, GITS + CWRITER, 8, b->cwriter);
	after = its_get(b, CREADR);
	most = commands_between(b, before, after);
	while (after != b->cwriter) {
		/* Not quiescent; and user space that looks does not make it go on. */
		assert_int_equal(its_get(b, CTLR), 1);
		assert_int_equal(its_get(b, CREADR), after);
		before = after;
		rd(b, GITS + CREADR, 8);
		after = its_get(b, CREADR);
		n = commands_between(b, before, after);
		assert_true(n > 0);
		most = n > most ? n : most;
	}
	assert_int_equal(its_get(b, CTLR), 0x80000001);
	return most;
}

/* Every one of 57,344 LPIs, of one vCPU, and @more devices without events. */
static void all_lpis(struct box *b, unsigned more)
{
	box_start(b, 2);
	wr(b, GITS + CTLR, 4, 0);
	wr(b, GITS + BASER0, 8, VALID | INDIRECT | DEVT);
	for (unsigned i = 0; i < 8; i++)
		ram64_set(b, DEVT + 8 * i, VALID | L2(i));
	wr(b, GITS + CTLR, 4, 1);
	issue(b, MAPC(0, 0, 1));
	issue(b, MAPD(0, 15, ITT(0), 1));
	for (unsigned i = 0; i < 57344; i++) {
		queue(b, MAPTI(0, i, 8192 + i, 0));
		if (i % 2000 == 1999)
			issue(b, SYNC(0));
	}
	issue(b, SYNC(0));
	for (unsigned d = 1; d <= more; d++) {
		queue(b, MAPD(d, 15, ITT(0), 1));
		if (d % 2000 == 1999)
			issue(b, SYNC(0));
	}
	issue(b, SYNC(0));
}

/* As many simple commands as there are go at once. */
static void test_simple(void **state)
{
	struct box b;

	all_lpis(&b, 0);
	for (unsigned i = 0; i < QUEUED; i++)
		queue(&b, INV(0, i));
	assert_int_equal(most_at_once(&b), QUEUED);
	box_end(&b);
}

/* 65,536 simple commands' work, in commands that look at 57,344 LPIs or as many events. */
static void test_dear(void **state)
{
	struct box b;

	all_lpis(&b, 0);
	for (unsigned i = 0; i < QUEUED; i++)
		queue(&b, INVALL(0));
	assert_in_range(most_at_once(&b), 1, 16);
	for (unsigned i = 0; i < QUEUED / 10; i++)
		queue(&b, MOVALL(i & 1, !(i & 1)));
	assert_in_range(most_at_once(&b), 1, 3);
	for (unsigned i = 0; i < QUEUED / 10; i++)
		queue(&b, MAPC(0, i & 1, 1));
	assert_in_range(most_at_once(&b), 1, 3);
	/* The same LPIs again, by seven devices more; and then all devices' events are dropped. */
	for (unsigned d = 1; d < 8; d++) {
		queue(&b, MAPD(d, 15, ITT(0), 1));
		for (unsigned i = 0; i < 57344; i++) {
			queue(&b, MAPTI(d, i, 8192 + i, 0));
			if (i % 2000 == 1999)
				issue(&b, SYNC(0));
		}
		issue(&b, SYNC(0));
	}
	for (unsigned d = 0; d < 8; d++)
		queue(&b, MAPD(d, 15, ITT(0), 0));
	assert_in_range(most_at_once(&b), 1, 2);
	box_end(&b);
}

/* Devices are looked at one by one as well. */
static void test_many_devices(void **state)
{
	struct box b;

	all_lpis(&b, 65535);
	issue(&b, MAPD(0, 15, ITT(0), 1));
	issue(&b, MAPTI(0, 0, 8192, 0));
	for (unsigned i = 0; i < QUEUED; i++)
		queue(&b, MAPC(0, i & 1, 1));
	assert_in_range(most_at_once(&b), 1, 16);
	assert_delivered(&b, 0, 0, (QUEUED - 1) & 1, 8192);
	box_end(&b);
}

/* An embedder goes on with it when the guest does not. */
static void test_run(void **state)
{
	unsigned calls = 0;
	struct box b;

	all_lpis(&b, 0);
	for (unsigned i = 0; i < 100; i++)
		queue(&b, INVALL(0));
	assert_int_equal(its_set(&b, CWRITER, b.cwriter), 0);
	while (am_its_run(b.its))
		calls++;
	assert_in_range(calls, 5, 100);
	assert_int_equal(its_get(&b, CREADR), b.cwriter);
	box_end(&b);
}

/* ---- restoring ---- */

#define MAX_EMPTY (UINT64_C(1) << 27) /* entries */

static void restore_devices(struct box *b, unsigned nr)
{
	am_its_reset(b->its);
	memset(at(b, DEVT), 0, 0x20000);
	memset(at(b, L2(0)), 0, 0x80000);
	for (unsigned i = 0; i < 8; i++)
		ram64_set(b, DEVT + 8 * i, VALID | L2(i));
	for (unsigned d = 0; d < nr; d++)
		ram64_set(b, L2(d / 8192) + d % 8192 * 8,
			  VALID | (uint64_t)(d != nr - 1) << 49 | (RAM + 0x800000) >> 8 << 5 | 15);
	assert_int_equal(its_set(b, BASER0, VALID | INDIRECT | DEVT), 0);
	assert_int_equal(its_set(b, BASER1, VALID | COLT), 0);
	b->bytes_read = 0;
}

/* Devices with ITTs of 512 KiB, all the same memory and empty. */
static void test_empty_itts(void **state)
{
	struct box b;

	box_start(&b, 1);
	wr(&b, GITS + CTLR, 4, 0);
	/* As many as fit into the bound are restored, and save as they were. */
	restore_devices(&b, 2047);
	assert_int_equal(am_its_restore_tables(b.its), 0);
	assert_true(b.bytes_read > 2047 * 8ull * 65536);
	memset(at(&b, L2(0)), 0, 0x10000);
	assert_int_equal(am_its_save_tables(b.its), 0);
	assert_true(ram64(&b, L2(0) + 2046 * 8) & VALID);
	assert_true(ram64(&b, L2(0) + 2047 * 8) == 0);
	/* More is refused when so much was read; and then there is no device. */
	restore_devices(&b, 65536);
	assert_int_equal(am_its_restore_tables(b.its), -EINVAL);
	assert_true(b.bytes_read < 8 * MAX_EMPTY + (2 << 20));
	memset(at(&b, L2(0)), 0, 0x80000);
	assert_int_equal(am_its_save_tables(b.its), 0);
	for (unsigned i = 0; i < 65536; i++)
		assert_true(ram64(&b, L2(0) + i * 8) == 0);
	/* The count starts anew each time. */
	restore_devices(&b, 2047);
	assert_int_equal(am_its_restore_tables(b.its), 0);
	box_end(&b);
}

/* What has an INTID and nothing else wrong is never passed over. */
static void test_no_entry_missed(void **state)
{
	struct box b;

	box_start(&b, 1);
	wr(&b, GITS + CTLR, 4, 0);
	ram64_set(&b, COLT, VALID);
	for (unsigned e = 0; e < 2100; e += e < 40 ? 1 : 37) {
		uint64_t itt = RAM + 0x800000, entry = itt + 8 * e;
		uint64_t intid = 8192 + e * 27;

		restore_devices(&b, 1);
		ram64_set(&b, COLT, VALID);
		ram64_set(&b, L2(0), VALID | itt >> 8 << 5 | 15);
		/* Empty ones before it may have an ICID and a distance. */
		if (e)
			ram64_set(&b, entry - 8, UINT64_C(0xffff00000000ffff));
		ram64_set(&b, entry, intid << 16);
		assert_int_equal(am_its_restore_tables(b.its), 0);
		its_set(&b, CBASER, VALID | CMDQ | 15);
		its_set(&b, CTLR, 1);
		assert_delivered(&b, 0, e, 0, (unsigned)intid);
		its_set(&b, CTLR, 0);
		ram64_set(&b, entry, 0);
		if (e)
			ram64_set(&b, entry - 8, 0);
	}
	box_end(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_simple),	 cmocka_unit_test(test_dear),
	    cmocka_unit_test(test_many_devices), cmocka_unit_test(test_run),
	    cmocka_unit_test(test_empty_itts),	 cmocka_unit_test(test_no_entry_missed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
