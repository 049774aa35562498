/* SPDX-License-Identifier: MIT */
/* The registers of a virtio device, its status, and its interrupts; the device is the simplest. */
#include "test_virtio.h"

#include <string.h>

static struct driver v;

static int setup(void **state)
{
	driver_init(&v);
	return virtio_rng_create(&v.d, &v.bus, &v.dma, true);
}

static int setup_intx(void **state)
{
	driver_init(&v);
	return virtio_rng_create(&v.d, &v.bus, &v.dma, false);
}

static int teardown(void **state)
{
	driver_finish(&v);
	return 0;
}

/* One buffer of 16 bytes for entropy. */
static void ask(void)
{
	driver_desc(&v, 0, 0, DATA, 16, DESC_WRITE, 0);
	driver_offer(&v, 0, 0);
	driver_notify(&v, 0);
}

static void identity(void **state)
{
	assert_int_equal(driver_pci_read(&v, 0, 4), 0x10441af4);
	assert_int_equal(driver_pci_read(&v, 8, 1), 1);
	assert_true(driver_pci_read(&v, 0x2e, 2) >= 0x40);
	driver_probe(&v, true);
	assert_int_equal(v.nr_vectors, 2);
	assert_int_equal(v.notify_multiplier, 4);
	assert_int_equal(common_read(&v, C_NUM_QUEUES), 1);
	assert_int_equal(common_read(&v, C_CONFIG_VECTOR), 0xffff);
	assert_int_equal(driver_offered(&v), F_VERSION_1 | F_EVENT_IDX | F_INDIRECT);
	common_write(&v, C_DEVICE_SELECT, 2);
	assert_int_equal(common_read(&v, C_DEVICE), 0);
}

static void agrees_on_features(void **state)
{
	driver_probe(&v, true);
	assert_false(driver_negotiate(&v, 0));
	assert_false(driver_negotiate(&v, F_VERSION_1 | UINT64_C(1) << 34));
	/* Not agreed, so not started. */
	common_write(&v, C_STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
	assert_int_equal(common_read(&v, C_STATUS), ACKNOWLEDGE | DRIVER);
	assert_true(driver_negotiate(&v, F_VERSION_1));
	/* From now on they stay. */
	common_write(&v, C_DRIVER_SELECT, 0);
	common_write(&v, C_DRIVER, UINT32_MAX);
	assert_int_equal(common_read(&v, C_DRIVER), 0);
	common_write(&v, C_DRIVER_SELECT, 1);
	assert_int_equal(common_read(&v, C_DRIVER), 1);
	/* Status bits are added, not taken away, and NEEDS_RESET is not the driver's. */
	common_write(&v, C_STATUS, NEEDS_RESET | 128);
	assert_int_equal(common_read(&v, C_STATUS), ACKNOWLEDGE | DRIVER | FEATURES_OK | 128);
}

static void sets_up_queues(void **state)
{
	driver_probe(&v, true);
	assert_true(driver_negotiate(&v, F_VERSION_1));
	assert_int_equal(common_read(&v, C_SIZE), 256);
	common_write(&v, C_SIZE, 100);
	common_write(&v, C_SIZE, 512);
	common_write(&v, C_SIZE, 0);
	assert_int_equal(common_read(&v, C_SIZE), 256);
	common_write(&v, C_SIZE, 8);
	assert_int_equal(common_read(&v, C_SIZE), 8);
	/* A vector that does not exist is none. */
	common_write(&v, C_VECTOR, 1);
	assert_int_equal(common_read(&v, C_VECTOR), 1);
	common_write(&v, C_VECTOR, 2);
	assert_int_equal(common_read(&v, C_VECTOR), 0xffff);
	/* Only the width of a field is good. */
	common_write(&v, 24, 1, 4);
	common_write(&v, 24, 4, 4);
	assert_int_equal(common_read(&v, C_SIZE), 8);
	/* An address by halves, and at once. */
	common_write(&v, 36, 4, 0x12);
	common_write(&v, 32, 4, 0x34567890);
	assert_int_equal(driver_read(&v, v.common + 32, 8), UINT64_C(0x1234567890));
	driver_write(&v, v.common + 40, 8, UINT64_C(0xabcdef0123));
	assert_int_equal(common_read(&v, 40, 4), 0xcdef0123);
	assert_int_equal(common_read(&v, 44, 4), 0xab);
	/* A queue that does not exist. */
	common_write(&v, C_SELECT, 1);
	assert_int_equal(common_read(&v, C_SIZE), 0);
	common_write(&v, C_SIZE, 4);
	common_write(&v, C_ENABLE, 1);
	assert_int_equal(common_read(&v, C_ENABLE), 0);
	common_write(&v, C_SELECT, 0xffff);
	assert_int_equal(common_read(&v, C_ENABLE), 0);
	/* An enabled one stays as it is. */
	driver_queue(&v, 0, 16);
	assert_int_equal(common_read(&v, C_ENABLE), 1);
	common_write(&v, C_SIZE, 8);
	common_write(&v, 32, 4, 0);
	common_write(&v, C_ENABLE, 0);
	assert_int_equal(common_read(&v, C_SIZE), 16);
	assert_int_equal(common_read(&v, 32, 4), v.queue[0].desc);
	assert_int_equal(common_read(&v, C_ENABLE), 1);
	/* Reset: all as before. */
	common_write(&v, C_STATUS, 0);
	common_write(&v, C_SELECT, 0);
	assert_int_equal(common_read(&v, C_ENABLE), 0);
	assert_int_equal(common_read(&v, C_SIZE), 256);
	assert_int_equal(common_read(&v, C_VECTOR), 0xffff);
	assert_int_equal(common_read(&v, 32, 4), 0);
}

static void rings_must_be_in_memory(void **state)
{
	/* Where, and of what size: alignments are 16, 2 and 4 (2.7). */
	static const struct {
		uint64_t desc, avail, used;
	} bad[] = {
	    {RAM_BASE + 8, RAM_BASE + 0x1000, RAM_BASE + 0x2000},
	    {RAM_BASE, RAM_BASE + 0x1001, RAM_BASE + 0x2000},
	    {RAM_BASE, RAM_BASE + 0x1000, RAM_BASE + 0x2002},
	    {RAM_BASE - 16, RAM_BASE + 0x1000, RAM_BASE + 0x2000},
	    {RAM_BASE + RAM_SIZE - 4080, RAM_BASE + 0x1000, RAM_BASE + 0x2000},
	    {RAM_BASE, RAM_BASE + RAM_SIZE - 516, RAM_BASE + 0x2000},
	    {RAM_BASE, RAM_BASE + 0x1000, RAM_BASE + RAM_SIZE - 2052},
	    {RAM_BASE, RAM_BASE + 0x1000, UINT64_C(0) - 4},
	    {UINT64_C(0) - 4096, RAM_BASE + 0x1000, RAM_BASE + 0x2000},
	};

	driver_probe(&v, true);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_true(driver_negotiate(&v, F_VERSION_1));
		common_write(&v, C_SELECT, 0);
		driver_write(&v, v.common + 32, 8, bad[i].desc);
		driver_write(&v, v.common + 40, 8, bad[i].avail);
		driver_write(&v, v.common + 48, 8, bad[i].used);
		common_write(&v, C_ENABLE, 1);
		assert_int_equal(common_read(&v, C_ENABLE), 0);
		assert_true(common_read(&v, C_STATUS) & NEEDS_RESET);
	}
	/* At the very end they are. */
	assert_true(driver_negotiate(&v, F_VERSION_1));
	common_write(&v, C_SELECT, 0);
	driver_write(&v, v.common + 32, 8, RAM_BASE + RAM_SIZE - 8192);
	driver_write(&v, v.common + 40, 8, RAM_BASE + RAM_SIZE - 4096);
	driver_write(&v, v.common + 48, 8, RAM_BASE + RAM_SIZE - 2054 - 2);
	common_write(&v, C_ENABLE, 1);
	assert_int_equal(common_read(&v, C_ENABLE), 1);
}

static void window_in_configuration_space(void **state)
{
	driver_probe(&v, true);
	driver_pci_write(&v, v.pci_cfg + 4, 1, 4);
	driver_pci_write(&v, v.pci_cfg + 8, 4, 20);
	driver_pci_write(&v, v.pci_cfg + 12, 4, 1);
	driver_pci_write(&v, v.pci_cfg + 16, 1, ACKNOWLEDGE);
	assert_int_equal(common_read(&v, C_STATUS), ACKNOWLEDGE);
	assert_int_equal(driver_pci_read(&v, v.pci_cfg + 16, 1), ACKNOWLEDGE);
	driver_pci_write(&v, v.pci_cfg + 8, 4, 18);
	driver_pci_write(&v, v.pci_cfg + 12, 4, 2);
	assert_int_equal(driver_pci_read(&v, v.pci_cfg + 16, 4), 1);
	/* The interrupt status: reading clears it, and the rest of the page is nothing. */
	driver_pci_write(&v, v.pci_cfg + 8, 4, 0x1000);
	driver_pci_write(&v, v.pci_cfg + 12, 4, 4);
	assert_int_equal(driver_pci_read(&v, v.pci_cfg + 16, 4), 0);
	/* No such place: the bytes are those that were written. */
	static const struct {
		uint32_t bar, offset, len;
	} bad[] = {{4, 0, 3}, {4, 1, 2}, {4, 0x4000, 4}, {4, 0xfffffffc, 4}, {1, 0, 4}, {9, 0, 4}};
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		driver_pci_write(&v, v.pci_cfg + 4, 1, bad[i].bar);
		driver_pci_write(&v, v.pci_cfg + 8, 4, bad[i].offset);
		driver_pci_write(&v, v.pci_cfg + 12, 4, bad[i].len);
		driver_pci_write(&v, v.pci_cfg + 16, 4, 0xa5a5a5a5);
		assert_int_equal(driver_pci_read(&v, v.pci_cfg + 16, 4), 0xa5a5a5a5);
	}
}

static void any_access_is_harmless(void **state)
{
	driver_probe(&v, true);
	for (unsigned len = 1; len <= 8; len *= 2)
		for (unsigned at = 0; at < 0x4000; at += len) {
			driver_read(&v, v.common + at, len);
			if (at != 20 || len != 1)
				driver_write(&v, v.common + at, len, UINT64_MAX);
		}
}

static void messages(void **state)
{
	driver_probe(&v, true);
	driver_start(&v, 0);
	ask();
	assert_true(driver_wait_message(&v, 1, 1));
	assert_int_equal(driver_used(&v, 0, NULL), 0);
	/* With messages, the status register and the line stay out of it. */
	assert_int_equal(driver_read(&v, v.isr, 1), 0);
	assert_false(driver_line(&v));
	/* No vector: no message. */
	common_write(&v, C_SELECT, 0);
	common_write(&v, C_VECTOR, 0xffff);
	ask();
	driver_used(&v, 0, NULL);
	driver_pause();
	assert_int_equal(driver_messages(&v, 1), 1);
	assert_int_equal(driver_messages(&v, 0), 0);
}

static void line(void **state)
{
	driver_probe(&v, false);
	driver_start(&v, 0);
	assert_int_equal(common_read(&v, C_VECTOR), 0xffff);
	ask();
	driver_used(&v, 0, NULL);
	for (unsigned i = 0; i < 100 && !driver_line(&v); i++)
		driver_pause();
	assert_true(driver_line(&v));
	assert_int_equal(driver_read(&v, v.isr, 1), 1);
	assert_false(driver_line(&v));
	assert_int_equal(driver_read(&v, v.isr, 1), 0);
	/* A broken driver is a change of the configuration; a reset takes the line back. */
	driver_offer(&v, 0, 9999);
	driver_notify(&v, 0);
	assert_true(driver_wait_status(&v, NEEDS_RESET));
	assert_true(driver_line(&v));
	common_write(&v, C_STATUS, 0);
	assert_false(driver_line(&v));
	assert_int_equal(driver_read(&v, v.isr, 1), 0);
}

static void waits_for_bus_master(void **state)
{
	uint16_t *flags;

	driver_probe(&v, true);
	driver_start(&v, 0);
	driver_pci_write(&v, 4, 2, 2);
	/* Memory may be something else by now: the used ring's flags, for one. */
	flags = ram(&v, v.queue[0].used);
	__atomic_store_n(flags, 0x5a5a, __ATOMIC_RELAXED);
	ask();
	driver_pause();
	assert_int_equal(driver_used_index(&v, 0), 0);
	assert_int_equal(__atomic_load_n(flags, __ATOMIC_RELAXED), 0x5a5a);
	driver_pci_write(&v, 4, 2, 6);
	driver_used(&v, 0, NULL);
}

static void waits_for_driver_ok(void **state)
{
	driver_probe(&v, true);
	assert_true(driver_negotiate(&v, F_VERSION_1));
	driver_queue(&v, 0, 8);
	ask();
	driver_pause();
	assert_int_equal(driver_used_index(&v, 0), 0);
	common_write(&v, C_STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
	driver_used(&v, 0, NULL);
	/* What is there by then is served, even without a notification. */
	assert_true(driver_negotiate(&v, F_VERSION_1));
	driver_queue(&v, 0, 8);
	driver_desc(&v, 0, 0, DATA, 16, DESC_WRITE, 0);
	driver_offer(&v, 0, 0);
	common_write(&v, C_STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
	driver_used(&v, 0, NULL);
	/* And not after a reset. */
	virtio_reset(v.d);
	assert_int_equal(common_read(&v, C_STATUS), 0);
	ask();
	driver_pause();
	assert_int_equal(driver_used_index(&v, 0), 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(identity),
	    TEST(agrees_on_features),
	    TEST(sets_up_queues),
	    TEST(rings_must_be_in_memory),
	    TEST(window_in_configuration_space),
	    TEST(any_access_is_harmless),
	    TEST(messages),
	    cmocka_unit_test_setup_teardown(line, setup_intx, teardown),
	    TEST(waits_for_bus_master),
	    TEST(waits_for_driver_ok),
	};

	return cmocka_run_group_tests_name("virtio-pci", tests, NULL, NULL);
}
