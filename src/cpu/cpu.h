/* SPDX-License-Identifier: MIT */
/*
 * A vCPU's state and what the rest of the library may do with it.
 *
 * A struct cpu belongs to the thread that is inside cpu_run(); others may only call the functions
 * marked "any thread". cpu/ knows neither guest memory slots nor the interrupt controller: it
 * reaches both through struct cpu_ops.
 */
#ifndef AM_CPU_CPU_H
#define AM_CPU_CPU_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bits.h"
#include "base/lock.h"
#include "cpu/insn.h"

struct cpu_tlb;
struct cpu_code;
struct cpu_code_cache;
struct cpu;

union cpu_vreg {
	uint8_t b[16];
	uint16_t h[8];
	uint32_t s[4];
	uint64_t d[2];
	int8_t sb[16];
	int16_t sh[8];
	int32_t ss[4];
	int64_t sd[2];
} __attribute__((aligned(16)));

enum cpu_exit {
	CPU_EXIT_ATTENTION, /* somebody called cpu_kick(), or the time slice is over */
	CPU_EXIT_WFI,
	CPU_EXIT_WFE,
	CPU_EXIT_HVC,	/* exit_imm; PC is after the instruction */
	CPU_EXIT_SMC,	/* exit_imm; PC is after the instruction */
	CPU_EXIT_MMIO,	/* mmio describes the access; PC is at the instruction */
	CPU_EXIT_DEBUG, /* debug_esr, debug_far; PC is where the exception would return */
	CPU_EXIT_ERROR, /* the host could not serve the guest: exit_errno */
};

/* An access that nothing inside the library answers (DDI 0487 D17.2.37, ISS of a data abort). */
struct cpu_mmio {
	uint64_t ipa;
	uint64_t va;
	uint64_t value; /* of a store, in the low bytes */
	uint64_t esr;	/* as ESR_EL2 would show it, EC 0x24 */
	uint8_t size;	/* bytes: 1, 2, 4, 8 */
	bool write;
	bool isv; /* esr names the register and size; else user space must decode */
};

enum cpu_access_kind { CPU_READ, CPU_WRITE, CPU_FETCH };

enum cpu_mmio_result {
	CPU_MMIO_DONE,	/* *value was read or written */
	CPU_MMIO_EXIT,	/* leave cpu_run() with CPU_EXIT_MMIO */
	CPU_MMIO_ABORT, /* the guest takes a synchronous external abort */
};

struct cpu_page {
	uint8_t *host; /* the 4 KiB page's first byte; NULL: no memory there */
	bool writable;
	bool for_write; /* set by the caller: a store wants it */
	/*
	 * Set by the callee instead of host: no such address. The guest takes an abort with fault
	 * status @refused_fsc: 0x00, or 0x10 where the machine has that address but not the VM.
	 */
	bool refused;
	uint8_t refused_fsc;
};

/* What surrounds the CPU. Called by the vCPU's own thread. */
struct cpu_ops {
	/* The 4 KiB page of guest physical memory at @ipa (aligned). 0, or -errno if the host
	 * memory behind it cannot be used (then the run ends with CPU_EXIT_ERROR). */
	int (*map)(void *opaque, uint64_t ipa, struct cpu_page *page);
	/* An access outside memory, or a store to a page that is not writable. */
	enum cpu_mmio_result (*mmio)(void *opaque, uint64_t ipa, unsigned size, bool write,
				     uint64_t *value);
	/* System registers that live elsewhere: ICC_*, CNT*. @id is the op0..op2 encoding of
	 * KVM_REG_ARM64_SYSREG (14 bits + op0). 0, or -ENOENT: no such register (UNDEFINED). */
	int (*sysreg)(void *opaque, uint32_t id, bool write, uint64_t *value);
	/* Called every few microseconds of execution and on attention: timers. True: stop the
	 * run with CPU_EXIT_ATTENTION. */
	bool (*tick)(void *opaque);
};

/* Debug by user space instead of the guest (KVM_SET_GUEST_DEBUG). */
struct cpu_host_debug {
	bool enabled; /* else the rest does not count */
	bool step;    /* one instruction for each cpu_run() */
	bool hw;      /* these break- and watchpoints instead of the guest's */
	uint64_t bcr[16], bvr[16], wcr[16], wvr[16];
};

struct cpu_cluster;
struct cpu_debug;

struct cpu {
	/* What every operation touches. */
	uint64_t r[34];	     /* X0-X30, current SP, zero, sink (insn.h) */
	uint64_t nf;	     /* PSTATE.N is bit 63 */
	uint64_t zf;	     /* PSTATE.Z is zf == 0 */
	uint64_t vf;	     /* PSTATE.V is bit 63 */
	uint32_t cf;	     /* PSTATE.C, 0 or 1 */
	bool fp_on;	     /* FP/SIMD not trapped at the current EL (CPACR_EL1.FPEN) */
	uint32_t excl_valid; /* the exclusive monitor: see excl_* */
	int32_t budget;	     /* branches until the next tick */
	atomic_uint attention;

	struct cpu_tlb *tlb;	  /* data accesses at the current EL and PAN */
	struct cpu_tlb *tlb_user; /* as EL0: LDTR, STTR */
	uint64_t page_va;	  /* of the code page being executed */
	uint64_t sp_align_mask;	  /* 15 where SP must be 16-byte aligned to be a base, else 0 */
	uint64_t pc_bias;	  /* PC of i is pc_bias + (uintptr_t)i / 4 */
	struct cpu_code *code;
	const struct cpu_insn *next; /* where a failed helper wants to go; NULL: leave cpu_run() */
	struct {
		uint64_t lo, hi;
	} mem; /* what a slow load read */

	union cpu_vreg v[32];
	uint32_t fpcr;
	uint32_t fpsr;

	/* PSTATE apart from NZCV and what selects r[31]. */
	uint8_t el; /* 0 or 1 */
	uint8_t spsel;
	uint8_t daif; /* bits 3:0 = D A I F */
	bool pan, il, ss;
	uint64_t sp_el[2]; /* banked stack pointers; the current one is in r[31] */
	uint64_t pc;	   /* valid outside operations */

	/* Exclusive monitor: what LDXR saw. STXR succeeds if memory still holds it. */
	uint64_t excl_va;
	uint64_t excl_lo, excl_hi;

	/* EL1 system registers with plain state, by enum cpu_sr (sysreg.h). */
	uint64_t sr[112];

	/* Interrupt lines, set by any thread. */
	atomic_bool irq_line, fiq_line;
	atomic_bool serror_pending;
	_Atomic uint32_t serror_iss; /* its syndrome, written before it */
	atomic_bool event;	     /* the event register of WFE */

	enum cpu_exit exit;
	int exit_errno;
	uint32_t exit_imm;
	struct cpu_mmio mmio;
	uint32_t mmio_acc; /* the access descriptor of the pending MMIO (access.h) */

	unsigned id;
	const struct cpu_ops *ops;
	void *opaque;
	struct cpu_cluster *cluster;
	struct cpu_mmu *mmu; /* all TLBs (tlb.h) */
	struct cpu_code_cache *codes;

	struct cpu_shootdown *requests; /* of other vCPUs (cluster.h) */
	bool code_stale;		/* drop all pre-decoded code before going on */
	bool dsb_waits;			/* something was broadcast since the last DSB */

	/* Debug (debug.h). */
	unsigned debug;	     /* CPU_DEBUG_*: what could happen at the current EL */
	unsigned step_index; /* the scratch page's entry in use */
	bool step_ran;	     /* an instruction of the scratch page was executed */
	bool host_ss;	     /* user space's step: PSTATE.SS for it */
	bool host_pending;   /* ... the instruction was finished outside cpu_run() */
	struct cpu_host_debug host_debug;
	struct cpu_debug *debugger;
	uint64_t debug_esr, debug_far;
};

/* All vCPUs of one VM: those that TLB and cache maintenance reach. */
struct cpu_cluster *cpu_cluster_create(unsigned max_cpus);
void cpu_cluster_destroy(struct cpu_cluster *cl);
/*
 * Before the first vCPU: the size of physical addresses, at most @bits; one of 32, 36, 40, 42, 44,
 * 48 and 52, which it is if nobody says anything.
 */
void cpu_cluster_set_pa_bits(struct cpu_cluster *cl, unsigned bits);
/* There is no GICv3 CPU interface: the ID registers say so from now on. */
void cpu_cluster_hide_icc(struct cpu_cluster *cl);

/*
 * A vCPU in its reset state, at index @id of the cluster; NULL without memory. @mpidr is what
 * MPIDR_EL1 reads.
 */
struct cpu *cpu_create(struct cpu_cluster *cl, unsigned id, uint64_t mpidr,
		       const struct cpu_ops *ops, void *opaque);
void cpu_destroy(struct cpu *c);

/* Architectural warm reset to EL1h, DAIF set, at @pc (DDI 0487 D1.9.1; KVM's reset values). */
void cpu_reset(struct cpu *c, uint64_t pc);

/* Run until something needs the caller. */
enum cpu_exit cpu_run(struct cpu *c);

/*
 * Finish the load of CPU_EXIT_MMIO with @value (ignored for a store) and step over the
 * instruction. Call before the next cpu_run().
 */
void cpu_complete_mmio(struct cpu *c, uint64_t value);

/* Any thread: the lines and the nudge to look at them. Setting a line to true kicks. */
void cpu_set_irq(struct cpu *c, bool irq, bool fiq);
/* Any thread: cpu_run() calls ops->tick and looks at its lines soon. */
void cpu_kick(struct cpu *c);
/*
 * Any thread that is not inside cpu_run() of this cluster: memory [ipa, ipa + len) is mapped
 * differently from now on, or may no longer be written without asking ops->map. They return when no
 * vCPU goes by what it was told before. An @len of UINT64_MAX: all from @ipa on.
 */
void cpu_cluster_unmap(struct cpu_cluster *cl, uint64_t ipa, uint64_t len);
void cpu_cluster_write_protect(struct cpu_cluster *cl, uint64_t ipa, uint64_t len);
/* Returns when no vCPU is inside a cpu_ops function that it had called before. */
void cpu_cluster_synchronize(struct cpu_cluster *cl);

/* True if an interrupt would be taken now or would wake WFI (masks do not matter for WFI). */
bool cpu_irq_pending(const struct cpu *c);

/* PSTATE as SPSR shows it (NZCV, PAN, SS, IL, DAIF, M). */
uint64_t cpu_get_pstate(const struct cpu *c);
/* -EINVAL if the mode is not EL0t, EL1t or EL1h. Banks SP. */
int cpu_set_pstate(struct cpu *c, uint64_t pstate);
/* X0-X30 or SP_EL0/SP_EL1 whichever is current. */
uint64_t cpu_get_sp(const struct cpu *c, unsigned el);
void cpu_set_sp(struct cpu *c, unsigned el, uint64_t v);

/* System registers by encoding (KVM_REG_ARM64_SYSREG low 16 bits), as ONE_REG sees them.
 * -ENOENT unknown, -EINVAL a value that may not be set. */
int cpu_get_sysreg(struct cpu *c, uint32_t id, uint64_t *v);
int cpu_set_sysreg(struct cpu *c, uint32_t id, uint64_t v);
/*
 * ID registers by encoding. Shared ones are the cluster's: what is set for one vCPU is set for all,
 * before any of them has run. The bits that user space may set, 0 if there are none.
 */
bool cpu_id_shared(uint32_t id);
uint64_t cpu_id_writable(uint32_t id);

/* The encodings that cpu_get_sysreg() knows, in ascending order; *n is set. */
const uint16_t *cpu_sysreg_list(size_t *n);

/* Outside cpu_run(). Decoded code is forgotten: software breakpoints may have been written. */
void cpu_set_host_debug(struct cpu *c, const struct cpu_host_debug *d);

/* Any thread: an SError with this syndrome becomes pending; it is taken when PSTATE.A lets it. */
void cpu_inject_serror(struct cpu *c, uint32_t iss);

/* Make the guest take a synchronous external data abort at its PC. Outside cpu_run(). */
void cpu_inject_dabt(struct cpu *c, uint64_t far);

/* The PC of operation @i. */
static inline uint64_t cpu_pc(const struct cpu *c, const struct cpu_insn *i)
{
	return c->pc_bias + ((uintptr_t)i >> 2);
}

/* ---- For operations only ---- */

/*
 * Continue at guest address @pc, first doing whatever wants attention. Returns the operation to
 * execute, which may be that of an exception's vector, or NULL when the run ends; c->next is the
 * same. Operations use CPU_BRANCH(pc) and CPU_BRANCH_IN_PAGE(n).
 */
const struct cpu_insn *cpu_enter(struct cpu *c, uint64_t pc);

static inline bool cpu_wants_attention(struct cpu *c)
{
	return am_unlikely(--c->budget < 0) |
	       am_unlikely(atomic_load_explicit(&c->attention, memory_order_relaxed) != 0);
}

#define CPU_RESUME(expr)                                   \
	do {                                               \
		const struct cpu_insn *resume_n_ = (expr); \
		if (am_unlikely(!resume_n_))               \
			return NULL;                       \
		CPU_GOTO(resume_n_);                       \
	} while (0)

/* Taken branch to the operation @n of the same page (a decoded direct branch). */
#define CPU_BRANCH_IN_PAGE(n)                                           \
	do {                                                            \
		const struct cpu_insn *branch_n_ = (n);                 \
		if (am_unlikely(cpu_wants_attention(c)))                \
			CPU_RESUME(cpu_enter(c, cpu_pc(c, branch_n_))); \
		CPU_GOTO(branch_n_);                                    \
	} while (0)

/* Taken branch to guest address @pc_. */
#define CPU_BRANCH(pc_)                                                                        \
	do {                                                                                   \
		uint64_t branch_pc_ = (pc_);                                                   \
		uint64_t branch_d_ = branch_pc_ - c->page_va;                                  \
		if (am_unlikely(cpu_wants_attention(c)))                                       \
			CPU_RESUME(cpu_enter(c, branch_pc_));                                  \
		if (am_likely(branch_d_ < 4096 && !(branch_d_ & 3)))                           \
			CPU_GOTO(                                                              \
			    (const struct cpu_insn *)((const char *)c->code + branch_d_ * 4)); \
		CPU_RESUME(cpu_enter(c, branch_pc_));                                          \
	} while (0)

/*
 * Exceptions from an operation. All return what the operation must return
 * (`return cpu_undefined(c, i);`).
 */
const struct cpu_insn *cpu_undefined(struct cpu *c, const struct cpu_insn *i);
/* FP/SIMD instruction while trapped: EC 0x07 (DDI 0487 D1.10.4). */
const struct cpu_insn *cpu_fp_trap(struct cpu *c, const struct cpu_insn *i);
/* SP is misaligned and SCTLR_EL1.SA(0) checks it. */
const struct cpu_insn *cpu_sp_fault(struct cpu *c, const struct cpu_insn *i);

#define CPU_FP_CHECK()                            \
	do {                                      \
		if (am_unlikely(!c->fp_on))       \
			return cpu_fp_trap(c, i); \
	} while (0)

#endif
