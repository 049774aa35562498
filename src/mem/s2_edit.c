/* SPDX-License-Identifier: MIT */
/*
 * The changes that may need new tables: map, unmap, protect, split.
 *
 * All of them go down the tables in the same way; decide() is what differs. A change comes in two
 * passes. The first only looks, and lays in every table that the second will take, so that the
 * second cannot fail, and a change that lacks memory has changed nothing. A new table is filled
 * before a descriptor points to it: walks beside it find what was there or what will be there.
 *
 * Except for the first, no table is ever empty.
 */
#include "bus/error.h"
#include "mem/s2_desc.h"

enum op { MAP, UNMAP, PROTECT, SPLIT };

struct edit {
	struct am_s2 *s2;
	enum op op;
	uint64_t attrs;	     /* MAP: of the descriptors */
	uint64_t delta;	     /* MAP: output address - IPA */
	unsigned clear, set; /* PROTECT */
	unsigned log2;	     /* SPLIT: of the largest block that stays */
	uint64_t reserve;    /* tables, chained by their first words */
	unsigned nr_reserve;
	bool went; /* PROTECT: a permission */
};

/* What to do with a descriptor. */
enum todo {
	KEEP,
	SET,	 /* it becomes another, or 0 */
	DESCEND, /* the change is for the entries of a table; there may have to be one, first */
};

/* ---- Decisions: of the part [from, to) of what @desc, of @level, maps ---- */

static enum todo decide_map(const struct edit *e, uint64_t desc, int level, uint64_t from,
			    uint64_t to, uint64_t *want)
{
	uint64_t size = AM_BIT(s2_log2(e->s2, level));
	uint64_t oa = (from & ~(size - 1)) + e->delta;

	if (level < e->s2->block_level && !(desc & S2_VALID))
		return DESCEND;
	if (!am_aligned(oa, size))
		return DESCEND;
	*want = s2_leaf_desc(e->s2, level, oa, e->attrs);
	if (!s2_is_table(desc, level) && (desc | S2_AF) == *want)
		return desc & S2_AF ? KEEP : SET;
	return to - from == size && level >= e->s2->block_level ? SET : DESCEND;
}

static enum todo decide_protect(const struct edit *e, uint64_t desc, int level, uint64_t from,
				uint64_t to, uint64_t *want)
{
	unsigned prot;

	if (s2_is_table(desc, level))
		return DESCEND;
	prot = (s2_prot(e->s2, desc) & ~e->clear) | e->set;
	if (s2_is_device(desc))
		prot &= ~(unsigned)AM_S2_X;
	*want = (desc & ~S2_PERMISSIONS) | s2_prot_bits(e->s2, prot);
	if (*want == desc)
		return KEEP;
	return to - from == AM_BIT(s2_log2(e->s2, level)) ? SET : DESCEND;
}

static enum todo decide(const struct edit *e, uint64_t desc, int level, uint64_t from, uint64_t to,
			uint64_t *want)
{
	unsigned log2 = s2_log2(e->s2, level);

	*want = 0;
	if (e->op == MAP)
		return decide_map(e, desc, level, from, to, want);
	if (!(desc & S2_VALID))
		return KEEP;
	if (e->op == PROTECT)
		return decide_protect(e, desc, level, from, to, want);
	if (e->op == UNMAP)
		return to - from == AM_BIT(log2) ? SET : DESCEND;
	return s2_is_table(desc, level) || log2 > e->log2 ? DESCEND : KEEP;
}

/* ---- First pass ---- */

static bool lay_in(struct edit *e)
{
	uint64_t pa;

	if (!s2_table_new(e->s2, 1, &pa))
		return false;
	s2_store(s2_at(e->s2, pa), e->reserve);
	e->reserve = pa;
	e->nr_reserve++;
	return true;
}

static uint64_t take(struct edit *e, uint64_t **table)
{
	uint64_t pa = e->reserve;

	*table = s2_at(e->s2, pa);
	e->reserve = s2_load(*table);
	e->nr_reserve--;
	s2_store(*table, 0);
	return pa;
}

static void give_back(struct edit *e)
{
	uint64_t *table;

	while (e->nr_reserve)
		s2_table_free(e->s2, take(e, &table), 1);
}

/* @table of @level, or, if that is NULL, the one that would replace @block (0: an empty one). */
static bool reserve(struct edit *e, uint64_t *table, uint64_t block, int level, uint64_t from,
		    uint64_t to)
{
	uint64_t want, next;

	if (level == S2_LAST_LEVEL)
		return true;
	for (uint64_t at = from; at < to; at = next) {
		uint64_t n = s2_index(e->s2, level, at), desc = 0;

		next = s2_next(e->s2, level, at, to);
		if (table)
			desc = s2_load(&table[n]);
		else if (block)
			desc = s2_part(e->s2, block, level, n);
		if (decide(e, desc, level, at, next, &want) != DESCEND)
			continue;
		if (s2_is_table(desc, level)) {
			if (!reserve(e, s2_table_at(e->s2, desc), 0, level + 1, at, next))
				return false;
		} else if (!lay_in(e) ||
			   !reserve(e, NULL, desc & S2_VALID ? desc : 0, level + 1, at, next)) {
			return false;
		}
	}
	return true;
}

/* ---- Second pass ---- */

static void tlbi(const struct am_s2 *s2, int level, uint64_t ipa)
{
	uint64_t size = AM_BIT(s2_log2(s2, level));

	s2->ops->tlbi(s2->opaque, ipa & ~(size - 1), size);
}

/* Every page and block in the table gets the access flag; it is not yet reachable. */
static void make_young(struct am_s2 *s2, uint64_t *table, int level)
{
	for (unsigned n = 0; n < 1u << s2->stride; n++) {
		uint64_t d = s2_load(&table[n]);

		if (s2_is_table(d, level))
			make_young(s2, s2_table_at(s2, d), level + 1);
		else if (d & S2_VALID)
			s2_store(&table[n], d | S2_AF);
	}
}

/* The table at @pa takes the place of @desc. */
static void link_table(struct edit *e, uint64_t *slot, uint64_t desc, int level, uint64_t ipa,
		       uint64_t pa)
{
	uint64_t now = desc;

	if (!(desc & S2_VALID)) {
		s2_store(slot, s2_table_desc(e->s2, pa));
		return;
	}
	if (s2_must_break(e->s2, true)) {
		now = s2_swap(slot, 0);
		tlbi(e->s2, level, ipa);
	} else if (s2_cas(slot, &now, s2_table_desc(e->s2, pa))) {
		return;
	}
	/* The processor may have set the access flag since the table was filled. */
	if (now != desc)
		make_young(e->s2, s2_at(e->s2, pa), level + 1);
	s2_store(slot, s2_table_desc(e->s2, pa));
}

static bool differ_in_prot(uint64_t a, uint64_t b)
{
	return ((a ^ b) & ~(S2_PERMISSIONS | S2_AF)) == 0;
}

/* Does the block @want, of @level, say what the table says whose place it takes? */
static bool only_size(const struct am_s2 *s2, uint64_t desc, int level, uint64_t want)
{
	uint64_t block;

	return s2_is_table(desc, level) &&
	       s2_as_block(s2, s2_table_at(s2, desc), level + 1, &block) &&
	       differ_in_prot(block, want);
}

/* @live: the processor may read @slot. */
static void set(struct edit *e, uint64_t *slot, uint64_t desc, int level, uint64_t ipa,
		uint64_t want, bool live)
{
	if (e->op == PROTECT && (s2_prot(e->s2, desc) & ~s2_prot(e->s2, want)))
		e->went = true;
	if (!live || !(desc & S2_VALID)) {
		s2_store(slot, want);
	} else if (!want) {
		s2_store(slot, 0);
	} else if (!s2_is_table(desc, level) && differ_in_prot(desc, want)) {
		while (!s2_cas(slot, &desc, want | (desc & S2_AF)))
			;
	} else {
		if (s2_must_break(e->s2, only_size(e->s2, desc, level, want))) {
			s2_store(slot, 0);
			tlbi(e->s2, level, ipa);
		}
		s2_store(slot, want);
	}
	if (s2_is_table(desc, level))
		s2_retire(e->s2, desc, level);
}

/* Is nothing in the table, of which the part [from, to) has just been emptied? */
static bool is_empty(const struct am_s2 *s2, uint64_t *table, int level, uint64_t from, uint64_t to)
{
	uint64_t first = s2_index(s2, level, from), last = s2_index(s2, level, to - 1);
	uint64_t nr = AM_BIT(s2->stride);

	/* Most likely what is left is right beside it. */
	if (last + 1 < nr && (s2_load(&table[last + 1]) & S2_VALID))
		return false;
	for (uint64_t n = first; n > 0; n--) {
		if (s2_load(&table[n - 1]) & S2_VALID)
			return false;
	}
	for (uint64_t n = first; n < nr; n++) {
		if (s2_load(&table[n]) & S2_VALID)
			return false;
	}
	return true;
}

/* The entries of a new table of @level say what @block said. */
static void fill(const struct am_s2 *s2, uint64_t *table, int level, uint64_t block)
{
	uint64_t part = s2_part(s2, block, level, 0);

	/* Aligned as the block is, its address never carries into its own high part. */
	for (uint64_t n = 0; n < AM_BIT(s2->stride); n++)
		s2_store(&table[n], part + (n << s2_log2(s2, level)));
}

static void edit_table(struct edit *e, uint64_t *table, int level, uint64_t from, uint64_t to,
		       bool live);

static void descend(struct edit *e, uint64_t *slot, uint64_t desc, int level, uint64_t from,
		    uint64_t to, bool live)
{
	struct am_s2 *s2 = e->s2;
	uint64_t *table, pa;
	bool direct;

	if (s2_is_table(desc, level)) {
		table = s2_table_at(s2, desc);
		edit_table(e, table, level + 1, from, to, live);
		if (e->op == UNMAP && is_empty(s2, table, level + 1, from, to)) {
			s2_store(slot, 0);
			s2_retire(s2, desc, level);
		}
		return;
	}
	pa = take(e, &table);
	if (desc & S2_VALID)
		fill(s2, table, level + 1, desc);
	/*
	 * A block that may be cut without break-before-make is cut first, unchanged: for what
	 * changes inside it, the rules are stricter.
	 */
	direct = live && (desc & S2_VALID) && s2->ops->tlbi && !s2_must_break(s2, true);
	if (direct)
		link_table(e, slot, desc, level, from, pa);
	edit_table(e, table, level + 1, from, to, direct);
	if (!direct && live)
		link_table(e, slot, desc, level, from, pa);
	else if (!direct)
		s2_store(slot, s2_table_desc(s2, pa));
}

static void edit_table(struct edit *e, uint64_t *table, int level, uint64_t from, uint64_t to,
		       bool live)
{
	uint64_t want, next;

	for (uint64_t at = from; at < to; at = next) {
		uint64_t *slot = &table[s2_index(e->s2, level, at)];
		uint64_t desc = s2_load(slot);

		next = s2_next(e->s2, level, at, to);
		switch (decide(e, desc, level, at, next, &want)) {
		case KEEP:
			break;
		case SET:
			set(e, slot, desc, level, at, want, live);
			break;
		case DESCEND:
			descend(e, slot, desc, level, at, next, live);
			break;
		}
	}
}

static int edit(struct edit *e, uint64_t ipa, uint64_t size)
{
	struct am_s2 *s2 = e->s2;
	uint64_t *table = s2->root_at, end = ipa + size;
	int level = s2->start_level;
	bool ok;

	/*
	 * Straight to the table whose entries it is about: what leads there stays as it is, unless
	 * something is taken out.
	 */
	while (e->op != UNMAP && size < AM_BIT(s2_log2(s2, level)) &&
	       s2_next(s2, level, ipa, end) == end) {
		uint64_t desc = s2_load(&table[s2_index(s2, level, ipa)]);

		if (!s2_is_table(desc, level))
			break;
		table = s2_table_at(s2, desc);
		level++;
	}
	ok = reserve(e, table, 0, level, ipa, end);
	if (ok)
		edit_table(e, table, level, ipa, end, true);
	give_back(e);
	return ok ? 0 : -ENOMEM;
}

/* ---- Public ---- */

/* Without FEAT_XNX the two kinds of execution are one. */
static bool prot_ok(const struct am_s2 *s2, unsigned prot)
{
	unsigned x = prot & AM_S2_X;

	return !(prot & ~(unsigned)AM_S2_RWX) &&
	       ((s2->config.flags & AM_S2_XNX) || x == 0 || x == AM_S2_X);
}

int am_s2_map(struct am_s2 *s2, uint64_t ipa, uint64_t size, uint64_t oa, unsigned prot,
	      enum am_s2_memory memory)
{
	struct edit e = {.s2 = s2, .op = MAP, .delta = oa - ipa};
	uint64_t end = AM_BIT(s2->config.oa_bits);

	if (!s2_range_ok(s2, ipa, size) || !am_aligned(oa, AM_BIT(s2->config.granule)) ||
	    oa >= end || size > end - oa)
		return -EINVAL;
	if (!prot_ok(s2, prot) || !s2_memory_bits(s2, memory, &e.attrs))
		return -EINVAL;
	if (s2_is_device(e.attrs) && (prot & AM_S2_X))
		return -EINVAL;
	e.attrs |= s2_prot_bits(s2, prot) | S2_AF;
	return edit(&e, ipa, size);
}

int am_s2_unmap(struct am_s2 *s2, uint64_t ipa, uint64_t size)
{
	struct edit e = {.s2 = s2, .op = UNMAP};

	return s2_range_ok(s2, ipa, size) ? edit(&e, ipa, size) : -EINVAL;
}

int am_s2_protect(struct am_s2 *s2, uint64_t ipa, uint64_t size, unsigned clear, unsigned set,
		  bool *changed)
{
	struct edit e = {.s2 = s2, .op = PROTECT, .clear = clear, .set = set};
	int err = -EINVAL;

	if (s2_range_ok(s2, ipa, size) && prot_ok(s2, clear) && prot_ok(s2, set))
		err = edit(&e, ipa, size);
	if (changed)
		*changed = e.went;
	return err;
}

int am_s2_split(struct am_s2 *s2, uint64_t ipa, uint64_t size, unsigned log2)
{
	struct edit e = {.s2 = s2, .op = SPLIT, .log2 = log2};
	int level = S2_LAST_LEVEL;

	while (level > s2->layout_level && s2_log2(s2, level) != log2)
		level--;
	if (!s2_range_ok(s2, ipa, size) || s2_log2(s2, level) != log2)
		return -EINVAL;
	return edit(&e, ipa, size);
}
