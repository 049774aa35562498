/* SPDX-License-Identifier: MIT */
/*
 * Memory slots: KVM_SET_USER_MEMORY_REGION's checks and errors, and the array in which they are
 * found (table.h), which every change replaces as a whole.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/trace.h"
#include "mem/table.h"

#define MAX_PAGES ((UINT64_C(1) << 31) - 1)

/* ---- Mappings ---- */

static void mapping_destroy(struct mapping *s)
{
	if (!s)
		return;
	mem_log_stop(s);
	mem_zeroes_free((void *)s->seen, s->seen_len);
	free(s);
}

/* @old: the slot's present version, whose knowledge of host memory stays good. */
static struct mapping *mapping_create(const struct mem *m, const struct mem_slot *want,
				      const struct mapping *old)
{
	struct mapping *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->slot = *want;
	if (old && old->slot.gpa == want->gpa) {
		s->seen = old->seen;
		s->seen_len = old->seen_len;
	} else {
		uint64_t words = want->size / MEM_PAGE / SEEN_PAGES + 2;

		s->seen_len = words * sizeof(s->seen[0]);
		s->seen = mem_zeroes(s->seen_len);
	}
	if (!s->seen || ((want->flags & MEM_LOG_DIRTY) && mem_log_start(m, s, old))) {
		if (old && s->seen == old->seen)
			s->seen = NULL;
		mapping_destroy(s);
		return NULL;
	}
	return s;
}

/* @to has taken over what both refer to. */
static void mapping_hand_on(struct mapping *from, const struct mapping *to)
{
	if (!from || !to)
		return;
	if (from->seen == to->seen)
		from->seen = NULL;
	if (from->dirty == to->dirty)
		from->dirty = NULL;
}

/* ---- The table ---- */

struct table *mem_table(const struct mem *m)
{
	return atomic_load_explicit(&((struct mem *)m)->table, memory_order_acquire);
}

/* The first of gpa[lo, hi) that is above @key, or @hi. */
static unsigned upper_bound(const uint64_t *gpa, unsigned lo, unsigned hi, uint64_t key)
{
	while (lo < hi) {
		unsigned mid = lo + (hi - lo) / 2;

		if (gpa[mid] <= key)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The number of slots that start at or below @gpa. */
static unsigned table_rank(const struct table *t, uint64_t gpa)
{
	uint64_t bucket = (gpa - t->base) >> t->shift;

	if (!t->nr || gpa < t->base)
		return 0;
	if (bucket >= t->nr_buckets)
		return t->nr;
	return upper_bound(t->gpa, t->first[bucket], t->first[bucket + 1], gpa);
}

/* Powers of two, one for a few slots. */
static unsigned buckets_for(unsigned nr)
{
	unsigned few = nr / SLOTS_PER_BUCKET;

	return few ? 2u << (31 - __builtin_clz(few)) : 1;
}

static struct table *table_create(unsigned max)
{
	unsigned buckets = buckets_for(max);
	struct table *t = malloc(sizeof(*t) + max * (sizeof(t->gpa[0]) + sizeof(t->map[0])) +
				 (buckets + 1) * sizeof(t->first[0]));

	if (!t)
		return NULL;
	*t = (struct table){.max = max};
	t->gpa = (uint64_t *)(t + 1);
	t->map = (struct mapping **)(t->gpa + max);
	t->first = (uint16_t *)(t->map + max);
	return t;
}

/* Room for @nr slots: what the last change left over, or new with something to spare. */
static struct table *table_get(struct mem *m, unsigned nr)
{
	struct table *t = m->spare;

	if (!t || t->max < nr) {
		free(t);
		t = table_create(nr + nr / 4 + 16);
	}
	m->spare = NULL;
	return t;
}

/* From the sorted slots: their buckets. */
static void table_index(struct table *t)
{
	unsigned b = 0;

	t->shift = 0;
	t->nr_buckets = buckets_for(t->nr);
	t->base = t->nr ? t->gpa[0] : 0;
	while (t->nr && (t->gpa[t->nr - 1] - t->base) >> t->shift >= t->nr_buckets)
		t->shift++;
	for (unsigned n = 0; n < t->nr; n++) {
		uint64_t bucket = (t->gpa[n] - t->base) >> t->shift;

		while (b <= bucket)
			t->first[b++] = (uint16_t)n;
	}
	while (b <= t->nr_buckets)
		t->first[b++] = (uint16_t)t->nr;
}

/* Append slots [from, to) of @old. */
static void table_copy(struct table *t, const struct table *old, unsigned from, unsigned to)
{
	memcpy(&t->gpa[t->nr], &old->gpa[from], (to - from) * sizeof(t->gpa[0]));
	memcpy(&t->map[t->nr], &old->map[from], (to - from) * sizeof(t->map[0]));
	t->nr += to - from;
}

/* A copy of the table without @drop and with @add at its place. NULL without memory. */
static struct table *table_edit(struct mem *m, const struct mapping *drop, struct mapping *add)
{
	const struct table *t = mem_table(m);
	struct table *n = table_get(m, t->nr + 1);
	unsigned gone = drop ? table_rank(t, drop->slot.gpa) - 1 : t->nr;

	if (!n)
		return NULL;
	n->nr = 0;
	table_copy(n, t, 0, gone);
	if (drop)
		table_copy(n, t, gone + 1, t->nr);
	if (add) {
		unsigned at = upper_bound(n->gpa, 0, n->nr, add->slot.gpa), after = n->nr - at;

		memmove(&n->gpa[at + 1], &n->gpa[at], after * sizeof(n->gpa[0]));
		memmove(&n->map[at + 1], &n->map[at], after * sizeof(n->map[0]));
		n->gpa[at] = add->slot.gpa;
		n->map[at] = add;
		n->nr++;
	}
	table_index(n);
	return n;
}

static bool covers(const struct mapping *s, uint64_t ipa)
{
	return ipa - s->slot.gpa < s->slot.size;
}

struct mapping *table_find(const struct table *t, uint64_t ipa, unsigned *hint)
{
	unsigned n = *hint;

	if (n < t->nr && covers(t->map[n], ipa))
		return t->map[n];
	n = table_rank(t, ipa);
	if (!n || !covers(t->map[n - 1], ipa))
		return NULL;
	*hint = n - 1;
	return t->map[n - 1];
}

static bool overlaps(const struct table *t, const struct mapping *self, const struct mem_slot *s)
{
	unsigned n = table_rank(t, s->gpa);

	/* From the last slot that starts at or below it: others may follow while it is @self. */
	for (n = n ? n - 1 : 0; n < t->nr && t->gpa[n] < s->gpa + s->size; n++) {
		if (t->map[n] != self && t->gpa[n] + t->map[n]->slot.size > s->gpa)
			return true;
	}
	return false;
}

/* ---- Changing slots ---- */

/* What can be said without looking at other slots (facts: order of KVM's checks). */
static int check_alone(const struct mem *m, const struct mem_slot *w)
{
	uint64_t page = UINT64_C(1) << m->page_log2;

	if ((w->id & 0xffff) >= MEM_MAX_SLOTS)
		return -EINVAL;
	if (w->flags & ~(uint32_t)(MEM_READONLY | MEM_LOG_DIRTY))
		return -EINVAL;
	if (!am_aligned(w->size, page) || !am_aligned(w->gpa, page))
		return -EINVAL;
	/* No user address has its top bits set, on any host: a tagged or kernel address. */
	if (!am_aligned(w->hva, page) || w->hva >> 56 || w->size >> 56 ||
	    (w->hva + w->size) >> m->s2.config.oa_bits)
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

/* What stage 2 maps stays as long as the slot stays where it is, and is not easier to map. */
static void settle(struct mem *m, const struct mapping *old, const struct mapping *add)
{
	if (!old) /* nothing was mapped, but somebody may still read the old table */
		m->ops->synchronize(m->opaque);
	else if (!add || add->slot.gpa != old->slot.gpa || !(add->slot.flags & MEM_LOG_DIRTY))
		mem_unmap_slot(m, &old->slot);
	else if (m->log_starts_set && m->log_mode == MEM_LOG_BITMAP)
		m->ops->synchronize(m->opaque);
	else
		mem_protect_slot(m, &add->slot);
	if (add && (add->slot.flags & MEM_LOG_DIRTY) && m->split_chunk)
		mem_split_slot(m, &add->slot);
}

/* Publish the table with @old gone and @add in; then nobody uses @old. */
static int replace(struct mem *m, struct mapping *old, struct mapping *add)
{
	struct table *was = mem_table(m);
	struct table *now = table_edit(m, old, add);

	if (!now)
		return -ENOMEM;
	am_lock(&m->lock);
	atomic_store_explicit(&m->table, now, memory_order_release);
	am_unlock(&m->lock);
	m->by_id[old ? old->slot.id : add->slot.id] = add;
	settle(m, old, add);
	free(m->spare);
	m->spare = was;
	mapping_hand_on(old, add);
	mapping_destroy(old);
	return 0;
}

static int check_change(const struct mem *m, const struct mapping *old, const struct mem_slot *w)
{
	if (old && (w->hva != old->slot.hva || w->size != old->slot.size ||
		    ((w->flags ^ old->slot.flags) & MEM_READONLY)))
		return -EINVAL;
	if (overlaps(mem_table(m), old, w))
		return -EEXIST;
	if (w->gpa >> m->ipa_bits || (w->gpa + w->size - 1) >> m->ipa_bits)
		return -EFAULT;
	return 0;
}

int mem_set_slot(struct mem *m, const struct mem_slot *w)
{
	int err = check_alone(m, w);

	if (err)
		return err;
	struct mapping *old = m->by_id[w->id];

	if (!w->size) {
		if (!old)
			return -EINVAL;
		AM_TRACE(mem_slot, w->id, 0ull, 0ull, 0ull, 0);
		return replace(m, old, NULL);
	}
	err = check_change(m, old, w);
	if (err)
		return err;
	if (old && w->gpa == old->slot.gpa && w->flags == old->slot.flags)
		return 0;

	struct mapping *add = mapping_create(m, w, old);

	if (!add)
		return -ENOMEM;
	err = replace(m, old, add);
	if (err) {
		mapping_hand_on(add, old);
		mapping_destroy(add);
		return err;
	}
	AM_TRACE(mem_slot, w->id, (unsigned long long)w->gpa, (unsigned long long)w->size,
		 (unsigned long long)w->hva, w->flags);
	return 0;
}

unsigned mem_count(const struct mem *m)
{
	return mem_table(m)->nr;
}

bool mem_nth(const struct mem *m, unsigned n, struct mem_slot *out)
{
	const struct table *t = mem_table(m);

	if (n >= t->nr)
		return false;
	*out = t->map[n]->slot;
	return true;
}

bool mem_slot_flags(struct mem *m, uint64_t ipa, uint32_t *flags)
{
	unsigned hint = 0;

	am_lock(&m->lock);
	const struct mapping *s = table_find(mem_table(m), ipa, &hint);

	if (s)
		*flags = s->slot.flags;
	am_unlock(&m->lock);
	return s;
}

/* ---- Life ---- */

struct mem *mem_create(unsigned ipa_bits, const struct mem_ops *ops, void *opaque)
{
	struct mem *m = calloc(1, sizeof(*m));
	struct table *t = table_create(0);

	if (m) {
		m->ipa_bits = ipa_bits;
		m->page_log2 = (unsigned)__builtin_ctzl((unsigned long)sysconf(_SC_PAGESIZE));
		m->ops = ops;
		m->opaque = opaque;
		atomic_init(&m->table, t);
	}
	if (!m || !t || mem_stage2_init(m)) {
		free(m);
		free(t);
		return NULL;
	}
	return m;
}

void mem_destroy(struct mem *m)
{
	if (!m)
		return;
	struct table *t = mem_table(m);

	for (unsigned k = 0; k < t->nr; k++)
		mapping_destroy(t->map[k]);
	free(t);
	free(m->spare);
	am_s2_finish(&m->s2);
	pool_finish(&m->pool);
	free(m);
}
