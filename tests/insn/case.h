/* SPDX-License-Identifier: MIT */
/*
 * What both sides of the instruction test agree on.
 *
 * A case is up to four instruction words, an address for them and a seed. From these each side
 * makes the same initial state with its own copy of state.c: `engine` runs the words on the CPU
 * library, `oracle` runs them under qemu-aarch64. Only a hash of the final state travels back,
 * unless the whole state is asked for.
 *
 * Addresses are the same on both sides:
 *
 *     CODE    pages full of BRK, so that a branch is seen to land; the middle ones hold slots
 *     WINDOW  two pages of data, then one that may only be read, then nothing. Loads and stores go
 *             to HOT bytes around the boundary of the first two, a few to FAULT bytes before the
 *             end of the second, or around the end of the third
 *     TRAMP   the oracle's own code (not mapped for the engine); no branch is aimed at it
 */
#ifndef AM_TESTS_INSN_CASE_H
#define AM_TESTS_INSN_CASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INSN_BASE	 0x41000000u
#define INSN_CODE_PAGES	 128
#define INSN_SLOT_PAGE	 64 /* first page with slots */
#define INSN_SLOT_PAGES	 8
#define INSN_WINDOW	 0x41090000u
#define INSN_WINDOW_SIZE 0x2000u
#define INSN_READ_ONLY	 (INSN_WINDOW + INSN_WINDOW_SIZE)
#define INSN_TRAMP	 0x410a0000u

#define INSN_HOT_SIZE	256u
#define INSN_FAULT_SIZE 128u
#define INSN_HOT	(INSN_WINDOW + 0x1000u - INSN_HOT_SIZE / 2)
#define INSN_FAULT	(INSN_WINDOW + INSN_WINDOW_SIZE - INSN_FAULT_SIZE)

/* A slot: MRS X30, TPIDR_EL0 (the oracle's last step of loading state), the words, the way out. */
#define INSN_SLOT_BYTES 32u
#define INSN_MAX_WORDS	4
#define INSN_SLOTS	(INSN_SLOT_PAGES * 4096u / INSN_SLOT_BYTES)

static inline uint64_t insn_slot_va(uint32_t slot)
{
	return INSN_BASE + INSN_SLOT_PAGE * 4096u + slot * INSN_SLOT_BYTES;
}

/* Where the first word of a slot is. */
static inline uint64_t insn_slot_pc(uint32_t slot)
{
	return insn_slot_va(slot) + 4;
}

#define INSN_MRS_X30_TPIDR 0xd53bd05eu
#define INSN_BRK	   0xd4200000u

enum insn_outcome {
	INSN_OK,    /* reached the end of the slot */
	INSN_ILL,   /* SIGILL: undefined, or a trapped system access */
	INSN_TRAP,  /* SIGTRAP: BRK, also where a branch landed */
	INSN_SEGV,  /* SIGSEGV: translation or permission fault */
	INSN_BUS,   /* SIGBUS: alignment, of data or PC */
	INSN_HANG,  /* did not come back */
	INSN_OTHER, /* something that no case should do */
	INSN_OUTCOMES
};

struct insn_case {
	uint32_t word[INSN_MAX_WORDS];
	uint32_t nr;
	uint32_t slot;
	uint32_t states; /* initial states to run: seeds insn_seed(seed, 0 .. states - 1) */
	uint32_t row;	 /* for the report; not used to make states */
	uint64_t seed;
};

struct insn_state {
	uint64_t x[31];
	uint64_t sp;
	uint64_t pc;
	uint32_t nzcv, fpcr, fpsr; /* nzcv in bits 31:28 */
	uint32_t outcome;
	uint64_t v[32][2];
	uint8_t hot[INSN_HOT_SIZE];
	uint8_t fault[INSN_FAULT_SIZE];
};

/* Sent before a batch of cases; answered by hashes, or by whole states. */
struct insn_batch {
	uint32_t nr;
	uint32_t want_states;
};

/* ---- Pseudo-random numbers: splitmix64 ---- */

struct insn_rng {
	uint64_t s;
};

static inline uint64_t insn_mix(uint64_t z)
{
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static inline uint64_t insn_next(struct insn_rng *r)
{
	return insn_mix(r->s += UINT64_C(0x9e3779b97f4a7c15));
}

/* 0 .. n-1 */
static inline uint32_t insn_below(struct insn_rng *r, uint32_t n)
{
	return (uint32_t)((insn_next(r) >> 32) * n >> 32);
}

/* True in @percent of all calls. */
static inline bool insn_chance(struct insn_rng *r, unsigned percent)
{
	return insn_below(r, 100) < percent;
}

static inline uint64_t insn_seed(uint64_t seed, uint32_t k)
{
	return k ? insn_mix(seed + k * UINT64_C(0xd1342543de82ef95)) : seed;
}

/* ---- state.c ---- */

/* The initial state of the case for one seed. */
void insn_state_init(struct insn_state *s, const struct insn_case *c, uint64_t seed);

/* Wipe what the architecture leaves UNKNOWN after the case, and whether it used memory. */
void insn_state_normalise(struct insn_state *s, const struct insn_case *c);
uint64_t insn_state_hash(const struct insn_state *s, const struct insn_case *c);

/* ---- shape.c: what a word is, by the main encoding groups of DDI 0487 C4.1 ---- */

enum insn_kind {
	INSN_PLAIN,
	INSN_MEM,     /* load or store with a base register */
	INSN_LITERAL, /* load, PC-relative: 19 bit offset */
	INSN_BRANCH,  /* direct branch */
	INSN_BRANCH_REG,
};

enum insn_sync { INSN_UNSYNC, INSN_EXCLUSIVE, INSN_ATOMIC /* single-copy, wants alignment */ };

struct insn_shape {
	enum insn_kind kind;
	enum insn_sync sync;
	bool load;	    /* of an exclusive */
	bool unpredictable; /* CONSTRAINED UNPREDICTABLE register choice (K1.2) */
	bool mapped;	    /* stay where no abort can be */
	bool aligned;	    /* ... and aligned */
	bool pair;	    /* CASP */
	bool index;	    /* rm is added ... */
	uint8_t rn, rm;
	uint8_t rt, rt2, rs; /* 31 where there is none */
	uint8_t extend;	     /* ... extended so (UXTW 2, UXTX 3, SXTW 6, SXTX 7) */
	uint8_t shift;	     /* ... and shifted by so much */
	int32_t offset;	     /* added to the base */
	uint8_t align;	     /* natural alignment in bytes */
	uint8_t lo, width;   /* the offset field of INSN_LITERAL and INSN_BRANCH, in words */
};

void insn_shape(struct insn_shape *s, uint32_t w);

static inline uint32_t insn_field(uint32_t w, unsigned lo, unsigned width)
{
	return w >> lo & ((1u << width) - 1);
}

#endif
