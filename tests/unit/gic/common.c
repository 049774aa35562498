/* SPDX-License-Identifier: MIT */
/* See common.h. */
#include "common.h"

#include <stdlib.h>
#include <string.h>

static void *box_alloc(void *opaque, size_t size)
{
	struct box *b = opaque;
	void *p;

	if (b->fail_in && --b->fail_in == 0)
		return NULL;
	p = malloc(size);
	if (p) {
		memset(p, 0xa5, size); /* nobody may rely on zeroes */
		b->bytes += (long)size;
	}
	return p;
}

static void box_free(void *opaque, void *p, size_t size)
{
	struct box *b = opaque;

	b->bytes -= (long)size;
	free(p);
}

static void box_line(void *opaque, unsigned vcpu, bool irq, bool fiq)
{
	struct box *b = opaque;
	unsigned lines = (irq ? AM_GIC_IRQ : 0) | (fiq ? AM_GIC_FIQ : 0);

	/* Only changes are reported. */
	if (atomic_exchange(&b->lines[vcpu], lines) == lines)
		abort();
	atomic_fetch_add(&b->changes, 1);
}

static void box_due(void *opaque, int vcpu, unsigned intid)
{
	struct box *b = opaque;

	atomic_store(&b->due_vcpu, vcpu);
	atomic_store(&b->due_intid, intid);
	atomic_fetch_add(&b->due, 1);
}

static void box_done(void *opaque, unsigned intid)
{
	struct box *b = opaque;

	atomic_fetch_add(&b->done, 1);
}

uint64_t box_mpidr(unsigned vcpu)
{
	return UINT64_C(1) << 31 | (vcpu & 15) | (vcpu >> 4 & 0xff) << 8 | (vcpu >> 12) << 16;
}

struct am_gic_config box_config(struct box *b)
{
	return (struct am_gic_config){
	    .ops = {.irq_line_changed = box_line,
		    .alloc = box_alloc,
		    .free = box_free,
		    .spi_done = box_done,
		    .bound_pending = box_due},
	    .opaque = b,
	};
}

void box_create_version(struct box *b, unsigned version)
{
	struct am_alloc alloc = {.alloc = box_alloc, .free = box_free, .opaque = b};
	struct am_gic_config config = box_config(b);

	memset(b, 0, sizeof(*b));
	config.version = version;
	assert_int_equal(am_bus_create(&alloc, &b->bus), 0);
	assert_int_equal(am_gic_create(&config, &b->gic), 0);
}

void box_create(struct box *b)
{
	box_create_version(b, 0);
}

void box_start(struct box *b, unsigned nr_cpus)
{
	box_create(b);
	b->nr_cpus = nr_cpus;
	assert_int_equal(am_gic_set_nr_irqs(b->gic, NR_IRQS), 0);
	for (unsigned i = 0; i < nr_cpus; i++)
		assert_int_equal(am_gic_add_vcpu(b->gic, i, box_mpidr(i)), 0);
	assert_int_equal(am_gic_set_dist_base(b->gic, GICD), 0);
	assert_int_equal(am_gic_set_redist_base(b->gic, GICR), 0);
	assert_int_equal(am_gic_init(b->gic), 0);
	assert_int_equal(am_gic_map(b->gic, b->bus), 0);
	wr(b, GICD + D_CTLR, 2);
	for (unsigned i = 0; i < nr_cpus; i++) {
		icc_set(b, i, PMR, 0xff);
		icc_set(b, i, IGRPEN0, 1);
		icc_set(b, i, IGRPEN1, 1);
	}
}

void box_end(struct box *b)
{
	am_gic_destroy(b->gic);
	am_bus_destroy(b->bus);
	assert_int_equal(b->bytes, 0);
}

uint64_t box_read(struct box *b, uint64_t ipa, unsigned len)
{
	uint64_t value = 0x5a5a5a5a5a5a5a5a;

	assert_int_equal(am_bus_read(b->bus, 0, ipa, len, &value), 0);
	return value;
}

void box_write(struct box *b, uint64_t ipa, unsigned len, uint64_t value)
{
	assert_int_equal(am_bus_write(b->bus, 0, ipa, len, value), 0);
}

uint64_t icc(struct box *b, unsigned vcpu, unsigned reg)
{
	uint64_t value = 0;

	assert_int_equal(am_gic_icc_read(b->gic, vcpu, reg, &value), 0);
	return value;
}

void icc_set(struct box *b, unsigned vcpu, unsigned reg, uint64_t value)
{
	assert_int_equal(am_gic_icc_write(b->gic, vcpu, reg, value), 0);
}

static uint64_t irq_frame(unsigned vcpu, unsigned intid)
{
	return intid < 32 ? sgi_frame(vcpu) : GICD;
}

unsigned irq_bit(struct box *b, unsigned vcpu, unsigned reg, unsigned intid)
{
	return rd(b, irq_frame(vcpu, intid) + reg + intid / 32 * 4) >> (intid % 32) & 1;
}

void irq_write_bit(struct box *b, unsigned vcpu, unsigned reg, unsigned intid)
{
	wr(b, irq_frame(vcpu, intid) + reg + intid / 32 * 4, UINT32_C(1) << (intid % 32));
}

void irq_enable(struct box *b, unsigned vcpu, unsigned intid)
{
	irq_write_bit(b, vcpu, ISENABLER, intid);
}

void irq_priority(struct box *b, unsigned vcpu, unsigned intid, unsigned priority)
{
	box_write(b, irq_frame(vcpu, intid) + IPRIORITYR + intid, 1, priority);
}

void irq_group(struct box *b, unsigned vcpu, unsigned intid, unsigned group)
{
	uint64_t reg = irq_frame(vcpu, intid) + IGROUPR + intid / 32 * 4;
	uint32_t bit = UINT32_C(1) << (intid % 32);

	wr(b, reg, group ? rd(b, reg) | bit : rd(b, reg) & ~bit);
}

void irq_level(struct box *b, unsigned intid)
{
	uint64_t reg = GICD + ICFGR + intid / 16 * 4;

	wr(b, reg, rd(b, reg) & ~(UINT32_C(2) << (intid % 16 * 2)));
}

void assert_lines(struct box *b, unsigned vcpu, unsigned lines)
{
	assert_int_equal(am_gic_irq_pending(b->gic, vcpu), lines);
	assert_int_equal(atomic_load(&b->lines[vcpu]), lines);
}
