/* SPDX-License-Identifier: MIT */
/*
 * Who gets which event when, what a handler finds in its registers, and what comes back: priorities
 * and nesting, routes, masks, raising from the host, and the callbacks.
 */
#include "box.h"

#include <errno.h>
#include <string.h>

#define EV(n) ((uint64_t)AM_SDEI_EVENT_##n)

static void listen(struct box *b, unsigned cpu, uint64_t event)
{
	assert_int_equal(box_call(b, cpu, REGISTER, event, 0x8000 + event * 16, event + 5), OK);
	assert_int_equal(box_call(b, cpu, ENABLE, event), OK);
}

static void raise_event(struct box *b, uint64_t event, uint64_t target)
{
	assert_int_equal(sdei_raise(b->s, (uint32_t)event, target), 0);
}

static void entry_and_complete(void **state)
{
	struct box b;
	struct sdei_frame before, *f = &b.cpu[0].f;

	box_init(&b, 1);
	listen(&b, 0, EV(PRIVATE));
	assert_int_equal(box_call(&b, 0, PE_UNMASK), OK);
	raise_event(&b, EV(PRIVATE), AM_SDEI_ANY);
	f->pstate = 0x80000000; /* EL0, interrupts on */
	f->elr_el1 = 0x1111;
	f->spsr_el1 = 0x2222;
	before = *f;
	assert_int_equal(box_run(&b, 0), EV(PRIVATE));
	assert_int_equal(f->x[0], EV(PRIVATE));
	assert_int_equal(f->x[1], EV(PRIVATE) + 5);
	assert_int_equal(f->x[2], before.pc);
	assert_int_equal(f->x[3], 0x80000000);
	for (unsigned n = 4; n < 18; n++)
		assert_int_equal(f->x[n], 0);
	assert_int_equal(f->pc, 0x8000 + EV(PRIVATE) * 16);
	assert_int_equal(f->pstate, f->el1_pstate);
	assert_int_equal(f->elr_el1, 0x1111);
	assert_int_equal(f->spsr_el1, 0x2222);
	assert_false(sdei_due(b.cpu[0].pe));
	for (unsigned n = 0; n < 18; n++)
		assert_int_equal(box_call(&b, 0, CONTEXT, 0ull + n), before.x[n]);
	assert_int_equal(box_complete(&b, 0, 0), SDEI_REPLACE);
	assert_memory_equal(f, &before, sizeof(before));
	assert_int_equal(b.nr_ended, 1);
	assert_int_equal(b.ended[0].status, AM_SDEI_HANDLED);
	assert_int_equal(b.ended[0].event, EV(PRIVATE));

	raise_event(&b, EV(PRIVATE), AM_SDEI_ANY);
	assert_int_equal(box_run(&b, 0), EV(PRIVATE));
	assert_int_equal(box_complete(&b, 0, 1), SDEI_REPLACE);
	assert_int_equal(b.ended[1].status, AM_SDEI_FAILED);

	raise_event(&b, EV(PRIVATE), AM_SDEI_ANY);
	assert_int_equal(box_run(&b, 0), EV(PRIVATE));
	assert_int_equal(box_resume(&b, 0, 0xc000), SDEI_RESUME);
	assert_memory_equal(f->x, before.x, sizeof(f->x));
	assert_int_equal(f->pc, 0xc000);
	assert_int_equal(f->pstate, f->el1_pstate);
	assert_int_equal(f->elr_el1, before.pc);
	assert_int_equal(f->spsr_el1, before.pstate);
	assert_int_equal(b.ended[2].status, AM_SDEI_HANDLED);
	box_finish(&b);
}

/* A critical handler in a normal one, and back through both. */
static void nesting(void **state)
{
	struct box b;
	struct sdei_frame first, second;

	box_init(&b, 1);
	listen(&b, 0, 0);
	listen(&b, 0, EV(PRIVATE));
	listen(&b, 0, EV(PRIVATE_CRITICAL));
	listen(&b, 0, EV(SHARED_CRITICAL));
	listen(&b, 0, EV(SHARED));
	assert_int_equal(box_call(&b, 0, PE_UNMASK), OK);
	raise_event(&b, EV(SHARED), AM_SDEI_ANY);
	first = b.cpu[0].f;
	assert_int_equal(box_run(&b, 0), EV(SHARED));
	raise_event(&b, 0, AM_SDEI_ANY);
	assert_int_equal(box_run(&b, 0), -1);
	raise_event(&b, EV(SHARED_CRITICAL), AM_SDEI_ANY);
	raise_event(&b, EV(PRIVATE_CRITICAL), AM_SDEI_ANY);
	second = b.cpu[0].f;
	assert_int_equal(box_run(&b, 0), EV(PRIVATE_CRITICAL));
	assert_int_equal(box_run(&b, 0), -1);
	/* The innermost one's context, and completion. */
	assert_int_equal(box_call(&b, 0, CONTEXT, 0ull), second.x[0]);
	assert_int_equal(box_complete(&b, 0, 0), SDEI_REPLACE);
	assert_memory_equal(&b.cpu[0].f, &second, sizeof(second));
	assert_int_equal(box_run(&b, 0), EV(SHARED_CRITICAL));
	assert_int_equal(box_complete(&b, 0, 0), SDEI_REPLACE);
	assert_memory_equal(&b.cpu[0].f, &second, sizeof(second));
	assert_int_equal(box_run(&b, 0), -1);
	assert_int_equal(box_call(&b, 0, CONTEXT, 5ull), first.x[5]);
	assert_int_equal(box_complete(&b, 0, 0), SDEI_REPLACE);
	assert_memory_equal(&b.cpu[0].f, &first, sizeof(first));
	assert_int_equal(box_run(&b, 0), 0);
	box_finish(&b);
}

/* All pending at once: critical first, then by number. */
static void order(void **state)
{
	static const uint32_t sorted[] = {0x11, 0x13, 0x0, 0x10, 0x12};
	struct box b;

	box_init(&b, 1);
	for (unsigned n = 5; n-- > 0;) {
		listen(&b, 0, sorted[n]);
		raise_event(&b, sorted[n], AM_SDEI_ANY);
	}
	assert_int_equal(box_run(&b, 0), -1);
	assert_int_equal(box_call(&b, 0, PE_UNMASK), OK);
	for (unsigned n = 0; n < 5; n++) {
		assert_int_equal(box_run(&b, 0), sorted[n]);
		assert_int_equal(box_complete(&b, 0, 0), SDEI_REPLACE);
	}
	assert_int_equal(box_run(&b, 0), -1);
	box_finish(&b);
}

/* Once more while it runs: once more, however often. PE_MASK does not end a handler. */
static void again(void **state)
{
	struct box b;

	box_init(&b, 1);
	listen(&b, 0, 0);
	assert_int_equal(box_call(&b, 0, PE_UNMASK), OK);
	raise_event(&b, 0, AM_SDEI_ANY);
	assert_int_equal(box_run(&b, 0), 0);
	for (unsigned n = 0; n < 3; n++)
		raise_event(&b, 0, AM_SDEI_ANY);
	assert_int_equal(box_call(&b, 0, PE_MASK), 1);
	assert_int_equal(box_run(&b, 0), -1);
	assert_int_equal(box_complete(&b, 0, 0), SDEI_REPLACE);
	assert_int_equal(box_run(&b, 0), -1);
	assert_int_equal(box_call(&b, 0, PE_UNMASK), OK);
	assert_int_equal(box_run(&b, 0), 0);
	assert_int_equal(box_complete(&b, 0, 0), SDEI_REPLACE);
	assert_int_equal(box_run(&b, 0), -1);
	/* Raised in a handler that then unregisters it: lost. */
	raise_event(&b, 0, AM_SDEI_ANY);
	assert_int_equal(box_run(&b, 0), 0);
	raise_event(&b, 0, AM_SDEI_ANY);
	assert_int_equal(box_call(&b, 0, UNREGISTER, 0ull), PENDING);
	assert_int_equal(sdei_raise(b.s, 0, AM_SDEI_ANY), -EAGAIN);
	assert_int_equal(box_complete(&b, 0, 0), SDEI_REPLACE);
	listen(&b, 0, 0);
	assert_int_equal(box_run(&b, 0), -1);
	box_finish(&b);
}

/* To any PE: to one of those that can, and only once; passed on when that one cannot. */
static void any_pe(void **state)
{
	struct box b;
	unsigned taken = 0;

	box_init(&b, 3);
	listen(&b, 0, EV(SHARED));
	raise_event(&b, EV(SHARED), AM_SDEI_ANY);
	for (unsigned cpu = 0; cpu < 3; cpu++)
		assert_false(sdei_due(b.cpu[cpu].pe));
	assert_int_equal(box_call(&b, 2, PE_UNMASK), OK);
	assert_true(sdei_due(b.cpu[2].pe));
	assert_int_equal(box_call(&b, 1, PE_UNMASK), OK);
	for (unsigned cpu = 0; cpu < 3; cpu++)
		taken += box_run(&b, cpu) == (int64_t)EV(SHARED);
	assert_int_equal(taken, 1);
	/* CPU 1 runs it, 2 is free: not a second time while it runs. */
	raise_event(&b, EV(SHARED), AM_SDEI_ANY);
	for (unsigned cpu = 0; cpu < 3; cpu++)
		assert_int_equal(box_run(&b, cpu), -1);
	assert_int_equal(box_complete(&b, 1, 0), SDEI_REPLACE);
	/* Due on 1; which masks itself instead of taking it. */
	assert_true(sdei_due(b.cpu[1].pe));
	b.cpu[2].kicks = 0;
	assert_int_equal(box_call(&b, 1, PE_MASK), 1);
	assert_false(sdei_due(b.cpu[1].pe));
	assert_int_equal(b.cpu[2].kicks, 1);
	assert_int_equal(box_run(&b, 2), EV(SHARED));
	assert_int_equal(box_complete(&b, 2, 0), SDEI_REPLACE);
	/* The same when it is reset, or starts another handler. */
	assert_int_equal(box_call(&b, 1, PE_UNMASK), OK);
	raise_event(&b, EV(SHARED), AM_SDEI_ANY);
	sdei_pe_reset(b.cpu[1].pe);
	assert_int_equal(box_run(&b, 2), EV(SHARED));
	assert_int_equal(box_complete(&b, 2, 0), SDEI_REPLACE);
	assert_int_equal(box_call(&b, 1, PE_UNMASK), OK);
	listen(&b, 1, EV(PRIVATE_CRITICAL));
	raise_event(&b, EV(PRIVATE_CRITICAL), box_affinity(1));
	raise_event(&b, EV(SHARED), AM_SDEI_ANY);
	assert_int_equal(box_run(&b, 1), EV(PRIVATE_CRITICAL));
	assert_int_equal(box_run(&b, 2), EV(SHARED));
	box_finish(&b);
}

static void routed(void **state)
{
	struct box b;
	uint64_t e = EV(SHARED_CRITICAL);

	box_init(&b, 3);
	for (unsigned cpu = 0; cpu < 3; cpu++)
		assert_int_equal(box_call(&b, cpu, PE_UNMASK), OK);
	assert_int_equal(box_call(&b, 0, REGISTER, e, 0x8000ull, 0ull, 1ull, box_affinity(2)), OK);
	assert_int_equal(box_call(&b, 0, ENABLE, e), OK);
	raise_event(&b, e, AM_SDEI_ANY);
	assert_int_equal(box_call(&b, 2, PE_MASK), 1);
	assert_int_equal(box_run(&b, 0), -1);
	assert_int_equal(box_run(&b, 1), -1);
	assert_int_equal(box_run(&b, 2), -1);
	assert_int_equal(box_call(&b, 0, DISABLE, e), OK);
	assert_int_equal(box_call(&b, 0, ROUTING_SET, e, 1ull, box_affinity(1)), OK);
	b.cpu[1].kicks = 0;
	assert_int_equal(box_call(&b, 0, ENABLE, e), OK); /* still pending */
	assert_int_equal(b.cpu[1].kicks, 1);
	assert_int_equal(box_run(&b, 0), -1);
	assert_int_equal(box_run(&b, 1), e);
	box_finish(&b);
}

static void host_raises(void **state)
{
	struct box b;

	box_init(&b, 3);
	assert_int_equal(sdei_raise(b.s, 1, AM_SDEI_ANY), -EINVAL);
	assert_int_equal(sdei_raise(b.s, AM_SDEI_EVENT_BOUND, AM_SDEI_ANY), -EINVAL);
	assert_int_equal(sdei_raise(b.s, AM_SDEI_EVENT_BOUND + 4, AM_SDEI_ANY), -EINVAL);
	assert_int_equal(sdei_raise(b.s, UINT32_MAX, AM_SDEI_ANY), -EINVAL);
	assert_int_equal(sdei_raise(b.s, 0, 0x999), -ENXIO);
	assert_int_equal(sdei_raise(b.s, 0, box_affinity(0) | 1 << 30), -ENXIO);
	assert_int_equal(sdei_raise(b.s, 0, box_affinity(0)), -EAGAIN);
	assert_int_equal(sdei_raise(b.s, 0, AM_SDEI_ANY), -EAGAIN);
	assert_int_equal(sdei_raise(b.s, AM_SDEI_EVENT_SHARED, box_affinity(0)), -EINVAL);
	assert_int_equal(sdei_raise(b.s, AM_SDEI_EVENT_SHARED, AM_SDEI_ANY), -EAGAIN);
	/* Any PE, for a private event: the one that takes it at once. */
	assert_int_equal(box_call(&b, 1, REGISTER, 0ull, 0x8000ull), OK);
	listen(&b, 2, 0);
	raise_event(&b, 0, AM_SDEI_ANY);
	assert_int_equal(box_get(&b, 1, AM_SDEI_PENDING), 1);
	assert_int_equal(box_call(&b, 2, PE_UNMASK), OK);
	raise_event(&b, 0, AM_SDEI_ANY);
	assert_int_equal(b.cpu[2].kicks, 1);
	assert_int_equal(box_run(&b, 2), 0);
	box_finish(&b);
}

/* From the callback of one, the next: what asynchronous page faults do. */
static void again_when_handled(void *opaque, void *vcpu, uint32_t event, enum am_sdei_status status)
{
	struct sdei **s = opaque;

	sdei_raise(*s, event, AM_SDEI_ANY);
}

static void no_kick(void *opaque, void *vcpu)
{
}

static void raise_in_callback(void **state)
{
	static const struct sdei_ops ops = {.kick = no_kick, .handled = again_when_handled};
	struct sdei *s;
	struct sdei_pe *pe;
	struct sdei_frame f = {.x = {0xc4000021, 0, 0x8000}};

	assert_int_equal(sdei_create(&ops, &s, &s), 0);
	assert_int_equal(sdei_pe_create(s, NULL, 0, 0, &pe), 0);
	assert_int_equal(sdei_set_reg(pe, AM_SDEI_GATE, 1, false), 0);
	assert_int_equal(sdei_call(pe, &f), SDEI_RETURN);
	assert_int_equal(f.x[0], OK);
	f.x[0] = 0xc4000020 + ENABLE;
	sdei_call(pe, &f);
	f.x[0] = 0xc4000020 + PE_UNMASK;
	sdei_call(pe, &f);
	assert_int_equal(sdei_raise(s, 0, AM_SDEI_ANY), 0);
	for (unsigned n = 0; n < 3; n++) {
		assert_true(sdei_due(pe));
		assert_true(sdei_deliver(pe, &f));
		f.x[0] = 0xc4000020 + COMPLETE;
		assert_int_equal(sdei_call(pe, &f), SDEI_REPLACE);
	}
	/* Without an interrupt controller nothing can be bound. */
	f = (struct sdei_frame){.x = {0xc4000020 + BIND, 40}};
	sdei_call(pe, &f);
	assert_int_equal(f.x[0], INVALID);
	f = (struct sdei_frame){.x = {0xc4000020 + FEATURES, 0}};
	sdei_call(pe, &f);
	assert_int_equal(f.x[0], 0);
	assert_int_equal(sdei_set_reg(pe, AM_SDEI_SLOT_INTERRUPT(9), 40, false), -EINVAL);
	sdei_pe_destroy(pe);
	sdei_destroy(s);
	sdei_pe_destroy(NULL);
	sdei_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(entry_and_complete),
	    cmocka_unit_test(nesting),
	    cmocka_unit_test(order),
	    cmocka_unit_test(again),
	    cmocka_unit_test(any_pe),
	    cmocka_unit_test(routed),
	    cmocka_unit_test(host_raises),
	    cmocka_unit_test(raise_in_callback),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
