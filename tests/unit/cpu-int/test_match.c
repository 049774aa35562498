/* SPDX-License-Identifier: MIT */
/*
 * The decoder's rows of a64_int.dec and a64_simd_ldst.dec: every row can be reached, and what the
 * manual reserves, or gives to features that are not offered, is nobody's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "a64_rows.h"
#include "base/bits.h"
#include "cpu/insn.h"

static uint64_t seed = 88172645463325252u;

static uint32_t random32(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed >> 16;
}

/* Words of the row's pattern: most match the row and are emitted, with operands in range. */
static void check_row(enum a64_row row)
{
	const struct a64_row_info *info = &a64_rows[row];
	unsigned hits = 0;

	for (unsigned n = 0; n < 20000; n++) {
		uint32_t w = info->value | (random32() & ~info->mask);
		struct cpu_insn o = {0};

		if (a64_match(w) != row || !a64_emit(row, w, &o))
			continue;
		hits++;
		assert_non_null(o.exec);
		assert_true(o.rd <= REG_SINK && o.rn <= REG_SINK);
	}
	if (!hits)
		print_error("%s is never matched\n", info->name);
	assert_true(hits > 0);
}

static void every_row_is_reached(void **state)
{
	for (int row = A64_ADR; row <= A64_SWP; row++)
		check_row(row);
	for (int row = A64_ST_multiple; row <= A64_LDR_fp_imm; row++)
		check_row(row);
}

static bool allocated(uint32_t w)
{
	enum a64_row row = a64_match(w);
	struct cpu_insn o = {0};

	return row != A64_UNALLOCATED && a64_emit(row, w, &o);
}

static const struct {
	uint32_t word;
	const char *what;
} reserved[] = {
    {0x12400000, "AND W with N set"},
    {0x9240fc00, "AND X, all ones of 64 bits"},
    {0x12007c00, "AND W, all ones of 32 bits"},
    {0x9200fc00, "AND X, element of one bit"},
    {0x12c00000, "MOVN W, shifted by 32"},
    {0x32800000, "move wide, opc 1"},
    {0x53000000 | 1u << 22, "UBFM W with N set"},
    {0xd3000000, "UBFM X without N"},
    {0x53208000, "UBFM W, immr 32"},
    {0x53008000, "UBFM W, imms 32"},
    {0x73400000, "bit field, opc 3"},
    {0x13808000, "EXTR W, lsb 32"},
    {0x91800000, "ADDG (FEAT_MTE)"},
    {0x0ac00000 | 32u << 10, "AND W, shift by 32"},
    {0x0b008000, "ADD W, shift by 32"},
    {0x8bc00000, "ADD, shift type 3"},
    {0x8b201400, "ADD extended, shift by 5"},
    {0x8b600000, "ADD extended, opt 1"},
    {0x1ac04c00, "CRC32X with sf 0"},
    {0x9ac04000, "CRC32B with sf 1"},
    {0x9ac00000, "SUBP (FEAT_MTE)"},
    {0x9ac03000, "PACGA (FEAT_PAuth)"},
    {0xdac10000, "PACIA (FEAT_PAuth)"},
    {0x5ac00c00, "REV with sf 0, opcode 3"},
    {0x5ac01800, "CTZ (FEAT_CSSC)"},
    {0x9b400000 | 1u << 15, "SMULH with o0"},
    {0x1b200000, "SMADDL with sf 0"},
    {0x3a400000 | 1u << 4, "CCMN with o3"},
    {0x1a400000, "CCMN without S"},
    {0x1a800800, "CSEL with op2 2"},
    {0xba000400, "RMIF (FEAT_FlagM)"},
    {0x3a000800, "SETF8 (FEAT_FlagM)"},
    {0x54000010, "BC.cond (FEAT_HBC)"},
    {0xd61f0800, "BRAAZ (FEAT_PAuth)"},
    {0xd65f0bff, "RETAA (FEAT_PAuth)"},
    {0xd61f0001, "BR with op4"},
    {0x08800000, "STLLRB (FEAT_LOR)"},
    {0xc8df7c00, "LDLAR (FEAT_LOR)"},
    {0x48217c00, "CASP with odd Rs"},
    {0x48207c01, "CASP with odd Rt"},
    {0x08a00000, "CAS with Rt2 0"},
    {0x19000000, "STLURB (FEAT_LRCPC2)"},
    {0xf8bfc000, "LDAPR (FEAT_LRCPC)"},
    {0xf8209000, "LDADD space, o3 set, opc 1"},
    {0xf83f9000, "ST64B (FEAT_LS64)"},
    {0xb8c00000, "sign-extending a word to W"},
    {0xf8c00000, "size 3, opc 3"},
    {0xf8800400, "post-indexed PRFM"},
    {0xf8800800, "unprivileged PRFM"},
    {0xf8800c00, "pre-indexed PRFM"},
    {0xf8200800, "STR register, option 0"},
    {0xf8602800, "LDR register, option 1"},
    {0xf8200400, "LDRAA (FEAT_PAuth)"},
    {0x68000000, "STNP, opc 1"},
    {0x68400000, "LDNP, opc 1"},
    {0x69000000, "STGP (FEAT_MTE)"},
    {0xe8000000, "pair, opc 3"},
    {0xd9200400, "STG (FEAT_MTE)"},
    {0xdc000000, "SIMD literal, opc 3"},
    {0xec000000, "SIMD pair, opc 3"},
    {0x7c800000, "SIMD Q with size 1"},
    {0x3c000800, "SIMD unprivileged"},
    {0x0c001000, "ST multiple, opcode 1"},
    {0x0c008c00, "ST2 of 1D"},
    {0x0c000c00, "ST4 of 1D"},
    {0x0c200000, "ST multiple, bit 21"},
    {0x0c010000, "ST multiple with Rm"},
    {0x0d010000, "ST single with Rm"},
    {0x0d004400, "ST1 H with size bit 0"},
    {0x0d008800, "ST1 S with size bit 1"},
    {0x0d009400, "ST1 D with S"},
    {0x0d00c000, "ST1R"},
    {0x0d40d000, "LD1R with S"},
};

static void reserved_is_unallocated(void **state)
{
	for (unsigned n = 0; n < AM_ARRAY_SIZE(reserved); n++) {
		if (allocated(reserved[n].word))
			print_error("%08x is allocated to %s: %s\n", reserved[n].word,
				    a64_rows[a64_match(reserved[n].word)].name, reserved[n].what);
		assert_false(allocated(reserved[n].word));
	}
}

/* Fields that should be ones and that implementations ignore. */
static void should_be_ones_are_ignored(void **state)
{
	assert_int_equal(a64_match(0x9b407c00), A64_SMULH);
	assert_int_equal(a64_match(0x9b400000), A64_SMULH);
	assert_int_equal(a64_match(0x9bc00000), A64_UMULH);
	assert_int_equal(a64_match(0xc8400000), A64_LDXR);
	assert_int_equal(a64_match(0xc85f7c00), A64_LDXR);
	assert_int_equal(a64_match(0xc8c08000), A64_LDAR);
	assert_int_equal(a64_match(0xc8808000), A64_STLR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_row_is_reached),
	    cmocka_unit_test(reserved_is_unallocated),
	    cmocka_unit_test(should_be_ones_are_ignored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
