/* SPDX-License-Identifier: MIT */
/*
 * The instruction test: random words of every row of the decode table, executed by the CPU
 * library and by the oracle, must leave the same state. Also words of no row, which the oracle
 * must find undefined too.
 *
 *     insn-diff --oracle PROGRAM [--seed N] [--cases N] [--states N] [--row NAME,...] [--fuzz N]
 *               [--repeat WORDS:SLOT:SEED] [--show N] [--quiet]
 *
 * Exit status 0: every row that can run has run, nothing differs. 1: otherwise.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "a64_rows.h"
#include "engine.h"
#include "reference.h"
#include "report.h"
#include "words.h"

#define MAX_STATES  16
#define MAX_CRASHES 20

struct tally {
	uint32_t words;
	uint64_t cases, differ;
	uint64_t outcome[INSN_OUTCOMES];
};

static struct {
	uint64_t seed;
	uint32_t cases, states, fuzz, show;
	const char *rows, *repeat, *oracle, *qemu, *cpu, *fuzz_cpu;
	bool quiet;
} opt = {
    .seed = 1,
    .cases = 100,
    .states = 8,
    .show = 2,
    .qemu = "qemu-aarch64",
    .cpu = "cortex-a76",
    .fuzz_cpu = "cortex-a72",
};

static struct insn_engine *engine;
static struct insn_reference ref;
static struct tally tallies[A64_ROW_COUNT];
static uint32_t reported[A64_ROW_COUNT];
static uint32_t crashes;
static char command[256];

/* ---- One batch ---- */

static void restart(void)
{
	insn_reference_stop(&ref);
	if (insn_reference_start(&ref)) {
		fprintf(stderr, "cannot start %s\n", ref.qemu);
		exit(1);
	}
}

static void show(const struct insn_case *c, uint32_t k)
{
	struct insn_case one = *c;
	struct insn_state ours, theirs;

	one.states = 1;
	one.seed = insn_seed(c->seed, k);
	if (!insn_reference_send(&ref, &one, 1, true) ||
	    !insn_reference_read(&ref, &theirs, sizeof(theirs))) {
		restart();
		return;
	}
	insn_engine_place(engine, &one, 1);
	insn_engine_run(engine, &one, one.seed, &ours);
	insn_report(&one, &ours, &theirs, command);
}

static void differs(const struct insn_case *c, uint32_t k)
{
	tallies[c->row].differ++;
	if (reported[c->row]++ < opt.show)
		show(c, k);
}

/* The oracle died: which case was it? */
static void find_crash(const struct insn_case *c, uint32_t nr)
{
	restart();
	for (uint32_t n = 0; n < nr; n++) {
		uint64_t hash[MAX_STATES];

		if (insn_reference_send(&ref, &c[n], 1, false) &&
		    insn_reference_read(&ref, hash, c[n].states * 8))
			continue;
		printf("the reference died of %08x (row %s)\n", c[n].word[0],
		       a64_rows[c[n].row].name ? a64_rows[c[n].row].name : "-");
		if (++crashes >= MAX_CRASHES) {
			fprintf(stderr, "%s %s does not work here\n", ref.qemu, ref.program);
			exit(1);
		}
		restart();
	}
}

static void run_batch(const struct insn_case *c, uint32_t nr)
{
	static uint64_t ours[INSN_SLOTS][MAX_STATES], theirs[MAX_STATES];
	struct insn_state s;
	static uint32_t bad[INSN_SLOTS * MAX_STATES];
	uint32_t nr_bad = 0;
	bool sent = insn_reference_send(&ref, c, nr, false);

	insn_engine_place(engine, c, nr);
	for (uint32_t n = 0; n < nr; n++) {
		tallies[c[n].row].words++;
		for (uint32_t k = 0; k < c[n].states; k++) {
			insn_engine_run(engine, &c[n], insn_seed(c[n].seed, k), &s);
			ours[n][k] = insn_state_hash(&s, &c[n]);
			tallies[c[n].row].cases++;
			tallies[c[n].row].outcome[s.outcome]++;
		}
	}
	if (insn_engine_strayed(engine)) {
		printf("our CPU wrote outside the addressed bytes, in rows %s to %s\n",
		       a64_rows[c[0].row].name, a64_rows[c[nr - 1].row].name);
		exit(1);
	}
	for (uint32_t n = 0; n < nr; n++) {
		if (!sent || !insn_reference_read(&ref, theirs, c[n].states * 8)) {
			find_crash(c, nr);
			break;
		}
		for (uint32_t k = 0; k < c[n].states; k++) {
			if (ours[n][k] != theirs[k])
				bad[nr_bad++] = n * MAX_STATES + k;
		}
	}
	for (uint32_t n = 0; n < nr_bad; n++)
		differs(&c[bad[n] / MAX_STATES], bad[n] % MAX_STATES);
}

/* ---- All rows ---- */

static struct insn_case batch[INSN_SLOTS];
static uint32_t batch_nr;

static void flush(void)
{
	if (batch_nr)
		run_batch(batch, batch_nr);
	batch_nr = 0;
}

static struct insn_case *next_case(void)
{
	struct insn_case *c;

	if (batch_nr == INSN_SLOTS)
		flush();
	c = &batch[batch_nr];
	memset(c, 0, sizeof(*c));
	c->slot = batch_nr;
	c->states = opt.states;
	return c;
}

static bool row_wanted(uint32_t row)
{
	const char *p = opt.rows;
	const char *name = a64_rows[row].name;
	size_t len = strlen(name);

	if (!p)
		return true;
	while ((p = strstr(p, name))) {
		if ((p == opt.rows || p[-1] == ',') && (!p[len] || p[len] == ','))
			return true;
		p += len;
	}
	return false;
}

static uint64_t name_hash(const char *s)
{
	uint64_t h = 0;

	while (*s)
		h = insn_mix(h + (uint8_t)*s++);
	return h;
}

/* The cases of a row depend on its name, not on where it stands in the table. */
static void add_row(uint32_t row)
{
	struct insn_rng r = {insn_mix(opt.seed) ^ name_hash(a64_rows[row].name)};

	for (uint32_t n = 0; n < opt.cases; n++) {
		struct insn_case *c = next_case();

		c->row = row;
		if (!insn_choose(c, row, &r))
			break;
		c->seed = insn_next(&r);
		batch_nr++;
	}
}

static void run_rows(void)
{
	for (uint32_t row = 1; row < A64_ROW_COUNT; row++) {
		if (row_wanted(row) && insn_plan(row) != PLAN_EXCLUDED)
			add_row(row);
	}
	flush();
}

/* Words of no row. The reference is an older CPU, without what we do not offer. */
static uint32_t run_fuzz(void)
{
	struct insn_rng r = {insn_mix(opt.seed ^ 0xf022)};
	uint32_t skipped = 0;

	ref.cpu = opt.fuzz_cpu;
	restart();
	for (uint32_t n = 0; n < opt.fuzz; n++) {
		struct insn_case *c = next_case();

		c->word[0] = insn_choose_unallocated(&r);
		c->nr = 1;
		c->states = 1;
		c->seed = insn_next(&r);
		if (insn_extension(c->word[0])) {
			skipped++;
			continue;
		}
		batch_nr++;
	}
	flush();
	return skipped;
}

/* ---- The account ---- */

static bool executed(uint32_t row)
{
	const struct tally *t = &tallies[row];

	if (insn_plan(row) == PLAN_UNDEFINED)
		return t->outcome[INSN_ILL];
	return t->outcome[INSN_OK] || t->outcome[INSN_TRAP]; /* the latter: BRK, branches */
}

static void print_row(uint32_t row)
{
	const struct tally *t = &tallies[row];

	printf("%-18s %8u words %9llu cases %8llu different", a64_rows[row].name, t->words,
	       (unsigned long long)t->cases, (unsigned long long)t->differ);
	for (unsigned n = 1; n < INSN_OUTCOMES; n++) {
		if (t->outcome[n])
			printf("  %s %llu", insn_outcome_names[n],
			       (unsigned long long)t->outcome[n]);
	}
	printf("%s\n", executed(row) ? "" : "  NOT EXECUTED");
}

static bool account(double seconds)
{
	uint32_t rows = 0, ran = 0, wrong = 0;
	uint64_t cases = 0, differ = 0;

	for (uint32_t row = 1; row < A64_ROW_COUNT; row++) {
		const struct tally *t = &tallies[row];

		if (!row_wanted(row))
			continue;
		if (insn_plan(row) == PLAN_EXCLUDED) {
			printf("%-18s excluded: EL0 cannot test it, bare-metal guests do\n",
			       a64_rows[row].name);
			continue;
		}
		if (!opt.quiet || t->differ || !executed(row))
			print_row(row);
		rows++;
		ran += executed(row);
		wrong += t->differ != 0;
		cases += t->cases;
		differ += t->differ;
	}
	if (!rows)
		printf("no such row: %s\n", opt.rows);
	else
		printf("rows executed %u of %u (%.4g %%)\n", ran, rows, 100.0 * ran / rows);
	printf("%llu cases in %.1f s, %llu different in %u rows; seed %llu\n",
	       (unsigned long long)cases, seconds, (unsigned long long)differ, wrong,
	       (unsigned long long)opt.seed);
	return rows && ran == rows && !differ;
}

static int repeat(void)
{
	struct insn_case c = {.states = 1};
	const char *p = opt.repeat;
	char *end;

	do {
		c.word[c.nr++] = strtoul(p, &end, 16);
		p = end + 1;
	} while (*end == ',' && c.nr < INSN_MAX_WORDS);
	c.slot = strtoul(p, &end, 10) % INSN_SLOTS;
	c.seed = strtoull(end + 1, &end, 16);
	c.row = a64_match(c.word[0]);
	for (uint32_t n = 1; n < c.nr && !c.row; n++)
		c.row = a64_match(c.word[n]);
	opt.show = 1;
	run_batch(&c, 1);
	printf("%s\n", tallies[c.row].differ ? "different" : "the same");
	return tallies[c.row].differ != 0;
}

/* ---- Command line ---- */

static const struct option options[] = {
    {"seed", 1, NULL, 's'},   {"cases", 1, NULL, 'n'}, {"states", 1, NULL, 'k'},
    {"row", 1, NULL, 'r'},    {"fuzz", 1, NULL, 'f'},  {"repeat", 1, NULL, 'R'},
    {"oracle", 1, NULL, 'o'}, {"qemu", 1, NULL, 'q'},  {"cpu", 1, NULL, 'c'},
    {"show", 1, NULL, 'S'},   {"quiet", 0, NULL, 'Q'}, {NULL, 0, NULL, 0},
};

static bool parse(int argc, char **argv)
{
	for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		switch (o) {
		case 's':
			opt.seed = strtoull(optarg, NULL, 0);
			break;
		case 'n':
			opt.cases = strtoul(optarg, NULL, 0);
			break;
		case 'k':
			opt.states = strtoul(optarg, NULL, 0);
			break;
		case 'f':
			opt.fuzz = strtoul(optarg, NULL, 0);
			break;
		case 'S':
			opt.show = strtoul(optarg, NULL, 0);
			break;
		case 'r':
			opt.rows = optarg;
			break;
		case 'R':
			opt.repeat = optarg;
			break;
		case 'o':
			opt.oracle = optarg;
			break;
		case 'q':
			opt.qemu = optarg;
			break;
		case 'c':
			opt.cpu = opt.fuzz_cpu = optarg;
			break;
		case 'Q':
			opt.quiet = true;
			break;
		default:
			return false;
		}
	}
	return opt.oracle && opt.states >= 1 && opt.states <= MAX_STATES && optind == argc;
}

int main(int argc, char **argv)
{
	struct timespec a, b;
	bool good;

	if (!parse(argc, argv)) {
		fprintf(stderr,
			"usage: %s --oracle PROGRAM [--seed N] [--cases N] [--states 1..%d]\n"
			"       [--row NAME,...] [--fuzz N] [--repeat WORDS:SLOT:SEED] [--show N]\n"
			"       [--quiet] [--qemu PROGRAM] [--cpu MODEL]\n",
			argv[0], MAX_STATES);
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	snprintf(command, sizeof(command), "%s --oracle %s", argv[0], opt.oracle);
	engine = insn_engine_create();
	if (!engine) {
		fprintf(stderr, "no memory\n");
		return 1;
	}
	ref = (struct insn_reference){.qemu = opt.qemu, .cpu = opt.cpu, .program = opt.oracle};
	restart();
	if (opt.repeat)
		return repeat();
	clock_gettime(CLOCK_MONOTONIC, &a);
	run_rows();
	clock_gettime(CLOCK_MONOTONIC, &b);
	good = account((b.tv_sec - a.tv_sec) + (b.tv_nsec - a.tv_nsec) * 1e-9);
	if (opt.fuzz) {
		uint32_t skipped = run_fuzz();

		printf("words of no row: %u tried, %llu of them executed by the reference; "
		       "%u more are of extensions not offered\n",
		       tallies[0].words, (unsigned long long)tallies[0].differ, skipped);
		good &= !tallies[0].differ;
	}
	if (crashes)
		printf("the reference died %u times\n", crashes);
	insn_reference_stop(&ref);
	insn_engine_destroy(engine);
	return good && !crashes ? 0 : 1;
}
