/* SPDX-License-Identifier: MIT */
/*
 * The implementation and the model side by side, and what is done to both: operations, which are
 * complete in themselves, so that any subsequence of a recording can be played again.
 */
#ifndef MODEL_WORLD_H
#define MODEL_WORLD_H

#include <armature/gic.h>
#include <stddef.h>

#include "model.h"

enum op_kind {
	OP_READ,  /* guest: frame, reg, len */
	OP_WRITE, /* and value */
	OP_ICC_READ,
	OP_ICC_WRITE,
	OP_SPI,	      /* input reg goes to value */
	OP_PPI,	      /* of vCPU cpu */
	OP_USER_READ, /* device attribute group, reg; frame or cpu */
	OP_USER_WRITE,
	OP_RESET,   /* vCPU cpu */
	OP_MPIDR,   /* of vCPU cpu becomes value */
	OP_OWN,	    /* PPI reg of vCPU cpu belongs to a device */
	OP_RESTORE, /* save all, destroy, create, restore; value decides on the order */
	OP_CHECK,   /* compare all registers */
	OP_NR,
};

struct op {
	uint8_t kind, cpu, len, group;
	int8_t frame; /* M_GICD, M_GICC, or a redistributor's vCPU */
	uint32_t reg;
	uint64_t value;
};

enum { MAX_REGIONS = 8 };

/* A machine; what its vCPUs and redistributor regions are. */
struct shape {
	bool v2;
	unsigned nr_cpus, nr_irqs;
	unsigned lrs; /* list registers, or 0: vCPUs use am_gic_icc_* */
	uint16_t id[M_MAX_CPUS];
	unsigned nr_regions; /* 0: one legacy region */
	struct {
		uint64_t base;
		unsigned count;
	} region[MAX_REGIONS];
};

#define WORLD_GICD UINT64_C(0x08000000)
#define WORLD_GICC UINT64_C(0x08010000)
#define WORLD_GICR UINT64_C(0x080a0000)
#define WORLD_STEP UINT64_C(0x20000) /* from one redistributor to the next */

struct world {
	struct shape shape;
	struct am_gic *gic;
	struct am_bus *bus;
	struct model model;
	uint64_t redist[M_MAX_CPUS]; /* addresses */
	unsigned lines[M_MAX_CPUS];  /* as last reported */
	unsigned line_errors;	     /* reports that changed nothing */
	unsigned done, nr_done;	     /* spi_done's INTID, and how often it was called */
	struct am_gic_lrs lrs[M_MAX_CPUS];
	int home[M_MAX_IRQS]; /* with list registers: where an SPI is while it is active */
	long bytes;	      /* allocated */
	uint64_t answer;      /* of the last read */
	char why[240];	      /* what differed */
};

/* Both in their reset state. The shape must be a valid one: otherwise the process ends. */
void world_start(struct world *w, const struct shape *shape);
void world_end(struct world *w);
/* Does it to both. False, with w->why, if they differ in the answer or in a line. */
bool world_step(struct world *w, const struct op *op);
/* The guest's access by list registers, reading into @got; false if it was not made (lrs.c). */
bool lrs_access(struct world *w, const struct op *op, uint64_t *got);
/* Notes where SPIs are, after @op. */
void lrs_find_homes(struct world *w, const struct op *op);
/* Saves the implementation's state, and restores it into a new one (restore.c). */
void world_restore(struct world *w, uint64_t order);
void world_create_gic(struct world *w);
void world_destroy_gic(struct world *w);
/* Both compare every register, as the guest and as user space see them (check.c). */
bool world_check(struct world *w);
bool world_differ(struct world *w, const char *what, uint64_t model, uint64_t gic);

/* The address of a frame; the part of a device attribute that says which vCPU. */
uint64_t world_frame(const struct world *w, int frame);
uint64_t world_cpu_attr(const struct world *w, unsigned cpu);

/* "vCPU 1: GICD_ISENABLER1 (GICD+0x104, 4 bytes) = 0x20" (print.c) */
void op_print(const struct shape *shape, const struct op *op, char *text, size_t size);

/* ---- Numbers ---- */

/* splitmix64 */
static inline uint64_t rnd(uint64_t *s)
{
	uint64_t z = *s += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static inline unsigned rnd_below(uint64_t *s, unsigned n)
{
	return (unsigned)((rnd(s) >> 32) * n >> 32);
}

#endif
