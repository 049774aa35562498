/* SPDX-License-Identifier: MIT */
/*
 * Shifts, above all the saturating ones, against a model that shifts a 128-bit number one bit at
 * a time and then looks whether it fits. Bytes exhaustively, wider elements at random with a
 * preference for bounds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "step.h"

enum kind { BY_REGISTER, LEFT, RIGHT, NARROW };

struct shift {
	enum a64_row vector, scalar; /* scalar may be 0 */
	enum kind kind;
	bool from_signed, to_signed, round, saturate;
};

#define ROWS(name)   A64_##name##_v, A64_##name##_s
#define ROWS_I(name) A64_##name##_vi, A64_##name##_si

static const struct shift shifts[] = {
    {ROWS(SSHL), BY_REGISTER, true, true, false, false},
    {ROWS(USHL), BY_REGISTER, false, false, false, false},
    {ROWS(SRSHL), BY_REGISTER, true, true, true, false},
    {ROWS(URSHL), BY_REGISTER, false, false, true, false},
    {ROWS(SQSHL), BY_REGISTER, true, true, false, true},
    {ROWS(UQSHL), BY_REGISTER, false, false, false, true},
    {ROWS(SQRSHL), BY_REGISTER, true, true, true, true},
    {ROWS(UQRSHL), BY_REGISTER, false, false, true, true},
    {ROWS_I(SHL), LEFT, false, false, false, false},
    {ROWS_I(SQSHL), LEFT, true, true, false, true},
    {ROWS_I(UQSHL), LEFT, false, false, false, true},
    {ROWS_I(SQSHLU), LEFT, true, false, false, true},
    {ROWS_I(SSHR), RIGHT, true, true, false, false},
    {ROWS_I(USHR), RIGHT, false, false, false, false},
    {ROWS_I(SRSHR), RIGHT, true, true, true, false},
    {ROWS_I(URSHR), RIGHT, false, false, true, false},
    {A64_SHRN_vi, 0, NARROW, false, false, false, false},
    {A64_RSHRN_vi, 0, NARROW, false, false, true, false},
    {ROWS_I(SQSHRN), NARROW, true, true, false, true},
    {ROWS_I(SQRSHRN), NARROW, true, true, true, true},
    {ROWS_I(UQSHRN), NARROW, false, false, false, true},
    {ROWS_I(UQRSHRN), NARROW, false, false, true, true},
    {ROWS_I(SQSHRUN), NARROW, true, false, false, true},
    {ROWS_I(SQRSHRUN), NARROW, true, false, true, true},
};

static uint64_t get_lane(const union cpu_vreg *v, unsigned bits, unsigned e)
{
	uint64_t x = 0;

	memcpy(&x, v->b + e * bits / 8, bits / 8);
	return x;
}

static void set_lane(union cpu_vreg *v, unsigned bits, unsigned e, uint64_t x)
{
	memcpy(v->b + e * bits / 8, &x, bits / 8);
}

/* Left by @by bits; a number that fits nothing any more stops growing. */
static __int128 shift_number(__int128 v, int by, bool round)
{
	const __int128 far = (__int128)1 << 126;

	for (; by > 0; by--) {
		if (v < far && v > -far)
			v *= 2;
	}
	for (; by < 0; by++) {
		if (round && by == -1)
			v += 1;
		v = v < 0 ? (v - 1) / 2 : v / 2;
	}
	return v;
}

static uint64_t model(const struct shift *s, uint64_t a, int by, unsigned from_bits,
		      unsigned to_bits, bool *qc)
{
	__int128 one = 1, v = s->from_signed ? am_sext(a, from_bits) : (__int128)a;
	__int128 lo = s->to_signed ? -(one << (to_bits - 1)) : 0;
	__int128 hi = s->to_signed ? (one << (to_bits - 1)) - 1 : (one << to_bits) - 1;

	v = shift_number(v, by, s->round);
	if (s->saturate && v < lo) {
		v = lo;
		*qc = true;
	}
	if (s->saturate && v > hi) {
		v = hi;
		*qc = true;
	}
	/* Far out, the low bits were all shifted out. */
	if (by >= (int)to_bits && !s->saturate)
		v = 0;
	return (uint64_t)v & AM_MASK(to_bits - 1, 0);
}

/* One instruction on Vn = V1 and Vm = V2 to V0, with @by for all elements of immediate forms. */
static void check(struct cpu *c, const struct shift *s, bool scalar, unsigned size, unsigned q,
		  int by)
{
	unsigned to_bits = 8 << size, from_bits = s->kind == NARROW ? 2 * to_bits : to_bits;
	unsigned lanes = scalar ? 1 : (s->kind == NARROW || !q ? 64 : 128) / to_bits;
	unsigned first = s->kind == NARROW && q && !scalar ? lanes : 0;
	enum a64_row row = scalar ? s->scalar : s->vector;
	uint32_t w = a64_rows[row].value | 1 << 5;
	union cpu_vreg expect = {.d = {first ? c->v[0].d[0] : 0, 0}};
	bool qc = false;

	if (s->kind == BY_REGISTER) {
		w |= 2 << 16;
		if (step_has_field(row, "size"))
			w = step_set_field(row, w, "size", size);
	} else {
		unsigned immhb = by >= 0 ? to_bits + by : 2 * to_bits + by;

		w |= immhb << 16;
	}
	if (!scalar)
		w = step_set_field(row, w, "q", q);
	for (unsigned e = 0; e < lanes; e++) {
		int n = s->kind == BY_REGISTER ? (int8_t)get_lane(&c->v[2], to_bits, e) : by;
		uint64_t a = get_lane(&c->v[1], from_bits, e);

		set_lane(&expect, to_bits, first + e, model(s, a, n, from_bits, to_bits, &qc));
	}
	c->fpsr = 0;
	assert_int_equal(step(c, w), STEP_DONE);
	if (memcmp(&c->v[0], &expect, 16) || c->fpsr != (qc ? FPSR_QC : 0))
		fail_msg("%s %08x by %d: %016llx:%016llx, expected %016llx:%016llx, FPSR %x",
			 a64_rows[row].name, w, by, (unsigned long long)c->v[0].d[1],
			 (unsigned long long)c->v[0].d[0], (unsigned long long)expect.d[1],
			 (unsigned long long)expect.d[0], c->fpsr);
}

/* Vm: 16 counts, each an element's low byte under bits that must not matter. */
static void set_counts(struct cpu *c, unsigned bits, unsigned first)
{
	for (unsigned e = 0; e < 128 / bits; e++)
		set_lane(&c->v[2], bits, e, step_random() << 8 | ((first + e) & 255));
}

static void bytes_by_register(void **state)
{
	struct cpu *c = step_cpu();

	for (unsigned n = 0; n < AM_ARRAY_SIZE(shifts); n++) {
		if (shifts[n].kind != BY_REGISTER)
			continue;
		for (unsigned a = 0; a < 256; a++) {
			memset(&c->v[1], a, 16);
			for (unsigned first = 0; first < 256; first += 16) {
				set_counts(c, 8, first);
				check(c, &shifts[n], false, 0, 1, 0);
			}
		}
	}
}

static void bytes_by_immediate(void **state)
{
	struct cpu *c = step_cpu();

	for (unsigned n = 0; n < AM_ARRAY_SIZE(shifts); n++) {
		const struct shift *s = &shifts[n];
		unsigned from_bits = s->kind == NARROW ? 16 : 8, lanes = 128 / from_bits;

		if (s->kind == BY_REGISTER)
			continue;
		for (uint32_t a = 0; a < 1u << from_bits; a += lanes) {
			for (unsigned e = 0; e < lanes; e++)
				set_lane(&c->v[1], from_bits, e, a + e);
			for (int by = 0; by < 8; by++)
				check(c, s, false, 0, 1, s->kind == LEFT ? by : -1 - by);
		}
	}
}

static bool has_scalar(const struct shift *s, unsigned size)
{
	if (!s->scalar)
		return false;
	if (s->kind == NARROW)
		return size < 3;
	return s->saturate || size == 3;
}

static void other_sizes(void **state)
{
	struct cpu *c = step_cpu();

	for (unsigned n = 0; n < AM_ARRAY_SIZE(shifts) * 20000; n++) {
		const struct shift *s = &shifts[n / 20000];
		unsigned size = step_random() >> 60 & 3, q = step_random() >> 60 & 1;
		unsigned bits = 8 << size, from_bits = s->kind == NARROW ? 2 * bits : bits;
		int by = step_random() >> 32 & (bits - 1);

		if (s->kind == NARROW && size == 3)
			continue;
		for (unsigned e = 0; e < 128 / from_bits; e++)
			set_lane(&c->v[1], from_bits, e, step_random_value());
		set_counts(c, bits, (unsigned)step_random());
		for (unsigned e = 0; e < 2; e++)
			c->v[0].d[e] = step_random();
		if (s->kind == RIGHT || s->kind == NARROW)
			by = -1 - by;
		if (size < 3 || q)
			check(c, s, false, size, q, by);
		if (has_scalar(s, size))
			check(c, s, true, size, 0, by);
	}
}

static void qc_is_sticky(void **state)
{
	struct cpu *c = step_cpu();

	c->fpsr = FPSR_QC | 1;
	assert_int_equal(step(c, 0x4e200c20), STEP_DONE); /* SQADD V0.16B, V1.16B, V0.16B */
	assert_int_equal(c->fpsr, FPSR_QC | 1);
	c->fpsr = 1;
	c->v[1].sb[15] = -128;
	c->v[2].sb[15] = -1;
	assert_int_equal(step(c, 0x0e220c20), STEP_DONE); /* SQADD V0.8B: not element 15 */
	assert_int_equal(c->fpsr, 1);
	assert_int_equal(step(c, 0x4e220c20), STEP_DONE); /* SQADD V0.16B, V1.16B, V2.16B */
	assert_int_equal(c->fpsr, FPSR_QC | 1);
	assert_int_equal(c->v[0].sb[15], -128);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(bytes_by_register),
	    cmocka_unit_test(bytes_by_immediate),
	    cmocka_unit_test(other_sizes),
	    cmocka_unit_test(qc_is_sticky),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
