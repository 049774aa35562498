/* SPDX-License-Identifier: MIT */
/* The commands of the control socket: see commands.h. */
#include "vmm/commands.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <armature/sdei.h>

#include "vmm/machine.h"

#define MAX_WORDS 5

struct reply {
	char *text;
	size_t size;
};

static void __attribute__((format(printf, 2, 3))) say(const struct reply *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->text, r->size, fmt, ap);
	va_end(ap);
}

/* A number as C writes it, and no more than @most. */
static bool number(const char *word, uint64_t most, uint64_t *v)
{
	char *end;

	/* strtoull() takes signs, and blanks before them. */
	if (*word < '0' || *word > '9')
		return false;
	errno = 0;
	*v = strtoull(word, &end, 0);
	return !errno && !*end && *v <= most;
}

static void say_raised(const struct reply *r, int error)
{
	if (error)
		say(r, "error: %s", machine_raise_error(error));
	else
		say(r, "ok");
}

/* ---- Commands: @words after the first, which is the command's name ---- */

static void help(struct machine *m, char *const *words, unsigned n, const struct reply *r);

static void nmi(struct machine *m, char *const *words, unsigned n, const struct reply *r)
{
	say_raised(r, machine_nmi(m));
}

static void quit(struct machine *m, char *const *words, unsigned n, const struct reply *r)
{
	machine_end(m, END_QUIT);
	say(r, "ok");
}

/* EVENT [MPIDR | cpu N] */
static void sdei(struct machine *m, char *const *words, unsigned n, const struct reply *r)
{
	uint64_t event, target = AM_SDEI_ANY, cpu;

	if (!number(words[0], UINT32_MAX, &event)) {
		say(r, "error: not the number of an event");
		return;
	}
	if (n == 2 && !number(words[1], UINT64_MAX - 1, &target)) {
		say(r, "error: not an affinity: give MPIDR_EL1's value, or \"cpu\" and a number");
		return;
	}
	if (n == 3) {
		if (strcasecmp(words[1], "cpu") != 0 || !number(words[2], m->nr_vcpus - 1, &cpu)) {
			say(r, "error: give \"cpu\" and a number from 0 to %u", m->nr_vcpus - 1);
			return;
		}
		target = m->mpidr[cpu];
	}
	say_raised(r, machine_raise(m, (uint32_t)event, target));
}

static void status(struct machine *m, char *const *words, unsigned n, const struct reply *r)
{
	static const char *const states[] = {
	    [END_NONE] = "running",  [END_OFF] = "off",	  [END_RESET] = "resetting",
	    [END_CRASH] = "crashed", [END_QUIT] = "quit", [END_HOST] = "failed",
	};

	say(r, "ok: state=%s accel=%s cpus=%u sdei=%s restored=%u", states[atomic_load(&m->end)],
	    m->be->name, m->nr_vcpus, m->opt->sdei ? "on" : "off", m->recreated);
}

static const struct {
	const char *name;
	const char *arguments;
	unsigned least, most; /* how many */
	void (*run)(struct machine *m, char *const *words, unsigned n, const struct reply *r);
} commands[] = {
    {"help", "", 0, 0, help},	  {"nmi", "", 0, 0, nmi},
    {"quit", "", 0, 0, quit},	  {"sdei", " EVENT [MPIDR | cpu N]", 1, 3, sdei},
    {"status", "", 0, 0, status},
};
#define NR_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void help(struct machine *m, char *const *words, unsigned n, const struct reply *r)
{
	size_t at = 0;

	for (unsigned i = 0; i < NR_COMMANDS && at < r->size; i++)
		at += (size_t)snprintf(r->text + at, r->size - at, "%s%s%s",
				       i ? "; " : "ok: ", commands[i].name, commands[i].arguments);
}

void commands_run(struct machine *m, const char *line, char *answer, size_t size)
{
	const struct reply r = {answer, size};
	char copy[256], *words[MAX_WORDS], *rest = copy;
	unsigned n = 0;

	snprintf(copy, sizeof(copy), "%s", line);
	while (n < MAX_WORDS && (words[n] = strtok_r(n ? NULL : copy, " \t", &rest)))
		n++;
	if (!n) {
		say(&r, "error: no command: see help");
		return;
	}
	for (unsigned i = 0; i < NR_COMMANDS; i++) {
		if (strcmp(words[0], commands[i].name) != 0)
			continue;
		if (n - 1 < commands[i].least || n - 1 > commands[i].most)
			say(&r, "error: %s%s", commands[i].name,
			    *commands[i].arguments ? commands[i].arguments : " takes no argument");
		else
			commands[i].run(m, words + 1, n - 1, &r);
		return;
	}
	say(&r, "error: not a command: see help");
}
