/* SPDX-License-Identifier: MIT */
/*
 * A VM for tests of SDEI without a VM: some PEs with registers, an interrupt controller of a few
 * lines of code, and a record of what the dispatcher asked for.
 */
#ifndef UNIT_SDEI_BOX_H
#define UNIT_SDEI_BOX_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>

#include "fw/sdei.h"

enum { BOX_PES = 8, BOX_PPIS = 16, BOX_SPIS = 32, BOX_ENDED = 64 };

/* Functions, as numbers behind 0xc4000020. */
enum {
	VERSION,
	REGISTER,
	ENABLE,
	DISABLE,
	CONTEXT,
	COMPLETE,
	RESUME,
	UNREGISTER,
	STATUS,
	GET_INFO,
	ROUTING_SET,
	PE_MASK,
	PE_UNMASK,
	BIND,
	RELEASE,
	SIGNAL,
	FEATURES,
	PRIVATE_RESET,
	SHARED_RESET,
	NR_FUNCTIONS,
};

enum { OK = 0, NOT_SUPPORTED = -1, INVALID = -2, DENIED = -3, PENDING = -5, NO_RESOURCE = -10 };

struct box_irq {
	bool level; /* sensitive to the line's level, not to its edge */
	bool line, latch, active, diverted;
};

struct box;

struct box_cpu {
	struct box *box;
	unsigned n;
	struct sdei_pe *pe;
	struct sdei_frame f;
	unsigned kicks;
	struct box_irq ppi[BOX_PPIS]; /* from INTID 16 */
};

struct box {
	struct sdei *s;
	unsigned nr;
	struct box_cpu cpu[BOX_PES];
	struct box_irq spi[BOX_SPIS]; /* from INTID 32 */
	/* Its calls do not call back: who ends an interrupt looks whether it is pending again. */
	bool silent;
	unsigned nr_ended;
	struct {
		unsigned cpu;
		uint32_t event;
		enum am_sdei_status status;
	} ended[BOX_ENDED];
};

/* The affinity of a CPU: all fields are in use. */
uint64_t box_affinity(unsigned cpu);

/* With the gate open. */
void box_init(struct box *b, unsigned nr);
void box_finish(struct box *b);

struct box_irq *box_irq(struct box *b, unsigned cpu, unsigned intid);
bool box_irq_pending(const struct box_irq *irq);
/* The line of an interrupt, as a device drives it. */
void box_line(struct box *b, unsigned cpu, unsigned intid, bool line);

/* A call by @cpu, with up to 5 arguments; x0. What does not return fails the test. */
int64_t box_call(struct box *b, unsigned cpu, unsigned function, ...);
#define box_call(b, cpu, ...) box_call(b, cpu, __VA_ARGS__, 0ull, 0ull, 0ull, 0ull, 0ull)
/* The same for what does not return. */
enum sdei_result box_complete(struct box *b, unsigned cpu, uint64_t status);
enum sdei_result box_resume(struct box *b, unsigned cpu, uint64_t address);

/* What the run loop does: the event that is entered, or -1. */
int64_t box_run(struct box *b, unsigned cpu);

uint64_t box_get(struct box *b, unsigned cpu, unsigned index);
int box_set(struct box *b, unsigned cpu, unsigned index, uint64_t v);

#endif
