/* SPDX-License-Identifier: MIT */
/*
 * Memory slots (mem.h): a sorted array, replaced as a whole.
 *
 * Host memory is used only after it has been probed once per page, because a slot may name
 * addresses that are not mapped; what was found is kept in two bits per page. (A VMM that unmaps
 * memory under a running guest is beyond what can be noticed in user space.)
 */
#include "mem/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/trace.h"
#include "mem/probe.h"
#include "mem/table.h"

#define MAX_PAGES ((UINT64_C(1) << 31) - 1)

/* ---- Mappings and tables ---- */

void *mem_zeroes(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static void mapping_destroy(struct mapping *s)
{
	if (!s)
		return;
	mem_log_stop(s);
	munmap((void *)s->pages, s->pages_len);
	free(s);
}

static struct mapping *mapping_create(const struct mem *m, const struct mem_slot *want,
				      const struct mapping *old)
{
	struct mapping *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->slot = *want;
	s->pages_len = am_align_up(want->size / MEM_PAGE / 4 + 1, MEM_PAGE);
	s->pages = mem_zeroes(s->pages_len);
	if (!s->pages) {
		free(s);
		return NULL;
	}
	if ((want->flags & MEM_LOG_DIRTY) && mem_log_start(m, s, old)) {
		mapping_destroy(s);
		return NULL;
	}
	return s;
}

static struct table *table_of(const struct mem *m)
{
	return atomic_load_explicit(&((struct mem *)m)->table, memory_order_acquire);
}

/* A copy of @t without @drop and with @add at its place. NULL without memory. */
static struct table *table_edit(const struct table *t, const struct mapping *drop,
				struct mapping *add)
{
	struct table *n = malloc(sizeof(*n) + (t->nr + 1) * sizeof(n->map[0]));

	if (!n)
		return NULL;
	n->nr = 0;
	for (unsigned k = 0; k < t->nr; k++) {
		if (t->map[k] == drop)
			continue;
		if (add && t->map[k]->slot.gpa > add->slot.gpa) {
			n->map[n->nr++] = add;
			add = NULL;
		}
		n->map[n->nr++] = t->map[k];
	}
	if (add)
		n->map[n->nr++] = add;
	return n;
}

struct mem *mem_create(unsigned ipa_bits,
		       void (*unmapped)(void *opaque, uint64_t gpa, uint64_t size), void *opaque)
{
	struct mem *m = calloc(1, sizeof(*m));
	struct table *t = calloc(1, sizeof(*t));

	if (!m || !t) {
		free(m);
		free(t);
		return NULL;
	}
	m->ipa_bits = ipa_bits;
	m->unmapped = unmapped;
	m->opaque = opaque;
	atomic_init(&m->table, t);
	return m;
}

void mem_destroy(struct mem *m)
{
	if (!m)
		return;
	struct table *t = table_of(m);

	for (unsigned k = 0; k < t->nr; k++)
		mapping_destroy(t->map[k]);
	free(t);
	free(m);
}

/* ---- Changing slots ---- */

/* The first slot that ends above @gpa. */
static unsigned first_above(const struct table *t, uint64_t gpa)
{
	unsigned lo = 0, hi = t->nr;

	while (lo < hi) {
		unsigned mid = lo + (hi - lo) / 2;
		const struct mem_slot *s = &t->map[mid]->slot;

		if (s->gpa + s->size <= gpa)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool overlaps(const struct table *t, const struct mapping *self, const struct mem_slot *s)
{
	for (unsigned k = first_above(t, s->gpa); k < t->nr; k++) {
		if (t->map[k]->slot.gpa >= s->gpa + s->size)
			break;
		if (t->map[k] != self)
			return true;
	}
	return false;
}

/* What can be said without looking at other slots (facts: order of KVM's checks). */
static int check_alone(const struct mem_slot *w)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	if ((w->id & 0xffff) >= MEM_MAX_SLOTS)
		return -EINVAL;
	if (w->flags & ~(uint32_t)(MEM_READONLY | MEM_LOG_DIRTY))
		return -EINVAL;
	if (!am_aligned(w->size, page) || !am_aligned(w->gpa, page))
		return -EINVAL;
	/* No user address has its top bits set, on any host: a tagged or kernel address. */
	if (!am_aligned(w->hva, page) || w->hva >> 56 || w->size >> 56 || (w->hva + w->size) >> 56)
		return -EINVAL;
#if defined(__x86_64__)
	if (w->hva + w->size > (UINT64_C(1) << 47) - MEM_PAGE)
		return -EINVAL;
#endif
	if (w->id >> 16)
		return -EINVAL;
	if (w->gpa + w->size < w->gpa)
		return -EINVAL;
	if (w->size / page > MAX_PAGES)
		return -EINVAL;
	return 0;
}

/* Publish the table with @drop gone and @add in; then nobody uses @drop. */
static int replace(struct mem *m, struct mapping *drop, struct mapping *add)
{
	struct table *old = table_of(m);
	struct table *new = table_edit(old, drop, add);

	if (!new)
		return -ENOMEM;
	am_lock(&m->lock);
	atomic_store_explicit(&m->table, new, memory_order_release);
	am_unlock(&m->lock);
	m->by_id[add ? add->slot.id : drop->slot.id] = add;
	/* Also after a mere addition: somebody may still be reading the old table. */
	uint64_t gpa = drop ? drop->slot.gpa : add->slot.gpa;
	uint64_t size = drop ? drop->slot.size : add->slot.size;

	m->unmapped(m->opaque, gpa, size);
	free(old);
	if (drop && add && drop->dirty == add->dirty)
		drop->dirty = NULL; /* handed on */
	mapping_destroy(drop);
	return 0;
}

int mem_set_slot(struct mem *m, const struct mem_slot *w)
{
	struct table *t = table_of(m);
	int err = check_alone(w);

	if (err)
		return err;
	struct mapping *old = m->by_id[w->id];

	if (!w->size) {
		if (!old)
			return -EINVAL;
		AM_TRACE(mem_slot, w->id, 0ull, 0ull, 0ull, 0);
		return replace(m, old, NULL);
	}
	if (old) {
		if (w->hva != old->slot.hva || w->size != old->slot.size ||
		    ((w->flags ^ old->slot.flags) & MEM_READONLY))
			return -EINVAL;
		if (w->gpa == old->slot.gpa && w->flags == old->slot.flags)
			return 0;
	}
	if (overlaps(t, old, w))
		return -EEXIST;
	if (w->gpa >> m->ipa_bits || (w->gpa + w->size - 1) >> m->ipa_bits)
		return -EFAULT;

	struct mapping *add = mapping_create(m, w, old);

	if (!add)
		return -ENOMEM;
	err = replace(m, old, add);
	if (err) {
		if (old && old->dirty == add->dirty)
			add->dirty = NULL;
		mapping_destroy(add);
	} else {
		AM_TRACE(mem_slot, w->id, (unsigned long long)w->gpa, (unsigned long long)w->size,
			 (unsigned long long)w->hva, w->flags);
	}
	return err;
}

unsigned mem_count(const struct mem *m)
{
	return table_of(m)->nr;
}

bool mem_nth(const struct mem *m, unsigned n, struct mem_slot *out)
{
	const struct table *t = table_of(m);

	if (n >= t->nr)
		return false;
	*out = t->map[n]->slot;
	return true;
}

/* ---- Looking up ---- */

static struct mapping *find(const struct table *t, uint64_t ipa, unsigned *hint)
{
	unsigned n = *hint;

	if (n >= t->nr || ipa - t->map[n]->slot.gpa >= t->map[n]->slot.size) {
		n = first_above(t, ipa);
		if (n == t->nr || ipa < t->map[n]->slot.gpa)
			return NULL;
		*hint = n;
	}
	return t->map[n];
}

/* What may be done with the host page behind @offset of a slot: SEEN_*, 0 for nothing. */
static unsigned host_access(struct mapping *s, uint64_t offset)
{
	uint64_t n = offset / MEM_PAGE, hva = s->slot.hva + n * MEM_PAGE;
	atomic_uchar *seen = &s->pages[n / 4];
	unsigned shift = n % 4 * 2;
	unsigned known = atomic_load_explicit(seen, memory_order_relaxed) >> shift & 3;

	if (am_likely(known))
		return known;
	if (!(s->slot.flags & MEM_READONLY) && mem_can_write(hva))
		known = SEEN_READ | SEEN_WRITE;
	else if (mem_can_read(hva))
		known = SEEN_READ;
	atomic_fetch_or_explicit(seen, known << shift, memory_order_relaxed);
	return known;
}

static int lookup(const struct mem *m, uint64_t ipa, bool write, unsigned *hint,
		  struct mem_page *page)
{
	struct mapping *s = find(table_of(m), ipa, hint);

	*page = (struct mem_page){0};
	if (!s)
		return 0;

	uint64_t offset = am_align_down(ipa - s->slot.gpa, MEM_PAGE);
	unsigned known = host_access(s, offset);

	if (am_unlikely(!known))
		return -EFAULT;
	page->host = (uint8_t *)(uintptr_t)(s->slot.hva + offset);
	page->writable = known & SEEN_WRITE;
	if (am_unlikely(s->dirty != NULL) && page->writable)
		page->writable = mem_log_note(s, offset, write);
	return 0;
}

int mem_page(const struct mem *m, uint64_t ipa, unsigned *hint, struct mem_page *page)
{
	return lookup(m, ipa, false, hint, page);
}

int mem_page_write(const struct mem *m, uint64_t ipa, unsigned *hint, struct mem_page *page)
{
	return lookup(m, ipa, true, hint, page);
}

enum mem_kind mem_kind(struct mem *m, uint64_t ipa, bool write)
{
	enum mem_kind kind = MEM_DEVICE;
	unsigned hint = 0;

	am_lock(&m->lock);
	struct mapping *s = find(table_of(m), ipa, &hint);

	if (s && !(write && (s->slot.flags & MEM_READONLY))) {
		unsigned known = host_access(s, ipa - s->slot.gpa);

		kind = known & (write ? SEEN_WRITE : SEEN_READ) ? MEM_MEMORY : MEM_BROKEN;
	}
	am_unlock(&m->lock);
	return kind;
}

bool mem_slot_flags(struct mem *m, uint64_t ipa, uint32_t *flags)
{
	unsigned hint = 0;

	am_lock(&m->lock);
	const struct mapping *s = find(table_of(m), ipa, &hint);

	if (s)
		*flags = s->slot.flags;
	am_unlock(&m->lock);
	return s;
}
