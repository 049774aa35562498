/* SPDX-License-Identifier: MIT */
/*
 * Feeds a fuzz target without libFuzzer: random inputs from a seed until so many calls were made.
 *
 *     fuzz-ioctl [SEED [CALLS]]      fuzz-ioctl -r SEED INPUT     only that input of the seed
 *
 * The input's number is on standard error when the process ends by a signal, so that a failure is
 * repeated by one command.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"

#define MAX_INPUT 4096

static uint64_t seed = 1;
static volatile unsigned long input;

/* splitmix64 */
static uint64_t next(uint64_t *s)
{
	uint64_t z = *s += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static void one(unsigned long n)
{
	static uint8_t data[MAX_INPUT];
	uint64_t s = seed * UINT64_C(1000003) + n;
	size_t size = 256 + next(&s) % (MAX_INPUT - 256);

	for (size_t k = 0; k < size; k++)
		data[k] = (uint8_t)(next(&s) >> 32);
	input = n;
	LLVMFuzzerTestOneInput(data, size);
}

static void say_input(void)
{
	char text[96];
	int len = snprintf(text, sizeof(text), "repeat with: -r %llu %lu\n",
			   (unsigned long long)seed, input);

	if (write(STDERR_FILENO, text, (size_t)len) < 0)
		return;
}

static void on_death(int sig)
{
	say_input();
	signal(sig, SIG_DFL);
	raise(sig);
}

/* Of a sanitizer's runtime, if there is one. */
__attribute__((weak)) void __sanitizer_set_death_callback(void (*call)(void));

int main(int argc, char **argv)
{
	unsigned long calls = 100000;
	time_t start = time(NULL);

	signal(SIGABRT, on_death);
	if (__sanitizer_set_death_callback) {
		__sanitizer_set_death_callback(say_input);
	} else {
		signal(SIGSEGV, on_death);
		signal(SIGBUS, on_death);
	}
	if (argc == 4 && !strcmp(argv[1], "-r")) {
		seed = strtoull(argv[2], NULL, 0);
		one(strtoul(argv[3], NULL, 0));
	} else {
		if (argc > 1)
			seed = strtoull(argv[1], NULL, 0);
		if (argc > 2)
			calls = strtoul(argv[2], NULL, 0);
		for (unsigned long n = 0; fuzz_count.good + fuzz_count.bad < calls; n++)
			one(n);
	}
	printf("seed %llu: %lu calls (%lu good, %lu refused), %lu runs (%lu exits), %lu inputs, "
	       "%ld s\n",
	       (unsigned long long)seed, fuzz_count.good + fuzz_count.bad, fuzz_count.good,
	       fuzz_count.bad, fuzz_count.runs, fuzz_count.exits, input + 1,
	       (long)(time(NULL) - start));
	return 0;
}
