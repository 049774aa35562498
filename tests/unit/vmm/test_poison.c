/* SPDX-License-Identifier: MIT */
/*
 * Garbage in the ITS's tables (poison.h): on tables made by hand, every byte that a restore does
 * not read changes, none that it reads does, nor any outside of the tables; then all is as before.
 */
#include "cm.h"

#include <stdlib.h>
#include <string.h>

#include <armature/kvm.h>

#include "vmm/machine.h"
#include "vmm/poison.h"
#include "vmm/report.h"
#include "vmm/state.h"

#define BASE UINT64_C(0x40000000)
#define SIZE (UINT64_C(4) << 20)

enum {
	COLLECTIONS = 0x10000,
	DEVICES = 0x20000,
	ITT_A = 0x30000, /* of 16 events */
	ITT_B = 0x30100, /* of 2 */
	QUEUE = 0x40000,
	LEVEL2 = 0x50000,
	OTHER_LEVEL2 = 0x60000,
	PENDING = 0x70000, /* and the next */
	PROPERTIES = 0x90000,
};

static struct machine m;
static struct state s;
static uint8_t *ram, *before;
static bool may_change[SIZE / 8];

static void put(uint64_t at, uint64_t v)
{
	memcpy(ram + at, &v, 8);
}

static void reg(uint64_t offset, uint64_t value)
{
	s.its.reg[s.its.nr++] = (struct state_its_reg){offset, value};
}

static void gicr(unsigned cpu, uint32_t offset, uint64_t value)
{
	for (unsigned i = 0; i < 2; i++)
		s.gic.attr[s.gic.nr++] = (struct state_attr){KVM_DEV_ARM_VGIC_GRP_REDIST_REGS,
							     (uint64_t)cpu << 32 | (offset + 4 * i),
							     value >> (32 * i) & UINT32_MAX};
}

static void expect(uint64_t at, uint64_t size, bool changes)
{
	for (uint64_t i = at / 8; i < (at + size) / 8; i++)
		may_change[i] = changes;
}

#define DTE(next, itt, bits) \
	(UINT64_C(1) << 63 | (uint64_t)(next) << 49 | (BASE + (itt)) >> 8 << 5 | ((bits)-1))
#define ITE(next, intid, icid) ((uint64_t)(next) << 48 | (uint64_t)(intid) << 16 | (icid))
#define CTE(cpu, icid)	       (UINT64_C(1) << 63 | (uint64_t)(cpu) << 16 | (icid))
#define BASER(type, at, others) \
	(UINT64_C(1) << 63 | (uint64_t)(type) << 56 | (BASE + (at)) | (others))
#define ENTRIES	 (UINT64_C(7) << 48 | UINT64_C(2) << 8)
#define INDIRECT (UINT64_C(1) << 62)

/* Two collections; devices 3 and 8; device 3 has events 2, 3 and 7, device 8 has event 1. */
static int set_up(void **state)
{
	static struct state_attr attrs[8];
	uint64_t seed = 1;

	memset(&s, 0, sizeof(s));
	memset(&m, 0, sizeof(m));
	memset(may_change, 0, sizeof(may_change));
	s.gic.attr = attrs;
	m.nr_vcpus = 2;
	m.ram = ram = malloc(SIZE);
	before = malloc(SIZE);
	assert_non_null(ram);
	assert_non_null(before);
	m.map.ram_base = BASE;
	m.map.ram_size = SIZE;
	for (uint64_t at = 0; at < SIZE; at += 8) {
		seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
		put(at, seed);
	}

	memset(ram + COLLECTIONS, 0, 0x10000);
	put(COLLECTIONS, CTE(1, 0));
	put(COLLECTIONS + 8, CTE(0, 1));
	expect(COLLECTIONS + 24, 0x10000 - 24, true);

	memset(ram + ITT_A, 0, 0x200);
	put(ITT_A + 2 * 8, ITE(1, 8192, 0));
	put(ITT_A + 3 * 8, ITE(4, 8193, 1));
	put(ITT_A + 7 * 8, ITE(0, 8200, 1));
	expect(ITT_A + 4 * 8, 3 * 8, true);
	expect(ITT_A + 8 * 8, 8 * 8, true);
	/* The last event of the last device: nothing is behind it. */
	put(ITT_B + 8, ITE(0, 8300, 0));

	reg(0x80, UINT64_C(1) << 63 | (BASE + QUEUE) | 15);
	reg(0x100, BASER(1, DEVICES, ENTRIES));
	reg(0x108, BASER(4, COLLECTIONS, ENTRIES));
	gicr(0, 0x70, BASE + PROPERTIES);
	gicr(0, 0x78, BASE + PENDING);
	gicr(1, 0x70, BASE + PROPERTIES);
	gicr(1, 0x78, BASE + PENDING + 0x10000);
	expect(PENDING, 1024, true);
	expect(PENDING + 0x10000, 1024, true);
	return 0;
}

static int tear_down(void **state)
{
	free(ram);
	free(before);
	return 0;
}

/* Exactly what is expected to is garbage, and is what it was in the end. */
static void check(void)
{
	struct poison *p;
	uint64_t n = 0;

	memcpy(before, ram, SIZE);
	assert_int_equal(poison_apply(&m, &s, &p), 0);
	for (uint64_t at = 0; at < SIZE; at += 8) {
		bool changed = memcmp(before + at, ram + at, 8) != 0;

		if (changed != may_change[at / 8])
			fail_msg("word at 0x%llx: %schanged", (unsigned long long)at,
				 changed ? "" : "not ");
		n += changed;
	}
	assert_true(poison_bytes(p) == 8 * n);
	poison_undo(p);
	assert_memory_equal(before, ram, SIZE);
}

static void one_level(void **state)
{
	memset(ram + DEVICES, 0, 0x10000);
	put(DEVICES + 3 * 8, DTE(5, ITT_A, 4));
	put(DEVICES + 8 * 8, DTE(0, ITT_B, 1));
	/* Up to the first device all is read, then what the chain leads to. */
	expect(DEVICES + 4 * 8, 4 * 8, true);
	expect(DEVICES + 9 * 8, 0x10000 - 9 * 8, true);
	check();
}

static void two_levels(void **state)
{
	/* Level 1 is never garbage; a page in which there is no device is read to its end. */
	s.its.reg[1].value |= INDIRECT;
	memset(ram + DEVICES, 0, 0x10000);
	memset(ram + LEVEL2, 0, 0x10000);
	memset(ram + OTHER_LEVEL2, 0, 0x10000);
	put(DEVICES + 8, UINT64_C(1) << 63 | (BASE + LEVEL2));
	put(DEVICES + 16, UINT64_C(1) << 63 | (BASE + OTHER_LEVEL2));
	put(OTHER_LEVEL2 + 3 * 8, DTE(5, ITT_A, 4));
	put(OTHER_LEVEL2 + 8 * 8, DTE(0, ITT_B, 1));
	expect(OTHER_LEVEL2 + 4 * 8, 4 * 8, true);
	expect(OTHER_LEVEL2 + 9 * 8, 0x10000 - 9 * 8, true);
	check();
}

/* What else a restore reads is never garbage, wherever the guest has put it. */
static void shared_memory(void **state)
{
	memset(ram + DEVICES, 0, 0x10000);
	put(DEVICES + 3 * 8, DTE(5, ITT_A, 4));
	put(DEVICES + 8 * 8, DTE(0, ITT_B, 1));
	expect(DEVICES + 4 * 8, 4 * 8, true);
	expect(DEVICES + 9 * 8, 0x10000 - 9 * 8, true);
	/* The queue and LPIs' configuration in the device table, pending bits in the collections'.
	 */
	s.its.reg[0].value = UINT64_C(1) << 63 | (BASE + DEVICES + 0x3000) | 1;
	expect(DEVICES + 0x3000, 0x2000, false);
	s.gic.nr = 0;
	gicr(0, 0x70, BASE + DEVICES + 0x8000);
	expect(DEVICES + 0x8000, 0x10000, false);
	gicr(0, 0x78, BASE + COLLECTIONS);
	expect(COLLECTIONS + 1024, 8192 - 1024, false);
	expect(PENDING, 1024, false);
	expect(PENDING + 0x10000, 1024, false);
	check();
}

/* Tables outside of RAM, or that no restore takes: nothing happens to them. */
static void bad_tables(void **state)
{
	struct poison *p;

	memset(may_change, 0, sizeof(may_change));
	memset(ram + DEVICES, 0, 0x10000);
	put(DEVICES, DTE(0, ITT_A, 17));
	check();

	put(DEVICES, DTE(0, SIZE - 0x100, 16));
	check();

	s.its.reg[1].value = BASER(1, SIZE, ENTRIES);
	check();
	s.its.reg[1].value = BASER(1, UINT64_C(0xfffffff0000) - BASE, ENTRIES | 0xff);
	check();

	/* A machine without an ITS. */
	s.its.nr = 0;
	assert_int_equal(poison_apply(&m, &s, &p), 0);
	assert_null(p);
	assert_true(poison_bytes(p) == 0);
	poison_undo(p);
}

/* The ITS is not in use, RAM ends in a pending table: that part alone. */
static void end_of_ram(void **state)
{
	memset(may_change, 0, sizeof(may_change));
	s.its.reg[1].value = s.its.reg[2].value = 0;
	m.map.ram_size = PENDING + 512;
	s.gic.nr = 0;
	gicr(0, 0x78, BASE + PENDING);
	gicr(1, 0x78, BASE - 0x10000);
	expect(PENDING, 512, true);
	check();
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(one_level),  TEST(two_levels), TEST(shared_memory),
	    TEST(bad_tables), TEST(end_of_ram),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
