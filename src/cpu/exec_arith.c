/* SPDX-License-Identifier: MIT */
/*
 * Addition and subtraction in all their forms, addresses, conditional select and compare.
 *
 * An operation exists per form of the second operand, per width and per flag setting, so that at
 * run time nothing is left to decide. 32-bit results are zero-extended into the register, and
 * sign-extended into the flags (cpu.h).
 */
#include "a64_rows.h"
#include "cpu/cond.h"
#include "cpu/cpu.h"
#include "cpu/run.h"

#define RN c->r[i->rn]
#define RM c->r[i->rm]

/* AddWithCarry() of DDI 0487 (J1.3) with flags. */
static inline uint64_t adds64(struct cpu *c, uint64_t a, uint64_t b, unsigned carry)
{
	uint64_t t = a + b;
	uint64_t r = t + carry;

	c->nf = c->zf = r;
	c->cf = (t < a) | (r < t);
	c->vf = (a ^ r) & (b ^ r);
	return r;
}

static inline uint64_t adds32(struct cpu *c, uint32_t a, uint32_t b, unsigned carry)
{
	uint64_t sum = (uint64_t)a + b + carry;
	uint32_t r = sum;

	c->nf = c->zf = (int64_t)(int32_t)r;
	c->cf = sum >> 32;
	c->vf = (uint64_t)((a ^ r) & (b ^ r)) << 32;
	return r;
}

/* Subtraction is addition of the complement and 1: carry means no borrow. */
static inline uint64_t subs64(struct cpu *c, uint64_t a, uint64_t b)
{
	uint64_t r = a - b;

	c->nf = c->zf = r;
	c->cf = a >= b;
	c->vf = (a ^ b) & (a ^ r);
	return r;
}

static inline uint64_t subs32(struct cpu *c, uint32_t a, uint32_t b)
{
	uint32_t r = a - b;

	c->nf = c->zf = (int64_t)(int32_t)r;
	c->cf = a >= b;
	c->vf = (uint64_t)((a ^ b) & (a ^ r)) << 32;
	return r;
}

enum { ADD, SUB, ADDS, SUBS, CMP };

/* The operations for one form of the second operand; CMP is SUBS without a destination. */
#define ARITH(form, b64, b32)                                             \
	CPU_OP(op_add64_##form)                                           \
	{                                                                 \
		c->r[i->rd] = RN + (b64);                                 \
		CPU_NEXT();                                               \
	}                                                                 \
	CPU_OP(op_add32_##form)                                           \
	{                                                                 \
		c->r[i->rd] = (uint32_t)((uint32_t)RN + (uint32_t)(b32)); \
		CPU_NEXT();                                               \
	}                                                                 \
	CPU_OP(op_sub64_##form)                                           \
	{                                                                 \
		c->r[i->rd] = RN - (b64);                                 \
		CPU_NEXT();                                               \
	}                                                                 \
	CPU_OP(op_sub32_##form)                                           \
	{                                                                 \
		c->r[i->rd] = (uint32_t)((uint32_t)RN - (uint32_t)(b32)); \
		CPU_NEXT();                                               \
	}                                                                 \
	CPU_OP(op_adds64_##form)                                          \
	{                                                                 \
		c->r[i->rd] = adds64(c, RN, (b64), 0);                    \
		CPU_NEXT();                                               \
	}                                                                 \
	CPU_OP(op_adds32_##form)                                          \
	{                                                                 \
		c->r[i->rd] = adds32(c, RN, (b32), 0);                    \
		CPU_NEXT();                                               \
	}                                                                 \
	CPU_OP(op_subs64_##form)                                          \
	{                                                                 \
		c->r[i->rd] = subs64(c, RN, (b64));                       \
		CPU_NEXT();                                               \
	}                                                                 \
	CPU_OP(op_subs32_##form)                                          \
	{                                                                 \
		c->r[i->rd] = subs32(c, RN, (b32));                       \
		CPU_NEXT();                                               \
	}                                                                 \
	CPU_OP(op_cmp64_##form)                                           \
	{                                                                 \
		subs64(c, RN, (b64));                                     \
		CPU_NEXT();                                               \
	}                                                                 \
	CPU_OP(op_cmp32_##form)                                           \
	{                                                                 \
		subs32(c, RN, (b32));                                     \
		CPU_NEXT();                                               \
	}

/* X(form, 64-bit operand, 32-bit operand); i->imm is the shift amount unless it is the operand. */
#define FORMS(X)                                                                    \
	X(imm, i->imm, i->imm)                                                      \
	X(reg, RM, RM)                                                              \
	X(lsl, RM << i->imm, (uint32_t)RM << i->imm)                                \
	X(lsr, RM >> i->imm, (uint32_t)RM >> i->imm)                                \
	X(asr, (int64_t)RM >> i->imm, (int32_t)RM >> i->imm)                        \
	X(uxtb, (uint64_t)(uint8_t)RM << i->imm, (uint32_t)(uint8_t)RM << i->imm)   \
	X(uxth, (uint64_t)(uint16_t)RM << i->imm, (uint32_t)(uint16_t)RM << i->imm) \
	X(uxtw, (uint64_t)(uint32_t)RM << i->imm, (uint32_t)RM << i->imm)           \
	X(sxtb, (uint64_t)(int8_t)RM << i->imm, (uint32_t)(int8_t)RM << i->imm)     \
	X(sxth, (uint64_t)(int16_t)RM << i->imm, (uint32_t)(int16_t)RM << i->imm)   \
	X(sxtw, (uint64_t)(int32_t)RM << i->imm, (uint32_t)RM << i->imm)

FORMS(ARITH)

enum {
#define X(form, b64, b32) FORM_##form,
	FORMS(X)
#undef X
};

static cpu_exec_fn *const arith_ops[][5][2] = {
#define X(form, b64, b32)                                               \
	[FORM_##form] = {[ADD] = {op_add32_##form, op_add64_##form},    \
			 [SUB] = {op_sub32_##form, op_sub64_##form},    \
			 [ADDS] = {op_adds32_##form, op_adds64_##form}, \
			 [SUBS] = {op_subs32_##form, op_subs64_##form}, \
			 [CMP] = {op_cmp32_##form, op_cmp64_##form}},
    FORMS(X)
#undef X
};

/* Immediate and extended forms name SP by 31, except as the destination of those with flags. */
static bool emit_with_sp(struct cpu_insn *o, unsigned form, unsigned op, bool sf, unsigned rd,
			 unsigned rn, unsigned rm, uint32_t imm)
{
	bool flags = op == ADDS || op == SUBS;

	if (op == SUBS && rd == 31)
		op = CMP;
	*o = (struct cpu_insn){
	    .exec = arith_ops[form][op][sf],
	    .rd = flags ? reg_dst(rd) : reg_sp(rd),
	    .rn = reg_sp(rn),
	    .rm = reg_src(rm),
	    .imm = imm,
	};
	return true;
}

static bool emit_shifted(struct cpu_insn *o, unsigned op, bool sf, unsigned rd, unsigned rn,
			 unsigned rm, unsigned shift, unsigned amount)
{
	static const uint8_t forms[] = {FORM_lsl, FORM_lsr, FORM_asr};
	unsigned form = amount ? forms[shift] : FORM_reg;

	if (op == SUBS && rd == 31)
		op = CMP;
	*o = (struct cpu_insn){
	    .exec = arith_ops[form][op][sf],
	    .rd = reg_dst(rd),
	    .rn = reg_src(rn),
	    .rm = reg_src(rm),
	    .imm = amount,
	};
	return true;
}

/* DDI 0487, ExtendReg(): of a 32-bit operation the W and X extensions do nothing. */
static unsigned extend_form(unsigned option, bool sf, unsigned amount)
{
	static const uint8_t forms[] = {FORM_uxtb, FORM_uxth, FORM_uxtw, FORM_lsl,
					FORM_sxtb, FORM_sxth, FORM_sxtw, FORM_lsl};
	unsigned form = forms[option];

	if (form == FORM_lsl || (!sf && (option & 3) == 2))
		return amount ? FORM_lsl : FORM_reg;
	return form;
}

#define EMIT_ARITH(NAME)                                                                      \
	bool emit_##NAME##_imm(struct cpu_insn *o, struct a64_##NAME##_imm f)                 \
	{                                                                                     \
		return emit_with_sp(o, FORM_imm, NAME, f.sf, f.rd, f.rn, 31,                  \
				    f.imm12 << (f.sh ? 12 : 0));                              \
	}                                                                                     \
	bool emit_##NAME##_shift(struct cpu_insn *o, struct a64_##NAME##_shift f)             \
	{                                                                                     \
		return emit_shifted(o, NAME, f.sf, f.rd, f.rn, f.rm, f.shift, f.imm6);        \
	}                                                                                     \
	bool emit_##NAME##_ext(struct cpu_insn *o, struct a64_##NAME##_ext f)                 \
	{                                                                                     \
		return emit_with_sp(o, extend_form(f.option, f.sf, f.imm3), NAME, f.sf, f.rd, \
				    f.rn, f.rm, f.imm3);                                      \
	}

EMIT_ARITH(ADD)
EMIT_ARITH(ADDS)
EMIT_ARITH(SUB)
EMIT_ARITH(SUBS)

/* ---- With carry ---- */

#define WITH_CARRY(NAME, expr32, expr64)                            \
	CPU_OP(op_##NAME##_32)                                      \
	{                                                           \
		c->r[i->rd] = (uint32_t)(expr32);                   \
		CPU_NEXT();                                         \
	}                                                           \
	CPU_OP(op_##NAME##_64)                                      \
	{                                                           \
		c->r[i->rd] = (expr64);                             \
		CPU_NEXT();                                         \
	}                                                           \
	bool emit_##NAME(struct cpu_insn *o, struct a64_##NAME f)   \
	{                                                           \
		*o = (struct cpu_insn){                             \
		    .exec = f.sf ? op_##NAME##_64 : op_##NAME##_32, \
		    .rd = reg_dst(f.rd),                            \
		    .rn = reg_src(f.rn),                            \
		    .rm = reg_src(f.rm),                            \
		};                                                  \
		return true;                                        \
	}

WITH_CARRY(ADC, RN + RM + c->cf, RN + RM + c->cf)
WITH_CARRY(SBC, RN + ~RM + c->cf, RN + ~RM + c->cf)
WITH_CARRY(ADCS, adds32(c, RN, RM, c->cf), adds64(c, RN, RM, c->cf))
WITH_CARRY(SBCS, adds32(c, RN, ~RM, c->cf), adds64(c, RN, ~RM, c->cf))

/* ---- PC-relative addresses ---- */

CPU_OP(op_adr)
{
	c->r[i->rd] = cpu_pc(c, i) + (int64_t)i->simm;
	CPU_NEXT();
}

CPU_OP(op_adrp)
{
	c->r[i->rd] = (cpu_pc(c, i) & ~UINT64_C(4095)) + (int64_t)i->simm * 4096;
	CPU_NEXT();
}

bool emit_ADR(struct cpu_insn *o, struct a64_ADR f)
{
	*o = (struct cpu_insn){
	    .exec = op_adr,
	    .rd = reg_dst(f.rd),
	    .simm = am_sext(f.immhi << 2 | f.immlo, 21),
	};
	return true;
}

bool emit_ADRP(struct cpu_insn *o, struct a64_ADRP f)
{
	*o = (struct cpu_insn){
	    .exec = op_adrp,
	    .rd = reg_dst(f.rd),
	    .simm = am_sext(f.immhi << 2 | f.immlo, 21),
	};
	return true;
}

/* ---- Conditional select ---- */

#define SELECT(name, cc, cond, else_expr)                           \
	CPU_OP(op_##name##64_##cc)                                  \
	{                                                           \
		uint64_t a = RN, b = RM;                            \
		c->r[i->rd] = (cond) ? a : (else_expr);             \
		CPU_NEXT();                                         \
	}                                                           \
	CPU_OP(op_##name##32_##cc)                                  \
	{                                                           \
		uint64_t a = RN, b = RM;                            \
		c->r[i->rd] = (uint32_t)((cond) ? a : (else_expr)); \
		CPU_NEXT();                                         \
	}

#define SELECTS(n, cc, cond)           \
	SELECT(csel, cc, cond, b)      \
	SELECT(csinc, cc, cond, b + 1) \
	SELECT(csinv, cc, cond, ~b)    \
	SELECT(csneg, cc, cond, -b)

CPU_CONDS(SELECTS)
SELECTS(14, al, true)

enum { CSEL, CSINC, CSINV, CSNEG };

static cpu_exec_fn *const select_ops[15][4][2] = {
#define X(n, cc, cond)                             \
	[n] = {{op_csel32_##cc, op_csel64_##cc},   \
	       {op_csinc32_##cc, op_csinc64_##cc}, \
	       {op_csinv32_##cc, op_csinv64_##cc}, \
	       {op_csneg32_##cc, op_csneg64_##cc}},
    CPU_CONDS(X) X(14, al, true)
#undef X
};

#define EMIT_SELECT(NAME)                                                       \
	bool emit_##NAME(struct cpu_insn *o, struct a64_##NAME f)               \
	{                                                                       \
		*o = (struct cpu_insn){                                         \
		    .exec = select_ops[f.cond == 15 ? 14 : f.cond][NAME][f.sf], \
		    .rd = reg_dst(f.rd),                                        \
		    .rn = reg_src(f.rn),                                        \
		    .rm = reg_src(f.rm),                                        \
		};                                                              \
		return true;                                                    \
	}

EMIT_SELECT(CSEL)
EMIT_SELECT(CSINC)
EMIT_SELECT(CSINV)
EMIT_SELECT(CSNEG)

/* ---- Conditional compare: b[0] is the condition, b[1] NZCV otherwise, b[2] an immediate ---- */

#define COND_COMPARE(NAME, operand, compare32, compare64)         \
	CPU_OP(op_##NAME##_32)                                    \
	{                                                         \
		uint32_t a = RN, b = (operand);                   \
		if (cpu_cond(c, i->b[0]))                         \
			compare32;                                \
		else                                              \
			cpu_set_nzcv(c, (uint32_t)i->b[1] << 28); \
		CPU_NEXT();                                       \
	}                                                         \
	CPU_OP(op_##NAME##_64)                                    \
	{                                                         \
		uint64_t a = RN, b = (operand);                   \
		if (cpu_cond(c, i->b[0]))                         \
			compare64;                                \
		else                                              \
			cpu_set_nzcv(c, (uint32_t)i->b[1] << 28); \
		CPU_NEXT();                                       \
	}

COND_COMPARE(CCMN_reg, RM, adds32(c, a, b, 0), adds64(c, a, b, 0))
COND_COMPARE(CCMN_imm, i->b[2], adds32(c, a, b, 0), adds64(c, a, b, 0))
COND_COMPARE(CCMP_reg, RM, subs32(c, a, b), subs64(c, a, b))
COND_COMPARE(CCMP_imm, i->b[2], subs32(c, a, b), subs64(c, a, b))

#define EMIT_COND_COMPARE(NAME, rm_, imm_)                          \
	bool emit_##NAME(struct cpu_insn *o, struct a64_##NAME f)   \
	{                                                           \
		*o = (struct cpu_insn){                             \
		    .exec = f.sf ? op_##NAME##_64 : op_##NAME##_32, \
		    .rn = reg_src(f.rn),                            \
		    .rm = reg_src(rm_),                             \
		    .b = {f.cond, f.nzcv, imm_},                    \
		};                                                  \
		return true;                                        \
	}

EMIT_COND_COMPARE(CCMN_reg, f.rm, 0)
EMIT_COND_COMPARE(CCMN_imm, 31, f.imm5)
EMIT_COND_COMPARE(CCMP_reg, f.rm, 0)
EMIT_COND_COMPARE(CCMP_imm, 31, f.imm5)
