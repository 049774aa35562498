/* SPDX-License-Identifier: MIT */
/* Virtqueues: chains of every form, who is told of what, and drivers that break the rules. */
#include "test_virtio.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct driver v;

static int setup(void **state)
{
	driver_init(&v);
	if (virtio_rng_create(&v.d, &v.bus, &v.dma, true))
		return -1;
	driver_probe(&v, true);
	return 0;
}

static int teardown(void **state)
{
	driver_finish(&v);
	return 0;
}

static bool all(const uint8_t *p, size_t n, uint8_t value)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != value)
			return false;
	return true;
}

static void run(unsigned head)
{
	driver_offer(&v, 0, head);
	driver_notify(&v, 0);
}

static void fills_a_chain(void **state)
{
	uint8_t *data = ram(&v, DATA);
	uint32_t written;

	driver_start(&v, 0);
	/* Out of order in the table, with an empty buffer, and one to read first. */
	memset(data, 0, 0x100);
	driver_desc(&v, 0, 7, DATA + 0xf0, 8, DESC_NEXT, 200);
	driver_desc(&v, 0, 200, DATA, 16, DESC_WRITE | DESC_NEXT, 3);
	driver_desc(&v, 0, 3, DATA + 0x20, 0, DESC_WRITE | DESC_NEXT, 4);
	driver_desc(&v, 0, 4, DATA + 0x40, 32, DESC_WRITE, 7);
	run(7);
	assert_int_equal(driver_used(&v, 0, &written), 7);
	assert_int_equal(written, 48);
	assert_false(all(data, 16, 0));
	assert_false(all(data + 0x40, 32, 0));
	assert_true(all(data + 0x10, 0x30, 0));
	assert_true(all(data + 0x60, 0xa0, 0));
}

static void follows_indirect_tables(void **state)
{
	struct desc *t = ram(&v, DATA + 0x1008);
	uint32_t written;

	driver_start(&v, F_INDIRECT);
	/* One direct, then the table; it need not be aligned. */
	driver_desc(&v, 0, 0, DATA, 4, DESC_WRITE | DESC_NEXT, 1);
	driver_desc(&v, 0, 1, DATA + 0x1008, 3 * 16, DESC_INDIRECT, 0);
	const struct desc table[] = {{DATA + 0x10, 5, DESC_WRITE | DESC_NEXT, 2},
				     {0, 0, DESC_INDIRECT, 0},
				     {DATA + 0x20, 7, DESC_WRITE, 0}};
	memcpy(t, table, sizeof(table));
	run(0);
	assert_int_equal(driver_used(&v, 0, &written), 0);
	assert_int_equal(written, 16);
}

/* 256 buffers at a time, until the 16-bit indices have wrapped. */
static void indices_wrap(void **state)
{
	driver_start(&v, F_EVENT_IDX);
	for (unsigned i = 0; i < RING_SIZE; i++)
		driver_desc(&v, 0, i, DATA + i, 1, DESC_WRITE, 0);
	for (unsigned round = 0; round < 300; round++) {
		for (unsigned i = 0; i < RING_SIZE; i++)
			driver_offer(&v, 0, (i + round) % RING_SIZE);
		driver_notify(&v, 0);
		for (unsigned i = 0; i < RING_SIZE; i++)
			assert_int_equal(driver_used(&v, 0, NULL), (i + round) % RING_SIZE);
	}
	assert_int_equal(driver_used_index(&v, 0), (uint16_t)(300 * RING_SIZE));
}

static void flags_silence(void **state)
{
	uint16_t *avail, *used;

	driver_start(&v, 0);
	avail = ram(&v, v.queue[0].avail);
	used = ram(&v, v.queue[0].used);
	driver_desc(&v, 0, 0, DATA, 1, DESC_WRITE, 0);
	run(0);
	driver_used(&v, 0, NULL);
	assert_true(driver_wait_message(&v, 1, 1));
	__atomic_store_n(&avail[0], 1, __ATOMIC_SEQ_CST);
	run(0);
	driver_used(&v, 0, NULL);
	driver_pause();
	assert_int_equal(driver_messages(&v, 1), 1);
	/* Idle, so it wants to be told. */
	assert_int_equal(__atomic_load_n(&used[0], __ATOMIC_RELAXED), 0);
	__atomic_store_n(&avail[0], 0, __ATOMIC_SEQ_CST);
	run(0);
	assert_true(driver_wait_message(&v, 1, 2));
}

static void event_indices_silence(void **state)
{
	uint16_t *used_event, *avail_event;

	driver_start(&v, F_EVENT_IDX);
	used_event = (uint16_t *)ram(&v, v.queue[0].avail) + 2 + RING_SIZE;
	avail_event = (uint16_t *)ram(&v, v.queue[0].used) + 2 + 4 * RING_SIZE;
	driver_desc(&v, 0, 0, DATA, 1, DESC_WRITE, 0);
	/* "When the used index goes past 2", so at the third. */
	__atomic_store_n(used_event, 2, __ATOMIC_SEQ_CST);
	for (unsigned i = 0; i < 2; i++) {
		run(0);
		driver_used(&v, 0, NULL);
	}
	driver_pause();
	assert_int_equal(driver_messages(&v, 1), 0);
	run(0);
	assert_true(driver_wait_message(&v, 1, 1));
	/* Not again before the driver says so. */
	run(0);
	driver_used(&v, 0, NULL);
	driver_used(&v, 0, NULL);
	driver_pause();
	assert_int_equal(driver_messages(&v, 1), 1);
	/* The device asks to be told of the next. */
	assert_int_equal(__atomic_load_n(avail_event, __ATOMIC_RELAXED), 4);
}

/* ---- Drivers that break the rules ---- */

/* A descriptor that would be fine, were it where descriptors are. */
static void put_desc(uint64_t gpa)
{
	memcpy(ram(&v, gpa), &(struct desc){DATA, 1, DESC_WRITE, 0}, 16);
}

static void loop(void)
{
	driver_desc(&v, 0, 0, DATA, 1, DESC_WRITE | DESC_NEXT, 1);
	driver_desc(&v, 0, 1, DATA, 1, DESC_WRITE | DESC_NEXT, 0);
	run(0);
}

static void loop_of_empty(void)
{
	driver_desc(&v, 0, 0, DATA, 0, DESC_NEXT, 0);
	run(0);
}

static void loop_in_table(void)
{
	*(struct desc *)ram(&v, DATA) = (struct desc){DATA, 1, DESC_WRITE | DESC_NEXT, 0};
	driver_desc(&v, 0, 0, DATA, 16, DESC_INDIRECT, 0);
	run(0);
}

static void head_too_large(void)
{
	run(RING_SIZE);
}

static void next_too_large(void)
{
	driver_desc(&v, 0, 0, DATA, 1, DESC_WRITE | DESC_NEXT, 0xffff);
	put_desc(v.queue[0].desc + 0xffff * 16);
	run(0);
}

static void next_beyond_table(void)
{
	*(struct desc *)ram(&v, DATA) = (struct desc){DATA, 1, DESC_WRITE | DESC_NEXT, 1};
	put_desc(DATA + 16);
	driver_desc(&v, 0, 0, DATA, 16, DESC_INDIRECT, 0);
	run(0);
}

static void below_memory(void)
{
	driver_desc(&v, 0, 0, RAM_BASE - 1, 2, DESC_WRITE, 0);
	run(0);
}

static void beyond_memory(void)
{
	driver_desc(&v, 0, 0, RAM_BASE + RAM_SIZE - 1, 2, DESC_WRITE, 0);
	run(0);
}

static void around_the_world(void)
{
	driver_desc(&v, 0, 0, UINT64_MAX, UINT32_MAX, DESC_WRITE, 0);
	run(0);
}

static void write_before_read(void)
{
	driver_desc(&v, 0, 0, DATA, 1, DESC_WRITE | DESC_NEXT, 1);
	driver_desc(&v, 0, 1, DATA, 1, 0, 0);
	run(0);
}

static void table_outside(void)
{
	driver_desc(&v, 0, 0, RAM_BASE + RAM_SIZE - 16, 32, DESC_INDIRECT, 0);
	run(0);
}

static void table_of_nothing(void)
{
	driver_desc(&v, 0, 0, DATA, 0, DESC_INDIRECT, 0);
	run(0);
}

static void table_of_half(void)
{
	put_desc(DATA);
	driver_desc(&v, 0, 0, DATA, 24, DESC_INDIRECT, 0);
	run(0);
}

static void table_in_table(void)
{
	*(struct desc *)ram(&v, DATA) = (struct desc){DATA, 16, DESC_INDIRECT, 0};
	driver_desc(&v, 0, 0, DATA, 16, DESC_INDIRECT, 0);
	run(0);
}

static void table_and_next(void)
{
	put_desc(DATA);
	driver_desc(&v, 0, 0, DATA, 16, DESC_INDIRECT | DESC_NEXT, 0);
	run(0);
}

static void index_jumps(void)
{
	driver_desc(&v, 0, 0, DATA, 1, DESC_WRITE, 0);
	v.queue[0].next_avail += RING_SIZE;
	run(0);
}

static void index_back(void)
{
	v.queue[0].next_avail -= 2;
	run(0);
}

static void breaks(void **state)
{
	static void (*const crimes[])(void) = {
	    loop,
	    loop_of_empty,
	    loop_in_table,
	    head_too_large,
	    next_too_large,
	    next_beyond_table,
	    below_memory,
	    beyond_memory,
	    around_the_world,
	    write_before_read,
	    table_outside,
	    table_of_nothing,
	    table_of_half,
	    table_in_table,
	    table_and_next,
	    index_jumps,
	    index_back,
	};

	for (unsigned i = 0; i < sizeof(crimes) / sizeof(crimes[0]); i++) {
		driver_start(&v, F_INDIRECT);
		/* Nothing is wrong yet, and after the last round it works again. */
		driver_desc(&v, 0, 9, DATA, 1, DESC_WRITE, 0);
		run(9);
		assert_int_equal(driver_used(&v, 0, NULL), 9);
		assert_int_equal(driver_messages(&v, 0), i);
		crimes[i]();
		assert_true(driver_wait_message(&v, 0, i + 1));
		assert_true(common_read(&v, C_STATUS) & NEEDS_RESET);
		assert_int_equal(driver_used_index(&v, 0), 1);
		/* It does nothing more. */
		driver_desc(&v, 0, 9, DATA, 1, DESC_WRITE, 0);
		run(9);
		driver_notify(&v, 0);
	}
	/* Without the feature, the flag is a crime as well. */
	driver_start(&v, 0);
	put_desc(DATA);
	driver_desc(&v, 0, 0, DATA, 16, DESC_INDIRECT, 0);
	run(0);
	assert_true(driver_wait_status(&v, NEEDS_RESET));
}

static uint32_t seed = 1;

static uint32_t rnd(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % below;
}

/* Rings of random bytes, and resets at random moments: the device survives and works again. */
static void garbage(void **state)
{
	for (unsigned round = 0; round < 2000; round++) {
		struct desc *d;
		uint16_t *avail;

		driver_start(&v, rnd(2) ? F_INDIRECT | F_EVENT_IDX : F_INDIRECT);
		d = ram(&v, v.queue[0].desc);
		avail = ram(&v, v.queue[0].avail);
		for (unsigned i = 0; i < RING_SIZE; i++) {
			d[i] = (struct desc){
			    .addr = RAM_BASE + 0x10000 + rnd(RAM_SIZE - 0x10000),
			    .len = rnd(64) ? 16 * rnd(16) : UINT32_MAX,
			    .flags = (uint16_t)(rnd(4) ? rnd(4) : rnd(8)),
			    .next = (uint16_t)rnd(RING_SIZE + (rnd(16) == 0)),
			};
			avail[2 + i] = (uint16_t)rnd(RING_SIZE);
		}
		v.queue[0].next_avail = (uint16_t)rnd(RING_SIZE + 2);
		__atomic_store_n(&avail[1], v.queue[0].next_avail, __ATOMIC_RELEASE);
		driver_notify(&v, 0);
		nanosleep(&(struct timespec){.tv_nsec = rnd(100000)}, NULL);
	}
	driver_start(&v, 0);
	driver_desc(&v, 0, 9, DATA, 1, DESC_WRITE, 0);
	run(9);
	assert_int_equal(driver_used(&v, 0, NULL), 9);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(fills_a_chain), TEST(follows_indirect_tables), TEST(indices_wrap),
	    TEST(flags_silence), TEST(event_indices_silence),	TEST(breaks),
	    TEST(garbage),
	};

	return cmocka_run_group_tests_name("virtio-queue", tests, NULL, NULL);
}
