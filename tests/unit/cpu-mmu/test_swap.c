/* SPDX-License-Identifier: MIT */
/*
 * Host pages exchanged under two vCPUs that read, write and execute them: once
 * cpu_cluster_unmap() or cpu_cluster_write_protect() has returned, nobody uses the old ones.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "cpu/run.h"
#include "space.h"

#define ROUNDS 1000

#define DATA 20u
#define CODE 21u

static struct space *s;
static atomic_bool stop;

/* STR X1, [X0]; ADD X1, X1, #1; BL to CODE, which stores a constant at [X0, #8] and returns. */
static const uint32_t loop[] = {
    0xf9000001, /* str x1, [x0] */
    0x91000421, /* add x1, x1, #1 */
    0xd63f0060, /* blr x3 */
    0x17fffffd, /* b to the start */
};

static void put_code(unsigned which, unsigned value)
{
	const uint32_t words[] = {
	    0xd2800004 | value << 5, /* mov x4, #value */
	    0xf9000404,		     /* str x4, [x0, #8] */
	    0xd65f03c0,		     /* ret */
	};

	memcpy(space_host(s, CODE, which), words, sizeof(words));
}

static void *run(void *arg)
{
	struct cpu *c = arg;

	while (!atomic_load(&stop))
		cpu_run(c);
	return NULL;
}

static void begin_threads(pthread_t t[2])
{
	atomic_store(&stop, false);
	memcpy(space_host(s, 10, 0), loop, sizeof(loop));
	for (unsigned n = 0; n < 2; n++) {
		struct cpu *c = s->cpu[n];

		c->pc = ADDR(10);
		c->r[0] = ADDR(DATA) + n * 64;
		c->r[3] = ADDR(CODE);
		pthread_create(&t[n], NULL, run, c);
	}
}

static uint64_t look(unsigned which, unsigned cpu, unsigned word)
{
	return guest_ld64(space_host(s, DATA, which) + cpu * 64 + word * 8);
}

static void wait_for_change(unsigned which, unsigned cpu, unsigned word)
{
	uint64_t old = look(which, cpu, word);

	while (look(which, cpu, word) == old)
		sched_yield();
}

/* However few host CPUs there are, all three threads go on. */
static bool tick_stops(void *opaque)
{
	sched_yield();
	return atomic_load(&stop);
}

static void pages_move(void **state)
{
	pthread_t t[2];
	unsigned which = 0;

	put_code(0, 1);
	put_code(1, 2);
	begin_threads(t);
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned n = 0; n < 2; n++)
			wait_for_change(which, n, 0);
		which ^= 1;
		memset(space_host(s, DATA, which), 0, PAGE);
		atomic_store(&s->host[DATA], space_host(s, DATA, which));
		cpu_cluster_unmap(s->cluster, ADDR(DATA), PAGE);
		/* The old page is nobody's now. */
		memset(space_host(s, DATA, which ^ 1), 0xee, PAGE);
		atomic_store(&s->host[CODE], space_host(s, CODE, round & 1));
		cpu_cluster_unmap(s->cluster, ADDR(CODE), PAGE);
		for (unsigned n = 0; n < 2; n++) {
			/* Each has stored the constant of the new code when X1 has moved twice. */
			wait_for_change(which, n, 0);
			wait_for_change(which, n, 0);
			assert_int_equal(look(which, n, 1), 1 + (round & 1));
			assert_int_equal(look(which ^ 1, n, 0), UINT64_C(0xeeeeeeeeeeeeeeee));
			assert_int_equal(look(which ^ 1, n, 1), UINT64_C(0xeeeeeeeeeeeeeeee));
		}
	}
	atomic_store(&stop, true);
	for (unsigned n = 0; n < 2; n++) {
		cpu_kick(s->cpu[n]);
		pthread_join(t[n], NULL);
	}
}

static void writing_asks_again(void **state)
{
	pthread_t t[2];

	put_code(0, 1);
	begin_threads(t);
	for (unsigned round = 0; round < ROUNDS; round++) {
		unsigned asked;

		wait_for_change(0, 0, 0);
		wait_for_change(0, 1, 0);
		asked = atomic_load(&s->asked[DATA]);
		cpu_cluster_write_protect(s->cluster, ADDR(DATA), PAGE);
		wait_for_change(0, 0, 0);
		wait_for_change(0, 1, 0);
		assert_true(atomic_load(&s->asked[DATA]) >= asked + 2);
	}
	atomic_store(&stop, true);
	for (unsigned n = 0; n < 2; n++) {
		cpu_kick(s->cpu[n]);
		pthread_join(t[n], NULL);
	}
}

static int begin(void **state)
{
	static struct cpu_ops ops;

	s = space_create(2, 0);
	ops = *s->cpu[0]->ops;
	ops.tick = tick_stops;
	s->cpu[0]->ops = s->cpu[1]->ops = &ops;
	return 0;
}

static int end(void **state)
{
	space_destroy(s);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(pages_move, begin, end),
	    cmocka_unit_test_setup_teardown(writing_asks_again, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
