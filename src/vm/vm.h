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

#define VM_MAX_VCPUS	  512u
#define VM_IPA_BITS_LIMIT 48u /* what ID_AA64MMFR0_EL1.PARange says */
#define VM_IPA_BITS_MIN	  32u
#define VM_IPA_BITS_USUAL 40u

struct vm {
	atomic_uint refs;
	pid_t pid; /* of the process that made it: nobody else may use it */
	unsigned ipa_bits;

	pthread_mutex_t lock; /* what exists: vCPUs, the GIC; and its set-up */
	pthread_mutex_t slots_lock;

	struct mem *mem;
	struct cpu_cluster *cluster;
	struct am_bus *bus;
	_Atomic(struct am_gic *) gic; /* NULL: user space has the interrupt controller */
	struct timer_offsets timers;
	atomic_uint timer_ppi[TIMER_COUNT];
	atomic_bool offsets_fixed; /* user space set them: creating vCPUs does not */
	struct fw fw;

	atomic_bool dead;	  /* set-up failed half way: every call is -EIO */
	atomic_bool has_run;	  /* some vCPU has */
	atomic_bool nisv_to_user; /* accesses without syndrome are user space's */

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
	struct cpu *cpu;
	struct timer timer;
	unsigned mem_hint;
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

	/* Of the thread in vcpu_run(). */
	sigset_t outside; /* the caller's signal mask */
	uint64_t signals_checked;
	uint64_t wfe_last;
	unsigned wfe_streak;
	bool leave; /* a signal or the user asks for it */

	atomic_int asleep;
	atomic_int wake_fd; /* eventfd, made when it first sleeps; -1 */
};

/* ---- VM (vm.c) ---- */

int vm_create(unsigned ipa_bits, struct vm **out);
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

/* All vCPU mutexes, none of them by waiting: -EBUSY. Under vm.lock. */
int vm_lock_vcpus(struct vm *vm);
void vm_unlock_vcpus(struct vm *vm);

/* The VM's GICv3, with all vCPUs there are. Under vm.lock. */
int vm_create_gic(struct vm *vm);
struct am_gic *vm_gic(struct vm *vm);

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

/* The interrupt inputs of a vCPU where there is no GIC. */
void vcpu_set_user_irq(struct vcpu *v, bool fiq, bool level);

/* ---- Running (run.c) ---- */

enum vm_exit_kind { VM_EXIT_MMIO, VM_EXIT_NISV, VM_EXIT_SYSTEM_EVENT };

enum vm_event { VM_EVENT_SHUTDOWN = 1, VM_EVENT_RESET, VM_EVENT_WAKEUP = 4, VM_EVENT_SUSPEND };

struct vm_exit {
	enum vm_exit_kind kind;
	enum vm_event event;
	bool has_flags;
	uint64_t event_flags;
	struct cpu_mmio mmio;
};

/* What the first run of a vCPU checks and sets up. */
int vcpu_first_run(struct vcpu *v);
/* 0 and *exit, or -errno: -EINTR (a signal), -EFAULT, -ENOSYS, -ENOMEM. */
int vcpu_run(struct vcpu *v, struct vm_exit *exit);
/* Finish the access of VM_EXIT_MMIO, if one is pending. */
void vcpu_complete_mmio(struct vcpu *v, uint64_t value);

/* ---- What surrounds the CPU and the firmware (env.c, power.c) ---- */

extern const struct cpu_ops vm_cpu_ops;
extern const struct fw_ops vm_fw_ops;
void vm_timer_line(void *opaque, enum timer_which which, bool level);
/* Where there is no GIC: do the timers' outputs differ from what user space was told? */
bool vm_user_irq_changed(struct vcpu *v);
void vm_irq_line_changed(void *opaque, unsigned vcpu, bool irq, bool fiq);

/* An HVC by the guest: what vcpu_run() does next. True: leave with *exit. */
bool vm_hypercall(struct vcpu *v, struct vm_exit *exit, bool *wait);

#endif
