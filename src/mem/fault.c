/* SPDX-License-Identifier: MIT */
/*
 * Stage 2 of a VM: filled from the slots when an access finds nothing, and emptied when they
 * change.
 *
 * Host memory is mapped only after it has been probed, because a slot may name addresses that are
 * not there; what was found is kept in two bits per page. (A VMM that unmaps memory under a running
 * guest is beyond what can be noticed in user space.)
 */
#include <errno.h>
#include <string.h>

#include "base/bits.h"
#include "base/trace.h"
#include "mem/probe.h"
#include "mem/table.h"

/* Two bits of a page in struct mapping.seen. */
enum { SEEN_READ = 1, SEEN_WRITE = 2, SEEN_BOTH = 3 };

/* The block that is worth a look: of level 2 with 4 KiB pages. */
#define BLOCK	    (UINT64_C(2) << 20)
#define BLOCK_WORDS (BLOCK / MEM_PAGE / SEEN_PAGES)

/* How much is unmapped or protected before somebody else gets the lock. */
#define TURN (UINT64_C(1) << 30)

int mem_stage2_init(struct mem *m)
{
	const struct am_s2_config config = {
	    .ipa_bits = (uint8_t)m->ipa_bits,
	    .granule = (uint8_t)m->page_log2,
	    .oa_bits = m->ipa_bits > 48 ? 52 : 48,
	    .flags = AM_S2_XNX | AM_S2_BBM2 | AM_S2_IDENTITY |
		     (m->ipa_bits > 48 && m->page_log2 < 16 ? AM_S2_LPA2 : 0),
	};

	pool_init(&m->pool, (size_t)1 << m->page_log2);
	return am_s2_init(&m->s2, &config, &pool_s2_ops, &m->pool);
}

uint64_t mem_table_bytes(struct mem *m)
{
	am_lock(&m->lock);
	uint64_t bytes = (uint64_t)m->s2.nr_tables << m->page_log2;

	am_unlock(&m->lock);
	return bytes;
}

/* ---- What host memory allows. None of this needs a lock: it may sleep ---- */

/* Word and shift of the page at @ipa. */
static _Atomic(uint64_t) *seen_at(const struct mapping *s, uint64_t ipa, unsigned *shift)
{
	/* From the multiple of SEEN_PAGES below the slot on, so that blocks have whole words. */
	uint64_t n = ipa / MEM_PAGE - am_align_down(s->slot.gpa / MEM_PAGE, SEEN_PAGES);

	*shift = n % SEEN_PAGES * 2;
	return &s->seen[n / SEEN_PAGES];
}

/* SEEN_* of the 4 KiB page behind @ipa; 0: not asked yet, or nothing. */
static unsigned seen_access(const struct mapping *s, uint64_t ipa)
{
	unsigned shift;
	_Atomic(uint64_t) *seen = seen_at(s, ipa, &shift);

	return atomic_load_explicit(seen, memory_order_relaxed) >> shift & SEEN_BOTH;
}

static unsigned ask_host(uint64_t hva, bool readonly)
{
	if (!readonly && mem_can_write(hva))
		return SEEN_BOTH;
	return mem_can_read(hva) ? SEEN_READ : 0;
}

static void note_access(struct mapping *s, uint64_t ipa, unsigned access)
{
	unsigned shift;
	_Atomic(uint64_t) *seen = seen_at(s, ipa, &shift);

	atomic_fetch_or_explicit(seen, (uint64_t)access << shift, memory_order_relaxed);
}

/* What may be done with the 4 KiB page behind @ipa: SEEN_*, 0 for nothing. */
static unsigned host_access(struct mapping *s, uint64_t ipa)
{
	unsigned known = seen_access(s, ipa);

	if (!known) {
		known = ask_host(s->slot.hva + am_align_down(ipa - s->slot.gpa, MEM_PAGE),
				 s->slot.flags & MEM_READONLY);
		note_access(s, ipa, known);
	}
	return known;
}

enum mem_allows mem_host_allows(struct mapping *s, uint64_t ipa, bool write)
{
	unsigned known = seen_access(s, ipa);

	if (!known)
		return MEM_UNKNOWN;
	return known & (write ? SEEN_WRITE : SEEN_READ) ? MEM_YES : MEM_NO;
}

bool mem_learn(struct mem *m, uint64_t ipa, uint64_t hva)
{
	unsigned access = ask_host(hva, false), hint = 0;

	am_lock(&m->lock);
	struct mapping *s = table_find(mem_table(m), ipa, &hint);

	if (s && s->slot.hva + (ipa - s->slot.gpa) == hva)
		note_access(s, ipa, s->slot.flags & MEM_READONLY ? access & SEEN_READ : access);
	am_unlock(&m->lock);
	return access;
}

static bool block_seen(const struct mapping *s, uint64_t start)
{
	unsigned shift;
	_Atomic(uint64_t) *seen = seen_at(s, start, &shift);

	for (unsigned n = 0; n < BLOCK_WORDS; n++) {
		if (atomic_load_explicit(&seen[n], memory_order_relaxed) != UINT64_MAX)
			return false;
	}
	return true;
}

static bool block_probe(const struct mapping *s, uint64_t start)
{
	unsigned shift;
	_Atomic(uint64_t) *seen = seen_at(s, start, &shift);

	if (!mem_block_at_hand(s->slot.hva + (start - s->slot.gpa), BLOCK))
		return false;
	for (unsigned n = 0; n < BLOCK_WORDS; n++)
		atomic_store_explicit(&seen[n], UINT64_MAX, memory_order_relaxed);
	return true;
}

/* Are pages mapped around @ipa, rather than a block or nothing? */
static bool has_pages(const struct mem *m, uint64_t ipa)
{
	struct am_s2_result r;

	return am_s2_walk(&m->s2, ipa, &r) && r.level == 3;
}

/*
 * Can the whole block around @ipa be mapped? If all of it is known to be good, or is in the host's
 * memory already (transparent huge pages come whole) and proves good: what the guest has not
 * touched must not take memory. Where pages are mapped already, the others come one by one, too.
 */
static bool block_fits(const struct mem *m, const struct mapping *s, uint64_t ipa)
{
	uint64_t start = am_align_down(ipa, BLOCK);

	if (m->page_log2 != 12 || (s->slot.flags & (MEM_LOG_DIRTY | MEM_READONLY)) ||
	    ((s->slot.gpa ^ s->slot.hva) & (BLOCK - 1)) || start < s->slot.gpa ||
	    start + BLOCK > s->slot.gpa + s->slot.size)
		return false;
	return !has_pages(m, ipa) && (block_seen(s, start) || block_probe(s, start));
}

/* ---- Faults ---- */

/* Under mem.lock: map the page, or the block of @size bytes, around @ipa. */
static int fill(struct mem *m, struct mapping *s, uint64_t ipa, uint64_t size, bool write,
		bool writable, struct mem_view *view)
{
	uint64_t offset;
	int err = 0;

	/* Another vCPU was here: a fault adds to the tables and takes none out. */
	if (size == BLOCK && has_pages(m, ipa))
		size = UINT64_C(1) << m->page_log2;
	ipa = am_align_down(ipa, size);
	offset = ipa - s->slot.gpa;
	if ((s->slot.flags & MEM_LOG_DIRTY) && writable)
		err = mem_log_note(m, s, offset, write, view, &writable);
	if (err)
		return err;
	return am_s2_map(&m->s2, ipa, size, s->slot.hva + offset,
			 AM_S2_R | AM_S2_X | (writable ? AM_S2_W : 0), AM_S2_NORMAL_WB);
}

/* Nothing is mapped at @ipa that allows the access; @s is there. 1: the slots have changed. */
static int fault_in(struct mem *m, struct mapping *s, uint64_t ipa, bool write,
		    struct mem_view *view)
{
	uint64_t size = UINT64_C(1) << m->page_log2;
	unsigned known = host_access(s, ipa);
	bool writable = known & SEEN_WRITE;
	int err = 1;

	if (!known || (write && !writable))
		return -EFAULT;
	if (writable && block_fits(m, s, ipa))
		size = BLOCK;
	am_lock(&m->lock);
	if (table_find(mem_table(m), ipa, &view->hint) == s)
		err = fill(m, s, ipa, size, write, writable, view);
	am_unlock(&m->lock);
	AM_TRACE(mem_fault, (unsigned long long)ipa, write, (unsigned long long)size, err);
	return err;
}

static bool mapped(const struct mem *m, uint64_t ipa, bool write, struct mem_page *page)
{
	unsigned log2;
	uint64_t desc = am_s2_leaf(&m->s2, ipa, &log2);

	if (!desc || (write && !(desc & AM_S2_DESC_WRITE)))
		return false;
	page->host = (uint8_t *)(uintptr_t)(am_s2_leaf_oa(&m->s2, desc, log2) +
					    (ipa & (AM_BIT(log2) - 1) & ~(MEM_PAGE - 1)));
	page->writable = desc & AM_S2_DESC_WRITE;
	return true;
}

int mem_page(struct mem *m, uint64_t ipa, bool write, struct mem_view *view, struct mem_page *page)
{
	while (am_unlikely(!mapped(m, ipa, write, page))) {
		struct mapping *s = table_find(mem_table(m), ipa, &view->hint);
		int err;

		*page = (struct mem_page){0};
		if (!s || (write && (s->slot.flags & MEM_READONLY)))
			return 0;
		err = fault_in(m, s, ipa, write, view);
		if (err < 0)
			return err;
	}
	return 0;
}

unsigned mem_fault_status(struct mem *m, uint64_t ipa, bool write)
{
	struct am_s2_result r;
	int fsc;

	am_lock(&m->lock); /* no table is freed meanwhile */
	fsc = am_s2_check(&m->s2, ipa, write ? AM_S2_W : AM_S2_R, &r);
	am_unlock(&m->lock);
	/* Where it does not refuse any more: as it did when it was tried. */
	return fsc == AM_S2_FAULT_NONE ? AM_S2_FAULT_TRANSLATION + 3 : (unsigned)fsc;
}

enum mem_kind mem_kind(struct mem *m, uint64_t ipa, bool write)
{
	enum mem_kind kind = MEM_DEVICE;
	unsigned hint = 0;

	am_lock(&m->lock);
	struct mapping *s = table_find(mem_table(m), ipa, &hint);

	if (s && !(write && (s->slot.flags & MEM_READONLY))) {
		unsigned known = host_access(s, ipa);

		kind = known & (write ? SEEN_WRITE : SEEN_READ) ? MEM_MEMORY : MEM_BROKEN;
	}
	am_unlock(&m->lock);
	return kind;
}

/* ---- Slots that change ---- */

/* In turns, so that vCPUs that fault meanwhile do not wait for the whole. */
static void in_turns(struct mem *m, const struct mem_slot *s,
		     void (*change)(struct mem *m, uint64_t gpa, uint64_t size))
{
	for (uint64_t done = 0; done < s->size;) {
		uint64_t size = s->size - done < TURN ? s->size - done : TURN;

		am_lock(&m->lock);
		change(m, s->gpa + done, size);
		am_unlock(&m->lock);
		done += size;
	}
}

/* Blocks lie inside their slot, so none is cut and no memory is needed, except between turns. */
static void unmap(struct mem *m, uint64_t gpa, uint64_t size)
{
	if (am_s2_unmap(&m->s2, gpa, size)) {
		uint64_t lo = am_align_down(gpa, BLOCK), hi = am_align_up(gpa + size, BLOCK);

		am_s2_unmap(&m->s2, lo, hi - lo);
	}
}

void mem_unmap_slot(struct mem *m, const struct mem_slot *s)
{
	in_turns(m, s, unmap);
	m->ops->unmapped(m->opaque, s->gpa, s->size);
	am_lock(&m->lock);
	am_s2_reap(&m->s2);
	am_unlock(&m->lock);
}

void mem_protect_pages(struct mem *m, uint64_t gpa, uint64_t size)
{
	bool gone;

	/* A block is cut; if there is no memory for that, all of it loses the permission. */
	if (am_s2_protect(&m->s2, gpa, size, AM_S2_W, 0, &gone)) {
		uint64_t lo = am_align_down(gpa, BLOCK), hi = am_align_up(gpa + size, BLOCK);

		am_s2_protect(&m->s2, lo, hi - lo, AM_S2_W, 0, &gone);
	}
}

void mem_protect_slot(struct mem *m, const struct mem_slot *s)
{
	in_turns(m, s, mem_protect_pages);
	m->ops->protected(m->opaque, s->gpa, s->size);
}

static void split(struct mem *m, uint64_t gpa, uint64_t size)
{
	(void)am_s2_split(&m->s2, gpa, size, m->page_log2);
}

void mem_split_slot(struct mem *m, const struct mem_slot *s)
{
	in_turns(m, s, split);
}
