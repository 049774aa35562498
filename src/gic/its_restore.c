/* SPDX-License-Identifier: MIT */
/*
 * Reading the tables that its_save.c wrote, or that somebody else made up: every entry is checked,
 * and after an error an ITS that was empty is empty again. The trace says which rule was broken.
 */
#include "gic/its.h"

enum {
	BUFFER = 512,
	BUFFER_FIRST = 16,
	L2_ENTRIES = ITS_PAGE / ITS_ENTRY,
	L1_ENTRIES = ITS_NR_IDS / L2_ENTRIES, /* that DeviceIDs reach */
	/*
	 * Entries that are passed over: 1 GiB of them, 2,048 for each of all devices that there can
	 * be. More are not there for devices, but to keep who restores them busy.
	 */
	MAX_EMPTY = 1 << 27,
};

/* ---- walking a table ---- */

/*
 * Entries read ahead: more each time that all were used, none if one of them is not in memory.
 */
struct buffer {
	struct am_its *its;
	uint64_t first; /* number of the first entry */
	unsigned n, ahead;
	uint64_t entry[BUFFER];
};

static bool buffer_get(struct buffer *b, uint64_t table, uint64_t index, uint64_t end,
		       uint64_t *entry)
{
	uint64_t n;

	if (index - b->first < b->n) {
		*entry = its_le64(b->entry[index - b->first]);
		return true;
	}
	if (!b->ahead || index != b->first + b->n)
		b->ahead = BUFFER_FIRST;
	else if (b->ahead < BUFFER)
		b->ahead *= 2;
	n = end - index < b->ahead ? end - index : b->ahead;
	b->first = index;
	b->n = 0;
	if (its_read(b->its, table + index * ITS_ENTRY, b->entry, n * ITS_ENTRY))
		b->n = (unsigned)n;
	else if (its_read(b->its, table + index * ITS_ENTRY, b->entry, ITS_ENTRY))
		b->n = 1;
	else
		return false;
	*entry = its_le64(b->entry[0]);
	return true;
}

struct walk {
	struct am_its *its;
	uint64_t mask;		/* without any of these bits an entry is empty; 0: none is */
	uint32_t first;		/* ID of the table's first entry */
	struct its_device *dev; /* whose events they are */
	/* The distance to the next entry, 0 if this was the last, or -errno. */
	int (*each)(struct walk *w, uint32_t id, uint64_t entry);
};

/*
 * Entries from @index on that are empty, as far as they have been read, eight at a time: a table
 * may be nothing else.
 */
static unsigned buffer_empty(const struct buffer *b, uint64_t index, uint64_t mask)
{
	unsigned first = (unsigned)(index - b->first), i = first;

	mask = its_le64(mask);
	while (i + 8 <= b->n) {
		uint64_t any = 0;

		for (unsigned k = 0; k < 8; k++)
			any |= b->entry[i + k];
		if (any & mask)
			break;
		i += 8;
	}
	while (i < b->n && !(b->entry[i] & mask))
		i++;
	return i - first;
}

/* 1: the end of the table was reached. 0: an entry was the last. */
static int walk_table(struct walk *w, uint64_t table, uint64_t nr)
{
	struct buffer b = {.its = w->its};
	uint64_t index = 0, entry;

	while (index < nr) {
		int next;

		if (!buffer_get(&b, table, index, nr, &entry))
			return its_bad("entry is not in memory", table + index * ITS_ENTRY,
				       -EFAULT);
		if (w->mask && !(entry & w->mask)) {
			unsigned n = buffer_empty(&b, index, w->mask);

			index += n;
			w->its->work += n;
			if (w->its->work > MAX_EMPTY)
				return its_bad("tables are mostly empty", w->its->work, -EINVAL);
			continue;
		}
		next = w->each(w, w->first + (uint32_t)index, entry);
		if (next <= 0)
			return next;
		index += (unsigned)next;
	}
	return 1;
}

/* ---- events ---- */

static int each_ite(struct walk *w, uint32_t event, uint64_t entry)
{
	unsigned bits = atomic_load_explicit(&w->dev->bits, memory_order_relaxed);
	uint32_t next = (uint32_t)(entry >> 48), intid = (uint32_t)am_bits(entry, 47, 16);
	unsigned icid = entry & 0xffff;
	int err;

	if (intid < GIC_FIRST_LPI)
		return its_bad("event's INTID is no LPI", entry, -EINVAL);
	if (event + next >= 1u << bits)
		return its_bad("event's successor is beyond the ITT", entry, -EINVAL);
	if (!its_coll(w->its, icid))
		return its_bad("event's collection is not there", entry, -EINVAL);
	if (!its_event_fits(w->its, w->dev, event))
		return its_bad("ITT is not in memory", w->dev->itt, -EINVAL);
	err = its_event_map(w->its, w->dev, event, intid, icid);
	if (err)
		return its_bad("LPI's configuration or pending state", intid, err);
	return (int)next;
}

/* ---- devices ---- */

static int each_dte(struct walk *w, uint32_t id, uint64_t entry)
{
	struct walk events = {.its = w->its, .mask = AM_MASK(47, 16), .each = each_ite};
	unsigned bits = (unsigned)am_bits(entry, 4, 0) + 1;
	uint64_t itt = am_bits(entry, 48, 5) << 8, at;
	int err;

	if (bits > ITS_ID_BITS)
		return its_bad("device has too many bits of EventID", entry, -EINVAL);
	if (!its_entry(w->its, ITS_DEVICES, id, &at))
		return its_bad("device has no place in the table", id, -EINVAL);
	if (its_device(w->its, id))
		its_device_unmap(w->its, id);
	err = its_device_map(w->its, id, bits, itt);
	if (err)
		return its_bad("no memory for device", id, err);
	events.dev = its_device(w->its, id);
	err = walk_table(&events, itt, UINT64_C(1) << bits);
	return err < 0 ? err : (int)am_bits(entry, 62, 49);
}

/* A page of devices: its last device is the last of all, unless it leads to another page. */
static int each_l1(struct walk *w, uint32_t index, uint64_t entry)
{
	struct walk devices = {
	    .its = w->its, .mask = AM_BIT(63), .first = index * L2_ENTRIES, .each = each_dte};

	return walk_table(&devices, entry & AM_MASK(51, 16), L2_ENTRIES);
}

static int restore_devices(struct am_its *its)
{
	uint64_t baser = its_baser(its, ITS_DEVICES), nr = its_baser_bytes(baser) / ITS_ENTRY;
	struct walk w = {.its = its, .mask = AM_BIT(63), .each = each_dte};
	int err;

	if (!(baser & BASER_VALID))
		return 0;
	if (baser & BASER_INDIRECT) {
		w.each = each_l1;
		nr = nr < L1_ENTRIES ? nr : L1_ENTRIES;
	}
	err = walk_table(&w, its_baser_address(baser), nr);
	return err < 0 ? err : 0;
}

/* ---- collections ---- */

static int each_cte(struct walk *w, uint32_t index, uint64_t entry)
{
	uint32_t cpu = (uint32_t)am_bits(entry, 47, 16);
	unsigned icid = entry & 0xffff;
	uint64_t at;
	int err;

	if (!am_bit(entry, 63))
		return 0;
	if (cpu != UINT32_MAX && !gic_cpu_get(w->its->gic, cpu))
		return its_bad("collection's vCPU is not there", entry, -EINVAL);
	if (cpu != UINT32_MAX && !gic_pending_address(gic_cpu_get(w->its->gic, cpu)))
		its_bad("GICR_PENDBASER of a collection's vCPU has no address yet: it comes before",
			entry, 0);
	if (its_coll(w->its, icid))
		return its_bad("collection is there already", entry, -EEXIST);
	if (!its_entry(w->its, ITS_COLLECTIONS, icid, &at))
		return its_bad("collection has no place in the table", entry, -EINVAL);
	err = its_coll_create(w->its, icid, cpu == UINT32_MAX ? ITS_NO_CPU : cpu);
	return err ? its_bad("no memory for collection", icid, err) : 1;
}

static int restore_collections(struct am_its *its)
{
	uint64_t baser = its_baser(its, ITS_COLLECTIONS);
	struct walk w = {.its = its, .each = each_cte};
	int err;

	if (!(baser & BASER_VALID))
		return 0;
	err = walk_table(&w, its_baser_address(baser), its_baser_bytes(baser) / ITS_ENTRY);
	return err < 0 ? err : 0;
}

/*
 * What is allowed, but cannot be meant: the order of a restore is KVM's documented one, in which
 * the GIC with its redistributors comes before.
 */
static void check_order(struct am_its *its)
{
	bool any = false;

	if (atomic_load_explicit(&its->enabled, memory_order_relaxed))
		its_bad("GITS_CTLR.Enabled before the tables: it comes after them", its->number, 0);
	for (unsigned n = 0; n < 2; n++)
		if (!(its_baser(its, n) & BASER_VALID))
			its_bad(n == ITS_DEVICES ? "GITS_BASER0 is not valid: no devices"
						 : "GITS_BASER1 is not valid: no collections",
				its_baser(its, n), 0);
	if (its_next_device(its, 0) < ITS_NR_IDS)
		its_bad("devices are mapped already: the ITS is to be new, or reset", its->number,
			0);
	if (!(atomic_load(&its->gic->propbaser) & AM_MASK(51, 12)))
		its_bad("GICR_PROPBASER has no address yet: it comes before", its->number, 0);
	for (unsigned n = 0; n < am_gic_nr_vcpus(its->gic); n++)
		any |= atomic_load_explicit(&gic_cpu_nth(its->gic, n)->lpis, memory_order_relaxed);
	if (!any)
		its_bad("GICR_CTLR.EnableLPIs is set nowhere yet: set after the tables it reads "
			"pending tables that are empty then",
			its->number, 0);
}

int its_restore(struct am_its *its)
{
	int err;

	check_order(its);
	its->work = 0;
	err = restore_collections(its);
	if (!err) {
		err = restore_devices(its);
		if (err)
			its_unmap_devices(its);
	}
	if (err)
		its_delete_colls(its);
	return err;
}
