/* SPDX-License-Identifier: MIT */
/*
 * Feeds a fuzz target without libFuzzer: random inputs from a seed until so many calls were made.
 *
 *     fuzz-ioctl [SEED [CALLS [FOLDER]]]
 *     fuzz-ioctl -r SEED INPUT           only that input of the seed
 *     fuzz-ioctl -f FILE                 only that file
 *
 * The files of the folder are inputs that were found to be worth keeping; they go first. Where it
 * was is on standard error when the process ends by a signal, so that a failure is repeated by one
 * command.
 */
#include <dirent.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"

#define INPUT_SIZE 4096

static uint64_t seed = 1;
static volatile unsigned long input;
static char file[512]; /* of the corpus, when the input is one */

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
	static uint8_t data[INPUT_SIZE];
	uint64_t s = seed * UINT64_C(1000003) + n;
	size_t size = 256 + next(&s) % (INPUT_SIZE - 256);

	for (size_t k = 0; k < size; k++)
		data[k] = (uint8_t)(next(&s) >> 32);
	input = n;
	LLVMFuzzerTestOneInput(data, size);
}

/* False if it cannot be read. */
static bool one_file(const char *name)
{
	static uint8_t data[INPUT_SIZE];
	FILE *f = fopen(name, "rb");
	size_t size;

	if (!f)
		return false;
	size = fread(data, 1, sizeof(data), f);
	fclose(f);
	snprintf(file, sizeof(file), "%s", name);
	LLVMFuzzerTestOneInput(data, size);
	file[0] = 0;
	return true;
}

static unsigned folder(const char *name)
{
	DIR *dir = opendir(name);
	struct dirent *e;
	unsigned nr = 0;
	char path[512];

	if (!dir)
		return 0;
	while ((e = readdir(dir))) {
		snprintf(path, sizeof(path), "%s/%s", name, e->d_name);
		if (e->d_name[0] != '.')
			nr += one_file(path);
	}
	closedir(dir);
	return nr;
}

static void say_input(void)
{
	char text[600];
	int len;

	if (file[0])
		len = snprintf(text, sizeof(text), "repeat with: -f %s\n", file);
	else
		len = snprintf(text, sizeof(text), "repeat with: -r %llu %lu\n",
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
	unsigned files = 0;

	signal(SIGABRT, on_death);
	signal(SIGILL, on_death);
	if (__sanitizer_set_death_callback) {
		__sanitizer_set_death_callback(say_input);
	} else {
		signal(SIGSEGV, on_death);
		signal(SIGBUS, on_death);
	}
	if (argc == 4 && !strcmp(argv[1], "-r")) {
		seed = strtoull(argv[2], NULL, 0);
		one(strtoul(argv[3], NULL, 0));
	} else if (argc == 3 && !strcmp(argv[1], "-f")) {
		return one_file(argv[2]) ? 0 : 1;
	} else {
		if (argc > 1)
			seed = strtoull(argv[1], NULL, 0);
		if (argc > 2)
			calls = strtoul(argv[2], NULL, 0);
		if (argc > 3) {
			files = folder(argv[3]);
			if (!files) {
				fprintf(stderr, "no files in %s\n", argv[3]);
				return 1;
			}
		}
		for (unsigned long n = 0; fuzz_count.good + fuzz_count.bad < calls; n++)
			one(n);
	}
	printf("seed %llu: %lu calls (%lu good, %lu refused), %lu runs (%lu exits), %lu inputs, "
	       "%u files, %ld s\n",
	       (unsigned long long)seed, fuzz_count.good + fuzz_count.bad, fuzz_count.good,
	       fuzz_count.bad, fuzz_count.runs, fuzz_count.exits, input + 1, files,
	       (long)(time(NULL) - start));
	return 0;
}
