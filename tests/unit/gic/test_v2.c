/* SPDX-License-Identifier: MIT */
/*
 * GICv2: what is its own. Reset values and writable bits of both frames, SGIs by source, targets,
 * groups and AckCtl, the device attributes and KVM's errors.
 */
#include "common.h"
#include "base/bits.h"
#include "gic/state.h"

#define GICC UINT64_C(0x08010000)

enum {
	ITARGETSR = 0x800,
	SGIR = 0xf00,
	CPENDSGIR = 0xf10,
	SPENDSGIR = 0xf20,

	C_CTLR = 0x00,
	C_PMR = 0x04,
	C_BPR = 0x08,
	C_IAR = 0x0c,
	C_EOIR = 0x10,
	C_RPR = 0x14,
	C_HPPIR = 0x18,
	C_ABPR = 0x1c,
	C_AIAR = 0x20,
	C_AEOIR = 0x24,
	C_AHPPIR = 0x28,
	C_APR0 = 0xd0,
	C_IIDR = 0xfc,
	C_DIR = 0x1000,

	GRP_ADDR = 0,
	GRP_DIST = 1,
	GRP_CPU = 2,
	GRP_NR_IRQS = 3,
	GRP_CTRL = 4,
};

static uint32_t vrd(struct box *b, unsigned vcpu, uint64_t ipa)
{
	uint64_t v = 0;

	assert_int_equal(am_bus_read(b->bus, vcpu, ipa, 4, &v), 0);
	return (uint32_t)v;
}

static void vwr(struct box *b, unsigned vcpu, uint64_t ipa, uint32_t value)
{
	assert_int_equal(am_bus_write(b->bus, vcpu, ipa, 4, value), 0);
}

static void v2_create(struct box *b, unsigned nr_cpus)
{
	box_create_version(b, 2);
	b->nr_cpus = nr_cpus;
	assert_int_equal(am_gic_version(b->gic), 2);
	assert_int_equal(am_gic_set_nr_irqs(b->gic, NR_IRQS), 0);
	for (unsigned i = 0; i < nr_cpus; i++)
		assert_int_equal(am_gic_add_vcpu(b->gic, i, box_mpidr(i)), 0);
	assert_int_equal(am_gic_set_dist_base(b->gic, GICD), 0);
	assert_int_equal(am_gic_set_cpuif_base(b->gic, GICC), 0);
}

/* Mapped, nothing enabled. */
static void v2_quiet(struct box *b, unsigned nr_cpus)
{
	v2_create(b, nr_cpus);
	assert_int_equal(am_gic_map(b->gic, b->bus), 0);
	assert_true(am_gic_initialized(b->gic));
}

/* Everything through: both groups, no mask. */
static void v2_start(struct box *b, unsigned nr_cpus)
{
	v2_quiet(b, nr_cpus);
	wr(b, GICD + D_CTLR, 1);
	for (unsigned i = 0; i < nr_cpus; i++) {
		vwr(b, i, GICC + C_PMR, 0xff);
		vwr(b, i, GICC + C_CTLR, 3);
	}
}

struct word {
	uint32_t from, to, reset, ones, zeros;
};

static void sweep(struct box *b, unsigned vcpu, uint64_t base, uint32_t size, const struct word *w,
		  unsigned n)
{
	for (uint32_t off = 0; off < size; off += 4) {
		struct word want = {0};
		uint32_t reset = vrd(b, vcpu, base + off), ones, zeros;

		for (unsigned i = 0; i < n; i++)
			if (off >= w[i].from && off <= w[i].to)
				want = w[i];
		vwr(b, vcpu, base + off, UINT32_MAX);
		ones = vrd(b, vcpu, base + off);
		vwr(b, vcpu, base + off, 0);
		zeros = vrd(b, vcpu, base + off);
		if (reset != want.reset || ones != want.ones || zeros != want.zeros)
			fail_msg("0x%x: 0x%x, ones 0x%x, zeros 0x%x", off, reset, ones, zeros);
	}
}

/* On vCPU 2 of 3, with 128 interrupts. */
static void test_dist_words(void **state)
{
	static const struct word w[] = {
	    {0x000, 0x000, 0, 1, 0},
	    {0x004, 0x004, 0x43, 0x43, 0x43},
	    {0x008, 0x008, 0x4b00343b, 0x4b00343b, 0x4b00343b},
	    {0x080, 0x08c, 0, UINT32_MAX, 0},
	    {0x100, 0x100, 0xffff, UINT32_MAX, UINT32_MAX},
	    {0x104, 0x10c, 0, UINT32_MAX, UINT32_MAX},
	    {0x180, 0x18c, UINT32_MAX, 0, 0}, /* the sweep has enabled them */
	    {0x200, 0x200, 0, 0xffff0000, 0xffff0000},
	    {0x204, 0x20c, 0, UINT32_MAX, UINT32_MAX},
	    {0x280, 0x280, 0xffff0000, 0, 0},
	    {0x284, 0x28c, UINT32_MAX, 0, 0},
	    {0x300, 0x30c, 0, UINT32_MAX, UINT32_MAX},
	    {0x380, 0x38c, UINT32_MAX, 0, 0},
	    {0x400, 0x47c, 0, 0xf8f8f8f8, 0},
	    {0x800, 0x81c, 0x04040404, 0x04040404, 0x04040404},
	    {0x820, 0x87c, 0, 0x07070707, 0},
	    {0xc00, 0xc00, 0xaaaaaaaa, 0xaaaaaaaa, 0xaaaaaaaa},
	    {0xc08, 0xc1c, 0xaaaaaaaa, 0xaaaaaaaa, 0},
	    /* By ones to SGIR nobody is reached (filter 3). The SGIs' sources are set, not cleared.
	     */
	    {0xf20, 0xf2c, 0, UINT32_MAX, UINT32_MAX},
	};
	struct box b;

	v2_quiet(&b, 3);
	sweep(&b, 2, GICD, 0x1000, w, AM_ARRAY_SIZE(w));
	/* All of that was vCPU 2's. */
	assert_int_equal(vrd(&b, 1, GICD + IGROUPR), 0);
	assert_int_equal(vrd(&b, 1, GICD + ISENABLER), 0xffff);
	assert_int_equal(vrd(&b, 1, GICD + ISPENDR), 0);
	assert_int_equal(vrd(&b, 1, GICD + ITARGETSR), 0x02020202);
	assert_int_equal(vrd(&b, 1, GICD + SPENDSGIR), 0);
	assert_int_equal(vrd(&b, 0, GICD + SPENDSGIR), 0);
	assert_int_equal(vrd(&b, 2, GICD + CPENDSGIR), UINT32_MAX);
	/* A vCPU that does not exist sees nothing and changes nothing. */
	assert_int_equal(vrd(&b, 7, GICD + ISENABLER), 0);
	vwr(&b, 600, GICD + ISENABLER, UINT32_MAX);
	vwr(&b, 7, GICD + SGIR, 0x00ff0001);
	assert_int_equal(vrd(&b, 1, GICD + SPENDSGIR), 0);
	box_end(&b);
}

static void test_cpuif_words(void **state)
{
	static const struct word w[] = {
	    {C_CTLR, C_CTLR, 0, 0x21f, 0},
	    {C_PMR, C_PMR, 0, 0xf8, 0},
	    {C_BPR, C_BPR, 2, 7, 2},
	    {C_ABPR, C_ABPR, 3, 7, 3},
	    {C_IAR, C_IAR, 1023, 1023, 1023},
	    {C_RPR, C_RPR, 0xff, 0xff, 0xff},
	    {C_HPPIR, C_HPPIR, 1023, 1023, 1023},
	    {C_AIAR, C_AIAR, 1023, 1023, 1023},
	    {C_AHPPIR, C_AHPPIR, 1023, 1023, 1023},
	    {C_APR0, C_APR0, 0, UINT32_MAX, 0},
	    {C_IIDR, C_IIDR, 0x04b2043b, 0x04b2043b, 0x04b2043b},
	};
	struct box b;

	v2_quiet(&b, 3);
	sweep(&b, 1, GICC, 0x2000, w, AM_ARRAY_SIZE(w));
	vwr(&b, 1, GICC + C_PMR, 0xf0);
	assert_int_equal(vrd(&b, 0, GICC + C_PMR), 0);
	assert_int_equal(vrd(&b, 1, GICC + C_PMR), 0xf0);
	assert_int_equal(am_bus_read(b.bus, 0, GICD + 0x1000, 4, &(uint64_t){0}), -ENOENT);
	assert_int_equal(am_bus_read(b.bus, 0, GICC + 0x2000, 4, &(uint64_t){0}), -ENOENT);
	/* Only words. */
	assert_true(box_read(&b, GICC + C_IIDR, 1) == 0);
	assert_true(box_read(&b, GICC + C_IIDR, 2) == 0);
	assert_true(box_read(&b, GICC + C_RPR - 4, 8) == 0);
	box_end(&b);
}

/* There are no system registers. */
static void test_no_icc(void **state)
{
	struct box b;

	v2_start(&b, 1);
	for (unsigned i = 0; i < gic_nr_icc_rows; i++) {
		uint64_t v = 0;

		assert_int_equal(am_gic_icc_read(b.gic, 0, gic_icc_rows[i].sysreg, &v), -ENOENT);
		assert_int_equal(am_gic_icc_write(b.gic, 0, gic_icc_rows[i].sysreg, 0), -ENOENT);
	}
	box_end(&b);
}

/* ---- SGIs ---- */

static void test_sgi_sources(void **state)
{
	struct box b;

	v2_start(&b, 4);
	vwr(&b, 2, GICD + SGIR, 1 << 16 | 5); /* to vCPU 0 */
	vwr(&b, 1, GICD + SGIR, 1 << 16 | 5);
	vwr(&b, 1, GICD + SGIR, 1 << 16 | 5); /* again: no more than once */
	assert_lines(&b, 0, AM_GIC_IRQ);
	assert_lines(&b, 1, 0);
	assert_int_equal(vrd(&b, 0, GICD + SPENDSGIR + 4), 0x0600);
	assert_int_equal(vrd(&b, 0, GICD + ISPENDR), 1 << 5);
	assert_int_equal(vrd(&b, 0, GICC + C_HPPIR), 1 << 10 | 5);
	assert_int_equal(vrd(&b, 0, GICC + C_IAR), 1 << 10 | 5);
	/* It is active, so the other source waits. */
	assert_lines(&b, 0, 0);
	assert_int_equal(vrd(&b, 0, GICC + C_IAR), 1023);
	assert_int_equal(vrd(&b, 0, GICD + SPENDSGIR + 4), 0x0400);
	vwr(&b, 0, GICC + C_EOIR, 1 << 10 | 5);
	assert_lines(&b, 0, AM_GIC_IRQ);
	assert_int_equal(vrd(&b, 0, GICC + C_IAR), 2 << 10 | 5);
	vwr(&b, 0, GICC + C_EOIR, 2 << 10 | 5);
	assert_lines(&b, 0, 0);
	assert_int_equal(vrd(&b, 0, GICD + ISPENDR), 0);
	/* By the pending registers: a byte for each SGI. */
	assert_int_equal(am_bus_write(b.bus, 0, GICD + SPENDSGIR + 7, 1, 0x88), 0);
	assert_int_equal(vrd(&b, 0, GICD + CPENDSGIR + 4), 0x88000000);
	assert_int_equal(am_bus_write(b.bus, 0, GICD + CPENDSGIR + 7, 1, 0x80), 0);
	assert_lines(&b, 0, AM_GIC_IRQ);
	assert_int_equal(vrd(&b, 0, GICC + C_HPPIR), 3 << 10 | 7);
	vwr(&b, 0, GICD + CPENDSGIR + 4, 0xff000000);
	assert_lines(&b, 0, 0);
	box_end(&b);
}

static void test_sgi_filters(void **state)
{
	struct box b;

	v2_start(&b, 4);
	vwr(&b, 1, GICD + SGIR, 1 << 24 | 0x040003); /* all but self; the list is not looked at */
	for (unsigned i = 0; i < 4; i++)
		assert_lines(&b, i, i == 1 ? 0 : AM_GIC_IRQ);
	for (unsigned i = 0; i < 4; i++)
		vwr(&b, i, GICD + CPENDSGIR, UINT32_MAX);
	vwr(&b, 1, GICD + SGIR, 2 << 24 | 0x048003); /* self, NSATT */
	for (unsigned i = 0; i < 4; i++)
		assert_lines(&b, i, i == 1 ? AM_GIC_IRQ : 0);
	assert_int_equal(vrd(&b, 1, GICC + C_IAR), 1 << 10 | 3);
	vwr(&b, 1, GICC + C_EOIR, 1 << 10 | 3);
	vwr(&b, 1, GICD + SGIR, 3 << 24 | 0xff0003); /* reserved */
	for (unsigned i = 0; i < 4; i++)
		assert_lines(&b, i, 0);
	vwr(&b, 1, GICD + SGIR, 0xfc0003); /* vCPUs 2, 3 and some that do not exist */
	for (unsigned i = 0; i < 4; i++)
		assert_lines(&b, i, i >= 2 ? AM_GIC_IRQ : 0);
	box_end(&b);
}

/* ---- the CPU interface ---- */

static void test_targets(void **state)
{
	struct box b;

	v2_start(&b, 3);
	irq_enable(&b, 0, 40);
	assert_int_equal(am_gic_set_spi(b.gic, 40, true), 0);
	assert_lines(&b, 0, AM_GIC_IRQ);
	assert_int_equal(am_bus_write(b.bus, 0, GICD + ITARGETSR + 40, 1, 0xfe), 0);
	assert_int_equal(vrd(&b, 0, GICD + ITARGETSR + 40), 0x06);
	assert_lines(&b, 0, 0);
	assert_lines(&b, 1, AM_GIC_IRQ);
	/* None, or none that exists: vCPU 0. */
	assert_int_equal(am_bus_write(b.bus, 0, GICD + ITARGETSR + 40, 1, 0xf8), 0);
	assert_int_equal(vrd(&b, 0, GICD + ITARGETSR + 40), 0);
	assert_lines(&b, 0, AM_GIC_IRQ);
	/* It stays active where it was taken. */
	assert_int_equal(vrd(&b, 0, GICC + C_IAR), 40);
	assert_int_equal(am_bus_write(b.bus, 0, GICD + ITARGETSR + 40, 1, 4), 0);
	assert_int_equal(irq_bit(&b, 0, ISACTIVER, 40), 1);
	vwr(&b, 0, GICC + C_EOIR, 40);
	assert_int_equal(irq_bit(&b, 0, ISACTIVER, 40), 0);
	assert_int_equal(vrd(&b, 0, GICC + C_RPR), 0xff);
	box_end(&b);
}

static void test_groups(void **state)
{
	struct box b;

	v2_start(&b, 1);
	irq_enable(&b, 0, 40);
	irq_enable(&b, 0, 41);
	wr(&b, GICD + IGROUPR + 4, 1 << 9); /* 41 is in group 1 */
	am_gic_set_spi(b.gic, 41, true);
	assert_lines(&b, 0, AM_GIC_IRQ);
	/* Without AckCtl GICC_IAR only says that there is one. */
	assert_int_equal(vrd(&b, 0, GICC + C_HPPIR), 1022);
	assert_int_equal(vrd(&b, 0, GICC + C_IAR), 1022);
	assert_int_equal(vrd(&b, 0, GICC + C_AHPPIR), 41);
	assert_int_equal(vrd(&b, 0, GICC + C_AIAR), 41);
	/* EOIR is for the other group: the priority drops, but 41 stays active. */
	vwr(&b, 0, GICC + C_EOIR, 41);
	assert_int_equal(vrd(&b, 0, GICC + C_RPR), 0xff);
	assert_int_equal(irq_bit(&b, 0, ISACTIVER, 41), 1);
	vwr(&b, 0, GICC + C_AEOIR, 41);
	assert_int_equal(irq_bit(&b, 0, ISACTIVER, 41), 0);
	/* With AckCtl it takes either. */
	vwr(&b, 0, GICC + C_CTLR, 7);
	am_gic_set_spi(b.gic, 41, true);
	assert_int_equal(vrd(&b, 0, GICC + C_HPPIR), 41);
	assert_int_equal(vrd(&b, 0, GICC + C_IAR), 41);
	vwr(&b, 0, GICC + C_EOIR, 41);
	assert_int_equal(irq_bit(&b, 0, ISACTIVER, 41), 0);
	/* AIAR never takes group 0. */
	am_gic_set_spi(b.gic, 40, true);
	assert_int_equal(vrd(&b, 0, GICC + C_AHPPIR), 1023);
	assert_int_equal(vrd(&b, 0, GICC + C_AIAR), 1023);
	/* FIQEn moves group 0 to FIQ. */
	assert_lines(&b, 0, AM_GIC_IRQ);
	vwr(&b, 0, GICC + C_CTLR, 3 | 8);
	assert_lines(&b, 0, AM_GIC_FIQ);
	vwr(&b, 0, GICC + C_CTLR, 2 | 8);
	assert_lines(&b, 0, 0);
	box_end(&b);
}

static void test_priorities(void **state)
{
	struct box b;

	v2_start(&b, 1);
	for (unsigned i = 40; i < 43; i++)
		irq_enable(&b, 0, i);
	irq_priority(&b, 0, 40, 0xa0);
	irq_priority(&b, 0, 41, 0x50);
	irq_priority(&b, 0, 42, 0x50);
	wr(&b, GICD + IGROUPR + 4, 1 << 9);
	vwr(&b, 0, GICC + C_CTLR, 7);
	am_gic_set_spi(b.gic, 40, true);
	assert_int_equal(vrd(&b, 0, GICC + C_IAR), 40);
	assert_int_equal(vrd(&b, 0, GICC + C_RPR), 0xa0);
	am_gic_set_spi(b.gic, 41, true);
	assert_int_equal(vrd(&b, 0, GICC + C_IAR), 41);
	/* One register for both groups. */
	assert_int_equal(vrd(&b, 0, GICC + C_APR0), 1 << (0xa0 >> 3) | 1 << (0x50 >> 3));
	am_gic_set_spi(b.gic, 42, true);
	assert_int_equal(vrd(&b, 0, GICC + C_IAR), 1023); /* equal priority does not preempt */
	vwr(&b, 0, GICC + C_EOIR, 41);
	assert_int_equal(vrd(&b, 0, GICC + C_RPR), 0xa0);
	vwr(&b, 0, GICC + C_PMR, 0x50); /* nor does it pass the mask */
	assert_lines(&b, 0, 0);
	vwr(&b, 0, GICC + C_PMR, 0x58);
	assert_lines(&b, 0, AM_GIC_IRQ);
	assert_int_equal(vrd(&b, 0, GICC + C_IAR), 42);
	vwr(&b, 0, GICC + C_EOIR, 42);
	vwr(&b, 0, GICC + C_EOIR, 40);
	assert_int_equal(vrd(&b, 0, GICC + C_APR0), 0);
	box_end(&b);
}

static void test_eoimode(void **state)
{
	struct box b;

	v2_start(&b, 2);
	vwr(&b, 0, GICC + C_CTLR, 3 | 1 << 9);
	irq_enable(&b, 0, 40);
	am_gic_set_spi(b.gic, 40, true);
	assert_int_equal(vrd(&b, 0, GICC + C_IAR), 40);
	vwr(&b, 1, GICC + C_DIR, 40); /* vCPU 1 has EOImode 0 */
	vwr(&b, 0, GICC + C_EOIR, 40);
	assert_int_equal(vrd(&b, 0, GICC + C_RPR), 0xff);
	assert_int_equal(irq_bit(&b, 0, ISACTIVER, 40), 1);
	vwr(&b, 0, GICC + C_DIR, 40);
	assert_int_equal(irq_bit(&b, 0, ISACTIVER, 40), 0);
	box_end(&b);
}

/* ---- attributes ---- */

static uint64_t reg_attr(unsigned vcpu, unsigned offset)
{
	return (uint64_t)vcpu << 32 | offset;
}

static uint64_t get(struct box *b, unsigned group, unsigned vcpu, unsigned offset)
{
	uint64_t v = 0x5a5a;

	assert_int_equal(am_gic_get_attr(b->gic, group, reg_attr(vcpu, offset), &v), 0);
	return v;
}

static int set(struct box *b, unsigned group, unsigned vcpu, unsigned offset, uint64_t v)
{
	return am_gic_set_attr(b->gic, group, reg_attr(vcpu, offset), v);
}

static void test_addresses(void **state)
{
	struct box b;
	uint64_t v;

	box_create_version(&b, 2);
	assert_int_equal(am_gic_add_vcpu(b.gic, 8, 0), -EINVAL);
	assert_int_equal(am_gic_add_vcpu(b.gic, 0, 0), 0);
	assert_int_equal(am_gic_get_attr(b.gic, GRP_ADDR, 0, &v), 0);
	assert_true(v == AM_GIC_UNDEF);
	assert_int_equal(am_gic_get_attr(b.gic, GRP_ADDR, 1, &v), 0);
	assert_true(v == AM_GIC_UNDEF);
	assert_int_equal(am_gic_map(b.gic, b.bus), -ENXIO);
	for (unsigned attr = 0; attr < 2; attr++) {
		assert_int_equal(am_gic_set_attr(b.gic, GRP_ADDR, attr, GICD + 0x800), -EINVAL);
		assert_int_equal(am_gic_set_attr(b.gic, GRP_ADDR, attr, UINT64_C(1) << 40), -E2BIG);
		assert_int_equal(am_gic_map(b.gic, b.bus), -ENXIO);
		assert_int_equal(am_gic_set_attr(b.gic, GRP_ADDR, attr, GICD + attr * 0x1000), 0);
		assert_int_equal(am_gic_set_attr(b.gic, GRP_ADDR, attr, GICD + 1), -EEXIST);
	}
	for (unsigned attr = 2; attr < 8; attr++) {
		assert_int_equal(am_gic_set_attr(b.gic, GRP_ADDR, attr, GICD), -ENXIO);
		assert_int_equal(am_gic_get_attr(b.gic, GRP_ADDR, attr, &v), -ENXIO);
		assert_int_equal(am_gic_has_attr(b.gic, GRP_ADDR, attr), -ENXIO);
	}
	assert_int_equal(am_gic_set_redist_base(b.gic, GICR), -ENODEV);
	assert_int_equal(am_gic_add_redist_region(b.gic, GICR | UINT64_C(1) << 52), -ENODEV);
	/* Neighbours. */
	assert_int_equal(am_gic_map(b.gic, b.bus), 0);
	assert_int_equal(am_gic_map(b.gic, b.bus), 0);
	assert_int_equal(am_gic_nr_irqs(b.gic), 256);
	box_end(&b);

	/* Overlaps show at the first run, and nothing is initialised then. */
	for (int d = -1; d < 3; d++) {
		box_create_version(&b, 2);
		assert_int_equal(am_gic_set_dist_base(b.gic, GICC + (uint64_t)(int64_t)d * 0x1000),
				 0);
		assert_int_equal(am_gic_set_cpuif_base(b.gic, GICC), 0);
		assert_int_equal(am_gic_map(b.gic, b.bus), d == 0 || d == 1 ? -EINVAL : 0);
		assert_int_equal(am_gic_initialized(b.gic), d != 0 && d != 1);
		box_end(&b);
	}
	/* A GICv3 has none of it. */
	box_create(&b);
	assert_int_equal(am_gic_version(b.gic), 3);
	assert_int_equal(am_gic_set_cpuif_base(b.gic, GICC), -ENODEV);
	assert_true(am_gic_cpuif_base(b.gic) == AM_GIC_UNDEF);
	assert_int_equal(am_gic_has_attr(b.gic, GRP_ADDR, 0), -ENXIO);
	assert_int_equal(am_gic_has_attr(b.gic, GRP_CPU, 0), -ENXIO);
	assert_int_equal(am_gic_lazy_init(b.gic), -EBUSY);
	box_end(&b);
}

/* What needs an initialised GIC initialises it. */
static void test_lazy_init(void **state)
{
	for (unsigned how = 0; how < 4; how++) {
		struct box b;
		uint64_t v;

		v2_create(&b, 2);
		assert_int_equal(am_gic_attr_check(b.gic, GRP_DIST, reg_attr(2, 0), false),
				 -EINVAL);
		assert_int_equal(am_gic_get_attr(b.gic, GRP_DIST, reg_attr(2, 0), &v), -EINVAL);
		assert_false(am_gic_initialized(b.gic));
		if (how == 0)
			assert_int_equal(am_gic_get_attr(b.gic, GRP_DIST, reg_attr(1, 0), &v), 0);
		else if (how == 1)
			assert_int_equal(am_gic_set_spi(b.gic, 40, true), 0);
		else if (how == 2)
			assert_int_equal(am_gic_set_ppi(b.gic, 1, 27, true), 0);
		else
			assert_int_equal(am_gic_set_attr(b.gic, GRP_CTRL, 0, 0), 0);
		assert_true(am_gic_initialized(b.gic));
		assert_int_equal(am_gic_add_vcpu(b.gic, 2, 2), -EBUSY);
		assert_int_equal(am_gic_set_attr(b.gic, GRP_NR_IRQS, 0, 64), -EBUSY);
		box_end(&b);
	}
}

static void test_has_attr(void **state)
{
	static const uint16_t cpu[] = {0x00, 0x04, 0x08, 0x1c, 0xd0, 0xd4, 0xd8, 0xdc, 0xfc};
	struct box b;

	v2_create(&b, 2);
	for (unsigned off = 0; off < 0x2100; off += 2) {
		bool has = false;

		for (unsigned i = 0; i < AM_ARRAY_SIZE(cpu); i++)
			has |= cpu[i] == off;
		assert_int_equal(am_gic_has_attr(b.gic, GRP_CPU, reg_attr(1, off)),
				 has ? 0 : -ENXIO);
	}
	assert_int_equal(am_gic_has_attr(b.gic, GRP_CPU, reg_attr(2, 0)), -EINVAL);
	assert_int_equal(am_gic_has_attr(b.gic, GRP_DIST, reg_attr(2, 0)), -EINVAL);
	assert_int_equal(am_gic_has_attr(b.gic, GRP_DIST, reg_attr(0, SPENDSGIR)), 0);
	assert_int_equal(am_gic_has_attr(b.gic, GRP_DIST, reg_attr(0, 0xfe8)), -ENXIO);
	assert_int_equal(am_gic_has_attr(b.gic, GRP_DIST, reg_attr(0, 0x1000)), -ENXIO);
	assert_int_equal(am_gic_has_attr(b.gic, GRP_NR_IRQS, 0), 0);
	assert_int_equal(am_gic_has_attr(b.gic, GRP_CTRL, 0), 0);
	assert_int_equal(am_gic_has_attr(b.gic, GRP_CTRL, 3), -ENXIO);
	for (unsigned group = 5; group < 10; group++)
		assert_int_equal(am_gic_has_attr(b.gic, group, 0), -ENXIO);
	assert_int_equal(am_gic_attr_size(GRP_CPU, 0), 4);
	assert_true(am_gic_attr_stops_vcpus(GRP_CPU, 0));
	assert_false(am_gic_attr_stops_vcpus(GRP_ADDR, 1));
	box_end(&b);
}

static void test_revisions(void **state)
{
	struct box b;

	v2_quiet(&b, 1);
	/* Groups are not user space's to write until it has shown that it knows the revisions. */
	assert_int_equal(set(&b, GRP_DIST, 0, IGROUPR, UINT32_MAX), 0);
	assert_int_equal(get(&b, GRP_DIST, 0, IGROUPR), 0);
	for (unsigned rev = 0; rev < 16; rev++) {
		int want = rev == 2 || rev == 3 ? 0 : -EINVAL;

		assert_int_equal(set(&b, GRP_DIST, 0, D_IIDR, 0x4b00043b | rev << 12), want);
		if (!want)
			assert_int_equal(get(&b, GRP_DIST, 0, D_IIDR), 0x4b00043b | rev << 12);
		assert_int_equal(set(&b, GRP_DIST, 0, IGROUPR, UINT32_MAX), 0);
		assert_int_equal(get(&b, GRP_DIST, 0, IGROUPR), rev < 2 ? 0 : UINT32_MAX);
	}
	assert_int_equal(set(&b, GRP_DIST, 0, D_IIDR, 0x4c00343b), -EINVAL);
	/* The guest always may. */
	wr(&b, GICD + IGROUPR, 0);
	assert_int_equal(rd(&b, GICD + IGROUPR), 0);
	box_end(&b);
}

static void test_user_registers(void **state)
{
	struct box b;

	v2_quiet(&b, 2);
	/* Five bits of the mask; binary points as they were stored. */
	vwr(&b, 1, GICC + C_PMR, 0xf8);
	assert_int_equal(get(&b, GRP_CPU, 1, C_PMR), 0x1f);
	assert_int_equal(set(&b, GRP_CPU, 1, C_PMR, 0xf5), 0);
	assert_int_equal(vrd(&b, 1, GICC + C_PMR), 0x15 << 3);
	assert_int_equal(get(&b, GRP_CPU, 1, C_BPR), 0);
	assert_int_equal(get(&b, GRP_CPU, 1, C_ABPR), 0);
	assert_int_equal(set(&b, GRP_CPU, 1, C_BPR, 1), 0);
	assert_int_equal(get(&b, GRP_CPU, 1, C_BPR), 1);
	assert_int_equal(vrd(&b, 1, GICC + C_BPR), 2);
	/* The guest's are raised to the smallest. */
	vwr(&b, 1, GICC + C_BPR, 0);
	vwr(&b, 1, GICC + C_ABPR, 0);
	assert_int_equal(get(&b, GRP_CPU, 1, C_BPR), 2);
	assert_int_equal(get(&b, GRP_CPU, 1, C_ABPR), 3);
	assert_int_equal(set(&b, GRP_CPU, 1, C_CTLR, UINT32_MAX), 0);
	assert_int_equal(get(&b, GRP_CPU, 1, C_CTLR), 0x21f);
	assert_int_equal(get(&b, GRP_CPU, 1, C_IIDR), 0x04b2043b);
	assert_int_equal(set(&b, GRP_CPU, 1, C_APR0 + 4, 1), 0);
	assert_int_equal(get(&b, GRP_CPU, 1, C_APR0 + 4), 0);
	/* Nothing is taken by looking at GICC_IAR from outside. */
	assert_int_equal(get(&b, GRP_CPU, 1, C_IAR), 0);
	/* An SGI that is restored by ISPENDR comes from the vCPU itself; zeros clear nothing. */
	assert_int_equal(set(&b, GRP_DIST, 1, ISPENDR, 1 << 4), 0);
	assert_int_equal(set(&b, GRP_DIST, 1, ISPENDR, 0), 0);
	assert_int_equal(vrd(&b, 1, GICD + SPENDSGIR + 4), 2);
	assert_int_equal(get(&b, GRP_DIST, 1, ISPENDR), 1 << 4);
	assert_int_equal(set(&b, GRP_DIST, 1, ICPENDR, 1 << 4), 0);
	assert_int_equal(vrd(&b, 1, GICD + SPENDSGIR + 4), 0);
	/* A line shows, as there is no other way to see it. */
	assert_int_equal(am_gic_set_ppi(b.gic, 1, 27, true), 0);
	assert_int_equal(get(&b, GRP_DIST, 1, ISPENDR), 1 << 27);
	assert_int_equal(get(&b, GRP_DIST, 0, ISPENDR), 0);
	assert_int_equal(get(&b, GRP_DIST, 1, ITARGETSR), 0x02020202);
	assert_int_equal(get(&b, GRP_DIST, 1, 0xd00), 0);
	assert_int_equal(set(&b, GRP_DIST, 1, 0xd00, 1), 0);
	box_end(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_dist_words),	cmocka_unit_test(test_cpuif_words),
	    cmocka_unit_test(test_no_icc),	cmocka_unit_test(test_sgi_sources),
	    cmocka_unit_test(test_sgi_filters), cmocka_unit_test(test_targets),
	    cmocka_unit_test(test_groups),	cmocka_unit_test(test_priorities),
	    cmocka_unit_test(test_eoimode),	cmocka_unit_test(test_addresses),
	    cmocka_unit_test(test_lazy_init),	cmocka_unit_test(test_has_attr),
	    cmocka_unit_test(test_revisions),	cmocka_unit_test(test_user_registers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
