/* SPDX-License-Identifier: MIT */
/* Looking: what the tables say, as the processor would read them. Nothing here takes a lock. */
#include "base/cstring.h"

#include "bus/error.h"
#include "mem/s2_desc.h"

/* Where a walk ended. */
struct end {
	uint64_t *table;
	uint64_t desc;
	int level;
};

static struct end go_down(const struct am_s2 *s2, uint64_t ipa)
{
	struct end e = {.table = s2->root_at, .level = s2->start_level};

	for (;;) {
		e.desc = s2_load(&e.table[s2_index(s2, e.level, ipa)]);
		if (!s2_is_table(e.desc, e.level))
			return e;
		e.table = s2_table_at(s2, e.desc);
		e.level++;
	}
}

static void describe(const struct am_s2 *s2, uint64_t desc, int level, uint64_t ipa,
		     struct am_s2_result *r)
{
	unsigned log2 = s2_log2(s2, level);

	memset(r, 0, sizeof(*r));
	r->desc = desc;
	r->level = (int8_t)level;
	r->log2_size = (uint8_t)log2;
	if (!(desc & S2_VALID))
		return;
	r->mapped = true;
	r->oa = s2_leaf_oa(s2, desc, log2) | (ipa & (AM_BIT(log2) - 1));
	r->young = desc & S2_AF;
	r->prot = (uint8_t)s2_prot(s2, desc);
	r->memory = (uint8_t)s2_memory(s2, desc);
}

bool am_s2_walk(const struct am_s2 *s2, uint64_t ipa, struct am_s2_result *r)
{
	struct end e, again;

	if (ipa >> s2->config.ipa_bits) {
		memset(r, 0, sizeof(*r));
		return false;
	}
	/*
	 * A table may have been kept aside under our feet, and its first word with it. What is not
	 * there is believed when the way to it has not changed.
	 */
	e = go_down(s2, ipa);
	while (!(e.desc & S2_VALID) && e.table != s2->root_at) {
		again = go_down(s2, ipa);
		if (again.table == e.table)
			break;
		e = again;
	}
	describe(s2, e.desc, e.level, ipa, r);
	return true;
}

int am_s2_check(const struct am_s2 *s2, uint64_t ipa, unsigned prot, struct am_s2_result *r)
{
	/* An address out of range is a fault of level 0, wherever the walk would start. */
	if (!am_s2_walk(s2, ipa, r) || !r->mapped)
		return AM_S2_FAULT_TRANSLATION + r->level;
	if (r->oa >> s2->config.oa_bits)
		return AM_S2_FAULT_ADDRESS_SIZE + r->level;
	if (!r->young && !(s2->config.flags & AM_S2_HA))
		return AM_S2_FAULT_ACCESS_FLAG + r->level;
	if (prot & ~(unsigned)r->prot)
		return AM_S2_FAULT_PERMISSION + r->level;
	return AM_S2_FAULT_NONE;
}

/* ---- All of a range ---- */

struct visit {
	const struct am_s2 *s2;
	int (*fn)(void *opaque, uint64_t ipa, const struct am_s2_result *r);
	void *opaque;
};

static int visit(const struct visit *v, uint64_t *table, int level, uint64_t from, uint64_t to)
{
	struct am_s2_result r;
	uint64_t next;
	int err;

	for (uint64_t at = from; at < to; at = next) {
		uint64_t desc = s2_load(&table[s2_index(v->s2, level, at)]);
		uint64_t start = at & ~(AM_BIT(s2_log2(v->s2, level)) - 1);

		next = s2_next(v->s2, level, at, to);
		if (!(desc & S2_VALID))
			continue;
		if (s2_is_table(desc, level)) {
			err = visit(v, s2_table_at(v->s2, desc), level + 1, at, next);
		} else {
			describe(v->s2, desc, level, start, &r);
			err = v->fn(v->opaque, start, &r);
		}
		if (err)
			return err;
	}
	return 0;
}

int am_s2_for_each(const struct am_s2 *s2, uint64_t ipa, uint64_t size,
		   int (*fn)(void *opaque, uint64_t ipa, const struct am_s2_result *r),
		   void *opaque)
{
	const struct visit v = {s2, fn, opaque};

	if (!s2_range_ok(s2, ipa, size))
		return -EINVAL;
	return visit(&v, s2->root_at, s2->start_level, ipa, ipa + size);
}

/* ---- The quick look ---- */

uint64_t am_s2_leaf(const struct am_s2 *s2, uint64_t ipa, unsigned *log2_size)
{
	const uint64_t index_mask = AM_BIT(s2->stride) - 1;
	unsigned log2 = s2->start_log2;
	uint64_t desc = s2_load(&s2->root_at[ipa >> log2]);

	while ((desc & S2_TABLE) && log2 > s2->config.granule) {
		if (am_unlikely(!(desc & S2_VALID)))
			return 0; /* a table kept aside while this walk was in it */
		log2 -= s2->stride;
		desc = s2_load(&s2_table_at(s2, desc)[(ipa >> log2) & index_mask]);
	}
	*log2_size = log2;
	return desc & S2_VALID ? desc : 0;
}

uint64_t am_s2_leaf_oa(const struct am_s2 *s2, uint64_t desc, unsigned log2_size)
{
	return s2_leaf_oa(s2, desc, log2_size);
}
