/* SPDX-License-Identifier: MIT */
/*
 * The life of a machine, on the main thread: start, wait for an end, stop, and perhaps start again.
 * Signals that should end the program are blocked everywhere and read here, so that the terminal
 * is given back first.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "vmm/commands.h"
#include "vmm/console.h"
#include "vmm/control.h"
#include "vmm/machine.h"
#include "vmm/poison.h"
#include "vmm/report.h"
#include "vmm/state.h"
#include "vmm/terminal.h"

static const int handled_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT};

/* What one wait brought. */
struct news {
	int signal; /* one that ends the program, or 0 */
};

static int open_signals(struct machine *m)
{
	sigset_t set;

	sigemptyset(&set);
	for (unsigned i = 0; i < sizeof(handled_signals) / sizeof(handled_signals[0]); i++) {
		struct sigaction sa;

		/* "nohup armature ..." and background jobs of old shells ignore some: keep that. */
		if (sigaction(handled_signals[i], NULL, &sa) == 0 && sa.sa_handler == SIG_IGN)
			continue;
		sigaddset(&set, handled_signals[i]);
	}
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	/* A closed standard output is an error of write(), with a message. */
	signal(SIGPIPE, SIG_IGN);
	m->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (m->signal_fd < 0)
		return vmm_fail(VMM_HOST, "cannot make a file descriptor: %s", strerror(errno));
	return 0;
}

/* Ends the process as the signal would have, had it not been read. */
static void die_of(int sig)
{
	sigset_t set;

	terminal_restore();
	signal(sig, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, sig);
	raise(sig);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	_exit(128 + sig);
}

static void raise_nmi(struct machine *m)
{
	int error = machine_nmi(m);

	if (error)
		vmm_say("Ctrl-A n: %s", machine_raise_error(error));
}

static void wait_news(struct machine *m, int timeout_ms, struct news *news)
{
	struct pollfd p[] = {
	    {.fd = m->event_fd, .events = POLLIN},
	    {.fd = m->rtc_fd, .events = POLLIN},
	    {.fd = m->signal_fd, .events = POLLIN},
	    {.fd = control_fd(m->control), .events = POLLIN},
	};
	struct signalfd_siginfo si;
	uint64_t count;

	if (poll(p, 4, timeout_ms) <= 0)
		return;
	if (p[0].revents && read(m->event_fd, &count, sizeof(count)) < 0)
		return;
	if (p[3].revents)
		control_serve(m->control);
	if (atomic_exchange(&m->nmi, false))
		raise_nmi(m);
	if (p[1].revents && read(m->rtc_fd, &count, sizeof(count)) == (ssize_t)sizeof(count))
		pl031_tick(&m->rtc);
	if (!p[2].revents || read(m->signal_fd, &si, sizeof(si)) != (ssize_t)sizeof(si))
		return;
	switch (si.ssi_signo) {
	case SIGTSTP:
		terminal_restore();
		raise(SIGSTOP);
		terminal_raw();
		break;
	case SIGCONT:
		/* Whoever stopped us may have changed the terminal. */
		terminal_raw();
		break;
	default:
		news->signal = (int)si.ssi_signo;
	}
}

/*
 * Brings all vCPU threads home and lets the output drain. Neither may need to wait for somebody
 * who does not read our output when the user wants to leave.
 */
static void stop(struct machine *m, struct news *news, bool drain)
{
	const struct timespec moment = {.tv_nsec = 2000000};

	atomic_store(&m->stop, true);
	for (;;) {
		bool threads = atomic_load(&m->running) != 0;

		if (!threads && (!drain || console_drained(m->console)))
			break;
		if (news->signal || atomic_load(&m->end) == END_QUIT) {
			console_discard(m->console);
			drain = false;
		}
		for (unsigned i = 0; threads && i < m->nr_vcpus; i++)
			if (m->vcpus[i].started)
				vcpu_kick(&m->vcpus[i]);
		nanosleep(&moment, NULL);
		wait_news(m, 0, news);
	}
	for (unsigned i = 0; i < m->nr_vcpus; i++) {
		if (m->vcpus[i].started)
			pthread_join(m->vcpus[i].thread, NULL);
		m->vcpus[i].started = false;
	}
}

/* ---- --recreate-every ---- */

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000) + t.tv_nsec / 1000000;
}

/* When the next time is: random, so that it meets the guest anywhere. Never: INT64_MAX. */
static int64_t next_recreation(const struct machine *m)
{
	unsigned every = m->opt->recreate_every;

	if (!every)
		return INT64_MAX;
	return now_ms() + every / 2 + random() % (every + 1);
}

/* The vCPUs' threads have left: the same machine goes on in another VM. */
static int recreate(struct machine *m)
{
	struct poison *poison = NULL;
	struct state *s;
	int status;

	lines_hold(m);
	status = state_save(m, &s);
	if (status)
		return status;
	if (m->opt->recreate_poison)
		status = poison_apply(m, s, &poison);
	if (!status)
		status = machine_recreate_vm(m);
	if (!status)
		status = state_restore(m, s);
	m->poisoned += poison_bytes(poison);
	poison_undo(poison);
	if (!status) {
		lines_release(m, s->lines);
		m->recreated++;
	}
	state_destroy(s);
	return status;
}

/* Until something ends the run or @deadline is there. */
static void wait_for_end(struct machine *m, struct news *news, int64_t deadline)
{
	while (!news->signal && atomic_load(&m->end) == END_NONE) {
		int64_t left = deadline == INT64_MAX ? -1 : deadline - now_ms();

		if (left <= 0 && deadline != INT64_MAX)
			return;
		wait_news(m, left > INT_MAX ? INT_MAX : (int)left, news);
	}
}

/* One boot of the guest. Returns a status that ends the program, or 0 and the reason in *@end. */
static int run_once(struct machine *m, struct news *news, enum machine_end *end)
{
	int status = 0;

	for (;;) {
		int64_t deadline = next_recreation(m);
		bool over;

		atomic_store(&m->stop, false);
		for (unsigned i = 0; i < m->nr_vcpus && !status; i++)
			status = vcpu_start(&m->vcpus[i]);
		if (!status)
			wait_for_end(m, news, deadline);
		over = status || news->signal || atomic_load(&m->end) != END_NONE;
		stop(m, news, over && !status && !news->signal);
		if (!over && !news->signal && atomic_load(&m->end) == END_NONE) {
			status = recreate(m);
			if (!status)
				continue;
		}
		/* It may have ended on the way to be made anew. */
		if (!over)
			stop(m, news, !status && !news->signal);
		*end = (enum machine_end)atomic_load(&m->end);
		return status;
	}
}

static int end_status(enum machine_end end)
{
	switch (end) {
	case END_OFF:
		return VMM_OK;
	case END_RESET:
		return vmm_fail(VMM_RESET, "the guest asked for a reset (--no-reboot)");
	case END_CRASH:
		return VMM_RESET;
	case END_QUIT:
		return VMM_QUIT;
	default:
		return VMM_HOST;
	}
}

/* ---- what the console asks of the machine ---- */

static size_t console_receive(void *opaque, const uint8_t *bytes, size_t n)
{
	struct machine *m = opaque;

	return devices_receive(m, bytes, n);
}

static void console_receive_break(void *opaque)
{
	devices_receive_break(opaque);
}

static void console_quit(void *opaque)
{
	machine_end(opaque, END_QUIT);
}

static void console_nmi(void *opaque)
{
	struct machine *m = opaque;

	atomic_store(&m->nmi, true);
	machine_wake(m);
}

static void console_output_failed(void *opaque, int error)
{
	vmm_say("standard output: %s: the guest's console cannot be written", strerror(error));
	machine_end(opaque, END_HOST);
}

static void control_command(void *opaque, const char *line, char *answer, size_t size)
{
	commands_run(opaque, line, answer, size);
}

static int open_control(struct machine *m)
{
	const struct control_host host = {.opaque = m, .command = control_command};

	return m->opt->control ? control_create(m->opt->control, &host, &m->control) : 0;
}

static void report_recreations(const struct machine *m)
{
	if (m->opt->recreate_poison)
		vmm_say("saved, destroyed and restored %u times, with garbage in %llu bytes",
			m->recreated, (unsigned long long)m->poisoned);
	else
		vmm_say("saved, destroyed and restored %u times", m->recreated);
}

/* Devices may be about to print something. */
static void end_console(struct machine *m)
{
	devices_stop(m);
	console_destroy(m->console);
	m->console = NULL;
	control_destroy(m->control);
	m->control = NULL;
}

static int loop(struct machine *m)
{
	for (;;) {
		enum machine_end end = END_NONE;
		struct news news = {0};
		int status = run_once(m, &news, &end);

		if (status || news.signal || end != END_RESET || m->opt->no_reboot) {
			end_console(m);
			if (m->opt->recreate_every)
				report_recreations(m);
			if (news.signal)
				die_of(news.signal);
			return status ? status : end_status(end);
		}
		machine_destroy_vm(m);
		devices_reset(m);
		status = machine_create_vm(m);
		if (!status)
			status = machine_boot(m);
		if (!status)
			lines_release(m, NULL);
		if (status) {
			end_console(m);
			return status;
		}
		/* Ctrl-A x may have come meanwhile. */
		int was = END_RESET;
		atomic_compare_exchange_strong(&m->end, &was, END_NONE);
	}
}

int machine_run(struct machine *m)
{
	const struct console_host host = {
	    .opaque = m,
	    .receive = console_receive,
	    .receive_break = console_receive_break,
	    .quit = console_quit,
	    .nmi = console_nmi,
	    .output_failed = console_output_failed,
	};
	int status = machine_create_vm(m);

	if (status)
		return status;
	if (m->opt->dump_dtb)
		return machine_dump_dtb(m);
	srandom((unsigned)now_ms());
	status = machine_boot(m);
	if (!status)
		status = open_signals(m);
	if (status)
		return status;
	vcpu_install_kick();
	lines_release(m, NULL);
	status = open_control(m);
	if (status)
		return status;
	m->console = console_create(&host);
	if (!m->console) {
		control_destroy(m->control);
		m->control = NULL;
		return vmm_fail(VMM_HOST, "cannot start the console: %s", strerror(errno));
	}
	return loop(m);
}
