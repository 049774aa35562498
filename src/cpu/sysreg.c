/* SPDX-License-Identifier: MIT */
/* The system registers of EL0 and EL1 (sysreg.h), and their view from user space. */
#include "cpu/sysreg.h"

#include <errno.h>
#include <string.h>

#include "cpu/cluster.h"
#include "cpu/run.h"
#include "cpu/tlb.h"

/* What KVM resets registers to whose reset value is UNKNOWN: nobody may rely on it. */
#define UNKNOWN UINT64_C(0x1de7ec7edbadc0de)

/* ---- Registers that are more than a value ---- */

static uint64_t read_plain(struct cpu *c, const struct cpu_sysreg *r)
{
	return c->sr[r->sr];
}

static void write_plain(struct cpu *c, const struct cpu_sysreg *r, uint64_t v)
{
	c->sr[r->sr] = (c->sr[r->sr] & ~r->mask) | (v & r->mask);
}

static uint64_t read_const(struct cpu *c, const struct cpu_sysreg *r)
{
	return r->reset;
}

static void write_ignore(struct cpu *c, const struct cpu_sysreg *r, uint64_t v)
{
}

/* Registers whose change means that remembered translations no longer hold. */
static void write_regime(struct cpu *c, const struct cpu_sysreg *r, uint64_t v)
{
	uint64_t old = c->sr[r->sr];

	write_plain(c, r, v);
	if (c->sr[r->sr] != old)
		cpu_mmu_flush_all(c);
	cpu_update_context(c);
}

static void write_tcr(struct cpu *c, const struct cpu_sysreg *r, uint64_t v)
{
	write_regime(c, r, c->cluster->pa_bits == 52 ? v : v & ~TCR_DS);
}

static void write_context(struct cpu *c, const struct cpu_sysreg *r, uint64_t v)
{
	write_plain(c, r, v);
	cpu_update_context(c);
}

static uint64_t read_sp_el0(struct cpu *c, const struct cpu_sysreg *r)
{
	return cpu_get_sp(c, 0);
}

static void write_sp_el0(struct cpu *c, const struct cpu_sysreg *r, uint64_t v)
{
	cpu_set_sp(c, 0, v);
}

static uint64_t read_currentel(struct cpu *c, const struct cpu_sysreg *r)
{
	return c->el << 2;
}

static uint64_t read_spsel(struct cpu *c, const struct cpu_sysreg *r)
{
	return c->spsel;
}

static void write_spsel(struct cpu *c, const struct cpu_sysreg *r, uint64_t v)
{
	cpu_set_el(c, c->el, v & 1);
	cpu_update_context(c);
}

static uint64_t read_daif(struct cpu *c, const struct cpu_sysreg *r)
{
	return (uint64_t)c->daif << 6;
}

static void write_daif(struct cpu *c, const struct cpu_sysreg *r, uint64_t v)
{
	c->daif = am_bits(v, 9, 6);
	cpu_update_context(c);
}

static uint64_t read_pan(struct cpu *c, const struct cpu_sysreg *r)
{
	return (uint64_t)c->pan << 22;
}

static void write_pan(struct cpu *c, const struct cpu_sysreg *r, uint64_t v)
{
	c->pan = am_bit(v, 22);
	cpu_update_context(c);
}

static uint64_t read_nzcv(struct cpu *c, const struct cpu_sysreg *r)
{
	return cpu_nzcv(c);
}

static void write_nzcv(struct cpu *c, const struct cpu_sysreg *r, uint64_t v)
{
	cpu_set_nzcv(c, v);
}

/* AHP, DN, FZ, RMode; no trapped exceptions, no FP16 (C5.2.8). */
#define FPCR_MASK UINT64_C(0x07c00000)
/* QC, IDC, IXC..IOC (C5.2.10). */
#define FPSR_MASK UINT64_C(0x0800009f)

static uint64_t read_fpcr(struct cpu *c, const struct cpu_sysreg *r)
{
	return c->fpcr;
}

static void write_fpcr(struct cpu *c, const struct cpu_sysreg *r, uint64_t v)
{
	c->fpcr = v & FPCR_MASK;
}

static uint64_t read_fpsr(struct cpu *c, const struct cpu_sysreg *r)
{
	return c->fpsr;
}

static void write_fpsr(struct cpu *c, const struct cpu_sysreg *r, uint64_t v)
{
	c->fpsr = v & FPSR_MASK;
}

static uint64_t read_isr(struct cpu *c, const struct cpu_sysreg *r)
{
	return (uint64_t)atomic_load(&c->serror_pending) << 8 |
	       (uint64_t)atomic_load(&c->irq_line) << 7 | (uint64_t)atomic_load(&c->fiq_line) << 6;
}

static uint64_t read_mdccsr(struct cpu *c, const struct cpu_sysreg *r)
{
	return 0; /* no debug communication channel is connected */
}

static uint64_t read_ccsidr(struct cpu *c, const struct cpu_sysreg *r)
{
	/* L1 data and instruction: 32 KiB, 4 ways, lines of 64 bytes; no further level. */
	return c->sr[SR_CSSELR_EL1] < 2 ? (127u << 13 | 3u << 3 | 2u) : 0;
}

static uint64_t read_dczid(struct cpu *c, const struct cpu_sysreg *r)
{
	bool prohibited = c->el == 0 && !(c->sr[SR_SCTLR_EL1] & SCTLR_DZE);

	return 4 | prohibited << 4; /* 64 bytes */
}

static void write_oslar(struct cpu *c, const struct cpu_sysreg *r, uint64_t v)
{
	c->sr[SR_OSLSR_EL1] = am_insert(c->sr[SR_OSLSR_EL1], 1, 1, v & 1);
	cpu_update_context(c);
}

static uint64_t read_dbgclaimclr(struct cpu *c, const struct cpu_sysreg *r)
{
	return c->sr[SR_DBGCLAIM_EL1];
}

static void write_dbgclaimclr(struct cpu *c, const struct cpu_sysreg *r, uint64_t v)
{
	c->sr[SR_DBGCLAIM_EL1] &= ~(v & 0xff);
}

static uint64_t read_dbgclaimset(struct cpu *c, const struct cpu_sysreg *r)
{
	return 0xff; /* the number of tags */
}

static void write_dbgclaimset(struct cpu *c, const struct cpu_sysreg *r, uint64_t v)
{
	c->sr[SR_DBGCLAIM_EL1] |= v & 0xff;
}

/* ---- EL0's right to some of them (traps by SCTLR_EL1, CNTKCTL_EL1) ---- */

static bool el0_uma(const struct cpu *c, const struct cpu_sysreg *r)
{
	return c->sr[SR_SCTLR_EL1] & SCTLR_UMA;
}

static bool el0_uct(const struct cpu *c, const struct cpu_sysreg *r)
{
	return c->sr[SR_SCTLR_EL1] & SCTLR_UCT;
}

/* CNTKCTL_EL1 (D17.11.15): 0 EL0PCTEN, 1 EL0VCTEN, 8 EL0VTEN, 9 EL0PTEN. */
static bool el0_counter(const struct cpu *c, const struct cpu_sysreg *r)
{
	return am_bit(c->sr[SR_CNTKCTL_EL1], r->sr);
}

static bool el0_cntfrq(const struct cpu *c, const struct cpu_sysreg *r)
{
	return c->sr[SR_CNTKCTL_EL1] & 3;
}

/* ---- The table ---- */

#define ALL			   (~UINT64_C(0))
#define ID(op1_, crn_, crm_, op2_) .id = (uint16_t)SYSREG(3, op1_, crn_, crm_, op2_)
#define NAME(n)			   .name = #n
#define HOLDS(n)		   NAME(n), .sr = SR_##n, .read = read_plain
#define PLAIN(n)		   HOLDS(n), .write = write_plain
#define CONST(v) \
	.reset = (v), .flags = EL1_R | SYSREG_CONST, .read = read_const, .write = write_ignore

/* The ID space 3,0,0,CRm,op2: zero where the name says nothing else. */
#define IDREG(n, crm_, op2_, v)                                                             \
	{                                                                                   \
		NAME(n), ID(0, 0, crm_, op2_), .reset = (v), .flags = EL1_R | SYSREG_CONST, \
					       .read = cpu_id_read, .write = write_ignore   \
	}
#define IDZERO(crm_, op2_)                                                          \
	{                                                                           \
		.name = "ID_3_0_0_" #crm_ "_" #op2_, ID(0, 0, crm_, op2_), CONST(0) \
	}
#define IDZERO8(crm_)                                                                        \
	IDZERO(crm_, 0), IDZERO(crm_, 1), IDZERO(crm_, 2), IDZERO(crm_, 3), IDZERO(crm_, 4), \
	    IDZERO(crm_, 5), IDZERO(crm_, 6), IDZERO(crm_, 7)

#define RAZWI(n, crm_, op2_)                                                             \
	{                                                                                \
		NAME(n), ID(0, 5, crm_, op2_), .flags = EL1_RW | SYSREG_HIDDEN,          \
					       .read = read_const, .write = write_ignore \
	}

#define DEBUG4(n)                                                                          \
	{.name = "DBGBVR" #n "_EL1",                                                       \
	 .id = SYSREG(2, 0, 0, n, 4),                                                      \
	 .flags = EL1_RW | SYSREG_SLOW,                                                    \
	 .sr = SR_DBGBVR0 + (n),                                                           \
	 .mask = ALL,                                                                      \
	 .read = read_plain,                                                               \
	 .write = write_context},                                                          \
	    {.name = "DBGBCR" #n "_EL1",                                                   \
	     .id = SYSREG(2, 0, 0, n, 5),                                                  \
	     .flags = EL1_RW | SYSREG_SLOW,                                                \
	     .sr = SR_DBGBCR0 + (n),                                                       \
	     .mask = 0xffffffff,                                                           \
	     .read = read_plain,                                                           \
	     .write = write_context},                                                      \
	    {.name = "DBGWVR" #n "_EL1",                                                   \
	     .id = SYSREG(2, 0, 0, n, 6),                                                  \
	     .flags = EL1_RW | SYSREG_SLOW,                                                \
	     .sr = SR_DBGWVR0 + (n),                                                       \
	     .mask = ALL,                                                                  \
	     .read = read_plain,                                                           \
	     .write = write_context},                                                      \
	{                                                                                  \
		.name = "DBGWCR" #n "_EL1", .id = SYSREG(2, 0, 0, n, 7),                   \
		.flags = EL1_RW | SYSREG_SLOW, .sr = SR_DBGWCR0 + (n), .mask = 0xffffffff, \
		.read = read_plain, .write = write_context                                 \
	}

#define TIMER(n, crm_, op2_, bit, fl)                                                        \
	{                                                                                    \
		NAME(n), ID(3, 14, crm_, op2_), .sr = (bit), .flags = (fl) | SYSREG_OUTSIDE, \
						.el0 = el0_counter                           \
	}
#define ICC(n, op1_, crn_, crm_, op2_)                             \
	{                                                          \
		NAME(n), ID(op1_, crn_, crm_, op2_),               \
		    .flags = EL1_RW | SYSREG_OUTSIDE | SYSREG_SLOW \
	}

/* clang-format off */
static const struct cpu_sysreg rows[] = {
    /*
     * Debug (op0 = 2). All 16 break- and watchpoints hold values, as KVM's do; those that
     * ID_AA64DFR0_EL1 counts also work (debug.h).
     */
    DEBUG4(0), DEBUG4(1), DEBUG4(2), DEBUG4(3), DEBUG4(4), DEBUG4(5), DEBUG4(6), DEBUG4(7),
    DEBUG4(8), DEBUG4(9), DEBUG4(10), DEBUG4(11), DEBUG4(12), DEBUG4(13), DEBUG4(14), DEBUG4(15),
    {PLAIN(MDCCINT_EL1), .id = SYSREG(2, 0, 0, 2, 0), .flags = EL1_RW, .mask = 0x60000000},
    {HOLDS(MDSCR_EL1), .id = SYSREG(2, 0, 0, 2, 2), .flags = EL1_RW | SYSREG_SLOW, .mask = 0x6fffffff, .write = write_context},
    {NAME(MDRAR_EL1), .id = SYSREG(2, 0, 1, 0, 0), .flags = EL1_R | SYSREG_HIDDEN, .read = read_const},
    {NAME(OSLAR_EL1), .id = SYSREG(2, 0, 1, 0, 4), .flags = EL1_W | SYSREG_HIDDEN | SYSREG_SLOW, .write = write_oslar},
    {PLAIN(OSLSR_EL1), .id = SYSREG(2, 0, 1, 1, 4), .flags = EL1_R, .mask = 2, .reset = 8},
    /* The double lock is read-as-zero, writes ignored, as with KVM. */
    {PLAIN(OSDLR_EL1), .id = SYSREG(2, 0, 1, 3, 4), .flags = EL1_RW | SYSREG_HIDDEN, .mask = 0},
    {NAME(DBGPRCR_EL1), .id = SYSREG(2, 0, 1, 4, 4), .flags = EL1_RW | SYSREG_HIDDEN, .read = read_const, .write = write_ignore},
    {NAME(DBGCLAIMSET_EL1), .id = SYSREG(2, 0, 7, 8, 6), .flags = EL1_RW | SYSREG_HIDDEN, .read = read_dbgclaimset, .write = write_dbgclaimset},
    {NAME(DBGCLAIMCLR_EL1), .id = SYSREG(2, 0, 7, 9, 6), .flags = EL1_RW | SYSREG_HIDDEN, .read = read_dbgclaimclr, .write = write_dbgclaimclr},
    {NAME(DBGAUTHSTATUS_EL1), .id = SYSREG(2, 0, 7, 14, 6), .flags = EL1_R | SYSREG_HIDDEN, .read = read_const},
    {NAME(MDCCSR_EL0), .id = SYSREG(2, 3, 0, 1, 0), .flags = EL1_R | EL0_R | SYSREG_HIDDEN, .read = read_mdccsr},

    /* Identification. */
    {NAME(MIDR_EL1), ID(0, 0, 0, 0), CONST(0x000f0a70)}, /* implementer 0: software */
    {PLAIN(MPIDR_EL1), ID(0, 0, 0, 5), .flags = EL1_R | SYSREG_KEPT, .mask = ALL},
    {NAME(REVIDR_EL1), ID(0, 0, 0, 6), CONST(0)},
    /* AArch32 is not implemented: these read as zero. */
    IDZERO8(1), IDZERO8(2), IDZERO8(3),
    /* CSV3, CSV2: no speculation to speak of; RAS 1.0; GICv3 registers; AdvSIMD and FP without
     * FP16; EL1 and EL0 in AArch64 only. */
    IDREG(ID_AA64PFR0_EL1, 4, 0, 0x1100000011000011),
    IDZERO(4, 1), IDZERO(4, 2), IDZERO(4, 3), IDZERO(4, 4), IDZERO(4, 5), IDZERO(4, 6), IDZERO(4, 7),
    /* Armv8.0 debug, 6 breakpoints, 4 watchpoints; no PMU, no trace. */
    IDREG(ID_AA64DFR0_EL1, 5, 0, 0x0000000010305006),
    IDZERO(5, 1), IDZERO(5, 2), IDZERO(5, 3), IDZERO(5, 4), IDZERO(5, 5), IDZERO(5, 6), IDZERO(5, 7),
    /* RDM, LSE, CRC32. */
    IDREG(ID_AA64ISAR0_EL1, 6, 0, 0x0000000010210000),
    IDZERO(6, 1), IDZERO(6, 2), IDZERO(6, 3), IDZERO(6, 4), IDZERO(6, 5), IDZERO(6, 6), IDZERO(6, 7),
    /* 4K and 16K granules with LPA2, 64K, at both stages; 16-bit ASIDs, 52-bit addresses. */
    IDREG(ID_AA64MMFR0_EL1, 7, 0, 0x0000032310200026),
    IDREG(ID_AA64MMFR1_EL1, 7, 1, 0x0000000000100000), /* PAN */
    IDREG(ID_AA64MMFR2_EL1, 7, 2, 0x0000000000010000), /* LVA */
    IDZERO(7, 3), IDZERO(7, 4), IDZERO(7, 5), IDZERO(7, 6), IDZERO(7, 7),
    /* RAS: no error records, so the rest is zero (DDI 0587 2.4). */
    RAZWI(ERRIDR_EL1, 3, 0), RAZWI(ERRSELR_EL1, 3, 1), RAZWI(ERXFR_EL1, 4, 0),
    RAZWI(ERXCTLR_EL1, 4, 1), RAZWI(ERXSTATUS_EL1, 4, 2), RAZWI(ERXADDR_EL1, 4, 3),
    RAZWI(ERXMISC0_EL1, 5, 0), RAZWI(ERXMISC1_EL1, 5, 1),
    {NAME(CCSIDR_EL1), ID(1, 0, 0, 0), .flags = EL1_R | SYSREG_HIDDEN, .read = read_ccsidr},
    {PLAIN(CLIDR_EL1), ID(1, 0, 0, 1), .flags = EL1_R | SYSREG_KEPT, .mask = CLIDR_MASK},
    {NAME(AIDR_EL1), ID(1, 0, 0, 7), CONST(0)},
    {PLAIN(CSSELR_EL1), ID(2, 0, 0, 0), .flags = EL1_RW, .mask = 0xf, .reset = UNKNOWN & 0xf},
    /* IDC: data caches need no cleaning for instruction fetch; DIC = 0: IC IVAU is needed. */
    {NAME(CTR_EL0), ID(3, 0, 0, 1), .reset = 0x9444c004, .flags = EL1_R | EL0_R | SYSREG_CONST, .read = cpu_id_read, .write = write_ignore, .el0 = el0_uct},
    {NAME(DCZID_EL0), ID(3, 0, 0, 7), .flags = EL1_R | EL0_R | SYSREG_HIDDEN, .read = read_dczid},

    /* Memory system and control. */
    {HOLDS(SCTLR_EL1), ID(0, 1, 0, 0), .flags = EL1_RW | SYSREG_SLOW, .mask = 0xffffffff & ~(uint64_t)(SCTLR_EE | SCTLR_E0E), .reset = 0x00c50078, .write = write_regime},
    {PLAIN(ACTLR_EL1), ID(0, 1, 0, 1), .flags = EL1_RW, .mask = 0},
    {HOLDS(CPACR_EL1), ID(0, 1, 0, 2), .flags = EL1_RW | SYSREG_SLOW, .mask = 0x10300000, .write = write_context},
    {HOLDS(TTBR0_EL1), ID(0, 2, 0, 0), .flags = EL1_RW | SYSREG_SLOW, .mask = ALL, .reset = UNKNOWN, .write = write_context},
    {HOLDS(TTBR1_EL1), ID(0, 2, 0, 1), .flags = EL1_RW | SYSREG_SLOW, .mask = ALL, .reset = UNKNOWN, .write = write_context},
    {HOLDS(TCR_EL1), ID(0, 2, 0, 2), .flags = EL1_RW | SYSREG_SLOW, .mask = TCR_DS | 0x0000007fffffffff, .write = write_tcr},
    {PLAIN(AFSR0_EL1), ID(0, 5, 1, 0), .flags = EL1_RW, .mask = ALL, .reset = UNKNOWN},
    {PLAIN(AFSR1_EL1), ID(0, 5, 1, 1), .flags = EL1_RW, .mask = ALL, .reset = UNKNOWN},
    {PLAIN(ESR_EL1), ID(0, 5, 2, 0), .flags = EL1_RW, .mask = ALL, .reset = UNKNOWN},
    {PLAIN(FAR_EL1), ID(0, 6, 0, 0), .flags = EL1_RW, .mask = ALL, .reset = UNKNOWN},
    {PLAIN(PAR_EL1), ID(0, 7, 4, 0), .flags = EL1_RW, .mask = ALL, .reset = UNKNOWN},
    {HOLDS(MAIR_EL1), ID(0, 10, 2, 0), .flags = EL1_RW | SYSREG_SLOW, .mask = ALL, .reset = UNKNOWN, .write = write_regime},
    {PLAIN(AMAIR_EL1), ID(0, 10, 3, 0), .flags = EL1_RW, .mask = 0},
    {PLAIN(VBAR_EL1), ID(0, 12, 0, 0), .flags = EL1_RW, .mask = ALL & ~UINT64_C(0x7ff)},
    {NAME(ISR_EL1), ID(0, 12, 1, 0), .flags = EL1_R | SYSREG_HIDDEN, .read = read_isr},
    {PLAIN(DISR_EL1), ID(0, 12, 1, 1), .flags = EL1_RW, .mask = ALL},
    {PLAIN(CONTEXTIDR_EL1), ID(0, 13, 0, 1), .flags = EL1_RW, .mask = 0xffffffff},
    {PLAIN(TPIDR_EL1), ID(0, 13, 0, 4), .flags = EL1_RW, .mask = ALL, .reset = UNKNOWN},
    {PLAIN(CNTKCTL_EL1), ID(0, 14, 1, 0), .flags = EL1_RW, .mask = 0x3ff},
    {PLAIN(TPIDR_EL0), ID(3, 13, 0, 2), .flags = EL1_RW | EL0_RW, .mask = ALL, .reset = UNKNOWN},
    {PLAIN(TPIDRRO_EL0), ID(3, 13, 0, 3), .flags = EL1_RW | EL0_R, .mask = ALL, .reset = UNKNOWN},

    /* In KVM's list whatever the CPU has: registers of AArch32, UNDEFINED to the guest. */
    {PLAIN(DBGVCR32_EL2), .id = SYSREG(2, 4, 0, 7, 0), .mask = ALL},
    {PLAIN(DACR32_EL2), ID(4, 3, 0, 0), .mask = ALL, .reset = UNKNOWN},
    {PLAIN(IFSR32_EL2), ID(4, 5, 0, 1), .mask = ALL, .reset = UNKNOWN},
    {PLAIN(FPEXC32_EL2), ID(4, 5, 3, 0), .mask = ALL, .reset = 0x700},

    /* Process state. */
    {PLAIN(SPSR_EL1), ID(0, 4, 0, 0), .flags = EL1_RW | SYSREG_HIDDEN, .mask = ALL},
    {PLAIN(ELR_EL1), ID(0, 4, 0, 1), .flags = EL1_RW | SYSREG_HIDDEN, .mask = ALL},
    {NAME(SP_EL0), ID(0, 4, 1, 0), .flags = EL1_RW | SYSREG_HIDDEN, .read = read_sp_el0, .write = write_sp_el0},
    {NAME(SPSel), ID(0, 4, 2, 0), .flags = EL1_RW | SYSREG_HIDDEN | SYSREG_SLOW, .read = read_spsel, .write = write_spsel},
    {NAME(CurrentEL), ID(0, 4, 2, 2), .flags = EL1_R | SYSREG_HIDDEN, .read = read_currentel},
    {NAME(PAN), ID(0, 4, 2, 3), .flags = EL1_RW | SYSREG_HIDDEN | SYSREG_SLOW, .read = read_pan, .write = write_pan},
    {NAME(NZCV), ID(3, 4, 2, 0), .flags = EL1_RW | EL0_RW | SYSREG_HIDDEN, .read = read_nzcv, .write = write_nzcv},
    {NAME(DAIF), ID(3, 4, 2, 1), .flags = EL1_RW | EL0_RW | SYSREG_HIDDEN | SYSREG_SLOW, .read = read_daif, .write = write_daif, .el0 = el0_uma},
    {NAME(FPCR), ID(3, 4, 4, 0), .flags = EL1_RW | EL0_RW | SYSREG_HIDDEN, .read = read_fpcr, .write = write_fpcr},
    {NAME(FPSR), ID(3, 4, 4, 1), .flags = EL1_RW | EL0_RW | SYSREG_HIDDEN, .read = read_fpsr, .write = write_fpsr},

    /* Generic timer: kept by the machine around the CPU. */
    {NAME(CNTFRQ_EL0), ID(3, 14, 0, 0), .flags = EL1_R | EL0_R | SYSREG_OUTSIDE, .el0 = el0_cntfrq},
    TIMER(CNTPCT_EL0, 0, 1, 0, EL1_R | EL0_R),
    TIMER(CNTVCT_EL0, 0, 2, 1, EL1_R | EL0_R),
    TIMER(CNTP_TVAL_EL0, 2, 0, 9, EL1_RW | EL0_RW | SYSREG_SLOW),
    TIMER(CNTP_CTL_EL0, 2, 1, 9, EL1_RW | EL0_RW | SYSREG_SLOW),
    TIMER(CNTP_CVAL_EL0, 2, 2, 9, EL1_RW | EL0_RW | SYSREG_SLOW),
    TIMER(CNTV_TVAL_EL0, 3, 0, 8, EL1_RW | EL0_RW | SYSREG_SLOW),
    TIMER(CNTV_CTL_EL0, 3, 1, 8, EL1_RW | EL0_RW | SYSREG_SLOW),
    TIMER(CNTV_CVAL_EL0, 3, 2, 8, EL1_RW | EL0_RW | SYSREG_SLOW),

    /* GIC CPU interface: kept by the interrupt controller, which knows their directions. */
    ICC(ICC_PMR_EL1, 0, 4, 6, 0),
    ICC(ICC_IAR0_EL1, 0, 12, 8, 0), ICC(ICC_EOIR0_EL1, 0, 12, 8, 1),
    ICC(ICC_HPPIR0_EL1, 0, 12, 8, 2), ICC(ICC_BPR0_EL1, 0, 12, 8, 3),
    ICC(ICC_AP0R0_EL1, 0, 12, 8, 4), ICC(ICC_AP0R1_EL1, 0, 12, 8, 5),
    ICC(ICC_AP0R2_EL1, 0, 12, 8, 6), ICC(ICC_AP0R3_EL1, 0, 12, 8, 7),
    ICC(ICC_AP1R0_EL1, 0, 12, 9, 0), ICC(ICC_AP1R1_EL1, 0, 12, 9, 1),
    ICC(ICC_AP1R2_EL1, 0, 12, 9, 2), ICC(ICC_AP1R3_EL1, 0, 12, 9, 3),
    ICC(ICC_DIR_EL1, 0, 12, 11, 1), ICC(ICC_RPR_EL1, 0, 12, 11, 3),
    ICC(ICC_SGI1R_EL1, 0, 12, 11, 5), ICC(ICC_ASGI1R_EL1, 0, 12, 11, 6),
    ICC(ICC_SGI0R_EL1, 0, 12, 11, 7),
    ICC(ICC_IAR1_EL1, 0, 12, 12, 0), ICC(ICC_EOIR1_EL1, 0, 12, 12, 1),
    ICC(ICC_HPPIR1_EL1, 0, 12, 12, 2), ICC(ICC_BPR1_EL1, 0, 12, 12, 3),
    ICC(ICC_CTLR_EL1, 0, 12, 12, 4), ICC(ICC_SRE_EL1, 0, 12, 12, 5),
    ICC(ICC_IGRPEN0_EL1, 0, 12, 12, 6), ICC(ICC_IGRPEN1_EL1, 0, 12, 12, 7),
};
/* clang-format on */

const struct cpu_sysreg *cpu_sysreg_find(uint32_t id)
{
	for (unsigned n = 0; n < AM_ARRAY_SIZE(rows); n++) {
		if (rows[n].id == id)
			return &rows[n];
	}
	return NULL;
}

const struct cpu_sysreg *cpu_sysreg_row(unsigned index)
{
	return &rows[index];
}

unsigned cpu_sysreg_index(const struct cpu_sysreg *r)
{
	return r - rows;
}

void cpu_sysreg_reset(struct cpu *c)
{
	for (unsigned n = 0; n < AM_ARRAY_SIZE(rows); n++) {
		if (rows[n].read == read_plain && !(rows[n].flags & SYSREG_KEPT))
			c->sr[rows[n].sr] = rows[n].reset;
	}
}

/* ---- User space ---- */

int cpu_get_sysreg(struct cpu *c, uint32_t id, uint64_t *v)
{
	const struct cpu_sysreg *r = cpu_sysreg_find(id);

	if (!r || (r->flags & SYSREG_OUTSIDE) || !r->read)
		return -ENOENT;
	*v = r->read(c, r);
	return 0;
}

/*
 * The AArch32 ID registers that KVM makes read-as-zero, writes ignored, on a host without AArch32;
 * of the other zeros in that space it accepts only zero.
 */
static bool is_aarch32_id(uint32_t id)
{
	static const uint32_t ids[] = {0xf7, 0xff, 0x57}; /* op2 bits of CRm 1, 2, 3 */
	unsigned crm = am_bits(id, 6, 3);

	return (id & ~0x7fu) == SYSREG(3, 0, 0, 0, 0) && crm >= 1 && crm <= 3 &&
	       am_bit(ids[crm - 1], id & 7);
}

int cpu_set_sysreg(struct cpu *c, uint32_t id, uint64_t v)
{
	const struct cpu_sysreg *r = cpu_sysreg_find(id);

	if (!r || (r->flags & SYSREG_OUTSIDE) || !r->write)
		return -ENOENT;
	if (r->read == cpu_id_read)
		return cpu_id_write(c, r, v);
	if (r->flags & SYSREG_CONST)
		return v == r->reset || is_aarch32_id(id) ? 0 : -EINVAL;
	if (id == SYSREG(2, 0, 1, 1, 4) && ((v ^ c->sr[SR_OSLSR_EL1]) & ~UINT64_C(2)))
		return -EINVAL;
	if (r->sr == SR_CLIDR_EL1 && (v & ~r->mask))
		return -EINVAL;
	r->write(c, r, v);
	return 0;
}

const uint16_t *cpu_sysreg_list(size_t *n)
{
	static uint16_t list[AM_ARRAY_SIZE(rows)];
	static atomic_uint count;
	static struct am_lock lock;

	if (!atomic_load_explicit(&count, memory_order_acquire)) {
		am_lock(&lock);
		unsigned k = 0;

		for (unsigned m = 0; m < AM_ARRAY_SIZE(rows); m++) {
			if (rows[m].flags & (SYSREG_HIDDEN | SYSREG_OUTSIDE))
				continue;
			unsigned at = k++;

			/* Insertion: the table is nearly in order. */
			for (; at && list[at - 1] > rows[m].id; at--)
				list[at] = list[at - 1];
			list[at] = rows[m].id;
		}
		atomic_store_explicit(&count, k, memory_order_release);
		am_unlock(&lock);
	}
	*n = atomic_load_explicit(&count, memory_order_acquire);
	return list;
}
