/* SPDX-License-Identifier: MIT */
/* Which event comes when: masked, one in the other's handler, to which CPU, in which order. */
#include "guest.h"

static void set_up_all(unsigned route)
{
	event_set_up(SOFTWARE, ROUTE_ANY);
	event_set_up(PRIVATE, ROUTE_ANY);
	event_set_up(PRIVATE_CRITICAL, ROUTE_ANY);
	event_set_up(SHARED_NORMAL, route);
	event_set_up(SHARED_CRITICAL, route);
}

static void set_up_private(u64 unused)
{
	event_set_up(SOFTWARE, ROUTE_ANY);
	event_set_up(PRIVATE, ROUTE_ANY);
	event_set_up(PRIVATE_CRITICAL, ROUTE_ANY);
	check_eq(sdei(PE_UNMASK), 0);
}

static u64 mine(u64 event)
{
	return event | CPU_TO(self()->number);
}

static void check_order(const u64 *events, unsigned nr)
{
	struct cpu *c = self();

	expect_seen(nr);
	for (unsigned n = 0; n < nr; n++)
		check_eq(c->seen[n], events[n]);
	forget_seen();
}

/* ---- Masked ---- */

static void after_unmask(struct record *r)
{
	/* Between the call that let it in and the next instruction, with the call's answer. */
	check_eq(r->x[2], (u64)raise_called);
	check_eq(sdei(CONTEXT, 0), 0);
	check_eq(sdei(CONTEXT, 17), RAISE_MARK);
}

static void masked_here(u64 unused)
{
	static const u64 order[] = {PRIVATE_CRITICAL, SHARED_CRITICAL, SOFTWARE, PRIVATE,
				    SHARED_NORMAL};
	struct cpu *c = self();

	set_up_all((unsigned)c->number);
	for (unsigned attr = 0; attr < 2; attr++) {
		u64 by = attr ? RAISE_ATTR : 0;

		/* Raised twice is pending once. */
		for (unsigned n = 0; n < 2; n++) {
			check_eq(raise(SHARED_NORMAL | RAISE_ANY | by), 0);
			check_eq(raise(mine(PRIVATE) | by), 0);
			check_eq(signal((unsigned)c->number), 0);
			check_eq(raise(SHARED_CRITICAL | RAISE_ANY | by), 0);
			check_eq(raise(mine(PRIVATE_CRITICAL) | by), 0);
		}
		expect_seen(0);
		c->act[0] = c->act[1] = after_unmask;
		check_eq(raise_call(SDEI_FUNCTION(SDEI_PE_UNMASK), 0, 0), 0);
		check_order(order, ARRAY_SIZE(order));
		check_eq(sdei(PE_UNMASK), 0);
		expect_seen(0);
		check_eq(sdei(PE_MASK), 1);
		check_eq(sdei(PE_MASK), 0);
	}
	c->act[0] = c->act[1] = NULL;
	check_eq(sdei(PRIVATE_RESET), 0);
	check_eq(sdei(SHARED_RESET), 0);
}

static void masked(void)
{
	for (unsigned n = 0; n < nr_cpus(); n++)
		run_on(n, masked_here, 0);
}

static void disabled_here(u64 unused)
{
	static const u64 order[] = {PRIVATE_CRITICAL, PRIVATE};

	check_eq(event_register(PRIVATE, ROUTE_ANY), 0);
	check_eq(event_register(PRIVATE_CRITICAL, ROUTE_ANY), 0);
	check_eq(sdei(PE_UNMASK), 0);
	check_eq(raise(mine(PRIVATE)), 0);
	check_eq(raise(mine(PRIVATE_CRITICAL)), 0);
	/* DISABLE takes back nothing. */
	check_eq(sdei(DISABLE, PRIVATE), 0);
	expect_seen(0);
	check_eq(sdei(ENABLE, PRIVATE_CRITICAL), 0);
	expect_seen(1);
	check_eq(sdei(ENABLE, PRIVATE), 0);
	check_order(order, 2);
	/* UNREGISTER does. */
	check_eq(sdei(DISABLE, PRIVATE), 0);
	check_eq(raise(mine(PRIVATE)), 0);
	check_eq(sdei(UNREGISTER, PRIVATE), 0);
	event_set_up(PRIVATE, ROUTE_ANY);
	expect_seen(0);
}

static void disabled(void)
{
	run_on_all(disabled_here, 0);
}

/* ---- Nesting ---- */

/* cpu.word */
enum { W_DEPTH, W_NEST_PC, W_RESUME, W_LEFT };

static void nested_critical(struct record *r)
{
	struct cpu *c = self();

	if (r->x[0] == SHARED_CRITICAL) {
		/* Before what the first has interrupted went on. */
		check_eq(r->x[2], c->word[W_NEST_PC]);
		check_eq(sdei(STATUS, PRIVATE_CRITICAL), REGISTERED | ENABLED);
		check_eq(sdei(STATUS, PRIVATE), REGISTERED | ENABLED | RUNNING);
		return;
	}
	if (c->word[W_DEPTH]++)
		return; /* the one raised here */
	c->word[W_NEST_PC] = (u64)(c->word[W_RESUME] ? resume_here : raise_stored);
	check_eq(r->x[2], (u64)raise_stored);
	check_eq(r->x[3] & ~UINT64_C(0xf0000000), 0x3c5 | r->pan);
	check_eq(sdei(CONTEXT, 17), RAISE_MARK);
	check_eq(sdei(CONTEXT, 1), mine(PRIVATE_CRITICAL));
	check_eq(sdei(STATUS, PRIVATE), REGISTERED | ENABLED | RUNNING);
	check_eq(sdei(STATUS, PRIVATE_CRITICAL), REGISTERED | ENABLED | RUNNING);
	/* The depth is two at most. */
	check_eq(raise(SHARED_CRITICAL | RAISE_ANY), 0);
	check_eq(signal((unsigned)c->number), 0);
	check_eq(raise(mine(PRIVATE_CRITICAL)), 0);
	check_eq(c->nr_seen, 2);
	if (c->word[W_RESUME]) {
		r->function = SDEI_FUNCTION(SDEI_RESUME);
		r->argument = (u64)resume_here;
	}
}

static void nesting_normal(struct record *r)
{
	struct cpu *c = self();
	u64 pc = r->x[2];

	if (r->x[0] != PRIVATE)
		return;
	check_eq(raise(mine(PRIVATE)), 0);
	check_eq(raise(SHARED_NORMAL | RAISE_ANY), 0);
	check_eq(c->nr_seen, 1);
	check_eq(raise(mine(PRIVATE_CRITICAL)), 0);
	check_eq(c->nr_seen, 4);
	/* This handler's own record and context are as before. */
	check_eq(r->x[2], pc);
	check_eq(sdei(CONTEXT, 17), RAISE_MARK);
	check_eq(sdei(CONTEXT, 1), mine(PRIVATE));
	check_eq(sdei(STATUS, PRIVATE_CRITICAL), REGISTERED | ENABLED);
	c->act[0] = NULL;
}

static void nest_here(u64 resume)
{
	/* The lowest number first of those that wait. */
	static const u64 order[] = {PRIVATE,  PRIVATE_CRITICAL, PRIVATE_CRITICAL, SHARED_CRITICAL,
				    SOFTWARE, PRIVATE,		SHARED_NORMAL};
	struct cpu *c = self();

	set_up_all((unsigned)c->number);
	check_eq(sdei(PE_UNMASK), 0);
	c->word[W_RESUME] = resume;
	c->word[W_DEPTH] = 0;
	c->act[0] = nesting_normal;
	c->act[1] = nested_critical;
	check_eq(raise(mine(PRIVATE)), 0);
	check_order(order, ARRAY_SIZE(order));
	check_eq(c->resumed.times, resume);
	if (resume) {
		check_eq(c->resumed.elr, (u64)raise_stored);
		check_eq(c->resumed.spsr & 0x3cf, 0x3c5);
	}
	check_eq(sdei(PE_MASK), 1);
	check_eq(sdei(PRIVATE_RESET), 0);
	check_eq(sdei(SHARED_RESET), 0);
	c->resumed.times = 0;
}

static void nesting(void)
{
	for (unsigned n = 0; n < nr_cpus(); n++)
		run_on(n, nest_here, 0);
}

static void nesting_resume(void)
{
	for (unsigned n = 0; n < nr_cpus(); n++)
		run_on(n, nest_here, 1);
}

/* PE_MASK in a handler: it goes on, no other gets in. */
static void masks_itself(struct record *r)
{
	struct cpu *c = self();

	if (r->x[0] != PRIVATE)
		return;
	check_eq(sdei(PE_MASK), 1);
	check_eq(raise(mine(PRIVATE_CRITICAL)), 0);
	check_eq(c->nr_seen, 1);
	check_eq(sdei(STATUS, PRIVATE), REGISTERED | ENABLED | RUNNING);
	if (c->word[W_LEFT])
		return;
	check_eq(sdei(PE_UNMASK), 0);
	check_eq(c->nr_seen, 2);
}

static void mask_in_handler_here(u64 unused)
{
	static const u64 order[] = {PRIVATE, PRIVATE_CRITICAL};
	struct cpu *c = self();

	set_up_private(0);
	c->act[0] = masks_itself;
	for (unsigned left = 0; left < 2; left++) {
		c->word[W_LEFT] = left;
		check_eq(raise(mine(PRIVATE)), 0);
		if (left) {
			/* COMPLETE does not unmask. */
			expect_seen(1);
			check_eq(sdei(PE_UNMASK), 0);
		}
		check_order(order, 2);
	}
}

static void mask_in_handler(void)
{
	run_on_all(mask_in_handler_here, 0);
}

/* ---- Several CPUs ---- */

/* Every CPU signals every CPU. */
static void signal_all(u64 unused)
{
	for (unsigned n = 0; n < nr_cpus(); n++)
		check_eq(signal(n), 0);
}

static void forget(u64 unused)
{
	forget_seen();
}

static void signals(void)
{
	run_on_all(set_up_private, 0);
	for (unsigned n = 0; n < nr_cpus(); n++) {
		run_on(n, signal_all, 0);
		for (unsigned to = 0; to < nr_cpus(); to++) {
			wait_until(load(&cpus[to].nr_seen) == n + 1);
			check_eq(cpus[to].seen[n], SOFTWARE);
		}
	}
	run_on_all(forget, 0);
}

/* All at the same time: at least one arrives from the last of them, and no more than were sent. */
static void signal_storm(void)
{
	for (unsigned n = 0; n < nr_cpus(); n++)
		cpus[n].quiet = true;
	run_on_all(set_up_private, 0);
	for (unsigned round = 0; round < 20; round++) {
		run_on_all(forget, 0);
		run_on_all(signal_all, 0);
		for (unsigned n = 0; n < nr_cpus(); n++) {
			wait_until(load(&cpus[n].nr_seen));
			check(cpus[n].nr_seen <= nr_cpus());
		}
	}
}

/* A private event is one on each CPU. */
static void register_one(u64 enable)
{
	check_eq(event_register(PRIVATE, ROUTE_ANY), 0);
	if (enable)
		check_eq(sdei(ENABLE, PRIVATE), 0);
	check_eq(sdei(PE_UNMASK), 0);
}

static void check_status(u64 status)
{
	check_eq(sdei(STATUS, PRIVATE), status);
}

static void independent(void)
{
	run_on(1, register_one, 1);
	check_eq(sdei(STATUS, PRIVATE), 0);
	check_eq(raise(PRIVATE | CPU_TO(0)), -11);
	check_eq(raise(PRIVATE | CPU_TO(77)), -6); /* ENXIO */
	check_eq(raise(PRIVATE | CPU_TO(1)), 0);
	wait_until(load(&cpus[1].nr_seen) == 1);
	run_on(0, register_one, 0);
	run_on(1, check_status, REGISTERED | ENABLED);
	/* Whoever takes it at once. */
	check_eq(raise(PRIVATE | RAISE_ANY), 0);
	wait_until(load(&cpus[1].nr_seen) == 2);
	check_eq(self()->nr_seen, 0);
	event_clear(PRIVATE);
	run_on(1, check_status, REGISTERED | ENABLED);
}

static void unmask(u64 unused)
{
	check_eq(sdei(PE_UNMASK), 0);
}

static void mask(u64 unused)
{
	check_eq(sdei(PE_MASK), 1);
}

/* A shared event goes where it is routed, and if to anyone, to one that is not masked. */
static void routing(void)
{
	unsigned nr = nr_cpus();

	run_on_all(unmask, 0);
	check_eq(event_register(SHARED_NORMAL, nr - 1), 0);
	check_eq(sdei(ENABLE, SHARED_NORMAL), 0);
	for (unsigned n = 0; n < nr; n++) {
		check_eq(sdei(DISABLE, SHARED_NORMAL), 0);
		check_eq(sdei(ROUTING_SET, SHARED_NORMAL, 1, n), 0);
		/* The handler may be anywhere, but all see the same registration. */
		check_eq(sdei(ENABLE, SHARED_NORMAL), 0);
		check_eq(raise(SHARED_NORMAL | RAISE_ANY), 0);
		wait_until(load(&cpus[n].nr_seen) == 1);
		wait_until(sdei(STATUS, SHARED_NORMAL) == (REGISTERED | ENABLED));
	}
	for (unsigned n = 0; n < nr; n++)
		check_eq(cpus[n].nr_seen, 1);
	/* Pending for a masked one: stays. To anyone instead: goes. */
	run_on(nr - 1, mask, 0);
	check_eq(raise(SHARED_NORMAL | RAISE_ANY), 0);
	expect_seen(1);
	run_on(nr - 1, unmask, 0);
	wait_until(load(&cpus[nr - 1].nr_seen) == 2);
	wait_until(sdei(STATUS, SHARED_NORMAL) == (REGISTERED | ENABLED));
	check_eq(sdei(DISABLE, SHARED_NORMAL), 0);
	check_eq(sdei(ROUTING_SET, SHARED_NORMAL, 0, 0), 0);
	check_eq(sdei(ENABLE, SHARED_NORMAL), 0);
	for (unsigned n = 0; n < nr; n++)
		run_on(n, mask, 0);
	check_eq(raise(SHARED_NORMAL | RAISE_ANY), 0);
	expect_seen(1);
	run_on(nr - 1, unmask, 0);
	wait_until(load(&cpus[nr - 1].nr_seen) == 3);
	run_on(nr - 1, mask, 0);
}

/* A shared event runs on one CPU at a time; another can ask, disable and unregister meanwhile. */
static void wait_told(struct record *r)
{
	struct cpu *c = self();

	store(&c->word[0], 1);
	wait_until(load(&c->word[1]));
}

static void one_at_a_time(void)
{
	struct cpu *other = &cpus[1];

	event_set_up(SHARED_NORMAL, ROUTE_ANY);
	other->act[0] = wait_told;
	run_on(1, unmask, 0);
	check_eq(raise(SHARED_NORMAL | RAISE_ANY), 0);
	wait_until(load(&other->word[0]));
	check_eq(sdei(PE_UNMASK), 0);
	check_eq(sdei(STATUS, SHARED_NORMAL), REGISTERED | ENABLED | RUNNING);
	check_eq(sdei(CONTEXT, 0), DENIED); /* not here */
	check_eq(sdei(COMPLETE, 0), DENIED);
	check_eq(raise(SHARED_NORMAL | RAISE_ANY), 0);
	expect_seen(0);
	check_eq(sdei(UNREGISTER, SHARED_NORMAL), PENDING);
	check_eq(sdei(STATUS, SHARED_NORMAL), RUNNING);
	check_eq(event_register(SHARED_NORMAL, ROUTE_ANY), DENIED);
	check_eq(raise(SHARED_NORMAL | RAISE_ANY), -11);
	store(&other->word[1], 1);
	wait_until(sdei(STATUS, SHARED_NORMAL) == 0);
	event_set_up(SHARED_NORMAL, ROUTE_ANY);
	expect_seen(0);
	check_eq(other->nr_seen, 1);
}

const struct test flow_tests[] = {
    {"flow: raised while masked", masked, 1},
    {"flow: raised while disabled", disabled, 1},
    {"flow: critical over normal, and what waits", nesting, 1},
    {"flow: the same, by COMPLETE_AND_RESUME", nesting_resume, 1},
    {"flow: a handler that masks", mask_in_handler, 1},
    {"flow: signals from each CPU to each", signals, 1},
    {"flow: signals at the same time", signal_storm, 1},
    {"flow: a private event is each CPU's own", independent, 2},
    {"flow: routes of a shared event", routing, 2},
    {"flow: a shared event runs once", one_at_a_time, 2},
    {NULL, NULL, 0},
};
