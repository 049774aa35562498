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
static struct cpu_ops ops;
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

static _Thread_local unsigned me;

static void *run(void *arg)
{
	struct cpu *c = arg;

	me = c->id;
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

static void end_threads(pthread_t t[2])
{
	atomic_store(&stop, true);
	for (unsigned n = 0; n < 2; n++) {
		cpu_kick(s->cpu[n]);
		pthread_join(t[n], NULL);
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
	end_threads(t);
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
	end_threads(t);
}

/* A lookup that takes its time; begun[n] tells of which generation the one of vCPU n is. */
static atomic_uint generation, begun[2];
static int (*quick_map)(void *opaque, uint64_t ipa, struct cpu_page *page);

static int slow_map(void *opaque, uint64_t ipa, struct cpu_page *page)
{
	atomic_uint *mine = &begun[me];
	int err;

	atomic_store(mine, atomic_load(&generation));
	sched_yield();
	err = quick_map(opaque, ipa, page);
	atomic_store(mine, 0);
	return err;
}

static void lookups_end(void **state)
{
	pthread_t t[2];

	/* Stores there always ask and never succeed. */
	atomic_store(&s->read_only[DATA], true);
	atomic_store(&generation, 1);
	put_code(0, 1);
	quick_map = ops.map;
	ops.map = slow_map;
	begin_threads(t);
	for (unsigned old = 1; old < ROUNDS; old++) {
		while (atomic_load(&begun[0]) != old && atomic_load(&begun[1]) != old)
			sched_yield();
		atomic_store(&generation, old + 1);
		cpu_cluster_synchronize(s->cluster);
		for (unsigned n = 0; n < 2; n++) {
			unsigned now = atomic_load(&begun[n]);

			assert_true(now == 0 || now == old + 1);
		}
	}
	end_threads(t);
	ops.map = quick_map;
}

static int begin(void **state)
{
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
	    cmocka_unit_test_setup_teardown(lookups_end, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
