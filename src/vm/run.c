/* SPDX-License-Identifier: MIT */
/* The loop of KVM_RUN: enter the CPU, serve what it leaves for, sleep when it waits. */
#include <errno.h>
#include <sched.h>

#include "base/bits.h"
#include "base/trace.h"
#include "fw/sdei.h"
#include "vm/vm.h"

/* ---- First run ---- */

/* A layout that is not right ends the VM. A GICv2 is initialised by this, if nothing else did. */
static int map_gic(struct vm *vm, struct am_gic *gic)
{
	bool was_ready = am_gic_initialized(gic);
	int err = am_gic_map(gic, vm->bus);

	if (!err && !was_ready)
		err = vm_default_routes(vm);
	if (err && !vm->keep_failed)
		atomic_store(&vm->dead, true);
	return err;
}

int vcpu_first_run(struct vcpu *v)
{
	struct vm *vm = v->vm;
	int err = 0;

	if (v->has_run)
		return 0;
	pthread_mutex_lock(&vm->lock);
	struct am_gic *gic = vm_gic(vm);

	if (gic) {
		err = map_gic(vm, gic);
		if (!err && atomic_load(&vm->timer_ppi[0]) == atomic_load(&vm->timer_ppi[1]))
			err = -EINVAL;
	}
	if (!err) {
		/* KVM decides it here, too. */
		if (!gic || am_gic_version(gic) == 2)
			cpu_cluster_hide_icc(vm->cluster);
		for (unsigned w = 0; gic && w < TIMER_COUNT; w++)
			am_gic_own_ppi(gic, v->id, atomic_load(&vm->timer_ppi[w]));
		v->has_run = true;
		v->sync_timer_lines = true;
		atomic_store(&vm->has_run, true);
	}
	pthread_mutex_unlock(&vm->lock);
	return err;
}

/* ---- Waiting ---- */

static bool runnable(struct vcpu *v)
{
	return atomic_load(&v->power) != VCPU_STOPPED;
}

/* A masked PE is not woken by an event, as sdei_due() has it. */
static bool event_pending(struct vcpu *v)
{
	return cpu_irq_pending(v->cpu) || sdei_due(v->sdei);
}

static bool interrupted(struct vcpu *v)
{
	return event_pending(v) || atomic_load(&v->power) != VCPU_RUNNABLE;
}

static bool wake_condition(struct vcpu *v)
{
	return event_pending(v) || atomic_load(&v->power) != VCPU_SUSPENDED;
}

static void count_wait(struct vcpu *v, uint64_t ns)
{
	unsigned bucket = ns ? 64 - (unsigned)__builtin_clzll(ns) : 0;

	if (bucket >= VCPU_STAT_BUCKETS)
		bucket = VCPU_STAT_BUCKETS - 1;
	vm_stat_add(&v->stats, VCPU_STAT_HALT_WAKEUP, 1);
	vm_stat_add(&v->stats, VCPU_STAT_HALT_WAIT_NS, ns);
	vm_stat_add(&v->stats, VCPU_STAT_HALT_WAIT_HIST + bucket, 1);
}

/* WFI: until @done; the timers go on meanwhile. */
static int wait_until(struct vcpu *v, bool (*done)(struct vcpu *v))
{
	uint64_t since = timer_now(), now = since;
	int err;

	for (;;) {
		timer_update(&v->timer, now);
		if (done(v) || vm_user_irq_changed(v)) {
			if (now != since)
				count_wait(v, now - since);
			return 0;
		}
		vm_stat_set(&v->stats, VCPU_STAT_BLOCKING, 1);
		err = vcpu_sleep(v, v->timer.next, done);
		vm_stat_set(&v->stats, VCPU_STAT_BLOCKING, 0);
		if (err)
			return err;
		now = timer_now();
	}
}

/*
 * WFE waits for another vCPU, whose thread may want this very host CPU. Events are not delivered
 * to sleepers, so a vCPU that goes on waiting sleeps in short turns.
 */
#define WFE_STREAK_NS 20000
#define WFE_SPINS     16
#define WFE_SLEEP_NS  50000

static bool sdei_pending(struct vcpu *v)
{
	return sdei_due(v->sdei);
}

static int wait_for_event(struct vcpu *v)
{
	uint64_t now = timer_now();

	v->wfe_streak = now - v->wfe_last < WFE_STREAK_NS ? v->wfe_streak + 1 : 0;
	if (event_pending(v) || v->wfe_streak < WFE_SPINS) {
		sched_yield();
		v->wfe_last = timer_now();
		return 0;
	}
	int err = vcpu_sleep(v, now + WFE_SLEEP_NS, sdei_pending);

	v->wfe_last = timer_now();
	return err;
}

/* Come back runnable, and reset if somebody asked. 1: leave with *exit. */
static int settle_power(struct vcpu *v, struct vm_exit *exit)
{
	int err;

	if (!runnable(v)) {
		err = vcpu_sleep(v, TIMER_NEVER, runnable);
		if (err)
			return err;
	}
	if (atomic_load(&v->power) == VCPU_SUSPENDED) {
		err = wait_until(v, wake_condition);
		if (err)
			return err;
		if (atomic_load(&v->power) == VCPU_SUSPENDED) {
			*exit = (struct vm_exit){.kind = VM_EXIT_SYSTEM_EVENT,
						 .event = VM_EVENT_WAKEUP};
			return 1;
		}
	}
	vcpu_settle_reset(v);
	return 0;
}

/* ---- Exits ---- */

#define ESR_FSC UINT64_C(0x3f)

static int mmio_exit(struct vcpu *v, struct vm_exit *exit, bool *again)
{
	const struct cpu_mmio *m = &v->cpu->mmio;

	*again = false;
	switch (mem_kind(v->vm->mem, m->ipa, m->write)) {
	case MEM_MEMORY: /* since the access was tried: a slot has just come or moved there */
		*again = true;
		return 0;
	case MEM_BROKEN:
		return -EFAULT;
	case MEM_DEVICE:
		break;
	}
	if (!m->isv && !atomic_load(&v->vm->nisv_to_user))
		return -ENOSYS;
	*exit = (struct vm_exit){.kind = m->isv ? VM_EXIT_MMIO : VM_EXIT_NISV, .mmio = *m};
	if (!m->isv) /* user space sees it */
		exit->mmio.esr =
		    (m->esr & ~ESR_FSC) | mem_fault_status(v->vm->mem, m->ipa, m->write);
	v->mmio_pending = m->isv;
	vm_stat_add(&v->stats, VCPU_STAT_MMIO_EXIT_USER, 1);
	AM_TRACE(vm_mmio, v->id, (unsigned long long)m->ipa, m->size, m->write,
		 (unsigned long long)m->value);
	return 0;
}

void vcpu_complete_mmio(struct vcpu *v, uint64_t value)
{
	if (!v->mmio_pending)
		return;
	v->mmio_pending = false;
	cpu_complete_mmio(v->cpu, value);
}

void vcpu_abort_access(struct vcpu *v)
{
	v->mmio_pending = false;
	cpu_inject_dabt(v->cpu, v->cpu->mmio.va);
}

static int debug_exit(struct vcpu *v, struct vm_exit *exit)
{
	*exit = (struct vm_exit){
	    .kind = VM_EXIT_DEBUG, .debug_esr = v->cpu->debug_esr, .debug_far = v->cpu->debug_far};
	return 1;
}

static int hypercall(struct vcpu *v, bool smc, struct vm_exit *exit)
{
	bool wait;

	if (vm_hypercall(v, smc, exit, &wait))
		return 1;
	return wait ? wait_until(v, interrupted) : 0;
}

/* 0: go on; 1: leave with *exit; or -errno. */
static int handle_exit(struct vcpu *v, enum cpu_exit reason, struct vm_exit *exit)
{
	bool flag;
	int err;

	vm_stat_add(&v->stats, VCPU_STAT_EXITS, 1);
	switch (reason) {
	case CPU_EXIT_ATTENTION:
		return 0;
	case CPU_EXIT_WFI:
		vm_stat_add(&v->stats, VCPU_STAT_WFI_EXITS, 1);
		return wait_until(v, interrupted);
	case CPU_EXIT_WFE:
		vm_stat_add(&v->stats, VCPU_STAT_WFE_EXITS, 1);
		return wait_for_event(v);
	case CPU_EXIT_HVC:
		vm_stat_add(&v->stats, VCPU_STAT_HVC_EXITS, 1);
		return hypercall(v, false, exit);
	case CPU_EXIT_SMC:
		/* Nothing is above this EL2. Immediates but 0 are reserved (DEN0028 2.9). */
		if (!v->cpu->exit_imm)
			return hypercall(v, true, exit);
		v->cpu->r[0] = UINT64_MAX;
		return 0;
	case CPU_EXIT_MMIO:
		err = mmio_exit(v, exit, &flag);
		return err ? err : !flag;
	case CPU_EXIT_DEBUG:
		return debug_exit(v, exit);
	default:
		/* A dirty ring without room: prepare() says so to user space. */
		return v->cpu->exit_errno == EAGAIN ? 0 : -v->cpu->exit_errno;
	}
}

/* What must be so whenever the CPU is entered. */
static int prepare(struct vcpu *v, struct vm_exit *exit)
{
	int err;

	if (v->leave || vcpu_signal_pending(v)) {
		vm_stat_add(&v->stats, VCPU_STAT_SIGNAL_EXITS, 1);
		return -EINTR;
	}
	if (v->view.ring && mem_ring_full(v->view.ring)) {
		exit->kind = VM_EXIT_RING_FULL;
		return 1;
	}
	err = settle_power(v, exit);
	if (err)
		return err;
	timer_tick(&v->timer, timer_now());
	if (v->sync_timer_lines) {
		v->sync_timer_lines = false;
		timer_update(&v->timer, timer_now());
		for (unsigned w = 0; w < TIMER_COUNT; w++)
			vm_timer_line(v, w, timer_level(&v->timer, w));
	}
	if (vm_user_irq_changed(v))
		return -EINTR;
	if (am_unlikely(sdei_due(v->sdei)))
		vcpu_deliver_events(v);
	return 0;
}

static int loop(struct vcpu *v, struct vm_exit *exit)
{
	int r;

	do {
		r = prepare(v, exit);
		if (!r)
			r = handle_exit(v, cpu_run(v->cpu), exit);
	} while (!r);
	return r;
}

/* Not blocked: what the program's own faults raise, and what a debugger sends. */
static void block_signals(sigset_t *old)
{
	static const int never_blocked[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE,
					    SIGTRAP, SIGSYS, SIGABRT};
	sigset_t all;

	sigfillset(&all);
	for (unsigned n = 0; n < AM_ARRAY_SIZE(never_blocked); n++)
		sigdelset(&all, never_blocked[n]);
	pthread_sigmask(SIG_BLOCK, &all, old);
}

void vcpu_run_begin(struct vcpu *v, sigset_t *outside)
{
	block_signals(outside);
	v->outside = *outside;
	v->awaited = v->has_sigmask ? v->sigmask : *outside;
}

void vcpu_run_end(const sigset_t *outside)
{
	pthread_sigmask(SIG_SETMASK, outside, NULL);
}

int vcpu_run(struct vcpu *v, struct vm_exit *exit)
{
	int r;

	v->leave = false;
	v->signals_checked = timer_now();
	if (v->steal.ipa != FW_NO_ADDRESS) {
		v->steal.next = 0;
		cpu_kick(v->cpu);
	}
	r = loop(v, exit);
	if (r == -EINTR && !vm_gic(v->vm))
		__atomic_store_n(v->user_irq_level,
				 (uint64_t)timer_level(&v->timer, TIMER_VIRTUAL) |
				     (uint64_t)timer_level(&v->timer, TIMER_PHYSICAL) << 1,
				 __ATOMIC_RELAXED);
	return r > 0 ? 0 : r;
}
