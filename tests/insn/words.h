/* SPDX-License-Identifier: MIT */
/* Choosing instruction words: of a row of the decode table, or of none. */
#ifndef AM_TESTS_INSN_WORDS_H
#define AM_TESTS_INSN_WORDS_H

#include "case.h"

/* How a row is tested. */
enum insn_plan {
	PLAN_RUN,
	PLAN_UNDEFINED, /* EL0 may not: the exception is the test */
	PLAN_EXCLUDED,	/* needs EL1 or would be the oracle's own system call */
};

enum insn_plan insn_plan(uint32_t row);

/*
 * Fill c->word and c->nr with a word of @row, and what must stand around it, for c->slot. False if
 * no admissible word was found in a fair number of tries.
 */
bool insn_choose(struct insn_case *c, uint32_t row, struct insn_rng *r);

/* A word that the decoder under test gives to nobody, near to one that it knows or at random. */
uint32_t insn_choose_unallocated(struct insn_rng *r);

/*
 * The name of the architecture extension that defines @w and that the CPU does not offer although
 * the reference does, or NULL.
 */
const char *insn_extension(uint32_t w);

/* True if the CPU library takes @w for undefined without executing it. */
bool insn_is_unallocated(uint32_t w);

#endif
