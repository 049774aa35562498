/* SPDX-License-Identifier: MIT */
/* The requests that there are, and roughly what their arguments look like. */
#ifndef FUZZ_REQUESTS_H
#define FUZZ_REQUESTS_H

#include <stdbool.h>
#include <stdint.h>

/* Guest physical address of the memory of a prepared machine. */
#define FUZZ_GPA UINT64_C(0x40000000)

enum fuzz_kind { FUZZ_SYSTEM, FUZZ_VM, FUZZ_VCPU, FUZZ_DEVICE, FUZZ_STATS, FUZZ_OTHER };

/* What a field of a structure holds; 32 bits wide unless or-ed with FUZZ_64. */
enum fuzz_field {
	FUZZ_END,
	FUZZ_ZERO,
	FUZZ_ADDRESS,
	FUZZ_REG,
	FUZZ_EVENT,
	FUZZ_BYTE,
	FUZZ_FEW,   /* 0 to 3 */
	FUZZ_GUEST, /* an address in guest memory */
	FUZZ_PAGES, /* a length of up to all of it */
	FUZZ_MEMORY,
	FUZZ_VALUE,
	FUZZ_64 = 32,
};

#define FUZZ_FIELDS 10

struct fuzz_request {
	uint32_t request;
	uint8_t kind;  /* the descriptor that takes it */
	bool by_value; /* the argument is the first field */
	uint8_t fields[FUZZ_FIELDS];
};

extern const struct fuzz_request fuzz_requests[];
extern const unsigned fuzz_nr_requests;

#endif
