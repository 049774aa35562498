/* SPDX-License-Identifier: MIT */
/*
 * Advanced SIMD: modified immediates. op, cmode and the 8 bits abcdefgh expand to 64 bits
 * (DDI 0487, shared/functions/vector/AdvSIMDExpandImm) when the instruction is decoded. An
 * operation has room for 32 of them; few values have two different halves, and each of those has
 * an operation of its own.
 */
#include "a64_rows.h"
#include "cpu/cpu.h"

/* ---- Operations: both halves of 64 bits are imm ---- */

#define BOTH ((uint64_t)i->imm << 32 | i->imm)

#define IMM_OP(name, low, high)                                       \
	CPU_OP(name)                                                  \
	{                                                             \
		const uint64_t d0 AM_UNUSED = c->v[i->rd].d[0];       \
		const uint64_t d1 AM_UNUSED = c->v[i->rd].d[1];       \
                                                                      \
		CPU_FP_CHECK();                                       \
		c->v[i->rd] = (union cpu_vreg){.d = {(low), (high)}}; \
		CPU_NEXT();                                           \
	}

IMM_OP(movi_64, BOTH, 0)
IMM_OP(movi_128, BOTH, BOTH)
IMM_OP(orr_64, d0 | BOTH, 0)
IMM_OP(orr_128, d0 | BOTH, d1 | BOTH)
IMM_OP(bic_64, d0 & ~BOTH, 0)
IMM_OP(bic_128, d0 & ~BOTH, d1 & ~BOTH)

/* ---- Two different halves ---- */

/* FMOV of doubles: only the upper half has bits. */
IMM_OP(fmov_2d, (uint64_t)i->imm << 32, (uint64_t)i->imm << 32)

/* Each bit becomes a byte of ones. */
static inline uint64_t byte_mask(uint8_t bits)
{
	uint64_t x = bits * UINT64_C(0x0101010101010101) & UINT64_C(0x8040201008040201);

	/* One bit at most in each byte, which moves to its bit 7 without a carry out. */
	x = (x + UINT64_C(0x7f7f7f7f7f7f7f7f)) | x;
	return (x >> 7 & UINT64_C(0x0101010101010101)) * 0xff;
}

IMM_OP(movi_bytes_64, byte_mask(i->imm), 0)
IMM_OP(movi_bytes_128, byte_mask(i->imm), byte_mask(i->imm))

/* ---- Decoding ---- */

/* The repeated 32 bits for cmode 0 to 14 and op = 0. */
static uint32_t expand(unsigned cmode, uint32_t imm8)
{
	if (cmode < 8) /* one byte of a word */
		return imm8 << 8 * (cmode >> 1);
	if (cmode < 12) /* one byte of a halfword */
		return (imm8 << 8 * (cmode >> 1 & 1)) * 0x00010001u;
	if (cmode == 12) /* with ones shifted in */
		return imm8 << 8 | 0xff;
	if (cmode == 13)
		return imm8 << 16 | 0xffff;
	return imm8 * 0x01010101u;
}

/* The upper half of a double: VFPExpandImm, sign, exponent of 11 bits, 4 bits of fraction. */
static uint32_t expand_double(uint32_t imm8)
{
	uint32_t exponent = (imm8 & 0x40 ? 0x3fc : 0x400) | (imm8 >> 4 & 3);

	return (imm8 & 0x80) << 24 | exponent << 20 | (imm8 & 15) << 16;
}

static uint32_t expand_single(uint32_t imm8)
{
	uint32_t exponent = (imm8 & 0x40 ? 0x7c : 0x80) | (imm8 >> 4 & 3);

	return (imm8 & 0x80) << 24 | exponent << 23 | (imm8 & 15) << 19;
}

static bool emit_imm(struct cpu_insn *o, cpu_exec_fn *exec, unsigned rd, uint32_t imm)
{
	*o = (struct cpu_insn){.exec = exec, .rd = rd, .imm = imm};
	return true;
}

bool emit_MOVI_vi(struct cpu_insn *o, struct a64_MOVI_vi f)
{
	uint32_t imm8 = f.abc << 5 | f.defgh;

	if (!f.op)
		return emit_imm(o, f.q ? movi_128 : movi_64, f.rd, expand(f.cmode, imm8));
	if (imm8 >> 4 == (imm8 & 15)) /* above all, 0 */
		return emit_imm(o, f.q ? movi_128 : movi_64, f.rd, (uint32_t)byte_mask(imm8));
	return emit_imm(o, f.q ? movi_bytes_128 : movi_bytes_64, f.rd, imm8);
}

bool emit_MVNI_vi(struct cpu_insn *o, struct a64_MVNI_vi f)
{
	uint32_t imm = expand(f.cmode, f.abc << 5 | f.defgh);

	return emit_imm(o, f.q ? movi_128 : movi_64, f.rd, ~imm);
}

bool emit_ORR_vi(struct cpu_insn *o, struct a64_ORR_vi f)
{
	uint32_t imm = expand(f.cmode, f.abc << 5 | f.defgh);

	return emit_imm(o, f.q ? orr_128 : orr_64, f.rd, imm);
}

bool emit_BIC_vi(struct cpu_insn *o, struct a64_BIC_vi f)
{
	uint32_t imm = expand(f.cmode, f.abc << 5 | f.defgh);

	return emit_imm(o, f.q ? bic_128 : bic_64, f.rd, imm);
}

bool emit_FMOV_vi(struct cpu_insn *o, struct a64_FMOV_vi f)
{
	uint32_t imm8 = f.abc << 5 | f.defgh;

	if (f.op)
		return emit_imm(o, fmov_2d, f.rd, expand_double(imm8));
	return emit_imm(o, f.q ? movi_128 : movi_64, f.rd, expand_single(imm8));
}
