/* SPDX-License-Identifier: MIT */
/* Our side of the instruction test: the CPU library with just enough machine around it. */
#ifndef AM_TESTS_INSN_ENGINE_H
#define AM_TESTS_INSN_ENGINE_H

#include "case.h"

struct insn_engine;

struct insn_engine *insn_engine_create(void);
void insn_engine_destroy(struct insn_engine *e);

/* Put the words of @nr cases into their slots. */
void insn_engine_place(struct insn_engine *e, const struct insn_case *c, uint32_t nr);

/* Run one case from the initial state of @seed; *s is the normalised final state. */
void insn_engine_run(struct insn_engine *e, const struct insn_case *c, uint64_t seed,
		     struct insn_state *s);

/* True if memory outside the HOT and FAULT bytes of the window was written to. */
bool insn_engine_strayed(const struct insn_engine *e);

#endif
