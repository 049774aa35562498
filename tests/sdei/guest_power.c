/* SPDX-License-Identifier: MIT */
/* CPUs that sleep, and CPUs that are switched off and on. */
#include "guest.h"

void sleep_wfi(void);
void sleep_wfe(void);
void sleep_suspend(void);
extern char sleep_wfi_after[], sleep_wfe_after[], sleep_suspend_after[];

/* ---- Sleep ---- */

static const struct {
	void (*sleep)(void);
	char *after; /* NULL: it may wake by itself, so a handler may find it anywhere */
} sleeps[] = {
    {sleep_wfi, sleep_wfi_after},
    {sleep_suspend, sleep_suspend_after},
    {sleep_wfe, NULL},
};

/* cpu.word */
enum { W_PC, W_X0, W_TIMER, W_GO, W_STOP };

#define ISTATUS 4 /* of CNTV_CTL_EL0: the time is over */

static void see_sleeper(struct record *r)
{
	struct cpu *c = self();

	c->word[W_PC] = r->x[2];
	c->word[W_X0] = (u64)sdei(CONTEXT, 0);
	c->word[W_TIMER] = mrs(cntv_ctl_el0) & ISTATUS;
}

/*
 * The virtual timer's interrupt is pending at some time even if it cannot be taken, which ends WFI.
 * So a sleeper whose event has come too early, or never comes, does not sleep for ever.
 */
static void set_timer(unsigned ms)
{
	msr(cntv_cval_el0, mrs(cntvct_el0) + mrs(cntfrq_el0) / 1000 * ms);
	msr(cntv_ctl_el0, 1);
}

/* Until @event is delivered to one that is asleep, by what @raise does. */
static void be_woken(unsigned how, void (*raise_later)(u64 event), u64 event)
{
	struct cpu *c = self();

	c->act[is_critical(event)] = see_sleeper;
	for (unsigned attempt = 0, late = 0;; attempt++) {
		u64 end = mrs(cntvct_el0) + 10 * mrs(cntfrq_el0);

		forget_seen();
		set_timer(2000);
		raise_later(event);
		while (!load(&c->nr_seen) && mrs(cntvct_el0) < end)
			sleeps[how].sleep();
		msr(cntv_ctl_el0, 0);
		expect_seen(1);
		/* It was the timer that ended the sleep; which a busy host may cause, but not
		 * often. */
		if (c->word[W_TIMER] && ++late < 3)
			continue;
		check_eq(c->word[W_TIMER], 0);
		if (!sleeps[how].after || c->word[W_PC] == (u64)sleeps[how].after)
			break;
		/* Before it slept. Where both CPUs of the host are busy that happens. */
		if (attempt == 50) {
			check_eq(c->word[W_PC], (u64)sleeps[how].after);
			break;
		}
	}
	if (sleeps[how].sleep == sleep_suspend)
		check_eq(c->word[W_X0], 0);
	c->act[is_critical(event)] = NULL;
}

static void by_host(u64 event)
{
	u64 to = event >= SHARED_NORMAL ? RAISE_ANY : CPU_TO(self()->number);

	raise_store(PORT_RAISE, event | to | PORT_LATER);
}

static void asleep(u64 unused)
{
	self()->quiet = true;
	event_set_up(PRIVATE, ROUTE_ANY);
	event_set_up(PRIVATE_CRITICAL, ROUTE_ANY);
	gic_enable(27, true);
	check_eq(sdei(PE_UNMASK), 0);
	for (unsigned how = 0; how < ARRAY_SIZE(sleeps); how++) {
		be_woken(how, by_host, PRIVATE);
		be_woken(how, by_host, PRIVATE_CRITICAL);
	}
	gic_enable(27, false);
}

static void sleepers(void)
{
	run_on_all(asleep, 0);
}

static void sleeper_shared(void)
{
	self()->quiet = true;
	event_set_up(SHARED_NORMAL, ROUTE_ANY);
	gic_enable(27, true);
	check_eq(sdei(PE_UNMASK), 0);
	for (unsigned how = 0; how < ARRAY_SIZE(sleeps); how++)
		be_woken(how, by_host, SHARED_NORMAL);
	gic_enable(27, false);
}

/* A CPU that signals another when it is told, a little later. */
static void signal_when_told(u64 to)
{
	struct cpu *c = self();

	for (;;) {
		u64 end;

		wait_until(load(&c->word[W_GO]) || load(&c->word[W_STOP]));
		if (load(&c->word[W_STOP]))
			return;
		c->word[W_GO] = 0;
		end = mrs(cntvct_el0) + mrs(cntfrq_el0) / 200;
		while (mrs(cntvct_el0) < end)
			;
		check_eq(signal((unsigned)to), 0);
	}
}

static void by_other(u64 event)
{
	store(&cpus[1].word[W_GO], 1);
}

static void sleeper_signalled(void)
{
	for (unsigned n = 0; n < nr_cpus(); n++)
		cpus[n].quiet = true;
	event_set_up(SOFTWARE, ROUTE_ANY);
	gic_enable(27, true);
	check_eq(sdei(PE_UNMASK), 0);
	start_on(1, signal_when_told, 0);
	for (unsigned how = 0; how < ARRAY_SIZE(sleeps); how++)
		be_woken(how, by_other, SOFTWARE);
	store(&cpus[1].word[W_STOP], 1);
	wait_for(1);
	gic_enable(27, false);
}

/* A CPU that computes, and leaves to its host for nothing. */
static void computes(void)
{
	struct cpu *c = self();

	c->quiet = true;
	event_set_up(PRIVATE, ROUTE_ANY);
	check_eq(sdei(PE_UNMASK), 0);
	for (unsigned n = 1; n <= 10; n++) {
		u64 start = mrs(cntvct_el0), limit = 2 * mrs(cntfrq_el0);

		by_host(PRIVATE);
		while (load(&c->nr_seen) < n && mrs(cntvct_el0) - start < limit)
			;
		check_eq(c->nr_seen, n);
	}
}

/* An event for a masked PE ends nothing. */
static void masked_sleeper(void)
{
	u64 start;

	self()->quiet = true;
	event_set_up(PRIVATE, ROUTE_ANY);
	gic_enable(27, true);
	check_eq(raise(PRIVATE | CPU_TO(self()->number)), 0);
	start = mrs(cntvct_el0);
	set_timer(20);
	sleep_wfi();
	check(mrs(cntvct_el0) - start >= mrs(cntfrq_el0) / 1000 * 19);
	msr(cntv_ctl_el0, 0);
	expect_seen(0);
	check_eq(sdei(PE_UNMASK), 0);
	expect_seen(1);
	gic_enable(27, false);
}

/* ---- Off and on ---- */

static void set_up(u64 unused)
{
	event_set_up(SOFTWARE, ROUTE_ANY);
	event_set_up(PRIVATE, ROUTE_ANY);
	event_set_up(PRIVATE_CRITICAL, ROUTE_ANY);
	check_eq(sdei(PE_UNMASK), 0);
}

static void check_reset(u64 unused)
{
	check_eq(sdei(PE_MASK), 0); /* it is already */
	check_eq(sdei(STATUS, SOFTWARE), 0);
	check_eq(sdei(STATUS, PRIVATE), 0);
	check_eq(sdei(STATUS, PRIVATE_CRITICAL), 0);
	check_eq(sdei(CONTEXT, 0), DENIED);
	check_eq(sdei(COMPLETE, 0), DENIED);
}

static void wait_off(unsigned cpu)
{
	wait_until(cpu_is_off(cpu));
}

static void off_and_on(void)
{
	for (unsigned n = 1; n < nr_cpus(); n++) {
		run_on(n, set_up, 0);
		start_on(n, cpu_off, 0);
		wait_off(n);
		check_eq(signal(n), 0); /* nobody is told that it is lost */
		check_eq(raise(PRIVATE | CPU_TO(n)), -11);
		cpu_on(n);
		run_on(n, check_reset, 0);
		run_on(n, set_up, 0);
		check_eq(cpus[n].nr_seen, 0);
		check_eq(signal(n), 0);
		wait_until(load(&cpus[n].nr_seen) == 1);
	}
}

/* Off in the critical handler that interrupted a normal one. */
static void off_in_critical(struct record *r)
{
	struct cpu *c = self();

	c->ended[ENDED_ABANDONED] += 2;
	cpu_off(0);
}

static void raise_critical(struct record *r)
{
	check_eq(raise(PRIVATE_CRITICAL | CPU_TO(self()->number)), 0);
}

static void off_in_handlers(void)
{
	for (unsigned n = 1; n < nr_cpus(); n++) {
		run_on(n, set_up, 0);
		cpus[n].act[0] = raise_critical;
		cpus[n].act[1] = off_in_critical;
		check_eq(raise(PRIVATE | CPU_TO(n)), 0);
		wait_off(n);
		cpus[n].act[0] = cpus[n].act[1] = NULL;
		cpu_on(n);
		run_on(n, check_reset, 0);
		run_on(n, set_up, 0);
		check_eq(cpus[n].nr_seen, 2);
	}
}

/* A shared event whose CPU goes off is not lost: its registration, and what is pending, stay. */
static void off_in_shared(struct record *r)
{
	self()->ended[ENDED_ABANDONED]++;
	cpu_off(0);
}

static void unmask(u64 unused)
{
	check_eq(sdei(PE_UNMASK), 0);
}

static void off_with_shared(void)
{
	struct cpu *c = &cpus[1];

	event_set_up(SHARED_NORMAL, 1);
	c->act[0] = off_in_shared;
	run_on(1, unmask, 0);
	check_eq(sdei(PE_UNMASK), 0);
	check_eq(raise(SHARED_NORMAL | RAISE_ANY), 0);
	wait_off(1);
	check_eq(sdei(STATUS, SHARED_NORMAL), REGISTERED | ENABLED);
	c->act[0] = NULL;
	/* Routed to one that is off: waits for it. */
	check_eq(raise(SHARED_NORMAL | RAISE_ANY), 0);
	expect_seen(0);
	cpu_on(1);
	check_eq(c->nr_seen, 1);
	run_on(1, unmask, 0);
	wait_until(load(&c->nr_seen) == 2);
	wait_until(sdei(STATUS, SHARED_NORMAL) == (REGISTERED | ENABLED));
	/* To anyone: the one that is on. */
	check_eq(sdei(DISABLE, SHARED_NORMAL), 0);
	check_eq(sdei(ROUTING_SET, SHARED_NORMAL, 0, 0), 0);
	check_eq(sdei(ENABLE, SHARED_NORMAL), 0);
	start_on(1, cpu_off, 0);
	wait_off(1);
	check_eq(raise(SHARED_NORMAL | RAISE_ANY), 0);
	expect_seen(1);
	cpu_on(1);
	check_eq(c->nr_seen, 2);
}

const struct test power_tests[] = {
    {"power: sleepers are woken", sleepers, 1},
    {"power: a shared event wakes a sleeper", sleeper_shared, 1},
    {"power: a signal wakes a sleeper", sleeper_signalled, 2},
    {"power: a CPU that computes is interrupted", computes, 1},
    {"power: nothing wakes a masked sleeper", masked_sleeper, 1},
    {"power: off and on", off_and_on, 2},
    {"power: off in a handler", off_in_handlers, 2},
    {"power: off, and shared events", off_with_shared, 2},
    {NULL, NULL, 0},
};
