/* SPDX-License-Identifier: MIT */
/*
 * SDEI once more, to be compared with: written from the specification's rules one by one, without
 * sets of bits, tables or hints. It looks at everything each time it is asked something.
 */
#ifndef UNIT_SDEI_REF_H
#define UNIT_SDEI_REF_H

#include "box.h"

enum { REF_EVENTS = 21, REF_ANY = -1 };

/* An event as one PE sees it, or as all see a shared one. */
struct ref_event {
	bool registered, enabled, pending;
	bool running;
	uint64_t entry, argument;
	int route; /* a PE, or REF_ANY */
};

struct ref_pe {
	bool masked;
	struct ref_event private[REF_EVENTS];
	/* The handlers it is in, the innermost last: at most a normal one and a critical one. */
	unsigned depth;
	struct {
		unsigned event;
		struct sdei_frame frame;
	} in[2];
	struct box_irq ppi[BOX_PPIS];
};

struct ref {
	unsigned nr;
	struct ref_pe pe[BOX_PES];
	struct ref_event shared[REF_EVENTS];
	unsigned intid[REF_EVENTS];
	struct box_irq spi[BOX_SPIS];
	unsigned long cells[6][9]; /* how often each state met each action */
};

enum {
	REF_REGISTER,
	REF_ENABLE,
	REF_DISABLE,
	REF_UNREGISTER,
	REF_ROUTE,
	REF_CONTEXT,
	REF_COMPLETE,
	REF_RELEASE,
	REF_DISPATCH
};

void ref_init(struct ref *r, unsigned nr);
enum sdei_result ref_call(struct ref *r, unsigned pe, struct sdei_frame *f);
/* May this PE enter the handler of this event now? */
bool ref_deliverable(struct ref *r, unsigned pe, unsigned event);
bool ref_deliver(struct ref *r, unsigned pe, struct sdei_frame *f);
int ref_raise(struct ref *r, uint32_t event, uint64_t target);
void ref_reset(struct ref *r, unsigned pe);
void ref_line(struct ref *r, unsigned pe, unsigned intid, bool line);
struct box_irq *ref_irq(struct ref *r, unsigned pe, unsigned intid);
uint64_t ref_reg(struct ref *r, unsigned pe, unsigned index);

uint32_t ref_number(unsigned event);

#endif
