/* SPDX-License-Identifier: MIT */
/*
 * The bus: a hash table of pages. A frame has an entry for each 64 KiB page that it touches, so an
 * address is found by one probe, or a few more when frames share a page, however many frames there
 * are. Frames that would need many entries use larger pages; a bit map says which sizes are in use,
 * and as a rule it is one.
 *
 * Lookups take no lock: they read the table under a sequence count and try again when a writer was
 * at work meanwhile. Every cell is an atomic, so what a reader sees in between may be nonsense but
 * never a data race, and a search over nonsense ends after one round. A table that became too small
 * is kept until the bus goes, because a reader may still be in it; as each is twice its
 * predecessor, the old ones together are no larger than the one in use.
 */
#include <armature/mmio.h>

#include <stdatomic.h>

#include "base/bits.h"
#include "base/lock.h"
#include "base/trace.h"
#include "base/cstring.h"
#include "bus/error.h"

/* Empty: no frame. Removed: a frame that matches nothing (base > last), so that searches go on. */
struct bus_slot {
	_Atomic(uint64_t) base;
	_Atomic(uint64_t) last; /* the range's last byte: a range may end at 2^64 */
	_Atomic(struct am_frame *) frame;
};

struct bus_table {
	struct bus_table *older;
	size_t capacity; /* a power of two */
	unsigned shift;	 /* from a hash to an index */
	struct bus_slot slots[];
};

/* The writers' own list, in order of address. */
struct bus_range {
	uint64_t base, last;
	struct am_frame *frame;
};

struct am_bus {
	struct am_alloc alloc;
	atomic_uint seq;	   /* odd while a writer changes the table */
	_Atomic(uint64_t) classes; /* bit n: there are frames with pages of 2^n bytes */
	_Atomic(struct bus_table *) table;
	atomic_bool overlaps; /* frames cover each other: the table is not enough */

	struct am_lock lock; /* writers, and all below */
	size_t live, filled; /* slots with a frame; these and the removed ones */
	struct bus_range *ranges;
	size_t nr_ranges, max_ranges;
};

enum {
	BUS_FIRST_CAPACITY = 16,
	BUS_FIRST_RANGES = 8,
	BUS_PAGE_SHIFT = 16,
	BUS_MAX_PAGES = 16, /* that a frame may touch before larger pages are taken, plus one */
};

static struct am_frame bus_gone;

static size_t bus_table_size(size_t capacity)
{
	return sizeof(struct bus_table) + capacity * sizeof(struct bus_slot);
}

static struct bus_table *bus_table_new(struct am_bus *bus, size_t capacity, struct bus_table *older)
{
	struct bus_table *t = bus->alloc.alloc(bus->alloc.opaque, bus_table_size(capacity));

	if (!t)
		return NULL;
	memset(t, 0, bus_table_size(capacity));
	t->older = older;
	t->capacity = capacity;
	t->shift = 64 - (unsigned)__builtin_ctzll(capacity);
	return t;
}

int am_bus_create(const struct am_alloc *alloc, struct am_bus **out)
{
	struct bus_table *t;
	struct am_bus *bus;

	*out = NULL;
	if (!alloc || !alloc->alloc || !alloc->free)
		return -EINVAL;
	bus = alloc->alloc(alloc->opaque, sizeof(*bus));
	if (!bus)
		return -ENOMEM;
	memset(bus, 0, sizeof(*bus));
	bus->alloc = *alloc;
	am_lock_init(&bus->lock);
	t = bus_table_new(bus, BUS_FIRST_CAPACITY, NULL);
	if (!t) {
		alloc->free(alloc->opaque, bus, sizeof(*bus));
		return -ENOMEM;
	}
	atomic_init(&bus->table, t);
	*out = bus;
	return 0;
}

void am_bus_destroy(struct am_bus *bus)
{
	struct bus_table *t, *older;

	if (!bus)
		return;
	for (t = atomic_load(&bus->table); t; t = older) {
		older = t->older;
		bus->alloc.free(bus->alloc.opaque, t, bus_table_size(t->capacity));
	}
	if (bus->ranges)
		bus->alloc.free(bus->alloc.opaque, bus->ranges,
				bus->max_ranges * sizeof(*bus->ranges));
	bus->alloc.free(bus->alloc.opaque, bus, sizeof(*bus));
}

/* ---- the table ---- */

static inline size_t bus_hash(const struct bus_table *t, uint64_t ipa, unsigned class)
{
	/* 2^64 / golden ratio; the class keeps equal page numbers of different sizes apart. */
	return ((ipa >> class) + class) * UINT64_C(0x9e3779b97f4a7c15) >> t->shift;
}

/* The size of page with which [@base, @last] touches few pages. */
static unsigned bus_class(uint64_t base, uint64_t last)
{
	unsigned class = BUS_PAGE_SHIFT;

	while ((last >> class) - (base >> class) > BUS_MAX_PAGES)
		class ++;
	return class;
}

static size_t bus_nr_pages(const struct bus_range *r)
{
	unsigned class = bus_class(r->base, r->last);

	return (size_t)((r->last >> class) - (r->base >> class)) + 1;
}

static struct am_frame *slot_frame(struct bus_slot *s)
{
	return atomic_load_explicit(&s->frame, memory_order_acquire);
}

static void slot_put(struct bus_slot *s, uint64_t base, uint64_t last, struct am_frame *frame)
{
	/* Releases, so that who sees a new cell also sees the odd count that was stored before. */
	atomic_store_explicit(&s->base, base, memory_order_release);
	atomic_store_explicit(&s->last, last, memory_order_release);
	atomic_store_explicit(&s->frame, frame, memory_order_release);
}

static void bus_write_begin(struct am_bus *bus)
{
	unsigned seq = atomic_load_explicit(&bus->seq, memory_order_relaxed);

	atomic_store_explicit(&bus->seq, seq + 1, memory_order_relaxed);
}

static void bus_write_end(struct am_bus *bus)
{
	unsigned seq = atomic_load_explicit(&bus->seq, memory_order_relaxed);

	atomic_store_explicit(&bus->seq, seq + 1, memory_order_release);
}

/* There is room. */
static void table_insert(struct am_bus *bus, struct bus_table *t, const struct bus_range *r)
{
	unsigned class = bus_class(r->base, r->last);

	for (uint64_t page = r->base >> class; page <= r->last >> class; page++) {
		size_t at = bus_hash(t, page << class, class);

		while (slot_frame(&t->slots[at]) && slot_frame(&t->slots[at]) != &bus_gone)
			at = (at + 1) & (t->capacity - 1);
		if (!slot_frame(&t->slots[at]))
			bus->filled++;
		bus->live++;
		slot_put(&t->slots[at], r->base, r->last, r->frame);
	}
	atomic_store_explicit(&bus->classes,
			      atomic_load_explicit(&bus->classes, memory_order_relaxed) |
				  AM_BIT(class),
			      memory_order_release);
}

static void table_fill(struct am_bus *bus, struct bus_table *t)
{
	bus->live = bus->filled = 0;
	for (size_t i = 0; i < bus->nr_ranges; i++)
		table_insert(bus, t, &bus->ranges[i]);
}

/* Makes room for @pages more: a larger table, or the same one without its removed slots. */
static int table_reserve(struct am_bus *bus, size_t pages)
{
	struct bus_table *t = atomic_load_explicit(&bus->table, memory_order_relaxed);
	size_t capacity = t->capacity;

	if ((bus->filled + pages) * 2 <= capacity)
		return 0;
	while ((bus->live + pages) * 2 > capacity)
		capacity *= 2;
	if (capacity != t->capacity) {
		t = bus_table_new(bus, capacity, t);
		if (!t)
			return -ENOMEM;
		table_fill(bus, t);
		atomic_store_explicit(&bus->table, t, memory_order_release);
		return 0;
	}
	bus_write_begin(bus);
	for (size_t i = 0; i < capacity; i++)
		slot_put(&t->slots[i], 0, 0, NULL);
	table_fill(bus, t);
	bus_write_end(bus);
	return 0;
}

/* ---- writers ---- */

/* The number of ranges that begin at or below @ipa. */
static size_t range_search(const struct am_bus *bus, uint64_t ipa)
{
	size_t lo = 0, hi = bus->nr_ranges;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (bus->ranges[mid].base <= ipa)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int range_reserve(struct am_bus *bus)
{
	size_t max = bus->max_ranges ? 2 * bus->max_ranges : BUS_FIRST_RANGES;
	struct bus_range *ranges;

	if (bus->nr_ranges < bus->max_ranges)
		return 0;
	ranges = bus->alloc.alloc(bus->alloc.opaque, max * sizeof(*ranges));
	if (!ranges)
		return -ENOMEM;
	if (bus->ranges) {
		memcpy(ranges, bus->ranges, bus->nr_ranges * sizeof(*ranges));
		bus->alloc.free(bus->alloc.opaque, bus->ranges, bus->max_ranges * sizeof(*ranges));
	}
	bus->ranges = ranges;
	bus->max_ranges = max;
	return 0;
}

static bool range_overlaps(const struct am_bus *bus, const struct bus_range *r)
{
	for (size_t i = range_search(bus, r->last); i > 0; i--)
		if (bus->ranges[i - 1].last >= r->base)
			return true;
		else if (!atomic_load_explicit(&bus->overlaps, memory_order_relaxed))
			break; /* what ends below begins below, and so does all before it */
	return false;
}

static int bus_insert(struct am_bus *bus, const struct bus_range *r, bool may_overlap)
{
	size_t at = range_search(bus, r->base);
	bool overlaps = range_overlaps(bus, r);
	int err;

	if (overlaps && !may_overlap)
		return -EEXIST;
	err = range_reserve(bus);
	if (!err)
		err = table_reserve(bus, bus_nr_pages(r));
	if (err)
		return err;
	memmove(&bus->ranges[at + 1], &bus->ranges[at],
		(bus->nr_ranges - at) * sizeof(*bus->ranges));
	bus->ranges[at] = *r;
	bus->nr_ranges++;
	bus_write_begin(bus);
	table_insert(bus, atomic_load_explicit(&bus->table, memory_order_relaxed), r);
	if (overlaps)
		atomic_store_explicit(&bus->overlaps, true, memory_order_release);
	bus_write_end(bus);
	return 0;
}

static int bus_add(struct am_bus *bus, uint64_t ipa, struct am_frame *frame, bool may_overlap)
{
	struct bus_range r = {.base = ipa, .frame = frame};
	int err;

	if (!frame || !frame->size || ipa + (frame->size - 1) < ipa)
		return -EINVAL;
	r.last = ipa + (frame->size - 1);
	am_lock(&bus->lock);
	err = bus_insert(bus, &r, may_overlap);
	am_unlock(&bus->lock);
	AM_TRACE(bus_add, frame->name, (unsigned long long)ipa, frame->size, err);
	return err;
}

int am_bus_add(struct am_bus *bus, uint64_t ipa, struct am_frame *frame)
{
	return bus_add(bus, ipa, frame, false);
}

int am_bus_add_over(struct am_bus *bus, uint64_t ipa, struct am_frame *frame)
{
	return bus_add(bus, ipa, frame, true);
}

static void table_remove(struct am_bus *bus, const struct bus_range *r)
{
	struct bus_table *t = atomic_load_explicit(&bus->table, memory_order_relaxed);
	unsigned class = bus_class(r->base, r->last);

	for (uint64_t page = r->base >> class; page <= r->last >> class; page++) {
		size_t at = bus_hash(t, page << class, class);

		while (slot_frame(&t->slots[at]) != r->frame ||
		       atomic_load_explicit(&t->slots[at].base, memory_order_relaxed) != r->base)
			at = (at + 1) & (t->capacity - 1);
		slot_put(&t->slots[at], 1, 0, &bus_gone);
		bus->live--;
	}
}

static bool ranges_overlap(const struct am_bus *bus)
{
	uint64_t last = 0;

	for (size_t i = 0; i < bus->nr_ranges; i++) {
		if (i && bus->ranges[i].base <= last)
			return true;
		if (bus->ranges[i].last > last)
			last = bus->ranges[i].last;
	}
	return false;
}

void am_bus_remove(struct am_bus *bus, struct am_frame *frame)
{
	am_lock(&bus->lock);
	for (size_t i = 0; i < bus->nr_ranges; i++) {
		if (bus->ranges[i].frame != frame)
			continue;
		bus_write_begin(bus);
		table_remove(bus, &bus->ranges[i]);
		bus_write_end(bus);
		bus->nr_ranges--;
		memmove(&bus->ranges[i], &bus->ranges[i + 1],
			(bus->nr_ranges - i) * sizeof(*bus->ranges));
		i--;
	}
	if (am_unlikely(atomic_load_explicit(&bus->overlaps, memory_order_relaxed)))
		atomic_store_explicit(&bus->overlaps, ranges_overlap(bus), memory_order_release);
	am_unlock(&bus->lock);
}

/* ---- readers ---- */

/* What the cells say at this moment, sound or not. */
static inline struct am_frame *bus_probe(struct am_bus *bus, struct bus_table *t, uint64_t ipa,
					 uint64_t last, uint32_t *offset)
{
	uint64_t classes = atomic_load_explicit(&bus->classes, memory_order_acquire);

	for (; classes; classes &= classes - 1) {
		size_t at = bus_hash(t, ipa, (unsigned)__builtin_ctzll(classes));

		for (size_t n = 0; n < t->capacity; n++) {
			struct bus_slot *s = &t->slots[at];
			struct am_frame *frame = slot_frame(s);
			uint64_t base = atomic_load_explicit(&s->base, memory_order_acquire);

			if (!frame)
				break;
			if (base <= ipa &&
			    last <= atomic_load_explicit(&s->last, memory_order_acquire)) {
				*offset = (uint32_t)(ipa - base);
				return frame;
			}
			at = (at + 1) & (t->capacity - 1);
		}
	}
	return NULL;
}

/* Of frames that cover each other, the one that begins lowest and holds the whole access. */
static AM_NOINLINE struct am_frame *bus_find_lowest(struct am_bus *bus, uint64_t ipa, uint64_t last,
						    uint32_t *offset)
{
	struct am_frame *frame = NULL;

	am_lock(&bus->lock);
	for (size_t i = 0; i < bus->nr_ranges && !frame && bus->ranges[i].base <= ipa; i++) {
		if (bus->ranges[i].last < last)
			continue;
		frame = bus->ranges[i].frame;
		*offset = (uint32_t)(ipa - bus->ranges[i].base);
	}
	am_unlock(&bus->lock);
	return frame;
}

static inline struct am_frame *bus_find(struct am_bus *bus, uint64_t ipa, unsigned len,
					uint32_t *offset)
{
	unsigned spins = 0;

	if (!len || ipa + (len - 1) < ipa)
		return NULL;
	if (am_unlikely(atomic_load_explicit(&bus->overlaps, memory_order_acquire)))
		return bus_find_lowest(bus, ipa, ipa + (len - 1), offset);
	for (;;) {
		unsigned seq = atomic_load_explicit(&bus->seq, memory_order_acquire);
		struct bus_table *t = atomic_load_explicit(&bus->table, memory_order_acquire);
		struct am_frame *frame = bus_probe(bus, t, ipa, ipa + (len - 1), offset);

		if (am_likely(!(seq & 1) &&
			      atomic_load_explicit(&bus->seq, memory_order_relaxed) == seq))
			return frame;
		am_cpu_relax(spins++);
	}
}

struct am_frame *am_bus_find(struct am_bus *bus, uint64_t ipa, unsigned len, uint32_t *offset)
{
	return bus_find(bus, ipa, len, offset);
}

static inline bool bus_len_ok(unsigned len)
{
	return len - 1 < 8 && !(len & (len - 1));
}

int am_bus_read(struct am_bus *bus, unsigned vcpu, uint64_t ipa, unsigned len, uint64_t *value)
{
	struct am_frame *frame;
	uint32_t offset = 0;

	frame = bus_len_ok(len) ? bus_find(bus, ipa, len, &offset) : NULL;
	if (!frame)
		return -ENOENT;
	*value = frame->ops->read(frame, vcpu, offset, len);
	AM_TRACE(bus_read, vcpu, frame->name, offset, len, (unsigned long long)*value);
	return 0;
}

int am_bus_write(struct am_bus *bus, unsigned vcpu, uint64_t ipa, unsigned len, uint64_t value)
{
	struct am_frame *frame;
	uint32_t offset = 0;

	frame = bus_len_ok(len) ? bus_find(bus, ipa, len, &offset) : NULL;
	if (!frame)
		return -ENOENT;
	AM_TRACE(bus_write, vcpu, frame->name, offset, len, (unsigned long long)value);
	frame->ops->write(frame, vcpu, offset, len, value);
	return 0;
}

int am_bus_read_bytes(struct am_bus *bus, unsigned vcpu, uint64_t ipa, unsigned len, void *data)
{
	unsigned char *bytes = data;
	uint64_t value = 0;
	int err;

	err = am_bus_read(bus, vcpu, ipa, len, &value);
	if (err)
		return err;
	for (unsigned i = 0; i < len; i++)
		bytes[i] = (unsigned char)(value >> (8 * i));
	return 0;
}

int am_bus_write_bytes(struct am_bus *bus, unsigned vcpu, uint64_t ipa, unsigned len,
		       const void *data)
{
	const unsigned char *bytes = data;
	uint64_t value = 0;

	if (!bus_len_ok(len))
		return -ENOENT;
	for (unsigned i = 0; i < len; i++)
		value |= (uint64_t)bytes[i] << (8 * i);
	return am_bus_write(bus, vcpu, ipa, len, value);
}
