/* SPDX-License-Identifier: MIT */
/*
 * Addresses, redistributor regions, NR_IRQS, init and map: cases and errors as recorded from the
 * KVM of Linux 6.12, with an IPA space of 40 bits.
 */
#include "common.h"

#define REGION(count, base, flags, index) \
	((uint64_t)(count) << 52 | (base) | (uint64_t)(flags) << 12 | (index))
#define TOP (UINT64_C(1) << 40)

static void gic_new(struct box *b, unsigned nr_cpus)
{
	box_create(b);
	for (unsigned i = 0; i < nr_cpus; i++)
		assert_int_equal(am_gic_add_vcpu(b->gic, i, box_mpidr(i)), 0);
}

static int region(struct box *b, uint64_t value)
{
	return am_gic_add_redist_region(b->gic, value);
}

static void assert_region(struct box *b, unsigned index, uint64_t want)
{
	uint64_t v = REGION(7, 0x12340000, 3, index); /* only the index counts */

	assert_int_equal(am_gic_get_redist_region(b->gic, &v), 0);
	assert_true(v == want);
}

static void assert_no_region(struct box *b, unsigned index)
{
	uint64_t v = index;

	assert_int_equal(am_gic_get_redist_region(b->gic, &v), -ENOENT);
}

static int init_map(struct box *b)
{
	assert_int_equal(am_gic_init(b->gic), 0);
	return am_gic_map(b->gic, b->bus);
}

static uint64_t typer(struct box *b, unsigned vcpu)
{
	uint64_t lo = 0, hi = 0, mpidr = (uint64_t)vcpu << 32;

	assert_int_equal(am_gic_get_attr(b->gic, AM_GIC_GRP_REDIST_REGS, mpidr | 8, &lo), 0);
	assert_int_equal(am_gic_get_attr(b->gic, AM_GIC_GRP_REDIST_REGS, mpidr | 12, &hi), 0);
	return hi << 32 | lo;
}

static void test_nothing_set(void **state)
{
	struct box b;

	gic_new(&b, 2);
	assert_true(am_gic_dist_base(b.gic) == AM_GIC_UNDEF);
	assert_true(am_gic_redist_base(b.gic) == AM_GIC_UNDEF);
	assert_no_region(&b, 0);
	assert_int_equal(init_map(&b), -ENXIO);
	box_end(&b);
}

static void test_dist_and_legacy(void **state)
{
	struct box b;

	gic_new(&b, 2);
	assert_int_equal(am_gic_set_dist_base(b.gic, GICD + 0x1000), -EINVAL);
	assert_int_equal(am_gic_set_dist_base(b.gic, TOP), -E2BIG);
	assert_int_equal(am_gic_set_dist_base(b.gic, TOP - 0x8000), -EINVAL);
	assert_int_equal(am_gic_set_dist_base(b.gic, UINT64_MAX & ~0xffffull), -EINVAL);
	assert_int_equal(am_gic_set_dist_base(b.gic, GICD), 0);
	assert_int_equal(am_gic_set_dist_base(b.gic, GICD), -EEXIST);
	assert_int_equal(am_gic_set_dist_base(b.gic, 0x20000001), -EEXIST);
	assert_true(am_gic_dist_base(b.gic) == GICD);
	assert_int_equal(am_gic_set_redist_base(b.gic, GICR + 0x1000), -EINVAL);
	assert_int_equal(am_gic_set_redist_base(b.gic, TOP), -E2BIG);
	assert_int_equal(am_gic_set_redist_base(b.gic, GICD), -EINVAL);
	assert_int_equal(am_gic_set_redist_base(b.gic, GICD - 0x10000), -EINVAL);
	assert_int_equal(am_gic_set_redist_base(b.gic, GICR), 0);
	assert_int_equal(am_gic_set_redist_base(b.gic, GICR), -EEXIST);
	assert_int_equal(am_gic_set_redist_base(b.gic, GICR + 0x100000), -EEXIST);
	assert_int_equal(region(&b, REGION(2, 0x20000000, 0, 0)), -EINVAL);
	assert_int_equal(region(&b, REGION(2, 0x20000000, 0, 1)), 0);
	assert_region(&b, 0, GICR);
	assert_region(&b, 1, REGION(2, 0x20000000, 0, 1));
	assert_int_equal(init_map(&b), 0);
	assert_true(am_gic_redist_base(b.gic) == GICR);
	assert_no_region(&b, 2);
	assert_int_equal(am_gic_set_dist_base(b.gic, 0x20000000), -EEXIST);
	assert_int_equal(am_gic_set_redist_base(b.gic, 0x20000000), -EINVAL);
	box_end(&b);
}

static void test_region_then_legacy(void **state)
{
	struct box b;

	gic_new(&b, 2);
	assert_int_equal(am_gic_set_dist_base(b.gic, GICD), 0);
	assert_int_equal(region(&b, REGION(2, 0x20000000, 0, 0)), 0);
	assert_int_equal(am_gic_set_redist_base(b.gic, GICR), -EINVAL);
	assert_true(am_gic_redist_base(b.gic) == 0x20000000);
	assert_int_equal(init_map(&b), 0);
	box_end(&b);
}

static void test_region_cases(void **state)
{
	struct box b;

	gic_new(&b, 4);
	assert_int_equal(am_gic_set_dist_base(b.gic, GICD), 0);
	assert_int_equal(region(&b, REGION(2, 0x20000000, 0, 1)), -EINVAL);
	assert_int_equal(region(&b, REGION(0, 0x20000000, 0, 0)), -EINVAL);
	assert_int_equal(region(&b, REGION(2, 0x20000000, 1, 0)), -EINVAL);
	assert_int_equal(region(&b, REGION(2, 0x20000000, 8, 0)), -EINVAL);
	assert_int_equal(region(&b, REGION(0, 0x20000000, 1, 0)), -EINVAL);
	assert_int_equal(region(&b, REGION(2, GICD, 0, 0)), -EINVAL);
	assert_int_equal(region(&b, REGION(2, GICD - 0x20000, 0, 0)), -EINVAL);
	assert_int_equal(region(&b, REGION(1, GICD - 0x20000, 0, 0)), 0);
	assert_region(&b, 0, REGION(1, GICD - 0x20000, 0, 0));
	assert_int_equal(region(&b, REGION(2, 0x20000000, 0, 0)), -EINVAL);
	assert_int_equal(region(&b, REGION(2, 0x20000000, 0, 2)), -EINVAL);
	assert_int_equal(region(&b, REGION(2, GICD - 0x20000, 0, 1)), -EINVAL);
	assert_int_equal(region(&b, REGION(1, TOP, 0, 1)), -E2BIG);
	assert_int_equal(region(&b, REGION(2, TOP - 0x20000, 0, 1)), -E2BIG);
	assert_int_equal(region(&b, REGION(1, TOP - 0x20000, 0, 1)), 0);
	assert_int_equal(region(&b, REGION(4095, UINT64_C(0xffffffffe0000), 0, 2)), -E2BIG);
	assert_int_equal(region(&b, REGION(4095, UINT64_C(0x100000000), 0, 2)), 0);
	assert_int_equal(region(&b, REGION(1, 0x30000000, 0, 3)), 0);
	assert_int_equal(region(&b, REGION(1, 0x31000000, 0, 4)), 0);
	assert_int_equal(region(&b, REGION(1, 0x32000000, 0, 4095)), -EINVAL);
	assert_region(&b, 2, REGION(4095, UINT64_C(0x100000000), 0, 2));
	assert_region(&b, 4, REGION(1, 0x31000000, 0, 4));
	assert_no_region(&b, 5);
	assert_int_equal(init_map(&b), 0);
	assert_int_equal(region(&b, REGION(1, 0x34000000, 0, 5)), 0);
	box_end(&b);
}

static void test_too_few(void **state)
{
	struct box b;

	gic_new(&b, 4);
	assert_int_equal(am_gic_set_dist_base(b.gic, GICD), 0);
	assert_int_equal(region(&b, REGION(2, 0x20000000, 0, 0)), 0);
	assert_int_equal(region(&b, REGION(1, 0x30000000, 0, 1)), 0);
	assert_int_equal(init_map(&b), -ENXIO);
	assert_false(am_gic_mapped(b.gic));
	box_end(&b);
}

static void test_legacy_no_room(void **state)
{
	struct box b;

	gic_new(&b, 4);
	assert_int_equal(am_gic_set_dist_base(b.gic, GICD), 0);
	assert_int_equal(am_gic_set_redist_base(b.gic, TOP - 0x40000), -E2BIG);
	assert_int_equal(am_gic_set_redist_base(b.gic, GICD - 0x40000), -EINVAL);
	assert_int_equal(init_map(&b), -ENXIO);
	box_end(&b);
}

/* The check when a vCPU comes does not count it: the third is let in, the fourth not, the run
 * fails. */
static void test_legacy_grows_into_dist(void **state)
{
	struct box b;

	gic_new(&b, 0);
	assert_int_equal(am_gic_set_dist_base(b.gic, GICD), 0);
	assert_int_equal(am_gic_set_redist_base(b.gic, GICD - 0x40000), 0);
	assert_int_equal(am_gic_add_vcpu(b.gic, 0, box_mpidr(0)), 0);
	assert_int_equal(am_gic_add_vcpu(b.gic, 1, box_mpidr(1)), 0);
	assert_int_equal(am_gic_add_vcpu(b.gic, 2, box_mpidr(2)), 0);
	assert_int_equal(am_gic_add_vcpu(b.gic, 3, box_mpidr(3)), -EINVAL);
	assert_int_equal(am_gic_nr_vcpus(b.gic), 3);
	assert_int_equal(init_map(&b), -EINVAL);
	box_end(&b);
}

static void test_dist_after_region(void **state)
{
	struct box b;

	gic_new(&b, 2);
	assert_int_equal(am_gic_set_redist_base(b.gic, GICD), 0);
	assert_int_equal(am_gic_set_dist_base(b.gic, GICD + 0x20000), 0);
	assert_int_equal(init_map(&b), -EINVAL);
	box_end(&b);
}

static void test_regions_before_vcpus(void **state)
{
	struct box b;

	gic_new(&b, 0);
	assert_int_equal(am_gic_set_dist_base(b.gic, GICD), 0);
	assert_int_equal(region(&b, REGION(2, 0x20000000, 0, 0)), 0);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(am_gic_add_vcpu(b.gic, i, box_mpidr(i)), 0);
	assert_int_equal(region(&b, REGION(2, 0x30000000, 0, 1)), 0);
	assert_int_equal(init_map(&b), 0);
	assert_true(typer(&b, 0) == 0);
	assert_true(typer(&b, 1) == UINT64_C(0x100000110));
	assert_true(typer(&b, 2) == UINT64_C(0x200000200));
	assert_true(typer(&b, 3) == UINT64_C(0x300000310));
	box_end(&b);
}

static void test_last_and_frames(void **state)
{
	struct box b;
	uint64_t v;

	gic_new(&b, 4);
	assert_int_equal(am_gic_set_dist_base(b.gic, GICD), 0);
	assert_int_equal(region(&b, REGION(1, 0x20000000, 0, 0)), 0);
	assert_int_equal(region(&b, REGION(1, 0x20020000, 0, 1)), 0);
	assert_int_equal(region(&b, REGION(3, 0x30000000, 0, 2)), 0);
	assert_int_equal(init_map(&b), 0);
	assert_true(box_read(&b, 0x20000008, 8) == 0);
	assert_true(box_read(&b, 0x20020008, 8) == UINT64_C(0x100000110));
	assert_true(box_read(&b, 0x30000008, 8) == UINT64_C(0x200000200));
	assert_true(box_read(&b, 0x30020008, 8) == UINT64_C(0x300000310));
	/* The region's unused slot is nobody's. */
	assert_int_equal(am_bus_read(b.bus, 0, 0x30040008, 8, &v), -ENOENT);
	box_end(&b);
}

/* Out of order: numbers and affinities go with the vCPU, places with the order of creation. */
static void test_order(void **state)
{
	static const unsigned id[] = {0, 3, 5, 4, 1, 2};
	struct box b;

	box_create(&b);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(am_gic_add_vcpu(b.gic, id[i], box_mpidr(id[i])), 0);
	assert_int_equal(am_gic_set_dist_base(b.gic, GICD), 0);
	assert_int_equal(region(&b, REGION(2, 0x100000, 0, 0)), 0);
	assert_int_equal(region(&b, REGION(2, 0x240000, 0, 1)), 0);
	assert_int_equal(region(&b, REGION(2, 0x200000, 0, 2)), 0);
	assert_int_equal(init_map(&b), 0);
	assert_true(typer(&b, 0) == UINT64_C(0x000000000));
	assert_true(typer(&b, 3) == UINT64_C(0x300000310));
	assert_true(typer(&b, 5) == UINT64_C(0x500000500));
	assert_true(typer(&b, 4) == UINT64_C(0x400000410));
	assert_true(typer(&b, 1) == UINT64_C(0x100000100));
	assert_true(typer(&b, 2) == UINT64_C(0x200000200)); /* region 1 goes on where 2 ends */
	assert_true(box_read(&b, 0x100008, 8) == 0);
	assert_true(box_read(&b, 0x240008, 8) == UINT64_C(0x500000500));
	box_end(&b);
}

static void test_vcpu_errors(void **state)
{
	struct am_gic_config config;
	struct am_gic *gic;
	struct box b;

	gic_new(&b, 2);
	assert_int_equal(am_gic_add_vcpu(b.gic, 1, 0), -EEXIST);
	assert_int_equal(am_gic_add_vcpu(b.gic, AM_GIC_MAX_VCPUS, 0), -EINVAL);
	assert_int_equal(am_gic_set_mpidr(b.gic, 2, 0), -EINVAL);
	assert_int_equal(am_gic_init(b.gic), 0);
	assert_int_equal(am_gic_add_vcpu(b.gic, 2, box_mpidr(2)), -EBUSY);
	assert_int_equal(am_gic_reset_vcpu(b.gic, 2), -EINVAL);

	config = box_config(&b);
	config.max_vcpus = 513;
	assert_int_equal(am_gic_create(&config, &gic), -EINVAL);
	config.max_vcpus = 4;
	config.nr_irqs = 63;
	assert_int_equal(am_gic_create(&config, &gic), -EINVAL);
	config.nr_irqs = 96;
	config.ops.irq_line_changed = NULL;
	assert_int_equal(am_gic_create(&config, &gic), -EINVAL);
	config.ops = box_config(&b).ops;
	assert_int_equal(am_gic_create(&config, &gic), 0);
	assert_int_equal(am_gic_nr_irqs(gic), 96);
	assert_int_equal(am_gic_set_nr_irqs(gic, 96), -EBUSY);
	assert_int_equal(am_gic_add_vcpu(gic, 4, 0), -EINVAL);
	am_gic_destroy(gic);
	am_gic_destroy(NULL);
	box_end(&b);
}

static void test_nr_irqs(void **state)
{
	static const unsigned nr[] = {0, 32, 63, 64, 65, 96, 100, 992, 1023, 1024, 1056};
	struct box b;

	for (unsigned i = 0; i < sizeof(nr) / sizeof(*nr); i++) {
		bool good = nr[i] == 64 || nr[i] == 96 || nr[i] == 992;

		gic_new(&b, 1);
		assert_int_equal(am_gic_set_nr_irqs(b.gic, nr[i]), good ? 0 : -EINVAL);
		assert_int_equal(am_gic_nr_irqs(b.gic), good ? nr[i] : 32);
		assert_int_equal(am_gic_set_nr_irqs(b.gic, 64), good ? -EBUSY : 0);
		assert_int_equal(am_gic_init(b.gic), 0);
		assert_int_equal(am_gic_nr_irqs(b.gic), good ? nr[i] : 64);
		assert_int_equal(am_gic_set_nr_irqs(b.gic, 64), -EBUSY);
		box_end(&b);
	}
	gic_new(&b, 1);
	assert_int_equal(am_gic_init(b.gic), 0);
	assert_int_equal(am_gic_init(b.gic), 0);
	assert_int_equal(am_gic_nr_irqs(b.gic), 256);
	assert_int_equal(am_gic_set_nr_irqs(b.gic, 64), -EBUSY);
	box_end(&b);
}

/* The check for INIT comes last. */
static void test_map_without_init(void **state)
{
	struct box b;

	gic_new(&b, 1);
	assert_int_equal(am_gic_map(b.gic, b.bus), -ENXIO);
	assert_int_equal(am_gic_set_dist_base(b.gic, GICD), 0);
	assert_int_equal(am_gic_map(b.gic, b.bus), -ENXIO);
	assert_int_equal(am_gic_set_redist_base(b.gic, GICR), 0);
	assert_int_equal(am_gic_map(b.gic, b.bus), -EBUSY);
	assert_int_equal(init_map(&b), 0);
	assert_int_equal(am_gic_map(b.gic, b.bus), 0);
	assert_true(am_gic_mapped(b.gic));
	box_end(&b);
}

static uint64_t other_read(struct am_frame *frame, unsigned vcpu, uint32_t offset, unsigned len)
{
	return 0x1234;
}

/* Somebody else's frame in the way, as KVM allows: who begins lower answers. */
static void test_map_over(void **state)
{
	static const struct am_frame_ops ops = {.read = other_read};
	struct am_frame other = {.ops = &ops, .name = "other", .size = 0x20000};
	struct box b;

	gic_new(&b, 2);
	assert_int_equal(am_bus_add(b.bus, GICR + 0x10000, &other), 0);
	assert_int_equal(am_gic_set_dist_base(b.gic, GICD), 0);
	assert_int_equal(am_gic_set_redist_base(b.gic, GICR), 0);
	assert_int_equal(init_map(&b), 0);
	assert_int_equal(rd(&b, GICD + D_CTLR), 0x50);
	assert_int_equal(rd(&b, sgi_frame(0) + ISENABLER), 0xffff);
	assert_int_equal(rd(&b, GICR + GICR_SIZE + 4), 0x1234);
	assert_int_equal(rd(&b, sgi_frame(1) + ISENABLER), 0xffff);
	am_bus_remove(b.bus, &other);
	assert_int_equal(rd(&b, GICR + GICR_SIZE + 4), 0x4b00043b);
	box_end(&b);
}

/* 512 vCPUs, each with its frames; SGIs and SPIs reach the last. */
static void test_512(void **state)
{
	unsigned last = AM_GIC_MAX_VCPUS - 1;
	struct box b;

	box_start(&b, AM_GIC_MAX_VCPUS);
	for (unsigned i = 0; i <= last; i++) {
		uint64_t want =
		    (uint64_t)((i & 15) | (i >> 4) << 8) << 32 | i << 8 | (i == last ? 0x10 : 0);

		assert_true(box_read(&b, GICR + i * GICR_SIZE + 8, 8) == want);
	}
	icc_set(&b, 0, SGI1R, UINT64_C(7) << 24 | 0x8000 | (last >> 4) << 16);
	assert_lines(&b, last, AM_GIC_IRQ);
	assert_int_equal(icc(&b, last, IAR1), 7);
	irq_enable(&b, 0, 40);
	box_write(&b, GICD + IROUTER + 8 * 40, 8, (last & 15) | (last >> 4) << 8);
	assert_int_equal(am_gic_set_spi(b.gic, 40, true), 0);
	icc_set(&b, last, EOIR1, 7);
	assert_int_equal(icc(&b, last, IAR1), 40);
	box_end(&b);
}

/* Every allocation may fail, and nothing is lost. */
static void test_no_memory(void **state)
{
	struct am_gic_config config;
	struct am_gic *gic;
	struct box b;

	box_create(&b);
	config = box_config(&b);
	for (int i = 1; i <= 3; i++) {
		b.fail_in = i;
		assert_int_equal(am_gic_create(&config, &gic), -ENOMEM);
		assert_null(gic);
	}
	b.fail_in = 1;
	assert_int_equal(am_gic_add_vcpu(b.gic, 0, 0), -ENOMEM);
	assert_int_equal(am_gic_nr_vcpus(b.gic), 0);
	assert_int_equal(am_gic_add_vcpu(b.gic, 0, 0), 0);
	b.fail_in = 1;
	assert_int_equal(am_gic_set_redist_base(b.gic, GICR), -ENOMEM);
	assert_true(am_gic_redist_base(b.gic) == AM_GIC_UNDEF);
	b.fail_in = 1;
	assert_int_equal(am_gic_init(b.gic), -ENOMEM);
	assert_false(am_gic_initialized(b.gic));
	assert_int_equal(am_gic_init(b.gic), 0);
	box_end(&b);
}

/* INIT without vCPUs is allowed; the SPIs then have nowhere to go. */
static void test_no_vcpus(void **state)
{
	struct box b;
	uint64_t v;

	gic_new(&b, 0);
	assert_int_equal(am_gic_set_dist_base(b.gic, GICD), 0);
	assert_int_equal(init_map(&b), 0);
	wr(&b, GICD + D_CTLR, 2);
	wr(&b, GICD + ISENABLER + 4, ~0u);
	assert_int_equal(am_gic_set_spi(b.gic, 32, true), 0);
	assert_int_equal(rd(&b, GICD + ISPENDR + 4), 1);
	assert_int_equal(am_gic_get_attr(b.gic, AM_GIC_GRP_DIST_REGS, 0, &v), -EINVAL);
	assert_int_equal(am_gic_icc_read(b.gic, 0, PMR, &v), -ENOENT);
	assert_int_equal(am_gic_irq_pending(b.gic, 0), 0);
	box_end(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_nothing_set),
	    cmocka_unit_test(test_dist_and_legacy),
	    cmocka_unit_test(test_region_then_legacy),
	    cmocka_unit_test(test_region_cases),
	    cmocka_unit_test(test_too_few),
	    cmocka_unit_test(test_legacy_no_room),
	    cmocka_unit_test(test_legacy_grows_into_dist),
	    cmocka_unit_test(test_dist_after_region),
	    cmocka_unit_test(test_regions_before_vcpus),
	    cmocka_unit_test(test_last_and_frames),
	    cmocka_unit_test(test_order),
	    cmocka_unit_test(test_vcpu_errors),
	    cmocka_unit_test(test_nr_irqs),
	    cmocka_unit_test(test_map_without_init),
	    cmocka_unit_test(test_map_over),
	    cmocka_unit_test(test_512),
	    cmocka_unit_test(test_no_memory),
	    cmocka_unit_test(test_no_vcpus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
