/* SPDX-License-Identifier: MIT */
/* Random accesses of registers: see generate.h. */
#include "generate.h"

enum {
	IGROUPR = 0x80,
	ISENABLER = 0x100,
	ICENABLER = 0x180,
	ISPENDR = 0x200,
	ICPENDR = 0x280,
	ISACTIVER = 0x300,
	ICACTIVER = 0x380,
	IPRIORITYR = 0x400,
	ICFGR = 0xc00,
	IROUTER = 0x6000,
};

unsigned generate_hot(struct generator *g)
{
	return g->hot[rnd_below(&g->seed, g->nr_hot)];
}

unsigned generate_cpu(struct generator *g, const struct world *w)
{
	return rnd_below(&g->seed, w->shape.nr_cpus);
}

/* An access of the frame that has @intid's fields. */
static struct op field_op(struct generator *g, const struct world *w, unsigned cpu, unsigned intid)
{
	struct op op = {.kind = OP_WRITE, .len = 4, .cpu = (uint8_t)cpu, .frame = M_GICD};

	op.group = AM_GIC_GRP_DIST_REGS;
	if (intid < M_PRIVATE && !w->shape.v2) {
		op.frame = (int8_t)cpu;
		op.reg = 0x10000;
		op.group = AM_GIC_GRP_REDIST_REGS;
		/* One vCPU may write another's. */
		if (rnd_below(&g->seed, 8) == 0)
			op.cpu = (uint8_t)generate_cpu(g, w);
	}
	return op;
}

/* A bit for @intid, and sometimes for hot ones of the same word, or for anything. */
static uint32_t mask_of(struct generator *g, unsigned intid)
{
	uint32_t mask = UINT32_C(1) << intid % 32;

	switch (rnd_below(&g->seed, 8)) {
	case 0:
		return (uint32_t)rnd(&g->seed);
	case 1:
	case 2:
		for (unsigned i = 0; i < g->nr_hot; i++)
			if (g->hot[i] / 32 == intid / 32 && rnd_below(&g->seed, 2))
				mask |= UINT32_C(1) << g->hot[i] % 32;
		return mask;
	default:
		return mask;
	}
}

uint8_t generate_priority(struct generator *g)
{
	if (rnd_below(&g->seed, 12) == 0)
		return (uint8_t)rnd(&g->seed);
	return g->priority[rnd_below(&g->seed, 6)];
}

static void priority_write(struct generator *g, struct op *op, unsigned intid)
{
	op->reg += IPRIORITYR + intid;
	op->len = 1;
	op->value = generate_priority(g);
	if (op->kind != OP_USER_WRITE && rnd_below(&g->seed, 4))
		return;
	op->len = 4;
	op->reg &= ~3u;
	for (unsigned i = 0; i < 4; i++)
		op->value = op->value << 8 | generate_priority(g);
	op->value &= UINT32_MAX;
}

/* To a vCPU mostly; and IRM and what else is not kept. */
static void route_write(struct generator *g, const struct world *w, struct op *op, unsigned intid)
{
	uint64_t affinity = w->model.cpu[generate_cpu(g, w)].mpidr;

	op->reg += IROUTER + 8 * intid;
	op->value = affinity & 0xffffff;
	switch (rnd_below(&g->seed, 16)) {
	case 0:
		op->value = rnd(&g->seed);
		break;
	case 1:
		op->value ^= UINT64_C(1) << rnd_below(&g->seed, 40);
		break;
	case 2:
		op->value |= UINT64_C(1) << 31;
		break;
	default:
		break;
	}
	if (op->kind == OP_USER_WRITE || rnd_below(&g->seed, 3) == 0) {
		if (rnd_below(&g->seed, 6) == 0)
			op->reg += 4;
		op->value &= UINT32_MAX;
	} else {
		op->len = 8;
	}
}

struct op generate_enable(struct generator *g, const struct world *w, unsigned cpu, unsigned intid,
			  bool enable)
{
	struct op op = field_op(g, w, cpu, intid);

	op.reg += (enable ? ISENABLER : ICENABLER) + intid / 32 * 4;
	op.value = UINT32_C(1) << intid % 32;
	return op;
}

static void group_write(struct generator *g, const struct world *w, struct op *op, unsigned cpu,
			unsigned intid)
{
	uint32_t word = 0;

	/* What the word is now, with some bits changed. */
	for (unsigned i = 0; i < 32; i++) {
		unsigned n = intid / 32 * 32 + i;

		if (intid < M_PRIVATE ? w->model.cpu[cpu].irq[n].group1 : w->model.spi[n].group1)
			word |= UINT32_C(1) << i;
	}
	op->reg += IGROUPR + intid / 32 * 4;
	op->value = word ^ mask_of(g, intid);
}

/* Sets or clears something of a hot interrupt. */
struct op generate_field(struct generator *g, const struct world *w, bool user)
{
	static const uint16_t blocks[] = {ISENABLER, ISENABLER,	 ISENABLER,  ICENABLER, ISPENDR,
					  ISPENDR,   ISPENDR,	 ICPENDR,    ICPENDR,	ISACTIVER,
					  ICACTIVER, IPRIORITYR, IPRIORITYR, IGROUPR,	ICFGR,
					  ICFGR,     IROUTER,	 IROUTER};
	unsigned intid = generate_hot(g), cpu = generate_cpu(g, w);
	unsigned block = blocks[rnd_below(&g->seed, sizeof(blocks) / sizeof(blocks[0]))];
	struct op op = field_op(g, w, cpu, intid);

	if (user)
		op.kind = OP_USER_WRITE;
	if (w->shape.v2 && (block == IROUTER || (intid < M_SGIS && block == ISPENDR)))
		return generate2_field(g, w, op, intid);
	if (block == IROUTER && intid < M_PRIVATE)
		block = IPRIORITYR;
	if (block == IPRIORITYR) {
		priority_write(g, &op, intid);
	} else if (block == IGROUPR) {
		group_write(g, w, &op, cpu, intid);
	} else if (block == IROUTER) {
		route_write(g, w, &op, intid);
	} else if (block == ICFGR) {
		op.reg += ICFGR + intid / 16 * 4;
		op.value = (uint32_t)rnd(&g->seed);
	} else {
		op.reg += block + intid / 32 * 4;
		op.value = mask_of(g, intid);
	}
	return op;
}

/* Some offset of a frame: a register's mostly, of hot or of any interrupts. */
static uint32_t some_offset(struct generator *g, bool redist)
{
	static const uint16_t dist_regs[] = {0, 4, 8, 0xc, 0x10, 0x40, 0xf00, 0xf10, 0xf20};
	static const uint16_t redist_regs[] = {0,    4,	   8,	 0xc,  0x10, 0x14, 0x40,
					       0x70, 0x74, 0x78, 0x7c, 0xa0, 0xb0, 0xc0};
	unsigned intid = generate_hot(g);

	switch (rnd_below(&g->seed, 8)) {
	case 0:
		if (redist)
			return redist_regs[rnd_below(&g->seed, 14)];
		return dist_regs[rnd_below(&g->seed, 9)];
	case 1:
		return rnd_below(&g->seed, redist ? 0x20000 : 0x10000);
	case 2:
		return redist ? 0x10000 + rnd_below(&g->seed, 0x1000) : rnd_below(&g->seed, 0x1000);
	case 3:
		return (redist ? 0x10000 : 0) + 0xffd0 - (redist ? 0x10000 : 0) +
		       rnd_below(&g->seed, 0x30);
	case 4:
		return redist ? 0x10400 + intid % 32 : 0x6000 + 8 * intid;
	default:
		break;
	}
	return (redist ? 0x10000 : 0) + IGROUPR + 0x80 * rnd_below(&g->seed, 7) +
	       (redist ? 0 : intid / 32 * 4);
}

static struct op some_access(struct generator *g, const struct world *w)
{
	static const uint8_t lens[] = {1, 2, 4, 4, 4, 4, 8};
	bool redist = rnd_below(&g->seed, 2);
	struct op op = {.cpu = (uint8_t)generate_cpu(g, w), .frame = M_GICD};
	unsigned room = redist ? 0x20000 : 0x10000;

	if (w->shape.v2)
		return generate2_access(g, w);
	if (redist)
		op.frame = (int8_t)(rnd_below(&g->seed, 4) ? op.cpu : generate_cpu(g, w));
	op.reg = some_offset(g, redist);
	op.len = lens[rnd_below(&g->seed, sizeof(lens))];
	if (rnd_below(&g->seed, 4))
		op.reg &= ~(op.len - 1u);
	/* Not beyond the frame: there is nothing there, or another. */
	if (op.reg + op.len > room)
		op.reg = room - op.len;
	op.group = redist ? AM_GIC_GRP_REDIST_REGS : AM_GIC_GRP_DIST_REGS;
	return op;
}

struct op generate_read(struct generator *g, const struct world *w)
{
	struct op op = some_access(g, w);

	op.kind = OP_READ;
	return op;
}

/* Anything anywhere, but for the routes: a wild value there makes an interrupt quiet for long. */
struct op generate_wild(struct generator *g, const struct world *w)
{
	struct op op = some_access(g, w);

	op.kind = OP_WRITE;
	op.value = rnd(&g->seed) & rnd(&g->seed);
	return op;
}

static uint64_t user_ctlr(struct generator *g, const struct m_cpu *c)
{
	uint64_t v = (c->pri_bits - 1) << 8 | c->id_bits << 11 | 1 << 15 | rnd_below(&g->seed, 4);

	switch (rnd_below(&g->seed, 12)) {
	case 0:
		return v - (rnd_below(&g->seed, 2) ? 0x100 : 0x800);
	case 1:
		return v ^ UINT64_C(1) << rnd_below(&g->seed, 20);
	case 2:
		return rnd(&g->seed);
	default:
		return v;
	}
}

static uint64_t some_apr(struct generator *g)
{
	return rnd_below(&g->seed, 3) ? UINT64_C(1) << (generate_priority(g) >> 3) : rnd(&g->seed);
}

/* A value that makes sense for a register of the CPU interface, usually. */
static uint64_t sysreg_value(struct generator *g, const struct m_cpu *c, unsigned reg, bool user)
{
	static const uint8_t masks[] = {0xff, 0xff, 0xff, 0xf0, 0xf8, 0x88, 0x80};

	switch (reg) {
	case ICC_PMR:
		if (rnd_below(&g->seed, 4) == 0)
			return generate_priority(g) + rnd_below(&g->seed, 9);
		return rnd_below(&g->seed, g->quiet) ? masks[rnd_below(&g->seed, 7)]
						     : rnd(&g->seed);
	case ICC_BPR0:
	case ICC_BPR1:
		return (rnd_below(&g->seed, g->deep ? 4 : 8) & rnd_below(&g->seed, 8)) +
		       (rnd_below(&g->seed, 16) ? 0 : rnd(&g->seed));
	case ICC_AP0R0:
	case ICC_AP1R0:
		return rnd_below(&g->seed, 2) ? 0 : some_apr(g);
	case ICC_CTLR:
		return user ? user_ctlr(g, c) : rnd_below(&g->seed, 4) | (rnd(&g->seed) & ~3);
	case ICC_IGRPEN0:
	case ICC_IGRPEN1:
		return rnd_below(&g->seed, 4) ? 1 : rnd(&g->seed);
	default:
		return rnd(&g->seed);
	}
}

struct op generate_sysreg_write(struct generator *g, const struct world *w)
{
	static const uint16_t regs[] = {ICC_PMR,     ICC_PMR,	ICC_PMR,  ICC_BPR0, ICC_BPR1,
					ICC_BPR1,    ICC_CTLR,	ICC_CTLR, ICC_SRE,  ICC_IGRPEN0,
					ICC_IGRPEN1, ICC_AP0R0, ICC_AP1R0};
	struct op op = {.kind = OP_ICC_WRITE, .cpu = (uint8_t)generate_cpu(g, w)};

	if (w->shape.v2 && rnd_below(&g->seed, 64))
		return generate2_cpuif_write(g, w);
	op.reg = regs[rnd_below(&g->seed, sizeof(regs) / sizeof(regs[0]))];
	if (rnd_below(&g->seed, 40) == 0)
		op.reg ^= 1u << rnd_below(&g->seed, 16);
	/* They drop priorities and deactivate; generate() does that on purpose. */
	if (op.reg == ICC_EOIR0 || op.reg == ICC_EOIR1 || op.reg == ICC_DIR)
		op.reg = ICC_SRE;
	op.value = sysreg_value(g, &w->model.cpu[op.cpu], op.reg, false);
	return op;
}

static struct op user_sysreg(struct generator *g, const struct world *w, struct op op)
{
	static const uint16_t regs[] = {ICC_PMR,       ICC_BPR0,      ICC_BPR1, ICC_AP0R0,
					ICC_AP1R0,     ICC_CTLR,      ICC_CTLR, ICC_SRE,
					ICC_IGRPEN0,   ICC_IGRPEN1,   ICC_IAR1, ICC_EOIR1,
					ICC_AP0R0 + 1, ICC_AP1R0 + 3, ICC_RPR};

	op.group = AM_GIC_GRP_CPU_SYSREGS;
	op.reg = regs[rnd_below(&g->seed, sizeof(regs) / sizeof(regs[0]))];
	op.value = sysreg_value(g, &w->model.cpu[op.cpu], op.reg, true);
	return op;
}

static struct op user_lines(struct generator *g, struct op op)
{
	unsigned intid = generate_hot(g);

	op.group = AM_GIC_GRP_LEVEL_INFO;
	op.reg = intid & ~31u;
	op.value = mask_of(g, intid);
	if (rnd_below(&g->seed, 16) == 0)
		op.reg ^= 1u << rnd_below(&g->seed, 32);
	return op;
}

struct op generate_user(struct generator *g, const struct world *w)
{
	static const uint32_t iidrs[] = {0x4b00243b, 0x4b00343b, 0x4b00343b, 0x4b00143b,
					 0x4a00343b};
	bool write = rnd_below(&g->seed, 2);
	struct op op = {.kind = write ? OP_USER_WRITE : OP_USER_READ,
			.cpu = (uint8_t)generate_cpu(g, w),
			.frame = M_GICD};

	switch (rnd_below(&g->seed, 16)) {
	case 0:
	case 1:
	case 2:
	case 3:
		return w->shape.v2 ? generate2_user(g, w, write) : user_sysreg(g, w, op);
	case 4:
	case 5:
		return w->shape.v2 ? generate2_user(g, w, write) : user_lines(g, op);
	case 6:
		op.group = AM_GIC_GRP_DIST_REGS;
		op.reg = 8;
		op.value = iidrs[rnd_below(&g->seed, 5)];
		if (rnd_below(&g->seed, 4) == 0) {
			op.reg = 12;
			op.value = rnd_below(&g->seed, 2);
		}
		return op;
	case 7:
	case 8:
	case 9:
		op = some_access(g, w);
		op.kind = write ? OP_USER_WRITE : OP_USER_READ;
		op.value = (uint32_t)(rnd(&g->seed) & rnd(&g->seed) & rnd(&g->seed));
		op.len = 4;
		return op;
	default:
		op = generate_field(g, w, true);
		op.len = 4;
		if (!write)
			op.kind = OP_USER_READ;
		return op;
	}
}
