/* SPDX-License-Identifier: MIT */
/*
 * The pre-decoded instruction and how one hands over to the next.
 *
 * A guest word is decoded once into a struct cpu_insn: the function that executes it and its
 * operands. Code lives in arrays of these, one per 4 KiB of guest physical memory, so "the next
 * instruction" is i + 1 and a branch inside the page is i + n. The functions ("operations") are
 *
 *     CPU_OP(op_add_imm64)
 *     {
 *             c->r[i->rd] = c->r[i->rn] + i->imm;
 *             CPU_NEXT();
 *     }
 *
 * and each ends in exactly one of
 *     CPU_NEXT()               fall through to i + 1;
 *     CPU_GOTO(n)              continue at the struct cpu_insn *n (see cpu_branch() for taken
 *                              branches, which must look for attention);
 *     return c->next           after a helper reported failure: an exception was taken (next is
 *                              the vector's first instruction) or the run ends (next is NULL).
 *
 * In optimised builds CPU_NEXT() jumps straight to the next operation (threaded dispatch by tail
 * call); otherwise it returns to the loop in run.c, which calls it. An operation therefore must
 * not let the address of a local escape to another function (the compiler could then not turn
 * the call into a jump): helpers return values in the cpu structure instead. Operations with big
 * locals end with CPU_NEXT_SLOW(), which always returns to the loop.
 */
#ifndef AM_CPU_INSN_H
#define AM_CPU_INSN_H

#include <stdint.h>

#include "base/bits.h"

struct cpu;
struct cpu_insn;

typedef const struct cpu_insn *cpu_exec_fn(struct cpu *c, const struct cpu_insn *i);

struct cpu_insn {
	cpu_exec_fn *exec;
	/*
	 * Operands. Register numbers are indices of cpu.r[]: the emit functions map encoding 31
	 * with reg_sp/reg_src/reg_dst below, once, at decode time.
	 */
	uint8_t rd, rn, rm, ra;
	union {
		uint32_t imm;
		int32_t simm;
		uint8_t b[4];
		uint16_t h[2];
	};
};

_Static_assert(sizeof(struct cpu_insn) == 16, "cpu_pc() counts on 16 bytes");

/* Indices of cpu.r[] beyond X0-X30. */
enum {
	REG_SP = 31,   /* the current stack pointer */
	REG_ZERO = 32, /* always reads 0; never written */
	REG_SINK = 33, /* written, never read */
};

/* Encoding 31 as a source is XZR ... */
static inline uint8_t reg_src(unsigned r)
{
	return r == 31 ? REG_ZERO : r;
}

/* ... as a destination it is discarded ... */
static inline uint8_t reg_dst(unsigned r)
{
	return r == 31 ? REG_SINK : r;
}

/* ... and where the manual says <Xn|SP> it is SP. */
static inline uint8_t reg_sp(unsigned r)
{
	return r;
}

#define CPU_OP(name)                                                \
	static const struct cpu_insn *name(struct cpu *c AM_UNUSED, \
					   const struct cpu_insn *i AM_UNUSED)

#if defined(__has_attribute)
#if __has_attribute(musttail)
#define CPU_TAIL __attribute__((musttail)) return
#endif
#endif
#ifndef CPU_TAIL
#define CPU_TAIL return
#endif

/* Sanitizers keep frames alive and -O0 has no sibling calls: there, go through the loop. */
#if defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && \
    !defined(CPU_NO_THREADING)
#define CPU_GOTO(n)                                   \
	do {                                          \
		const struct cpu_insn *goto_n_ = (n); \
		CPU_TAIL goto_n_->exec(c, goto_n_);   \
	} while (0)
#else
#define CPU_GOTO(n) return (n)
#endif

#define CPU_NEXT()	CPU_GOTO(i + 1)
#define CPU_NEXT_SLOW() return i + 1

#endif
