/* SPDX-License-Identifier: MIT */
/*
 * The walk over the ITS's saved tables, on tables made by hand: what a good one says, and every
 * inconsistency alone, with where it is and what a restore ends with.
 */
#include "test_inspect_image.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/inspect_memory.h"

/* ---- A good one ---- */

static void good(void **state)
{
	struct image *m = *state;
	const struct its_entry *e;

	image_walk(m);
	assert_int_equal(m->nr_issues, 0);
	assert_int_equal(m->result.err, 0);
	assert_int_equal(m->result.collections, 3);
	assert_int_equal(m->result.devices, 4);
	assert_int_equal(m->result.events, 6);
	assert_int_equal(m->result.lpis, 6);

	e = image_entry(m, ITS_ENTRY_COLLECTION, COL(2));
	assert_non_null(e);
	assert_int_equal(e->u.collection.icid, 5);
	assert_int_equal(e->u.collection.target, ITS_NOT_MAPPED);
	assert_non_null(image_entry(m, ITS_ENTRY_COLLECTIONS_END, COL(3)));

	e = image_entry(m, ITS_ENTRY_DEVICE, DEV(7));
	assert_non_null(e);
	assert_int_equal(e->u.device.id, 7);
	assert_int_equal(e->u.device.next, 25);
	assert_int_equal(e->u.device.bits, 16);
	assert_int_equal(e->u.device.itt, ITT(1));

	e = image_entry(m, ITS_ENTRY_EVENT, EV(0, 5));
	assert_non_null(e);
	assert_int_equal(e->u.event.device, 0);
	assert_int_equal(e->u.event.id, 5);
	assert_int_equal(e->u.event.intid, LPI(5));
	assert_int_equal(e->u.event.icid, 5);
	assert_int_equal(e->u.event.next, 26);
	assert_true(e->u.event.known);
	assert_int_equal(e->u.event.target, ITS_NOT_MAPPED);
	assert_false(e->u.event.has_config);
}

static void unused_run(const struct image *m, uint64_t gpa, uint64_t size)
{
	const struct its_entry *e = image_entry(m, ITS_ENTRY_UNUSED, gpa);

	assert_non_null(e);
	assert_int_equal(e->size, size);
}

/* Of the entries that are not valid those that a restore reads, and no others. */
static void what_is_read(void **state)
{
	struct image *m = *state;
	uint8_t *read = calloc(1, IMAGE_SIZE);

	assert_non_null(read);
	image_walk(m);
	unused_run(m, ITT(10), 16);	  /* an ITT without events */
	unused_run(m, ITT(1), 8 * 65535); /* all before the first event */
	assert_int_equal(image_count(m, ITS_ENTRY_UNUSED), 2);
	for (unsigned i = 0; i < m->nr_entries; i++) {
		assert_non_null(image_at(m, m->entry[i].gpa, m->entry[i].size));
		memset(read + (m->entry[i].gpa - IMAGE_BASE), 1, m->entry[i].size);
	}

	/* The proof: garbage everywhere else changes nothing. */
	for (uint64_t at = 0; at < IMAGE_SIZE; at++)
		if (!read[at])
			m->ram[at] = 0xa5;
	free(read);
	image_walk(m);
	assert_int_equal(m->nr_issues, 0);
	assert_int_equal(m->result.devices, 4);
	assert_int_equal(m->result.events, 6);
}

static void extents(void **state)
{
	static const struct its_extent want[] = {
	    {ITS_EXTENT_COLLECTIONS, COLT, 0x10000, 0}, {ITS_EXTENT_DEVICES, DEVT, 0x10000, 0},
	    {ITS_EXTENT_ITT, ITT(0), 32 * 8, 0},	{ITS_EXTENT_ITT, ITT(10), 2 * 8, 3},
	    {ITS_EXTENT_ITT, ITT(1), 65536 * 8, 7},	{ITS_EXTENT_ITT, ITT(9), 16 * 8, 32},
	};
	struct image *m = *state;

	image_walk(m);
	assert_int_equal(m->nr_extents, sizeof(want) / sizeof(want[0]));
	for (unsigned i = 0; i < m->nr_extents; i++) {
		assert_int_equal(m->extent[i].kind, want[i].kind);
		assert_int_equal(m->extent[i].base, want[i].base);
		assert_int_equal(m->extent[i].size, want[i].size);
		assert_int_equal(m->extent[i].id, want[i].id);
	}
}

/* A table whose BASER is not valid is not looked at. */
static void not_valid(void **state)
{
	struct image *m = *state;

	m->walk.devices &= ~V63;
	image_walk(m);
	assert_int_equal(m->nr_issues + m->result.devices, 0);
	assert_int_equal(m->result.collections, 3);
	m->walk.collections &= ~V63;
	image_walk(m);
	assert_int_equal(m->nr_entries + m->nr_extents, 0);
}

/* Distances that were cut lead to what is not valid, and so does an event without a collection. */
static void cut_distances(void **state)
{
	struct image *m = *state;

	m->walk.devices = BASER_DEVICES | LEVEL2 | 1; /* 16384 devices */
	image_set(m, LEVEL2, dte(ITT(10), 1, 0x3fff));
	image_set(m, LEVEL2 + 8 * 0x3fff, dte(ITT(11), 1, 0));
	image_walk(m);
	assert_int_equal(m->nr_issues, 0);
	assert_int_equal(m->result.devices, 2);
	image_set(m, LEVEL2 + 8 * 0x3fff, 0);
	image_walk(m);
	assert_int_equal(m->nr_issues, 0);
	assert_int_equal(m->result.devices, 1);
}

static void event_without_collection(void **state)
{
	struct image *m = *state;

	image_set(m, EV(0, 5), 0); /* KVM saves a zero */
	image_walk(m);
	assert_int_equal(m->nr_issues, 0);
	assert_int_equal(m->result.events, 5);
	unused_run(m, EV(0, 5), 26 * 8);
}

/* ---- The registers ---- */

static void baser_page_size(void **state)
{
	struct image *m = *state;

	m->walk.devices &= ~UINT64_C(0x300);
	image_finds(m, ITS_ISSUE_BASER_PAGE_SIZE, 0, ITS_NO_GPA, 4);
	assert_int_equal(m->issue[0].table, ITS_EXTENT_DEVICES);
	m->walk.devices |= UINT64_C(0x100);
	image_finds(m, ITS_ISSUE_BASER_PAGE_SIZE, 0, ITS_NO_GPA, 16);
	m->walk.devices |= UINT64_C(0x300);
	image_finds(m, ITS_ISSUE_BASER_PAGE_SIZE, 0, ITS_NO_GPA, 0);
}

static void baser_entry_size(void **state)
{
	struct image *m = *state;

	m->walk.collections += UINT64_C(8) << 48;
	image_finds(m, ITS_ISSUE_BASER_ENTRY_SIZE, 0, ITS_NO_GPA, 16);
	assert_int_equal(m->issue[0].table, ITS_EXTENT_COLLECTIONS);
}

static void baser_indirect(void **state)
{
	struct image *m = *state;

	m->walk.collections |= INDIRECT;
	image_finds(m, ITS_ISSUE_BASER_INDIRECT, 0, ITS_NO_GPA, m->walk.collections);
}

static void baser_address(void **state)
{
	struct its_baser b = its_baser_decode(UINT64_C(0xd9070123456fa2ff));

	assert_int_equal(b.base, UINT64_C(0xa0123456f0000));
	assert_int_equal(b.size, 256 * 65536);
	assert_true(b.valid && b.indirect);
	assert_int_equal(b.type, ITS_TYPE_DEVICES);
	assert_int_equal(b.entry_size, 8);
	assert_int_equal(b.page_size, 64);
}

/* ---- Tables and memory ---- */

static void table_outside(void **state)
{
	struct image *m = *state;

	m->walk.devices = BASER_DEVICES | NOWHERE;
	image_finds(m, ITS_ISSUE_TABLE_OUTSIDE, -EFAULT, NOWHERE, NOWHERE);
	assert_int_equal(m->issue[0].table, ITS_EXTENT_DEVICES);
	m->walk.devices = 0;
	m->walk.collections = BASER_COLLECTIONS | NOWHERE;
	image_finds(m, ITS_ISSUE_TABLE_OUTSIDE, -EFAULT, NOWHERE, NOWHERE);
	assert_int_equal(m->issue[0].table, ITS_EXTENT_COLLECTIONS);
}

/* The last page of memory has the beginning of a table of two. */
static void table_partly_outside(void **state)
{
	struct image *m = *state;
	uint64_t last = IMAGE_BASE + IMAGE_SIZE - 0x10000, gap = IMAGE_BASE + IMAGE_SIZE;

	m->walk.devices = BASER_DEVICES | last | 1;
	image_set(m, last, dte(ITT(0), 5, 0));
	image_finds(m, ITS_ISSUE_TABLE_OUTSIDE, 0, last, last);
	image_set(m, last, dte(ITT(0), 5, 9000));
	image_finds(m, ITS_ISSUE_TABLE_OUTSIDE, -EFAULT, gap + 808 * 8, last);
}

static void itt_outside(void **state)
{
	struct image *m = *state;
	uint64_t tail = IMAGE_BASE + IMAGE_SIZE - 0x100;

	image_set(m, DEV(3), dte(NOWHERE, 1, 4));
	image_finds(m, ITS_ISSUE_ITT_OUTSIDE, -EFAULT, NOWHERE, NOWHERE);
	image_of_device(m, 3, ITS_NO_ID);
	assert_int_equal(m->result.devices, 4);
	/* An ITT whose events are in memory, but not its end. */
	image_set(m, DEV(3), dte(tail, 6, 4));
	image_set(m, tail, ite(LPI(100), 0, 0));
	image_finds(m, ITS_ISSUE_ITT_OUTSIDE, 0, tail, tail);
	image_set(m, tail, 0);
	image_finds(m, ITS_ISSUE_ITT_OUTSIDE, -EFAULT, IMAGE_BASE + IMAGE_SIZE, tail);
}

static void overlap(void **state)
{
	struct image *m = *state;

	/* The second half of one ITT. */
	image_set(m, DEV(3), dte(ITT(0) + 0x80 * 2, 5, 4));
	image_set(m, DEV(0), dte(ITT(0), 6, 3));
	image_finds(m, ITS_ISSUE_OVERLAP, 0, ITT(0) + 0x100, 0x100);
	image_of_device(m, 3, ITS_NO_ID);
	assert_int_equal(m->issue[0].other.kind, ITS_EXTENT_ITT);
	assert_int_equal(m->issue[0].other.id, 0);
	assert_int_equal(m->issue[0].other.base, ITT(0));
	/* Two inside one. */
	image_set(m, DEV(0), dte(ITT(0), 9, 3));
	image_set(m, DEV(32), dte(ITT(0) + 0x400, 4, 0));
	image_walk(m);
	assert_int_equal(m->nr_issues, 2);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(m->issue[i].kind, ITS_ISSUE_OVERLAP);
		assert_int_equal(m->issue[i].device, i ? 32 : 3);
		assert_int_equal(m->issue[i].other.id, 0);
	}
	image_set(m, DEV(32), dte(ITT(9), 4, 0));
	/* Neighbours. */
	image_set(m, DEV(0), dte(ITT(0), 5, 3));
	image_walk(m);
	assert_int_equal(m->nr_issues, 0);
	/* A device's ITT in each table. */
	image_set(m, DEV(3), dte(COLT + 0x8000, 5, 4));
	image_finds(m, ITS_ISSUE_OVERLAP, 0, COLT + 0x8000, 0x100);
	assert_int_equal(m->issue[0].other.kind, ITS_EXTENT_COLLECTIONS);
	image_set(m, DEV(3), dte(DEVT + 0x8000, 5, 4));
	image_finds(m, ITS_ISSUE_OVERLAP, 0, DEVT + 0x8000, 0x100);
	assert_int_equal(m->issue[0].other.kind, ITS_EXTENT_DEVICES);
}

/* ---- Collections ---- */

static void collection_target(void **state)
{
	struct image *m = *state;

	image_set(m, COL(1), cte(1, 511));
	image_walk(m);
	assert_int_equal(m->nr_issues, 0);
	image_set(m, COL(1), cte(1, 512));
	image_finds(m, ITS_ISSUE_COLLECTION_TARGET, -EINVAL, COL(1), 512);
	image_set(m, COL(1), cte(1, 2));
	m->walk.nr_vcpus = 2;
	image_finds(m, ITS_ISSUE_COLLECTION_TARGET, -EINVAL, COL(1), 2);
}

static void collection_duplicate(void **state)
{
	struct image *m = *state;

	image_set(m, COL(3), cte(1, 0));
	image_finds(m, ITS_ISSUE_COLLECTION_DUPLICATE, -EEXIST, COL(3), 1);
	/* Events go where the first one does. */
	assert_int_equal(image_entry(m, ITS_ENTRY_EVENT, EV(0, 1))->u.event.target, 1);
}

static void collection_beyond(void **state)
{
	struct image *m = *state;

	image_set(m, COL(3), cte(8191, 0));
	image_walk(m);
	assert_int_equal(m->nr_issues, 0);
	image_set(m, COL(3), cte(8192, 0));
	image_finds(m, ITS_ISSUE_COLLECTION_BEYOND, -EINVAL, COL(3), 8192);
}

static void collection_reserved(void **state)
{
	struct image *m = *state;

	image_set(m, COL(1), cte(1, 1) | UINT64_C(1) << 48);
	image_finds(m, ITS_ISSUE_RESERVED_BITS, 0, COL(1), cte(1, 1) | UINT64_C(1) << 48);
	image_set(m, COL(1), cte(1, 1));
	image_set(m, COL(3), 7);
	image_finds(m, ITS_ISSUE_RESERVED_BITS, 0, COL(3), 7);
}

/* ---- Devices ---- */

static void device_id(void **state)
{
	struct image *m = *state;

	/* A flat table of 17 pages, of which the guest has the first: zeroes beyond are not read.
	 */
	m->walk.devices = BASER_DEVICES | LEVEL2 | 7;
	image_set(m, LEVEL2 + 8 * 65535, dte(ITT(0), 5, 0));
	image_walk(m);
	assert_int_equal(m->nr_issues, 0);
	/* The eight pages of LEVEL2 are the last of memory: the table begins earlier. */
	memset(image_at(m, IMAGE_BASE, IMAGE_SIZE), 0, IMAGE_SIZE);
	m->walk.devices = BASER_DEVICES | (IMAGE_BASE + 0x100000) | 15;
	m->walk.collections = 0;
	image_set(m, IMAGE_BASE + 0x100000 + 8 * 65536, dte(ITT(0), 5, 1));
	image_set(m, IMAGE_BASE + 0x100000 + 8 * 65537, dte(ITT(0), 5, 0));
	image_finds(m, ITS_ISSUE_DEVICE_ID, -EINVAL, IMAGE_BASE + 0x100000 + 8 * 65536, 65536);
}

static void device_eventid_bits(void **state)
{
	struct image *m = *state;

	image_set(m, DEV(3), dte(ITT(10), 17, 4));
	image_finds(m, ITS_ISSUE_DEVICE_EVENTID_BITS, -EINVAL, DEV(3), 17);
	image_of_device(m, 3, ITS_NO_ID);
	image_set(m, DEV(3), dte(ITT(10), 32, 4));
	image_finds(m, ITS_ISSUE_DEVICE_EVENTID_BITS, -EINVAL, DEV(3), 32);
	assert_int_equal(m->result.devices, 4);
}

static void device_chain_beyond(void **state)
{
	struct image *m = *state;

	image_set(m, DEV(32), dte(ITT(9), 4, 8160));
	image_finds(m, ITS_ISSUE_DEVICE_CHAIN_BEYOND, 0, DEV(32), 8192);
	image_of_device(m, 32, ITS_NO_ID);
	image_set(m, DEV(32), dte(ITT(9), 4, 8159));
	image_set(m, DEV(8191), dte(ITT(11), 1, 0));
	image_walk(m);
	assert_int_equal(m->nr_issues, 0);
}

static void device_chain_dangling(void **state)
{
	struct image *m = *state;

	image_set(m, DEV(3), dte(ITT(10), 1, 3));
	image_finds(m, ITS_ISSUE_DEVICE_CHAIN_DANGLING, 0, DEV(3), 6);
	image_of_device(m, 3, ITS_NO_ID);
	assert_int_equal(m->result.devices, 4);
	/* To the end, and there is nothing. */
	image_set(m, DEV(3), dte(ITT(10), 1, 4));
	image_set(m, DEV(32), dte(ITT(9), 4, 8159));
	image_finds(m, ITS_ISSUE_DEVICE_CHAIN_DANGLING, 0, DEV(32), 8191);
}

static void device_not_zero(void **state)
{
	struct image *m = *state;

	image_set(m, DEV(0), 0x1234);
	image_finds(m, ITS_ISSUE_RESERVED_BITS, 0, DEV(0), 0x1234);
}

/* ---- Events ---- */

static void event_lpi(void **state)
{
	struct image *m = *state;

	image_set(m, EV(0, 5), ite(8191, 5, 26));
	image_finds(m, ITS_ISSUE_EVENT_LPI, -EINVAL, EV(0, 5), 8191);
	image_of_device(m, 0, 5);
	assert_int_equal(m->result.events, 6);
	assert_int_equal(m->result.lpis, 5);
}

static void event_lpi_bits(void **state)
{
	struct image *m = *state;

	image_set(m, EV(0, 5), ite(65536, 5, 26));
	image_finds(m, ITS_ISSUE_EVENT_LPI_BITS, 0, EV(0, 5), 65536);
	image_of_device(m, 0, 5);
	/* Fewer bits by GICR_PROPBASER. */
	image_set(m, EV(0, 5), ite(16384, 5, 26));
	m->walk.propbaser = PROP | 15;
	image_walk(m);
	assert_int_equal(m->nr_issues, 0);
	image_set(m, ITT(1) + 8 * 65535, ite(16383, 0, 0));
	m->walk.propbaser = PROP | 13;
	image_finds(m, ITS_ISSUE_EVENT_LPI_BITS, 0, EV(0, 5), 16384);
}

static void event_lpi_duplicate(void **state)
{
	struct image *m = *state;

	image_set(m, EV(9, 0), ite(LPI(1), 0, 0));
	image_finds(m, ITS_ISSUE_EVENT_LPI_DUPLICATE, 0, EV(9, 0), LPI(1));
	image_of_device(m, 32, 0);
	assert_int_equal(m->issue[0].other.id, 0);
	assert_int_equal(m->issue[0].other.base, EV(0, 1));
	assert_int_equal(m->result.lpis, 5);
}

static void event_chain_beyond(void **state)
{
	struct image *m = *state;

	image_set(m, EV(0, 5), ite(LPI(5), 5, 27));
	image_finds(m, ITS_ISSUE_EVENT_CHAIN_BEYOND, -EINVAL, EV(0, 5), 32);
	image_of_device(m, 0, 5);
}

static void event_collection(void **state)
{
	struct image *m = *state;

	image_set(m, EV(0, 5), ite(LPI(5), 2, 26));
	image_finds(m, ITS_ISSUE_EVENT_COLLECTION, -EINVAL, EV(0, 5), 2);
	image_of_device(m, 0, 5);
	assert_false(image_entry(m, ITS_ENTRY_EVENT, EV(0, 5))->u.event.known);
}

static void event_not_zero(void **state)
{
	struct image *m = *state;

	image_set(m, EV(10, 1), UINT64_C(0x0001000000000005));
	image_finds(m, ITS_ISSUE_RESERVED_BITS, 0, EV(10, 1), UINT64_C(0x0001000000000005));
	image_of_device(m, 3, ITS_NO_ID);
}

static void event_config(void **state)
{
	struct image *m = *state;
	const struct its_entry *e;

	*(uint8_t *)image_at(m, PROP + 31, 1) = 0xa3;
	m->walk.propbaser = PROP | 15;
	image_walk(m);
	assert_int_equal(m->nr_issues, 0);
	e = image_entry(m, ITS_ENTRY_EVENT, EV(0, 31));
	assert_true(e->u.event.has_config);
	assert_int_equal(e->u.event.config, 0xa3);
	/* The table ends with memory: the last LPIs are not in it. */
	m->walk.propbaser = (IMAGE_BASE + IMAGE_SIZE - 0x1000) | 15;
	image_finds(m, ITS_ISSUE_EVENT_CONFIG, -EFAULT, ITT(1) + 8 * 65535, 65535);
	image_of_device(m, 7, 65535);
	/* The configuration shares memory with an ITT. */
	m->walk.propbaser = (ITT(9) - 0xd000) | 15;
	image_set(m, DEV(7), dte(OTHER, 1, 25));
	image_finds(m, ITS_ISSUE_OVERLAP, 0, ITT(9), 0x80);
	assert_int_equal(m->issue[0].other.kind, ITS_EXTENT_PROPERTIES);
}

/* ---- More than one, and too much ---- */

/* A restore ends with the first error in its own order: collections come first. */
static void first_error(void **state)
{
	struct image *m = *state;

	image_set(m, DEV(0), dte(NOWHERE, 5, 3));
	image_set(m, COL(3), cte(1, 0));
	image_walk(m);
	assert_int_equal(m->nr_issues, 2);
	assert_int_equal(m->result.err, -EEXIST);
	image_set(m, COL(3), 0);
	image_walk(m);
	assert_int_equal(m->result.err, -EFAULT);
}

/* A full device table whose devices share one full ITT: 2^29 events in 1 MiB of memory. */
static void limits(void **state)
{
	struct image *m = *state;

	for (unsigned d = 0; d < 8192; d++)
		image_set(m, DEV(d), dte(ITT(0), 16, 1));
	for (unsigned e = 0; e < 65536; e++)
		image_set(m, EV(0, e), ite(LPI(e % 57344), 0, e < 65535));
	image_walk(m);
	assert_false(m->result.complete);
	assert_int_equal(m->result.by[ITS_ISSUE_LIMIT], 1);
	assert_int_equal(m->result.events, ITS_WALK_MAX_EVENTS);
	assert_int_equal(m->result.devices, ITS_WALK_MAX_EVENTS / 65536 + 1);

	for (unsigned e = 0; e < 65536; e++)
		image_set(m, EV(0, e), 0);
	image_walk(m);
	assert_false(m->result.complete);
	assert_int_equal(m->result.entries, ITS_WALK_MAX_ENTRIES);
	assert_int_equal(m->result.by[ITS_ISSUE_LIMIT], 1);

	m->walk.max_entries = 2;
	image_walk(m);
	assert_int_equal(m->result.entries, 2);
	assert_int_equal(m->result.collections, 2);
	assert_int_equal(m->result.devices, 0);
	assert_int_equal(m->nr_issues, 1);
}

static void names(void **state)
{
	for (unsigned k = 0; k < ITS_NR_ISSUES; k++) {
		assert_non_null(its_issue_name(k));
		for (unsigned j = 0; j < k; j++)
			assert_string_not_equal(its_issue_name(k), its_issue_name(j));
	}
	assert_string_equal(its_error_name(-EEXIST), "EEXIST");
}

/* A text is cut and never written beyond its end. */
static void short_text(void **state)
{
	struct its_issue i = {.kind = ITS_ISSUE_EVENT_LPI, .device = 3, .event = 4, .value = 5};
	char whole[256], part[256];

	its_issue_text(&i, whole, sizeof(whole));
	for (size_t size = 1; size < sizeof(part); size++) {
		memset(part, '#', sizeof(part));
		its_issue_text(&i, part, size);
		assert_int_equal(strncmp(part, whole, size - 1), 0);
		assert_in_range(strlen(part), 0, size - 1);
		for (size_t k = size; k < sizeof(part); k++)
			assert_int_equal(part[k], '#');
	}
}

/* A file that is cut short while it is inspected is an error, not a signal. */
static void cut_short(void **state)
{
	struct inspect_memory memory = {0};
	int fd = memfd_create("inspect", 0);
	uint8_t byte[2];
	char path[32];

	assert_true(fd >= 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert_int_equal(ftruncate(fd, 0x3000), 0);
	assert_int_equal(inspect_memory_add(&memory, path, 0x1000), 0);
	assert_true(inspect_memory_read(&memory, 0x3fff, byte, 1));
	assert_false(inspect_memory_read(&memory, 0x3fff, byte, 2));
	assert_false(inspect_memory_read(&memory, 0xfff, byte, 2));
	assert_false(inspect_memory_contains(&memory, UINT64_MAX, 2));
	assert_null(memory.failed);
	assert_int_equal(ftruncate(fd, 0x2000), 0);
	assert_false(inspect_memory_read(&memory, 0x3000, byte, 1));
	assert_ptr_equal(memory.failed, path);
	inspect_memory_finish(&memory);
	close(fd);
}

#define T(name) cmocka_unit_test_setup_teardown(name, image_setup, image_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(good),
	    T(what_is_read),
	    T(extents),
	    T(not_valid),
	    T(cut_distances),
	    T(event_without_collection),
	    T(baser_page_size),
	    T(baser_entry_size),
	    T(baser_indirect),
	    T(baser_address),
	    T(table_outside),
	    T(table_partly_outside),
	    T(itt_outside),
	    T(overlap),
	    T(collection_target),
	    T(collection_duplicate),
	    T(collection_beyond),
	    T(collection_reserved),
	    T(device_id),
	    T(device_eventid_bits),
	    T(device_chain_beyond),
	    T(device_chain_dangling),
	    T(device_not_zero),
	    T(event_lpi),
	    T(event_lpi_bits),
	    T(event_lpi_duplicate),
	    T(event_chain_beyond),
	    T(event_collection),
	    T(event_not_zero),
	    T(event_config),
	    T(first_error),
	    T(limits),
	    T(names),
	    T(short_text),
	    cmocka_unit_test(cut_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
