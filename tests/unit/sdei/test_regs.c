/* SPDX-License-Identifier: MIT */
/*
 * The registers: the list and its order, what can be written, what the check before a run refuses,
 * and that a handler interrupted by a save and a restore ends as it would have.
 */
#include "box.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_REGS = 256 };

#define ALL    0x1fffffull
#define SHARED 0x1ffe18ull

#define EV(n) ((uint64_t)AM_SDEI_EVENT_##n)

static size_t list(struct box *b, uint16_t *index)
{
	size_t nr = sdei_reg_list(b->s, NULL);

	assert_in_range(nr, 1, MAX_REGS);
	assert_int_equal(sdei_reg_list(b->s, index), nr);
	return nr;
}

static size_t place(const uint16_t *index, size_t nr, unsigned which)
{
	for (size_t n = 0; n < nr; n++) {
		if (index[n] == which)
			return n;
	}
	fail_msg("0x%x is not listed", which);
	return 0;
}

static void the_list(void **state)
{
	struct box b;
	uint16_t index[MAX_REGS];
	size_t nr;
	uint64_t v;
	unsigned found = 0;

	box_init(&b, 2);
	nr = list(&b, index);
	assert_int_equal(nr, 1 + 1 + 16 + 4 * 21 + 2 * 20 + 5);
	assert_int_equal(index[0], AM_SDEI_GATE);
	assert_int_equal(index[nr - 1], AM_SDEI_PE_STATE);
	assert_true(place(index, nr, AM_SDEI_SLOT_INTERRUPT(20)) <
		    place(index, nr, AM_SDEI_REGISTERED));
	assert_true(place(index, nr, AM_SDEI_SLOT_ENTRY(20)) <
		    place(index, nr, AM_SDEI_REGISTERED));
	assert_true(place(index, nr, AM_SDEI_REGISTERED) < place(index, nr, AM_SDEI_ENABLED));
	assert_true(place(index, nr, AM_SDEI_ENABLED) < place(index, nr, AM_SDEI_RUNNING));
	assert_true(place(index, nr, AM_SDEI_RUNNING) < place(index, nr, AM_SDEI_PENDING));
	place(index, nr, AM_SDEI_CONTEXT_PC(1));
	place(index, nr, AM_SDEI_CONTEXT_PSTATE(0));
	place(index, nr, AM_SDEI_CONTEXT_X(1, 17));
	place(index, nr, AM_SDEI_SLOT_ROUTE(20));
	/* What is listed is there, and takes back what it says; nothing else is there. */
	for (unsigned i = 0; i < 0x10000; i++) {
		bool listed = false;

		for (size_t n = 0; n < nr; n++)
			listed |= index[n] == i;
		found += listed;
		assert_int_equal(sdei_get_reg(b.cpu[1].pe, i, &v), listed ? 0 : -ENOENT);
		assert_int_equal(sdei_set_reg(b.cpu[1].pe, i, listed ? v : 0, true),
				 listed ? 0 : -ENOENT);
	}
	assert_int_equal(found, nr); /* none twice */
	assert_int_equal(sdei_check(b.s), 0);
	assert_int_equal(sdei_set_reg(b.cpu[0].pe, AM_SDEI_GATE, 0, false), 0);
	assert_int_equal(list(&b, index), 1);
	assert_int_equal(index[0], AM_SDEI_GATE);
	assert_int_equal(box_get(&b, 0, AM_SDEI_GATE), 0);
	assert_int_equal(sdei_get_reg(b.cpu[0].pe, AM_SDEI_EVENTS, &v), -ENOENT);
	assert_int_equal(box_set(&b, 0, AM_SDEI_PE_STATE, 1), -ENOENT);
	box_finish(&b);
}

static void after_reset(void **state)
{
	struct box b;
	uint16_t index[MAX_REGS];
	size_t nr;

	box_init(&b, 1);
	nr = list(&b, index);
	for (size_t n = 0; n < nr; n++) {
		uint64_t v = box_get(&b, 0, index[n]);

		if (index[n] == AM_SDEI_GATE || index[n] == AM_SDEI_PE_STATE)
			assert_int_equal(v, 1);
		else if (index[n] == AM_SDEI_EVENTS)
			assert_int_equal(v, ALL);
		else if (index[n] >= AM_SDEI_SLOT_EVENT(0) && index[n] < AM_SDEI_SLOT_EVENT(21) &&
			 index[n] % 4 == 0)
			continue;
		else
			assert_int_equal(v, 0);
	}
	assert_int_equal(box_get(&b, 0, AM_SDEI_SLOT_EVENT(0)), 0);
	for (unsigned n = 1; n < 5; n++)
		assert_int_equal(box_get(&b, 0, AM_SDEI_SLOT_EVENT(n)), 0xf + n);
	for (unsigned n = 5; n < 21; n++)
		assert_int_equal(box_get(&b, 0, AM_SDEI_SLOT_EVENT(n)), 0x40000000 + n - 5);
	box_finish(&b);
}

static void gate(void **state)
{
	struct box b;

	box_init(&b, 1);
	assert_int_equal(box_set(&b, 0, AM_SDEI_GATE, 2), -EINVAL);
	assert_int_equal(box_set(&b, 0, AM_SDEI_GATE, 1ull << 63 | 1), -EINVAL);
	assert_int_equal(box_set(&b, 0, AM_SDEI_GATE, 1), 0); /* the same, after a run */
	assert_int_equal(box_set(&b, 0, AM_SDEI_GATE, 0), -EBUSY);
	assert_int_equal(box_get(&b, 0, AM_SDEI_GATE), 1);
	/* Closed and opened again: nothing is left. */
	assert_int_equal(box_set(&b, 0, AM_SDEI_CONTEXT_PC(1), 8), 0);
	assert_int_equal(box_set(&b, 0, AM_SDEI_SLOT_INTERRUPT(9), 40), 0);
	assert_int_equal(box_set(&b, 0, AM_SDEI_SLOT_ENTRY(9), 0x8000), 0);
	assert_int_equal(box_set(&b, 0, AM_SDEI_REGISTERED, 1 << 9), 0);
	assert_int_equal(sdei_check(b.s), 0);
	assert_true(b.spi[8].diverted);
	assert_int_equal(sdei_set_reg(b.cpu[0].pe, AM_SDEI_GATE, 0, false), 0);
	assert_false(b.spi[8].diverted);
	assert_int_equal(box_set(&b, 0, AM_SDEI_GATE, 1), -EBUSY);
	assert_int_equal(sdei_set_reg(b.cpu[0].pe, AM_SDEI_GATE, 1, false), 0);
	assert_int_equal(box_get(&b, 0, AM_SDEI_REGISTERED), 0);
	assert_int_equal(box_get(&b, 0, AM_SDEI_SLOT_INTERRUPT(9)), 0);
	assert_int_equal(box_get(&b, 0, AM_SDEI_CONTEXT_PC(1)), 0);
	box_finish(&b);
}

static void values(void **state)
{
	struct box b;

	box_init(&b, 2);
	assert_int_equal(box_set(&b, 0, AM_SDEI_EVENTS, ALL), 0);
	assert_int_equal(box_set(&b, 0, AM_SDEI_EVENTS, 1), -EINVAL);
	assert_int_equal(box_set(&b, 0, AM_SDEI_SLOT_EVENT(2), 0x11), 0);
	assert_int_equal(box_set(&b, 0, AM_SDEI_SLOT_EVENT(2), 0x12), -EINVAL);
	assert_int_equal(box_set(&b, 0, AM_SDEI_PE_STATE, 2), -EINVAL);
	for (unsigned reg = AM_SDEI_REGISTERED; reg <= AM_SDEI_PENDING; reg++) {
		assert_int_equal(box_set(&b, 0, reg, 1ull << 21), -EINVAL);
		assert_int_equal(box_set(&b, 0, reg, 1ull << 63), -EINVAL);
		assert_int_equal(box_set(&b, 0, reg, 1ull << 20),
				 reg == AM_SDEI_PENDING ? -EINVAL : 0);
		assert_int_equal(box_set(&b, 0, reg, 0), 0);
	}
	assert_int_equal(box_set(&b, 0, AM_SDEI_SLOT_ENTRY(0), 0x8002), -EINVAL);
	assert_int_equal(box_set(&b, 0, AM_SDEI_SLOT_ROUTE(0), AM_SDEI_ROUTE_PE), -EINVAL);
	assert_int_equal(box_set(&b, 0, AM_SDEI_SLOT_ROUTE(3), 1), -EINVAL);
	assert_int_equal(box_set(&b, 0, AM_SDEI_SLOT_ROUTE(3), AM_SDEI_ROUTE_PE | 1 << 24),
			 -EINVAL);
	assert_int_equal(box_set(&b, 0, AM_SDEI_SLOT_ROUTE(3), AM_SDEI_ROUTE_PE | 0xff00ffffff), 0);
	for (unsigned mode = 0; mode < 32; mode++)
		assert_int_equal(box_set(&b, 0, AM_SDEI_CONTEXT_PSTATE(0), 0x80000000u | mode),
				 mode == 0 || mode == 4 || mode == 5 ? 0 : -EINVAL);
	for (unsigned intid = 0; intid < 1100; intid++) {
		assert_int_equal(box_set(&b, 0, AM_SDEI_SLOT_INTERRUPT(8), intid),
				 !intid || (intid > 15 && intid < 32) ? 0 : -EINVAL);
		assert_int_equal(box_set(&b, 0, AM_SDEI_SLOT_INTERRUPT(20), intid),
				 !intid || (intid > 31 && intid < 1020) ? 0 : -EINVAL);
	}
	box_finish(&b);
}

/* Shared slots are the VM's, whichever vCPU is asked; private ones are not. */
static void scope(void **state)
{
	struct box b;

	box_init(&b, 2);
	assert_int_equal(box_set(&b, 0, AM_SDEI_REGISTERED, ALL), 0);
	assert_int_equal(box_get(&b, 1, AM_SDEI_REGISTERED), SHARED);
	assert_int_equal(box_set(&b, 1, AM_SDEI_REGISTERED, 0), 0);
	assert_int_equal(box_get(&b, 0, AM_SDEI_REGISTERED), ALL & ~SHARED);
	for (unsigned n = 0; n < 21; n++) {
		assert_int_equal(box_set(&b, 0, AM_SDEI_SLOT_ENTRY(n), 0x8000), 0);
		assert_int_equal(box_set(&b, 0, AM_SDEI_SLOT_ARGUMENT(n), 7), 0);
		assert_int_equal(box_get(&b, 1, AM_SDEI_SLOT_ENTRY(n)),
				 SHARED >> n & 1 ? 0x8000 : 0);
		assert_int_equal(box_get(&b, 1, AM_SDEI_SLOT_ARGUMENT(n)), SHARED >> n & 1 ? 7 : 0);
	}
	assert_int_equal(box_set(&b, 0, AM_SDEI_RUNNING, 1 << 3), 0);
	assert_int_equal(box_get(&b, 1, AM_SDEI_RUNNING), 0);
	assert_int_equal(box_call(&b, 1, STATUS, 0x12ull), 4);
	assert_int_equal(box_set(&b, 0, AM_SDEI_RUNNING, 0), 0);
	assert_int_equal(box_call(&b, 1, STATUS, 0x12ull), 0);
	box_finish(&b);
}

/* The first vCPU that runs takes all registers into use: others may sleep already. */
static void others_are_woken(void **state)
{
	struct box b;

	box_init(&b, 2);
	assert_int_equal(box_set(&b, 1, AM_SDEI_SLOT_ENTRY(0), 0x8000), 0);
	assert_int_equal(box_set(&b, 1, AM_SDEI_REGISTERED, 1), 0);
	assert_int_equal(box_set(&b, 1, AM_SDEI_ENABLED, 1), 0);
	assert_int_equal(box_set(&b, 1, AM_SDEI_PENDING, 1), 0);
	assert_int_equal(box_set(&b, 1, AM_SDEI_PE_STATE, 0), 0);
	assert_false(sdei_due(b.cpu[1].pe));
	assert_int_equal(sdei_check(b.s), 0);
	assert_int_equal(b.cpu[0].kicks, 0);
	assert_int_equal(b.cpu[1].kicks, 1);
	assert_int_equal(box_run(&b, 1), 0);
	box_finish(&b);
}

/* Each of them alone makes a state that is right into one that is refused. */
static void check(void **state)
{
	static const struct {
		unsigned cpu, reg;
		uint64_t bad, good;
	} wrong[] = {
	    {0, AM_SDEI_ENABLED, 0x6, 0x8},
	    {0, AM_SDEI_PENDING, 0x6, 0x8},
	    {0, AM_SDEI_RUNNING, 0x3, 0x5},	   /* two normal */
	    {0, AM_SDEI_RUNNING, 0x14, 0x5},	   /* two critical */
	    {1, AM_SDEI_RUNNING, 0x8, 0x10},	   /* 3 on both, see below */
	    {0, AM_SDEI_SLOT_ENTRY(3), 0, 0x9000}, /* of what is registered */
	    {1, AM_SDEI_SLOT_ENTRY(0), 0, 0},	   /* not registered: fine */
	    {0, AM_SDEI_SLOT_ROUTE(3), AM_SDEI_ROUTE_PE | 0x1234, 0},
	    {0, AM_SDEI_SLOT_INTERRUPT(9), 0, 41},   /* registered, not bound */
	    {0, AM_SDEI_SLOT_INTERRUPT(9), 900, 41}, /* the VM has no such interrupt */
	    {0, AM_SDEI_SLOT_INTERRUPT(10), 41, 42}, /* twice */
	    {0, AM_SDEI_SLOT_INTERRUPT(5), 31, 20},  /* not the guest's */
	};
	struct box b;

	for (unsigned n = 0; n < sizeof(wrong) / sizeof(wrong[0]); n++) {
		bool twice = wrong[n].cpu == 1 && wrong[n].reg == AM_SDEI_RUNNING;
		bool fine = wrong[n].bad == wrong[n].good;

		box_init(&b, 2);
		assert_int_equal(box_set(&b, 0, AM_SDEI_SLOT_INTERRUPT(9), 41), 0);
		assert_int_equal(box_set(&b, 0, AM_SDEI_SLOT_ENTRY(3), 0x8000), 0);
		assert_int_equal(box_set(&b, 0, AM_SDEI_SLOT_ENTRY(9), 0x8000), 0);
		assert_int_equal(box_set(&b, 0, AM_SDEI_REGISTERED, 1 << 3 | 1 << 9), 0);
		if (twice)
			assert_int_equal(box_set(&b, 0, AM_SDEI_RUNNING, 1 << 3), 0);
		assert_int_equal(sdei_check(b.s), 0);
		assert_int_equal(box_set(&b, wrong[n].cpu, wrong[n].reg, wrong[n].bad), 0);
		for (unsigned again = 0; again < 2; again++) {
			if (sdei_check(b.s) != (fine ? 0 : -EINVAL))
				print_error("row %u\n", n);
			assert_int_equal(sdei_check(b.s), fine ? 0 : -EINVAL);
		}
		assert_int_equal(box_set(&b, wrong[n].cpu, wrong[n].reg, wrong[n].good), 0);
		assert_int_equal(sdei_check(b.s), 0);
		box_finish(&b);
	}
}

/* Registers that do not fit together do no harm to who runs meanwhile. */
static void nonsense(void **state)
{
	struct box b;

	box_init(&b, 2);
	for (unsigned cpu = 0; cpu < 2; cpu++) {
		assert_int_equal(box_set(&b, cpu, AM_SDEI_SLOT_INTERRUPT(5), 31), 0);
		assert_int_equal(box_set(&b, cpu, AM_SDEI_SLOT_INTERRUPT(9), 1019), 0);
		assert_int_equal(box_set(&b, cpu, AM_SDEI_ENABLED, ALL), 0);
		assert_int_equal(box_set(&b, cpu, AM_SDEI_RUNNING, ALL), 0);
		assert_int_equal(box_set(&b, cpu, AM_SDEI_PENDING, 0x1f), 0);
		assert_int_equal(box_set(&b, cpu, AM_SDEI_PE_STATE, 0), 0);
	}
	assert_int_equal(sdei_check(b.s), -EINVAL);
	for (unsigned n = 0; n < 21; n++) {
		box_run(&b, 0);
		assert_int_equal(box_complete(&b, 0, 0), SDEI_REPLACE);
	}
	assert_int_equal(box_complete(&b, 0, 0), SDEI_RETURN);
	sdei_pe_reset(b.cpu[0].pe);
	sdei_pe_reset(b.cpu[1].pe);
	assert_int_equal(box_get(&b, 1, AM_SDEI_RUNNING), 0);
	box_finish(&b);
}

/* ---- Save and restore ---- */

struct saved {
	uint16_t index[MAX_REGS];
	uint64_t v[2][MAX_REGS];
	size_t nr;
};

static void save(struct box *b, struct saved *s)
{
	s->nr = list(b, s->index);
	for (unsigned cpu = 0; cpu < 2; cpu++) {
		for (size_t n = 0; n < s->nr; n++)
			s->v[cpu][n] = box_get(b, cpu, s->index[n]);
	}
}

/* In the list's order, or in another. */
static void restore(struct box *from, struct box *to, const struct saved *s, size_t step)
{
	box_init(to, 2);
	memcpy(to->spi, from->spi, sizeof(to->spi));
	for (unsigned cpu = 0; cpu < 2; cpu++) {
		memcpy(to->cpu[cpu].ppi, from->cpu[cpu].ppi, sizeof(to->cpu[cpu].ppi));
		to->cpu[cpu].f = from->cpu[cpu].f;
		for (unsigned i = 0; i < 16; i++)
			to->cpu[cpu].ppi[i].diverted = false;
		for (size_t n = 0; n < s->nr; n++)
			assert_int_equal(box_set(to, cpu, s->index[n * step % s->nr],
						 s->v[cpu][n * step % s->nr]),
					 0);
	}
	for (unsigned i = 0; i < BOX_SPIS; i++)
		to->spi[i].diverted = false;
	assert_int_equal(sdei_check(to->s), 0);
}

/* One step of a guest with nested handlers and bound interrupts; false after the last. */
static bool step(struct box *b, unsigned n)
{
	switch (n) {
	case 0:
		box_call(b, 0, PE_UNMASK);
		return true;
	case 1:
		box_call(b, 0, BIND, 40ull);
		return true;
	case 2:
		box_call(b, 1, BIND, 20ull);
		return true;
	case 3:
	case 4:
	case 5:
	case 6: {
		const uint64_t events[] = {0, 0x13, 0x40000000, 0x40000004};

		box_call(b, 0, REGISTER, events[n - 3], 0x8000 + 16ull * n, 0ull + n, 1ull,
			 box_affinity(0));
		box_call(b, 0, ENABLE, events[n - 3]);
		return true;
	}
	case 7:
		box_line(b, 0, 40, true);
		return true;
	case 8:
		assert_int_equal(box_run(b, 0), 0x40000004);
		return true;
	case 9:
		box_line(b, 0, 20, true);
		return true;
	case 10:
		assert_int_equal(sdei_raise(b->s, 0x13, AM_SDEI_ANY), 0);
		return true;
	case 11:
		assert_int_equal(box_run(b, 0), 0x13);
		return true;
	case 12:
		assert_int_equal(sdei_raise(b->s, 0, AM_SDEI_ANY), 0);
		return true;
	case 13:
		assert_int_equal(box_call(b, 0, UNREGISTER, 0x13ull), PENDING);
		return true;
	case 14:
		assert_int_equal(box_complete(b, 0, 1), SDEI_REPLACE);
		return true;
	case 15:
		assert_int_equal(box_call(b, 0, CONTEXT, 17ull), 0x1011);
		return true;
	case 16:
		assert_int_equal(box_run(b, 0), -1);
		return true;
	case 17:
		assert_int_equal(box_resume(b, 0, 0x7000), SDEI_RESUME);
		return true;
	case 18:
		assert_int_equal(box_run(b, 0), 0);
		return true;
	case 19:
		assert_int_equal(box_complete(b, 0, 0), SDEI_REPLACE);
		return true;
	case 20:
		assert_int_equal(box_run(b, 0), 0x40000000);
		return true;
	default:
		return false;
	}
}

static void every_point(size_t order)
{
	struct box straight, b, copy;
	struct saved end, here;
	unsigned steps = 0;

	box_init(&straight, 2);
	while (step(&straight, steps))
		steps++;
	save(&straight, &end);
	for (unsigned at = 0; at <= steps; at++) {
		box_init(&b, 2);
		for (unsigned n = 0; n < at; n++)
			step(&b, n);
		save(&b, &here);
		restore(&b, &copy, &here, order);
		for (unsigned n = at; n < steps; n++)
			step(&copy, n);
		save(&copy, &here);
		assert_memory_equal(here.v, end.v, sizeof(here.v[0][0]) * end.nr);
		assert_memory_equal(here.v[1], end.v[1], sizeof(here.v[0][0]) * end.nr);
		assert_memory_equal(&copy.cpu[0].f, &straight.cpu[0].f, sizeof(copy.cpu[0].f));
		box_finish(&b);
		box_finish(&copy);
	}
	box_finish(&straight);
}

static void saved_anywhere(void **state)
{
	every_point(1);
}

static void restored_in_any_order(void **state)
{
	/* 147 registers: steps that come by each of them. */
	every_point(146);
	every_point(5);
	every_point(52);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_list),
	    cmocka_unit_test(after_reset),
	    cmocka_unit_test(gate),
	    cmocka_unit_test(values),
	    cmocka_unit_test(scope),
	    cmocka_unit_test(check),
	    cmocka_unit_test(others_are_woken),
	    cmocka_unit_test(nonsense),
	    cmocka_unit_test(saved_anywhere),
	    cmocka_unit_test(restored_in_any_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
