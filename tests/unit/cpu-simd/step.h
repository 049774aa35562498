/* SPDX-License-Identifier: MIT */
/* Executes single words on a vCPU, without fetching them from memory. */
#ifndef TEST_CPU_SIMD_STEP_H
#define TEST_CPU_SIMD_STEP_H

#include "a64_rows.h"
#include "cpu/cpu.h"

#define FPSR_QC (1u << 27)

enum step {
	STEP_DONE,	  /* and the next instruction follows */
	STEP_UNALLOCATED, /* the decoder does not know the word */
	STEP_TRAPPED,
};

/* A vCPU at EL1 with FP enabled; there is one, reset by each call. */
struct cpu *step_cpu(void);
enum step step(struct cpu *c, uint32_t word);

/* Does the decoder give @word to a row, and the row accept it? */
bool step_allocated(uint32_t word);

/* The rows of a64_simd.dec. */
#define STEP_FIRST_ROW A64_SHADD_v
#define STEP_LAST_ROW  A64_TBX_v

bool step_has_field(enum a64_row row, const char *name);
/* @word with field @name of @row set. */
uint32_t step_set_field(enum a64_row row, uint32_t word, const char *name, uint32_t value);
uint32_t step_get_field(enum a64_row row, uint32_t word, const char *name);
/* An allocated word of @row with the other bits from step_random(); fails the test if none. */
uint32_t step_random_word(enum a64_row row);

/* The same numbers in each run. */
uint64_t step_random(void);
/* Often at a bound of some size of element. */
uint64_t step_random_value(void);

#endif
