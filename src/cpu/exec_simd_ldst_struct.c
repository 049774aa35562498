/* SPDX-License-Identifier: MIT */
/*
 * LD1-LD4, ST1-ST4 and LD1R-LD4R (DDI 0487 C7.2): one to four registers and a block of memory, in
 * which the elements of LD2 and up are interleaved.
 *
 * The block is one host pointer when the software TLB hits. Otherwise it is moved element by
 * element through a buffer, so that the registers, or memory, change all or not at all.
 */
#include "a64_rows.h"
#include "cpu/access.h"
#include "cpu/cpu.h"

/*
 * Operands: rd the first register (the others follow, modulo 32); rn the base; ra what the base
 * plus rm plus b[3] is written to (REG_SINK without writeback);
 * b[0] log2 of an element's bytes; b[1] the number of registers;
 * b[2] the bytes of each register (multiple), or the lane (single).
 */

#define SP_CHECK()                                                                     \
	do {                                                                           \
		if (am_unlikely(i->rn == REG_SP && (c->r[REG_SP] & c->sp_align_mask))) \
			return cpu_sp_fault(c, i);                                     \
	} while (0)

#define MAX_BLOCK 64

static inline union cpu_vreg *vreg(struct cpu *c, const struct cpu_insn *i, unsigned n)
{
	return &c->v[(i->rd + n) & 31];
}

static inline void writeback(struct cpu *c, const struct cpu_insn *i, uint64_t va)
{
	c->r[i->ra] = va + c->r[i->rm] + i->b[3];
}

static bool load_block(struct cpu *c, const struct cpu_insn *i, uint64_t va, unsigned len,
		       uint8_t buf[MAX_BLOCK])
{
	unsigned size = 1u << i->b[0];

	for (unsigned n = 0; n < len; n += size) {
		if (!cpu_ld_slow(c, i, va + n, i->b[0]))
			return false;
		for (unsigned b = 0; b < size; b++)
			buf[n + b] = c->mem.lo >> 8 * b;
	}
	return true;
}

static bool store_block(struct cpu *c, const struct cpu_insn *i, uint64_t va, unsigned len,
			const uint8_t buf[MAX_BLOCK])
{
	unsigned size = 1u << i->b[0];

	if (!cpu_probe(c, i, va, len, i->b[0], true))
		return false;
	for (unsigned n = 0; n < len; n += size) {
		uint64_t v = 0;

		for (unsigned b = 0; b < size; b++)
			v |= (uint64_t)buf[n + b] << 8 * b;
		if (!cpu_st_slow(c, i, va + n, i->b[0], v, 0))
			return false;
	}
	return true;
}

/*
 * Operations that move a block: @len bytes, between memory at p and registers by
 * move(c, i, p).
 */
#define LOAD_OP(name, len, move)                                                                   \
	static AM_COLD const struct cpu_insn *name##_slow(struct cpu *c, const struct cpu_insn *i, \
							  uint64_t va)                             \
	{                                                                                          \
		uint8_t buf[MAX_BLOCK];                                                            \
		if (!load_block(c, i, va, len, buf))                                               \
			return c->next;                                                            \
		move(c, i, buf);                                                                   \
		writeback(c, i, va);                                                               \
		return i + 1;                                                                      \
	}                                                                                          \
	CPU_OP(name)                                                                               \
	{                                                                                          \
		CPU_FP_CHECK();                                                                    \
		SP_CHECK();                                                                        \
		uint64_t va = c->r[i->rn];                                                         \
		const uint8_t *p = cpu_tlb_read(c->tlb, va, len);                                  \
		if (am_unlikely(!p))                                                               \
			return name##_slow(c, i, va);                                              \
		move(c, i, p);                                                                     \
		writeback(c, i, va);                                                               \
		CPU_NEXT();                                                                        \
	}

#define STORE_OP(name, len, move)                                                                  \
	static AM_COLD const struct cpu_insn *name##_slow(struct cpu *c, const struct cpu_insn *i, \
							  uint64_t va)                             \
	{                                                                                          \
		uint8_t buf[MAX_BLOCK];                                                            \
		move(c, i, buf);                                                                   \
		if (!store_block(c, i, va, len, buf))                                              \
			return c->next;                                                            \
		writeback(c, i, va);                                                               \
		return i + 1;                                                                      \
	}                                                                                          \
	CPU_OP(name)                                                                               \
	{                                                                                          \
		CPU_FP_CHECK();                                                                    \
		SP_CHECK();                                                                        \
		uint64_t va = c->r[i->rn];                                                         \
		uint8_t *p = cpu_tlb_write(c->tlb, va, len);                                       \
		if (am_unlikely(!p))                                                               \
			return name##_slow(c, i, va);                                              \
		move(c, i, p);                                                                     \
		writeback(c, i, va);                                                               \
		CPU_NEXT();                                                                        \
	}

/* ---- Multiple structures ---- */

#define MULTIPLE_BYTES ((unsigned)i->b[1] * i->b[2])

/* LD1 and ST1: registers one after the other. */
static inline void load_whole(struct cpu *c, const struct cpu_insn *i, const uint8_t *p)
{
	for (unsigned n = 0; n < i->b[1]; n++, p += i->b[2]) {
		union cpu_vreg *v = vreg(c, i, n);

		v->d[0] = guest_ld64(p);
		v->d[1] = i->b[2] == 16 ? guest_ld64(p + 8) : 0;
	}
}

static inline void store_whole(struct cpu *c, const struct cpu_insn *i, uint8_t *p)
{
	for (unsigned n = 0; n < i->b[1]; n++, p += i->b[2]) {
		const union cpu_vreg *v = vreg(c, i, n);

		guest_st64(p, v->d[0]);
		if (i->b[2] == 16)
			guest_st64(p + 8, v->d[1]);
	}
}

LOAD_OP(op_ld1, MULTIPLE_BYTES, load_whole)
STORE_OP(op_st1, MULTIPLE_BYTES, store_whole)

/* LD2-LD4 and ST2-ST4: element 0 of each register, then element 1 of each, ... */
#define INTERLEAVED(lane, bytes, ld, st)                                                          \
	static inline void load_##lane(struct cpu *c, const struct cpu_insn *i, const uint8_t *p) \
	{                                                                                         \
		unsigned regs = i->b[1];                                                          \
		for (unsigned n = 0; n < regs; n++) {                                             \
			union cpu_vreg *v = vreg(c, i, n), t = {0};                               \
			for (unsigned e = 0; e < i->b[2] / bytes; e++)                            \
				t.lane[e] = ld(p + (e * regs + n) * bytes);                       \
			*v = t;                                                                   \
		}                                                                                 \
	}                                                                                         \
	static inline void store_##lane(struct cpu *c, const struct cpu_insn *i, uint8_t *p)      \
	{                                                                                         \
		unsigned regs = i->b[1];                                                          \
		for (unsigned n = 0; n < regs; n++) {                                             \
			const union cpu_vreg *v = vreg(c, i, n);                                  \
			for (unsigned e = 0; e < i->b[2] / bytes; e++)                            \
				st(p + (e * regs + n) * bytes, v->lane[e]);                       \
		}                                                                                 \
	}                                                                                         \
	LOAD_OP(op_ldn_##lane, MULTIPLE_BYTES, load_##lane)                                       \
	STORE_OP(op_stn_##lane, MULTIPLE_BYTES, store_##lane)

INTERLEAVED(b, 1, guest_ld8, guest_st8)
INTERLEAVED(h, 2, guest_ld16, guest_st16)
INTERLEAVED(s, 4, guest_ld32, guest_st32)
INTERLEAVED(d, 8, guest_ld64, guest_st64)

/* DDI 0487 C7.2, the table of opcode: registers of LD1, or structure elements of the others. */
static bool decode_multiple(unsigned opcode, unsigned *regs, bool *interleaved)
{
	*interleaved = false;
	switch (opcode) {
	case 0x0:
	case 0x4:
	case 0x8:
		*regs = 4 - opcode / 4;
		*interleaved = true;
		return true;
	case 0x2:
		*regs = 4;
		return true;
	case 0x6:
		*regs = 3;
		return true;
	case 0x7:
		*regs = 1;
		return true;
	case 0xa:
		*regs = 2;
		return true;
	}
	return false;
}

/* @post: -1 without writeback, else Rm. */
static void set_writeback(struct cpu_insn *o, unsigned rn, int post, unsigned bytes)
{
	o->ra = post >= 0 ? reg_sp(rn) : REG_SINK;
	o->rm = post >= 0 ? reg_src(post) : REG_ZERO;
	o->b[3] = post == 31 ? bytes : 0;
}

static bool emit_multiple(struct cpu_insn *o, bool load, unsigned q, unsigned opcode, unsigned size,
			  unsigned rn, unsigned rt, int post)
{
	static cpu_exec_fn *const interleaved_ops[2][4] = {
	    {op_stn_b, op_stn_h, op_stn_s, op_stn_d},
	    {op_ldn_b, op_ldn_h, op_ldn_s, op_ldn_d},
	};
	unsigned regs;
	bool interleaved;

	if (!decode_multiple(opcode, &regs, &interleaved))
		return false;
	if (interleaved && size == 3 && !q) /* 1D */
		return false;
	*o = (struct cpu_insn){
	    .exec = load ? op_ld1 : op_st1,
	    .rd = rt,
	    .rn = reg_sp(rn),
	    .b = {size, regs, q ? 16 : 8},
	};
	if (interleaved)
		o->exec = interleaved_ops[load][size];
	set_writeback(o, rn, post, regs * (q ? 16 : 8));
	return true;
}

bool emit_LD_multiple(struct cpu_insn *o, struct a64_LD_multiple f)
{
	return emit_multiple(o, true, f.q, f.opcode, f.size, f.rn, f.rt, -1);
}

bool emit_ST_multiple(struct cpu_insn *o, struct a64_ST_multiple f)
{
	return emit_multiple(o, false, f.q, f.opcode, f.size, f.rn, f.rt, -1);
}

bool emit_LD_multiple_post(struct cpu_insn *o, struct a64_LD_multiple_post f)
{
	return emit_multiple(o, true, f.q, f.opcode, f.size, f.rn, f.rt, f.rm);
}

bool emit_ST_multiple_post(struct cpu_insn *o, struct a64_ST_multiple_post f)
{
	return emit_multiple(o, false, f.q, f.opcode, f.size, f.rn, f.rt, f.rm);
}

/* ---- Single structure ---- */

#define SINGLE_BYTES ((unsigned)i->b[1] << i->b[0])

static inline uint64_t load_element(const uint8_t *p, unsigned log2)
{
	switch (log2) {
	case 0:
		return guest_ld8(p);
	case 1:
		return guest_ld16(p);
	case 2:
		return guest_ld32(p);
	}
	return guest_ld64(p);
}

static inline void load_lane(struct cpu *c, const struct cpu_insn *i, const uint8_t *p)
{
	for (unsigned n = 0; n < i->b[1]; n++, p += 1u << i->b[0]) {
		union cpu_vreg *v = vreg(c, i, n);
		uint64_t e = load_element(p, i->b[0]);

		switch (i->b[0]) {
		case 0:
			v->b[i->b[2]] = e;
			break;
		case 1:
			v->h[i->b[2]] = e;
			break;
		case 2:
			v->s[i->b[2]] = e;
			break;
		default:
			v->d[i->b[2]] = e;
		}
	}
}

static inline void store_lane(struct cpu *c, const struct cpu_insn *i, uint8_t *p)
{
	for (unsigned n = 0; n < i->b[1]; n++, p += 1u << i->b[0]) {
		const union cpu_vreg *v = vreg(c, i, n);

		switch (i->b[0]) {
		case 0:
			guest_st8(p, v->b[i->b[2]]);
			break;
		case 1:
			guest_st16(p, v->h[i->b[2]]);
			break;
		case 2:
			guest_st32(p, v->s[i->b[2]]);
			break;
		default:
			guest_st64(p, v->d[i->b[2]]);
		}
	}
}

/* LD1R-LD4R: the element times a pattern of ones fills 64 bits. */
static inline void load_replicate(struct cpu *c, const struct cpu_insn *i, const uint8_t *p)
{
	static const uint64_t ones[] = {0x0101010101010101, 0x0001000100010001, 0x0000000100000001,
					1};

	for (unsigned n = 0; n < i->b[1]; n++, p += 1u << i->b[0]) {
		union cpu_vreg *v = vreg(c, i, n);
		uint64_t e = load_element(p, i->b[0]) * ones[i->b[0]];

		v->d[0] = e;
		v->d[1] = i->b[2] == 16 ? e : 0;
	}
}

LOAD_OP(op_ld_lane, SINGLE_BYTES, load_lane)
STORE_OP(op_st_lane, SINGLE_BYTES, store_lane)
LOAD_OP(op_ld_replicate, SINGLE_BYTES, load_replicate)

/* DDI 0487 C7.2, LD1 (single structure): size and lane; false where the encoding is reserved. */
static bool decode_lane(unsigned scale, unsigned q, unsigned s, unsigned size, unsigned *log2,
			unsigned *lane)
{
	*log2 = scale;
	switch (scale) {
	case 0:
		*lane = q << 3 | s << 2 | size;
		return true;
	case 1:
		*lane = q << 2 | s << 1 | size >> 1;
		return !(size & 1);
	}
	if (size == 0) {
		*lane = q << 1 | s;
		return true;
	}
	*log2 = 3;
	*lane = q;
	return size == 1 && !s;
}

static bool emit_single(struct cpu_insn *o, bool load, unsigned q, unsigned r, unsigned opcode,
			unsigned s, unsigned size, unsigned rn, unsigned rt, int post)
{
	unsigned regs = ((opcode & 1) << 1 | r) + 1;
	unsigned log2 = size, lane = q ? 16 : 8;
	bool replicate = opcode >> 1 == 3;

	if (replicate ? !load || s : !decode_lane(opcode >> 1, q, s, size, &log2, &lane))
		return false;
	*o = (struct cpu_insn){
	    .exec = replicate ? op_ld_replicate
		    : load    ? op_ld_lane
			      : op_st_lane,
	    .rd = rt,
	    .rn = reg_sp(rn),
	    .b = {log2, regs, lane},
	};
	set_writeback(o, rn, post, regs << log2);
	return true;
}

bool emit_LD_single(struct cpu_insn *o, struct a64_LD_single f)
{
	return emit_single(o, true, f.q, f.r, f.opcode, f.s, f.size, f.rn, f.rt, -1);
}

bool emit_ST_single(struct cpu_insn *o, struct a64_ST_single f)
{
	return emit_single(o, false, f.q, f.r, f.opcode, f.s, f.size, f.rn, f.rt, -1);
}

bool emit_LD_single_post(struct cpu_insn *o, struct a64_LD_single_post f)
{
	return emit_single(o, true, f.q, f.r, f.opcode, f.s, f.size, f.rn, f.rt, f.rm);
}

bool emit_ST_single_post(struct cpu_insn *o, struct a64_ST_single_post f)
{
	return emit_single(o, false, f.q, f.r, f.opcode, f.s, f.size, f.rn, f.rt, f.rm);
}
