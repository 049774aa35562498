/* SPDX-License-Identifier: MIT */
/*
 * A restore that keeps KVM's documented order says nothing; one that breaks a rule of it says
 * which, by the trace point its_restore_bad, also where KVM does not refuse it.
 */
#include "common.h"

#include <stdio.h>

#include "base/trace.h"

static char lines[8][256];
static unsigned nr_lines;

static void sink(void *opaque, const char *name, const char *fmt, va_list ap)
{
	if (strcmp(name, "its_restore_bad"))
		return;
	if (nr_lines < 8)
		vsnprintf(lines[nr_lines], sizeof(lines[0]), fmt, ap);
	nr_lines++;
}

/* Exactly one line, which begins so and ends in the result; then none. */
static void expect(const char *text, int err)
{
	char end[32];
	size_t len;

	assert_int_equal(nr_lines, 1);
	if (strncmp(lines[0], text, strlen(text)))
		fail_msg("\"%s\" instead of \"%s\"", lines[0], text);
	len = (size_t)snprintf(end, sizeof(end), "): %d", err);
	assert_true(strlen(lines[0]) > len);
	assert_string_equal(lines[0] + strlen(lines[0]) - len, end);
	nr_lines = 0;
}

/* ---- a machine half restored ---- */

static void restore_gic(struct box *b)
{
	for (unsigned i = 0; i < b->nr_cpus; i++) {
		gicr_set(b, i, 0x70, (uint32_t)(PROP | 15));
		gicr_set(b, i, 0x78, (uint32_t)PEND(i));
		gicr_set(b, i, 0, 1);
	}
}

/* Up to the tables; their memory has a device, an event and a collection. */
static void restore_registers(struct box *b)
{
	assert_int_equal(its_set(b, CBASER, VALID | CMDQ | 15), 0);
	assert_int_equal(its_set(b, IIDR, 0x4b00043b), 0);
	assert_int_equal(its_set(b, BASER0, VALID | DEVT), 0);
	assert_int_equal(its_set(b, BASER1, VALID | COLT), 0);
	assert_int_equal(its_set(b, CREADR, 64), 0);
	assert_int_equal(its_set(b, CWRITER, 64), 0);
}

static void start(struct box *b)
{
	box_its(b, 2);
	memset(at(b, PROP), 0xa1, 0xe000);
	ram64_set(b, DEVT + 8, VALID | ITT(0) >> 8 << 5 | 3);
	ram64_set(b, ITT(0) + 8, UINT64_C(8192) << 16 | 7);
	ram64_set(b, COLT, VALID | 1 << 16 | 7);
	nr_lines = 0;
}

/* ---- rules ---- */

static void test_right(void **state)
{
	struct box b;

	start(&b);
	restore_gic(&b);
	restore_registers(&b);
	assert_int_equal(am_its_restore_tables(b.its), 0);
	assert_int_equal(its_set(&b, CTLR, 1), 0);
	assert_delivered(&b, 1, 1, 1, 8192);
	assert_int_equal(nr_lines, 0);
	/* And a guest's mistakes are not a restore's. */
	wr(&b, GITS + CBASER, 8, 0);
	wr(&b, GITS + BASER0, 8, 0);
	wr(&b, GITS + CWRITER, 8, 0x10000);
	wr(&b, GITS + CTLR, 4, 0);
	wr(&b, GITS + BASER0, 8, 0);
	wr(&b, GITS + CTLR, 4, 1);
	wr(&b, GITS + CBASER, 8, 0);
	assert_int_equal(nr_lines, 0);
	box_end(&b);
}

static void test_address(void **state)
{
	struct am_its_config config;
	struct box b;

	box_bare(&b, 1);
	config = box_its_config(&b);
	assert_int_equal(am_its_create(b.gic, &config, &b.its), 0);
	nr_lines = 0;
	assert_int_equal(its_set(&b, CBASER, VALID | CMDQ), -ENXIO);
	expect("a register before the ITS has its address", -ENXIO);
	box_end(&b);
}

static void test_queue(void **state)
{
	struct box b;

	start(&b);
	assert_int_equal(its_set(&b, CREADR, 0x2000), -EINVAL);
	expect("GITS_CREADR beyond the queue: GITS_CBASER comes before", -EINVAL);
	assert_int_equal(its_set(&b, CWRITER, 0x2000), 0);
	expect("GITS_CWRITER beyond the queue, ignored: GITS_CBASER comes before", 0);
	assert_int_equal(its_set(&b, CWRITER, 0x20), 0);
	assert_int_equal(nr_lines, 0);
	assert_int_equal(its_set(&b, CBASER, VALID | CMDQ | 15), 0);
	expect("GITS_CBASER after GITS_CREADR or GITS_CWRITER: they are 0 again", 0);
	assert_int_equal(its_get(&b, CWRITER), 0);
	assert_int_equal(its_set(&b, IIDR, 0x4b00143b), -EINVAL);
	expect("GITS_IIDR: tables of another revision than 0", -EINVAL);
	box_end(&b);
}

static void test_enabled_too_early(void **state)
{
	struct box b;

	start(&b);
	restore_gic(&b);
	assert_int_equal(its_set(&b, CTLR, 1), 0);
	expect("GITS_CTLR.Enabled before GITS_CBASER, GITS_BASER0 and GITS_BASER1", 0);
	assert_int_equal(its_get(&b, CTLR) & 1, 0);
	restore_registers(&b);
	assert_int_equal(its_set(&b, CTLR, 1), 0);
	assert_int_equal(nr_lines, 0);
	assert_int_equal(its_set(&b, CREADR, 0), -EBUSY);
	expect("GITS_CREADR after GITS_CTLR.Enabled", -EBUSY);
	assert_int_equal(its_set(&b, CBASER, VALID | CMDQ), 0);
	expect("GITS_CBASER after GITS_CTLR.Enabled: ignored", 0);
	assert_int_equal(its_set(&b, BASER0, 0), 0);
	expect("GITS_BASER<n> after GITS_CTLR.Enabled: ignored", 0);
	assert_int_equal(its_set(&b, BASER1, 0), 0);
	expect("GITS_BASER<n> after GITS_CTLR.Enabled: ignored", 0);
	assert_int_equal(am_its_restore_tables(b.its), 0);
	expect("GITS_CTLR.Enabled before the tables: it comes after them", 0);
	box_end(&b);
}

static void test_tables_too_early(void **state)
{
	struct box b;

	/* Before the registers. */
	start(&b);
	restore_gic(&b);
	assert_int_equal(its_set(&b, BASER1, VALID | COLT), 0);
	assert_int_equal(am_its_restore_tables(b.its), 0);
	expect("GITS_BASER0 is not valid: no devices", 0);
	am_its_reset(b.its);
	assert_int_equal(its_set(&b, BASER0, VALID | DEVT), 0);
	assert_int_equal(am_its_restore_tables(b.its), -EINVAL);
	assert_int_equal(nr_lines, 2);
	nr_lines = 1;
	expect("GITS_BASER1 is not valid: no collections", 0);
	box_end(&b);
	/* Before the redistributors: the address of a table, of the other, and the enable. */
	start(&b);
	restore_gic(&b);
	gicr_set(&b, 0, 0, 0);
	gicr_set(&b, 1, 0, 0);
	gicr_set(&b, 0, 0x70, 15);
	gicr_set(&b, 0, 0, 1);
	restore_registers(&b);
	/* Its memory begins where guest memory does not: that is an error, too. */
	assert_int_equal(am_its_restore_tables(b.its), -EFAULT);
	assert_int_equal(nr_lines, 2);
	nr_lines = 1;
	expect("GICR_PROPBASER has no address yet: it comes before", 0);
	box_end(&b);
	start(&b);
	restore_gic(&b);
	gicr_set(&b, 1, 0, 0);
	gicr_set(&b, 1, 0x78, 0);
	restore_registers(&b);
	assert_int_equal(am_its_restore_tables(b.its), -EFAULT);
	assert_int_equal(nr_lines, 2);
	nr_lines = 1;
	expect("GICR_PENDBASER of a collection's vCPU has no address yet: it comes before", 0);
	box_end(&b);
	start(&b);
	restore_gic(&b);
	gicr_set(&b, 0, 0, 0);
	gicr_set(&b, 1, 0, 0);
	restore_registers(&b);
	assert_int_equal(am_its_restore_tables(b.its), 0);
	expect("GICR_CTLR.EnableLPIs is set nowhere yet", 0);
	box_end(&b);
}

/* What the tables need that is not there, and what is there that they do not expect. */
static void test_others(void **state)
{
	struct box b;

	start(&b);
	restore_gic(&b);
	restore_registers(&b);
	ram64_set(&b, COLT, VALID | 2 << 16 | 7);
	assert_int_equal(am_its_restore_tables(b.its), -EINVAL);
	expect("collection's vCPU is not there", -EINVAL);
	ram64_set(&b, COLT, VALID | 7);
	assert_int_equal(am_its_restore_tables(b.its), 0);
	assert_int_equal(nr_lines, 0);
	/* Twice: without a reset in between. */
	assert_int_equal(am_its_restore_tables(b.its), -EEXIST);
	assert_int_equal(nr_lines, 2);
	nr_lines = 1;
	expect("devices are mapped already: the ITS is to be new, or reset", 0);
	box_end(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_right),
	    cmocka_unit_test(test_address),
	    cmocka_unit_test(test_queue),
	    cmocka_unit_test(test_enabled_too_early),
	    cmocka_unit_test(test_tables_too_early),
	    cmocka_unit_test(test_others),
	};

	am_trace_set_sink(sink, NULL);
	if (!am_trace_enable("its*"))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
