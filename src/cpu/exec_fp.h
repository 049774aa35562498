/* SPDX-License-Identifier: MIT */
/* What the floating-point operations share: scalar results, rounding operands, lane templates. */
#ifndef AM_CPU_EXEC_FP_H
#define AM_CPU_EXEC_FP_H

#include "cpu/cpu.h"
#include "cpu/fp/fp.h"

/* A scalar result clears the rest of the register (DDI 0487 C1.2.5). */
static inline void fp_set_s(struct cpu *c, unsigned rd, uint32_t v)
{
	c->v[rd].d[0] = v;
	c->v[rd].d[1] = 0;
}

static inline void fp_set_d(struct cpu *c, unsigned rd, uint64_t v)
{
	c->v[rd].d[0] = v;
	c->v[rd].d[1] = 0;
}

/* An operand beside enum fp_rounding: what FPCR.RMode says when the instruction executes. */
#define FP_BY_FPCR 0xff

static inline enum fp_rounding fp_rounding_of(const struct cpu *c, unsigned operand)
{
	return operand == FP_BY_FPCR ? fp_rmode(c->fpcr) : (enum fp_rounding)operand;
}

/*
 * An operation on the first i->b[0] lanes (32- or 64-bit), each for itself: @expr makes the
 * result of a (of Vn), b (of Vm) and d (of Vd); `index` is the lane of b. The result is written
 * lane by lane, which serves even if Vd is a source, and the rest of the register is cleared.
 */
#define FP_LANES_OP(name, n, lane, index, ...)                             \
	CPU_OP(name)                                                       \
	{                                                                  \
		const unsigned lanes = i->b[0];                            \
                                                                           \
		CPU_FP_CHECK();                                            \
		for (unsigned e = 0; e < lanes; e++) {                     \
			uint##n##_t a AM_UNUSED = c->v[i->rn].lane[e];     \
			uint##n##_t b AM_UNUSED = c->v[i->rm].lane[index]; \
			uint##n##_t d AM_UNUSED = c->v[i->rd].lane[e];     \
                                                                           \
			c->v[i->rd].lane[e] = (uint##n##_t)(__VA_ARGS__);  \
		}                                                          \
		if (lanes * n <= 64)                                       \
			c->v[i->rd].d[1] = 0;                              \
		if (lanes * n <= 32)                                       \
			c->v[i->rd].s[1] = 0;                              \
		CPU_NEXT();                                                \
	}

/* Lanes of a vector of 32- or 64-bit elements. */
#define FP_VECTOR_LANES(sz, q) ((sz) ? 2 : 2 << (q))

#endif
