/* SPDX-License-Identifier: MIT */
/*
 * Random operations, but not blindly random: a few interrupts get most of the attention, what is
 * signalled is mostly acknowledged and what was acknowledged mostly finished, and what would keep
 * everything quiet for long (a mask, a disabled distributor) is repaired soon.
 */
#ifndef MODEL_GENERATE_H
#define MODEL_GENERATE_H

#include "world.h"

enum { MAX_HOT = 12, MAX_TAKEN = 24 };

struct taken {
	unsigned intid, group;
};

struct generator {
	uint64_t seed;
	unsigned step;
	unsigned nr_hot, hot[MAX_HOT];
	uint8_t priority[6];
	unsigned ack, eoi; /* how eager, in 1/1000 of all operations */
	bool deep;	   /* many priorities at a time */
	unsigned quiet;	   /* how rare what disturbs is: 1 in so many */
	/* What each vCPU acknowledged, the last at the end; and dropped but did not deactivate. */
	unsigned nr_taken[M_MAX_CPUS], nr_dropped;
	struct taken taken[M_MAX_CPUS][MAX_TAKEN];
	struct taken dropped[MAX_TAKEN];
};

void generate_shape(uint64_t seed, struct shape *shape);
void generate_start(struct generator *g, uint64_t seed, const struct shape *shape);
/* The next operation, given what the machine is like now. */
struct op generate(struct generator *g, const struct world *w);
/* It was done, and answered w->answer. */
void generate_learn(struct generator *g, const struct world *w, const struct op *op);

/* fields.c: accesses of registers, for the above */
struct op generate_field(struct generator *g, const struct world *w, bool user);
struct op generate_enable(struct generator *g, const struct world *w, unsigned cpu, unsigned intid,
			  bool enable);
struct op generate_read(struct generator *g, const struct world *w);
struct op generate_wild(struct generator *g, const struct world *w);
struct op generate_user(struct generator *g, const struct world *w);
struct op generate_sysreg_write(struct generator *g, const struct world *w);

/* generate2.c: of a GICv2 */
struct op gicc_read(unsigned cpu, uint32_t reg);
struct op gicc_write(unsigned cpu, uint32_t reg, uint64_t value);
struct op generate2_ack(struct generator *g, const struct world *w, unsigned cpu);
struct op generate2_sgi(struct generator *g, const struct world *w);
struct op generate2_field(struct generator *g, const struct world *w, struct op op, unsigned intid);
struct op generate2_access(struct generator *g, const struct world *w);
struct op generate2_cpuif_read(struct generator *g, const struct world *w);
struct op generate2_cpuif_write(struct generator *g, const struct world *w);
struct op generate2_user(struct generator *g, const struct world *w, bool write);
uint32_t generate2_ctlr(const struct m_cpu *c);

unsigned generate_hot(struct generator *g);
uint8_t generate_priority(struct generator *g);
unsigned generate_cpu(struct generator *g, const struct world *w);

#endif
