/* SPDX-License-Identifier: MIT */
/*
 * Initial states. Registers that the words name get values where instructions go wrong: extremes,
 * all kinds of NaN, denormals, numbers next to a rounding or conversion limit, lanes that are
 * equal. The others get cheap noise, which only has to survive. Integer arithmetic only: this
 * also runs under the emulator that it is compared with.
 */
#include "case.h"

#include <string.h>

/*
 * AHP, DN, FZ, RMode (C5.2 FPCR). FZ16 belongs to FEAT_FP16; Len and Stride are RES0 where AArch32
 * is not implemented: the reference has both.
 */
#define FPCR_MASK 0x07c00000u
/* QC and the cumulative flags (C5.2 FPSR). N, Z, C, V are AArch32's; the reference keeps them. */
#define FPSR_MASK 0x0800009fu

/* ---- Integers ---- */

static uint64_t gen_int(struct insn_rng *r)
{
	uint64_t v = insn_next(r);
	unsigned n = v >> 58;

	switch (insn_below(r, 12)) {
	case 0:
		return 0;
	case 1:
		return ~UINT64_C(0);
	case 2:
		return UINT64_C(1) << n;
	case 3:
		return (UINT64_C(1) << n) - 1;
	case 4:
		return ~((UINT64_C(1) << n) - 1);
	case 5:
		return v & 0xff;
	case 6: /* limits of the four sizes, in the top or the bottom */
		return (UINT64_C(1) << (8 * (1 + (n & 7)) - 1)) - (n >> 5);
	case 7:
		return (uint64_t)(int64_t)(int32_t)v;
	case 8:
		return v & 0xffffffff;
	case 9:
		return -(v & 0xff);
	default:
		return v;
	}
}

/* ---- Floating-point lanes ---- */

struct format {
	unsigned bits, exp, frac;
};

static const struct format formats[3] = {{16, 5, 10}, {32, 8, 23}, {64, 11, 52}};

static uint64_t pack(const struct format *f, uint64_t sign, uint64_t exp, uint64_t frac)
{
	return sign << (f->bits - 1) | (exp & ((1u << f->exp) - 1)) << f->frac |
	       (frac & ((UINT64_C(1) << f->frac) - 1));
}

/*
 * What the lanes of a case have in common: anything; specials; numbers with few bits, whose sums
 * and products are exact, ties or nothing at all; ordinary numbers; those beside one and beside
 * the ends of the normal range, whose products round into or out of it.
 */
enum mood { ANYTHING, SPECIALS, SPARSE, ORDINARY, EDGES, MOODS };

static unsigned fp_class(struct insn_rng *r, enum mood mood)
{
	static const uint8_t sparse[4] = {6, 7, 10, 11}, ordinary[4] = {14, 15, 16, 9};

	switch (mood) {
	case SPECIALS:
		return insn_below(r, 6);
	case SPARSE:
		return sparse[insn_below(r, 4)];
	case ORDINARY:
		return ordinary[insn_below(r, 4)];
	case EDGES:
		return insn_chance(r, 40) ? 17 : insn_chance(r, 30) ? 5 : 18;
	default:
		return insn_below(r, 20);
	}
}

static uint64_t gen_fp(struct insn_rng *r, const struct format *f, enum mood mood)
{
	uint64_t v = insn_next(r), sign = v >> 63, one = 1;
	unsigned top = (1u << f->exp) - 1, bias = top >> 1, n = v >> 32 & 0xff;
	uint64_t quiet = one << (f->frac - 1);

	switch (fp_class(r, mood)) {
	case 0:
		return pack(f, sign, 0, 0);
	case 1:
		return pack(f, sign, top, 0);
	case 2: /* quiet NaN */
		return pack(f, sign, top, quiet | (n & 1 ? v : 0));
	case 3: /* signalling NaN */
		return pack(f, sign, top, ((v & (quiet - 1)) >> n % f->frac) | 1);
	case 4: /* denormals: any, tiny, the largest */
		return pack(f, sign, 0, n & 1 ? v : n & 2 ? 1 + (n >> 6) : ~(uint64_t)(n >> 6));
	case 5: /* smallest and largest normals */
		return n & 1 ? pack(f, sign, 1 + (n >> 6), n & 2 ? 0 : v)
			     : pack(f, sign, top - 1 - (n >> 7), n & 2 ? ~UINT64_C(0) : v);
	case 6:
	case 7: { /* small integers and halves: exact results, ties */
		unsigned e = n % (f->frac < 12 ? 6 : 12);

		return pack(f, sign, bias - 1 + e, v << (f->frac - e) & ~(uint64_t)0);
	}
	case 8: { /* next to powers of two: conversion limits (2^7 ... 2^64) */
		static const uint8_t at[8] = {7, 8, 15, 16, 31, 32, 63, 64};
		uint64_t p = pack(f, sign, bias + at[n & 7], 0);

		return p + (n >> 3 & 7) - 4;
	}
	case 9: /* integer + 1/2, or just beside it, with few integer bits left */
		return pack(f, sign, bias + n % f->frac,
			    (v & ~((one << (f->frac - n % f->frac)) - 1)) |
				(one << (f->frac - n % f->frac) >> 1)) +
		       (v >> 20 & 3) - 1;
	case 10: /* sparse fraction: products and sums with long runs of zeros */
		return pack(f, sign, bias - 4 + (n & 7),
			    one << (v & 63) % f->frac | one << (v >> 8 & 63) % f->frac);
	case 11: /* runs of ones */
		return pack(f, sign, bias - 4 + (n & 7), ~UINT64_C(0) << (v & 63) % f->frac);
	case 12: /* products near underflow */
		return pack(f, sign, bias / 2 + (n & 31) - 16, v);
	case 13: /* products near overflow */
		return pack(f, sign, bias + bias / 2 + (n & 7) - 3, v);
	case 14:
	case 15:
	case 16: /* ordinary, close in exponent */
		return pack(f, sign, bias + (n & 7) - 4, v);
	case 17: /* one, and its neighbours */
		return pack(f, sign, bias, 0) + (n & 7) - 4;
	case 18: /* the smallest normal number, and its neighbours */
		return pack(f, sign, 1, 0) + (n & 3) - 1;
	default:
		return v & (~UINT64_C(0) >> (64 - f->bits));
	}
}

/* One 64-bit half of a vector register, in lanes of (8 << log2) bits. */
static uint64_t gen_lanes(struct insn_rng *r, unsigned log2, bool fp, enum mood mood)
{
	uint64_t out = 0;
	unsigned bits = 8u << log2;
	uint64_t last = 0;

	for (unsigned at = 0; at < 64; at += bits) {
		uint64_t v;

		if (at && insn_chance(r, 15))
			v = last;
		else if (fp && log2)
			v = gen_fp(r, &formats[log2 - 1], mood);
		else
			v = gen_int(r);
		last = v;
		out |= (v & (~UINT64_C(0) >> (64 - bits))) << at;
	}
	return out;
}

/* ---- Registers ---- */

/* The five-bit fields where A64 keeps register numbers. */
static uint32_t named_registers(const struct insn_case *c)
{
	static const uint8_t at[4] = {0, 5, 10, 16};
	uint32_t set = 0;

	for (uint32_t n = 0; n < c->nr; n++) {
		for (unsigned k = 0; k < 4; k++)
			set |= 1u << insn_field(c->word[n], at[k], 5);
	}
	return set;
}

static void gen_vector(struct insn_state *s, const struct insn_case *c, struct insn_rng *r)
{
	uint32_t named = named_registers(c);
	uint64_t noise = insn_next(r);
	unsigned how = insn_below(r, 16);
	unsigned log2 =
	    how & 3; /* one lane size for the whole case, three quarters floating-point */
	bool fp = how >= 4;
	enum mood mood = noise >> 8 & 3 ? (noise >> 10 & 63) % MOODS : ANYTHING;

	if (fp && log2 == 0)
		log2 = 2 + (noise & 1);
	for (unsigned n = 0; n < 32; n++) {
		if (named >> n & 1) {
			s->v[n][0] = gen_lanes(r, log2, fp, mood);
			s->v[n][1] = insn_chance(r, 10) ? s->v[n][0] : gen_lanes(r, log2, fp, mood);
			continue;
		}
		noise = noise * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		s->v[n][0] = noise;
		s->v[n][1] = noise ^ noise >> 29;
	}
	/* Equal and opposite operands. */
	if (insn_chance(r, 12)) {
		unsigned a = insn_field(c->word[0], 5, 5), b = insn_field(c->word[0], 16, 5);
		uint64_t flip = insn_chance(r, 50) ? UINT64_C(1) << 63 : 0;

		s->v[b][0] = s->v[a][0] ^ flip;
		s->v[b][1] = s->v[a][1] ^ flip;
	}
	/* Table indices and shift counts. */
	if (insn_chance(r, 12)) {
		unsigned b = insn_field(c->word[0], 16, 5);

		s->v[b][0] = insn_next(r) & UINT64_C(0x3f3f3f3f3f3f3f3f);
		s->v[b][1] = insn_next(r) & UINT64_C(0x3f3f3f3f3f3f3f3f);
		if (insn_chance(r, 50)) {
			s->v[b][0] -= UINT64_C(0x2020202020202020);
			s->v[b][1] -= UINT64_C(0x2020202020202020);
		}
	}
}

static void gen_integer(struct insn_state *s, const struct insn_case *c, struct insn_rng *r)
{
	uint32_t named = named_registers(c);
	uint64_t noise = insn_next(r);

	for (unsigned n = 0; n < 31; n++) {
		noise = noise * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		s->x[n] = named >> n & 1 ? gen_int(r) : noise ^ noise >> 31;
	}
	s->sp = gen_int(r);
	if (insn_chance(r, 10)) {
		unsigned a = insn_field(c->word[0], 5, 5), b = insn_field(c->word[0], 16, 5);

		if (a < 31 && b < 31)
			s->x[b] = insn_chance(r, 50) ? s->x[a] : -s->x[a];
	}
	/* A general register to convert may hold the bits of a number. */
	if (insn_chance(r, 20)) {
		unsigned a = insn_field(c->word[0], 5, 5);

		if (a < 31)
			s->x[a] = gen_fp(r, &formats[1 + insn_below(r, 2)], ANYTHING);
	}
}

static void set_x(struct insn_state *s, unsigned n, uint64_t v)
{
	if (n == 31)
		s->sp = v;
	else
		s->x[n] = v;
}

/* ---- Addresses ---- */

static uint64_t gen_address(struct insn_rng *r, const struct insn_shape *sh)
{
	uint64_t a;

	if (!sh->mapped && insn_chance(r, 5)) {
		/* Across the end of what may be written or read, or beyond it. */
		a = (insn_chance(r, 50) ? INSN_READ_ONLY : INSN_READ_ONLY + 4096) - 64 +
		    insn_below(r, 128);
	} else {
		/* Room for the longest access, ST4 of 16 bytes each, on either side. */
		a = INSN_HOT + insn_below(r, INSN_HOT_SIZE - 64);
	}
	if (sh->aligned || insn_chance(r, sh->sync == INSN_UNSYNC ? 50 : 92))
		a &= ~(uint64_t)(sh->align - 1);
	return a;
}

static uint64_t extended(uint64_t v, unsigned extend)
{
	switch (extend) {
	case 2:
		return (uint32_t)v;
	case 6:
		return (uint64_t)(int64_t)(int32_t)v;
	default:
		return v;
	}
}

/* Compare and swap should find what it compares with half of the time; minima be equal. */
static void aim_compare(struct insn_state *s, const struct insn_shape *sh, uint64_t at)
{
	for (unsigned n = 0; n < 2; n++, at += 8) {
		unsigned reg = sh->rs + n;

		if (reg < 31 && reg != sh->rn && at - INSN_HOT <= INSN_HOT_SIZE - 8)
			memcpy(&s->x[reg], &s->hot[at - INSN_HOT], 8);
		if (sh->align != 16)
			break;
	}
	/* CASP of words: the pair is one doubleword. */
	if (sh->pair && sh->align == 8 && sh->rs < 30)
		s->x[sh->rs + 1] = s->x[sh->rs] >> 32;
}

static void aim_memory(struct insn_state *s, const struct insn_shape *sh, struct insn_rng *r)
{
	uint64_t at = gen_address(r, sh);
	uint64_t base = at - (uint64_t)(int64_t)sh->offset;

	if (sh->sync == INSN_ATOMIC && insn_chance(r, 50))
		aim_compare(s, sh, at);
	if (sh->index && sh->rm != 31 && sh->rm != sh->rn) {
		uint64_t i = insn_next(r);

		i = i & (1u << 31) ? i & 0xfff : -(i & 0xfff);
		if (sh->extend == 2 || sh->extend == 6) /* the upper half does not count */
			i = (uint32_t)i | insn_next(r) << 32;
		s->x[sh->rm] = i;
		base -= extended(i, sh->extend) << sh->shift;
	}
	/* Top byte ignored (TCR_EL1.TBI0): the tag stays in a base that is written back. */
	if (insn_chance(r, 4))
		base ^= insn_next(r) << 56;
	set_x(s, sh->rn, base);
}

static uint64_t gen_target(struct insn_rng *r)
{
	uint64_t page = insn_below(r, INSN_CODE_PAGES - INSN_SLOT_PAGES);
	uint64_t a;

	if (page >= INSN_SLOT_PAGE)
		page += INSN_SLOT_PAGES;
	a = INSN_BASE + page * 4096 + insn_below(r, 1024) * 4;
	switch (insn_below(r, 16)) {
	case 0: /* not a multiple of four */
		return a + 1 + insn_below(r, 3);
	case 1: /* not mapped */
		return a + UINT64_C(0x10000000);
	case 2: /* data */
		return INSN_WINDOW + insn_below(r, 1024) * 4;
	case 3: /* tagged */
		return a | insn_next(r) << 56;
	default:
		return a;
	}
}

static void gen_memory(struct insn_state *s, struct insn_rng *r)
{
	uint64_t v;

	for (unsigned n = 0; n < INSN_HOT_SIZE; n += 8) {
		v = insn_next(r);
		memcpy(&s->hot[n], &v, 8);
	}
	for (unsigned n = 0; n < INSN_FAULT_SIZE; n += 8) {
		v = insn_next(r);
		memcpy(&s->fault[n], &v, 8);
	}
}

static bool uses_memory(const struct insn_case *c)
{
	struct insn_shape sh;

	for (uint32_t n = 0; n < c->nr; n++) {
		insn_shape(&sh, c->word[n]);
		if (sh.kind == INSN_MEM || sh.kind == INSN_LITERAL)
			return true;
	}
	return false;
}

/*
 * Exclusives: an address that is not aligned for a store-exclusive without a matching load may
 * fault or just fail, and so may one that is not mapped: the order of these checks is
 * IMPLEMENTATION DEFINED (J1.1 AArch64.ExclusiveMonitorsPass()).
 */
static void tame_exclusives(struct insn_shape *sh, const struct insn_case *c)
{
	for (uint32_t n = 0; n < c->nr; n++) {
		struct insn_shape other;

		insn_shape(&other, c->word[n]);
		if (other.kind == INSN_MEM && other.sync == INSN_EXCLUSIVE && !other.load)
			sh->mapped = sh->aligned = true;
	}
}

void insn_state_init(struct insn_state *s, const struct insn_case *c, uint64_t seed)
{
	struct insn_rng r = {seed};
	struct insn_shape sh;

	memset(s, 0, sizeof(*s));
	gen_integer(s, c, &r);
	gen_vector(s, c, &r);
	s->nzcv = (uint32_t)insn_next(&r) & 0xf0000000;
	if (insn_chance(&r, 60))
		s->fpcr = (uint32_t)insn_next(&r) & (insn_chance(&r, 40) ? 0x00c00000 : FPCR_MASK);
	if (insn_chance(&r, 50))
		s->fpsr = (uint32_t)insn_next(&r) & FPSR_MASK;
	/* What programs run with: rounding to nearest, and something has been inexact before. */
	if (insn_chance(&r, 30)) {
		s->fpcr &= insn_chance(&r, 60) ? 0 : ~0x00c00000u;
		s->fpsr |= 0x10;
	}
	if (uses_memory(c))
		gen_memory(s, &r);
	for (uint32_t n = c->nr; n-- > 0;) {
		insn_shape(&sh, c->word[n]);
		if (sh.kind == INSN_MEM) {
			tame_exclusives(&sh, c);
			aim_memory(s, &sh, &r);
		} else if (sh.kind == INSN_BRANCH_REG) {
			if (sh.rn != 31)
				s->x[sh.rn] = gen_target(&r);
		}
	}
}

/* ---- Comparing ---- */

static void forget(struct insn_state *s, unsigned reg)
{
	if (reg < 31)
		s->x[reg] = 0;
}

/*
 * After a data abort the registers loaded are UNKNOWN, and a store may have been done in part. The
 * base is what it was.
 */
static void normalise_abort(struct insn_state *s, const struct insn_case *c)
{
	struct insn_shape sh;

	for (uint32_t n = 0; n < c->nr; n++) {
		insn_shape(&sh, c->word[n]);
		if (sh.kind != INSN_MEM && sh.kind != INSN_LITERAL)
			continue;
		forget(s, sh.rt);
		forget(s, sh.rt2);
		forget(s, sh.rs);
		memset(s->v, 0, sizeof(s->v));
		memset(s->hot, 0, sizeof(s->hot));
		memset(s->fault, 0, sizeof(s->fault));
	}
}

void insn_state_normalise(struct insn_state *s, const struct insn_case *c)
{
	s->fpcr &= FPCR_MASK;
	s->fpsr &= FPSR_MASK;
	if (s->outcome == INSN_SEGV || s->outcome == INSN_BUS)
		normalise_abort(s, c);
}

uint64_t insn_state_hash(const struct insn_state *s, const struct insn_case *c)
{
	size_t bytes = uses_memory(c) ? sizeof(*s) : offsetof(struct insn_state, hot);
	const uint64_t *p = (const uint64_t *)(const void *)s;
	uint64_t h = s->outcome;

	for (size_t n = 0; n < bytes / 8; n++) {
		h = (h ^ p[n]) * UINT64_C(0x9fb21c651e98df25);
		h ^= h >> 32;
	}
	return h;
}
