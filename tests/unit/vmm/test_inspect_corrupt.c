/* SPDX-License-Identifier: MIT */
/*
 * The walk over the ITS's saved tables beside a real KVM's RESTORE_TABLES: its_corrupt.txt has what
 * that returned for made-up tables, and for a good one with every bit of an entry of each kind
 * flipped, and which messages were delivered afterwards. The walk must foretell both.
 */
#include "test_inspect_image.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RAM_SIZE UINT64_C(0x800000)
#define RAM_END	 (IMAGE_BASE + RAM_SIZE)

static const char *path;
static struct image m;

/* ---- Made-up tables, by the names that the transcript has for them ---- */

enum base { EMPTY, COLLECTION, GOOD, PAGES };

struct made_up {
	const char *name;
	enum base base;
	struct {
		uint64_t at, value;
	} change[3];
	uint64_t devices, collections; /* BASERs, where they are others */
};

/* As functions of the header, but constants; @size is one less than the bits. */
#define D(next, itt, size)   (V63 | (uint64_t)(next) << 49 | (uint64_t)(itt) >> 8 << 5 | (size))
#define C(target, icid)	     (V63 | (uint64_t)(target) << 16 | (icid))
#define E(next, intid, icid) ((uint64_t)(next) << 48 | (uint64_t)(intid) << 16 | (icid))

#define DEVICES	    (BASER_DEVICES | DEVT)
#define COLLECTIONS (BASER_COLLECTIONS | COLT)
#define TWO_LEVELS  (DEVICES | INDIRECT)

static const struct made_up made_up[] = {
    {"f_empty", .base = EMPTY},
    {"f_col0", .base = COLLECTION},
    {"f_good", .base = GOOD},
    {"f_gap", .base = GOOD, .change = {{DEV(0), D(3, ITT(0), 4)}}},
    {"f_skip", .base = GOOD, .change = {{DEV(0), D(8, ITT(0), 4)}}},
    {"f_twodev", .base = GOOD, .change = {{DEV(7), D(0, ITT(0), 4)}}},
    {"f_nonext", .base = GOOD, .change = {{DEV(0), D(0, ITT(0), 4)}}},
    {"f_nextmax", .base = GOOD, .change = {{DEV(0), D(0x3fff, ITT(0), 4)}}},
    {"f_next8191", .base = GOOD,
     .change = {{DEV(0), D(8191, ITT(0), 4)}, {DEV(8191), D(0, ITT(2), 4)}}},
    {"f_next8192", .base = GOOD, .change = {{DEV(0), D(8192, ITT(0), 4)}}},
    {"f_lastnext", .base = GOOD, .change = {{DEV(7), D(5, ITT(1), 15)}}},
    {"f_invalid_between", .base = GOOD, .change = {{DEV(7), D(0, ITT(1), 15) & ~V63}}},
    {"f_garbage_invalid", .base = GOOD, .change = {{DEV(0), ~V63}}},
    {"f_itt_out", .base = GOOD, .change = {{DEV(0), D(7, NOWHERE, 4)}}},
    {"f_itt_end", .base = GOOD, .change = {{DEV(0), D(7, RAM_END - 0x100, 4)}}},
    {"f_itt_past", .base = GOOD, .change = {{DEV(0), D(7, RAM_END - 0x100, 5)}}},
    {"f_itt_high", .base = GOOD, .change = {{DEV(0), D(7, UINT64_C(0xfffffffffff00), 4)}}},
    {"f_size31", .base = GOOD, .change = {{DEV(0), D(7, ITT(0), 31)}}},
    {"f_size16", .base = GOOD, .change = {{DEV(0), D(7, ITT(0), 16)}}},
    {"f_size0", .base = GOOD, .change = {{DEV(0), D(7, ITT(0), 0)}}},
    {"f_ite_icid", .base = GOOD, .change = {{EV(0, 0), E(1, 8192, 9)}}},
    {"f_ite_icid2", .base = GOOD, .change = {{EV(0, 1), E(0, 8193, 9)}}},
    {"f_ite_low", .base = GOOD, .change = {{EV(0, 0), E(1, 8191, 0)}}},
    {"f_ite_zero", .base = GOOD, .change = {{EV(0, 0), E(1, 0, 0)}}},
    {"f_ite_zero2", .base = GOOD, .change = {{EV(0, 0), E(0, 0, 0)}}},
    {"f_ite_high", .base = GOOD, .change = {{EV(0, 0), E(1, 65536, 0)}}},
    {"f_ite_max", .base = GOOD, .change = {{EV(0, 0), E(1, 65535, 0)}}},
    {"f_ite_huge", .base = GOOD, .change = {{EV(0, 0), E(1, 0xffffffff, 0)}}},
    {"f_ite_same", .base = GOOD, .change = {{EV(0, 1), E(0, 8192, 0)}}},
    {"f_ite_same_dev", .base = GOOD, .change = {{EV(1, 8205), E(0, 8192, 0)}}},
    {"f_ite_next31", .base = GOOD,
     .change = {{EV(0, 0), E(31, 8192, 0)}, {EV(0, 31), E(0, 8199, 0)}}},
    {"f_ite_next32", .base = GOOD, .change = {{EV(0, 0), E(32, 8192, 0)}}},
    {"f_ite_nextmax", .base = GOOD, .change = {{EV(0, 0), E(0xffff, 8192, 0)}}},
    {"f_ite_nextnone", .base = GOOD, .change = {{EV(0, 0), E(4, 8192, 0)}}},
    {"f_ite_lastnext", .base = GOOD, .change = {{EV(0, 1), E(7, 8193, 0)}}},
    {"f_ite_seven", .base = GOOD,
     .change = {{EV(0, 0), 0}, {EV(0, 1), 0}, {EV(0, 7), E(0, 8300, 0)}}},
    {"f_col_none", .base = GOOD, .change = {{COL(0), 0}}},
    {"f_col_vcpu2", .base = GOOD, .change = {{COL(0), C(2, 0)}}},
    {"f_col_vcpu1", .base = GOOD, .change = {{COL(0), C(1, 0)}}},
    {"f_col_unmapped", .base = GOOD, .change = {{COL(0), C(0xffffffff, 0)}}},
    {"f_col_ffff", .base = GOOD, .change = {{COL(0), C(0xffff, 0)}}},
    {"f_col_dup", .base = GOOD, .change = {{COL(1), C(1, 0)}}},
    {"f_col_gap", .base = GOOD, .change = {{COL(1), 0}, {COL(2), C(9, 9)}}},
    {"f_col_id8192", .base = GOOD, .change = {{COL(1), C(0, 8192)}}},
    {"f_col_id8191", .base = GOOD, .change = {{COL(1), C(0, 8191)}}},
    {"f_col_idffff", .base = GOOD, .change = {{COL(1), C(0, 0xffff)}}},
    {"f_col_full", .base = GOOD},
    {"f_col_reserved", .base = GOOD, .change = {{COL(0), C(0, 0) | UINT64_C(7) << 52}}},
    {"f_col_bit48", .base = GOOD, .change = {{COL(0), C(UINT64_C(1) << 32, 0)}}},
    {"f_dev_only", .base = EMPTY, .change = {{DEV(0), D(0, ITT(0), 4)}}},
    {"f_dev_8191", .base = COLLECTION,
     .change = {{DEV(8191), D(0, ITT(0), 4)}, {EV(0, 3), E(0, 8192, 0)}}},
    {"f_dev_8191n", .base = COLLECTION,
     .change = {{DEV(8191), D(1, ITT(0), 4)}, {EV(0, 3), E(0, 8192, 0)}}},
    {"good, BASER0 invalid", .base = GOOD, .devices = DEVICES & ~V63},
    {"good, BASER1 invalid", .base = GOOD, .collections = COLLECTIONS & ~V63},
    {"good, both invalid", .base = GOOD, .devices = DEVICES & ~V63,
     .collections = COLLECTIONS & ~V63},
    {"good, BASER0 out of memory", .base = GOOD, .devices = BASER_DEVICES | NOWHERE},
    {"good, BASER1 out of memory", .base = GOOD, .collections = BASER_COLLECTIONS | NOWHERE},
    {"good, BASER0 two pages", .base = GOOD, .devices = DEVICES | 1},
    {"good, BASER0 half in memory", .base = GOOD,
     .devices = BASER_DEVICES | (RAM_END - 0x10000) | 3},
    {"dev 8191 next 1, BASER0 two pages", .base = COLLECTION,
     .change = {{DEV(8191), D(1, ITT(0), 4)}, {EV(0, 3), E(0, 8192, 0)}}, .devices = DEVICES | 1},
    {"flat tables, BASER0 indirect", .base = GOOD, .devices = TWO_LEVELS},
    {"flat tables, BASER1 indirect", .base = GOOD, .collections = COLLECTIONS | INDIRECT},
    {"l2_good", .base = PAGES},
    {"l2_next", .base = PAGES, .change = {{L2(0) + 56, D(2 * 8192 + 5 - 7, ITT(1), 15)}}},
    {"l2_next_invalid", .base = PAGES, .change = {{L2(0) + 56, D(8192, ITT(1), 15)}}},
    {"l2_out", .base = PAGES, .change = {{DEV(0), V63 | NOWHERE}}},
    {"l2_out1", .base = PAGES, .change = {{DEV(1), V63 | NOWHERE}}},
    {"l2_odd", .base = PAGES, .change = {{DEV(0), V63 | (L2(0) + 0x1000)}}},
    {"l2_low", .base = PAGES, .change = {{DEV(0), V63 | (L2(0) + 0xfff)}}},
    {"l2_top", .base = PAGES, .change = {{DEV(0), V63 | UINT64_C(7) << 52 | L2(0)}}},
    {"l2_same", .base = PAGES, .change = {{DEV(1), V63 | L2(0)}}},
    {"l2_high", .base = PAGES, .change = {{DEV(9), V63 | L2(2)}, {L2(2), D(0, ITT(2), 4)}}},
    {"l2_seven", .base = PAGES,
     .change = {{DEV(7), V63 | L2(2)},
		{L2(2) + 8 * 8191, D(0, ITT(2), 4)},
		{EV(2, 31), E(0, 8210, 0)}}},
    {"l2_eight", .base = PAGES, .change = {{DEV(8), V63 | L2(2)}, {L2(2), D(0, ITT(2), 4)}}},
    {"empty, indirect", .base = EMPTY, .devices = TWO_LEVELS},
};

static void put_base(enum base base)
{
	if (base != EMPTY)
		image_set(&m, COL(0), C(0, 0));
	if (base == GOOD) {
		image_set(&m, DEV(0), D(7, ITT(0), 4));
		image_set(&m, DEV(7), D(0, ITT(1), 15));
		image_set(&m, EV(0, 0), E(1, 8192, 0));
		image_set(&m, EV(0, 1), E(0, 8193, 0));
		image_set(&m, EV(1, 8205), E(0, 8205, 0));
	} else if (base == PAGES) {
		image_set(&m, DEV(0), V63 | L2(0));
		image_set(&m, DEV(2), V63 | L2(1));
		image_set(&m, L2(0) + 56, D(0x3fff, ITT(1), 15));
		image_set(&m, L2(1) + 40, D(0, ITT(0), 4));
		image_set(&m, EV(0, 0), E(0, 8192, 0));
		image_set(&m, EV(1, 0), E(0, 8200, 0));
	}
}

/* ---- What a walk foretells ---- */

static void begin(void)
{
	image_init_size(&m, RAM_SIZE);
	memset(image_at(&m, PROP, 0x10000), 0xa1, 0x10000);
	m.walk.nr_vcpus = 2;
	m.walk.propbaser = PROP | 15;
}

/* A message finds its event, and the event a vCPU. */
static bool delivers(uint32_t device, uint32_t event)
{
	for (unsigned i = 0; !m.result.err && i < m.nr_entries && i < MAX_TOLD; i++) {
		const struct its_entry *e = &m.entry[i];

		if (e->kind == ITS_ENTRY_EVENT && e->u.event.device == device &&
		    e->u.event.id == event)
			return e->u.event.known && e->u.event.target != ITS_NOT_MAPPED;
	}
	return false;
}

static int error_of(const char *text)
{
	return strncmp(text, "-EINVAL", 7) == 0	  ? -EINVAL
	       : strncmp(text, "-EFAULT", 7) == 0 ? -EFAULT
	       : strncmp(text, "-EEXIST", 7) == 0 ? -EEXIST
	       : *text == '0'			  ? 0
						  : 1;
}

static void is_error(const char *what, const char *text)
{
	if (m.result.err != error_of(text))
		fail_msg("%s: the walk says %d, KVM %s", what, m.result.err, text);
}

/* ---- The transcript ---- */

static const struct made_up *find(const char *name)
{
	for (unsigned i = 0; i < sizeof(made_up) / sizeof(made_up[0]); i++)
		if (strcmp(made_up[i].name, name) == 0)
			return &made_up[i];
	return NULL;
}

static void make(const struct made_up *u)
{
	begin();
	put_base(u->base);
	for (unsigned i = 0; i < 3 && u->change[i].at; i++)
		image_set(&m, u->change[i].at, u->change[i].value);
	for (unsigned i = 0; i < 8192 && strcmp(u->name, "f_col_full") == 0; i++)
		image_set(&m, COL(i), C(i & 1, i));
	if (u->base == PAGES)
		m.walk.devices = TWO_LEVELS;
	if (u->devices)
		m.walk.devices = u->devices;
	if (u->collections)
		m.walk.collections = u->collections;
	image_walk(&m);
}

/* "  restore = 0" and "  msi 0/5 = 1" of the made-up tables before it. */
static void made_up_line(const struct made_up *u, const char *line)
{
	unsigned device, event;
	int n = 0;

	if (strncmp(line, "  restore = ", 12) == 0) {
		is_error(u->name, line + 12);
	} else if (sscanf(line, "  msi %u/%u = %n", &device, &event, &n) == 2 && n) {
		if (delivers(device, event) != (line[n] == '1'))
			fail_msg("%s: message %u/%u: KVM has %s", u->name, device, event, line + n);
	}
}

static void test_made_up(void **state)
{
	const struct made_up *u = NULL;
	FILE *f = fopen(path, "r");
	unsigned found = 0;
	char line[256];

	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		if (line[0] == ' ') {
			if (u)
				made_up_line(u, line);
			continue;
		}
		if (u)
			image_finish(&m);
		if (line[0] && line[strlen(line) - 1] == ':')
			line[strlen(line) - 1] = 0;
		u = find(line);
		if (u) {
			make(u);
			found++;
		}
	}
	if (u)
		image_finish(&m);
	fclose(f);
	assert_int_equal(found, sizeof(made_up) / sizeof(made_up[0]));
}

/* What the transcript's commands had mapped when it was saved. */
static void put_saved(void)
{
	image_set(&m, DEV(0), D(3, ITT(0), 4));
	image_set(&m, DEV(3), D(4, ITT(10), 0));
	image_set(&m, DEV(7), D(25, ITT(1), 15));
	image_set(&m, DEV(32), D(0, ITT(9), 7));
	image_set(&m, COL(0), C(0, 0));
	image_set(&m, COL(1), C(1, 1));
	image_set(&m, COL(2), C(1, 5));
	image_set(&m, EV(0, 0), E(1, 8192, 0));
	image_set(&m, EV(0, 1), E(4, 8193, 1));
	image_set(&m, EV(0, 5), E(26, 8200, 5));
	image_set(&m, EV(0, 31), E(0, 8300, 1));
	image_set(&m, EV(1, 8205), E(0xffff - 8205, 8205, 0));
	image_set(&m, EV(1, 0xffff), E(0, 0xffff, 1));
	image_set(&m, EV(9, 255), E(0, 9000, 5));
	image_set(&m, EV(10, 1), E(0, 9001, 5));
}

/* "event entry 5 bit 17 = -EINVAL, delivered 0xff, ..." */
static bool flipped_bit(const char *line)
{
	static const uint32_t message[][2] = {{0, 0},	 {0, 1},      {0, 5},	 {0, 31},
					      {7, 8205}, {7, 0xffff}, {32, 255}, {3, 1}};
	static const struct {
		const char *name;
		uint64_t at;
	} entry[] = {{"device", DEV(3)}, {"collection", COL(1)}, {"event", EV(0, 5)}};
	unsigned number, bit, delivered, mask = 0;
	char name[16], err[16];

	if (sscanf(line, "%15s entry %u bit %u = %15[^,], delivered %x,", name, &number, &bit, err,
		   &delivered) != 5)
		return false;
	begin();
	put_saved();
	for (unsigned i = 0; i < 3; i++)
		if (strcmp(entry[i].name, name) == 0)
			image_set(&m, entry[i].at, image_get(&m, entry[i].at) ^ UINT64_C(1) << bit);
	image_walk(&m);
	is_error(line, err);
	for (unsigned i = 0; i < 8; i++)
		mask |= (unsigned)delivers(message[i][0], message[i][1]) << i;
	if (mask != delivered)
		fail_msg("%s: the walk says %#x", line, mask);
	/* Nothing that a bit can do to an entry is silent, but it may have been another good one.
	 */
	if (m.result.err)
		assert_true(m.nr_issues > 0);
	image_finish(&m);
	return true;
}

static void test_flipped_bits(void **state)
{
	FILE *f = fopen(path, "r");
	unsigned found = 0;
	char line[256];

	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		found += flipped_bit(line);
	fclose(f);
	assert_int_equal(found, 3 * 64);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_made_up),
	    cmocka_unit_test(test_flipped_bits),
	};

	if (argc != 2) {
		fprintf(stderr, "usage: unit-vmm-inspect-corrupt its_corrupt.txt\n");
		return 2;
	}
	path = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
