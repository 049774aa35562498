/* SPDX-License-Identifier: MIT */
/*
 * The changes that need no memory: the access flag, and tables that become blocks.
 */
#include "bus/error.h"
#include "mem/s2_desc.h"

/* ---- The access flag ---- */

static bool age(struct am_s2 *s2, uint64_t *table, int level, uint64_t from, uint64_t to)
{
	bool young = false;
	uint64_t next;

	for (uint64_t at = from; at < to; at = next) {
		uint64_t *slot = &table[s2_index(s2, level, at)];
		uint64_t desc = s2_load(slot);

		next = s2_next(s2, level, at, to);
		if (s2_is_table(desc, level)) {
			young |= age(s2, s2_table_at(s2, desc), level + 1, at, next);
		} else if ((desc & S2_VALID) && (desc & S2_AF)) {
			s2_clear_bits(slot, S2_AF);
			young = true;
		}
	}
	return young;
}

int am_s2_age(struct am_s2 *s2, uint64_t ipa, uint64_t size, bool *young)
{
	bool any;

	if (young)
		*young = false;
	if (!s2_range_ok(s2, ipa, size))
		return -EINVAL;
	any = age(s2, s2->root_at, s2->start_level, ipa, ipa + size);
	if (young)
		*young = any;
	return 0;
}

int am_s2_mkyoung(struct am_s2 *s2, uint64_t ipa)
{
	uint64_t *table = s2->root_at, *slot, desc;
	int level = s2->start_level;

	if (ipa >> s2->config.ipa_bits)
		return -EINVAL;
	for (;;) {
		slot = &table[s2_index(s2, level, ipa)];
		desc = s2_load(slot);
		if (!s2_is_table(desc, level))
			break;
		table = s2_table_at(s2, desc);
		level++;
	}
	if (!(desc & S2_VALID))
		return -ENOENT;
	if (!(desc & S2_AF))
		s2_set_bits(slot, S2_AF);
	return 0;
}

/* ---- Tables that become blocks ---- */

bool s2_as_block(const struct am_s2 *s2, uint64_t *table, int level, uint64_t *block)
{
	uint64_t first = s2_load(&table[0]), young = first & S2_AF;
	uint64_t oa = s2_leaf_oa(s2, first, s2_log2(s2, level));

	if (!(first & S2_VALID) || s2_is_table(first, level) ||
	    !am_aligned(oa, AM_BIT(s2_log2(s2, level - 1))))
		return false;
	for (uint64_t n = 1; n < AM_BIT(s2->stride); n++) {
		uint64_t desc = s2_load(&table[n]);

		/* Aligned as it is, the address never carries into its own high part. */
		if ((desc | S2_AF) != (first | S2_AF) + (n << s2_log2(s2, level)))
			return false;
		young |= desc & S2_AF;
	}
	*block = s2_leaf_desc(s2, level - 1, oa, s2_attrs(s2, first) | young);
	return true;
}

/* @slot, of @level, leads to @table, which says what @block says. */
static void join(struct am_s2 *s2, uint64_t *slot, int level, uint64_t ipa, uint64_t *table,
		 uint64_t block)
{
	uint64_t desc = s2_load(slot), size = AM_BIT(s2_log2(s2, level)), late;

	if (s2_must_break(s2, true)) {
		s2_store(slot, 0);
		s2->ops->tlbi(s2->opaque, ipa & ~(size - 1), size);
	}
	s2_store(slot, block);
	/* The processor may have set the access flag of one of the pages meanwhile. */
	if (!(block & S2_AF) && s2_as_block(s2, table, level + 1, &late) && (late & S2_AF))
		s2_set_bits(slot, S2_AF);
	s2_retire(s2, desc, level);
}

static void collapse(struct am_s2 *s2, uint64_t *table, int level, uint64_t from, uint64_t to)
{
	uint64_t next, block;

	for (uint64_t at = from; at < to; at = next) {
		uint64_t *slot = &table[s2_index(s2, level, at)];
		uint64_t desc = s2_load(slot), *below;

		next = s2_next(s2, level, at, to);
		if (!s2_is_table(desc, level))
			continue;
		below = s2_table_at(s2, desc);
		collapse(s2, below, level + 1, at, next);
		if (level >= s2->block_level && s2_as_block(s2, below, level + 1, &block))
			join(s2, slot, level, at, below, block);
	}
}

int am_s2_collapse(struct am_s2 *s2, uint64_t ipa, uint64_t size)
{
	if (!s2_range_ok(s2, ipa, size))
		return -EINVAL;
	collapse(s2, s2->root_at, s2->start_level, ipa, ipa + size);
	return 0;
}
