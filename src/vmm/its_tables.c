/* SPDX-License-Identifier: MIT */
/*
 * The walk over the ITS's saved tables. The format:
 *
 *     collection  63 valid, [62:48] zero, [47:16] vCPU (0xffffffff: none), [15:0] ICID
 *     level 1     63 valid, [51:16] page of device entries
 *     device      63 valid, [62:49] distance to the next DeviceID (0: last), [48:5] ITT[51:8],
 *                 [4:0] bits of EventID - 1
 *     event       [63:48] distance to the next EventID (0: last), [47:16] INTID (0: not valid),
 *                 [15:0] ICID
 *
 * Collections lie one after the other and end with an entry that is not valid. Devices and events
 * are at their ID, and the walk goes from each to the next; an entry that is not valid is passed to
 * the one after it. A distance that does not fit is stored as the greatest that does, and may lead
 * to an entry that is not valid.
 */
#include "vmm/its_tables.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>

#include "vmm/its_tables_check.h"

enum {
	BUFFER = 512,
	BUFFER_FIRST = 16,
	L2_ENTRIES = ITS_PAGE_SIZE / ITS_ENTRY_SIZE,
	L2_PAGES = ITS_MAX_IDS / L2_ENTRIES, /* that DeviceIDs of 16 bits reach */
	DEVICE_MAX_NEXT = (1 << 14) - 1,
};

#define VALID (UINT64_C(1) << 63)

static inline uint64_t bits(uint64_t v, unsigned high, unsigned low)
{
	return v >> low & (UINT64_MAX >> (63 - high + low));
}

/* IHI 0069H 12.19, and what KVM makes of it: pages of 64 KiB, so [15:12] are address [51:48]. */
struct its_baser its_baser_decode(uint64_t value)
{
	static const uint8_t kib[] = {4, 16, 64, 0};

	return (struct its_baser){
	    .value = value,
	    .base = bits(value, 47, 16) << 16 | bits(value, 15, 12) << 48,
	    .size = (bits(value, 7, 0) + 1) * ITS_PAGE_SIZE,
	    .type = (unsigned)bits(value, 58, 56),
	    .entry_size = (unsigned)bits(value, 52, 48) + 1,
	    .page_size = kib[bits(value, 9, 8)],
	    .valid = value & VALID,
	    .indirect = bits(value, 62, 62),
	};
}

/* ---- One table ---- */

/* Why a walk over a table ended. */
enum end {
	END_LAST, /* an entry was the last of its kind */
	END_OF_TABLE,
	END_UNREADABLE,
	END_LIMIT, /* and so does everything */
};

struct table {
	uint64_t base, nr;
	/* Entries read ahead: more each time that all were used. */
	uint64_t first; /* index of the first */
	unsigned n, ahead;
	uint64_t entry[BUFFER];
};

static bool table_read(struct walker *wk, struct table *t, uint64_t index, uint64_t *entry)
{
	const struct its_walk *w = wk->walk;
	uint64_t at = t->base + index * ITS_ENTRY_SIZE, n = t->nr - index;

	if (index - t->first >= t->n) {
		if (!t->ahead || index != t->first + t->n)
			t->ahead = BUFFER_FIRST;
		else if (t->ahead < BUFFER)
			t->ahead *= 2;
		if (n > t->ahead)
			n = t->ahead;
		t->first = index;
		t->n = 0;
		if (w->read(w->opaque, at, t->entry, (size_t)n * ITS_ENTRY_SIZE))
			t->n = (unsigned)n;
		else if (w->read(w->opaque, at, t->entry, ITS_ENTRY_SIZE))
			t->n = 1;
		else
			return false;
	}
	*entry = le64toh(t->entry[index - t->first]);
	return true;
}

/* The kinds of tables whose entries are at their ID. */
struct kind {
	uint64_t valid; /* an entry with none of these bits is not */
	bool zero;	/* one that is not valid should be 0 */
	/* The distance to the next entry, 0 if this was the last, -1 at the limit. */
	int (*each)(struct walker *wk, uint64_t id, uint64_t gpa, uint64_t entry);
	void (*unused)(struct walker *wk, uint64_t id);
};

static void run_told(struct walker *wk, uint64_t from, uint64_t to)
{
	if (from != to)
		walker_entry(wk, &(struct its_entry){
				     .kind = ITS_ENTRY_UNUSED, .gpa = from, .size = to - from});
}

static enum end walk_table(struct walker *wk, const struct kind *kind, uint64_t base, uint64_t nr,
			   uint64_t first_id)
{
	struct table t = {.base = base, .nr = nr};
	uint64_t run = base; /* of entries that are not valid */

	for (uint64_t index = 0; index < nr;) {
		uint64_t at = base + index * ITS_ENTRY_SIZE, entry;
		int step = 1;

		/* What cannot be read may well be where the last device leads to. */
		if (!walker_may_read(wk, at)) {
			run_told(wk, run, at);
			wk->chain.on = false;
			return END_LIMIT;
		}
		if (!table_read(wk, &t, index, &entry)) {
			run_told(wk, run, at);
			wk->chain.on = false;
			wk->fault = at;
			return END_UNREADABLE;
		}
		if (entry & kind->valid) {
			run_told(wk, run, at);
			step = kind->each(wk, first_id + index, at, entry);
			if (step <= 0)
				return step ? END_LIMIT : END_LAST;
			run = base + (index + (unsigned)step) * ITS_ENTRY_SIZE;
		} else {
			if (entry && kind->zero)
				walker_issue(wk, ITS_ISSUE_RESERVED_BITS, 0, at, entry);
			if (kind->unused)
				kind->unused(wk, first_id + index);
		}
		index += (unsigned)step;
	}
	if (run < base + nr * ITS_ENTRY_SIZE)
		run_told(wk, run, base + nr * ITS_ENTRY_SIZE);
	return END_OF_TABLE;
}

/* What could not be read ends a restore; what is not in memory beyond the last entry does not. */
static void check_memory(struct walker *wk, enum its_issue_kind kind, enum end end,
			 const struct its_extent *e)
{
	if (end == END_UNREADABLE)
		walker_issue(wk, kind, -EFAULT, wk->fault, e->base);
	else if (!wk->walk->contains(wk->walk->opaque, e->base, e->size))
		walker_issue(wk, kind, 0, e->base, e->base);
}

/* ---- Events ---- */

static void check_lpi(struct walker *wk, const struct its_entry *e)
{
	uint32_t intid = e->u.event.intid;

	if (intid < ITS_FIRST_LPI)
		walker_issue(wk, ITS_ISSUE_EVENT_LPI, -EINVAL, e->gpa, intid);
	else if (intid >= wk->intids)
		walker_issue(wk, ITS_ISSUE_EVENT_LPI_BITS, 0, e->gpa, intid);
	if (intid < ITS_FIRST_LPI || intid >= ITS_MAX_INTID)
		return;
	if (wk->lpi[intid]) {
		struct its_extent first = {ITS_EXTENT_ITT, wk->lpi[intid] - 1, ITS_ENTRY_SIZE,
					   wk->lpi_device[intid]};

		walker_issue_with(wk, ITS_ISSUE_EVENT_LPI_DUPLICATE, e->gpa, intid, &first);
		return;
	}
	wk->lpi[intid] = e->gpa + 1;
	wk->lpi_device[intid] = (uint16_t)wk->device;
	wk->result->lpis++;
}

/* The byte that a restore reads for the LPI. */
static void read_config(struct walker *wk, struct its_entry *e)
{
	const struct its_walk *w = wk->walk;
	uint64_t at = wk->properties + e->u.event.intid - ITS_FIRST_LPI;

	if (w->propbaser && e->u.event.intid >= ITS_FIRST_LPI)
		e->u.event.has_config = w->read(w->opaque, at, &e->u.event.config, 1);
}

static int each_event(struct walker *wk, uint64_t id, uint64_t gpa, uint64_t entry)
{
	struct its_entry e = {
	    .kind = ITS_ENTRY_EVENT,
	    .gpa = gpa,
	    .size = ITS_ENTRY_SIZE,
	    .raw = entry,
	    .u.event = {.device = wk->device,
			.id = (uint32_t)id,
			.next = (uint32_t)bits(entry, 63, 48),
			.intid = (uint32_t)bits(entry, 47, 16),
			.icid = (uint32_t)bits(entry, 15, 0)},
	};
	bool beyond = id + e.u.event.next >= UINT64_C(1) << wk->bits;

	if (!walker_may_tell(wk, gpa))
		return -1;
	e.u.event.known = wk->icid[e.u.event.icid];
	e.u.event.target = wk->target[e.u.event.icid];
	read_config(wk, &e);
	wk->event = (uint32_t)id;
	walker_entry(wk, &e);
	check_lpi(wk, &e);
	if (beyond)
		walker_issue(wk, ITS_ISSUE_EVENT_CHAIN_BEYOND, -EINVAL, gpa, id + e.u.event.next);
	if (!e.u.event.known)
		walker_issue(wk, ITS_ISSUE_EVENT_COLLECTION, -EINVAL, gpa, e.u.event.icid);
	if (wk->walk->propbaser && e.u.event.intid >= ITS_FIRST_LPI && !e.u.event.has_config)
		walker_issue(wk, ITS_ISSUE_EVENT_CONFIG, -EFAULT, gpa, e.u.event.intid);
	wk->event = ITS_NO_ID;
	return beyond ? 0 : (int)e.u.event.next;
}

static const struct kind events = {
    .valid = UINT64_C(0xffffffff) << 16, .zero = true, .each = each_event};

static enum end walk_itt(struct walker *wk, uint32_t device, uint64_t itt, unsigned nr_bits)
{
	struct its_extent e = {ITS_EXTENT_ITT, itt, (uint64_t)ITS_ENTRY_SIZE << nr_bits, device};
	enum end end;

	wk->bits = nr_bits;
	wk->device = device;
	wk->table = ITS_EXTENT_ITT;
	walker_extent(wk, &e);
	end = walk_table(wk, &events, itt, UINT64_C(1) << nr_bits, 0);
	check_memory(wk, ITS_ISSUE_ITT_OUTSIDE, end, &e);
	return end;
}

/* ---- Devices ---- */

/* The walk came to @id, or beyond everything, and looks back at what the last device promised. */
static void check_chain(struct walker *wk, uint64_t id, uint64_t gpa, bool valid)
{
	struct chain *c = &wk->chain;

	if (!c->on || (id < c->to && !valid))
		return;
	c->on = false;
	if (id < c->to) {
		wk->device = (uint32_t)id;
		walker_issue(wk, ITS_ISSUE_DEVICE_CHAIN_STRAY, 0, gpa, c->from);
	} else if (id > c->to || !valid) {
		wk->device = c->from;
		walker_issue(wk, ITS_ISSUE_DEVICE_CHAIN_DANGLING, 0, c->gpa, c->to);
	}
}

static void unused_device(struct walker *wk, uint64_t id)
{
	check_chain(wk, id, 0, false);
	wk->device = ITS_NO_ID;
}

static void start_chain(struct walker *wk, uint32_t id, uint32_t next, uint64_t gpa)
{
	if (!next)
		return;
	if (id + next >= wk->ids)
		walker_issue(wk, ITS_ISSUE_DEVICE_CHAIN_BEYOND, 0, gpa, id + next);
	else if (next < DEVICE_MAX_NEXT)
		wk->chain = (struct chain){true, id, id + next, gpa};
}

static int each_device(struct walker *wk, uint64_t id, uint64_t gpa, uint64_t entry)
{
	enum its_extent_kind table = wk->table;
	struct its_entry e = {
	    .kind = ITS_ENTRY_DEVICE,
	    .gpa = gpa,
	    .size = ITS_ENTRY_SIZE,
	    .raw = entry,
	    .u.device = {.id = (uint32_t)id,
			 .next = (uint32_t)bits(entry, 62, 49),
			 .bits = (unsigned)bits(entry, 4, 0) + 1,
			 .itt = bits(entry, 48, 5) << 8},
	};
	enum end end = END_LAST;

	walker_entry(wk, &e);
	wk->result->devices++;
	if (id >= ITS_MAX_IDS) {
		/* All that follows would say the same. */
		wk->chain.on = false;
		walker_issue(wk, ITS_ISSUE_DEVICE_ID, -EINVAL, gpa, id);
		return 0;
	}
	check_chain(wk, id, gpa, true);
	wk->device = (uint32_t)id;
	if (e.u.device.bits > 16)
		walker_issue(wk, ITS_ISSUE_DEVICE_EVENTID_BITS, -EINVAL, gpa, e.u.device.bits);
	else
		end = walk_itt(wk, (uint32_t)id, e.u.device.itt, e.u.device.bits);
	wk->table = table;
	start_chain(wk, (uint32_t)id, e.u.device.next, gpa);
	wk->device = ITS_NO_ID;
	return end == END_LIMIT ? -1 : (int)e.u.device.next;
}

static const struct kind devices = {
    .valid = VALID, .zero = true, .each = each_device, .unused = unused_device};

/*
 * A page whose last device is the last of all ends the walk; one whose last device leads out of it
 * is followed by the next page.
 */
static int each_level1(struct walker *wk, uint64_t index, uint64_t gpa, uint64_t entry)
{
	uint64_t id = index * L2_ENTRIES, page = entry & (UINT64_MAX >> 12 & ~UINT64_C(0xffff));
	struct its_entry e = {.kind = ITS_ENTRY_LEVEL1,
			      .gpa = gpa,
			      .size = ITS_ENTRY_SIZE,
			      .raw = entry,
			      .u.level1 = {.first_id = (uint32_t)id, .page = page}};
	struct its_extent x = {ITS_EXTENT_LEVEL2, page, ITS_PAGE_SIZE, (uint32_t)id};
	enum end end;

	walker_entry(wk, &e);
	if (entry != (VALID | page))
		walker_issue(wk, ITS_ISSUE_RESERVED_BITS, 0, gpa, entry);
	wk->table = ITS_EXTENT_LEVEL2;
	walker_extent(wk, &x);
	end = walk_table(wk, &devices, page, L2_ENTRIES, id);
	check_memory(wk, ITS_ISSUE_LEVEL2_OUTSIDE, end, &x);
	wk->table = ITS_EXTENT_LEVEL1;
	return end == END_LIMIT ? -1 : end != END_LAST;
}

static const struct kind level1 = {.valid = VALID, .each = each_level1};

static void walk_devices(struct walker *wk, const struct its_baser *b)
{
	uint64_t nr = b->size / ITS_ENTRY_SIZE;
	struct its_extent e = {ITS_EXTENT_DEVICES, b->base, b->size, 0};
	enum end end;

	if (b->indirect)
		e.kind = ITS_EXTENT_LEVEL1;
	wk->table = e.kind;
	wk->ids = b->indirect ? nr * L2_ENTRIES : nr;
	walker_extent(wk, &e);
	end = walk_table(wk, b->indirect ? &level1 : &devices, b->base, nr, 0);
	check_chain(wk, UINT64_MAX, 0, false);
	wk->device = ITS_NO_ID;
	check_memory(wk, ITS_ISSUE_TABLE_OUTSIDE, end, &e);
}

/* ---- Collections ---- */

static void each_collection(struct walker *wk, const struct its_baser *b, uint64_t gpa,
			    uint64_t entry)
{
	unsigned nr_vcpus = wk->walk->nr_vcpus ? wk->walk->nr_vcpus : ITS_MAX_VCPUS;
	uint32_t icid = (uint32_t)bits(entry, 15, 0), target = (uint32_t)bits(entry, 47, 16);
	uint64_t own = b->base + (uint64_t)icid * ITS_ENTRY_SIZE;

	walker_entry(wk, &(struct its_entry){.kind = ITS_ENTRY_COLLECTION,
					     .gpa = gpa,
					     .size = ITS_ENTRY_SIZE,
					     .raw = entry,
					     .u.collection = {icid, target}});
	wk->result->collections++;
	if (bits(entry, 62, 48))
		walker_issue(wk, ITS_ISSUE_RESERVED_BITS, 0, gpa, entry);
	if (target != ITS_NOT_MAPPED && target >= nr_vcpus)
		walker_issue(wk, ITS_ISSUE_COLLECTION_TARGET, -EINVAL, gpa, target);
	if (wk->icid[icid])
		walker_issue(wk, ITS_ISSUE_COLLECTION_DUPLICATE, -EEXIST, gpa, icid);
	else
		wk->target[icid] = target;
	wk->icid[icid] = 1;
	/* KVM looks whether the table has a place of its own for it, which it does not use. */
	if (own - b->base >= b->size || !wk->walk->contains(wk->walk->opaque, own, ITS_ENTRY_SIZE))
		walker_issue(wk, ITS_ISSUE_COLLECTION_BEYOND, -EINVAL, gpa, icid);
}

static enum end collections_from(struct walker *wk, const struct its_baser *b)
{
	struct table t = {.base = b->base, .nr = b->size / ITS_ENTRY_SIZE};

	for (uint64_t index = 0; index < t.nr; index++) {
		uint64_t at = b->base + index * ITS_ENTRY_SIZE, entry;

		if (!walker_may_read(wk, at))
			return END_LIMIT;
		if (!table_read(wk, &t, index, &entry)) {
			wk->fault = at;
			return END_UNREADABLE;
		}
		if (!(entry & VALID)) {
			walker_entry(wk, &(struct its_entry){.kind = ITS_ENTRY_COLLECTIONS_END,
							     .gpa = at,
							     .size = ITS_ENTRY_SIZE,
							     .raw = entry});
			if (entry)
				walker_issue(wk, ITS_ISSUE_RESERVED_BITS, 0, at, entry);
			return END_LAST;
		}
		each_collection(wk, b, at, entry);
	}
	return END_OF_TABLE;
}

static void walk_collections(struct walker *wk, const struct its_baser *b)
{
	struct its_extent e = {ITS_EXTENT_COLLECTIONS, b->base, b->size, 0};

	wk->table = e.kind;
	walker_extent(wk, &e);
	check_memory(wk, ITS_ISSUE_TABLE_OUTSIDE, collections_from(wk, b), &e);
}

/* ---- All ---- */

/* KVM keeps the page size and the entry size as they must be, whatever is written. */
static void check_baser(struct walker *wk, const struct its_baser *b, enum its_extent_kind table)
{
	wk->table = table;
	if (b->page_size != ITS_PAGE_SIZE / 1024)
		walker_issue(wk, ITS_ISSUE_BASER_PAGE_SIZE, 0, ITS_NO_GPA, b->page_size);
	if (b->entry_size != ITS_ENTRY_SIZE)
		walker_issue(wk, ITS_ISSUE_BASER_ENTRY_SIZE, 0, ITS_NO_GPA, b->entry_size);
	if (b->indirect && table == ITS_EXTENT_COLLECTIONS)
		walker_issue(wk, ITS_ISSUE_BASER_INDIRECT, 0, ITS_NO_GPA, b->value);
}

static void walk_all(struct walker *wk)
{
	struct its_baser c = its_baser_decode(wk->walk->collections);
	struct its_baser d = its_baser_decode(wk->walk->devices);

	if (c.valid) {
		check_baser(wk, &c, ITS_EXTENT_COLLECTIONS);
		walk_collections(wk, &c);
	}
	if (d.valid && wk->result->complete) {
		check_baser(wk, &d, ITS_EXTENT_DEVICES);
		walk_devices(wk, &d);
	}
	walker_properties(wk);
	walker_overlaps(wk);
}

int its_walk(const struct its_walk *walk, struct its_walk_result *result)
{
	struct walker *wk = walker_create(walk, result);
	int err;

	if (!wk)
		return -ENOMEM;
	walk_all(wk);
	err = wk->no_memory ? -ENOMEM : 0;
	walker_destroy(wk);
	return err;
}
