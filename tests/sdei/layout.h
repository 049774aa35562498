/* SPDX-License-Identifier: MIT */
/*
 * What the guest of the SDEI suite and the program that runs it agree on: addresses, the port (an
 * 8-byte store is a request, done when the next instruction begins), and a page of shared memory.
 */
#ifndef SDEI_LAYOUT_H
#define SDEI_LAYOUT_H

#include <stdint.h>

#define MAX_CPUS 8

#define GICD	 0x08000000u
#define GICR	 0x080a0000u
#define PORT	 0x0a000000u
#define RAM	 0x40000000u
#define RAM_SIZE 0x00200000u
#define SHARED	 0x40180000u

/* Where the two handlers begin. */
#define ENTRY_NORMAL   (RAM + 0x100)
#define ENTRY_CRITICAL (RAM + 0x140)

#define NR_IRQS 64

/* Raise an event: its number in 31:0, the target in 39:32. The result is in shared_cpu.result. */
#define PORT_RAISE (PORT + 0x00)
#define RAISE_ANY  (UINT64_C(1) << 40) /* AM_SDEI_ANY instead of the target */
#define RAISE_ATTR (UINT64_C(1) << 41) /* by the VM's attribute, else by am_sdei_inject() */
/* Drive the line of an interrupt: INTID in 15:0, level in 16, vCPU of a PPI in 39:32. */
#define PORT_LINE (PORT + 0x08)
#define LINE_HIGH (UINT64_C(1) << 16)
/* Either: in a few milliseconds. */
#define PORT_LATER (UINT64_C(1) << 42)
/* A test begins (1) or has ended (0): shared.name, shared.hash. */
#define PORT_TEST (PORT + 0x10)
/* A check has failed: shared_cpu.fail. */
#define PORT_FAIL (PORT + 0x18)

struct shared_fail {
	uint64_t file, text; /* addresses of strings */
	uint64_t line, got, want;
};

struct shared_cpu {
	int64_t result;
	struct shared_fail fail;
};

enum { ENDED_HANDLED, ENDED_FAILED, ENDED_ABANDONED, ENDED_WAYS };

struct shared {
	uint64_t nr_cpus;
	uint64_t patience; /* seconds to wait for anything: it takes long in many machines */
	char only[64];	   /* part of the names of tests to do; empty: all */
	uint64_t name;	   /* of the test */
	uint64_t hash;	   /* of what it noted: the same whenever it is done */
	uint64_t notes;	   /* how much that is */
	uint64_t done;	   /* all tests are */
	/* How many handlers have ended in which way (enum am_sdei_status), as the guest knows. */
	uint64_t ended[ENDED_WAYS];
	struct shared_cpu cpu[MAX_CPUS];
};

#endif
