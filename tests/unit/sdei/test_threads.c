/* SPDX-License-Identifier: MIT */
/*
 * Threads: four PEs that sleep until they are kicked, two hosts that raise, two devices whose
 * interrupts are bound; each waits for its event to be handled before it causes the next. PEs mask
 * themselves at random, so that events are passed on. An event that is lost is one that is waited
 * for until the time is up. The interrupt controller calls with its lock held, as the real one.
 */
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "base/lock.h"
#include "fw/sdei.h"

enum { PES = 4, ROUNDS = 1500, SECONDS = 60, PPI = 20, SPI = 40 };

#define CALL(n)	  (0xc4000020 + (n))
#define EVENT_PPI AM_SDEI_EVENT_BOUND
#define EVENT_SPI (AM_SDEI_EVENT_BOUND + 4)

struct irq {
	bool latch, active, diverted;
};

struct pe {
	struct sdei_pe *pe;
	unsigned n;
	sem_t kicked;
	struct sdei_frame f;
	struct irq ppi;
};

static struct {
	struct sdei *s;
	struct pe pe[PES];
	struct am_lock gic;
	struct irq spi;
	atomic_bool stop;
	atomic_uint handled[3]; /* raised shared, SPI, and any private */
	atomic_uint private_handled[PES], ppi_handled[PES];
	atomic_uint wrong;
} t;

static void kick(void *opaque, void *vcpu)
{
	sem_post(&((struct pe *)vcpu)->kicked);
}

static void handled(void *opaque, void *vcpu, uint32_t event, enum am_sdei_status status)
{
	struct pe *p = vcpu;

	if (event == AM_SDEI_EVENT_SHARED_CRITICAL)
		atomic_fetch_add(&t.handled[0], 1);
	else if (event == EVENT_SPI)
		atomic_fetch_add(&t.handled[1], 1);
	else if (event == EVENT_PPI)
		atomic_fetch_add(&t.ppi_handled[p->n], 1);
	else if (event == AM_SDEI_EVENT_PRIVATE)
		atomic_fetch_add(&t.private_handled[p->n], 1);
	else
		atomic_fetch_add(&t.wrong, 1);
}

/* ---- The interrupt controller ---- */

static struct irq *irq(void *vcpu)
{
	return vcpu ? &((struct pe *)vcpu)->ppi : &t.spi;
}

/* Under its lock. */
static void tell(void *vcpu)
{
	struct irq *i = irq(vcpu);

	if (i->diverted && i->latch && !i->active)
		sdei_interrupt(t.s, vcpu ? ((struct pe *)vcpu)->pe : NULL, vcpu ? PPI : SPI);
}

static void edge(void *vcpu)
{
	am_lock(&t.gic);
	irq(vcpu)->latch = true;
	tell(vcpu);
	am_unlock(&t.gic);
}

static int irq_usable(void *opaque, unsigned intid)
{
	return 0;
}

static int irq_divert(void *opaque, void *vcpu, unsigned intid, bool on)
{
	am_lock(&t.gic);
	irq(vcpu)->diverted = on;
	tell(vcpu);
	am_unlock(&t.gic);
	return 0;
}

static bool irq_pending(void *opaque, void *vcpu, unsigned intid)
{
	am_lock(&t.gic);
	bool pending = irq(vcpu)->latch;
	am_unlock(&t.gic);
	return pending;
}

static bool irq_active(void *opaque, void *vcpu, unsigned intid)
{
	am_lock(&t.gic);
	bool active = irq(vcpu)->active;
	am_unlock(&t.gic);
	return active;
}

static bool irq_acknowledge(void *opaque, void *vcpu, unsigned intid)
{
	am_lock(&t.gic);
	struct irq *i = irq(vcpu);
	bool taken = i->latch && !i->active;

	if (taken) {
		i->latch = false;
		i->active = true;
	}
	am_unlock(&t.gic);
	return taken;
}

static void irq_end(void *opaque, void *vcpu, unsigned intid)
{
	am_lock(&t.gic);
	irq(vcpu)->active = false;
	tell(vcpu);
	am_unlock(&t.gic);
}

static const struct sdei_ops ops = {
    .kick = kick,
    .handled = handled,
    .irq_usable = irq_usable,
    .irq_divert = irq_divert,
    .irq_pending = irq_pending,
    .irq_active = irq_active,
    .irq_acknowledge = irq_acknowledge,
    .irq_end = irq_end,
};

/* ---- The guest ---- */

static int64_t call(struct pe *p, unsigned n, uint64_t a, uint64_t b)
{
	p->f.x[0] = CALL(n);
	p->f.x[1] = a;
	p->f.x[2] = b;
	p->f.x[3] = p->f.x[4] = 0;
	if (sdei_call(p->pe, &p->f) != SDEI_RETURN)
		return INT64_MAX;
	return (int64_t)p->f.x[0];
}

enum { REGISTER = 1, ENABLE, COMPLETE = 5, RESUME, PE_MASK = 11, PE_UNMASK, BIND };

static void *guest(void *opaque)
{
	struct pe *p = opaque;
	unsigned random = p->n * 77 + 1;

	call(p, PE_UNMASK, 0, 0);
	while (!atomic_load(&t.stop)) {
		random = random * 1103515245 + 12345;
		if (!sdei_due(p->pe)) {
			sem_wait(&p->kicked);
			continue;
		}
		if ((random >> 16) % 8 == 0) {
			call(p, PE_MASK, 0, 0);
			if ((random >> 20) % 2)
				sched_yield();
			call(p, PE_UNMASK, 0, 0);
		}
		/* Critical ones may come on top. */
		if (sdei_deliver(p->pe, &p->f) && p->f.pc != 0x8000)
			atomic_fetch_add(&t.wrong, 1);
		while (sdei_due(p->pe) && sdei_deliver(p->pe, &p->f))
			;
		while (call(p, (random >> 18) % 2 ? COMPLETE : RESUME, 0, 0) == INT64_MAX)
			;
	}
	return NULL;
}

/* ---- What happens to it ---- */

static bool wait_for(atomic_uint *count, unsigned value)
{
	time_t end = time(NULL) + SECONDS;

	while (atomic_load(count) < value) {
		sched_yield();
		if (time(NULL) > end) {
			atomic_fetch_add(&t.wrong, 1);
			return false;
		}
	}
	return true;
}

static void *host_shared(void *opaque)
{
	for (unsigned n = 1; n <= ROUNDS; n++) {
		sdei_raise(t.s, AM_SDEI_EVENT_SHARED_CRITICAL, AM_SDEI_ANY);
		if (!wait_for(&t.handled[0], n))
			break;
	}
	return NULL;
}

static void *host_private(void *opaque)
{
	for (unsigned n = 0; n < ROUNDS; n++) {
		sdei_raise(t.s, AM_SDEI_EVENT_PRIVATE, n % PES);
		if (!wait_for(&t.private_handled[n % PES], n / PES + 1))
			break;
	}
	return NULL;
}

static void *device_spi(void *opaque)
{
	for (unsigned n = 1; n <= ROUNDS; n++) {
		edge(NULL);
		if (!wait_for(&t.handled[1], n))
			break;
	}
	return NULL;
}

static void *device_ppi(void *opaque)
{
	for (unsigned n = 0; n < ROUNDS; n++) {
		edge(&t.pe[n % PES]);
		if (!wait_for(&t.ppi_handled[n % PES], n / PES + 1))
			break;
	}
	return NULL;
}

/* User space looks on. */
static void *reader(void *opaque)
{
	uint16_t index[256];
	size_t nr = sdei_reg_list(t.s, index);
	uint64_t v;

	for (unsigned n = 0; !atomic_load(&t.stop); n++) {
		sdei_get_reg(t.pe[n % PES].pe, index[n % nr], &v);
		sdei_check(t.s);
		sched_yield();
	}
	return NULL;
}

static void none_lost(void **state)
{
	static void *(*const outside[])(void *) = {host_shared, host_private, device_spi,
						   device_ppi};
	pthread_t guests[PES], others[4], looker;

	assert_int_equal(sdei_create(&ops, NULL, &t.s), 0);
	for (unsigned n = 0; n < PES; n++) {
		struct pe *p = &t.pe[n];

		p->n = n;
		sem_init(&p->kicked, 0, 0);
		assert_int_equal(sdei_pe_create(t.s, p, n, n, &p->pe), 0);
	}
	assert_int_equal(sdei_set_reg(t.pe[0].pe, AM_SDEI_GATE, 1, false), 0);
	assert_int_equal(call(&t.pe[0], BIND, PPI, 0), EVENT_PPI);
	assert_int_equal(call(&t.pe[0], BIND, SPI, 0), EVENT_SPI);
	for (unsigned n = 0; n < PES; n++) {
		const uint32_t own[] = {AM_SDEI_EVENT_PRIVATE, EVENT_PPI,
					AM_SDEI_EVENT_SHARED_CRITICAL, EVENT_SPI};

		for (unsigned e = 0; e < (n ? 2 : 4); e++) {
			assert_int_equal(call(&t.pe[n], REGISTER, own[e], 0x8000), 0);
			assert_int_equal(call(&t.pe[n], ENABLE, own[e], 0), 0);
		}
	}
	for (unsigned n = 0; n < PES; n++)
		pthread_create(&guests[n], NULL, guest, &t.pe[n]);
	for (unsigned n = 0; n < 4; n++)
		pthread_create(&others[n], NULL, outside[n], NULL);
	pthread_create(&looker, NULL, reader, NULL);
	for (unsigned n = 0; n < 4; n++)
		pthread_join(others[n], NULL);
	atomic_store(&t.stop, true);
	for (unsigned n = 0; n < PES; n++) {
		sem_post(&t.pe[n].kicked);
		pthread_join(guests[n], NULL);
	}
	pthread_join(looker, NULL);
	assert_int_equal(atomic_load(&t.wrong), 0);
	assert_int_equal(atomic_load(&t.handled[0]), ROUNDS);
	assert_int_equal(atomic_load(&t.handled[1]), ROUNDS);
	for (unsigned n = 0; n < PES; n++) {
		sdei_pe_destroy(t.pe[n].pe);
		sem_destroy(&t.pe[n].kicked);
	}
	sdei_destroy(t.s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(none_lost)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
