/* SPDX-License-Identifier: MIT */
/*
 * A reference model of the interrupt controller: what the architecture (IHI 0069H) says and, where
 * that leaves a choice, what KVM does. It is meant to be read and believed: an interrupt is a few
 * booleans, "what is pending for this vCPU" is a loop over all interrupts, and nothing is kept that
 * could be worked out. It shares no code with src/gic.
 *
 * vCPUs are indices here, in the order of their creation; m_cpu.id is the number user space gave.
 */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include <stdbool.h>
#include <stdint.h>

enum {
	M_MAX_CPUS = 40,
	M_MAX_IRQS = 992,
	M_PRIVATE = 32,
	M_SGIS = 16,
	M_SPURIOUS = 1023,
	M_IDLE = 0xff,
	M_NOBODY = -1,
	M_GICD = -1, /* frames; a redistributor's is its vCPU */
	M_GICC = -2,
	M_IRQ = 1, /* lines into a vCPU */
	M_FIQ = 2,
};

struct m_irq {
	bool enabled, group1, edge;
	bool latch;  /* pending by an edge, an SGI or a write */
	bool line;   /* the input */
	bool active; /* acknowledged and not yet deactivated */
	bool owned;  /* a PPI that a device of the machine drives */
	uint8_t priority;
	uint8_t sources; /* GICv2, SGIs: the vCPUs that it is pending from */
	uint32_t route;	 /* GICD_IROUTER, GICv2: GICD_ITARGETSR */
	int target;	 /* an SPI's vCPU, or M_NOBODY */
};

struct m_cpu {
	unsigned id;
	uint64_t mpidr;
	bool last; /* GICR_TYPER.Last */
	/* The CPU interface, as user space sees it. */
	uint8_t pmr, bpr[2];
	bool enable[2]; /* groups */
	bool cbpr, eoimode;
	bool ackctl, fiqen; /* GICv2 */
	uint32_t apr[2];    /* bit n: priority n << 3 is active; a GICv2 has one for both groups */
	unsigned pri_bits, id_bits;
	uint64_t pendbaser;
	struct m_irq irq[M_PRIVATE];
};

struct model {
	bool v2;
	bool user_groups; /* GICv2: user space may write groups */
	unsigned nr_cpus, nr_irqs;
	bool enabled; /* GICD_CTLR */
	unsigned revision;
	uint64_t propbaser;
	struct m_cpu cpu[M_MAX_CPUS];
	struct m_irq spi[M_MAX_IRQS]; /* by INTID; the first 32 are not used */
	unsigned done;		      /* level-sensitive SPI whose end was reported, or 0 */
};

/* ---- irq.c: one interrupt ---- */

/* @m's nr_cpus, nr_irqs and each vCPU's id, mpidr and last are set; the rest becomes its reset. */
void m_reset(struct model *m);
void m_reset_cpu(struct model *m, unsigned cpu);
/* What saving everything through the device attributes and restoring it keeps. */
void m_restore(struct model *m);

/* NULL if there is no such interrupt. */
struct m_irq *m_irq(struct model *m, unsigned cpu, unsigned intid);
bool m_is_pending(const struct m_irq *irq);
void m_input(struct m_irq *irq, bool level);
void m_route(struct model *m, struct m_irq *irq, uint32_t route);
void m_targets(struct model *m, struct m_irq *irq, unsigned targets); /* GICv2 */
void m_set_sources(struct m_irq *irq, unsigned sources);
int m_cpu_by_affinity(const struct model *m, uint64_t affinity);
void m_set_mpidr(struct model *m, unsigned cpu, uint64_t mpidr);

/* ---- cpuif.c: what a vCPU is offered, and what it does with it ---- */

/*
 * Which of several interrupts of the same priority is offered first is not architected (IHI 0069H
 * 4.8): the model says whether an answer is allowed, and goes on with it.
 */
bool m_lines_allowed(struct model *m, unsigned cpu, unsigned lines);
unsigned m_some_lines(struct model *m, unsigned cpu);
/*
 * Of the groups in @groups (bit 0, bit 1); where the best is of another the answer is @other. Both
 * return @got if it is allowed, else an answer that is. m_ack then acts on it.
 */
unsigned m_hppi(struct model *m, unsigned cpu, unsigned groups, unsigned other, unsigned got);
unsigned m_ack(struct model *m, unsigned cpu, unsigned groups, unsigned other, unsigned got);
void m_eoi(struct model *m, unsigned cpu, unsigned groups, unsigned intid);
void m_dir(struct model *m, unsigned cpu, unsigned intid);
void m_sgi(struct model *m, unsigned cpu, uint64_t value, bool any_group);
void m_sgi2(struct model *m, unsigned cpu, uint32_t value); /* GICD_SGIR */
unsigned m_running(const struct m_cpu *c);
/* The binary point that counts. */
unsigned m_bpr(const struct m_cpu *c, unsigned group);
/* A value of a binary point's register, raised to the smallest there is. */
unsigned m_least_bpr(unsigned group, unsigned value);

/* ---- sysreg.c: ICC_*_EL1 ---- */

/* 0 or -errno. @got is the implementation's answer, where several are allowed. */
int m_icc_read(struct model *m, unsigned cpu, unsigned reg, uint64_t got, uint64_t *want);
int m_icc_write(struct model *m, unsigned cpu, unsigned reg, uint64_t value);
int m_icc_user_read(struct model *m, unsigned cpu, unsigned reg, uint64_t *want);
int m_icc_user_write(struct model *m, unsigned cpu, unsigned reg, uint64_t value);

#define ICC(crn, crm, op2) AM_GIC_SYSREG(3u, 0u, crn, crm, op2)
#define ICC_PMR		   ICC(4u, 6u, 0u)
#define ICC_IAR0	   ICC(12u, 8u, 0u)
#define ICC_EOIR0	   ICC(12u, 8u, 1u)
#define ICC_HPPIR0	   ICC(12u, 8u, 2u)
#define ICC_BPR0	   ICC(12u, 8u, 3u)
#define ICC_AP0R0	   ICC(12u, 8u, 4u)
#define ICC_AP1R0	   ICC(12u, 9u, 0u)
#define ICC_DIR		   ICC(12u, 11u, 1u)
#define ICC_RPR		   ICC(12u, 11u, 3u)
#define ICC_SGI1R	   ICC(12u, 11u, 5u)
#define ICC_ASGI1R	   ICC(12u, 11u, 6u)
#define ICC_SGI0R	   ICC(12u, 11u, 7u)
#define ICC_IAR1	   ICC(12u, 12u, 0u)
#define ICC_EOIR1	   ICC(12u, 12u, 1u)
#define ICC_HPPIR1	   ICC(12u, 12u, 2u)
#define ICC_BPR1	   ICC(12u, 12u, 3u)
#define ICC_CTLR	   ICC(12u, 12u, 4u)
#define ICC_SRE		   ICC(12u, 12u, 5u)
#define ICC_IGRPEN0	   ICC(12u, 12u, 6u)
#define ICC_IGRPEN1	   ICC(12u, 12u, 7u)

/* ---- blocks.c: registers with a field of each interrupt ---- */

/* Who accesses what. */
struct m_access {
	struct model *m;
	unsigned cpu;
	int frame; /* M_GICD, M_GICC or a redistributor */
	bool user;
};

/* The word at @offset of a distributor or SGI frame; 0 if there is no such register. */
uint32_t m_fields_read(const struct m_access *a, uint32_t offset);
/* @len bytes: less than 4 where a byte was written. */
void m_fields_write(const struct m_access *a, uint32_t offset, unsigned len, uint32_t value);

/* ---- regs.c: the frames ---- */

/* @cpu: who asks; @frame: M_GICD, M_GICC or a redistributor. @got: as above. */
uint64_t m_read(struct model *m, unsigned cpu, int frame, uint32_t offset, unsigned len,
		uint64_t got);
void m_write(struct model *m, unsigned cpu, int frame, uint32_t offset, unsigned len,
	     uint64_t value);
uint32_t m_user_read(struct model *m, unsigned cpu, int frame, uint32_t offset);
int m_user_write(struct model *m, unsigned cpu, int frame, uint32_t offset, uint32_t value);
int m_user_read_lines(struct model *m, unsigned cpu, uint32_t attr, uint32_t *lines);
int m_user_write_lines(struct model *m, unsigned cpu, uint32_t attr, uint32_t lines);

/* ---- gicc.c: a GICv2's CPU interface ---- */

uint32_t m_gicc_read(struct model *m, unsigned cpu, uint32_t offset, uint32_t got);
void m_gicc_write(struct model *m, unsigned cpu, uint32_t offset, uint32_t value);
uint32_t m_gicc_user_read(struct model *m, unsigned cpu, uint32_t offset);
void m_gicc_user_write(struct model *m, unsigned cpu, uint32_t offset, uint32_t value);

#endif
