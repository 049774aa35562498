/* SPDX-License-Identifier: MIT */
/*
 * A signal ends KVM_RUN with EINTR whatever the guest does: executing, waiting, or switched off.
 * The handler has run by then, on the vCPU's thread, and no signal is lost in between.
 */
#include "machine.h"

#include <signal.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

static atomic_int handled;
static _Atomic pthread_t handled_by;

static void on_signal(int sig)
{
	handled++;
	handled_by = pthread_self();
}

static void catch_signal(int sig)
{
	struct sigaction sa = {.sa_handler = on_signal};

	sigemptyset(&sa.sa_mask);
	assert_int_equal(sigaction(sig, &sa, NULL), 0);
}

struct runner {
	struct machine *m;
	pthread_t thread;
	int result;
	int handled;
	bool by_self;
};

static void *runner_main(void *opaque)
{
	struct runner *r = opaque;

	r->result = run(r->m, 0);
	r->handled = handled;
	r->by_self = pthread_equal(handled_by, pthread_self());
	return NULL;
}

/* Start KVM_RUN on a thread, signal it when the guest is at it, and see what it returned. */
static void expect_interrupt(struct machine *m, void (*at_it)(struct machine *m))
{
	struct runner r = {.m = m};

	handled = 0;
	clear_mark(m);
	catch_signal(SIGUSR1);
	assert_int_equal(pthread_create(&r.thread, NULL, runner_main, &r), 0);
	at_it(m);
	assert_int_equal(pthread_kill(r.thread, SIGUSR1), 0);
	pthread_join(r.thread, NULL);
	assert_int_equal(r.result, -EINTR);
	assert_int_equal(m->run[0]->exit_reason, KVM_EXIT_INTR);
	assert_int_equal(r.handled, 1);
	assert_true(r.by_self);
}

static void asleep(struct machine *m)
{
	wait_for_mark(m);
	usleep(10000);
}

/* A vCPU that is off leaves no trace of having come so far. */
static void a_second(struct machine *m)
{
	sleep(1);
}

static void while_executing(void **state)
{
	struct machine m;

	machine_create(&m, 1, true);
	emit_mark(&m);
	emit(&m, A64_B(-4));
	expect_interrupt(&m, wait_for_mark);
	expect_interrupt(&m, wait_for_mark); /* and again */
	machine_destroy(&m);
}

static void while_waiting(void **state)
{
	struct machine m;

	machine_create(&m, 1, true);
	emit_mark(&m);
	emit(&m, A64_WFI);
	emit(&m, A64_B(-8));
	expect_interrupt(&m, asleep);
	expect_interrupt(&m, asleep);
	machine_destroy(&m);
}

static void while_waiting_for_an_event(void **state)
{
	struct machine m;

	machine_create(&m, 1, true);
	emit_mark(&m);
	emit(&m, A64_WFE);
	emit(&m, A64_B(-4));
	expect_interrupt(&m, asleep);
	machine_destroy(&m);
}

static void while_off(void **state)
{
	struct kvm_mp_state off = {KVM_MP_STATE_STOPPED};
	struct machine m;

	machine_create(&m, 1, true);
	assert_int_equal(kvm_ptr(m.vcpu[0], KVM_SET_MP_STATE, &off), 0);
	emit(&m, A64_B_SELF);
	expect_interrupt(&m, a_second);
	machine_destroy(&m);
}

/* Waiting costs no processor time. */
static void waiting_really_sleeps(void **state)
{
	struct machine m;
	struct timespec cpu;
	struct runner r = {.m = &m};
	clockid_t clock;

	machine_create(&m, 1, true);
	emit_mark(&m);
	emit(&m, A64_WFI);
	emit(&m, A64_B(-4));
	catch_signal(SIGUSR1);
	assert_int_equal(pthread_create(&r.thread, NULL, runner_main, &r), 0);
	wait_for_mark(&m);
	usleep(200000);
	assert_int_equal(pthread_getcpuclockid(r.thread, &clock), 0);
	assert_int_equal(clock_gettime(clock, &cpu), 0);
	pthread_kill(r.thread, SIGUSR1);
	pthread_join(r.thread, NULL);
	assert_int_equal(r.result, -EINTR);
	assert_int_equal(cpu.tv_sec, 0);
	assert_true(cpu.tv_nsec < 50000000);
	machine_destroy(&m);
}

/* A signal that arrived while it was blocked: taken when the caller's mask lets it, not before. */
static void callers_mask_is_respected(void **state)
{
	struct machine m;
	sigset_t set, old;

	machine_create(&m, 1, true);
	emit_psci(&m, PSCI_SYSTEM_OFF);
	handled = 0;
	catch_signal(SIGUSR2);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	assert_int_equal(pthread_sigmask(SIG_BLOCK, &set, &old), 0);
	assert_int_equal(raise(SIGUSR2), 0);
	run_to_off(&m, 0);
	assert_int_equal(handled, 0);
	assert_int_equal(pthread_sigmask(SIG_SETMASK, &old, NULL), 0);
	assert_int_equal(handled, 1);
	machine_destroy(&m);
}

/* The mask after KVM_RUN is the one before. */
static void mask_is_restored(void **state)
{
	struct machine m;
	sigset_t set, after;

	machine_create(&m, 1, true);
	emit_psci(&m, PSCI_SYSTEM_OFF);
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	assert_int_equal(pthread_sigmask(SIG_SETMASK, &set, NULL), 0);
	run_to_off(&m, 0);
	assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &after), 0);
	for (int sig = 1; sig < 32; sig++)
		assert_int_equal(sigismember(&after, sig), sig == SIGHUP);
	sigemptyset(&set);
	assert_int_equal(pthread_sigmask(SIG_SETMASK, &set, NULL), 0);
	machine_destroy(&m);
}

/* Ignored signals interrupt nothing: the guest reaches its end. */
static void ignored_signals_do_not_interrupt(void **state)
{
	struct machine m;
	struct runner r = {.m = &m};

	machine_create(&m, 1, true);
	/* Spin until the word says stop. */
	emit_mov(&m, 4, RAM + 0x3000);
	emit(&m, A64_LDR_X(3, 4));
	emit(&m, A64_CBZ(3, -4));
	emit_psci(&m, PSCI_SYSTEM_OFF);
	signal(SIGUSR1, SIG_IGN);
	assert_int_equal(pthread_create(&r.thread, NULL, runner_main, &r), 0);
	for (int n = 0; n < 20; n++) {
		pthread_kill(r.thread, n & 1 ? SIGUSR1 : SIGWINCH);
		usleep(1000);
	}
	__atomic_store_n((uint64_t *)(void *)(m.ram + 0x3000), 1, __ATOMIC_RELEASE);
	pthread_join(r.thread, NULL);
	assert_int_equal(r.result, 0);
	assert_int_equal(m.run[0]->exit_reason, KVM_EXIT_SYSTEM_EVENT);
	machine_destroy(&m);
}

struct storm {
	struct machine *m;
	unsigned interrupts;
	bool stop;
};

static void *storm_main(void *opaque)
{
	struct storm *s = opaque;

	while (!__atomic_load_n(&s->stop, __ATOMIC_ACQUIRE)) {
		int r = run(s->m, 0);

		assert_int_equal(r, -EINTR);
		__atomic_fetch_add(&s->interrupts, 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

/* Whenever the signal comes, before, in or after KVM_RUN, the guest does not swallow it. */
static void no_signal_is_lost(void **state)
{
	struct machine m;
	struct storm s = {.m = &m};
	pthread_t t;

	machine_create(&m, 1, true);
	emit(&m, A64_WFI);
	emit(&m, A64_B(-4));
	catch_signal(SIGUSR1);
	handled = 0;
	assert_int_equal(pthread_create(&t, NULL, storm_main, &s), 0);
	for (int n = 0; n < 300; n++) {
		unsigned before = __atomic_load_n(&s.interrupts, __ATOMIC_ACQUIRE);

		if (n == 299)
			__atomic_store_n(&s.stop, true, __ATOMIC_RELEASE);
		assert_int_equal(pthread_kill(t, SIGUSR1), 0);
		for (int wait = 0; __atomic_load_n(&s.interrupts, __ATOMIC_ACQUIRE) == before;
		     wait++) {
			/* Only a signal between two runs may need another one to be noticed. */
			assert_true(wait < 20000);
			usleep(100);
			if (handled > n)
				pthread_kill(t, SIGUSR1);
		}
	}
	pthread_kill(t, SIGUSR1);
	pthread_join(t, NULL);
	machine_destroy(&m);
}

static struct machine *in_handler;

static void use_vcpu(int sig)
{
	int saved = errno;

	handled += pc_get(in_handler, 0) != 0;
	errno = saved;
}

/* A handler that runs while the vCPU sleeps may use the vCPU: the kernel's KVM has let go by then.
 */
static void handlers_may_use_the_vcpu(void **state)
{
	struct sigaction sa = {.sa_handler = use_vcpu};
	struct runner r = {0};
	struct machine m;

	machine_create(&m, 1, true);
	emit_mark(&m);
	emit(&m, A64_WFI);
	emit(&m, A64_B(-4));
	r.m = in_handler = &m;
	handled = 0;
	sigemptyset(&sa.sa_mask);
	assert_int_equal(sigaction(SIGUSR1, &sa, NULL), 0);
	assert_int_equal(pthread_create(&r.thread, NULL, runner_main, &r), 0);
	asleep(&m);
	assert_int_equal(pthread_kill(r.thread, SIGUSR1), 0);
	pthread_join(r.thread, NULL);
	assert_int_equal(r.result, -EINTR);
	assert_int_equal(handled, 1);
	machine_destroy(&m);
}

static void *run_thread(void *opaque)
{
	return (void *)(intptr_t)run(opaque, 0);
}

/* Only a run that begins looks at it: what was there before stays, and nothing is executed. */
static void immediate_exit(void **state)
{
	struct machine m;
	pthread_t t;

	machine_create(&m, 1, true);
	emit_mark(&m);
	emit(&m, A64_B_SELF);
	m.run[0]->immediate_exit = 1;
	m.run[0]->exit_reason = KVM_EXIT_DEBUG;
	assert_int_equal(run(&m, 0), -EINTR);
	assert_int_equal(m.run[0]->exit_reason, KVM_EXIT_DEBUG);
	assert_int_equal(pc_get(&m, 0), RAM);
	m.run[0]->immediate_exit = 0;
	assert_int_equal(pthread_create(&t, NULL, run_thread, &m), 0);
	wait_for_mark(&m);
	__atomic_store_n(&m.run[0]->immediate_exit, 1, __ATOMIC_RELAXED);
	usleep(20000);
	assert_int_equal(pthread_tryjoin_np(t, NULL), EBUSY);
	assert_int_equal((intptr_t)interrupt(t), -EINTR);
	assert_int_equal(m.run[0]->exit_reason, KVM_EXIT_INTR);
	machine_destroy(&m);
}

/* ---- KVM_SET_SIGNAL_MASK ---- */

static int set_mask(struct machine *m, uint32_t len, uint64_t bits)
{
	struct kvm_signal_mask head = {.len = len};
	uint8_t arg[sizeof(head) + sizeof(bits)];

	memcpy(arg, &head, sizeof(head));
	memcpy(arg + sizeof(head), &bits, sizeof(bits));
	return kvm_ptr(m->vcpu[0], KVM_SET_SIGNAL_MASK, arg);
}

/*
 * A signal that the thread blocks ends the run if the run's own mask lets it through; no handler
 * runs, and it is still pending afterwards.
 */
static void mask_of_the_run(struct machine *m)
{
	struct runner r = {.m = m};
	sigset_t usr1, pending, before;
	struct timespec none = {0, 0};

	handled = 0;
	catch_signal(SIGUSR1);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	assert_int_equal(pthread_sigmask(SIG_BLOCK, &usr1, &before), 0);
	assert_int_equal(set_mask(m, 8, ~(UINT64_C(1) << (SIGUSR1 - 1))), 0);
	assert_int_equal(pthread_create(&r.thread, NULL, runner_main, &r), 0);
	wait_for_mark(m);
	usleep(5000);
	/* To the process: any thread may take it, and all of them block it. */
	assert_int_equal(kill(getpid(), SIGUSR1), 0);
	pthread_join(r.thread, NULL);
	assert_int_equal(r.result, -EINTR);
	assert_int_equal(m->run[0]->exit_reason, KVM_EXIT_INTR);
	assert_int_equal(handled, 0);
	assert_int_equal(sigpending(&pending), 0);
	assert_int_equal(sigismember(&pending, SIGUSR1), 1);
	assert_int_equal(sigtimedwait(&usr1, NULL, &none), SIGUSR1);
	assert_int_equal(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
}

static void signal_mask(void **state)
{
	struct machine m;

	machine_create(&m, 1, true);
	assert_int_equal(set_mask(&m, 4, 0), -EINVAL);
	assert_int_equal(set_mask(&m, 16, 0), -EINVAL);
	assert_int_equal(kvm(m.vcpu[0], KVM_SET_SIGNAL_MASK, 8), -EFAULT);
	assert_int_equal(kvm(m.vcpu[0], KVM_SET_SIGNAL_MASK, 0), 0);
	emit_mark(&m);
	emit(&m, A64_B_SELF);
	mask_of_the_run(&m);
	clear_mark(&m);
	code_at(&m, RAM + 0x1000);
	emit_mark(&m);
	emit(&m, A64_WFI);
	pc_set(&m, 0, RAM + 0x1000);
	mask_of_the_run(&m);
	machine_destroy(&m);
}

/* What the run's mask blocks does not end it, though the thread would take it. */
static void blocked_by_the_run(void **state)
{
	struct machine m;
	struct runner r = {.m = &m};

	machine_create(&m, 1, true);
	emit_mark(&m);
	emit(&m, A64_WFI);
	handled = 0;
	catch_signal(SIGUSR1);
	assert_int_equal(set_mask(&m, 8, UINT64_C(1) << (SIGUSR1 - 1)), 0);
	assert_int_equal(pthread_create(&r.thread, NULL, runner_main, &r), 0);
	wait_for_mark(&m);
	assert_int_equal(pthread_kill(r.thread, SIGUSR1), 0);
	usleep(60000);
	assert_int_equal(pthread_tryjoin_np(r.thread, NULL), EBUSY);
	assert_int_equal(handled, 0);
	interrupt(r.thread);
	assert_int_equal(r.result, -EINTR);
	assert_int_equal(handled, 1);
	machine_destroy(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(while_executing),
	    cmocka_unit_test(while_waiting),
	    cmocka_unit_test(while_waiting_for_an_event),
	    cmocka_unit_test(while_off),
	    cmocka_unit_test(waiting_really_sleeps),
	    cmocka_unit_test(callers_mask_is_respected),
	    cmocka_unit_test(mask_is_restored),
	    cmocka_unit_test(ignored_signals_do_not_interrupt),
	    cmocka_unit_test(no_signal_is_lost),
	    cmocka_unit_test(handlers_may_use_the_vcpu),
	    cmocka_unit_test(immediate_exit),
	    cmocka_unit_test(signal_mask),
	    cmocka_unit_test(blocked_by_the_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
