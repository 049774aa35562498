/* SPDX-License-Identifier: MIT */
/* Arguments that are wrong, calls that ask, and resets (DEN0054 5.1). */
#include "guest.h"

#define NOBODY UINT64_C(0x77) /* an affinity that no CPU has */
#define ENTRY  ENTRY_NORMAL

static void numbers(void)
{
	u64 version = (u64)sdei(VERSION);

	check_eq(version >> 32, 0x10001);
	for (u64 n = SDEI_SHARED_RESET + 1; n < 0x20; n++)
		check_eq(call(SDEI_FUNCTION(n), 0, 0, 0, 0, 0), NOT_SUPPORTED);
	/* Only 64-bit calls exist. */
	check_eq(call(0x84000020, 0, 0, 0, 0, 0), NOT_SUPPORTED);
	check_eq(sdei(FEATURES, 1), 0);
	check_eq(sdei(FEATURES, 2), INVALID);
	check_eq(sdei(FEATURES, UINT64_MAX), INVALID);
	note((u64)sdei(FEATURES, 0));
	note(version);
}

static void no_such_event(void)
{
	static const u64 events[] = {
	    1, 0xf, 0x14, 0x3fffffff, FIRST_BOUND + 16, 0x80000000, UINT64_C(1) << 32, UINT64_MAX};

	for (unsigned n = 0; n < ARRAY_SIZE(events); n++) {
		u64 e = events[n];

		check_eq(sdei(REGISTER, e, ENTRY, 0, 0, 0), INVALID);
		check_eq(sdei(ENABLE, e), INVALID);
		check_eq(sdei(DISABLE, e), INVALID);
		check_eq(sdei(UNREGISTER, e), INVALID);
		check_eq(sdei(STATUS, e), INVALID);
		check_eq(sdei(GET_INFO, e, 0), INVALID);
		check_eq(sdei(ROUTING_SET, e, 0, 0), INVALID);
		check_eq(sdei(RELEASE, e), INVALID);
		check_eq(sdei(SIGNAL, e, 0), INVALID);
	}
	/* A slot for interrupts that none is bound to. */
	check_eq(sdei(REGISTER, FIRST_BOUND, ENTRY, 0, 0, 0), DENIED);
	check_eq(sdei(ENABLE, FIRST_BOUND), DENIED);
	check_eq(sdei(STATUS, FIRST_BOUND), 0);
	check_eq(sdei(RELEASE, FIRST_BOUND), INVALID);
}

static void wrong_arguments(void)
{
	check_eq(sdei(REGISTER, PRIVATE, 0, 0, 0, 0), INVALID);
	check_eq(sdei(REGISTER, PRIVATE, ENTRY + 2, 0, 0, 0), INVALID);
	check_eq(sdei(REGISTER, PRIVATE, ENTRY, 0, 2, 0), INVALID); /* relative mode */
	check_eq(sdei(REGISTER, PRIVATE, ENTRY, 0, 4, 0), INVALID);
	check_eq(sdei(REGISTER, SHARED_NORMAL, ENTRY, 0, 1, NOBODY), INVALID);
	check_eq(sdei(REGISTER, SHARED_NORMAL, ENTRY, 0, 1, UINT64_C(1) << 24), INVALID);
	check_eq(sdei(STATUS, PRIVATE), 0);
	check_eq(sdei(STATUS, SHARED_NORMAL), 0);
	/* Where a private event goes is no question. */
	check_eq(sdei(REGISTER, PRIVATE, ENTRY, 0, 1, NOBODY), 0);
	check_eq(sdei(ROUTING_SET, PRIVATE, 0, 0), INVALID);
	check_eq(sdei(REGISTER, SHARED_NORMAL, ENTRY, 0, 0, NOBODY), 0);
	check_eq(sdei(ROUTING_SET, SHARED_NORMAL, 2, 0), INVALID);
	check_eq(sdei(ROUTING_SET, SHARED_NORMAL, 1, NOBODY), INVALID);
	check_eq(sdei(ROUTING_SET, SHARED_NORMAL, 0, NOBODY), 0);
	check_eq(sdei(SIGNAL, SOFTWARE, NOBODY), INVALID);
	check_eq(sdei(SIGNAL, PRIVATE, 0), INVALID);
	check_eq(sdei(CONTEXT, 0), DENIED);
	check_eq(sdei(CONTEXT, 18), INVALID);
	check_eq(sdei(COMPLETE, 0), DENIED);
	check_eq(sdei(RESUME, (u64)resume_here), DENIED);
}

static void binding(void)
{
	i64 a, b;

	check_eq(sdei(BIND, 0), INVALID);
	check_eq(sdei(BIND, 15), INVALID);
	check_eq(sdei(BIND, NR_IRQS), INVALID);
	check_eq(sdei(BIND, 1020), INVALID);
	check_eq(sdei(BIND, 8192), INVALID);
	check_eq(sdei(BIND, UINT64_MAX), INVALID);
	a = sdei(BIND, 20);
	b = sdei(BIND, 40);
	check(a >= FIRST_BOUND && b >= FIRST_BOUND && a != b);
	check_eq(sdei(BIND, 20), a);
	check_eq(sdei(GET_INFO, a, 0), 0);
	check_eq(sdei(GET_INFO, b, 0), 1);
	check_eq(sdei(RELEASE, a), 0);
	check_eq(sdei(RELEASE, a), INVALID);
	check_eq(sdei(RELEASE, b), 0);
	for (u64 n = 0, slots = (u64)sdei(FEATURES, 0); n <= (slots >> 16); n++) {
		a = sdei(BIND, 40 + n);
		if (n == slots >> 16)
			check_eq(a, OUT_OF_RESOURCE);
		else
			check(a >= FIRST_BOUND);
	}
	for (u64 n = 0, slots = (u64)sdei(FEATURES, 0); n <= (slots & 0xffff); n++) {
		a = sdei(BIND, 16 + n);
		if (n == (slots & 0xffff))
			check_eq(a, OUT_OF_RESOURCE);
		else
			check(a >= FIRST_BOUND);
	}
	check_eq(sdei(SHARED_RESET), 0);
	check(sdei(BIND, 59) >= FIRST_BOUND); /* all of them are free again */
}

static void information(void)
{
	static const struct {
		u64 event;
		unsigned shared, signaled, critical;
	} events[] = {{SOFTWARE, 0, 1, 0},
		      {PRIVATE, 0, 0, 0},
		      {PRIVATE_CRITICAL, 0, 0, 1},
		      {SHARED_NORMAL, 1, 0, 0},
		      {SHARED_CRITICAL, 1, 0, 1}};

	for (unsigned n = 0; n < ARRAY_SIZE(events); n++) {
		u64 e = events[n].event;
		i64 unregistered = events[n].shared ? DENIED : INVALID;

		check_eq(sdei(GET_INFO, e, 0), events[n].shared);
		check_eq(sdei(GET_INFO, e, 1), events[n].signaled);
		check_eq(sdei(GET_INFO, e, 2), events[n].critical);
		check_eq(sdei(GET_INFO, e, 3), unregistered);
		check_eq(sdei(GET_INFO, e, 4), unregistered);
		check_eq(sdei(GET_INFO, e, 5), INVALID);
	}
	check_eq(event_register(SHARED_NORMAL, nr_cpus() - 1), 0);
	check_eq(sdei(GET_INFO, SHARED_NORMAL, 3), 1);
	check_eq(sdei(GET_INFO, SHARED_NORMAL, 4), nr_cpus() - 1);
	check_eq(sdei(ROUTING_SET, SHARED_NORMAL, 0, 0), 0);
	check_eq(sdei(GET_INFO, SHARED_NORMAL, 3), 0);
	check_eq(sdei(GET_INFO, SHARED_NORMAL, 4), INVALID);
}

/* ---- Resets ---- */

static void private_reset_here(u64 unused)
{
	event_set_up(SOFTWARE, ROUTE_ANY);
	event_set_up(PRIVATE, ROUTE_ANY);
	check_eq(sdei(PRIVATE_RESET), 0);
	check_eq(sdei(STATUS, SOFTWARE), 0);
	check_eq(sdei(STATUS, PRIVATE), 0);
}

/* What runs goes on, and is unregistered when it is done; the others are at once. */
static void reset_in_handler(struct record *r)
{
	bool shared = r->x[0] == SHARED_NORMAL;

	check_eq(shared ? sdei(SHARED_RESET) : sdei(PRIVATE_RESET), DENIED);
	check_eq(sdei(STATUS, r->x[0]), RUNNING);
	check_eq(sdei(STATUS, shared ? SHARED_CRITICAL : PRIVATE_CRITICAL), 0);
	check_eq(sdei(STATUS, shared ? PRIVATE : SHARED_NORMAL), REGISTERED | ENABLED);
}

static void resets(void)
{
	struct cpu *c = self();

	run_on_all(private_reset_here, 0);
	/* Those of other CPUs and shared ones stay. */
	event_set_up(SHARED_NORMAL, ROUTE_ANY);
	event_set_up(PRIVATE, ROUTE_ANY);
	if (nr_cpus() > 1)
		run_on(1, private_reset_here, 0);
	check_eq(sdei(STATUS, PRIVATE), REGISTERED | ENABLED);
	check_eq(sdei(STATUS, SHARED_NORMAL), REGISTERED | ENABLED);
	event_set_up(PRIVATE_CRITICAL, ROUTE_ANY);
	event_set_up(SHARED_CRITICAL, ROUTE_ANY);
	check_eq(sdei(PE_UNMASK), 0);
	c->act[0] = reset_in_handler;
	check_eq(raise(PRIVATE), 0);
	expect_seen(1);
	check_eq(sdei(STATUS, PRIVATE), 0);
	event_set_up(PRIVATE, ROUTE_ANY);
	check_eq(raise(SHARED_NORMAL | RAISE_ANY), 0);
	expect_seen(2);
	check_eq(sdei(STATUS, SHARED_NORMAL), 0);
	check_eq(sdei(STATUS, PRIVATE), REGISTERED | ENABLED);
}

const struct test call_tests[] = {
    {"calls: numbers, version, features", numbers, 1},
    {"calls: events that do not exist", no_such_event, 1},
    {"calls: wrong arguments", wrong_arguments, 1},
    {"calls: binding and releasing", binding, 1},
    {"calls: information", information, 1},
    {"calls: resets", resets, 1},
    {NULL, NULL, 0},
};
