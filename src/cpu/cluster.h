/* SPDX-License-Identifier: MIT */
/*
 * What the vCPUs of one VM share: maintenance that one executes and all must see.
 *
 * A broadcast TLBI is posted to every other vCPU's mailbox; the DSB after it (DDI 0487 D8.14.6:
 * that is where software may rely on completion) waits until each of them has emptied its
 * mailbox or is outside cpu_run(), which empties the mailbox on the way in. A waiting vCPU goes
 * on emptying its own, so two of them cannot wait for each other.
 */
#ifndef AM_CPU_CLUSTER_H
#define AM_CPU_CLUSTER_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/lock.h"
#include "cpu/cpu.h"

#define CPU_GENERATIONS 4096

/* The ID registers 3,0,0,CRm,op2 by CRm and op2, and CTR_EL0. */
#define CPU_ID_REGS (8 * 8 + 1)

enum cpu_request_kind {
	CPU_REQ_NOTHING,    /* but to come by */
	CPU_REQ_FLUSH_ALL,  /* TLBs */
	CPU_REQ_FLUSH_VA,   /* virtual addresses [first, last] */
	CPU_REQ_FLUSH_ASID, /* first */
	CPU_REQ_UNMAP,	    /* IPAs [first, last]: TLBs and pre-decoded code */
	CPU_REQ_PROTECT,    /* IPAs [first, last]: permission to write */
};

struct cpu_request {
	enum cpu_request_kind kind;
	uint64_t first, last;
};

#define CPU_REQUESTS 32

/* A vCPU's mailbox. */
struct cpu_shootdown {
	struct am_lock lock; /* nr, overflow, unmap, req[] */
	unsigned nr;
	bool overflow; /* instead of req[]: all TLBs */
	bool unmap;    /* ... and all pre-decoded code */
	struct cpu_request req[CPU_REQUESTS];
	atomic_uint posted;  /* counts requests; written under the lock */
	atomic_uint done;    /* value of posted when the mailbox was last emptied */
	atomic_bool running; /* inside cpu_run() */
};

struct cpu_cluster {
	unsigned max_cpus;
	unsigned pa_bits;   /* what ID_AA64MMFR0_EL1.PARange says; 52: also LPA, LVA and LPA2 */
	atomic_bool no_icc; /* ID_AA64PFR0_EL1.GIC says that there are no ICC_* registers */
	atomic_uint nr;	    /* cpus[] beyond are NULL */
	atomic_uint generation[CPU_GENERATIONS];
	_Atomic uint64_t id_changed[CPU_ID_REGS]; /* what user space changed, XOR (idreg.c) */
	_Atomic(struct cpu *) cpus[];
};

/* Ask every vCPU of the cluster but @self (NULL: all) for it. */
void cpu_broadcast_range(struct cpu_cluster *cl, struct cpu *self, enum cpu_request_kind kind,
			 uint64_t first, uint64_t last);
static inline void cpu_broadcast(struct cpu_cluster *cl, struct cpu *self,
				 enum cpu_request_kind kind, uint64_t arg)
{
	cpu_broadcast_range(cl, self, kind, arg, arg);
}
/* Wait until what was broadcast so far is done everywhere. @self goes on serving its own, and must
 * continue through cpu_enter(). */
void cpu_broadcast_wait(struct cpu_cluster *cl, struct cpu *self);
/* Empty the own mailbox. Pre-decoded code may be gone then, even what is being executed. */
void cpu_serve_requests(struct cpu *c);
/* Around cpu_run(). */
void cpu_enter_guest(struct cpu *c);
void cpu_leave_guest(struct cpu *c);

#endif
