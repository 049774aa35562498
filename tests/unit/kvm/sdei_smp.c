/* SPDX-License-Identifier: MIT */
/*
 * Events of all kinds at once on several vCPUs, half of which sleep and all of which mask and
 * unmask: none is lost, and no register of what they interrupt changes.
 *
 * A handler adds one to the word that its argument is the address of. Host threads, one for each
 * word, raise their event and wait for the word to grow; an event that is lost is waited for in
 * vain.
 */
#include "machine.h"

#include <armature/sdei.h>
#include <time.h>

#define FN(n)	  (0xc4000020u + (n))
#define REGISTER  FN(1)
#define ENABLE	  FN(2)
#define COMPLETE  FN(5)
#define PE_MASK	  FN(0xb)
#define PE_UNMASK FN(0xc)
#define BIND	  FN(0xd)

#define NR	    4u
#define ROUNDS	    150u
#define PATIENCE_NS UINT64_C(20000000000)

#define HANDLER	   (RAM + 0x2000)
#define MAIN(n)	   (RAM + 0x8000 + 0x1000 * (n))
#define WORDS	   (RAM + 0x20000)
#define WORD(k)	   (WORDS + 64 * (k))
#define STOP	   (RAM + 0x30000)
#define BROKEN	   (RAM + 0x30040)
#define SPI	   40u
#define FIRST_KEPT 4u /* x4-x15 and x19-x28 stay as they are */

/* LDADD of x@s to [x@n], no result. */
#define A64_STADD(s, n) (0xf820001fu | (s) << 16 | (n) << 5)

/* Which word is whose. */
enum { PRIVATE, CRITICAL = NR, SHARED = 2 * NR, SHARED_CRITICAL, BOUND, NR_WORDS };

static uint64_t *word_at(struct machine *m, uint64_t ipa)
{
	return (uint64_t *)(void *)(m->ram + (ipa - RAM));
}

/* ---- Guest ---- */

static void emit_call(struct machine *m, uint32_t function)
{
	emit_mov(m, 0, function);
	emit(m, A64_HVC);
}

/* The event in x@event, or @event itself. */
static void emit_register(struct machine *m, uint64_t event, bool in_x19, unsigned word)
{
	for (unsigned step = 0; step < 2; step++) {
		if (in_x19)
			emit(m, A64_MOV(1, 19));
		else
			emit_mov(m, 1, event);
		if (!step) {
			emit_mov(m, 2, HANDLER);
			emit_mov(m, 3, WORD(word));
			emit_mov(m, 4, 0);
		}
		emit_call(m, step ? ENABLE : REGISTER);
		emit(m, A64_CBNZ(0, 0)); /* stays there if it fails */
	}
}

static uint64_t pattern(unsigned n, unsigned x)
{
	return (UINT64_C(0x123456789) << 8 | n << 5 | x) * 0x10001;
}

static bool kept(unsigned x)
{
	return (x >= FIRST_KEPT && x < 16) || (x >= 19 && x < 29);
}

static void emit_main(struct machine *m, unsigned n)
{
	code_at(m, MAIN(n));
	emit_register(m, AM_SDEI_EVENT_PRIVATE, false, PRIVATE + n);
	emit_register(m, AM_SDEI_EVENT_PRIVATE_CRITICAL, false, CRITICAL + n);
	if (!n) {
		emit_register(m, AM_SDEI_EVENT_SHARED, false, SHARED);
		emit_register(m, AM_SDEI_EVENT_SHARED_CRITICAL, false, SHARED_CRITICAL);
		emit_mov(m, 1, SPI);
		emit_call(m, BIND);
		emit(m, A64_MOV(19, 0));
		emit_register(m, 0, true, BOUND);
	}
	for (unsigned x = 0; x < 29; x++) {
		if (kept(x))
			emit_mov(m, x, pattern(n, x));
	}
	uint64_t loop = here(m);

	emit_call(m, PE_UNMASK);
	if (n % 2)
		emit(m, A64_WFI);
	/* Any difference from the pattern is or-ed together; x16, x17 and x18 are used. */
	emit_mov(m, 18, 0);
	for (unsigned x = 0; x < 29; x++) {
		if (!kept(x))
			continue;
		emit_mov(m, 16, pattern(n, x));
		emit(m, 0xca000210u | x << 16); /* EOR X16, X16, Xx */
		emit(m, 0xaa100252u);		/* ORR X18, X18, X16 */
	}
	emit_mov(m, 17, BROKEN);
	emit(m, A64_CBZ(18, 8));
	emit(m, A64_STR_X(18, 17));
	emit_call(m, PE_MASK);
	emit_mov(m, 17, STOP);
	emit(m, A64_LDR_X(16, 17));
	emit(m, A64_CBZ(16, loop - here(m)));
	emit_psci(m, PSCI_CPU_OFF);
}

static void emit_handler(struct machine *m)
{
	code_at(m, HANDLER);
	emit_mov(m, 4, 1);
	emit(m, A64_STADD(4, 1));
	for (unsigned x = 5; x < 18; x++)
		emit_mov(m, x, 0xbad);
	emit_mov(m, 1, 0);
	emit_call(m, COMPLETE);
}

/* ---- Host ---- */

struct source {
	struct machine *m;
	unsigned word;
	bool lost;
};

static int raise_one(struct machine *m, unsigned word)
{
	struct kvm_irq_level irq = {.irq = KVM_ARM_IRQ_TYPE_SPI << KVM_ARM_IRQ_TYPE_SHIFT | SPI};

	if (word < CRITICAL)
		return am_sdei_inject(m->vm, AM_SDEI_EVENT_PRIVATE, word);
	if (word < SHARED)
		return am_sdei_inject(m->vm, AM_SDEI_EVENT_PRIVATE_CRITICAL, word - CRITICAL);
	if (word == SHARED)
		return am_sdei_inject(m->vm, AM_SDEI_EVENT_SHARED, AM_SDEI_ANY);
	if (word == SHARED_CRITICAL)
		return am_sdei_inject(m->vm, AM_SDEI_EVENT_SHARED_CRITICAL, AM_SDEI_ANY);
	irq.level = 1;
	if (kvm_ptr(m->vm, KVM_IRQ_LINE, &irq))
		return -EIO;
	irq.level = 0;
	return kvm_ptr(m->vm, KVM_IRQ_LINE, &irq);
}

static uint64_t host_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static bool grows(uint64_t *word, uint64_t from)
{
	const struct timespec pause = {.tv_nsec = 20000};
	uint64_t since = host_ns();

	while (__atomic_load_n(word, __ATOMIC_ACQUIRE) == from) {
		if (host_ns() - since > PATIENCE_NS)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

static void *source_thread(void *opaque)
{
	struct source *s = opaque;
	uint64_t *word = word_at(s->m, WORD(s->word));

	for (unsigned n = 0; n < ROUNDS && !s->lost; n++) {
		uint64_t before = __atomic_load_n(word, __ATOMIC_ACQUIRE);
		int err;

		/* Until the guest has registered it. */
		while ((err = raise_one(s->m, s->word)) == -EAGAIN)
			nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
		s->lost = err || !grows(word, before);
	}
	return NULL;
}

struct runner {
	struct machine *m;
	unsigned n;
	pthread_t thread;
};

static void *run_thread(void *opaque)
{
	struct runner *r = opaque;

	return (void *)(intptr_t)run(r->m, r->n);
}

/* An edge is an edge: GICD_ICFGR of the SPI, before the guest runs. */
static void edge_triggered(struct machine *m)
{
	uint32_t v = 2u << SPI % 16 * 2;
	struct kvm_device_attr a = {.group = KVM_DEV_ARM_VGIC_GRP_DIST_REGS,
				    .attr = 0xc00 + SPI / 16 * 4,
				    .addr = (uintptr_t)&v};

	assert_int_equal(kvm_ptr(m->gic, KVM_SET_DEVICE_ATTR, &a), 0);
}

static void everything_at_once(void **state)
{
	struct source source[NR_WORDS];
	struct runner runner[NR];
	pthread_t t[NR_WORDS];
	struct machine m;

	machine_create(&m, NR, true);
	reg_set(&m, 0, AM_SDEI_REG(AM_SDEI_GATE), 1);
	edge_triggered(&m);
	emit_handler(&m);
	for (unsigned n = 0; n < NR; n++) {
		struct kvm_mp_state on = {KVM_MP_STATE_RUNNABLE};

		emit_main(&m, n);
		pc_set(&m, n, MAIN(n));
		assert_int_equal(kvm_ptr(m.vcpu[n], KVM_SET_MP_STATE, &on), 0);
		runner[n] = (struct runner){.m = &m, .n = n};
		assert_int_equal(pthread_create(&runner[n].thread, NULL, run_thread, &runner[n]),
				 0);
	}
	/* The bound interrupt has no registration to ask for. */
	while (am_sdei_inject(m.vm, AM_SDEI_EVENT_SHARED_CRITICAL, AM_SDEI_ANY))
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
	for (unsigned k = 0; k < NR_WORDS; k++) {
		source[k] = (struct source){.m = &m, .word = k};
		assert_int_equal(pthread_create(&t[k], NULL, source_thread, &source[k]), 0);
	}
	for (unsigned k = 0; k < NR_WORDS; k++)
		pthread_join(t[k], NULL);
	__atomic_store_n(word_at(&m, STOP), 1, __ATOMIC_RELEASE);
	for (unsigned n = 0; n < NR; n++)
		assert_int_equal((intptr_t)interrupt(runner[n].thread), -EINTR);
	for (unsigned k = 0; k < NR_WORDS; k++) {
		assert_false(source[k].lost);
		assert_true(*word_at(&m, WORD(k)) >= ROUNDS);
	}
	assert_int_equal(*word_at(&m, BROKEN), 0);
	machine_destroy(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(everything_at_once)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
