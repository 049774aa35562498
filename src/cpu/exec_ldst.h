/* SPDX-License-Identifier: MIT */
/* What the files of loads and stores have in common: addressing modes. */
#ifndef AM_CPU_EXEC_LDST_H
#define AM_CPU_EXEC_LDST_H

#include "cpu/access.h"
#include "cpu/cpu.h"

/* What becomes of the base register, after the access succeeded. */
enum { WB_NONE, WB_PRE, WB_POST };

/* The index register as a value of @type, extended and shifted. */
#define LDST_INDEX(type) ((uint64_t)(type)c->r[i->rm] << i->imm)

/* _imm also serves unsigned and unscaled offsets; i->simm is the offset in bytes. */
enum ldst_mode { MODE_imm, MODE_pre, MODE_post, MODE_reg, MODE_uxtw, MODE_sxtw, MODE_unpriv };

/* The mode that option (bit 1 is set) of a register offset asks for. */
static inline enum ldst_mode ldst_index_mode(unsigned option)
{
	return option == 2 ? MODE_uxtw : option == 6 ? MODE_sxtw : MODE_reg;
}

/*
 * An operation exists with any base register and, chosen when SP is the base, with the check of
 * SP's alignment (DDI 0487 D1.8.2).
 */
#define LDST_BASE_ANY uint64_t base = c->r[i->rn]
#define LDST_BASE_SP                  \
	uint64_t base = c->r[REG_SP]; \
	LDST_SP_CHECK(base)
#define LDST_SP_CHECK(sp)                               \
	do {                                            \
		if (am_unlikely((sp)&c->sp_align_mask)) \
			return cpu_sp_fault(c, i);      \
	} while (0)

/*
 * Writeback comes last: with a base that is also loaded (CONSTRAINED UNPREDICTABLE, K1.1) the
 * base's new value wins, and one that is also stored is stored with its old value.
 */
#define LDST_WRITEBACK(wb)                                   \
	do {                                                 \
		if ((wb) == WB_PRE)                          \
			c->r[i->rn] = va;                    \
		else if ((wb) == WB_POST)                    \
			c->r[i->rn] = va + (int64_t)i->simm; \
	} while (0)

#endif
