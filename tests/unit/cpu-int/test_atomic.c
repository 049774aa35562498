/* SPDX-License-Identifier: MIT */
/*
 * Two vCPUs in two host threads: exclusives, compare and swap and FEAT_LSE lose no update, and a
 * store-release is seen before a later load-acquire reads.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <pthread.h>
#include <sched.h>
#include <cmocka.h>

#include "machine.h"

/*
 * The programs run in batches of updates, X1 counting down. Before each the two vCPUs meet, so that
 * even on a busy host many batches happen on two CPUs at once.
 */
#define BATCH	50
#define BATCHES 20000
#define ROUNDS	(BATCH * BATCHES)

struct runner {
	struct machine *m;
	unsigned n;
	enum cpu_exit exit;
	pthread_barrier_t *start;
};

/* Each on a CPU of its own, if there are two: a scheduler with other work may not think of it. */
static void pin(unsigned n)
{
	cpu_set_t allowed, one;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) || CPU_COUNT(&allowed) < 2)
		return;
	CPU_ZERO(&one);
	for (int i = 0; i < CPU_SETSIZE; i++) {
		if (CPU_ISSET(i, &allowed) && n-- == 0) {
			CPU_SET(i, &one);
			sched_setaffinity(0, sizeof(one), &one);
			return;
		}
	}
}

static void *run(void *arg)
{
	struct runner *r = arg;

	pin(r->n);
	pthread_barrier_wait(r->start);
	r->exit = machine_run(r->m, r->n, CODE);
	return NULL;
}

/* Both vCPUs execute the program, to its end. */
static void run_both(struct machine *m, const uint32_t *words, unsigned nr)
{
	pthread_barrier_t start;
	struct runner r[2] = {{m, 0, 0, &start}, {m, 1, 0, &start}};
	pthread_t t[2];

	machine_program(m, CODE, words, nr);
	assert_int_equal(pthread_barrier_init(&start, NULL, 2), 0);
	for (int n = 0; n < 2; n++)
		assert_int_equal(pthread_create(&t[n], NULL, run, &r[n]), 0);
	for (int n = 0; n < 2; n++) {
		pthread_join(t[n], NULL);
		assert_int_equal(r[n].exit, CPU_EXIT_HVC);
		assert_int_equal(m->cpu[n]->exit_imm, STEP_OK);
	}
	pthread_barrier_destroy(&start);
}

/* The same, in batches: X11 and X13 are where the two meet, X10 counts. */
static void run_batches(struct machine *m, const uint32_t *words, unsigned nr)
{
	static const uint32_t before[] = {
	    0xf900016a,		     /* 1: str x10, [x11] */
	    0xf94001ac,		     /* 2: ldr x12, [x13] */
	    0xeb0a019f,		     /*    cmp x12, x10 */
	    0x54ffffc3,		     /*    b.lo 2b */
	    0xd2800001 | BATCH << 5, /*    mov x1, #BATCH */
	};
	uint32_t program[5 + 16 + 3];

	assert_true(nr <= 16);
	memcpy(program, before, sizeof(before));
	memcpy(program + 5, words, 4 * nr);
	program[5 + nr] = 0x9100054a;				   /* add x10, x10, #1 */
	program[6 + nr] = 0xf10005ce;				   /* subs x14, x14, #1 */
	program[7 + nr] = 0x54000001 | (-(7 + nr) & 0x7ffff) << 5; /* b.ne 1b */
	memset(machine_at(m, DATA + 4096), 0, 128);
	for (int n = 0; n < 2; n++) {
		m->cpu[n]->r[10] = 1;
		m->cpu[n]->r[11] = DATA + 4096 + n * 64;
		m->cpu[n]->r[13] = DATA + 4096 + !n * 64;
		m->cpu[n]->r[14] = BATCHES;
	}
	run_both(m, program, 8 + nr);
}

static uint64_t word(struct machine *m, uint64_t va)
{
	uint64_t v;

	memcpy(&v, machine_at(m, va), 8);
	return v;
}

/* Programs that add 1 to what X0 points at, X1 times; X2 is 1. */
static const uint32_t add_ldadd[] = {
    0xf8220003, /* 1: ldadd x2, x3, [x0] */
    0xf1000421, /*    subs x1, x1, #1 */
    0x54ffffc1, /*    b.ne 1b */
};
static const uint32_t add_exclusive[] = {
    0xc85f7c03, /* 1: ldxr x3, [x0] */
    0x91000463, /*    add x3, x3, #1 */
    0xc8047c03, /*    stxr w4, x3, [x0] */
    0x35ffffa4, /*    cbnz w4, 1b */
    0xf1000421, /*    subs x1, x1, #1 */
    0x54ffff61, /*    b.ne 1b */
};
static const uint32_t add_exclusive_byte[] = {
    0x085ffc03, /* 1: ldaxrb w3, [x0] */
    0x11000463, /*    add w3, w3, #1 */
    0x0804fc03, /*    stlxrb w4, w3, [x0] */
    0x35ffffa4, /*    cbnz w4, 1b */
    0xf1000421, /*    subs x1, x1, #1 */
    0x54ffff61, /*    b.ne 1b */
};
static const uint32_t add_cas_half[] = {
    0x79400004, /*    ldrh w4, [x0] */
    0x11000486, /* 1: add w6, w4, #1 */
    0x2a0403e8, /*    mov w8, w4 */
    0x48a87c06, /*    cash w8, w6, [x0] */
    0x6b04011f, /*    cmp w8, w4 */
    0x2a0803e4, /*    mov w4, w8 */
    0x54ffff61, /*    b.ne 1b */
    0x53003cc4, /*    uxth w4, w6 */
    0xf1000421, /*    subs x1, x1, #1 */
    0x54ffff01, /*    b.ne 1b */
};

/* Programs that add 1 to each half of a pair. */
static const uint32_t pair_exclusive[] = {
    0xc87f1003, /* 1: ldxp x3, x4, [x0] */
    0x91000463, /*    add x3, x3, #1 */
    0x91000484, /*    add x4, x4, #1 */
    0xc8251003, /*    stxp w5, x3, x4, [x0] */
    0x35ffff85, /*    cbnz w5, 1b */
    0xf1000421, /*    subs x1, x1, #1 */
    0x54ffff41, /*    b.ne 1b */
};
static const uint32_t pair_exclusive_words[] = {
    0x887f9003, /* 1: ldaxp w3, w4, [x0] */
    0x11000463, /*    add w3, w3, #1 */
    0x11000484, /*    add w4, w4, #1 */
    0x88259003, /*    stlxp w5, w3, w4, [x0] */
    0x35ffff85, /*    cbnz w5, 1b */
    0xf1000421, /*    subs x1, x1, #1 */
    0x54ffff41, /*    b.ne 1b */
};
static const uint32_t pair_casp[] = {
    0xa9401404, /*    ldp x4, x5, [x0] */
    0x91000486, /* 1: add x6, x4, #1 */
    0x910004a7, /*    add x7, x5, #1 */
    0xaa0403e8, /*    mov x8, x4 */
    0xaa0503e9, /*    mov x9, x5 */
    0x4868fc06, /*    caspal x8, x9, x6, x7, [x0] */
    0xeb04011f, /*    cmp x8, x4 */
    0xfa450120, /*    ccmp x9, x5, #0, eq */
    0xaa0803e4, /*    mov x4, x8 */
    0xaa0903e5, /*    mov x5, x9 */
    0x54fffee1, /*    b.ne 1b */
    0xaa0603e4, /*    mov x4, x6 */
    0xaa0703e5, /*    mov x5, x7 */
    0xf1000421, /*    subs x1, x1, #1 */
    0x54fffe61, /*    b.ne 1b */
};

/* A lock at X0 protects the plain counter at X0 + 8. */
static const uint32_t swap_lock[] = {
    0x52800025, /*    mov w5, #1 */
    0x38a58006, /* 1: swpab w5, w6, [x0] */
    0x35ffffe6, /*    cbnz w6, 1b */
    0xf9400407, /*    ldr x7, [x0, #8] */
    0x910004e7, /*    add x7, x7, #1 */
    0xf9000407, /*    str x7, [x0, #8] */
    0x089ffc1f, /*    stlrb wzr, [x0] */
    0xf1000421, /*    subs x1, x1, #1 */
    0x54ffff21, /*    b.ne 1b */
};

static void prepare(struct machine *m)
{
	memset(machine_at(m, DATA), 0, 64);
	for (int n = 0; n < 2; n++) {
		m->cpu[n]->r[0] = DATA;
		m->cpu[n]->r[2] = 1;
	}
}

#define RUN(m, words) run_batches(m, words, AM_ARRAY_SIZE(words))

static void counters(void **state)
{
	struct machine *m = *state;

	prepare(m);
	RUN(m, add_ldadd);
	assert_int_equal(word(m, DATA), 2 * ROUNDS);
	prepare(m);
	RUN(m, add_exclusive);
	assert_int_equal(word(m, DATA), 2 * ROUNDS);
}

/* Narrow ones wrap, and leave their neighbours alone. */
static void narrow_counters(void **state)
{
	struct machine *m = *state;

	prepare(m);
	RUN(m, add_exclusive_byte);
	assert_int_equal(word(m, DATA), (uint8_t)(2 * ROUNDS));
	prepare(m);
	RUN(m, add_cas_half);
	assert_int_equal(word(m, DATA), (uint16_t)(2 * ROUNDS));
}

static void pairs(void **state)
{
	struct machine *m = *state;

	prepare(m);
	RUN(m, pair_exclusive);
	assert_int_equal(word(m, DATA), 2 * ROUNDS);
	assert_int_equal(word(m, DATA + 8), 2 * ROUNDS);
	prepare(m);
	RUN(m, pair_exclusive_words);
	assert_int_equal(word(m, DATA), 2 * ROUNDS * UINT64_C(0x100000001));
	prepare(m);
	RUN(m, pair_casp);
	assert_int_equal(word(m, DATA), 2 * ROUNDS);
	assert_int_equal(word(m, DATA + 8), 2 * ROUNDS);
}

static void lock(void **state)
{
	struct machine *m = *state;

	prepare(m);
	RUN(m, swap_lock);
	assert_int_equal(word(m, DATA), 0);
	assert_int_equal(word(m, DATA + 8), 2 * ROUNDS);
}

/* A vCPU that clears and sets its own bit never finds it set before setting it. */
static void bits_and_maximum(void **state)
{
	static const uint32_t program[] = {
	    0xf8216003, /* 1: ldumax x1, x3, [x0] */
	    0xf8221083, /*    ldclr x2, x3, [x4] */
	    0xf8223083, /*    ldset x2, x3, [x4] */
	    0x8a020063, /*    and x3, x3, x2 */
	    0xeb02007f, /*    cmp x3, x2 */
	    0x9a9f17e3, /*    cset x3, eq */
	    0x8b0300a5, /*    add x5, x5, x3 */
	    0xf1000421, /*    subs x1, x1, #1 */
	    0x54ffff01, /*    b.ne 1b */
	};
	struct machine *m = *state;

	prepare(m);
	for (int n = 0; n < 2; n++) {
		m->cpu[n]->r[2] = 2 << n;
		m->cpu[n]->r[4] = DATA + 8;
		m->cpu[n]->r[5] = 0;
	}
	RUN(m, program);
	assert_int_equal(word(m, DATA), BATCH);
	assert_int_equal(word(m, DATA + 8), 6);
	assert_int_equal(m->cpu[0]->r[5], 0);
	assert_int_equal(m->cpu[1]->r[5], 0);
}

/*
 * Each stores to its own word and then reads the other's (DDI 0487 K13: store buffering). With
 * STLR and LDAR, one of them must see the other's store. X2 and X3 are where the two meet before
 * each round.
 */
static void release_then_acquire(void **state)
{
	static const uint32_t program[] = {
	    0xf9000048, /* 1: str x8, [x2] */
	    0xf9400067, /* 2: ldr x7, [x3] */
	    0xeb0800ff, /*    cmp x7, x8 */
	    0x54ffffc3, /*    b.lo 2b */
	    0xc89ffc08, /*    stlr x8, [x0] */
	    0xc8dffc26, /*    ldar x6, [x1] */
	    0xf9000086, /*    str x6, [x4] */
	    0x91000508, /*    add x8, x8, #1 */
	    0x91002000, /*    add x0, x0, #8 */
	    0x91002021, /*    add x1, x1, #8 */
	    0x91002084, /*    add x4, x4, #8 */
	    0xf10004a5, /*    subs x5, x5, #1 */
	    0x54fffe81, /*    b.ne 1b */
	};
	enum { N = 4000, SIZE = N * 8 };
	struct machine *m = *state;
	uint64_t own[2] = {DATA + 4096, DATA + 4096 + SIZE};
	uint64_t seen[2] = {DATA + 4096 + 2 * SIZE, DATA + 4096 + 3 * SIZE};

	for (int again = 0; again < 25; again++) {
		memset(machine_at(m, DATA), 0, 4096 + 4 * SIZE);
		for (int n = 0; n < 2; n++) {
			struct cpu *c = m->cpu[n];

			c->r[0] = own[n];
			c->r[1] = own[!n];
			c->r[2] = DATA + n * 64;
			c->r[3] = DATA + !n * 64;
			c->r[4] = seen[n];
			c->r[5] = N;
			c->r[8] = 1;
		}
		run_both(m, program, AM_ARRAY_SIZE(program));
		for (int n = 0; n < N; n++)
			assert_true(word(m, seen[0] + n * 8) || word(m, seen[1] + n * 8));
	}
}

static int setup(void **state)
{
	return (*state = machine_create(2)) ? 0 : -1;
}

static int teardown(void **state)
{
	machine_destroy(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(counters),
	    cmocka_unit_test(narrow_counters),
	    cmocka_unit_test(pairs),
	    cmocka_unit_test(lock),
	    cmocka_unit_test(bits_and_maximum),
	    cmocka_unit_test(release_then_acquire),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
