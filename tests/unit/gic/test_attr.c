/* SPDX-License-Identifier: MIT */
/*
 * Device attributes: which exist, their errors (as recorded from Linux 6.12), and that everything a
 * GIC is can be read out of one and written into another, in the order the rows give, while
 * interrupts are pending and active.
 */
#include "common.h"
#include "base/bits.h"
#include "gic/state.h"

#include <string.h>

static int get(struct box *b, unsigned group, uint64_t attr, uint64_t *v)
{
	return am_gic_get_attr(b->gic, group, attr, v);
}

static int set(struct box *b, unsigned group, uint64_t attr, uint64_t v)
{
	return am_gic_set_attr(b->gic, group, attr, v);
}

static uint64_t user(struct box *b, unsigned group, uint64_t attr)
{
	uint64_t v = 0;

	assert_int_equal(get(b, group, attr, &v), 0);
	return v;
}

/* has_attr.txt: the attributes 0-9 of groups 0-10 that exist. */
static void test_has(void **state)
{
	static const char *const want[11] = {
	    [0] = "2 3 5", [1] = "0 4 8", [3] = "0 1 2 3 4 5 6 7 8 9",
	    [4] = "0 3",   [5] = "0 4 8", [7] = "0 1 2 3 4 5 6 7 8 9"};
	struct box b;

	/* Interrupts that are promised exist before INIT. */
	box_create(&b);
	assert_int_equal(am_gic_add_vcpu(b.gic, 0, box_mpidr(0)), 0);
	assert_int_equal(am_gic_has_attr(b.gic, 1, ISENABLER), 0);
	assert_int_equal(am_gic_has_attr(b.gic, 1, ISENABLER + 4), -ENXIO);
	assert_int_equal(am_gic_set_nr_irqs(b.gic, 64), 0);
	assert_int_equal(am_gic_has_attr(b.gic, 1, ISENABLER + 4), 0);
	assert_int_equal(am_gic_has_attr(b.gic, 1, ISENABLER + 8), -ENXIO);
	box_end(&b);

	box_start(&b, 1);
	for (unsigned group = 0; group < 11; group++)
		for (unsigned attr = 0; attr < 10; attr++) {
			bool has = want[group] && strchr(want[group], (int)('0' + attr));

			assert_int_equal(am_gic_has_attr(b.gic, group, attr), has ? 0 : -ENXIO);
		}
	assert_int_equal(am_gic_has_attr(b.gic, 99, 0), -ENXIO);
	/* No vCPU of that affinity; nothing there; not aligned; interrupts that do not exist. */
	assert_int_equal(am_gic_has_attr(b.gic, 5, UINT64_C(5) << 32), -EINVAL);
	assert_int_equal(am_gic_has_attr(b.gic, 6, UINT64_C(5) << 32 | PMR), -EINVAL);
	assert_int_equal(am_gic_has_attr(b.gic, 1, UINT64_C(5) << 32), 0);
	assert_int_equal(am_gic_has_attr(b.gic, 7, UINT64_C(5) << 32), 0);
	assert_int_equal(am_gic_has_attr(b.gic, 7, 1 << 10), -ENXIO);
	assert_int_equal(am_gic_has_attr(b.gic, 1, 0x40), -ENXIO);
	assert_int_equal(am_gic_has_attr(b.gic, 1, 0x10000), -ENXIO);
	assert_int_equal(am_gic_has_attr(b.gic, 5, 0x20000), -ENXIO);
	assert_int_equal(am_gic_has_attr(b.gic, 1, ISENABLER + NR_IRQS / 8 - 4), 0);
	assert_int_equal(am_gic_has_attr(b.gic, 1, ISENABLER + NR_IRQS / 8), -ENXIO);
	assert_int_equal(am_gic_has_attr(b.gic, 1, IROUTER + 8 * 127 + 4), 0);
	assert_int_equal(am_gic_has_attr(b.gic, 1, IROUTER + 8 * 128), -ENXIO);
	assert_int_equal(am_gic_has_attr(b.gic, 5, SGI_BASE + IGROUPR), 0);
	assert_int_equal(am_gic_has_attr(b.gic, 5, SGI_BASE + IGROUPR + 4), -ENXIO);
	box_end(&b);
}

/* cpu_sysregs.txt */
static void test_sysregs(void **state)
{
	static const struct {
		unsigned reg;
		int get;
		uint64_t reset, ones, zero;
	} t[] = {
	    {PMR, 0, 0, 0xff, 0},	  {BPR0, 0, 0, 7, 0},	     {AP0R0, 0, 0, 0xffffffff, 0},
	    {AP1R0, 0, 0, 0xffffffff, 0}, {BPR1, 0, 0, 7, 0},	     {IGRPEN0, 0, 0, 1, 0},
	    {IGRPEN1, 0, 0, 1, 0},	  {AP0R1, -EINVAL, 0, 0, 0}, {AP1R1, -EINVAL, 0, 0, 0},
	};
	static const unsigned none[] = {IAR0,
					HPPIR0,
					RPR,
					IAR1,
					HPPIR1,
					EOIR1,
					DIR,
					SGI1R,
					AM_GIC_SYSREG(3u, 4u, 12u, 9u, 5u),
					AM_GIC_SYSREG(3u, 0u, 1u, 0u, 0u)};
	uint64_t v, cpu1 = UINT64_C(1) << 32;
	struct box b;

	box_create(&b);
	assert_int_equal(am_gic_add_vcpu(b.gic, 0, box_mpidr(0)), 0);
	assert_int_equal(am_gic_add_vcpu(b.gic, 1, box_mpidr(1)), 0);
	assert_int_equal(get(&b, 6, PMR, &v), -EBUSY);
	assert_int_equal(set(&b, 6, PMR, 0), -EBUSY);
	assert_int_equal(get(&b, 1, 0, &v), -EBUSY);
	assert_int_equal(get(&b, 5, 0, &v), -EBUSY);
	assert_int_equal(get(&b, 7, 33, &v), -EBUSY);
	assert_int_equal(get(&b, 5, UINT64_C(5) << 32, &v), -EINVAL);
	assert_int_equal(am_gic_init(b.gic), 0);
	for (unsigned i = 0; i < AM_ARRAY_SIZE(t); i++) {
		uint64_t attr = cpu1 | t[i].reg;

		assert_int_equal(am_gic_has_attr(b.gic, 6, attr), 0);
		assert_int_equal(get(&b, 6, attr, &v), t[i].get);
		assert_int_equal(set(&b, 6, attr, UINT64_MAX), t[i].get);
		if (t[i].get)
			continue;
		assert_true(v == t[i].reset);
		assert_true(user(&b, 6, attr) == t[i].ones);
		assert_int_equal(set(&b, 6, attr, 0), 0);
		assert_true(user(&b, 6, attr) == t[i].zero);
	}
	for (unsigned i = 0; i < AM_ARRAY_SIZE(none); i++) {
		assert_int_equal(am_gic_has_attr(b.gic, 6, none[i]), -ENXIO);
		assert_int_equal(get(&b, 6, none[i], &v), -ENOENT);
		assert_int_equal(set(&b, 6, none[i], 0), -ENOENT);
	}
	assert_int_equal(get(&b, 6, UINT64_C(5) << 32 | PMR, &v), -EINVAL);
	assert_int_equal(get(&b, 6, 1 << 16 | PMR, &v), 0);

	assert_int_equal(user(&b, 6, SRE), 7);
	assert_int_equal(set(&b, 6, SRE, UINT64_MAX), 0);
	assert_int_equal(set(&b, 6, SRE, 0), -EINVAL);
	assert_int_equal(user(&b, 6, SRE), 7);
	/* CTLR: bits that were lowered stay so, even when the write failed. */
	assert_int_equal(user(&b, 6, CTLR), 0x8c00);
	assert_int_equal(set(&b, 6, CTLR, 0x8c03), 0);
	assert_int_equal(user(&b, 6, CTLR), 0x8c03);
	assert_int_equal(set(&b, 6, CTLR, UINT64_MAX), -EINVAL);
	assert_int_equal(set(&b, 6, CTLR, 0x8d00), -EINVAL);
	assert_int_equal(set(&b, 6, CTLR, 0x9400), -EINVAL);
	assert_int_equal(set(&b, 6, CTLR, 0xcc00), -EINVAL);
	assert_int_equal(user(&b, 6, CTLR), 0x8c03);
	assert_int_equal(set(&b, 6, CTLR, 0x8c00), 0);
	assert_int_equal(set(&b, 6, CTLR, 0), -EINVAL);
	assert_int_equal(user(&b, 6, CTLR), 0x8000);
	assert_int_equal(set(&b, 6, CTLR, 0x8c00), -EINVAL);
	assert_int_equal(icc(&b, 0, CTLR), 0x8c00);
	/* Stored raw, seen by the guest as hardware would have it. */
	assert_int_equal(set(&b, 6, PMR, 0xff), 0);
	assert_int_equal(icc(&b, 0, PMR), 0xf8);
	assert_int_equal(icc(&b, 0, BPR0), 2);
	assert_int_equal(icc(&b, 0, BPR1), 3);
	/* With CBPR user space sees BPR0 + 1, too. */
	assert_int_equal(set(&b, 6, cpu1 | BPR1, 6), 0);
	assert_int_equal(set(&b, 6, cpu1 | BPR0, 4), 0);
	assert_int_equal(set(&b, 6, cpu1 | CTLR, 0x8c01), 0);
	assert_int_equal(user(&b, 6, cpu1 | BPR1), 5);
	assert_int_equal(set(&b, 6, cpu1 | BPR1, 3), 0);
	assert_int_equal(set(&b, 6, cpu1 | CTLR, 0x8c00), 0);
	assert_int_equal(user(&b, 6, cpu1 | BPR1), 6);
	box_end(&b);
}

static void test_iidr(void **state)
{
	struct box b;

	box_start(&b, 1);
	for (unsigned rev = 0; rev < 16; rev++) {
		bool good = rev == 2 || rev == 3;
		uint64_t was = user(&b, 1, D_IIDR);

		assert_int_equal(set(&b, 1, D_IIDR, 0x4b00043b | rev << 12), good ? 0 : -EINVAL);
		assert_int_equal(user(&b, 1, D_IIDR), good ? 0x4b00043b | rev << 12 : was);
	}
	assert_int_equal(set(&b, 1, D_IIDR, 0x12345678), -EINVAL);
	assert_int_equal(set(&b, 1, D_IIDR, 0x4b00243b), 0);
	assert_int_equal(rd(&b, GICD + D_IIDR), 0x4b00243b);
	assert_int_equal(rd(&b, GICR), 0); /* no IR, no CES before revision 3 */
	assert_int_equal(set(&b, 1, D_IIDR, 0x4b00343b), 0);
	assert_int_equal(rd(&b, GICR), 6);
	box_end(&b);
}

/* reset_userspace.txt; and what a raised line does. */
static void test_level_info(void **state)
{
	struct box b;
	uint64_t v;

	box_start(&b, 2);
	for (unsigned intid = 0; intid < 160; intid += 32) {
		assert_int_equal(user(&b, 7, intid), 0);
		assert_int_equal(set(&b, 7, intid, UINT32_MAX), 0);
		assert_int_equal(user(&b, 7, intid), intid ? 0 : 0xffff0000);
		assert_int_equal(set(&b, 7, intid, 0), 0);
		assert_int_equal(user(&b, 7, intid), 0);
	}
	assert_int_equal(get(&b, 7, 33, &v), -EINVAL);
	assert_int_equal(set(&b, 7, 33, 0), -EINVAL);
	assert_int_equal(get(&b, 7, 32 | 1 << 10, &v), -EINVAL);
	assert_int_equal(get(&b, 7, UINT64_C(5) << 32, &v), -EINVAL);
	/* The line may come before the configuration. */
	irq_enable(&b, 0, 40);
	assert_int_equal(set(&b, 7, 32, 1 << 8), 0);
	assert_lines(&b, 0, 0);
	irq_level(&b, 40);
	assert_lines(&b, 0, AM_GIC_IRQ);
	assert_int_equal(user(&b, 7, 32), 1 << 8);
	/* The latch and the line are told apart by user space, not by the guest. */
	assert_int_equal(user(&b, 1, ISPENDR + 4), 0);
	assert_int_equal(rd(&b, GICD + ISPENDR + 4), 1 << 8);
	/* Private ones are their vCPU's. */
	irq_enable(&b, 1, 20);
	assert_int_equal(set(&b, 7, UINT64_C(1) << 32, 1 << 20), 0);
	assert_lines(&b, 1, AM_GIC_IRQ);
	assert_int_equal(user(&b, 7, 0), 0);
	box_end(&b);
}

static void test_groups_and_sizes(void **state)
{
	struct box b;
	uint64_t v = 0;

	box_create(&b);
	assert_int_equal(set(&b, 99, 0, 0), -ENXIO);
	assert_int_equal(get(&b, 99, 0, &v), -ENXIO);
	assert_int_equal(set(&b, 0, 0, GICD), -ENXIO);
	assert_int_equal(set(&b, 0, 4, GICD), -ENXIO);
	assert_int_equal(set(&b, 4, 99, 0), -ENXIO);
	assert_int_equal(set(&b, 4, 3, 0), -ENXIO); /* SAVE_PENDING_TABLES before INIT */
	assert_int_equal(get(&b, 4, 0, &v), -ENXIO);
	assert_int_equal(get(&b, 1, 0, &v), -EINVAL); /* no vCPU 0 */
	assert_int_equal(get(&b, 0, 2, &v), 0);
	assert_true(v == UINT64_MAX);
	assert_int_equal(set(&b, 0, 2, GICD), 0);
	assert_int_equal(set(&b, 0, 5, UINT64_C(2) << 52 | 0x20000000), 0);
	assert_int_equal(user(&b, 0, 3), 0x20000000);
	v = 0;
	assert_int_equal(get(&b, 0, 5, &v), 0);
	assert_true(v == (UINT64_C(2) << 52 | 0x20000000));
	v = 1;
	assert_int_equal(get(&b, 0, 5, &v), -ENOENT);
	assert_int_equal(set(&b, 0, 3, GICR), -EINVAL);
	assert_int_equal(set(&b, 3, 7, 63), -EINVAL);
	assert_int_equal(set(&b, 3, 7, 96), 0);
	assert_int_equal(user(&b, 3, 0), 96);
	assert_int_equal(set(&b, 4, 0, 0), 0);
	assert_int_equal(set(&b, 4, 0, 0), 0);
	assert_int_equal(set(&b, 4, 3, 0), 0);
	assert_int_equal(am_gic_attr_size(0, 2), 8);
	assert_int_equal(am_gic_attr_size(1, 0), 4);
	assert_int_equal(am_gic_attr_size(3, 0), 4);
	assert_int_equal(am_gic_attr_size(4, 0), 0);
	assert_int_equal(am_gic_attr_size(5, 0), 4);
	assert_int_equal(am_gic_attr_size(6, 0), 8);
	assert_int_equal(am_gic_attr_size(7, 0), 4);
	assert_false(am_gic_attr_stops_vcpus(0, 2));
	assert_false(am_gic_attr_stops_vcpus(3, 0));
	assert_false(am_gic_attr_stops_vcpus(4, 0));
	assert_true(am_gic_attr_stops_vcpus(4, 3));
	assert_true(am_gic_attr_stops_vcpus(6, PMR));
	box_end(&b);
}

/* ---- round trip ---- */

enum { NR_CPUS = 3 };

typedef void each_reg(void *arg, unsigned group, uint64_t attr, bool ones);

/* Every register that is state, in the order of its table, as 32-bit attributes. */
static void walk_table(const struct am_reg_table *t, unsigned group, uint64_t mpidr,
		       unsigned nr_irqs, each_reg *fn, void *arg)
{
	for (unsigned order = 1; order < 256; order++) {
		for (unsigned i = 0; i < t->nr_rows; i++) {
			const struct am_reg_row *r = &t->rows[i];
			uint32_t len = r->length;

			if (r->order != order)
				continue;
			if (r->bits && (nr_irqs - r->first) * r->bits / 8 < len)
				len = (nr_irqs - r->first) * r->bits / 8;
			for (uint32_t off = 0; off < len; off += 4)
				fn(arg, group, mpidr | (r->offset + off),
				   r->flags & AM_REG_RESTORE1);
		}
	}
}

static void walk(struct box *b, each_reg *fn, void *arg)
{
	walk_table(&gic_dist_table, AM_GIC_GRP_DIST_REGS, 0, NR_IRQS, fn, arg);
	for (unsigned cpu = 0; cpu < NR_CPUS; cpu++) {
		uint64_t mpidr = (uint64_t)cpu << 32;

		walk_table(&gic_redist_table, AM_GIC_GRP_REDIST_REGS, mpidr, 32, fn, arg);
		fn(arg, AM_GIC_GRP_LEVEL_INFO, mpidr, false);
		for (unsigned order = 1; order < 256; order++)
			for (unsigned i = 0; i < gic_nr_icc_rows; i++)
				if (gic_icc_rows[i].order == order)
					fn(arg, AM_GIC_GRP_CPU_SYSREGS,
					   mpidr | gic_icc_rows[i].sysreg, false);
	}
	for (unsigned intid = 32; intid < NR_IRQS; intid += 32)
		fn(arg, AM_GIC_GRP_LEVEL_INFO, intid, false);
}

struct trip {
	struct box *from, *to;
	unsigned regs;
};

static void copy_reg(void *arg, unsigned group, uint64_t attr, bool ones)
{
	struct trip *t = arg;
	uint64_t v = ones ? UINT64_MAX : user(t->from, group, attr);

	assert_int_equal(set(t->to, group, attr, v), 0);
	t->regs++;
}

static void compare_reg(void *arg, unsigned group, uint64_t attr, bool ones)
{
	struct trip *t = arg;
	uint64_t a = user(t->from, group, attr), z = user(t->to, group, attr);

	if (a != z)
		fail_msg("group %u attr 0x%llx: 0x%llx became 0x%llx", group,
			 (unsigned long long)attr, (unsigned long long)a, (unsigned long long)z);
}

static uint64_t random_next(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x * 0x2545f4914f6cdd1d;
}

/* A guest that does a bit of everything. */
static void stir(struct box *b, uint64_t seed)
{
	uint64_t x = seed;

	for (unsigned i = 0; i < 2000; i++) {
		uint64_t r = random_next(&x);
		unsigned cpu = r % NR_CPUS, irq = r >> 8 & 127, got;
		uint64_t frame = irq < 32 ? sgi_frame(cpu) : GICD;
		uint32_t off = irq / 32 * 4, v = (uint32_t)(r >> 32);

		switch (r >> 16 & 15) {
		case 0:
			wr(b, frame + ISENABLER + off, v);
			break;
		case 1:
			wr(b, frame + ICENABLER + off, v & v >> 7);
			break;
		case 2:
			wr(b, frame + IGROUPR + off, v | v << 3);
			break;
		case 3:
			box_write(b, frame + IPRIORITYR + irq, 1, v & 0xff);
			break;
		case 4:
			wr(b, frame + ICFGR + irq / 16 * 4, v);
			break;
		case 5:
			wr(b, frame + ISPENDR + off, v & v >> 9);
			break;
		case 6:
			if (irq >= 32)
				box_write(b, GICD + IROUTER + 8 * irq, 8, v % 4);
			break;
		case 7:
		case 8:
			if (irq >= 32)
				am_gic_set_spi(b->gic, irq, v & 1);
			else if (irq >= 16)
				am_gic_set_ppi(b->gic, cpu, irq, v & 1);
			break;
		case 9:
			icc_set(b, cpu, SGI1R, r & 0xf000007);
			break;
		case 10:
			icc_set(b, cpu, r & 1 << 20 ? BPR0 : BPR1, v & 7);
			break;
		case 11:
			icc_set(b, cpu, PMR, v | 0x80);
			break;
		case 12:
			wr(b, frame + ISACTIVER + off, v & v >> 3 & v >> 5 & v >> 11);
			break;
		default:
			got = (unsigned)icc(b, cpu, r & 1 << 20 ? IAR0 : IAR1);
			if (got < 1020 && (v & 7) < 5)
				icc_set(b, cpu, r & 1 << 20 ? EOIR0 : EOIR1, got);
		}
	}
	wr(b, GICR + 0x70, (uint32_t)x);
	box_write(b, GICR + GICR_SIZE + 0x78, 8, x);
	icc_set(b, 1, CTLR, 2);
}

/* The multiset of what each vCPU would take, in order, must be the same. */
static void compare_future(struct box *a, struct box *z)
{
	for (unsigned cpu = 0; cpu < NR_CPUS; cpu++)
		for (unsigned i = 0; i < 300; i++) {
			uint64_t x = icc(a, cpu, IAR1), y = icc(z, cpu, IAR1);
			unsigned px, py;

			assert_int_equal(am_gic_irq_pending(a->gic, cpu),
					 am_gic_irq_pending(z->gic, cpu));
			assert_int_equal(x == 1023, y == 1023);
			if (x == 1023)
				break;
			/* Among equals the order of arrival is not saved; the priority is. */
			px = (unsigned)icc(a, cpu, RPR);
			py = (unsigned)icc(z, cpu, RPR);
			assert_int_equal(px, py);
			icc_set(a, cpu, EOIR1, x);
			icc_set(z, cpu, EOIR1, y);
			irq_write_bit(a, cpu, ICENABLER, (unsigned)x);
			irq_write_bit(z, cpu, ICENABLER, (unsigned)y);
		}
}

static void test_round_trip(void **state)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct trip t = {0};
		struct box a, z;

		box_start(&a, NR_CPUS);
		box_start(&z, NR_CPUS);
		stir(&a, seed * 0x9e3779b97f4a7c15);
		stir(&z, seed); /* poison */
		t.from = &a;
		t.to = &z;
		walk(&a, copy_reg, &t);
		walk(&a, compare_reg, &t);
		assert_true(t.regs > 300);
		for (unsigned cpu = 0; cpu < NR_CPUS; cpu++)
			assert_lines(&z, cpu, am_gic_irq_pending(a.gic, cpu));
		compare_future(&a, &z);
		box_end(&a);
		box_end(&z);
	}
}

/* The state the rows save is all there is: the list is blessed here. */
static void count_reg(void *arg, unsigned group, uint64_t attr, bool ones)
{
	((unsigned *)arg)[group]++;
}

static void test_saved_registers(void **state)
{
	unsigned n[8] = {0};

	walk(NULL, count_reg, n);
	/* CTLR, IIDR; 6 rows of a bit (3 words each), 24 priorities, 6 configurations, 96 routes.
	 */
	assert_int_equal(n[AM_GIC_GRP_DIST_REGS], 2 + 6 * 3 + 24 + 6 + 2 * 96);
	/* CTLR, PROPBASER, PENDBASER; 6 words of bits; 8 of priorities. */
	assert_int_equal(n[AM_GIC_GRP_REDIST_REGS], NR_CPUS * (5 + 6 + 8));
	assert_int_equal(n[AM_GIC_GRP_CPU_SYSREGS], NR_CPUS * 9);
	assert_int_equal(n[AM_GIC_GRP_LEVEL_INFO], NR_CPUS + 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_has),
	    cmocka_unit_test(test_sysregs),
	    cmocka_unit_test(test_iidr),
	    cmocka_unit_test(test_level_info),
	    cmocka_unit_test(test_groups_and_sizes),
	    cmocka_unit_test(test_saved_registers),
	    cmocka_unit_test(test_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
