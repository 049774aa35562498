/* SPDX-License-Identifier: MIT */
/*
 * A guest that drives software delegated exceptions through all they can do, by real HVCs:
 *
 *     sdei IMAGE CPUS [--move N] [--only TEXT]
 *
 * With --move the tests are done twice: once as ever, then with the whole machine saved and
 * restored into a new one at every Nth instruction boundary of the handlers, where every register
 * goes by a plain loop. What the tests note must be the same both times. --only: tests with TEXT
 * in their name.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"

#define MAX_TESTS 64

static struct result {
	char name[80];
	uint64_t hash, notes;
	bool failed;
} first[MAX_TESTS];
static unsigned nr_first, nr_second;
static bool second;

static void test_done(struct machine *m, const char *name)
{
	struct result r = {
	    .hash = m->shared->hash, .notes = m->shared->notes, .failed = m->test_failed};

	snprintf(r.name, sizeof(r.name), "%s", name);
	if (!second && nr_first < MAX_TESTS) {
		first[nr_first++] = r;
	} else if (second) {
		if (nr_second >= nr_first || strcmp(first[nr_second].name, r.name))
			machine_fail(m, "not the same tests");
		else if (first[nr_second].hash != r.hash || first[nr_second].notes != r.notes)
			machine_fail(m, "%llu notes that differ from the %llu before",
				     (unsigned long long)r.notes,
				     (unsigned long long)first[nr_second].notes);
		nr_second++;
	}
	printf("%s - %s%s\n", m->test_failed ? "not ok" : "ok", second ? "moved: " : "", r.name);
}

/* Each handler that the guest has ended was told of, and as what it was. */
static void check_ended(struct machine *m)
{
	static const char *const names[] = {"handled", "failed", "abandoned"};

	for (unsigned n = 0; n < ENDED_WAYS; n++) {
		if (m->shared->ended[n] == m->ended[n])
			continue;
		machine_fail(m, "%s: %llu by the guest's count, %lu by the host's", names[n],
			     (unsigned long long)m->shared->ended[n], (unsigned long)m->ended[n]);
	}
}

static unsigned run(const char *image, unsigned cpus, const char *only, unsigned every)
{
	static struct machine m;
	unsigned failures;

	machine_create(&m, cpus, image, only, every);
	m.test_done = test_done;
	machine_run(&m);
	if (!m.shared->done)
		machine_fail(&m, "the guest did not come to its end");
	check_ended(&m);
	printf("# %lu handlers ended, %lu of them failed, %lu abandoned\n",
	       m.ended[0] + m.ended[1] + m.ended[2], m.ended[1] + 0, m.ended[2] + 0);
	if (every)
		printf("# another machine %lu times, at %lu boundaries\n", m.moves, m.boundaries);
	failures = m.failures;
	machine_destroy(&m);
	return failures;
}

int main(int argc, char **argv)
{
	const char *only = "";
	unsigned cpus, every = 0, failures;

	if (argc < 3)
		errx(2, "IMAGE CPUS [--move N] [--only TEXT]");
	cpus = (unsigned)atoi(argv[2]);
	for (int n = 3; n + 1 < argc; n += 2) {
		if (!strcmp(argv[n], "--move"))
			every = (unsigned)atoi(argv[n + 1]);
		else if (!strcmp(argv[n], "--only"))
			only = argv[n + 1];
		else
			errx(2, "%s", argv[n]);
	}
	if (!cpus || cpus > MAX_CPUS)
		errx(2, "1 to %u CPUs", MAX_CPUS);
	failures = run(argv[1], cpus, only, 0);
	if (every && !failures) {
		second = true;
		failures = run(argv[1], cpus, only, every);
	}
	if (!nr_first)
		errx(1, "no test is called %s", only);
	printf("1..%u\n", nr_first + nr_second);
	return failures ? 1 : 0;
}
