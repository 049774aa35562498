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
#include <unistd.h>

#include "base/bits.h"
#include "base/trace.h"

/* ---- Reset and power ---- */

void vcpu_reset(struct vcpu *v, uint64_t pc, uint64_t x0)
{
	cpu_reset(v->cpu, pc);
	v->cpu->r[0] = x0;
	memset(v->spsr32, 0, sizeof(v->spsr32));
	timer_reset(&v->timer);
	v->sync_timer_lines = true;
	v->mmio_pending = false;
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

int vcpu_sleep(struct vcpu *v, uint64_t deadline, bool (*done)(struct vcpu *v))
{
	struct pollfd pfd = {.fd = wake_fd(v), .events = POLLIN};
	uint64_t drained;
	int err = 0;

	atomic_exchange(&v->asleep, 1);
	while (!done(v)) {
		uint64_t now = timer_now();
		uint64_t left = deadline > now ? deadline - now : 0;

		if (deadline != TIMER_NEVER && !left)
			break;
		if (pfd.fd < 0 && left > SLEEP_BLIND_NS)
			left = SLEEP_BLIND_NS;
		AM_TRACE(vm_wait, v->id, (unsigned long long)left);
		struct timespec ts = {(time_t)(left / TIMER_HZ), (long)(left % TIMER_HZ)};
		bool forever = deadline == TIMER_NEVER && pfd.fd >= 0;

		if (ppoll(&pfd, pfd.fd >= 0, forever ? NULL : &ts, &v->outside) < 0) {
			err = -errno;
			break;
		}
		if (pfd.fd >= 0 && pfd.revents && read(pfd.fd, &drained, sizeof(drained)) < 0)
			continue; /* somebody else's write came with ours: nothing left */
	}
	atomic_exchange(&v->asleep, 0);
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

bool vcpu_signal_pending(struct vcpu *v)
{
	sigset_t pending;
	uint64_t set, masked;

	if (sigpending(&pending))
		return false;
	/* The kernel's set is the first 64 bits; signal n is bit n - 1. */
	memcpy(&set, &pending, sizeof(set));
	memcpy(&masked, &v->outside, sizeof(masked));
	for (set &= ~masked; set; set &= set - 1) {
		/* A signal that nobody would notice is no reason to leave. */
		if (!is_ignored(__builtin_ctzll(set) + 1))
			return true;
	}
	return false;
}
