/* SPDX-License-Identifier: MIT */
/* Inside of mem/: the slots and the arrays of them (mem.c), and the log of written pages (dirty.c).
 */
#ifndef AM_MEM_TABLE_H
#define AM_MEM_TABLE_H

#include <stdatomic.h>

#include "base/lock.h"
#include "mem/mem.h"

#define MEM_PAGE UINT64_C(4096)

/* Two bits of a page in struct mapping.pages. */
enum { SEEN_READ = 1, SEEN_WRITE = 2 };

/* Shared by successive arrays: the slot with what is known of its pages. */
struct mapping {
	struct mem_slot slot;
	atomic_uchar *pages; /* 4 pages a byte */
	size_t pages_len;
	_Atomic(uint64_t) *dirty; /* one bit a host page, or NULL: not logged */
	size_t dirty_len;
};

struct table {
	unsigned nr;
	struct mapping *map[];
};

struct mem {
	unsigned ipa_bits;
	void (*unmapped)(void *opaque, uint64_t gpa, uint64_t size);
	void *opaque;
	bool log_starts_set; /* what is logged from now on starts with every page dirty */
	_Atomic(struct table *) table;
	/* While the pointer changes, and by readers that `unmapped` does not wait for. */
	struct am_lock lock;
	struct mapping *by_id[MEM_MAX_SLOTS];
};

/* Demand-zero memory: what is not touched costs nothing. NULL without. */
void *mem_zeroes(size_t len);

/* The log of a new mapping: @old's, if it has one, or a new one. 0 or -ENOMEM. */
int mem_log_start(const struct mem *m, struct mapping *s, const struct mapping *old);
void mem_log_stop(struct mapping *s);
/* May the page at @offset be written without asking again? @write: somebody does so now. */
bool mem_log_note(struct mapping *s, uint64_t offset, bool write);

#endif
