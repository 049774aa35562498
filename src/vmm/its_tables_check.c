/* SPDX-License-Identifier: MIT */
/*
 * What a walk over the ITS's tables keeps count of: how much it may do, what it told, and which
 * memory the tables take, to find those that share some.
 */
#include "vmm/its_tables_check.h"

#include <errno.h>
#include <stdlib.h>

enum { FIRST_EXTENTS = 64 };

struct walker *walker_create(const struct its_walk *walk, struct its_walk_result *result)
{
	struct walker *wk = calloc(1, sizeof(*wk));

	*result = (struct its_walk_result){.complete = true};
	if (!wk)
		return NULL;
	wk->walk = walk;
	wk->result = result;
	wk->max_entries = walk->max_entries ? walk->max_entries : ITS_WALK_MAX_ENTRIES;
	wk->max_events = walk->max_events ? walk->max_events : ITS_WALK_MAX_EVENTS;
	wk->device = wk->event = ITS_NO_ID;
	wk->intids = ITS_MAX_INTID;
	/* GICR_PROPBASER (IHI 0069H 12.11): [51:12] address, [4:0] bits of INTID - 1. */
	if (walk->propbaser) {
		unsigned bits = (walk->propbaser & 31) + 1;

		wk->properties = walk->propbaser & (UINT64_MAX >> 12 & ~UINT64_C(0xfff));
		if (bits < 16)
			wk->intids = UINT32_C(1) << bits;
	}
	return wk;
}

void walker_destroy(struct walker *wk)
{
	free(wk->extents);
	free(wk);
}

/* ---- Telling ---- */

void walker_entry(struct walker *wk, const struct its_entry *entry)
{
	if (wk->walk->entry)
		wk->walk->entry(wk->walk->opaque, entry);
}

static void tell_issue(struct walker *wk, const struct its_issue *issue)
{
	struct its_walk_result *r = wk->result;

	r->issues++;
	r->by[issue->kind]++;
	if (!r->err)
		r->err = issue->err;
	if (wk->walk->issue)
		wk->walk->issue(wk->walk->opaque, issue);
}

void walker_issue(struct walker *wk, enum its_issue_kind kind, int err, uint64_t gpa,
		  uint64_t value)
{
	tell_issue(wk, &(struct its_issue){.kind = kind,
					   .err = err,
					   .gpa = gpa,
					   .table = wk->table,
					   .device = wk->device,
					   .event = wk->event,
					   .value = value});
}

void walker_issue_with(struct walker *wk, enum its_issue_kind kind, uint64_t gpa, uint64_t value,
		       const struct its_extent *other)
{
	tell_issue(wk, &(struct its_issue){.kind = kind,
					   .gpa = gpa,
					   .table = wk->table,
					   .device = wk->device,
					   .event = wk->event,
					   .value = value,
					   .other = *other});
}

/* ---- Limits ---- */

static bool limit(struct walker *wk, uint64_t gpa, unsigned long *count, unsigned long max)
{
	if (*count < max) {
		++*count;
		return true;
	}
	wk->result->complete = false;
	walker_issue(wk, ITS_ISSUE_LIMIT, 0, gpa, max);
	return false;
}

bool walker_may_read(struct walker *wk, uint64_t gpa)
{
	return limit(wk, gpa, &wk->result->entries, wk->max_entries);
}

bool walker_may_tell(struct walker *wk, uint64_t gpa)
{
	return limit(wk, gpa, &wk->result->events, wk->max_events);
}

/* ---- Extents ---- */

static void grow(struct walker *wk)
{
	unsigned max = wk->max_extents ? 2 * wk->max_extents : FIRST_EXTENTS;
	struct its_extent *more = NULL;

	if (max > WALKER_EXTENTS)
		max = WALKER_EXTENTS;
	if (max > wk->max_extents)
		more = realloc(wk->extents, max * sizeof(*more));
	if (more) {
		wk->extents = more;
		wk->max_extents = max;
	} else {
		wk->no_memory = true;
	}
}

void walker_extent(struct walker *wk, const struct its_extent *extent)
{
	if (wk->walk->extent)
		wk->walk->extent(wk->walk->opaque, extent);
	/* Pages of DeviceIDs that there cannot be are many, and not kept. */
	if (extent->kind == ITS_EXTENT_LEVEL2 && extent->id >= ITS_MAX_IDS)
		return;
	if (wk->nr_extents == wk->max_extents)
		grow(wk);
	if (wk->nr_extents < wk->max_extents)
		wk->extents[wk->nr_extents++] = *extent;
}

void walker_properties(struct walker *wk)
{
	if (wk->walk->propbaser && wk->intids > ITS_FIRST_LPI)
		walker_extent(wk, &(struct its_extent){.kind = ITS_EXTENT_PROPERTIES,
						       .base = wk->properties,
						       .size = wk->intids - ITS_FIRST_LPI});
}

static int by_address(const void *a, const void *b)
{
	const struct its_extent *x = a, *y = b;

	if (x->base != y->base)
		return x->base < y->base ? -1 : 1;
	return x->id == y->id ? 0 : x->id < y->id ? -1 : 1;
}

/* Each that begins before an earlier one ended is told once, with the one that ends last. */
void walker_overlaps(struct walker *wk)
{
	const struct its_extent *last = wk->extents;

	if (wk->nr_extents < 2)
		return;
	qsort(wk->extents, wk->nr_extents, sizeof(wk->extents[0]), by_address);
	for (unsigned i = 1; i < wk->nr_extents; i++) {
		const struct its_extent *e = &wk->extents[i];

		if (e->base < last->base + last->size) {
			wk->table = e->kind;
			wk->device = e->kind == ITS_EXTENT_ITT ? e->id : ITS_NO_ID;
			walker_issue_with(wk, ITS_ISSUE_OVERLAP, e->base, e->size, last);
		}
		if (e->base + e->size > last->base + last->size)
			last = e;
	}
}
