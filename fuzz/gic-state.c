/* SPDX-License-Identifier: MIT */
/* See gic-state.h. */
#include "gic-state.h"

#include <stdlib.h>
#include <string.h>

/* ---- Callbacks ---- */

static void *alloc(void *opaque, size_t size)
{
	struct machine *m = opaque;
	void *p;

	if (m->fail_in && --m->fail_in == 0)
		return NULL;
	p = malloc(size);
	if (p) {
		memset(p, 0xa5, size);
		m->bytes += (long)size;
	}
	return p;
}

static void release(void *opaque, void *p, size_t size)
{
	struct machine *m = opaque;

	m->bytes -= (long)size;
	free(p);
}

static void lines_changed(void *opaque, unsigned vcpu, bool irq, bool fiq)
{
	struct machine *m = opaque;
	unsigned lines = (irq ? AM_GIC_IRQ : 0) | (fiq ? AM_GIC_FIQ : 0);

	if (vcpu >= AM_GIC_MAX_VCPUS || m->lines[vcpu] == lines ||
	    am_gic_irq_pending(m->gic, vcpu) != lines)
		__builtin_trap();
	m->lines[vcpu] = lines;
}

static void bound_pending(void *opaque, int vcpu, unsigned intid)
{
	struct machine *m = opaque;

	if (intid < 16 || intid >= am_gic_nr_irqs(m->gic) || (vcpu == -1) != (intid >= 32))
		__builtin_trap();
}

/* As the resampling of an irqfd does. */
static void spi_done(void *opaque, unsigned intid)
{
	struct machine *m = opaque;

	if (intid < 32 || intid >= am_gic_nr_irqs(m->gic))
		__builtin_trap();
	if (intid % 2)
		am_gic_set_spi(m->gic, intid, false);
}

/* ---- Life ---- */

uint64_t fuzz_mpidr(unsigned id)
{
	return UINT64_C(1) << 31 | (id & 15) | (id >> 4 & 0xff) << 8;
}

void fuzz_machine_start(struct machine *m)
{
	struct am_alloc a = {.alloc = alloc, .free = release, .opaque = m};

	memset(m, 0, sizeof(*m));
	if (am_bus_create(&a, &m->bus))
		__builtin_trap();
}

void fuzz_machine_end(struct machine *m)
{
	fuzz_destroy(m);
	am_bus_destroy(m->bus);
	if (m->bytes)
		__builtin_trap();
}

int fuzz_create(struct machine *m, const struct am_gic_config *config)
{
	struct am_gic_config c = *config;
	int err;

	c.ops = (struct am_gic_ops){.irq_line_changed = lines_changed,
				    .alloc = alloc,
				    .free = release,
				    .spi_done = spi_done,
				    .bound_pending = bound_pending};
	c.opaque = m;
	err = am_gic_create(&c, &m->gic);
	if (!err != !!m->gic)
		__builtin_trap();
	m->config = c;
	m->version = m->gic ? am_gic_version(m->gic) : 0;
	m->nr_cpus = 0;
	memset(m->lines, 0, sizeof(m->lines));
	memset(m->lrs, 0, sizeof(m->lrs));
	return err;
}

void fuzz_destroy(struct machine *m)
{
	am_gic_destroy(m->gic);
	m->gic = NULL;
}

/* Not very many of them: time goes into what they do. */
int fuzz_add_vcpu(struct machine *m, unsigned id, uint64_t mpidr)
{
	int err;

	if (m->nr_cpus == FUZZ_MAX_CPUS)
		return 0;
	err = am_gic_add_vcpu(m->gic, id, mpidr);
	if (!err) {
		m->id[m->nr_cpus] = id;
		m->mpidr[m->nr_cpus++] = mpidr;
	}
	return err;
}

void fuzz_check_lines(struct machine *m)
{
	for (unsigned n = 0; m->gic && n < m->nr_cpus; n++)
		if (am_gic_irq_pending(m->gic, m->id[n]) != m->lines[m->id[n]])
			__builtin_trap();
}

/* ---- Save and restore ---- */

struct saved {
	uint32_t group;
	uint64_t attr, value;
};

enum { MAX_SAVED = 16384 };

struct state {
	unsigned nr;
	struct saved s[MAX_SAVED];
};

static struct state first, second;

static void save(struct machine *m, struct state *st, uint32_t group, uint64_t attr)
{
	struct saved *s = &st->s[st->nr];

	if (am_gic_has_attr(m->gic, group, attr))
		return;
	*s = (struct saved){.group = group, .attr = attr};
	if (am_gic_get_attr(m->gic, group, attr, &s->value) || ++st->nr == MAX_SAVED)
		__builtin_trap();
}

static void save_range(struct machine *m, struct state *st, uint32_t group, uint64_t attr,
		       unsigned len)
{
	for (unsigned n = 0; n < len; n += 4)
		save(m, st, group, attr + n);
}

uint64_t fuzz_cpu_attr(const struct machine *m, unsigned n)
{
	if (m->version == 2)
		return (uint64_t)m->id[n] << 32;
	return (m->mpidr[n] & 0xffffff) << 32 | (m->mpidr[n] >> 32 & 0xff) << 56;
}

static void save_cpu(struct machine *m, struct state *st, unsigned n)
{
	uint64_t affinity = fuzz_cpu_attr(m, n);
	static const uint16_t regs[] = {0xc665, 0xc664, 0xc230, 0xc643, 0xc663,
					0xc644, 0xc648, 0xc666, 0xc667};

	save_range(m, st, AM_GIC_GRP_REDIST_REGS, affinity | 0x10080, 0xc00 - 0x80);
	save(m, st, AM_GIC_GRP_LEVEL_INFO, affinity);
	for (unsigned r = 0; r < sizeof(regs) / sizeof(regs[0]); r++)
		save(m, st, AM_GIC_GRP_CPU_SYSREGS, affinity | regs[r]);
}

static void save_all(struct machine *m, struct state *st)
{
	unsigned nr_irqs = am_gic_nr_irqs(m->gic);

	st->nr = 0;
	save(m, st, AM_GIC_GRP_DIST_REGS, 8);
	save(m, st, AM_GIC_GRP_DIST_REGS, 0);
	for (unsigned n = 0; n < m->nr_cpus; n++)
		save_cpu(m, st, n);
	save_range(m, st, AM_GIC_GRP_DIST_REGS, 0x84, 0xd00 - 0x84);
	save_range(m, st, AM_GIC_GRP_DIST_REGS, 0x6100, 8 * (nr_irqs - 32));
	for (unsigned i = 32; i < nr_irqs; i += 32)
		save(m, st, AM_GIC_GRP_LEVEL_INFO, fuzz_cpu_attr(m, 0) | i);
}

/* No affinity was written since, and no two are the same: attributes then lead to each vCPU. */
static bool is_plain(struct machine *m)
{
	uint64_t v;

	if (m->version != 3 || !m->nr_cpus || !am_gic_initialized(m->gic))
		return false;
	for (unsigned n = 0; n < m->nr_cpus; n++) {
		uint64_t affinity = (m->mpidr[n] & 0xffffff) << 32 | (m->mpidr[n] >> 32 & 0xff)
									 << 56;

		for (unsigned k = 0; k < n; k++)
			if (((m->mpidr[n] ^ m->mpidr[k]) & UINT64_C(0xff00ffffff)) == 0)
				return false;
		if (am_gic_get_attr(m->gic, AM_GIC_GRP_REDIST_REGS, affinity | 8, &v) ||
		    (v >> 8 & 0xffff) != m->id[n])
			return false;
	}
	return am_gic_nr_vcpus(m->gic) == m->nr_cpus;
}

static void restore_all(struct machine *m, const struct state *st)
{
	/* Enables can only be set, and a new redistributor's SGIs are enabled. */
	for (unsigned n = 0; n < m->nr_cpus; n++)
		am_gic_set_attr(m->gic, AM_GIC_GRP_REDIST_REGS, fuzz_cpu_attr(m, n) | 0x10180,
				UINT32_MAX);
	for (unsigned n = 0; n < st->nr; n++) {
		const struct saved *s = &st->s[n];
		unsigned offset = (uint32_t)s->attr & 0xff80;

		/* Clearing registers read as the setting ones. */
		if ((s->group == AM_GIC_GRP_DIST_REGS || s->group == AM_GIC_GRP_REDIST_REGS) &&
		    (offset == 0x180 || offset == 0x280 || offset == 0x380))
			continue;
		if (am_gic_set_attr(m->gic, s->group, s->attr, s->value))
			__builtin_trap();
	}
}

static bool same(const struct state *a, const struct state *b)
{
	if (a->nr != b->nr)
		return false;
	for (unsigned n = 0; n < a->nr; n++)
		if (a->s[n].attr != b->s[n].attr || a->s[n].value != b->s[n].value)
			return false;
	return true;
}

void fuzz_save_and_restore(struct machine *m)
{
	struct am_gic_config config = m->config;
	unsigned nr = m->nr_cpus;

	m->fail_in = 0;
	if (!is_plain(m) || !am_gic_mapped(m->gic))
		return;
	save_all(m, &first);
	config.nr_irqs = am_gic_nr_irqs(m->gic);
	fuzz_destroy(m);
	if (fuzz_create(m, &config))
		__builtin_trap();
	for (unsigned n = 0; n < nr; n++)
		if (fuzz_add_vcpu(m, m->id[n], m->mpidr[n]))
			__builtin_trap();
	am_gic_set_dist_base(m->gic, FUZZ_DIST);
	am_gic_set_redist_base(m->gic, FUZZ_REDIST);
	if (am_gic_init(m->gic))
		__builtin_trap();
	am_gic_map(m->gic, m->bus);
	restore_all(m, &first);
	save_all(m, &second);
	if (!same(&first, &second))
		__builtin_trap();
}
