/* SPDX-License-Identifier: MIT */
/*
 * Inside of mem/: the slots (slots.c), stage 2 (fault.c) and its tables' memory (pool.c), the log
 * of written pages (dirty.c, ring.c).
 */
#ifndef AM_MEM_TABLE_H
#define AM_MEM_TABLE_H

#include <armature/stage2.h>
#include <stdatomic.h>
#include <stddef.h>

#include "base/lock.h"
#include "mem/mem.h"

#define MEM_PAGE UINT64_C(4096)

/* A slot and what goes with it; successive versions of a slot hand on what they share. */
struct mapping {
	struct mem_slot slot;
	_Atomic(uint64_t) *seen; /* 2 bits a page: what its host memory allows (fault.c) */
	size_t seen_len;
	uint64_t *dirty; /* one bit a host page, or NULL. Under mem.lock */
	size_t dirty_len;
};

/*
 * All slots in order of their addresses. A change builds a new array and publishes it with one
 * store; the old one is used again when mem_ops say that nobody reads it any more.
 *
 * Slots are found by a bucket's number, however many there are: the span from the first slot's
 * start is cut into buckets of equal size, of which there is one for a few slots. Where slots crowd
 * in few buckets, what remains is a binary search.
 */
struct table {
	unsigned nr, max;    /* in use; room */
	unsigned shift;	     /* log2 of a bucket's size */
	unsigned nr_buckets; /* a power of two */
	uint64_t base;	     /* of the first slot */
	uint64_t *gpa;	     /* ascending */
	struct mapping **map;
	uint16_t *first; /* [nr_buckets + 1]: how many slots start before the bucket does */
};

#define SLOTS_PER_BUCKET 4u

/* Tables are cut from pieces of this size. */
#define POOL_CHUNK (UINT64_C(64) << 10)

struct pool {
	size_t granule;
	void *free;	 /* chain of tables */
	void *chunks;	 /* chain of chunks */
	uint8_t *unused; /* rest of the newest chunk, zeroes */
	size_t unused_len;
};

struct mem {
	unsigned ipa_bits;
	unsigned page_log2; /* of the host's pages, which are stage 2's too */
	const struct mem_ops *ops;
	void *opaque;
	enum mem_log_mode log_mode;
	bool log_starts_set;
	uint64_t split_chunk;
	_Atomic(struct table *) table;
	struct table *spare; /* for the next change; NULL: none */
	/*
	 * Changes of stage 2 and the logs; and the table, while its pointer changes and by readers
	 * that mem_ops do not wait for. Its holder never waits for a vCPU.
	 */
	struct am_lock lock;
	struct am_s2 s2;
	struct pool pool;
	struct mapping *by_id[MEM_MAX_SLOTS];
};

/* ---- pool.c ---- */

/*
 * Zeroes, for a thing that grows with a slot: where it is large, what is not touched costs nothing;
 * where it is small, there may be thousands. NULL without memory.
 */
void *mem_zeroes(size_t len);
void mem_zeroes_free(void *p, size_t len);

void pool_init(struct pool *p, size_t granule);
void pool_finish(struct pool *p);
extern const struct am_s2_ops pool_s2_ops; /* opaque: the pool */

/* ---- slots.c ---- */

struct table *mem_table(const struct mem *m);
/* The slot at @ipa, or NULL. */
struct mapping *table_find(const struct table *t, uint64_t ipa, unsigned *hint);

/* ---- fault.c: stage 2 ---- */

/* Pages in a word of struct mapping.seen. */
#define SEEN_PAGES 32u

int mem_stage2_init(struct mem *m);
/* Nothing of a slot is mapped any more; told to the vCPUs. Takes mem.lock in short turns. */
void mem_unmap_slot(struct mem *m, const struct mem_slot *s);
/* Nothing of a slot may be written without a fault. The same. */
void mem_protect_slot(struct mem *m, const struct mem_slot *s);
/* Blocks of a slot are cut into pages, as far as there is memory for it. */
void mem_split_slot(struct mem *m, const struct mem_slot *s);

enum mem_allows { MEM_NO, MEM_YES, MEM_UNKNOWN };

/* Does the host's memory allow the access, as far as is known? Under mem.lock. */
enum mem_allows mem_host_allows(struct mapping *s, uint64_t ipa, bool write);
/* Find that out, at @hva, for the slot at @ipa if it still has that memory. It may sleep. False:
 * nothing is allowed. */
bool mem_learn(struct mem *m, uint64_t ipa, uint64_t hva);

/* Under mem.lock; the vCPUs are to be told. */
void mem_protect_pages(struct mem *m, uint64_t gpa, uint64_t size);

/* ---- dirty.c ---- */

/* The log of a new mapping: @old's, if it has one, or a new one. 0 or -ENOMEM. */
int mem_log_start(const struct mem *m, struct mapping *s, const struct mapping *old);
void mem_log_stop(struct mapping *s);
/*
 * A fault at @offset, under mem.lock: may the page be mapped writable? For a write it is noted, in
 * the view's ring or the bitmap. -EAGAIN: the ring is full.
 */
int mem_log_note(struct mem *m, struct mapping *s, uint64_t offset, bool write,
		 struct mem_view *view, bool *writable);

/* Under mem.lock: a write that no vCPU made. */
void mem_log_mark(struct mem *m, struct mapping *s, uint64_t offset);

/* ---- ring.c ---- */

bool mem_ring_put(struct mem_ring *r, uint32_t slot, uint64_t offset);

#endif
