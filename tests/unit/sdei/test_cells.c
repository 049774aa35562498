/* SPDX-License-Identifier: MIT */
/*
 * Every cell of states x actions, for each kind of event, by calls alone: the state is reached as a
 * guest would reach it, the action is a call, and what came of it is asked by a call. Shared events
 * are acted on by the PE that runs the handler and by another one.
 */
#include "box.h"

enum { ENTRY = 0x8000, ARGUMENT = 0x1234, INTID_PPI = 20, INTID_SPI = 40 };

/* Bits of EVENT_STATUS. */
enum { G = 1, E = 2, R = 4 };

struct cell {
	int64_t answer;
	unsigned then;
};

enum {
	A_REGISTER,
	A_ENABLE,
	A_DISABLE,
	A_UNREGISTER,
	A_ROUTE,
	A_CONTEXT,
	A_COMPLETE,
	A_RESUME,
	A_RELEASE,
	A_DISPATCH,
	NR_A
};

/* As the specification draws it. An answer of a dispatch is whether the handler is entered. */
static const struct {
	unsigned state;
	struct cell cell[NR_A];
} rows[] = {
    {0,
     {{OK, G},
      {DENIED, 0},
      {DENIED, 0},
      {DENIED, 0},
      {DENIED, 0},
      {DENIED, 0},
      {DENIED, 0},
      {DENIED, 0},
      {OK, 0},
      {false, 0}}},
    {R,
     {{DENIED, R},
      {DENIED, R},
      {DENIED, R},
      {PENDING, R},
      {DENIED, R},
      {OK, R},
      {OK, 0},
      {OK, 0},
      {DENIED, R},
      {false, R}}},
    {G,
     {{DENIED, G},
      {OK, E | G},
      {OK, G},
      {OK, 0},
      {OK, G},
      {DENIED, G},
      {DENIED, G},
      {DENIED, G},
      {DENIED, G},
      {false, G}}},
    {R | G,
     {{DENIED, R | G},
      {OK, R | E | G},
      {OK, R | G},
      {PENDING, R},
      {DENIED, R | G},
      {OK, R | G},
      {OK, G},
      {OK, G},
      {DENIED, R | G},
      {false, R | G}}},
    {E | G,
     {{DENIED, E | G},
      {OK, E | G},
      {OK, G},
      {OK, 0},
      {DENIED, E | G},
      {DENIED, E | G},
      {DENIED, E | G},
      {DENIED, E | G},
      {DENIED, E | G},
      {true, R | E | G}}},
    {R | E | G,
     {{DENIED, R | E | G},
      {OK, R | E | G},
      {OK, R | G},
      {PENDING, R},
      {DENIED, R | E | G},
      {OK, R | E | G},
      {OK, E | G},
      {OK, E | G},
      {DENIED, R | E | G},
      {false, R | E | G}}},
};

/* The kinds; bound ones by the interrupt. */
static const struct kind {
	uint32_t event;
	unsigned intid;
	bool shared;
} kinds[] = {
    {AM_SDEI_EVENT_SOFTWARE, 0, false},
    {AM_SDEI_EVENT_PRIVATE, 0, false},
    {AM_SDEI_EVENT_PRIVATE_CRITICAL, 0, false},
    {AM_SDEI_EVENT_SHARED, 0, true},
    {AM_SDEI_EVENT_SHARED_CRITICAL, 0, true},
    {0, INTID_PPI, false},
    {0, INTID_SPI, true},
};

static void trigger(struct box *b, const struct kind *k, uint32_t event)
{
	if (k->intid) {
		box_line(b, 0, k->intid, true);
		box_line(b, 0, k->intid, false);
	} else {
		sdei_raise(b->s, event, k->shared ? AM_SDEI_ANY : box_affinity(0));
	}
}

/* Bring the event to @state on CPU 0. */
static uint32_t reach(struct box *b, const struct kind *k, unsigned state)
{
	uint32_t event = k->event;

	if (k->intid)
		event = (uint32_t)box_call(b, 0, BIND, (uint64_t)k->intid);
	box_call(b, 0, PE_UNMASK);
	if (state & (G | R))
		assert_int_equal(
		    box_call(b, 0, REGISTER, (uint64_t)event, 0ull + ENTRY, 0ull + ARGUMENT), OK);
	if (state & (E | R))
		assert_int_equal(box_call(b, 0, ENABLE, (uint64_t)event), OK);
	if (state & R) {
		trigger(b, k, event);
		assert_int_equal(box_run(b, 0), event);
		if (!(state & G))
			assert_int_equal(box_call(b, 0, UNREGISTER, (uint64_t)event), PENDING);
		else if (!(state & E))
			assert_int_equal(box_call(b, 0, DISABLE, (uint64_t)event), OK);
	}
	assert_int_equal(box_call(b, 0, STATUS, (uint64_t)event), state);
	return event;
}

/* Its result; INT64_MIN where this kind of event cannot be asked. */
static int64_t act(struct box *b, const struct kind *k, unsigned cpu, unsigned action,
		   uint64_t event)
{
	int64_t r;

	switch (action) {
	case A_REGISTER:
		return box_call(b, cpu, REGISTER, event, 0ull + ENTRY, 0ull + ARGUMENT);
	case A_ENABLE:
		return box_call(b, cpu, ENABLE, event);
	case A_DISABLE:
		return box_call(b, cpu, DISABLE, event);
	case A_UNREGISTER:
		return box_call(b, cpu, UNREGISTER, event);
	case A_ROUTE:
		if (!k->shared)
			return INT64_MIN;
		return box_call(b, cpu, ROUTING_SET, event, 1ull, box_affinity(0));
	case A_CONTEXT:
		/* x2 of what was interrupted: the call that came before it. */
		r = box_call(b, cpu, CONTEXT, 17ull);
		return r == (int64_t)(0x1000 * (cpu + 1) + 17) ? OK : r;
	case A_COMPLETE:
		return box_complete(b, cpu, 0) == SDEI_REPLACE ? OK : (int64_t)b->cpu[cpu].f.x[0];
	case A_RESUME:
		return box_resume(b, cpu, 0x9000) == SDEI_RESUME ? OK : (int64_t)b->cpu[cpu].f.x[0];
	case A_RELEASE:
		if (!k->intid)
			return INT64_MIN;
		return box_call(b, cpu, RELEASE, event);
	default:
		trigger(b, k, (uint32_t)event);
		if (cpu) /* which passes it on */
			box_call(b, 0, PE_MASK);
		return box_run(b, cpu) == (int64_t)event;
	}
}

static void one_cell(const struct kind *k, unsigned row, unsigned action, unsigned nr, unsigned by)
{
	const struct cell *cell = &rows[row].cell[action];
	unsigned state = rows[row].state;
	struct box b;
	uint64_t event;
	int64_t answer;

	box_init(&b, nr);
	event = reach(&b, k, state);
	/* Another PE runs nothing: only the one in the handler completes and asks for registers. */
	if (by && (action == A_COMPLETE || action == A_RESUME || action == A_CONTEXT)) {
		assert_int_equal(act(&b, k, by, action, event), DENIED);
		assert_int_equal(box_call(&b, by, STATUS, event), state);
		box_finish(&b);
		return;
	}
	if (by) /* it may take events, too */
		box_call(&b, by, PE_UNMASK);
	answer = act(&b, k, by, action, event);
	if (answer != INT64_MIN) {
		if (answer != cell->answer)
			print_error("event 0x%x state %u action %u by %u\n", (unsigned)event, state,
				    action, by);
		assert_int_equal(answer, cell->answer);
		assert_int_equal(box_call(&b, 0, STATUS, event), cell->then);
		/* A private event of one PE is nothing to the others. */
		if (nr > 1)
			assert_int_equal(box_call(&b, 1, STATUS, event),
					 k->shared ? cell->then : 0);
	}
	box_finish(&b);
}

static void every_cell(unsigned nr)
{
	for (unsigned kind = 0; kind < sizeof(kinds) / sizeof(kinds[0]); kind++) {
		for (unsigned row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
			for (unsigned action = 0; action < NR_A; action++) {
				for (unsigned by = 0; by < (kinds[kind].shared ? nr : 1); by++)
					one_cell(&kinds[kind], row, action, nr, by);
			}
		}
	}
}

static void one_pe(void **state)
{
	every_cell(1);
}

static void two_pes(void **state)
{
	every_cell(2);
}

static void eight_pes(void **state)
{
	every_cell(8);
}

/* The other PE registers a private event of its own in each state of the first's. */
static void private_states_are_apart(void **state)
{
	for (unsigned row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
		struct box b;
		uint64_t event;

		box_init(&b, 2);
		event = reach(&b, &kinds[5], rows[row].state);
		assert_int_equal(
		    box_call(&b, 1, REGISTER, event, 0ull + ENTRY + 4, 0ull + ARGUMENT), OK);
		assert_int_equal(box_call(&b, 1, ENABLE, event), OK);
		assert_int_equal(box_call(&b, 1, PE_UNMASK), OK);
		box_line(&b, 1, INTID_PPI, true);
		assert_int_equal(box_run(&b, 1), event);
		assert_int_equal(b.cpu[1].f.pc, ENTRY + 4);
		assert_int_equal(box_call(&b, 0, STATUS, event), rows[row].state);
		assert_int_equal(box_call(&b, 0, RELEASE, event), DENIED);
		box_finish(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_pe),
	    cmocka_unit_test(two_pes),
	    cmocka_unit_test(eight_pes),
	    cmocka_unit_test(private_states_are_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
