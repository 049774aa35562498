/* SPDX-License-Identifier: MIT */
/* The console: what goes out, how input waits, and that neither keeps the other waiting. */
#include "test_virtio.h"

#include <pty.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { RECEIVE = 0, TRANSMIT = 1 };

static struct driver v;
static atomic_uint rooms, sent;
static atomic_bool stuck; /* whoever reads the output does not */
static uint8_t out[0x10000];

static void transmit(void *opaque, const uint8_t *bytes, size_t n)
{
	unsigned at = atomic_load(&sent);

	while (atomic_load(&stuck))
		driver_pause();
	for (size_t i = 0; i < n; i++)
		out[(at + i) % sizeof(out)] = bytes[i];
	atomic_fetch_add(&sent, (unsigned)n);
}

static void room(void *opaque)
{
	atomic_fetch_add(&rooms, 1);
}

static int setup(void **state)
{
	const struct virtio_console_host host = {.transmit = transmit, .room = room};

	rooms = sent = 0;
	stuck = false;
	driver_init(&v);
	if (virtio_console_create(&v.d, &v.bus, &v.dma, &host, true))
		return -1;
	driver_probe(&v, true);
	return 0;
}

static int teardown(void **state)
{
	driver_finish(&v);
	return 0;
}

static size_t type(const char *text)
{
	return virtio_console_receive(v.d, (const uint8_t *)text, strlen(text));
}

static void give_buffer(unsigned n, uint32_t len)
{
	driver_desc(&v, RECEIVE, n, DATA + 0x1000 * n, len, DESC_WRITE, 0);
	driver_offer(&v, RECEIVE, n);
	driver_notify(&v, RECEIVE);
}

/* Where the driver is ready for input: it has said something. */
static void start(uint64_t features)
{
	driver_start(&v, features);
	driver_desc(&v, TRANSMIT, 0, DATA, 0, 0, 0);
	driver_offer(&v, TRANSMIT, 0);
	driver_notify(&v, TRANSMIT);
	driver_used(&v, TRANSMIT, NULL);
}

static bool wait_for(atomic_uint *counter, unsigned count)
{
	for (unsigned i = 0; i < 150 && atomic_load(counter) < count; i++)
		driver_pause();
	return atomic_load(counter) >= count;
}

static void sends(void **state)
{
	assert_int_equal(driver_pci_read(&v, 0, 4), 0x10431af4);
	driver_start(&v, 0);
	memcpy(ram(&v, DATA), "hello, ", 7);
	memcpy(ram(&v, DATA + 0x100), "world", 5);
	driver_desc(&v, TRANSMIT, 0, DATA, 7, DESC_NEXT, 1);
	driver_desc(&v, TRANSMIT, 1, DATA + 0x100, 5, 0, 0);
	driver_offer(&v, TRANSMIT, 0);
	driver_notify(&v, TRANSMIT);
	assert_int_equal(driver_used(&v, TRANSMIT, NULL), 0);
	assert_int_equal(sent, 12);
	assert_memory_equal(out, "hello, world", 12);
	/* More than one piece. */
	for (unsigned i = 0; i < 5000; i++)
		*(uint8_t *)ram(&v, DATA + i) = (uint8_t)(i * 3);
	driver_desc(&v, TRANSMIT, 0, DATA, 5000, 0, 0);
	driver_offer(&v, TRANSMIT, 0);
	driver_notify(&v, TRANSMIT);
	driver_used(&v, TRANSMIT, NULL);
	assert_int_equal(sent, 5012);
	assert_memory_equal(out + 12, ram(&v, DATA), 5000);
}

static void input_waits_for_the_driver(void **state)
{
	uint32_t written;

	/* None before it is there, and it says so when it is. */
	assert_int_equal(type("early"), 0);
	start(0);
	assert_true(wait_for(&rooms, 1));
	assert_int_equal(type("abcdef"), 6);
	driver_pause();
	assert_int_equal(driver_used_index(&v, RECEIVE), 0);
	/* As much as fits each buffer. */
	give_buffer(0, 4);
	assert_int_equal(driver_used(&v, RECEIVE, &written), 0);
	assert_int_equal(written, 4);
	assert_memory_equal(ram(&v, DATA), "abcd", 4);
	give_buffer(1, 100);
	assert_int_equal(driver_used(&v, RECEIVE, &written), 1);
	assert_int_equal(written, 2);
	assert_memory_equal(ram(&v, DATA + 0x1000), "ef", 2);
	/* Buffers that wait for input: the same. */
	give_buffer(2, 100);
	driver_pause();
	assert_int_equal(driver_used_index(&v, RECEIVE), 2);
	assert_int_equal(type("g"), 1);
	assert_int_equal(driver_used(&v, RECEIVE, &written), 2);
	assert_int_equal(written, 1);
	assert_true(driver_wait_message(&v, 1, 3));
}

/* Buffers alone do not mean that there is somebody who reads. */
static void input_waits_for_output(void **state)
{
	driver_start(&v, 0);
	give_buffer(0, 10);
	assert_int_equal(type("a"), 1);
	driver_pause();
	driver_pause();
	assert_int_equal(driver_used_index(&v, RECEIVE), 0);
	driver_desc(&v, TRANSMIT, 0, DATA, 1, 0, 0);
	driver_offer(&v, TRANSMIT, 0);
	driver_notify(&v, TRANSMIT);
	driver_used(&v, RECEIVE, NULL);
	assert_int_equal(*(uint8_t *)ram(&v, DATA), 'a');
	/* But not for ever. */
	driver_start(&v, 0);
	give_buffer(0, 10);
	assert_int_equal(type("b"), 1);
	driver_used(&v, RECEIVE, NULL);
	assert_int_equal(*(uint8_t *)ram(&v, DATA), 'b');
}

static void input_outlives_a_reset(void **state)
{
	start(0);
	assert_int_equal(type("typed ahead"), 11);
	start(F_EVENT_IDX);
	give_buffer(0, 64);
	driver_used(&v, RECEIVE, NULL);
	assert_memory_equal(ram(&v, DATA), "typed ahead", 11);
}

static void sender_waits(void **state)
{
	static uint8_t lots[0x3000];
	unsigned given = 0, got = 0, n = 0;

	for (unsigned i = 0; i < sizeof(lots); i++)
		lots[i] = (uint8_t)(i + (i >> 8));
	start(F_EVENT_IDX);
	given = (unsigned)virtio_console_receive(v.d, lots, sizeof(lots));
	assert_true(given > 0 && given < sizeof(lots));
	driver_pause();
	assert_int_equal(rooms, 0);
	while (got < sizeof(lots)) {
		uint32_t written;
		unsigned before = atomic_load(&rooms);

		give_buffer(n, 1000);
		assert_int_equal(driver_used(&v, RECEIVE, &written), n);
		assert_memory_equal(ram(&v, DATA + 0x1000 * n), lots + got, written);
		got += written;
		n = (n + 1) % 16;
		if (given < sizeof(lots) && given - got <= 2048 && wait_for(&rooms, before + 1))
			given += (unsigned)virtio_console_receive(v.d, lots + given,
								  sizeof(lots) - given);
	}
	assert_int_equal(given, sizeof(lots));
}

static void broken_receive_queue(void **state)
{
	start(0);
	assert_int_equal(type("x"), 1);
	driver_offer(&v, RECEIVE, RING_SIZE);
	driver_notify(&v, RECEIVE);
	assert_true(driver_wait_status(&v, NEEDS_RESET));
	/* Nobody listens now. */
	assert_int_equal(type("y"), 0);
	start(0);
	assert_true(wait_for(&rooms, 1));
	give_buffer(0, 10);
	driver_used(&v, RECEIVE, NULL);
	assert_int_equal(*(uint8_t *)ram(&v, DATA), 'x');
}

/* On a terminal, the driver is told of its size when it can use it. */
static void size_of_the_window(void **state)
{
	const struct virtio_console_host host = {.transmit = transmit, .room = room};
	const struct winsize w = {.ws_col = 137, .ws_row = 43};
	int real = dup(STDOUT_FILENO), ours, theirs;

	assert_int_equal(openpty(&ours, &theirs, NULL, NULL, &w), 0);
	fflush(stdout);
	dup2(theirs, STDOUT_FILENO);
	driver_init(&v);
	assert_int_equal(virtio_console_create(&v.d, &v.bus, &v.dma, &host, true), 0);
	driver_probe(&v, true);
	assert_true(driver_offered(&v) & 1);
	start(1);
	dup2(real, STDOUT_FILENO);
	close(real);
	close(ours);
	close(theirs);
	assert_true(driver_wait_message(&v, 0, 1));
	assert_int_equal(common_read(&v, C_GENERATION), 1);
	assert_int_equal(driver_read(&v, v.config, 2), 137);
	assert_int_equal(driver_read(&v, v.config + 2, 2), 43);
	driver_finish(&v);
}

/* A guest that never stops talking can still be spoken to. */
static void input_has_its_turn(void **state)
{
	start(0);
	give_buffer(0, 10);
	/* More output than its reader takes: the thread is in the middle of it. */
	atomic_store(&stuck, true);
	for (unsigned i = 0; i < RING_SIZE; i++) {
		driver_desc(&v, TRANSMIT, i, DATA + 0x10000, 1, 0, 0);
		driver_offer(&v, TRANSMIT, i);
	}
	driver_notify(&v, TRANSMIT);
	driver_pause();
	assert_int_equal(type("c"), 1);
	atomic_store(&stuck, false);
	driver_used(&v, RECEIVE, NULL);
	for (unsigned i = 0; i < RING_SIZE; i++)
		assert_int_equal(driver_used(&v, TRANSMIT, NULL), i);
	assert_int_equal(sent, RING_SIZE);
}

/* Memory of a huge output is not sent to the end before a reset. */
static void reset_ends_output(void **state)
{
	driver_start(&v, 0);
	atomic_store(&stuck, true);
	for (unsigned i = 0; i < RING_SIZE; i++)
		driver_desc(&v, TRANSMIT, i, RAM_BASE, RAM_SIZE, i < RING_SIZE - 1 ? DESC_NEXT : 0,
			    i + 1);
	driver_offer(&v, TRANSMIT, 0);
	driver_notify(&v, TRANSMIT);
	driver_pause();
	atomic_store(&stuck, false);
	virtio_reset(v.d);
	assert_true(sent < RING_SIZE * (unsigned)RAM_SIZE);
	assert_int_equal(driver_used_index(&v, TRANSMIT), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(sends),
	    TEST(input_waits_for_the_driver),
	    TEST(input_waits_for_output),
	    TEST(input_outlives_a_reset),
	    TEST(sender_waits),
	    TEST(broken_receive_queue),
	    TEST(input_has_its_turn),
	    TEST(reset_ends_output),
	    cmocka_unit_test(size_of_the_window),
	};

	return cmocka_run_group_tests_name("virtio-console", tests, NULL, NULL);
}
