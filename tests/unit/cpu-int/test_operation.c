/* SPDX-License-Identifier: MIT */
/*
 * Single operations, without a machine: logical immediates against another way of saying what they
 * are, and branches inside a page against the same branches by address.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "a64_rows.h"
#include "cpu/code.h"
#include "cpu/cpu.h"
#include "cpu/exec_logic.h"
#include "cpu/run.h"

static struct cpu cpu;
static struct cpu_code page;
static const struct cpu_insn *landed;

/* Ends a run: also what every operation of the page is that a test does not set. */
static const struct cpu_insn *land(struct cpu *c, const struct cpu_insn *i)
{
	landed = i;
	return NULL;
}

static const struct cpu_insn *execute(const struct cpu_insn *i)
{
	landed = NULL;
	while (i)
		i = i->exec(&cpu, i);
	return landed;
}

static void fill_page(void)
{
	for (unsigned n = 0; n <= CPU_PAGE_INSNS; n++)
		page.insn[n] = (struct cpu_insn){.exec = land};
	cpu.code = &page;
	cpu.page_va = 0x7000;
	cpu.pc_bias = cpu.page_va - ((uintptr_t)&page >> 2);
	cpu.budget = 1 << 30;
}

static void decode(uint32_t word, unsigned index)
{
	enum a64_row row = a64_match(word);

	memset(&page.insn[index], 0, sizeof(page.insn[index]));
	assert_true(a64_emit(row, word, &page.insn[index]));
}

/* ---- Logical immediates ---- */

/*
 * DDI 0487 C6.2, AND (immediate): the element size is where the leading bits of N:NOT(imms) say;
 * the rest of imms is the number of ones less one, immr the rotation. Made by enumerating the
 * masks, bit by bit, and finding the encoding of each.
 */
static uint64_t expected[8192];
static bool valid[8192];

static void enumerate_masks(void)
{
	for (unsigned size = 2; size <= 64; size *= 2) {
		unsigned n = size == 64;
		unsigned head = size == 64 ? 0 : ~(2 * size - 1) & 0x3f;

		for (unsigned ones = 1; ones < size; ones++) {
			for (unsigned immr = 0; immr < 64; immr++) {
				unsigned code = n << 12 | immr << 6 | head | (ones - 1);
				uint64_t mask = 0;

				for (unsigned b = 0; b < 64; b++) {
					unsigned from = (b % size + immr) % size;

					if (from < ones)
						mask |= UINT64_C(1) << b;
				}
				assert_false(valid[code]);
				valid[code] = true;
				expected[code] = mask;
			}
		}
	}
}

static void bitmasks(void **state)
{
	unsigned nr = 0;

	for (unsigned code = 0; code < 8192; code++) {
		uint64_t mask = 0;
		bool ok = cpu_decode_bitmask(code >> 12, code >> 6 & 63, code & 63, &mask);

		assert_int_equal(ok, valid[code]);
		if (ok)
			assert_int_equal(mask, expected[code]);
		nr += ok;
	}
	assert_int_equal(nr, 64 * (1 + 3 + 7 + 15 + 31 + 63));
}

/* Each way of keeping the mask in an operation gives the same mask, in all four instructions. */
static void logical_immediates(void **state)
{
	const uint64_t source = 0x0123456789abcdef;
	unsigned checked = 0;

	fill_page();
	for (unsigned code = 0; code < 8192; code++) {
		for (unsigned op = 0; op < 8; op++) {
			bool sf = op & 4;
			uint64_t width = sf ? ~UINT64_C(0) : 0xffffffff;
			uint64_t in = source & width, m = expected[code] & width;
			uint64_t want[] = {in & m, in | m, in ^ m, in & m};

			if (!valid[code] || (!sf && code >> 12))
				continue;
			cpu.r[1] = source;
			decode(0x12000000u | (uint32_t)sf << 31 | (op & 3) << 29 | code << 10 |
				   1 << 5 | 2,
			       0);
			execute(page.insn);
			assert_int_equal(cpu.r[2], want[op & 3]);

			/* From XZR: the constants. */
			decode(0x12000000u | (uint32_t)sf << 31 | 1 << 29 | code << 10 | 31 << 5 |
				   3,
			       0);
			execute(page.insn);
			assert_int_equal(cpu.r[3], m);
			checked++;
		}
	}
	assert_true(checked > 4 * 5000);
}

/* MOVZ, MOVN, MOVK: every halfword position and values that need every form of constant. */
static void wide_moves(void **state)
{
	static const uint16_t values[] = {0, 1, 0x7fff, 0x8000, 0xffff, 0xabcd};

	fill_page();
	for (unsigned n = 0; n < AM_ARRAY_SIZE(values); n++) {
		for (unsigned hw = 0; hw < 4; hw++) {
			for (unsigned sf = hw / 2; sf < 2; sf++) {
				uint64_t width = sf ? ~UINT64_C(0) : 0xffffffff;
				uint64_t v = (uint64_t)values[n] << 16 * hw;
				uint32_t w = sf << 31 | hw << 21 | (uint32_t)values[n] << 5 | 4;
				uint64_t keep = 0x1122334455667788;

				decode(0x52800000 | w, 0);
				execute(page.insn);
				assert_int_equal(cpu.r[4], v);
				decode(0x12800000 | w, 0);
				execute(page.insn);
				assert_int_equal(cpu.r[4], ~v & width);
				cpu.r[4] = keep;
				decode(0x72800000 | w, 0);
				execute(page.insn);
				assert_int_equal(cpu.r[4],
						 ((keep & ~(UINT64_C(0xffff) << 16 * hw)) | v) &
						     width);
			}
		}
	}
}

/* ---- Branches in the page ---- */

/* Each kind of direct branch, without its offset: base word, position and width of the offset. */
static const struct {
	uint32_t word;
	unsigned lo, width;
	const char *what;
} branches[] = {
    {0x14000000, 0, 26, "b"},		{0x94000000, 0, 26, "bl"},
    {0x34000005, 5, 19, "cbz w5"},	{0xb4000005, 5, 19, "cbz x5"},
    {0x35000005, 5, 19, "cbnz w5"},	{0xb5000005, 5, 19, "cbnz x5"},
    {0x36180005, 5, 14, "tbz w5, #3"},	{0xb6200005, 5, 14, "tbz x5, #36"},
    {0x37180005, 5, 14, "tbnz w5, #3"}, {0xb7200005, 5, 14, "tbnz x5, #36"},
    {0x54000000, 5, 19, "b.eq"},	{0x54000001, 5, 19, "b.ne"},
    {0x54000002, 5, 19, "b.cs"},	{0x54000003, 5, 19, "b.cc"},
    {0x54000004, 5, 19, "b.mi"},	{0x54000005, 5, 19, "b.pl"},
    {0x54000006, 5, 19, "b.vs"},	{0x54000007, 5, 19, "b.vc"},
    {0x54000008, 5, 19, "b.hi"},	{0x54000009, 5, 19, "b.ls"},
    {0x5400000a, 5, 19, "b.ge"},	{0x5400000b, 5, 19, "b.lt"},
    {0x5400000c, 5, 19, "b.gt"},	{0x5400000d, 5, 19, "b.le"},
    {0x5400000e, 5, 19, "b.al"},	{0x5400000f, 5, 19, "b.nv"},
};

static uint32_t branch_word(unsigned kind, int offset)
{
	uint32_t mask = (1u << branches[kind].width) - 1;

	return branches[kind].word | ((uint32_t)offset & mask) << branches[kind].lo;
}

/* Whether a branch can be replaced depends on where its target is, and on nothing else. */
static void branches_that_stay(void **state)
{
	static const struct {
		unsigned from;
		int offset;
		bool stays;
	} cases[] = {
	    {0, 1023, true},	 {0, 1024, false},  {0, -1, false},	{1, -1, true},
	    {1023, -1023, true}, {1023, 1, false},  {1023, 0, true},	{512, 511, true},
	    {512, 512, false},	 {512, -512, true}, {512, -513, false}, {5, -8192, false},
	};

	for (unsigned k = 0; k < AM_ARRAY_SIZE(branches); k++) {
		for (unsigned n = 0; n < AM_ARRAY_SIZE(cases); n++) {
			struct cpu_insn before, *o = &page.insn[cases[n].from];

			fill_page();
			decode(branch_word(k, cases[n].offset), cases[n].from);
			before = *o;
			assert_int_equal(cpu_emit_in_page(o, cases[n].from), cases[n].stays);
			assert_int_equal(o->exec == before.exec, !cases[n].stays);
		}
	}
	decode(0x91000400, 0); /* ADD is not a branch */
	assert_false(cpu_emit_in_page(&page.insn[0], 0));
}

/* Both versions of a branch go the same way, for all flags and some registers. */
static void branches_agree(void **state)
{
	static const uint64_t values[] = {0,	       8, 1, UINT64_C(1) << 36, UINT64_C(1) << 32,
					  ~UINT64_C(0)};
	unsigned taken = 0, passed = 0;

	for (unsigned k = 0; k < AM_ARRAY_SIZE(branches); k++) {
		for (unsigned n = 0; n < 16 * AM_ARRAY_SIZE(values); n++) {
			unsigned from = 100, to = n % 3 == 0 ? 100 + 7 : n % 3 == 1 ? 0 : 1023;
			const struct cpu_insn *far, *near;
			uint64_t link;

			fill_page();
			cpu_set_nzcv(&cpu, (n & 15) << 28);
			cpu.r[5] = values[n / 16];
			cpu.r[30] = 0;
			decode(branch_word(k, (int)to - (int)from), from);
			far = execute(&page.insn[from]);
			link = cpu.r[30];
			assert_true(cpu_emit_in_page(&page.insn[from], from));
			near = execute(&page.insn[from]);
			assert_ptr_equal(far, near);
			assert_int_equal(link, cpu.r[30]);
			assert_int_equal(link, k == 1 ? 0x7000 + 4 * from + 4 : 0);
			assert_true(far == &page.insn[to] || far == &page.insn[from + 1]);
			if (far == &page.insn[to])
				taken++;
			else
				passed++;
		}
	}
	/* Of each pair of opposites one is taken; four are unconditional. */
	assert_int_equal(taken - passed, 4 * 16 * AM_ARRAY_SIZE(values));
}

/* A branch in the page looks for attention as one by address does. */
static void branches_look_for_attention(void **state)
{
	fill_page();
	decode(0x14000002, 4);
	assert_true(cpu_emit_in_page(&page.insn[4], 4));
	cpu.budget = 7;
	for (unsigned n = 0; n < 5; n++)
		execute(&page.insn[4]);
	assert_int_equal(cpu.budget, 2);
}

static int setup(void **state)
{
	enumerate_masks();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(bitmasks),	      cmocka_unit_test(logical_immediates),
	    cmocka_unit_test(wide_moves),     cmocka_unit_test(branches_that_stay),
	    cmocka_unit_test(branches_agree), cmocka_unit_test(branches_look_for_attention),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
