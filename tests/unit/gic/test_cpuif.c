/* SPDX-License-Identifier: MIT */
/*
 * What a guest sees through its CPU interface: masking, preemption, priority drop and deactivation,
 * level and edge, groups, SGIs and routing.
 */
#include "common.h"

/* An SPI that is enabled, of group 1, at @priority. */
static void spi_ready(struct box *b, unsigned intid, unsigned priority)
{
	irq_priority(b, 0, intid, priority);
	irq_enable(b, 0, intid);
}

static void test_ack_eoi(void **state)
{
	struct box b;

	box_start(&b, 1);
	spi_ready(&b, 40, 0x80);
	assert_lines(&b, 0, 0);
	assert_int_equal(icc(&b, 0, IAR1), 1023);
	assert_int_equal(icc(&b, 0, RPR), 0xff);
	assert_int_equal(am_gic_set_spi(b.gic, 40, true), 0);
	assert_lines(&b, 0, AM_GIC_IRQ);
	assert_int_equal(icc(&b, 0, HPPIR1), 40);
	assert_int_equal(icc(&b, 0, HPPIR0), 1023);
	assert_int_equal(icc(&b, 0, IAR0), 1023);
	assert_int_equal(icc(&b, 0, IAR1), 40);
	assert_lines(&b, 0, 0);
	assert_int_equal(icc(&b, 0, RPR), 0x80);
	assert_int_equal(icc(&b, 0, AP1R0), 1u << 16);
	assert_int_equal(irq_bit(&b, 0, ISACTIVER, 40), 1);
	assert_int_equal(irq_bit(&b, 0, ISPENDR, 40), 0);
	assert_int_equal(icc(&b, 0, IAR1), 1023);
	icc_set(&b, 0, EOIR1, 40);
	assert_int_equal(irq_bit(&b, 0, ISACTIVER, 40), 0);
	assert_int_equal(icc(&b, 0, RPR), 0xff);
	assert_int_equal(icc(&b, 0, AP1R0), 0);
	assert_lines(&b, 0, 0);
	assert_int_equal(atomic_load(&b.changes), 2);
	box_end(&b);
}

static void test_pmr(void **state)
{
	struct box b;

	box_start(&b, 1);
	spi_ready(&b, 40, 0x80);
	am_gic_set_spi(b.gic, 40, true);
	icc_set(&b, 0, PMR, 0x80); /* equal is masked */
	assert_lines(&b, 0, 0);
	assert_int_equal(icc(&b, 0, IAR1), 1023);
	assert_int_equal(icc(&b, 0, HPPIR1), 40);
	icc_set(&b, 0, PMR, 0x8f); /* only five bits: 0x88 */
	assert_int_equal(icc(&b, 0, PMR), 0x88);
	assert_lines(&b, 0, AM_GIC_IRQ);
	icc_set(&b, 0, PMR, 0x07);
	assert_int_equal(icc(&b, 0, PMR), 0);
	assert_lines(&b, 0, 0);
	/* The lowest priority there is is never above a mask. */
	icc_set(&b, 0, PMR, 0xff);
	irq_priority(&b, 0, 40, 0xff);
	assert_lines(&b, 0, 0);
	irq_priority(&b, 0, 40, 0xf7);
	assert_lines(&b, 0, AM_GIC_IRQ);
	box_end(&b);
}

static void test_order_of_priorities(void **state)
{
	static const unsigned want[] = {45, 41, 43, 40, 44, 42};
	static const unsigned prio[] = {0x50, 0x18, 0xf0, 0x20, 0x60, 0x00};
	struct box b;

	box_start(&b, 1);
	for (unsigned i = 0; i < 6; i++) {
		spi_ready(&b, 40 + i, prio[i]);
		am_gic_set_spi(b.gic, 40 + i, true);
	}
	for (unsigned i = 0; i < 6; i++) {
		assert_int_equal(icc(&b, 0, IAR1), want[i]);
		icc_set(&b, 0, EOIR1, want[i]);
	}
	assert_int_equal(icc(&b, 0, IAR1), 1023);
	/* Equal ones come in order of arrival, each once. */
	for (unsigned i = 0; i < 6; i++)
		irq_priority(&b, 0, 40 + i, 0x40);
	for (unsigned i = 0; i < 6; i++)
		am_gic_set_spi(b.gic, want[i], true);
	for (unsigned i = 0; i < 6; i++) {
		assert_int_equal(icc(&b, 0, IAR1), want[i]);
		icc_set(&b, 0, EOIR1, want[i]);
	}
	box_end(&b);
}

static void test_preemption(void **state)
{
	struct box b;

	box_start(&b, 1);
	spi_ready(&b, 40, 0xa0);
	spi_ready(&b, 41, 0x60);
	spi_ready(&b, 42, 0x58);
	am_gic_set_spi(b.gic, 40, true);
	assert_int_equal(icc(&b, 0, IAR1), 40);
	am_gic_set_spi(b.gic, 41, true);
	assert_lines(&b, 0, AM_GIC_IRQ);
	assert_int_equal(icc(&b, 0, IAR1), 41);
	assert_int_equal(icc(&b, 0, RPR), 0x60);
	am_gic_set_spi(b.gic, 42, true);
	assert_lines(&b, 0, AM_GIC_IRQ);
	assert_int_equal(icc(&b, 0, IAR1), 42);
	assert_int_equal(icc(&b, 0, AP1R0), 1u << 20 | 1u << 12 | 1u << 11);
	icc_set(&b, 0, EOIR1, 42);
	assert_int_equal(icc(&b, 0, RPR), 0x60);
	icc_set(&b, 0, EOIR1, 41);
	assert_int_equal(icc(&b, 0, RPR), 0xa0);
	icc_set(&b, 0, EOIR1, 40);
	assert_int_equal(icc(&b, 0, RPR), 0xff);

	/* With BPR1 5 the group priority of 0x58 is 0x40: it still preempts 0x60. 0x78 does not. */
	icc_set(&b, 0, BPR1, 5);
	am_gic_set_spi(b.gic, 41, true);
	assert_int_equal(icc(&b, 0, IAR1), 41);
	am_gic_set_spi(b.gic, 42, true);
	assert_lines(&b, 0, AM_GIC_IRQ);
	irq_priority(&b, 0, 42, 0x78);
	assert_lines(&b, 0, 0);
	irq_write_bit(&b, 0, ICPENDR, 42);
	irq_priority(&b, 0, 42, 0x58);
	icc_set(&b, 0, EOIR1, 41);

	/* With BPR1 7 only bit 7 preempts: 0x60 and 0x58 are one group, running at 0. */
	icc_set(&b, 0, BPR1, 7);
	am_gic_set_spi(b.gic, 41, true);
	assert_int_equal(icc(&b, 0, IAR1), 41);
	assert_int_equal(icc(&b, 0, RPR), 0x00);
	am_gic_set_spi(b.gic, 42, true);
	assert_lines(&b, 0, 0);
	assert_int_equal(icc(&b, 0, IAR1), 1023);
	assert_int_equal(icc(&b, 0, HPPIR1), 42);
	icc_set(&b, 0, EOIR1, 41);
	assert_lines(&b, 0, AM_GIC_IRQ);
	assert_int_equal(icc(&b, 0, IAR1), 42);
	box_end(&b);
}

static void test_bpr(void **state)
{
	struct box b;

	box_start(&b, 1);
	assert_int_equal(icc(&b, 0, BPR0), 2);
	assert_int_equal(icc(&b, 0, BPR1), 3);
	icc_set(&b, 0, BPR0, 0);
	icc_set(&b, 0, BPR1, 0);
	assert_int_equal(icc(&b, 0, BPR0), 2);
	assert_int_equal(icc(&b, 0, BPR1), 3);
	icc_set(&b, 0, BPR0, 0xff);
	assert_int_equal(icc(&b, 0, BPR0), 7);
	icc_set(&b, 0, BPR0, 4);
	icc_set(&b, 0, BPR1, 6);
	icc_set(&b, 0, CTLR, 1); /* CBPR: BPR1 is BPR0 + 1 and cannot be written */
	assert_int_equal(icc(&b, 0, BPR1), 5);
	icc_set(&b, 0, BPR1, 3);
	icc_set(&b, 0, BPR0, 7);
	assert_int_equal(icc(&b, 0, BPR1), 7);
	icc_set(&b, 0, CTLR, 0);
	assert_int_equal(icc(&b, 0, BPR1), 6);
	box_end(&b);
}

static void test_eoimode(void **state)
{
	struct box b;

	box_start(&b, 1);
	spi_ready(&b, 40, 0x80);
	spi_ready(&b, 41, 0xa0);
	/* DIR does nothing in EOImode 0. */
	am_gic_set_spi(b.gic, 40, true);
	assert_int_equal(icc(&b, 0, IAR1), 40);
	icc_set(&b, 0, DIR, 40);
	assert_int_equal(irq_bit(&b, 0, ISACTIVER, 40), 1);
	icc_set(&b, 0, EOIR1, 40);

	icc_set(&b, 0, CTLR, 2);
	assert_int_equal(icc(&b, 0, CTLR), 0x8c02);
	am_gic_set_spi(b.gic, 40, true);
	assert_int_equal(icc(&b, 0, IAR1), 40);
	am_gic_set_spi(b.gic, 40, true); /* an edge while active */
	am_gic_set_spi(b.gic, 41, true);
	assert_lines(&b, 0, 0);
	icc_set(&b, 0, EOIR1, 40); /* priority drop only */
	assert_int_equal(icc(&b, 0, RPR), 0xff);
	assert_int_equal(irq_bit(&b, 0, ISACTIVER, 40), 1);
	assert_int_equal(irq_bit(&b, 0, ISPENDR, 40), 1);
	assert_int_equal(icc(&b, 0, IAR1), 41); /* 40 is active: not it */
	icc_set(&b, 0, EOIR1, 41);
	assert_lines(&b, 0, 0);
	icc_set(&b, 0, DIR, 41);
	icc_set(&b, 0, DIR, 40);
	assert_lines(&b, 0, AM_GIC_IRQ);
	assert_int_equal(icc(&b, 0, IAR1), 40);
	box_end(&b);
}

/* What a guest should not do: none of it breaks anything. */
static void test_odd_eoi(void **state)
{
	struct box b;
	uint64_t v;

	box_start(&b, 1);
	spi_ready(&b, 40, 0x80);
	icc_set(&b, 0, EOIR1, 40);
	icc_set(&b, 0, EOIR1, 1023);
	icc_set(&b, 0, EOIR1, 9000);
	icc_set(&b, 0, EOIR1, UINT64_MAX);
	icc_set(&b, 0, EOIR1, NR_IRQS);
	icc_set(&b, 0, DIR, 5000);
	am_gic_set_spi(b.gic, 40, true);
	assert_int_equal(icc(&b, 0, IAR1), 40);
	icc_set(&b, 0, EOIR1, 1023); /* ignored: nothing was acknowledged */
	assert_int_equal(icc(&b, 0, RPR), 0x80);
	icc_set(&b, 0, EOIR0, 40); /* the wrong group drops the priority and no more */
	assert_int_equal(icc(&b, 0, RPR), 0xff);
	assert_int_equal(irq_bit(&b, 0, ISACTIVER, 40), 1);
	irq_write_bit(&b, 0, ICACTIVER, 40);

	/* Write-only, read-only, and not there. */
	assert_int_equal(am_gic_icc_read(b.gic, 0, EOIR1, &v), -ENOENT);
	assert_int_equal(am_gic_icc_read(b.gic, 0, SGI1R, &v), -ENOENT);
	assert_int_equal(am_gic_icc_write(b.gic, 0, IAR1, 0), -ENOENT);
	assert_int_equal(am_gic_icc_write(b.gic, 0, RPR, 0), -ENOENT);
	assert_int_equal(am_gic_icc_read(b.gic, 0, AP0R1, &v), -ENOENT);
	assert_int_equal(am_gic_icc_write(b.gic, 0, AP1R1, 0), -ENOENT);
	assert_int_equal(am_gic_icc_read(b.gic, 1, PMR, &v), -ENOENT);
	/* Fixed ones. */
	icc_set(&b, 0, SRE, 0);
	assert_int_equal(icc(&b, 0, SRE), 7);
	icc_set(&b, 0, CTLR, UINT64_MAX);
	assert_int_equal(icc(&b, 0, CTLR), 0x8c03);
	icc_set(&b, 0, IGRPEN1, UINT64_MAX);
	assert_int_equal(icc(&b, 0, IGRPEN1), 1);
	box_end(&b);
}

static void test_level(void **state)
{
	struct box b;

	box_start(&b, 1);
	spi_ready(&b, 40, 0x80);
	irq_level(&b, 40);
	am_gic_set_spi(b.gic, 40, true);
	assert_int_equal(irq_bit(&b, 0, ISPENDR, 40), 1);
	/* Clearing the latch does not help while the line is high. */
	irq_write_bit(&b, 0, ICPENDR, 40);
	assert_lines(&b, 0, AM_GIC_IRQ);
	assert_int_equal(icc(&b, 0, IAR1), 40);
	assert_int_equal(irq_bit(&b, 0, ISPENDR, 40), 1); /* active and pending */
	assert_lines(&b, 0, 0);
	icc_set(&b, 0, EOIR1, 40);
	assert_lines(&b, 0, AM_GIC_IRQ); /* again, the line is still high */
	am_gic_set_spi(b.gic, 40, false);
	assert_lines(&b, 0, 0);
	assert_int_equal(icc(&b, 0, IAR1), 1023);

	/* A latch outlives the line, and is gone when taken. */
	irq_write_bit(&b, 0, ISPENDR, 40);
	assert_lines(&b, 0, AM_GIC_IRQ);
	am_gic_set_spi(b.gic, 40, true);
	am_gic_set_spi(b.gic, 40, false);
	assert_int_equal(icc(&b, 0, IAR1), 40);
	icc_set(&b, 0, EOIR1, 40);
	assert_lines(&b, 0, 0);

	/* A pulse between acknowledge and EOI is not seen. */
	am_gic_set_spi(b.gic, 40, true);
	assert_int_equal(icc(&b, 0, IAR1), 40);
	am_gic_set_spi(b.gic, 40, false);
	am_gic_set_spi(b.gic, 40, true);
	am_gic_set_spi(b.gic, 40, false);
	icc_set(&b, 0, EOIR1, 40);
	assert_lines(&b, 0, 0);
	box_end(&b);
}

static void test_edge(void **state)
{
	struct box b;

	box_start(&b, 1);
	spi_ready(&b, 40, 0x80);
	am_gic_set_spi(b.gic, 40, false); /* falling: nothing */
	assert_lines(&b, 0, 0);
	am_gic_set_spi(b.gic, 40, true);
	am_gic_set_spi(b.gic, 40, false); /* the latch keeps it */
	assert_lines(&b, 0, AM_GIC_IRQ);
	irq_write_bit(&b, 0, ICPENDR, 40);
	assert_lines(&b, 0, 0);
	am_gic_set_spi(b.gic, 40, true);
	assert_int_equal(icc(&b, 0, IAR1), 40);
	assert_int_equal(irq_bit(&b, 0, ISPENDR, 40), 0);
	am_gic_set_spi(b.gic, 40, true); /* an edge while active waits */
	am_gic_set_spi(b.gic, 40, true); /* a second one is the same */
	assert_int_equal(irq_bit(&b, 0, ISPENDR, 40), 1);
	assert_lines(&b, 0, 0);
	icc_set(&b, 0, EOIR1, 40);
	assert_int_equal(icc(&b, 0, IAR1), 40);
	icc_set(&b, 0, EOIR1, 40);
	assert_lines(&b, 0, 0);
	/* Line and latch are apart: becoming level-sensitive forgets nothing and invents nothing.
	 */
	am_gic_set_spi(b.gic, 40, true);
	irq_level(&b, 40);
	assert_int_equal(irq_bit(&b, 0, ISPENDR, 40), 1);
	irq_write_bit(&b, 0, ICPENDR, 40);
	assert_int_equal(irq_bit(&b, 0, ISPENDR, 40), 0);
	box_end(&b);
}

static void test_enables(void **state)
{
	struct box b;

	box_start(&b, 1);
	irq_priority(&b, 0, 40, 0x80);
	am_gic_set_spi(b.gic, 40, true);
	assert_lines(&b, 0, 0);
	irq_enable(&b, 0, 40);
	assert_lines(&b, 0, AM_GIC_IRQ);
	irq_write_bit(&b, 0, ICENABLER, 40);
	assert_lines(&b, 0, 0);
	assert_int_equal(irq_bit(&b, 0, ISPENDR, 40), 1);
	irq_enable(&b, 0, 40);
	icc_set(&b, 0, IGRPEN1, 0);
	assert_lines(&b, 0, 0);
	assert_int_equal(icc(&b, 0, HPPIR1), 1023);
	icc_set(&b, 0, IGRPEN1, 1);
	wr(&b, GICD + D_CTLR, 0);
	assert_lines(&b, 0, 0);
	assert_int_equal(icc(&b, 0, IAR1), 1023);
	wr(&b, GICD + D_CTLR, 1); /* not the bit that counts in KVM */
	assert_lines(&b, 0, 0);
	wr(&b, GICD + D_CTLR, 2);
	assert_lines(&b, 0, AM_GIC_IRQ);
	/* An active bit written by the guest withholds it. */
	irq_write_bit(&b, 0, ISACTIVER, 40);
	assert_lines(&b, 0, 0);
	irq_write_bit(&b, 0, ICACTIVER, 40);
	assert_lines(&b, 0, AM_GIC_IRQ);
	box_end(&b);
}

static void test_groups(void **state)
{
	struct box b;

	box_start(&b, 1);
	spi_ready(&b, 40, 0x80);
	spi_ready(&b, 41, 0x80);
	irq_group(&b, 0, 41, 0);
	am_gic_set_spi(b.gic, 40, true);
	assert_lines(&b, 0, AM_GIC_IRQ);
	am_gic_set_spi(b.gic, 41, true); /* group 0 wins at equal priority */
	assert_lines(&b, 0, AM_GIC_FIQ);
	assert_int_equal(icc(&b, 0, IAR1), 1023);
	assert_int_equal(icc(&b, 0, HPPIR1), 1023);
	assert_int_equal(icc(&b, 0, HPPIR0), 41);
	assert_int_equal(icc(&b, 0, IAR0), 41);
	assert_int_equal(icc(&b, 0, AP0R0), 1u << 16);
	assert_int_equal(icc(&b, 0, AP1R0), 0);
	assert_lines(&b, 0, 0);
	icc_set(&b, 0, EOIR0, 41);
	assert_int_equal(icc(&b, 0, IAR1), 40);
	icc_set(&b, 0, EOIR1, 40);
	/* With group 0 off the other group's is the best. */
	am_gic_set_spi(b.gic, 40, true);
	am_gic_set_spi(b.gic, 41, true);
	icc_set(&b, 0, IGRPEN0, 0);
	assert_lines(&b, 0, AM_GIC_IRQ);
	assert_int_equal(icc(&b, 0, HPPIR1), 40);
	/* Moved to the other group while pending. */
	irq_group(&b, 0, 41, 1);
	irq_priority(&b, 0, 41, 0x78);
	assert_int_equal(icc(&b, 0, IAR1), 41);
	box_end(&b);
}

static void test_ppi(void **state)
{
	struct box b;

	box_start(&b, 2);
	irq_enable(&b, 1, 27);
	assert_int_equal(am_gic_set_ppi(b.gic, 1, 27, true), 0);
	assert_lines(&b, 0, 0);
	assert_lines(&b, 1, AM_GIC_IRQ);
	assert_int_equal(icc(&b, 1, IAR1), 27);
	icc_set(&b, 1, EOIR1, 27);
	assert_lines(&b, 1, AM_GIC_IRQ); /* PPIs are level-sensitive */
	am_gic_set_ppi(b.gic, 1, 27, false);
	assert_lines(&b, 1, 0);

	assert_int_equal(am_gic_set_ppi(b.gic, 1, 15, true), -EINVAL);
	assert_int_equal(am_gic_set_ppi(b.gic, 1, 32, true), -EINVAL);
	assert_int_equal(am_gic_set_ppi(b.gic, 2, 27, true), -EINVAL);
	assert_int_equal(am_gic_set_ppi(b.gic, UINT32_MAX, 27, true), -EINVAL);
	assert_int_equal(am_gic_set_spi(b.gic, 31, true), -EINVAL);
	assert_int_equal(am_gic_set_spi(b.gic, NR_IRQS, true), -EINVAL);
	assert_int_equal(am_gic_set_spi(b.gic, 1023, true), -EINVAL);
	box_end(&b);
	box_create(&b);
	assert_int_equal(am_gic_add_vcpu(b.gic, 0, 0), 0);
	assert_int_equal(am_gic_set_spi(b.gic, 32, true), -EBUSY);
	assert_int_equal(am_gic_set_ppi(b.gic, 0, 27, true), -EBUSY);
	box_end(&b);
}

#define SGI(intid, irm, aff3, aff2, aff1, list)                                    \
	((uint64_t)(aff3) << 48 | (uint64_t)(irm) << 40 | (uint64_t)(aff2) << 32 | \
	 (uint64_t)(intid) << 24 | (uint64_t)(aff1) << 16 | (list))

static unsigned sgi_pending(struct box *b, unsigned vcpu)
{
	return rd(b, sgi_frame(vcpu) + ISPENDR);
}

/* A PPI that a device inside the machine drives: its latch counts, but the guest sees the line. */
static void test_owned_ppi(void **state)
{
	struct box b;

	box_start(&b, 2);
	assert_int_equal(am_gic_own_ppi(b.gic, 0, 15), -EINVAL);
	assert_int_equal(am_gic_own_ppi(b.gic, 0, 32), -EINVAL);
	assert_int_equal(am_gic_own_ppi(b.gic, 2, 27), -EINVAL);
	assert_int_equal(am_gic_own_ppi(b.gic, 0, 27), 0);
	assert_true(am_gic_ppi_is_owned(b.gic, 0, 27));
	assert_false(am_gic_ppi_is_owned(b.gic, 1, 27));
	assert_false(am_gic_ppi_is_owned(b.gic, 0, 28));
	irq_enable(&b, 0, 27);
	irq_write_bit(&b, 0, ISPENDR, 27);
	assert_int_equal(irq_bit(&b, 0, ISPENDR, 27), 0);
	assert_lines(&b, 0, AM_GIC_IRQ);
	irq_write_bit(&b, 0, ICPENDR, 27);
	assert_lines(&b, 0, 0);
	assert_int_equal(am_gic_set_ppi(b.gic, 0, 27, true), 0);
	assert_int_equal(irq_bit(&b, 0, ISPENDR, 27), 1);
	assert_int_equal(irq_bit(&b, 0, ICPENDR, 27), 1);
	assert_int_equal(am_gic_reset_vcpu(b.gic, 0), 0);
	assert_true(am_gic_ppi_is_owned(b.gic, 0, 27));
	box_end(&b);
}

static void test_sgi_targets(void **state)
{
	struct box b;

	box_start(&b, 18); /* 16 and 17 have Aff1 1 */
	icc_set(&b, 0, SGI1R, SGI(3, 0, 0, 0, 0, 0x8005));
	for (unsigned i = 0; i < 18; i++)
		assert_int_equal(sgi_pending(&b, i), i == 0 || i == 2 || i == 15 ? 8 : 0);
	assert_lines(&b, 0, AM_GIC_IRQ); /* to itself as well */
	assert_int_equal(icc(&b, 2, IAR1), 3);
	assert_int_equal(sgi_pending(&b, 2), 0);
	icc_set(&b, 2, EOIR1, 3);

	icc_set(&b, 5, SGI1R, SGI(4, 0, 0, 0, 1, 0xffff));
	assert_int_equal(sgi_pending(&b, 15), 8);
	assert_int_equal(sgi_pending(&b, 16), 16);
	assert_int_equal(sgi_pending(&b, 17), 16);
	/* Nobody there. */
	icc_set(&b, 5, SGI1R, SGI(5, 0, 0, 1, 0, 0xffff));
	icc_set(&b, 5, SGI1R, SGI(5, 0, 1, 0, 0, 0xffff));
	icc_set(&b, 5, SGI1R, SGI(5, 0, 0, 0, 2, 0xffff));
	for (unsigned i = 0; i < 18; i++)
		assert_int_equal(sgi_pending(&b, i) & 1 << 5, 0);
	/* Everybody else. */
	icc_set(&b, 5, SGI1R, SGI(15, 1, 9, 9, 9, 0));
	for (unsigned i = 0; i < 18; i++)
		assert_int_equal(sgi_pending(&b, i) >> 15, i != 5);
	box_end(&b);
}

static void test_sgi_groups(void **state)
{
	static const unsigned regs[] = {SGI1R, ASGI1R, SGI0R};
	struct box b;

	box_start(&b, 2);
	irq_group(&b, 1, 2, 0);
	for (unsigned r = 0; r < 3; r++) {
		icc_set(&b, 0, regs[r], SGI(1, 0, 0, 0, 0, 2)); /* group 1 */
		icc_set(&b, 0, regs[r], SGI(2, 0, 0, 0, 0, 2)); /* group 0 */
		assert_int_equal(sgi_pending(&b, 1), r == 0 ? 6 : 4);
		wr(&b, sgi_frame(1) + ICPENDR, UINT32_MAX);
	}
	/* A disabled one stays pending. */
	irq_write_bit(&b, 1, ICENABLER, 1);
	icc_set(&b, 0, SGI1R, SGI(1, 0, 0, 0, 0, 2));
	assert_lines(&b, 1, 0);
	irq_enable(&b, 1, 1);
	assert_lines(&b, 1, AM_GIC_IRQ);
	box_end(&b);
}

static void test_mpidr_moves(void **state)
{
	struct box b;

	box_start(&b, 2);
	assert_int_equal(am_gic_set_mpidr(b.gic, 1, UINT64_C(0x7f00030201)), 0);
	icc_set(&b, 0, SGI1R, SGI(1, 0, 0, 0, 0, 2));
	assert_int_equal(sgi_pending(&b, 1), 0);
	icc_set(&b, 0, SGI1R, SGI(1, 0, 0x7f, 3, 2, 2));
	assert_int_equal(sgi_pending(&b, 1), 2);
	assert_int_equal(rd(&b, GICR + GICR_SIZE + 12), 0x030201);
	box_end(&b);
}

/* Affinities that KVM would not have made, two of them the same: the first of those counts. */
static void test_odd_affinities(void **state)
{
	enum { NR = 40 };
	struct box b;

	box_create(&b);
	for (unsigned i = 0; i < NR; i++)
		assert_int_equal(am_gic_add_vcpu(b.gic, i, (i / 2 * 7u) << 16 | (i & 1)), 0);
	assert_int_equal(am_gic_set_mpidr(b.gic, NR - 1, 0), 0);
	assert_int_equal(am_gic_init(b.gic), 0);
	for (unsigned i = 0; i < NR; i++) {
		uint64_t sgi = SGI(1, 0, 0, i / 2 * 7, 0, 1u << (i & 1));
		uint64_t attr = (uint64_t)(i / 2 * 7) << 48 | (uint64_t)(i & 1) << 32, pending = 0;
		int found = i == NR - 1 ? -EINVAL : 0;

		icc_set(&b, i ? 0 : 1, SGI1R, sgi);
		assert_int_equal(
		    am_gic_get_attr(b.gic, AM_GIC_GRP_REDIST_REGS, attr | 0x10200, &pending),
		    found);
		if (!found)
			assert_int_equal(pending, 2);
	}
	box_end(&b);
}

static void test_routing(void **state)
{
	uint64_t route = GICD + IROUTER + 8 * 40;
	struct box b;

	box_start(&b, 2);
	spi_ready(&b, 40, 0x80);
	am_gic_set_spi(b.gic, 40, true);
	assert_lines(&b, 0, AM_GIC_IRQ);
	box_write(&b, route, 8, 1);
	assert_lines(&b, 0, 0);
	assert_lines(&b, 1, AM_GIC_IRQ);
	assert_int_equal(icc(&b, 0, IAR1), 1023);
	/* To nobody: pending, delivered to none, and found again. */
	box_write(&b, route, 8, 0x000500);
	assert_lines(&b, 0, 0);
	assert_lines(&b, 1, 0);
	assert_int_equal(irq_bit(&b, 0, ISPENDR, 40), 1);
	box_write(&b, route, 8, 1);
	assert_int_equal(icc(&b, 1, IAR1), 40);
	/* Active on vCPU 1, routed to 0: the next one goes to 0 when 1 has finished. */
	box_write(&b, route, 8, 0);
	am_gic_set_spi(b.gic, 40, true);
	assert_lines(&b, 0, 0);
	icc_set(&b, 1, EOIR1, 40);
	assert_int_equal(icc(&b, 1, RPR), 0xff);
	assert_lines(&b, 0, AM_GIC_IRQ);
	assert_lines(&b, 1, 0);
	assert_int_equal(icc(&b, 0, IAR1), 40);
	box_end(&b);
}

static void test_reset_vcpu(void **state)
{
	struct box b;

	box_start(&b, 2);
	irq_enable(&b, 1, 27);
	irq_priority(&b, 1, 27, 0x40);
	irq_group(&b, 1, 3, 0);
	am_gic_set_ppi(b.gic, 1, 27, true);
	icc_set(&b, 0, SGI1R, SGI(1, 0, 0, 0, 0, 2));
	assert_int_equal(icc(&b, 1, IAR1), 1);
	assert_int_equal(am_gic_reset_vcpu(b.gic, 1), 0);
	assert_lines(&b, 1, 0);
	assert_int_equal(icc(&b, 1, RPR), 0xff);
	assert_int_equal(icc(&b, 1, PMR), 0);
	assert_int_equal(icc(&b, 1, IGRPEN1), 0);
	assert_int_equal(rd(&b, sgi_frame(1) + ISENABLER), 0xffff);
	assert_int_equal(rd(&b, sgi_frame(1) + ISACTIVER), 0);
	assert_int_equal(rd(&b, sgi_frame(1) + IGROUPR), UINT32_MAX);
	assert_int_equal(rd(&b, sgi_frame(1) + IPRIORITYR + 24), 0);
	assert_int_equal(rd(&b, sgi_frame(1) + ISPENDR), 1 << 27); /* the line is the device's */
	box_end(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_ack_eoi),
	    cmocka_unit_test(test_pmr),
	    cmocka_unit_test(test_order_of_priorities),
	    cmocka_unit_test(test_preemption),
	    cmocka_unit_test(test_bpr),
	    cmocka_unit_test(test_eoimode),
	    cmocka_unit_test(test_odd_eoi),
	    cmocka_unit_test(test_level),
	    cmocka_unit_test(test_edge),
	    cmocka_unit_test(test_enables),
	    cmocka_unit_test(test_groups),
	    cmocka_unit_test(test_ppi),
	    cmocka_unit_test(test_owned_ppi),
	    cmocka_unit_test(test_sgi_targets),
	    cmocka_unit_test(test_sgi_groups),
	    cmocka_unit_test(test_mpidr_moves),
	    cmocka_unit_test(test_odd_affinities),
	    cmocka_unit_test(test_routing),
	    cmocka_unit_test(test_reset_vcpu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
