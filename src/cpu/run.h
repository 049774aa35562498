/* SPDX-License-Identifier: MIT */
/* Inside the engine: exceptions, context, and what connects the files of this folder. */
#ifndef AM_CPU_RUN_H
#define AM_CPU_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "cpu/cpu.h"

/* Branches between two looks at the clock. */
#define CPU_SLICE 4096

/* Exception classes (DDI 0487 D17.2.37, ESR_EL1.EC). */
enum {
	EC_UNKNOWN = 0x00,
	EC_WFX = 0x01,
	EC_FP = 0x07,
	EC_ILLEGAL = 0x0e,
	EC_SVC = 0x15,
	EC_SYSREG = 0x18,
	EC_IABT_LOW = 0x20,
	EC_IABT_SAME = 0x21,
	EC_PC_ALIGN = 0x22,
	EC_DABT_LOW = 0x24,
	EC_DABT_SAME = 0x25,
	EC_SP_ALIGN = 0x26,
	EC_SERROR = 0x2f,
	EC_BREAK_LOW = 0x30,
	EC_STEP_LOW = 0x32,
	EC_WATCH_LOW = 0x34,
	EC_BRK = 0x3c,
};

/* ISS of a data abort or watchpoint: it was a write. */
#define ISS_WNR (1u << 6)

#define ESR(ec, iss) ((uint64_t)(ec) << 26 | UINT64_C(1) << 25 | (iss))

/* Vector offsets of the four kinds (D1.10.2). */
enum cpu_vector { VEC_SYNC = 0x000, VEC_IRQ = 0x080, VEC_FIQ = 0x100, VEC_SERROR = 0x180 };

/*
 * Take an exception to EL1: c->pc becomes the vector. @ret is the preferred return address.
 * ESR_EL1 is written for synchronous exceptions and SError, FAR_EL1 by the caller.
 */
void cpu_take_exception(struct cpu *c, enum cpu_vector kind, uint64_t ret, uint64_t esr);

/* The same, from an operation, and enter the vector. */
const struct cpu_insn *cpu_raise(struct cpu *c, const struct cpu_insn *i, uint64_t esr);
const struct cpu_insn *cpu_raise_at(struct cpu *c, uint64_t ret, uint64_t esr);

/* After a change of EL, PAN, SPSel, SCTLR_EL1, CPACR_EL1 or the ASID. */
void cpu_update_context(struct cpu *c);

/* Select EL and SPSel: banks SP. cpu_update_context() is the caller's. */
void cpu_set_el(struct cpu *c, unsigned el, unsigned spsel);

/* ERET (D1.10.4): PSTATE from SPSR_EL1, c->pc from ELR_EL1. */
void cpu_exception_return(struct cpu *c);

/* An interrupt that the masks let through. */
bool cpu_irq_deliverable(const struct cpu *c);

static inline uint32_t cpu_nzcv(const struct cpu *c)
{
	return (uint32_t)(c->nf >> 63) << 31 | (uint32_t)(c->zf == 0) << 30 | c->cf << 29 |
	       (uint32_t)(c->vf >> 63) << 28;
}

static inline void cpu_set_nzcv(struct cpu *c, uint32_t v)
{
	c->nf = (uint64_t)(v >> 31 & 1) << 63;
	c->zf = !(v >> 30 & 1);
	c->cf = v >> 29 & 1;
	c->vf = (uint64_t)(v >> 28 & 1) << 63;
}

/* Replace a direct branch whose target is in its own page (exec_branch.c). */
bool cpu_emit_in_page(struct cpu_insn *o, unsigned index);

#endif
