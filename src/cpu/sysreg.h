/* SPDX-License-Identifier: MIT */
/*
 * System registers. One row of the table in sysreg.c says everything of a register: its name and
 * encoding, who may access it, its reset value, which bits can be written, and the functions of
 * those that do more than hold a value. Guest (MRS, MSR) and user space (ONE_REG) go by the same
 * row.
 */
#ifndef AM_CPU_SYSREG_H
#define AM_CPU_SYSREG_H

#include <stdbool.h>
#include <stdint.h>

#include "cpu/cpu.h"

#define SYSREG(op0, op1, crn, crm, op2) \
	((op0) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))

/* Index in cpu.sr[] of the registers that hold a value. */
enum cpu_sr {
	SR_NONE,
	SR_SCTLR_EL1,
	SR_ACTLR_EL1,
	SR_CPACR_EL1,
	SR_TTBR0_EL1,
	SR_TTBR1_EL1,
	SR_TCR_EL1,
	SR_AFSR0_EL1,
	SR_AFSR1_EL1,
	SR_ESR_EL1,
	SR_FAR_EL1,
	SR_PAR_EL1,
	SR_MAIR_EL1,
	SR_AMAIR_EL1,
	SR_VBAR_EL1,
	SR_CONTEXTIDR_EL1,
	SR_TPIDR_EL0,
	SR_TPIDRRO_EL0,
	SR_TPIDR_EL1,
	SR_CNTKCTL_EL1,
	SR_CSSELR_EL1,
	SR_ELR_EL1,
	SR_SPSR_EL1,
	SR_MPIDR_EL1,
	SR_CLIDR_EL1,
	SR_MDSCR_EL1,
	SR_MDCCINT_EL1,
	SR_OSLSR_EL1,
	SR_OSDLR_EL1,
	SR_DBGCLAIM_EL1,
	SR_DISR_EL1,
	SR_DBGVCR32_EL2, /* and the following: only user space sees them */
	SR_DACR32_EL2,
	SR_IFSR32_EL2,
	SR_FPEXC32_EL2,
	SR_DBGBVR0, /* 16 of each, as the register space has */
	SR_DBGBCR0 = SR_DBGBVR0 + 16,
	SR_DBGWVR0 = SR_DBGBCR0 + 16,
	SR_DBGWCR0 = SR_DBGWVR0 + 16,
	SR_COUNT = SR_DBGWCR0 + 16,
};

enum { /* struct cpu_sysreg.flags */
       EL1_R = 1,
       EL1_W = 2,
       EL0_R = 4,
       EL0_W = 8,
       EL1_RW = EL1_R | EL1_W,
       EL0_RW = EL0_R | EL0_W,
       SYSREG_SLOW = 16, /* go on through cpu_enter() after a write: translation or masks changed */
       SYSREG_CONST = 32,    /* user space may only write the value it reads */
       SYSREG_HIDDEN = 64,   /* not in the list of user space: it is a core register there */
       SYSREG_OUTSIDE = 128, /* belongs to cpu_ops.sysreg */
       SYSREG_KEPT = 256,    /* a reset leaves it as it is */
};

struct cpu_sysreg {
	const char *name;
	uint16_t id;
	uint16_t flags;
	uint16_t sr;
	uint64_t reset;
	uint64_t mask; /* bits that a write changes */
	uint64_t (*read)(struct cpu *c, const struct cpu_sysreg *r);
	void (*write)(struct cpu *c, const struct cpu_sysreg *r, uint64_t v);
	/* EL0 access allowed? NULL: always, if the flags say so. False: trap, EC 0x18. */
	bool (*el0)(const struct cpu *c, const struct cpu_sysreg *r);
};

/* The row of an encoding, or NULL. */
const struct cpu_sysreg *cpu_sysreg_find(uint32_t id);
const struct cpu_sysreg *cpu_sysreg_row(unsigned index);
unsigned cpu_sysreg_index(const struct cpu_sysreg *r);

void cpu_sysreg_reset(struct cpu *c);

/* ID registers that the cluster shares (idreg.c); -EINVAL: more than there is, or not to be
 * changed. */
uint64_t cpu_id_read(struct cpu *c, const struct cpu_sysreg *r);
int cpu_id_write(struct cpu *c, const struct cpu_sysreg *r, uint64_t v);

/* CLIDR_EL1: separate L1 caches, the points of unification and coherency behind them. */
#define CLIDR_RESET UINT64_C(0x09200003)
/* ... and what is not RES0: Ttype<n>, ICB, LoUU, LoC, LoUIS, Ctype<n>. */
#define CLIDR_MASK (~UINT64_C(0) >> 17)

/* TCR_EL1: descriptors of 4K and 16K granules hold 52-bit addresses (FEAT_LPA2). */
#define TCR_DS (UINT64_C(1) << 59)

/* Bits of MDSCR_EL1 (DDI 0487 D2). */
enum { MDSCR_SS = 1 << 0, MDSCR_KDE = 1 << 13, MDSCR_MDE = 1 << 15 };

/* Bits of SCTLR_EL1 (DDI 0487 D17.2.118). */
enum {
	SCTLR_M = 1 << 0,
	SCTLR_A = 1 << 1,
	SCTLR_SA = 1 << 3,
	SCTLR_SA0 = 1 << 4,
	SCTLR_UMA = 1 << 9,
	SCTLR_DZE = 1 << 14,
	SCTLR_UCT = 1 << 15,
	SCTLR_NTWI = 1 << 16,
	SCTLR_NTWE = 1 << 18,
	SCTLR_WXN = 1 << 19,
	SCTLR_SPAN = 1 << 23,
	SCTLR_E0E = 1 << 24,
	SCTLR_EE = 1 << 25,
	SCTLR_UCI = 1 << 26,
};

#endif
