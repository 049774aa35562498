/* SPDX-License-Identifier: MIT */
/*
 * Random commands, messages, redistributor writes and saves, beside a small model of what KVM
 * documents: the same answers, the same interrupts at the same vCPUs, the same tables.
 *
 *     unit-its-model [commands [seed]]
 */
#include "common.h"

#include <stdio.h>
#include <stdlib.h>

enum { CPUS = 4, DEVS = 24, EVENTS = 96, COLLS = 12, LPIS = 200, NONE = -1 };

static uint64_t state = 1;
static unsigned long commands = 200000;
static struct box b;
static unsigned long delivered, taken, mapped; /* that the test was one */

static unsigned rnd(unsigned n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)((state >> 32) * n >> 32);
}

/* ---- the model ---- */

struct event {
	int intid;   /* 0: not mapped */
	int icid;    /* NONE: its collection was deleted */
	bool cached; /* its translation: then the target's LPIs are not asked for */
};

static struct model {
	struct {
		int bits; /* 0: not mapped */
		uint64_t itt;
		struct event ev[EVENTS];
	} dev[DEVS];
	struct {
		bool exists;
		int cpu;
	} coll[COLLS];
	int order[COLLS], nr_colls; /* in order of creation */
	struct {
		int refs, cpu;
		bool pending, enabled;
		int priority;
	} lpi[LPIS];
	bool lpis_on[CPUS];
	bool on;
} m;

static unsigned char *config_of(int intid)
{
	return (unsigned char *)at(&b, PROP) + (intid - 8192);
}

static void lpi_read_config(int n)
{
	m.lpi[n].enabled = *config_of(8192 + n) & 1;
	m.lpi[n].priority = *config_of(8192 + n) & 0xfc;
}

/* One that waits to be taken outlives its last event. */
static bool lpi_exists(int n)
{
	return m.lpi[n].refs || (m.lpi[n].pending && m.lpi[n].enabled);
}

static void lpi_ref(int intid, int cpu)
{
	int n = intid - 8192;
	bool there = lpi_exists(n);

	m.lpi[n].refs++;
	if (there)
		return;
	m.lpi[n].cpu = cpu;
	m.lpi[n].pending = false; /* the tables in memory are empty */
	lpi_read_config(n);
}

static void lpi_unref(int intid)
{
	int n = intid - 8192;

	m.lpi[n].refs--;
	if (!lpi_exists(n) || m.lpi[n].cpu == NONE)
		m.lpi[n].pending &= m.lpi[n].refs != 0;
}

static void forget(void)
{
	for (int d = 0; d < DEVS; d++)
		for (int e = 0; e < EVENTS; e++)
			m.dev[d].ev[e].cached = false;
}

static struct event *find(unsigned dev, unsigned ev)
{
	if (dev >= DEVS || ev >= EVENTS || !m.dev[dev].bits || !m.dev[dev].ev[ev].intid)
		return NULL;
	return &m.dev[dev].ev[ev];
}

static int cpu_of(const struct event *e)
{
	return e->icid == NONE ? NONE : m.coll[e->icid].cpu;
}

static void coll_add(int icid, int cpu)
{
	m.coll[icid].exists = true;
	m.coll[icid].cpu = cpu;
	m.order[m.nr_colls++] = icid;
}

static void coll_del(int icid)
{
	int i = 0;

	if (!m.coll[icid].exists)
		return;
	m.coll[icid].exists = false;
	while (m.order[i] != icid)
		i++;
	memmove(&m.order[i], &m.order[i + 1], (size_t)(--m.nr_colls - i) * sizeof(int));
	for (int d = 0; d < DEVS; d++)
		for (int e = 0; e < EVENTS; e++)
			if (m.dev[d].ev[e].intid && m.dev[d].ev[e].icid == icid)
				m.dev[d].ev[e].icid = NONE;
}

static void dev_del(int dev)
{
	for (int e = 0; e < EVENTS; e++)
		if (m.dev[dev].ev[e].intid)
			lpi_unref(m.dev[dev].ev[e].intid);
	if (m.dev[dev].bits)
		forget();
	memset(&m.dev[dev], 0, sizeof(m.dev[dev]));
}

static int model_msi(unsigned dev, unsigned ev)
{
	struct event *e = find(dev, ev);

	if (!m.on)
		return -EBUSY;
	if (!e || cpu_of(e) == NONE)
		return 0;
	if (!m.lpis_on[cpu_of(e)] && !e->cached)
		return -EBUSY;
	e->cached = true;
	m.lpi[e->intid - 8192].pending = true;
	delivered++;
	return 1;
}

/* ---- commands: numbers that may be out of range ---- */

static unsigned some(unsigned n)
{
	return rnd(20) ? rnd(n) : n + rnd(70000);
}

static void do_mapd(void)
{
	unsigned dev = some(DEVS), size = rnd(10) ? 3 + rnd(6) : rnd(32);
	bool v = rnd(5) != 0;
	uint64_t itt = RAM + 0x300000 + dev % DEVS * 0x80000ull;

	issue(&b, MAPD(dev, size, itt, v));
	if (dev >= 8192 || (v && size >= 16))
		return;
	if (dev >= DEVS) { /* the model keeps no such device: away with it */
		issue(&b, MAPD(dev, 0, 0, 0));
		if (v)
			forget();
		return;
	}
	dev_del((int)dev);
	m.dev[dev].bits = v ? (int)size + 1 : 0;
	m.dev[dev].itt = itt;
}

static void do_mapc(void)
{
	unsigned icid = some(COLLS), cpu = some(CPUS);
	bool v = rnd(30) != 0;

	if (icid >= COLLS && icid % 65536 < 8192)
		return;
	issue(&b, MAPC(icid & 0xffff, cpu, v));
	icid &= 0xffff;
	if (!v)
		forget();
	if (icid >= COLLS)
		return;
	if (!v) {
		coll_del((int)icid);
	} else if (cpu >= CPUS) {
		return;
	} else if (!m.coll[icid].exists) {
		coll_add((int)icid, (int)cpu);
	} else {
		m.coll[icid].cpu = (int)cpu;
		for (int d = 0; d < DEVS; d++)
			for (int e = 0; e < EVENTS; e++)
				if (m.dev[d].ev[e].intid && m.dev[d].ev[e].icid == (int)icid)
					m.lpi[m.dev[d].ev[e].intid - 8192].cpu = (int)cpu;
	}
}

static void do_mapti(void)
{
	unsigned dev = some(DEVS), ev = some(EVENTS), icid = rnd(COLLS), lpi = 8192 + some(LPIS);

	if (lpi >= 8192 + LPIS && lpi < 65536)
		lpi = 100;
	if (ev >= EVENTS && ev < 512)
		ev += 512;
	issue(&b, MAPTI(dev, ev, lpi, icid));
	if (dev >= DEVS || !m.dev[dev].bits || ev >> m.dev[dev].bits)
		return;
	if (ev >= EVENTS) {
		/* The device is large enough for it, the model is not: away with the device. */
		if (lpi >= 8192 && lpi < 8192 + LPIS && !m.coll[icid].exists)
			coll_add((int)icid, NONE);
		dev_del((int)dev);
		issue(&b, MAPD(dev, 0, 0, 0));
		return;
	}
	if (lpi < 8192 || lpi >= 8192 + LPIS || find(dev, ev))
		return;
	if (!m.coll[icid].exists)
		coll_add((int)icid, NONE);
	m.dev[dev].ev[ev] = (struct event){(int)lpi, (int)icid, false};
	mapped++;
	lpi_ref((int)lpi, m.coll[icid].cpu);
}

static void do_event(void)
{
	unsigned dev = some(DEVS), ev = rnd(EVENTS), icid = rnd(COLLS);
	struct event *e = find(dev, ev);

	switch (rnd(5)) {
	case 0:
		issue(&b, MOVI(dev, ev, icid));
		if (!e || cpu_of(e) == NONE || !m.coll[icid].exists || m.coll[icid].cpu == NONE)
			return;
		e->icid = (int)icid;
		forget();
		m.lpi[e->intid - 8192].cpu = m.coll[icid].cpu;
		break;
	case 1:
		issue(&b, DISCARD(dev, ev));
		if (!e || cpu_of(e) == NONE)
			return;
		lpi_unref(e->intid);
		e->intid = 0;
		forget();
		break;
	case 2:
		issue(&b, INT(dev, ev));
		model_msi(dev, ev);
		break;
	case 3:
		issue(&b, CLEAR(dev, ev));
		if (e)
			m.lpi[e->intid - 8192].pending = false;
		break;
	default:
		issue(&b, INV(dev, ev));
		if (e)
			lpi_read_config(e->intid - 8192);
	}
}

static void invalidate_all(int cpu)
{
	for (int n = 0; n < LPIS; n++)
		if (lpi_exists(n) && m.lpi[n].cpu == cpu) {
			lpi_read_config(n);
			m.lpi[n].pending &= lpi_exists(n);
		}
}

static void do_wide(void)
{
	unsigned from = some(CPUS), to = some(CPUS), icid = rnd(COLLS);

	if (rnd(2)) {
		issue(&b, INVALL(icid));
		if (m.coll[icid].exists && m.coll[icid].cpu != NONE)
			invalidate_all(m.coll[icid].cpu);
		return;
	}
	issue(&b, MOVALL(from, to));
	if (from < CPUS && to < CPUS && from != to)
		forget();
	for (int n = 0; n < LPIS && from < CPUS && to < CPUS; n++)
		if (lpi_exists(n) && m.lpi[n].cpu == (int)from)
			m.lpi[n].cpu = (int)to;
}

/* ---- registers ---- */

static void do_register(void)
{
	unsigned cpu = rnd(CPUS), n = rnd(LPIS);
	uint64_t gicr = GICR + cpu * GICR_SIZE;

	switch (rnd(6)) {
	case 0:
		if (m.lpis_on[cpu] && rnd(4))
			break;
		wr(&b, gicr, 4, !m.lpis_on[cpu]);
		m.lpis_on[cpu] = !m.lpis_on[cpu];
		if (!m.lpis_on[cpu])
			forget();
		for (int i = 0; i < LPIS; i++) /* on: its pending table is empty */
			if (m.lpi[i].cpu == (int)cpu)
				m.lpi[i].pending = false;
		break;
	case 1:
		wr(&b, GITS + CTLR, 4, 0);
		m.on = false;
		forget();
		assert_int_equal(msi(&b, rnd(DEVS), rnd(EVENTS)), -EBUSY);
		wr(&b, GITS + CTLR, 4, 1);
		m.on = true;
		break;
	case 2:
		wr(&b, gicr + 0xa0, 8, 8192 + n);
		if (m.lpis_on[cpu] && lpi_exists((int)n)) {
			lpi_read_config((int)n);
			m.lpi[n].pending &= lpi_exists((int)n);
		}
		break;
	case 3:
		wr(&b, gicr + 0xb0, 8, 0);
		if (m.lpis_on[cpu])
			invalidate_all((int)cpu);
		break;
	default:
		*config_of(8192 + (int)n) = (unsigned char)(rnd(256) | !!rnd(4));
	}
}

/* ---- comparing ---- */

/* The most important of what the model has for the vCPU, whichever of several. */
static void take_one(void)
{
	unsigned cpu = rnd(CPUS), intid = take(&b, cpu);
	int best = 0xf8, n = (int)intid - 8192;

	for (int i = 0; i < LPIS; i++)
		if (lpi_exists(i) && m.lpi[i].cpu == (int)cpu && m.lpi[i].pending &&
		    m.lpi[i].enabled && m.lpi[i].priority < best)
			best = m.lpi[i].priority;
	if (best == 0xf8) {
		assert_int_equal(intid, 1023);
		return;
	}
	assert_in_range(intid, 8192, 8192 + LPIS - 1);
	assert_true(lpi_exists(n) && m.lpi[n].cpu == (int)cpu && m.lpi[n].pending);
	assert_int_equal(m.lpi[n].priority, best);
	m.lpi[n].pending = false;
	taken++;
}

static void compare_pending(void)
{
	for (int c = 0; c < CPUS; c++)
		memset(at(&b, PEND(c)), 0, 0x10000);
	assert_int_equal(am_gic_set_attr(b.gic, AM_GIC_GRP_CTRL, 3, 0), 0);
	for (int c = 0; c < CPUS; c++) {
		const unsigned char *p = at(&b, PEND(c));

		for (int n = 0; n < LPIS; n++)
			assert_int_equal(p[1024 + n / 8] >> n % 8 & 1,
					 lpi_exists(n) && m.lpi[n].cpu == c && m.lpi[n].pending);
		memset(at(&b, PEND(c)), 0, 0x10000);
	}
}

static void expect(uint64_t ipa, uint64_t value)
{
	if (ram64(&b, ipa) != value)
		fail_msg("at 0x%llx: 0x%llx, not 0x%llx", (unsigned long long)ipa,
			 (unsigned long long)ram64(&b, ipa), (unsigned long long)value);
}

static void compare_itt(int d)
{
	int last = NONE;

	for (int e = EVENTS - 1; e >= 0; e--) {
		const struct event *ev = &m.dev[d].ev[e];
		uint64_t next = last == NONE ? 0 : (uint64_t)(last - e), ite = 0;

		if (!ev->intid) {
			if (e >> m.dev[d].bits == 0)
				expect(m.dev[d].itt + 8 * (unsigned)e, UINT64_MAX);
			continue;
		}
		if (ev->icid != NONE)
			ite = next << 48 | (uint64_t)ev->intid << 16 | (uint64_t)ev->icid;
		expect(m.dev[d].itt + 8 * (unsigned)e, ite);
		last = e;
	}
}

static void compare_tables(void)
{
	int last = NONE;

	memset(at(&b, DEVT), 0xff, 0x20000);
	memset(at(&b, RAM + 0x300000), 0xff, DEVS * 0x80000);
	assert_int_equal(am_its_save_tables(b.its), 0);
	for (int d = DEVS - 1; d >= 0; d--) {
		uint64_t next = last == NONE ? 0 : (uint64_t)(last - d);

		if (!m.dev[d].bits) {
			expect(DEVT + 8 * (unsigned)d, UINT64_MAX);
			continue;
		}
		expect(DEVT + 8 * (unsigned)d,
		       VALID | next << 49 | m.dev[d].itt >> 3 | (uint64_t)(m.dev[d].bits - 1));
		compare_itt(d);
		last = d;
	}
	for (int i = 0; i < m.nr_colls; i++) {
		int cpu = m.coll[m.order[i]].cpu;

		expect(COLT + 8 * (unsigned)i,
		       VALID | (uint64_t)(uint32_t)cpu << 16 | (uint64_t)m.order[i]);
	}
	expect(COLT + 8 * (unsigned)m.nr_colls, 0);
	expect(COLT + 8 * (unsigned)m.nr_colls + 8, UINT64_MAX);
}

static void test_model(void **unused)
{
	box_start(&b, CPUS);
	m.on = true;
	for (int c = 0; c < CPUS; c++)
		m.lpis_on[c] = true;
	for (int n = 0; n < LPIS; n++)
		*config_of(8192 + n) = (unsigned char)(rnd(256) | 1);
	for (unsigned long i = 0; i < commands; i++) {
		unsigned dev = some(DEVS), ev = rnd(EVENTS);

		switch (rnd(40)) {
		case 0:
			if (!rnd(4))
				do_mapd();
			break;
		case 1:
			do_mapc();
			break;
		case 2:
		case 3:
			do_wide();
			break;
		case 4:
			do_register();
			break;
		case 5:
		case 6:
		case 7:
		case 8:
		case 9:
		case 10:
			do_event();
			break;
		case 11:
			take_one();
			take_one();
			break;
		default:
			do_mapti();
		}
		if (dev < DEVS || dev >= 65536)
			assert_int_equal(msi(&b, dev, ev), model_msi(dev, ev));
		if (i % 64 == 0)
			compare_pending();
		if (i % 512 == 0)
			compare_tables();
	}
	printf("%lu events mapped, %lu messages, %lu interrupts\n", mapped, delivered, taken);
	assert_true(mapped > commands / 100 && delivered > commands / 50 && taken > commands / 200);
	box_end(&b);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_model)};

	if (argc > 1)
		commands = strtoul(argv[1], NULL, 0);
	if (argc > 2)
		state = strtoull(argv[2], NULL, 0) | 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
