/* SPDX-License-Identifier: MIT */
/*
 * Saving and restoring tables: what was saved comes back, and nothing else counts; what the guest
 * did makes no save fail; tables that make no sense are refused and leave an empty ITS empty; and
 * what the guest can make the host allocate is bounded.
 */
#include "common.h"

#include <stdlib.h>

static uint32_t seed;

static unsigned rnd(unsigned n)
{
	seed = seed * 1664525 + 1013904223;
	return (unsigned)(((uint64_t)seed * n) >> 32);
}

/* ---- the round trip ---- */

enum { DEVS = 40, EVENTS = 64, COLLS = 8, CPUS = 4 };

/* ITTs that do not overlap: the first device has up to 16 bits of EventID, the others up to 13. */
static uint64_t itt_of(unsigned dev)
{
	return dev ? RAM + 0x300000 + dev * 0x10000ull : RAM + 0x800000;
}

static unsigned dev_id(struct box *b, unsigned dev)
{
	return its_get(b, BASER0) & INDIRECT ? dev * 1601 % 65536 : dev * 200;
}

static void random_machine(struct box *b, bool indirect)
{
	box_start(b, CPUS);
	if (indirect) {
		wr(b, GITS + CTLR, 4, 0);
		wr(b, GITS + BASER0, 8, VALID | INDIRECT | DEVT);
		for (unsigned i = 0; i < 8; i++)
			if (i != 3)
				ram64_set(b, DEVT + 8 * i, VALID | L2(i));
		wr(b, GITS + CTLR, 4, 1);
	}
	for (unsigned i = 0; i < 600; i++) {
		unsigned d = rnd(DEVS), dev = dev_id(b, d), icid = rnd(COLLS), ev = rnd(EVENTS);

		unsigned lpi = 8192 + d * 128 + ev;

		/* Events near the ends of devices of all sizes; each has its own LPI. */
		if (!rnd(4)) {
			unsigned bits = 7 + rnd(10), back = rnd(3);

			ev = (1u << bits) - 1 - back;
			lpi = 8192 + d * 128 + 64 + 3 * bits + back;
		}
		switch (rnd(12)) {
		case 0:
			issue(b, MAPC(icid, rnd(CPUS), rnd(5) != 0));
			break;
		case 1:
		case 2:
			issue(b, MAPD(dev, rnd(rnd(3) ? 7 : d ? 13 : 16), itt_of(d), rnd(6) != 0));
			break;
		case 3:
			issue(b, DISCARD(dev, ev));
			break;
		case 4:
			issue(b, MOVI(dev, ev, icid));
			break;
		default:
			issue(b, MAPTI(dev, ev, lpi, icid));
		}
	}
	for (unsigned i = 0; i < 200; i++)
		msi(b, dev_id(b, rnd(DEVS)), rnd(EVENTS));
}

/* What every message does, after what is pending was taken. */
static uint64_t behaviour(struct box *b)
{
	uint64_t hash = 14695981039346656037u;

	for (unsigned v = 0; v < CPUS; v++)
		while (take(b, v) != 1023)
			;
	for (unsigned d = 0; d < DEVS; d++)
		for (unsigned e = 0; e < 1024; e++) {
			unsigned ev = e < 512 ? e : (1u << (e % 17)) - 1 - (e / 17 % 4);
			int got = msi(b, dev_id(b, d), ev);

			hash = (hash ^ (unsigned)got) * 1099511628211u;
			for (unsigned v = 0; v < CPUS && got == 1; v++)
				hash = (hash ^ take(b, v)) * 1099511628211u;
		}
	return hash;
}

/* KVM's order (its.md 9): queue, other registers, tables, GITS_CTLR. */
static void copy_registers(struct box *from, struct box *to)
{
	for (unsigned v = 0; v < CPUS; v++) {
		for (unsigned o = 0x70; o < 0x80; o += 4)
			gicr_set(to, v, o, gicr_get(from, v, o));
		gicr_set(to, v, 0, gicr_get(from, v, 0));
	}
	assert_int_equal(its_set(to, CBASER, its_get(from, CBASER)), 0);
	assert_int_equal(its_set(to, IIDR, its_get(from, IIDR)), 0);
	assert_int_equal(its_set(to, BASER0, its_get(from, BASER0)), 0);
	assert_int_equal(its_set(to, BASER1, its_get(from, BASER1)), 0);
	assert_int_equal(its_set(to, CREADR, its_get(from, CREADR)), 0);
	assert_int_equal(its_set(to, CWRITER, its_get(from, CWRITER)), 0);
}

static void round_trip(bool indirect)
{
	struct box a, z;

	random_machine(&a, indirect);
	assert_int_equal(am_its_save_tables(a.its), 0);
	assert_int_equal(am_gic_set_attr(a.gic, AM_GIC_GRP_CTRL, 3, 0), 0);
	box_its(&z, CPUS);
	memcpy(z.ram, a.ram, RAM_SIZE);
	copy_registers(&a, &z);
	assert_int_equal(am_its_restore_tables(z.its), 0);
	assert_int_equal(its_set(&z, CTLR, its_get(&a, CTLR)), 0);
	/* Saved again it is the same, but for distances to events that had no collection. */
	assert_int_equal(am_its_save_tables(z.its), 0);
	assert_int_equal(am_gic_set_attr(z.gic, AM_GIC_GRP_CTRL, 3, 0), 0);
	for (unsigned i = 0; i < RAM_SIZE; i += 8) {
		uint64_t differ = ram64(&a, RAM + i) ^ ram64(&z, RAM + i);

		if (i >= 0x300000 ? differ << 16 : differ)
			fail_msg("at 0x%x", i);
	}
	assert_true(behaviour(&a) == behaviour(&z));
	box_end(&a);
	box_end(&z);
}

static void test_round_trip(void **state)
{
	for (seed = 1; seed < 400000000; seed = seed + 20000003) {
		uint32_t was = seed;

		round_trip(was & 1);
		seed = was;
	}
}

/* Entries between those that are saved may hold anything that is not an entry. */
static void test_poison_between(void **state)
{
	struct box b;

	box_start(&b, 2);
	issue(&b, MAPC(3, 0, 1));
	issue(&b, MAPD(5, 3, ITT(0), 1));
	issue(&b, MAPD(9, 3, ITT(1), 1));
	issue(&b, MAPTI(5, 2, 8192, 3));
	issue(&b, MAPTI(5, 9, 8193, 3));
	issue(&b, MAPTI(9, 0, 8194, 3));
	memset(at(&b, DEVT), 0, 0x10000);
	memset(at(&b, COLT), 0xff, 0x10000);
	memset(at(&b, ITT(0)), 0, 0x2000);
	assert_int_equal(am_its_save_tables(b.its), 0);
	/* Behind a last entry nothing is read; between two the distance leads over it. */
	memset(at(&b, DEVT + 6 * 8), 0xff, 3 * 8);
	memset(at(&b, DEVT + 10 * 8), 0xff, 0x10000 - 10 * 8);
	memset(at(&b, ITT(0) + 3 * 8), 0xff, 6 * 8);
	memset(at(&b, ITT(0) + 10 * 8), 0xff, 0x1000 - 10 * 8);
	memset(at(&b, ITT(1) + 8), 0xff, 0x1000 - 8);
	am_its_reset(b.its);
	its_set(&b, BASER0, its_get(&b, BASER0) | VALID);
	its_set(&b, BASER1, its_get(&b, BASER1) | VALID);
	its_set(&b, CBASER, VALID | CMDQ | 15);
	assert_int_equal(am_its_restore_tables(b.its), 0);
	its_set(&b, CTLR, 1);
	assert_delivered(&b, 5, 2, 0, 8192);
	assert_delivered(&b, 5, 9, 0, 8193);
	assert_delivered(&b, 9, 0, 0, 8194);
	assert_int_equal(msi(&b, 5, 3), 0);
	assert_int_equal(msi(&b, 6, 0), 0);
	assert_int_equal(msi(&b, 10, 0), 0);
	box_end(&b);
}

/* ---- what the newest KVM does (its.md 12) ---- */

static void test_collection_table_changes(void **state)
{
	struct box b;

	box_start(&b, 2);
	wr(&b, GITS + CTLR, 4, 0);
	wr(&b, GITS + BASER1, 8, VALID | COLT | 1);
	wr(&b, GITS + CTLR, 4, 1);
	issue(&b, MAPC(0, 0, 1));
	issue(&b, MAPC(1, 1, 1));
	issue(&b, MAPD(0, 4, ITT(0), 1));
	issue(&b, MAPTI(0, 0, 8192, 1));
	wr(&b, GITS + CTLR, 4, 0);
	wr(&b, GITS + BASER1, 8, VALID | COLT);
	memset(at(&b, COLT), 0xff, 32);
	ram64_set(&b, ITT(0), UINT64_MAX);
	assert_int_equal(am_its_save_tables(b.its), 0);
	assert_true(ram64(&b, COLT) == 0);
	assert_true(ram64(&b, COLT + 8) == UINT64_MAX);
	assert_true(ram64(&b, ITT(0)) == 0);
	wr(&b, GITS + CTLR, 4, 1);
	assert_int_equal(msi(&b, 0, 0), 0);
	box_end(&b);
}

static void test_level1_cleared(void **state)
{
	uint64_t baser0;
	struct box b;

	box_start(&b, 1);
	wr(&b, GITS + CTLR, 4, 0);
	wr(&b, GITS + BASER0, 8, VALID | INDIRECT | DEVT);
	for (unsigned i = 0; i < 3; i++)
		ram64_set(&b, DEVT + 8 * i, VALID | L2(i));
	wr(&b, GITS + CTLR, 4, 1);
	issue(&b, MAPC(0, 0, 1));
	issue(&b, MAPD(1, 4, ITT(0), 1));
	issue(&b, MAPD(8192, 4, ITT(1), 1));
	issue(&b, MAPD(16390, 4, ITT(2), 1));
	issue(&b, MAPTI(1, 0, 8192, 0));
	issue(&b, MAPTI(8192, 0, 8193, 0));
	issue(&b, MAPTI(16390, 0, 8194, 0));
	ram64_set(&b, DEVT + 8, 0);
	memset(at(&b, L2(1)), 0x77, 0x10000);
	ram64_set(&b, ITT(1), 0x77);
	assert_int_equal(am_its_save_tables(b.its), 0);
	assert_true(ram64(&b, L2(1)) == 0x7777777777777777);
	assert_true(ram64(&b, ITT(1)) == 0x77);
	/* 16389 is too far for the field: the most that fits in it. */
	assert_int_equal(ram64(&b, L2(0) + 8) >> 49 & 0x3fff, 0x3fff);
	ram64_set(&b, DEVT + 16, 0);
	assert_int_equal(am_its_save_tables(b.its), 0);
	assert_int_equal(ram64(&b, L2(0) + 8) >> 49 & 0x3fff, 0);
	/* RESET clears the tables' V bits: they are written again before the restore. */
	baser0 = its_get(&b, BASER0);
	am_its_reset(b.its);
	assert_int_equal(its_set(&b, BASER0, baser0), 0);
	assert_int_equal(its_set(&b, BASER1, VALID | COLT), 0);
	assert_int_equal(its_set(&b, CBASER, VALID | CMDQ | 15), 0);
	assert_int_equal(am_its_restore_tables(b.its), 0);
	its_set(&b, CTLR, 1);
	assert_delivered(&b, 1, 0, 0, 8192);
	assert_int_equal(msi(&b, 8192, 0), 0);
	assert_int_equal(msi(&b, 16390, 0), 0);
	box_end(&b);
}

/* ---- a guest cannot make a save fail ---- */

static void test_unwritable(void **state)
{
	struct box b;

	box_start(&b, 1);
	issue(&b, MAPC(0, 0, 1));
	issue(&b, MAPD(0, 4, ROM, 1)); /* can be read: KVM lets events be mapped */
	issue(&b, MAPTI(0, 0, 8192, 0));
	issue(&b, MAPD(1, 4, ITT(1), 1));
	issue(&b, MAPTI(1, 0, 8193, 0));
	assert_int_equal(am_its_save_tables(b.its), 0);
	assert_true(ram64(&b, ITT(1)) == (UINT64_C(8193) << 16));
	/* Tables elsewhere, after the fact. */
	wr(&b, GITS + CTLR, 4, 0);
	wr(&b, GITS + BASER0, 8, VALID | NOWHERE);
	wr(&b, GITS + BASER1, 8, VALID | NOWHERE);
	assert_int_equal(am_its_save_tables(b.its), 0);
	wr(&b, GITS + BASER0, 8, VALID | ROM);
	wr(&b, GITS + BASER1, 8, VALID | ROM);
	assert_int_equal(am_its_save_tables(b.its), 0);
	wr(&b, GITS + BASER0, 8, VALID | INDIRECT | NOWHERE);
	assert_int_equal(am_its_save_tables(b.its), 0);
	/* What the embedder took away is another matter. */
	wr(&b, GITS + BASER0, 8, VALID | DEVT);
	b.hole = ITT(1);
	b.hole_end = ITT(2);
	assert_int_equal(am_its_save_tables(b.its), -EFAULT);
	box_end(&b);
}

static void test_full_collection_table(void **state)
{
	struct box b;

	box_start(&b, 2);
	for (unsigned i = 0; i < 8191; i++)
		issue(&b, MAPC(i, i & 1, 1));
	ram64_set(&b, COLT + 0xfff8, 0x55);
	assert_int_equal(am_its_save_tables(b.its), 0);
	assert_true(ram64(&b, COLT + 0xfff0) == (VALID | 0 << 16 | 8190));
	assert_true(ram64(&b, COLT + 0xfff8) == 0);
	issue(&b, MAPC(8191, 1, 1));
	ram64_set(&b, COLT + 0x10000, 0x55);
	assert_int_equal(am_its_save_tables(b.its), 0);
	assert_true(ram64(&b, COLT + 0xfff8) == (VALID | 1 << 16 | 8191));
	assert_true(ram64(&b, COLT + 0x10000) == 0x55);
	issue(&b, MAPC(17, 0, 0));
	issue(&b, MAPC(0, 0, 0));
	issue(&b, MAPC(8191, 0, 0));
	assert_int_equal(am_its_save_tables(b.its), 0);
	assert_true(ram64(&b, COLT) == (VALID | 1 << 16 | 1));
	assert_true(ram64(&b, COLT + 8 * 16) == (VALID | 0 << 16 | 18));
	assert_true(ram64(&b, COLT + 8 * 8189) == 0);
	box_end(&b);
}

/* ---- tables that make no sense ---- */

#define DTE(next, itt, bits) (VALID | (uint64_t)(next) << 49 | (itt) >> 8 << 5 | ((bits)-1))
#define ITE(next, lpi, icid) ((uint64_t)(next) << 48 | (uint64_t)(lpi) << 16 | (icid))
#define CTE(cpu, icid)	     (VALID | (uint64_t)(cpu) << 16 | (icid))

static void empty_tables(struct box *b)
{
	am_its_reset(b->its);
	memset(at(b, DEVT), 0, 0x20000);
	memset(at(b, ITT(0)), 0, 0x4000);
	assert_int_equal(its_set(b, CBASER, VALID | CMDQ | 15), 0);
	assert_int_equal(its_set(b, BASER0, VALID | DEVT), 0);
	assert_int_equal(its_set(b, BASER1, VALID | COLT), 0);
	ram64_set(b, COLT, CTE(0, 7));
	ram64_set(b, COLT + 8, CTE(UINT32_MAX, 8));
}

/* The error, and an ITS that saves as an empty one. */
static void refused(struct box *b, int err)
{
	assert_int_equal(am_its_restore_tables(b->its), err);
	its_set(b, CTLR, 1);
	for (unsigned d = 0; d < 4; d++)
		for (unsigned e = 0; e < 16; e++)
			assert_int_equal(msi(b, d, e), 0);
	its_set(b, CTLR, 0);
	assert_int_equal(its_set(b, BASER0, VALID | DEVT), 0);
	memset(at(b, DEVT), 0x11, 16);
	memset(at(b, COLT), 0x11, 16);
	assert_int_equal(am_its_save_tables(b->its), 0);
	assert_true(ram64(b, DEVT) == 0x1111111111111111);
	assert_true(ram64(b, COLT) == 0);
	empty_tables(b);
}

static void test_corrupt(void **state)
{
	struct box b;

	box_start(&b, 2);
	wr(&b, GITS + CTLR, 4, 0);
	empty_tables(&b);
	/* Nothing wrong. */
	ram64_set(&b, DEVT, DTE(2, ITT(0), 4));
	ram64_set(&b, DEVT + 16, DTE(0, ITT(1), 16));
	ram64_set(&b, DEVT + 24, UINT64_MAX); /* behind the last */
	ram64_set(&b, ITT(0) + 8, ITE(14, 8192, 7));
	ram64_set(&b, ITT(0) + 15 * 8, ITE(0, 65535, 8));
	assert_int_equal(am_its_restore_tables(b.its), 0);
	its_set(&b, CTLR, 1);
	assert_delivered(&b, 0, 1, 0, 8192);
	assert_int_equal(msi(&b, 0, 15), 0);
	assert_int_equal(msi(&b, 3, 0), 0);
	/* Not into an ITS that has something: its collections are there already. As in KVM, its
	 * devices and events stay, but without collections. */
	its_set(&b, CTLR, 0);
	assert_int_equal(am_its_restore_tables(b.its), -EEXIST);
	assert_int_equal(am_its_save_tables(b.its), 0);
	assert_true(ram64(&b, DEVT) == DTE(2, ITT(0), 4));
	assert_true(ram64(&b, ITT(0) + 8) == 0);
	assert_true(ram64(&b, COLT) == 0);
	empty_tables(&b);

	ram64_set(&b, COLT, CTE(2, 7));
	refused(&b, -EINVAL);
	ram64_set(&b, COLT, CTE(0xfffffffe, 7));
	refused(&b, -EINVAL);
	ram64_set(&b, COLT + 8, CTE(1, 7));
	refused(&b, -EEXIST);
	ram64_set(&b, COLT + 8, CTE(1, 8192));
	refused(&b, -EINVAL);

	ram64_set(&b, DEVT + 8, DTE(0, ITT(0), 17));
	refused(&b, -EINVAL);
	ram64_set(&b, DEVT, DTE(0, ITT(0), 4));
	ram64_set(&b, ITT(0), ITE(0, 8191, 7));
	refused(&b, -EINVAL);
	ram64_set(&b, DEVT, DTE(0, ITT(0), 4));
	ram64_set(&b, ITT(0), ITE(0, UINT32_MAX, 7)); /* no configuration in memory */
	refused(&b, -EFAULT);
	/* More than a guest can map, but it has a configuration: kept, and saved again. */
	ram64_set(&b, DEVT, DTE(0, ITT(0), 4));
	ram64_set(&b, ITT(0), ITE(0, 65536, 7));
	assert_int_equal(am_its_restore_tables(b.its), 0);
	its_set(&b, CTLR, 1);
	assert_int_equal(msi(&b, 0, 0), 1);
	assert_int_equal(am_gic_irq_pending(b.gic, 0), 0);
	issue(&b, INV(0, 0));
	issue(&b, CLEAR(0, 0));
	issue(&b, MOVI(0, 0, 8));
	issue(&b, MOVI(0, 0, 7));
	its_set(&b, CTLR, 0);
	assert_int_equal(am_its_save_tables(b.its), 0);
	assert_true(ram64(&b, ITT(0)) == ITE(0, 65536, 7));
	empty_tables(&b);
	ram64_set(&b, DEVT, DTE(0, ITT(0), 4));
	ram64_set(&b, ITT(0), ITE(16, 8192, 7));
	refused(&b, -EINVAL);
	ram64_set(&b, DEVT, DTE(0, ITT(0), 4));
	ram64_set(&b, ITT(0), ITE(0, 8192, 9));
	refused(&b, -EINVAL);
	/* The second device is bad: the first goes, too. */
	ram64_set(&b, DEVT, DTE(1, ITT(0), 4));
	ram64_set(&b, ITT(0), ITE(0, 8192, 7));
	ram64_set(&b, DEVT + 8, DTE(1, NOWHERE, 4));
	refused(&b, -EFAULT);
	/* An ITT that ends with the memory. */
	ram64_set(&b, DEVT, DTE(0, RAM + RAM_SIZE - 256, 6));
	refused(&b, -EFAULT);
	ram64_set(&b, DEVT, DTE(0, ITT(0), 4));
	ram64_set(&b, ITT(0), ITE(0, 8192, 7));
	b.hole = PROP;
	b.hole_end = PROP + 1;
	assert_int_equal(am_its_restore_tables(b.its), -EFAULT);
	b.hole = PEND(0);
	b.hole_end = PEND(1);
	refused(&b, -EFAULT);
	b.hole_end = 0;
	/* The tables themselves. */
	assert_int_equal(its_set(&b, BASER0, VALID | NOWHERE), 0);
	refused(&b, -EFAULT);
	assert_int_equal(its_set(&b, BASER1, VALID | NOWHERE), 0);
	assert_int_equal(am_its_restore_tables(b.its), -EFAULT);
	/* Without them there is nothing to do. */
	assert_int_equal(its_set(&b, BASER0, NOWHERE), 0);
	assert_int_equal(its_set(&b, BASER1, NOWHERE), 0);
	assert_int_equal(am_its_restore_tables(b.its), 0);
	box_end(&b);
}

static void test_corrupt_level2(void **state)
{
	struct box b;

	box_start(&b, 1);
	wr(&b, GITS + CTLR, 4, 0);
	empty_tables(&b);
	assert_int_equal(its_set(&b, BASER0, VALID | INDIRECT | DEVT), 0);
	/* A distance that leaves the page leads to the next one that is valid, from its beginning.
	 */
	ram64_set(&b, DEVT, VALID | L2(0));
	ram64_set(&b, DEVT + 16, VALID | L2(2));
	ram64_set(&b, L2(0) + 8 * 100, DTE(0x3fff, ITT(0), 4));
	ram64_set(&b, ITT(0), ITE(0, 8192, 7));
	ram64_set(&b, L2(2) + 8 * 5, DTE(0, ITT(1), 4));
	ram64_set(&b, ITT(1), ITE(0, 8193, 7));
	ram64_set(&b, L2(2) + 8 * 6, DTE(0, ITT(1), 17)); /* behind the last */
	assert_int_equal(am_its_restore_tables(b.its), 0);
	its_set(&b, CTLR, 1);
	assert_delivered(&b, 100, 0, 0, 8192);
	assert_delivered(&b, 2 * 8192 + 5, 0, 0, 8193);
	its_set(&b, CTLR, 0);
	empty_tables(&b);
	assert_int_equal(its_set(&b, BASER0, VALID | INDIRECT | DEVT), 0);
	ram64_set(&b, DEVT, VALID | NOWHERE);
	assert_int_equal(am_its_restore_tables(b.its), -EFAULT);
	box_end(&b);
}

/* Any memory at all: an answer, in time, and nothing left over. */
static void test_random_tables(void **state)
{
	unsigned good = 0;
	struct box b;

	box_start(&b, 2);
	wr(&b, GITS + CTLR, 4, 0);
	for (unsigned round = 0; round < 300; round++) {
		seed = round + 1;
		empty_tables(&b);
		assert_int_equal(
		    its_set(&b, BASER0,
			    VALID | (round & 1 ? INDIRECT : 0) | (round & 2 ? DEVT : RAM)),
		    0);
		for (unsigned n = rnd(40); n; n--)
			ram64_set(&b, DEVT + 8 * rnd(n % 2 ? 16 : 8192),
				  round & 1 ? VALID | L2(rnd(4))
					    : DTE(rnd(20), ITT(rnd(4)), 1 + rnd(17)));
		for (unsigned n = rnd(40); n; n--)
			ram64_set(&b, L2(rnd(4)) + 8 * rnd(8192),
				  DTE(rnd(9000), ITT(rnd(4)), 1 + rnd(8)));
		for (unsigned n = rnd(20); n; n--)
			ram64_set(&b, ITT(rnd(4)) + 8 * rnd(32),
				  ITE(rnd(8), 8192 + rnd(100), 7 + rnd(10) / 9));
		for (unsigned n = rnd(3); n; n--)
			ram64_set(&b, COLT + 8 * rnd(4), CTE(rnd(3), rnd(10)));
		good += am_its_restore_tables(b.its) == 0;
		assert_int_equal(am_its_save_tables(b.its), 0);
	}
	assert_in_range(good, 20, 280);
	box_end(&b);
}

/* ---- limits ---- */

/* A guest that maps all it can: the host's memory stays below what was promised. */
static void test_memory_bound(void **state)
{
	struct am_its_config config;
	long before;
	struct box b;

	box_bare(&b, 1);
	memset(at(&b, PROP), 0xa1, 0xe000);
	config = box_its_config(&b);
	config.max_bytes = 1u << 20;
	before = b.bytes;
	assert_int_equal(am_its_create(b.gic, &config, &b.its), 0);
	assert_in_range(b.bytes - before, 1, 128 << 10);
	assert_int_equal(am_its_set_base(b.its, GITS), 0);
	wr(&b, GICR + 0x70, 8, PROP | 15);
	wr(&b, GICR + 0x78, 8, PEND(0));
	wr(&b, GICR, 4, 1);
	wr(&b, GITS + CBASER, 8, VALID | CMDQ | 15);
	wr(&b, GITS + BASER0, 8, VALID | INDIRECT | DEVT);
	wr(&b, GITS + BASER1, 8, VALID | COLT);
	for (unsigned i = 0; i < 8; i++)
		ram64_set(&b, DEVT + 8 * i, VALID | L2(0));
	wr(&b, GITS + CTLR, 4, 1);
	issue(&b, MAPC(0, 0, 1));
	for (unsigned d = 0; d < 65536; d += 3) {
		issue(&b, MAPD(d, 15, ITT(0), 1));
		for (unsigned e = 0; e < 65536; e += 9001)
			issue(&b, MAPTI(d, e, 8192 + (d ^ e) % 57344, 0));
	}
	for (unsigned i = 0; i < 8192; i += 5)
		issue(&b, MAPC(i, 0, 1));
	assert_in_range(b.bytes - before, 1 << 20, (1 << 20) + (128 << 10) + 1200000);
	assert_delivered(&b, 0, 0, 0, 8192);
	assert_int_equal(am_its_save_tables(b.its), 0);
	/* What is unmapped makes room. */
	issue(&b, MAPD(0, 15, ITT(0), 1));
	issue(&b, MAPTI(0, 1, 8199, 0));
	assert_delivered(&b, 0, 1, 0, 8199);
	box_end(&b);
}

/* Allocations that fail: commands without effect, restores with an error. */
static void test_no_memory(void **state)
{
	for (int fail = 1; fail < 12; fail++) {
		struct box b;
		int err;

		box_start(&b, 1);
		b.fail_in = fail;
		issue(&b, MAPC(0, 0, 1));
		issue(&b, MAPD(0, 15, ITT(0), 1));
		issue(&b, MAPTI(0, 0, 8192, 0));
		issue(&b, MAPTI(0, 0xffff, 9192, 1));
		issue(&b, MAPC(1, 0, 1));
		msi(&b, 0, 0);
		b.fail_in = 0;
		wr(&b, GITS + CTLR, 4, 0);
		empty_tables(&b);
		ram64_set(&b, DEVT, DTE(1, ITT(0), 4));
		ram64_set(&b, DEVT + 8, DTE(0, ITT(1), 12));
		ram64_set(&b, ITT(0), ITE(0, 60000, 7));
		ram64_set(&b, ITT(1), ITE(0, 50000, 7));
		b.fail_in = fail;
		err = am_its_restore_tables(b.its);
		assert_true(err == 0 || err == -ENOMEM);
		b.fail_in = 0;
		box_end(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_poison_between),
	    cmocka_unit_test(test_collection_table_changes),
	    cmocka_unit_test(test_level1_cleared),
	    cmocka_unit_test(test_unwritable),
	    cmocka_unit_test(test_full_collection_table),
	    cmocka_unit_test(test_corrupt),
	    cmocka_unit_test(test_corrupt_level2),
	    cmocka_unit_test(test_random_tables),
	    cmocka_unit_test(test_memory_bound),
	    cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
