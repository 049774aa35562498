/* SPDX-License-Identifier: MIT */
/*
 * The decoder's rows of a64_simd.dec: each can be reached, reserved encodings belong to nobody,
 * and so do extensions that are not offered.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "step.h"

static void every_row_is_reached(void **state)
{
	for (int row = STEP_FIRST_ROW; row <= STEP_LAST_ROW; row++)
		assert_int_equal(a64_match(step_random_word(row)), row);
}

/*
 * What `where` lets through, the operation tables have, and the other way round: a word of a
 * row's pattern that matches is also emitted.
 */
static void rows_and_operations_agree(void **state)
{
	for (int row = STEP_FIRST_ROW; row <= STEP_LAST_ROW; row++) {
		const struct a64_row_info *info = &a64_rows[row];

		for (unsigned n = 0; n < 5000; n++) {
			uint32_t w = info->value | ((uint32_t)step_random() & ~info->mask);

			if (a64_match(w) == (enum a64_row)row && !step_allocated(w))
				fail_msg("%s matches %08x but does not take it", info->name, w);
		}
	}
}

#define Q	AM_BIT(30)
#define SIZE(n) ((uint32_t)(n) << 22)
#define IMM5(n) ((uint32_t)(n) << 16)
#define IMMH(n) ((uint32_t)(n) << 19)

static const struct {
	const char *what;
	uint32_t reserved;
	uint32_t neighbour; /* allocated, and differs only in what makes the other one reserved */
} pairs[] = {
    {"ADD .1D", 0x0e208400 | SIZE(3), 0x0e208400 | Q | SIZE(3)},
    {"ADD scalar of words", 0x5e208400 | SIZE(2), 0x5e208400 | SIZE(3)},
    {"CMEQ scalar of bytes", 0x7e208c00, 0x7e208c00 | SIZE(3)},
    {"SSHL scalar of halfwords", 0x5e204400 | SIZE(1), 0x5e204400 | SIZE(3)},
    {"SQADD .1D", 0x0e200c00 | SIZE(3), 0x0e200c00 | Q | SIZE(3)},
    {"SHADD .2D", 0x4e200400 | SIZE(3), 0x4e200400 | SIZE(2)},
    {"SMAX .2D", 0x4e206400 | SIZE(3), 0x4e206400 | SIZE(2)},
    {"SMAXP .2D", 0x4e20a400 | SIZE(3), 0x4e20a400 | SIZE(2)},
    {"SABA .2D", 0x4e207c00 | SIZE(3), 0x4e207c00 | SIZE(2)},
    {"MUL .2D", 0x4e209c00 | SIZE(3), 0x4e209c00 | SIZE(2)},
    {"MLA .2D", 0x4e209400 | SIZE(3), 0x4e209400 | SIZE(2)},
    {"PMUL of halfwords", 0x2e209c00 | SIZE(1), 0x2e209c00},
    {"ADDP .1D", 0x0e20bc00 | SIZE(3), 0x0e20bc00 | Q | SIZE(3)},
    {"SQDMULH of bytes", 0x0e20b400, 0x0e20b400 | SIZE(1)},
    {"SQDMULH of doublewords", 0x4e20b400 | SIZE(3), 0x4e20b400 | SIZE(2)},
    {"SQRDMULH scalar of bytes", 0x7e20b400, 0x7e20b400 | SIZE(1)},
    {"SQRDMLAH of bytes", 0x2e008400, 0x2e008400 | SIZE(1)},
    {"SQRDMLSH scalar of doublewords", 0x7e008c00 | SIZE(3), 0x7e008c00 | SIZE(2)},
    {"SADDL of doublewords", 0x0e200000 | SIZE(3), 0x0e200000 | SIZE(2)},
    {"ADDHN to doublewords", 0x0e204000 | SIZE(3), 0x0e204000 | SIZE(2)},
    {"SQDMLAL of bytes", 0x0e209000, 0x0e209000 | SIZE(1)},
    {"SQDMULL scalar of bytes", 0x5e20d000, 0x5e20d000 | SIZE(2)},
    {"PMULL of halfwords", 0x0e20e000 | SIZE(1), 0x0e20e000},
    {"PMULL of doublewords (FEAT_PMULL)", 0x0e20e000 | SIZE(3), 0x0e20e000},
    {"PMULL2 of doublewords (FEAT_PMULL)", 0x4e20e000 | SIZE(3), 0x4e20e000},
    {"REV64 of doublewords", 0x4e200800 | SIZE(3), 0x4e200800 | SIZE(2)},
    {"REV32 of words", 0x6e200800 | SIZE(2), 0x6e200800 | SIZE(1)},
    {"REV16 of halfwords", 0x4e201800 | SIZE(1), 0x4e201800},
    {"CNT of halfwords", 0x4e205800 | SIZE(1), 0x4e205800},
    {"NOT, RBIT: size 2", 0x6e205800 | SIZE(2), 0x6e205800 | SIZE(1)},
    {"CLZ of doublewords", 0x6e204800 | SIZE(3), 0x6e204800 | SIZE(2)},
    {"SADDLP of doublewords", 0x4e202800 | SIZE(3), 0x4e202800 | SIZE(2)},
    {"ABS .1D", 0x0e20b800 | SIZE(3), 0x0e20b800 | Q | SIZE(3)},
    {"ABS scalar of words", 0x5e20b800 | SIZE(2), 0x5e20b800 | SIZE(3)},
    {"CMLT0 scalar of bytes", 0x5e20a800, 0x5e20a800 | SIZE(3)},
    {"XTN to doublewords", 0x0e212800 | SIZE(3), 0x0e212800 | SIZE(2)},
    {"SQXTN scalar to doublewords", 0x5e214800 | SIZE(3), 0x5e214800 | SIZE(2)},
    {"SHLL of doublewords", 0x2e213800 | SIZE(3), 0x2e213800 | SIZE(2)},
    {"ADDP scalar of words", 0x5e31b800 | SIZE(2), 0x5e31b800 | SIZE(3)},
    {"ADDV .2S", 0x0e31b800 | SIZE(2), 0x0e31b800 | Q | SIZE(2)},
    {"UADDLV .2S", 0x2e303800 | SIZE(2), 0x2e303800 | Q | SIZE(2)},
    {"SMAXV .2D", 0x4e30a800 | SIZE(3), 0x4e30a800 | SIZE(2)},
    {"MUL by element of bytes", 0x0f008000, 0x0f008000 | SIZE(1)},
    {"MLA by element of doublewords", 0x6f000000 | SIZE(3), 0x6f000000 | SIZE(2)},
    {"SQRDMLAH by element of bytes", 0x2f00d000, 0x2f00d000 | SIZE(1)},
    {"SQDMULL scalar by element of bytes", 0x5f00b000, 0x5f00b000 | SIZE(1)},
    {"SSHR .1D", 0x0f000400 | IMMH(8), 0x0f000400 | Q | IMMH(8)},
    {"USHR scalar of words", 0x7f000400 | IMMH(4), 0x7f000400 | IMMH(8)},
    {"SHL scalar of bytes", 0x5f005400 | IMMH(1), 0x5f005400 | IMMH(8)},
    {"SQSHL .1D", 0x0f007400 | IMMH(8), 0x0f007400 | Q | IMMH(8)},
    {"UQSHL scalar, immh 0", 0x7f007400, 0x7f007400 | IMMH(1)},
    {"SHRN, immh 8", 0x0f008400 | IMMH(8), 0x0f008400 | IMMH(4)},
    {"SQSHRUN scalar, immh 8", 0x7f008400 | IMMH(8), 0x7f008400 | IMMH(4)},
    {"SSHLL2, immh 8", 0x4f00a400 | IMMH(8), 0x4f00a400 | IMMH(4)},
    {"DUP, imm5 0", 0x4e000400, 0x4e000400 | IMM5(1)},
    {"DUP, imm5 16", 0x4e000400 | IMM5(16), 0x4e000400 | IMM5(24)},
    {"DUP .1D", 0x0e000400 | IMM5(8), 0x4e000400 | IMM5(8)},
    {"DUP general .1D", 0x0e000c00 | IMM5(8), 0x4e000c00 | IMM5(8)},
    {"DUP scalar, imm5 16", 0x5e000400 | IMM5(16), 0x5e000400 | IMM5(8)},
    {"SMOV W from word", 0x0e002c00 | IMM5(4), 0x4e002c00 | IMM5(4)},
    {"SMOV X from doubleword", 0x4e002c00 | IMM5(8), 0x4e002c00 | IMM5(4)},
    {"UMOV W from doubleword", 0x0e003c00 | IMM5(8), 0x4e003c00 | IMM5(8)},
    {"UMOV X from word", 0x4e003c00 | IMM5(4), 0x0e003c00 | IMM5(4)},
    {"INS general, Q 0", 0x0e001c00 | IMM5(1), 0x4e001c00 | IMM5(1)},
    {"INS general, imm5 16", 0x4e001c00 | IMM5(16), 0x4e001c00 | IMM5(8)},
    {"INS element, Q 0", 0x2e000400 | IMM5(1), 0x6e000400 | IMM5(1)},
    {"ZIP1 .1D", 0x0e003800 | SIZE(3), 0x4e003800 | SIZE(3)},
    {"permute, opcode 0", 0x4e000800, 0x4e001800},
    {"permute, opcode 4", 0x4e004800, 0x4e005800},
    {"EXT .8B from byte 8", 0x2e000000 | 8 << 11, 0x2e000000 | 7 << 11},
    {"EXT, op2 1", 0x6e000000 | SIZE(1), 0x6e000000},
    {"TBL, op2 1", 0x4e000000 | SIZE(1), 0x4e000000},
    {"modified immediate, o2 1", 0x4f000c00, 0x4f000400},
    {"FMOV .1D", 0x2f00f400, 0x6f00f400},
    {"AESE (FEAT_AES)", 0x4e284800, 0x4e204800},
    {"SHA1C (FEAT_SHA1)", 0x5e000000, 0x5e000400 | IMM5(1)},
    {"SHA1H (FEAT_SHA1)", 0x5e280800, 0x5e203800},
    {"SDOT (FEAT_DotProd)", 0x4e809400 & ~AM_BIT(21), 0x4e809400 | AM_BIT(21)},
};

static void reserved_encodings_are_unallocated(void **state)
{
	for (unsigned n = 0; n < AM_ARRAY_SIZE(pairs); n++) {
		if (step_allocated(pairs[n].reserved))
			fail_msg("%s: %08x is allocated", pairs[n].what, pairs[n].reserved);
		if (!step_allocated(pairs[n].neighbour))
			fail_msg("beside %s: %08x is unallocated", pairs[n].what,
				 pairs[n].neighbour);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_row_is_reached),
	    cmocka_unit_test(rows_and_operations_agree),
	    cmocka_unit_test(reserved_encodings_are_unallocated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
