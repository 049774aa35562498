/* SPDX-License-Identifier: MIT */
/*
 * Saves all of a GIC through its device attributes, destroys it, and restores a new one in the
 * order of the kernel's document: which revision it is; the distributor and the redistributors in
 * any order, and the lines; the CPU interfaces, ICC_CTLR_EL1 first. Of a GICv2 the sources of SGIs
 * are written after the pending registers, which would make up others, and the lines come from the
 * devices.
 */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>

struct saved {
	uint32_t group;
	uint64_t attr, value;
};

/* 11 for each 32 interrupts and their routes, 40 for each vCPU. */
enum { MAX_SAVED = 96 * 32 + 128 * M_MAX_CPUS };

struct list {
	unsigned nr;
	struct saved s[MAX_SAVED];
};

static void save(struct world *w, struct list *l, uint32_t group, uint64_t attr)
{
	struct saved *s = &l->s[l->nr++];

	if (l->nr > MAX_SAVED)
		abort();
	*s = (struct saved){.group = group, .attr = attr};
	if (am_gic_get_attr(w->gic, group, attr, &s->value)) {
		fprintf(stderr, "cannot save group %u, attribute %#llx\n", group,
			(unsigned long long)attr);
		abort();
	}
}

static void save_fields(struct world *w, struct list *l, uint32_t group, uint64_t base,
			unsigned first, unsigned end)
{
	static const unsigned bits[] = {0x80, 0x100, 0x200, 0x300};

	for (unsigned i = first; i < end; i += 32)
		for (unsigned b = 0; b < 4; b++)
			save(w, l, group, base + bits[b] + i / 8);
	for (unsigned i = first; i < end; i += 4)
		save(w, l, group, base + 0x400 + i);
	for (unsigned i = first; i < end; i += 16)
		save(w, l, group, base + 0xc00 + i / 4);
}

static void save_frames(struct world *w, struct list *l)
{
	unsigned end = w->shape.nr_irqs;

	save(w, l, AM_GIC_GRP_DIST_REGS, 0x0000);
	save_fields(w, l, AM_GIC_GRP_DIST_REGS, 0, M_PRIVATE, end);
	for (unsigned i = M_PRIVATE; i < end; i++) {
		save(w, l, AM_GIC_GRP_DIST_REGS, 0x6000 + 8 * i);
		save(w, l, AM_GIC_GRP_DIST_REGS, 0x6004 + 8 * i);
	}
	for (unsigned cpu = 0; cpu < w->shape.nr_cpus; cpu++) {
		uint64_t affinity = world_cpu_attr(w, cpu);

		for (unsigned reg = 0x70; reg <= 0x7c; reg += 4)
			save(w, l, AM_GIC_GRP_REDIST_REGS, affinity | reg);
		save_fields(w, l, AM_GIC_GRP_REDIST_REGS, affinity | 0x10000, 0, M_PRIVATE);
	}
}

static void save_frame2(struct world *w, struct list *l)
{
	uint64_t any = world_cpu_attr(w, 0);
	unsigned end = w->shape.nr_irqs;

	save(w, l, AM_GIC_GRP_DIST_REGS, any);
	save_fields(w, l, AM_GIC_GRP_DIST_REGS, any, M_PRIVATE, end);
	for (unsigned i = M_PRIVATE; i < end; i += 4)
		save(w, l, AM_GIC_GRP_DIST_REGS, any | (0x800 + i));
	for (unsigned cpu = 0; cpu < w->shape.nr_cpus; cpu++)
		save_fields(w, l, AM_GIC_GRP_DIST_REGS, world_cpu_attr(w, cpu), 0, M_PRIVATE);
}

static void save_cpu_interfaces2(struct world *w, struct list *l)
{
	static const uint8_t regs[] = {0x00, 0x04, 0x08, 0x1c, 0xd0};

	for (unsigned cpu = 0; cpu < w->shape.nr_cpus; cpu++) {
		for (unsigned reg = 0; reg < 0x10; reg += 4) {
			l->s[l->nr++] =
			    (struct saved){AM_GIC_GRP_DIST_REGS,
					   world_cpu_attr(w, cpu) | (0xf10 + reg), UINT32_MAX};
			save(w, l, AM_GIC_GRP_DIST_REGS, world_cpu_attr(w, cpu) | (0xf20 + reg));
		}
		for (unsigned r = 0; r < sizeof(regs); r++)
			save(w, l, AM_GIC_GRP_CPU_REGS, world_cpu_attr(w, cpu) | regs[r]);
	}
}

/* What devices do when they go on: those that drive an edge have nothing to say. */
static void raise_lines(struct world *w)
{
	for (unsigned cpu = 0; cpu < w->shape.nr_cpus; cpu++)
		for (unsigned i = M_SGIS; i < M_PRIVATE; i++)
			if (w->model.cpu[cpu].irq[i].line)
				am_gic_set_ppi(w->gic, w->shape.id[cpu], i, true);
	for (unsigned i = M_PRIVATE; i < w->shape.nr_irqs; i++)
		if (w->model.spi[i].line && !w->model.spi[i].edge)
			am_gic_set_spi(w->gic, i, true);
}

static void save_cpu_interfaces(struct world *w, struct list *l)
{
	static const unsigned regs[] = {ICC_SRE,   ICC_CTLR,  ICC_PMR,	   ICC_BPR0,   ICC_BPR1,
					ICC_AP0R0, ICC_AP1R0, ICC_IGRPEN0, ICC_IGRPEN1};

	for (unsigned cpu = 0; cpu < w->shape.nr_cpus; cpu++)
		for (unsigned r = 0; r < sizeof(regs) / sizeof(regs[0]); r++)
			save(w, l, AM_GIC_GRP_CPU_SYSREGS, world_cpu_attr(w, cpu) | regs[r]);
}

static void save_lines(struct world *w, struct list *l)
{
	for (unsigned cpu = 0; cpu < w->shape.nr_cpus; cpu++)
		save(w, l, AM_GIC_GRP_LEVEL_INFO, world_cpu_attr(w, cpu));
	for (unsigned i = M_PRIVATE; i < w->shape.nr_irqs; i += 32)
		save(w, l, AM_GIC_GRP_LEVEL_INFO, world_cpu_attr(w, 0) | i);
}

static void shuffle(struct list *l, unsigned first, uint64_t *seed)
{
	for (unsigned n = l->nr - 1; n > first; n--) {
		unsigned other = first + rnd_below(seed, n - first + 1);
		struct saved s = l->s[n];

		l->s[n] = l->s[other];
		l->s[other] = s;
	}
}

static void restore(struct world *w, const struct saved *s)
{
	int err = am_gic_set_attr(w->gic, s->group, s->attr, s->value);

	if (!err)
		return;
	fprintf(stderr, "cannot restore group %u, attribute %#llx: %d\n", s->group,
		(unsigned long long)s->attr, err);
	abort();
}

/* Enables can only be set, and new SGIs are enabled. */
static void disable_sgis(struct world *w)
{
	for (unsigned cpu = 0; cpu < w->shape.nr_cpus; cpu++) {
		struct saved s = {AM_GIC_GRP_REDIST_REGS, world_cpu_attr(w, cpu) | 0x10180,
				  UINT32_MAX};

		if (w->shape.v2)
			s = (struct saved){AM_GIC_GRP_DIST_REGS, world_cpu_attr(w, cpu) | 0x180,
					   UINT32_MAX};
		restore(w, &s);
	}
}

static void save_all(struct world *w, struct list *l, uint64_t order)
{
	unsigned frames;

	l->nr = 0;
	save(w, l, AM_GIC_GRP_DIST_REGS, world_cpu_attr(w, 0) | 0x0008);
	frames = l->nr;
	if (w->shape.v2) {
		save_frame2(w, l);
	} else {
		save_frames(w, l);
		save_lines(w, l);
	}
	if (order)
		shuffle(l, frames, &order);
	if (w->shape.v2)
		save_cpu_interfaces2(w, l);
	else
		save_cpu_interfaces(w, l);
}

void world_restore(struct world *w, uint64_t order)
{
	static struct list l;

	save_all(w, &l, order);
	world_destroy_gic(w);
	world_create_gic(w);
	disable_sgis(w);
	for (unsigned i = 0; i < l.nr; i++)
		restore(w, &l.s[i]);
	if (w->shape.v2)
		raise_lines(w);
	for (unsigned cpu = 0; cpu < w->shape.nr_cpus; cpu++)
		for (unsigned i = M_SGIS; i < M_PRIVATE; i++)
			if (w->model.cpu[cpu].irq[i].owned &&
			    am_gic_own_ppi(w->gic, w->shape.id[cpu], i))
				abort();
}
