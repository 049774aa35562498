/* SPDX-License-Identifier: MIT */
/*
 * The dispatcher of software delegated exceptions (SDEI 1.1, DEN0054). It knows no CPU, no GIC and
 * no VM: registers come and go in struct sdei_frame, the rest is asked for through struct sdei_ops.
 *
 *     sdei_create -> sdei_pe_create for each vCPU
 *     -> at the start of each KVM_RUN sdei_check
 *     -> before each entry: if (sdei_due(pe)) { fill a frame; if (sdei_deliver()) write it back }
 *     -> an HVC or SMC for which sdei_is_call(): sdei_call
 *
 * One lock for each VM, taken inside and never waited for by sdei_due() and sdei_interrupt().
 * Nothing is allocated but by the two create functions.
 *
 * Locks: the callbacks irq_* are made with the lock held, kick perhaps. They must not call back
 * (what irq_* functions cause may end in sdei_interrupt()), and must not wait for a lock that
 * somebody holds around a call of any function here but sdei_due() and sdei_interrupt().
 */
#ifndef AM_FW_SDEI_H
#define AM_FW_SDEI_H

#include <armature/sdei.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sdei;	/* of a VM */
struct sdei_pe; /* of a vCPU */

struct sdei_ops {
	/*
	 * sdei_due(pe) of @vcpu has become true: it must not sleep, and look before it goes on
	 * running its guest. Not called for what a vCPU's own calls cause.
	 */
	void (*kick)(void *opaque, void *vcpu);
	/* A handler has ended on @vcpu. No lock is held; any function here may be called. */
	void (*handled)(void *opaque, void *vcpu, uint32_t event, enum am_sdei_status status);

	/*
	 * Interrupts. @vcpu is NULL for an SPI. All six are NULL where nothing can be bound.
	 *
	 * May a guest bind @intid, which is a PPI's or SPI's number? 0; -EINVAL: there is no such
	 * interrupt; -EPERM: it is not the guest's.
	 */
	int (*irq_usable)(void *opaque, unsigned intid);
	/*
	 * From now on (until @on is false) @intid is not signalled to CPU interfaces, but by
	 * sdei_interrupt() when it becomes pending. It is enabled in the interrupt controller by
	 * that, and is disabled when it comes back, since nobody serves it then; the rest of its
	 * state stays. Asked for a second time in a row it has nothing to do. 0 or -errno.
	 */
	int (*irq_divert)(void *opaque, void *vcpu, unsigned intid, bool on);
	/* Pending: latched, or level-sensitive and its line is high; enabled or not. */
	bool (*irq_pending)(void *opaque, void *vcpu, unsigned intid);
	/* Also of interrupts that are not diverted. */
	bool (*irq_active)(void *opaque, void *vcpu, unsigned intid);
	/* Pending becomes active, and a latch is used up. False: it was not pending. */
	bool (*irq_acknowledge)(void *opaque, void *vcpu, unsigned intid);
	/* Not active any more. */
	void (*irq_end)(void *opaque, void *vcpu, unsigned intid);
};

/* 0 or -ENOMEM. */
int sdei_create(const struct sdei_ops *ops, void *opaque, struct sdei **out);
/* After its PEs. NULL is fine. */
void sdei_destroy(struct sdei *s);

/* @affinity: MPIDR_EL1 bits 39:32 and 23:0; @id: for traces. 0 or -ENOMEM. */
int sdei_pe_create(struct sdei *s, void *vcpu, unsigned id, uint64_t affinity,
		   struct sdei_pe **out);
/* User space gave the vCPU another one. Routes keep the affinity that they have. */
void sdei_pe_set_affinity(struct sdei_pe *pe, uint64_t affinity);
/* Nobody uses it any more. NULL is fine. */
void sdei_pe_destroy(struct sdei_pe *pe);

/* The gate is open. */
bool sdei_enabled(const struct sdei *s);

/* ---- The guest's side, on the thread of its vCPU ---- */

struct sdei_frame {
	uint64_t x[18];
	uint64_t pc, pstate;
	/*
	 * In: the PSTATE that an exception taken to EL1 from here would give (EL1h, DAIF set, NZCV
	 * kept, PAN by SCTLR_EL1.SPAN and so on): handlers start with it.
	 */
	uint64_t el1_pstate;
	uint64_t elr_el1, spsr_el1; /* out, of SDEI_RESUME only */
};

enum sdei_result {
	SDEI_RETURN,  /* x[0] is the answer, the rest is as it was */
	SDEI_REPLACE, /* x[], pc and pstate are new: the interrupted context goes on */
	SDEI_RESUME,  /* ... and elr_el1 and spsr_el1 as well */
};

static inline bool sdei_is_call(uint32_t function)
{
	return function >= 0xc4000020 && function <= 0xc400003f;
}

/*
 * A call, x[0] is the function id (SMCCC: x1-x5 are arguments). @f->pc is past the instruction.
 * NOT_SUPPORTED while the gate is closed.
 */
enum sdei_result sdei_call(struct sdei_pe *pe, struct sdei_frame *f);

/* Any thread: may an event be delivered to this PE? One load; also the end of WFI and the like. */
bool sdei_due(const struct sdei_pe *pe);
/*
 * Enter the handler of the event that is due: x[], pc, pstate become the handler's. False: there
 * is none (any more), and nothing changed. If sdei_due() still holds after it returned true, a
 * critical event is to interrupt the handler that was just entered.
 */
bool sdei_deliver(struct sdei_pe *pe, struct sdei_frame *f);

/*
 * The PE is reset (VCPU_INIT, CPU_ON) or switched off (CPU_OFF: so that no shared event waits for
 * it): private events unregistered, running ones abandoned, masked.
 */
void sdei_pe_reset(struct sdei_pe *pe);

/* ---- The host's side, any thread ---- */

/* As am_sdei_inject(). */
int sdei_raise(struct sdei *s, uint32_t event, uint64_t target);
/*
 * A diverted interrupt has become pending. @pe is NULL for an SPI. Any number of calls too many do
 * no harm. Waits for nothing: it may be called with the locks of the interrupt controller held,
 * and from within irq_* functions.
 */
void sdei_interrupt(struct sdei *s, struct sdei_pe *pe, unsigned intid);

/* ---- Registers (<armature/sdei.h>) ---- */

/* Their number; if @index is not NULL, their indices in restoring order. */
size_t sdei_reg_list(struct sdei *s, uint16_t *index);
/* -ENOENT: no such register. */
int sdei_get_reg(struct sdei_pe *pe, unsigned index, uint64_t *v);
/* Also -EINVAL, and -EBUSY for the gate if @has_run: a vCPU of the VM ran. */
int sdei_set_reg(struct sdei_pe *pe, unsigned index, uint64_t v, bool has_run);
/*
 * Before a vCPU runs: do the registers that were set fit together? Takes them into use. 0 or
 * -EINVAL, or what irq_divert says. One load if none were set.
 */
int sdei_check(struct sdei *s);

#endif
