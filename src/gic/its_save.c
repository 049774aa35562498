/* SPDX-License-Identifier: MIT */
/*
 * Where the entries of tables are in guest memory, and writing them: KVM's format, revision 0.
 *
 *     device      63 valid, [62:49] distance to the next DeviceID (0: last), [48:5] ITT[51:8],
 *                 [4:0] bits of EventID - 1
 *     collection  63 valid, [51:16] vCPU number (0xffffffff: unmapped), [15:0] ICID
 *     event       [63:48] distance to the next EventID (0: last), [47:16] INTID (0: none),
 *                 [15:0] ICID
 *     level 1     63 valid, [51:16] page of device entries
 *
 * Distances that are too long for their field are cut: who reads them lands on an entry that is not
 * valid, and goes on from there one by one. Only entries of what there is are written.
 */
#include "gic/its.h"

enum {
	DTE_MAX_NEXT = (1 << 14) - 1,
	ITE_MAX_NEXT = (1 << 16) - 1,
	L2_ENTRIES = ITS_PAGE / ITS_ENTRY,
	RUN = 64,
};

#define CTE_UNMAPPED UINT64_C(0xffffffff)

/* ---- places ---- */

bool its_entry(struct am_its *its, unsigned table, uint32_t id, uint64_t *ipa)
{
	uint64_t baser = its_baser(its, table), at = its_baser_address(baser), l1, index = id;

	if (id >= ITS_NR_IDS)
		return false;
	if (baser & BASER_INDIRECT)
		index = id / L2_ENTRIES;
	if (index >= its_baser_bytes(baser) / ITS_ENTRY)
		return false;
	at += index * ITS_ENTRY;
	if (baser & BASER_INDIRECT) {
		if (!its_read64(its, at, &l1) || !am_bit(l1, 63))
			return false;
		at = (l1 & AM_MASK(51, 16)) + id % L2_ENTRIES * ITS_ENTRY;
	}
	*ipa = at;
	return its_in_memory(its, at);
}

bool its_event_fits(struct am_its *its, const struct its_device *dev, uint32_t event)
{
	unsigned bits = atomic_load_explicit(&dev->bits, memory_order_relaxed);

	return event < 1u << bits && its_in_memory(its, dev->itt + (uint64_t)event * ITS_ENTRY);
}

/* ---- writing entries, those that lie together at once ---- */

struct run {
	struct am_its *its;
	const char *what;
	uint64_t ipa; /* of the first */
	unsigned n;
	bool gone; /* the memory of some is not there any more */
	uint64_t entry[RUN];
};

/* Those that cannot be written: because the guest chose memory that is read-only, or otherwise. */
static AM_COLD void run_failed(struct run *r, unsigned i)
{
	if (!its_in_memory(r->its, r->ipa + i * ITS_ENTRY))
		r->gone = true;
	AM_TRACE(its_save_skip, r->what, r->its->number,
		 (unsigned long long)(r->ipa + i * ITS_ENTRY));
}

static void run_write(struct run *r)
{
	struct am_its *its = r->its;

	if (r->n && !its->config.ops.write(its->config.opaque, r->ipa, r->entry, r->n * ITS_ENTRY))
		for (unsigned i = 0; i < r->n; i++)
			if (!its->config.ops.write(its->config.opaque, r->ipa + i * ITS_ENTRY,
						   &r->entry[i], ITS_ENTRY))
				run_failed(r, i);
	r->n = 0;
}

static inline void run_add(struct run *r, uint64_t ipa, uint64_t entry)
{
	if (am_unlikely(r->n == RUN || ipa != r->ipa + r->n * ITS_ENTRY))
		run_write(r);
	if (!r->n)
		r->ipa = ipa;
	r->entry[r->n++] = its_le64(entry);
}

/* ---- the tables ---- */

static inline uint64_t ite(const struct am_its *its, uint64_t w, uint64_t next)
{
	if (!(w & EVENT_HAS_COLL))
		return 0;
	return (next < ITE_MAX_NEXT ? next : ITE_MAX_NEXT) << 48 |
	       (uint64_t)its_intid(its, w) << 16 | EVENT_ICID(w);
}

/* An event is written when the next is known. */
static int save_itt(struct am_its *its, const struct its_device *dev)
{
	struct run r = {.its = its, .what = "ITT"};
	uint32_t event = 0, last = 0;
	uint64_t pending = 0;
	its_word *words;
	unsigned n;

	for (; (words = its_events_from(dev, &event, &n)); event += n) {
		for (unsigned i = 0; i < n; i++) {
			uint64_t w = atomic_load_explicit(&words[i], memory_order_relaxed);

			if (!w)
				continue;
			if (pending)
				run_add(&r, dev->itt + (uint64_t)last * ITS_ENTRY,
					ite(its, pending, event + i - last));
			pending = w;
			last = event + i;
		}
	}
	if (pending)
		run_add(&r, dev->itt + (uint64_t)last * ITS_ENTRY, ite(its, pending, 0));
	run_write(&r);
	return r.gone ? -EFAULT : 0;
}

/* What is known of the place of the last device's entry serves for its neighbours' on the page. */
struct place {
	uint64_t entry;
	uint32_t id;
};

static bool next_entry(struct am_its *its, uint32_t id, struct place *p)
{
	uint64_t entry = p->entry + (uint64_t)(id - p->id) * ITS_ENTRY;

	if (p->entry && id / L2_ENTRIES == p->id / L2_ENTRIES && entry >> 12 == p->entry >> 12) {
		*p = (struct place){entry, id};
		return true;
	}
	if (!its_entry(its, ITS_DEVICES, id, &entry))
		return false;
	*p = (struct place){entry, id};
	return true;
}

static uint64_t dte(const struct its_device *dev, uint64_t next)
{
	return AM_BIT(63) | (next < DTE_MAX_NEXT ? next : DTE_MAX_NEXT) << 49 | dev->itt >> 8 << 5 |
	       (atomic_load_explicit(&dev->bits, memory_order_relaxed) - 1u);
}

/*
 * The guest may have taken a device's place away since it mapped it, by its level 1 entry: then the
 * device is not saved, and the one before it leads to the one after it.
 */
static int save_devices(struct am_its *its)
{
	struct run r = {.its = its, .what = "device table"};
	struct place at = {0}, pending;
	struct its_device *dev = NULL;
	int err = 0;

	for (uint32_t id = 0; (id = its_next_device(its, id)) < ITS_NR_IDS && !err; id++) {
		if (!next_entry(its, id, &at)) {
			AM_TRACE(its_save_skip, "device", id, 0ull);
			continue;
		}
		if (dev)
			run_add(&r, pending.entry, dte(dev, id - pending.id));
		pending = at;
		dev = its_device(its, id);
		err = save_itt(its, dev);
	}
	if (dev)
		run_add(&r, pending.entry, dte(dev, 0));
	run_write(&r);
	return err;
}

/* One after the other in order of creation, and a zero after the last if there is room. */
static void save_collections(struct am_its *its)
{
	uint64_t baser = its_baser(its, ITS_COLLECTIONS), at = its_baser_address(baser);
	uint64_t end = at + its_baser_bytes(baser);
	struct run r = {.its = its, .what = "collection table"};
	uint32_t icid = its->first_coll;

	for (; icid != ITS_NO_ICID && at != end; at += ITS_ENTRY) {
		const struct its_coll *coll = its_coll(its, icid);
		uint64_t cpu = coll->cpu == ITS_NO_CPU ? CTE_UNMAPPED : coll->cpu;

		run_add(&r, at, AM_BIT(63) | cpu << 16 | icid);
		icid = coll->next;
	}
	if (at != end)
		run_add(&r, at, 0);
	run_write(&r);
}

int its_save(struct am_its *its)
{
	int err = 0;

	if (its_baser(its, ITS_DEVICES) & BASER_VALID)
		err = save_devices(its);
	if (!err && (its_baser(its, ITS_COLLECTIONS) & BASER_VALID))
		save_collections(its);
	return err;
}
