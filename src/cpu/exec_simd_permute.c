/* SPDX-License-Identifier: MIT */
/*
 * Advanced SIMD: moves of whole elements: copies, also from and to general registers, ZIP, UZP,
 * TRN, EXT and table lookup.
 */
#include "a64_rows.h"
#include "cpu/simd_lanes.h"

/* ---- Copy ---- */

/* The lowest 1 of imm5 tells the size, the bits above it are the index. */
static unsigned imm5_size(unsigned imm5)
{
	return (unsigned)__builtin_ctz(imm5 | 16);
}

static unsigned imm5_index(unsigned imm5)
{
	return imm5 >> (imm5_size(imm5) + 1);
}

SIMD_BHSD_BHSD(SIMD_SAME, dup, u, x = vn[sh])
SIMD_EMIT(DUP_ve, dup, SIMD_VECTOR(imm5_size(f.imm5), f.q), 0, imm5_index(f.imm5))
SIMD_EMIT(DUP_s, dup, SIMD_SCALAR(imm5_size(f.imm5)), 0, imm5_index(f.imm5))

/* General registers are operand ra, as the others are indices of cpu.v[]. */
SIMD_BHSD(SIMD_SAME, dup_general, u, x = c->r[i->ra])

bool emit_DUP_vr(struct cpu_insn *o, struct a64_DUP_vr f)
{
	bool ok = simd_emit(o, dup_general_ops, SIMD_VECTOR(imm5_size(f.imm5), f.q), f.rd, 0, 0, 0);

	o->ra = reg_src(f.rn);
	return ok;
}

#define MOVE(name, statement)   \
	CPU_OP(name)            \
	{                       \
		CPU_FP_CHECK(); \
		statement;      \
		CPU_NEXT();     \
	}

MOVE(smov_b32, c->r[i->ra] = (uint32_t)c->v[i->rn].sb[i->imm])
MOVE(smov_h32, c->r[i->ra] = (uint32_t)c->v[i->rn].sh[i->imm])
MOVE(smov_b64, c->r[i->ra] = (uint64_t)c->v[i->rn].sb[i->imm])
MOVE(smov_h64, c->r[i->ra] = (uint64_t)c->v[i->rn].sh[i->imm])
MOVE(smov_s64, c->r[i->ra] = (uint64_t)c->v[i->rn].ss[i->imm])
MOVE(umov_b, c->r[i->ra] = c->v[i->rn].b[i->imm])
MOVE(umov_h, c->r[i->ra] = c->v[i->rn].h[i->imm])
MOVE(umov_s, c->r[i->ra] = c->v[i->rn].s[i->imm])
MOVE(umov_d, c->r[i->ra] = c->v[i->rn].d[i->imm])

bool emit_SMOV(struct cpu_insn *o, struct a64_SMOV f)
{
	static cpu_exec_fn *const ops[2][5] = {
	    {smov_b32, smov_h32},
	    {smov_b64, smov_h64, smov_s64},
	};

	*o = (struct cpu_insn){
	    .exec = ops[f.q][imm5_size(f.imm5)],
	    .ra = reg_dst(f.rd),
	    .rn = f.rn,
	    .imm = imm5_index(f.imm5),
	};
	return o->exec;
}

bool emit_UMOV(struct cpu_insn *o, struct a64_UMOV f)
{
	static cpu_exec_fn *const ops[5] = {umov_b, umov_h, umov_s, umov_d};

	*o = (struct cpu_insn){
	    .exec = ops[imm5_size(f.imm5)],
	    .ra = reg_dst(f.rd),
	    .rn = f.rn,
	    .imm = imm5_index(f.imm5),
	};
	return o->exec;
}

/* INS leaves the other elements alone. */
MOVE(ins_general_b, c->v[i->rd].b[i->imm] = c->r[i->ra])
MOVE(ins_general_h, c->v[i->rd].h[i->imm] = c->r[i->ra])
MOVE(ins_general_s, c->v[i->rd].s[i->imm] = c->r[i->ra])
MOVE(ins_general_d, c->v[i->rd].d[i->imm] = c->r[i->ra])
MOVE(ins_element_b, c->v[i->rd].b[i->h[0]] = c->v[i->rn].b[i->h[1]])
MOVE(ins_element_h, c->v[i->rd].h[i->h[0]] = c->v[i->rn].h[i->h[1]])
MOVE(ins_element_s, c->v[i->rd].s[i->h[0]] = c->v[i->rn].s[i->h[1]])
MOVE(ins_element_d, c->v[i->rd].d[i->h[0]] = c->v[i->rn].d[i->h[1]])

bool emit_INS_r(struct cpu_insn *o, struct a64_INS_r f)
{
	static cpu_exec_fn *const ops[5] = {ins_general_b, ins_general_h, ins_general_s,
					    ins_general_d};

	*o = (struct cpu_insn){
	    .exec = ops[imm5_size(f.imm5)],
	    .rd = f.rd,
	    .ra = reg_src(f.rn),
	    .imm = imm5_index(f.imm5),
	};
	return o->exec;
}

bool emit_INS_e(struct cpu_insn *o, struct a64_INS_e f)
{
	static cpu_exec_fn *const ops[5] = {ins_element_b, ins_element_h, ins_element_s,
					    ins_element_d};
	unsigned size = imm5_size(f.imm5);

	/* The source's index is in imm4, whose bits below the size are ignored. */
	*o = (struct cpu_insn){
	    .exec = ops[size],
	    .rd = f.rd,
	    .rn = f.rn,
	    .h = {imm5_index(f.imm5), f.imm4 >> size},
	};
	return o->exec;
}

/* ---- Permute ---- */

/*
 * Two neighbours in the result are one element of twice the size, put together from its lower
 * and higher half; compilers vectorise that, but not a stride of 2. Elements of 64 bits have no
 * such: @x0 and @x1 are the result.
 */
#define PERMUTE(op, kind, x0, x1)                      \
	SIMD_OPS_B(kind, op, u)                        \
	SIMD_OPS_H(kind, op, u)                        \
	SIMD_OPS_S(kind, op, u)                        \
	SIMD_OPS_2D(SIMD_SAME, op, u, x = e ? x1 : x0) \
	SIMD_TABLE(op, SIMD_REFS_BHS(op), [SIMD_2D] = op##_2d)

/* Interleave the lower or upper halves of the sources. */
#define ZIP1(name, sg, nb, wb, n, ...) \
	SIMD_OP(name, u##nb, u##nb, u##wb, (n) / 2, 0, 0, 0, e, x = (X)b << nb | a)
#define ZIP2(name, sg, nb, wb, n, ...) \
	SIMD_OP(name, u##nb, u##nb, u##wb, (n) / 2, (n) / 2, (n) / 2, 0, e, x = (X)b << nb | a)

PERMUTE(zip1, ZIP1, vn[0], vm[0])
PERMUTE(zip2, ZIP2, vn[1], vm[1])

/* Transpose each 2 by 2 matrix. */
#define TRN1(name, sg, nb, wb, n, ...) \
	SIMD_OP(name, u##wb, u##wb, u##wb, (n) / 2, 0, 0, 0, e, x = b << nb | (uint##nb##_t)a)
#define TRN2(name, sg, nb, wb, n, ...) \
	SIMD_OP(name, u##wb, u##wb, u##wb, (n) / 2, 0, 0, 0, e, x = (b >> nb) << nb | a >> nb)

PERMUTE(trn1, TRN1, vn[0], vm[0])
PERMUTE(trn2, TRN2, vn[1], vm[1])

/* The even or odd elements of Vn, then those of Vm. */
#define UNZIP(name, nb, wb, n, shift)                                       \
	CPU_OP(name)                                                        \
	{                                                                   \
		const uint##wb##_t *const vn = c->v[i->rn].SIMD_LANE_u##wb; \
		const uint##wb##_t *const vm = c->v[i->rm].SIMD_LANE_u##wb; \
		union cpu_vreg r = {.d = {0, 0}};                           \
                                                                            \
		CPU_FP_CHECK();                                             \
		for (unsigned e = 0; e < (n) / 2; e++)                      \
			r.SIMD_LANE_u##nb[e] = vn[e] >> (shift);            \
		for (unsigned e = 0; e < (n) / 2; e++)                      \
			r.SIMD_LANE_u##nb[(n) / 2 + e] = vm[e] >> (shift);  \
		c->v[i->rd] = r;                                            \
		CPU_NEXT();                                                 \
	}
#define UZP1(name, sg, nb, wb, n, ...) UNZIP(name, nb, wb, n, 0)
#define UZP2(name, sg, nb, wb, n, ...) UNZIP(name, nb, wb, n, nb)

PERMUTE(uzp1, UZP1, vn[0], vm[0])
PERMUTE(uzp2, UZP2, vn[1], vm[1])

SIMD_EMIT_NM(ZIP1_v, zip1)
SIMD_EMIT_NM(ZIP2_v, zip2)
SIMD_EMIT_NM(UZP1_v, uzp1)
SIMD_EMIT_NM(UZP2_v, uzp2)
SIMD_EMIT_NM(TRN1_v, trn1)
SIMD_EMIT_NM(TRN2_v, trn2)

/* ---- Extract: bytes of Vm:Vn from number imm on ---- */

/* @n is at most 7; for more bytes, start with the next 64 bits. */
static inline uint64_t extract(uint64_t lo, uint64_t hi, unsigned n)
{
	return (uint64_t)(((unsigned __int128)hi << 64 | lo) >> n * 8);
}

#define EXT(name, low, high)                                          \
	CPU_OP(name)                                                  \
	{                                                             \
		const uint64_t n0 AM_UNUSED = c->v[i->rn].d[0];       \
		const uint64_t n1 AM_UNUSED = c->v[i->rn].d[1];       \
		const uint64_t m0 AM_UNUSED = c->v[i->rm].d[0];       \
		const uint64_t m1 AM_UNUSED = c->v[i->rm].d[1];       \
                                                                      \
		CPU_FP_CHECK();                                       \
		c->v[i->rd] = (union cpu_vreg){.d = {(low), (high)}}; \
		CPU_NEXT();                                           \
	}

EXT(ext_64, extract(n0, m0, i->imm), 0)
EXT(ext_128_low, extract(n0, n1, i->imm), extract(n1, m0, i->imm))
EXT(ext_128_high, extract(n1, m0, i->imm), extract(m0, m1, i->imm))

bool emit_EXT_v(struct cpu_insn *o, struct a64_EXT_v f)
{
	static cpu_exec_fn *const ops[2][2] = {{ext_64, NULL}, {ext_128_low, ext_128_high}};

	*o = (struct cpu_insn){
	    .exec = ops[f.q][f.imm4 >> 3],
	    .rd = f.rd,
	    .rn = f.rn,
	    .rm = f.rm,
	    .imm = f.imm4 & 7,
	};
	return o->exec;
}

/* ---- Table lookup: @imm bytes from Vn on; V0 comes after V31 ---- */

#define ENTRY(index) c->v[(i->rn + ((index) >> 4)) & 31].b[(index)&15]

SIMD_ONLY_B(SIMD_SAME, tbl, u, x = b < sh ? ENTRY(b) : 0)
SIMD_ONLY_B(SIMD_SAME, tbx, u, x = b < sh ? ENTRY(b) : d)

SIMD_EMIT(TBL_v, tbl, SIMD_VECTOR(0, f.q), f.rm, 16 * (f.len + 1))
SIMD_EMIT(TBX_v, tbx, SIMD_VECTOR(0, f.q), f.rm, 16 * (f.len + 1))
