/* SPDX-License-Identifier: MIT */
/*
 * The guest's frame: CPUs that wait for work, handlers, checks, and the list of tests.
 *
 * What a test notes goes into a sum that the host compares with that of other runs, so that "the
 * same results" is more than "no check failed".
 */
#include "guest.h"

struct cpu cpus[MAX_CPUS];

_Static_assert(offsetof(struct cpu, record[1]) == 352, "start.S");
_Static_assert(offsetof(struct record, function) == 336, "start.S");
_Static_assert(offsetof(struct cpu, resumed) == 704, "start.S");
_Static_assert(offsetof(struct resumed, times) == 296, "start.S");
_Static_assert(offsetof(struct cpu, handler_sp) == 1008, "start.S");
_Static_assert(sizeof(struct cpu) == 4096, "start.S");

#define HANDLER_STACK 8192
static char stacks[MAX_CPUS][2][HANDLER_STACK] __attribute__((aligned(16)));

void cpu_main(u64 number);
void handler_main(struct record *r);
void not_completed(u64 x0);
void exception(u64 vector, u64 esr, u64 elr, u64 far);

/* What the compiler calls. */
void *memset(void *to, int c, size_t n);
void *memcpy(void *to, const void *from, size_t n);

void *memset(void *to, int c, size_t n)
{
	for (char *p = to; n; n--)
		*p++ = (char)c;
	return to;
}

void *memcpy(void *to, const void *from, size_t n)
{
	char *p = to;

	for (const char *f = from; n; n--)
		*p++ = *f++;
	return to;
}

/* ---- Checks ---- */

static void put64(u64 address, u64 value)
{
	asm volatile("str %0, [%1]" : : "r"(value), "r"(address) : "memory");
}

void fail(const char *file, unsigned line, const char *text, u64 got, u64 want)
{
	volatile struct shared_fail *f = &SHARED_DATA->cpu[self()->number].fail;

	f->file = (u64)file;
	f->text = (u64)text;
	f->line = line;
	f->got = got;
	f->want = want;
	put64(PORT_FAIL, 0);
}

void note(u64 v)
{
	struct cpu *c = self();

	if (c->quiet)
		return;
	c->hash = (c->hash ^ v) * UINT64_C(0x9e3779b97f4a7c15) + 1;
	c->hash ^= c->hash >> 29;
	c->notes++;
}

static void __attribute__((noreturn)) off(void)
{
	for (;;)
		call(PSCI_SYSTEM_OFF, 0, 0, 0, 0, 0);
}

void exception(u64 vector, u64 esr, u64 elr, u64 far)
{
	fail("exception: ELR, FAR", (unsigned)vector, "ESR", elr, far);
	fail("exception: ESR", (unsigned)vector, "vector", esr, 0);
	off();
}

/* ---- Other CPUs ---- */

void start_on(unsigned cpu, void (*work)(u64 argument), u64 argument)
{
	struct cpu *c = &cpus[cpu];

	c->work = work;
	c->argument = argument;
	store(&c->asked, c->asked + 1);
	asm volatile("sev" : : : "memory");
}

/* What another CPU has asked of this one, be it idle or waiting for that very CPU. */
static void serve(void)
{
	struct cpu *c = self();
	u64 asked = load(&c->asked);

	if (asked == c->taken)
		return;
	c->taken = asked;
	c->work(c->argument);
	store(&c->done, asked);
	asm volatile("sev" : : : "memory");
}

void wait_for(unsigned cpu)
{
	wait_until((serve(), load(&cpus[cpu].done) == cpus[cpu].asked));
}

void run_on_all(void (*work)(u64 argument), u64 argument)
{
	for (unsigned n = 1; n < nr_cpus(); n++)
		start_on(n, work, argument);
	work(argument);
	for (unsigned n = 1; n < nr_cpus(); n++)
		wait_for(n);
}

void cpu_on(unsigned cpu)
{
	check_eq(call(PSCI_CPU_ON, cpu, (u64)cpu_entry, cpu, 0, 0), 0);
	wait_until(load(&cpus[cpu].ready));
}

bool cpu_is_off(unsigned cpu)
{
	return call(PSCI_AFFINITY_INFO, cpu, 0, 0, 0, 0) == 1;
}

void cpu_off(u64 unused)
{
	self()->ready = 0;
	call(PSCI_CPU_OFF, 0, 0, 0, 0, 0);
	fail(__FILE__, __LINE__, "CPU_OFF returned", 1, 0);
}

/* ---- Calls ---- */

/* x1-x17 come back as they were (SMCCC 1.1). */
i64 call(u64 function, u64 a, u64 b, u64 c, u64 d, u64 e)
{
	register u64 x0 asm("x0") = function;
	register u64 x1 asm("x1") = a;
	register u64 x2 asm("x2") = b;
	register u64 x3 asm("x3") = c;
	register u64 x4 asm("x4") = d;
	register u64 x5 asm("x5") = e;

	asm volatile("hvc #0"
		     : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(x4), "+r"(x5)
		     :
		     : "memory");
	if (function >= SDEI_FUNCTION(0) && (x1 != a || x2 != b || x3 != c || x4 != d || x5 != e))
		fail(__FILE__, __LINE__, "a call changes x1-x5", function, 0);
	return (i64)x0;
}

/* ---- Events ---- */

void handler_main(struct record *r)
{
	struct cpu *c = self();
	unsigned level = r != &c->record[0];
	u64 event = r->x[0];
	void (*act)(struct record * r) = c->act[level];
	/* Of the raise() that this has interrupted. */
	i64 result = SHARED_DATA->cpu[c->number].result;

	r->function = SDEI_FUNCTION(SDEI_COMPLETE);
	r->argument = 0;
	check_eq(level, is_critical(event));
	check_eq(r->x[1], argument_of(event));
	check_eq(r->daif, 0x3c0);
	check_eq(r->spsel, 1);
	check_eq(r->el, 4);
	/* Unknown by the specification; zero is what we promise. */
	check_eq(r->x[6] | r->x[7] | r->x[8] | r->x[9] | r->x[10] | r->x[11] | r->x[12] | r->x[13] |
		     r->x[14] | r->x[15] | r->x[16] | r->x[17],
		 0);
	note(event);
	/* The flags are those of a place that is not always the same. */
	note(r->x[3] & ~UINT64_C(0xf0000000));
	c->seen[c->nr_seen % MAX_SEEN] = (uint32_t)event;
	store(&c->nr_seen, c->nr_seen + 1);
	if (act)
		act(r);
	note(r->function + r->argument);
	if (r->function == SDEI_FUNCTION(SDEI_COMPLETE) && r->argument)
		c->ended[ENDED_FAILED]++;
	else
		c->ended[ENDED_HANDLED]++;
	SHARED_DATA->cpu[c->number].result = result;
}

void not_completed(u64 x0)
{
	fail(__FILE__, __LINE__, "a handler could not be completed", x0, 0);
	off();
}

i64 event_register(u64 event, unsigned route)
{
	bool routed = route != ROUTE_ANY;

	return sdei(REGISTER, event, is_critical(event) ? ENTRY_CRITICAL : ENTRY_NORMAL,
		    argument_of(event), routed, routed ? route : 0);
}

void event_set_up(u64 event, unsigned route)
{
	check_eq(event_register(event, route), 0);
	check_eq(sdei(ENABLE, event), 0);
}

void event_clear(u64 event)
{
	check_eq(sdei(UNREGISTER, event), 0);
	check_eq(sdei(STATUS, event), 0);
}

i64 raise(u64 value)
{
	raise_store(PORT_RAISE, value);
	return SHARED_DATA->cpu[self()->number].result;
}

i64 signal(unsigned cpu)
{
	return raise_call(SDEI_FUNCTION(SDEI_SIGNAL), SOFTWARE, cpu);
}

void forget_seen(void)
{
	self()->nr_seen = 0;
}

void expect_seen(unsigned nr)
{
	struct cpu *c = self();

	wait_until(load(&c->nr_seen) >= nr);
	/* What is one too many is there at once, or after a few instructions. */
	for (unsigned n = 0; n < 64; n++)
		asm volatile("" : : : "memory");
	check_eq(load(&c->nr_seen), nr);
}

/* ---- Tests ---- */

static bool contains(const char *s, const volatile char *part)
{
	for (; *s; s++) {
		unsigned n = 0;

		while (part[n] && s[n] == part[n])
			n++;
		if (!part[n])
			return true;
	}
	return !part[0];
}

/* Nothing registered, bound, or unmasked; no notes. */
static void clean(u64 unused)
{
	struct cpu *c = self();

	check_eq(sdei(PRIVATE_RESET), 0);
	sdei(PE_MASK);
	c->act[0] = c->act[1] = NULL;
	c->irq = NULL;
	c->quiet = false;
	c->resumed = (struct resumed){0};
	forget_seen();
	for (unsigned n = 0; n < ARRAY_SIZE(c->word); n++)
		c->word[n] = 0;
	c->hash = c->notes = 0;
}

static void nothing(u64 unused)
{
}

static void run_tests(const struct test *t)
{
	for (; t->name; t++) {
		u64 hash = 0, notes = 0;

		if (t->cpus > nr_cpus() || !contains(t->name, SHARED_DATA->only))
			continue;
		run_on_all(clean, 0);
		check_eq(sdei(SHARED_RESET), 0);
		SHARED_DATA->name = (u64)t->name;
		put64(PORT_TEST, 1);
		t->run();
		/* Who has time for this has left its handlers. */
		run_on_all(nothing, 0);
		for (unsigned n = 0; n < nr_cpus(); n++) {
			hash += cpus[n].hash * (2 * n + 1);
			notes += cpus[n].notes;
		}
		SHARED_DATA->hash = hash;
		SHARED_DATA->notes = notes;
		put64(PORT_TEST, 0);
	}
}

static void run_all(void)
{
	static const struct test *const lists[] = {table_tests, call_tests,  register_tests,
						   flow_tests,	power_tests, irq_tests};

	for (unsigned n = 1; n < nr_cpus(); n++)
		cpu_on(n);
	for (unsigned n = 0; n < ARRAY_SIZE(lists); n++)
		run_tests(lists[n]);
	for (unsigned n = 0; n < nr_cpus(); n++) {
		for (unsigned way = 0; way < ENDED_WAYS; way++)
			SHARED_DATA->ended[way] += cpus[n].ended[way];
	}
	SHARED_DATA->done = 1;
	off();
}

void cpu_main(u64 number)
{
	struct cpu *c = &cpus[number];

	c->number = number;
	for (unsigned n = 0; n < 2; n++)
		c->handler_sp[n] = (u64)&stacks[number][n][HANDLER_STACK];
	gic_init();
	if (!number)
		run_all();
	c->done = c->taken = c->asked; /* what switched it off */
	store(&c->ready, 1);
	for (;;) {
		asm volatile("wfe" : : : "memory");
		serve();
	}
}
