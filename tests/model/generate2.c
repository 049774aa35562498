/* SPDX-License-Identifier: MIT */
/* Random operations on a GICv2: see generate.h. */
#include "generate.h"

enum {
	CTLR = 0x00,
	PMR = 0x04,
	BPR = 0x08,
	IAR = 0x0c,
	EOIR = 0x10,
	RPR = 0x14,
	HPPIR = 0x18,
	ABPR = 0x1c,
	AIAR = 0x20,
	AEOIR = 0x24,
	AHPPIR = 0x28,
	APR0 = 0xd0,
	NSAPR = 0xe0,
	IIDR = 0xfc,
	SGIR = 0xf00,
	CPENDSGIR = 0xf10,
	SPENDSGIR = 0xf20,
	ITARGETSR = 0x800,
};

struct op gicc_read(unsigned cpu, uint32_t reg)
{
	return (struct op){
	    .kind = OP_READ, .cpu = (uint8_t)cpu, .len = 4, .frame = M_GICC, .reg = reg};
}

struct op gicc_write(unsigned cpu, uint32_t reg, uint64_t value)
{
	return (struct op){.kind = OP_WRITE,
			   .cpu = (uint8_t)cpu,
			   .len = 4,
			   .frame = M_GICC,
			   .reg = reg,
			   .value = (uint32_t)value};
}

uint32_t generate2_ctlr(const struct m_cpu *c)
{
	return (uint32_t)c->enable[0] | (uint32_t)c->enable[1] << 1 | (uint32_t)c->ackctl << 2 |
	       (uint32_t)c->fiqen << 3 | (uint32_t)c->cbpr << 4 | (uint32_t)c->eoimode << 9;
}

/* Mostly through the register that has it. */
struct op generate2_ack(struct generator *g, const struct world *w, unsigned cpu)
{
	const struct m_cpu *c = &w->model.cpu[cpu];
	bool aliased = rnd_below(&g->seed, 2);

	if (c->ackctl)
		aliased = rnd_below(&g->seed, 6) == 0;
	else if (w->lines[cpu] == AM_GIC_FIQ)
		aliased = rnd_below(&g->seed, 12) == 0;
	else if (c->fiqen && w->lines[cpu] == AM_GIC_IRQ)
		aliased = rnd_below(&g->seed, 12) != 0;
	return gicc_read(cpu, aliased ? AIAR : IAR);
}

struct op generate2_sgi(struct generator *g, const struct world *w)
{
	struct op op = {.kind = OP_WRITE,
			.len = 4,
			.cpu = (uint8_t)generate_cpu(g, w),
			.frame = M_GICD,
			.reg = SGIR};
	unsigned filter = rnd_below(&g->seed, 3) ? 0 : rnd_below(&g->seed, 4);

	op.value =
	    g->hot[rnd_below(&g->seed, 2) * 2] | filter << 24 | 1u << (16 + generate_cpu(g, w));
	if (rnd_below(&g->seed, 4) == 0)
		op.value |= rnd_below(&g->seed, 256) << 16;
	if (rnd_below(&g->seed, 12) == 0)
		op.value ^= UINT64_C(1) << rnd_below(&g->seed, 32);
	return op;
}

/* Targets and sources: the registers that only a GICv2 has. @op is an access of the distributor. */
struct op generate2_field(struct generator *g, const struct world *w, struct op op, unsigned intid)
{
	unsigned all = (1u << w->shape.nr_cpus) - 1;

	op.len = 1;
	op.reg = ITARGETSR + intid;
	op.value = rnd_below(&g->seed, 8) ? 1u << generate_cpu(g, w) : rnd_below(&g->seed, 256);
	if (intid < M_SGIS && rnd_below(&g->seed, 8)) {
		op.reg = (rnd_below(&g->seed, 3) ? SPENDSGIR : CPENDSGIR) + intid;
		op.value = rnd_below(&g->seed, 256) & (rnd_below(&g->seed, 8) ? all : 0xff);
	}
	if (op.kind != OP_WRITE || rnd_below(&g->seed, 4) == 0) {
		op.len = 4;
		op.reg &= ~3u;
		op.value <<= intid % 4 * 8;
		if (rnd_below(&g->seed, 4) == 0)
			op.value |= (uint32_t)rnd(&g->seed);
	}
	return op;
}

static uint32_t some_gicc(struct generator *g)
{
	static const uint16_t regs[] = {CTLR,	PMR,  BPR,	RPR,   HPPIR, ABPR,
					AHPPIR, APR0, APR0 + 4, NSAPR, IIDR,  0x1000};

	return rnd_below(&g->seed, 8) ? regs[rnd_below(&g->seed, 12)] : rnd_below(&g->seed, 0x2000);
}

static uint32_t some_gicd(struct generator *g)
{
	static const uint16_t regs[] = {0, 4, 8, 0xc, 0x10, SGIR, CPENDSGIR, SPENDSGIR, 0xfe8};
	unsigned intid = generate_hot(g);

	switch (rnd_below(&g->seed, 8)) {
	case 0:
		return rnd_below(&g->seed, 0x1000);
	case 1:
		return regs[rnd_below(&g->seed, 9)];
	case 2:
		return ITARGETSR + intid;
	case 3:
		return (rnd_below(&g->seed, 2) ? CPENDSGIR : SPENDSGIR) + intid % 16;
	case 4:
		return 0x400 + intid;
	default:
		return 0x80 + 0x80 * rnd_below(&g->seed, 7) + intid / 32 * 4;
	}
}

struct op generate2_access(struct generator *g, const struct world *w)
{
	static const uint8_t lens[] = {1, 2, 4, 4, 4, 4, 8};
	bool gicc = rnd_below(&g->seed, 3) == 0;
	struct op op = {.cpu = (uint8_t)generate_cpu(g, w)};
	unsigned room = gicc ? 0x2000 : 0x1000;

	op.frame = gicc ? M_GICC : M_GICD;
	op.group = gicc ? AM_GIC_GRP_CPU_REGS : AM_GIC_GRP_DIST_REGS;
	op.reg = gicc ? some_gicc(g) : some_gicd(g);
	op.len = lens[rnd_below(&g->seed, sizeof(lens))];
	if (rnd_below(&g->seed, 4))
		op.reg &= ~(op.len - 1u);
	if (op.reg + op.len > room)
		op.reg = room - op.len;
	return op;
}

struct op generate2_cpuif_read(struct generator *g, const struct world *w)
{
	return gicc_read(generate_cpu(g, w), some_gicc(g) & ~3u);
}

static uint32_t cpuif_value(struct generator *g, const struct m_cpu *c, uint32_t reg)
{
	switch (reg) {
	case CTLR:
		if (rnd_below(&g->seed, 4) == 0)
			return (uint32_t)rnd(&g->seed);
		return generate2_ctlr(c) ^ 1u << rnd_below(&g->seed, 10);
	case PMR:
		if (rnd_below(&g->seed, 4) == 0)
			return generate_priority(g) + rnd_below(&g->seed, 9);
		return rnd_below(&g->seed, g->quiet) ? 0xff : (uint32_t)rnd(&g->seed);
	case APR0:
		return rnd_below(&g->seed, 2) ? 0 : 1u << (generate_priority(g) >> 3);
	default:
		return rnd_below(&g->seed, g->deep ? 4 : 8) & (uint32_t)rnd(&g->seed);
	}
}

struct op generate2_cpuif_write(struct generator *g, const struct world *w)
{
	static const uint8_t regs[] = {CTLR, CTLR, CTLR, PMR,	PMR, BPR,
				       BPR,  ABPR, APR0, NSAPR, IIDR};
	unsigned cpu = generate_cpu(g, w);
	uint32_t reg = regs[rnd_below(&g->seed, sizeof(regs))];

	return gicc_write(cpu, reg, cpuif_value(g, &w->model.cpu[cpu], reg));
}

struct op generate2_user(struct generator *g, const struct world *w, bool write)
{
	struct op op = generate2_cpuif_write(g, w);

	op.kind = write ? OP_USER_WRITE : OP_USER_READ;
	op.group = AM_GIC_GRP_CPU_REGS;
	if (rnd_below(&g->seed, 8) == 0)
		op.reg = rnd_below(&g->seed, 0x2000);
	if (op.reg == PMR && write)
		op.value = rnd_below(&g->seed, 4) ? 0x1f : op.value;
	return op;
}
