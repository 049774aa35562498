/* SPDX-License-Identifier: MIT */
/*
 * Threads: one injects, others take; SPIs are moved about meanwhile; and no interrupt is lost,
 * taken twice or taken by the wrong vCPU. Meant for the thread sanitizer as well.
 */
#include "base/lock.h"
#include "common.h"
#include "vif.h"

#include <pthread.h>
#include <sched.h>

enum { ROUNDS = 6000, FIRST = 40, NR = 8 };

struct stress {
	struct box b;
	atomic_bool stop;
	atomic_uint raised[NR], taken[NR]; /* edge interrupts: how often */
	atomic_uint line[NR];		   /* level interrupts: the device's flag */
	/* A device that quiets its line while it wants it high would be a bug of the device's. */
	struct am_lock device[NR];
	atomic_uint served, sgis, wrong;
	bool use_lrs; /* the guests are behind list registers, two for each */
	struct am_gic_lrs lrs[2];
};

struct taker {
	struct stress *s;
	unsigned cpu;
};

/* The guest's handler: for a level interrupt it quiets the device. */
static void take(struct stress *s, unsigned cpu, unsigned intid)
{
	unsigned i = intid - FIRST;

	if (intid < 16) {
		atomic_fetch_add(&s->sgis, 1);
	} else if (intid >= FIRST && i < NR / 2) {
		atomic_fetch_add(&s->taken[i], 1);
	} else if (intid >= FIRST && i < NR) {
		am_lock(&s->device[i]);
		if (atomic_exchange(&s->line[i], 0))
			atomic_fetch_add(&s->served, 1);
		am_gic_set_spi(s->b.gic, intid, false);
		am_unlock(&s->device[i]);
	} else {
		atomic_fetch_add(&s->wrong, 1);
	}
}

/* A guest is entered, and left as soon as the line or a maintenance interrupt asks for it. */
static bool poll_lrs(struct stress *s, unsigned cpu)
{
	struct am_gic_lrs *lrs = &s->lrs[cpu];
	bool any = false;
	unsigned intid;

	if (am_gic_lr_fill(s->b.gic, cpu, lrs))
		atomic_fetch_add(&s->wrong, 1);
	while (!am_gic_irq_pending(s->b.gic, cpu) && !vif_maintenance(lrs)) {
		intid = vif_iar(lrs, 1);
		if (intid == 1023)
			break;
		take(s, cpu, intid);
		vif_eoir(lrs, 1, intid);
		any = true;
	}
	if (am_gic_lr_fold(s->b.gic, cpu, lrs))
		atomic_fetch_add(&s->wrong, 1);
	return any;
}

static bool poll_cpu(struct stress *s, unsigned cpu)
{
	uint64_t intid = 1023;

	if (!am_gic_irq_pending(s->b.gic, cpu))
		return false;
	if (s->use_lrs)
		return poll_lrs(s, cpu);
	am_gic_icc_read(s->b.gic, cpu, IAR1, &intid);
	if (intid == 1023)
		return false; /* somebody moved or cleared it */
	take(s, cpu, (unsigned)intid);
	am_gic_icc_write(s->b.gic, cpu, EOIR1, intid);
	return true;
}

static void *taker(void *arg)
{
	struct taker *t = arg;

	while (!atomic_load(&t->s->stop))
		if (!poll_cpu(t->s, t->cpu))
			sched_yield();
	while (poll_cpu(t->s, t->cpu))
		;
	return NULL;
}

/* Reads and writes registers of the same interrupts as another vCPU's code would. */
static void *mover(void *arg)
{
	struct stress *s = arg;
	unsigned n = 0;

	while (!atomic_load(&s->stop)) {
		unsigned intid = FIRST + n % NR;

		am_bus_write(s->b.bus, 2, GICD + IROUTER + 8 * intid, 8, n / NR % 3);
		am_bus_write(s->b.bus, 2, GICD + IPRIORITYR + intid, 1, n * 8 & 0xf0);
		rd(&s->b, GICD + ISPENDR + 4);
		rd(&s->b, GICD + ISACTIVER + 4);
		n++;
		if (n % 8 == 0)
			sched_yield();
	}
	/* All to vCPU 0, which takes what is left. */
	for (unsigned i = 0; i < NR; i++)
		am_bus_write(s->b.bus, 2, GICD + IROUTER + 8 * (FIRST + i), 8, 0);
	return NULL;
}

static void raise_one(struct stress *s, unsigned n)
{
	unsigned i = n % NR;

	if (i < NR / 2) {
		atomic_fetch_add(&s->raised[i], 1);
		am_gic_set_spi(s->b.gic, FIRST + i, true);
		am_gic_set_spi(s->b.gic, FIRST + i, false);
	} else {
		am_lock(&s->device[i]);
		atomic_store(&s->line[i], 1);
		am_gic_set_spi(s->b.gic, FIRST + i, true);
		am_unlock(&s->device[i]);
	}
	if (n % 16 == 0)
		am_gic_icc_write(s->b.gic, 2, SGI1R, 3 | n / 16 % 16 << 24);
}

static void stress(bool moving, bool use_lrs)
{
	static struct stress s;
	struct taker t[2] = {{&s, 0}, {&s, 1}};
	pthread_t takers[2], move[2];
	unsigned edges = 0;

	s = (struct stress){.use_lrs = use_lrs, .lrs = {{.nr = 2}, {.nr = 2}}};
	box_start(&s.b, 3); /* vCPU 2 takes nothing: its PMR is 0 */
	icc_set(&s.b, 2, PMR, 0);
	for (unsigned i = 0; i < NR; i++) {
		irq_priority(&s.b, 0, FIRST + i, 0x80);
		irq_enable(&s.b, 0, FIRST + i);
		box_write(&s.b, GICD + IROUTER + 8 * (FIRST + i), 8, i & 1);
		if (i >= NR / 2)
			irq_level(&s.b, FIRST + i);
	}
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&takers[i], NULL, taker, &t[i]), 0);
	for (unsigned i = 0; i < 2 && moving; i++)
		assert_int_equal(pthread_create(&move[i], NULL, mover, &s), 0);
	for (unsigned n = 0; n < ROUNDS; n++) {
		raise_one(&s, n);
		if (n % 64 == 0)
			sched_yield();
	}
	atomic_store(&s.stop, true);
	for (unsigned i = 0; i < 2 && moving; i++)
		pthread_join(move[i], NULL);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(takers[i], NULL);
	while (poll_cpu(&s, 0) || poll_cpu(&s, 1))
		;
	assert_int_equal(atomic_load(&s.wrong), 0);
	assert_true(atomic_load(&s.sgis) > 0);
	for (unsigned i = 0; i < NR; i++) {
		/* Edges merge, but never come from nothing, and the last is never lost. */
		if (i < NR / 2) {
			assert_true(atomic_load(&s.taken[i]) <= atomic_load(&s.raised[i]));
			assert_true(atomic_load(&s.taken[i]) > 0);
			edges += atomic_load(&s.taken[i]);
		}
		/* No device is left unserved. */
		assert_int_equal(atomic_load(&s.line[i]), 0);
		assert_int_equal(irq_bit(&s.b, 0, ISPENDR, FIRST + i), 0);
		assert_int_equal(irq_bit(&s.b, 0, ISACTIVER, FIRST + i), 0);
	}
	assert_true(edges > 0 && atomic_load(&s.served) > 0);
	for (unsigned cpu = 0; cpu < 3; cpu++)
		assert_lines(&s.b, cpu, 0);
	box_end(&s.b);
}

static void test_inject_and_take(void **state)
{
	stress(false, false);
}

static void test_inject_take_and_move(void **state)
{
	stress(true, false);
}

static void test_list_registers(void **state)
{
	stress(false, true);
	stress(true, true);
}

/* Two vCPUs send SGIs to each other; each one sent after the last was taken arrives. */
struct ping {
	struct box b;
	atomic_uint sent[2], got[2];
};

struct ponger {
	struct ping *p;
	unsigned cpu;
};

static void *ponger(void *arg)
{
	struct ponger *g = arg;
	unsigned other = !g->cpu;
	uint64_t intid;

	for (unsigned n = 0; n < 2000; n++) {
		am_gic_icc_write(g->p->b.gic, g->cpu, SGI1R, 1u << other | 5 << 24);
		atomic_fetch_add(&g->p->sent[g->cpu], 1);
		/* Wait for one of the other's, as in WFI. */
		while (!am_gic_irq_pending(g->p->b.gic, g->cpu)) {
			if (atomic_load(&g->p->got[other]) == 2000)
				break;
			sched_yield();
		}
		am_gic_icc_read(g->p->b.gic, g->cpu, IAR1, &intid);
		if (intid == 5) {
			atomic_fetch_add(&g->p->got[g->cpu], 1);
			am_gic_icc_write(g->p->b.gic, g->cpu, EOIR1, intid);
		}
		/* Not ahead of the other by more than one: then none merge. */
		while (atomic_load(&g->p->got[other]) < n + 1)
			sched_yield();
	}
	return NULL;
}

static void test_ping_pong(void **state)
{
	static struct ping p;
	struct ponger g[2] = {{&p, 0}, {&p, 1}};
	pthread_t thread[2];

	p = (struct ping){0};
	box_start(&p.b, 2);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, ponger, &g[i]), 0);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(atomic_load(&p.got[0]), 2000);
	assert_int_equal(atomic_load(&p.got[1]), 2000);
	box_end(&p.b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_inject_and_take),
	    cmocka_unit_test(test_inject_take_and_move),
	    cmocka_unit_test(test_list_registers),
	    cmocka_unit_test(test_ping_pong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
