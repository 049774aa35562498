/* SPDX-License-Identifier: MIT */
/*
 * Branches. A direct branch exists twice: to an address, and to an operation of the same page,
 * which cpu_emit_in_page() chooses when the page's code is decoded. The second needs to look
 * neither at addresses nor at which page is being executed.
 */
#include "a64_rows.h"
#include "cpu/cond.h"
#include "cpu/cpu.h"
#include "cpu/run.h"

#define RN c->r[i->rn]

/* i->simm: bytes of guest address, or of struct cpu_insn when in the page. */
#define TARGET	     (cpu_pc(c, i) + (int64_t)i->simm)
#define IN_PAGE_INSN ((const struct cpu_insn *)((const char *)i + i->simm))

/* Both versions of a branch that is taken if @cond, after doing @before. */
#define DIRECT(name, cond, before)                        \
	CPU_OP(op_##name)                                 \
	{                                                 \
		if (cond) {                               \
			before;                           \
			CPU_BRANCH(TARGET);               \
		}                                         \
		CPU_NEXT();                               \
	}                                                 \
	CPU_OP(op_##name##_in_page)                       \
	{                                                 \
		if (cond) {                               \
			before;                           \
			CPU_BRANCH_IN_PAGE(IN_PAGE_INSN); \
		}                                         \
		CPU_NEXT();                               \
	}

/* X(name, taken if, before the branch) */
#define CONDITIONAL(X)                        \
	X(cbz64, RN == 0, (void)0)            \
	X(cbz32, (uint32_t)RN == 0, (void)0)  \
	X(cbnz64, RN != 0, (void)0)           \
	X(cbnz32, (uint32_t)RN != 0, (void)0) \
	X(tbz, !(RN >> i->rm & 1), (void)0)   \
	X(tbnz, RN >> i->rm & 1, (void)0)     \
	X(b, true, (void)0)                   \
	X(bl, true, c->r[30] = cpu_pc(c, i) + 4)

CONDITIONAL(DIRECT)
#define X(n, cc, cond) DIRECT(b_##cc, cond, (void)0)
CPU_CONDS(X)
#undef X

static const struct {
	cpu_exec_fn *far, *in_page;
} direct[] = {
#define X(n, cc, cond) {op_b_##cc, op_b_##cc##_in_page},
    CPU_CONDS(X)
#undef X
#define X(name, cond, before) {op_##name, op_##name##_in_page},
	CONDITIONAL(X)
#undef X
};

bool cpu_emit_in_page(struct cpu_insn *o, unsigned index)
{
	for (unsigned n = 0; n < AM_ARRAY_SIZE(direct); n++) {
		if (o->exec != direct[n].far)
			continue;

		int64_t target = (int64_t)index * 4 + o->simm;

		if (target < 0 || target >= 4096)
			return false;
		o->exec = direct[n].in_page;
		o->simm *= (int)sizeof(*o) / 4;
		return true;
	}
	return false;
}

/* ---- Immediate ---- */

static bool emit_direct(struct cpu_insn *o, cpu_exec_fn *exec, uint32_t imm, unsigned bits)
{
	*o = (struct cpu_insn){.exec = exec, .simm = am_sext(imm, bits) * 4};
	return true;
}

bool emit_B(struct cpu_insn *o, struct a64_B f)
{
	return emit_direct(o, op_b, f.imm26, 26);
}

bool emit_BL(struct cpu_insn *o, struct a64_BL f)
{
	return emit_direct(o, op_bl, f.imm26, 26);
}

bool emit_B_cond(struct cpu_insn *o, struct a64_B_cond f)
{
	return emit_direct(o, f.cond < 14 ? direct[f.cond].far : op_b, f.imm19, 19);
}

static bool emit_register(struct cpu_insn *o, cpu_exec_fn *exec, unsigned rn, unsigned bit,
			  uint32_t imm, unsigned bits)
{
	emit_direct(o, exec, imm, bits);
	o->rn = reg_src(rn);
	o->rm = bit;
	return true;
}

bool emit_CBZ(struct cpu_insn *o, struct a64_CBZ f)
{
	return emit_register(o, f.sf ? op_cbz64 : op_cbz32, f.rt, 0, f.imm19, 19);
}

bool emit_CBNZ(struct cpu_insn *o, struct a64_CBNZ f)
{
	return emit_register(o, f.sf ? op_cbnz64 : op_cbnz32, f.rt, 0, f.imm19, 19);
}

bool emit_TBZ(struct cpu_insn *o, struct a64_TBZ f)
{
	return emit_register(o, op_tbz, f.rt, f.b5 << 5 | f.b40, f.imm14, 14);
}

bool emit_TBNZ(struct cpu_insn *o, struct a64_TBNZ f)
{
	return emit_register(o, op_tbnz, f.rt, f.b5 << 5 | f.b40, f.imm14, 14);
}

/* ---- Register ---- */

CPU_OP(op_br)
{
	CPU_BRANCH(RN);
}

CPU_OP(op_blr)
{
	uint64_t target = RN; /* which may be X30 */

	c->r[30] = cpu_pc(c, i) + 4;
	CPU_BRANCH(target);
}

bool emit_BR(struct cpu_insn *o, struct a64_BR f)
{
	*o = (struct cpu_insn){.exec = op_br, .rn = reg_src(f.rn)};
	return true;
}

bool emit_BLR(struct cpu_insn *o, struct a64_BLR f)
{
	*o = (struct cpu_insn){.exec = op_blr, .rn = reg_src(f.rn)};
	return true;
}

bool emit_RET(struct cpu_insn *o, struct a64_RET f)
{
	*o = (struct cpu_insn){.exec = op_br, .rn = reg_src(f.rn)};
	return true;
}
