/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: the walk over the ITS's saved tables (src/vmm/its_tables.h), on memory that an input
 * writes. Some of it is random, most of it entries that are nearly right, because nothing is found
 * in noise. What must hold whatever is there: the limits, entries as they are in memory,
 * everything that is read told of, counts that agree, a text for all that is wrong.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "vmm/its_tables.h"

#define RAM	 UINT64_C(0x40000000)
#define RAM_SIZE 0x80000u
#define V63	 (UINT64_C(1) << 63)

enum { MAX_ENTRIES = 20000, MAX_EVENTS = 5000 };

struct fuzz_count fuzz_count;

static struct {
	const uint8_t *data;
	size_t left;
} in;

static uint8_t ram[RAM_SIZE];
/* Where the input wrote, to be zero again afterwards. */
static unsigned dirty[4096], nr_dirty;

static struct {
	unsigned long entries, collections, devices, events, issues, faults, by[ITS_NR_ISSUES];
	bool in_devices;
} told;

/* ---- Input ---- */

static uint8_t byte(void)
{
	if (!in.left)
		return 0;
	in.left--;
	return *in.data++;
}

static uint64_t bytes(unsigned n)
{
	uint64_t v = 0;

	while (n--)
		v = v << 8 | byte();
	return v;
}

#define check(ok)                                                                    \
	do {                                                                         \
		if (!(ok)) {                                                         \
			fprintf(stderr, "%s:%d: not %s\n", __FILE__, __LINE__, #ok); \
			abort();                                                     \
		}                                                                    \
	} while (0)

/* ---- Memory ---- */

static bool contains(void *opaque, uint64_t gpa, uint64_t len)
{
	return gpa >= RAM && gpa - RAM <= RAM_SIZE && len <= RAM_SIZE - (gpa - RAM);
}

static bool read_ram(void *opaque, uint64_t gpa, void *to, size_t len)
{
	check(len > 0 && len <= 4096);
	if (!contains(NULL, gpa, len))
		return false;
	memcpy(to, ram + (gpa - RAM), len);
	return true;
}

static void put(uint64_t gpa, uint64_t value)
{
	if (!contains(NULL, gpa, 8) || nr_dirty == sizeof(dirty) / sizeof(dirty[0]))
		return;
	dirty[nr_dirty++] = (unsigned)(gpa - RAM);
	memcpy(ram + (gpa - RAM), &value, 8);
}

/* ---- Tables, nearly right ---- */

static uint64_t page(unsigned n)
{
	return RAM + n % 8 * UINT64_C(0x10000);
}

/* One of eight pages of 64 KiB, or nearly. */
static uint64_t address(void)
{
	unsigned n = byte();

	if (n < 224)
		return page(n);
	return n < 248 ? page(n) + byte() * UINT64_C(0x100) : bytes(6);
}

/* Now and then something is wrong with it. */
static uint64_t damaged(uint64_t entry)
{
	unsigned n = byte();

	if (n < 240)
		return entry;
	if (n < 252)
		return entry ^ UINT64_C(1) << byte() % 64;
	return n < 254 ? 0 : bytes(8);
}

/* GITS_BASER, mostly of one page, and of two levels if @indirect. */
static uint64_t baser(unsigned type, uint64_t at, bool indirect)
{
	uint64_t v = V63 | (uint64_t)type << 56 | UINT64_C(7) << 48 | 2u << 8 | at;
	unsigned n = byte();

	if (indirect)
		v |= UINT64_C(1) << 62;
	if (n >= 224)
		v |= byte();
	return n >= 252 ? damaged(bytes(8)) : v;
}

static void collections(uint64_t at)
{
	unsigned n = byte() % 12;

	for (unsigned icid = 0; icid < n; icid++, at += 8)
		put(at, damaged(V63 | (uint64_t)(byte() % 4) << 16 | icid));
}

/* Devices or events: each says how far it is to the next. */
static void chain(uint64_t at, bool devices)
{
	unsigned n = byte() % 16;
	uint64_t next;

	at += byte() % 4 * 8u;
	for (; n; n--, at += 8 * next) {
		uint64_t v;

		next = byte() < 192 ? 1u + byte() % 4 : 1 + bytes(2) % 8191;
		if (devices)
			v = V63 | address() >> 8 << 5 | (byte() < 192 ? byte() % 6 : byte() % 18) |
			    (n > 1 ? next : 0) << 49;
		else
			v = (uint64_t)(8192 + byte()) << 16 | byte() % 8 | (n > 1 ? next : 0) << 48;
		put(at, damaged(v));
	}
}

static void level1(uint64_t at)
{
	unsigned n = byte() % 10;

	for (; n; n--, at += 8)
		if (byte() % 4)
			put(at, damaged(V63 | address()));
}

static void noise(void)
{
	uint64_t at = page(byte()) + (bytes(2) & 0xfff8);
	unsigned n = byte() % 32;

	for (; n; n--, at += 8)
		put(at, bytes(8));
}

/* ---- What is told ---- */

static void on_extent(void *opaque, const struct its_extent *x)
{
	check(x->size >= 16 || x->kind == ITS_EXTENT_PROPERTIES);
	if (x->kind != ITS_EXTENT_COLLECTIONS)
		told.in_devices = true;
}

static void on_entry(void *opaque, const struct its_entry *e)
{
	check(contains(NULL, e->gpa, e->size) && e->size && e->size % 8 == 0);
	check(told.in_devices ==
	      (e->kind != ITS_ENTRY_COLLECTION && e->kind != ITS_ENTRY_COLLECTIONS_END));
	told.entries += e->size / 8;
	told.collections += e->kind == ITS_ENTRY_COLLECTION;
	told.devices += e->kind == ITS_ENTRY_DEVICE;
	told.events += e->kind == ITS_ENTRY_EVENT;
	if (e->kind != ITS_ENTRY_UNUSED)
		check(e->size == 8 && !memcmp(ram + (e->gpa - RAM), &e->raw, 8));
	if (e->kind == ITS_ENTRY_EVENT)
		check(e->u.event.device < 65536 && e->u.event.id < 65536 && e->u.event.intid);
}

static void on_issue(void *opaque, const struct its_issue *i)
{
	char text[256];
	size_t len;

	check((unsigned)i->kind < ITS_NR_ISSUES && strlen(its_issue_name(i->kind)) > 4);
	check(i->err <= 0 && strlen(its_error_name(i->err)) > 1);
	its_issue_text(i, text, sizeof(text));
	len = strlen(text);
	check(len > 10 && len < 220);
	for (size_t k = 0; k < len; k++)
		check(text[k] >= ' ' && text[k] != '"' && text[k] != '\\' && text[k] < 127);
	told.issues++;
	told.faults += i->err == -EFAULT && i->kind != ITS_ISSUE_EVENT_CONFIG;
	told.by[i->kind]++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct its_walk w = {.read = read_ram,
			     .contains = contains,
			     .extent = on_extent,
			     .entry = on_entry,
			     .issue = on_issue,
			     .max_entries = MAX_ENTRIES,
			     .max_events = MAX_EVENTS};
	struct its_walk_result r;
	bool indirect;

	in.data = data;
	in.left = size;
	memset(&told, 0, sizeof(told));
	indirect = byte() % 3 == 0;
	w.devices = baser(ITS_TYPE_DEVICES, page(0), indirect);
	w.collections = baser(ITS_TYPE_COLLECTIONS, page(1), false);
	w.propbaser = byte() < 128 ? 0 : address() | byte() % 32;
	w.nr_vcpus = byte() % 8;
	if (byte() < 32)
		w.max_events = 1 + byte();
	collections(page(1));
	if (indirect)
		level1(page(0));
	else
		chain(page(0), true);
	for (unsigned left = byte() % 32; left; left--) {
		unsigned n = byte();

		if (n < 64)
			chain(address(), true);
		else if (n < 250)
			chain(address(), false);
		else
			noise();
	}
	check(its_walk(&w, &r) == 0);
	while (nr_dirty)
		memset(ram + dirty[--nr_dirty], 0, 8);

	check(r.entries <= MAX_ENTRIES && r.events <= MAX_EVENTS);
	/* All that was read is told, but what could not be, and an event at the limit. */
	told.entries += told.faults;
	check(told.entries == r.entries || (!r.complete && told.entries + 1 == r.entries));
	check(told.collections == r.collections && told.devices == r.devices);
	check(told.events == r.events && r.lpis <= r.events);
	check(told.issues == r.issues && !memcmp(told.by, r.by, sizeof(r.by)));
	check(r.complete == !r.by[ITS_ISSUE_LIMIT] && r.by[ITS_ISSUE_LIMIT] <= 1);
	check(!r.err || r.issues);
	if (r.err)
		fuzz_count.bad++;
	else
		fuzz_count.good++;
	fuzz_count.runs += r.events;
	fuzz_count.exits += r.issues;
	return 0;
}
