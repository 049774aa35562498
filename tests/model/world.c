/* SPDX-License-Identifier: MIT */
/* See world.h. */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cover.h"

/* ---- Callbacks ---- */

static void *world_alloc(void *opaque, size_t size)
{
	struct world *w = opaque;
	void *p = malloc(size);

	if (!p)
		abort();
	memset(p, 0xa5, size); /* nobody may rely on zeroes */
	w->bytes += (long)size;
	return p;
}

static void world_free(void *opaque, void *p, size_t size)
{
	struct world *w = opaque;

	w->bytes -= (long)size;
	free(p);
}

static unsigned cpu_of_id(const struct world *w, unsigned id)
{
	unsigned cpu = 0;

	while (w->shape.id[cpu] != id)
		cpu++;
	return cpu;
}

static void world_lines(void *opaque, unsigned vcpu, bool irq, bool fiq)
{
	struct world *w = opaque;
	unsigned lines = (irq ? AM_GIC_IRQ : 0) | (fiq ? AM_GIC_FIQ : 0);
	unsigned cpu = cpu_of_id(w, vcpu);

	if (w->lines[cpu] == lines)
		w->line_errors++;
	w->lines[cpu] = lines;
}

static void world_done(void *opaque, unsigned intid)
{
	struct world *w = opaque;

	w->done = intid;
	w->nr_done++;
}

/* ---- Life ---- */

static void must(int err, const char *what)
{
	if (!err)
		return;
	fprintf(stderr, "%s: %d\n", what, err);
	abort();
}

static uint64_t default_mpidr(unsigned id)
{
	return UINT64_C(1) << 31 | (id & 15) | (id >> 4 & 0xff) << 8 | (id >> 12) << 16;
}

/*
 * Redistributors fill the regions in order. Last (IHI 0069H 12.11.38): the last used of a region,
 * unless that is full and another continues it.
 */
static void place_redists(struct world *w)
{
	const struct shape *s = &w->shape;
	unsigned cpu = 0;

	for (unsigned r = 0; r < (s->nr_regions ? s->nr_regions : 1); r++) {
		uint64_t base = s->nr_regions ? s->region[r].base : WORLD_GICR;
		unsigned count = s->nr_regions ? s->region[r].count : s->nr_cpus;

		for (unsigned n = 0; n < count && cpu < s->nr_cpus; n++)
			w->redist[cpu++] = base + n * WORLD_STEP;
	}
	for (cpu = 0; cpu < s->nr_cpus; cpu++) {
		w->model.cpu[cpu].last = true;
		for (unsigned i = 0; i < s->nr_cpus; i++)
			if (w->redist[i] == w->redist[cpu] + WORLD_STEP)
				w->model.cpu[cpu].last = false;
	}
}

void world_create_gic(struct world *w)
{
	const struct shape *s = &w->shape;
	struct am_gic_config config = {
	    .ops = {.irq_line_changed = world_lines,
		    .alloc = world_alloc,
		    .free = world_free,
		    .spi_done = world_done},
	    .opaque = w,
	    .version = s->v2 ? 2 : 3,
	};

	memset(w->lines, 0, sizeof(w->lines));
	memset(w->lrs, 0, sizeof(w->lrs));
	must(am_gic_create(&config, &w->gic), "am_gic_create");
	must(am_gic_set_nr_irqs(w->gic, s->nr_irqs), "am_gic_set_nr_irqs");
	must(am_gic_set_dist_base(w->gic, WORLD_GICD), "am_gic_set_dist_base");
	if (s->v2)
		must(am_gic_set_cpuif_base(w->gic, WORLD_GICC), "am_gic_set_cpuif_base");
	else if (!s->nr_regions)
		must(am_gic_set_redist_base(w->gic, WORLD_GICR), "am_gic_set_redist_base");
	for (unsigned r = 0; r < s->nr_regions; r++)
		must(am_gic_add_redist_region(w->gic, (uint64_t)s->region[r].count << 52 |
							  s->region[r].base | r),
		     "am_gic_add_redist_region");
	for (unsigned cpu = 0; cpu < s->nr_cpus; cpu++)
		must(am_gic_add_vcpu(w->gic, s->id[cpu], w->model.cpu[cpu].mpidr),
		     "am_gic_add_vcpu");
	must(am_gic_init(w->gic), "am_gic_init");
	must(am_gic_map(w->gic, w->bus), "am_gic_map");
}

void world_destroy_gic(struct world *w)
{
	am_gic_destroy(w->gic);
	w->gic = NULL;
}

void world_start(struct world *w, const struct shape *shape)
{
	struct am_alloc alloc = {.alloc = world_alloc, .free = world_free, .opaque = w};

	memset(w, 0, sizeof(*w));
	w->shape = *shape;
	w->model.v2 = shape->v2;
	w->model.nr_cpus = shape->nr_cpus;
	w->model.nr_irqs = shape->nr_irqs;
	for (unsigned cpu = 0; cpu < shape->nr_cpus; cpu++) {
		w->model.cpu[cpu].id = shape->id[cpu];
		w->model.cpu[cpu].mpidr = default_mpidr(shape->id[cpu]);
	}
	place_redists(w);
	m_reset(&w->model);
	must(am_bus_create(&alloc, &w->bus), "am_bus_create");
	world_create_gic(w);
}

void world_end(struct world *w)
{
	world_destroy_gic(w);
	am_bus_destroy(w->bus);
	if (w->bytes) {
		fprintf(stderr, "%ld bytes leaked\n", w->bytes);
		abort();
	}
}

/* ---- Steps ---- */

bool world_differ(struct world *w, const char *what, uint64_t model, uint64_t gic)
{
	snprintf(w->why, sizeof(w->why), "%s: model %#llx, implementation %#llx", what,
		 (unsigned long long)model, (unsigned long long)gic);
	return false;
}

uint64_t world_frame(const struct world *w, int frame)
{
	if (frame == M_GICC)
		return WORLD_GICC;
	return frame == M_GICD ? WORLD_GICD : w->redist[frame];
}

uint64_t world_cpu_attr(const struct world *w, unsigned cpu)
{
	uint64_t mpidr = w->model.cpu[cpu].mpidr;

	if (w->shape.v2)
		return (uint64_t)w->shape.id[cpu] << 32;

	return (mpidr & 0xffffff) << 32 | (mpidr >> 32 & 0xff) << 56;
}

static void cover_frame(const struct op *op)
{
	if (op->frame >= 0 && op->frame != op->cpu)
		cover(COV_redist_other);
}

static bool step_read(struct world *w, const struct op *op)
{
	uint64_t at = world_frame(w, op->frame) + op->reg;
	uint64_t got = UINT64_C(0x5a5a5a5a5a5a5a5a), want;

	if (!w->shape.v2 || !lrs_access(w, op, &got))
		must(am_bus_read(w->bus, w->shape.id[op->cpu], at, op->len, &got), "am_bus_read");
	w->answer = got;
	want = m_read(&w->model, op->cpu, op->frame, op->reg, op->len, got);
	cover_frame(op);
	return got == want || world_differ(w, "value", want, got);
}

static bool step_write(struct world *w, const struct op *op)
{
	uint64_t at = world_frame(w, op->frame) + op->reg;

	if (!w->shape.v2 || !lrs_access(w, op, NULL))
		must(am_bus_write(w->bus, w->shape.id[op->cpu], at, op->len, op->value),
		     "am_bus_write");
	m_write(&w->model, op->cpu, op->frame, op->reg, op->len, op->value);
	cover_frame(op);
	return true;
}

static bool step_icc_read(struct world *w, const struct op *op)
{
	uint64_t got = 0, want = 0;
	int got_err = 0, want_err;

	if (!lrs_access(w, op, &got))
		got_err = am_gic_icc_read(w->gic, w->shape.id[op->cpu], op->reg, &got);
	want_err = m_icc_read(&w->model, op->cpu, op->reg, got, &want);
	w->answer = got;
	if (got_err != want_err)
		return world_differ(w, "error", (unsigned)-want_err, (unsigned)-got_err);
	return got_err || got == want || world_differ(w, "value", want, got);
}

static bool step_icc_write(struct world *w, const struct op *op)
{
	int got_err = 0, want_err;

	if (!lrs_access(w, op, NULL))
		got_err = am_gic_icc_write(w->gic, w->shape.id[op->cpu], op->reg, op->value);
	want_err = m_icc_write(&w->model, op->cpu, op->reg, op->value);
	return got_err == want_err ||
	       world_differ(w, "error", (unsigned)-want_err, (unsigned)-got_err);
}

static uint64_t user_attr(const struct world *w, const struct op *op)
{
	if (op->group == AM_GIC_GRP_REDIST_REGS)
		return world_cpu_attr(w, (unsigned)op->frame) | op->reg;
	return world_cpu_attr(w, op->cpu) | op->reg;
}

static bool step_user_read(struct world *w, const struct op *op)
{
	struct model *m = &w->model;
	uint64_t got = 0, want = 0;
	int got_err = am_gic_get_attr(w->gic, op->group, user_attr(w, op), &got), want_err = 0;
	uint32_t lines;

	switch (op->group) {
	case AM_GIC_GRP_DIST_REGS:
	case AM_GIC_GRP_CPU_REGS:
	case AM_GIC_GRP_REDIST_REGS:
		want = m_user_read(m, op->cpu, op->frame, op->reg);
		break;
	case AM_GIC_GRP_CPU_SYSREGS:
		want_err = m_icc_user_read(m, op->cpu, op->reg, &want);
		break;
	default:
		want_err = m_user_read_lines(m, op->cpu, op->reg, &lines);
		want = lines;
	}
	if (got_err != want_err)
		return world_differ(w, "error", (unsigned)-want_err, (unsigned)-got_err);
	return got_err || got == want || world_differ(w, "value", want, got);
}

static bool step_user_write(struct world *w, const struct op *op)
{
	struct model *m = &w->model;
	int got_err = am_gic_set_attr(w->gic, op->group, user_attr(w, op), op->value), want_err;

	switch (op->group) {
	case AM_GIC_GRP_DIST_REGS:
	case AM_GIC_GRP_CPU_REGS:
	case AM_GIC_GRP_REDIST_REGS:
		want_err = m_user_write(m, op->cpu, op->frame, op->reg, (uint32_t)op->value);
		break;
	case AM_GIC_GRP_CPU_SYSREGS:
		want_err = m_icc_user_write(m, op->cpu, op->reg, op->value);
		break;
	default:
		want_err = m_user_write_lines(m, op->cpu, op->reg, (uint32_t)op->value);
	}
	return got_err == want_err ||
	       world_differ(w, "error", (unsigned)-want_err, (unsigned)-got_err);
}

/* What is not an access. */
static bool step_event(struct world *w, const struct op *op)
{
	struct model *m = &w->model;
	unsigned id = w->shape.id[op->cpu];

	switch (op->kind) {
	case OP_SPI:
		must(am_gic_set_spi(w->gic, op->reg, op->value), "am_gic_set_spi");
		m_input(m_irq(m, 0, op->reg), op->value);
		return true;
	case OP_PPI:
		must(am_gic_set_ppi(w->gic, id, op->reg, op->value), "am_gic_set_ppi");
		m_input(m_irq(m, op->cpu, op->reg), op->value);
		return true;
	case OP_RESET:
		must(am_gic_reset_vcpu(w->gic, id), "am_gic_reset_vcpu");
		m_reset_cpu(m, op->cpu);
		return true;
	case OP_MPIDR:
		if (m_cpu_by_affinity(m, op->value & UINT64_C(0xff00ffffff)) != M_NOBODY)
			return true; /* it must stay one vCPU's */
		must(am_gic_set_mpidr(w->gic, id, op->value), "am_gic_set_mpidr");
		m_set_mpidr(m, op->cpu, op->value);
		return true;
	case OP_OWN:
		must(am_gic_own_ppi(w->gic, id, op->reg), "am_gic_own_ppi");
		m_irq(m, op->cpu, op->reg)->owned = true;
		return true;
	case OP_RESTORE:
		world_restore(w, op->value);
		m_restore(m);
		return true;
	default:
		return world_check(w);
	}
}

/* The lines of all vCPUs, however they are asked for. */
static bool lines_agree(struct world *w)
{
	char what[40];

	for (unsigned cpu = 0; cpu < w->shape.nr_cpus; cpu++) {
		unsigned now = am_gic_irq_pending(w->gic, w->shape.id[cpu]);

		snprintf(what, sizeof(what), "lines of vCPU %u", w->shape.id[cpu]);
		if (!m_lines_allowed(&w->model, cpu, now))
			return world_differ(w, what, m_some_lines(&w->model, cpu), now);
		if (now != w->lines[cpu])
			return world_differ(w, "lines reported last", now, w->lines[cpu]);
	}
	if (w->line_errors)
		return world_differ(w, "reports without a change", 0, w->line_errors);
	return true;
}

static bool done_agrees(struct world *w)
{
	unsigned want = w->model.done, nr = want != 0;

	w->model.done = 0;
	if (w->nr_done != nr)
		return world_differ(w, "SPIs reported as done", nr, w->nr_done);
	return !nr || w->done == want || world_differ(w, "SPI reported as done", want, w->done);
}

bool world_step(struct world *w, const struct op *op)
{
	static bool (*const steps[OP_NR])(struct world *, const struct op *) = {
	    [OP_READ] = step_read,	     [OP_WRITE] = step_write,
	    [OP_ICC_READ] = step_icc_read,   [OP_ICC_WRITE] = step_icc_write,
	    [OP_USER_READ] = step_user_read, [OP_USER_WRITE] = step_user_write,
	};

	w->nr_done = 0;
	if (!(steps[op->kind] ? steps[op->kind] : step_event)(w, op))
		return false;
	lrs_find_homes(w, op);
	return lines_agree(w) && done_agrees(w);
}
