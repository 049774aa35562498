/* SPDX-License-Identifier: MIT */
/*
 * Logical operations, moves of immediates, bit fields and bit counting.
 *
 * A 64-bit mask does not fit into an operation's 32 bits of immediate. It is kept as a
 * sign-extended word, as a word repeated twice, or, when neither will do, as the run of ones and
 * the rotation that DecodeBitMasks() (DDI 0487 J1.3) makes it of.
 */
#include "a64_rows.h"
#include "cpu/cpu.h"
#include "cpu/exec_logic.h"

#define RN c->r[i->rn]
#define RM c->r[i->rm]

static inline uint64_t ror64(uint64_t v, unsigned n)
{
	return v >> (n & 63) | v << (-n & 63);
}

static inline uint32_t ror32(uint32_t v, unsigned n)
{
	return v >> (n & 31) | v << (-n & 31);
}

bool cpu_decode_bitmask(unsigned n, unsigned immr, unsigned imms, uint64_t *mask)
{
	unsigned len_bits = n << 6 | (~imms & 0x3f);
	unsigned size, ones, rot;
	uint64_t v;

	if (len_bits < 2) /* element of one bit, or none */
		return false;
	size = 1u << (31 - __builtin_clz(len_bits));
	ones = imms & (size - 1);
	rot = immr & (size - 1);
	if (ones == size - 1)
		return false;
	v = AM_MASK(ones, 0);
	if (rot)
		v = (v >> rot | v << (size - rot)) & AM_MASK(size - 1, 0);
	for (; size < 64; size *= 2)
		v |= v << size;
	*mask = v;
	return true;
}

/* ---- AND, ORR, EOR, ANDS: every form of the second operand ---- */

static inline uint64_t ands64(struct cpu *c, uint64_t r)
{
	c->nf = c->zf = r;
	c->cf = 0;
	c->vf = 0;
	return r;
}

static inline uint64_t ands32(struct cpu *c, uint32_t r)
{
	c->nf = c->zf = (int64_t)(int32_t)r;
	c->cf = 0;
	c->vf = 0;
	return r;
}

enum { AND, ORR, EOR, ANDS };

#define LOGIC_ONE(name, bits, r_expr)                   \
	CPU_OP(op_##name)                               \
	{                                               \
		c->r[i->rd] = (uint##bits##_t)(r_expr); \
		CPU_NEXT();                             \
	}

#define LOGIC(form, bits, b)                                          \
	LOGIC_ONE(and##bits##_##form, bits, RN &(uint##bits##_t)(b))  \
	LOGIC_ONE(orr##bits##_##form, bits, RN | (uint##bits##_t)(b)) \
	LOGIC_ONE(eor##bits##_##form, bits, RN ^ (uint##bits##_t)(b)) \
	LOGIC_ONE(ands##bits##_##form, bits, ands##bits(c, RN &(uint##bits##_t)(b)))

/*
 * X(form, 64-bit operand, 32-bit operand). In rep the word is in both halves; in run, ra holds 63
 * less the number of ones above the first, and rm the rotation.
 */
#define FORMS(X)                                                       \
	X(simm, (int64_t)i->simm, i->imm)                              \
	X(rep, i->imm | (uint64_t)i->imm << 32, i->imm)                \
	X(run, ror64(~UINT64_C(0) >> i->ra, i->rm), i->imm)            \
	X(reg, RM, RM)                                                 \
	X(lsl, RM << i->imm, (uint32_t)RM << i->imm)                   \
	X(lsr, RM >> i->imm, (uint32_t)RM >> i->imm)                   \
	X(asr, (int64_t)RM >> i->imm, (int32_t)RM >> i->imm)           \
	X(ror, ror64(RM, i->imm), ror32(RM, i->imm))                   \
	X(not_reg, ~RM, ~RM)                                           \
	X(not_lsl, ~(RM << i->imm), ~((uint32_t)RM << i->imm))         \
	X(not_lsr, ~(RM >> i->imm), ~((uint32_t)RM >> i->imm))         \
	X(not_asr, ~((int64_t)RM >> i->imm), ~((int32_t)RM >> i->imm)) \
	X(not_ror, ~ror64(RM, i->imm), ~ror32(RM, i->imm))

#define LOGIC_BOTH(form, b64, b32) LOGIC(form, 32, b32) LOGIC(form, 64, b64)
FORMS(LOGIC_BOTH)

enum {
#define X(form, b64, b32) FORM_##form,
	FORMS(X)
#undef X
};

static cpu_exec_fn *const logic_ops[][4][2] = {
#define X(form, b64, b32)                                    \
	[FORM_##form] = {{op_and32_##form, op_and64_##form}, \
			 {op_orr32_##form, op_orr64_##form}, \
			 {op_eor32_##form, op_eor64_##form}, \
			 {op_ands32_##form, op_ands64_##form}},
    FORMS(X)
#undef X
};

CPU_OP(op_mov64)
{
	c->r[i->rd] = RM;
	CPU_NEXT();
}

CPU_OP(op_mov32)
{
	c->r[i->rd] = (uint32_t)RM;
	CPU_NEXT();
}

static bool emit_shifted(struct cpu_insn *o, unsigned op, bool sf, bool invert, unsigned rd,
			 unsigned rn, unsigned rm, unsigned shift, unsigned amount)
{
	static const uint8_t forms[2][4] = {
	    {FORM_lsl, FORM_lsr, FORM_asr, FORM_ror},
	    {FORM_not_lsl, FORM_not_lsr, FORM_not_asr, FORM_not_ror},
	};
	unsigned form = forms[invert][shift];

	if (amount == 0)
		form = invert ? FORM_not_reg : FORM_reg;
	*o = (struct cpu_insn){
	    .exec = logic_ops[form][op][sf],
	    .rd = reg_dst(rd),
	    .rn = reg_src(rn),
	    .rm = reg_src(rm),
	    .imm = amount,
	};
	if (op == ORR && rn == 31 && form == FORM_reg)
		o->exec = sf ? op_mov64 : op_mov32;
	return true;
}

#define EMIT_SHIFTED(NAME, op, invert)                                                       \
	bool emit_##NAME(struct cpu_insn *o, struct a64_##NAME f)                            \
	{                                                                                    \
		return emit_shifted(o, op, f.sf, invert, f.rd, f.rn, f.rm, f.shift, f.imm6); \
	}

EMIT_SHIFTED(AND_reg, AND, false)
EMIT_SHIFTED(BIC_reg, AND, true)
EMIT_SHIFTED(ORR_reg, ORR, false)
EMIT_SHIFTED(ORN_reg, ORR, true)
EMIT_SHIFTED(EOR_reg, EOR, false)
EMIT_SHIFTED(EON_reg, EOR, true)
EMIT_SHIFTED(ANDS_reg, ANDS, false)
EMIT_SHIFTED(BICS_reg, ANDS, true)

/* ---- Immediates ---- */

CPU_OP(op_movi_simm)
{
	c->r[i->rd] = (int64_t)i->simm;
	CPU_NEXT();
}

CPU_OP(op_movi_uimm)
{
	c->r[i->rd] = i->imm;
	CPU_NEXT();
}

CPU_OP(op_movi_low_ones)
{
	c->r[i->rd] = i->imm | UINT64_C(0xffffffff) << 32;
	CPU_NEXT();
}

CPU_OP(op_movi_high)
{
	c->r[i->rd] = (uint64_t)i->imm << 32;
	CPU_NEXT();
}

CPU_OP(op_movi_high_ones)
{
	c->r[i->rd] = (uint64_t)i->imm << 32 | UINT32_MAX;
	CPU_NEXT();
}

/* Register := constant, if one of the forms above can hold it. */
static bool emit_constant(struct cpu_insn *o, unsigned rd, uint64_t v)
{
	*o = (struct cpu_insn){.rd = rd, .imm = v};
	if ((uint64_t)(int64_t)(int32_t)v == v) {
		o->exec = op_movi_simm;
	} else if (v <= UINT32_MAX) {
		o->exec = op_movi_uimm;
	} else if (v >> 32 == UINT32_MAX) {
		o->exec = op_movi_low_ones;
	} else if ((uint32_t)v == 0 || (uint32_t)v == UINT32_MAX) {
		o->exec = (uint32_t)v ? op_movi_high_ones : op_movi_high;
		o->imm = v >> 32;
	} else {
		return false;
	}
	return true;
}

static bool emit_logic_imm(struct cpu_insn *o, unsigned op, bool sf, unsigned n, unsigned immr,
			   unsigned imms, unsigned rn, unsigned rd)
{
	unsigned form = FORM_run;
	unsigned dst = op == ANDS ? reg_dst(rd) : reg_sp(rd);
	uint64_t mask;

	if (!cpu_decode_bitmask(n, immr, imms, &mask))
		return false;
	if (op == ORR && rn == 31 && emit_constant(o, dst, sf ? mask : (uint32_t)mask))
		return true;
	if (!sf || (uint64_t)(int64_t)(int32_t)mask == mask)
		form = FORM_simm;
	else if (!n)
		form = FORM_rep;
	*o = (struct cpu_insn){
	    .exec = logic_ops[form][op][sf],
	    .rd = dst,
	    .rn = reg_src(rn),
	    .rm = immr & 63,
	    .ra = 63 - (imms & 63),
	    .imm = mask,
	};
	return true;
}

#define EMIT_LOGIC_IMM(NAME)                                                           \
	bool emit_##NAME##_imm(struct cpu_insn *o, struct a64_##NAME##_imm f)          \
	{                                                                              \
		return emit_logic_imm(o, NAME, f.sf, f.n, f.immr, f.imms, f.rn, f.rd); \
	}

EMIT_LOGIC_IMM(AND)
EMIT_LOGIC_IMM(ORR)
EMIT_LOGIC_IMM(EOR)
EMIT_LOGIC_IMM(ANDS)

bool emit_MOVZ(struct cpu_insn *o, struct a64_MOVZ f)
{
	return emit_constant(o, reg_dst(f.rd), (uint64_t)f.imm16 << 16 * f.hw);
}

bool emit_MOVN(struct cpu_insn *o, struct a64_MOVN f)
{
	uint64_t v = ~((uint64_t)f.imm16 << 16 * f.hw);

	return emit_constant(o, reg_dst(f.rd), f.sf ? v : (uint32_t)v);
}

#define MOVK(hw)                                                                                   \
	CPU_OP(op_movk_##hw)                                                                       \
	{                                                                                          \
		c->r[i->rd] = (RN & ~(UINT64_C(0xffff) << 16 * hw)) | (uint64_t)i->imm << 16 * hw; \
		CPU_NEXT();                                                                        \
	}

MOVK(0)
MOVK(1)
MOVK(2)
MOVK(3)

CPU_OP(op_movk32)
{
	c->r[i->rd] = ((uint32_t)RN & ~(0xffffu << i->ra)) | i->imm << i->ra;
	CPU_NEXT();
}

bool emit_MOVK(struct cpu_insn *o, struct a64_MOVK f)
{
	static cpu_exec_fn *const ops[] = {op_movk_0, op_movk_1, op_movk_2, op_movk_3};

	*o = (struct cpu_insn){
	    .exec = f.sf ? ops[f.hw] : op_movk32,
	    .rd = reg_dst(f.rd),
	    .rn = reg_src(f.rd),
	    .ra = 16 * f.hw,
	    .imm = f.imm16,
	};
	return true;
}

/*
 * ---- Bit fields ---------------------------------------------------------------------------
 * SBFM and UBFM, with either order of immr and imms, are a shift left that brings the field's top
 * to the sign, and a shift right: b[0] and b[1].
 */

#define FIELD(name, expr)           \
	CPU_OP(op_##name)           \
	{                           \
		c->r[i->rd] = expr; \
		CPU_NEXT();         \
	}

FIELD(sbfm64, (int64_t)(RN << i->b[0]) >> i->b[1])
FIELD(sbfm32, (uint32_t)((int32_t)((uint32_t)RN << i->b[0]) >> i->b[1]))
FIELD(ubfm64, RN << i->b[0] >> i->b[1])
FIELD(ubfm32, (uint32_t)RN << i->b[0] >> i->b[1])
FIELD(lsl64, RN << i->b[0])
FIELD(lsl32, (uint32_t)RN << i->b[0])
FIELD(lsr64, RN >> i->b[1])
FIELD(lsr32, (uint32_t)RN >> i->b[1])
FIELD(asr64, (int64_t)RN >> i->b[1])
FIELD(asr32, (uint32_t)((int32_t)RN >> i->b[1]))
FIELD(uxtb, (uint8_t)RN)
FIELD(uxth, (uint16_t)RN)
FIELD(sxtb64, (int64_t)(int8_t)RN)
FIELD(sxtb32, (uint32_t)(int8_t)RN)
FIELD(sxth64, (int64_t)(int16_t)RN)
FIELD(sxth32, (uint32_t)(int16_t)RN)
FIELD(sxtw, (int64_t)(int32_t)RN)

static cpu_exec_fn *field_op(bool is_signed, bool sf, unsigned immr, unsigned imms)
{
	unsigned top = sf ? 63 : 31;

	if (imms == top)
		return is_signed ? (sf ? op_asr64 : op_asr32) : (sf ? op_lsr64 : op_lsr32);
	if (!is_signed && imms + 1 == immr)
		return sf ? op_lsl64 : op_lsl32;
	if (immr == 0 && imms == 7)
		return is_signed ? (sf ? op_sxtb64 : op_sxtb32) : op_uxtb;
	if (immr == 0 && imms == 15)
		return is_signed ? (sf ? op_sxth64 : op_sxth32) : op_uxth;
	if (immr == 0 && imms == 31)
		return is_signed ? op_sxtw : op_mov32;
	return is_signed ? (sf ? op_sbfm64 : op_sbfm32) : (sf ? op_ubfm64 : op_ubfm32);
}

static bool emit_field(struct cpu_insn *o, bool is_signed, bool sf, unsigned immr, unsigned imms,
		       unsigned rn, unsigned rd)
{
	unsigned left = (sf ? 63 : 31) - imms;
	unsigned right = imms >= immr ? left + immr : immr - imms - 1;

	*o = (struct cpu_insn){
	    .exec = field_op(is_signed, sf, immr, imms),
	    .rd = reg_dst(rd),
	    .rn = reg_src(rn),
	    .rm = reg_src(rn), /* op_mov32 */
	    .b = {left, right},
	};
	return true;
}

bool emit_SBFM(struct cpu_insn *o, struct a64_SBFM f)
{
	return emit_field(o, true, f.sf, f.immr, f.imms, f.rn, f.rd);
}

bool emit_UBFM(struct cpu_insn *o, struct a64_UBFM f)
{
	return emit_field(o, false, f.sf, f.immr, f.imms, f.rn, f.rd);
}

/* The source rotated right by b[0] replaces the destination's bits ones(64 - b[1]) << b[2]. */
CPU_OP(op_bfm64)
{
	uint64_t mask = ~UINT64_C(0) >> i->b[1] << i->b[2];

	c->r[i->rd] = (RM & ~mask) | (ror64(RN, i->b[0]) & mask);
	CPU_NEXT();
}

CPU_OP(op_bfm32)
{
	uint32_t mask = ~UINT32_C(0) >> i->b[1] << i->b[2];

	c->r[i->rd] = ((uint32_t)RM & ~mask) | (ror32(RN, i->b[0]) & mask);
	CPU_NEXT();
}

bool emit_BFM(struct cpu_insn *o, struct a64_BFM f)
{
	unsigned bits = f.sf ? 64 : 32;
	unsigned width = f.imms >= f.immr ? f.imms - f.immr + 1 : f.imms + 1;
	unsigned lsb = f.imms >= f.immr ? 0 : bits - f.immr;

	*o = (struct cpu_insn){
	    .exec = f.sf ? op_bfm64 : op_bfm32,
	    .rd = reg_dst(f.rd),
	    .rn = reg_src(f.rn),
	    .rm = reg_src(f.rd),
	    .b = {f.immr, bits - width, lsb},
	};
	return true;
}

FIELD(extr64, RM >> i->imm | RN << (64 - i->imm))
FIELD(extr32, (uint32_t)((uint32_t)RM >> i->imm | (uint32_t)RN << (32 - i->imm)))

bool emit_EXTR(struct cpu_insn *o, struct a64_EXTR f)
{
	*o = (struct cpu_insn){
	    .exec = f.sf ? op_extr64 : op_extr32,
	    .rd = reg_dst(f.rd),
	    .rn = reg_src(f.rn),
	    .rm = reg_src(f.rm),
	    .imm = f.imms,
	};
	if (f.imms == 0)
		o->exec = f.sf ? op_mov64 : op_mov32;
	return true;
}

/* ---- One source ---- */

static inline uint64_t swap_bits_in_bytes(uint64_t v)
{
	v = (v >> 1 & 0x5555555555555555) | (v & 0x5555555555555555) << 1;
	v = (v >> 2 & 0x3333333333333333) | (v & 0x3333333333333333) << 2;
	return (v >> 4 & 0x0f0f0f0f0f0f0f0f) | (v & 0x0f0f0f0f0f0f0f0f) << 4;
}

static inline uint64_t swap_bytes_in_halves(uint64_t v)
{
	return (v >> 8 & 0x00ff00ff00ff00ff) | (v & 0x00ff00ff00ff00ff) << 8;
}

static inline unsigned clz64(uint64_t v)
{
	return v ? __builtin_clzll(v) : 64;
}

static inline unsigned clz32(uint32_t v)
{
	return v ? __builtin_clz(v) : 32;
}

FIELD(rbit64, __builtin_bswap64(swap_bits_in_bytes(RN)))
FIELD(rbit32, __builtin_bswap32(swap_bits_in_bytes((uint32_t)RN)))
FIELD(rev16_64, swap_bytes_in_halves(RN))
FIELD(rev16_32, swap_bytes_in_halves((uint32_t)RN))
FIELD(rev64, __builtin_bswap64(RN))
FIELD(rev32, __builtin_bswap32(RN))
FIELD(rev32_64, ror64(__builtin_bswap64(RN), 32))
FIELD(clz64, clz64(RN))
FIELD(clz32, clz32(RN))
/* Bits below the top one that equal it: the leading zeros of the changes. */
FIELD(cls64, clz64((RN ^ RN << 1) | 1))
FIELD(cls32, clz32(((uint32_t)RN ^ (uint32_t)RN << 1) | 1))

static bool emit_one_source(struct cpu_insn *o, cpu_exec_fn *exec, unsigned rd, unsigned rn)
{
	*o = (struct cpu_insn){.exec = exec, .rd = reg_dst(rd), .rn = reg_src(rn)};
	return true;
}

bool emit_RBIT(struct cpu_insn *o, struct a64_RBIT f)
{
	return emit_one_source(o, f.sf ? op_rbit64 : op_rbit32, f.rd, f.rn);
}

bool emit_REV16(struct cpu_insn *o, struct a64_REV16 f)
{
	return emit_one_source(o, f.sf ? op_rev16_64 : op_rev16_32, f.rd, f.rn);
}

bool emit_REV_32(struct cpu_insn *o, struct a64_REV_32 f)
{
	return emit_one_source(o, op_rev32, f.rd, f.rn);
}

bool emit_REV32(struct cpu_insn *o, struct a64_REV32 f)
{
	return emit_one_source(o, op_rev32_64, f.rd, f.rn);
}

bool emit_REV_64(struct cpu_insn *o, struct a64_REV_64 f)
{
	return emit_one_source(o, op_rev64, f.rd, f.rn);
}

bool emit_CLZ(struct cpu_insn *o, struct a64_CLZ f)
{
	return emit_one_source(o, f.sf ? op_clz64 : op_clz32, f.rd, f.rn);
}

bool emit_CLS(struct cpu_insn *o, struct a64_CLS f)
{
	return emit_one_source(o, f.sf ? op_cls64 : op_cls32, f.rd, f.rn);
}
