/* SPDX-License-Identifier: MIT */
/*
 * What loads and stores do when they do not simply hit memory: pages that are missing, devices,
 * alignment, the stack pointer, trapped FP, and the monitor. And that an access that misses the
 * software TLB does what one that hits does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "a64_rows.h"
#include "machine.h"

#define EC(esr)	  ((esr) >> 26 & 0x3f)
#define DFSC(esr) ((esr)&0x3f)
#define WNR	  (UINT64_C(1) << 6)

#define DFSC_TRANSLATION_3 0x07
#define DFSC_PERMISSION_3  0x0f
#define DFSC_ALIGNMENT	   0x21

struct word {
	uint32_t word;
	const char *text;
	int64_t base; /* what is added to the test's address to have X1 */
};

static uint64_t esr(struct machine *m)
{
	return m->cpu[0]->sr[SR_ESR_EL1];
}

static void expect(struct machine *m, const struct word *w, unsigned exit_imm)
{
	enum cpu_exit exit = machine_step(m, w->word);

	if (exit != CPU_EXIT_HVC || m->cpu[0]->exit_imm != exit_imm)
		print_error("%s: exit %d, imm %#x, ESR %#llx\n", w->text, exit, m->cpu[0]->exit_imm,
			    (unsigned long long)esr(m));
	assert_int_equal(exit, CPU_EXIT_HVC);
	assert_int_equal(m->cpu[0]->exit_imm, exit_imm);
}

static void expect_ok(struct machine *m, const struct word *w)
{
	expect(m, w, STEP_OK);
}

/* A data abort with this status; its instruction is the one to return to. */
static void expect_abort(struct machine *m, const struct word *w, unsigned dfsc, uint64_t wnr,
			 uint64_t far)
{
	expect(m, w, STEP_FAULT);
	if (EC(esr(m)) != 0x25 || DFSC(esr(m)) != dfsc || (esr(m) & WNR) != wnr ||
	    m->cpu[0]->sr[SR_FAR_EL1] != far)
		print_error("%s: ESR %#llx FAR %#llx\n", w->text, (unsigned long long)esr(m),
			    (unsigned long long)m->cpu[0]->sr[SR_FAR_EL1]);
	assert_int_equal(EC(esr(m)), 0x25);
	assert_int_equal(DFSC(esr(m)), dfsc);
	assert_int_equal(esr(m) & WNR, wnr);
	assert_int_equal(m->cpu[0]->sr[SR_FAR_EL1], far);
	assert_int_equal(m->cpu[0]->sr[SR_ELR_EL1], EXECUTED);
}

/* ---- Half of it is missing ---- */

static const struct word crossing_stores[] = {
    {0xa9001023, "stp x3, x4, [x1]", -8},
    {0xa9001023, "stp x3, x4, [x1] unaligned", -3},
    {0xa9bf1023, "stp x3, x4, [x1, #-16]!", 8},
    {0xa8811023, "stp x3, x4, [x1], #16", -8},
    {0x29001023, "stp w3, w4, [x1]", -4},
    {0xa8001023, "stnp x3, x4, [x1]", -8},
    {0xf9000023, "str x3, [x1]", -1},
    {0xf8008423, "str x3, [x1], #8", -7},
    {0xb81fcc23, "str w3, [x1, #-4]!", 2},
    {0x79000023, "strh w3, [x1]", -1},
    {0xad001023, "stp q3, q4, [x1]", -16},
    {0xad001023, "stp q3, q4, [x1] in the second register", -24},
    {0xac811023, "stp q3, q4, [x1], #32", -5},
    {0x6d001023, "stp d3, d4, [x1]", -8},
    {0x2dbf1023, "stp s3, s4, [x1, #-8]!", 4},
    {0x3d800023, "str q3, [x1]", -8},
    {0x3c810423, "str q3, [x1], #16", -15},
    {0x4c002023, "st1 {v3.16b-v6.16b}, [x1]", -48},
    {0x0c9f7023, "st1 {v3.8b}, [x1], #8", -1},
    {0x4c9f0423, "st4 {v3.8h-v6.8h}, [x1], #64", -63},
    {0x0d9f3c23, "st3 {v3.b-v5.b}[7], [x1], #3", -1},
    {0x4dbf8423, "st2 {v3.d, v4.d}[1], [x1], #16", -8},
};

static void set_registers(struct machine *m, uint64_t x1)
{
	struct cpu *c = m->cpu[0];

	for (unsigned n = 0; n < 31; n++)
		c->r[n] = 0x1111111111111111u * (n & 15);
	c->r[1] = x1;
	for (unsigned n = 0; n < 32; n++)
		memset(&c->v[n], 0x40 + n, 16);
	c->excl_valid = 0;
}

/* A store that ends in a missing page stores nothing, and leaves the base alone. */
static void stores_are_all_or_nothing(void **state)
{
	struct machine *m = *state;
	uint8_t *end = machine_at(m, HOLE), before[128];

	for (unsigned n = 0; n < AM_ARRAY_SIZE(crossing_stores); n++) {
		const struct word *w = &crossing_stores[n];

		memset(end - 128, 0xa5, 128);
		memcpy(before, end - 128, 128);
		set_registers(m, HOLE + w->base);
		expect_abort(m, w, DFSC_TRANSLATION_3, WNR, HOLE);
		assert_memory_equal(end - 128, before, 128);
		assert_int_equal(m->cpu[0]->r[1], HOLE + w->base);
	}
}

static const struct word crossing_loads[] = {
    {0xa9401023, "ldp x3, x4, [x1]", -8},
    {0xa9ff1023, "ldp x3, x4, [x1, #-16]!", 8},
    {0xa8c11023, "ldp x3, x4, [x1], #16", -9},
    {0x29401023, "ldp w3, w4, [x1]", -4},
    {0x69401023, "ldpsw x3, x4, [x1]", -4},
    {0xa8401023, "ldnp x3, x4, [x1]", -8},
    {0xf9400023, "ldr x3, [x1]", -1},
    {0xf8408423, "ldr x3, [x1], #8", -7},
    {0xb9800023, "ldrsw x3, [x1]", -2},
    {0xad401023, "ldp q3, q4, [x1]", -16},
    {0xacc11023, "ldp q3, q4, [x1], #32", -24},
    {0x6d401023, "ldp d3, d4, [x1]", -8},
    {0x3cc10423, "ldr q3, [x1], #16", -15},
    {0x4c402023, "ld1 {v3.16b-v6.16b}, [x1]", -63},
    {0x4cdf0423, "ld4 {v3.8h-v6.8h}, [x1], #64", -1},
    {0x0ddf3c23, "ld3 {v3.b-v5.b}[7], [x1], #3", -2},
    {0x4dffcc23, "ld2r {v3.2d, v4.2d}, [x1], #16", -8},
};

static void loads_are_all_or_nothing(void **state)
{
	struct machine *m = *state;

	for (unsigned n = 0; n < AM_ARRAY_SIZE(crossing_loads); n++) {
		const struct word *w = &crossing_loads[n];
		union cpu_vreg v[32];
		uint64_t r[31];

		set_registers(m, HOLE + w->base);
		memcpy(r, m->cpu[0]->r, sizeof(r));
		memcpy(v, m->cpu[0]->v, sizeof(v));
		expect_abort(m, w, DFSC_TRANSLATION_3, 0, HOLE);
		assert_memory_equal(m->cpu[0]->r, r, sizeof(r));
		assert_memory_equal(m->cpu[0]->v, v, sizeof(v));
	}
}

/* ---- Devices
 * --------------------------------------------------------------------------------------- */

enum { SSE = 1 << 21, SF = 1 << 15, AR = 1 << 14 };

static const struct {
	struct word w;
	unsigned size, flags, rt;
	uint64_t loaded; /* the register after the device answered 0xfedcba98f6543281 */
} device_loads[] = {
    {{0x39400023, "ldrb w3, [x1]", 0}, 1, 0, 3, 0x81},
    {{0x39c00023, "ldrsb w3, [x1]", 0}, 1, SSE, 3, 0xffffff81},
    {{0x39800023, "ldrsb x3, [x1]", 0}, 1, SSE | SF, 3, 0xffffffffffffff81},
    {{0x79400023, "ldrh w3, [x1]", 0}, 2, 0, 3, 0x3281},
    {{0x79c00023, "ldrsh w3, [x1]", 0}, 2, SSE, 3, 0x3281},
    {{0xb9400023, "ldr w3, [x1]", 0}, 4, 0, 3, 0xf6543281},
    {{0xb9800023, "ldrsw x3, [x1]", 0}, 4, SSE | SF, 3, 0xfffffffff6543281},
    {{0xf9400023, "ldr x3, [x1]", 0}, 8, SF, 3, 0xfedcba98f6543281},
    {{0xf940003f, "ldr xzr, [x1]", 0}, 8, SF, 31, 0},
    {{0xf8627823, "ldr x3, [x1, x2, lsl #3]", -16}, 8, SF, 3, 0xfedcba98f6543281},
    {{0xb862c823, "ldr w3, [x1, w2, sxtw]", -2}, 4, 0, 3, 0xf6543281},
    {{0xf85f8023, "ldur x3, [x1, #-8]", 8}, 8, SF, 3, 0xfedcba98f6543281},
    {{0x08dffc23, "ldarb w3, [x1]", 0}, 1, AR, 3, 0x81},
    {{0x48dffc23, "ldarh w3, [x1]", 0}, 2, AR, 3, 0x3281},
    {{0x88dffc23, "ldar w3, [x1]", 0}, 4, AR, 3, 0xf6543281},
    {{0xc8dffc23, "ldar x3, [x1]", 0}, 8, SF | AR, 3, 0xfedcba98f6543281},
};

static const struct {
	struct word w;
	unsigned size, flags, rt;
	uint64_t stored; /* of 0x3333333333333333 */
} device_stores[] = {
    {{0x39000023, "strb w3, [x1]", 0}, 1, 0, 3, 0x33},
    {{0x79000023, "strh w3, [x1]", 0}, 2, 0, 3, 0x3333},
    {{0xb9000023, "str w3, [x1]", 0}, 4, 0, 3, 0x33333333},
    {{0xf9000023, "str x3, [x1]", 0}, 8, SF, 3, 0x3333333333333333},
    {{0xf900003f, "str xzr, [x1]", 0}, 8, SF, 31, 0},
    {{0x089ffc23, "stlrb w3, [x1]", 0}, 1, AR, 3, 0x33},
    {{0x889ffc23, "stlr w3, [x1]", 0}, 4, AR, 3, 0x33333333},
    {{0xc89ffc23, "stlr x3, [x1]", 0}, 8, SF | AR, 3, 0x3333333333333333},
};

static void expect_mmio(struct machine *m, const struct word *w, uint64_t va, bool write,
			unsigned size, unsigned rt, unsigned flags)
{
	const struct cpu_mmio *io = &m->cpu[0]->mmio;
	uint64_t want = UINT64_C(0x24) << 26 | 1u << 25 | 1u << 24 | __builtin_ctz(size) << 22 |
			rt << 16 | flags | (write ? WNR : 0) | DFSC_TRANSLATION_3;

	assert_int_equal(machine_step(m, w->word), CPU_EXIT_MMIO);
	if (io->esr != want)
		print_error("%s: ESR %#llx, not %#llx\n", w->text, (unsigned long long)io->esr,
			    (unsigned long long)want);
	assert_int_equal(io->esr, want);
	assert_int_equal(io->ipa, va);
	assert_int_equal(io->size, size);
	assert_int_equal(io->write, write);
	assert_true(io->isv);
	assert_int_equal(m->cpu[0]->pc, EXECUTED);
}

/* DDI 0487 D17.2.37: the syndrome says enough to emulate the access. */
static void device_syndromes(void **state)
{
	struct machine *m = *state;
	const uint64_t va = DEVICE + 0x40;

	for (unsigned n = 0; n < AM_ARRAY_SIZE(device_loads); n++) {
		set_registers(m, va + device_loads[n].w.base);
		m->cpu[0]->r[2] = 2;
		expect_mmio(m, &device_loads[n].w, va, false, device_loads[n].size,
			    device_loads[n].rt, device_loads[n].flags);
		cpu_complete_mmio(m->cpu[0], 0xfedcba98f6543281);
		if (device_loads[n].rt != 31)
			assert_int_equal(m->cpu[0]->r[3], device_loads[n].loaded);
		assert_int_equal(m->cpu[0]->r[REG_ZERO], 0);
		assert_int_equal(m->cpu[0]->pc, EXECUTED + 4);
	}
	for (unsigned n = 0; n < AM_ARRAY_SIZE(device_stores); n++) {
		set_registers(m, va);
		expect_mmio(m, &device_stores[n].w, va, true, device_stores[n].size,
			    device_stores[n].rt, device_stores[n].flags);
		assert_int_equal(m->cpu[0]->mmio.value, device_stores[n].stored);
		cpu_complete_mmio(m->cpu[0], 0);
		assert_int_equal(m->cpu[0]->r[3], 0x3333333333333333);
	}
}

/* Others are reported without saying what register it was; nothing has happened yet. */
static void device_accesses_without_syndrome(void **state)
{
	static const struct word words[] = {
	    {0xf8408423, "ldr x3, [x1], #8", 0},
	    {0xb8404c23, "ldr w3, [x1, #4]!", 0},
	    {0xf8008423, "str x3, [x1], #8", 0},
	    {0xa9401023, "ldp x3, x4, [x1]", 0},
	    {0x29001023, "stp w3, w4, [x1]", 0},
	    {0x69401023, "ldpsw x3, x4, [x1]", 0},
	    {0x3dc00023, "ldr q3, [x1]", 0},
	    {0x3d000023, "str b3, [x1]", 0},
	    {0xfd400023, "ldr d3, [x1]", 0},
	    {0xad401023, "ldp q3, q4, [x1]", 0},
	    {0xad001023, "stp q3, q4, [x1]", 0},
	    {0x4c407023, "ld1 {v3.16b}, [x1]", 0},
	    {0x0d20b023, "st4 {v3.s-v6.s}[1], [x1]", 0},
	    {0x4d40c823, "ld1r {v3.4s}, [x1]", 0},
	    {0xc85f7c23, "ldxr x3, [x1]", 0},
	    {0xc87f1023, "ldxp x3, x4, [x1]", 0},
	    {0xf8230024, "ldadd x3, x4, [x1]", 0},
	    {0x38238024, "swpb w3, w4, [x1]", 0},
	    {0xc8a37c24, "cas x3, x4, [x1]", 0},
	    {0x48227c24, "casp x2, x3, x4, x5, [x1]", 0},
	};
	struct machine *m = *state;

	for (unsigned n = 0; n < AM_ARRAY_SIZE(words); n++) {
		uint64_t r[31];

		set_registers(m, DEVICE + 0x40);
		memcpy(r, m->cpu[0]->r, sizeof(r));
		assert_int_equal(machine_step(m, words[n].word), CPU_EXIT_MMIO);
		assert_false(m->cpu[0]->mmio.isv);
		assert_int_equal(m->cpu[0]->mmio.esr >> 24 & 1, 0);
		assert_memory_equal(m->cpu[0]->r, r, sizeof(r));
		assert_int_equal(m->cpu[0]->pc, EXECUTED);
	}
}

/* ---- Alignment
 * --------------------------------------------------------------------------------------- */

/* Without FEAT_LSE2 these must be aligned to their size, in any memory (DDI 0487 B2.5.2). */
static void ordered_accesses_are_aligned(void **state)
{
	static const struct {
		struct word w; /* base: an offset that is misaligned */
		bool write;
	} words[] = {
	    {{0x48dffc23, "ldarh w3, [x1]", 1}, false},
	    {{0x88dffc23, "ldar w3, [x1]", 2}, false},
	    {{0xc8dffc23, "ldar x3, [x1]", 4}, false},
	    {{0x489ffc23, "stlrh w3, [x1]", 1}, true},
	    {{0xc89ffc23, "stlr x3, [x1]", 4}, true},
	    {{0x485f7c23, "ldxrh w3, [x1]", 1}, false},
	    {{0xc85f7c23, "ldxr x3, [x1]", 4}, false},
	    {{0x887f1023, "ldxp w3, w4, [x1]", 4}, false},
	    {{0xc87f1023, "ldxp x3, x4, [x1]", 8}, false},
	    {{0xc8027c23, "stxr w2, x3, [x1]", 1}, true},
	    {{0xc8221023, "stxp w2, x3, x4, [x1]", 8}, true},
	    {{0x78230024, "ldaddh w3, w4, [x1]", 1}, true},
	    {{0xf8238024, "swp x3, x4, [x1]", 4}, true},
	    {{0x48227c24, "casp x2, x3, x4, x5, [x1]", 8}, true},
	    {{0x88a37c24, "cas w3, w4, [x1]", 3}, true},
	};
	struct machine *m = *state;

	for (unsigned n = 0; n < AM_ARRAY_SIZE(words); n++) {
		const struct word *w = &words[n].w;

		set_registers(m, DATA + w->base);
		expect_abort(m, w, DFSC_ALIGNMENT, words[n].write ? WNR : 0, DATA + w->base);
		set_registers(m, DATA);
		expect_ok(m, w);
	}
}

/* Pairs and structures are aligned to one register or element where SCTLR_EL1.A checks. */
static void element_alignment(void **state)
{
	static const struct {
		struct word w; /* base: the alignment that is enough */
	} words[] = {
	    {{0xa9401023, "ldp x3, x4, [x1]", 8}},	  {{0x29001023, "stp w3, w4, [x1]", 4}},
	    {{0x69401023, "ldpsw x3, x4, [x1]", 4}},	  {{0x6d001023, "stp d3, d4, [x1]", 8}},
	    {{0x2d401023, "ldp s3, s4, [x1]", 4}},	  {{0xad401023, "ldp q3, q4, [x1]", 16}},
	    {{0xad001023, "stp q3, q4, [x1]", 16}},	  {{0x3d800023, "str q3, [x1]", 16}},
	    {{0x4c400423, "ld4 {v3.8h-v6.8h}, [x1]", 2}}, {{0x4c007423, "st1 {v3.8h}, [x1]", 2}},
	    {{0x4d408423, "ld1 {v3.d}[1], [x1]", 8}},
	};
	struct machine *m = *state;
	struct cpu *c = m->cpu[0];
	uint64_t sctlr = c->sr[SR_SCTLR_EL1];

	cpu_set_sysreg(c, SYSREG(3, 0, 1, 0, 0), sctlr | SCTLR_A);
	cpu_set_sysreg(c, SYSREG(3, 0, 2, 0, 0), TABLES); /* and forget the TLB */
	for (unsigned n = 0; n < AM_ARRAY_SIZE(words); n++) {
		const struct word *w = &words[n].w;
		bool write = !(w->word & 1u << 22);

		set_registers(m, DATA + w->base);
		expect_ok(m, w);
		set_registers(m, DATA + w->base / 2);
		expect_abort(m, w, DFSC_ALIGNMENT, write ? WNR : 0, DATA + w->base / 2);
	}
	cpu_set_sysreg(c, SYSREG(3, 0, 1, 0, 0), sctlr);
}

/* ---- SP as the base
 * ------------------------------------------------------------------------------------ */

static void misaligned_stack(void **state)
{
	static const struct word words[] = {
	    {0xf94003e3, "ldr x3, [sp]", 0},
	    {0xb90007e3, "str w3, [sp, #4]", 0},
	    {0x384017e3, "ldrb w3, [sp], #1", 0},
	    {0x78002fe3, "strh w3, [sp, #2]!", 0},
	    {0xf8626be3, "ldr x3, [sp, x2]", 0},
	    {0xb862dbe3, "ldr w3, [sp, w2, sxtw #2]", 0},
	    {0xf8624be3, "ldr x3, [sp, w2, uxtw]", 0},
	    {0xf8400be3, "ldtr x3, [sp]", 0},
	    {0xa94013e3, "ldp x3, x4, [sp]", 0},
	    {0xa9bf13e3, "stp x3, x4, [sp, #-16]!", 0},
	    {0x28c113e3, "ldp w3, w4, [sp], #8", 0},
	    {0x3dc003e3, "ldr q3, [sp]", 0},
	    {0xfc0087e3, "str d3, [sp], #8", 0},
	    {0xbc404fe3, "ldr s3, [sp, #4]!", 0},
	    {0x3c626be3, "ldr b3, [sp, x2]", 0},
	    {0xad4013e3, "ldp q3, q4, [sp]", 0},
	    {0x6c8113e3, "stp d3, d4, [sp], #16", 0},
	    {0x4c4073e3, "ld1 {v3.16b}, [sp]", 0},
	    {0x0dbf83e3, "st2 {v3.s, v4.s}[0], [sp], #8", 0},
	    {0x4d40cbe3, "ld1r {v3.4s}, [sp]", 0},
	    {0xc85f7fe3, "ldxr x3, [sp]", 0},
	    {0xc8027fe3, "stxr w2, x3, [sp]", 0},
	    {0xc87f13e3, "ldxp x3, x4, [sp]", 0},
	    {0xc82213e3, "stxp w2, x3, x4, [sp]", 0},
	    {0xc8dfffe3, "ldar x3, [sp]", 0},
	    {0xc89fffe3, "stlr x3, [sp]", 0},
	    {0xf82303e4, "ldadd x3, x4, [sp]", 0},
	    {0xf82383e4, "swp x3, x4, [sp]", 0},
	    {0xc8a37fe4, "cas x3, x4, [sp]", 0},
	    {0x48227fe4, "casp x2, x3, x4, x5, [sp]", 0},
	};
	struct machine *m = *state;
	struct cpu *c = m->cpu[0];

	for (unsigned n = 0; n < AM_ARRAY_SIZE(words); n++) {
		set_registers(m, 0);
		c->r[2] = 16;
		cpu_set_sp(c, 1, USER_PAGE + 0x108);
		expect(m, &words[n], STEP_FAULT);
		if (EC(esr(m)) != 0x26)
			print_error("%s: ESR %#llx\n", words[n].text, (unsigned long long)esr(m));
		assert_int_equal(EC(esr(m)), 0x26);
		assert_int_equal(cpu_get_sp(c, 1), USER_PAGE + 0x108);
		cpu_set_sp(c, 1, USER_PAGE + 0x110);
		expect_ok(m, &words[n]);
	}
}

/* ---- Unprivileged, trapped FP, the monitor
 * --------------------------------------------------------------- */

static void unprivileged(void **state)
{
	static const struct {
		struct word w;
		bool write;
	} words[] = {
	    {{0xf8400823, "ldtr x3, [x1]", 0}, false},
	    {{0xf8000823, "sttr x3, [x1]", 0}, true},
	    {{0x38c00823, "ldtrsb w3, [x1]", 0}, false},
	    {{0x78000823, "sttrh w3, [x1]", 0}, true},
	};
	static const struct word plain = {0xf9400023, "ldr x3, [x1]", 0};
	struct machine *m = *state;

	for (unsigned n = 0; n < AM_ARRAY_SIZE(words); n++) {
		/* What EL1 has in its TLB does not count. */
		set_registers(m, DATA);
		expect_ok(m, &plain);
		expect_abort(m, &words[n].w, DFSC_PERMISSION_3, words[n].write ? WNR : 0, DATA);
		set_registers(m, USER_PAGE);
		expect_ok(m, &words[n].w);
		expect_ok(m, &words[n].w);
	}
}

static void fp_trapped(void **state)
{
	static const struct word words[] = {
	    {0x3dc00023, "ldr q3, [x1]", 0},	   {0x3d000023, "str b3, [x1]", 0},
	    {0xad401023, "ldp q3, q4, [x1]", 0},   {0x2d001023, "stp s3, s4, [x1]", 0},
	    {0x4c407023, "ld1 {v3.16b}, [x1]", 0}, {0x0d20b023, "st4 {v3.s-v6.s}[1], [x1]", 0},
	    {0x4d40c823, "ld1r {v3.4s}, [x1]", 0}, {0x5c000003, "ldr d3, .", 0},
	};
	struct machine *m = *state;

	for (unsigned n = 0; n < AM_ARRAY_SIZE(words); n++) {
		/* Before translation: the address is nobody's. */
		set_registers(m, 0x10);
		cpu_set_sysreg(m->cpu[0], SYSREG(3, 0, 1, 0, 2), 0);
		expect(m, &words[n], STEP_FAULT);
		assert_int_equal(EC(esr(m)), 0x07);
		cpu_set_sysreg(m->cpu[0], SYSREG(3, 0, 1, 0, 2), 3u << 20);
	}
}

/* LDXR x3, then @between, then STXR of x4 to [x1]: is memory X4, and what is the status? */
static void exclusive(struct machine *m, const uint32_t between[2], uint32_t store, bool succeeds)
{
	uint32_t program[] = {0xc85f7c23, between[0], between[1], store};
	uint64_t v = 0x3333333333333333, now;

	set_registers(m, DATA);
	m->cpu[0]->r[4] = 0x4444444444444444;
	/* The same everywhere around: only the monitor can tell the addresses apart. */
	for (unsigned n = 0; n < 4; n++)
		memcpy(machine_at(m, DATA + n * 8), &v, 8);
	machine_program(m, EXECUTED, program, 4);
	assert_int_equal(machine_run(m, 0, EXECUTED), CPU_EXIT_HVC);
	assert_int_equal(m->cpu[0]->exit_imm, STEP_OK);
	assert_int_equal(m->cpu[0]->r[2], !succeeds);
	memcpy(&now, machine_at(m, m->cpu[0]->r[1]), 8);
	assert_int_equal(now == 0x4444444444444444, succeeds);
}

static void monitor(void **state)
{
	enum {
		NOP = 0xd503201f,
		CLREX = 0xd5033f5f,
		ADD_X1_8 = 0x91002021,
		STR_X5 = 0xf9000025,
		LDXR_X6_X1 = 0xc85f7c26,
		LDR_X6 = 0xf9400026,
		STXR_X3 = 0xc8027c23,
		STXR_X4 = 0xc8027c24,
		STXR_W4 = 0x88027c24,
		STXP_X4 = 0xc8221424,
	};
	struct machine *m = *state;

	exclusive(m, (uint32_t[]){NOP, NOP}, STXR_X4, true);
	exclusive(m, (uint32_t[]){LDR_X6, NOP}, STXR_X4, true);
	exclusive(m, (uint32_t[]){LDXR_X6_X1, NOP}, STXR_X4, true);
	exclusive(m, (uint32_t[]){CLREX, NOP}, STXR_X4, false);
	exclusive(m, (uint32_t[]){STR_X5, NOP}, STXR_X4, false);   /* memory changed */
	exclusive(m, (uint32_t[]){STXR_X3, NOP}, STXR_X4, false);  /* used up, nothing changed */
	exclusive(m, (uint32_t[]){ADD_X1_8, NOP}, STXR_X4, false); /* another address */
	exclusive(m, (uint32_t[]){NOP, NOP}, STXR_W4, false);	   /* another size */
	exclusive(m, (uint32_t[]){NOP, NOP}, STXP_X4, false);
}

/* ---- Hit and miss
 * ------------------------------------------------------------------------------------------ */

static uint64_t seed = 0x9e3779b97f4a7c15;

static uint64_t random64(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static bool is_load_store(const struct a64_row_info *info)
{
	return (info->mask & 0x0a000000) == 0x0a000000 && (info->value & 0x0a000000) == 0x08000000;
}

/* Even registers are addresses in DATA, odd ones small numbers; the flags and the rest random. */
static void random_state(struct machine *m, struct machine *other)
{
	struct cpu *c = m->cpu[0];

	for (unsigned n = 0; n < 31; n++)
		c->r[n] = n & 1 ? (random64() & 7) * 16 : DATA + 0x1000 + (random64() & 15) * 64;
	cpu_set_sp(c, 1, DATA + 0x1000 + (random64() & 15) * 64);
	for (unsigned n = 0; n < 32; n++) {
		c->v[n].d[0] = random64();
		c->v[n].d[1] = random64();
	}
	c->excl_valid = 0;
	memcpy(other->cpu[0]->r, c->r, sizeof(c->r));
	memcpy(other->cpu[0]->v, c->v, sizeof(c->v));
	cpu_set_sp(other->cpu[0], 1, cpu_get_sp(c, 1));
	other->cpu[0]->excl_valid = 0;
}

/*
 * @slow has SCTLR_EL1.A set, so that its TLB stays empty. What it does with aligned addresses is
 * what @fast does. True if the word was executed by both.
 */
static bool compare_word(struct machine *fast, struct machine *slow, uint32_t w)
{
	struct cpu *f = fast->cpu[0], *s = slow->cpu[0];

	random_state(fast, slow);
	enum cpu_exit exit = machine_step(fast, w);

	assert_int_equal(machine_step(slow, w), exit);
	if (exit == CPU_EXIT_MMIO) /* a literal in the device's page */
		return false;
	assert_int_equal(exit, CPU_EXIT_HVC);
	if (f->exit_imm == STEP_OK && s->exit_imm == STEP_FAULT &&
	    DFSC(s->sr[SR_ESR_EL1]) == DFSC_ALIGNMENT) {
		memcpy(machine_at(slow, DATA), machine_at(fast, DATA), HOLE - DATA);
		return false;
	}
	if (f->exit_imm != s->exit_imm || memcmp(f->r, s->r, 32 * 8) ||
	    memcmp(f->v, s->v, sizeof(f->v)))
		print_error("%s %08x\n", a64_rows[a64_match(w)].name, w);
	assert_int_equal(f->exit_imm, s->exit_imm);
	assert_memory_equal(f->r, s->r, 32 * 8);
	assert_memory_equal(f->v, s->v, sizeof(f->v));
	return f->exit_imm == STEP_OK;
}

static void miss_does_what_hit_does(void **state)
{
	struct machine *fast = machine_create(1), *slow = machine_create(1);
	unsigned rows = 0;

	assert_true(fast && slow);
	cpu_set_sysreg(slow->cpu[0], SYSREG(3, 0, 1, 0, 0),
		       slow->cpu[0]->sr[SR_SCTLR_EL1] | SCTLR_A);
	for (unsigned n = 0; n < 1024; n++) {
		uint64_t v = random64();

		memcpy(machine_at(fast, DATA + 0x1000 + n * 8), &v, 8);
		memcpy(machine_at(slow, DATA + 0x1000 + n * 8), &v, 8);
	}
	for (int row = 1; row < A64_ROW_COUNT; row++) {
		const struct a64_row_info *info = &a64_rows[row];
		unsigned executed = 0;

		/* At EL1 the unprivileged forms may not touch DATA. */
		if (!is_load_store(info) || row == A64_LDTR || row == A64_LDTRS || row == A64_STTR)
			continue;
		for (unsigned n = 0; n < 200 || (!executed && n < 5000); n++) {
			uint32_t w = info->value | ((uint32_t)random64() & ~info->mask);

			if (a64_match(w) == (enum a64_row)row)
				executed += compare_word(fast, slow, w);
		}
		if (!executed)
			print_error("%s: no word was executed\n", info->name);
		assert_true(executed);
		assert_memory_equal(machine_at(fast, DATA), machine_at(slow, DATA), HOLE - DATA);
		rows++;
	}
	assert_true(rows > 70);
	machine_destroy(fast);
	machine_destroy(slow);
}

static int setup(void **state)
{
	return (*state = machine_create(1)) ? 0 : -1;
}

static int teardown(void **state)
{
	machine_destroy(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(stores_are_all_or_nothing),
	    cmocka_unit_test(loads_are_all_or_nothing),
	    cmocka_unit_test(device_syndromes),
	    cmocka_unit_test(device_accesses_without_syndrome),
	    cmocka_unit_test(ordered_accesses_are_aligned),
	    cmocka_unit_test(element_alignment),
	    cmocka_unit_test(misaligned_stack),
	    cmocka_unit_test(unprivileged),
	    cmocka_unit_test(fp_trapped),
	    cmocka_unit_test(monitor),
	    cmocka_unit_test(miss_does_what_hit_does),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
