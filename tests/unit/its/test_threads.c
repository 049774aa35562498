/* SPDX-License-Identifier: MIT */
/*
 * Messages while commands change what they mean: no message to an event that stays mapped is lost,
 * none to a device that comes and goes ends elsewhere than it may, whatever the moment. Built with
 * the lock checks on; the thread sanitizer says the rest.
 */
#include "common.h"

#include <pthread.h>
#include <sched.h>

enum {
	CPUS = 2,
	ROUNDS = 4000,
	STABLE = 0,	/* device: its events move between vCPUs, but are always there */
	COMING = 5,	/* comes and goes, in several sizes */
	FIRST = 9000,	/* LPIs of the stable device */
	SECOND = 20000, /* of the other */
	SHARED = 30000, /* of an event that is mapped and discarded */
};

static struct box b;
static atomic_uint taken[2]; /* of the stable device's events */
static atomic_bool stop;
static atomic_uint strange;

static void *vcpu_main(void *arg)
{
	unsigned vcpu = *(unsigned *)arg;

	while (!stop) {
		unsigned intid = take(&b, vcpu);

		if (intid == FIRST || intid == FIRST + 1)
			atomic_fetch_add(&taken[intid - FIRST], 1);
		else if (intid != 1023 && intid != SHARED &&
			 (intid < SECOND || intid > SECOND + 70))
			atomic_fetch_add(&strange, 1);
		else if (intid == 1023)
			sched_yield();
	}
	return NULL;
}

/* Posts, and waits until it was taken: a message that is lost waits for ever. */
static void *poster_main(void *arg)
{
	unsigned event = *(unsigned *)arg;

	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned before = atomic_load(&taken[event]), spins = 0;

		if (am_its_msi(b.its, STABLE, event) != 1)
			atomic_fetch_add(&strange, 1);
		while (atomic_load(&taken[event]) == before && ++spins < 50000000)
			sched_yield();
		if (atomic_load(&taken[event]) == before) {
			atomic_fetch_add(&strange, 1);
			break;
		}
	}
	return NULL;
}

static void *noise_main(void *arg)
{
	uint32_t seed = 1;

	while (!stop) {
		seed = seed * 1664525 + 1013904223;
		am_its_msi(b.its, COMING, seed >> 24 & 127);
		am_gic_msi(b.gic, GITS, seed >> 23 & 1, seed >> 20 & 7, seed >> 8 & 63);
	}
	return NULL;
}

/* Without what issue() asserts: CREADR may be anywhere when two read it. */
static void command(struct cmd c)
{
	queue(&b, c);
	wr(&b, GITS + CWRITER, 8, b.cwriter);
}

static void *command_main(void *arg)
{
	for (unsigned i = 0; !stop; i++) {
		unsigned bits = i % 16 + 1;

		command(MOVI(STABLE, 0, i & 1));
		command(MAPC(2, i & 1, 1));
		command(MAPD(COMING, bits - 1, ITT(8), 1));
		command(MAPTI(COMING, i % 64, SECOND + i % 64, i & 1));
		command(MAPTI(COMING, (1u << bits) - 1, SECOND + 64, i & 1));
		command(MAPTI(STABLE, 7, SHARED, 0));
		command(INV(STABLE, 0));
		command(MOVALL(i & 1, ~i & 1));
		command(INVALL(i & 1));
		command(DISCARD(STABLE, 7));
		command(CLEAR(COMING, i % 64));
		if (i % 3 == 0)
			command(MAPD(COMING, 0, 0, 0));
		if (i % 7 == 0)
			am_its_save_tables(b.its);
		/* As little time as possible for who waits for the lock. */
		if (i % 5 == 0)
			sched_yield();
	}
	return NULL;
}

static void test_threads(void **state)
{
	static unsigned numbers[] = {0, 1};
	pthread_t vcpu[CPUS], poster[2], noise, commands;

	box_start(&b, CPUS);
	issue(&b, MAPC(0, 0, 1));
	issue(&b, MAPC(1, 1, 1));
	issue(&b, MAPC(2, 0, 1));
	issue(&b, MAPD(STABLE, 3, ITT(0), 1));
	issue(&b, MAPTI(STABLE, 0, FIRST, 0));
	issue(&b, MAPTI(STABLE, 1, FIRST + 1, 2));
	for (unsigned i = 0; i < CPUS; i++)
		pthread_create(&vcpu[i], NULL, vcpu_main, &numbers[i]);
	for (unsigned i = 0; i < 2; i++)
		pthread_create(&poster[i], NULL, poster_main, &numbers[i]);
	pthread_create(&noise, NULL, noise_main, NULL);
	pthread_create(&commands, NULL, command_main, NULL);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(poster[i], NULL);
	stop = true;
	pthread_join(noise, NULL);
	pthread_join(commands, NULL);
	for (unsigned i = 0; i < CPUS; i++)
		pthread_join(vcpu[i], NULL);
	assert_int_equal(strange, 0);
	assert_in_range(taken[0], ROUNDS, UINT32_MAX);
	for (unsigned i = 0; i < CPUS; i++)
		while (take(&b, i) != 1023)
			;
	issue(&b, MAPC(0, 0, 1));
	issue(&b, MOVI(STABLE, 0, 0));
	assert_delivered(&b, STABLE, 0, 0, FIRST);
	box_end(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_threads)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
