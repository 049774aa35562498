/* SPDX-License-Identifier: MIT */
/* See generate.h. */
#include "generate.h"

#include <string.h>

enum { SETUP_STEPS = 48 };

/* ---- The machine ---- */

/* Regions in random order of address, some of them beginning where another ends. */
static void some_regions(uint64_t *seed, struct shape *s)
{
	uint64_t next = WORLD_GICR;
	unsigned room = 0;

	while (room < s->nr_cpus && s->nr_regions < MAX_REGIONS) {
		unsigned n = s->nr_regions++, left = s->nr_cpus - room;
		unsigned count = n == MAX_REGIONS - 1 ? left : 1 + rnd_below(seed, left);

		s->region[n].base = next;
		s->region[n].count = count;
		room += count;
		next += count * WORLD_STEP;
		if (rnd_below(seed, 3) == 0)
			next += WORLD_STEP;
	}
	if (rnd_below(seed, 2))
		s->region[s->nr_regions - 1].count++; /* not full */
	for (unsigned n = s->nr_regions - 1; n > 0; n--) {
		unsigned other = rnd_below(seed, n + 1);

		if (s->region[n].count != s->region[other].count)
			continue;
		uint64_t base = s->region[n].base;

		s->region[n].base = s->region[other].base;
		s->region[other].base = base;
	}
}

static bool has_id(const struct shape *s, unsigned nr, unsigned id)
{
	for (unsigned i = 0; i < nr; i++)
		if (s->id[i] == id)
			return true;
	return false;
}

void generate_shape(uint64_t seed, struct shape *s)
{
	bool many = rnd_below(&seed, 25) == 0, holes = rnd_below(&seed, 3) == 0;
	unsigned most;

	memset(s, 0, sizeof(*s));
	s->v2 = rnd_below(&seed, 3) == 0;
	s->nr_cpus = many ? 17 + rnd_below(&seed, 20) : 1 + rnd_below(&seed, 4);
	s->nr_irqs = 64;
	if (rnd_below(&seed, 4) == 0)
		s->nr_irqs = many ? 96 : 64 + 32 * rnd_below(&seed, 6);
	if (rnd_below(&seed, 50) == 0)
		s->nr_irqs = 992;
	if (s->v2 && many)
		s->nr_cpus = 8;
	most = s->v2 ? 8 : many ? 512 : 40;
	for (unsigned i = 0; i < s->nr_cpus; i++) {
		unsigned id = i;

		while (holes && has_id(s, i, id = rnd_below(&seed, most)))
			;
		s->id[i] = (uint16_t)id;
	}
	if (!s->v2 && rnd_below(&seed, 2))
		some_regions(&seed, s);
	if (rnd_below(&seed, 3) == 0)
		s->lrs = rnd_below(&seed, 2) ? 4 : 1 + rnd_below(&seed, AM_GIC_MAX_LRS);
}

void generate_start(struct generator *g, uint64_t seed, const struct shape *s)
{
	static const uint8_t some[] = {0,    0x08, 0x20, 0x40, 0x48, 0x80,
				       0x88, 0xa0, 0xc0, 0xf0, 0xf8};

	memset(g, 0, sizeof(*g));
	g->seed = seed;
	for (unsigned i = 0; i < 2; i++) {
		g->hot[g->nr_hot++] = rnd_below(&g->seed, M_SGIS);
		g->hot[g->nr_hot++] = M_SGIS + rnd_below(&g->seed, M_PRIVATE - M_SGIS);
	}
	for (unsigned i = 0; i < 2 + rnd_below(&g->seed, 5); i++)
		g->hot[g->nr_hot++] = M_PRIVATE + rnd_below(&g->seed, s->nr_irqs - M_PRIVATE);
	if (rnd_below(&g->seed, 2))
		g->hot[g->nr_hot++] = s->nr_irqs - 1;
	for (unsigned i = 0; i < 6; i++)
		g->priority[i] = some[rnd_below(&g->seed, sizeof(some))];
	g->ack = 120 + rnd_below(&g->seed, 200);
	g->eoi = 80 + rnd_below(&g->seed, 140);
	g->deep = rnd_below(&g->seed, 2);
	for (unsigned i = 0; i < 6 && g->deep; i++) {
		g->priority[i] = (uint8_t)(40 * i + 8 * rnd_below(&g->seed, 4));
		g->eoi = 60;
	}
	g->quiet = 2 + rnd_below(&g->seed, 20);
}

/* A device: level inputs go up and down, edges come. */
static struct op input(struct generator *g, const struct world *w)
{
	unsigned intid = generate_hot(g);
	struct op op = {.cpu = (uint8_t)generate_cpu(g, w)};

	if (intid < M_SGIS)
		intid = M_SGIS + intid % 16;
	if (rnd_below(&g->seed, 32) == 0)
		intid = M_SGIS + rnd_below(&g->seed, w->shape.nr_irqs - M_SGIS);
	op.kind = intid < M_PRIVATE ? OP_PPI : OP_SPI;
	op.reg = intid;
	op.value = rnd_below(&g->seed, 5) < 3;
	return op;
}

/* ---- What vCPUs do with interrupts ---- */

static struct op acknowledge(struct generator *g, const struct world *w)
{
	unsigned cpu = generate_cpu(g, w), n = w->shape.nr_cpus;
	struct op op = {.kind = OP_ICC_READ, .reg = rnd_below(&g->seed, 2) ? ICC_IAR1 : ICC_IAR0};

	for (unsigned i = 0; i < n; i++)
		if (w->lines[(cpu + i) % n]) {
			cpu = (cpu + i) % n;
			if (w->shape.v2)
				return generate2_ack(g, w, cpu);
			if (rnd_below(&g->seed, 16))
				op.reg = w->lines[cpu] == AM_GIC_IRQ ? ICC_IAR1 : ICC_IAR0;
			op.cpu = (uint8_t)cpu;
			return op;
		}
	if (rnd_below(&g->seed, 4))
		return input(g, w);
	if (w->shape.v2)
		return generate2_ack(g, w, cpu);
	op.cpu = (uint8_t)cpu;
	return op;
}

static bool is_waiting(const struct generator *g, unsigned cpu, unsigned intid)
{
	for (unsigned i = 0; i < g->nr_taken[cpu]; i++)
		if ((g->taken[cpu][i].intid & 0x3ff) == intid)
			return true;
	for (unsigned i = 0; i < g->nr_dropped; i++)
		if ((g->dropped[i].intid & 0x3ff) == intid)
			return true;
	return false;
}

static unsigned some_intid(struct generator *g)
{
	static const uint32_t others[] = {1019, 1020, 1022, 1023, 1024, 8191, 8192, 0xffffff, 992};

	return rnd_below(&g->seed, 3) ? generate_hot(g) : others[rnd_below(&g->seed, 9)];
}

static struct op finish(struct generator *g, const struct world *w)
{
	unsigned cpu = generate_cpu(g, w), n = w->shape.nr_cpus;
	struct op op = {.kind = OP_ICC_WRITE};
	struct taken t = {0, 0};

	for (unsigned i = 0; i < n && !g->nr_taken[cpu]; i++)
		cpu = (cpu + 1) % n;
	if (!g->nr_taken[cpu] && rnd_below(&g->seed, 8))
		return input(g, w);
	op.cpu = (uint8_t)cpu;
	if (g->nr_taken[cpu] && rnd_below(&g->seed, 16))
		t = g->taken[cpu][g->nr_taken[cpu] - 1];
	else if (g->nr_taken[cpu] && rnd_below(&g->seed, 2))
		t = g->taken[cpu][rnd_below(&g->seed, g->nr_taken[cpu])];
	else
		t = (struct taken){some_intid(g), rnd_below(&g->seed, 2)};
	if (w->shape.v2)
		return gicc_write(cpu, t.group ? 0x24 : 0x10, t.intid);
	op.value = t.intid;
	op.reg = t.group ? ICC_EOIR1 : ICC_EOIR0;
	if (rnd_below(&g->seed, 32) == 0)
		op.reg ^= ICC_EOIR1 ^ ICC_EOIR0;
	if (rnd_below(&g->seed, 32) == 0)
		op.value |= rnd(&g->seed) << 24;
	return op;
}

static struct op deactivate(struct generator *g, const struct world *w)
{
	struct op op = {.kind = OP_ICC_WRITE, .reg = ICC_DIR};
	unsigned cpu = generate_cpu(g, w), n = w->shape.nr_cpus;

	for (unsigned i = 0; i < n && !w->model.cpu[cpu].eoimode; i++)
		cpu = (cpu + 1) % n;
	op.cpu = (uint8_t)cpu;
	op.value =
	    g->nr_dropped ? g->dropped[rnd_below(&g->seed, g->nr_dropped)].intid : some_intid(g);
	return op;
}

static struct op send_sgi(struct generator *g, const struct world *w)
{
	static const uint16_t regs[] = {ICC_SGI1R, ICC_SGI1R, ICC_SGI1R, ICC_ASGI1R, ICC_SGI0R};
	struct op op = {.kind = OP_ICC_WRITE, .cpu = (uint8_t)generate_cpu(g, w)};
	uint64_t to = w->model.cpu[generate_cpu(g, w)].mpidr;
	unsigned intid = g->hot[rnd_below(&g->seed, 2) * 2];

	if (w->shape.v2)
		return generate2_sgi(g, w);
	op.reg = regs[rnd_below(&g->seed, 5)];
	op.value = (to >> 32 & 0xff) << 48 | (to >> 16 & 0xff) << 32 | (to >> 8 & 0xff) << 16 |
		   UINT64_C(1) << (to & 15) | (uint64_t)intid << 24;
	switch (rnd_below(&g->seed, 12)) {
	case 0:
		op.value |= UINT64_C(1) << 40;
		break;
	case 1:
	case 2:
		op.value |= rnd(&g->seed) & 0xffff;
		break;
	case 3:
		op.value ^= UINT64_C(1) << rnd_below(&g->seed, 64);
		break;
	default:
		break;
	}
	return op;
}

/* ---- What keeps it going ---- */

/* @reg, or the GICC register of a GICv2. */
static struct op icc_write(const struct world *w, unsigned cpu, unsigned reg, uint32_t gicc,
			   uint64_t value)
{
	if (w->shape.v2)
		return gicc_write(cpu, gicc, value);
	return (struct op){.kind = OP_ICC_WRITE, .cpu = (uint8_t)cpu, .reg = reg, .value = value};
}

static struct op dist_enable(unsigned cpu, bool enable)
{
	return (struct op){.kind = OP_WRITE,
			   .cpu = (uint8_t)cpu,
			   .len = 4,
			   .frame = M_GICD,
			   .value = enable ? 3 : 0};
}

/* Undoes one thing that keeps interrupts from being signalled. */
static struct op repair(struct generator *g, const struct world *w)
{
	unsigned cpu = generate_cpu(g, w), intid = generate_hot(g);
	const struct m_cpu *c = &w->model.cpu[cpu];
	const struct m_irq *irq = intid < M_PRIVATE ? &c->irq[intid] : &w->model.spi[intid];
	bool v2 = w->shape.v2;
	struct op op;

	if (!w->model.enabled)
		return dist_enable(cpu, true);
	if (c->pmr < 0x88)
		return icc_write(w, cpu, ICC_PMR, 0x04, 0xff);
	if (!c->enable[0])
		return icc_write(w, cpu, ICC_IGRPEN0, 0, v2 ? generate2_ctlr(c) | 1 : 1);
	if (!c->enable[1])
		return icc_write(w, cpu, ICC_IGRPEN1, 0, v2 ? generate2_ctlr(c) | 2 : 1);
	if (!g->nr_taken[cpu] && (c->apr[0] | c->apr[1]))
		return icc_write(w, cpu, c->apr[0] ? ICC_AP0R0 : ICC_AP1R0, 0xd0, 0);
	if (!irq->enabled)
		return generate_enable(g, w, cpu, intid, true);
	if (irq->active && !is_waiting(g, cpu, intid)) {
		op = generate_enable(g, w, cpu, intid, true);
		op.reg += 0x380 - 0x100;
		return op;
	}
	return input(g, w);
}

/* What happens seldom. */
static struct op rare(struct generator *g, const struct world *w)
{
	struct op op = {.cpu = (uint8_t)generate_cpu(g, w)};
	unsigned r = rnd_below(&g->seed, 64);

	if (r < 8) {
		op.kind = OP_RESTORE;
		op.value = rnd(&g->seed) & 0xffff;
	} else if (r < 11) {
		op.kind = OP_RESET;
	} else if (r < 14) {
		op.kind = OP_MPIDR;
		op.value = UINT64_C(1) << 31 | rnd_below(&g->seed, 16) |
			   (uint64_t)rnd_below(&g->seed, 3) << 8;
		if (rnd_below(&g->seed, 4) == 0)
			op.value |= UINT64_C(1) << (rnd_below(&g->seed, 2) ? 16 : 32);
	} else if (r < 16) {
		op.kind = OP_OWN;
		op.reg = M_SGIS + rnd_below(&g->seed, 16);
		if (r == 14)
			op.reg = g->hot[1];
	} else if (r < 24) {
		return dist_enable(op.cpu, false);
	} else if (r < 40) {
		return generate_wild(g, w);
	} else {
		op.kind = OP_CHECK;
	}
	return op;
}

static struct op sysreg_read(struct generator *g, const struct world *w)
{
	static const uint16_t regs[] = {ICC_RPR,   ICC_HPPIR0, ICC_HPPIR1,  ICC_BPR0,
					ICC_BPR1,  ICC_PMR,    ICC_CTLR,    ICC_AP0R0,
					ICC_AP1R0, ICC_SRE,    ICC_IGRPEN0, ICC_IGRPEN1};
	struct op op = {.kind = OP_ICC_READ, .cpu = (uint8_t)generate_cpu(g, w)};

	op.reg = regs[rnd_below(&g->seed, sizeof(regs) / sizeof(regs[0]))];
	if (w->shape.v2 && rnd_below(&g->seed, 64))
		return generate2_cpuif_read(g, w);
	if (rnd_below(&g->seed, 40) == 0)
		op.reg ^= 1u << rnd_below(&g->seed, 16);
	return op;
}

struct op generate(struct generator *g, const struct world *w)
{
	unsigned r = rnd_below(&g->seed, 1000);

	if (g->step++ < SETUP_STEPS)
		return g->step % 3 ? repair(g, w) : generate_field(g, w, false);
	if (r < g->ack)
		return acknowledge(g, w);
	r -= g->ack;
	if (r < g->eoi)
		return finish(g, w);
	r -= g->eoi;
	r = rnd_below(&g->seed, 100);
	if (r < 5)
		return deactivate(g, w);
	if (r < 27)
		return input(g, w);
	if (r < 38)
		return send_sgi(g, w);
	if (r < 54)
		return generate_field(g, w, false);
	if (r < 63)
		return generate_sysreg_write(g, w);
	if (r < 69)
		return sysreg_read(g, w);
	if (r < 74)
		return generate_read(g, w);
	if (r < 82)
		return generate_user(g, w);
	if (r < 97)
		return repair(g, w);
	return rare(g, w);
}

/* ---- What came of it ---- */

static void forget(struct taken *list, unsigned *nr, unsigned intid)
{
	for (unsigned i = *nr; i-- > 0;)
		if (list[i].intid == intid) {
			memmove(&list[i], &list[i + 1], (*nr - i - 1) * sizeof(*list));
			--*nr;
			return;
		}
}

static void remember(struct taken *list, unsigned *nr, struct taken t)
{
	if (*nr < MAX_TAKEN)
		list[(*nr)++] = t;
}

/* Is it a read of IAR (write of EOIR) of @group? */
static bool is_iar(const struct op *op, unsigned group)
{
	if (op->kind == OP_READ)
		return op->frame == M_GICC && op->reg == (group ? 0x20 : 0x0c);
	return op->kind == OP_ICC_READ && op->reg == (group ? ICC_IAR1 : ICC_IAR0);
}

static bool is_eoir(const struct op *op)
{
	if (op->kind == OP_WRITE)
		return op->frame == M_GICC && (op->reg == 0x10 || op->reg == 0x24);
	return op->kind == OP_ICC_WRITE && (op->reg == ICC_EOIR0 || op->reg == ICC_EOIR1);
}

static bool is_dir(const struct op *op)
{
	if (op->kind == OP_WRITE)
		return op->frame == M_GICC && op->reg == 0x1000;
	return op->kind == OP_ICC_WRITE && op->reg == ICC_DIR;
}

/* INTIDs are remembered as they were answered, a GICv2's with the source. */
void generate_learn(struct generator *g, const struct world *w, const struct op *op)
{
	struct taken t = {.intid = (unsigned)op->value & 0xffffff};
	unsigned cpu = op->cpu;

	if (is_iar(op, 0) || is_iar(op, 1)) {
		t = (struct taken){(unsigned)w->answer, is_iar(op, 1)};
		if ((t.intid & (w->shape.v2 ? 0x3ff : 0xffffff)) < 1020)
			remember(g->taken[cpu], &g->nr_taken[cpu], t);
	} else if (is_eoir(op)) {
		forget(g->taken[cpu], &g->nr_taken[cpu], t.intid);
		if (w->model.cpu[cpu].eoimode && (w->shape.v2 || t.intid < 1020))
			remember(g->dropped, &g->nr_dropped, t);
	} else if (is_dir(op)) {
		forget(g->dropped, &g->nr_dropped, t.intid);
	} else if (op->kind == OP_RESET) {
		g->nr_taken[cpu] = 0;
	}
}
