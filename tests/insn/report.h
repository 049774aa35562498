/* SPDX-License-Identifier: MIT */
/* Showing a difference so that somebody can act on it. */
#ifndef AM_TESTS_INSN_REPORT_H
#define AM_TESTS_INSN_REPORT_H

#include "case.h"

/* @c has one state, whose seed is c->seed. @command starts the line that repeats it. */
void insn_report(const struct insn_case *c, const struct insn_state *ours,
		 const struct insn_state *theirs, const char *command);

extern const char *const insn_outcome_names[INSN_OUTCOMES];

#endif
