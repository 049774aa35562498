/* SPDX-License-Identifier: MIT */
/* The size of physical addresses: what the ID registers say is what the walker does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "space.h"

#define MMFR0 SYSREG(3, 0, 0, 7, 0)
#define MMFR2 SYSREG(3, 0, 0, 7, 2)
#define TCR   SYSREG(3, 0, 2, 0, 2)
#define TTBR0 SYSREG(3, 0, 2, 0, 0)
#define SCTLR SYSREG(3, 0, 1, 0, 0)

static uint64_t get(struct space *s, uint32_t id)
{
	uint64_t v = 0;

	assert_int_equal(cpu_get_sysreg(s->cpu[0], id, &v), 0);
	return v;
}

/* FSC of an access to @va, or 0x40 if there is none. */
static unsigned fsc(struct space *s, uint64_t va)
{
	struct cpu_xlat x;

	return cpu_walk(s->cpu[0], va, CPU_READ, 1, &x) ? 0x40 : x.fsc;
}

static void registers(void **state)
{
	static const struct {
		unsigned asked, parange;
	} sizes[] = {{0, 0},  {32, 0}, {35, 0}, {36, 1}, {39, 1}, {40, 2}, {42, 3},
		     {43, 3}, {44, 4}, {47, 4}, {48, 5}, {51, 5}, {52, 6}, {64, 6}};

	for (unsigned n = 0; n < AM_ARRAY_SIZE(sizes); n++) {
		struct space *s = space_create(1, sizes[n].asked);
		bool large = sizes[n].parange == 6 || !sizes[n].asked;
		uint64_t v = get(s, MMFR0);

		assert_int_equal(am_bits(v, 3, 0), sizes[n].asked ? sizes[n].parange : 6);
		assert_int_equal(am_bits(v, 7, 4), 2);
		assert_int_equal(am_bits(v, 23, 20), large ? 2 : 1); /* TGran16 */
		assert_int_equal(am_bits(v, 27, 24), 0);
		assert_int_equal(am_bits(v, 31, 28), large ? 1 : 0); /* TGran4 */
		assert_int_equal(am_bits(v, 35, 32), large ? 3 : 2);
		assert_int_equal(am_bits(v, 39, 36), 2);
		assert_int_equal(am_bits(v, 43, 40), large ? 3 : 2);
		assert_int_equal(am_bits(get(s, MMFR2), 19, 16), large);
		/* User space may make it less, not more. */
		assert_int_equal(cpu_set_sysreg(s->cpu[0], MMFR0, v), 0);
		assert_int_equal(cpu_set_sysreg(s->cpu[0], MMFR0, v + 1), -22);
		if (am_bits(v, 3, 0)) {
			assert_int_equal(cpu_set_sysreg(s->cpu[0], MMFR0, v - 1), 0);
			assert_int_equal(get(s, MMFR0), v - 1);
		}
		/* TCR_EL1.DS is there with LPA2 only. */
		cpu_set_sysreg(s->cpu[0], TCR, TCR_DS);
		assert_int_equal(get(s, TCR), large ? TCR_DS : 0);
		space_destroy(s);
	}
}

static void mmu_off(void **state)
{
	static const unsigned sizes[] = {32, 36, 40, 42, 44, 48, 52};

	for (unsigned n = 0; n < AM_ARRAY_SIZE(sizes); n++) {
		struct space *s = space_create(1, sizes[n]);

		cpu_set_sysreg(s->cpu[0], SCTLR, 0);
		assert_int_equal(fsc(s, AM_BIT(sizes[n]) - 8), 0x40);
		assert_int_equal(fsc(s, AM_BIT(sizes[n])), 0x00);
		space_destroy(s);
	}
}

/* Output addresses: the smaller of IPS and what there is. */
static void output(void **state)
{
	static const uint8_t ips_bits[] = {32, 36, 40, 42, 44, 48, 52, 52};
	static const unsigned sizes[] = {32, 40, 48};

	for (unsigned n = 0; n < AM_ARRAY_SIZE(sizes); n++) {
		struct space *s = space_create(1, sizes[n]);

		for (unsigned ips = 0; ips < 8; ips++) {
			unsigned bits = ips_bits[ips] < sizes[n] ? ips_bits[ips] : sizes[n];

			cpu_set_sysreg(s->cpu[0], TCR, 25 | 1u << 23 | (uint64_t)ips << 32);
			for (unsigned bit = 31; bit < 48; bit++) {
				space_map(s, 90, AM_BIT(bit), 0);
				assert_int_equal(fsc(s, ADDR(90)), bit < bits ? 0x40 : 0x03);
			}
		}
		space_destroy(s);
	}
}

/*
 * 64K pages, where a table's descriptors hold address bits 51:48 in 15:12: only where the machine
 * has such addresses, and faulting where IPS is less.
 */
static void output_64k(void **state)
{
	for (unsigned bits = 48; bits <= 52; bits += 4) {
		struct space *s = space_create(1, bits);
		uint64_t table = RAM + 0x100000;

		/* T0SZ 39: 25 bits, one table at level 3. */
		cpu_set_sysreg(s->cpu[0], TTBR0, table);
		space_poke64(s, table + 8, UINT64_C(0x50000000) | AM_BIT(10) | 3 | 5 << 12);
		for (unsigned ips = 5; ips <= 6; ips++) {
			struct cpu_xlat x;

			cpu_set_sysreg(s->cpu[0], TCR,
				       39 | 1u << 14 | 1u << 23 | (uint64_t)ips << 32);
			bool fine = cpu_walk(s->cpu[0], 0x10008, CPU_READ, 1, &x);

			assert_int_equal(fine, bits == 48 || ips == 6);
			if (fine)
				assert_int_equal(x.ipa, UINT64_C(0x50000008) |
							    (bits == 52 ? UINT64_C(5) << 48 : 0));
			else
				assert_int_equal(x.fsc, 0x03);
		}
		space_destroy(s);
	}
}

/* TxSZ below 16: as 16 where there is no FEAT_LVA, a fault where there is. */
static void input(void **state)
{
	struct space *s = space_create(1, 48);

	/* Level 0 then is the level 1 table of this machine; its entry 1 is found at 512 GiB. */
	cpu_set_sysreg(s->cpu[0], TCR, 12 | 1u << 23 | UINT64_C(5) << 32);
	assert_int_equal(fsc(s, UINT64_C(2) << 47), 0x04);
	assert_int_equal(fsc(s, UINT64_C(1) << 47), 0x04);
	assert_int_equal(fsc(s, 0), 0x04);
	/* Entry 1 at level 0 leads to the tables of levels 2 and 3, one level further down each. */
	assert_int_equal(fsc(s, UINT64_C(1) << 39), 0x07);
	space_destroy(s);
	s = space_create(1, 52);
	cpu_set_sysreg(s->cpu[0], TCR, 12 | 1u << 23 | UINT64_C(5) << 32);
	assert_int_equal(fsc(s, UINT64_C(1) << 39), 0x04);
	space_destroy(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(registers),  cmocka_unit_test(mmu_off), cmocka_unit_test(output),
	    cmocka_unit_test(output_64k), cmocka_unit_test(input),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
