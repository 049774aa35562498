/* SPDX-License-Identifier: MIT */
/*
 * Bound interrupts: the owner is told, takes and ends them; no CPU interface, list register or EOI
 * of the guest ever sees them; and their state is saved and restored like that of the others.
 */
#include "common.h"
#include "vif.h"

#include <pthread.h>
#include <sched.h>

enum {
	P = AM_GIC_BOUND_PENDING,
	A = AM_GIC_BOUND_ACTIVE,
	E = AM_GIC_BOUND_ENABLED,
	D = AM_GIC_BOUND_DUE,
};

/* The owner has been told @n times in all, the last time of this one. */
static void assert_told(struct box *b, unsigned n, int vcpu, unsigned intid)
{
	assert_int_equal(atomic_load(&b->due), n);
	assert_int_equal(atomic_load(&b->due_vcpu), vcpu);
	assert_int_equal(atomic_load(&b->due_intid), intid);
}

static int state_of(struct box *b, unsigned vcpu, unsigned intid)
{
	return am_gic_bound_state(b->gic, vcpu, intid);
}

/* ---- the owner's side ---- */

static void test_edge(void **state)
{
	struct box b;

	box_start(&b, 2);
	irq_enable(&b, 0, 40);
	assert_int_equal(am_gic_bind(b.gic, 0, 40), 0);
	assert_int_equal(state_of(&b, 0, 40), E);
	am_gic_set_spi(b.gic, 40, true);
	assert_told(&b, 1, -1, 40);
	assert_int_equal(state_of(&b, 0, 40), P | E | D);
	am_gic_set_spi(b.gic, 40, true);
	assert_told(&b, 1, -1, 40);
	assert_int_equal(am_gic_bound_ack(b.gic, 0, 40), 1);
	assert_int_equal(am_gic_bound_ack(b.gic, 0, 40), 0);
	assert_int_equal(state_of(&b, 0, 40), A | E);
	/* One more while it is active is told at its end. */
	am_gic_set_spi(b.gic, 40, true);
	assert_int_equal(state_of(&b, 0, 40), P | A | E);
	assert_told(&b, 1, -1, 40);
	assert_int_equal(am_gic_bound_end(b.gic, 0, 40), 1);
	assert_told(&b, 2, -1, 40);
	assert_int_equal(am_gic_bound_end(b.gic, 0, 40), 0);
	assert_int_equal(am_gic_bound_ack(b.gic, 0, 40), 1);
	assert_int_equal(am_gic_bound_end(b.gic, 0, 40), 1);
	assert_int_equal(state_of(&b, 0, 40), E);
	assert_int_equal(atomic_load(&b.done), 0);
	assert_int_equal(atomic_load(&b.changes), 0);
	box_end(&b);
}

static void test_level(void **state)
{
	struct box b;

	box_start(&b, 2);
	assert_int_equal(am_gic_bind(b.gic, 1, 20), 0);
	am_gic_set_ppi(b.gic, 1, 20, true);
	am_gic_set_ppi(b.gic, 0, 20, true);
	assert_int_equal(atomic_load(&b.due), 0);
	assert_int_equal(am_gic_bound_enable(b.gic, 1, 20, true), 0);
	assert_told(&b, 1, 1, 20);
	assert_int_equal(irq_bit(&b, 1, ISENABLER, 20), 1);
	assert_int_equal(am_gic_bound_ack(b.gic, 1, 20), 1);
	assert_int_equal(state_of(&b, 1, 20), P | A | E);
	assert_int_equal(am_gic_bound_end(b.gic, 1, 20), 1);
	assert_told(&b, 2, 1, 20);
	am_gic_set_ppi(b.gic, 1, 20, false);
	assert_int_equal(am_gic_bound_ack(b.gic, 1, 20), 0);
	am_gic_set_ppi(b.gic, 1, 20, true);
	assert_told(&b, 3, 1, 20);
	assert_int_equal(am_gic_bound_enable(b.gic, 1, 20, false), 0);
	assert_int_equal(am_gic_bound_ack(b.gic, 1, 20), 0);
	assert_int_equal(state_of(&b, 1, 20), P);
	/* The end of a level-sensitive SPI is told to its device. */
	irq_level(&b, 41);
	irq_enable(&b, 0, 41);
	am_gic_set_spi(b.gic, 41, true);
	assert_int_equal(am_gic_bind(b.gic, 77, 41), 0);
	assert_told(&b, 4, -1, 41);
	assert_int_equal(am_gic_bound_ack(b.gic, 0, 41), 1);
	assert_int_equal(atomic_load(&b.done), 0);
	assert_int_equal(am_gic_bound_end(b.gic, 0, 41), 1);
	assert_int_equal(atomic_load(&b.done), 1);
	assert_told(&b, 5, -1, 41);
	box_end(&b);
}

/* Neither the distributor nor group nor priority hold it back. */
static void test_not_of_the_guest(void **state)
{
	struct box b;

	box_start(&b, 1);
	wr(&b, GICD + D_CTLR, 0);
	irq_enable(&b, 0, 40);
	irq_priority(&b, 0, 40, 0xf8);
	icc_set(&b, 0, IGRPEN1, 0);
	assert_int_equal(am_gic_bind(b.gic, 0, 40), 0);
	am_gic_set_spi(b.gic, 40, true);
	assert_told(&b, 1, -1, 40);
	irq_priority(&b, 0, 40, 0x10);
	irq_group(&b, 0, 40, 0);
	assert_told(&b, 1, -1, 40);
	assert_int_equal(state_of(&b, 0, 40), P | E | D);
	box_end(&b);
}

static void test_errors(void **state)
{
	struct box b;

	box_create(&b);
	assert_int_equal(am_gic_bind(b.gic, 0, 40), -EBUSY);
	assert_int_equal(am_gic_unbind(b.gic, 0, 40), -EINVAL);
	box_end(&b);
	box_start(&b, 2);
	assert_int_equal(am_gic_bind(b.gic, 0, 15), -EINVAL);
	assert_int_equal(am_gic_bind(b.gic, 2, 16), -EINVAL);
	assert_int_equal(am_gic_bind(b.gic, 0, NR_IRQS), -EINVAL);
	assert_int_equal(am_gic_bind(b.gic, 0, 1023), -EINVAL);
	assert_int_equal(am_gic_bind(b.gic, 0, 8192), -EINVAL);
	assert_int_equal(am_gic_bind(b.gic, 0, UINT32_MAX), -EINVAL);
	assert_int_equal(am_gic_bind(b.gic, 1, 16), 0);
	assert_int_equal(am_gic_bind(b.gic, 1, 16), -EEXIST);
	assert_int_equal(am_gic_bind(b.gic, 0, NR_IRQS - 1), 0);
	assert_int_equal(am_gic_bind(b.gic, 1, NR_IRQS - 1), -EEXIST);
	/* That of another vCPU is not bound. */
	assert_int_equal(am_gic_unbind(b.gic, 0, 16), -EINVAL);
	assert_int_equal(am_gic_bound_ack(b.gic, 0, 16), -EINVAL);
	assert_int_equal(am_gic_bound_end(b.gic, 0, 16), -EINVAL);
	assert_int_equal(am_gic_bound_state(b.gic, 0, 16), -EINVAL);
	assert_int_equal(am_gic_bound_enable(b.gic, 0, 16, true), -EINVAL);
	assert_int_equal(am_gic_unbind(b.gic, 1, 16), 0);
	assert_int_equal(am_gic_bound_end(b.gic, 1, 16), -EINVAL);
	box_end(&b);
}

/* ---- the guest's side ---- */

static void test_guest(void **state)
{
	struct box b;

	box_start(&b, 1);
	irq_enable(&b, 0, 40);
	irq_enable(&b, 0, 41);
	am_gic_set_spi(b.gic, 40, true);
	am_gic_set_spi(b.gic, 41, true);
	assert_int_equal(icc(&b, 0, HPPIR1), 40);
	assert_int_equal(am_gic_bind(b.gic, 0, 40), 0);
	assert_told(&b, 1, -1, 40);
	/* The other one is signalled as before. */
	assert_lines(&b, 0, AM_GIC_IRQ);
	assert_int_equal(icc(&b, 0, HPPIR1), 41);
	assert_int_equal(icc(&b, 0, IAR1), 41);
	icc_set(&b, 0, EOIR1, 41);
	assert_lines(&b, 0, 0);
	assert_int_equal(icc(&b, 0, IAR1), 1023);
	assert_int_equal(irq_bit(&b, 0, ISPENDR, 40), 1);
	/* The guest cannot end it. */
	assert_int_equal(am_gic_bound_ack(b.gic, 0, 40), 1);
	assert_int_equal(icc(&b, 0, RPR), 0xff);
	icc_set(&b, 0, EOIR1, 40);
	assert_int_equal(irq_bit(&b, 0, ISACTIVER, 40), 1);
	icc_set(&b, 0, CTLR, 2);
	icc_set(&b, 0, DIR, 40);
	assert_int_equal(irq_bit(&b, 0, ISACTIVER, 40), 1);
	/* It is the guest's again, active and pending as it is. */
	am_gic_set_spi(b.gic, 40, true);
	assert_int_equal(am_gic_unbind(b.gic, 0, 40), 0);
	assert_lines(&b, 0, 0);
	icc_set(&b, 0, DIR, 40);
	assert_lines(&b, 0, AM_GIC_IRQ);
	assert_int_equal(icc(&b, 0, IAR1), 40);
	assert_told(&b, 1, -1, 40);
	box_end(&b);
}

static void test_moves(void **state)
{
	struct box b;

	box_start(&b, 2);
	irq_enable(&b, 0, 40);
	assert_int_equal(am_gic_bind(b.gic, 0, 40), 0);
	am_gic_set_spi(b.gic, 40, true);
	box_write(&b, GICD + IROUTER + 8 * 40, 8, 1);
	assert_int_equal(state_of(&b, 0, 40), P | E | D);
	box_write(&b, GICD + IROUTER + 8 * 40, 8, 0x700); /* nobody */
	assert_told(&b, 1, -1, 40);
	assert_int_equal(am_gic_bound_ack(b.gic, 0, 40), 1);
	box_write(&b, GICD + IROUTER + 8 * 40, 8, 1);
	am_gic_set_spi(b.gic, 40, true);
	assert_int_equal(am_gic_bound_end(b.gic, 0, 40), 1);
	assert_told(&b, 2, -1, 40);
	assert_int_equal(am_gic_unbind(b.gic, 0, 40), 0);
	assert_lines(&b, 1, AM_GIC_IRQ);
	/* A vCPU's reset does not unbind. */
	assert_int_equal(am_gic_bind(b.gic, 1, 20), 0);
	am_gic_set_ppi(b.gic, 1, 20, true);
	am_gic_bound_enable(b.gic, 1, 20, true);
	assert_told(&b, 3, 1, 20);
	assert_int_equal(am_gic_reset_vcpu(b.gic, 1), 0);
	assert_int_equal(state_of(&b, 1, 20), P);
	box_end(&b);
}

/* ---- list registers ---- */

static void test_lr(void **state)
{
	struct am_gic_lrs s = {.nr = 4};
	struct box b;

	box_start(&b, 2);
	for (unsigned i = 40; i < 43; i++)
		irq_enable(&b, 0, i);
	irq_priority(&b, 0, 40, 0x10);
	irq_priority(&b, 0, 41, 0x20);
	irq_priority(&b, 0, 42, 0x30);
	assert_int_equal(am_gic_bind(b.gic, 0, 40), 0);
	for (unsigned i = 40; i < 43; i++)
		am_gic_set_spi(b.gic, i, true);
	assert_int_equal(am_gic_lr_fill(b.gic, 0, &s), 0);
	assert_int_equal((uint32_t)s.lr[0], 41);
	assert_int_equal((uint32_t)s.lr[1], 42);
	assert_true(s.lr[2] == 0);
	/* Taken while the guest runs: it stays with its owner. */
	assert_int_equal(am_gic_bound_ack(b.gic, 0, 40), 1);
	assert_int_equal(vif_iar(&s, 1), 41);
	/* Bound while it is in a list register: it comes back, and is told of then. */
	assert_int_equal(am_gic_bind(b.gic, 0, 42), 0);
	assert_told(&b, 1, -1, 40);
	assert_int_equal(am_gic_lr_fold(b.gic, 0, &s), 0);
	assert_told(&b, 2, -1, 42);
	assert_int_equal(am_gic_lr_fill(b.gic, 0, &s), 0);
	assert_int_equal((uint32_t)s.lr[0], 41);
	assert_true(s.lr[1] == 0);
	/* An EOI that found no list register is not for them. */
	vif_eoir(&s, 1, 41);
	assert_int_equal(am_gic_bound_ack(b.gic, 0, 42), 1);
	s.hcr |= 2u << 27;
	assert_int_equal(am_gic_lr_fold(b.gic, 0, &s), 0);
	assert_int_equal(state_of(&b, 0, 40), A | E);
	assert_int_equal(state_of(&b, 0, 42), A | E);
	/* The guest's again while it is active: it gets a list register like any that is. */
	assert_int_equal(am_gic_unbind(b.gic, 0, 42), 0);
	assert_int_equal(am_gic_lr_fill(b.gic, 0, &s), 0);
	assert_int_equal((uint32_t)s.lr[0], 42);
	assert_true(s.lr[1] == 0);
	assert_int_equal(am_gic_lr_fold(b.gic, 0, &s), 0);
	/* A route that led elsewhere while it was active: it goes there when it ends. */
	box_write(&b, GICD + IROUTER + 8 * 40, 8, 1);
	assert_int_equal(am_gic_bound_end(b.gic, 0, 40), 1);
	am_gic_set_spi(b.gic, 40, true);
	assert_told(&b, 3, -1, 40);
	assert_int_equal(am_gic_unbind(b.gic, 0, 40), 0);
	assert_lines(&b, 1, AM_GIC_IRQ);
	box_end(&b);
}

/* ---- save and restore ---- */

static uint64_t dist_reg(struct box *b, unsigned offset)
{
	uint64_t value = 0;

	assert_int_equal(am_gic_get_attr(b->gic, AM_GIC_GRP_DIST_REGS, offset, &value), 0);
	return value;
}

static void test_save(void **state)
{
	static const unsigned regs[] = {ISENABLER + 4, ISPENDR + 4, ISACTIVER + 4};
	struct box b, c;

	box_start(&b, 1);
	box_start(&c, 1);
	for (unsigned i = 40; i < 42; i++) {
		irq_enable(&b, 0, i);
		assert_int_equal(am_gic_bind(b.gic, 0, i), 0);
		am_gic_set_spi(b.gic, i, true);
	}
	assert_int_equal(am_gic_bound_ack(b.gic, 0, 41), 1);
	am_gic_set_spi(b.gic, 41, true);
	/* One bound before, one after the registers. */
	assert_int_equal(am_gic_bind(c.gic, 0, 40), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(
		    am_gic_set_attr(c.gic, AM_GIC_GRP_DIST_REGS, regs[i], dist_reg(&b, regs[i])),
		    0);
	assert_told(&c, 1, -1, 40);
	assert_int_equal(am_gic_bind(c.gic, 0, 41), 0);
	assert_int_equal(state_of(&c, 0, 40), P | E | D);
	assert_int_equal(state_of(&c, 0, 41), P | A | E);
	assert_int_equal(am_gic_bound_end(c.gic, 0, 41), 1);
	assert_told(&c, 2, -1, 41);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(dist_reg(&c, regs[i]), dist_reg(&b, regs[i]));
	box_end(&b);
	box_end(&c);
}

/* ---- threads ---- */

enum { ROUNDS = 20000 };

struct stress {
	struct box b;
	atomic_bool stop;
};

/* The guest: it moves the interrupt about and tries to take it. */
static void *guest(void *arg)
{
	struct stress *s = arg;
	uint64_t intid;

	for (unsigned n = 0; !atomic_load(&s->stop); n++) {
		am_bus_write(s->b.bus, 0, GICD + IROUTER + 8 * 40, 8, n % 3);
		am_bus_write(s->b.bus, 0, GICD + IPRIORITYR + 40, 1, n * 8 & 0xf8);
		for (unsigned i = 0; i < 2; i++) {
			am_gic_icc_read(s->b.gic, i, IAR1, &intid);
			if (intid != 1023)
				return s;
			am_gic_icc_write(s->b.gic, i, EOIR1, 40);
		}
	}
	return NULL;
}

static void *device(void *arg)
{
	struct stress *s = arg;

	for (unsigned n = 0; n < ROUNDS; n++) {
		am_gic_set_spi(s->b.gic, 40, true);
		if (n % 16 == 0)
			sched_yield();
	}
	atomic_store(&s->stop, true);
	return NULL;
}

/* What the owner was told of it finds, each time; and in the end nothing is left. */
static void test_threads(void **state)
{
	static struct stress s;
	unsigned told = 0, taken = 0;
	pthread_t threads[2];
	void *result;

	box_start(&s.b, 2);
	irq_enable(&s.b, 0, 40);
	assert_int_equal(am_gic_bind(s.b.gic, 0, 40), 0);
	pthread_create(&threads[0], NULL, guest, &s);
	pthread_create(&threads[1], NULL, device, &s);
	while (!atomic_load(&s.stop) || told != atomic_load(&s.b.due)) {
		if (told == atomic_load(&s.b.due)) {
			sched_yield();
			continue;
		}
		told++;
		taken += am_gic_bound_ack(s.b.gic, 0, 40) == 1;
		assert_int_equal(am_gic_bound_end(s.b.gic, 0, 40), 1);
	}
	for (unsigned i = 0; i < 2; i++) {
		pthread_join(threads[i], &result);
		assert_null(result);
	}
	assert_int_equal(told, taken);
	assert_true(taken > 0);
	assert_int_equal(state_of(&s.b, 0, 40), E);
	box_end(&s.b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_edge),    cmocka_unit_test(test_level),
	    cmocka_unit_test(test_errors),  cmocka_unit_test(test_not_of_the_guest),
	    cmocka_unit_test(test_guest),   cmocka_unit_test(test_moves),
	    cmocka_unit_test(test_lr),	    cmocka_unit_test(test_save),
	    cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
