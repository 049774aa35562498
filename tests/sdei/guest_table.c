/* SPDX-License-Identifier: MIT */
/*
 * Every cell of the table of an event's states and what can be done then, by each kind of event
 * and on each CPU: the answer, the state after it, and the state when a handler that ran is done.
 */
#include "guest.h"

/* States are what EVENT_STATUS says. */
enum { R = RUNNING, E = ENABLED, G = REGISTERED };

enum action {
	REGISTER,
	ENABLE,
	DISABLE,
	UNREGISTER,
	ROUTING_SET,
	CONTEXT,
	COMPLETE,
	RESUME,
	RELEASE,
	DISPATCH,
	NR_ACTIONS
};

static const unsigned states[] = {0, R, G, R | G, E | G, R | E | G};

struct cell {
	i64 answer;
	unsigned next;
};

#define NO(state)             \
	{                     \
		DENIED, state \
	}

static const struct cell table[NR_ACTIONS][8] = {
    [REGISTER] = {[0] = {0, G},
		  [R] = NO(R),
		  [G] = NO(G),
		  [R | G] = NO(R | G),
		  [E | G] = NO(E | G),
		  [R | E | G] = NO(R | E | G)},
    [ENABLE] = {[0] = NO(0),
		[R] = NO(R),
		[G] = {0, E | G},
		[R | G] = {0, R | E | G},
		[E | G] = {0, E | G},
		[R | E | G] = {0, R | E | G}},
    [DISABLE] = {[0] = NO(0),
		 [R] = NO(R),
		 [G] = {0, G},
		 [R | G] = {0, R | G},
		 [E | G] = {0, G},
		 [R | E | G] = {0, R | G}},
    [UNREGISTER] = {[0] = NO(0),
		    [R] = {PENDING, R},
		    [G] = {0, 0},
		    [R | G] = {PENDING, R},
		    [E | G] = {0, 0},
		    [R | E | G] = {PENDING, R}},
    [ROUTING_SET] =
	{[0] = NO(0),
	 [R] = NO(R),
	 [G] = {0, G},
	 [R | G] = NO(R | G),
	 [E | G] = NO(E | G),
	 [R | E | G] = NO(R | E | G)},
    [CONTEXT] = {[0] = NO(0),
		 [R] = {0, R},
		 [G] = NO(G),
		 [R | G] = {0, R | G},
		 [E | G] = NO(E | G),
		 [R | E | G] = {0, R | E | G}},
    /* When nothing runs; else they end the handler, as all others do when they are done. */
    [COMPLETE] = {[0] = NO(0),
		  [R] = {0, R},
		  [G] = NO(G),
		  [R | G] = {0, R | G},
		  [E | G] = NO(E | G),
		  [R | E | G] = {0, R | E | G}},
    [RESUME] = {[0] = NO(0),
		[R] = {0, R},
		[G] = NO(G),
		[R | G] = {0, R | G},
		[E | G] = NO(E | G),
		[R | E | G] = {0, R | E | G}},
    [RELEASE] = {[0] = {0, 0},
		 [R] = NO(R),
		 [G] = NO(G),
		 [R | G] = NO(R | G),
		 [E | G] = NO(E | G),
		 [R | E | G] = NO(R | E | G)},
    /* Raised: who takes it is seen later. */
    [DISPATCH] = {[0] = {0, 0},
		  [R] = {0, R},
		  [G] = {0, G},
		  [R | G] = {0, R | G},
		  [E | G] = {0, E | G},
		  [R | E | G] = {0, R | E | G}},
};

struct kind {
	u64 event;
	bool shared;
	unsigned intid; /* 0: not bound */
};

/* One for each CPU that is at it. */
static struct job {
	struct kind kind;
	unsigned state, route, caller;
	enum action action;
	struct cell want;
	bool registers; /* whether what is raised in this state has somebody who wants it */
} jobs[MAX_CPUS];

#define AGAIN (-11) /* am_sdei_inject(): nobody registered it */

static void raise_kind(const struct job *j)
{
	if (j->kind.intid) {
		gic_set_pending(j->kind.intid);
		return;
	}
	if (j->kind.event == SOFTWARE) {
		check_eq(signal((unsigned)self()->number), 0);
		return;
	}
	check_eq(raise(j->kind.event | (j->kind.shared ? RAISE_ANY : CPU_TO(self()->number)) |
		       (j->caller ? RAISE_ATTR : 0)),
		 j->registers ? 0 : AGAIN);
}

/* What does not need to be done by the handler itself. */
static void do_action(u64 argument)
{
	const struct job *j = (const struct job *)argument;
	u64 event = j->kind.event;
	i64 answer;

	switch (j->action) {
	case REGISTER:
		answer = event_register(event, j->route);
		break;
	case ENABLE:
		answer = sdei(ENABLE, event);
		break;
	case DISABLE:
		answer = sdei(DISABLE, event);
		break;
	case UNREGISTER:
		answer = sdei(UNREGISTER, event);
		break;
	case ROUTING_SET:
		answer = sdei(ROUTING_SET, event, 1, j->route == ROUTE_ANY ? 0 : j->route);
		break;
	case RELEASE:
		answer = sdei(RELEASE, event);
		break;
	case DISPATCH:
		raise_kind(j);
		return;
	default:
		return;
	}
	check_eq(answer, j->want.answer);
	note((u64)answer);
}

/* Those that need to be: the others are done by any CPU if the event is shared. */
static void do_here(const struct job *j, struct record *r)
{
	i64 answer = 0;

	switch (j->action) {
	case CONTEXT:
		answer = sdei(CONTEXT, 17);
		if (r && !j->kind.intid)
			check_eq(answer, RAISE_MARK);
		if (r)
			answer = 0;
		break;
	case COMPLETE:
		if (!r)
			answer = sdei(COMPLETE, 0);
		break;
	case RESUME:
		if (r) {
			r->function = SDEI_FUNCTION(SDEI_RESUME);
			r->argument = (u64)resume_here;
		} else {
			answer = sdei(RESUME, (u64)resume_here);
		}
		break;
	default:
		run_on(j->caller, do_action, (u64)j);
		return;
	}
	check_eq(answer, j->want.answer);
	note((u64)answer);
}

static void in_handler(struct record *r)
{
	struct cpu *c = self();
	struct job *j = &jobs[c->number];
	u64 event = j->kind.event;

	c->act[is_critical(event)] = NULL; /* once */
	if (!(j->state & G))
		check_eq(sdei(UNREGISTER, event), PENDING);
	else if (!(j->state & E))
		check_eq(sdei(DISABLE, event), 0);
	check_eq(sdei(STATUS, event), j->state);
	do_here(j, r);
	check_eq(sdei(STATUS, event), j->want.next);
	note((u64)sdei(STATUS, event));
	check_eq(c->nr_seen, 1);
}

/* What was raised: delivered now, as soon as it is enabled, or never. */
static void follow(const struct job *j)
{
	u64 event = j->kind.event;
	unsigned before = j->state & R ? 1 : 0;

	switch (j->state & ~(unsigned)R) {
	case 0:
		expect_seen(before);
		event_set_up(event, j->route);
		expect_seen(before);
		break;
	case G:
		expect_seen(before);
		check_eq(sdei(ENABLE, event), 0);
		expect_seen(before + 1);
		break;
	default:
		expect_seen(before + 1);
	}
}

static void adjust(struct job *j)
{
	j->want = table[j->action][j->state];
	j->registers = j->state & G;
	if ((j->action == ROUTING_SET && !j->kind.shared) ||
	    (j->action == RELEASE && !j->kind.intid))
		j->want = (struct cell){INVALID, j->state};
}

static void cell(struct job *j)
{
	struct cpu *c = self();
	u64 event = j->kind.event;

	adjust(j);
	forget_seen();
	if (j->state)
		check_eq(event_register(event, j->route), 0);
	if (j->state & (R | E))
		check_eq(sdei(ENABLE, event), 0);
	if (j->state & R) {
		struct job first = *j;

		first.registers = true;
		c->act[is_critical(event)] = in_handler;
		raise_kind(&first);
		wait_until(load(&c->nr_seen));
		wait_until(!(sdei(STATUS, event) & R));
	} else {
		check_eq(sdei(STATUS, event), j->state);
		do_here(j, NULL);
		if (j->action != DISPATCH)
			check_eq(sdei(STATUS, event), j->want.next);
	}
	check_eq(c->resumed.times, j->action == RESUME && (j->state & R) ? 1 : 0);
	c->resumed.times = 0;
	if (j->action == DISPATCH)
		follow(j);
	else
		check_eq(sdei(STATUS, event), j->want.next & ~(unsigned)R);
	if (sdei(STATUS, event))
		event_clear(event);
	if (j->kind.intid && j->action == RELEASE && !j->want.answer)
		j->kind.event = (u64)sdei(BIND, j->kind.intid);
	note(c->nr_seen);
	c->act[is_critical(event)] = NULL;
}

/* All cells of one kind; shared ones with the action by this CPU, and by the next. */
static void cells(struct kind kind, bool any)
{
	unsigned me = (unsigned)self()->number, callers = kind.shared && nr_cpus() > 1 ? 2 : 1;
	struct job *j = &jobs[me];

	check_eq(sdei(PE_UNMASK), 0);
	j->kind = kind;
	j->route = any || !kind.shared ? ROUTE_ANY : me;
	for (unsigned n = 0; n < ARRAY_SIZE(states) * NR_ACTIONS * callers; n++) {
		j->state = states[n / NR_ACTIONS / callers];
		j->action = (enum action)(n / callers % NR_ACTIONS);
		j->caller = (me + n % callers) % nr_cpus();
		cell(j);
	}
	check_eq(sdei(PE_MASK), 1);
}

static void private_cells(u64 event)
{
	cells((struct kind){event, false, 0}, false);
}

/* At the same time on all CPUs: each has its own. */
static void software(void)
{
	run_on_all(private_cells, SOFTWARE);
}

static void private_normal(void)
{
	run_on_all(private_cells, PRIVATE);
}

static void private_critical(void)
{
	run_on_all(private_cells, PRIVATE_CRITICAL);
}

/* One after the other. */
static void each(void (*work)(u64 argument), u64 argument)
{
	for (unsigned n = 0; n < nr_cpus(); n++)
		run_on(n, work, argument);
}

static void shared_cells(u64 event)
{
	cells((struct kind){event, true, 0}, false);
	cells((struct kind){event, true, 0}, true);
}

static void shared_normal(void)
{
	each(shared_cells, SHARED_NORMAL);
}

static void shared_critical(void)
{
	each(shared_cells, SHARED_CRITICAL);
}

static void bound_cells(u64 intid)
{
	i64 event = sdei(BIND, intid);

	check(event >= FIRST_BOUND);
	gic_set_edge((unsigned)intid, true);
	cells((struct kind){(u64)event, intid >= 32, (unsigned)intid}, false);
	check_eq(sdei(BIND, intid), event);
	check_eq(sdei(RELEASE, event), 0);
}

/* Where an interrupt comes in between two instructions is not the same each time. */
static void bound_ppi(void)
{
	each(bound_cells, 20);
}

static void bound_spi(void)
{
	each(bound_cells, 40);
}

const struct test table_tests[] = {
    {"table: the software event", software, 1},
    {"table: a private event", private_normal, 1},
    {"table: a private critical event", private_critical, 1},
    {"table: a shared event", shared_normal, 1},
    {"table: a shared critical event", shared_critical, 1},
    {"table: a bound PPI", bound_ppi, 1},
    {"table: a bound SPI", bound_spi, 1},
    {NULL, NULL, 0},
};
