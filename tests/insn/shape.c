/* SPDX-License-Identifier: MIT */
/*
 * What a word is, as far as choosing its operands needs it. Goes by the architecture's encoding
 * groups (DDI 0487 C4.1), not by the decode table under test: a wrong table must not mislead the
 * test of it.
 */
#include "case.h"

#define F(lo, width) insn_field(w, lo, width)

static int32_t sext(uint32_t v, unsigned bits)
{
	return (int32_t)(v << (32 - bits)) >> (32 - bits);
}

/* Exclusives, acquire/release, compare and swap (bits 29:24 = 001000). */
static void exclusive(struct insn_shape *s, uint32_t w)
{
	unsigned size = F(30, 2), o2 = F(23, 1), l = F(22, 1), o1 = F(21, 1);
	bool casp = !o2 && o1 && !F(31, 1);

	s->align = 1u << size;
	s->sync = INSN_ATOMIC;
	if (casp) {
		s->pair = true;
		s->align = F(30, 1) ? 16 : 8;
		s->rs = F(16, 5);
		return;
	}
	if (o2 && o1) /* CAS */
		s->rs = F(16, 5);
	if (o2)
		return;
	s->sync = INSN_EXCLUSIVE;
	s->load = l;
	if (o1) {
		s->align *= 2;
		s->rt2 = F(10, 5);
	}
	if (l) {
		s->unpredictable = o1 && s->rt == s->rt2;
	} else {
		s->rs = F(16, 5);
		s->unpredictable =
		    s->rs == s->rt || (o1 && s->rs == s->rt2) || (s->rs == s->rn && s->rn != 31);
	}
}

static void pair(struct insn_shape *s, uint32_t w)
{
	unsigned opc = F(30, 2), v = F(26, 1), mode = F(23, 2), load = F(22, 1);
	unsigned scale = v ? 2 + opc : 2 + (opc >> 1);

	s->rt2 = F(10, 5);
	s->align = 1u << (scale & 7);
	if (mode != 1)
		s->offset = sext(F(15, 7), 7) * (1 << scale);
	s->unpredictable = load && s->rt == s->rt2;
	if (!v && (mode & 1) && s->rn != 31)
		s->unpredictable |= s->rt == s->rn || s->rt2 == s->rn;
}

/* Bits 29:28 = 11: one register, every addressing mode. */
static void single(struct insn_shape *s, uint32_t w)
{
	unsigned size = F(30, 2), v = F(26, 1), opc = F(22, 2);
	unsigned log2 = v ? (opc >> 1) << 2 | size : size;

	s->align = 1u << log2;
	if (F(24, 1)) {
		s->offset = (int32_t)(F(10, 12) << log2);
		return;
	}
	if (F(21, 1)) {
		if (F(10, 2) == 2) {
			s->index = true;
			s->rm = F(16, 5);
			s->extend = F(13, 3);
			s->shift = F(12, 1) ? log2 : 0;
		} else if (F(10, 2) == 0) { /* atomic memory operations */
			s->sync = INSN_ATOMIC;
			s->rs = F(16, 5);
		}
		return;
	}
	if (F(10, 2) != 1)
		s->offset = sext(F(12, 9), 9);
	if (!v && F(10, 1) && s->rn != 31) /* pre- and post-index write the base back */
		s->unpredictable = s->rt == s->rn;
}

static void memory(struct insn_shape *s, uint32_t w)
{
	s->kind = INSN_MEM;
	s->rn = F(5, 5);
	s->rt = F(0, 5);
	s->align = 1;
	switch (F(28, 2)) {
	case 0:
		if (!F(26, 1))
			exclusive(s, w);
		else
			s->align = 16;
		break;
	case 1:
		if (!F(24, 1)) {
			s->kind = INSN_LITERAL;
			s->lo = 5;
			s->width = 19;
		}
		break;
	case 2:
		pair(s, w);
		break;
	case 3:
		single(s, w);
		break;
	}
}

static void direct(struct insn_shape *s, unsigned lo, unsigned width)
{
	s->kind = INSN_BRANCH;
	s->lo = lo;
	s->width = width;
}

void insn_shape(struct insn_shape *s, uint32_t w)
{
	*s = (struct insn_shape){.rt = 31, .rt2 = 31, .rs = 31, .rn = 31, .rm = 31, .align = 1};

	if ((w & 0x0a000000) == 0x08000000)
		memory(s, w);
	else if ((w & 0x7c000000) == 0x14000000)
		direct(s, 0, 26);
	else if ((w & 0xfe000000) == 0x54000000 || (w & 0x7e000000) == 0x34000000)
		direct(s, 5, 19);
	else if ((w & 0x7e000000) == 0x36000000)
		direct(s, 5, 14);
	else if ((w & 0xfe000000) == 0xd6000000) {
		s->kind = INSN_BRANCH_REG;
		s->rn = F(5, 5);
	} else if ((w & 0xfffff000) == 0xd50b7000) { /* DC ZVA, CVAC ..., IC IVAU */
		s->kind = INSN_MEM;
		s->rn = F(0, 5);
		s->align = 64;
		s->mapped = true;
	}
}
