/* SPDX-License-Identifier: MIT */
/*
 * Drives the interrupt controller and its model with the same random operations and compares
 * answers, interrupt lines and registers.
 *
 *     gic-model [--seed N] [--steps N] [--episode N] [--quiet]
 *
 * The steps are divided into episodes, each with a machine of its own; --episode plays only one of
 * them, which is what a failure asks for to be repeated. When something differs, the operations of
 * the episode are reduced to a few that still show it, and printed.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cover.h"
#include "generate.h"
#include "shrink.h"

enum { EPISODE = 3000 };

static uint64_t seed = 1;
static volatile unsigned long episode;
static struct op ops[EPISODE];

static uint64_t episode_seed(unsigned long n)
{
	uint64_t s = seed * UINT64_C(1000003) + n;

	return rnd(&s);
}

static void print_shape(const struct shape *s)
{
	printf("machine: GICv%u, %u INTIDs, vCPUs", s->v2 ? 2 : 3, s->nr_irqs);
	for (unsigned i = 0; i < s->nr_cpus; i++)
		printf(" %u", s->id[i]);
	for (unsigned i = 0; i < s->nr_regions; i++)
		printf("%s %u at %#llx", i ? "," : "; redistributors", s->region[i].count,
		       (unsigned long long)s->region[i].base);
	if (s->lrs)
		printf("; %u list registers", s->lrs);
	printf("\n");
}

static void report(const struct shape *shape, unsigned nr)
{
	static struct world w;
	unsigned n = nr;
	char text[160];
	bool check;

	printf("seed %llu, episode %lu: a difference after %u operations\n",
	       (unsigned long long)seed, episode, nr);
	fflush(stdout);
	n = shrink(shape, ops, n, &check);
	replay(&w, shape, ops, &n, check);
	print_shape(shape);
	for (unsigned i = 0; i < n; i++) {
		op_print(shape, &ops[i], text, sizeof(text));
		printf("%4u  %s\n", i + 1, text);
	}
	printf("      %s\n", w.why);
	printf("%u operations; repeat with: --seed %llu --episode %lu\n", n,
	       (unsigned long long)seed, episode);
	world_end(&w);
}

static bool play(unsigned long n, unsigned long steps)
{
	static struct world w;
	static struct generator g;
	uint64_t s = episode_seed(n);
	struct shape shape;
	unsigned nr = 0;
	bool ok = true;

	episode = n;
	generate_shape(s, &shape);
	generate_start(&g, s, &shape);
	world_start(&w, &shape);
	while (nr < steps && ok) {
		ops[nr] = generate(&g, &w);
		ok = world_step(&w, &ops[nr]);
		generate_learn(&g, &w, &ops[nr]);
		nr++;
	}
	if (ok) {
		ops[nr - 1] = (struct op){.kind = OP_CHECK};
		ok = world_step(&w, &ops[nr - 1]);
	}
	world_end(&w);
	if (!ok)
		report(&shape, nr);
	return ok;
}

/* What ends the process says where, too. */
static void on_death(int sig)
{
	char text[96];
	int len =
	    snprintf(text, sizeof(text), "signal %d; repeat with: --seed %llu --episode %lu\n", sig,
		     (unsigned long long)seed, episode);

	if (write(STDERR_FILENO, text, (size_t)len) >= 0)
		signal(sig, SIG_DFL);
	raise(sig);
}

static int usage(void)
{
	fprintf(stderr, "usage: gic-model [--seed N] [--steps N] [--episode N] [--quiet]\n");
	return 2;
}

int main(int argc, char **argv)
{
	unsigned long steps = 2000000, done = 0, only = 0;
	bool one = false, quiet = false;
	time_t start = time(NULL);

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--quiet"))
			quiet = true;
		else if (i + 1 == argc)
			return usage();
		else if (!strcmp(argv[i], "--seed"))
			seed = strtoull(argv[++i], NULL, 0);
		else if (!strcmp(argv[i], "--steps"))
			steps = strtoul(argv[++i], NULL, 0);
		else if (!strcmp(argv[i], "--episode")) {
			only = strtoul(argv[++i], NULL, 0);
			one = true;
		} else
			return usage();
	}
	signal(SIGABRT, on_death);
	signal(SIGILL, on_death);
	signal(SIGTRAP, on_death);
	if (one)
		return play(only, EPISODE) ? 0 : 1;
	for (unsigned long n = 0; done < steps; n++, done += EPISODE)
		if (!play(n, EPISODE))
			return 1;
	printf("seed %llu: %lu operations in %lu machines, no difference, %ld s\n",
	       (unsigned long long)seed, done, episode + 1, (long)(time(NULL) - start));
	return cover_report(!quiet) ? 0 : 1;
}
