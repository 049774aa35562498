/* SPDX-License-Identifier: MIT */
/*
 * A vCPU's power state, sleep and signals.
 *
 * While vcpu_run() is at work signals are blocked, so that their arrival can be asked for without
 * a handler of ours: a pending one makes it return -EINTR with the caller's mask restored, and
 * the caller's handler runs then. Sleeping uses ppoll() with the caller's mask, which is atomic.
 */
#include "vm/vm.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/trace.h"
#include "fw/sdei.h"

/* ---- Reset and power ---- */

void vcpu_reset(struct vcpu *v, uint64_t pc, uint64_t x0)
{
	cpu_reset(v->cpu, pc);
	v->cpu->r[0] = x0;
	memset(v->spsr32, 0, sizeof(v->spsr32));
	timer_reset(&v->timer);
	sdei_pe_reset(v->sdei);
	v->sync_timer_lines = true;
	v->mmio_pending = false;
}

void vcpu_settle_reset(struct vcpu *v)
{
	am_lock(&v->power_lock);
	bool due = v->reset_due;
	uint64_t pc = v->reset_pc, x0 = v->reset_x0;

	v->reset_due = false;
	am_unlock(&v->power_lock);
	if (due)
		vcpu_reset(v, pc, x0);
}

void vcpu_set_power(struct vcpu *v, enum vcpu_power power)
{
	static const char *const names[] = {"runnable", "stopped", "suspended"};

	AM_TRACE(vm_power, v->id, names[power]);
	am_lock(&v->power_lock);
	atomic_store(&v->power, power);
	am_unlock(&v->power_lock);
	cpu_kick(v->cpu);
	vcpu_wake(v);
}

bool vcpu_power_on(struct vcpu *v, uint64_t pc, uint64_t x0)
{
	bool was_off;

	am_lock(&v->power_lock);
	was_off = atomic_load(&v->power) == VCPU_STOPPED;
	if (was_off) {
		v->reset_due = true;
		v->reset_pc = pc;
		v->reset_x0 = x0;
		atomic_store(&v->power, VCPU_RUNNABLE);
	}
	am_unlock(&v->power_lock);
	if (was_off) {
		AM_TRACE(vm_power, v->id, "on");
		vcpu_wake(v);
	}
	return was_off;
}

void vm_stop_all(struct vm *vm)
{
	struct vcpu *v;

	for (unsigned n = 0; (v = vm_vcpu_nth(vm, n)); n++)
		vcpu_set_power(v, VCPU_STOPPED);
}

void vcpu_set_user_irq(struct vcpu *v, bool fiq, bool level)
{
	am_lock(&v->power_lock);
	bool irq_line = fiq ? atomic_load(&v->cpu->irq_line) : level;
	bool fiq_line = fiq ? level : atomic_load(&v->cpu->fiq_line);

	cpu_set_irq(v->cpu, irq_line, fiq_line);
	am_unlock(&v->power_lock);
	vcpu_wake(v);
}

/* ---- Sleep ---- */

/*
 * The waker makes its condition true and then looks at `asleep`; the sleeper sets `asleep` and
 * then looks at the condition. Both touch `asleep` by read-modify-write, so one of them comes
 * second and sees what the other did.
 */
void vcpu_wake(struct vcpu *v)
{
	uint64_t one = 1;

	if (!atomic_fetch_or(&v->asleep, 0))
		return;
	int fd = atomic_load_explicit(&v->wake_fd, memory_order_acquire);

	/* The only failure is a counter at its maximum, and then the sleeper wakes anyway. */
	if (fd >= 0 && write(fd, &one, sizeof(one)) < 0)
		return;
}

static int wake_fd(struct vcpu *v)
{
	int fd = atomic_load_explicit(&v->wake_fd, memory_order_relaxed);

	if (fd < 0) {
		fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (fd >= 0)
			atomic_store_explicit(&v->wake_fd, fd, memory_order_release);
	}
	return fd;
}

/* Without a descriptor to be woken by, look again after this time. */
#define SLEEP_BLIND_NS 1000000

/*
 * With a mask of user space's own (KVM_SET_SIGNAL_MASK) a signal only ends the sleep and stays
 * pending: a descriptor tells of it. Where such descriptors do not see every signal, this is how
 * long one may wait.
 */
#define SLEEP_MASKED_NS 20000000

static int awaited_fd(struct vcpu *v)
{
	sigset_t set;

	if (!v->has_sigmask)
		return -1;
	sigfillset(&set);
	for (int sig = 1; sig < NSIG; sig++) {
		if (sigismember(&v->awaited, sig) == 1)
			sigdelset(&set, sig);
	}
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* The kernel adds the slack, 50 us as a rule, to every timeout; a guest's timer is exact. */
static void be_punctual(void)
{
	static _Thread_local bool done;

	if (!done)
		prctl(PR_SET_TIMERSLACK, 1ul, 0ul, 0ul, 0ul);
	done = true;
}

/* One wait of at most @left ns, or without end. */
static int wait_once(struct vcpu *v, struct pollfd *fds, uint64_t left, bool forever)
{
	struct timespec ts = {(time_t)(left / TIMER_HZ), (long)(left % TIMER_HZ)};
	uint64_t drained;

	AM_TRACE(vm_wait, v->id, (unsigned long long)left);
	if (ppoll(fds, 2, forever ? NULL : &ts, v->has_sigmask ? NULL : &v->outside) < 0)
		return -errno;
	/* Failing means that somebody else's write came with ours: nothing is left. */
	if (fds[0].revents && read(fds[0].fd, &drained, sizeof(drained)) < 0)
		return 0;
	return 0;
}

int vcpu_sleep(struct vcpu *v, uint64_t deadline, bool (*done)(struct vcpu *v))
{
	/* Descriptors that could not be had are -1: ppoll() ignores them. */
	struct pollfd fds[2] = {{.fd = wake_fd(v), .events = POLLIN},
				{.fd = awaited_fd(v), .events = POLLIN}};
	uint64_t limit = UINT64_MAX;
	int err = 0;

	be_punctual();
	if (v->has_sigmask)
		limit = SLEEP_MASKED_NS;
	if (fds[0].fd < 0)
		limit = SLEEP_BLIND_NS;
	atomic_exchange(&v->asleep, 1);
	while (!err && !done(v)) {
		uint64_t now = timer_now();
		uint64_t left = deadline > now ? deadline - now : 0;
		bool forever = deadline == TIMER_NEVER && limit == UINT64_MAX;

		if (!left)
			break;
		err = wait_once(v, fds, left < limit ? left : limit, forever);
		if (!err && v->has_sigmask && vcpu_signal_pending(v))
			err = -EINTR;
	}
	atomic_exchange(&v->asleep, 0);
	if (fds[1].fd >= 0)
		close(fds[1].fd);
	return err;
}

/* ---- Signals ---- */

static bool is_ignored(int sig)
{
	struct sigaction sa;

	if (sigaction(sig, NULL, &sa))
		return false;
	if (sa.sa_handler == SIG_IGN)
		return true;
	return sa.sa_handler == SIG_DFL &&
	       (sig == SIGCHLD || sig == SIGURG || sig == SIGWINCH || sig == SIGCONT);
}

/* The kernel's set is the first 64 bits; signal n is bit n - 1. */
static uint64_t signal_bits(const sigset_t *set)
{
	uint64_t bits;

	memcpy(&bits, set, sizeof(bits));
	return bits;
}

bool vcpu_signal_pending(struct vcpu *v)
{
	uint64_t outside = signal_bits(&v->outside), set;
	sigset_t pending;

	if (sigpending(&pending))
		return false;
	for (set = signal_bits(&pending) & ~signal_bits(&v->awaited); set; set &= set - 1) {
		unsigned bit = __builtin_ctzll(set);

		/* A signal that nobody would notice is no reason to leave. */
		if (am_bit(outside, bit) || !is_ignored((int)bit + 1))
			return true;
	}
	return false;
}
