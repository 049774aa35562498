/* SPDX-License-Identifier: MIT */
/* The clock: it runs with the host's, can be set, and its alarm fires when it should. */
#include "cm.h"

#include <stdbool.h>

#include "vmm/pl031.h"

enum { DR = 0, MR = 4, LR = 8, CR = 0xc, IMSC = 0x10, RIS = 0x14, MIS = 0x18, ICR = 0x1c };

static struct pl031 r;
static int64_t clock_now, wake;
static bool line;

static int64_t now(void *opaque)
{
	return clock_now;
}

static void wake_at(void *opaque, int64_t seconds)
{
	wake = seconds;
}

static void set_irq(void *opaque, bool level)
{
	assert_true(level != line);
	line = level;
}

static int setup(void **state)
{
	const struct pl031_host host = {.now = now, .wake_at = wake_at, .set_irq = set_irq};

	clock_now = 1000000;
	wake = 0;
	line = false;
	pl031_init(&r, &host);
	return 0;
}

static int teardown(void **state)
{
	pl031_finish(&r);
	return 0;
}

static void runs(void **state)
{
	static const uint8_t ids[] = {0x31, 0x10, 0x04, 0, 0x0d, 0xf0, 0x05, 0xb1};

	assert_int_equal(pl031_read(&r, DR), 1000000);
	assert_int_equal(pl031_read(&r, CR), 1);
	clock_now += 5;
	assert_int_equal(pl031_read(&r, DR), 1000005);
	pl031_write(&r, LR, 42);
	assert_int_equal(pl031_read(&r, LR), 42);
	clock_now += 3;
	assert_int_equal(pl031_read(&r, DR), 45);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(pl031_read(&r, 0xfe0 + 4 * i), ids[i]);
}

static void alarm_fires(void **state)
{
	pl031_write(&r, IMSC, 1);
	pl031_write(&r, MR, 1000010);
	assert_true(wake == 1000010);
	clock_now += 9;
	pl031_tick(&r); /* early: nothing yet */
	assert_false(line);
	assert_true(wake == 1000010);
	clock_now += 1;
	pl031_tick(&r);
	assert_true(line);
	assert_int_equal(pl031_read(&r, MIS), 1);
	assert_true(wake == 0);
	pl031_write(&r, ICR, 1);
	assert_false(line);
	/* Once only. */
	clock_now += 100;
	pl031_tick(&r);
	assert_false(line);
}

static void alarm_masked_and_wrapped(void **state)
{
	pl031_write(&r, MR, 1000000); /* now */
	assert_int_equal(pl031_read(&r, RIS), 1);
	assert_int_equal(pl031_read(&r, MIS), 0);
	assert_false(line);
	pl031_write(&r, IMSC, 1);
	assert_true(line);
	pl031_write(&r, ICR, 1);
	/* A match value in the past comes after the counter has wrapped. */
	pl031_write(&r, MR, 999999);
	assert_true(wake == 1000000 + INT64_C(0xffffffff));
	pl031_write(&r, LR, 0xfffffff0);
	pl031_write(&r, MR, 0x10);
	assert_true(wake == clock_now + 0x20);
	pl031_reset(&r);
	assert_true(wake == 0);
	/* The time of day stays. */
	assert_int_equal(pl031_read(&r, DR), 0xfffffff0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(runs),
	    T(alarm_fires),
	    T(alarm_masked_and_wrapped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
