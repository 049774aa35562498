/* SPDX-License-Identifier: MIT */
/*
 * The state of an ITS and who may touch it.
 *
 * What commands and restores change is protected by am_its.lock, which comes before gic_lpis.lock
 * and the vCPUs' locks. A translation takes none of them: it goes from the DeviceID to the device
 * and from the EventID to a word that says everything about the event, and asks the sequence count
 * before it follows a pointer and at the end. A writer changes the count when it takes a device's
 * events away or gives it new ones; one event is one store.
 *
 *     devs[id / 256] -> its_device -> words               2^bits events, up to 64
 *                                  -> node -> words       up to 2^12
 *                                  -> node -> node -> words
 *
 * Memory for devices, nodes and words is never given back while the ITS is there, and is not used
 * for anything of another kind, so that a translation that is too late reads old words, not
 * something else, before it finds that the count has changed.
 */
#ifndef AM_GIC_ITS_H
#define AM_GIC_ITS_H

#include <armature/its.h>

#include "base/trace.h"
#include "base/cstring.h"
#include "gic/lpi.h"
#include "gic/state.h"

enum {
	ITS_ID_BITS = 16, /* of DeviceIDs, EventIDs and ICIDs */
	ITS_NR_IDS = 1 << ITS_ID_BITS,
	ITS_CHUNK = 256, /* devices, or collections, allocated at once */
	ITS_NR_CHUNKS = ITS_NR_IDS / ITS_CHUNK,
	ITS_LEAF_BITS = 6,
	ITS_LEAF =
	    1 << ITS_LEAF_BITS, /* events in the words of a large device; children of a node */
	ITS_NO_CPU = 0x3ff,
	ITS_NO_ICID = ITS_NR_IDS,
	ITS_ENTRY = 8, /* bytes, of each table */
	ITS_COMMAND = 32,
	ITS_PAGE = 0x10000,	       /* of tables */
	ITS_POOLS = ITS_LEAF_BITS + 2, /* words of 2^n events; nodes */
	ITS_NODES = ITS_LEAF_BITS + 1,
	ITS_FRAME_CONTROL = 0x10000,
};

/*
 * An event in a word: what it is mapped to, and what follows from its collection. Zero: there is no
 * such event.
 */
#define EVENT_INTID(w)	  ((unsigned)((w)&0xffff)) /* or, below 8192, see its_intid() */
#define EVENT_ICID(w)	  ((unsigned)((w) >> 16 & 0xffff))
#define EVENT_CPU(w)	  ((unsigned)((w) >> 32 & 0x3ff)) /* the collection's target, or ITS_NO_CPU */
#define EVENT_CPU_SHIFT	  32
#define EVENT_HAS_COLL	  AM_BIT(42)		  /* the collection exists */
#define EVENT_EPOCH(w)	  ((uint32_t)((w) >> 43)) /* translated when am_its.epoch was this */
#define EVENT_EPOCH_SHIFT 43
#define EVENT_EPOCH_MASK  UINT32_C(0x1fffff)

typedef _Atomic(uint64_t) its_word;

struct its_device {
	_Atomic(void *) root;  /* words, or a node; NULL: no events yet */
	uint64_t itt;	       /* [lock], like the rest */
	_Atomic(uint8_t) bits; /* of EventIDs; 0: there is no such device */
	uint32_t nr_events;
};

struct its_node {
	_Atomic(void *) child[ITS_LEAF];
};

/* A collection, in a list in order of creation. [lock] */
struct its_coll {
	uint32_t prev, next; /* ICIDs, or ITS_NO_ICID */
	uint32_t nr_events;
	uint16_t cpu; /* its target, or ITS_NO_CPU */
	bool exists;
};

/* Memory taken from the GIC's callbacks, in one chain. */
struct its_slab {
	struct its_slab *next;
	size_t size;
	_Alignas(16) unsigned char bytes[];
};

/* Objects of one size: those that are free, and the rest of the newest slab. */
struct its_pool {
	void *free;
	unsigned char *at, *end;
	unsigned grown; /* how many objects slabs were made for */
};

struct am_its {
	/* What a translation needs. */
	struct am_gic *gic;
	atomic_bool enabled;
	atomic_uint seq;	 /* odd: a device's events are being exchanged */
	_Atomic(uint32_t) epoch; /* of the translations that KVM would have cached; not 0 */
	_Atomic(uint64_t) base;	 /* or AM_GIC_UNDEF */
	_Atomic(struct its_device *) devs[ITS_NR_CHUNKS];

	struct am_lock lock;
	struct am_its_config config;
	unsigned number; /* in gic_lpis.its */

	/* Registers. Written under the lock. */
	_Atomic(uint64_t) cbaser, baser[2];
	_Atomic(uint32_t) cwriter, creadr;

	/* [lock] */
	uint32_t *far; /* INTIDs beyond those that there are: see its_intid() */
	unsigned nr_far;
	struct its_coll *colls[ITS_NR_CHUNKS];
	uint32_t first_coll, last_coll;
	struct its_pool pool[ITS_POOLS];
	struct its_slab *slabs;
	size_t bytes;		      /* of slabs and chunks */
	uint64_t work;		      /* done by commands or a restore, see there */
	uint64_t last_l1_at, last_l1; /* its_save.c */

	struct am_reg_frame frame;
	uint8_t *index;
};

enum { ITS_DEVICES = 0, ITS_COLLECTIONS = 1 }; /* baser[] */

#define BASER_VALID    AM_BIT(63)
#define BASER_INDIRECT AM_BIT(62)

static inline uint64_t its_baser(const struct am_its *its, unsigned n)
{
	return atomic_load_explicit(&its->baser[n], memory_order_relaxed);
}

/* The table's address: bits 51:48 are where the lower bits would be. */
static inline uint64_t its_baser_address(uint64_t baser)
{
	return (baser & AM_MASK(47, 16)) | am_bits(baser, 15, 12) << 48;
}

static inline uint64_t its_baser_bytes(uint64_t baser)
{
	return (am_bits(baser, 7, 0) + 1) * ITS_PAGE;
}

static inline bool its_read(struct am_its *its, uint64_t ipa, void *buf, size_t len)
{
	return its->config.ops.read(its->config.opaque, ipa, buf, len);
}

static inline uint64_t its_le64(uint64_t v)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	v = __builtin_bswap64(v);
#endif
	return v;
}

static inline bool its_read64(struct am_its *its, uint64_t ipa, uint64_t *value)
{
	bool ok = its_read(its, ipa, value, sizeof(*value));

	*value = its_le64(*value);
	return ok;
}

static inline bool its_write64(struct am_its *its, uint64_t ipa, uint64_t value)
{
	value = its_le64(value);
	return its->config.ops.write(its->config.opaque, ipa, &value, sizeof(value));
}

static inline bool its_in_memory(struct am_its *its, uint64_t ipa)
{
	uint8_t byte;

	return its_read(its, ipa, &byte, 1);
}

/* ---- its_map.c: devices, events, collections; [lock] ---- */

struct its_device *its_device(struct am_its *its, uint32_t id); /* NULL: not mapped */
/* There is none; -ENOMEM. */
int its_device_map(struct am_its *its, uint32_t id, unsigned bits, uint64_t itt);
void its_device_unmap(struct am_its *its, uint32_t id);
void its_unmap_devices(struct am_its *its);

/* The event's word, or 0. */
uint64_t its_event(const struct its_device *dev, uint32_t event);
/* Its place, made if need be: NULL when there is no memory. */
its_word *its_event_make(struct am_its *its, struct its_device *dev, uint32_t event);
/*
 * Maps an event that is not mapped, to a collection that exists: -ENOMEM, -EFAULT (gic_lpi_map).
 * @intid: any from 8192 up. As in KVM, one beyond 65535 is nothing that a guest could map, but can
 * be restored: its messages reach nobody.
 */
int its_event_map(struct am_its *its, struct its_device *dev, uint32_t event, uint32_t intid,
		  unsigned icid);
/* Moves it to another collection. */
void its_event_move(struct am_its *its, struct its_device *dev, uint32_t event, unsigned icid);
void its_event_unmap(struct am_its *its, struct its_device *dev, uint32_t event);

/*
 * The words from *@event on that lie together, or the next ones that there are: *@event becomes the
 * first one's EventID, *@n how many. NULL: there are no more.
 */
its_word *its_events_from(const struct its_device *dev, uint32_t *event, unsigned *n);
/* The next mapped DeviceID from @id on, or ITS_NR_IDS. */
uint32_t its_next_device(struct am_its *its, uint32_t id);

struct its_coll *its_coll(struct am_its *its, unsigned icid); /* NULL: there is none */
/* With @cpu ITS_NO_CPU: known, but not mapped. -ENOMEM */
int its_coll_create(struct am_its *its, unsigned icid, unsigned cpu);
/* A new target: its events' LPIs go there. */
void its_coll_move(struct am_its *its, unsigned icid, unsigned cpu);
/* Its events stay, without a collection. */
void its_coll_delete(struct am_its *its, unsigned icid);
void its_delete_colls(struct am_its *its);

/* The event's INTID: one beyond 65535 is in its->far, at the number that is in the word. */
static inline uint32_t its_intid(const struct am_its *its, uint64_t w)
{
	unsigned intid = EVENT_INTID(w);

	return am_likely(intid >= GIC_FIRST_LPI) ? intid : its->far[intid];
}

/* All translations that KVM would have cached are forgotten. */
void its_forget(struct am_its *its);
void its_map_finish(struct am_its *its);

/* ---- its_save.c: where entries are ---- */

/* The entry of an ID in the device or collection table, as KVM finds it. False: there is none. */
bool its_entry(struct am_its *its, unsigned table, uint32_t id, uint64_t *ipa);
/* Is there a place for the event's entry in the ITT? */
bool its_event_fits(struct am_its *its, const struct its_device *dev, uint32_t event);
int its_save(struct am_its *its);

/* ---- its_restore.c ---- */

/* A rule of restoring that user space, or the tables, broke; with @err 0 nothing comes of it here.
 */
static inline int its_bad(const char *what, uint64_t value, int err)
{
	AM_TRACE(its_restore_bad, what, (unsigned long long)value, err);
	return err;
}

int its_restore(struct am_its *its);

/* ---- its_cmd.c ---- */

/* Handles commands as long as there are some, the ITS is enabled and the budget lasts. */
void its_process(struct am_its *its);

/* ---- its_regs.c ---- */

extern const struct am_reg_table its_table;
/* What RESET does to registers; [lock] */
void its_regs_reset(struct am_its *its);

#endif
