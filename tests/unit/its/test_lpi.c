/* SPDX-License-Identifier: MIT */
/*
 * From a device's message to an acknowledged LPI: what commands, configuration table, pending
 * tables and the redistributor's enable do to it on the way.
 */
#include "common.h"

enum { DEV = 3, EV = 7, LPI = 8300 };

/* Two collections on vCPUs 0 and 1; event (3, 7) is LPI 8300 of the first. */
static void start(struct box *b)
{
	box_start(b, 3);
	issue(b, MAPC(0, 0, 1));
	issue(b, MAPC(1, 1, 1));
	issue(b, MAPD(DEV, 4, ITT(0), 1));
	issue(b, MAPTI(DEV, EV, LPI, 0));
}

static void configure(struct box *b, unsigned intid, unsigned byte)
{
	*(unsigned char *)at(b, PROP + intid - 8192) = (unsigned char)byte;
}

static unsigned pending_bit(struct box *b, unsigned vcpu, unsigned intid)
{
	return *(unsigned char *)at(b, PEND(vcpu) + intid / 8) >> intid % 8 & 1;
}

static void pending_set(struct box *b, unsigned vcpu, unsigned intid)
{
	*(unsigned char *)at(b, PEND(vcpu) + intid / 8) |= (unsigned char)(1u << intid % 8);
}

static uint64_t icc(struct box *b, unsigned vcpu, unsigned reg)
{
	uint64_t v = 0;

	assert_int_equal(am_gic_icc_read(b->gic, vcpu, reg, &v), 0);
	return v;
}

static void test_delivery(void **state)
{
	struct box b;

	start(&b);
	assert_delivered(&b, DEV, EV, 0, LPI);
	/* Two messages before it is taken are one interrupt; one after it, another. */
	assert_int_equal(msi(&b, DEV, EV), 1);
	assert_int_equal(msi(&b, DEV, EV), 1);
	assert_int_equal(icc(&b, 0, HPPIR1), LPI);
	assert_int_equal(icc(&b, 0, IAR1), LPI);
	assert_int_equal(icc(&b, 0, RPR), 0xa0);
	assert_int_equal(icc(&b, 0, IAR1), 1023);
	/* There is no active state: pending again at once, but not above itself. */
	assert_int_equal(msi(&b, DEV, EV), 1);
	assert_int_equal(am_gic_irq_pending(b.gic, 0), 0);
	assert_int_equal(am_gic_icc_write(b.gic, 0, EOIR1, LPI), 0);
	assert_int_equal(icc(&b, 0, RPR), 0xff);
	assert_int_equal(take(&b, 0), LPI);
	assert_int_equal(take(&b, 0), 1023);
	/* With EOImode 1 as well. */
	assert_int_equal(am_gic_icc_write(b.gic, 0, ICC(12u, 12u, 4u), 2), 0);
	assert_delivered(&b, DEV, EV, 0, LPI);
	assert_delivered(&b, DEV, EV, 0, LPI);
	box_end(&b);
}

static void test_drops(void **state)
{
	struct box b;

	start(&b);
	assert_int_equal(msi(&b, DEV, 8), 0);
	assert_int_equal(msi(&b, DEV, 31), 0);
	assert_int_equal(msi(&b, DEV, 32), 0);
	assert_int_equal(msi(&b, DEV, UINT32_MAX), 0);
	assert_int_equal(msi(&b, 4, EV), 0);
	assert_int_equal(msi(&b, 0x10003, EV), 0);
	assert_int_equal(msi(&b, UINT32_MAX, EV), 0);
	assert_int_equal(am_gic_msi(b.gic, GITS - 1, true, DEV, EV), -EINVAL);
	assert_int_equal(am_gic_msi(b.gic, GITS + AM_ITS_SIZE, true, DEV, EV), -EINVAL);
	assert_int_equal(am_gic_msi(b.gic, GITS + AM_ITS_SIZE - 1, true, DEV, EV), 1);
	assert_int_equal(take(&b, 0), LPI);
	/* A store by a vCPU has no DeviceID. */
	wr(&b, GITS + AM_ITS_TRANSLATER, 4, EV);
	assert_int_equal(am_gic_irq_pending(b.gic, 0), 0);
	issue(&b, MAPC(0, 0, 0));
	assert_int_equal(msi(&b, DEV, EV), 0);
	/* The collection is another when it comes again. */
	issue(&b, MAPC(0, 0, 1));
	assert_int_equal(msi(&b, DEV, EV), 0);
	wr(&b, GITS + CTLR, 4, 0);
	assert_int_equal(msi(&b, DEV, EV), -EBUSY);
	box_end(&b);
}

/* Without a DeviceID, only what was translated before. */
static void test_no_devid(void **state)
{
	struct box b;

	start(&b);
	assert_int_equal(am_gic_msi(b.gic, GITS, false, DEV, EV), -EINVAL);
	assert_delivered(&b, DEV, EV, 0, LPI);
	assert_int_equal(am_gic_msi(b.gic, GITS, false, DEV, EV), 1);
	assert_int_equal(take(&b, 0), LPI);
	issue(&b, MAPTI(DEV, 1, 9000, 0));
	issue(&b, INV(DEV, EV));
	assert_int_equal(am_gic_msi(b.gic, GITS, false, DEV, EV), 1);
	assert_int_equal(am_gic_msi(b.gic, GITS, false, DEV, 1), -EINVAL);
	issue(&b, DISCARD(DEV, 1));
	assert_int_equal(am_gic_msi(b.gic, GITS, false, DEV, EV), -EINVAL);
	box_end(&b);
}

static void test_configuration(void **state)
{
	struct box b;

	start(&b);
	/* What counts was read when the event was mapped. */
	configure(&b, LPI, 0xa0);
	assert_delivered(&b, DEV, EV, 0, LPI);
	issue(&b, INV(DEV, EV));
	assert_int_equal(msi(&b, DEV, EV), 1);
	assert_int_equal(am_gic_irq_pending(b.gic, 0), 0);
	configure(&b, LPI, 0x47);
	assert_int_equal(am_gic_irq_pending(b.gic, 0), 0);
	issue(&b, INV(DEV, EV));
	assert_int_equal(am_gic_irq_pending(b.gic, 0), AM_GIC_IRQ);
	assert_int_equal(icc(&b, 0, IAR1), LPI);
	assert_int_equal(icc(&b, 0, RPR), 0x40);
	assert_int_equal(am_gic_icc_write(b.gic, 0, EOIR1, LPI), 0);
	/* INVALL: those of the collection's vCPU. */
	issue(&b, MAPTI(DEV, 1, 8301, 1));
	configure(&b, LPI, 0);
	configure(&b, 8301, 0);
	issue(&b, INVALL(1));
	assert_int_equal(msi(&b, DEV, 1), 1);
	assert_int_equal(am_gic_irq_pending(b.gic, 1), 0);
	assert_delivered(&b, DEV, EV, 0, LPI);
	issue(&b, INVALL(0));
	assert_int_equal(msi(&b, DEV, EV), 1);
	assert_int_equal(am_gic_irq_pending(b.gic, 0), 0);
	/* The redistributor's registers. */
	configure(&b, LPI, 0xa1);
	configure(&b, 8301, 0xa1);
	wr(&b, GICR + 0xa4, 4, LPI);
	wr(&b, GICR + 0xa0, 4, 8191);
	wr(&b, GICR + 0xa0, 4, 70000);
	assert_int_equal(am_gic_irq_pending(b.gic, 0), 0);
	wr(&b, GICR + 0xa0, 8, LPI);
	assert_int_equal(take(&b, 0), LPI);
	wr(&b, GICR + 0xb0, 4, 0);
	assert_int_equal(am_gic_irq_pending(b.gic, 1), 0);
	wr(&b, GICR + GICR_SIZE + 0xb4, 4, 1);
	assert_int_equal(am_gic_irq_pending(b.gic, 1), 0);
	wr(&b, GICR + GICR_SIZE + 0xb0, 4, 0);
	assert_int_equal(take(&b, 1), 8301);
	box_end(&b);
}

static void test_priorities(void **state)
{
	struct box b;

	box_start(&b, 1);
	issue(&b, MAPC(0, 0, 1));
	issue(&b, MAPD(0, 8, ITT(0), 1));
	/* Six bits of priority are kept; of equals the first. */
	for (unsigned i = 0; i < 64; i++) {
		configure(&b, 8192 + i, ((i * 37) % 64) << 2 | 1);
		issue(&b, MAPTI(0, i, 8192 + i, 0));
		assert_int_equal(msi(&b, 0, i), 1);
	}
	for (unsigned p = 0; p < 62; p++) { /* 0xf8 and lower never pass PMR */
		unsigned intid = take(&b, 0);

		assert_in_range(intid, 8192, 8255);
		assert_int_equal((intid - 8192) * 37 % 64, p);
	}
	assert_int_equal(take(&b, 0), 1023);
	/* Above an SPI's, and the distributor gates all. */
	wr(&b, GICD + 0x104, 4, 1);
	assert_int_equal(am_gic_set_spi(b.gic, 32, true), 0); /* priority 0 */
	assert_int_equal(msi(&b, 0, 0), 1);		      /* priority 0, later */
	wr(&b, GICD, 4, 0);
	assert_int_equal(am_gic_irq_pending(b.gic, 0), 0);
	wr(&b, GICD, 4, 2);
	assert_int_equal(take(&b, 0), 32);
	assert_int_equal(take(&b, 0), 8192);
	box_end(&b);
}

static void test_targets(void **state)
{
	struct box b;

	start(&b);
	/* A pending LPI goes along. */
	assert_int_equal(msi(&b, DEV, EV), 1);
	issue(&b, MOVI(DEV, EV, 1));
	assert_int_equal(am_gic_irq_pending(b.gic, 0), 0);
	assert_int_equal(take(&b, 1), LPI);
	assert_delivered(&b, DEV, EV, 1, LPI);
	/* To a collection that is not mapped it does not go. */
	issue(&b, MOVI(DEV, EV, 9));
	assert_delivered(&b, DEV, EV, 1, LPI);
	issue(&b, MAPTI(DEV, 1, 8301, 9));
	issue(&b, MOVI(DEV, EV, 9));
	assert_delivered(&b, DEV, EV, 1, LPI);
	assert_int_equal(msi(&b, DEV, 1), 0);
	/* MAPC moves all of a collection; a collection that was known before gets its target. */
	assert_int_equal(msi(&b, DEV, EV), 1);
	issue(&b, MAPC(1, 2, 1));
	issue(&b, MAPC(9, 0, 1));
	assert_int_equal(take(&b, 2), LPI);
	assert_delivered(&b, DEV, EV, 2, LPI);
	assert_delivered(&b, DEV, 1, 0, 8301);
	/* MOVALL moves LPIs, not collections. */
	assert_int_equal(msi(&b, DEV, EV), 1);
	issue(&b, MOVALL(2, 1));
	assert_int_equal(take(&b, 1), LPI);
	assert_delivered(&b, DEV, EV, 1, LPI);
	assert_delivered(&b, DEV, 1, 0, 8301);
	issue(&b, MOVALL(0, 7));
	issue(&b, MOVALL(7, 0));
	assert_delivered(&b, DEV, 1, 0, 8301);
	issue(&b, MAPTI(DEV, 2, 8302, 1));
	assert_delivered(&b, DEV, 2, 2, 8302);
	/* The same target again: back there. */
	issue(&b, MAPC(1, 2, 1));
	assert_delivered(&b, DEV, EV, 2, LPI);
	box_end(&b);
}

static void test_unmapping(void **state)
{
	struct box b;

	start(&b);
	assert_int_equal(msi(&b, DEV, EV), 1);
	issue(&b, CLEAR(DEV, EV));
	assert_int_equal(am_gic_irq_pending(b.gic, 0), 0);
	issue(&b, INT(DEV, EV));
	assert_int_equal(am_gic_irq_pending(b.gic, 0), AM_GIC_IRQ);
	/* As in KVM, what waits to be taken is taken. */
	issue(&b, DISCARD(DEV, EV));
	assert_int_equal(msi(&b, DEV, EV), 0);
	assert_int_equal(take(&b, 0), LPI);
	assert_int_equal(am_gic_irq_pending(b.gic, 0), 0);
	/* Two events, one LPI: it lives while one of them does. */
	issue(&b, MAPTI(DEV, 1, LPI, 0));
	issue(&b, MAPTI(DEV, 2, LPI, 0));
	assert_int_equal(msi(&b, DEV, 1), 1);
	issue(&b, DISCARD(DEV, 1));
	assert_int_equal(take(&b, 0), LPI);
	assert_delivered(&b, DEV, 2, 0, LPI);
	/* MAPD takes the events with it, V=1 too. */
	assert_int_equal(msi(&b, DEV, 2), 1);
	issue(&b, MAPD(DEV, 4, ITT(0), 1));
	assert_int_equal(msi(&b, DEV, 2), 0);
	assert_int_equal(take(&b, 0), LPI);
	issue(&b, MAPTI(DEV, 2, LPI, 0));
	assert_delivered(&b, DEV, 2, 0, LPI);
	ram64_set(&b, DEVT + 8 * DEV, 0x1234);
	issue(&b, MAPD(DEV, 0, 0, 0));
	assert_int_equal(ram64(&b, DEVT + 8 * DEV), 0);
	assert_int_equal(msi(&b, DEV, 2), 0);
	issue(&b, MAPTI(DEV, 2, LPI, 0));
	assert_int_equal(msi(&b, DEV, 2), 0);
	/* Larger devices: at each depth, first and last. */
	for (unsigned bits = 1; bits <= 16; bits++) {
		unsigned last = (1u << bits) - 1;

		issue(&b, MAPD(DEV, bits - 1, RAM + 0x400000, 1));
		issue(&b, MAPTI(DEV, last, 8193, 1));
		issue(&b, MAPTI(DEV, 0, 8192, 0));
		issue(&b, MAPTI(DEV, last + 1, 8194, 0));
		assert_delivered(&b, DEV, 0, 0, 8192);
		assert_delivered(&b, DEV, last, 1, 8193);
		assert_int_equal(msi(&b, DEV, last + 1), 0);
		assert_int_equal(msi(&b, DEV, last / 2 + 1), bits == 1);
		take(&b, 1);
	}
	box_end(&b);
}

static void test_pending_tables(void **state)
{
	struct box b;

	start(&b);
	/* Mapping takes the bit, for a target that is known. */
	pending_set(&b, 0, 8301);
	pending_set(&b, 0, 8302);
	pending_set(&b, 1, 8303);
	issue(&b, MAPTI(DEV, 1, 8301, 0));
	assert_int_equal(pending_bit(&b, 0, 8301), 0);
	assert_int_equal(pending_bit(&b, 0, 8302), 1);
	assert_int_equal(take(&b, 0), 8301);
	issue(&b, MAPTI(DEV, 2, 8302, 9));
	assert_int_equal(pending_bit(&b, 0, 8302), 1);
	/* Saving: only bits of LPIs that are mapped, and not the first KiB. */
	memset(at(&b, PEND(0)), 0x5a, 1024);
	assert_int_equal(msi(&b, DEV, EV), 1);
	assert_int_equal(am_gic_set_attr(b.gic, AM_GIC_GRP_CTRL, 3, 0), 0);
	assert_int_equal(pending_bit(&b, 0, LPI), 1);
	assert_int_equal(pending_bit(&b, 0, 8301), 0);
	assert_int_equal(pending_bit(&b, 0, 8302), 1);
	assert_int_equal(pending_bit(&b, 1, 8303), 1);
	assert_int_equal(ram64(&b, PEND(0) + 1016), 0x5a5a5a5a5a5a5a5a);
	/* Nothing changes: nothing is written. */
	b.writes = 0;
	assert_int_equal(am_gic_set_attr(b.gic, AM_GIC_GRP_CTRL, 3, 0), 0);
	assert_int_equal(b.writes, 0);
	assert_int_equal(take(&b, 0), LPI);
	assert_int_equal(am_gic_set_attr(b.gic, AM_GIC_GRP_CTRL, 3, 0), 0);
	assert_int_equal(b.writes, 1);
	assert_int_equal(pending_bit(&b, 0, LPI), 0);
	box_end(&b);
}

static void test_enable_lpis(void **state)
{
	struct box b;

	start(&b);
	assert_int_equal(msi(&b, DEV, EV), 1);
	wr(&b, GICR, 4, 0);
	assert_int_equal(am_gic_irq_pending(b.gic, 0), 0);
	assert_int_equal(msi(&b, DEV, EV), -EBUSY);
	wr(&b, GICR + 0xa0, 8, LPI);
	/* From the pending table, which is read and left alone. */
	pending_set(&b, 0, LPI);
	pending_set(&b, 0, 8301);
	wr(&b, GICR, 4, 1);
	assert_int_equal(take(&b, 0), LPI);
	assert_int_equal(take(&b, 0), 1023);
	assert_int_equal(pending_bit(&b, 0, LPI), 1);
	/* But not with PTZ. */
	wr(&b, GICR, 4, 0);
	wr(&b, GICR + 0x78, 8, PEND(0) | UINT64_C(1) << 62);
	wr(&b, GICR, 4, 1);
	assert_int_equal(take(&b, 0), 1023);
	assert_delivered(&b, DEV, EV, 0, LPI);
	/* Another vCPU's are not touched. */
	issue(&b, MOVI(DEV, EV, 1));
	assert_int_equal(msi(&b, DEV, EV), 1);
	wr(&b, GICR, 4, 0);
	assert_int_equal(take(&b, 1), LPI);
	box_end(&b);
}

/* Memory that is not there is a guest's mistake. */
static void test_no_memory(void **state)
{
	struct box b;

	start(&b);
	issue(&b, MAPD(4, 4, NOWHERE, 1));
	issue(&b, MAPTI(4, 0, 8400, 0));
	assert_int_equal(msi(&b, 4, 0), 0);
	/* The ITT ends with the memory. */
	issue(&b, MAPD(4, 15, RAM + RAM_SIZE - 256, 1));
	issue(&b, MAPTI(4, 31, 8400, 0));
	issue(&b, MAPTI(4, 32, 8401, 0));
	assert_delivered(&b, 4, 31, 0, 8400);
	assert_int_equal(msi(&b, 4, 32), 0);
	/* Configuration and pending table nowhere: no LPI, and no collection made for it. */
	wr(&b, GICR, 4, 0);
	wr(&b, GICR + 0x70, 8, NOWHERE | 15);
	issue(&b, MAPTI(DEV, 1, 8301, 77));
	assert_int_equal(am_its_save_tables(b.its), 0);
	assert_int_equal(ram64(&b, COLT + 16), 0);
	issue(&b, INV(DEV, EV));
	issue(&b, INVALL(0));
	wr(&b, GICR + 0x70, 8, PROP | 15);
	wr(&b, GICR + 0x78, 8, NOWHERE);
	issue(&b, MAPTI(DEV, 1, 8301, 0));
	wr(&b, GICR, 4, 1);
	assert_int_equal(msi(&b, DEV, 1), 0);
	assert_delivered(&b, DEV, EV, 0, LPI);
	assert_int_equal(msi(&b, DEV, EV), 1);
	assert_int_equal(am_gic_set_attr(b.gic, AM_GIC_GRP_CTRL, 3, 0), 0);
	box_end(&b);
}

/* Fewer INTIDs by GICR_PROPBASER. */
static void test_id_bits(void **state)
{
	struct box b;

	box_start(&b, 1);
	issue(&b, MAPC(0, 0, 1));
	issue(&b, MAPD(0, 4, ITT(0), 1));
	issue(&b, MAPTI(0, 0, 65535, 0));
	issue(&b, MAPTI(0, 1, 65536, 0));
	issue(&b, MAPTI(0, 2, 8191, 0));
	assert_delivered(&b, 0, 0, 0, 65535);
	assert_int_equal(msi(&b, 0, 1), 0);
	assert_int_equal(msi(&b, 0, 2), 0);
	wr(&b, GICR, 4, 0);
	wr(&b, GICR + 0x70, 8, PROP | 13);
	wr(&b, GICR, 4, 1);
	issue(&b, MAPTI(0, 3, 16384, 0));
	issue(&b, MAPTI(0, 4, 16383, 0));
	assert_int_equal(msi(&b, 0, 3), 0);
	assert_delivered(&b, 0, 4, 0, 16383);
	box_end(&b);
}

/* Each ITS has its own devices; LPIs are the GIC's. */
static void test_two(void **state)
{
	struct am_its_config config;
	struct am_its *first;
	struct box b;

	start(&b);
	config = box_its_config(&b);
	first = b.its;
	assert_int_equal(am_its_create(b.gic, &config, &b.its), 0);
	assert_int_equal(am_its_set_base(b.its, UINT64_C(0x0a000000)), 0);
	assert_int_equal(its_set(&b, CBASER, VALID | CMDQ | 15), 0);
	assert_int_equal(its_set(&b, BASER0, VALID | L2(0)), 0);
	assert_int_equal(its_set(&b, BASER1, VALID | L2(1)), 0);
	assert_int_equal(its_set(&b, CTLR, 1), 0);
	/* PROPBASER was reset, and the tables are enabled: one redistributor sets it again. */
	wr(&b, GICR + 2 * GICR_SIZE, 4, 0);
	wr(&b, GICR + 2 * GICR_SIZE + 0x70, 8, PROP | 15);
	wr(&b, GICR + 2 * GICR_SIZE, 4, 1);
	b.cwriter = 0;
	queue(&b, MAPC(0, 2, 1));
	queue(&b, MAPD(DEV, 4, ITT(1), 1));
	queue(&b, MAPTI(DEV, EV, 8400, 0));
	queue(&b, MAPTI(DEV, 8, LPI, 0)); /* shared: it stays where it is */
	assert_int_equal(its_set(&b, CWRITER, b.cwriter), 0);
	assert_int_equal(am_its_msi(b.its, DEV, EV), 1);
	assert_int_equal(take(&b, 2), 8400);
	assert_int_equal(am_gic_msi(b.gic, UINT64_C(0x0a010040), true, DEV, EV), 1);
	assert_int_equal(take(&b, 2), 8400);
	assert_delivered(&b, DEV, EV, 0, LPI);
	assert_int_equal(am_its_msi(b.its, DEV, 8), 1);
	assert_int_equal(take(&b, 0), LPI);
	/* It goes, and what it shared stays. */
	am_its_destroy(b.its);
	b.its = first;
	assert_delivered(&b, DEV, EV, 0, LPI);
	assert_int_equal(am_gic_msi(b.gic, UINT64_C(0x0a010040), true, DEV, EV), -EINVAL);
	box_end(&b);
}

/* An LPI in a list register: ended by the guest's acknowledge, moved when it is back. */
static void test_list_registers(void **state)
{
	struct am_gic_lrs s = {.nr = 4}, other = {.nr = 4};
	struct box b;

	start(&b);
	assert_int_equal(msi(&b, DEV, EV), 1);
	assert_int_equal(am_gic_lr_fill(b.gic, 0, &s), 0);
	assert_true((uint32_t)s.lr[0] == LPI);
	assert_true(s.lr[0] >> 62 == 1);
	assert_int_equal(am_gic_irq_pending(b.gic, 0), 0);
	issue(&b, MOVI(DEV, EV, 1)); /* while it is there */
	assert_int_equal(am_gic_lr_fold(b.gic, 0, &s), 0);
	assert_int_equal(am_gic_lr_fill(b.gic, 1, &other), 0);
	assert_true((uint32_t)other.lr[0] == LPI);
	other.lr[0] &= ~(UINT64_C(3) << 62); /* acknowledged */
	/* Another message meanwhile. */
	assert_int_equal(msi(&b, DEV, EV), 1);
	assert_int_equal(am_gic_irq_pending(b.gic, 1), AM_GIC_IRQ);
	assert_int_equal(am_gic_lr_fold(b.gic, 1, &other), 0);
	assert_int_equal(take(&b, 1), LPI);
	assert_int_equal(take(&b, 1), 1023);
	/* Unmapped while it is there: nothing comes back. */
	assert_int_equal(msi(&b, DEV, EV), 1);
	assert_int_equal(am_gic_lr_fill(b.gic, 1, &other), 0);
	issue(&b, DISCARD(DEV, EV));
	assert_int_equal(am_gic_lr_fold(b.gic, 1, &other), 0);
	assert_int_equal(take(&b, 1), 1023);
	box_end(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_delivery),	   cmocka_unit_test(test_drops),
	    cmocka_unit_test(test_no_devid),	   cmocka_unit_test(test_configuration),
	    cmocka_unit_test(test_priorities),	   cmocka_unit_test(test_targets),
	    cmocka_unit_test(test_unmapping),	   cmocka_unit_test(test_pending_tables),
	    cmocka_unit_test(test_enable_lpis),	   cmocka_unit_test(test_no_memory),
	    cmocka_unit_test(test_id_bits),	   cmocka_unit_test(test_two),
	    cmocka_unit_test(test_list_registers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
