/* SPDX-License-Identifier: MIT */
/*
 * The oracle: an AArch64 program that executes cases (case.h) and tells what came out. Runs under
 * qemu-aarch64, or on any Arm machine. Reads batches from standard input, answers on standard
 * output. What a case raises arrives as a signal, whose frame holds the registers.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#include "case.h"

struct oracle_context {
	struct insn_state state;
	uint8_t pad[1280 - sizeof(struct insn_state)];
	uint64_t host[24];
};

_Static_assert(offsetof(struct insn_state, v) == 35 * 8, "oracle_tramp.S");

extern const uint8_t oracle_tramp[], oracle_tramp_end[], oracle_tramp_leave[], oracle_tramp_back[],
    oracle_tramp_context[];

static struct oracle_context ctx __attribute__((aligned(16)));
static volatile sig_atomic_t in_case;
static uint8_t signal_stack[65536] __attribute__((aligned(16)));

static uint64_t tramp_address(const uint8_t *label)
{
	return INSN_TRAMP + (uint64_t)(label - oracle_tramp);
}

static void fail(const char *what)
{
	ssize_t n = write(2, what, strlen(what));

	n += write(2, "\n", 1);
	_exit(n < 0 ? 3 : 2);
}

/* ---- Signals ---- */

static const struct fpsimd_context *find_fpsimd(const ucontext_t *uc)
{
	const struct _aarch64_ctx *h = (const void *)uc->uc_mcontext.__reserved;

	while (h->magic != FPSIMD_MAGIC) {
		if (!h->magic || !h->size)
			return NULL;
		h = (const void *)((const uint8_t *)h + h->size);
	}
	return (const void *)h;
}

/* Runs with the case's TPIDR_EL0: nothing here may use thread-local storage. */
static void on_signal(int sig, siginfo_t *info, void *ucv)
{
	ucontext_t *uc = ucv;
	struct insn_state *s = &ctx.state;
	const struct fpsimd_context *fp = find_fpsimd(uc);
	mcontext_t *mc = &uc->uc_mcontext;
	(void)info;

	if (!in_case && sig == SIGALRM)
		return;
	if (!in_case || !fp) {
		signal(sig, SIG_DFL);
		return;
	}
	for (unsigned n = 0; n < 31; n++)
		s->x[n] = mc->regs[n];
	s->sp = mc->sp;
	s->pc = mc->pc;
	s->nzcv = mc->pstate & 0xf0000000;
	s->fpcr = fp->fpcr;
	s->fpsr = fp->fpsr;
	for (unsigned n = 0; n < 32; n++) {
		s->v[n][0] = (uint64_t)fp->vregs[n];
		s->v[n][1] = (uint64_t)(fp->vregs[n] >> 64);
	}
	switch (sig) {
	case SIGILL:
		s->outcome = INSN_ILL;
		break;
	case SIGTRAP:
		s->outcome = INSN_TRAP;
		break;
	case SIGSEGV:
		s->outcome = INSN_SEGV;
		break;
	case SIGBUS:
		s->outcome = INSN_BUS;
		break;
	default:
		s->outcome = INSN_HANG;
	}
	mc->pc = tramp_address(oracle_tramp_back);
	/* The frame's FPCR is restored by the return; the way back sets the host's. */
}

static void catch_signals(void)
{
	static const int sigs[] = {SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGALRM};
	stack_t ss = {.ss_sp = signal_stack, .ss_size = sizeof(signal_stack)};
	struct sigaction sa = {.sa_sigaction = on_signal,
			       .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};

	sigaltstack(&ss, NULL);
	for (unsigned n = 0; n < sizeof(sigs) / sizeof(sigs[0]); n++)
		sigaction(sigs[n], &sa, NULL);
}

/* ---- Memory ---- */

static void map(uint64_t va, size_t size, int prot)
{
	void *p =
	    mmap((void *)va, size, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (p != (void *)va)
		fail("oracle: cannot map the test's addresses");
}

static void prepare_memory(void)
{
	uint32_t *code = (uint32_t *)(uintptr_t)INSN_BASE;
	struct oracle_context *c = &ctx;
	size_t size = oracle_tramp_end - oracle_tramp;

	map(INSN_BASE, INSN_CODE_PAGES * 4096, PROT_READ | PROT_WRITE | PROT_EXEC);
	map(INSN_WINDOW, INSN_WINDOW_SIZE, PROT_READ | PROT_WRITE);
	map(INSN_READ_ONLY, 4096, PROT_READ);
	map(INSN_TRAMP, 4096, PROT_READ | PROT_WRITE | PROT_EXEC);
	for (unsigned n = 0; n < INSN_CODE_PAGES * 1024; n++)
		code[n] = INSN_BRK;
	memcpy((void *)(uintptr_t)INSN_TRAMP, oracle_tramp, size);
	memcpy((void *)tramp_address(oracle_tramp_context), &c, sizeof(c));
	__builtin___clear_cache((char *)(uintptr_t)INSN_TRAMP,
				(char *)(uintptr_t)INSN_TRAMP + size);
}

static void place(const struct insn_case *c)
{
	uint32_t *w = (uint32_t *)insn_slot_va(c->slot);
	int64_t away = tramp_address(oracle_tramp_leave) - (uint64_t)(uintptr_t)(w + 1 + c->nr);

	w[0] = INSN_MRS_X30_TPIDR;
	for (unsigned n = 0; n < c->nr; n++)
		w[1 + n] = c->word[n];
	w[1 + c->nr] = 0x14000000 | (away >> 2 & 0x3ffffff);
	for (unsigned n = 2 + c->nr; n < INSN_SLOT_BYTES / 4; n++)
		w[n] = INSN_BRK;
}

/* ---- Running ---- */

static void run(const struct insn_case *c, uint64_t seed)
{
	void (*tramp)(struct oracle_context *, uint64_t) = (void *)(uintptr_t)INSN_TRAMP;
	struct insn_state *s = &ctx.state;
	uint8_t *hot = (uint8_t *)(uintptr_t)INSN_HOT;
	uint8_t *fault = (uint8_t *)(uintptr_t)INSN_FAULT;

	insn_state_init(s, c, seed);
	memcpy(hot, s->hot, sizeof(s->hot));
	memcpy(fault, s->fault, sizeof(s->fault));
	s->outcome = INSN_OK;
	s->pc = insn_slot_pc(c->slot) + 4 * c->nr;
	in_case = 1;
	tramp(&ctx, insn_slot_va(c->slot));
	in_case = 0;
	memcpy(s->hot, hot, sizeof(s->hot));
	memcpy(s->fault, fault, sizeof(s->fault));
	insn_state_normalise(s, c);
}

static void read_all(void *to, size_t len)
{
	uint8_t *p = to;

	while (len) {
		ssize_t n = read(0, p, len);

		if (n == 0)
			_exit(0);
		if (n < 0 && errno != EINTR)
			fail("oracle: read");
		if (n > 0) {
			p += n;
			len -= n;
		}
	}
}

static void write_all(const void *from, size_t len)
{
	const uint8_t *p = from;

	while (len) {
		ssize_t n = write(1, p, len);

		if (n < 0 && errno != EINTR)
			fail("oracle: write");
		if (n > 0) {
			p += n;
			len -= n;
		}
	}
}

int main(void)
{
	static struct insn_case cases[INSN_SLOTS];
	static uint64_t hashes[INSN_SLOTS * 16];
	struct insn_batch b;

	prepare_memory();
	catch_signals();
	for (;;) {
		size_t nr = 0;

		read_all(&b, sizeof(b));
		if (b.nr > INSN_SLOTS)
			fail("oracle: batch too large");
		read_all(cases, b.nr * sizeof(cases[0]));
		for (uint32_t n = 0; n < b.nr; n++)
			place(&cases[n]);
		__builtin___clear_cache((char *)insn_slot_va(0), (char *)insn_slot_va(INSN_SLOTS));
		setitimer(ITIMER_REAL, &(struct itimerval){{2, 0}, {60, 0}}, NULL);
		for (uint32_t n = 0; n < b.nr; n++) {
			for (uint32_t k = 0; k < cases[n].states; k++) {
				run(&cases[n], insn_seed(cases[n].seed, k));
				if (b.want_states) {
					write_all(&ctx.state, sizeof(ctx.state));
					continue;
				}
				hashes[nr++] = insn_state_hash(&ctx.state, &cases[n]);
				if (nr == sizeof(hashes) / sizeof(hashes[0])) {
					write_all(hashes, nr * 8);
					nr = 0;
				}
			}
		}
		setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 0}}, NULL);
		write_all(hashes, nr * 8);
	}
}
