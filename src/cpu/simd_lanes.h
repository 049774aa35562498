/* SPDX-License-Identifier: MIT */
/*
 * Templates of the integer Advanced SIMD operations.
 *
 * An instruction is one line that says which shapes it has, how its operands lie in the registers
 * (a kind), the signedness of the elements, and what one element of the result is:
 *
 *	SIMD_BHS(SIMD_SAME, shadd, s, x = (a >> 1) + (b >> 1) + (a & b & 1))
 *
 * That defines one operation for each shape, with constant bounds that compilers unroll and
 * vectorise, and the table shadd_ops[] from which the emit function picks by size and Q. An entry
 * that is NULL is a reserved encoding.
 *
 * The expression (statements, in fact) sees
 *
 *     a, b        the elements of Vn and Vm, of the types A and B
 *     x           to be set: the element of the result, of the type X
 *     d           the element of Vd, of the type X
 *     U, BITS     the unsigned type of the size of X, and that size
 *     lo, hi      the bounds of X
 *     e, n        the number of the element, and the count
 *     vn, vm, vd  all elements of the sources
 *     sh          the insn's immediate
 *     qc          to be set to non-zero when the result saturates (FPSR.QC)
 *
 * What no x goes to becomes 0.
 * The result is built in a local register, so that it may be one of the sources.
 */
#ifndef AM_CPU_SIMD_LANES_H
#define AM_CPU_SIMD_LANES_H

#include "cpu/cpu.h"

#define SIMD_FPSR_QC (1u << 27)

/* ---- Types of elements ---- */

#define SIMD_TYPE_u8  uint8_t
#define SIMD_TYPE_u16 uint16_t
#define SIMD_TYPE_u32 uint32_t
#define SIMD_TYPE_u64 uint64_t
#define SIMD_TYPE_s8  int8_t
#define SIMD_TYPE_s16 int16_t
#define SIMD_TYPE_s32 int32_t
#define SIMD_TYPE_s64 int64_t

/* ... their array in union cpu_vreg ... */
#define SIMD_LANE_u8  b
#define SIMD_LANE_u16 h
#define SIMD_LANE_u32 s
#define SIMD_LANE_u64 d
#define SIMD_LANE_s8  sb
#define SIMD_LANE_s16 sh
#define SIMD_LANE_s32 ss
#define SIMD_LANE_s64 sd

/* ... their unsigned counterparts ... */
#define SIMD_UTYPE_u8  uint8_t
#define SIMD_UTYPE_u16 uint16_t
#define SIMD_UTYPE_u32 uint32_t
#define SIMD_UTYPE_u64 uint64_t
#define SIMD_UTYPE_s8  uint8_t
#define SIMD_UTYPE_s16 uint16_t
#define SIMD_UTYPE_s32 uint32_t
#define SIMD_UTYPE_s64 uint64_t

/* ... and bounds. */
#define SIMD_MIN_u8  0
#define SIMD_MIN_u16 0
#define SIMD_MIN_u32 0
#define SIMD_MIN_u64 0
#define SIMD_MIN_s8  INT8_MIN
#define SIMD_MIN_s16 INT16_MIN
#define SIMD_MIN_s32 INT32_MIN
#define SIMD_MIN_s64 INT64_MIN
#define SIMD_MAX_u8  UINT8_MAX
#define SIMD_MAX_u16 UINT16_MAX
#define SIMD_MAX_u32 UINT32_MAX
#define SIMD_MAX_u64 UINT64_MAX
#define SIMD_MAX_s8  INT8_MAX
#define SIMD_MAX_s16 INT16_MAX
#define SIMD_MAX_s32 INT32_MAX
#define SIMD_MAX_s64 INT64_MAX

/* ---- The operation ---- */

/*
 * @ta, @tb, @tx: types of a, b, x as SIMD_TYPE_ has them. @n_: how many elements. @oa, @ob, @ox:
 * the first element in each register (the "2" forms of long and narrow instructions use the
 * upper half; a narrow one then keeps the lower half of Vd). @bi: which element b is.
 */
#define SIMD_OP(name, ta, tb, tx, n_, oa, ob, ox, bi, ...)                          \
	CPU_OP(name)                                                                \
	{                                                                           \
		typedef SIMD_TYPE_##ta A AM_UNUSED;                                 \
		typedef SIMD_TYPE_##tb B AM_UNUSED;                                 \
		typedef SIMD_TYPE_##tx X AM_UNUSED;                                 \
		typedef SIMD_UTYPE_##tx U AM_UNUSED;                                \
		enum { BITS = 8 * sizeof(X) };                                      \
		const X lo AM_UNUSED = SIMD_MIN_##tx, hi AM_UNUSED = SIMD_MAX_##tx; \
		const unsigned n AM_UNUSED = n_, sh AM_UNUSED = i->imm;             \
		const A *const vn AM_UNUSED = c->v[i->rn].SIMD_LANE_##ta + (oa);    \
		const B *const vm AM_UNUSED = c->v[i->rm].SIMD_LANE_##tb + (ob);    \
		const X *const vd AM_UNUSED = c->v[i->rd].SIMD_LANE_##tx + (ox);    \
		union cpu_vreg r = {.d = {(ox) ? c->v[i->rd].d[0] : 0, 0}};         \
		unsigned qc = 0;                                                    \
                                                                                    \
		CPU_FP_CHECK();                                                     \
		for (unsigned e = 0; e < n_; e++) {                                 \
			const A a AM_UNUSED = vn[e];                                \
			const B b AM_UNUSED = vm[bi];                               \
			const X d AM_UNUSED = vd[e];                                \
			X x;                                                        \
                                                                                    \
			__VA_ARGS__;                                                \
			r.SIMD_LANE_##tx[(ox) + e] = x;                             \
		}                                                                   \
		c->v[i->rd] = r;                                                    \
		if (am_unlikely(qc))                                                \
			c->fpsr |= SIMD_FPSR_QC;                                    \
		CPU_NEXT();                                                         \
	}

/*
 * Kinds: (name, signedness, bits of the narrower element, of the one twice as wide, elements,
 * first element in the register of narrow elements, expression).
 */
#define SIMD_SAME(name, sg, nb, wb, n, off, ...) \
	SIMD_OP(name, sg##nb, sg##nb, sg##nb, n, 0, 0, 0, e, __VA_ARGS__)
#define SIMD_SAME_ELEM(name, sg, nb, wb, n, off, ...) \
	SIMD_OP(name, sg##nb, sg##nb, sg##nb, n, 0, 0, 0, i->imm, __VA_ARGS__)
#define SIMD_LONG(name, sg, nb, wb, n, off, ...) \
	SIMD_OP(name, sg##nb, sg##nb, sg##wb, n, off, off, 0, e, __VA_ARGS__)
#define SIMD_LONG_ELEM(name, sg, nb, wb, n, off, ...) \
	SIMD_OP(name, sg##nb, sg##nb, sg##wb, n, off, 0, 0, i->imm, __VA_ARGS__)
#define SIMD_WIDE(name, sg, nb, wb, n, off, ...) \
	SIMD_OP(name, sg##wb, sg##nb, sg##wb, n, 0, off, 0, e, __VA_ARGS__)
#define SIMD_NARROW(name, sg, nb, wb, n, off, ...) \
	SIMD_OP(name, sg##wb, sg##wb, sg##nb, n, 0, 0, off, e, __VA_ARGS__)
/* From signed to unsigned. */
#define SIMD_NARROW_SU(name, sg, nb, wb, n, off, ...) \
	SIMD_OP(name, s##wb, s##wb, u##nb, n, 0, 0, off, e, __VA_ARGS__)

/* ---- Shapes ---- */

/* Index of an operation in its table. */
enum simd_shape {
	SIMD_8B,
	SIMD_16B,
	SIMD_4H,
	SIMD_8H,
	SIMD_2S,
	SIMD_4S,
	SIMD_1D, /* reserved everywhere */
	SIMD_2D,
	SIMD_B, /* scalars */
	SIMD_H,
	SIMD_S,
	SIMD_D,
	SIMD_SHAPES
};
#define SIMD_VECTOR(size, q) ((size) << 1 | (q))
#define SIMD_SCALAR(size)    (SIMD_B + (size))

/* Each kind's operations for sets of shapes, where all elements have the narrower size ... */
#define SIMD_OPS_B(K, op, sg, ...)               \
	K(op##_8b, sg, 8, 16, 8, 0, __VA_ARGS__) \
	K(op##_16b, sg, 8, 16, 16, 0, __VA_ARGS__)
#define SIMD_OPS_H(K, op, sg, ...)                \
	K(op##_4h, sg, 16, 32, 4, 0, __VA_ARGS__) \
	K(op##_8h, sg, 16, 32, 8, 0, __VA_ARGS__)
#define SIMD_OPS_S(K, op, sg, ...)                \
	K(op##_2s, sg, 32, 64, 2, 0, __VA_ARGS__) \
	K(op##_4s, sg, 32, 64, 4, 0, __VA_ARGS__)
#define SIMD_OPS_2D(K, op, sg, ...) K(op##_2d, sg, 64, 64, 2, 0, __VA_ARGS__)
/* ... or one source or the result has twice that. */
#define SIMD_OPS_LB(K, op, sg, ...)              \
	K(op##_8b, sg, 8, 16, 8, 0, __VA_ARGS__) \
	K(op##_16b, sg, 8, 16, 8, 8, __VA_ARGS__)
#define SIMD_OPS_LH(K, op, sg, ...)               \
	K(op##_4h, sg, 16, 32, 4, 0, __VA_ARGS__) \
	K(op##_8h, sg, 16, 32, 4, 4, __VA_ARGS__)
#define SIMD_OPS_LS(K, op, sg, ...)               \
	K(op##_2s, sg, 32, 64, 2, 0, __VA_ARGS__) \
	K(op##_4s, sg, 32, 64, 2, 2, __VA_ARGS__)
/* Scalars. */
#define SIMD_OP_B(K, op, sg, ...) K(op##_b, sg, 8, 16, 1, 0, __VA_ARGS__)
#define SIMD_OP_H(K, op, sg, ...) K(op##_h, sg, 16, 32, 1, 0, __VA_ARGS__)
#define SIMD_OP_S(K, op, sg, ...) K(op##_s, sg, 32, 64, 1, 0, __VA_ARGS__)
#define SIMD_OP_D(K, op, sg, ...) K(op##_d, sg, 64, 64, 1, 0, __VA_ARGS__)

#define SIMD_TABLE(op, ...) static cpu_exec_fn *const op##_ops[SIMD_SHAPES] = {__VA_ARGS__};
#define SIMD_REFS_B(op)	    [SIMD_8B] = op##_8b, [SIMD_16B] = op##_16b
#define SIMD_REFS_H(op)	    [SIMD_4H] = op##_4h, [SIMD_8H] = op##_8h
#define SIMD_REFS_S(op)	    [SIMD_2S] = op##_2s, [SIMD_4S] = op##_4s
#define SIMD_REFS_BHS(op)   SIMD_REFS_B(op), SIMD_REFS_H(op), SIMD_REFS_S(op)

#define SIMD_ONLY_B(K, op, ...)        \
	SIMD_OPS_B(K, op, __VA_ARGS__) \
	SIMD_TABLE(op, SIMD_REFS_B(op))
#define SIMD_HS(K, op, ...)            \
	SIMD_OPS_H(K, op, __VA_ARGS__) \
	SIMD_OPS_S(K, op, __VA_ARGS__) \
	SIMD_TABLE(op, SIMD_REFS_H(op), SIMD_REFS_S(op))
#define SIMD_BHS(K, op, ...)           \
	SIMD_OPS_B(K, op, __VA_ARGS__) \
	SIMD_OPS_H(K, op, __VA_ARGS__) \
	SIMD_OPS_S(K, op, __VA_ARGS__) \
	SIMD_TABLE(op, SIMD_REFS_BHS(op))
#define SIMD_BHSD(K, op, ...)           \
	SIMD_OPS_B(K, op, __VA_ARGS__)  \
	SIMD_OPS_H(K, op, __VA_ARGS__)  \
	SIMD_OPS_S(K, op, __VA_ARGS__)  \
	SIMD_OPS_2D(K, op, __VA_ARGS__) \
	SIMD_TABLE(op, SIMD_REFS_BHS(op), [SIMD_2D] = op##_2d)
/* Vectors, and scalars of 64 bits only. */
#define SIMD_BHSD_D(K, op, ...)         \
	SIMD_OPS_B(K, op, __VA_ARGS__)  \
	SIMD_OPS_H(K, op, __VA_ARGS__)  \
	SIMD_OPS_S(K, op, __VA_ARGS__)  \
	SIMD_OPS_2D(K, op, __VA_ARGS__) \
	SIMD_OP_D(K, op, __VA_ARGS__)   \
	SIMD_TABLE(op, SIMD_REFS_BHS(op), [SIMD_2D] = op##_2d, [SIMD_D] = op##_d)
/* Vectors, and scalars of all sizes. */
#define SIMD_BHSD_BHSD(K, op, ...)                                                \
	SIMD_OPS_B(K, op, __VA_ARGS__)                                            \
	SIMD_OPS_H(K, op, __VA_ARGS__)                                            \
	SIMD_OPS_S(K, op, __VA_ARGS__)                                            \
	SIMD_OPS_2D(K, op, __VA_ARGS__)                                           \
	SIMD_OP_B(K, op, __VA_ARGS__)                                             \
	SIMD_OP_H(K, op, __VA_ARGS__)                                             \
	SIMD_OP_S(K, op, __VA_ARGS__)                                             \
	SIMD_OP_D(K, op, __VA_ARGS__)                                             \
	SIMD_TABLE(op, SIMD_REFS_BHS(op), [SIMD_2D] = op##_2d, [SIMD_B] = op##_b, \
		   [SIMD_H] = op##_h, [SIMD_S] = op##_s, [SIMD_D] = op##_d)
#define SIMD_HS_HS(K, op, ...)         \
	SIMD_OPS_H(K, op, __VA_ARGS__) \
	SIMD_OPS_S(K, op, __VA_ARGS__) \
	SIMD_OP_H(K, op, __VA_ARGS__)  \
	SIMD_OP_S(K, op, __VA_ARGS__)  \
	SIMD_TABLE(op, SIMD_REFS_H(op), SIMD_REFS_S(op), [SIMD_H] = op##_h, [SIMD_S] = op##_s)
/* Long, wide and narrow kinds. The shape is that of the narrow elements. */
#define SIMD_L_BHS(K, op, ...)          \
	SIMD_OPS_LB(K, op, __VA_ARGS__) \
	SIMD_OPS_LH(K, op, __VA_ARGS__) \
	SIMD_OPS_LS(K, op, __VA_ARGS__) \
	SIMD_TABLE(op, SIMD_REFS_BHS(op))
#define SIMD_L_BHS_BHS(K, op, ...)      \
	SIMD_OPS_LB(K, op, __VA_ARGS__) \
	SIMD_OPS_LH(K, op, __VA_ARGS__) \
	SIMD_OPS_LS(K, op, __VA_ARGS__) \
	SIMD_OP_B(K, op, __VA_ARGS__)   \
	SIMD_OP_H(K, op, __VA_ARGS__)   \
	SIMD_OP_S(K, op, __VA_ARGS__)   \
	SIMD_TABLE(op, SIMD_REFS_BHS(op), [SIMD_B] = op##_b, [SIMD_H] = op##_h, [SIMD_S] = op##_s)
#define SIMD_L_B(K, op, ...)            \
	SIMD_OPS_LB(K, op, __VA_ARGS__) \
	SIMD_TABLE(op, SIMD_REFS_B(op))
#define SIMD_L_HS(K, op, ...)           \
	SIMD_OPS_LH(K, op, __VA_ARGS__) \
	SIMD_OPS_LS(K, op, __VA_ARGS__) \
	SIMD_TABLE(op, SIMD_REFS_H(op), SIMD_REFS_S(op))
#define SIMD_L_HS_HS(K, op, ...)        \
	SIMD_OPS_LH(K, op, __VA_ARGS__) \
	SIMD_OPS_LS(K, op, __VA_ARGS__) \
	SIMD_OP_H(K, op, __VA_ARGS__)   \
	SIMD_OP_S(K, op, __VA_ARGS__)   \
	SIMD_TABLE(op, SIMD_REFS_H(op), SIMD_REFS_S(op), [SIMD_H] = op##_h, [SIMD_S] = op##_s)

/* ---- Saturation ---- */

/* @v if it lies in [lo, hi]; else the nearer bound, and *qc. */
static inline int64_t simd_sat(int64_t v, int64_t lo, int64_t hi, unsigned *qc)
{
	int64_t x = v < lo ? lo : v > hi ? hi : v;

	*qc |= x != v;
	return x;
}

static inline uint64_t simd_satu(uint64_t v, uint64_t hi, unsigned *qc)
{
	uint64_t x = v > hi ? hi : v;

	*qc |= x != v;
	return x;
}

/* |a - b|, which always fits U. */
#define SIMD_DISTANCE ((U)(a > b ? (U)a - (U)b : (U)b - (U)a))

/* ---- Emit ---- */

static inline bool simd_emit(struct cpu_insn *o, cpu_exec_fn *const *ops, unsigned shape,
			     unsigned rd, unsigned rn, unsigned rm, uint32_t imm)
{
	*o = (struct cpu_insn){.exec = ops[shape], .rd = rd, .rn = rn, .rm = rm, .imm = imm};
	return o->exec;
}

/* Rows with the fields that the names say; _D rows are scalars whose size is in the row. */
#define SIMD_EMIT(row, op, shape, rm, imm)                                     \
	bool emit_##row(struct cpu_insn *o, struct a64_##row f)                \
	{                                                                      \
		return simd_emit(o, op##_ops, (shape), f.rd, f.rn, (rm), imm); \
	}
#define SIMD_EMIT_NM(row, op)	SIMD_EMIT(row, op, SIMD_VECTOR(f.size, f.q), f.rm, 0)
#define SIMD_EMIT_NM_S(row, op) SIMD_EMIT(row, op, SIMD_SCALAR(f.size), f.rm, 0)
#define SIMD_EMIT_NM_D(row, op) SIMD_EMIT(row, op, SIMD_D, f.rm, 0)
#define SIMD_EMIT_N(row, op)	SIMD_EMIT(row, op, SIMD_VECTOR(f.size, f.q), 0, 0)
#define SIMD_EMIT_N_S(row, op)	SIMD_EMIT(row, op, SIMD_SCALAR(f.size), 0, 0)
#define SIMD_EMIT_N_D(row, op)	SIMD_EMIT(row, op, SIMD_D, 0, 0)

/*
 * By element: the index is H:L:M for halfwords, leaving 4 bits to the register, and H:L for
 * words. @scalar and @q choose the shape.
 */
static inline bool simd_emit_elem(struct cpu_insn *o, cpu_exec_fn *const *ops, bool scalar,
				  unsigned size, unsigned q, unsigned rd, unsigned rn, unsigned rm,
				  unsigned hlm)
{
	unsigned shape = scalar ? SIMD_SCALAR(size) : SIMD_VECTOR(size, q);

	if (size == 1)
		return simd_emit(o, ops, shape, rd, rn, rm, hlm);
	return simd_emit(o, ops, shape, rd, rn, (hlm & 1) << 4 | rm, hlm >> 1);
}

#define SIMD_EMIT_ELEM(row, op)                                                          \
	bool emit_##row(struct cpu_insn *o, struct a64_##row f)                          \
	{                                                                                \
		return simd_emit_elem(o, op##_ops, false, f.size, f.q, f.rd, f.rn, f.rm, \
				      f.h << 2 | f.l << 1 | f.m);                        \
	}
#define SIMD_EMIT_ELEM_S(row, op)                                                     \
	bool emit_##row(struct cpu_insn *o, struct a64_##row f)                       \
	{                                                                             \
		return simd_emit_elem(o, op##_ops, true, f.size, 0, f.rd, f.rn, f.rm, \
				      f.h << 2 | f.l << 1 | f.m);                     \
	}

/*
 * Shift by immediate: the highest 1 of immh tells the (narrower) element's size; a right shift
 * counts down from twice that, a left shift up from it.
 */
static inline unsigned simd_immh_size(unsigned immh)
{
	return 31 - (unsigned)__builtin_clz(immh | 1);
}

#define SIMD_SHR_IMM(f) ((16u << simd_immh_size(f.immh)) - (f.immh << 3 | f.immb))
#define SIMD_SHL_IMM(f) ((f.immh << 3 | f.immb) - (8u << simd_immh_size(f.immh)))
#define SIMD_EMIT_SHR(row, op) \
	SIMD_EMIT(row, op, SIMD_VECTOR(simd_immh_size(f.immh), f.q), 0, SIMD_SHR_IMM(f))
#define SIMD_EMIT_SHR_S(row, op) \
	SIMD_EMIT(row, op, SIMD_SCALAR(simd_immh_size(f.immh)), 0, SIMD_SHR_IMM(f))
#define SIMD_EMIT_SHL(row, op) \
	SIMD_EMIT(row, op, SIMD_VECTOR(simd_immh_size(f.immh), f.q), 0, SIMD_SHL_IMM(f))
#define SIMD_EMIT_SHL_S(row, op) \
	SIMD_EMIT(row, op, SIMD_SCALAR(simd_immh_size(f.immh)), 0, SIMD_SHL_IMM(f))

#endif
