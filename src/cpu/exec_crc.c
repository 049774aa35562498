/* SPDX-License-Identifier: MIT */
/*
 * CRC32 and CRC32C (FEAT_CRC32): the bit-reflected polynomials 0x04c11db7 and 0x1edc6f41, without
 * inversion of the input or the result.
 *
 * A CRC is linear, so the table of the CRCs of all bytes follows from those of eight bits.
 */
#include "a64_rows.h"
#include "cpu/cpu.h"

#define BIT(n, b, v) (((n) >> (b)&1) * (v))
#define IEEE(n)                                                                     \
	(BIT(n, 0, 0x77073096u) ^ BIT(n, 1, 0xee0e612cu) ^ BIT(n, 2, 0x076dc419u) ^ \
	 BIT(n, 3, 0x0edb8832u) ^ BIT(n, 4, 0x1db71064u) ^ BIT(n, 5, 0x3b6e20c8u) ^ \
	 BIT(n, 6, 0x76dc4190u) ^ BIT(n, 7, 0xedb88320u))
#define CASTAGNOLI(n)                                                               \
	(BIT(n, 0, 0xf26b8303u) ^ BIT(n, 1, 0xe13b70f7u) ^ BIT(n, 2, 0xc79a971fu) ^ \
	 BIT(n, 3, 0x8ad958cfu) ^ BIT(n, 4, 0x105ec76fu) ^ BIT(n, 5, 0x20bd8edeu) ^ \
	 BIT(n, 6, 0x417b1dbcu) ^ BIT(n, 7, 0x82f63b78u))

#define ROW4(f, n)  f(n), f((n) + 1), f((n) + 2), f((n) + 3)
#define ROW16(f, n) ROW4(f, n), ROW4(f, (n) + 4), ROW4(f, (n) + 8), ROW4(f, (n) + 12)
#define ROW64(f, n) ROW16(f, n), ROW16(f, (n) + 16), ROW16(f, (n) + 32), ROW16(f, (n) + 48)
#define TABLE(f)    ROW64(f, 0), ROW64(f, 64), ROW64(f, 128), ROW64(f, 192)

static const uint32_t ieee[256] = {TABLE(IEEE)};
static const uint32_t castagnoli[256] = {TABLE(CASTAGNOLI)};

static inline uint32_t crc(const uint32_t table[256], uint32_t acc, uint64_t v, unsigned bytes)
{
	for (unsigned n = 0; n < bytes; n++, v >>= 8)
		acc = acc >> 8 ^ table[(acc ^ v) & 0xff];
	return acc;
}

#define CRC(table, bytes)                                                  \
	CPU_OP(op_##table##_##bytes)                                       \
	{                                                                  \
		c->r[i->rd] = crc(table, c->r[i->rn], c->r[i->rm], bytes); \
		CPU_NEXT();                                                \
	}

CRC(ieee, 1)
CRC(ieee, 2)
CRC(ieee, 4)
CRC(ieee, 8)
CRC(castagnoli, 1)
CRC(castagnoli, 2)
CRC(castagnoli, 4)
CRC(castagnoli, 8)

bool emit_CRC32(struct cpu_insn *o, struct a64_CRC32 f)
{
	static cpu_exec_fn *const ops[] = {op_ieee_1, op_ieee_2, op_ieee_4, op_ieee_8};

	*o = (struct cpu_insn){
	    .exec = ops[f.sz],
	    .rd = reg_dst(f.rd),
	    .rn = reg_src(f.rn),
	    .rm = reg_src(f.rm),
	};
	return true;
}

bool emit_CRC32C(struct cpu_insn *o, struct a64_CRC32C f)
{
	static cpu_exec_fn *const ops[] = {op_castagnoli_1, op_castagnoli_2, op_castagnoli_4,
					   op_castagnoli_8};

	*o = (struct cpu_insn){
	    .exec = ops[f.sz],
	    .rd = reg_dst(f.rd),
	    .rn = reg_src(f.rn),
	    .rm = reg_src(f.rm),
	};
	return true;
}
