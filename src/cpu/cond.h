/* SPDX-License-Identifier: MIT */
/* The condition codes (DDI 0487 C1.2.4) on the flags as struct cpu keeps them. */
#ifndef AM_CPU_COND_H
#define AM_CPU_COND_H

#include <stdbool.h>
#include <stdint.h>

#include "cpu/cpu.h"

/*
 * X(encoding, name, expression on c). Operations that depend on a condition exist once per
 * condition, so that none of them decodes it when executed. NV (15) means AL too.
 */
#define CPU_CONDS(X)                                      \
	X(0, eq, c->zf == 0)                              \
	X(1, ne, c->zf != 0)                              \
	X(2, cs, c->cf)                                   \
	X(3, cc, !c->cf)                                  \
	X(4, mi, (int64_t)c->nf < 0)                      \
	X(5, pl, (int64_t)c->nf >= 0)                     \
	X(6, vs, (int64_t)c->vf < 0)                      \
	X(7, vc, (int64_t)c->vf >= 0)                     \
	X(8, hi, c->cf && c->zf != 0)                     \
	X(9, ls, !(c->cf && c->zf != 0))                  \
	X(10, ge, (int64_t)(c->nf ^ c->vf) >= 0)          \
	X(11, lt, (int64_t)(c->nf ^ c->vf) < 0)           \
	X(12, gt, c->zf && (int64_t)(c->nf ^ c->vf) >= 0) \
	X(13, le, !c->zf || (int64_t)(c->nf ^ c->vf) < 0)

static inline bool cpu_cond(const struct cpu *c, unsigned cond)
{
	switch (cond) {
#define X(n, cc, expr) \
	case n:        \
		return expr;
		CPU_CONDS(X)
#undef X
	}
	return true;
}

#endif
