/* SPDX-License-Identifier: MIT */
/*
 * The virtual machine: memory, vCPUs, interrupt controller, timers and firmware put together, and
 * the loop that runs a vCPU. It knows nothing of file descriptors and ioctls; that is kvm/.
 *
 * Lock order: vm.lock or vcpu.mutex first (never both by waiting: whoever holds vm.lock only
 * tries a vcpu.mutex), then vm.slots_lock, then vcpu.power_lock and what the parts have inside.
 */
#ifndef AM_VM_VM_H
#define AM_VM_VM_H

#include <armature/gic.h>
#include <armature/mmio.h>
#include <armature/sdei.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/lock.h"
#include "cpu/cpu.h"
#include "fw/fw.h"
#include "mem/mem.h"
#include "timer/timer.h"
#include "vm/io.h"
#include "vm/irqfd.h"

#define VM_MAX_VCPUS	  512u
#define VM_IPA_BITS_LIMIT 52u /* what the CPU has */
#define VM_IPA_BITS_MIN	  32u
#define VM_IPA_BITS_USUAL 40u

/*
 * Statistics, with KVM's names. Each has one writer at a time; user space reads them through a
 * file of which `map` is a part, made when it first asks (kvm/stats.c).
 */
enum vm_stat { VM_STAT_REMOTE_TLB_FLUSH, VM_STAT_REMOTE_TLB_FLUSH_REQUESTS, VM_NR_STATS };

#define VCPU_STAT_BUCKETS 32

/* EL2's timers have interrupts as well, which user space can ask for; no guest here has them. */
enum { VM_TIMER_HYP_VIRTUAL = TIMER_COUNT, VM_TIMER_HYP_PHYSICAL, VM_NR_TIMER_PPIS };

enum vcpu_stat {
	VCPU_STAT_HALT_SUCCESSFUL_POLL, /* nothing polls here: the six about it stay 0 */
	VCPU_STAT_HALT_ATTEMPTED_POLL,
	VCPU_STAT_HALT_POLL_INVALID,
	VCPU_STAT_HALT_WAKEUP,
	VCPU_STAT_HALT_POLL_SUCCESS_NS,
	VCPU_STAT_HALT_POLL_FAIL_NS,
	VCPU_STAT_HALT_WAIT_NS,
	VCPU_STAT_HALT_POLL_SUCCESS_HIST,
	VCPU_STAT_HALT_POLL_FAIL_HIST = VCPU_STAT_HALT_POLL_SUCCESS_HIST + VCPU_STAT_BUCKETS,
	VCPU_STAT_HALT_WAIT_HIST = VCPU_STAT_HALT_POLL_FAIL_HIST + VCPU_STAT_BUCKETS,
	VCPU_STAT_BLOCKING = VCPU_STAT_HALT_WAIT_HIST + VCPU_STAT_BUCKETS,
	VCPU_STAT_HVC_EXITS,
	VCPU_STAT_WFE_EXITS,
	VCPU_STAT_WFI_EXITS,
	VCPU_STAT_MMIO_EXIT_USER,
	VCPU_STAT_MMIO_EXIT_KERNEL,
	VCPU_STAT_SIGNAL_EXITS,
	VCPU_STAT_EXITS,
	VCPU_NR_STATS,
};

struct vm_stats {
	uint64_t *value;
	void *map; /* NULL: nobody has asked yet */
	size_t map_len;
	int fd; /* valid with map */
};

static inline void vm_stat_set(struct vm_stats *s, unsigned which, uint64_t v)
{
	__atomic_store_n(&s->value[which], v, __ATOMIC_RELAXED);
}

static inline void vm_stat_add(struct vm_stats *s, unsigned which, uint64_t v)
{
	vm_stat_set(s, which, s->value[which] + v);
}

/* Continue in @to, which is in @map. */
void vm_stats_move(struct vm_stats *s, unsigned nr, uint64_t *to);
void vm_stats_finish(struct vm_stats *s);

struct sdei;
struct sdei_pe;

struct vm_handled {
	am_sdei_handled *fn;
	void *opaque;
};

struct vm {
	atomic_uint refs;
	pid_t pid; /* of the process that made it: nobody else may use it */
	unsigned ipa_bits;
	unsigned pa_bits; /* of the machine that the VM is told it runs on: the limit of ipa_bits */

	pthread_mutex_t lock; /* what exists: vCPUs, the GIC; and its set-up */
	pthread_mutex_t slots_lock;

	struct mem *mem;
	struct cpu_cluster *cluster;
	struct am_bus *bus;
	_Atomic(struct am_gic *) gic; /* NULL: user space has the interrupt controller */
	struct am_gic *early_gic;     /* of ITSes that were made before a GICv3; under lock */
	struct timer_offsets timers;
	atomic_uint timer_ppi[VM_NR_TIMER_PPIS];
	atomic_bool offsets_fixed; /* user space set them: creating vCPUs does not */
	struct fw fw;
	struct sdei *sdei;
	struct am_lock handled_lock;
	struct vm_handled handled;
	struct vm_io io;
	struct vm_irqs irqs;
	unsigned manual_log;	  /* KVM_DIRTY_LOG_*, how dirty logs work; under slots_lock */
	atomic_uint ring_entries; /* of each vCPU's dirty ring; 0: none. Written under lock */

	atomic_bool dead;	  /* set-up failed half way: every call is -EIO */
	bool keep_failed;	  /* ... but not when the GIC's layout is wrong */
	atomic_bool has_run;	  /* some vCPU has */
	atomic_bool nisv_to_user; /* accesses without syndrome are user space's */

	struct vm_stats stats; /* under slots_lock */
	uint64_t own_stats[VM_NR_STATS];

	atomic_uint max_vcpus; /* a GICv2 has 8; written under lock */
	atomic_uint nr_vcpus;
	_Atomic(struct vcpu *) vcpus[VM_MAX_VCPUS]; /* in order of creation */
	_Atomic(struct vcpu *) by_id[VM_MAX_VCPUS];
	/* Those whose creation failed half way: others may still have seen them. Under lock. */
	struct vcpu *spare[VM_MAX_VCPUS];
};

enum vcpu_power { VCPU_RUNNABLE, VCPU_STOPPED, VCPU_SUSPENDED };

struct vcpu {
	struct vm *vm;
	unsigned id;
	_Atomic uint64_t affinity; /* of MPIDR_EL1, for whoever looks for it */
	struct cpu *cpu;
	struct timer timer;
	struct sdei_pe *sdei;
	struct mem_view view;
	struct mem_ring ring; /* with view.ring: what user space maps at ring_fd */
	int ring_fd;
	void *shared; /* what user space maps */
	size_t shared_len;
	const uint8_t *immediate_exit; /* in it */
	uint64_t *user_irq_level;      /* in it: the timers' outputs where there is no GIC */

	pthread_mutex_t mutex; /* one user at a time: all that follows up to power_lock */
	bool initialized;
	bool has_run;
	bool sync_timer_lines; /* the GIC has not been told what they are */
	bool mmio_pending;     /* cpu_complete_mmio() is due */
	uint32_t target, features;
	uint64_t spsr32[4]; /* abt, und, irq, fiq: values that only user space sees */

	struct am_lock power_lock; /* reset_*, and changes of power */
	atomic_int power;	   /* enum vcpu_power */
	bool reset_due;
	uint64_t reset_pc, reset_x0;

	struct {
		uint64_t ipa;  /* of the guest's structure; FW_NO_ADDRESS: none */
		uint64_t seen; /* what the kernel said last */
		uint64_t next; /* when to ask again */
		bool begin;    /* the structure starts from zero */
	} steal;
	struct vm_stats stats;
	uint64_t own_stats[VCPU_NR_STATS];
	bool has_sigmask; /* the mask while running is not the caller's but this
			     (KVM_SET_SIGNAL_MASK) */
	sigset_t sigmask;

	/* Of the thread in vcpu_run(). */
	sigset_t outside; /* the caller's signal mask */
	sigset_t awaited; /* the mask that says which signals end the run */
	uint64_t signals_checked;
	uint64_t wfe_last;
	unsigned wfe_streak;
	bool leave; /* a signal or the user asks for it */

	atomic_int asleep;
	atomic_int wake_fd; /* eventfd, made when it first sleeps; -1 */
};

/* ---- VM (vm.c) ---- */

/* @pa_bits: of the machine, at least @ipa_bits. */
int vm_create(unsigned ipa_bits, unsigned pa_bits, struct vm **out);
void vm_get(struct vm *vm);
void vm_put(struct vm *vm);

/*
 * The errors of KVM_CREATE_VCPU. Under vm.lock: vm_vcpu_check, vm_vcpu_create, then
 * vm_vcpu_publish or, when something else failed, vm_vcpu_abandon.
 */
int vm_vcpu_check(struct vm *vm, unsigned id);
int vm_vcpu_create(struct vm *vm, unsigned id, struct vcpu **out);
int vm_vcpu_publish(struct vcpu *v);
void vm_vcpu_abandon(struct vcpu *v);
struct vcpu *vm_vcpu_by_id(struct vm *vm, unsigned id);
struct vcpu *vm_vcpu_nth(struct vm *vm, unsigned n);
uint64_t vm_mpidr(unsigned id);
/* The first vCPU that has these fields Aff3, Aff2..Aff0 in MPIDR_EL1; NULL: none. */
struct vcpu *vm_vcpu_by_affinity(struct vm *vm, uint64_t affinity);
/* User space has written MPIDR_EL1. Under vm.lock. */
void vm_vcpu_mpidr_changed(struct vcpu *v);

/* All vCPU mutexes, none of them by waiting: -EBUSY. Under vm.lock. */
int vm_lock_vcpus(struct vm *vm);
void vm_unlock_vcpus(struct vm *vm);

/* The VM's GIC, @version 2 or 3, with all vCPUs there are. -E2BIG: too many. Under vm.lock. */
int vm_create_gic(struct vm *vm, unsigned version);
struct am_gic *vm_gic(struct vm *vm);
/*
 * There is a GIC: is it initialised? -EBUSY if not; but a GICv2 then is, as in KVM. Its interrupt
 * numbers have their usual meaning from then on. vm_gic_ready() takes vm.lock, the other has it.
 */
int vm_gic_ready(struct vm *vm);
int vm_gic_ready_locked(struct vm *vm);

/*
 * An ITS for the VM's GICv3, or the one that it is going to have; it lives as long as the VM.
 * -ENODEV: the VM has a GICv2. Under vm.lock.
 */
struct am_its;
int vm_create_its(struct vm *vm, struct am_its **its);
/* Takes vm.lock. */
bool vm_has_its(struct vm *vm);

/* ---- vCPU (vcpu.c) ---- */

/* Architectural reset; the power state stays. */
void vcpu_reset(struct vcpu *v, uint64_t pc, uint64_t x0);
void vcpu_set_power(struct vcpu *v, enum vcpu_power power);
/* Start a stopped vCPU, which resets itself before it runs. False: it was not stopped. */
bool vcpu_power_on(struct vcpu *v, uint64_t pc, uint64_t x0);
/* Every vCPU stops; those that run notice soon. */
void vm_stop_all(struct vm *vm);

/* Any thread: whatever the vCPU sleeps for may have happened. */
void vcpu_wake(struct vcpu *v);
/* Sleep until @done, the host time @deadline, or a signal (-EINTR). In vcpu_run() only. */
int vcpu_sleep(struct vcpu *v, uint64_t deadline, bool (*done)(struct vcpu *v));
/* Has a signal arrived that the caller of vcpu_run() would take? */
bool vcpu_signal_pending(struct vcpu *v);

/* The reset that PSCI CPU_ON left to do, before anybody looks at the vCPU's state. */
void vcpu_settle_reset(struct vcpu *v);

/* The interrupt inputs of a vCPU where there is no GIC. */
void vcpu_set_user_irq(struct vcpu *v, bool fiq, bool level);

/* ---- Running (run.c) ---- */

enum vm_exit_kind {
	VM_EXIT_MMIO,
	VM_EXIT_NISV,
	VM_EXIT_SYSTEM_EVENT,
	VM_EXIT_DEBUG,
	VM_EXIT_RING_FULL,
	VM_EXIT_HYPERCALL,
};

enum vm_event { VM_EVENT_SHUTDOWN = 1, VM_EVENT_RESET, VM_EVENT_WAKEUP = 4, VM_EVENT_SUSPEND };

struct vm_exit {
	enum vm_exit_kind kind;
	enum vm_event event;
	bool has_flags;
	uint64_t event_flags;
	struct cpu_mmio mmio;
	uint64_t debug_esr, debug_far;
	uint32_t call; /* the function that user space answers, and whether it came by SMC */
	bool smc;
};

/* What the first run of a vCPU checks and sets up. */
int vcpu_first_run(struct vcpu *v);
/*
 * Around vcpu_run(): in between no signal is delivered to the thread, so that what a handler
 * leaves for the run to see is seen by it or not yet written.
 */
void vcpu_run_begin(struct vcpu *v, sigset_t *outside);
void vcpu_run_end(const sigset_t *outside);
/* 0 and *exit, or -errno: -EINTR (a signal), -EFAULT, -ENOSYS, -ENOMEM. */
int vcpu_run(struct vcpu *v, struct vm_exit *exit);
/* Finish the access of VM_EXIT_MMIO, if one is pending. */
void vcpu_complete_mmio(struct vcpu *v, uint64_t value);
/* User space has answered an access with an external abort: instead of completing it. */
void vcpu_abort_access(struct vcpu *v);

/* ---- Stolen time (steal.c) ---- */

bool vm_steal_supported(void);
/* -EINVAL: not aligned, or no memory there. -EEXIST: set already. */
int vcpu_set_steal(struct vcpu *v, uint64_t ipa);
/* Only from the tick, when the host memory of a slot may be used. */
void vcpu_steal_update(struct vcpu *v, uint64_t now);
/* struct fw_ops */
uint64_t vm_steal_address(void *vcpu);
void vm_steal_begin(void *vcpu);

/* ---- Software delegated exceptions (sdei.c) ---- */

/* 0 or -ENOMEM. */
int vm_sdei_init(struct vm *vm);
int vcpu_sdei_init(struct vcpu *v);
/* Before each entry: the handler of what is due is what runs then. */
void vcpu_deliver_events(struct vcpu *v);
/* The call in the vCPU's registers, for which fw_call() said FW_SDEI. */
void vcpu_sdei_call(struct vcpu *v);
/* -EBUSY: a vCPU has run. */
int vm_sdei_on_handled(struct vm *vm, am_sdei_handled *fn, void *opaque);
/* struct am_gic_ops */
void vm_bound_pending(void *opaque, int vcpu, unsigned intid);

/* ---- What surrounds the CPU and the firmware (env.c, power.c) ---- */

extern const struct cpu_ops vm_cpu_ops;
extern const struct fw_ops vm_fw_ops;
void vm_timer_line(void *opaque, enum timer_which which, bool level);
/* Where there is no GIC: do the timers' outputs differ from what user space was told? */
bool vm_user_irq_changed(struct vcpu *v);
void vm_irq_line_changed(void *opaque, unsigned vcpu, bool irq, bool fiq);

/* An HVC or SMC by the guest: what vcpu_run() does next. True: leave with *exit. */
bool vm_hypercall(struct vcpu *v, bool smc, struct vm_exit *exit, bool *wait);

#endif
