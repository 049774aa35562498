/* SPDX-License-Identifier: MIT */
/*
 * List registers: what is in them, and when the guest must be left; and a guest behind them sees
 * what a guest of the software CPU interface sees, whatever happens and however few there are.
 */
#include "common.h"
#include "base/bits.h"
#include "vif.h"

#define LR_P  (UINT64_C(1) << 62)
#define LR_A  (UINT64_C(2) << 62)
#define LR_PA (UINT64_C(3) << 62)

static unsigned lr_intid(uint64_t lr)
{
	return (uint32_t)lr;
}

static uint64_t lr_state(uint64_t lr)
{
	return lr & LR_PA;
}

/* ---- one at a time ---- */

static void test_edge(void **state)
{
	struct am_gic_lrs s = {.nr = 4};
	struct box b;

	box_start(&b, 2);
	irq_enable(&b, 0, 40);
	irq_priority(&b, 0, 40, 0x50);
	am_gic_set_spi(b.gic, 40, true);
	assert_lines(&b, 0, AM_GIC_IRQ);
	assert_int_equal(am_gic_lr_fold(b.gic, 0, &s), -EINVAL);
	assert_int_equal(am_gic_lr_fill(b.gic, 9, &s), -EINVAL);
	assert_int_equal(am_gic_lr_fill(b.gic, 0, &s), 0);
	assert_int_equal(am_gic_lr_fill(b.gic, 0, &s), -EBUSY);
	/* It is with the hardware now. */
	assert_lines(&b, 0, 0);
	assert_true(s.lr[0] == (LR_P | UINT64_C(1) << 60 | UINT64_C(0x50) << 48 | 40));
	assert_true(s.lr[1] == 0);
	assert_int_equal(s.hcr, 1);
	assert_int_equal(s.vmcr >> 24, 0xf8);
	assert_int_equal(s.vmcr & 3, 3);
	assert_int_equal(vif_lines(&s), AM_GIC_IRQ);
	/* A new edge asks for the vCPU. */
	assert_int_equal(vif_iar(&s, 1), 40);
	am_gic_set_spi(b.gic, 40, true);
	assert_lines(&b, 0, AM_GIC_IRQ);
	assert_int_equal(am_gic_lr_fold(b.gic, 0, &s), 0);
	assert_int_equal(irq_bit(&b, 0, ISACTIVER, 40), 1);
	assert_int_equal(irq_bit(&b, 0, ISPENDR, 40), 1);
	assert_int_equal(icc(&b, 0, RPR), 0x50);
	assert_int_equal(am_gic_lr_fill(b.gic, 0, &s), 0);
	assert_true(lr_state(s.lr[0]) == LR_PA);
	assert_int_equal(vif_iar(&s, 1), 1023);
	vif_eoir(&s, 1, 40);
	assert_int_equal(vif_iar(&s, 1), 40);
	vif_eoir(&s, 1, 40);
	assert_int_equal(am_gic_lr_fold(b.gic, 0, &s), 0);
	assert_int_equal(irq_bit(&b, 0, ISACTIVER, 40), 0);
	assert_int_equal(irq_bit(&b, 0, ISPENDR, 40), 0);
	assert_lines(&b, 0, 0);
	assert_int_equal(icc(&b, 0, RPR), 0xff);
	box_end(&b);
}

static void test_level(void **state)
{
	struct am_gic_lrs s = {.nr = 4};
	struct box b;

	box_start(&b, 1);
	irq_enable(&b, 0, 40);
	irq_level(&b, 40);
	am_gic_set_spi(b.gic, 40, true);
	assert_int_equal(am_gic_lr_fill(b.gic, 0, &s), 0);
	assert_lines(&b, 0, 0);
	assert_true(s.lr[0] & UINT64_C(1) << 41); /* its end is a reason to look again */
	assert_int_equal(vif_iar(&s, 1), 40);
	assert_false(vif_maintenance(&s));
	vif_eoir(&s, 1, 40);
	assert_true(vif_maintenance(&s));
	assert_int_equal(am_gic_lr_fold(b.gic, 0, &s), 0);
	/* The line is still high. */
	assert_lines(&b, 0, AM_GIC_IRQ);
	assert_int_equal(am_gic_lr_fill(b.gic, 0, &s), 0);
	assert_int_equal(vif_iar(&s, 1), 40);
	am_gic_set_spi(b.gic, 40, false);
	vif_eoir(&s, 1, 40);
	assert_int_equal(am_gic_lr_fold(b.gic, 0, &s), 0);
	assert_lines(&b, 0, 0);
	/* It fell before it was taken. */
	am_gic_set_spi(b.gic, 40, true);
	assert_int_equal(am_gic_lr_fill(b.gic, 0, &s), 0);
	am_gic_set_spi(b.gic, 40, false);
	assert_int_equal(am_gic_lr_fold(b.gic, 0, &s), 0);
	assert_lines(&b, 0, 0);
	/* A latch on it survives being taken away again, and an end of the one before. */
	irq_write_bit(&b, 0, ISPENDR, 40);
	assert_int_equal(am_gic_lr_fill(b.gic, 0, &s), 0);
	assert_int_equal(am_gic_lr_fold(b.gic, 0, &s), 0);
	assert_int_equal(irq_bit(&b, 0, ISPENDR, 40), 1);
	assert_int_equal(am_gic_lr_fill(b.gic, 0, &s), 0);
	assert_int_equal(vif_iar(&s, 1), 40);
	assert_int_equal(am_gic_lr_fold(b.gic, 0, &s), 0);
	irq_write_bit(&b, 0, ISPENDR, 40);
	assert_int_equal(am_gic_lr_fill(b.gic, 0, &s), 0);
	assert_true(lr_state(s.lr[0]) == LR_A);
	assert_lines(&b, 0, 0);
	vif_eoir(&s, 1, 40);
	assert_int_equal(am_gic_lr_fold(b.gic, 0, &s), 0);
	assert_int_equal(irq_bit(&b, 0, ISPENDR, 40), 1);
	assert_lines(&b, 0, AM_GIC_IRQ);
	box_end(&b);
}

/* What did not fit comes when there is room; what is better than it is a reason to come back. */
static void test_too_many(void **state)
{
	struct am_gic_lrs s = {.nr = 2};
	struct box b;

	box_start(&b, 1);
	for (unsigned i = 40; i < 46; i++) {
		irq_enable(&b, 0, i);
		irq_priority(&b, 0, i, 0x80 + 8 * (i - 40));
	}
	for (unsigned i = 42; i < 46; i++)
		am_gic_set_spi(b.gic, i, true);
	assert_int_equal(am_gic_lr_fill(b.gic, 0, &s), 0);
	assert_int_equal(lr_intid(s.lr[0]), 42);
	assert_int_equal(lr_intid(s.lr[1]), 43);
	assert_lines(&b, 0, 0);
	am_gic_set_spi(b.gic, 45, true);
	assert_lines(&b, 0, 0);
	am_gic_set_spi(b.gic, 40, true);
	assert_lines(&b, 0, AM_GIC_IRQ);
	assert_int_equal(am_gic_lr_fold(b.gic, 0, &s), 0);
	for (unsigned want = 40; want < 46; want++) {
		if (want == 41)
			continue;
		assert_int_equal(am_gic_lr_fill(b.gic, 0, &s), 0);
		assert_int_equal(vif_iar(&s, 1), want);
		vif_eoir(&s, 1, want);
		assert_int_equal(am_gic_lr_fold(b.gic, 0, &s), 0);
	}
	assert_lines(&b, 0, 0);
	/* Nothing pending in the registers and something left: maintenance. */
	for (unsigned i = 40; i < 43; i++)
		am_gic_set_spi(b.gic, i, true);
	assert_int_equal(am_gic_lr_fill(b.gic, 0, &s), 0);
	assert_int_equal(vif_iar(&s, 1), 40);
	vif_eoir(&s, 1, 40);
	assert_false(vif_maintenance(&s));
	assert_int_equal(vif_iar(&s, 1), 41);
	assert_true(vif_maintenance(&s));
	box_end(&b);
}

/* More are active than there are registers: EOIs of the others are counted. */
static void test_many_active(void **state)
{
	struct am_gic_lrs s = {.nr = 1};
	struct box b;

	box_start(&b, 1);
	for (unsigned i = 40; i < 44; i++) {
		irq_enable(&b, 0, i);
		irq_priority(&b, 0, i, 0x80 - 8 * (i - 40));
		am_gic_set_spi(b.gic, i, true);
		assert_int_equal(am_gic_lr_fill(b.gic, 0, &s), 0);
		assert_int_equal(vif_iar(&s, 1), i);
		assert_int_equal(am_gic_lr_fold(b.gic, 0, &s), 0);
	}
	assert_int_equal(rd(&b, GICD + ISACTIVER + 4), 0xf << 8);
	for (unsigned i = 43; i >= 40; i--) {
		assert_int_equal(am_gic_lr_fill(b.gic, 0, &s), 0);
		assert_int_equal(!!(s.hcr & 4), i > 40);
		vif_eoir(&s, 1, i);
		assert_int_equal(am_gic_lr_fold(b.gic, 0, &s), 0);
		assert_int_equal(rd(&b, GICD + ISACTIVER + 4), (0xf << 8) & ((1 << (i - 32)) - 1));
		assert_int_equal(s.apr[1][0] != 0, i > 40);
	}
	/* Made active by a write: there is no reminder, yet it gets its register. */
	irq_write_bit(&b, 0, ISACTIVER, 41);
	assert_int_equal(am_gic_lr_fill(b.gic, 0, &s), 0);
	assert_true(lr_state(s.lr[0]) == LR_A);
	assert_int_equal(lr_intid(s.lr[0]), 41);
	vif_eoir(&s, 1, 41);
	vif_eoir(&s, 1, 42); /* nobody's */
	assert_int_equal(am_gic_lr_fold(b.gic, 0, &s), 0);
	assert_int_equal(rd(&b, GICD + ISACTIVER + 4), 0);
	box_end(&b);
}

/* A route that changes meanwhile takes effect when the interrupt has ended. */
static void test_moving(void **state)
{
	struct am_gic_lrs s = {.nr = 4}, t = {.nr = 4};
	struct box b;

	box_start(&b, 2);
	irq_enable(&b, 0, 40);
	am_gic_set_spi(b.gic, 40, true);
	assert_int_equal(am_gic_lr_fill(b.gic, 0, &s), 0);
	box_write(&b, GICD + IROUTER + 8 * 40, 8, 1);
	assert_int_equal(box_read(&b, GICD + IROUTER + 8 * 40, 8), 1);
	assert_int_equal(vif_iar(&s, 1), 40);
	am_gic_set_spi(b.gic, 40, true);
	assert_int_equal(am_gic_lr_fold(b.gic, 0, &s), 0);
	assert_lines(&b, 1, 0);
	assert_int_equal(am_gic_lr_fill(b.gic, 1, &t), 0);
	assert_true(t.lr[0] == 0);
	assert_int_equal(am_gic_lr_fold(b.gic, 1, &t), 0);
	assert_int_equal(am_gic_lr_fill(b.gic, 0, &s), 0);
	s.lr[0] &= ~LR_P; /* it has not been seen pending again */
	vif_eoir(&s, 1, 40);
	assert_int_equal(am_gic_lr_fold(b.gic, 0, &s), 0);
	assert_lines(&b, 0, 0);
	am_gic_set_spi(b.gic, 40, true);
	assert_lines(&b, 1, AM_GIC_IRQ);
	/* Pending in a register, not taken: it moves at once. */
	assert_int_equal(am_gic_lr_fill(b.gic, 1, &t), 0);
	box_write(&b, GICD + IROUTER + 8 * 40, 8, 0);
	assert_int_equal(am_gic_lr_fold(b.gic, 1, &t), 0);
	assert_lines(&b, 1, 0);
	assert_lines(&b, 0, AM_GIC_IRQ);
	/* Active, left, and ended by a write. */
	assert_int_equal(am_gic_lr_fill(b.gic, 0, &s), 0);
	assert_int_equal(vif_iar(&s, 1), 40);
	box_write(&b, GICD + IROUTER + 8 * 40, 8, 1);
	assert_int_equal(am_gic_lr_fold(b.gic, 0, &s), 0);
	irq_write_bit(&b, 0, ICACTIVER, 40);
	irq_write_bit(&b, 0, ISPENDR, 40);
	assert_int_equal(am_gic_lr_fill(b.gic, 0, &s), 0);
	assert_true(s.lr[0] == 0);
	assert_lines(&b, 1, AM_GIC_IRQ);
	box_end(&b);
}

/* The same of an interrupt that is active in no register, however it ends. */
static void test_moving_stray(void **state)
{
	for (unsigned how = 0; how < 3; how++) {
		struct am_gic_lrs s = {.nr = 1}, t = {.nr = 4};
		struct box b;

		box_start(&b, 2);
		irq_enable(&b, 0, 40);
		irq_priority(&b, 0, 40, 0x80);
		irq_write_bit(&b, 0, ISACTIVER, 20);
		irq_write_bit(&b, 0, ISACTIVER, 40);
		assert_int_equal(am_gic_lr_fill(b.gic, 0, &s), 0);
		assert_int_equal(lr_intid(s.lr[0]), 20);
		assert_int_equal(am_gic_lr_fold(b.gic, 0, &s), 0);
		box_write(&b, GICD + IROUTER + 8 * 40, 8, 1);
		/* The target is the vCPU that had the affinity when the route was written. */
		assert_int_equal(am_gic_set_mpidr(b.gic, 1, 7), 0);
		am_gic_set_spi(b.gic, 40, true);
		assert_lines(&b, 1, 0);
		if (how == 0) {
			irq_write_bit(&b, 0, ICACTIVER, 40);
		} else if (how == 1) {
			icc_set(&b, 1, CTLR, 2);
			icc_set(&b, 1, DIR, 40);
		} else {
			irq_write_bit(&b, 0, ICACTIVER, 20);
			assert_int_equal(am_gic_lr_fill(b.gic, 0, &s), 0);
			assert_int_equal(lr_intid(s.lr[0]), 40);
			vif_eoir(&s, 1, 40);
			assert_int_equal(am_gic_lr_fold(b.gic, 0, &s), 0);
		}
		assert_lines(&b, 0, 0);
		assert_lines(&b, 1, AM_GIC_IRQ);
		/* One that comes here active gets a register. */
		box_write(&b, GICD + IROUTER + 8 * 41, 8, 0x500);
		irq_write_bit(&b, 0, ISACTIVER, 41);
		box_write(&b, GICD + IROUTER + 8 * 41, 8, 7);
		assert_int_equal(am_gic_lr_fill(b.gic, 1, &t), 0);
		assert_int_equal(lr_intid(t.lr[0]), 41);
		assert_true(lr_state(t.lr[0]) == LR_A);
		assert_int_equal(lr_intid(t.lr[1]), 40);
		box_end(&b);
	}
}

static void test_disabled_group(void **state)
{
	struct am_gic_lrs s = {.nr = 1};
	struct box b;

	box_start(&b, 1);
	icc_set(&b, 0, IGRPEN0, 0);
	irq_enable(&b, 0, 40);
	irq_enable(&b, 0, 41);
	irq_group(&b, 0, 40, 0);
	irq_priority(&b, 0, 41, 0x80);
	am_gic_set_spi(b.gic, 40, true);
	am_gic_set_spi(b.gic, 41, true);
	assert_int_equal(am_gic_lr_fill(b.gic, 0, &s), 0);
	assert_int_equal(lr_intid(s.lr[0]), 41); /* 40 is better, but of no use now */
	assert_false(vif_maintenance(&s));
	s.vmcr |= 1; /* the guest enables group 0 */
	assert_true(vif_maintenance(&s));
	assert_int_equal(am_gic_lr_fold(b.gic, 0, &s), 0);
	assert_int_equal(am_gic_lr_fill(b.gic, 0, &s), 0);
	assert_int_equal(lr_intid(s.lr[0]), 40);
	assert_int_equal(vif_iar(&s, 0), 40);
	/* The distributor goes off: what is active can still be ended. */
	assert_int_equal(am_gic_lr_fold(b.gic, 0, &s), 0);
	wr(&b, GICD + D_CTLR, 0);
	assert_int_equal(am_gic_lr_fill(b.gic, 0, &s), 0);
	assert_true(lr_state(s.lr[0]) == LR_A);
	vif_eoir(&s, 0, 40);
	assert_int_equal(am_gic_lr_fold(b.gic, 0, &s), 0);
	assert_int_equal(am_gic_lr_fill(b.gic, 0, &s), 0);
	assert_true(s.lr[0] == 0);
	box_end(&b);
}

/* ---- GICv2's format ---- */

static void test_v2(void **state)
{
	const uint64_t gicc = 0x08010000;
	struct am_gic_lrs s = {.nr = 4};
	struct box b;

	box_create_version(&b, 2);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(am_gic_add_vcpu(b.gic, i, i), 0);
	assert_int_equal(am_gic_set_dist_base(b.gic, GICD), 0);
	assert_int_equal(am_gic_set_cpuif_base(b.gic, gicc), 0);
	assert_int_equal(am_gic_map(b.gic, b.bus), 0);
	wr(&b, GICD, 1);
	wr(&b, gicc + 4, 0xf0);
	wr(&b, gicc, 0x20b);
	box_write(&b, GICD + IPRIORITYR + 5, 1, 0x48);
	for (unsigned i = 1; i < 3; i++)
		assert_int_equal(am_bus_write(b.bus, i, GICD + 0xf00, 4, 0x10005), 0);
	assert_int_equal(am_gic_lr_fill(b.gic, 0, &s), 0);
	/* Pending, priority 0x48 >> 3, EOI because there is another source, vCPU 1, SGI 5. */
	assert_true(s.lr[0] == (UINT64_C(1) << 28 | UINT64_C(9) << 23 | 1 << 19 | 1 << 10 | 5));
	assert_true(s.lr[1] == 0);
	assert_int_equal(s.vmcr, UINT32_C(0xf0000000) | 0x20b);
	assert_lines(&b, 0, 0);
	s.lr[0] ^= 3 << 28; /* taken */
	s.apr[0][0] = 1 << 9;
	assert_int_equal(am_bus_write(b.bus, 3, GICD + 0xf00, 4, 0x10005), 0);
	assert_lines(&b, 0, AM_GIC_FIQ);
	assert_int_equal(am_gic_lr_fold(b.gic, 0, &s), 0);
	assert_int_equal(rd(&b, GICD + 0xf20 + 4), 0x0c00);
	assert_int_equal(rd(&b, GICD + ISACTIVER), 1 << 5);
	assert_int_equal(rd(&b, gicc + 0x14), 0x48);
	assert_int_equal(am_gic_lr_fill(b.gic, 0, &s), 0);
	assert_true(s.lr[0] == (UINT64_C(2) << 28 | UINT64_C(9) << 23 | 1 << 19 | 1 << 10 | 5));
	s.lr[0] &= ~(UINT64_C(3) << 28);
	s.apr[0][0] = 0;
	assert_int_equal(am_gic_lr_fold(b.gic, 0, &s), 0);
	assert_int_equal(am_gic_lr_fill(b.gic, 0, &s), 0);
	assert_int_equal(s.lr[0] >> 10 & 7, 2);
	/* Not taken: it goes back to its source. */
	assert_int_equal(am_gic_lr_fold(b.gic, 0, &s), 0);
	assert_int_equal(rd(&b, GICD + 0xf20 + 4), 0x0c00);
	box_end(&b);
}

/* ---- against the software CPU interface ---- */

enum { NR_CPUS = 3, FIRST_SPI = 32, NR_SPIS = 14 };

struct pair {
	struct box soft, hard;
	struct am_gic_lrs s[NR_CPUS];
	unsigned stack[NR_CPUS][64], depth[NR_CPUS]; /* acknowledged: INTID, group << 16 */
	uint64_t seed;
};

static uint64_t next(struct pair *p)
{
	p->seed ^= p->seed << 13;
	p->seed ^= p->seed >> 7;
	p->seed ^= p->seed << 17;
	return p->seed * 0x2545f4914f6cdd1d >> 8;
}

/* The same to both; interrupts that can meet have different priorities, so that ties do not. */
static void outside(struct pair *p)
{
	struct box *b[2] = {&p->soft, &p->hard};
	uint64_t r = next(p);
	unsigned spi = FIRST_SPI + r % NR_SPIS, ppi = 16 + (r >> 8) % 4, cpu = (r >> 16) % NR_CPUS;
	unsigned irq = r >> 20 & 1 ? spi : r >> 21 & 1 ? ppi : (r >> 22) % 4, v = r >> 30 & 3;

	for (unsigned i = 0; i < 2; i++) {
		switch (r >> 24 & 15) {
		case 0:
		case 1:
		case 2:
		case 3:
			am_gic_set_spi(b[i]->gic, spi, v != 0);
			break;
		case 4:
		case 5:
			am_gic_set_ppi(b[i]->gic, cpu, ppi, v & 1);
			break;
		case 6:
		case 7:
			icc_set(b[i], cpu, SGI1R, r & 0x3000007);
			break;
		case 8:
			irq_write_bit(b[i], cpu, ICENABLER, irq);
			break;
		case 9:
		case 10:
			irq_enable(b[i], cpu, irq);
			break;
		case 11:
			/* Of an active one it would decide who may end it. */
			if (!irq_bit(b[0], cpu, ISACTIVER, irq))
				irq_group(b[i], cpu, irq, v & 1);
			break;
		case 12:
			box_write(b[i], GICD + IROUTER + 8 * spi, 8, v);
			break;
		case 13:
			irq_write_bit(b[i], cpu, v & 1 ? ISPENDR : ICPENDR, irq);
			break;
		case 14:
			wr(b[i], GICD + D_CTLR, v ? 2 : 0);
			break;
		default:
			irq_write_bit(b[i], cpu, ISPENDR, irq);
		}
	}
}

static void look(struct pair *p, unsigned cpu)
{
	struct am_gic_lrs *s = &p->s[cpu];

	assert_int_equal(vif_lines(s), am_gic_irq_pending(p->soft.gic, cpu));
	assert_int_equal(vif_rpr(s), icc(&p->soft, cpu, RPR));
	assert_int_equal(vif_hppir(s, 0), icc(&p->soft, cpu, HPPIR0));
	assert_int_equal(vif_hppir(s, 1), icc(&p->soft, cpu, HPPIR1));
}

static void guest_takes(struct pair *p, unsigned cpu, unsigned group)
{
	unsigned got = vif_iar(&p->s[cpu], group);

	assert_int_equal(got, icc(&p->soft, cpu, group ? IAR1 : IAR0));
	if (got < 1020)
		p->stack[cpu][p->depth[cpu]++] = got | group << 16;
}

static void guest_ends(struct pair *p, unsigned cpu)
{
	unsigned top = p->stack[cpu][--p->depth[cpu]], group = top >> 16;

	vif_eoir(&p->s[cpu], group, top & 0xffff);
	icc_set(&p->soft, cpu, group ? EOIR1 : EOIR0, top & 0xffff);
}

static void guest(struct pair *p, unsigned cpu)
{
	struct am_gic_lrs *s = &p->s[cpu];
	uint64_t r = next(p);
	unsigned pmr = r >> 20 & 1 ? 0xf8 : r >> 8 & 0xf8;

	switch (r & 7) {
	case 0:
	case 1:
	case 2:
		guest_takes(p, cpu, r >> 3 & 1);
		break;
	case 3:
	case 4:
	case 5:
		if (p->depth[cpu])
			guest_ends(p, cpu);
		break;
	case 6:
		s->vmcr = (s->vmcr & 0xffffff) | pmr << 24;
		icc_set(&p->soft, cpu, PMR, pmr);
		break;
	default:
		s->vmcr = (s->vmcr & ~3u) | (r >> 30 & 3 ? 3 : r >> 8 & 3);
		icc_set(&p->soft, cpu, IGRPEN0, s->vmcr & 1);
		icc_set(&p->soft, cpu, IGRPEN1, s->vmcr >> 1 & 1);
	}
	/* The maintenance interrupt is taken at once. */
	for (unsigned i = 0; vif_maintenance(s); i++) {
		assert_true(i < 3);
		assert_int_equal(am_gic_lr_fold(p->hard.gic, cpu, s), 0);
		assert_int_equal(am_gic_lr_fill(p->hard.gic, cpu, s), 0);
	}
}

static void pair_start(struct pair *p, unsigned nr_lrs)
{
	struct box *b[2] = {&p->soft, &p->hard};

	for (unsigned i = 0; i < 2; i++) {
		box_start(b[i], NR_CPUS);
		for (unsigned k = 0; k < NR_SPIS; k++) {
			irq_priority(b[i], 0, FIRST_SPI + k, 8 * k);
			if (k & 1)
				irq_level(b[i], FIRST_SPI + k);
			irq_enable(b[i], 0, FIRST_SPI + k);
			irq_group(b[i], 0, FIRST_SPI + k, k % 3 != 0);
		}
		for (unsigned cpu = 0; cpu < NR_CPUS; cpu++)
			for (unsigned k = 0; k < 4; k++) {
				irq_priority(b[i], cpu, k, 8 * (NR_SPIS + k));
				irq_priority(b[i], cpu, 16 + k, 8 * (NR_SPIS + 4 + k));
				irq_enable(b[i], cpu, 16 + k);
			}
	}
	for (unsigned cpu = 0; cpu < NR_CPUS; cpu++)
		p->s[cpu] = (struct am_gic_lrs){.nr = nr_lrs};
}

static void test_against_software(void **state)
{
	static const unsigned nrs[] = {1, 2, 3, 4, 16};
	unsigned taken = 0;

	for (unsigned n = 0; n < AM_ARRAY_SIZE(nrs); n++) {
		struct pair p = {.seed = 0x9e3779b97f4a7c15 + n};

		pair_start(&p, nrs[n]);
		for (unsigned step = 0; step < 20000; step++) {
			unsigned cpu = next(&p) % NR_CPUS;

			for (unsigned k = next(&p) % 4; k; k--)
				outside(&p);
			assert_int_equal(am_gic_lr_fill(p.hard.gic, cpu, &p.s[cpu]), 0);
			for (unsigned k = next(&p) % 6; k; k--) {
				unsigned depth = p.depth[cpu];

				look(&p, cpu);
				guest(&p, cpu);
				taken += p.depth[cpu] > depth;
			}
			look(&p, cpu);
			assert_int_equal(am_gic_lr_fold(p.hard.gic, cpu, &p.s[cpu]), 0);
			for (unsigned k = 0; k < NR_CPUS; k++)
				assert_int_equal(am_gic_irq_pending(p.soft.gic, k),
						 am_gic_irq_pending(p.hard.gic, k));
			for (unsigned k = 0; k < 3; k++) {
				static const unsigned regs[] = {ISENABLER, ISPENDR, ISACTIVER};
				uint64_t at = GICD + regs[k] + 4, own = sgi_frame(cpu) + regs[k];

				assert_int_equal(rd(&p.soft, at), rd(&p.hard, at));
				assert_int_equal(rd(&p.soft, own), rd(&p.hard, own));
			}
		}
		box_end(&p.soft);
		box_end(&p.hard);
	}
	assert_true(taken > 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_edge),
	    cmocka_unit_test(test_level),
	    cmocka_unit_test(test_too_many),
	    cmocka_unit_test(test_many_active),
	    cmocka_unit_test(test_moving),
	    cmocka_unit_test(test_disabled_group),
	    cmocka_unit_test(test_moving_stray),
	    cmocka_unit_test(test_v2),
	    cmocka_unit_test(test_against_software),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
