/* SPDX-License-Identifier: MIT */
/* Between a fuzz target and what feeds it: libFuzzer, or driver.c where there is none. */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* One input. Always 0; what is wrong ends the process. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* How many calls into the library there were so far, by result: good, and with an errno. */
struct fuzz_count {
	unsigned long good, bad, runs, exits;
};
extern struct fuzz_count fuzz_count;

#endif
