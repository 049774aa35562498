/* SPDX-License-Identifier: MIT */
/*
 * Memory for tables, at physical addresses of the test's choice, that notices what should not
 * happen: tables that are freed twice or with another size, or used after that; misaligned ones.
 * Can be told to run out.
 */
#ifndef STAGE2_ARENA_H
#define STAGE2_ARENA_H

#include <armature/stage2.h>

#include "oracle.h"

#define ARENA_TLBIS 64

struct arena {
	uint8_t *mem, *used; /* used: one byte a granule: 0, 1, or 2 for the first of a table */
	void *map;
	size_t map_len;
	unsigned granule, nr, hint;
	uint64_t base; /* physical address of mem */
	bool identity;

	unsigned live;	   /* granules */
	long fail_after;   /* that many more succeed; < 0: all */
	const char *error; /* the first thing that was wrong */

	/* Called once, by the nth table_at() from now on, or by tlbi() if that is 0: what somebody
	 * else does in the middle of something. */
	void (*hook)(struct arena *a);
	unsigned hook_after;

	const struct am_s2 *s2; /* whose tlbi() this is */
	struct oracle oracle;	/* for it */
	unsigned nr_tlbi;
	struct {
		uint64_t ipa, size;
	} tlbi[ARENA_TLBIS];
};

/* @base: where physical memory is, or 0: where the host has it. */
void arena_init(struct arena *a, unsigned granule, unsigned nr, uint64_t base);
void arena_finish(struct arena *a);

extern const struct am_s2_ops arena_ops, arena_ops_tlbi;

/* am_s2_init() in @a, with or without tlbi(). */
int arena_s2_init(struct arena *a, struct am_s2 *s2, const struct am_s2_config *config, bool tlbi);
/* After am_s2_finish(): nothing wrong, nothing left. */
bool arena_is_clean(const struct arena *a);

#endif
