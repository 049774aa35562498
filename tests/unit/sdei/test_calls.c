/* SPDX-License-Identifier: MIT */
/*
 * What the calls say to wrong arguments, in the order in which they look, and the answers of those
 * that only ask. Binding and the resets.
 */
#include "box.h"

#include <errno.h>

enum { ENTRY = 0x8000, ARGUMENT = 0x77 };

#define EV(n)	 ((uint64_t)AM_SDEI_EVENT_##n)
#define BOUND(n) (EV(BOUND) + (n))

static const uint64_t no_events[] = {1,		0xf,	    0x14,	 0x3fffffff,
				     BOUND(16), 0x80000000, 0x100000000, UINT64_MAX};

#define EACH_NO_EVENT                                  \
	unsigned n_ = 0;                               \
	n_ < sizeof(no_events) / sizeof(no_events[0]); \
	n_++
#define NO_EVENT no_events[n_]

static int64_t simple_register(struct box *b, unsigned cpu, uint64_t event)
{
	return box_call(b, cpu, REGISTER, event, 0ull + ENTRY, 0ull + ARGUMENT);
}

static void closed_gate(void **state)
{
	struct box b;
	struct sdei_frame f = {.x = {0xc4000020}};

	box_init(&b, 1);
	assert_int_equal(box_set(&b, 0, AM_SDEI_GATE, 0), -EBUSY);
	assert_int_equal(sdei_set_reg(b.cpu[0].pe, AM_SDEI_GATE, 0, false), 0);
	for (unsigned n = 0; n < NR_FUNCTIONS; n++) {
		f.x[0] = 0xc4000020 + n;
		assert_int_equal(sdei_call(b.cpu[0].pe, &f), SDEI_RETURN);
		assert_int_equal(f.x[0], NOT_SUPPORTED);
	}
	assert_int_equal(sdei_raise(b.s, AM_SDEI_EVENT_SOFTWARE, AM_SDEI_ANY), -ENODEV);
	box_finish(&b);
}

static void functions(void **state)
{
	struct box b;

	box_init(&b, 1);
	assert_int_equal(box_call(&b, 0, VERSION), 0x1000100000000);
	for (unsigned n = NR_FUNCTIONS; n < 32; n++)
		assert_int_equal(box_call(&b, 0, n), NOT_SUPPORTED);
	assert_false(sdei_is_call(0xc400001f));
	assert_true(sdei_is_call(0xc4000020));
	assert_true(sdei_is_call(0xc400003f));
	assert_false(sdei_is_call(0xc4000040));
	assert_false(sdei_is_call(0x84000020));
	assert_int_equal(box_call(&b, 0, FEATURES, 0ull), 12 << 16 | 4);
	assert_int_equal(box_call(&b, 0, FEATURES, 1ull), 0);
	assert_int_equal(box_call(&b, 0, FEATURES, 2ull), INVALID);
	assert_int_equal(box_call(&b, 0, FEATURES, UINT64_MAX), INVALID);
	box_finish(&b);
}

static void events(void **state)
{
	struct box b;

	box_init(&b, 2);
	for (EACH_NO_EVENT) {
		assert_int_equal(simple_register(&b, 0, NO_EVENT), INVALID);
		assert_int_equal(box_call(&b, 0, ENABLE, NO_EVENT), INVALID);
		assert_int_equal(box_call(&b, 0, DISABLE, NO_EVENT), INVALID);
		assert_int_equal(box_call(&b, 0, UNREGISTER, NO_EVENT), INVALID);
		assert_int_equal(box_call(&b, 0, STATUS, NO_EVENT), INVALID);
		assert_int_equal(box_call(&b, 0, GET_INFO, NO_EVENT, 0ull), INVALID);
		assert_int_equal(box_call(&b, 0, ROUTING_SET, NO_EVENT, 0ull), INVALID);
		assert_int_equal(box_call(&b, 0, RELEASE, NO_EVENT), INVALID);
		assert_int_equal(box_call(&b, 0, SIGNAL, NO_EVENT, box_affinity(0)), INVALID);
	}
	for (unsigned n = 0; n < 21; n++) {
		uint64_t event = n ? n < 5 ? 0xf + n : BOUND(n - 5) : 0;

		assert_int_equal(box_call(&b, 0, STATUS, event), 0);
		assert_int_equal(box_call(&b, 0, GET_INFO, event, 0ull), n == 3 || n == 4 || n > 8);
		assert_int_equal(box_call(&b, 0, GET_INFO, event, 1ull), n == 0);
		assert_int_equal(box_call(&b, 0, GET_INFO, event, 2ull), n == 2 || n == 4);
	}
	box_finish(&b);
}

static void register_arguments(void **state)
{
	struct box b;
	uint64_t e = EV(SHARED), there = box_affinity(1), nowhere = 0x55;

	box_init(&b, 2);
	assert_int_equal(box_call(&b, 0, REGISTER, e, 0ull), INVALID);
	for (unsigned n = 1; n < 4; n++)
		assert_int_equal(box_call(&b, 0, REGISTER, e, 0ull + ENTRY + n), INVALID);
	for (unsigned n = 1; n < 64; n++)
		assert_int_equal(
		    box_call(&b, 0, REGISTER, e, 0ull + ENTRY, 0ull, UINT64_C(1) << n, there),
		    INVALID);
	assert_int_equal(box_call(&b, 0, REGISTER, e, 0ull + ENTRY, 0ull, 1ull, nowhere), INVALID);
	assert_int_equal(box_call(&b, 0, REGISTER, e, 0ull + ENTRY, 0ull, 1ull, there | 1ull << 31),
			 INVALID);
	/* Routed to any: the affinity does not matter. A private event: nor does the mode. */
	assert_int_equal(box_call(&b, 0, REGISTER, e, 0ull + ENTRY, 0ull, 0ull, nowhere), OK);
	assert_int_equal(box_call(&b, 0, REGISTER, EV(PRIVATE), 0ull + ENTRY, 0ull, 1ull, nowhere),
			 OK);
	/* What is wrong is said before what is not the time for. */
	assert_int_equal(box_call(&b, 0, REGISTER, e, 0ull), INVALID);
	assert_int_equal(simple_register(&b, 0, e), DENIED);
	assert_int_equal(simple_register(&b, 0, BOUND(0)), DENIED);
	assert_int_equal(simple_register(&b, 0, BOUND(15)), DENIED);
	box_finish(&b);
}

static void routing(void **state)
{
	struct box b;
	uint64_t e = EV(SHARED), there = box_affinity(1);

	box_init(&b, 2);
	assert_int_equal(box_call(&b, 0, GET_INFO, e, 3ull), DENIED);
	assert_int_equal(box_call(&b, 0, GET_INFO, e, 4ull), DENIED);
	assert_int_equal(box_call(&b, 0, GET_INFO, e, 5ull), INVALID);
	assert_int_equal(box_call(&b, 0, ROUTING_SET, e, 0ull), DENIED);
	assert_int_equal(box_call(&b, 0, ROUTING_SET, e, 2ull), INVALID);
	assert_int_equal(box_call(&b, 0, ROUTING_SET, e, 1ull, 0x99ull), INVALID);
	assert_int_equal(box_call(&b, 0, ROUTING_SET, EV(PRIVATE), 0ull), INVALID);
	assert_int_equal(box_call(&b, 0, GET_INFO, EV(PRIVATE), 3ull), INVALID);
	assert_int_equal(simple_register(&b, 0, e), OK);
	assert_int_equal(box_call(&b, 0, GET_INFO, e, 3ull), 0);
	assert_int_equal(box_call(&b, 0, GET_INFO, e, 4ull), INVALID);
	assert_int_equal(box_call(&b, 0, ROUTING_SET, e, 1ull, there), OK);
	assert_int_equal(box_call(&b, 1, GET_INFO, e, 3ull), 1);
	assert_int_equal(box_call(&b, 1, GET_INFO, e, 4ull), there);
	assert_int_equal(box_call(&b, 0, ROUTING_SET, e, 0ull, 0x99ull), OK);
	assert_int_equal(box_call(&b, 0, GET_INFO, e, 3ull), 0);
	assert_int_equal(box_call(&b, 0, UNREGISTER, e), OK);
	assert_int_equal(box_call(&b, 0, REGISTER, e, 0ull + ENTRY, 0ull, 1ull, box_affinity(0)),
			 OK);
	assert_int_equal(box_call(&b, 1, GET_INFO, e, 4ull), box_affinity(0));
	box_finish(&b);
}

static void context_and_completion(void **state)
{
	struct box b;

	box_init(&b, 1);
	assert_int_equal(box_call(&b, 0, CONTEXT, 18ull), INVALID);
	assert_int_equal(box_call(&b, 0, CONTEXT, 17ull), DENIED);
	assert_int_equal(box_complete(&b, 0, 0), SDEI_RETURN);
	assert_int_equal(b.cpu[0].f.x[0], DENIED);
	assert_int_equal(box_resume(&b, 0, 0x1000), SDEI_RETURN);
	assert_int_equal(b.cpu[0].f.x[0], DENIED);
	assert_int_equal(simple_register(&b, 0, 0), OK);
	assert_int_equal(box_call(&b, 0, ENABLE, 0ull), OK);
	assert_int_equal(box_call(&b, 0, PE_UNMASK), OK);
	assert_int_equal(box_call(&b, 0, SIGNAL, 0ull, box_affinity(0)), OK);
	assert_int_equal(box_run(&b, 0), 0);
	assert_int_equal(box_call(&b, 0, CONTEXT, 18ull), INVALID);
	assert_int_equal(box_resume(&b, 0, 0x1002), SDEI_RETURN);
	assert_int_equal(b.cpu[0].f.x[0], DENIED);
	assert_int_equal(box_call(&b, 0, STATUS, 0ull), 7);
	assert_int_equal(box_resume(&b, 0, 0x1000), SDEI_RESUME);
	box_finish(&b);
}

static void masking(void **state)
{
	struct box b;

	box_init(&b, 1);
	assert_int_equal(box_call(&b, 0, PE_MASK), 0);
	assert_int_equal(box_call(&b, 0, PE_UNMASK), 0);
	assert_int_equal(box_call(&b, 0, PE_UNMASK), 0);
	assert_int_equal(box_call(&b, 0, PE_MASK), 1);
	assert_int_equal(box_call(&b, 0, PE_MASK), 0);
	box_finish(&b);
}

static void signals(void **state)
{
	struct box b;

	box_init(&b, 2);
	assert_int_equal(box_call(&b, 0, SIGNAL, EV(PRIVATE), box_affinity(0)), INVALID);
	assert_int_equal(box_call(&b, 0, SIGNAL, 0ull, 0x1234ull), INVALID);
	assert_int_equal(box_call(&b, 0, SIGNAL, 0ull, box_affinity(1) | 1ull << 24), INVALID);
	/* Lost, since it comes before the registration; and the caller cannot tell. */
	assert_int_equal(box_call(&b, 0, SIGNAL, 0ull, box_affinity(1)), OK);
	assert_int_equal(simple_register(&b, 1, 0), OK);
	assert_int_equal(box_call(&b, 1, ENABLE, 0ull), OK);
	assert_int_equal(box_call(&b, 1, PE_UNMASK), OK);
	assert_int_equal(box_run(&b, 1), -1);
	assert_int_equal(b.cpu[1].kicks, 0);
	assert_int_equal(box_call(&b, 0, SIGNAL, 0ull, box_affinity(1)), OK);
	assert_int_equal(b.cpu[1].kicks, 1);
	assert_int_equal(box_run(&b, 0), -1);
	assert_int_equal(box_run(&b, 1), 0);
	box_finish(&b);
}

/* ---- Binding ---- */

static void bind_numbers(void **state)
{
	static const uint64_t no_intids[] = {0, 15, 64, 1019, 1020, 8192, 0x100000010, UINT64_MAX};
	struct box b;

	box_init(&b, 2);
	for (unsigned n = 0; n < sizeof(no_intids) / sizeof(no_intids[0]); n++)
		assert_int_equal(box_call(&b, 0, BIND, no_intids[n]), INVALID);
	assert_int_equal(box_call(&b, 0, BIND, 31ull), DENIED);
	for (unsigned n = 0; n < 4; n++) {
		assert_int_equal(box_call(&b, n % 2, BIND, 20ull + n), BOUND(n));
		assert_int_equal(box_call(&b, 0, BIND, 20ull + n), BOUND(n));
	}
	assert_int_equal(box_call(&b, 0, BIND, 24ull), NO_RESOURCE);
	for (unsigned n = 0; n < 12; n++)
		assert_int_equal(box_call(&b, n % 2, BIND, 40ull + n), BOUND(4 + n));
	assert_int_equal(box_call(&b, 0, BIND, 60ull), NO_RESOURCE);
	assert_int_equal(box_call(&b, 1, BIND, 45ull), BOUND(9));
	assert_int_equal(box_call(&b, 0, RELEASE, BOUND(9)), OK);
	assert_int_equal(box_call(&b, 0, RELEASE, BOUND(9)), INVALID);
	assert_int_equal(box_call(&b, 0, RELEASE, 0ull), INVALID);
	assert_int_equal(box_call(&b, 0, RELEASE, EV(SHARED)), INVALID);
	assert_int_equal(box_call(&b, 0, BIND, 60ull), BOUND(9));
	box_finish(&b);
}

static void active_interrupts(void **state)
{
	struct box b;

	box_init(&b, 2);
	assert_int_equal(box_call(&b, 0, BIND, 40ull), BOUND(4));
	assert_int_equal(box_call(&b, 0, BIND, 20ull), BOUND(0));
	/* The guest is in its own handler of the interrupt. */
	b.spi[8].active = true;
	b.cpu[1].ppi[4].active = true;
	assert_int_equal(simple_register(&b, 0, BOUND(4)), DENIED);
	assert_int_equal(box_call(&b, 0, RELEASE, BOUND(4)), DENIED);
	assert_int_equal(simple_register(&b, 1, BOUND(0)), DENIED);
	assert_int_equal(simple_register(&b, 0, BOUND(0)), OK);
	assert_int_equal(box_call(&b, 0, UNREGISTER, BOUND(0)), OK);
	assert_int_equal(box_call(&b, 0, RELEASE, BOUND(0)), DENIED);
	b.spi[8].active = false;
	b.cpu[1].ppi[4].active = false;
	assert_int_equal(box_call(&b, 0, RELEASE, BOUND(0)), OK);
	assert_int_equal(simple_register(&b, 0, BOUND(4)), OK);
	assert_true(b.spi[8].diverted);
	assert_int_equal(box_call(&b, 0, UNREGISTER, BOUND(4)), OK);
	assert_false(b.spi[8].diverted);
	box_finish(&b);
}

/* An edge from before the registration is none of the handler's business; a high level is. */
static void pending_before(void **state)
{
	struct box b;

	box_init(&b, 1);
	assert_int_equal(box_call(&b, 0, PE_UNMASK), OK);
	b.spi[1].level = true;
	for (uint64_t intid = 32; intid < 34; intid++) {
		uint64_t e = BOUND(4) + intid - 32;

		box_line(&b, 0, (unsigned)intid, true);
		assert_int_equal(box_call(&b, 0, BIND, intid), e);
		assert_int_equal(simple_register(&b, 0, e), OK);
		assert_int_equal(box_call(&b, 0, ENABLE, e), OK);
		assert_int_equal(box_run(&b, 0), intid == 32 ? -1 : (int64_t)e);
	}
	/* The handler does not quiet the device: again, until it does. */
	assert_int_equal(box_complete(&b, 0, 0), SDEI_REPLACE);
	assert_int_equal(box_run(&b, 0), BOUND(5));
	box_line(&b, 0, 33, false);
	assert_int_equal(box_complete(&b, 0, 0), SDEI_REPLACE);
	assert_int_equal(box_run(&b, 0), -1);
	/* A level that goes away before it is delivered was not there. */
	box_line(&b, 0, 33, true);
	assert_true(sdei_due(b.cpu[0].pe));
	box_line(&b, 0, 33, false);
	assert_int_equal(box_run(&b, 0), -1);
	assert_false(sdei_due(b.cpu[0].pe));
	/* An edge while the handler runs, and one before ENABLE, are kept. */
	box_line(&b, 0, 32, false);
	assert_int_equal(box_call(&b, 0, DISABLE, BOUND(4)), OK);
	box_line(&b, 0, 32, true);
	assert_int_equal(box_run(&b, 0), -1);
	assert_int_equal(box_call(&b, 0, ENABLE, BOUND(4)), OK);
	assert_int_equal(box_run(&b, 0), BOUND(4));
	box_line(&b, 0, 32, false);
	box_line(&b, 0, 32, true);
	assert_int_equal(box_run(&b, 0), -1);
	assert_int_equal(box_complete(&b, 0, 0), SDEI_REPLACE);
	assert_int_equal(box_run(&b, 0), BOUND(4));
	/* Unregistered by its handler: the interrupt is the guest's when the handler has ended. */
	assert_int_equal(box_call(&b, 0, UNREGISTER, BOUND(4)), PENDING);
	assert_true(b.spi[0].diverted && b.spi[0].active);
	assert_int_equal(box_complete(&b, 0, 0), SDEI_REPLACE);
	assert_true(!b.spi[0].diverted && !b.spi[0].active);
	box_finish(&b);
}

/* ---- Resets ---- */

static void private_reset(void **state)
{
	struct box b;

	box_init(&b, 2);
	assert_int_equal(box_call(&b, 0, BIND, 20ull), BOUND(0));
	for (unsigned cpu = 0; cpu < 2; cpu++) {
		assert_int_equal(simple_register(&b, cpu, 0), OK);
		assert_int_equal(simple_register(&b, cpu, EV(PRIVATE)), OK);
		assert_int_equal(simple_register(&b, cpu, BOUND(0)), OK);
	}
	assert_int_equal(simple_register(&b, 0, EV(SHARED)), OK);
	assert_int_equal(box_call(&b, 0, ENABLE, 0ull), OK);
	assert_int_equal(box_call(&b, 0, PE_UNMASK), OK);
	assert_int_equal(sdei_raise(b.s, 0, box_affinity(0)), 0);
	assert_int_equal(box_run(&b, 0), 0);
	assert_int_equal(box_call(&b, 0, PRIVATE_RESET), DENIED);
	assert_int_equal(box_call(&b, 0, STATUS, 0ull), 4);
	assert_int_equal(box_call(&b, 0, STATUS, EV(PRIVATE)), 0);
	assert_int_equal(box_call(&b, 0, STATUS, BOUND(0)), 0);
	assert_int_equal(box_call(&b, 0, STATUS, EV(SHARED)), 1);
	assert_int_equal(box_call(&b, 1, STATUS, EV(PRIVATE)), 1);
	assert_int_equal(box_call(&b, 1, STATUS, BOUND(0)), 1);
	assert_int_equal(box_complete(&b, 0, 0), SDEI_REPLACE);
	assert_int_equal(box_call(&b, 0, PRIVATE_RESET), OK);
	assert_int_equal(box_call(&b, 0, STATUS, 0ull), 0);
	box_finish(&b);
}

static void shared_reset(void **state)
{
	struct box b;

	box_init(&b, 2);
	assert_int_equal(box_call(&b, 0, BIND, 20ull), BOUND(0));
	assert_int_equal(box_call(&b, 0, BIND, 21ull), BOUND(1));
	assert_int_equal(box_call(&b, 0, BIND, 40ull), BOUND(4));
	assert_int_equal(simple_register(&b, 1, BOUND(0)), OK);
	assert_int_equal(simple_register(&b, 1, BOUND(4)), OK);
	assert_int_equal(simple_register(&b, 0, EV(SHARED)), OK);
	assert_int_equal(box_call(&b, 0, ENABLE, EV(SHARED)), OK);
	assert_int_equal(box_call(&b, 1, PE_UNMASK), OK);
	assert_int_equal(sdei_raise(b.s, AM_SDEI_EVENT_SHARED, AM_SDEI_ANY), 0);
	assert_int_equal(box_run(&b, 1), EV(SHARED));
	/* In use: what runs, and the PPI that CPU 1 has registered. The rest goes. */
	assert_int_equal(box_call(&b, 0, SHARED_RESET), DENIED);
	assert_int_equal(box_call(&b, 0, STATUS, EV(SHARED)), 4);
	assert_int_equal(box_call(&b, 0, STATUS, BOUND(4)), 0);
	assert_int_equal(box_get(&b, 0, AM_SDEI_SLOT_INTERRUPT(5)), 20);
	assert_int_equal(box_get(&b, 0, AM_SDEI_SLOT_INTERRUPT(6)), 0);
	assert_int_equal(box_get(&b, 0, AM_SDEI_SLOT_INTERRUPT(9)), 0);
	assert_int_equal(box_complete(&b, 1, 0), SDEI_REPLACE);
	assert_int_equal(box_call(&b, 0, SHARED_RESET), DENIED);
	assert_int_equal(box_call(&b, 1, PRIVATE_RESET), OK);
	assert_int_equal(box_call(&b, 0, SHARED_RESET), OK);
	assert_int_equal(box_get(&b, 0, AM_SDEI_SLOT_INTERRUPT(5)), 0);
	box_finish(&b);
}

static void pe_reset(void **state)
{
	struct box b;

	box_init(&b, 2);
	assert_int_equal(box_call(&b, 0, BIND, 40ull), BOUND(4));
	assert_int_equal(simple_register(&b, 0, BOUND(4)), OK);
	assert_int_equal(box_call(&b, 0, ENABLE, BOUND(4)), OK);
	assert_int_equal(simple_register(&b, 0, EV(PRIVATE_CRITICAL)), OK);
	assert_int_equal(box_call(&b, 0, ENABLE, EV(PRIVATE_CRITICAL)), OK);
	assert_int_equal(box_call(&b, 0, PE_UNMASK), OK);
	box_line(&b, 0, 40, true);
	assert_int_equal(box_run(&b, 0), BOUND(4));
	assert_int_equal(sdei_raise(b.s, AM_SDEI_EVENT_PRIVATE_CRITICAL, box_affinity(0)), 0);
	assert_int_equal(box_run(&b, 0), EV(PRIVATE_CRITICAL));
	box_line(&b, 0, 40, false);
	box_line(&b, 0, 40, true); /* for whoever can take it */
	assert_int_equal(box_call(&b, 1, PE_UNMASK), OK);
	sdei_pe_reset(b.cpu[0].pe);
	assert_int_equal(b.nr_ended, 2);
	assert_int_equal(b.ended[0].event, EV(PRIVATE_CRITICAL));
	assert_int_equal(b.ended[1].event, BOUND(4));
	assert_int_equal(b.ended[0].status, AM_SDEI_ABANDONED);
	assert_int_equal(box_call(&b, 0, PE_MASK), 0);
	assert_int_equal(box_call(&b, 0, STATUS, EV(PRIVATE_CRITICAL)), 0);
	assert_int_equal(box_call(&b, 0, CONTEXT, 0ull), DENIED);
	assert_int_equal(box_call(&b, 0, STATUS, BOUND(4)), 3);
	assert_int_equal(box_run(&b, 1), BOUND(4));
	box_finish(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(closed_gate),    cmocka_unit_test(functions),
	    cmocka_unit_test(events),	      cmocka_unit_test(register_arguments),
	    cmocka_unit_test(routing),	      cmocka_unit_test(context_and_completion),
	    cmocka_unit_test(masking),	      cmocka_unit_test(signals),
	    cmocka_unit_test(bind_numbers),   cmocka_unit_test(active_interrupts),
	    cmocka_unit_test(pending_before), cmocka_unit_test(private_reset),
	    cmocka_unit_test(shared_reset),   cmocka_unit_test(pe_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
