/* SPDX-License-Identifier: MIT */
/*
 * Registers: what a handler finds, and what is there when the interrupted program goes on; from
 * EL1 on either stack pointer, from EL0, and from the first instruction of an exception vector.
 */
#include "guest.h"

#define NZCV 0xf0000000u
#define PAN  (1u << 22)
#define SPAN (1u << 23)
#define EL0T 0x0u
#define EL1T 0x4u
#define EL1H 0x5u

/* start.S */
struct probe {
	u64 in[31], nzcv;
	u64 out[31];
	u64 out_nzcv, daif, spsel, el, pan, elr, spsr, esr, far;
	u64 saved_sp, spsr_in;
} __attribute__((aligned(16)));

_Static_assert(offsetof(struct probe, saved_sp) == 576, "start.S");

void probe_el1h(struct probe *p);
void probe_el1t(struct probe *p);
void probe_el0(struct probe *p);
void probe_hvc(struct probe *p);
void probe_svc(struct probe *p);
extern char probe_el1h_after[], probe_el1t_after[], probe_el0_after[], probe_hvc_after[],
    probe_svc_after[], prologue_after[], prologue_vectors[];

static const struct way {
	const char *name;
	void (*run)(struct probe *p);
	char *pc;	/* where it is interrupted */
	uint32_t mode;	/* there */
	bool signalled; /* by HVC, so it is event 0 */
	bool prologue;
} ways[] = {
    {"EL1h", probe_el1h, probe_el1h_after, EL1H, false, false},
    {"EL1t", probe_el1t, probe_el1t_after, EL1T, false, false},
    {"EL0", probe_el0, probe_el0_after, EL0T, false, false},
    {"HVC", probe_hvc, probe_hvc_after, EL1H, true, false},
    {"prologue", probe_svc, prologue_after, EL1H, false, true},
};

enum ending { BY_COMPLETE, BY_FAILURE, BY_RESUME, NR_ENDINGS };

static struct probe probes[MAX_CPUS];

/* cpu.word */
enum { W_ENDING, W_STATUS };

static void end_as_told(struct record *r)
{
	struct cpu *c = self();

	/* The registers as they were; with nothing but x0-x17 in the context. */
	for (u64 n = 0; n < 18; n++)
		note((u64)sdei(CONTEXT, n));
	check_eq(sdei(CONTEXT, 18), INVALID);
	c->word[W_STATUS] = (u64)sdei(STATUS, r->x[0]);
	if (c->word[W_ENDING] == BY_FAILURE)
		r->argument = 1;
	if (c->word[W_ENDING] == BY_RESUME) {
		/* An address that no instruction has, before the right one. */
		check_eq(sdei(RESUME, (u64)resume_here + 2), DENIED);
		r->function = SDEI_FUNCTION(SDEI_RESUME);
		r->argument = (u64)resume_here;
	}
}

#define ELR_MAGIC UINT64_C(0x123456789abcdef0)
#define FAR_MAGIC UINT64_C(0xfedcba9876543210)
#define ESR_MAGIC UINT64_C(0x82000010)
#define ESR_SVC	  UINT64_C(0x56000000)

static void fill(struct probe *p, const struct way *w, u64 event, unsigned round)
{
	for (unsigned n = 0; n < 31; n++)
		p->in[n] = (UINT64_C(0x0101010101010101) << (round & 7)) * (n + 1) + round;
	if (w->signalled) {
		p->in[0] = SDEI_FUNCTION(SDEI_SIGNAL);
		p->in[1] = SOFTWARE;
		p->in[2] = self()->number;
	} else {
		p->in[28] = PORT_RAISE;
		p->in[29] = event | (event >= SHARED_NORMAL ? RAISE_ANY : CPU_TO(self()->number));
	}
	p->nzcv = (u64)(round * 7 & 15) << 28;
	p->spsr_in = EL0T | (u64)(round & 15) << 6; /* DAIF of EL0 */
}

/* What the handler found: all of it as it was, but for the arguments and PSTATE. */
static void check_entry(const struct probe *p, const struct way *w, const struct record *r,
			u64 pstate, u64 pan)
{
	u64 esr = w->prologue ? ESR_SVC : ESR_MAGIC;

	check_eq(r->x[2], (u64)w->pc);
	check_eq(r->x[3], pstate);
	check_eq(r->nzcv, pstate & NZCV);
	for (unsigned n = 18; n < 31; n++)
		check_eq(r->x[n], p->in[n]);
	/* SP_EL1, and SP_EL0 where the interrupted program used that. */
	check_eq(r->sp, w->mode == EL1H ? (u64)p : p->saved_sp);
	if (w->mode != EL1H)
		check_eq(r->sp_el0, (u64)p);
	check_eq(r->pan, pan);
	check_eq(r->elr, w->prologue ? (u64)probe_svc_after : ELR_MAGIC);
	if (w->mode != EL0T) {
		check_eq(r->esr, esr);
		check_eq(r->far, FAR_MAGIC);
	}
	for (unsigned n = 0; n < 31; n++)
		note(n == 4 || n == 5 ? 0 : r->x[n]);
	note(r->sp);
	note(r->nzcv);
	note(r->spsr);
}

static void check_resumed(const struct probe *p, const struct way *w, const struct record *r,
			  u64 pstate)
{
	const struct resumed *s = &self()->resumed;

	check_eq(s->times, 1);
	check_eq(s->elr, (u64)w->pc);
	check_eq(s->spsr, pstate);
	check_eq(s->daif, 0x3c0);
	check_eq(s->spsel, 1);
	check_eq(s->el, 4);
	check_eq(s->sp, r->sp);
	for (unsigned n = 0; n < 31; n++)
		check_eq(s->x[n], w->signalled && !n ? 0 : p->in[n]);
}

/* And after it. */
static void check_exit(const struct probe *p, const struct way *w, u64 daif, u64 pan, bool resumed)
{
	for (unsigned n = 0; n < 31; n++)
		check_eq(p->out[n], w->signalled && !n ? 0 : p->in[n]);
	check_eq(p->out_nzcv, p->nzcv);
	if (w->mode == EL0T) {
		/* As SVC left it. */
		check_eq(p->spsr, p->spsr_in | p->nzcv);
		check_eq(p->elr, (u64)w->pc + 17 * 4);
		check_eq(p->esr, ESR_SVC);
		return;
	}
	check_eq(p->daif, daif);
	check_eq(p->spsel, w->mode & 1);
	check_eq(p->el, 4);
	check_eq(p->pan, pan);
	check_eq(p->far, FAR_MAGIC);
	check_eq(p->esr, w->prologue ? ESR_SVC : ESR_MAGIC);
	if (!resumed && !w->prologue) {
		check_eq(p->elr, ELR_MAGIC);
		check_eq(p->spsr, 0x3c5);
	}
}

static void probe_once(const struct way *w, u64 event, enum ending ending, unsigned round)
{
	struct cpu *c = self();
	struct probe *p = &probes[c->number];
	struct record *r = &c->record[is_critical(event)];
	u64 daif = (u64)(round * 5 & 15) << 6, pan = round & 1 ? PAN : 0;
	bool span = round % 3; /* else exceptions set PAN */
	u64 vbar = mrs(vbar_el1), sctlr = mrs(sctlr_el1);
	u64 before = c->nr_seen, pstate;

	/* PSTATE of what is interrupted; SVC has set what it sets. */
	pstate = w->mode | (round * 7 & 15) << 28;
	if (w->mode == EL0T)
		pstate |= p->spsr_in = (u64)(round & 15) << 6;
	else if (w->prologue)
		pstate |= 0x3c0 | (span ? pan : PAN);
	else
		pstate |= daif | pan;
	fill(p, w, event, round);
	c->word[W_ENDING] = ending;
	c->resumed.times = 0;
	c->act[is_critical(event)] = end_as_told;
	msr(sctlr_el1, (sctlr & ~(u64)SPAN) | (span ? SPAN : 0));
	if (w->prologue)
		msr(vbar_el1, prologue_vectors);
	msr(daif, 0x3c0);
	msr(s3_0_c4_c2_3, pan);
	msr(elr_el1, ELR_MAGIC);
	msr(spsr_el1, 0x3c5);
	msr(esr_el1, ESR_MAGIC);
	msr(far_el1, FAR_MAGIC);
	msr(daif, daif);
	w->run(p);
	msr(daif, 0x3c0);
	msr(s3_0_c4_c2_3, 0);
	msr(vbar_el1, vbar);
	msr(sctlr_el1, sctlr);
	check_eq(c->nr_seen, before + 1);
	check_eq(c->word[W_STATUS], REGISTERED | ENABLED | RUNNING);
	check_eq(sdei(STATUS, event), REGISTERED | ENABLED);
	/* EL0's own way to its code used ELR and SPSR. */
	if (w->mode == EL0T)
		r->elr = ELR_MAGIC;
	check_entry(p, w, r, pstate, span ? pstate & PAN : PAN);
	check_exit(p, w, daif, pan, ending == BY_RESUME);
	if (ending == BY_RESUME)
		check_resumed(p, w, r, pstate);
	c->act[is_critical(event)] = NULL;
}

/* Each way with each ending, a normal and a critical event, in turn with changing flags. */
static void probe_ways(u64 argument)
{
	const struct way *w = &ways[argument];
	unsigned round = (unsigned)self()->number;

	event_set_up(SOFTWARE, ROUTE_ANY);
	event_set_up(PRIVATE, ROUTE_ANY);
	event_set_up(PRIVATE_CRITICAL, ROUTE_ANY);
	check_eq(sdei(PE_UNMASK), 0);
	for (unsigned turn = 0; turn < 2; turn++) {
		for (unsigned ending = 0; ending < NR_ENDINGS; ending++) {
			/* It has not saved ELR and SPSR yet, which an exception would change. */
			if (w->prologue && ending == BY_RESUME)
				continue;
			if (w->signalled) {
				probe_once(w, SOFTWARE, (enum ending)ending, round++);
				continue;
			}
			probe_once(w, PRIVATE, (enum ending)ending, round++);
			probe_once(w, PRIVATE_CRITICAL, (enum ending)ending, round++);
		}
		round += 5;
	}
	check_eq(sdei(PE_MASK), 1);
}

static void el1h(void)
{
	run_on_all(probe_ways, 0);
}

static void el1t(void)
{
	run_on_all(probe_ways, 1);
}

static void el0(void)
{
	run_on_all(probe_ways, 2);
}

static void hvc(void)
{
	run_on_all(probe_ways, 3);
}

static void prologue(void)
{
	run_on_all(probe_ways, 4);
}

const struct test register_tests[] = {
    {"registers: EL1 with SP_EL1", el1h, 1},
    {"registers: EL1 with SP_EL0", el1t, 1},
    {"registers: EL0", el0, 1},
    {"registers: after an HVC", hvc, 1},
    {"registers: in an exception's prologue", prologue, 1},
    {NULL, NULL, 0},
};
