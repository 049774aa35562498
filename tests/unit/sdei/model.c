/* SPDX-License-Identifier: MIT */
/*
 * SDEI beside the reference (ref.h) under random use by several PEs, devices and the host. After
 * each step: the same answers, the same registers of CPUs and of the ABI, the same interrupts
 * diverted; and whatever the reference could deliver, some PE that may take it has been told.
 *
 *     sdei-model [--seed N] [--steps N] [--episode N]
 *
 * A run is episodes of 2,000 steps with 1 to 8 PEs each; the last form repeats one and says each
 * step. In some steps everything is saved and goes on in a fresh object, restored in any order.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ref.h"

enum { EPISODE = 2000, MAX_REGS = 256 };

static uint64_t state;
static bool verbose;
static unsigned long nr_entered, nr_nested, nr_restored, nr_steps;
static unsigned long cells[6][9];

/* splitmix64 */
static uint64_t any(void)
{
	uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static unsigned below(unsigned n)
{
	return (unsigned)(any() >> 33) % n;
}

static bool one_in(unsigned n)
{
	return below(n) == 0;
}

static struct {
	struct box box;
	struct ref ref;
	uint64_t seed;
	unsigned long episode;
	unsigned at;
	/* What most of an episode is about, so that something comes of it. */
	unsigned nr_favourites, favourite[6];
} m;

#define SAY(...)                             \
	do {                                 \
		if (verbose)                 \
			printf(__VA_ARGS__); \
	} while (0)

static void differ(const char *what, uint64_t is, uint64_t should)
{
	printf("%s: 0x%llx, the reference: 0x%llx\n"
	       "repeat with: --seed %llu --episode %lu (step %u)\n",
	       what, (unsigned long long)is, (unsigned long long)should, (unsigned long long)m.seed,
	       m.episode, m.at);
	exit(1);
}

static void same(const char *what, uint64_t is, uint64_t should)
{
	if (is != should)
		differ(what, is, should);
}

/* ---- Comparing ---- */

static void same_frame(const struct sdei_frame *is, const struct sdei_frame *should)
{
	for (unsigned n = 0; n < 18; n++)
		same("x", is->x[n], should->x[n]);
	same("pc", is->pc, should->pc);
	same("pstate", is->pstate, should->pstate);
	same("elr_el1", is->elr_el1, should->elr_el1);
	same("spsr_el1", is->spsr_el1, should->spsr_el1);
}

static void same_irqs(const struct box_irq *is, const struct box_irq *should, unsigned nr)
{
	for (unsigned n = 0; n < nr; n++) {
		same("latch", is[n].latch, should[n].latch);
		same("active", is[n].active, should[n].active);
		same("diverted", is[n].diverted, should[n].diverted);
	}
}

static uint64_t get(unsigned pe, unsigned index)
{
	uint64_t v = 0;

	if (sdei_get_reg(m.box.cpu[pe].pe, index, &v))
		differ("no such register", index, 0);
	return v;
}

static void same_registers(unsigned pe)
{
	uint16_t index[MAX_REGS];
	size_t nr = sdei_reg_list(m.box.s, index);

	for (size_t n = 0; n < nr; n++) {
		uint64_t v = get(pe, index[n]), should = ref_reg(&m.ref, pe, index[n]);

		if (v != should) {
			printf("register 0x%x of %u: ", index[n], pe);
			differ("", v, should);
		}
	}
}

/* Everything that can be delivered has a PE that looks, and may take it. */
static void nothing_forgotten(void)
{
	for (unsigned event = 0; event < REF_EVENTS; event++) {
		bool can = false, told = false;

		for (unsigned pe = 0; pe < m.ref.nr; pe++) {
			if (!ref_deliverable(&m.ref, pe, event))
				continue;
			can = true;
			told |= sdei_due(m.box.cpu[pe].pe);
			/* What is only this PE's, this PE is told. */
			if (event < 3 || (event >= 5 && event < 9))
				same("told of a private event", sdei_due(m.box.cpu[pe].pe), true);
		}
		same("told of an event", told, can ? true : told);
	}
}

static void compare(unsigned pe, bool all)
{
	for (unsigned index = AM_SDEI_PE_STATE; index <= AM_SDEI_PENDING; index++)
		same("register", get(pe, index), ref_reg(&m.ref, pe, index));
	nothing_forgotten();
	if (!all)
		return;
	same_irqs(m.box.spi, m.ref.spi, BOX_SPIS);
	for (unsigned n = 0; n < m.ref.nr; n++) {
		same_registers(n);
		same_irqs(m.box.cpu[n].ppi, m.ref.pe[n].ppi, BOX_PPIS);
	}
}

/* ---- Steps ---- */

static uint64_t an_event(void)
{
	static const uint64_t junk[] = {1,	    0xf,	0x14,	   0x3fffffff,
					0x40000010, 0x80000000, 1ull << 32};

	if (one_in(40))
		return junk[below(7)];
	if (one_in(6))
		return ref_number(below(REF_EVENTS));
	return ref_number(m.favourite[below(m.nr_favourites)]);
}

static uint64_t an_affinity(void)
{
	return one_in(30) ? any() : box_affinity(below(m.ref.nr));
}

/* Few, so that all slots get used and freed. */
static uint64_t an_intid(void)
{
	if (one_in(60))
		return below(70);
	return one_in(3) ? 16 + below(5) : 32 + below(13);
}

static unsigned a_function(void)
{
	static const uint8_t often[] = {
	    REGISTER,	REGISTER, ENABLE,  PE_UNMASK, REGISTER, REGISTER,  ENABLE,	ENABLE,
	    ENABLE,	ENABLE,	  DISABLE, CONTEXT,   COMPLETE, COMPLETE,  COMPLETE,	COMPLETE,
	    RESUME,	RESUME,	  STATUS,  GET_INFO,  PE_MASK,	PE_UNMASK, PE_UNMASK,	PE_UNMASK,
	    UNREGISTER, BIND,	  BIND,	   RELEASE,   SIGNAL,	SIGNAL,	   ROUTING_SET,
	};

	if (one_in(60))
		return below(33);
	return often[below(sizeof(often))];
}

static void arguments(struct sdei_frame *f, unsigned function)
{
	f->x[0] = 0xc4000020 + function;
	f->x[1] = an_event();
	switch (function) {
	case REGISTER:
		f->x[2] = one_in(40) ? below(4) : (uint64_t)below(1 << 20) * 4 + 4;
		f->x[3] = any();
		f->x[4] = one_in(30) ? any() : below(2);
		f->x[5] = an_affinity();
		break;
	case ROUTING_SET:
		f->x[2] = below(one_in(20) ? 4 : 2);
		f->x[3] = an_affinity();
		break;
	case GET_INFO:
		f->x[2] = below(6);
		break;
	case CONTEXT:
		f->x[1] = below(19);
		break;
	case COMPLETE:
		f->x[1] = below(2);
		break;
	case RESUME:
		f->x[1] = one_in(20) ? any() : any() & ~3ull;
		break;
	case BIND:
		f->x[1] = an_intid();
		break;
	case SIGNAL:
		f->x[1] = one_in(20) ? f->x[1] : 0;
		f->x[2] = an_affinity();
		break;
	case FEATURES:
		f->x[1] = below(3);
		break;
	default:
		break;
	}
}

static void step_call(unsigned pe, unsigned function, uint64_t event)
{
	struct sdei_frame *f = &m.box.cpu[pe].f, should;

	arguments(f, function);
	if (event != AM_SDEI_ANY)
		f->x[1] = event;
	SAY("%u: cpu %u calls %u (0x%llx, 0x%llx, 0x%llx, 0x%llx, 0x%llx)", m.at, pe, function,
	    (unsigned long long)f->x[1], (unsigned long long)f->x[2], (unsigned long long)f->x[3],
	    (unsigned long long)f->x[4], (unsigned long long)f->x[5]);
	should = *f;
	same("result", sdei_call(m.box.cpu[pe].pe, f), ref_call(&m.ref, pe, &should));
	SAY(" = 0x%llx\n", (unsigned long long)f->x[0]);
	same_frame(f, &should);
}

static void step_run(unsigned pe)
{
	for (unsigned n = 0; n < m.ref.nr && !sdei_due(m.box.cpu[pe].pe); n++)
		pe = (pe + 1) % m.ref.nr;
	struct box_cpu *c = &m.box.cpu[pe];
	struct sdei_frame should;
	bool entered, nested = m.ref.pe[pe].depth;

	if (!sdei_due(c->pe)) /* nothing_forgotten() has checked that it may be so */
		return;
	/* The guest has got on meanwhile. */
	c->f.x[below(18)] = any();
	c->f.pc = any() & ~3ull;
	c->f.pstate = (any() & 0xf0000000) | (one_in(3) ? 0 : 5);
	c->f.el1_pstate = (any() & 0xf0400000) | 0x3c5;
	should = c->f;
	entered = sdei_deliver(c->pe, &c->f);
	same("entered", entered, ref_deliver(&m.ref, pe, &should));
	same_frame(&c->f, &should);
	nr_entered += entered;
	nr_nested += entered && nested;
	SAY("%u: cpu %u %s 0x%llx\n", m.at, pe, entered ? "enters" : "looks for nothing at",
	    (unsigned long long)c->f.x[0]);
}

static void step_raise(uint32_t event)
{
	uint64_t target = one_in(2) ? AM_SDEI_ANY : an_affinity();

	SAY("%u: host raises 0x%x at 0x%llx\n", m.at, event, (unsigned long long)target);
	same("raise", (uint64_t)sdei_raise(m.box.s, event, target),
	     (uint64_t)ref_raise(&m.ref, event, target));
}

static void step_line(unsigned pe, unsigned intid, bool line)
{

	if (intid < 16 || intid >= 32 + BOX_SPIS)
		return;

	SAY("%u: line of %u (cpu %u) %u\n", m.at, intid, pe, line);
	box_line(&m.box, pe, intid, line);
	ref_line(&m.ref, pe, intid, line);
}

/* The guest handles an interrupt that is its own, or stops to. */
static void step_active(unsigned pe)
{
	unsigned intid = (unsigned)an_intid();
	bool active = one_in(4);

	if (intid < 16 || intid >= 32 + BOX_SPIS || box_irq(&m.box, pe, intid)->diverted)
		return;
	SAY("%u: intid %u (cpu %u) active %u\n", m.at, intid, pe, active);
	box_irq(&m.box, pe, intid)->active = ref_irq(&m.ref, pe, intid)->active = active;
}

static void step_reset(unsigned pe)
{
	SAY("%u: cpu %u is reset\n", m.at, pe);
	m.box.nr_ended = 0;
	unsigned depth = m.ref.pe[pe].depth;

	sdei_pe_reset(m.box.cpu[pe].pe);
	ref_reset(&m.ref, pe);
	same("abandoned", m.box.nr_ended, depth);
}

static void step_restore(void)
{
	static struct box old;
	uint16_t index[MAX_REGS];
	size_t nr = sdei_reg_list(m.box.s, index);

	SAY("%u: save, restore\n", m.at);
	for (size_t n = nr; n > 1; n--) { /* the gate stays first */
		size_t other = 1 + below((unsigned)n - 1);
		uint16_t moved = index[n - 1];

		if (n == 2)
			break;
		index[n - 1] = index[other];
		index[other] = moved;
	}
	old = m.box;
	box_init(&m.box, m.ref.nr);
	m.box.silent = old.silent;
	memcpy(m.box.spi, old.spi, sizeof(old.spi));
	for (unsigned i = 0; i < BOX_SPIS; i++)
		m.box.spi[i].diverted = false;
	for (unsigned pe = 0; pe < m.ref.nr; pe++) {
		struct box_cpu *c = &m.box.cpu[pe];

		c->f = old.cpu[pe].f;
		memcpy(c->ppi, old.cpu[pe].ppi, sizeof(c->ppi));
		for (unsigned i = 0; i < BOX_PPIS; i++)
			c->ppi[i].diverted = false;
		for (size_t n = 0; n < nr; n++) {
			uint64_t v = 0;

			sdei_get_reg(old.cpu[pe].pe, index[n], &v);
			same("restoring", (uint64_t)sdei_set_reg(c->pe, index[n], v, false), 0);
		}
	}
	same("check", (uint64_t)sdei_check(m.box.s), 0);
	box_finish(&old);
	nr_restored++;
}

/* What a guest or a device would do next that is of use to an event. */
static void step_sensibly(unsigned pe)
{
	unsigned e = m.favourite[below(m.nr_favourites)];
	uint64_t event = ref_number(e);
	uint64_t status = ref_reg(&m.ref, pe, AM_SDEI_REGISTERED) >> e & 1;
	bool enabled = ref_reg(&m.ref, pe, AM_SDEI_ENABLED) >> e & 1;

	if (m.ref.pe[pe].masked && !one_in(4))
		step_call(pe, PE_UNMASK, 0);
	else if (e >= 5 && !m.ref.intid[e])
		step_call(pe, BIND, AM_SDEI_ANY);
	else if (!status)
		step_call(pe, REGISTER, event);
	else if (!enabled)
		step_call(pe, ENABLE, event);
	else if (e < 5)
		step_raise((uint32_t)event);
	else
		step_line(pe, m.ref.intid[e], !ref_irq(&m.ref, pe, m.ref.intid[e])->line);
}

static void step(void)
{
	unsigned pe = below(m.ref.nr), what = below(1000);

	if (what < 250)
		step_call(pe, a_function(), AM_SDEI_ANY);
	else if (what < 550)
		step_sensibly(pe);
	else if (what < 800)
		step_run(pe);
	else if (what < 880)
		step_raise((uint32_t)an_event());
	else if (what < 960)
		step_line(pe, (unsigned)an_intid(), one_in(2));
	else if (what < 990)
		step_active(pe);
	else if (what < 996)
		step_reset(pe);
	else
		step_restore();
	compare(pe, one_in(50));
}

static void episode(uint64_t seed, unsigned long n, unsigned steps)
{
	unsigned nr;

	state = seed * UINT64_C(1000003) + n;
	nr = 1 + below(one_in(2) ? 3 : BOX_PES);
	m.seed = seed;
	m.episode = n;
	box_init(&m.box, nr);
	ref_init(&m.ref, nr);
	m.box.silent = one_in(2);
	m.nr_favourites = 1 + below(6);
	for (unsigned i = 0; i < m.nr_favourites; i++)
		m.favourite[i] = below(one_in(2) ? 5 : REF_EVENTS);
	for (unsigned i = 0; i < BOX_SPIS; i++)
		m.box.spi[i].level = m.ref.spi[i].level = one_in(2);
	for (unsigned pe = 0; pe < nr; pe++) {
		for (unsigned i = 0; i < BOX_PPIS; i++)
			m.box.cpu[pe].ppi[i].level = m.ref.pe[pe].ppi[i].level = one_in(2);
	}
	for (m.at = 0; m.at < steps; m.at++)
		step();
	compare(0, true);
	for (unsigned s = 0; s < 6; s++) {
		for (unsigned a = 0; a < 9; a++)
			cells[s][a] += m.ref.cells[s][a];
	}
	nr_steps += steps;
	box_finish(&m.box);
}

/* A model that did not get about proves nothing. */
static bool covered(void)
{
	bool all = nr_nested && nr_restored;

	for (unsigned s = 0; s < 6; s++) {
		bool running = s % 2, registered = s >= 2, enabled = s >= 4;

		for (unsigned a = 0; a < 9; a++) {
			bool can = true;

			/* Asked of what runs; asked of nothing bound; delivered when it can be. */
			if (a == REF_CONTEXT || a == REF_COMPLETE)
				can = running;
			if (a == REF_DISPATCH)
				can = registered && enabled && !running;
			if (can && !cells[s][a]) {
				printf("never: state %u action %u\n", s, a);
				all = false;
			}
		}
	}
	return all;
}

int main(int argc, char **argv)
{
	uint64_t seed = 1;
	unsigned long steps = 200000;

	for (int n = 1; n + 1 < argc; n += 2) {
		uint64_t v = strtoull(argv[n + 1], NULL, 0);

		if (!strcmp(argv[n], "--seed"))
			seed = v;
		else if (!strcmp(argv[n], "--steps"))
			steps = v;
		else if (!strcmp(argv[n], "--episode")) {
			verbose = true;
			episode(seed, v, EPISODE);
			return 0;
		}
	}
	for (unsigned long n = 0; nr_steps < steps; n++)
		episode(seed, n, EPISODE);
	printf("seed %llu: %lu steps, 0 differences; %lu handlers entered (%lu nested), "
	       "%lu times saved and restored\n",
	       (unsigned long long)seed, nr_steps, nr_entered, nr_nested, nr_restored);
	return steps < 100000 || covered() ? 0 : 1;
}
